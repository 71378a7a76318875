//! Another magia has just left everything to this one: what waits stays open, and nothing is told twice.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail"
)]

mod script;

use magia_core::effect::{Effect, StoreWrite};
use magia_core::event::{Event, GateId, InheritedGate};
use magia_core::model::{GATE_DEADLINE_MS, Program};
use magia_core::settings::Settings;
use magia_protocol::wire::RequestId;
use magia_protocol::wire::RequestState::{AppGone, Decided, Expired, InTerminal, Open, TookEffect};
use magia_protocol::wire::SessionState::{WaitingPermission, Working};
use magia_protocol::wire::info::Decision;
use script::{Script, bash, cli};
use serde_json::{Value, json};

/// The gate as the next magia numbers it.
const NEXT_GATE: GateId = GateId(900);

fn working() -> Script {
    let mut script = Script::new();
    script.hook(10, "a", "UserPromptSubmit", json!({"prompt": "x"}));
    script
}

/// Another magia follows, to which the gates of these requests are left.
fn followed(script: &mut Script, requests: &[RequestId]) {
    let program = Program { inherited: Some(requests.to_vec()), pid: 2, ..Program::default() };
    // Its clock begins anew.
    script.now.mono_ms = 5;
    let alive_ms = Some(script.now.unix_ms - 600_000);
    script.restart_as(program, Settings::default(), alive_ms);
}

fn leave_gate(script: &mut Script, request: RequestId, fields: Value) -> usize {
    let message = script.message(10, "a", "PermissionRequest", fields);
    script.apply(Event::GatesInherited(vec![InheritedGate { gate: NEXT_GATE, request, message }]))
}

fn names(effects: &[Effect]) -> Vec<String> {
    let name = |effect: &Effect| match effect {
        Effect::Store(StoreWrite::Event(event)) => Some(event.name.clone()),
        _ => None,
    };
    effects.iter().filter_map(name).collect()
}

#[test]
fn a_request_whose_gate_came_along_is_the_same_card_and_its_answer_goes_to_the_gate() {
    let mut script = working();
    let (old_gate, id) = script.bash(10, "a", "t1", "make");
    script.wait(3_000);
    followed(&mut script, &[id]);
    assert_eq!(script.request_state(id), Open);
    let first = leave_gate(&mut script, id, bash("t1", "make"));
    assert!(names(script.since(first)).is_empty(), "the hook was told of before");
    assert_eq!(script.count(first, |effect| matches!(effect, Effect::Notify(_))), 0);
    assert_eq!((script.state("a"), script.row("a").requests.clone()), (WaitingPermission, vec![id]));
    let cards = script.model.snapshot(script.now).expect("a snapshot").requests.clone();
    assert!(cards.iter().any(|card| card.info.id == id && card.answerable), "{cards:?}");
    script.decide(id, Decision::Allow).unwrap();
    assert_eq!((script.answer(NEXT_GATE).as_deref(), script.answer(old_gate)), (Some("allow"), None));
    script.written(NEXT_GATE, true);
    let first = script.hook(10, "a", "PostToolUse", bash("t1", "make"));
    assert_eq!(script.request_state(id), TookEffect);
    assert_eq!(names(script.since(first)), ["PostToolUse"], "there was no gap");
}

#[test]
fn a_long_request_is_shown_and_judged_as_before() {
    let mut script = working();
    let command = format!("rm -rf ~/{}", "x".repeat(300_000));
    let (_, id) = script.bash(10, "a", "t1", &command);
    let card = |script: &mut Script| {
        let cards = script.model.snapshot(script.now).expect("a snapshot").requests.clone();
        let card = cards.iter().find(|card| card.info.id == id).expect("a card").clone();
        (card.info.summary.clone(), card.info.risk, card.info.risk_reasons.clone(), card.subject.clone())
    };
    let before = card(&mut script);
    followed(&mut script, &[id]);
    leave_gate(&mut script, id, bash("t1", &command));
    assert_eq!(card(&mut script), before);
}

#[test]
fn without_a_magia_before_it_the_same_start_retires_what_waited_and_tells_of_the_gap() {
    let mut script = working();
    let (_, id) = script.bash(10, "a", "t1", "make");
    let alive_ms = Some(script.now.unix_ms - 600_000);
    script.restart(Settings::default(), alive_ms);
    assert_eq!(script.request_state(id), AppGone);
    let first = script.hook(10, "a", "PostToolUse", bash("t1", "make"));
    assert!(names(script.since(first)).contains(&"magia.off".to_owned()));
}

#[test]
fn what_was_decided_waits_on_for_what_the_agent_does() {
    let mut script = working();
    let (gate, allowed) = script.bash(10, "a", "t1", "make");
    script.decide_written(gate, allowed, Decision::Allow);
    let (_, lost) = script.bash(10, "a", "t2", "make test");
    followed(&mut script, &[]);
    assert_eq!((script.request_state(allowed), script.request_state(lost)), (Decided, AppGone));
    script.hook(10, "a", "PostToolUse", bash("t1", "make"));
    assert_eq!((script.request_state(allowed), script.state("a")), (TookEffect, Working));
}

#[test]
fn a_gate_whose_request_was_answered_gets_no_decision() {
    let mut script = working();
    let (gate, id) = script.bash(10, "a", "t1", "make");
    script.decide_written(gate, id, Decision::Deny);
    followed(&mut script, &[id]);
    leave_gate(&mut script, id, bash("t1", "make"));
    assert_eq!(script.answer(NEXT_GATE).as_deref(), Some(""));
    assert_eq!(script.request_state(id), Decided);
}

#[test]
fn a_gate_of_a_request_that_was_not_stored_asks_as_if_for_the_first_time() {
    let mut script = working();
    let (_, id) = script.bash(10, "a", "t1", "make");
    script.requests.clear();
    followed(&mut script, &[id]);
    let first = leave_gate(&mut script, id, bash("t1", "make"));
    assert_eq!(names(script.since(first)), ["PermissionRequest"]);
    let asked = *script.requests.keys().next().expect("a request");
    script.decide(asked, Decision::Allow).unwrap();
    assert_eq!(script.answer(NEXT_GATE).as_deref(), Some("allow"));
}

#[test]
fn the_time_that_it_waited_before_counts() {
    let mut script = working();
    let (_, id) = script.bash(10, "a", "t1", "make");
    script.wait(GATE_DEADLINE_MS - 1_000);
    followed(&mut script, &[id]);
    leave_gate(&mut script, id, bash("t1", "make"));
    script.wait(1_500).close(NEXT_GATE);
    assert_eq!(script.request_state(id), Expired);
}

#[test]
fn a_hook_of_codex_is_held_on_only_while_somebody_is_at_the_window() {
    let mut script = Script::new();
    script.apply(Event::WindowUsed);
    script.of("codex", 10, "a", "UserPromptSubmit", json!({"prompt": "x"}), false);
    let call = json!({"tool_name": "Bash", "tool_input": {"command": "make"}, "turn_id": "1"});
    script.of("codex", 10, "a", "PermissionRequest", call.clone(), true);
    let id = *script.requests.keys().next().expect("a request");
    assert_eq!(script.request_state(id), Open, "somebody is at the window");
    followed(&mut script, &[id]);
    let mut message = script.message(10, "a", "PermissionRequest", call);
    message.provider = "codex".into();
    script.apply(Event::GatesInherited(vec![InheritedGate { gate: NEXT_GATE, request: id, message }]));
    assert_eq!(script.answer(NEXT_GATE).as_deref(), Some(""));
    assert_eq!(script.request_state(id), InTerminal);
}

#[test]
fn a_terminal_that_was_allowed_or_waits_is_not_waited_for_any_more() {
    let mut script = Script::new();
    let mut ask = |command: &str| {
        script.command("open_terminal", json!({ "command": command }), cli());
        *script.requests.keys().next_back().expect("a request")
    };
    let (allowed, waits) = (ask("make | less"), ask("make | tee log"));
    script.decide(allowed, Decision::Allow).unwrap();
    assert_eq!((script.request_state(allowed), script.request_state(waits)), (Decided, Open));
    followed(&mut script, &[]);
    assert_eq!((script.request_state(allowed), script.request_state(waits)), (AppGone, AppGone));
}
