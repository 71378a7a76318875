//! How many files this process may have open.

/// Enough for all places of all sockets, a second one for each gate, and for the rest of the program.
#[cfg(unix)]
const WANTED: libc::rlim_t = 4 * super::accept::OPEN_MAX as libc::rlim_t + 1024;

/// Raises the soft limit of open files, up to the hard one. The usual soft limit of 1,024 lets a thousand silent
/// connections keep everybody else out. The listeners also work without: they wait for connections to end.
#[cfg(unix)]
pub(super) fn raise_limit() {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the struct is ours and lives through the call.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } != 0 || limit.rlim_cur >= WANTED {
        return;
    }
    limit.rlim_cur = WANTED.min(limit.rlim_max);
    // SAFETY: as above; the kernel only reads it.
    if unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) } != 0 {
        tracing::debug!("cannot raise the limit of open files: {}", std::io::Error::last_os_error());
    }
}

/// There is no such limit.
#[cfg(not(unix))]
pub(super) fn raise_limit() {}
