//! The real Claude Code against the fake model.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::json;

use crate::app::binary;
use crate::cli::Cli;
use crate::model::FakeModel;
use crate::process::Program;
use crate::registry::RegistryEntry;
use crate::sandbox::Sandbox;
use crate::stream::StreamClaude;
use crate::terminal::{Key, Terminal};
use crate::wait::{PATIENCE, wait_until};

/// The version that `tests/agents` pins and that these tests were written against.
pub const CLAUDE_VERSION: &str = "2.1.197";
/// Names the program when it is not where `make agents` puts it.
const PROGRAM: &str = "MAGIA_TEST_CLAUDE";
const INSTALLED: &str = "../.agents/node_modules/@anthropic-ai/claude-code-linux-x64/claude";
/// Not a secret: the fake model takes any. Claude asks before it uses an unknown one, see `seed`.
const API_KEY: &str = "dummy-key-000000000000";
/// When an Enter seems to have been swallowed, it is pressed again.
const ENTER_PATIENCE: Duration = Duration::from_secs(3);

/// How to start Claude Code in a sandbox.
pub struct Claude<'a> {
    sandbox: &'a Sandbox,
    program: PathBuf,
    env: Vec<(String, String)>,
    args: Vec<String>,
}

impl<'a> Claude<'a> {
    /// Finds the program and writes the `~/.claude.json` that spares the first-run questions.
    pub fn new(sandbox: &'a Sandbox, model: &FakeModel) -> Result<Self> {
        let program = match std::env::var_os(PROGRAM) {
            Some(path) => PathBuf::from(path),
            None => PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(INSTALLED),
        };
        if !program.is_file() {
            bail!("no Claude Code at {}; run `make agents` or set {PROGRAM}", program.display());
        }
        seed(sandbox)?;
        let env = [
            ("ANTHROPIC_BASE_URL", model.url().as_str()),
            ("ANTHROPIC_API_KEY", API_KEY),
            ("DISABLE_AUTOUPDATER", "1"),
            ("DISABLE_TELEMETRY", "1"),
            ("DISABLE_ERROR_REPORTING", "1"),
            ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1"),
            ("IS_SANDBOX", "1"),
            ("SHELL", "/bin/bash"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec();
        Ok(Self { sandbox, program, env, args: Vec::new() })
    }

    /// Adds a command-line argument to every following start.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<String>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Adds an environment variable to every following start.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.env.push((name.to_owned(), value.into()));
        self
    }

    /// Starts the TUI in a terminal and waits for its prompt box.
    pub fn interactive(&self, name: &str) -> Result<InteractiveClaude> {
        let (argv, env) = self.words();
        let terminal = Terminal::start(self.sandbox, name, &argv, &env)?;
        let pid = terminal.pid();
        self.ready(terminal, pid)
    }

    /// Starts the TUI in a terminal of magia's, which the running app makes, and attaches to it.
    pub fn in_magia(&self, id: &str) -> Result<InteractiveClaude> {
        let cli = Cli::new(self.sandbox);
        let (argv, env) = self.words();
        let env = env.into_iter().map(|(name, value)| format!("{name}={value}"));
        let command: Vec<String> =
            std::iter::once("/usr/bin/env".to_owned()).chain(env).chain(argv).collect();
        let wish = json!({ "command": command, "id": id, "name": id, "cwd": self.sandbox.work(), "cols": 130, "rows": 45 });
        let made = cli.json(&["call", "create_pty", &wish.to_string()])?;
        let pid = made
            .pointer("/process/pid")
            .and_then(serde_json::Value::as_u64)
            .and_then(|pid| u32::try_from(pid).ok());
        let pid = pid.with_context(|| format!("a terminal without a process: {made}"))?;
        let attach = [binary("magia")?.to_string_lossy().into_owned(), "attach".to_owned(), id.to_owned()];
        let terminal = Terminal::start(self.sandbox, id, &attach, &[])?;
        self.ready(terminal, pid)
    }

    fn ready(&self, terminal: Terminal, pid: u32) -> Result<InteractiveClaude> {
        let claude = InteractiveClaude { terminal, pid, home: self.sandbox.home() };
        wait_until("Claude's prompt box", PATIENCE, || {
            claude.entry()?.status.filter(|status| status == "idle")
        })
        .with_context(|| format!("the screen:\n{}", claude.terminal.screen()))?;
        Ok(claude)
    }

    /// The command line of the TUI, and what goes into its environment, to start it elsewhere.
    pub fn words(&self) -> (Vec<String>, Vec<(String, String)>) {
        let program = self.program.to_string_lossy().into_owned();
        (std::iter::once(program).chain(self.args.clone()).collect(), self.env.clone())
    }

    /// Starts `-p` with JSON lines both ways and permission requests on stdout.
    pub fn stream(&self, name: &str) -> Result<StreamClaude> {
        let mut command = self.command();
        command.args(["-p", "--input-format", "stream-json", "--output-format", "stream-json", "--verbose"]);
        command.args(["--permission-prompt-tool", "stdio"]);
        StreamClaude::start(self.sandbox.spawn_piped(name, command)?)
    }

    /// Starts plain `-p` with one prompt.
    pub fn print(&self, name: &str, prompt: &str) -> Result<Program> {
        let mut command = self.command();
        command.args(["-p", prompt]);
        self.sandbox.spawn(name, command)
    }

    fn command(&self) -> Command {
        let mut command = self.sandbox.command(&self.program);
        command.envs(self.env.iter().map(|(name, value)| (name, value))).args(&self.args);
        command
    }
}

/// Claude's TUI in a terminal.
pub struct InteractiveClaude {
    /// The terminal, for keys and the screen.
    pub terminal: Terminal,
    pid: u32,
    home: PathBuf,
}

impl InteractiveClaude {
    /// Claude's process id.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// What Claude says about itself in its registry.
    pub fn entry(&self) -> Option<RegistryEntry> {
        RegistryEntry::read(&self.home, self.pid())
    }

    /// Waits until the registry gives this status (`idle`, `busy`, `waiting`).
    pub fn wait_for_status(&self, status: &str) -> Result<RegistryEntry> {
        wait_until(&format!("Claude's status {status}"), PATIENCE, || {
            self.entry().filter(|entry| entry.status.as_deref() == Some(status))
        })
        .with_context(|| format!("the screen:\n{}", self.terminal.screen()))
    }

    /// Enters a prompt and returns once Claude has taken it.
    pub fn prompt(&self, text: &str) -> Result<()> {
        let before = self.wait_for_status("idle")?.status_updated_ms;
        self.terminal.paste(text)?;
        let tail: String = text.chars().skip(text.chars().count().saturating_sub(12)).collect();
        wait_until("the prompt in the box", PATIENCE, || {
            (self.terminal.shows(&tail) || self.terminal.shows("[Pasted text")).then_some(())
        })
        .with_context(|| format!("the screen:\n{}", self.terminal.screen()))?;
        let taken = || self.entry().filter(|entry| entry.status_updated_ms != before);
        self.terminal.press(Key::Enter)?;
        if wait_until("the prompt to be taken", ENTER_PATIENCE, taken).is_err() {
            self.terminal.press(Key::Enter)?;
            wait_until("the prompt to be taken at the second Enter", PATIENCE, taken)
                .with_context(|| format!("the screen:\n{}", self.terminal.screen()))?;
        }
        Ok(())
    }

    /// Waits until the model's words are on the screen; the prompt's own echo, which holds them too, does not count.
    pub fn wait_for_answer(&self, text: &str) -> Result<()> {
        self.terminal.wait_for_text(&format!("● {text}"), PATIENCE)
    }

    /// Waits until Claude's own permission dialog is on the screen.
    pub fn wait_for_dialog(&self) -> Result<()> {
        self.wait_for_status("waiting")?;
        self.terminal.wait_for_text("Do you want to proceed?", PATIENCE)
    }
}

/// Writes `~/.claude.json`: onboarding done, the key approved, the work directory trusted.
fn seed(sandbox: &Sandbox) -> Result<()> {
    let key_end: String = API_KEY.chars().skip(API_KEY.chars().count().saturating_sub(20)).collect();
    let work = sandbox.work().to_string_lossy().into_owned();
    let seed = json!({
        "hasCompletedOnboarding": true,
        "lastOnboardingVersion": CLAUDE_VERSION,
        "theme": "dark",
        "numStartups": 5,
        "customApiKeyResponses": { "approved": [key_end], "rejected": [] },
        "projects": { work: {
            "hasTrustDialogAccepted": true,
            "hasCompletedProjectOnboarding": true,
            "allowedTools": [],
            "projectOnboardingSeenCount": 5,
        } },
        "officialMarketplaceAutoInstallAttempted": true,
        "effortCalloutDismissed": true,
    });
    fs::write(sandbox.home().join(".claude.json"), seed.to_string()).context("writing ~/.claude.json")
}
