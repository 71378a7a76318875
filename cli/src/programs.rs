//! Where magia's other programs are, and how the app is started.

use crate::client::Client;
use crate::failure::{Failure, is_not_running};
use anyhow::{Context as _, Result};
use magia_protocol::paths::state_dir;
use magia_protocol::wire::{self, command::OpenWindow};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The window, or without one the whole rest of the program.
pub const APP: &str = "magia-app";
/// What agents run for each hook.
pub const HANDLER: &str = "magia-hook-handler";

/// How long the app may take until its socket answers.
pub const START_LIMIT: Duration = Duration::from_secs(20);
/// Between two looks at a starting app.
const START_LOOK: Duration = Duration::from_millis(20);

/// A program of ours: beside this executable, else in `PATH`.
pub fn find(name: &str) -> Option<PathBuf> {
    let file = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    let beside = std::env::current_exe().ok().and_then(|exe| Some(exe.parent()?.join(&file)));
    let in_path = std::env::var_os("PATH")
        .map(|path| std::env::split_paths(&path).map(|dir| dir.join(&file)).collect::<Vec<_>>())
        .unwrap_or_default();
    beside.into_iter().chain(in_path).find(|path| path.is_file())
}

/// As [`find`], with an error that says where it was looked for.
pub fn require(name: &str) -> Result<PathBuf> {
    find(name).ok_or_else(|| {
        Failure::Advised {
            message: format!("{name} is neither beside this program nor in PATH"),
            hint: "install magia's programs into one directory, or put that directory into PATH".to_owned(),
        }
        .into()
    })
}

/// Starts the app so that it outlives this terminal, and waits until its socket answers.
pub fn start_app() -> Result<()> {
    start(Client::connect)
}

/// The same for a window that takes over from an app without one: waits until it has.
pub fn start_window() -> Result<()> {
    start(|| {
        let mut client = Client::connect()?;
        // While it takes over, the one before or nobody answers.
        let raised = client.ask(&wire::Command::OpenWindow(OpenWindow { session: None }));
        raised.map(|_| client).map_err(|_| Failure::not_running().into())
    })
}

fn start(reaches: impl Fn() -> Result<Client>) -> Result<()> {
    let app = require(APP)?;
    let (log, log_path) = match start_log() {
        Some((file, path)) => (Stdio::from(file), Some(path)),
        None => (Stdio::null(), None),
    };
    let mut command = Command::new(&app);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
    detach(&mut command);
    let mut child = command.spawn().with_context(|| format!("cannot start {}", app.display()))?;
    let started = wait_until_up(&mut child, reaches);
    started.map_err(|err| match log_path.as_deref().and_then(last_words) {
        Some(words) => err.context(words),
        None => err,
    })
}

/// Waits until `connect` reaches the app that `child` is to become.
pub fn wait_until_up(child: &mut Child, connect: impl Fn() -> Result<Client>) -> Result<()> {
    let begun = Instant::now();
    loop {
        match connect() {
            Ok(_) => return Ok(()),
            Err(err) if !is_not_running(&err) => return Err(err),
            Err(_) => {}
        }
        if let Some(status) = child.try_wait().context("cannot ask for the app's state")? {
            return Err(Failure::Advised {
                message: format!("{APP} ended at once ({status})"),
                hint: format!("run `{APP}` in a terminal to see why"),
            }
            .into());
        }
        if begun.elapsed() > START_LIMIT {
            return Err(Failure::Advised {
                message: format!("{APP} runs but does not answer after {} s", START_LIMIT.as_secs()),
                hint: "`magia doctor` says what it finds".to_owned(),
            }
            .into());
        }
        std::thread::sleep(START_LOOK);
    }
}

/// What a starting app says before its own log is open.
fn start_log() -> Option<(File, PathBuf)> {
    let dir = state_dir().ok()?;
    std::fs::create_dir_all(&dir).ok()?;
    let path = dir.join("start.log");
    let mut options = File::options();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    Some((options.open(&path).ok()?, path))
}

fn last_words(log: &Path) -> Option<String> {
    let text = std::fs::read_to_string(log).ok()?;
    let words = text.lines().rev().find(|line| !line.trim().is_empty())?;
    // It is said behind an "error:" of ours.
    let words = words.strip_prefix("error: ").unwrap_or(words);
    Some(words.chars().take(400).collect())
}

/// Puts the child into a session of its own, so that closing the terminal does not end it.
#[cfg(unix)]
fn detach(command: &mut Command) {
    use std::os::unix::process::CommandExt as _;
    // SAFETY: setsid is async-signal-safe and touches no memory of ours.
    unsafe {
        command.pre_exec(|| {
            libc::setsid();
            Ok(())
        });
    }
}
#[cfg(not(unix))]
fn detach(_command: &mut Command) {}
