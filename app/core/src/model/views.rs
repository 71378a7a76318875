//! What the model shows: rows, cards, the snapshot. Made anew only for what changed.

use super::session::{DISAGREEMENT_MS, Waiting};
use super::{Effects, Model};
use crate::effect::{Effect, Update};
use crate::event::Now;
use crate::snapshot::{Snapshot, TimelineView};
use magia_protocol::wire::info::SessionInfo;
use magia_protocol::wire::{RequestId, SessionId};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Rows that are ready, and what is not.
#[derive(Debug, Default)]
pub struct Views {
    rows: BTreeMap<SessionId, Arc<SessionInfo>>,
    dirty: bool,
    revision: u64,
    /// When two sources that differ must be looked at again, by the monotonic clock.
    pub recheck_mono: Option<u64>,
}

impl Views {
    /// Whether the next snapshot differs.
    pub const fn has_news(&self) -> bool {
        self.dirty
    }

    /// Notes that the next snapshot differs.
    pub fn touch(&mut self) {
        self.dirty = true;
    }
}

impl Model {
    /// Makes the rows of touched sessions anew and tells subscribers of changed states.
    pub(super) fn publish_touched(&mut self, now: Now, fx: &mut Effects) {
        while let Some(id) = self.touched.pop_first() {
            self.views.touch();
            let waiting = self.waits_for(id).map(|request| Waiting {
                state: request.waiting_state(),
                fact: format!("asks for {}", request.tool),
                at_ms: request.asked_at_ms,
            });
            let requests = self.waiting_ids(id);
            let Some(session) = self.sessions.get_mut(&id) else { continue };
            let verdict = session.judge(waiting.as_ref(), now.unix_ms);
            let newest = verdict.evidence.iter().map(|evidence| evidence.at_ms).max().unwrap_or_default();
            let differs = verdict.evidence.iter().any(|evidence| evidence.state != verdict.state);
            if differs && now.unix_ms.saturating_sub(newest) <= DISAGREEMENT_MS {
                let at = now.mono_ms + DISAGREEMENT_MS + 100;
                self.views.recheck_mono = Some(self.views.recheck_mono.map_or(at, |known| known.min(at)));
            }
            let changed = session.shown.0 != verdict.state;
            if changed {
                session.shown = (verdict.state, now.unix_ms);
            }
            let info = session.info(verdict, requests);
            if changed || !self.views.rows.contains_key(&id) {
                fx.push(Effect::Publish(Update::LiveSessions(
                    serde_json::to_value(&info).unwrap_or_default(),
                )));
            }
            self.views.rows.insert(id, Arc::new(info));
        }
    }

    /// Tells subscribers that a session's title or flags changed.
    pub(super) fn publish_session(&mut self, id: SessionId, fx: &mut Effects) {
        let now =
            Now { unix_ms: self.sessions.get(&id).map_or(0, |session| session.last_activity_ms), mono_ms: 0 };
        if let Some(session) = self.sessions.get(&id) {
            let info = session.info(session.judge(None, now.unix_ms), self.waiting_ids(id));
            fx.push(Effect::Publish(Update::SessionsChanged(serde_json::to_value(info).unwrap_or_default())));
        }
        self.touch(id);
    }

    fn waiting_ids(&self, id: SessionId) -> Vec<RequestId> {
        self.unsettled(id).filter(|request| request.state.waits()).map(|request| request.id).collect()
    }

    /// A session's row, as last made.
    pub fn row(&self, id: SessionId) -> Option<&Arc<SessionInfo>> {
        self.views.rows.get(&id)
    }

    /// All rows, in the order in which the sessions were met.
    pub fn rows(&self) -> impl Iterator<Item = &Arc<SessionInfo>> {
        self.views.rows.values()
    }

    /// What the window draws, when it differs from what it got last.
    pub fn snapshot(&mut self, now: Now) -> Option<Arc<Snapshot>> {
        if !std::mem::take(&mut self.views.dirty) {
            return None;
        }
        self.views.revision += 1;
        let timeline =
            self.window.selected.and_then(|id| self.sessions.get(&id)).map(|session| TimelineView {
                session: session.id,
                loading: !matches!(session.history, super::session::History::Read),
                items: session.timeline.items(),
            });
        let unsettled = self.requests.values().filter(|request| !request.state.is_settled());
        let mut sessions: Vec<Arc<SessionInfo>> =
            self.rows().filter(|row| !row.hidden).map(Arc::clone).collect();
        sessions.sort_by_key(|row| (row.started_at_ms, row.id));
        Some(Arc::new(Snapshot {
            revision: self.views.revision,
            made_at_ms: now.unix_ms,
            loaded: self.loaded,
            sessions,
            requests: unsettled.map(|request| Arc::new(self.request_view(request))).collect(),
            timeline,
            listeners: self.listeners.clone(),
            providers: self.providers.clone(),
            hooks: self.hooks.clone(),
            settings: Arc::clone(&self.settings),
            problems: self.problems.values().cloned().collect(),
            toasts: self.toasts.iter().cloned().collect(),
            raise: self.raise.0,
            raise_session: self.raise.1,
        }))
    }
}
