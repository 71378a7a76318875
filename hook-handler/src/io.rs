//! Reading and writing that ends at a deadline, on raw descriptors: std's stdin and stdout bring locks,
//! buffers and waits without end.

use std::io;
use std::os::fd::RawFd;
use std::time::{Duration, Instant};

/// Standard input.
pub const STDIN: RawFd = 0;
/// Standard output.
pub const STDOUT: RawFd = 1;
/// Standard error.
pub const STDERR: RawFd = 2;

/// What a pipe that is ready takes without making the writer wait.
const PIPE_CHUNK_BYTES: usize = 4096;

/// A moment after which everything gives up.
#[derive(Debug, Clone, Copy)]
pub struct Deadline(Instant);

impl Deadline {
    /// `limit` from now; the caller keeps it below a few days.
    pub fn after(limit: Duration) -> Self {
        Self(Instant::now() + limit)
    }

    /// What is left.
    ///
    /// # Errors
    /// `TimedOut` when nothing is.
    pub fn left(self) -> io::Result<Duration> {
        let left = self.0.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
    }
}

/// Waits until `fd` is ready for `events` (or failed, which the next call on it will tell).
fn wait(fd: RawFd, events: libc::c_short, deadline: Deadline) -> io::Result<()> {
    loop {
        let left_ms = deadline.left()?.as_micros().div_ceil(1000);
        let left_ms = libc::c_int::try_from(left_ms).unwrap_or(libc::c_int::MAX);
        let mut polled = libc::pollfd { fd, events, revents: 0 };
        // SAFETY: one pollfd, ours.
        match unsafe { libc::poll(&raw mut polled, 1, left_ms) } {
            0 => {}
            1.. => return Ok(()),
            _ => retry_if_interrupted(io::Error::last_os_error())?,
        }
    }
}

fn retry_if_interrupted(err: io::Error) -> io::Result<()> {
    match err.kind() {
        io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock => Ok(()),
        _ => Err(err),
    }
}

/// Reads up to `limit` bytes, no more than its spare capacity, to the end of `buffer`; gives how many, 0 at
/// the end of the stream.
///
/// # Errors
/// `TimedOut`, or what the system says.
pub fn read(fd: RawFd, buffer: &mut Vec<u8>, limit: usize, deadline: Deadline) -> io::Result<usize> {
    loop {
        wait(fd, libc::POLLIN, deadline)?;
        let room = buffer.spare_capacity_mut();
        let len = room.len().min(limit);
        // SAFETY: the system writes at most `len` bytes into our spare capacity.
        let got = unsafe { libc::read(fd, room.as_mut_ptr().cast(), len) };
        if let Ok(got) = usize::try_from(got) {
            // SAFETY: the system has filled `got` bytes of the spare capacity.
            unsafe { buffer.set_len(buffer.len() + got) };
            return Ok(got);
        }
        retry_if_interrupted(io::Error::last_os_error())?;
    }
}

/// Sends all of `bytes` on the socket `fd`.
///
/// # Errors
/// `TimedOut`, or what the system says.
pub fn send_all(fd: RawFd, bytes: &[u8], deadline: Deadline) -> io::Result<()> {
    write_with(bytes, usize::MAX, |part| {
        // SAFETY: reads `part`, which is ours.
        let sent = unsafe { libc::send(fd, part.as_ptr().cast(), part.len(), libc::MSG_DONTWAIT) };
        done_or_wait(fd, sent, deadline)
    })
}

/// Makes a write to a pipe or socket that nobody reads an error instead of the end of this process. Call it
/// first.
pub fn ignore_broken_pipes() {
    // SAFETY: no handler of ours runs; ignoring a signal touches no memory of ours.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_IGN) };
}

/// Writes all of `bytes` to `fd`, a pipe, file or terminal.
///
/// # Errors
/// `TimedOut`, or what the system says.
pub fn write_all(fd: RawFd, bytes: &[u8], deadline: Deadline) -> io::Result<()> {
    write_with(bytes, PIPE_CHUNK_BYTES, |part| {
        wait(fd, libc::POLLOUT, deadline)?;
        // SAFETY: reads `part`, which is ours.
        let written = unsafe { libc::write(fd, part.as_ptr().cast(), part.len()) };
        done_or_wait(fd, written, deadline)
    })
}

fn write_with(
    mut bytes: &[u8],
    chunk_bytes: usize,
    mut write: impl FnMut(&[u8]) -> io::Result<usize>,
) -> io::Result<()> {
    while !bytes.is_empty() {
        let part = bytes.get(..chunk_bytes).unwrap_or(bytes);
        let written = write(part)?;
        bytes = bytes.get(written..).unwrap_or_default();
    }
    Ok(())
}

fn done_or_wait(fd: RawFd, written: isize, deadline: Deadline) -> io::Result<usize> {
    if let Ok(written) = usize::try_from(written) {
        return Ok(written);
    }
    retry_if_interrupted(io::Error::last_os_error())?;
    wait(fd, libc::POLLOUT, deadline)?;
    Ok(0)
}
