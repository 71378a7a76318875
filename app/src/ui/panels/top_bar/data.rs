//! What the top bar counts.

use super::super::super::state::waiting;
use magia_core::snapshot::Snapshot;
use magia_protocol::wire::SessionState;

/// What the top bar says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TopBarData {
    /// Requests that wait, and sessions that wait elsewhere.
    pub needs_you: usize,
    /// All sessions.
    pub sessions: usize,
    /// Sessions at work.
    pub working: usize,
    /// Notifications that nobody has read.
    pub unread: usize,
    /// The listeners' health.
    pub dots: Vec<Dot>,
}

/// A listener's health.
#[derive(Clone, Debug, PartialEq)]
pub struct Dot {
    /// Which, as `hooks`.
    pub name: String,
    /// Whether it accepts connections.
    pub up: bool,
    /// What the tooltip says.
    pub words: String,
}

impl TopBarData {
    /// What the top bar says of the facts.
    pub fn new(snapshot: &Snapshot) -> Self {
        let dots = snapshot.listeners.iter().map(|listener| {
            let words = match (&listener.error, listener.up) {
                (_, true) => {
                    let refused = match listener.refused {
                        0 => String::new(),
                        count => format!(", {count} refused"),
                    };
                    format!("{} listens: {} messages{refused}", listener.name, listener.messages)
                }
                (Some(error), false) => format!("{} is down: {error}", listener.name),
                (None, false) => format!("{} starts", listener.name),
            };
            Dot { name: listener.name.clone(), up: listener.up, words }
        });
        Self {
            needs_you: waiting(snapshot),
            sessions: snapshot.sessions.len(),
            working: snapshot
                .sessions
                .iter()
                .filter(|session| session.state == SessionState::Working)
                .count(),
            unread: snapshot.notifications.iter().filter(|row| !row.read).count(),
            dots: dots.collect(),
        }
    }
}
