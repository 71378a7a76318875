//! Opening the file, and moving a damaged one aside.

use super::{FILE_NAME, schema};
use anyhow::Context;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Pages of the log after which SQLite moves them into the file: 4 MiB.
const CHECKPOINT_PAGES: u32 = 1_000;
/// Bytes that the log keeps on disk after a burst.
const LOG_BYTES: u32 = 16 * 1024 * 1024;
/// How long a connection waits for another one's lock; ours are two, so this is long.
const BUSY_WAIT: Duration = Duration::from_secs(5);
/// The file beside the database whose lock says that a magia uses it.
const LOCK_NAME: &str = "magia.db.lock";

/// The two connections, and what keeps other programs out.
pub(super) struct Opened {
    pub(super) writer: Connection,
    pub(super) reader: Connection,
    /// What happened to a damaged file, for a person.
    pub(super) problem: Option<String>,
}

/// Another magia writes to this file.
#[derive(Debug, thiserror::Error)]
#[error("another magia uses the store, so nothing is stored: {}", .0.display())]
pub(super) struct InUse(PathBuf);

/// Makes the data directory and takes its lock. The lock is held as long as the file is open.
pub(super) fn lock(data_dir: &Path) -> anyhow::Result<File> {
    private_directory(data_dir)
        .with_context(|| format!("making the data directory {}", data_dir.display()))?;
    let path = data_dir.join(LOCK_NAME);
    let file = private_file(&path).with_context(|| format!("opening {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(InUse(path).into()),
        Err(TryLockError::Error(err)) => Err(err).with_context(|| format!("locking {}", path.display())),
    }
}

/// Opens the store. A damaged file is moved aside and a new one is begun.
pub(super) fn open(data_dir: &Path) -> anyhow::Result<Opened> {
    let path = data_dir.join(FILE_NAME);
    match open_file(&path) {
        Ok((writer, reader)) => Ok(Opened { writer, reader, problem: None }),
        Err(err) if is_damage(&err) => begin_anew(data_dir, &err),
        Err(err) => Err(err),
    }
}

/// Moves a damaged file aside and begins a new one. No connection may be open.
pub(super) fn begin_anew(data_dir: &Path, damage: &anyhow::Error) -> anyhow::Result<Opened> {
    let path = data_dir.join(FILE_NAME);
    let aside = move_aside(&path)?;
    let (writer, reader) = open_file(&path)?;
    let old = aside.map_or_else(|| "beside it".to_owned(), |aside| aside.display().to_string());
    let problem = format!("the store was damaged ({damage:#}); a new one was begun, the old one is {old}");
    Ok(Opened { writer, reader, problem: Some(problem) })
}

fn open_file(path: &Path) -> anyhow::Result<(Connection, Connection)> {
    // SQLite makes its other files with the same mode.
    private_file(path).with_context(|| format!("opening {}", path.display()))?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut writer = Connection::open_with_flags(path, flags).context("opening the store")?;
    writer.busy_timeout(BUSY_WAIT)?;
    if schema::version(&writer)? == 0 {
        // Only before the first table; on a file of ours it would be a write each time.
        writer.pragma_update(None, "auto_vacuum", "INCREMENTAL").context("setting up the store")?;
    }
    let mode: String = writer
        .query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))
        .context("setting up the store")?;
    if mode != "wal" {
        // Some network file systems cannot: then reads wait for writes, and the rest works.
        tracing::warn!("the store has no write-ahead log on this file system but a {mode} journal");
    }
    writer.pragma_update(None, "synchronous", "NORMAL")?;
    writer.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    writer.query_row(&format!("PRAGMA journal_size_limit = {LOG_BYTES}"), [], |_| Ok(()))?;
    schema::migrate(&mut writer)?;
    // Damage in what is read at start shows now, while the file can still be moved aside.
    super::read::load(&writer).context("reading the store")?;
    let reader = Connection::open_with_flags(path, flags).context("opening the store")?;
    reader.busy_timeout(BUSY_WAIT)?;
    reader.pragma_update(None, "query_only", true)?;
    Ok((writer, reader))
}

/// Whether the file itself is damaged, so that trying again cannot help.
pub(super) fn is_damage(err: &anyhow::Error) -> bool {
    err.chain().filter_map(|cause| cause.downcast_ref::<rusqlite::Error>()).any(|err| {
        matches!(err.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
    })
}

/// Renames the database and its log.
fn move_aside(path: &Path) -> anyhow::Result<Option<PathBuf>> {
    let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let with = |suffix: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    let aside = with(&format!(".broken-{now_ms}"));
    let moved = match fs::rename(path, &aside) {
        // It was moved before, and what came then failed.
        Err(err) if err.kind() == std::io::ErrorKind::NotFound => None,
        moved => {
            moved.with_context(|| format!("moving the damaged store to {}", aside.display()))?;
            Some(aside)
        }
    };
    for log in ["-wal", "-shm"] {
        // They exist only when the program did not end well.
        match fs::rename(with(log), with(&format!(".broken-{now_ms}{log}"))) {
            Err(err) if err.kind() != std::io::ErrorKind::NotFound => {
                return Err(err).context("moving the damaged store's log");
            }
            _ => {}
        }
    }
    Ok(moved)
}

/// A directory that only its owner can enter.
fn private_directory(path: &Path) -> std::io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
        builder.mode(0o700).create(path)?;
        if path.metadata()?.permissions().mode() & 0o077 != 0 {
            fs::set_permissions(path, fs::Permissions::from_mode(0o700))?;
        }
        Ok(())
    }
    #[cfg(not(unix))]
    builder.create(path)
}

/// A file that only its owner can read, made when it is missing.
fn private_file(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options.open(path)
}
