//! The shape of one entry: what is written for an event, and how it is known again as ours.
//!
//! Claude runs a program with `args`. Gemini and Codex run a shell line, and ours looks first whether the handler is
//! still there: Gemini takes a missing program for a refusal, Codex shows it as an error at every call. Claude lets the
//! call run when its program is missing, so in strict mode its program is a shell with such a line.

use magia_protocol::wire::Provider;
use serde_json::{Map, Value, json};

use super::error::StewardError;
use super::recipe::{HANDLER_NAME, HookEvent, Recipe, deadline_ms};

const STRICT_FLAG: &str = "--fail-closed";
/// What Gemini shows as the hook's name, and what a user can name in `hooksConfig.disabled`.
const GEMINI_NAME: &str = "magia";
const SHELL: &str = "/bin/sh";
const GUARD_START: &str = "[ -x ";
const GUARD_THEN: &str = " ] && exec ";
const GUARD_QUIET: &str = "; exit 0";
const GUARD_STRICT: &str = "; echo 'magia: the hook handler is missing' >&2; exit 2";

/// The members of an entry of ours, in the order in which they are written; a timeout in the agent's own unit.
pub(crate) fn members(
    recipe: &Recipe<'_>,
    event: &HookEvent,
    timeout: &Value,
    strict: bool,
) -> Result<Vec<(&'static str, Value)>, StewardError> {
    let handler = recipe.handler_text()?;
    let provider = recipe.provider;
    let timeout_s = seconds(provider, timeout).unwrap_or(event.timeout_s as f64);
    let args = args(provider, event, timeout_s, strict);
    let shell = || {
        let path = shell_quoted(handler);
        let guard = if strict && event.refusable { GUARD_STRICT } else { GUARD_QUIET };
        format!("{GUARD_START}{path}{GUARD_THEN}{path} {}{guard}", args.join(" "))
    };
    Ok(match provider {
        Provider::Claude => {
            let guarded = strict && event.refusable && handler.starts_with('/');
            let (program, args) =
                if guarded { (SHELL, json!(["-c", shell()])) } else { (handler, json!(args)) };
            vec![
                ("type", "command".into()),
                ("command", program.into()),
                ("args", args),
                ("timeout", timeout.clone()),
            ]
        }
        Provider::Codex => {
            vec![("type", "command".into()), ("command", shell().into()), ("timeout", timeout.clone())]
        }
        Provider::Gemini => vec![
            ("type", "command".into()),
            ("name", GEMINI_NAME.into()),
            ("command", shell().into()),
            ("timeout", timeout.clone()),
        ],
    })
}

/// A matcher group that holds a new entry alone. Without a matcher it is for all.
pub(crate) fn new_group(recipe: &Recipe<'_>, event: &HookEvent, strict: bool) -> Result<Value, StewardError> {
    let event = event.in_mode(strict);
    let members = members(recipe, &event, &usual_timeout(recipe.provider, &event), strict)?;
    let hook: Map<String, Value> = members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    Ok(json!({ "hooks": [hook] }))
}

/// The timeout that is written when the user has none of their own: milliseconds for Gemini, seconds for the others.
pub(crate) fn usual_timeout(provider: Provider, event: &HookEvent) -> Value {
    match provider {
        Provider::Gemini => (event.timeout_s * 1000).into(),
        Provider::Claude | Provider::Codex => event.timeout_s.into(),
    }
}

/// A timeout in seconds, when it is one that the agent accepts.
pub(crate) fn seconds(provider: Provider, timeout: &Value) -> Option<f64> {
    let number = match provider {
        // Codex ignores the whole file for a fraction.
        Provider::Codex => timeout.as_u64().map(|seconds| seconds as f64),
        Provider::Claude => timeout.as_f64(),
        Provider::Gemini => timeout.as_f64().map(|ms| ms / 1000.0),
    };
    number.filter(|seconds| *seconds > 0.0)
}

fn args(provider: Provider, event: &HookEvent, timeout_s: f64, strict: bool) -> Vec<String> {
    let mut args: Vec<String> =
        ["--provider", provider.as_str(), "--event", event.name].map(str::to_owned).into();
    if event.gate {
        args.push("--gate".into());
    }
    if strict && event.refusable {
        args.push(STRICT_FLAG.into());
    }
    args.push("--deadline-ms".into());
    args.push(deadline_ms(event, timeout_s).to_string());
    args
}

/// Whether an entry of ours refuses when there is no answer.
pub(crate) fn is_strict(hook: &Value) -> bool {
    let says_so = |word: &Value| word.as_str().is_some_and(|word| word.contains(STRICT_FLAG));
    let in_args = hook.get("args").and_then(Value::as_array).is_some_and(|args| args.iter().any(says_so));
    in_args || hook.get("command").and_then(Value::as_str).is_some_and(|line| line.contains(STRICT_FLAG))
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

/// Whose a hook object is: told by the command's file name, in the exec form (`args`) or a shell form.
pub(crate) fn owner(hook: &Value) -> Owner {
    let kind = hook.get("type").and_then(Value::as_str).unwrap_or("command");
    let Some(command) = hook.get("command").and_then(Value::as_str).filter(|_| kind == "command") else {
        return Owner::Other;
    };
    if let Some(args) = hook.get("args").and_then(Value::as_array) {
        let line = match args.as_slice() {
            [Value::String(option), Value::String(line)] if command == SHELL && option == "-c" => Some(line),
            _ => None,
        };
        return match line {
            _ if is_handler(command) => Owner::Ours,
            Some(line) if guarded(line).is_some_and(|program| is_handler(&program)) => Owner::Ours,
            Some(line) if line.contains(HANDLER_NAME) => Owner::Mixed,
            _ => Owner::Other,
        };
    }
    match guarded(command).map_or_else(|| simple_command(command), Some) {
        Some(program) if is_handler(&program) => Owner::Ours,
        Some(_) => Owner::Other,
        None if command.contains(HANDLER_NAME) => Owner::Mixed,
        None => Owner::Other,
    }
}

/// The program of a line that is a guard of ours and nothing more.
fn guarded(line: &str) -> Option<String> {
    let line = line.trim();
    let (tested, rest) = line.strip_prefix(GUARD_START)?.split_once(GUARD_THEN)?;
    let run = rest.strip_suffix(GUARD_STRICT).or_else(|| rest.strip_suffix(GUARD_QUIET))?;
    let program = simple_command(run)?;
    (simple_command(tested)? == program).then_some(program)
}

/// A path as one word of a POSIX shell.
fn shell_quoted(path: &str) -> String {
    format!("'{}'", path.replace('\'', "'\\''"))
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
            (
                json!({"command": "[ -x '/x/magia-hook-handler' ] && exec '/x/magia-hook-handler' --gate; exit 0"}),
                Owner::Ours,
            ),
            (
                json!({"command": "[ -x /x/magia-hook-handler ] && exec /x/magia-hook-handler a; rm b; exit 0"}),
                Owner::Mixed,
            ),
            (
                json!({"command": "/bin/sh", "args": ["-c",
                    "[ -x '/x/magia-hook-handler' ] && exec '/x/magia-hook-handler' --gate; exit 0"]}),
                Owner::Ours,
            ),
            (json!({"command": "/bin/sh", "args": ["-c", "/x/magia-hook-handler; say done"]}), Owner::Mixed),
            (json!({"command": "/bin/sh", "args": ["-c", "say done"]}), Owner::Other),
            (json!({"command": "[ -x /y ] && exec /x/magia-hook-handler --gate; exit 0"}), Owner::Mixed),
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

    #[test]
    fn every_line_of_ours_is_known_again() {
        for path in ["/x/magia-hook-handler", "/a b/magia-hook-handler", "/it's/$HOME/magia-hook-handler"] {
            let path = std::path::Path::new(path);
            for recipe in [Recipe::claude(path), Recipe::codex(path), Recipe::gemini(path)] {
                for event in super::super::recipe::events(recipe.provider) {
                    for strict in [false, true] {
                        let group = new_group(&recipe, event, strict).expect("good path");
                        let hook = group.pointer("/hooks/0").expect("one hook");
                        assert_eq!(owner(hook), Owner::Ours, "{hook}");
                        assert_eq!(is_strict(hook), strict && event.refusable, "{hook}");
                    }
                }
            }
        }
    }
}
