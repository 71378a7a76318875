//! The OpenAPI document, made from the code; docs/openapi.json is a copy that a test compares.

use super::answer::Envelope;
use super::{cleanup, files, input, metrics, screen, sessions, stream};
use axum::Json;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "magia",
        description = "Terminals that outlive their windows. Loopback only; every request but /api/health carries the \
                       bearer token of the file http-token in magia's state directory.",
        license(name = "MIT OR Apache-2.0")
    ),
    paths(
        health,
        openapi,
        stream::ticket,
        sessions::list,
        sessions::create,
        sessions::one,
        sessions::change,
        sessions::end,
        cleanup::one,
        cleanup::exited,
        input::input,
        input::resize,
        screen::snapshot,
        screen::text,
        stream::one,
        stream::all,
        files::browse,
        files::mkdir,
        metrics::metrics
    ),
    modifiers(&Bearer),
    security(("token" = []))
)]
struct Document;

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
        let components = openapi.components.get_or_insert_default();
        components.add_security_scheme("token", SecurityScheme::Http(scheme));
    }
}

/// The document, indented, with a newline at its end.
pub fn document() -> String {
    let mut text = serde_json::to_string_pretty(&Document::openapi()).unwrap_or_default();
    text.push('\n');
    text
}

/// Whether something listens. The only route without the token.
#[utoipa::path(get, path = "/api/health", responses((status = 200, body = Envelope)), security(()), tag = "magia")]
pub(super) async fn health() -> Envelope {
    Envelope::done("OK")
}

/// This document.
#[utoipa::path(get, path = "/api/openapi.json", responses((status = 200)), tag = "magia")]
pub(super) async fn openapi() -> Json<utoipa::openapi::OpenApi> {
    Json(Document::openapi())
}
