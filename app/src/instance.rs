//! One instance: what a second start does.

use crate::places::Places;
use crate::takeover::{Answer, Offer};
use anyhow::{Context as _, Result, bail};
use magia_protocol::ipc;
use magia_protocol::paths::{LockError, Socket};
use magia_protocol::wire::{Request, Response};
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// How long the first instance may take to answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// How long another window may take to serve that has just taken over.
const TAKE_LIMIT: Duration = Duration::from_secs(30);
/// How often it is asked meanwhile.
const TAKE_LOOK: Duration = Duration::from_millis(50);

/// Says something to whoever started the program in a terminal.
#[allow(clippy::print_stderr, reason = "the program's own output")]
pub fn say(text: &str) {
    eprintln!("{text}");
}

/// What comes of meeting another instance.
#[derive(Debug)]
pub enum Met {
    /// It has no window, and this one takes over.
    Offer(Offer),
    /// There is nothing more to do.
    Over(ExitCode),
}

/// Another instance holds the lock: its window is raised, or it hands over, or it is said how things stand.
pub fn meet_the_first(places: &Places, headless: bool, err: LockError) -> Result<Met> {
    let LockError::HeldBy { pid } = err else { return Err(err).context("locking the runtime directory") };
    let first = pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default();
    if headless {
        bail!("magia runs already{first}");
    }
    let mut taken = false;
    if cfg!(feature = "window") {
        let answer = Offer::ask(places).with_context(|| {
            format!("asking the magia without a window{first} to hand over; end it with `magia quit`")
        })?;
        match answer {
            Answer::Offer(offer) => return Ok(Met::Offer(offer)),
            Answer::Refusal { message, hint } => {
                say(&format!("error: cannot take over from the magia that runs already{first}: {message}"));
                say(&format!("hint: {hint}"));
                return Ok(Met::Over(ExitCode::FAILURE));
            }
            Answer::Taken => taken = true,
            Answer::Nothing => {}
        }
    }
    raise(places, &first, taken).map(Met::Over)
}

/// Raises the window of the first; when that has just taken over, it is waited for.
fn raise(places: &Places, first: &str, taken: bool) -> Result<ExitCode> {
    let until = Instant::now() + TAKE_LIMIT;
    let refused = loop {
        let response =
            ask_for_window(places).with_context(|| format!("asking the magia that runs already{first}"));
        match response.map(Response::into_outcome) {
            Ok(Ok(_)) => {
                say(&format!("magia runs already{first}; its window was raised"));
                return Ok(ExitCode::SUCCESS);
            }
            Ok(Err(refused)) if !taken || Instant::now() >= until => break refused,
            Err(err) if !taken || Instant::now() >= until => return Err(err),
            Ok(Err(_)) | Err(_) => std::thread::sleep(TAKE_LOOK),
        }
    };
    say(&format!("error: {refused}"));
    if let Some(hint) = refused.hint {
        say(&format!("hint: {hint}"));
    }
    Ok(ExitCode::FAILURE)
}

fn ask_for_window(places: &Places) -> Result<Response> {
    let path = Socket::Cli.path_in(&places.runtime)?;
    let stream = ipc::connect_blocking(&path, PATIENCE)?;
    let request = Request {
        id: 1.into(),
        method: "open_window".to_owned(),
        params: serde_json::Value::Null,
        v: magia_protocol::wire::WIRE_VERSION,
    };
    let mut line = serde_json::to_vec(&request)?;
    line.push(b'\n');
    let mut stream = BufReader::new(stream);
    stream.get_mut().write_all(&line)?;
    let mut reply = String::new();
    stream.read_line(&mut reply)?;
    serde_json::from_str(&reply).context("reading its reply")
}
