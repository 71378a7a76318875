//! The table of methods: what `magia call --list` prints and what [`Command::parse`] checks against.
//!
//! A method is in the table only once it works. Names follow the seed's reference; its second vocabulary is
//! accepted as aliases.
//!
//! [`Command::parse`]: super::Command::parse

/// Who may call a method.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// Reads; any process of the user.
    Read,
    /// Changes nothing that an agent could profit from (a title, the window); any process of the user.
    Act,
    /// Decides, changes policy or settings; refused to agents and their children.
    Guarded,
    /// Starts programs; what an agent or its children ask for waits for the user's yes.
    Asked,
}

/// A parameter.
#[derive(Debug)]
pub struct ParamSpec {
    /// snake_case; camelCase is accepted as well.
    pub name: &'static str,
    /// For a person: `string`, `bool`, `number`, `object`.
    pub kind: &'static str,
    /// Whether it must be there.
    pub required: bool,
}

/// A method.
#[derive(Debug)]
pub struct MethodSpec {
    /// Canonical name.
    pub name: &'static str,
    /// Other names it answers to.
    pub aliases: &'static [&'static str],
    /// One line.
    pub summary: &'static str,
    /// Its parameters.
    pub params: &'static [ParamSpec],
    /// What it returns.
    pub returns: &'static str,
    /// Who may call it.
    pub access: Access,
}

impl MethodSpec {
    /// `name {session: string, limit?: number}`.
    pub fn usage(&self) -> String {
        let params: Vec<String> = self
            .params
            .iter()
            .map(|param| format!("{}{}: {}", param.name, if param.required { "" } else { "?" }, param.kind))
            .collect();
        format!("{} {{{}}}", self.name, params.join(", "))
    }
}

/// The row for a name or an alias.
pub fn find(name: &str) -> Option<&'static MethodSpec> {
    METHODS.iter().find(|spec| spec.name == name || spec.aliases.contains(&name))
}

/// All names and aliases.
pub fn names() -> impl Iterator<Item = &'static str> {
    METHODS.iter().flat_map(|spec| std::iter::once(spec.name).chain(spec.aliases.iter().copied()))
}

const fn required(name: &'static str, kind: &'static str) -> ParamSpec {
    ParamSpec { name, kind, required: true }
}

const fn optional(name: &'static str, kind: &'static str) -> ParamSpec {
    ParamSpec { name, kind, required: false }
}

macro_rules! methods {
    ($($name:literal $aliases:expr, $access:ident, [$($param:expr),*], $returns:literal, $summary:literal;)+) => {
        /// Every method, in the order in which they are printed.
        pub static METHODS: &[MethodSpec] = &[$(MethodSpec {
            name: $name,
            aliases: &$aliases,
            summary: $summary,
            params: &[$($param),*],
            returns: $returns,
            access: Access::$access,
        },)+];
    };
}

methods! {
    "status" [], Read, [], "StatusInfo",
        "What runs and how it is";
    "get_active_sessions" ["list_sessions"], Read, [optional("all", "bool")], "[SessionInfo]",
        "The sessions; with all, also ended and hidden ones";
    "get_session" [], Read, [required("session", "string")], "SessionInfo",
        "One session";
    "explain_session" [], Read, [required("session", "string")], "SessionInfo",
        "Why a session is in its state: every piece of evidence";
    "get_agent_events" [], Read,
        [optional("session", "string"), optional("since", "number"), optional("before", "number"),
            optional("limit", "number")], "[EventInfo]",
        "Stored agent events, oldest first";
    "get_timeline" [], Read, [required("session", "string"), optional("limit", "number")], "[TimelineInfo]",
        "A session's timeline, oldest first";
    "subscribe_events" ["subscribe"], Read, [optional("since", "number"), optional("channels", "[string]")],
        "{seq}, then StreamLine lines", "Stream events on this connection";
    "get_permission_requests" [], Read, [optional("all", "bool"), optional("limit", "number")], "[RequestInfo]",
        "Open permission requests; with all, also answered ones";
    "resolve_permission" ["respond_to_permission"], Guarded,
        [required("id", "string"), required("decision", "\"allow\"|\"deny\"|\"always\"|\"none\""),
         optional("reason", "string"), optional("answers", "object"), optional("input", "object"),
         optional("high_risk", "bool"), optional("contents", "string")], "RequestInfo",
        "Answer a permission request";
    "resolve_same" [], Guarded,
        [required("id", "string"), required("decision", "\"allow\"|\"deny\"|\"always\"|\"none\""),
         optional("reason", "string")], "{answered, failed}",
        "Answer a permission request and all open ones that ask the same";
    "try_policy" [], Read, [required("rule", "string"), optional("since_hours", "number")], "TrialInfo",
        "What a preset or a rule would have said to the recorded requests";
    "get_risk_table" [], Read, [], "[RiskInfo]",
        "Why a request is called harmful: every reason, with an example";
    "set_session_title" [], Act, [required("session", "string"), required("title", "string")], "SessionInfo",
        "Rename a session; an empty title goes back to the agent's own";
    "update_session" [], Act,
        [required("session", "string"), optional("title", "string"), optional("pinned", "bool"),
         optional("hidden", "bool")], "SessionInfo",
        "Rename, pin or hide a session";
    "load_settings" [], Read, [], "object",
        "magia's settings, defaults filled in";
    "save_settings" [], Guarded, [required("settings", "object")], "object",
        "Change keys of magia's settings; null removes one";
    "settings_schema" [], Read, [], "object",
        "A JSON schema of settings.json";
    "load_keybindings" [], Read, [], "[KeyInfo]",
        "The window's commands and their keys";
    "save_keybindings" [], Guarded, [required("keybindings", "object"), optional("reset", "bool")], "[KeyInfo]",
        "Change the keys of commands; null goes back to a default";
    "hooks_status" [], Read, [optional("provider", "string"), optional("home", "string")], "HooksInfo",
        "State of magia's hooks in a provider's settings";
    "install_hooks" [], Guarded, [optional("provider", "string"), optional("dry_run", "bool"), optional("home", "string"),
        optional("strict", "bool"), optional("trust", "bool")], "ChangeInfo",
        "Put magia's hooks into a provider's settings";
    "uninstall_hooks" [], Guarded, [optional("provider", "string"), optional("dry_run", "bool"),
        optional("home", "string")], "ChangeInfo",
        "Take magia's hooks out again";
    "read_claude_settings" [], Guarded, [], "{file, settings}",
        "Claude's user settings; they may hold keys";
    "update_claude_settings" [], Guarded, [required("settings", "object"), optional("dry_run", "bool")], "ChangeInfo",
        "Change keys of Claude's user settings; null removes one";
    "read_gemini_settings" [], Guarded, [], "{file, settings}",
        "Gemini CLI's user settings; they may hold keys";
    "inject_gemini_hooks" [], Guarded, [optional("dry_run", "bool")], "ChangeInfo",
        "Put magia's hooks into Gemini CLI's settings: install_hooks by its other name";
    "detect_installed_providers" [], Read, [optional("refresh", "bool")], "[ProviderInfo]",
        "Which agents are installed, where, which version";
    "retry_listener" [], Act, [required("name", "string")], "{retried}",
        "Start a failed listener again";
    "get_ide_server_port" [], Read, [], "IdeInfo",
        "Where agents reach magia as their editor, and which are connected";
    "get_http_api" [], Read, [], "HttpApiInfo",
        "Whether the HTTP API is on, where it listens, and how it is switched";
    "open_window" [], Act, [optional("session", "string")], "{raised}",
        "Raise the window, at a session";
    "get_session_metrics" [], Read, [optional("session", "string")], "MetricsInfo, or FleetMetricsInfo of all",
        "What a session used by its telemetry: tokens, cost, time, tools, hooks; without one, all together";
    "get_otel_port" [], Read, [], "OtelPortInfo",
        "Where agents may send telemetry";
    "telemetry_status" [], Read, [optional("provider", "string"), optional("home", "string")], "[TelemetryInfo]",
        "Which agents send telemetry, and where to";
    "set_telemetry" [], Guarded, [required("on", "bool"), optional("provider", "string"), optional("traces", "bool"),
        optional("dry_run", "bool"), optional("home", "string")], "ChangeInfo",
        "Have an agent send telemetry to magia, or no longer; a collector of the user's own stays";
    "get_notifications" ["list_notifications"], Read, [optional("limit", "number")], "[NotificationInfo]",
        "Notifications, newest first: sent, suppressed, failed, and why";
    "read_notifications" [], Act, [optional("id", "number")], "{unread}",
        "Mark a notification as read, or all";
    "dismiss_notifications" [], Act, [optional("id", "number")], "{left}",
        "Take a notification out of the list, or all";
    "pause_notifications" [], Guarded, [optional("minutes", "number")], "{paused}",
        "Tell the desktop nothing for so many minutes; 0 ends the pause";
    "get_digest" [], Read, [], "DigestInfo",
        "What happened since the user left the window";
    "quit" [], Guarded, [], "{quits}",
        "End the program; agents and terminals go on without it";
    "get_terminals" ["list_terminals"], Read, [optional("all", "bool")], "[TerminalInfo]",
        "The terminals; with all, also those whose program has ended";
    "create_pty" [], Guarded,
        [optional("command", "[string]"), optional("cwd", "string"), optional("name", "string"),
         optional("id", "string"), optional("cols", "number"), optional("rows", "number")], "TerminalInfo",
        "Start a program, or the user's shell, in a terminal that outlives magia";
    "write_pty" [], Guarded, [required("terminal", "string"), required("data", "string")], "{written}",
        "Type into a terminal";
    "resize_pty" [], Guarded,
        [required("terminal", "string"), required("cols", "number"), required("rows", "number")], "{cols, rows}",
        "Give a terminal another size";
    "kill_pty" [], Guarded, [required("terminal", "string")], "{killed}",
        "End what runs in a terminal, and all that it started";
    "doctor" [], Read, [], "[CheckInfo]",
        "Check everything magia depends on";
    "purge_data" [], Guarded, [required("older_than_days", "number")], "{events, requests, sessions}",
        "Forget old events and outcomes";
    "is_first_launch" [], Read, [], "bool",
        "Whether magia was never here before, or was reset";
    "factory_reset" [], Guarded, [required("confirm", "\"reset\"")], "{removed, restarting}",
        "Take the hooks out, forget everything that magia keeps, and start again";
    "open_terminal" [], Asked,
        [optional("argv", "[string]"), optional("command", "string"), optional("working_dir", "string"),
         optional("session_id", "string"), optional("terminal", "string"), optional("name", "string"),
         optional("env", "object"), optional("cols", "number"), optional("rows", "number"),
         optional("term", "string")], "OpenedTerminal",
        "Run a program in a terminal of its own and show it in a terminal window";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Command;
    use serde_json::{Value, json};

    /// A valid value for a parameter, by its kind.
    fn sample(param: &ParamSpec) -> Value {
        match (param.name, param.kind) {
            ("decision", _) => json!("deny"),
            ("provider", _) => json!("claude"),
            ("confirm", _) => json!("reset"),
            (_, "string") => json!("abcd"),
            (_, "bool") => json!(true),
            (_, "number") => json!(7),
            (_, "object") => json!({"k": "v"}),
            (_, "[string]") => json!(["agent:event"]),
            (name, kind) => panic!("no sample for {name}: {kind}"),
        }
    }

    #[test]
    fn every_row_parses_with_and_without_optional_parameters_and_comes_back() {
        for spec in METHODS {
            for all in [false, true] {
                let params: serde_json::Map<String, Value> = spec
                    .params
                    .iter()
                    .filter(|param| all || param.required)
                    .map(|param| (param.name.to_owned(), sample(param)))
                    .collect();
                let command = Command::parse(spec.name, &Value::Object(params)).unwrap();
                let (method, params) = command.to_request();
                assert_eq!(method, spec.name);
                assert_eq!(Command::parse(&method, &params).unwrap(), command);
                assert_eq!(command.spec().map(|row| row.name), Some(spec.name));
            }
        }
    }

    #[test]
    fn names_are_unique() {
        let mut all: Vec<_> = names().collect();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
    }
}
