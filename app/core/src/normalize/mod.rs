//! What wire messages of each provider mean.

pub mod claude;
pub mod codex;
mod codex_command;
pub mod codex_daemon;
pub(crate) mod fields;
pub mod gemini;
pub mod own;
pub mod process;
pub mod registry;

use magia_protocol::wire::{AgentEventKind, Provider, ProviderSessionId};
use serde_json::Value;

/// A hook message, understood.
#[derive(Clone, Debug, PartialEq)]
pub struct Understood {
    /// The agent's session id; `None` when the payload has none.
    pub provider_session_id: Option<ProviderSessionId>,
    /// The transcript's path.
    pub transcript_path: Option<String>,
    /// Working directory.
    pub cwd: Option<String>,
    /// Turn key.
    pub turn: Option<String>,
    /// The subagent it is about.
    pub agent_id: Option<String>,
    /// The agent's permission mode.
    pub permission_mode: Option<String>,
    /// The title that the user gave in the agent.
    pub title: Option<String>,
    /// Model name.
    pub model: Option<String>,
    /// What happened.
    pub kind: AgentEventKind,
    /// The parts that the model and the timeline use.
    pub detail: Detail,
}

/// The parts of an event that the model and the timeline use.
#[derive(Clone, Debug, PartialEq)]
pub enum Detail {
    /// A session began.
    Started(StartSource),
    /// A session ended.
    Ended {
        /// The agent's reason.
        reason: String,
    },
    /// The user's words.
    Prompt(String),
    /// A tool is about to run.
    ToolStarted(ToolCall),
    /// A tool ran or failed.
    ToolEnded {
        /// The call.
        call: ToolCall,
        /// What came back, as the agent's object.
        response: Value,
        /// Why it failed.
        error: Option<String>,
        /// How long it took.
        duration_ms: Option<u64>,
    },
    /// All calls of one model message are done.
    ToolBatch {
        /// Their ids.
        use_ids: Vec<String>,
    },
    /// A permission is asked for.
    Permission {
        /// Tool name.
        tool: String,
        /// Its input.
        input: Value,
        /// What "always" could mean, as the agent offers it.
        suggestions: Vec<Value>,
    },
    /// The agent's own dialog asks for a permission, and only it can be answered.
    AskedInTerminal {
        /// Tool name; `None` when the agent does not say, and the call that has begun must tell.
        tool: Option<String>,
        /// What it says of the input: the keys by which it is told from other calls.
        input: Value,
    },
    /// The agent wants attention.
    Notified {
        /// The agent's word for why.
        kind: String,
        /// For a person.
        message: String,
    },
    /// A turn ended.
    TurnEnded {
        /// The model's last words.
        last_message: Option<String>,
    },
    /// A turn failed.
    TurnFailed {
        /// The agent's word for why.
        error: String,
    },
    /// The user broke a turn off.
    TurnInterrupted,
    /// The model's words, whole.
    Message(String),
    /// The model's reasoning, whole.
    Thinking(String),
    /// A subagent began.
    SubagentStarted {
        /// As `general-purpose`.
        agent_type: String,
    },
    /// A subagent ended.
    SubagentEnded {
        /// As `general-purpose`; empty for the helper of a compaction.
        agent_type: String,
        /// Its last words.
        last_message: Option<String>,
    },
    /// Compaction begins (`done` false) or is over.
    Compaction {
        /// Whether it is over.
        done: bool,
        /// Whether the user asked for it.
        manual: bool,
    },
    /// Worth a line in the timeline and nothing more.
    Note(String),
    /// Nothing that is shown.
    Silent,
}

/// Why a session began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartSource {
    /// A new one.
    Startup,
    /// An earlier one goes on, or is forked.
    Resume,
    /// `/clear` made it.
    Clear,
    /// Compaction; the same session goes on.
    Compact,
}

/// A tool call as a hook reports it.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolCall {
    /// The provider's id of the call.
    pub use_id: String,
    /// Tool name.
    pub tool: String,
    /// Its input.
    pub input: Value,
}

/// Understands a hook message of any provider. Never fails: what is not known is `unknown`.
pub fn understand(provider: Provider, event: &str, payload: &Value) -> Understood {
    if own::is_own(event) {
        return own::understand(event, payload);
    }
    match provider {
        Provider::Claude => claude::understand(event, payload),
        // The daemon's methods have a slash, hook events have none.
        Provider::Codex if event.contains('/') => codex_daemon::understand(event, payload),
        Provider::Codex => codex::understand(event, payload),
        Provider::Gemini => gemini::understand(event, payload),
    }
}
