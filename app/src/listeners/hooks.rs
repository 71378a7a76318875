//! The hook socket: one line per connection, never answered.
//!
//! # Order
//! The events of one agent come over successive connections, and each handler has written everything before
//! the next one connects. They are delivered in that order, because at every stage the earlier connection is
//! in front: in the kernel's accept queue; in epoll's ready list (an accepted socket is added when it is
//! accepted, and is not read before epoll has named it); in the runtime's run queue (one thread, first in,
//! first out); and in the [`Outbox`]'s line. So do not read a stream in the accepting task, and do not give
//! these tasks a second thread.

use super::health::{Health, Refusal};
use super::intake::{Intake, LongLines, Patience, read_line};
use super::outbox::{HubGone, Outbox};
use super::salvage;
use magia_core::event::Event;
use magia_protocol::ipc::Stream;
use magia_protocol::ipc::line::{HOOK_LINE_MAX_BYTES, Line};
use magia_protocol::wire::HookMessage;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// What a connection of this socket needs.
#[derive(Debug)]
pub(super) struct Hooks {
    pub(super) health: Arc<Health>,
    pub(super) outbox: Arc<Outbox>,
    pub(super) long_lines: Arc<LongLines>,
}

/// Serves one connection.
pub(super) async fn serve(hooks: Arc<Hooks>, stream: Stream) {
    let mut reader = Intake::lines(stream, HOOK_LINE_MAX_BYTES, &hooks.long_lines);
    let understood = read_line(&mut reader, patience(&hooks.health), understand).await;
    // The handler needs nothing more from us, and the hub may take a while.
    drop(reader);
    match understood {
        Ok(Message::Whole(message)) => match hooks.outbox.send(Event::HookReceived(message)).await {
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
        message.received_unix_ns = unix_ns();
        Message::Whole(Box::new(message))
    })
}

fn unix_ns() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

fn parse(line: &[u8]) -> Option<HookMessage> {
    let err = match HookMessage::parse(line) {
        Ok(message) => return Some(message),
        Err(err) => err,
    };
    tracing::debug!(line = err.line(), column = err.column(), "not a hook message");
    // An agent may pass on bytes that are no text; the rest of its message is worth having.
    let text = String::from_utf8_lossy(line);
    matches!(text, std::borrow::Cow::Owned(_)).then(|| HookMessage::parse(text.as_bytes()).ok()).flatten()
}
