//! A script of events with a given clock, and what the model made of it.
#![allow(dead_code, reason = "each test binary uses its part")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail"
)]

use magia_core::effect::{Effect, StoreWrite, Update};
use magia_core::event::{
    AgentEvent, Ancestor, Event, GateId, Now, Origin, RegistryEntry, RegistryStatus, ReplyId, StoredRequest,
    StoredSession, StoredState,
};
use magia_core::model::{Asking, Model, Program, StoredTimeline};
use magia_core::policy::RealPaths;
use magia_core::settings::Settings;
use magia_protocol::wire::hook::{HookLine, HookMessage};
use magia_protocol::wire::info::{Decision, SessionInfo};
use magia_protocol::wire::{
    Command, GateReply, ProcessId, ProviderSessionId, RequestId, RequestState, RpcError, SessionId,
    SessionState,
};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// When every script begins, milliseconds since 1970.
pub const T0: u64 = 1_800_000_000_000;

/// A process of a script.
pub const fn process(pid: u32) -> ProcessId {
    ProcessId { pid, start: 1_000 + pid as u64 }
}

/// A model, its clock, and all it did so far.
pub struct Script {
    pub model: Model,
    pub now: Now,
    /// All effects so far.
    pub effects: Vec<Effect>,
    /// Answers by gate. A second one fails the test.
    pub answers: BTreeMap<GateId, GateReply>,
    /// Replies by requester. A second one fails the test.
    pub replies: BTreeMap<ReplyId, Result<Value, RpcError>>,
    /// The root that hooks name.
    pub root: String,
    /// Seen of requests, the newest last.
    pub requests: BTreeMap<RequestId, Vec<StoredRequest>>,
    /// Sessions as they were stored last.
    pub sessions: BTreeMap<SessionId, StoredSession>,
    next_gate: u64,
    next_reply: u64,
    restarts: u64,
}

impl Default for Script {
    fn default() -> Self {
        let program = Program { version: "test".into(), pid: 1, ..Program::default() };
        Self {
            model: Model::new(program, 7),
            now: Now { unix_ms: T0, mono_ms: 1_000 },
            effects: Vec::new(),
            answers: BTreeMap::new(),
            replies: BTreeMap::new(),
            root: "/home/dev/.claude".into(),
            requests: BTreeMap::new(),
            sessions: BTreeMap::new(),
            next_gate: 0,
            next_reply: 0,
            restarts: 0,
        }
    }
}

impl Script {
    pub fn new() -> Self {
        let mut script = Self::default();
        script.apply(Event::StoreLoaded(Box::default()));
        script
    }

    /// The same in another program.
    pub fn of_program(program: Program) -> Self {
        let mut script = Self::default();
        script.model = Model::new(program, 7);
        script.apply(Event::StoreLoaded(Box::default()));
        script
    }

    /// Time passes.
    pub fn wait(&mut self, ms: u64) -> &mut Self {
        self.now.unix_ms += ms;
        self.now.mono_ms += ms;
        self
    }

    /// Applies an event; gives the place of its first effect.
    pub fn apply(&mut self, event: Event) -> usize {
        let first = self.effects.len();
        for effect in self.model.apply(event, self.now) {
            match &effect {
                Effect::AnswerGate { gate, reply } => {
                    let again = self.answers.insert(*gate, reply.clone());
                    assert!(again.is_none(), "{gate:?} was answered twice");
                }
                Effect::Reply { to, outcome } => {
                    let again = self.replies.insert(*to, outcome.clone());
                    assert!(again.is_none(), "{to:?} was answered twice");
                }
                // The store is there at once.
                Effect::Acknowledge { to, result } => {
                    let again = self.replies.insert(*to, Ok(result.clone()));
                    assert!(again.is_none(), "{to:?} was answered twice");
                }
                Effect::Store(StoreWrite::Request(request)) => {
                    self.requests.entry(request.id).or_default().push((**request).clone());
                }
                Effect::Store(StoreWrite::Session(session)) => {
                    self.sessions.insert(session.id, (**session).clone());
                }
                _ => {}
            }
            self.effects.push(effect);
        }
        first
    }

    /// The program ends, however it ends, and starts again with what it stored; `alive` when it last said so.
    pub fn restart(&mut self, settings: Settings, alive_ms: Option<u64>) {
        let program = Program { version: "test".into(), pid: 2, ..Program::default() };
        self.restart_as(program, settings, alive_ms);
    }

    /// The same, and it is another program that follows.
    pub fn restart_as(&mut self, program: Program, settings: Settings, alive_ms: Option<u64>) {
        self.restarts += 1;
        self.model = Model::new(program, 7 + self.restarts);
        let last_seq = self.effects.iter().filter_map(|effect| match effect {
            Effect::Store(StoreWrite::Event(event)) => Some(event.seq),
            _ => None,
        });
        let state = StoredState {
            sessions: self.sessions.values().cloned().collect(),
            requests: self.requests.values().filter_map(|all| all.last()).cloned().collect(),
            last_seq: last_seq.max().unwrap_or(0),
            last_alive_ms: alive_ms,
            metrics: Vec::new(),
        };
        self.settings(settings);
        self.apply(Event::StoreLoaded(Box::new(state)));
    }

    /// The effects since a place.
    pub fn since(&self, first: usize) -> &[Effect] {
        &self.effects[first..]
    }

    pub fn message(&self, pid: u32, session: &str, event: &str, fields: Value) -> Box<HookMessage> {
        let mut payload = json!({
            "session_id": session,
            "transcript_path": format!("{}/projects/-home-dev-shop/{session}.jsonl", self.root),
            "cwd": "/home/dev/shop",
            "hook_event_name": event,
        });
        for (key, value) in fields.as_object().cloned().unwrap_or_default() {
            payload[key] = value;
        }
        message(pid, event, &payload)
    }

    /// A hook of another agent than Claude, from its captured shapes; with a gate it waits.
    pub fn of(
        &mut self,
        provider: &str,
        pid: u32,
        session: &str,
        event: &str,
        fields: Value,
        gated: bool,
    ) -> Option<GateId> {
        let mut payload = json!({
            "session_id": session,
            "transcript_path": match provider {
                "codex" => format!("/home/dev/.codex/sessions/2026/11/21/rollout-{session}.jsonl"),
                _ => format!("/home/dev/.gemini/tmp/shop/chats/session-{session}.jsonl"),
            },
            "cwd": "/home/dev/shop",
            "hook_event_name": event,
            "timestamp": self.now.unix_ms.to_string(),
        });
        for (key, value) in fields.as_object().cloned().unwrap_or_default() {
            payload[key] = value;
        }
        let mut message = message(pid, event, &payload);
        message.provider = provider.into();
        if !gated {
            self.apply(Event::HookReceived(message));
            return None;
        }
        self.next_gate += 1;
        let gate = GateId(self.next_gate);
        self.apply(Event::GateOpened { gate, message, paths: None });
        Some(gate)
    }

    /// A hook without a gate.
    pub fn hook(&mut self, pid: u32, session: &str, event: &str, fields: Value) -> usize {
        let message = self.message(pid, session, event, fields);
        self.apply(Event::HookReceived(message))
    }

    /// A PermissionRequest hook that waits. Its request's id is `None` when no card was made.
    pub fn asks(&mut self, pid: u32, session: &str, fields: Value) -> (GateId, Option<RequestId>) {
        self.asks_at(pid, session, fields, None)
    }

    pub fn asks_at(
        &mut self,
        pid: u32,
        session: &str,
        fields: Value,
        paths: Option<RealPaths>,
    ) -> (GateId, Option<RequestId>) {
        self.next_gate += 1;
        let gate = GateId(self.next_gate);
        let message = self.message(pid, session, "PermissionRequest", fields);
        let before: Vec<RequestId> = self.requests.keys().copied().collect();
        let line = message.to_line();
        let line = HookLine::parse(&line).unwrap();
        let asking = Asking::of_line(&line).filter(|_| paths.is_none());
        let ahead = asking.and_then(|asking| self.model.by_rule(&asking, None));
        let first = self.apply(Event::GateOpened { gate, message, paths });
        if let Some((_, foretold)) = ahead {
            let is_answer = |effect: &Effect| matches!(effect, Effect::AnswerGate { gate: at, reply } if *at == gate && *reply == foretold);
            assert!(is_answer(&self.since(first)[0]), "a line is answered as its message is: {foretold:?}");
        }
        let made = self.requests.keys().find(|id| !before.contains(id)).copied();
        (gate, made)
    }

    /// A Bash call that asks: PreToolUse, then the gate.
    pub fn bash(&mut self, pid: u32, session: &str, use_id: &str, command: &str) -> (GateId, RequestId) {
        let call = bash(use_id, command);
        self.hook(pid, session, "PreToolUse", call.clone());
        self.wait(19);
        let (gate, id) = self.asks(pid, session, call);
        (gate, id.expect("a card"))
    }

    pub fn close(&mut self, gate: GateId) {
        self.apply(Event::GateClosed { gate });
    }

    pub fn written(&mut self, gate: GateId, delivered: bool) {
        self.apply(Event::GateAnswered { gate, delivered });
    }

    pub fn registry(&mut self, pid: u32, session: &str, status: Option<RegistryStatus>) -> usize {
        let at_ms = self.now.unix_ms;
        self.registry_since(pid, session, status, at_ms)
    }

    pub fn registry_since(
        &mut self,
        pid: u32,
        session: &str,
        status: Option<RegistryStatus>,
        at_ms: u64,
    ) -> usize {
        let entry = self.entry(pid, session, status, at_ms);
        self.apply(Event::RegistryRead(Box::new(entry)))
    }

    pub fn entry(
        &self,
        pid: u32,
        session: &str,
        status: Option<RegistryStatus>,
        at_ms: u64,
    ) -> RegistryEntry {
        let waiting = status == Some(RegistryStatus::Waiting);
        RegistryEntry {
            config_root: self.root.clone(),
            process: process(pid),
            provider_session_id: ProviderSessionId(session.into()),
            cwd: "/home/dev/shop".into(),
            started_at_ms: T0 - 5_000,
            name: Some("shop-1a".into()),
            name_derived: true,
            status,
            waiting_for: waiting.then(|| "permission prompt".into()),
            status_updated_at_ms: at_ms,
        }
    }

    pub fn dies(&mut self, pid: u32) -> usize {
        self.apply(Event::ProcessExited(process(pid)))
    }

    pub fn tick(&mut self) -> usize {
        self.apply(Event::ClockTicked)
    }

    /// A command; its reply, when it came at once.
    pub fn command(
        &mut self,
        method: &str,
        params: Value,
        origin: Origin,
    ) -> Option<Result<Value, RpcError>> {
        self.next_reply += 1;
        let reply = ReplyId(self.next_reply);
        let command = Command::parse(method, &params).expect("a command");
        self.apply(Event::CommandReceived { reply, command, origin });
        self.replies.get(&reply).cloned()
    }

    pub fn cli(&mut self, method: &str, params: Value) -> Result<Value, RpcError> {
        self.command(method, params, cli()).expect("a reply at once")
    }

    /// Answers from the CLI.
    pub fn decide(&mut self, id: RequestId, decision: Decision) -> Result<Value, RpcError> {
        self.cli("resolve_permission", json!({"id": id.to_string(), "decision": decision.as_str()}))
    }

    /// Answers from the CLI, and the answer is written.
    pub fn decide_written(&mut self, gate: GateId, id: RequestId, decision: Decision) {
        self.decide(id, decision).expect("taken");
        self.written(gate, true);
    }

    pub fn settings(&mut self, settings: Settings) {
        self.apply(Event::SettingsLoaded {
            settings: Arc::new(settings),
            problem: None,
            says_retention: true,
        });
    }

    /// The row of the agent's own session id.
    pub fn row(&self, session: &str) -> Arc<SessionInfo> {
        let rows: Vec<_> = self.rows(session);
        assert_eq!(rows.len(), 1, "one row for {session}");
        Arc::clone(&rows[0])
    }

    pub fn rows(&self, session: &str) -> Vec<Arc<SessionInfo>> {
        let is = |row: &&Arc<SessionInfo>| row.provider_session_id.as_ref().is_some_and(|id| id.0 == session);
        self.model.rows().filter(is).cloned().collect()
    }

    pub fn state(&self, session: &str) -> SessionState {
        self.row(session).state
    }

    /// The source on which the state rests, and its fact.
    pub fn evidence(&self, session: &str) -> String {
        let row = self.row(session);
        let decisive: Vec<_> = row.evidence.iter().filter(|one| one.decisive).collect();
        assert_eq!(decisive.len(), 1);
        format!("{}: {}", decisive[0].source, decisive[0].fact)
    }

    /// A request as it was last stored.
    pub fn request(&self, id: RequestId) -> &StoredRequest {
        self.requests.get(&id).and_then(|all| all.last()).expect("a stored request")
    }

    pub fn request_state(&self, id: RequestId) -> RequestState {
        self.request(id).state
    }

    pub fn decided_by(&self, id: RequestId) -> &str {
        self.request(id).decided_by.as_deref().unwrap_or_default()
    }

    /// `allow`, `deny`, or nothing for "no decision"; `None` while the gate waits.
    pub fn answer(&self, gate: GateId) -> Option<String> {
        let reply = self.answers.get(&gate)?;
        Some(behavior(reply))
    }

    /// All events that were to be stored, oldest first.
    pub fn stored_events(&self) -> Vec<AgentEvent> {
        let stored = self.effects.iter().filter_map(|effect| match effect {
            Effect::Store(StoreWrite::Event(event)) => Some((**event).clone()),
            _ => None,
        });
        stored.collect()
    }

    /// How many effects since `first` are of a kind.
    pub fn count(&self, first: usize, is: impl Fn(&Effect) -> bool) -> usize {
        self.since(first).iter().filter(|effect| is(effect)).count()
    }

    pub fn published(&self, first: usize, channel: &str) -> usize {
        self.count(first, |effect| matches!(effect, Effect::Publish(update) if update.channel() == channel))
    }

    /// What must hold after any script.
    pub fn check(&mut self) {
        self.model.apply(Event::ClockTicked, self.now);
        let waiting: Vec<RequestId> = self
            .requests
            .iter()
            .filter(|(_, seen)| seen.last().is_some_and(|last| !last.state.is_settled()))
            .map(|(id, _)| *id)
            .collect();
        self.apply(Event::WindowChanged { focused: true, selected: None });
        let session = self.model.rows().next().map(|row| row.id);
        self.apply(Event::WindowChanged { focused: true, selected: session });
        if let Some(snapshot) = self.model.snapshot(self.now) {
            let shown: Vec<RequestId> = snapshot.requests.iter().map(|card| card.info.id).collect();
            assert_eq!(shown, waiting, "the cards are the requests that are not settled");
            for card in &snapshot.requests {
                assert_eq!(card.answerable, card.info.state == RequestState::Open);
            }
        }
        for row in self.model.rows() {
            assert!(!row.title.is_empty(), "a title is never empty");
            assert!(row.state != SessionState::Ended || row.requests.is_empty());
        }
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.check();
        }
    }
}

/// What a gate was told: `allow`, `deny`, or nothing.
pub fn behavior(reply: &GateReply) -> String {
    match serde_json::from_slice::<Value>(&reply.stdout) {
        Ok(output) => output["hookSpecificOutput"]["decision"]["behavior"].as_str().unwrap_or("?").to_owned(),
        Err(_) => String::new(),
    }
}

pub fn message(pid: u32, event: &str, payload: &Value) -> Box<HookMessage> {
    Box::new(HookMessage {
        v: 1,
        provider: "claude".into(),
        event: event.into(),
        pid: pid + 10_000,
        ppid: pid,
        pstart: process(pid).start,
        gpid: None,
        gpstart: None,
        tty: "pts/3".into(),
        sent_unix_ns: 0,
        payload: RawValue::from_string(payload.to_string()).expect("JSON"),
        cut: false,
        shared: false,
        received_unix_ns: 0,
        room: None,
    })
}

pub fn bash(use_id: &str, command: &str) -> Value {
    json!({"tool_name": "Bash", "tool_input": {"command": command}, "tool_use_id": use_id})
}

pub fn read(use_id: &str, path: &str) -> Value {
    json!({"tool_name": "Read", "tool_input": {"file_path": path}, "tool_use_id": use_id})
}

pub fn in_agent(mut fields: Value, agent: &str) -> Value {
    fields["agent_id"] = json!(agent);
    fields["agent_type"] = json!("general-purpose");
    fields
}

pub fn batch(use_ids: &[&str]) -> Value {
    let calls: Vec<Value> = use_ids.iter().map(|id| json!({"tool_use_id": id})).collect();
    json!({ "tool_calls": calls })
}

/// A session's timeline was read from the store, which had these events of it.
pub fn history_of(session: SessionId, events: &[AgentEvent]) -> Event {
    let stored = Some(Box::new(StoredTimeline::of(events, &[], true)));
    Event::HistoryLoaded { session, stored }
}

/// A person at a terminal.
pub fn cli() -> Origin {
    below(&[(4_711, "magia"), (4_000, "bash"), (3_000, "tmux: server"), (1, "init")])
}

pub fn below(chain: &[(u32, &str)]) -> Origin {
    Origin::Cli {
        pid: chain.first().map_or(0, |(pid, _)| *pid),
        exe: Some("/usr/bin/magia".into()),
        ancestors: chain
            .iter()
            .map(|(pid, exe)| Ancestor { process: process(*pid), exe: (*exe).to_owned(), mark: None })
            .collect(),
    }
}

pub fn is_update(effect: &Effect, channel: &str) -> bool {
    matches!(effect, Effect::Publish(update) if Update::channel(update) == channel)
}
