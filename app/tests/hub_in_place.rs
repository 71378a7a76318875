//! The hub and the listeners together: what a listener's thread deals with itself while the hub's rests.
#![cfg(unix)]
#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail")]

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use magia_app::agent_env::AgentEnv;
use magia_app::clock::Clock;
use magia_app::hub::{Display, HubThread, Inbox, JobRequest, Owner, Shell};
use magia_app::link::{FromWindow, Waker};
use magia_app::listeners::{
    Asked, Direct, HUB_CAPACITY, HttpPlaces, IdePlaces, Inheritance, Listeners, OtlpPlaces,
};
use magia_app::os::signals::Quit;
use magia_app::services::codex::CodexDaemons;
use magia_app::services::processes::Processes;
use magia_app::services::spawn::{SpawnPlaces, Spawner};
use magia_app::services::store::{Store, StoreConfig};
use magia_app::services::transcripts::Transcripts;
use magia_core::event::Event;
use magia_core::model::{Model, Program};
use magia_core::settings::Settings;
use magia_core::snapshot::Snapshot;
use magia_protocol::ipc::connect_blocking;
use magia_protocol::paths::{InstanceLock, Socket};
use magia_protocol::wire::{Command, Response};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Long enough for a machine under load; nothing waits for it to pass.
const LIMIT: Duration = Duration::from_secs(60);

/// Counts what was taken in place and what was not.
#[derive(Debug, Default)]
struct Counted {
    owner: Owner,
    taken: AtomicU64,
    refused: AtomicU64,
    /// By a rule, of no more than a part of the message.
    answered: AtomicU64,
}

impl Direct for Counted {
    fn take_now(&self, event: Event) -> Option<Event> {
        let back = self.owner.take_now(event);
        let count = if back.is_none() { &self.taken } else { &self.refused };
        count.fetch_add(1, Ordering::Relaxed);
        back
    }

    fn answer_now(&self, asked: &mut dyn Asked) -> bool {
        let done = self.owner.answer_now(asked);
        self.answered.fetch_add(u64::from(done), Ordering::Relaxed);
        done
    }
}

/// A magia without services that look at the machine. Fields are dropped in this order.
struct Running {
    listeners: Listeners,
    _hub: HubThread,
    store: Arc<Store>,
    window: Sender<FromWindow>,
    _jobs: Receiver<JobRequest>,
    counted: Arc<Counted>,
    events: Sender<Event>,
    quit: Quit,
    lock: Arc<InstanceLock>,
    _temp: tempfile::TempDir,
}

fn start(display: Option<Display>) -> Running {
    let temp = tempfile::tempdir().expect("a temporary directory");
    let lock = Arc::new(InstanceLock::try_acquire(&temp.path().join("run")).expect("the lock"));
    let (events, facts) = bounded(HUB_CAPACITY);
    let (jobs, waiting_jobs) = bounded(64);
    let (stop, stopped) = bounded(0);
    let (window, wishes) = bounded(4);
    let quit = Quit::default();
    let counted = Arc::new(Counted::default());
    let listeners =
        Listeners::start(Arc::clone(&lock), events.clone(), Some(counted.clone()), Inheritance::default())
            .expect("listeners");
    let config = StoreConfig::new(temp.path().join("data"));
    let store = Arc::new(Store::start(config, events.clone()).expect("a store"));
    let spawner = Spawner::start(
        SpawnPlaces {
            exe: temp.path().join("magia"),
            root: temp.path().join("terminals"),
            home: temp.path().to_owned(),
            runtime: temp.path().join("run"),
            logs: temp.path().join("logs"),
            link: temp.path().join("link"),
            window: false,
            env: AgentEnv::none(),
        },
        &events,
    )
    .expect("the service that opens terminals");
    let shell = Shell {
        gates: listeners.gates(),
        replies: listeners.replies(),
        streams: listeners.streams(),
        store: Some(store.clone()),
        codex: CodexDaemons::default(),
        processes: Processes::start(events.clone()).expect("processes"),
        transcripts: Transcripts::start(events.clone()).expect("transcripts"),
        terminals: None,
        spawn: spawner.requests(),
        http: listeners.http(HttpPlaces {
            token: temp.path().join("token"),
            terminals: temp.path().join("terminals"),
            home: temp.path().to_owned(),
            fixed: None,
        }),
        ide: listeners
            .ide(IdePlaces {
                claude: temp.path().join("claude"),
                runtime: temp.path().join("run"),
                temp: temp.path().join("tmp"),
                state: temp.path().join("state"),
            })
            .expect("the server for agents"),
        otlp: listeners
            .otlp(OtlpPlaces { pin: temp.path().join("otel-port"), socket: temp.path().join("otel") }),
        notifier: None,
        channels: None,
        quit: quit.clone(),
        reports: VecDeque::new(),
        jobs,
        later: VecDeque::new(),
        newest_seq: 0,
    };
    let program = Program { headless: display.is_none(), ..Program::default() };
    let rules = json!({ "toolPermissions": [
        { "toolName": "WebFetch", "autoApprove": true },
        { "toolName": "WebSearch", "autoApprove": false },
        { "toolName": "Write", "autoApprove": true },
    ]});
    let Value::Object(rules) = rules else { unreachable!() };
    let (settings, problems) = Settings::read(rules);
    assert!(problems.is_empty(), "{problems:?}");
    let loaded = Event::SettingsLoaded { settings: Arc::new(settings), problem: None, says_retention: true };
    events.send(loaded).expect("room");
    let inbox = Inbox { events: facts, window: wishes, stop: stopped };
    let model = Model::new(program, 7);
    let hub = HubThread::start(counted.owner.clone(), model, shell, inbox, stop, display, Clock::new());
    let hub = hub.expect("a hub");
    while !listeners.health().iter().all(|info| info.up) {
        std::thread::yield_now();
    }
    let running = Running {
        listeners,
        _hub: hub,
        store,
        window,
        _jobs: waiting_jobs,
        counted,
        events,
        quit,
        lock,
        _temp: temp,
    };
    // Answered only once the store was read.
    running.call("get_active_sessions", &json!({}));
    running
}

impl Running {
    fn connect(&self, socket: Socket) -> UnixStream {
        let path = socket.path_in(self.lock.dir()).expect("a short path");
        let stream = connect_blocking(&path, LIMIT).expect("connected");
        stream.set_read_timeout(Some(LIMIT)).expect("a limit");
        stream
    }

    fn call(&self, method: &str, params: &Value) -> Value {
        let mut stream = self.connect(Socket::Cli);
        let request = json!({ "id": 1, "method": method, "params": params });
        stream.write_all(format!("{request}\n").as_bytes()).expect("written");
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).expect("a reply in time");
        let response: Response = serde_json::from_str(&line).expect("a reply");
        response.into_outcome().unwrap_or_else(|err| panic!("{method}: {err:?}"))
    }

    fn hook(&self, client: usize, event: &str, payload: &Value) {
        let mut stream = self.connect(Socket::Hooks);
        stream.write_all(&line(client, event, payload)).expect("written");
        stream.shutdown(Shutdown::Write).expect("half closed");
    }

    fn ask(&self, client: usize, payload: &Value) -> UnixStream {
        let mut stream = self.connect(Socket::Permissions);
        stream.write_all(&line(client, "PermissionRequest", payload)).expect("written");
        stream
    }

    /// All events as they stand in the store, oldest first: whose, what, and the number of its call.
    fn stored(&self) -> Vec<(String, String, u64)> {
        self.store.flush().expect("written");
        let events = self.store.events(None, 0, 100_000).expect("events");
        assert!(events.is_sorted_by_key(|event| event.seq));
        events
            .into_iter()
            .map(|event| {
                let payload: Value = serde_json::from_str(&event.raw).expect("JSON");
                let round = payload["tool_input"]["round"].as_u64().expect("its number");
                (event.provider_session_id.0, event.name, round)
            })
            .collect()
    }
}

fn session_id(client: usize) -> String {
    format!("session-{client}")
}

fn line(client: usize, event: &str, payload: &Value) -> Vec<u8> {
    let line = json!({ "v": 1, "provider": "claude", "event": event, "payload": payload, "pid": client });
    format!("{line}\n").into_bytes()
}

/// A call; what it is called and whether a rule allows it depend on its round.
fn call(client: usize, round: usize) -> (Value, &'static str) {
    let (tool, says) = [("WebFetch", "allow"), ("WebSearch", "deny"), ("Write", "allow")][round % 3];
    let payload = json!({
        "session_id": session_id(client),
        "cwd": "/tmp",
        "tool_name": tool,
        "tool_use_id": format!("call-{client}-{round}"),
        "tool_input": { "file_path": "/tmp/a", "round": round },
    });
    (payload, says)
}

/// The whole of what a handler prints, and that it is one answer.
fn answer(mut gate: UnixStream) -> Option<String> {
    let mut text = String::new();
    gate.read_to_string(&mut text).expect("an answer in time");
    let (head, body) = text.split_once('\n').expect("a head");
    if head.starts_with("! ") {
        assert_eq!(body, "", "a refusal is one line");
        return None;
    }
    let lengths: Vec<usize> = head.split(' ').map(|number| number.parse().expect("a number")).collect();
    assert_eq!(body.len(), lengths[1] + lengths[2], "one answer, to the byte: {text:?}");
    let body: Value = serde_json::from_str(body).ok()?;
    body.pointer("/hookSpecificOutput/decision/behavior")?.as_str().map(str::to_owned)
}

#[test]
fn under_load_each_gate_is_answered_once_and_no_agent_is_reordered() {
    const CLIENTS: usize = 64;
    const ROUNDS: usize = 24;
    let running = start(None);
    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            let running = &running;
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    let (payload, says) = call(client, round);
                    running.hook(client, "PreToolUse", &payload);
                    let answer = answer(running.ask(client, &payload));
                    assert_eq!(answer.as_deref(), Some(says), "client {client}, round {round}");
                    running.hook(client, "PostToolUse", &payload);
                }
            });
        }
    });
    // What was sent last may be on its way still.
    let mut stored = running.stored();
    while stored.len() < CLIENTS * ROUNDS * 3 {
        std::thread::yield_now();
        stored = running.stored();
    }
    for client in 0..CLIENTS {
        let own = stored.iter().filter(|(session, ..)| *session == session_id(client));
        let own: Vec<(&str, u64)> = own.map(|(_, name, round)| (name.as_str(), *round)).collect();
        let expect: Vec<(&str, u64)> = (0..ROUNDS as u64)
            .flat_map(|round| ["PreToolUse", "PermissionRequest", "PostToolUse"].map(|name| (name, round)))
            .collect();
        assert_eq!(own, expect, "client {client}");
    }
    let requests = running.call("get_permission_requests", &json!({ "all": true }));
    let open =
        requests.as_array().expect("a list").iter().filter(|request| request["state"] == "open").count();
    assert_eq!(open, 0);
    let (taken, refused) =
        (running.counted.taken.load(Ordering::Relaxed), running.counted.refused.load(Ordering::Relaxed));
    assert!(taken > 0 && refused > 0, "both ways: {taken} in place, {refused} queued");
}

#[test]
fn alone_a_request_and_its_answer_are_dealt_with_in_place() {
    let running = start(None);
    let before = running.counted.taken.load(Ordering::Relaxed);
    let mut in_place = 0;
    for round in 0..50 {
        let (payload, says) = call(1, round);
        assert_eq!(answer(running.ask(1, &payload)).as_deref(), Some(says));
        in_place = running.counted.taken.load(Ordering::Relaxed) - before;
    }
    assert!(in_place > 0, "none of 50");
    // Two of three touch no file; the first request of all begins the session.
    let answered = running.counted.answered.load(Ordering::Relaxed);
    assert!((1..34).contains(&answered), "{answered} of 33 ahead");
    // Half a character, as JavaScript leaves it of a text that it cut, costs nobody his answer or the event.
    let (mut payload, says) = call(1, 0);
    payload["permission_suggestions"] = json!(["HALF"]);
    let cut =
        String::from_utf8(line(1, "PermissionRequest", &payload)).expect("text").replace("HALF", r"\ud83d");
    let mut gate = running.connect(Socket::Permissions);
    gate.write_all(cut.as_bytes()).expect("written");
    assert_eq!(answer(gate).as_deref(), Some(says));
    while running.stored().len() < 51 {
        std::thread::yield_now();
    }
    // A long one is left to the hub's thread, and answered all the same.
    let (mut payload, says) = call(1, 0);
    payload["tool_input"]["content"] = json!("x".repeat(200_000));
    assert_eq!(answer(running.ask(1, &payload)).as_deref(), Some(says));
}

#[test]
fn a_hook_that_is_half_said_holds_up_no_request_and_keeps_its_place() {
    let running = start(None);
    for round in 0..20 {
        let (payload, says) = call(1, round);
        let whole = line(1, "PreToolUse", &payload);
        let (begin, rest) = whole.split_at(whole.len() / 2);
        let mut hook = running.connect(Socket::Hooks);
        hook.write_all(begin).expect("written");
        // Of another agent, so it comes before or after as it likes.
        let (other, other_says) = call(2, round);
        assert_eq!(answer(running.ask(2, &other)).as_deref(), Some(other_says));
        // Once the call is announced, the request about it comes after it, whichever socket is heard first.
        hook.write_all(rest).expect("written");
        drop(hook);
        assert_eq!(answer(running.ask(1, &payload)).as_deref(), Some(says));
        running.hook(1, "PostToolUse", &payload);
    }
    let mut stored = running.stored();
    while stored.len() < 20 * 4 {
        std::thread::yield_now();
        stored = running.stored();
    }
    let own = stored.iter().filter(|(session, ..)| *session == session_id(1));
    let own: Vec<(&str, u64)> = own.map(|(_, name, round)| (name.as_str(), *round)).collect();
    let expect: Vec<(&str, u64)> = (0..20)
        .flat_map(|round| ["PreToolUse", "PermissionRequest", "PostToolUse"].map(|name| (name, round)))
        .collect();
    assert_eq!(own, expect);
}

#[test]
fn a_handler_that_does_not_wait_leaves_nothing_open() {
    const ROUNDS: usize = 60;
    let running = start(None);
    for round in 0..ROUNDS {
        let (payload, _) = call(1, round);
        let gate = running.ask(1, &payload);
        // Gone at once, half closed, or talking on where it should wait.
        match round % 3 {
            0 => drop(gate),
            1 => gate.shutdown(Shutdown::Write).expect("half closed"),
            _ => {
                let mut gate = gate;
                let _may_be_gone = gate.write_all(b"more\n");
            }
        }
    }
    let settled = |request: &Value| request["state"] != "open" && request["outcome"]["by"].is_string();
    loop {
        let requests = running.call("get_permission_requests", &json!({ "all": true }));
        let requests = requests.as_array().expect("a list");
        let health = running.listeners.health();
        let open = health.iter().find(|info| info.name == "permissions").expect("a listener").open;
        if requests.len() == ROUNDS && requests.iter().all(settled) && open == 0 {
            return;
        }
        std::thread::yield_now();
    }
}

#[test]
fn what_is_taken_in_place_is_shown_and_can_be_answered() {
    let (snapshots, unread) = bounded::<Arc<Snapshot>>(64);
    let (rung, bell) = bounded(1);
    let waker = Waker::new(move || {
        let _already_ringing = rung.try_send(());
    });
    let running = start(Some(Display { snapshots, unread: unread.clone(), waker, tray: None }));
    let shown = |what: &str, holds: &dyn Fn(&Snapshot) -> bool| loop {
        bell.recv_timeout(LIMIT).unwrap_or_else(|_| panic!("not shown: {what}"));
        if unread.try_iter().any(|snapshot| holds(&snapshot)) {
            return;
        }
    };
    for round in 0..20 {
        let payload = json!({
            "session_id": "s", "cwd": "/tmp", "tool_name": "Bash", "tool_input": { "command": format!("make {round}") },
        });
        let gate = running.ask(1, &payload);
        shown("the card", &|snapshot| snapshot.requests.iter().any(|card| card.answerable));
        let open = running.call("get_permission_requests", &json!({}));
        let params = json!({ "id": open[0]["id"], "decision": "allow" });
        let command = Command::parse("resolve_permission", &params).expect("a command");
        running.window.send(FromWindow::Command(command)).expect("room");
        assert_eq!(answer(gate).as_deref(), Some("allow"));
        shown("its end", &|snapshot| !snapshot.requests.iter().any(|card| card.answerable));
    }
}

#[test]
fn when_the_hub_has_panicked_nobody_waits_and_the_program_ends() {
    let (snapshots, unread) = bounded::<Arc<Snapshot>>(64);
    let panics = Arc::new(AtomicU64::new(0));
    let armed = panics.clone();
    let waker = Waker::new(move || assert_eq!(armed.load(Ordering::Relaxed), 0, "the window is broken"));
    let running = start(Some(Display { snapshots, unread, waker, tray: None }));
    panics.store(1, Ordering::Relaxed);
    let payload =
        json!({ "session_id": "s", "cwd": "/tmp", "tool_name": "Bash", "tool_input": { "command": "x" } });
    // It is on record before the thread wakes to show it, and panics.
    assert_eq!(answer(running.ask(1, &payload)), None);
    assert_eq!(answer(running.ask(1, &payload)), None);
    while !matches!(running.events.try_send(Event::ClockTicked), Err(TrySendError::Disconnected(_))) {
        std::thread::yield_now();
    }
    let deadline = Instant::now() + LIMIT;
    while !running.quit.has_failed() {
        assert!(Instant::now() < deadline, "the program goes on without a hub");
        std::thread::yield_now();
    }
}
