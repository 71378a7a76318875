//! A real terminal as a client: the program's output goes to it as it is, its keys to the program.
//!
//! The program's questions to a terminal are answered by the holder, so they are taken out of what the real one sees. On
//! every way out but SIGKILL the real terminal gets its modes back.

mod detach;
mod filter;
mod front;
mod gaps;
mod keyboard;
mod letterbox;
mod telling;
mod terminal;

pub use detach::{DetachKey, DetachKeyError};
pub use terminal::size as own_size;

use crate::client::{ClientError, Reader, Writer, connect};
use crate::directory::RECORDING_FILE;
use crate::size::Size;
use crate::wire::{ClientKind, Exit, Format, Hello};
use detach::Keys;
use front::Front;
use gaps::Gaps;
use std::future::pending;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;
use std::pin::pin;
use std::time::Duration;
use telling::{Typing, Wishes};
use terminal::RawTerminal;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout};

/// How many pieces of what is typed may wait for a program that does not read, each up to 16 KiB (a terminal gives 4 KiB at a
/// time). What is typed beyond that is lost, and the bell says so.
const TYPED_MAX: usize = 1024;
const BELL: &[u8] = b"\x07";
/// Said once to whoever reads a pipe; the path of the recording follows.
const GAP: &str = "warning: output is missing here, for it was not read fast enough; see the recording:";
/// How long what was typed before the detach key may take.
const LAST_TYPED_LIMIT: Duration = Duration::from_millis(500);
/// How often a screen of another size is painted at most.
const PAINT_EVERY: Duration = Duration::from_millis(33);

/// How to attach.
#[derive(Debug, Clone, Default)]
pub struct AttachOptions {
    /// Only look.
    pub read_only: bool,
    /// The word by which whoever opened this terminal knows that it is here.
    pub nonce: Option<String>,
    /// The key that detaches.
    pub detach_key: DetachKey,
    /// All output from the program's start on, not only what is on its screen; for whoever has just started it.
    pub from_start: bool,
    /// The end of an input that is no terminal is the end of the program's: for whoever has just started it.
    pub passes_end: bool,
}

/// How an attachment came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttachEnd {
    /// The program has ended.
    Exited(Exit),
    /// The user has detached; the program goes on.
    Detached,
    /// This process was told to end, by a signal or because its terminal was closed, which is as good as `SIGHUP`; the program
    /// goes on.
    Signalled(i32),
}

/// Why an attachment failed.
#[derive(Debug, thiserror::Error)]
pub enum AttachError {
    /// There was no conversation, or it broke off.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The terminal in front of the user failed.
    #[error("this terminal cannot be used ({0})")]
    Terminal(#[from] io::Error),
}

/// Attaches this process's standard input and output to the terminal in `dir`, until the program ends or the user
/// detaches.
///
/// # Errors
/// See [`AttachError`].
pub fn attach(dir: &Path, options: &AttachOptions) -> Result<AttachEnd, AttachError> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(run(dir, options))
}

struct Signals {
    resized: Signal,
    end: [Signal; 3],
}

impl Signals {
    fn new() -> io::Result<Self> {
        let end = [SignalKind::hangup(), SignalKind::terminate(), SignalKind::interrupt()];
        let [hangup, terminate, interrupt] = end.map(signal);
        Ok(Self { resized: signal(SignalKind::window_change())?, end: [hangup?, terminate?, interrupt?] })
    }

    /// The number of the one that has come.
    async fn ended(end: &mut [Signal; 3]) -> i32 {
        let [hangup, terminate, interrupt] = end;
        tokio::select! {
            _ = hangup.recv() => libc::SIGHUP,
            _ = terminate.recv() => libc::SIGTERM,
            _ = interrupt.recv() => libc::SIGINT,
        }
    }
}

async fn run(dir: &Path, options: &AttachOptions) -> Result<AttachEnd, AttachError> {
    let signals = Signals::new()?;
    let size = terminal::size();
    let hello = Hello {
        size,
        read_only: options.read_only,
        focus: size.is_some(),
        nonce: options.nonce.clone(),
        ssh_auth_sock: std::env::var("SSH_AUTH_SOCK").ok(),
        from_start: options.from_start,
        // A pipe wants what the program writes, and before that what its screen says.
        ..Hello::new(
            ClientKind::Terminal,
            if io::stdout().is_terminal() { Format::Ansi } else { Format::Text },
        )
    };
    let (reader, writer) = connect(dir, hello).await?;
    // From here on the terminal must be restored whatever happens.
    let raw = RawTerminal::enter()?;
    io::stdout().write_all(raw.start())?;
    let mut front = front::own(raw.is_terminal(), options.read_only);
    let end = converse(reader, writer, signals, options, &raw, &mut front, &dir.join(RECORDING_FILE)).await;
    raw.clear_modes(front.is_alternate(), matches!(end, Ok(AttachEnd::Exited(_))));
    drop(raw);
    match end {
        // Whoever read the output has gone: it ends as programs do that write to nobody.
        Err(AttachError::Terminal(err)) if err.kind() == io::ErrorKind::BrokenPipe => {
            Ok(AttachEnd::Signalled(libc::SIGPIPE))
        }
        end => end,
    }
}

async fn converse(
    mut reader: Reader,
    writer: Writer,
    mut signals: Signals,
    options: &AttachOptions,
    raw: &RawTerminal,
    front: &mut Front,
    recording: &Path,
) -> Result<AttachEnd, AttachError> {
    let mut keys = Keys::new(options.detach_key);
    let keyboard = keyboard::read()?;
    let typing = Typing {
        is_read_only: options.read_only,
        passes_end: options.passes_end && !raw.is_terminal(),
        ends: raw.is_terminal(),
    };
    let (wishes, wished) = watch::channel(Wishes::default());
    // What comes through a pipe waits there; among keys there may be the one that detaches, so they are always read.
    let (mut keyboard, typed, waiting) = if raw.is_terminal() {
        let (typed, waiting) = mpsc::channel(TYPED_MAX);
        (Some(keyboard), Some(typed), waiting)
    } else {
        (None, None, keyboard)
    };
    let (is_pipe, mut gaps) = (!io::stdout().is_terminal(), Gaps::new(options.from_start));
    let mut telling = pin!(telling::tell(writer, waiting, wished, typing));
    let mut is_telling = true;
    let mut painted = Instant::now();
    let end = loop {
        tokio::select! {
            said = reader.next() => {
                let Some(said) = said? else { return Err(ClientError::HungUp.into()) };
                let mut next = Some(said);
                while let Some(said) = next {
                    if is_pipe && gaps.is_first(&said) {
                        // Nobody listening is no error.
                        drop(writeln!(io::stderr(), "{GAP} {}", recording.display()));
                    }
                    if let Some(exit) = front.hear(said, &mut io::stdout().lock())? {
                        return Ok(AttachEnd::Exited(exit));
                    }
                    next = reader.next_read()?;
                }
                if front.wants_screen() {
                    wishes.send_modify(|wishes| wishes.screens += 1);
                }
                io::stdout().flush()?;
            }
            () = sleep_until(painted + PAINT_EVERY), if front.is_dirty() => {
                painted = Instant::now();
                front.paint(&mut io::stdout().lock())?;
            }
            bytes = key(&mut keyboard) => {
                // A terminal that was closed.
                let Some(bytes) = bytes else { break AttachEnd::Signalled(libc::SIGHUP) };
                let taken = keys.take(&bytes);
                let has_room = |typed: &mpsc::Sender<Vec<u8>>| {
                    taken.bytes.is_empty() || typed.try_send(taken.bytes).is_ok()
                };
                if !typed.as_ref().is_none_or(has_room) {
                    io::stdout().write_all(BELL)?;
                    io::stdout().flush()?;
                }
                if taken.is_detached {
                    break AttachEnd::Detached;
                }
            }
            // A holder that has gone may have said why: that is read.
            _ = &mut telling, if is_telling => is_telling = false,
            _ = signals.resized.recv() => {
                if let Some(size) = terminal::size().and_then(Size::usable) {
                    if raw.is_terminal() {
                        front.resized(Some(size));
                    }
                    wishes.send_modify(|wishes| wishes.size = Some(size));
                }
            }
            signal = Signals::ended(&mut signals.end) => break AttachEnd::Signalled(signal),
        }
    };
    // What was typed before is for the program, unless that does not read.
    drop(typed);
    if is_telling && raw.is_terminal() {
        drop(timeout(LAST_TYPED_LIMIT, telling).await);
    }
    Ok(end)
}

/// What is typed next; never anything without a keyboard.
async fn key(keyboard: &mut Option<mpsc::Receiver<Vec<u8>>>) -> Option<Vec<u8>> {
    match keyboard {
        Some(keyboard) => keyboard.recv().await,
        None => pending().await,
    }
}
