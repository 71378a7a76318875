//! The demo's private place: a directory of its own, and the environment that keeps every child in it.

use anyhow::{Context as _, Result};
use magia_protocol::paths::Socket;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// Variables that would lead a child to the user's own files, or to another instance.
const FOREIGN: &[&str] = &["CLAUDE_CONFIG_DIR", "CODEX_HOME", "CLAUDECODE", "CLAUDE_CODE_SESSION_ID"];

/// The place; removed when dropped.
#[derive(Debug)]
pub struct Place {
    dir: TempDir,
}

impl Place {
    /// Makes a place below the directory for temporary files, or below `/tmp` when socket paths would be too
    /// long there.
    pub fn new() -> Result<Self> {
        let make = |below: &Path| {
            let dir = tempfile::Builder::new().prefix("magia-demo-").tempdir_in(below);
            dir.map(|dir| Self { dir })
                .with_context(|| format!("cannot make a directory in {}", below.display()))
        };
        let mut place = make(&std::env::temp_dir())?;
        if Socket::Permissions.path_in(&place.runtime_dir()).is_err() {
            place = make(Path::new("/tmp"))?;
        }
        for dir in [place.home(), place.claude_dir(), place.projects_dir(), place.runtime_dir()] {
            fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
        }
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let private = fs::Permissions::from_mode(0o700);
            fs::set_permissions(place.runtime_dir(), private)
                .context("cannot close the runtime directory")?;
        }
        // The port for telemetry is the user's own instance's: agents of the user would tell the demo else.
        let config = place.home().join(".config/magia");
        fs::create_dir_all(&config).with_context(|| format!("cannot make {}", config.display()))?;
        fs::write(config.join("settings.json"), "{ \"otelCollectorPort\": 0 }\n")
            .context("cannot write the demo's settings")?;
        Ok(place)
    }

    /// The directory itself.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// The home directory of everything in the demo.
    pub fn home(&self) -> PathBuf {
        self.path().join("home")
    }

    /// Where the sockets are.
    pub fn runtime_dir(&self) -> PathBuf {
        self.path().join("run")
    }

    /// The agent's directory.
    pub fn claude_dir(&self) -> PathBuf {
        self.home().join(".claude")
    }

    /// Where the sessions' projects are.
    pub fn projects_dir(&self) -> PathBuf {
        self.home().join("projects")
    }

    /// Gives `command` the private environment.
    pub fn enter(&self, command: &mut Command) {
        let home = self.home();
        for name in FOREIGN {
            command.env_remove(name);
        }
        command
            .env("MAGIA_RUNTIME_DIR", self.runtime_dir())
            .env("XDG_CONFIG_HOME", home.join(".config"))
            .env("XDG_DATA_HOME", home.join(".local/share"))
            .env("XDG_STATE_HOME", home.join(".local/state"))
            .env("XDG_CACHE_HOME", home.join(".cache"))
            .env("HOME", &home);
        // The display server's key lies in the user's own home.
        if let Some(key) = display_key() {
            command.env("XAUTHORITY", key);
        }
    }
}

fn display_key() -> Option<OsString> {
    if let Some(key) = std::env::var_os("XAUTHORITY") {
        return Some(key);
    }
    let key = PathBuf::from(std::env::var_os("HOME")?).join(".Xauthority");
    key.is_file().then(|| key.into_os_string())
}
