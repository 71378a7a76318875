//! The routes.

use super::answer::{self, Refused};
use super::{Api, cleanup, document, files, guard, input, metrics, screen, sessions, stream};
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn_with_state, map_response};
use axum::routing::{MethodRouter, delete, get, post};
use magia_protocol::wire::spawn::SpawnCode;

/// The longest body, in bytes: what is typed at once.
const BODY_MAX_BYTES: usize = 1024 * 1024;

/// Every route with its methods, for the document's test.
pub const ROUTES: &[(&str, &[&str])] = &[
    ("/api/health", &["get"]),
    ("/api/openapi.json", &["get"]),
    ("/api/ticket", &["post"]),
    ("/api/sessions", &["get", "post"]),
    ("/api/sessions/multistream", &["get"]),
    ("/api/sessions/{id}", &["get", "patch", "delete"]),
    ("/api/sessions/{id}/cleanup", &["delete"]),
    ("/api/sessions/{id}/input", &["post"]),
    ("/api/sessions/{id}/resize", &["post"]),
    ("/api/sessions/{id}/snapshot", &["get"]),
    ("/api/sessions/{id}/stream", &["get"]),
    ("/api/sessions/{id}/text", &["get"]),
    ("/api/cleanup-exited", &["post"]),
    ("/api/fs/browse", &["get"]),
    ("/api/mkdir", &["post"]),
    ("/metrics", &["get"]),
];

pub(super) fn router(api: Api) -> Router {
    let mut router = Router::new();
    for (path, _) in ROUTES {
        router = router.route(path, route(path));
    }
    router
        .fallback(|| async { Refused::new(404, SpawnCode::InvalidRequest, "there is no such route") })
        .layer(map_response(answer::enveloped))
        .layer(DefaultBodyLimit::max(BODY_MAX_BYTES))
        .layer(from_fn_with_state(api.clone(), guard::watch))
        .with_state(api)
}

/// What serves a path.
fn route(path: &str) -> MethodRouter<Api> {
    match path {
        "/api/health" => get(document::health),
        "/api/openapi.json" => get(document::openapi),
        "/api/ticket" => post(stream::ticket),
        "/api/sessions" => get(sessions::list).post(sessions::create),
        "/api/sessions/multistream" => get(stream::all),
        "/api/sessions/{id}" => get(sessions::one).patch(sessions::change).delete(sessions::end),
        "/api/sessions/{id}/cleanup" => delete(cleanup::one),
        "/api/sessions/{id}/input" => post(input::input),
        "/api/sessions/{id}/resize" => post(input::resize),
        "/api/sessions/{id}/snapshot" => get(screen::snapshot),
        "/api/sessions/{id}/stream" => get(stream::one),
        "/api/sessions/{id}/text" => get(screen::text),
        "/api/cleanup-exited" => post(cleanup::exited),
        "/api/fs/browse" => get(files::browse),
        "/api/mkdir" => post(files::mkdir),
        "/metrics" => get(metrics::metrics),
        _ => MethodRouter::new(),
    }
}
