//! Follows one session's transcript, and those of its subagents, while a person looks at it.
//!
//! Titles of sessions that are not followed come from [`read_titles`].

mod tail;
mod titles;

pub use titles::read_titles;

use super::directory::{Changes, DirectoryWatch, directory_of};
use crate::service::{Outbox, ServiceThread};
use crossbeam_channel::{Receiver, Sender, bounded, select};
use magia_core::event::Event;
use magia_core::transcript::{Content, TranscriptItem};
use magia_protocol::wire::SessionId;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tail::{Step, Tail};

/// Bytes at the end of a transcript that are read when following begins, from the start of a line. A year-old
/// session may have 64 MiB; the last 8 are more than anybody scrolls through, and they parse in a fraction of a second.
pub const START_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// The same for a subagent's transcript, of which there may be many.
const SUBAGENT_START_BYTES_MAX: u64 = 1024 * 1024;
/// Items of one [`Event::TranscriptRead`]: few enough that the hub stays quick between two of them.
pub const BATCH_ITEMS: usize = 500;
/// Subagents of one session that are followed.
const SUBAGENTS_MAX: usize = 256;
/// A message is several lines: waiting this long sees most of them at once.
const DEBOUNCE: Duration = Duration::from_millis(10);

/// What is to be followed: the newest wish wins.
type Wish = Option<(SessionId, PathBuf)>;

/// Follows one transcript at a time. Dropping it stops it.
#[derive(Debug)]
pub struct Transcripts {
    wish: Arc<Mutex<Option<Wish>>>,
    ring: Sender<()>,
    _thread: ServiceThread,
}

impl Transcripts {
    /// Follows nothing yet.
    ///
    /// # Errors
    /// When the system has no thread for us.
    pub fn start(events: Sender<Event>) -> io::Result<Self> {
        let wish = Arc::new(Mutex::new(None));
        // One ring is as good as many: the wish is in its slot.
        let (ring, bell) = bounded(1);
        let asked = wish.clone();
        let thread = ServiceThread::start("magia-transcripts", events, move |outbox| {
            Follower { outbox, asked, bell, followed: None, reported: None }.run(DirectoryWatch::new());
        })?;
        Ok(Self { wish, ring, _thread: thread })
    }

    /// Reads the session's transcript as [`Event::TranscriptRead`] and goes on with what is appended; what was followed
    /// before is not any more. The file need not exist yet. Never waits.
    pub fn follow(&self, session: SessionId, path: PathBuf) {
        self.wish(Some((session, path)));
    }

    /// Stops following. Never waits.
    pub fn unfollow(&self) {
        self.wish(None);
    }

    fn wish(&self, wish: Wish) {
        *self.wish.lock().unwrap_or_else(PoisonError::into_inner) = Some(wish);
        // A bell that rings already is enough.
        let _already_ringing = self.ring.try_send(());
    }
}

struct Followed {
    session: SessionId,
    /// It was said that it is read from the start.
    begun: bool,
    main: Tail,
    subagents_dir: PathBuf,
    subagents: BTreeMap<PathBuf, Tail>,
}

impl Followed {
    fn new(session: SessionId, path: PathBuf) -> Self {
        let subagents_dir = path.with_extension("").join("subagents");
        Self {
            session,
            begun: false,
            main: Tail::new(path, None, START_BYTES_MAX),
            subagents_dir,
            subagents: BTreeMap::new(),
        }
    }

    fn directories(&self) -> [PathBuf; 2] {
        [directory_of(self.main.path()), self.subagents_dir.clone()]
    }

    /// Begins to follow the subagents' transcripts among these.
    fn adopt(&mut self, paths: impl IntoIterator<Item = PathBuf>) {
        for path in paths {
            if self.subagents.len() < SUBAGENTS_MAX
                && !self.subagents.contains_key(&path)
                && let Some(agent) = agent_of(&path)
            {
                let tail = Tail::new(path.clone(), Some(agent), SUBAGENT_START_BYTES_MAX);
                self.subagents.insert(path, tail);
            }
        }
    }
}

/// The agent that a file named `agent-<id>.jsonl` is about.
fn agent_of(path: &Path) -> Option<Arc<str>> {
    Some(path.file_name()?.to_str()?.strip_prefix("agent-")?.strip_suffix(".jsonl")?.into())
}

/// Why reading stops before the end of a file.
enum Interrupted {
    /// Something else is to be followed.
    NewWish,
    /// A file is not the one that was read before: all that was told of the session is to be told anew.
    Replaced,
    /// The thread is to end.
    Stopped,
}

struct Follower {
    outbox: Outbox,
    asked: Arc<Mutex<Option<Wish>>>,
    bell: Receiver<()>,
    followed: Option<Followed>,
    reported: Option<String>,
}

impl Follower {
    fn run(mut self, mut watch: DirectoryWatch) {
        loop {
            select! {
                recv(self.bell) -> rung => if rung.is_err() { return },
                recv(watch.bell()) -> _ => {
                    // Lets the rest of a burst arrive.
                    if self.outbox.stop().recv_timeout(DEBOUNCE).is_err_and(|err| err.is_disconnected()) {
                        return;
                    }
                }
                recv(watch.clock()) -> _ => {}
                recv(self.outbox.stop()) -> _ => return,
            }
            let wish = self.asked.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(wish) = wish {
                self.followed = wish.map(|(session, path)| Followed::new(session, path));
                watch.watch(self.followed.iter().flat_map(Followed::directories));
            }
            let mut changes = watch.take();
            let problem = watch.problem().map(str::to_owned);
            if self.report(problem).is_none() {
                return;
            }
            while let Some(mut followed) = self.followed.take() {
                match self.look(&mut followed, &changes) {
                    Ok(()) | Err(Interrupted::NewWish) => {
                        self.followed = Some(followed);
                        break;
                    }
                    Err(Interrupted::Replaced) => {
                        self.followed = Some(Followed::new(followed.session, followed.main.into_path()));
                        changes.all = true;
                    }
                    Err(Interrupted::Stopped) => return,
                }
            }
        }
    }

    fn look(&self, followed: &mut Followed, changes: &Changes) -> Result<(), Interrupted> {
        if !std::mem::replace(&mut followed.begun, true)
            && !self.outbox.send(Event::TranscriptBegun(followed.session))
        {
            return Err(Interrupted::Stopped);
        }
        let changed = |path: &Path| changes.all || changes.paths.contains(path);
        if changed(followed.main.path()) {
            self.read(followed.session, &mut followed.main)?;
        }
        if changes.all {
            let entries = followed.subagents_dir.read_dir().into_iter().flatten().flatten();
            followed.adopt(entries.map(|entry| entry.path()));
        } else {
            let dir = followed.subagents_dir.clone();
            followed.adopt(changes.paths.iter().filter(|path| path.parent() == Some(&dir)).cloned());
        }
        for tail in followed.subagents.values_mut().filter(|tail| changed(tail.path())) {
            self.read(followed.session, tail)?;
        }
        Ok(())
    }

    /// Reads what a file has more than before, batch by batch.
    fn read(&self, session: SessionId, tail: &mut Tail) -> Result<(), Interrupted> {
        let mut batch = Vec::new();
        loop {
            let more = match tail.read(&mut batch) {
                Ok(Step::Replaced) => return Err(Interrupted::Replaced),
                Ok(Step::More) => true,
                Ok(Step::End) => false,
                Err(err) => {
                    if err.kind() != io::ErrorKind::NotFound {
                        tracing::warn!("cannot read a transcript: {err}: {}", tail.path().display());
                    }
                    false
                }
            };
            let mut items = std::mem::take(&mut batch).into_iter().peekable();
            while items.peek().is_some() {
                let items: Vec<TranscriptItem> = items.by_ref().take(BATCH_ITEMS).collect();
                if !self.outbox.send(Event::TranscriptRead { session, items }) {
                    return Err(Interrupted::Stopped);
                }
            }
            if !more {
                return Ok(());
            }
            if self.outbox.stopped() {
                return Err(Interrupted::Stopped);
            }
            if self.asked.lock().unwrap_or_else(PoisonError::into_inner).is_some() {
                return Err(Interrupted::NewWish);
            }
        }
    }

    fn report(&mut self, problem: Option<String>) -> Option<()> {
        if problem == self.reported {
            return Some(());
        }
        self.reported.clone_from(&problem);
        self.outbox.send(Event::ServiceReported { service: "transcripts", problem }).then_some(())
    }
}

/// Whether an item only repeats the model that was named before; remembers it when it does not.
fn repeats_model(model: &mut Option<String>, item: &TranscriptItem) -> bool {
    let Content::Model(name) = &item.content else { return false };
    let repeats = model.as_ref() == Some(name);
    if !repeats {
        *model = Some(name.clone());
    }
    repeats
}
