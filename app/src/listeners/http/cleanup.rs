//! Removing what ended terminals left.

use super::answer::{Answer, Envelope, Refused};
use super::{Api, rows};
use axum::extract::{Path, State};
use magia_protocol::wire::spawn::SpawnCode;
use magia_tty::client::errand;
use magia_tty::directory::{CleanError, remove};
use magia_tty::{TerminalRecord, TerminalState};

/// Removes the recording and the record of an ended terminal.
#[utoipa::path(delete, path = "/api/sessions/{id}/cleanup",
    params(("id" = String, Path, description = "The terminal's id")),
    responses((status = 200, body = Envelope), (status = 400, body = Envelope), (status = 404, body = Envelope),
        (status = 500, body = Envelope)), tag = "sessions")]
pub(super) async fn one(State(api): State<Api>, Path(id): Path<String>) -> Answer<Envelope> {
    let record = rows::find(&api, &id).await?;
    dismiss(&record).await;
    let root = api.places.terminals.clone();
    match rows::on_disk(move || remove(&root, &record.id)).await? {
        Ok(()) => Ok(Envelope::done("Session cleaned up").about(id)),
        Err(CleanError::Held(_)) => {
            // VibeTunnel's status; it is the request that is wrong.
            Err(Refused::new(500, SpawnCode::InvalidRequest, "Session is still running"))
        }
        Err(err) => Err(Refused::failed(err.to_string())),
    }
}

/// A holder stays for a minute after its program's end, so that the last screen can be looked at; who cleans up does not
/// want to. One that does not go is still held, which the removal says.
async fn dismiss(record: &TerminalRecord) {
    if let TerminalState::Exited { held: true, .. } = record.state
        && let Err(err) = errand::dismiss(&record.dir).await
    {
        tracing::debug!("the holder of an ended terminal stays: {err}");
    }
}

/// Removes all ended terminals.
#[utoipa::path(post, path = "/api/cleanup-exited", responses((status = 200, body = Envelope)), tag = "sessions")]
pub(super) async fn exited(State(api): State<Api>) -> Answer<Envelope> {
    let root = api.places.terminals.clone();
    let mut ended = rows::list(&api).await?;
    ended.retain(|record| matches!(record.state, TerminalState::Exited { .. } | TerminalState::Lost));
    for record in &ended {
        dismiss(record).await;
    }
    let removed =
        rows::on_disk(move || ended.iter().filter(|record| remove(&root, &record.id).is_ok()).count())
            .await?;
    Ok(Envelope::done(format!("{removed} exited sessions cleaned up")))
}
