//! How requests leave: by what the agent does next.

use super::request::PermissionRequest;
use super::{Effects, Model, ide};
use crate::event::Now;
use magia_protocol::wire::info::OutcomeInfo;
use magia_protocol::wire::{ProcessId, RequestId, RequestState, SessionId};
use serde_json::Value;

/// Which requests of a session.
#[derive(Clone, Copy, Debug)]
pub enum Whose<'a> {
    /// All of them.
    All,
    /// Those of the main conversation.
    Main,
    /// Those of a subagent.
    Agent(&'a str),
    /// Those of a process.
    Process(ProcessId),
}

impl Whose<'_> {
    fn includes(self, request: &PermissionRequest) -> bool {
        match self {
            Self::All => true,
            Self::Main => request.agent_id.is_none(),
            Self::Agent(id) => request.agent_id.as_deref() == Some(id),
            Self::Process(process) => request.process == Some(process),
        }
    }
}

impl Model {
    /// Ties a request to the call it is about: the oldest begun call with the same words that has no request yet.
    pub(super) fn tie(&mut self, id: RequestId) {
        let Some(request) = self.requests.get_mut(id) else { return };
        let Some(session) = self.sessions.get_mut(&request.session) else { return };
        let call = session.pending.iter_mut().find(|call| {
            call.request.is_none() && request.is_about(call.agent_id.as_deref(), &call.tool, &call.input)
        });
        if let Some(call) = call {
            call.request = Some(id);
            request.use_id = Some(call.use_id.clone());
        }
    }

    /// A call of `session` ran. Its request, if it had one, is settled by that.
    ///
    /// Of several requests with the same words the allowed one ran, since a gate's answer reaches its own call; then
    /// one that still waited, since a denied call does not run.
    pub(super) fn call_ended(
        &mut self,
        now: Now,
        session: SessionId,
        agent_id: Option<&str>,
        (tool, input, use_id): (&str, &Value, &str),
        fx: &mut Effects,
    ) {
        let tied = |request: &PermissionRequest| request.use_id.as_deref() == Some(use_id);
        let rank = |request: &PermissionRequest| {
            let kind = if request.is_allowed() { 0 } else { 1 + u8::from(!request.state.waits()) };
            (kind, !tied(request), request.id)
        };
        let mut twins: Vec<&PermissionRequest> = self
            .requests
            .unsettled(session)
            .filter(|request| tied(request) || request.is_about(agent_id, tool, input))
            .collect();
        twins.sort_by_key(|request| rank(request));
        let Some((ran, others)) = twins.split_first() else { return };
        let state = match ran.state {
            RequestState::Decided if ran.is_allowed() => RequestState::TookEffect,
            RequestState::Decided => RequestState::NotTaken,
            _ => RequestState::AnsweredInTerminal,
        };
        let sure = state == RequestState::TookEffect && tied(ran);
        let (ran, doubtful): (RequestId, Vec<RequestId>) =
            (ran.id, others.iter().filter(|twin| twin.state.waits()).map(|twin| twin.id).collect());
        if !sure {
            for id in doubtful {
                if let Some(twin) = self.requests.get_mut(id) {
                    twin.may_be_answered = true;
                }
                self.changed_request(id, fx);
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
        let state_of = |request: &PermissionRequest| match &request.use_id {
            // It is over without having run.
            Some(_) if request.is_allowed() => RequestState::NotTaken,
            _ if request.state == RequestState::Decided => RequestState::TookEffect,
            _ => RequestState::AnsweredInTerminal,
        };
        let done: Vec<(RequestId, RequestState)> = self
            .requests
            .unsettled(session)
            .filter(|request| match &request.use_id {
                Some(use_id) => use_ids.contains(use_id),
                None => request.agent_id.as_deref() == agent_id,
            })
            .map(|request| (request.id, state_of(request)))
            .collect();
        for (id, state) in done {
            self.settle(id, state, now, fx);
        }
    }

    /// The agent went on or ended, so nothing that it asked before waits any more.
    pub(super) fn settle_all(
        &mut self,
        now: Now,
        session: SessionId,
        whose: Whose<'_>,
        state: RequestState,
        fx: &mut Effects,
    ) {
        let state_of = |request: &PermissionRequest| match request.state {
            RequestState::Decided if !request.is_allowed() => RequestState::TookEffect,
            RequestState::Decided if state == RequestState::AnsweredInTerminal => RequestState::NotTaken,
            _ => state,
        };
        let gone: Vec<(RequestId, RequestState)> = self
            .requests
            .unsettled(session)
            .filter(|request| whose.includes(request))
            .map(|request| (request.id, state_of(request)))
            .collect();
        for (id, state) in gone {
            self.settle(id, state, now, fx);
        }
    }

    /// The end of a request.
    pub(super) fn settle(&mut self, id: RequestId, state: RequestState, now: Now, fx: &mut Effects) {
        let Some(request) = self.requests.settle(id, state) else { return };
        let diff = request.diff.take().map(|diff| diff.gate);
        let gate = request.gate.take();
        for gate in gate.into_iter().chain(diff.filter(|diff| gate != Some(*diff))) {
            self.gates.remove(&gate);
            fx.push(ide::let_go(gate));
        }
        if request.outcome.is_none() {
            let by = match state {
                RequestState::AnsweredInTerminal => "terminal",
                RequestState::Expired => "nobody",
                RequestState::AgentGone => "nobody: the agent ended",
                _ => "nobody: magia ended",
            };
            request.outcome = Some(OutcomeInfo {
                decision: None,
                by: by.to_owned(),
                at_ms: now.unix_ms,
                reason: None,
                edited_input: None,
            });
        }
        self.changed_request(id, fx);
    }
}
