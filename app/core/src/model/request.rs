//! A permission request by itself: what was asked, where it stands, how it is kept.

use super::ide::ShownDiff;
use crate::event::{GateId, StoredRequest};
use crate::policy::RealPaths;
use crate::policy::risk::{self, Judgement};
use crate::policy::same::Question;
use crate::subject::Subject;
use crate::timeline::Body;
use magia_protocol::wire::info::{Decision, OutcomeInfo};
use magia_protocol::wire::{ProcessId, Provider, RequestId, RequestState, SessionId, SessionState};
use serde_json::Value;
use std::sync::Arc;

/// A permission request.
#[derive(Clone, Debug)]
pub struct PermissionRequest {
    /// Ours.
    pub id: RequestId,
    /// Who asks; [`SessionId::NOBODY`] when it is no agent.
    pub session: SessionId,
    /// The agent's kind; `None` when it is no agent.
    pub provider: Option<Provider>,
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
    /// The agent's process; `None` when it is not known.
    pub process: Option<ProcessId>,
    /// Working directory.
    pub cwd: String,
    /// Where the call would act.
    pub paths: Option<RealPaths>,
    /// What the policy said, as `ask by preset default`.
    pub policy: String,
    /// The input that a person allowed instead.
    pub edited: Option<Arc<Value>>,
    /// The change that the agent shows beside it.
    pub diff: Option<ShownDiff>,
    /// The file's contents that a person wrote in place of the agent's.
    pub contents: Option<Arc<str>>,
    /// Whether the change was answered, and not a hook.
    pub by_diff: bool,
    /// How harmful.
    pub judgement: Judgement,
    /// Milliseconds since 1970.
    pub asked_at_ms: u64,
    /// The same by the monotonic clock, which wraps for what was asked before this program began.
    pub asked_mono: u64,
    /// Where it stands.
    pub state: RequestState,
    /// The answer.
    pub outcome: Option<OutcomeInfo>,
    /// The call it is tied to.
    pub use_id: Option<String>,
    /// Whether the agent itself named that call, so that it can be about no other with the same words.
    pub names_call: bool,
    /// A twin was answered in the terminal.
    pub may_be_answered: bool,
    /// The registry said "waiting" while it was open: only then does its leaving that word mean anything.
    pub seen_waiting: bool,
    /// A desktop notification of it is shown.
    pub notified: bool,
    /// It waited in the terminal when magia began, so that nothing is known of its call.
    pub left_over: bool,
}

/// What a hook asks for.
#[derive(Debug)]
pub struct Asked {
    /// The connection that waits; `None` when the agent's own dialog asks and only it can be answered.
    pub gate: Option<GateId>,
    /// Who asks.
    pub session: SessionId,
    /// The agent's kind.
    pub provider: Provider,
    /// The subagent that asks.
    pub agent_id: Option<String>,
    /// The agent's process.
    pub process: Option<ProcessId>,
    /// The directory in which the agent would run the call, when it says so: it may have gone elsewhere since the
    /// session began.
    pub cwd: Option<String>,
    /// Tool name.
    pub tool: String,
    /// Its input.
    pub input: Value,
    /// What "always" could mean.
    pub suggestions: Vec<Value>,
    /// Where the call would act.
    pub paths: Option<RealPaths>,
    /// The call it is about, when the agent says so.
    pub use_id: Option<String>,
}

/// Tools that ask the user something: one at a time, and never answered by a default.
pub(super) fn is_question(tool: &str) -> bool {
    matches!(tool, "AskUserQuestion" | "ExitPlanMode")
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

    /// The agent is gone while it waited, and this is why.
    pub(super) fn gone(&mut self, why: &str, at_ms: u64) {
        self.gate = None;
        if self.outcome.is_none() {
            let by = format!("nobody: {why}");
            self.outcome = Some(OutcomeInfo { decision: None, by, at_ms, reason: None, edited_input: None });
        }
    }

    /// Whether it asks for the very same call.
    pub(super) fn is_twin(&self, agent_id: Option<&str>, tool: &str, input: &Value) -> bool {
        self.agent_id.as_deref() == agent_id && self.tool == tool && self.has_words(input)
    }

    /// Whether a call's input is the one that was asked about. Codex adds the reason to what it asks about.
    fn has_words(&self, input: &Value) -> bool {
        let runs = self.runs();
        match self.provider {
            Some(Provider::Codex) if runs.get("command").is_some() => {
                runs.get("command") == input.get("command")
            }
            _ => runs == input,
        }
    }

    /// The input that the call runs with when it is allowed: the agent's, or the one that a person wrote instead.
    fn runs(&self) -> &Value {
        self.edited.as_deref().unwrap_or(&self.input)
    }

    /// What it asks, to be compared with another.
    pub fn question(&self) -> Question<'_> {
        Question {
            provider: self.provider,
            tool: &self.tool,
            input: &self.input,
            cwd: &self.cwd,
            suggestions: &self.suggestions,
        }
    }

    /// The row for the store.
    pub fn stored(&self) -> StoredRequest {
        let outcome = self.outcome.as_ref();
        StoredRequest {
            id: self.id,
            session: self.session,
            provider: self.provider,
            tool: self.tool.clone(),
            input: kept(&self.input),
            agent_id: self.agent_id.clone(),
            asked_at_ms: self.asked_at_ms,
            state: self.state,
            decision: outcome.and_then(|outcome| outcome.decision),
            decided_by: outcome.map(|outcome| outcome.by.clone()),
            decided_at_ms: outcome.map(|outcome| outcome.at_ms),
            reason: outcome.and_then(|outcome| outcome.reason.clone()),
            cwd: self.cwd.clone(),
            paths: self.paths.clone(),
            policy: self.policy.clone(),
            edited_input: self.edited.as_deref().map(kept),
        }
    }

    /// Whether a call whose id says nothing can be the one it is about: the very same, or the same question or plan, whose input Claude
    /// fills in on the way.
    pub(super) fn is_about(&self, agent_id: Option<&str>, tool: &str, input: &Value) -> bool {
        if self.names_call {
            return false;
        }
        let filled_in = is_question(tool) && self.tool == tool && self.agent_id.as_deref() == agent_id;
        filled_in || self.is_twin(agent_id, tool, input)
    }

    /// A request of an earlier run. What was not settled then has lost its gate, and what the agent did is not known.
    pub fn restore(stored: StoredRequest) -> Self {
        let input: Value = serde_json::from_str(&stored.input).unwrap_or(Value::String(stored.input));
        let edited: Option<Value> = stored.edited_input.and_then(|text| serde_json::from_str(&text).ok());
        let outcome = stored.decided_by.map(|by| OutcomeInfo {
            decision: stored.decision,
            by,
            at_ms: stored.decided_at_ms.unwrap_or(stored.asked_at_ms),
            reason: stored.reason,
            edited_input: edited.clone(),
        });
        Self {
            id: stored.id,
            session: stored.session,
            provider: stored.provider,
            gate: None,
            subject: Subject::of(&stored.tool, &input),
            judgement: risk::judge(&stored.tool, &input, stored.paths.as_ref()),
            paths: stored.paths,
            policy: stored.policy,
            edited: edited.map(Arc::new),
            diff: None,
            contents: None,
            by_diff: false,
            tool: stored.tool,
            input: Arc::new(input),
            suggestions: Vec::new(),
            agent_id: stored.agent_id,
            process: None,
            cwd: stored.cwd,
            asked_at_ms: stored.asked_at_ms,
            asked_mono: 0,
            state: if stored.state.is_settled() { stored.state } else { RequestState::AppGone },
            outcome,
            use_id: None,
            names_call: false,
            may_be_answered: false,
            seen_waiting: false,
            notified: false,
            left_over: false,
        }
    }

    /// The timeline's entry.
    pub(super) fn body(&self) -> Body {
        Body::Request {
            id: self.id,
            tool: self.tool.clone(),
            summary: self.subject.summary(),
            state: self.state,
            outcome: self
                .outcome
                .as_ref()
                .map(|outcome| decided(outcome.decision, &outcome.by, self.edited.is_some())),
        }
    }

    /// Whether it was decided to run.
    pub fn is_allowed(&self) -> bool {
        let decision = self.outcome.as_ref().and_then(|outcome| outcome.decision);
        self.state == RequestState::Decided && matches!(decision, Some(Decision::Allow | Decision::Always))
    }
}

/// The timeline's entry of a request that only the store still has.
pub(super) fn stored_body(stored: &StoredRequest) -> Body {
    let input = serde_json::from_str(&stored.input).unwrap_or_else(|_| Value::String(stored.input.clone()));
    Body::Request {
        id: stored.id,
        tool: stored.tool.clone(),
        summary: Subject::unmarked(&stored.tool, &input).summary(),
        state: if stored.state.is_settled() { stored.state } else { RequestState::AppGone },
        outcome: stored
            .decided_by
            .as_deref()
            .map(|by| decided(stored.decision, by, stored.edited_input.is_some())),
    }
}

/// What became of a request, in words.
fn decided(decision: Option<Decision>, by: &str, edited: bool) -> String {
    match decision {
        Some(decision) if edited => format!("{} with another input by {by}", decision.as_str()),
        Some(decision) => format!("{} by {by}", decision.as_str()),
        None => format!("by {by}"),
    }
}

/// An input as the store keeps it.
fn kept(input: &Value) -> String {
    let text = input.to_string();
    if text.len() <= crate::event::PAYLOAD_CAP {
        return text;
    }
    Value::String(format!("{} bytes, not kept", text.len())).to_string()
}
