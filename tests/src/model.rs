//! The models' servers, played by a script in the prompt (`tests/fakes/`).

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

/// A prompt that makes the fakes of OpenAI and Gemini answer with `steps`, as `tool:NAME {input}` or `say:TEXT`; see the
/// heads of `fake-openai.mjs` and `fake-gemini.mjs`.
pub fn steps<S: AsRef<str>>(steps: &[S]) -> String {
    let lines: Vec<String> = steps.iter().map(|step| format!("STEP {}", step.as_ref())).collect();
    format!("please\n{}", lines.join("\n"))
}

/// Whose model a fake stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vendor {
    /// The Messages API, for Claude Code.
    Anthropic,
    /// The Gemini API, for Gemini CLI.
    Gemini,
    /// The Responses API, for Codex.
    OpenAi,
}

impl Vendor {
    const fn server(self) -> &'static str {
        match self {
            Self::Anthropic => concat!(env!("CARGO_MANIFEST_DIR"), "/fakes/fake-anthropic.mjs"),
            Self::Gemini => concat!(env!("CARGO_MANIFEST_DIR"), "/fakes/fake-gemini.mjs"),
            Self::OpenAi => concat!(env!("CARGO_MANIFEST_DIR"), "/fakes/fake-openai.mjs"),
        }
    }

    /// The name of its log.
    const fn name(self) -> &'static str {
        match self {
            Self::Anthropic => "model",
            Self::Gemini => "model-gemini",
            Self::OpenAi => "model-openai",
        }
    }
}

/// A running fake of a model's API on loopback.
pub struct FakeModel {
    program: Program,
    port: u16,
    log: PathBuf,
}

impl FakeModel {
    /// Starts Anthropic's fake and waits for its port.
    pub fn start(sandbox: &Sandbox) -> Result<Self> {
        Self::of(sandbox, Vendor::Anthropic)
    }

    /// Starts a vendor's fake and waits for its port.
    pub fn of(sandbox: &Sandbox, vendor: Vendor) -> Result<Self> {
        let log = sandbox.logs().join(format!("{}.jsonl", vendor.name()));
        // The runner's own PATH: node may be installed anywhere.
        let path = std::env::var_os("PATH").unwrap_or_default();
        let mut command = sandbox.command("/usr/bin/env");
        command.env("PATH", path).args(["node", vendor.server(), "--ttl", "600", "--log"]).arg(&log);
        let mut program = sandbox.spawn(vendor.name(), command)?;
        let port = wait_until("the fake model's port", PATIENCE, || match program.try_wait() {
            Some(status) => Some(Err(status)),
            None => port_of(&program.stdout()).map(Ok),
        })?;
        let port = port.map_err(|status| {
            anyhow::anyhow!("the fake model ended ({status}); it needs node: {}", program.stderr())
        })?;
        Ok(Self { program, port, log })
    }

    /// What goes into `ANTHROPIC_BASE_URL` and `GOOGLE_GEMINI_BASE_URL`; Codex's `base_url` has `/v1` behind it.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The server's process id.
    pub fn pid(&self) -> u32 {
        self.program.pid()
    }

    /// Every request so far, oldest first: `{t, method, url, headers, body}`.
    pub fn requests(&self) -> Result<Vec<Value>> {
        let lines = self.lines()?.into_iter();
        Ok(lines.filter(|line| line.get("answered").is_none()).collect())
    }

    /// What each answer so far said that it used, in the vendor's own words, with the model's name.
    pub fn answered(&self) -> Result<Vec<Value>> {
        let lines = self.lines()?.into_iter();
        Ok(lines.filter_map(|mut line| line.get_mut("answered").map(Value::take)).collect())
    }

    fn lines(&self) -> Result<Vec<Value>> {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let complete = text.rfind('\n').map_or("", |end| text.get(..end).unwrap_or_default());
        complete
            .lines()
            .map(|line| serde_json::from_str(line).context("reading the fake model's log"))
            .collect()
    }

    /// The tool results that Claude has sent back, each once, in order: `{tool_use_id, content, is_error}`.
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
    fn steps_begin_lines() {
        assert_eq!(
            steps(&["tool:exec_command {}", "say:done"]),
            "please\nSTEP tool:exec_command {}\nSTEP say:done"
        );
    }

    #[test]
    fn a_script_is_marked_for_the_fake() {
        assert_eq!(
            script(&json!([["Bash", { "command": "ls" }], "done"])),
            r#"do %%[["Bash",{"command":"ls"}],"done"]%%"#
        );
    }
}
