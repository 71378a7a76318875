//! Claude with `-p`: JSON lines in and out, permission requests as control requests.

use std::io::Write;
use std::process::ChildStdin;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::process::Program;
use crate::wait::{PATIENCE, wait_until};

/// A running `claude -p --input-format stream-json --permission-prompt-tool stdio`.
pub struct StreamClaude {
    program: Program,
    stdin: Option<ChildStdin>,
}

/// Claude asks its host whether a tool may run.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolRequest {
    /// The control request's id.
    pub id: String,
    /// Such as `Bash`.
    pub tool: String,
    /// The tool's input.
    pub input: Value,
}

impl StreamClaude {
    pub(crate) fn start(mut program: Program) -> Result<Self> {
        let stdin = program.take_stdin();
        Ok(Self { program, stdin })
    }

    /// Claude's process id.
    pub fn pid(&self) -> u32 {
        self.program.pid()
    }

    /// The process, for signals and its end.
    pub fn program(&mut self) -> &mut Program {
        &mut self.program
    }

    /// Every complete message on stdout so far.
    pub fn messages(&self) -> Vec<Value> {
        let text = self.program.stdout();
        let complete = text.rfind('\n').and_then(|end| text.get(..end)).unwrap_or_default();
        complete.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// Sends a user's message.
    pub fn send_user(&mut self, text: &str) -> Result<()> {
        self.send(&json!({
            "type": "user",
            "message": { "role": "user", "content": text },
            "parent_tool_use_id": null,
            "session_id": "",
        }))
    }

    /// Waits for a message.
    pub fn wait_for(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Result<Value> {
        wait_until(what, PATIENCE, || self.messages().into_iter().find(&wanted))
            .with_context(|| format!("stderr: {}", self.program.stderr()))
    }

    /// Waits for the `n`-th result (counted from 1): the end of the `n`-th turn.
    pub fn wait_for_result(&self, n: usize) -> Result<Value> {
        wait_until(&format!("result {n}"), PATIENCE, || {
            self.messages().into_iter().filter(|message| message["type"] == "result").nth(n - 1)
        })
        .with_context(|| format!("stderr: {}", self.program.stderr()))
    }

    /// Every permission request so far, answered or not.
    pub fn tool_requests(&self) -> Vec<ToolRequest> {
        self.messages().iter().filter_map(tool_request).collect()
    }

    /// Waits for the `n`-th permission request (counted from 1).
    pub fn wait_for_tool_request(&self, n: usize) -> Result<ToolRequest> {
        wait_until(&format!("permission request {n}"), PATIENCE, || {
            self.tool_requests().into_iter().nth(n - 1)
        })
        .with_context(|| format!("stderr: {}", self.program.stderr()))
    }

    /// Whether Claude has withdrawn a request, because somebody else answered it.
    pub fn is_withdrawn(&self, request: &ToolRequest) -> bool {
        self.messages().iter().any(|message| {
            message["type"] == "control_cancel_request" && message["request_id"] == *request.id
        })
    }

    /// Answers a permission request with yes, the input unchanged.
    pub fn allow(&mut self, request: &ToolRequest) -> Result<()> {
        self.answer(request, &json!({ "behavior": "allow", "updatedInput": request.input }))
    }

    /// Answers a permission request with no.
    pub fn deny(&mut self, request: &ToolRequest, message: &str) -> Result<()> {
        self.answer(request, &json!({ "behavior": "deny", "message": message }))
    }

    /// Closes stdin, which ends Claude after the current turn.
    pub fn close_stdin(&mut self) {
        self.stdin = None;
    }

    fn answer(&mut self, request: &ToolRequest, response: &Value) -> Result<()> {
        self.send(&json!({
            "type": "control_response",
            "response": { "subtype": "success", "request_id": request.id, "response": response },
        }))
    }

    fn send(&mut self, message: &Value) -> Result<()> {
        let stdin = self.stdin.as_mut().context("stdin is closed")?;
        writeln!(stdin, "{message}").and_then(|()| stdin.flush()).context("writing to Claude")
    }
}

fn tool_request(message: &Value) -> Option<ToolRequest> {
    let request = message.get("request")?;
    if request.get("subtype")? != "can_use_tool" {
        return None;
    }
    Some(ToolRequest {
        id: message.get("request_id")?.as_str()?.to_owned(),
        tool: request.get("tool_name")?.as_str()?.to_owned(),
        input: request.get("input")?.clone(),
    })
}
