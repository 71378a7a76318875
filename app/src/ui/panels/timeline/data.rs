//! The entries of a timeline as rows.

use super::kind::Kind;
use super::lanes::{Lane, assign};
use super::whole::Whole;
use crate::ui::state::Lookup;
use crate::ui::text::{short_path, shown, shown_line};
use magia_core::snapshot::{RequestView, Snapshot};
use magia_core::subject::Subject;
use magia_core::timeline::{Body, TimelineItem, ToolItem, ToolStatus};
use magia_protocol::wire::{RequestState, SessionId};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Characters of a one-line summary that are laid out.
const SUMMARY_CHARS: usize = 240;

/// A timeline's items and the requests that stand in it.
type Facts = (Arc<Vec<Arc<TimelineItem>>>, Vec<Arc<RequestView>>);

/// The rows of a timeline.
#[derive(Clone, Debug, Default)]
pub struct TimelineData {
    /// Whose.
    pub session: Option<SessionId>,
    /// Whether stored events are still being read.
    pub loading: bool,
    /// Oldest first.
    pub rows: Vec<Row>,
    /// Rows of calls that a request stands for which nobody has answered.
    pub waiting: HashSet<u64>,
    /// What the rows were made of.
    made_of: Option<Facts>,
}

/// A row.
#[derive(Clone, Debug)]
pub struct Row {
    /// Stable within the session.
    pub key: u64,
    /// When.
    pub at_ms: u64,
    /// The subagent it is of.
    pub agent: Option<Arc<str>>,
    /// Where it stands beside its subagent's line.
    pub lane: Option<Lane>,
    /// What it shows.
    pub entry: Arc<Entry>,
    source: Source,
    length: Length,
}

/// How long a text is: enough to guess how high it will be.
#[derive(Clone, Copy, Debug, Default)]
struct Length {
    lines: u32,
    chars: u32,
}

#[derive(Clone, Debug)]
enum Source {
    Item(Arc<TimelineItem>),
    Request(Arc<RequestView>),
}

/// What a row shows, its text made visible.
#[derive(Clone, Debug, PartialEq)]
pub enum Entry {
    /// The user's words.
    Prompt(String),
    /// The model's words, Markdown.
    Message(String),
    /// The model's reasoning.
    Thinking {
        /// Its first line.
        line: String,
        /// All of it.
        text: String,
    },
    /// A tool call.
    Tool(ToolEntry),
    /// A request that is not open.
    Asked {
        /// Tool and summary.
        what: String,
        /// What became of it.
        outcome: String,
    },
    /// A request that waits, or whose answer was not taken yet.
    Card(Arc<RequestView>),
    /// A subagent began or ended.
    Subagent {
        /// Its type.
        agent_type: String,
        /// Its last words.
        ended: Option<String>,
    },
    /// A line worth saying.
    Note {
        /// Whether something failed.
        failed: bool,
        /// What.
        text: String,
    },
}

/// A tool call.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolEntry {
    /// Its name.
    pub name: String,
    /// One line.
    pub summary: String,
    /// Lines added and removed, for an edit.
    pub change: Option<(u32, u32)>,
    /// How it stands.
    pub status: ToolStatus,
    /// How long it took.
    pub duration_ms: Option<u64>,
    /// The call itself: what it is about, and the result.
    pub item: ToolItem,
}

impl Row {
    /// The agent's id of it, of a prompt.
    pub fn turn(&self) -> Option<&str> {
        match &self.source {
            Source::Item(item) => item.turn.as_deref(),
            Source::Request(_) => None,
        }
    }
}

impl TimelineData {
    /// Follows the facts. Rows of entries that did not change are kept. Returns whether any row may have changed: a
    /// snapshot that brought news of other sessions costs nothing.
    pub fn update(&mut self, snapshot: &Snapshot, session: Option<SessionId>) -> bool {
        let view = snapshot.timeline.as_ref().filter(|view| Some(view.session) == session);
        let requests: Vec<Arc<RequestView>> =
            session.map(|id| snapshot.requests_of(id).cloned().collect()).unwrap_or_default();
        if self.session == session
            && let (Some(view), Some((items, before))) = (view, &self.made_of)
            && Arc::ptr_eq(items, &view.items)
            && before.len() == requests.len()
            && before.iter().zip(&requests).all(|(old, new)| Arc::ptr_eq(old, new))
        {
            let changed = self.loading != view.loading;
            self.loading = view.loading;
            return changed;
        }
        self.made_of = view.map(|view| (Arc::clone(&view.items), requests.clone()));
        let old = if self.session == session { std::mem::take(&mut self.rows) } else { Vec::new() };
        self.session = session;
        self.rows.clear();
        let Some(session) = session else {
            self.loading = false;
            return true;
        };
        // What no session asks has no timeline to be read.
        let of_nobody = session == SessionId::NOBODY;
        self.loading = !of_nobody && view.is_none_or(|view| view.loading);
        let mut open: HashMap<_, &Arc<RequestView>> = snapshot
            .requests_of(session)
            .filter(|view| matches!(view.info.state, RequestState::Open | RequestState::Decided))
            .map(|view| (view.info.id, view))
            .collect();
        let items = view.map(|view| Arc::clone(&view.items)).unwrap_or_default();
        if view.is_none() && !of_nobody && !old.is_empty() {
            // Another session's facts came first: what is on screen stays until ours are there.
            self.rows = old;
            return true;
        }
        self.rows.reserve(items.len() + open.len());
        let mut old = old.into_iter().peekable();
        for item in items.iter() {
            let before = old.next_if(|row| row.key == item.key);
            let request = match &item.body {
                Body::Request { id, .. } => open.remove(id),
                _ => None,
            };
            self.rows.push(row(item, request, before));
        }
        // Requests that the timeline does not know yet stand at its end, oldest first.
        let mut rest: Vec<&Arc<RequestView>> = open.into_values().collect();
        rest.sort_by_key(|view| (view.info.asked_at_ms, view.info.id));
        self.rows.extend(rest.into_iter().map(|view| Row {
            key: request_key(view),
            at_ms: view.info.asked_at_ms,
            agent: view.info.agent_id.as_deref().map(Arc::from),
            lane: None,
            entry: Arc::new(Entry::Card(Arc::clone(view))),
            source: Source::Request(Arc::clone(view)),
            length: Length::default(),
        }));
        assign(&mut self.rows);
        self.waiting = self.calls_that_wait();
        true
    }

    /// The calls without a result that an open request asks about: the newest that is the same, of the same agent.
    fn calls_that_wait(&self) -> HashSet<u64> {
        let asked = self.rows.iter().filter_map(|row| match row.entry.as_ref() {
            Entry::Card(view) if view.info.state == RequestState::Open => Some((&row.agent, view)),
            _ => None,
        });
        let call = |(agent, view): (&Option<Arc<str>>, &Arc<RequestView>)| {
            let is_it = |row: &&Row| match row.entry.as_ref() {
                Entry::Tool(tool) => {
                    tool.status == ToolStatus::Running
                        && row.agent == *agent
                        && tool.item.subject == view.subject
                }
                _ => false,
            };
            self.rows.iter().rev().find(is_it).map(|row| row.key)
        };
        asked.filter_map(call).collect()
    }
}

/// A key that no entry of a timeline has: theirs count up from zero.
fn request_key(view: &RequestView) -> u64 {
    let (_, low) = view.info.id.as_uuid().as_u64_pair();
    low | 1 << 63
}

fn row(item: &Arc<TimelineItem>, request: Option<&Arc<RequestView>>, before: Option<Row>) -> Row {
    if let Some(before) = before {
        let same = match (&before.source, request) {
            (Source::Item(old), None) => Arc::ptr_eq(old, item),
            (Source::Request(old), Some(new)) => Arc::ptr_eq(old, new),
            _ => false,
        };
        if same {
            return before;
        }
    }
    let source = match request {
        Some(view) => Source::Request(Arc::clone(view)),
        None => Source::Item(Arc::clone(item)),
    };
    let entry = match request {
        Some(view) => Entry::Card(Arc::clone(view)),
        None => entry(&item.body),
    };
    Row {
        key: item.key,
        at_ms: item.at_ms,
        agent: item.agent_id.clone(),
        lane: None,
        length: Length::of(&entry),
        entry: Arc::new(entry),
        source,
    }
}

fn entry(body: &Body) -> Entry {
    match body {
        Body::Prompt(text) => Entry::Prompt(shown(text.trim()).into_owned()),
        Body::Message(text) => Entry::Message(shown(text.trim()).into_owned()),
        Body::Thinking(text) => {
            Entry::Thinking { line: shown_line(text, SUMMARY_CHARS), text: shown(text.trim()).into_owned() }
        }
        Body::Tool(tool) => Entry::Tool(tool_entry(tool)),
        Body::Request { tool, summary, state, outcome, .. } => Entry::Asked {
            what: format!("{}  {}", shown_line(tool, 60), shown_line(summary, SUMMARY_CHARS)),
            outcome: shown_line(outcome.as_deref().unwrap_or(state.as_str()), 120),
        },
        Body::Subagent { agent_type, ended } => Entry::Subagent {
            agent_type: shown_line(agent_type, 60),
            ended: ended.as_ref().map(|words| shown(words.trim()).into_owned()),
        },
        Body::Note { failed, text } => Entry::Note { failed: *failed, text: shown_line(text, 400) },
    }
}

fn tool_entry(tool: &ToolItem) -> ToolEntry {
    let change = match &tool.subject {
        Subject::Edit { added, removed, .. } => Some((*added, *removed)),
        _ => None,
    };
    let summary = shown_line(&tool.subject.summary(), SUMMARY_CHARS);
    ToolEntry {
        name: shown_line(&tool.name, 60),
        summary: if matches!(tool.subject, Subject::Edit { .. } | Subject::Read(_)) {
            short_path(&summary)
        } else {
            summary
        },
        change,
        status: tool.status,
        duration_ms: tool.duration_ms,
        item: tool.clone(),
    }
}

impl Row {
    /// What "Copy" takes.
    pub fn copy_text(&self) -> String {
        match self.entry.as_ref() {
            Entry::Prompt(text) | Entry::Message(text) | Entry::Thinking { text, .. } => text.clone(),
            Entry::Tool(tool) => {
                let input = tool.item.subject.whole();
                match &tool.item.result {
                    Some(result) => format!("{input}\n{}", shown(result)),
                    None => input,
                }
            }
            Entry::Asked { what, outcome } => format!("{what}: {outcome}"),
            Entry::Card(view) => view.subject.whole(),
            Entry::Subagent { agent_type, ended } => {
                ended.clone().unwrap_or_else(|| format!("{agent_type} runs"))
            }
            Entry::Note { text, .. } => text.clone(),
        }
    }

    /// What kind of entry it is.
    pub fn kind(&self) -> Kind {
        Kind::of(&self.entry)
    }

    /// Whether it says `needle`, which is in lower case, where it can be read: folded text counts.
    pub fn says(&self, needle: &str) -> bool {
        self.headline_says(needle) || self.copy_text().to_lowercase().contains(needle)
    }

    /// Whether the line that is seen while it is folded says `needle`.
    pub fn headline_says(&self, needle: &str) -> bool {
        let says = |text: &str| text.to_lowercase().contains(needle);
        match self.entry.as_ref() {
            Entry::Thinking { line, .. } => says(line),
            Entry::Tool(tool) => says(&tool.name) || says(&tool.summary),
            Entry::Subagent { agent_type, ended } => {
                says(agent_type) || ended.as_deref().and_then(|words| words.lines().next()).is_some_and(says)
            }
            _ => says(&self.copy_text()),
        }
    }

    /// Whether it opens and folds.
    pub fn folds(&self) -> bool {
        match self.entry.as_ref() {
            Entry::Thinking { .. } | Entry::Tool(_) => true,
            Entry::Subagent { ended, .. } => ended.is_some(),
            _ => false,
        }
    }

    /// A height to begin with, until the row was drawn at `width`.
    pub fn guess_height(&self, width: f32) -> f32 {
        let per_line = (width / 6.6).max(20.0);
        let lines = (self.length.lines as f32).max((self.length.chars as f32 / per_line).ceil());
        match self.entry.as_ref() {
            Entry::Prompt(_) => 32.0 + 19.0 * lines,
            Entry::Message(_) => 16.0 + 20.0 * lines,
            Entry::Card(_) => 200.0,
            _ => crate::ui::theme::ROW,
        }
    }
}

impl Length {
    fn of(entry: &Entry) -> Self {
        match entry {
            Entry::Prompt(text) | Entry::Message(text) => Self {
                lines: u32::try_from(text.lines().count()).unwrap_or(u32::MAX),
                chars: u32::try_from(text.chars().count()).unwrap_or(u32::MAX),
            },
            _ => Self::default(),
        }
    }
}
