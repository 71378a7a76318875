//! Opening one terminal.

use super::audit::Audit;
use super::{OpenRequest, SpawnPlaces};
use crate::os::terminals::{
    self, Attach, Chosen, Installed, Launch, Launcher, Started, Surroundings, USUAL_PATIENCE, choose, failed,
};
use crate::service::Outbox;
use crossbeam_channel::TryRecvError;
use magia_core::settings::Settings;
use magia_core::spawn::{Plan, Run};
use magia_protocol::wire::spawn::{OpenedTerminal, SpawnCode, SpawnError};
use magia_tty::client::{self, ErrandError, errand};
use magia_tty::directory;
use magia_tty::wire::{FromHolder, Hello};
use magia_tty::{Size, StartError, StartOptions, TerminalId, TerminalState};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// The size of a terminal that nobody gave one; its window sets another at once.
const USUAL_SIZE: (u16, u16) = (80, 24);
/// So often the terminal program is asked whether it has ended.
const ENDED_CHECK: Duration = Duration::from_millis(25);
/// Bytes of a nonce.
const NONCE_BYTES: usize = 16;

/// Opens terminals, one at a time.
#[derive(Debug)]
pub(super) struct Opener {
    places: SpawnPlaces,
    settings: Arc<Mutex<Arc<Settings>>>,
    audit: Arc<Audit>,
}

impl Opener {
    pub(super) fn new(places: SpawnPlaces, settings: Arc<Mutex<Arc<Settings>>>, audit: Arc<Audit>) -> Self {
        Self { places, settings, audit }
    }

    /// Opens a terminal and writes down what came of it.
    pub(super) fn open(&self, request: &OpenRequest, outbox: &Outbox) -> Result<OpenedTerminal, SpawnError> {
        let outcome = self.try_open(&request.plan, outbox);
        self.audit.note(request, &outcome);
        outcome
    }

    fn try_open(&self, plan: &Plan, outbox: &Outbox) -> Result<OpenedTerminal, SpawnError> {
        let settings = Arc::clone(&self.settings.lock().unwrap_or_else(PoisonError::into_inner));
        let installed = Installed::here(&self.places.home);
        let launchers = terminals::all();
        let env = |name: &str| std::env::var(name).ok();
        // Chosen first, so that without a display no session is made.
        let chosen = choose(
            &plan.shown,
            &settings.terminal,
            Surroundings {
                env: &env,
                installed: &installed,
                launchers: &launchers,
                needs_display: cfg!(all(unix, not(target_os = "macos"))),
                window: self.places.window,
            },
        )?;
        self.check_count(settings.terminals_max)?;
        let options = self.options(plan)?;
        let started = magia_tty::start(options.clone()).map_err(|err| start_error(err, &options))?;
        let session = Session { id: started.id, dir: started.dir };
        let opened = |terminal: &str| OpenedTerminal {
            session_id: session.id.to_string(),
            terminal: terminal.to_owned(),
        };
        let attach = |nonce: String| Attach {
            exe: self.places.exe.clone(),
            id: session.id.to_string(),
            nonce,
            cwd: options.cwd.clone(),
            title: plan.name.clone().unwrap_or_else(|| plan.run.program().to_owned()),
        };
        let shown = match &chosen {
            Chosen::Nowhere => return Ok(opened("none")),
            Chosen::Builtin => return Ok(opened("builtin")),
            Chosen::Program { launcher, program } => nonce().and_then(|nonce| {
                let launch = launcher.compose(program, &attach(nonce.clone()))?;
                self.show(
                    Window { name: launcher.name(), launch, launcher: Some(*launcher) },
                    &session,
                    &nonce,
                    outbox,
                )
            }),
            Chosen::Template { template, program } => nonce().and_then(|nonce| {
                let launch = template.compose(program, &attach(nonce.clone()));
                self.show(Window { name: "custom", launch, launcher: None }, &session, &nonce, outbox)
            }),
            Chosen::Entry(entry) => nonce().and_then(|nonce| {
                let find = |name: &str| terminals::Lookup::program(&installed, name);
                let program = entry.find(&find).ok_or_else(|| SpawnError::not_found(&entry.name))?;
                let launch = entry.compose(&program, &attach(nonce.clone()));
                self.show(Window { name: &entry.name, launch, launcher: None }, &session, &nonce, outbox)
            }),
        };
        match shown {
            Ok(name) => Ok(opened(&name)),
            Err(err) if err.code == SpawnCode::TerminalStartTimeout => {
                // Its window may still come, and is welcome.
                Err(err.session(&session.id))
            }
            Err(err) => {
                session.end(&self.places.root);
                Err(err)
            }
        }
    }

    fn check_count(&self, most: u32) -> Result<(), SpawnError> {
        let held = magia_tty::list(&self.places.root);
        let living = held.iter().filter(|one| one.state == TerminalState::Running).count();
        if living < most as usize {
            return Ok(());
        }
        Err(SpawnError::new(
            SpawnCode::LimitReached,
            format!("{living} terminals live already, at most {most} may"),
        )
        .remedy("end some, or raise the setting terminalsMax"))
    }

    fn options(&self, plan: &Plan) -> Result<StartOptions, SpawnError> {
        let invalid = |why: String| SpawnError::new(SpawnCode::InvalidRequest, why);
        let id = plan.id.as_deref().map(TerminalId::new).transpose();
        let argv: Vec<OsString> = match &plan.run {
            Run::Argv(argv) => argv.iter().map(OsString::from).collect(),
            Run::Shell(command) => {
                let shell = std::env::var_os("SHELL").filter(|shell| Path::new(shell).is_absolute());
                vec![shell.unwrap_or_else(|| "/bin/sh".into()), "-c".into(), command.into()]
            }
        };
        let (cols, rows) = plan.size.unwrap_or(USUAL_SIZE);
        Ok(StartOptions {
            id: id.map_err(|err| invalid(err.to_string()))?,
            name: plan.name.clone(),
            argv,
            cwd: self.directory(&plan.cwd)?,
            // What was asked for wins: it comes last.
            env: self
                .places
                .env
                .variables()
                .into_iter()
                .chain(plan.env.iter().map(|(name, value)| (name.into(), value.into())))
                .collect(),
            size: Size::new(cols, rows),
            exe: self.places.exe.clone(),
            root: self.places.root.clone(),
        })
    }

    /// The working directory, `~` filled in.
    fn directory(&self, typed: &str) -> Result<PathBuf, SpawnError> {
        let path = match typed.strip_prefix('~') {
            Some("") => self.places.home.clone(),
            Some(rest) if rest.starts_with('/') => self.places.home.join(rest.trim_start_matches('/')),
            _ => PathBuf::from(typed),
        };
        if path.is_absolute() && path.is_dir() {
            return Ok(path);
        }
        Err(no_directory(&path))
    }

    /// Starts the terminal program and waits for its client.
    fn show(
        &self,
        window: Window<'_>,
        session: &Session,
        nonce: &str,
        outbox: &Outbox,
    ) -> Result<String, SpawnError> {
        let home = &self.places.home;
        let started = terminals::start(&window.launch, home, &self.places.runtime).map_err(|err| {
            SpawnError::new(
                SpawnCode::TerminalFailed,
                format!("Process launch failed: {} ({err})", window.name),
            )
            .remedy("start it by hand to see what it wants, or choose another terminal")
        })?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|err| internal(format!("no runtime to wait with ({err})")))?;
        runtime.block_on(reported_back(&window, session, nonce, started, outbox))?;
        Ok(window.name.to_owned())
    }
}

/// A terminal program about to be started.
struct Window<'a> {
    name: &'a str,
    launch: Launch,
    launcher: Option<&'static dyn Launcher>,
}

/// The session that was made for it.
struct Session {
    id: TerminalId,
    dir: PathBuf,
}

impl Session {
    /// Ends it and removes what it left: nobody saw it, and whoever asked was told so.
    fn end(&self, root: &Path) {
        let runs = directory::look(root, &self.id).state == TerminalState::Running;
        let ended = errand::block_on(async {
            if runs {
                errand::kill(&self.dir, None).await?;
            }
            errand::dismiss(&self.dir).await
        });
        match ended {
            Err(ErrandError::Client(err)) if err.is_gone() => {}
            Err(err) => {
                tracing::warn!(id = %self.id, "a terminal that nobody sees could not be ended: {err}");
                return;
            }
            Ok(()) => {}
        }
        if let Err(err) = directory::remove(root, &self.id) {
            tracing::warn!("a terminal that nobody saw could not be removed: {err}");
        }
    }
}

/// Waits until the attach client with this nonce has said hello to the holder.
async fn reported_back(
    window: &Window<'_>,
    session: &Session,
    nonce: &str,
    started: Started,
    outbox: &Outbox,
) -> Result<(), SpawnError> {
    let patience = window.launcher.map_or(USUAL_PATIENCE, |launcher| launcher.patience());
    let until = Instant::now() + patience;
    let (mut reader, _writer) = client::connect(&session.dir, Hello::default())
        .await
        .map_err(|err| internal(format!("the new terminal does not answer: {err}")))?;
    loop {
        match timeout(ENDED_CHECK, reader.next()).await {
            // Its program may have ended already; the client still comes to see the last screen.
            Ok(Ok(Some(FromHolder::Status(status)))) if is_arrival(&status, nonce) => return Ok(()),
            Ok(Ok(Some(_))) | Err(_) => {}
            Ok(Ok(None)) => return Err(internal("the new terminal is gone".to_owned())),
            Ok(Err(err)) => return Err(internal(format!("the new terminal does not answer: {err}"))),
        }
        match started.ended.try_recv() {
            // Some leave the window to a server of theirs and end at once.
            Ok(ended) if ended.code == Some(0) => {}
            Ok(ended) => {
                return Err(match window.launcher {
                    Some(launcher) => launcher.failure(ended.code, &ended.last_line),
                    None => failed(window.name, ended.code, &ended.last_line),
                });
            }
            Err(TryRecvError::Empty | TryRecvError::Disconnected) => {}
        }
        if outbox.stopped() {
            return Err(SpawnError::unavailable("this socket: magia is stopping"));
        }
        if Instant::now() >= until {
            return Err(SpawnError::new(
                SpawnCode::TerminalStartTimeout,
                format!("{} showed nothing within {} s", window.name, patience.as_secs()),
            )
            .remedy(format!("the session runs: `magia attach {}` shows it", session.id)));
        }
    }
}

fn is_arrival(status: &serde_json::Value, nonce: &str) -> bool {
    status.get("status").is_some_and(|word| word == "attached")
        && status.get("nonce").is_some_and(|word| word == nonce)
}

fn nonce() -> Result<String, SpawnError> {
    let mut bytes = [0; NONCE_BYTES];
    getrandom::fill(&mut bytes).map_err(|err| internal(format!("no random numbers ({err})")))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn start_error(err: StartError, options: &StartOptions) -> SpawnError {
    let message = err.to_string();
    match err {
        StartError::NoCommand => SpawnError::new(SpawnCode::InvalidRequest, message),
        StartError::CommandNotFound { .. } | StartError::CommandRefused { .. } => {
            SpawnError::new(SpawnCode::CommandNotFound, message)
        }
        StartError::CwdNotFound { .. } => no_directory(&options.cwd),
        StartError::SessionExists { .. } => SpawnError::new(SpawnCode::SessionExists, message)
            .remedy("choose another id, or remove the old one: `magia term ls`"),
        StartError::PathTooLong(_) => SpawnError::new(SpawnCode::SocketPathTooLong, message)
            .remedy("choose a shorter id, or a shorter XDG_DATA_HOME"),
        StartError::Directory(_) | StartError::Holder { .. } => internal(message),
    }
}

fn no_directory(path: &Path) -> SpawnError {
    SpawnError::new(SpawnCode::CwdNotFound, format!("Working directory does not exist: {}", path.display()))
}

fn internal(message: String) -> SpawnError {
    SpawnError::new(SpawnCode::ServiceUnavailable, message).remedy("`magia doctor` may say why")
}
