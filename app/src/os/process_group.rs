//! Programs that are started for a moment, and ended with all that they have started.

use std::process::Command;

/// Makes a program, once it is started, the first of a group of its own.
pub fn apart(command: &mut Command) {
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(command, 0);
    #[cfg(not(unix))]
    let _one_by_one = command;
}

/// Ends at once all that is left of the group of a program that [`apart`] was called for. Where there are no groups,
/// nothing. To be called before the program was waited for: later its number may be another's.
pub fn end(program: u32) {
    #[cfg(unix)]
    if let Ok(group) = i32::try_from(program) {
        // SAFETY: kill takes plain numbers; the group is the one that our child began.
        unsafe { libc::kill(-group, libc::SIGKILL) };
    }
    #[cfg(not(unix))]
    let _one_by_one = program;
}
