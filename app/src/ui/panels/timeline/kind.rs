//! The kinds of entries, and which of them are shown.

use super::data::{Entry, Row};
use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

/// A kind of entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// The user's words.
    Prompt,
    /// The model's words.
    Message,
    /// The model's reasoning.
    Thinking,
    /// Tool calls.
    Tool,
    /// Requests and what became of them.
    Request,
    /// Subagents that began or ended.
    Subagent,
    /// The rest.
    Note,
}

impl Kind {
    /// Every kind, in the order of the filter.
    pub const ALL: [Self; 7] =
        [Self::Prompt, Self::Message, Self::Thinking, Self::Tool, Self::Request, Self::Subagent, Self::Note];

    /// The kind of an entry.
    pub const fn of(entry: &Entry) -> Self {
        match entry {
            Entry::Prompt(_) => Self::Prompt,
            Entry::Message(_) => Self::Message,
            Entry::Thinking { .. } => Self::Thinking,
            Entry::Tool(_) => Self::Tool,
            Entry::Asked { .. } | Entry::Card(_) => Self::Request,
            Entry::Subagent { .. } => Self::Subagent,
            Entry::Note { .. } => Self::Note,
        }
    }

    /// The word in the filter.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Prompt => "Prompts",
            Self::Message => "Messages",
            Self::Thinking => "Thinking",
            Self::Tool => "Tools",
            Self::Request => "Requests",
            Self::Subagent => "Subagents",
            Self::Note => "Notes",
        }
    }
}

/// Which entries are shown.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Shown {
    /// Only these kinds; all when empty.
    pub only: BTreeSet<Kind>,
    /// Subagents whose entries are folded away.
    pub folded: HashSet<Arc<str>>,
}

impl Shown {
    /// Whether a row is shown. What waits for an answer always is.
    pub fn shows(&self, row: &Row) -> bool {
        if let Entry::Card(view) = row.entry.as_ref()
            && crate::ui::state::is_open(view)
        {
            return true;
        }
        let kind = row.kind();
        let folded =
            kind != Kind::Subagent && row.agent.as_ref().is_some_and(|agent| self.folded.contains(agent));
        !folded && (self.only.is_empty() || self.only.contains(&kind))
    }

    /// Adds a kind to those that are shown, or takes it away.
    pub fn toggle(&mut self, kind: Kind) {
        if !self.only.remove(&kind) {
            self.only.insert(kind);
        }
        if self.only.len() == Kind::ALL.len() {
            self.only.clear();
        }
    }
}
