//! A real Gemini CLI with magia's hooks: what magia shows of it, and what stays the terminal's.
//!
//! Needs `make agents`; `make test-agents` runs it.

use anyhow::{Context, Result};
use magia_tests::{
    App, Cli, FakeModel, Gemini, Key, PATIENCE, Sandbox, Vendor, sandbox_test, steps, text, wait_until,
};
use serde_json::{Value, json};
use std::time::Duration;

/// How soon a card must leave after an answer in the terminal; every hook of Gemini is a start of a shell.
const CARD_LEAVES: Duration = Duration::from_secs(5);
/// How soon a killed agent must be seen as ended.
const END_IS_SEEN: Duration = Duration::from_secs(2);

/// The fake model and magia without its window.
fn scene(sandbox: &Sandbox) -> Result<(FakeModel, App, Cli<'_>)> {
    Ok((FakeModel::of(sandbox, Vendor::Gemini)?, App::start(sandbox)?, Cli::new(sandbox)))
}

/// A command that Gemini asks about and that leaves a file; the model then says `end`.
fn touch(name: &str, end: &str) -> String {
    let call =
        format!(r#"tool:run_shell_command {{"command":"touch {name}","description":"leaves a mark"}}"#);
    steps(&[call, format!("say:{end}")])
}

fn kinds(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| text(event, "kind")).collect()
}

fn exists(sandbox: &Sandbox, name: &str) -> bool {
    sandbox.work().join(name).exists()
}

#[test]
fn a_tui_is_found_named_and_followed_to_its_end() -> Result<()> {
    sandbox_test(|sandbox| {
        let (model, _app, cli) = scene(sandbox)?;
        let mut gemini = Gemini::with_hooks(sandbox, &model, false)?.interactive("gemini")?;
        let row = cli.wait_for_session(gemini.pid(), "idle")?;
        assert_eq!((text(&row, "provider"), text(&row, "project")), ("gemini", "work"));

        gemini.prompt(&steps(&[r#"tool:glob {"pattern":"*.txt"}"#, "say:looked around"]))?;
        gemini.wait_for_answer("looked around")?;
        let row = cli.wait_for_row("the turn's end", &["ls"], |row| {
            row["state"] == "idle" && text(&row["evidence"][0], "fact") == "AfterAgent"
        })?;
        let id = text(&row, "id").to_owned();
        let events = cli.events(&id)?;
        assert_eq!(
            kinds(&events),
            ["session.started", "prompt.submitted", "tool.started", "tool.completed", "turn.ended"]
        );
        let turns: Vec<&Value> = events[1..].iter().map(|event| &event["turn"]).collect();
        assert!(turns[0].is_string() && turns.iter().all(|turn| *turn == turns[0]), "{turns:?}");
        let shown = cli.run(&["show", &id])?.stdout;
        assert_eq!(shown.matches("glob *.txt").count(), 1, "one call, one line: {shown}");

        let pid = gemini.pid();
        gemini.wait_for_quiet()?;
        gemini.quit()?;
        cli.wait_for_session(pid, "ended")?;
        assert_eq!(cli.rows(&["ls", "--all"])?.len(), 1);
        Ok(())
    })
}

#[test]
fn a_dialog_makes_a_card_that_only_the_terminal_answers() -> Result<()> {
    sandbox_test(|sandbox| {
        let (model, _app, cli) = scene(sandbox)?;
        let gemini = Gemini::with_hooks(sandbox, &model, false)?.interactive("gemini")?;
        gemini.prompt(&touch("yes", "all done"))?;
        gemini.wait_for_dialog()?;
        let card = cli.wait_for_request()?;
        assert_eq!((text(&card, "state"), text(&card, "summary")), ("in terminal", "touch yes"));
        cli.wait_for_session(gemini.pid(), "waiting for permission")?;
        let refused = cli.run(&["allow", text(&card, "id")])?;
        assert_eq!(refused.code, 1, "{refused:?}");
        assert!(gemini.asks() && !exists(sandbox, "yes"));

        gemini.terminal.press(Key::Enter)?;
        wait_until("the card to leave", CARD_LEAVES, || {
            cli.rows(&["permissions"]).ok()?.is_empty().then_some(())
        })?;
        cli.wait_for_request_state(text(&card, "id"), "answered in terminal")?;
        gemini.wait_for_answer("all done")?;
        assert!(exists(sandbox, "yes"));
        cli.wait_for_session(gemini.pid(), "idle")?;
        Ok(())
    })
}

#[test]
fn a_dialog_that_is_refused_leaves_with_the_next_prompt() -> Result<()> {
    sandbox_test(|sandbox| {
        let (model, _app, cli) = scene(sandbox)?;
        let gemini = Gemini::with_hooks(sandbox, &model, false)?.interactive("gemini")?;
        gemini.prompt(&touch("no", "never said"))?;
        gemini.wait_for_dialog()?;
        let card = cli.wait_for_request()?;
        gemini.terminal.press(Key::Esc)?;
        wait_until("the dialog to close", PATIENCE, || (!gemini.asks()).then_some(()))?;
        // Of the Esc nothing was told; the model, which remembers the first prompt, tries the same again.
        gemini.prompt("something else")?;
        cli.wait_for_request_state(text(&card, "id"), "answered in terminal")?;
        assert!(!exists(sandbox, "no"));
        Ok(())
    })
}

#[test]
fn killed_it_is_ended_within_two_seconds() -> Result<()> {
    sandbox_test(|sandbox| {
        let (model, _app, cli) = scene(sandbox)?;
        let mut gemini = Gemini::with_hooks(sandbox, &model, false)?.interactive("gemini")?;
        gemini.prompt(&touch("mark", "never said"))?;
        gemini.wait_for_dialog()?;
        let card = cli.wait_for_request()?;
        gemini.terminal.kill9()?;
        wait_until("the end to be seen", END_IS_SEEN, || {
            let all = cli.rows(&["ls", "--all"]).ok()?;
            all.iter().any(|row| row["id"] == card["session"] && row["state"] == "ended").then_some(())
        })?;
        cli.wait_for_request_state(text(&card, "id"), "agent gone")?;
        Ok(())
    })
}

#[test]
fn it_is_found_by_its_process_before_any_hook() -> Result<()> {
    sandbox_test(|sandbox| {
        let (model, _app, cli) = scene(sandbox)?;
        // As a user starts it: the first process starts a second one, which works.
        let start = Gemini::new(sandbox, &model)?.env("GEMINI_CLI_NO_RELAUNCH", None);
        let mut gemini = start.interactive("gemini")?;
        let launcher = gemini.pid();
        let row = cli.wait_for_row("the process that works", &["ls"], |row| {
            row["process"]["pid"].is_u64() && row["process"]["pid"] != launcher
        })?;
        assert_eq!((text(&row, "title"), text(&row, "state")), ("Session not known yet", "idle"));
        assert_eq!((text(&row, "provider"), &row["provider_session_id"]), ("gemini", &Value::Null));
        assert_eq!(text(&row, "cwd"), sandbox.work().to_string_lossy());
        assert_eq!(cli.rows(&["ls"])?.len(), 1);
        gemini.quit()?;
        wait_until("the row to leave", END_IS_SEEN, || {
            cli.rows(&["ls", "--all"]).ok()?.is_empty().then_some(())
        })?;
        Ok(())
    })
}

#[test]
fn a_headless_run_is_followed_to_its_end() -> Result<()> {
    sandbox_test(|sandbox| {
        let (model, _app, cli) = scene(sandbox)?;
        let gemini = Gemini::with_hooks(sandbox, &model, false)?.arg("-y");
        let mut run = gemini.print("gemini", &touch("mark", "all done"))?;
        let status = run.wait(PATIENCE * 3)?;
        assert!(status.success(), "{}", run.stderr());
        assert!(exists(sandbox, "mark"));
        let row = cli.wait_for_row("its end", &["ls", "--all"], |row| row["state"] == "ended")?;
        assert_eq!(
            kinds(&cli.events(text(&row, "id"))?),
            [
                "session.started",
                "prompt.submitted",
                "tool.started",
                "tool.completed",
                "turn.ended",
                "session.ended"
            ]
        );
        assert!(cli.rows(&["permissions", "--all"])?.is_empty(), "headless, it asks nobody");
        Ok(())
    })
}

#[test]
fn a_headless_run_that_fails_is_ended() -> Result<()> {
    sandbox_test(|sandbox| {
        let (model, _app, cli) = scene(sandbox)?;
        let gemini = Gemini::with_hooks(sandbox, &model, false)?;
        let mut run = gemini.print("gemini", &steps(&["error:400 bad request"]))?;
        assert!(!run.wait(PATIENCE * 3)?.success());
        let row = cli.wait_for_row("its end", &["ls", "--all"], |row| row["state"] == "ended")?;
        assert!(!kinds(&cli.events(text(&row, "id"))?).contains(&"turn.ended"), "it never ended its turn");
        Ok(())
    })
}

#[test]
fn strict_mode_refuses_by_rule_and_without_magia_everything() -> Result<()> {
    sandbox_test(|sandbox| {
        let (model, mut app, cli) = scene(sandbox)?;
        let rules =
            json!([{ "toolName": "run_shell_command", "commandPrefix": "touch", "autoApprove": false }]);
        cli.json(&["settings", "set", "toolPermissions", &rules.to_string()])?;
        let gemini = Gemini::with_hooks(sandbox, &model, true)?.arg("-y");
        let echo = r#"tool:run_shell_command {"command":"echo said > said","description":"says it"}"#;
        let call = r#"tool:run_shell_command {"command":"touch denied","description":"leaves a mark"}"#;
        let mut run = gemini.print("strict", &steps(&[echo, call, "say:all done"]))?;
        assert!(run.wait(PATIENCE * 3)?.success(), "{}", run.stderr());
        assert!(exists(sandbox, "said") && !exists(sandbox, "denied"), "{}", run.stdout());
        assert!(run.stdout().contains("Denied by magia's rule run_shell_command(touch)"), "{}", run.stdout());
        let all = cli.rows(&["permissions", "--all"])?;
        let [refused] = all.as_slice() else { anyhow::bail!("not one request: {all:#?}") };
        assert_eq!(text(&refused["outcome"], "by"), "policy rule run_shell_command(touch)");
        assert_eq!(text(refused, "state"), "took effect");

        app.program().kill9()?;
        let mut run = gemini.print("alone", &touch("alone", "all done"))?;
        assert!(run.wait(PATIENCE * 3)?.success(), "{}", run.stderr());
        assert!(!exists(sandbox, "alone"), "what nobody can judge does not run");
        Ok(())
    })
}

#[test]
fn without_magia_or_its_handler_gemini_is_as_it_was() -> Result<()> {
    sandbox_test(|sandbox| {
        let model = FakeModel::of(sandbox, Vendor::Gemini)?;
        // Hooks, but no app.
        let gemini = Gemini::with_hooks(sandbox, &model, false)?.arg("-y");
        let mut run = gemini.print("no-app", &touch("one", "all done"))?;
        assert!(run.wait(PATIENCE * 3)?.success(), "{}", run.stderr());
        assert!(exists(sandbox, "one") && run.stdout().contains("all done"), "{}", run.stdout());
        // Hooks whose handler is gone: a command that is missing would deny.
        let settings = sandbox.home().join(".gemini/settings.json");
        let with = std::fs::read_to_string(&settings).context("reading the settings")?;
        let without = with.replace("magia-hook-handler", "magia-hook-handler-that-is-gone");
        assert_ne!(with, without);
        std::fs::write(&settings, without).context("writing the settings")?;
        let mut run = gemini.print("no-handler", &touch("two", "all done"))?;
        assert!(run.wait(PATIENCE * 3)?.success(), "{}", run.stderr());
        assert!(exists(sandbox, "two") && run.stdout().contains("all done"), "{}", run.stdout());
        Ok(())
    })
}
