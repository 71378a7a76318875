//! The sockets: hooks, permissions, CLI, terminals and telemetry. They accept, understand lines and tell the hub facts; what a fact
//! means is decided elsewhere.
//!
//! Three threads, each with a runtime of its own. "listeners" serves hooks and permissions: one thread, because
//! the order of an agent's events rests on it (see `hooks`). "listeners-cli" serves the CLI socket and the
//! subscriptions: a reply of a thousand events is megabytes of JSON, and a handler waits 0.5 s at most. "listeners-otlp"
//! understands telemetry, which may be megabytes as well.
//!
//! Nothing here answers a gate by itself: unanswered ones get "no decision".

mod accept;
mod cli;
mod connection;
mod descriptors;
mod gates;
mod health;
mod hooks;
pub mod http;
mod ide;
mod intake;
mod loopback;
mod metered;
mod origin;
pub mod otlp;
mod outbox;
mod peer;
mod permissions;
mod real_paths;
mod replies;
mod salvage;
mod stream;
mod terminal;

pub use gates::Gates;
pub use http::{HttpPlaces, HttpSwitch};
pub use ide::{IdePlaces, IdeSwitch};
pub use otlp::{OtlpPlaces, OtlpSwitch};
pub use outbox::Direct;
pub use replies::{Outcome, Replies};
pub use stream::{QUEUE_MAX, Streams};

use accept::{Backlog, Door, Greeted, Lease, OPEN_MAX};
use cli::Cli;
use crossbeam_channel::Sender;
use health::{Health, Unheard};
use hooks::Hooks;
use intake::LongLines;
use magia_core::event::Event;
use magia_protocol::paths::{InstanceLock, Socket};
use magia_protocol::wire::info::ListenerInfo;
use outbox::Outbox;
use permissions::Permissions;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;
use terminal::Terminals;
use tokio::runtime::Runtime;
use tokio::sync::{Mutex, Notify, Semaphore, watch};
use tokio::task::unconstrained;
use tokio::time::{Instant, timeout_at};

/// Facts that wait for the hub; the capacity of the channel given to [`Listeners::start`]. A burst of all
/// agents of a busy machine; beyond it the listeners wait, and then the handlers.
pub const HUB_CAPACITY: usize = 1024;
/// How long a stop waits for connections to get their last bytes. Longer than any client needs that reads.
const STOP_GRACE: Duration = Duration::from_millis(300);
/// Threads for calls to the file system, which may hang on a dead mount.
const DISK_THREADS: usize = 4;

/// The listeners at work. Dropping this stops them as [`Listeners::stop`] does.
#[derive(Debug)]
pub struct Listeners {
    doors: Vec<Door>,
    gates: Gates,
    replies: Replies,
    streams: Streams,
    http: Arc<http::Shared>,
    ide: Arc<ide::Shared>,
    otlp: Arc<otlp::Shared>,
    stop: watch::Sender<bool>,
    threads: Vec<JoinHandle<()>>,
}

impl Listeners {
    /// Binds the sockets in the directory that `lock` holds and starts to accept. One that cannot be bound is
    /// reported to the hub, as all are ([`Event::ListenerReported`]), and tried again every two seconds; the
    /// others work. Also raises this process's soft limit of open files. Facts whose senders wait for an answer are
    /// offered to `direct` before they are queued.
    ///
    /// # Errors
    /// The system has no thread or no epoll for us.
    pub fn start(
        lock: Arc<InstanceLock>,
        hub: Sender<Event>,
        direct: Option<Arc<dyn Direct>>,
    ) -> io::Result<Self> {
        descriptors::raise_limit();
        let (stop, stopped) = watch::channel(false);
        let lease = Arc::new(Lease::new(lock));
        // A line of its own for each thread: neither waits for the other.
        let agents = Arc::new(Outbox::new(hub.clone(), direct.clone()));
        let people = Arc::new(Outbox::new(hub.clone(), direct));
        let telemetry = Arc::new(Outbox::new(hub, None));
        let door = |socket: Socket, outbox: &Arc<Outbox>| {
            let health = Arc::new(Health::new(name_of(socket)));
            Door {
                socket,
                lease: Arc::clone(&lease),
                outbox: Arc::clone(outbox),
                places: Arc::new(Semaphore::new(OPEN_MAX as usize)),
                retry: Arc::new(Notify::new()),
                backlog: Backlog::new(&health),
                health,
                one_by_one: false,
            }
        };
        let hooks = door(Socket::Hooks, &agents);
        let permissions = Door { one_by_one: true, ..door(Socket::Permissions, &agents) };
        let cli = door(Socket::Cli, &people);
        let terminal = door(Socket::Terminal, &people);
        let otel = door(Socket::Otel, &telemetry);
        let replies = Replies::default();
        let streams = Streams::default();
        let mut listeners = Self {
            http: Arc::new(http::Shared::new(Arc::clone(&people), replies.clone())),
            ide: Arc::new(ide::Shared::new(Arc::clone(&people), replies.clone(), streams.clone())),
            otlp: Arc::new(otlp::Shared::new(telemetry)),
            doors: vec![hooks.clone(), permissions.clone(), cli.clone(), terminal.clone(), otel.clone()],
            gates: Gates::default(),
            replies,
            streams,
            stop,
            threads: Vec::new(),
        };
        let for_agents = Agents { hooks, permissions, gates: listeners.gates.clone() };
        let for_people =
            People { cli, terminal, replies: listeners.replies.clone(), streams: listeners.streams.clone() };
        let (stopped_too, stopped_last) = (stopped.clone(), stopped.clone());
        let for_port = Arc::clone(&listeners.otlp);
        listeners.spawn("listeners", move |runtime| for_agents.run(runtime, stopped))?;
        listeners.spawn("listeners-cli", move |runtime| for_people.run(runtime, stopped_too))?;
        listeners.spawn("listeners-otlp", move |runtime| {
            otlp::run(runtime, otel, for_port, stopped_last);
        })?;
        Ok(listeners)
    }

    /// Answers gates.
    pub fn gates(&self) -> Gates {
        self.gates.clone()
    }

    /// Answers requests.
    pub fn replies(&self) -> Replies {
        self.replies.clone()
    }

    /// Publishes updates.
    pub fn streams(&self) -> Streams {
        self.streams.clone()
    }

    /// Switches the HTTP API, which is off until the settings or the command line want it.
    pub fn http(&self, places: HttpPlaces) -> HttpSwitch {
        HttpSwitch::new(places, Arc::clone(&self.http))
    }

    /// Starts what serves agents that take magia for their editor; it listens once the settings want it.
    ///
    /// # Errors
    /// The system has no thread for us.
    pub fn ide(&self, places: IdePlaces) -> io::Result<IdeSwitch> {
        IdeSwitch::start(places, &self.ide)
    }

    /// Chooses the port of telemetry, which has none until the settings are read.
    pub fn otlp(&self, places: OtlpPlaces) -> OtlpSwitch {
        OtlpSwitch::new(places, Arc::clone(&self.otlp))
    }

    /// Tries to bind a listener again now, if it is down; either way its state is reported. `false` when there
    /// is none of that name.
    pub fn retry(&self, name: &str) -> bool {
        if name == self.http.health.name() {
            // A port that is taken is tried again every two seconds by itself.
            return self.http.shown.load(Ordering::Relaxed);
        }
        if name == self.ide.health.name() {
            // The same.
            return true;
        }
        if name == self.otlp.health.name() {
            self.otlp.retry.notify_one();
            return self.otlp.shown.load(Ordering::Relaxed);
        }
        let door = self.doors.iter().find(|door| door.health.name() == name);
        door.inspect(|door| door.retry.notify_one()).is_some()
    }

    /// How the listeners are, now.
    pub fn health(&self) -> Vec<ListenerInfo> {
        let http = self.http.shown.load(Ordering::Relaxed).then(|| self.http.health.info());
        let ide = Some(self.ide.health.info()).filter(|ide| ide.up || ide.error.is_some());
        let otlp = self.otlp.shown.load(Ordering::Relaxed).then(|| self.otlp.health.info());
        self.doors.iter().map(|door| door.health.info()).chain(http).chain(ide).chain(otlp).collect()
    }

    /// Stops accepting, lets open gates go without a decision, ends requests and subscriptions, removes the
    /// sockets and joins the threads. What the hub has no room for is lost then. Takes at most about half a
    /// second, however the clients behave.
    pub fn stop(mut self) {
        self.stop_now();
    }

    fn spawn(&mut self, name: &'static str, work: impl FnOnce(&Runtime) + Send + 'static) -> io::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            // All that has happened is known after one look, which the order of events rests on (see `hooks`).
            .max_io_events_per_tick(2 * OPEN_MAX as usize + 16)
            .max_blocking_threads(DISK_THREADS)
            .thread_name("listeners-disk")
            .build()?;
        let thread = Builder::new().name(name.to_owned()).spawn(move || {
            work(&runtime);
            // Connections that are still open end here; a call to a dead mount is not waited for.
            runtime.shutdown_background();
        })?;
        self.threads.push(thread);
        Ok(())
    }

    fn stop_now(&mut self) {
        self.stop.send_replace(true);
        self.http.stop();
        self.otlp.stop();
        for door in &self.doors {
            door.outbox.stop_waiting();
        }
        self.ide.stop();
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a listener thread panicked");
            }
        }
        self.gates.close();
        self.replies.close();
        self.streams.close();
    }
}

impl Drop for Listeners {
    fn drop(&mut self) {
        self.stop_now();
    }
}

/// The thread for hooks and permissions.
struct Agents {
    hooks: Door,
    permissions: Door,
    gates: Gates,
}

impl Agents {
    fn run(self, runtime: &Runtime, stop: watch::Receiver<bool>) {
        let Self { hooks, permissions, gates } = self;
        let for_hooks = Arc::new(Hooks {
            health: Arc::clone(&hooks.health),
            outbox: Arc::clone(&hooks.outbox),
            long_lines: Arc::default(),
        });
        let for_permissions = Arc::new(Permissions {
            health: Arc::clone(&permissions.health),
            outbox: Arc::clone(&permissions.outbox),
            long_lines: Arc::<LongLines>::default(),
            gates: gates.clone(),
            before: hooks.backlog.clone(),
            settling: Mutex::new(()),
        });
        let places = [Arc::clone(&hooks.places), Arc::clone(&permissions.places)];
        let mut buffer = Box::new([0; hooks::FIRST_BYTES]);
        let mut second_buffer = buffer.clone();
        // Accepting is not to be cut into slices: see `permissions`.
        let accepting = [
            runtime.spawn(unconstrained(hooks.run(stop.clone(), move |incoming, unheard| {
                hooks::greet(&for_hooks, incoming, unheard, &mut buffer)
            }))),
            runtime.spawn(unconstrained(permissions.run(stop.clone(), move |incoming, unheard| {
                permissions::greet(&for_permissions, incoming, unheard, &mut second_buffer)
            }))),
        ];
        runtime.block_on(async {
            stopped(stop).await;
            for accepting in accepting {
                log_panic(accepting.await);
            }
            gates.close();
            all_done(&places, OPEN_MAX).await;
        });
    }
}

/// The thread for the CLI socket and the one for terminals.
struct People {
    cli: Door,
    terminal: Door,
    replies: Replies,
    streams: Streams,
}

impl People {
    fn run(self, runtime: &Runtime, stop: watch::Receiver<bool>) {
        let Self { cli, terminal, replies, streams } = self;
        let for_cli = Arc::new(Cli {
            health: Arc::clone(&cli.health),
            outbox: Arc::clone(&cli.outbox),
            long_lines: Arc::default(),
            replies: replies.clone(),
            streams: streams.clone(),
        });
        let for_terminals = Arc::new(Terminals {
            health: Arc::clone(&terminal.health),
            outbox: Arc::clone(&terminal.outbox),
            replies: replies.clone(),
        });
        let places = [Arc::clone(&cli.places), Arc::clone(&terminal.places)];
        let accepting = [
            runtime.spawn(unconstrained(cli.run(stop.clone(), move |incoming, unheard| {
                let cred = incoming.cred();
                let served = cli::serve(Arc::clone(&for_cli), incoming.into_stream()?, cred);
                Ok(stays(served, unheard))
            }))),
            runtime.spawn(unconstrained(terminal.run(stop.clone(), move |incoming, unheard| {
                let cred = incoming.cred();
                let served = terminal::serve(Arc::clone(&for_terminals), incoming.into_stream()?, cred);
                Ok(stays(served, unheard))
            }))),
        ];
        runtime.block_on(async {
            stopped(stop).await;
            for accepting in accepting {
                log_panic(accepting.await);
            }
            replies.close();
            streams.close();
            all_done(&places, OPEN_MAX).await;
        });
    }
}

/// A conversation in which every message counts.
fn stays(
    served: impl Future<Output = ()> + Send + 'static,
    unheard: Unheard,
) -> Greeted<impl Future<Output = ()> + Send + 'static> {
    let served = async move {
        served.await;
        drop(unheard);
    };
    Greeted::Stays { served, has_more: false }
}

async fn stopped(mut stop: watch::Receiver<bool>) {
    // An error says that the owner is gone, which is a stop as well.
    let _ = stop.wait_for(|stop| *stop).await;
}

fn log_panic(ended: Result<(), tokio::task::JoinError>) {
    if let Err(err) = ended {
        tracing::error!("a listener failed: {err}");
    }
}

/// Waits until all connections are done, a moment at most.
async fn all_done(places: &[Arc<Semaphore>], all: u32) {
    let until = Instant::now() + STOP_GRACE;
    for places in places {
        if timeout_at(until, places.acquire_many(all)).await.is_err() {
            tracing::debug!("stopped with connections open");
        }
    }
}

fn name_of(socket: Socket) -> &'static str {
    match socket {
        Socket::Hooks => "hooks",
        Socket::Permissions => "permissions",
        Socket::Cli => "cli",
        Socket::Terminal => "terminal",
        Socket::Otel => "otel",
    }
}
