//! Removing what ended terminals left.

use super::answer::{Answer, Envelope, Refused};
use super::{Api, rows};
use axum::extract::{Path, State};
use magia_protocol::wire::spawn::SpawnCode;
use magia_tty::TerminalState;
use magia_tty::directory::{CleanError, remove};

/// Removes the recording and the record of an ended terminal.
#[utoipa::path(delete, path = "/api/sessions/{id}/cleanup",
    params(("id" = String, Path, description = "The terminal's id")),
    responses((status = 200, body = Envelope), (status = 400, body = Envelope), (status = 404, body = Envelope),
        (status = 500, body = Envelope)), tag = "sessions")]
pub(super) async fn one(State(api): State<Api>, Path(id): Path<String>) -> Answer<Envelope> {
    let record = rows::find(&api, &id).await?;
    let root = api.places.terminals.clone();
    match rows::on_disk(move || remove(&root, &record.id)).await? {
        Ok(()) => Ok(Envelope::done("Session cleaned up").about(id)),
        Err(CleanError::Held(_)) => Err(Refused::new(
            500,
            SpawnCode::ServiceUnavailable,
            "Session is still running, or ended within the last minute and can still be looked at",
        )),
        Err(err) => Err(Refused::failed(err.to_string())),
    }
}

/// Removes all ended terminals that can no longer be looked at.
#[utoipa::path(post, path = "/api/cleanup-exited", responses((status = 200, body = Envelope)), tag = "sessions")]
pub(super) async fn exited(State(api): State<Api>) -> Answer<Envelope> {
    let root = api.places.terminals.clone();
    let removed = rows::on_disk(move || {
        let ended = magia_tty::list(&root).into_iter().filter(|record| {
            matches!(record.state, TerminalState::Exited { held: false, .. } | TerminalState::Lost)
        });
        ended.filter(|record| remove(&root, &record.id).is_ok()).count()
    })
    .await?;
    Ok(Envelope::done(format!("{removed} exited sessions cleaned up")))
}
