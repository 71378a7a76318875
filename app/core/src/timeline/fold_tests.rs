//! The fold on scripted events.

use super::*;
use crate::normalize::claude;
use magia_protocol::wire::{AgentEventKind, Provider, ProviderSessionId, SessionId};
use serde_json::json;

fn feed(timeline: &mut Timeline, at_ms: u64, name: &str, payload: &Value) {
    let understood = claude::understand(name, payload);
    let event = AgentEvent {
        seq: 1,
        received_at_ms: at_ms,
        session: SessionId::from_uuid(uuid::Uuid::nil()),
        provider: Provider::Claude,
        provider_session_id: ProviderSessionId("s".into()),
        turn: None,
        agent_id: None,
        kind: AgentEventKind::Unknown,
        name: name.into(),
        raw: Arc::from(""),
        cut: false,
    };
    timeline.apply(&event, &understood);
}

fn said(at_ms: u64, content: Content) -> TranscriptItem {
    TranscriptItem { at_ms: Some(at_ms), agent_id: None, turn: None, content }
}

fn shown(timeline: &Timeline) -> Vec<String> {
    let line = |item: &Arc<TimelineItem>| match &item.body {
        Body::Prompt(text) => format!("you: {text}"),
        Body::Message(text) => format!("agent: {text}"),
        Body::Tool(tool) => format!("{} {} {:?}", tool.name, tool.status.as_str(), tool.result.as_deref()),
        Body::Note { text, .. } => text.clone(),
        other => format!("{other:?}"),
    };
    timeline.items().iter().map(line).collect()
}

#[test]
fn hooks_and_transcript_tell_each_thing_once() {
    let mut timeline = Timeline::default();
    let bash = json!({"tool_name": "Bash", "tool_input": {"command": "ls"}, "tool_use_id": "t1"});
    feed(&mut timeline, 10, "UserPromptSubmit", &json!({"prompt": "go", "prompt_id": "p1"}));
    assert_eq!(timeline.items()[0].turn.as_deref(), Some("p1"));
    feed(&mut timeline, 20, "PreToolUse", &bash);
    let mut done = bash.clone();
    done["tool_response"] = json!({"stdout": "a\n", "stderr": ""});
    done["duration_ms"] = json!(3);
    feed(&mut timeline, 30, "PostToolUse", &done);
    feed(&mut timeline, 40, "Stop", &json!({"last_assistant_message": "done"}));

    let mut prompt = said(9, Content::Prompt(Arc::from("go")));
    prompt.turn = Some("p1".into());
    timeline.apply_transcript(&prompt);
    timeline.apply_transcript(&said(15, Content::Message(Arc::from("I will look."))));
    let input = Arc::new(json!({"command": "ls"}));
    timeline.apply_transcript(&said(16, Content::ToolUse { id: "t1".into(), name: "Bash".into(), input }));
    let result = Content::ToolResult { id: "t1".into(), text: Arc::from("other"), failed: false };
    timeline.apply_transcript(&said(31, result));
    timeline.apply_transcript(&said(39, Content::Message(Arc::from("done"))));

    assert_eq!(
        shown(&timeline),
        ["you: go", "agent: I will look.", "Bash done Some(\"a\\n\")", "agent: done"]
    );
}

#[test]
fn a_transcript_that_is_read_again_tells_nothing_twice() {
    let mut timeline = Timeline::default();
    let bash = json!({"tool_name": "Bash", "tool_input": {"command": "ls"}, "tool_use_id": "t1"});
    let transcript = |timeline: &mut Timeline| {
        timeline.transcript_begins();
        let mut prompt = said(9, Content::Prompt(Arc::from("go")));
        prompt.turn = Some("p1".into());
        timeline.apply_transcript(&prompt);
        timeline.apply_transcript(&said(14, Content::Thinking(Arc::from("hm"))));
        timeline.apply_transcript(&said(15, Content::Message(Arc::from("I will look."))));
        for id in ["t1", "t2"] {
            let input = Arc::new(json!({"command": id}));
            timeline
                .apply_transcript(&said(16, Content::ToolUse { id: id.into(), name: "Bash".into(), input }));
        }
        timeline.apply_transcript(&said(39, Content::Message(Arc::from("done"))));
        timeline.apply_transcript(&said(50, Content::Interrupted));
    };
    // The transcript is there first: the hooks' words about the same call are kept all the same.
    transcript(&mut timeline);
    feed(&mut timeline, 10, "UserPromptSubmit", &json!({"prompt": "go", "prompt_id": "p1"}));
    let mut done = bash.clone();
    done["tool_response"] = json!({"stdout": "a\n", "stderr": ""});
    feed(&mut timeline, 20, "PreToolUse", &bash);
    feed(&mut timeline, 30, "PostToolUse", &done);
    feed(&mut timeline, 40, "Stop", &json!({"last_assistant_message": "done"}));
    let first = shown(&timeline);
    for _ in 0..3 {
        transcript(&mut timeline);
        assert_eq!(shown(&timeline), first);
    }
    // One that has become shorter tells no more what it does not say now.
    timeline.transcript_begins();
    assert_eq!(shown(&timeline), ["you: go", "Bash done Some(\"a\\n\")", "agent: done"]);
    assert_eq!(timeline.bytes(), timeline.items().iter().map(|item| item.bytes()).sum::<usize>());
    let mut timeline = Timeline::default();
    feed(&mut timeline, 40, "Stop", &json!({"last_assistant_message": "done"}));
    for _ in 0..2 {
        timeline.transcript_begins();
        timeline.apply_transcript(&said(39, Content::Message(Arc::from("done"))));
        assert_eq!(shown(&timeline), ["agent: done"]);
    }
}

#[test]
fn an_old_interruption_that_is_read_now_breaks_nothing_off_that_runs_now() {
    let mut timeline = Timeline::default();
    let call = |id: &str| json!({"tool_name": "Bash", "tool_input": {}, "tool_use_id": id});
    feed(&mut timeline, 10, "UserPromptSubmit", &json!({"prompt": "go", "prompt_id": "p1"}));
    feed(&mut timeline, 20, "PreToolUse", &call("old"));
    feed(&mut timeline, 60, "PreToolUse", &call("new"));
    timeline.apply_transcript(&said(30, Content::Interrupted));
    assert_eq!(
        shown(&timeline),
        ["you: go", "Bash denied None", "Interrupted by the user", "Bash running None"]
    );
}

#[test]
fn a_batch_shows_what_was_not_run() {
    let mut timeline = Timeline::default();
    feed(
        &mut timeline,
        1,
        "PreToolUse",
        &json!({"tool_name": "Bash", "tool_input": {}, "tool_use_id": "t1"}),
    );
    feed(&mut timeline, 2, "PostToolBatch", &json!({"tool_calls": [{"tool_use_id": "t1"}]}));
    assert_eq!(shown(&timeline), ["Bash denied None"]);
}

#[test]
fn the_same_words_in_two_turns_stand_twice() {
    let mut timeline = Timeline::default();
    for turn in 0..2 {
        feed(
            &mut timeline,
            turn * 100,
            "UserPromptSubmit",
            &json!({"prompt": "again", "prompt_id": turn.to_string()}),
        );
        feed(&mut timeline, turn * 100 + 50, "Stop", &json!({"last_assistant_message": "ok"}));
    }
    for turn in 0..2 {
        timeline.apply_transcript(&said(turn * 100 + 49, Content::Message(Arc::from("ok"))));
    }
    assert_eq!(shown(&timeline), ["you: again", "agent: ok", "you: again", "agent: ok"]);
}

#[test]
fn a_long_timeline_forgets_its_oldest_and_stays_consistent() {
    let mut timeline = Timeline::default();
    for n in 0..(ITEMS_MAX as u64 + 50) {
        let payload = json!({"tool_name": "Bash", "tool_input": {}, "tool_use_id": n.to_string()});
        feed(&mut timeline, n, "PreToolUse", &payload);
    }
    assert!(timeline.items().len() <= ITEMS_MAX);
    assert_eq!(timeline.bytes(), timeline.items().iter().map(|item| item.bytes()).sum::<usize>());
    assert_eq!(timeline.tools.len(), timeline.items().len());
    feed(
        &mut timeline,
        999_999,
        "PostToolBatch",
        &json!({"tool_calls": [{"tool_use_id": "10001"}, {"tool_use_id": "1"}]}),
    );
    let denied = shown(&timeline).iter().filter(|line| line.contains("denied")).count();
    assert_eq!(denied, 1);
}

#[test]
fn a_long_result_is_cut_at_a_character() {
    let text = "ä".repeat(RESULT_CAP);
    let kept = cut(&text);
    assert!(kept.len() < RESULT_CAP + 64);
    assert!(kept.ends_with("bytes more"));
}
