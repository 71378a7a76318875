//! Which terminals there are, and which of them live.

use super::record::{RecordError, SessionRecord, SessionStatus};
use super::{check, dir_of};
use crate::id::TerminalId;
use crate::wire::Exit;
use magia_protocol::ipc::connect_blocking;
use magia_protocol::paths::terminal_socket;
use magia_protocol::process::process_start_ticks;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a holder may take to accept; it does nothing that waits.
const CONNECT_LIMIT: Duration = Duration::from_millis(500);
/// How long a start takes at most; see `start`.
const START_LIMIT: Duration = Duration::from_secs(10);

/// A terminal found on disk.
#[derive(Debug, Clone)]
pub struct TerminalRecord {
    /// Its id.
    pub id: TerminalId,
    /// Its directory.
    pub dir: PathBuf,
    /// What its holder wrote down; `None` when it is [`TerminalState::Broken`] or starting.
    pub session: Option<SessionRecord>,
    /// Whether it lives.
    pub state: TerminalState,
}

/// Whether a terminal lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TerminalState {
    /// Its holder is about to start the program.
    Starting,
    /// Its program runs.
    Running,
    /// Its program has ended. `held` while its holder still answers.
    Exited {
        /// How.
        exit: Exit,
        /// Whether one can still attach to see the last screen.
        held: bool,
    },
    /// Its holder went away without a word: killed, or the machine was switched off.
    Lost,
    /// It cannot be read.
    Broken {
        /// Why.
        reason: String,
    },
}

impl TerminalRecord {
    /// Whether its holder answers.
    pub fn is_held(&self) -> bool {
        matches!(self.state, TerminalState::Running | TerminalState::Exited { held: true, .. })
    }
}

/// All terminals below `root`, oldest first. One that is broken is in the list as such; what is not named as a terminal
/// is not.
pub fn list(root: &Path) -> Vec<TerminalRecord> {
    let entries = fs::read_dir(root).into_iter().flatten().flatten();
    let ids = entries.filter_map(|entry| TerminalId::new(entry.file_name().to_str()?).ok());
    let mut found: Vec<TerminalRecord> = ids.map(|id| look(root, &id)).collect();
    found.sort_by(|one, other| key(one).cmp(&key(other)));
    found
}

fn key(record: &TerminalRecord) -> (Option<&str>, &TerminalId) {
    (record.session.as_ref().map(|session| session.started_at.as_str()), &record.id)
}

/// One terminal, whether it is there or not.
pub fn look(root: &Path, id: &TerminalId) -> TerminalRecord {
    let dir = dir_of(root, id);
    let (session, state) = match check(&dir) {
        Err(err) => (None, TerminalState::Broken { reason: err.to_string() }),
        Ok(()) => match SessionRecord::read(&dir) {
            Ok(session) => {
                let state = state_of(&dir, &session);
                (Some(session), state)
            }
            Err(RecordError::Missing) if is_new(&dir) => (None, TerminalState::Starting),
            Err(err) => (None, TerminalState::Broken { reason: err.to_string() }),
        },
    };
    TerminalRecord { id: id.clone(), dir, session, state }
}

fn state_of(dir: &Path, session: &SessionRecord) -> TerminalState {
    let held = is_held(dir, session);
    match (session.exit(), session.status) {
        (Some(exit), _) => TerminalState::Exited { exit, held },
        (None, SessionStatus::Starting) if held => TerminalState::Starting,
        (None, _) if held => TerminalState::Running,
        (None, _) => TerminalState::Lost,
    }
}

/// Whether the holder is the process that is written down and its socket answers.
fn is_held(dir: &Path, session: &SessionRecord) -> bool {
    let same = match process_start_ticks(session.holder_pid) {
        Some(start) => start == session.holder_start_time,
        // Where the system does not tell start times, the socket decides.
        None => session.holder_start_time == 0,
    };
    same && terminal_socket(dir).is_ok_and(|socket| connect_blocking(&socket, CONNECT_LIMIT).is_ok())
}

/// Whether a directory may still get its holder. To look at the holder's lock would be to take it.
fn is_new(dir: &Path) -> bool {
    let modified = fs::symlink_metadata(dir).and_then(|facts| facts.modified());
    modified.is_ok_and(|time| time.elapsed().is_ok_and(|age| age < START_LIMIT))
}

/// Why a terminal was not found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FindError {
    /// No id begins so.
    #[error("there is no terminal {typed}")]
    NotFound {
        /// What was looked for.
        typed: String,
    },
    /// Several ids do.
    #[error("{typed} may be {}", ids.iter().map(TerminalId::as_str).collect::<Vec<_>>().join(", "))]
    Ambiguous {
        /// What was looked for.
        typed: String,
        /// The terminals, oldest first.
        ids: Vec<TerminalId>,
    },
}

/// The terminal whose id is `typed`, else the only one whose id begins so.
///
/// # Errors
/// See [`FindError`].
pub fn find(root: &Path, typed: &str) -> Result<TerminalRecord, FindError> {
    let not_found = || FindError::NotFound { typed: typed.to_owned() };
    let exact = TerminalId::new(typed).map_err(|_| not_found())?;
    if dir_of(root, &exact).symlink_metadata().is_ok() {
        return Ok(look(root, &exact));
    }
    let entries = fs::read_dir(root).into_iter().flatten().flatten();
    let ids = entries.filter_map(|entry| TerminalId::new(entry.file_name().to_str()?).ok());
    let mut matching: Vec<TerminalId> = ids.filter(|id| id.as_str().starts_with(typed)).collect();
    matching.sort();
    match matching.as_slice() {
        [] => Err(not_found()),
        [one] => Ok(look(root, one)),
        _ => Err(FindError::Ambiguous { typed: typed.to_owned(), ids: matching }),
    }
}
