//! What holders say becomes what is on a screen: little of it at once, much of it on a thread that gives way.

use super::attached::lost;
use crate::service::ServiceThread;
use crate::terminal_link::{HISTORY, SharedScreen};
use crossbeam_channel::{Receiver, Sender, bounded, select};
use magia_core::event::Event;
use magia_tty::screen::{Screen, ScreenEvent, Size};
use magia_tty::wire::FromHolder;
use std::sync::Arc;
use tokio::sync::oneshot;

/// Bytes of output that are read under one lock: the window waits for no more than that.
const UNDER_ONE_LOCK: usize = 32 * 1024;
/// So much output is taken in at once: the echo of what is typed, or a small screen that is drawn anew.
const SMALL: usize = 8 * 1024;
/// Pieces of much output that wait, one of each terminal.
const WAITING_MAX: usize = 64;

/// The thread "magia-screens", which takes in much output. The echo of a key, in another terminal, does not wait for it, and
/// it takes no processor from who draws.
#[derive(Clone)]
pub(super) struct Screens {
    much: Sender<Much>,
}

struct Much {
    screen: Arc<SharedScreen>,
    all: Vec<FromHolder>,
    done: oneshot::Sender<Told>,
}

impl Screens {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system has no thread for us.
    pub(super) fn start(events: Sender<Event>) -> std::io::Result<(Self, ServiceThread)> {
        let (much, waiting): (_, Receiver<Much>) = bounded(WAITING_MAX);
        let thread = ServiceThread::start("magia-screens", events, move |outbox| {
            crate::os::priority::lower_this_thread();
            loop {
                select! {
                    recv(waiting) -> work => {
                        let Ok(Much { screen, all, done }) = work else { return };
                        // Nobody waits when the terminal was closed meanwhile.
                        let _closed = done.send(take(&screen, all));
                    }
                    recv(outbox.stop()) -> _ => return,
                }
            }
        })?;
        Ok((Self { much }, thread))
    }

    /// Takes what the holder said, `output` bytes of output among it.
    pub(super) async fn take(&self, screen: &Arc<SharedScreen>, all: Vec<FromHolder>, output: usize) -> Told {
        if output <= SMALL {
            return take(screen, all);
        }
        let (done, told) = oneshot::channel();
        match self.much.try_send(Much { screen: Arc::clone(screen), all, done }) {
            // The thread ends with the app.
            Ok(()) => told.await.unwrap_or_default(),
            Err(full) => take(screen, full.into_inner().all),
        }
    }
}

/// How much of it is output, in bytes.
pub(super) fn output_len(said: &FromHolder) -> usize {
    match said {
        FromHolder::Output { bytes, .. } => bytes.len(),
        _ => 0,
    }
}

/// Where in the output the holder told the screen, and how many lines it told above it.
#[derive(Clone, Copy, Default)]
pub(super) struct ToldAt {
    pub(super) seq: u64,
    pub(super) above: usize,
}

/// What the holder said beside what is on the screen.
#[derive(Default)]
pub(super) struct Told {
    /// Where the screen was told anew.
    pub(super) at: Option<ToldAt>,
    /// How much of the output has been taken.
    pub(super) taken: Option<u64>,
    /// The program has ended.
    pub(super) exit_code: Option<i32>,
}

/// Takes what the holder said, up to the program's end.
fn take(screen: &SharedScreen, all: Vec<FromHolder>) -> Told {
    let mut told = Told::default();
    for said in all {
        match said {
            FromHolder::Snapshot { seq, data, .. } => match screen.with(|shown| {
                restore(shown, &data).map(|()| {
                    screen.restored();
                    shown.history_size()
                })
            }) {
                Ok(above) => {
                    told.at = Some(ToldAt { seq, above });
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
                told.taken = Some(seq + bytes.len() as u64);
            }
            FromHolder::Resized(size) => screen.with(|shown| {
                let cell = shown.size();
                shown.resize(Size { cols: size.cols, rows: size.rows, ..cell });
            }),
            FromHolder::Role(role) => screen.note(|facts| facts.owns_size = role.owner),
            FromHolder::Exit(exit) => {
                told.exit_code = Some(exit.shell_code());
                break;
            }
            FromHolder::Error(fault) => {
                tracing::debug!("a terminal's holder refused something: {}", fault.message)
            }
            _ => {}
        }
    }
    told
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
fn told_by_program(screen: &SharedScreen, events: Vec<ScreenEvent>) {
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
