//! The way to the hub: its channel is bounded, and a hook client cannot retry, so senders wait in line.

use crossbeam_channel::{Sender, TrySendError};
use magia_core::event::Event;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::Mutex;

/// How long the first in line waits before it tries a full channel again. The channel holds 1,024 facts, which
/// the hub does not work off in a millisecond, so it never runs dry meanwhile.
const FULL_PAUSE: Duration = Duration::from_millis(1);

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
    /// Fair: whoever waits longest gets it next, and nobody overtakes while somebody waits.
    turn: Mutex<()>,
    stopping: AtomicBool,
}

impl Outbox {
    pub(super) fn new(hub: Sender<Event>) -> Self {
        Self { hub, turn: Mutex::new(()), stopping: AtomicBool::new(false) }
    }

    /// Delivers `event`, waiting as long as the hub has no room.
    pub(super) async fn send(&self, event: Event) -> Result<(), HubGone> {
        let _turn = match self.turn.try_lock() {
            Ok(turn) => turn,
            Err(_) => self.turn.lock().await,
        };
        let mut event = event;
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

    /// From now on nobody waits for room: the hub may be the thread that waits for us to stop.
    pub(super) fn stop_waiting(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }
}
