//! Claude's live registry: the source for sessions that no hook has spoken of, and for what no hook says, such as an
//! answer in the terminal.

use super::session::Seen;
use super::{Effects, Model, PermissionRequest};
use crate::effect::{Effect, StoreWrite};
use crate::event::{Now, RegistryEntry, RegistryStatus, Titles};
use magia_protocol::wire::{ProcessId, Provider, RequestId, RequestState, SessionId, SessionState};

/// How long before a request the registry may say that it waits; seen were 30 ms.
const AHEAD_MS: u64 = 250;
/// How much later than the hook that names a new session a word of the registry on the old one may still be about the
/// time before; seen were words of before it, written after it.
const BEHIND_MS: u64 = 1_000;

impl Model {
    /// A registry file was read.
    pub(super) fn registry_read(&mut self, now: Now, entry: RegistryEntry, fx: &mut Effects) {
        if self.dead.contains(&entry.process)
            || entry.provider_session_id.0.is_empty()
            || self.is_behind(&entry)
        {
            return;
        }
        let root = entry.config_root.trim_end_matches('/');
        let id = self.session_for(
            now,
            Provider::Claude,
            root,
            &entry.provider_session_id,
            Some(entry.process),
            fx,
        );
        self.lived_on(id, fx);
        self.registry_facts(id, &entry, fx);
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let Some(status) = entry.status.filter(|_| session.ended.is_none()) else { return };
        let at_ms = if entry.status_updated_at_ms > 0 { entry.status_updated_at_ms } else { now.unix_ms };
        let says = (status, seen(status, entry.waiting_for.as_deref(), at_ms));
        if session.registry.as_ref() == Some(&says) {
            return;
        }
        session.registry = Some(says);
        session.last_activity_ms = session.last_activity_ms.max(at_ms.min(now.unix_ms));
        match status {
            RegistryStatus::Waiting => self.seen_waiting(id),
            RegistryStatus::Busy => self.left_waiting(now, id, at_ms, fx),
            RegistryStatus::Idle => {
                self.left_waiting(now, id, at_ms, fx);
                self.left_undone(now, id, at_ms, fx);
            }
        }
        self.touch(id);
    }

    /// Whether it still names the session that its process has left, as a hook said. Claude writes the file some 40 ms
    /// after what it says has changed, so after `/clear` the old session is written once more, as busy with that command.
    fn is_behind(&mut self, entry: &RegistryEntry) -> bool {
        let bound = self.by_process.get(&entry.process).and_then(|id| self.sessions.get_mut(id));
        let Some(session) = bound else { return false };
        if session.provider_session_id == entry.provider_session_id {
            session.left_behind = None;
        }
        session.left_behind.as_ref().is_some_and(|(left, at_ms)| {
            *left == entry.provider_session_id
                && entry.status_updated_at_ms <= at_ms.saturating_add(BEHIND_MS)
        })
    }

    /// What the registry knows besides the state.
    fn registry_facts(&mut self, id: SessionId, entry: &RegistryEntry, fx: &mut Effects) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let before = session.stored();
        if session.cwd.is_empty() {
            session.cwd.clone_from(&entry.cwd);
        }
        if session.parent.is_none() && entry.started_at_ms > 0 {
            session.started_at_ms = session.started_at_ms.min(entry.started_at_ms);
        }
        let path = transcript_path(entry).filter(|_| session.transcript_path.is_none());
        if path.is_some() {
            session.transcript_path.clone_from(&path);
        }
        if session.stored() != before {
            fx.push(Effect::Store(StoreWrite::Session(Box::new(session.stored()))));
        }
        if let Some(path) = path
            && let Some(session) = self.sessions.get(&id)
        {
            self.read_titles(session, fx);
            if self.window.selected == Some(id) {
                fx.push(Effect::FollowTranscript { session: id, path: path.into() });
            }
        }
        if let Some(name) = entry.name.as_ref().filter(|_| !entry.name_derived) {
            self.titles_read(id, Titles { custom: Some(name.clone()), ..Titles::default() }, fx);
        }
    }

    /// A registry file went away; the process itself is watched, so this alone ends nothing.
    pub(super) fn registry_removed(&mut self, process: ProcessId) {
        if let Some(id) = self.by_process.get(&process).copied()
            && let Some(session) = self.sessions.get_mut(&id)
        {
            session.registry = None;
            self.touch(id);
        }
    }

    /// Whether the registry's "waiting" is about a request that is asked now: it is as new as that, or it is about
    /// another dialog that is still open, since it is not written again for a second one.
    pub(super) fn is_seen_waiting(&self, session: SessionId, now: Now) -> bool {
        let registry = self.sessions.get(&session).and_then(|session| session.registry.as_ref());
        registry.is_some_and(|(status, seen)| {
            *status == RegistryStatus::Waiting
                && (seen.at_ms.saturating_add(AHEAD_MS) >= now.unix_ms || self.waits_for(session).is_some())
        })
    }

    fn seen_waiting(&mut self, session: SessionId) {
        let waits = self.requests.unsettled(session).filter(|request| request.state.waits());
        let ids: Vec<RequestId> = waits.map(|request| request.id).collect();
        for id in ids {
            if let Some(request) = self.requests.get_mut(id) {
                request.seen_waiting = true;
            }
        }
    }

    /// The registry says something else than "waiting" since `at_ms`. It keeps that word, unchanged, until the last
    /// of several dialogs is answered; so whatever was asked before, and was seen waiting, was answered. For what was
    /// asked later the "waiting" of before was not meant.
    fn left_waiting(&mut self, now: Now, id: SessionId, at_ms: u64, fx: &mut Effects) {
        let waits =
            self.requests.unsettled(id).filter(|request| request.state.waits() && request.seen_waiting);
        let (answered, later): (Vec<_>, Vec<_>) =
            waits.map(|request| (request.id, request.asked_at_ms)).partition(|(_, asked)| *asked < at_ms);
        for (request, _) in later {
            if let Some(request) = self.requests.get_mut(request) {
                request.seen_waiting = false;
            }
        }
        for (request, _) in answered {
            self.settle(request, RequestState::AnsweredInTerminal, now, fx);
        }
    }

    /// The main conversation is idle since `at_ms`: an allow of before that did not show in a call was not taken. Without
    /// hooks no call shows; the change that was accepted in the window was.
    fn left_undone(&mut self, now: Now, id: SessionId, at_ms: u64, fx: &mut Effects) {
        let before = |request: &PermissionRequest| {
            request.agent_id.is_none()
                && request.state == RequestState::Decided
                && request.outcome.as_ref().is_some_and(|outcome| outcome.at_ms < at_ms)
        };
        let calls_show = self.sessions.get(&id).is_some_and(|session| session.hooked);
        let undone: Vec<(RequestId, bool)> = self
            .requests
            .unsettled(id)
            .filter(|request| before(request))
            .map(|request| (request.id, request.is_allowed() && (calls_show || !request.by_diff)))
            .collect();
        for (request, missed) in undone {
            let state = if missed { RequestState::NotTaken } else { RequestState::TookEffect };
            self.settle(request, state, now, fx);
        }
    }
}

fn seen(status: RegistryStatus, waiting_for: Option<&str>, at_ms: u64) -> Seen {
    let state = match (status, waiting_for) {
        (RegistryStatus::Busy, _) => SessionState::Working,
        (RegistryStatus::Idle, _) => SessionState::Idle,
        (RegistryStatus::Waiting, Some(what)) if !what.contains("permission") => SessionState::WaitingAnswer,
        (RegistryStatus::Waiting, _) => SessionState::WaitingPermission,
    };
    let fact = match (status, waiting_for) {
        (_, Some(what)) => format!("waiting, {}", what.chars().take(64).collect::<String>()),
        (RegistryStatus::Busy, None) => "busy".to_owned(),
        (RegistryStatus::Idle, None) => "idle".to_owned(),
        (RegistryStatus::Waiting, None) => "waiting".to_owned(),
    };
    Seen { state, fact, at_ms }
}

/// Longest directory whose slug is not shortened with a hash.
const SLUG_MAX: usize = 200;

/// Where Claude keeps the transcript of a session: `projects/<slug>/<id>.jsonl`, the slug being the directory with
/// everything but letters and digits turned into dashes, one for each UTF-16 unit. `None` when the slug is so long
/// that Claude shortens it. Source: observed with Claude Code 2.1.197.
fn transcript_path(entry: &RegistryEntry) -> Option<String> {
    let mut slug = String::with_capacity(entry.cwd.len());
    for c in entry.cwd.chars() {
        match c.is_ascii_alphanumeric() {
            true => slug.push(c),
            false => slug.extend(std::iter::repeat_n('-', c.len_utf16())),
        }
    }
    let root = entry.config_root.trim_end_matches('/');
    (slug.len() <= SLUG_MAX && !slug.is_empty())
        .then(|| format!("{root}/projects/{slug}/{}.jsonl", entry.provider_session_id))
}
