//! Permission requests: answered here, in the terminal, by a rule, too late, or not at all.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail"
)]

mod script;

use magia_core::effect::Effect;
use magia_core::event::GateId;
use magia_core::event::RegistryStatus::{Busy, Idle, Waiting};
use magia_core::model::{GATE_DEADLINE_MS, SETTLED_MAX};
use magia_core::policy::RealPaths;
use magia_core::settings::{Preset, Settings, ToolPermission};
use magia_protocol::wire::RequestState::{
    AnsweredInTerminal, Decided, Expired, InTerminal, NotTaken, Open, TookEffect,
};
use magia_protocol::wire::SessionState::{Idle as AtRest, WaitingAnswer, WaitingPermission, Working};
use magia_protocol::wire::info::Decision;
use magia_protocol::wire::{ErrorCode, RequestId};
use script::{Script, bash, batch, in_agent, read};
use serde_json::{Value, json};

fn working() -> Script {
    let mut script = Script::new();
    script.hook(10, "a", "UserPromptSubmit", json!({"prompt": "x"}));
    script.registry(10, "a", Some(Busy));
    script.wait(500);
    script
}

#[test]
fn allowed_from_the_cli_and_the_tool_ran() {
    let mut script = working();
    let (gate, id) = script.bash(10, "a", "t1", "make");
    script.wait(24).registry(10, "a", Some(Waiting));
    assert_eq!((script.state("a"), script.row("a").requests.clone()), (WaitingPermission, vec![id]));
    script.wait(3_000);
    let reply = script.decide(id, Decision::Allow).unwrap();
    assert_eq!(
        (&reply["state"], &reply["outcome"]["by"]),
        (&json!("decided"), &json!("cli 4711 (/usr/bin/magia)"))
    );
    assert_eq!(script.answer(gate).as_deref(), Some("allow"));
    script.written(gate, true);
    assert_eq!((script.request_state(id), script.state("a")), (Decided, Working));
    script.wait(30).registry(10, "a", Some(Busy));
    assert_eq!(script.request_state(id), Decided, "decided is not took effect");
    script.wait(18).hook(10, "a", "PostToolUse", bash("t1", "make"));
    assert_eq!(script.request_state(id), TookEffect);
    assert_eq!(script.decided_by(id), "cli 4711 (/usr/bin/magia)");
}

#[test]
fn a_request_is_of_the_directory_that_the_agent_is_in_now() {
    let mut script = working();
    let began_in = script.row("a").cwd.clone();
    let (_, first) = script.bash(10, "a", "t1", "rm -rf *");
    let mut call = bash("t2", "rm -rf *");
    call["cwd"] = json!("/home/dev/shop/sub");
    let (_, second) = script.asks(10, "a", call);
    let second = second.expect("a request");
    assert_eq!(script.request(first).cwd, began_in);
    assert_eq!(script.request(second).cwd, "/home/dev/shop/sub");
    assert_eq!(script.row("a").cwd, began_in, "the session stays where it began");
    let params = json!({"id": first.to_string(), "decision": "allow"});
    let reply = script.cli("resolve_same", params).unwrap();
    assert_eq!(script.request_state(second), Open, "it would delete other files: {reply}");
}

#[test]
fn denied_and_it_did_not_run() {
    let mut script = working();
    let (gate, id) = script.bash(10, "a", "t1", "make");
    let params = json!({"id": id.to_string(), "decision": "deny", "reason": "  not today "});
    script.cli("resolve_permission", params).unwrap();
    script.written(gate, true);
    assert_eq!(script.answer(gate).as_deref(), Some("deny"));
    assert!(String::from_utf8_lossy(&script.answers[&gate].stdout).contains("\"message\":\"not today\""));
    script.wait(200).hook(10, "a", "PostToolBatch", batch(&["t1"]));
    assert_eq!(
        (script.request_state(id), script.request(id).reason.as_deref()),
        (TookEffect, Some("not today"))
    );
}

#[test]
fn always_sends_the_agents_rule_and_where_there_is_none_it_is_refused() {
    let mut script = working();
    let mut call = bash("t1", "make");
    call["permission_suggestions"] = json!([{"type": "addRules", "behavior": "allow",
        "destination": "localSettings", "rules": [{"toolName": "Bash", "ruleContent": "make"}]}]);
    script.hook(10, "a", "PreToolUse", call.clone());
    let (gate, id) = script.asks(10, "a", call);
    script.decide(id.unwrap(), Decision::Always).unwrap();
    assert!(String::from_utf8_lossy(&script.answers[&gate].stdout).contains("\"updatedPermissions\":[{"));
    let (gate, id) = script.bash(11, "b", "t1", "make");
    assert_eq!(script.decide(id, Decision::Always).unwrap_err().code, ErrorCode::Unsupported);
    assert_eq!((script.answer(gate), script.request_state(id)), (None, Open), "it still waits");
}

#[test]
fn answered_first_in_the_terminal() {
    let mut script = working();
    let (gate, id) = script.bash(10, "a", "t1", "make");
    script.wait(2_000).hook(10, "a", "PostToolUse", bash("t1", "make"));
    assert_eq!((script.request_state(id), script.decided_by(id)), (AnsweredInTerminal, "terminal"));
    assert_eq!(script.answer(gate), Some(String::new()), "the handler is let go without a decision");
    let err = script.decide(id, Decision::Allow).unwrap_err();
    assert_eq!(
        (err.code, err.message.as_str()),
        (ErrorCode::AlreadyAnswered, "it is already answered in terminal (terminal)")
    );
    script.written(gate, true);
}

#[test]
fn a_second_decision_is_an_error_and_changes_nothing() {
    let mut script = working();
    let (gate, id) = script.bash(10, "a", "t1", "make");
    script.decide(id, Decision::Deny).unwrap();
    let err = script.decide(id, Decision::Allow).unwrap_err();
    assert_eq!(err.code, ErrorCode::AlreadyAnswered);
    assert_eq!(
        (script.answer(gate).as_deref(), script.request(id).decision),
        (Some("deny"), Some(Decision::Deny))
    );
}

#[test]
fn an_answer_that_could_not_be_written_was_not_taken() {
    let mut script = working();
    let (gate, id) = script.bash(10, "a", "t1", "make");
    script.decide(id, Decision::Allow).unwrap();
    script.written(gate, false);
    assert_eq!(script.request_state(id), NotTaken);
    // The same when the handler's end is told instead, since both crossed.
    let (gate, id) = script.bash(10, "a", "t2", "make");
    script.decide(id, Decision::Allow).unwrap();
    script.close(gate);
    assert_eq!(script.request_state(id), NotTaken);
    assert_eq!(script.model.footprint().gates, 0);
}

#[test]
fn an_allow_that_came_while_the_user_refused_was_not_taken() {
    let mut script = working();
    let (gate, id) = script.bash(10, "a", "t1", "make");
    script.registry(10, "a", Some(Waiting));
    script.decide_written(gate, id, Decision::Allow);
    script.wait(50).registry(10, "a", Some(Idle));
    assert_eq!((script.request_state(id), script.state("a")), (NotTaken, AtRest));
    // A subagent's refused call is in its batch and never ran.
    let call = in_agent(bash("t2", "make"), "s1");
    script.hook(10, "a", "PreToolUse", call.clone());
    let (gate, id) = script.asks(10, "a", call);
    script.decide_written(gate, id.unwrap(), Decision::Allow);
    script.hook(10, "a", "PostToolBatch", in_agent(batch(&["t2"]), "s1"));
    assert_eq!(script.request_state(id.unwrap()), NotTaken);
}

#[test]
fn no_decision_leaves_it_to_the_terminal() {
    let mut script = working();
    let (gate, id) = script.bash(10, "a", "t1", "make");
    script.decide_written(gate, id, Decision::None);
    assert_eq!((script.answer(gate), script.request_state(id)), (Some(String::new()), InTerminal));
    assert_eq!(script.state("a"), WaitingPermission, "the agent still waits");
    script.wait(9_000).hook(10, "a", "PostToolUse", bash("t1", "make"));
    assert_eq!(script.request_state(id), AnsweredInTerminal);
}

#[test]
fn a_handler_that_gives_up_is_expired_not_answered() {
    let mut script = working();
    let (gate, id) = script.bash(10, "a", "t1", "make");
    script.wait(GATE_DEADLINE_MS).close(gate);
    assert_eq!((script.request_state(id), script.decided_by(id)), (Expired, "nobody"));
}

/// Two subagents ask at once; each is answered in its own way, in either order.
#[test]
fn two_at_once_one_here_and_one_in_the_terminal() {
    for terminal_first in [true, false] {
        let mut script = working();
        let (one, two) = (in_agent(bash("t1", "make"), "s1"), in_agent(bash("t2", "make"), "s2"));
        script.hook(10, "a", "PreToolUse", one.clone());
        let (first_gate, first) = script.asks(10, "a", one.clone());
        // PreToolUse of the second may come after its PermissionRequest.
        let (second_gate, second) = script.asks(10, "a", two.clone());
        script.hook(10, "a", "PreToolUse", two.clone());
        let (first, second) = (first.unwrap(), second.unwrap());
        script.wait(24).registry(10, "a", Some(Waiting));
        if terminal_first {
            script.wait(900).hook(10, "a", "PostToolUse", two.clone());
            assert_eq!(
                (script.request_state(first), script.request_state(second)),
                (Open, AnsweredInTerminal)
            );
            assert_eq!(script.state("a"), WaitingPermission);
            script.decide_written(first_gate, first, Decision::Allow);
            script.hook(10, "a", "PostToolUse", one);
        } else {
            script.decide_written(first_gate, first, Decision::Allow);
            script.wait(60).hook(10, "a", "PostToolUse", one);
            assert_eq!((script.request_state(first), script.request_state(second)), (TookEffect, Open));
            assert_eq!(script.state("a"), WaitingPermission);
            script.wait(900).hook(10, "a", "PostToolUse", two);
        }
        assert_eq!(
            (script.request_state(first), script.request_state(second)),
            (TookEffect, AnsweredInTerminal)
        );
        assert_eq!(script.answer(second_gate), Some(String::new()));
        script.wait(30).registry(10, "a", Some(Busy));
        assert_eq!(script.state("a"), Working);
        assert_eq!(script.model.footprint().gates, 0);
        script.written(second_gate, true);
    }
}

#[test]
fn two_at_once_both_here_in_either_order() {
    for order in [[0, 1], [1, 0]] {
        let mut script = working();
        let calls = [read("t1", "/etc/a"), read("t2", "/etc/b")];
        let asked: Vec<_> = calls
            .iter()
            .map(|call| {
                script.hook(10, "a", "PreToolUse", call.clone());
                let (gate, id) = script.asks(10, "a", call.clone());
                (gate, id.unwrap())
            })
            .collect();
        script.registry(10, "a", Some(Waiting));
        for (n, decision) in order.into_iter().zip([Decision::Allow, Decision::Deny]) {
            let (gate, id) = asked[n];
            script.decide_written(gate, id, decision);
            assert_eq!(script.answer(gate).as_deref(), Some(decision.as_str()));
        }
        script.hook(10, "a", "PostToolUse", calls[order[0]].clone());
        let states = |script: &Script| order.map(|n| script.request_state(asked[n].1));
        assert_eq!(states(&script), [TookEffect, Decided], "the deny shows with the batch");
        script.hook(10, "a", "PostToolBatch", batch(&["t1", "t2"]));
        assert_eq!(states(&script), [TookEffect, TookEffect]);
    }
}

#[test]
fn of_two_identical_inputs_one_leaves_and_the_other_may_be_answered() {
    let mut script = working();
    let mut asked = Vec::new();
    for use_id in ["t1", "t2"] {
        script.hook(10, "a", "PreToolUse", read(use_id, "/etc/a"));
    }
    for _ in 0..2 {
        let mut call = read("", "/etc/a");
        call.as_object_mut().unwrap().remove("tool_use_id");
        let (gate, id) = script.asks(10, "a", call);
        asked.push((gate, id.unwrap()));
    }
    script.hook(10, "a", "PostToolUse", read("t2", "/etc/a"));
    let states: Vec<_> = asked.iter().map(|(_, id)| script.request_state(*id)).collect();
    assert_eq!(states, [Open, AnsweredInTerminal]);
    let snapshot = script.model.snapshot(script.now).unwrap();
    assert_eq!(snapshot.requests.len(), 1);
    assert!(snapshot.requests[0].info.may_be_answered && snapshot.requests[0].answerable);
    // An allow of the other one reaches its own call.
    script.decide_written(asked[0].0, asked[0].1, Decision::Allow);
    script.hook(10, "a", "PostToolUse", read("t1", "/etc/a"));
    assert_eq!(script.request_state(asked[0].1), TookEffect);
}

#[test]
fn of_two_identical_ones_the_denied_did_not_run() {
    let mut script = working();
    let asked: Vec<_> = ["t1", "t2"]
        .map(|use_id| {
            script.hook(10, "a", "PreToolUse", read(use_id, "/etc/a"));
            let (gate, id) = script.asks(10, "a", read(use_id, "/etc/a"));
            (gate, id.unwrap())
        })
        .into();
    script.decide_written(asked[0].0, asked[0].1, Decision::Deny);
    // Nothing tells which call each request is about; the one that ran is not the denied one.
    script.hook(10, "a", "PostToolUse", read("t1", "/etc/a"));
    assert_eq!(
        asked.iter().map(|(_, id)| script.request_state(*id)).collect::<Vec<_>>(),
        [Decided, AnsweredInTerminal]
    );
    script.hook(10, "a", "PostToolBatch", batch(&["t1", "t2"]));
    assert_eq!(script.request_state(asked[0].1), TookEffect);
}

#[test]
fn the_registry_may_say_waiting_before_the_card_is_there() {
    let mut script = working();
    script.hook(10, "a", "PreToolUse", bash("t1", "make"));
    script.registry(10, "a", Some(Waiting));
    script.wait(30);
    let (gate, id) = script.asks(10, "a", bash("t1", "make"));
    assert_eq!(script.state("a"), WaitingPermission);
    script.wait(900).registry(10, "a", Some(Busy));
    assert_eq!(script.request_state(id.unwrap()), AnsweredInTerminal);
    assert_eq!(script.answer(gate), Some(String::new()));
}

#[test]
fn claude_may_say_that_it_waits_after_the_answer_and_is_not_believed_at_once() {
    let mut script = working();
    let (gate, id) = script.bash(10, "a", "t1", "make");
    script.wait(5).decide_written(gate, id, Decision::Allow);
    script.wait(100).registry(10, "a", Some(Waiting));
    assert_eq!((script.state("a"), script.evidence("a").as_str()), (Working, "hook: allow Bash"));
    script.wait(60).registry(10, "a", Some(Busy));
    assert_eq!(script.state("a"), Working);
    // Still so after a while: it waits for something else.
    script.wait(100).registry(10, "a", Some(Waiting));
    assert_eq!(script.state("a"), Working);
    script.wait(2_200).tick();
    assert_eq!(script.state("a"), WaitingPermission);
}

#[test]
fn a_word_of_the_registry_from_before_the_card_says_nothing_of_it() {
    let mut script = working();
    let (gate, first) = script.bash(10, "a", "t1", "make");
    script.wait(24).registry(10, "a", Some(Waiting));
    script.wait(900);
    script.decide_written(gate, first, Decision::Allow);
    let busy_since = script.now.unix_ms + 30;
    script.wait(48).hook(10, "a", "PostToolUse", bash("t1", "make"));
    script.wait(45);
    let (gate, second) = script.bash(10, "a", "t2", "make install");
    script.registry_since(10, "a", Some(Busy), busy_since);
    assert_eq!((script.request_state(second), script.answer(gate)), (Open, None));
    assert_eq!(script.state("a"), WaitingPermission);
    // Never seen waiting: a later "busy" is no answer either.
    script.wait(10).registry(10, "a", Some(Busy));
    assert_eq!(script.request_state(second), Open);
    script.wait(10).registry(10, "a", Some(Waiting));
    script.wait(900).registry(10, "a", Some(Busy));
    assert_eq!(script.request_state(second), AnsweredInTerminal);
}

#[test]
fn with_several_dialogs_the_registry_stays_the_same_until_the_last() {
    let mut script = working();
    let calls = [in_agent(bash("t1", "a"), "s1"), in_agent(bash("t2", "b"), "s2")];
    let asked: Vec<_> = calls.iter().map(|call| script.asks(10, "a", call.clone())).collect();
    script.wait(24).registry(10, "a", Some(Waiting));
    let since = script.now.unix_ms;
    script.wait(900).hook(10, "a", "PostToolUse", calls[0].clone());
    script.registry_since(10, "a", Some(Waiting), since);
    assert_eq!(script.request_state(asked[1].1.unwrap()), Open);
    script.wait(900).registry(10, "a", Some(Busy));
    assert_eq!(script.request_state(asked[1].1.unwrap()), AnsweredInTerminal);
}

#[test]
fn the_agent_goes_on_so_nothing_waits() {
    for event in ["Stop", "UserPromptSubmit", "StopFailure"] {
        let mut script = working();
        let (gate, main) = script.bash(10, "a", "t1", "make");
        let (_, sub) = script.asks(10, "a", in_agent(bash("t2", "make"), "s1"));
        script.hook(10, "a", event, json!({"prompt": "y"}));
        assert_eq!(
            (script.request_state(main), script.answer(gate)),
            (AnsweredInTerminal, Some(String::new())),
            "{event}"
        );
        let kept = if event == "StopFailure" { AnsweredInTerminal } else { Open };
        assert_eq!(script.request_state(sub.unwrap()), kept, "{event}: a subagent has its own turns");
    }
}

#[test]
fn a_subagents_card_leaves_with_its_batch_or_its_end_only() {
    for (event, fields) in [("SubagentStop", json!({})), ("PostToolBatch", batch(&["t1"]))] {
        let mut script = working();
        let call = |use_id: &str, agent: &str| in_agent(bash(use_id, "make"), agent);
        script.hook(10, "a", "PreToolUse", call("t1", "s1"));
        let (_, mine) = script.asks(10, "a", call("t1", "s1"));
        let (_, other) = script.asks(10, "a", call("t2", "s2"));
        script.hook(10, "a", event, in_agent(fields.clone(), "s2x"));
        let expected = if event == "PostToolBatch" { AnsweredInTerminal } else { Open };
        assert_eq!(script.request_state(mine.unwrap()), expected, "{event}: a call's id is enough");
        script.hook(10, "a", event, in_agent(fields, "s1"));
        assert_eq!(
            (script.request_state(mine.unwrap()), script.request_state(other.unwrap())),
            (AnsweredInTerminal, Open)
        );
    }
}

fn question() -> Value {
    json!({"tool_name": "AskUserQuestion", "tool_use_id": "q1",
        "tool_input": {"questions": [{"question": "Which?", "header": "Pick", "options": [{"label": "A"}]}]}})
}

#[test]
fn a_question_needs_answers_and_no_rule_gives_them() {
    let mut script = working();
    let any = ToolPermission { tool: "AskUserQuestion".into(), command_prefix: None, auto_approve: true };
    let plan = ToolPermission { tool: "ExitPlanMode".into(), ..any.clone() };
    script.settings(Settings {
        preset: Preset::AcceptEdits,
        tool_permissions: vec![any, plan],
        ..Settings::default()
    });
    script.hook(10, "a", "PreToolUse", question());
    let (gate, id) = script.asks(10, "a", question());
    let id = id.unwrap();
    assert_eq!((script.request_state(id), script.state("a")), (Open, WaitingAnswer));
    assert_eq!(script.decide(id, Decision::Allow).unwrap_err().code, ErrorCode::BadParams);
    assert_eq!(script.decide(id, Decision::Always).unwrap_err().code, ErrorCode::Unsupported);
    assert_eq!((script.answer(gate), script.request_state(id)), (None, Open));
    let params = json!({"id": id.to_string(), "decision": "allow", "answers": {"Which?": "A"}});
    script.cli("resolve_permission", params).unwrap();
    // What comes back has the answers in its input: it is the same call nevertheless.
    let mut done = question();
    done["tool_input"]["answers"] = json!({"Which?": "A"});
    script.hook(10, "a", "PostToolUse", done);
    assert_eq!(script.request_state(id), TookEffect);

    let mut plan = json!({"tool_name": "ExitPlanMode", "tool_input": {}, "tool_use_id": "p1"});
    script.hook(10, "a", "PreToolUse", plan.clone());
    plan["tool_input"] = json!({"plan": "# Do it"});
    let (gate, id) = script.asks(10, "a", plan.clone());
    assert_eq!((script.request_state(id.unwrap()), script.answer(gate)), (Open, None));
    script.hook(10, "a", "PostToolBatch", batch(&["p1"]));
    assert_eq!(
        script.request_state(id.unwrap()),
        AnsweredInTerminal,
        "it was tied though Claude filled the plan in"
    );
}

#[test]
fn the_preset_answers_and_is_recorded() {
    let mut script = working();
    script.settings(Settings { preset: Preset::AcceptEdits, ..Settings::default() });
    let write = |path: &str| json!({"tool_name": "Write", "tool_input": {"file_path": path, "content": "x"}, "tool_use_id": path});
    let paths = |target: &str| Some(RealPaths { cwd: "/home/dev/shop".into(), target: target.into() });
    let first = script.effects.len();
    let (gate, id) = script.asks_at(10, "a", write("/home/dev/shop/a"), paths("/home/dev/shop/a"));
    let id = id.unwrap();
    assert_eq!(
        (script.answer(gate).as_deref(), script.decided_by(id)),
        (Some("allow"), "policy preset acceptEdits")
    );
    assert_eq!(
        script.count(first, |fx| matches!(fx, Effect::Notify(_) | Effect::Withdraw(_))),
        0,
        "nobody is bothered"
    );
    script.hook(10, "a", "PostToolUse", write("/home/dev/shop/a"));
    assert_eq!(script.request_state(id), TookEffect);
    for (target, real) in [("/etc/a", paths("/etc/a")), ("/home/dev/shop/b", None)] {
        let (gate, id) = script.asks_at(10, "a", write(target), real);
        assert_eq!((script.answer(gate), script.request_state(id.unwrap())), (None, Open), "{target}");
    }
    let never =
        ToolPermission { tool: "Bash".into(), command_prefix: Some("git push".into()), auto_approve: false };
    script.settings(Settings { tool_permissions: vec![never], ..Settings::default() });
    let (gate, id) = script.asks(10, "a", bash("t9", "cd x && git push -f"));
    assert_eq!(
        (script.answer(gate).as_deref(), script.decided_by(id.unwrap())),
        (Some("deny"), "policy rule Bash(git push)")
    );
}

#[test]
fn settled_requests_are_bounded_and_the_newest_stay() {
    let mut script = working();
    let (_, old) = script.bash(10, "a", "t", "make");
    script.hook(10, "a", "PostToolUse", bash("t", "make"));
    let waiting = script.asks(11, "b", bash("w", "sleep")).1.unwrap();
    for n in 0..SETTLED_MAX + 20 {
        let use_id = format!("t{n}");
        let (gate, id) = script.bash(10, "a", &use_id, "make");
        script.hook(10, "a", "PostToolUse", bash(&use_id, "make"));
        script.written(gate, true);
        assert_eq!(script.request_state(id), AnsweredInTerminal);
    }
    script.hook(10, "a", "Stop", json!({}));
    let footprint = script.model.footprint();
    assert_eq!((footprint.requests, footprint.gates, footprint.calls), (SETTLED_MAX + 1, 1, 0));
    assert_eq!(script.decide(old, Decision::Allow).unwrap_err().code, ErrorCode::NotFound);
    assert!(script.decide(waiting, Decision::Allow).is_ok(), "what waits is never forgotten");
}

#[test]
fn closing_and_answering_gates_that_nobody_knows_does_nothing() {
    let mut script = working();
    let first = script.effects.len();
    script.close(GateId(77));
    script.written(GateId(78), false);
    assert!(script.since(first).is_empty());
}

#[test]
fn an_id_may_be_typed_from_either_end_but_must_be_the_only_one() {
    let mut script = working();
    let (_, one) = script.bash(10, "a", "t1", "make");
    let allow = |script: &mut Script, id: &str| {
        script.cli("resolve_permission", json!({"id": id, "decision": "allow"}))
    };
    let early: String = one.to_string().chars().take(6).collect();
    assert!(allow(&mut script, &one.short()).is_ok());
    let (gate, two) = script.bash(10, "a", "t2", "make");
    let err = allow(&mut script, &early).unwrap_err();
    assert_eq!(err.code, ErrorCode::Ambiguous, "the settled one may be meant");
    assert_eq!(script.answer(gate), None);
    assert_eq!(allow(&mut script, "").unwrap_err().code, ErrorCode::NotFound);
    assert_eq!(allow(&mut script, "zzzz").unwrap_err().code, ErrorCode::NotFound);
    let session = script.row("a").id;
    let err = allow(&mut script, &session.to_string()).unwrap_err();
    assert_eq!((err.code, err.message.contains("names a session")), (ErrorCode::BadParams, true));
    assert!(allow(&mut script, &two.to_string().to_uppercase()).is_ok());
    let never = RequestId::from_uuid(uuid::Uuid::nil());
    assert_eq!(allow(&mut script, &never.to_string()).unwrap_err().code, ErrorCode::NotFound);
}
