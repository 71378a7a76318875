//! What agents use, for Prometheus.

use super::Api;
use super::answer::{Answer, Envelope, Refused};
use super::rows::on_disk;
use crate::listeners::origin;
use axum::extract::{ConnectInfo, State};
use axum::http::header;
use axum::response::IntoResponse;
use magia_core::event::Event;
use magia_core::metrics::prometheus;
use magia_protocol::wire::Command;
use magia_protocol::wire::command::GetSessionMetrics;
use magia_protocol::wire::metrics::FleetMetricsInfo;
use magia_protocol::wire::spawn::SpawnError;
use std::net::SocketAddr;

/// What agents use, by their own telemetry, in the text format of Prometheus.
#[utoipa::path(get, path = "/metrics", responses((status = 200, body = String, content_type = "text/plain"),
    (status = 503, body = Envelope)), tag = "magia")]
pub(super) async fn metrics(
    State(api): State<Api>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
) -> Answer<impl IntoResponse> {
    let origin = on_disk(move || origin::of_http(peer)).await?;
    let command = Command::GetSessionMetrics(GetSessionMetrics::default());
    let Some((reply, receiver)) = api.shared.replies.open() else { return Err(stopping()) };
    if api.shared.outbox.send(Event::CommandReceived { reply, command, origin }).await.is_err() {
        api.shared.replies.forget(reply);
        return Err(stopping());
    }
    let value = match receiver.await {
        Ok(Ok(value)) => value,
        Ok(Err(err)) => return Err(SpawnError::from(err).into()),
        Err(_) => return Err(stopping()),
    };
    let fleet: FleetMetricsInfo =
        serde_json::from_value(value).map_err(|err| Refused::failed(err.to_string()))?;
    Ok(([(header::CONTENT_TYPE, prometheus::CONTENT_TYPE)], prometheus::text(&fleet)))
}

fn stopping() -> Refused {
    SpawnError::unavailable("this address: magia is stopping").into()
}
