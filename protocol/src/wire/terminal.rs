//! Terminals on the wire: what the commands about them take and return.
//!
//! A terminal belongs to a holder, a process of its own; what is said here is what its holder said last.

use super::{ProcessId, SessionId};
use serde::{Deserialize, Serialize};

/// A terminal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TerminalInfo {
    /// Its id, `[A-Za-z0-9_-]{1,64}`.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// The title that the program gave it, if any; control characters made visible.
    pub title: Option<String>,
    /// The program and its arguments.
    pub command: Vec<String>,
    /// Where the program was started.
    pub cwd: String,
    /// How it stands.
    pub state: TerminalState,
    /// The program's exit code; for one ended by a signal 128 and the signal's number. `null` while it runs.
    pub exit_code: Option<i32>,
    /// The program's process; `null` once it has ended.
    pub process: Option<ProcessId>,
    /// The device, as `pts/3`.
    pub tty: Option<String>,
    /// Columns.
    pub cols: u16,
    /// Rows.
    pub rows: u16,
    /// When it was started, milliseconds since 1970.
    pub started_at_ms: u64,
    /// The agent sessions that run in it now, newest first.
    #[serde(default)]
    pub sessions: Vec<SessionId>,
}

/// How a terminal stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TerminalState {
    /// Its program runs, and its holder answers.
    Running,
    /// Its program has ended.
    Exited,
    /// Its holder is gone, and nobody wrote down how its program ended.
    Lost,
}

impl TerminalState {
    /// The word for it, the same everywhere.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Exited => "exited",
            Self::Lost => "lost",
        }
    }
}

/// Parameters of `get_terminals`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ListTerminals {
    /// Also those whose program has ended.
    #[serde(default)]
    pub all: bool,
}

/// Parameters of `create_pty`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CreatePty {
    /// The program and its arguments; without it, the user's shell (setting `terminalShell`). No shell takes part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<Vec<String>>,
    /// Where it runs; absolute, or beginning with `~`. Without it, the home directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
    /// What to call it; without it, the program's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its id; a fresh one without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Columns; 80 without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cols: Option<u16>,
    /// Rows; 24 without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<u16>,
}

/// Parameters of `write_pty`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WritePty {
    /// The terminal: its id or a unique prefix.
    pub terminal: String,
    /// What is typed, as it is: no newline is added.
    pub data: String,
}

/// Parameters of `resize_pty`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ResizePty {
    /// The terminal: its id or a unique prefix.
    pub terminal: String,
    /// Columns, 1 to 1,000.
    pub cols: u16,
    /// Rows, 1 to 1,000.
    pub rows: u16,
}

/// Parameters of `kill_pty`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KillPty {
    /// The terminal: its id or a unique prefix.
    pub terminal: String,
}
