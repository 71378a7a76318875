//! magia's hooks in Codex's own settings, as a user who wants them there has them.

use anyhow::Result;

use crate::app::binary;
use crate::codex::Codex;

/// What magia's installer subscribes to.
const EVENTS: &[&str] = &[
    "SessionStart",
    "SessionEnd",
    "UserPromptSubmit",
    "PreToolUse",
    "PermissionRequest",
    "PostToolUse",
    "PreCompact",
    "PostCompact",
    "SubagentStart",
    "SubagentStop",
    "Stop",
    "Interrupt",
    "PostModelRequest",
];

impl Codex<'_> {
    /// Adds magia's hooks to `config.toml` and lets every following start run them untrusted; `strict` makes
    /// `PreToolUse` a gate that fails closed.
    pub fn with_hooks(self, strict: bool) -> Result<Self> {
        let handler = binary("magia-hook-handler")?;
        self.with_hooks_of(&handler.to_string_lossy(), strict)
    }

    /// The same with another program as the handler.
    pub fn with_hooks_of(self, handler: &str, strict: bool) -> Result<Self> {
        let mut toml = String::new();
        for event in EVENTS {
            let flags = match *event {
                "PermissionRequest" => " --gate",
                "PreToolUse" if strict => " --gate --fail-closed",
                _ => "",
            };
            let timeout = if flags.is_empty() { 3 } else { 600 };
            toml.push_str(&format!(
                "[[hooks.{event}]]\n[[hooks.{event}.hooks]]\ntype = \"command\"\ntimeout = {timeout}\n\
                 command = \"{handler} --provider codex --event {event}{flags}\"\n"
            ));
        }
        self.configure(&toml)?;
        Ok(self.arg("--dangerously-bypass-hook-trust"))
    }
}
