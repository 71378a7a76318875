//! Sessions, requests and timelines: the one owner of all facts.
//!
//! [`Model::apply`] is the only way in. It reads no clock and does no I/O: the same events at the same times give
//! the same effects.

mod agents;
mod commands;
mod ids;
mod registry;
mod requests;
mod session;
mod views;

pub use commands::no_agent_above;
pub use requests::PermissionRequest;
pub use session::Session;

use crate::effect::{Effect, StoreWrite, Update};
use crate::event::{Event, GateId, Now, ReplyId, StoredState};
use crate::settings::Settings;
use crate::snapshot::{Problem, Toast};
use ids::Ids;
use magia_protocol::wire::info::{HooksInfo, ListenerInfo, ProviderInfo};
use magia_protocol::wire::{
    ProcessId, Provider, ProviderSessionId, RequestId, RequestState, SessionId, SessionState,
};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;

/// After so long a handler gives up by itself: the deadline that the installer writes.
pub const GATE_DEADLINE_MS: u64 = 594_000;

/// Toasts that are kept for the window.
const TOASTS_MAX: usize = 50;

/// Processes that are remembered as ended, so that a late hook of theirs does not revive a session.
const DEAD_MAX: usize = 256;

/// The effects of one event, in order.
pub type Effects = Vec<Effect>;

/// What the model knows of the program it runs in.
#[derive(Clone, Debug, Default)]
pub struct Program {
    /// Version.
    pub version: String,
    /// Process id.
    pub pid: u32,
    /// Without a window.
    pub headless: bool,
    /// Where its sockets are.
    pub runtime_dir: String,
    /// When it started, by the monotonic clock.
    pub started_mono: u64,
    /// When it started, milliseconds since 1970.
    pub started_at_ms: u64,
}

/// What the window shows.
#[derive(Clone, Copy, Debug, Default)]
struct Window {
    focused: bool,
    selected: Option<SessionId>,
}

/// All facts.
#[derive(Debug)]
pub struct Model {
    program: Program,
    ids: Ids,
    next_seq: u64,
    loaded: bool,
    settings: Arc<Settings>,
    sessions: BTreeMap<SessionId, Session>,
    by_provider_id: HashMap<(Provider, ProviderSessionId), Vec<SessionId>>,
    by_process: HashMap<ProcessId, SessionId>,
    dead: VecDeque<ProcessId>,
    requests: BTreeMap<RequestId, PermissionRequest>,
    gates: HashMap<GateId, RequestId>,
    listeners: Vec<ListenerInfo>,
    providers: Option<Vec<ProviderInfo>>,
    hooks: Option<Arc<HooksInfo>>,
    problems: BTreeMap<String, Problem>,
    toasts: VecDeque<Toast>,
    next_toast: u64,
    window: Window,
    window_replies: HashSet<ReplyId>,
    history_replies: Vec<(ReplyId, SessionId, usize)>,
    raise: (u64, Option<SessionId>),
    touched: BTreeSet<SessionId>,
    views: views::Views,
    unplaced: u64,
    off: Vec<(SessionId, u64, u64)>,
    last_alive_ms: u64,
}

impl Model {
    /// An empty model. `seed` makes its ids differ from those of other runs.
    pub fn new(program: Program, seed: u64) -> Self {
        Self {
            program,
            ids: Ids::new(seed),
            next_seq: 1,
            loaded: false,
            settings: Arc::default(),
            sessions: BTreeMap::new(),
            by_provider_id: HashMap::new(),
            by_process: HashMap::new(),
            dead: VecDeque::new(),
            requests: BTreeMap::new(),
            gates: HashMap::new(),
            listeners: Vec::new(),
            providers: None,
            hooks: None,
            problems: BTreeMap::new(),
            toasts: VecDeque::new(),
            next_toast: 1,
            window: Window::default(),
            window_replies: HashSet::new(),
            history_replies: Vec::new(),
            raise: (0, None),
            touched: BTreeSet::new(),
            views: views::Views::default(),
            unplaced: 0,
            off: Vec::new(),
            last_alive_ms: 0,
        }
    }

    /// Takes an event and says what is to be done.
    pub fn apply(&mut self, event: Event, now: Now) -> Effects {
        let mut fx = Effects::new();
        match event {
            Event::HookReceived(message) => self.hook(now, None, &message, None, &mut fx),
            Event::GateOpened { gate, message, paths } => {
                self.hook(now, Some(gate), &message, paths, &mut fx)
            }
            Event::GateClosed { gate } => self.gate_closed(now, gate, &mut fx),
            Event::GateAnswered { gate, delivered } => self.gate_answered(now, gate, delivered, &mut fx),
            Event::RegistryRead(entry) => self.registry_read(now, *entry, &mut fx),
            Event::RegistryRemoved { process } => self.registry_removed(process),
            Event::ProcessExited(process) => self.process_exited(now, process, &mut fx),
            Event::TranscriptRead { session, items } => self.transcript_read(session, &items, &mut fx),
            Event::TitlesRead { session, titles } => self.titles_read(session, titles, &mut fx),
            Event::CommandReceived { reply, command, origin } => {
                self.command(now, reply, command, &origin, &mut fx);
            }
            Event::RequesterGone(reply) => self.history_replies.retain(|(waiting, ..)| *waiting != reply),
            Event::JobFinished { reply, outcome } => self.job_finished(reply, outcome, &mut fx),
            Event::HistoryLoaded { session, events } => self.history_loaded(session, events, &mut fx),
            Event::StoreLoaded(state) => self.store_loaded(now, *state, &mut fx),
            Event::SettingsLoaded { settings, problem } => self.settings_loaded(settings, problem, &mut fx),
            Event::ListenerReported(info) => self.listener_reported(info),
            Event::ProvidersDetected(providers) => {
                if self.providers.as_ref() != Some(&providers) {
                    let value = serde_json::to_value(&providers).unwrap_or_default();
                    fx.push(Effect::Publish(Update::ProvidersChanged(value)));
                    self.providers = Some(providers);
                    self.views.touch();
                }
            }
            Event::HooksInspected(info) => {
                self.hooks = Some(Arc::new(*info));
                self.views.touch();
            }
            Event::WindowChanged { focused, selected } => self.window_changed(focused, selected, &mut fx),
            Event::ServiceReported { service, problem } => {
                self.problem(service, problem, None);
            }
            Event::ClockTicked => self.tick(now, &mut fx),
        }
        self.publish_touched(now, &mut fx);
        fx
    }

    /// Whether the store was read. Before that no session's id is known, so facts about sessions must wait.
    pub const fn is_loaded(&self) -> bool {
        self.loaded
    }

    /// Whether [`Self::snapshot`] has something new.
    pub const fn has_news(&self) -> bool {
        self.views.has_news()
    }

    /// When the model wants a [`Event::ClockTicked`], by the monotonic clock; `None` while nothing depends on time.
    pub fn next_wake_mono(&self, now: Now) -> Option<u64> {
        let live = self.sessions.values().any(|session| session.ended.is_none());
        let alive = live.then_some(now.mono_ms + 60_000);
        [alive, self.views.recheck_mono].into_iter().flatten().min()
    }

    fn tick(&mut self, now: Now, fx: &mut Effects) {
        if self.views.recheck_mono.is_some_and(|at| at <= now.mono_ms) {
            self.views.recheck_mono = None;
            let live: Vec<SessionId> = self
                .sessions
                .values()
                .filter(|session| session.ended.is_none())
                .map(|session| session.id)
                .collect();
            self.touched.extend(live);
        }
        if now.unix_ms.saturating_sub(self.last_alive_ms) >= 60_000 {
            self.last_alive_ms = now.unix_ms;
            fx.push(Effect::Store(StoreWrite::Alive(now.unix_ms)));
        }
    }

    fn store_loaded(&mut self, now: Now, state: StoredState, fx: &mut Effects) {
        self.loaded = true;
        self.next_seq = self.next_seq.max(state.last_seq + 1);
        for stored in state.sessions {
            let session = Session::restore(stored);
            let id = session.id;
            for process in &session.processes {
                self.by_process.insert(*process, id);
                fx.push(Effect::WatchProcess(*process));
            }
            if session.ended.is_none() {
                if let Some(off_since) = state.last_alive_ms {
                    self.off.push((id, off_since, now.unix_ms));
                }
                self.read_titles(&session, fx);
            }
            self.by_provider_id
                .entry((session.provider, session.provider_session_id.clone()))
                .or_default()
                .push(id);
            self.sessions.insert(id, session);
            self.touched.insert(id);
        }
        for stored in state.requests {
            let was = stored.state;
            let request = PermissionRequest::restore(stored);
            if request.state != was {
                fx.push(Effect::Store(StoreWrite::Request(Box::new(request.stored()))));
            }
            self.requests.insert(request.id, request);
        }
        self.last_alive_ms = now.unix_ms;
        fx.push(Effect::Store(StoreWrite::Alive(now.unix_ms)));
        self.views.touch();
    }

    fn settings_loaded(&mut self, settings: Arc<Settings>, problem: Option<String>, fx: &mut Effects) {
        self.problem("settings", problem, None);
        if self.settings != settings {
            fx.push(Effect::Publish(Update::SettingsChanged(serde_json::Value::Object(settings.to_json()))));
            fx.push(Effect::Retain { days: settings.retention_days, mib: settings.retention_mib });
            self.settings = settings;
        }
        self.views.touch();
    }

    fn listener_reported(&mut self, info: ListenerInfo) {
        let problem = (!info.up).then(|| {
            let why = info.error.clone().unwrap_or_else(|| "it did not start".to_owned());
            format!("The {} socket does not listen: {why}", info.name)
        });
        self.problem(&format!("listener.{}", info.name), problem, Some(info.name.clone()));
        match self.listeners.iter_mut().find(|known| known.name == info.name) {
            Some(known) => *known = info,
            None => self.listeners.push(info),
        }
        self.views.touch();
    }

    fn window_changed(&mut self, focused: bool, selected: Option<SessionId>, fx: &mut Effects) {
        self.window.focused = focused;
        if self.window.selected == selected {
            return;
        }
        self.window.selected = selected;
        match selected.and_then(|id| self.sessions.get(&id)) {
            Some(session) => {
                let id = session.id;
                match &session.transcript_path {
                    Some(path) => {
                        fx.push(Effect::FollowTranscript { session: id, path: PathBuf::from(path) })
                    }
                    None => fx.push(Effect::UnfollowTranscript),
                }
                self.want_history(id, fx);
            }
            None => fx.push(Effect::UnfollowTranscript),
        }
        self.views.touch();
    }

    /// Sets or clears a banner.
    fn problem(&mut self, id: &str, text: Option<String>, retry: Option<String>) {
        let changed = match text {
            Some(text) => {
                let problem = Problem { id: id.to_owned(), text, retry };
                self.problems.insert(id.to_owned(), problem.clone()) != Some(problem)
            }
            None => self.problems.remove(id).is_some(),
        };
        if changed {
            self.views.touch();
        }
    }

    /// Says something once in the window.
    fn toast(&mut self, failed: bool, text: String) {
        self.toasts.push_back(Toast { number: self.next_toast, failed, text });
        self.next_toast += 1;
        if self.toasts.len() > TOASTS_MAX {
            self.toasts.pop_front();
        }
        self.views.touch();
    }

    /// Notes that a session's row must be made anew.
    fn touch(&mut self, session: SessionId) {
        self.touched.insert(session);
    }

    fn process_exited(&mut self, now: Now, process: ProcessId, fx: &mut Effects) {
        self.dead.push_back(process);
        if self.dead.len() > DEAD_MAX {
            self.dead.pop_front();
        }
        let Some(id) = self.by_process.remove(&process) else { return };
        let Some(session) = self.sessions.get_mut(&id) else { return };
        session.processes.retain(|known| *known != process);
        if session.processes.is_empty() && session.ended.is_none() {
            session.end(&format!("process {} is gone", process.pid), now.unix_ms);
            self.after_end(now, id, fx);
        }
    }

    /// A session has just ended: its requests, its row.
    fn after_end(&mut self, now: Now, id: SessionId, fx: &mut Effects) {
        self.settle_all(now, id, None, RequestState::AgentGone, fx);
        if let Some(session) = self.sessions.get_mut(&id) {
            session.timeline.turn_broken_off();
            fx.push(Effect::Store(StoreWrite::Session(Box::new(session.stored()))));
        }
        self.touch(id);
    }

    /// Counts by state, for the status reply and the window's bar.
    fn count(&self, state: SessionState) -> u32 {
        let count =
            self.sessions.values().filter(|session| session.shown.0 == state && !session.hidden).count();
        u32::try_from(count).unwrap_or(u32::MAX)
    }
}
