//! Leaving everything to another process that follows, in two steps.
//!
//! First nothing new is accepted, whoever is in the middle of a line is put aside with what was read, and what was said
//! whole is told to the hub. While the hub works that off, gates can still be answered. Once it has ended nobody can
//! answer, and the connections that wait at gates are put aside too, and the subscribers.

use magia_core::event::GateId;
use magia_protocol::ipc::DirectWriter;
use magia_protocol::paths::Socket;
use magia_protocol::wire::RequestId;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

/// How long what was begun may take to be told or answered.
const BEGUN_LIMIT: Duration = Duration::from_secs(2);
/// No event has this number.
const UNKNOWN: u64 = u64::MAX;
/// How often it is looked whether it was.
const LOOK_EVERY: Duration = Duration::from_millis(1);

/// A connection that goes on in another process.
#[derive(Debug)]
pub struct Held {
    /// By which socket it came.
    pub socket: Socket,
    /// The request that it waits for at a gate.
    pub request: Option<RequestId>,
    /// Whether it is a subscription that goes on.
    pub streams: bool,
    /// The connection.
    pub connection: OwnedFd,
    /// What it said: of a gate the message, of a subscription the request to go on with, else the part of a line that was
    /// read.
    pub said: Vec<u8>,
}

/// How far the leaving is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
enum Step {
    /// Nobody leaves.
    #[default]
    Stay,
    /// The hub still works.
    Begun,
    /// The hub has ended.
    HubEnded,
}

/// Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct Leave(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    step: watch::Sender<Step>,
    streaming: AtomicU64,
    last_seq: AtomicU64,
    aside: Mutex<Vec<(Option<GateId>, Held)>>,
}

/// Somebody is told of what happens until this is dropped.
#[derive(Debug)]
pub(super) struct Streaming(Leave);

impl Drop for Streaming {
    fn drop(&mut self) {
        self.0.0.streaming.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Leave {
    pub(super) fn begin(&self) {
        self.0.step.send_replace(Step::Begun);
    }

    pub(super) fn hub_ended(&self, last_seq: Option<u64>) {
        self.0.last_seq.store(last_seq.unwrap_or(UNKNOWN), Ordering::Release);
        self.0.step.send_replace(Step::HubEnded);
    }

    pub(super) fn is_on(&self) -> bool {
        *self.0.step.borrow() > Step::Stay
    }

    pub(super) fn has_hub_ended(&self) -> bool {
        *self.0.step.borrow() == Step::HubEnded
    }

    /// Waits for the first step.
    pub(super) async fn begun(&self) {
        // The sender is here, so it cannot be gone.
        drop(self.0.step.subscribe().wait_for(|step| *step > Step::Stay).await);
    }

    /// Waits for the second step.
    pub(super) async fn ended(&self) {
        drop(self.0.step.subscribe().wait_for(|step| *step == Step::HubEnded).await);
    }

    /// The number of the newest agent event when the hub ended; `None` when it did not say.
    pub(super) fn last_seq(&self) -> Option<u64> {
        Some(self.0.last_seq.load(Ordering::Acquire)).filter(|seq| *seq != UNKNOWN)
    }

    pub(super) fn stream(&self) -> Streaming {
        self.0.streaming.fetch_add(1, Ordering::AcqRel);
        Streaming(self.clone())
    }

    /// How many are told of what happens.
    pub(super) fn streaming(&self) -> u64 {
        self.0.streaming.load(Ordering::Acquire)
    }

    /// Waits until `done`, for so long as is reasonable.
    pub(super) async fn settle(&self, what: &'static str, done: impl Fn() -> bool) {
        let until = Instant::now() + BEGUN_LIMIT;
        while !done() {
            if Instant::now() >= until {
                tracing::warn!("{what} took too long, and ends here");
                return;
            }
            sleep(LOOK_EVERY).await;
        }
    }

    /// Puts a connection aside.
    pub(super) fn put(&self, socket: Socket, connection: Option<DirectWriter>, said: Vec<u8>) {
        self.put_aside(socket, connection, said, None, false);
    }

    /// Puts one aside that waits at a gate.
    pub(super) fn put_gate(&self, gate: GateId, connection: Option<DirectWriter>, said: Vec<u8>) {
        self.put_aside(Socket::Permissions, connection, said, Some(gate), false);
    }

    /// Puts a subscriber aside; `said` is the request to go on with.
    pub(super) fn put_stream(&self, connection: Option<DirectWriter>, said: Vec<u8>) {
        self.put_aside(Socket::Cli, connection, said, None, true);
    }

    fn put_aside(
        &self,
        socket: Socket,
        connection: Option<DirectWriter>,
        said: Vec<u8>,
        gate: Option<GateId>,
        streams: bool,
    ) {
        let Some(connection) = connection else {
            return tracing::warn!("a connection is lost: the system has no descriptor for it");
        };
        let connection = connection.into_descriptor();
        let held = Held { socket, request: None, streams, connection, said };
        self.0.aside.lock().unwrap_or_else(PoisonError::into_inner).push((gate, held));
    }

    /// What was put aside, the gates with their requests. A gate of which the hub did not hear is a message like others.
    pub(super) fn take(&self, gates: &[(GateId, RequestId)]) -> Vec<Held> {
        let aside = std::mem::take(&mut *self.0.aside.lock().unwrap_or_else(PoisonError::into_inner));
        let named = |(gate, mut held): (Option<GateId>, Held)| {
            let request = gate.and_then(|gate| gates.iter().find(|(known, _)| *known == gate));
            held.request = request.map(|(_, request)| *request);
            held
        };
        aside.into_iter().map(named).collect()
    }
}
