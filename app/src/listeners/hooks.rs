//! The hook socket: one line per connection, never answered.
//!
//! # Order
//! The events of one agent come over successive connections, and each handler has written everything before
//! the next one connects. So when a connection has been accepted, whatever its agent said before is in the kernel,
//! and it is heard first: the accepting task takes all that wait in the accept queue, then lets the connections
//! that are still open read what has come for them, and only then reads the new ones, in their order. Most have said
//! everything by then and are delivered at once; the others become tasks. Do not give these tasks a second thread.

use super::accept::Greeted;
use super::health::{Health, Refusal, Unheard};
use super::intake::{Intake, LongLines, Patience, Room, read_only_line};
use super::leave::Leave;
use super::outbox::{HubGone, Outbox};
use super::salvage;
use crate::os::agents;
use magia_core::event::Event;
use magia_core::normalize::process::Role;
use magia_protocol::ipc::line::{HOOK_LINE_MAX_BYTES, Line};
use magia_protocol::ipc::{Incoming, Stream};
use magia_protocol::paths::Socket;
use magia_protocol::wire::{HookMessage, Provider, paired};
use std::io;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// What a connection of this socket needs.
#[derive(Debug)]
pub(super) struct Hooks {
    pub(super) health: Arc<Health>,
    pub(super) outbox: Arc<Outbox>,
    pub(super) long_lines: Arc<LongLines>,
    pub(super) room: Room,
    pub(super) leave: Leave,
}

/// What is read of a connection as it is accepted; few messages are longer.
pub(super) const FIRST_BYTES: usize = 64 * 1024;

/// Looks at a new connection: most handlers have written their whole line already.
pub(super) fn greet(
    hooks: &Arc<Hooks>,
    mut incoming: Incoming,
    unheard: Unheard,
    buffer: &mut [u8; FIRST_BYTES],
) -> io::Result<Greeted<impl Future<Output = ()> + use<>>> {
    let first = first_bytes(&mut incoming, buffer)?;
    if let Some(line) = memchr::memchr(b'\n', first).and_then(|at| first.get(..at))
        && let Message::Whole(message) = understand(Line::Line(line))
    {
        return Ok(Greeted::Told(Event::HookReceived(message), unheard));
    }
    let has_more = first.len() == FIRST_BYTES;
    let served = serve(Arc::clone(hooks), first.to_vec(), incoming.into_stream()?, unheard);
    Ok(Greeted::Stays { served, has_more })
}

/// What a connection has said already, as far as there is room for it.
pub(super) fn first_bytes<'a>(
    incoming: &mut Incoming,
    buffer: &'a mut [u8; FIRST_BYTES],
) -> io::Result<&'a [u8]> {
    let len = match incoming.read_now(buffer) {
        Ok(len) => len,
        Err(err) if err.kind() == io::ErrorKind::WouldBlock => 0,
        Err(err) => return Err(err),
    };
    Ok(buffer.get(..len).unwrap_or_default())
}

/// Serves one connection, of which the `first` bytes are read already.
pub(super) async fn serve(hooks: Arc<Hooks>, first: Vec<u8>, stream: Stream, _unheard: Unheard) {
    let mut reader = Intake::lines_after(&first, stream, HOOK_LINE_MAX_BYTES, &hooks.long_lines);
    drop(first);
    let in_time = patience(&hooks.health);
    let read = tokio::select! {
        biased;
        understood = read_only_line(&mut reader, in_time, understand) => Some(understood),
        () = hooks.leave.begun() => None,
    };
    let mut understood = match read {
        Some(understood) => understood,
        None => match reader.unread().map(<[u8]>::to_vec) {
            Some(said) => {
                let connection = reader.get_mut().source_mut().direct_writer();
                return hooks.leave.put(Socket::Hooks, connection, said);
            }
            // Of a line over the limit not all is there any more, so it is read to its end.
            None => read_only_line(&mut reader, in_time, understand).await,
        },
    };
    if let Ok(Message::Whole(message)) = &mut understood {
        message.room = hooks.room.take(message.payload.get().len()).await;
    }
    // The handler needs nothing more from us, and the hub may take a while.
    drop(reader);
    match understood {
        Ok(Message::Whole(message)) => match hooks.outbox.tell(Event::HookReceived(message)).await {
            Ok(()) => hooks.health.count_message(),
            Err(HubGone) => tracing::debug!("hook event not delivered, the hub has stopped"),
        },
        Ok(Message::Nothing) => {}
        Ok(Message::Garbage) => hooks.health.refuse(&Refusal::Garbage),
        Err(refusal) => hooks.health.refuse(&refusal),
    }
}

/// How long a peer may take, given how many there are.
pub(super) fn patience(health: &Health) -> Patience {
    if health.open() > u64::from(super::accept::OPEN_MAX / 2) { Patience::CROWDED } else { Patience::MESSAGE }
}

/// What a connection said.
#[derive(Debug)]
pub(super) enum Message {
    /// A hook message, perhaps cut.
    Whole(Box<HookMessage>),
    /// Connected and went: somebody asked whether we are here.
    Nothing,
    /// Not a hook message.
    Garbage,
}

/// Understands what was read. A line that was cut short by its sender is garbage unless it is complete JSON.
pub(super) fn understand(line: Line<'_>) -> Message {
    let message = match line {
        Line::Line(line) => parse(line),
        Line::Eof { partial: [] } => return Message::Nothing,
        Line::Eof { partial } => parse(partial),
        Line::TooLong { head, total } => {
            tracing::debug!(total, "hook message over the limit, cut");
            salvage::cut_message(head)
        }
    };
    message.map_or(Message::Garbage, |mut message| {
        message.shared = is_shared(&message);
        message.received_unix_ns = unix_ns();
        Message::Whole(Box::new(message))
    })
}

/// Whether the hook was run by a process that serves many sessions at once.
fn is_shared(message: &HookMessage) -> bool {
    let process = match message.known_provider() {
        Some(Provider::Codex) => message.agent_process(),
        _ => None,
    };
    process.is_some_and(|process| agents::role_of(process.pid) == Some((Provider::Codex, Role::Server)))
}

pub(super) fn unix_ns() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

fn parse(line: &[u8]) -> Option<HookMessage> {
    let line = &*paired(line);
    let err = match HookMessage::parse(line) {
        Ok(message) => return Some(message),
        Err(err) => err,
    };
    tracing::debug!(line = err.line(), column = err.column(), "not a hook message");
    // An agent may pass on bytes that are no text; the rest of its message is worth having.
    let text = String::from_utf8_lossy(line);
    matches!(text, std::borrow::Cow::Owned(_)).then(|| HookMessage::parse(text.as_bytes()).ok()).flatten()
}
