//! A session's timeline: what was said, done and asked, oldest first.

mod bar;
mod data;
mod entry;
mod find;
mod kind;
mod lanes;
mod place;
mod tool;
mod ui;
mod whole;

pub use data::{Entry, Row, TimelineData};
pub use kind::Kind;
pub use lanes::Lane;
pub use ui::timeline_ui;
pub use whole::to_markdown;

use crate::ui::markdown::Markdown;
use crate::ui::panels::metrics::prompt_words;
use crate::ui::seen::Seen;
use find::Find;
use kind::Shown;
use magia_core::snapshot::Snapshot;
use magia_protocol::wire::metrics::MetricsInfo;
use magia_protocol::wire::{RequestId, SessionId};
use place::{KeptPlace, Place};
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

/// Where to scroll to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Jump {
    /// The prompt above.
    PromptAbove,
    /// The prompt below.
    PromptBelow,
    /// A page up.
    PageUp,
    /// A page down.
    PageDown,
    /// The first entry.
    Start,
}

/// The timeline and what it remembers between frames.
#[derive(Debug, Default)]
pub struct TimelinePanel {
    data: TimelineData,
    made_of: Option<(u64, Option<SessionId>)>,
    shown: Shown,
    /// The rows that are shown, as places in the data.
    visible: Vec<usize>,
    /// Entries of each kind.
    counts: [usize; Kind::ALL.len()],
    find: Find,
    /// Whether the bar with its field is on screen.
    bar: Seen,
    /// An entry that finding opened: it folds again when one goes on.
    opened_by_find: Option<u64>,
    open: HashSet<u64>,
    place: Place,
    /// How the sessions were left that were looked at last, the newest at the end.
    kept: VecDeque<(SessionId, Kept)>,
    markdown: Markdown,
    usage: Usage,
}

/// Sessions whose entries and scroll are kept.
const KEPT: usize = 8;

/// How a session's timeline was left.
#[derive(Debug)]
struct Kept {
    open: HashSet<u64>,
    place: KeptPlace,
}

/// What prompts caused, in words, by the agent's id of them.
#[derive(Debug, Default)]
struct Usage {
    made_of: Option<Arc<MetricsInfo>>,
    of: HashMap<String, String>,
}

impl Usage {
    fn refresh(&mut self, info: Option<&Arc<MetricsInfo>>) {
        let same = match (&self.made_of, info) {
            (Some(old), Some(new)) => Arc::ptr_eq(old, new),
            (None, None) => true,
            _ => false,
        };
        if !same {
            let prompts = info.iter().flat_map(|info| &info.prompts);
            self.of = prompts.map(|prompt| (prompt.id.clone(), prompt_words(prompt))).collect();
            self.made_of = info.cloned();
        }
    }
}

impl TimelinePanel {
    /// Makes the rows anew when the facts changed.
    pub fn refresh(&mut self, snapshot: &Snapshot, session: Option<SessionId>) {
        if self.made_of == Some((snapshot.revision, session)) {
            return;
        }
        let metrics = snapshot.metrics.selected.as_ref();
        self.usage.refresh(metrics.filter(|info| info.session.is_some() && info.session == session));
        let changed = self.data.update(snapshot, session);
        self.made_of = Some((snapshot.revision, session));
        if changed {
            self.counts = [0; Kind::ALL.len()];
            for row in &self.data.rows {
                if let Some(count) = self.counts.get_mut(row.kind() as usize) {
                    *count += 1;
                }
            }
            self.choose();
        }
    }

    /// Chooses the rows that are shown.
    fn choose(&mut self) {
        let shown = &self.shown;
        self.visible.clear();
        self.visible
            .extend(self.data.rows.iter().enumerate().filter(|(_, row)| shown.shows(row)).map(|(at, _)| at));
        self.place.heights.clear();
        self.find.restart();
    }

    /// The rows.
    pub const fn data(&self) -> &TimelineData {
        &self.data
    }

    /// The rows that are shown.
    pub fn visible(&self) -> impl Iterator<Item = &Row> {
        self.visible.iter().filter_map(|at| self.data.rows.get(*at))
    }

    /// Opens or folds an entry.
    pub fn toggle(&mut self, key: u64) {
        if !self.open.remove(&key) {
            self.open.insert(key);
        }
        self.place.forget(key);
    }

    /// Shows entries of a kind among others, or no longer.
    pub fn toggle_kind(&mut self, kind: Option<Kind>) {
        match kind {
            Some(kind) => self.shown.toggle(kind),
            None => self.shown.only.clear(),
        }
        self.choose();
    }

    /// Folds a subagent's entries away, or shows them.
    pub fn toggle_agent(&mut self, agent: &str) {
        if !self.shown.folded.remove(agent) {
            self.shown.folded.insert(agent.into());
        }
        self.choose();
        self.place.hold();
    }

    /// Another session is shown: as it was left, when that is not long ago, else its end.
    pub fn leave(&mut self, next: SessionId) {
        if let Some(session) = self.data.session {
            self.kept.retain(|(known, _)| *known != session);
            self.kept.push_back((
                session,
                Kept { open: std::mem::take(&mut self.open), place: self.place.keep() },
            ));
            if self.kept.len() > KEPT {
                self.kept.pop_front();
            }
        }
        self.open.clear();
        self.shown = Shown::default();
        self.find.leave();
        self.opened_by_find = None;
        self.place.leave();
        if let Some(at) = self.kept.iter().position(|(known, _)| *known == next)
            && let Some((_, kept)) = self.kept.remove(at)
        {
            self.open = kept.open;
            self.place.come_back(kept.place);
        }
    }

    /// Scrolls to a request's card.
    pub const fn reveal(&mut self, request: RequestId) {
        self.place.reveal_request(request);
    }

    /// Scrolls to the entry of this time: the last one that had come by then, or the first.
    pub fn reveal_time(&mut self, at_ms: u64) {
        // An agent's own clock tells the time a moment before or after its hook was received.
        let by_then = |row: &&Row| row.at_ms <= at_ms + 1_000;
        let found = self.visible().take_while(by_then).last().or_else(|| self.visible().next());
        if let Some(key) = found.map(|row| row.key) {
            self.place.reveal_row(key);
        }
    }

    /// Scrolls to the end; new entries are followed from there.
    pub const fn follow_tail(&mut self) {
        self.place.follow_tail();
    }

    /// Scrolls by the keyboard.
    pub const fn jump(&mut self, jump: Jump) {
        self.place.jump = Some(jump);
    }

    /// Opens the field for finding.
    pub const fn start_find(&mut self) {
        self.find.open();
    }

    /// Closes it. Returns whether it was open.
    pub const fn stop_find(&mut self) -> bool {
        let was = self.find.open;
        self.find.close();
        was
    }

    /// Whether the field for finding is about to get the keyboard.
    pub const fn wants_find_focus(&self) -> bool {
        self.find.wants_focus && self.bar.is_there()
    }

    /// Whether the bar with the field for finding is on screen.
    pub const fn is_shown(&self) -> bool {
        self.bar.is_there()
    }

    /// Forgets what was on screen: a new frame begins.
    pub const fn begin_frame(&mut self) {
        self.bar.begin_frame();
    }

    /// Goes to the next place that was found, or the one before.
    pub fn find_step(&mut self, forward: bool) {
        if !self.find.open {
            self.find.open();
            return;
        }
        if let Some(opened) = self.opened_by_find.take() {
            self.open.remove(&opened);
            self.place.forget(opened);
        }
        let Some(key) = self.find.step(forward) else { return };
        let needle = self.find.needle();
        let row = self.data.rows.iter().find(|row| row.key == key);
        if row.is_some_and(|row| row.folds() && !row.headline_says(needle)) && self.open.insert(key) {
            self.opened_by_find = Some(key);
            self.place.forget(key);
        }
        self.place.reveal_row(key);
    }

    /// The entries that are shown, as Markdown.
    pub fn as_markdown(&self) -> String {
        to_markdown(self.visible())
    }
}
