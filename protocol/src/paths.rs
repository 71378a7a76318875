//! Where magia's sockets and files are, and whether those places can be trusted.
//!
//! Needs std and libc only, because the hook handler is made of this. No other file builds a socket path.
//!
//! Every function that reads the environment has a twin ending in `_with` that takes the lookup as an
//! argument ([`EnvLookup`]), so that tests need not change the environment of their process. A variable that
//! is set but empty counts as unset; an `XDG_*` or `TMPDIR` value that is not absolute is ignored.

mod lock;
mod runtime;

use std::error::Error;
use std::ffi::OsString;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

pub use lock::{InstanceLock, LockError};
pub use runtime::{
    RuntimeCandidates, check_runtime_dir, ensure_runtime_dir, runtime_candidates, runtime_candidates_with,
    runtime_dir, runtime_dir_with, runtime_pointer_path_with, write_runtime_pointer,
    write_runtime_pointer_with,
};

/// Looks up one environment variable by name.
pub type EnvLookup<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// The longest socket path in bytes, without the closing NUL: 107 on Linux, 103 on macOS.
#[cfg(unix)]
pub const SOCKET_PATH_MAX_BYTES: usize =
    size_of::<libc::sockaddr_un>() - std::mem::offset_of!(libc::sockaddr_un, sun_path) - 1;
/// The longest pipe name that Windows takes.
#[cfg(not(unix))]
pub const SOCKET_PATH_MAX_BYTES: usize = 256;

/// The process environment, for the functions without `_with`.
pub(crate) fn process_env(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

/// The effective user id of this process: the owner that our directories and both ends of a socket must have.
#[cfg(unix)]
pub fn own_uid() -> u32 {
    // SAFETY: geteuid takes nothing, touches no memory of ours and cannot fail.
    unsafe { libc::geteuid() }
}
/// Windows has no user ids; the pipe's access list takes their place.
#[cfg(not(unix))]
pub fn own_uid() -> u32 {
    0
}

/// What can be wrong with one of our places. Texts put the fault first and the path last.
#[derive(Debug)]
pub enum PathError {
    /// The path does not start at the root; a client in another working directory would not find it.
    NotAbsolute {
        /// The path as given.
        path: PathBuf,
    },
    /// Nothing is there: for a client, the app never ran here.
    Missing {
        /// The directory that was looked for.
        path: PathBuf,
    },
    /// The last component is a symbolic link, which somebody else could redirect.
    Symlink {
        /// The link.
        path: PathBuf,
    },
    /// Something else has the name.
    NotADirectory {
        /// What is there.
        path: PathBuf,
    },
    /// Another user made it.
    ForeignOwner {
        /// The directory.
        path: PathBuf,
        /// Its owner.
        owner: u32,
        /// Who we are.
        uid: u32,
    },
    /// Group or others have some access to it.
    OpenToOthers {
        /// The directory.
        path: PathBuf,
        /// Its permission bits, e.g. `0o755`.
        mode: u32,
    },
    /// A socket path does not fit in a socket address.
    TooLong {
        /// The socket path.
        path: PathBuf,
        /// Its length in bytes; [`SOCKET_PATH_MAX_BYTES`] is the most.
        len: usize,
    },
    /// Neither the XDG variable nor `HOME` says where the user's files are.
    NoHome {
        /// The variable that would settle it.
        variable: &'static str,
    },
    /// The system refused.
    Io {
        /// What was tried, e.g. "create".
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAbsolute { path } => write!(f, "runtime directory is not absolute: {}", path.display()),
            Self::Missing { path } => write!(f, "no runtime directory: {}", path.display()),
            Self::Symlink { path } => write!(f, "runtime directory is a symbolic link: {}", path.display()),
            Self::NotADirectory { path } => {
                write!(f, "runtime directory is not a directory: {}", path.display())
            }
            Self::ForeignOwner { path, owner, uid } => {
                write!(f, "runtime directory belongs to user {owner}, not to {uid}: {}", path.display())
            }
            Self::OpenToOthers { path, mode } => {
                write!(f, "runtime directory is open to others (mode {mode:04o}): {}", path.display())
            }
            Self::TooLong { path, len } => write!(
                f,
                "socket path has {len} bytes, the system takes {SOCKET_PATH_MAX_BYTES}: {}",
                path.display()
            ),
            Self::NoHome { variable } => write!(f, "neither {variable} nor HOME is set"),
            Self::Io { doing, path, source } => write!(f, "cannot {doing} ({source}): {}", path.display()),
        }
    }
}

impl Error for PathError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}

/// The app's sockets, all in the runtime directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Socket {
    /// Hook events, one line per connection, never answered.
    Hooks,
    /// Hook events that wait for a decision.
    Permissions,
    /// Requests of the command line, and of anything that speaks its protocol.
    Cli,
    /// Requests for terminals, one JSON object per connection.
    Terminal,
    /// OTLP: gRPC, and HTTP with protobuf or JSON.
    Otel,
}

impl Socket {
    /// All of them, in the order in which the app binds them.
    pub const ALL: [Self; 5] = [Self::Hooks, Self::Permissions, Self::Cli, Self::Terminal, Self::Otel];

    /// The file's name, e.g. `hooks.sock`.
    pub fn file_name(self) -> &'static str {
        match self {
            Self::Hooks => "hooks.sock",
            Self::Permissions => "permissions.sock",
            Self::Cli => "cli.sock",
            Self::Terminal => "terminal.sock",
            Self::Otel => "otel.sock",
        }
    }

    /// The socket's path in the runtime directory `dir`.
    ///
    /// # Errors
    /// [`PathError::TooLong`] when it has more than [`SOCKET_PATH_MAX_BYTES`] bytes.
    pub fn path_in(self, dir: &Path) -> Result<PathBuf, PathError> {
        let path = dir.join(self.file_name());
        check_socket_path(&path)?;
        Ok(path)
    }
}

/// The socket at which a magia without a window hands over to one with a window. Not one of [`Socket::ALL`]: it is there
/// only while somebody could take over.
///
/// # Errors
/// [`PathError::TooLong`].
pub fn takeover_socket(dir: &Path) -> Result<PathBuf, PathError> {
    let path = dir.join("takeover.sock");
    check_socket_path(&path)?;
    Ok(path)
}

/// Where VibeTunnel's programs look for the service that opens terminals: a directory that everybody can write to, so
/// at most a link to ours stands there, and only when the user wants it.
pub const SEED_TERMINAL_SOCKET: &str = "/tmp/vibetunnel-terminal.sock";

/// The socket of a terminal's holder, in the terminal's own directory. Source of the name: VibeTunnel.
const TERMINAL_SOCKET: &str = "ipc.sock";
/// The link to the SSH agent of whoever attached last, beside [`TERMINAL_SOCKET`].
const TERMINAL_SSH_LINK: &str = "ssh-auth.sock";

/// The terminals, each in a directory of its own: `$XDG_DATA_HOME/magia/terminals`, else
/// `~/.local/share/magia/terminals`.
///
/// # Errors
/// [`PathError::NoHome`].
pub fn terminals_dir() -> Result<PathBuf, PathError> {
    terminals_dir_with(&process_env)
}
/// [`terminals_dir`] in a given environment.
///
/// # Errors
/// [`PathError::NoHome`].
pub fn terminals_dir_with(env: EnvLookup<'_>) -> Result<PathBuf, PathError> {
    Ok(data_dir_with(env)?.join("terminals"))
}

/// The socket of the terminal whose directory is `dir`.
///
/// # Errors
/// [`PathError::TooLong`] when it has more than [`SOCKET_PATH_MAX_BYTES`] bytes.
pub fn terminal_socket(dir: &Path) -> Result<PathBuf, PathError> {
    let path = dir.join(TERMINAL_SOCKET);
    check_socket_path(&path)?;
    Ok(path)
}

/// Where the programs in the terminal whose directory is `dir` find an SSH agent: a link that stays where it is while
/// the agent behind it changes.
pub fn terminal_ssh_link(dir: &Path) -> PathBuf {
    dir.join(TERMINAL_SSH_LINK)
}

/// Checks that `path` fits in a socket address.
///
/// # Errors
/// [`PathError::TooLong`], naming path and length.
pub fn check_socket_path(path: &Path) -> Result<(), PathError> {
    let len = path.as_os_str().as_encoded_bytes().len();
    if len > SOCKET_PATH_MAX_BYTES {
        return Err(PathError::TooLong { path: path.to_path_buf(), len });
    }
    Ok(())
}

/// Settings, key bindings, workspaces: `$XDG_CONFIG_HOME/magia`, else `~/.config/magia`.
///
/// # Errors
/// [`PathError::NoHome`].
pub fn config_dir() -> Result<PathBuf, PathError> {
    config_dir_with(&process_env)
}
/// [`config_dir`] in a given environment.
///
/// # Errors
/// [`PathError::NoHome`].
pub fn config_dir_with(env: EnvLookup<'_>) -> Result<PathBuf, PathError> {
    xdg_dir(env, "XDG_CONFIG_HOME", ".config")
}

/// The database, terminals, the installed hook handler: `$XDG_DATA_HOME/magia`, else `~/.local/share/magia`.
///
/// # Errors
/// [`PathError::NoHome`].
pub fn data_dir() -> Result<PathBuf, PathError> {
    data_dir_with(&process_env)
}
/// [`data_dir`] in a given environment.
///
/// # Errors
/// [`PathError::NoHome`].
pub fn data_dir_with(env: EnvLookup<'_>) -> Result<PathBuf, PathError> {
    xdg_dir(env, "XDG_DATA_HOME", ".local/share")
}

/// Logs, settings backups, the runtime pointer: `$XDG_STATE_HOME/magia`, else `~/.local/state/magia`.
///
/// # Errors
/// [`PathError::NoHome`].
pub fn state_dir() -> Result<PathBuf, PathError> {
    state_dir_with(&process_env)
}
/// [`state_dir`] in a given environment.
///
/// # Errors
/// [`PathError::NoHome`].
pub fn state_dir_with(env: EnvLookup<'_>) -> Result<PathBuf, PathError> {
    xdg_dir(env, "XDG_STATE_HOME", ".local/state")
}

/// Claude Code's own directory: `$CLAUDE_CONFIG_DIR`, else `~/.claude`.
///
/// # Errors
/// [`PathError::NoHome`].
pub fn claude_config_dir() -> Result<PathBuf, PathError> {
    claude_config_dir_with(&process_env)
}
/// [`claude_config_dir`] in a given environment.
///
/// # Errors
/// [`PathError::NoHome`].
pub fn claude_config_dir_with(env: EnvLookup<'_>) -> Result<PathBuf, PathError> {
    const VARIABLE: &str = "CLAUDE_CONFIG_DIR";
    match set_value(env, VARIABLE) {
        Some(dir) => Ok(PathBuf::from(dir)),
        None => Ok(home(env, VARIABLE)?.join(".claude")),
    }
}

/// Codex's own directory: `$CODEX_HOME` with its links followed, else `~/.codex` as it is, which is how Codex itself
/// names it (seen with 0.169).
///
/// # Errors
/// [`PathError::NoHome`].
pub fn codex_home() -> Result<PathBuf, PathError> {
    codex_home_with(&process_env)
}

/// [`codex_home`] in a given environment.
///
/// # Errors
/// [`PathError::NoHome`].
pub fn codex_home_with(env: EnvLookup<'_>) -> Result<PathBuf, PathError> {
    const VARIABLE: &str = "CODEX_HOME";
    match set_value(env, VARIABLE).map(PathBuf::from) {
        Some(dir) => Ok(dir.canonicalize().unwrap_or(dir)),
        None => Ok(home(env, VARIABLE)?.join(".codex")),
    }
}

/// Gemini CLI's own directory: `.gemini` in `$GEMINI_CLI_HOME`, else in the home.
///
/// # Errors
/// [`PathError::NoHome`].
pub fn gemini_dir() -> Result<PathBuf, PathError> {
    gemini_dir_with(&process_env)
}

/// [`gemini_dir`] in a given environment.
///
/// # Errors
/// [`PathError::NoHome`].
pub fn gemini_dir_with(env: EnvLookup<'_>) -> Result<PathBuf, PathError> {
    const VARIABLE: &str = "GEMINI_CLI_HOME";
    let base = match set_value(env, VARIABLE) {
        Some(dir) => PathBuf::from(dir),
        None => home(env, VARIABLE)?,
    };
    Ok(base.join(".gemini"))
}

/// The socket of the daemon that Codex shares among its terminals, below its configuration directory. Source: Codex
/// 0.169.0.
pub fn codex_daemon_socket(codex_home: &Path) -> PathBuf {
    codex_home.join("app-server-control").join("app-server-control.sock")
}

fn xdg_dir(env: EnvLookup<'_>, variable: &'static str, below_home: &str) -> Result<PathBuf, PathError> {
    let base = match absolute_value(env, variable) {
        Some(base) => base,
        None => home(env, variable)?.join(below_home),
    };
    Ok(base.join("magia"))
}

fn home(env: EnvLookup<'_>, variable: &'static str) -> Result<PathBuf, PathError> {
    absolute_value(env, "HOME").ok_or(PathError::NoHome { variable })
}

fn set_value(env: EnvLookup<'_>, name: &str) -> Option<OsString> {
    env(name).filter(|value| !value.is_empty())
}

fn absolute_value(env: EnvLookup<'_>, name: &str) -> Option<PathBuf> {
    set_value(env, name).map(PathBuf::from).filter(|path| path.is_absolute())
}
