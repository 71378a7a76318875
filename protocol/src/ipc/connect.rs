//! The client's end.

use super::stream::{Inner, Stream};
use std::path::Path;
use std::time::Duration;

/// Why there is no connection; [`ConnectError::is_not_running`] tells the ordinary case apart.
#[cfg(unix)]
pub use crate::dial::DialError as ConnectError;

/// A connection for programs without a runtime, made by [`connect_blocking`].
#[cfg(unix)]
pub type BlockingStream = std::os::unix::net::UnixStream;

/// How long to wait before asking again when the server's queue is full; the kernel has no wake-up for that.
#[cfg(unix)]
const QUEUE_FULL_PAUSE: Duration = Duration::from_millis(2);

/// Connects to the socket at `path`: checks its directory first and the server's user after. Waits as long as
/// the server's queue is full; the caller sets the limit (`tokio::time::timeout`).
///
/// # Errors
/// See [`ConnectError`].
#[cfg(unix)]
pub async fn connect(path: &Path) -> Result<Stream, ConnectError> {
    crate::dial::check_place(path)?;
    loop {
        match Inner::connect(path).await {
            Ok(inner) => {
                crate::dial::check_server(path, &inner)?;
                return Ok(Stream(inner));
            }
            Err(err) if err.kind() == std::io::ErrorKind::WouldBlock => {
                tokio::time::sleep(QUEUE_FULL_PAUSE).await;
            }
            Err(err) => return Err(ConnectError::from_io(path, err)),
        }
    }
}

/// As [`connect`], for programs without a runtime: gives up after `timeout`, which also stays the limit of
/// each write until the caller sets another.
///
/// # Errors
/// See [`ConnectError`].
#[cfg(unix)]
pub fn connect_blocking(path: &Path, timeout: Duration) -> Result<BlockingStream, ConnectError> {
    crate::dial::dial(path, timeout)
}

#[cfg(windows)]
pub use windows::{BlockingStream, ConnectError, connect, connect_blocking};

#[cfg(windows)]
mod windows {
    use super::{Duration, Inner, Path, Stream};
    use crate::ipc::socket_name;
    use interprocess::ConnectWaitMode;
    use interprocess::local_socket::ConnectOptions;
    use interprocess::local_socket::traits::tokio::Stream as _;
    use std::io;
    use std::path::PathBuf;

    /// A connection for programs without a runtime, made by [`connect_blocking`].
    pub type BlockingStream = interprocess::local_socket::Stream;

    /// Why there is no connection.
    #[derive(Debug, thiserror::Error)]
    pub enum ConnectError {
        /// No pipe has the name.
        #[error("magia is not running, nothing listens on {path}", path = path.display())]
        NotRunning {
            /// The socket.
            path: PathBuf,
        },
        /// The system refused.
        #[error("cannot connect ({source}): {path}", path = path.display())]
        Io {
            /// The socket.
            path: PathBuf,
            /// Why not.
            source: io::Error,
        },
    }

    impl ConnectError {
        /// Whether the app is simply not there.
        pub fn is_not_running(&self) -> bool {
            matches!(self, Self::NotRunning { .. })
        }

        fn from_io(path: &Path, source: io::Error) -> Self {
            let path = path.to_path_buf();
            match source.kind() {
                io::ErrorKind::NotFound => Self::NotRunning { path },
                _ => Self::Io { path, source },
            }
        }
    }

    /// Connects to the pipe for `path`.
    ///
    /// # Errors
    /// See [`ConnectError`].
    pub async fn connect(path: &Path) -> Result<Stream, ConnectError> {
        let name = socket_name(path).map_err(|err| ConnectError::from_io(path, err))?;
        Inner::connect(name).await.map(Stream).map_err(|err| ConnectError::from_io(path, err))
    }

    /// As [`connect`], for programs without a runtime.
    ///
    /// # Errors
    /// See [`ConnectError`].
    pub fn connect_blocking(path: &Path, timeout: Duration) -> Result<BlockingStream, ConnectError> {
        let name = socket_name(path).map_err(|err| ConnectError::from_io(path, err))?;
        ConnectOptions::new()
            .name(name)
            .wait_mode(ConnectWaitMode::Timeout(timeout))
            .connect_sync()
            .map_err(|err| ConnectError::from_io(path, err))
    }
}
