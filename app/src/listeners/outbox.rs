//! The way to the hub: its channel is bounded, and a hook client cannot retry, so senders wait in line.

use crossbeam_channel::{Sender, TrySendError};
use magia_core::event::{Event, GateId};
use magia_core::model::Asking;
use magia_protocol::wire::{GateReply, HookMessage};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// How long the first in line waits before it tries a full channel again. The channel holds 1,024 facts, which
/// the hub does not work off in a millisecond, so it never runs dry meanwhile.
const FULL_PAUSE: Duration = Duration::from_millis(1);

/// Facts that come closer to each other than this are queued: then the hub works beside the thread that hears them.
const APART: Duration = Duration::from_millis(1);

/// A longer message is queued for the hub's thread: it takes long to understand, and the listeners' thread serves all
/// agents.
pub(super) const SHORT_MAX_BYTES: usize = 64 * 1024;

/// Deals with a fact at once, on the thread that has it, when nobody else is at work and nothing stands before it.
pub trait Direct: Send + Sync + fmt::Debug {
    /// Takes `event`, or gives it back when it has to queue. Never waits.
    fn take_now(&self, event: Event) -> Option<Event>;

    /// Gives `asked` the answer of a rule and notes it, or says `false`: then nothing was given, nothing is noted, and the
    /// request is to be told as an event. Never waits.
    fn answer_now(&self, asked: &mut dyn Asked) -> bool;
}

/// A handler that waits, and of whose message only what a rule's answer depends on was read.
pub trait Asked {
    /// What was read.
    fn asking(&self) -> &Asking<'_>;
    /// Writes the answer. `None` when nothing may be answered any more; then nothing was written.
    fn give(&mut self, reply: &GateReply) -> Option<GateId>;
    /// The whole message.
    fn message(&self) -> Box<HookMessage>;
}

/// The hub is gone, or the listeners are stopping and do not wait for it any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct HubGone;

/// Hands facts to the hub in the order in which they were given.
///
/// crossbeam has no async send, and a thread between would cost a wake-up per event. So each task sends for
/// itself while there is room; when there is none, tasks queue up at a fair lock whose holder tries again. The
/// tasks' connections stay counted meanwhile, so a hub that stands still stops the accepting in the end.
#[derive(Debug)]
pub(super) struct Outbox {
    hub: Sender<Event>,
    direct: Option<Arc<dyn Direct>>,
    /// Fair: whoever waits longest gets it next, and nobody overtakes while somebody waits.
    turn: Mutex<()>,
    stopping: AtomicBool,
    begun: Instant,
    /// When something was last told, in microseconds since `begun`.
    told_us: AtomicU64,
}

impl Outbox {
    pub(super) fn new(hub: Sender<Event>, direct: Option<Arc<dyn Direct>>) -> Self {
        Self {
            hub,
            direct,
            turn: Mutex::new(()),
            stopping: AtomicBool::new(false),
            begun: Instant::now(),
            told_us: AtomicU64::new(0),
        }
    }

    /// Delivers `event`, waiting as long as the hub has no room.
    pub(super) async fn send(&self, event: Event) -> Result<(), HubGone> {
        self.deliver(event, None).await
    }

    /// As [`Outbox::send`], for what an agent's hook says. One that comes alone is dealt with here and now when the hub
    /// rests: that spares waking its thread, and what the agent asks next, most often here as well, finds caches warm.
    pub(super) async fn tell(&self, event: Event) -> Result<(), HubGone> {
        let is_short = match &event {
            Event::HookReceived(message) => message.payload.get().len() <= SHORT_MAX_BYTES,
            _ => false,
        };
        let direct = if self.is_alone() && is_short { self.direct.as_deref() } else { None };
        self.deliver(event, direct).await
    }

    /// Whether nothing was told just now.
    fn is_alone(&self) -> bool {
        let now_us = u64::try_from(self.begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        let before_us = self.told_us.swap(now_us, Ordering::Relaxed);
        u128::from(now_us.saturating_sub(before_us)) >= APART.as_micros()
    }

    /// As [`Outbox::send`], for a fact whose sender waits for what it causes: when the hub rests, it is dealt with here
    /// and now.
    pub(super) async fn ask(&self, event: Event) -> Result<(), HubGone> {
        self.deliver(event, self.direct.as_deref()).await
    }

    /// As [`Outbox::ask`], but gives the fact back when it would have to queue.
    pub(super) fn ask_now(&self, event: Event) -> Option<Event> {
        let Some(direct) = &self.direct else { return Some(event) };
        match self.turn.try_lock() {
            Ok(_turn) => direct.take_now(event),
            Err(_) => Some(event),
        }
    }

    /// As [`Direct::answer_now`].
    pub(super) fn answer_now(&self, asked: &mut dyn Asked) -> bool {
        let Some(direct) = &self.direct else { return false };
        self.turn.try_lock().is_ok_and(|_turn| direct.answer_now(asked))
    }

    async fn deliver(&self, event: Event, direct: Option<&dyn Direct>) -> Result<(), HubGone> {
        let _turn = match self.turn.try_lock() {
            Ok(turn) => turn,
            Err(_) => self.turn.lock().await,
        };
        let mut event = match direct {
            Some(direct) => match direct.take_now(event) {
                Some(back) => back,
                None => return Ok(()),
            },
            None => event,
        };
        loop {
            match self.hub.try_send(event) {
                Ok(()) => return Ok(()),
                Err(TrySendError::Disconnected(_)) => return Err(HubGone),
                Err(TrySendError::Full(_)) if self.stopping.load(Ordering::Relaxed) => return Err(HubGone),
                Err(TrySendError::Full(back)) => event = back,
            }
            tokio::time::sleep(FULL_PAUSE).await;
        }
    }

    /// Delivers `event` when that is possible at once; says whether it was.
    pub(super) fn offer(&self, event: Event) -> bool {
        let Ok(_turn) = self.turn.try_lock() else { return false };
        self.hub.try_send(event).is_ok()
    }

    /// As [`Outbox::offer`], for what may come again later: it takes no more than half of the hub's room, so that hooks
    /// never wait for it.
    pub(super) fn offer_minor(&self, event: Event) -> bool {
        let half = self.hub.capacity().map_or(usize::MAX, |capacity| capacity.div_ceil(2));
        self.hub.len() < half && self.offer(event)
    }

    /// Whether the hub may still be told anything.
    pub(super) fn is_open(&self) -> bool {
        !self.stopping.load(Ordering::Relaxed)
    }

    /// From now on nobody waits for room: the hub may be the thread that waits for us to stop.
    pub(super) fn stop_waiting(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }
}
