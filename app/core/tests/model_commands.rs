//! Commands: every one is answered exactly once, and an agent cannot decide.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail"
)]

mod script;

use magia_core::effect::{Effect, Job};
use magia_core::event::{Event, Origin, ReplyId};
use magia_protocol::wire::info::{ListenerInfo, ProviderInfo};
use magia_protocol::wire::method::{Access, METHODS, ParamSpec};
use magia_protocol::wire::{Command, ErrorCode, Provider, RpcError};
use script::{Script, bash, below, cli};
use serde_json::{Map, Value, json};

fn sample(param: &ParamSpec, session: &str, request: &str) -> Value {
    match (param.name, param.kind) {
        ("session", _) => json!(session),
        // The request's notification.
        ("id", "number") => json!(1),
        ("id", _) => json!(request),
        ("confirm", _) => json!("reset"),
        ("keybindings", _) => json!({"nav.up": "W"}),
        ("decision", _) => json!("deny"),
        ("provider", _) => json!("claude"),
        ("name", _) => json!("hooks"),
        ("answers", _) => Value::Null,
        (_, "string") => json!("word"),
        (_, "bool") => json!(true),
        (_, "number") => json!(7),
        (_, "object") => json!({"themeMode": "light"}),
        (_, "[string]") => json!(["agent:event"]),
        (name, kind) => panic!("no sample for {name}: {kind}"),
    }
}

/// Each row of the table, with and without its optional parameters, from the CLI: one reply or one job.
#[test]
fn every_command_is_answered_exactly_once() {
    for spec in METHODS {
        for all in [false, true] {
            let mut script = Script::new();
            let (_, request) = script.bash(10, "a", "t1", "make");
            let session = script.row("a").id.to_string();
            script.apply(Event::ListenerReported(ListenerInfo {
                name: "hooks".into(),
                ..ListenerInfo::default()
            }));
            let params: Map<String, Value> = spec
                .params
                .iter()
                .filter(|param| all || param.required)
                .map(|param| (param.name.to_owned(), sample(param, &session, &request.to_string())))
                .filter(|(_, value)| !value.is_null())
                .collect();
            let first = script.effects.len();
            script.command(spec.name, Value::Object(params), cli());
            let replied =
                script.count(first, |fx| matches!(fx, Effect::Reply { .. } | Effect::Acknowledge { .. }));
            let ran: Vec<ReplyId> = script
                .since(first)
                .iter()
                .filter_map(|fx| match fx {
                    Effect::Run { reply, .. } | Effect::Terminal { reply, .. } => Some(*reply),
                    Effect::OpenTerminal { reply, .. } => *reply,
                    _ => None,
                })
                .collect();
            assert_eq!(replied + ran.len(), 1, "{}", spec.name);
            if let [reply] = ran[..] {
                let outcome = Ok(json!({"done": true}));
                script.apply(Event::JobFinished { reply, outcome: outcome.clone() });
                assert_eq!(script.replies.get(&reply), Some(&outcome), "{}", spec.name);
            } else if let Some(Err(err)) = script.replies.values().next() {
                assert!(!matches!(err.code, ErrorCode::Internal), "{}: {err}", spec.name);
            }
            assert_eq!(script.model.footprint().waiting_replies, 0);
        }
    }
}

#[test]
fn an_agent_and_what_it_started_may_read_but_not_decide() {
    let hosts: [(&str, Origin); 4] = [
        ("by name", below(&[(50, "magia"), (51, "bash"), (52, "claude"), (53, "bash"), (1, "init")])),
        ("by process", below(&[(50, "magia"), (10, "2.1.197"), (53, "bash"), (1, "init")])),
        ("codex", below(&[(50, "magia"), (52, "codex")])),
        ("nothing known", below(&[])),
    ];
    for (name, origin) in hosts {
        for spec in METHODS {
            let mut script = Script::new();
            let (gate, request) = script.bash(10, "a", "t1", "make");
            let session = script.row("a").id.to_string();
            let params: Map<String, Value> = spec
                .params
                .iter()
                .filter(|param| param.required)
                .map(|param| (param.name.to_owned(), sample(param, &session, &request.to_string())))
                .collect();
            let first = script.effects.len();
            let reply = script.command(spec.name, Value::Object(params), origin.clone());
            let refused = matches!(&reply, Some(Err(err)) if err.code == ErrorCode::Refused);
            assert_eq!(refused, spec.access == Access::Guarded, "{name}: {}", spec.name);
            if refused {
                let ran = script.count(first, |fx| matches!(fx, Effect::Run { .. } | Effect::Store(_)));
                assert_eq!((ran, script.answer(gate)), (0, None), "{name}: {}", spec.name);
            }
        }
    }
}

#[test]
fn a_shell_that_was_taken_for_an_agent_does_not_lock_the_user_out() {
    let mut script = Script::new();
    // Someone ran the handler by hand from a shell.
    script.hook(4_000, "a", "Stop", json!({}));
    let (gate, id) = script.bash(10, "b", "t1", "make");
    script.decide(id, magia_protocol::wire::info::Decision::Allow).unwrap();
    assert_eq!(script.answer(gate).as_deref(), Some("allow"));
}

#[test]
fn the_window_decides_and_hears_of_failures_in_a_toast() {
    let mut script = Script::new();
    let (gate, id) = script.bash(10, "a", "t1", "make");
    let params = json!({"id": id.to_string(), "decision": "allow"});
    assert_eq!(
        script.command("resolve_permission", params.clone(), Origin::Window),
        None,
        "no reply to a window"
    );
    assert_eq!((script.answer(gate).as_deref(), script.decided_by(id)), (Some("allow"), "window"));
    script.command("resolve_permission", params, Origin::Window);
    let toasts = script.model.snapshot(script.now).unwrap().toasts.clone();
    assert_eq!(toasts.len(), 1);
    assert!(toasts[0].failed && toasts[0].text.starts_with("it is already decided (window)"), "{toasts:?}");
    assert_eq!(toasts[0].about, Some(id.to_string()), "a dialog for this request can say it");
    assert_eq!(script.model.footprint().waiting_replies, 0);
}

#[test]
fn a_job_of_the_window_says_what_it_wrote_and_a_trial_says_nothing() {
    let mut script = Script::new();
    let mut install = |dry_run: bool, changed: bool| {
        let first = script.effects.len();
        script.command("install_hooks", json!({"dry_run": dry_run}), Origin::Window);
        let reply = script.since(first).iter().find_map(|fx| match fx {
            Effect::Run { reply, .. } => Some(*reply),
            _ => None,
        });
        let outcome = Ok(json!({"file": "/f", "changed": changed, "dry_run": dry_run}));
        script.apply(Event::JobFinished { reply: reply.unwrap(), outcome });
        let snapshot = script.model.snapshot(script.now);
        snapshot.and_then(|snapshot| snapshot.toasts.last().map(|toast| toast.text.clone()))
    };
    assert_eq!(install(true, true), None);
    assert_eq!(install(false, true).as_deref(), Some("Wrote /f"));
    assert_eq!(install(false, false).as_deref(), Some("/f was already as wanted"));
}

#[test]
fn a_failed_job_is_passed_on_and_one_that_nobody_waits_for_does_no_harm() {
    let mut script = Script::new();
    let reply = ReplyId(900);
    let command = Command::parse("hooks_status", &json!({})).unwrap();
    script.apply(Event::CommandReceived { reply, command, origin: cli() });
    let err = RpcError::new(ErrorCode::Conflict, "no");
    script.apply(Event::JobFinished { reply, outcome: Err(err.clone()) });
    assert_eq!(script.replies[&reply], Err(err));
    script.apply(Event::RequesterGone(reply));
}

#[test]
fn a_requester_that_left_is_not_answered_when_its_timeline_is_read() {
    let mut script = Script::default();
    script.hook(10, "a", "Stop", json!({}));
    let session = script.row("a").id;
    let stored = magia_core::event::StoredSession {
        id: session,
        provider: Provider::Claude,
        config_root: String::new(),
        provider_session_id: magia_protocol::wire::ProviderSessionId("b".into()),
        parent: None,
        cwd: "/x".into(),
        title: None,
        title_source: magia_protocol::wire::TitleSource::Directory,
        transcript_path: None,
        model: None,
        process: None,
        started_at_ms: 1,
        last_activity_ms: 1,
        ended: true,
        pinned: false,
        hidden: false,
        seen: None,
        between_turns: false,
    };
    let stored = magia_core::event::StoredSession { id: other_id(), ..stored };
    let id = stored.id;
    script.apply(Event::StoreLoaded(Box::new(magia_core::event::StoredState {
        sessions: vec![stored],
        ..Default::default()
    })));
    let ask = |script: &mut Script| script.command("get_timeline", json!({"session": id.to_string()}), cli());
    assert_eq!((ask(&mut script), ask(&mut script)), (None, None));
    assert_eq!(script.model.footprint().waiting_replies, 2);
    script.apply(Event::RequesterGone(ReplyId(1)));
    script.apply(script::history_of(id, &[]));
    assert_eq!(script.replies.keys().copied().collect::<Vec<_>>(), [ReplyId(2)]);
    assert!(ask(&mut script).is_some(), "now it is there at once");
    assert_eq!(script.model.footprint().waiting_replies, 0);
}

fn other_id() -> magia_protocol::wire::SessionId {
    magia_protocol::wire::SessionId::from_uuid(uuid::Uuid::from_u128(5))
}

#[test]
fn sessions_are_named_by_either_end_of_their_id_or_by_the_agents_own() {
    let mut script = Script::new();
    script.hook(10, "aaaa-1111", "Stop", json!({}));
    script.hook(11, "aaaa-2222", "Stop", json!({}));
    let id = script.row("aaaa-1111").id;
    let get = |script: &mut Script, typed: &str| script.cli("get_session", json!({ "session": typed }));
    for typed in [id.to_string(), id.short(), format!(" {} ", id.to_string().to_uppercase()), "aaaa-1".into()]
    {
        assert_eq!(get(&mut script, &typed).unwrap()["id"], json!(id.to_string()), "{typed}");
    }
    let early: String = id.to_string().chars().take(8).collect();
    for (typed, code) in [
        (early.as_str(), ErrorCode::Ambiguous),
        ("aaaa", ErrorCode::Ambiguous),
        ("aaa", ErrorCode::NotFound),
        ("", ErrorCode::NotFound),
        ("ffffffff", ErrorCode::NotFound),
    ] {
        assert_eq!(get(&mut script, typed).unwrap_err().code, code, "{typed:?}");
    }
}

#[test]
fn hidden_and_ended_sessions_are_listed_only_when_all_are_wanted() {
    let mut script = Script::new();
    for (pid, name) in [(10, "shown"), (11, "hidden"), (12, "ended")] {
        script.hook(pid, name, "Stop", json!({}));
        script.wait(1);
    }
    script.bash(13, "needy", "t1", "make");
    script.dies(12);
    let hidden = script.row("hidden").id.to_string();
    script.cli("update_session", json!({"session": hidden, "hidden": true, "pinned": true})).unwrap();
    let list = |script: &mut Script, all: bool| -> Vec<String> {
        let rows = script.cli("get_active_sessions", json!({ "all": all })).unwrap();
        rows.as_array()
            .unwrap()
            .iter()
            .map(|row| row["provider_session_id"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(list(&mut script, false), ["needy", "shown"], "what needs you is first");
    assert_eq!(list(&mut script, true).len(), 4);
    let snapshot = script.model.snapshot(script.now).unwrap();
    assert!(snapshot.sessions.iter().all(|row| !row.hidden));
}

#[test]
fn what_is_wrong_names_what_is_near() {
    let mut script = Script::new();
    let err = script.cli("subscribe_events", json!({"channels": ["agent:events"]})).unwrap_err();
    assert_eq!((err.code, err.hint.as_deref()), (ErrorCode::BadParams, Some("did you mean agent:event?")));
    script.apply(Event::ListenerReported(ListenerInfo { name: "hooks".into(), ..ListenerInfo::default() }));
    let err = script.cli("retry_listener", json!({"name": "hook"})).unwrap_err();
    assert_eq!(err.hint.as_deref(), Some("did you mean hooks?"));
    let err = script.cli("save_settings", json!({"settings": {"themeMode": "pink"}})).unwrap_err();
    assert_eq!(err.code, ErrorCode::BadParams);
}

#[test]
fn what_changes_facts_is_acknowledged_after_their_store_writes() {
    let mut script = Script::new();
    let (gate, request) = script.bash(10, "a", "t1", "make");
    let (_, other) = script.bash(10, "a", "t2", "make install");
    let session = script.row("a").id.to_string();
    for (method, params) in [
        ("set_session_title", json!({"session": session, "title": "Cellar"})),
        ("update_session", json!({"session": session, "pinned": true})),
        ("resolve_permission", json!({"id": request.to_string(), "decision": "allow"})),
        ("resolve_same", json!({"id": other.to_string(), "decision": "deny"})),
    ] {
        let first = script.effects.len();
        script.cli(method, params.clone()).expect(method);
        let done = script.since(first);
        let stored = done.iter().rposition(|fx| matches!(fx, Effect::Store(_))).expect("something to keep");
        let told = done.iter().position(|fx| matches!(fx, Effect::Acknowledge { .. })).expect(method);
        assert!(stored < told, "{method}: {done:?}");
        // The window sees it in its snapshot, and a refusal waits for nothing.
        let first = script.effects.len();
        script.command(method, params.clone(), Origin::Window);
        let mut wrong = params.clone();
        let named = if wrong["id"].is_null() { "session" } else { "id" };
        wrong[named] = json!("ffffffff");
        assert!(script.cli(method, wrong).is_err(), "{method}");
        assert_eq!(script.count(first, |fx| matches!(fx, Effect::Acknowledge { .. })), 0, "{method}");
    }
    assert_eq!(script.answer(gate).as_deref(), Some("allow"));
}

#[test]
fn a_subscription_says_where_it_begins() {
    let mut script = Script::new();
    script.hook(10, "a", "Stop", json!({}));
    let first = script.effects.len();
    assert_eq!(script.cli("subscribe_events", json!({})).unwrap(), json!({"seq": 1}));
    let order: Vec<bool> = script
        .since(first)
        .iter()
        .filter(|fx| matches!(fx, Effect::Reply { .. } | Effect::Subscribe { .. }))
        .map(|fx| matches!(fx, Effect::Reply { .. }))
        .collect();
    assert_eq!(order, [true, false], "the reply comes before the stream");
}

#[test]
fn providers_are_looked_for_once_and_again_when_asked() {
    let mut script = Script::new();
    let looks = |script: &mut Script, refresh: bool| {
        let first = script.effects.len();
        script.command("detect_installed_providers", json!({ "refresh": refresh }), cli());
        script.count(first, |fx| matches!(fx, Effect::Run { job: Job::Detect(_), .. }))
    };
    assert_eq!(looks(&mut script, false), 1);
    let found = ProviderInfo {
        id: "claude".into(),
        provider: Provider::Claude,
        path: None,
        version: None,
        source: None,
    };
    let first = script.apply(Event::ProvidersDetected(vec![found.clone()]));
    assert_eq!(script.published(first, "providers:changed"), 1);
    let first = script.apply(Event::ProvidersDetected(vec![found]));
    assert_eq!(script.published(first, "providers:changed"), 0);
    assert_eq!((looks(&mut script, false), looks(&mut script, true)), (0, 1));
}

#[test]
fn the_status_counts_what_there_is() {
    let mut script = Script::new();
    script.bash(10, "a", "t1", "make");
    script.hook(11, "b", "Stop", json!({}));
    script.apply(Event::ListenerReported(ListenerInfo {
        name: "cli".into(),
        error: Some("in use".into()),
        ..ListenerInfo::default()
    }));
    let status = script.cli("status", json!({})).unwrap();
    assert_eq!(status["requests"], json!(1));
    assert_eq!(
        status["sessions"],
        json!([{"state": "waiting for permission", "count": 1}, {"state": "idle", "count": 1}])
    );
    assert_eq!(status["problems"], json!(["The cli socket does not listen: in use"]));
    script.apply(Event::ListenerReported(ListenerInfo {
        name: "cli".into(),
        up: true,
        ..ListenerInfo::default()
    }));
    assert_eq!(script.cli("status", json!({})).unwrap()["problems"], json!([]));
}

#[test]
fn hostile_text_is_visible_in_what_the_cli_prints() {
    let mut script = Script::new();
    let evil = "rm\u{202e} x\r\n\u{1b}[2K";
    script.hook(10, "a", "PreToolUse", bash("t1", evil));
    script.asks(10, "a", bash("t1", evil));
    let open = script.cli("get_permission_requests", json!({})).unwrap();
    let summary = open[0]["summary"].as_str().unwrap();
    assert_eq!(summary, "rm\\u{202e} x\\r\\n\\u{1b}[2K");
    assert_eq!(open[0]["input"]["command"], json!(evil), "the input is as it came");
    let session = script.row("a").id.to_string();
    let lines = script.cli("get_timeline", json!({ "session": session })).unwrap();
    for line in lines.as_array().unwrap() {
        let text = line["text"].as_str().unwrap();
        assert!(!text.contains(['\u{202e}', '\u{1b}', '\r']), "{text:?}");
    }
}

#[test]
fn a_caller_that_an_agent_started_is_refused_though_it_detached() {
    let mut script = Script::new();
    let mut origin = below(&[(4_711, "magia"), (1, "init")]);
    if let Origin::Cli { ancestors, .. } = &mut origin {
        ancestors[0].mark = Some("CLAUDECODE");
    }
    let reply = script.command("save_settings", json!({"settings": {"themeMode": "light"}}), origin);
    let err = reply.expect("a reply").expect_err("refused");
    assert_eq!(err.code, ErrorCode::Refused);
    assert!(err.message.contains("CLAUDECODE"), "{}", err.message);
}
