//! Replacing a file that others write too: all or nothing, links and mode kept, and nobody's newer content lost.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result, bail};
use magia_core::steward::MAX_BYTES;

use crate::os::attributes;

/// More links than this in a row are a loop.
const MAX_LINKS: usize = 40;
/// A bound for a loop that in practice ends at its first turn.
const MAX_SWAPS: usize = 100;
const OWNER_WRITE: u32 = 0o200;
const NEW_FILE_MODE: u32 = 0o600;

/// How bytes reach a file; a test puts a full disk in its place.
pub trait Disk {
    /// Writes all of it and asks the disk to keep it.
    ///
    /// # Errors
    /// As the operating system says.
    fn write(&self, file: &mut File, bytes: &[u8]) -> io::Result<()> {
        file.write_all(bytes)?;
        file.sync_all()
    }

    /// Called when the new file is ready and the old one has been compared, before the two change places.
    fn before_swap(&self) {}
}

/// The disk as it is.
pub struct RealDisk;

impl Disk for RealDisk {}

/// What became of a replacement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replaced {
    /// The new content is in place.
    Done,
    /// The file no longer held what the new content was made from; it holds what another wrote.
    Changed,
}

/// Where a path leads in the end, following links also when the last one points at nothing.
pub fn resolve(path: &Path) -> Result<PathBuf> {
    let mut at = path.to_owned();
    for _ in 0..MAX_LINKS {
        match fs::read_link(&at) {
            Ok(target) => at = at.parent().unwrap_or(Path::new("/")).join(target),
            Err(_) => return Ok(at),
        }
    }
    bail!("too many symbolic links: {}", path.display())
}

/// The content of a file, or none when there is no file. Reads one byte more than the steward accepts.
pub fn read(path: &Path) -> Result<Option<Vec<u8>>> {
    // Without O_NONBLOCK a FIFO in the file's place would hold us for ever.
    let file = match OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path) {
        Ok(file) => file,
        Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(err) => return Err(err).with_context(|| format!("cannot read {}", path.display())),
    };
    let meta = file.metadata().with_context(|| format!("cannot read {}", path.display()))?;
    if !meta.is_file() {
        bail!("not a regular file: {}", path.display());
    }
    let mut bytes = Vec::new();
    file.take(MAX_BYTES as u64 + 1)
        .read_to_end(&mut bytes)
        .with_context(|| format!("cannot read {}", path.display()))?;
    Ok(Some(bytes))
}

/// Makes a directory of our own kind (0700) and its parents; one that exists stays as it is.
pub fn make_dir(dir: &Path) -> Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .with_context(|| format!("cannot create the directory {}", dir.display()))
}

/// Refuses a link into a directory that is not there: who made the link meant another place, or one that is away now.
pub fn check_link(path: &Path, target: &Path) -> Result<()> {
    let dir = parent(target);
    if path != target && !dir.is_dir() {
        bail!(
            "its link leads into a directory that is not there; make it, or remove the link: {}",
            dir.display()
        );
    }
    Ok(())
}

/// Refuses what is marked read-only, also for a user whom the system would not stop, and a file that has further names:
/// under those the old content would stay.
pub fn check_writable(path: &Path) -> Result<()> {
    if let Ok(meta) = fs::metadata(path) {
        if meta.mode() & OWNER_WRITE == 0 || !may_write(path) {
            bail!("read-only, so nothing was changed: {}", path.display());
        }
        if meta.nlink() > 1 {
            bail!(
                "the file has {} names (hard links), so nothing was changed; use a symbolic link, or a copy: {}",
                meta.nlink(),
                path.display()
            );
        }
    }
    let dir = parent(path);
    let meta = fs::metadata(dir).with_context(|| format!("cannot read the directory {}", dir.display()))?;
    if meta.mode() & OWNER_WRITE == 0 || !may_write(dir) {
        bail!("its directory is read-only, so nothing was changed: {}", dir.display());
    }
    Ok(())
}

/// Puts `after` where `before` stands (none: no file), if `before` still stands there.
///
/// The new content is written beside the file and the two change places in one step; what came out of the swap
/// is compared again, so that not even a write in the last moment gets lost.
pub fn replace(
    path: &Path,
    before: Option<&[u8]>,
    after: Option<&[u8]>,
    disk: &dyn Disk,
) -> Result<Replaced> {
    let temp = Temp::beside(path);
    let doing = || format!("cannot write {}", path.display());
    match after {
        Some(after) => {
            write_temp(&temp.0, after, path, disk).with_context(doing)?;
            if read(path)?.as_deref() != before {
                return Ok(Replaced::Changed);
            }
            disk.before_swap();
            let done = match before {
                None => create(&temp.0, path).with_context(doing)?,
                Some(before) => swap(&temp.0, path, before, after).with_context(doing)?,
            };
            sync_dir(parent(path)).with_context(doing)?;
            Ok(done)
        }
        None => {
            if read(path)?.as_deref() != before {
                return Ok(Replaced::Changed);
            }
            disk.before_swap();
            fs::rename(path, &temp.0).with_context(|| format!("cannot remove {}", path.display()))?;
            if read(&temp.0)?.as_deref() != before {
                // Somebody wrote it anew just now. If there is an even newer one, that one stays.
                create(&temp.0, path).with_context(doing)?;
                return Ok(Replaced::Changed);
            }
            sync_dir(parent(path)).with_context(doing)?;
            Ok(Replaced::Done)
        }
    }
}

/// Writes a file of our own (mode as given) in one step, whatever stands there.
pub fn write_own(path: &Path, bytes: &[u8], mode: u32, disk: &dyn Disk) -> Result<()> {
    let temp = Temp::beside(path);
    let write = || -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&temp.0)?;
        file.set_permissions(fs::Permissions::from_mode(mode))?;
        disk.write(&mut file, bytes)?;
        drop(file);
        fs::rename(&temp.0, path)?;
        sync_dir(parent(path))
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

/// Writes the new file as its owner, mode, access control list and attributes are on the old one. Nobody can read it who could
/// not read the old one, at no time.
fn write_temp(temp: &Path, bytes: &[u8], old: &Path, disk: &dyn Disk) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(NEW_FILE_MODE).open(temp)?;
    match OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(old) {
        Ok(old) => {
            let (old_meta, new) = (old.metadata()?, file.metadata()?);
            if (new.uid(), new.gid()) != (old_meta.uid(), old_meta.gid()) {
                std::os::unix::fs::fchown(&file, Some(old_meta.uid()), Some(old_meta.gid()))?;
            }
            // With a list, the mode's group is its mask; without it, that mode would let the group read.
            attributes::copy(&old, &file)?;
            file.set_permissions(fs::Permissions::from_mode(old_meta.mode() & 0o7777))?;
        }
        Err(err) if err.kind() == io::ErrorKind::NotFound => {}
        Err(err) => return Err(err),
    }
    disk.write(&mut file, bytes)
}

/// Gives a new file its name, unless that has been taken meanwhile.
fn create(temp: &Path, path: &Path) -> io::Result<Replaced> {
    match fs::hard_link(temp, path) {
        Ok(()) => Ok(Replaced::Done),
        Err(err) if err.kind() == io::ErrorKind::AlreadyExists => Ok(Replaced::Changed),
        // A file system without links.
        Err(_) if !path.exists() => fs::rename(temp, path).map(|()| Replaced::Done),
        Err(err) => Err(err),
    }
}

fn swap(temp: &Path, path: &Path, before: &[u8], after: &[u8]) -> io::Result<Replaced> {
    match exchange(temp, path) {
        Ok(()) => {}
        Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(Replaced::Changed),
        Err(_) => return fs::rename(temp, path).map(|()| Replaced::Done),
    }
    let mut came_out = fs::read(temp)?;
    if came_out == before {
        return Ok(Replaced::Done);
    }
    // Another wrote between the comparison and the swap: what it wrote goes back. Should that push out something
    // newer still, the newer goes back in turn.
    let mut put_in = after.to_owned();
    for _ in 0..MAX_SWAPS {
        if exchange(temp, path).is_err() {
            return create(temp, path).map(|_| Replaced::Changed);
        }
        let pushed_out = fs::read(temp)?;
        if pushed_out == put_in {
            break;
        }
        put_in = std::mem::replace(&mut came_out, pushed_out);
    }
    Ok(Replaced::Changed)
}

#[cfg(any(target_os = "linux", target_os = "macos"))]
fn exchange(a: &Path, b: &Path) -> io::Result<()> {
    use std::os::unix::ffi::OsStrExt;
    let a = std::ffi::CString::new(a.as_os_str().as_bytes())?;
    let b = std::ffi::CString::new(b.as_os_str().as_bytes())?;
    // SAFETY: both are NUL-terminated strings that live over the call, which keeps neither.
    #[cfg(target_os = "linux")]
    let result = unsafe {
        libc::renameat2(libc::AT_FDCWD, a.as_ptr(), libc::AT_FDCWD, b.as_ptr(), libc::RENAME_EXCHANGE)
    };
    // SAFETY: as above.
    #[cfg(target_os = "macos")]
    let result = unsafe { libc::renamex_np(a.as_ptr(), b.as_ptr(), libc::RENAME_SWAP) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
fn exchange(_a: &Path, _b: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

fn may_write(path: &Path) -> bool {
    use std::os::unix::ffi::OsStrExt;
    let Ok(path) = std::ffi::CString::new(path.as_os_str().as_bytes()) else { return false };
    // SAFETY: a NUL-terminated string that lives over the call, which keeps nothing.
    unsafe { libc::access(path.as_ptr(), libc::W_OK) == 0 }
}

fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// A file beside another that is gone when this is.
struct Temp(PathBuf);

impl Temp {
    fn beside(path: &Path) -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let temp = parent(path).join(format!(".{name}.magia-{}-{count}", std::process::id()));
        // A magia that was killed may have had the same number; nobody else uses such a name.
        let _left_behind = fs::remove_file(&temp);
        Self(temp)
    }
}

impl Drop for Temp {
    fn drop(&mut self) {
        // It has usually been renamed away; there is nothing to do about a directory that is gone.
        let _gone = fs::remove_file(&self.0);
    }
}
