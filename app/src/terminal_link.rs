//! What stands between the window and the terminals: screens one way, keys the other.
//!
//! A program's bytes never pass the hub. The terminals service keeps one [`SharedScreen`] for each terminal that the
//! window shows, feeds it and rings; the window copies what is visible out of it under a short lock.

use crate::link::Waker;
use magia_tty::screen::{Screen, ScreenEvent, Size};
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::mpsc;

/// Lines that the window keeps above each screen. A line of 120 columns takes 2.9 KiB.
pub const HISTORY: usize = 10_000;

/// Wishes of the window for all terminals that are not dealt with yet. A person types slower; a paste is one wish.
pub const WISHES: usize = 1_024;

/// Things that programs told, e.g. a bell, which the window has not asked for yet, for each terminal.
const TOLD_MAX: usize = 64;

/// What a terminal's connection is like.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Connection {
    /// It is being made.
    #[default]
    Connecting,
    /// It stands.
    Attached,
    /// The program has ended; the screen is its last one.
    Ended {
        /// The exit code as a shell shows it.
        code: i32,
    },
    /// It was lost, or there is no such terminal.
    Lost {
        /// Why, a sentence.
        why: String,
    },
}

/// What the window may know of a terminal beside its cells.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct ScreenFacts {
    /// The connection.
    pub connection: Connection,
    /// Whether this window decides on the terminal's size. If not, another client does.
    pub owns_size: bool,
    /// Whether what was typed last was not taken: too much waits that the program does not read.
    pub refuses_input: bool,
    /// The title that the program set.
    pub title: Option<String>,
}

/// A terminal's screen, shared by the connection that feeds it and the window that draws it.
pub struct SharedScreen {
    screen: Mutex<Screen>,
    facts: Mutex<ScreenFacts>,
    told: Mutex<VecDeque<ScreenEvent>>,
    /// The lines above those that the holder told were asked for since it last told them.
    older_asked: AtomicBool,
    /// Counts how often it told them.
    tellings: AtomicU64,
    dirty: AtomicBool,
    waker: Waker,
}

impl std::fmt::Debug for SharedScreen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SharedScreen").field("facts", &self.facts()).finish_non_exhaustive()
    }
}

impl SharedScreen {
    /// An empty screen that rings `waker` when it changes.
    pub fn new(size: Size, history: usize, waker: Waker) -> Self {
        Self {
            screen: Mutex::new(Screen::new(size, history)),
            facts: Mutex::default(),
            told: Mutex::default(),
            older_asked: AtomicBool::new(false),
            tellings: AtomicU64::new(0),
            dirty: AtomicBool::new(false),
            waker,
        }
    }

    /// Runs `work` with the screen, which is locked for that long: a copy of what is visible, a selection, a piece of
    /// output. Never I/O.
    pub fn with<R>(&self, work: impl FnOnce(&mut Screen) -> R) -> R {
        work(&mut held(&self.screen))
    }

    /// What is known beside the cells.
    pub fn facts(&self) -> ScreenFacts {
        held(&self.facts).clone()
    }

    /// Changes what is known and rings.
    pub fn note(&self, change: impl FnOnce(&mut ScreenFacts)) {
        change(&mut held(&self.facts));
        self.ring();
    }

    /// Keeps what the program told for the window; the oldest goes when nobody asks.
    pub fn tell(&self, events: impl IntoIterator<Item = ScreenEvent>) {
        let mut told = held(&self.told);
        for event in events {
            if told.len() == TOLD_MAX {
                told.pop_front();
            }
            told.push_back(event);
        }
    }

    /// What the program told since the last call.
    pub fn take_told(&self) -> Vec<ScreenEvent> {
        held(&self.told).drain(..).collect()
    }

    /// The holder told the screen anew: what was above it is to be asked for again.
    pub fn restored(&self) {
        self.tellings.fetch_add(1, Ordering::AcqRel);
        self.older_asked.store(false, Ordering::Release);
    }

    /// The number of times that the holder told the screen.
    pub fn telling(&self) -> u64 {
        self.tellings.load(Ordering::Acquire)
    }

    /// Rings the window, once for all that changes before it looks.
    pub fn ring(&self) {
        if !self.dirty.swap(true, Ordering::AcqRel) {
            self.waker.wake();
        }
    }

    /// The window looks: what changes from now on rings again.
    pub fn looked(&self) {
        self.dirty.store(false, Ordering::Release);
    }
}

/// What the window wants of the terminals.
#[derive(Debug)]
pub enum TerminalAsk {
    /// Attach to a terminal, and stay attached until [`TerminalAsk::Close`].
    Open {
        /// Its id.
        id: String,
        /// Where it is to be shown.
        screen: Arc<SharedScreen>,
        /// What the window has room for.
        size: Size,
    },
    /// Detach; the program goes on.
    Close {
        /// Its id.
        id: String,
    },
    /// Type.
    Input {
        /// Its id.
        id: String,
        /// What.
        bytes: Vec<u8>,
    },
    /// There is room for another size.
    Resize {
        /// Its id.
        id: String,
        /// What there is room for.
        size: Size,
    },
    /// Somebody looks at what is above the screen: all that the recording has of it is wanted.
    Older {
        /// Its id.
        id: String,
    },
    /// It got the keyboard, so this window decides on its size.
    Focus {
        /// Its id.
        id: String,
    },
}

/// The window's way to terminals. Nothing here waits.
#[derive(Clone, Debug)]
pub struct TerminalPort {
    asks: mpsc::Sender<TerminalAsk>,
    open: Arc<Mutex<HashMap<String, Arc<SharedScreen>>>>,
    waker: Waker,
}

impl TerminalPort {
    /// A port whose wishes go to `asks`; `waker` is rung when a screen changes.
    pub fn new(asks: mpsc::Sender<TerminalAsk>, waker: Waker) -> Self {
        Self { asks, open: Arc::default(), waker }
    }

    /// The screen of a terminal, which is attached to if it is not yet.
    pub fn open(&self, id: &str, size: Size) -> Arc<SharedScreen> {
        let mut open = held(&self.open);
        if let Some(known) = open.get(id) {
            return Arc::clone(known);
        }
        let screen = Arc::new(SharedScreen::new(size, HISTORY, self.waker.clone()));
        let ask = TerminalAsk::Open { id: id.to_owned(), screen: Arc::clone(&screen), size };
        if self.asks.try_send(ask).is_ok() {
            open.insert(id.to_owned(), Arc::clone(&screen));
        } else {
            screen.note(|facts| facts.connection = Connection::Lost { why: BUSY.to_owned() });
        }
        screen
    }

    /// The screen of a terminal that is open.
    pub fn screen(&self, id: &str) -> Option<Arc<SharedScreen>> {
        held(&self.open).get(id).map(Arc::clone)
    }

    /// Detaches.
    pub fn close(&self, id: &str) {
        held(&self.open).remove(id);
        self.ask(TerminalAsk::Close { id: id.to_owned() });
    }

    /// Types. `false` when too much waits already: then nothing of it was taken.
    #[must_use]
    pub fn input(&self, id: &str, bytes: Vec<u8>) -> bool {
        self.ask(TerminalAsk::Input { id: id.to_owned(), bytes })
    }

    /// Says what there is room for.
    pub fn resize(&self, id: &str, size: Size) {
        self.ask(TerminalAsk::Resize { id: id.to_owned(), size });
    }

    /// Asks for the older lines of an open terminal, once.
    pub fn older(&self, id: &str) {
        if let Some(screen) = self.screen(id)
            && !screen.older_asked.swap(true, Ordering::AcqRel)
            && !self.ask(TerminalAsk::Older { id: id.to_owned() })
        {
            screen.older_asked.store(false, Ordering::Release);
        }
    }

    /// Says that the terminal has the keyboard.
    pub fn focus(&self, id: &str) {
        self.ask(TerminalAsk::Focus { id: id.to_owned() });
    }

    fn ask(&self, ask: TerminalAsk) -> bool {
        self.asks.try_send(ask).is_ok()
    }
}

/// Why a terminal is not shown.
const BUSY: &str = "too much is being typed into terminals at once";

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
