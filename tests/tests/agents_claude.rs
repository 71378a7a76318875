//! The real Claude Code against the fake model.
//!
//! Needs `make agents`; `make test-agents` runs it.

use anyhow::Result;
use magia_tests::{Claude, FakeModel, Key, PATIENCE, Sandbox, sandbox_test, script, wait_until};
use serde_json::json;

/// A command that Claude asks about; it leaves a mark.
fn touching(name: &str) -> String {
    script(
        &json!([["Bash", { "command": format!("touch {name}"), "description": "leaves a mark" }], "all done"]),
    )
}

fn exists(sandbox: &Sandbox, name: &str) -> bool {
    sandbox.work().join(name).exists()
}

/// Without magia: the dialog in the terminal decides, and the registry says what Claude waits for.
#[test]
fn alone_the_terminal_allows() -> Result<()> {
    sandbox_test(|sandbox| {
        let model = FakeModel::start(sandbox)?;
        let claude = Claude::new(sandbox, &model)?.interactive("claude")?;
        claude.prompt(&touching("mark"))?;
        claude.wait_for_dialog()?;
        assert_eq!(claude.wait_for_status("waiting")?.waiting_for.as_deref(), Some("permission prompt"));
        assert!(!exists(sandbox, "mark"));
        claude.terminal.type_text("1")?;
        claude.wait_for_answer("all done")?;
        claude.wait_for_status("idle")?;
        assert!(exists(sandbox, "mark"));
        Ok(())
    })
}

#[test]
fn alone_escape_ends_the_turn() -> Result<()> {
    sandbox_test(|sandbox| {
        let model = FakeModel::start(sandbox)?;
        let mut claude = Claude::new(sandbox, &model)?.interactive("claude")?;
        claude.prompt(&touching("mark"))?;
        claude.wait_for_dialog()?;
        claude.terminal.press(Key::Esc)?;
        claude.wait_for_status("idle")?;
        claude.terminal.wait_for_text("Interrupted", PATIENCE)?;
        assert!(!exists(sandbox, "mark"));
        claude.terminal.kill9()?;
        Ok(())
    })
}

#[test]
fn alone_the_host_answers_over_stdio() -> Result<()> {
    sandbox_test(|sandbox| {
        let model = FakeModel::start(sandbox)?;
        let mut claude = Claude::new(sandbox, &model)?.stream("claude")?;
        claude.send_user(&touching("allowed"))?;
        let request = claude.wait_for_tool_request(1)?;
        assert_eq!((request.tool.as_str(), &request.input["command"]), ("Bash", &json!("touch allowed")));
        claude.allow(&request)?;
        assert_eq!(claude.wait_for_result(1)?["result"], "all done");
        claude.send_user(&touching("denied"))?;
        let request = claude.wait_for_tool_request(2)?;
        claude.deny(&request, "not this one")?;
        claude.wait_for_result(2)?;
        assert!(exists(sandbox, "allowed") && !exists(sandbox, "denied"));
        wait_until("the reason to reach the model", PATIENCE, || {
            let results = model.tool_results().ok()?;
            results.iter().any(|result| result["content"] == "not this one").then_some(())
        })?;
        claude.close_stdin();
        assert!(claude.program().wait(PATIENCE)?.success());
        Ok(())
    })
}

/// Plain `-p` never asks: what would need a permission is refused.
#[test]
fn alone_print_mode_refuses() -> Result<()> {
    sandbox_test(|sandbox| {
        let model = FakeModel::start(sandbox)?;
        let mut claude = Claude::new(sandbox, &model)?.print("claude", &touching("mark"))?;
        assert!(claude.wait(PATIENCE)?.success());
        assert_eq!(claude.stdout().trim(), "all done");
        assert!(!exists(sandbox, "mark"));
        Ok(())
    })
}
