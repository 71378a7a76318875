//! Claude Code's hook payloads. Source: observed with Claude Code 2.1.197; events marked (binary) are named in
//! the shipped binary and were not provoked.

use super::fields::{call, path, text, word};
use super::{Detail, StartSource, Understood};
use magia_protocol::wire::{AgentEventKind as Kind, ProviderSessionId};
use serde_json::Value;

/// Understands one hook payload. Never fails: an event that is not known keeps what fields it has.
pub fn understand(event: &str, payload: &Value) -> Understood {
    let (kind, detail) = kind_and_detail(event, payload);
    Understood {
        provider_session_id: word(payload, "session_id").map(ProviderSessionId),
        transcript_path: path(payload, "transcript_path"),
        cwd: path(payload, "cwd"),
        turn: word(payload, "prompt_id"),
        agent_id: word(payload, "agent_id"),
        permission_mode: word(payload, "permission_mode"),
        title: text(payload, "session_title").filter(|title| !title.trim().is_empty()),
        model: word(payload, "model"),
        kind,
        detail,
    }
}

/// Why a turn failed: the kind of error, and what Claude shows of it.
fn failure(payload: &Value) -> String {
    let kind = text(payload, "error").filter(|kind| kind != "unknown");
    let said = text(payload, "last_assistant_message").filter(|said| !said.trim().is_empty());
    match (kind, said) {
        (Some(kind), Some(said)) => format!("{kind}: {said}"),
        (kind, said) => said.or(kind).unwrap_or_else(|| "unknown".to_owned()),
    }
}

fn kind_and_detail(event: &str, payload: &Value) -> (Kind, Detail) {
    let word = |key: &str| text(payload, key).unwrap_or_default();
    match event {
        "SessionStart" => {
            let source = match word("source").as_str() {
                "resume" => StartSource::Resume,
                "clear" => StartSource::Clear,
                "compact" => StartSource::Compact,
                _ => StartSource::Startup,
            };
            (Kind::SessionStarted, Detail::Started(source))
        }
        "SessionEnd" => (Kind::SessionEnded, Detail::Ended { reason: word("reason") }),
        "UserPromptSubmit" => (Kind::PromptSubmitted, Detail::Prompt(word("prompt"))),
        "UserPromptExpansion" => (Kind::PromptExpanded, Detail::Silent),
        "PreToolUse" => match call(payload) {
            Some(call) => (Kind::ToolStarted, Detail::ToolStarted(call)),
            None => (Kind::Unknown, Detail::Silent),
        },
        "PostToolUse" | "PostToolUseFailure" => {
            let failed = event == "PostToolUseFailure";
            let kind = if failed { Kind::ToolFailed } else { Kind::ToolCompleted };
            match call(payload) {
                Some(call) => (
                    kind,
                    Detail::ToolEnded {
                        call,
                        response: payload.get("tool_response").cloned().unwrap_or_default(),
                        error: failed.then(|| word("error")),
                        duration_ms: payload.get("duration_ms").and_then(Value::as_u64),
                    },
                ),
                None => (Kind::Unknown, Detail::Silent),
            }
        }
        "PostToolBatch" => {
            let calls = payload.get("tool_calls").and_then(Value::as_array);
            let use_ids = calls.into_iter().flatten().filter_map(|call| text(call, "tool_use_id")).collect();
            (Kind::ToolBatch, Detail::ToolBatch { use_ids })
        }
        "PermissionRequest" => match text(payload, "tool_name") {
            Some(tool) => {
                let kind = match tool.as_str() {
                    "AskUserQuestion" | "ExitPlanMode" => Kind::QuestionAsked,
                    _ => Kind::PermissionRequested,
                };
                let suggestions = payload.get("permission_suggestions").and_then(Value::as_array).cloned();
                let detail = Detail::Permission {
                    tool,
                    input: payload.get("tool_input").cloned().unwrap_or_default(),
                    suggestions: suggestions.unwrap_or_default(),
                };
                (kind, detail)
            }
            None => (Kind::Unknown, Detail::Silent),
        },
        // (binary) The auto-mode classifier refused a call.
        "PermissionDenied" => {
            let note = format!("{} was refused: {}", word("tool_name"), word("reason"));
            (Kind::PermissionResolved, Detail::Note(note))
        }
        "Notification" => (
            Kind::Notification,
            Detail::Notified { kind: word("notification_type"), message: word("message") },
        ),
        "MessageDisplay" => (Kind::MessageAssistant, Detail::Silent),
        "Stop" => {
            (Kind::TurnEnded, Detail::TurnEnded { last_message: text(payload, "last_assistant_message") })
        }
        "StopFailure" => (Kind::TurnFailed, Detail::TurnFailed { error: failure(payload) }),
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
        "PreCompact" | "PostCompact" => {
            let done = event == "PostCompact";
            (Kind::ContextCompacted, Detail::Compaction { done, manual: word("trigger") == "manual" })
        }
        "TaskCreated" => (Kind::TaskUpdated, Detail::Note(format!("Task added: {}", word("task_subject")))),
        "TaskCompleted" => (Kind::TaskUpdated, Detail::Note(format!("Task done: {}", word("task_subject")))),
        // (binary)
        "TeammateIdle" => (Kind::TeammateIdle, Detail::Note(format!("{} is idle", word("teammate_name")))),
        "CwdChanged" => (Kind::ConfigChanged, Detail::Note(format!("Now in {}", word("new_cwd")))),
        // (binary) The worktree events and the elicitation pair.
        "WorktreeCreate" => (Kind::ConfigChanged, Detail::Note(format!("Worktree {} made", word("name")))),
        "WorktreeRemove" => {
            (Kind::ConfigChanged, Detail::Note(format!("Worktree {} removed", word("worktree_path"))))
        }
        "Elicitation" => (
            Kind::QuestionAsked,
            Detail::Notified { kind: "elicitation_dialog".to_owned(), message: word("message") },
        ),
        "ElicitationResult" => (Kind::PermissionResolved, Detail::Silent),
        "Setup" | "InstructionsLoaded" | "ConfigChange" | "FileChanged" => {
            (Kind::ConfigChanged, Detail::Silent)
        }
        _ => (Kind::Unknown, Detail::Silent),
    }
}

/// The text of a tool's response, for a person.
pub fn response_text(response: &Value) -> String {
    let field = |key: &str| response.get(key).and_then(Value::as_str).unwrap_or_default();
    match response {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        _ if response.get("stdout").is_some() => {
            let (stdout, stderr) = (field("stdout"), field("stderr"));
            let gap =
                if stdout.is_empty() || stderr.is_empty() || stdout.ends_with('\n') { "" } else { "\n" };
            format!("{stdout}{gap}{stderr}")
        }
        _ if response.get("file").is_some() => {
            let content = response.get("file").and_then(|file| file.get("content")).and_then(Value::as_str);
            content.unwrap_or_default().to_owned()
        }
        _ if response.get("structuredPatch").is_some() => String::new(),
        _ => match response.get("content").and_then(Value::as_array) {
            Some(blocks) => {
                let texts: Vec<&str> =
                    blocks.iter().filter_map(|block| block.get("text")?.as_str()).collect();
                texts.join("\n")
            }
            None => serde_json::to_string_pretty(response).unwrap_or_default(),
        },
    }
}
