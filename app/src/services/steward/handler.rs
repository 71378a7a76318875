//! The copy of the hook handler that settings files point at, so that a moved or cleaned build breaks no agent.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use magia_core::steward::HANDLER_NAME;

use super::file::{RealDisk, make_dir, write_own};

/// Where the copy stands.
#[must_use]
pub fn handler_path(data_dir: &Path) -> PathBuf {
    data_dir.join("bin").join(HANDLER_NAME)
}

/// Puts a copy of `source` to `<data dir>/bin/magia-hook-handler`, replaced in one step and only when it differs,
/// so a handler that runs meanwhile keeps the file it was started from.
///
/// # Errors
/// When the source cannot be read or the copy not be written; an older copy then stays.
pub fn install_handler(source: &Path, data_dir: &Path) -> Result<PathBuf> {
    let target = handler_path(data_dir);
    if !data_dir.is_absolute() {
        bail!("the data directory must be absolute: {}", data_dir.display());
    }
    let bytes =
        fs::read(source).with_context(|| format!("cannot read the hook handler {}", source.display()))?;
    if !is_current(&bytes, &target) {
        make_dir(target.parent().unwrap_or(data_dir))?;
        write_own(&target, &bytes, 0o755, &RealDisk)?;
    }
    Ok(target)
}

fn is_current(bytes: &[u8], target: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let runnable = fs::symlink_metadata(target)
        .is_ok_and(|meta| meta.is_file() && meta.mode() & 0o777 == 0o755 && meta.len() == bytes.len() as u64);
    runnable && fs::read(target).is_ok_and(|old| old == bytes)
}

/// Removes the copy; true when there was one.
///
/// # Errors
/// When it is there and cannot be removed.
pub fn remove_handler(data_dir: &Path) -> Result<bool> {
    let target = handler_path(data_dir);
    match fs::remove_file(&target) {
        Ok(()) => Ok(true),
        Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(err) => Err(err).with_context(|| format!("cannot remove {}", target.display())),
    }
}
