//! What Codex says about hooks and the trust in them, asked of its own app-server over stdio.

use std::io::Write as _;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::codex::Codex;
use crate::wait::{PATIENCE, wait_until};

/// One hook, as Codex lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodexHook {
    /// `<file>:<event>:<group>:<hook>`.
    pub key: String,
    /// What it runs.
    pub command: String,
    /// The hash of its definition.
    pub hash: String,
    /// `untrusted`, `modified` or `trusted`.
    pub trust: String,
}

impl Codex<'_> {
    /// Every hook that Codex finds.
    pub fn hooks(&self, name: &str) -> Result<Vec<CodexHook>> {
        let reply = self.ask(name, "hooks/list", &json!({ "cwds": [self.sandbox.work()] }))?;
        let hooks = reply.pointer("/data/0/hooks").and_then(Value::as_array);
        let hooks = hooks.with_context(|| format!("no hooks in {reply}"))?;
        let text =
            |hook: &Value, key: &str| hook.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        Ok(hooks
            .iter()
            .map(|hook| CodexHook {
                key: text(hook, "key"),
                command: text(hook, "command"),
                hash: text(hook, "currentHash"),
                trust: text(hook, "trustStatus"),
            })
            .collect())
    }

    /// Trusts every hook that is there, as `/hooks` in the terminal does.
    pub fn trust_hooks(&self, name: &str) -> Result<()> {
        let edits: Vec<Value> = self
            .hooks(&format!("{name}-list"))?
            .iter()
            .map(|hook| {
                json!({
                    "keyPath": "hooks.state",
                    "value": { &hook.key: { "trusted_hash": hook.hash } },
                    "mergeStrategy": "upsert",
                })
            })
            .collect();
        self.ask(name, "config/batchWrite", &json!({ "edits": edits, "reloadUserConfig": true })).map(drop)
    }

    /// One request to an app-server that runs for it alone.
    fn ask(&self, name: &str, method: &str, params: &Value) -> Result<Value> {
        let mut command = self.command();
        command.arg("app-server");
        let mut server = self.sandbox.spawn_piped(name, command)?;
        let mut stdin = server.take_stdin().context("the app-server has no stdin")?;
        let client = json!({ "name": "magia-tests", "title": "Tests", "version": "0" });
        for line in [
            json!({ "id": 1, "method": "initialize", "params": {
                "clientInfo": client, "capabilities": { "experimentalApi": true },
            } }),
            json!({ "method": "initialized" }),
            json!({ "id": 2, "method": method, "params": params }),
        ] {
            writeln!(stdin, "{line}").context("asking the app-server")?;
        }
        let reply = wait_until(&format!("the app-server's answer to {method}"), PATIENCE, || {
            let out = server.stdout();
            let lines = out.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
            lines.into_iter().find(|line| line["id"] == 2)
        })?;
        drop(stdin);
        server.wait(PATIENCE)?;
        reply.get("result").cloned().with_context(|| format!("{method} was refused: {reply}"))
    }
}
