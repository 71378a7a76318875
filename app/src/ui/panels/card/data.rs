//! What a request's card says: plain strings, made when the request changes.

use crate::ui::dialogs::edit::is_editable;
use crate::ui::state::is_open;
use crate::ui::text::{short_path, shown, shown_line};
use magia_core::snapshot::RequestView;
use magia_core::subject::Subject;
use magia_protocol::wire::{Provider, RequestId, RequestState, Risk};

/// A request as its card says it.
#[derive(Clone, Debug, PartialEq)]
pub struct CardData {
    /// Which.
    pub id: RequestId,
    /// What kind of answer it wants.
    pub kind: Kind,
    /// `Bash`, `Question`.
    pub tool: String,
    /// What it wants, after the tool: `wants to run a command`.
    pub wants: &'static str,
    /// `Bash: cargo test`, for screen readers.
    pub name: String,
    /// How bad it could be.
    pub risk: Risk,
    /// Why.
    pub reasons: Vec<String>,
    /// Where, subagent.
    pub place: String,
    /// When it came.
    pub asked_at_ms: u64,
    /// Whether another input can be allowed in place of the agent's.
    pub editable: bool,
    /// Whether the agent shows the change, so that it can be reviewed.
    pub reviewed: bool,
    /// What "always" allows.
    pub always: Option<String>,
    /// Whether it waits for an answer.
    pub open: bool,
    /// Whether the terminal does not ask before this is answered or let go.
    pub held: bool,
    /// Whether the agent is told why it is refused.
    pub takes_reason: bool,
    /// Whether an agent asks, which has a dialog of its own.
    pub of_agent: bool,
    /// How it stands when it does not wait, or that it may be answered already.
    pub standing: Option<String>,
}

/// What kind of answer a request wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Yes or no to a tool.
    Tool,
    /// Choices.
    Question,
    /// Yes or no to a plan.
    Plan,
}

impl CardData {
    /// What the card of a request says.
    pub fn new(view: &RequestView) -> Self {
        let info = &view.info;
        let kind = match view.subject {
            Subject::Questions(_) => Kind::Question,
            Subject::Plan(_) => Kind::Plan,
            _ => Kind::Tool,
        };
        let tool = shown_line(&info.tool, 60);
        let (head, wants) = match &view.subject {
            Subject::Command { .. } if info.provider.is_none() => (tool.clone(), "to be opened"),
            Subject::Command { .. } => (tool.clone(), "wants to run"),
            Subject::Edit { whole: true, .. } => (tool.clone(), "wants to write a file"),
            Subject::Edit { .. } => (tool.clone(), "wants to change a file"),
            Subject::Questions(_) => ("Question".to_owned(), "for you"),
            Subject::Plan(_) => ("Plan".to_owned(), "to approve"),
            Subject::Read(_) => (tool.clone(), "wants to read"),
            Subject::Other(_) => (tool.clone(), "wants to be used"),
        };
        let mut place = format!("in {}", short_path(&shown_line(&info.cwd, 200)));
        if info.agent_id.is_some() {
            place.push_str(" · by a subagent");
        }
        let open = is_open(view);
        let by = info.outcome.as_ref().map(|outcome| shown_line(&outcome.by, 60));
        let standing = match (info.state, open) {
            (RequestState::Open, true) if info.may_be_answered => {
                Some("May be answered already: a twin of it was answered in the terminal".to_owned())
            }
            (RequestState::Open, true) => None,
            (RequestState::InTerminal, _) => Some("Answer in the terminal".to_owned()),
            (RequestState::Open, false) => Some("Can only be answered in the terminal".to_owned()),
            (RequestState::Decided, _) => Some(match (&info.outcome, by) {
                (Some(outcome), Some(by)) => {
                    let word = outcome.decision.map_or("answered", |decision| match decision {
                        magia_protocol::wire::info::Decision::Allow => "allowed",
                        magia_protocol::wire::info::Decision::Always => "always allowed",
                        magia_protocol::wire::info::Decision::Deny => "denied",
                        magia_protocol::wire::info::Decision::None => "left to the terminal",
                    });
                    format!("{word} by {by}, waiting for the agent to take it")
                }
                _ => "answered, waiting for the agent to take it".to_owned(),
            }),
            (other, _) => Some(other.to_string()),
        };
        Self {
            id: info.id,
            kind,
            name: format!("{tool}: {}", shown_line(&info.summary, 200)),
            tool: head,
            wants,
            risk: info.risk,
            reasons: info.risk_reasons.iter().map(|reason| shown_line(reason, 200)).collect(),
            place,
            asked_at_ms: info.asked_at_ms,
            editable: is_editable(view) && view.diff.is_none(),
            reviewed: view.diff.is_some() && open,
            always: info.always.as_deref().map(|always| shown(always).into_owned()),
            open,
            of_agent: info.provider.is_some(),
            held: info.provider == Some(Provider::Codex),
            takes_reason: view.takes_reason,
            standing,
        }
    }

    /// The text of the button for "always", its rule cut after `limit` characters.
    pub fn always_label(&self, limit: usize) -> Option<String> {
        self.always.as_deref().map(|always| format!("Always for \"{}\"", shown_line(always, limit)))
    }
}
