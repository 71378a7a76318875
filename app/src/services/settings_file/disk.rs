//! The file on disk: read, backed up, replaced as a whole.

use super::Kind;
use crate::services::directory::directory_of;
use crate::services::regular_file;
use anyhow::{Context, bail};
use serde_json::{Map, Value};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// Bytes of a settings file; more is not ours.
pub(super) const BYTES_MAX: u64 = 1024 * 1024;
/// Backups of broken files that are kept.
const BACKUPS_MAX: usize = 10;

/// What is at the file's place.
pub(super) enum Found {
    Missing,
    Whole {
        bytes: Vec<u8>,
        file: Map<String, Value>,
    },
    /// It does not parse: where and why, to come after the file's name.
    Broken {
        bytes: Vec<u8>,
        reason: String,
    },
}

/// Where the file is.
#[derive(Debug)]
pub(super) struct Place {
    kind: Kind,
    path: PathBuf,
    backups_dir: PathBuf,
}

impl Place {
    pub(super) fn new(kind: Kind, config_dir: &Path, backups_dir: PathBuf) -> Self {
        Self { kind, path: config_dir.join(kind.file_name()), backups_dir }
    }

    pub(super) const fn kind(&self) -> Kind {
        self.kind
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The file itself, when the path is a link to it.
    pub(super) fn target(&self) -> PathBuf {
        fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone())
    }

    pub(super) fn read(&self) -> anyhow::Result<Found> {
        let (file, metadata) = match regular_file::open(&self.path) {
            Ok(opened) => opened,
            Err(err) if err.kind() == io::ErrorKind::NotFound => {
                if self.path.is_symlink() {
                    bail!("it is a link to a file that is not there");
                }
                return Ok(Found::Missing);
            }
            Err(err) => return Err(err.into()),
        };
        if metadata.len() > BYTES_MAX {
            bail!("it has {} bytes, {BYTES_MAX} at most are read", metadata.len());
        }
        let mut bytes = Vec::new();
        file.take(BYTES_MAX).read_to_end(&mut bytes)?;
        // What an editor leaves while it writes in place, or a person who emptied it: nothing is set.
        let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
        if text.trim_ascii().is_empty() {
            return Ok(Found::Whole { bytes, file: Map::new() });
        }
        match serde_json::from_slice(text) {
            Ok(Value::Object(file)) => Ok(Found::Whole { bytes, file }),
            Ok(_) => Ok(Found::Broken { bytes, reason: "does not hold an object".into() }),
            // serde_json's words for where it stopped are "... at line 1 column 2".
            Err(err) => Ok(Found::Broken { reason: format!("does not parse: {err}"), bytes }),
        }
    }

    /// Copies a broken file's bytes to the backups, unless the newest backup has them already.
    pub(super) fn back_up(&self, bytes: &[u8]) -> anyhow::Result<PathBuf> {
        make_private_dir(&self.backups_dir)
            .with_context(|| format!("making the directory {}", self.backups_dir.display()))?;
        let mut backups = self.backups();
        if let Some(newest) = backups.last()
            && fs::read(newest).is_ok_and(|old| old == bytes)
        {
            return Ok(newest.clone());
        }
        let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let path = self.backups_dir.join(format!("{}{now_ms:014}.json", self.kind.backup_prefix()));
        write_whole(&path, bytes).with_context(|| format!("writing {}", path.display()))?;
        backups.push(path.clone());
        for old in backups.iter().take(backups.len().saturating_sub(BACKUPS_MAX)) {
            if let Err(err) = fs::remove_file(old) {
                tracing::warn!("cannot remove an old backup: {err}: {}", old.display());
            }
        }
        Ok(path)
    }

    /// Our backups, oldest first; other files in that directory are left alone.
    fn backups(&self) -> Vec<PathBuf> {
        let entries = self.backups_dir.read_dir().into_iter().flatten().flatten();
        let mut backups: Vec<PathBuf> = entries
            .filter(|entry| entry.file_name().to_string_lossy().starts_with(self.kind.backup_prefix()))
            .map(|entry| entry.path())
            .collect();
        backups.sort();
        backups
    }

    /// Replaces the file, if it is still what was found. `false` when it is not.
    pub(super) fn replace(&self, found: &Found, bytes: &[u8]) -> anyhow::Result<bool> {
        let target = self.target();
        let directory = directory_of(&target);
        make_private_dir(&directory)
            .with_context(|| format!("making the directory {}", directory.display()))?;
        let temporary = directory.join(format!(".{}.{}.tmp", self.kind.file_name(), std::process::id()));
        let written =
            write_whole(&temporary, bytes).with_context(|| format!("writing {}", temporary.display()));
        let same = written.and_then(|()| match (found, &self.read()?) {
            (Found::Missing, Found::Missing) => Ok(true),
            (Found::Whole { bytes: before, .. }, Found::Whole { bytes: now, .. }) => Ok(before == now),
            _ => Ok(false),
        });
        let replaced = same.and_then(|same| {
            if same {
                fs::rename(&temporary, &target).with_context(|| format!("replacing {}", target.display()))?;
            }
            Ok(same)
        });
        if !matches!(replaced, Ok(true)) {
            // It was not renamed, so it would stay.
            let _best_effort = fs::remove_file(&temporary);
            return replaced;
        }
        #[cfg(unix)]
        {
            // The new name is on the disk only when the directory is.
            File::open(&directory)
                .and_then(|directory| directory.sync_all())
                .with_context(|| format!("writing the directory {}", directory.display()))?;
        }
        Ok(true)
    }
}

/// Writes a file that only its owner can read, to the disk.
fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let mut file: File = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// A directory that only its owner can enter; one that is there stays as it is.
fn make_private_dir(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    builder.create(path)
}
