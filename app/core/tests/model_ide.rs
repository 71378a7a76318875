//! Changes that an agent shows in its editor: one card with the hook of the same edit, whichever came first.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail"
)]

mod script;

use magia_core::effect::Effect;
use magia_core::event::{Event, GateId, RegistryStatus};
use magia_core::ide::{ConnId, DiffAnswer, IdeFact, Peer, ProposedDiff};
use magia_core::model::Program;
use magia_core::settings::{Preset, Settings};
use magia_core::subject::Subject;
use magia_protocol::wire::info::Decision;
use magia_protocol::wire::{ErrorCode, RequestId, RequestState};
use script::{Script, behavior, process};
use serde_json::{Value, json};

const FILE: &str = "/home/dev/shop/n.txt";
const CONN: ConnId = ConnId(4);
const PID: u32 = 10;

fn start(hooks: bool) -> Script {
    let mut script = Script::of_program(Program::default());
    script.registry(PID, "s", Some(RegistryStatus::Busy));
    if hooks {
        script.hook(PID, "s", "UserPromptSubmit", json!({"prompt": "go"}));
    }
    let peer = Peer { kind: "claude", name: "claude-code 2".into(), process: Some(process(PID)) };
    script.apply(Event::Ide(Box::new(IdeFact::Connected { conn: CONN, peer })));
    script
}

fn shows(script: &mut Script, count: u32) -> GateId {
    let gate = GateId::of_diff(CONN, count);
    let diff = ProposedDiff {
        path: FILE.into(),
        old: Some("one\ntwo\n".into()),
        new: "one\nTWO\n".into(),
        is_new: false,
    };
    script.apply(Event::Ide(Box::new(IdeFact::DiffOpened { gate, diff: Box::new(diff), paths: None })));
    gate
}

fn closes(script: &mut Script, gate: GateId) {
    script.apply(Event::Ide(Box::new(IdeFact::DiffClosed(gate))));
}

fn edit() -> Value {
    json!({"tool_name": "Edit", "tool_use_id": "t1",
        "tool_input": {"file_path": FILE, "old_string": "two", "new_string": "TWO", "replace_all": false}})
}

fn begins(script: &mut Script) {
    script.hook(PID, "s", "PreToolUse", edit());
}

fn answers(script: &Script) -> Vec<(GateId, DiffAnswer)> {
    let diff = |effect: &Effect| match effect {
        Effect::AnswerDiff { gate, answer } => Some((*gate, answer.clone())),
        _ => None,
    };
    script.effects.iter().filter_map(diff).collect()
}

fn only(script: &Script) -> RequestId {
    let ids: Vec<RequestId> = script.requests.keys().copied().collect();
    assert_eq!(ids.len(), 1, "one card");
    ids[0]
}

#[test]
fn without_hooks_an_agent_that_is_idle_has_taken_what_was_accepted() {
    let mut script = start(false);
    let gate = shows(&mut script, 0);
    let id = only(&script);
    script.cli("resolve_permission", json!({"id": id.to_string(), "decision": "allow"})).unwrap();
    script.wait(1_000);
    script.registry(PID, "s", Some(RegistryStatus::Idle));
    closes(&mut script, gate);
    assert_eq!(script.request_state(id), RequestState::TookEffect);
}

#[test]
fn without_hooks_the_change_is_the_request() {
    for (decision, wanted) in [
        ("allow", DiffAnswer::Saved("one\nTWO\n".into())),
        ("deny", DiffAnswer::Rejected),
        ("none", DiffAnswer::Undecided),
    ] {
        let mut script = start(false);
        let gate = shows(&mut script, 0);
        let id = only(&script);
        assert_eq!(script.request_state(id), RequestState::Open);
        let row = &script.cli("get_permission_requests", json!({})).unwrap()[0];
        assert_eq!((&row["summary"], &row["kind"]), (&json!(FILE), &json!("tool")));
        script.cli("resolve_permission", json!({"id": id.to_string(), "decision": decision})).unwrap();
        assert_eq!(answers(&script), [(gate, wanted)]);
        assert!(script.answers.is_empty());
        closes(&mut script, gate);
        let state = if decision == "none" { RequestState::InTerminal } else { RequestState::TookEffect };
        assert_eq!(script.request_state(id), state);
        assert_eq!(answers(&script).len(), 1, "nothing is answered twice");
    }
}

#[test]
fn a_new_file_keeps_its_last_end_of_a_line() {
    for (text, sent) in [("a\n", "a\n\n"), ("a", "a")] {
        let mut script = start(false);
        let gate = GateId::of_diff(CONN, 0);
        let diff = ProposedDiff { path: FILE.into(), old: Some("".into()), new: text.into(), is_new: true };
        script.apply(Event::Ide(Box::new(IdeFact::DiffOpened { gate, diff: Box::new(diff), paths: None })));
        let id = only(&script);
        script.decide(id, Decision::Allow).unwrap();
        assert_eq!(answers(&script), [(gate, DiffAnswer::Saved(sent.into()))]);
    }
}

#[test]
fn other_contents_are_what_is_saved() {
    let mut script = start(false);
    let gate = shows(&mut script, 0);
    let id = only(&script);
    let with = |decision: &str| json!({"id": id.to_string(), "decision": decision, "contents": "mine\n"});
    let err = script.cli("resolve_permission", with("deny")).unwrap_err();
    assert_eq!(err.code, ErrorCode::BadParams);
    let row = script.cli("resolve_permission", with("allow")).unwrap();
    assert_eq!(row["outcome"]["edited_input"], json!({"file_path": FILE, "content": "mine\n"}));
    assert_eq!(answers(&script), [(gate, DiffAnswer::Saved("mine\n".into()))]);

    let mut script = start(true);
    let (_, id) = script.bash(PID, "s", "t1", "make");
    let err = script
        .cli("resolve_permission", json!({"id": id.to_string(), "decision": "allow", "contents": "x"}))
        .unwrap_err();
    assert_eq!(err.code, ErrorCode::Unsupported);
    assert_eq!(script.request_state(id), RequestState::Open, "a wrong answer answers nothing");
    script.decide(id, Decision::Allow).unwrap();
}

#[test]
fn hook_and_change_are_one_card_in_either_order() {
    for hook_first in [true, false] {
        let mut script = start(true);
        begins(&mut script);
        let (hook, gate) = if hook_first {
            let (hook, _) = script.asks(PID, "s", edit());
            (hook, shows(&mut script, 0))
        } else {
            let gate = shows(&mut script, 0);
            assert!(script.requests.is_empty(), "its hook is on its way");
            (script.asks(PID, "s", edit()).0, gate)
        };
        let id = only(&script);
        script.decide_written(hook, id, Decision::Allow);
        assert_eq!(behavior(&script.answers[&hook]), "allow");
        assert!(answers(&script).is_empty(), "the hook's answer is the answer");
        closes(&mut script, gate);
        assert_eq!(script.request_state(id), RequestState::Decided, "the call's end tells");
        script.hook(PID, "s", "PostToolUse", edit());
        assert_eq!(script.request_state(id), RequestState::TookEffect);
        only(&script);
    }
}

#[test]
fn a_hook_that_comes_late_joins_the_card_of_its_change() {
    let mut script = start(true);
    begins(&mut script);
    let gate = shows(&mut script, 0);
    script.wait(1_001).tick();
    let id = only(&script);
    assert_eq!(script.request(id).tool, "Write");
    let (hook, made) = script.asks(PID, "s", edit());
    assert_eq!(made, None);
    script.decide_written(hook, id, Decision::Deny);
    assert_eq!(behavior(&script.answers[&hook]), "deny");
    assert_eq!(script.request(id).tool, "Edit");
    closes(&mut script, gate);
    assert!(answers(&script).is_empty());
}

#[test]
fn edited_contents_go_by_the_change_and_the_hook_is_let_go() {
    let mut script = start(true);
    begins(&mut script);
    let (hook, _) = script.asks(PID, "s", edit());
    let gate = shows(&mut script, 0);
    let id = only(&script);
    let params = json!({"id": id.to_string(), "decision": "allow", "contents": "one\n2\n"});
    script.cli("resolve_permission", params).unwrap();
    assert_eq!(answers(&script), [(gate, DiffAnswer::Saved("one\n2\n".into()))]);
    assert!(script.answers[&hook].stdout.is_empty(), "no decision");
    closes(&mut script, gate);
    let mut ran = edit();
    ran["tool_input"]["new_string"] = json!("2");
    script.hook(PID, "s", "PostToolUse", ran);
    assert_eq!(script.request_state(id), RequestState::TookEffect);
}

#[test]
fn answered_in_the_terminal_first_the_card_leaves() {
    for hooks in [false, true] {
        let mut script = start(hooks);
        if hooks {
            begins(&mut script);
            script.asks(PID, "s", edit());
        }
        let gate = shows(&mut script, 0);
        let id = only(&script);
        closes(&mut script, gate);
        assert_eq!(script.request_state(id), RequestState::AnsweredInTerminal);
        assert_eq!(script.decide(id, Decision::Allow).unwrap_err().code, ErrorCode::AlreadyAnswered);
        assert!(answers(&script).iter().all(|(_, answer)| *answer == DiffAnswer::Undecided));
    }
}

#[test]
fn a_rule_answers_the_hook_and_no_card_is_seen() {
    let mut script = start(true);
    let settings = Settings { preset: Preset::DontAsk, ..Settings::default() };
    script.settings(settings);
    begins(&mut script);
    let gate = shows(&mut script, 0);
    let (hook, _) = script.asks(PID, "s", edit());
    assert_eq!(behavior(&script.answers[&hook]), "deny");
    closes(&mut script, gate);
    assert_eq!(script.requests.len(), 1);
    let opened = script.requests.values().flatten().any(|row| row.state == RequestState::Open);
    assert!(!opened, "nobody was asked");
    assert!(answers(&script).is_empty());
}

#[test]
fn a_lost_connection_leaves_the_terminals_dialog() {
    let mut script = start(false);
    shows(&mut script, 0);
    let id = only(&script);
    script.apply(Event::Ide(Box::new(IdeFact::Gone(CONN))));
    assert_eq!(script.request_state(id), RequestState::InTerminal);
    assert_eq!(script.model.footprint().gates, 0);

    let mut script = start(false);
    shows(&mut script, 0);
    let id = only(&script);
    script.decide(id, Decision::Allow).unwrap();
    script.apply(Event::Ide(Box::new(IdeFact::Gone(CONN))));
    assert_eq!(script.request_state(id), RequestState::NotTaken);
}

#[test]
fn a_hook_that_gives_up_leaves_the_change() {
    let mut script = start(true);
    begins(&mut script);
    let (hook, _) = script.asks(PID, "s", edit());
    let gate = shows(&mut script, 0);
    let id = only(&script);
    script.wait(600_000).close(hook);
    assert_eq!(script.request_state(id), RequestState::Open);
    script.decide(id, Decision::Allow).unwrap();
    assert_eq!(answers(&script), [(gate, DiffAnswer::Saved("one\nTWO\n".into()))]);
}

#[test]
fn nobodys_change_is_nobodys_business() {
    let mut script = Script::new();
    let gate = shows(&mut script, 0);
    assert_eq!(answers(&script), [(gate, DiffAnswer::Undecided)]);
    assert!(script.requests.is_empty());
}

#[test]
fn the_card_shows_the_change_of_the_file() {
    let mut script = start(false);
    shows(&mut script, 0);
    let snapshot = script.model.snapshot(script.now).expect("news");
    let view = &snapshot.requests[0];
    assert!(view.answerable);
    let diff = view.diff.as_ref().expect("a change");
    assert_eq!((diff.old.as_deref(), &*diff.new), (Some("one\ntwo\n"), "one\nTWO\n"));
    let Subject::Edit { added: 1, removed: 1, whole: false, .. } = view.subject else {
        panic!("{:?}", view.subject)
    };
    let info = script.cli("get_ide_server_port", json!({})).unwrap();
    assert_eq!(info["connected"][0]["pid"], PID);
    assert_eq!(info["connected"][0]["session"], json!(view.info.session));
}

#[test]
fn a_session_says_whether_its_agent_is_connected() {
    let mut script = start(true);
    let editor =
        |script: &mut Script| script.model.snapshot(script.now).expect("news").sessions[0].editor.clone();
    assert_eq!(editor(&mut script).as_deref(), Some("claude-code 2"));
    // Real editors and agents of other sessions are none of its.
    for (conn, kind, process) in [(ConnId(5), "editor", None), (ConnId(6), "claude", Some(process(PID + 1)))]
    {
        let peer = Peer { kind, name: "another".into(), process };
        script.apply(Event::Ide(Box::new(IdeFact::Connected { conn, peer })));
    }
    script.apply(Event::Ide(Box::new(IdeFact::Gone(CONN))));
    assert_eq!(editor(&mut script), None);
}
