//! `run`: a command in a terminal of its own, which goes on when this one is closed.

use super::attach;
use crate::client;
use crate::failure::{Exit, Failure};
use crate::output::Out;
use anyhow::{Context as _, Result};
use clap::Args;
use magia_protocol::wire::Command;
use magia_protocol::wire::command::NoParams;
use magia_protocol::wire::info::IdeInfo;
use magia_tty::{Size, StartError, StartOptions, Started, TerminalId, Tuning, start_tuned};
use serde_json::json;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// Characters of a name at most, as of a session's title.
const NAME_MAX: usize = 200;

/// `run`.
#[derive(Debug, Args)]
pub struct Run {
    /// The terminal's id: up to 64 letters, digits, _ and -. A fresh one without.
    #[arg(long, value_name = "ID")]
    pub id: Option<TerminalId>,
    /// The terminal's name, for lists, up to 200 characters; the command's without.
    #[arg(long, value_name = "NAME", value_parser = name)]
    pub name: Option<String>,
    /// Do not attach: print the terminal's id and go.
    #[arg(long)]
    pub detach: bool,
    /// Where the command runs; here without.
    #[arg(long, value_name = "DIR")]
    pub cwd: Option<PathBuf>,
    /// The terminal's first size, from 2x1 to 1000x1000; this terminal's, else 80x24.
    #[arg(long, value_name = "COLSxROWS")]
    pub size: Option<Size>,
    /// The command and its arguments. No shell takes part.
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,
    /// How long the terminal stays after the command has ended, in milliseconds.
    #[arg(long, value_name = "MS", hide = true)]
    pub linger_ms: Option<u64>,
    /// How long a command that is told to end has until it is killed, in milliseconds.
    #[arg(long, value_name = "MS", hide = true)]
    pub grace_ms: Option<u64>,
}

fn name(text: &str) -> Result<String, String> {
    let fits = text.chars().count() <= NAME_MAX;
    fits.then(|| text.to_owned()).ok_or_else(|| format!("a name has at most {NAME_MAX} characters"))
}

/// `magia run`.
pub fn run(run: Run, out: &mut Out) -> Result<Exit> {
    attach::or_own_failure(started(run, out))
}

fn started(run: Run, out: &mut Out) -> Result<Exit> {
    let Run { id, name, detach, cwd, size, command, linger_ms, grace_ms } = run;
    let mut tuning = Tuning::default();
    tuning.linger = linger_ms.map_or(tuning.linger, Duration::from_millis);
    tuning.grace = grace_ms.map_or(tuning.grace, Duration::from_millis);
    let here = std::env::current_dir().context("cannot find the working directory")?;
    let options = StartOptions {
        id,
        name,
        argv: command,
        cwd: cwd.map_or_else(|| here.clone(), |cwd| here.join(cwd)),
        env: editor_variables(),
        size: size.or_else(magia_tty::attach::own_size).unwrap_or_default(),
        exe: std::env::current_exe().context("cannot find this program")?,
        root: super::term::root()?,
    };
    let terminal = match begin(&options, tuning)? {
        Ok(terminal) => terminal,
        Err(exit) => return Ok(exit),
    };
    if detach {
        if out.is_json() {
            let Started { id, dir, holder_pid, pid } = &terminal;
            out.json_of(&json!({ "id": id, "dir": dir, "pid": pid, "holder_pid": holder_pid }))?;
        } else {
            out.text(terminal.id.as_str())?;
        }
        return Ok(Exit::Done);
    }
    let options =
        magia_tty::attach::AttachOptions { from_start: true, passes_end: true, ..Default::default() };
    Ok(attach::to(&terminal.dir, &terminal.id, &options)?.code())
}

/// What makes an agent find magia as its editor, when the app runs and wants to be found. Its lock file comes as soon as the
/// app sees the terminal, which is long before an agent looks for it.
fn editor_variables() -> Vec<(OsString, OsString)> {
    let asked = client::ask(&Command::GetIdeServerPort(NoParams {}));
    let info: Option<IdeInfo> = asked.ok().and_then(|reply| client::read(&reply).ok());
    let port = info.and_then(|info| info.port).map(|port| port.to_string());
    port.map(|port| ("CLAUDE_CODE_SSE_PORT".into(), port.into())).into_iter().collect()
}

/// Starts a terminal; a command that is not there or cannot be run has the exit code that it has everywhere.
pub fn begin(options: &StartOptions, tuning: Tuning) -> Result<Result<Started, Exit>> {
    let err = match start_tuned(options, tuning) {
        Ok(started) => return Ok(Ok(started)),
        Err(err) => err,
    };
    let (hint, exit) = match &err {
        StartError::CommandNotFound { .. } => {
            ("is it installed, and in PATH? A shell's own commands need the shell: `sh -c ...`", Some(127))
        }
        StartError::CommandRefused { .. } => ("may it be executed, and is it for this machine?", Some(126)),
        StartError::CwdNotFound { .. } => ("`--cwd` names the directory that the command runs in", None),
        StartError::SessionExists { .. } => {
            ("`magia attach` goes to a living one, `magia term clean` forgets what has ended", None)
        }
        StartError::PathTooLong(_) => ("a shorter `--id`, or a shorter XDG_DATA_HOME, makes room", None),
        StartError::Directory(_) => {
            ("it must be a directory of yours that is closed to others (mode 0700)", None)
        }
        StartError::NoCommand | StartError::Holder { .. } => return Err(err.into()),
    };
    let failure = Failure::Advised { message: err.to_string(), hint: hint.to_owned() }.into();
    match exit {
        None => Err(failure),
        Some(code) => {
            crate::failure::report(&failure);
            Ok(Err(Exit::Child(code)))
        }
    }
}
