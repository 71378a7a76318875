//! Strict mode: a call's own hook (`PreToolUse`, `BeforeTool`) waits for the rules. They can refuse the call, and
//! nothing else: what they allow still goes the agent's own way.

use super::request::Asked;
use super::{Effects, Model};
use crate::answer;
use crate::effect::Effect;
use crate::event::Now;
use crate::policy::{Says, Verdict};
use magia_protocol::wire::info::{Decision, OutcomeInfo};
use magia_protocol::wire::{GateReply, RequestState};

const TOO_LONG: &str = "the call is too long for magia's rules to be checked";

impl Model {
    /// A call's hook asks before it runs; its message may have been `cut`. Its answer is at once a refusal or nothing;
    /// `answered` has it already.
    pub(super) fn ask_before(
        &mut self,
        now: Now,
        asked: Asked,
        (use_id, cut): (&str, bool),
        answered: Option<Verdict>,
        fx: &mut Effects,
    ) {
        let Some(gate) = asked.gate else { return };
        let session = asked.session;
        let verdict = answered.unwrap_or_else(|| {
            let verdict = self.verdict_on(&asked);
            let reply = match verdict.says {
                // A rule may be about what was cut off.
                Says::Allow | Says::Ask | Says::Pass if cut => GateReply::unjudged(TOO_LONG),
                _ => answer::before(&verdict, self.settings.unread),
            };
            fx.push(Effect::AnswerGate { gate, reply });
            verdict
        });
        if verdict.says != Says::Deny {
            return;
        }
        let reason = verdict.denial();
        let id = self.add_request(now, asked);
        if let Some(request) = self.requests.get_mut(id) {
            request.gate = None;
            request.policy = verdict.note();
            request.state = RequestState::Decided;
            request.outcome = Some(OutcomeInfo {
                decision: Some(Decision::Deny),
                by: format!("policy {}", verdict.rule),
                at_ms: now.unix_ms,
                reason: Some(reason),
                edited_input: None,
            });
        }
        // It will not run, so nothing tells of its end.
        if let Some(session) = self.sessions.get_mut(&session) {
            session.pending.retain(|call| call.use_id != use_id);
            session.thread.refused(use_id);
        }
        self.changed_request(id, fx);
    }
}
