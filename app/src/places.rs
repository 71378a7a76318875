//! Where everything is, read from the environment once, at start.

use crate::services::settings_file::Kind;
use crate::services::steward::StewardPaths;
use crate::services::store::FILE_NAME;
use anyhow::{Context as _, Result};
use magia_protocol::paths;
use magia_protocol::wire::Provider;
use std::path::{Path, PathBuf};

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
    /// Codex's directory, as Codex names it.
    pub codex: PathBuf,
    /// Gemini CLI's directory.
    pub gemini: PathBuf,
    /// Codex's directories, each with a daemon of its own: `$CODEX_HOME` and `~/.codex`.
    pub codex_homes: Vec<PathBuf>,
    /// The user's home.
    pub home: PathBuf,
    /// Where the HTTP API listens, when the command line says so; the settings do not count then.
    pub http: Option<std::net::SocketAddr>,
    /// The hook handler beside this program.
    pub handler: PathBuf,
    /// The command line beside this program.
    pub cli: PathBuf,
    /// Where VibeTunnel's programs look for the socket of terminals; `MAGIA_TERMINAL_LINK` names another place.
    pub terminal_link: PathBuf,
    /// The directory of terminals.
    pub terminals: PathBuf,
    /// The program that becomes a terminal's holder: the command line, which is small, or this one.
    pub holder: PathBuf,
}

impl Places {
    /// Reads the environment.
    pub fn find() -> Result<Self> {
        let program = std::env::current_exe().context("finding this program's own path")?;
        let home = std::env::var_os("HOME").map(PathBuf::from).context("HOME is not set")?;
        Ok(Self {
            runtime: paths::runtime_dir(),
            config: paths::config_dir().context("finding the config directory")?,
            data: paths::data_dir().context("finding the data directory")?,
            state: paths::state_dir().context("finding the state directory")?,
            claude: paths::claude_config_dir().context("finding Claude's configuration directory")?,
            codex: paths::codex_home().context("finding Codex's directory")?,
            gemini: paths::gemini_dir().context("finding Gemini CLI's directory")?,
            codex_homes: codex_homes(std::env::var_os("CODEX_HOME").map(PathBuf::from), &home),
            home,
            http: None,
            cli: program.with_file_name(format!("magia{}", std::env::consts::EXE_SUFFIX)),
            terminal_link: std::env::var_os("MAGIA_TERMINAL_LINK")
                .map_or_else(|| paths::SEED_TERMINAL_SOCKET.into(), PathBuf::from),
            terminals: magia_tty::directory::default_root().context("finding the directory of terminals")?,
            holder: holder(&program),
            handler: program.with_file_name(format!("magia-hook-handler{}", std::env::consts::EXE_SUFFIX)),
        })
    }

    /// Whether nothing of magia is here yet.
    pub fn is_new(&self) -> bool {
        !self.config.join(Kind::Settings.file_name()).exists() && !self.data.join(FILE_NAME).exists()
    }

    /// What the settings steward works with; `home` is another directory of the agent's than the usual one.
    pub fn steward(&self, provider: Provider, home: Option<&Path>) -> StewardPaths {
        let usual = match provider {
            Provider::Claude => &self.claude,
            Provider::Codex => &self.codex,
            Provider::Gemini => &self.gemini,
        };
        StewardPaths::new(provider, home.unwrap_or(usual), &self.state, &self.data, &self.handler)
    }
}

/// `magia` beside this program when it is there, since a holder is to be small; else this program.
fn holder(program: &Path) -> PathBuf {
    let small = program.with_file_name(format!("magia{}", std::env::consts::EXE_SUFFIX));
    if small.is_file() { small } else { program.to_owned() }
}

/// The named directory and the usual one, which may be the same by another path.
fn codex_homes(named: Option<PathBuf>, home: &Path) -> Vec<PathBuf> {
    let usual = home.join(".codex");
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    match named.filter(|named| named.is_absolute() && real(named) != real(&usual)) {
        Some(named) => vec![named, usual],
        None => vec![usual],
    }
}
