//! A sandbox in which magia watches the real Claude Code.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::app::App;
use crate::claude::{Claude, InteractiveClaude};
use crate::cli::Cli;
use crate::model::{FakeModel, script};
use crate::sandbox::Sandbox;

/// magia's hooks in Claude's settings, put there by `magia hooks install`; the model; and the app, which a test may end
/// and start again.
pub struct Scene<'a> {
    /// Where it all is.
    pub sandbox: &'a Sandbox,
    /// The command line.
    pub cli: Cli<'a>,
    /// The model's server.
    pub model: FakeModel,
    app: Option<App>,
}

impl<'a> Scene<'a> {
    /// With the app.
    pub fn new(sandbox: &'a Sandbox) -> Result<Self> {
        let mut scene = Self::without_app(sandbox)?;
        scene.start_app()?;
        Ok(scene)
    }

    /// Hooks and model alone.
    pub fn without_app(sandbox: &'a Sandbox) -> Result<Self> {
        let cli = Cli::new(sandbox);
        cli.json(&["hooks", "install"])?;
        Ok(Self { sandbox, cli, model: FakeModel::start(sandbox)?, app: None })
    }

    /// Starts the app without its window.
    pub fn start_app(&mut self) -> Result<()> {
        self.app = Some(App::start(self.sandbox)?);
        Ok(())
    }

    /// Ends the app as `kill -9` does.
    pub fn kill_app(&mut self) -> Result<()> {
        self.app.take().context("no app runs")?.program().kill9().map(drop)
    }

    /// How to start Claude here.
    pub fn agent(&self) -> Result<Claude<'a>> {
        Claude::new(self.sandbox, &self.model)
    }

    /// Claude's TUI in a terminal.
    pub fn claude(&self) -> Result<InteractiveClaude> {
        self.agent()?.interactive("claude")
    }

    /// Whether a tool has left its mark in the project.
    pub fn exists(&self, name: &str) -> bool {
        self.sandbox.work().join(name).exists()
    }
}

/// A step of a script: a shell command.
pub fn bash(command: &str) -> Value {
    json!(["Bash", { "command": command, "description": "does what it says" }])
}

/// A prompt for one command that Claude asks about and that leaves a file; the model then says `end`.
pub fn touch(name: &str, end: &str) -> String {
    script(&json!([bash(&format!("touch {name}")), end]))
}
