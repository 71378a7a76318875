//! What magia puts into Claude Code's `settings.json`: the events, their timeouts, the shape of an entry.

use std::path::Path;

use serde_json::{Value, json};

use super::error::StewardError;

/// The handler's file name, by which entries of ours are recognised wherever they point.
pub const HANDLER_NAME: &str = "magia-hook-handler";

/// A handler that does not gate gives up after this long, whatever the hook's own timeout is.
const OBSERVER_DEADLINE_MS: u64 = 500;
const OBSERVER_TIMEOUT_S: u64 = 5;
const GATE_TIMEOUT_S: u64 = 600;

/// One hook event that is installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HookEvent {
    /// Claude's name of the event.
    pub name: &'static str,
    /// The hook's timeout in seconds, written out because the defaults differ per event.
    pub timeout_s: u64,
    /// Whether the handler waits for a decision.
    pub gate: bool,
}

const fn observe(name: &'static str) -> HookEvent {
    HookEvent { name, timeout_s: OBSERVER_TIMEOUT_S, gate: false }
}

/// The events that are installed, in the order in which they are written.
///
/// Not among them: `MessageDisplay`, `FileChanged` and `InstructionsLoaded` (many, and of no use here), and
/// `WorktreeCreate` and `WorktreeRemove`, which are not observers: a hook on the first *replaces* Claude's own
/// `git worktree add` and fails it when no path comes back ("hook succeeded but returned no worktree path",
/// seen with 2.1.197); a hook on the second that exits 0 counts as having removed the worktree.
pub const CLAUDE_EVENTS: &[HookEvent] = &[
    observe("SessionStart"),
    observe("Setup"),
    observe("UserPromptSubmit"),
    observe("UserPromptExpansion"),
    observe("PreToolUse"),
    HookEvent { name: "PermissionRequest", timeout_s: GATE_TIMEOUT_S, gate: true },
    observe("PermissionDenied"),
    observe("PostToolUse"),
    observe("PostToolUseFailure"),
    observe("PostToolBatch"),
    observe("Notification"),
    observe("Stop"),
    observe("StopFailure"),
    observe("SubagentStart"),
    observe("SubagentStop"),
    observe("PreCompact"),
    observe("PostCompact"),
    observe("TaskCreated"),
    observe("TaskCompleted"),
    observe("TeammateIdle"),
    observe("ConfigChange"),
    observe("CwdChanged"),
    observe("Elicitation"),
    observe("ElicitationResult"),
    observe("SessionEnd"),
];

/// Events of Claude that are known and not installed; their entries must have the right shape all the same,
/// because one entry of a wrong shape makes Claude ignore the whole file.
const OTHER_EVENTS: &[&str] =
    &["MessageDisplay", "FileChanged", "InstructionsLoaded", "WorktreeCreate", "WorktreeRemove"];

/// The installed event of this name.
pub(crate) fn installed_event(name: &str) -> Option<&'static HookEvent> {
    CLAUDE_EVENTS.iter().find(|event| event.name == name)
}

pub(crate) fn is_known_event(name: &str) -> bool {
    installed_event(name).is_some() || OTHER_EVENTS.contains(&name)
}

/// How long the handler may take within a hook of this timeout: five seconds less, or a fifth less when that
/// would take too much of a short one; half a second at most when it does not gate.
#[must_use]
pub fn deadline_ms(event: &HookEvent, timeout_s: f64) -> u64 {
    // Saturates on the silly, so no timeout that a user writes can overflow.
    let timeout_ms = (timeout_s * 1000.0).clamp(0.0, 1e12) as u64;
    let deadline = timeout_ms.saturating_sub(5_000).max(timeout_ms / 5 * 4).max(1);
    if event.gate { deadline } else { deadline.min(OBSERVER_DEADLINE_MS) }
}

/// The handler's path as it stands in the file.
pub(crate) fn handler_text(handler: &Path) -> Result<&str, StewardError> {
    match handler.to_str() {
        Some(text) if handler.is_absolute() => Ok(text),
        _ => Err(StewardError::HandlerPath { path: handler.to_string_lossy().into_owned() }),
    }
}

/// The arguments of the handler for this event.
pub(crate) fn args(event: &HookEvent, timeout_s: f64) -> Value {
    let mut args = vec!["--provider".into(), "claude".into(), "--event".into(), event.name.to_owned()];
    if event.gate {
        args.push("--gate".into());
    }
    args.push("--deadline-ms".into());
    args.push(deadline_ms(event, timeout_s).to_string());
    json!(args)
}

/// A matcher group that holds a new entry alone. Without a matcher it is for all.
pub(crate) fn new_group(event: &HookEvent, handler: &str) -> Value {
    json!({ "hooks": [{
        "type": "command",
        "command": handler,
        "args": args(event, event.timeout_s as f64),
        "timeout": event.timeout_s,
    }] })
}

/// What a hook object has to do with us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    /// It runs our handler and nothing else.
    Ours,
    /// It runs our handler among other things: somebody's own line, not ours to change.
    Mixed,
    /// It has nothing to do with us.
    Other,
}

/// Whose a hook object is: told by the command's file name, in the exec form (`args`) or the older shell form.
pub(crate) fn owner(hook: &Value) -> Owner {
    let kind = hook.get("type").and_then(Value::as_str).unwrap_or("command");
    let Some(command) = hook.get("command").and_then(Value::as_str).filter(|_| kind == "command") else {
        return Owner::Other;
    };
    if hook.get("args").is_some_and(Value::is_array) {
        return if is_handler(command) { Owner::Ours } else { Owner::Other };
    }
    match simple_command(command) {
        Some(program) if is_handler(&program) => Owner::Ours,
        Some(_) => Owner::Other,
        None if command.contains(HANDLER_NAME) => Owner::Mixed,
        None => Owner::Other,
    }
}

fn is_handler(program: &str) -> bool {
    let name = program.rsplit('/').next().unwrap_or(program);
    if name == HANDLER_NAME {
        return true;
    }
    name.rsplit('\\').next().unwrap_or(name).strip_suffix(".exe") == Some(HANDLER_NAME)
}

/// The first word of a shell line that runs one program and has no operators or expansions.
fn simple_command(line: &str) -> Option<String> {
    let mut word = String::new();
    let mut first: Option<String> = None;
    let mut chars = line.trim().chars();
    let mut quote: Option<char> = None;
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some('\''), '\'') | (Some('"'), '"') => quote = None,
            (Some('"') | None, '$' | '`') => return None,
            (Some('"') | None, '\\') => word.push(chars.next()?),
            (Some(_), c) => word.push(c),
            (None, '\'' | '"') => quote = Some(c),
            (None, ';' | '&' | '|' | '<' | '>' | '(' | ')' | '\n' | '#' | '*' | '?') => return None,
            (None, ' ' | '\t') => {
                first.get_or_insert_with(|| word.clone());
            }
            (None, c) => word.push(c),
        }
    }
    quote.is_none().then(|| first.unwrap_or(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_is_five_seconds_or_a_fifth_before_the_timeout() {
        let gate = HookEvent { name: "PermissionRequest", timeout_s: 600, gate: true };
        for (timeout_s, expected) in [
            (600.0, 595_000),
            (25.0, 20_000),
            (10.0, 8_000),
            (1.5, 1_200),
            (0.001, 1),
            (f64::MAX, 999_999_995_000),
            (f64::NAN, 1),
        ] {
            assert_eq!(deadline_ms(&gate, timeout_s), expected, "{timeout_s} s");
        }
        assert_eq!(deadline_ms(&observe("Stop"), 5.0), 500);
        assert_eq!(deadline_ms(&observe("Stop"), 0.5), 400);
    }

    #[test]
    fn entries_are_ours_by_the_file_name_of_the_command() {
        let cases = [
            (json!({"type": "command", "command": "/x/magia-hook-handler", "args": []}), Owner::Ours),
            (json!({"command": "/a b/magia-hook-handler", "args": ["--gate"]}), Owner::Ours),
            (json!({"type": "command", "command": "/x/magia-hook-handler --provider claude"}), Owner::Ours),
            (
                json!({"type": "command", "command": "\"/a b/magia-hook-handler\" --event 'Stop'"}),
                Owner::Ours,
            ),
            (json!({"type": "command", "command": "/a\\ b/magia-hook-handler"}), Owner::Ours),
            (json!({"type": "command", "command": "C:\\m\\magia-hook-handler.exe", "args": []}), Owner::Ours),
            (json!({"type": "command", "command": "/x/magia-hook-handler; say done"}), Owner::Mixed),
            (json!({"type": "command", "command": "\"$HOME/magia-hook-handler\" --x"}), Owner::Mixed),
            (json!({"type": "command", "command": "env A=1 /x/magia-hook-handler"}), Owner::Other),
            (json!({"type": "command", "command": "/x/not-magia-hook-handler"}), Owner::Other),
            (json!({"type": "command", "command": "/magia-hook-handler/other"}), Owner::Other),
            (json!({"type": "prompt", "command": "/x/magia-hook-handler"}), Owner::Other),
            (json!({"type": "command", "command": 5}), Owner::Other),
            (json!("/x/magia-hook-handler"), Owner::Other),
            (json!(null), Owner::Other),
        ];
        for (hook, expected) in cases {
            assert_eq!(owner(&hook), expected, "{hook}");
        }
    }
}
