//! Permission requests: how they come, are answered, and leave.
//!
//! The invariants, which a property test holds over interleavings: a gate is answered at most once; the answer goes
//! to the gate that asked; nothing but a person or a rule of the settings makes it an allow.

use super::{Effects, Model};
use crate::answer;
use crate::effect::{Effect, Notice, StoreWrite, Update};
use crate::event::{GateId, Now, RegistryStatus, StoredRequest};
use crate::policy::risk::{self, Judgement};
use crate::policy::{RealPaths, Verdict, verdict};
use crate::snapshot::RequestView;
use crate::subject::Subject;
use crate::timeline::Body;
use magia_protocol::wire::info::{Decision, OutcomeInfo, RequestInfo};
use magia_protocol::wire::{
    ErrorCode, GateReply, Provider, RequestId, RequestState, RpcError, SessionId, SessionState,
};
use serde_json::{Map, Value};
use std::sync::Arc;

/// Settled requests that stay in memory for `magia permissions --all` and the timeline.
const SETTLED_MAX: usize = 500;

/// A permission request.
#[derive(Clone, Debug)]
pub struct PermissionRequest {
    /// Ours.
    pub id: RequestId,
    /// Who asks.
    pub session: SessionId,
    /// The agent's kind.
    pub provider: Provider,
    /// The connection that waits; taken by the answer.
    pub gate: Option<GateId>,
    /// Tool name.
    pub tool: String,
    /// Its input.
    pub input: Arc<Value>,
    /// What it is about.
    pub subject: Subject,
    /// What "always" could mean.
    pub suggestions: Vec<Value>,
    /// The subagent that asks.
    pub agent_id: Option<String>,
    /// Working directory.
    pub cwd: String,
    /// How harmful.
    pub judgement: Judgement,
    /// Milliseconds since 1970.
    pub asked_at_ms: u64,
    /// The same by the monotonic clock.
    pub asked_mono: u64,
    /// Where it stands.
    pub state: RequestState,
    /// The answer.
    pub outcome: Option<OutcomeInfo>,
    /// The call it is tied to.
    pub use_id: Option<String>,
    /// A twin was answered in the terminal.
    pub may_be_answered: bool,
    /// The registry said "waiting" after it was opened: only then does its leaving that word mean anything.
    pub seen_waiting: bool,
}

/// What a hook asks for.
#[derive(Debug)]
pub struct Asked {
    /// The connection that waits.
    pub gate: GateId,
    /// Who asks.
    pub session: SessionId,
    /// The agent's kind.
    pub provider: Provider,
    /// The subagent that asks.
    pub agent_id: Option<String>,
    /// Tool name.
    pub tool: String,
    /// Its input.
    pub input: Value,
    /// What "always" could mean.
    pub suggestions: Vec<Value>,
    /// Where the call would act.
    pub paths: Option<RealPaths>,
}

impl PermissionRequest {
    /// The state that the session is in while this waits.
    pub fn waiting_state(&self) -> SessionState {
        if self.subject.kind() == "tool" {
            SessionState::WaitingPermission
        } else {
            SessionState::WaitingAnswer
        }
    }

    /// Whether another request asks for the very same.
    fn is_twin(&self, agent_id: Option<&str>, tool: &str, input: &Value) -> bool {
        self.agent_id.as_deref() == agent_id && self.tool == tool && *self.input == *input
    }

    /// The row for the store.
    pub fn stored(&self) -> StoredRequest {
        let outcome = self.outcome.as_ref();
        let mut input = self.input.to_string();
        if input.len() > crate::event::PAYLOAD_CAP {
            input = Value::String(format!("{} bytes, not kept", input.len())).to_string();
        }
        StoredRequest {
            id: self.id,
            session: self.session,
            provider: self.provider,
            tool: self.tool.clone(),
            input,
            agent_id: self.agent_id.clone(),
            asked_at_ms: self.asked_at_ms,
            state: self.state,
            decision: outcome.and_then(|outcome| outcome.decision),
            decided_by: outcome.map(|outcome| outcome.by.clone()),
            decided_at_ms: outcome.map(|outcome| outcome.at_ms),
            reason: outcome.and_then(|outcome| outcome.reason.clone()),
        }
    }

    /// A request of an earlier run. What was open then has lost its gate.
    pub fn restore(stored: StoredRequest) -> Self {
        let input: Value = serde_json::from_str(&stored.input).unwrap_or(Value::String(stored.input));
        let outcome = stored.decided_by.map(|by| OutcomeInfo {
            decision: stored.decision,
            by,
            at_ms: stored.decided_at_ms.unwrap_or(stored.asked_at_ms),
            reason: stored.reason,
        });
        Self {
            id: stored.id,
            session: stored.session,
            provider: stored.provider,
            gate: None,
            subject: Subject::of(&stored.tool, &input),
            judgement: risk::judge(&stored.tool, &input, None),
            tool: stored.tool,
            input: Arc::new(input),
            suggestions: Vec::new(),
            agent_id: stored.agent_id,
            cwd: String::new(),
            asked_at_ms: stored.asked_at_ms,
            asked_mono: 0,
            state: if stored.state.waits() { RequestState::AppGone } else { stored.state },
            outcome,
            use_id: None,
            may_be_answered: false,
            seen_waiting: false,
        }
    }

    /// The timeline's entry.
    pub(super) fn body(&self) -> Body {
        Body::Request {
            id: self.id,
            tool: self.tool.clone(),
            summary: self.subject.summary(),
            state: self.state,
            outcome: self.outcome.as_ref().map(|outcome| match outcome.decision {
                Some(decision) => format!("{} by {}", decision.as_str(), outcome.by),
                None => format!("by {}", outcome.by),
            }),
        }
    }
}

impl Model {
    /// A gate asks: a rule answers at once, or a card appears.
    pub(super) fn ask(&mut self, now: Now, asked: Asked, fx: &mut Effects) {
        let session = self.sessions.get(&asked.session);
        let cwd = session.map(|session| session.cwd.clone()).unwrap_or_default();
        let waiting = session.and_then(|session| session.registry.as_ref()).map(|(status, _)| *status);
        let request = PermissionRequest {
            id: self.ids.request(now.unix_ms),
            session: asked.session,
            provider: asked.provider,
            gate: Some(asked.gate),
            subject: Subject::of(&asked.tool, &asked.input),
            judgement: risk::judge(&asked.tool, &asked.input, asked.paths.as_ref()),
            suggestions: asked.suggestions,
            agent_id: asked.agent_id,
            cwd,
            asked_at_ms: now.unix_ms,
            asked_mono: now.mono_ms,
            state: RequestState::Open,
            outcome: None,
            use_id: None,
            may_be_answered: false,
            seen_waiting: waiting == Some(RegistryStatus::Waiting),
            tool: asked.tool,
            input: Arc::new(asked.input),
        };
        let id = request.id;
        let says = verdict(&self.settings, &request.tool, &request.input, asked.paths.as_ref());
        self.gates.insert(asked.gate, id);
        self.requests.insert(id, request);
        self.tie(id);
        match says {
            Verdict::Ask => self.changed_request(id, fx),
            Verdict::Allow(rule) => self.decide_by_rule(now, id, Decision::Allow, rule, fx),
            Verdict::Deny(rule) => self.decide_by_rule(now, id, Decision::Deny, rule, fx),
        }
        let waits = self.requests.get(&id).is_some_and(|request| request.state == RequestState::Open);
        if waits && self.settings.notifications && !self.window.focused {
            self.notify(id, fx);
        }
    }

    fn decide_by_rule(
        &mut self,
        now: Now,
        id: RequestId,
        decision: Decision,
        rule: String,
        fx: &mut Effects,
    ) {
        let reason = (decision == Decision::Deny).then(|| format!("Denied by magia's {rule}"));
        if self.decide(now, id, decision, rule, reason, None, fx).is_err() {
            self.changed_request(id, fx);
        }
    }

    fn notify(&self, id: RequestId, fx: &mut Effects) {
        let Some(request) = self.requests.get(&id) else { return };
        let title = self.sessions.get(&request.session).map(|session| session.title().0).unwrap_or_default();
        let asks = match request.subject.kind() {
            "question" => "asks a question",
            "plan" => "has a plan to approve",
            _ => "wants to use",
        };
        let tool =
            if request.subject.kind() == "tool" { format!(" {}", request.tool) } else { String::new() };
        fx.push(Effect::Notify(Notice {
            request: id,
            session: request.session,
            title: format!("{title} {asks}{tool}"),
            body: request.subject.summary().chars().take(300).collect(),
        }));
    }

    /// Answers a request. The gate's reply is an effect; the request is settled later, by what the agent does.
    #[allow(clippy::too_many_arguments)]
    pub(super) fn decide(
        &mut self,
        now: Now,
        id: RequestId,
        decision: Decision,
        by: String,
        reason: Option<String>,
        answers: Option<&Map<String, Value>>,
        fx: &mut Effects,
    ) -> Result<(), RpcError> {
        let Some(request) = self.requests.get_mut(&id) else {
            return Err(RpcError::new(ErrorCode::NotFound, "there is no such request"));
        };
        let (Some(gate), RequestState::Open) = (request.gate, request.state) else {
            let how = match &request.outcome {
                Some(outcome) => format!("{} ({})", request.state, outcome.by),
                None => request.state.to_string(),
            };
            return Err(RpcError::new(ErrorCode::AlreadyAnswered, format!("it is already {how}"))
                .with_hint("`magia permissions` lists what is open"));
        };
        let question = answer::Question {
            tool: &request.tool,
            input: &request.input,
            suggestions: &request.suggestions,
        };
        let reply = answer::compose(question, decision, reason.as_deref(), answers)?;
        request.gate = None;
        request.state =
            if decision == Decision::None { RequestState::InTerminal } else { RequestState::Decided };
        request.outcome = Some(OutcomeInfo { decision: Some(decision), by, at_ms: now.unix_ms, reason });
        let (session, fact) = (request.session, format!("{} {}", decision.as_str(), request.tool));
        fx.push(Effect::AnswerGate { gate, reply });
        if decision != Decision::None
            && let Some(session) = self.sessions.get_mut(&session)
            && session.ended.is_none()
        {
            session.saw(SessionState::Working, fact, now.unix_ms);
        }
        self.changed_request(id, fx);
        Ok(())
    }

    /// The handler at a gate went away. Claude ends it when the user presses Esc, not when the user answers.
    pub(super) fn gate_closed(&mut self, now: Now, gate: GateId, fx: &mut Effects) {
        let Some(id) = self.gates.remove(&gate) else { return };
        let Some(request) = self.requests.get_mut(&id) else { return };
        if request.gate.take().is_some() && request.state == RequestState::Open {
            let waited_ms = now.mono_ms.saturating_sub(request.asked_mono);
            let expired = waited_ms >= super::GATE_DEADLINE_MS;
            self.settle(
                id,
                if expired { RequestState::Expired } else { RequestState::AnsweredInTerminal },
                now,
                fx,
            );
        }
    }

    /// The answer was written to the gate, or could not be: then nobody took it.
    pub(super) fn gate_answered(&mut self, now: Now, gate: GateId, delivered: bool, fx: &mut Effects) {
        let Some(id) = self.gates.remove(&gate) else { return };
        let decided = self.requests.get(&id).is_some_and(|request| request.state == RequestState::Decided);
        if decided && !delivered {
            self.settle(id, RequestState::NotTaken, now, fx);
        }
    }

    /// Ties a request to the call it is about: the newest begun call with the same words that has no request yet.
    pub(super) fn tie(&mut self, id: RequestId) {
        let Some(request) = self.requests.get_mut(&id) else { return };
        let Some(session) = self.sessions.get_mut(&request.session) else { return };
        let call = session.pending.iter_mut().find(|call| {
            call.request.is_none() && request.is_twin(call.agent_id.as_deref(), &call.tool, &call.input)
        });
        if let Some(call) = call {
            call.request = Some(id);
            request.use_id = Some(call.use_id.clone());
        }
    }

    /// A call of `session` ended. Its request, if it had one, is settled by that.
    pub(super) fn call_ended(
        &mut self,
        now: Now,
        session: SessionId,
        agent_id: Option<&str>,
        (tool, input, use_id): (&str, &Value, &str),
        fx: &mut Effects,
    ) {
        let twins: Vec<RequestId> = self
            .unsettled(session)
            .filter(|request| {
                request.use_id.as_deref() == Some(use_id) || request.is_twin(agent_id, tool, input)
            })
            .map(|request| request.id)
            .collect();
        let state_of = |id: &RequestId| self.requests.get(id).map(|request| request.state);
        let allowed = |id: &RequestId| self.requests.get(id).is_some_and(PermissionRequest::is_allowed);
        let tied = |id: &RequestId| {
            self.requests.get(id).is_some_and(|request| request.use_id.as_deref() == Some(use_id))
        };
        let Some(ran) = twins
            .iter()
            .find(|id| allowed(id) && tied(id))
            .or_else(|| twins.iter().find(|id| allowed(id)))
            .or_else(|| twins.iter().find(|id| tied(id)))
            .or_else(|| twins.first())
            .copied()
        else {
            return;
        };
        let state = match state_of(&ran) {
            Some(RequestState::Decided) if allowed(&ran) => RequestState::TookEffect,
            Some(RequestState::Decided) => RequestState::NotTaken,
            _ => RequestState::AnsweredInTerminal,
        };
        if state == RequestState::AnsweredInTerminal {
            for id in twins.iter().filter(|id| **id != ran) {
                if let Some(twin) = self.requests.get_mut(id)
                    && twin.state == RequestState::Open
                {
                    twin.may_be_answered = true;
                    self.changed_request(*id, fx);
                }
            }
        }
        self.settle(ran, state, now, fx);
    }

    /// All calls of one model message are done, run or not.
    pub(super) fn calls_done(
        &mut self,
        now: Now,
        session: SessionId,
        agent_id: Option<&str>,
        use_ids: &[String],
        fx: &mut Effects,
    ) {
        let done: Vec<(RequestId, RequestState)> = self
            .unsettled(session)
            .filter(|request| match &request.use_id {
                Some(use_id) => use_ids.contains(use_id),
                None => request.agent_id.as_deref() == agent_id,
            })
            .map(|request| {
                let decided = request.state == RequestState::Decided;
                (
                    request.id,
                    if decided { RequestState::TookEffect } else { RequestState::AnsweredInTerminal },
                )
            })
            .collect();
        for (id, state) in done {
            self.settle(id, state, now, fx);
        }
    }

    /// The agent went on, so nothing that it asked before waits any more. `agent` picks the main thread (`Some(None)`),
    /// one subagent (`Some(Some(id))`) or all (`None`).
    pub(super) fn settle_all(
        &mut self,
        now: Now,
        session: SessionId,
        agent: Option<Option<&str>>,
        state: RequestState,
        fx: &mut Effects,
    ) {
        let gone: Vec<(RequestId, RequestState)> = self
            .unsettled(session)
            .filter(|request| agent.is_none_or(|wanted| request.agent_id.as_deref() == wanted))
            .map(|request| {
                let denied = request.state == RequestState::Decided && !request.is_allowed();
                (request.id, if denied { RequestState::TookEffect } else { state })
            })
            .collect();
        for (id, state) in gone {
            let decided =
                self.requests.get(&id).is_some_and(|request| request.state == RequestState::Decided);
            let late = decided && state == RequestState::AnsweredInTerminal;
            self.settle(id, if late { RequestState::NotTaken } else { state }, now, fx);
        }
    }

    /// The end of a request.
    pub(super) fn settle(&mut self, id: RequestId, state: RequestState, now: Now, fx: &mut Effects) {
        let Some(request) = self.requests.get_mut(&id) else { return };
        if request.state.is_settled() {
            return;
        }
        request.state = state;
        if let Some(gate) = request.gate.take() {
            self.gates.remove(&gate);
            fx.push(Effect::AnswerGate { gate, reply: GateReply::no_decision() });
        }
        if request.outcome.is_none() {
            let by = match state {
                RequestState::AnsweredInTerminal => "terminal",
                RequestState::Expired => "nobody",
                RequestState::AgentGone => "nobody: the agent ended",
                _ => "nobody: magia ended",
            };
            request.outcome =
                Some(OutcomeInfo { decision: None, by: by.to_owned(), at_ms: now.unix_ms, reason: None });
        }
        let session = request.session;
        if let Some(session) = self.sessions.get_mut(&session) {
            for call in session.pending.iter_mut().filter(|call| call.request == Some(id)) {
                call.request = None;
            }
        }
        self.changed_request(id, fx);
        self.forget_settled();
    }

    /// Tells store, timeline, subscribers and notifications of a request as it stands now.
    pub(super) fn changed_request(&mut self, id: RequestId, fx: &mut Effects) {
        let Some(request) = self.requests.get(&id) else { return };
        let (session_id, open) = (request.session, request.state == RequestState::Open);
        fx.push(Effect::Store(StoreWrite::Request(Box::new(request.stored()))));
        let info = self.request_info(request);
        fx.push(Effect::Publish(Update::PermissionRequest(serde_json::to_value(info).unwrap_or_default())));
        self.show_in_timeline(id);
        if !open {
            fx.push(Effect::Withdraw(id));
        }
        self.touch(session_id);
    }

    /// The row for lists.
    pub fn request_info(&self, request: &PermissionRequest) -> RequestInfo {
        let title = self.sessions.get(&request.session).map(|session| session.title().0);
        RequestInfo {
            id: request.id,
            session: request.session,
            session_title: title.unwrap_or_default(),
            provider: request.provider,
            kind: request.subject.kind().to_owned(),
            tool: request.tool.clone(),
            input: Value::clone(&request.input),
            summary: request.subject.summary(),
            cwd: request.cwd.clone(),
            agent_id: request.agent_id.clone(),
            risk: request.judgement.risk,
            risk_reasons: request.judgement.reasons.clone(),
            always: answer::always_label(&request.suggestions),
            state: request.state,
            may_be_answered: request.may_be_answered,
            asked_at_ms: request.asked_at_ms,
            outcome: request.outcome.clone(),
        }
    }

    /// The card.
    pub(super) fn request_view(&self, request: &PermissionRequest) -> RequestView {
        RequestView {
            info: self.request_info(request),
            subject: request.subject.clone(),
            answerable: request.state == RequestState::Open && request.gate.is_some(),
        }
    }

    /// Requests of a session that are not settled, oldest first.
    pub(super) fn unsettled(&self, session: SessionId) -> impl Iterator<Item = &PermissionRequest> {
        self.requests
            .values()
            .filter(move |request| request.session == session && !request.state.is_settled())
    }

    /// The oldest request that a session waits for.
    pub(super) fn waits_for(&self, session: SessionId) -> Option<&PermissionRequest> {
        self.unsettled(session).find(|request| request.state.waits())
    }

    fn forget_settled(&mut self) {
        while self.requests.len() > SETTLED_MAX {
            let Some(oldest) =
                self.requests.values().find(|request| request.state.is_settled()).map(|request| request.id)
            else {
                return;
            };
            self.requests.remove(&oldest);
        }
    }
}

impl PermissionRequest {
    /// Whether it was decided to run.
    pub fn is_allowed(&self) -> bool {
        let decision = self.outcome.as_ref().and_then(|outcome| outcome.decision);
        self.state == RequestState::Decided && matches!(decision, Some(Decision::Allow | Decision::Always))
    }
}
