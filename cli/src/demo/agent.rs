//! The agent process of one demo session: it runs the real hook handler for each line it reads, as Claude
//! does for each of its events. A process of its own gives each session a pid that can be watched and killed.

use crate::failure::Exit;
use anyhow::{Context as _, Result};
use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::io::{BufRead as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// `demo-agent`.
#[derive(Debug, Args)]
pub struct DemoAgent {
    /// The hook handler.
    #[arg(long)]
    pub handler: PathBuf,
}

/// A line for the agent: one hook event.
#[derive(Debug, Serialize, Deserialize)]
pub struct Order {
    /// The event's name.
    pub event: String,
    /// Whether the handler waits for a decision.
    pub gate: bool,
    /// What the handler gets on standard input.
    pub payload: Value,
}

/// The agent's line for each order: how the handler ended.
#[derive(Debug, Serialize, Deserialize)]
pub struct Done {
    /// Its exit code; none when it was killed.
    pub exit: Option<i32>,
    /// What it printed.
    pub stdout: String,
}

/// Runs until standard input ends.
pub fn run(agent: &DemoAgent) -> Result<Exit> {
    let mut stdout = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let order: Order = serde_json::from_str(&line.context("cannot read the next event")?)
            .context("the line is no event")?;
        let done = run_handler(&agent.handler, &order)?;
        let mut line = serde_json::to_vec(&done).context("cannot write the handler's end")?;
        line.push(b'\n');
        if stdout.write_all(&line).and_then(|()| stdout.flush()).is_err() {
            break;
        }
    }
    Ok(Exit::Done)
}

fn run_handler(handler: &Path, order: &Order) -> Result<Done> {
    let mut command = Command::new(handler);
    command.args(["--provider", "claude", "--event", &order.event]);
    if order.gate {
        command.arg("--gate");
    }
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("cannot run {}", handler.display()))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A handler that finds no app ends without reading; its exit says all that there is to say.
        drop(writeln!(stdin, "{}", order.payload));
    }
    let output = child.wait_with_output().context("cannot wait for the handler")?;
    Ok(Done { exit: output.status.code(), stdout: String::from_utf8_lossy(&output.stdout).into_owned() })
}
