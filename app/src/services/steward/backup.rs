//! Copies of a settings file as it was before a change, for the user to go back to by hand.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};

use super::file::{Disk, make_dir, write_own};

/// How many are kept.
pub const KEPT: usize = 10;

/// Keeps a copy (0600) of a file of this kind (`claude-settings.json`) in `<state dir>/backups`.
pub fn keep(state_dir: &Path, kind: &str, bytes: &[u8], disk: &dyn Disk) -> Result<PathBuf> {
    let dir = state_dir.join("backups");
    make_dir(&dir)?;
    let now_ns = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    let (stem, ending) = split(kind);
    let path = dir.join(format!("{stem}-{now_ns:020}-{}.{ending}", std::process::id()));
    write_own(&path, bytes, 0o600, disk).context("cannot keep a backup, so nothing was changed")?;
    Ok(path)
}

/// Removes all but the newest of a kind.
pub fn prune(state_dir: &Path, kind: &str) -> Result<()> {
    let dir = state_dir.join("backups");
    let prefix = format!("{}-", split(kind).0);
    let mut names: Vec<PathBuf> = fs::read_dir(&dir)
        .with_context(|| format!("cannot list {}", dir.display()))?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&prefix)))
        .collect();
    names.sort();
    let surplus = names.len().saturating_sub(KEPT);
    for path in names.into_iter().take(surplus) {
        fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
    }
    Ok(())
}

fn split(kind: &str) -> (&str, &str) {
    kind.rsplit_once('.').unwrap_or((kind, "bak"))
}
