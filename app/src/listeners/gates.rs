//! The gates that wait for an answer, and the hub's way to answer them.

use magia_core::event::GateId;
use magia_protocol::wire::GateReply;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

/// Answers gates. Cheap to clone; no call waits.
///
/// A gate that is never answered gets "no decision": when its sender is dropped, when this table is closed, and
/// when the program ends. Nothing here makes an answer up.
#[derive(Debug, Clone, Default)]
pub struct Gates(Arc<Mutex<Table>>);

#[derive(Debug, Default)]
struct Table {
    last: u64,
    closed: bool,
    waiting: HashMap<GateId, oneshot::Sender<GateReply>>,
}

impl Gates {
    /// Hands `reply` to the connection that waits at `gate`; whether it could be written is told by
    /// [`GateAnswered`](magia_core::event::Event::GateAnswered). `false` when the gate was answered before or
    /// its handler has gone; then nothing follows.
    pub fn answer(&self, gate: GateId, reply: GateReply) -> bool {
        let waiting = self.table().waiting.remove(&gate);
        waiting.is_some_and(|waiting| waiting.send(reply).is_ok())
    }

    /// How many wait.
    pub fn waiting(&self) -> usize {
        self.table().waiting.len()
    }

    /// A new gate; `None` after [`Gates::close`].
    pub(super) fn open(&self) -> Option<(GateId, oneshot::Receiver<GateReply>)> {
        let mut table = self.table();
        if table.closed {
            return None;
        }
        table.last += 1;
        let gate = GateId(table.last);
        let (sender, receiver) = oneshot::channel();
        table.waiting.insert(gate, sender);
        Some((gate, receiver))
    }

    /// The handler has gone. `false` when an answer is on its way already.
    pub(super) fn forget(&self, gate: GateId) -> bool {
        self.table().waiting.remove(&gate).is_some()
    }

    /// Lets all waiting gates go without a decision, and new ones as well.
    pub(super) fn close(&self) {
        let mut table = self.table();
        table.closed = true;
        table.waiting.clear();
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
