//! What the model shows: rows, cards, the snapshot. Made anew only for what changed.

use super::evidence::{DISAGREEMENT_MS, Waiting};
use super::session::History;
use super::{Effects, Model};
use crate::effect::{Effect, StoreWrite, Update};
use crate::event::Now;
use crate::snapshot::{RequestView, Snapshot, TimelineView};
use magia_protocol::wire::info::SessionInfo;
use magia_protocol::wire::{RequestId, SessionId};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Rows and cards that are ready, and what is not.
#[derive(Debug, Default)]
pub struct Views {
    rows: BTreeMap<SessionId, Arc<SessionInfo>>,
    cards: BTreeMap<RequestId, Arc<RequestView>>,
    /// Sessions whose row must be made anew.
    touched: BTreeSet<SessionId>,
    /// Sessions whose title or flags changed, which subscribers want to know.
    renamed: BTreeSet<SessionId>,
    /// Sessions whose sources differ, to be looked at again by the monotonic clock.
    recheck: BTreeSet<SessionId>,
    recheck_mono: Option<u64>,
    dirty: bool,
    revision: u64,
}

impl Views {
    /// Notes that the next snapshot differs.
    pub fn touch(&mut self) {
        self.dirty = true;
    }

    /// When sources that differ must be looked at again.
    pub fn recheck_mono(&self) -> Option<u64> {
        self.recheck_mono
    }

    /// Looks again at the sessions whose sources differed, when it is time.
    pub fn recheck(&mut self, now_mono: u64) {
        if self.recheck_mono.is_some_and(|at| at <= now_mono) {
            self.recheck_mono = None;
            self.touched.append(&mut self.recheck);
        }
    }

    /// A request's card is new or differs.
    pub fn put_card(&mut self, card: Arc<RequestView>) {
        self.cards.insert(card.info.id, card);
        self.dirty = true;
    }

    /// A request is settled.
    pub fn drop_card(&mut self, id: RequestId) {
        self.dirty |= self.cards.remove(&id).is_some();
    }
}

impl Model {
    /// Notes that a session's row must be made anew.
    pub(super) fn touch(&mut self, session: SessionId) {
        self.views.touched.insert(session);
    }

    /// Forgets a session's row.
    pub(super) fn forget_row(&mut self, session: SessionId) -> Option<Arc<SessionInfo>> {
        self.views.touched.remove(&session);
        self.views.renamed.remove(&session);
        self.views.recheck.remove(&session);
        self.views.dirty = true;
        self.views.rows.remove(&session)
    }

    /// Notes that a session's title or flags changed.
    pub(super) fn renamed(&mut self, session: SessionId) {
        self.views.touched.insert(session);
        self.views.renamed.insert(session);
    }

    /// Makes the rows of touched sessions anew and tells subscribers of changed states, titles and flags.
    pub(super) fn publish_touched(&mut self, now: Now, fx: &mut Effects) {
        while let Some(id) = self.views.touched.pop_first() {
            self.views.dirty = true;
            let waiting = self.waits_for(id).map(|request| Waiting {
                state: request.waiting_state(),
                fact: format!("asks for {}", request.tool),
                at_ms: request.asked_at_ms,
            });
            let waits = self.requests.unsettled(id).filter(|request| request.state.waits());
            let waiting_ids: Vec<RequestId> = waits.map(|request| request.id).collect();
            let claims = self.claims(id);
            let (terminal, editor) = (self.terminal_of(id), self.editor_of(id));
            let Some(session) = self.sessions.get_mut(&id) else { continue };
            let unsaved = std::mem::take(&mut session.unsaved);
            if session.keep_state(waiting.as_ref()) || unsaved {
                fx.push(Effect::Store(StoreWrite::Session(Box::new(session.stored()))));
            }
            let verdict = session.judge(waiting.as_ref(), now.unix_ms);
            let newest = verdict.evidence.iter().map(|evidence| evidence.at_ms).max().unwrap_or_default();
            let differs = verdict.evidence.iter().any(|evidence| evidence.state != verdict.state);
            if differs && session.ended.is_none() && now.unix_ms.saturating_sub(newest) <= DISAGREEMENT_MS {
                let at = now.mono_ms + DISAGREEMENT_MS + 100;
                self.views.recheck_mono = Some(self.views.recheck_mono.map_or(at, |known| known.min(at)));
                self.views.recheck.insert(id);
            }
            let changed = session.shown.0 != verdict.state;
            if changed {
                session.shown = (verdict.state, now.unix_ms);
            }
            let info = SessionInfo { terminal, editor, ..session.info(verdict, waiting_ids, claims) };
            let info = Arc::new(info);
            let before = self.views.rows.get(&id);
            if changed || before.is_none() {
                fx.push(Effect::Publish(Update::LiveSessions(Arc::clone(&info))));
            }
            if self.views.renamed.remove(&id) {
                let row = serde_json::to_value(&*info).unwrap_or_default();
                fx.push(Effect::Publish(Update::SessionsChanged(row)));
            }
            let retitled = before.is_some_and(|before| before.title != info.title);
            self.views.rows.insert(id, info);
            if retitled {
                let cards: Vec<RequestId> = self.requests.unsettled(id).map(|request| request.id).collect();
                cards.into_iter().for_each(|card| self.make_card(card));
            }
        }
    }

    /// A session's row, as last made.
    pub fn row(&self, id: SessionId) -> Option<&Arc<SessionInfo>> {
        self.views.rows.get(&id)
    }

    /// All rows, in the order in which the sessions were met.
    pub fn rows(&self) -> impl Iterator<Item = &Arc<SessionInfo>> {
        self.views.rows.values()
    }

    /// Whether [`Self::snapshot`] would give one.
    pub fn has_news(&self) -> bool {
        self.views.dirty
    }

    /// What the window draws, when it differs from what it got last.
    pub fn snapshot(&mut self, now: Now) -> Option<Arc<Snapshot>> {
        if !std::mem::take(&mut self.views.dirty) {
            return None;
        }
        self.views.revision += 1;
        let metrics = self.metrics_view();
        self.views.dirty = false;
        let timeline =
            self.window.selected.and_then(|id| self.sessions.get(&id)).map(|session| TimelineView {
                session: session.id,
                loading: matches!(session.history, History::Unread | History::Reading(_)),
                items: session.timeline.items(),
            });
        let mut sessions: Vec<Arc<SessionInfo>> =
            self.rows().filter(|row| !row.hidden).map(Arc::clone).collect();
        sessions.sort_by_key(|row| (row.started_at_ms, row.id));
        Some(Arc::new(Snapshot {
            revision: self.views.revision,
            made_at_ms: now.unix_ms,
            loaded: self.loaded,
            first_launch: self.program.first_launch,
            sessions,
            requests: self.views.cards.values().cloned().collect(),
            timeline,
            listeners: self.listeners.clone(),
            providers: self.providers.clone(),
            hooks: self.hooks.clone(),
            terminals: self.terminal_views(),
            settings: Arc::clone(&self.settings),
            desktop_dark: self.desktop_dark,
            themes: Arc::clone(&self.themes),
            keymap: Arc::clone(&self.keymap),
            trial: self.trial.1.clone(),
            metrics,
            problems: self.problems.values().cloned().collect(),
            toasts: self.toasts.iter().cloned().collect(),
            notifications: self.notices.list(),
            tray: self.tray_host,
            paused: self.notices.is_paused(now.mono_ms),
            raise: self.raise.0,
            raise_session: self.raise.1,
            raise_request: self.raise_request,
            raise_page: self.raise_page.clone(),
            raise_terminal: self.raise_terminal.clone(),
        }))
    }
}
