//! Terminals as rows, in both spellings, and finding one by the id in a path.

use super::Api;
use super::answer::{Answer, Refused};
use magia_protocol::wire::spawn::SpawnCode;
use magia_tty::{TerminalId, TerminalRecord, TerminalState};
use serde::Serialize;
use std::fs;
use std::time::UNIX_EPOCH;
use tokio::task::spawn_blocking;
use utoipa::ToSchema;

/// A terminal.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct SessionRow {
    /// Its id.
    id: String,
    /// What it is called.
    name: String,
    /// The title that its program has set.
    title: Option<String>,
    /// The program and its arguments as one text, quoted as a shell would have it.
    command: String,
    /// The program and its arguments.
    argv: Vec<String>,
    /// Where the program was started.
    #[serde(rename = "workingDir")]
    working_dir: String,
    /// The same in the other spelling.
    #[serde(rename = "working_dir")]
    working_dir_too: String,
    /// `starting`, `running` or `exited`.
    status: &'static str,
    /// The program's exit code; 128 and the number for a signal.
    #[serde(rename = "exitCode")]
    exit_code: Option<i32>,
    /// The same in the other spelling.
    #[serde(rename = "exit_code")]
    exit_code_too: Option<i32>,
    /// When it began, RFC 3339.
    #[serde(rename = "startedAt")]
    started_at: String,
    /// The same in the other spelling.
    #[serde(rename = "started_at")]
    started_at_too: String,
    /// When something was last recorded, seconds since 1970, as text.
    #[serde(rename = "lastModified")]
    last_modified: String,
    /// The same in the other spelling.
    #[serde(rename = "last_modified")]
    last_modified_too: String,
    /// The program's process.
    pid: Option<u32>,
    /// Columns.
    cols: u16,
    /// Rows.
    rows: u16,
}

/// The row of a terminal; `None` when it cannot be read.
pub(super) fn row(record: &TerminalRecord) -> Option<SessionRow> {
    let session = record.session.as_ref()?;
    let (status, exit_code) = match &record.state {
        TerminalState::Starting => ("starting", None),
        TerminalState::Running => ("running", None),
        TerminalState::Exited { exit, .. } => ("exited", Some(exit.shell_code())),
        TerminalState::Lost => ("exited", None),
        TerminalState::Broken { .. } => return None,
    };
    let modified =
        ["stdout", "session.json"].iter().filter_map(|name| fs::metadata(record.dir.join(name)).ok());
    let modified = modified.filter_map(|facts| facts.modified().ok()).max().unwrap_or(UNIX_EPOCH);
    let modified = modified.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs().to_string();
    Some(SessionRow {
        id: record.id.to_string(),
        name: session.name.clone(),
        title: session.title.clone(),
        command: shell_words::join(&session.command),
        argv: session.command.clone(),
        working_dir: session.working_dir.clone(),
        working_dir_too: session.working_dir.clone(),
        status,
        exit_code,
        exit_code_too: exit_code,
        started_at: session.started_at.clone(),
        started_at_too: session.started_at.clone(),
        last_modified: modified.clone(),
        last_modified_too: modified,
        pid: session.pid,
        cols: session.cols,
        rows: session.rows,
    })
}

/// Takes the id out of a path: only what can be an id ever becomes part of one.
pub(super) fn id(typed: &str) -> Answer<TerminalId> {
    TerminalId::new(typed).map_err(|err| Refused::new(400, SpawnCode::InvalidRequest, err.to_string()))
}

/// The terminal of an id.
pub(super) async fn find(api: &Api, typed: &str) -> Answer<TerminalRecord> {
    let id = id(typed)?;
    let root = api.places.terminals.clone();
    let found = on_disk(move || {
        let there = root.join(id.as_str()).symlink_metadata().is_ok();
        there.then(|| magia_tty::directory::look(&root, &id))
    })
    .await?;
    found.filter(|record| record.session.is_some()).ok_or_else(Refused::not_found)
}

/// The terminal of an id, while its program runs.
pub(super) async fn running(api: &Api, typed: &str) -> Answer<TerminalRecord> {
    let record = find(api, typed).await?;
    match record.state {
        TerminalState::Running | TerminalState::Starting => Ok(record),
        TerminalState::Exited { .. } | TerminalState::Broken { .. } => {
            Err(Refused::new(400, SpawnCode::SessionNotRunning, "Session is not running"))
        }
        TerminalState::Lost => {
            Err(Refused::new(410, SpawnCode::SessionNotRunning, "Session process has died"))
        }
    }
}

/// All terminals.
pub(super) async fn list(api: &Api) -> Answer<Vec<TerminalRecord>> {
    let root = api.places.terminals.clone();
    on_disk(move || magia_tty::list(&root)).await
}

/// Does what may take the disk a while.
pub(super) async fn on_disk<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Answer<T> {
    spawn_blocking(work).await.map_err(|err| Refused::failed(format!("the disk was not asked: {err}")))
}
