//! The one dispatch: window, tray, notifications, CLI and scripts all ask by these values.
//!
//! To add a command: a variant here, a row in [`super::method::METHODS`], an arm in the hub's dispatch (the
//! compiler asks for it). A test walks the table from both sides.

use super::info::Decision;
use super::method::{self, MethodSpec};
use super::nearest::nearest;
use super::spawn::OpenTerminal;
use super::terminal::{CreatePty, KillPty, ListTerminals, ResizePty, WritePty};
use super::{ErrorCode, Provider, RpcError};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Parameters of a method that has none.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NoParams {}

/// A session by id, unique prefix or short id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OneSession {
    /// What the caller typed.
    pub session: String,
}

/// Parameters of `get_active_sessions`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ListSessions {
    /// Also ended and hidden ones.
    #[serde(default)]
    pub all: bool,
}

/// Parameters of `get_agent_events`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ListEvents {
    /// Only of this session.
    #[serde(default)]
    pub session: Option<String>,
    /// Only with a greater `seq`: the last of a list leads to the one after it. Without `before`, the oldest of them.
    #[serde(default)]
    pub since: Option<u64>,
    /// Only with a smaller `seq`: the first of a list leads to the one before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<u64>,
    /// At most so many, the newest unless only `since` is given; default 1,000, at most 10,000.
    #[serde(default)]
    pub limit: Option<u32>,
}

/// Parameters of `get_timeline`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GetTimeline {
    /// What the caller typed.
    pub session: String,
    /// At most so many, the newest; default 200.
    #[serde(default)]
    pub limit: Option<u32>,
}

/// Parameters of `subscribe_events`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Subscribe {
    /// Begin after this `seq`; without it, with what comes from now on.
    #[serde(default)]
    pub since: Option<u64>,
    /// Channels by name; without it, all.
    #[serde(default)]
    pub channels: Option<Vec<String>>,
}

/// Parameters of `get_permission_requests`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ListRequests {
    /// Also answered ones, newest first.
    #[serde(default)]
    pub all: bool,
    /// At most so many; default 100.
    #[serde(default)]
    pub limit: Option<u32>,
}

/// Parameters of `resolve_permission`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ResolvePermission {
    /// The request's id, unique prefix or short id. Never a session's.
    pub id: String,
    /// The answer.
    pub decision: Decision,
    /// Said to the agent with a deny.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// For a question: the chosen label by question text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answers: Option<Map<String, Value>>,
    /// With `allow`: the input to run instead of the agent's. Claude only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Value>,
    /// The edited input may be of high risk although the agent's was not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub high_risk: bool,
    /// With `allow`, for an edit that the agent shows as in an editor: what the file is to hold instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contents: Option<Box<str>>,
}

impl ResolvePermission {
    /// A plain answer to the request of this id.
    pub fn new(id: impl Into<String>, decision: Decision) -> Self {
        Self {
            id: id.into(),
            decision,
            reason: None,
            answers: None,
            input: None,
            high_risk: false,
            contents: None,
        }
    }
}

/// Parameters of `resolve_same`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ResolveSame {
    /// One of the requests: its id, unique prefix or short id.
    pub id: String,
    /// The answer to it and to all open requests that ask the same.
    pub decision: Decision,
    /// Said to the agents with a deny.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Parameters of `try_policy`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TryPolicy {
    /// A preset, `Bash(cargo test)` to allow, or `deny Bash(git push)`.
    pub rule: String,
    /// Only requests of the last so many hours; without it, all that are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since_hours: Option<u32>,
}

/// Parameters of `set_session_title`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SetTitle {
    /// What the caller typed.
    pub session: String,
    /// The new title; empty goes back to the agent's own.
    pub title: String,
}

/// Parameters of `update_session`; what is absent stays.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct UpdateSession {
    /// What the caller typed.
    pub session: String,
    /// New title; empty goes back to the agent's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Keep at the top of its project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pinned: Option<bool>,
    /// Leave out of lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hidden: Option<bool>,
}

/// Parameters of `save_settings`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SaveSettings {
    /// Keys to change (RFC 7386: null removes a key); others stay as they are.
    pub settings: Map<String, Value>,
}

/// Parameters of `factory_reset`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FactoryReset {
    /// The word `reset`, so that it is meant.
    pub confirm: String,
}

/// Parameters of `save_keybindings`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SaveKeybindings {
    /// A command's name and its keys: `"Ctrl+K"`, a list, `""` for none; null goes back to the default.
    pub keybindings: Map<String, Value>,
    /// Begin with the defaults: what is not named goes back to them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reset: bool,
}

/// Parameters of `install_hooks`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InstallHooks {
    /// Whose settings.
    #[serde(default = "claude")]
    pub provider: Provider,
    /// Only say what would change.
    #[serde(default)]
    pub dry_run: bool,
    /// Another directory of the agent's than the usual one; absolute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub home: Option<String>,
    /// Strict mode: a tool call is refused when magia gives no answer. Absent: as it is now, else off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strict: Option<bool>,
    /// Codex: say in its configuration that the user trusts these hooks.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub trust: bool,
}

impl InstallHooks {
    /// Into this agent's usual place, nothing asked for in particular.
    #[must_use]
    pub fn of(provider: Provider) -> Self {
        Self { provider, dry_run: false, home: None, strict: None, trust: false }
    }
}

/// Parameters of `uninstall_hooks`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChangeHooks {
    /// Whose settings.
    #[serde(default = "claude")]
    pub provider: Provider,
    /// Only say what would change.
    #[serde(default)]
    pub dry_run: bool,
    /// Another directory of the agent's than the usual one; absolute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub home: Option<String>,
}

impl ChangeHooks {
    /// Out of this agent's usual place.
    #[must_use]
    pub fn of(provider: Provider) -> Self {
        Self { provider, dry_run: false, home: None }
    }
}

/// Parameters of `inject_gemini_hooks`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct InjectHooks {
    /// Only say what would change.
    #[serde(default)]
    pub dry_run: bool,
}

fn claude() -> Provider {
    Provider::Claude
}

/// Parameters of `hooks_status`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OneProvider {
    /// Whose settings.
    #[serde(default = "claude")]
    pub provider: Provider,
    /// Another directory of the agent's than the usual one; absolute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub home: Option<String>,
}

/// Parameters of `update_claude_settings`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UpdateClaudeSettings {
    /// Keys to change (RFC 7386); what is not named keeps its bytes.
    pub settings: Map<String, Value>,
    /// Only say what would change.
    #[serde(default)]
    pub dry_run: bool,
}

/// Parameters of `detect_installed_providers`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Detect {
    /// Look again instead of answering from the cache.
    #[serde(default)]
    pub refresh: bool,
}

/// Parameters of `get_session_metrics`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct GetSessionMetrics {
    /// Only of this session; without it, of all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
}

/// Parameters of `telemetry_status`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TelemetryStatus {
    /// Whose; without it, of all agents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<Provider>,
    /// Another directory of the agent's than the usual one; absolute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub home: Option<String>,
}

/// Parameters of `set_telemetry`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SetTelemetry {
    /// Whose settings.
    #[serde(default = "claude")]
    pub provider: Provider,
    /// Whether the agent shall send telemetry to magia.
    pub on: bool,
    /// Claude: spans too, for the time to the first token and the waterfall of calls.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub traces: bool,
    /// Only say what would change.
    #[serde(default)]
    pub dry_run: bool,
    /// Another directory of the agent's than the usual one; absolute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub home: Option<String>,
}

/// Parameters of `retry_listener`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RetryListener {
    /// `hooks`, `permissions` or `cli`.
    pub name: String,
}

/// Parameters of `open_window`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct OpenWindow {
    /// Show this session.
    #[serde(default)]
    pub session: Option<String>,
}

/// Parameters of `purge_data`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PurgeData {
    /// Events and outcomes older than so many days go; 0 removes all of ended sessions.
    pub older_than_days: u32,
}

/// Parameters of `get_notifications`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ListNotifications {
    /// At most so many, the newest; default 100.
    #[serde(default)]
    pub limit: Option<u32>,
}

/// Parameters of `read_notifications` and `dismiss_notifications`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SomeNotifications {
    /// Only this one; without it, all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<u64>,
}

/// Parameters of `pause_notifications`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PauseNotifications {
    /// For so many minutes; 0 ends a pause, and without it the pause has no end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minutes: Option<u32>,
}

/// A command, typed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "method", content = "params", rename_all = "snake_case")]
pub enum Command {
    /// What runs, how it is.
    Status(NoParams),
    /// The sessions.
    GetActiveSessions(ListSessions),
    /// One session.
    GetSession(OneSession),
    /// Why a session is in its state.
    ExplainSession(OneSession),
    /// Stored agent events.
    GetAgentEvents(ListEvents),
    /// A session's timeline.
    GetTimeline(GetTimeline),
    /// A stream of events on this connection.
    SubscribeEvents(Subscribe),
    /// The permission requests.
    GetPermissionRequests(ListRequests),
    /// Answer one.
    ResolvePermission(ResolvePermission),
    /// Answer all that ask the same.
    ResolveSame(ResolveSame),
    /// Replay a rule over what is recorded.
    TryPolicy(TryPolicy),
    /// The risk table.
    GetRiskTable(NoParams),
    /// Rename a session.
    SetSessionTitle(SetTitle),
    /// Rename, pin, hide a session.
    UpdateSession(UpdateSession),
    /// magia's settings.
    LoadSettings(NoParams),
    /// Change magia's settings.
    SaveSettings(SaveSettings),
    /// What settings.json may hold.
    SettingsSchema(NoParams),
    /// The keys of the window's commands.
    LoadKeybindings(NoParams),
    /// Change keys.
    SaveKeybindings(SaveKeybindings),
    /// State of the hooks in a provider's settings.
    HooksStatus(OneProvider),
    /// Put our hooks into a provider's settings.
    InstallHooks(InstallHooks),
    /// Take them out.
    UninstallHooks(ChangeHooks),
    /// Claude's user settings.
    ReadClaudeSettings(NoParams),
    /// Change Claude's user settings.
    UpdateClaudeSettings(UpdateClaudeSettings),
    /// Gemini CLI's user settings.
    ReadGeminiSettings(NoParams),
    /// Put our hooks into Gemini CLI's user settings.
    InjectGeminiHooks(InjectHooks),
    /// Which agents are installed.
    DetectInstalledProviders(Detect),
    /// Start a failed listener again.
    RetryListener(RetryListener),
    /// The port that agents find magia at as their editor.
    GetIdeServerPort(NoParams),
    /// Where the HTTP API listens.
    GetHttpApi(NoParams),
    /// Raise the window.
    OpenWindow(OpenWindow),
    /// What sessions used.
    GetSessionMetrics(GetSessionMetrics),
    /// Where telemetry is received.
    GetOtelPort(NoParams),
    /// Which agents send telemetry, and where.
    TelemetryStatus(TelemetryStatus),
    /// Have an agent send telemetry to magia, or no longer.
    SetTelemetry(SetTelemetry),
    /// What was told of on the desktop, or was not, and why.
    GetNotifications(ListNotifications),
    /// Mark notifications as read.
    ReadNotifications(SomeNotifications),
    /// Take notifications out of the list.
    DismissNotifications(SomeNotifications),
    /// Tell the desktop nothing for a while.
    PauseNotifications(PauseNotifications),
    /// What happened since the user left the window.
    GetDigest(NoParams),
    /// End the program.
    Quit(NoParams),
    /// The terminals.
    GetTerminals(ListTerminals),
    /// Start a program in a terminal of its own.
    CreatePty(CreatePty),
    /// Type into a terminal.
    WritePty(WritePty),
    /// Give a terminal another size.
    ResizePty(ResizePty),
    /// End what runs in a terminal.
    KillPty(KillPty),
    /// Check everything.
    Doctor(NoParams),
    /// Forget old data.
    PurgeData(PurgeData),
    /// Open a terminal.
    OpenTerminal(OpenTerminal),
    /// Whether magia was never here before.
    IsFirstLaunch(NoParams),
    /// Begin anew.
    FactoryReset(FactoryReset),
}

impl Command {
    /// Reads a request. `method` may be an alias; parameter names may be snake_case or camelCase; an unknown
    /// method or parameter is an error that names the nearest known one.
    pub fn parse(method: &str, params: &Value) -> Result<Self, RpcError> {
        let spec = method::find(method).ok_or_else(|| unknown_method(method))?;
        let params = canonical_params(spec, params)?;
        let tagged = serde_json::json!({ "method": spec.name, "params": params });
        serde_json::from_value(tagged).map_err(|err| {
            RpcError::new(ErrorCode::BadParams, format!("{}: {err}", spec.name)).with_hint(spec.usage())
        })
    }

    /// The request that [`Self::parse`] reads back to this value.
    pub fn to_request(&self) -> (String, Value) {
        match serde_json::to_value(self) {
            Ok(Value::Object(mut tagged)) => {
                let method = tagged.get("method").and_then(Value::as_str).unwrap_or_default().to_owned();
                (method, tagged.remove("params").unwrap_or_default())
            }
            _ => (String::new(), Value::Null),
        }
    }

    /// The table's row for this command.
    pub fn spec(&self) -> Option<&'static MethodSpec> {
        method::find(&self.to_request().0)
    }
}

fn unknown_method(method: &str) -> RpcError {
    let shown: String = method.chars().take(64).collect();
    let err = RpcError::new(ErrorCode::UnknownMethod, format!("there is no method {shown:?}"));
    match nearest(method, method::names()) {
        Some(name) => err.with_hint(format!("did you mean {name}?")),
        None => err.with_hint("`magia call --list` prints all methods"),
    }
}

fn canonical_params(spec: &MethodSpec, params: &Value) -> Result<Map<String, Value>, RpcError> {
    let given = match params {
        Value::Null => return check_required(spec, Map::new()),
        Value::Object(given) => given,
        _ => {
            return Err(RpcError::new(
                ErrorCode::BadParams,
                format!("{}: params must be an object", spec.name),
            )
            .with_hint(spec.usage()));
        }
    };
    let mut canonical = Map::new();
    for (name, value) in given {
        let snake = snake_case(name);
        let (snake, value) = match (spec.name, snake.as_str()) {
            ("resolve_permission", "approved") => ("decision".to_owned(), approved(value)?),
            _ => (snake, value.clone()),
        };
        if !spec.params.iter().any(|param| param.name == snake) {
            let err =
                RpcError::new(ErrorCode::BadParams, format!("{}: unknown parameter {name:?}", spec.name));
            return Err(match nearest(&snake, spec.params.iter().map(|param| param.name)) {
                Some(near) => err.with_hint(format!("did you mean {near}?")),
                None => err.with_hint(spec.usage()),
            });
        }
        canonical.insert(snake, value);
    }
    check_required(spec, canonical)
}

fn check_required(spec: &MethodSpec, params: Map<String, Value>) -> Result<Map<String, Value>, RpcError> {
    match spec.params.iter().find(|param| param.required && !params.contains_key(param.name)) {
        Some(param) => {
            Err(RpcError::new(ErrorCode::BadParams, format!("{}: {} is missing", spec.name, param.name))
                .with_hint(spec.usage()))
        }
        None => Ok(params),
    }
}

fn approved(value: &Value) -> Result<Value, RpcError> {
    match value {
        Value::Bool(true) => Ok(Value::from(Decision::Allow.as_str())),
        Value::Bool(false) => Ok(Value::from(Decision::Deny.as_str())),
        _ => Err(RpcError::new(ErrorCode::BadParams, "approved must be true or false")),
    }
}

fn snake_case(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    for c in name.chars() {
        if c.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    snake
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn aliases_and_camel_case_are_the_same_command() {
        let canonical =
            Command::parse("resolve_permission", &json!({"id": "abcd", "decision": "allow"})).unwrap();
        let seed = Command::parse("respond_to_permission", &json!({"id": "abcd", "approved": true})).unwrap();
        assert_eq!(canonical, seed);
        let snake = Command::parse("install_hooks", &json!({"dry_run": true})).unwrap();
        let camel = Command::parse("install_hooks", &json!({"dryRun": true})).unwrap();
        assert_eq!(snake, camel);
    }

    #[test]
    fn mistakes_name_the_nearest() {
        let err = Command::parse("get_active_session", &Value::Null).unwrap_err();
        assert_eq!(err.code, ErrorCode::UnknownMethod);
        assert_eq!(err.hint.as_deref(), Some("did you mean get_active_sessions?"));
        let err = Command::parse("set_session_title", &json!({"session": "x", "titel": "y"})).unwrap_err();
        assert_eq!(err.hint.as_deref(), Some("did you mean title?"));
        let err = Command::parse("set_session_title", &json!({"session": "x"})).unwrap_err();
        assert_eq!(err.message, "set_session_title: title is missing");
        let err = Command::parse("status", &json!([1])).unwrap_err();
        assert_eq!(err.code, ErrorCode::BadParams);
        let err = Command::parse("resolve_permission", &json!({"id": "x", "decision": "maybe"})).unwrap_err();
        assert_eq!(err.code, ErrorCode::BadParams);
    }

    #[test]
    fn absent_params_are_an_empty_object() {
        assert_eq!(Command::parse("status", &Value::Null).unwrap(), Command::Status(NoParams {}));
    }
}
