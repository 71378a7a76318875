//! What a listener counts, and why it refuses.

use magia_protocol::wire::info::ListenerInfo;
use std::fmt;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio::time::{Interval, MissedTickBehavior, interval_at};

/// Refusals come in floods; a person needs to read of one.
const WARN_EVERY: Duration = Duration::from_secs(10);

/// How soon a listener tells of what was counted.
const CHECK_AFTER: Duration = Duration::from_secs(2);
/// How often it looks after itself while nothing happens.
const CALM_EVERY: Duration = Duration::from_secs(10);

/// Why a message or a connection was refused. Never holds what the peer sent.
#[derive(Debug)]
pub(super) enum Refusal {
    /// Not what this socket understands.
    Garbage,
    /// Longer than this socket takes.
    TooLong,
    /// Connected and sent nothing.
    Silent,
    /// Began a line and did not end it in time, or does not read its reply.
    Slow,
    /// All unfinished lines together take too much memory.
    Crowded,
    /// The connection failed.
    Broken(io::ErrorKind),
    /// Another user.
    ForeignUser(u32),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Garbage => f.write_str("not understood"),
            Self::TooLong => f.write_str("too long"),
            Self::Silent => f.write_str("sent nothing"),
            Self::Slow => f.write_str("too slow"),
            Self::Crowded => f.write_str("too many long messages at once"),
            Self::Broken(kind) => write!(f, "connection failed: {kind}"),
            Self::ForeignUser(uid) => write!(f, "user {uid}"),
        }
    }
}

impl From<io::Error> for Refusal {
    fn from(err: io::Error) -> Self {
        match err.kind() {
            io::ErrorKind::OutOfMemory => Self::Crowded,
            kind => Self::Broken(kind),
        }
    }
}

/// A listener's counters and its state.
#[derive(Debug)]
pub(super) struct Health {
    name: &'static str,
    accepted: AtomicU64,
    messages: AtomicU64,
    refused: AtomicU64,
    open: AtomicU64,
    unheard: AtomicU64,
    state: Mutex<State>,
    /// Something was counted.
    stirred: Notify,
}

#[derive(Debug, Default)]
struct State {
    up: bool,
    error: Option<String>,
    warned: Option<Instant>,
}

impl Health {
    pub(super) fn new(name: &'static str) -> Self {
        Self {
            name,
            accepted: AtomicU64::new(0),
            messages: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            open: AtomicU64::new(0),
            unheard: AtomicU64::new(0),
            state: Mutex::default(),
            stirred: Notify::new(),
        }
    }

    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    /// It accepts connections, or `error` says why not.
    pub(super) fn set_state(&self, error: Option<String>) {
        let mut state = self.state();
        state.up = error.is_none();
        state.error = error;
    }

    /// Somebody of our user connected.
    pub(super) fn count_accepted(&self) {
        self.accepted.fetch_add(1, Ordering::Relaxed);
        self.stirred.notify_one();
    }

    /// Something is to be told soon.
    pub(super) fn stir(&self) {
        self.stirred.notify_one();
    }

    /// A message was understood and delivered.
    pub(super) fn count_message(&self) {
        self.messages.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts and logs what was refused.
    pub(super) fn refuse(&self, refusal: &Refusal) {
        let refused = self.refused.fetch_add(1, Ordering::Relaxed) + 1;
        self.stir();
        tracing::debug!(listener = self.name, "refused: {refusal}");
        let mut state = self.state();
        if state.warned.is_none_or(|at| at.elapsed() >= WARN_EVERY) {
            state.warned = Some(Instant::now());
            tracing::warn!(listener = self.name, refused, "refused: {refusal}; more like it are counted");
        }
    }

    pub(super) fn open(&self) -> u64 {
        self.open.load(Ordering::Relaxed)
    }

    /// Connections that were accepted and whose message was not told yet.
    pub(super) fn unheard(&self) -> u64 {
        self.unheard.load(Ordering::Relaxed)
    }

    /// What the hub is told.
    pub(super) fn info(&self) -> ListenerInfo {
        let state = self.state();
        ListenerInfo {
            name: self.name.to_owned(),
            up: state.up,
            error: state.error.clone(),
            accepted: self.accepted.load(Ordering::Relaxed),
            messages: self.messages.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
            open: self.open(),
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// When a listener is to look after itself and to tell how it is: soon after something was counted and while somebody is
/// connected, and now and then while nothing happens. A machine that rests is not woken for what has not changed.
#[derive(Debug)]
pub(super) struct Checks {
    health: Arc<Health>,
    due: Interval,
    has_stirred: bool,
}

impl Checks {
    /// None is due yet.
    pub(super) fn new(health: &Arc<Health>) -> Self {
        let mut due = interval_at(tokio::time::Instant::now() + CALM_EVERY, CALM_EVERY);
        due.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { health: Arc::clone(health), due, has_stirred: false }
    }

    /// The next. Cancel safe.
    pub(super) async fn tick(&mut self) {
        if !self.has_stirred {
            tokio::select! {
                _ = self.due.tick() => return,
                () = self.health.stirred.notified() => {
                    self.has_stirred = true;
                    self.due.reset_after(CHECK_AFTER);
                }
            }
        }
        self.due.tick().await;
        self.has_stirred = self.health.open() > 0;
        if self.has_stirred {
            self.due.reset_after(CHECK_AFTER);
        }
    }
}

/// Counts a connection as open until dropped.
#[derive(Debug)]
pub(super) struct OpenConnection(Arc<Health>);

impl OpenConnection {
    pub(super) fn new(health: &Arc<Health>) -> Self {
        health.open.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(health))
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Counts a connection as unheard until dropped: when its message was told to the hub, or will never be.
#[derive(Debug)]
pub(super) struct Unheard(Arc<Health>);

impl Unheard {
    pub(super) fn new(health: &Arc<Health>) -> Self {
        health.unheard.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(health))
    }
}

impl Drop for Unheard {
    fn drop(&mut self) {
        self.0.unheard.fetch_sub(1, Ordering::Relaxed);
    }
}
