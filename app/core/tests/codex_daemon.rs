//! Codex's daemon: what its messages mean, and what our client does with them, by messages captured from Codex 0.169.0.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail"
)]

use magia_core::codex::{Client, Counts, Out};
use magia_core::daemon::DaemonFact;
use magia_core::event::GateId;
use magia_core::normalize::codex_daemon::understand;
use magia_core::normalize::{Detail, Understood};
use magia_protocol::wire::{AgentEventKind as Kind, GateReply, SessionState};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/codex_daemon")
}

fn captured(name: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(data().join(name)).unwrap()).unwrap()
}

fn meaning(frame: &Value) -> Understood {
    understand(frame["method"].as_str().unwrap(), &frame["params"])
}

/// Every captured message: its kind and the parts that the model uses.
#[test]
fn every_captured_message_is_understood() {
    let mut names: Vec<String> = std::fs::read_dir(data())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".json"))
        .collect();
    names.sort();
    let mut table = String::new();
    for name in &names {
        let frame = captured(name);
        let understood = meaning(&frame);
        assert_ne!(understood.kind, Kind::Unknown, "{name}");
        let thread = frame["params"]["threadId"].as_str().unwrap();
        assert_eq!(understood.provider_session_id.as_ref().unwrap().0, thread, "{name}");
        let turn = frame["params"]["turnId"].as_str().or(frame["params"]["turn"]["id"].as_str());
        assert_eq!(understood.turn.as_deref(), turn, "{name}");
        table.push_str(&format!("{name}: {} {:?}\n", understood.kind, understood.detail));
    }
    insta::assert_snapshot!(table);
}

#[test]
fn a_subagents_thread_speaks_for_its_parent() {
    let understood = understand("turn/started", &json!({"threadId": "child", "parentThreadId": "parent"}));
    assert_eq!(understood.provider_session_id.unwrap().0, "parent");
    assert_eq!(understood.agent_id.as_deref(), Some("child"));
}

fn tool_asked_for(frame: &Value) -> String {
    match meaning(frame).detail {
        Detail::Permission { tool, .. } => tool,
        other => panic!("not a request: {other:?}"),
    }
}

#[test]
fn a_request_for_more_than_a_command_is_no_plain_command() {
    let mut frame = captured("request.item-commandExecution-requestApproval.json");
    assert_eq!(tool_asked_for(&frame), "Bash");
    frame["params"]["networkApprovalContext"] = json!({"host": "example.org"});
    assert_eq!(tool_asked_for(&frame), "BashWithMore");
    frame["params"]["networkApprovalContext"] = Value::Null;
    frame["params"]["kind"] = json!("stdin");
    assert_eq!(tool_asked_for(&frame), "BashWithMore");
}

#[test]
fn a_request_for_a_directory_is_no_plain_change() {
    let mut frame = captured("request.item-fileChange-requestApproval.json");
    assert_eq!(tool_asked_for(&frame), "apply_patch");
    frame["params"]["grantRoot"] = json!("/home/me");
    assert_eq!(tool_asked_for(&frame), "apply_patchWithMore");
}

/// What a client said since the last look: methods sent with their thread, and the facts.
#[derive(Default)]
struct Talk {
    client: Option<Client>,
    sent: Vec<Value>,
    facts: Vec<DaemonFact>,
}

const THREAD: &str = "t-1";

impl Talk {
    /// A client that the daemon has taken in, and that found one idle thread of a terminal.
    fn begun() -> Self {
        let mut talk = Self { client: Some(Client::new(GateId::of_daemon(0), None)), ..Self::default() };
        let out = talk.client().begin("1.0");
        talk.take(out);
        talk.reply("initialize", json!({"userAgent": "codex-tui/0.169.0 (Debian)"}));
        talk.reply("thread/loaded/list", json!({"data": [THREAD], "nextCursor": null}));
        talk.reply("thread/read", json!({"thread": thread(THREAD)}));
        talk.forget();
        talk
    }

    fn client(&mut self) -> &mut Client {
        self.client.as_mut().unwrap()
    }

    fn take(&mut self, out: Vec<Out>) {
        for one in out {
            match one {
                Out::Send(text) => self.sent.push(serde_json::from_str(&text).unwrap()),
                Out::Fact(fact) => self.facts.push(fact),
                Out::Ready(_) => {}
                Out::Refused(why) => panic!("refused: {why}"),
            }
        }
    }

    fn told(&mut self, frame: &Value) {
        let out = self.client().received(&frame.to_string());
        self.take(out);
    }

    fn notified(&mut self, method: &str, params: Value) {
        self.told(&json!({"method": method, "params": params, "emittedAtMs": 5}));
    }

    fn status(&mut self, thread: &str, status: Value) {
        self.notified("thread/status/changed", json!({"threadId": thread, "status": status}));
    }

    /// Answers the oldest call of a method.
    fn reply(&mut self, method: &str, result: Value) {
        self.respond(method, json!({"result": result}));
    }

    fn respond(&mut self, method: &str, mut frame: Value) {
        let at = self.sent.iter().position(|sent| sent["method"] == method).expect(method);
        frame["id"] = self.sent.remove(at)["id"].clone();
        self.told(&frame);
    }

    fn methods(&self) -> Vec<&str> {
        self.sent.iter().filter_map(|sent| sent["method"].as_str()).collect()
    }

    fn gates(&self) -> Vec<GateId> {
        let gate = |fact: &DaemonFact| match fact {
            DaemonFact::Asked { gate, .. } => Some(*gate),
            _ => None,
        };
        self.facts.iter().filter_map(gate).collect()
    }

    fn resolved(&self) -> Vec<GateId> {
        let gate = |fact: &DaemonFact| match fact {
            DaemonFact::Resolved(gate) => Some(*gate),
            _ => None,
        };
        self.facts.iter().filter_map(gate).collect()
    }

    fn said(&self) -> Vec<&str> {
        self.facts
            .iter()
            .filter_map(|fact| match fact {
                DaemonFact::Said(message) => Some(message.event.as_str()),
                _ => None,
            })
            .collect()
    }

    fn forget(&mut self) {
        self.sent.clear();
        self.facts.clear();
    }

    fn counts(&self) -> Counts {
        self.client.as_ref().unwrap().counts()
    }

    /// Active, subscribed to, and asking for a command as request 0.
    fn asking() -> Self {
        let mut talk = Self::begun();
        talk.status(THREAD, active());
        talk.reply("thread/resume", resumed(json!([])));
        talk.forget();
        talk.told(&command(0));
        talk
    }
}

fn thread(id: &str) -> Value {
    json!({"id": id, "status": {"type": "idle"}, "cwd": "/p", "preview": "fix it", "model": "gpt-5.5",
        "originator": "codex-tui", "source": "vscode", "threadSource": "user", "ephemeral": false, "createdAt": 7})
}

fn active() -> Value {
    json!({"type": "active", "activeFlags": []})
}

fn resumed(items: Value) -> Value {
    let turn = json!({"id": "turn", "status": "inProgress", "items": items});
    json!({"thread": thread(THREAD), "model": "gpt-5.5", "initialTurnsPage": {"data": [turn]}})
}

fn command(id: u64) -> Value {
    let mut frame = captured("request.item-commandExecution-requestApproval.json");
    frame["id"] = id.into();
    frame["params"]["threadId"] = THREAD.into();
    frame
}

#[test]
fn a_client_begins_by_asking_what_there_is() {
    let mut talk = Talk { client: Some(Client::new(GateId::of_daemon(0), None)), ..Talk::default() };
    let out = talk.client().begin("1.0");
    talk.take(out);
    assert_eq!(talk.sent[0]["params"]["capabilities"]["experimentalApi"], true);
    talk.reply("initialize", json!({"userAgent": "x/1 y"}));
    assert_eq!(talk.methods(), ["initialized", "thread/loaded/list"]);
    talk.reply("thread/loaded/list", json!({"data": [THREAD]}));
    talk.reply("thread/read", json!({"thread": thread(THREAD)}));
    let [DaemonFact::Holds(held), DaemonFact::Session(session), DaemonFact::Status { state, fact, .. }] =
        talk.facts.as_slice()
    else {
        panic!("{:?}", talk.facts)
    };
    assert_eq!(held[0].0, THREAD);
    assert_eq!((session.cwd.as_str(), session.started_at_ms), ("/p", 7_000));
    assert_eq!((*state, fact.as_str()), (SessionState::Idle, "thread idle, by codex-tui"));
    assert!(!talk.methods().contains(&"thread/resume"), "an idle thread is left alone");
}

#[test]
fn a_thread_is_subscribed_to_while_it_works_or_is_looked_at() {
    let mut talk = Talk::begun();
    talk.status(THREAD, active());
    talk.reply("thread/resume", resumed(json!([])));
    assert_eq!(talk.counts().subscribed, 1);
    talk.notified("item/completed", captured("item-completed.userMessage.json")["params"].clone());
    talk.status(THREAD, json!({"type": "idle"}));
    let done = json!({"threadId": THREAD, "turn": {"id": "turn", "status": "completed"}});
    talk.notified("turn/completed", done);
    assert_eq!(talk.methods(), ["thread/unsubscribe"]);
    assert_eq!(talk.counts().subscribed, 0);

    talk.forget();
    let out = talk.client().view(Some(THREAD));
    talk.take(out);
    talk.reply("thread/resume", json!({"thread": thread(THREAD)}));
    assert_eq!(talk.counts().subscribed, 1);
    let out = talk.client().view(None);
    talk.take(out);
    assert_eq!(talk.methods(), ["thread/unsubscribe"]);
    assert_eq!(talk.counts().subscribed, 0);
}

#[test]
fn the_end_of_a_turn_comes_after_idle_and_is_waited_for() {
    let mut talk = Talk::begun();
    talk.status(THREAD, active());
    talk.reply("thread/resume", resumed(json!([])));
    talk.notified("turn/started", json!({"threadId": THREAD, "turn": {"id": "turn"}}));
    talk.status(THREAD, json!({"type": "idle"}));
    assert_eq!(talk.counts().subscribed, 1);
    talk.notified("turn/completed", json!({"threadId": THREAD, "turn": {"id": "turn"}}));
    assert_eq!(talk.counts().subscribed, 0);
    assert_eq!(talk.said(), ["turn/started", "turn/completed"]);
}

#[test]
fn a_resume_that_is_refused_is_tried_again_with_the_next_turn() {
    let mut talk = Talk::begun();
    let out = talk.client().view(Some(THREAD));
    talk.take(out);
    talk.respond("thread/resume", json!({"error": {"code": -32600, "message": "no rollout found"}}));
    talk.status(THREAD, json!({"type": "idle"}));
    assert!(talk.methods().is_empty(), "{:?}", talk.sent);
    talk.status(THREAD, active());
    assert_eq!(talk.methods(), ["thread/resume"]);
}

#[test]
fn hidden_threads_are_nobodys() {
    let mut talk = Talk::begun();
    for (key, value) in [
        ("ephemeral", json!(true)),
        ("threadSource", json!("thread_title")),
        ("source", json!({"internal": "guardian"})),
    ] {
        let mut hidden = thread(key);
        hidden[key] = value;
        hidden["status"] = active();
        talk.notified("thread/started", json!({"thread": hidden}));
        talk.status(key, active());
        talk.notified("turn/completed", json!({"threadId": key, "turn": {}}));
        talk.notified("thread/closed", json!({"threadId": key}));
    }
    assert!(talk.facts.is_empty() && talk.sent.is_empty(), "{:?} {:?}", talk.facts, talk.sent);
}

#[test]
fn a_request_of_a_thread_that_is_not_known_yet_is_told_when_it_comes_again() {
    let mut talk = Talk::begun();
    let asks = |thread: &str| {
        let mut frame = command(3);
        frame["params"]["threadId"] = thread.into();
        frame
    };
    talk.told(&asks("later"));
    assert!(talk.gates().is_empty(), "nobody knows whose it is");
    talk.notified("thread/started", json!({"thread": thread("later")}));
    talk.told(&asks("later"));
    assert_eq!(talk.gates().len(), 1);
    talk.told(&asks("later"));
    assert_eq!(talk.gates().len(), 1, "what waits is told once");
}

#[test]
fn a_long_turn_is_told_to_its_end() {
    let mut talk = Talk::begun();
    talk.status(THREAD, active());
    talk.reply("thread/resume", resumed(json!([])));
    talk.forget();
    for number in 0..5_000 {
        let item = json!({"type": "commandExecution", "id": format!("call-{number}"), "command": "ls",
            "status": "completed", "exitCode": 0});
        let params = json!({"threadId": THREAD, "turnId": "turn", "item": item});
        talk.notified("item/completed", params.clone());
        talk.notified("item/completed", params);
    }
    assert_eq!(talk.said().len(), 5_000, "each once");
}

#[test]
fn a_request_is_answered_once_by_its_own_id() {
    let mut talk = Talk::asking();
    let [gate] = talk.gates()[..] else { panic!("{:?}", talk.facts) };
    talk.told(&command(0));
    assert_eq!(talk.gates(), [gate], "delivered again after a resume it is the same");
    let (sent, out) = talk.client().answer(gate, &GateReply::no_decision());
    assert!(!sent && out.is_empty(), "no decision says nothing");
    let (sent, out) = talk.client().answer(gate, &GateReply::answer(r#"{"decision":"accept"}"#));
    talk.take(out);
    assert!(sent);
    assert_eq!(talk.sent, [json!({"id": 0, "result": {"decision": "accept"}})]);
    talk.notified("serverRequest/resolved", json!({"threadId": THREAD, "requestId": 0}));
    assert_eq!(talk.resolved(), [gate]);
    let (sent, out) = talk.client().answer(gate, &GateReply::answer(r#"{"decision":"accept"}"#));
    assert!(!sent && out.is_empty(), "it is not asked any more");
}

#[test]
fn requests_end_with_their_turn_and_thread_and_belong_to_them() {
    let mut talk = Talk::asking();
    let gate = talk.gates()[0];
    talk.notified("serverRequest/resolved", json!({"threadId": "other", "requestId": 0}));
    assert!(talk.resolved().is_empty(), "ids count per daemon, but a thread's request is its own");
    talk.notified("turn/completed", json!({"threadId": THREAD, "turn": {}}));
    assert_eq!(talk.resolved(), [gate]);

    let mut talk = Talk::asking();
    talk.notified("thread/closed", json!({"threadId": THREAD}));
    assert_eq!(talk.resolved(), talk.gates());
    assert!(matches!(talk.facts.last(), Some(DaemonFact::Dropped(id)) if id.0 == THREAD));
}

#[test]
fn what_the_turn_had_before_we_came_is_told_once_and_before_its_request() {
    let mut talk = Talk::begun();
    talk.status(THREAD, active());
    let mut asks = captured("request.item-fileChange-requestApproval.json");
    asks["params"]["threadId"] = THREAD.into();
    talk.told(&asks);
    assert!(talk.gates().is_empty(), "what would change is not known yet");
    let item = captured("item-started.fileChange.inProgress.json")["params"]["item"].clone();
    let prompt = captured("item-completed.userMessage.json")["params"]["item"].clone();
    talk.reply("thread/resume", resumed(json!([prompt, item])));
    assert_eq!(talk.said(), ["item/completed", "item/started"]);
    talk.notified("item/started", json!({"threadId": THREAD, "turnId": "turn", "item": item}));
    assert_eq!(talk.said().len(), 2, "told before");
    let asked = talk.facts.iter().find_map(|fact| match fact {
        DaemonFact::Asked { message, .. } => Some(message.payload.get().to_owned()),
        _ => None,
    });
    let params: Value = serde_json::from_str(&asked.expect("the request")).unwrap();
    let Detail::Permission { tool, input, .. } =
        meaning(&json!({"method": asks["method"], "params": params})).detail
    else {
        panic!("not a request")
    };
    assert_eq!(tool, "apply_patch");
    assert!(input["command"].as_str().unwrap().contains("+hello patched"), "{input}");
}

#[test]
fn what_is_not_for_us_is_counted_and_left_to_others() {
    let mut talk = Talk::begun();
    let before = talk.counts().unknown;
    talk.told(&json!({"method": "item/tool/call", "id": 3, "params": {"threadId": THREAD}}));
    talk.notified("some/news", json!({}));
    talk.told(&json!([1]));
    talk.told(&json!({"id": 999, "result": {}}));
    let mut secret = captured("request.item-tool-requestUserInput.json");
    secret["params"]["questions"][0]["isSecret"] = json!(true);
    talk.told(&secret);
    let out = talk.client().received("{");
    talk.take(out);
    assert_eq!(talk.counts().unknown, before + 6);
    assert!(talk.sent.is_empty() && talk.facts.is_empty());
}

/// The frames of a real daemon, as one of its clients saw them: a first turn with an approval.
#[test]
fn a_real_conversation_is_followed() {
    let text = std::fs::read_to_string(data().join("codex-first-turn.jsonl")).unwrap();
    let frames: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut talk = Talk { client: Some(Client::new(GateId::of_daemon(3), None)), ..Talk::default() };
    let out = talk.client().begin("1.0");
    talk.take(out);
    for frame in frames.iter().filter(|frame| frame["dir"] == "<-") {
        let frame = &frame["msg"];
        // That client numbered its calls in its own way.
        match (frame.get("result"), frame["id"].as_u64()) {
            (Some(result), Some(1)) => talk.reply("initialize", result.clone()),
            (Some(result), Some(2)) => talk.reply("thread/resume", result.clone()),
            (Some(_), _) => {}
            _ => talk.told(frame),
        }
    }
    let [gate] = talk.gates()[..] else { panic!("not one request: {:?}", talk.gates()) };
    assert_eq!((gate.daemon(), talk.resolved()), (Some(3), vec![gate]));
    let states: Vec<SessionState> = talk
        .facts
        .iter()
        .filter_map(|fact| match fact {
            DaemonFact::Status { state, session, .. } if session.0.ends_with("b9083e") => Some(*state),
            _ => None,
        })
        .collect();
    use SessionState::{Idle, WaitingPermission, Working};
    assert_eq!(states[states.len() - 4..], [Working, WaitingPermission, Working, Idle]);
    assert_eq!(
        talk.said(),
        ["item/completed", "item/started", "item/completed", "item/completed", "turn/completed"],
        "prompt, command, its end, the answer, the turn's end"
    );
    assert_eq!(talk.counts().subscribed, 0);
}
