//! One connection.

use crate::process::PeerCred;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

#[cfg(unix)]
pub(super) type Inner = tokio::net::UnixStream;
#[cfg(windows)]
pub(super) type Inner = interprocess::local_socket::tokio::Stream;

/// The reading side of a [`Stream`].
#[cfg(unix)]
pub type ReadHalf = tokio::net::unix::OwnedReadHalf;
/// The writing side of a [`Stream`]. Dropping it, or `shutdown`, tells the other end that no more comes.
#[cfg(unix)]
pub type WriteHalf = tokio::net::unix::OwnedWriteHalf;
/// The reading side of a [`Stream`].
#[cfg(windows)]
pub type ReadHalf = tokio::io::ReadHalf<Stream>;
/// The writing side of a [`Stream`]. A pipe has no half close: the other end sees the whole stream's end.
#[cfg(windows)]
pub type WriteHalf = tokio::io::WriteHalf<Stream>;

/// Writes to a connection without waiting, from any thread, beside the task that owns it. It keeps the connection open
/// as long as it lives.
#[cfg(unix)]
#[derive(Debug)]
pub struct DirectWriter(pub(super) std::os::unix::net::UnixStream);
/// There is none for a pipe.
#[cfg(windows)]
#[derive(Debug)]
pub struct DirectWriter(std::convert::Infallible);

impl DirectWriter {
    /// Writes as much of `bytes` as there is room for, and says how much that was: less than all when the other end is
    /// slow, none when it is gone.
    pub fn write(&self, bytes: &[u8]) -> usize {
        #[cfg(unix)]
        {
            write_now(&self.0, bytes)
        }
        #[cfg(windows)]
        {
            let _ = bytes;
            match self.0 {}
        }
    }

    /// Another way into the connection that `half` is a part of; `None` where there is none, or no descriptor left for
    /// it.
    pub fn of(half: &WriteHalf) -> Option<Self> {
        #[cfg(unix)]
        {
            use std::os::fd::AsFd;
            Some(Self(half.as_ref().as_fd().try_clone_to_owned().ok()?.into()))
        }
        #[cfg(windows)]
        {
            let _ = half;
            None
        }
    }

    /// The connection's descriptor.
    #[cfg(unix)]
    pub fn into_descriptor(self) -> std::os::fd::OwnedFd {
        self.0.into()
    }

    /// The connection, watched by the runtime that this is called in.
    ///
    /// # Errors
    /// What the system says, e.g. that there are too many.
    pub fn into_stream(self) -> io::Result<Stream> {
        #[cfg(unix)]
        {
            Inner::from_std(self.0).map(Stream)
        }
        #[cfg(windows)]
        {
            match self.0 {}
        }
    }
}

/// Writes what there is room for into a socket that does not block.
#[cfg(unix)]
pub(super) fn write_now(mut socket: &std::os::unix::net::UnixStream, bytes: &[u8]) -> usize {
    use std::io::Write;
    let mut written = 0;
    while let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) {
        // std sends with MSG_NOSIGNAL.
        match socket.write(rest) {
            Ok(0) => break,
            Ok(more) => written += more,
            Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    written
}

/// A connected local socket, either end of it. `AsyncWriteExt::shutdown` closes the writing side only.
#[derive(Debug)]
pub struct Stream(pub(super) Inner);

impl Stream {
    /// A connection that another process accepted, watched by the runtime that this is called in.
    ///
    /// # Errors
    /// What the system says, e.g. that there are too many.
    #[cfg(unix)]
    pub fn adopt(connection: std::os::fd::OwnedFd) -> io::Result<Self> {
        let connection = std::os::unix::net::UnixStream::from(connection);
        connection.set_nonblocking(true)?;
        Inner::from_std(connection).map(Self)
    }

    /// Parts that two tasks can own.
    pub fn into_split(self) -> (ReadHalf, WriteHalf) {
        #[cfg(unix)]
        {
            self.0.into_split()
        }
        #[cfg(windows)]
        {
            tokio::io::split(self)
        }
    }

    /// A second way to write into this connection; `None` where there is none, or no descriptor left for it.
    pub fn direct_writer(&self) -> Option<DirectWriter> {
        #[cfg(unix)]
        {
            use std::os::fd::AsFd;
            let same = self.0.as_fd().try_clone_to_owned().ok()?;
            Some(DirectWriter(same.into()))
        }
        #[cfg(windows)]
        {
            None
        }
    }

    /// Who is at the other end.
    ///
    /// # Errors
    /// What the system says, e.g. when the other end is gone.
    pub fn peer_cred(&self) -> io::Result<PeerCred> {
        #[cfg(unix)]
        {
            crate::process::peer_cred(&self.0)
        }
        #[cfg(windows)]
        {
            use interprocess::local_socket::traits::StreamCommon;
            let pid = self.0.peer_creds()?.pid().unwrap_or(0);
            Ok(PeerCred { pid, uid: crate::paths::own_uid(), gid: 0 })
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }
}
