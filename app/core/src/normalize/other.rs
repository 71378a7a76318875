//! Codex and Gemini: their events are kept as `unknown` until their normalisers exist.

use super::{Detail, Understood};
use magia_protocol::wire::{AgentEventKind, ProviderSessionId};
use serde_json::Value;

/// Reads the fields that both agents' hooks have in common and leaves the rest.
pub fn understand(payload: &Value) -> Understood {
    let text = |key: &str| payload.get(key).and_then(Value::as_str).map(str::to_owned);
    Understood {
        provider_session_id: text("session_id").map(ProviderSessionId),
        transcript_path: text("transcript_path"),
        cwd: text("cwd"),
        turn: text("turn_id"),
        agent_id: None,
        permission_mode: text("permission_mode"),
        title: None,
        model: text("model"),
        kind: AgentEventKind::Unknown,
        detail: Detail::Silent,
    }
}
