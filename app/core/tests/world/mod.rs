//! A world of agents, persons and accidents for property tests: what may happen, and what must hold whatever does.
#![allow(dead_code, reason = "each test binary uses its part")]

use crate::script::{Script, bash, batch, behavior, below, cli, in_agent, process};
use magia_core::effect::{Effect, StoreWrite};
use magia_core::event::RegistryStatus::{Busy, Idle, Waiting};
use magia_core::event::{Event, FoundAgent, GateId, Origin, RegistryStatus};
use magia_core::settings::{Preset, Settings, ToolPermission};
use magia_protocol::wire::info::Decision;
use magia_protocol::wire::{
    AgentEventKind, ErrorCode, GateReply, Provider, RequestId, RequestState, SessionId, SessionState,
};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Asks: process, the agent's session, fields as Claude's hooks have them. The gate, and the card's id if one was made.
pub type Asks = fn(&mut Script, u32, &str, Value) -> (GateId, Option<RequestId>);

/// How one kind of agent asks, acts and is answered. The world is the same for all of them.
pub struct Peer {
    /// For messages.
    pub name: &'static str,
    /// A request that waits.
    pub asks: Asks,
    /// Something that it does, by Claude's name for the event.
    pub acts: fn(&mut Script, u32, &str, &str, Value),
    /// What it was answered: `allow`, `deny`, or nothing.
    pub said: fn(&GateReply) -> String,
    /// Somebody who watches processes or the agent's registry saw it.
    pub seen: fn(&mut Script, u32, &str, RegistryStatus, u64),
    /// Whether it takes another input, and rules of its own for "always".
    pub flexible: bool,
    /// Its hooks are held for someone at the window, and no longer than so many milliseconds.
    pub hold_ms: Option<u64>,
}

/// Claude Code by its hooks.
pub static CLAUDE: Peer = Peer {
    name: "claude",
    asks: Script::asks,
    acts: |script, pid, session, event, fields| {
        script.hook(pid, session, event, fields);
    },
    said: behavior,
    seen: |script, pid, session, status, at_ms| {
        script.registry_since(pid, session, Some(status), at_ms);
    },
    flexible: true,
    hold_ms: None,
};

/// Codex by its hooks, as without its daemon.
pub static CODEX_HOOKS: Peer = Peer {
    name: "codex's hooks",
    asks: |script, pid, session, fields| {
        let before: BTreeSet<RequestId> = script.requests.keys().copied().collect();
        let gate = script.of("codex", pid, session, "PermissionRequest", fields, true).expect("a gate");
        (gate, script.requests.keys().find(|id| !before.contains(id)).copied())
    },
    acts: |script, pid, session, event, mut fields| {
        let event = if event == "StopFailure" { "PostModelRequest" } else { event };
        fields["status"] = json!("failed");
        script.of("codex", pid, session, event, fields, false);
    },
    said: behavior,
    seen: |script, pid, _, _, _| {
        let (provider, process) = (Provider::Codex, process(pid));
        let found = FoundAgent { provider, process, cwd: "/home/dev/shop".into(), tty: None };
        script.apply(Event::AgentsFound(vec![found]));
    },
    flexible: false,
    hold_ms: Some(20_000),
};

/// Who speaks: a process, mostly of its own session, and perhaps a subagent.
#[derive(Clone, Copy, Debug)]
pub struct Who {
    pub slot: usize,
    pub session: usize,
    pub agent: Option<&'static str>,
}

#[derive(Clone, Debug)]
pub enum Op {
    Ask(Who, &'static str, usize),
    Begin(Who, &'static str, usize),
    Ran(Who, &'static str, usize),
    Batch(Who, Vec<usize>),
    /// Stop, a prompt, a failure, a subagent's end, a session's end or start.
    Goes(Who, &'static str),
    Dies(usize),
    Registry(Who, RegistryStatus, u64),
    Close(usize),
    Written(usize, bool),
    Decide {
        request: usize,
        decision: Decision,
        by: By,
    },
    /// One answer for all that ask the same.
    Same {
        request: usize,
        decision: Decision,
    },
    /// Allows it with another input.
    Edit(usize),
    /// The program ends and starts again.
    Restart,
    Policy(u8),
    Focus(bool),
    /// A person does something in the window.
    Used,
    Wait(u64),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum By {
    Window,
    Cli,
    Agent,
    WrongId,
}

/// Processes and sessions of a case.
pub const SLOTS: usize = 3;

/// What the test knows beside the model.
pub struct World {
    peer: &'static Peer,
    script: Script,
    /// Gates whose connection is open.
    connected: BTreeSet<GateId>,
    /// Gates that were ever opened, in order.
    opened: Vec<GateId>,
    request_of: BTreeMap<GateId, RequestId>,
    session_of: BTreeMap<RequestId, usize>,
    /// Answers that persons gave, and rules, by request.
    said: BTreeMap<RequestId, BTreeSet<&'static str>>,
    /// What the settings say without asking: program to `allow` or `deny`.
    rules: Vec<(&'static str, &'static str)>,
    /// How often a process of each slot ended; the next one has another id.
    ended: [u32; SLOTS],
    settings: Settings,
    restarted: bool,
    /// When a person last did something in the window, and when each gate opened, by the monotonic clock.
    used: Option<u64>,
    asked: BTreeMap<GateId, u64>,
    /// Answers that were looked at: one that was given never changes.
    seen_answers: BTreeSet<GateId>,
    /// How many rows of each request were looked at, and the state in which it ended.
    seen_rows: BTreeMap<RequestId, (usize, Option<RequestState>)>,
}

fn session(n: usize) -> String {
    format!("session-{n}")
}

fn use_id(who: Who, n: usize) -> String {
    format!("{}-{:?}-{n}", who.session, who.agent)
}

fn fields(who: Who, command: &str, n: usize) -> Value {
    let mut fields = bash(&use_id(who, n), command);
    fields["permission_suggestions"] = json!([{"type": "setMode", "mode": "acceptEdits"}]);
    match who.agent {
        Some(agent) => in_agent(fields, agent),
        None => fields,
    }
}

/// What a person's decision comes to for the agent.
fn word(decision: Decision) -> &'static str {
    match decision {
        Decision::Allow | Decision::Always => "allow",
        Decision::Deny => "deny",
        Decision::None => "",
    }
}

impl World {
    pub fn new(peer: &'static Peer) -> Self {
        Self {
            peer,
            script: Script::new(),
            connected: BTreeSet::new(),
            opened: Vec::new(),
            request_of: BTreeMap::new(),
            session_of: BTreeMap::new(),
            said: BTreeMap::new(),
            rules: Vec::new(),
            ended: [0; SLOTS],
            settings: Settings::default(),
            restarted: false,
            used: None,
            asked: BTreeMap::new(),
            seen_answers: BTreeSet::new(),
            seen_rows: BTreeMap::new(),
        }
    }

    /// Performs all, then lets go of everything: nothing may be left.
    pub fn run(peer: &'static Peer, ops: &[Op]) {
        let mut world = Self::new(peer);
        for op in ops {
            world.perform(op);
        }
        world.finish();
    }

    fn perform(&mut self, op: &Op) {
        match op {
            Op::Ask(who, command, n) => self.ask(*who, command, *n),
            Op::Begin(who, command, n) => self.hook(*who, "PreToolUse", fields(*who, command, *n)),
            Op::Ran(who, command, n) => self.hook(*who, "PostToolUse", fields(*who, command, *n)),
            Op::Batch(who, ids) => {
                let ids: Vec<String> = ids.iter().map(|n| use_id(*who, *n)).collect();
                let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
                let fields = who.agent.map_or_else(|| batch(&ids), |agent| in_agent(batch(&ids), agent));
                self.hook(*who, "PostToolBatch", fields);
            }
            Op::Goes(who, event) => {
                let agent = who.agent.filter(|_| event.starts_with("Subagent"));
                let fields = json!({"prompt": "go on", "reason": "other", "source": "resume"});
                let fields = agent.map_or_else(|| fields.clone(), |agent| in_agent(fields.clone(), agent));
                self.hook(*who, event, fields);
            }
            Op::Dies(slot) => {
                self.script.dies(self.pid(*slot));
                self.ended[*slot] += 1;
            }
            Op::Registry(who, status, ago) => {
                let at_ms = self.script.now.unix_ms.saturating_sub(*ago);
                let pid = self.pid(who.slot);
                (self.peer.seen)(&mut self.script, pid, &session(who.session), *status, at_ms);
            }
            Op::Close(index) => {
                let connected: Vec<GateId> = self.connected.iter().copied().collect();
                if !connected.is_empty() {
                    let gate = connected[index % connected.len()];
                    self.connected.remove(&gate);
                    self.script.close(gate);
                }
            }
            Op::Written(index, delivered) => {
                let answered: Vec<GateId> = self
                    .connected
                    .iter()
                    .filter(|gate| self.script.answers.contains_key(gate))
                    .copied()
                    .collect();
                if !answered.is_empty() {
                    let gate = answered[index % answered.len()];
                    self.connected.remove(&gate);
                    self.script.written(gate, *delivered);
                }
            }
            Op::Decide { request, decision, by } => self.decide(*request, *decision, *by),
            Op::Same { request, decision } => self.same(*request, *decision),
            Op::Edit(request) => self.edit(*request),
            Op::Restart => self.restart(),
            Op::Policy(which) => self.policy(*which),
            Op::Focus(focused) => {
                self.script.apply(Event::WindowChanged { focused: *focused, selected: None });
            }
            Op::Used => {
                self.used = Some(self.script.now.mono_ms);
                self.script.apply(Event::WindowUsed);
            }
            Op::Wait(ms) => {
                self.script.wait(*ms).tick();
            }
        }
        self.check();
    }

    fn pid(&self, slot: usize) -> u32 {
        10 + u32::try_from(slot).unwrap() + 100 * self.ended[slot]
    }

    fn hook(&mut self, who: Who, event: &str, fields: Value) {
        let pid = self.pid(who.slot);
        (self.peer.acts)(&mut self.script, pid, &session(who.session), event, fields);
    }

    fn ask(&mut self, who: Who, command: &'static str, n: usize) {
        let pid = self.pid(who.slot);
        let (gate, id) =
            (self.peer.asks)(&mut self.script, pid, &session(who.session), fields(who, command, n));
        self.opened.push(gate);
        self.asked.insert(gate, self.script.now.mono_ms);
        self.connected.insert(gate);
        let Some(id) = id else {
            assert_eq!(self.script.answer(gate), Some(String::new()), "what makes no card is let go at once");
            return;
        };
        self.request_of.insert(gate, id);
        self.session_of.insert(id, who.session);
        let rule = self.rules.iter().find(|(program, _)| *program == command);
        if let Some((_, decision)) = rule {
            self.said.entry(id).or_default().insert(decision);
            assert!(self.script.decided_by(id).starts_with("policy "));
        }
        let watched = self.used.is_some_and(|used| self.script.now.mono_ms - used < 60_000);
        let held = rule.is_none() && (self.peer.hold_ms.is_none() || watched);
        assert_eq!(self.open(id), held, "held for someone who is there, else let go");
    }

    fn decide(&mut self, index: usize, decision: Decision, by: By) {
        let known: Vec<RequestId> = self.session_of.keys().copied().collect();
        if known.is_empty() {
            return;
        }
        let id = known[index % known.len()];
        let open = self.open(id);
        let takes = self.takes(decision);
        let counts = open && takes && matches!(by, By::Window | By::Cli);
        let typed = if by == By::WrongId { format!("{id}x") } else { id.to_string() };
        let params = json!({"id": typed, "decision": decision.as_str()});
        let answers = self.script.answers.len();
        if counts {
            self.said.entry(id).or_default().insert(word(decision));
        }
        let origin = match by {
            By::Window => Origin::Window,
            By::Cli | By::WrongId => cli(),
            By::Agent => below(&[(77, "magia"), (10, "node"), (5, "claude")]),
        };
        let reply = self.script.command("resolve_permission", params, origin);
        let expected = match by {
            By::Window => None,
            By::Cli if counts => Some(None),
            By::Cli if open => Some(Some(ErrorCode::Unsupported)),
            By::Cli => Some(Some(ErrorCode::AlreadyAnswered)),
            By::Agent => Some(Some(ErrorCode::Refused)),
            By::WrongId => Some(Some(ErrorCode::NotFound)),
        };
        assert_eq!(
            reply.map(|reply| reply.err().map(|err| err.code)),
            expected,
            "{by:?} {decision:?} open={open}"
        );
        let given = self.script.answers.len() - answers;
        assert_eq!(given, usize::from(counts), "an answer for a decision that counts");
    }

    fn takes(&self, decision: Decision) -> bool {
        self.peer.flexible || decision != Decision::Always
    }

    fn policy(&mut self, which: u8) {
        let rule = |prefix: &str, auto_approve| ToolPermission {
            tool: "Bash".into(),
            command_prefix: Some(prefix.into()),
            auto_approve,
        };
        let (rules, settings): (Vec<_>, Vec<_>) = match which {
            0 => (vec![], vec![]),
            1 => (vec![("cargo test", "allow")], vec![rule("cargo test", true)]),
            2 => (vec![("git push", "deny")], vec![rule("git push", false)]),
            _ => (
                vec![("cargo test", "allow"), ("git push", "deny")],
                vec![rule("cargo test", true), rule("git push", false)],
            ),
        };
        self.rules = rules;
        let preset = if which == 1 { Preset::AcceptEdits } else { Preset::Default };
        self.settings = Settings { preset, tool_permissions: settings, ..Settings::default() };
        self.script.settings(self.settings.clone());
    }

    /// The requests that could be answered: by what the store was told, not by the model's word.
    fn open(&self, id: RequestId) -> bool {
        self.script.request_state(id) == RequestState::Open
    }

    fn same(&mut self, index: usize, decision: Decision) {
        let known: Vec<RequestId> = self.session_of.keys().copied().collect();
        if known.is_empty() {
            return;
        }
        let id = known[index % known.len()];
        let words = |id: RequestId| {
            let request = self.script.request(id);
            (request.tool.clone(), request.input.clone(), request.cwd.clone())
        };
        let alike: Vec<RequestId> =
            known.iter().copied().filter(|other| self.open(*other) && words(*other) == words(id)).collect();
        let open = self.open(id) && self.takes(decision);
        let before = self.script.answers.len();
        if open {
            for other in &alike {
                self.said.entry(*other).or_default().insert(word(decision));
            }
        }
        let params = json!({"id": id.to_string(), "decision": decision.as_str()});
        let reply = self.script.cli("resolve_same", params);
        assert_eq!(reply.is_ok(), open, "{reply:?}");
        let given = self.script.answers.len() - before;
        assert_eq!(given, if open { alike.len() } else { 0 }, "each that asks the same, once");
        assert!(!open || alike.iter().all(|other| !self.open(*other)));
    }

    fn edit(&mut self, index: usize) {
        let known: Vec<RequestId> = self.session_of.keys().copied().collect();
        if known.is_empty() {
            return;
        }
        let id = known[index % known.len()];
        let open = self.open(id) && self.peer.flexible;
        if open {
            self.said.entry(id).or_default().insert("allow");
        }
        let before = self.script.request(id).edited_input.clone();
        let params = json!({"id": id.to_string(), "decision": "allow", "input": {"command": "make -n"}});
        let reply = self.script.cli("resolve_permission", params);
        assert_eq!(reply.is_ok(), open, "{reply:?}");
        let after = self.script.request(id).edited_input.clone();
        assert_eq!(after, if open { Some("{\"command\":\"make -n\"}".to_owned()) } else { before });
    }

    /// Whoever waited at a gate is let go without a decision by the end of its connection.
    fn restart(&mut self) {
        self.connected.clear();
        self.restarted = true;
        self.used = None;
        self.script.restart(self.settings.clone(), None);
    }

    /// After an agent's end none of its requests waits, and each of its gates was answered or has gone.
    fn check_ended(&self, n: usize) {
        if self.script.rows(&session(n)).first().is_none_or(|row| row.state != SessionState::Ended) {
            return;
        }
        for (gate, id) in &self.request_of {
            if self.session_of[id] == n {
                assert!(self.script.request_state(*id).is_settled(), "{id} after the end");
                assert!(self.script.answers.contains_key(gate) || !self.connected.contains(gate));
            }
        }
    }

    /// What is held is let go in time, and the model wants to be woken for it.
    fn check_holds(&self) {
        let Some(hold_ms) = self.peer.hold_ms else { return };
        let now = self.script.now;
        for (gate, id) in self.request_of.iter().filter(|(_, id)| self.open(**id)) {
            let until = self.asked[gate] + hold_ms;
            assert!(now.mono_ms < until, "{id} is held too long");
            assert!(self.script.model.next_wake_mono(now).is_some_and(|wake| wake <= until), "{id}");
        }
    }

    fn check(&mut self) {
        self.check_holds();
        for (gate, reply) in &self.script.answers {
            if !self.seen_answers.insert(*gate) {
                continue;
            }
            let decision = (self.peer.said)(reply);
            if decision.is_empty() {
                continue;
            }
            let id = self.request_of[gate];
            let said = self.said.get(&id).is_some_and(|said| said.contains(decision.as_str()));
            assert!(said, "{decision} for {id} was invented");
        }
        let mut unsettled = Vec::new();
        for (id, rows) in &self.script.requests {
            let (seen, end) = self.seen_rows.entry(*id).or_default();
            for row in &rows[*seen..] {
                assert!(end.is_none_or(|end| end == row.state), "{id} changed after its end");
                *end = end.or(row.state.is_settled().then_some(row.state));
            }
            *seen = rows.len();
            if end.is_none() {
                unsettled.push(*id);
            }
        }
        if let Some(snapshot) = self.script.model.snapshot(self.script.now) {
            let shown: Vec<RequestId> = snapshot.requests.iter().map(|card| card.info.id).collect();
            assert_eq!(shown, unsettled, "the cards are what is not settled");
        }
        for n in 0..SLOTS {
            let rows = self.script.rows(&session(n));
            assert!(rows.len() <= 1, "one row for one session");
            for row in rows {
                let waits = row.requests.iter().all(|id| self.script.request_state(*id).waits());
                assert!(waits && (row.state != SessionState::Ended || row.requests.is_empty()));
            }
            self.check_ended(n);
        }
    }

    /// Several processes on a session begin and end in turns, and end when nobody is left.
    fn check_hijacks(&self) {
        let mut last: BTreeMap<SessionId, bool> = BTreeMap::new();
        for effect in &self.script.effects {
            if let Effect::Store(StoreWrite::Event(event)) = effect
                && event.kind == AgentEventKind::SessionHijacked
            {
                let payload: Value = serde_json::from_str(&event.raw).unwrap();
                let (over, many) =
                    (payload["over"] == true, payload["processes"].as_array().unwrap().len() > 1);
                assert!(over || many, "begins with several: {}", event.raw);
                let before = last.insert(event.session, over);
                // A restart forgets who else was there.
                let begins_anew = before == Some(false) && !over && self.restarted;
                assert!(begins_anew || before.unwrap_or(true) != over, "in turns: {}", event.raw);
            }
        }
        assert!(self.script.model.rows().all(|row| row.hijacked_since_ms.is_none()), "nobody is left");
    }

    /// All connections end; nothing is left.
    fn finish(mut self) {
        for gate in self.opened.clone() {
            if self.connected.remove(&gate) {
                match self.script.answers.contains_key(&gate) {
                    true => self.script.written(gate, true),
                    false => self.script.close(gate),
                }
            }
        }
        let footprint = self.script.model.footprint();
        assert_eq!((footprint.gates, footprint.waiting_replies), (0, 0));
        for slot in 0..SLOTS {
            self.script.dies(self.pid(slot));
        }
        assert_eq!(self.script.model.footprint().calls, 0);
        assert_eq!(self.script.model.footprint().processes, 0);
        self.check();
        self.check_hijacks();
    }
}

/// Numbers that look random, the same for the same seed (SplitMix64).
pub struct Dice(u64);

impl Dice {
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((z ^ (z >> 31)) >> 33).unwrap() % n
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    fn who(&mut self) -> Who {
        let slot = self.below(SLOTS);
        let moves = if self.below(10) == 0 { 1 + self.below(SLOTS - 1) } else { 0 };
        Who { slot, session: (slot + moves) % SLOTS, agent: self.of(&[None, None, Some("s1"), Some("s2")]) }
    }

    fn decision(&mut self) -> Decision {
        self.of(&[Decision::Allow, Decision::Deny, Decision::Always, Decision::None])
    }

    /// Something that happens.
    pub fn op(&mut self) -> Op {
        let (who, command, n) = (self.who(), self.of(&COMMANDS), self.below(4));
        let (pick, flag) = (self.below(1 << 16), self.below(2) == 0);
        match self.below(45) {
            0..7 => Op::Ask(who, command, n),
            7..11 => Op::Begin(who, command, n),
            11..14 => Op::Ran(who, command, n),
            14..16 => Op::Batch(who, (0..self.below(4)).map(|_| self.below(4)).collect()),
            16..18 => Op::Goes(who, self.of(&GOES)),
            18 => Op::Dies(who.slot),
            19..22 => Op::Registry(who, self.of(&[Busy, Idle, Waiting]), self.below(100) as u64),
            22..24 => Op::Close(pick),
            24..27 => Op::Written(pick, flag),
            27..35 => {
                let by = self.of(&[By::Window, By::Cli, By::Agent, By::WrongId]);
                Op::Decide { request: pick, decision: self.decision(), by }
            }
            35..37 => Op::Same { request: pick, decision: self.decision() },
            37 => Op::Edit(pick),
            38 => Op::Restart,
            39 => Op::Policy(u8::try_from(n).unwrap()),
            40 => Op::Focus(flag),
            41..43 => Op::Used,
            43 => Op::Wait(self.below(40_000) as u64),
            _ => Op::Wait(self.below(300) as u64),
        }
    }
}

/// Commands that are asked for.
pub const COMMANDS: [&str; 3] = ["make", "cargo test", "git push"];

/// What an agent does beside its calls.
pub const GOES: [&str; 7] = [
    "Stop",
    "UserPromptSubmit",
    "StopFailure",
    "SubagentStop",
    "SubagentStart",
    "SessionEnd",
    "SessionStart",
];
