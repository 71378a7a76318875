//! The socket where programs ask for terminals: one JSON object in, without newline or end of stream; one out, and the
//! connection closes. The wire is the seed's, see [`magia_protocol::wire::terminal`].
//!
//! A task per connection: who sends nothing, or waits for a person's yes, keeps nobody else waiting.

use super::health::{Health, Refusal};
use super::leave::Leave;
use super::origin;
use super::outbox::Outbox;
use super::peer::keep_open;
use super::replies::Replies;
use magia_core::event::{Event, ReplyId};
use magia_core::spawn::{Scan, Scanned};
use magia_protocol::ipc::{DirectWriter, ReadHalf, Stream, WriteHalf};
use magia_protocol::paths::Socket;
use magia_protocol::process::PeerCred;
use magia_protocol::wire::method::Access;
use magia_protocol::wire::spawn::{
    OpenTerminal, OpenedTerminal, SPAWN_REQUEST_MAX_BYTES, SpawnCode, SpawnError, SpawnReply,
};
use magia_protocol::wire::{Command, ErrorCode, RpcError, visible};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{Instant, sleep, timeout, timeout_at};

/// A client that has begun sends on within this time.
const IDLE_LIMIT: Duration = Duration::from_secs(5);
/// However steadily it sends, its request is whole by then.
const REQUEST_LIMIT: Duration = Duration::from_secs(30);
/// A client that does not read its reply for so long will not read it at all.
const WRITE_LIMIT: Duration = Duration::from_secs(5);
/// How long a client may go on sending after its reply.
const DRAIN_LIMIT: Duration = Duration::from_secs(1);
/// How much of that is read.
const DRAIN_MAX_BYTES: u64 = 1024 * 1024;
/// How long a request that is at work may take once another magia is to follow.
const LEAVE_LIMIT: Duration = Duration::from_millis(300);
/// So often a client that waits is asked whether it is still there.
const GONE_CHECK: Duration = Duration::from_secs(1);

/// What a connection of this socket needs.
#[derive(Debug)]
pub(super) struct Terminals {
    pub(super) health: Arc<Health>,
    pub(super) outbox: Arc<Outbox>,
    pub(super) replies: Replies,
    pub(super) leave: Leave,
}

/// A request as its senders spell it. Fields that nobody knows are passed over.
#[derive(Debug, Deserialize)]
struct Request {
    command: Option<String>,
    argv: Option<Vec<String>>,
    #[serde(rename = "workingDir", alias = "working_dir", alias = "workingDirectory", alias = "cwd")]
    working_dir: Option<String>,
    #[serde(rename = "sessionId", alias = "session_id")]
    session_id: Option<String>,
    /// The sender's own program: written down, never run.
    #[serde(rename = "ttyFwdPath", alias = "tty_fwd_path")]
    tty_fwd_path: Option<String>,
    terminal: Option<String>,
    name: Option<String>,
    env: Option<BTreeMap<String, String>>,
    cols: Option<u16>,
    rows: Option<u16>,
    term: Option<String>,
}

impl From<Request> for OpenTerminal {
    fn from(request: Request) -> Self {
        Self {
            argv: request.argv,
            command: request.command,
            working_dir: request.working_dir,
            session_id: request.session_id,
            terminal: request.terminal,
            name: request.name,
            env: request.env,
            cols: request.cols,
            rows: request.rows,
            term: request.term,
        }
    }
}

/// Serves one connection, of which `said` was read before, by another magia.
pub(super) async fn serve(terminals: Arc<Terminals>, stream: Stream, cred: PeerCred, mut said: Vec<u8>) {
    let (mut reader, mut writer) = stream.into_split();
    let read = tokio::select! {
        biased;
        read = read(&mut reader, &mut said) => Some(read),
        () = terminals.leave.begun() => None,
    };
    let Some(read) = read else {
        terminals.leave.put(Socket::Terminal, DirectWriter::of(&writer), said);
        return keep_open(writer);
    };
    let request = match read {
        Ok(()) => understand(&said).inspect_err(|_| terminals.health.refuse(&Refusal::Garbage)),
        Err(Unread::Nothing) => return,
        Err(Unread::Refused(refusal)) => {
            terminals.health.refuse(&refusal);
            Err(invalid(match refusal {
                Refusal::TooLong => "the request is longer than 64 KiB",
                Refusal::Silent | Refusal::Slow => "the request is not whole",
                _ => "the request is not a JSON object",
            }))
        }
    };
    let reply = match request {
        Ok(request) => match ask(&terminals, request, cred, &writer).await {
            Some(reply) => reply,
            None => return,
        },
        Err(err) => SpawnReply::new(Err(err), None),
    };
    let written = timeout(WRITE_LIMIT, async {
        writer.write_all(&reply.encode()).await?;
        writer.shutdown().await
    });
    if !matches!(written.await, Ok(Ok(()))) {
        tracing::debug!("a client did not take its reply about a terminal");
    }
    // What is closed with something unread is reset, and the reply with it.
    let mut rest = Vec::with_capacity(SPAWN_REQUEST_MAX_BYTES);
    let drained = timeout(DRAIN_LIMIT, async {
        let mut reader = reader.take(DRAIN_MAX_BYTES);
        while reader.read_buf(&mut rest).await.is_ok_and(|read| read > 0) {
            rest.clear();
        }
    });
    if drained.await.is_err() {
        tracing::debug!("a client did not close its connection after its reply");
    }
}

enum Unread {
    /// Connected and went: somebody asked whether we are here.
    Nothing,
    Refused(Refusal),
}

/// Reads up to the end of the object, behind what was read of it; what follows it is left. Cancel safe: what was read
/// stays in `bytes`.
async fn read(reader: &mut ReadHalf, bytes: &mut Vec<u8>) -> Result<(), Unread> {
    let mut scan = Scan::default();
    let until = Instant::now() + REQUEST_LIMIT;
    loop {
        match scan.next(bytes) {
            Scanned::End(end) if end <= SPAWN_REQUEST_MAX_BYTES => {
                bytes.truncate(end);
                return Ok(());
            }
            Scanned::Garbage => return Err(Unread::Refused(Refusal::Garbage)),
            Scanned::More if bytes.len() <= SPAWN_REQUEST_MAX_BYTES => {}
            Scanned::More | Scanned::End(_) => return Err(Unread::Refused(Refusal::TooLong)),
        }
        let idle = until.min(Instant::now() + IDLE_LIMIT);
        let room = SPAWN_REQUEST_MAX_BYTES + 1 - bytes.len();
        let read = timeout_at(idle, (&mut *reader).take(room as u64).read_buf(bytes)).await;
        match read {
            Err(_) if bytes.is_empty() => return Err(Unread::Refused(Refusal::Silent)),
            Err(_) => return Err(Unread::Refused(Refusal::Slow)),
            Ok(Ok(0)) if bytes.is_empty() => return Err(Unread::Nothing),
            Ok(Ok(0)) => return Err(Unread::Refused(Refusal::Garbage)),
            Ok(Err(err)) => {
                tracing::debug!("a client's connection broke: {err}");
                return Err(Unread::Nothing);
            }
            Ok(Ok(_)) => {}
        }
    }
}

fn understand(bytes: &[u8]) -> Result<Request, SpawnError> {
    let request: Request = serde_json::from_slice(bytes)
        .map_err(|err| invalid(format!("the request is not understood: {err}")))?;
    if let Some(path) = &request.tty_fwd_path {
        let shown: String = visible(path).chars().take(300).collect();
        tracing::debug!("a terminal is asked for by a forwarder that is not run: {shown}");
    }
    Ok(request)
}

fn invalid(why: impl Into<String>) -> SpawnError {
    SpawnError::new(SpawnCode::InvalidRequest, why)
}

/// Asks the hub. `None` when the client is gone; its request goes on all the same.
async fn ask(
    terminals: &Terminals,
    request: Request,
    cred: PeerCred,
    writer: &WriteHalf,
) -> Option<SpawnReply> {
    let asked = request.session_id.clone();
    let Some((reply, mut receiver)) = terminals.replies.open() else {
        return Some(SpawnReply::new(Err(stopping()), asked));
    };
    let origin = origin::of_peer(cred, Access::Asked);
    let event = Event::CommandReceived { reply, command: Command::OpenTerminal(request.into()), origin };
    if terminals.outbox.send(event).await.is_err() {
        terminals.replies.forget(reply);
        return Some(SpawnReply::new(Err(stopping()), asked));
    }
    terminals.health.count_message();
    let outcome = loop {
        tokio::select! {
            biased;
            outcome = &mut receiver => break outcome,
            // One that waits for a person's yes cannot go on in another magia.
            () = left_behind(&terminals.leave) => {
                terminals.replies.forget(reply);
                return Some(SpawnReply::new(Err(stopping()), asked));
            }
            () = sleep(GONE_CHECK) => {
                if has_hung_up(writer).await {
                    terminals.replies.forget(reply);
                    tell_gone(terminals, reply).await;
                    return None;
                }
            }
        }
    };
    let outcome = match outcome {
        Ok(Ok(value)) => serde_json::from_value::<OpenedTerminal>(value)
            .map_err(|err| RpcError::new(ErrorCode::Internal, err.to_string()).into()),
        Ok(Err(err)) => Err(SpawnError::from(err)),
        Err(_) => Err(stopping()),
    };
    Some(SpawnReply::new(outcome, asked))
}

async fn left_behind(leave: &Leave) {
    leave.begun().await;
    sleep(LEAVE_LIMIT).await;
}

fn stopping() -> SpawnError {
    SpawnError::unavailable("this socket: magia is stopping")
}

async fn tell_gone(terminals: &Terminals, reply: ReplyId) {
    if terminals.outbox.send(Event::RequesterGone(reply)).await.is_err() {
        tracing::debug!("a requester's end not told, the hub has stopped");
    }
}

/// Whether the client has closed both ways. One that only says nothing more still waits for its reply.
#[cfg(unix)]
async fn has_hung_up(writer: &WriteHalf) -> bool {
    match writer.ready(tokio::io::Interest::WRITABLE).await {
        Ok(ready) => ready.is_write_closed(),
        Err(_) => true,
    }
}
#[cfg(not(unix))]
async fn has_hung_up(_writer: &WriteHalf) -> bool {
    false
}
