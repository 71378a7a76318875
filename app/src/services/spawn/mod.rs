//! Opens terminals: starts the holder, then a terminal program with the attach client in it, and waits until that
//! client has reported back.
//!
//! The session is made once, here, before any window; a window that comes late attaches to the same one. What failed for
//! good leaves no session behind.

mod audit;
mod link;
mod open;

use crate::agent_env::AgentEnv;
use crate::service::{Outbox, ServiceThread};
use audit::Audit;
use crossbeam_channel::{Receiver, Sender, TrySendError, bounded, select};
use link::Link;
use magia_core::event::{Event, ReplyId};
use magia_core::settings::Settings;
use magia_core::spawn::Plan;
use magia_protocol::wire::RequestId;
use magia_protocol::wire::spawn::{SpawnCode, SpawnError};
use open::Opener;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Terminals that are opened at once; each may take seconds.
const AT_ONCE: usize = 8;
/// Requests that wait for one of those.
const WAITING_MAX: usize = 256;
/// How long a stop waits for an opening that is under way.
const STOP_PATIENCE: Duration = Duration::from_secs(1);

/// Where everything is that opening takes.
#[derive(Clone, Debug)]
pub struct SpawnPlaces {
    /// The command line program, which holds and attaches.
    pub exe: PathBuf,
    /// The directory of terminals.
    pub root: PathBuf,
    /// The user's home.
    pub home: PathBuf,
    /// The runtime directory.
    pub runtime: PathBuf,
    /// The directory of logs.
    pub logs: PathBuf,
    /// Where VibeTunnel's programs look for our socket.
    pub link: PathBuf,
    /// Whether there is a window, which can show a terminal.
    pub window: bool,
    /// What agents in terminals are told.
    pub env: AgentEnv,
}

/// A terminal to be opened.
#[derive(Debug)]
pub struct OpenRequest {
    /// Who waits for it.
    pub reply: Option<ReplyId>,
    /// The permission request that a person allowed for it.
    pub request: Option<RequestId>,
    /// What is opened.
    pub plan: Plan,
    /// Who asked for it.
    pub by: String,
}

/// The service. Dropping it takes the link away and lets what is under way go on by itself.
#[derive(Debug)]
pub struct Spawner {
    requests: Sender<OpenRequest>,
    settings: Arc<Mutex<Arc<Settings>>>,
    link: Arc<Link>,
    threads: Vec<ServiceThread>,
}

/// The way to ask for a terminal. Cheap to clone; no call waits.
#[derive(Clone, Debug)]
pub struct Spawn {
    requests: Sender<OpenRequest>,
    settings: Arc<Mutex<Arc<Settings>>>,
    link: Arc<Link>,
}

impl Spawner {
    /// Starts the threads; each terminal's end is told as [`Event::TerminalOpened`].
    ///
    /// # Errors
    /// When the system has no thread for us.
    pub fn start(places: SpawnPlaces, events: &Sender<Event>) -> std::io::Result<Self> {
        let (requests, waiting) = bounded(WAITING_MAX);
        let settings: Arc<Mutex<Arc<Settings>>> = Arc::default();
        let link = Arc::new(Link::new(places.link.clone(), &places.runtime));
        let audit = Arc::new(Audit::new(&places.logs));
        let mut threads = Vec::with_capacity(AT_ONCE);
        for _ in 0..AT_ONCE {
            let opener = Opener::new(places.clone(), Arc::clone(&settings), Arc::clone(&audit));
            let waiting = waiting.clone();
            let work = move |outbox| work(&opener, &waiting, &outbox);
            threads.push(ServiceThread::start("spawn", events.clone(), work)?);
        }
        Ok(Self { requests, settings, link, threads })
    }

    /// The way to ask.
    pub fn requests(&self) -> Spawn {
        Spawn {
            requests: self.requests.clone(),
            settings: Arc::clone(&self.settings),
            link: Arc::clone(&self.link),
        }
    }
}

impl Drop for Spawner {
    fn drop(&mut self) {
        self.link.remove();
        self.threads.iter_mut().for_each(ServiceThread::begin_stop);
        for thread in &mut self.threads {
            if !thread.stop_within(STOP_PATIENCE) {
                tracing::debug!("a terminal is still being opened");
            }
        }
    }
}

impl Spawn {
    /// Opens a terminal. The error says that too many wait; then nothing follows.
    ///
    /// # Errors
    /// `LIMIT_REACHED`, `SERVICE_UNAVAILABLE`.
    pub fn open(&self, request: OpenRequest) -> Result<(), SpawnError> {
        self.requests.try_send(request).map_err(|err| match err {
            TrySendError::Full(_) => {
                SpawnError::new(SpawnCode::LimitReached, "too many terminals are being opened already")
                    .remedy("try again in a moment")
            }
            TrySendError::Disconnected(_) => SpawnError::unavailable("this socket: magia is stopping"),
        })
    }

    /// Takes new settings. What is wrong with the link is returned, for a person.
    pub fn settings(&self, settings: Arc<Settings>) -> Option<String> {
        let wanted = settings.terminal_socket_link;
        *self.settings.lock().unwrap_or_else(PoisonError::into_inner) = settings;
        self.link.want(wanted).err()
    }
}

fn work(opener: &Opener, waiting: &Receiver<OpenRequest>, outbox: &Outbox) {
    loop {
        let request = select! {
            recv(waiting) -> request => match request {
                Ok(request) => request,
                Err(_) => return,
            },
            recv(outbox.stop()) -> _ => return,
        };
        let outcome = opener.open(&request, outbox);
        let OpenRequest { reply, request, .. } = request;
        if !outbox.send(Event::TerminalOpened { reply, request, outcome }) {
            return;
        }
    }
}
