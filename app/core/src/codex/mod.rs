//! A client of Codex's own shared daemon, without its I/O: frames in, frames and facts out.
//!
//! One [`Client`] per connection. It learns which threads the daemon holds, leaves out those that no person works with
//! (hidden title threads), and subscribes to a thread while it works or is looked at, never longer: a subscriber keeps a
//! thread loaded, and a loaded thread cannot be opened by another Codex. Source: observed with Codex 0.169.0.

pub mod answer;
mod thread;

use crate::daemon::DaemonFact;
use crate::event::GateId;
use crate::normalize::codex_daemon::{self as say, with_fields};
use magia_protocol::wire::hook::HookMessage;
use magia_protocol::wire::{GateReply, Provider, ProviderSessionId};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use thread::{Status, Subscription, Thread};

/// Threads that are followed at most; more than any person runs, and a limit for what a daemon can make us keep.
const THREADS_MAX: usize = 2_000;
/// Approval requests that wait at most.
const ASKS_MAX: usize = 1_000;

/// What we ask the daemon not to send: parts of what comes whole, and what is not shown.
const UNWANTED: &[&str] = &[
    "item/agentMessage/delta",
    "item/plan/delta",
    "item/reasoning/summaryPartAdded",
    "item/reasoning/summaryTextDelta",
    "item/reasoning/textDelta",
    "item/commandExecution/outputDelta",
    "item/fileChange/outputDelta",
    "thread/tokenUsage/updated",
    "account/rateLimits/updated",
    "turn/diff/updated",
];

/// What a client wants done.
#[derive(Debug)]
pub enum Out {
    /// Send this text frame.
    Send(String),
    /// Tell the hub.
    Fact(DaemonFact),
    /// The daemon took us in; its version, when it said one.
    Ready(Option<String>),
    /// The daemon would not have us; why.
    Refused(String),
}

/// How much a client does: for `status`, `doctor` and tests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Threads of people.
    pub threads: usize,
    /// Those of them that we are subscribed to.
    pub subscribed: usize,
    /// Frames that we did not understand or that are not for us.
    pub unknown: u64,
}

/// What we asked the daemon.
#[derive(Debug)]
enum Call {
    Initialize,
    Held,
    Read(String),
    Resume(String),
    Unsubscribe,
}

/// An approval request that waits.
#[derive(Debug)]
struct Ask {
    thread: String,
    /// The daemon's id, which our answer carries.
    id: Value,
}

/// A connection to a daemon.
#[derive(Debug)]
pub struct Client {
    next_gate: u64,
    next_call: u64,
    calls: BTreeMap<u64, Call>,
    threads: BTreeMap<String, Thread>,
    asks: BTreeMap<GateId, Ask>,
    viewed: Option<String>,
    unknown: u64,
    out: Vec<Out>,
}

impl Client {
    /// A new connection whose gates count from `first_gate`; [`Self::next_gate`] of the one before.
    pub fn new(first_gate: GateId, viewed: Option<&str>) -> Self {
        Self {
            next_gate: first_gate.0,
            next_call: 1,
            calls: BTreeMap::new(),
            threads: BTreeMap::new(),
            asks: BTreeMap::new(),
            viewed: viewed.map(str::to_owned),
            unknown: 0,
            out: Vec::new(),
        }
    }

    /// The first gate that was not used.
    pub fn next_gate(&self) -> GateId {
        GateId(self.next_gate)
    }

    /// How much it does.
    pub fn counts(&self) -> Counts {
        let shown = || self.threads.values().filter(|thread| thread.is_shown());
        let subscribed = self.threads.values().filter(|thread| thread.subscription == Subscription::Yes);
        Counts { threads: shown().count(), subscribed: subscribed.count(), unknown: self.unknown }
    }

    /// The first words. `version` is ours.
    pub fn begin(&mut self, version: &str) -> Vec<Out> {
        let params = json!({
            "clientInfo": { "name": "magia", "title": "magia", "version": version },
            "capabilities": {
                "experimentalApi": true,
                "requestAttestation": false,
                "optOutNotificationMethods": UNWANTED,
            },
        });
        self.call(Call::Initialize, "initialize", &params);
        std::mem::take(&mut self.out)
    }

    /// Takes a frame.
    pub fn received(&mut self, text: &str) -> Vec<Out> {
        match serde_json::from_str::<Value>(text) {
            Ok(frame) => self.frame(&frame),
            Err(_) => self.unknown += 1,
        }
        std::mem::take(&mut self.out)
    }

    /// Answers at a gate. "No decision" says nothing: the terminal's dialog stays. `false` when nothing waits there.
    pub fn answer(&mut self, gate: GateId, reply: &GateReply) -> (bool, Vec<Out>) {
        let result: Option<Value> = serde_json::from_slice(&reply.stdout).ok();
        let sent = match (self.asks.get(&gate), result) {
            (Some(ask), Some(result)) => {
                self.out.push(Out::Send(json!({ "id": ask.id, "result": result }).to_string()));
                true
            }
            _ => false,
        };
        (sent, std::mem::take(&mut self.out))
    }

    /// A person looks at this thread, or at none.
    pub fn view(&mut self, thread: Option<&str>) -> Vec<Out> {
        let before = std::mem::replace(&mut self.viewed, thread.map(str::to_owned));
        for id in [before, self.viewed.clone()].into_iter().flatten() {
            self.settle_subscription(&id);
        }
        std::mem::take(&mut self.out)
    }

    fn frame(&mut self, frame: &Value) {
        let method = frame.get("method").and_then(Value::as_str);
        let params = frame.get("params").unwrap_or(&Value::Null);
        match (method, frame.get("id")) {
            (Some(method), Some(id)) => self.asked(method, id, params),
            (Some(method), None) => {
                let at_ms = frame.get("emittedAtMs").and_then(Value::as_u64).unwrap_or_default();
                self.told(method, params, at_ms);
            }
            (None, Some(id)) => match id.as_u64().and_then(|id| self.calls.remove(&id)) {
                Some(call) => self.answered(call, frame),
                None => self.unknown += 1,
            },
            (None, None) => self.unknown += 1,
        }
    }

    /// A response to a call of ours.
    fn answered(&mut self, call: Call, frame: &Value) {
        let error = frame.pointer("/error/message").and_then(Value::as_str);
        let result = frame.get("result").unwrap_or(&Value::Null);
        match (call, error) {
            (Call::Initialize, None) => {
                let agent = result.get("userAgent").and_then(Value::as_str).unwrap_or_default();
                self.out.push(Out::Ready(version_of(agent)));
                self.out.push(Out::Send(json!({ "method": "initialized" }).to_string()));
                self.call(Call::Held, "thread/loaded/list", &json!({}));
            }
            (Call::Initialize | Call::Held, Some(error)) => self.out.push(Out::Refused(error.to_owned())),
            (Call::Held, None) => self.holds(result),
            (Call::Read(_), None) => {
                if let Some(thread) = result.get("thread") {
                    self.learned(thread);
                }
            }
            (Call::Read(id), Some(_)) => {
                self.threads.remove(&id);
            }
            (Call::Resume(id), None) => self.subscribed(&id, result),
            // Before the first turn there is nothing to resume; the next "active" tries again.
            (Call::Resume(id), Some(_)) => {
                if let Some(thread) = self.threads.get_mut(&id) {
                    thread.subscription = Subscription::Refused;
                    self.release(&id);
                }
            }
            (Call::Unsubscribe, _) => {}
        }
    }

    fn holds(&mut self, result: &Value) {
        let ids = result.get("data").and_then(Value::as_array);
        let ids: Vec<String> = ids
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .take(THREADS_MAX)
            .map(str::to_owned)
            .collect();
        let held = ids.iter().cloned().map(ProviderSessionId).collect();
        self.out.push(Out::Fact(DaemonFact::Holds(held)));
        for id in ids {
            self.meet(&id);
        }
    }

    /// A thread that was named. What it is must be asked for.
    fn meet(&mut self, id: &str) {
        if !self.threads.contains_key(id) && self.threads.len() < THREADS_MAX {
            self.threads.insert(id.to_owned(), Thread::default());
            self.call(Call::Read(id.to_owned()), "thread/read", &json!({ "threadId": id }));
        }
    }

    /// The daemon described a thread.
    fn learned(&mut self, described: &Value) {
        let Some(id) = described.get("id").and_then(Value::as_str) else { return };
        if !self.threads.contains_key(id) && self.threads.len() >= THREADS_MAX {
            return;
        }
        let thread = self.threads.entry(id.to_owned()).or_default();
        thread.learn(described);
        if !thread.is_shown() {
            return;
        }
        if let Some(held) = thread.held(id, described) {
            self.out.push(Out::Fact(DaemonFact::Session(Box::new(held))));
        }
        if let Some(status) = thread.status {
            self.tell_status(id, status, 0);
        }
        self.settle_subscription(id);
    }

    fn told(&mut self, method: &str, params: &Value, at_ms: u64) {
        let thread = params.get("threadId").and_then(Value::as_str);
        match (method, thread) {
            ("thread/started", _) => {
                if let Some(thread) = params.get("thread") {
                    self.learned(thread);
                }
            }
            ("thread/status/changed", Some(id)) => self.status(id, params.get("status"), at_ms),
            ("thread/closed", Some(id)) => self.closed(id),
            ("thread/name/updated", Some(id)) if self.is_shown(id) => {
                let name = params.get("threadName").and_then(Value::as_str).map(str::to_owned);
                let session = ProviderSessionId(id.to_owned());
                let held = crate::daemon::HeldSession { session, name, ..Default::default() };
                self.out.push(Out::Fact(DaemonFact::Session(Box::new(held))));
            }
            ("serverRequest/resolved", Some(id)) => {
                let request = params.get("requestId").unwrap_or(&Value::Null);
                let gate = self.asks.iter().find(|(_, ask)| ask.thread == id && ask.id == *request);
                if let Some(gate) = gate.map(|(gate, _)| *gate) {
                    self.resolved(gate);
                }
            }
            (
                "turn/started" | "turn/completed" | "item/started" | "item/completed" | "error" | "warning",
                Some(id),
            )
            | ("turn/plan/updated", Some(id)) => self.happened(id, method, params),
            _ => self.unknown += 1,
        }
    }

    fn status(&mut self, id: &str, status: Option<&Value>, at_ms: u64) {
        let Some(status) = status.and_then(Status::read) else { return };
        if status == Status::NotLoaded {
            return self.closed(id);
        }
        self.meet(id);
        let Some(thread) = self.threads.get_mut(id) else { return };
        thread.status = Some(status);
        if thread.is_shown() {
            self.tell_status(id, status, at_ms);
            self.settle_subscription(id);
        }
    }

    fn tell_status(&mut self, id: &str, status: Status, at_ms: u64) {
        let Some(thread) = self.threads.get_mut(id) else { return };
        if thread.subscription == Subscription::Refused && status.is_active() {
            thread.subscription = Subscription::No;
        }
        // A subagent's state is its parent's business.
        if let (Some(state), None) = (status.state(), &thread.parent) {
            let session = ProviderSessionId(id.to_owned());
            let fact = thread.words(status);
            self.out.push(Out::Fact(DaemonFact::Status { session, state, fact, at_ms }));
        }
    }

    fn closed(&mut self, id: &str) {
        let Some(thread) = self.threads.remove(id) else { return };
        self.resolve_all(id);
        if thread.is_shown() && thread.parent.is_none() {
            self.out.push(Out::Fact(DaemonFact::Dropped(ProviderSessionId(id.to_owned()))));
        }
    }

    /// Subscribes or unsubscribes, as it should be.
    fn settle_subscription(&mut self, id: &str) {
        let viewed = self.viewed.as_deref() == Some(id);
        let Some(thread) = self.threads.get_mut(id) else { return };
        let wanted = thread.is_shown() && (thread.is_busy() || viewed);
        match (thread.subscription, wanted) {
            (Subscription::No, true) => {
                thread.subscription = Subscription::Asked;
                let params = json!({
                    "threadId": id,
                    "excludeTurns": true,
                    "initialTurnsPage": { "limit": 1, "itemsView": "full" },
                });
                self.call(Call::Resume(id.to_owned()), "thread/resume", &params);
            }
            (Subscription::Yes, false) => {
                thread.subscription = Subscription::No;
                thread.forget_turn();
                self.call(Call::Unsubscribe, "thread/unsubscribe", &json!({ "threadId": id }));
            }
            _ => {}
        }
    }

    /// We are subscribed. What the running turn had before comes along.
    fn subscribed(&mut self, id: &str, result: &Value) {
        let Some(thread) = self.threads.get_mut(id) else { return };
        thread.subscription = Subscription::Yes;
        let model = result.get("model").and_then(Value::as_str).map(str::to_owned);
        if thread.parent.is_none() && model.is_some() {
            let session = ProviderSessionId(id.to_owned());
            let held = crate::daemon::HeldSession { session, model, ..Default::default() };
            self.out.push(Out::Fact(DaemonFact::Session(Box::new(held))));
        }
        let running = result
            .pointer("/initialTurnsPage/data/0")
            .filter(|turn| turn.get("status").and_then(Value::as_str) == Some("inProgress"));
        if let Some(turn) = running {
            let turn_id = turn.get("id").cloned().unwrap_or_default();
            for item in turn.get("items").and_then(Value::as_array).into_iter().flatten() {
                let runs = item.get("status").and_then(Value::as_str) == Some("inProgress");
                let method = if runs { "item/started" } else { "item/completed" };
                self.happened(id, method, &json!({ "threadId": id, "turnId": turn_id, "item": item }));
            }
        }
        self.release(id);
        // It may have gone idle meanwhile.
        if let Some(thread) = self.threads.get_mut(id)
            && running.is_none()
        {
            thread.turn_open = false;
        }
        self.settle_subscription(id);
    }

    /// Something happened in a thread that we are subscribed to.
    fn happened(&mut self, id: &str, method: &str, params: &Value) {
        let Some(thread) = self.threads.get_mut(id).filter(|thread| thread.is_shown()) else { return };
        if !thread.is_new(method, params) {
            return;
        }
        thread.turn_open |= method == "turn/started" || method.starts_with("item/");
        let message = message(method, &thread.addressed(params));
        self.out.push(Out::Fact(DaemonFact::Said(message)));
        if method == "turn/completed" {
            self.resolve_all(id);
            if let Some(thread) = self.threads.get_mut(id) {
                thread.forget_turn();
            }
            self.settle_subscription(id);
        }
    }

    /// A request of the daemon's. What we do not know is left to the other clients, who may.
    fn asked(&mut self, method: &str, id: &Value, params: &Value) {
        let known = [say::ASKS_COMMAND, say::ASKS_CHANGE, say::ASKS_INPUT].contains(&method);
        let thread = params.get("threadId").and_then(Value::as_str).filter(|_| known);
        let secret = || {
            let questions = params.get("questions").and_then(Value::as_array);
            questions.into_iter().flatten().any(|question| question["isSecret"] == true)
        };
        let Some(thread_id) = thread.filter(|_| !secret() && self.asks.len() < ASKS_MAX) else {
            self.unknown += 1;
            return;
        };
        // What the daemon has not described yet is not ours to show. It sends the request again when we have resumed.
        if !self.threads.contains_key(thread_id) {
            self.unknown += 1;
            return;
        }
        // After a resume the daemon sends what still waits again.
        if self.asks.values().any(|ask| ask.thread == thread_id && ask.id == *id) {
            return;
        }
        let gate = GateId(self.next_gate);
        self.next_gate += 1;
        self.asks.insert(gate, Ask { thread: thread_id.to_owned(), id: id.clone() });
        let waits = match self.threads.get_mut(thread_id) {
            // A change of files is in an item that comes with the answer to our resume.
            Some(thread) if method == say::ASKS_CHANGE && thread.subscription == Subscription::Asked => {
                thread.waiting.push((gate, params.clone()));
                true
            }
            _ => false,
        };
        if !waits {
            self.ask(gate, thread_id, method, params);
        }
    }

    fn ask(&mut self, gate: GateId, thread_id: &str, method: &str, params: &Value) {
        let Some(thread) = self.threads.get(thread_id) else { return };
        let use_id = params.get("itemId").and_then(Value::as_str).unwrap_or_default().to_owned();
        let params = match thread.changes.get(&use_id) {
            Some(changes) => with_fields(params, &[("changes", changes.clone())]),
            None => params.clone(),
        };
        let message = message(method, &thread.addressed(&params));
        self.out.push(Out::Fact(DaemonFact::Asked { gate, message, use_id }));
    }

    /// Asks what had to wait for the answer to our resume.
    fn release(&mut self, id: &str) {
        let waiting = self.threads.get_mut(id).map(|thread| std::mem::take(&mut thread.waiting));
        for (gate, params) in waiting.unwrap_or_default() {
            if self.asks.contains_key(&gate) {
                self.ask(gate, id, say::ASKS_CHANGE, &params);
            }
        }
    }

    fn resolved(&mut self, gate: GateId) {
        self.asks.remove(&gate);
        self.out.push(Out::Fact(DaemonFact::Resolved(gate)));
    }

    fn resolve_all(&mut self, thread: &str) {
        let gates: Vec<GateId> =
            self.asks.iter().filter(|(_, ask)| ask.thread == thread).map(|(gate, _)| *gate).collect();
        gates.into_iter().for_each(|gate| self.resolved(gate));
    }

    fn is_shown(&self, id: &str) -> bool {
        self.threads.get(id).is_some_and(|thread| thread.is_shown() && thread.parent.is_none())
    }

    fn call(&mut self, call: Call, method: &str, params: &Value) {
        let id = self.next_call;
        self.next_call += 1;
        self.calls.insert(id, call);
        self.out.push(Out::Send(json!({ "id": id, "method": method, "params": params }).to_string()));
    }
}

/// A message as the model takes it, without a process.
pub fn message(method: &str, params: &Value) -> Box<HookMessage> {
    let payload = serde_json::value::to_raw_value(params).unwrap_or_default();
    Box::new(HookMessage {
        v: 1,
        provider: Provider::Codex.as_str().to_owned(),
        event: method.to_owned(),
        pid: 0,
        ppid: 0,
        pstart: 0,
        gpid: None,
        gpstart: None,
        tty: String::new(),
        sent_unix_ns: 0,
        payload,
        cut: false,
        shared: false,
        received_unix_ns: 0,
        room: None,
    })
}

/// The version in `codex-tui/0.169.0 (Debian 12.0.0; x86_64) ...`.
fn version_of(user_agent: &str) -> Option<String> {
    let (_, rest) = user_agent.split_once('/')?;
    rest.split_whitespace().next().map(|version| version.chars().take(32).collect())
}
