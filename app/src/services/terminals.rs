//! Terminals: which there are, what is asked of them, and the screens that the window shows.
//!
//! Every terminal belongs to a holder, a process of its own; this is one client of each. Two threads:
//! "magia-terminals" talks to the holders on a runtime of its own, at a lower priority than drawing;
//! "magia-terminals-watch" waits for terminals that come and go in their directory. How a terminal fares is told by its
//! holder over a connection that carries no output, so an idle terminal costs nothing and a killed holder is noticed at
//! once.

mod attached;
mod follow;
mod forget;
mod record;
mod wishes;

use super::directory::DirectoryWatch;
use crate::agent_env::AgentEnv;
use crate::service::ServiceThread;
use crate::terminal_link::TerminalAsk;
use crossbeam_channel::{Sender, select};
use follow::Followed;
use magia_core::effect::TerminalWish;
use magia_core::event::{Event, ReplyId};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::{Notify, mpsc, watch};

/// Commands that wait for a holder. Beyond it they are refused, with a reply.
const COMMANDS: usize = 256;

/// Where terminals are and how one is started.
#[derive(Clone, Debug)]
pub struct TerminalPlaces {
    /// The directory of terminals.
    pub root: PathBuf,
    /// The program that becomes a holder.
    pub holder: PathBuf,
    /// The user's home, where a terminal starts when nobody says.
    pub home: PathBuf,
    /// What agents in terminals are told.
    pub env: AgentEnv,
}

/// A command for a holder, with who waits for its outcome.
pub type Errand = (ReplyId, TerminalWish);

/// The service. Dropping it detaches from every terminal; their programs go on.
#[derive(Debug)]
pub struct Terminals {
    errands: mpsc::Sender<Errand>,
    /// For how many days an ended terminal is kept; nothing is forgotten before that is known.
    keep: watch::Sender<Option<u32>>,
    // Ends first, and with it the other.
    _watch: ServiceThread,
    _talk: ServiceThread,
}

impl Terminals {
    /// Looks for terminals and serves the window's wishes.
    ///
    /// # Errors
    /// When the system has no thread or no epoll for us.
    pub fn start(
        places: TerminalPlaces,
        asks: mpsc::Receiver<TerminalAsk>,
        events: Sender<Event>,
    ) -> std::io::Result<Self> {
        let (errands, waiting) = mpsc::channel(COMMANDS);
        // Rung when the directory changed; closed by dropping the watch.
        let changed = Arc::new(Notify::new());
        let (keep, kept) = watch::channel(None);
        let (end, ended) = watch::channel(());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(4)
            .thread_name("magia-terminals-disk")
            .build()?;
        let root = places.root.clone();
        let ring = Arc::clone(&changed);
        let talk = ServiceThread::start("magia-terminals", events.clone(), move |outbox| {
            crate::os::priority::lower_this_thread();
            runtime.block_on(async {
                let outbox = Arc::new(outbox);
                let followed = Followed::new(places.root.clone(), Arc::clone(&outbox), changed, kept);
                tokio::select! {
                    () = followed.run() => {}
                    () = wishes::serve(places.clone(), waiting, Arc::clone(&outbox)) => {}
                    () = attached::serve(places.root, asks) => {}
                    () = closed(ended) => {}
                }
            });
            runtime.shutdown_background();
        })?;
        let watch = ServiceThread::start("magia-terminals-watch", events, move |outbox| {
            let _end = end;
            // While it is missing, the directory above is watched, and there the store writes all the time.
            if let Err(err) = magia_tty::directory::ensure_root(&root) {
                tracing::debug!("the directory of terminals is not there yet: {err}");
            }
            let mut watch = DirectoryWatch::new();
            watch.watch([root]);
            loop {
                select! {
                    recv(watch.bell()) -> _ => {}
                    recv(watch.clock()) -> _ => {}
                    recv(outbox.stop()) -> _ => return,
                }
                // What changed is of no interest: all are looked at.
                drop(watch.take());
                ring.notify_one();
            }
        })?;
        Ok(Self { errands, keep, _watch: watch, _talk: talk })
    }

    /// Asks something of a terminal; its outcome comes as [`Event::JobFinished`]. `false` when too much waits.
    #[must_use]
    pub fn ask(&self, reply: ReplyId, wish: TerminalWish) -> bool {
        self.errands.try_send((reply, wish)).is_ok()
    }

    /// Forgets terminals that ended more than `days` ago, from now on.
    pub fn retain(&self, days: u32) {
        self.keep.send_replace(Some(days));
    }
}

async fn closed(mut ended: watch::Receiver<()>) {
    while ended.changed().await.is_ok() {}
}
