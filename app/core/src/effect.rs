//! What the core asks the shell to do. The hub performs effects in order.

use crate::drift::Known;
use crate::event::{AgentEvent, GateId, ReplyId, StoredRequest, StoredSession};
use crate::ide::DiffAnswer;
use crate::metrics::StoredMetrics;
use crate::policy::trial::Trial;
use crate::spawn::Plan;
use magia_protocol::wire::command::{
    ChangeHooks, Detect, InstallHooks, ListEvents, OneProvider, PurgeData, SaveKeybindings, SaveSettings,
    SetTelemetry, Subscribe, TelemetryStatus, UpdateClaudeSettings,
};
use magia_protocol::wire::info::{RequestInfo, SessionInfo};
use magia_protocol::wire::metrics::MetricsInfo;
use magia_protocol::wire::terminal::CreatePty;
use magia_protocol::wire::{
    GateReply, NoticeKind, NotificationInfo, ProcessId, ProviderSessionId, RequestId, RpcError, SessionId,
};
use serde_json::Value;
use std::path::PathBuf;
use std::sync::Arc;

/// Something for the shell to do.
#[derive(Debug)]
pub enum Effect {
    /// Answer the handler that waits at a gate. A gate that is never answered gets "no decision" when it is dropped.
    AnswerGate {
        /// The connection.
        gate: GateId,
        /// What the handler prints.
        reply: GateReply,
    },
    /// Answer an agent that shows a change.
    AnswerDiff {
        /// Which change.
        gate: GateId,
        /// What becomes of it.
        answer: DiffAnswer,
    },
    /// Answer a command.
    Reply {
        /// The requester.
        to: ReplyId,
        /// Result or error.
        outcome: Result<Value, RpcError>,
    },
    /// Answer a command that changed what is kept, once all that was to be stored before this effect is stored. When it
    /// cannot be, the reply comes all the same, for the command is done; it then says so in the field `warning`.
    Acknowledge {
        /// The requester.
        to: ReplyId,
        /// The result.
        result: Value,
    },
    /// From now on, send updates to this requester too; its first reply was sent by this effect's owner.
    Subscribe {
        /// The requester.
        to: ReplyId,
        /// From where, which channels.
        params: Subscribe,
        /// Number of the newest event so far; later ones come live.
        newest: u64,
    },
    /// Tell subscribers.
    Publish(Update),
    /// Write to the store.
    Store(StoreWrite),
    /// Keep so much in the store, and ended terminals for so long.
    Retain {
        /// Events, outcomes and ended terminals older than this are forgotten.
        days: u32,
        /// Above this size the oldest events and outcomes are forgotten.
        mib: u32,
    },
    /// Say when this process ends.
    WatchProcess(ProcessId),
    /// Read a session's transcript and go on reading it. Only one is followed at a time.
    FollowTranscript {
        /// Whose.
        session: SessionId,
        /// The file.
        path: PathBuf,
    },
    /// Look for titles in a transcript, once.
    ReadTitles {
        /// Whose.
        session: SessionId,
        /// The file.
        path: PathBuf,
    },
    /// A person looks at this session that a daemon holds, by configuration directory and the agent's own id; or at none.
    ViewHeld(Option<(String, ProviderSessionId)>),
    /// Stop following the transcript.
    UnfollowTranscript,
    /// Read a session's stored events.
    LoadHistory(SessionId),
    /// Show a desktop notification, and report [`NoticeReported`](crate::event::Event::NoticeReported).
    Notify(Notice),
    /// Take a desktop notification back.
    Withdraw(u64),
    /// Send a notification another way, and report [`ChannelReported`](crate::event::Event::ChannelReported).
    Send {
        /// The way.
        channel: Channel,
        /// The ledger's row.
        notification: Box<NotificationInfo>,
    },
    /// End the program.
    Quit,
    /// Open a terminal and report [`TerminalOpened`](crate::event::Event::TerminalOpened).
    OpenTerminal {
        /// Who waits for it.
        reply: Option<ReplyId>,
        /// The permission request that a person allowed for it.
        request: Option<RequestId>,
        /// What is opened.
        plan: Box<Plan>,
        /// Who asked for it, for the log.
        by: String,
    },
    /// Bring the window to the front, at a session.
    RaiseWindow(Option<SessionId>),
    /// Do something with a terminal and report [`JobFinished`](crate::event::Event::JobFinished).
    Terminal {
        /// The requester.
        reply: ReplyId,
        /// What to do.
        wish: TerminalWish,
    },
    /// End, so that what was prepared is done before the next start.
    Restart,
    /// Do something slow and report [`JobFinished`](crate::event::Event::JobFinished).
    Run {
        /// The requester.
        reply: ReplyId,
        /// What to do.
        job: Job,
    },
}

/// Something that a terminal's holder is asked.
#[derive(Clone, Debug, PartialEq)]
pub enum TerminalWish {
    /// Start one.
    Create {
        /// As it was asked for.
        params: CreatePty,
        /// The user's shell, when the settings name one.
        shell: Option<String>,
    },
    /// Type.
    Write {
        /// Its id.
        terminal: String,
        /// What, as it is.
        data: String,
    },
    /// Another size.
    Resize {
        /// Its id.
        terminal: String,
        /// Columns.
        cols: u16,
        /// Rows.
        rows: u16,
    },
    /// End its program.
    Kill {
        /// Its id.
        terminal: String,
    },
}

/// A change that subscribers hear of, by the seed's channel names.
#[derive(Clone, Debug)]
pub enum Update {
    /// `agent:event`.
    AgentEvent(Arc<AgentEvent>),
    /// `agent:permission-request`: a request came, or its state changed.
    PermissionRequest(Box<RequestInfo>),
    /// `live-sessions:update`: a session began, ended or changed its state.
    LiveSessions(Arc<SessionInfo>),
    /// `sessions:changed`: title, pin or hidden flag.
    SessionsChanged(Value),
    /// `settings:changed`.
    SettingsChanged(Value),
    /// `providers:changed`.
    ProvidersChanged(Value),
    /// `themes:changed`: the user's themes.
    ThemesChanged(Value),
    /// `terminals:changed`: the list of terminals.
    TerminalsChanged(Value),
    /// `otel:metrics-update`: a session's metrics, without prompts, minutes and spans.
    Metrics(Box<MetricsInfo>),
    /// `notifications:changed`: a row of the ledger came or changed.
    NotificationsChanged(Box<NotificationInfo>),
    /// `notification-session-clicked`: a person clicked on a notification; the session that it is about.
    NotificationClicked(Value),
    /// `tray:open-project`: a project was chosen in the tray.
    TrayOpenProject(Value),
    /// `tray:new-session`.
    TrayNewSession,
    /// `tray:minimized-first-time`: the window was closed into the tray for the first time.
    TrayMinimizedFirstTime,
    /// `tray:theme-changed`: the setting of the theme changed.
    TrayThemeChanged(Value),
}

impl Update {
    /// The channel's name.
    pub const fn channel(&self) -> &'static str {
        match self {
            Self::AgentEvent(_) => "agent:event",
            Self::PermissionRequest(_) => "agent:permission-request",
            Self::LiveSessions(_) => "live-sessions:update",
            Self::SessionsChanged(_) => "sessions:changed",
            Self::SettingsChanged(_) => "settings:changed",
            Self::ProvidersChanged(_) => "providers:changed",
            Self::ThemesChanged(_) => "themes:changed",
            Self::TerminalsChanged(_) => "terminals:changed",
            Self::Metrics(_) => "otel:metrics-update",
            Self::NotificationsChanged(_) => "notifications:changed",
            Self::NotificationClicked(_) => "notification-session-clicked",
            Self::TrayOpenProject(_) => "tray:open-project",
            Self::TrayNewSession => "tray:new-session",
            Self::TrayMinimizedFirstTime => "tray:minimized-first-time",
            Self::TrayThemeChanged(_) => "tray:theme-changed",
        }
    }

    /// All channels.
    pub const CHANNELS: &'static [&'static str] = &[
        "agent:event",
        "agent:permission-request",
        "live-sessions:update",
        "sessions:changed",
        "settings:changed",
        "providers:changed",
        "themes:changed",
        "terminals:changed",
        "otel:metrics-update",
        "notifications:changed",
        "notification-session-clicked",
        "tray:open-project",
        "tray:new-session",
        "tray:minimized-first-time",
        "tray:theme-changed",
    ];
}

/// A row for the store.
#[derive(Clone, Debug)]
pub enum StoreWrite {
    /// Append; never changed afterwards.
    Event(Arc<AgentEvent>),
    /// Insert or replace by id.
    Session(Box<StoredSession>),
    /// Insert or replace by id.
    Request(Box<StoredRequest>),
    /// Insert or replace by owner.
    Metrics(Box<StoredMetrics>),
    /// The program runs at this time, milliseconds since 1970.
    Alive(u64),
}

/// A desktop notification: what one entry of the ledger tells, or those of a burst.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Notice {
    /// Which; a second one with the same number takes the first one's place.
    pub number: u64,
    /// What about.
    pub kind: NoticeKind,
    /// The session to show when it is clicked; without one, whatever needs the user most.
    pub session: Option<SessionId>,
    /// The request that its buttons answer; `None` when it has no such buttons.
    pub decide: Option<RequestId>,
    /// Whether it may make a sound.
    pub sound: bool,
    /// First line; control characters made visible.
    pub title: String,
    /// The rest; control characters made visible.
    pub body: String,
}

/// Another way for notifications than the desktop.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Channel {
    /// A program and its arguments, with `{title}`, `{body}`, `{kind}`, `{project}` and `{session}` in them.
    Command(Vec<String>),
    /// An address that gets JSON.
    Webhook(String),
    /// A topic's address on an ntfy server.
    Ntfy(String),
}

impl Channel {
    /// Its name in the ledger.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Command(_) => "command",
            Self::Webhook(_) => "webhook",
            Self::Ntfy(_) => "ntfy",
        }
    }
}

/// Something slow.
#[derive(Clone, Debug)]
pub enum Job {
    /// Read events from the store.
    ListEvents {
        /// Filter; `session` was resolved already.
        params: ListEvents,
        /// The session, resolved.
        session: Option<SessionId>,
    },
    /// Replay a preset or a rule over the recorded requests.
    TryPolicy {
        /// What is tried.
        trial: Trial,
        /// Only requests from then on, milliseconds since 1970.
        since_ms: u64,
    },
    /// Write settings.json.
    SaveSettings(SaveSettings),
    /// Write keybindings.json.
    SaveKeybindings(SaveKeybindings),
    /// Take the hooks out and forget everything.
    FactoryReset,
    /// Look at hooks.
    HooksStatus(OneProvider),
    /// Install hooks.
    InstallHooks(InstallHooks),
    /// Uninstall hooks.
    UninstallHooks(ChangeHooks),
    /// Read Claude's settings.
    ReadClaudeSettings,
    /// Change Claude's settings.
    UpdateClaudeSettings(UpdateClaudeSettings),
    /// Read Gemini CLI's settings.
    ReadGeminiSettings,
    /// Look where agents' telemetry goes.
    TelemetryStatus {
        /// Whose.
        params: TelemetryStatus,
        /// Where telemetry is received now.
        endpoint: Option<String>,
    },
    /// Have an agent send telemetry, or no longer.
    SetTelemetry {
        /// What is wanted.
        params: SetTelemetry,
        /// Where telemetry is received now.
        endpoint: Option<String>,
    },
    /// Look for the agents' programs.
    Detect(Detect),
    /// Start a listener again.
    RetryListener(String),
    /// Check everything.
    Doctor {
        /// The core's own checks.
        checks: Vec<magia_protocol::wire::info::CheckInfo>,
        /// The sessions, to be compared with the agents' own lists.
        known: Vec<Known>,
    },
    /// Forget old data.
    Purge {
        /// How old.
        params: PurgeData,
        /// Sessions that live, which stay whatever their age.
        keep: Vec<SessionId>,
    },
}
