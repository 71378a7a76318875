//! The session list: what needs you on top, then projects.

mod data;
mod ui;

pub use data::{Made, Row, SessionsData};
pub use ui::sessions_ui;

use magia_core::snapshot::Snapshot;
use magia_protocol::wire::SessionId;
use std::collections::HashSet;
use std::sync::Arc;

/// Seconds that the list keeps its order after the pointer moved over it.
const HOLD_S: f64 = 1.5;

/// The list and what it remembers between frames.
#[derive(Debug, Default)]
pub struct SessionsPanel {
    data: SessionsData,
    made: Made,
    made_of: Option<(u64, String)>,
    /// The revision whose order is held back: it need not be made anew each frame.
    held_back: Option<u64>,
    reveal: Option<SessionId>,
    /// Projects whose ended sessions are shown.
    unfolded: HashSet<Arc<str>>,
    pointer_moved_s: Option<f64>,
}

impl SessionsPanel {
    /// Makes the rows anew when facts or filter changed. While the pointer moves over the list its order
    /// stays, because a row must not change under a click. Returns seconds until a held list may change.
    pub fn refresh(&mut self, snapshot: &Snapshot, filter: &str, now_s: f64) -> Option<f64> {
        self.unfold_revealed();
        let same = |made: &(u64, String)| made.0 == snapshot.revision && made.1 == filter;
        if self.made_of.as_ref().is_some_and(same) {
            return None;
        }
        let same_filter = self.made_of.as_ref().is_some_and(|made| made.1 == filter);
        let held = self.pointer_moved_s.map(|moved| moved + HOLD_S - now_s).filter(|left| *left > 0.0);
        let held = held.filter(|_| same_filter);
        if held.is_some() && self.held_back == Some(snapshot.revision) {
            return held;
        }
        let data = SessionsData::with(&mut self.made, snapshot, filter, &self.unfolded);
        if held.is_some() && !data.keeps_places_of(&self.data) {
            self.data.update_from(&data);
            self.held_back = Some(snapshot.revision);
            return held;
        }
        self.held_back = None;
        self.data = data;
        self.made_of = Some((snapshot.revision, filter.to_owned()));
        None
    }

    /// Shows the ended sessions of a project, or folds them into one row.
    pub fn toggle_ended(&mut self, project: &Arc<str>) {
        if !self.unfolded.remove(project) {
            self.unfolded.insert(Arc::clone(project));
        }
        self.made_of = None;
    }

    /// What is to be scrolled to must have a row.
    fn unfold_revealed(&mut self) {
        let Some(wanted) = self.reveal else { return };
        let folded = |row: &Row| matches!(row, Row::Ended { open: false, .. });
        if self.data.rows.iter().any(folded)
            && !self.data.sessions().any(|id| id == wanted)
            && let Some(project) = self.made.project(wanted)
            && self.unfolded.insert(Arc::clone(project))
        {
            self.made_of = None;
        }
    }

    /// The rows.
    pub const fn data(&self) -> &SessionsData {
        &self.data
    }

    /// Scrolls to a session in the next frame.
    pub const fn reveal(&mut self, session: SessionId) {
        self.reveal = Some(session);
    }

    /// The session above or below in the list.
    pub fn neighbour(&self, of: Option<SessionId>, below: bool) -> Option<SessionId> {
        let sessions: Vec<SessionId> = self.data.sessions().collect();
        let at = of.and_then(|id| sessions.iter().position(|other| *other == id));
        match (at, below) {
            (None, true) => sessions.first().copied(),
            (None, false) => sessions.last().copied(),
            (Some(at), true) => sessions.get(at + 1).copied(),
            (Some(at), false) => at.checked_sub(1).and_then(|at| sessions.get(at).copied()),
        }
    }
}
