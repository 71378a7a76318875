//! A systemd scope of the terminal's own, so that to stop whatever started it does not end it.
//!
//! The user's systemd is asked and not waited for: a terminal that starts late, or not at all because the bus hangs, would
//! be worse than one in its starter's scope. What the program starts in the milliseconds until it is moved stays behind.

use crate::id::TerminalId;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Asks for the scope. Whether it came to be is not asked; the caller asks after its child.
pub fn move_into_own(id: &TerminalId, child: u32) {
    let has_manager = std::env::var_os("XDG_RUNTIME_DIR")
        .is_some_and(|dir| PathBuf::from(dir).join("systemd/private").exists());
    if !has_manager {
        return;
    }
    let unit = format!("magia-terminal-{id}.scope");
    let (own, child) = (std::process::id().to_string(), child.to_string());
    let mut ask = Command::new("busctl");
    ask.args([
        "--user",
        "--quiet",
        "--timeout=10",
        "call",
        "org.freedesktop.systemd1",
        "/org/freedesktop/systemd1",
    ]);
    ask.args([
        "org.freedesktop.systemd1.Manager",
        "StartTransientUnit",
        "ssa(sv)a(sa(sv))",
        &unit,
        "fail",
        "3",
    ]);
    ask.args(["Description", "s", "magia terminal", "CollectMode", "s", "inactive-or-failed"]);
    ask.args(["PIDs", "au", "2", &own, &child, "0"]);
    // Without busctl there is no scope.
    drop(ask.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn());
}
