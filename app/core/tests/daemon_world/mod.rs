//! A Codex daemon, its terminals, our connection to it and a person, for interleavings. The daemon does what the one of
//! Codex 0.169.0 was seen to do: ids of requests begin at 0 with each start, what waits is sent again after a resume,
//! the first answer counts and `serverRequest/resolved` tells everyone, a late answer is dropped without a word.

use crate::script::{Script, below, cli};
use crate::world::{By, Dice};
use magia_core::codex::{Client, Out};
use magia_core::daemon::{DaemonFact, DaemonNews};
use magia_core::effect::Effect;
use magia_core::event::{Event, GateId, Origin};
use magia_core::settings::{Settings, ToolPermission};
use magia_protocol::wire::info::Decision;
use magia_protocol::wire::{GateReply, Provider, RequestId, RequestState};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

const THREADS: usize = 2;
const ROOT: &str = "/home/dev/.codex";

/// Something that happens.
#[derive(Clone, Debug)]
pub enum Op {
    /// We connect, when we are not.
    Connect,
    /// Our connection breaks; what was on its way is lost.
    Break,
    /// The daemon is killed and starts again.
    Killed,
    /// magia ends and starts again.
    Restart,
    /// So many frames reach the daemon, or us; or answers reach the connection.
    Up(usize),
    Down(usize),
    Desk,
    Turn(usize),
    Ask(usize, &'static str),
    /// A terminal answers one of the requests that wait.
    Terminal(usize, bool),
    /// The turn ends; whether it says "idle" first, and whether it tells what becomes of requests.
    End {
        thread: usize,
        idle_first: bool,
        tells: bool,
    },
    Close(usize),
    Look(Option<usize>),
    Decide {
        request: usize,
        decision: Decision,
        by: By,
    },
    Same(usize, Decision),
    Rule(bool),
}

/// What may happen, with its weight.
pub fn op(dice: &mut Dice) -> Op {
    let (thread, pick, flag) = (dice.below(THREADS), dice.below(1 << 16), dice.below(2) == 0);
    let command = ["make", "cargo test"][dice.below(2)];
    let decision = [Decision::Allow, Decision::Deny, Decision::Always, Decision::None][dice.below(4)];
    let by = [By::Window, By::Cli, By::Agent, By::WrongId][dice.below(4)];
    match dice.below(48) {
        0..2 => Op::Connect,
        2 => Op::Break,
        3 => Op::Killed,
        4 => Op::Restart,
        5..12 => Op::Up(1 + dice.below(6)),
        12..20 => Op::Down(1 + dice.below(8)),
        20..23 => Op::Desk,
        23..27 => Op::Turn(thread),
        27..33 => Op::Ask(thread, command),
        33..36 => Op::Terminal(pick, flag),
        36..38 => Op::End { thread, idle_first: flag, tells: dice.below(2) == 0 },
        38 => Op::Close(thread),
        39 => Op::Look((dice.below(3) > 0).then_some(thread)),
        40..45 => Op::Decide { request: pick, decision, by },
        45..47 => Op::Same(pick, decision),
        _ => Op::Rule(flag),
    }
}

/// A request of the daemon, by the item that it is about, which is never named twice.
#[derive(Debug)]
struct Call {
    item: String,
    rpc: u64,
    command: &'static str,
    waits: bool,
}

#[derive(Debug, Default)]
struct Thread {
    loaded: bool,
    had_turn: bool,
    turn: bool,
    subscribed: bool,
    /// Of the running turn.
    calls: Vec<Call>,
}

/// The world.
pub struct World {
    script: Script,
    threads: Vec<Thread>,
    next_rpc: u64,
    next_item: u64,
    next_gate: GateId,
    client: Option<Client>,
    connections: u64,
    up: VecDeque<String>,
    down: VecDeque<String>,
    /// Answers that wait for the connection, and how many effects were looked at.
    desk: Vec<(GateId, GateReply)>,
    effects: usize,
    item_of: BTreeMap<RequestId, String>,
    /// What persons and rules said, by item.
    said: BTreeMap<String, BTreeSet<&'static str>>,
    /// Which requests were answered on which connection.
    answered: BTreeSet<(u64, u64)>,
    settings: Settings,
}

fn name(thread: usize) -> String {
    format!("thread-{thread}")
}

/// What a decision comes to for the daemon.
const fn word(decision: Decision) -> &'static str {
    match decision {
        Decision::Allow => "accept",
        Decision::Always => "acceptForSession",
        Decision::Deny => "decline",
        Decision::None => "",
    }
}

impl World {
    /// Performs all, then everything comes to its end: nothing may be left.
    pub fn run(ops: &[Op]) {
        let mut world = Self {
            script: Script::new(),
            threads: (0..THREADS).map(|_| Thread { loaded: true, ..Thread::default() }).collect(),
            next_rpc: 0,
            next_item: 0,
            next_gate: GateId::of_daemon(0),
            client: None,
            connections: 0,
            up: VecDeque::new(),
            down: VecDeque::new(),
            desk: Vec::new(),
            effects: 0,
            item_of: BTreeMap::new(),
            said: BTreeMap::new(),
            answered: BTreeSet::new(),
            settings: Settings::default(),
        };
        world.connect();
        for op in ops {
            world.perform(op);
            world.check();
        }
        world.finish();
    }

    fn perform(&mut self, op: &Op) {
        self.script.wait(7);
        match op {
            Op::Connect => self.connect(),
            Op::Break => self.lose(),
            Op::Killed => {
                self.lose();
                self.next_rpc = 0;
                self.threads.iter_mut().for_each(|thread| *thread = Thread::default());
            }
            Op::Restart => {
                // Nobody hears of the connection's end.
                self.hang_up();
                self.script.restart(self.settings.clone(), None);
                self.collect();
            }
            Op::Up(count) => (0..*count).for_each(|_| self.daemon_takes()),
            Op::Down(count) => (0..*count).for_each(|_| self.client_takes()),
            Op::Desk => self.take_desk(),
            Op::Turn(thread) => self.begin_turn(*thread),
            Op::Ask(thread, command) => self.ask(*thread, command),
            Op::Terminal(index, accepts) => {
                let waiting = self.waiting();
                if !waiting.is_empty() {
                    let (thread, item) = waiting[index % waiting.len()].clone();
                    self.resolve(thread, &item, *accepts);
                }
            }
            Op::End { thread, idle_first, tells } => self.end_turn(*thread, *idle_first, *tells),
            Op::Close(thread) => {
                if self.threads[*thread].loaded && !self.threads[*thread].turn {
                    self.threads[*thread] =
                        Thread { had_turn: self.threads[*thread].had_turn, ..Thread::default() };
                    self.notify("thread/closed", json!({"threadId": name(*thread)}));
                }
            }
            Op::Look(thread) => {
                let rows = thread.map(|thread| self.script.rows(&name(thread)));
                let selected = rows.and_then(|rows| rows.first().map(|row| row.id));
                self.script.apply(Event::WindowChanged { focused: true, selected });
                if let Some(client) = &mut self.client {
                    let out = client.view(thread.map(name).as_deref());
                    self.take_out(out);
                }
            }
            Op::Decide { request, decision, by } => self.decide(*request, *decision, *by),
            Op::Same(request, decision) => self.same(*request, *decision),
            Op::Rule(on) => {
                let rule = ToolPermission {
                    tool: "Bash".into(),
                    command_prefix: Some("cargo test".into()),
                    auto_approve: true,
                };
                let tool_permissions = if *on { vec![rule] } else { Vec::new() };
                self.settings = Settings { tool_permissions, ..Settings::default() };
                self.script.settings(self.settings.clone());
            }
        }
    }

    // The daemon.

    fn send(&mut self, frame: &Value) {
        if self.client.is_some() {
            self.down.push_back(frame.to_string());
        }
    }

    fn notify(&mut self, method: &str, params: Value) {
        self.send(&json!({"method": method, "params": params, "emittedAtMs": self.script.now.unix_ms}));
    }

    /// What only subscribers hear.
    fn tell(&mut self, thread: usize, method: &str, params: Value) {
        if self.threads[thread].subscribed {
            self.notify(method, params);
        }
    }

    fn status(&self, thread: usize) -> Value {
        let thread = &self.threads[thread];
        match (thread.turn, thread.calls.iter().any(|call| call.waits)) {
            (false, _) => json!({"type": "idle"}),
            (true, true) => json!({"type": "active", "activeFlags": ["waitingOnApproval"]}),
            (true, false) => json!({"type": "active", "activeFlags": []}),
        }
    }

    fn tell_status(&mut self, thread: usize) {
        let status = self.status(thread);
        self.notify("thread/status/changed", json!({"threadId": name(thread), "status": status}));
    }

    fn described(&self, thread: usize) -> Value {
        json!({"id": name(thread), "status": self.status(thread), "cwd": "/home/dev/shop",
            "originator": "codex-tui", "threadSource": "user", "ephemeral": false, "createdAt": 7})
    }

    fn begin_turn(&mut self, thread: usize) {
        if self.threads[thread].turn {
            return;
        }
        if !std::mem::replace(&mut self.threads[thread].loaded, true) {
            let described = self.described(thread);
            self.notify("thread/started", json!({"thread": described}));
        }
        self.threads[thread].turn = true;
        self.threads[thread].had_turn = true;
        self.tell_status(thread);
        self.tell(thread, "turn/started", json!({"threadId": name(thread), "turn": {"id": "turn"}}));
    }

    fn item(call: &Call, status: &str) -> Value {
        json!({"type": "commandExecution", "id": call.item, "command": call.command, "status": status})
    }

    fn request(thread: usize, call: &Call) -> Value {
        json!({"method": "item/commandExecution/requestApproval", "id": call.rpc, "params":
            {"threadId": name(thread), "turnId": "turn", "itemId": call.item, "command": call.command}})
    }

    fn ask(&mut self, thread: usize, command: &'static str) {
        if !self.threads[thread].turn {
            return;
        }
        let call =
            Call { item: format!("item-{}", self.next_item), rpc: self.next_rpc, command, waits: true };
        (self.next_item, self.next_rpc) = (self.next_item + 1, self.next_rpc + 1);
        let item = Self::item(&call, "inProgress");
        self.tell(thread, "item/started", json!({"threadId": name(thread), "turnId": "turn", "item": item}));
        if self.threads[thread].subscribed {
            self.send(&Self::request(thread, &call));
        }
        self.threads[thread].calls.push(call);
        self.tell_status(thread);
    }

    fn waiting(&self) -> Vec<(usize, String)> {
        let of = |(at, thread): (usize, &Thread)| {
            let waiting = thread.calls.iter().filter(|call| call.waits);
            waiting.map(|call| (at, call.item.clone())).collect::<Vec<_>>()
        };
        self.threads.iter().enumerate().flat_map(of).collect()
    }

    /// A request was answered by whoever was first.
    fn resolve(&mut self, thread: usize, item: &str, accepted: bool) {
        let call = self.threads[thread].calls.iter_mut().find(|call| call.item == item).unwrap();
        call.waits = false;
        let rpc = call.rpc;
        let done = Self::item(call, if accepted { "completed" } else { "declined" });
        self.tell(thread, "serverRequest/resolved", json!({"threadId": name(thread), "requestId": rpc}));
        self.tell_status(thread);
        self.tell(
            thread,
            "item/completed",
            json!({"threadId": name(thread), "turnId": "turn", "item": done}),
        );
    }

    /// The turn ends, broken off when something waited.
    fn end_turn(&mut self, thread: usize, idle_first: bool, tells: bool) {
        if !self.threads[thread].turn {
            return;
        }
        let calls = std::mem::take(&mut self.threads[thread].calls);
        self.threads[thread].turn = false;
        let waits = calls.iter().any(|call| call.waits);
        for call in calls.iter().filter(|call| call.waits && tells) {
            let params = json!({"threadId": name(thread), "requestId": call.rpc});
            self.tell(thread, "serverRequest/resolved", params);
        }
        let status = if waits { "interrupted" } else { "completed" };
        let turn = json!({"threadId": name(thread), "turn": {"id": "turn", "status": status}});
        if idle_first {
            self.tell_status(thread);
        }
        self.tell(thread, "turn/completed", turn);
        if !idle_first {
            self.tell_status(thread);
        }
    }

    /// The daemon takes a frame of ours.
    fn daemon_takes(&mut self) {
        let Some(frame) = self.up.pop_front() else { return };
        let frame: Value = serde_json::from_str(&frame).unwrap();
        let id = frame["id"].clone();
        let Some(method) = frame["method"].as_str() else { return self.answer_came(&frame) };
        let at = (0..THREADS).find(|at| frame["params"]["threadId"] == name(*at));
        let answer = match (method, at) {
            ("initialized", _) => return,
            ("initialize", _) => json!({"result": {"userAgent": "codex-tui/0.169.0 (Debian)"}}),
            ("thread/loaded/list", _) => {
                let loaded = (0..THREADS).filter(|at| self.threads[*at].loaded);
                json!({"result": {"data": loaded.map(name).collect::<Vec<_>>()}})
            }
            ("thread/read", Some(at)) if self.threads[at].loaded => {
                json!({"result": {"thread": self.described(at)}})
            }
            ("thread/resume", Some(at)) if self.threads[at].loaded && self.threads[at].had_turn => {
                return self.resume(at, id);
            }
            ("thread/unsubscribe", Some(at)) => {
                self.threads[at].subscribed = false;
                json!({"result": {}})
            }
            _ => json!({"error": {"code": -32600, "message": "no"}}),
        };
        self.respond(id, answer);
    }

    fn respond(&mut self, id: Value, mut answer: Value) {
        answer["id"] = id;
        self.send(&answer);
    }

    /// What waits is sent again, with the same ids.
    fn resume(&mut self, at: usize, id: Value) {
        let thread = &mut self.threads[at];
        thread.subscribed = true;
        let state = |call: &Call| if call.waits { "inProgress" } else { "completed" };
        let items: Vec<Value> = thread.calls.iter().map(|call| Self::item(call, state(call))).collect();
        let turns = if thread.turn {
            vec![json!({"id": "turn", "status": "inProgress", "items": items})]
        } else {
            Vec::new()
        };
        let waiting = thread.calls.iter().filter(|call| call.waits);
        let again: Vec<Value> = waiting.map(|call| Self::request(at, call)).collect();
        let thread = self.described(at);
        self.respond(id, json!({"result": {"thread": thread, "initialTurnsPage": {"data": turns}}}));
        again.iter().for_each(|frame| self.send(frame));
    }

    /// An answer of ours. What is not asked any more is dropped without a word.
    fn answer_came(&mut self, frame: &Value) {
        let rpc = frame["id"].as_u64().unwrap();
        let decision = frame["result"]["decision"].as_str().unwrap();
        let mut waiting = self.threads.iter().enumerate().flat_map(|(at, thread)| {
            let calls = thread.calls.iter().filter(|call| call.waits && call.rpc == rpc);
            calls.map(move |call| (at, call.item.clone()))
        });
        let Some((thread, item)) = waiting.next() else { return };
        drop(waiting);
        let said = self.said.get(&item).is_some_and(|said| said.contains(decision));
        assert!(said, "{decision} for {item} was invented");
        self.resolve(thread, &item, decision != "decline");
    }

    // Our side.

    fn connect(&mut self) {
        if self.client.is_none() {
            self.connections += 1;
            let mut client = Client::new(self.next_gate, None);
            let out = client.begin("1.0");
            self.client = Some(client);
            self.take_out(out);
        }
    }

    fn hang_up(&mut self) {
        if let Some(client) = self.client.take() {
            self.next_gate = client.next_gate();
        }
        self.up.clear();
        self.down.clear();
        self.desk.clear();
        self.threads.iter_mut().for_each(|thread| thread.subscribed = false);
    }

    fn lose(&mut self) {
        if self.client.is_some() {
            self.hang_up();
            self.fact(DaemonFact::Lost { why: "Codex's daemon has ended".into() });
        }
    }

    fn fact(&mut self, fact: DaemonFact) {
        let asked = match &fact {
            DaemonFact::Asked { use_id, .. } => Some(use_id.clone()),
            _ => None,
        };
        let before: BTreeSet<RequestId> = self.script.requests.keys().copied().collect();
        let news = DaemonNews { provider: Provider::Codex, root: ROOT.into(), fact };
        self.script.apply(Event::Daemon(Box::new(news)));
        if let Some(item) = asked {
            let new = self.script.requests.keys().find(|id| !before.contains(id)).copied();
            let id = new.expect("a card for what is asked");
            if self.script.decided_by(id).starts_with("policy ") {
                assert!(!self.settings.tool_permissions.is_empty(), "no rule spoke");
                self.said.entry(item.clone()).or_default().insert("accept");
            }
            self.item_of.insert(id, item);
        }
        self.collect();
    }

    fn take_out(&mut self, out: Vec<Out>) {
        for one in out {
            match one {
                Out::Send(frame) => self.up.push_back(frame),
                Out::Fact(fact) => self.fact(fact),
                Out::Ready(_) => {}
                Out::Refused(why) => panic!("refused: {why}"),
            }
        }
    }

    fn client_takes(&mut self) {
        if let (Some(client), Some(frame)) = (&mut self.client, self.down.pop_front()) {
            let out = client.received(&frame);
            self.take_out(out);
        }
    }

    /// Lays what the hub wants to answer where the connection finds it; without a connection it is nobody's.
    fn collect(&mut self) {
        for effect in &self.script.effects[self.effects..] {
            if let Effect::AnswerGate { gate, reply } = effect
                && self.client.is_some()
            {
                self.desk.push((*gate, reply.clone()));
            }
        }
        self.effects = self.script.effects.len();
    }

    fn take_desk(&mut self) {
        for (gate, reply) in std::mem::take(&mut self.desk) {
            let Some(client) = &mut self.client else { return };
            let (asked, out) = client.answer(gate, &reply);
            for one in &out {
                let Out::Send(frame) = one else { continue };
                let frame: Value = serde_json::from_str(frame).unwrap();
                let once = self.answered.insert((self.connections, frame["id"].as_u64().unwrap()));
                assert!(once, "answered twice: {frame}");
            }
            self.take_out(out);
            if asked {
                self.script.written(gate, true);
            }
        }
    }

    // A person.

    fn pick(&self, index: usize) -> Option<RequestId> {
        let known: Vec<RequestId> = self.item_of.keys().copied().collect();
        (!known.is_empty()).then(|| known[index % known.len()])
    }

    fn open(&self, id: RequestId) -> bool {
        self.script.request_state(id) == RequestState::Open
    }

    fn decide(&mut self, index: usize, decision: Decision, by: By) {
        let Some(id) = self.pick(index) else { return };
        let counts = self.open(id) && matches!(by, By::Window | By::Cli);
        if counts {
            self.said.entry(self.item_of[&id].clone()).or_default().insert(word(decision));
        }
        let typed = if by == By::WrongId { format!("{id}x") } else { id.to_string() };
        let origin = match by {
            By::Window => Origin::Window,
            By::Cli | By::WrongId => cli(),
            By::Agent => below(&[(77, "magia"), (10, "node"), (5, "codex")]),
        };
        let before = self.script.answers.len();
        let params = json!({"id": typed, "decision": decision.as_str()});
        let reply = self.script.command("resolve_permission", params, origin);
        assert!(reply.is_none_or(|reply| reply.is_ok() == counts));
        assert_eq!(self.script.answers.len() - before, usize::from(counts));
        self.collect();
    }

    fn same(&mut self, index: usize, decision: Decision) {
        let Some(id) = self.pick(index) else { return };
        let (open, input) = (self.open(id), self.script.request(id).input.clone());
        let alike: Vec<RequestId> = self
            .item_of
            .keys()
            .copied()
            .filter(|other| open && self.open(*other) && self.script.request(*other).input == input)
            .collect();
        for other in &alike {
            self.said.entry(self.item_of[other].clone()).or_default().insert(word(decision));
        }
        let before = self.script.answers.len();
        let reply =
            self.script.cli("resolve_same", json!({"id": id.to_string(), "decision": decision.as_str()}));
        assert_eq!(reply.is_ok(), open, "{reply:?}");
        assert_eq!(self.script.answers.len() - before, alike.len(), "each that asks the same, once");
        self.collect();
    }

    // What must hold.

    fn check(&mut self) {
        for (id, rows) in &self.script.requests {
            let end = rows.iter().position(|row| row.state.is_settled());
            let unchanged = end.is_none_or(|end| rows[end..].iter().all(|row| row.state == rows[end].state));
            assert!(unchanged, "{id} changed after its end");
        }
        let unsettled: Vec<RequestId> = self.unsettled().collect();
        if let Some(snapshot) = self.script.model.snapshot(self.script.now) {
            let shown: Vec<RequestId> = snapshot.requests.iter().map(|card| card.info.id).collect();
            assert_eq!(shown, unsettled, "the cards are what is not settled");
        }
        let quiet = self.up.is_empty() && self.down.is_empty() && self.desk.is_empty();
        if quiet && self.client.is_some() {
            self.check_quiet();
        }
    }

    fn unsettled(&self) -> impl Iterator<Item = RequestId> {
        let ids = self.script.requests.keys().copied();
        ids.filter(|id| !self.script.request_state(*id).is_settled())
    }

    /// Nothing is on its way: the cards that wait are what the daemon waits for.
    fn check_quiet(&self) {
        let asked: BTreeSet<String> = self.waiting().into_iter().map(|(_, item)| item).collect();
        let waits = self.unsettled().filter(|id| self.script.request_state(*id).waits());
        for id in waits {
            assert!(asked.contains(&self.item_of[&id]), "{id} is a card for nothing");
        }
        for (thread, item) in self.waiting() {
            let shown = self.unsettled().any(|id| self.item_of.get(&id) == Some(&item));
            assert!(shown || !self.threads[thread].subscribed, "{item} waits and has no card");
        }
    }

    /// All arrives, all turns end, all arrives again; then magia or the daemon may be gone: nothing is left.
    fn finish(mut self) {
        self.settle_down();
        self.check();
        for thread in 0..THREADS {
            self.end_turn(thread, true, thread == 0);
        }
        self.settle_down();
        self.check();
        let left: Vec<RequestId> = self.unsettled().collect();
        let waits = left.iter().filter(|id| self.script.request_state(**id).waits()).count();
        assert_eq!(waits, 0, "a card is left: {left:?}");
        self.lose();
        self.check();
        assert_eq!(self.unsettled().count(), 0, "a card is left without a daemon");
        let footprint = self.script.model.footprint();
        assert_eq!((footprint.gates, footprint.waiting_replies), (0, 0));
    }

    fn settle_down(&mut self) {
        while self.client.is_some() && !(self.up.is_empty() && self.down.is_empty() && self.desk.is_empty()) {
            self.take_desk();
            self.daemon_takes();
            self.client_takes();
        }
    }
}
