//! Sessions, requests and timelines: the one owner of all facts.
//!
//! [`Model::apply`] is the only way in, in one step or in two ([`Model::begin`], [`Model::finish`]; for a request that a rule
//! answers before anything is noted, [`Model::by_rule`], [`Model::answered_ahead`] and [`Model::finish`]). It reads no clock
//! and does no I/O: the same events at the same times give the same effects.

mod agents;
mod ahead;
mod anew;
mod answers;
mod away;
mod commands;
mod cost;
mod daemon;
mod evidence;
mod forgotten;
mod found;
mod guard;
mod health;
mod history;
mod hold;
mod ide;
mod ids;
mod inherit;
mod metrics;
mod names;
mod notices;
mod payload;
mod placing;
mod registry;
mod request;
mod requests;
mod session;
mod settle;
mod spawn;
mod strict;
mod terminal;
mod terminals;
mod tidings;
mod titles;
mod tray;
mod truth;
mod views;

pub use ahead::Asking;
pub use guard::no_agent_above;
pub use history::StoredTimeline;
pub use notices::LEDGER_MAX;
pub use request::PermissionRequest;
pub use requests::SETTLED_MAX;
pub use session::{BEGUN_MAX, Session};
pub use spawn::REPLY_WITHIN_MS;

use crate::effect::{Effect, StoreWrite, Update};
use crate::event::{Event, GateId, Now, ReplyId, StoredState};
use crate::keys::Keymap;
use crate::settings::Settings;
use crate::snapshot::{Problem, RaisePage, Toast};
use crate::themes::Theme;
use crate::tray::TrayHost;
use ids::Ids;
use magia_protocol::wire::info::{DaemonInfo, HooksInfo, HttpApiInfo, ListenerInfo, ProviderInfo, TrialInfo};
use magia_protocol::wire::{ProcessId, Provider, ProviderSessionId, RequestId, RequestState, SessionId};
use settle::Whose;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;

/// After so long a handler gives up by itself: the deadline that the installer writes.
pub const GATE_DEADLINE_MS: u64 = 594_000;

/// Toasts that are kept for the window.
const TOASTS_MAX: usize = 50;

/// Processes that are remembered as ended, so that a late hook of theirs does not revive a session.
const DEAD_MAX: usize = 256;

/// How often the store is told that the program runs, while sessions live.
const ALIVE_EVERY_MS: u64 = 60_000;

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
    /// magia was never here before, or was reset.
    pub first_launch: bool,
    /// Where its sockets are.
    pub runtime_dir: String,
    /// The requests whose gates another magia has just left to this one; `None` when it began by itself.
    pub inherited: Option<Vec<RequestId>>,
    /// The process that serves again once this one ends.
    pub standby: Option<u32>,
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
    /// When a person last did something in it, by the monotonic clock.
    used_mono: Option<u64>,
}

/// All facts.
#[derive(Debug)]
pub struct Model {
    program: Program,
    ids: Ids,
    next_seq: u64,
    loaded: bool,
    settings: Arc<Settings>,
    keymap: Arc<Keymap>,
    themes: Arc<Vec<Theme>>,
    desktop_dark: Option<bool>,
    sessions: BTreeMap<SessionId, Session>,
    by_provider_id: HashMap<(Provider, ProviderSessionId), Vec<SessionId>>,
    by_process: HashMap<ProcessId, SessionId>,
    dead: VecDeque<ProcessId>,
    requests: requests::Requests,
    gates: HashMap<GateId, RequestId>,
    /// Answered by a rule, and nobody has been told yet: [`Self::finish`] does.
    told_later: Vec<RequestId>,
    /// Answered ahead, and nothing noted yet: [`Self::finish`] does.
    answered: Option<ahead::Answered>,
    listeners: Vec<ListenerInfo>,
    http_api: HttpApiInfo,
    daemons: Vec<DaemonInfo>,
    /// The session of a daemon that a person looks at.
    viewed_held: Option<(String, ProviderSessionId)>,
    providers: Option<Vec<ProviderInfo>>,
    hooks: Vec<Arc<HooksInfo>>,
    problems: BTreeMap<String, Problem>,
    toasts: VecDeque<Toast>,
    next_toast: u64,
    window: Window,
    held: hold::Held,
    ide: ide::Ide,
    spawns: spawn::Spawns,
    /// What the window asked and was not answered yet; for an answer of its own, the request's name.
    window_replies: HashMap<ReplyId, Option<String>>,
    /// The dry run that the window waits for, and what came of its last one.
    trial: (Option<ReplyId>, Option<Arc<TrialInfo>>),
    unwritten: history::Unwritten,
    /// Bytes that timelines have grown by since all were looked at.
    grown_bytes: usize,
    /// How often a timeline was wanted.
    wanted: u64,
    history_replies: Vec<(ReplyId, SessionId, usize)>,
    raise: (u64, Option<SessionId>),
    /// The page that the last wish for the window is about.
    raise_page: Option<RaisePage>,
    tray_host: TrayHost,
    /// Whether it was said, in this run, where a closed window goes.
    hinted: bool,
    /// The request that the last wish for the window is about.
    raise_request: Option<RequestId>,
    /// The terminal that the last wish for the window is about.
    raise_terminal: Option<String>,
    views: views::Views,
    notices: notices::Notices,
    away: away::Away,
    unplaced: u64,
    terminals: terminals::Terminals,
    metrics: metrics::MetricsState,
    /// Sessions that lived when magia ended and have not been heard of since: from when to when it did not run.
    off: BTreeMap<SessionId, (u64, u64)>,
    settings_at_ms: u64,
    /// How many days and MiB the store keeps, as far as that is known.
    retention: Option<(u32, u32)>,
    last_alive_mono: u64,
}

/// How much the model holds: for `doctor`, measurements and tests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Footprint {
    /// Sessions, ended ones too.
    pub sessions: usize,
    /// Live processes.
    pub processes: usize,
    /// Requests, settled ones too.
    pub requests: usize,
    /// Gates that wait, or whose answer is being written.
    pub gates: usize,
    /// Calls that have begun and not ended.
    pub calls: usize,
    /// Requesters that wait for a timeline.
    pub waiting_replies: usize,
    /// Timelines in memory, in bytes, as [`Timeline::bytes`](crate::timeline::Timeline::bytes) counts.
    pub timeline_bytes: usize,
}

impl Model {
    /// An empty model. `seed` makes its ids differ from those of other runs.
    pub fn new(program: Program, seed: u64) -> Self {
        let started_at_ms = program.started_at_ms;
        Self {
            program,
            ids: Ids::new(seed),
            next_seq: 1,
            loaded: false,
            settings: Arc::default(),
            keymap: Arc::default(),
            themes: Arc::default(),
            desktop_dark: None,
            sessions: BTreeMap::new(),
            by_provider_id: HashMap::new(),
            by_process: HashMap::new(),
            dead: VecDeque::new(),
            requests: requests::Requests::default(),
            gates: HashMap::new(),
            told_later: Vec::new(),
            answered: None,
            listeners: Vec::new(),
            http_api: HttpApiInfo::default(),
            daemons: Vec::new(),
            viewed_held: None,
            providers: None,
            hooks: Vec::new(),
            problems: BTreeMap::new(),
            toasts: VecDeque::new(),
            next_toast: 1,
            window: Window::default(),
            held: hold::Held::default(),
            ide: ide::Ide::default(),
            spawns: spawn::Spawns::default(),
            window_replies: HashMap::new(),
            trial: (None, None),
            unwritten: history::Unwritten::default(),
            grown_bytes: 0,
            wanted: 1,
            history_replies: Vec::new(),
            raise: (0, None),
            raise_page: None,
            tray_host: TrayHost::Unknown,
            hinted: false,
            raise_request: None,
            raise_terminal: None,
            views: views::Views::default(),
            notices: notices::Notices::default(),
            away: away::Away::default(),
            unplaced: 0,
            terminals: terminals::Terminals::default(),
            metrics: metrics::MetricsState::default(),
            off: BTreeMap::new(),
            settings_at_ms: started_at_ms,
            retention: None,
            last_alive_mono: 0,
        }
    }

    /// Takes an event and says what is to be done.
    pub fn apply(&mut self, event: Event, now: Now) -> Effects {
        let mut fx = self.begin(event, now);
        fx.append(&mut self.finish(now));
        fx
    }

    /// The first half of [`Self::apply`], with all that somebody waits for. [`Self::finish`] must follow before anything
    /// else is asked of the model.
    pub fn begin(&mut self, event: Event, now: Now) -> Effects {
        let mut fx = Effects::new();
        match event {
            Event::HookReceived(message) => self.hook(now, None, &message, None, None, &mut fx),
            Event::GateOpened { gate, message, paths } => {
                self.gate_opened(now, gate, message, paths, &mut fx)
            }
            Event::GatesInherited(gates) => self.gates_inherited(now, gates, &mut fx),
            Event::StandbyReported(standby) => self.program.standby = standby,
            Event::GateClosed { gate } => self.gate_closed(now, gate, &mut fx),
            Event::GateAnswered { gate, delivered } => self.gate_answered(now, gate, delivered, &mut fx),
            Event::RegistryRead(entry) => self.registry_read(now, *entry, &mut fx),
            Event::RegistryRemoved { process } => self.registry_removed(process),
            Event::Ide(fact) => self.ide_news(now, *fact, &mut fx),
            Event::Daemon(news) => self.daemon_news(now, *news, &mut fx),
            Event::ProcessExited(process) => self.process_exited(now, process, &mut fx),
            Event::ProcessPlaced { process, terminal } => self.process_placed(process, terminal),
            Event::TerminalsRead(list) => self.terminals_read(list, &mut fx),
            Event::TerminalNotified { terminal, title, body } => {
                self.terminal_notified(now, &terminal, &title, &body, &mut fx)
            }
            Event::AgentsFound(found) => self.agents_found(now, &found, &mut fx),
            Event::WindowUsed => self.window.used_mono = Some(now.mono_ms),
            Event::TranscriptBegun(session) => self.transcript_begun(session),
            Event::TranscriptRead { session, items } => self.transcript_read(session, &items, &mut fx),
            Event::TitlesRead { session, titles } => self.titles_read(session, titles, &mut fx),
            Event::CommandReceived { reply, command, origin } => {
                self.command(now, reply, command, &origin, &mut fx);
            }
            Event::RequesterGone(reply) => {
                self.history_replies.retain(|(waiting, ..)| *waiting != reply);
                self.spawns.requester_gone(reply);
            }
            Event::JobFinished { reply, outcome } => self.job_finished(reply, outcome, &mut fx),
            Event::StoreBegunAnew => self.store_begun_anew(&mut fx),
            Event::Forgotten(gone) => self.forgotten(now, &gone, &mut fx),
            Event::HistoryLoaded { session, stored } => {
                self.history_loaded(session, stored.map(|stored| *stored), &mut fx)
            }
            Event::TelemetryReceived(export) => self.telemetry_received(now, &export),
            Event::TelemetryPort(info) => self.otel_port(*info),
            Event::HttpApi(info) => self.http_api = *info,
            Event::StoreLoaded(state) => self.store_loaded(now, *state, &mut fx),
            Event::SettingsLoaded { settings, problem, says_retention } => {
                let retention = (settings.retention_days, settings.retention_mib);
                if says_retention && self.retention != Some(retention) {
                    self.retention = Some(retention);
                    fx.push(Effect::Retain { days: retention.0, mib: retention.1 });
                }
                self.settings_loaded(now, settings, problem, &mut fx)
            }
            Event::KeybindingsLoaded { keymap, problem } => {
                self.problem("keybindings", problem, None);
                self.keymap = keymap;
                self.views.touch();
            }
            Event::DesktopSchemeChanged(dark) => {
                self.desktop_dark = dark;
                self.views.touch();
            }
            Event::ThemesLoaded { themes, problem } => self.themes_loaded(themes, problem, &mut fx),
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
                self.hooks.retain(|known| known.provider != info.provider);
                self.hooks.push(Arc::new(*info));
                self.hooks.sort_by_key(|known| known.provider.as_str());
                self.views.touch();
            }
            Event::WindowChanged { focused, selected } => {
                self.focus_changed(now, focused);
                self.window_changed(focused, selected, &mut fx);
            }
            Event::ServiceReported { service, problem } => {
                let is_well = problem.is_none();
                self.problem(service, problem, None);
                if is_well && service == "store" {
                    self.read_rest(&mut fx);
                }
            }
            Event::TerminalOpened { reply, request, outcome } => {
                self.terminal_opened(now, reply, request, outcome, &mut fx);
            }
            Event::TrayChosen(choice) => self.tray_chosen(now, choice, &mut fx),
            Event::TrayReported(host) => self.tray_reported(host),
            Event::WindowHidden => self.window_hidden(now, &mut fx),
            Event::NoticeReported { number, news } => self.notice_reported(now, number, news, &mut fx),
            Event::ChannelReported { id, channel, outcome } => {
                self.channel_reported(id, channel, outcome, &mut fx);
            }
            Event::ClockTicked => self.tick(now, &mut fx),
        }
        fx
    }

    /// The second half: what rules answered is noted and told of, and rows are made anew.
    pub fn finish(&mut self, now: Now) -> Effects {
        let mut fx = Effects::new();
        self.note_answered(now, &mut fx);
        for id in std::mem::take(&mut self.told_later) {
            self.changed_request(id, &mut fx);
        }
        self.publish_touched(now, &mut fx);
        fx
    }

    /// Whether the store was read. Before that no session's id is known, so facts about sessions must wait.
    pub const fn is_loaded(&self) -> bool {
        self.loaded
    }

    /// When the model wants a [`Event::ClockTicked`], by the monotonic clock; `None` while nothing depends on time.
    pub fn next_wake_mono(&self, now: Now) -> Option<u64> {
        let lives = !self.by_process.is_empty();
        let alive = lives.then(|| (self.last_alive_mono + ALIVE_EVERY_MS).max(now.mono_ms));
        let ide = self.ide.next_mono();
        let waits = [
            alive,
            self.views.recheck_mono(),
            self.held.next_mono(),
            self.spawns.next_mono(),
            self.metrics.next_mono(),
            self.notices.next_mono(),
            ide,
        ];
        waits.into_iter().flatten().min()
    }

    /// The number of the newest agent event; 0 when there was none.
    pub const fn last_seq(&self) -> u64 {
        self.next_seq - 1
    }

    /// How much it holds.
    pub fn footprint(&self) -> Footprint {
        Footprint {
            sessions: self.sessions.len(),
            processes: self.by_process.len(),
            requests: self.requests.len(),
            gates: self.gates.len(),
            calls: self.sessions.values().map(|session| session.pending.len()).sum(),
            waiting_replies: self.history_replies.len() + self.window_replies.len(),
            timeline_bytes: self.sessions.values().map(|session| session.timeline.bytes()).sum(),
        }
    }

    fn tick(&mut self, now: Now, fx: &mut Effects) {
        self.views.recheck(now.mono_ms);
        self.end_holds(now, fx);
        self.end_pause(now);
        self.tick_terminals(now, fx);
        self.tick_ide(now, fx);
        self.tick_metrics(now, fx);
        if now.mono_ms.saturating_sub(self.last_alive_mono) >= ALIVE_EVERY_MS {
            self.alive(now, fx);
        }
    }

    /// Notes in the store that the program runs.
    fn alive(&mut self, now: Now, fx: &mut Effects) {
        self.last_alive_mono = now.mono_ms;
        fx.push(Effect::Store(StoreWrite::Alive(now.unix_ms)));
    }

    fn store_loaded(&mut self, now: Now, state: StoredState, fx: &mut Effects) {
        self.loaded = true;
        self.next_seq = self.next_seq.max(state.last_seq + 1);
        for stored in state.sessions {
            let off_since = state.last_alive_ms.filter(|_| !stored.ended && !self.is_heir());
            self.restore_session(now, Session::restore(stored), off_since, fx);
        }
        for stored in state.requests {
            self.restore_request(stored, fx);
        }
        self.restore_metrics(state.metrics);
        self.begin_away(now);
        self.alive(now, fx);
        self.views.touch();
    }

    fn restore_session(&mut self, now: Now, mut session: Session, off_since: Option<u64>, fx: &mut Effects) {
        let id = session.id;
        let key = (session.provider, session.provider_session_id.clone());
        let met = self.by_provider_id.get(&key).into_iter().flatten().any(|known| {
            self.sessions.get(known).is_some_and(|known| known.config_root == session.config_root)
        });
        if self.sessions.contains_key(&id) || met {
            return;
        }
        for process in std::mem::take(&mut session.processes) {
            // Of two sessions that name one process the later one has it: ids grow.
            match self.by_process.get(&process).and_then(|other| self.sessions.get_mut(other)) {
                Some(other) if other.id < id => {
                    other.processes.retain(|known| *known != process);
                    other.end("its process works on another session now", now.unix_ms);
                }
                Some(_) => {
                    session.end("its process works on another session now", now.unix_ms);
                    continue;
                }
                None => fx.push(Effect::WatchProcess(process)),
            }
            self.by_process.insert(process, id);
            session.processes.push(process);
        }
        if session.ended.is_none() {
            self.off.extend(off_since.map(|since| (id, (since, now.unix_ms))));
            self.read_titles(&session, fx);
        }
        self.by_provider_id.entry(key).or_default().push(id);
        session.titles.no_suggestions = !self.settings.title_suggestions;
        self.sessions.insert(id, session);
        self.touch(id);
    }

    fn settings_loaded(
        &mut self,
        now: Now,
        settings: Arc<Settings>,
        problem: Option<String>,
        fx: &mut Effects,
    ) {
        self.problem("settings", problem, None);
        if self.settings != settings {
            fx.push(Effect::Publish(Update::SettingsChanged(serde_json::Value::Object(settings.to_json()))));
            if self.settings.theme != settings.theme {
                let theme = serde_json::json!({ "theme": settings.theme.as_str() });
                fx.push(Effect::Publish(Update::TrayThemeChanged(theme)));
            }
            self.settings = settings;
            self.settings_at_ms = now.unix_ms;
            for session in self.sessions.values_mut() {
                session.titles.no_suggestions = !self.settings.title_suggestions;
            }
            let live = self.sessions.values().filter(|session| session.ended.is_none());
            let live: Vec<SessionId> = live.map(|session| session.id).collect();
            live.into_iter().for_each(|id| self.touch(id));
        }
        self.views.touch();
    }

    fn themes_loaded(&mut self, themes: Arc<Vec<Theme>>, problem: Option<String>, fx: &mut Effects) {
        self.problem("themes", problem, None);
        let row =
            |theme: &Theme| serde_json::json!({ "id": theme.id, "name": theme.name, "author": theme.author });
        let list = themes.iter().map(row).collect();
        fx.push(Effect::Publish(Update::ThemesChanged(serde_json::Value::Array(list))));
        self.themes = themes;
        self.views.touch();
    }

    fn window_changed(&mut self, focused: bool, selected: Option<SessionId>, fx: &mut Effects) {
        self.window.focused = focused;
        let left = std::mem::replace(&mut self.window.selected, selected);
        let same = left == selected;
        self.session_in_front(fx);
        if same {
            return;
        }
        if let Some(session) = left.and_then(|id| self.sessions.get_mut(&id)) {
            self.wanted += 1;
            session.wanted = self.wanted;
        }
        self.put_timelines_away();
        self.view_held(fx);
        match selected.and_then(|id| self.sessions.get(&id)) {
            Some(session) => {
                let id = session.id;
                match session.readable_transcript() {
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

    /// Says something once in the window.
    fn toast(&mut self, failed: bool, text: String, about: Option<String>) {
        self.toasts.push_back(Toast { number: self.next_toast, failed, text, about });
        self.next_toast += 1;
        if self.toasts.len() > TOASTS_MAX {
            self.toasts.pop_front();
        }
        self.views.touch();
    }

    fn process_exited(&mut self, now: Now, process: ProcessId, fx: &mut Effects) {
        self.terminals.forget(process);
        self.dead.push_back(process);
        if self.dead.len() > DEAD_MAX {
            self.dead.pop_front();
        }
        let Some(id) = self.by_process.remove(&process) else { return };
        if self.sessions.get(&id).is_some_and(Session::is_unnamed) {
            self.forget_unnamed(now, id, fx);
        } else {
            self.tell_of_death(now, id, fx);
            self.leave(now, id, process, &format!("process {} is gone", process.pid), fx);
        }
    }

    /// A session has just ended: its requests, its row.
    fn after_end(&mut self, now: Now, id: SessionId, fx: &mut Effects) {
        self.off.remove(&id);
        self.settle_all(now, id, Whose::All, RequestState::AgentGone, fx);
        self.processes_changed(now, id, fx);
        if let Some(session) = self.sessions.get_mut(&id) {
            session.timeline.turn_broken_off();
            fx.push(Effect::Store(StoreWrite::Session(Box::new(session.stored()))));
        }
        self.touch(id);
    }
}
