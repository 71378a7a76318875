//! The files that agents and editors find the server by: for the owner alone, gone when it is.

use magia_core::ide::LockFile;
#[cfg(unix)]
use magia_protocol::paths::own_uid;
use magia_protocol::process::process_start_ticks;
use serde_json::json;
use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};

/// A lock file is shorter.
const FILE_MAX: u64 = 64 * 1024;

/// Where they are.
#[derive(Clone, Debug)]
pub struct IdePlaces {
    /// Claude's configuration directory.
    pub claude: PathBuf,
    /// The runtime directory, where editors look.
    pub runtime: PathBuf,
    /// The directory for temporary files, where Gemini CLI looks.
    pub temp: PathBuf,
    /// Where the last port is kept, so that an agent finds magia again after a restart.
    pub state: PathBuf,
}

impl IdePlaces {
    fn locks(&self) -> PathBuf {
        self.claude.join("ide")
    }

    /// The lock file of a port.
    pub(super) fn lock(&self, port: u16) -> PathBuf {
        self.locks().join(format!("{port}.lock"))
    }

    /// What editors read.
    fn editor_file(&self) -> PathBuf {
        self.runtime.join("ide.json")
    }

    /// The port of the last time.
    pub(super) fn last_port(&self) -> Option<u16> {
        fs::read_to_string(self.state.join("ide-port")).ok()?.trim().parse().ok().filter(|port| *port != 0)
    }

    pub(super) fn keep_port(&self, port: u16) -> io::Result<()> {
        fs::create_dir_all(&self.state)?;
        write_private(&self.state.join("ide-port"), &format!("{port}\n"))
    }

    /// Whether another editor has a lock file for this port, and lives: then its agents would come to us.
    pub(super) fn is_anothers(&self, port: u16) -> bool {
        read(&self.lock(port))
            .is_some_and(|lock| lock.ide_name != magia_core::ide::IDE_NAME && lives(lock.pid))
    }

    /// Whether the lock file leads to whoever knows this token.
    pub(super) fn is_locked_with(&self, port: u16, token: &str) -> bool {
        read(&self.lock(port)).is_some_and(|lock| lock.auth_token == token)
    }

    /// Writes the lock file.
    pub(super) fn write_lock(&self, port: u16, token: &str) -> io::Result<()> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(self.locks())?;
        let lock = serde_json::to_string(&LockFile::new(std::process::id(), token))?;
        write_private(&self.lock(port), &lock)
    }

    /// Removes the lock file, if it is still ours.
    pub(super) fn remove_lock(&self, port: u16, token: &str) {
        if self.is_locked_with(port, token) {
            remove(&self.lock(port));
        }
    }

    /// Removes the lock files that a magia left behind when it was killed. Others' are theirs.
    pub(super) fn remove_left_behind(&self) {
        let entries = fs::read_dir(self.locks()).into_iter().flatten().flatten();
        for path in
            entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|it| it == "lock"))
        {
            if read(&path).is_some_and(|lock| lock.is_left_behind(lives)) {
                remove(&path);
            }
        }
    }

    /// What Gemini CLI reads when it is told our process id.
    fn companion_file(&self, port: u16) -> PathBuf {
        let name = format!("gemini-ide-server-{}-{port}.json", std::process::id());
        self.temp.join("gemini").join("ide").join(name)
    }

    pub(super) fn write_companion_file(&self, port: u16, token: &str) -> io::Result<()> {
        let path = self.companion_file(port);
        let (gemini, ide) = (self.temp.join("gemini"), self.temp.join("gemini").join("ide"));
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&ide)?;
        check_ours(&gemini)?;
        check_ours(&ide)?;
        // All directories: only an agent that was told our process id reads it.
        let text = json!({
            "port": port,
            "workspacePath": "/",
            "authToken": token,
            "ideInfo": { "name": "magia", "displayName": "magia" },
        });
        write_private(&path, &text.to_string())
    }

    pub(super) fn remove_companion_file(&self, port: u16) {
        remove(&self.companion_file(port));
    }

    /// Writes what editors read.
    pub(super) fn write_editor_file(&self, port: u16, token: &str) -> io::Result<()> {
        let text = json!({ "version": 1, "pid": std::process::id(), "port": port, "token": token });
        write_private(&self.editor_file(), &text.to_string())
    }

    pub(super) fn remove_editor_file(&self) {
        remove(&self.editor_file());
    }
}

fn read(path: &Path) -> Option<LockFile> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NOFOLLOW | libc::O_NONBLOCK);
    let mut text = String::new();
    options.open(path).ok()?.take(FILE_MAX).read_to_string(&mut text).ok()?;
    LockFile::read(&text)
}

/// Where it cannot be told, nothing is taken away.
fn lives(pid: u32) -> bool {
    process_start_ticks(pid).is_some() || !cfg!(target_os = "linux")
}

fn remove(path: &Path) {
    match fs::remove_file(path) {
        Err(err) if err.kind() != ErrorKind::NotFound => {
            tracing::warn!("{} could not be removed: {err}", path.display());
        }
        _ => {}
    }
}

/// All may make directories beside this one: what another user made, or may write to, could hold a file of theirs in the
/// place of ours.
#[cfg(unix)]
fn check_ours(dir: &Path) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt as _;
    let facts = fs::symlink_metadata(dir)?;
    if facts.is_dir() && facts.uid() == own_uid() && facts.mode() & 0o022 == 0 {
        return Ok(());
    }
    let why = format!("other users may write there, or it is not this user's: {}", dir.display());
    Err(io::Error::new(ErrorKind::PermissionDenied, why))
}
#[cfg(not(unix))]
fn check_ours(_dir: &Path) -> io::Result<()> {
    Ok(())
}

/// Puts a new file for the owner alone in the place of the old one.
fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let fresh = path.with_file_name(format!(".{name}.magia-{}", std::process::id()));
    match fs::remove_file(&fresh) {
        Err(err) if err.kind() != ErrorKind::NotFound => return Err(err),
        _ => {}
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(&fresh).and_then(|mut file| file.write_all(text.as_bytes()));
    let placed = written.and_then(|()| fs::rename(&fresh, path));
    if placed.is_err() {
        remove(&fresh);
    }
    placed
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn places(dir: &Path) -> IdePlaces {
        IdePlaces {
            claude: dir.join("claude"),
            runtime: dir.join("run"),
            temp: dir.join("tmp"),
            state: dir.join("state"),
        }
    }

    #[test]
    fn the_lock_file_is_the_owners_and_is_removed_while_it_is_ours() {
        let dir = tempfile::tempdir().unwrap();
        let places = places(dir.path());
        places.write_lock(4711, "secret").unwrap();
        let path = dir.path().join("claude/ide/4711.lock");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(path.parent().unwrap()).unwrap().permissions().mode() & 0o777, 0o700);
        let lock = read(&path).unwrap();
        assert_eq!((lock.pid, lock.workspace_folders.len()), (std::process::id(), 0));
        places.remove_lock(4711, "another");
        assert!(path.exists(), "it is not ours any more");
        places.remove_lock(4711, "secret");
        assert!(!path.exists());
        let left: Vec<_> = fs::read_dir(path.parent().unwrap()).unwrap().collect();
        assert!(left.is_empty(), "{left:?}");
        places.keep_port(4711).unwrap();
        assert_eq!(places.last_port(), Some(4711));
    }

    #[test]
    fn nothing_leads_gemini_to_a_directory_that_others_may_write_to() {
        let dir = tempfile::tempdir().unwrap();
        let places = places(dir.path());
        let (gemini, ide) = (places.temp.join("gemini"), places.temp.join("gemini/ide"));
        let file = places.companion_file(4711);
        let allow = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        places.write_companion_file(4711, "secret").unwrap();
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        for directory in [&gemini, &ide] {
            // As Gemini CLI itself makes it.
            allow(directory, 0o755);
            places.write_companion_file(4711, "secret").unwrap();
            places.remove_companion_file(4711);
            allow(directory, 0o777);
            let refused = places.write_companion_file(4711, "secret").unwrap_err();
            assert!(refused.to_string().contains("gemini"), "{refused}");
            assert!(!file.exists());
            allow(directory, 0o700);
        }
        // Only root can make something another user's; CI is root.
        if own_uid() == 0 {
            std::os::unix::fs::chown(&gemini, Some(65_534), None).unwrap();
            assert!(places.write_companion_file(4711, "secret").is_err() && !file.exists());
            std::os::unix::fs::chown(&gemini, Some(0), None).unwrap();
        }
        let elsewhere = dir.path().join("elsewhere");
        fs::rename(&gemini, &elsewhere).unwrap();
        std::os::unix::fs::symlink(&elsewhere, &gemini).unwrap();
        assert!(places.write_companion_file(4711, "secret").is_err(), "a link may be another's");
    }

    #[test]
    fn only_what_a_dead_magia_left_behind_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let places = places(dir.path());
        places.write_lock(1, "a").unwrap();
        let ide = dir.path().join("claude/ide");
        let dead = u32::MAX - 1;
        let write = |name: &str, lock: &LockFile| {
            fs::write(ide.join(name), serde_json::to_string(lock).unwrap()).unwrap();
        };
        write("2.lock", &LockFile::new(dead, "b"));
        write("3.lock", &LockFile { ide_name: "Neovim".into(), ..LockFile::new(dead, "c") });
        write("4.lock", &LockFile { ide_name: "Neovim".into(), ..LockFile::new(std::process::id(), "d") });
        fs::write(ide.join("5.lock"), "{").unwrap();
        fs::write(ide.join("6.txt"), serde_json::to_string(&LockFile::new(dead, "e")).unwrap()).unwrap();
        places.remove_left_behind();
        let mut left: Vec<_> =
            fs::read_dir(&ide).unwrap().map(|it| it.unwrap().file_name().into_string().unwrap()).collect();
        left.sort();
        assert_eq!(left, ["1.lock", "3.lock", "4.lock", "5.lock", "6.txt"]);
        assert!(places.is_anothers(4) && !places.is_anothers(3) && !places.is_anothers(1));
    }
}
