//! What Codex's daemon says of a thread: the params of its notifications and approval requests.
//!
//! Source: observed with the app-server of Codex 0.169.0 (`experimentalApi`), and its own generated types for the items
//! that were not provoked (mcpToolCall, webSearch, dynamicToolCall, plan). A thread is a session; the thread of a
//! subagent comes with `parentThreadId`, which our client adds.

use super::codex_command::unwrapped;
use super::{Detail, ToolCall, Understood};
use crate::policy::{BASH_WITH_MORE, PATCH_WITH_MORE};
use magia_protocol::wire::{AgentEventKind as Kind, ProviderSessionId};
use serde_json::{Map, Value, json};

/// The name of the event that we make ourselves when the daemon is gone in the middle of a turn.
pub const LOST: &str = "daemon/lost";
/// A permission for a command.
pub const ASKS_COMMAND: &str = "item/commandExecution/requestApproval";
/// A permission for a change of files.
pub const ASKS_CHANGE: &str = "item/fileChange/requestApproval";
/// Questions to the user.
pub const ASKS_INPUT: &str = "item/tool/requestUserInput";

/// Understands the params of a notification or of an approval request. Never fails: what is not known is `unknown`.
pub fn understand(method: &str, params: &Value) -> Understood {
    let (kind, detail) = kind_and_detail(method, params);
    let (thread, parent) = (word(params, "threadId"), word(params, "parentThreadId"));
    let (session, agent_id) = match parent {
        Some(parent) => (Some(parent), thread),
        None => (thread, None),
    };
    let turn = word(params, "turnId").or_else(|| word(params.get("turn")?, "id"));
    Understood {
        provider_session_id: session.map(ProviderSessionId),
        transcript_path: None,
        cwd: super::fields::path(params, "cwd"),
        turn,
        agent_id,
        permission_mode: None,
        title: None,
        model: None,
        kind,
        detail,
    }
}

fn kind_and_detail(method: &str, params: &Value) -> (Kind, Detail) {
    let nothing = (Kind::Unknown, Detail::Silent);
    match method {
        "turn/started" => (Kind::TurnStarted, Detail::Silent),
        "turn/completed" => turn_completed(params),
        LOST => (Kind::TurnFailed, Detail::TurnFailed { error: text(params, "why").unwrap_or_default() }),
        "item/started" | "item/completed" => match params.get("item") {
            Some(item) => of_item(item, method == "item/completed"),
            None => nothing,
        },
        "error" => {
            let message = params.get("error").and_then(|error| text(error, "message")).unwrap_or_default();
            let retries = params.get("willRetry").and_then(Value::as_bool).unwrap_or_default();
            let what = if retries { "Error, trying again" } else { "Error" };
            (Kind::SessionError, Detail::Note(format!("{what}: {message}")))
        }
        "warning" => (Kind::Notification, Detail::Note(text(params, "message").unwrap_or_default())),
        "turn/plan/updated" => (Kind::TaskUpdated, Detail::Note(plan(params))),
        ASKS_COMMAND | ASKS_CHANGE | ASKS_INPUT => asked(method, params),
        _ => nothing,
    }
}

fn turn_completed(params: &Value) -> (Kind, Detail) {
    let turn = params.get("turn").unwrap_or(&Value::Null);
    match word(turn, "status").as_deref() {
        Some("failed") => {
            let error = turn.get("error").and_then(|error| text(error, "message"));
            (Kind::TurnFailed, Detail::TurnFailed { error: error.unwrap_or_default() })
        }
        Some("interrupted") => (Kind::TurnInterrupted, Detail::TurnInterrupted),
        _ => (Kind::TurnEnded, Detail::TurnEnded { last_message: None }),
    }
}

fn of_item(item: &Value, completed: bool) -> (Kind, Detail) {
    let kind = word(item, "type").unwrap_or_default();
    match kind.as_str() {
        "userMessage" if completed => (Kind::PromptSubmitted, Detail::Prompt(input_text(item))),
        "agentMessage" if completed => {
            (Kind::MessageAssistant, Detail::Message(text(item, "text").unwrap_or_default()))
        }
        "plan" if completed => {
            (Kind::MessageAssistant, Detail::Message(text(item, "text").unwrap_or_default()))
        }
        "reasoning" if completed => (Kind::MessageThinking, Detail::Thinking(reasoning(item))),
        "contextCompaction" => {
            (Kind::ContextCompacted, Detail::Compaction { done: completed, manual: false })
        }
        "subAgentActivity" if completed => {
            let what = word(item, "kind").unwrap_or_default();
            (Kind::Notification, Detail::Note(format!("Subagent {what}")))
        }
        "enteredReviewMode" if completed => (Kind::Notification, Detail::Note("Review began".to_owned())),
        "exitedReviewMode" if completed => (Kind::Notification, Detail::Note("Review ended".to_owned())),
        _ => match call(&kind, item) {
            Some(call) if completed => ended(&kind, call, item),
            Some(call) => (Kind::ToolStarted, Detail::ToolStarted(call)),
            None => (Kind::Unknown, Detail::Silent),
        },
    }
}

/// The tool call that an item stands for. Shell commands are called as Claude calls them, so that rules fit both.
fn call(kind: &str, item: &Value) -> Option<ToolCall> {
    let named = |key: &str| word(item, key).unwrap_or_default();
    let arguments = || item.get("arguments").cloned().unwrap_or_default();
    let (tool, input) = match kind {
        "commandExecution" => ("Bash".to_owned(), json!({ "command": unwrapped(&text(item, "command")?) })),
        "fileChange" => ("apply_patch".to_owned(), json!({ "command": patch(item.get("changes")?) })),
        "mcpToolCall" => (format!("mcp__{}__{}", named("server"), named("tool")), arguments()),
        "dynamicToolCall" => (named("tool"), arguments()),
        "collabAgentToolCall" => (named("tool"), json!({ "prompt": text(item, "prompt") })),
        "webSearch" => ("WebSearch".to_owned(), json!({ "query": text(item, "query") })),
        "imageView" => ("ImageView".to_owned(), json!({ "path": text(item, "path") })),
        "imageGeneration" => ("ImageGeneration".to_owned(), json!({})),
        "functionCallOutput" => (named("name"), json!({})),
        _ => return None,
    };
    Some(ToolCall { use_id: word(item, "id")?, tool, input })
}

fn ended(kind: &str, call: ToolCall, item: &Value) -> (Kind, Detail) {
    let status = word(item, "status").unwrap_or_default();
    if status == "declined" {
        return (Kind::ToolBatch, Detail::ToolBatch { use_ids: vec![call.use_id] });
    }
    let response = match kind {
        "commandExecution" => Value::String(text(item, "aggregatedOutput").unwrap_or_default()),
        "mcpToolCall" => item.get("result").cloned().unwrap_or_default(),
        "dynamicToolCall" => json!({ "content": item.get("contentItems") }),
        _ => Value::String(String::new()),
    };
    let exit = item.get("exitCode").and_then(Value::as_i64);
    let failed = status == "failed" || exit.is_some_and(|code| code != 0);
    let said = item.get("error").and_then(|error| text(error, "message"));
    let output = text(item, "aggregatedOutput").filter(|text| !text.is_empty());
    let error = failed.then(|| {
        let code = exit.map(|code| format!("exit code {code}"));
        said.or(output).or(code).unwrap_or_else(|| "failed".to_owned())
    });
    let duration_ms = item.get("durationMs").and_then(Value::as_u64);
    let kind = if failed { Kind::ToolFailed } else { Kind::ToolCompleted };
    (kind, Detail::ToolEnded { call, response, error, duration_ms })
}

fn asked(method: &str, params: &Value) -> (Kind, Detail) {
    let mut suggestions = vec![json!({ "type": "codexSession" })];
    let (tool, input) = match method {
        ASKS_COMMAND => asked_command(params),
        ASKS_CHANGE => {
            let changes = params.get("changes").map(patch).unwrap_or_default();
            // What is asked for is then more than the change: no rule for changes grants it.
            let tool = match params.get("grantRoot") {
                None | Some(Value::Null) => "apply_patch",
                Some(_) => PATCH_WITH_MORE,
            };
            (tool, with_reason(json!({ "command": changes }), params, &["grantRoot"]))
        }
        _ => {
            suggestions.clear();
            ("AskUserQuestion", json!({ "questions": params.get("questions") }))
        }
    };
    let kind = if method == ASKS_INPUT { Kind::QuestionAsked } else { Kind::PermissionRequested };
    (kind, Detail::Permission { tool: tool.to_owned(), input, suggestions })
}

/// A request for a command. One for more than the command itself is not called `Bash`, so that no rule for commands
/// grants it; one that denies the command denies it.
fn asked_command(params: &Value) -> (&'static str, Value) {
    let command = unwrapped(&text(params, "command").unwrap_or_default());
    let more = |key: &str| params.get(key).is_some_and(|value| !value.is_null());
    let plain = params.get("kind").is_none_or(|kind| kind == "command")
        && !more("networkApprovalContext")
        && !more("additionalPermissions");
    let mut input = json!({ "command": command });
    if let (Some(reason), Some(object)) = (text(params, "reason"), input.as_object_mut()) {
        object.insert("description".into(), reason.into());
    }
    match plain {
        true => ("Bash", input),
        false => (
            BASH_WITH_MORE,
            with_reason(input, params, &["kind", "networkApprovalContext", "additionalPermissions"]),
        ),
    }
}

fn with_reason(mut input: Value, params: &Value, more: &[&str]) -> Value {
    if let Some(object) = input.as_object_mut() {
        for key in ["reason"].iter().chain(more) {
            if let Some(value) = params.get(*key).filter(|value| !value.is_null()) {
                object.insert((*key).to_owned(), value.clone());
            }
        }
    }
    input
}

/// The changes of a fileChange item in the words of the model's own `apply_patch`.
fn patch(changes: &Value) -> String {
    let mut lines = vec!["*** Begin Patch".to_owned()];
    for change in changes.as_array().into_iter().flatten() {
        let path = text(change, "path").unwrap_or_default();
        let kind = change.get("kind").unwrap_or(&Value::Null);
        let diff = text(change, "diff").unwrap_or_default();
        let what = word(kind, "type").unwrap_or_default();
        match what.as_str() {
            "add" => {
                lines.push(format!("*** Add File: {path}"));
                lines.extend(diff.lines().map(|line| format!("+{line}")));
            }
            "delete" => {
                lines.push(format!("*** Delete File: {path}"));
                lines.extend(diff.lines().map(|line| format!("-{line}")));
            }
            _ => {
                lines.push(format!("*** Update File: {path}"));
                lines.extend(text(kind, "move_path").map(|to| format!("*** Move to: {to}")));
                lines.extend(diff.lines().map(str::to_owned));
            }
        }
    }
    lines.push("*** End Patch".to_owned());
    lines.join("\n")
}

fn input_text(item: &Value) -> String {
    let parts = item.get("content").and_then(Value::as_array);
    let texts: Vec<String> = parts
        .into_iter()
        .flatten()
        .map(|part| {
            text(part, "text").unwrap_or_else(|| format!("[{}]", word(part, "type").unwrap_or_default()))
        })
        .collect();
    texts.join("\n")
}

fn reasoning(item: &Value) -> String {
    let texts = |key: &str| -> Vec<String> {
        let parts = item.get(key).and_then(Value::as_array);
        parts.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let summary = texts("summary");
    if summary.is_empty() { texts("content").join("\n\n") } else { summary.join("\n\n") }
}

fn plan(params: &Value) -> String {
    let steps = params.get("plan").and_then(Value::as_array);
    let lines: Vec<String> = steps
        .into_iter()
        .flatten()
        .map(|step| {
            let mark = match word(step, "status").as_deref() {
                Some("completed") => "done",
                Some("inProgress") => "now",
                _ => "then",
            };
            format!("{mark}: {}", text(step, "step").unwrap_or_default())
        })
        .collect();
    format!("Plan: {}", lines.join("; "))
}

/// An id or a name: not empty and not long.
fn word(value: &Value, key: &str) -> Option<String> {
    text(value, key).filter(|text| !text.is_empty() && text.len() <= 256)
}

fn text(value: &Value, key: &str) -> Option<String> {
    value.get(key).and_then(Value::as_str).map(str::to_owned)
}

/// The params with more fields, as our client hands them on.
pub fn with_fields(params: &Value, fields: &[(&str, Value)]) -> Value {
    let mut object: Map<String, Value> = params.as_object().cloned().unwrap_or_default();
    object.extend(fields.iter().map(|(key, value)| ((*key).to_owned(), value.clone())));
    Value::Object(object)
}
