//! Acts of a scenario carried out on the real Claude Code.

use anyhow::{Result, bail};

use crate::claude::{Claude, InteractiveClaude};
use crate::model::{FakeModel, script};
use crate::process::Program;
use crate::registry::RegistryEntry;
use crate::sandbox::Sandbox;
use crate::states::{Act, OwnWord, Player};
use crate::stream::StreamClaude;
use crate::terminal::Key;
use crate::wait::PATIENCE;

/// One Claude after the other in one place.
pub struct ClaudePlayer<'s> {
    sandbox: &'s Sandbox,
    model: &'s FakeModel,
    running: Running,
}

enum Running {
    Nothing,
    Tui(InteractiveClaude),
    Stream(StreamClaude),
    Print(Program),
}

impl<'s> ClaudePlayer<'s> {
    /// No Claude runs yet.
    pub fn new(sandbox: &'s Sandbox, model: &'s FakeModel) -> Self {
        Self { sandbox, model, running: Running::Nothing }
    }

    fn claude(&self) -> Result<Claude<'s>> {
        // An error of the model is to end the turn at once.
        Ok(Claude::new(self.sandbox, self.model)?.env("CLAUDE_CODE_MAX_RETRIES", "0"))
    }

    fn tui(&mut self) -> Result<&mut InteractiveClaude> {
        match &mut self.running {
            Running::Tui(claude) => Ok(claude),
            _ => bail!("no Claude runs in a terminal"),
        }
    }

    fn stream(&mut self) -> Result<&mut StreamClaude> {
        match &mut self.running {
            Running::Stream(claude) => Ok(claude),
            _ => bail!("no Claude runs over JSON lines"),
        }
    }

    /// What Claude's registry says of it.
    fn registry_word(&self) -> Option<OwnWord> {
        let (entry, told_ms) = RegistryEntry::read_with_time(&self.sandbox.home(), self.pid()?)?;
        let state = match entry.status.as_deref()? {
            "busy" => "working",
            "waiting" => "waiting for permission",
            "idle" => "idle",
            _ => return None,
        };
        Some(OwnWord { state, since_ms: entry.status_updated_ms, told_ms })
    }
}

/// The script as a prompt; the outer marks differ from those of a script inside it, for a subagent.
fn prompt(steps: &serde_json::Value) -> String {
    let text = script(steps);
    if text.matches("%%").count() > 2 {
        return text
            .replacen("%%", "@@", 1)
            .strip_suffix("%%")
            .map_or(text.clone(), |text| format!("{text}@@"));
    }
    text
}

impl Player for ClaudePlayer<'_> {
    fn act(&mut self, act: &Act, before: Option<&str>) -> Result<()> {
        match act {
            Act::Start(args) => {
                let mut claude = self.claude()?;
                for arg in *args {
                    claude = claude.arg(arg.replace("{id}", before.unwrap_or_default()));
                }
                self.running = Running::Nothing;
                self.running = Running::Tui(claude.interactive("claude")?);
            }
            Act::StartStream => self.running = Running::Stream(self.claude()?.stream("claude")?),
            Act::Print(steps) => {
                self.running = Running::Print(self.claude()?.print("claude", &prompt(steps))?)
            }
            Act::Prompt(steps) => match &mut self.running {
                Running::Stream(claude) => claude.send_user(&prompt(steps))?,
                _ => self.tui()?.prompt(&prompt(steps))?,
            },
            Act::Command(command) => {
                let terminal = &self.tui()?.terminal;
                terminal.type_text(command)?;
                terminal.wait_for_text(&format!("❯ {command}"), PATIENCE)?;
                terminal.press(Key::Enter)?;
            }
            Act::Choose(words, choice) => {
                let terminal = &self.tui()?.terminal;
                terminal.wait_for_text(words, PATIENCE)?;
                terminal.type_text(choice)?;
            }
            Act::Press(key) => self.tui()?.terminal.press(*key)?,
            Act::PressAt(words, key) => {
                let terminal = &self.tui()?.terminal;
                terminal.wait_for_text(words, PATIENCE)?;
                terminal.press(*key)?;
            }
            Act::PressToEnd(words, key) => self.tui()?.terminal.press_to_end(words, *key)?,
            Act::HostAllows => {
                let claude = self.stream()?;
                let request = claude.wait_for_tool_request(1)?;
                claude.allow(&request)?;
            }
            Act::CloseInput => self.stream()?.close_stdin(),
            Act::Signal(signal) => match &mut self.running {
                Running::Stream(claude) => claude.program().signal(*signal)?,
                _ => self.tui()?.terminal.signal(*signal)?,
            },
            Act::Configure(_) | Act::KillServer | Act::RestartMagia | Act::Queue(_) => {
                bail!("not an act of this table")
            }
            Act::Magia(..) | Act::Verb(_) => bail!("magia's verbs are not Claude's"),
        }
        Ok(())
    }

    fn pid(&self) -> Option<u32> {
        match &self.running {
            Running::Nothing => None,
            Running::Tui(claude) => Some(claude.pid()),
            Running::Stream(claude) => Some(claude.pid()),
            Running::Print(claude) => Some(claude.pid()),
        }
    }

    fn own_words(&self, _session: Option<&str>) -> Vec<OwnWord> {
        self.registry_word().into_iter().collect()
    }

    fn screen(&self) -> String {
        match &self.running {
            Running::Nothing => String::new(),
            Running::Tui(claude) => claude.terminal.screen(),
            Running::Stream(claude) => {
                claude.messages().iter().map(|message| format!("{message}\n")).collect()
            }
            Running::Print(claude) => claude.stdout(),
        }
    }
}
