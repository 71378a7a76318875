//! `diagnostics`: what a bug report needs, as one text to look through before it is sent.
//!
//! A text and not an archive, so that whoever sends it can read all of it first. Requests, prompts, payloads, session
//! titles and the settings' directories are not in it; keys and the home directory are taken out of what is.

use super::status::checks;
use crate::client::{self, Client};
use crate::failure::{Exit, Failure, is_not_running, is_shut_out, say};
use crate::output::Out;
use anyhow::{Context as _, Result};
use clap::Args;
use magia_protocol::paths::state_dir;
use magia_protocol::wire::command::NoParams;
use magia_protocol::wire::info::{CheckInfo, StatusInfo};
use magia_protocol::wire::redact::redact;
use magia_protocol::wire::{Command, WIRE_VERSION};
use serde_json::{Map, Value, json};
use std::fmt::Write as _;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

/// Lines of the log that are told, the newest.
const LOG_LINES: usize = 400;

/// Settings whose text is told: a name or a time. Any other text may be a path, a command, an address or a key.
const TOLD: [&str; 5] =
    ["themeId", "chatFontFamily", "editorFontFamily", "terminalFontFamily", "notificationQuietHours"];

/// Variables that say how the desktop is.
const ENVIRONMENT: [&str; 5] = ["XDG_CURRENT_DESKTOP", "XDG_SESSION_TYPE", "LANG", "TERM", "COLORTERM"];

/// `diagnostics`.
#[derive(Debug, Args)]
pub struct Diagnostics {
    /// Write it into this file, which must not be there yet; without it, it is printed.
    #[arg(value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub file: Option<PathBuf>,
}

/// `magia diagnostics`.
pub fn run(diagnostics: &Diagnostics, out: &mut Out) -> Result<Exit> {
    let bundle = collect()?;
    let Some(path) = &diagnostics.file else {
        if out.is_json() {
            out.json_of(&bundle)?;
        } else {
            out.text(text_of(&bundle).trim_end())?;
        }
        return Ok(Exit::Done);
    };
    let mut options = std::fs::OpenOptions::new();
    let mut file =
        options.write(true).create_new(true).mode(0o600).open(path).map_err(|err| Failure::Advised {
            message: format!("cannot write {}: {err}", path.display()),
            hint: "name a file that is not there yet".to_owned(),
        })?;
    file.write_all(text_of(&bundle).as_bytes())
        .with_context(|| format!("cannot write {}", path.display()))?;
    if out.is_json() {
        out.json_of(&json!({ "file": path }))?;
    } else {
        out.text(&format!("written: {}", path.display()))?;
        say("look through it before you send it: it is plain text");
    }
    Ok(Exit::Done)
}

fn collect() -> Result<Value> {
    let home = std::env::var("HOME").ok();
    let clean = |text: &str| redact(text, home.as_deref()).into_owned();
    let running: Option<StatusInfo> = match Client::connect() {
        Ok(mut client) => Some(client::read(&client.ask(&Command::Status(NoParams {}))?)?),
        Err(err) if is_not_running(&err) || is_shut_out(&err) => None,
        Err(err) => return Err(err),
    };
    let (found, _) = checks()?;
    // The id of an agent's daemon has its directory in it.
    let check = |check: &CheckInfo| json!({ "id": clean(&check.id), "status": check.status, "detail": clean(&check.detail) });
    let app = running.as_ref().map(|app| {
        json!({
            "version": app.version,
            "headless": app.headless,
            "uptime_s": app.uptime_s,
            "sessions": app.sessions,
            "requests": app.requests,
            "problems": app.problems.iter().map(|problem| clean(problem)).collect::<Vec<_>>(),
        })
    });
    Ok(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "wire": WIRE_VERSION,
        "app": app,
        "system": system(),
        "checks": found.iter().map(check).collect::<Vec<_>>(),
        "settings": settings().unwrap_or_default(),
        "log": log_lines().iter().map(|line| clean(line)).collect::<Vec<_>>(),
    }))
}

/// The system, as far as it matters here: no host name, no user name.
fn system() -> Map<String, Value> {
    let mut system = Map::new();
    let release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    let name = release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    system.insert("os".into(), json!(name.map_or(std::env::consts::OS, |name| name.trim_matches('"'))));
    system.insert("kernel".into(), json!(kernel.trim()));
    system.insert("arch".into(), json!(std::env::consts::ARCH));
    for name in ENVIRONMENT {
        system.insert(name.into(), json!(std::env::var(name).ok()));
    }
    system
}

fn settings() -> Result<Map<String, Value>> {
    let mut settings: Map<String, Value> = client::fetch(&Command::LoadSettings(NoParams {}))?;
    let schema: Value = client::fetch(&Command::SettingsSchema(NoParams {}))?;
    for (key, value) in &mut settings {
        let spec = schema.get("properties").and_then(|known| known.get(key.as_str()));
        *value = told(key, value, spec);
    }
    Ok(settings)
}

/// What is told of a setting. Switches, numbers and words of a fixed choice are told as they are; of lists and objects how
/// much is in them; of all else, and of keys that this version does not know, that they are set.
fn told(key: &str, value: &Value, spec: Option<&Value>) -> Value {
    let Some(spec) = spec else { return json!("set") };
    match value {
        Value::Array(items) => json!(format!("{} entries", items.len())),
        Value::Object(fields) => json!(format!("{} entries", fields.len())),
        Value::String(text) => {
            let plain = text.is_empty()
                || TOLD.contains(&key)
                || spec.get("enum").is_some()
                || spec.get("default") == Some(value);
            if plain { value.clone() } else { json!("set") }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

fn log_lines() -> Vec<String> {
    let log = state_dir().ok().and_then(|dir| std::fs::read(dir.join("logs/magia.log")).ok());
    let text = String::from_utf8_lossy(log.as_deref().unwrap_or_default()).into_owned();
    let lines: Vec<&str> = text.lines().collect();
    lines.iter().skip(lines.len().saturating_sub(LOG_LINES)).map(|line| (*line).to_owned()).collect()
}

fn text_of(bundle: &Value) -> String {
    let mut text = String::from("magia diagnostics. Look through it before you send it.\n");
    let pretty = |value: &Value| serde_json::to_string_pretty(value).unwrap_or_default();
    for (title, key) in [("App", "app"), ("System", "system"), ("Settings", "settings")] {
        let value = bundle.get(key).unwrap_or(&Value::Null);
        let shown = if value.is_null() { "not running".to_owned() } else { pretty(value) };
        let _infallible = write!(text, "\n## {title}\n{shown}\n");
    }
    text.push_str("\n## Checks\n");
    let rows = bundle.get("checks").and_then(Value::as_array).into_iter().flatten();
    for row in rows {
        let word = |key: &str| row.get(key).and_then(Value::as_str).unwrap_or_default();
        let _infallible = writeln!(text, "{:<5} {:<24} {}", word("status"), word("id"), word("detail"));
    }
    text.push_str("\n## Log\n");
    for line in bundle.get("log").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
        text.push_str(line);
        text.push('\n');
    }
    text
}
