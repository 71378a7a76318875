//! Whatever the order of events: a decision is delivered at most once, to the right request, and never invented.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail"
)]

mod script;

use magia_core::event::RegistryStatus::{Busy, Idle, Waiting};
use magia_core::event::{Event, GateId, Origin, RegistryStatus};
use magia_core::settings::{Preset, Settings, ToolPermission};
use magia_protocol::wire::info::Decision;
use magia_protocol::wire::{ErrorCode, RequestId, RequestState, SessionState};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use script::{Script, bash, batch, behavior, below, cli, in_agent};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Who speaks: a process, mostly of its own session, and perhaps a subagent.
#[derive(Clone, Copy, Debug)]
struct Who {
    slot: usize,
    session: usize,
    agent: Option<&'static str>,
}

#[derive(Clone, Debug)]
enum Op {
    Ask(Who, &'static str, usize),
    Begin(Who, &'static str, usize),
    Ran(Who, &'static str, usize),
    Batch(Who, Vec<usize>),
    /// Stop, a prompt, a failure, a subagent's end, a session's end or start.
    Goes(Who, &'static str),
    Dies(usize),
    Registry(Who, RegistryStatus, u64),
    Close(Index),
    Written(Index, bool),
    Decide {
        request: Index,
        decision: Decision,
        by: By,
    },
    Policy(u8),
    Focus(bool),
    Wait(u64),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum By {
    Window,
    Cli,
    Agent,
    WrongId,
}

/// Processes and sessions of a case.
const SLOTS: usize = 3;

fn who() -> impl Strategy<Value = Who> {
    let moves = prop_oneof![9 => Just(0_usize), 1 => 1..SLOTS];
    (0..SLOTS, moves, select(vec![None, None, Some("s1"), Some("s2")])).prop_map(|(slot, moves, agent)| Who {
        slot,
        session: (slot + moves) % SLOTS,
        agent,
    })
}

fn op() -> impl Strategy<Value = Op> {
    let command = || select(vec!["make", "cargo test", "git push"]);
    let decision = select(vec![Decision::Allow, Decision::Deny, Decision::Always, Decision::None]);
    let by = select(vec![By::Window, By::Cli, By::Agent, By::WrongId]);
    let goes = select(vec![
        "Stop",
        "UserPromptSubmit",
        "StopFailure",
        "SubagentStop",
        "SubagentStart",
        "SessionEnd",
        "SessionStart",
    ]);
    prop_oneof![
        6 => (who(), command(), 0..4_usize).prop_map(|(who, command, n)| Op::Ask(who, command, n)),
        4 => (who(), command(), 0..4_usize).prop_map(|(who, command, n)| Op::Begin(who, command, n)),
        3 => (who(), command(), 0..4_usize).prop_map(|(who, command, n)| Op::Ran(who, command, n)),
        2 => (who(), prop::collection::vec(0..4_usize, 0..4)).prop_map(|(who, ids)| Op::Batch(who, ids)),
        2 => (who(), goes).prop_map(|(who, event)| Op::Goes(who, event)),
        1 => (0..SLOTS).prop_map(Op::Dies),
        3 => (who(), select(vec![Busy, Idle, Waiting]), 0..100_u64).prop_map(|(who, status, ago)| Op::Registry(who, status, ago)),
        2 => any::<Index>().prop_map(Op::Close),
        3 => (any::<Index>(), any::<bool>()).prop_map(|(gate, delivered)| Op::Written(gate, delivered)),
        8 => (any::<Index>(), decision, by).prop_map(|(request, decision, by)| Op::Decide { request, decision, by }),
        1 => (0..4_u8).prop_map(Op::Policy),
        1 => any::<bool>().prop_map(Op::Focus),
        3 => (0..300_u64).prop_map(Op::Wait),
    ]
}

/// What the test knows beside the model.
#[derive(Default)]
struct World {
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

impl World {
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
                self.script.registry_since(self.pid(who.slot), &session(who.session), Some(*status), at_ms);
            }
            Op::Close(index) => {
                let connected: Vec<GateId> = self.connected.iter().copied().collect();
                if !connected.is_empty() {
                    let gate = *index.get(&connected);
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
                    let gate = *index.get(&answered);
                    self.connected.remove(&gate);
                    self.script.written(gate, *delivered);
                }
            }
            Op::Decide { request, decision, by } => self.decide(request, *decision, *by),
            Op::Policy(which) => self.policy(*which),
            Op::Focus(focused) => {
                self.script.apply(Event::WindowChanged { focused: *focused, selected: None });
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
        self.script.hook(self.pid(who.slot), &session(who.session), event, fields);
    }

    fn ask(&mut self, who: Who, command: &'static str, n: usize) {
        let (gate, id) = self.script.asks(self.pid(who.slot), &session(who.session), fields(who, command, n));
        self.opened.push(gate);
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
    }

    fn decide(&mut self, index: &Index, decision: Decision, by: By) {
        let known: Vec<RequestId> = self.session_of.keys().copied().collect();
        if known.is_empty() {
            return;
        }
        let id = *index.get(&known);
        let open = self.script.request_state(id) == RequestState::Open;
        let typed = if by == By::WrongId { format!("{id}x") } else { id.to_string() };
        let params = json!({"id": typed, "decision": decision.as_str()});
        let answers = self.script.answers.len();
        if open && matches!(by, By::Window | By::Cli) {
            self.said.entry(id).or_default().insert(match decision {
                Decision::Allow | Decision::Always => "allow",
                Decision::Deny => "deny",
                Decision::None => "",
            });
        }
        let origin = match by {
            By::Window => Origin::Window,
            By::Cli | By::WrongId => cli(),
            By::Agent => below(&[(77, "magia"), (10, "node"), (5, "claude")]),
        };
        let reply = self.script.command("resolve_permission", params, origin);
        let expected = match by {
            By::Window => None,
            By::Cli if open => Some(None),
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
        assert_eq!(
            given,
            usize::from(open && matches!(by, By::Window | By::Cli)),
            "an answer for a decision that counts"
        );
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
        self.script.settings(Settings { preset, tool_permissions: settings, ..Settings::default() });
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

    fn check(&mut self) {
        for (gate, reply) in &self.script.answers {
            let decision = behavior(reply);
            if decision.is_empty() {
                continue;
            }
            let id = self.request_of[gate];
            let said = self.said.get(&id).is_some_and(|said| said.contains(decision.as_str()));
            assert!(said, "{decision} for {id} was invented");
        }
        let mut unsettled = Vec::new();
        for (id, seen) in &self.script.requests {
            let last = seen.last().map(|request| request.state);
            if last.is_some_and(|state| !state.is_settled()) {
                unsettled.push(*id);
            }
            let first_settled = seen.iter().position(|request| request.state.is_settled());
            if let Some(at) = first_settled {
                assert!(
                    seen[at..].iter().all(|request| Some(request.state) == last),
                    "{id} changed after its end"
                );
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
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, max_shrink_iters: 4_000, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn decisions_are_delivered_once_to_the_right_request_and_never_invented(
        ops in prop::collection::vec(op(), 1..60)
    ) {
        let mut world = World { script: Script::new(), ..World::default() };
        for op in &ops {
            world.perform(op);
        }
        world.finish();
    }
}
