//! Codex's hook payloads. Source: observed with Codex 0.169.0; what it never sent here (mark D in the docs) follows
//! its own schemas.
//!
//! What differs from Claude's: a subagent's events carry the session id of its parent beside its own `agent_id`; the
//! id of a call is missing where a permission is asked for; a turn that fails ends without `Stop`, so only
//! `PostModelRequest` tells of it; and there is no event for a dialog that opens.

use super::fields::{call, path, text, word};
use super::{Detail, StartSource, Understood};
use magia_protocol::wire::{AgentEventKind as Kind, ProviderSessionId};
use serde_json::Value;

/// Understands one hook payload. Never fails: an event that is not known keeps what fields it has.
pub fn understand(event: &str, payload: &Value) -> Understood {
    let agent_id = word(payload, "agent_id");
    let (kind, detail) = kind_and_detail(event, payload, agent_id.is_some());
    Understood {
        provider_session_id: word(payload, "session_id").map(ProviderSessionId),
        // A subagent names its own.
        transcript_path: path(payload, "transcript_path").filter(|_| agent_id.is_none()),
        cwd: path(payload, "cwd"),
        turn: word(payload, "turn_id"),
        agent_id,
        permission_mode: word(payload, "permission_mode"),
        title: None,
        model: word(payload, "model"),
        kind,
        detail,
    }
}

fn kind_and_detail(event: &str, payload: &Value, in_subagent: bool) -> (Kind, Detail) {
    let word = |key: &str| text(payload, key).unwrap_or_default();
    let unknown = (Kind::Unknown, Detail::Silent);
    match event {
        // Comes with the first turn, not when the terminal opens.
        "SessionStart" => {
            let source = match word("source").as_str() {
                "resume" | "fork" => StartSource::Resume,
                "clear" => StartSource::Clear,
                "compact" => StartSource::Compact,
                _ => StartSource::Startup,
            };
            (Kind::SessionStarted, Detail::Started(source))
        }
        "SessionEnd" => (Kind::SessionEnded, Detail::Ended { reason: word("reason") }),
        // The task of a subagent is no prompt of the user's.
        "UserPromptSubmit" if in_subagent => (Kind::PromptSubmitted, Detail::Silent),
        "UserPromptSubmit" => (Kind::PromptSubmitted, Detail::Prompt(word("prompt"))),
        "PreToolUse" => call(payload).map_or(unknown, |call| (Kind::ToolStarted, Detail::ToolStarted(call))),
        // Of a failure there is no word but in the response, whose text is the tool's own.
        "PostToolUse" => call(payload).map_or(unknown, |call| {
            let response = payload.get("tool_response").cloned().unwrap_or_default();
            (Kind::ToolCompleted, Detail::ToolEnded { call, response, error: None, duration_ms: None })
        }),
        "PermissionRequest" => match text(payload, "tool_name") {
            Some(tool) => {
                let input = payload.get("tool_input").cloned().unwrap_or_default();
                (Kind::PermissionRequested, Detail::Permission { tool, input, suggestions: Vec::new() })
            }
            None => unknown,
        },
        "PreCompact" | "PostCompact" => {
            let done = event == "PostCompact";
            (Kind::ContextCompacted, Detail::Compaction { done, manual: word("trigger") == "manual" })
        }
        "SubagentStart" => {
            (Kind::SubagentStarted, Detail::SubagentStarted { agent_type: word("agent_type") })
        }
        "SubagentStop" => (
            Kind::SubagentEnded,
            Detail::SubagentEnded {
                agent_type: word("agent_type"),
                last_message: text(payload, "last_assistant_message"),
            },
        ),
        "Stop" => {
            (Kind::TurnEnded, Detail::TurnEnded { last_message: text(payload, "last_assistant_message") })
        }
        "Interrupt" if in_subagent => (Kind::TurnInterrupted, Detail::Silent),
        "Interrupt" => (Kind::TurnInterrupted, Detail::TurnInterrupted),
        "PostModelRequest" if word("status") == "failed" => {
            let error = failure(&word("error"));
            match in_subagent {
                true => (Kind::TurnFailed, Detail::Note(format!("A subagent's request failed: {error}"))),
                false => (Kind::TurnFailed, Detail::TurnFailed { error }),
            }
        }
        _ => unknown,
    }
}

/// The sentence in what the model's server answered, which is mostly JSON; shortened.
fn failure(error: &str) -> String {
    let json: Option<Value> = serde_json::from_str(error).ok();
    let message = json.as_ref().and_then(|json| json.pointer("/error/message")?.as_str());
    message.unwrap_or(error).chars().take(200).collect()
}
