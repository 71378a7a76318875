//! The hub: takes events, lets the model judge them, performs the effects, publishes what changed.
//!
//! It has a thread of its own, which is the one owner of all that; while it rests, a listener may stand in for it
//! ([`Owner`]). It knows no egui. It never waits for anything but its own channels: what is slow is a job.

mod calm;
mod effects;
mod jobs;
mod owner;
mod telemetry;

pub use effects::Shell;
pub use jobs::{JobRequest, JobShell, JobWorker, run_once};
pub use owner::{InPlace, Owner};

use self::calm::Calm;
use crate::clock::Clock;
use crate::link::{FromWindow, Onlooker, Waker};
use crate::listeners::Asked;
use crossbeam_channel::{Receiver, Select, Sender, TryRecvError, TrySendError, never};
use magia_core::event::{Event, GateId, Now, Origin, ReplyId};
use magia_core::model::Model;
use magia_core::snapshot::Snapshot;
use magia_protocol::wire::{RequestId, TerminalState};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long events are taken in before the window hears of them: a burst makes one snapshot.
const BURST: Duration = Duration::from_millis(4);

/// The least time between two snapshots. A frame takes longer.
const SNAPSHOT_GAP: Duration = Duration::from_millis(8);

/// The longest sleep. Nothing depends on it; it bounds what a suspended machine does to deadlines.
const LONGEST_SLEEP: Duration = Duration::from_secs(3_600);

/// What the thread may oversleep: the model's clock counts whole milliseconds.
const SLEEP_SLACK: Duration = Duration::from_millis(1);

/// Where snapshots go.
#[derive(Debug)]
pub struct Display {
    /// To the window.
    pub snapshots: Sender<Arc<Snapshot>>,
    /// The same channel's other end: when the window does not look, the oldest snapshot makes room for the newest.
    pub unread: Receiver<Arc<Snapshot>>,
    /// Rings the window's bell.
    pub waker: Waker,
    /// The tray.
    pub tray: Option<Onlooker>,
}

/// The channels the hub waits for.
#[derive(Debug)]
pub struct Inbox {
    /// Facts from listeners and services.
    pub events: Receiver<Event>,
    /// Wishes from the window.
    pub window: Receiver<FromWindow>,
    /// Closed when the hub is to end.
    pub stop: Receiver<std::convert::Infallible>,
}

/// How long a hub that leaves may take for what waits for it, the store's first reading included.
const LEAVE_WITHIN: Duration = Duration::from_secs(10);
/// How often it looks whether it is done.
const LEAVE_LOOK: Duration = Duration::from_millis(5);

/// What a hub leaves to the one after it.
#[derive(Debug)]
pub struct Legacy {
    /// The gates that wait, each with its request.
    pub gates: Vec<(GateId, RequestId)>,
    /// The number of the newest agent event.
    pub last_seq: u64,
}

/// The running hub.
#[derive(Debug)]
pub struct HubThread {
    thread: Option<JoinHandle<()>>,
    stop: Option<Sender<std::convert::Infallible>>,
    /// Whether it ends because another one follows.
    leaves: Arc<AtomicBool>,
    legacy: Arc<Mutex<Option<Legacy>>>,
}

impl HubThread {
    /// Starts the thread and gives `owner` the state.
    pub fn start(
        owner: Owner,
        model: Model,
        shell: Shell,
        inbox: Inbox,
        stop: Sender<std::convert::Infallible>,
        display: Option<Display>,
        clock: Clock,
    ) -> std::io::Result<Self> {
        let hub = Hub {
            model,
            shell,
            display,
            clock,
            queue: inbox.events.clone(),
            has_settings: false,
            early: Vec::new(),
            next_window_reply: WINDOW_REPLIES,
            last_snapshot: None,
            rests_until: None,
            calm: Calm::default(),
        };
        let leaves = Arc::<AtomicBool>::default();
        let legacy = Arc::default();
        let ending =
            Ending { owner: owner.clone(), leaves: Arc::clone(&leaves), legacy: Arc::clone(&legacy) };
        let thread = std::thread::Builder::new().name("hub".to_owned()).spawn(move || {
            if owner.begin(hub) {
                run(&ending, inbox);
            }
        })?;
        Ok(Self { thread: Some(thread), stop: Some(stop), leaves, legacy })
    }

    /// As [`HubThread::stop`], but takes all that stands in its channels first, and lets nobody who waits at a gate go.
    /// `None` when it had ended before.
    pub fn leave(&mut self) -> Option<Legacy> {
        self.leaves.store(true, Ordering::Release);
        self.stop();
        self.legacy.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Ends the thread and waits for it. What stands in its channels is dropped; open gates answer "no decision".
    pub fn stop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the hub thread panicked");
        }
    }
}

impl Drop for HubThread {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Reply ids of the window begin here, apart from those of the sockets.
const WINDOW_REPLIES: u64 = 1 << 62;

/// All that the hub owns.
#[derive(Debug)]
pub struct Hub {
    model: Model,
    shell: Shell,
    display: Option<Display>,
    clock: Clock,
    /// What waits for the thread; taken from only by whoever owns this.
    queue: Receiver<Event>,
    /// Whether settings.json was read, whatever came of that.
    has_settings: bool,
    /// What came before that, and before the store was read.
    early: Vec<Event>,
    next_window_reply: u64,
    last_snapshot: Option<Instant>,
    /// Until when the thread means to sleep; past or `None` while it is awake.
    rests_until: Option<Instant>,
    /// When freed memory is given back.
    calm: Calm,
}

/// Ends the hub, also when its thread panics: nobody takes anything in place then, and nobody waits for an answer but from
/// the hub that follows. After a panic the program ends as well: without a hub it would keep its sockets and answer nobody.
struct Ending {
    owner: Owner,
    leaves: Arc<AtomicBool>,
    legacy: Arc<Mutex<Option<Legacy>>>,
}

impl Ending {
    fn panicked(&self) -> bool {
        std::thread::panicking() || self.owner.is_broken()
    }

    fn leaves(&self) -> bool {
        self.leaves.load(Ordering::Acquire) && !self.panicked()
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        let (panicked, leaves) = (self.panicked(), self.leaves());
        if let Some(mut hub) = self.owner.end() {
            if leaves {
                *self.legacy.lock().unwrap_or_else(PoisonError::into_inner) = Some(hub.legacy());
            } else {
                hub.shell.let_go();
            }
            if panicked {
                tracing::error!("the hub panicked; magia ends");
                return hub.shell.quit.fail();
            }
            // Metrics wait some seconds for the store; these have no more time.
            let mut last = Vec::new();
            hub.model.store_metrics(&mut last);
            hub.shell.perform(last);
        }
    }
}

/// The thread's work, until it is told to stop.
fn run(ending: &Ending, mut inbox: Inbox) {
    while let Some(Some(rest)) = ending.owner.with(|hub| hub.turn(&mut inbox)) {
        if !wait(&inbox, ending.owner.bell(), rest) {
            break;
        }
    }
    let until = Instant::now() + LEAVE_WITHIN;
    while ending.leaves() && Instant::now() < until {
        // Told to stop, it no longer sleeps: what waits is taken, and the store's first reading is waited for.
        match ending.owner.with(|hub| (hub.turn(&mut inbox), hub.is_done())) {
            Some((Some(_), false)) => {
                let mut select = Select::new();
                select.recv(&inbox.events);
                let _ready = select.ready_timeout(LEAVE_LOOK);
            }
            _ => return,
        }
    }
}

/// Waits until there is something to do, and takes none of it: that is for the owner. `false` when it is to stop.
fn wait(inbox: &Inbox, bell: &Receiver<()>, rest: Duration) -> bool {
    let mut select = Select::new();
    select.recv(bell);
    select.recv(&inbox.stop);
    select.recv(&inbox.events);
    select.recv(&inbox.window);
    // Too late or for nothing: the turn looks at all of them anyway.
    let _ready = select.ready_timeout(rest);
    let _rung = bell.try_recv();
    matches!(inbox.stop.try_recv(), Err(TryRecvError::Empty))
}

impl InPlace for Hub {
    fn is_free(&self) -> bool {
        self.queue.is_empty() && self.shell.has_room()
    }

    fn take_in_place(&mut self, event: Event) -> bool {
        self.take(event);
        self.is_due_earlier()
    }

    fn answer_in_place(&mut self, asked: &mut dyn Asked) -> Option<bool> {
        if !self.is_ready() {
            return None;
        }
        let now = self.clock.now();
        let (verdict, reply) = self.model.by_rule(asked.asking(), None)?;
        let gate = asked.give(&reply)?;
        Shell::give_way();
        self.calm.stir(Instant::now());
        self.set_time_of_day(now);
        self.model.answered_ahead(gate, asked.message(), verdict);
        let effects = self.model.finish(now);
        self.shell.perform(effects);
        self.hear_of_the_shell();
        Some(self.is_due_earlier())
    }
}

impl Hub {
    /// Whether stored sessions and the rules are known: neither file is always read at once.
    const fn is_ready(&self) -> bool {
        self.has_settings && self.model.is_loaded()
    }

    /// Whether everything that came was taken and its effects done.
    fn is_done(&self) -> bool {
        self.is_ready() && self.queue.is_empty() && self.early.is_empty()
    }

    /// What the hub after this one needs to know.
    fn legacy(&self) -> Legacy {
        Legacy { gates: self.model.waiting_gates().collect(), last_seq: self.model.last_seq() }
    }

    /// Takes what waits, does what is due, and says how long the thread may sleep; `None` when nobody is left to send
    /// anything.
    fn turn(&mut self, inbox: &mut Inbox) -> Option<Duration> {
        let begun = Instant::now();
        loop {
            match self.queue.try_recv() {
                Ok(event) => self.take(event),
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => return None,
            }
            if begun.elapsed() >= BURST {
                break;
            }
        }
        loop {
            match inbox.window.try_recv() {
                Ok(wish) => self.take_wish(wish),
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => {
                    inbox.window = never();
                    break;
                }
            }
        }
        let now = self.clock.now();
        if self.model.next_wake_mono(now).is_some_and(|at| at <= now.mono_ms) {
            self.take(Event::ClockTicked);
        }
        self.show();
        if self.calm.is_over(Instant::now()) && self.shell.jobs.try_send(JobRequest::GiveBack).is_err() {
            // With so many jobs it is not calm: the next one will do.
            self.calm.stir(Instant::now());
        }
        let rest = self.rest();
        self.rests_until = Some(Instant::now() + rest);
        Some(rest)
    }

    /// How long until something is due.
    fn rest(&self) -> Duration {
        let now = self.clock.now();
        let model =
            self.model.next_wake_mono(now).map(|at| Duration::from_millis(at.saturating_sub(now.mono_ms)));
        let snapshot = self.snapshot_due().filter(|_| self.model.has_news());
        let calm = self.calm.due().map(|at| at.saturating_duration_since(Instant::now()));
        [model, snapshot, calm].into_iter().flatten().min().unwrap_or(LONGEST_SLEEP).min(LONGEST_SLEEP)
    }

    fn take_wish(&mut self, wish: FromWindow) {
        let event = match wish {
            FromWindow::Command(command) => {
                self.next_window_reply += 1;
                Event::CommandReceived {
                    reply: ReplyId(self.next_window_reply),
                    command,
                    origin: Origin::Window,
                }
            }
            FromWindow::Changed { focused, selected } => Event::WindowChanged { focused, selected },
            FromWindow::Hidden => Event::WindowHidden,
            FromWindow::Used => Event::WindowUsed,
        };
        self.take(event);
    }

    fn take(&mut self, event: Event) {
        // How magia itself is comes soon after what happened.
        let is_own =
            matches!(event, Event::ClockTicked | Event::ListenerReported(_) | Event::ServiceReported { .. });
        if !is_own {
            self.calm.stir(Instant::now());
        }
        if !self.is_ready() && comes_after_them(&event) {
            return self.early.push(event);
        }
        if let Event::SettingsLoaded { settings, .. } = &event {
            self.has_settings = true;
            let problem = self.shell.settings(settings);
            self.apply(Event::ServiceReported { service: "terminal link", problem });
        }
        if let Event::TerminalsRead(list) = &event {
            self.shell.ide.terminals(list.iter().any(|known| known.state == TerminalState::Running));
        }
        self.apply(event);
        if self.is_ready() {
            for event in std::mem::take(&mut self.early) {
                self.apply(event);
            }
        }
    }

    fn apply(&mut self, event: Event) {
        self.apply_one(event);
        self.hear_of_the_shell();
    }

    fn hear_of_the_shell(&mut self) {
        // What the shell could not do; that asks for nothing more of it.
        while let Some(report) = self.shell.reports.pop_front() {
            self.apply_one(report);
        }
    }

    /// Whether the thread means to sleep for longer than it may.
    fn is_due_earlier(&self) -> bool {
        let due = Instant::now() + self.rest() + SLEEP_SLACK;
        self.rests_until.is_some_and(|until| due < until)
    }

    fn set_time_of_day(&mut self, now: Now) {
        if self.model.wants_time_of_day() {
            self.model.set_time_of_day(crate::clock::minute_of_day(now.unix_ms));
        }
    }

    fn apply_one(&mut self, event: Event) {
        let now = self.clock.now();
        self.set_time_of_day(now);
        let effects = self.model.begin(event, now);
        self.shell.perform(effects);
        let effects = self.model.finish(now);
        self.shell.perform(effects);
    }

    /// How long until the next snapshot may go out; `None` without a window.
    fn snapshot_due(&self) -> Option<Duration> {
        self.display.as_ref()?;
        let since = self.last_snapshot.map_or(SNAPSHOT_GAP, |last| last.elapsed());
        Some(SNAPSHOT_GAP.saturating_sub(since))
    }

    fn show(&mut self) {
        if self.snapshot_due() != Some(Duration::ZERO) {
            return;
        }
        let Some(display) = &self.display else { return };
        let Some(mut snapshot) = self.model.snapshot(self.clock.now()) else { return };
        self.last_snapshot = Some(Instant::now());
        if let Some(tray) = &display.tray {
            tray.look(&snapshot);
        }
        loop {
            match display.snapshots.try_send(snapshot) {
                Ok(()) => break,
                Err(TrySendError::Full(back)) => {
                    // An older one goes; the window reads only the newest.
                    if display.unread.try_recv().is_ok() {
                        tracing::trace!("a snapshot was skipped");
                    }
                    snapshot = back;
                }
                Err(TrySendError::Disconnected(_)) => return,
            }
        }
        display.waker.wake();
    }
}

/// Whether a fact can only be placed once the stored sessions are known, or answered once the rules are.
const fn comes_after_them(event: &Event) -> bool {
    matches!(
        event,
        Event::HookReceived(_)
            | Event::GateOpened { .. }
            | Event::GateClosed { .. }
            | Event::GatesInherited(_)
            | Event::RegistryRead(_)
            | Event::RegistryRemoved { .. }
            | Event::Daemon(_)
            | Event::Ide(_)
            | Event::TelemetryReceived(_)
            | Event::ProcessExited(_)
            | Event::AgentsFound(_)
            | Event::CommandReceived { .. }
            | Event::RequesterGone(_)
            | Event::WindowChanged { .. }
    )
}
