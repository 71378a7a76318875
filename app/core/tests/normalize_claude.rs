//! Claude's hook payloads, as captured from the real program and as nobody should send them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail"
)]

use magia_core::normalize::claude::understand;
use magia_core::normalize::{Detail, StartSource};
use magia_protocol::wire::AgentEventKind as Kind;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::path::Path;

/// Every captured payload: its kind and the parts that the model uses.
#[test]
fn every_captured_payload_is_understood() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/claude/hooks");
    let mut names: Vec<_> = std::fs::read_dir(&directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let mut table = String::new();
    for name in &names {
        let text = std::fs::read_to_string(directory.join(name)).unwrap();
        let payload: Value = serde_json::from_str(&text).unwrap();
        let event = payload["hook_event_name"].as_str().unwrap();
        assert!(name.starts_with(event), "{name}");
        let understood = understand(event, &payload);
        assert_ne!(understood.kind, Kind::Unknown, "{name}");
        let id = understood.provider_session_id.as_ref().expect("a session id");
        assert_eq!(id.0, payload["session_id"].as_str().unwrap(), "{name}");
        assert_eq!(understood.cwd.as_deref(), payload["cwd"].as_str(), "{name}");
        assert_eq!(understood.turn.as_deref(), payload["prompt_id"].as_str(), "{name}");
        assert_eq!(understood.agent_id.as_deref(), payload["agent_id"].as_str(), "{name}");
        assert_eq!(understood.permission_mode.as_deref(), payload["permission_mode"].as_str(), "{name}");
        assert_eq!(understood.title.as_deref(), payload["session_title"].as_str(), "{name}");
        table.push_str(&format!(
            "{}: {} {}\n",
            name.trim_end_matches(".json"),
            understood.kind,
            shown(&understood.detail)
        ));
    }
    assert_eq!(names.len(), 52, "a new capture belongs in the table below");
    insta::assert_snapshot!(table);
}

fn shown(detail: &Detail) -> String {
    match detail {
        Detail::ToolStarted(call) => format!("{} {}", call.tool, !call.use_id.is_empty()),
        Detail::ToolEnded { call, error, duration_ms, response } => {
            let response = !response.is_null();
            format!(
                "{} {} response={response} error={error:?} timed={}",
                call.tool,
                !call.use_id.is_empty(),
                duration_ms.is_some()
            )
        }
        Detail::ToolBatch { use_ids } => format!("batch of {}", use_ids.len()),
        Detail::Permission { tool, input, suggestions } => {
            format!("{tool} {} suggestions={}", !input.is_null(), suggestions.len())
        }
        other => format!("{other:?}"),
    }
}

/// The events of this version of Claude, and the kind that each becomes.
const EVENTS: &[(&str, Kind)] = &[
    ("SessionStart", Kind::SessionStarted),
    ("Setup", Kind::ConfigChanged),
    ("InstructionsLoaded", Kind::ConfigChanged),
    ("UserPromptSubmit", Kind::PromptSubmitted),
    ("UserPromptExpansion", Kind::PromptExpanded),
    ("PreToolUse", Kind::ToolStarted),
    ("PermissionRequest", Kind::PermissionRequested),
    ("PermissionDenied", Kind::PermissionResolved),
    ("PostToolUse", Kind::ToolCompleted),
    ("PostToolUseFailure", Kind::ToolFailed),
    ("PostToolBatch", Kind::ToolBatch),
    ("Notification", Kind::Notification),
    ("MessageDisplay", Kind::MessageAssistant),
    ("Stop", Kind::TurnEnded),
    ("StopFailure", Kind::TurnFailed),
    ("SubagentStart", Kind::SubagentStarted),
    ("SubagentStop", Kind::SubagentEnded),
    ("PreCompact", Kind::ContextCompacted),
    ("PostCompact", Kind::ContextCompacted),
    ("TaskCreated", Kind::TaskUpdated),
    ("TaskCompleted", Kind::TaskUpdated),
    ("TeammateIdle", Kind::TeammateIdle),
    ("ConfigChange", Kind::ConfigChanged),
    ("CwdChanged", Kind::ConfigChanged),
    ("FileChanged", Kind::ConfigChanged),
    ("WorktreeCreate", Kind::ConfigChanged),
    ("WorktreeRemove", Kind::ConfigChanged),
    ("Elicitation", Kind::QuestionAsked),
    ("ElicitationResult", Kind::PermissionResolved),
    ("SessionEnd", Kind::SessionEnded),
];

#[test]
fn every_event_name_has_its_kind() {
    assert_eq!(EVENTS.len(), 30);
    for (event, kind) in EVENTS {
        let payload = json!({"session_id": "s", "tool_name": "Bash", "tool_input": {}, "tool_use_id": "t"});
        assert_eq!(understand(event, &payload).kind, *kind, "{event}");
    }
    for tool in ["AskUserQuestion", "ExitPlanMode"] {
        assert_eq!(understand("PermissionRequest", &json!({ "tool_name": tool })).kind, Kind::QuestionAsked);
    }
}

#[test]
fn a_failed_turn_says_what_claude_says_of_it() {
    let failed = |payload: serde_json::Value| match understand("StopFailure", &payload).detail {
        Detail::TurnFailed { error } => error,
        other => panic!("{other:?}"),
    };
    let said = "API Error: 429 slow down";
    assert_eq!(
        failed(json!({"error": "rate_limit", "last_assistant_message": said})),
        format!("rate_limit: {said}")
    );
    assert_eq!(failed(json!({"error": "unknown", "last_assistant_message": said})), said);
    assert_eq!(failed(json!({"error": "rate_limit", "last_assistant_message": " "})), "rate_limit");
    assert_eq!(failed(json!({})), "unknown");
}

#[test]
fn what_is_not_known_or_of_the_wrong_type_is_no_failure() {
    let unknown = understand("BrandNew", &json!({"session_id": "s", "cwd": "/x", "prompt_id": "p"}));
    assert_eq!((unknown.kind, &unknown.detail), (Kind::Unknown, &Detail::Silent));
    assert_eq!(
        (unknown.cwd.as_deref(), unknown.turn.as_deref()),
        (Some("/x"), Some("p")),
        "its fields are kept"
    );
    for payload in [json!(null), json!([]), json!("x"), json!(7), json!({})] {
        for (event, _) in EVENTS {
            assert_eq!(understand(event, &payload).provider_session_id, None, "{event}");
        }
    }
    let wrong = json!({"session_id": 1, "cwd": [], "prompt_id": {}, "agent_id": "", "tool_name": 7, "source": 1,
        "tool_calls": {"a": 1}, "model": "m".repeat(1_000), "transcript_path": "p".repeat(5_000)});
    let understood = understand("PreToolUse", &wrong);
    assert_eq!((understood.kind, understood.agent_id, understood.model), (Kind::Unknown, None, None));
    assert_eq!((understood.cwd, understood.transcript_path), (None, None));
    assert_eq!(understand("SessionStart", &wrong).detail, Detail::Started(StartSource::Startup));
    assert_eq!(understand("PostToolBatch", &wrong).detail, Detail::ToolBatch { use_ids: Vec::new() });
    assert_eq!(understand("PermissionRequest", &wrong).kind, Kind::Unknown);
    let no_input =
        understand("PermissionRequest", &json!({"tool_name": "Bash", "permission_suggestions": "x"}));
    let expected = Detail::Permission { tool: "Bash".into(), input: Value::Null, suggestions: Vec::new() };
    assert_eq!(no_input.detail, expected);
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        let keys = prop::sample::select(vec![
            "session_id",
            "transcript_path",
            "cwd",
            "prompt_id",
            "agent_id",
            "tool_name",
            "tool_input",
            "tool_use_id",
            "tool_calls",
            "tool_response",
            "permission_suggestions",
            "source",
            "reason",
            "stdout",
            "file",
            "content",
            "structuredPatch",
            "questions",
            "question",
            "options",
            "command",
            "x",
        ]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((keys, inner), 0..8)
                .prop_map(|fields| fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn any_payload_of_any_event_is_understood_somehow(
        event in prop_oneof![prop::sample::select(EVENTS.iter().map(|(event, _)| (*event).to_owned()).collect::<Vec<_>>()), ".{0,20}"],
        payload in any_json(),
    ) {
        let understood = understand(&event, &payload);
        if let Detail::ToolEnded { response, .. } = &understood.detail {
            magia_core::normalize::claude::response_text(response);
        }
        if let Detail::Permission { tool, input, suggestions } = &understood.detail {
            magia_core::subject::Subject::of(tool, input).summary();
            magia_core::policy::risk::judge(tool, input, None);
            magia_core::answer::always_label(suggestions);
        }
    }
}
