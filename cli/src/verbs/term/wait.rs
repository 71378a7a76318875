//! `term wait`.

use super::{One, done, found, held, info};
use crate::failure::{Exit, Failure};
use crate::output::Out;
use crate::verbs::attach::or_own_failure;
use crate::verbs::wait::timeout;
use anyhow::Result;
use clap::{Args, ValueEnum};
use magia_tty::TerminalState;
use magia_tty::client::errand::{self, ErrandError, block_on};
use serde_json::json;
use std::time::Duration;

/// `term wait`.
#[derive(Debug, Args)]
pub struct Wait {
    #[command(flatten)]
    one: One,
    /// What to wait for: with `--text` that, else exit.
    #[arg(long, value_enum)]
    until: Option<Until>,
    /// The text that the screen should show.
    #[arg(long, value_name = "TEXT", required_if_eq("until", "text"))]
    text: Option<String>,
    /// How long without output is idle.
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = timeout)]
    quiet: Duration,
    /// Give up after so long, as 30s, 5m, 1h or 500ms; a bare number is seconds.
    #[arg(long, value_name = "TIME", value_parser = timeout)]
    timeout: Option<Duration>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Until {
    /// The program writes nothing for a while.
    Idle,
    /// The program has ended.
    Exit,
    /// The screen shows a text.
    Text,
}

/// `magia term wait`.
pub fn wait(wait: &Wait, out: &mut Out) -> Result<Exit> {
    match (wait.until, &wait.text) {
        (Some(Until::Exit | Until::Idle), Some(_)) => {
            Err(Failure::usage("`--text` is for `--until text`", "leave one of them out").into())
        }
        (Some(Until::Exit) | None, None) => or_own_failure(until_exit(wait, out)),
        (Some(Until::Idle), None) => until_idle(wait, out),
        (Some(Until::Text) | None, _) => until_text(wait, out),
    }
}

fn until_exit(wait: &Wait, out: &mut Out) -> Result<Exit> {
    let record = found(&wait.one.id)?;
    let exit = match record.state {
        // It need not be there any more.
        TerminalState::Exited { exit, .. } => exit,
        _ => {
            let record = held(&wait.one.id)?;
            done(&record.id, block_on(errand::wait_exit(&record.dir, wait.timeout)))?
        }
    };
    if out.is_json() {
        out.json_of(&json!({ "id": record.id, "exit_code": exit.shell_code(), "exit_signal": exit.signal }))?;
    } else {
        out.text(&format!("{} {}", record.id, info::exit_text(exit)))?;
    }
    Ok(Exit::of_child(exit))
}

fn until_idle(wait: &Wait, out: &mut Out) -> Result<Exit> {
    let record = held(&wait.one.id)?;
    reached(&record.id, block_on(errand::wait_quiet(&record.dir, wait.quiet, wait.timeout)))?;
    print(&record.id, "idle", "is idle", out)
}

fn until_text(wait: &Wait, out: &mut Out) -> Result<Exit> {
    let record = held(&wait.one.id)?;
    let text = wait.text.as_deref().unwrap_or_default();
    if text.is_empty() {
        return Err(Failure::usage(
            "the text to wait for is empty",
            "`--text` says what the screen should show",
        )
        .into());
    }
    reached(&record.id, block_on(errand::wait_text(&record.dir, text, wait.timeout)))?;
    print(&record.id, "text", "shows the text", out)
}

fn print(id: &magia_tty::TerminalId, reached: &str, said: &str, out: &mut Out) -> Result<Exit> {
    if out.is_json() {
        out.json_of(&json!({ "id": id, "reached": reached }))?;
    } else {
        out.text(&format!("{id} {said}"))?;
    }
    Ok(Exit::Done)
}

fn reached<T>(id: &magia_tty::TerminalId, errand: Result<T, ErrandError>) -> Result<T> {
    match errand {
        Err(ErrandError::Ended(exit)) => Err(Failure::Advised {
            message: format!("{id} {} before", info::exit_text(exit)),
            hint: format!("`magia term show {id}` says what is known"),
        }
        .into()),
        other => done(id, other),
    }
}
