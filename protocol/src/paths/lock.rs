//! The lock that says which process owns a runtime directory.

use super::{PathError, ensure_runtime_dir};
use crate::process::process_start_ticks;
use std::error::Error;
use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const LOCK_FILE: &str = "lock";
/// A pid has at most ten digits.
const PID_MAX_BYTES: u64 = 16;
/// How often a lock file that vanished between opening and locking is made again.
const ATTEMPTS: usize = 8;

/// Proof that this process owns a runtime directory: an exclusive flock on the file `lock` in it, held until
/// drop and let go by the kernel when the process dies, however it dies. The file holds our pid and stays.
///
/// Also holds a shared flock on the directory itself, because systemd-tmpfiles leaves locked directories alone.
#[derive(Debug)]
pub struct InstanceLock {
    dir: PathBuf,
    file: File,
    _directory: Option<File>,
}

/// Why the lock was not taken.
#[derive(Debug)]
pub enum LockError {
    /// Another process has it.
    HeldBy {
        /// Its pid, when it has written one already.
        pid: Option<u32>,
    },
    /// The runtime directory cannot be used.
    Dir(PathError),
    /// The lock file cannot be used.
    Io {
        /// The lock file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

impl fmt::Display for LockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HeldBy { pid: Some(pid) } => write!(f, "another magia is running, process {pid}"),
            Self::HeldBy { pid: None } => f.write_str("another magia is running"),
            Self::Dir(err) => err.fmt(f),
            Self::Io { path, source } => write!(f, "cannot lock ({source}): {}", path.display()),
        }
    }
}

impl Error for LockError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::HeldBy { .. } => None,
            Self::Dir(err) => err.source(),
            Self::Io { source, .. } => Some(source),
        }
    }
}

/// How long a lock is waited for whose holder has ended.
const ORPHAN_WAIT: Duration = Duration::from_secs(1);
/// How often it is tried meanwhile.
const ORPHAN_EVERY: Duration = Duration::from_millis(5);

impl InstanceLock {
    /// As [`InstanceLock::try_acquire`], but waits up to a second while the holder is a process that has ended: one that
    /// is killed as it starts a child leaves its lock to that child until the child has become another program.
    ///
    /// # Errors
    /// As [`InstanceLock::try_acquire`].
    pub fn acquire(dir: &Path) -> Result<Self, LockError> {
        let give_up = Instant::now() + ORPHAN_WAIT;
        loop {
            match Self::try_acquire(dir) {
                Err(LockError::HeldBy { pid: Some(pid) })
                    if process_start_ticks(pid).is_none() && Instant::now() < give_up =>
                {
                    std::thread::sleep(ORPHAN_EVERY);
                }
                done => return done,
            }
        }
    }

    /// Makes the runtime directory `dir` if needed and takes its lock without waiting.
    ///
    /// # Errors
    /// [`LockError::HeldBy`] when another process (or another lock in this one) has it.
    pub fn try_acquire(dir: &Path) -> Result<Self, LockError> {
        ensure_runtime_dir(dir).map_err(LockError::Dir)?;
        let path = dir.join(LOCK_FILE);
        let failed = |source| LockError::Io { path: path.clone(), source };
        for _ in 0..ATTEMPTS {
            let mut file = open(&path).map_err(failed)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(LockError::HeldBy { pid: read_pid(&mut file) }),
                Err(TryLockError::Error(source)) => return Err(failed(source)),
            }
            // Removed between open and lock: what we locked is not what the next process will see.
            if !is_file_at(&file, &path) {
                continue;
            }
            // A full disk is no reason not to start: who is met is then told no process.
            drop(write_pid(&mut file));
            return Ok(Self { dir: dir.to_path_buf(), file, _directory: hold_directory(dir) });
        }
        Err(failed(io::Error::other("the lock file keeps vanishing")))
    }

    /// The lock as another process took it and passed it on: it belongs to the open file, so it is held as long as one
    /// of them has it. The file then names this process.
    ///
    /// # Errors
    /// [`LockError::HeldBy`] when it is not held through `file` but by somebody else.
    pub fn inherit(dir: &Path, mut file: File) -> Result<Self, LockError> {
        let failed = |source| LockError::Io { path: dir.join(LOCK_FILE), source };
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(LockError::HeldBy { pid: read_pid(&mut file) }),
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        // As at a start: a full disk is no reason.
        drop(write_pid(&mut file));
        Ok(Self { dir: dir.to_path_buf(), file, _directory: hold_directory(dir) })
    }

    /// A second hold on the same lock, to be passed on.
    ///
    /// # Errors
    /// What the system says.
    pub fn duplicate(&self) -> io::Result<File> {
        self.file.try_clone()
    }

    /// The runtime directory that is ours.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Whether the lock file is no longer the one that we hold, e.g. after a cleaner of `/tmp`; a second app
    /// could then start beside this one. [`InstanceLock::try_acquire`] again to mend it.
    pub fn is_lost(&self) -> bool {
        !is_file_at(&self.file, &self.dir.join(LOCK_FILE))
    }
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600).custom_flags(libc::O_NOFOLLOW);
    }
    options.open(path)
}

fn read_pid(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(PID_MAX_BYTES).read_to_string(&mut text).ok()?;
    text.trim_end().parse().ok()
}

fn write_pid(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(format!("{}\n", std::process::id()).as_bytes())
}

#[cfg(unix)]
fn is_file_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (file.metadata(), std::fs::symlink_metadata(path)) {
        (Ok(held), Ok(there)) => (held.dev(), held.ino()) == (there.dev(), there.ino()),
        _ => false,
    }
}
#[cfg(not(unix))]
fn is_file_at(_file: &File, path: &Path) -> bool {
    path.exists()
}

#[cfg(unix)]
fn hold_directory(dir: &Path) -> Option<File> {
    let directory = File::open(dir).ok()?;
    directory.try_lock_shared().ok()?;
    Some(directory)
}
#[cfg(not(unix))]
fn hold_directory(_dir: &Path) -> Option<File> {
    None
}
