//! What the details of a session say.

use crate::ui::provider;
use crate::ui::text::{short_path, shown_line};
use magia_protocol::wire::info::{HookCostInfo, SessionInfo};
use magia_protocol::wire::{SessionId, SessionState, TitleSource};

/// What the details say.
#[derive(Clone, Debug, PartialEq)]
pub struct DetailsData {
    /// Whose.
    pub id: SessionId,
    /// What it does.
    pub state: SessionState,
    /// Since when.
    pub since_ms: u64,
    /// Why magia thinks so, strongest first.
    pub why: Vec<Reason>,
    /// What two sources say that disagree.
    pub disagreement: Option<String>,
    /// What else is known of it, and when it was seen.
    pub claims: Vec<(String, u64)>,
    /// Names and values; values that are not known are left out.
    pub facts: Vec<Fact>,
    /// Names and moments.
    pub times: Vec<(&'static str, u64)>,
}

/// One reason for a state.
#[derive(Clone, Debug, PartialEq)]
pub struct Reason {
    /// Where and what was seen.
    pub text: String,
    /// The state it speaks for.
    pub state: SessionState,
    /// When.
    pub at_ms: u64,
    /// Whether the shown state rests on it.
    pub decisive: bool,
}

/// A name and a value.
#[derive(Clone, Debug, PartialEq)]
pub struct Fact {
    /// As `Model`.
    pub name: &'static str,
    /// As it is shown.
    pub value: String,
    /// What a click copies.
    pub copy: Option<String>,
}

/// What our hooks cost: how many there were, and how long one takes.
fn hook_words(cost: &HookCostInfo) -> String {
    let each_us = cost.ours_us / cost.ours.max(1);
    format!("{} of {}.{} ms each", cost.ours, each_us / 1_000, each_us % 1_000 / 100)
}

/// Where a title came from, in words.
const fn title_words(source: TitleSource) -> &'static str {
    match source {
        TitleSource::User => "renamed here",
        TitleSource::Custom => "renamed in the agent",
        TitleSource::Ai => "made by the agent",
        TitleSource::Prompt => "from the first prompt",
        TitleSource::Directory => "the directory's name",
    }
}

impl DetailsData {
    /// What the details say of a session.
    pub fn new(session: &SessionInfo) -> Self {
        let why = session.evidence.iter().map(|evidence| Reason {
            text: shown_line(&format!("{}: {}", evidence.source, evidence.fact), 160),
            state: evidence.state,
            at_ms: evidence.at_ms,
            decisive: evidence.decisive,
        });
        let line = |text: &String| shown_line(text, 200);
        let copied =
            |name, value: Option<String>| value.map(|value| Fact { name, copy: Some(value.clone()), value });
        let plain = |name, value: Option<String>| value.map(|value| Fact { name, value, copy: None });
        let dir = line(&session.cwd);
        let facts = [
            plain("Agent", Some(provider::name(session.provider).to_owned())),
            plain("Model", session.model.as_ref().map(line)),
            plain("Mode", session.permission_mode.as_ref().map(line)),
            Some(Fact { name: "Directory", value: short_path(&dir), copy: Some(dir) }),
            plain("Terminal", session.tty.as_ref().map(line)),
            plain("Editor", session.editor.as_ref().map(|name| line(&format!("magia, for {name}")))),
            plain("Process", session.process.map(|process| process.pid.to_string())),
            plain("Project", (!session.project.is_empty()).then(|| line(&session.project))),
            plain("Waiting", (!session.requests.is_empty()).then(|| session.requests.len().to_string())),
            plain("Subagents", (session.subagents > 0).then(|| session.subagents.to_string())),
            session.transcript_path.as_ref().map(line).map(|path| Fact {
                name: "Transcript",
                value: path.rsplit('/').next().unwrap_or_default().to_owned(),
                copy: Some(path),
            }),
            plain("Hooks", session.hook_cost.as_ref().filter(|cost| cost.ours > 0).map(hook_words)),
            session.parent.map(|parent| Fact {
                name: "Came from",
                value: parent.short(),
                copy: Some(parent.to_string()),
            }),
            plain("Title", Some(title_words(session.title_source).to_owned())),
            Some(Fact { name: "Id", value: session.id.short(), copy: Some(session.id.to_string()) }),
            copied("Agent's id", session.provider_session_id.as_ref().map(|id| line(&id.0))),
        ];
        Self {
            id: session.id,
            state: session.state,
            since_ms: session.state_since_ms,
            why: why.collect(),
            disagreement: session.disagreement.as_ref().map(|text| shown_line(text, 400)),
            claims: session
                .claims
                .iter()
                .map(|it| (shown_line(&format!("{}: {} ({})", it.claim, it.fact, it.source), 300), it.at_ms))
                .collect(),
            facts: facts.into_iter().flatten().collect(),
            times: vec![("Started", session.started_at_ms), ("Last heard", session.last_activity_ms)],
        }
    }
}
