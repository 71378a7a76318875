//! The words for agents, their events and their states: the same in the window, the CLI and on the wire.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$vdoc])* #[serde(rename = $word)] $variant,)+
        }

        impl $name {
            /// Every value, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The word on the wire and on screen.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }

            /// The value for a word, if there is one.
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)+ _ => None }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}
pub(super) use words;

words! {
    /// The kind of agent.
    Provider {
        /// Claude Code.
        Claude = "claude",
        /// OpenAI Codex CLI.
        Codex = "codex",
        /// Gemini CLI.
        Gemini = "gemini",
    }
}

words! {
    /// What an agent event says happened. The one vocabulary: hub, store, `magia events` and docs.
    AgentEventKind {
        /// A session began, resumed, or was cleared or compacted into.
        SessionStarted = "session.started",
        /// A session ended by itself.
        SessionEnded = "session.ended",
        /// A session stopped on an error.
        SessionError = "session.error",
        /// Two live processes work on one provider session id.
        SessionHijacked = "session.hijacked",
        /// A turn began.
        TurnStarted = "turn.started",
        /// A turn ended with an answer.
        TurnEnded = "turn.ended",
        /// A turn ended with an error of the model or the network.
        TurnFailed = "turn.failed",
        /// The user broke a turn off.
        TurnInterrupted = "turn.interrupted",
        /// The user sent a prompt.
        PromptSubmitted = "prompt.submitted",
        /// A slash command was expanded into a prompt.
        PromptExpanded = "prompt.expanded",
        /// The model's words.
        MessageAssistant = "message.assistant",
        /// The model's reasoning.
        MessageThinking = "message.thinking",
        /// A tool is about to run.
        ToolStarted = "tool.started",
        /// A tool ran.
        ToolCompleted = "tool.completed",
        /// A tool failed.
        ToolFailed = "tool.failed",
        /// All tools of one message of the model are done, run or not.
        ToolBatch = "tool.batch",
        /// The agent asks to be allowed something.
        PermissionRequested = "permission.requested",
        /// A permission request was answered, here or in the terminal.
        PermissionResolved = "permission.resolved",
        /// The agent asks the user a question.
        QuestionAsked = "question.asked",
        /// The agent wants the user's attention.
        Notification = "notification",
        /// A subagent began.
        SubagentStarted = "subagent.started",
        /// A subagent ended.
        SubagentEnded = "subagent.ended",
        /// The context was compacted.
        ContextCompacted = "context.compacted",
        /// The agent's task list changed.
        TaskUpdated = "task.updated",
        /// The agent's settings, directory or worktree changed.
        ConfigChanged = "config.changed",
        /// magia did not run for a while in which the session went on.
        MagiaOff = "magia.off",
        /// A teammate is idle.
        TeammateIdle = "teammate.idle",
        /// Not known to this version; kept with its payload.
        Unknown = "unknown",
    }
}

words! {
    /// What a session is doing.
    SessionState {
        /// A request waits for a yes or no.
        WaitingPermission = "waiting for permission",
        /// A question or plan waits for an answer.
        WaitingAnswer = "waiting for an answer",
        /// The last turn failed.
        Failed = "failed",
        /// A turn is running.
        Working = "working",
        /// Waiting for a prompt.
        Idle = "idle",
        /// The process is gone or the session ended.
        Ended = "ended",
    }
}

impl SessionState {
    /// Whether a person is wanted.
    pub const fn needs_you(self) -> bool {
        matches!(self, Self::WaitingPermission | Self::WaitingAnswer)
    }
}

words! {
    /// Where a permission request stands. "Decided" is not "took effect": an agent ignores a late answer, so the
    /// effect is read from what it does next.
    RequestState {
        /// Waits for an answer, here or in the terminal.
        Open = "open",
        /// Left to the terminal; the agent still waits.
        InTerminal = "in terminal",
        /// Answered here; the agent has not shown yet what it made of it.
        Decided = "decided",
        /// The agent did as it was told.
        TookEffect = "took effect",
        /// The agent did otherwise: the terminal was faster.
        NotTaken = "not taken",
        /// Answered in the terminal.
        AnsweredInTerminal = "answered in terminal",
        /// Nobody answered in time.
        Expired = "expired",
        /// The agent ended while it waited.
        AgentGone = "agent gone",
        /// magia ended while it waited.
        AppGone = "app gone",
    }
}

impl RequestState {
    /// Whether the agent still waits.
    pub const fn waits(self) -> bool {
        matches!(self, Self::Open | Self::InTerminal)
    }

    /// Whether nothing more will come of it.
    pub const fn is_settled(self) -> bool {
        !matches!(self, Self::Open | Self::InTerminal | Self::Decided)
    }
}

words! {
    /// Where a session's title came from, strongest first.
    TitleSource {
        /// Renamed in magia.
        User = "user",
        /// Renamed in the agent (`custom-title`).
        Custom = "custom",
        /// Made by the agent (`ai-title`).
        Ai = "ai",
        /// The first prompt, shortened.
        Prompt = "prompt",
        /// Nothing known: the directory's name.
        Directory = "directory",
    }
}

words! {
    /// How much harm a request could do by magia's own table.
    Risk {
        /// Reads, or an edit inside the project.
        Low = "low",
        /// Runs code, or reaches the network.
        Medium = "medium",
        /// Destroys, writes outside the project, or acts on another machine.
        High = "high",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_survive_the_wire_and_back() {
        for kind in AgentEventKind::ALL {
            let json = serde_json::to_string(kind).unwrap();
            assert_eq!(json, format!("\"{kind}\""));
            assert_eq!(serde_json::from_str::<AgentEventKind>(&json).unwrap(), *kind);
            assert_eq!(AgentEventKind::from_word(kind.as_str()), Some(*kind));
        }
    }
}
