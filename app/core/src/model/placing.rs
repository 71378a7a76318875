//! Which session a message or a registry entry is about, and which process works on it.

use super::session::Session;
use super::settle::Whose;
use super::{Effects, Model};
use crate::effect::{Effect, StoreWrite};
use crate::event::Now;
use crate::normalize::{self, Detail, StartSource, Understood};
use magia_protocol::wire::hook::HookMessage;
use magia_protocol::wire::{ProcessId, Provider, ProviderSessionId, RequestState, SessionId};
use serde_json::Value;

/// A hook message and whose it is.
#[derive(Debug)]
pub struct Placed {
    /// The session.
    pub session: SessionId,
    /// The agent's kind.
    pub provider: Provider,
    /// What it says.
    pub understood: Understood,
    /// Its payload, parsed.
    pub payload: Value,
    /// The process that sent it.
    pub sender: Option<ProcessId>,
    /// The process that works on the session; `None` when it is not known, has ended, or works on another one.
    pub process: Option<ProcessId>,
    /// Whether it shows that the session lives.
    pub alive: bool,
}

impl Model {
    /// Finds or makes the session of a message. `None` when the provider or the session cannot be known.
    pub(super) fn place(&mut self, now: Now, message: &HookMessage, fx: &mut Effects) -> Option<Placed> {
        let provider = message.known_provider()?;
        let payload: Value = serde_json::from_str(message.payload.get()).ok()?;
        let understood = normalize::understand(provider, &message.event, &payload);
        let psid = understood.provider_session_id.clone()?;
        let config_root = understood
            .transcript_path
            .as_deref()
            .map(|path| config_root_of(provider, path))
            .unwrap_or_default();

        let sender = message.agent_process().filter(|_| !message.shared);
        let elsewhere = sender.and_then(|process| self.by_process.get(&process).copied()).filter(|id| {
            self.sessions.get(id).is_some_and(|at| !at.is_unnamed() && at.provider_session_id != psid)
        });
        let ends = matches!(understood.detail, Detail::Ended { .. });
        let forked = elsewhere.filter(|id| self.is_fork_start(*id, sender, &understood.detail));
        let process = sender.filter(|process| {
            let left = elsewhere.is_some() && (ends || forked.is_some());
            !left && !self.dead.contains(process)
        });

        let known = self.find(provider, &|| config_root, &psid.0, sender).is_some();
        let session = self.session_for(now, provider, config_root, &psid, process, fx);
        if process.is_some()
            && let Some(left) = elsewhere.and_then(|id| self.sessions.get(&id))
        {
            let left = left.provider_session_id.clone();
            if let Some(named) = self.sessions.get_mut(&session) {
                named.left_behind = Some((left, now.unix_ms));
            }
        }
        if let Some(fork) = forked.and_then(|id| self.sessions.get_mut(&id)) {
            fork.parent.get_or_insert(session);
            fx.push(Effect::Store(StoreWrite::Session(Box::new(fork.stored()))));
            self.touch(forked.unwrap_or(session));
        }
        if !known
            && sender.is_some()
            && process.is_none()
            && let Some(made) = self.sessions.get_mut(&session)
        {
            made.end("its process is gone or works on another session", now.unix_ms);
        }
        let begins =
            matches!(understood.detail, Detail::Started(_) | Detail::Prompt(_) | Detail::ToolStarted(_));
        let alive = begins && (process.is_some() || sender.is_none());
        Some(Placed { session, provider, understood, payload, sender, process, alive })
    }

    /// Whether a start that names another session comes from a fork: it reports the id it was forked from, once, and
    /// the registry may have named the new session before.
    fn is_fork_start(&self, id: SessionId, sender: Option<ProcessId>, detail: &Detail) -> bool {
        *detail == Detail::Started(StartSource::Resume)
            && self
                .sessions
                .get(&id)
                .is_some_and(|at| at.ended.is_none() && at.hook.is_none() && at.born_of == sender)
    }

    /// The session of a provider id, made when it is new. When `process` worked on another session before, that was
    /// left by `/clear`, a resume or a fork, and becomes the parent of a new one.
    pub(super) fn session_for(
        &mut self,
        now: Now,
        provider: Provider,
        config_root: &str,
        psid: &ProviderSessionId,
        process: Option<ProcessId>,
        fx: &mut Effects,
    ) -> SessionId {
        let before = process.and_then(|process| self.by_process.get(&process).copied());
        let known = self.find(provider, &|| config_root, &psid.0, process);
        let before = match before.filter(|id| self.sessions.get(id).is_some_and(Session::is_unnamed)) {
            Some(unnamed) if known.is_none() => {
                return self.name(unnamed, provider, config_root, psid, fx);
            }
            Some(unnamed) => {
                self.forget_unnamed(now, unnamed, fx);
                None
            }
            None => before,
        };
        let id = known.unwrap_or_else(|| {
            let id = self.ids.session(now.unix_ms);
            let mut session = Session::new(id, provider, config_root.to_owned(), psid.clone(), now.unix_ms);
            session.parent = before;
            session.born_of = process;
            session.titles.no_suggestions = !self.settings.title_suggestions;
            fx.push(Effect::Store(StoreWrite::Session(Box::new(session.stored()))));
            self.sessions.insert(id, session);
            self.by_provider_id.entry((provider, psid.clone())).or_default().push(id);
            id
        });
        if let Some(session) = self.sessions.get_mut(&id)
            && session.config_root.is_empty()
        {
            config_root.clone_into(&mut session.config_root);
        }
        if let Some(process) = process {
            self.bind(now, id, process, before, fx);
        }
        self.touch(id);
        id
    }

    /// One session per provider, configuration directory and provider id. A process that works on that id already says
    /// more than a directory, which may be written in several ways.
    pub(super) fn find<'a>(
        &self,
        provider: Provider,
        config_root: &dyn Fn() -> &'a str,
        psid: &str,
        process: Option<ProcessId>,
    ) -> Option<SessionId> {
        let of_process = process.and_then(|process| self.by_process.get(&process)).filter(|id| {
            let known = self.sessions.get(id).filter(|known| !known.is_unnamed());
            known.is_some_and(|known| known.provider == provider && known.provider_session_id.0 == psid)
        });
        if let Some(id) = of_process {
            return Some(*id);
        }
        let ids = self.by_provider_id.get(&(provider, ProviderSessionId(psid.to_owned())))?;
        let config_root = config_root();
        let root = |id: &&SessionId| self.sessions.get(id).map(|session| session.config_root.as_str());
        let same_root = ids.iter().find(|id| root(id) == Some(config_root));
        let unknown = ids.iter().find(|id| config_root.is_empty() || root(id) == Some(""));
        same_root.or(unknown).copied()
    }

    /// Ties a process to a session, and away from the one it worked on before.
    fn bind(
        &mut self,
        now: Now,
        id: SessionId,
        process: ProcessId,
        before: Option<SessionId>,
        fx: &mut Effects,
    ) {
        if before == Some(id) || self.dead.contains(&process) {
            return;
        }
        match before {
            Some(left) => self.leave(now, left, process, "its process works on another session now", fx),
            None => fx.push(Effect::WatchProcess(process)),
        }
        self.by_process.insert(process, id);
        if let Some(session) = self.sessions.get_mut(&id) {
            session.processes.push(process);
            session.revive();
            fx.push(Effect::Store(StoreWrite::Session(Box::new(session.stored()))));
        }
        self.processes_changed(now, id, fx);
    }

    /// A process does not work on a session any more. Without another one the session has ended.
    pub(super) fn leave(&mut self, now: Now, id: SessionId, process: ProcessId, why: &str, fx: &mut Effects) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        session.processes.retain(|known| *known != process);
        if !session.processes.is_empty() {
            // After a restart the one that is left is looked for.
            fx.push(Effect::Store(StoreWrite::Session(Box::new(session.stored()))));
            self.settle_all(now, id, Whose::Process(process), RequestState::AgentGone, fx);
            self.touch(id);
        } else if session.ended.is_none() {
            session.end(why, now.unix_ms);
            self.after_end(now, id, fx);
        }
        self.processes_changed(now, id, fx);
    }
}

/// The configuration directory of a transcript: what stands before Claude's last `/projects/`, Codex's last
/// `/sessions/`, Gemini's `/tmp/<project>/chats/`.
pub(super) fn config_root_of(provider: Provider, transcript_path: &str) -> &str {
    let root = match provider {
        Provider::Claude => transcript_path.rsplit_once("/projects/").map(|(root, _)| root),
        Provider::Codex => transcript_path.rsplit_once("/sessions/").map(|(root, _)| root),
        Provider::Gemini => transcript_path
            .rsplit_once("/chats/")
            .and_then(|(project, _)| project.rsplit_once('/'))
            .and_then(|(projects, _)| projects.strip_suffix("/tmp")),
    };
    root.map_or("", |root| root.trim_end_matches('/'))
}
