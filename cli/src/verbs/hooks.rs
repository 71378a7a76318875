//! `hooks install`, `uninstall`, `diff`, `status`: work with and without the app.

use crate::client::{self, Reply};
use crate::failure::{Exit, say};
use crate::output::Out;
use anyhow::Result;
use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use clap::{Args, Subcommand};
use magia_protocol::wire::command::{ChangeHooks, InstallHooks, OneProvider};
use magia_protocol::wire::info::{ChangeInfo, HooksInfo};
use magia_protocol::wire::{Command, Provider};
use std::path::PathBuf;

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
    #[command(after_long_help = "Example:\n  magia hooks install gemini --dry-run")]
    Install(Install),
    /// Print what an install would change; nothing is written.
    #[command(after_long_help = "Example:\n  magia hooks diff codex --trust")]
    Diff(Wishes),
    /// Take magia's hooks out again; nothing else in the file changes.
    #[command(after_long_help = "Example:\n  magia hooks uninstall codex")]
    Uninstall(Change),
    /// Say whether the hooks are installed and complete.
    #[command(after_long_help = "Example:\n  magia hooks status gemini --json")]
    Status(Whose),
}

/// Whose hooks.
#[derive(Debug, Args)]
pub struct Whose {
    /// The agent.
    #[arg(default_value = "claude", value_parser = provider_parser())]
    pub agent: Provider,
    /// The agent, by its older spelling.
    #[arg(long, hide = true, value_parser = provider_parser())]
    pub provider: Option<Provider>,
    /// The agent's own directory, when it is not the usual one.
    #[arg(long, value_name = "DIR")]
    pub home: Option<PathBuf>,
}

impl Whose {
    pub(super) fn provider(&self) -> Provider {
        self.provider.unwrap_or(self.agent)
    }

    /// The directory that was named, or the one that this shell would start Codex with: the app may have been
    /// started with another.
    pub(super) fn home(&self) -> Option<String> {
        let usual = || std::env::var_os("CODEX_HOME").filter(|dir| !dir.is_empty()).map(PathBuf::from);
        let home = self.home.clone().or_else(|| usual().filter(|_| self.provider() == Provider::Codex))?;
        Some(std::path::absolute(&home).unwrap_or(home).display().to_string())
    }
}

/// What is installed.
#[derive(Debug, Args)]
pub struct Wishes {
    /// Whose settings.
    #[command(flatten)]
    pub whose: Whose,
    /// Refuse tool calls when magia gives no answer. Every call then waits for magia, and when magia does not run the
    /// agent can use no tool at all. Off by default; an install without it leaves it as it is.
    #[arg(long, conflicts_with = "no_strict")]
    pub strict: bool,
    /// End strict mode.
    #[arg(long)]
    pub no_strict: bool,
    /// Codex: also write down that you trust these hooks; otherwise Codex asks you when it starts next.
    #[arg(long)]
    pub trust: bool,
}

/// An install.
#[derive(Debug, Args)]
pub struct Install {
    /// What is installed.
    #[command(flatten)]
    pub wishes: Wishes,
    /// Only print what would change.
    #[arg(long)]
    pub dry_run: bool,
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

pub(super) fn provider_parser() -> impl clap::builder::TypedValueParser<Value = Provider> {
    PossibleValuesParser::new(Provider::ALL.iter().map(|provider| provider.as_str()))
        .try_map(|word| Provider::from_word(&word).ok_or("not a provider"))
}

/// `magia hooks`.
pub fn run(hooks: Hooks, out: &mut Out) -> Result<Exit> {
    match hooks.verb {
        HooksVerb::Install(Install { wishes, dry_run }) => install(&wishes, dry_run, out),
        HooksVerb::Diff(wishes) => install(&wishes, true, out),
        HooksVerb::Uninstall(Change { whose, dry_run }) => {
            let command = ChangeHooks { provider: whose.provider(), dry_run, home: whose.home() };
            print_change(&client::ask(&Command::UninstallHooks(command))?, "removed", out)
        }
        HooksVerb::Status(whose) => {
            let reply = client::ask(&Command::HooksStatus(OneProvider {
                provider: whose.provider(),
                home: whose.home(),
            }))?;
            if out.is_json() {
                out.json(reply.get())?;
            } else {
                print_status(&client::read(&reply)?, out)?;
            }
            Ok(Exit::Done)
        }
    }
}

fn install(wishes: &Wishes, dry_run: bool, out: &mut Out) -> Result<Exit> {
    let Wishes { whose, strict, no_strict, trust } = wishes;
    let command = InstallHooks {
        provider: whose.provider(),
        dry_run,
        home: whose.home(),
        strict: (*strict || *no_strict).then_some(*strict),
        trust: *trust,
    };
    if command.strict == Some(true) && !out.is_json() {
        say(STRICT);
    }
    print_change(&client::ask(&Command::InstallHooks(command))?, "installed", out)
}

/// What is said where strict mode is switched on.
const STRICT: &str = "strict mode: a tool call that a rule denies is refused before it runs, and every call is when \
                      magia does not run or does not answer in time; end it with --no-strict";

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
    if let Some(hooks) = change.hooks.as_ref().filter(|hooks| !change.dry_run && !hooks.untrusted.is_empty())
    {
        say(UNTRUSTED);
        say(&format!("hint: `magia hooks install {} --trust` says so for you", hooks.provider));
    }
    Ok(Exit::Done)
}

/// What is said while Codex does not run the hooks.
const UNTRUSTED: &str = "Codex runs these hooks only when you have said that you trust them: it asks when it starts \
                         next, and `/hooks` in Codex shows them";

fn print_status(hooks: &HooksInfo, out: &mut Out) -> Result<()> {
    out.text(&format!("{}: {}", hooks.provider, hooks.state))?;
    out.text(&format!("  file      {}", hooks.file))?;
    if !hooks.missing.is_empty() {
        out.text(&format!("  missing   {}", hooks.missing.join(", ")))?;
    }
    if !hooks.outdated.is_empty() {
        out.text(&format!("  outdated  {}", hooks.outdated.join(", ")))?;
    }
    if !hooks.untrusted.is_empty() {
        out.text(&format!("  untrusted {}", hooks.untrusted.join(", ")))?;
    }
    if hooks.strict {
        out.text("  strict    tool calls are refused when magia gives no answer")?;
    }
    if hooks.lost {
        out.text("  lost      they were installed and something took them away")?;
    }
    for warning in &hooks.warnings {
        out.text(&format!("  warning   {warning}"))?;
    }
    if !matches!(hooks.state.as_str(), "installed" | "unreadable") {
        say(&format!("hint: `magia hooks install {}` installs them", hooks.provider));
    } else if !hooks.untrusted.is_empty() {
        say(UNTRUSTED);
        say(&format!("hint: `magia hooks install {} --trust` says so for you", hooks.provider));
    }
    Ok(())
}
