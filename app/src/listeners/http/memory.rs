//! The last output of the terminals that streams look at, by its place in all of the output: what a stream that comes
//! back missed is told from memory.
//!
//! One client of the holder per terminal feeds all streams. It begins with the first stream and ends a while after the
//! last one.

use magia_tty::TerminalId;
use magia_tty::client::{self, ClientError, Reader};
use magia_tty::directory::dir_of;
use magia_tty::wire::{ClientKind, Format, FromHolder, Hello};
use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::broadcast;
use tokio::time::{Instant, interval};

/// Bytes of output that are remembered of one terminal.
const KEPT_BYTES: usize = 1024 * 1024;
/// Pieces on the way to the slowest stream; beyond it, it gets the screen anew.
const PIECES: usize = 1024;
/// How long a terminal is remembered after the last stream has gone.
const LINGER: Duration = Duration::from_secs(60);
const LINGER_CHECK: Duration = Duration::from_secs(5);

/// All memories.
#[derive(Clone, Debug)]
pub(super) struct Memories(Arc<All>);

#[derive(Debug)]
struct All {
    root: PathBuf,
    known: Mutex<HashMap<TerminalId, Arc<Memory>>>,
}

/// One terminal's.
#[derive(Debug)]
pub(super) struct Memory {
    dir: PathBuf,
    began: Instant,
    kept: Mutex<Kept>,
    news: broadcast::Sender<Arc<Piece>>,
}

#[derive(Debug, Default)]
struct Kept {
    pieces: VecDeque<Arc<Piece>>,
    bytes: usize,
    next_number: u64,
    /// Up to which place of the output all is told.
    place: u64,
    /// From which place on it is remembered without a gap.
    from: u64,
    over: bool,
}

/// Something that happened.
#[derive(Debug)]
pub(super) struct Piece {
    /// Counts up.
    pub(super) number: u64,
    /// Seconds since the memory began.
    pub(super) at: f64,
    /// The place in the output after it.
    pub(super) place: u64,
    /// What.
    pub(super) what: What,
}

/// What happened.
#[derive(Debug)]
pub(super) enum What {
    /// Output, up to the piece's place.
    Output(Vec<u8>),
    /// The screen as it is at the piece's place: something before it is missing.
    Screen(Vec<u8>),
    /// A new size.
    Resized(u16, u16),
    /// The program has ended with this code.
    Exit(i32),
    /// The holder is gone.
    Gone,
}

/// What a stream begins with.
pub(super) struct Beginning {
    /// What was missed, oldest first.
    pub(super) pieces: Vec<Arc<Piece>>,
    /// What comes from now on; pieces up to `last` were in `pieces`.
    pub(super) news: broadcast::Receiver<Arc<Piece>>,
    /// The number of the newest piece so far.
    pub(super) last: Option<u64>,
    /// Whether the pieces go back as far as was asked.
    pub(super) complete: bool,
}

impl Memories {
    pub(super) fn new(root: &Path) -> Self {
        Self(Arc::new(All { root: root.to_owned(), known: Mutex::default() }))
    }

    /// The memory of a terminal, which begins now if there is none.
    pub(super) async fn of(&self, id: &TerminalId) -> Result<Arc<Memory>, ClientError> {
        if let Some(memory) = self.known().get(id) {
            return Ok(Arc::clone(memory));
        }
        let dir = dir_of(&self.0.root, id);
        let hello = Hello { read_only: true, ..Hello::new(ClientKind::Http, Format::Ansi) };
        let (reader, writer) = client::connect(&dir, hello).await?;
        let (news, _) = broadcast::channel(PIECES);
        let memory = Arc::new(Memory { dir, began: Instant::now(), kept: Mutex::default(), news });
        {
            let mut known = self.known();
            if let Some(other) = known.get(id) {
                // Two streams came at once; the other was faster.
                return Ok(Arc::clone(other));
            }
            known.insert(id.clone(), Arc::clone(&memory));
        }
        let (all, id, of) = (Arc::downgrade(&self.0), id.clone(), Arc::clone(&memory));
        tokio::spawn(async move {
            of.follow(reader).await;
            drop(writer);
            forget(&all, &id, &of);
        });
        Ok(memory)
    }

    fn known(&self) -> MutexGuard<'_, HashMap<TerminalId, Arc<Memory>>> {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn forget(all: &Weak<All>, id: &TerminalId, memory: &Arc<Memory>) {
    let Some(all) = all.upgrade() else { return };
    let mut known = all.known.lock().unwrap_or_else(PoisonError::into_inner);
    if known.get(id).is_some_and(|other| Arc::ptr_eq(other, memory)) {
        known.remove(id);
    }
}

impl Memory {
    /// Remembers what the holder says until it hangs up, or nobody has looked for a while.
    async fn follow(&self, mut reader: Reader) {
        let mut check = interval(LINGER_CHECK);
        let mut looked_at = Instant::now();
        loop {
            tokio::select! {
                said = reader.next() => match said {
                    Ok(Some(said)) => self.hear(said),
                    Ok(None) => break,
                    Err(err) => {
                        tracing::debug!("a terminal's holder broke off: {err}");
                        break;
                    }
                },
                _ = check.tick() => {
                    if self.news.receiver_count() > 0 {
                        looked_at = Instant::now();
                    } else if looked_at.elapsed() >= LINGER {
                        return;
                    }
                }
            }
        }
        let place = self.kept().place;
        self.add(place, What::Gone);
    }

    fn hear(&self, said: FromHolder) {
        let place = self.kept().place;
        match said {
            FromHolder::Snapshot { seq, data, .. } => self.add(seq, What::Screen(data)),
            FromHolder::Output { seq, bytes } => self.add(seq + bytes.len() as u64, What::Output(bytes)),
            FromHolder::Resized(size) => self.add(place, What::Resized(size.cols, size.rows)),
            FromHolder::Exit(exit) => self.add(place, What::Exit(exit.shell_code())),
            _ => {}
        }
    }

    fn add(&self, place: u64, what: What) {
        let mut kept = self.kept();
        let at = self.began.elapsed().as_secs_f64();
        let screen = matches!(what, What::Screen(_));
        kept.over |= matches!(what, What::Exit(_) | What::Gone);
        if screen {
            kept.pieces.clear();
            kept.bytes = 0;
            kept.from = place;
        }
        let piece = Arc::new(Piece { number: kept.next_number, at, place, what });
        kept.next_number += 1;
        kept.place = place;
        kept.bytes += size(&piece);
        kept.pieces.push_back(Arc::clone(&piece));
        while kept.bytes > KEPT_BYTES && kept.pieces.len() > 1 {
            if let Some(oldest) = kept.pieces.pop_front() {
                kept.bytes -= size(&oldest);
                kept.from = kept.from.max(oldest.place);
            }
        }
        // Told under the lock, so that a stream that begins now misses nothing and hears nothing twice.
        drop(self.news.send(piece));
    }

    /// Listens. The memory stays while somebody does.
    pub(super) fn news(&self) -> broadcast::Receiver<Arc<Piece>> {
        self.news.subscribe()
    }

    /// For a stream that has all up to `since`.
    pub(super) fn resume(&self, since: u64) -> Beginning {
        let kept = self.kept();
        let complete = (kept.from..=kept.place).contains(&since);
        let after = |piece: &&Arc<Piece>| match piece.what {
            // The screen at `since` is what the stream has.
            What::Screen(_) | What::Output(_) => piece.place > since,
            What::Resized(..) | What::Exit(_) | What::Gone => piece.place >= since,
        };
        let pieces = kept.pieces.iter().filter(after).cloned().collect();
        let last = kept.next_number.checked_sub(1);
        Beginning { pieces, news: self.news.subscribe(), last, complete }
    }

    /// The screen as it is now, and the place in the output that it is at.
    pub(super) async fn screen(&self) -> Result<(u64, Vec<u8>), ClientError> {
        let hello = Hello { read_only: true, ..Hello::new(ClientKind::Http, Format::Ansi) };
        let (mut reader, _writer) = client::connect(&self.dir, hello).await?;
        loop {
            match reader.next().await? {
                Some(FromHolder::Snapshot { seq, data, .. }) => return Ok((seq, data)),
                Some(_) => {}
                None => return Err(ClientError::HungUp),
            }
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn size(piece: &Piece) -> usize {
    let data = match &piece.what {
        What::Output(bytes) | What::Screen(bytes) => bytes.len(),
        What::Resized(..) | What::Exit(_) | What::Gone => 0,
    };
    data + size_of::<Piece>()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory() -> Memory {
        let (news, _) = broadcast::channel(PIECES);
        Memory { dir: PathBuf::new(), began: Instant::now(), kept: Mutex::default(), news }
    }

    fn output(memory: &Memory, seq: u64, text: &str) {
        memory.hear(FromHolder::Output { seq, bytes: text.into() });
    }

    fn told(beginning: &Beginning) -> Vec<(u64, String)> {
        let text = |what: &What| match what {
            What::Output(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            other => format!("{other:?}"),
        };
        beginning.pieces.iter().map(|piece| (piece.place, text(&piece.what))).collect()
    }

    #[test]
    fn what_was_missed_is_told_and_what_was_heard_is_not() {
        let memory = memory();
        memory.hear(FromHolder::Snapshot { seq: 100, format: Format::Ansi, data: b"screen".to_vec() });
        output(&memory, 100, "abc");
        output(&memory, 103, "de");
        let beginning = memory.resume(100);
        assert!(beginning.complete);
        assert_eq!(told(&beginning), [(103, "abc".to_owned()), (105, "de".to_owned())]);
        assert_eq!(told(&memory.resume(103)), [(105, "de".to_owned())]);
        assert_eq!(told(&memory.resume(105)), []);
        assert!(!memory.resume(99).complete, "before the memory began");
        assert!(!memory.resume(106).complete, "another terminal of the same id");
        let mut news = memory.resume(105).news;
        output(&memory, 105, "f");
        assert_eq!(news.try_recv().unwrap().place, 106);
    }

    #[test]
    fn it_is_bounded_and_knows_its_gap() {
        let memory = memory();
        memory.hear(FromHolder::Snapshot { seq: 0, format: Format::Ansi, data: Vec::new() });
        let line = "x".repeat(64 * 1024);
        for n in 0..64_u64 {
            output(&memory, n * 64 * 1024, &line);
        }
        assert!(memory.kept().bytes <= KEPT_BYTES);
        assert!(!memory.resume(0).complete);
        assert!(memory.resume(64 * 64 * 1024).complete);
        assert!(memory.resume(60 * 64 * 1024).complete);
    }
}
