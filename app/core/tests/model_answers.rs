//! Answers of a person: another input than the agent's, one answer for all that ask the same, and which rule spoke.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail"
)]

mod script;

use magia_core::settings::{Preset, Settings};
use magia_protocol::wire::{ErrorCode, RequestState};
use script::{Script, bash, behavior};
use serde_json::{Value, json};

fn allow_with(id: impl ToString, input: Value) -> Value {
    json!({"id": id.to_string(), "decision": "allow", "input": input})
}

#[test]
fn an_edited_input_is_sent_recorded_and_found_again_when_it_ran() {
    let mut script = Script::new();
    let (gate, id) = script.bash(10, "s", "t1", "make");
    let reply = script.cli("resolve_permission", allow_with(id, json!({"command": "make -n"}))).unwrap();
    assert_eq!(reply["outcome"]["edited_input"], json!({"command": "make -n"}));
    assert_eq!(reply["input"], json!({"command": "make"}), "the agent's own stays");
    let told: Value = serde_json::from_slice(&script.answers[&gate].stdout).unwrap();
    let decision = &told["hookSpecificOutput"]["decision"];
    assert_eq!(decision, &json!({"behavior": "allow", "updatedInput": {"command": "make -n"}}));
    let stored = script.request(id);
    assert_eq!(stored.edited_input.as_deref(), Some("{\"command\":\"make -n\"}"));
    assert_eq!(stored.input, "{\"command\":\"make\"}");
    assert!(stored.decided_by.as_deref().is_some_and(|by| by.starts_with("cli 4711")));
    script.written(gate, true);
    script.hook(10, "s", "PostToolUse", bash("t1", "make -n"));
    assert_eq!(script.request_state(id), RequestState::TookEffect);
}

#[test]
fn an_edited_input_is_found_again_without_the_calls_beginning() {
    let mut script = Script::new();
    script.hook(10, "s", "SessionStart", json!({"source": "startup"}));
    let (gate, id) = script.asks(10, "s", json!({"tool_name": "Bash", "tool_input": {"command": "make"}}));
    let id = id.expect("a card");
    script.cli("resolve_permission", allow_with(id, json!({"command": "make -n"}))).unwrap();
    script.written(gate, true);
    script.hook(10, "s", "PostToolUse", bash("t9", "make -n"));
    assert_eq!(script.request_state(id), RequestState::TookEffect);
}

#[test]
fn a_bad_edited_input_answers_nothing() {
    let mut script = Script::new();
    let rules = json!([{"toolName": "Bash", "commandPrefix": "git push", "autoApprove": false}]);
    let (settings, _) = Settings::read(json!({ "toolPermissions": rules }).as_object().unwrap().clone());
    script.settings(settings);
    let (gate, id) = script.bash(10, "s", "t1", "make");
    let mut refused = |params: Value, code: ErrorCode| {
        let err = script.cli("resolve_permission", params.clone()).unwrap_err();
        assert_eq!(err.code, code, "{params}: {err}");
        assert!(err.hint.is_some() || code == ErrorCode::BadParams);
        assert_eq!(script.answer(gate), None);
        assert_eq!(script.request_state(id), RequestState::Open);
        assert_eq!(script.request(id).edited_input, None);
    };
    refused(allow_with(id, json!("make")), ErrorCode::BadParams);
    refused(allow_with(id, json!({"command": ""})), ErrorCode::BadParams);
    refused(allow_with(id, json!({"file_path": "/a", "content": ""})), ErrorCode::BadParams);
    refused(allow_with(id, json!({"command": "git push"})), ErrorCode::Conflict);
    refused(allow_with(id, json!({"command": "rm -rf /"})), ErrorCode::Conflict);
    let mut deny = allow_with(id, json!({"command": "make -n"}));
    deny["decision"] = json!("deny");
    refused(deny, ErrorCode::BadParams);
    let mut meant = allow_with(id, json!({"command": "rm -rf build"}));
    meant["high_risk"] = json!(true);
    script.cli("resolve_permission", meant).unwrap();
    assert_eq!(script.answer(gate).as_deref(), Some("allow"));
    // A second answer changes nothing of what is recorded.
    let err = script.cli("resolve_permission", allow_with(id, json!({"command": "ls"}))).unwrap_err();
    assert_eq!(err.code, ErrorCode::AlreadyAnswered);
    assert_eq!(script.request(id).edited_input.as_deref(), Some("{\"command\":\"rm -rf build\"}"));
}

#[test]
fn the_agents_own_input_is_no_edit() {
    let mut script = Script::new();
    let (gate, id) = script.bash(10, "s", "t1", "rm -rf build");
    script.cli("resolve_permission", allow_with(id, json!({"command": "rm -rf build"}))).unwrap();
    assert_eq!(script.request(id).edited_input, None);
    let told: Value = serde_json::from_slice(&script.answers[&gate].stdout).unwrap();
    assert_eq!(told["hookSpecificOutput"]["decision"], json!({"behavior": "allow"}));
}

#[test]
fn one_answer_for_all_that_ask_the_same_each_by_itself() {
    let mut script = Script::new();
    let (first, id) = script.bash(10, "a", "t1", "npm test");
    let (second, other) = script.bash(11, "b", "t1", " npm test ");
    let (third, different) = script.bash(12, "c", "t1", "npm test -- --watch");
    let (late, answered) = script.bash(13, "d", "t1", "npm test");
    script.decide(answered, magia_protocol::wire::info::Decision::Deny).unwrap();
    let shared = |script: &mut Script, id: magia_protocol::wire::RequestId| {
        let all = script.cli("get_permission_requests", json!({"all": true})).unwrap();
        let rows = all.as_array().unwrap().clone();
        let row = rows.into_iter().find(|row| row["id"] == json!(id.to_string())).unwrap();
        row["question"].as_str().unwrap().to_owned()
    };
    assert_eq!(shared(&mut script, id), shared(&mut script, other));
    assert_ne!(shared(&mut script, id), shared(&mut script, different));

    let params = json!({"id": id.to_string(), "decision": "allow"});
    let reply = script.cli("resolve_same", params.clone()).unwrap();
    let ids: Vec<&str> =
        reply["answered"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap()).collect();
    assert_eq!(ids, [id.to_string(), other.to_string()]);
    assert_eq!(reply["failed"], json!([]));
    for (gate, expected) in
        [(first, Some("allow")), (second, Some("allow")), (third, None), (late, Some("deny"))]
    {
        assert_eq!(script.answer(gate).as_deref(), expected);
    }
    assert_eq!(script.request_state(different), RequestState::Open);
    assert_eq!(script.decided_by(id), script.decided_by(other));
    let err = script.cli("resolve_same", params).unwrap_err();
    assert_eq!(err.code, ErrorCode::AlreadyAnswered, "once");
}

#[test]
fn every_request_says_which_rule_spoke() {
    let mut script = Script::new();
    let check = |script: &mut Script, preset: Preset, policy: &str, answer: Option<&str>| {
        let session = preset.as_str();
        script.settings(Settings { preset, ..Settings::default() });
        let (gate, id) = script.bash(20 + preset as u32, session, "t1", "make");
        assert_eq!(script.request(id).policy, policy);
        assert_eq!(script.answer(gate).as_deref(), answer);
        if let Some(answer) = answer {
            let rule = policy.split_once(" by ").map(|(_, rule)| rule).unwrap();
            assert_eq!(script.decided_by(id), format!("policy {rule}"), "{answer}");
        }
        (gate, id)
    };
    check(&mut script, Preset::Default, "ask by preset default", None);
    let (gate, id) = check(&mut script, Preset::Plan, "deny by preset plan", Some("deny"));
    let told: Value = serde_json::from_slice(&script.answers[&gate].stdout).unwrap();
    let message = told["hookSpecificOutput"]["decision"]["message"].as_str().unwrap();
    assert_eq!(message, "Denied by magia's preset plan: only what reads is allowed now");
    assert_eq!(script.request(id).reason.as_deref(), Some(message));
    check(&mut script, Preset::DontAsk, "deny by preset dontAsk", Some("deny"));
    let (gate, id) =
        check(&mut script, Preset::BypassPermissions, "take no part by preset bypassPermissions", Some(""));
    assert_eq!(behavior(&script.answers[&gate]), "");
    assert_eq!(script.request_state(id), RequestState::InTerminal);
}
