//! Completion of ids: the shell's script runs this program, which asks the app.

use crate::client::Client;
use anyhow::Result;
use clap_complete::engine::{ArgValueCandidates, CompletionCandidate};
use magia_protocol::wire::command::{ListRequests, ListSessions, NoParams};
use magia_protocol::wire::info::{RequestInfo, SessionInfo};
use magia_protocol::wire::{Command, visible};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::time::Duration;

/// A shell that waits for candidates is frozen: without an answer by then there are none.
const LIMIT: Duration = Duration::from_millis(500);
/// A candidate's description in characters.
const HELP_MAX: usize = 60;

/// The sessions, ended ones as well, those that want the user first.
pub fn sessions() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let sessions: Vec<SessionInfo> = ask(&Command::GetActiveSessions(ListSessions { all: true }));
        let row = |session: &SessionInfo| {
            candidate(session.id.short(), &format!("{}, {}", session.state, session.title))
        };
        sessions.iter().map(row).collect()
    })
}

/// The requests that wait for an answer.
pub fn requests() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let requests: Vec<RequestInfo> = ask(&Command::GetPermissionRequests(ListRequests::default()));
        let row = |request: &RequestInfo| {
            candidate(request.id.short(), &format!("{} {}", request.tool, request.summary))
        };
        requests.iter().map(row).collect()
    })
}

/// The terminals, those that have ended as well.
pub fn terminals() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let root = crate::verbs::term::root();
        let found = root.map(|root| magia_tty::list(&root)).unwrap_or_default();
        let row = |record: &magia_tty::TerminalRecord| {
            let command = record.session.as_ref().map(|session| session.command.join(" "));
            candidate(record.id.to_string(), &command.unwrap_or_default())
        };
        found.iter().map(row).collect()
    })
}

/// The keys of the settings.
pub fn settings() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let settings: Map<String, Value> = ask(&Command::LoadSettings(NoParams {}));
        settings.iter().map(|(key, value)| candidate(key.clone(), &value.to_string())).collect()
    })
}

/// Nothing when the app cannot be asked: a message would end up in the user's command line.
fn ask<T: DeserializeOwned + Default>(command: &Command) -> T {
    let asked = || -> Result<T> {
        let mut client = Client::connect()?;
        client.answer_within(LIMIT)?;
        crate::client::read(&client.ask(command)?)
    };
    asked().unwrap_or_default()
}

fn candidate(value: String, help: &str) -> CompletionCandidate {
    // One line, and nothing in it that could steer the terminal.
    let help: String = visible(help).chars().take(HELP_MAX).collect();
    CompletionCandidate::new(value).help(Some(help.into()))
}
