//! `hooks install`, `uninstall`, `status`: work with and without the app.

use crate::client::{self, Reply};
use crate::failure::{Exit, say};
use crate::output::Out;
use anyhow::Result;
use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use clap::{Args, Subcommand};
use magia_protocol::wire::command::{ChangeHooks, OneProvider};
use magia_protocol::wire::info::{ChangeInfo, HooksInfo};
use magia_protocol::wire::{Command, Provider};

/// `hooks`.
#[derive(Debug, Args)]
pub struct Hooks {
    /// What to do.
    #[command(subcommand)]
    pub verb: HooksVerb,
}

/// What to do with the hooks.
#[derive(Debug, Subcommand)]
pub enum HooksVerb {
    /// Put magia's hooks into the agent's user settings; nothing else in the file changes.
    #[command(after_long_help = "Example:\n  magia hooks install --dry-run")]
    Install(Change),
    /// Take magia's hooks out again; nothing else in the file changes.
    #[command(after_long_help = "Example:\n  magia hooks uninstall")]
    Uninstall(Change),
    /// Say whether the hooks are installed and complete.
    #[command(after_long_help = "Example:\n  magia hooks status --json")]
    Status(Whose),
}

/// Whose hooks.
#[derive(Debug, Args)]
pub struct Whose {
    /// The agent.
    #[arg(long, default_value = "claude", value_parser = provider_parser())]
    pub provider: Provider,
}

/// A change of the settings.
#[derive(Debug, Args)]
pub struct Change {
    /// Whose settings.
    #[command(flatten)]
    pub whose: Whose,
    /// Only print what would change.
    #[arg(long)]
    pub dry_run: bool,
}

fn provider_parser() -> impl clap::builder::TypedValueParser<Value = Provider> {
    PossibleValuesParser::new(Provider::ALL.iter().map(|provider| provider.as_str()))
        .try_map(|word| Provider::from_word(&word).ok_or("not a provider"))
}

/// `magia hooks`.
pub fn run(hooks: Hooks, out: &mut Out) -> Result<Exit> {
    match hooks.verb {
        HooksVerb::Install(change) => {
            print_change(&client::ask(&Command::InstallHooks(params(&change)))?, "installed", out)
        }
        HooksVerb::Uninstall(change) => {
            print_change(&client::ask(&Command::UninstallHooks(params(&change)))?, "removed", out)
        }
        HooksVerb::Status(whose) => {
            let reply = client::ask(&Command::HooksStatus(OneProvider { provider: whose.provider }))?;
            if out.is_json() {
                out.json(reply.get())?;
            } else {
                print_status(&client::read(&reply)?, out)?;
            }
            Ok(Exit::Done)
        }
    }
}

fn params(change: &Change) -> ChangeHooks {
    ChangeHooks { provider: change.whose.provider, dry_run: change.dry_run }
}

fn print_change(reply: &Reply, done: &str, out: &mut Out) -> Result<Exit> {
    if out.is_json() {
        out.json(reply.get())?;
        return Ok(Exit::Done);
    }
    let change: ChangeInfo = client::read(reply)?;
    match (change.changed, change.dry_run) {
        (false, _) => out.text(&format!("nothing to change in {}", change.file))?,
        (true, true) => {
            out.text(change.diff.trim_end())?;
            say("nothing was written: this was a trial");
        }
        (true, false) => {
            out.text(&format!("hooks {done} in {}", change.file))?;
            if let Some(backup) = &change.backup {
                out.text(&format!("the file as it was: {backup}"))?;
            }
        }
    }
    for warning in change.hooks.iter().flat_map(|hooks| &hooks.warnings) {
        say(&format!("warning: {warning}"));
    }
    Ok(Exit::Done)
}

fn print_status(hooks: &HooksInfo, out: &mut Out) -> Result<()> {
    out.text(&format!("{}: {}", hooks.provider, hooks.state))?;
    out.text(&format!("  file      {}", hooks.file))?;
    if !hooks.missing.is_empty() {
        out.text(&format!("  missing   {}", hooks.missing.join(", ")))?;
    }
    if !hooks.outdated.is_empty() {
        out.text(&format!("  outdated  {}", hooks.outdated.join(", ")))?;
    }
    if hooks.lost {
        out.text("  lost      they were installed and something took them away")?;
    }
    for warning in &hooks.warnings {
        out.text(&format!("  warning   {warning}"))?;
    }
    if !matches!(hooks.state.as_str(), "installed" | "unreadable") {
        say(&format!("hint: `magia hooks install --provider {}` installs them", hooks.provider));
    }
    Ok(())
}
