//! Listing, making, renaming and ending terminals.

use super::Api;
use super::answer::{Answer, Envelope, Refused, read};
use super::rows::{self, SessionRow};
use crate::listeners::origin;
use axum::Json;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, Path, State};
use magia_core::event::Event;
use magia_protocol::wire::Command;
use magia_protocol::wire::spawn::{OpenTerminal, OpenedTerminal, SpawnCode, SpawnError};
use magia_tty::TerminalState;
use magia_tty::client::errand;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use utoipa::ToSchema;

/// A terminal to be made.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct Create {
    /// The program and its arguments. No shell reads it.
    command: Vec<String>,
    /// Where it runs; `~` is the user's home, which it also is without one.
    #[serde(rename = "workingDir", alias = "working_dir")]
    working_dir: Option<String>,
    /// What `TERM` is set to.
    term: Option<String>,
    /// Whether a terminal window is opened for it; otherwise it runs unseen until somebody attaches.
    #[serde(default, alias = "spawnTerminal")]
    spawn_terminal: bool,
    /// Which terminal program, as `kitty` or `builtin`.
    terminal: Option<String>,
    /// What it is called.
    name: Option<String>,
    /// Its id; a new one without.
    #[serde(rename = "sessionId", alias = "session_id")]
    session_id: Option<String>,
    /// Variables for its environment.
    env: Option<BTreeMap<String, String>>,
    /// Columns.
    #[serde(alias = "width")]
    cols: Option<u16>,
    /// Rows.
    #[serde(alias = "height")]
    rows: Option<u16>,
}

/// A change of a terminal.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct Change {
    /// What it is called.
    name: String,
}

/// All terminals, the newest first.
#[utoipa::path(get, path = "/api/sessions", responses((status = 200, body = Vec<SessionRow>)), tag = "sessions")]
pub(super) async fn list(State(api): State<Api>) -> Answer<Json<Vec<SessionRow>>> {
    let records = rows::list(&api).await?;
    let rows = rows::on_disk(move || records.iter().rev().filter_map(rows::row).collect()).await?;
    Ok(Json(rows))
}

/// One terminal.
#[utoipa::path(get, path = "/api/sessions/{id}", params(("id" = String, Path, description = "The terminal's id")),
    responses((status = 200, body = SessionRow), (status = 400, body = Envelope), (status = 404, body = Envelope)),
    tag = "sessions")]
pub(super) async fn one(State(api): State<Api>, Path(id): Path<String>) -> Answer<Json<SessionRow>> {
    let record = rows::find(&api, &id).await?;
    rows::row(&record).map(Json).ok_or_else(Refused::not_found)
}

/// Makes a terminal. What needs a shell, or is asked for by an agent, waits for the user's yes: 202 and the request's id
/// after 25 seconds.
#[utoipa::path(post, path = "/api/sessions", request_body = Create,
    responses((status = 200, body = Envelope), (status = 202, body = Envelope), (status = 400, body = Envelope),
        (status = 403, body = Envelope), (status = 409, body = Envelope), (status = 429, body = Envelope),
        (status = 500, body = Envelope)), tag = "sessions")]
pub(super) async fn create(
    State(api): State<Api>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    body: Bytes,
) -> Answer<Envelope> {
    let wanted: Create = read(&body)?;
    if wanted.command.first().is_none_or(String::is_empty) {
        return Err(Refused::wrong("Command cannot be empty"));
    }
    let shown = if wanted.spawn_terminal { wanted.terminal } else { Some("none".to_owned()) };
    let command = Command::OpenTerminal(OpenTerminal {
        argv: Some(wanted.command),
        command: None,
        working_dir: wanted.working_dir,
        session_id: wanted.session_id,
        terminal: shown,
        name: wanted.name,
        env: wanted.env,
        cols: wanted.cols,
        rows: wanted.rows,
        term: wanted.term,
    });
    let origin = rows::on_disk(move || origin::of_http(peer)).await?;
    let Some((reply, receiver)) = api.shared.replies.open() else { return Err(stopping().into()) };
    let asked = Event::CommandReceived { reply, command, origin };
    if api.shared.outbox.send(asked).await.is_err() {
        api.shared.replies.forget(reply);
        return Err(stopping().into());
    }
    match receiver.await {
        Ok(Ok(value)) => {
            let opened: OpenedTerminal =
                serde_json::from_value(value).map_err(|err| Refused::failed(err.to_string()))?;
            let mut envelope = Envelope::done("Session created successfully").about(opened.session_id);
            envelope.terminal = Some(opened.terminal);
            Ok(envelope)
        }
        Ok(Err(err)) => Err(SpawnError::from(err).into()),
        Err(_) => Err(stopping().into()),
    }
}

/// How long a holder may take to write its record down.
const WRITTEN_LIMIT: std::time::Duration = std::time::Duration::from_secs(2);
/// How often the record is looked at until then.
const WRITTEN_LOOK: std::time::Duration = std::time::Duration::from_millis(10);

/// Renames a terminal.
#[utoipa::path(patch, path = "/api/sessions/{id}", request_body = Change,
    params(("id" = String, Path, description = "The terminal's id")),
    responses((status = 200, body = Envelope), (status = 400, body = Envelope), (status = 404, body = Envelope),
        (status = 410, body = Envelope), (status = 500, body = Envelope)), tag = "sessions")]
pub(super) async fn change(State(api): State<Api>, Path(id): Path<String>, body: Bytes) -> Answer<Envelope> {
    let change: Change = read(&body)?;
    let name: String = change.name.chars().filter(|c| !c.is_control()).take(200).collect();
    if name.trim().is_empty() {
        return Err(Refused::wrong("Name is required"));
    }
    let record = rows::running(&api, &id).await?;
    errand::rename(&record.dir, name.trim()).await?;
    // The holder writes its record down a moment later; who asks next is to read the new name.
    let until = tokio::time::Instant::now() + WRITTEN_LIMIT;
    while tokio::time::Instant::now() < until {
        let written = rows::find(&api, &id).await?;
        if written.session.is_some_and(|session| session.name == name.trim()) {
            return Ok(Envelope::done("Session renamed").about(id));
        }
        tokio::time::sleep(WRITTEN_LOOK).await;
    }
    let why =
        "the terminal has the new name, but it could not be written down yet; its holder goes on trying";
    Err(Refused::failed(why))
}

/// Ends a terminal's program and all that it started, and waits for the end.
#[utoipa::path(delete, path = "/api/sessions/{id}", params(("id" = String, Path, description = "The terminal's id")),
    responses((status = 200, body = Envelope), (status = 400, body = Envelope), (status = 404, body = Envelope),
        (status = 410, body = Envelope)), tag = "sessions")]
pub(super) async fn end(State(api): State<Api>, Path(id): Path<String>) -> Answer<Envelope> {
    let record = rows::find(&api, &id).await?;
    if !matches!(record.state, TerminalState::Running | TerminalState::Starting) {
        return Err(Refused::new(410, SpawnCode::SessionNotRunning, "Session process has died"));
    }
    errand::kill(&record.dir, None).await?;
    Ok(Envelope::done("Session killed").about(id))
}

fn stopping() -> SpawnError {
    SpawnError::unavailable("this address: magia is stopping")
}
