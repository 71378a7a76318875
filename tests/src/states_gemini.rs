//! Acts of a scenario carried out on the real Gemini CLI.

use anyhow::{Result, bail};
use serde_json::Value;

use crate::gemini::{Gemini, InteractiveGemini};
use crate::process::Program;
use crate::sandbox::Sandbox;
use crate::states::{Act, OwnWord, Player, unix_ms_of};
use crate::states_codex::{SWALLOWED, prompt};
use crate::states_ground::Ground;
use crate::wait::wait_until;

/// One Gemini after the other in one place.
pub struct GeminiPlayer<'s> {
    sandbox: &'s Sandbox,
    ground: &'s Ground,
    running: Running,
}

enum Running {
    Nothing,
    Tui(InteractiveGemini),
    Print(Program),
}

impl<'s> GeminiPlayer<'s> {
    /// No Gemini runs yet; its settings are there.
    pub fn new(sandbox: &'s Sandbox, ground: &'s Ground) -> Self {
        Self { sandbox, ground, running: Running::Nothing }
    }

    fn gemini(&self) -> Result<Gemini<'s>> {
        Gemini::as_configured(self.sandbox, &self.ground.model)
    }

    fn tui(&mut self) -> Result<&mut InteractiveGemini> {
        match &mut self.running {
            Running::Tui(gemini) => Ok(gemini),
            _ => bail!("no Gemini runs in a terminal"),
        }
    }
}

impl Player for GeminiPlayer<'_> {
    fn act(&mut self, act: &Act, before: Option<&str>) -> Result<()> {
        match act {
            Act::Start(args) => {
                let mut gemini = self.gemini()?;
                for arg in *args {
                    gemini = gemini.arg(arg.replace("{id}", before.unwrap_or_default()));
                }
                self.running = Running::Nothing;
                self.running = Running::Tui(gemini.interactive("gemini")?);
            }
            Act::Print(script) => {
                self.running = Running::Print(self.gemini()?.arg("-y").print("gemini", &prompt(script)?)?);
            }
            Act::Prompt(script) => {
                self.tui()?.wait_for_quiet()?;
                let (text, begun) = (prompt(script)?, self.gemini()?.turns());
                self.tui()?.prompt(&text)?;
                let begins = || (self.gemini().ok()?.turns() > begun).then_some(());
                // One that comes while a session is still being loaded, or as a turn fails, leaves the box and begins none.
                if wait_until("a turn of the prompt", SWALLOWED, begins).is_err() {
                    self.tui()?.prompt(&text)?;
                }
            }
            Act::Command(command) => {
                self.tui()?.wait_for_quiet()?;
                self.tui()?.command(command)?;
            }
            Act::Choose(words, choice) => self.tui()?.terminal.answer(words, choice.as_bytes())?,
            Act::Queue(line) => self.tui()?.queue(line)?,
            Act::Press(key) => self.tui()?.terminal.press(*key)?,
            Act::PressAt(words, key) => self.tui()?.terminal.answer(words, &key.bytes())?,
            Act::PressToEnd(words, key) => self.tui()?.terminal.press_to_end(words, *key)?,
            Act::Signal(signal) => match &self.running {
                Running::Print(gemini) => gemini.signal(*signal)?,
                _ => self.tui()?.terminal.signal(*signal)?,
            },
            Act::RestartMagia => self.ground.restart_magia(self.sandbox)?,
            Act::Configure(_) | Act::KillServer => bail!("not an act of this table"),
            Act::StartStream | Act::HostAllows | Act::CloseInput => {
                bail!("Gemini has no JSON lines both ways")
            }
            Act::Magia(..) | Act::Verb(_) => bail!("magia's verbs are not Gemini's"),
        }
        Ok(())
    }

    fn pid(&self) -> Option<u32> {
        match &self.running {
            Running::Nothing => None,
            Running::Tui(gemini) => Some(gemini.pid()),
            Running::Print(gemini) => Some(gemini.pid()),
        }
    }

    /// From a hook of the user's own beside magia's; the time is the one that Gemini gives.
    fn own_words(&self, session: Option<&str>) -> Vec<OwnWord> {
        let told = session.and_then(|session| Some(self.gemini().ok()?.told(session))).unwrap_or_default();
        let mut words: Vec<OwnWord> = told.iter().filter_map(word).collect();
        words.sort_by_key(|word| word.told_ms);
        words.dedup_by_key(|word| word.state);
        words
    }

    fn screen(&self) -> String {
        match &self.running {
            Running::Nothing => String::new(),
            Running::Tui(gemini) => gemini.terminal.screen(),
            Running::Print(gemini) => gemini.stdout(),
        }
    }
}

fn word(told: &Value) -> Option<OwnWord> {
    let state = match told.get("hook_event_name")?.as_str()? {
        "SessionStart" | "AfterAgent" => "idle",
        "BeforeAgent" | "BeforeTool" | "AfterTool" => "working",
        "Notification" => "waiting for permission",
        "SessionEnd" => "ended",
        _ => return None,
    };
    let told_ms = unix_ms_of(told.get("timestamp")?.as_str()?)?;
    Some(OwnWord { state, since_ms: told_ms, told_ms })
}
