//! The processes of a terminal: all that are in the session of its program, whatever their group, also those whose
//! parents have gone. A process that has made a session of its own has left the terminal.

use std::io;

#[cfg(target_os = "linux")]
#[path = "session/linux.rs"]
mod system;
#[cfg(all(unix, not(target_os = "linux")))]
#[path = "session/other.rs"]
mod system;

/// Sends signals, in this order, to every process of the session of `leader`, and says how many processes there are.
pub fn signal_all(leader: u32, signals: &[i32]) -> usize {
    system::signal_all(leader, signals)
}

/// Whether any process of the session of `leader` runs.
pub fn is_alive(leader: u32) -> bool {
    system::is_alive(leader)
}

/// Sends a signal to a process group.
///
/// # Errors
/// What the system says.
pub fn signal_group(group: i32, signal: i32) -> io::Result<()> {
    // SAFETY: takes two integers.
    match unsafe { libc::kill(-group, signal) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Makes the processes whose parents end before them children of this one, so that it can ask how they ended; where the
/// system can.
pub fn adopt_orphans() {
    system::adopt_orphans();
}

/// Asks after a child that has ended, whichever: its id and the status as `waitpid` gives it.
pub fn reap_one() -> Option<(u32, i32)> {
    let mut status = 0;
    // SAFETY: writes to a local.
    let pid = unsafe { libc::waitpid(-1, &raw mut status, libc::WNOHANG) };
    u32::try_from(pid).ok().filter(|pid| *pid > 0).map(|pid| (pid, status))
}
