//! What the hub is told: facts in the past tense, from listeners, services and the window.

use crate::keys::Keymap;
use crate::model::StoredTimeline;
use crate::policy::RealPaths;
use crate::settings::Settings;
use crate::themes::Theme;
use crate::transcript::TranscriptItem;
use crate::tray::{TrayChoice, TrayHost};
use magia_protocol::wire::hook::HookMessage;
use magia_protocol::wire::info::{Decision, HooksInfo, HttpApiInfo, ListenerInfo, ProviderInfo};
use magia_protocol::wire::metrics::OtelPortInfo;
use magia_protocol::wire::spawn::{OpenedTerminal, SpawnError};
use magia_protocol::wire::{
    AgentEventKind, Command, ProcessId, Provider, ProviderSessionId, RequestId, RequestState, RpcError,
    SessionId, SessionState, TerminalInfo, TitleSource,
};
use serde_json::Value;
use std::path::PathBuf;
use std::sync::Arc;

/// The time, read once per event by whoever owns the clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Now {
    /// Milliseconds since 1970; may jump.
    pub unix_ms: u64,
    /// Milliseconds of a clock that never goes back.
    pub mono_ms: u64,
}

/// A connection that is held open for a permission answer.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct GateId(pub u64);

/// A request of the window or a socket that waits for its reply.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct ReplyId(pub u64);

/// Who sent a command.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Origin {
    /// A person at the window.
    Window,
    /// A person at the tray's menu, as far as the session bus can tell.
    Tray,
    /// A person at a notification's buttons, as far as the session bus can tell.
    Notification,
    /// A process on the CLI socket.
    Cli {
        /// Its pid.
        pid: u32,
        /// Its program's path, when it could be read.
        exe: Option<PathBuf>,
        /// Itself and its ancestors, nearest first.
        ancestors: Vec<Ancestor>,
    },
    /// A process that showed the HTTP API's token.
    Http {
        /// Its pid; 0 when it could not be found out.
        pid: u32,
        /// Its program's path, when it could be read.
        exe: Option<PathBuf>,
        /// Itself and its ancestors, nearest first.
        ancestors: Vec<Ancestor>,
    },
}

/// A process above a peer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ancestor {
    /// Which process.
    pub process: ProcessId,
    /// The base name of its program.
    pub exe: String,
    /// A variable in its environment that an agent sets for what it starts, as `CLAUDECODE`. It stays when the process
    /// detaches from the agent, which its parents then no longer show.
    pub mark: Option<&'static str>,
}

/// A fact for the hub.
#[derive(Debug)]
pub enum Event {
    /// A hook handler delivered a message and does not wait.
    HookReceived(Box<HookMessage>),
    /// A hook handler delivered a message and waits for a [`GateReply`](magia_protocol::wire::GateReply).
    GateOpened {
        /// The connection.
        gate: GateId,
        /// What it sent.
        message: Box<HookMessage>,
        /// Where the call would act, when it names a file and the disk could be asked.
        paths: Option<RealPaths>,
    },
    /// Another magia has left these gates to this one; their requests are stored as open.
    GatesInherited(Vec<InheritedGate>),
    /// The process that serves again once this one ends; `None` when it is gone.
    StandbyReported(Option<u32>),
    /// The handler at a gate went away before it had an answer.
    GateClosed {
        /// The connection.
        gate: GateId,
    },
    /// An answer was written to a gate, or could not be.
    GateAnswered {
        /// The connection.
        gate: GateId,
        /// Whether all of it was written.
        delivered: bool,
    },
    /// A file of Claude's live registry was read, and its process is alive.
    RegistryRead(Box<RegistryEntry>),
    /// A file of Claude's live registry went away.
    RegistryRemoved {
        /// Whose it was.
        process: ProcessId,
    },
    /// Agents and editors that are connected told something.
    Ide(Box<crate::ide::IdeFact>),
    /// An agent's own daemon told something, or was lost.
    Daemon(Box<crate::daemon::DaemonNews>),
    /// A process that is now watched, or one above it, has a terminal's variable in its environment.
    ProcessPlaced {
        /// Which process.
        process: ProcessId,
        /// The terminal's id.
        terminal: String,
    },
    /// The terminals, all of them, oldest first; comes again when one of them changed.
    TerminalsRead(Vec<TerminalInfo>),
    /// A program in a terminal wants the user to know something: OSC 9, 777 or 99.
    TerminalNotified {
        /// The terminal's id.
        terminal: String,
        /// Its title; may be empty.
        title: String,
        /// Its text; may be empty.
        body: String,
    },
    /// A watched process ended.
    ProcessExited(ProcessId),
    /// Processes were looked through: every agent that runs without a registry of its own, as far as its command line
    /// tells that it is one.
    AgentsFound(Vec<FoundAgent>),
    /// A session's transcript is read from its start: what it told before comes again.
    TranscriptBegun(SessionId),
    /// The followed transcript has new lines.
    TranscriptRead {
        /// Whose.
        session: SessionId,
        /// What was read, oldest first.
        items: Vec<TranscriptItem>,
    },
    /// The titles in a session's transcript were looked for.
    TitlesRead {
        /// Whose.
        session: SessionId,
        /// What was found.
        titles: Titles,
    },
    /// A request came in.
    CommandReceived {
        /// Where the reply goes.
        reply: ReplyId,
        /// What is wanted.
        command: Command,
        /// By whom.
        origin: Origin,
    },
    /// A subscriber or requester hung up.
    RequesterGone(ReplyId),
    /// A job that an effect started is done.
    JobFinished {
        /// Who waits for it.
        reply: ReplyId,
        /// What it returned.
        outcome: Result<Value, RpcError>,
    },
    /// The store's file was damaged, and a new one begun: what it held is known here only.
    StoreBegunAnew,
    /// The store forgot what was too old or was to go, and these sessions altogether.
    Forgotten(Vec<SessionId>),
    /// A session's timeline was read from the store because it is wanted.
    HistoryLoaded {
        /// Whose.
        session: SessionId,
        /// What the store has; `None` when it could not be read.
        stored: Option<Box<StoredTimeline>>,
    },
    /// An agent's telemetry arrived: one export.
    TelemetryReceived(Box<crate::telemetry::Export>),
    /// Where telemetry is received, or why it is not.
    TelemetryPort(Box<OtelPortInfo>),
    /// Where the HTTP API listens, why it does not, or that it is off.
    HttpApi(Box<HttpApiInfo>),
    /// The store was opened and read.
    StoreLoaded(Box<StoredState>),
    /// keybindings.json was read.
    KeybindingsLoaded {
        /// The keys in use.
        keymap: Arc<Keymap>,
        /// What is wrong with the file.
        problem: Option<String>,
    },
    /// The desktop is dark (`true`) or light; `None` when it has no preference.
    DesktopSchemeChanged(Option<bool>),
    /// The user's themes were read.
    ThemesLoaded {
        /// All that can be used.
        themes: Arc<Vec<Theme>>,
        /// What cannot.
        problem: Option<String>,
    },
    /// settings.json was read.
    SettingsLoaded {
        /// What it says, defaults filled in.
        settings: Arc<Settings>,
        /// What was wrong with it, for a person.
        problem: Option<String>,
        /// Whether it says how much the store is to keep. A file that cannot be used does not: what is forgotten by the
        /// defaults is gone when it can be used again.
        says_retention: bool,
    },
    /// A listener started, failed or counted.
    ListenerReported(ListenerInfo),
    /// The agents' programs were looked for.
    ProvidersDetected(Vec<ProviderInfo>),
    /// Hooks were looked at.
    HooksInspected(Box<HooksInfo>),
    /// The window says what it shows. No window says nothing.
    WindowChanged {
        /// Whether it has the keyboard focus.
        focused: bool,
        /// The session whose timeline it shows.
        selected: Option<SessionId>,
    },
    /// A person moved the pointer or pressed a key in the window; told every few seconds while it goes on.
    WindowUsed,
    /// A service failed or works again; shown as a banner while it is `Some`.
    ServiceReported {
        /// Stable name, as `store`.
        service: &'static str,
        /// What failed and what still works.
        problem: Option<String>,
    },
    /// A terminal was opened, or could not be.
    TerminalOpened {
        /// Who waits for it.
        reply: Option<ReplyId>,
        /// The permission request that a person allowed for it.
        request: Option<RequestId>,
        /// Its id and what shows it.
        outcome: Result<OpenedTerminal, SpawnError>,
    },
    /// Something was chosen in the tray.
    TrayChosen(TrayChoice),
    /// A tray is there, or is not.
    TrayReported(TrayHost),
    /// The window was closed and stays hidden.
    WindowHidden,
    /// What became of a desktop notification.
    NoticeReported {
        /// Its number.
        number: u64,
        /// What.
        news: NoticeNews,
    },
    /// A notification went another way, or could not.
    ChannelReported {
        /// The ledger's row.
        id: u64,
        /// The channel's name.
        channel: &'static str,
        /// Why not.
        outcome: Result<(), String>,
    },
    /// Time passed; comes every second while something depends on it.
    ClockTicked,
}

/// A gate that another magia opened: the connection waits on.
#[derive(Debug)]
pub struct InheritedGate {
    /// The connection, by this magia's number.
    pub gate: GateId,
    /// Its request.
    pub request: RequestId,
    /// What it sent.
    pub message: Box<HookMessage>,
}

/// What became of a desktop notification.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NoticeNews {
    /// The desktop took it.
    Shown,
    /// It could not be shown.
    Failed(String),
    /// A person took it away, or its time was over.
    Closed,
    /// A person clicked on it.
    Clicked,
    /// A person answered its request by a button.
    Answered {
        /// The request whose button it was.
        request: RequestId,
        /// Allow or deny.
        decision: Decision,
    },
}

/// An agent's process, found by looking.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FoundAgent {
    /// The agent's kind.
    pub provider: Provider,
    /// Which process.
    pub process: ProcessId,
    /// Its working directory; empty when it may not be read.
    pub cwd: String,
    /// Its terminal, as `pts/3`.
    pub tty: Option<String>,
}

/// A file of `~/.claude/sessions/`. Source: observed with Claude Code 2.1.197.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RegistryEntry {
    /// The configuration directory it stands in, as `/home/me/.claude`.
    pub config_root: String,
    /// The agent's process; its start time was compared with the running process's.
    pub process: ProcessId,
    /// Claude's session id.
    pub provider_session_id: ProviderSessionId,
    /// Working directory.
    pub cwd: String,
    /// When the process started, milliseconds since 1970.
    pub started_at_ms: u64,
    /// The session's name, and whether a person gave it.
    pub name: Option<String>,
    /// Whether `name` was made up from the directory.
    pub name_derived: bool,
    /// `busy`, `idle`, `waiting`; absent in `-p` mode.
    pub status: Option<RegistryStatus>,
    /// What it waits for, as `permission prompt`.
    pub waiting_for: Option<String>,
    /// When the status changed, milliseconds since 1970.
    pub status_updated_at_ms: u64,
}

/// Claude's own word for what it does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RegistryStatus {
    /// A turn runs.
    Busy,
    /// Waits for a prompt.
    Idle,
    /// Waits for an answer.
    Waiting,
}

/// Titles found in a transcript.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Titles {
    /// The user renamed the session in the agent.
    pub custom: Option<String>,
    /// The agent named it.
    pub ai: Option<String>,
    /// Made of the first prompt.
    pub prompt: Option<String>,
}

/// An agent event: one hook message, understood.
#[derive(Clone, Debug)]
pub struct AgentEvent {
    /// Number in the store, growing by one.
    pub seq: u64,
    /// When the hub had it, milliseconds since 1970.
    pub received_at_ms: u64,
    /// Whose.
    pub session: SessionId,
    /// The agent's kind.
    pub provider: Provider,
    /// The agent's own session id.
    pub provider_session_id: ProviderSessionId,
    /// The provider's turn key.
    pub turn: Option<String>,
    /// The subagent it is about.
    pub agent_id: Option<String>,
    /// What happened.
    pub kind: AgentEventKind,
    /// The provider's event name.
    pub name: String,
    /// The payload as it came, cut at [`PAYLOAD_CAP`] bytes.
    pub raw: Arc<str>,
    /// Whether `raw` was cut. A cut payload may not parse.
    pub cut: bool,
}

/// Bytes of a payload that are kept, in memory and in the store.
pub const PAYLOAD_CAP: usize = 256 * 1024;

/// What the store held at start.
#[derive(Clone, Debug, Default)]
pub struct StoredState {
    /// Sessions, in any order.
    pub sessions: Vec<StoredSession>,
    /// Open or lately answered requests, oldest first.
    pub requests: Vec<StoredRequest>,
    /// Metrics of sessions, in any order.
    pub metrics: Vec<crate::metrics::StoredMetrics>,
    /// The highest event number used.
    pub last_seq: u64,
    /// When the program was last known to run, milliseconds since 1970.
    pub last_alive_ms: Option<u64>,
}

/// Something seen that speaks for a state.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// For which.
    pub state: SessionState,
    /// What was seen.
    pub fact: String,
    /// When, milliseconds since 1970.
    pub at_ms: u64,
}

/// A session as the store keeps it.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredSession {
    /// Ours.
    pub id: SessionId,
    /// The agent's kind.
    pub provider: Provider,
    /// The agent's configuration directory.
    pub config_root: String,
    /// The agent's own id.
    pub provider_session_id: ProviderSessionId,
    /// Where it came from by fork or `/clear`.
    pub parent: Option<SessionId>,
    /// Working directory.
    pub cwd: String,
    /// Title and where it came from; none yet is `Directory`.
    pub title: Option<String>,
    /// Source of `title`.
    pub title_source: TitleSource,
    /// The agent's transcript.
    pub transcript_path: Option<String>,
    /// Model name.
    pub model: Option<String>,
    /// The process, while it lived when last seen.
    pub process: Option<ProcessId>,
    /// Milliseconds since 1970.
    pub started_at_ms: u64,
    /// Milliseconds since 1970.
    pub last_activity_ms: u64,
    /// Whether it had ended.
    pub ended: bool,
    /// Kept at the top.
    pub pinned: bool,
    /// Left out of lists.
    pub hidden: bool,
    /// What its hooks, or a request that waited, last said of its state, as of the last change of that state; nothing
    /// when an older magia stored it.
    pub seen: Option<Seen>,
    /// Whether its turn was over, though subagents may have worked on.
    pub between_turns: bool,
}

/// A permission request as the store keeps it.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredRequest {
    /// Ours.
    pub id: RequestId,
    /// Who asked.
    pub session: SessionId,
    /// The agent's kind; `None` when no agent asked.
    pub provider: Option<Provider>,
    /// Tool name.
    pub tool: String,
    /// The tool's input as JSON text, cut at [`PAYLOAD_CAP`].
    pub input: String,
    /// The subagent that asked.
    pub agent_id: Option<String>,
    /// Milliseconds since 1970.
    pub asked_at_ms: u64,
    /// Where it stood.
    pub state: RequestState,
    /// Absent when nobody here answered.
    pub decision: Option<Decision>,
    /// Who answered.
    pub decided_by: Option<String>,
    /// Milliseconds since 1970.
    pub decided_at_ms: Option<u64>,
    /// The reason given.
    pub reason: Option<String>,
    /// The agent's working directory; empty when an older magia stored it.
    pub cwd: String,
    /// Where the call would have acted.
    pub paths: Option<RealPaths>,
    /// What the policy said, as `ask by preset default`.
    pub policy: String,
    /// The input that was allowed instead, as JSON text, cut like `input`.
    pub edited_input: Option<String>,
}
