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
    made_of: Option<(u64, Option<NoticeOutcome>)>,
    data: Arc<NotificationsData>,
}

impl NotificationsPanel {
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
