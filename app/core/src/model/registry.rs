//! Claude's live registry: the source for sessions that no hook has spoken of, and for what no hook says, such as an
//! answer in the terminal.

use super::session::Seen;
use super::{Effects, Model};
use crate::event::{Now, RegistryEntry, RegistryStatus};
use magia_protocol::wire::{ProcessId, Provider, RequestId, RequestState, SessionId, SessionState};

impl Model {
    /// A registry file was read.
    pub(super) fn registry_read(&mut self, now: Now, entry: RegistryEntry, fx: &mut Effects) {
        if self.dead.contains(&entry.process) {
            return;
        }
        let id = self.session_for(
            now,
            Provider::Claude,
            &entry.config_root,
            &entry.provider_session_id,
            Some(entry.process),
            fx,
        );
        let Some(session) = self.sessions.get_mut(&id) else { return };
        if session.cwd.is_empty() {
            session.cwd.clone_from(&entry.cwd);
        }
        if session.transcript_path.is_none() {
            session.transcript_path = Some(transcript_path(&entry));
            if let Some(session) = self.sessions.get(&id) {
                self.read_titles(session, fx);
            }
        }
        let Some(session) = self.sessions.get_mut(&id) else { return };
        session.started_at_ms = session.started_at_ms.min(entry.started_at_ms);
        if !entry.name_derived && entry.name.is_some() {
            session.titles.custom.clone_from(&entry.name);
        }
        let Some(status) = entry.status else { return };
        let state = match (status, entry.waiting_for.as_deref()) {
            (RegistryStatus::Busy, _) => SessionState::Working,
            (RegistryStatus::Idle, _) => SessionState::Idle,
            (RegistryStatus::Waiting, None) => SessionState::WaitingPermission,
            (RegistryStatus::Waiting, Some(what)) if what.contains("permission") => {
                SessionState::WaitingPermission
            }
            (RegistryStatus::Waiting, Some(_)) => SessionState::WaitingAnswer,
        };
        let fact = match (&entry.waiting_for, status) {
            (Some(what), _) => format!("waiting, {what}"),
            (None, RegistryStatus::Busy) => "busy".to_owned(),
            (None, RegistryStatus::Idle) => "idle".to_owned(),
            (None, RegistryStatus::Waiting) => "waiting".to_owned(),
        };
        let at_ms = if entry.status_updated_at_ms > 0 { entry.status_updated_at_ms } else { now.unix_ms };
        session.registry = Some((status, Seen { state, fact, at_ms }));
        match status {
            RegistryStatus::Waiting => self.seen_waiting(id),
            RegistryStatus::Busy | RegistryStatus::Idle => self.left_waiting(now, id, at_ms, fx),
        }
        self.touch(id);
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

    fn seen_waiting(&mut self, session: SessionId) {
        for request in self.requests.values_mut() {
            if request.session == session && request.state.waits() {
                request.seen_waiting = true;
            }
        }
    }

    /// The registry says something else than "waiting" since `at_ms`. It keeps that word, unchanged, until the last
    /// of several dialogs is answered; so whatever was asked before, and was seen waiting, was answered.
    fn left_waiting(&mut self, now: Now, id: SessionId, at_ms: u64, fx: &mut Effects) {
        let answered: Vec<RequestId> = self
            .unsettled(id)
            .filter(|request| request.state.waits() && request.seen_waiting && request.asked_at_ms < at_ms)
            .map(|request| request.id)
            .collect();
        for request in answered {
            self.settle(request, RequestState::AnsweredInTerminal, now, fx);
        }
    }
}

/// Where Claude keeps the transcript of a session: `projects/<slug>/<id>.jsonl`, the slug being the directory with
/// everything but letters and digits turned into dashes. Source: observed with Claude Code 2.1.197.
fn transcript_path(entry: &RegistryEntry) -> String {
    let slug: String = entry.cwd.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    format!("{}/projects/{slug}/{}.jsonl", entry.config_root, entry.provider_session_id)
}
