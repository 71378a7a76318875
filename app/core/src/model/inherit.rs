//! What is different from a start when another magia has just left everything to this one: there was no gap, requests
//! that were decided are still watched, and those that wait have a gate.

use super::request::PermissionRequest;
use super::{Effects, Model};
use crate::effect::{Effect, StoreWrite};
use crate::event::{InheritedGate, Now, StoredRequest};
use crate::normalize::{self, Detail};
use crate::policy::risk;
use crate::subject::Subject;
use magia_protocol::wire::{GateReply, HookMessage, RequestId, RequestState, SessionId, SessionState};
use serde_json::Value;
use std::sync::Arc;

impl Model {
    /// Whether another magia has just left everything to this one.
    pub(super) const fn is_heir(&self) -> bool {
        self.program.inherited.is_some()
    }

    /// Takes a request out of the store.
    pub(super) fn restore_request(&mut self, stored: StoredRequest, fx: &mut Effects) {
        let (id, was) = (stored.id, stored.state);
        let kept = match &self.program.inherited {
            // What became of a terminal is told to the magia that opens it, and to no other.
            Some(_) if stored.session == SessionId::NOBODY => false,
            Some(gates) => was != RequestState::Open || gates.contains(&id),
            None => false,
        };
        let mut request = PermissionRequest::restore(stored);
        if kept {
            request.state = was;
        } else if self.waits_in_terminal(&request, was) {
            // Its dialog was there before, and magia had no part in it.
            (request.state, request.left_over) = (RequestState::InTerminal, true);
            request.seen_waiting = true;
        }
        if request.state != was {
            fx.push(Effect::Store(StoreWrite::Request(Box::new(request.stored()))));
        }
        let goes_on = !request.state.is_settled();
        self.requests.insert(request);
        if goes_on {
            self.make_card(id);
        }
    }

    /// Whether the agent's own dialog asks still for what waited in it when magia ended: its session waits, as far as the
    /// store knows. What waited at a gate ended with that.
    fn waits_in_terminal(&self, request: &PermissionRequest, was: RequestState) -> bool {
        let asks = was == RequestState::InTerminal && request.outcome.is_none();
        let session = self.sessions.get(&request.session).filter(|session| session.ended.is_none());
        let state = session.and_then(|session| Some(session.hook.as_ref()?.state));
        asks && matches!(state, Some(SessionState::WaitingPermission | SessionState::WaitingAnswer))
    }

    /// The agent works on, so what was left over of before magia began is answered.
    pub(super) fn settle_left_over(
        &mut self,
        now: Now,
        session: SessionId,
        agent_id: Option<&str>,
        fx: &mut Effects,
    ) {
        let of_it =
            |request: &&PermissionRequest| request.left_over && request.agent_id.as_deref() == agent_id;
        let left: Vec<RequestId> =
            self.requests.unsettled(session).filter(of_it).map(|request| request.id).collect();
        for id in left {
            self.settle(id, RequestState::AnsweredInTerminal, now, fx);
        }
    }

    /// Ties gates that wait on to their requests. Nobody is told a second time of what is asked.
    pub(super) fn gates_inherited(&mut self, now: Now, gates: Vec<InheritedGate>, fx: &mut Effects) {
        for InheritedGate { gate, request: id, message } in gates {
            let state = self.requests.get(id).map(|request| request.state);
            match (state, asked_again(&message)) {
                // The store could not keep it, so it is asked as if for the first time.
                (None, _) => {
                    self.gate_opened(now, gate, message, None, fx);
                    self.note_answered(now, fx);
                }
                (Some(RequestState::Open), Some((input, suggestions))) => {
                    let Some(request) = self.requests.get_mut(id) else { continue };
                    request.gate = Some(gate);
                    request.process = message.agent_process().filter(|_| !message.shared);
                    // What was made of a long input that the store had cut says nothing of it.
                    request.subject = Subject::of(&request.tool, &input);
                    request.judgement = risk::judge(&request.tool, &input, request.paths.as_ref());
                    request.input = Arc::new(input);
                    request.suggestions = suggestions;
                    request.notified = true;
                    let waited_ms = now.unix_ms.saturating_sub(request.asked_at_ms);
                    request.asked_mono = now.mono_ms.wrapping_sub(waited_ms);
                    self.gates.insert(gate, id);
                    self.wait_for_person(now, id, fx);
                }
                // Answered before, and the answer may not have arrived: nothing is made up.
                _ => fx.push(Effect::AnswerGate { gate, reply: GateReply::no_decision() }),
            }
        }
    }
}

/// The whole input, which the store may have cut, and what "always" could mean, which it does not keep.
fn asked_again(message: &HookMessage) -> Option<(Value, Vec<Value>)> {
    let payload: Value = serde_json::from_str(message.payload.get()).ok()?;
    match normalize::understand(message.known_provider()?, &message.event, &payload).detail {
        Detail::Permission { input, suggestions, .. } => Some((input, suggestions)),
        _ => None,
    }
}
