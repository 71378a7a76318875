//! What a gate tells the agent: the answer of a PermissionRequest hook, and the refusal of a call before it runs.
//!
//! Source: observed with Claude Code 2.1.197 and Codex 0.169.0, whose answer has the same shape but takes nothing
//! beside `behavior` and `message`: an unknown field makes it no answer at all. Exit codes decide nothing at Claude's
//! PermissionRequest; only this JSON does.

use crate::policy::{Says, Verdict};
use magia_protocol::wire::info::Decision;
use magia_protocol::wire::{ErrorCode, GateReply, RpcError};
use serde_json::{Map, Value, json};

/// What is said to the agent when a person denies without a reason.
pub const DENIED: &str = "The user denied this in magia";

/// Claude's tool that asks the user.
const QUESTION: &str = "AskUserQuestion";

/// The answer that allows a call as it is.
const ALLOWED: &str =
    r#"{"hookSpecificOutput":{"hookEventName":"PermissionRequest","decision":{"behavior":"allow"}}}"#;

/// What is answered, to which request.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// Tool name.
    pub tool: &'a str,
    /// Its input.
    pub input: &'a Value,
    /// What "always" could mean, as the agent offers it.
    pub suggestions: &'a [Value],
    /// The input that a person wrote in its place, checked by [`crate::policy::edit`].
    pub edited: Option<&'a Value>,
}

/// Refuses a call at the hook that comes before it runs (`PreToolUse`, `BeforeTool`): exit 2 and a reason, which all
/// three agents take. The same hook cannot grant anything.
pub fn refuse(reason: &str) -> GateReply {
    GateReply { exit: 2, stderr: format!("{reason}\n").into_bytes(), ..GateReply::default() }
}

/// What the hook before a call gets for a verdict: a refusal, or nothing, or with `unread` rules that it is not known.
pub fn before(verdict: &Verdict, unread: bool) -> GateReply {
    match verdict.says {
        Says::Deny => refuse(&verdict.denial()),
        Says::Allow | Says::Ask | Says::Pass if unread => {
            GateReply::unjudged("magia's rules in settings.json cannot be read")
        }
        Says::Allow | Says::Ask | Says::Pass => GateReply::no_decision(),
    }
}

/// Composes the answer. Fails when the decision does not fit the request: `always` where the agent offers no rule,
/// `allow` of a question without an answer for each of its questions.
pub fn compose(
    question: Question<'_>,
    decision: Decision,
    reason: Option<&str>,
    answers: Option<&Map<String, Value>>,
) -> Result<GateReply, RpcError> {
    let body = match decision {
        Decision::None => return Ok(GateReply::no_decision()),
        // Most answers, without a tree of values.
        Decision::Allow if question.edited.is_none() && question.tool != QUESTION => {
            return Ok(GateReply::answer(ALLOWED));
        }
        Decision::Deny => json!({ "behavior": "deny", "message": reason.unwrap_or(DENIED) }),
        Decision::Allow => allow(question, answers)?,
        Decision::Always => {
            let updates = always_updates(question.suggestions);
            if updates.is_empty() {
                return Err(RpcError::new(
                    ErrorCode::Unsupported,
                    "the agent offers no rule to allow always",
                )
                .with_hint("allow it once"));
            }
            let mut body = allow(question, answers)?;
            if let Some(object) = body.as_object_mut() {
                object.insert("updatedPermissions".into(), Value::Array(updates));
            }
            body
        }
    };
    let output = json!({ "hookSpecificOutput": { "hookEventName": "PermissionRequest", "decision": body } });
    Ok(GateReply::answer(output.to_string()))
}

fn allow(question: Question<'_>, answers: Option<&Map<String, Value>>) -> Result<Value, RpcError> {
    if let Some(edited) = question.edited {
        return Ok(json!({ "behavior": "allow", "updatedInput": edited }));
    }
    if question.tool != QUESTION {
        return Ok(json!({ "behavior": "allow" }));
    }
    let empty = Map::new();
    let answers = answers.unwrap_or(&empty);
    let asked: Vec<&str> = question
        .input
        .get("questions")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|one| one.get("question").and_then(Value::as_str))
        .collect();
    if asked.is_empty() {
        return Err(RpcError::new(ErrorCode::Unsupported, "the questions could not be read")
            .with_hint("answer in the terminal"));
    }
    if let Some(open) = asked.iter().find(|text| answers.get(**text).and_then(chosen).is_none()) {
        return Err(RpcError::new(ErrorCode::BadParams, format!("the question {open:?} has no answer"))
            .with_hint("a question is never answered by a default: give answers {question: label}"));
    }
    if let Some(other) = answers.keys().find(|text| !asked.contains(&text.as_str())) {
        return Err(RpcError::new(ErrorCode::BadParams, format!("there is no question {other:?}"))
            .with_hint("the key of an answer is the question's whole text"));
    }
    let mut input = question.input.clone();
    if let Some(object) = input.as_object_mut() {
        let chosen = answers.iter().filter_map(|(text, answer)| Some((text.clone(), chosen(answer)?.into())));
        object.insert("answers".into(), Value::Object(chosen.collect()));
    }
    Ok(json!({ "behavior": "allow", "updatedInput": input }))
}

/// An answer as Claude takes it: a text, of several labels one joined text. `None` when nothing was chosen.
fn chosen(answer: &Value) -> Option<String> {
    let text = match answer {
        Value::String(text) => text.clone(),
        Value::Array(labels) => {
            labels.iter().map(Value::as_str).collect::<Option<Vec<_>>>().unwrap_or_default().join(", ")
        }
        _ => return None,
    };
    (!text.trim().is_empty()).then_some(text)
}

/// The permission updates that `always` sends back: the agent's own rules, else the directories it would add, else
/// its change of mode.
pub fn always_updates(suggestions: &[Value]) -> Vec<Value> {
    let of_kind = |wanted: &str| -> Vec<Value> {
        let is = |update: &&Value| update.get("type").and_then(Value::as_str) == Some(wanted);
        suggestions.iter().filter(is).cloned().collect()
    };
    ["addRules", "addDirectories", "setMode"]
        .into_iter()
        .map(of_kind)
        .find(|updates| !updates.is_empty())
        .unwrap_or_default()
}

/// What `always` would allow, in the agent's words: `Bash(mkdir zz *)`. `None` when it offers nothing.
pub fn always_label(suggestions: &[Value]) -> Option<String> {
    if suggestions.iter().any(|one| one.get("type").and_then(Value::as_str) == Some("codexSession")) {
        return Some("the same for this session".to_owned());
    }
    let mut labels = Vec::new();
    for update in always_updates(suggestions) {
        let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
        if let Some(mode) = text(&update, "mode") {
            labels.push(format!("{mode} for this session"));
        }
        for directory in update.get("directories").and_then(Value::as_array).into_iter().flatten() {
            labels.extend(directory.as_str().map(|directory| format!("work in {directory}")));
        }
        for rule in update.get("rules").and_then(Value::as_array).into_iter().flatten() {
            match (text(rule, "toolName"), text(rule, "ruleContent")) {
                (Some(tool), Some(content)) => labels.push(format!("{tool}({content})")),
                (Some(tool), None) => labels.push(tool),
                _ => {}
            }
        }
    }
    (!labels.is_empty()).then(|| labels.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: Value = Value::Null;

    fn bash<'a>(suggestions: &'a [Value]) -> Question<'a> {
        Question { tool: "Bash", input: &NOTHING, suggestions, edited: None }
    }

    fn decision_of(reply: &GateReply) -> Value {
        let output: Value = serde_json::from_slice(&reply.stdout).unwrap();
        assert_eq!(output["hookSpecificOutput"]["hookEventName"], "PermissionRequest");
        output["hookSpecificOutput"]["decision"].clone()
    }

    #[test]
    fn allow_deny_and_nothing() {
        let reply = compose(bash(&[]), Decision::Allow, None, None).unwrap();
        assert_eq!(decision_of(&reply), json!({"behavior": "allow"}));
        let reply = compose(bash(&[]), Decision::Deny, Some("not today"), None).unwrap();
        assert_eq!(decision_of(&reply), json!({"behavior": "deny", "message": "not today"}));
        assert_eq!(compose(bash(&[]), Decision::None, None, None).unwrap(), GateReply::no_decision());
    }

    #[test]
    fn always_sends_the_agents_own_rule_back() {
        let rule = json!({"type": "addRules", "rules": [{"toolName": "Bash", "ruleContent": "mkdir zz *"}],
            "behavior": "allow", "destination": "localSettings"});
        let mode = json!({"type": "setMode", "mode": "acceptEdits", "destination": "session"});
        let suggestions = [rule.clone(), mode.clone()];
        assert_eq!(always_label(&suggestions).as_deref(), Some("Bash(mkdir zz *)"));
        let reply = compose(bash(&suggestions), Decision::Always, None, None).unwrap();
        assert_eq!(decision_of(&reply)["updatedPermissions"], json!([rule]));
        assert_eq!(always_label(&[mode]).as_deref(), Some("acceptEdits for this session"));
        let err = compose(bash(&[]), Decision::Always, None, None).unwrap_err();
        assert_eq!(err.code, ErrorCode::Unsupported);
    }

    #[test]
    fn a_question_that_cannot_be_read_or_an_empty_answer_is_not_an_answer() {
        for input in [json!({}), json!({"questions": []}), json!({"questions": "Which?"}), json!(null)] {
            let question =
                Question { tool: "AskUserQuestion", input: &input, suggestions: &[], edited: None };
            assert!(compose(question, Decision::Allow, None, None).is_err(), "{input}");
            let update = json!({"type": "setMode", "mode": "acceptEdits"});
            let question = Question { suggestions: &[update], ..question };
            assert!(compose(question, Decision::Always, None, None).is_err(), "{input}");
        }
        let input = json!({"questions": [{"question": "Which?", "multiSelect": true}]});
        let question = Question { tool: "AskUserQuestion", input: &input, suggestions: &[], edited: None };
        let with = |answer: Value| {
            let mut answers = Map::new();
            answers.insert("Which?".into(), answer);
            compose(question, Decision::Allow, None, Some(&answers))
        };
        for nothing in [json!(null), json!(""), json!("  "), json!([]), json!([1]), json!({}), json!(true)] {
            assert!(with(nothing.clone()).is_err(), "{nothing}");
        }
        let reply = with(json!(["A", "B"])).unwrap();
        assert_eq!(decision_of(&reply)["updatedInput"]["answers"], json!({"Which?": "A, B"}));
    }

    #[test]
    fn a_question_needs_an_answer_for_each_of_its_questions() {
        let input = json!({"questions": [{"question": "Which?", "options": []}]});
        let question = Question { tool: "AskUserQuestion", input: &input, suggestions: &[], edited: None };
        assert!(compose(question, Decision::Allow, None, None).is_err());
        let mut answers = Map::new();
        answers.insert("Other?".into(), json!("A"));
        assert!(compose(question, Decision::Allow, None, Some(&answers)).is_err());
        answers.clear();
        answers.insert("Which?".into(), json!("A"));
        let reply = compose(question, Decision::Allow, None, Some(&answers)).unwrap();
        assert_eq!(decision_of(&reply)["updatedInput"]["answers"], json!({"Which?": "A"}));
    }
}
