//! Answers: the seed's envelope, whose keys are always there, and how errors become statuses.

use axum::body::Bytes;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use magia_protocol::wire::spawn::{SpawnCode, SpawnError};
use magia_tty::client::ErrandError;
use serde::Serialize;
use serde::de::DeserializeOwned;
use utoipa::ToSchema;

/// What came of a request. Every key is always there, `null` when there is nothing to say.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(super) struct Envelope {
    /// Whether it was done.
    pub(super) success: bool,
    /// What was done.
    pub(super) message: Option<String>,
    /// Why it was not.
    pub(super) error: Option<String>,
    /// The terminal's id.
    #[serde(rename = "sessionId")]
    pub(super) session_id: Option<String>,
    /// The same in the other spelling.
    #[serde(rename = "session_id")]
    session_id_too: Option<String>,
    /// The error's code, as `SESSION_NOT_FOUND`.
    pub(super) code: Option<String>,
    /// The permission request that waits for a person's yes.
    pub(super) request: Option<String>,
    /// The terminal program that shows it.
    pub(super) terminal: Option<String>,
}

impl Envelope {
    /// It was done.
    pub(super) fn done(message: impl Into<String>) -> Self {
        Self { success: true, message: Some(message.into()), ..Self::default() }
    }

    /// About this terminal.
    #[must_use]
    pub(super) fn about(mut self, id: impl Into<String>) -> Self {
        let id = id.into();
        self.session_id_too = Some(id.clone());
        self.session_id = Some(id);
        self
    }
}

impl IntoResponse for Envelope {
    fn into_response(self) -> Response {
        axum::Json(self).into_response()
    }
}

/// It was not done.
#[derive(Debug)]
pub(super) struct Refused {
    status: u16,
    error: SpawnError,
}

/// What a handler returns.
pub(super) type Answer<T> = Result<T, Refused>;

impl Refused {
    pub(super) fn new(status: u16, code: SpawnCode, why: impl Into<String>) -> Self {
        Self { status, error: SpawnError::new(code, why) }
    }

    /// The request is wrong.
    pub(super) fn wrong(why: impl Into<String>) -> Self {
        Self::new(400, SpawnCode::InvalidRequest, why)
    }

    /// There is no such terminal.
    pub(super) fn not_found() -> Self {
        Self::new(404, SpawnCode::SessionNotFound, "Session not found")
    }

    /// The program failed.
    pub(super) fn failed(why: impl Into<String>) -> Self {
        Self::new(500, SpawnCode::ServiceUnavailable, why)
    }
}

impl From<SpawnError> for Refused {
    fn from(error: SpawnError) -> Self {
        let status = match error.code {
            SpawnCode::InvalidRequest
            | SpawnCode::CwdNotFound
            | SpawnCode::CommandNotFound
            | SpawnCode::SessionNotRunning
            | SpawnCode::SocketPathTooLong => 400,
            SpawnCode::Unauthorized => 401,
            SpawnCode::PermissionDenied | SpawnCode::ShellSyntax => 403,
            SpawnCode::SessionNotFound => 404,
            SpawnCode::SessionExists => 409,
            SpawnCode::LimitReached => 429,
            // It may still be opened.
            SpawnCode::ApprovalRequired => 202,
            SpawnCode::ServiceUnavailable => 503,
            SpawnCode::TerminalNotFound
            | SpawnCode::NoDisplay
            | SpawnCode::TerminalStartTimeout
            | SpawnCode::TerminalFailed => 500,
        };
        Self { status, error }
    }
}

impl From<ErrandError> for Refused {
    fn from(err: ErrandError) -> Self {
        match err {
            ErrandError::Ended(_) => gone(),
            ErrandError::Client(err) if err.is_gone() => gone(),
            ErrandError::TimedOut => Self::new(504, SpawnCode::ServiceUnavailable, err.to_string()),
            ErrandError::Refused(_) | ErrandError::Client(_) => Self::failed(err.to_string()),
        }
    }
}

fn gone() -> Refused {
    Refused::new(410, SpawnCode::SessionNotRunning, "Session process has died")
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let Self { status, error } = self;
        let text = match error.code {
            SpawnCode::TerminalNotFound
            | SpawnCode::NoDisplay
            | SpawnCode::TerminalStartTimeout
            | SpawnCode::TerminalFailed => format!("Failed to spawn terminal: {}", error.message),
            _ => error.message,
        };
        let mut envelope = Envelope {
            error: Some(match error.remedy {
                Some(remedy) => format!("{text}: {remedy}"),
                None => text,
            }),
            code: Some(error.code.as_str().to_owned()),
            request: error.request,
            ..Envelope::default()
        };
        if let Some(session) = error.session {
            envelope = envelope.about(session);
        }
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, envelope).into_response()
    }
}

/// Gives an error of the server's own, as a wrong method or a body that is too long, the envelope of all others.
pub(super) async fn enveloped(mut response: Response) -> Response {
    let status = response.status();
    let kind = response.headers().get(header::CONTENT_TYPE);
    let is_ours = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
    if is_ours || !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let why = status.canonical_reason().unwrap_or("Refused");
    let mut refused = Refused::new(status.as_u16(), SpawnCode::InvalidRequest, why).into_response();
    if let Some(methods) = response.headers_mut().remove(header::ALLOW) {
        refused.headers_mut().insert(header::ALLOW, methods);
    }
    refused
}

/// The body as what a route takes.
pub(super) fn read<T: DeserializeOwned>(body: &Bytes) -> Answer<T> {
    let body: &[u8] = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).map_err(|err| Refused::wrong(format!("Invalid request body: {err}")))
}
