//! A terminal in the real window, and what becomes of it when the window is killed.

use anyhow::{Context, Result};
use magia_tests::{Cli, Display, PATIENCE, ShownTerminal, Window, hold, sandbox_test, wait_until};
use serde_json::json;
use std::path::Path;

#[test]
fn a_killed_windows_terminal_goes_on_with_the_same_screen() -> Result<()> {
    sandbox_test(|sandbox| {
        let display = Display::start(sandbox)?;
        let cli = Cli::new(sandbox);
        let window = Window::start(sandbox, &display)?;
        // An interactive program that says what it was told.
        let program = r#"while read line; do printf '\033[1;3%dmsaid %s\033[0m\n' 2 "$line"; done"#;
        let command = json!({ "command": ["/bin/sh", "-c", program], "id": "kept", "name": "kept" });
        let made = cli.json(&["call", "create_pty", &command.to_string()])?;
        assert_eq!(made["state"], "running");
        drop(window);

        let mut shown = ShownTerminal::open(sandbox, &display, "kept")?;
        shown.type_text("hello")?;
        shown.keys(&["Return"])?;
        let before = shown.wait_for("said hello")?;
        shown.window.program().kill9()?;
        drop(shown);
        let listed = cli.json(&["term", "show", "kept"])?;
        assert_eq!(listed["state"], "running", "nobody but the window was killed");

        let shown = ShownTerminal::open(sandbox, &display, "kept")?;
        assert_eq!(shown.wait_for("said hello")?, before);
        shown.type_text("again")?;
        shown.keys(&["Return"])?;
        shown.wait_for("said again")?;
        drop(shown);
        cli.json(&["term", "kill", "kept"]).context("ending the terminal")?;
        Ok(())
    })
}

#[test]
fn what_is_selected_is_pasted_by_the_middle_button_and_a_notification_is_said() -> Result<()> {
    sandbox_test(|sandbox| {
        let display = Display::start(sandbox)?;
        let program =
            "echo alpha beta; while read line; do printf '\\033]9;%s is done\\033\\\\' \"$line\"; echo; done";
        hold(sandbox, "tells", &["sh", "-c", program].map(str::to_owned), &[])?;
        let shown = ShownTerminal::open(sandbox, &display, "tells")?;
        shown.wait_for("alpha beta")?;
        // In the first row, a word from the left edge on.
        shown.click(0.025, 0.02, &["--repeat", "2", "--delay", "60", "1"])?;
        shown.click(0.025, 0.02, &["2"])?;
        shown.wait_until("the word a second time", |screen| screen.matches("alpha").count() == 2)?;
        shown.keys(&["Return"])?;
        shown.window.wait_for_text("tells: alpha is done")?;
        Ok(())
    })
}

#[test]
fn lines_from_before_the_window_are_read_back_from_the_recording() -> Result<()> {
    sandbox_test(|sandbox| {
        let display = Display::start(sandbox)?;
        hold(sandbox, "long", &["sh", "-c", "seq -f 'line %g' 4000; cat"].map(str::to_owned), &[])?;
        Cli::new(sandbox).json(&["term", "wait", "long", "--until", "text", "--text", "line 4000"])?;
        let shown = ShownTerminal::open(sandbox, &display, "long")?;
        shown.wait_for("line 4000")?;
        // The holder tells the last few hundred lines; who goes to their top gets the others.
        wait_until("the first line", PATIENCE, || {
            shown.keys(&["shift+Home"]).ok()?;
            shown.screen().starts_with("line 1\nline 2\n").then_some(())
        })?;
        shown.keys(&["shift+End"])?;
        shown.wait_for("line 4000")?;
        // The search finds what was read back.
        shown.keys(&["ctrl+shift+f"])?;
        shown.type_text("line 77")?;
        shown.keys(&["Return"])?;
        shown.wait_until("what was looked for", |screen| screen.contains("line 77"))?;
        Ok(())
    })
}

#[test]
fn terminals_stand_side_by_side_and_their_border_is_dragged() -> Result<()> {
    sandbox_test(|sandbox| {
        let display = Display::start(sandbox)?;
        for name in ["one", "two"] {
            hold(sandbox, name, &["cat".to_owned()], &[])?;
        }
        let shown = ShownTerminal::open(sandbox, &display, "one")?;
        let window = &shown.window;
        let row = window.wait_for("Button", "Terminal two, running")?;
        window.click_at(row.middle.context("a place")?, &["3"])?;
        window.wait_for("Button", "Open beside")?;
        shown.picture(&Path::new(env!("CARGO_TARGET_TMPDIR")).join("terminals-menu.png"))?;
        window.click(&window.wait_for("Button", "Open beside")?)?;
        window.wait_for("Terminal", "Terminal of two")?;
        let columns = |name: &str| -> Result<u64> {
            let known = Cli::new(sandbox).json(&["term", "show", name])?;
            known["cols"].as_u64().context("columns")
        };
        wait_until("halves", PATIENCE, || {
            let (one, two) = (columns("one").ok()?, columns("two").ok()?);
            (one.abs_diff(two) <= 2).then_some(())
        })?;
        // What is typed goes to the one that was opened last, and to the other after a click.
        shown.type_text("right")?;
        shown.wait_until("nothing at the left", |screen| !screen.contains("right"))?;
        shown.click(0.5, 0.5, &["1"])?;
        shown.type_text("left")?;
        shown.wait_for("left")?;
        let view = shown.view()?;
        let ((x, y), (width, _)) = view.middle.zip(view.size).context("a place")?;
        let border = x + width / 2.0;
        window.drag((border, y), (border + 150.0, y))?;
        wait_until("more room at the left", PATIENCE, || {
            let (one, two) = (columns("one").ok()?, columns("two").ok()?);
            (one > two + 20).then_some(())
        })?;
        shown.picture(&Path::new(env!("CARGO_TARGET_TMPDIR")).join("terminals-split.png"))?;
        Ok(())
    })
}

/// Text in all colours, on the theme's ground.
const COLOURS: &str = "for row in '' '1;' '2;' '3;4;' '7;' '9;'; do for c in 0 1 2 3 4 5 6 7; do \\
    printf '\\033[%s3%dm colour \\033[m\\033[%s9%dm bright \\033[m' \"$row\" $c \"$row\" $c; done; echo; done; \\
    printf '\\033[44;97m chosen \\033[m \\033[48;5;236;38;5;250m grey \\033[m ready\\n'; cat";

#[test]
fn a_terminal_follows_the_theme() -> Result<()> {
    sandbox_test(|sandbox| {
        let display = Display::start(sandbox)?;
        let dir = sandbox.root().join("config/magia");
        std::fs::create_dir_all(&dir)?;
        let mut grounds = Vec::new();
        for theme in ["dark", "light"] {
            std::fs::write(dir.join("settings.json"), json!({ "themeMode": theme }).to_string())?;
            hold(sandbox, theme, &["sh", "-c", COLOURS].map(str::to_owned), &[])?;
            let shown = ShownTerminal::open(sandbox, &display, theme)?;
            shown.wait_for("ready")?;
            shown.picture(&Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("terminals-{theme}.png")))?;
            let (width, height, pixels) = shown.pixels()?;
            assert_eq!(pixels.len(), (width * height * 3) as usize);
            // Its last pixel: ground.
            grounds.push(pixels.last_chunk::<3>().copied().context("a pixel")?);
        }
        let [dark, light] = grounds.as_slice() else { anyhow::bail!("two themes") };
        assert!(dark.iter().all(|part| *part < 60) && light.iter().all(|part| *part > 220), "{grounds:?}");
        Ok(())
    })
}
