//! What stands between the window and the hub: snapshots one way, wishes the other, and a bell.

use crate::terminal_link::TerminalAsk;
use crossbeam_channel::{Receiver, Sender};
use magia_core::snapshot::Snapshot;
use magia_protocol::wire::{Command, SessionId};
use std::sync::Arc;
use tokio::sync::mpsc;

/// What the window tells the hub.
#[derive(Debug)]
pub enum FromWindow {
    /// A command by a person at the window. Its outcome comes back as changed facts, and as a toast when it
    /// failed or has nothing else to show.
    Command(Command),
    /// A person does something in it; said every few seconds while it goes on.
    Used,
    /// What the window shows now.
    Changed {
        /// Whether it has the keyboard focus.
        focused: bool,
        /// The session whose timeline it shows.
        selected: Option<SessionId>,
    },
    /// It was closed into the tray.
    Hidden,
}

/// The window's end of the link.
#[derive(Debug)]
pub struct WindowLink {
    /// Snapshots; only the newest matters.
    pub snapshots: Receiver<Arc<Snapshot>>,
    /// Wishes; when it is full the window says so in a toast.
    pub to_hub: Sender<FromWindow>,
    /// Wishes of terminals, which do not pass the hub.
    pub to_terminals: mpsc::Sender<TerminalAsk>,
}

/// Rings when there is something new to draw. The hub knows nothing else of the window.
#[derive(Clone)]
pub struct Waker(Arc<dyn Fn() + Send + Sync>);

impl Waker {
    /// A waker that calls `wake`, which must return at once.
    pub fn new(wake: impl Fn() + Send + Sync + 'static) -> Self {
        Self(Arc::new(wake))
    }

    /// Rings.
    pub fn wake(&self) {
        (self.0)();
    }
}

/// Looks at each snapshot beside the window; the hub knows nothing else of it.
pub struct Onlooker(Look);

type Look = Box<dyn Fn(&Arc<Snapshot>) + Send>;

impl Onlooker {
    /// An onlooker that calls `look`, which must return at once.
    pub fn new(look: impl Fn(&Arc<Snapshot>) + Send + 'static) -> Self {
        Self(Box::new(look))
    }

    /// Shows it a snapshot.
    pub fn look(&self, snapshot: &Arc<Snapshot>) {
        (self.0)(snapshot);
    }
}

impl std::fmt::Debug for Onlooker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Onlooker")
    }
}

impl std::fmt::Debug for Waker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Waker")
    }
}
