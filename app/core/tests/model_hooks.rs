//! Codex and Gemini as their hooks tell of them: states, cards, the hold rule, strict mode, found processes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail"
)]

mod script;

use magia_core::effect::{Effect, StoreWrite};
use magia_core::event::{Event, FoundAgent, GateId, Now, Origin};
use magia_core::model::{Model, Program};
use magia_core::settings::{Preset, Settings, ToolPermission};
use magia_protocol::wire::info::Decision;
use magia_protocol::wire::{GateReply, HookMessage, Provider, RequestId, RequestState, SessionState};
use script::{Script, message, process};
use serde_json::{Value, json};
use std::sync::Arc;

const CODEX: u32 = 50;
const GEMINI: u32 = 60;

/// A model with a window, in which someone just did something.
fn at_the_window() -> Script {
    let program = Program { version: "test".into(), pid: 1, headless: false, ..Program::default() };
    let mut script = Script::of_program(program);
    script.apply(Event::WindowUsed);
    script
}

fn codex(script: &mut Script, event: &str, fields: Value) {
    script.of("codex", CODEX, "c", event, fields, false);
}

fn gemini(script: &mut Script, event: &str, fields: Value) {
    script.wait(50);
    script.of("gemini", GEMINI, "g", event, fields, false);
}

fn call(command: &str) -> Value {
    json!({"turn_id": "t1", "tool_name": "Bash", "tool_input": {"command": command}, "tool_use_id": "u1"})
}

/// A rule for commands that begin so.
fn rule(prefix: &str, auto_approve: bool) -> ToolPermission {
    ToolPermission { tool: "Bash".into(), command_prefix: Some(prefix.into()), auto_approve }
}

/// A Codex turn up to the permission hook: its gate and its request.
fn codex_asks(script: &mut Script, command: &str) -> (GateId, RequestId) {
    codex(script, "SessionStart", json!({"source": "startup"}));
    codex(script, "UserPromptSubmit", json!({"turn_id": "t1", "prompt": "do it"}));
    codex(script, "PreToolUse", call(command));
    let input = json!({"command": command, "description": "needs to write"});
    let fields = json!({"turn_id": "t1", "tool_name": "Bash", "tool_input": input});
    let gate = script.of("codex", CODEX, "c", "PermissionRequest", fields, true).expect("a gate");
    let id = *script.requests.keys().next_back().expect("a request");
    (gate, id)
}

#[test]
fn a_codex_turn_from_its_start_to_its_end() {
    let mut script = Script::new();
    codex(&mut script, "SessionStart", json!({"source": "startup"}));
    assert_eq!(script.state("c"), SessionState::Idle);
    codex(&mut script, "UserPromptSubmit", json!({"turn_id": "t1", "prompt": "do it"}));
    assert_eq!(script.state("c"), SessionState::Working);
    codex(&mut script, "PreToolUse", call("ls"));
    codex(&mut script, "PostToolUse", {
        let mut fields = call("ls");
        fields["tool_response"] = json!("a.txt\n");
        fields
    });
    codex(&mut script, "Stop", json!({"turn_id": "t1", "last_assistant_message": "done"}));
    assert_eq!((script.state("c"), script.evidence("c")), (SessionState::Idle, "hook: Stop".into()));
    assert_eq!(script.row("c").title, "do it");
    // A failure has no Stop.
    codex(&mut script, "UserPromptSubmit", json!({"turn_id": "t2", "prompt": "again"}));
    codex(&mut script, "PostModelRequest", json!({"turn_id": "t2", "status": "failed", "error": "busy"}));
    assert_eq!(script.evidence("c"), "hook: PostModelRequest busy");
    assert_eq!(script.state("c"), SessionState::Failed);
    // The CLI tried again.
    codex(&mut script, "PreToolUse", call("ls"));
    assert_eq!(script.state("c"), SessionState::Working);
    codex(&mut script, "Interrupt", json!({"turn_id": "t2"}));
    assert_eq!((script.state("c"), script.evidence("c")), (SessionState::Idle, "hook: Interrupt".into()));
    codex(&mut script, "SessionEnd", json!({"reason": "other"}));
    assert_eq!(script.state("c"), SessionState::Ended);
}

#[test]
fn a_codex_subagent_stays_within_its_parents_session() {
    let mut script = Script::new();
    codex(&mut script, "UserPromptSubmit", json!({"turn_id": "t1", "prompt": "do it"}));
    let sub = |fields: Value| {
        let mut all = json!({"turn_id": "t9", "agent_id": "a", "agent_type": "default",
            "transcript_path": "/home/dev/.codex/sessions/2026/11/21/rollout-child.jsonl"});
        all.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        all
    };
    codex(&mut script, "SubagentStart", sub(json!({})));
    codex(&mut script, "UserPromptSubmit", sub(json!({"prompt": "look around"})));
    assert_eq!(script.model.footprint().sessions, 1);
    let row = script.row("c");
    assert_eq!((row.subagents, row.title.as_str()), (1, "do it"));
    assert!(row.transcript_path.as_deref().is_some_and(|path| path.ends_with("rollout-c.jsonl")));
    codex(&mut script, "SubagentStop", sub(json!({"last_assistant_message": "seen"})));
    assert_eq!((script.row("c").subagents, script.state("c")), (0, SessionState::Working));
}

#[test]
fn without_someone_at_the_window_codex_is_not_held() {
    // No window at all: only the CLI.
    let program = Program { headless: true, ..Program::default() };
    let mut headless = Script::of_program(program);
    headless.apply(Event::WindowUsed);
    // A window that was used more than a minute ago, or never.
    let mut left = at_the_window();
    left.wait(60_000);
    let mut never = Script::new();
    // A window in use, but the setting is off.
    let mut off = at_the_window();
    off.settings(Settings { codex_hold_s: 0, ..Settings::default() });
    for script in [&mut headless, &mut left, &mut never, &mut off] {
        let (gate, id) = codex_asks(script, "touch x");
        assert_eq!(script.answer(gate), Some(String::new()), "no decision at once");
        script.written(gate, true);
        assert_eq!(
            (script.request_state(id), script.state("c")),
            (RequestState::InTerminal, SessionState::WaitingPermission)
        );
        // It is the terminal's now.
        assert!(
            script.cli("resolve_permission", json!({"id": id.to_string(), "decision": "allow"})).is_err()
        );
        codex(script, "PostToolUse", call("touch x"));
        assert_eq!(script.request_state(id), RequestState::AnsweredInTerminal);
        assert_eq!(script.state("c"), SessionState::Working);
    }
}

#[test]
fn held_it_is_answered_by_the_window() {
    for (decision, behavior) in [("allow", "allow"), ("deny", "deny")] {
        let mut script = at_the_window();
        script.wait(59_999);
        let (gate, id) = codex_asks(&mut script, "touch x");
        assert_eq!((script.answer(gate), script.request_state(id)), (None, RequestState::Open));
        let params = json!({"id": id.to_string(), "decision": decision, "reason": "because"});
        script.command("resolve_permission", params, Origin::Window);
        assert_eq!(script.answer(gate).as_deref(), Some(behavior));
        let output: Value = serde_json::from_slice(&script.answers[&gate].stdout).unwrap();
        let expected = match decision {
            "allow" => json!({"behavior": "allow"}),
            _ => json!({"behavior": "deny", "message": "because"}),
        };
        // Codex takes no answer with a field that it does not know.
        assert_eq!(
            output,
            json!({"hookSpecificOutput": {"hookEventName": "PermissionRequest", "decision": expected}})
        );
        script.written(gate, true);
        if decision == "allow" {
            codex(&mut script, "PostToolUse", call("touch x"));
        }
        codex(&mut script, "Stop", json!({"turn_id": "t1"}));
        assert_eq!(script.request_state(id), RequestState::TookEffect);
    }
}

#[test]
fn codex_offers_no_rule_so_always_is_refused() {
    let mut script = at_the_window();
    let (gate, id) = codex_asks(&mut script, "touch x");
    assert!(script.cli("resolve_permission", json!({"id": id.to_string(), "decision": "always"})).is_err());
    assert_eq!(script.answer(gate), None, "it still waits");
}

#[test]
fn a_hold_ends_after_its_time_and_at_once_when_told_so() {
    let mut script = at_the_window();
    script.settings(Settings { codex_hold_s: 7, ..Settings::default() });
    let (gate, id) = codex_asks(&mut script, "touch x");
    assert!(script.model.next_wake_mono(script.now).is_some_and(|at| at <= script.now.mono_ms + 7_000));
    script.wait(6_999).tick();
    assert_eq!(script.answer(gate), None);
    script.wait(1).tick();
    assert_eq!(script.answer(gate), Some(String::new()));
    assert_eq!(script.request_state(id), RequestState::InTerminal);
    assert_eq!(script.decided_by(id), "magia: not answered in time");
    // The user says no there, which ends the turn.
    codex(&mut script, "Interrupt", json!({"turn_id": "t1"}));
    assert_eq!(script.request_state(id), RequestState::AnsweredInTerminal);

    let (gate, id) = codex_asks(&mut script, "touch y");
    script.cli("resolve_permission", json!({"id": id.to_string(), "decision": "none"})).expect("taken");
    assert_eq!(script.answer(gate), Some(String::new()));
    assert_eq!(script.request_state(id), RequestState::InTerminal);
    // Its time comes and goes: nothing is answered twice, which the script checks.
    script.wait(60_000).tick();
}

#[test]
fn a_hold_is_over_when_the_agent_goes_on_or_ends() {
    let mut script = at_the_window();
    let (gate, id) = codex_asks(&mut script, "touch x");
    script.dies(CODEX);
    assert_eq!(script.answer(gate), Some(String::new()));
    assert_eq!((script.request_state(id), script.state("c")), (RequestState::AgentGone, SessionState::Ended));
    script.wait(60_000).tick();
}

#[test]
fn rules_answer_codex_at_once_whoever_is_at_the_window() {
    let tool_permissions = vec![rule("cargo test", true), rule("rm", false)];
    for (command, behavior) in [("cargo test --all", "allow"), ("rm -rf x", "deny")] {
        let mut script = Script::new();
        script.settings(Settings { tool_permissions: tool_permissions.clone(), ..Settings::default() });
        let (gate, id) = codex_asks(&mut script, command);
        assert_eq!(script.answer(gate).as_deref(), Some(behavior));
        assert!(script.decided_by(id).starts_with("policy rule Bash("), "{}", script.decided_by(id));
    }
}

#[test]
fn what_a_rule_answers_is_answered_before_anything_is_noted() {
    let tool_permissions = vec![rule("cargo test", true), rule("rm", false)];
    let settings = Arc::new(Settings { tool_permissions, ..Settings::default() });
    let hook = |event: &str, command: &str| {
        let mut payload = call(command);
        payload["session_id"] = json!("s");
        payload["cwd"] = json!("/home/dev/shop");
        message(11, event, &payload)
    };
    let now = Now { unix_ms: 1_795_000_000_000, mono_ms: 1_000 };
    let mut model = Model::new(Program::default(), 7);
    for event in [
        Event::StoreLoaded(Box::default()),
        Event::SettingsLoaded { settings, problem: None, says_retention: false },
        Event::HookReceived(hook("SessionStart", "")),
    ] {
        model.apply(event, now);
    }
    let answered = |effects: &[Effect]| -> Vec<u8> {
        let reply = |effect: &Effect| match effect {
            Effect::AnswerGate { reply, .. } => Some(reply.exit),
            _ => None,
        };
        effects.iter().filter_map(reply).collect()
    };
    let stored = |effects: &[Effect]| {
        let is = |effect: &&Effect| matches!(effect, Effect::Store(StoreWrite::Event(_)));
        effects.iter().filter(is).count()
    };
    let asks = [
        ("PermissionRequest", "cargo test --all", 0),
        ("PermissionRequest", "rm -rf x", 0),
        ("PreToolUse", "rm -rf x", 2),
        ("PreToolUse", "make", 0),
    ];
    for (number, (event, command, exit)) in asks.into_iter().enumerate() {
        let (gate, seq) = (GateId(number as u64), model.last_seq());
        let opened = Event::GateOpened { gate, message: hook(event, command), paths: None };
        let first = model.begin(opened, now);
        assert_eq!((answered(&first), first.len()), (vec![exit], 1), "{event} {command}: {first:?}");
        assert_eq!(model.last_seq(), seq);
        let rest = model.finish(now);
        assert_eq!((answered(&rest), stored(&rest)), (vec![], 1), "{event} {command}: {rest:?}");
        assert_eq!(model.last_seq(), seq + 1);
    }
    // A person decides: the card is there before anybody could answer it.
    let message = hook("PermissionRequest", "make");
    let first = model.begin(Event::GateOpened { gate: GateId(90), message, paths: None }, now);
    assert_eq!((answered(&first), stored(&first)), (vec![], 1), "{first:?}");
}

#[test]
fn a_verdict_that_was_foreseen_is_given_only_for_the_same_call_under_the_same_rules() {
    let tests_are = |auto_approve| Settings {
        tool_permissions: vec![rule("cargo test", auto_approve)],
        ..Settings::default()
    };
    let mut script = Script::new();
    script.settings(tests_are(true));
    let asks = |script: &mut Script, begun: &str, asked: &str, between: Option<Settings>| {
        script.hook(11, "s", "PreToolUse", call(begun));
        if let Some(settings) = between {
            script.settings(settings);
        }
        let (gate, _) = script.asks(11, "s", call(asked));
        let answer = script.answer(gate);
        script.hook(11, "s", "Stop", json!({}));
        answer
    };
    assert_eq!(asks(&mut script, "cargo test -q", "cargo test -q", None).as_deref(), Some("allow"));
    assert_eq!(asks(&mut script, "cargo test -q", "make", None), None);
    assert_eq!(asks(&mut script, "make", "cargo test -q", None).as_deref(), Some("allow"));
    let denied = asks(&mut script, "cargo test -q", "cargo test -q", Some(tests_are(false)));
    assert_eq!(denied.as_deref(), Some("deny"));
    let by_nobody = asks(&mut script, "cargo test -q", "cargo test -q", Some(Settings::default()));
    assert_eq!(by_nobody, None);
}

#[test]
fn a_daemon_says_nothing_about_which_session_its_process_works_on() {
    let mut script = Script::new();
    for session in ["one", "two", "one"] {
        let payload = json!({"session_id": session, "prompt": "hi", "cwd": "/home/dev/shop"});
        let mut message = message(CODEX, "UserPromptSubmit", &payload);
        message.provider = "codex".into();
        message.shared = true;
        script.apply(Event::HookReceived(message));
    }
    for session in ["one", "two"] {
        let row = script.row(session);
        assert_eq!((row.state, row.process, row.parent), (SessionState::Working, None, None));
    }
    assert_eq!(script.model.footprint().processes, 0);
}

#[test]
fn a_gemini_turn_with_a_dialog_that_is_allowed_in_the_terminal() {
    let mut script = Script::new();
    gemini(&mut script, "SessionStart", json!({"source": "startup"}));
    assert_eq!(script.state("g"), SessionState::Idle);
    gemini(&mut script, "BeforeAgent", json!({"prompt": "touch it"}));
    gemini(&mut script, "PreCompress", json!({"trigger": "auto"}));
    assert_eq!(script.evidence("g"), "hook: BeforeAgent");
    let input = json!({"command": "touch zz", "description": "make zz"});
    let tool = json!({"tool_name": "run_shell_command", "tool_input": input});
    gemini(&mut script, "BeforeTool", tool.clone());
    gemini(
        &mut script,
        "Notification",
        json!({"notification_type": "ToolPermission", "message": "m",
        "details": {"type": "exec", "title": "Confirm", "command": "touch zz", "rootCommand": "touch"}}),
    );
    assert_eq!(script.state("g"), SessionState::WaitingPermission);
    let (&id, seen) = script.requests.iter().next().expect("a card");
    assert_eq!(seen[0].state, RequestState::InTerminal);
    assert_eq!(serde_json::from_str::<Value>(&seen[0].input).unwrap(), input, "the whole call is shown");
    assert!(script.cli("resolve_permission", json!({"id": id.to_string(), "decision": "allow"})).is_err());
    gemini(&mut script, "AfterTool", tool);
    assert_eq!(script.request_state(id), RequestState::AnsweredInTerminal);
    assert_eq!(script.state("g"), SessionState::Working);
    gemini(&mut script, "AfterAgent", json!({"prompt": "touch it", "prompt_response": "x x"}));
    assert_eq!(script.state("g"), SessionState::Idle);
    for _ in 0..2 {
        gemini(&mut script, "SessionEnd", json!({"reason": "exit"}));
        assert_eq!(script.state("g"), SessionState::Ended);
    }
    let timeline = script.cli("get_timeline", json!({"session": script.row("g").id.to_string()})).unwrap();
    let texts: Vec<&str> =
        timeline.as_array().unwrap().iter().map(|row| row["text"].as_str().unwrap()).collect();
    assert_eq!(
        texts,
        [
            "Session started",
            "touch it",
            "run_shell_command touch zz",
            "run_shell_command touch zz (by terminal)",
            "Session ended (exit)",
        ]
    );
}

#[test]
fn a_gemini_dialog_that_is_refused_leaves_with_the_next_prompt() {
    let mut script = Script::new();
    gemini(&mut script, "BeforeAgent", json!({"prompt": "write it"}));
    let input = json!({"file_path": "b.txt", "content": "new text"});
    gemini(&mut script, "BeforeTool", json!({"tool_name": "write_file", "tool_input": input}));
    gemini(
        &mut script,
        "Notification",
        json!({"notification_type": "ToolPermission", "message": "m",
        "details": {"type": "edit", "title": "Confirm", "filePath": "/home/dev/shop/b.txt",
            "originalContent": "", "newContent": "new text"}}),
    );
    let id = *script.requests.keys().next().expect("a card");
    assert_eq!(script.request(id).tool, "write_file");
    // Esc tells nothing.
    script.wait(10_000);
    assert_eq!(script.state("g"), SessionState::WaitingPermission);
    gemini(&mut script, "BeforeAgent", json!({"prompt": "something else"}));
    assert_eq!(script.request_state(id), RequestState::AnsweredInTerminal);
    assert_eq!(script.state("g"), SessionState::Working);
}

#[test]
fn a_gemini_dialog_of_an_unknown_kind_is_about_the_call_that_has_begun() {
    let mut script = Script::new();
    let notice = json!({"notification_type": "ToolPermission", "message": "m", "details": {"type": "mcp"}});
    gemini(&mut script, "BeforeAgent", json!({"prompt": "look"}));
    gemini(&mut script, "BeforeTool", json!({"tool_name": "web_fetch", "tool_input": {"url": "x"}}));
    gemini(&mut script, "Notification", notice.clone());
    gemini(&mut script, "Notification", notice);
    let tools: Vec<&str> = script.requests.values().map(|seen| seen[0].tool.as_str()).collect();
    assert_eq!(tools, ["web_fetch", "A tool"]);
}

#[test]
fn strict_mode_refuses_what_a_rule_denies_and_lets_the_rest_go_its_way() {
    let rule = |tool: &str, auto_approve| ToolPermission {
        tool: tool.into(),
        command_prefix: Some("rm".into()),
        auto_approve,
    };
    let tools = ["run_shell_command", "Bash"];
    for (provider, event, tool) in [
        ("gemini", "BeforeTool", tools[0]),
        ("codex", "PreToolUse", tools[1]),
        ("claude", "PreToolUse", tools[1]),
    ] {
        let mut script = Script::new();
        script.settings(Settings {
            tool_permissions: tools.map(|tool| rule(tool, false)).to_vec(),
            ..Settings::default()
        });
        script.of(provider, 70, "s", "SessionStart", json!({}), false);
        let mut ask = |command: &str| {
            script.wait(20);
            let fields =
                json!({"tool_name": tool, "tool_input": {"command": command}, "tool_use_id": command});
            let gate = script.of(provider, 70, "s", event, fields, true).expect("a gate");
            script.answers[&gate].clone()
        };
        assert_eq!(ask("ls"), GateReply::no_decision(), "{provider}");
        let refused = ask("rm -rf x");
        assert_eq!((refused.exit, refused.stdout.len()), (2, 0), "{provider}");
        let reason = String::from_utf8(refused.stderr).unwrap();
        assert_eq!(reason, format!("Denied by magia's rule {tool}(rm)\n"));
        let (&id, _) = script.requests.iter().next().expect("it is on record");
        assert_eq!(script.request_state(id), RequestState::Decided);
        assert_eq!(script.decided_by(id), format!("policy rule {tool}(rm)"));
        let end = if provider == "gemini" { "AfterAgent" } else { "Stop" };
        script.of(provider, 70, "s", end, json!({}), false);
        assert_eq!(script.request_state(id), RequestState::TookEffect);
    }
}

/// What a handler that waits is told of a message.
fn told(script: &mut Script, message: Box<HookMessage>) -> GateReply {
    script.wait(20);
    let gate = GateId(1_000 + script.answers.len() as u64);
    script.apply(Event::GateOpened { gate, message, paths: None });
    script.answers[&gate].clone()
}

#[test]
fn what_cannot_be_judged_is_not_let_through_in_strict_mode() {
    let mut script = Script::new();
    let tool = "Bash".to_owned();
    let rule = ToolPermission { tool, command_prefix: Some("rm".into()), auto_approve: false };
    script.settings(Settings { tool_permissions: vec![rule], ..Settings::default() });
    script.hook(10, "a", "SessionStart", json!({}));
    let call = json!({"tool_name": "Bash", "tool_input": {"command": "ls"}, "tool_use_id": "one"});
    let known = script.message(10, "a", "PreToolUse", call.clone());
    assert_eq!(told(&mut script, known.clone()), GateReply::no_decision());

    let mut cut = script.message(10, "a", "PreToolUse", json!({"tool_name": "Bash", "tool_use_id": "two"}));
    cut.cut = true;
    let mut of_nobody = known.clone();
    of_nobody.provider = "claud".into();
    let unnamed = script.message(10, "a", "PreToolUse", json!({"tool_input": {}}));
    let of_no_event = script.message(10, "a", "PreTolUse", call);
    for (message, reason) in [
        (cut, "the call is too long for magia's rules to be checked"),
        (of_nobody, "magia cannot tell which agent's session asks"),
        (
            message(10, "PreToolUse", &json!({"tool_name": "Bash"})),
            "magia cannot tell which agent's session asks",
        ),
        (message(10, "PreToolUse", &json!([1])), "magia cannot tell which agent's session asks"),
        (message(10, "PreToolUse", &json!(null)), "magia cannot tell which agent's session asks"),
        (unnamed, "magia does not know what the agent asks"),
        (of_no_event, "magia does not know what the agent asks"),
    ] {
        let payload = message.payload.to_string();
        assert_eq!(told(&mut script, message), GateReply::unjudged(reason), "{payload}");
    }
    // What bears on no rule holds nothing up.
    let stop = script.message(10, "a", "Stop", json!({}));
    assert_eq!(told(&mut script, stop), GateReply::no_decision());

    // What of the rules can be read denies, and what cannot may.
    let rule = ToolPermission { tool: "Bash".into(), command_prefix: Some("rm".into()), auto_approve: false };
    let mut unread = Settings { tool_permissions: vec![rule], preset: Preset::Auto, ..Settings::default() };
    unread.allow_nothing();
    script.settings(unread);
    let call = |command: &str| json!({"tool_name": "Bash", "tool_input": {"command": command}});
    let lists = script.message(10, "a", "PreToolUse", call("ls"));
    let reason = "magia's rules in settings.json cannot be read";
    assert_eq!(told(&mut script, lists), GateReply::unjudged(reason));
    // A session that is new, for which more is read.
    let lists = script.message(11, "b", "PreToolUse", call("ls"));
    assert_eq!(told(&mut script, lists), GateReply::unjudged(reason));
    let removes = script.message(10, "a", "PreToolUse", call("rm x"));
    assert_eq!(told(&mut script, removes).exit, 2);

    // A rule for the whole tool needs nothing of the input.
    let rule = ToolPermission { tool: "Bash".into(), command_prefix: None, auto_approve: false };
    script.settings(Settings { tool_permissions: vec![rule], ..Settings::default() });
    let mut cut = script.message(10, "a", "PreToolUse", json!({"tool_name": "Bash", "tool_use_id": "three"}));
    cut.cut = true;
    assert_eq!(told(&mut script, cut).exit, 2);
}

#[test]
fn a_request_that_is_too_long_to_be_shown_is_left_to_the_terminal() {
    let mut script = Script::new();
    script.hook(10, "a", "SessionStart", json!({}));
    let mut cut = script.message(10, "a", "PermissionRequest", json!({"tool_name": "Bash"}));
    cut.cut = true;
    assert_eq!(told(&mut script, cut), GateReply::no_decision());
    let (&id, _) = script.requests.iter().next().expect("a card");
    assert_eq!(script.request_state(id), RequestState::InTerminal);
    let refused = script.decide(id, Decision::Allow);
    assert!(refused.is_err(), "only its terminal can answer: {refused:?}");
}

fn found(provider: Provider, pid: u32) -> FoundAgent {
    FoundAgent {
        provider,
        process: process(pid),
        cwd: "/home/dev/shop".into(),
        tty: Some(format!("pts/{pid}")),
    }
}

fn unnamed(script: &Script) -> usize {
    script.model.rows().filter(|row| row.provider_session_id.is_none()).count()
}

#[test]
fn a_process_is_a_row_until_its_hook_names_it() {
    let mut script = Script::new();
    script.apply(Event::AgentsFound(vec![found(Provider::Gemini, GEMINI), found(Provider::Codex, CODEX)]));
    assert_eq!(unnamed(&script), 2);
    let row = script.model.rows().find(|row| row.provider == Provider::Gemini).unwrap().clone();
    assert_eq!((row.title.as_str(), row.state), ("Session not known yet", SessionState::Idle));
    assert_eq!((row.cwd.as_str(), row.tty.as_deref()), ("/home/dev/shop", Some("pts/60")));
    gemini(&mut script, "SessionStart", json!({"source": "startup"}));
    let named = script.row("g");
    assert_eq!((named.id, named.process, unnamed(&script)), (row.id, Some(process(GEMINI)), 1));
    // Looking again finds nothing new.
    script.apply(Event::AgentsFound(vec![found(Provider::Gemini, GEMINI), found(Provider::Codex, CODEX)]));
    assert_eq!(script.model.rows().count(), 2);
    // One that ends without a hook leaves nothing behind; the other is seen to end.
    script.dies(CODEX);
    script.dies(GEMINI);
    assert_eq!((script.model.rows().count(), script.state("g")), (1, SessionState::Ended));
    let stored = script.effects.iter().filter_map(|effect| match effect {
        Effect::Store(StoreWrite::Session(session)) => Some(&session.provider_session_id.0),
        _ => None,
    });
    assert!(stored.into_iter().all(|id| id == "g"), "what has no name is not stored");
    script.apply(Event::AgentsFound(vec![found(Provider::Gemini, GEMINI)]));
    assert_eq!(script.model.rows().count(), 1, "an old list does not bring the dead back");
}

#[test]
fn a_resumed_session_takes_the_row_of_its_process() {
    let mut script = Script::new();
    gemini(&mut script, "SessionStart", json!({"source": "startup"}));
    let id = script.row("g").id;
    script.dies(GEMINI);
    script.apply(Event::AgentsFound(vec![found(Provider::Gemini, 61)]));
    script.of("gemini", 61, "g", "SessionStart", json!({"source": "resume"}), false);
    assert_eq!((script.row("g").id, script.row("g").process), (id, Some(process(61))));
    assert_eq!((script.model.rows().count(), script.state("g")), (1, SessionState::Idle));
}

#[test]
fn a_launcher_is_forgotten_when_its_agent_is_found() {
    let mut script = Script::new();
    script.apply(Event::AgentsFound(vec![found(Provider::Gemini, 80)]));
    script.apply(Event::AgentsFound(vec![found(Provider::Gemini, 81)]));
    let rows: Vec<_> = script.model.rows().map(|row| row.process).collect();
    assert_eq!(rows, [Some(process(81))]);
    let params = json!({"session": script.model.rows().next().unwrap().id.to_string(), "title": "mine"});
    script.cli("set_session_title", params).expect("renamed");
    script.apply(Event::AgentsFound(Vec::new()));
    assert_eq!(script.model.footprint().sessions, 0);
    assert!(!script.effects.iter().any(|effect| matches!(effect, Effect::Store(StoreWrite::Session(_)))));
}

#[test]
fn a_gemini_that_clears_goes_on_as_another_session() {
    let mut script = Script::new();
    gemini(&mut script, "SessionStart", json!({"source": "startup"}));
    gemini(&mut script, "SessionEnd", json!({"reason": "clear"}));
    script.of("gemini", GEMINI, "g2", "SessionStart", json!({"source": "clear"}), false);
    assert_eq!((script.state("g"), script.state("g2")), (SessionState::Ended, SessionState::Idle));
    assert_eq!(script.row("g2").parent, Some(script.row("g").id));
    script.dies(GEMINI);
    assert_eq!(script.state("g2"), SessionState::Ended);
}

#[test]
fn stored_gemini_events_tell_the_same_story_after_a_restart() {
    let mut script = Script::new();
    let tool = json!({"tool_name": "glob", "tool_input": {"pattern": "*"}});
    gemini(&mut script, "BeforeAgent", json!({"prompt": "look"}));
    for _ in 0..2 {
        gemini(&mut script, "BeforeTool", tool.clone());
    }
    gemini(&mut script, "AfterTool", tool.clone());
    let events = script.stored_events();
    let sessions: Vec<_> = script
        .effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Store(StoreWrite::Session(session)) => Some((**session).clone()),
            _ => None,
        })
        .next_back()
        .into_iter()
        .collect();
    let id = script.row("g").id;
    let mut again = Script::default();
    again.now = script.now;
    again.wait(1_000);
    again.apply(Event::StoreLoaded(Box::new(magia_core::event::StoredState {
        sessions,
        last_seq: events.len() as u64,
        ..Default::default()
    })));
    again.apply(Event::WindowChanged { focused: true, selected: Some(id) });
    again.apply(script::history_of(id, &events));
    // What began before the restart ends after it.
    gemini(&mut again, "AfterTool", tool);
    let timeline = again.cli("get_timeline", json!({"session": id.to_string()})).unwrap();
    let tools: Vec<_> = timeline
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| row["kind"] == "tool")
        .map(|row| row["status"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(tools, ["done", "done"], "{timeline:#}");
}
