//! Lines of an agent's transcript, understood. Source of the format: observed with Claude Code 2.1.197.

mod parse;
mod time;
mod title;

pub use parse::{TEXT_CAP, parse_line};
pub use time::parse_timestamp;
pub use title::first_prompt_title;

use serde_json::Value;
use std::sync::Arc;

/// One piece of a transcript line.
#[derive(Clone, Debug, PartialEq)]
pub struct TranscriptItem {
    /// The line's `timestamp`, milliseconds since 1970; `None` on lines that have none.
    pub at_ms: Option<u64>,
    /// The subagent whose transcript it is from.
    pub agent_id: Option<Arc<str>>,
    /// The turn (`promptId`), where the line has one.
    pub turn: Option<String>,
    /// What it says.
    pub content: Content,
}

/// What a piece says.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// The user's words.
    Prompt(Arc<str>),
    /// The model's words, Markdown.
    Message(Arc<str>),
    /// The model's reasoning.
    Thinking(Arc<str>),
    /// A tool call.
    ToolUse {
        /// The provider's id of the call.
        id: String,
        /// Tool name.
        name: String,
        /// Its input.
        input: Arc<Value>,
    },
    /// What came back.
    ToolResult {
        /// The call's id.
        id: String,
        /// As text.
        text: Arc<str>,
        /// Whether it failed or was refused.
        failed: bool,
    },
    /// The user renamed the session in the agent.
    CustomTitle(String),
    /// The agent named the session.
    AiTitle(String),
    /// The model that answered.
    Model(String),
    /// A hook ran at the end of a turn; other hooks are not timed here.
    HookRan {
        /// Its command line.
        command: String,
        /// How long it took, its start included.
        duration_ms: u64,
    },
    /// The user broke the turn off.
    Interrupted,
    /// The context was compacted.
    Compacted,
}
