//! The terminals that the window shows: a connection each, which feeds a screen.

use crate::terminal_link::{Connection, HISTORY, SharedScreen, TerminalAsk};
use magia_tty::client::{self, ClientError, Reader, Writer};
use magia_tty::directory;
use magia_tty::screen::{Screen, Size as ScreenSize};
use magia_tty::wire::{FromHolder, Hello};
use magia_tty::{Size, TerminalId};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// What the window wants of one terminal that is not dealt with yet.
const WAITING: usize = 256;
/// Bytes of output that are read under one lock: the window waits for no more than that.
const UNDER_ONE_LOCK: usize = 32 * 1024;
/// How long a program that asked for its output to be shown at once may take to say that it is complete. Source: the
/// limit of alacritty and others for mode 2026.
const SYNC_LIMIT: Duration = Duration::from_millis(150);
/// After so long a lost connection is tried again, while the terminal lives.
const AGAIN: Duration = Duration::from_millis(500);
/// So often it is tried.
const TRIES: u32 = 10;

/// What a connection is told.
enum Tell {
    Input(Vec<u8>),
    Resize(ScreenSize),
    Focus,
    Older,
}

struct Attached {
    tell: mpsc::Sender<Tell>,
    task: JoinHandle<()>,
}

/// Serves the window's wishes until it is gone; then only waits, since the commands have tasks of their own.
pub(super) async fn serve(root: PathBuf, mut asks: mpsc::Receiver<TerminalAsk>) {
    let mut attached: HashMap<String, Attached> = HashMap::new();
    while let Some(ask) = asks.recv().await {
        match ask {
            TerminalAsk::Open { id, screen, size } => {
                let Ok(valid) = TerminalId::new(id.clone()) else {
                    screen.note(|facts| facts.connection = lost("there is no such terminal"));
                    continue;
                };
                let dir = directory::dir_of(&root, &valid);
                let (tell, told) = mpsc::channel(WAITING);
                let task = tokio::spawn(stay(dir, screen, size, told));
                if let Some(before) = attached.insert(id, Attached { tell, task }) {
                    before.task.abort();
                }
            }
            TerminalAsk::Close { id } => {
                if let Some(closed) = attached.remove(&id) {
                    closed.task.abort();
                }
            }
            TerminalAsk::Input { id, bytes } => tell(&attached, &id, Tell::Input(bytes)).await,
            TerminalAsk::Resize { id, size } => tell(&attached, &id, Tell::Resize(size)).await,
            TerminalAsk::Focus { id } => tell(&attached, &id, Tell::Focus).await,
            TerminalAsk::Older { id } => tell(&attached, &id, Tell::Older).await,
        }
    }
    std::future::pending::<()>().await;
}

/// Waits for room: keys are never dropped, and the window is not the one who waits.
async fn tell(attached: &HashMap<String, Attached>, id: &str, what: Tell) {
    if let Some(attached) = attached.get(id)
        && attached.tell.send(what).await.is_err()
    {
        tracing::debug!("a terminal's connection had ended before it was told something");
    }
}

/// Stays attached until the program ends, however often the connection breaks.
async fn stay(dir: PathBuf, screen: Arc<SharedScreen>, mut size: ScreenSize, mut told: mpsc::Receiver<Tell>) {
    let mut tries = 0;
    loop {
        let hello = Hello { focus: true, ..Hello::window(cells(size)) };
        let end = match client::connect(&dir, hello).await {
            Ok((reader, writer)) => {
                tries = 0;
                talk(&dir, &screen, reader, writer, &mut size, &mut told).await
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

/// One connection: the program's exit code when it ended, `None` when the window has gone.
async fn talk(
    dir: &Path,
    screen: &Arc<SharedScreen>,
    mut reader: Reader,
    mut writer: Writer,
    size: &mut ScreenSize,
    told: &mut mpsc::Receiver<Tell>,
) -> Result<Option<i32>, ClientError> {
    screen.note(|facts| facts.connection = Connection::Attached);
    let mut told_at = ToldAt::default();
    loop {
        let sync = screen.with(|screen| screen.sync_pending().then(|| screen.sync_serial()));
        tokio::select! {
            biased;
            wish = told.recv() => match wish {
                None => return Ok(None),
                Some(Tell::Input(bytes)) => writer.input(&bytes).await?,
                Some(Tell::Focus) => writer.focus().await?,
                Some(Tell::Older) => read_older(dir, screen, told_at),
                Some(Tell::Resize(wanted)) => {
                    *size = wanted;
                    writer.resize(cells(wanted)).await?;
                }
            },
            said = reader.next() => {
                let Some(said) = said? else { return Err(ClientError::HungUp) };
                if let Some(code) = take(screen, said, &mut told_at, &mut writer).await? {
                    return Ok(Some(code));
                }
                // What has arrived already goes into the same frame.
                let mut taken = 0;
                while taken < UNDER_ONE_LOCK
                    && let Some(said) = reader.next_read()?
                {
                    if let FromHolder::Output { bytes, .. } = &said {
                        taken += bytes.len();
                    }
                    if let Some(code) = take(screen, said, &mut told_at, &mut writer).await? {
                        return Ok(Some(code));
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
async fn take(
    screen: &SharedScreen,
    said: FromHolder,
    told_at: &mut ToldAt,
    writer: &mut Writer,
) -> Result<Option<i32>, ClientError> {
    match said {
        FromHolder::Snapshot { seq, data, .. } => match screen.with(|shown| {
            restore(shown, &data).map(|()| {
                screen.restored();
                shown.history_size()
            })
        }) {
            Ok(above) => {
                *told_at = ToldAt { seq, above };
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
            writer.acknowledge(seq + bytes.len() as u64).await?;
        }
        FromHolder::Resized(size) => screen.with(|shown| {
            let cell = shown.size();
            shown.resize(ScreenSize { cols: size.cols, rows: size.rows, ..cell });
        }),
        FromHolder::Role(role) => screen.note(|facts| facts.owns_size = role.owner),
        FromHolder::Exit(exit) => return Ok(Some(exit.shell_code())),
        FromHolder::Error(fault) => {
            tracing::debug!("a terminal's holder refused something: {}", fault.message)
        }
        _ => {}
    }
    Ok(None)
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
