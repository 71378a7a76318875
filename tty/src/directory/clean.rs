//! Removing what a dead terminal has left.

use super::{DirectoryError, TerminalState, check, dir_of, look};
use crate::id::TerminalId;
use magia_protocol::paths::{InstanceLock, LockError};
use std::path::{Path, PathBuf};
use std::{fs, io};

/// Why a terminal's directory was not removed.
#[derive(Debug, thiserror::Error)]
pub enum CleanError {
    /// Its holder lives.
    #[error("terminal {0} is still held")]
    Held(TerminalId),
    /// It is not a directory of ours.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// The system refused.
    #[error("cannot remove ({source}): {path}", path = path.display())]
    Io {
        /// What.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

/// Removes the directory of a terminal that nobody holds. Nothing below it is followed: its files and links are removed,
/// a directory in it is not.
///
/// # Errors
/// See [`CleanError`].
pub fn remove(root: &Path, id: &TerminalId) -> Result<(), CleanError> {
    let dir = dir_of(root, id);
    check(&dir)?;
    let found = look(root, id);
    if found.is_held() || found.state == TerminalState::Starting {
        return Err(CleanError::Held(id.clone()));
    }
    let lock = match InstanceLock::try_acquire(&dir) {
        Err(LockError::HeldBy { .. }) => return Err(CleanError::Held(id.clone())),
        Err(LockError::Dir(err)) => return Err(DirectoryError(err).into()),
        Err(LockError::Io { path, source }) => return Err(CleanError::Io { path, source }),
        Ok(lock) => lock,
    };
    remove_files(&dir).map_err(|source| CleanError::Io { path: dir, source })?;
    drop(lock);
    Ok(())
}

/// Removes a directory with the files in it.
pub(crate) fn remove_files(dir: &Path) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        fs::remove_file(entry?.path())?;
    }
    fs::remove_dir(dir)
}
