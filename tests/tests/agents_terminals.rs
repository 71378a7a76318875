//! The real agents in terminals of magia's: driven in the window, and going on without it.
//!
//! Needs `make agents`; `make test-agents` runs it.

use anyhow::{Context, Result, bail};
use magia_tests::{
    Cli, Codex, Display, FakeModel, Gemini, PATIENCE, RegistryEntry, Sandbox, Scene, ShownTerminal, Vendor,
    bash, binary, hold, hold_with, sandbox_test, script, steps, touch, wait_until,
};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::time::Duration;

/// The process of a terminal's program.
fn pid(cli: Cli<'_>, id: &str) -> Result<u32> {
    let shown = cli.json(&["term", "show", id])?;
    Ok(shown.get("pid").and_then(Value::as_u64).context("a process")?.try_into()?)
}

fn picture(shown: &ShownTerminal<'_>, name: &str) -> Result<()> {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("tui-{name}.png"));
    shown.picture(&path)?;
    assert!(fs::read(&path)?.starts_with(b"\x89PNG"));
    Ok(())
}

/// How often a key is pressed that an agent may take for a part of what was typed right before it, or that comes as soon as
/// its dialog; and how long it is waited for each time.
const PRESSES: usize = 5;
const PRESS_PATIENCE: Duration = Duration::from_secs(4);

/// Presses a key until the screen is as wanted.
fn press_until(shown: &ShownTerminal<'_>, key: &str, what: &str, wanted: impl Fn() -> bool) -> Result<()> {
    for _ in 0..PRESSES {
        shown.keys(&[key])?;
        if wait_until(what, PRESS_PATIENCE, || wanted().then_some(())).is_ok() {
            return Ok(());
        }
    }
    bail!("{key} does not lead to {what}; the screen:\n{}", shown.screen())
}

/// How many parts of pixels differ by more than what rounding does.
fn differing(before: &[u8], after: &[u8]) -> usize {
    before.iter().zip(after).filter(|(before, after)| before.abs_diff(**after) > 8).count()
}

/// Cursors that stand still, and no banner that says that there is no desktop: pictures are compared.
fn still(sandbox: &Sandbox) -> Result<()> {
    let dir = sandbox.root().join("config/magia");
    fs::create_dir_all(&dir).context("making the settings' directory")?;
    fs::write(
        dir.join("settings.json"),
        json!({ "terminalCursorBlink": false, "notificationsEnabled": false }).to_string(),
    )
    .context("writing settings")
}

#[test]
fn a_real_claude_goes_on_without_its_window_and_a_new_one_shows_the_same_cells() -> Result<()> {
    sandbox_test(|sandbox| {
        still(sandbox)?;
        let scene = Scene::without_app(sandbox)?;
        let display = Display::start(sandbox)?;
        let (argv, env) = scene.agent()?.words();
        // By a magia that is replaced by another while its terminal lives.
        let old = sandbox.root().join("magia-of-yesterday");
        fs::copy(binary("magia")?, &old)?;
        hold_with(sandbox, &old, "claude", &argv, &env)?;
        let pid = pid(scene.cli, "claude")?;
        let status = || RegistryEntry::read(&sandbox.home(), pid)?.status;
        let wait_for_status = |wanted: &str| {
            wait_until(&format!("Claude's status {wanted}"), PATIENCE, || {
                status().filter(|status| status == wanted).map(drop)
            })
        };
        let mut shown = ShownTerminal::open(sandbox, &display, "claude")?;
        wait_for_status("idle")?;
        shown.enter(&touch("mark", "all done"))?;
        wait_for_status("waiting")?;
        shown.wait_for("Do you want to proceed?")?;
        picture(&shown, "claude")?;
        let cells = || scene.cli.run(&["term", "screen", "claude", "--ansi"]).map(|it| it.stdout);
        let (before, text, held) = (shown.pixels()?, shown.screen(), cells()?);
        shown.window.program().kill9()?;
        drop(shown);
        assert_eq!(status().as_deref(), Some("waiting"), "nobody but the window was killed");
        assert_eq!(cells()?, held);
        fs::remove_file(&old)?;

        let mut shown = ShownTerminal::open(sandbox, &display, "claude")?;
        // The terminal had its first size while nobody looked.
        shown.wait_until("the same cells", |screen| screen == text)?;
        let after = shown.pixels()?;
        assert_eq!((after.0, after.1), (before.0, before.1));
        assert_eq!(differing(&before.2, &after.2), 0, "the cells look otherwise than before: {text}");
        shown.type_text("1")?;
        shown.wait_for("● all done")?;
        assert!(scene.exists("mark"));
        wait_for_status("idle")?;

        // In the middle of a turn: it is finished while there is no window.
        let waits = bash("until [ -e go ]; do sleep 0.05; done; touch went");
        shown.enter(&script(&json!([waits, "went on alone"])))?;
        shown.wait_for("Do you want to proceed?")?;
        shown.type_text("1")?;
        wait_for_status("busy")?;
        shown.window.program().kill9()?;
        drop(shown);
        fs::write(sandbox.work().join("go"), "")?;
        wait_until("the command's end", PATIENCE, || scene.exists("went").then_some(()))?;
        wait_for_status("idle")?;
        let shown = ShownTerminal::open(sandbox, &display, "claude")?;
        shown.wait_for("● went on alone")?;
        // The session and its terminal have found each other again.
        let session = scene.cli.wait_for_session(pid, "idle")?;
        assert_eq!(session["terminal"], "claude", "{session}");
        Ok(())
    })
}

/// Keys that only a program of its kind reads.
#[test]
fn a_real_claude_takes_its_keys_in_the_window() -> Result<()> {
    sandbox_test(|sandbox| {
        let scene = Scene::without_app(sandbox)?;
        let display = Display::start(sandbox)?;
        let (argv, env) = scene.agent()?.words();
        hold(sandbox, "claude", &argv, &env)?;
        let pid = pid(scene.cli, "claude")?;
        let shown = ShownTerminal::open(sandbox, &display, "claude")?;
        wait_until("Claude's prompt box", PATIENCE, || {
            RegistryEntry::read(&sandbox.home(), pid)?.status.filter(|status| status == "idle")
        })?;
        shown.type_text("one")?;
        shown.keys(&["shift+Return"])?;
        shown.type_text("two")?;
        shown.wait_until("two lines in the prompt box", |screen| {
            let rows: Vec<&str> = screen.lines().map(str::trim).collect();
            rows.windows(2).any(|rows| matches!(rows, [first, "two"] if first.ends_with("one")))
        })?;
        shown.keys(&["BackSpace"])?;
        shown.wait_until("a letter less", |screen| screen.lines().any(|row| row.trim() == "tw"))?;
        shown.keys(&["Home"])?;
        shown.type_text("s")?;
        shown.wait_until("a letter in front", |screen| screen.lines().any(|row| row.trim() == "stw"))?;
        shown.keys(&["Up"])?;
        shown.type_text("n")?;
        shown.wait_until("a letter in the row above", |screen| {
            screen.lines().any(|row| row.trim_end().ends_with("onne"))
        })?;
        shown.keys(&["shift+Tab"])?;
        shown.wait_for("accept edits on")?;
        picture(&shown, "claude-keys")?;
        // Ctrl+C is Claude's own: once clears, twice ends.
        shown.keys(&["ctrl+c"])?;
        shown.wait_until("an empty box", |screen| !screen.lines().any(|row| row.trim() == "stw"))?;
        shown.keys(&["ctrl+c", "ctrl+c"])?;
        wait_until("Claude's end", PATIENCE, || {
            let terminal = scene.cli.json(&["term", "show", "claude"]).ok()?;
            (terminal["state"] != "running").then_some(())
        })
        .with_context(|| shown.screen())
    })
}

#[test]
fn a_real_codex_is_driven_in_the_window() -> Result<()> {
    sandbox_test(|sandbox| {
        let model = FakeModel::of(sandbox, Vendor::OpenAi)?;
        let codex = Codex::new(sandbox, &model)?;
        let display = Display::start(sandbox)?;
        let (argv, env) = codex.words(&["--no-daemon"]);
        hold(sandbox, "codex", &argv, &env)?;
        let shown = ShownTerminal::open(sandbox, &display, "codex")?;
        shown.wait_until("Codex's prompt box", |screen| {
            screen.contains("OpenAI Codex") && screen.contains("GPT-5.5")
        })?;
        let call = r#"tool:exec_command {"cmd":"touch mark","sandbox_permissions":"require_escalated","justification":"leaves a mark"}"#;
        // Shift+Enter begins a line in its prompt box.
        for line in steps(&[call, "say:all done"]).lines() {
            shown.type_text(line)?;
            shown.wait_for(line)?;
            shown.keys(&["shift+Return"])?;
        }
        press_until(&shown, "Return", "Codex's dialog", || shown.shows("Would you like to"))?;
        picture(&shown, "codex")?;
        press_until(&shown, "y", "an answer", || !shown.shows("Would you like to"))?;
        shown.wait_for("• all done")?;
        assert!(sandbox.work().join("mark").exists());
        Ok(())
    })
}

#[test]
fn a_real_gemini_is_driven_in_the_window() -> Result<()> {
    sandbox_test(|sandbox| {
        let model = FakeModel::of(sandbox, Vendor::Gemini)?;
        let display = Display::start(sandbox)?;
        let (argv, env) = Gemini::new(sandbox, &model)?.words();
        hold(sandbox, "gemini", &argv, &env)?;
        let shown = ShownTerminal::open(sandbox, &display, "gemini")?;
        wait_until("Gemini's prompt box", 3 * PATIENCE, || shown.shows("Type your message").then_some(()))
            .with_context(|| shown.screen())?;
        let call = r#"tool:run_shell_command {"command":"touch mark","description":"leaves a mark"}"#;
        let prompt = steps(&[call, "say:all done"]);
        let mut lines = prompt.lines().peekable();
        while let Some(line) = lines.next() {
            shown.type_text(line)?;
            shown.wait_for(line)?;
            if lines.peek().is_some() {
                shown.keys(&["shift+Return"])?;
            }
        }
        press_until(&shown, "Return", "Gemini's dialog", || shown.shows("Allow once"))?;
        picture(&shown, "gemini")?;
        press_until(&shown, "Return", "an answer", || !shown.shows("Allow once"))?;
        shown.wait_for("✦ all done")?;
        assert!(sandbox.work().join("mark").exists());
        Ok(())
    })
}
