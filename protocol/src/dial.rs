//! A blocking connection to one of the app's sockets, with both the directory and the server checked.
//!
//! Unix only, std and libc only: the hook handler connects with this, and so does the blocking client of
//! `ipc`. A connection is made with a deadline, which std does not offer for local sockets.

use crate::paths::{PathError, check_runtime_dir, check_socket_path, own_uid};
use crate::process::peer_cred;
use std::error::Error;
use std::fmt;
use std::io;
use std::mem::offset_of;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Why there is no connection to the app.
#[derive(Debug)]
pub enum DialError {
    /// The app is not running: there is no socket, or nobody listens on it.
    NotRunning {
        /// The socket.
        path: PathBuf,
    },
    /// The place is not to be trusted, or the path too long.
    Path(PathError),
    /// The app did not take the connection in time.
    TimedOut {
        /// The socket.
        path: PathBuf,
    },
    /// The server is another user's program.
    ForeignServer {
        /// The socket.
        path: PathBuf,
        /// The server's user.
        uid: u32,
    },
    /// The system refused.
    Io {
        /// The socket.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

impl DialError {
    /// Whether the app is simply not there (so that another place may be tried, or the user told to start it).
    pub fn is_not_running(&self) -> bool {
        matches!(self, Self::NotRunning { .. } | Self::Path(PathError::Missing { .. }))
    }

    /// Sorts what the system said about connecting to `path`.
    pub fn from_io(path: &Path, source: io::Error) -> Self {
        let path = path.to_path_buf();
        match source.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => Self::NotRunning { path },
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Self::TimedOut { path },
            _ => Self::Io { path, source },
        }
    }
}

impl fmt::Display for DialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotRunning { path } => {
                write!(f, "magia is not running, nothing listens on {}", path.display())
            }
            Self::Path(err) => err.fmt(f),
            Self::TimedOut { path } => write!(f, "magia did not answer in time on {}", path.display()),
            Self::ForeignServer { path, uid } => {
                write!(f, "server belongs to user {uid}, refused: {}", path.display())
            }
            Self::Io { path, source } => write!(f, "cannot connect ({source}): {}", path.display()),
        }
    }
}

impl Error for DialError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Path(err) => err.source(),
            Self::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}

/// Connects to the socket at `path` and gives up after `timeout` (at least 1 ms).
///
/// The directory is checked before, the server's user after. Writes on the stream keep `timeout` as their
/// own limit until the caller sets another; reads have none.
///
/// # Errors
/// See [`DialError`].
pub fn dial(path: &Path, timeout: Duration) -> Result<UnixStream, DialError> {
    check_place(path)?;
    let stream = connect(path, timeout).map_err(|err| DialError::from_io(path, err))?;
    check_server(path, &stream)?;
    Ok(stream)
}

/// The checks before connecting: length of the path, and the directory that it is in.
///
/// # Errors
/// [`DialError::Path`].
pub fn check_place(path: &Path) -> Result<(), DialError> {
    check_socket_path(path).map_err(DialError::Path)?;
    check_runtime_dir(path.parent().unwrap_or(path)).map_err(DialError::Path)
}

/// The check after connecting: the server runs as our user.
///
/// # Errors
/// [`DialError::ForeignServer`], or [`DialError::Io`] when the system does not tell.
pub fn check_server(path: &Path, stream: &impl std::os::fd::AsFd) -> Result<(), DialError> {
    let cred = peer_cred(stream).map_err(|err| DialError::from_io(path, err))?;
    if cred.uid != own_uid() {
        return Err(DialError::ForeignServer { path: path.to_path_buf(), uid: cred.uid });
    }
    Ok(())
}

fn connect(path: &Path, timeout: Duration) -> io::Result<UnixStream> {
    let (address, len) = socket_address(path)?;
    let stream = new_socket()?;
    // The kernel takes the send timeout as the limit for waiting until the server's queue has room.
    stream.set_write_timeout(Some(timeout.max(Duration::from_millis(1))))?;
    loop {
        // SAFETY: `address` is a valid sockaddr_un of at least `len` bytes; the fd is open while `stream` lives.
        if unsafe { libc::connect(stream.as_raw_fd(), (&raw const address).cast(), len) } == 0 {
            return Ok(stream);
        }
        let err = io::Error::last_os_error();
        if err.kind() != io::ErrorKind::Interrupted {
            return Err(err);
        }
    }
}

fn new_socket() -> io::Result<UnixStream> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let kind = libc::SOCK_STREAM | libc::SOCK_CLOEXEC;
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let kind = libc::SOCK_STREAM;
    // SAFETY: no pointers; a descriptor that is not negative is new and ours alone.
    let fd = unsafe { libc::socket(libc::AF_UNIX, kind, 0) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: see above.
    let fd = unsafe { OwnedFd::from_raw_fd(fd) };
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    // SAFETY: no pointers; the descriptor is open.
    unsafe {
        libc::fcntl(fd.as_raw_fd(), libc::F_SETFD, libc::FD_CLOEXEC);
    }
    Ok(UnixStream::from(fd))
}

fn socket_address(path: &Path) -> io::Result<(libc::sockaddr_un, libc::socklen_t)> {
    // SAFETY: all zeros is a valid sockaddr_un: plain numbers.
    let mut address: libc::sockaddr_un = unsafe { std::mem::zeroed() };
    address.sun_family = libc::AF_UNIX as libc::sa_family_t;
    let bytes = path.as_os_str().as_bytes();
    // One place stays for the closing NUL.
    if bytes.len() >= address.sun_path.len() || bytes.contains(&0) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    for (place, byte) in address.sun_path.iter_mut().zip(bytes) {
        *place = *byte as libc::c_char;
    }
    let len = offset_of!(libc::sockaddr_un, sun_path) + bytes.len() + 1;
    Ok((address, len as libc::socklen_t))
}
