//! What the hub wants of a connection, laid where the connection finds it. No call waits.

use magia_core::event::GateId;
use magia_protocol::wire::{GateReply, ProviderSessionId};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// Answers and wishes for one connection. A gate is answered once, so there are never more answers than gates.
#[derive(Debug, Default)]
pub(super) struct Desk {
    tray: Mutex<Tray>,
    bell: Notify,
}

#[derive(Debug, Default)]
struct Tray {
    answers: Vec<(GateId, GateReply)>,
    viewed: Option<ProviderSessionId>,
    root: Option<String>,
    connected: bool,
}

impl Desk {
    /// Waits until something was laid down.
    pub(super) async fn rung(&self) {
        self.bell.notified().await;
    }

    /// Takes the answers, and says what a person looks at.
    pub(super) fn take(&self) -> (Vec<(GateId, GateReply)>, Option<ProviderSessionId>) {
        let mut tray = self.tray();
        (std::mem::take(&mut tray.answers), tray.viewed.clone())
    }

    /// A connection began, or ended: what is laid down for one that ended is nobody's.
    pub(super) fn connected(&self, root: &str, connected: bool) {
        let mut tray = self.tray();
        tray.connected = connected;
        tray.root = Some(root.to_owned());
        tray.answers.clear();
    }

    fn tray(&self) -> MutexGuard<'_, Tray> {
        self.tray.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The hub's way to the daemons. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct CodexDaemons(Arc<[Arc<Desk>]>);

impl CodexDaemons {
    pub(super) fn new(desks: Vec<Arc<Desk>>) -> Self {
        Self(desks.into())
    }

    /// Answers at a gate. Whether it was sent is told by [`GateAnswered`](magia_core::event::Event::GateAnswered). `false`
    /// when its connection is gone; then nothing follows, and its end settles the request.
    pub fn answer(&self, gate: GateId, reply: GateReply) -> bool {
        let Some(desk) = gate.daemon().and_then(|index| self.0.get(usize::from(index))) else { return false };
        let mut tray = desk.tray();
        if tray.connected {
            tray.answers.push((gate, reply));
            desk.bell.notify_one();
        }
        tray.connected
    }

    /// A person looks at this session, by configuration directory and Codex's own id, or at none.
    pub fn view(&self, held: Option<(String, ProviderSessionId)>) {
        for desk in self.0.iter() {
            let mut tray = desk.tray();
            let viewed = held.as_ref().filter(|(root, _)| tray.root.as_ref() == Some(root));
            tray.viewed = viewed.map(|(_, session)| session.clone());
            desk.bell.notify_one();
        }
    }
}
