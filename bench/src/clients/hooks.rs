//! Agents that tell by hooks what they do, and that ask.

use std::io::{BufRead as _, BufReader as Lines, Write as _};
use std::os::unix::net::UnixStream as Blocking;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;

use super::{Crowd, Ground, Kind, add};
use crate::events::Agent;
use crate::soak::Chance;

/// A turn of an agent.
pub(super) struct Turn<'a> {
    pub(super) agent: &'a Agent,
    pub(super) number: u64,
}

impl Turn<'_> {
    /// A prompt, some calls, the end.
    pub(super) async fn work(&self, ground: &Ground, crowd: &Crowd, chance: &mut Chance) -> Result<()> {
        let prompt = json!({ "prompt": format!("Round {}", self.number) });
        tell(ground, crowd, &self.agent.line("UserPromptSubmit", &prompt)).await?;
        for call in 0..1 + chance.below(5) {
            let [before, after] = self.agent.call(&self.use_id(call));
            tell(ground, crowd, &before).await?;
            crowd.pause(chance).await;
            tell(ground, crowd, &after).await?;
            *crowd.calls.borrow_mut().entry(self.agent.session.clone()).or_default() += 1;
            if !crowd.goes_on() {
                break;
            }
        }
        tell(ground, crowd, &self.agent.line("Stop", &json!({ "last_assistant_message": "Done." }))).await
    }

    /// A call that a rule allows, or one that a person is asked about.
    pub(super) async fn ask(&self, ground: &Ground, crowd: &Crowd, chance: &mut Chance) -> Result<()> {
        let use_id = self.use_id(0);
        let call = if chance.below(2) == 0 { reading(&use_id) } else { running(&use_id, self.number) };
        tell(ground, crowd, &self.agent.line("PreToolUse", &call)).await?;
        let line = self.agent.line("PermissionRequest", &call);
        let said = crowd.answered(Kind::Gates, asked(&ground.gates, &line)).await?;
        add(&crowd.gates, 1);
        ensure!(said.contains("allow"), "a request was not allowed: {said:?}");
        tell(ground, crowd, &self.agent.line("PostToolUse", &call)).await?;
        *crowd.calls.borrow_mut().entry(self.agent.session.clone()).or_default() += 1;
        Ok(())
    }

    fn use_id(&self, call: u64) -> String {
        format!("toolu_{:06}_{call}", self.number)
    }
}

fn reading(use_id: &str) -> Value {
    json!({ "tool_name": "Read", "tool_input": { "file_path": "/etc/hostname" }, "tool_use_id": use_id })
}

fn running(use_id: &str, number: u64) -> Value {
    let input = json!({ "command": format!("cargo test --test part_{number}") });
    json!({ "tool_name": "Bash", "tool_input": input, "tool_use_id": use_id })
}

/// A line on a connection of its own, as a handler sends it.
async fn tell(ground: &Ground, crowd: &Crowd, line: &[u8]) -> Result<()> {
    let mut stream = UnixStream::connect(&ground.hooks).await.context("connecting to the hook socket")?;
    stream.write_all(line).await.context("sending an event")?;
    stream.shutdown().await?;
    add(&crowd.hook_lines, 1);
    Ok(())
}

/// What the gate says: `EXIT OUT ERR\n` and the bytes that it announces.
async fn asked(gates: &Path, line: &[u8]) -> Result<String> {
    let mut gate = BufReader::new(UnixStream::connect(gates).await.context("connecting to the gate")?);
    gate.get_mut().write_all(line).await?;
    let mut head = String::new();
    gate.read_line(&mut head).await?;
    let mut said = String::new();
    gate.read_to_string(&mut said).await?;
    ensure!(!said.is_empty(), "the gate said {head:?}");
    Ok(said)
}

/// Asks for what a rule allows and waits for the answer.
pub(super) fn by_rule_now(gates: &Path, agent: &Agent, use_id: &str) -> Result<()> {
    let mut gate = Blocking::connect(gates).context("connecting to the gate")?;
    gate.write_all(&agent.line("PermissionRequest", &reading(use_id)))?;
    let said = Lines::new(gate).lines().collect::<std::io::Result<Vec<_>>>()?.join("\n");
    ensure!(said.contains("allow"), "a rule did not allow: {said:?}");
    Ok(())
}
