//! The table of settings: what each key is called, what it may hold, and where it stands on the page. The schema, the
//! palette, "did you mean" and the settings page read it.

use super::Settings;
use serde_json::{Map, Value, json};

/// A group of the settings page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Section {
    /// How the window looks.
    Window,
    /// Who is asked, and who answers.
    Requests,
    /// What is told of on the desktop, and the tray.
    Notifications,
    /// Terminals.
    Terminals,
    /// The agents' programs.
    Agents,
    /// What is kept.
    Data,
    /// The HTTP API.
    Api,
}

impl Section {
    /// Every section, in the order of the page.
    pub const ALL: &'static [Self] = &[
        Self::Window,
        Self::Requests,
        Self::Notifications,
        Self::Terminals,
        Self::Agents,
        Self::Data,
        Self::Api,
    ];

    /// Its heading.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Window => "Window",
            Self::Requests => "Requests",
            Self::Notifications => "Notifications",
            Self::Terminals => "Terminals",
            Self::Agents => "Agents",
            Self::Data => "Data",
            Self::Api => "HTTP API",
        }
    }
}

/// What a key may hold.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Holds {
    /// `true` or `false`.
    Switch,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A whole number from the first to the second.
    Whole(u32, u32),
    /// A number from the first to the second.
    Decimal(f64, f64),
    /// Text.
    Text,
    /// An absolute path, or null.
    Path,
    /// What a JSON schema says; there is no field for it on the page.
    Schema(&'static str),
}

/// A row of the table.
#[derive(Debug)]
pub struct Spec {
    /// The key in settings.json.
    pub key: &'static str,
    /// Where it stands.
    pub section: Section,
    /// Its name for a person.
    pub label: &'static str,
    /// One or two sentences.
    pub about: &'static str,
    /// What it may hold.
    pub holds: Holds,
}

const fn spec(
    key: &'static str,
    section: Section,
    label: &'static str,
    holds: Holds,
    about: &'static str,
) -> Spec {
    Spec { key, section, label, about, holds }
}

use Holds::{Choice, Decimal, Path, Schema, Switch, Text, Whole};
use Section::{Agents, Api, Data, Notifications, Requests, Terminals, Window};

const RISKS: &[&str] = &["none", "low", "medium", "high"];
const PRESETS: &[&str] = &["default", "acceptEdits", "plan", "auto", "dontAsk", "bypassPermissions"];

/// Every key this version knows, in the order of the page.
pub static SPECS: &[Spec] = &[
    spec(
        "themeMode",
        Window,
        "Theme",
        Choice(&["dark", "light", "system"]),
        "Dark, light, or as the desktop.",
    ),
    spec("themeId", Window, "Colours", Text, "magia, or the name of a file in ~/.magia/themes."),
    spec(
        "zoomFactor",
        Window,
        "Zoom",
        Decimal(0.5, 3.0),
        "Of the whole window; Ctrl+Plus and Ctrl+Minus change it.",
    ),
    spec("reducedMotion", Window, "Reduced motion", Switch, "Nothing pulses, blinks or slides."),
    spec("chatFontFamily", Window, "Text font", Text, "Inter is built in; else a font of the system."),
    spec("chatFontSize", Window, "Text size", Decimal(11.0, 18.0), "In points."),
    spec(
        "editorFontFamily",
        Window,
        "Code font",
        Text,
        "JetBrains Mono is built in; else a font of the system.",
    ),
    spec("editorFontSize", Window, "Code size", Decimal(10.0, 18.0), "In points."),
    spec(
        "titleSuggestionsEnabled",
        Window,
        "Suggested titles",
        Switch,
        "Call a session by its first prompt until it has a title.",
    ),
    spec(
        "notificationsEnabled",
        Window,
        "Notifications",
        Switch,
        "Tell the desktop when something needs you.",
    ),
    spec(
        "permissionPreset",
        Requests,
        "Requests",
        Choice(PRESETS),
        "Who is asked when an agent wants to do something.",
    ),
    spec(
        "toolPermissions",
        Requests,
        "Rules for tools",
        Schema(
            r#"{"type":"array","items":{"type":"object","required":["toolName","autoApprove"],"properties":{"toolName":{"type":"string"},"autoApprove":{"type":"boolean"},"commandPrefix":{"type":"string"}}}}"#,
        ),
        "Tools that are allowed or denied without asking. Allowing a shell tool needs the beginning of its command.",
    ),
    spec(
        "workspacePresets",
        Requests,
        "Requests by directory",
        Schema(
            r#"{"type":"object","additionalProperties":{"enum":["default","acceptEdits","plan","auto","dontAsk","bypassPermissions"]}}"#,
        ),
        "A preset for what works in or below a directory; the longest wins.",
    ),
    spec(
        "codexHoldSeconds",
        Requests,
        "Codex waits",
        Whole(0, super::CODEX_HOLD_MAX_S),
        "Seconds that a request of Codex waits for you here; its own dialog comes only afterwards. 0 never waits.",
    ),
    spec(
        "notificationTypes",
        Notifications,
        "Kinds",
        Schema(r#"{"type":"array","items":{"enum":["attention","error","completed","info"]}}"#),
        "The kinds that are told of: attention, error, completed, info.",
    ),
    spec("notificationSound", Notifications, "Sound", Switch, "Let the desktop play its sound."),
    spec(
        "notificationQuietHours",
        Notifications,
        "Quiet hours",
        Text,
        "As 22:00-07:00, when nothing is told of; empty is never.",
    ),
    spec(
        "notificationMuted",
        Notifications,
        "Muted",
        Schema(r#"{"type":"array","items":{"type":"string"}}"#),
        "Directories of which nothing is told.",
    ),
    spec(
        "notificationRisk",
        Notifications,
        "Buttons up to",
        Choice(RISKS),
        "Requests up to this risk have Allow and Deny on their notification.",
    ),
    spec(
        "notificationCommand",
        Notifications,
        "Command",
        Schema(r#"{"type":"array","items":{"type":"string"}}"#),
        "A program and its arguments, run for each notification; {title} and {body} are filled in.",
    ),
    spec(
        "notificationWebhook",
        Notifications,
        "Webhook",
        Text,
        "An http or https address that gets each notification as JSON; empty is none.",
    ),
    spec(
        "notificationNtfy",
        Notifications,
        "ntfy",
        Text,
        "A topic's address on an ntfy server; empty is none.",
    ),
    spec(
        "trayRisk",
        Notifications,
        "Tray answers up to",
        Choice(RISKS),
        "Requests up to this risk have Allow and Deny in the tray's menu.",
    ),
    spec(
        "closeBehavior",
        Notifications,
        "Closing the window",
        Choice(&["minimize_to_tray", "quit"]),
        "Leaves magia in the tray, or ends it.",
    ),
    spec(
        "trayHintShown",
        Notifications,
        "Tray explained",
        Switch,
        "Whether it was said once that a closed window stays in the tray.",
    ),
    spec(
        "terminalFontFamily",
        Terminals,
        "Font",
        Text,
        "JetBrains Mono is built in; else a font of the system.",
    ),
    spec("terminalFontSize", Terminals, "Font size", Decimal(6.0, 48.0), "In points."),
    spec("terminalLineHeight", Terminals, "Line height", Decimal(0.8, 2.5), "1 is the font's own."),
    spec(
        "terminalCursorStyle",
        Terminals,
        "Cursor",
        Choice(&["block", "bar", "underline"]),
        "Of programs that set none.",
    ),
    spec(
        "terminalCursorBlink",
        Terminals,
        "Blinking cursor",
        Switch,
        "For 15 seconds after the last change.",
    ),
    spec("terminalShell", Terminals, "Shell", Path, "What a new terminal runs; without one, your own shell."),
    spec(
        "terminal",
        Terminals,
        "Terminal program",
        Schema(r#"{"type":["string","array"],"items":{"type":"string"}}"#),
        "Where terminals are shown when a request does not say: a program's name, builtin, or a command with {attach}.",
    ),
    spec(
        "terminalsPerMinute",
        Terminals,
        "Terminals per minute",
        Whole(1, 600),
        "That other programs may ask for.",
    ),
    spec("terminalsMax", Terminals, "Terminals at once", Whole(1, 1_000), "That may live at the same time."),
    spec(
        "terminalSocketLink",
        Terminals,
        "VibeTunnel's place",
        Switch,
        "Let programs that look for VibeTunnel's socket find this one.",
    ),
    spec(
        "ideServer",
        Agents,
        "As an editor",
        Choice(&["off", "terminals", "always"]),
        "Whether agents find magia as their editor and show their edits here: never, those in magia's terminals, or all \
         (a lock file is in ~/.claude/ide then).",
    ),
    spec(
        "providerBinaryPaths",
        Agents,
        "Programs of agents",
        Schema(
            r#"{"type":"object","properties":{"claude":{"type":"string"},"codex":{"type":"string"},"gemini":{"type":"string"}},"additionalProperties":false}"#,
        ),
        "Absolute paths, for agents that are not found by themselves.",
    ),
    spec(
        "retentionDays",
        Data,
        "Keep events for days",
        Whole(1, 3_650),
        "Events, outcomes and ended terminals older than this are forgotten.",
    ),
    spec(
        "retentionMib",
        Data,
        "Most MiB of events",
        Whole(16, 1 << 20),
        "Above this size the oldest events and outcomes are forgotten.",
    ),
    spec(
        "httpApi",
        Api,
        "Address",
        Text,
        "A port, or an address of this machine and a port as 127.0.0.1:4020; empty is off.",
    ),
    spec(
        "httpRoots",
        Api,
        "Directories",
        Schema(r#"{"type":"array","items":{"type":"string"}}"#),
        "Whose files the HTTP API lists; ~ is your home.",
    ),
    spec(
        "otelCollectorPort",
        Api,
        "Telemetry port",
        Whole(0, 65_535),
        "Of this machine, where agents may send their telemetry: 1024 or above; 0 is off.",
    ),
    spec(
        "telemetryKeepPrompts",
        Data,
        "Prompts from telemetry",
        Switch,
        "Keep the texts of prompts that come with an agent's telemetry.",
    ),
    spec(
        "telemetryForward",
        Api,
        "Telemetry goes on to",
        Text,
        "A collector of yours that gets a copy, as http://127.0.0.1:4319 or grpc://127.0.0.1:4317; empty is none.",
    ),
    spec(
        "telemetryForwardHeaders",
        Api,
        "Headers for it",
        Schema(r#"{"type":"object","additionalProperties":{"type":"string"}}"#),
        "What your collector wants to see with each copy, as a key.",
    ),
];

/// The row of a key.
pub fn find(key: &str) -> Option<&'static Spec> {
    SPECS.iter().find(|spec| spec.key == key)
}

/// A JSON schema of settings.json. Other keys than these are kept, so they are allowed.
pub fn schema() -> Value {
    let defaults = Settings::default().to_json();
    let mut properties = Map::new();
    for spec in SPECS {
        let mut property = match spec.holds {
            Switch => json!({"type": "boolean"}),
            Choice(words) => json!({"enum": words}),
            Whole(least, most) => json!({"type": "integer", "minimum": least, "maximum": most}),
            Decimal(least, most) => json!({"type": "number", "minimum": least, "maximum": most}),
            Text => json!({"type": "string"}),
            Path => json!({"type": ["string", "null"], "pattern": "^(/.*)?$"}),
            Schema(text) => serde_json::from_str(text).unwrap_or_default(),
        };
        if let Value::Object(property) = &mut property {
            property.insert("title".into(), json!(spec.label));
            property.insert("description".into(), json!(spec.about));
            property.insert("default".into(), defaults.get(spec.key).cloned().unwrap_or_default());
        }
        properties.insert(spec.key.to_owned(), property);
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "magia's settings.json",
        "type": "object",
        "properties": properties,
        "additionalProperties": true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(key: &str, value: Value) -> Result<(), String> {
        let mut change = Map::new();
        change.insert(key.to_owned(), value);
        Settings::check(&change)
    }

    /// The table and the reader say the same: what a row allows at its edges is taken, what is beyond is not.
    #[test]
    fn rows_and_reader_agree() {
        let defaults = Settings::default().to_json();
        for spec in SPECS {
            let key = spec.key;
            let default = defaults.get(key).unwrap_or_else(|| panic!("{key} is in the table only")).clone();
            assert_eq!(set(key, default), Ok(()), "{key}: its default");
            let (good, bad): (Vec<Value>, Vec<Value>) = match spec.holds {
                Switch => (vec![json!(true), json!(false)], vec![json!("yes"), json!(1)]),
                Choice(words) => {
                    (words.iter().map(|word| json!(word)).collect(), vec![json!("pink"), json!(1)])
                }
                Whole(least, most) => {
                    let below = least.checked_sub(1).map(|number| json!(number));
                    let bad = below.into_iter().chain([json!(most + 1), json!("many"), json!(1.5)]);
                    (vec![json!(least), json!(most)], bad.collect())
                }
                Decimal(least, most) => (
                    vec![json!(least), json!(most)],
                    vec![json!(least - 0.01), json!(most + 0.01), json!("big")],
                ),
                Text => (Vec::new(), vec![json!(true), json!({})]),
                Path => (vec![json!("/bin/sh"), json!("")], vec![json!("sh"), json!(1)]),
                Schema(text) => {
                    assert!(serde_json::from_str::<Value>(text).is_ok(), "{key}: {text}");
                    (Vec::new(), vec![json!(true)])
                }
            };
            for value in good {
                assert_eq!(set(key, value.clone()), Ok(()), "{key}: {value}");
            }
            for value in bad {
                assert!(set(key, value.clone()).is_err(), "{key}: {value}");
            }
            assert!(spec.about.ends_with('.') && !spec.label.ends_with('.'), "{key}");
        }
        for key in defaults.keys() {
            assert!(find(key).is_some(), "{key} is not in the table");
        }
    }

    #[test]
    fn the_schema_names_every_key_with_its_default() {
        let schema = schema();
        let properties = schema["properties"].as_object().unwrap();
        assert_eq!(properties.len(), SPECS.len());
        assert_eq!(properties["themeMode"]["default"], json!("dark"));
        assert_eq!(properties["retentionDays"]["maximum"], json!(3_650));
        assert_eq!(properties["terminalShell"]["type"], json!(["string", "null"]));
    }
}
