//! `term open`: asks the app's socket for terminals, as any program may.

use crate::failure::{Exit, Failure, say};
use crate::output::Out;
use anyhow::{Context as _, Result, bail};
use clap::Args;
use magia_protocol::ipc::{BlockingStream, connect_blocking};
use magia_protocol::paths::{Socket, runtime_candidates};
use magia_protocol::wire::spawn::{SpawnError, SpawnReply};
use serde_json::{Map, Value, json};
use std::io::{ErrorKind, Read, Write as _};
use std::path::PathBuf;
use std::time::Duration;

/// How long the app may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// After so long without a reply it is said what is waited for.
const SILENT_MAX: Duration = Duration::from_secs(2);
/// How long the reply may take: a person may be asked, and a terminal may start cold.
const REPLY_TIMEOUT: Duration = Duration::from_secs(60);
/// A reply is shorter than this.
const REPLY_MAX_BYTES: u64 = 64 * 1024;

/// `term open`.
#[derive(Debug, Args)]
pub struct Open {
    /// The terminal program, as kitty; `builtin` is a tab in magia's window, `none` shows it nowhere.
    #[arg(long, value_name = "NAME")]
    terminal: Option<String>,
    /// Where the command runs; this directory without.
    #[arg(long, value_name = "DIRECTORY")]
    cwd: Option<PathBuf>,
    /// The terminal's id; a new one without.
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    /// What to call it.
    #[arg(long)]
    name: Option<String>,
    /// The program and its arguments. No shell reads them.
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<String>,
}

/// Asks, waits until the terminal is there, and prints its id.
pub fn open(open: &Open, out: &mut Out) -> Result<Exit> {
    let reply = ask(&request(open)?)?;
    if out.is_json() {
        out.json_of(&reply)?;
        return Ok(if reply.success { Exit::Done } else { Exit::Failed });
    }
    if !reply.success {
        let message = reply.error.unwrap_or_else(|| "no terminal was opened".to_owned());
        return Err(Failure::Refused { code: reply.code.unwrap_or_default(), message, hint: None }.into());
    }
    let shown = reply.terminal.unwrap_or_default();
    if let Some(wanted) = &open.terminal
        && !wanted.eq_ignore_ascii_case(&shown)
    {
        say(&format!("note: {wanted} is not there; it is shown in {shown}"));
    }
    out.text(&reply.session_id.unwrap_or_default())?;
    Ok(Exit::Done)
}

fn request(open: &Open) -> Result<Value> {
    let cwd = match &open.cwd {
        Some(cwd) => std::path::absolute(cwd).context("the directory is not a path")?,
        None => std::env::current_dir().context("this directory is gone")?,
    };
    let Some(cwd) = cwd.to_str() else { bail!("the directory's name is not UTF-8") };
    let mut request = Map::new();
    request.insert("argv".to_owned(), json!(open.command));
    request.insert("workingDir".to_owned(), json!(cwd));
    for (key, value) in [("terminal", &open.terminal), ("sessionId", &open.id), ("name", &open.name)] {
        request.extend(value.as_ref().map(|value| (key.to_owned(), json!(value))));
    }
    Ok(Value::Object(request))
}

/// Reads the reply, and says meanwhile what it may be waiting for.
fn wait_for_reply(stream: &mut BlockingStream) -> Result<Vec<u8>> {
    let mut reply = Vec::new();
    for (limit, is_last) in [(SILENT_MAX, false), (REPLY_TIMEOUT, true)] {
        stream.set_read_timeout(Some(limit)).context("cannot set the time limit of the socket")?;
        match Read::by_ref(stream).take(REPLY_MAX_BYTES).read_to_end(&mut reply) {
            Err(err) if !is_last && matches!(err.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                say("waiting for the terminal, or for your yes: `magia permissions` lists what wants one");
            }
            read => {
                read.context("cannot read the reply")?;
                break;
            }
        }
    }
    Ok(reply)
}

/// One request. The directory of the socket and the server's user are checked before a word is said.
fn ask(request: &Value) -> Result<SpawnReply> {
    let mut looked = None;
    for dir in runtime_candidates() {
        let path = Socket::Terminal.path_in(&dir)?;
        match connect_blocking(&path, CONNECT_TIMEOUT) {
            Ok(mut stream) => {
                stream.write_all(request.to_string().as_bytes()).context("cannot send the request")?;
                let reply = wait_for_reply(&mut stream)?;
                return serde_json::from_slice(&reply).context("the app's reply is not understood");
            }
            Err(err) if err.is_not_running() => looked = looked.or(Some(path)),
            Err(err) => return Err(err.into()),
        }
    }
    let path = looked.unwrap_or_default();
    let err = SpawnError::unavailable(path.display());
    Err(Failure::NotRunning { message: err.message, hint: err.remedy.unwrap_or_default() }.into())
}
