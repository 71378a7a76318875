//! magia's settings: settings.json in camelCase. Every key has a default; unknown keys are kept.

mod forwarding;
mod notifications;
pub mod spec;

pub use forwarding::Forwarding;
pub use notifications::{CloseBehavior, NotificationSettings, QuietHours, risk_word};

use crate::ide::IdeServer;
use crate::policy::{is_shell, works_on_files};
use crate::themes::BUILT_IN;
use core::net::{Ipv4Addr, SocketAddr};
use magia_protocol::wire::Provider;
use serde_json::{Map, Value, json};
use std::path::Path;

/// What `permissionPreset` must be.
const PRESET_WANTED: &str = "default, acceptEdits, plan, auto, dontAsk or bypassPermissions";

/// What `themeId` must be.
const THEME_WANTED: &str =
    "the name of a theme: magia, or of a file in ~/.magia/themes without its directory and ending";
/// Longer than any theme's name.
const THEME_NAME_MAX_BYTES: usize = 100;

/// Who is asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Preset {
    /// Every request is shown.
    #[default]
    Default,
    /// Edits of files inside the project are allowed, the rest is shown.
    AcceptEdits,
    /// What only reads is allowed, the rest is denied with the reason.
    Plan,
    /// What the risk table calls low is allowed, the rest is shown.
    Auto,
    /// What no override allows is denied.
    DontAsk,
    /// magia takes no part: the agent's own dialog decides.
    BypassPermissions,
}

impl Preset {
    /// Every preset.
    pub const ALL: &'static [Self] =
        &[Self::Default, Self::AcceptEdits, Self::Plan, Self::Auto, Self::DontAsk, Self::BypassPermissions];

    /// The word in settings.json.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::AcceptEdits => "acceptEdits",
            Self::Plan => "plan",
            Self::Auto => "auto",
            Self::DontAsk => "dontAsk",
            Self::BypassPermissions => "bypassPermissions",
        }
    }

    /// The preset of a word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|preset| preset.as_str() == word)
    }

    /// On a button.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Default => "Ask",
            Self::AcceptEdits => "Accept edits",
            Self::Plan => "Plan",
            Self::Auto => "Auto",
            Self::DontAsk => "Don't ask",
            Self::BypassPermissions => "Bypass",
        }
    }

    /// What it does, for a person.
    pub const fn explained(self) -> &'static str {
        match self {
            Self::Default => "Every request is shown here and in the agent's terminal.",
            Self::AcceptEdits => "Edits of files inside the project are allowed, the rest is shown.",
            Self::Plan => "What only reads is allowed, the rest is denied with the reason.",
            Self::Auto => "What the risk table calls low is allowed, the rest is shown.",
            Self::DontAsk => "What no rule of yours allows is denied.",
            Self::BypassPermissions => "magia takes no part: the agent's own dialog decides.",
        }
    }

    /// Whether it answers some requests, so that switching it on is confirmed.
    pub const fn answers(self) -> bool {
        !matches!(self, Self::Default | Self::BypassPermissions)
    }
}

/// Longer than this no terminal is kept from showing its dialog, in seconds.
pub const CODEX_HOLD_MAX_S: u32 = 20;

/// What `telemetryForward` must be.
const FORWARD_WANTED: &str = "the address of a collector, as http://host:4318, https://host or grpc://host:4317; \
                              empty is none";

/// The port that OTLP over HTTP has been given.
pub const OTEL_PORT: u16 = 4318;

/// Colours.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ThemeMode {
    /// Dark.
    #[default]
    Dark,
    /// Light.
    Light,
    /// As the desktop says.
    System,
}

impl ThemeMode {
    /// Every mode.
    pub const ALL: &'static [Self] = &[Self::Dark, Self::Light, Self::System];

    /// The word in settings.json.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dark => "dark",
            Self::Light => "light",
            Self::System => "system",
        }
    }
}

/// The cursor of a terminal whose program sets none.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum TerminalCursor {
    /// A filled cell.
    Block,
    /// A line before the character.
    #[default]
    Bar,
    /// A line under it.
    Underline,
}

impl TerminalCursor {
    /// Every shape.
    pub const ALL: &'static [Self] = &[Self::Block, Self::Bar, Self::Underline];

    /// The word in settings.json.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Block => "block",
            Self::Bar => "bar",
            Self::Underline => "underline",
        }
    }
}

/// An override for one tool.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ToolPermission {
    /// The tool's name as the agent gives it.
    pub tool: String,
    /// For a shell tool: only commands that begin with these words. Required there for allowing.
    pub command_prefix: Option<String>,
    /// Allow (`true`) or deny (`false`) without asking.
    pub auto_approve: bool,
}

/// Where terminals are shown when a request does not say.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum TerminalChoice {
    /// What the desktop says.
    #[default]
    Usual,
    /// A terminal program by its name, or `builtin`.
    Named(String),
    /// A command of the user's: program and arguments, with `{exe}`, `{id}`, `{nonce}`, `{cwd}`, `{title}` and
    /// `{attach}` (all words of the attach command) in them.
    Template(Vec<String>),
}

impl TerminalChoice {
    fn read(value: &Value) -> Option<Self> {
        match value {
            Value::String(name) if name.trim().is_empty() => Some(Self::Usual),
            Value::String(name) => Some(Self::Named(name.trim().to_owned())),
            Value::Array(words) => {
                let words: Vec<String> =
                    words.iter().map(|word| word.as_str().map(str::to_owned)).collect::<Option<_>>()?;
                let attaches = words.iter().any(|word| word == "{attach}")
                    || (words.iter().any(|word| word.contains("{exe}"))
                        && words.iter().any(|word| word.contains("{id}")));
                let starts = words.first().is_some_and(|program| !program.is_empty());
                (starts && attaches).then_some(Self::Template(words))
            }
            _ => None,
        }
    }

    fn to_json(&self) -> Value {
        match self {
            Self::Usual => json!(""),
            Self::Named(name) => json!(name),
            Self::Template(words) => json!(words),
        }
    }
}

/// The keys that are the policy.
const POLICY: [&str; 3] = ["permissionPreset", "toolPermissions", "workspacePresets"];

/// The settings this version knows.
#[derive(Clone, PartialEq, Debug)]
pub struct Settings {
    /// `permissionPreset`.
    pub preset: Preset,
    /// `toolPermissions`.
    pub tool_permissions: Vec<ToolPermission>,
    /// Whether there is a policy that cannot be read: what it does not deny may still be what somebody forbade.
    pub unread: bool,
    /// `toolPermissions` as it stands in the file, when not all of it can be read.
    pub unread_rules: Option<Value>,
    /// `workspacePresets`: absolute directories and the preset of what works in or below them; the longest wins.
    pub workspace_presets: Vec<(String, Preset)>,
    /// `themeMode`.
    pub theme: ThemeMode,
    /// `themeId`: the built-in theme, or one of the user's.
    pub theme_id: String,
    /// `zoomFactor`: 1 is the desktop's own size.
    pub zoom: f32,
    /// `reducedMotion`: nothing pulses, blinks or slides.
    pub reduced_motion: bool,
    /// `chatFontFamily`: the window's text.
    pub chat_font_family: String,
    /// `chatFontSize`, in points.
    pub chat_font_size: f32,
    /// `editorFontFamily`: code.
    pub editor_font_family: String,
    /// `editorFontSize`, in points.
    pub editor_font_size: f32,
    /// `titleSuggestionsEnabled`: a session without a title is called by its first prompt.
    pub title_suggestions: bool,
    /// `notificationsEnabled`: desktop notifications.
    pub notifications: bool,
    /// How they are to be, and the tray.
    pub notices: NotificationSettings,
    /// `codexHoldSeconds`: how long a permission hook of Codex waits for someone at the window, since Codex shows its
    /// own dialog only afterwards; 0 never waits.
    pub codex_hold_s: u32,
    /// `providerBinaryPaths`.
    pub binaries: Vec<(Provider, String)>,
    /// `retentionDays`: events, outcomes and ended terminals older than this are forgotten.
    pub retention_days: u32,
    /// `retentionMib`: the store's size, above which the oldest events and outcomes are forgotten.
    pub retention_mib: u32,
    /// `terminal`: where terminals are shown when a request does not say.
    pub terminal: TerminalChoice,
    /// `terminalsPerMinute`: terminals that may be asked for within a minute.
    pub terminals_per_minute: u32,
    /// `terminalsMax`: terminals that may live at once.
    pub terminals_max: u32,
    /// `ideServer`: which agents find magia as their editor.
    pub ide_server: IdeServer,
    /// `terminalSocketLink`: whether a link at VibeTunnel's place leads to `terminal.sock`.
    pub terminal_socket_link: bool,
    /// `httpApi`: `PORT` or `ADDRESS:PORT` of the HTTP API; empty is off.
    pub http_api: String,
    /// `httpRoots`: directories whose files the HTTP API lists; `~` is the user's home.
    pub http_roots: Vec<String>,
    /// `otelCollectorPort`: the port of loopback where telemetry is received; 0 is none.
    pub otel_port: u16,
    /// `telemetryKeepPrompts`: whether the texts of prompts that come with telemetry are kept.
    pub telemetry_keep_prompts: bool,
    /// `telemetryForward` and `telemetryForwardHeaders`: a collector of the user's own that gets a copy of all telemetry.
    pub telemetry_forward: Option<Forwarding>,
    /// `terminalFontSize`, in points.
    pub terminal_font_size: f32,
    /// `terminalFontFamily`.
    pub terminal_font_family: String,
    /// `terminalCursorStyle`.
    pub terminal_cursor: TerminalCursor,
    /// `terminalCursorBlink`.
    pub terminal_cursor_blink: bool,
    /// `terminalLineHeight`: 1 is the font's own.
    pub terminal_line_height: f32,
    /// `terminalShell`: an absolute path; none is the user's own shell.
    pub terminal_shell: Option<String>,
    /// The file as it was read: unknown keys are kept in it.
    pub file: Map<String, Value>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            preset: Preset::Default,
            unread: false,
            unread_rules: None,
            tool_permissions: Vec::new(),
            workspace_presets: Vec::new(),
            theme: ThemeMode::Dark,
            theme_id: BUILT_IN.to_owned(),
            zoom: 1.0,
            reduced_motion: false,
            chat_font_family: "Inter".to_owned(),
            chat_font_size: 13.0,
            editor_font_family: "JetBrains Mono".to_owned(),
            editor_font_size: 12.5,
            title_suggestions: true,
            notifications: true,
            notices: NotificationSettings::default(),
            codex_hold_s: CODEX_HOLD_MAX_S,
            binaries: Vec::new(),
            retention_days: 90,
            retention_mib: 512,
            terminal: TerminalChoice::Usual,
            terminals_per_minute: 30,
            terminals_max: 64,
            ide_server: IdeServer::Terminals,
            terminal_socket_link: false,
            http_api: String::new(),
            http_roots: Vec::new(),
            otel_port: OTEL_PORT,
            telemetry_keep_prompts: false,
            telemetry_forward: None,
            terminal_font_size: 13.0,
            terminal_font_family: "JetBrains Mono".to_owned(),
            terminal_cursor: TerminalCursor::Bar,
            terminal_cursor_blink: true,
            terminal_line_height: 1.0,
            terminal_shell: None,
            file: Map::new(),
        }
    }
}

impl Settings {
    /// Reads a settings object. A value that cannot be used is replaced by its default and named in the
    /// sentences that come back; the file's own value is kept in [`Self::file`]. When it is one of the policy's, what is
    /// left of the policy denies and asks, and allows nothing.
    pub fn read(file: Map<String, Value>) -> (Self, Vec<String>) {
        let mut problems = Vec::new();
        let mut settings = Self::default();
        let mut allows_nothing = false;
        for (key, value) in &file {
            let Err(wanted) = settings.set(key, value) else { continue };
            let is_policy = POLICY.contains(&key.as_str());
            allows_nothing |= is_policy;
            let instead = match settings.notices.distrust(key) {
                _ if is_policy => "until then nothing is allowed unasked",
                true => "until then nothing is answered there",
                false => "the default is used",
            };
            problems.push(format!("settings.json: {key} must be {wanted}; {instead}"));
        }
        if allows_nothing {
            settings.allow_nothing();
        }
        settings.file = file;
        (settings, problems)
    }

    /// What of the policy cannot be read may forbid what the rest of it allows: that denies and asks until it is mended.
    pub fn allow_nothing(&mut self) {
        self.unread = true;
        self.notices.tray_up_to = None;
        self.notices.decide_up_to = None;
        let strict = |preset: Preset| if preset == Preset::DontAsk { preset } else { Preset::Default };
        self.preset = strict(self.preset);
        self.workspace_presets.iter_mut().for_each(|(_, preset)| *preset = strict(*preset));
        self.tool_permissions.retain(|rule| !rule.auto_approve);
    }

    /// The preset for what works in `cwd`, and the directory that it is set for; none when it is the usual one.
    /// Directories are compared part by part: `/a/shop` says nothing of `/a/shopping`.
    pub fn preset_for(&self, cwd: &str) -> (Preset, Option<&str>) {
        let cwd = Path::new(cwd);
        let within = self.workspace_presets.iter().filter(|(path, _)| cwd.starts_with(path));
        let longest = within.max_by_key(|(path, _)| Path::new(path).components().count());
        longest.map_or((self.preset, None), |(path, preset)| (*preset, Some(path.as_str())))
    }

    /// Whether how much is kept is what the file says, be it nothing, and not the default for what it must not say.
    pub fn says_retention(&self) -> bool {
        let mut trial = Self::default();
        ["retentionDays", "retentionMib"]
            .iter()
            .all(|key| self.file.get(*key).is_none_or(|value| trial.set(key, value).is_ok()))
    }

    /// Checks a change before it is saved. The error says which key and what it must be.
    pub fn check(change: &Map<String, Value>) -> Result<(), String> {
        let mut trial = Self::default();
        for (key, value) in change {
            if !value.is_null() {
                trial.set(key, value).map_err(|wanted| format!("{key} must be {wanted}"))?;
            }
        }
        Ok(())
    }

    /// The file with the defaults of the missing known keys filled in: what `load_settings` returns.
    pub fn to_json(&self) -> Map<String, Value> {
        let mut all = Map::new();
        all.insert("permissionPreset".into(), json!(self.preset.as_str()));
        let tools: Vec<Value> = self
            .tool_permissions
            .iter()
            .map(|rule| {
                let mut object = Map::new();
                object.insert("toolName".into(), json!(rule.tool));
                if let Some(prefix) = &rule.command_prefix {
                    object.insert("commandPrefix".into(), json!(prefix));
                }
                object.insert("autoApprove".into(), json!(rule.auto_approve));
                Value::Object(object)
            })
            .collect();
        // A list with a rule that cannot be read is given as it is: who changes it and gives it back then loses none.
        let unread = self.unread_rules.clone().unwrap_or(Value::Array(tools));
        all.insert("toolPermissions".into(), unread);
        let workspaces: Map<String, Value> = self
            .workspace_presets
            .iter()
            .map(|(path, preset)| (path.clone(), json!(preset.as_str())))
            .collect();
        all.insert("workspacePresets".into(), Value::Object(workspaces));
        all.insert("themeMode".into(), json!(self.theme.as_str()));
        all.insert("themeId".into(), json!(self.theme_id));
        all.insert("zoomFactor".into(), decimal(self.zoom));
        all.insert("reducedMotion".into(), json!(self.reduced_motion));
        all.insert("chatFontFamily".into(), json!(self.chat_font_family));
        all.insert("chatFontSize".into(), decimal(self.chat_font_size));
        all.insert("editorFontFamily".into(), json!(self.editor_font_family));
        all.insert("editorFontSize".into(), decimal(self.editor_font_size));
        all.insert("titleSuggestionsEnabled".into(), json!(self.title_suggestions));
        all.insert("notificationsEnabled".into(), json!(self.notifications));
        self.notices.write(&mut all);
        all.insert("codexHoldSeconds".into(), json!(self.codex_hold_s));
        let binaries: Map<String, Value> = self
            .binaries
            .iter()
            .map(|(provider, path)| (provider.as_str().to_owned(), json!(path)))
            .collect();
        all.insert("providerBinaryPaths".into(), Value::Object(binaries));
        all.insert("retentionDays".into(), json!(self.retention_days));
        all.insert("retentionMib".into(), json!(self.retention_mib));
        all.insert("terminal".into(), self.terminal.to_json());
        all.insert("terminalsPerMinute".into(), json!(self.terminals_per_minute));
        all.insert("terminalsMax".into(), json!(self.terminals_max));
        all.insert("ideServer".into(), json!(self.ide_server.as_str()));
        all.insert("terminalSocketLink".into(), json!(self.terminal_socket_link));
        all.insert("httpApi".into(), json!(self.http_api));
        all.insert("httpRoots".into(), json!(self.http_roots));
        all.insert("otelCollectorPort".into(), json!(self.otel_port));
        all.insert("telemetryKeepPrompts".into(), json!(self.telemetry_keep_prompts));
        let forward = self.telemetry_forward.clone().unwrap_or_default();
        all.insert("telemetryForward".into(), json!(forward.url));
        let headers: Map<String, Value> =
            forward.headers.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
        all.insert("telemetryForwardHeaders".into(), Value::Object(headers));
        all.insert("terminalFontSize".into(), decimal(self.terminal_font_size));
        all.insert("terminalFontFamily".into(), json!(self.terminal_font_family));
        all.insert("terminalCursorStyle".into(), json!(self.terminal_cursor.as_str()));
        all.insert("terminalCursorBlink".into(), json!(self.terminal_cursor_blink));
        all.insert("terminalLineHeight".into(), decimal(self.terminal_line_height));
        all.insert("terminalShell".into(), json!(self.terminal_shell));
        for (key, value) in &self.file {
            if spec::find(key).is_none() {
                all.insert(key.clone(), value.clone());
            }
        }
        all
    }

    /// Sets a known key; unknown ones pass. The error says what the value must be.
    fn set(&mut self, key: &str, value: &Value) -> Result<(), &'static str> {
        match key {
            "permissionPreset" => {
                self.preset = value.as_str().and_then(Preset::from_word).ok_or(PRESET_WANTED)?;
            }
            "workspacePresets" => {
                let wanted = "an object of absolute directories and presets";
                let mut presets = Vec::new();
                // A null takes a directory out, in a change.
                for (path, preset) in value.as_object().ok_or(wanted)?.iter().filter(|(_, it)| !it.is_null())
                {
                    let preset = preset.as_str().and_then(Preset::from_word).ok_or(wanted)?;
                    let plain =
                        path.starts_with('/') && !path.split('/').any(|part| matches!(part, "." | ".."));
                    presets.push((plain.then(|| path.clone()).ok_or(wanted)?, preset));
                }
                self.workspace_presets = presets;
            }
            "themeMode" => {
                self.theme =
                    word(value, ThemeMode::ALL, |mode| mode.as_str()).ok_or("dark, light or system")?;
            }
            "themeId" => self.theme_id = theme_name(value).ok_or(THEME_WANTED)?,
            "zoomFactor" => self.zoom = between(value, 0.5, 3.0).ok_or("a number from 0.5 to 3")?,
            "reducedMotion" => self.reduced_motion = value.as_bool().ok_or("true or false")?,
            "chatFontFamily" => self.chat_font_family = name(value).ok_or("the name of a font")?,
            "chatFontSize" => {
                self.chat_font_size = between(value, 11.0, 18.0).ok_or("a number from 11 to 18")?;
            }
            "editorFontFamily" => self.editor_font_family = name(value).ok_or("the name of a font")?,
            "editorFontSize" => {
                self.editor_font_size = between(value, 10.0, 18.0).ok_or("a number from 10 to 18")?;
            }
            "titleSuggestionsEnabled" => {
                self.title_suggestions = value.as_bool().ok_or("true or false")?;
            }
            "notificationsEnabled" => self.notifications = value.as_bool().ok_or("true or false")?,
            "codexHoldSeconds" => {
                self.codex_hold_s = number(value, 0, CODEX_HOLD_MAX_S).ok_or("a number from 0 to 20")?
            }
            "retentionDays" => {
                self.retention_days = number(value, 1, 3_650).ok_or("a number from 1 to 3650")?
            }
            "retentionMib" => {
                self.retention_mib = number(value, 16, 1 << 20).ok_or("a number from 16 to 1048576")?
            }
            "terminal" => {
                self.terminal = TerminalChoice::read(value).ok_or(
                    "a terminal's name, builtin, or a list of words with {attach}, or {exe} and {id}",
                )?;
            }
            "terminalsPerMinute" => {
                self.terminals_per_minute = number(value, 1, 600).ok_or("a number from 1 to 600")?
            }
            "terminalsMax" => {
                self.terminals_max = number(value, 1, 1_000).ok_or("a number from 1 to 1000")?
            }
            "ideServer" => {
                let mut known = IdeServer::ALL.iter().copied();
                self.ide_server = known
                    .find(|choice| Some(choice.as_str()) == value.as_str())
                    .ok_or("off, terminals or always")?;
            }
            "terminalSocketLink" => self.terminal_socket_link = value.as_bool().ok_or("true or false")?,
            "httpApi" => {
                let wanted =
                    "a port, or an address of this machine and a port as 127.0.0.1:4020; empty is off";
                let typed = match value {
                    Value::String(typed) => typed.clone(),
                    // A port by itself, as the command line reads it.
                    Value::Number(port) => port.to_string(),
                    _ => return Err(wanted),
                };
                if !typed.is_empty() {
                    http_address(&typed).ok_or(wanted)?;
                }
                self.http_api = typed;
            }
            "httpRoots" => {
                let wanted = "a list of absolute directories; ~ is your home";
                let absolute = |path: &&str| path.starts_with('/') || *path == "~" || path.starts_with("~/");
                let roots = value.as_array().ok_or(wanted)?.iter();
                let roots = roots.map(|root| root.as_str().filter(absolute).map(str::to_owned));
                self.http_roots = roots.collect::<Option<_>>().ok_or(wanted)?;
            }
            "otelCollectorPort" => {
                let port = number(value, 0, 65_535).and_then(|port| u16::try_from(port).ok());
                let usable = port.filter(|port| *port == 0 || *port >= 1_024);
                self.otel_port = usable.ok_or("a port from 1024 to 65535, or 0 for none")?;
            }
            "telemetryKeepPrompts" => self.telemetry_keep_prompts = value.as_bool().ok_or("true or false")?,
            "telemetryForward" => {
                let url = value.as_str().ok_or(FORWARD_WANTED)?.trim();
                let headers = self.telemetry_forward.take().map(|known| known.headers).unwrap_or_default();
                let forward = Forwarding { url: url.to_owned(), headers };
                if !url.is_empty() && !forward.is_usable() {
                    return Err(FORWARD_WANTED);
                }
                self.telemetry_forward = (!url.is_empty() || !forward.headers.is_empty()).then_some(forward);
            }
            "telemetryForwardHeaders" => {
                let wanted = "an object of header names and texts";
                let headers = value.as_object().ok_or(wanted)?.iter().filter(|(_, value)| !value.is_null());
                let header = |(name, value): (&String, &Value)| {
                    let value = value.as_str()?;
                    let plain = |text: &str| text.bytes().all(|byte| (0x20..0x7f).contains(&byte));
                    (!name.is_empty() && !name.contains([' ', ':']) && plain(name) && plain(value))
                        .then(|| (name.clone(), value.to_owned()))
                };
                let headers: Vec<(String, String)> =
                    headers.map(header).collect::<Option<_>>().ok_or(wanted)?;
                let url = self.telemetry_forward.take().map(|known| known.url).unwrap_or_default();
                self.telemetry_forward =
                    (!url.is_empty() || !headers.is_empty()).then_some(Forwarding { url, headers });
            }
            "terminalFontSize" => {
                self.terminal_font_size = between(value, 6.0, 48.0).ok_or("a number from 6 to 48")?;
            }
            "terminalFontFamily" => {
                self.terminal_font_family = name(value).ok_or("the name of a font")?;
            }
            "terminalCursorStyle" => {
                self.terminal_cursor = word(value, TerminalCursor::ALL, |shape| shape.as_str())
                    .ok_or("block, bar or underline")?;
            }
            "terminalCursorBlink" => {
                self.terminal_cursor_blink = value.as_bool().ok_or("true or false")?;
            }
            "terminalLineHeight" => {
                self.terminal_line_height = between(value, 0.8, 2.5).ok_or("a number from 0.8 to 2.5")?;
            }
            "terminalShell" => {
                // An empty text resets it, as in the settings' page.
                let wanted = "an absolute path or null";
                self.terminal_shell = match value {
                    Value::Null => None,
                    Value::String(path) if path.is_empty() => None,
                    Value::String(path) if path.starts_with('/') => Some(path.clone()),
                    _ => return Err(wanted),
                };
            }
            "providerBinaryPaths" => {
                let wanted = "an object of claude, codex, gemini and absolute paths";
                let mut binaries = Vec::new();
                for (name, path) in value.as_object().ok_or(wanted)? {
                    let provider = Provider::from_word(name).ok_or(wanted)?;
                    let path = path.as_str().filter(|path| path.starts_with('/')).ok_or(wanted)?;
                    binaries.push((provider, path.to_owned()));
                }
                self.binaries = binaries;
            }
            "toolPermissions" => {
                let wanted = "a list of {toolName, autoApprove, commandPrefix?}; \
                              allowing a shell tool needs a commandPrefix, which a tool for files cannot have";
                let rules = value.as_array().map(Vec::as_slice).unwrap_or_default();
                self.tool_permissions = rules.iter().filter_map(tool_permission).collect();
                if !value.is_array() || self.tool_permissions.len() < rules.len() {
                    self.unread_rules = Some(value.clone());
                    return Err(wanted);
                }
            }
            other => self.notices.set(other, value)?,
        }
        Ok(())
    }
}

/// Where the HTTP API listens: `PORT`, or a loopback address and a port. Any other address is refused: the token would
/// cross a network in the clear.
pub fn http_address(typed: &str) -> Option<SocketAddr> {
    let typed = typed.trim();
    if let Ok(port) = typed.parse::<u16>() {
        return Some(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    }
    let address =
        typed.strip_prefix("localhost:").map_or(typed.to_owned(), |port| format!("127.0.0.1:{port}"));
    address.parse::<SocketAddr>().ok().filter(|address| address.ip().is_loopback())
}

fn tool_permission(value: &Value) -> Option<ToolPermission> {
    let tool = value.get("toolName")?.as_str().filter(|tool| !tool.is_empty())?.to_owned();
    let auto_approve = value.get("autoApprove")?.as_bool()?;
    let command_prefix = match value.get("commandPrefix") {
        None | Some(Value::Null) => None,
        Some(prefix) => Some(prefix.as_str().filter(|prefix| !prefix.trim().is_empty())?.to_owned()),
    };
    // Such a rule would fit nothing, and who wrote it believes that it does.
    let fits_nothing = command_prefix.is_some() && works_on_files(&tool);
    let is_any_command = is_shell(&tool) && auto_approve && command_prefix.is_none();
    (!fits_nothing && !is_any_command).then_some(ToolPermission { tool, command_prefix, auto_approve })
}

fn word<T: Copy>(value: &Value, all: &[T], as_str: impl Fn(T) -> &'static str) -> Option<T> {
    let typed = value.as_str()?;
    all.iter().copied().find(|one| as_str(*one) == typed)
}

fn name(value: &Value) -> Option<String> {
    value.as_str().map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned)
}

/// A theme may be made later, but its name is that of a file in one directory.
fn theme_name(value: &Value) -> Option<String> {
    let plain = |name: &String| {
        name.len() <= THEME_NAME_MAX_BYTES && !name.starts_with('.') && !name.contains(['/', '\\', '\0'])
    };
    name(value).filter(plain)
}

fn number(value: &Value, least: u32, most: u32) -> Option<u32> {
    let number = u32::try_from(value.as_u64()?).ok()?;
    (least..=most).contains(&number).then_some(number)
}

fn between(value: &Value, least: f64, most: f64) -> Option<f32> {
    let number = value.as_f64()?;
    (least..=most).contains(&number).then_some(number as f32)
}

/// A number as a person wrote it: 1.2, not the nearest f32's 1.2000000476837158.
fn decimal(number: f32) -> Value {
    let rounded = (f64::from(number) * 1_000.0).round() / 1_000.0;
    if rounded.fract() == 0.0 { json!(rounded as i64) } else { json!(rounded) }
}

#[cfg(test)]
mod tests;
