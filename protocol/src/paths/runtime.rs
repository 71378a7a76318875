//! The runtime directory: which one it is, and whether it is safe to use.

use super::{EnvLookup, PathError, absolute_value, own_uid, process_env, set_value, state_dir_with};
use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

const RUNTIME_DIR_VARIABLE: &str = "MAGIA_RUNTIME_DIR";
const POINTER_FILE: &str = "runtime-dir";
/// A path that the system accepts is shorter; what is longer is not a pointer.
const POINTER_MAX_BYTES: u64 = 4096;

/// The directory in which the app puts its sockets: `$MAGIA_RUNTIME_DIR` when set, else
/// `$TMPDIR/magia-{uid}`, else `/tmp/magia-{uid}`. Nothing is created or checked.
pub fn runtime_dir() -> PathBuf {
    runtime_dir_with(&process_env)
}

/// [`runtime_dir`] in a given environment.
pub fn runtime_dir_with(env: EnvLookup<'_>) -> PathBuf {
    if let Some(dir) = set_value(env, RUNTIME_DIR_VARIABLE) {
        return PathBuf::from(dir);
    }
    absolute_value(env, "TMPDIR").unwrap_or_else(system_temp).join(own_name())
}

/// The directories in which a client looks for the app, best first: `$MAGIA_RUNTIME_DIR` alone when set; else
/// below `$TMPDIR`, below `/tmp`, and the one that the app noted in its pointer file, because an agent may run
/// with another `TMPDIR` than the app. No directory comes twice; none is checked yet.
pub fn runtime_candidates() -> Vec<PathBuf> {
    runtime_candidates_with(&process_env).collect()
}

/// [`runtime_candidates`] in a given environment, each found only when asked for: the pointer file is not
/// read when an earlier directory answers.
pub fn runtime_candidates_with(env: EnvLookup<'_>) -> RuntimeCandidates<'_> {
    RuntimeCandidates { env, next: Step::Explicit, given: Vec::new() }
}

/// Iterator of [`runtime_candidates_with`].
pub struct RuntimeCandidates<'a> {
    env: EnvLookup<'a>,
    next: Step,
    given: Vec<PathBuf>,
}

enum Step {
    Explicit,
    TempVariable,
    SystemTemp,
    Pointer,
    Done,
}

impl Iterator for RuntimeCandidates<'_> {
    type Item = PathBuf;

    fn next(&mut self) -> Option<PathBuf> {
        loop {
            let found = match self.next {
                Step::Explicit => {
                    let explicit = set_value(self.env, RUNTIME_DIR_VARIABLE);
                    self.next = if explicit.is_some() { Step::Done } else { Step::TempVariable };
                    explicit.map(PathBuf::from)
                }
                Step::TempVariable => {
                    self.next = Step::SystemTemp;
                    absolute_value(self.env, "TMPDIR").map(|dir| dir.join(own_name()))
                }
                Step::SystemTemp => {
                    self.next = Step::Pointer;
                    Some(system_temp().join(own_name()))
                }
                Step::Pointer => {
                    self.next = Step::Done;
                    read_pointer(self.env)
                }
                Step::Done => return None,
            };
            if let Some(dir) = found
                && !self.given.contains(&dir)
            {
                self.given.push(dir.clone());
                return Some(dir);
            }
        }
    }
}

/// Where the app notes its runtime directory: `$XDG_STATE_HOME/magia/runtime-dir`. The file holds the
/// absolute path and a newline.
///
/// # Errors
/// [`PathError::NoHome`].
pub fn runtime_pointer_path_with(env: EnvLookup<'_>) -> Result<PathBuf, PathError> {
    Ok(state_dir_with(env)?.join(POINTER_FILE))
}

/// Notes `dir` as the app's runtime directory, for clients with another `TMPDIR`. Gives whether it was
/// written: with `$MAGIA_RUNTIME_DIR` set it is not, since a private instance must not draw other agents'
/// hooks to itself.
///
/// # Errors
/// [`PathError::NoHome`], or [`PathError::Io`] when the state directory cannot be made or written.
pub fn write_runtime_pointer(dir: &Path) -> Result<bool, PathError> {
    write_runtime_pointer_with(&process_env, dir)
}

/// [`write_runtime_pointer`] in a given environment.
///
/// # Errors
/// As [`write_runtime_pointer`].
pub fn write_runtime_pointer_with(env: EnvLookup<'_>, dir: &Path) -> Result<bool, PathError> {
    if set_value(env, RUNTIME_DIR_VARIABLE).is_some() {
        return Ok(false);
    }
    let path = runtime_pointer_path_with(env)?;
    let failed = |doing, path: &Path, source| PathError::Io { doing, path: path.to_path_buf(), source };
    if let Some(parent) = path.parent() {
        create_private_dirs(parent).map_err(|err| failed("create", parent, err))?;
    }
    let fresh = path.with_extension("new");
    write_private(&fresh, dir).map_err(|err| failed("write", &fresh, err))?;
    fs::rename(&fresh, &path).map_err(|err| failed("replace", &path, err))?;
    Ok(true)
}

fn write_private(file: &Path, dir: &Path) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600).custom_flags(libc::O_NOFOLLOW);
    }
    let mut line = dir.as_os_str().as_encoded_bytes().to_vec();
    line.push(b'\n');
    options.open(file)?.write_all(&line)
}

fn read_pointer(env: EnvLookup<'_>) -> Option<PathBuf> {
    let file = fs::File::open(runtime_pointer_path_with(env).ok()?).ok()?;
    let mut bytes = Vec::new();
    file.take(POINTER_MAX_BYTES).read_to_end(&mut bytes).ok()?;
    let end = bytes.iter().rposition(|byte| *byte != b'\n').map_or(0, |last| last + 1);
    bytes.truncate(end);
    path_from_bytes(bytes).filter(|dir| dir.is_absolute())
}

#[cfg(unix)]
fn path_from_bytes(bytes: Vec<u8>) -> Option<PathBuf> {
    use std::os::unix::ffi::OsStringExt;
    Some(PathBuf::from(std::ffi::OsString::from_vec(bytes)))
}
#[cfg(not(unix))]
fn path_from_bytes(bytes: Vec<u8>) -> Option<PathBuf> {
    String::from_utf8(bytes).ok().map(PathBuf::from)
}

fn own_name() -> String {
    format!("magia-{}", own_uid())
}

#[cfg(unix)]
fn system_temp() -> PathBuf {
    PathBuf::from("/tmp")
}
#[cfg(not(unix))]
fn system_temp() -> PathBuf {
    std::env::temp_dir()
}

/// Makes the runtime directory with mode 0700 when nothing is there (also missing parents), and checks it as
/// [`check_runtime_dir`] does. A directory that fails the check is left as it is, never repaired: somebody
/// else may be behind it.
///
/// # Errors
/// As [`check_runtime_dir`], and [`PathError::Io`] when it cannot be made.
pub fn ensure_runtime_dir(dir: &Path) -> Result<(), PathError> {
    match check_runtime_dir(dir) {
        Err(PathError::Missing { .. }) => {}
        checked => return checked,
    }
    create_private_dirs(dir).map_err(|source| PathError::Io {
        doing: "create",
        path: dir.to_path_buf(),
        source,
    })?;
    check_runtime_dir(dir)
}

/// Checks that `dir` is absolute, a directory and not a link to one, ours, and closed to group and others.
/// Clients check as well as the app: a socket in a directory of somebody else is not the app.
///
/// # Errors
/// The [`PathError`] that says which of these it is not; [`PathError::Missing`] when nothing is there.
pub fn check_runtime_dir(dir: &Path) -> Result<(), PathError> {
    let path = || dir.to_path_buf();
    if !dir.is_absolute() {
        return Err(PathError::NotAbsolute { path: path() });
    }
    let facts = match fs::symlink_metadata(dir) {
        Ok(facts) => facts,
        Err(err) if err.kind() == io::ErrorKind::NotFound => return Err(PathError::Missing { path: path() }),
        Err(source) => return Err(PathError::Io { doing: "look at", path: path(), source }),
    };
    if facts.is_symlink() {
        return Err(PathError::Symlink { path: path() });
    }
    if !facts.is_dir() {
        return Err(PathError::NotADirectory { path: path() });
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let uid = own_uid();
        if facts.uid() != uid {
            return Err(PathError::ForeignOwner { path: path(), owner: facts.uid(), uid });
        }
        let mode = facts.mode() & 0o7777;
        if mode & 0o077 != 0 {
            return Err(PathError::OpenToOthers { path: path(), mode });
        }
    }
    Ok(())
}

fn create_private_dirs(dir: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    builder.create(dir)
}
