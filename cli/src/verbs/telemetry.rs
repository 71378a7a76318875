//! `telemetry on`, `off`, `status`: whether agents tell magia what they use; work with and without the app.

use super::hooks::Whose;
use crate::client::{self, Reply};
use crate::failure::{Exit, Failure, say};
use crate::output::Out;
use anyhow::Result;
use clap::{Args, Subcommand};
use magia_protocol::wire::command::{SetTelemetry, TelemetryStatus};
use magia_protocol::wire::info::ChangeInfo;
use magia_protocol::wire::metrics::TelemetryInfo;
use magia_protocol::wire::{Command, Provider};

/// The variables by which a shell sends an agent's telemetry elsewhere.
const SHELL: [&str; 2] = ["OTEL_EXPORTER_OTLP_ENDPOINT", "GEMINI_TELEMETRY_OTLP_ENDPOINT"];

/// `telemetry`.
#[derive(Debug, Args)]
pub struct Telemetry {
    /// What to do.
    #[command(subcommand)]
    pub verb: TelemetryVerb,
}

/// What to do with telemetry.
#[derive(Debug, Subcommand)]
pub enum TelemetryVerb {
    /// Have an agent send telemetry to magia, and only there; nothing else in its settings changes.
    #[command(after_long_help = "Sessions that run already are not changed.\n\n\
                                 Examples:\n  magia telemetry on\n  magia telemetry on codex --dry-run")]
    On(On),
    /// Take back what `on` wrote; nothing else in the agent's settings changes.
    #[command(after_long_help = "Example:\n  magia telemetry off gemini")]
    Off(Off),
    /// Say which agents send telemetry, and where to.
    #[command(after_long_help = "Example:\n  magia telemetry status --provider claude")]
    Status(Status),
}

/// `telemetry on`.
#[derive(Debug, Args)]
pub struct On {
    /// Whose settings.
    #[command(flatten)]
    pub whose: Whose,
    /// Claude: spans too, for the time to the first token and the waterfall of calls.
    #[arg(long)]
    pub traces: bool,
    /// Although this shell sends telemetry elsewhere by its environment, which the settings would win over.
    #[arg(long)]
    pub force: bool,
    /// Only print what would change.
    #[arg(long)]
    pub dry_run: bool,
}

/// `telemetry off`.
#[derive(Debug, Args)]
pub struct Off {
    /// Whose settings.
    #[command(flatten)]
    pub whose: Whose,
    /// Only print what would change.
    #[arg(long)]
    pub dry_run: bool,
}

/// `telemetry status`.
#[derive(Debug, Args)]
pub struct Status {
    /// Only this agent.
    #[arg(long, value_parser = super::hooks::provider_parser())]
    pub provider: Option<Provider>,
}

/// `magia telemetry`.
pub fn run(telemetry: Telemetry, out: &mut Out) -> Result<Exit> {
    match telemetry.verb {
        TelemetryVerb::On(On { whose, traces, force, dry_run }) => {
            if !force
                && let Some(elsewhere) = sent_elsewhere(whose.provider(), &|name| std::env::var(name).ok())
            {
                return Err(Failure::usage(
                    format!("{elsewhere} is set: this shell sends telemetry elsewhere"),
                    "--force writes the settings all the same; they win over the environment",
                )
                .into());
            }
            set(&whose, true, traces, dry_run, out)
        }
        TelemetryVerb::Off(Off { whose, dry_run }) => set(&whose, false, false, dry_run, out),
        TelemetryVerb::Status(status) => {
            let command = TelemetryStatus { provider: status.provider, home: None };
            let reply = client::ask(&Command::TelemetryStatus(command))?;
            if out.is_json() {
                out.json(reply.get())?;
                return Ok(Exit::Done);
            }
            for info in client::read::<Vec<TelemetryInfo>>(&reply)? {
                print(&info, out)?;
            }
            Ok(Exit::Done)
        }
    }
}

/// The variable by which an agent that this shell starts sends telemetry elsewhere. Codex reads none.
fn sent_elsewhere(provider: Provider, env: &dyn Fn(&str) -> Option<String>) -> Option<&'static str> {
    let is_set = |name: &&&str| env(name).is_some_and(|value| !value.is_empty());
    let names: &[&'static str] = match provider {
        Provider::Claude => SHELL.get(..1)?,
        Provider::Gemini => SHELL.get(1..)?,
        Provider::Codex => &[],
    };
    names.iter().find(|name| is_set(name)).copied()
}

fn set(whose: &Whose, on: bool, traces: bool, dry_run: bool, out: &mut Out) -> Result<Exit> {
    let command = SetTelemetry { provider: whose.provider(), on, traces, dry_run, home: whose.home() };
    let reply: Reply = client::ask(&Command::SetTelemetry(command))?;
    if out.is_json() {
        out.json(reply.get())?;
        return Ok(Exit::Done);
    }
    let change: ChangeInfo = client::read(&reply)?;
    match (change.changed, change.dry_run) {
        (false, _) => out.text(&format!("nothing to change in {}", change.file))?,
        (true, true) => {
            out.text(change.diff.trim_end())?;
            say("nothing was written: this was a trial");
        }
        (true, false) => {
            let done = if on { "switched on" } else { "switched off" };
            out.text(&format!("telemetry {done} in {}", change.file))?;
            if let Some(backup) = &change.backup {
                out.text(&format!("the file as it was: {backup}"))?;
            }
            if on {
                say("sessions that start from now on are counted: `magia metrics`");
            }
        }
    }
    if let Some(problem) = change.telemetry.and_then(|info| info.problem) {
        say(&format!("warning: {problem}"));
    }
    Ok(Exit::Done)
}

fn print(info: &TelemetryInfo, out: &mut Out) -> Result<()> {
    let endpoint = info.endpoint.as_ref().map(|endpoint| format!(", {endpoint}")).unwrap_or_default();
    out.text(&format!("{}: {}{endpoint}", info.provider, info.state))?;
    out.text(&format!("  file      {}", info.file))?;
    if let Some(problem) = &info.problem {
        out.text(&format!("  problem   {problem}"))?;
    }
    match info.state.as_str() {
        "off" => say(&format!("hint: `magia telemetry on {}` switches it on", info.provider)),
        "outdated" => say(&format!("hint: `magia telemetry on {}` writes it anew", info.provider)),
        _ => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_of_the_users_own_is_noticed() {
        let env = |set: &'static str| move |name: &str| (name == set).then(|| "http://x".to_owned());
        let claude = |set| sent_elsewhere(Provider::Claude, &env(set));
        assert_eq!(claude("OTEL_EXPORTER_OTLP_ENDPOINT"), Some("OTEL_EXPORTER_OTLP_ENDPOINT"));
        assert_eq!(claude("GEMINI_TELEMETRY_OTLP_ENDPOINT"), None);
        assert_eq!(sent_elsewhere(Provider::Codex, &env("OTEL_EXPORTER_OTLP_ENDPOINT")), None);
        assert!(sent_elsewhere(Provider::Gemini, &env("GEMINI_TELEMETRY_OTLP_ENDPOINT")).is_some());
        assert_eq!(sent_elsewhere(Provider::Claude, &|_| Some(String::new())), None);
    }
}
