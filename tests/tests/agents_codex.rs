//! A real Codex works on its own shared daemon, and magia is one more client there.
//!
//! Needs `make agents`; `make test-agents` runs it.

use anyhow::Result;
use magia_tests::{Codex, FakeModel, PATIENCE, Vendor, sandbox_test, steps};

/// A command that Codex asks about, and that leaves a file; the model then says `end`.
fn touch(name: &str, end: &str) -> String {
    let call = format!(
        r#"tool:exec_command {{"cmd":"touch {name}","sandbox_permissions":"require_escalated","justification":"leaves a mark"}}"#
    );
    steps(&[call, format!("say:{end}")])
}

#[test]
fn codex_runs_in_all_its_ways() -> Result<()> {
    sandbox_test(|sandbox| {
        let model = FakeModel::of(sandbox, Vendor::OpenAi)?;
        let codex = Codex::new(sandbox, &model)?;
        let tui = codex.interactive("codex")?;
        assert!(codex.daemon_pid().is_some(), "the TUI started no daemon");
        tui.prompt(&touch("one", "all done"))?;
        tui.wait_for_dialog()?;
        assert!(!sandbox.work().join("one").exists());
        tui.terminal.type_text("y")?;
        tui.wait_for_answer("all done")?;
        assert!(sandbox.work().join("one").exists());
        drop(tui);
        codex.kill_daemon()?;

        let tui = codex.embedded("embedded")?;
        assert_eq!(codex.daemon_pid(), None, "--no-daemon started one");
        tui.prompt(&steps(&["say:from the embedded one"]))?;
        tui.wait_for_answer("from the embedded one")?;

        let mut exec = codex.exec("exec", &steps(&["say:from exec"]))?;
        assert!(exec.wait(PATIENCE)?.success(), "{}", exec.stderr());
        assert!(exec.stdout().contains("from exec"), "{}", exec.stdout());
        Ok(())
    })
}
