//! Permission requests: how they come, are answered, and are told of.
//!
//! The invariants, which a property test holds over interleavings: a gate is answered at most once; the answer goes
//! to the gate that asked; nothing but a person or a rule of the settings makes it an allow.

use super::ahead::decision_of;
use super::away::is_rule;
use super::notices::About;
use super::request::{Asked, PermissionRequest, is_question};
use super::{Effects, Model, ide};
use crate::answer;
use crate::codex;
use crate::effect::{Effect, StoreWrite, Update};
use crate::event::{GateId, Now};
use crate::policy::risk;
use crate::policy::{Call, Verdict, verdict};
use crate::snapshot::RequestView;
use crate::subject::Subject;
use magia_protocol::wire::info::{Decision, OutcomeInfo, RequestInfo};
use magia_protocol::wire::{
    ErrorCode, GateReply, RequestId, RequestState, RpcError, SessionId, SessionState, visible,
};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

/// Settled requests that stay in memory for the timeline and for late answers; the store has them all.
pub const SETTLED_MAX: usize = 500;

/// All requests; what is not settled is at hand by session.
#[derive(Debug, Default)]
pub struct Requests {
    all: BTreeMap<RequestId, PermissionRequest>,
    unsettled: HashMap<SessionId, Vec<RequestId>>,
    /// Oldest settled first.
    settled: VecDeque<RequestId>,
    /// The newest of each session.
    newest: HashMap<SessionId, RequestId>,
}

impl Requests {
    /// The request of this id.
    pub fn get(&self, id: RequestId) -> Option<&PermissionRequest> {
        self.all.get(&id)
    }

    /// The same, to be changed. Its state is settled by [`Self::settle`] only.
    pub fn get_mut(&mut self, id: RequestId) -> Option<&mut PermissionRequest> {
        self.all.get_mut(&id)
    }

    /// All, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &PermissionRequest> {
        self.all.values()
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// The newest of a session.
    pub fn newest(&self, session: SessionId) -> Option<&PermissionRequest> {
        self.all.get(self.newest.get(&session)?)
    }

    /// A new one.
    pub fn insert(&mut self, request: PermissionRequest) {
        if request.state.is_settled() {
            self.settled.push_back(request.id);
        } else {
            self.unsettled.entry(request.session).or_default().push(request.id);
        }
        let newest = self.newest.entry(request.session).or_insert(request.id);
        *newest = request.id.max(*newest);
        self.all.insert(request.id, request);
        self.forget_settled();
    }

    /// What is not settled, whoever asked.
    pub fn all_unsettled(&self) -> impl Iterator<Item = &PermissionRequest> {
        self.unsettled.values().flatten().filter_map(|id| self.all.get(id))
    }

    /// What is not settled of a session, oldest first.
    pub fn unsettled(&self, session: SessionId) -> impl Iterator<Item = &PermissionRequest> {
        self.unsettled.get(&session).into_iter().flatten().filter_map(|id| self.all.get(id))
    }

    /// The end of one. `None` when it was settled before.
    pub fn settle(&mut self, id: RequestId, state: RequestState) -> Option<&mut PermissionRequest> {
        let session = self.all.get(&id).filter(|request| !request.state.is_settled())?.session;
        if let Some(ids) = self.unsettled.get_mut(&session) {
            ids.retain(|known| *known != id);
            if ids.is_empty() {
                self.unsettled.remove(&session);
            }
        }
        self.settled.push_back(id);
        self.forget_settled();
        let request = self.all.get_mut(&id)?;
        request.state = state;
        Some(request)
    }

    /// Forgets what is settled of a session that is gone.
    pub fn forget(&mut self, session: SessionId) {
        let all = &mut self.all;
        self.settled.retain(|id| {
            let goes = all.get(id).is_some_and(|request| request.session == session);
            if goes {
                all.remove(id);
            }
            !goes
        });
        self.newest.remove(&session);
    }

    fn forget_settled(&mut self) {
        while self.settled.len() > SETTLED_MAX
            && let Some(oldest) = self.settled.pop_front()
        {
            let Some(gone) = self.all.remove(&oldest) else { continue };
            if self.newest.get(&gone.session) == Some(&oldest) {
                let mut left = self.all.values().rev();
                match left.find(|request| request.session == gone.session).map(|request| request.id) {
                    Some(next) => self.newest.insert(gone.session, next),
                    None => self.newest.remove(&gone.session),
                };
            }
        }
    }
}

/// What somebody chose of a request.
#[derive(Clone)]
pub(super) struct Choice<'a> {
    /// Allow, deny, or leave it to the terminal.
    pub decision: Decision,
    /// Who: window, tray, a process, a rule.
    pub by: String,
    /// Why, for the agent.
    pub reason: Option<String>,
    /// To a question's parts.
    pub answers: Option<&'a Map<String, Value>>,
}

impl Model {
    /// A gate asks: a rule answers at once, or has (`answered`), or a card appears.
    pub(super) fn ask(&mut self, now: Now, mut asked: Asked, answered: Option<Verdict>, fx: &mut Effects) {
        let is_answered = answered.is_some();
        let verdict = answered.unwrap_or_else(|| self.verdict_on(&asked));
        let id = match self.join_diff(&mut asked) {
            Some(id) => id,
            None => self.add_request(now, asked),
        };
        if let Some(request) = self.requests.get_mut(id) {
            request.policy = verdict.note();
        }
        match decision_of(verdict.says) {
            None => self.wait_for_person(now, id, fx),
            Some(decision) => {
                let reason = (decision == Decision::Deny).then(|| verdict.denial());
                let choice =
                    Choice { decision, by: format!("policy {}", verdict.rule), reason, answers: None };
                // Nobody waits for what is told of it, and the agent waits for the answer. A request that could not be
                // answered is told of as it stands.
                if is_answered {
                    self.note_answer(now, id, choice, fx);
                } else {
                    let _answered = self.answer(now, id, choice, fx);
                }
                self.told_later.push(id);
            }
        }
        self.unpark_diff(id, fx);
        self.notify_if_waits(now, id, fx);
    }

    /// What the settings say to a request.
    pub(super) fn verdict_on(&self, asked: &Asked) -> Verdict {
        let cwd = self.cwd_of(asked);
        let (tool, input, paths) = (&asked.tool, &asked.input, asked.paths.as_ref());
        verdict(&self.settings, Call { tool, input, cwd, paths })
    }

    /// Where a call would run: where the agent says, or where its session began.
    fn cwd_of<'a>(&'a self, asked: &'a Asked) -> &'a str {
        let session = || self.sessions.get(&asked.session).map(|session| session.cwd.as_str());
        asked.cwd.as_deref().or_else(session).unwrap_or_default()
    }

    /// A person is told of what waits.
    pub(super) fn notify_if_waits(&mut self, now: Now, id: RequestId, fx: &mut Effects) {
        let Some(request) =
            self.requests.get_mut(id).filter(|request| request.state.waits() && !request.notified)
        else {
            return;
        };
        request.notified = true;
        let told = self.told_of_request(id);
        if let Some(told) = told {
            self.tell(now, told, fx);
        }
    }

    /// Puts a request on record and ties it to its call. Nobody is told yet.
    pub(super) fn add_request(&mut self, now: Now, asked: Asked) -> RequestId {
        let cwd = self.cwd_of(&asked).to_owned();
        let seen_waiting = self.is_seen_waiting(asked.session, now);
        let request = PermissionRequest {
            id: self.ids.request(now.unix_ms),
            session: asked.session,
            provider: Some(asked.provider),
            gate: asked.gate,
            subject: Subject::of(&asked.tool, &asked.input),
            judgement: risk::judge(&asked.tool, &asked.input, asked.paths.as_ref()),
            suggestions: asked.suggestions,
            policy: String::new(),
            edited: None,
            diff: None,
            contents: None,
            by_diff: false,
            agent_id: asked.agent_id,
            process: asked.process,
            cwd,
            asked_at_ms: now.unix_ms,
            asked_mono: now.mono_ms,
            state: if asked.gate.is_some() { RequestState::Open } else { RequestState::InTerminal },
            outcome: None,
            names_call: asked.use_id.is_some(),
            use_id: asked.use_id,
            may_be_answered: false,
            seen_waiting,
            notified: false,
            left_over: false,
            tool: asked.tool,
            input: Arc::new(asked.input),
            paths: asked.paths,
        };
        let id = request.id;
        self.gates.extend(asked.gate.map(|gate| (gate, id)));
        let tied = request.names_call;
        self.requests.insert(request);
        if !tied {
            self.tie(id);
        }
        id
    }

    /// Answers a request and tells of it. The gate's reply is an effect; the request is settled later, by what the agent
    /// does.
    pub(super) fn decide(
        &mut self,
        now: Now,
        id: RequestId,
        choice: Choice<'_>,
        fx: &mut Effects,
    ) -> Result<(), RpcError> {
        let open = self.requests.get(id).filter(|request| request.state == RequestState::Open);
        if open.and_then(|request| request.gate).is_some_and(|gate| gate.is_terminal()) {
            return self.decide_terminal(now, id, choice, fx);
        }
        self.answer(now, id, choice, fx)?;
        self.changed_request(id, fx);
        Ok(())
    }

    /// Answers a request. Somebody is to be told of it.
    fn answer(
        &mut self,
        now: Now,
        id: RequestId,
        choice: Choice<'_>,
        fx: &mut Effects,
    ) -> Result<(), RpcError> {
        let Some(request) = self.requests.get_mut(id) else {
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
            edited: request.edited.as_deref(),
        };
        let (decision, reason, answers) = (choice.decision, choice.reason.as_deref(), choice.answers);
        request.by_diff = request.contents.is_some() || gate.diff_conn().is_some();
        let replies = match (request.by_diff, gate.daemon()) {
            (true, _) => ide::answer_diff(request, decision)?,
            (false, Some(_)) => vec![to_gate(gate, codex::answer::compose(question, decision, answers)?)],
            (false, None) => {
                vec![to_gate(gate, answer::compose(question, decision, reason, answers)?)]
            }
        };
        fx.extend(replies);
        self.note_answer(now, id, choice, fx);
        Ok(())
    }

    /// Notes the answer that a request's gate has, or gets. Somebody is to be told of it.
    fn note_answer(&mut self, now: Now, id: RequestId, choice: Choice<'_>, fx: &mut Effects) {
        let Choice { decision, by, reason, answers: _ } = choice;
        let Some(request) = self.requests.get_mut(id) else { return };
        // A refusal of its daemon's takes no words, so none are said to have been given.
        let is_daemons = request.gate.take().is_some_and(|gate| gate.daemon().is_some());
        let reason = reason.filter(|_| !is_daemons);
        let by_rule = is_rule(&by);
        request.state =
            if decision == Decision::None { RequestState::InTerminal } else { RequestState::Decided };
        let edited_input = request.edited.as_deref().cloned();
        request.outcome =
            Some(OutcomeInfo { decision: Some(decision), by, at_ms: now.unix_ms, reason, edited_input });
        let (session, fact) = (request.session, format!("{} {}", decision.as_str(), request.tool));
        if let (Decision::None, false, Some(diff)) = (decision, request.by_diff, &request.diff) {
            fx.push(ide::let_go(diff.gate));
        }
        if decision != Decision::None {
            self.count_answer(decision != Decision::Deny, by_rule);
        }
        if decision != Decision::None
            && let Some(session) = self.sessions.get_mut(&session)
            && session.ended.is_none()
        {
            session.saw(SessionState::Working, fact, now.unix_ms);
            session.answered_ms = Some(now.unix_ms);
        }
    }

    /// The handler at a gate went away before it had an answer. Claude ends it when the user presses Esc or refuses, not
    /// when the user allows.
    pub(super) fn gate_closed(&mut self, now: Now, gate: GateId, fx: &mut Effects) {
        let Some(id) = self.gates.remove(&gate) else { return };
        let Some(request) = self.requests.get_mut(id) else { return };
        request.gate = None;
        let expired = now.mono_ms.wrapping_sub(request.asked_mono) >= super::GATE_DEADLINE_MS;
        let state = request.state;
        if state == RequestState::Open && expired && self.left_with_diff(id) {
            return;
        }
        match state {
            RequestState::Open if expired => self.settle(id, RequestState::Expired, now, fx),
            RequestState::Open => self.settle(id, RequestState::AnsweredInTerminal, now, fx),
            RequestState::Decided => self.settle(id, RequestState::NotTaken, now, fx),
            _ => {}
        }
    }

    /// The answer was written to the gate, or could not be: then nobody took it.
    pub(super) fn gate_answered(&mut self, now: Now, gate: GateId, delivered: bool, fx: &mut Effects) {
        let Some(id) = self.gates.remove(&gate) else { return };
        let Some(request) = self.requests.get(id).filter(|it| it.state == RequestState::Decided) else {
            return;
        };
        // A question of a daemon's is no call whose end would tell whose answer counted.
        let last_heard = gate.daemon().is_some() && is_question(&request.tool);
        if !delivered {
            self.settle(id, RequestState::NotTaken, now, fx);
        } else if last_heard {
            self.settle(id, RequestState::TookEffect, now, fx);
        }
    }

    /// Tells store, timeline, subscribers, the window and notifications of a request as it stands now.
    pub(super) fn changed_request(&mut self, id: RequestId, fx: &mut Effects) {
        let Some(request) = self.requests.get_mut(id) else { return };
        // What was handed to the terminal is a person's decision too.
        let over = !request.state.waits() || request.outcome.is_some();
        if over && std::mem::take(&mut request.notified) {
            self.notice_over(&About::Request(id), fx);
        }
        let Some(request) = self.requests.get(id) else { return };
        let (session, settled) = (request.session, request.state.is_settled());
        fx.push(Effect::Store(StoreWrite::Request(Box::new(request.stored()))));
        if settled {
            self.views.drop_card(id);
        } else {
            self.make_card(id);
        }
        if let Some(request) = self.requests.get(id) {
            let info = Box::new(self.request_info(request));
            fx.push(Effect::Publish(Update::PermissionRequest(info)));
        }
        self.show_in_timeline(id);
        self.touch(session);
    }

    /// Makes a request's card anew, where there is a window to show it.
    pub(super) fn make_card(&mut self, id: RequestId) {
        if self.program.headless {
            return;
        }
        if let Some(request) = self.requests.get(id) {
            let card = Arc::new(self.request_view(request));
            self.views.put_card(card);
        }
    }

    /// The gates that wait, each with its request.
    pub fn waiting_gates(&self) -> impl Iterator<Item = (GateId, RequestId)> {
        self.gates.iter().map(|(gate, request)| (*gate, *request))
    }

    /// The row for lists.
    pub fn request_info(&self, request: &PermissionRequest) -> RequestInfo {
        let title = self.sessions.get(&request.session).map(|session| session.title().0);
        RequestInfo {
            id: request.id,
            session: request.session,
            session_title: title.unwrap_or_else(|| asker(request)),
            provider: request.provider,
            kind: request.subject.kind().to_owned(),
            tool: request.tool.clone(),
            input: Value::clone(&request.input),
            summary: visible(&request.subject.summary()).into_owned(),
            cwd: request.cwd.clone(),
            agent_id: request.agent_id.clone(),
            risk: request.judgement.risk,
            risk_reasons: request.judgement.reasons.clone(),
            policy: request.policy.clone(),
            question: request.question().key(),
            always: answer::always_label(&request.suggestions).map(|label| visible(&label).into_owned()),
            state: request.state,
            may_be_answered: request.may_be_answered,
            asked_at_ms: request.asked_at_ms,
            shows_diff: request.diff.is_some(),
            outcome: request.outcome.clone(),
        }
    }

    /// The card.
    pub(super) fn request_view(&self, request: &PermissionRequest) -> RequestView {
        RequestView {
            info: self.request_info(request),
            subject: request.subject.clone(),
            answerable: request.state == RequestState::Open && request.gate.is_some(),
            takes_reason: request.gate.is_none_or(|gate| gate.daemon().is_none()),
            diff: request.diff.as_ref().map(|diff| Arc::clone(&diff.proposed)),
        }
    }

    /// The oldest request that a session waits for.
    pub(super) fn waits_for(&self, session: SessionId) -> Option<&PermissionRequest> {
        self.requests.unsettled(session).find(|request| request.state.waits())
    }
}

fn to_gate(gate: GateId, reply: GateReply) -> Effect {
    Effect::AnswerGate { gate, reply }
}

/// Who asks when it is no session: the program that wants a terminal.
fn asker(request: &PermissionRequest) -> String {
    let from = request.input.get("from").and_then(Value::as_str).unwrap_or_default();
    visible(from).into_owned()
}
