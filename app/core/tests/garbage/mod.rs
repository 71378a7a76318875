//! Payloads for the normalisers' tests: the captured ones and any other.
#![allow(dead_code, reason = "each test binary uses its part")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail")]

use magia_core::normalize::{Detail, Understood};
use proptest::prelude::*;
use serde_json::Value;
use std::path::Path;

/// Every capture of a provider by name: its event and payload.
pub fn captures(provider: &str) -> Vec<(String, String, Value)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/data/{provider}/hooks"));
    let mut all: Vec<_> = std::fs::read_dir(&directory)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap().trim_end_matches(".json").to_owned();
            let payload: Value =
                serde_json::from_str(&std::fs::read_to_string(entry.path()).unwrap()).unwrap();
            let event = payload["hook_event_name"].as_str().unwrap().to_owned();
            assert!(name.starts_with(&event), "{name}");
            (name, event, payload)
        })
        .collect();
    all.sort_by(|one, other| one.0.cmp(&other.0));
    all
}

/// A detail in a line.
pub fn shown(detail: &Detail) -> String {
    match detail {
        Detail::ToolStarted(call) => format!("{} {}", call.tool, !call.use_id.is_empty()),
        Detail::ToolEnded { call, error, response, .. } => {
            let named = !call.use_id.is_empty();
            format!("{} {named} error={error:?} {response}", call.tool)
        }
        other => format!("{other:?}"),
    }
}

/// What the model does with a detail's free parts.
pub fn uses(understood: &Understood) {
    match &understood.detail {
        Detail::ToolStarted(call) => {
            magia_core::subject::Subject::of(&call.tool, &call.input).summary();
            magia_core::policy::risk::judge(&call.tool, &call.input, None);
        }
        Detail::ToolEnded { response, .. } => {
            magia_core::normalize::claude::response_text(response);
        }
        Detail::Permission { tool, input, .. } => {
            magia_core::subject::Subject::of(tool, input).summary();
            magia_core::policy::risk::judge(tool, input, None);
        }
        _ => {}
    }
}

/// Any JSON, with the keys that matter.
pub fn any_json() -> impl Strategy<Value = Value> {
    let words = prop::sample::select(vec![
        "run_shell_command",
        "Bash",
        "apply_patch",
        "write_file",
        "replace",
        "ToolPermission",
        "exec",
        "edit",
        "failed",
        "manual",
        "2026-11-21T19:35:25.181Z",
        "*** Add File: a\n+b",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        words.prop_map(Value::from),
        "[a-z]{0,12}".prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        let keys = prop::sample::select(vec![
            "session_id",
            "transcript_path",
            "cwd",
            "turn_id",
            "timestamp",
            "agent_id",
            "tool_name",
            "tool_input",
            "tool_use_id",
            "tool_response",
            "llmContent",
            "returnDisplay",
            "fileDiff",
            "error",
            "message",
            "notification_type",
            "details",
            "type",
            "command",
            "filePath",
            "file_path",
            "originalContent",
            "newContent",
            "status",
            "trigger",
            "source",
            "reason",
            "prompt",
            "text",
        ]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((keys, inner), 0..10)
                .prop_map(|fields| fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()),
        ]
    })
}
