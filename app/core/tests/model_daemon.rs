//! Sessions that Codex's daemon holds: their state, their requests, and what is left when the daemon is lost.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail"
)]

mod script;

use magia_core::codex::message;
use magia_core::daemon::{DaemonFact, DaemonNews, HeldSession};
use magia_core::effect::Effect;
use magia_core::event::{Event, GateId};
use magia_core::settings::{Preset, Settings, ToolPermission};
use magia_protocol::wire::hook::HookMessage;
use magia_protocol::wire::info::Decision;
use magia_protocol::wire::{Provider, ProviderSessionId, RequestState, SessionState};
use script::Script;
use serde_json::{Value, json};
use std::sync::Arc;

const ROOT: &str = "/home/dev/.codex";
const GATE: GateId = GateId::of_daemon(0);

fn psid(thread: &str) -> ProviderSessionId {
    ProviderSessionId(thread.to_owned())
}

trait Daemon {
    fn news_of(&mut self, root: &str, fact: DaemonFact);
    fn news(&mut self, fact: DaemonFact) {
        self.news_of(ROOT, fact);
    }
    fn status(&mut self, thread: &str, state: SessionState) {
        let fact = format!("thread {state}");
        self.news(DaemonFact::Status { session: psid(thread), state, fact, at_ms: 0 });
    }
    fn said(&mut self, method: &str, params: Value) {
        self.news(DaemonFact::Said(message(method, &params)));
    }
    fn asks_command(&mut self, thread: &str, command: &str) {
        self.asks_for(GATE, thread, "call-1", command);
    }
    fn asks_for(&mut self, gate: GateId, thread: &str, item: &str, command: &str) {
        let params = json!({"threadId": thread, "turnId": "turn", "itemId": item, "command": command});
        let message = message("item/commandExecution/requestApproval", &params);
        self.news(DaemonFact::Asked { gate, message, use_id: item.into() });
    }
    fn item(&mut self, method: &str, status: &str) {
        let item =
            json!({"type": "commandExecution", "id": "call-1", "command": "touch x", "status": status});
        self.said(method, json!({"threadId": "t", "turnId": "turn", "item": item}));
    }
}

impl Daemon for Script {
    fn news_of(&mut self, root: &str, fact: DaemonFact) {
        let news = DaemonNews { provider: Provider::Codex, root: root.into(), fact };
        self.apply(Event::Daemon(Box::new(news)));
    }
}

/// One thread, asking whether it may run `touch x`.
fn asking() -> Script {
    let mut script = Script::new();
    let held = HeldSession { session: psid("t"), cwd: "/home/dev/shop".into(), ..HeldSession::default() };
    script.news(DaemonFact::Session(Box::new(held)));
    script.status("t", SessionState::Working);
    script.item("item/started", "inProgress");
    script.asks_command("t", "touch x");
    script.status("t", SessionState::WaitingPermission);
    script
}

#[test]
fn a_call_is_judged_and_shown_where_it_runs() {
    let mut script = asking();
    let presets = [("/home/dev/shop".to_owned(), Preset::Plan)].into();
    script.settings(Settings { workspace_presets: presets, ..Settings::default() });
    let params = |cwd: Value| json!({"threadId": "t", "turnId": "turn", "itemId": "call-2", "command": "make", "cwd": cwd});
    let mut asks = |gate: u16, cwd: Value| {
        let message = message("item/commandExecution/requestApproval", &params(cwd));
        let gate = GateId::of_daemon(gate);
        script.news(DaemonFact::Asked { gate, message, use_id: "call-2".into() });
        let request = script.requests.values().next_back().and_then(|states| states.last()).unwrap();
        (request.cwd.clone(), request.policy.clone())
    };
    let said = |cwd: &str, policy: &str| (cwd.to_owned(), policy.to_owned());
    assert_eq!(asks(1, json!("/home/dev/other")), said("/home/dev/other", "ask by preset default"));
    assert_eq!(asks(2, json!(null)), said("/home/dev/shop", "deny by preset plan of /home/dev/shop"));
}

fn state_of_request(script: &Script) -> RequestState {
    script.requests.values().next().expect("a request").last().expect("a state").state
}

#[test]
fn the_daemons_word_is_the_state_and_its_evidence() {
    let mut script = Script::new();
    script.status("t", SessionState::Idle);
    let row = script.row("t");
    assert_eq!((row.state, row.evidence[0].source.as_str()), (SessionState::Idle, "codex daemon"));
    script.status("t", SessionState::Working);
    script.said("turn/started", json!({"threadId": "t", "turn": {"id": "turn"}}));
    let row = script.row("t");
    assert_eq!((row.state, row.evidence.len()), (SessionState::Working, 1));
    script.news(DaemonFact::Dropped(psid("t")));
    assert_eq!(script.row("t").state, SessionState::Ended);
    script.status("t", SessionState::Idle);
    assert_eq!(script.row("t").state, SessionState::Idle, "held again, it lives again");
}

#[test]
fn a_failed_turn_shows_until_the_next() {
    let mut script = Script::new();
    script.status("t", SessionState::Working);
    script.status("t", SessionState::Idle);
    let turn = json!({"id": "turn", "status": "failed", "error": {"message": "quota"}});
    script.said("turn/completed", json!({"threadId": "t", "turn": turn}));
    script.status("t", SessionState::Idle);
    let row = script.row("t");
    assert_eq!((row.state, row.evidence[0].fact.as_str()), (SessionState::Failed, "turn/completed quota"));
    script.status("t", SessionState::Working);
    assert_eq!(script.row("t").state, SessionState::Working);
}

#[test]
fn an_allowed_command_that_runs_took_effect() {
    let mut script = asking();
    assert_eq!(script.row("t").state, SessionState::WaitingPermission);
    let request = script.row("t").requests[0];
    script.decide(request, Decision::Allow).unwrap();
    assert_eq!(String::from_utf8_lossy(&script.answers[&GATE].stdout), r#"{"decision":"accept"}"#);
    script.apply(Event::GateAnswered { gate: GATE, delivered: true });
    script.news(DaemonFact::Resolved(GATE));
    assert_eq!(state_of_request(&script), RequestState::Decided, "who was first is not known yet");
    script.item("item/completed", "completed");
    assert_eq!(state_of_request(&script), RequestState::TookEffect);
}

#[test]
fn an_allow_that_came_second_was_not_taken_and_a_deny_did_what_it_said() {
    let check = |decision: Decision, item: &str, wanted: RequestState| {
        let mut script = asking();
        let request = script.row("t").requests[0];
        script.decide(request, decision).unwrap();
        script.apply(Event::GateAnswered { gate: GATE, delivered: true });
        script.news(DaemonFact::Resolved(GATE));
        script.item("item/completed", item);
        assert_eq!(state_of_request(&script), wanted, "{decision:?} {item}");
    };
    check(Decision::Allow, "declined", RequestState::NotTaken);
    check(Decision::Deny, "declined", RequestState::TookEffect);
    check(Decision::Deny, "completed", RequestState::NotTaken);
    check(Decision::Always, "completed", RequestState::TookEffect);
}

#[test]
fn an_answered_question_took_effect_once_the_daemon_has_the_answer() {
    let mut script = Script::new();
    let question = json!({"id": "q", "header": "Colour", "question": "Which?", "options": [
        {"label": "Red", "description": ""}, {"label": "Blue", "description": ""},
    ]});
    let asked = json!({"threadId": "t", "turnId": "turn", "itemId": "call-1", "questions": [question]});
    let ask = |script: &mut Script, gate| {
        let message = message("item/tool/requestUserInput", &asked);
        script.news(DaemonFact::Asked { gate, message, use_id: "call-1".into() });
    };
    script.status("t", SessionState::Working);
    ask(&mut script, GATE);
    let id = script.row("t").requests[0];
    let answers = json!({"id": id.to_string(), "decision": "allow", "answers": {"Which?": "Blue"}});
    script.cli("resolve_permission", answers).unwrap();
    assert_eq!(state_of_request(&script), RequestState::Decided);
    script.apply(Event::GateAnswered { gate: GATE, delivered: true });
    assert_eq!(state_of_request(&script), RequestState::TookEffect);
    script.news(DaemonFact::Resolved(GATE));
    assert_eq!(state_of_request(&script), RequestState::TookEffect);

    let mut script = Script::new();
    script.status("t", SessionState::Working);
    ask(&mut script, GATE);
    script.news(DaemonFact::Resolved(GATE));
    assert_eq!(state_of_request(&script), RequestState::AnsweredInTerminal);
}

#[test]
fn what_was_resolved_without_us_was_answered_in_the_terminal() {
    let mut script = asking();
    script.news(DaemonFact::Resolved(GATE));
    assert_eq!(state_of_request(&script), RequestState::AnsweredInTerminal);
    assert!(script.answers.is_empty());
    script.news(DaemonFact::Resolved(GATE));

    let mut script = asking();
    let request = script.row("t").requests[0];
    script.decide(request, Decision::None).unwrap();
    assert_eq!(state_of_request(&script), RequestState::InTerminal);
    script.news(DaemonFact::Resolved(GATE));
    assert_eq!(state_of_request(&script), RequestState::AnsweredInTerminal);
}

#[test]
fn a_reason_that_the_daemon_does_not_take_is_not_said_to_be_given() {
    let mut script = asking();
    let id = script.row("t").requests[0];
    let params = json!({"id": id.to_string(), "decision": "deny", "reason": "use make"});
    let reply = script.cli("resolve_permission", params).unwrap();
    assert_eq!((&reply["outcome"]["decision"], &reply["outcome"]["reason"]), (&json!("deny"), &Value::Null));
}

#[test]
fn of_two_requests_with_the_same_words_only_the_answered_one_leaves() {
    let mut script = asking();
    let second = GateId(GATE.0 + 1);
    script.asks_for(second, "t", "call-2", "touch x");
    let ids: Vec<_> = script.requests.keys().copied().collect();
    script.news(DaemonFact::Resolved(GATE));
    script.item("item/completed", "completed");
    let states: Vec<_> = ids.iter().map(|id| script.request_state(*id)).collect();
    assert_eq!(states, [RequestState::AnsweredInTerminal, RequestState::Open]);
    script.decide(ids[1], Decision::Deny).unwrap();
    assert_eq!(String::from_utf8_lossy(&script.answers[&second].stdout), r#"{"decision":"decline"}"#);
}

#[test]
fn a_rule_answers_the_daemon_too() {
    let mut script = Script::new();
    let rule =
        ToolPermission { tool: "Bash".into(), command_prefix: Some("cargo test".into()), auto_approve: true };
    let settings = Settings { tool_permissions: vec![rule], ..Settings::default() };
    script.apply(Event::SettingsLoaded { settings: Arc::new(settings), problem: None, says_retention: true });
    script.status("t", SessionState::Working);
    script.asks_command("t", "/bin/bash -lc 'cargo test --all'");
    assert_eq!(String::from_utf8_lossy(&script.answers[&GATE].stdout), r#"{"decision":"accept"}"#);
}

#[test]
fn a_lost_daemon_takes_its_cards_along_and_ends_what_was_idle() {
    let mut script = asking();
    script.status("idle", SessionState::Idle);
    script.news_of(
        "/other",
        DaemonFact::Status {
            session: psid("other"),
            state: SessionState::Idle,
            fact: "thread idle".into(),
            at_ms: 0,
        },
    );
    script.news(DaemonFact::Lost { why: "Codex's daemon has ended".into() });
    assert_eq!(state_of_request(&script), RequestState::AgentGone);
    let decided_by = script.requests.values().next().unwrap().last().unwrap().decided_by.clone();
    assert_eq!(decided_by.as_deref(), Some("nobody: Codex's daemon has ended"));
    assert!(script.answers.is_empty(), "there is nobody to answer");
    let row = script.row("t");
    assert_eq!(row.state, SessionState::Failed);
    assert!(row.evidence[0].fact.contains("Codex's daemon has ended"), "{:?}", row.evidence);
    assert_eq!(script.row("idle").state, SessionState::Ended);
    assert_eq!(script.row("other").state, SessionState::Idle, "another daemon's");

    // The next daemon holds one of them.
    script.news(DaemonFact::Holds(vec![psid("idle")]));
    script.status("idle", SessionState::Idle);
    assert_eq!(script.row("idle").state, SessionState::Idle);
    assert_eq!(script.row("t").state, SessionState::Ended);
    assert_eq!(script.model.footprint().gates, 0);
}

#[test]
fn an_answer_that_a_broken_connection_did_not_take_leaves_no_gate() {
    let mut script = asking();
    let request = script.row("t").requests[0];
    script.decide(request, Decision::Deny).unwrap();
    script.news(DaemonFact::Lost { why: "Codex's daemon has ended".into() });
    assert_eq!(script.model.footprint().gates, 0);
    assert_eq!(state_of_request(&script), RequestState::AgentGone, "nobody knows whether it took effect");
}

#[test]
fn a_hook_of_a_held_thread_is_not_told_twice() {
    let mut script = asking();
    let events =
        |script: &Script| script.effects.iter().filter(|effect| matches!(effect, Effect::Publish(_))).count();
    let before = events(&script);
    let hook = |gate: Option<GateId>| {
        let line = r#"{"provider":"codex","event":"PermissionRequest","ppid":9,"pstart":9,
            "payload":{"session_id":"t","tool_name":"Bash","tool_input":{"command":"touch x"}}}"#;
        let message = Box::new(HookMessage::parse(line.as_bytes()).unwrap());
        match gate {
            Some(gate) => Event::GateOpened { gate, message, paths: None },
            None => Event::HookReceived(message),
        }
    };
    script.apply(hook(None));
    script.apply(hook(Some(GateId(1))));
    assert_eq!(script.requests.len(), 1);
    assert_eq!(events(&script), before);
    assert!(script.answers[&GateId(1)].stdout.is_empty(), "it goes on to the dialog, which is the daemon's");
}

#[test]
fn the_daemon_hears_what_is_looked_at() {
    let mut script = asking();
    let id = script.row("t").id;
    let viewed = |script: &Script| {
        let last = script.effects.iter().rev().find_map(|effect| match effect {
            Effect::ViewHeld(held) => Some(held.clone()),
            _ => None,
        });
        last.flatten().map(|(root, session)| (root, session.0))
    };
    script.apply(Event::WindowChanged { focused: true, selected: Some(id) });
    assert_eq!(viewed(&script), Some((ROOT.to_owned(), "t".to_owned())));
    script.apply(Event::WindowChanged { focused: true, selected: None });
    assert_eq!(viewed(&script), None);
}

#[test]
fn what_a_hook_asked_before_the_daemon_was_heard_is_one_question() {
    for in_use in [true, false] {
        let mut script = Script::new();
        if in_use {
            script.apply(Event::WindowUsed);
        }
        let call = json!({"tool_name": "Bash", "tool_input": {"command": "touch x"}});
        let gate = script.of("codex", 10, "t", "PermissionRequest", call, true).unwrap();
        assert_eq!(script.answer(gate).is_none(), in_use, "held for somebody at the window");
        script.status("t", SessionState::Working);
        assert_eq!(script.answer(gate).as_deref(), Some(""), "the terminal's dialog may come");
        script.asks_command("t", "touch x");
        let row = script.row("t");
        assert_eq!(row.requests.len(), 1, "one card");
        script.decide(row.requests[0], Decision::Allow).unwrap();
        assert!(script.answers.contains_key(&GATE), "of the daemon's question");
    }
}
