//! An agent's hooks without an agent: the real hook handler, run by a shell that stands for Claude Code.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::ChildStdin;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::app::binary;
use crate::process::{Program, read_lossy};
use crate::sandbox::Sandbox;
use crate::wait::{PATIENCE, wait_until};

/// A shell that runs the hook handler as an agent would, one hook at a time: so the handler's parent is a process that
/// lives on, and is not one that the test's own `magia` runs in.
pub struct ScriptedAgent<'a> {
    sandbox: &'a Sandbox,
    program: Program,
    stdin: ChildStdin,
    session: String,
    hooks: usize,
}

/// A hook that was started.
pub struct RunningHook {
    output: PathBuf,
    code: PathBuf,
}

/// On a machine under load a handler may need longer than the half second that it has, and goes away without a word.
const PATIENT: &str = "--deadline-ms 60000";

impl<'a> ScriptedAgent<'a> {
    /// Starts the shell. `session` is the agent's own id for its session and the name of its log.
    pub fn start(sandbox: &'a Sandbox, session: &str) -> Result<Self> {
        // By a name that is no shell's: between a hook and its agent the handler looks through shells.
        let agent = sandbox.root().join("agent");
        if !agent.exists() {
            std::os::unix::fs::symlink("/bin/sh", &agent).context("naming the agent")?;
        }
        let mut program = sandbox.spawn_piped(session, sandbox.command(agent))?;
        let stdin = program.take_stdin().context("the shell has no stdin")?;
        Ok(Self { sandbox, program, stdin, session: session.to_owned(), hooks: 0 })
    }

    /// The process, for signals and its end.
    pub fn program(&mut self) -> &mut Program {
        &mut self.program
    }

    /// Sends an event and waits until the handler has ended, as an agent does.
    pub fn hook(&mut self, event: &str, fields: &Value) -> Result<()> {
        let (code, output) = self.start_hook(event, PATIENT, fields)?.wait()?;
        if code != 0 || !output.is_empty() {
            bail!("the handler of {event} ended with {code} and said {output:?}");
        }
        Ok(())
    }

    /// Begins a session with one prompt.
    pub fn begin(&mut self, prompt: &str) -> Result<()> {
        self.hook("SessionStart", &json!({ "source": "startup", "model": "model-1" }))?;
        self.hook("UserPromptSubmit", &json!({ "prompt": prompt }))
    }

    /// Asks for a tool and leaves the handler waiting.
    pub fn ask(&mut self, tool: &str, input: &Value) -> Result<RunningHook> {
        let use_id = format!("use-{}", self.hooks);
        self.hook("PreToolUse", &json!({ "tool_name": tool, "tool_input": input, "tool_use_id": use_id }))?;
        self.start_hook("PermissionRequest", "--gate", &json!({ "tool_name": tool, "tool_input": input }))
    }

    fn start_hook(&mut self, event: &str, flags: &str, fields: &Value) -> Result<RunningHook> {
        self.hooks += 1;
        let file = |kind: &str| self.sandbox.logs().join(format!("{}-{}.{kind}", self.session, self.hooks));
        let (input, output, code) = (file("in"), file("stdout"), file("code"));
        let mut payload = json!({
            "session_id": self.session,
            "cwd": self.sandbox.work(),
            "hook_event_name": event,
            "permission_mode": "default",
        });
        if let (Some(payload), Some(fields)) = (payload.as_object_mut(), fields.as_object()) {
            payload.extend(fields.clone());
        }
        fs::write(&input, payload.to_string()).context("writing the payload")?;
        let handler = binary("magia-hook-handler")?;
        let line = format!(
            "{} --provider claude --event {event} {flags} <{} >{}; echo $? >{}",
            handler.display(),
            input.display(),
            output.display(),
            code.display(),
        );
        writeln!(self.stdin, "{line}").and_then(|()| self.stdin.flush()).context("writing to the shell")?;
        Ok(RunningHook { output, code })
    }
}

impl RunningHook {
    /// What the handler ended with and what it had printed, once it has ended.
    pub fn ended(&self) -> Option<(i32, String)> {
        let code = read_lossy(&self.code).strip_suffix('\n')?.parse().ok()?;
        Some((code, read_lossy(&self.output)))
    }

    /// Waits for the handler's end.
    pub fn wait(&self) -> Result<(i32, String)> {
        wait_until("the hook handler's end", PATIENCE, || self.ended())
    }

    /// Waits for the end and reads the decision that was printed.
    pub fn decision(&self) -> Result<Value> {
        let (code, output) = self.wait()?;
        if code != 0 {
            bail!("the handler ended with {code}: {output}");
        }
        let output: Value = serde_json::from_str(&output).with_context(|| format!("reading {output:?}"))?;
        output.pointer("/hookSpecificOutput/decision").cloned().context("no decision in the answer")
    }
}
