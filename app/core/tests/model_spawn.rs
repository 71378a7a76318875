//! Terminals that are asked for: what is opened at once, what waits for a yes, and what is said meanwhile.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail")]

mod script;

use magia_core::effect::Effect;
use magia_core::event::{Event, Origin, ReplyId};
use magia_core::model::REPLY_WITHIN_MS;
use magia_core::settings::Settings;
use magia_core::spawn::{Plan, Run};
use magia_protocol::wire::info::Decision;
use magia_protocol::wire::spawn::{OpenedTerminal, SpawnCode, SpawnError};
use magia_protocol::wire::{ErrorCode, Provider, RequestId, RequestState, RpcError, SessionId};
use script::{Script, below, cli};
use serde_json::{Value, json};

/// The terminals that are to be opened since a place.
fn opened(script: &Script, first: usize) -> Vec<(Option<ReplyId>, Option<RequestId>, Plan)> {
    let of = |effect: &Effect| match effect {
        Effect::OpenTerminal { reply, request, plan, .. } => Some((*reply, *request, (**plan).clone())),
        _ => None,
    };
    script.since(first).iter().filter_map(of).collect()
}

fn ask(script: &mut Script, params: Value, origin: Origin) -> Option<Result<Value, RpcError>> {
    script.command("open_terminal", params, origin)
}

fn waits(script: &Script) -> RequestId {
    let (id, seen) = script.requests.iter().next_back().unwrap();
    assert_eq!(seen.last().unwrap().state, RequestState::Open);
    *id
}

fn code(reply: &Result<Value, RpcError>) -> SpawnCode {
    SpawnError::from(reply.clone().unwrap_err()).code
}

fn done(script: &mut Script, reply: Option<ReplyId>, request: Option<RequestId>) {
    let opened = OpenedTerminal { session_id: "t1".into(), terminal: "kitty".into() };
    script.apply(Event::TerminalOpened { reply, request, outcome: Ok(opened) });
}

#[test]
fn a_plain_command_is_opened_at_once() {
    let mut script = Script::new();
    let first = script.effects.len();
    assert_eq!(ask(&mut script, json!({ "argv": ["htop"] }), cli()), None, "not before it is there");
    let (reply, request, plan) = opened(&script, first).pop().unwrap();
    assert_eq!((request, plan.run), (None, Run::Argv(vec!["htop".to_owned()])));
    done(&mut script, reply, None);
    let answer = script.replies.get(&reply.unwrap()).unwrap().clone().unwrap();
    assert_eq!(answer, json!({ "session_id": "t1", "terminal": "kitty" }));
    assert!(script.requests.is_empty());
}

#[test]
fn what_takes_a_shell_waits_for_a_yes() {
    let mut script = Script::new();
    let first = script.effects.len();
    assert_eq!(ask(&mut script, json!({ "command": "make | less", "working_dir": "/p" }), cli()), None);
    assert!(opened(&script, first).is_empty());
    let id = waits(&script);
    let listed = script.cli("get_permission_requests", json!({})).unwrap();
    let card = &listed[0];
    assert_eq!((card["id"].as_str(), card["tool"].as_str()), (Some(&*id.to_string()), Some("Terminal")));
    assert_eq!((&card["provider"], &card["summary"]), (&Value::Null, &json!("make | less")));
    assert_eq!(card["session"], json!(SessionId::NOBODY));
    assert_eq!(card["session_title"], json!("cli 4711 (/usr/bin/magia)"));
    assert!(card["policy"].as_str().unwrap().contains("has a pipe"), "{card}");
    script.decide(id, Decision::Allow).unwrap();
    let (reply, request, plan) = opened(&script, first).pop().unwrap();
    assert_eq!((request, plan.run), (Some(id), Run::Shell("make | less".to_owned())));
    assert_eq!(script.request_state(id), RequestState::Decided);
    done(&mut script, reply, request);
    assert_eq!(script.request_state(id), RequestState::TookEffect);
    assert!(script.replies.get(&reply.unwrap()).unwrap().is_ok());
    let again = script.decide(id, Decision::Allow).unwrap_err();
    assert_eq!(again.code, ErrorCode::AlreadyAnswered);
}

#[test]
fn nobody_waits_longer_than_a_client_and_a_late_yes_still_counts() {
    let mut script = Script::new();
    let first = script.effects.len();
    ask(&mut script, json!({ "argv": ["bash", "-c", "ls"] }), cli());
    let id = waits(&script);
    let wake = script.model.next_wake_mono(script.now).unwrap();
    assert!(wake <= script.now.mono_ms + REPLY_WITHIN_MS);
    script.now.mono_ms += REPLY_WITHIN_MS;
    script.apply(Event::ClockTicked);
    let reply = script.replies.values().last().unwrap().clone();
    assert_eq!(code(&reply), SpawnCode::ApprovalRequired);
    assert_eq!(SpawnError::from(reply.unwrap_err()).request, Some(id.to_string()));
    assert_eq!(script.request_state(id), RequestState::Open);
    script.decide(id, Decision::Allow).unwrap();
    let (reply, request, _) = opened(&script, first).pop().unwrap();
    assert_eq!((reply, request), (None, Some(id)));
    let outcome = Err(SpawnError::new(SpawnCode::NoDisplay, "no display"));
    script.apply(Event::TerminalOpened { reply, request, outcome });
    assert_eq!(script.request_state(id), RequestState::NotTaken);
}

#[test]
fn a_card_that_nobody_answers_leaves() {
    let mut script = Script::new();
    ask(&mut script, json!({ "command": "a; b" }), cli());
    let id = waits(&script);
    script.now.mono_ms += REPLY_WITHIN_MS;
    script.apply(Event::ClockTicked);
    script.now.mono_ms += 600_000;
    script.apply(Event::ClockTicked);
    assert_eq!(script.request_state(id), RequestState::Expired);
    assert!(script.decide(id, Decision::Allow).is_err());
}

#[test]
fn a_no_is_told_with_its_reason() {
    let mut script = Script::new();
    let first = script.effects.len();
    for (params, expected) in [
        (json!({ "command": "make > log" }), SpawnCode::ShellSyntax),
        (json!({ "argv": ["python3", "x.py"] }), SpawnCode::PermissionDenied),
    ] {
        ask(&mut script, params, cli());
        let id = waits(&script);
        script
            .cli(
                "resolve_permission",
                json!({ "id": id.to_string(), "decision": "deny", "reason": "not now" }),
            )
            .unwrap();
        let denied = script.replies.values().filter(|reply| reply.is_err()).next_back().unwrap();
        assert_eq!(code(denied), expected);
        assert!(denied.clone().unwrap_err().message.ends_with("not now"));
        assert_eq!(script.request_state(id), RequestState::TookEffect);
    }
    assert!(opened(&script, first).is_empty());
    ask(&mut script, json!({ "command": "a; b" }), cli());
    let id = waits(&script);
    for nothing in [Decision::Always, Decision::None] {
        assert_eq!(script.decide(id, nothing).unwrap_err().code, ErrorCode::Unsupported);
    }
    assert_eq!(script.request_state(id), RequestState::Open);
}

#[test]
fn an_agent_asks_and_does_not_answer_itself() {
    let mut script = Script::new();
    let first = script.effects.len();
    let agent = || below(&[(20, "nc"), (10, "claude"), (1, "init")]);
    ask(&mut script, json!({ "argv": ["htop"] }), agent());
    assert!(opened(&script, first).is_empty());
    let id = waits(&script);
    let http = Origin::Http { pid: 0, exe: None, ancestors: Vec::new() };
    for origin in [agent(), http.clone()] {
        let params = json!({ "id": id.to_string(), "decision": "allow" });
        let err = script.command("resolve_permission", params, origin).unwrap().unwrap_err();
        assert_eq!(err.code, ErrorCode::Refused);
    }
    // Who cannot be told apart from an agent is taken for one.
    ask(&mut script, json!({ "argv": ["htop"] }), http);
    assert!(opened(&script, first).is_empty());
    // A person at the window has said yes by asking.
    ask(&mut script, json!({ "command": "a | b" }), Origin::Window);
    assert_eq!(opened(&script, first).len(), 1);
}

#[test]
fn a_requester_that_hangs_up_is_told_nothing_and_its_card_stays() {
    let mut script = Script::new();
    let first = script.effects.len();
    ask(&mut script, json!({ "command": "a; b" }), cli());
    let id = waits(&script);
    script.apply(Event::RequesterGone(ReplyId(1)));
    script.decide(id, Decision::Allow).unwrap();
    let (reply, request, _) = opened(&script, first).pop().unwrap();
    assert_eq!((reply, request), (None, Some(id)));
}

#[test]
fn floods_are_refused() {
    let mut script = Script::new();
    script.settings(Settings { terminals_per_minute: 3, ..Settings::default() });
    for _ in 0..3 {
        assert_eq!(ask(&mut script, json!({ "argv": ["htop"] }), cli()), None);
    }
    assert_eq!(code(&ask(&mut script, json!({ "argv": ["htop"] }), cli()).unwrap()), SpawnCode::LimitReached);
    // What is not understood does not count.
    assert_eq!(code(&ask(&mut script, json!({}), cli()).unwrap()), SpawnCode::InvalidRequest);
    script.now.mono_ms += 60_000;
    assert_eq!(ask(&mut script, json!({ "argv": ["htop"] }), cli()), None);
    script.settings(Settings { terminals_per_minute: 600, ..Settings::default() });
    for _ in 0..16 {
        assert_eq!(ask(&mut script, json!({ "command": "a; b" }), cli()), None);
    }
    let too_many = ask(&mut script, json!({ "command": "a; b" }), cli()).unwrap();
    assert_eq!(code(&too_many), SpawnCode::LimitReached);
}

#[test]
fn a_restart_forgets_what_waited() {
    let mut script = Script::new();
    ask(&mut script, json!({ "command": "a; b" }), cli());
    let id = waits(&script);
    let stored = script.request(id);
    assert_eq!((stored.provider, stored.session), (None::<Provider>, SessionId::NOBODY));
    let restored = magia_core::model::PermissionRequest::restore(stored.clone());
    assert_eq!(restored.state, RequestState::AppGone);
    assert_eq!(restored.subject.summary(), "a; b");
}
