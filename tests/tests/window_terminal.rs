//! A terminal in the real window, and what becomes of it when the window is killed.

use anyhow::{Context, Result};
use magia_tests::{Cli, Display, PATIENCE, Sandbox, Window, sandbox_test, wait_until};
use serde_json::json;

/// What the terminal shows, once it shows `wanted`.
fn shown(window: &Window<'_>, wanted: &str) -> Result<String> {
    wait_until(&format!("{wanted:?} in the terminal"), PATIENCE, || {
        let found = window.elements().ok()?.into_iter().find(|it| it.role == "Terminal")?;
        found.value.contains(wanted).then_some(found.value)
    })
}

/// A window with the terminal `kept` in it, which has the keyboard.
fn open<'a>(sandbox: &'a Sandbox, display: &'a Display) -> Result<Window<'a>> {
    let window = Window::start(sandbox, display)?;
    let page = window.wait_for("Button", "Terminals")?;
    window.click(&page)?;
    let row = window.wait_for("Button", "Terminal kept, running")?;
    window.click(&row)?;
    window.wait_for("Terminal", "Terminal of kept")?;
    Ok(window)
}

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

        let mut window = open(sandbox, &display)?;
        window.type_text("hello")?;
        window.key("Return")?;
        let before = shown(&window, "said hello")?;
        window.program().kill9()?;
        drop(window);
        let listed = cli.json(&["term", "show", "kept"])?;
        assert_eq!(listed["state"], "running", "nobody but the window was killed");

        let window = open(sandbox, &display)?;
        assert_eq!(shown(&window, "said hello")?, before);
        window.type_text("again")?;
        window.key("Return")?;
        shown(&window, "said again")?;
        drop(window);
        cli.json(&["term", "kill", "kept"]).context("ending the terminal")?;
        Ok(())
    })
}
