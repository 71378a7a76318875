//! Hook lines as the handler sends them for Claude Code, and processes that stand for the agents.

use std::io::Write as _;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::Path;

use anyhow::{Context, Result};
use magia_protocol::process::process_start_ticks;
use magia_tests::{Program, Sandbox};
use serde_json::{Value, json};

/// A running process that hooks name as their agent, and the session it works on. What it runs is `sleep`.
pub struct Agent {
    /// The agent's own id for its session.
    pub session: String,
    pid: u32,
    start: u64,
    cwd: String,
    home: String,
    _process: Program,
}

impl Agent {
    /// Starts the process of the `number`th agent.
    pub fn start(sandbox: &Sandbox, number: usize) -> Result<Self> {
        let mut command = sandbox.command("sleep");
        command.arg("3600");
        let process = sandbox.spawn(&format!("agent-{number}"), command)?;
        let pid = process.pid();
        let project = ["shop", "website", "billing", "infra", "notes"].get(number % 5).unwrap_or(&"shop");
        let cwd = sandbox.work().join(project);
        std::fs::create_dir_all(&cwd).with_context(|| format!("making {}", cwd.display()))?;
        Ok(Self {
            session: format!("5f0c2a5e-9d11-4a56-8c0e-{number:012x}"),
            pid,
            start: process_start_ticks(pid).context("the agent has ended")?,
            cwd: cwd.to_string_lossy().into_owned(),
            home: sandbox.home().to_string_lossy().into_owned(),
            _process: process,
        })
    }

    /// Starts the first `count` agents.
    pub fn several(sandbox: &Sandbox, count: usize) -> Result<Vec<Self>> {
        (0..count).map(|number| Self::start(sandbox, number)).collect()
    }

    /// The event on stdin of a hook, with `more` besides what every event says.
    pub fn payload(&self, event: &str, more: &Value) -> Value {
        let project = self.cwd.replace(['/', '.'], "-");
        let mut payload = json!({
            "session_id": self.session,
            "transcript_path": format!("{}/.claude/projects/{project}/{}.jsonl", self.home, self.session),
            "cwd": self.cwd,
            "prompt_id": "0d4f3a1b-7c22-4a56-8c0e-5f0c2a5e9d11",
            "permission_mode": "default",
            "hook_event_name": event,
        });
        if let (Some(all), Some(more)) = (payload.as_object_mut(), more.as_object()) {
            all.extend(more.clone());
        }
        payload
    }

    /// The handler's line for an event.
    pub fn line(&self, event: &str, more: &Value) -> Vec<u8> {
        let mut line = format!(
            r#"{{"v":1,"provider":"claude","event":"{event}","pid":{},"ppid":{},"pstart":{},"tty":"pts/3","sent_unix_ns":1795289992296000000,"payload":{}}}"#,
            self.pid + 1,
            self.pid,
            self.start,
            self.payload(event, more),
        )
        .into_bytes();
        line.push(b'\n');
        line
    }

    /// The two lines of one tool call: before and after. Together about 2 KB, as a short `cargo test` makes.
    pub fn call(&self, use_id: &str) -> [Vec<u8>; 2] {
        let input = json!({
            "command": "cargo test --package shop-core --quiet 2>&1 | tail -n 20",
            "description": "Run the unit tests of the core crate",
            "timeout": 120_000,
        });
        let output = "test cart::tests::totals_are_rounded ... ok\n".repeat(12);
        let before = json!({ "tool_name": "Bash", "tool_input": input, "tool_use_id": use_id });
        let after = json!({
            "tool_name": "Bash",
            "tool_input": input,
            "tool_response": { "stdout": output, "stderr": "", "interrupted": false, "isImage": false },
            "tool_use_id": use_id,
            "duration_ms": 1874,
        });
        [self.line("PreToolUse", &before), self.line("PostToolUse", &after)]
    }
}

/// An event of exactly `bytes` bytes: the JSON that an agent gives a hook on stdin.
pub fn sized_payload(agent: &Agent, bytes: usize) -> Result<String> {
    let with = |stdout: &str| {
        let more = json!({
            "tool_name": "Bash",
            "tool_input": { "command": "cargo test" },
            "tool_response": { "stdout": stdout, "stderr": "" },
            "tool_use_id": "toolu_01",
        });
        agent.payload("PostToolUse", &more).to_string()
    };
    let room = bytes.checked_sub(with("").len()).context("no room for the event")?;
    let words = "test cart tests totals are rounded ok ".chars().cycle().take(room).collect::<String>();
    Ok(with(&words))
}

/// One connection for one line, as a handler does it.
pub fn deliver(socket: &Path, line: &[u8]) -> std::io::Result<()> {
    let mut stream = UnixStream::connect(socket)?;
    stream.write_all(line)?;
    stream.shutdown(Shutdown::Write)
}
