//! A real Claude Code asks, a person clicks Allow in the real window, and the tool runs.
//!
//! Needs `make agents`; `make test-agents` runs it.

use anyhow::Result;
use magia_tests::{Display, Scene, Window, sandbox_test, text, touch};
use std::fs;
use std::path::Path;

/// `make screenshots` copies it for the README.
const PICTURE: &str = "real-claude.png";

#[test]
fn a_click_on_allow_lets_the_real_tool_run() -> Result<()> {
    sandbox_test(|sandbox| {
        let scene = Scene::without_app(sandbox)?;
        let display = Display::start(sandbox)?;
        let window = Window::start(sandbox, &display)?;
        window.wait_for("Button", "Skip the welcome")?;
        let claude = scene.claude()?;
        scene.cli.wait_for_session(claude.pid(), "idle")?;
        claude.prompt(&touch("mark", "all done"))?;
        claude.wait_for_dialog()?;
        let request = scene.cli.wait_for_request()?;
        // The row under "Needs you".
        let row = window.wait_for_text("waiting for permission: ")?;
        window.click(&row)?;
        window.wait_for("Button", "Allow Bash: touch mark")?;
        window.settle()?;
        let picture = Path::new(env!("CARGO_TARGET_TMPDIR")).join(PICTURE);
        window.screenshot(&picture)?;
        assert!(fs::read(&picture)?.starts_with(b"\x89PNG"));
        assert!(!scene.exists("mark"));

        window.click(&window.wait_for("Button", "Allow Bash: touch mark")?)?;
        claude.wait_for_answer("all done")?;
        assert!(scene.exists("mark"));
        let request = scene.cli.wait_for_request_state(text(&request, "id"), "took effect")?;
        assert_eq!(
            (text(&request["outcome"], "by"), text(&request["outcome"], "decision")),
            ("window", "allow")
        );
        window.wait_until_gone("Button", "Allow Bash: touch mark")?;
        window.wait_for_text("all done")?;
        scene.cli.wait_for_session(claude.pid(), "idle")?;
        Ok(())
    })
}
