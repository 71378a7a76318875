//! What was told of, and what was not: each notification, by which way it went and what came of it.

mod data;
mod ui;

pub use data::{NotificationRow, NotificationsData};
pub use ui::notifications_ui;

use magia_core::snapshot::Snapshot;
use magia_protocol::wire::NoticeOutcome;
use std::sync::Arc;

/// The page's filter, and its rows as last made.
#[derive(Debug, Default)]
pub struct NotificationsPanel {
    /// Only those with this outcome.
    pub filter: Option<NoticeOutcome>,
    /// The row that the keyboard stands on.
    pub chosen: Option<u64>,
    /// A row to scroll to in the next frame.
    reveal: Option<u64>,
    made_of: Option<(u64, Option<NoticeOutcome>)>,
    data: Arc<NotificationsData>,
}

impl NotificationsPanel {
    /// Stands on the row below or above; on the first when on none yet.
    pub fn step(&mut self, below: bool) {
        let rows = &self.data.rows;
        let at = self.chosen.and_then(|id| rows.iter().position(|row| row.id == id));
        let next = match (at, below) {
            (None, _) => 0,
            (Some(at), true) => (at + 1).min(rows.len().saturating_sub(1)),
            (Some(at), false) => at.saturating_sub(1),
        };
        self.chosen = rows.get(next).map(|row| row.id);
        self.reveal = self.chosen;
    }

    /// The rows, made anew when facts or filter changed.
    fn refresh(&mut self, snapshot: &Snapshot) -> Arc<NotificationsData> {
        let now = Some((snapshot.revision, self.filter));
        if self.made_of != now {
            self.made_of = now;
            self.data = Arc::new(NotificationsData::new(snapshot, self.filter));
        }
        Arc::clone(&self.data)
    }
}
