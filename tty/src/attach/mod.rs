//! A real terminal as a client: the program's output goes to it as it is, its keys to the program.
//!
//! The program's questions to a terminal are answered by the holder, so they are taken out of what the real one sees. On
//! every way out but SIGKILL the real terminal gets its modes back.

mod detach;
mod filter;
mod front;
mod keyboard;
mod letterbox;
mod terminal;

pub use detach::{DetachKey, DetachKeyError};
pub use terminal::size as own_size;

use crate::client::{ClientError, Reader, Writer, connect};
use crate::size::Size;
use crate::wire::{ClientKind, Exit, Format, Hello};
use detach::Keys;
use front::Front;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;
use std::time::Duration;
use terminal::RawTerminal;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Instant, sleep_until};

/// What a terminal's line discipline takes for the end of a file.
const END_OF_INPUT: &[u8] = &[0x04];
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
    /// The user has detached, or this terminal was closed; the program goes on.
    Detached,
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

    async fn ended(end: &mut [Signal; 3]) {
        let [hangup, terminate, interrupt] = end;
        tokio::select! {
            _ = hangup.recv() => {}
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
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
    let end = converse(reader, writer, signals, options, &raw, &mut front).await;
    raw.clear_modes(front.is_alternate(), matches!(end, Ok(AttachEnd::Exited(_))));
    drop(raw);
    end
}

async fn converse(
    mut reader: Reader,
    mut writer: Writer,
    mut signals: Signals,
    options: &AttachOptions,
    raw: &RawTerminal,
    front: &mut Front,
) -> Result<AttachEnd, AttachError> {
    let mut keys = Keys::new(options.detach_key);
    let mut keyboard = keyboard::read()?;
    let mut has_input = true;
    let mut painted = Instant::now();
    loop {
        tokio::select! {
            said = reader.next() => {
                let Some(said) = said? else { return Err(ClientError::HungUp.into()) };
                let mut next = Some(said);
                while let Some(said) = next {
                    if let Some(exit) = front.hear(said, &mut io::stdout().lock())? {
                        return Ok(AttachEnd::Exited(exit));
                    }
                    next = reader.next_read()?;
                }
                if front.wants_screen() {
                    writer.pause(false).await?;
                }
                io::stdout().flush()?;
            }
            () = sleep_until(painted + PAINT_EVERY), if front.is_dirty() => {
                painted = Instant::now();
                front.paint(&mut io::stdout().lock())?;
            }
            bytes = keyboard.recv(), if has_input => {
                let Some(bytes) = bytes else {
                    has_input = false;
                    if raw.is_terminal() {
                        return Ok(AttachEnd::Detached);
                    }
                    if options.passes_end && !options.read_only {
                        writer.input(END_OF_INPUT).await?;
                    }
                    continue;
                };
                let taken = if raw.is_terminal() { keys.take(&bytes) } else { detach::Taken::all(&bytes) };
                if !options.read_only && !taken.bytes.is_empty() {
                    writer.input(&taken.bytes).await?;
                }
                if taken.is_detached {
                    return Ok(AttachEnd::Detached);
                }
            }
            _ = signals.resized.recv() => {
                if let Some(size) = terminal::size().and_then(Size::usable) {
                    if raw.is_terminal() {
                        front.resized(Some(size));
                    }
                    writer.resize(size).await?;
                }
            }
            () = Signals::ended(&mut signals.end) => return Ok(AttachEnd::Detached),
        }
    }
}
