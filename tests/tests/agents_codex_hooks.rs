//! A real Codex away from its daemon, with magia's hooks: what magia shows of it, and the hold rule of its gate.
//!
//! Needs `make agents`; `make test-agents` runs it.

use anyhow::{Context, Result};
use magia_tests::{
    App, Cli, Codex, Display, FakeModel, Key, PATIENCE, Sandbox, Vendor, Window, sandbox_test, steps, text,
    wait_until,
};
use serde_json::{Value, json};
use std::time::Duration;

/// How soon a killed agent must be seen as ended.
const END_IS_SEEN: Duration = Duration::from_secs(2);

/// The fake model and magia without its window.
fn scene(sandbox: &Sandbox) -> Result<(FakeModel, App, Cli<'_>)> {
    Ok((FakeModel::of(sandbox, Vendor::OpenAi)?, App::start(sandbox)?, Cli::new(sandbox)))
}

/// A call that Codex asks about, and that leaves a file.
fn asks(name: &str) -> String {
    format!(
        r#"tool:exec_command {{"cmd":"touch {name}","sandbox_permissions":"require_escalated","justification":"leaves a mark"}}"#
    )
}

/// A prompt for such a call; the model then says `end`.
fn touch(name: &str, end: &str) -> String {
    steps(&[asks(name), format!("say:{end}")])
}

fn exists(sandbox: &Sandbox, name: &str) -> bool {
    sandbox.work().join(name).exists()
}

fn kinds(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| text(event, "kind")).collect()
}

/// Whether the model was told something.
fn model_was_told(model: &FakeModel, words: &str) -> Result<bool> {
    Ok(model.requests()?.iter().any(|request| request["body"].to_string().contains(words)))
}

/// A person comes to the window: the pointer goes to it and clicks.
fn come_to(window: &Window<'_>) -> Result<()> {
    let anything = window.wait_for_text("Session not known yet")?;
    window.click(&anything)
}

#[test]
fn a_tui_is_found_named_and_followed_through_its_turns() -> Result<()> {
    sandbox_test(|sandbox| {
        let (model, _app, cli) = scene(sandbox)?;
        let codex = Codex::new(sandbox, &model)?.with_hooks(false)?;
        let tui = codex.embedded("codex")?;
        // Its first hook comes with the first turn.
        let row = cli.wait_for_session(tui.pid(), "idle")?;
        assert_eq!((text(&row, "provider"), text(&row, "title")), ("codex", "Session not known yet"));
        let id = text(&row, "id").to_owned();

        tui.prompt(&steps(&[r#"tool:exec_command {"cmd":"echo shell-ran"}"#, "say:all done"]))?;
        tui.wait_for_answer("all done")?;
        let row = cli.wait_for_row("the turn's end", &["ls"], |row| {
            row["id"] == *id && text(&row["evidence"][0], "fact") == "Stop"
        })?;
        assert_eq!((text(&row, "state"), text(&row, "title_source")), ("idle", "prompt"));
        let known = |kind: &&str| *kind != "unknown";
        let events = cli.events(&id)?;
        let told: Vec<&str> = kinds(&events).into_iter().filter(known).collect();
        assert_eq!(
            told,
            ["session.started", "prompt.submitted", "tool.started", "tool.completed", "turn.ended"]
        );
        let shown = cli.run(&["show", &id])?.stdout;
        assert!(shown.contains("echo shell-ran") && shown.contains("all done"), "{shown}");

        // A failure, of which no Stop tells.
        tui.prompt(&steps(&["error:400 no such thing"]))?;
        cli.wait_for_session(tui.pid(), "failed")?;
        // Esc.
        tui.prompt(&steps(&["hang:60000 ;; say:late"]))?;
        cli.wait_for_session(tui.pid(), "working")?;
        tui.terminal.wait_for_text("esc to interrupt", PATIENCE)?;
        tui.terminal.press(Key::Esc)?;
        cli.wait_for_row("the interrupt", &["ls"], |row| {
            row["id"] == *id && row["state"] == "idle" && text(&row["evidence"][0], "fact") == "Interrupt"
        })?;
        assert_eq!(cli.rows(&["ls", "--all"])?.len(), 1);
        Ok(())
    })
}

#[test]
fn with_nobody_at_a_window_the_terminal_asks_at_once() -> Result<()> {
    sandbox_test(|sandbox| {
        let (model, _app, cli) = scene(sandbox)?;
        let codex = Codex::new(sandbox, &model)?.with_hooks(false)?;
        let tui = codex.embedded("codex")?;
        tui.prompt(&touch("mark", "all done"))?;
        tui.wait_for_dialog()?;
        let card = cli.wait_for_request()?;
        assert_eq!((text(&card, "state"), text(&card, "summary")), ("in terminal", "touch mark"));
        cli.wait_for_session(tui.pid(), "waiting for permission")?;
        assert_eq!(cli.run(&["allow", text(&card, "id")])?.code, 1, "it is the terminal's");
        tui.say_yes()?;
        tui.wait_for_answer("all done")?;
        assert!(exists(sandbox, "mark"));
        cli.wait_for_request_state(text(&card, "id"), "answered in terminal")?;
        cli.wait_for_session(tui.pid(), "idle")?;
        Ok(())
    })
}

#[test]
fn someone_at_the_window_allows_denies_and_hands_over() -> Result<()> {
    sandbox_test(|sandbox| {
        let model = FakeModel::of(sandbox, Vendor::OpenAi)?;
        let cli = Cli::new(sandbox);
        let display = Display::start(sandbox)?;
        let window = Window::start(sandbox, &display)?;
        let codex = Codex::new(sandbox, &model)?.with_hooks(false)?;
        let tui = codex.embedded("codex")?;
        come_to(&window)?;

        tui.prompt(&touch("allowed", "first done"))?;
        let card = cli.wait_for_request()?;
        assert_eq!(text(&card, "state"), "open");
        assert!(!tui.asks() && !exists(sandbox, "allowed"), "it waits for the window alone");
        window.click(&window.wait_for("Button", "Allow Bash: touch allowed")?)?;
        tui.wait_for_answer("first done")?;
        assert!(exists(sandbox, "allowed") && !tui.asks());
        let card = cli.wait_for_request_state(text(&card, "id"), "took effect")?;
        assert_eq!(text(&card["outcome"], "by"), "window");

        tui.prompt(&touch("denied", "second done"))?;
        let card = cli.wait_for_request()?;
        cli.json(&["deny", text(&card, "id"), "--reason", "use the staging server"])?;
        tui.wait_for_answer("second done")?;
        assert!(!exists(sandbox, "denied") && model_was_told(&model, "use the staging server")?);
        cli.wait_for_request_state(text(&card, "id"), "took effect")?;

        tui.prompt(&touch("handed", "third done"))?;
        let card = cli.wait_for_request()?;
        assert!(!tui.asks());
        window.click(&window.wait_for("Button", "Answer in terminal, Bash: touch handed")?)?;
        tui.wait_for_dialog()?;
        cli.wait_for_request_state(text(&card, "id"), "in terminal")?;
        tui.say_yes()?;
        tui.wait_for_answer("third done")?;
        assert!(exists(sandbox, "handed"));
        cli.wait_for_request_state(text(&card, "id"), "answered in terminal")?;

        // Nobody answers in time: the terminal asks.
        cli.json(&["settings", "set", "codexHoldSeconds", "1"])?;
        tui.prompt(&touch("late", "fourth done"))?;
        tui.wait_for_dialog()?;
        let card = cli.wait_for_request()?;
        assert_eq!(text(&card["outcome"], "by"), "magia: not answered in time");
        tui.say_yes()?;
        tui.wait_for_answer("fourth done")?;
        Ok(())
    })
}

#[test]
fn rules_answer_whoever_is_there() -> Result<()> {
    sandbox_test(|sandbox| {
        let (model, _app, cli) = scene(sandbox)?;
        let rules = json!([
            { "toolName": "Bash", "commandPrefix": "touch allowed", "autoApprove": true },
            { "toolName": "Bash", "commandPrefix": "touch denied", "autoApprove": false },
        ]);
        cli.json(&["settings", "set", "toolPermissions", &rules.to_string()])?;
        let codex = Codex::new(sandbox, &model)?.with_hooks(false)?;
        let tui = codex.embedded("codex")?;
        tui.prompt(&steps(&[asks("allowed"), asks("denied"), "say:all done".to_owned()]))?;
        tui.wait_for_answer("all done")?;
        assert!(exists(sandbox, "allowed") && !exists(sandbox, "denied"));
        let by: Vec<String> = cli
            .rows(&["permissions", "--all"])?
            .iter()
            .map(|row| text(&row["outcome"], "by").to_owned())
            .collect();
        assert!(by.iter().all(|by| by.starts_with("policy rule Bash(touch ")), "{by:?}");
        assert_eq!(by.len(), 2);
        Ok(())
    })
}

#[test]
fn killed_it_is_ended_within_two_seconds() -> Result<()> {
    sandbox_test(|sandbox| {
        let (model, _app, cli) = scene(sandbox)?;
        let codex = Codex::new(sandbox, &model)?.with_hooks(false)?;
        let mut tui = codex.embedded("codex")?;
        tui.prompt(&touch("mark", "never said"))?;
        tui.wait_for_dialog()?;
        let card = cli.wait_for_request()?;
        tui.terminal.kill9()?;
        wait_until("the end to be seen", END_IS_SEEN, || {
            let all = cli.rows(&["ls", "--all"]).ok()?;
            all.iter().any(|row| row["id"] == card["session"] && row["state"] == "ended").then_some(())
        })?;
        cli.wait_for_request_state(text(&card, "id"), "agent gone")?;
        Ok(())
    })
}

#[test]
fn exec_is_followed_and_never_asks() -> Result<()> {
    sandbox_test(|sandbox| {
        let (model, _app, cli) = scene(sandbox)?;
        let codex = Codex::new(sandbox, &model)?.with_hooks(false)?;
        let mut exec = codex.exec("exec", &steps(&[asks("mark"), "say:all done".to_owned()]))?;
        assert!(exec.wait(PATIENCE)?.success(), "{}", exec.stderr());
        assert!(!exists(sandbox, "mark"), "what needs a yes is refused");
        let row = cli.wait_for_row("its end", &["ls", "--all"], |row| row["state"] == "ended")?;
        let events = cli.events(text(&row, "id"))?;
        let kinds = kinds(&events);
        assert!(kinds.contains(&"prompt.submitted") && kinds.contains(&"turn.ended"), "{kinds:?}");
        assert!(cli.rows(&["permissions", "--all"])?.is_empty());
        Ok(())
    })
}

#[test]
fn strict_mode_refuses_by_rule_and_without_magia_everything() -> Result<()> {
    sandbox_test(|sandbox| {
        let (model, mut app, cli) = scene(sandbox)?;
        let rules = json!([{ "toolName": "Bash", "commandPrefix": "touch", "autoApprove": false }]);
        cli.json(&["settings", "set", "toolPermissions", &rules.to_string()])?;
        let codex = Codex::new(sandbox, &model)?.with_hooks(true)?;
        let call = |command: &str| format!(r#"tool:exec_command {{"cmd":"{command}"}}"#);
        let prompt = steps(&[call("echo said > said"), call("touch denied"), "say:all done".to_owned()]);
        let mut exec = codex.exec("strict", &prompt)?;
        assert!(exec.wait(PATIENCE)?.success(), "{}", exec.stderr());
        assert!(exists(sandbox, "said") && !exists(sandbox, "denied"), "{}", exec.stdout());
        assert!(model_was_told(&model, "Denied by magia's rule Bash(touch)")?);
        let all = cli.rows(&["permissions", "--all"])?;
        let [refused] = all.as_slice() else { anyhow::bail!("not one request: {all:#?}") };
        assert_eq!(text(refused, "state"), "took effect");

        app.program().kill9()?;
        let mut exec = codex.exec("alone", &steps(&[call("echo a > alone"), "say:all done".to_owned()]))?;
        assert!(exec.wait(PATIENCE)?.success(), "{}", exec.stderr());
        assert!(!exists(sandbox, "alone"), "what nobody can judge does not run");
        Ok(())
    })
}

#[test]
fn without_magia_or_its_handler_codex_is_as_it_was() -> Result<()> {
    sandbox_test(|sandbox| {
        let model = FakeModel::of(sandbox, Vendor::OpenAi)?;
        let gone = sandbox.root().join("gone/magia-hook-handler");
        let here = magia_tests::binary("magia-hook-handler")?;
        for (name, handler) in [("no-app", &here), ("no-handler", &gone)] {
            let handler = handler.to_str().context("a path of text")?;
            let codex = Codex::new(sandbox, &model)?.with_hooks_of(handler, false)?;
            let tui = codex.embedded(name)?;
            tui.prompt(&touch(name, "all done"))?;
            tui.say_yes()?;
            tui.wait_for_answer("all done")?;
            assert!(exists(sandbox, name));
        }
        Ok(())
    })
}
