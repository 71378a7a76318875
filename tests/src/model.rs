//! The model's server, played by a script in the prompt (`tests/fakes/fake-anthropic.mjs`).

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::process::Program;
use crate::sandbox::Sandbox;
use crate::wait::{PATIENCE, wait_until};

/// A prompt that makes the fake model answer with `steps`: each a text, `["Tool", {input}]` or an object
/// as described in `fake-anthropic.mjs`.
pub fn script(steps: &Value) -> String {
    format!("do %%{steps}%%")
}

/// A running fake of the Messages API on loopback.
pub struct FakeModel {
    program: Program,
    port: u16,
    log: PathBuf,
}

impl FakeModel {
    /// Starts the server and waits for its port.
    pub fn start(sandbox: &Sandbox) -> Result<Self> {
        let server = concat!(env!("CARGO_MANIFEST_DIR"), "/fakes/fake-anthropic.mjs");
        let log = sandbox.logs().join("model.jsonl");
        // The runner's own PATH: node may be installed anywhere.
        let path = std::env::var_os("PATH").unwrap_or_default();
        let mut command = sandbox.command("/usr/bin/env");
        command.env("PATH", path).args(["node", server, "--ttl", "600", "--log"]).arg(&log);
        let mut program = sandbox.spawn("model", command)?;
        let port = wait_until("the fake model's port", PATIENCE, || match program.try_wait() {
            Some(status) => Some(Err(status)),
            None => port_of(&program.stdout()).map(Ok),
        })?;
        let port = port.map_err(|status| {
            anyhow::anyhow!("the fake model ended ({status}); it needs node: {}", program.stderr())
        })?;
        Ok(Self { program, port, log })
    }

    /// What goes into `ANTHROPIC_BASE_URL`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The server's process id.
    pub fn pid(&self) -> u32 {
        self.program.pid()
    }

    /// Every request so far, oldest first: `{t, method, url, headers, body}`.
    pub fn requests(&self) -> Result<Vec<Value>> {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let complete = text.rfind('\n').map_or("", |end| text.get(..end).unwrap_or_default());
        complete
            .lines()
            .map(|line| serde_json::from_str(line).context("reading the fake model's log"))
            .collect()
    }

    /// The tool results that the agent has sent back, each once, in order: `{tool_use_id, content, is_error}`.
    pub fn tool_results(&self) -> Result<Vec<Value>> {
        let mut results: Vec<Value> = Vec::new();
        for request in self.requests()? {
            let messages = request.pointer("/body/messages").and_then(Value::as_array);
            for block in
                messages.into_iter().flatten().filter_map(|message| message["content"].as_array()).flatten()
            {
                let known = || results.iter().any(|result| result["tool_use_id"] == block["tool_use_id"]);
                if block["type"] == "tool_result" && !known() {
                    results.push(block.clone());
                }
            }
        }
        Ok(results)
    }
}

fn port_of(stdout: &str) -> Option<u16> {
    let line: Value = serde_json::from_str(stdout.lines().next()?).ok()?;
    line.get("port")?.as_u64()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_port_is_read_from_the_first_line() {
        assert_eq!(port_of("{\"port\":4711}\n"), Some(4711));
        assert_eq!(port_of("{\"po"), None);
        assert_eq!(port_of(""), None);
    }

    #[test]
    fn a_script_is_marked_for_the_fake() {
        assert_eq!(
            script(&json!([["Bash", { "command": "ls" }], "done"])),
            r#"do %%[["Bash",{"command":"ls"}],"done"]%%"#
        );
    }
}
