//! What we answer to an approval request of Codex's daemon: the `result` of its JSON-RPC request.
//!
//! Source: observed with Codex 0.169.0. `decline` and `acceptForSession` work though `availableDecisions` does not name
//! them. A refusal takes no words: the model is told "rejected by user".

use crate::answer::Question;
use magia_protocol::wire::info::Decision;
use magia_protocol::wire::{ErrorCode, GateReply, RpcError};
use serde_json::{Map, Value, json};

/// Composes the answer. Fails where the decision does not fit the request.
pub fn compose(
    question: Question<'_>,
    decision: Decision,
    answers: Option<&Map<String, Value>>,
) -> Result<GateReply, RpcError> {
    if decision == Decision::None {
        return Ok(GateReply::no_decision());
    }
    if question.tool == "AskUserQuestion" {
        return chosen(question.input, decision, answers);
    }
    let word = match decision {
        Decision::Allow => "accept",
        Decision::Always => "acceptForSession",
        _ => "decline",
    };
    Ok(GateReply::answer(json!({ "decision": word }).to_string()))
}

fn chosen(
    input: &Value,
    decision: Decision,
    answers: Option<&Map<String, Value>>,
) -> Result<GateReply, RpcError> {
    if decision != Decision::Allow {
        return Err(RpcError::new(ErrorCode::Unsupported, "Codex takes no refusal of a question")
            .with_hint("answer it, or leave it to the terminal"));
    }
    let mut result = Map::new();
    for question in input.get("questions").and_then(Value::as_array).into_iter().flatten() {
        let field = |key: &str| question.get(key).and_then(Value::as_str).unwrap_or_default();
        let labels: Vec<String> = match answers.and_then(|answers| answers.get(field("question"))) {
            Some(Value::String(one)) => vec![one.clone()],
            Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            _ => Vec::new(),
        };
        if labels.iter().all(|label| label.trim().is_empty()) {
            let missing = format!("there is no answer to {:?}", field("question"));
            return Err(RpcError::new(ErrorCode::BadParams, missing));
        }
        result.insert(field("id").to_owned(), json!({ "answers": labels }));
    }
    if result.is_empty() {
        return Err(RpcError::new(ErrorCode::Unsupported, "the questions could not be read")
            .with_hint("answer in the terminal"));
    }
    Ok(GateReply::answer(json!({ "answers": result }).to_string()))
}
