//! What requests return. Field names are snake_case; times are milliseconds since 1970 (`*_ms`); a field that
//! is not known is `null`. These shapes are what `--json` prints, so they only ever grow.

use super::metrics::TelemetryInfo;
use super::{
    AgentEventKind, ProcessId, Provider, ProviderSessionId, RequestId, RequestState, Risk, SessionId,
    SessionState, TitleSource,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A session, as `get_active_sessions` lists it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SessionInfo {
    /// Ours.
    pub id: SessionId,
    /// The agent's kind.
    pub provider: Provider,
    /// The agent's own id for it; `null` until its first hook.
    pub provider_session_id: Option<ProviderSessionId>,
    /// Where it came from by fork or `/clear`.
    pub parent: Option<SessionId>,
    /// What to call it; never empty.
    pub title: String,
    /// Where the title came from.
    pub title_source: TitleSource,
    /// Working directory.
    pub cwd: String,
    /// Last part of the project's directory.
    pub project: String,
    /// What it is doing.
    pub state: SessionState,
    /// Since when.
    pub state_since_ms: u64,
    /// Why magia thinks so, strongest first.
    pub evidence: Vec<EvidenceInfo>,
    /// Two sources disagree: what each says.
    pub disagreement: Option<String>,
    /// The agent's process.
    pub process: Option<ProcessId>,
    /// The terminal it runs in, as `pts/3`.
    pub tty: Option<String>,
    /// The id of the magia terminal it runs in.
    #[serde(default)]
    pub terminal: Option<String>,
    /// What its agent calls itself, as `claude-code 2.1.197`, while it is connected to magia as its editor.
    #[serde(default)]
    pub editor: Option<String>,
    /// Model name as the agent gave it.
    pub model: Option<String>,
    /// The agent's permission mode.
    pub permission_mode: Option<String>,
    /// When it began, as far as known.
    pub started_at_ms: u64,
    /// The last thing heard of it.
    pub last_activity_ms: u64,
    /// Requests that wait for an answer.
    pub requests: Vec<RequestId>,
    /// Kept at the top of its project.
    pub pinned: bool,
    /// Left out of lists.
    pub hidden: bool,
    /// The agent's transcript file.
    pub transcript_path: Option<String>,
    /// Subagents at work.
    pub subagents: u32,
    /// Since when two live processes or more work on it, milliseconds since 1970.
    #[serde(default)]
    pub hijacked_since_ms: Option<u64>,
    /// Since when its newest turn is over and nobody has looked, milliseconds since 1970.
    #[serde(default)]
    pub unread_since_ms: Option<u64>,
    /// What else is said of it, each with its source and age.
    #[serde(default)]
    pub claims: Vec<ClaimInfo>,
    /// What hooks cost it since magia started; `null` before the first one.
    #[serde(default)]
    pub hook_cost: Option<HookCostInfo>,
}

/// Something said of a session beside its state, and what it rests on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClaimInfo {
    /// What is claimed, as `hijacked`, `policy`, `magia was off`.
    pub claim: String,
    /// What was seen.
    pub fact: String,
    /// Where: `process`, `settings`, `store`.
    pub source: String,
    /// When.
    pub at_ms: u64,
}

/// What hooks cost a session, as far as it can be measured.
///
/// `ours` is from the handler's clock as it begins to send to ours as its line is whole; how long the agent takes to
/// start the handler, and to notice its end, is not in it. The `agent_*` figures are the agent's own, start-up included:
/// Claude's transcript has them for `Stop` hooks only, and they are there once the transcript was read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HookCostInfo {
    /// Messages of our handler with a time on them.
    pub ours: u64,
    /// Microseconds, of all of them.
    pub ours_us: u64,
    /// The slowest, microseconds.
    pub ours_max_us: u64,
    /// Runs of our handler that the agent timed.
    pub agent_ours: u64,
    /// Milliseconds, of all of them.
    pub agent_ours_ms: u64,
    /// Runs of other hooks that the agent timed.
    pub agent_others: u64,
    /// Milliseconds, of all of them.
    pub agent_others_ms: u64,
    /// When the last of all these was seen.
    pub at_ms: u64,
}

/// One reason for a state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EvidenceInfo {
    /// Where it was seen: `hook`, `registry`, `process`, `gate`, `transcript`.
    pub source: String,
    /// What was seen, as `PreToolUse Bash`.
    pub fact: String,
    /// The state it speaks for.
    pub state: SessionState,
    /// When it was seen.
    pub at_ms: u64,
    /// Whether the shown state rests on it.
    pub decisive: bool,
}

/// A permission request, as `get_permission_requests` lists it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RequestInfo {
    /// Ours; what `allow` and `deny` take.
    pub id: RequestId,
    /// Who asks; [`SessionId::NOBODY`] when it is no agent but a program that wants a terminal.
    pub session: SessionId,
    /// The session's title; of a program, who it is.
    pub session_title: String,
    /// The agent's kind; `null` when it is no agent.
    pub provider: Option<Provider>,
    /// `tool`, `question` or `plan`.
    pub kind: String,
    /// Tool name as the agent gave it.
    pub tool: String,
    /// The whole input as the agent gave it. Hostile text.
    pub input: Value,
    /// One line for a person, control characters made visible.
    pub summary: String,
    /// Working directory of the agent.
    pub cwd: String,
    /// The subagent that asks.
    pub agent_id: Option<String>,
    /// How much harm it could do.
    pub risk: Risk,
    /// Why, one reason a line.
    pub risk_reasons: Vec<String>,
    /// What magia's policy said when it came, as `ask by preset default`.
    #[serde(default)]
    pub policy: String,
    /// Equal for open requests that ask the same: for grouping. `resolve_same` compares the requests themselves.
    #[serde(default)]
    pub question: String,
    /// What `always` would allow, in the provider's own words; `null` when it offers nothing.
    pub always: Option<String>,
    /// Where it stands.
    pub state: RequestState,
    /// A twin of it was answered in the terminal; it may be this one.
    pub may_be_answered: bool,
    /// When it came.
    pub asked_at_ms: u64,
    /// Whether the agent shows the change as in an editor: then it can be allowed with other contents.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shows_diff: bool,
    /// The answer, when there is one.
    pub outcome: Option<OutcomeInfo>,
}

/// How a request was answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OutcomeInfo {
    /// `allow`, `deny`, `always`, `none`, or null when the terminal or nobody answered.
    pub decision: Option<Decision>,
    /// Who: `window`, `cli 4711 (/usr/bin/magia)`, `policy default`, `terminal`.
    pub by: String,
    /// When.
    pub at_ms: u64,
    /// The reason given with a deny.
    pub reason: Option<String>,
    /// The input that was allowed instead of the agent's, edited by whoever answered.
    #[serde(default)]
    pub edited_input: Option<Value>,
}

/// What a person or a policy can say to a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Run it.
    Allow,
    /// Do not run it.
    Deny,
    /// Run it, and do not ask again for its like.
    Always,
    /// Say nothing: the agent's own dialog decides.
    None,
}

impl Decision {
    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::Always => "always",
            Self::None => "none",
        }
    }
}

/// An agent event, as `get_agent_events` and `agent:event` give it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EventInfo {
    /// Same as `seq`; list verbs print objects with an `id`.
    pub id: u64,
    /// Grows by one per event of this program's store; what `since` takes.
    pub seq: u64,
    /// When magia received it.
    pub received_at_ms: u64,
    /// The session.
    pub session: SessionId,
    /// The agent's kind.
    pub provider: Provider,
    /// The agent's own session id.
    pub provider_session_id: ProviderSessionId,
    /// Turn key of the provider (Claude: `prompt_id`).
    pub turn: Option<String>,
    /// The subagent it is about.
    pub agent_id: Option<String>,
    /// What happened.
    pub kind: AgentEventKind,
    /// The provider's own event name.
    pub event: String,
    /// The provider's payload.
    pub payload: Value,
    /// Whether the payload was over the limit and cut.
    pub cut: bool,
}

/// One line of a timeline, as `get_timeline` gives it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TimelineInfo {
    /// When.
    pub at_ms: u64,
    /// `prompt`, `message`, `thinking`, `tool`, `permission`, `subagent`, `note`.
    pub kind: String,
    /// The subagent it belongs to.
    pub agent_id: Option<String>,
    /// Text, control characters made visible.
    pub text: String,
    /// `running`, `done`, `failed`, `denied` for tools.
    pub status: Option<String>,
    /// Milliseconds a tool took.
    pub duration_ms: Option<u64>,
}

/// `status`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StatusInfo {
    /// Program version.
    pub version: String,
    /// Wire version.
    pub wire: u32,
    /// Process id of the program.
    pub pid: u32,
    /// Whether it runs without a window.
    pub headless: bool,
    /// Seconds since it started.
    pub uptime_s: u64,
    /// Where its sockets are.
    pub runtime_dir: String,
    /// Sessions by state, in the order of the states; states without sessions are left out.
    pub sessions: Vec<StateCount>,
    /// Open requests.
    pub requests: u32,
    /// Listeners and their health.
    pub listeners: Vec<ListenerInfo>,
    /// The HTTP API.
    #[serde(default)]
    pub http_api: HttpApiInfo,
    /// Agents' own daemons that magia is a client of.
    #[serde(default)]
    pub daemons: Vec<DaemonInfo>,
    /// What went wrong and is still so, one sentence each.
    pub problems: Vec<String>,
}

/// A count of sessions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StateCount {
    /// The state.
    pub state: SessionState,
    /// How many.
    pub count: u32,
}

/// The HTTP API: what `get_http_api` returns.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HttpApiInfo {
    /// Whether it is wanted.
    pub on: bool,
    /// Where it listens, as `http://127.0.0.1:4020`; `null` while it does not.
    pub address: Option<String>,
    /// The file with the token that each request shows, while it is wanted.
    pub token_file: Option<String>,
    /// Why it does not listen though it is wanted.
    pub problem: Option<String>,
    /// Whether `--http` at magia's start says where, and not the settings.
    pub at_start: bool,
    /// What switches it on, or off again.
    pub switch: String,
}

/// magia as the agents' editor: what `get_ide_server_port` returns.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct IdeInfo {
    /// The port; `None` when it is off.
    pub port: Option<u16>,
    /// The file that Claude Code finds it by, while there is one.
    pub lock_file: Option<String>,
    /// Agents and editors that are connected.
    pub connected: Vec<IdePeerInfo>,
}

/// An agent or an editor that is connected.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct IdePeerInfo {
    /// `claude`, `gemini` or `editor`.
    pub kind: String,
    /// What it calls itself.
    pub name: String,
    /// Its process.
    pub pid: Option<u32>,
    /// An agent's session, once it is known.
    pub session: Option<SessionId>,
}

/// A listener's health.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ListenerInfo {
    /// `hooks`, `permissions`, `cli`, `terminal`, `http`, `ide`.
    pub name: String,
    /// Whether it accepts connections.
    pub up: bool,
    /// Why not.
    pub error: Option<String>,
    /// Connections accepted.
    pub accepted: u64,
    /// Messages understood.
    pub messages: u64,
    /// Messages or connections refused: garbage, too long, other users, too slow.
    pub refused: u64,
    /// Connections open now.
    pub open: u64,
}

/// The connection to an agent's own daemon.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DaemonInfo {
    /// The agent's kind.
    pub provider: Provider,
    /// The configuration directory that it serves.
    pub root: String,
    /// `connected`, `absent` (none runs), `unreachable` (it runs, or its socket lies there, and does not serve us).
    pub state: String,
    /// Its version, while connected.
    pub version: Option<String>,
    /// Sessions that it holds, without its own hidden ones.
    pub sessions: u32,
    /// Those of them whose every step it sends to magia.
    pub subscribed: u32,
    /// Messages that were not understood, or not meant for magia.
    pub unknown: u64,
    /// The last failure, for a person; also after it was overcome.
    pub error: Option<String>,
}

/// A provider's program, as `detect_installed_providers` gives it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProviderInfo {
    /// Same as `provider`; list verbs print objects with an `id`.
    pub id: String,
    /// The kind.
    pub provider: Provider,
    /// Where its program is; null when it was not found.
    pub path: Option<String>,
    /// What `--version` printed, shortened to the number.
    pub version: Option<String>,
    /// How it was found: `settings`, `path`, `known place`, `nvm`, `login shell`.
    pub source: Option<String>,
}

/// State of the hooks in a provider's settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HooksInfo {
    /// The kind.
    pub provider: Provider,
    /// The settings file.
    pub file: String,
    /// `installed`, `not installed`, `partial`, `outdated`, `unreadable`.
    pub state: String,
    /// Events without our entry.
    pub missing: Vec<String>,
    /// Events whose entry points elsewhere or has other arguments.
    pub outdated: Vec<String>,
    /// They were installed and something took them away.
    pub lost: bool,
    /// Strict mode: a tool call is refused when magia gives no answer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub strict: bool,
    /// Codex: events whose hook it does not run before the user has said that it may.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub untrusted: Vec<String>,
    /// Whatever else a person should know, one sentence each.
    pub warnings: Vec<String>,
}

/// What an install, uninstall or update did, or would do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChangeInfo {
    /// The settings file.
    pub file: String,
    /// Whether the file was, or would be, different.
    pub changed: bool,
    /// Whether this was only a trial.
    pub dry_run: bool,
    /// Unified diff of the file, and of a second one where two are written (Codex's trust).
    pub diff: String,
    /// Backup of the old content.
    pub backup: Option<String>,
    /// State afterwards.
    pub hooks: Option<HooksInfo>,
    /// Of `set_telemetry`: how it stands afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub telemetry: Option<TelemetryInfo>,
}

/// One check of `doctor`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckInfo {
    /// Stable name, as `listener.hooks`.
    pub id: String,
    /// `ok`, `warn`, `fail`.
    pub status: String,
    /// What was found.
    pub detail: String,
    /// What to do.
    pub fix: Option<String>,
}

impl Decision {
    /// The decision for a word.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Allow, Self::Deny, Self::Always, Self::None].into_iter().find(|one| one.as_str() == word)
    }
}

/// A row of the risk table, as `get_risk_table` lists it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RiskInfo {
    /// Same as `reason`; list verbs print objects with an `id`.
    pub id: String,
    /// How much harm it could do.
    pub risk: Risk,
    /// What a request's `risk_reasons` say.
    pub reason: String,
    /// Why that is so bad.
    pub why: String,
    /// A tool that does it.
    pub tool: String,
    /// Its input in the example; `null` when that is too long to be shown.
    pub example: Value,
}

/// What a preset or a rule would have done, as `try_policy` returns it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TrialInfo {
    /// What was tried, as `rule Bash(cargo test)`.
    pub rule: String,
    /// Requests that were replayed.
    pub requests: u32,
    /// It would have allowed so many.
    pub allowed: u32,
    /// It would have denied so many.
    pub denied: u32,
    /// It would have left so many to a person.
    pub left: u32,
    /// Of those, so many whose input was too long to be kept.
    pub not_kept: u32,
    /// It would have allowed what a person denied; at most 100, as all lists here.
    pub denied_by_person: Vec<TrialRow>,
    /// It would have denied what a person allowed.
    pub allowed_by_person: Vec<TrialRow>,
    /// It would have allowed so many that touch keys, secrets or the system's settings.
    pub sensitive_count: u32,
    /// Those.
    pub sensitive: Vec<TrialRow>,
    /// It would have allowed so many of high risk.
    pub high_risk_count: u32,
    /// Those.
    pub high_risk: Vec<TrialRow>,
}

/// A recorded request in a dry run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrialRow {
    /// Ours.
    pub id: RequestId,
    /// Who asked.
    pub session: SessionId,
    /// Tool name.
    pub tool: String,
    /// One line, control characters made visible.
    pub summary: String,
    /// When.
    pub asked_at_ms: u64,
    /// How much harm it could do, by today's table.
    pub risk: Risk,
    /// Why.
    pub risk_reasons: Vec<String>,
    /// Sensitive places that it touches, as `~/.ssh`.
    pub places: Vec<String>,
    /// What happened to it, as `deny by window`.
    pub was: String,
}

/// What `resolve_same` did.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SameInfo {
    /// Requests that were answered, each by itself, oldest first.
    pub answered: Vec<RequestInfo>,
    /// Requests that could not be.
    pub failed: Vec<SameFailure>,
}

/// A request that a batch could not answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SameFailure {
    /// Which.
    pub id: RequestId,
    /// Why.
    pub error: super::RpcError,
}
