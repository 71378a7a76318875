//! Who may decide: an agent and what it started may not.

use super::Model;
use crate::event::{Ancestor, Origin};
use magia_protocol::wire::{ErrorCode, RpcError};

/// Programs that are agents whatever they say.
const AGENT_EXES: &[&str] = &["claude", "codex", "gemini"];

/// Programs that stand above an agent and above the user's other work alike: that one of them was once taken for an
/// agent, because someone ran the hook handler by hand, must not lock the user out.
const NEVER_AGENTS: &[&str] = &[
    "sh",
    "bash",
    "dash",
    "zsh",
    "fish",
    "tmux",
    "tmux: server",
    "screen",
    "login",
    "sshd",
    "systemd",
    "init",
    "gnome-terminal-",
    "konsole",
    "kitty",
    "alacritty",
    "xterm",
    "wezterm-gui",
    "foot",
];

impl Model {
    /// An agent must not approve itself, by accident or because a text told it to.
    pub(super) fn refuse_agents(&self, origin: &Origin) -> Result<(), RpcError> {
        let (Origin::Cli { ancestors, .. } | Origin::Http { ancestors, .. }) = origin else { return Ok(()) };
        if ancestors.is_empty() {
            return Err(RpcError::new(
                ErrorCode::Refused,
                "refused: what the caller runs inside could not be found out",
            )
            .with_hint("answer in the window, or try again from a terminal"));
        }
        no_agent_above(ancestors)?;
        let known = ancestors.iter().find(|ancestor| {
            self.by_process.contains_key(&ancestor.process) && !NEVER_AGENTS.contains(&ancestor.exe.as_str())
        });
        known.map_or(Ok(()), |agent| Err(refused_inside(agent)))
    }
}

/// Refuses a caller that runs inside a program which is an agent by its name, or that an agent started.
///
/// # Errors
/// `refused`, naming the agent.
pub fn no_agent_above(ancestors: &[Ancestor]) -> Result<(), RpcError> {
    let agent = ancestors.iter().find(|ancestor| AGENT_EXES.contains(&ancestor.exe.as_str()));
    if let Some(agent) = agent {
        return Err(refused_inside(agent));
    }
    match ancestors.iter().find_map(|ancestor| ancestor.mark.map(|mark| (ancestor, mark))) {
        Some((child, mark)) => Err(refused(format!(
            "refused: an agent started the caller ({mark} is set in {}, pid {})",
            child.exe, child.process.pid
        ))),
        None => Ok(()),
    }
}

fn refused_inside(agent: &Ancestor) -> RpcError {
    refused(format!("refused: the caller runs inside an agent ({}, pid {})", agent.exe, agent.process.pid))
}

fn refused(message: String) -> RpcError {
    RpcError::new(ErrorCode::Refused, message)
        .with_hint("answer in the window, or from a terminal that no agent started")
}
