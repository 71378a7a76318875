//! The real Codex and Gemini CLI run the hooks that `magia hooks install` writes, and the user's own beside them.
//!
//! Needs `make agents`; `make test-agents` runs it.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use magia_tests::{
    App, Cli, Codex, CodexHook, FakeModel, Gemini, PATIENCE, Program, Vendor, sandbox_test, steps, text,
};
use serde_json::{Value, json};

fn succeed(mut program: Program) -> Result<()> {
    let status = program.wait(PATIENCE)?;
    ensure!(status.success(), "{status}: {}{}", program.stdout(), program.stderr());
    Ok(())
}

/// A command of the user's that leaves a line each time it runs.
fn leaves_a_line(file: &Path) -> String {
    format!("echo ran >> '{}'", file.display())
}

fn lines(file: &Path) -> usize {
    fs::read_to_string(file).unwrap_or_default().lines().count()
}

fn kinds(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| text(event, "kind")).collect()
}

#[test]
fn gemini_runs_installed_hooks_and_the_file_comes_back() -> Result<()> {
    sandbox_test(|sandbox| {
        let model = FakeModel::of(sandbox, Vendor::Gemini)?;
        let gemini = Gemini::new(sandbox, &model)?.arg("-y");
        let settings = sandbox.home().join(".gemini/settings.json");
        let mark = sandbox.root().join("users-hook");
        let own =
            json!({ "BeforeTool": [{ "hooks": [{ "type": "command", "command": leaves_a_line(&mark) }] }] });
        let written = fs::read_to_string(&settings)?;
        let plain = written.trim_end().strip_suffix('}').context("not an object")?;
        let before = format!("// mine\n{plain}, /* why */\n  \"hooks\": {own} // to here\n}}\n");
        fs::write(&settings, &before)?;

        let _app = App::start(sandbox)?;
        let cli = Cli::new(sandbox);
        let diff = cli.run(&["hooks", "diff", "gemini"])?;
        ensure!(diff.code == 0 && diff.stdout.contains("+"), "{diff:?}");
        assert_eq!(fs::read_to_string(&settings)?, before);
        let installed = cli.json(&["hooks", "install", "gemini"])?;
        assert_eq!(installed["hooks"]["state"], "installed", "{installed}");

        let prompt = steps(&[r#"tool:run_shell_command {"command":"true","description":"x"}"#, "say:done"]);
        succeed(gemini.print("gemini", &prompt)?)?;
        let row = cli.wait_for_row("the session", &["ls", "--all"], |row| text(row, "state") == "ended")?;
        assert_eq!(text(&row, "provider"), "gemini");
        let events = cli.events(text(&row, "id"))?;
        for kind in [
            "session.started",
            "prompt.submitted",
            "tool.started",
            "tool.completed",
            "turn.ended",
            "session.ended",
        ] {
            assert!(kinds(&events).contains(&kind), "{kind}: {:?}", kinds(&events));
        }
        assert_eq!(lines(&mark), 1, "the user's own hook ran too");

        cli.json(&["hooks", "uninstall", "gemini"])?;
        assert_eq!(fs::read_to_string(&settings)?, before);
        succeed(gemini.print("gemini-after", &prompt)?)?;
        assert_eq!(lines(&mark), 2);
        Ok(())
    })
}

/// The user's hooks stand in both files that Codex reads, trusted before magia comes.
#[test]
fn a_users_trusted_codex_hooks_run_before_and_after() -> Result<()> {
    sandbox_test(|sandbox| {
        let model = FakeModel::of(sandbox, Vendor::OpenAi)?;
        let codex = Codex::new(sandbox, &model)?;
        let [in_config, in_hooks] = ["in-config", "in-hooks"].map(|name| sandbox.root().join(name));
        codex.configure(&format!(
            "\n# my own\n[[hooks.PreToolUse]]\n[[hooks.PreToolUse.hooks]]\ntype = \"command\"\ncommand = {}\n",
            json!(leaves_a_line(&in_config)),
        ))?;
        let file = codex.home().join("hooks.json");
        let own = json!({ "hooks": { "PreToolUse": [{ "hooks": [
            { "type": "command", "command": leaves_a_line(&in_hooks) },
        ] }] } });
        fs::write(&file, format!("{own:#}\n"))?;
        codex.trust_hooks("trust")?;

        let prompt = steps(&[r#"tool:exec_command {"cmd":"true"}"#, "say:done"]);
        let both = |expected: usize| assert_eq!([lines(&in_config), lines(&in_hooks)], [expected; 2]);
        succeed(codex.exec("codex-alone", &prompt)?)?;
        both(1);
        let before = [fs::read_to_string(&file)?, fs::read_to_string(codex.home().join("config.toml"))?];

        let _app = App::start(sandbox)?;
        let cli = Cli::new(sandbox);
        // Without being asked for, nothing is trusted, and that is said.
        let home = codex.home().to_string_lossy().into_owned();
        let shy = cli.run(&["hooks", "install", "codex", "--home", &home])?;
        ensure!(shy.code == 0 && shy.stderr.contains("--trust"), "{shy:?}");
        assert_eq!(fs::read_to_string(codex.home().join("config.toml"))?, before[1]);
        let shy = codex.hooks("shy")?;
        assert_eq!(of_ours(&shy, "untrusted"), of_ours(&shy, ""));

        let installed = cli.json(&["hooks", "install", "codex", "--trust", "--home", &home])?;
        assert_eq!(installed["hooks"]["state"], "installed", "{installed}");
        let now = codex.hooks("trusted")?;
        assert!(now.iter().all(|hook| hook.trust == "trusted"), "{now:#?}");
        assert_eq!(of_ours(&now, "trusted"), of_ours(&shy, ""));
        succeed(codex.exec("codex-installed", &prompt)?)?;
        both(2);
        let row = cli.wait_for_row("the session", &["ls", "--all"], |row| {
            text(row, "provider") == "codex" && text(row, "state") == "ended"
        })?;
        let events = cli.events(text(&row, "id"))?;
        for kind in ["session.started", "prompt.submitted", "tool.started", "tool.completed", "turn.ended"] {
            assert!(kinds(&events).contains(&kind), "{kind}: {:?}", kinds(&events));
        }

        cli.json(&["hooks", "uninstall", "codex", "--home", &home])?;
        let after = [fs::read_to_string(&file)?, fs::read_to_string(codex.home().join("config.toml"))?];
        assert_eq!(after, before);
        succeed(codex.exec("codex-after", &prompt)?)?;
        both(3);
        Ok(())
    })
}

/// How many of magia's hooks Codex lists with this trust; with none, all of them.
fn of_ours(hooks: &[CodexHook], trust: &str) -> usize {
    let ours = hooks.iter().filter(|hook| hook.command.contains("magia-hook-handler"));
    ours.filter(|hook| hook.trust.starts_with(trust)).count()
}
