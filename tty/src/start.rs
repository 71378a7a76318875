//! Starting a terminal: makes its directory, starts a holder, and waits until that serves.

use crate::directory::{self, DirectoryError, dir_of};
use crate::holder::Tuning;
use crate::holder::plan::{self, Plan, Raw, Report, StartFault};
use crate::id::TerminalId;
use crate::size::Size;
use magia_protocol::paths::{PathError, terminal_socket, terminal_ssh_link};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Duration;

/// What programs in our terminals are told to expect.
pub const TERM: &str = "xterm-256color";
/// How long a holder may take to say that it serves.
const START_LIMIT: Duration = Duration::from_secs(10);
/// The longest answer of a holder.
const REPORT_MAX_BYTES: u64 = 64 * 1024;
/// The variable that says in which terminal a program runs.
pub const ID_VARIABLE: &str = "MAGIA_TERMINAL_ID";

/// Variables that describe the starter's own terminal or belong to its own process; in a new terminal they would mislead.
const NOT_PASSED_ON: &[&str] = &[
    "ALACRITTY_LOG",
    "ALACRITTY_SOCKET",
    "ALACRITTY_WINDOW_ID",
    "COLUMNS",
    "GHOSTTY_BIN_DIR",
    "GHOSTTY_RESOURCES_DIR",
    "GNOME_TERMINAL_SCREEN",
    "GNOME_TERMINAL_SERVICE",
    "INVOCATION_ID",
    "KITTY_LISTEN_ON",
    "KITTY_PID",
    "KITTY_WINDOW_ID",
    "KONSOLE_DBUS_SERVICE",
    "KONSOLE_DBUS_SESSION",
    "KONSOLE_VERSION",
    "LINES",
    "LISTEN_FDNAMES",
    "LISTEN_FDS",
    "LISTEN_PID",
    "NOTIFY_SOCKET",
    "STY",
    "TERMCAP",
    "TERMINFO",
    "TERM_PROGRAM_VERSION",
    "TMUX",
    "TMUX_PANE",
    "VTE_VERSION",
    "WEZTERM_EXECUTABLE",
    "WEZTERM_PANE",
    "WEZTERM_UNIX_SOCKET",
    "WINDOWID",
];

/// A terminal to start.
#[derive(Debug, Clone)]
pub struct StartOptions {
    /// Its id; a fresh one without.
    pub id: Option<TerminalId>,
    /// Its name, for people; the program's without.
    pub name: Option<String>,
    /// The program, looked for in `PATH`, and its arguments. No shell takes part.
    pub argv: Vec<OsString>,
    /// Where the program runs; an absolute path.
    pub cwd: PathBuf,
    /// Variables on top of this process's own.
    pub env: Vec<(OsString, OsString)>,
    /// The terminal's first size.
    pub size: Size,
    /// The program that becomes the holder: one whose `main` begins with [`crate::dispatch`].
    pub exe: PathBuf,
    /// The directory of terminals; see [`directory::default_root`].
    pub root: PathBuf,
}

/// A terminal just started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Started {
    /// Its id.
    pub id: TerminalId,
    /// Its directory.
    pub dir: PathBuf,
    /// The holder's process.
    pub holder_pid: u32,
    /// The program's process.
    pub pid: u32,
}

/// Why a terminal was not started. Nothing is left behind.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// There is no command.
    #[error("there is no command to run")]
    NoCommand,
    /// There is no such program.
    #[error("there is no program {program}")]
    CommandNotFound {
        /// As it was typed.
        program: String,
    },
    /// The program is there and cannot be run.
    #[error("{message}")]
    CommandRefused {
        /// A sentence with the reason.
        message: String,
    },
    /// The working directory is none.
    #[error("there is no directory {}", path.display())]
    CwdNotFound {
        /// As it was given.
        path: PathBuf,
    },
    /// The id is taken, by a terminal that lives or by what one has left.
    #[error("there is a terminal {id} already")]
    SessionExists {
        /// The id.
        id: TerminalId,
    },
    /// The socket's path does not fit in a socket address.
    #[error(transparent)]
    PathTooLong(PathError),
    /// The directory of terminals cannot be used.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// The holder did not start.
    #[error("the terminal's holder did not start: {message}")]
    Holder {
        /// What it said, or what was seen.
        message: String,
    },
}

/// Starts a terminal, and returns once its holder serves and its program runs.
///
/// # Errors
/// See [`StartError`].
pub fn start(options: StartOptions) -> Result<Started, StartError> {
    start_tuned(&options, Tuning::default())
}

/// As [`start`], with what is not for users to set.
///
/// # Errors
/// See [`StartError`].
pub fn start_tuned(options: &StartOptions, tuning: Tuning) -> Result<Started, StartError> {
    let program = options.argv.first().filter(|program| !program.is_empty()).ok_or(StartError::NoCommand)?;
    if !options.cwd.is_absolute() || !options.cwd.is_dir() {
        return Err(StartError::CwdNotFound { path: options.cwd.clone() });
    }
    let id = options.id.clone().unwrap_or_else(TerminalId::fresh);
    let dir = dir_of(&options.root, &id);
    terminal_socket(&dir).map_err(StartError::PathTooLong)?;
    let env = environment(options, &id, &dir);
    find_program(program, &options.cwd, &env)?;
    directory::ensure_root(&options.root)?;
    make_dir(&dir, &id)?;
    let started = hold(options, &id, &dir, env, tuning);
    if started.is_err() {
        // Ours, made just now, and its holder has gone.
        drop(directory::remove_files(&dir));
    }
    started
}

/// The program's whole environment.
fn environment(options: &StartOptions, id: &TerminalId, dir: &Path) -> Vec<(OsString, OsString)> {
    let mut env: Vec<(OsString, OsString)> = Vec::new();
    let mut set = |name: OsString, value: OsString| {
        env.retain(|(known, _)| *known != name);
        env.push((name, value));
    };
    for (name, value) in std::env::vars_os().chain(options.env.iter().cloned()) {
        if !NOT_PASSED_ON.iter().any(|left_out| name == *left_out) {
            set(name, value);
        }
    }
    set("TERM".into(), TERM.into());
    set("COLORTERM".into(), "truecolor".into());
    set("TERM_PROGRAM".into(), "magia".into());
    for name in [ID_VARIABLE, "TTY_SESSION_ID", "VIBETUNNEL_SESSION_ID"] {
        set(name.into(), id.as_str().into());
    }
    set("SSH_AUTH_SOCK".into(), terminal_ssh_link(dir).into());
    env
}

/// Looks for the program as exec will, so that a wrong name costs no process.
fn find_program(program: &OsStr, cwd: &Path, env: &[(OsString, OsString)]) -> Result<(), StartError> {
    let not_found = || StartError::CommandNotFound { program: program.to_string_lossy().into_owned() };
    if program.as_encoded_bytes().contains(&b'/') {
        return if cwd.join(program).exists() { Ok(()) } else { Err(not_found()) };
    }
    let path = env.iter().find(|(name, _)| name == "PATH").map(|(_, value)| value.clone());
    let path = path.unwrap_or_else(|| "/bin:/usr/bin".into());
    let is_there = |dir: PathBuf| {
        let facts = fs::metadata(cwd.join(dir).join(program));
        facts.is_ok_and(|facts| facts.is_file() && facts.permissions().mode() & 0o111 != 0)
    };
    std::env::split_paths(&path).any(is_there).then_some(()).ok_or_else(not_found)
}

fn make_dir(dir: &Path, id: &TerminalId) -> Result<(), StartError> {
    match fs::DirBuilder::new().mode(0o700).create(dir) {
        Ok(()) => Ok(directory::check(dir)?),
        Err(err) if err.kind() == io::ErrorKind::AlreadyExists => {
            Err(StartError::SessionExists { id: id.clone() })
        }
        Err(source) => {
            let path = dir.to_owned();
            Err(DirectoryError(PathError::Io { doing: "create", path, source }).into())
        }
    }
}

fn hold(
    options: &StartOptions,
    id: &TerminalId,
    dir: &Path,
    env: Vec<(OsString, OsString)>,
    tuning: Tuning,
) -> Result<Started, StartError> {
    if let Some(agent) = std::env::var_os("SSH_AUTH_SOCK") {
        // Without the link there is no agent in the terminal, which is no reason to have no terminal.
        drop(std::os::unix::fs::symlink(agent, terminal_ssh_link(dir)));
    }
    let name = || options.argv.first().map(|program| file_name(program));
    let plan = Plan {
        id: id.clone(),
        name: options.name.clone().or_else(name).unwrap_or_default(),
        dir: Raw(dir.as_os_str().to_owned()),
        argv: options.argv.iter().cloned().map(Raw).collect(),
        cwd: Raw(options.cwd.as_os_str().to_owned()),
        env: env.into_iter().map(|(name, value)| (Raw(name), Raw(value))).collect(),
        size: options.size.usable().unwrap_or_default(),
        tuning,
    };
    let plan = serde_json::to_vec(&plan).map_err(|err| holder(err.to_string()))?;
    match ask(&options.exe, plan)? {
        Report::Started { holder_pid, pid } => {
            Ok(Started { id: id.clone(), dir: dir.to_owned(), holder_pid, pid })
        }
        Report::Failed { fault: StartFault::CommandNotFound, .. } => {
            let program = options.argv.first().map(|program| program.to_string_lossy().into_owned());
            Err(StartError::CommandNotFound { program: program.unwrap_or_default() })
        }
        Report::Failed { fault: StartFault::CommandRefused, message } => {
            Err(StartError::CommandRefused { message })
        }
        Report::Failed { fault: StartFault::Other, message } => Err(holder(message)),
    }
}

fn file_name(program: &OsStr) -> String {
    Path::new(program).file_name().unwrap_or(program).to_string_lossy().into_owned()
}

fn holder(message: impl Into<String>) -> StartError {
    StartError::Holder { message: message.into() }
}

/// Starts the holder, hands it the plan and reads its answer.
fn ask(exe: &Path, plan: Vec<u8>) -> Result<Report, StartError> {
    let mut command = Command::new(exe);
    command.arg(plan::ARGUMENT).current_dir("/");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child =
        command.spawn().map_err(|err| holder(format!("cannot start {} ({err})", exe.display())))?;
    let answer = answer(&mut child, plan);
    if answer.is_err() {
        drop(child.kill());
    }
    // It ends as soon as the holder is on its own.
    drop(child.wait());
    answer
}

fn answer(child: &mut Child, plan: Vec<u8>) -> Result<Report, StartError> {
    let (Some(mut stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(holder("it has no standard descriptors"));
    };
    let (tell, told) = sync_channel(1);
    // Neither writing nor reading a pipe has a deadline, so they get a thread that may be left behind.
    let talk = move || {
        let line = stdin.write_all(&plan).and_then(|()| {
            drop(stdin);
            let mut line = String::new();
            BufReader::new(stdout.take(REPORT_MAX_BYTES)).read_line(&mut line).map(|_| line)
        });
        // The caller may have given up.
        drop(tell.send(line));
    };
    thread::Builder::new()
        .name("terminal-start".to_owned())
        .spawn(talk)
        .map_err(|err| holder(format!("no thread for it ({err})")))?;
    let line = told.recv_timeout(START_LIMIT).map_err(|_| holder("it does not answer"))?;
    let line = line.map_err(|err| holder(format!("it has gone ({err})")))?;
    serde_json::from_str(&line).map_err(|_| holder(format!("it said {line:?}")))
}
