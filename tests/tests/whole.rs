//! The programs as a whole, without a window and without a real agent.

use anyhow::{Context, Result};
use magia_protocol::ipc::connect_blocking;
use magia_protocol::paths::Socket;
use magia_protocol::wire::Response;
use magia_tests::{
    App, Cli, PATIENCE, Program, Reply, Sandbox, ScriptedAgent, binary, magia, sandbox_test, text, wait_until,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

/// The demo at this speed is through in seconds.
const DEMO_SPEED: &str = "50";
const DEMO_ENDS: Duration = Duration::from_secs(60);
/// How often the app is ended right after it acknowledged each of three things.
const ROUNDS: usize = 6;

fn magia_in(sandbox: &Sandbox, runtime_dir: &str, args: &[&str]) -> Result<Reply> {
    let mut command = sandbox.command(binary("magia")?);
    let output =
        command.env("MAGIA_RUNTIME_DIR", runtime_dir).args(args).output().context("running magia")?;
    Ok(Reply {
        code: Program::exit_code(output.status),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

fn json_lines(text: &str) -> Vec<Value> {
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// Runs the app to its end: for starts that must fail, and for `--call`.
fn app_to_its_end(sandbox: &Sandbox, name: &str, args: &[&str]) -> Result<Reply> {
    let mut command = sandbox.command(binary("magia-app")?);
    command.args(args);
    let mut program = sandbox.spawn(name, command)?;
    let code = Program::exit_code(program.wait(PATIENCE)?);
    Ok(Reply { code, stdout: program.stdout(), stderr: program.stderr() })
}

#[test]
fn the_demo_plays_to_its_end_when_its_requests_are_answered() -> Result<()> {
    sandbox_test(|sandbox| {
        let mut command = sandbox.command(binary("magia")?);
        command.args(["demo", "--headless", "--json", "--speed", DEMO_SPEED, "--exit-when-played"]);
        let mut demo = sandbox.spawn("demo", command)?;
        let started =
            wait_until("the demo's first line", PATIENCE, || json_lines(&demo.stdout()).into_iter().next())?;
        assert_eq!(started["event"], "started");
        let runtime_dir = text(&started, "runtime_dir").to_owned();
        assert!(runtime_dir.starts_with(&*sandbox.root().to_string_lossy()), "{runtime_dir}");

        let mut answered: BTreeMap<String, String> = BTreeMap::new();
        let mut tokens = 0;
        let status = wait_until("the demo's end", DEMO_ENDS, || {
            // Asked as long as there is someone to ask.
            let metrics = magia_in(sandbox, &runtime_dir, &["metrics", "--json"]).ok()?.json();
            tokens = metrics.ok().and_then(|sum| sum["input_tokens"].as_u64()).unwrap_or(tokens);
            let reply = magia_in(sandbox, &runtime_dir, &["permissions", "--json"]).ok()?;
            for request in reply.json().ok().and_then(|rows| rows.as_array().cloned()).unwrap_or_default() {
                let id = text(&request, "id");
                let label = request.pointer("/input/questions/0/options/0/label").and_then(Value::as_str);
                let args = match label {
                    Some(label) => vec!["allow", id, "--answer", label],
                    None => vec!["allow", id],
                };
                if magia_in(sandbox, &runtime_dir, &args).is_ok_and(|reply| reply.code == 0) {
                    answered.insert(id.to_owned(), text(&request, "kind").to_owned());
                }
            }
            demo.try_wait()
        })?;
        assert_eq!(Program::exit_code(status), 0, "{}", demo.stderr());
        let notes = json_lines(&demo.stdout());
        let count = |event: &str| notes.iter().filter(|note| note["event"] == *event).count();
        assert!(count("began") >= 5, "{notes:#?}");
        assert_eq!(count("played") + count("gone"), count("began"), "{notes:#?}");
        assert_eq!((count("broken"), count("asked")), (0, count("answered")), "{notes:#?}");
        let allowed =
            notes.iter().filter(|note| note["event"] == "answered" && note["decision"] == "allow").count();
        assert_eq!(answered.len(), allowed, "{answered:?} {notes:#?}");
        assert!(answered.values().any(|kind| kind == "question"), "{answered:?}");
        assert!(tokens > 0, "the demo's sessions tell what they use: {}", demo.stderr());
        assert!(!Path::new(&runtime_dir).exists(), "the demo leaves nothing");
        Ok(())
    })
}

#[test]
fn one_command_without_a_running_app() -> Result<()> {
    sandbox_test(|sandbox| {
        let call = |name: &str, args: &[&str]| app_to_its_end(sandbox, name, args);
        let status = call("status", &["--call", "hooks_status"])?;
        assert_eq!(status.json()?["result"]["state"], "not installed");
        let installed = call("install", &["--call", "install_hooks", "{}"])?;
        assert_eq!(installed.json()?["result"]["changed"], true);
        let settings = sandbox.home().join(".claude/settings.json");
        assert!(fs::read_to_string(settings)?.contains("magia-hook-handler"));
        let unknown = call("unknown", &["--call", "hooks_stats"])?;
        assert_eq!(unknown.code, 1, "{unknown:?}");
        let reply: Value = serde_json::from_str(&unknown.stdout)?;
        assert_eq!(reply["error"]["code"], "unknown_method");
        assert!(text(&reply["error"], "hint").contains("hooks_status"), "{reply}");
        assert!(!sandbox.runtime_dir().exists(), "it opens no socket");
        Ok(())
    })
}

#[test]
fn what_was_seen_survives_kill_9() -> Result<()> {
    sandbox_test(|sandbox| {
        let cli = Cli::new(sandbox);
        let mut app = App::start(sandbox)?;
        let mut agent = ScriptedAgent::start(sandbox, "agent-one")?;
        agent.begin("Tidy the cellar")?;
        for number in 0..50 {
            agent.hook(
                "Notification",
                &json!({ "message": format!("note {number}"), "notification_type": "x" }),
            )?;
        }
        let session = cli.wait_for_row("the session", &["ls"], |row| row["title"] == "Tidy the cellar")?;
        let id = text(&session, "id");
        let seen =
            wait_until("all 52 events", PATIENCE, || cli.events(id).ok().filter(|seen| seen.len() == 52))?;
        cli.json(&["rename", id, "Cellar"])?;
        app.program().kill9()?;

        let _again = App::start(sandbox)?;
        assert_eq!(cli.events(id)?, seen);
        let row =
            cli.wait_for_row("the session after the restart", &["ls", "--all"], |row| row["id"] == *id)?;
        assert_eq!((text(&row, "title"), text(&row, "title_source")), ("Cellar", "user"));
        // Numbers go on where they ended: `since` misses nothing.
        agent.hook("Stop", &json!({ "last_assistant_message": "tidy" }))?;
        let last = seen.last().and_then(|event| event["seq"].as_u64()).context("no seq")?;
        let next = cli.wait_for_row("the next event", &["events", "--since", &last.to_string()], |_| true)?;
        assert_eq!((next["seq"].as_u64(), text(&next, "kind")), (Some(last + 1), "turn.ended"));
        Ok(())
    })
}

#[test]
fn who_missed_much_gets_all_of_it_in_order() -> Result<()> {
    const COUNT: u64 = 2_300;
    sandbox_test(|sandbox| {
        let cli = Cli::new(sandbox);
        let _app = App::start(sandbox)?;
        let socket = Socket::Hooks.path_in(&sandbox.runtime_dir())?;
        for number in 0..COUNT {
            let payload = json!({
                "session_id": "agent-one", "cwd": sandbox.work(), "hook_event_name": "Notification",
                "message": format!("note {number}"), "notification_type": "x",
            });
            let message = json!({
                "v": 1, "provider": "claude", "event": "Notification", "pid": 1, "ppid": 1, "pstart": 1,
                "tty": "", "sent_unix_ns": 1, "payload": payload,
            });
            writeln!(connect_blocking(&socket, PATIENCE)?, "{message}")?;
        }
        let last = || cli.rows(&["events", "--limit", "1"]).ok()?.first()?["seq"].as_u64();
        wait_until("all events", PATIENCE, || (last() == Some(COUNT)).then_some(()))?;
        let numbers = |args: &[&str]| -> Result<Vec<u64>> {
            Ok(cli.rows(args)?.iter().filter_map(|row| row["seq"].as_u64()).collect())
        };
        assert_eq!(numbers(&["events", "--since", "8", "--limit", "3"])?, [9, 10, 11]);
        assert_eq!(numbers(&["events", "--since", "5"])?, (6..=1_005).collect::<Vec<_>>());
        assert_eq!(numbers(&["events", "--limit", "2"])?, [COUNT - 1, COUNT], "the newest without it");

        let wanted = (COUNT - 5).to_string();
        let follow = ["events", "--follow", "--since", "5", "--limit", &wanted, "--json"];
        let followed = cli.run(&[&follow[..], &["--channel", "agent:event"]].concat())?;
        let lines = followed.stdout.lines().map(serde_json::from_str::<Value>);
        let lines = lines.collect::<Result<Vec<_>, _>>().context("reading the lines")?;
        assert!(lines.iter().all(|line| line["event"] == "agent:event"), "nothing was lost");
        let told: Vec<u64> = lines.iter().filter_map(|line| line["seq"].as_u64()).collect();
        assert_eq!(told, (6..=COUNT).collect::<Vec<_>>());
        Ok(())
    })
}

/// Asks the app on its own socket: the reply is there the moment it was written, not once a program has ended.
fn ask(sandbox: &Sandbox, method: &str, params: &Value) -> Result<Value> {
    let mut stream = connect_blocking(&Socket::Cli.path_in(&sandbox.runtime_dir())?, PATIENCE)?;
    writeln!(stream, "{}", json!({ "id": 1, "method": method, "params": params }))?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).context("reading the reply")?;
    let reply: Response = serde_json::from_str(&line)?;
    reply.into_outcome().with_context(|| format!("asking for {method}"))
}

#[test]
fn what_was_acknowledged_survives_kill_9() -> Result<()> {
    sandbox_test(|sandbox| {
        let cli = Cli::new(sandbox);
        let mut app = App::start(sandbox)?;
        let mut agent = ScriptedAgent::start(sandbox, "agent-one")?;
        agent.begin("Tidy the cellar")?;
        let session = cli.wait_for_row("the session", &["ls"], |row| row["title"] == "Tidy the cellar")?;
        let id = text(&session, "id");
        for round in 0..ROUNDS {
            let (title, pinned) = (format!("Cellar {round}"), round % 2 == 0);
            ask(sandbox, "set_session_title", &json!({ "session": id, "title": title }))?;
            app.program().kill9()?;
            app = App::start(sandbox)?;
            let row = cli.json(&["show", id])?;
            assert_eq!(row.pointer("/session/title"), Some(&json!(title)), "{row}");

            ask(sandbox, "update_session", &json!({ "session": id, "pinned": pinned }))?;
            app.program().kill9()?;
            app = App::start(sandbox)?;
            assert_eq!(cli.json(&["show", id])?.pointer("/session/pinned"), Some(&json!(pinned)));

            let command = format!("make cellar-{round}");
            let hook = agent.ask("Bash", &json!({ "command": command }))?;
            let request = cli.wait_for_request()?;
            let (request, decision) = (text(&request, "id"), if pinned { "allow" } else { "deny" });
            ask(sandbox, "resolve_permission", &json!({ "id": request, "decision": decision }))?;
            app.program().kill9()?;
            hook.wait()?;
            app = App::start(sandbox)?;
            let rows = cli.rows(&["permissions", "--all"])?;
            let row = rows.iter().find(|row| row["id"] == request).context("the request is forgotten")?;
            assert_eq!(row.pointer("/outcome/decision"), Some(&json!(decision)), "{row}");
        }
        Ok(())
    })
}

#[test]
fn what_is_purged_is_gone_at_once() -> Result<()> {
    sandbox_test(|sandbox| {
        let (cli, _app) = (Cli::new(sandbox), App::start(sandbox)?);
        let mut agent = ScriptedAgent::start(sandbox, "agent-one")?;
        agent.begin("A secret plan")?;
        let row = cli.wait_for_row("the session", &["ls"], |row| row["title"] == "A secret plan")?;
        agent.hook("SessionEnd", &json!({ "reason": "prompt_input_exit" }))?;
        cli.wait_for_row("its end", &["ls", "--all"], |row| row["state"] == "ended")?;
        let purged = cli.json(&["data", "purge", "--older-than", "0", "--yes"])?;
        assert_eq!(purged["sessions"], 1, "{purged}");
        assert_eq!(cli.rows(&["ls", "--all"])?, [] as [Value; 0]);
        assert!(cli.json(&["show", text(&row, "id")]).is_err());
        Ok(())
    })
}

#[test]
fn broken_settings_are_kept_and_told() -> Result<()> {
    sandbox_test(|sandbox| {
        let cli = Cli::new(sandbox);
        let file = sandbox.root().join("config/magia/settings.json");
        let broken = "{ \"permissionPreset\": \"acceptEdits\", // mine\n";
        fs::create_dir_all(file.parent().context("no directory")?)?;
        fs::write(&file, broken)?;
        let _app = App::start(sandbox)?;
        let told = wait_until("the problem in the status", PATIENCE, || {
            let status = cli.json(&["status"]).ok()?;
            status["problems"]
                .as_array()?
                .iter()
                .filter_map(Value::as_str)
                .find(|it| it.contains("settings.json"))
                .map(str::to_owned)
        })?;
        assert!(told.contains("line 1") || told.contains("line 2"), "{told}");
        assert_eq!(cli.json(&["settings", "get"])?["permissionPreset"], "default");
        let set = cli.run(&["settings", "set", "themeMode", "light"])?;
        assert_eq!(set.code, 1, "{set:?}");
        assert_eq!(fs::read_to_string(&file)?, broken);

        fs::write(&file, "{\"permissionPreset\": \"acceptEdits\", \"mine\": [1, 2]}")?;
        wait_until("the mended file to be read", PATIENCE, || {
            let status = cli.json(&["status"]).ok()?;
            (status["problems"] == json!([])).then_some(())
        })?;
        cli.json(&["settings", "set", "themeMode", "light"])?;
        let saved: Value = serde_json::from_str(&fs::read_to_string(&file)?)?;
        assert_eq!(saved, json!({ "permissionPreset": "acceptEdits", "mine": [1, 2], "themeMode": "light" }));
        Ok(())
    })
}

#[test]
fn a_second_start_without_a_window_is_refused() -> Result<()> {
    sandbox_test(|sandbox| {
        let app = App::start(sandbox)?;
        let second = app_to_its_end(sandbox, "second", &["--headless"])?;
        assert_eq!(second.code, 1, "{second:?}");
        assert!(second.stderr.contains(&format!("magia runs already (pid {})", app.pid())), "{second:?}");
        let status = Cli::new(sandbox).json(&["status"])?;
        assert_eq!(status["pid"], app.pid(), "the first goes on");
        Ok(())
    })
}

#[test]
fn stopped_it_leaves_open_requests_to_the_agent() -> Result<()> {
    sandbox_test(|sandbox| {
        let mut app = App::start(sandbox)?;
        let mut agent = ScriptedAgent::start(sandbox, "agent-one")?;
        agent.begin("Tidy the cellar")?;
        let asked = agent.ask("Bash", &json!({ "command": "touch mark" }))?;
        let request = Cli::new(sandbox).wait_for_request()?;
        assert_eq!(asked.ended(), None);
        app.program().signal(libc::SIGTERM)?;
        assert_eq!(asked.wait()?, (0, String::new()));
        assert_eq!(Program::exit_code(app.program().wait(PATIENCE)?), 0, "{}", app.program().stderr());
        assert_eq!(magia(sandbox, &["permissions"])?.code, 3);
        // A hook without an app: as if there were none.
        agent.hook("Stop", &json!({}))?;

        let _again = App::start(sandbox)?;
        let request = Cli::new(sandbox).wait_for_request_state(text(&request, "id"), "app gone")?;
        assert_eq!(request["outcome"]["decision"], Value::Null);
        Ok(())
    })
}

#[test]
fn a_runtime_directory_that_is_a_link_is_refused() -> Result<()> {
    sandbox_test(|sandbox| {
        let elsewhere = sandbox.root().join("tmp/elsewhere");
        fs::create_dir(&elsewhere)?;
        symlink(&elsewhere, sandbox.runtime_dir())?;
        let refused = app_to_its_end(sandbox, "app", &["--headless"])?;
        assert_eq!(refused.code, 1, "{refused:?}");
        let named = sandbox.runtime_dir().to_string_lossy().into_owned();
        assert!(refused.stderr.contains("link") && refused.stderr.contains(&named), "{refused:?}");
        assert_eq!(fs::read_dir(&elsewhere)?.count(), 0, "nothing was made behind the link");
        // Nor does a hook go there.
        let mut agent = ScriptedAgent::start(sandbox, "agent-one")?;
        agent.hook("Stop", &json!({}))?;
        Ok(())
    })
}
