//! What a session is doing, and why: hooks, the live registry, the process and an open gate, weighed.

use super::request::is_question;
use super::session::{Seen, Session};
use magia_protocol::wire::SessionState;
use magia_protocol::wire::info::EvidenceInfo;

/// Two sources may differ for so long before it is called a disagreement: one hears of a change before the other.
pub const DISAGREEMENT_MS: u64 = 2_000;
/// So long after an answer of magia's, Claude may still say for the first time that it waits: its dialog comes up while
/// the answer is on its way, and a rule answers at once. Seen were 150 ms.
const ECHO_MS: u64 = 1_000;

/// A request that the session waits for, as the state needs it.
#[derive(Clone, Debug)]
pub struct Waiting {
    /// Permission or answer.
    pub state: SessionState,
    /// What is asked.
    pub fact: String,
    /// Since when, milliseconds since 1970.
    pub at_ms: u64,
}

/// A state and why.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// The state.
    pub state: SessionState,
    /// The evidence, the decisive first.
    pub evidence: Vec<EvidenceInfo>,
    /// What differs, when it has for a while.
    pub disagreement: Option<String>,
}

impl Session {
    /// What the registry says. Its word for a question is that for a permission; the call that has begun tells them
    /// apart.
    fn registry_says(&self) -> Option<Seen> {
        let (_, seen) = self.registry.as_ref()?;
        let mut seen = seen.clone();
        if seen.state == SessionState::WaitingPermission
            && self.pending.iter().any(|call| is_question(&call.tool))
        {
            seen.state = SessionState::WaitingAnswer;
        }
        Some(seen)
    }

    /// Whether the registry says of a request that magia has just answered that it waits. Not for long: it may be
    /// another dialog, of which magia heard nothing.
    fn is_echo(&self, registry: &Seen, now_ms: u64) -> bool {
        let since_ms = self.answered_ms.and_then(|answered| registry.at_ms.checked_sub(answered));
        registry.state.needs_you()
            && since_ms.is_some_and(|since| since <= ECHO_MS)
            && now_ms.saturating_sub(registry.at_ms) <= DISAGREEMENT_MS
    }

    /// What it is doing, and why.
    pub fn judge(&self, waiting: Option<&Waiting>, now_ms: u64) -> Verdict {
        let mut sources: Vec<(&'static str, &Seen)> = Vec::new();
        let asked = waiting.map(|one| Seen { state: one.state, fact: one.fact.clone(), at_ms: one.at_ms });
        if let Some(ended) = &self.ended {
            sources.push(("process", ended));
        }
        if let Some(asked) = &asked {
            sources.push(("gate", asked));
        }
        sources.extend(self.daemon.as_ref().map(|seen| ("codex daemon", seen)));
        let registry = self.registry_says();
        match (&self.hook, &registry) {
            (Some(hook), Some(registry))
                if registry.at_ms >= hook.at_ms
                    && !knows_no_more(hook.state, registry.state)
                    && !self.is_echo(registry, now_ms) =>
            {
                sources.push(("registry", registry));
                sources.push(("hook", hook));
            }
            (hook, registry) => {
                sources.extend(hook.as_ref().map(|seen| ("hook", seen)));
                sources.extend(registry.as_ref().map(|seen| ("registry", seen)));
            }
        }
        let state = sources.first().map_or(SessionState::Idle, |(_, seen)| seen.state);
        let disagreement = if self.ended.is_some() { None } else { disagreement(&sources, now_ms) };
        let mut evidence: Vec<EvidenceInfo> = sources
            .iter()
            .enumerate()
            .map(|(index, (source, seen))| EvidenceInfo {
                source: (*source).to_owned(),
                fact: seen.fact.clone(),
                state: seen.state,
                at_ms: seen.at_ms,
                decisive: index == 0,
            })
            .collect();
        if evidence.is_empty() {
            let fact = match self.processes.last() {
                Some(process) => format!("process {} runs and has said nothing yet", process.pid),
                None => "nothing was heard yet".to_owned(),
            };
            let at_ms = self.started_at_ms;
            evidence.push(EvidenceInfo { source: "process".into(), fact, state, at_ms, decisive: true });
        }
        Verdict { state, evidence, disagreement }
    }
}

/// Whether the registry's word adds nothing to the hook's: it knows no failures, and calls them idle.
fn knows_no_more(hook: SessionState, registry: SessionState) -> bool {
    hook == registry || (hook == SessionState::Failed && registry == SessionState::Idle)
}

fn disagreement(sources: &[(&'static str, &Seen)], now_ms: u64) -> Option<String> {
    let (first, rest) = sources.split_first()?;
    let other = rest.iter().find(|other| {
        now_ms.saturating_sub(first.1.at_ms.max(other.1.at_ms)) > DISAGREEMENT_MS && !is_usual(first, other)
    })?;
    let says = |(source, seen): &(&str, &Seen)| format!("{source} says {} ({})", seen.state, seen.fact);
    Some(format!("{}, but {}", says(first), says(other)))
}

/// Whether what a source says fits what a stronger one says.
fn is_usual(first: &(&'static str, &Seen), other: &(&'static str, &Seen)) -> bool {
    let (shown, said) = (first.1.state, other.1.state);
    match (first.0, other.0) {
        _ if shown == said => true,
        // The registry has one word for permissions and questions.
        _ if shown.needs_you() && said.needs_you() => true,
        // While a dialog is open the last hook is that of a call that began.
        (_, "hook") if shown.needs_you() && said == SessionState::Working => true,
        // The user broke a turn off, which no hook tells.
        ("registry", "hook") if shown == SessionState::Idle => true,
        _ => shown == SessionState::Failed && said == SessionState::Idle,
    }
}
