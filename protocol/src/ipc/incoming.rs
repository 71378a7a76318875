//! A connection just accepted.

use super::stream::{DirectWriter, Stream};
use crate::process::PeerCred;
use std::io;

#[cfg(unix)]
pub(super) type Socket = std::os::unix::net::UnixStream;
#[cfg(windows)]
pub(super) type Socket = interprocess::local_socket::tokio::Stream;

/// A connection of our own user that no runtime watches yet: what its peer has sent already can be read at once, and
/// when that is all, the runtime never hears of it.
#[derive(Debug)]
pub struct Incoming {
    socket: Socket,
    cred: PeerCred,
}

impl Incoming {
    /// Asks who is at the other end. On Unix the socket must not block.
    pub(super) fn new(socket: Socket) -> io::Result<Self> {
        #[cfg(unix)]
        {
            let cred = crate::process::peer_cred(&socket)?;
            Ok(Self { socket, cred })
        }
        #[cfg(windows)]
        {
            use interprocess::local_socket::traits::StreamCommon;
            let pid = socket.peer_creds()?.pid().unwrap_or(0);
            Ok(Self { socket, cred: PeerCred { pid, uid: crate::paths::own_uid(), gid: 0 } })
        }
    }

    /// Who is at the other end.
    pub const fn cred(&self) -> PeerCred {
        self.cred
    }

    /// Reads what is there, never waits. 0 is the end of the stream.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] when nothing is there (for a pipe, always); else what the system says.
    pub fn read_now(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        #[cfg(unix)]
        {
            io::Read::read(&mut self.socket, buffer)
        }
        #[cfg(windows)]
        {
            let _ = buffer;
            Err(io::ErrorKind::WouldBlock.into())
        }
    }

    /// Writes as much of `bytes` as there is room for, never waits, and says how much that was; for a pipe, nothing.
    pub fn write_now(&self, bytes: &[u8]) -> usize {
        #[cfg(unix)]
        {
            super::stream::write_now(&self.socket, bytes)
        }
        #[cfg(windows)]
        {
            let _ = bytes;
            0
        }
    }

    /// The connection as something to write to at once, still without a runtime; for a pipe there is no such thing.
    ///
    /// # Errors
    /// The connection as it was.
    #[cfg_attr(windows, expect(clippy::result_large_err, reason = "it is the same connection"))]
    pub fn into_direct(self) -> Result<DirectWriter, Self> {
        #[cfg(unix)]
        {
            Ok(DirectWriter(self.socket))
        }
        #[cfg(windows)]
        {
            Err(self)
        }
    }

    /// The connection, watched by the runtime that this is called in.
    ///
    /// # Errors
    /// What the system says, e.g. that there are too many.
    pub fn into_stream(self) -> io::Result<Stream> {
        #[cfg(unix)]
        {
            tokio::net::UnixStream::from_std(self.socket).map(Stream)
        }
        #[cfg(windows)]
        {
            Ok(Stream(self.socket))
        }
    }
}
