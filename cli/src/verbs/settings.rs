//! `settings get`, `set`, `unset`, `schema`: work with and without the app.

use crate::client;
use crate::failure::{Exit, Failure, say};
use crate::output::Out;
use anyhow::Result;
use clap::{Args, Subcommand};
use magia_protocol::wire::Command;
use magia_protocol::wire::command::{NoParams, SaveSettings};
use magia_protocol::wire::nearest::nearest;
use serde_json::{Map, Value};

/// `settings`.
#[derive(Debug, Args)]
pub struct Settings {
    /// What to do.
    #[command(subcommand)]
    pub verb: SettingsVerb,
}

/// What to do with the settings.
#[derive(Debug, Subcommand)]
pub enum SettingsVerb {
    /// Print all settings, or one.
    #[command(after_long_help = "Examples:\n  magia settings get\n  \
                                 magia settings get providerBinaryPaths.claude")]
    Get {
        /// A key; dots lead into objects.
        #[arg(add = crate::complete::settings())]
        key: Option<String>,
    },
    /// Change one setting.
    #[command(after_long_help = "Examples:\n  magia settings set themeMode light\n  \
                                 magia settings set notificationsEnabled false")]
    Set {
        /// A key; dots lead into objects.
        #[arg(add = crate::complete::settings())]
        key: String,
        /// JSON, or else plain text.
        #[arg(allow_hyphen_values = true)]
        value: String,
        /// Also when this version of magia does not know the key.
        #[arg(long)]
        force: bool,
    },
    /// Print a JSON schema of settings.json, for editors.
    #[command(after_long_help = "Example:\n  magia settings schema")]
    Schema,
    /// Remove one setting, so that its default holds again.
    #[command(after_long_help = "Example:\n  magia settings unset themeMode")]
    Unset {
        /// A key; dots lead into objects.
        #[arg(add = crate::complete::settings())]
        key: String,
    },
}

/// `magia settings`.
pub fn run(settings: Settings, out: &mut Out) -> Result<Exit> {
    match settings.verb {
        SettingsVerb::Get { key: None } => {
            let reply = client::ask(&Command::LoadSettings(NoParams {}))?;
            if out.is_json() {
                out.json(reply.get())?;
            } else {
                out.pretty_json(reply.get())?;
            }
            Ok(Exit::Done)
        }
        SettingsVerb::Schema => {
            let reply = client::ask(&Command::SettingsSchema(NoParams {}))?;
            if out.is_json() {
                out.json(reply.get())?;
            } else {
                out.pretty_json(reply.get())?;
            }
            Ok(Exit::Done)
        }
        SettingsVerb::Get { key: Some(key) } => get(&key, out),
        SettingsVerb::Set { key, value, force } => {
            if !force {
                check_known(&key, "`magia settings get` prints all; --force sets it anyway")?;
            }
            save(&key, parse_value(value), out)
        }
        SettingsVerb::Unset { key } => {
            // What stands in the file is told too, whether it is known or not.
            check_known(&key, "`magia settings get` prints all")?;
            save(&key, Value::Null, out)
        }
    }
}

fn load() -> Result<Value> {
    client::fetch(&Command::LoadSettings(NoParams {}))
}

fn get(key: &str, out: &mut Out) -> Result<Exit> {
    let settings = load()?;
    let Some(value) = look_up(&settings, key) else {
        return Err(unknown(key, &settings, "`magia settings get` prints all").into());
    };
    match value {
        Value::String(text) if !out.is_json() => out.text(text)?,
        value if out.is_json() => out.json_of(value)?,
        value => out.pretty_json(&value.to_string())?,
    }
    Ok(Exit::Done)
}

/// A key with dots may be one key or a path.
fn look_up<'a>(settings: &'a Value, key: &str) -> Option<&'a Value> {
    settings.get(key).or_else(|| key.split('.').try_fold(settings, |value, part| value.get(part)))
}

fn unknown(key: &str, settings: &Value, advice: &str) -> Failure {
    let keys = settings.as_object().into_iter().flat_map(Map::keys).map(String::as_str);
    let hint = match nearest(key, keys) {
        Some(near) => format!("did you mean {near}?"),
        None => advice.to_owned(),
    };
    Failure::usage(format!("there is no setting {key:?}"), hint)
}

fn check_known(key: &str, advice: &str) -> Result<()> {
    let settings = load()?;
    let first = key.split('.').next().unwrap_or(key);
    if settings.get(first).is_none() && settings.get(key).is_none() {
        return Err(unknown(first, &settings, advice).into());
    }
    Ok(())
}

/// JSON when it is, else text: `true`, `30`, `[1]`, `"30"`, `dark`.
fn parse_value(text: String) -> Value {
    serde_json::from_str(&text).unwrap_or(Value::String(text))
}

/// The change as an object that holds nothing but the key.
fn patch(key: &str, value: Value) -> Map<String, Value> {
    let mut parts = key.rsplit('.');
    let last = parts.next().unwrap_or(key).to_owned();
    parts.fold(Map::from_iter([(last, value)]), |inner, part| {
        Map::from_iter([(part.to_owned(), Value::Object(inner))])
    })
}

fn save(key: &str, value: Value, out: &mut Out) -> Result<Exit> {
    let removed = value.is_null();
    let reply = client::ask(&Command::SaveSettings(SaveSettings { settings: patch(key, value) }))?;
    if out.is_json() {
        out.json(reply.get())?;
        return Ok(Exit::Done);
    }
    let settings: Value = client::read(&reply)?;
    match look_up(&settings, key) {
        Some(now) => out.text(&format!("{key} is now {now}"))?,
        None if removed => out.text(&format!("{key} is removed"))?,
        None => say(&format!("{key} is saved")),
    }
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_are_json_or_text() {
        let parse = |text: &str| parse_value(text.to_owned());
        assert_eq!(parse("true"), json!(true));
        assert_eq!(parse("30"), json!(30));
        assert_eq!(parse("\"30\""), json!("30"));
        assert_eq!(parse("dark"), json!("dark"));
        assert_eq!(parse(""), json!(""));
        assert_eq!(parse("{\"a\":[1]}"), json!({"a": [1]}));
        assert_eq!(parse("{broken"), json!("{broken"));
    }

    #[test]
    fn dots_lead_into_objects() {
        assert_eq!(Value::Object(patch("a", json!(1))), json!({"a": 1}));
        assert_eq!(Value::Object(patch("a.b.c", json!(1))), json!({"a": {"b": {"c": 1}}}));
        let settings = json!({"a": {"b": 1}, "x.y": 2});
        assert_eq!(look_up(&settings, "a.b"), Some(&json!(1)));
        assert_eq!(look_up(&settings, "x.y"), Some(&json!(2)));
        assert_eq!(look_up(&settings, "a.c"), None);
    }
}
