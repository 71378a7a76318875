//! A permission request in words: everything that would happen, never cut.

use crate::age::age;
use magia_protocol::wire::info::{Decision, RequestInfo};
use magia_protocol::wire::{Provider, RequestState, SessionId, visible, visible_lines};
use serde_json::Value;

/// The request, its risk and what to type.
pub fn lines(request: &RequestInfo, now_ms: u64) -> Vec<String> {
    let id = request.id.short();
    let mut lines = vec![format!(
        "{id}  {} {}, {} risk, {}",
        request.provider.map_or("magia", Provider::as_str),
        request.tool,
        request.risk,
        standing(request, now_ms)
    )];
    let mut session = match request.session {
        SessionId::NOBODY => format!("  from     {}", request.session_title),
        id => format!("  session  {} ({})", request.session_title, id.short()),
    };
    if request.agent_id.is_some() {
        session.push_str(", asked by a subagent");
    }
    lines.push(session);
    lines.push(format!("  in       {}", request.cwd));
    let body: Vec<String> = input(request).iter().flat_map(|part| split(part)).collect();
    lines.extend(body.iter().map(|line| format!("    {line}").trim_end().to_owned()));
    for reason in &request.risk_reasons {
        lines.push(format!("  risk     {reason}"));
    }
    if !request.policy.is_empty() {
        lines.push(format!("  policy   {}", visible(&request.policy)));
    }
    if let Some(edited) = request.outcome.as_ref().and_then(|outcome| outcome.edited_input.as_ref()) {
        lines.push(format!("  edited   {}", visible(&edited.to_string())));
    }
    if let Some(always) = &request.always {
        lines.push(format!("  always   {always}"));
    }
    if request.may_be_answered {
        lines.push("  note     a twin of it was answered in the terminal; it may be this one".to_owned());
    }
    if request.state == RequestState::Open {
        lines.extend(commands(request, &id));
    }
    lines
}

fn standing(request: &RequestInfo, now_ms: u64) -> String {
    let Some(outcome) = &request.outcome else {
        return match request.state {
            RequestState::Open => format!("waits for {}", age(now_ms, request.asked_at_ms)),
            state => format!("{state}, asked {} ago", age(now_ms, request.asked_at_ms)),
        };
    };
    let decision = outcome.decision.map_or("no decision", |decision| decision.as_str());
    // What was decided stays so, though magia ended before it saw what came of it.
    let state = match (request.state, outcome.decision) {
        (RequestState::AppGone, Some(Decision::Allow | Decision::Always | Decision::Deny)) => {
            RequestState::Decided
        }
        (state, _) => state,
    };
    let mut text = format!("{state}: {decision} by {}, {} ago", outcome.by, age(now_ms, outcome.at_ms));
    if let Some(reason) = &outcome.reason {
        text.push_str(&format!(", {reason:?}"));
    }
    text
}

fn commands(request: &RequestInfo, id: &str) -> Vec<String> {
    let deny = format!("  deny     magia deny {id} --reason \"...\"");
    // A request for a terminal is nobody's who could ask for himself.
    let leaves = request.session != SessionId::NOBODY;
    let pass = leaves.then(|| format!("  leave    magia pass {id}"));
    if request.kind == "question" {
        let several = questions(&request.input).nth(1).is_some();
        let mut answer = format!("  answer   magia allow {id}");
        for question in questions(&request.input) {
            let label = options(question).map(|option| word(option, "label")).next().unwrap_or("...");
            // A label that holds `=` reads like a question and its answer.
            let text = if several || label.contains('=') {
                format!("{}={label}", word(question, "question"))
            } else {
                label.to_owned()
            };
            answer.push_str(" --answer ");
            answer.push_str(&quoted(&visible(&text)));
        }
        let mut lines = vec![answer];
        lines.push(deny);
        lines.extend(pass);
        return lines;
    }
    let mut lines = vec![format!("  allow    magia allow {id}")];
    if request.always.is_some() {
        lines.push(format!("           magia allow {id} --always"));
    }
    if request.shows_diff {
        lines.push(format!("           magia allow {id} --contents @FILE"));
    }
    lines.push(deny);
    lines.extend(pass);
    lines
}

/// `text` for a shell, in single quotes: nothing in it is expanded.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// What the tool would do, in the order in which a person reads it.
fn input(request: &RequestInfo) -> Vec<String> {
    let input = &request.input;
    let text = |key: &str| input.get(key).and_then(Value::as_str);
    if request.kind == "question" {
        return questions(input).flat_map(question_lines).collect();
    }
    if request.kind == "plan"
        && let Some(plan) = text("plan")
    {
        return vec![plan.to_owned()];
    }
    if let Some(command) = text("command") {
        return vec![command.to_owned()];
    }
    match (text("file_path"), text("old_string"), text("new_string"), text("content")) {
        (Some(path), Some(old), Some(new), _) => {
            let mut parts = vec![path.to_owned()];
            if input.get("replace_all") == Some(&Value::Bool(true)) {
                parts.push("every occurrence".to_owned());
            }
            parts.extend(split(old).iter().map(|line| format!("- {line}")));
            parts.extend(split(new).iter().map(|line| format!("+ {line}")));
            parts
        }
        (Some(path), _, _, Some(content)) => {
            let mut parts = vec![path.to_owned()];
            parts.extend(split(content).iter().map(|line| format!("+ {line}")));
            parts
        }
        _ => vec![serde_json::to_string_pretty(input).unwrap_or_else(|_| input.to_string())],
    }
}

/// The questions of an AskUserQuestion input.
pub fn questions(input: &Value) -> impl Iterator<Item = &Value> {
    input.get("questions").and_then(Value::as_array).into_iter().flatten()
}

fn options(question: &Value) -> impl Iterator<Item = &Value> {
    question.get("options").and_then(Value::as_array).into_iter().flatten()
}

/// A string of an object, or nothing.
pub fn word<'a>(object: &'a Value, key: &str) -> &'a str {
    object.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn question_lines(question: &Value) -> Vec<String> {
    let several = question.get("multiSelect") == Some(&Value::Bool(true));
    let mut lines = vec![format!(
        "{}{}",
        word(question, "question"),
        if several { " (several may be chosen)" } else { "" }
    )];
    for option in options(question) {
        let label = word(option, "label");
        lines.push(match word(option, "description") {
            "" => format!("- {label}"),
            description => format!("- {label}: {description}"),
        });
    }
    lines
}

/// Lines of hostile text: a carriage return does not end one, it is shown.
fn split(text: &str) -> Vec<String> {
    visible_lines(text).split('\n').map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_question_is_quoted_for_the_shell() {
        assert_eq!(quoted("What's `id`?=$(id)"), r"'What'\''s `id`?=$(id)'");
    }

    #[test]
    fn what_is_not_known_is_shown_as_json() {
        let request = request("tool", json!({"url": "http://x"}));
        assert_eq!(input(&request), ["{\n  \"url\": \"http://x\"\n}"]);
    }

    #[test]
    fn an_edit_is_shown_as_old_and_new_lines() {
        let request = request(
            "tool",
            json!({"file_path": "/p/a.rs", "old_string": "a\nb", "new_string": "c", "replace_all": true}),
        );
        assert_eq!(input(&request), ["/p/a.rs", "every occurrence", "- a", "- b", "+ c"]);
    }

    #[test]
    fn only_an_agent_has_a_dialog_to_leave_a_request_to() {
        let mut request = request("tool", json!({"command": "make"}));
        let says = |request: &RequestInfo, word| lines(request, 0).iter().any(|line| line.contains(word));
        assert!(says(&request, "magia pass"));
        request.session = SessionId::NOBODY;
        assert!(!says(&request, "magia pass"));
        assert!(says(&request, "magia allow") && says(&request, "magia deny"));
    }

    fn request(kind: &str, input: Value) -> RequestInfo {
        serde_json::from_value(json!({
            "id": "0199aaaa-bbbb-7ccc-8ddd-eeee3fa9c1d2",
            "session": "0199aaaa-bbbb-7ccc-8ddd-eeeeff001122",
            "session_title": "t", "provider": "claude", "kind": kind, "tool": "T", "input": input,
            "summary": "", "cwd": "/p", "agent_id": null, "risk": "low", "risk_reasons": [],
            "always": null, "state": "open", "may_be_answered": false, "asked_at_ms": 0, "outcome": null,
        }))
        .unwrap()
    }
}
