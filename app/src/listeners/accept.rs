//! Binding a socket, accepting on it, and binding again when its file was cleaned away.

use super::health::{Checks, Health, OpenConnection, Refusal, Unheard};
use super::leave::{Held, Leave};
use super::outbox::{HubGone, Outbox};
use super::stock::Stock;
use magia_core::event::Event;
use magia_protocol::ipc::{self, AcceptError, Incoming, Listener, Stream};
use magia_protocol::paths::{InstanceLock, Socket};
use magia_protocol::wire::info::ListenerInfo;
use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::yield_now;
use tokio::time::sleep;

/// How often a listener that is down tries again.
const TRY_EVERY: Duration = Duration::from_secs(2);
/// Out of descriptors, the next try fails as well; connections end and give theirs back meanwhile.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);
/// Connections that one socket holds at once; further ones wait in the kernel's queue. Ten times what a busy
/// machine needs, and no more than the kernel's own queue.
pub(super) const OPEN_MAX: u32 = 4096;

/// Connections greeted in a row before others have their turn.
const IN_A_ROW_MAX: usize = 64;
/// Turns of the runtime in which everything that has arrived at a connection is heard: one to wait for the socket, one
/// to read it. Each turn polls the sockets and then runs the tasks that this woke.
pub(super) const SETTLE_TURNS: usize = 2;

/// What becomes of a connection.
#[expect(clippy::large_enum_variant, reason = "looked at where it is made, and never kept")]
pub(super) enum Greeted<Fut> {
    /// It has said all that it has to say.
    Told(Event, Unheard),
    /// The same, and the hub has been told.
    Done,
    /// It takes time.
    Stays {
        /// The conversation.
        served: Fut,
        /// More of its message has arrived than was looked at: it may be whole, and then comes before others.
        has_more: bool,
    },
}

/// The lock under which sockets are bound, taken again when a cleaner removed its file.
#[derive(Debug)]
pub(super) struct Lease(Mutex<Arc<InstanceLock>>);

impl Lease {
    pub(super) fn new(lock: Arc<InstanceLock>) -> Self {
        Self(Mutex::new(lock))
    }

    /// A second hold on the lock.
    pub(super) fn duplicate(&self) -> io::Result<std::fs::File> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).duplicate()
    }

    /// The socket that another magia has left, or a new one.
    fn open(&self, socket: Socket, stock: &Stock) -> Result<Listener, String> {
        if let Some(left) = stock.take(socket.file_name()) {
            let dir = self.0.lock().unwrap_or_else(PoisonError::into_inner).dir().to_owned();
            let adopted = socket.path_in(&dir).map_err(|err| err.to_string());
            match adopted.and_then(|path| ipc::adopt(&path, left).map_err(|err| err.to_string())) {
                Ok(listener) => return Ok(listener),
                Err(err) => tracing::warn!("the socket that was left is not used: {err}"),
            }
        }
        self.bind(socket)
    }

    fn bind(&self, socket: Socket) -> Result<Listener, String> {
        let mut lock = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lock.is_lost() {
            let fresh = InstanceLock::try_acquire(lock.dir()).map_err(|err| err.to_string())?;
            *lock = Arc::new(fresh);
        }
        let path = socket.path_in(lock.dir()).map_err(|err| err.to_string())?;
        ipc::bind(&path, &lock).map_err(|err| err.to_string())
    }
}

/// What has come to a socket and was not told to the hub yet. For tasks of the socket's own thread: there it is never
/// looked at while it changes.
#[derive(Debug, Clone)]
pub(super) struct Backlog {
    health: Arc<Health>,
    bound: Arc<Mutex<Weak<Listener>>>,
}

impl Backlog {
    pub(super) fn new(health: &Arc<Health>) -> Self {
        Self { health: Arc::clone(health), bound: Arc::default() }
    }

    /// Whether everything that was sent over connections made until now has been told.
    pub(super) fn is_empty(&self) -> bool {
        self.health.unheard() == 0 && self.bound().upgrade().is_none_or(|listener| !listener.has_waiting())
    }

    fn bound(&self) -> std::sync::MutexGuard<'_, Weak<Listener>> {
        self.bound.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One socket: what is needed to keep it open.
#[derive(Debug, Clone)]
pub(super) struct Door {
    pub(super) socket: Socket,
    pub(super) health: Arc<Health>,
    pub(super) lease: Arc<Lease>,
    pub(super) outbox: Arc<Outbox>,
    /// One permit per connection; all of them back means all connections are done.
    pub(super) places: Arc<Semaphore>,
    pub(super) retry: Arc<Notify>,
    pub(super) backlog: Backlog,
    /// Each connection is greeted before the next is accepted: its peer waits.
    pub(super) one_by_one: bool,
    pub(super) stock: Stock,
    pub(super) leave: Leave,
}

enum Left {
    Stopped,
    FileGone,
}

impl Door {
    /// Keeps the socket open until `stop` changes. `greet` looks at each connection; one that stays becomes a task.
    pub(super) async fn run<F, Fut>(self, mut stop: watch::Receiver<bool>, mut greet: F)
    where
        F: FnMut(Incoming, Unheard) -> io::Result<Greeted<Fut>>,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let mut reporter = Reporter::new(Arc::clone(&self.health));
        loop {
            match self.lease.open(self.socket, &self.stock) {
                Ok(listener) => {
                    self.stock.keep(self.socket.file_name(), &listener);
                    let listener = Arc::new(listener);
                    *self.backlog.bound() = Arc::downgrade(&listener);
                    self.health.set_state(None);
                    reporter.report(&self.outbox);
                    tracing::debug!(listener = self.health.name(), "listening");
                    let left = self.accept_on(&listener, &mut stop, &mut reporter, &mut greet).await;
                    if self.leave.is_on() && matches!(left, Left::Stopped) {
                        // Its second descriptor and its file are for whoever follows.
                        return;
                    }
                    self.stock.forget(self.socket.file_name());
                    // Nobody else keeps it.
                    if let Some(Err(err)) = Arc::into_inner(listener).map(Listener::close) {
                        tracing::debug!(listener = self.health.name(), "cannot remove the socket: {err}");
                    }
                    match left {
                        Left::Stopped => return,
                        Left::FileGone => {
                            tracing::warn!(
                                listener = self.health.name(),
                                "the socket's file was removed, binding again"
                            );
                        }
                    }
                }
                Err(error) => {
                    if reporter.last.as_ref().is_none_or(|last| last.up) {
                        tracing::warn!(listener = self.health.name(), "not listening: {error}");
                    }
                    self.health.set_state(Some(error));
                    reporter.report(&self.outbox);
                    tokio::select! {
                        () = self.retry.notified() => reporter.last = None,
                        () = sleep(TRY_EVERY) => {}
                        _ = stop.changed() => return,
                    }
                }
            }
        }
    }

    /// Accepts until told to stop or until no client can find the socket any more.
    async fn accept_on<F, Fut>(
        &self,
        listener: &Listener,
        stop: &mut watch::Receiver<bool>,
        reporter: &mut Reporter,
        greet: &mut F,
    ) -> Left
    where
        F: FnMut(Incoming, Unheard) -> io::Result<Greeted<Fut>>,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let mut checks = Checks::new(&self.health);
        let mut out_of_order = false;
        let mut arrived = Vec::new();
        let mut in_a_row = 0;
        loop {
            let Some(place) = self.place(stop).await else { return Left::Stopped };
            // Under a flood there is always somebody to accept.
            if *stop.borrow() {
                return Left::Stopped;
            }
            let accepted = loop {
                tokio::select! {
                    biased;
                    accepted = listener.accept() => break accepted,
                    _ = stop.changed() => return Left::Stopped,
                    () = self.retry.notified() => {
                        reporter.last = None;
                        reporter.report(&self.outbox);
                    }
                    () = checks.tick() => {
                        if listener.inode_gone() {
                            return Left::FileGone;
                        }
                        reporter.report(&self.outbox);
                    }
                }
            };
            let is_earlier_unheard = self.health.unheard() > 0;
            let refused = self.take_all(listener, accepted, place, &mut arrived);
            in_a_row += arrived.len();
            // Who came earlier and has spoken since is heard first, and a flood lets others have their turn.
            if is_earlier_unheard || in_a_row > IN_A_ROW_MAX {
                in_a_row = 0;
                yield_now().await;
            }
            for Arrived { incoming, place, unheard } in arrived.drain(..) {
                self.receive(greet(incoming, unheard), place).await;
            }
            match refused {
                None if out_of_order => {
                    out_of_order = false;
                    self.health.set_state(None);
                    reporter.report(&self.outbox);
                }
                None => {}
                Some(err) => {
                    if !out_of_order {
                        out_of_order = true;
                        tracing::warn!(listener = self.health.name(), "cannot accept: {err}");
                        self.health.set_state(Some(format!("cannot accept: {err}")));
                        reporter.report(&self.outbox);
                    }
                    tokio::select! {
                        () = sleep(ACCEPT_PAUSE) => {}
                        _ = stop.changed() => return Left::Stopped,
                    }
                }
            }
        }
    }

    /// Takes everything out of the kernel's queue, as far as there are places, which [`super::permissions`] builds on;
    /// or one, where they are served one by one. The error is the system's, not a peer's.
    fn take_all(
        &self,
        listener: &Listener,
        accepted: Result<Incoming, AcceptError>,
        place: OwnedSemaphorePermit,
        arrived: &mut Vec<Arrived>,
    ) -> Option<io::Error> {
        let mut next = Some((accepted, place));
        while let Some((accepted, place)) = next {
            match accepted {
                Ok(incoming) => {
                    self.health.count_accepted();
                    arrived.push(Arrived { incoming, place, unheard: Unheard::new(&self.health) });
                }
                Err(AcceptError::ForeignPeer { cred }) => self.health.refuse(&Refusal::ForeignUser(cred.uid)),
                Err(AcceptError::Io(err)) if is_the_peers_fault(err.kind()) => {
                    self.health.refuse(&Refusal::Broken(err.kind()));
                }
                Err(AcceptError::Io(err)) => return Some(err),
            }
            if self.one_by_one {
                break;
            }
            let place = Arc::clone(&self.places).try_acquire_owned();
            next = place.ok().and_then(|place| Some((listener.accept_now()?, place)));
        }
        None
    }

    /// Does with a connection what greeting it said.
    async fn receive<Fut>(&self, greeted: io::Result<Greeted<Fut>>, place: OwnedSemaphorePermit)
    where
        Fut: Future<Output = ()> + Send + 'static,
    {
        match greeted {
            Ok(Greeted::Told(event, _unheard)) => match self.outbox.tell(event).await {
                Ok(()) => self.health.count_message(),
                Err(HubGone) => {
                    tracing::debug!(listener = self.health.name(), "not delivered, the hub has stopped");
                }
            },
            Ok(Greeted::Done) => self.health.count_message(),
            Ok(Greeted::Stays { served, has_more }) => {
                let open = OpenConnection::new(&self.health);
                tokio::spawn(async move {
                    served.await;
                    drop((open, place));
                });
                if has_more {
                    for _ in 0..SETTLE_TURNS {
                        yield_now().await;
                    }
                }
            }
            Err(err) => self.health.refuse(&Refusal::Broken(err.kind())),
        }
    }

    /// Goes on with a connection that another magia accepted. Call it within the runtime, before anything is accepted.
    pub(super) fn go_on<Fut>(&self, held: Held, serve: impl FnOnce(Stream, Vec<u8>, Unheard) -> Fut)
    where
        Fut: Future<Output = ()> + Send + 'static,
    {
        let stream = match Stream::adopt(held.connection) {
            Ok(stream) => stream,
            Err(err) => return self.health.refuse(&Refusal::Broken(err.kind())),
        };
        self.health.count_accepted();
        let place = Arc::clone(&self.places).try_acquire_owned();
        let open = OpenConnection::new(&self.health);
        let served = serve(stream, held.said, Unheard::new(&self.health));
        tokio::spawn(async move {
            served.await;
            drop((open, place));
        });
    }

    /// A place for one more connection; `None` when told to stop while all are taken.
    async fn place(&self, stop: &mut watch::Receiver<bool>) -> Option<OwnedSemaphorePermit> {
        if let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
            return Some(place);
        }
        tracing::debug!(listener = self.health.name(), "all places taken, waiting");
        tokio::select! {
            place = Arc::clone(&self.places).acquire_owned() => place.ok(),
            _ = stop.changed() => None,
        }
    }
}

/// A connection that is to be greeted.
struct Arrived {
    incoming: Incoming,
    place: OwnedSemaphorePermit,
    unheard: Unheard,
}

/// Tells the hub how a listener is, when that has changed.
pub(super) struct Reporter {
    health: Arc<Health>,
    last: Option<ListenerInfo>,
}

impl Reporter {
    /// Nothing was told yet.
    pub(super) const fn new(health: Arc<Health>) -> Self {
        Self { health, last: None }
    }

    /// When the hub has no room, the next report says it.
    pub(super) fn report(&mut self, outbox: &Outbox) {
        let info = self.health.info();
        if self.last.as_ref() == Some(&info) {
            return;
        }
        if outbox.offer(Event::ListenerReported(info.clone())) {
            self.last = Some(info);
        } else {
            self.health.stir();
        }
    }
}

fn is_the_peers_fault(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset | ErrorKind::NotConnected)
}
