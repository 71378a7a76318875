//! A session's timeline: one fold over its agent events and its transcript.

mod fold;

use crate::subject::Subject;
pub use fold::{ITEMS_MAX, Timeline};
use magia_protocol::wire::{RequestId, RequestState};
use std::sync::Arc;

/// One entry.
#[derive(Clone, Debug, PartialEq)]
pub struct TimelineItem {
    /// Stable within the session; an entry that changes keeps it.
    pub key: u64,
    /// When, milliseconds since 1970.
    pub at_ms: u64,
    /// The subagent it belongs to.
    pub agent_id: Option<Arc<str>>,
    /// The agent's id of it, of a prompt: telemetry calls it the same.
    pub turn: Option<Arc<str>>,
    /// What it is.
    pub body: Body,
}

/// What an entry takes besides its texts, about.
const ENTRY_BYTES: usize = 256;

impl TimelineItem {
    /// What it takes in memory, about.
    pub fn bytes(&self) -> usize {
        let texts = match &self.body {
            Body::Prompt(text) | Body::Message(text) | Body::Thinking(text) => text.len(),
            Body::Tool(tool) => tool.subject.text_bytes() + tool.result.as_ref().map_or(0, |text| text.len()),
            Body::Request { summary, .. } => summary.len(),
            Body::Subagent { ended, .. } => ended.as_ref().map_or(0, |text| text.len()),
            Body::Note { text, .. } => text.len(),
        };
        ENTRY_BYTES + texts
    }
}

/// What an entry is. Texts are the agent's own: to be made visible before they are drawn.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// The user's words.
    Prompt(Arc<str>),
    /// The model's words, Markdown.
    Message(Arc<str>),
    /// The model's reasoning.
    Thinking(Arc<str>),
    /// A tool call and its result.
    Tool(ToolItem),
    /// A permission request; drawn as a card while it is open.
    Request {
        /// Which.
        id: RequestId,
        /// Tool name.
        tool: String,
        /// One line.
        summary: String,
        /// Where it stands.
        state: RequestState,
        /// Who answered, and what: `allow by window`.
        outcome: Option<String>,
    },
    /// A subagent began, or ended with its last words.
    Subagent {
        /// Its type, as `general-purpose`.
        agent_type: String,
        /// Its last words; `None` while it runs.
        ended: Option<Arc<str>>,
    },
    /// Something worth a line: started, compacted, failed, magia was off.
    Note {
        /// Whether something failed.
        failed: bool,
        /// One sentence.
        text: String,
    },
}

/// A tool call.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolItem {
    /// The provider's id of the call.
    pub use_id: String,
    /// Tool name.
    pub name: String,
    /// What it is about.
    pub subject: Subject,
    /// What came back, cut at [`RESULT_CAP`]; `None` while it runs.
    pub result: Option<Arc<str>>,
    /// How it stands.
    pub status: ToolStatus,
    /// How long it took.
    pub duration_ms: Option<u64>,
}

/// How a tool call stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToolStatus {
    /// No result yet.
    Running,
    /// It ran.
    Done,
    /// It ran and failed.
    Failed,
    /// It was not run.
    Denied,
}

impl ToolStatus {
    /// The word on screen.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Denied => "denied",
        }
    }
}

/// Bytes of a result that the timeline keeps in memory; the store has the rest.
pub const RESULT_CAP: usize = 16 * 1024;
