//! A terminal's record on disk, as the wire has it.

use magia_protocol::process::tty_name;
use magia_protocol::wire::{ProcessId, TerminalInfo, TerminalState, visible};
use magia_tty::{TerminalRecord, TerminalState as Held};

/// The longest title that is told.
const TITLE_MAX: usize = 200;

/// What is told of a terminal; `None` while there is nothing to tell, as it starts or cannot be read.
pub(super) fn info(record: &TerminalRecord) -> Option<TerminalInfo> {
    let session = record.session.as_ref()?;
    let (state, exit_code) = match &record.state {
        Held::Starting | Held::Broken { .. } => return None,
        Held::Running => (TerminalState::Running, None),
        Held::Exited { exit, .. } => (TerminalState::Exited, Some(exit.shell_code())),
        Held::Lost => (TerminalState::Lost, None),
    };
    let runs = state == TerminalState::Running;
    let process = session.pid.zip(session.child_start_time).filter(|_| runs);
    Some(TerminalInfo {
        id: record.id.to_string(),
        name: visible(&session.name).into_owned(),
        title: session.title.as_deref().map(|title| visible(title).chars().take(TITLE_MAX).collect()),
        command: session.command.clone(),
        cwd: session.working_dir.clone(),
        state,
        exit_code,
        process: process.map(|(pid, start)| ProcessId { pid, start }),
        tty: session.pid.filter(|_| runs).and_then(tty_name),
        cols: session.cols,
        rows: session.rows,
        started_at_ms: session.started_at_ms(),
        sessions: Vec::new(),
    })
}
