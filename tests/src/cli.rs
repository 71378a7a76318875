//! What a person sees of magia, asked of the command line with `--json`.

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::app::{Reply, magia};
use crate::sandbox::Sandbox;
use crate::wait::{PATIENCE, wait_until};

/// `magia` in one sandbox.
#[derive(Clone, Copy)]
pub struct Cli<'a> {
    sandbox: &'a Sandbox,
}

/// A verb's words with `--json` at their end, but before those that are another command's.
pub fn with_json<'a>(args: &[&'a str]) -> Vec<&'a str> {
    let own = args.iter().position(|word| *word == "--").unwrap_or(args.len());
    let (own, others) = args.split_at(own);
    own.iter().chain(&["--json"]).chain(others).copied().collect()
}

impl<'a> Cli<'a> {
    /// The command line that talks to the sandbox's app.
    pub fn new(sandbox: &'a Sandbox) -> Self {
        Self { sandbox }
    }

    /// Runs a verb, whatever comes of it.
    pub fn run(self, args: &[&str]) -> Result<Reply> {
        magia(self.sandbox, args)
    }

    /// Runs a verb with `--json`, which must succeed.
    pub fn json(self, args: &[&str]) -> Result<Value> {
        let args = with_json(args);
        self.run(&args)?.json().with_context(|| format!("magia {}", args.join(" ")))
    }

    /// The rows of a list verb.
    pub fn rows(self, args: &[&str]) -> Result<Vec<Value>> {
        match self.json(args)? {
            Value::Array(rows) => Ok(rows),
            other => bail!("magia {} printed no list: {other}", args.join(" ")),
        }
    }

    /// Waits until a row of a list verb is as wanted, and gives it.
    pub fn wait_for_row(self, what: &str, args: &[&str], wanted: impl Fn(&Value) -> bool) -> Result<Value> {
        wait_until(what, PATIENCE, || self.rows(args).ok()?.into_iter().find(|row| wanted(row)))
            .with_context(|| format!("magia {}: {:#?}", args.join(" "), self.rows(args)))
    }

    /// Waits until exactly `count` requests wait for an answer, and gives them, oldest first.
    pub fn wait_for_requests(self, count: usize) -> Result<Vec<Value>> {
        wait_until(&format!("{count} open requests"), PATIENCE, || {
            self.rows(&["permissions"]).ok().filter(|open| open.len() == count)
        })
        .with_context(|| format!("requests: {:#?}", self.rows(&["permissions", "--all"])))
    }

    /// Waits until exactly one request waits for an answer, and gives it.
    pub fn wait_for_request(self) -> Result<Value> {
        self.wait_for_requests(1)?.pop().context("no request")
    }

    /// Waits until a request, open or not, is in this state, and gives it.
    pub fn wait_for_request_state(self, id: &str, state: &str) -> Result<Value> {
        let all = ["permissions", "--all"];
        self.wait_for_row(&format!("request {id} to be {state:?}"), &all, |row| {
            row["id"] == id && row["state"] == state
        })
    }

    /// Waits until the session of an agent's process is in this state, and gives it.
    pub fn wait_for_session(self, pid: u32, state: &str) -> Result<Value> {
        let all = ["ls", "--all"];
        self.wait_for_row(&format!("the session of process {pid} to be {state:?}"), &all, |row| {
            row.pointer("/process/pid") == Some(&pid.into()) && row["state"] == state
        })
    }

    /// The events of a session, oldest first.
    pub fn events(self, session: &str) -> Result<Vec<Value>> {
        self.rows(&["events", "--session", session])
    }
}

/// A row's text in one column; empty when there is none.
pub fn text<'a>(row: &'a Value, column: &str) -> &'a str {
    row.get(column).and_then(Value::as_str).unwrap_or_default()
}
