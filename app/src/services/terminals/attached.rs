//! The terminals that the window shows: a connection each, which feeds a screen.

use crate::terminal_link::{Connection, HISTORY, SharedScreen, TerminalAsk};
use magia_tty::client::{self, ClientError, Reader, Writer};
use magia_tty::directory;
use magia_tty::screen::{Screen, Size as ScreenSize};
use magia_tty::wire::{FromHolder, Hello};
use magia_tty::{Size, TerminalId};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::task::JoinHandle;

/// What is typed into one terminal and not yet taken by its holder, which takes nothing more when the program reads nothing:
/// so many pieces, and so many bytes unless one paste alone is more.
const TYPED_MAX: usize = 256;
const TYPED_MAX_BYTES: usize = 8 * 1024 * 1024;
/// Bytes of output that are read under one lock: the window waits for no more than that.
const UNDER_ONE_LOCK: usize = 32 * 1024;
/// How long a program that asked for its output to be shown at once may take to say that it is complete. Source: the
/// limit of alacritty and others for mode 2026.
const SYNC_LIMIT: Duration = Duration::from_millis(150);
/// After so long a lost connection is tried again, while the terminal lives.
const AGAIN: Duration = Duration::from_millis(500);
/// So often it is tried.
const TRIES: u32 = 10;

/// A piece of input that waits.
struct Typed {
    bytes: Vec<u8>,
    _room: OwnedSemaphorePermit,
}

/// What else the window wants of a terminal; the newest counts.
#[derive(Clone, Copy)]
struct Wanted {
    size: ScreenSize,
    /// How often the size was told, and how often the terminal got the keyboard.
    resized: u64,
    focused: u64,
}

struct Attached {
    dir: PathBuf,
    screen: Arc<SharedScreen>,
    typed: mpsc::Sender<Typed>,
    room: Arc<Semaphore>,
    refuses: bool,
    wanted: watch::Sender<Wanted>,
    told_at: watch::Receiver<ToldAt>,
    task: JoinHandle<()>,
}

/// Serves the window's wishes until it is gone; then only waits, since the commands have tasks of their own. It waits for no
/// terminal: one whose program does not read would hold up all others.
pub(super) async fn serve(root: PathBuf, mut asks: mpsc::Receiver<TerminalAsk>) {
    let mut attached: HashMap<String, Attached> = HashMap::new();
    while let Some(ask) = asks.recv().await {
        match ask {
            TerminalAsk::Open { id, screen, size } => {
                let Ok(valid) = TerminalId::new(id.clone()) else {
                    screen.note(|facts| facts.connection = lost("there is no such terminal"));
                    continue;
                };
                let opened = Attached::open(directory::dir_of(&root, &valid), screen, size);
                if let Some(before) = attached.insert(id, opened) {
                    before.task.abort();
                }
            }
            TerminalAsk::Close { id } => {
                if let Some(closed) = attached.remove(&id) {
                    closed.task.abort();
                }
            }
            TerminalAsk::Input { id, bytes } => {
                if let Some(attached) = attached.get_mut(&id) {
                    attached.take(bytes);
                }
            }
            TerminalAsk::Resize { id, size } => {
                if let Some(attached) = attached.get(&id) {
                    attached
                        .wanted
                        .send_modify(|wanted| (wanted.size, wanted.resized) = (size, wanted.resized + 1));
                }
            }
            TerminalAsk::Focus { id } => {
                if let Some(attached) = attached.get(&id) {
                    attached.wanted.send_modify(|wanted| wanted.focused += 1);
                }
            }
            TerminalAsk::Older { id } => {
                if let Some(attached) = attached.get(&id) {
                    read_older(&attached.dir, &attached.screen, *attached.told_at.borrow());
                }
            }
        }
    }
    std::future::pending::<()>().await;
}

impl Attached {
    fn open(dir: PathBuf, screen: Arc<SharedScreen>, size: ScreenSize) -> Self {
        let (typed, waiting) = mpsc::channel(TYPED_MAX);
        let (wanted, wishes) = watch::channel(Wanted { size, resized: 0, focused: 0 });
        let (told, told_at) = watch::channel(ToldAt::default());
        let task = tokio::spawn(stay(dir.clone(), Arc::clone(&screen), waiting, wishes, told));
        let room = Arc::new(Semaphore::new(TYPED_MAX_BYTES));
        Self { dir, screen, typed, room, refuses: false, wanted, told_at, task }
    }

    /// Takes what is typed; when too much waits, it says that it is lost.
    fn take(&mut self, bytes: Vec<u8>) {
        let room = u32::try_from(bytes.len().min(TYPED_MAX_BYTES)).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.room).try_acquire_many_owned(room);
        let taken = room.map(|room| self.typed.try_send(Typed { bytes, _room: room }));
        if let Ok(Err(TrySendError::Closed(_))) = taken {
            return tracing::debug!("a terminal's connection had ended before it was told something");
        }
        let refuses = !matches!(taken, Ok(Ok(())));
        if std::mem::replace(&mut self.refuses, refuses) != refuses {
            self.screen.note(|facts| facts.refuses_input = refuses);
        }
    }
}

/// Stays attached until the program ends, however often the connection breaks.
async fn stay(
    dir: PathBuf,
    screen: Arc<SharedScreen>,
    mut typed: mpsc::Receiver<Typed>,
    mut wanted: watch::Receiver<Wanted>,
    told_at: watch::Sender<ToldAt>,
) {
    let mut tries = 0;
    loop {
        let known = *wanted.borrow_and_update();
        let hello = Hello { focus: true, ..Hello::window(cells(known.size)) };
        let end = match client::connect(&dir, hello).await {
            Ok((reader, writer)) => {
                tries = 0;
                screen.note(|facts| facts.connection = Connection::Attached);
                told_at.send_replace(ToldAt::default());
                let (taken, acknowledged) = watch::channel(0);
                let mut reading = pin!(read(&screen, reader, &taken, &told_at));
                tokio::select! {
                    // Whoever types comes first.
                    biased;
                    written = write(writer, known, &mut typed, &mut wanted, acknowledged) => match written {
                        Ok(()) => Ok(None),
                        // The holder has gone, and may have said why.
                        Err(_) => reading.await.map(Some),
                    },
                    ended = &mut reading => ended.map(Some),
                }
            }
            Err(err) => Err(err),
        };
        match end {
            Ok(Some(code)) => return screen.note(|facts| facts.connection = Connection::Ended { code }),
            Ok(None) => return,
            Err(err) if tries >= TRIES || err.is_gone() && !is_held(&dir) => {
                return screen.note(|facts| facts.connection = lost(&err.to_string()));
            }
            Err(_) => screen.note(|facts| facts.connection = Connection::Connecting),
        }
        tries += 1;
        tokio::time::sleep(AGAIN).await;
    }
}

/// Whether somebody holds the terminal, as far as its directory says.
fn is_held(dir: &Path) -> bool {
    let name = dir.file_name().and_then(|name| name.to_str()).and_then(|name| TerminalId::new(name).ok());
    dir.parent().zip(name).is_some_and(|(root, id)| directory::look(root, &id).is_held())
}

/// Tells the holder what the window wants, until that has gone. It waits while the program does not read, and meanwhile
/// [`read`] goes on.
async fn write(
    mut writer: Writer,
    mut known: Wanted,
    typed: &mut mpsc::Receiver<Typed>,
    wanted: &mut watch::Receiver<Wanted>,
    mut acknowledged: watch::Receiver<u64>,
) -> Result<(), ClientError> {
    loop {
        tokio::select! {
            biased;
            Ok(()) = acknowledged.changed() => {
                let place = *acknowledged.borrow_and_update();
                writer.acknowledge(place).await?;
            }
            Ok(()) = wanted.changed() => {
                let now = *wanted.borrow_and_update();
                if now.resized != known.resized {
                    writer.resize(cells(now.size)).await?;
                }
                if now.focused != known.focused {
                    writer.focus().await?;
                }
                known = now;
            }
            typed = typed.recv() => match typed {
                Some(typed) => writer.input(&typed.bytes).await?,
                None => return Ok(()),
            }
        }
    }
}

/// Feeds the screen until the program has ended: its exit code.
async fn read(
    screen: &SharedScreen,
    mut reader: Reader,
    taken: &watch::Sender<u64>,
    told_at: &watch::Sender<ToldAt>,
) -> Result<i32, ClientError> {
    loop {
        let sync = screen.with(|screen| screen.sync_pending().then(|| screen.sync_serial()));
        tokio::select! {
            biased;
            said = reader.next() => {
                let Some(said) = said? else { return Err(ClientError::HungUp) };
                if let Some(code) = take(screen, said, told_at, taken) {
                    return Ok(code);
                }
                // What has arrived already goes into the same frame.
                let mut read = 0;
                while read < UNDER_ONE_LOCK
                    && let Some(said) = reader.next_read()?
                {
                    if let FromHolder::Output { bytes, .. } = &said {
                        read += bytes.len();
                    }
                    if let Some(code) = take(screen, said, told_at, taken) {
                        return Ok(code);
                    }
                }
                screen.ring();
                // Whoever draws or types comes first.
                tokio::task::yield_now().await;
            }
            () = tokio::time::sleep(SYNC_LIMIT), if sync.is_some() => {
                screen.with(|screen| {
                    if Some(screen.sync_serial()) == sync {
                        screen.flush_sync();
                    }
                });
                screen.ring();
            }
        }
    }
}

/// Takes what the holder said; the exit code when the program has ended.
fn take(
    screen: &SharedScreen,
    said: FromHolder,
    told_at: &watch::Sender<ToldAt>,
    taken: &watch::Sender<u64>,
) -> Option<i32> {
    match said {
        FromHolder::Snapshot { seq, data, .. } => match screen.with(|shown| {
            restore(shown, &data).map(|()| {
                screen.restored();
                shown.history_size()
            })
        }) {
            Ok(above) => {
                told_at.send_replace(ToldAt { seq, above });
                let title = screen.with(|shown| shown.title().map(str::to_owned));
                screen.note(|facts| facts.title = title);
            }
            Err(why) => screen.note(|facts| facts.connection = lost(&why)),
        },
        FromHolder::Output { seq, bytes } => {
            for part in bytes.chunks(UNDER_ONE_LOCK) {
                let events = screen.with(|shown| {
                    shown.advance(part);
                    shown.take_events()
                });
                if !events.is_empty() {
                    told_by_program(screen, events);
                }
            }
            taken.send_replace(seq + bytes.len() as u64);
        }
        FromHolder::Resized(size) => screen.with(|shown| {
            let cell = shown.size();
            shown.resize(ScreenSize { cols: size.cols, rows: size.rows, ..cell });
        }),
        FromHolder::Role(role) => screen.note(|facts| facts.owns_size = role.owner),
        FromHolder::Exit(exit) => return Some(exit.shell_code()),
        FromHolder::Error(fault) => {
            tracing::debug!("a terminal's holder refused something: {}", fault.message)
        }
        _ => {}
    }
    None
}

/// Where in the output the holder told the screen, and how many lines it told above it.
#[derive(Clone, Copy, Default)]
struct ToldAt {
    seq: u64,
    above: usize,
}

/// Reads what is older than what the holder told, and puts it above. The screen goes on meanwhile; lines that come below do
/// no harm. A screen that was told anew meanwhile gets its own.
fn read_older(dir: &Path, screen: &Arc<SharedScreen>, told_at: ToldAt) {
    let (dir, screen) = (dir.to_owned(), Arc::clone(screen));
    tokio::task::spawn_blocking(move || {
        crate::os::priority::lower_this_thread();
        let before = screen.telling();
        match directory::older(&dir, told_at.seq, told_at.above, HISTORY) {
            Ok(rows) => {
                screen.with(|shown| {
                    if screen.telling() == before {
                        shown.put_above(rows);
                    }
                });
                screen.ring();
            }
            Err(err) => tracing::debug!("older lines of a terminal cannot be read: {err}"),
        }
    });
}

/// The holder's screen, with the view's own scroll position and selection gone: they meant other cells.
fn restore(shown: &mut Screen, data: &[u8]) -> Result<(), String> {
    match Screen::restore(data, HISTORY) {
        Ok(restored) => {
            *shown = restored;
            Ok(())
        }
        Err(err) => Err(err.to_string()),
    }
}

/// Replies to the program are the holder's; the rest is the window's.
fn told_by_program(screen: &SharedScreen, events: Vec<magia_tty::screen::ScreenEvent>) {
    use magia_tty::screen::ScreenEvent;
    let mut rest = Vec::new();
    for event in events {
        match event {
            ScreenEvent::Reply(_) => {}
            ScreenEvent::Title(title) => screen.note(|facts| facts.title = Some(title)),
            other => rest.push(other),
        }
    }
    screen.tell(rest);
}

fn cells(size: ScreenSize) -> Size {
    Size::new(size.cols, size.rows).with_cell(size.cell_width, size.cell_height)
}

fn lost(why: &str) -> Connection {
    Connection::Lost { why: why.to_owned() }
}
