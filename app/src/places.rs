//! Where everything is, read from the environment once, at start.

use crate::services::steward::StewardPaths;
use anyhow::{Context as _, Result};
use magia_protocol::paths;
use std::path::PathBuf;

/// The directories of this run.
#[derive(Clone, Debug)]
pub struct Places {
    /// Sockets and lock.
    pub runtime: PathBuf,
    /// settings.json.
    pub config: PathBuf,
    /// magia.db and the handler's copy.
    pub data: PathBuf,
    /// Logs and backups.
    pub state: PathBuf,
    /// Claude's configuration directory.
    pub claude: PathBuf,
    /// Codex's directory.
    pub codex: PathBuf,
    /// The user's home.
    pub home: PathBuf,
    /// The hook handler beside this program.
    pub handler: PathBuf,
}

impl Places {
    /// Reads the environment.
    pub fn find() -> Result<Self> {
        let program = std::env::current_exe().context("finding this program's own path")?;
        Ok(Self {
            runtime: paths::runtime_dir(),
            config: paths::config_dir().context("finding the config directory")?,
            data: paths::data_dir().context("finding the data directory")?,
            state: paths::state_dir().context("finding the state directory")?,
            claude: paths::claude_config_dir().context("finding Claude's configuration directory")?,
            codex: paths::codex_home().context("finding Codex's directory")?,
            home: std::env::var_os("HOME").map(PathBuf::from).context("HOME is not set")?,
            handler: program.with_file_name(format!("magia-hook-handler{}", std::env::consts::EXE_SUFFIX)),
        })
    }

    /// What the settings steward works with.
    pub fn steward(&self) -> StewardPaths {
        StewardPaths::for_claude(&self.claude, &self.state, &self.data, &self.handler)
    }
}
