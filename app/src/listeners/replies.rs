//! The requests that wait for a reply, and the hub's way to give it.

use magia_core::event::ReplyId;
use magia_protocol::wire::RpcError;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

/// What a request comes to.
pub type Outcome = Result<Value, RpcError>;

/// Answers requests of the CLI socket. Cheap to clone; no call waits.
///
/// A request that is never answered gets an internal error when its sender is dropped or this table is closed.
#[derive(Debug, Clone, Default)]
pub struct Replies(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    last: AtomicU64,
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    closed: bool,
    waiting: HashMap<ReplyId, oneshot::Sender<Outcome>>,
}

impl Replies {
    /// Hands `outcome` to the connection that waits for `reply`. `false` when it was answered before or the
    /// requester has hung up.
    pub fn answer(&self, reply: ReplyId, outcome: Outcome) -> bool {
        let waiting = self.table().waiting.remove(&reply);
        waiting.is_some_and(|waiting| waiting.send(outcome).is_ok())
    }

    /// Whether `reply` belongs to a request of the CLI socket that waits.
    pub fn is_waiting(&self, reply: ReplyId) -> bool {
        self.table().waiting.contains_key(&reply)
    }

    /// An id that no socket uses, for requests that come another way (the window's).
    pub fn allocate(&self) -> ReplyId {
        ReplyId(self.0.last.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// A new request; `None` after [`Replies::close`].
    pub(super) fn open(&self) -> Option<(ReplyId, oneshot::Receiver<Outcome>)> {
        let reply = self.allocate();
        let mut table = self.table();
        if table.closed {
            return None;
        }
        let (sender, receiver) = oneshot::channel();
        table.waiting.insert(reply, sender);
        Some((reply, receiver))
    }

    /// The requester has gone.
    pub(super) fn forget(&self, reply: ReplyId) {
        self.table().waiting.remove(&reply);
    }

    /// Ends all waiting requests, and new ones as well.
    pub fn close(&self) {
        let mut table = self.table();
        table.closed = true;
        table.waiting.clear();
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
