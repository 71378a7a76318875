//! The command line against the running app: waiting for a state, the most urgent session, completion of ids.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use anyhow::{Context, Result};
use magia_tests::{App, Cli, PATIENCE, Program, Sandbox, ScriptedAgent, binary, magia, sandbox_test, text};
use serde_json::{Value, json};

/// How often a wait and the end of what it waits for are started together.
const RACES: usize = 12;

/// Starts `magia` with these arguments.
fn start(sandbox: &Sandbox, name: &str, args: &[&str]) -> Result<Program> {
    let mut command = sandbox.command(binary("magia")?);
    command.args(args);
    sandbox.spawn(name, command)
}

/// The session of a scripted agent, by the agent's own id.
fn session(cli: Cli<'_>, own: &str, state: &str) -> Result<Value> {
    cli.wait_for_row(&format!("{own} to be {state}"), &["ls", "--all"], |row| {
        row["provider_session_id"] == *own && row["state"] == *state
    })
}

fn short(row: &Value) -> String {
    let id = text(row, "id");
    id.get(id.len().saturating_sub(8)..).unwrap_or_default().to_owned()
}

#[test]
fn wait_ends_with_the_state_and_misses_none() -> Result<()> {
    sandbox_test(|sandbox| {
        let _app = App::start(sandbox)?;
        let cli = Cli::new(sandbox);
        let mut agent = ScriptedAgent::start(sandbox, "cart")?;
        agent.begin("Fix the cart")?;
        let row = session(cli, "cart", "working")?;
        let id = short(&row);

        let reply = cli.run(&["wait", &id, "--timeout", "50ms"])?;
        assert_eq!((reply.code, reply.stdout.as_str()), (1, format!("{id} working\n").as_str()));
        assert_eq!(
            reply.stderr,
            format!(
                "error: {id} is still working after 50 ms\nhint: `magia why {id}` says what magia sees\n"
            )
        );

        let mut asks = start(sandbox, "asks", &["wait", &id, "--until", "permission", "--json"])?;
        let hook = agent.ask("Bash", &json!({ "command": "make deploy" }))?;
        assert_eq!(Program::exit_code(asks.wait(PATIENCE)?), 0, "{}", asks.stderr());
        let told: Value = serde_json::from_str(&asks.stdout()).context("reading the session")?;
        assert_eq!((&told["id"], text(&told, "state")), (&row["id"], "waiting for permission"));
        cli.json(&["allow", text(&cli.wait_for_request()?, "id")])?;
        hook.decision()?;

        for race in 0..RACES {
            let mut idle = start(sandbox, "idle", &["wait", &id, "--until", "idle"])?;
            agent.hook("Stop", &json!({ "last_assistant_message": "done" }))?;
            assert_eq!(Program::exit_code(idle.wait(PATIENCE)?), 0, "race {race}: {}", idle.stderr());
            assert_eq!(idle.stdout(), format!("{id} idle\n"));
            agent.hook("UserPromptSubmit", &json!({ "prompt": "more" }))?;
            session(cli, "cart", "working")?;
        }

        let mut ended = start(sandbox, "ended", &["wait", &id, "--until", "ended"])?;
        let mut never = start(sandbox, "never", &["wait", &id, "--until", "idle"])?;
        agent.program().kill9()?;
        assert_eq!(Program::exit_code(ended.wait(PATIENCE)?), 0, "{}", ended.stderr());
        assert_eq!(Program::exit_code(never.wait(PATIENCE)?), 1);
        assert_eq!(never.stdout(), format!("{id} ended\n"));
        assert!(never.stderr().starts_with(&format!("error: {id} has ended\nhint: ")), "{}", never.stderr());
        Ok(())
    })
}

#[test]
fn next_is_the_session_that_needs_the_user_most() -> Result<()> {
    sandbox_test(|sandbox| {
        let _app = App::start(sandbox)?;
        let cli = Cli::new(sandbox);
        let none = cli.run(&["next"])?;
        assert_eq!(
            (none.code, none.stdout.as_str(), none.stderr.as_str()),
            (1, "", "no session needs you\n")
        );
        // At rest, and nothing was asked of it.
        let mut at_rest = ScriptedAgent::start(sandbox, "at-rest")?;
        at_rest.hook("SessionStart", &json!({ "source": "startup" }))?;
        session(cli, "at-rest", "idle")?;
        let mut agents = ["works", "is-idle", "has-failed", "asks-what", "asks-whether"]
            .map(|name| ScriptedAgent::start(sandbox, name))
            .into_iter()
            .collect::<Result<Vec<_>>>()?;
        let [works, idle, failed, question, permission] = agents.as_mut_slice() else {
            anyhow::bail!("not five agents")
        };
        let next = |own: &str| -> Result<()> {
            let told = cli.json(&["next"])?;
            assert_eq!(text(&told, "provider_session_id"), own, "{told:#}");
            Ok(())
        };
        works.begin("work")?;
        session(cli, "works", "working")?;
        assert_eq!(cli.run(&["next", "--json"])?.stdout, "null\n");
        idle.begin("say done")?;
        idle.hook("Stop", &json!({ "last_assistant_message": "done" }))?;
        session(cli, "is-idle", "idle")?;
        next("is-idle")?;
        failed.begin("fail")?;
        failed.hook("StopFailure", &json!({ "error": "rate_limit" }))?;
        session(cli, "has-failed", "failed")?;
        next("has-failed")?;
        question.begin("ask")?;
        let option = |label: &str| json!({ "label": label, "description": "" });
        let asked = json!({ "questions": [{
            "question": "Which?", "header": "Which", "multiSelect": false, "options": [option("a"), option("b")],
        }] });
        let _asks_what = question.ask("AskUserQuestion", &asked)?;
        session(cli, "asks-what", "waiting for an answer")?;
        next("asks-what")?;
        permission.begin("ask")?;
        let _asks_whether = permission.ask("Bash", &json!({ "command": "make deploy" }))?;
        session(cli, "asks-whether", "waiting for permission")?;
        next("asks-whether")?;
        let shown = cli.run(&["next"])?.stdout;
        assert!(shown.contains(" waiting for permission for ") && shown.contains("  asks "), "{shown}");
        Ok(())
    })
}

#[test]
fn ids_are_completed_in_a_real_bash_and_for_the_others() -> Result<()> {
    sandbox_test(|sandbox| {
        let _app = App::start(sandbox)?;
        let cli = Cli::new(sandbox);
        let mut agent = ScriptedAgent::start(sandbox, "cart")?;
        agent.begin("Fix the \u{1b}[31mcart")?;
        let id = short(&session(cli, "cart", "working")?);
        let _hook = agent.ask("Bash", &json!({ "command": "make deploy" }))?;
        let request = short(&cli.wait_for_request()?);

        let programs = binary("magia")?;
        let programs = programs.parent().context("a program without a directory")?;
        let path = format!("{}:/usr/bin:/bin", programs.display());
        let bash = |words: &str, last: usize| -> Result<Vec<String>> {
            let line = format!(
                "source <(magia completions bash); COMP_WORDS=({words}); COMP_CWORD={last}; COMP_TYPE=9; \
                 _clap_complete_magia magia \"${{COMP_WORDS[{last}]}}\" \"${{COMP_WORDS[{last}-1]}}\"; \
                 printf '%s\\n' \"${{COMPREPLY[@]}}\""
            );
            let output = sandbox.command("/bin/bash").env("PATH", &path).args(["-c", &line]).output()?;
            let printed = String::from_utf8(output.stdout).context("reading the candidates")?;
            Ok(printed.lines().map(|line| line.trim().to_owned()).collect())
        };
        assert_eq!(bash("magia show ''", 2)?.first(), Some(&id));
        assert_eq!(bash("magia allow ''", 2)?.first(), Some(&request));
        assert!(bash("magia comp", 1)?.contains(&"completions".to_owned()));
        assert!(bash("magia settings get themeM", 3)?.contains(&"themeMode".to_owned()));

        for shell in ["zsh", "fish"] {
            assert!(magia(sandbox, &["completions", shell])?.stdout.contains("MAGIA_COMPLETE"));
            let output = sandbox
                .command(programs.join("magia"))
                .env("MAGIA_COMPLETE", shell)
                .env("_CLAP_COMPLETE_INDEX", "2")
                .args(["--", "magia", "wait", ""])
                .output()?;
            let printed = String::from_utf8(output.stdout).context("reading the candidates")?;
            assert!(printed.contains(&id), "{shell}: {printed}");
            assert!(!printed.contains('\u{1b}'), "{shell}: {printed:?}");
        }
        Ok(())
    })
}

#[test]
fn without_the_app_ids_are_not_completed_and_nothing_is_said() -> Result<()> {
    sandbox_test(|sandbox| {
        let output = sandbox
            .command(binary("magia")?)
            .env("MAGIA_COMPLETE", "fish")
            .args(["--", "magia", "allow", ""])
            .output()?;
        let printed = String::from_utf8(output.stdout).context("reading the candidates")?;
        assert!(output.status.success() && output.stderr.is_empty(), "{printed}");
        assert!(printed.lines().all(|line| line.starts_with('-')), "options only: {printed}");
        Ok(())
    })
}

#[test]
fn the_manual_has_a_page_for_every_verb() -> Result<()> {
    sandbox_test(|sandbox| {
        let dir = sandbox.root().join("man");
        let reply = magia(sandbox, &["man", &dir.to_string_lossy()])?;
        assert_eq!((reply.code, reply.stdout.as_str()), (0, ""), "{}", reply.stderr);
        for (page, words) in
            [("magia.1", "needs you most"), ("magia-wait.1", "\\-\\-until"), ("magia-hooks-install.1", "dry")]
        {
            let roff = std::fs::read_to_string(dir.join(page)).with_context(|| format!("reading {page}"))?;
            assert!(roff.contains(words), "{page}: {roff}");
        }
        assert!(!dir.join("magia-demo-agent.1").exists());
        assert!(magia(sandbox, &["man"])?.stdout.contains(".TH magia 1"));
        Ok(())
    })
}

#[test]
fn a_runtime_directory_that_is_open_to_others_is_said_with_its_remedy() -> Result<()> {
    sandbox_test(|sandbox| {
        let dir = sandbox.runtime_dir();
        fs::create_dir_all(&dir)?;
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o755))?;
        let cli = Cli::new(sandbox);
        let remedy = format!("chmod 700 {}", dir.display());
        let doctor = cli.run(&["doctor", "--json"])?;
        let rows: Value = serde_json::from_str(&doctor.stdout)?;
        let row = rows.as_array().into_iter().flatten().find(|row| row["id"] == "runtime.dir");
        let row = row.context("no row of the runtime directory")?;
        assert_eq!((text(row, "status"), text(row, "fix"), doctor.code), ("fail", remedy.as_str(), 1));
        assert!(cli.run(&["doctor"])?.stdout.contains(&remedy));
        let version = cli.run(&["version"])?;
        assert!(version.code == 0 && version.stdout.contains("app   cannot be reached"), "{version:?}");
        assert_eq!(cli.json(&["version"])?["app"], Value::Null);
        for verb in [&["ls"][..], &["settings", "get"]] {
            let refused = cli.run(verb)?;
            assert!(refused.code == 1 && refused.stderr.contains(&format!("hint: {remedy}")), "{refused:?}");
        }
        Ok(())
    })
}

#[test]
fn settings_and_keys_that_are_not_there_are_refused() -> Result<()> {
    sandbox_test(|sandbox| {
        let cli = Cli::new(sandbox);
        let unknown = cli.run(&["settings", "unset", "nosuch"])?;
        assert!(unknown.code == 2 && unknown.stderr.contains("there is no setting"), "{unknown:?}");
        cli.json(&["settings", "set", "nosuch", "1", "--force"])?;
        assert_eq!(cli.run(&["settings", "unset", "nosuch"])?.code, 0);
        let kinds = cli.run(&["settings", "set", "notificationTypes", "attention"])?;
        assert!(kinds.code == 2 && kinds.stderr.contains(r#"["attention","error"]"#), "{kinds:?}");
        for theme in ["../../etc", "/etc/passwd", &"x".repeat(101)] {
            let refused = cli.run(&["settings", "set", "themeId", theme])?;
            assert!(refused.code == 2 && refused.stderr.contains("the name of a theme"), "{refused:?}");
        }
        let rows = cli.rows(&["keys", "set", "app.settings", ""])?;
        let row = rows.iter().find(|row| row["id"] == "app.settings").context("no such command")?;
        assert_eq!(row["keys"], json!([]));
        Ok(())
    })
}

#[test]
fn a_directory_that_was_named_and_is_not_there_is_not_made() -> Result<()> {
    sandbox_test(|sandbox| {
        let cli = Cli::new(sandbox);
        let dir = sandbox.work().join("nosuch");
        let named = dir.display().to_string();
        for agent in ["claude", "codex", "gemini"] {
            for verb in [["hooks", "install"], ["hooks", "diff"], ["telemetry", "on"]] {
                let refused = cli.run(&[verb[0], verb[1], agent, "--home", &named])?;
                assert!(refused.code == 1 && refused.stderr.contains("there is no directory"), "{refused:?}");
                assert!(refused.stderr.contains("hint:") && !dir.exists(), "{refused:?}");
            }
            assert_eq!(cli.run(&["hooks", "uninstall", agent, "--home", &named])?.code, 0);
            assert!(!dir.exists());
        }
        Ok(())
    })
}
