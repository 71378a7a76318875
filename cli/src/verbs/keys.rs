//! `keys`: which keys run which command of the window; works with and without the app.

use crate::client;
use crate::failure::{Exit, say};
use crate::output::Out;
use crate::table::{Column, Table};
use anyhow::Result;
use clap::{Args, Subcommand};
use magia_protocol::wire::Command;
use magia_protocol::wire::command::{NoParams, SaveKeybindings};
use serde::Deserialize;
use serde_json::{Map, Value};

/// `keys`.
#[derive(Debug, Args)]
pub struct Keys {
    /// What to do; without it, all keys are printed.
    #[command(subcommand)]
    pub verb: Option<KeysVerb>,
}

/// What to do with the keys.
#[derive(Debug, Subcommand)]
pub enum KeysVerb {
    /// Give a command other keys; without any, none.
    #[command(after_long_help = "Example:\n  magia keys set nav.next-needs-you n F8")]
    Set {
        /// The command, as `magia keys` names it.
        id: String,
        /// Keys as `ctrl+shift+p`, `F8` or `?`.
        #[arg(value_name = "KEY")]
        keys: Vec<String>,
    },
    /// Go back to the default keys of a command, or of all.
    #[command(after_long_help = "Examples:\n  magia keys reset nav.up\n  magia keys reset")]
    Reset {
        /// The command; all without it.
        id: Option<String>,
    },
}

#[derive(Deserialize)]
struct Row {
    id: String,
    #[serde(default)]
    label: String,
    #[serde(default)]
    context: String,
    #[serde(default)]
    keys: Vec<String>,
    #[serde(default)]
    changed: bool,
    #[serde(default)]
    conflicts: Vec<String>,
}

/// `magia keys`.
pub fn run(keys: Keys, out: &mut Out) -> Result<Exit> {
    let command = match keys.verb {
        None => Command::LoadKeybindings(NoParams {}),
        Some(KeysVerb::Set { id, keys }) => {
            // An empty word is none.
            let keys: Vec<String> = keys.into_iter().filter(|key| !key.trim().is_empty()).collect();
            let keybindings = Map::from_iter([(id, Value::from(keys))]);
            Command::SaveKeybindings(SaveKeybindings { keybindings, reset: false })
        }
        Some(KeysVerb::Reset { id: Some(id) }) => {
            let keybindings = Map::from_iter([(id, Value::Null)]);
            Command::SaveKeybindings(SaveKeybindings { keybindings, reset: false })
        }
        Some(KeysVerb::Reset { id: None }) => {
            Command::SaveKeybindings(SaveKeybindings { keybindings: Map::new(), reset: true })
        }
    };
    let reply = client::ask(&command)?;
    if out.is_json() {
        out.json(reply.get())?;
        return Ok(Exit::Done);
    }
    let rows: Vec<Row> = client::read(&reply)?;
    let mut table = Table::new(&[
        Column::fixed("COMMAND"),
        Column::fixed("KEYS"),
        Column::fixed("WHERE"),
        Column::flexible("WHAT IT DOES"),
    ]);
    for row in &rows {
        let mark = if row.changed { " *" } else { "" };
        let keys = if row.keys.is_empty() { "none".to_owned() } else { row.keys.join(" ") };
        table.row([row.id.clone(), format!("{keys}{mark}"), row.context.clone(), row.label.clone()]);
    }
    out.table(&table, "the app knows no commands")?;
    let mut told: Vec<&String> = rows.iter().flat_map(|row| &row.conflicts).collect();
    told.sort();
    told.dedup();
    for conflict in told {
        say(&format!("conflict: {conflict}"));
    }
    if rows.iter().any(|row| row.changed) {
        say("* is not the default; `magia keys reset` goes back");
    }
    Ok(Exit::Done)
}
