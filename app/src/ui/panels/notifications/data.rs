//! The rows of the page of notifications.

use crate::ui::text::shown_line;
use magia_core::snapshot::Snapshot;
use magia_protocol::wire::{NoticeKind, NoticeOutcome, NotificationInfo, Provider};

/// What the page says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NotificationsData {
    /// Newest first.
    pub rows: Vec<NotificationRow>,
    /// How many there are by outcome: all, shown, suppressed, failed.
    pub counts: [usize; 4],
    /// How many nobody has read.
    pub unread: usize,
    /// Whether the desktop is told nothing for a while.
    pub paused: bool,
}

/// A notification.
#[derive(Clone, Debug, PartialEq)]
pub struct NotificationRow {
    /// Its number.
    pub id: u64,
    /// What about.
    pub kind: NoticeKind,
    /// The agent's kind.
    pub provider: Option<Provider>,
    /// First line.
    pub title: String,
    /// The rest.
    pub body: String,
    /// Project and session, as `shop / Tidy up`.
    pub place: String,
    /// What became of it: `shown`, `not shown: quiet hours`.
    pub fate: String,
    /// Whether something went wrong with it.
    pub failed: bool,
    /// When.
    pub at_ms: u64,
    /// Whether a person has seen it.
    pub read: bool,
    /// What it told of is settled.
    pub over: bool,
}

impl NotificationsData {
    /// What the page says of the facts.
    pub fn new(snapshot: &Snapshot, filter: Option<NoticeOutcome>) -> Self {
        let all = &snapshot.notifications;
        let count = |outcome| all.iter().filter(|row| row.outcome == outcome).count();
        let rows = all.iter().filter(|row| filter.is_none_or(|outcome| row.outcome == outcome));
        Self {
            rows: rows.map(|row| NotificationRow::new(row)).collect(),
            counts: [
                all.len(),
                count(NoticeOutcome::Shown),
                count(NoticeOutcome::Suppressed),
                count(NoticeOutcome::Failed),
            ],
            unread: all.iter().filter(|row| !row.read).count(),
            paused: snapshot.paused,
        }
    }
}

impl NotificationRow {
    fn new(info: &NotificationInfo) -> Self {
        let project = shown_line(&info.project, 40);
        let session = shown_line(&info.session_title, 80);
        let place = match (project.is_empty(), session.is_empty()) {
            (true, _) => session,
            (false, true) => project,
            (false, false) => format!("{project} / {session}"),
        };
        Self {
            id: info.id,
            kind: info.kind,
            provider: info.provider,
            title: shown_line(&info.title, 200),
            body: shown_line(&info.body, 300),
            place,
            fate: fate(info),
            failed: info.outcome == NoticeOutcome::Failed
                || info.channels.iter().any(|channel| channel.outcome == NoticeOutcome::Failed),
            at_ms: info.at_ms,
            read: info.read,
            over: info.over,
        }
    }
}

fn fate(info: &NotificationInfo) -> String {
    let why = info.why.as_deref().map(|why| format!(": {}", shown_line(why, 120))).unwrap_or_default();
    let desktop = match info.outcome {
        NoticeOutcome::Sending => "on its way".to_owned(),
        NoticeOutcome::Shown => "shown".to_owned(),
        NoticeOutcome::Suppressed => format!("not sent{why}"),
        NoticeOutcome::Failed => format!("failed{why}"),
    };
    let channels = info.channels.iter().map(|channel| match (channel.outcome, &channel.why) {
        (NoticeOutcome::Failed, Some(why)) => format!("{} failed: {}", channel.channel, shown_line(why, 120)),
        (NoticeOutcome::Failed, None) => format!("{} failed", channel.channel),
        _ => format!("{} sent", channel.channel),
    });
    std::iter::once(desktop).chain(channels).collect::<Vec<_>>().join(" · ")
}
