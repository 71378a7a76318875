//! What needs the user, most urgent first, across all projects.

use crate::snapshot::RequestView;
use magia_protocol::wire::info::SessionInfo;
use magia_protocol::wire::{RequestId, RequestState, SessionId, SessionState};
use std::sync::Arc;

/// Why something needs the user, the most urgent first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Need {
    /// A permission is asked for.
    Permission,
    /// A question or a plan waits for an answer.
    Question,
    /// A turn failed, and nobody has looked since.
    Failed,
    /// A turn is done, and nobody has looked since.
    Done,
}

/// One thing that needs the user.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Attention {
    /// Why.
    pub need: Need,
    /// Whose.
    pub session: SessionId,
    /// The request that waits and can be answered here.
    pub request: Option<RequestId>,
    /// Since when, milliseconds since 1970.
    pub since_ms: u64,
}

/// All that needs the user: by urgency, and of equals what has waited longest.
pub fn queue(sessions: &[Arc<SessionInfo>], requests: &[Arc<RequestView>]) -> Vec<Attention> {
    let open = requests.iter().filter(|view| view.answerable && view.info.state == RequestState::Open);
    let mut queue: Vec<Attention> = open
        .map(|view| Attention {
            need: if view.subject.kind() == "tool" { Need::Permission } else { Need::Question },
            session: view.info.session,
            request: Some(view.info.id),
            since_ms: view.info.asked_at_ms,
        })
        .collect();
    let asked: Vec<SessionId> = queue.iter().map(|one| one.session).collect();
    queue.extend(sessions.iter().filter(|row| !asked.contains(&row.id)).filter_map(|row| {
        let (need, since_ms) = match (row.state, row.unread_since_ms) {
            (SessionState::WaitingPermission, _) => (Need::Permission, row.state_since_ms),
            (SessionState::WaitingAnswer, _) => (Need::Question, row.state_since_ms),
            (SessionState::Failed, Some(since_ms)) => (Need::Failed, since_ms),
            (SessionState::Idle, Some(since_ms)) => (Need::Done, since_ms),
            _ => return None,
        };
        Some(Attention { need, session: row.id, request: None, since_ms })
    }));
    queue.sort_by_key(|one| (one.need, one.since_ms, one.request, one.session));
    queue
}

/// How much waits for the user: requests that can be answered here, and sessions that wait elsewhere, as in a terminal.
pub fn waiting(sessions: &[Arc<SessionInfo>], requests: &[Arc<RequestView>]) -> usize {
    queue(sessions, requests).iter().filter(|one| one.need <= Need::Question).count()
}

/// What comes after the request with the keys or the session that is looked at; the first when neither is in the queue.
pub fn next(
    queue: &[Attention],
    request: Option<RequestId>,
    session: Option<SessionId>,
) -> Option<Attention> {
    let here = queue.iter().position(|one| match one.request {
        Some(id) => request == Some(id),
        None => session == Some(one.session),
    });
    let after = here.map_or(0, |at| at + 1);
    queue.get(after).or_else(|| queue.first()).copied()
}
