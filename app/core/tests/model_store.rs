//! What is kept and read back: sessions, requests, timelines.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail"
)]

mod script;

use magia_core::effect::{Effect, StoreWrite};
use magia_core::event::{Event, RegistryStatus, Seen, StoredRequest, StoredSession, StoredState};
use magia_core::model::StoredTimeline;
use magia_core::normalize::understand;
use magia_core::settings::Settings;
use magia_core::transcript::{Content, TranscriptItem};
use magia_protocol::wire::SessionState::{Ended, Failed, Idle as AtRest, WaitingPermission, Working};
use magia_protocol::wire::info::Decision;
use magia_protocol::wire::{Provider, ProviderSessionId, RequestId, RequestState, SessionId, TitleSource};
use script::{Script, T0, bash, in_agent, process};
use serde_json::json;
use std::sync::Arc;

fn stored(n: u128, psid: &str, pid: Option<u32>, ended: bool) -> StoredSession {
    StoredSession {
        id: SessionId::from_uuid(uuid::Uuid::from_u128(n)),
        provider: Provider::Claude,
        config_root: "/home/dev/.claude".into(),
        provider_session_id: ProviderSessionId(psid.into()),
        parent: None,
        cwd: "/home/dev/shop".into(),
        title: Some("Cart".into()),
        title_source: TitleSource::User,
        transcript_path: None,
        model: None,
        process: pid.map(process),
        started_at_ms: T0 - 900_000,
        last_activity_ms: T0 - 800_000,
        ended,
        pinned: true,
        hidden: false,
        seen: None,
        between_turns: false,
    }
}

fn stored_request(n: u128, session: u128, state: RequestState, by: Option<&str>) -> StoredRequest {
    StoredRequest {
        id: RequestId::from_uuid(uuid::Uuid::from_u128(n)),
        session: SessionId::from_uuid(uuid::Uuid::from_u128(session)),
        provider: Some(Provider::Claude),
        tool: "Bash".into(),
        input: json!({"command": "make"}).to_string(),
        agent_id: None,
        asked_at_ms: T0 - 810_000,
        state,
        decision: None,
        decided_by: by.map(str::to_owned),
        decided_at_ms: None,
        reason: None,
        cwd: String::new(),
        paths: None,
        policy: String::new(),
        edited_input: None,
    }
}

#[test]
fn what_the_store_held_is_there_again() {
    let mut script = Script::default();
    let state = StoredState {
        sessions: vec![
            stored(1, "alive", Some(10), false),
            stored(2, "ended", None, true),
            stored(3, "dead", Some(11), false),
        ],
        requests: vec![
            stored_request(100, 1, RequestState::Open, None),
            stored_request(101, 1, RequestState::InTerminal, Some("window")),
            stored_request(102, 1, RequestState::Decided, Some("window")),
            stored_request(103, 1, RequestState::TookEffect, Some("cli 7")),
        ],
        last_seq: 41,
        last_alive_ms: Some(T0 - 12 * 60_000),
        ..StoredState::default()
    };
    let first = script.apply(Event::StoreLoaded(Box::new(state)));
    assert_eq!(script.count(first, |fx| matches!(fx, Effect::WatchProcess(_))), 2);
    let states: Vec<_> = ["alive", "ended", "dead"].map(|id| script.state(id)).into();
    assert_eq!(states, [AtRest, Ended, AtRest], "whether one lives is said by its process");
    script.dies(11);
    assert_eq!(script.state("dead"), Ended);
    let ended = script.row("ended");
    assert_eq!((ended.title.as_str(), ended.pinned, ended.state_since_ms), ("Cart", true, T0 - 800_000));
    for (n, state) in
        [(100, RequestState::AppGone), (101, RequestState::AppGone), (102, RequestState::AppGone)]
    {
        let id = RequestId::from_uuid(uuid::Uuid::from_u128(n));
        assert_eq!(script.request_state(id), state, "{n}");
    }
    assert_eq!(script.requests.len(), 3, "what was settled is not written again");
    assert!(script.model.snapshot(script.now).unwrap().requests.is_empty());

    // Hooks go on with the same id and the next number.
    let first = script.hook(10, "alive", "UserPromptSubmit", json!({"prompt": "on"}));
    assert_eq!(
        (script.rows("alive").len(), script.row("alive").id),
        (1, SessionId::from_uuid(uuid::Uuid::from_u128(1)))
    );
    let seq = script.since(first).iter().find_map(|fx| match fx {
        Effect::Store(StoreWrite::Event(event)) => Some(event.seq),
        _ => None,
    });
    assert_eq!(seq, Some(42));

    // The timeline says that magia was off.
    let session = script.row("alive").id;
    assert_eq!(script.command("get_timeline", json!({"session": session.to_string()}), script::cli()), None);
    script.apply(script::history_of(session, &[]));
    let reply = script.replies.values().next_back().cloned().unwrap().unwrap();
    let lines: Vec<&str> =
        reply.as_array().unwrap().iter().map(|row| row["text"].as_str().unwrap()).collect();
    assert!(lines.contains(&"magia was off, 12 min"), "{lines:?}");
    assert!(lines.contains(&"on"), "what came while it was read is there: {lines:?}");
    assert!(lines.iter().any(|line| line.starts_with("Bash make")), "{lines:?}");
}

/// One session that waits in its terminal when magia begins, and one that does not.
fn waiting_in_the_terminal() -> Script {
    let mut waits = stored(1, "waits", Some(10), false);
    waits.seen =
        Some(Seen { state: WaitingPermission, fact: "PermissionRequest".into(), at_ms: T0 - 810_000 });
    let mut works = stored(2, "works", Some(11), false);
    works.seen = Some(Seen { state: Working, fact: "PostToolUse".into(), at_ms: T0 - 810_000 });
    let mut of_daemon = stored_request(103, 1, RequestState::Open, None);
    of_daemon.provider = Some(Provider::Codex);
    let mut script = Script::default();
    script.apply(Event::StoreLoaded(Box::new(StoredState {
        sessions: vec![waits, works],
        requests: vec![
            stored_request(100, 1, RequestState::InTerminal, None),
            stored_request(101, 1, RequestState::Open, None),
            stored_request(102, 2, RequestState::InTerminal, None),
            of_daemon,
        ],
        last_alive_ms: Some(T0 - 60_000),
        ..StoredState::default()
    })));
    script
}

fn standing(script: &Script) -> [RequestState; 4] {
    [100, 101, 102, 103].map(|n| script.request_state(RequestId::from_uuid(uuid::Uuid::from_u128(n))))
}

#[test]
fn what_waits_in_the_terminal_waits_there_after_a_restart() {
    use RequestState::{AnsweredInTerminal, AppGone};
    let mut script = waiting_in_the_terminal();
    let open = script.cli("get_permission_requests", json!({})).unwrap();
    let open: Vec<&str> = open.as_array().unwrap().iter().map(|row| row["state"].as_str().unwrap()).collect();
    assert_eq!(open, ["in terminal"]);
    assert_eq!(script.state("waits"), WaitingPermission);
    // It is answered there: the agent goes on.
    script.wait(20).hook(10, "waits", "PostToolUse", bash("t1", "make"));
    assert_eq!(standing(&script), [AnsweredInTerminal, AppGone, AppGone, AppGone]);
    assert_eq!(script.state("waits"), Working);

    let mut script = waiting_in_the_terminal();
    script.dies(10);
    assert_eq!(standing(&script)[0], RequestState::AgentGone);
    let mut script = waiting_in_the_terminal();
    assert_eq!(script.requests.len(), 3, "the state of one is as it was stored");
    script.hook(10, "waits", "UserPromptSubmit", json!({"prompt": "no, this"}));
    assert_eq!(standing(&script)[..2], [AnsweredInTerminal, AppGone]);
    let mut script = waiting_in_the_terminal();
    script.registry_since(10, "waits", Some(RegistryStatus::Busy), T0 - 700_000);
    assert_eq!(standing(&script)[..2], [AnsweredInTerminal, AppGone]);
    assert_eq!(standing(&script)[2..], [AppGone, AppGone]);
}

#[test]
fn a_store_that_is_begun_anew_gets_what_a_person_would_miss() {
    let mut script = Script::new();
    for (pid, name) in [(10, "lives"), (11, "pinned"), (12, "named"), (13, "over")] {
        script.hook(pid, name, "UserPromptSubmit", json!({"prompt": "go"}));
    }
    let (gate, settled) = script.bash(10, "lives", "t1", "make");
    script.decide_written(gate, settled, Decision::Allow);
    script.hook(10, "lives", "PostToolUse", bash("t1", "make"));
    let (_, open) = script.bash(10, "lives", "t2", "make clean");
    let id_of = |script: &Script, name: &str| script.row(name).id;
    let (lives, pinned) = (id_of(&script, "lives"), id_of(&script, "pinned"));
    let (named, over) = (id_of(&script, "named"), id_of(&script, "over"));
    script.cli("update_session", json!({"session": pinned.to_string(), "pinned": true})).unwrap();
    script.cli("set_session_title", json!({"session": named.to_string(), "title": "Cart"})).unwrap();
    for pid in [11, 12, 13] {
        script.dies(pid);
    }
    let first = script.apply(Event::StoreBegunAnew);
    let (mut sessions, mut requests) = (Vec::new(), Vec::new());
    for effect in script.since(first) {
        match effect {
            Effect::Store(StoreWrite::Session(row)) => sessions.push(row.id),
            Effect::Store(StoreWrite::Request(row)) => requests.push(row.id),
            _ => {}
        }
    }
    sessions.sort();
    assert_eq!(sessions, [lives, pinned, named]);
    assert!(!sessions.contains(&over));
    assert_eq!(requests, [open]);
}

#[test]
fn what_the_store_forgot_is_forgotten() {
    let mut script = Script::new();
    for (pid, name) in [(10, "a"), (11, "b"), (12, "c")] {
        script.hook(pid, name, "UserPromptSubmit", json!({"prompt": format!("secret of {name}")}));
        let (gate, id) = script.bash(pid, name, "t1", "make");
        script.decide_written(gate, id, Decision::Allow);
        script.hook(pid, name, "PostToolUse", bash("t1", "make"));
        script.hook(pid, name, "Stop", json!({"last_assistant_message": "done"}));
    }
    for (pid, name) in [(10, "a"), (12, "c")] {
        script.hook(pid, name, "SessionEnd", json!({"reason": "prompt_input_exit"}));
        script.dies(pid);
    }
    let (a, b, c) = (script.row("a").id, script.row("b").id, script.row("c").id);
    script.apply(Event::WindowChanged { focused: false, selected: Some(a) });
    // The second goes on: it was resumed while the store forgot it.
    let first = script.apply(Event::Forgotten(vec![a, b]));
    assert!(
        script.cli("get_active_sessions", json!({"all": true})).unwrap().to_string().contains(&b.to_string())
    );
    let written = |effect: &Effect| matches!(effect, Effect::Store(StoreWrite::Session(row)) if row.id == b);
    assert_eq!(script.count(first, written), 1);
    for (method, params) in [
        ("get_active_sessions", json!({"all": true})),
        ("get_permission_requests", json!({"all": true})),
        ("get_notifications", json!({})),
    ] {
        let told = script.cli(method, params).unwrap().to_string();
        assert!(!told.contains("secret of a") && !told.contains(&a.to_string()), "{method}: {told}");
        assert!(told.contains(&c.to_string()), "{method}: {told}");
    }
    assert!(script.cli("get_timeline", json!({"session": a.to_string()})).is_err());
    // What is left of an ended one is read from the store again.
    let first = script.effects.len();
    assert!(script.command("get_timeline", json!({"session": c.to_string()}), script::cli()).is_none());
    assert_eq!(script.count(first, |effect| matches!(effect, Effect::LoadHistory(id) if *id == c)), 1);
    // The same agent's session that comes back is a new one.
    script.hook(13, "a", "SessionStart", json!({"source": "resume"}));
    assert_ne!(script.row("a").id, a);
}

#[test]
fn timelines_that_nobody_looks_at_do_not_stay_in_memory() {
    const MIB: usize = 1024 * 1024;
    let mut script = Script::new();
    script.apply(Event::StoreLoaded(Box::default()));
    let text = "x".repeat(16 * 1024);
    let work = |script: &mut Script, number: u32| {
        let (pid, name) = (100 + number, format!("s{number}"));
        script.hook(pid, &name, "UserPromptSubmit", json!({"prompt": format!("task {number}")}));
        let (gate, id) = script.bash(pid, &name, "t1", "make");
        script.decide_written(gate, id, Decision::Allow);
        script.wait(1);
        script.hook(pid, &name, "PostToolUse", bash("t1", "make"));
        for call in 0..16 {
            script.hook(pid, &name, "UserPromptSubmit", json!({"prompt": format!("{call} {text}")}));
        }
        script.hook(pid, &name, "Stop", json!({"last_assistant_message": "done"}));
    };
    // While the store cannot be read, memory has the only timelines.
    script.apply(Event::ServiceReported { service: "store", problem: Some("the disk is full".into()) });
    (0..30).for_each(|number| work(&mut script, number));
    assert!(script.model.footprint().timeline_bytes > 7 * MIB);
    let session = script.row("s1").id;
    let put_away = json!({"session": session.to_string(), "limit": 100});
    let whole = script.cli("get_timeline", put_away.clone()).unwrap();
    script.apply(Event::ServiceReported { service: "store", problem: None });

    let looked_at = script.row("s0").id;
    script.apply(Event::WindowChanged { focused: true, selected: Some(looked_at) });
    for number in 30..120 {
        work(&mut script, number);
        let bytes = script.model.footprint().timeline_bytes;
        assert!(number < 40 || bytes < 6 * MIB, "{bytes} after {number}");
    }
    // The one that is looked at is all there; one that was put away is read again, with its requests.
    let whole_of_it = script.cli("get_timeline", json!({"session": looked_at.to_string()})).unwrap();
    assert!(whole_of_it.to_string().contains("task 0"));
    let first = script.effects.len();
    assert!(script.command("get_timeline", put_away.clone(), script::cli()).is_none(), "it was put away");
    assert_eq!(script.count(first, |effect| matches!(effect, Effect::LoadHistory(id) if *id == session)), 1);
    let mut events = script.stored_events();
    events.retain(|event| event.session == session);
    let requests: Vec<_> = script
        .requests
        .values()
        .filter_map(|of| of.last())
        .filter(|one| one.session == session)
        .cloned()
        .collect();
    assert_eq!(requests.len(), 1);
    let stored = Some(Box::new(StoredTimeline::of(&events, &requests, true)));
    // What comes while it is read is not lost, and no request is shown twice.
    script.hook(101, "s1", "UserPromptSubmit", json!({"prompt": "one more"}));
    script.apply(Event::HistoryLoaded { session, stored });
    let mut again = script.replies.values().next_back().cloned().unwrap().unwrap();
    let last = again.as_array_mut().unwrap().pop().unwrap();
    assert_eq!(last["text"], "one more");
    let told = |rows: &serde_json::Value| -> Vec<String> {
        rows.as_array().unwrap().iter().map(|row| row.to_string().replace(&text, "…")).collect()
    };
    assert_eq!(told(&again), told(&whole));
    assert_eq!(script.cli("get_timeline", put_away).unwrap().as_array().unwrap().last().unwrap(), &last);
    // Whoever looks through all of them, one after the other, fills no memory either.
    for number in 2..100 {
        let session = script.row(&format!("s{number}")).id;
        script.apply(Event::WindowChanged { focused: true, selected: Some(session) });
        script.apply(Event::TranscriptBegun(session));
        let stored = Some(Box::new(StoredTimeline::of(&events, &[], true)));
        script.apply(Event::HistoryLoaded { session, stored });
        let bytes = script.model.footprint().timeline_bytes;
        assert!(bytes < 6 * MIB, "{bytes} after {number}");
    }
}

#[test]
fn a_dead_agents_call_does_not_run_again_when_its_transcript_is_read_again() {
    let mut script = Script::new();
    script.hook(10, "s", "UserPromptSubmit", json!({"prompt": "go"}));
    let session = script.row("s").id;
    script.apply(Event::WindowChanged { focused: true, selected: Some(session) });
    let item = |content| TranscriptItem { at_ms: Some(T0 + 5), agent_id: None, turn: None, content };
    let input = Arc::new(json!({"command": "make"}));
    let call = item(Content::ToolUse { id: "t1".into(), name: "Bash".into(), input });
    let status = |script: &mut Script| {
        let rows = script.cli("get_timeline", json!({"session": session.to_string()})).unwrap();
        rows.as_array().unwrap().iter().find(|row| row["kind"] == "tool").unwrap()["status"].clone()
    };
    script.apply(Event::TranscriptBegun(session));
    script.apply(Event::TranscriptRead { session, items: vec![call.clone()] });
    assert_eq!(status(&mut script), "running");
    script.dies(10);
    assert_eq!(status(&mut script), "denied");
    script.apply(Event::TranscriptBegun(session));
    script.apply(Event::TranscriptRead { session, items: vec![call] });
    assert_eq!(status(&mut script), "denied");
    let result = Content::ToolResult { id: "t1".into(), text: Arc::from("built"), failed: false };
    script.apply(Event::TranscriptRead { session, items: vec![item(result)] });
    assert_eq!(status(&mut script), "done", "the transcript knows better");
}

#[test]
fn a_timeline_that_could_not_be_read_is_read_again_and_keeps_what_came_since() {
    let mut script = Script::default();
    let sessions = vec![stored(1, "s", Some(10), false)];
    script.apply(Event::StoreLoaded(Box::new(StoredState { sessions, ..StoredState::default() })));
    let session = SessionId::from_uuid(uuid::Uuid::from_u128(1));
    let first = script.effects.len();
    let asks = |script: &mut Script| {
        script.command("get_timeline", json!({"session": session.to_string()}), script::cli())
    };
    assert!(asks(&mut script).is_none());
    script.hook(10, "s", "UserPromptSubmit", json!({"prompt": "one"}));
    script.apply(Event::HistoryLoaded { session, stored: None });
    let told = |script: &Script| {
        let rows = script.replies.values().next_back().cloned().unwrap().unwrap();
        let rows = rows.as_array().unwrap().clone();
        rows.iter().map(|row| row["text"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(told(&script), ["one"], "whoever waits is told what there is");
    script.hook(10, "s", "UserPromptSubmit", json!({"prompt": "two"}));
    assert!(asks(&mut script).is_none(), "the next who asks has it tried again");
    assert_eq!(script.count(first, |effect| matches!(effect, Effect::LoadHistory(id) if *id == session)), 2);
    script.apply(Event::HistoryLoaded { session, stored: None });
    assert_eq!(told(&script), ["one", "two"]);
    assert!(asks(&mut script).is_none());
    let events = script.stored_events();
    script.hook(10, "s", "UserPromptSubmit", json!({"prompt": "three"}));
    script.apply(script::history_of(session, &events));
    assert_eq!(told(&script), ["one", "two", "three"]);
    assert!(asks(&mut script).is_some(), "now it is whole");
}

#[test]
fn of_two_stored_sessions_with_one_process_the_later_has_it() {
    for reverse in [false, true] {
        let mut script = Script::default();
        let mut sessions =
            vec![stored(1, "before-clear", Some(10), false), stored(2, "after-clear", Some(10), false)];
        if reverse {
            sessions.reverse();
        }
        script.apply(Event::StoreLoaded(Box::new(StoredState { sessions, ..StoredState::default() })));
        assert_eq!((script.state("before-clear"), script.state("after-clear")), (Ended, AtRest));
        script.dies(10);
        assert_eq!(script.state("after-clear"), Ended);
    }
}

#[test]
fn a_call_that_runs_no_more_is_not_shown_as_running() {
    let mut script = Script::new();
    script.hook(10, "a", "UserPromptSubmit", json!({"prompt": "x", "prompt_id": "p1"}));
    script.hook(10, "a", "PreToolUse", bash("t1", "make"));
    script.hook(10, "a", "PreToolUse", in_agent(bash("t2", "make"), "s1"));
    script.hook(10, "a", "UserPromptSubmit", json!({"prompt": "y", "prompt_id": "p2"}));
    let session = script.row("a").id.to_string();
    let status = |script: &mut Script| -> Vec<String> {
        let rows = script.cli("get_timeline", json!({ "session": session })).unwrap();
        let tools = rows.as_array().unwrap().iter().filter(|row| row["kind"] == "tool");
        tools.map(|row| row["status"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(status(&mut script), ["denied", "running"], "Esc has no hook; a subagent may go on");
    script.hook(10, "a", "PostToolUse", bash("t1", "make"));
    assert_eq!(status(&mut script), ["done", "running"], "one that did run says so");
    script.hook(10, "a", "PreToolUse", bash("t3", "make"));
    script.dies(10);
    assert_eq!(status(&mut script).last().unwrap(), "denied");
}

#[test]
fn history_that_is_read_after_the_end_has_no_running_calls() {
    let mut script = Script::default();
    script.apply(Event::StoreLoaded(Box::new(StoredState {
        sessions: vec![stored(1, "a", Some(10), false)],
        ..StoredState::default()
    })));
    let first = script.hook(10, "a", "PreToolUse", bash("t1", "make"));
    let event = script.since(first).iter().find_map(|fx| match fx {
        Effect::Store(StoreWrite::Event(event)) => Some((**event).clone()),
        _ => None,
    });
    script.dies(10);
    let session = script.row("a").id;
    script.command("get_timeline", json!({"session": session.to_string()}), script::cli());
    let events: Vec<_> = event.into_iter().collect();
    script.apply(script::history_of(session, &events));
    let reply = script.replies.values().next_back().cloned().unwrap().unwrap();
    assert_eq!(reply[0]["status"], json!("denied"));
}

#[test]
fn a_huge_payload_is_cut_but_still_understood_when_it_is_read_back() {
    let mut script = Script::new();
    let call = json!({"tool_name": "Write", "tool_use_id": "t1",
        "tool_input": {"file_path": "/home/dev/shop/a", "content": "ä\n".repeat(400_000)}});
    let first = script.hook(10, "a", "PreToolUse", call);
    let event = script.since(first).iter().find_map(|fx| match fx {
        Effect::Store(StoreWrite::Event(event)) => Some((**event).clone()),
        _ => None,
    });
    let event = event.unwrap();
    assert!(event.cut && event.raw.len() <= magia_core::event::PAYLOAD_CAP);
    let payload = serde_json::from_str(&event.raw).expect("it parses");
    let understood = understand(Provider::Claude, &event.name, &payload);
    assert_eq!(understood.kind, event.kind);
}

#[test]
fn a_restart_shows_what_a_session_was_last_seen_to_do() {
    let mut script = Script::new();
    script.of("gemini", 10, "works", "BeforeAgent", json!({"prompt": "on"}), false);
    let since_ms = script.now.unix_ms;
    let rows = |script: &Script, first| {
        script.count(first, |fx| matches!(fx, Effect::Store(StoreWrite::Session(_))))
    };
    script.wait(700);
    let first = script.effects.len();
    let call = json!({"tool_name": "glob", "tool_input": {"pattern": "*"}});
    script.of("gemini", 10, "works", "BeforeTool", call.clone(), false);
    assert_eq!(rows(&script, first), 0, "the same state is not written again");
    script.hook(11, "asks", "UserPromptSubmit", json!({"prompt": "on"}));
    script.bash(11, "asks", "t1", "make");
    script.hook(12, "rests", "UserPromptSubmit", json!({"prompt": "on"}));
    script.hook(12, "rests", "Stop", json!({}));
    script.hook(13, "failed", "StopFailure", json!({"error": "overloaded"}));
    script.hook(14, "ended", "UserPromptSubmit", json!({"prompt": "on"}));
    script.dies(14);

    for _ in 0..2 {
        script.wait(5_000);
        script.restart(Settings::default(), None);
        let states: Vec<_> = ["works", "asks", "rests", "failed", "ended"].map(|id| script.state(id)).into();
        assert_eq!(states, [Working, WaitingPermission, AtRest, Failed, Ended]);
        assert_eq!(script.evidence("works"), "hook: BeforeAgent, before magia started");
        assert_eq!(script.evidence("asks"), "hook: asks for Bash, before magia started");
        assert_eq!(script.row("works").state_since_ms, since_ms, "not since the restart");
    }

    // What comes afterwards is newer.
    script.wait(1_000);
    script.of("gemini", 10, "works", "AfterAgent", json!({}), false);
    assert_eq!(script.evidence("works"), "hook: AfterAgent");
    assert_eq!(script.state("works"), AtRest);
    script.registry(11, "asks", Some(RegistryStatus::Busy));
    assert_eq!(script.state("asks"), Working, "answered in the terminal meanwhile");
    script.dies(12);
    assert_eq!(script.state("rests"), Ended);
}

#[test]
fn a_restart_knows_that_only_subagents_work() {
    let mut script = Script::new();
    let in_agent = |fields| in_agent(fields, "a1");
    script.hook(10, "a", "UserPromptSubmit", json!({"prompt": "on"}));
    script.hook(10, "a", "SubagentStart", in_agent(json!({"agent_type": "Explore"})));
    script.hook(10, "a", "Stop", json!({}));
    script.hook(10, "a", "PreToolUse", in_agent(bash("t1", "make")));
    assert_eq!(script.state("a"), Working);
    script.restart(Settings::default(), None);
    assert_eq!(script.state("a"), Working);
    script.hook(10, "a", "SubagentStop", in_agent(json!({"agent_type": "Explore"})));
    assert_eq!(script.state("a"), AtRest);
}

#[test]
fn what_is_forgotten_is_ordered_only_by_settings_that_were_read() {
    let mut script = Script::new();
    let mut load = |days: u32, says_retention: bool| {
        let settings = Settings { retention_days: days, ..Settings::default() };
        let first = script.apply(Event::SettingsLoaded {
            settings: Arc::new(settings),
            problem: None,
            says_retention,
        });
        let order = |fx: &Effect| match fx {
            Effect::Retain { days, mib: 512 } => Some(*days),
            _ => None,
        };
        script.since(first).iter().find_map(order)
    };
    assert_eq!(load(90, false), None, "the file cannot be read at the start");
    assert_eq!(load(365, true), Some(365));
    assert_eq!(load(90, false), None, "a comma is missing for a moment");
    assert_eq!(load(365, true), None, "as it was");
    assert_eq!(load(90, true), Some(90), "the defaults are wished for as well");
}
