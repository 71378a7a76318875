//! A session's timeline: what was said, done and asked, oldest first.

mod data;
mod entry;
mod ui;

pub use data::{Entry, Row, TimelineData};
pub use ui::timeline_ui;

use crate::ui::markdown::Markdown;
use magia_core::snapshot::Snapshot;
use magia_protocol::wire::{RequestId, SessionId};
use std::collections::{HashMap, HashSet};

/// The timeline and what it remembers between frames.
#[derive(Debug, Default)]
pub struct TimelinePanel {
    data: TimelineData,
    made_of: Option<(u64, Option<SessionId>)>,
    /// Measured heights by row, at `width`.
    measured: HashMap<u64, f32>,
    /// Heights of all rows in order: measured, or guessed. Empty when they have to be made anew.
    heights: Vec<f32>,
    width: f32,
    open: HashSet<u64>,
    /// A card to scroll to, and how often that was tried.
    reveal: Option<(RequestId, u8)>,
    away: bool,
    offset: f32,
    correct: f32,
    markdown: Markdown,
}

impl TimelinePanel {
    /// Makes the rows anew when the facts changed.
    pub fn refresh(&mut self, snapshot: &Snapshot, session: Option<SessionId>) {
        if self.made_of == Some((snapshot.revision, session)) {
            return;
        }
        self.data.update(snapshot, session);
        self.heights.clear();
        self.made_of = Some((snapshot.revision, session));
    }

    /// The rows.
    pub const fn data(&self) -> &TimelineData {
        &self.data
    }

    /// Opens or folds an entry.
    pub fn toggle(&mut self, key: u64) {
        if !self.open.remove(&key) {
            self.open.insert(key);
        }
        self.measured.remove(&key);
        self.heights.clear();
        // What was clicked stays where it is, also at the end.
        self.away = true;
        self.correct = 0.0;
    }

    /// Another session is shown: its end first.
    pub fn leave(&mut self) {
        self.measured.clear();
        self.heights.clear();
        self.open.clear();
        self.reveal = None;
        self.away = false;
        self.correct = 0.0;
    }

    /// Scrolls to a request's card.
    pub const fn reveal(&mut self, request: RequestId) {
        self.reveal = Some((request, 0));
    }

    /// Scrolls to the end; new entries are followed from there.
    pub const fn follow_tail(&mut self) {
        self.away = false;
        self.reveal = None;
    }
}
