//! `permissions`, `allow`, `deny`, `pass`.

use super::request_text::{lines, questions, word};
use crate::age::now_ms;
use crate::client::{self, Client};
use crate::failure::{Exit, Failure, say};
use crate::output::Out;
use anyhow::Result;
use clap::Args;
use magia_protocol::wire::Command;
use magia_protocol::wire::command::{ListRequests, ResolvePermission, ResolveSame};
use magia_protocol::wire::info::{Decision, RequestInfo, SameInfo};
use serde_json::{Map, Value, json};

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
    /// Run this input instead of the agent's: JSON, or @FILE. Claude only.
    #[arg(long, value_name = "JSON|@FILE", conflicts_with_all = ["always", "answers"])]
    pub input: Option<String>,
    /// Run this command instead of the agent's. Claude only.
    #[arg(long, value_name = "TEXT", conflicts_with_all = ["always", "answers", "input"], allow_hyphen_values = true)]
    pub command: Option<String>,
    /// Write this into the file instead of what the agent shows: text, or @FILE. Only for an edit that the agent shows as
    /// in an editor.
    #[arg(long, value_name = "TEXT|@FILE", conflicts_with_all = ["always", "answers", "input", "command", "same"], allow_hyphen_values = true)]
    pub contents: Option<String>,
    /// Allow an edited input although it is of high risk and the agent's was not.
    #[arg(long)]
    pub high_risk: bool,
    /// Also answer all open requests that ask the same.
    #[arg(long, conflicts_with_all = ["answers", "input", "command"])]
    pub same: bool,
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
    /// Also deny all open requests that ask the same.
    #[arg(long)]
    pub same: bool,
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
    if allow.same {
        return resolve_same(&mut client, ResolveSame { id: allow.id.clone(), decision, reason: None }, out);
    }
    let answers = match allow.answers.as_slice() {
        [] => None,
        given => Some(answers(&mut client, &allow.id, given)?),
    };
    let input = match (&allow.input, &allow.command) {
        (Some(input), _) => Some(read_input(input)?),
        (None, Some(command)) => Some(with_command(&mut client, &allow.id, command)?),
        (None, None) => None,
    };
    let contents = allow.contents.as_deref().map(|typed| read_text(typed, "--contents takes text or @FILE"));
    let contents = contents.transpose()?.map(String::into_boxed_str);
    let plain = ResolvePermission::new(allow.id.clone(), decision);
    let high_risk = allow.high_risk;
    resolve(&mut client, ResolvePermission { answers, input, contents, high_risk, ..plain }, out)
}

/// JSON as typed, or what a file holds.
fn read_input(typed: &str) -> Result<Value> {
    let text = read_text(typed, "--input takes JSON or @FILE")?;
    serde_json::from_str(&text).map_err(|err| {
        Failure::usage(format!("--input is no JSON: {err}"), "--input takes JSON or @FILE").into()
    })
}

/// A text as typed, or what a file holds.
fn read_text(typed: &str, takes: &str) -> Result<String> {
    match typed.strip_prefix('@') {
        Some(path) => std::fs::read_to_string(path)
            .map_err(|err| Failure::usage(format!("cannot read {path}: {err}"), takes).into()),
        None => Ok(typed.to_owned()),
    }
}

/// The agent's input with another command in it.
fn with_command(client: &mut Client, id: &str, command: &str) -> Result<Value> {
    let open: Vec<RequestInfo> =
        client::read(&client.ask(&Command::GetPermissionRequests(ListRequests::default()))?)?;
    let mut named = open.into_iter().filter(|request| request.id.is_named_by(id));
    // Not an open request, or several: the app says what is wrong with it.
    let (Some(request), None) = (named.next(), named.next()) else {
        return Ok(json!({ "command": command }));
    };
    let mut input = request.input;
    match input.get_mut("command") {
        Some(old @ Value::String(_)) => *old = Value::from(command),
        _ => {
            let advice = "--input replaces the whole input of any tool";
            return Err(Failure::usage(format!("{} runs no command", request.tool), advice).into());
        }
    }
    Ok(input)
}

/// `magia deny`.
pub fn deny(deny: Deny, out: &mut Out) -> Result<Exit> {
    let Deny { id, reason, same } = deny;
    if same {
        let params = ResolveSame { id, decision: Decision::Deny, reason };
        return resolve_same(&mut Client::connect()?, params, out);
    }
    let params = ResolvePermission { reason, ..ResolvePermission::new(id, Decision::Deny) };
    resolve(&mut Client::connect()?, params, out)
}

/// `magia pass`.
pub fn pass(pass: Pass, out: &mut Out) -> Result<Exit> {
    resolve(&mut Client::connect()?, ResolvePermission::new(pass.id, Decision::None), out)
}

fn resolve(client: &mut Client, params: ResolvePermission, out: &mut Out) -> Result<Exit> {
    let (said, reasoned) = (said(params.decision), params.reason.is_some());
    let reply = client.ask(&Command::ResolvePermission(params))?;
    client::warn(&reply);
    if out.is_json() {
        out.json(reply.get())?;
        return Ok(Exit::Done);
    }
    let request: RequestInfo = client::read(&reply)?;
    if reasoned {
        warn_of_reason(&[&request]);
    }
    let edited = request.outcome.as_ref().is_some_and(|outcome| outcome.edited_input.is_some());
    let edited = if edited { " with another input" } else { "" };
    out.text(&line(&format!("{said}{edited}"), &request))?;
    Ok(Exit::Done)
}

fn resolve_same(client: &mut Client, params: ResolveSame, out: &mut Out) -> Result<Exit> {
    let (said, reasoned) = (said(params.decision), params.reason.is_some());
    let reply = client.ask(&Command::ResolveSame(params))?;
    client::warn(&reply);
    let info: SameInfo = client::read(&reply)?;
    if out.is_json() {
        out.json(reply.get())?;
    } else {
        for request in &info.answered {
            out.text(&line(said, request))?;
        }
    }
    if reasoned {
        warn_of_reason(&info.answered.iter().collect::<Vec<_>>());
    }
    for failure in &info.failed {
        say(&format!("{} was not answered: {}", failure.id.short(), failure.error.message));
    }
    Ok(if info.failed.is_empty() { Exit::Done } else { Exit::Failed })
}

/// Says so when an agent was not told the reason that was given.
fn warn_of_reason(requests: &[&RequestInfo]) {
    let untold =
        |request: &&RequestInfo| request.outcome.as_ref().is_some_and(|outcome| outcome.reason.is_none());
    if requests.iter().any(untold) {
        say("the agent was told no and nothing more: a refusal of Codex's daemon takes no reason");
    }
}

const fn said(decision: Decision) -> &'static str {
    match decision {
        Decision::Allow => "allowed",
        Decision::Deny => "denied",
        Decision::Always => "allowed from now on",
        Decision::None => "left to the agent's own dialog",
    }
}

fn line(said: &str, request: &RequestInfo) -> String {
    let text = format!("{said}: {} {} ({})", request.tool, request.summary, request.session_title);
    magia_protocol::wire::visible(&text).into_owned()
}

/// The answers by question text; the questions themselves are asked of the app, so that a wrong one is noticed.
fn answers(client: &mut Client, id: &str, given: &[String]) -> Result<Map<String, Value>> {
    let open: Vec<RequestInfo> =
        client::read(&client.ask(&Command::GetPermissionRequests(ListRequests::default()))?)?;
    let questions: Vec<&Value> = open
        .iter()
        .filter(|request| request.id.is_named_by(id))
        .flat_map(|request| questions(&request.input))
        .collect();
    let asked: Vec<&str> = questions.iter().map(|question| word(question, "question")).collect();
    let takes_one = |text: &str| {
        questions.iter().any(|question| {
            word(question, "question") == text && question.get("multiSelect") != Some(&Value::Bool(true))
        })
    };
    let mut answers: Map<String, Value> = Map::new();
    for answer in given {
        let (question, label) = split_answer(answer, &asked)?;
        let label = match answers.get(question).and_then(Value::as_str) {
            Some(earlier) if takes_one(question) => {
                let what = format!("{question:?} takes one answer, and {earlier:?} and {label:?} were given");
                return Err(Failure::usage(what, "give one").into());
            }
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
