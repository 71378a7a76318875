//! Entries of ours that are old, doubled or edited by the user, and what stands beside them.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::path::Path;

use magia_core::steward::{
    ChangeKind, EventStatus, HookState, Plan, Recipe, inspect, plan_install, plan_uninstall,
};
use magia_protocol::wire::Provider;
use serde_json::{Value, json};

const HANDLER: &str = "/new/bin/magia-hook-handler";

fn plan(text: &str) -> Plan {
    plan_install(Some(text.as_bytes()), &Recipe::claude(Path::new(HANDLER)), None).unwrap()
}

fn installed_on(value: &Value) -> Value {
    let plan = plan(&value.to_string());
    serde_json::from_slice(plan.after.as_deref().unwrap()).unwrap()
}

fn kind(plan: &Plan, event: &str) -> ChangeKind {
    plan.changes.iter().find(|change| change.event == event).unwrap().kind
}

fn status(text: &str, event: &str) -> EventStatus {
    let report = inspect(Some(text.as_bytes()), &Recipe::claude(Path::new(HANDLER)));
    report.events.iter().find(|report| report.event == event).unwrap().status
}

fn exec(event: &str, deadline: &str, timeout: Value) -> Value {
    json!({"type": "command", "command": HANDLER,
        "args": ["--provider", "claude", "--event", event, "--deadline-ms", deadline], "timeout": timeout})
}

#[test]
fn another_path_is_renewed_in_place() {
    let text = r#"{
  "hooks": {
    "Stop": [
      {"hooks": [ {"type":"command", "command" : "/old/magia-hook-handler","args": [],   "timeout": 5} ]}
    ]
  }
}"#;
    assert_eq!(status(text, "Stop"), EventStatus::Outdated);
    let plan = plan(text);
    assert_eq!(kind(&plan, "Stop"), ChangeKind::Updated);
    let after = String::from_utf8(plan.after.unwrap()).unwrap();
    let line = r#"      {"hooks": [ {"type":"command", "command" : "/new/bin/magia-hook-handler","args": ["--provider", "claude", "--event", "Stop", "--deadline-ms", "500"],   "timeout": 5} ]}"#;
    assert!(after.contains(line), "{after}");
    assert_eq!(after.matches("\"Stop\"").count(), 2, "the key and the argument");
}

#[test]
fn the_old_shell_form_becomes_the_exec_form() {
    let value = json!({"hooks": {"Stop": [{"hooks": [
        {"type": "command", "command": "\"/old dir/magia-hook-handler\" --provider claude --event Stop"}]}]}});
    let after = installed_on(&value);
    assert_eq!(after["hooks"]["Stop"], json!([{"hooks": [exec("Stop", "500", json!(5))]}]));
}

#[test]
fn the_users_timeout_matcher_and_keys_stay() {
    let value = json!({"hooks": {"PermissionRequest": [{"matcher": "Bash", "hooks": [
        {"type": "command", "command": "/old/magia-hook-handler", "args": ["x"], "timeout": 30, "statusMessage": "hm"}]}]}});
    let plan = plan(&value.to_string());
    assert_eq!(kind(&plan, "PermissionRequest"), ChangeKind::Updated);
    let text = String::from_utf8(plan.after.unwrap()).unwrap();
    let after: Value = serde_json::from_str(&text).unwrap();
    let group = &after["hooks"]["PermissionRequest"];
    assert_eq!(
        *group,
        json!([{"matcher": "Bash", "hooks": [{"type": "command", "command": HANDLER,
            "args": ["--provider", "claude", "--event", "PermissionRequest", "--gate", "--deadline-ms", "25000"],
            "timeout": 30, "statusMessage": "hm"}]}])
    );
    assert_eq!(status(&text, "PermissionRequest"), EventStatus::Edited);
    let again = plan_install(Some(text.as_bytes()), &Recipe::claude(Path::new(HANDLER)), None).unwrap();
    assert!(again.is_unchanged());
    assert_eq!(kind(&again, "PermissionRequest"), ChangeKind::Kept);
}

#[test]
fn a_timeout_that_claude_would_refuse_is_replaced() {
    for timeout in [json!(null), json!("5"), json!(0), json!(-3)] {
        let value = json!({"hooks": {"Stop": [{"hooks": [exec("Stop", "500", timeout)]}]}});
        assert_eq!(
            installed_on(&value)["hooks"]["Stop"],
            json!([{"hooks": [exec("Stop", "500", json!(5))]}])
        );
    }
}

#[test]
fn a_fractional_timeout_sets_the_deadline() {
    let value = json!({"hooks": {"Stop": [{"hooks": [exec("Stop", "1", json!(0.25))]}]}});
    assert_eq!(installed_on(&value)["hooks"]["Stop"], json!([{"hooks": [exec("Stop", "200", json!(0.25))]}]));
}

#[test]
fn doubles_go_and_two_matchers_stay() {
    let ours = exec("Stop", "500", json!(5));
    let old = json!({"type": "command", "command": "/old/magia-hook-handler --event Stop"});
    let say = json!({"type": "command", "command": "say"});
    let value = json!({"hooks": {
        "Stop": [{"hooks": [ours, old, say, old]}, {"hooks": [old]}, {"matcher": "*", "hooks": [old]}],
        "PreToolUse": [{"matcher": "Bash", "hooks": [exec("PreToolUse", "500", json!(5))]},
                       {"matcher": "Edit", "hooks": [exec("PreToolUse", "500", json!(5))]}],
    }});
    let text = value.to_string();
    assert_eq!(status(&text, "Stop"), EventStatus::Outdated);
    assert_eq!(status(&text, "PreToolUse"), EventStatus::Edited);
    let plan = plan(&text);
    assert_eq!(kind(&plan, "Stop"), ChangeKind::Updated);
    assert_eq!(kind(&plan, "PreToolUse"), ChangeKind::Kept);
    let after: Value = serde_json::from_slice(plan.after.as_deref().unwrap()).unwrap();
    assert_eq!(after["hooks"]["Stop"], json!([{"hooks": [ours, say]}]));
    assert_eq!(after["hooks"]["PreToolUse"], value["hooks"]["PreToolUse"]);
}

#[test]
fn entries_on_events_that_are_not_ours_any_more_go() {
    let old = json!({"type": "command", "command": "/old/magia-hook-handler", "args": []});
    let say = json!({"type": "command", "command": "say"});
    let value = json!({"hooks": {
        "WorktreeCreate": [{"hooks": [old]}],
        "MessageDisplay": [{"hooks": [say, old]}],
        "Gone": [{"hooks": [old]}, 5],
    }});
    let report = inspect(Some(value.to_string().as_bytes()), &Recipe::claude(Path::new(HANDLER)));
    assert_eq!(report.stale, ["WorktreeCreate", "MessageDisplay", "Gone"]);
    assert_eq!(report.state, HookState::Partial);
    let after = installed_on(&value);
    assert_eq!(after["hooks"].get("WorktreeCreate"), None);
    assert_eq!(after["hooks"]["MessageDisplay"], json!([{"hooks": [say]}]));
    assert_eq!(after["hooks"]["Gone"], json!([5]));

    let only = json!({"hooks": {"WorktreeCreate": [{"hooks": [old]}]}});
    let after = installed_on(&only);
    assert_eq!(after["hooks"].get("WorktreeCreate"), None);
    assert_eq!(after["hooks"].as_object().unwrap().len(), magia_core::steward::CLAUDE_EVENTS.len());
}

#[test]
fn uninstall_takes_ours_out_of_mixed_company() {
    let ours = r#"{"type":"command","command":"/anywhere/magia-hook-handler","args":[]}"#;
    let cases = [
        (
            format!(r#"{{"hooks":{{"Stop":[{{"hooks":[{ours}, {{"command":"a"}} ]}}]}}}}"#),
            r#"{"hooks":{"Stop":[{"hooks":[{"command":"a"} ]}]}}"#,
        ),
        (
            format!(r#"{{"hooks":{{"Stop":[{{"hooks":[ {{"command":"a"}} , {ours}]}}]}}}}"#),
            r#"{"hooks":{"Stop":[{"hooks":[ {"command":"a"}]}]}}"#,
        ),
        (
            format!(r#"{{"hooks":{{"Stop":[{{"hooks":[1,{ours},{ours},2,{ours},3,{ours}]}}]}}}}"#),
            r#"{"hooks":{"Stop":[{"hooks":[1,2,3]}]}}"#,
        ),
        (
            format!(r#"{{"hooks":{{"Stop":[{{"note":"mine","hooks":[{ours}]}}]}}}}"#),
            r#"{"hooks":{"Stop":[{"note":"mine","hooks":[]}]}}"#,
        ),
        (
            format!(r#"{{"hooks":{{"Stop":[{{"matcher":"x","hooks":[{ours}]}}],"Setup":[]}},"a":1}}"#),
            r#"{"hooks":{"Setup":[]},"a":1}"#,
        ),
        (format!(r#"{{"z":0,"hooks":{{"Stop":[{{"hooks":[{ours}]}}]}},"a":1}}"#), r#"{"z":0,"a":1}"#),
        (format!(r#"{{ "hooks":{{"Stop":[{{"hooks":[{ours}]}}]}} , "a":1}}"#), r#"{ "a":1}"#),
        (
            format!(r#"{{"hooks":{{"X":[{{"hooks":[{ours}]}},5,{{"hooks":[{ours}]}}]}}}}"#),
            r#"{"hooks":{"X":[5]}}"#,
        ),
    ];
    for (text, expected) in cases {
        let plan = plan_uninstall(Some(text.as_bytes()), Provider::Claude, None).unwrap();
        assert_eq!(String::from_utf8(plan.after.unwrap()).unwrap(), expected, "{text}");
    }
}

#[test]
fn a_line_that_also_runs_something_else_is_left_alone_and_said() {
    let text = r#"{"hooks":{"Stop":[{"hooks":[{"type":"command","command":"/x/magia-hook-handler --event Stop; say done"}]}]}}"#;
    let plan = plan_uninstall(Some(text.as_bytes()), Provider::Claude, None).unwrap();
    assert!(plan.is_unchanged());
    assert_eq!(plan.warnings, ["a command in Stop runs the handler among other things; left alone"]);
    assert_eq!(
        inspect(Some(text.as_bytes()), &Recipe::claude(Path::new(HANDLER))).state,
        HookState::NotInstalled
    );
}

#[test]
fn a_gate_that_cannot_gate_is_said() {
    let mut entry = exec("PermissionRequest", "595000", json!(600));
    entry["async"] = json!(true);
    let value = json!({"hooks": {"PermissionRequest": [{"hooks": [entry]}]}});
    assert_eq!(
        plan(&value.to_string()).warnings,
        ["the entry in PermissionRequest is async: its decisions are ignored"]
    );
}

#[test]
fn the_report_tells_partial_outdated_and_installed_apart() {
    let state = |text: &str| inspect(Some(text.as_bytes()), &Recipe::claude(Path::new(HANDLER))).state;
    assert_eq!(inspect(None, &Recipe::claude(Path::new(HANDLER))).state, HookState::NotInstalled);
    assert_eq!(state(""), HookState::NotInstalled);
    let installed = String::from_utf8(plan("{}").after.unwrap()).unwrap();
    assert_eq!(state(&installed), HookState::Installed);
    assert_eq!(
        inspect(Some(installed.as_bytes()), &Recipe::claude(Path::new("/moved/magia-hook-handler"))).state,
        HookState::Outdated
    );
    let mut value: Value = serde_json::from_str(&installed).unwrap();
    value["hooks"].as_object_mut().unwrap().shift_remove("Stop");
    assert_eq!(state(&value.to_string()), HookState::Partial);

    // What is left of it comes back whole, without doubling the rest.
    let repaired = plan(&value.to_string());
    assert_eq!(kind(&repaired, "Stop"), ChangeKind::Added);
    assert_eq!(kind(&repaired, "Setup"), ChangeKind::Kept);
    assert_eq!(state(std::str::from_utf8(repaired.after.as_deref().unwrap()).unwrap()), HookState::Installed);
}
