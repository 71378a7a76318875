//! `tty-fwd`: under this name the program takes the flags of VibeTunnel's forwarder, on magia's own terminals.
//!
//! Source of the flags and of the list's shape: tty-fwd of June 2025.

use crate::failure::{Exit, Failure, report};
use crate::output::Out;
use crate::verbs::attach::{or_own_failure, to};
use crate::verbs::{run, term};
use anyhow::{Context as _, Result};
use clap::Parser;
use magia_tty::attach::AttachOptions;
use magia_tty::client::errand::{self, Typed, block_on};
use magia_tty::directory::{self, TerminalState};
use magia_tty::input::Key;
use magia_tty::wire::SignalName;
use magia_tty::{ID_VARIABLE, Size, StartOptions, TerminalId, TerminalRecord, Tuning};
use serde_json::{Map, Value, json};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The name.
const NAME: &str = "tty-fwd";
/// Where tty-fwd finds the id of the terminal that it is to make, or is in.
const SESSION_VARIABLE: &str = "TTY_SESSION_ID";

/// Runs commands in terminals that outlive whoever started them. This is magia under tty-fwd's name.
#[derive(Debug, Parser)]
#[command(name = "tty-fwd", version, after_help = "Example:\n  tty-fwd --session-name tests -- make test")]
struct Forwarder {
    /// The directory of terminals.
    #[arg(long, value_name = "DIR")]
    control_path: Option<PathBuf>,
    /// The id of the new terminal.
    #[arg(long, value_name = "ID", conflicts_with = "session")]
    session_id: Option<TerminalId>,
    /// The terminal, or the id of the new one; TTY_SESSION_ID without.
    #[arg(long, value_name = "ID")]
    session: Option<TerminalId>,
    /// The name of the new terminal.
    #[arg(long, value_name = "NAME")]
    session_name: Option<String>,
    /// List the terminals as JSON.
    #[arg(long)]
    list_sessions: bool,
    /// Press a key: arrow_up, enter, shift_enter, escape, f5, ctrl+c.
    #[arg(long, value_name = "KEY")]
    send_key: Option<String>,
    /// Type a text.
    #[arg(long, value_name = "TEXT")]
    send_text: Option<String>,
    /// Give the terminal a size.
    #[arg(long, value_name = "COLSxROWS")]
    resize: Option<Size>,
    /// Send a signal.
    #[arg(long, value_name = "NUMBER")]
    signal: Option<i32>,
    /// End the program.
    #[arg(long)]
    stop: bool,
    /// Kill the program.
    #[arg(long)]
    kill: bool,
    /// Forget the terminal if it has ended; without one, all that have.
    #[arg(long)]
    cleanup: bool,
    /// The command and its arguments.
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// Whether the program was started under tty-fwd's name.
pub fn is_meant() -> bool {
    let name = std::env::args_os().next();
    name.is_some_and(|name| Path::new(&name).file_stem().is_some_and(|stem| stem == NAME))
}

/// The program under that name.
pub fn main() -> ExitCode {
    let forwarder = Forwarder::parse();
    let mut out = Out::stdout(false);
    let is_run = !forwarder.command.is_empty();
    let done = forwarder.act(&mut out);
    let done = if is_run { or_own_failure(done) } else { done };
    let done = done.and_then(|exit| {
        out.flush()?;
        Ok(exit)
    });
    done.map_or_else(|err| report(&err), ExitCode::from)
}

impl Forwarder {
    fn act(self, out: &mut Out) -> Result<Exit> {
        let root = self.control_path.clone().map_or_else(term::root, Ok)?;
        if self.list_sessions {
            out.text(&serde_json::to_string_pretty(&sessions(&root)).context("cannot write JSON")?)?;
            return Ok(Exit::Done);
        }
        if self.cleanup {
            return self.clean(&root);
        }
        if let Some(key) = &self.send_key {
            let key =
                Key::parse(key).map_err(|err| Failure::usage(err.to_string(), "see `tty-fwd --help`"))?;
            return errand(self.held(&root)?, |dir| block_on(errand::press(dir, &[Typed::Key(key)])));
        }
        if let Some(text) = &self.send_text {
            return errand(self.held(&root)?, |dir| block_on(errand::type_in(dir, text.as_bytes())));
        }
        if let Some(size) = self.resize {
            return errand(self.held(&root)?, |dir| block_on(errand::resize(dir, size)));
        }
        let signal =
            self.kill.then_some(libc::SIGKILL).or(self.stop.then_some(libc::SIGTERM)).or(self.signal);
        match signal {
            Some(number @ (libc::SIGKILL | libc::SIGTERM | libc::SIGHUP)) => {
                let kill =
                    |dir: &Path| block_on(errand::kill(dir, Some(SignalName::Number(number)))).map(drop);
                errand(self.held(&root)?, kill)
            }
            Some(number) => {
                errand(self.held(&root)?, |dir| block_on(errand::signal(dir, SignalName::Number(number))))
            }
            None => self.run(root),
        }
    }

    /// The terminal that was named.
    fn id(&self) -> Result<TerminalId> {
        let named = self.session.clone().or_else(|| self.session_id.clone());
        match named.map_or_else(session_of_env, |id| Ok(Some(id)))? {
            Some(id) => Ok(id),
            None => Err(Failure::usage("no terminal is named", "`--session ID` names one").into()),
        }
    }

    fn held(&self, root: &Path) -> Result<TerminalRecord> {
        let record = directory::look(root, &self.id()?);
        if record.is_held() {
            return Ok(record);
        }
        let message = format!("terminal {} is not running", record.id);
        Err(Failure::Advised { message, hint: "`tty-fwd --list-sessions` lists them".to_owned() }.into())
    }

    fn clean(&self, root: &Path) -> Result<Exit> {
        let named = self.session.clone().or_else(|| self.session_id.clone());
        let is_over = |record: &TerminalRecord| {
            matches!(record.state, TerminalState::Exited { held: false, .. } | TerminalState::Lost)
        };
        let ids: Vec<TerminalId> = match named {
            Some(id) => vec![id],
            None => directory::list(root).into_iter().filter(is_over).map(|record| record.id).collect(),
        };
        for id in ids {
            directory::remove(root, &id)?;
        }
        Ok(Exit::Done)
    }

    fn run(self, root: PathBuf) -> Result<Exit> {
        if self.command.is_empty() {
            return Err(
                Failure::usage("there is nothing to do", "`tty-fwd -- COMMAND` runs a command").into()
            );
        }
        let named = self.session_id.or(self.session).map_or_else(session_of_env, |id| Ok(Some(id)))?;
        // In one of our terminals the variable names that terminal, not the one to be made.
        let own = std::env::var(ID_VARIABLE).ok();
        let options = StartOptions {
            id: named.filter(|id| own.as_deref() != Some(id.as_str())),
            name: self.session_name,
            argv: self.command,
            cwd: std::env::current_dir().context("cannot find the working directory")?,
            env: Vec::new(),
            size: magia_tty::attach::own_size().unwrap_or_default(),
            exe: std::env::current_exe().context("cannot find this program")?,
            root,
        };
        let terminal = match run::begin(&options, Tuning::default())? {
            Ok(terminal) => terminal,
            Err(exit) => return Ok(exit),
        };
        let options = AttachOptions { from_start: true, passes_end: true, ..AttachOptions::default() };
        Ok(to(&terminal.dir, &terminal.id, &options)?.code())
    }
}

fn session_of_env() -> Result<Option<TerminalId>> {
    let Some(text) = std::env::var(SESSION_VARIABLE).ok().filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let id = TerminalId::new(text).with_context(|| format!("reading {SESSION_VARIABLE}"))?;
    Ok(Some(id))
}

fn errand(
    record: TerminalRecord,
    errand: impl FnOnce(&Path) -> Result<(), magia_tty::client::ErrandError>,
) -> Result<Exit> {
    errand(&record.dir).with_context(|| format!("terminal {}", record.id))?;
    Ok(Exit::Done)
}

/// All terminals by id, in tty-fwd's spelling.
fn sessions(root: &Path) -> Value {
    let entry = |record: TerminalRecord| {
        let status = match record.state {
            TerminalState::Running => "running",
            TerminalState::Starting => "starting",
            _ => "exited",
        };
        let session = record.session?;
        let entry = json!({
            "cmdline": session.command,
            "name": session.name,
            "cwd": session.working_dir,
            "pid": session.pid,
            "status": status,
            "exit_code": session.exit_code,
            "started_at": session.started_at,
            "term": magia_tty::TERM,
            "spawn_type": "socket",
            "cols": session.cols,
            "rows": session.rows,
            "stream-out": record.dir.join("stdout"),
        });
        Some((record.id.to_string(), entry))
    };
    Value::Object(directory::list(root).into_iter().filter_map(entry).collect::<Map<_, _>>())
}
