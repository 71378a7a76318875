//! `session.json`, in VibeTunnel's spelling with some fields more.

use crate::id::TerminalId;
use crate::wire::{Exit, RecordingState};
use serde::{Deserialize, Serialize};
use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

pub(crate) const SESSION_FILE: &str = "session.json";
/// A command line of the kernel's greatest length still fits; what is longer is not ours.
const SESSION_MAX_BYTES: u64 = 4 * 1024 * 1024;

/// How far a terminal has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SessionStatus {
    /// The program is about to start.
    Starting,
    /// The program runs.
    Running,
    /// The program has ended.
    Exited,
}

/// A terminal as its holder has written it down. Source of the first fields: VibeTunnel's `session.json` of 2026.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionRecord {
    /// The terminal.
    pub id: TerminalId,
    /// Its name, for people.
    pub name: String,
    /// The program and its arguments, what is not Unicode replaced.
    pub command: Vec<String>,
    /// Where the program was started.
    pub working_dir: String,
    /// How far it has come.
    pub status: SessionStatus,
    /// The program's exit code; 128 and the signal's number for an end by a signal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// The signal that ended the program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_signal: Option<i32>,
    /// When the program was started, RFC 3339.
    pub started_at: String,
    /// When it ended, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<String>,
    /// The program's process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// The size that the terminal began with, in columns.
    pub initial_cols: u16,
    /// In rows.
    pub initial_rows: u16,
    /// The size that it has, in columns.
    pub cols: u16,
    /// In rows.
    pub rows: u16,
    /// The release of the program that holds it, for people.
    pub version: String,
    /// The holder's process.
    pub holder_pid: u32,
    /// When that started, in the kernel's ticks since boot.
    pub holder_start_time: u64,
    /// When the program started, in the kernel's ticks since boot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub child_start_time: Option<u64>,
    /// The newest version of the wire that the holder speaks.
    pub wire: u16,
    /// The title that the program has set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Whether the output is being recorded.
    #[serde(default)]
    pub recording: RecordingState,
}

/// Why a `session.json` cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// There is none.
    #[error("it has no session.json")]
    Missing,
    /// The system refused.
    #[error("its session.json cannot be read ({0})")]
    Io(io::Error),
    /// It is not what we write.
    #[error("its session.json is not understood ({0})")]
    Malformed(String),
}

impl SessionRecord {
    /// Reads the file in a terminal's directory.
    ///
    /// # Errors
    /// See [`RecordError`].
    pub fn read(dir: &Path) -> Result<Self, RecordError> {
        let text = read_file(&dir.join(SESSION_FILE)).map_err(|err| match err.kind() {
            io::ErrorKind::NotFound => RecordError::Missing,
            _ => RecordError::Io(err),
        })?;
        serde_json::from_slice(&text).map_err(|err| RecordError::Malformed(err.to_string()))
    }

    /// When the program was started, milliseconds since 1970; 0 when that cannot be read.
    pub fn started_at_ms(&self) -> u64 {
        crate::time::read_rfc3339(&self.started_at).unwrap_or(0)
    }

    /// When the program ended, milliseconds since 1970; `None` when it has not, or that cannot be read.
    pub fn ended_at_ms(&self) -> Option<u64> {
        crate::time::read_rfc3339(self.ended_at.as_deref()?)
    }

    /// How the program ended, when it has.
    pub fn exit(&self) -> Option<Exit> {
        match (self.status, self.exit_signal) {
            (SessionStatus::Exited, None) => Some(Exit { code: Some(self.exit_code?), signal: None }),
            (SessionStatus::Exited, signal) => Some(Exit { code: None, signal }),
            _ => None,
        }
    }
}

fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NOFOLLOW | libc::O_NONBLOCK);
    let mut text = Vec::new();
    options.open(path)?.take(SESSION_MAX_BYTES).read_to_end(&mut text)?;
    Ok(text)
}

/// Writes a file of a terminal's directory so that a reader sees the old or the new one, whole.
pub(crate) fn replace_file(dir: &Path, name: &str, text: &[u8]) -> io::Result<()> {
    let fresh: PathBuf = dir.join(format!("{name}.tmp"));
    let written = create_private(&fresh).and_then(|mut file| file.write_all(text));
    if let Err(err) = written.and_then(|()| fs::rename(&fresh, dir.join(name))) {
        // A full disk is not made fuller by half a file.
        drop(fs::remove_file(&fresh));
        return Err(err);
    }
    Ok(())
}

/// A new file for us alone.
pub(crate) fn create_private(path: &Path) -> io::Result<fs::File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600).custom_flags(libc::O_NOFOLLOW);
    }
    options.open(path)
}
