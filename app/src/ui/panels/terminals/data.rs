//! What the terminals page says of each terminal.

use crate::ui::text::{short_path, shown_line};
use magia_core::snapshot::Snapshot;
use magia_protocol::wire::{SessionId, SessionState, TerminalInfo, TerminalState};

/// The longest name in a tab, characters.
const NAME_MAX: usize = 40;

/// The rows of the page, what runs first, each part in the order of its start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TerminalsData {
    /// The rows.
    pub rows: Vec<TerminalRow>,
}

/// A terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TerminalRow {
    /// Its id.
    pub id: String,
    /// What its tab says: the session's title, the program's own title, or its name.
    pub name: String,
    /// The command and the directory, for the tooltip and the list.
    pub detail: String,
    /// Whether its program runs.
    pub runs: bool,
    /// How it ended, when it has, e.g. `exit 1`.
    pub ended: Option<String>,
    /// The session in it.
    pub session: Option<SessionId>,
    /// What that does.
    pub state: Option<SessionState>,
}

impl TerminalsData {
    /// What the page says of the facts.
    pub fn new(snapshot: &Snapshot) -> Self {
        let mut rows: Vec<TerminalRow> =
            snapshot.terminals.iter().map(|info| TerminalRow::new(info, snapshot)).collect();
        rows.sort_by_key(|row| !row.runs);
        Self { rows }
    }

    /// One terminal's row.
    pub fn row(&self, id: &str) -> Option<&TerminalRow> {
        self.rows.iter().find(|row| row.id == id)
    }
}

impl TerminalRow {
    fn new(info: &TerminalInfo, snapshot: &Snapshot) -> Self {
        let session = info.sessions.first().copied();
        let inside = session.and_then(|id| snapshot.sessions.iter().find(|known| known.id == id));
        let title = info.title.as_deref().map(str::trim).filter(|title| !title.is_empty());
        let name = inside.map(|session| session.title.as_str()).or(title).unwrap_or(&info.name);
        let command = shown_line(&info.command.join(" "), 120);
        let ended = match (info.state, info.exit_code) {
            (TerminalState::Running, _) => None,
            (TerminalState::Exited, Some(code)) => Some(format!("exit {code}")),
            (TerminalState::Exited, None) => Some("ended".to_owned()),
            (TerminalState::Lost, _) => Some("lost".to_owned()),
        };
        Self {
            id: info.id.clone(),
            name: shown_line(name, NAME_MAX),
            detail: format!("{command} in {}", short_path(&shown_line(&info.cwd, 300))),
            runs: info.state == TerminalState::Running,
            ended,
            session,
            state: inside.map(|session| session.state),
        }
    }
}
