//! Desktop notifications.
//!
//! Which bus is meant is the session's affair (`DBUS_SESSION_BUS_ADDRESS`), as for every desktop program. A click opens
//! the window; buttons that answer a request are there only when the settings say so, for any program of the user on
//! that bus could become the notification daemon.

#[cfg(all(unix, not(target_os = "macos")))]
#[path = "notify/bus.rs"]
mod desktop;
#[cfg(not(all(unix, not(target_os = "macos"))))]
#[path = "notify/plain.rs"]
mod desktop;
mod words;

use crate::service::{Outbox, ServiceThread};
use crossbeam_channel::{Receiver, Sender, bounded, select};
use desktop::Desktop;
use magia_core::effect::Notice;
use magia_core::event::{Event, NoticeNews};
use magia_protocol::wire::NoticeKind;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use words::{cut, in_words};

/// Notifications that wait to be shown; a person reads none of so many.
const WAITING_MAX: usize = 64;
/// Notifications that can still be replaced, clicked or withdrawn.
const SHOWN_MAX: usize = 128;
/// How long a notification daemon may keep the program from ending.
const STOP_WAIT: Duration = Duration::from_secs(1);
/// Characters of a title.
const TITLE_CHARS: usize = 120;
/// Characters of a body.
const BODY_CHARS: usize = 600;

/// What the desktop says.
#[derive(Debug)]
#[cfg_attr(
    not(all(unix, not(target_os = "macos"))),
    allow(dead_code, reason = "said by the session bus only")
)]
enum Said {
    /// A button, or the notification itself, was clicked.
    Action {
        /// The daemon's number.
        id: u32,
        /// Which button.
        key: String,
    },
    /// A person took it away.
    Closed {
        /// The daemon's number.
        id: u32,
    },
    /// The daemon ended.
    Ended,
    /// A daemon began.
    Began {
        /// The unique name of its connection.
        daemon: String,
    },
    /// The way to the desktop is gone.
    Lost,
}

enum Order {
    Show(Notice),
    Withdraw(u64),
}

impl Order {
    const fn number(&self) -> u64 {
        match self {
            Self::Show(notice) => notice.number,
            Self::Withdraw(number) => *number,
        }
    }
}

/// What waits for the worker: at most one order per notification.
#[derive(Default)]
struct Waiting {
    orders: VecDeque<Order>,
    /// Those that found no room.
    dropped: Vec<u64>,
}

impl Waiting {
    fn push(&mut self, order: Order) {
        self.orders.retain(|waiting| waiting.number() != order.number());
        self.orders.push_back(order);
        if self.orders.len() > WAITING_MAX {
            // Rather not show something than leave something that should be gone.
            let oldest = self.orders.iter().position(|order| matches!(order, Order::Show(..))).unwrap_or(0);
            self.dropped.extend(self.orders.remove(oldest).map(|order| order.number()));
        }
    }
}

/// Shows notifications on a thread of its own. Dropping it withdraws them.
pub struct Notifier {
    waiting: Arc<Mutex<Waiting>>,
    ring: Sender<()>,
    thread: ServiceThread,
}

impl Notifier {
    /// Connects to nothing before there is something to show. `None` when the system has no thread for us: then the
    /// program goes on without notifications, and says so in the log.
    pub fn start(events: Sender<Event>) -> Option<Self> {
        let waiting = Arc::new(Mutex::new(Waiting::default()));
        // One ring is as good as many: the orders are in their queue.
        let (ring, bell) = bounded(1);
        let asked = waiting.clone();
        let started = ServiceThread::start("magia-notify", events, move |outbox| {
            let worker = Worker { desktop: Desktop::default(), shown: VecDeque::new(), reported: false };
            worker.run(&outbox, &bell, &asked);
        });
        match started {
            Ok(thread) => Some(Self { waiting, ring, thread }),
            Err(err) => {
                tracing::error!("no desktop notifications: {err}");
                None
            }
        }
    }

    /// Shows a notification, in the place of one with the same number. Never waits.
    pub fn show(&self, notice: Notice) {
        self.order(Order::Show(notice));
    }

    /// Takes a notification back. Never waits.
    pub fn withdraw(&self, number: u64) {
        self.order(Order::Withdraw(number));
    }

    fn order(&self, order: Order) {
        lock(&self.waiting).push(order);
        // A bell that rings already is enough.
        let _already_ringing = self.ring.try_send(());
    }
}

impl Drop for Notifier {
    fn drop(&mut self) {
        if !self.thread.stop_within(STOP_WAIT) {
            tracing::warn!("the notification daemon does not answer; its thread is left behind");
        }
    }
}

impl std::fmt::Debug for Notifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Notifier")
    }
}

fn lock(waiting: &Mutex<Waiting>) -> MutexGuard<'_, Waiting> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A notification that the daemon has, by its own number.
struct Shown {
    notice: Notice,
    id: u32,
    /// Which daemon has it.
    daemon: String,
}

struct Worker {
    desktop: Desktop,
    /// Oldest first.
    shown: VecDeque<Shown>,
    /// Whether the hub was told that nothing can be shown.
    reported: bool,
}

impl Worker {
    fn run(mut self, outbox: &Outbox, bell: &Receiver<()>, asked: &Mutex<Waiting>) {
        while self.turn(outbox, bell, asked).is_some() {}
        for shown in self.shown.drain(..) {
            self.desktop.close(shown.id);
        }
    }

    /// Waits for orders and for what the daemon says. `None` when the thread is to end.
    fn turn(&mut self, outbox: &Outbox, bell: &Receiver<()>, asked: &Mutex<Waiting>) -> Option<()> {
        let said = self.desktop.said();
        let heard = select! {
            recv(bell) -> rung => {
                rung.ok()?;
                None
            }
            recv(said) -> said => Some(said.unwrap_or(Said::Lost)),
            recv(outbox.stop()) -> _ => return None,
        };
        if let Some(heard) = heard {
            self.hear(heard, outbox)?;
        }
        loop {
            let (order, dropped) = {
                let mut waiting = lock(asked);
                (waiting.orders.pop_front(), std::mem::take(&mut waiting.dropped))
            };
            for number in dropped {
                tell(outbox, number, NoticeNews::Failed("too many at once".to_owned()))?;
            }
            match order {
                None => return Some(()),
                Some(Order::Show(notice)) => self.show(notice, outbox)?,
                Some(Order::Withdraw(number)) => {
                    if let Some(shown) = self.take(number) {
                        self.desktop.close(shown.id);
                    }
                }
            }
            if outbox.stopped() {
                return None;
            }
        }
    }

    fn show(&mut self, mut notice: Notice, outbox: &Outbox) -> Option<()> {
        notice.title = cut(&notice.title, TITLE_CHARS);
        notice.body = cut(&notice.body, BODY_CHARS);
        let replaces = self.take(notice.number).map_or(0, |shown| shown.id);
        let number = notice.number;
        let outcome = self.desktop.show(&notice, replaces);
        let news = match &outcome {
            Ok(_) => NoticeNews::Shown,
            Err(err) => NoticeNews::Failed(in_words(err).to_owned()),
        };
        let failure = outcome.as_ref().err().cloned();
        if let Ok((id, daemon)) = outcome {
            self.shown.push_back(Shown { notice, id, daemon });
            if self.shown.len() > SHOWN_MAX {
                // It stays on the screen, but is no longer ours to change.
                self.shown.pop_front();
            }
        }
        tell(outbox, number, news)?;
        self.report(failure, outbox)
    }

    fn take(&mut self, number: u64) -> Option<Shown> {
        let place = self.shown.iter().position(|shown| shown.notice.number == number)?;
        self.shown.remove(place)
    }

    fn hear(&mut self, said: Said, outbox: &Outbox) -> Option<()> {
        match said {
            Said::Action { id, key } => {
                let Some(shown) = self.shown.iter().find(|shown| shown.id == id) else { return Some(()) };
                let number = shown.notice.number;
                match desktop::meaning(&key) {
                    Some(news) => tell(outbox, number, news)?,
                    None => tracing::debug!("a notification has no such button"),
                }
            }
            Said::Closed { id } => {
                if let Some(at) = self.shown.iter().position(|shown| shown.id == id)
                    && let Some(shown) = self.shown.remove(at)
                {
                    tell(outbox, shown.notice.number, NoticeNews::Closed)?;
                }
            }
            Said::Ended => self.desktop.forget(),
            Said::Began { daemon } => {
                // Another daemon has nothing of what the last one showed. What still needs a person is shown anew.
                for shown in std::mem::take(&mut self.shown) {
                    if shown.daemon == daemon {
                        self.shown.push_back(shown);
                    } else if shown.notice.kind == NoticeKind::Attention {
                        self.show(Notice { sound: false, ..shown.notice }, outbox)?;
                    } else {
                        tell(outbox, shown.notice.number, NoticeNews::Closed)?;
                    }
                }
            }
            Said::Lost => {
                tracing::warn!("the session bus is gone");
                self.desktop = Desktop::default();
                for shown in std::mem::take(&mut self.shown) {
                    tell(outbox, shown.notice.number, NoticeNews::Closed)?;
                }
            }
        }
        Some(())
    }

    /// Tells the hub when it begins to fail and when it works again, not for each notification.
    fn report(&mut self, failure: Option<String>, outbox: &Outbox) -> Option<()> {
        let problem = match failure {
            None if self.reported => None,
            Some(err) if !self.reported => {
                tracing::warn!("desktop notifications cannot be shown: {err}");
                Some(format!(
                    "Desktop notifications cannot be shown: {}; requests are still here",
                    in_words(&err)
                ))
            }
            _ => return Some(()),
        };
        self.reported = problem.is_some();
        outbox.send(Event::ServiceReported { service: "notifications", problem }).then_some(())
    }
}

fn tell(outbox: &Outbox, number: u64, news: NoticeNews) -> Option<()> {
    outbox.send(Event::NoticeReported { number, news }).then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notice(number: u64) -> Notice {
        Notice {
            number,
            kind: NoticeKind::Attention,
            session: None,
            decide: None,
            sound: false,
            title: String::new(),
            body: String::new(),
        }
    }

    #[test]
    fn one_order_per_notification_and_withdrawals_stay() {
        let mut waiting = Waiting::default();
        waiting.push(Order::Show(notice(0)));
        waiting.push(Order::Withdraw(0));
        assert!(matches!(waiting.orders.make_contiguous(), [Order::Withdraw(_)]));
        for number in 1..=100 {
            waiting.push(Order::Show(notice(number)));
        }
        assert_eq!((waiting.orders.len(), waiting.dropped.len()), (WAITING_MAX, 37));
        assert!(matches!(waiting.orders[0], Order::Withdraw(_)));
        assert_eq!(waiting.orders[1].number(), 38);
    }
}
