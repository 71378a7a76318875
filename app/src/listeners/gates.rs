//! The gates that wait for an answer, and the hub's way to answer them.

use magia_core::event::GateId;
use magia_protocol::ipc::DirectWriter;
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
    waiting: HashMap<GateId, Waiting>,
}

#[derive(Debug)]
struct Waiting {
    /// The connection's task.
    task: oneshot::Sender<Answer>,
    /// Into the connection itself: the handler need not wait for the task to wake up.
    writer: Option<DirectWriter>,
}

/// A reply on its way to the handler.
#[derive(Debug)]
pub(super) struct Answer {
    /// As it is written.
    pub(super) bytes: Vec<u8>,
    /// How much of it the handler's socket has already.
    pub(super) written: usize,
}

impl Gates {
    /// Writes `reply` to the handler that waits at `gate`, as far as that does not wait, and lets the connection's task
    /// do the rest; whether all of it could be written is told by
    /// [`GateAnswered`](magia_core::event::Event::GateAnswered). `false` when the gate was answered before or
    /// its handler has gone; then nothing is written and nothing follows.
    pub fn answer(&self, gate: GateId, reply: &GateReply) -> bool {
        // Taken out first: whoever has it is the only one who answers.
        let Some(waiting) = self.table().waiting.remove(&gate) else { return false };
        if waiting.task.is_closed() {
            return false;
        }
        let bytes = reply.encode();
        let written = waiting.writer.map_or(0, |writer| writer.write(&bytes));
        waiting.task.send(Answer { bytes, written }).is_ok()
    }

    /// How many wait.
    pub fn waiting(&self) -> usize {
        self.table().waiting.len()
    }

    /// A new gate, with a way to write to its handler; `None` after [`Gates::close`].
    pub(super) fn open(&self, writer: Option<DirectWriter>) -> Option<(GateId, oneshot::Receiver<Answer>)> {
        let mut table = self.table();
        if table.closed {
            return None;
        }
        table.last += 1;
        let gate = GateId(table.last);
        let (task, receiver) = oneshot::channel();
        table.waiting.insert(gate, Waiting { task, writer });
        Some((gate, receiver))
    }

    /// The handler has gone. `false` when an answer is on its way already.
    pub(super) fn forget(&self, gate: GateId) -> bool {
        self.table().waiting.remove(&gate).is_some()
    }

    /// Lets all waiting gates go without a decision, and new ones as well.
    pub fn close(&self) {
        let mut table = self.table();
        table.closed = true;
        table.waiting.clear();
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
