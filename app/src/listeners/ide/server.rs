//! The server's life: when it listens, which files lead to it, and its end.

use super::files::IdePlaces;
use super::handshake::Door;
use super::table::Table;
use super::{companion, connection};
use crate::listeners::accept::Reporter;
use crate::listeners::health::{Checks, Health, OpenConnection, Refusal};
use crate::listeners::loopback::stranger;
use crate::listeners::outbox::Outbox;
use crate::listeners::replies::Replies;
use crate::listeners::stock::{COMPANION, IDE, Stock};
use crate::listeners::stream::Streams;
use magia_core::event::{Event, GateId};
use magia_core::ide::{DiffAnswer, IdeFact, IdeServer};
use magia_protocol::wire::info::ListenerInfo;
use std::ffi::OsString;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::time::{sleep, timeout};

/// Connections at once; further ones are closed as they come.
const OPEN_MAX: usize = 256;
/// How often it is tried again when there is no port.
const RETRY_EVERY: Duration = Duration::from_secs(2);
/// How long connections may take to say goodbye.
const STOP_GRACE: Duration = Duration::from_millis(300);
/// Threads for files and processes.
const DISK_THREADS: usize = 4;
/// Out of descriptors, the next try fails as well.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);
/// A terminal that is about to start waits so long for the port.
const PORT_PATIENCE: Duration = Duration::from_secs(1);
/// A terminal that was just started is in the list of terminals after that, or never.
const START_PATIENCE: Duration = Duration::from_secs(30);
const TOKEN_BYTES: usize = 32;

/// What the server shares with the rest of the listeners.
#[derive(Debug)]
pub(in crate::listeners) struct Shared {
    pub(in crate::listeners) health: Arc<Health>,
    pub(super) outbox: Arc<Outbox>,
    pub(super) replies: Replies,
    pub(super) streams: Streams,
    stock: Stock,
    running: Mutex<Option<Running>>,
}

#[derive(Debug)]
struct Running {
    server: Arc<Server>,
    thread: JoinHandle<()>,
}

impl Shared {
    pub(in crate::listeners) fn new(
        outbox: Arc<Outbox>,
        replies: Replies,
        streams: Streams,
        stock: Stock,
    ) -> Self {
        let health = Arc::new(Health::new("ide"));
        Self { health, outbox, replies, streams, stock, running: Mutex::default() }
    }

    /// Ends the server, for good: its files go, its connections end.
    pub(in crate::listeners) fn stop(&self) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(Running { server, thread }) = running else { return };
        server.wanted.send_replace(Wanted::Ended);
        if thread.join().is_err() {
            tracing::error!("the thread for agents' editors panicked");
        }
    }
}

/// Switches the server. Cheap to clone; no call but [`IdeSwitch::variables`] waits.
#[derive(Clone, Debug)]
pub struct IdeSwitch(Arc<Server>);

/// What the thread is to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Wanted {
    Nothing,
    Listen,
    Ended,
}

/// The server.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) shared: Arc<Shared>,
    pub(super) table: Table,
    places: IdePlaces,
    wanted: watch::Sender<Wanted>,
    /// The hub takes it too, so nobody holds it while files are written.
    state: Mutex<State>,
    /// Held by whoever brings the files in line with the state; taken before that.
    files: Mutex<()>,
    bound: Condvar,
    seats: Arc<Semaphore>,
}

#[derive(Debug, Default)]
struct State {
    choice: Option<IdeServer>,
    /// Where it listens.
    door: Option<Door>,
    /// Whether there are terminals.
    terminals: bool,
    /// A terminal is being started, since then.
    starting: Option<Instant>,
    /// Whether the lock file is there.
    locked: bool,
    /// Whether the file that leads Gemini CLI here is as well.
    leads_gemini: bool,
    /// What the hub knows: the port, and whether there is a lock file.
    told: (Option<u16>, bool),
}

impl State {
    fn wants_lock(&self) -> bool {
        match self.choice {
            None | Some(IdeServer::Off) => false,
            Some(IdeServer::Always) => true,
            Some(IdeServer::Terminals) => {
                self.terminals || self.starting.is_some_and(|since| since.elapsed() < START_PATIENCE)
            }
        }
    }
}

impl IdeSwitch {
    /// A server that does not listen yet; the first settings say whether it is to.
    ///
    /// # Errors
    /// The system has no thread for us.
    pub(in crate::listeners) fn start(places: IdePlaces, shared: &Arc<Shared>) -> io::Result<Self> {
        let server = Arc::new(Server {
            shared: Arc::clone(shared),
            table: Table::default(),
            places,
            wanted: watch::channel(Wanted::Nothing).0,
            state: Mutex::default(),
            files: Mutex::default(),
            bound: Condvar::new(),
            seats: Arc::new(Semaphore::new(OPEN_MAX)),
        });
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(DISK_THREADS)
            .thread_name("listeners-ide-disk")
            .build()?;
        let serving = Arc::clone(&server);
        let thread = Builder::new().name("listeners-ide".to_owned()).spawn(move || {
            runtime.block_on(serving.run());
            runtime.shutdown_background();
        })?;
        let running = Running { server: Arc::clone(&server), thread };
        *shared.running.lock().unwrap_or_else(PoisonError::into_inner) = Some(running);
        Ok(Self(server))
    }

    /// Takes a new setting.
    pub fn settings(&self, choice: IdeServer) {
        self.0.state().choice = Some(choice);
        if choice == IdeServer::Off {
            self.0.shared.stock.forget(IDE);
            self.0.shared.stock.forget(COMPANION);
        }
        let wanted = if choice == IdeServer::Off { Wanted::Nothing } else { Wanted::Listen };
        // Rung in any case: the lock file may have to come or go.
        self.0.wanted.send_modify(|now| {
            if *now != Wanted::Ended {
                *now = wanted;
            }
        });
    }

    /// Whether there are terminals whose agents may look for magia.
    pub fn terminals(&self, some: bool) {
        let changed = {
            let mut state = self.0.state();
            if some {
                state.starting = None;
            }
            std::mem::replace(&mut state.terminals, some) != some
        };
        if changed {
            self.0.wanted.send_modify(|_| {});
        }
    }

    /// The variables by which an agent in a new terminal finds magia. The lock file is there when this returns. Waits for
    /// the port, for a second at most.
    pub fn variables(&self) -> Vec<(OsString, OsString)> {
        let server = &self.0;
        let state = server.state();
        if state.choice.is_none_or(|choice| choice == IdeServer::Off) {
            return Vec::new();
        }
        let waited = server.bound.wait_timeout_while(state, PORT_PATIENCE, |state| state.door.is_none());
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.starting = Some(Instant::now());
        drop(state);
        server.settle_lock();
        server.wanted.send_modify(|_| {});
        let state = server.state();
        let Some(door) = state.door.as_ref().filter(|_| state.locked) else { return Vec::new() };
        let port = door.port.to_string();
        let pid = std::process::id().to_string();
        let mut variables =
            vec![("CLAUDE_CODE_SSE_PORT", port), ("ENABLE_IDE_INTEGRATION", "true".to_owned())];
        variables.extend(state.leads_gemini.then_some(("GEMINI_CLI_IDE_PID", pid)));
        variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect()
    }

    /// Answers a change. `false` when its agent has gone.
    pub fn answer(&self, gate: GateId, answer: DiffAnswer) -> bool {
        self.0.table.answer(gate, answer)
    }
}

impl Server {
    /// Tells the hub, waiting while it has no room.
    pub(super) async fn tell(&self, fact: IdeFact) {
        if self.shared.outbox.send(Event::Ide(Box::new(fact))).await.is_err() {
            tracing::debug!("the hub has stopped");
        }
    }

    async fn run(self: Arc<Self>) {
        let mut wanted = self.wanted.subscribe();
        loop {
            let now = *wanted.borrow_and_update();
            match now {
                Wanted::Ended => return,
                Wanted::Nothing => {
                    if wanted.changed().await.is_err() {
                        return;
                    }
                }
                Wanted::Listen => match self.bind().await {
                    Ok((listener, door, companion)) => {
                        self.report(None).await;
                        let (stop, stopped) = watch::channel(false);
                        let token = door.companion.as_ref().map(|(_, token)| token.clone());
                        let serving = companion.zip(token).map(|(listener, token)| {
                            tokio::spawn(companion::serve(Arc::clone(&self), listener, token, stopped))
                        });
                        self.accept(&listener, &door, &mut wanted).await;
                        drop(listener);
                        stop.send_replace(true);
                        if let Some(serving) = serving
                            && let Ok(Err(err)) = timeout(STOP_GRACE, serving).await
                        {
                            tracing::error!("the companion failed: {err}");
                        }
                        self.close(&door).await;
                    }
                    Err(err) => {
                        self.report(Some(format!("cannot listen for agents: {err}"))).await;
                        drop(timeout(RETRY_EVERY, wanted.changed()).await);
                    }
                },
            }
        }
    }

    /// The port of the last time when it is free, else any.
    async fn bind(&self) -> io::Result<(TcpListener, Door, Option<TcpListener>)> {
        self.places.remove_left_behind();
        let last = self.places.last_port().filter(|port| !self.places.is_anothers(*port));
        let stock = &self.shared.stock;
        // Its lock file went with whoever left it.
        let mut bound = stock.take_port(IDE, |port| !self.places.is_anothers(port));
        if let Some(port) = last.filter(|_| bound.is_none()) {
            bound = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.ok();
        }
        let listener = match bound {
            Some(listener) => listener,
            None => self.bind_any().await?,
        };
        let port = listener.local_addr()?.port();
        let companion = match stock.take_port(COMPANION, |_| true) {
            Some(listener) => Some(listener),
            None => TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.ok(),
        };
        stock.keep(IDE, &listener);
        if let Some(companion) = &companion {
            stock.keep(COMPANION, companion);
        }
        let companion_port = companion.as_ref().and_then(|listener| listener.local_addr().ok());
        let companion_door = companion_port.map(|bound| Ok::<_, io::Error>((bound.port(), token()?)));
        let door = Door {
            port,
            agent_token: token()?,
            editor_token: token()?,
            companion: companion_door.transpose()?,
        };
        if let Err(err) = self.places.keep_port(port) {
            tracing::warn!("agents will not find magia again after a restart: {err}");
        }
        if let Err(err) = self.places.write_editor_file(port, &door.editor_token) {
            tracing::warn!("editors will not find magia: {err}");
        }
        self.state().door = Some(door.clone());
        self.settle_lock();
        self.bound.notify_all();
        Ok((listener, door, companion))
    }

    async fn bind_any(&self) -> io::Result<TcpListener> {
        let first = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        if !self.places.is_anothers(first.local_addr()?.port()) {
            return Ok(first);
        }
        // The first is held meanwhile, so that the system gives another one.
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await
    }

    async fn accept(
        self: &Arc<Self>,
        listener: &TcpListener,
        door: &Door,
        wanted: &mut watch::Receiver<Wanted>,
    ) {
        let health = &self.shared.health;
        self.tell_server().await;
        let (mut reporter, mut checks) = (Reporter::new(Arc::clone(health)), Checks::new(health));
        loop {
            let accepted = tokio::select! {
                () = checks.tick() => {
                    reporter.report(&self.shared.outbox);
                    continue;
                }
                accepted = listener.accept() => accepted,
                changed = wanted.changed() => {
                    if changed.is_err() || *wanted.borrow_and_update() != Wanted::Listen {
                        return;
                    }
                    self.settle_lock();
                    self.tell_server().await;
                    continue;
                }
            };
            match accepted {
                Ok((stream, peer)) => {
                    // Before it has a seat: another user could take them all.
                    let own = SocketAddr::from((Ipv4Addr::LOCALHOST, door.port));
                    if let Some(refusal) = stranger(peer, own) {
                        health.refuse(&refusal);
                        continue;
                    }
                    health.count_accepted();
                    let Ok(seat) = Arc::clone(&self.seats).try_acquire_owned() else {
                        health.refuse(&Refusal::Crowded);
                        continue;
                    };
                    let open = OpenConnection::new(health);
                    let (server, door) = (Arc::clone(self), door.clone());
                    tokio::spawn(async move {
                        connection::serve(server, door, stream, peer).await;
                        drop((open, seat));
                    });
                }
                Err(err) => {
                    tracing::debug!("cannot accept an agent: {err}");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    /// The files go, the connections end.
    async fn close(&self, door: &Door) {
        {
            let _files = self.files();
            let locked = {
                let mut state = self.state();
                state.door = None;
                std::mem::take(&mut state.locked)
            };
            if locked {
                self.remove_lock(door);
            }
        }
        self.places.remove_editor_file();
        self.table.close();
        drop(timeout(STOP_GRACE, self.seats.acquire_many(OPEN_MAX as u32)).await);
        if *self.wanted.borrow() != Wanted::Ended {
            self.shared.stock.forget(IDE);
            self.shared.stock.forget(COMPANION);
            let name = self.shared.health.name().to_owned();
            let off = Event::ListenerReported(ListenerInfo { name, ..ListenerInfo::default() });
            if self.shared.outbox.send(off).await.is_err() {
                tracing::debug!("the hub has stopped");
            }
            self.tell_server().await;
        }
    }

    /// Brings the lock file in line with what is wanted.
    fn settle_lock(&self) {
        let _files = self.files();
        let (door, wanted) = {
            let state = self.state();
            (state.door.clone(), state.wants_lock())
        };
        let Some(door) = door else { return };
        // The port is ours, so a file that leads elsewhere is of somebody who has it no more, whoever has the process id
        // by now.
        let is_led =
            || self.places.is_locked_with(door.port, &door.agent_token) || self.places.is_anothers(door.port);
        if wanted && !is_led() {
            let written = self.places.write_lock(door.port, &door.agent_token);
            let leads_gemini = door.companion.as_ref().is_some_and(|(port, token)| {
                let written = self.places.write_companion_file(*port, token);
                written.inspect_err(|err| tracing::warn!("Gemini CLI will not find magia: {err}")).is_ok()
            });
            if let Err(err) = &written {
                tracing::warn!("agents will not find magia: the lock file could not be written: {err}");
            }
            let mut state = self.state();
            (state.locked, state.leads_gemini) = (written.is_ok(), leads_gemini);
        } else if !wanted && std::mem::take(&mut self.state().locked) {
            self.remove_lock(&door);
        }
    }

    fn remove_lock(&self, door: &Door) {
        self.places.remove_lock(door.port, &door.agent_token);
        if let Some((port, _)) = &door.companion {
            self.places.remove_companion_file(*port);
        }
    }

    async fn tell_server(&self) {
        let fact = {
            let mut state = self.state();
            let port = state.door.as_ref().map(|door| door.port);
            let now = (port, state.locked);
            if std::mem::replace(&mut state.told, now) == now {
                return;
            }
            let lock = port.filter(|_| state.locked).map(|port| self.places.lock(port).display().to_string());
            IdeFact::Server { port, lock }
        };
        self.tell(fact).await;
    }

    async fn report(&self, error: Option<String>) {
        if let Some(error) = &error {
            tracing::warn!("{error}");
        }
        self.shared.health.set_state(error);
        let info = self.shared.health.info();
        if self.shared.outbox.send(Event::ListenerReported(info)).await.is_err() {
            tracing::debug!("the hub has stopped");
        }
    }

    fn files(&self) -> MutexGuard<'_, ()> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) fn token() -> io::Result<String> {
    let mut bytes = [0; TOKEN_BYTES];
    getrandom::fill(&mut bytes).map_err(|err| io::Error::other(format!("no random numbers ({err})")))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
