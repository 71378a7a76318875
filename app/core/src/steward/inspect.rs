//! What of ours stands in a settings file now.

use super::error::StewardError;
use super::json::{decode, is_blank, is_comments};
use super::recipe::{self, Recipe};
use super::survey::{Rigour, Survey};

/// The state of our hooks in one settings file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookReport {
    /// All in all.
    pub state: HookState,
    /// Event by event, in the order of [`super::events`]; empty when the file cannot be read.
    pub events: Vec<EventReport>,
    /// Events that still have an entry of ours and should not.
    pub stale: Vec<String>,
    /// Calls are refused when magia gives no answer.
    pub strict: bool,
    /// What the user should know.
    pub warnings: Vec<String>,
}

/// The state of our hooks, all in all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HookState {
    /// No entry of ours.
    NotInstalled,
    /// Every entry is there and right.
    Installed,
    /// Some are missing.
    Partial,
    /// All are there, and an install would renew some.
    Outdated,
    /// The file is refused.
    Unreadable {
        /// The line of the reason, when it is a place.
        line: Option<usize>,
        /// Its column.
        column: Option<usize>,
        /// The reason.
        message: String,
    },
}

/// The state of one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventReport {
    /// The agent's name of the event.
    pub event: &'static str,
    /// How its entry is.
    pub status: EventStatus,
}

/// How an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventStatus {
    /// As an install would write it.
    Installed,
    /// Not there.
    Missing,
    /// Another path, other arguments, an old form, or twice: an install renews it.
    Outdated,
    /// Right, with the user's own timeout, matcher or further keys.
    Edited,
}

/// Reports what of ours stands in the file (none: there is no file).
#[must_use]
pub fn inspect(bytes: Option<&[u8]>, recipe: &Recipe<'_>) -> HookReport {
    read(bytes, recipe).unwrap_or_else(|err| HookReport {
        state: HookState::Unreadable {
            line: err.position().map(|at| at.line),
            column: err.position().map(|at| at.column),
            message: err.to_string(),
        },
        events: Vec::new(),
        stale: Vec::new(),
        strict: false,
        warnings: Vec::new(),
    })
}

fn read(bytes: Option<&[u8]>, recipe: &Recipe<'_>) -> Result<HookReport, StewardError> {
    let provider = recipe.provider;
    let text = decode(bytes.unwrap_or_default())?;
    let blank = is_blank(text) || is_comments(text, recipe::dialect(provider));
    let survey = Survey::of(if blank { "{}" } else { text }, provider, Rigour::Refuse)?;
    recipe.handler_text()?;
    let strict = recipe.strict.unwrap_or_else(|| survey.is_strict());
    let mut events = Vec::new();
    for event in recipe::events(provider) {
        let mut status = EventStatus::Missing;
        let mut seen = Vec::new();
        for (group, hook) in survey.event(event.name).into_iter().flat_map(|node| node.ours()) {
            let condition = hook.condition(group, event, recipe, strict)?;
            let scope = (&group.matcher, hook.value.get("if"));
            let twice = seen.contains(&scope);
            seen.push(scope);
            status = match status {
                _ if twice || condition.outdated => EventStatus::Outdated,
                EventStatus::Outdated => EventStatus::Outdated,
                EventStatus::Edited => EventStatus::Edited,
                _ if condition.edited => EventStatus::Edited,
                _ => EventStatus::Installed,
            };
        }
        events.push(EventReport { event: event.name, status });
    }
    let stale: Vec<String> = survey
        .hooks
        .iter()
        .flat_map(|hooks| &hooks.events)
        .filter(|node| {
            recipe::installed_event(provider, &node.name).is_none() && node.ours().next().is_some()
        })
        .map(|node| node.name.clone())
        .collect();
    let any = |wanted| events.iter().any(|report| report.status == wanted);
    let state = if !survey.has_ours() {
        HookState::NotInstalled
    } else if any(EventStatus::Missing) {
        HookState::Partial
    } else if any(EventStatus::Outdated) || !stale.is_empty() {
        HookState::Outdated
    } else {
        HookState::Installed
    };
    Ok(HookReport { state, events, stale, strict: survey.is_strict(), warnings: survey.warnings() })
}
