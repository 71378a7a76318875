//! What a person types for a session or a request.

use super::Model;
use magia_protocol::wire::{ErrorCode, RequestId, RpcError, SessionId};

impl Model {
    /// The session that a person means: its id, a unique prefix or end of it, or of the agent's own id.
    pub(super) fn session_named(&self, typed: &str) -> Result<SessionId, RpcError> {
        let typed = typed.trim();
        if let Ok(id) = typed.parse::<SessionId>()
            && self.sessions.contains_key(&id)
        {
            return Ok(id);
        }
        let named = |session: &&super::Session| {
            session.id.is_named_by(typed)
                || (typed.len() >= 4 && session.provider_session_id.0.starts_with(typed))
        };
        let found: Vec<SessionId> =
            self.sessions.values().filter(named).map(|session| session.id).take(2).collect();
        match found.as_slice() {
            [id] => Ok(*id),
            [] => Err(RpcError::new(ErrorCode::NotFound, format!("there is no session {typed:?}"))
                .with_hint("`magia ls --all` lists the sessions")),
            _ => Err(RpcError::new(
                ErrorCode::Ambiguous,
                format!("several sessions begin or end with {typed:?}"),
            )
            .with_hint("type more of the id")),
        }
    }

    /// The request that a person means. One that is settled counts as well: who types the end of its id must not answer
    /// another one.
    pub(super) fn request_named(&self, typed: &str) -> Result<RequestId, RpcError> {
        let typed = typed.trim();
        if let Ok(id) = typed.parse::<RequestId>()
            && self.requests.get(id).is_some()
        {
            return Ok(id);
        }
        let named: Vec<RequestId> = self
            .requests
            .iter()
            .filter(|request| request.id.is_named_by(typed))
            .map(|request| request.id)
            .take(2)
            .collect();
        match named.as_slice() {
            [one] => Ok(*one),
            [] if self.session_named(typed).is_ok() => {
                Err(RpcError::new(ErrorCode::BadParams, format!("{typed:?} names a session, not a request"))
                    .with_hint("`magia permissions` lists the requests with their ids"))
            }
            [] => Err(RpcError::new(ErrorCode::NotFound, format!("there is no request {typed:?}"))
                .with_hint("`magia permissions` lists what is open")),
            _ => Err(RpcError::new(
                ErrorCode::Ambiguous,
                format!("several requests begin or end with {typed:?}"),
            )
            .with_hint("type more of the id")),
        }
    }
}
