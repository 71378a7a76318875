//! The process that owns a terminal. It is this program started again with one hidden argument, so that nothing of who
//! started it is left in it; it leads a session of its own and its parent is not whoever started it.
//!
//! One thread does everything (a tokio runtime with one thread); the disk has its own.

mod cast;
mod core;
mod disk;
mod emulator;
mod ending;
mod input;
mod memory;
mod outbox;
pub(crate) mod plan;
mod process;
mod pump;
mod recording;
mod scope;
mod serve;
mod session;
mod sizes;
mod terminal;

pub use plan::Tuning;

use crate::directory::{SessionRecord, SessionStatus, replace_file};
use crate::pty::{self, Command, SpawnError};
use crate::time::rfc3339;
use crate::wire::{RecordingState, WIRE_MAX};
use magia_protocol::ipc::{Listener, bind};
use magia_protocol::paths::{InstanceLock, terminal_socket};
use magia_protocol::process::process_start_ticks;
use plan::{Plan, Raw, Report, StartFault};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::rc::Rc;
use std::time::SystemTime;
use terminal::Terminal;
use tokio::task::{LocalSet, spawn_local};

/// The longest plan: the kernel takes 2 MiB of arguments and environment, which base64 makes longer.
const PLAN_MAX_BYTES: u64 = 8 * 1024 * 1024;

/// If this process was started as a holder, it is one until its terminal is over. Call it first in `main`, before there
/// are threads or anything else is set up.
pub fn dispatch() -> Option<ExitCode> {
    (std::env::args_os().nth(1)? == plan::ARGUMENT).then(hold)
}

/// What keeps a holder from starting.
#[derive(Debug)]
struct Refusal {
    fault: StartFault,
    message: String,
}

impl Refusal {
    fn other(message: impl Into<String>) -> Self {
        Self { fault: StartFault::Other, message: message.into() }
    }
}

fn hold() -> ExitCode {
    let umask = match process::become_daemon() {
        Ok(process::Daemon::Parent) => return ExitCode::SUCCESS,
        Ok(process::Daemon::Child { umask }) => umask,
        Err(err) => {
            report(&failed(Refusal::other(format!("cannot start a process ({err})"))));
            return ExitCode::FAILURE;
        }
    };
    memory::set_up();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let done = match runtime {
        Ok(runtime) => LocalSet::new().block_on(&runtime, run(umask)),
        Err(err) => Err(Refusal::other(format!("cannot start a runtime ({err})"))),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(refusal) => {
            report(&failed(refusal));
            ExitCode::FAILURE
        }
    }
}

async fn run(umask: u32) -> Result<(), Refusal> {
    let plan = read_plan()?;
    let dir = PathBuf::from(plan.dir.clone());
    let lock = InstanceLock::acquire(&dir).map_err(|err| Refusal::other(err.to_string()))?;
    let listener = terminal_socket(&dir)
        .map_err(|err| Refusal::other(err.to_string()))
        .and_then(|socket| bind(&socket, &lock).map_err(|err| Refusal::other(err.to_string())))?;
    let children = ending::Children::watch().map_err(|err| Refusal::other(err.to_string()))?;
    // While there is one thread: the program is made by fork and exec.
    let spawned = pty::spawn(&command(&plan, umask)).map_err(refused)?;
    scope::move_into_own(&plan.id, spawned.pid);
    let record = record(&plan, spawned.pid);
    let written = replace_file(&dir, crate::directory::SESSION_FILE, &core::session_text(&record));
    let started = written.map_err(|err| err.to_string()).and_then(|()| {
        let facts = facts(&plan, &dir);
        disk::Disk::start(facts, plan.size).map_err(|err| err.to_string())
    });
    let disk = match started {
        Ok(disk) => disk,
        Err(err) => {
            // Without a file nobody would find the program.
            terminal::end_session(spawned.pid, std::time::Duration::ZERO).await;
            return Err(Refusal::other(format!("cannot write to the terminal's directory ({err})")));
        }
    };
    let input = Rc::new(input::Input::default());
    let held = core::Core::new(record, plan.size, Rc::clone(&input), disk, plan.tuning.recording_max_bytes);
    let terminal = Terminal::new(held, input, spawned, dir, plan.tuning);
    let listener = Rc::new(listener);
    start_tasks(&terminal, &listener, children);
    report(&Report::Started { holder_pid: std::process::id(), pid: terminal.child });
    process::close_standard();
    terminal.is_over.notified().await;
    terminal.core().close();
    leave(listener)
}

fn start_tasks(terminal: &Rc<Terminal>, listener: &Rc<Listener>, children: ending::Children) {
    spawn_local(serve::serve(Rc::clone(terminal), Rc::clone(listener)));
    spawn_local(pump::read(Rc::clone(terminal)));
    spawn_local(pump::write(Rc::clone(terminal)));
    spawn_local(ending::keep_session(Rc::clone(terminal)));
    spawn_local(ending::watch(Rc::clone(terminal), children));
}

/// The tasks that still run hold the socket, so its file is removed by name; the lock says that it is ours.
fn leave(listener: Rc<Listener>) -> Result<(), Refusal> {
    if !listener.inode_gone() {
        drop(std::fs::remove_file(listener.path()));
    }
    // Nothing that runs is worth waiting for; what matters is on disk.
    std::process::exit(0)
}

fn read_plan() -> Result<Plan, Refusal> {
    let mut text = Vec::new();
    let read = io::stdin().lock().take(PLAN_MAX_BYTES).read_to_end(&mut text);
    read.map_err(|err| Refusal::other(format!("cannot read what to start ({err})")))?;
    serde_json::from_slice(&text)
        .map_err(|err| Refusal::other(format!("what to start is not understood ({err})")))
}

fn command(plan: &Plan, umask: u32) -> Command {
    let raw = |raw: &Raw| raw.0.clone();
    Command {
        argv: plan.argv.iter().map(raw).collect(),
        cwd: PathBuf::from(plan.cwd.clone()),
        env: plan.env.iter().map(|(name, value)| (raw(name), raw(value))).collect(),
        size: plan.size,
        umask,
    }
}

fn refused(err: SpawnError) -> Refusal {
    let fault = match &err {
        SpawnError::Program { source, .. } if source.kind() == io::ErrorKind::NotFound => {
            StartFault::CommandNotFound
        }
        SpawnError::Program { .. } => StartFault::CommandRefused,
        _ => StartFault::Other,
    };
    Refusal { fault, message: err.to_string() }
}

fn record(plan: &Plan, pid: u32) -> SessionRecord {
    let own = std::process::id();
    let lossy = |raw: &Raw| raw.0.to_string_lossy().into_owned();
    SessionRecord {
        id: plan.id.clone(),
        name: plan.name.clone(),
        command: plan.argv.iter().map(lossy).collect(),
        working_dir: lossy(&plan.cwd),
        status: SessionStatus::Running,
        exit_code: None,
        exit_signal: None,
        started_at: rfc3339(SystemTime::now()),
        ended_at: None,
        pid: Some(pid),
        initial_cols: plan.size.cols,
        initial_rows: plan.size.rows,
        cols: plan.size.cols,
        rows: plan.size.rows,
        version: format!("magia {}", env!("CARGO_PKG_VERSION")),
        holder_pid: own,
        holder_start_time: process_start_ticks(own).unwrap_or(0),
        child_start_time: process_start_ticks(pid),
        wire: WIRE_MAX,
        title: None,
        recording: RecordingState::default(),
    }
}

fn facts(plan: &Plan, dir: &Path) -> recording::Facts {
    let shell = plan.env.iter().find(|(name, _)| name.0 == "SHELL").map(|(_, value)| &value.0);
    recording::Facts {
        dir: dir.to_owned(),
        title: plan.name.clone(),
        shell: shell.map(|shell| shell.to_string_lossy().into_owned()),
        started: SystemTime::now(),
        max_bytes: plan.tuning.recording_max_bytes,
    }
}

fn failed(refusal: Refusal) -> Report {
    Report::Failed { fault: refusal.fault, message: refusal.message }
}

/// Answers whoever started us; who has gone meanwhile does not need it.
fn report(report: &Report) {
    let mut line = serde_json::to_vec(report).unwrap_or_default();
    line.push(b'\n');
    let mut stdout = io::stdout().lock();
    drop(stdout.write_all(&line).and_then(|()| stdout.flush()));
}
