//! Acts of a scenario carried out on the real Codex.

use std::fs;
use std::path::{Path, PathBuf};

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
                tui.prompt(&prompt(script)?)?;
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
            Act::Type(words) => self.tui()?.terminal.type_text(words)?,
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
        let file = session.and_then(|session| rollout(&self.codex.home().join("sessions"), session));
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

/// The file of a session, somewhere under `year/month/day`.
fn rollout(directory: &Path, session: &str) -> Option<PathBuf> {
    fs::read_dir(directory).ok()?.flatten().find_map(|entry| {
        let path = entry.path();
        match path.is_dir() {
            true => rollout(&path, session),
            false => path.to_string_lossy().ends_with(&format!("-{session}.jsonl")).then_some(path),
        }
    })
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
