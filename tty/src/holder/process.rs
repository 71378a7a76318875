//! Becoming a process on its own.

use std::io;

/// Which of the two processes this is after [`become_daemon`].
#[derive(Debug)]
pub enum Daemon {
    /// The one that was started: it has nothing more to do.
    Parent,
    /// The holder. `umask` is what its starter had.
    Child {
        /// Mode bits that new files do not get.
        umask: u32,
    },
}

/// The signals that would end a holder for somebody else's reason: its starter's terminal, a client that hung up, a file
/// that may not grow.
const IGNORED: [libc::c_int; 9] = [
    libc::SIGHUP,
    libc::SIGINT,
    libc::SIGQUIT,
    libc::SIGPIPE,
    libc::SIGTSTP,
    libc::SIGTTIN,
    libc::SIGTTOU,
    libc::SIGXFSZ,
    libc::SIGALRM,
];

/// Leaves the starter's session, terminal and descriptors. The process that was started ends, so the holder is nobody's
/// zombie when it ends. Call it while there is one thread.
///
/// # Errors
/// When the system gives no process.
pub fn become_daemon() -> io::Result<Daemon> {
    // SAFETY: plain calls with integers; there is one thread, so the child of the fork is a whole process.
    unsafe {
        libc::setsid();
        match libc::fork() {
            -1 => return Err(io::Error::last_os_error()),
            0 => {}
            _ => return Ok(Daemon::Parent),
        }
        for signal in IGNORED {
            libc::signal(signal, libc::SIG_IGN);
        }
        let mut none: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut());
        close_inherited();
        super::session::adopt_orphans();
        #[allow(clippy::useless_conversion, reason = "it is not 32 bits long everywhere")]
        let umask = u32::from(libc::umask(0o077));
        Ok(Daemon::Child { umask })
    }
}

/// Closes what the starter's own starter left open.
unsafe fn close_inherited() {
    #[cfg(target_os = "linux")]
    // SAFETY: takes three integers; nothing of ours is open beyond the standard descriptors yet.
    if unsafe { libc::syscall(libc::SYS_close_range, 3_u32, u32::MAX, 0) } == 0 {
        return;
    }
    // SAFETY: as above.
    for fd in 3..1024 {
        unsafe { libc::close(fd) };
    }
}

/// Puts `/dev/null` in the place of the standard descriptors: the starter waits for their end.
pub fn close_standard() {
    // SAFETY: the text ends with a NUL; a descriptor that is not negative is new, and closed when it is not one of those.
    unsafe {
        let null = libc::open(c"/dev/null".as_ptr(), libc::O_RDWR | libc::O_CLOEXEC);
        if null < 0 {
            return;
        }
        for fd in 0..3 {
            libc::dup2(null, fd);
        }
        if null > 2 {
            libc::close(null);
        }
    }
}
