//! What a rule answers is answered before anything is noted of it, and before more of its message is read than bears on
//! the answer: an agent waits for that, and nobody for the rest, which takes three times as long.

use super::placing::config_root_of;
use super::{Effects, Model};
use crate::answer;
use crate::effect::Effect;
use crate::event::{GateId, Now};
use crate::normalize::{ToolCall, fields};
use crate::policy::{Call, RealPaths, Says, Verdict, verdict};
use crate::settings::Settings;
use magia_protocol::wire::hook::HookMessage;
use magia_protocol::wire::info::Decision;
use magia_protocol::wire::{GateReply, Provider, ProviderSessionId, SessionId};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::sync::Arc;

/// A message whose gate has its answer, and of which nothing is noted yet.
#[derive(Debug)]
pub(super) struct Answered {
    gate: GateId,
    message: Box<HookMessage>,
    paths: Option<RealPaths>,
    verdict: Verdict,
}

/// What of a payload bears on the answer. Claude and Codex name it alike. A field that stands twice is an error here, and
/// then the message goes the long way.
#[derive(Deserialize)]
struct Asks<'a> {
    #[serde(borrow)]
    session_id: Cow<'a, str>,
    transcript_path: Option<Cow<'a, str>>,
    #[serde(borrow)]
    cwd: Cow<'a, str>,
    #[serde(borrow)]
    tool_name: Cow<'a, str>,
    #[serde(borrow)]
    tool_input: &'a RawValue,
}

/// What the rules say to a call that has begun: the agent asks for it a moment later, as a rule.
#[derive(Clone, Debug)]
pub struct Foreseen {
    settings: Arc<Settings>,
    cwd: String,
    tool: String,
    /// The input as it was written.
    input: Box<str>,
    verdict: Verdict,
}

/// Of a longer message nothing is foreseen.
const FORESEEN_MAX_BYTES: usize = 8 * 1024;

impl Model {
    /// A hook's handler waits at a gate.
    pub(super) fn gate_opened(
        &mut self,
        now: Now,
        gate: GateId,
        message: Box<HookMessage>,
        paths: Option<RealPaths>,
        fx: &mut Effects,
    ) {
        match self.by_rule(&message, paths.as_ref()) {
            Some((verdict, reply)) => {
                fx.push(Effect::AnswerGate { gate, reply });
                self.answered = Some(Answered { gate, message, paths, verdict });
            }
            None => self.hook(now, Some(gate), &message, paths, None, fx),
        }
    }

    /// Notes what was answered ahead.
    pub(super) fn note_answered(&mut self, now: Now, fx: &mut Effects) {
        if let Some(Answered { gate, message, paths, verdict }) = self.answered.take() {
            self.hook(now, Some(gate), &message, paths, Some(verdict), fx);
        }
    }

    /// The answer of a rule. `None` when a person decides, or when more than these fields bears on it: a session that is
    /// new or has ended, one that a daemon holds, a change that an editor shows as well.
    fn by_rule(&self, message: &HookMessage, paths: Option<&RealPaths>) -> Option<(Verdict, GateReply)> {
        let provider = message.known_provider().filter(|provider| *provider != Provider::Gemini)?;
        let is_before = match message.event.as_str() {
            "PermissionRequest" => false,
            "PreToolUse" => true,
            _ => return None,
        };
        let asks: Asks<'_> = serde_json::from_str(message.payload.get()).ok()?;
        if !fields::is_word(&asks.session_id) || !fields::is_path(&asks.cwd) {
            return None;
        }
        let psid = ProviderSessionId(asks.session_id.into_owned());
        let root = asks.transcript_path.as_deref().map_or("", |path| config_root_of(provider, path));
        let sender = message.agent_process().filter(|_| !message.shared);
        let session = self.sessions.get(&self.find(provider, root, &psid, sender)?)?;
        if session.ended.is_some() || self.held(provider, &psid).is_some() {
            return None;
        }
        let tool = asks.tool_name.as_ref();
        let foreseen = session.foreseen.as_ref().filter(|seen| {
            (&*seen.input, seen.tool.as_str(), seen.cwd.as_str()) == (asks.tool_input.get(), tool, &*asks.cwd)
                && Arc::ptr_eq(&seen.settings, &self.settings)
                && paths.is_none()
        });
        let verdict = match foreseen {
            Some(seen) => seen.verdict.clone(),
            None => {
                let input = &serde_json::from_str(asks.tool_input.get()).ok()?;
                verdict(&self.settings, Call { tool, input, cwd: &asks.cwd, paths })
            }
        };
        if is_before {
            let reply = answer::before(&verdict, self.settings.unread);
            return Some((verdict, reply));
        }
        let decision = decision_of(verdict.says)?;
        if self.requests.unsettled(session.id).any(|request| request.diff.is_some()) {
            return None;
        }
        let reason = (decision == Decision::Deny).then(|| verdict.denial());
        // No rule answers a question, so what is asked bears on no answer.
        let question = answer::Question { tool, input: &Value::Null, suggestions: &[], edited: None };
        let reply = answer::compose(question, decision, reason.as_deref(), None).ok()?;
        Some((verdict, reply))
    }

    /// A call began: what the rules will say when the agent asks for it.
    pub(super) fn foresee(&mut self, session: SessionId, message: &HookMessage, call: &ToolCall) {
        let payload = message.payload.get();
        let is_short = payload.len() <= FORESEEN_MAX_BYTES;
        let asks: Option<Asks<'_>> = is_short.then(|| serde_json::from_str(payload).ok()).flatten();
        let seen = asks.map(|asks| {
            let (settings, cwd) = (Arc::clone(&self.settings), asks.cwd.into_owned());
            let asked = Call { tool: &call.tool, input: &call.input, cwd: &cwd, paths: None };
            let verdict = verdict(&settings, asked);
            Foreseen { settings, verdict, tool: call.tool.clone(), input: asks.tool_input.get().into(), cwd }
        });
        if let Some(session) = self.sessions.get_mut(&session) {
            session.foreseen = seen.map(Box::new);
        }
    }
}

/// What is decided on account of a rule; `None` when a person decides.
pub(super) const fn decision_of(says: Says) -> Option<Decision> {
    match says {
        Says::Ask => None,
        Says::Allow => Some(Decision::Allow),
        Says::Deny => Some(Decision::Deny),
        Says::Pass => Some(Decision::None),
    }
}
