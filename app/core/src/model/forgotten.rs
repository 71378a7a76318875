//! What the store forgot, memory forgets too: titles, prompts and figures are gone where somebody asked for it.

use super::session::History;
use super::{Effects, Model};
use crate::effect::Effect;
use crate::event::Now;
use crate::metrics::Owner;
use crate::normalize::gemini::Thread;
use magia_protocol::wire::{ErrorCode, RpcError, SessionId};

impl Model {
    /// The store forgot old events, and these sessions with all that was theirs. One that goes on by now is written anew.
    pub(super) fn forgotten(&mut self, now: Now, gone: &[SessionId], fx: &mut Effects) {
        for id in gone {
            match self.sessions.get_mut(id) {
                Some(session) if session.ended.is_none() || session.pinned => {
                    session.unsaved = true;
                    self.touch(*id);
                }
                Some(_) => self.forget_session(now, *id, fx),
                None => {}
            }
        }
        // What is left of the others is read again when it is wanted.
        let looked_at = self.window.selected;
        for session in self.sessions.values_mut() {
            let read = matches!(session.history, History::Read | History::Partial);
            if read && session.ended.is_some() && Some(session.id) != looked_at {
                session.put_timeline_away();
                session.thread = Thread::default();
                session.knows_thread = false;
            }
        }
        self.views.touch();
    }

    fn forget_session(&mut self, now: Now, id: SessionId, fx: &mut Effects) {
        let Some(session) = self.sessions.remove(&id) else { return };
        let key = (session.provider, session.provider_session_id);
        if let Some(ids) = self.by_provider_id.get_mut(&key) {
            ids.retain(|known| *known != id);
            if ids.is_empty() {
                self.by_provider_id.remove(&key);
                let (provider, psid) = key;
                self.metrics.forget(now, &Owner { provider, session: Some(psid) });
            }
        }
        self.by_process.retain(|_, of| *of != id);
        self.off.remove(&id);
        self.unwritten.forget(id);
        self.requests.forget(id);
        self.forget_notices(id, fx);
        self.forget_row(id);
        self.nothing_to_tell_of(id, fx);
        if self.window.selected == Some(id) {
            self.window.selected = None;
            fx.push(Effect::UnfollowTranscript);
        }
    }

    /// Whoever waits for the timeline of a session that is gone is told so.
    pub(super) fn nothing_to_tell_of(&mut self, id: SessionId, fx: &mut Effects) {
        let (waiting, rest): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.history_replies).into_iter().partition(|(_, of, _)| *of == id);
        self.history_replies = rest;
        for (reply, ..) in waiting {
            let gone = RpcError::new(ErrorCode::NotFound, "the session was forgotten meanwhile");
            self.reply(reply, Err(gone), fx);
        }
    }
}
