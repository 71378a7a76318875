//! Codex's own shared daemons: magia is one more client of each, beside the terminals.
//!
//! One daemon per configuration directory, found by its socket. magia never starts one and never runs a second server
//! beside it. Two threads: "magia-codex" talks to the daemons, on a runtime of its own; "magia-codex-watch" watches the
//! sockets' directories, so that nothing is polled while no daemon runs.

mod connection;
mod desk;

pub use desk::CodexDaemons;

use super::directory::DirectoryWatch;
use crate::service::ServiceThread;
use connection::Home;
use crossbeam_channel::{Sender, select};
use desk::Desk;
use magia_core::event::Event;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::watch;

/// Configuration directories that are watched at most.
const HOMES_MAX: usize = 16;

/// The connections. Dropping this ends them; what waits for an answer then goes on waiting in the terminals.
#[derive(Debug)]
pub struct Codex {
    daemons: CodexDaemons,
    // Ends first, and with it the other.
    _watch: ServiceThread,
    _talk: ServiceThread,
}

impl Codex {
    /// Watches for the daemons of these configuration directories, which need not exist.
    ///
    /// # Errors
    /// When the system has no thread or no epoll for us.
    pub fn start(homes: Vec<PathBuf>, events: Sender<Event>) -> std::io::Result<Self> {
        let desks: Vec<Arc<Desk>> = homes.iter().take(HOMES_MAX).map(|_| Arc::default()).collect();
        let homes: Vec<Home> = (0_u16..)
            .zip(homes.into_iter().zip(&desks))
            .map(|(index, (root, desk))| Home { index, root, desk: Arc::clone(desk) })
            .collect();
        let sockets: Vec<PathBuf> = homes.iter().map(Home::socket).collect();
        // Changes whenever something happened where a socket is or may come; closed when all is to end.
        let (ring, bell) = watch::channel(());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let talk = ServiceThread::start("magia-codex", events.clone(), move |outbox| {
            runtime.block_on(connection::run(homes, &outbox, &bell));
        })?;
        let watch = ServiceThread::start("magia-codex-watch", events, move |outbox| {
            let mut watch = DirectoryWatch::new();
            let mut watched: Vec<PathBuf> = Vec::new();
            loop {
                let wanted: Vec<PathBuf> = sockets.iter().flat_map(|socket| directories(socket)).collect();
                if wanted != watched {
                    watch.watch(wanted.clone());
                    watched = wanted;
                }
                select! {
                    recv(watch.bell()) -> _ => {}
                    recv(watch.clock()) -> _ => {}
                    recv(outbox.stop()) -> _ => return,
                }
                watch.take();
                if ring.send(()).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self { daemons: CodexDaemons::new(desks), _watch: watch, _talk: talk })
    }

    /// What the hub talks to.
    pub fn daemons(&self) -> CodexDaemons {
        self.daemons.clone()
    }
}

/// Where something shows that a daemon came: beside its socket, which is a link, and where that leads.
fn directories(socket: &std::path::Path) -> impl Iterator<Item = PathBuf> {
    let target = socket.read_link().ok();
    let of = |path: &std::path::Path| path.parent().map(std::path::Path::to_owned);
    [of(socket), target.as_deref().and_then(of)].into_iter().flatten()
}
