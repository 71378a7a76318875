//! Plays one recorded session through the real hook handler and the real sockets.

use super::agent::{Done, Order};
use super::answer::{Answer, chosen};
use super::notes::{Note, Stop, What};
use super::place::Place;
use super::script::{Script, Step, fill, fill_text};
use super::telemetry::Telemetry;
use super::transcript::{Registry, Transcript};
use crate::failure::say;
use anyhow::{Context as _, Result};
use serde_json::{Map, Value, json};
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{ChildStdin, ChildStdout};
use std::sync::mpsc::SyncSender;
use std::time::Duration;
use uuid::Uuid;

/// How long the person in the pretended terminal takes to answer a request that was left to it.
const TERMINAL_ANSWER: Duration = Duration::from_secs(2);

/// The agent's process as a player sees it.
pub struct Agent {
    /// Its process id.
    pub pid: u32,
    /// Takes orders.
    pub stdin: ChildStdin,
    /// Tells how they ended.
    pub stdout: BufReader<ChildStdout>,
}

/// What ends a session before its recording does.
enum Cut {
    /// The demo ends.
    Stopped,
    /// The agent's process is gone.
    Gone,
    /// Something failed.
    Broken(anyhow::Error),
}

impl From<anyhow::Error> for Cut {
    fn from(err: anyhow::Error) -> Self {
        Self::Broken(err)
    }
}

#[derive(Default)]
struct Tool {
    id: String,
    name: Value,
    input: Value,
}

/// One session being played.
pub struct Player<'a> {
    script: &'a Script,
    agent: Agent,
    stop: &'a Stop,
    notes: SyncSender<Note>,
    speed: f64,
    session: String,
    prompt_id: String,
    cwd: String,
    transcript: Transcript,
    registry: Registry,
    /// `None` once it was refused: the demo goes on without.
    telemetry: Option<Telemetry>,
    tool: Tool,
    answer: String,
    reason: String,
}

impl<'a> Player<'a> {
    /// Makes the session's project and takes over its agent.
    pub fn new(
        script: &'a Script,
        place: &Place,
        agent: Agent,
        stop: &'a Stop,
        notes: SyncSender<Note>,
        speed: f64,
    ) -> Result<Self> {
        let session = Uuid::new_v4().to_string();
        let dir = place.projects_dir().join(&script.heading.project);
        for (path, content) in &script.heading.files {
            write_file(&dir.join(path), content.as_str().unwrap_or_default())?;
        }
        fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
        let cwd = dir.display().to_string();
        let claude_dir = place.claude_dir();
        Ok(Self {
            transcript: Transcript::new(&claude_dir, &session, &cwd, &script.heading.model),
            registry: Registry::new(&claude_dir, agent.pid, &session, &cwd),
            telemetry: Some(Telemetry::new(place, &session, &script.heading.model)),
            script,
            agent,
            stop,
            notes,
            speed,
            session,
            prompt_id: String::new(),
            cwd,
            tool: Tool::default(),
            answer: String::new(),
            reason: String::new(),
        })
    }

    /// Which recording.
    pub const fn name(&self) -> &'static str {
        self.script.name
    }

    /// Plays until the recording is at its end, then waits until the process goes.
    pub fn run(mut self) {
        let played = self.begin().and_then(|()| self.steps(&self.script.steps));
        match played {
            Ok(()) => self.tell(What::Played),
            Err(Cut::Stopped) => return,
            Err(Cut::Gone) => return self.tell(What::Gone),
            Err(Cut::Broken(err)) => self.tell(What::Broken { error: format!("{err:#}") }),
        }
        // Nothing more is ordered, so what can be read is the end.
        if matches!(self.agent.stdout.read_line(&mut String::new()), Ok(0)) && self.stop.pause(Duration::ZERO)
        {
            self.tell(What::Gone);
        }
    }

    fn begin(&mut self) -> Result<(), Cut> {
        self.pause(self.script.heading.start_ms)?;
        self.registry.set("idle", None)?;
        let provider_session_id = self.session.clone();
        self.tell(What::Began { provider_session_id, pid: self.agent.pid });
        Ok(())
    }

    /// The demo may have stopped listening; it then ends anyway.
    fn tell(&self, what: What) {
        let project = self.script.heading.project.clone();
        drop(self.notes.send(Note { what, recording: self.script.name, project }));
    }

    fn pause(&self, ms: u64) -> Result<(), Cut> {
        let time = Duration::from_millis(ms).div_f64(self.speed);
        if self.stop.pause(time) { Ok(()) } else { Err(Cut::Stopped) }
    }

    fn steps(&mut self, steps: &[Step]) -> Result<(), Cut> {
        for step in steps {
            self.pause(step.after_ms)?;
            self.step(step)?;
        }
        Ok(())
    }

    fn step(&mut self, step: &Step) -> Result<(), Cut> {
        if let Some(title) = &step.title {
            self.transcript.title(title)?;
        }
        if let Some(say) = &step.say {
            let text = self.filled(say);
            self.transcript.say(text.trim())?;
            self.measure(|telemetry, prompt| telemetry.said(prompt, text.trim()));
        }
        if let Some(event) = &step.hook {
            self.hook(event, step)?;
        }
        if !step.repeat.is_empty() {
            self.steps(&step.repeat)?;
            self.tell(What::Played);
            loop {
                self.steps(&step.repeat)?;
                // However fast the demo is played, this never spins.
                self.pause(20)?;
            }
        }
        Ok(())
    }

    /// Tells what the agent would tell of itself.
    fn measure(&mut self, tell: impl FnOnce(&mut Telemetry, &str) -> Result<()>) {
        if let Some(telemetry) = &mut self.telemetry
            && let Err(err) = tell(telemetry, &self.prompt_id)
        {
            say(&format!("the demo goes on without metrics: {err:#}"));
            self.telemetry = None;
        }
    }

    fn filled(&self, text: &str) -> String {
        fill_text(text, &self.names())
    }

    fn names(&self) -> [(&'static str, &str); 3] {
        [("cwd", &self.cwd), ("answer", &self.answer), ("reason", &self.reason)]
    }

    fn hook(&mut self, event: &str, step: &Step) -> Result<(), Cut> {
        let given = match fill(&Value::Object(step.payload.clone()), &self.names()) {
            Value::Object(given) => given,
            _ => Map::new(),
        };
        let of_subagent = given.contains_key("agent_id");
        let text = |key: &str| given.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        match event {
            "UserPromptSubmit" => {
                self.prompt_id = Uuid::new_v4().to_string();
                self.transcript.prompt(&self.prompt_id, &text("prompt"))?;
                self.registry.set("busy", None)?;
            }
            "PreToolUse" => {
                self.tool = Tool {
                    id: format!("toolu_{}", Uuid::new_v4().simple()),
                    name: given.get("tool_name").cloned().unwrap_or_default(),
                    input: given.get("tool_input").cloned().unwrap_or_default(),
                };
                if !of_subagent {
                    let name = text("tool_name");
                    self.transcript.tool_use(&self.tool.id, &name, &self.tool.input)?;
                }
            }
            "PostToolUse" if !of_subagent => {
                let response = given.get("tool_response").cloned().unwrap_or_default();
                let content = response.get("stdout").and_then(Value::as_str).unwrap_or("done").to_owned();
                self.transcript.tool_result(&self.tool.id, &content, false, &response)?;
            }
            "PostToolUseFailure" => {
                let error = text("error");
                self.transcript.tool_result(
                    &self.tool.id,
                    &error,
                    true,
                    &json!(format!("Error: {error}")),
                )?;
            }
            "Stop" | "StopFailure" => {
                let last = text("last_assistant_message");
                self.transcript.say(&last)?;
                self.measure(|telemetry, prompt| telemetry.said(prompt, &last));
                self.registry.set("idle", None)?;
            }
            _ => {}
        }
        if event == "PermissionRequest" {
            return self.ask(given, step);
        }
        let response = given.get("tool_response").cloned().unwrap_or_default();
        let took = given.get("duration_ms").and_then(Value::as_u64).unwrap_or_default();
        self.order(event, false, given)?;
        if matches!(event, "PostToolUse" | "PostToolUseFailure") && !of_subagent {
            let (tool, failed) = (self.tool.name.clone(), event == "PostToolUseFailure");
            self.measure(|telemetry, prompt| telemetry.called(prompt, &tool, took, failed));
            self.batch(&response)?;
        }
        Ok(())
    }

    /// What the agent reports after each round of tools.
    fn batch(&mut self, response: &Value) -> Result<(), Cut> {
        let call = json!({
            "tool_name": self.tool.name,
            "tool_input": self.tool.input,
            "tool_use_id": self.tool.id,
            "tool_response": response.to_string(),
        });
        self.order("PostToolBatch", false, Map::from_iter([("tool_calls".to_owned(), json!([call]))]))?;
        Ok(())
    }

    fn ask(&mut self, given: Map<String, Value>, step: &Step) -> Result<(), Cut> {
        let tool = given.get("tool_name").and_then(Value::as_str).unwrap_or_default().to_owned();
        self.registry.set("waiting", Some("permission prompt"))?;
        self.tell(What::Asked { tool });
        let done = self.order("PermissionRequest", true, given)?;
        let answer = Answer::read(&done.stdout);
        self.tell(What::Answered { decision: answer.word() });
        if matches!(answer, Answer::Nothing) {
            let ms = u64::try_from(TERMINAL_ANSWER.as_millis()).unwrap_or_default();
            self.pause(ms)?;
        }
        self.registry.set("busy", None)?;
        match answer {
            Answer::Deny { reason } => {
                self.transcript.tool_result(
                    &self.tool.id,
                    &reason,
                    true,
                    &json!(format!("Error: {reason}")),
                )?;
                self.reason = reason;
                self.batch(&Value::from(self.reason.clone()))?;
                self.steps(&step.deny)
            }
            Answer::Allow { input } => {
                if let Some(input) = input {
                    self.tool.input = input;
                }
                self.answer = chosen(&self.tool.input);
                self.steps(&step.allow)
            }
            Answer::Nothing => {
                self.answer = chosen(&self.tool.input);
                self.steps(&step.allow)
            }
        }
    }

    /// Has the agent run the handler for an event, and waits for its end.
    fn order(&mut self, event: &str, gate: bool, given: Map<String, Value>) -> Result<Done, Cut> {
        let payload = self.payload(event, given);
        let order = Order { event: event.to_owned(), gate, payload };
        let mut line = serde_json::to_vec(&order).context("cannot write an event")?;
        line.push(b'\n');
        let mut done = String::new();
        let sent = self.agent.stdin.write_all(&line).and_then(|()| self.agent.stdin.flush());
        if sent.is_err() || matches!(self.agent.stdout.read_line(&mut done), Ok(0) | Err(_)) {
            return Err(if self.stop.pause(Duration::ZERO) { Cut::Gone } else { Cut::Stopped });
        }
        Ok(serde_json::from_str(&done).context("the agent's line is not understood")?)
    }

    fn payload(&self, event: &str, given: Map<String, Value>) -> Value {
        let mut payload = Map::new();
        let mut put = |key: &str, value: Value| payload.insert(key.to_owned(), value);
        put("session_id", self.session.clone().into());
        put("transcript_path", self.transcript.path().display().to_string().into());
        put("cwd", self.cwd.clone().into());
        if event != "SessionStart" {
            put("prompt_id", self.prompt_id.clone().into());
            put("permission_mode", "default".into());
        }
        put("hook_event_name", event.into());
        if matches!(event, "PostToolUse" | "PostToolUseFailure") {
            put("tool_name", self.tool.name.clone());
            put("tool_input", self.tool.input.clone());
        }
        if matches!(event, "PreToolUse" | "PostToolUse" | "PostToolUseFailure") {
            put("tool_use_id", self.tool.id.clone().into());
        }
        payload.extend(given);
        payload.into()
    }
}

fn write_file(path: &Path, content: &str) -> Result<()> {
    let write = || {
        if let Some(dir) = path.parent() {
            fs::create_dir_all(dir)?;
        }
        fs::write(path, content)
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}
