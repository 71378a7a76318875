//! The HTTP API: the seed's routes for scripts and other programs. Off unless the settings or `--http` ask for it.
//!
//! It listens on a loopback address alone. Every request but `/api/health` shows the token (`token`); who is asked by a
//! web page's name, or asks on behalf of one, is turned away before anything is read (`guard`). Ids are checked before
//! they become part of a path, and files are shown below the configured directories alone.

mod answer;
mod cleanup;
mod document;
mod files;
mod guard;
mod input;
mod keys;
mod memory;
mod metrics;
mod router;
mod rows;
mod screen;
mod sessions;
mod stream;
mod tickets;
mod token;

pub use document::document;
pub use router::ROUTES;

use super::accept::Reporter;
use super::health::{Checks, Health};
use super::loopback;
use super::outbox::Outbox;
use super::replies::Replies;
use super::stock::{HTTP, Stock};
use guard::Guard;
use magia_core::event::Event;
use magia_core::settings::{Settings, http_address};
use magia_protocol::wire::info::{HttpApiInfo, ListenerInfo};
use memory::Memories;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;
use tickets::Tickets;
use token::Token;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::timeout;

/// How often a port that is taken is tried again.
const RETRY_EVERY: Duration = Duration::from_secs(2);
/// Threads for files and processes.
const DISK_THREADS: usize = 4;

/// Where the API finds what it shows.
#[derive(Clone, Debug)]
pub struct HttpPlaces {
    /// The file with the token.
    pub token: PathBuf,
    /// The directory of terminals.
    pub terminals: PathBuf,
    /// The user's home.
    pub home: PathBuf,
    /// Where it listens whatever the settings say.
    pub fixed: Option<SocketAddr>,
}

/// Switches the API on and off. Cheap to clone; no call waits.
#[derive(Clone, Debug)]
pub struct HttpSwitch {
    places: Arc<HttpPlaces>,
    shared: Arc<Shared>,
    wanted: watch::Sender<Option<SocketAddr>>,
    started: Arc<AtomicBool>,
    roots: Arc<RwLock<Vec<String>>>,
}

/// What the API shares with the rest of the listeners.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) health: Arc<Health>,
    pub(super) outbox: Arc<Outbox>,
    pub(super) replies: Replies,
    /// Whether the API is wanted, so that it is listed.
    pub(super) shown: AtomicBool,
    /// The running switch, for the end.
    pub(super) stop: Mutex<Option<watch::Sender<Option<SocketAddr>>>>,
    stock: Stock,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Shared {
    pub(super) fn new(outbox: Arc<Outbox>, replies: Replies, stock: Stock) -> Self {
        let health = Arc::new(Health::new("http"));
        Self {
            health,
            outbox,
            replies,
            shown: AtomicBool::new(false),
            stop: Mutex::default(),
            stock,
            thread: Mutex::default(),
        }
    }

    /// Waits until it has stopped, which its own limits bound.
    pub(super) fn join(&self) {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread of the HTTP API panicked");
        }
    }

    /// Switches it off, for good.
    pub(super) fn stop(&self) {
        if let Some(wanted) = self.stop.lock().unwrap_or_else(PoisonError::into_inner).take() {
            wanted.send_replace(None);
        }
    }
}

/// What a request needs.
#[derive(Clone, Debug)]
struct Api {
    shared: Arc<Shared>,
    places: Arc<HttpPlaces>,
    token: Arc<Token>,
    tickets: Arc<Tickets>,
    memories: Memories,
    guard: Guard,
    roots: Arc<RwLock<Vec<String>>>,
}

impl HttpSwitch {
    pub(super) fn new(places: HttpPlaces, shared: Arc<Shared>) -> Self {
        let (wanted, _) = watch::channel(None);
        *shared.stop.lock().unwrap_or_else(PoisonError::into_inner) = Some(wanted.clone());
        let switch =
            Self { places: Arc::new(places), shared, wanted, started: Arc::default(), roots: Arc::default() };
        if let Some(address) = switch.places.fixed {
            switch.want(Some(address));
        }
        switch
    }

    /// Takes new settings.
    pub fn settings(&self, settings: &Settings) {
        *self.roots.write().unwrap_or_else(PoisonError::into_inner) = settings.http_roots.clone();
        if self.places.fixed.is_none() {
            self.want(http_address(&settings.http_api));
        }
    }

    fn want(&self, address: Option<SocketAddr>) {
        if address.is_none() {
            self.shared.stock.forget(HTTP);
        }
        self.shared.shown.store(address.is_some(), Ordering::Relaxed);
        let changed = self.wanted.send_if_modified(|wanted| std::mem::replace(wanted, address) != address);
        // A thread of its own, once there is a use for it: most users have none.
        if changed && address.is_some() && !self.started.swap(true, Ordering::AcqRel) {
            let this = self.clone();
            let started = Builder::new().name("listeners-http".to_owned()).spawn(move || this.run());
            match started {
                Ok(thread) => {
                    *self.shared.thread.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread);
                }
                Err(err) => tracing::error!("the HTTP API has no thread: {err}"),
            }
        }
    }

    fn run(self) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(DISK_THREADS)
            .thread_name("listeners-http-disk")
            .build();
        match runtime {
            Ok(runtime) => {
                let mut wanted = self.wanted.subscribe();
                runtime.block_on(self.serve(&mut wanted));
                runtime.shutdown_background();
            }
            Err(err) => tracing::error!("the HTTP API has no runtime: {err}"),
        }
    }

    async fn serve(&self, wanted: &mut watch::Receiver<Option<SocketAddr>>) {
        loop {
            let address = *wanted.borrow_and_update();
            let Some(address) = address else {
                self.say_off().await;
                if self.is_stopped() || wanted.changed().await.is_err() {
                    return;
                }
                continue;
            };
            match self.bind(address).await {
                Ok((bound, listener, app)) => {
                    self.report(Ok(bound)).await;
                    let mut off = wanted.clone();
                    let ended = async { drop(off.wait_for(|now| *now != Some(address)).await) };
                    tokio::select! {
                        () = loopback::serve(listener, app, &self.shared.health, ended) => {}
                        () = self.keep_reporting() => {}
                    }
                }
                Err(err) => {
                    self.report(Err(format!("cannot listen on {address}: {err}"))).await;
                    // Another address may be wanted meanwhile.
                    drop(timeout(RETRY_EVERY, wanted.changed()).await);
                }
            }
        }
    }

    fn is_stopped(&self) -> bool {
        self.shared.stop.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }

    async fn bind(&self, address: SocketAddr) -> io::Result<(SocketAddr, TcpListener, axum::Router)> {
        if !address.ip().is_loopback() {
            return Err(io::Error::other("only addresses of this machine are served"));
        }
        let token = Arc::new(Token::load(&self.places.token)?);
        let left = self.shared.stock.take_port(HTTP, |port| port == address.port());
        let listener = match left.filter(|left| left.local_addr().is_ok_and(|left| left == address)) {
            Some(listener) => listener,
            None => TcpListener::bind(address).await?,
        };
        self.shared.stock.keep(HTTP, &listener);
        let bound = listener.local_addr()?;
        if let Err(err) = token.write_address(bound) {
            tracing::warn!("scripts are not told where the HTTP API listens: {err}");
        }
        let api = Api {
            shared: Arc::clone(&self.shared),
            places: Arc::clone(&self.places),
            token,
            tickets: Arc::default(),
            memories: Memories::new(&self.places.terminals),
            guard: Guard::new(bound.port()),
            roots: Arc::clone(&self.roots),
        };
        Ok((bound, listener, router::router(api)))
    }

    /// Neither up nor in error: it is not listed any more.
    async fn say_off(&self) {
        let name = self.shared.health.name().to_owned();
        self.send(Event::ListenerReported(ListenerInfo { name, ..ListenerInfo::default() })).await;
        self.send(Event::HttpApi(Box::default())).await;
    }

    /// It listens at that address, or why not.
    async fn report(&self, bound: Result<SocketAddr, String>) {
        if let Err(problem) = &bound {
            tracing::warn!("{problem}");
        }
        self.shared.health.set_state(bound.as_ref().err().cloned());
        self.send(Event::ListenerReported(self.shared.health.info())).await;
        let api = HttpApiInfo {
            on: true,
            address: bound.as_ref().ok().map(|address| format!("http://{address}")),
            token_file: Some(self.places.token.display().to_string()),
            problem: bound.err(),
            at_start: self.places.fixed.is_some(),
            switch: String::new(),
        };
        self.send(Event::HttpApi(Box::new(api))).await;
    }

    /// Tells what it has counted, for ever.
    async fn keep_reporting(&self) {
        let mut reporter = Reporter::new(Arc::clone(&self.shared.health));
        let mut checks = Checks::new(&self.shared.health);
        loop {
            checks.tick().await;
            reporter.report(&self.shared.outbox);
        }
    }

    async fn send(&self, event: Event) {
        if self.shared.outbox.send(event).await.is_err() {
            tracing::debug!("the hub has stopped");
        }
    }
}
