//! `autostart`: whether the window is opened at login, by an entry that every desktop reads.

use crate::failure::{Exit, say};
use crate::output::Out;
use crate::programs;
use anyhow::{Context as _, Result};
use clap::{Args, ValueEnum};
use magia_protocol::paths::config_dir;
use serde_json::json;
use std::io;
use std::path::{Path, PathBuf};

/// `autostart`.
#[derive(Debug, Args)]
pub struct Autostart {
    /// Without it, it is said how it is.
    #[arg(value_name = "WHAT")]
    pub what: Option<Switch>,
}

/// On or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    /// Open magia at login.
    On,
    /// No longer.
    Off,
}

/// `magia autostart`.
pub fn run(autostart: &Autostart, out: &mut Out) -> Result<Exit> {
    let path = entry()?;
    match autostart.what {
        Some(Switch::On) => {
            let app = programs::require(programs::APP)?;
            let dir = path.parent().unwrap_or(Path::new("/"));
            std::fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
            std::fs::write(&path, text(&app)).with_context(|| format!("cannot write {}", path.display()))?;
        }
        Some(Switch::Off) => match std::fs::remove_file(&path) {
            Err(err) if err.kind() != io::ErrorKind::NotFound => {
                return Err(err).with_context(|| format!("cannot remove {}", path.display()));
            }
            _ => {}
        },
        None => {}
    }
    let on = path.exists();
    if out.is_json() {
        out.json_of(&json!({ "on": on, "file": path }))?;
        return Ok(Exit::Done);
    }
    out.text(if on { "magia is opened at login" } else { "magia is not opened at login" })?;
    if on {
        say(&format!("by {}", path.display()));
    } else {
        say("without a window, `systemctl --user enable --now magia` does it where that unit is installed");
    }
    Ok(Exit::Done)
}

fn entry() -> Result<PathBuf> {
    let config = config_dir().context("cannot find the configuration directory")?;
    Ok(config.parent().unwrap_or(Path::new("/")).join("autostart/magia.desktop"))
}

/// The entry. A path with odd characters is quoted as the desktops' rules have it.
fn text(app: &Path) -> String {
    let mut quoted = String::from("\"");
    for c in app.to_string_lossy().chars() {
        match c {
            '"' | '`' | '$' | '\\' => quoted.extend(['\\', '\\', c]),
            '%' => quoted.push_str("%%"),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    format!(
        "[Desktop Entry]\nType=Application\nName=magia\nExec={quoted}\nIcon=magia\nTerminal=false\nX-GNOME-Autostart-enabled=true\n"
    )
}
