//! `permissions`, `allow`, `deny`, `pass`.

use super::request_text::{lines, questions, word};
use crate::age::now_ms;
use crate::client::{self, Client};
use crate::failure::{Exit, Failure, say};
use crate::output::Out;
use anyhow::Result;
use clap::Args;
use magia_protocol::wire::Command;
use magia_protocol::wire::command::{ListRequests, ResolvePermission};
use magia_protocol::wire::info::{Decision, RequestInfo};
use serde_json::{Map, Value};

/// `permissions`.
#[derive(Debug, Args)]
pub struct Permissions {
    /// Also answered ones, newest first.
    #[arg(long)]
    pub all: bool,
    /// At most so many.
    #[arg(long, value_name = "N")]
    pub limit: Option<u32>,
}

/// `allow`.
#[derive(Debug, Args)]
pub struct Allow {
    /// The request: its short id, or the first characters of its id; never a session's.
    #[arg(value_name = "ID", add = crate::complete::requests())]
    pub id: String,
    /// Also do not ask again for its like, by the rule that the agent offers.
    #[arg(long, conflicts_with = "answers")]
    pub always: bool,
    /// For a question: the chosen label, with the question before it when there are several questions; again
    /// for each question and for each of several labels.
    #[arg(long = "answer", value_name = "QUESTION=LABEL")]
    pub answers: Vec<String>,
}

/// `deny`.
#[derive(Debug, Args)]
pub struct Deny {
    /// The request: its short id, or the first characters of its id; never a session's.
    #[arg(value_name = "ID", add = crate::complete::requests())]
    pub id: String,
    /// Said to the agent, so that it can do something else.
    #[arg(long, value_name = "R")]
    pub reason: Option<String>,
}

/// `pass`.
#[derive(Debug, Args)]
pub struct Pass {
    /// The request: its short id, or the first characters of its id; never a session's.
    #[arg(value_name = "ID", add = crate::complete::requests())]
    pub id: String,
}

/// `magia permissions`.
pub fn list(list: &Permissions, out: &mut Out) -> Result<Exit> {
    let reply =
        client::ask(&Command::GetPermissionRequests(ListRequests { all: list.all, limit: list.limit }))?;
    if out.is_json() {
        out.json(reply.get())?;
        return Ok(Exit::Done);
    }
    let requests: Vec<RequestInfo> = client::read(&reply)?;
    if requests.is_empty() {
        say(if list.all { "no requests" } else { "nothing waits for your answer" });
    }
    let now = now_ms();
    for (at, request) in requests.iter().enumerate() {
        if at > 0 {
            out.text("")?;
        }
        for line in lines(request, now) {
            out.text(&line)?;
        }
    }
    Ok(Exit::Done)
}

/// `magia allow`.
pub fn allow(allow: &Allow, out: &mut Out) -> Result<Exit> {
    let mut client = Client::connect()?;
    let decision = if allow.always { Decision::Always } else { Decision::Allow };
    let answers = match allow.answers.as_slice() {
        [] => None,
        given => Some(answers(&mut client, &allow.id, given)?),
    };
    resolve(&mut client, ResolvePermission { id: allow.id.clone(), decision, reason: None, answers }, out)
}

/// `magia deny`.
pub fn deny(deny: Deny, out: &mut Out) -> Result<Exit> {
    let Deny { id, reason } = deny;
    let params = ResolvePermission { id, decision: Decision::Deny, reason, answers: None };
    resolve(&mut Client::connect()?, params, out)
}

/// `magia pass`.
pub fn pass(pass: Pass, out: &mut Out) -> Result<Exit> {
    let params = ResolvePermission { id: pass.id, decision: Decision::None, reason: None, answers: None };
    resolve(&mut Client::connect()?, params, out)
}

fn resolve(client: &mut Client, params: ResolvePermission, out: &mut Out) -> Result<Exit> {
    let said = match params.decision {
        Decision::Allow => "allowed",
        Decision::Deny => "denied",
        Decision::Always => "allowed from now on",
        Decision::None => "left to the agent's own dialog",
    };
    let reply = client.ask(&Command::ResolvePermission(params))?;
    if out.is_json() {
        out.json(reply.get())?;
        return Ok(Exit::Done);
    }
    let request: RequestInfo = client::read(&reply)?;
    let text = format!("{said}: {} {} ({})", request.tool, request.summary, request.session_title);
    out.text(&magia_protocol::wire::visible(&text))?;
    Ok(Exit::Done)
}

/// The answers by question text; the questions themselves are asked of the app, so that a wrong one is noticed.
fn answers(client: &mut Client, id: &str, given: &[String]) -> Result<Map<String, Value>> {
    let open: Vec<RequestInfo> =
        client::read(&client.ask(&Command::GetPermissionRequests(ListRequests::default()))?)?;
    let asked: Vec<&str> = open
        .iter()
        .filter(|request| request.id.is_named_by(id))
        .flat_map(|request| questions(&request.input))
        .map(|question| word(question, "question"))
        .collect();
    let mut answers: Map<String, Value> = Map::new();
    for answer in given {
        let (question, label) = split_answer(answer, &asked)?;
        let label = match answers.get(question).and_then(Value::as_str) {
            Some(earlier) => format!("{earlier}, {label}"),
            None => label.to_owned(),
        };
        answers.insert(question.to_owned(), Value::from(label));
    }
    Ok(answers)
}

/// Question and label. A question may hold `=`, so the questions that were asked are tried first.
fn split_answer<'a>(answer: &'a str, asked: &[&'a str]) -> Result<(&'a str, &'a str)> {
    let matching = asked
        .iter()
        .find_map(|question| Some((*question, answer.strip_prefix(question)?.strip_prefix('=')?)));
    if let Some(found) = matching {
        return Ok(found);
    }
    match (asked, answer.split_once('=')) {
        ([only], None) => Ok((only, answer)),
        // Not an open question that we know: the app says what is wrong with it.
        ([], Some(pair)) => Ok(pair),
        _ => Err(Failure::usage(
            format!("--answer {answer:?} names no question of this request"),
            if asked.is_empty() {
                "write it as \"QUESTION=LABEL\"".to_owned()
            } else {
                format!("the questions are {asked:?}")
            },
        )
        .into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_tied_to_their_question() {
        let two = ["Which database?", "Is a=b?"];
        assert_eq!(split_answer("Which database?=SQLite", &two).unwrap(), ("Which database?", "SQLite"));
        assert_eq!(split_answer("Is a=b?=yes", &two).unwrap(), ("Is a=b?", "yes"));
        assert!(split_answer("SQLite", &two).is_err());
        assert!(split_answer("Which?=SQLite", &two).is_err());
        assert_eq!(split_answer("SQLite", &["Which?"]).unwrap(), ("Which?", "SQLite"));
        assert!(split_answer("Wich?=SQLite", &["Which?"]).is_err(), "a mistyped question is no label");
        assert_eq!(split_answer("Q=L", &[]).unwrap(), ("Q", "L"));
    }
}
