//! What an agent's process is, read from the system.

use magia_core::normalize::process::{Role, role};
use magia_protocol::process::process_exe_name;
use magia_protocol::wire::Provider;
use std::io::Read as _;

/// Bytes of a command line that are read: a prompt may stand in it.
const CMDLINE_MAX: u64 = 16 * 1024;

/// What a process is; `None` when it is no agent, has gone, or may not be looked at.
pub fn role_of(pid: u32) -> Option<(Provider, Role)> {
    let exe = process_exe_name(pid)?;
    // Most processes are none, and their command lines need not be read.
    if !matches!(exe.as_str(), "codex" | "gemini" | "node" | "nodejs" | "bun") {
        return None;
    }
    let mut cmdline = Vec::new();
    let file = std::fs::File::open(format!("/proc/{pid}/cmdline")).ok()?;
    file.take(CMDLINE_MAX).read_to_end(&mut cmdline).ok()?;
    let argv: Vec<String> = cmdline
        .strip_suffix(&[0])
        .unwrap_or(&cmdline)
        .split(|byte| *byte == 0)
        .map(|arg| String::from_utf8_lossy(arg).into_owned())
        .collect();
    role(&exe, &argv)
}

/// The newest process id that the system has given away, by which a new process shows without a list of all; `None`
/// where the system does not say.
#[cfg(target_os = "linux")]
pub fn newest_pid() -> Option<u32> {
    let text = std::fs::read_to_string("/proc/loadavg").ok()?;
    text.split_ascii_whitespace().next_back()?.parse().ok().filter(|pid| *pid > 0)
}
/// Not known on this system.
#[cfg(not(target_os = "linux"))]
pub fn newest_pid() -> Option<u32> {
    None
}
