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

impl Table {
    const fn next(&mut self) -> GateId {
        self.last += 1;
        GateId(self.last)
    }
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
    /// What it was written to; the connection itself when there is no task yet.
    pub(super) writer: Option<DirectWriter>,
}

impl Answer {
    /// A reply of which nothing is written.
    pub(super) fn new(reply: &GateReply) -> Self {
        Self { bytes: reply.encode(), written: 0, writer: None }
    }

    /// Whether the handler's socket has all of it.
    pub(super) fn is_written(&self) -> bool {
        self.written == self.bytes.len()
    }

    /// What is to be written still.
    pub(super) fn rest(&self) -> &[u8] {
        self.bytes.get(self.written..).unwrap_or_default()
    }
}

/// A gate before the hub knows of it, and where its answer comes.
pub(super) type Opened = (GateId, oneshot::Receiver<Answer>);

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
        let mut answer = Answer::new(reply);
        answer.written = waiting.writer.as_ref().map_or(0, |writer| writer.write(&answer.bytes));
        answer.writer = waiting.writer;
        waiting.task.send(answer).is_ok()
    }

    /// How many wait.
    pub fn waiting(&self) -> usize {
        self.table().waiting.len()
    }

    /// A number for a gate that never waits, since its answer is at hand; `None` after [`Gates::close`].
    pub(super) fn number(&self) -> Option<GateId> {
        let mut table = self.table();
        (!table.closed).then(|| table.next())
    }

    /// A new gate, with a way to write to its handler, which is given back after [`Gates::close`].
    pub(super) fn open(&self, writer: Option<DirectWriter>) -> Result<Opened, Option<DirectWriter>> {
        let mut table = self.table();
        if table.closed {
            return Err(writer);
        }
        let gate = table.next();
        let (task, receiver) = oneshot::channel();
        table.waiting.insert(gate, Waiting { task, writer });
        Ok((gate, receiver))
    }

    /// Takes back a gate of which nobody has heard, and its number as well when no other was opened since.
    pub(super) fn withdraw(&self, gate: GateId) -> Option<DirectWriter> {
        let mut table = self.table();
        let waiting = table.waiting.remove(&gate)?;
        if table.last == gate.0 {
            table.last -= 1;
        }
        waiting.writer
    }

    /// The way to the handler back from a gate that waits; an answer goes to the connection's task from then on.
    pub(super) fn take_writer(&self, gate: GateId) -> Option<DirectWriter> {
        self.table().waiting.get_mut(&gate)?.writer.take()
    }

    /// A way to the handler for a gate that waits.
    pub(super) fn give_writer(&self, gate: GateId, writer: Option<DirectWriter>) {
        if let Some(waiting) = self.table().waiting.get_mut(&gate) {
            waiting.writer = writer;
        }
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
