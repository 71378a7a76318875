//! Gemini's hook payloads. Source: observed with Gemini CLI 0.61.0.
//!
//! Gemini names neither its turns nor its calls, so both get a name of the event's own time: a turn that of its
//! `BeforeAgent`, a call that of its `BeforeTool`. [`understand`] is pure and names each event by itself; [`Thread`]
//! knows what came before and gives the later events of a turn or a call the names of the earlier ones.

use super::fields::{call, path, text, word};
use super::{Detail, StartSource, ToolCall, Understood};
use magia_protocol::wire::{AgentEventKind as Kind, ProviderSessionId};
use serde_json::{Map, Value, json};
use std::collections::VecDeque;

/// Calls that are remembered as begun: of one that was refused nothing more is heard.
const BEGUN_MAX: usize = 64;

/// Understands one hook payload by itself. Never fails: an event that is not known keeps what fields it has.
pub fn understand(event: &str, payload: &Value) -> Understood {
    let (kind, detail) = kind_and_detail(event, payload);
    let begins_turn = event == "BeforeAgent";
    Understood {
        provider_session_id: word(payload, "session_id").map(ProviderSessionId),
        transcript_path: path(payload, "transcript_path"),
        cwd: path(payload, "cwd"),
        turn: word(payload, "timestamp").filter(|_| begins_turn),
        agent_id: None,
        permission_mode: None,
        title: None,
        model: None,
        kind,
        detail,
    }
}

fn kind_and_detail(event: &str, payload: &Value) -> (Kind, Detail) {
    let word = |key: &str| text(payload, key).unwrap_or_default();
    let unknown = (Kind::Unknown, Detail::Silent);
    match event {
        "SessionStart" => {
            let source = match word("source").as_str() {
                "resume" => StartSource::Resume,
                "clear" => StartSource::Clear,
                _ => StartSource::Startup,
            };
            (Kind::SessionStarted, Detail::Started(source))
        }
        "SessionEnd" => (Kind::SessionEnded, Detail::Ended { reason: word("reason") }),
        "BeforeAgent" => (Kind::PromptSubmitted, Detail::Prompt(word("prompt"))),
        // `prompt_response` repeats its last words, and after a retry holds all answers: it is not shown.
        "AfterAgent" => (Kind::TurnEnded, Detail::TurnEnded { last_message: None }),
        "BeforeTool" => {
            named_call(payload).map_or(unknown, |call| (Kind::ToolStarted, Detail::ToolStarted(call)))
        }
        "AfterTool" => named_call(payload).map_or(unknown, |call| {
            let response = payload.get("tool_response");
            let error = response.and_then(|response| response.get("error")).filter(|error| !error.is_null());
            let error = error.map(|error| text(error, "message").unwrap_or_else(|| error.to_string()));
            let kind = if error.is_some() { Kind::ToolFailed } else { Kind::ToolCompleted };
            let response = Value::String(response.map(response_text).unwrap_or_default());
            (kind, Detail::ToolEnded { call, response, error, duration_ms: None })
        }),
        "Notification" if word("notification_type") == "ToolPermission" => {
            let empty = Value::Null;
            let (tool, input) = asked(payload.get("details").unwrap_or(&empty), &word("message"));
            (Kind::PermissionRequested, Detail::AskedInTerminal { tool, input })
        }
        "Notification" => (
            Kind::Notification,
            Detail::Notified { kind: word("notification_type"), message: word("message") },
        ),
        // "auto" comes before every request to the model, whether or not anything is compressed.
        "PreCompress" if word("trigger") == "manual" => {
            // Of its end nothing is heard, so it speaks for no state.
            (Kind::ContextCompacted, Detail::Note("Compacting the context".to_owned()))
        }
        _ => unknown,
    }
}

/// The call of a tool event, named by the event's time.
fn named_call(payload: &Value) -> Option<ToolCall> {
    let use_id = word(payload, "timestamp").unwrap_or_default();
    call(payload).map(|call| ToolCall { use_id, ..call })
}

/// What a dialog is about: the tool where its kind names one, and what it says of the input.
fn asked(details: &Value, message: &str) -> (Option<String>, Value) {
    let mut input = Map::new();
    let mut keep = |key: &str, from: &str| {
        input.extend(text(details, from).map(|text| (key.to_owned(), Value::String(text))));
    };
    let tool = match text(details, "type").as_deref() {
        Some("exec") => {
            keep("command", "command");
            Some("run_shell_command")
        }
        Some("edit") => {
            keep("file_path", "filePath");
            keep("old_string", "originalContent");
            keep("new_string", "newContent");
            Some("replace")
        }
        _ => None,
    };
    match tool {
        Some(tool) if !input.is_empty() => (Some(tool.to_owned()), Value::Object(input)),
        _ => (None, json!({ "message": message })),
    }
}

/// The text of a tool's response, for a person: what it shows if that is text, else what the model gets.
fn response_text(response: &Value) -> String {
    let diff = response.pointer("/returnDisplay/fileDiff").and_then(Value::as_str);
    let shown = response.get("returnDisplay").and_then(Value::as_str).filter(|text| !text.is_empty());
    let for_model = || match response.get("llmContent") {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => {
            let texts: Vec<&str> = parts.iter().filter_map(|part| part.get("text")?.as_str()).collect();
            texts.join("\n")
        }
        _ => String::new(),
    };
    match diff.or(shown) {
        Some(text) => text.to_owned(),
        None => without_frame(&for_model()).to_owned(),
    }
}

/// The words that a shell command's output is wrapped in for the model are not the command's.
fn without_frame(text: &str) -> &str {
    let inner = text.strip_prefix("<untrusted_context>\n").and_then(|text| text.split_once("Output: "));
    let Some((_, output)) = inner else { return text };
    let output = output.strip_suffix("\n</untrusted_context>").unwrap_or(output);
    output.rsplit_once("\nProcess Group PGID: ").map_or(output, |(output, _)| output)
}

/// What came before in a session: the turn that runs, and the calls that have begun.
#[derive(Clone, Debug, Default)]
pub struct Thread {
    turn: Option<String>,
    /// Newest last.
    begun: VecDeque<ToolCall>,
}

impl Thread {
    /// Gives an event the names of its turn and of its call. Events are to come in the order in which they happened;
    /// the same events get the same names, whenever they are read.
    pub fn join(&mut self, understood: &mut Understood) {
        match &mut understood.detail {
            Detail::Prompt(_) => {
                self.turn.clone_from(&understood.turn);
                self.begun.clear();
            }
            Detail::Started(_) | Detail::Ended { .. } => *self = Self::default(),
            Detail::ToolStarted(call) => self.begins(call),
            Detail::ToolEnded { call, .. } => {
                if let Some(begun) = self.ended(call) {
                    call.use_id = begun.use_id;
                }
            }
            _ => {}
        }
        if understood.turn.is_none() {
            understood.turn.clone_from(&self.turn);
        }
        if matches!(understood.detail, Detail::TurnEnded { .. }) {
            self.begun.clear();
        }
    }

    /// A call was refused before it ran, so it will not end.
    pub fn refused(&mut self, use_id: &str) {
        self.begun.retain(|call| call.use_id != use_id);
    }

    fn begins(&mut self, call: &mut ToolCall) {
        let twins = self.begun.iter().filter(|begun| begun.use_id.starts_with(&call.use_id)).count();
        if twins > 0 {
            call.use_id = format!("{}/{}", call.use_id, twins + 1);
        }
        if self.begun.len() >= BEGUN_MAX {
            self.begun.pop_front();
        }
        self.begun.push_back(call.clone());
    }

    /// The begun call that ended: the newest of the same words, since of an older one nothing was heard because it was
    /// refused; else the only one of the same tool, whose input the user changed in the dialog.
    fn ended(&mut self, call: &ToolCall) -> Option<ToolCall> {
        let same = |begun: &ToolCall| begun.tool == call.tool && begun.input == call.input;
        let like = |begun: &ToolCall| begun.tool == call.tool;
        let at = self.begun.iter().rposition(same).or_else(|| {
            let mut alike = self.begun.iter().enumerate().filter(|(_, begun)| like(begun));
            let only = alike.next()?.0;
            alike.next().is_none().then_some(only)
        })?;
        self.begun.remove(at)
    }
}
