//! The listening sockets by name, each kept open a second time, so that they can be left to another process; and those
//! that another process has left to this one.

use magia_protocol::paths::Socket;
use std::collections::HashMap;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::net::TcpListener;

/// The HTTP API's port.
pub(super) const HTTP: &str = "http";
/// Telemetry's port.
pub(super) const OTLP: &str = "otlp";
/// The port of agents that take magia for their editor.
pub(super) const IDE: &str = "ide";
/// The same for Gemini CLI.
pub(super) const COMPANION: &str = "companion";

/// All names.
pub(super) fn is_known(name: &str) -> bool {
    [HTTP, OTLP, IDE, COMPANION].contains(&name)
        || Socket::ALL.iter().any(|socket| socket.file_name() == name)
}

/// Cheap to clone; no call waits.
#[derive(Clone, Debug, Default)]
pub(super) struct Stock(Arc<Mutex<Shelf>>);

#[derive(Debug, Default)]
struct Shelf {
    inherited: HashMap<String, OwnedFd>,
    open: HashMap<String, OwnedFd>,
}

impl Stock {
    pub(super) fn new(inherited: Vec<(String, OwnedFd)>) -> Self {
        let inherited = inherited.into_iter().collect();
        Self(Arc::new(Mutex::new(Shelf { inherited, open: HashMap::new() })))
    }

    /// The inherited socket of this name, once.
    pub(super) fn take(&self, name: &str) -> Option<OwnedFd> {
        self.shelf().inherited.remove(name)
    }

    /// The inherited TCP socket of this name, when its port is one that is `wanted`. Call it within a runtime.
    pub(super) fn take_port(&self, name: &str, wanted: impl FnOnce(u16) -> bool) -> Option<TcpListener> {
        let listener = std::net::TcpListener::from(self.take(name)?);
        if !wanted(listener.local_addr().ok()?.port()) {
            return None;
        }
        listener.set_nonblocking(true).ok()?;
        TcpListener::from_std(listener).ok()
    }

    /// A socket is open under this name.
    pub(super) fn keep(&self, name: &str, socket: &impl AsFd) {
        match socket.as_fd().try_clone_to_owned() {
            Ok(second) => drop(self.shelf().open.insert(name.to_owned(), second)),
            Err(err) => tracing::warn!("{name} cannot be left to another magia: {err}"),
        }
    }

    /// None is wanted under this name any more.
    pub(super) fn forget(&self, name: &str) {
        let mut shelf = self.shelf();
        shelf.open.remove(name);
        shelf.inherited.remove(name);
    }

    /// All that are open, to be left.
    pub(super) fn leave(&self) -> Vec<(String, OwnedFd)> {
        self.shelf().open.drain().collect()
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
