//! The thread that writes.

use super::open::{InUse, Opened, begin_anew, is_damage, lock, open};
use super::pace::Pace;
use super::queue::Queue;
use super::read::{LAST_ALIVE, load};
use super::{Order, Reader, ReaderSlot, Retention, StoreConfig, retention, rows};
use crate::service::Outbox;
use anyhow::Context;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TryRecvError, TrySendError};
use magia_core::event::{Event, StoredState};
use magia_protocol::wire::SessionId;
use rusqlite::{Connection, params};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How often the limits are looked after.
const RETENTION_EVERY: Duration = Duration::from_secs(24 * 60 * 60);
/// When magia has not run for longer by its clock, that may be wrong: what is older than the limits is forgotten a day later.
const DOUBT_MS: u64 = 30 * 24 * 60 * 60 * 1_000;
/// How often a report that the hub had no room for is tried again.
const REPORT_EVERY: Duration = Duration::from_millis(200);
/// How long the lock of a magia that is just ending is waited for.
const LOCK_WAIT: Duration = Duration::from_secs(3);
/// How often the lock is tried meanwhile.
const LOCK_EVERY: Duration = Duration::from_millis(100);

/// Opens the store and writes until nobody can order anything any more.
pub(super) fn run(
    config: StoreConfig,
    orders: &Receiver<Order>,
    pace: &Pace,
    outbox: &Outbox,
    events: &Sender<Event>,
    slot: &ReaderSlot,
) {
    let mut teller = Teller {
        events: events.clone(),
        problem: None,
        told: None,
        forgotten: Vec::new(),
        begun_anew: false,
    };
    let locked = wait_for_lock(&config, outbox);
    // Held until the thread ends.
    let (_lock, opened) = match locked.and_then(|lock| Ok((lock, open(&config.data_dir)?))) {
        Ok(opened) => opened,
        Err(err) => {
            let problem = format!("{err:#}");
            tracing::error!("no store: {problem}");
            slot.set(Reader::Absent(problem.clone()));
            teller.problem = Some(problem);
            teller.tell();
            if outbox.send(Event::StoreLoaded(Box::default())) {
                discard(orders, &mut teller);
            }
            return;
        }
    };
    let Opened { writer: connection, reader, problem } = opened;
    let state = load(&connection).unwrap_or_else(|err| {
        // It was read a moment ago while it was opened.
        tracing::error!("cannot read the store: {err}");
        StoredState::default()
    });
    slot.set(Reader::Open(reader));
    let doubt = state.last_alive_ms.is_some_and(|alive| now_ms().saturating_sub(alive) > DOUBT_MS);
    let mut writer = Writer {
        connection,
        slot,
        retry_every: config.retry_every,
        retention: None,
        lasting: problem,
        damage: None,
        queue: Queue::default(),
        lost: 0,
        failed: None,
        retain_at: None,
        retain_after: Instant::now() + if doubt { RETENTION_EVERY } else { Duration::ZERO },
        teller,
        config,
    };
    writer.teller.problem.clone_from(&writer.lasting);
    writer.teller.tell();
    if outbox.send(Event::StoreLoaded(Box::new(state))) {
        writer.run(orders, pace);
    }
}

fn wait_for_lock(config: &StoreConfig, outbox: &Outbox) -> anyhow::Result<std::fs::File> {
    let give_up = Instant::now() + LOCK_WAIT;
    loop {
        match lock(&config.data_dir) {
            Err(err) if err.downcast_ref::<InUse>().is_some() && Instant::now() < give_up => {}
            done => return done,
        }
        if outbox.stop().recv_timeout(LOCK_EVERY).is_err_and(|err| err.is_disconnected()) {
            return lock(&config.data_dir);
        }
    }
}

/// Without a store every order is answered, and nothing is kept.
fn discard(orders: &Receiver<Order>, teller: &mut Teller) {
    let refused = || Err(anyhow::anyhow!("there is no store"));
    loop {
        match orders.recv_timeout(teller.patience().unwrap_or(RETENTION_EVERY)) {
            Ok(Order::Flush(reply)) => answer(&reply, refused()),
            Ok(Order::Tell(told)) => told.tell(refused()),
            Ok(Order::Purge { reply, .. }) => answer(&reply, Err(anyhow::anyhow!("there is no store"))),
            Ok(Order::Write(_) | Order::Retain(_)) => {}
            Err(RecvTimeoutError::Timeout) => teller.tell(),
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// Tells the hub of problems, and of what was forgotten, without ever waiting for it: the hub may be waiting for us.
struct Teller {
    events: Sender<Event>,
    problem: Option<String>,
    told: Option<String>,
    /// Sessions that were forgotten for their age, and of which the hub has not heard yet.
    forgotten: Vec<SessionId>,
    /// A new file was begun, and the hub has not heard of it yet.
    begun_anew: bool,
}

impl Teller {
    fn tell(&mut self) {
        if !self.forgotten.is_empty() {
            let gone = Event::Forgotten(std::mem::take(&mut self.forgotten));
            if let Err(TrySendError::Full(Event::Forgotten(gone))) = self.events.try_send(gone) {
                self.forgotten = gone;
            }
        }
        if self.problem != self.told {
            let report = Event::ServiceReported { service: "store", problem: self.problem.clone() };
            match self.events.try_send(report) {
                Ok(()) => self.told.clone_from(&self.problem),
                Err(TrySendError::Full(_)) => {}
                // Nobody is left to be told.
                Err(TrySendError::Disconnected(_)) => self.told.clone_from(&self.problem),
            }
        }
        if self.begun_anew {
            let told = self.events.try_send(Event::StoreBegunAnew);
            self.begun_anew = matches!(told, Err(TrySendError::Full(_)));
        }
    }

    /// When to try again, if there is something to tell.
    fn patience(&self) -> Option<Duration> {
        (self.problem != self.told || !self.forgotten.is_empty() || self.begun_anew).then_some(REPORT_EVERY)
    }
}

struct Writer<'a> {
    connection: Connection,
    slot: &'a ReaderSlot,
    config: StoreConfig,
    retry_every: Duration,
    /// What is kept; everything until it is known.
    retention: Option<Retention>,
    queue: Queue,
    /// Writes given up since the start.
    lost: u64,
    /// Why the last try to write failed, and when to try again.
    failed: Option<(String, Instant)>,
    /// What happened that no success makes good, as a damaged file.
    lasting: Option<String>,
    /// The damage of a file that could not be moved aside yet.
    damage: Option<anyhow::Error>,
    /// When to look after the limits.
    retain_at: Option<Instant>,
    /// Not before that.
    retain_after: Instant,
    teller: Teller,
}

impl Writer<'_> {
    fn run(mut self, orders: &Receiver<Order>, pace: &Pace) {
        loop {
            let order = match self.patience() {
                Some(Duration::ZERO) => match orders.try_recv() {
                    Ok(order) => Some(order),
                    Err(TryRecvError::Empty) => None,
                    Err(TryRecvError::Disconnected) => break,
                },
                Some(patience) => match orders.recv_timeout(patience) {
                    Ok(order) => Some(order),
                    Err(RecvTimeoutError::Timeout) => None,
                    Err(RecvTimeoutError::Disconnected) => break,
                },
                None => match orders.recv() {
                    Ok(order) => Some(order),
                    Err(_) => break,
                },
            };
            let is_first = self.queue.is_empty() && self.failed.is_none();
            if is_first && order.as_ref().is_some_and(|order| !order.is_urgent()) {
                pace.gather();
            }
            let mut next = order;
            while let Some(order) = next {
                self.take(order);
                next = if self.queue.is_a_batch() { None } else { orders.try_recv().ok() };
            }
            if self.failed.as_ref().is_none_or(|(_, again)| *again <= Instant::now()) {
                self.write();
            }
            self.look_after_limits();
            self.tell();
        }
        self.write();
        if !self.queue.is_empty() {
            tracing::error!("the store could not be written at the end; {} rows are lost", self.queue.len());
        }
    }

    /// How long to wait for an order; `None` is for ever.
    fn patience(&self) -> Option<Duration> {
        let now = Instant::now();
        let retry = self.failed.as_ref().map(|(_, again)| again.saturating_duration_since(now));
        let backlog = (self.failed.is_none() && !self.queue.is_empty()).then_some(Duration::ZERO);
        let retain = self.retain_at.map(|at| at.saturating_duration_since(now));
        [retry, backlog, retain, self.teller.patience()].into_iter().flatten().min()
    }

    fn take(&mut self, order: Order) {
        match order {
            Order::Write(write) => self.queue.push(write),
            Order::Flush(reply) => {
                let outcome = self.write_all();
                answer(&reply, outcome);
            }
            Order::Tell(told) => told.tell(self.write_all()),
            Order::Retain(retention) => {
                if self.retention != Some(retention) {
                    self.retention = Some(retention);
                    self.retain_at = Some(self.retain_after.max(Instant::now()));
                }
            }
            Order::Purge { older_than_days, keep, reply } => {
                let outcome = self.write_all().and_then(|()| {
                    retention::purge(&mut self.connection, older_than_days, &keep, now_ms())
                        .context("forgetting old data")
                });
                answer(&reply, outcome);
            }
        }
    }

    fn write_all(&mut self) -> anyhow::Result<()> {
        // A try takes seconds when another program has the file; whoever comes next hears of the last one.
        if let Some((err, again)) = &self.failed
            && *again > Instant::now()
        {
            anyhow::bail!("{err}");
        }
        while !self.queue.is_empty() {
            self.write();
            if let Some((err, _)) = &self.failed {
                anyhow::bail!("{err}");
            }
        }
        Ok(())
    }

    /// Writes one batch.
    fn write(&mut self) {
        if let Some(damage) = self.damage.take() {
            return self.begin_anew(damage);
        }
        if self.queue.is_empty() {
            self.failed = None;
            return;
        }
        match write_batch(&mut self.connection, &self.queue) {
            Ok(events) => {
                self.queue.written(events);
                self.failed = None;
            }
            Err(err) => {
                let err = anyhow::Error::new(err);
                if is_damage(&err) {
                    return self.begin_anew(err);
                }
                self.failed = Some((format!("{err:#}"), Instant::now() + self.retry_every));
            }
        }
    }

    /// Moves the damaged file aside and goes on with a new one; what waits is written the next time. It is tried again when
    /// that fails.
    fn begin_anew(&mut self, damage: anyhow::Error) {
        // Both connections have to let go of the file first.
        self.slot.set(Reader::Opening);
        let begun =
            Connection::open_in_memory().context("letting go of the damaged file").and_then(|nothing| {
                drop(std::mem::replace(&mut self.connection, nothing));
                begin_anew(&self.config.data_dir, &damage)
            });
        match begun {
            Ok(opened) => {
                self.connection = opened.writer;
                self.slot.set(Reader::Open(opened.reader));
                self.lasting = opened.problem;
                self.failed = None;
                self.teller.begun_anew = true;
            }
            Err(err) => {
                let why = format!("{err:#}");
                tracing::error!("cannot begin a new store: {why}");
                self.slot.set(Reader::Absent(why.clone()));
                self.failed = Some((why, Instant::now() + self.retry_every));
                self.damage = Some(damage);
            }
        }
    }

    fn look_after_limits(&mut self) {
        let Some(retention) = self.retention else { return };
        if self.failed.is_some()
            || !self.queue.is_empty()
            || self.retain_at.is_none_or(|at| at > Instant::now())
        {
            return;
        }
        let pause = match retention::step(&mut self.connection, retention, now_ms()) {
            Ok((more, gone)) => {
                self.teller.forgotten.extend(gone);
                if more { Duration::ZERO } else { RETENTION_EVERY }
            }
            Err(err) => {
                tracing::warn!("cannot forget old events: {err}");
                RETENTION_EVERY
            }
        };
        self.retain_at = Instant::now().checked_add(pause);
    }

    fn tell(&mut self) {
        self.lost += std::mem::take(&mut self.queue.lost);
        self.teller.problem = match &self.failed {
            Some((err, _)) if self.lost > 0 => Some(format!(
                "the store cannot be written ({err}); {} rows are lost, the newest wait",
                self.lost
            )),
            Some((err, _)) => Some(format!(
                "the store cannot be written ({err}); events wait in memory, nothing is lost yet"
            )),
            None => {
                if self.lost > 0 {
                    tracing::error!("{} rows were lost while the store could not be written", self.lost);
                    self.lost = 0;
                }
                self.lasting.clone()
            }
        };
        self.teller.tell();
    }
}

fn answer<T>(reply: &Sender<T>, outcome: T) {
    if reply.try_send(outcome).is_err() {
        tracing::debug!("whoever asked the store did not wait for the answer");
    }
}

/// Writes one transaction. How many events of the queue are in it.
fn write_batch(connection: &mut Connection, queue: &Queue) -> rusqlite::Result<usize> {
    let batch = queue.batch();
    // An outcome is forced to the disk; it cannot be changed inside of a transaction.
    let level = if batch.requests.is_empty() { "NORMAL" } else { "FULL" };
    connection.pragma_update(None, "synchronous", level)?;
    let transaction = connection.transaction()?;
    {
        let mut statement = transaction.prepare_cached(rows::INSERT_SESSION)?;
        for session in &batch.sessions {
            rows::insert_session(&mut statement, session)?;
        }
        let mut statement = transaction.prepare_cached(rows::INSERT_REQUEST)?;
        for request in &batch.requests {
            rows::insert_request(&mut statement, request)?;
        }
        let mut statement = transaction.prepare_cached(rows::INSERT_EVENT)?;
        for event in &batch.events {
            if !rows::insert_event(&mut statement, event)? {
                tracing::error!("event number {} was used before; the later event is not stored", event.seq);
            }
        }
        let mut statement = transaction.prepare_cached(rows::INSERT_METRICS)?;
        for row in &batch.metrics {
            rows::insert_metrics(&mut statement, row)?;
        }
        if let Some(at_ms) = batch.alive_ms {
            transaction.execute(
                "INSERT OR REPLACE INTO meta (name, value) VALUES (?1, ?2)",
                params![LAST_ALIVE, at_ms.cast_signed()],
            )?;
        }
    }
    transaction.commit()?;
    Ok(batch.events.len())
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
