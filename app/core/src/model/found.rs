//! Agents found by their process, before a hook has named their session.

use super::session::Session;
use super::{Effects, Model};
use crate::effect::{Effect, Update};
use crate::event::{FoundAgent, Now};
use magia_protocol::wire::{ProcessId, Provider, ProviderSessionId, SessionId, SessionState};
use std::sync::Arc;

impl Model {
    /// All agents that run, as far as processes tell. What had been taken for one and is not in the list any more, as
    /// the launcher of another, is forgotten.
    pub(super) fn agents_found(&mut self, now: Now, found: &[FoundAgent], fx: &mut Effects) {
        let still = |process: &ProcessId| found.iter().any(|agent| agent.process == *process);
        let wrong: Vec<SessionId> = self
            .sessions
            .values()
            .filter(|session| session.is_unnamed() && !session.processes.iter().any(still))
            .map(|session| session.id)
            .collect();
        for id in wrong {
            self.forget_unnamed(now, id, fx);
        }
        for agent in found {
            if !self.by_process.contains_key(&agent.process) && !self.dead.contains(&agent.process) {
                self.add_unnamed(now, agent, fx);
            }
        }
    }

    fn add_unnamed(&mut self, now: Now, agent: &FoundAgent, fx: &mut Effects) {
        let id = self.ids.session(now.unix_ms);
        let unnamed = ProviderSessionId(String::new());
        let mut session = Session::new(id, agent.provider, String::new(), unnamed, now.unix_ms);
        session.cwd.clone_from(&agent.cwd);
        session.tty.clone_from(&agent.tty);
        session.born_of = Some(agent.process);
        session.processes.push(agent.process);
        self.by_process.insert(agent.process, id);
        self.sessions.insert(id, session);
        fx.push(Effect::WatchProcess(agent.process));
        self.touch(id);
    }

    /// A hook of its process names the session.
    pub(super) fn name(
        &mut self,
        id: SessionId,
        provider: Provider,
        config_root: &str,
        psid: &ProviderSessionId,
        fx: &mut Effects,
    ) -> SessionId {
        if let Some(session) = self.sessions.get_mut(&id) {
            session.provider = provider;
            config_root.clone_into(&mut session.config_root);
            session.provider_session_id = psid.clone();
            fx.push(Effect::Store(crate::effect::StoreWrite::Session(Box::new(session.stored()))));
        }
        self.by_provider_id.entry((provider, psid.clone())).or_default().push(id);
        self.renamed(id);
        id
    }

    /// Its process ended, works on a session that is known, or is no agent: there is nothing to remember.
    pub(super) fn forget_unnamed(&mut self, now: Now, id: SessionId, fx: &mut Effects) {
        let Some(session) = self.sessions.remove(&id) else { return };
        self.by_process.retain(|_, at| *at != id);
        if let Some(row) = self.forget_row(id) {
            let mut row = Arc::unwrap_or_clone(row);
            row.state = SessionState::Ended;
            row.state_since_ms = now.unix_ms;
            fx.push(Effect::Publish(Update::LiveSessions(Arc::new(row))));
        }
        if self.window.selected == Some(session.id) {
            self.window.selected = None;
        }
        self.nothing_to_tell_of(id, fx);
    }
}
