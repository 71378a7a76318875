//! One line of Claude's transcript to what it says. Kinds that are not known say nothing.

use super::{Content, TranscriptItem, parse_timestamp};
use magia_protocol::wire::paired;
use serde_json::Value;
use std::sync::Arc;

/// Bytes of one text that are kept; the file has the rest.
pub const TEXT_CAP: usize = 64 * 1024;
/// Bytes of the strings in one tool input that are kept, so that a written file does not fill the memory.
const INPUT_CAP: usize = 256 * 1024;
/// Values in one tool input that are kept.
const INPUT_VALUES_CAP: usize = 10_000;
/// Bytes of a name or id that are kept.
const NAME_CAP: usize = 512;
/// What Claude writes for the user when a turn was broken off; more words may follow.
const INTERRUPTED: &str = "[Request interrupted by user";
/// The model's name on lines that Claude made up itself, such as "API Error".
const NO_MODEL: &str = "<synthetic>";

/// Reads one line. Nothing comes of a line that is no JSON, of a kind that is not known, or that says nothing
/// to a person (`isMeta`, the summary after compacting, output of local commands).
pub fn parse_line(line: &str) -> Vec<TranscriptItem> {
    let Ok(line) = serde_json::from_slice::<Value>(&paired(line.as_bytes())) else { return Vec::new() };
    let contents = match text_of(&line, "type") {
        Some("user") => user(&line),
        Some("assistant") => assistant(&line),
        Some("system") if text_of(&line, "subtype") == Some("compact_boundary") => vec![Content::Compacted],
        Some("system") if text_of(&line, "subtype") == Some("stop_hook_summary") => hooks_ran(&line),
        Some("custom-title") => named(&line, "customTitle").map(Content::CustomTitle).into_iter().collect(),
        Some("ai-title") => named(&line, "aiTitle").map(Content::AiTitle).into_iter().collect(),
        _ => Vec::new(),
    };
    let at_ms = text_of(&line, "timestamp").and_then(parse_timestamp);
    let agent_id: Option<Arc<str>> = text_of(&line, "agentId").map(|id| cut(id, NAME_CAP).into());
    let turn = named(&line, "promptId");
    contents
        .into_iter()
        .map(|content| TranscriptItem { at_ms, agent_id: agent_id.clone(), turn: turn.clone(), content })
        .collect()
}

/// The hooks of a turn's end: Claude writes down what each took, and of no other hook.
fn hooks_ran(line: &Value) -> Vec<Content> {
    let runs = line.get("hookInfos").and_then(Value::as_array).into_iter().flatten();
    let ran = |run: &Value| {
        let duration_ms = run.get("durationMs")?.as_u64()?;
        Some(Content::HookRan { command: named(run, "command")?, duration_ms })
    };
    runs.filter_map(ran).collect()
}

fn user(line: &Value) -> Vec<Content> {
    let flag = |key: &str| line.get(key).and_then(Value::as_bool).unwrap_or(false);
    if flag("isMeta") || flag("isCompactSummary") {
        return Vec::new();
    }
    match line.get("message").and_then(|message| message.get("content")) {
        Some(Value::String(text)) => words(text).into_iter().collect(),
        Some(Value::Array(blocks)) => {
            let mut contents: Vec<Content> = blocks.iter().filter_map(tool_result).collect();
            contents.extend(words(&texts(blocks)));
            contents
        }
        _ => Vec::new(),
    }
}

/// What a user's text is: words, a command, a broken off turn, or something Claude wrote for the user.
fn words(text: &str) -> Option<Content> {
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return None;
    }
    if trimmed.starts_with(INTERRUPTED) {
        return Some(Content::Interrupted);
    }
    const NOT_WORDS: [&str; 5] =
        ["<local-command-", "<bash-stdout>", "<bash-stderr>", "<system-reminder>", "<task-notification>"];
    if NOT_WORDS.iter().any(|start| trimmed.starts_with(start)) {
        return None;
    }
    if let Some(command) = tagged(trimmed, "bash-input").filter(|_| trimmed.starts_with("<bash-input>")) {
        return Some(Content::Prompt(cut(&format!("!{command}"), TEXT_CAP).into()));
    }
    if trimmed.starts_with("<command-name>") || trimmed.starts_with("<command-message>") {
        // A slash command: as the user typed it.
        if let Some(name) = tagged(trimmed, "command-name") {
            let typed = match tagged(trimmed, "command-args").unwrap_or_default() {
                "" => name.to_owned(),
                arguments => format!("{name} {arguments}"),
            };
            return Some(Content::Prompt(cut(&typed, TEXT_CAP).into()));
        }
    }
    Some(Content::Prompt(cut(text, TEXT_CAP).into()))
}

/// The text between `<tag>` and `</tag>`.
fn tagged<'a>(text: &'a str, tag: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!("<{tag}>"))?;
    let (inner, _) = rest.split_once(&format!("</{tag}>"))?;
    Some(inner.trim())
}

fn tool_result(block: &Value) -> Option<Content> {
    if text_of(block, "type") != Some("tool_result") {
        return None;
    }
    let text = match block.get("content") {
        Some(Value::String(text)) => cut(text, TEXT_CAP).to_owned(),
        Some(Value::Array(blocks)) => texts(blocks),
        _ => String::new(),
    };
    Some(Content::ToolResult {
        id: named(block, "tool_use_id")?,
        text: text.into(),
        failed: block.get("is_error").and_then(Value::as_bool).unwrap_or(false),
    })
}

/// The text blocks, one below the other; a picture is named.
fn texts(blocks: &[Value]) -> String {
    let mut all = String::new();
    for block in blocks {
        let text = match text_of(block, "type") {
            Some("text") => text_of(block, "text").unwrap_or_default(),
            Some("image") => "[image]",
            _ => continue,
        };
        if !all.is_empty() {
            all.push('\n');
        }
        all.push_str(cut(text, TEXT_CAP.saturating_sub(all.len())));
        if all.len() >= TEXT_CAP {
            break;
        }
    }
    all
}

fn assistant(line: &Value) -> Vec<Content> {
    let Some(message) = line.get("message") else { return Vec::new() };
    let mut contents = Vec::new();
    if let Some(model) = named(message, "model").filter(|model| model != NO_MODEL) {
        contents.push(Content::Model(model));
    }
    match message.get("content") {
        Some(Value::Array(blocks)) => contents.extend(blocks.iter().filter_map(said)),
        Some(Value::String(text)) if !text.trim().is_empty() => {
            contents.push(Content::Message(cut(text, TEXT_CAP).into()));
        }
        _ => {}
    }
    contents
}

fn said(block: &Value) -> Option<Content> {
    let shown = |key: &str| text_of(block, key).filter(|text| !text.trim().is_empty());
    match text_of(block, "type")? {
        "text" => Some(Content::Message(cut(shown("text")?, TEXT_CAP).into())),
        "thinking" => Some(Content::Thinking(cut(shown("thinking")?, TEXT_CAP).into())),
        "tool_use" => {
            let mut room = Room { bytes: INPUT_CAP, values: INPUT_VALUES_CAP };
            Some(Content::ToolUse {
                id: named(block, "id")?,
                name: named(block, "name")?,
                input: Arc::new(block.get("input").map_or(Value::Null, |input| room.keep(input))),
            })
        }
        _ => None,
    }
}

/// What may still be kept of an input.
struct Room {
    bytes: usize,
    values: usize,
}

impl Room {
    /// A copy that fits: strings are cut, lists and objects end early.
    fn keep(&mut self, value: &Value) -> Value {
        self.values = self.values.saturating_sub(1);
        match value {
            Value::String(text) => {
                let kept = cut(text, self.bytes.min(TEXT_CAP));
                self.bytes -= kept.len();
                Value::String(kept.to_owned())
            }
            Value::Array(items) => {
                let mut kept = Vec::new();
                for item in items {
                    if self.values == 0 {
                        break;
                    }
                    kept.push(self.keep(item));
                }
                Value::Array(kept)
            }
            Value::Object(fields) => {
                let mut kept = serde_json::Map::new();
                for (key, field) in fields {
                    if self.values == 0 || key.len() > self.bytes {
                        break;
                    }
                    self.bytes -= key.len();
                    kept.insert(key.clone(), self.keep(field));
                }
                Value::Object(kept)
            }
            other => other.clone(),
        }
    }
}

fn text_of<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key).and_then(Value::as_str)
}

/// A short text that is not empty.
fn named(value: &Value, key: &str) -> Option<String> {
    text_of(value, key).map(|text| cut(text, NAME_CAP).to_owned()).filter(|text| !text.trim().is_empty())
}

/// The longest beginning of at most so many bytes.
fn cut(text: &str, most: usize) -> &str {
    text.get(..text.floor_char_boundary(most)).unwrap_or(text)
}
