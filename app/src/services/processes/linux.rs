//! Linux: pidfds in an epoll set, and an eventfd as the bell.

use super::Waiting;
use magia_protocol::process::process_start_ticks;
use magia_protocol::wire::ProcessId;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::time::Duration;

/// The bell's token; processes get greater ones.
const BELL: u64 = 0;
/// Ends that are taken from the kernel at once.
const READY_MAX: usize = 64;
/// Processes that get a descriptor each, at most: more agents than this on one machine are not agents.
const DESCRIPTORS_MAX: usize = 4_096;

/// Wakes the waiting thread.
#[derive(Debug)]
pub(super) struct Bell(Arc<OwnedFd>);

impl Bell {
    pub(super) fn ring(&self) {
        let one = 1_u64.to_ne_bytes();
        // SAFETY: eight bytes of ours are read; the descriptor is open as long as we are. The write fails only when
        // the counter is full, and then the bell rings anyway.
        unsafe { libc::write(self.0.as_raw_fd(), one.as_ptr().cast(), one.len()) };
    }
}

/// Keeps a process in the set.
#[derive(Debug)]
pub(super) struct Guard {
    // Closing it takes it out of the set, since nobody has a copy of it.
    _pidfd: OwnedFd,
    /// Counts the descriptors in use.
    _count: Arc<()>,
}

/// The set.
#[derive(Debug)]
pub(super) struct Poller {
    epoll: OwnedFd,
    bell: Arc<OwnedFd>,
    counted: Arc<()>,
    pub(super) descriptors_max: usize,
}

impl Poller {
    pub(super) fn new() -> io::Result<(Self, Bell)> {
        // SAFETY: takes numbers only; the result is checked before it is owned.
        let epoll = owned(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) })?;
        // SAFETY: as above.
        let bell = owned(unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) })?;
        let bell = Arc::new(bell);
        let poller =
            Self { epoll, bell: bell.clone(), counted: Arc::new(()), descriptors_max: descriptors_max() };
        poller.add(bell.as_raw_fd(), BELL)?;
        Ok((poller, Bell(bell)))
    }

    pub(super) fn arm(&self, process: ProcessId, token: u64) -> Waiting {
        let Ok(pid) = libc::pid_t::try_from(process.pid) else { return Waiting::Gone };
        let runs = || process_start_ticks(process.pid) == Some(process.start);
        if !runs() {
            return Waiting::Gone;
        }
        if Arc::strong_count(&self.counted) > self.descriptors_max {
            return Waiting::Unarmed;
        }
        // SAFETY: takes numbers only; the result is checked before it is owned.
        let opened = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
        let pidfd = match RawFd::try_from(opened).map_err(io::Error::other).and_then(owned) {
            Ok(pidfd) => pidfd,
            Err(err) if err.raw_os_error() == Some(libc::ESRCH) => return Waiting::Gone,
            Err(err) => {
                tracing::debug!("no descriptor for process {pid}: {err}");
                return Waiting::Unarmed;
            }
        };
        // The pid may have changed hands between the look and the descriptor; now it cannot any more.
        if !runs() {
            return Waiting::Gone;
        }
        match self.add(pidfd.as_raw_fd(), token) {
            Ok(()) => Waiting::Armed(Guard { _pidfd: pidfd, _count: self.counted.clone() }),
            Err(err) => {
                tracing::debug!("cannot wait for process {pid}: {err}");
                Waiting::Unarmed
            }
        }
    }

    /// Waits for the bell, the end of a process, or the timeout. The tokens of the processes that ended.
    pub(super) fn wait(&self, timeout: Option<Duration>) -> io::Result<Vec<u64>> {
        // Rounded up, so that the time is over afterwards.
        let timeout_ms = match timeout {
            Some(timeout) => i32::try_from(timeout.as_millis() + 1).unwrap_or(i32::MAX),
            None => -1,
        };
        let mut events = [libc::epoll_event { events: 0, u64: 0 }; READY_MAX];
        // SAFETY: the kernel writes at most READY_MAX events into our array.
        let count = unsafe {
            libc::epoll_wait(
                self.epoll.as_raw_fd(),
                events.as_mut_ptr(),
                READY_MAX as libc::c_int,
                timeout_ms,
            )
        };
        let Ok(count) = usize::try_from(count) else {
            let err = io::Error::last_os_error();
            return match err.kind() {
                io::ErrorKind::Interrupted => Ok(Vec::new()),
                _ => Err(err),
            };
        };
        let tokens: Vec<u64> = events.iter().take(count).map(|event| event.u64).collect();
        if tokens.contains(&BELL) {
            let mut counter = [0_u8; 8];
            // SAFETY: eight bytes of ours are written. It does not block; nothing to read is no harm.
            unsafe { libc::read(self.bell.as_raw_fd(), counter.as_mut_ptr().cast(), counter.len()) };
        }
        Ok(tokens)
    }

    fn add(&self, fd: RawFd, token: u64) -> io::Result<()> {
        let mut event = libc::epoll_event { events: libc::EPOLLIN as u32, u64: token };
        // SAFETY: the event is ours and only read; both descriptors are open.
        let failed =
            unsafe { libc::epoll_ctl(self.epoll.as_raw_fd(), libc::EPOLL_CTL_ADD, fd, &raw mut event) };
        if failed == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }
}

/// A quarter of what the process may open: sockets and files need the rest.
fn descriptors_max() -> usize {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the kernel writes into our struct.
    let failed = unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) };
    if failed != 0 {
        return READY_MAX;
    }
    usize::try_from(limit.rlim_cur / 4).unwrap_or(DESCRIPTORS_MAX).min(DESCRIPTORS_MAX)
}

/// Takes a new descriptor; -1 is the system's last error.
fn owned(fd: RawFd) -> io::Result<OwnedFd> {
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel just gave it to us and nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
