//! What waits to be written. Sessions, requests and metrics are whole rows, so only the newest of each waits.

use magia_core::effect::StoreWrite;
use magia_core::event::{AgentEvent, StoredRequest, StoredSession};
use magia_core::metrics::{Owner, StoredMetrics};
use magia_protocol::wire::{RequestId, SessionId};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// Bytes of payloads that may wait while the store cannot be written.
pub(super) const BYTES_MAX: usize = 64 * 1024 * 1024;
/// Events that may wait; half a minute of the fastest burst.
pub(super) const EVENTS_MAX: usize = 200_000;
/// Requests that may wait. People answer them, so a thousand is a program that asks on purpose.
pub(super) const REQUESTS_MAX: usize = 1_000;
/// Sessions whose metrics may wait: all that are kept in memory.
const METRICS_MAX: usize = magia_core::metrics::SESSIONS_MAX;
/// Events of one transaction.
const BATCH_EVENTS: usize = 5_000;
/// Bytes of payloads of one transaction.
const BATCH_BYTES: usize = 16 * 1024 * 1024;

/// Writes that wait.
#[derive(Debug, Default)]
pub(super) struct Queue {
    events: VecDeque<Arc<AgentEvent>>,
    event_bytes: usize,
    sessions: HashMap<SessionId, Box<StoredSession>>,
    requests: HashMap<RequestId, Box<StoredRequest>>,
    metrics: HashMap<Owner, Box<StoredMetrics>>,
    alive_ms: Option<u64>,
    /// Writes that were given up since the last time someone asked.
    pub(super) lost: u64,
}

/// One transaction's worth of the queue.
pub(super) struct Batch<'a> {
    pub(super) events: Vec<&'a AgentEvent>,
    pub(super) sessions: Vec<&'a StoredSession>,
    pub(super) requests: Vec<&'a StoredRequest>,
    pub(super) metrics: Vec<&'a StoredMetrics>,
    pub(super) alive_ms: Option<u64>,
}

impl Queue {
    pub(super) fn push(&mut self, write: StoreWrite) {
        match write {
            StoreWrite::Event(event) => {
                self.event_bytes += event.raw.len();
                self.events.push_back(event);
                while self.events.len() > EVENTS_MAX || self.event_bytes > BYTES_MAX {
                    let Some(oldest) = self.events.pop_front() else { break };
                    self.event_bytes -= oldest.raw.len();
                    self.lost += 1;
                }
            }
            StoreWrite::Session(session) => {
                self.sessions.insert(session.id, session);
            }
            StoreWrite::Request(request) => {
                if self.requests.len() < REQUESTS_MAX || self.requests.contains_key(&request.id) {
                    self.requests.insert(request.id, request);
                } else {
                    self.lost += 1;
                }
            }
            StoreWrite::Metrics(row) => {
                if self.metrics.len() < METRICS_MAX || self.metrics.contains_key(&row.owner) {
                    self.metrics.insert(row.owner.clone(), row);
                } else {
                    self.lost += 1;
                }
            }
            StoreWrite::Alive(at_ms) => self.alive_ms = Some(at_ms),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0 && self.alive_ms.is_none()
    }

    /// Rows that wait.
    pub(super) fn len(&self) -> usize {
        self.events.len() + self.sessions.len() + self.requests.len() + self.metrics.len()
    }

    /// Whether the writer should write before it takes more.
    pub(super) fn is_a_batch(&self) -> bool {
        self.events.len() >= BATCH_EVENTS
            || self.event_bytes >= BATCH_BYTES
            || self.requests.len() >= REQUESTS_MAX
    }

    /// What the next transaction writes.
    pub(super) fn batch(&self) -> Batch<'_> {
        let mut bytes = 0;
        let events = self.events.iter().take(BATCH_EVENTS).take_while(|event| {
            let fits = bytes < BATCH_BYTES;
            bytes += event.raw.len();
            fits
        });
        Batch {
            events: events.map(|event| &**event).collect(),
            sessions: self.sessions.values().map(|session| &**session).collect(),
            requests: self.requests.values().map(|request| &**request).collect(),
            metrics: self.metrics.values().map(|row| &**row).collect(),
            alive_ms: self.alive_ms,
        }
    }

    /// Forgets a batch of so many events that was written.
    pub(super) fn written(&mut self, events: usize) {
        for event in self.events.drain(..events.min(self.events.len())) {
            self.event_bytes -= event.raw.len();
        }
        self.sessions.clear();
        self.requests.clear();
        self.metrics.clear();
        self.alive_ms = None;
    }
}
