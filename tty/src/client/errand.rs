//! One thing done with a terminal, and gone again: what scripts, the command line and the HTTP API need.

use super::{ClientError, Reader, Writer, connect};
use crate::input::Key;
use crate::screen::{self, Screen};
use crate::size::Size;
use crate::wire::{
    ClientKind, Exit, Fault, Format, FromHolder, Hello, SignalName, ToHolder, WireError, kind,
};
use magia_protocol::process::process_start_ticks;
use std::future::Future;
use std::path::Path;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout_at};

/// How long a terminal may take to do as it is told; see the holder's own limit for killing.
const DONE_LIMIT: Duration = Duration::from_secs(10);

/// How long a holder may take to go (two seconds are for clients that do not read), and how often it is looked whether it has.
const DISMISS_LIMIT: Duration = Duration::from_secs(5);
const DISMISS_LOOK: Duration = Duration::from_millis(5);

/// Why an errand was not done.
#[derive(Debug, thiserror::Error)]
pub enum ErrandError {
    /// There was no conversation, or it broke off.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The holder refused.
    #[error("{}", .0.message)]
    Refused(Fault),
    /// It did not happen in time.
    #[error("it has not happened in time")]
    TimedOut,
    /// The program has ended before it happened.
    #[error("the program has ended")]
    Ended(Exit),
}

/// Runs one of these without a runtime.
///
/// # Errors
/// When the system gives no runtime; else those of the future.
pub fn block_on<T>(errand: impl Future<Output = Result<T, ErrandError>>) -> Result<T, ErrandError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(ClientError::from)?.block_on(errand)
}

/// The characters on the screen, a line each.
///
/// # Errors
/// See [`ErrandError`].
pub async fn text(dir: &Path) -> Result<String, ErrandError> {
    let data = screen(dir, Format::Text).await?;
    Ok(String::from_utf8_lossy(&data).into_owned())
}

/// The screen in a format.
///
/// # Errors
/// See [`ErrandError`].
pub async fn screen(dir: &Path, format: Format) -> Result<Vec<u8>, ErrandError> {
    let (mut reader, _writer) = connect(dir, Hello::new(ClientKind::Script, format)).await?;
    let deadline = Instant::now() + DONE_LIMIT;
    loop {
        if let FromHolder::Snapshot { data, .. } = said(&mut reader, Some(deadline)).await? {
            return Ok(data);
        }
    }
}

/// Types. What is typed may end the program: that is no error.
///
/// # Errors
/// See [`ErrandError`].
pub async fn type_in(dir: &Path, bytes: &[u8]) -> Result<(), ErrandError> {
    let (mut reader, mut writer) = script(dir).await?;
    writer.input(bytes).await?;
    match settle(&mut reader, &mut writer).await {
        // Had it ended before, the holder would refuse what was typed, and say so before it answers.
        Err(ErrandError::Ended(exit)) => match answered(&mut reader).await {
            Err(ErrandError::Refused(_)) => Err(ErrandError::Ended(exit)),
            answered => answered,
        },
        settled => settled,
    }
}

/// Gives the terminal a size, until whoever decides on it acts again.
///
/// # Errors
/// See [`ErrandError`].
pub async fn resize(dir: &Path, size: Size) -> Result<(), ErrandError> {
    let (mut reader, mut writer) = script(dir).await?;
    writer.resize(size).await?;
    settle(&mut reader, &mut writer).await
}

/// Gives the terminal another name.
///
/// # Errors
/// See [`ErrandError`].
pub async fn rename(dir: &Path, name: &str) -> Result<(), ErrandError> {
    let (mut reader, mut writer) = script(dir).await?;
    writer.rename(name).await?;
    settle(&mut reader, &mut writer).await
}

/// Ends the program and all that it started, and waits for its end.
///
/// # Errors
/// See [`ErrandError`].
pub async fn kill(dir: &Path, signal: Option<SignalName>) -> Result<Exit, ErrandError> {
    let (mut reader, mut writer) = script(dir).await?;
    writer.kill(signal).await?;
    let deadline = Instant::now() + DONE_LIMIT;
    loop {
        match said(&mut reader, Some(deadline)).await {
            Err(ErrandError::Ended(exit)) => return Ok(exit),
            done => done?,
        };
    }
}

/// Has the holder of a program that has ended go at once, instead of a minute later, and waits until it has gone.
///
/// # Errors
/// See [`ErrandError`]; [`ErrandError::TimedOut`] from a holder of an older release, which stays for its minute.
pub async fn dismiss(dir: &Path) -> Result<(), ErrandError> {
    let (mut reader, mut writer) = script(dir).await?;
    let holder = reader.hello().holder_pid;
    let started = process_start_ticks(holder);
    writer.kill(None).await?;
    let deadline = Instant::now() + DISMISS_LIMIT;
    loop {
        match timeout_at(deadline, reader.next()).await {
            Err(_) => return Err(ErrandError::TimedOut),
            Ok(Ok(Some(_))) => {}
            // It hung up: what it holds is free once the process is gone.
            Ok(_) => break,
        }
    }
    while started.is_some() && process_start_ticks(holder) == started {
        if Instant::now() > deadline {
            return Err(ErrandError::TimedOut);
        }
        sleep(DISMISS_LOOK).await;
    }
    Ok(())
}

/// Sends a signal to the foreground, and does not wait for what comes of it.
///
/// # Errors
/// See [`ErrandError`].
pub async fn signal(dir: &Path, signal: SignalName) -> Result<(), ErrandError> {
    let (mut reader, mut writer) = script(dir).await?;
    writer.kill(Some(signal)).await?;
    settle(&mut reader, &mut writer).await
}

/// Waits for the program's end.
///
/// # Errors
/// [`ErrandError::TimedOut`], or as [`ErrandError`].
pub async fn wait_exit(dir: &Path, limit: Option<Duration>) -> Result<Exit, ErrandError> {
    let deadline = limit.and_then(|limit| Instant::now().checked_add(limit));
    let (mut reader, _writer) = script(dir).await?;
    loop {
        match said(&mut reader, deadline).await {
            Err(ErrandError::Ended(exit)) => return Ok(exit),
            done => done?,
        };
    }
}

/// Waits until the program has written nothing for so long.
///
/// # Errors
/// [`ErrandError::TimedOut`], [`ErrandError::Ended`], or as [`ErrandError`].
pub async fn wait_quiet(dir: &Path, quiet: Duration, limit: Option<Duration>) -> Result<(), ErrandError> {
    let deadline = limit.and_then(|limit| Instant::now().checked_add(limit));
    let (mut reader, _writer) = connect(dir, Hello::new(ClientKind::Script, Format::Text)).await?;
    let mut reached = Instant::now() + quiet.saturating_sub(Duration::from_millis(reader.hello().quiet_ms));
    loop {
        if deadline.is_some_and(|deadline| deadline < reached) {
            // It may end meanwhile, which says more than that the time is over.
            return match said_until(&mut reader, deadline).await? {
                Some(FromHolder::Output { .. }) => continue,
                _ => Err(ErrandError::TimedOut),
            };
        }
        match said_until(&mut reader, Some(reached)).await? {
            None => return Ok(()),
            Some(FromHolder::Output { .. }) => reached = Instant::now() + quiet,
            Some(_) => {}
        }
    }
}

/// Waits until the screen shows `wanted`, and gives the screen's text.
///
/// # Errors
/// [`ErrandError::TimedOut`], [`ErrandError::Ended`], or as [`ErrandError`].
pub async fn wait_text(dir: &Path, wanted: &str, limit: Option<Duration>) -> Result<String, ErrandError> {
    let deadline = limit.and_then(|limit| Instant::now().checked_add(limit));
    let (mut reader, _writer) = connect(dir, Hello::new(ClientKind::Script, Format::State)).await?;
    let mut screen: Option<Screen> = None;
    loop {
        let mut next = Some(said(&mut reader, deadline).await?);
        let mut end = None;
        // The screen is read once for all that has arrived, also when the program's end is among it.
        while let Some(said) = next {
            match (said, &mut screen) {
                (FromHolder::Snapshot { data, .. }, _) => screen = Some(restore(&data)?),
                (FromHolder::Output { bytes, .. }, Some(screen)) => {
                    screen.advance(&bytes);
                    screen.take_events();
                }
                (FromHolder::Resized(size), Some(screen)) => {
                    screen.resize(screen::Size::cells(size.cols, size.rows))
                }
                _ => {}
            }
            next = match reader.next_read()?.map(plain).transpose() {
                Err(ErrandError::Ended(exit)) => {
                    end = Some(exit);
                    None
                }
                read => read?,
            };
        }
        if let Some(text) =
            screen.as_ref().map(|screen| screen.text(false)).filter(|text| text.contains(wanted))
        {
            return Ok(text);
        }
        if let Some(exit) = end {
            return Err(ErrandError::Ended(exit));
        }
    }
}

/// Something typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Typed {
    /// A key, which programs may want to have in another way than terminals of old sent it.
    Key(Key),
    /// Characters.
    Text(String),
}

/// Types keys as the program wants them by the modes that it has set.
///
/// # Errors
/// See [`ErrandError`].
pub async fn press(dir: &Path, typed: &[Typed]) -> Result<(), ErrandError> {
    let modes = *restore(&screen(dir, Format::State).await?)?.term().mode();
    let bytes = typed.iter().flat_map(|typed| match typed {
        Typed::Key(key) => key.encode(modes),
        Typed::Text(text) => text.clone().into_bytes(),
    });
    type_in(dir, &bytes.collect::<Vec<u8>>()).await
}

fn restore(state: &[u8]) -> Result<Screen, ErrandError> {
    let malformed =
        |err: screen::SnapshotError| WireError::Malformed { kind: kind::SNAPSHOT, reason: err.to_string() };
    Ok(Screen::restore(state, 0).map_err(malformed).map_err(ClientError::from)?)
}

/// Waits until the client that was given `nonce` has attached; also when it did before.
///
/// # Errors
/// [`ErrandError::TimedOut`], [`ErrandError::Ended`], or as [`ErrandError`].
pub async fn wait_attached(dir: &Path, nonce: &str, limit: Duration) -> Result<(), ErrandError> {
    let deadline = Instant::now() + limit;
    let (mut reader, _writer) = script(dir).await?;
    loop {
        if let FromHolder::Status(status) = said(&mut reader, Some(deadline)).await?
            && status.get("status").is_some_and(|word| word == "attached")
            && status.get("nonce").is_some_and(|word| word == nonce)
        {
            return Ok(());
        }
    }
}

async fn script(dir: &Path) -> Result<(Reader, Writer), ErrandError> {
    Ok(connect(dir, Hello::default()).await?)
}

/// Waits until the holder has dealt with what was said.
async fn settle(reader: &mut Reader, writer: &mut Writer) -> Result<(), ErrandError> {
    writer.say(&ToHolder::Heartbeat(b"done".to_vec())).await?;
    answered(reader).await
}

async fn answered(reader: &mut Reader) -> Result<(), ErrandError> {
    let deadline = Instant::now() + DONE_LIMIT;
    loop {
        if let FromHolder::Heartbeat(_) = said(reader, Some(deadline)).await? {
            return Ok(());
        }
    }
}

async fn said(reader: &mut Reader, deadline: Option<Instant>) -> Result<FromHolder, ErrandError> {
    said_until(reader, deadline).await?.ok_or(ErrandError::TimedOut)
}

/// What the holder says next; `None` once the time is over.
async fn said_until(
    reader: &mut Reader,
    deadline: Option<Instant>,
) -> Result<Option<FromHolder>, ErrandError> {
    let next = match deadline {
        Some(deadline) => match timeout_at(deadline, reader.next()).await {
            Ok(next) => next,
            Err(_) => return Ok(None),
        },
        None => reader.next().await,
    };
    plain(next?.ok_or(ClientError::HungUp)?).map(Some)
}

/// Ends and refusals as the errors that they are for an errand.
fn plain(said: FromHolder) -> Result<FromHolder, ErrandError> {
    match said {
        FromHolder::Exit(exit) => Err(ErrandError::Ended(exit)),
        FromHolder::Error(fault) => Err(ErrandError::Refused(fault)),
        said => Ok(said),
    }
}
