//! Acts of a scenario carried out on the real Codex.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::codex::{Codex, InteractiveCodex};
use crate::model::steps;
use crate::process::Program;
use crate::sandbox::Sandbox;
use crate::states::{Act, OwnWord, Player, unix_ms_of};
use crate::states_ground::Ground;
use crate::terminal::Key;
use crate::wait::{PATIENCE, wait_until};

/// A prompt that has begun no turn for so long is lost.
pub(crate) const SWALLOWED: Duration = Duration::from_secs(10);

/// One Codex after the other in one place.
pub struct CodexPlayer<'s> {
    sandbox: &'s Sandbox,
    ground: &'s Ground,
    codex: Codex<'s>,
    running: Running,
}

enum Running {
    Nothing,
    Tui(InteractiveCodex),
    Exec(Program),
}

impl<'s> CodexPlayer<'s> {
    /// No Codex runs yet; its configuration is there.
    pub fn new(sandbox: &'s Sandbox, ground: &'s Ground) -> Result<Self> {
        Ok(Self { sandbox, ground, codex: Codex::as_configured(sandbox)?, running: Running::Nothing })
    }

    fn tui(&self) -> Result<&InteractiveCodex> {
        match &self.running {
            Running::Tui(codex) => Ok(codex),
            _ => bail!("no Codex runs in a terminal"),
        }
    }

    /// How many turns have begun in all sessions; the hidden ones that make titles have no files.
    fn turns(&self) -> usize {
        let mut files = Vec::new();
        rollouts(&self.codex.home().join("sessions"), &mut files);
        let texts = files.iter().filter_map(|file| fs::read_to_string(file).ok());
        texts.map(|text| text.matches(r#""type":"task_started""#).count()).sum()
    }
}

/// The script as a prompt: a list of steps of `fake-openai.mjs` and `fake-gemini.mjs`.
pub(crate) fn prompt(script: &Value) -> Result<String> {
    let lines = script.as_array().context("a script is a list")?;
    let lines: Option<Vec<&str>> = lines.iter().map(Value::as_str).collect();
    Ok(steps(&lines.context("a step is a text")?))
}

impl Player for CodexPlayer<'_> {
    fn act(&mut self, act: &Act, before: Option<&str>) -> Result<()> {
        match act {
            Act::Start(args) => {
                let args: Vec<String> =
                    args.iter().map(|arg| arg.replace("{id}", before.unwrap_or_default())).collect();
                let args: Vec<&str> = args.iter().map(String::as_str).collect();
                self.running = Running::Nothing;
                self.running = Running::Tui(self.codex.terminal("codex", &args)?);
            }
            Act::Print(script) => self.running = Running::Exec(self.codex.exec("exec", &prompt(script)?)?),
            Act::Prompt(script) => {
                let tui = self.tui()?;
                let quiet = || (!tui.terminal.shows("esc to interrupt")).then_some(());
                wait_until("Codex to be at rest", PATIENCE, quiet)?;
                let (text, begun) = (prompt(script)?, self.turns());
                tui.prompt(&text)?;
                let begins = || (self.turns() > begun).then_some(());
                // One that comes in the moment in which a turn fails is shown, and no turn ever begins.
                if wait_until("a turn of the prompt", SWALLOWED, begins).is_err() {
                    tui.prompt(&text)?;
                }
            }
            // Until the words after a turn it refuses a command.
            Act::Command(command) => {
                let terminal = &self.tui()?.terminal;
                terminal.wait_for_text("Worked for", PATIENCE)?;
                terminal.type_text(command)?;
                terminal.answer(&format!("› {command}"), &Key::Enter.bytes())?;
                if *command == "/new" {
                    let anew = || (!terminal.shows("Worked for")).then_some(());
                    wait_until("the new conversation", PATIENCE, anew)?;
                }
            }
            Act::Choose(words, choice) => self.tui()?.terminal.answer(words, choice.as_bytes())?,
            Act::Queue(line) => {
                let terminal = &self.tui()?.terminal;
                terminal.type_text(line)?;
                terminal.answer(&format!("› {line}"), &Key::Enter.bytes())?;
            }
            Act::Press(key) => self.tui()?.terminal.press(*key)?,
            Act::PressAt(words, key) => self.tui()?.terminal.answer(words, &key.bytes())?,
            Act::Signal(signal) => match &self.running {
                Running::Exec(exec) => exec.signal(*signal)?,
                _ => self.tui()?.terminal.signal(*signal)?,
            },
            Act::Configure(toml) => self.codex.configure(toml)?,
            Act::KillServer => self.codex.kill_daemon()?,
            Act::RestartMagia => self.ground.restart_magia(self.sandbox)?,
            Act::StartStream | Act::HostAllows | Act::CloseInput => {
                bail!("Codex has no JSON lines both ways")
            }
            Act::PressToEnd(..) => bail!("not an act of this table"),
            Act::Magia(..) | Act::Verb(_) => bail!("magia's verbs are not Codex's"),
        }
        Ok(())
    }

    fn pid(&self) -> Option<u32> {
        match &self.running {
            Running::Nothing => None,
            Running::Tui(codex) => Some(codex.pid()),
            Running::Exec(exec) => Some(exec.pid()),
        }
    }

    /// From the session's own file, which tells of each turn's start and end.
    fn own_words(&self, session: Option<&str>) -> Vec<OwnWord> {
        let mut files = Vec::new();
        rollouts(&self.codex.home().join("sessions"), &mut files);
        let is_of = |file: &PathBuf, session| file.to_string_lossy().ends_with(&format!("-{session}.jsonl"));
        let file = session.and_then(|session| files.into_iter().find(|file| is_of(file, session)));
        let text = file.and_then(|file| fs::read_to_string(file).ok()).unwrap_or_default();
        text.lines().filter_map(|line| word(&serde_json::from_str(line).ok()?)).collect()
    }

    fn screen(&self) -> String {
        match &self.running {
            Running::Nothing => String::new(),
            Running::Tui(codex) => codex.terminal.screen(),
            Running::Exec(exec) => exec.stdout(),
        }
    }
}

/// The sessions' files, somewhere under `year/month/day`.
fn rollouts(directory: &Path, files: &mut Vec<PathBuf>) {
    for path in fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            rollouts(&path, files);
        } else {
            files.push(path);
        }
    }
}

fn word(line: &Value) -> Option<OwnWord> {
    let payload = line.get("payload").filter(|_| line["type"] == "event_msg")?;
    let state = match payload.get("type")?.as_str()? {
        "task_started" => "working",
        "task_complete" if payload.get("error").is_some_and(|error| !error.is_null()) => "failed",
        "task_complete" | "turn_aborted" => "idle",
        _ => return None,
    };
    let told_ms = unix_ms_of(line.get("timestamp")?.as_str()?)?;
    Some(OwnWord { state, since_ms: told_ms, told_ms })
}
