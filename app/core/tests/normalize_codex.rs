//! Codex's hook payloads, as captured from the real program and as nobody should send them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail"
)]

mod garbage;

use garbage::any_json;
use magia_core::normalize::codex::understand;
use magia_core::normalize::{Detail, StartSource};
use magia_protocol::wire::AgentEventKind as Kind;
use proptest::prelude::*;
use serde_json::{Value, json};

#[test]
fn every_captured_payload_is_understood() {
    let captures = garbage::captures("codex");
    let mut table = String::new();
    for (name, event, payload) in &captures {
        let understood = understand(event, payload);
        let id = understood.provider_session_id.as_ref().expect("a session id");
        assert_eq!(id.0, payload["session_id"].as_str().unwrap(), "{name}");
        assert_eq!(understood.cwd.as_deref(), payload["cwd"].as_str(), "{name}");
        assert_eq!(understood.turn.as_deref(), payload["turn_id"].as_str(), "{name}");
        assert_eq!(understood.agent_id.as_deref(), payload["agent_id"].as_str(), "{name}");
        let own = understood.transcript_path.is_some();
        assert_eq!(
            own,
            understood.agent_id.is_none(),
            "{name}: a subagent's transcript is not the session's"
        );
        table.push_str(&format!("{name}: {} {}\n", understood.kind, garbage::shown(&understood.detail)));
    }
    assert_eq!(captures.len(), 28, "a new capture belongs in the table below");
    insta::assert_snapshot!(table);
}

/// The events of this version of Codex, and the kind that each becomes.
const EVENTS: &[(&str, Kind)] = &[
    ("SessionStart", Kind::SessionStarted),
    ("SessionEnd", Kind::SessionEnded),
    ("UserPromptSubmit", Kind::PromptSubmitted),
    ("PreToolUse", Kind::ToolStarted),
    ("PermissionRequest", Kind::PermissionRequested),
    ("PostToolUse", Kind::ToolCompleted),
    ("PreCompact", Kind::ContextCompacted),
    ("PostCompact", Kind::ContextCompacted),
    ("SubagentStart", Kind::SubagentStarted),
    ("SubagentStop", Kind::SubagentEnded),
    ("Stop", Kind::TurnEnded),
    ("Interrupt", Kind::TurnInterrupted),
    ("PreModelRequest", Kind::Unknown),
    ("PostModelRequest", Kind::Unknown),
    // Claude's, which Codex does not have.
    ("Notification", Kind::Unknown),
];

#[test]
fn every_event_name_has_its_kind() {
    for (event, kind) in EVENTS {
        let payload = json!({"session_id": "s", "tool_name": "Bash", "tool_input": {}, "tool_use_id": "t"});
        assert_eq!(understand(event, &payload).kind, *kind, "{event}");
    }
    for (source, expected) in [
        ("startup", StartSource::Startup),
        ("resume", StartSource::Resume),
        ("fork", StartSource::Resume),
        ("clear", StartSource::Clear),
        ("compact", StartSource::Compact),
        ("later", StartSource::Startup),
    ] {
        let detail = understand("SessionStart", &json!({ "source": source })).detail;
        assert_eq!(detail, Detail::Started(expected), "{source}");
    }
}

#[test]
fn a_failed_request_to_the_model_is_a_failed_turn_with_its_sentence() {
    let failed = |fields: Value| {
        let mut payload = json!({"session_id": "s", "status": "failed"});
        payload.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        understand("PostModelRequest", &payload)
    };
    for (error, words) in [
        (json!(r#"{"error":{"message":"bad request","code":null}}"#), "bad request"),
        (json!("stream closed"), "stream closed"),
        (json!(r#"{"error":7}"#), r#"{"error":7}"#),
        (json!(null), ""),
    ] {
        let understood = failed(json!({ "error": error }));
        assert_eq!(understood.detail, Detail::TurnFailed { error: words.into() });
    }
    let long = failed(json!({ "error": "x".repeat(10_000) }));
    assert!(matches!(long.detail, Detail::TurnFailed { error } if error.len() == 200));
    // A subagent's failure is not the turn's.
    let sub = failed(json!({"error": "no", "agent_id": "a"}));
    assert!(matches!(sub.detail, Detail::Note(_)), "{sub:?}");
}

#[test]
fn a_subagents_prompt_and_interrupt_are_not_the_users() {
    for event in ["UserPromptSubmit", "Interrupt"] {
        let payload = json!({"session_id": "s", "agent_id": "a", "prompt": "look around"});
        assert_eq!(understand(event, &payload).detail, Detail::Silent, "{event}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn any_payload_of_any_event_is_understood_somehow(
        event in prop_oneof![prop::sample::select(EVENTS.iter().map(|(event, _)| (*event).to_owned()).collect::<Vec<_>>()), ".{0,20}"],
        payload in any_json(),
    ) {
        let understood = understand(&event, &payload);
        garbage::uses(&understood);
        let known = payload.get("session_id").and_then(Value::as_str).filter(|id| !id.is_empty());
        prop_assert_eq!(understood.provider_session_id.as_ref().map(|id| id.0.as_str()), known);
    }
}
