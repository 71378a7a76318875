//! Reading single fields of a hook payload.

use super::ToolCall;
use serde_json::Value;

/// A text.
pub(super) fn text(payload: &Value, key: &str) -> Option<String> {
    payload.get(key).and_then(Value::as_str).map(str::to_owned)
}

/// An id or a name.
pub(super) fn word(payload: &Value, key: &str) -> Option<String> {
    text(payload, key).filter(|text| is_word(text))
}

/// Not empty and not long.
pub(crate) fn is_word(text: &str) -> bool {
    !text.is_empty() && text.len() <= 256
}

/// A path.
pub(super) fn path(payload: &Value, key: &str) -> Option<String> {
    text(payload, key).filter(|text| is_path(text))
}

/// Not empty, and as long as the system takes it.
pub(crate) fn is_path(text: &str) -> bool {
    !text.is_empty() && text.len() <= 4_096
}

/// A tool call; its id is empty when the provider gives none.
pub(super) fn call(payload: &Value) -> Option<ToolCall> {
    Some(ToolCall {
        use_id: text(payload, "tool_use_id").unwrap_or_default(),
        tool: text(payload, "tool_name")?,
        input: payload.get("tool_input").cloned().unwrap_or_default(),
    })
}
