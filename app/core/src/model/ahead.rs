//! What a rule answers is answered before anything is noted of it, and before more of its message is read than bears on
//! the answer: an agent waits for that, and nobody for the rest, which takes three times as long.

use super::placing::config_root_of;
use super::{Effects, Model};
use crate::answer;
use crate::effect::Effect;
use crate::event::{GateId, Now};
use crate::normalize::{ToolCall, fields};
use crate::policy::{Call, RealPaths, Says, Verdict, verdict, works_on_files};
use crate::settings::Settings;
use magia_protocol::wire::hook::{HookLine, HookMessage};
use magia_protocol::wire::info::Decision;
use magia_protocol::wire::{GateReply, ProcessId, Provider, ProviderSessionId, SessionId};
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
#[derive(Debug, Deserialize)]
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

/// A request as far as a rule's answer depends on it: all of it stands in what the handler sent.
#[derive(Debug)]
pub struct Asking<'a> {
    provider: Provider,
    /// Whether it is asked before the call, whatever the agent's own rules say.
    is_before: bool,
    sender: Option<ProcessId>,
    asks: Asks<'a>,
}

impl<'a> Asking<'a> {
    /// The request of a line. `None` for one that goes the long way: where the call acts, or whose process sent it, has to
    /// be looked up first, or it asks nothing.
    pub fn of_line(line: &HookLine<'a>) -> Option<Self> {
        // Codex may ask from a process that serves many sessions.
        let provider = line.known_provider().filter(|provider| *provider == Provider::Claude)?;
        let is_before = is_before(&line.event)?;
        let asks = Asks::read(line.payload)?;
        let sender = line.agent_process();
        (!works_on_files(&asks.tool_name)).then_some(Self { provider, is_before, sender, asks })
    }

    fn of(message: &'a HookMessage) -> Option<Self> {
        let provider = message.known_provider().filter(|provider| *provider != Provider::Gemini)?;
        let is_before = is_before(&message.event)?;
        let sender = message.agent_process().filter(|_| !message.shared);
        Some(Self { provider, is_before, sender, asks: Asks::read(&message.payload)? })
    }
}

impl<'a> Asks<'a> {
    fn read(payload: &'a RawValue) -> Option<Self> {
        serde_json::from_str(payload.get()).ok()
    }
}

/// Whether an event asks before each call, or only what the agent's own rules leave open. `None` when it asks nothing.
fn is_before(event: &str) -> Option<bool> {
    match event {
        "PermissionRequest" => Some(false),
        "PreToolUse" => Some(true),
        _ => None,
    }
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
        let answer = Asking::of(&message).and_then(|asking| self.by_rule(&asking, paths.as_ref()));
        match answer {
            Some((verdict, reply)) => {
                fx.push(Effect::AnswerGate { gate, reply });
                self.answered = Some(Answered { gate, message, paths, verdict });
            }
            None => self.hook(now, Some(gate), &message, paths, None, fx),
        }
    }

    /// A request that [`Model::by_rule`] has answered is noted by [`Model::finish`], which is to follow.
    pub fn answered_ahead(&mut self, gate: GateId, message: Box<HookMessage>, verdict: Verdict) {
        self.answered = Some(Answered { gate, message, paths: None, verdict });
    }

    /// Notes what was answered ahead.
    pub(super) fn note_answered(&mut self, now: Now, fx: &mut Effects) {
        if let Some(Answered { gate, message, paths, verdict }) = self.answered.take() {
            self.hook(now, Some(gate), &message, paths, Some(verdict), fx);
        }
    }

    /// The answer of a rule. `None` when a person decides, or when more than these fields bears on it: a session that is
    /// new or has ended, one that a daemon holds, a change that an editor shows as well.
    pub fn by_rule(&self, asking: &Asking<'_>, paths: Option<&RealPaths>) -> Option<(Verdict, GateReply)> {
        let Asking { provider, is_before, sender, ref asks } = *asking;
        if !fields::is_word(&asks.session_id) || !fields::is_path(&asks.cwd) {
            return None;
        }
        let psid = asks.session_id.as_ref();
        let root: &dyn Fn() -> _ =
            &|| asks.transcript_path.as_deref().map_or("", |path| config_root_of(provider, path));
        let session = self.sessions.get(&self.find(provider, root, psid, sender)?)?;
        let is_held =
            provider == Provider::Codex && self.held(provider, &ProviderSessionId(psid.to_owned())).is_some();
        if is_held || session.ended.is_some() {
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
        let is_short = message.payload.get().len() <= FORESEEN_MAX_BYTES;
        let asks = is_short.then(|| Asks::read(&message.payload)).flatten();
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
