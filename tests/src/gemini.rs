//! The real Gemini CLI, pinned, against the fake model.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value, json};

use crate::app::binary;
use crate::cli::Cli;
use crate::model::FakeModel;
use crate::process::Program;
use crate::sandbox::Sandbox;
use crate::terminal::{Key, Terminal};
use crate::wait::{PATIENCE, wait_until};

/// The version that `tests/agents` pins and that these tests were written against.
pub const GEMINI_VERSION: &str = "0.61.0";
/// Names the script when it is not where `make agents` puts it.
const SCRIPT: &str = "MAGIA_TEST_GEMINI";
const INSTALLED: &str = "../.agents/node_modules/@google/gemini-cli/bundle/gemini.js";
/// With "auto" it would ask another model which one to take.
const MODEL: &str = "gemini-2.5-pro";
/// A start takes seconds, and more of them when tests run side by side.
const START: Duration = Duration::from_secs(90);
/// When an Enter seems to have been swallowed, it is pressed again.
const ENTER_PATIENCE: Duration = Duration::from_secs(4);
/// Stands in a prompt box that is empty.
const EMPTY_BOX: &str = "Type your message";
/// So often, on a machine that is busy with other tests.
const ENTERS: usize = 5;
/// What magia's installer subscribes to.
const EVENTS: &[&str] =
    &["SessionStart", "SessionEnd", "BeforeAgent", "AfterAgent", "BeforeTool", "AfterTool", "Notification"];

/// How to start Gemini in a sandbox.
pub struct Gemini<'a> {
    sandbox: &'a Sandbox,
    node: PathBuf,
    script: PathBuf,
    env: Vec<(String, String)>,
    args: Vec<String>,
}

impl<'a> Gemini<'a> {
    /// Finds the program and writes `~/.gemini/settings.json`, so that nothing is asked at the first start and `model`,
    /// a Gemini fake, is the model. Without hooks.
    pub fn new(sandbox: &'a Sandbox, model: &FakeModel) -> Result<Self> {
        let gemini = Self::as_configured(sandbox, model)?;
        gemini.write_settings(Value::Null)?;
        Ok(gemini)
    }

    /// The same with a hook of the user's own, which keeps what Gemini tells of itself in `~/gemini-told`, a JSON object
    /// a line.
    pub fn with_witness(sandbox: &'a Sandbox, model: &FakeModel) -> Result<Self> {
        let gemini = Self::as_configured(sandbox, model)?;
        let command = format!("{{ cat; echo; }} >>'{}'", gemini.told_file().display());
        let group =
            json!([{ "matcher": "*", "hooks": [{ "type": "command", "name": "mine", "command": command }] }]);
        let hooks = EVENTS.iter().map(|event| ((*event).to_owned(), group.clone())).collect();
        gemini.write_settings(Value::Object(hooks))?;
        Ok(gemini)
    }

    /// What the hook of [`Gemini::with_witness`] has kept of one session, oldest first.
    pub fn told(&self, session: &str) -> Vec<Value> {
        let told = fs::read_to_string(self.told_file()).unwrap_or_default();
        let lines = told.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.filter(|line| line["session_id"] == session).collect()
    }

    /// How many turns have begun, in all sessions.
    pub fn turns(&self) -> usize {
        let told = fs::read_to_string(self.told_file()).unwrap_or_default();
        let lines = told.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.filter(|line| line["hook_event_name"] == "BeforeAgent").count()
    }

    fn told_file(&self) -> PathBuf {
        self.sandbox.home().join("gemini-told")
    }

    /// One more way into a sandbox that has its settings; they stay as they are.
    pub fn as_configured(sandbox: &'a Sandbox, model: &FakeModel) -> Result<Self> {
        let script = match std::env::var_os(SCRIPT) {
            Some(path) => PathBuf::from(path),
            None => PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(INSTALLED),
        };
        if !script.is_file() {
            bail!("no Gemini CLI at {}; run `make agents` or set {SCRIPT}", script.display());
        }
        // The runner's own PATH: node may be installed anywhere.
        let path = std::env::var_os("PATH").unwrap_or_default();
        let node = std::env::split_paths(&path)
            .map(|directory| directory.join("node"))
            .find(|node| node.is_file())
            .context("there is no node in PATH")?;
        let env = [
            ("PATH", path.to_string_lossy().as_ref()),
            ("GEMINI_API_KEY", "dummy"),
            ("GOOGLE_GEMINI_BASE_URL", model.url().as_str()),
            ("GEMINI_CLI_NO_RELAUNCH", "true"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec();
        Ok(Self { sandbox, node, script, env, args: Vec::new() })
    }

    /// The same with magia's hooks; `strict` makes `BeforeTool` a gate that fails closed.
    pub fn with_hooks(sandbox: &'a Sandbox, model: &FakeModel, strict: bool) -> Result<Self> {
        let gemini = Self::new(sandbox, model)?;
        let handler = binary("magia-hook-handler")?;
        let mut hooks = Map::new();
        for event in EVENTS {
            let gate = if strict && *event == "BeforeTool" { " --gate --fail-closed" } else { "" };
            let program = handler.display();
            let command =
                format!("[ -x {program} ] && exec {program} --provider gemini --event {event}{gate}; exit 0");
            let hook = json!({ "type": "command", "name": "magia", "command": command, "timeout": 30_000 });
            hooks.insert((*event).to_owned(), json!([{ "matcher": "*", "hooks": [hook] }]));
        }
        gemini.write_settings(Value::Object(hooks))?;
        Ok(gemini)
    }

    fn write_settings(&self, hooks: Value) -> Result<()> {
        let mut settings = json!({
            "security": { "auth": { "selectedType": "gemini-api-key" }, "folderTrust": { "enabled": false } },
            "general": { "enableAutoUpdate": false, "enableAutoUpdateNotification": false },
            "privacy": { "usageStatisticsEnabled": false },
            "telemetry": { "enabled": false },
            "ide": { "hasSeenNudge": true },
        });
        if let (Some(settings), false) = (settings.as_object_mut(), hooks.is_null()) {
            settings.insert("hooks".to_owned(), hooks);
        }
        let directory = self.sandbox.home().join(".gemini");
        fs::create_dir_all(&directory).context("making ~/.gemini")?;
        fs::write(directory.join("settings.json"), settings.to_string()).context("writing settings.json")
    }

    /// Adds a command-line argument to every following start.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<String>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Sets or takes away an environment variable of every following start.
    #[must_use]
    pub fn env(mut self, name: &str, value: Option<&str>) -> Self {
        self.env.retain(|(known, _)| known != name);
        self.env.extend(value.map(|value| (name.to_owned(), value.to_owned())));
        self
    }

    /// Starts the TUI in a terminal and waits for its prompt box.
    pub fn interactive(&self, name: &str) -> Result<InteractiveGemini> {
        let (argv, env) = self.words();
        let terminal = Terminal::start(self.sandbox, name, &argv, &env)?;
        terminal.wait_for_text(EMPTY_BOX, START)?;
        Ok(InteractiveGemini { terminal })
    }

    /// Lets it use the editor that its environment names.
    pub fn with_editor(self) -> Result<Self> {
        let file = self.sandbox.home().join(".gemini/settings.json");
        let mut settings: Value = serde_json::from_str(&fs::read_to_string(&file)?)?;
        if let Some(ide) = settings.get_mut("ide").and_then(Value::as_object_mut) {
            ide.insert("enabled".to_owned(), Value::Bool(true));
        }
        fs::write(&file, settings.to_string()).context("writing settings.json")?;
        // In a container it would look for the editor on the container's host.
        Ok(self.env("SSH_CONNECTION", Some("127.0.0.1 1 127.0.0.1 2")))
    }

    /// Starts the TUI in a terminal of magia's, which the running app makes, and attaches to it.
    pub fn in_magia(&self, id: &str) -> Result<InteractiveGemini> {
        let cli = Cli::new(self.sandbox);
        let (argv, env) = self.words();
        let env = env.into_iter().map(|(name, value)| format!("{name}={value}"));
        let command: Vec<String> =
            std::iter::once("/usr/bin/env".to_owned()).chain(env).chain(argv).collect();
        let wish = json!({
            "command": command, "id": id, "name": id, "cwd": self.sandbox.work(), "cols": 130, "rows": 45,
        });
        cli.json(&["call", "create_pty", &wish.to_string()])?;
        let attach = [binary("magia")?.to_string_lossy().into_owned(), "attach".to_owned(), id.to_owned()];
        let terminal = Terminal::start(self.sandbox, id, &attach, &[])?;
        terminal.wait_for_text(EMPTY_BOX, START)?;
        Ok(InteractiveGemini { terminal })
    }

    /// The command line of the TUI, and what goes into its environment, to start it elsewhere.
    pub fn words(&self) -> (Vec<String>, Vec<(String, String)>) {
        let text = |path: &PathBuf| path.to_string_lossy().into_owned();
        let own = ["-m", MODEL].map(str::to_owned);
        let argv = [text(&self.node), text(&self.script)].into_iter().chain(own).chain(self.args.clone());
        (argv.collect(), self.env.clone())
    }

    /// Starts `-p` with one prompt and JSON lines on stdout.
    pub fn print(&self, name: &str, prompt: &str) -> Result<Program> {
        let mut command: Command = self.sandbox.command(&self.node);
        command.envs(self.env.iter().map(|(name, value)| (name, value))).arg(&self.script);
        command.args(["-m", MODEL, "-o", "stream-json"]).args(&self.args).args(["-p", prompt]);
        self.sandbox.spawn(name, command)
    }
}

/// Gemini's TUI in a terminal.
pub struct InteractiveGemini {
    /// The terminal, for keys and the screen.
    pub terminal: Terminal,
}

impl InteractiveGemini {
    /// Gemini's process id.
    pub fn pid(&self) -> u32 {
        self.terminal.pid()
    }

    /// Enters a prompt and returns once Gemini has taken it.
    pub fn prompt(&self, text: &str) -> Result<()> {
        self.terminal.wait_for_text(EMPTY_BOX, PATIENCE)?;
        let first = text.lines().next().unwrap_or_default();
        let in_box = || self.prompt_line().is_some_and(|line| line.starts_with(first)).then_some(());
        self.terminal.paste(text)?;
        wait_until("the prompt in the box", PATIENCE, in_box)
            .with_context(|| format!("the screen:\n{}", self.terminal.screen()))?;
        self.enter(|| self.has_taken_it())
    }

    /// Types a line and enters it while a turn runs, which keeps it for after the turn.
    pub fn queue(&self, line: &str) -> Result<()> {
        self.terminal.type_text(line)?;
        self.terminal.wait_for_text(&format!("> {line}"), PATIENCE)?;
        self.enter(|| self.terminal.shows(EMPTY_BOX))
    }

    /// Presses Enter until what is in the box is taken: right after a paste, or within 30 ms of a key, it is taken for a
    /// new line in the text.
    fn enter(&self, taken: impl Fn() -> bool) -> Result<()> {
        for _ in 0..ENTERS {
            self.terminal.press(Key::Enter)?;
            if wait_until("what is in the box to be taken", ENTER_PATIENCE, || taken().then_some(())).is_ok()
            {
                return Ok(());
            }
        }
        bail!("Gemini does not take what is in the box; the screen:\n{}", self.terminal.screen())
    }

    /// Ends it as a user does. While Gemini still starts it takes even `/quit` for a prompt, so it is said again.
    pub fn quit(&mut self) -> Result<()> {
        self.terminal.wait_for_text(EMPTY_BOX, PATIENCE)?;
        for _ in 0..ENTERS {
            self.command("/quit")?;
            if wait_until("Gemini's end", ENTER_PATIENCE, || self.terminal.has_ended().then_some(())).is_ok()
            {
                return Ok(());
            }
        }
        bail!("Gemini does not quit; the screen:\n{}", self.terminal.screen())
    }

    /// Enters a slash command once the list under the box is down to it: Enter takes what is marked there.
    pub fn command(&self, command: &str) -> Result<()> {
        let name = command.trim_start_matches('/');
        let listed = || self.terminal.screen().lines().any(|line| line.trim_start().starts_with(name));
        self.terminal.type_text(command)?;
        wait_until("the command in the list", PATIENCE, || listed().then_some(()))
            .with_context(|| format!("the screen:\n{}", self.terminal.screen()))?;
        self.enter(|| self.has_taken_it())
    }

    /// Waits until no turn runs: the screen is some time behind the hook that tells of a turn's end, and an Enter until then
    /// is lost.
    pub fn wait_for_quiet(&self) -> Result<()> {
        let quiet = || (!self.terminal.shows("esc to cancel")).then_some(());
        wait_until("Gemini to be at rest", PATIENCE, quiet)
            .with_context(|| format!("the screen:\n{}", self.terminal.screen()))
    }

    /// Waits until the model's words are on the screen; the prompt's own echo, which holds them too, does not count.
    pub fn wait_for_answer(&self, text: &str) -> Result<()> {
        self.terminal.wait_for_text(&format!("✦ {text}"), PATIENCE)
    }

    /// Waits until Gemini's own permission dialog is on the screen.
    pub fn wait_for_dialog(&self) -> Result<()> {
        self.terminal.wait_for_text("Allow once", PATIENCE)
    }

    /// Whether Gemini's own permission dialog is on the screen.
    pub fn asks(&self) -> bool {
        self.terminal.shows("Allow once")
    }

    /// Whether something is on the screen that comes after a prompt. That the prompt is gone says nothing: a screen that
    /// is being painted anew lacks it for a moment.
    fn has_taken_it(&self) -> bool {
        [EMPTY_BOX, "esc to cancel", "powering down"].iter().any(|sign| self.terminal.shows(sign))
            || self.asks()
    }

    /// What stands in the prompt box.
    fn prompt_line(&self) -> Option<String> {
        let screen = self.terminal.screen();
        // With `-y` it begins with a star.
        let line = screen.lines().rev().find_map(|line| line.trim_start().strip_prefix(['>', '*']))?;
        Some(line.trim().to_owned())
    }
}
