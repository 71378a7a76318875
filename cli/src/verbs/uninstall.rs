//! `uninstall`: takes magia out again: its hooks and telemetry in the agents' settings, its start at login and its
//! programs. What it has kept stays, and it says where that is. `reset` is the other way round: the programs stay and
//! begin anew.

use crate::client::{self, Client};
use crate::confirm;
use crate::failure::{Exit, Failure, is_not_running, say};
use crate::output::Out;
use anyhow::{Context as _, Result};
use clap::Args;
use magia_protocol::paths::{config_dir, data_dir, state_dir};
use magia_protocol::wire::command::{ChangeHooks, FactoryReset, SetTelemetry};
use magia_protocol::wire::info::ChangeInfo;
use magia_protocol::wire::{Command, Provider};
use serde_json::{Value, json};
use std::io;
use std::path::{Path, PathBuf};

/// The list that `make install` leaves, from the prefix.
const LIST: &str = "share/magia/installed";

/// `uninstall`.
#[derive(Debug, Args)]
pub struct Uninstall {
    /// Do it; without it, it is only said what would be done.
    #[arg(long)]
    pub yes: bool,
}

/// `reset`.
#[derive(Debug, Args)]
pub struct Reset {
    /// Do not ask.
    #[arg(long)]
    pub yes: bool,
}

/// How the programs came here.
enum Installed {
    /// By `make install`: these files.
    Listed(Vec<PathBuf>),
    /// By a package of the system.
    Packaged,
    /// Not at all: they are where they were built.
    Built(PathBuf),
}

/// `magia uninstall`.
pub fn uninstall(uninstall: &Uninstall, out: &mut Out) -> Result<Exit> {
    if uninstall.yes
        && Client::connect()
            .map(|_| true)
            .or_else(|err| if is_not_running(&err) { Ok(false) } else { Err(err) })?
    {
        return Err(Failure::Advised {
            message: "magia runs; nothing was removed".to_owned(),
            hint: "quit it first; `magia status` names its process".to_owned(),
        }
        .into());
    }
    let mut hooks = Vec::new();
    for provider in Provider::ALL {
        let wish = ChangeHooks { dry_run: !uninstall.yes, ..ChangeHooks::of(*provider) };
        let change: ChangeInfo = client::fetch(&Command::UninstallHooks(wish))?;
        if change.changed {
            hooks.push(change.file);
        }
        let off = SetTelemetry {
            provider: *provider,
            on: false,
            traces: false,
            dry_run: !uninstall.yes,
            home: None,
        };
        let change: ChangeInfo = client::fetch(&Command::SetTelemetry(off))?;
        if change.changed && !hooks.contains(&change.file) {
            hooks.push(change.file);
        }
    }
    let login: Vec<PathBuf> =
        login_files().into_iter().filter(|path| path.symlink_metadata().is_ok()).collect();
    let installed = installed()?;
    let listed = match &installed {
        Installed::Listed(files) => files.clone(),
        _ => Vec::new(),
    };
    let files: Vec<&PathBuf> =
        login.iter().chain(&listed).filter(|path| path.symlink_metadata().is_ok()).collect();
    if uninstall.yes {
        for path in &files {
            std::fs::remove_file(path).with_context(|| format!("cannot remove {}", path.display()))?;
        }
        remove_empty(&listed);
    }
    let kept: Vec<PathBuf> = [config_dir().ok(), data_dir().ok(), state_dir().ok(), themes()]
        .into_iter()
        .flatten()
        .filter(|path| path.exists())
        .collect();
    if out.is_json() {
        out.json_of(&json!({
            "done": uninstall.yes, "hooks": hooks, "files": files, "kept": kept,
            "package": matches!(installed, Installed::Packaged),
        }))?;
        return Ok(Exit::Done);
    }
    let verb = if uninstall.yes { "removed" } else { "would be removed" };
    for file in &hooks {
        out.text(&format!("{verb}: what is magia's in {file}"))?;
    }
    for path in &files {
        out.text(&format!("{verb}: {}", path.display()))?;
    }
    match &installed {
        Installed::Listed(_) => {}
        Installed::Packaged => {
            out.text("the programs are a package's: `sudo apt remove magia` removes them")?
        }
        Installed::Built(dir) => {
            out.text(&format!("the programs were not installed; they stay in {}", dir.display()))?;
        }
    }
    for path in &kept {
        out.text(&format!("yours, and kept: {}", path.display()))?;
    }
    if !uninstall.yes {
        say("nothing was changed; `magia uninstall --yes` does it");
    }
    Ok(Exit::Done)
}

/// What starts magia at login: the entries that `magia autostart` and systemd make.
fn login_files() -> Vec<PathBuf> {
    let config = config_dir().ok().and_then(|dir| Some(dir.parent()?.to_owned()));
    let Some(config) = config else { return Vec::new() };
    vec![
        config.join("autostart/magia.desktop"),
        config.join("systemd/user/default.target.wants/magia.service"),
    ]
}

fn themes() -> Option<PathBuf> {
    std::env::var_os("HOME").map(|home| Path::new(&home).join(".magia"))
}

fn installed() -> Result<Installed> {
    let program = std::env::current_exe().context("cannot find this program's own path")?;
    let dir = program.parent().unwrap_or(Path::new("/")).to_owned();
    let packaged = std::fs::read_to_string("/var/lib/dpkg/info/magia.list")
        .is_ok_and(|list| list.lines().any(|line| Path::new(line) == program));
    if packaged {
        return Ok(Installed::Packaged);
    }
    let Some(prefix) = dir.parent().filter(|_| dir.ends_with("bin")) else {
        return Ok(Installed::Built(dir));
    };
    match std::fs::read_to_string(prefix.join(LIST)) {
        // Only what is below the prefix: a list is no reason to remove anything else.
        Ok(list) => {
            let files = list.lines().map(PathBuf::from);
            let plain = |path: &PathBuf| {
                path.starts_with(prefix) && !path.components().any(|part| part.as_os_str() == "..")
            };
            Ok(Installed::Listed(files.filter(plain).collect()))
        }
        Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(Installed::Built(dir)),
        Err(err) => Err(err).context("cannot read the list of what was installed"),
    }
}

/// Directories of ours alone that are empty now.
fn remove_empty(files: &[PathBuf]) {
    for file in files {
        if let Some(dir) = file.parent().filter(|dir| dir.ends_with("share/magia")) {
            // It is not empty when someone else put something there.
            let _kept = std::fs::remove_dir(dir);
        }
    }
}

/// `magia reset`.
pub fn reset(reset: &Reset, out: &mut Out) -> Result<Exit> {
    let lost = "magia forgets its settings, keys, events and names, and takes its hooks out of the agents' settings.\n\
                Terminals that run go on. The agents' own files stay.";
    if !reset.yes && !confirm::by_typing("reset", "magia reset", lost)? {
        say("nothing was changed");
        return Ok(Exit::Failed);
    }
    let reply = client::ask(&Command::FactoryReset(FactoryReset { confirm: "reset".to_owned() }))?;
    if out.is_json() {
        out.json(reply.get())?;
        return Ok(Exit::Done);
    }
    let done: Value = client::read(&reply)?;
    for path in done.get("removed").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
    {
        out.text(&format!("removed: {path}"))?;
    }
    if done.get("restarting").and_then(Value::as_bool) == Some(true) {
        say("magia starts again");
    }
    Ok(Exit::Done)
}
