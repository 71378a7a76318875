//! The sockets: hooks, permissions, CLI, terminals and telemetry. They accept, understand lines and tell the hub facts; what a fact
//! means is decided elsewhere.
//!
//! Three threads, each with a runtime of its own. "listeners" serves hooks and permissions: one thread, because
//! the order of an agent's events rests on it (see `hooks`). "listeners-cli" serves the CLI socket and the
//! subscriptions: a reply of a thousand events is megabytes of JSON, and a handler waits 0.5 s at most. "listeners-otlp"
//! understands telemetry, which may be megabytes as well.
//!
//! Nothing here answers a gate by itself: unanswered ones get "no decision", unless another magia goes on with them
//! (`leave`).

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
mod leave;
mod loopback;
mod metered;
mod origin;
pub mod otlp;
mod outbox;
mod peer;
mod permissions;
mod real_paths;
mod replay;
mod replies;
mod salvage;
mod stock;
mod stream;
mod terminal;

pub use gates::Gates;
pub use http::{HttpPlaces, HttpSwitch};
pub use ide::{IdePlaces, IdeSwitch};
pub use leave::Held;
pub use otlp::{OtlpPlaces, OtlpSwitch};
pub use outbox::{Asked, Direct};
pub use replay::Wish;
pub use replies::{Outcome, Replies};
pub use stream::{QUEUE_MAX, Streams};

use accept::{Backlog, Door, Greeted, Lease, OPEN_MAX};
use cli::Cli;
use crossbeam_channel::{Receiver, Sender, bounded};
use gates::Opened;
use health::{Health, Unheard};
use hooks::Hooks;
use intake::{LongLines, Room};
use leave::Leave;
use magia_core::event::{Event, GateId, InheritedGate};
use magia_protocol::ipc::line::Line;
use magia_protocol::paths::{InstanceLock, Socket};
use magia_protocol::wire::RequestId;
use magia_protocol::wire::info::ListenerInfo;
use outbox::Outbox;
use permissions::{Begun, Permissions};
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex as SharedMutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;
use stock::Stock;
use terminal::Terminals;
use tokio::runtime::Runtime;
use tokio::sync::{Mutex, Notify, Semaphore, watch};
use tokio::task::unconstrained;
use tokio::time::{Instant, timeout_at};

/// Facts that wait for the hub; the capacity of the channel given to [`Listeners::start`]. A burst of all
/// agents of a busy machine; beyond it the listeners wait, and then the handlers.
pub const HUB_CAPACITY: usize = 1024;
/// How long the threads may take to tell the hub what was said, before it ends all the same.
const LEAVE_LIMIT: Duration = Duration::from_secs(5);
/// How long a stop waits for connections to get their last bytes. Longer than any client needs that reads.
const STOP_GRACE: Duration = Duration::from_millis(300);
/// Threads for calls to the file system, which may hang on a dead mount.
const DISK_THREADS: usize = 4;

/// What another magia leaves to this one, or this one to another.
#[derive(Debug, Default)]
pub struct Inheritance {
    /// Listening sockets by name.
    pub sockets: Vec<(String, OwnedFd)>,
    /// Connections.
    pub held: Vec<Held>,
}

/// Whether a listening socket may have this name.
pub fn is_socket_name(name: &str) -> bool {
    stock::is_known(name)
}

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
    threads: SharedMutex<Vec<JoinHandle<()>>>,
    lease: Arc<Lease>,
    stock: Stock,
    leave: Leave,
    /// Disconnected once the threads have told the hub all that was said.
    said: Receiver<std::convert::Infallible>,
}

impl Listeners {
    /// Binds the sockets in the directory that `lock` holds and starts to accept. One that cannot be bound is
    /// reported to the hub, as all are ([`Event::ListenerReported`]), and tried again every two seconds; the
    /// others work. Sockets that are inherited are not bound again, and inherited connections go on. Also raises this process's soft limit of open files. Facts whose senders wait for an answer are
    /// offered to `direct` before they are queued.
    ///
    /// # Errors
    /// The system has no thread or no epoll for us.
    pub fn start(
        lock: Arc<InstanceLock>,
        hub: Sender<Event>,
        direct: Option<Arc<dyn Direct>>,
        inheritance: Inheritance,
    ) -> io::Result<Self> {
        descriptors::raise_limit();
        let (stop, stopped) = watch::channel(false);
        let lease = Arc::new(Lease::new(lock));
        let stock = Stock::new(inheritance.sockets);
        let leave = Leave::default();
        // Nothing is ever sent.
        let (saying, said) = bounded(0);
        let gates = Gates::default();
        let inherited = Inherited::sort(inheritance.held, &gates, &hub);
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
                stock: stock.clone(),
                leave: leave.clone(),
            }
        };
        let hooks = door(Socket::Hooks, &agents);
        let permissions = Door { one_by_one: true, ..door(Socket::Permissions, &agents) };
        let cli = door(Socket::Cli, &people);
        let terminal = door(Socket::Terminal, &people);
        let otel = door(Socket::Otel, &telemetry);
        let replies = Replies::default();
        let streams = Streams::default();
        let listeners = Self {
            http: Arc::new(http::Shared::new(Arc::clone(&people), replies.clone(), stock.clone())),
            ide: Arc::new(ide::Shared::new(
                Arc::clone(&people),
                replies.clone(),
                streams.clone(),
                stock.clone(),
            )),
            otlp: Arc::new(otlp::Shared::new(telemetry, stock.clone())),
            doors: vec![hooks.clone(), permissions.clone(), cli.clone(), terminal.clone(), otel.clone()],
            gates,
            replies,
            streams,
            stop,
            threads: SharedMutex::default(),
            lease,
            stock,
            leave: leave.clone(),
            said,
        };
        let for_agents = Agents {
            hooks,
            permissions,
            gates: listeners.gates.clone(),
            leave: leave.clone(),
            inherited: inherited.for_agents,
            waiting: inherited.waiting,
            saying: saying.clone(),
        };
        let for_people = People {
            cli,
            terminal,
            counted: listeners.doors.iter().map(|door| Arc::clone(&door.health)).collect(),
            replies: listeners.replies.clone(),
            streams: listeners.streams.clone(),
            leave,
            inherited: inherited.for_people,
            saying: saying.clone(),
        };
        let (stopped_too, stopped_last) = (stopped.clone(), stopped.clone());
        let for_port = Arc::clone(&listeners.otlp);
        listeners.spawn("listeners", move |runtime| for_agents.run(runtime, stopped))?;
        listeners.spawn("listeners-cli", move |runtime| for_people.run(runtime, stopped_too))?;
        listeners.spawn("listeners-otlp", move |runtime| {
            otlp::run(runtime, otel, for_port, stopped_last);
            drop(saying);
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
    pub fn stop(self) {
        self.stop_now();
    }

    /// Stops accepting and ends the threads, but keeps all that another magia can go on with: the sockets, and the
    /// connections that wait or are in the middle of a line. `end_hub` is called when everything that was said has been
    /// told: it is to take that in, end the hub, and say which gates wait for which requests, and the number of the newest
    /// agent event; `None` when the hub cannot say it any more. Until then gates are answered as ever.
    ///
    /// # Errors
    /// The lock's descriptor cannot be had twice; then everything has ended as by [`Listeners::stop`].
    pub fn leave(
        &self,
        end_hub: impl FnOnce() -> Option<(Vec<(GateId, RequestId)>, u64)>,
    ) -> io::Result<(File, Inheritance)> {
        let lock = self.lease.duplicate();
        // These may take some time over their goodbyes; hooks are heard meanwhile.
        self.http.stop();
        self.http.join();
        self.ide.stop();
        self.leave.begin();
        self.stop.send_replace(true);
        // The threads' own limits are shorter, and a panic disconnects it too.
        let _disconnected = self.said.recv_timeout(LEAVE_LIMIT);
        let (gates, last_seq) = end_hub().unzip();
        let gates = gates.unwrap_or_default();
        self.leave.hub_ended(last_seq);
        self.stop_now();
        Ok((lock?, Inheritance { sockets: self.stock.leave(), held: self.leave.take(&gates) }))
    }

    fn spawn(&self, name: &'static str, work: impl FnOnce(&Runtime) + Send + 'static) -> io::Result<()> {
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
        self.threads.lock().unwrap_or_else(PoisonError::into_inner).push(thread);
        Ok(())
    }

    fn stop_now(&self) {
        self.stop.send_replace(true);
        self.http.stop();
        self.otlp.stop();
        for door in &self.doors {
            door.outbox.stop_waiting();
        }
        self.ide.stop();
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
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

/// Inherited connections, by the thread that goes on with them.
struct Inherited {
    for_agents: Vec<Held>,
    /// Those that wait at a gate, with the gate.
    waiting: Vec<(Opened, Held)>,
    for_people: Vec<Held>,
}

impl Inherited {
    /// Sorts them, opens the gates and tells the hub of them, before anybody can answer.
    fn sort(held: Vec<Held>, gates: &Gates, hub: &Sender<Event>) -> Self {
        let mut sorted = Self { for_agents: Vec::new(), waiting: Vec::new(), for_people: Vec::new() };
        let mut told = Vec::new();
        for held in held {
            match (held.socket, held.request) {
                (Socket::Permissions, Some(request)) => {
                    let line = held.said.trim_ascii_end();
                    let hooks::Message::Whole(message) = hooks::understand(Line::Line(line)) else {
                        continue;
                    };
                    let Ok(opened) = gates.open(None) else { continue };
                    told.push(InheritedGate { gate: opened.0, request, message });
                    sorted.waiting.push((opened, held));
                }
                (Socket::Hooks | Socket::Permissions, _) => sorted.for_agents.push(held),
                (Socket::Cli | Socket::Terminal, _) => sorted.for_people.push(held),
                (Socket::Otel, _) => {}
            }
        }
        // The channel is new and has room.
        if !told.is_empty() && hub.try_send(Event::GatesInherited(told)).is_err() {
            tracing::error!("the gates that were left are lost: the hub has no room");
        }
        sorted
    }
}

/// The thread for hooks and permissions.
struct Agents {
    hooks: Door,
    permissions: Door,
    gates: Gates,
    leave: Leave,
    inherited: Vec<Held>,
    waiting: Vec<(Opened, Held)>,
    saying: Sender<std::convert::Infallible>,
}

impl Agents {
    fn run(self, runtime: &Runtime, stop: watch::Receiver<bool>) {
        let Self { hooks, permissions, gates, leave, inherited, waiting, saying } = self;
        let for_hooks = Arc::new(Hooks {
            health: Arc::clone(&hooks.health),
            outbox: Arc::clone(&hooks.outbox),
            long_lines: Arc::default(),
            room: Room::default(),
            leave: leave.clone(),
        });
        let for_permissions = Arc::new(Permissions {
            health: Arc::clone(&permissions.health),
            outbox: Arc::clone(&permissions.outbox),
            long_lines: Arc::<LongLines>::default(),
            gates: gates.clone(),
            before: hooks.backlog.clone(),
            settling: Mutex::new(()),
            leave: leave.clone(),
        });
        let places = [Arc::clone(&hooks.places), Arc::clone(&permissions.places)];
        let all_said = {
            let (hooks, permissions) = (Arc::clone(&hooks.health), Arc::clone(&permissions.health));
            move || hooks.open() == 0 && permissions.unheard() == 0
        };
        let entered = runtime.enter();
        for held in inherited {
            match held.socket {
                Socket::Hooks => hooks.go_on(held, |stream, said, unheard| {
                    hooks::serve(Arc::clone(&for_hooks), said, stream, unheard)
                }),
                _ => permissions.go_on(held, |stream, said, unheard| {
                    permissions::serve(Arc::clone(&for_permissions), Begun::Read(said, stream), unheard)
                }),
            }
        }
        for ((gate, answer), held) in waiting {
            permissions.go_on(held, |stream, said, unheard| {
                gates.give_writer(gate, stream.direct_writer());
                let begun = Begun::Asked((gate, answer), Some(stream), said);
                permissions::serve(Arc::clone(&for_permissions), begun, unheard)
            });
        }
        drop(entered);
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
            if leave.is_on() {
                leave.settle("what agents said", all_said).await;
                drop(saying);
                leave.ended().await;
                all_done(&places, OPEN_MAX).await;
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
    counted: Vec<Arc<Health>>,
    replies: Replies,
    streams: Streams,
    leave: Leave,
    inherited: Vec<Held>,
    saying: Sender<std::convert::Infallible>,
}

impl People {
    fn run(self, runtime: &Runtime, stop: watch::Receiver<bool>) {
        let Self { cli, terminal, counted, replies, streams, leave, inherited, saying } = self;
        let for_cli = Arc::new(Cli {
            health: Arc::clone(&cli.health),
            counted,
            outbox: Arc::clone(&cli.outbox),
            long_lines: Arc::default(),
            replies: replies.clone(),
            streams: streams.clone(),
            leave: leave.clone(),
        });
        let for_terminals = Arc::new(Terminals {
            health: Arc::clone(&terminal.health),
            outbox: Arc::clone(&terminal.outbox),
            replies: replies.clone(),
            leave: leave.clone(),
        });
        let places = [Arc::clone(&cli.places), Arc::clone(&terminal.places)];
        let all_said = {
            let (cli, terminal, leave) =
                (Arc::clone(&cli.health), Arc::clone(&terminal.health), leave.clone());
            move || cli.open() <= leave.streaming() && terminal.open() == 0
        };
        let entered = runtime.enter();
        for held in inherited {
            let streams = held.streams;
            let door = if held.socket == Socket::Cli { &cli } else { &terminal };
            let (for_cli, for_terminals, of_cli) =
                (Arc::clone(&for_cli), Arc::clone(&for_terminals), held.socket == Socket::Cli);
            door.go_on(held, |stream, said, unheard| async move {
                let Ok(cred) = stream.peer_cred() else { return };
                if of_cli {
                    cli::go_on(for_cli, stream, cred, said, streams).await;
                } else {
                    terminal::serve(for_terminals, stream, cred, said).await;
                }
                drop(unheard);
            });
        }
        drop(entered);
        let accepting = [
            runtime.spawn(unconstrained(cli.run(stop.clone(), move |incoming, unheard| {
                let cred = incoming.cred();
                let served = cli::serve(Arc::clone(&for_cli), incoming.into_stream()?, cred);
                Ok(stays(served, unheard))
            }))),
            runtime.spawn(unconstrained(terminal.run(stop.clone(), move |incoming, unheard| {
                let cred = incoming.cred();
                let served =
                    terminal::serve(Arc::clone(&for_terminals), incoming.into_stream()?, cred, Vec::new());
                Ok(stays(served, unheard))
            }))),
        ];
        runtime.block_on(async {
            stopped(stop).await;
            for accepting in accepting {
                log_panic(accepting.await);
            }
            if leave.is_on() {
                leave.settle("what was asked", all_said).await;
                drop(saying);
                leave.ended().await;
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
