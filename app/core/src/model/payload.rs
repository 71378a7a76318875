//! What is kept of a payload: all of it, or the same object with its long texts cut, so that it still parses.

use crate::event::PAYLOAD_CAP;
use serde_json::{Map, Value};
use std::sync::Arc;

/// Lengths to which texts are cut, and lists, until the payload is small enough.
const STEPS: &[(usize, usize)] =
    &[(64 * 1024, 4_096), (16 * 1024, 1_024), (4_096, 256), (512, 64), (128, 16)];

/// Keys that are kept in any case: they say whose payload it is and what it is about.
const KEYS: &[&str] = &[
    "session_id",
    "transcript_path",
    "cwd",
    "hook_event_name",
    "prompt_id",
    "agent_id",
    "agent_type",
    "tool_name",
    "tool_use_id",
];

/// The payload within [`PAYLOAD_CAP`], and whether it was cut. `parsed` is the same payload.
pub fn keep(raw: &str, parsed: &Value) -> (Arc<str>, bool) {
    if raw.len() <= PAYLOAD_CAP {
        return (Arc::from(raw), false);
    }
    let small = STEPS
        .iter()
        .map(|(text, list)| shorten(parsed, *text, *list).to_string())
        .find(|text| text.len() <= PAYLOAD_CAP);
    let kept = small.unwrap_or_else(|| {
        let known: Map<String, Value> = KEYS
            .iter()
            .filter_map(|key| Some(((*key).to_owned(), shorten(parsed.get(key)?, 512, 0))))
            .collect();
        Value::Object(known).to_string()
    });
    (Arc::from(kept), true)
}

fn shorten(value: &Value, text_max: usize, list_max: usize) -> Value {
    match value {
        Value::String(text) if text.len() > text_max => {
            let head = text.get(..text.floor_char_boundary(text_max)).unwrap_or_default();
            Value::String(format!("{head}… {} bytes more", text.len() - head.len()))
        }
        Value::Array(items) => {
            Value::Array(items.iter().take(list_max).map(|item| shorten(item, text_max, list_max)).collect())
        }
        Value::Object(fields) => {
            let short = |(key, value): (&String, &Value)| (key.clone(), shorten(value, text_max, list_max));
            Value::Object(fields.iter().map(short).collect())
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_kept_is_small_and_parses_and_says_what_it_was() {
        let huge = "ä".repeat(PAYLOAD_CAP);
        let many: Map<String, Value> = (0..50_000).map(|n| (format!("key{n}"), json!(n))).collect();
        for input in [json!({ "content": huge }), json!(vec!["x"; 300_000]), Value::Object(many)] {
            let payload = json!({"session_id": "s", "tool_name": "Write", "tool_input": input});
            let (kept, cut) = keep(&payload.to_string(), &payload);
            assert!(cut && kept.len() <= PAYLOAD_CAP);
            let read: Value = serde_json::from_str(&kept).unwrap();
            assert_eq!((&read["session_id"], &read["tool_name"]), (&json!("s"), &json!("Write")));
        }
        let small = json!({"a": 1});
        assert_eq!(keep("{\"a\":  1}", &small), (Arc::from("{\"a\":  1}"), false));
    }
}
