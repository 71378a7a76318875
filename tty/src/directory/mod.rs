//! The directory of terminals: one directory each, 0700, written by its holder alone.
//!
//! `session.json` says what the terminal is, `stdout` is its recording, `ipc.sock` its holder. A terminal lives when its
//! socket answers and its holder is the process that `session.json` names, by id and start time; a process id alone may
//! be anybody's by now.

mod clean;
mod list;
mod record;
mod scrollback;

pub use clean::{CleanError, remove};
pub use list::{FindError, TerminalRecord, TerminalState, find, list, look};
pub use record::{RecordError, SessionRecord, SessionStatus};
pub use scrollback::{Page, older, pages};

use crate::id::TerminalId;
use magia_protocol::paths::{PathError, check_runtime_dir, ensure_runtime_dir};
use std::path::{Path, PathBuf};

pub(crate) use clean::remove_files;
pub(crate) use record::{SESSION_FILE, create_private, replace_file};
pub(crate) use scrollback::IndexEntry;

/// The recording; its older part has [`OLDER`] after it.
pub(crate) const RECORDING_FILE: &str = "stdout";
/// Where in the recording one can begin to read.
pub(crate) const INDEX_FILE: &str = "stdout.index";
/// What a rotated file's name gets.
pub(crate) const OLDER: &str = ".1";

/// Why a directory cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.to_string().replacen("runtime directory", "terminal's directory", 1))]
pub struct DirectoryError(pub PathError);

// It says all that the other says, so the other is not its source: a chain would say it twice.
impl From<PathError> for DirectoryError {
    fn from(err: PathError) -> Self {
        Self(err)
    }
}

impl DirectoryError {
    /// Whether nothing is there.
    pub fn is_missing(&self) -> bool {
        matches!(self.0, PathError::Missing { .. })
    }
}

/// Where the terminals are: `$XDG_DATA_HOME/magia/terminals`, else `~/.local/share/magia/terminals`.
///
/// # Errors
/// When there is no home.
pub fn default_root() -> Result<PathBuf, DirectoryError> {
    Ok(magia_protocol::paths::terminals_dir()?)
}

/// The directory of one terminal.
pub fn dir_of(root: &Path, id: &TerminalId) -> PathBuf {
    root.join(id.as_str())
}

/// Makes the directory of terminals if needed, and checks it as [`check`] does.
///
/// # Errors
/// See [`DirectoryError`].
pub fn ensure_root(root: &Path) -> Result<(), DirectoryError> {
    Ok(ensure_runtime_dir(root)?)
}

/// Checks that a terminal's directory is one, not a link to one, ours, and closed to others.
///
/// # Errors
/// See [`DirectoryError`].
pub fn check(dir: &Path) -> Result<(), DirectoryError> {
    Ok(check_runtime_dir(dir)?)
}
