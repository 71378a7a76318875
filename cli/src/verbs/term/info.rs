//! A terminal as it is printed.

use crate::output::Out;
use anyhow::Result;
use magia_tty::wire::{Exit, RecordingState};
use magia_tty::{TerminalId, TerminalRecord, TerminalState};
use serde::Serialize;
use std::path::PathBuf;

/// What `--json` prints; what is not known is null.
#[derive(Debug, Serialize)]
pub struct TerminalInfo {
    pub id: TerminalId,
    pub state: &'static str,
    pub name: Option<String>,
    pub title: Option<String>,
    pub command: Vec<String>,
    pub cwd: Option<String>,
    pub cols: Option<u16>,
    pub rows: Option<u16>,
    pub pid: Option<u32>,
    pub holder_pid: Option<u32>,
    pub started_at: Option<String>,
    pub ended_at: Option<String>,
    pub exit_code: Option<i32>,
    pub exit_signal: Option<i32>,
    pub recording: Option<RecordingState>,
    pub dir: PathBuf,
    pub problem: Option<String>,
}

impl TerminalInfo {
    /// Takes what is known.
    pub fn new(record: &TerminalRecord) -> Self {
        let session = record.session.clone();
        let (state, problem) = match &record.state {
            TerminalState::Starting => ("starting", None),
            TerminalState::Running => ("running", None),
            TerminalState::Exited { .. } => ("exited", None),
            TerminalState::Lost => ("lost", Some("its holder ended without a word".to_owned())),
            TerminalState::Broken { reason } => ("broken", Some(reason.clone())),
        };
        Self {
            id: record.id.clone(),
            state,
            name: session.as_ref().map(|it| it.name.clone()),
            title: session.as_ref().and_then(|it| it.title.clone()),
            command: session.as_ref().map(|it| it.command.clone()).unwrap_or_default(),
            cwd: session.as_ref().map(|it| it.working_dir.clone()),
            cols: session.as_ref().map(|it| it.cols),
            rows: session.as_ref().map(|it| it.rows),
            pid: session.as_ref().and_then(|it| it.pid),
            holder_pid: session.as_ref().map(|it| it.holder_pid),
            started_at: session.as_ref().map(|it| it.started_at.clone()),
            ended_at: session.as_ref().and_then(|it| it.ended_at.clone()),
            exit_code: session.as_ref().and_then(|it| it.exit_code),
            exit_signal: session.as_ref().and_then(|it| it.exit_signal),
            recording: session.map(|it| it.recording),
            dir: record.dir.clone(),
            problem,
        }
    }

    /// The state, and the code of a program that has ended.
    pub fn state_text(&self) -> String {
        match (self.state, self.exit_code) {
            ("exited", Some(code)) => format!("exited {code}"),
            (state, _) => state.to_owned(),
        }
    }

    /// Its size.
    pub fn size_text(&self) -> String {
        self.cols.zip(self.rows).map(|(cols, rows)| format!("{cols}x{rows}")).unwrap_or_default()
    }

    /// The command, its words apart.
    pub fn command_text(&self) -> String {
        self.command.join(" ")
    }

    /// Prints it for people.
    pub fn print(&self, out: &mut Out) -> Result<()> {
        let recording =
            self.recording.as_ref().map(|recording| match (&recording.error, recording.lost_bytes) {
                (Some(error), lost) => format!("not written, {lost} bytes are missing: {error}"),
                (None, 0) => "whole".to_owned(),
                (None, lost) => format!("{lost} bytes are missing"),
            });
        let process = |pid: Option<u32>| pid.map(|pid| pid.to_string());
        out.text(&format!("{} {}", self.id, self.state_text()))?;
        for (label, value) in [
            ("name", self.name.clone()),
            ("title", self.title.clone()),
            ("command", (!self.command.is_empty()).then(|| self.command_text())),
            ("directory", self.cwd.clone()),
            ("size", self.cols.map(|_| self.size_text())),
            ("process", process(self.pid)),
            ("holder", process(self.holder_pid)),
            ("started", self.started_at.clone()),
            ("ended", self.ended_at.clone()),
            ("signal", self.exit_signal.map(|signal| signal.to_string())),
            ("recording", recording),
            ("problem", self.problem.clone()),
            ("files", Some(self.dir.display().to_string())),
        ] {
            if let Some(value) = value {
                let value = magia_protocol::wire::visible(&value).into_owned();
                out.text(&format!("  {label:<10} {value}"))?;
            }
        }
        Ok(())
    }
}

/// How a program ended.
pub fn exit_text(exit: Exit) -> String {
    match exit.signal {
        Some(signal) => format!("was ended by signal {signal}"),
        None => format!("has ended with exit code {}", exit.shell_code()),
    }
}
