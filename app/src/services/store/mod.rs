//! The store: agent events, sessions and request outcomes in one SQLite file.
//!
//! One thread writes. It takes whatever waits in its queue as one transaction, so a burst costs one commit; events wait
//! up to 20 ms for others, which also keeps the disk out of the way of an agent that waits for an answer. Outcomes of
//! requests do not wait. Reads go through a connection of their own and never wait for a write (WAL).
//!
//! # What is safe when
//! A transaction that was committed is in the write-ahead log, handed to the kernel: a crash or `kill -9` of this
//! program loses nothing of it. [`Store::flush`] returns, and [`Store::when_stored`] calls, when everything queued before
//! is committed. A power
//! failure may lose the last moments' events, never older ones, and never damages the file (`synchronous=NORMAL`).
//! A transaction with a request in it is also forced to the disk (`synchronous=FULL`), so that an outcome that was
//! flushed survives even that.
//!
//! # When it fails
//! - It cannot be written (disk full): writes wait in memory and are tried again; over a cap (64 MiB) the oldest
//!   events are lost, and counted. Reported while it lasts.
//! - The file is damaged: it is moved aside as `magia.db.broken-<milliseconds>` and a new one is begun. Reported.
//! - It was made by a newer magia, or another magia has it open: nothing is stored, everything else works. Reported.

mod open;
mod pace;
mod queue;
mod read;
mod retention;
mod rows;
mod schema;
mod writer;

pub use retention::{PurgeReport, Retention};

use crate::service::ServiceThread;
use anyhow::{Context, anyhow, bail};
use crossbeam_channel::{Sender, bounded};
use magia_core::effect::StoreWrite;
use magia_core::event::{AgentEvent, Event, StoredRequest, StoredState};
use magia_protocol::wire::SessionId;
use pace::Pace;
use rusqlite::Connection;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Writes that may wait for the writer: more than a second of the fastest burst we promise. It is full only while one
/// transaction takes long, and then waiting is right: the writer never waits for the hub.
const QUEUE_CAPACITY: usize = 16_384;
/// How long a reader waits for the file to be opened at start.
const OPEN_WAIT: Duration = Duration::from_secs(10);
/// How long a caller waits for writes to be committed, or for a purge.
const COMMIT_WAIT: Duration = Duration::from_secs(60);

/// The file's name in the data directory.
pub const FILE_NAME: &str = "magia.db";

/// Where the store is.
#[derive(Clone, Debug)]
pub struct StoreConfig {
    /// The data directory; made when it is missing.
    pub data_dir: PathBuf,
    /// How long after a failed write the next one is tried.
    pub retry_every: Duration,
}

impl StoreConfig {
    /// The store in this directory.
    pub fn new(data_dir: PathBuf) -> Self {
        Self { data_dir, retry_every: Duration::from_secs(2) }
    }
}

/// Something for the writer.
enum Order {
    Write(StoreWrite),
    Flush(Sender<anyhow::Result<()>>),
    Tell(Told),
    Retain(Retention),
    Purge { older_than_days: u32, keep: Vec<SessionId>, reply: Sender<anyhow::Result<PurgeReport>> },
}

impl Order {
    /// Whether somebody waits for it, or would miss it most.
    const fn is_urgent(&self) -> bool {
        !matches!(
            self,
            Self::Write(
                StoreWrite::Event(_) | StoreWrite::Session(_) | StoreWrite::Metrics(_) | StoreWrite::Alive(_)
            )
        )
    }
}

/// What is called once: with what came of a write, or with an error when the order is lost.
struct Told(Option<Box<dyn FnOnce(anyhow::Result<()>) + Send>>);

impl Told {
    fn tell(mut self, outcome: anyhow::Result<()>) {
        if let Some(told) = self.0.take() {
            told(outcome);
        }
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        if let Some(told) = self.0.take() {
            told(Err(anyhow!("the store has ended")));
        }
    }
}

/// The reading connection.
enum Reader {
    Opening,
    Open(Connection),
    Absent(String),
}

/// The reading connection and the news that it is there.
struct ReaderSlot {
    reader: Mutex<Reader>,
    changed: Condvar,
}

impl ReaderSlot {
    fn set(&self, reader: Reader) {
        *self.lock() = reader;
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Reader> {
        self.reader.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Owns the store. Dropping it writes what waits and closes the file.
pub struct Store {
    // Before the thread: it ends when nobody can order anything any more.
    orders: Option<Sender<Order>>,
    pace: Arc<Pace>,
    reader: Arc<ReaderSlot>,
    _thread: ServiceThread,
}

impl Store {
    /// Opens the store on its own thread, which reports [`Event::StoreLoaded`] with what it holds; an empty one when
    /// it cannot be opened, and the reason as [`Event::ServiceReported`].
    ///
    /// # Errors
    /// When the system has no thread for us.
    pub fn start(config: StoreConfig, events: Sender<Event>) -> std::io::Result<Self> {
        let (orders, taken) = bounded(QUEUE_CAPACITY);
        let reader = Arc::new(ReaderSlot { reader: Mutex::new(Reader::Opening), changed: Condvar::new() });
        let slot = reader.clone();
        let pace = Arc::<Pace>::default();
        let writers_pace = Arc::clone(&pace);
        let thread = ServiceThread::start("magia-store", events.clone(), move |outbox| {
            writer::run(config, &taken, &writers_pace, &outbox, &events, &slot);
        })?;
        Ok(Self { orders: Some(orders), pace, reader, _thread: thread })
    }

    /// Queues a write. Waits only while a transaction is slow.
    pub fn write(&self, write: StoreWrite) {
        self.order(Order::Write(write));
    }

    /// Whether a few thousand writes would not wait now: more than one event can cause.
    pub fn has_room(&self) -> bool {
        self.orders.as_ref().is_none_or(|orders| orders.len() <= QUEUE_CAPACITY / 2)
    }

    /// Waits until all writes queued before are committed.
    ///
    /// # Errors
    /// When they cannot be written now; they are still tried again later.
    pub fn flush(&self) -> anyhow::Result<()> {
        self.ask(Order::Flush).context("writing to the store")
    }

    /// Calls `told` on the store's thread when all writes queued before are committed, or cannot be now; always, and
    /// once. Waits as [`Store::write`] does; `told` must not wait.
    pub fn when_stored(&self, told: impl FnOnce(anyhow::Result<()>) + Send + 'static) {
        self.order(Order::Tell(Told(Some(Box::new(told)))));
    }

    /// Changes how much is kept. Until it is called first, all is.
    pub fn retain(&self, retention: Retention) {
        self.order(Order::Retain(retention));
    }

    /// Forgets events and outcomes that are older than so many days, and sessions that ended before that; 0 forgets
    /// ended sessions as a whole. Open requests, pinned sessions and the sessions to `keep` stay.
    ///
    /// # Errors
    /// When the store is absent or cannot be written.
    pub fn purge(&self, older_than_days: u32, keep: Vec<SessionId>) -> anyhow::Result<PurgeReport> {
        self.ask(|reply| Order::Purge { older_than_days, keep, reply }).context("purging the store")
    }

    /// What the store holds besides events.
    ///
    /// # Errors
    /// When the store is absent or cannot be read.
    pub fn load(&self) -> anyhow::Result<StoredState> {
        self.read(read::load)
    }

    /// The newest `limit` events after `since`, of one session or of all, oldest first.
    ///
    /// # Errors
    /// When the store is absent or cannot be read.
    pub fn events(
        &self,
        session: Option<SessionId>,
        since: u64,
        limit: u32,
    ) -> anyhow::Result<Vec<AgentEvent>> {
        self.events_between(session, since, None, limit)
    }

    /// The oldest events after the first number and up to the second, of one session or of all, oldest first: at most so
    /// many, with so many bytes of payloads, but one if there is any.
    ///
    /// # Errors
    /// When the store is absent or cannot be read.
    pub fn events_after(
        &self,
        session: Option<SessionId>,
        (after, until): (u64, u64),
        (limit, bytes): (u32, usize),
    ) -> anyhow::Result<Vec<AgentEvent>> {
        self.read(|connection| read::events_after(connection, session, (after, until), (limit, bytes)))
    }

    /// The newest `limit` events after `since` and before `before`, of one session or of all, oldest first.
    ///
    /// # Errors
    /// When the store is absent or cannot be read.
    pub fn events_between(
        &self,
        session: Option<SessionId>,
        since: u64,
        before: Option<u64>,
        limit: u32,
    ) -> anyhow::Result<Vec<AgentEvent>> {
        self.read(|connection| read::events(connection, session, (since, before), limit))
    }

    /// Open requests, or all of them, newest first.
    ///
    /// # Errors
    /// When the store is absent or cannot be read.
    pub fn requests(&self, all: bool, limit: u32) -> anyhow::Result<Vec<StoredRequest>> {
        self.read(|connection| read::requests(connection, all, limit))
    }

    /// The newest `limit` requests of a session, newest first.
    ///
    /// # Errors
    /// When the store is absent or cannot be read.
    pub fn requests_of(&self, session: SessionId, limit: u32) -> anyhow::Result<Vec<StoredRequest>> {
        self.read(|connection| read::requests_of(connection, session, limit))
    }

    /// The newest `limit` requests that were asked since then, newest first.
    ///
    /// # Errors
    /// When the store is absent or cannot be read.
    pub fn requests_since(&self, since_ms: u64, limit: u32) -> anyhow::Result<Vec<StoredRequest>> {
        self.read(|connection| read::requests_since(connection, since_ms, limit))
    }

    fn read<T>(&self, read: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> anyhow::Result<T> {
        let (reader, _) = self
            .reader
            .changed
            .wait_timeout_while(self.reader.lock(), OPEN_WAIT, |reader| matches!(reader, Reader::Opening))
            .unwrap_or_else(PoisonError::into_inner);
        match &*reader {
            Reader::Open(connection) => read(connection).context("reading the store"),
            Reader::Absent(reason) => Err(anyhow!("{reason}")),
            Reader::Opening => bail!("the store is still being opened"),
        }
    }

    fn order(&self, order: Order) {
        let Some(orders) = &self.orders else { return };
        let urgent = order.is_urgent();
        if orders.send(order).is_err() {
            tracing::error!("the store's thread is gone; a write is lost");
        }
        if urgent {
            self.pace.hurry();
        }
    }

    fn ask<T>(&self, order: impl FnOnce(Sender<anyhow::Result<T>>) -> Order) -> anyhow::Result<T> {
        // One reply.
        let (reply, answer) = bounded(1);
        self.order(order(reply));
        answer.recv_timeout(COMMIT_WAIT).context("the store does not answer")?
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.orders = None;
        self.pace.hurry();
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Store")
    }
}
