//! The owner thread: takes events, lets the model judge them, performs the effects, publishes what changed.
//!
//! It knows no egui. It never waits for anything but its own channels: what is slow is a job.

mod effects;
mod jobs;

pub use effects::Shell;
pub use jobs::{JobRequest, JobShell, JobWorker, run_once};

use crate::clock::Clock;
use crate::link::{FromWindow, Waker};
use crossbeam_channel::{Receiver, Sender, TryRecvError, TrySendError, never, select};
use magia_core::event::{Event, Origin, ReplyId};
use magia_core::model::Model;
use magia_core::snapshot::Snapshot;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long events are taken in before the window hears of them: a burst makes one snapshot.
const BURST: Duration = Duration::from_millis(4);

/// The least time between two snapshots. A frame takes longer.
const SNAPSHOT_GAP: Duration = Duration::from_millis(8);

/// The longest sleep. Nothing depends on it; it bounds what a suspended machine does to deadlines.
const LONGEST_SLEEP: Duration = Duration::from_secs(3_600);

/// Where snapshots go.
#[derive(Debug)]
pub struct Display {
    /// To the window.
    pub snapshots: Sender<Arc<Snapshot>>,
    /// The same channel's other end: when the window does not look, the oldest snapshot makes room for the newest.
    pub unread: Receiver<Arc<Snapshot>>,
    /// Rings the window's bell.
    pub waker: Waker,
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

/// The running hub.
#[derive(Debug)]
pub struct HubThread {
    thread: Option<JoinHandle<()>>,
    stop: Option<Sender<std::convert::Infallible>>,
}

impl HubThread {
    /// Starts the thread.
    pub fn start(
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
            early: Vec::new(),
            next_window_reply: WINDOW_REPLIES,
            last_snapshot: None,
        };
        let thread = std::thread::Builder::new().name("hub".to_owned()).spawn(move || hub.run(inbox))?;
        Ok(Self { thread: Some(thread), stop: Some(stop) })
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

struct Hub {
    model: Model,
    shell: Shell,
    display: Option<Display>,
    clock: Clock,
    /// What came before the store was read.
    early: Vec<Event>,
    next_window_reply: u64,
    last_snapshot: Option<Instant>,
}

enum Taken {
    Event(Event),
    Window(FromWindow),
    Time,
    Stop,
}

impl Hub {
    fn run(mut self, mut inbox: Inbox) {
        loop {
            let taken = wait(&mut inbox, self.sleep());
            if matches!(taken, Taken::Stop) {
                return;
            }
            self.take(taken);
            let begun = Instant::now();
            while begun.elapsed() < BURST {
                match inbox.events.try_recv() {
                    Ok(event) => self.take(Taken::Event(event)),
                    Err(TryRecvError::Empty | TryRecvError::Disconnected) => break,
                }
            }
            self.show();
        }
    }

    fn sleep(&self) -> Duration {
        let now = self.clock.now();
        let model =
            self.model.next_wake_mono(now).map(|at| Duration::from_millis(at.saturating_sub(now.mono_ms)));
        let snapshot = self.snapshot_due().filter(|_| self.model.has_news());
        [model, snapshot].into_iter().flatten().min().unwrap_or(LONGEST_SLEEP).min(LONGEST_SLEEP)
    }

    fn take(&mut self, taken: Taken) {
        let event = match taken {
            Taken::Event(event) => event,
            Taken::Window(FromWindow::Command(command)) => {
                self.next_window_reply += 1;
                Event::CommandReceived {
                    reply: ReplyId(self.next_window_reply),
                    command,
                    origin: Origin::Window,
                }
            }
            Taken::Window(FromWindow::Changed { focused, selected }) => {
                Event::WindowChanged { focused, selected }
            }
            Taken::Window(FromWindow::Used) => Event::WindowUsed,
            Taken::Time => Event::ClockTicked,
            Taken::Stop => return,
        };
        if !self.model.is_loaded() && needs_store(&event) {
            return self.early.push(event);
        }
        if let Event::SettingsLoaded { settings, .. } = &event {
            let problem = self.shell.settings(settings);
            self.apply(Event::ServiceReported { service: "terminal link", problem });
        }
        self.apply(event);
        if self.model.is_loaded() {
            for event in std::mem::take(&mut self.early) {
                self.apply(event);
            }
        }
    }

    fn apply(&mut self, event: Event) {
        let effects = self.model.apply(event, self.clock.now());
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

/// Whether a fact can only be placed once the stored sessions are known.
const fn needs_store(event: &Event) -> bool {
    matches!(
        event,
        Event::HookReceived(_)
            | Event::GateOpened { .. }
            | Event::GateClosed { .. }
            | Event::RegistryRead(_)
            | Event::RegistryRemoved { .. }
            | Event::Daemon(_)
            | Event::ProcessExited(_)
            | Event::AgentsFound(_)
            | Event::CommandReceived { .. }
            | Event::WindowChanged { .. }
    )
}

fn wait(inbox: &mut Inbox, sleep: Duration) -> Taken {
    let window_is_gone = select! {
        recv(inbox.stop) -> _ => return Taken::Stop,
        recv(inbox.events) -> event => return event.map_or(Taken::Stop, Taken::Event),
        recv(inbox.window) -> wish => match wish {
            Ok(wish) => return Taken::Window(wish),
            Err(_) => true,
        },
        default(sleep) => false,
    };
    if window_is_gone {
        inbox.window = never();
    }
    Taken::Time
}
