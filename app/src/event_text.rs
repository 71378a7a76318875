//! An agent event as text for the wire, with its payload as it came.

use magia_core::event::AgentEvent;
use magia_protocol::wire::{AgentEventKind, Provider, ProviderSessionId, SessionId};
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

/// `wire::info::EventInfo`, with the payload as the text that it is already.
#[derive(Serialize)]
struct EventText<'a> {
    id: u64,
    seq: u64,
    received_at_ms: u64,
    session: SessionId,
    provider: Provider,
    provider_session_id: &'a ProviderSessionId,
    turn: Option<&'a str>,
    agent_id: Option<&'a str>,
    kind: AgentEventKind,
    event: &'a str,
    payload: PayloadText<'a>,
    cut: bool,
}

#[derive(Serialize)]
#[serde(untagged)]
enum PayloadText<'a> {
    Json(&'a RawValue),
    Parsed(Value),
    /// A cut one is no JSON any more.
    Text(&'a str),
}

/// An agent event as JSON on one line, in the shape of `wire::info::EventInfo`.
pub fn event_json(event: &AgentEvent) -> String {
    let payload = match serde_json::from_str::<&RawValue>(&event.raw) {
        // A line of the stream must stay one line.
        Ok(raw) if raw.get().contains('\n') => {
            serde_json::from_str(raw.get()).map_or(PayloadText::Text(&event.raw), PayloadText::Parsed)
        }
        Ok(raw) => PayloadText::Json(raw),
        Err(_) => PayloadText::Text(&event.raw),
    };
    let text = EventText {
        id: event.seq,
        seq: event.seq,
        received_at_ms: event.received_at_ms,
        session: event.session,
        provider: event.provider,
        provider_session_id: &event.provider_session_id,
        turn: event.turn.as_deref(),
        agent_id: event.agent_id.as_deref(),
        kind: event.kind,
        event: &event.name,
        payload,
        cut: event.cut,
    };
    serde_json::to_string(&text).unwrap_or_else(|_| "null".to_owned())
}
