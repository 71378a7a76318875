//! Gemini's hook payloads, as captured from the real program and as nobody should send them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail"
)]

mod garbage;

use garbage::any_json;
use magia_core::normalize::gemini::{Thread, understand};
use magia_core::normalize::{Detail, Understood};
use magia_protocol::wire::AgentEventKind as Kind;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeSet;

#[test]
fn every_captured_payload_is_understood() {
    let captures = garbage::captures("gemini");
    let mut table = String::new();
    for (name, event, payload) in &captures {
        let understood = understand(event, payload);
        let id = understood.provider_session_id.as_ref().expect("a session id");
        assert_eq!(id.0, payload["session_id"].as_str().unwrap(), "{name}");
        assert_eq!(understood.cwd.as_deref(), payload["cwd"].as_str(), "{name}");
        assert_eq!(understood.transcript_path.as_deref(), payload["transcript_path"].as_str(), "{name}");
        table.push_str(&format!("{name}: {} {}\n", understood.kind, garbage::shown(&understood.detail)));
    }
    assert_eq!(captures.len(), 25, "a new capture belongs in the table below");
    insta::assert_snapshot!(table);
}

/// The events of this version of Gemini, and the kind that each becomes.
const EVENTS: &[(&str, Kind)] = &[
    ("SessionStart", Kind::SessionStarted),
    ("SessionEnd", Kind::SessionEnded),
    ("BeforeAgent", Kind::PromptSubmitted),
    ("AfterAgent", Kind::TurnEnded),
    ("BeforeTool", Kind::ToolStarted),
    ("AfterTool", Kind::ToolCompleted),
    ("Notification", Kind::Notification),
    ("PreCompress", Kind::Unknown),
    ("BeforeModel", Kind::Unknown),
    ("AfterModel", Kind::Unknown),
    ("BeforeToolSelection", Kind::Unknown),
];

#[test]
fn every_event_name_has_its_kind() {
    for (event, kind) in EVENTS {
        let payload = json!({"session_id": "s", "tool_name": "glob", "tool_input": {}, "trigger": "auto"});
        assert_eq!(understand(event, &payload).kind, *kind, "{event}");
    }
}

#[test]
fn compression_is_told_of_only_when_the_user_asked_for_it() {
    let auto = understand("PreCompress", &json!({"trigger": "auto"}));
    assert_eq!((auto.kind, auto.detail), (Kind::Unknown, Detail::Silent));
    let manual = understand("PreCompress", &json!({"trigger": "manual"}));
    assert_eq!(manual.kind, Kind::ContextCompacted);
}

#[test]
fn a_garbled_answer_is_not_shown() {
    let payload = json!({"prompt": "p", "prompt_response": "All done here. here."});
    assert_eq!(understand("AfterAgent", &payload).detail, Detail::TurnEnded { last_message: None });
}

/// A session's events, joined in order.
#[derive(Default)]
struct Session {
    thread: Thread,
    clock: u32,
}

impl Session {
    fn event(&mut self, event: &str, mut payload: Value) -> Understood {
        self.clock += 1;
        payload["timestamp"] = json!(format!("2026-11-21T19:35:{:02}.000Z", self.clock));
        self.at_the_same_time(event, payload)
    }

    fn at_the_same_time(&mut self, event: &str, payload: Value) -> Understood {
        let mut understood = understand(event, &payload);
        self.thread.join(&mut understood);
        understood
    }

    fn begins(&mut self, command: &str) -> String {
        use_id(&self.event("BeforeTool", shell(command)))
    }

    fn ends(&mut self, command: &str) -> String {
        use_id(&self.event("AfterTool", shell(command)))
    }
}

fn shell(command: &str) -> Value {
    json!({"tool_name": "run_shell_command", "tool_input": {"command": command}})
}

fn use_id(understood: &Understood) -> String {
    match &understood.detail {
        Detail::ToolStarted(call) | Detail::ToolEnded { call, .. } => call.use_id.clone(),
        other => panic!("no call: {other:?}"),
    }
}

#[test]
fn calls_and_their_ends_have_one_name() {
    let mut session = Session::default();
    session.event("BeforeAgent", json!({"prompt": "go"}));
    // Several at once: all begin before any ends.
    let (a, b) = (session.begins("a"), session.begins("b"));
    assert_ne!(a, b);
    assert_eq!((session.ends("a"), session.ends("b")), (a.clone(), b));
    // The same again is another call.
    let again = session.begins("a");
    assert_ne!(again, a);
    assert_eq!(session.ends("a"), again);
}

#[test]
fn a_refused_call_does_not_take_the_end_of_its_second_try() {
    let mut session = Session::default();
    session.event("BeforeAgent", json!({"prompt": "go"}));
    let refused = session.begins("a");
    let tried = session.begins("a");
    assert_ne!(refused, tried);
    assert_eq!(session.ends("a"), tried);
    // Nor does one that strict mode refused.
    let strict = session.begins("b");
    session.thread.refused(&strict);
    assert_ne!(session.ends("b"), strict);
}

#[test]
fn an_input_that_the_user_changed_is_still_the_same_call() {
    let mut session = Session::default();
    let call = session.begins("a");
    assert_eq!(session.ends("a --carefully"), call, "the only one of its tool");
    session.begins("a");
    session.begins("b");
    let unknown = session.ends("c");
    assert!(unknown.ends_with(&format!("{:02}.000Z", session.clock)), "{unknown}: named by itself");
}

#[test]
fn two_calls_of_one_moment_have_two_names() {
    let mut session = Session::default();
    let payload = json!({"timestamp": "t", "tool_name": "glob", "tool_input": {}});
    let one = use_id(&session.at_the_same_time("BeforeTool", payload.clone()));
    let other = use_id(&session.at_the_same_time("BeforeTool", payload.clone()));
    assert_ne!(one, other);
    let ended = [
        use_id(&session.at_the_same_time("AfterTool", payload.clone())),
        use_id(&session.at_the_same_time("AfterTool", payload)),
    ];
    assert_eq!(BTreeSet::from(ended), BTreeSet::from([one, other]));
}

#[test]
fn turns_are_counted_by_prompts() {
    let mut session = Session::default();
    let before = session.event("SessionStart", json!({"source": "startup"}));
    assert_eq!(before.turn, None);
    let first = session.event("BeforeAgent", json!({"prompt": "one"})).turn.expect("a turn");
    for event in ["BeforeTool", "AfterTool"] {
        assert_eq!(session.event(event, shell("x")).turn.as_ref(), Some(&first), "{event}");
    }
    assert_eq!(session.event("AfterAgent", json!({})).turn.as_ref(), Some(&first));
    let second = session.event("BeforeAgent", json!({"prompt": "two"})).turn.expect("a turn");
    assert_ne!(first, second);
    assert_eq!(session.event("SessionEnd", json!({"reason": "exit"})).turn, None);
}

#[test]
fn a_shells_output_is_shown_without_its_frame() {
    let shown = |response: Value| {
        let payload = json!({"tool_name": "t", "tool_input": {}, "tool_response": response});
        match understand("AfterTool", &payload).detail {
            Detail::ToolEnded { response: Value::String(text), .. } => text,
            other => panic!("{other:?}"),
        }
    };
    let cells = json!([[{"text": "one"}]]);
    let framed = "<untrusted_context>\nOutput: one\ntwo\nProcess Group PGID: 4983\n</untrusted_context>";
    assert_eq!(shown(json!({"llmContent": framed, "returnDisplay": cells})), "one\ntwo");
    assert_eq!(shown(json!({"llmContent": "plain", "returnDisplay": cells})), "plain");
    assert_eq!(shown(json!({"llmContent": framed, "returnDisplay": "Found 1"})), "Found 1");
    assert_eq!(shown(json!({"returnDisplay": {"fileDiff": "+new"}})), "+new");
    assert_eq!(shown(json!(null)), "");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn any_payloads_of_any_events_are_understood_somehow(
        events in prop::collection::vec((
            prop_oneof![
                4 => prop::sample::select(EVENTS.iter().map(|(event, _)| (*event).to_owned()).collect::<Vec<_>>()),
                1 => ".{0,20}",
            ],
            any_json(),
        ), 1..12),
    ) {
        let (mut one, mut other) = (Thread::default(), Thread::default());
        for (event, payload) in &events {
            let mut understood = understand(event, payload);
            garbage::uses(&understood);
            let mut again = understood.clone();
            one.join(&mut understood);
            other.join(&mut again);
            prop_assert_eq!(understood, again, "the same events get the same names");
        }
    }

    /// Whatever begins and ends: a name is begun once, and ended at most once.
    #[test]
    fn no_two_calls_share_a_name(steps in prop::collection::vec((any::<bool>(), 0..3_u8), 0..40)) {
        let mut session = Session::default();
        let (mut begun, mut ended) = (BTreeSet::new(), BTreeSet::new());
        for (begins, command) in steps {
            let command = command.to_string();
            if begins {
                prop_assert!(begun.insert(session.begins(&command)));
            } else {
                prop_assert!(ended.insert(session.ends(&command)));
            }
        }
    }
}
