//! What the window shows of the facts: selection, filter, page, open fields, dialogs, toasts.

use super::action::Action;
use super::command::UiCommand;
use super::dialogs::edit::Edits;
use super::dialogs::new_session::NewSession;
use super::dialogs::palette::{Palette, Target};
use super::facts::Facts;
use super::look::Look;
use super::markdown::Markdown;
use super::panels::card::Cards;
use super::panels::details::Details;
use super::panels::diff_review::ReviewPanel;
use super::panels::metrics::MetricsPanel;
use super::panels::notifications::NotificationsPanel;
use super::panels::sessions::SessionsPanel;
use super::panels::settings::SettingsPanel;
use super::panels::terminals::{Arrived, TerminalsPanel};
use super::panels::timeline::{Jump, TimelinePanel};
use super::panels::welcome::Welcome;
use super::seen::Seen;
use super::toasts::Toasts;
use eframe::egui;
use egui_tiles::LinearDir;
use magia_core::attention;
use magia_core::snapshot::{RaisePage, RequestView, Snapshot};
use magia_protocol::wire::command::SomeNotifications;
use magia_protocol::wire::info::SessionInfo;
use magia_protocol::wire::terminal::CreatePty;
use magia_protocol::wire::{Command, RequestId, RequestState, SessionId, TerminalState};
use std::collections::VecDeque;
use std::sync::Arc;

/// A page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Route {
    /// Sessions and their timelines.
    #[default]
    Sessions,
    /// Terminals in tabs and splits.
    Terminals,
    /// What all sessions used.
    Metrics,
    /// magia's settings.
    Settings,
    /// What changed from version to version.
    Changelog,
    /// What was told of, and what was not.
    Notifications,
}

/// What is shown of a session; its terminal only when it runs in one of ours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SessionPane {
    /// Its timeline.
    #[default]
    Timeline,
    /// Its terminal.
    Terminal,
    /// Both, side by side.
    Beside,
    /// What it used.
    Metrics,
}

/// What stands over the page. One at a time, the rest wait.
#[derive(Clone, Debug, PartialEq)]
pub enum Dialog {
    /// Do this?
    Confirm(Box<Action>),
    /// What a request would run.
    Edit(RequestId),
    /// The keyboard shortcuts.
    Shortcuts,
    /// Which agent to start, and where.
    NewSession,
    /// Commands, sessions, projects, settings.
    Palette,
    /// Forget everything?
    Reset,
    /// The window was closed, and there is no tray to close it into.
    NoTray,
}

/// A command whose keys are being changed: the next key is the new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recording {
    /// Whose.
    pub command: UiCommand,
    /// Beside those that it has.
    pub add: bool,
    /// Whether its row is on screen: elsewhere a key is what it always is.
    pub seen: Seen,
}

/// A title that is being typed.
#[derive(Clone, Debug, PartialEq)]
pub struct Rename {
    /// Whose.
    pub session: SessionId,
    /// What stands in the field.
    pub text: String,
    /// Whether the field has had the keyboard.
    pub entered: bool,
    /// Whether the field is on screen.
    pub seen: Seen,
}

/// What a person sees, apart from the facts.
#[derive(Debug, Default)]
pub struct UiState {
    /// The page.
    pub route: Route,
    /// The session whose timeline is shown.
    pub selected: Option<SessionId>,
    /// What the list is filtered by.
    pub filter: String,
    /// The filter box is to get the keyboard in the next frame.
    pub wants_filter: bool,
    /// A title that is being typed.
    pub rename: Option<Rename>,
    /// Request cards: which has the keys, what is typed into them.
    pub cards: Cards,
    /// The session list.
    pub sessions: SessionsPanel,
    /// The timeline.
    pub timeline: TimelinePanel,
    /// The details at the right.
    pub details: Details,
    /// The details stand over the page, as in a narrow window.
    pub details_float: bool,
    /// Terminals.
    pub terminals: TerminalsPanel,
    /// What is shown of a session.
    pub pane: SessionPane,
    /// Metrics.
    pub metrics: MetricsPanel,
    /// What the dialog for a new session holds.
    pub new_session: NewSession,
    /// What the palette holds.
    pub palette: Palette,
    /// A command whose keys are being changed.
    pub recording: Option<Recording>,
    /// The settings page.
    pub settings: SettingsPanel,
    /// The first steps.
    pub welcome: Welcome,
    /// How the changelog is drawn.
    pub changelog: Markdown,
    /// What is typed to confirm a reset.
    pub reset_word: String,
    /// What stands over the page.
    pub dialogs: VecDeque<Dialog>,
    /// Inputs that are being written in place of an agent's.
    pub edits: Edits,
    /// The review of a change that an agent shows.
    pub review: ReviewPanel,
    /// The rule that is being typed for a dry run.
    pub trial: String,
    /// What was said once.
    pub toasts: Toasts,
    /// Theme, fonts and zoom in use.
    pub look: Look,
    /// The page of notifications.
    pub notifications: NotificationsPanel,
    /// What bar, banners and details say.
    pub facts: Facts,
    raise_seen: u64,
    started: bool,
}

/// What a snapshot asks of the native window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Show it and bring it to the front.
    pub raise: bool,
}

impl UiState {
    /// Takes notice of a new snapshot.
    pub fn follow(&mut self, snapshot: &Snapshot, now_s: f64) -> Wanted {
        let edited = self.dialogs.iter().find_map(|dialog| match dialog {
            Dialog::Edit(request) => Some(*request),
            _ => None,
        });
        self.toasts.follow(&snapshot.toasts, edited, now_s);
        if self.edits.follow(snapshot, edited) {
            self.dialogs.retain(|dialog| !matches!(dialog, Dialog::Edit(_)));
        }
        let mut wanted = Wanted::default();
        if snapshot.raise > self.raise_seen {
            self.raise_seen = snapshot.raise;
            wanted.raise = true;
            if let Some(session) = snapshot.raise_session {
                self.select(session, snapshot, now_s);
            }
            if let Some(request) = snapshot.raise_request
                && snapshot.requests.iter().any(|view| view.info.id == request)
            {
                self.cards.focus(request, now_s);
                self.timeline.reveal(request);
            }
            match &snapshot.raise_page {
                Some(RaisePage::NewSession) => self.ask_new_session(snapshot),
                Some(RaisePage::Project(path)) => {
                    self.route = Route::Sessions;
                    self.filter = path.rsplit('/').next().unwrap_or_default().to_owned();
                }
                None => {}
            }
            if let Some(terminal) = &snapshot.raise_terminal {
                self.terminals.expect(terminal.clone(), false);
            }
        }
        // Not while a person looks at another page: a session that is found late would take it away.
        let here = self.route == Route::Sessions;
        if !self.started && here && snapshot.loaded && !snapshot.sessions.is_empty() {
            self.started = true;
            if self.selected.is_none()
                && let Some(session) = first_to_show(snapshot)
            {
                self.select(session, snapshot, now_s);
            }
        }
        for arrived in self.terminals.follow(snapshot) {
            match arrived {
                Arrived::Terminal(_) => self.route = Route::Terminals,
                Arrived::Session(session) => {
                    self.select(session, snapshot, now_s);
                    self.pane = SessionPane::Beside;
                }
            }
        }
        // A program that asks for a terminal has requests and no session.
        let is_there = |id| snapshot.session(id).is_some() || snapshot.requests_of(id).next().is_some();
        if self.selected.is_some_and(|id| !is_there(id)) {
            self.selected = None;
        }
        if let Some(next) = self.cards.follow(self.selected, &snapshot.requests, now_s) {
            self.timeline.reveal(next);
        }
        self.follow_review(snapshot, now_s);
        wanted
    }

    /// A change that an agent shows opens by itself, unless the person does something else than look at its session.
    fn follow_review(&mut self, snapshot: &Snapshot, now_s: f64) {
        let in_terminal = self.pane == SessionPane::Terminal
            && self.selected.and_then(|id| snapshot.session(id)).is_some_and(|it| it.terminal.is_some());
        let busy = self.route != Route::Sessions
            || !self.dialogs.is_empty()
            || self.rename.is_some()
            || self.cards.is_denying()
            || in_terminal;
        if let Some(said) = self.review.follow(self.selected, snapshot, busy) {
            self.toasts.say(said.to_owned(), now_s);
        }
    }

    /// Forgets what was on screen: a new frame begins.
    pub fn begin_frame(&mut self) {
        self.cards.begin_frame();
        self.timeline.begin_frame();
        if let Some(recording) = &mut self.recording {
            recording.seen.begin_frame();
        }
        if let Some(rename) = &mut self.rename {
            rename.seen.begin_frame();
        }
    }

    /// Whether a field was opened that has not been drawn yet: the next frame tells whether it will be.
    pub fn awaits_field(&self) -> bool {
        self.rename.as_ref().is_some_and(|rename| rename.seen.is_awaited()) || self.cards.awaits_reason()
    }

    /// Does what was asked; returns what the hub is to do.
    pub fn apply(
        &mut self,
        action: Action,
        snapshot: &Snapshot,
        ctx: &egui::Context,
        now_s: f64,
    ) -> Option<Command> {
        match action {
            Action::Send(command) => {
                if let Command::ResolvePermission(answer) = &command {
                    self.cards.answered(&answer.id);
                    if answer.input.is_some() {
                        self.edits.sent(&answer.id);
                    }
                }
                return Some(command);
            }
            Action::Confirm(inner) => self.dialogs.push_back(Dialog::Confirm(inner)),
            Action::Select(session) => self.select(session, snapshot, now_s),
            Action::ShowRequest(request) => {
                if let Some(view) = snapshot.requests.iter().find(|view| view.info.id == request) {
                    self.select(view.info.session, snapshot, now_s);
                    self.cards.focus(request, now_s);
                    self.timeline.reveal(request);
                }
            }
            Action::FocusCard(request) => self.cards.focus(request, now_s),
            Action::Go(route) => self.route = route,
            Action::Choose(target) => {
                self.dialogs.retain(|dialog| *dialog != Dialog::Palette);
                self.palette.close();
                self.palette.note(&target);
                match target {
                    Target::Command(command) => return self.run(command, snapshot, ctx, now_s),
                    Target::Session(session) => {
                        self.select(session, snapshot, now_s);
                        self.sessions.reveal(session);
                    }
                    Target::Project(cwd) => {
                        self.new_session.begin_in(snapshot, self.selected, cwd);
                        self.dialogs.push_back(Dialog::NewSession);
                    }
                    Target::Setting(key) => {
                        self.settings.show(key);
                        self.route = Route::Settings;
                    }
                }
            }
            Action::Run(command) => return self.run(command, snapshot, ctx, now_s),
            Action::Fold(key) => self.timeline.toggle(key),
            Action::StartDeny(request) => {
                self.cards.focus(request, now_s);
                self.cards.start_deny(request);
            }
            Action::StopDeny => self.cards.stop_deny(),
            Action::Edit(request) => {
                if let Some(view) = snapshot.requests.iter().find(|view| view.info.id == request) {
                    self.cards.focus(request, now_s);
                    self.edits.start(&view.info);
                    self.dialogs.push_back(Dialog::Edit(request));
                }
            }
            Action::Review(request) => {
                if let Some(view) = snapshot.requests.iter().find(|view| view.info.id == request) {
                    self.select(view.info.session, snapshot, now_s);
                    self.review.start(view);
                }
            }
            Action::LeaveReview => {
                self.review.leave();
            }
            Action::StartRename(session) => {
                if let Some(info) = snapshot.session(session) {
                    let text = info.title.clone();
                    self.rename = Some(Rename { session, text, entered: false, seen: Seen::opened() });
                    self.sessions.reveal(session);
                }
            }
            Action::StopRename => self.rename = None,
            Action::Copy { text, what } => {
                ctx.copy_text(text);
                self.toasts.say(format!("{what} copied"), now_s);
            }
            Action::DismissToast(number) => self.toasts.dismiss(number),
            Action::CloseDialog => {
                if self.dialogs.pop_front() == Some(Dialog::Palette) {
                    self.palette.close();
                }
            }
            Action::FollowTail => self.timeline.follow_tail(),
            Action::ShowKind(kind) => self.timeline.toggle_kind(kind),
            Action::FoldAgent(agent) => self.timeline.toggle_agent(&agent),
            Action::StartTerminal { command, cwd, name, agent } => {
                let id = magia_tty::TerminalId::fresh().to_string();
                self.terminals.expect(id.clone(), agent);
                let wish = CreatePty { command, cwd, name, id: Some(id), ..CreatePty::default() };
                return Some(Command::CreatePty(wish));
            }
            Action::OpenTerminal(id) => {
                self.route = Route::Terminals;
                self.terminals.open(&id);
            }
            Action::SplitTerminal { id, below } => {
                let dir = if below { LinearDir::Vertical } else { LinearDir::Horizontal };
                self.route = Route::Terminals;
                self.terminals.split(&id, dir);
            }
            Action::CloseTerminal(id) => {
                self.terminals.close(&id);
                let runs = snapshot.terminals.iter().find(|known| known.id == id);
                if runs.is_some_and(|known| known.state == TerminalState::Running) {
                    let detached = "Detached: what runs in it goes on, and the list has it".to_owned();
                    self.toasts.say(detached, now_s);
                }
            }
            Action::ZoomTerminal(zoom) => {
                let size = self.terminals.style().zoomed(zoom);
                return self.apply(Action::setting("terminalFontSize", size), snapshot, ctx, now_s);
            }
            Action::ShowPane(pane) => self.pane = pane,
            Action::ShowTime(at_ms) => self.timeline.reveal_time(at_ms),
            Action::FilterNotifications(outcome) => self.notifications.filter = outcome,
            Action::OpenNotification(id) => return self.open_notification(id, snapshot, now_s),
            Action::Minimise => ctx.send_viewport_cmd(egui::ViewportCommand::Minimized(true)),
            Action::Say(text) => self.toasts.say(text, now_s),
            Action::StopFind => {
                self.timeline.stop_find();
            }
        }
        None
    }

    fn run(
        &mut self,
        command: UiCommand,
        snapshot: &Snapshot,
        ctx: &egui::Context,
        now_s: f64,
    ) -> Option<Command> {
        match command {
            UiCommand::NextNeedsYou => {
                let queue = attention::queue(&snapshot.sessions, &snapshot.requests);
                let next = attention::next(&queue, self.cards.focused(), self.selected)?;
                let action = next.request.map_or(Action::Select(next.session), Action::ShowRequest);
                return self.apply(action, snapshot, ctx, now_s);
            }
            // The card decides: it knows risk, kind and time.
            UiCommand::Allow | UiCommand::Always | UiCommand::Deny => {}
            UiCommand::Filter => {
                self.route = Route::Sessions;
                self.wants_filter = true;
            }
            UiCommand::Up | UiCommand::Down if self.route == Route::Notifications => {
                self.notifications.step(command == UiCommand::Down);
            }
            UiCommand::Up | UiCommand::Down => {
                if self.route == Route::Sessions
                    && let Some(session) = self.sessions.neighbour(self.selected, command == UiCommand::Down)
                {
                    self.select(session, snapshot, now_s);
                    self.sessions.reveal(session);
                }
            }
            UiCommand::Open if self.route == Route::Notifications => {
                let chosen = self.notifications.chosen?;
                return self.open_notification(chosen, snapshot, now_s);
            }
            UiCommand::Open => {
                let request = self.selected.and_then(|session| first_open(snapshot, session));
                if let Some(request) = request {
                    return self.apply(Action::ShowRequest(request), snapshot, ctx, now_s);
                }
            }
            UiCommand::Palette => {
                self.palette.open(snapshot);
                self.dialogs.push_back(Dialog::Palette);
            }
            UiCommand::Home => self.home(),
            UiCommand::Back => self.back(),
            UiCommand::Follow => self.timeline.follow_tail(),
            UiCommand::Find | UiCommand::FindNext | UiCommand::FindBefore if !self.timeline.is_shown() => {
                self.toasts.say("There is no timeline here to find in".to_owned(), now_s);
            }
            UiCommand::Find => self.timeline.start_find(),
            UiCommand::FindNext => self.timeline.find_step(true),
            UiCommand::FindBefore => self.timeline.find_step(false),
            UiCommand::PromptAbove => self.timeline.jump(Jump::PromptAbove),
            UiCommand::PromptBelow => self.timeline.jump(Jump::PromptBelow),
            UiCommand::PageUp => self.timeline.jump(Jump::PageUp),
            UiCommand::PageDown => self.timeline.jump(Jump::PageDown),
            UiCommand::Start => self.timeline.jump(Jump::Start),
            UiCommand::CopyTimeline => {
                let text = self.timeline.as_markdown();
                return self.apply(Action::Copy { text, what: "Timeline" }, snapshot, ctx, now_s);
            }
            UiCommand::Rename => {
                if let Some(session) = self.selected.filter(|_| self.route == Route::Sessions) {
                    return self.apply(Action::StartRename(session), snapshot, ctx, now_s);
                }
            }
            UiCommand::Details => self.details.toggle(),
            UiCommand::Settings => {
                self.route = if self.route == Route::Settings { Route::Sessions } else { Route::Settings };
                self.settings.come_back();
            }
            UiCommand::Notifications => {
                let here = self.route == Route::Notifications;
                self.route = if here { Route::Sessions } else { Route::Notifications };
            }
            UiCommand::Terminals => {
                self.route = if self.route == Route::Terminals { Route::Sessions } else { Route::Terminals };
            }
            UiCommand::Metrics => {
                self.route = if self.route == Route::Metrics { Route::Sessions } else { Route::Metrics };
            }
            UiCommand::NewSession => self.ask_new_session(snapshot),
            UiCommand::Keys => {
                self.settings.show_keys();
                self.route = Route::Settings;
            }
            UiCommand::Welcome => {
                self.route = Route::Sessions;
                self.welcome.ask();
            }
            UiCommand::Changelog => self.route = Route::Changelog,
            UiCommand::Reset => {
                self.reset_word.clear();
                self.dialogs.push_back(Dialog::Reset);
            }
            UiCommand::Shortcuts => self.dialogs.push_back(Dialog::Shortcuts),
        }
        None
    }

    /// Opens the dialog for a new session; one that is open, or waits its turn, stays as it is.
    fn ask_new_session(&mut self, snapshot: &Snapshot) {
        if !self.dialogs.contains(&Dialog::NewSession) {
            self.new_session.begin(snapshot, self.selected);
            self.dialogs.push_back(Dialog::NewSession);
        }
    }

    /// Leaves all that is open.
    fn home(&mut self) {
        self.rename = None;
        self.recording = None;
        self.cards.stop_deny();
        self.timeline.stop_find();
        self.filter.clear();
        self.route = Route::Sessions;
    }

    /// Shows what a notification is about; that it was read is for the hub.
    fn open_notification(&mut self, id: u64, snapshot: &Snapshot, now_s: f64) -> Option<Command> {
        let row = snapshot.notifications.iter().find(|row| row.id == id)?;
        let request = row.request.filter(|id| snapshot.requests.iter().any(|view| view.info.id == *id));
        if request.is_some() || snapshot.session(row.session).is_some() {
            self.select(row.session, snapshot, now_s);
        }
        if let Some(request) = request {
            self.cards.focus(request, now_s);
            self.timeline.reveal(request);
        }
        Some(Command::ReadNotifications(SomeNotifications { id: Some(id) }))
    }

    /// Leaves the innermost thing that is open.
    fn back(&mut self) {
        if self.dialogs.pop_front().is_some() {
        } else if self.rename.is_some() {
            self.rename = None;
        } else if self.cards.is_reason_typed() {
            self.cards.stop_deny();
        } else if self.terminals.stop_find() {
            // The page stays.
        } else if self.route == Route::Sessions && (self.review.is_editing() || self.review.leave()) {
            // What is being written is left by its own button only.
        } else if (self.route == Route::Sessions && self.timeline.stop_find())
            || (self.route == Route::Settings && self.settings.leave())
        {
        } else if self.route == Route::Sessions && self.welcome.asked {
            self.welcome.leave();
        } else if self.route != Route::Sessions {
            self.route = Route::Sessions;
        } else if self.details_float {
            self.details_float = false;
            self.details.set(false);
        } else if !self.filter.is_empty() {
            self.filter.clear();
        }
    }

    fn select(&mut self, session: SessionId, snapshot: &Snapshot, now_s: f64) {
        self.route = Route::Sessions;
        if self.selected != Some(session) {
            self.selected = Some(session);
            self.cards.leave();
            self.timeline.leave(session);
        }
        // The end is shown, where the newest request is.
        let _first = self.cards.follow(self.selected, &snapshot.requests, now_s);
        self.follow_review(snapshot, now_s);
    }
}

/// What a frame looks up in a snapshot.
pub trait Lookup {
    /// A session by id.
    fn session(&self, id: SessionId) -> Option<&Arc<magia_protocol::wire::info::SessionInfo>>;
    /// Requests of a session, oldest first.
    fn requests_of(&self, id: SessionId) -> impl Iterator<Item = &Arc<RequestView>>;
}

impl Lookup for Snapshot {
    fn session(&self, id: SessionId) -> Option<&Arc<magia_protocol::wire::info::SessionInfo>> {
        self.sessions.iter().find(|session| session.id == id)
    }

    fn requests_of(&self, id: SessionId) -> impl Iterator<Item = &Arc<RequestView>> {
        self.requests.iter().filter(move |view| view.info.session == id)
    }
}

/// Whether a request waits for a person.
pub fn is_open(view: &RequestView) -> bool {
    view.answerable && view.info.state == RequestState::Open
}

/// Sessions that wait for a person somewhere else, as in their own terminals: none of their requests can be answered here.
pub fn waits_elsewhere(snapshot: &Snapshot) -> impl Iterator<Item = &Arc<SessionInfo>> {
    let waits =
        |session: &&Arc<SessionInfo>| session.state.needs_you() && first_open(snapshot, session.id).is_none();
    snapshot.sessions.iter().filter(waits)
}

/// How much waits for a person.
pub fn waiting(snapshot: &Snapshot) -> usize {
    attention::waiting(&snapshot.sessions, &snapshot.requests)
}

fn first_open(snapshot: &Snapshot, session: SessionId) -> Option<RequestId> {
    snapshot.requests_of(session).find(|view| is_open(view)).map(|view| view.info.id)
}

/// At the start: what waits longest, else what was heard of last.
fn first_to_show(snapshot: &Snapshot) -> Option<SessionId> {
    let waits = snapshot.requests.iter().find(|view| is_open(view)).map(|view| view.info.session);
    waits.or_else(|| {
        snapshot.sessions.iter().max_by_key(|session| session.last_activity_ms).map(|session| session.id)
    })
}
