//! What is worth telling: requests that wait, turns that ended, sessions that failed. Subagents are not worth it, but for
//! their requests, which hold the session up.

use super::notices::{About, Told};
use super::{Effects, Model};
use crate::event::Now;
use crate::normalize::{Detail, Understood};
use crate::subject::TERMINAL_TOOL;
use magia_protocol::wire::{
    AgentEventKind, NoticeKind, RequestId, RequestState, SessionId, SessionState, visible,
};

/// Characters of an agent's words in a notification.
const WORDS: usize = 300;

impl Model {
    /// What to say of a request that waits.
    pub(super) fn told_of_request(&self, id: RequestId) -> Option<Told> {
        let request = self.requests.get(id)?;
        let who = self.request_info(request).session_title;
        let what = match request.subject.kind() {
            "question" => "Question",
            "plan" => "Plan to approve",
            _ => "Permission required",
        };
        let line = short(&request.subject.summary());
        let body = match request.subject.kind() {
            "question" | "plan" => line,
            _ if request.tool == TERMINAL_TOOL => format!("wants to open a terminal: {line}"),
            _ => format!("{}: {line}", visible(&request.tool)),
        };
        let there =
            if request.state == RequestState::InTerminal { " (answer it in the terminal)" } else { "" };
        Some(Told {
            kind: NoticeKind::Attention,
            session: request.session,
            about: About::Request(id),
            title: format!("{what}: {who}"),
            body: format!("{body}{there}"),
        })
    }

    /// A turn ended or failed, or a new one began.
    pub(super) fn tell_of_event(&mut self, now: Now, id: SessionId, said: &Understood, fx: &mut Effects) {
        if said.agent_id.is_some() {
            return;
        }
        let (kind, what, body) = match &said.detail {
            Detail::Prompt(_) => {
                if let Some(session) = self.sessions.get_mut(&id) {
                    session.unread_since_ms = None;
                }
                return self.notice_over(&About::Session(id), fx);
            }
            Detail::TurnEnded { last_message } => {
                let words = last_message.as_deref().map(short).unwrap_or_default();
                (NoticeKind::Completed, "Agent finished", words)
            }
            Detail::TurnFailed { error } => (NoticeKind::Error, "Session error", short(error)),
            Detail::Note(text) if said.kind == AgentEventKind::SessionError => {
                (NoticeKind::Error, "Session error", short(text))
            }
            _ => return,
        };
        let in_front = self.is_in_front(id);
        if let Some(session) = self.sessions.get_mut(&id) {
            session.unread_since_ms = (!in_front).then_some(now.unix_ms);
        }
        self.tell_of_session(now, id, kind, what, body, fx);
    }

    /// A process is gone; that its session was over, it has said before.
    pub(super) fn tell_of_death(&mut self, now: Now, id: SessionId, fx: &mut Effects) {
        let Some(session) = self.sessions.get(&id) else { return };
        let works = session.shown.0 == SessionState::Working || session.shown.0.needs_you();
        if works && session.ended.is_none() && session.processes.len() == 1 {
            let body = "its process ended in the middle of its work".to_owned();
            self.tell_of_session(now, id, NoticeKind::Error, "Session error", body, fx);
        }
    }

    /// Two processes work on one session.
    pub(super) fn tell_of_hijack(&mut self, now: Now, id: SessionId, fx: &mut Effects) {
        let body = "another process took it over; what one writes the other may lose".to_owned();
        self.tell_of_session(now, id, NoticeKind::Info, "Two processes on one session", body, fx);
    }

    fn tell_of_session(
        &mut self,
        now: Now,
        id: SessionId,
        kind: NoticeKind,
        what: &str,
        body: String,
        fx: &mut Effects,
    ) {
        let Some(session) = self.sessions.get(&id).filter(|session| !session.is_unnamed()) else { return };
        let title = format!("{what}: {}", visible(&session.title().0));
        self.tell(now, Told { kind, session: id, about: About::Session(id), title, body }, fx);
    }
}

/// The first line that says something, control characters made visible.
fn short(text: &str) -> String {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    let line: String = line.chars().take(WORDS).collect();
    visible(&line).into_owned()
}
