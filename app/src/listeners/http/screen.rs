//! What a terminal shows, as text and as a recording of one moment.

use super::answer::{Answer, Envelope, Refused};
use super::{Api, rows};
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::IntoResponse;
use magia_tty::TerminalRecord;
use magia_tty::client::errand;
use magia_tty::wire::Format;
use serde_json::json;

/// The characters on the screen, a line each.
#[utoipa::path(get, path = "/api/sessions/{id}/text", params(("id" = String, Path, description = "The terminal's id")),
    responses((status = 200, body = String, content_type = "text/plain"), (status = 404, body = Envelope),
        (status = 410, body = Envelope)), tag = "sessions")]
pub(super) async fn text(State(api): State<Api>, Path(id): Path<String>) -> Answer<impl IntoResponse> {
    let record = held(&api, &id).await?;
    let text = errand::text(&record.dir).await?;
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text))
}

/// The screen as an asciinema recording (version 2) of one moment: its header and one event.
#[utoipa::path(get, path = "/api/sessions/{id}/snapshot",
    params(("id" = String, Path, description = "The terminal's id")),
    responses((status = 200, body = String, content_type = "text/plain"), (status = 404, body = Envelope),
        (status = 410, body = Envelope)), tag = "sessions")]
pub(super) async fn snapshot(State(api): State<Api>, Path(id): Path<String>) -> Answer<impl IntoResponse> {
    let record = held(&api, &id).await?;
    let screen = errand::screen(&record.dir, Format::Ansi).await?;
    let event = json!([0, "o", String::from_utf8_lossy(&screen)]);
    let text = format!("{}\n{event}\n", head(&record));
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text))
}

/// The terminal, while its screen can still be looked at.
async fn held(api: &Api, typed: &str) -> Answer<TerminalRecord> {
    use magia_protocol::wire::spawn::SpawnCode;
    let record = rows::find(api, typed).await?;
    match record.is_held() {
        true => Ok(record),
        false => Err(Refused::new(410, SpawnCode::SessionNotRunning, "Session process has died")),
    }
}

/// The first line of a recording.
pub(super) fn head(record: &TerminalRecord) -> serde_json::Value {
    let (cols, rows) = record.session.as_ref().map_or((80, 24), |session| (session.cols, session.rows));
    json!({ "version": 2, "width": cols, "height": rows, "env": { "TERM": "xterm-256color" } })
}
