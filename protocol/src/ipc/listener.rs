//! The app's end: binding and accepting.

use super::incoming::{Incoming, Socket};
use super::socket_name;
use crate::paths::{InstanceLock, PathError, check_runtime_dir, check_socket_path, own_uid};
use crate::process::PeerCred;
use interprocess::local_socket::ListenerOptions;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use thiserror::Error;

/// Why a socket was not bound.
#[derive(Debug, Error)]
pub enum BindError {
    /// The directory or the path's length is not fit for a socket.
    #[error(transparent)]
    Path(#[from] PathError),
    /// The lock is that of another directory, so it proves nothing here.
    #[error("lock of {lock} does not cover {path}", lock = lock.display(), path = path.display())]
    OtherLock {
        /// The directory that the lock is for.
        lock: PathBuf,
        /// The socket.
        path: PathBuf,
    },
    /// Somebody listens there, in spite of our lock.
    #[error("socket is in use: {path}", path = path.display())]
    InUse {
        /// The socket.
        path: PathBuf,
    },
    /// A file of another kind has the name; it is left alone.
    #[error("not a socket, left alone: {path}", path = path.display())]
    NotASocket {
        /// What is there.
        path: PathBuf,
    },
    /// The system refused.
    #[error("cannot {doing} ({source}): {path}", path = path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// The socket.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

/// Why a connection was not taken.
#[derive(Debug, Error)]
pub enum AcceptError {
    /// Another user's process connected; it has been hung up on and counted.
    #[error("connection of user {uid} (process {pid}) refused", uid = cred.uid, pid = cred.pid)]
    ForeignPeer {
        /// Who it was.
        cred: PeerCred,
    },
    /// The system refused. When it is out of descriptors this comes at once again: pause before the next try.
    #[error("cannot accept: {0}")]
    Io(#[from] io::Error),
}

/// On Unix the standard library's: tokio's would register each connection with the runtime as it accepts it, which costs
/// more than to read the one line of most.
#[cfg(unix)]
type InnerListener = tokio::io::unix::AsyncFd<std::os::unix::net::UnixListener>;
#[cfg(windows)]
type InnerListener = interprocess::local_socket::tokio::Listener;

/// A bound socket.
///
/// Dropping it leaves the file, as a crash would; the next start, which holds the lock, removes it.
/// [`Listener::close`] removes it now.
#[derive(Debug)]
pub struct Listener {
    inner: InnerListener,
    path: PathBuf,
    #[cfg(unix)]
    inode: (u64, u64),
    own_uid: u32,
    foreign_peers: AtomicU64,
}

/// Binds the socket `path` (mode 0600) in the runtime directory that `lock` holds. Call it within a tokio
/// runtime.
///
/// A socket file left by a dead app is removed, which the lock makes safe: no other app can own it. One that
/// still answers, or a file of another kind, is not touched.
///
/// # Errors
/// See [`BindError`].
pub fn bind(path: &Path, lock: &InstanceLock) -> Result<Listener, BindError> {
    check_socket_path(path)?;
    if path.parent() != Some(lock.dir()) {
        return Err(BindError::OtherLock { lock: lock.dir().to_path_buf(), path: path.to_path_buf() });
    }
    check_runtime_dir(lock.dir())?;
    let failed = |doing| move |source| BindError::Io { doing, path: path.to_path_buf(), source };
    remove_stale(path)?;
    let name = socket_name(path).map_err(failed("name"))?;
    let options =
        private(ListenerOptions::new().name(name).reclaim_name(false)).map_err(failed("protect"))?;
    let inner = create(options).map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => BindError::InUse { path: path.to_path_buf() },
        _ => BindError::Io { doing: "bind", path: path.to_path_buf(), source },
    })?;
    #[cfg(unix)]
    {
        // Linux gave the file its mode as it was made; elsewhere the 0700 directory covers the moment between.
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).map_err(failed("protect"))?;
    }
    Ok(Listener {
        inner,
        path: path.to_path_buf(),
        #[cfg(unix)]
        inode: inode_of(path).map_err(failed("look at"))?,
        own_uid: own_uid(),
        foreign_peers: AtomicU64::new(0),
    })
}

/// A listener on a socket that another process bound at `path` and has left to this one. Call it within a tokio runtime.
///
/// # Errors
/// [`BindError::Io`], e.g. when its file is gone: then no client can find it.
#[cfg(unix)]
pub fn adopt(path: &Path, socket: std::os::fd::OwnedFd) -> Result<Listener, BindError> {
    let failed = |doing| move |source| BindError::Io { doing, path: path.to_path_buf(), source };
    let inode = inode_of(path).map_err(failed("look at"))?;
    let listener = std::os::unix::net::UnixListener::from(socket);
    let inner = watch(listener).map_err(failed("take over"))?;
    Ok(Listener {
        inner,
        path: path.to_path_buf(),
        inode,
        own_uid: own_uid(),
        foreign_peers: AtomicU64::new(0),
    })
}

#[cfg(unix)]
impl std::os::fd::AsFd for Listener {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        std::os::fd::AsFd::as_fd(self.inner.get_ref())
    }
}

impl Listener {
    /// Waits for the next connection of our own user. Cancel safe.
    ///
    /// # Errors
    /// [`AcceptError::ForeignPeer`] for somebody else; the listener goes on working.
    pub async fn accept(&self) -> Result<Incoming, AcceptError> {
        #[cfg(unix)]
        loop {
            let mut ready = self.inner.readable().await?;
            if let Ok(accepted) = ready.try_io(|listener| take(listener.get_ref())) {
                return self.check(accepted?);
            }
        }
        #[cfg(windows)]
        {
            use interprocess::local_socket::traits::tokio::Listener as _;
            self.check(self.inner.accept().await?)
        }
    }

    /// As [`Listener::accept`], when a connection waits already. For a pipe, never.
    ///
    /// # Errors
    /// As [`Listener::accept`].
    pub fn accept_now(&self) -> Option<Result<Incoming, AcceptError>> {
        #[cfg(unix)]
        {
            match take(self.inner.get_ref()) {
                Ok(socket) => Some(self.check(socket)),
                Err(err) if err.kind() == io::ErrorKind::WouldBlock => None,
                Err(err) => Some(Err(err.into())),
            }
        }
        #[cfg(windows)]
        {
            None
        }
    }

    fn check(&self, socket: Socket) -> Result<Incoming, AcceptError> {
        let incoming = Incoming::new(socket)?;
        if incoming.cred().uid != self.own_uid {
            self.foreign_peers.fetch_add(1, Ordering::Relaxed);
            return Err(AcceptError::ForeignPeer { cred: incoming.cred() });
        }
        Ok(incoming)
    }

    /// Whether connections wait to be accepted. When that is not known, they do.
    pub fn has_waiting(&self) -> bool {
        #[cfg(unix)]
        {
            use std::os::fd::AsRawFd;
            let mut asked =
                libc::pollfd { fd: self.inner.get_ref().as_raw_fd(), events: libc::POLLIN, revents: 0 };
            // SAFETY: one entry, ours, whose descriptor the listener keeps open; it does not wait.
            unsafe { libc::poll(&raw mut asked, 1, 0) != 0 }
        }
        #[cfg(windows)]
        {
            true
        }
    }

    /// How many connections of other users were refused.
    pub fn foreign_peers(&self) -> u64 {
        self.foreign_peers.load(Ordering::Relaxed)
    }

    /// The socket's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the socket's file was removed or replaced (a cleaner of `/tmp`), so that no client can find us:
    /// time to [`bind`] again. When the lock file went with it ([`InstanceLock::is_lost`]), take the lock again
    /// first, which also makes the directory. One `lstat`.
    pub fn inode_gone(&self) -> bool {
        #[cfg(unix)]
        {
            inode_of(&self.path).ok() != Some(self.inode)
        }
        #[cfg(windows)]
        {
            false
        }
    }

    /// Stops listening and removes the socket's file, when it is still ours.
    ///
    /// # Errors
    /// What the system says about removing it.
    pub fn close(self) -> io::Result<()> {
        #[cfg(unix)]
        if !self.inode_gone() {
            fs::remove_file(&self.path)?;
        }
        Ok(())
    }
}

/// Accepts a connection that does not block, in one call.
#[cfg(target_os = "linux")]
fn take(listener: &std::os::unix::net::UnixListener) -> io::Result<Socket> {
    use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
    let flags = libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    loop {
        // SAFETY: the descriptor is open as long as the listener is borrowed, and no address is asked for.
        let taken =
            unsafe { libc::accept4(listener.as_raw_fd(), std::ptr::null_mut(), std::ptr::null_mut(), flags) };
        if taken >= 0 {
            // SAFETY: the kernel has just given it to us, so nobody else closes it.
            return Ok(unsafe { OwnedFd::from_raw_fd(taken) }.into());
        }
        let err = io::Error::last_os_error();
        if err.kind() != io::ErrorKind::Interrupted {
            return Err(err);
        }
    }
}
#[cfg(all(unix, not(target_os = "linux")))]
fn take(listener: &std::os::unix::net::UnixListener) -> io::Result<Socket> {
    let (socket, _) = listener.accept()?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

#[cfg(unix)]
fn create(options: ListenerOptions<'static>) -> io::Result<InnerListener> {
    let interprocess::local_socket::Listener::UdSocket(listener) = options.create_sync()?;
    watch(std::os::unix::net::UnixListener::from(std::os::fd::OwnedFd::from(listener)))
}

#[cfg(unix)]
fn watch(listener: std::os::unix::net::UnixListener) -> io::Result<InnerListener> {
    listener.set_nonblocking(true)?;
    // SAFETY: the listener owns its descriptor, gives no other, and lives as long as what watches it.
    let watched = unsafe { InnerListener::register_with_interest(listener, tokio::io::Interest::READABLE) }?;
    Ok(watched)
}
#[cfg(windows)]
fn create(options: ListenerOptions<'static>) -> io::Result<InnerListener> {
    options.create_tokio()
}

#[cfg(target_os = "linux")]
fn private(options: ListenerOptions<'static>) -> io::Result<ListenerOptions<'static>> {
    use interprocess::os::unix::local_socket::ListenerOptionsExt;
    Ok(options.mode(0o600))
}
#[cfg(all(unix, not(target_os = "linux")))]
fn private(options: ListenerOptions<'static>) -> io::Result<ListenerOptions<'static>> {
    Ok(options)
}
/// Owner and SYSTEM only. interprocess asks for the first instance of the pipe and refuses remote clients by itself.
#[cfg(windows)]
fn private(options: ListenerOptions<'static>) -> io::Result<ListenerOptions<'static>> {
    use interprocess::os::windows::local_socket::ListenerOptionsExt;
    use interprocess::os::windows::security_descriptor::SecurityDescriptor;
    let access = widestring::u16cstr!("D:P(A;;GA;;;OW)(A;;GA;;;SY)");
    Ok(options.security_descriptor(SecurityDescriptor::deserialize(access)?))
}

#[cfg(unix)]
fn inode_of(path: &Path) -> io::Result<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    let facts = fs::symlink_metadata(path)?;
    Ok((facts.dev(), facts.ino()))
}

#[cfg(unix)]
fn remove_stale(path: &Path) -> Result<(), BindError> {
    use std::os::unix::fs::FileTypeExt;
    let failed = |doing| move |source| BindError::Io { doing, path: path.to_path_buf(), source };
    match fs::symlink_metadata(path) {
        Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(err) => return Err(failed("look at")(err)),
        Ok(facts) if !facts.file_type().is_socket() => {
            return Err(BindError::NotASocket { path: path.to_path_buf() });
        }
        Ok(_) => {}
    }
    // The lock file may have been cleaned away under a living app. A full queue is life as well.
    match crate::dial::dial(path, std::time::Duration::from_millis(1)) {
        Err(err) if err.is_not_running() => fs::remove_file(path).map_err(failed("remove")),
        _ => Err(BindError::InUse { path: path.to_path_buf() }),
    }
}
#[cfg(windows)]
fn remove_stale(_path: &Path) -> Result<(), BindError> {
    Ok(())
}
