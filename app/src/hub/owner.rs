//! The hub's state behind one lock: one thread at a time owns it.
//!
//! Mostly that is the hub's own thread. While it rests and nothing waits for it, a listener's thread that has an event may
//! take the state itself and deal with the event in place, which spares an agent that waits two wake-ups of threads.
//!
//! - **Nothing is overtaken.** The thread takes events out of the queue only while it holds the lock, and an event is
//!   taken in place only while the queue is empty, looked at under the lock. So whatever was sent before has been applied.
//! - **A listener never waits here.** It only tries the lock, and it is refused when what the event causes could have to
//!   wait ([`InPlace::is_free`]). Then it queues the event as ever.
//! - **The thread does the rest.** No snapshot is made in place and no timer runs there; the bell wakes the thread when
//!   something falls due earlier than it meant to sleep.

use super::Hub;
use crate::listeners::{Asked, Direct};
use crossbeam_channel::{Receiver, Sender, bounded};
use magia_core::event::Event;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A state that can take events on any thread.
pub trait InPlace: Send {
    /// Whether an event may be taken now: nothing stands in the queue before it, and nothing that it causes waits.
    fn is_free(&self) -> bool;
    /// Takes an event and does what it causes. Says whether the hub's thread is to be woken.
    fn take_in_place(&mut self, event: Event) -> bool;
    /// As [`InPlace::take_in_place`], for a request that a rule answers; `None` when none does, and then nothing was done.
    fn answer_in_place(&mut self, asked: &mut dyn Asked) -> Option<bool>;
}

/// Where the state is. Cheap to clone.
pub struct Owner<H = Hub>(Arc<Shared<H>>);

struct Shared<H> {
    stage: Mutex<Stage<H>>,
    bell: Sender<()>,
    rung: Receiver<()>,
}

enum Stage<H> {
    /// The hub's thread does not run yet.
    NotBegun,
    Works(Box<H>),
    /// A panic left it half changed. Nobody looks at it any more; the hub's thread is to end and drop it.
    Broken(Box<H>),
    Over,
}

impl<H: InPlace> Owner<H> {
    /// An owner of nothing yet: events are queued.
    pub fn new() -> Self {
        // One ring is as good as many.
        let (bell, rung) = bounded(1);
        Self(Arc::new(Shared { stage: Mutex::new(Stage::NotBegun), bell, rung }))
    }

    /// Gives it the state. `false` when it had one before.
    pub(super) fn begin(&self, state: H) -> bool {
        let mut stage = self.lock();
        let is_new = matches!(*stage, Stage::NotBegun);
        if is_new {
            *stage = Stage::Works(Box::new(state));
        }
        is_new
    }

    /// Owns the state for the time of `work`, waiting for whoever has it. `None` when there is none, or a broken one.
    pub(super) fn with<T>(&self, work: impl FnOnce(&mut H) -> T) -> Option<T> {
        match &mut *self.lock() {
            Stage::Works(state) => Some(work(state)),
            Stage::NotBegun | Stage::Broken(_) | Stage::Over => None,
        }
    }

    /// Whether a panic left the state half changed, on a listener's thread.
    pub(super) fn is_broken(&self) -> bool {
        matches!(*self.lock(), Stage::Broken(_))
    }

    /// Takes the state out for good, whatever became of it. Nothing is taken in place from then on.
    pub(super) fn end(&self) -> Option<Box<H>> {
        match std::mem::replace(&mut *self.lock(), Stage::Over) {
            Stage::Works(state) | Stage::Broken(state) => Some(state),
            Stage::NotBegun | Stage::Over => None,
        }
    }

    /// Rings when something falls due earlier than the thread meant to sleep, or when the state broke.
    pub(super) fn bell(&self) -> &Receiver<()> {
        &self.0.rung
    }

    fn ring(&self) {
        // A bell that rings already is enough.
        let _already_ringing = self.0.bell.try_send(());
    }

    /// Lets `work` have the state when it is free. `None` when it is not, or when `work` did nothing with it; `work` says
    /// whether to wake the hub's thread.
    fn in_place(&self, work: impl FnOnce(&mut H) -> Option<bool>) -> Option<()> {
        let mut stage = self.0.stage.try_lock().ok()?;
        let Stage::Works(state) = &mut *stage else { return None };
        if !state.is_free() {
            return None;
        }
        // A state that was left half changed is not looked at again.
        let Ok(done) = catch_unwind(AssertUnwindSafe(|| work(state))) else {
            tracing::error!("the hub panicked on a listener's thread");
            if let Stage::Works(state) = std::mem::replace(&mut *stage, Stage::Over) {
                *stage = Stage::Broken(state);
            }
            drop(stage);
            self.ring();
            return Some(());
        };
        drop(stage);
        if done? {
            self.ring();
        }
        Some(())
    }

    /// A thread that panics with the state is the hub's own, which ends with it: see [`Self::end`].
    fn lock(&self) -> MutexGuard<'_, Stage<H>> {
        self.0.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<H: InPlace> Direct for Owner<H> {
    fn take_now(&self, event: Event) -> Option<Event> {
        let mut event = Some(event);
        self.in_place(|state| event.take().map(|event| state.take_in_place(event)));
        event
    }

    fn answer_now(&self, asked: &mut dyn Asked) -> bool {
        self.in_place(|state| state.answer_in_place(asked)).is_some()
    }
}

impl<H: InPlace> Default for Owner<H> {
    fn default() -> Self {
        Self::new()
    }
}

impl<H> Clone for Owner<H> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<H> std::fmt::Debug for Owner<H> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Owner")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use magia_core::event::{GateId, ReplyId};
    use magia_core::model::Asking;
    use magia_protocol::wire::{GateReply, HookLine, HookMessage};
    use std::sync::Barrier;

    /// Notes what it is given; panics at 13.
    struct Book {
        queue: Receiver<Event>,
        read: Vec<u64>,
        wakes: bool,
    }

    impl Book {
        fn note(&mut self, event: &Event) {
            let Event::RequesterGone(ReplyId(number)) = event else { panic!("{event:?}") };
            assert_ne!(*number, 13, "unlucky");
            self.read.push(*number);
        }
    }

    impl InPlace for Book {
        fn is_free(&self) -> bool {
            self.queue.is_empty()
        }

        fn take_in_place(&mut self, event: Event) -> bool {
            self.note(&event);
            self.wakes
        }

        fn answer_in_place(&mut self, asked: &mut dyn Asked) -> Option<bool> {
            asked.give(&GateReply::default()).map(|_| self.wakes)
        }
    }

    const fn event(number: u64) -> Event {
        Event::RequesterGone(ReplyId(number))
    }

    fn owner(capacity: usize) -> (Owner<Book>, Sender<Event>) {
        let (sender, queue) = bounded(capacity);
        let owner = Owner::new();
        assert!(owner.take_now(event(0)).is_some(), "nobody is there yet");
        assert!(owner.begin(Book { queue, read: Vec::new(), wakes: false }));
        (owner, sender)
    }

    #[test]
    fn an_event_is_taken_only_when_nothing_stands_before_it() {
        let (owner, sender) = owner(4);
        assert!(owner.take_now(event(1)).is_none());
        sender.send(event(2)).unwrap();
        assert!(owner.take_now(event(3)).is_some(), "2 waits");
        owner.with(|book| {
            let waiting = book.queue.try_recv().unwrap();
            assert!(owner.take_now(event(3)).is_some(), "somebody has the lock, and 2 in hand");
            book.note(&waiting);
        });
        assert!(owner.take_now(event(3)).is_none());
        assert_eq!(owner.end().unwrap().read, [1, 2, 3]);
        assert!(owner.take_now(event(4)).is_some(), "nobody is there any more");
        assert!(
            !owner.begin(Book { queue: bounded(1).1, read: Vec::new(), wakes: false })
                && owner.end().is_none()
        );
    }

    /// A handler that counts its answers.
    struct Handler<'a>(Asking<'a>, Vec<GateReply>);

    impl Asked for Handler<'_> {
        fn asking(&self) -> &Asking<'_> {
            &self.0
        }

        fn give(&mut self, reply: &GateReply) -> Option<GateId> {
            self.1.push(reply.clone());
            Some(GateId(1))
        }

        fn message(&self) -> Box<HookMessage> {
            unreachable!("a book notes none")
        }
    }

    #[test]
    fn a_request_is_answered_only_when_nothing_stands_before_it() {
        let line = br#"{"provider":"claude","event":"PermissionRequest","payload":{"session_id":"s","cwd":"/","tool_name":"Bash","tool_input":{}}}"#;
        let line = HookLine::parse(line).unwrap();
        let mut handler = Handler(Asking::of_line(&line).unwrap(), Vec::new());
        assert!(!Owner::<Book>::new().answer_now(&mut handler), "nobody is there yet");
        let (owner, sender) = owner(4);
        assert!(owner.answer_now(&mut handler));
        sender.send(event(1)).unwrap();
        assert!(!owner.answer_now(&mut handler), "1 waits");
        owner.with(|book| {
            book.queue.try_recv().unwrap();
            assert!(!owner.answer_now(&mut handler), "somebody has the lock");
        });
        assert!(owner.answer_now(&mut handler));
        assert_eq!(handler.1.len(), 2, "nothing is given where nothing is answered");
    }

    #[test]
    fn the_bell_rings_once_for_many() {
        let (owner, _sender) = owner(1);
        assert!(owner.take_now(event(1)).is_none() && owner.bell().is_empty());
        owner.with(|book| book.wakes = true);
        assert!(owner.take_now(event(2)).is_none() && owner.take_now(event(3)).is_none());
        assert!(owner.bell().try_recv().is_ok() && owner.bell().try_recv().is_err());
    }

    #[test]
    fn after_a_panic_nothing_is_applied_any_more() {
        let (owner, _sender) = owner(1);
        assert!(owner.take_now(event(13)).is_none());
        assert!(owner.bell().try_recv().is_ok(), "the thread hears of it");
        assert!(owner.with(|_| ()).is_none() && owner.take_now(event(1)).is_some());
        assert!(owner.is_broken(), "the thread ends the program");
        assert!(owner.end().is_some(), "the thread drops it");

        let (owner, _sender) = self::owner(1);
        let panicked = catch_unwind(AssertUnwindSafe(|| owner.with(|book| book.note(&event(13)))));
        assert!(panicked.is_err() && owner.take_now(event(1)).is_some());
        assert!(owner.end().is_some());
    }

    #[test]
    fn whoever_applies_an_event_nothing_overtakes() {
        const SENDERS: u64 = 4;
        const EACH: u64 = 20_000;
        let (owner, sender) = owner(8);
        // How many are taken in place under load is chance; at rest each is.
        let at_rest = |number: u64| owner.take_now(event(SENDERS << 32 | number << 8)).is_none();
        assert!(at_rest(0));
        let start = Barrier::new(SENDERS as usize + 1);
        std::thread::scope(|scope| {
            let senders: Vec<_> = (0..SENDERS)
                .map(|own| {
                    let (owner, sender, start) = (owner.clone(), sender.clone(), &start);
                    scope.spawn(move || {
                        start.wait();
                        for number in 0..EACH {
                            // Every third goes the long way, as hooks do.
                            let back = if number % 3 == 0 {
                                Some(event(own << 32 | number << 8))
                            } else {
                                owner.take_now(event(own << 32 | number << 8))
                            };
                            if let Some(back) = back {
                                sender.send(back).unwrap();
                            }
                        }
                    })
                })
                .collect();
            drop(sender);
            let queue = owner.with(|book| book.queue.clone()).unwrap();
            start.wait();
            let mut select = crossbeam_channel::Select::new();
            select.recv(&queue);
            loop {
                select.ready();
                let open = owner.with(|book| match book.queue.try_recv() {
                    Ok(waiting) => {
                        book.note(&waiting);
                        true
                    }
                    Err(err) => err.is_empty(),
                });
                if open != Some(true) {
                    break;
                }
            }
            senders.into_iter().for_each(|sender| sender.join().unwrap());
        });
        assert!(at_rest(1));
        let read = owner.end().unwrap().read;
        assert_eq!(read.len() as u64, 2 + SENDERS * EACH);
        for own in 0..=SENDERS {
            let numbers: Vec<u64> = read.iter().filter(|read| **read >> 32 == own).copied().collect();
            assert!(numbers.is_sorted(), "sender {own} was overtaken");
        }
    }
}
