//! Start and stop order, and every channel between the parts.
//!
//! Start: services, hub, listeners last, so that whoever connects is served. Stop: listeners first, so that open gates
//! get "no decision"; then the hub, the worker, the services; the store last, once everything is written. A stop after
//! which another magia goes on has the same order, but keeps what clients are connected to ([`crate::takeover`]).

use crate::agent_env::AgentEnv;
use crate::clock::Clock;
use crate::ground::{Ground, Settled};
use crate::hub::{Display, HubThread, Inbox, JobRequest, JobShell, JobWorker, Owner, Shell, run_once};
use crate::instance;
use crate::link::FromWindow;
#[cfg(feature = "window")]
use crate::link::Onlooker;
use crate::listeners::{HUB_CAPACITY, HttpPlaces, IdePlaces, Listeners, OtlpPlaces};
use crate::os::color_scheme::ColorScheme;
use crate::os::signals;
#[cfg(feature = "window")]
use crate::os::tray::{Tray, TrayColors};
use crate::places::Places;
use crate::reset;
use crate::services::agents::Agents;
use crate::services::channels::Channels;
use crate::services::codex::Codex;
use crate::services::processes::Processes;
use crate::services::providers::Detector;
use crate::services::registry::Registry;
use crate::services::settings_file::{Kind, SettingsFile};
use crate::services::spawn::{SpawnPlaces, Spawner};
use crate::services::store::{Store, StoreConfig};
use crate::services::terminals::{TerminalPlaces, Terminals};
use crate::services::themes::Themes;
use crate::services::transcripts::Transcripts;
use crate::takeover::{Desk, Estate, Next, Standby, stand_by};
use crate::terminal_link::{TerminalAsk, WISHES as TERMINAL_WISHES};
use anyhow::{Context as _, Result};
use crossbeam_channel::{Receiver, Sender, bounded};
use magia_core::event::Event;
use magia_core::model::{Model, Program};
use magia_core::settings::Settings;
use magia_protocol::paths::{self, InstanceLock, Socket};
use magia_protocol::wire::{Command, RpcError};
use serde_json::Value;
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::sync::mpsc;

/// Snapshots on the way to the window. Only the newest is read; a hidden window reads none.
#[cfg(feature = "window")]
const SNAPSHOTS: usize = 64;

/// Wishes of the window. A person cannot click faster than the hub takes them.
#[cfg(feature = "window")]
const WISHES: usize = 256;

/// Slow requests that wait for the worker. Beyond it they are refused, with a reply.
const JOBS: usize = 256;

/// Facts of a one-shot run: it reads the settings once.
const ONE_SHOT_EVENTS: usize = 16;

/// The running program without its window.
#[derive(Debug)]
struct Running {
    listeners: Option<Arc<Listeners>>,
    hub: HubThread,
    jobs: JobWorker,
    registry: Option<Registry>,
    agents: Option<Agents>,
    codex: Option<Codex>,
    spawner: Option<Spawner>,
    #[cfg(feature = "window")]
    tray: Option<Arc<Tray>>,
    settings: Option<Arc<SettingsFile>>,
    keybindings: Option<Arc<SettingsFile>>,
    themes: Option<Themes>,
    color_scheme: Option<ColorScheme>,
    store: Option<Arc<Store>>,
    #[cfg_attr(not(feature = "window"), expect(dead_code, reason = "only a window has one"))]
    standby: Option<Standby>,
}

/// Everything but the window, until a signal comes. While a window serves in its place, it waits.
pub fn headless(places: Places, lock: InstanceLock) -> Result<()> {
    let mut stop = signals::Stop::install().context("listening for signals")?;
    let runtime = places.runtime.display().to_string();
    let mut ground = Ground::Own(lock);
    loop {
        let (_no_window, wishes) = bounded(1);
        let (_no_terminals, asks) = mpsc::channel(1);
        let mut running = start(places.clone(), ground, None, wishes, asks, stop.quit())?;
        // Without it, everything but the takeover works.
        let desk = Desk::open(&places, stop.call())
            .inspect_err(|err| tracing::error!("no window can take over: {err:#}"))
            .ok();
        instance::say(&format!("magia listens in {runtime}; look with `magia ls`, stop with Ctrl+C"));
        let window = loop {
            match stop.wait() {
                signals::Woken::End => break None,
                signals::Woken::Called => match desk.as_ref().and_then(Desk::take) {
                    Some(window) => break Some(window),
                    None => continue,
                },
            }
        };
        drop(desk);
        let Some((link, window)) = window else {
            running.stop();
            return after_stop(&stop.quit(), &places);
        };
        match stand_by(&mut stop, &link, window, running.leave()?) {
            Next::End => return Ok(()),
            Next::Serve(estate) => ground = Ground::Left(estate),
        }
    }
}

/// What is left once everything has stopped: it comes back when the program is to end.
fn after_stop(quit: &signals::Quit, places: &Places) -> Result<()> {
    anyhow::ensure!(!quit.has_failed(), "a fault in magia itself, it has ended; the log says where");
    reset::restart_if_pending(places)
}

/// The window, until it is closed or a signal comes.
#[cfg(feature = "window")]
pub fn window(places: Places, ground: Ground) -> Result<()> {
    use crate::link::WindowLink;
    use crate::ui::{self, WindowOptions};
    use magia_core::snapshot::Snapshot;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::{Mutex, PoisonError};

    let mut stop = signals::Stop::install().context("listening for signals")?;
    let (snapshots, unread) = bounded::<Arc<Snapshot>>(SNAPSHOTS);
    let (to_hub, wishes) = bounded(WISHES);
    let (to_terminals, asks) = mpsc::channel(TERMINAL_WISHES);
    let link = WindowLink { snapshots: unread.clone(), to_hub, to_terminals };
    let running: Arc<Mutex<Option<Running>>> = Arc::default();
    let begun = Arc::clone(&running);
    let (quit, wished) = (stop.quit(), stop.quit());
    let closing = Arc::new(AtomicBool::new(false));
    let closed = Arc::clone(&closing);
    ui::text::set_home(&places.home.to_string_lossy());
    let (own, last) = (places.clone(), places.clone());
    let end = |running: &Mutex<Option<Running>>, places: &Places| {
        if let Some(running) = running.lock().unwrap_or_else(PoisonError::into_inner).take() {
            running.end(places);
        }
    };
    let shown = ui::run(link, WindowOptions::default(), move |waker| {
        // Beside the first frames: the window is there while the store is read.
        let display = Display { snapshots, unread, waker, tray: None };
        let work = move || {
            let mut slot = begun.lock().unwrap_or_else(PoisonError::into_inner);
            match start(places, ground, Some(display), wishes, asks, quit) {
                Ok(started) => *slot = Some(started),
                Err(err) => {
                    instance::say(&format!("error: {err:#}"));
                    signals::exit_at_once(1);
                }
            }
            drop(slot);
            let _end = stop.wait();
            if !closed.swap(true, Ordering::AcqRel) {
                end(&begun, &own);
                if let Err(err) = after_stop(&wished, &own) {
                    instance::say(&format!("error: {err:#}"));
                    signals::exit_at_once(1);
                }
                signals::exit_at_once(0);
            }
        };
        if let Err(err) = std::thread::Builder::new().name("start".to_owned()).spawn(work) {
            instance::say(&format!("error: starting: {err}"));
            std::process::exit(1);
        }
    });
    if !closing.swap(true, Ordering::AcqRel) {
        end(&running, &last);
    }
    shown.context("cannot open a window; without a display, `magia-app --headless` is what runs")
}

/// Says that this build has no window.
#[cfg(not(feature = "window"))]
pub fn window(_places: Places, _ground: Ground) -> Result<()> {
    anyhow::bail!("this build has no window; start `magia-app --headless`")
}

/// Does one command in this process, without sockets, hub or store.
pub fn one_shot(places: Places, command: Command) -> Result<Result<Value, RpcError>> {
    let (events, facts) = bounded(ONE_SHOT_EVENTS);
    let settings = config_file(Kind::Settings, &places, events.clone())?;
    let mut current = Arc::new(Settings::default());
    if let Ok(Event::SettingsLoaded { settings, .. }) = facts.recv() {
        current = settings;
    }
    let keybindings = Arc::new(config_file(Kind::Keybindings, &places, events)?);
    let mut shell = JobShell {
        keybindings,
        places,
        store: None,
        settings: Arc::new(settings),
        current,
        detector: Detector::default(),
        listeners: None,
    };
    Ok(run_once(&mut shell, command))
}

/// The tray, which looks at the window's snapshots.
#[cfg(feature = "window")]
fn tray(display: &mut Display, events: &Sender<Event>) -> Option<Arc<Tray>> {
    let [quiet, working, needs_you, ink] = crate::ui::theme::tray_colors();
    let colors = TrayColors { quiet, working, needs_you, ink };
    let tray = match Tray::start(events.clone(), colors) {
        Ok(tray) => Arc::new(tray),
        Err(err) => {
            tracing::error!("no tray: {err}");
            return None;
        }
    };
    let looks = Arc::downgrade(&tray);
    display.tray = Some(Onlooker::new(move |snapshot| {
        if let Some(tray) = looks.upgrade() {
            tray.show(snapshot);
        }
    }));
    Some(tray)
}

fn config_file(kind: Kind, places: &Places, events: Sender<Event>) -> Result<SettingsFile> {
    SettingsFile::start(kind, &places.config, places.state.join("backups"), events)
        .with_context(|| format!("watching {}", kind.file_name()))
}

fn start(
    places: Places,
    ground: Ground,
    #[cfg_attr(not(feature = "window"), expect(unused_mut, reason = "there is no tray without a window"))]
    mut display: Option<Display>,
    wishes: Receiver<FromWindow>,
    asks: mpsc::Receiver<TerminalAsk>,
    quit: signals::Quit,
) -> Result<Running> {
    let first_launch = places.is_new();
    if let Err(err) = paths::write_runtime_pointer(&places.runtime) {
        tracing::warn!("agents with another TMPDIR will not find magia: {err}");
    }
    let clock = Clock::new();
    let (events, facts) = bounded::<Event>(HUB_CAPACITY);
    let (jobs, waiting_jobs) = bounded(JOBS);
    let (stop, stopped) = bounded(0);

    let settings = Arc::new(config_file(Kind::Settings, &places, events.clone())?);
    let keybindings = Arc::new(config_file(Kind::Keybindings, &places, events.clone())?);
    let themes =
        Themes::start(places.home.join(".magia/themes"), events.clone()).context("watching themes")?;
    // Only who shows something needs to know.
    let color_scheme = display.as_ref().map(|_| ColorScheme::start(events.clone()));
    let color_scheme = color_scheme.transpose().context("asking the desktop whether it is dark")?;
    let processes = Processes::start(events.clone()).context("starting to watch processes")?;
    let transcripts = Transcripts::start(events.clone()).context("starting to follow transcripts")?;
    // From here on until the listeners start, clients wait.
    let Settled { lock, inheritance, requests: inherited, standby } = ground.settle(&places)?;
    let store =
        Store::start(StoreConfig::new(places.data.clone()), events.clone()).context("starting the store")?;
    let store = Arc::new(store);
    // Empty until the hub starts, which needs the listeners' gates.
    let owner = Owner::new();
    let listeners =
        Listeners::start(Arc::new(lock), events.clone(), Some(Arc::new(owner.clone())), inheritance)
            .context("starting the listeners")?;
    if let Some(standby) = &standby {
        standby.watch(events.clone());
    }
    let listeners = Arc::new(listeners);
    let codex =
        Codex::start(places.codex_homes.clone(), events.clone()).context("watching Codex's daemons")?;

    let ide = listeners
        .ide(IdePlaces {
            claude: places.claude.clone(),
            runtime: places.runtime.clone(),
            temp: std::env::temp_dir(),
            state: places.state.clone(),
        })
        .context("starting the server for agents")?;
    let env = {
        let ide = ide.clone();
        AgentEnv::new(move || ide.variables())
    };
    let spawner = Spawner::start(
        SpawnPlaces {
            exe: places.cli.clone(),
            root: places.terminals.clone(),
            home: places.home.clone(),
            runtime: places.runtime.clone(),
            logs: places.state.join("logs"),
            link: places.terminal_link.clone(),
            window: display.is_some(),
            env: env.clone(),
        },
        &events,
    )
    .context("starting to open terminals")?;
    let http = listeners.http(HttpPlaces {
        token: places.state.join("http-token"),
        terminals: places.terminals.clone(),
        home: places.home.clone(),
        fixed: places.http,
    });
    let otlp = listeners.otlp(OtlpPlaces {
        pin: places.state.join("otel-port"),
        socket: places.runtime.join(Socket::Otel.file_name()),
    });
    let terminals = TerminalPlaces {
        root: places.terminals.clone(),
        holder: places.holder.clone(),
        home: places.home.clone(),
        env,
    };
    let terminals =
        Terminals::start(terminals, asks, events.clone()).context("starting to look for terminals")?;

    let shell = Shell {
        spawn: spawner.requests(),
        http,
        ide,
        otlp,
        gates: listeners.gates(),
        replies: listeners.replies(),
        streams: listeners.streams(),
        store: Some(Arc::clone(&store)),
        codex: codex.daemons(),
        processes,
        terminals: Some(terminals),
        transcripts,
        notifier: crate::os::notify::Notifier::start(events.clone()),
        channels: Channels::start(events.clone())
            .inspect_err(|err| tracing::error!("no channels: {err}"))
            .ok(),
        quit,
        reports: VecDeque::new(),
        jobs: jobs.clone(),
        later: VecDeque::new(),
        newest_seq: 0,
    };
    let worker = JobShell {
        places: places.clone(),
        store: Some(Arc::clone(&store)),
        settings: Arc::clone(&settings),
        keybindings: Arc::clone(&keybindings),
        current: Arc::default(),
        detector: Detector::default(),
        listeners: Some(Arc::downgrade(&listeners)),
    };
    let program = Program {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        pid: std::process::id(),
        headless: display.is_none(),
        first_launch,
        inherited,
        standby: standby.as_ref().map(Standby::pid),
        runtime_dir: places.runtime.display().to_string(),
        started_mono: clock.now().mono_ms,
        started_at_ms: clock.now().unix_ms,
    };
    #[cfg(feature = "window")]
    let tray = display.as_mut().and_then(|display| tray(display, &events));
    let seed =
        u64::from_le_bytes(uuid::Uuid::new_v4().into_bytes().first_chunk().copied().unwrap_or_default());
    let inbox = Inbox { events: facts, window: wishes, stop: stopped };
    let hub = HubThread::start(owner, Model::new(program, seed), shell, inbox, stop, display, clock)
        .context("starting the hub")?;
    let worker = JobWorker::start(worker, waiting_jobs, events.clone()).context("starting the worker")?;
    if jobs.try_send(JobRequest::Inspect).is_err() {
        tracing::warn!("the agents' programs were not looked for");
    }
    let registry =
        Registry::start(vec![places.claude.clone()], events.clone()).context("watching Claude's registry")?;
    let agents = Agents::start(places.home.clone(), events).context("starting to look for agents")?;
    Ok(Running {
        listeners: Some(listeners),
        hub,
        jobs: worker,
        registry: Some(registry),
        agents: Some(agents),
        codex: Some(codex),
        spawner: Some(spawner),
        #[cfg(feature = "window")]
        tray,
        settings: Some(settings),
        keybindings: Some(keybindings),
        themes: Some(themes),
        color_scheme,
        store: Some(store),
        standby,
    })
}

impl Running {
    fn stop(&mut self) {
        drop(self.listeners.take());
        self.stop_services();
        self.hub.stop();
        self.close();
    }

    /// Ends as somebody wants it who closes the window: a standby serves again, unless everything is to be reset.
    #[cfg(feature = "window")]
    fn end(mut self, places: &Places) {
        let standby = self.standby.take().filter(Standby::is_there);
        match standby {
            Some(standby) if reset::is_pending(places) => {
                self.stop();
                standby.dismiss();
            }
            Some(standby) => {
                let handed = self.leave().and_then(|estate| standby.hand_back(&estate));
                if let Err(err) = handed {
                    tracing::error!("the magia without a window does not serve again: {err:#}");
                }
            }
            None => self.stop(),
        }
    }

    /// Stops, but for what clients are connected to.
    fn leave(&mut self) -> Result<Estate> {
        let listeners = self.listeners.take().context("the listeners have stopped")?;
        // Who decides beside the sockets is silent first.
        self.stop_services();
        let hub = &mut self.hub;
        let left = listeners.leave(|| hub.leave().map(|left| (left.gates, left.last_seq)));
        drop(listeners);
        self.close();
        let (lock, inheritance) = left.context("taking a second hold on the lock")?;
        Ok(Estate { lock, inheritance })
    }

    /// Stops what tells the hub of agents and terminals, and the tray.
    fn stop_services(&mut self) {
        drop(self.registry.take());
        drop(self.agents.take());
        drop(self.codex.take());
        drop(self.spawner.take());
        #[cfg(feature = "window")]
        drop(self.tray.take());
    }

    /// Ends what is left once the hub has ended; everything is written then.
    fn close(&mut self) {
        self.jobs.join();
        drop(self.settings.take());
        drop(self.keybindings.take());
        drop(self.themes.take());
        drop(self.color_scheme.take());
        if let Some(store) = self.store.take()
            && let Err(err) = store.flush()
        {
            tracing::error!("the last events were not written: {err:#}");
        }
    }
}
