//! Desktop notifications.
//!
//! They only say that something waits. They carry no buttons: any program on the session bus can forge a click, so a
//! decision is made in the window. Which bus is meant is the session's affair (`DBUS_SESSION_BUS_ADDRESS`), as for
//! every desktop program.

mod shown;

use crate::service::{Outbox, ServiceThread};
use crossbeam_channel::{Receiver, Sender, bounded, select};
use magia_core::effect::Notice;
use magia_core::event::Event;
use magia_protocol::wire::RequestId;
use shown::{Desktop, Shown};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Requests whose notifications wait to be shown; a person reads none of so many.
const WAITING_MAX: usize = 64;
/// Notifications that can still be replaced or withdrawn; each keeps a connection to the bus.
const SHOWN_MAX: usize = 32;
/// How long a notification daemon may keep the program from ending.
const STOP_WAIT: Duration = Duration::from_secs(1);
/// Characters of a title.
const TITLE_CHARS: usize = 120;
/// Characters of a body.
const BODY_CHARS: usize = 600;

/// How much a notification presses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Urgency {
    /// Goes away by itself.
    Normal,
    /// Stays until it is withdrawn or dismissed.
    Critical,
}

enum Order {
    Show(Notice, Urgency),
    Withdraw(RequestId),
}

impl Order {
    const fn request(&self) -> RequestId {
        match self {
            Self::Show(notice, _) => notice.request,
            Self::Withdraw(request) => *request,
        }
    }
}

/// What waits for the worker: at most one order per request.
#[derive(Default)]
struct Waiting {
    orders: VecDeque<Order>,
    dropped: u64,
}

impl Waiting {
    fn push(&mut self, order: Order) {
        self.orders.retain(|waiting| waiting.request() != order.request());
        self.orders.push_back(order);
        if self.orders.len() > WAITING_MAX {
            // Rather not show something than leave something that should be gone.
            let oldest = self.orders.iter().position(|order| matches!(order, Order::Show(..))).unwrap_or(0);
            self.orders.remove(oldest);
            self.dropped += 1;
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
            let worker = Worker { desktop: Desktop::new(), shown: VecDeque::new(), reported: false };
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

    /// Shows a notification that goes away by itself; a second one for the same request replaces the first. Never waits.
    pub fn show(&self, notice: Notice) {
        self.order(Order::Show(notice, Urgency::Normal));
    }

    /// The same, but it stays until it is withdrawn or dismissed, and most desktops let it through "do not disturb".
    pub fn show_urgent(&self, notice: Notice) {
        self.order(Order::Show(notice, Urgency::Critical));
    }

    /// Takes a request's notification back. Never waits.
    pub fn withdraw(&self, request: RequestId) {
        self.order(Order::Withdraw(request));
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

struct Worker {
    desktop: Desktop,
    /// Oldest first.
    shown: VecDeque<(RequestId, Shown)>,
    /// Whether the hub was told that nothing can be shown.
    reported: bool,
}

impl Worker {
    fn run(mut self, outbox: &Outbox, bell: &Receiver<()>, asked: &Mutex<Waiting>) {
        while self.turn(outbox, bell, asked).is_some() {}
        for (_, shown) in self.shown.drain(..) {
            shown.withdraw();
        }
    }

    /// Waits for orders and follows them. `None` when the thread is to end.
    fn turn(&mut self, outbox: &Outbox, bell: &Receiver<()>, asked: &Mutex<Waiting>) -> Option<()> {
        select! {
            recv(bell) -> rung => rung.ok()?,
            recv(outbox.stop()) -> _ => return None,
        }
        loop {
            let (order, dropped) = {
                let mut waiting = lock(asked);
                (waiting.orders.pop_front(), std::mem::take(&mut waiting.dropped))
            };
            if dropped > 0 {
                tracing::warn!("{dropped} notifications were not shown: too many at once");
            }
            match order {
                None => return Some(()),
                Some(Order::Show(notice, urgency)) => {
                    let outcome = self.show(&notice, urgency);
                    self.report(outcome, outbox)?;
                }
                Some(Order::Withdraw(request)) => {
                    if let Some(shown) = self.take(request) {
                        shown.withdraw();
                    }
                }
            }
            if outbox.stopped() {
                return None;
            }
        }
    }

    fn show(&mut self, notice: &Notice, urgency: Urgency) -> Result<(), String> {
        let title = cut(&notice.title, TITLE_CHARS);
        let body = cut(&notice.body, BODY_CHARS);
        let before = self.take(notice.request);
        let shown = self.desktop.show(before, &title, &body, urgency)?;
        self.shown.push_back((notice.request, shown));
        if self.shown.len() > SHOWN_MAX {
            // It stays on the screen, but is no longer ours to change.
            self.shown.pop_front();
        }
        Ok(())
    }

    fn take(&mut self, request: RequestId) -> Option<Shown> {
        let place = self.shown.iter().position(|(of, _)| *of == request)?;
        self.shown.remove(place).map(|(_, shown)| shown)
    }

    /// Tells the hub when it begins to fail and when it works again, not for each notification.
    fn report(&mut self, outcome: Result<(), String>, outbox: &Outbox) -> Option<()> {
        let problem = match outcome {
            Ok(()) if self.reported => None,
            Err(err) if !self.reported => {
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

/// What an error of the session bus means to a person; its own words are in the log.
fn in_words(err: &str) -> &'static str {
    let says = |words: &[&str]| words.iter().any(|word| err.contains(word));
    if says(&["ServiceUnknown", "NameHasNoOwner", "not provided by any"]) {
        "no program of this desktop shows any"
    } else if says(&["I/O error", "os error", "autolaunch", "address"]) {
        "this login has no session bus"
    } else {
        "the desktop did not take one"
    }
}

/// At most so many characters, with an ellipsis when there are more.
fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use magia_protocol::wire::SessionId;
    use uuid::Uuid;

    fn notice(number: u128) -> Notice {
        Notice {
            request: RequestId::from_uuid(Uuid::from_u128(number)),
            session: SessionId::from_uuid(Uuid::from_u128(1)),
            title: String::new(),
            body: String::new(),
        }
    }

    #[test]
    fn one_order_per_request_and_withdrawals_stay() {
        let mut waiting = Waiting::default();
        waiting.push(Order::Show(notice(0), Urgency::Normal));
        waiting.push(Order::Withdraw(notice(0).request));
        assert!(matches!(waiting.orders.make_contiguous(), [Order::Withdraw(_)]));
        for number in 1..=100 {
            waiting.push(Order::Show(notice(number), Urgency::Normal));
        }
        assert_eq!((waiting.orders.len(), waiting.dropped), (WAITING_MAX, 37));
        assert!(matches!(waiting.orders[0], Order::Withdraw(_)));
        assert_eq!(waiting.orders[1].request(), notice(38).request);
    }

    #[test]
    fn a_person_reads_what_is_missing() {
        let unknown = "org.freedesktop.DBus.Error.ServiceUnknown: The name org.freedesktop.Notifications was not \
                       provided by any .service files";
        assert_eq!(in_words(unknown), "no program of this desktop shows any");
        assert_eq!(
            in_words("I/O error: No such file or directory (os error 2)"),
            "this login has no session bus"
        );
        assert_eq!(in_words("something else"), "the desktop did not take one");
    }

    #[test]
    fn texts_are_cut_by_characters() {
        assert_eq!(cut("äöü", 3), "äöü");
        assert_eq!(cut("äöüx", 3), "äöü…");
    }
}
