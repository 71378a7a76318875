//! Sessions that an agent's own daemon holds: what they are, what they do, what they ask.
//!
//! Such a session has no process of its own here: it lives as long as the daemon holds it. What it does is told by the
//! daemon's status of it, not guessed from what happens in it; a failed turn alone is remembered until the next one.

use super::placing::Placed;
use super::request::{Asked, PermissionRequest};
use super::session::Seen;
use super::settle::Whose;
use super::{Effects, Model};
use crate::codex::message;
use crate::daemon::{DaemonFact, DaemonNews, HeldSession};
use crate::effect::{Effect, StoreWrite};
use crate::event::{GateId, Now, Titles};
use crate::normalize::{self, Detail, codex_daemon};
use crate::policy::RealPaths;
use crate::transcript::first_prompt_title;
use magia_protocol::wire::hook::HookMessage;
use magia_protocol::wire::info::{CheckInfo, DaemonInfo, OutcomeInfo};
use magia_protocol::wire::{
    AgentEventKind, GateReply, Provider, ProviderSessionId, RequestId, RequestState, SessionId, SessionState,
};
use serde_json::{Value, json};

impl Model {
    /// A daemon told something.
    pub(super) fn daemon_news(&mut self, now: Now, news: DaemonNews, fx: &mut Effects) {
        let DaemonNews { provider, root, fact } = news;
        let root = root.trim_end_matches('/');
        match fact {
            DaemonFact::Connection(info) => self.daemon_connection(info),
            DaemonFact::Holds(held) => self.daemon_holds(now, provider, root, &held, fx),
            DaemonFact::Session(held) => self.held_session(now, provider, root, *held, fx),
            DaemonFact::Status { session, state, fact, at_ms } => {
                let at_ms = if at_ms == 0 { now.unix_ms } else { at_ms };
                let id = self.session_for(now, provider, root, &session, None, fx);
                self.held_status(now, id, Seen { state, fact, at_ms }, fx);
            }
            DaemonFact::Said(message) => {
                self.daemon_said(now, provider, root, &message, fx);
            }
            DaemonFact::Asked { gate, message, use_id } => {
                self.daemon_asked(now, provider, root, (gate, use_id), &message, fx);
            }
            DaemonFact::Resolved(gate) => self.gate_resolved(now, gate, fx),
            DaemonFact::Dropped(session) => {
                let id = self.session_for(now, provider, root, &session, None, fx);
                self.let_go(now, id, "the daemon has closed the thread", fx);
            }
            DaemonFact::Lost { why } => self.daemon_lost(now, provider, root, &why, fx),
        }
    }

    fn daemon_connection(&mut self, info: DaemonInfo) {
        let same = |known: &&mut DaemonInfo| known.provider == info.provider && known.root == info.root;
        match self.daemons.iter_mut().find(same) {
            Some(known) => *known = info,
            None => self.daemons.push(info),
        }
        self.views.touch();
    }

    /// A new connection: what the daemon does not hold any more has ended.
    fn daemon_holds(
        &mut self,
        now: Now,
        provider: Provider,
        root: &str,
        held: &[ProviderSessionId],
        fx: &mut Effects,
    ) {
        for id in self.of_root(provider, root) {
            let known = self.sessions.get(&id);
            if known.is_some_and(|session| !held.contains(&session.provider_session_id)) {
                self.let_go(now, id, "the daemon does not hold the thread any more", fx);
            }
        }
    }

    fn held_session(
        &mut self,
        now: Now,
        provider: Provider,
        root: &str,
        held: HeldSession,
        fx: &mut Effects,
    ) {
        let parent = held.parent.as_ref().and_then(|parent| {
            self.by_provider_id.get(&(provider, parent.clone())).and_then(|ids| ids.first().copied())
        });
        let id = self.session_for(now, provider, root, &held.session, None, fx);
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let before = session.fingerprint();
        if session.cwd.is_empty() {
            session.cwd = held.cwd;
        }
        if held.model.is_some() {
            session.model = held.model;
        }
        if held.started_at_ms > 0 {
            session.started_at_ms = session.started_at_ms.min(held.started_at_ms);
        }
        session.parent = session.parent.or(parent.filter(|parent| *parent != id));
        if session.fingerprint() != before {
            fx.push(Effect::Store(StoreWrite::Session(Box::new(session.stored()))));
        }
        let prompt = held.preview.as_deref().map(first_prompt_title);
        if held.name.is_some() || prompt.is_some() {
            self.titles_read(id, Titles { custom: None, ai: held.name, prompt }, fx);
        }
        self.touch(id);
    }

    fn held_status(&mut self, now: Now, id: SessionId, seen: Seen, fx: &mut Effects) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let begins = !session.held;
        session.revive();
        session.held = true;
        session.hook = None;
        session.last_activity_ms = session.last_activity_ms.max(now.unix_ms);
        // A failed turn is followed by "idle", which is no news of how it went.
        let failed = session.daemon.as_ref().is_some_and(|seen| seen.state == SessionState::Failed);
        if !(failed && seen.state == SessionState::Idle) {
            session.daemon = Some(seen);
        }
        if begins {
            fx.push(Effect::Store(StoreWrite::Session(Box::new(session.stored()))));
            self.view_held(fx);
            self.leave_to_daemon(now, id, fx);
        }
        self.touch(id);
    }

    /// What hooks asked before the daemon was heard of the daemon asks once more, with a call's name and in parallel
    /// with the terminal: two cards for one question would be one too many.
    fn leave_to_daemon(&mut self, now: Now, id: SessionId, fx: &mut Effects) {
        let by_hook = |request: &&PermissionRequest| {
            request.state.waits() && request.gate.is_none_or(|gate| gate.daemon().is_none())
        };
        let twice: Vec<_> = self.requests.unsettled(id).filter(by_hook).map(|request| request.id).collect();
        for request in twice {
            if let Some(request) = self.requests.get_mut(request) {
                let by = "magia: its daemon asks".to_owned();
                let at_ms = now.unix_ms;
                request.outcome.get_or_insert(OutcomeInfo {
                    decision: None,
                    by,
                    at_ms,
                    reason: None,
                    edited_input: None,
                });
            }
            self.settle(request, RequestState::Expired, now, fx);
        }
    }

    /// Something happened in a session. Gives the session and what is understood.
    fn daemon_said(
        &mut self,
        now: Now,
        provider: Provider,
        root: &str,
        message: &HookMessage,
        fx: &mut Effects,
    ) -> Option<(SessionId, normalize::Understood)> {
        let payload: Value = serde_json::from_str(message.payload.get()).ok()?;
        let understood = normalize::understand(provider, &message.event, &payload);
        let psid = understood.provider_session_id.clone()?;
        let session = self.session_for(now, provider, root, &psid, None, fx);
        let placed =
            Placed { session, provider, understood, payload, sender: None, process: None, alive: false };
        self.record(now, message, &placed, fx);
        // The state is the status's business, see `held_status`.
        let hook = self.sessions.get(&session).and_then(|session| session.hook.clone());
        self.learn(now, message, &placed, fx);
        if let Some(known) = self.sessions.get_mut(&session) {
            known.hook = hook;
            let main = placed.understood.agent_id.is_none();
            if let Detail::TurnFailed { error } = &placed.understood.detail
                && main
            {
                let fact = format!("{} {error}", message.event);
                known.daemon = Some(Seen { state: SessionState::Failed, fact, at_ms: now.unix_ms });
            }
        }
        self.touch(session);
        Some((session, placed.understood))
    }

    fn daemon_asked(
        &mut self,
        now: Now,
        provider: Provider,
        root: &str,
        (gate, use_id): (GateId, String),
        message: &HookMessage,
        fx: &mut Effects,
    ) {
        let Some((session, understood)) = self.daemon_said(now, provider, root, message, fx) else { return };
        let Detail::Permission { tool, input, suggestions } = understood.detail else { return };
        let asked = Asked {
            gate: Some(gate),
            session,
            provider,
            agent_id: understood.agent_id,
            process: None,
            cwd: understood.cwd,
            tool,
            input,
            suggestions,
            paths: None,
            use_id: Some(use_id).filter(|id| !id.is_empty()),
        };
        self.ask(now, asked, None, fx);
    }

    /// What was asked at a gate is not asked any more. If we had not answered, a terminal has; whose answer counted when
    /// we had, the call's end tells.
    fn gate_resolved(&mut self, now: Now, gate: GateId, fx: &mut Effects) {
        let Some(id) = self.gates.remove(&gate) else { return };
        let Some(request) = self.requests.get_mut(id) else { return };
        request.gate = None;
        if request.state.waits() {
            self.settle(id, RequestState::AnsweredInTerminal, now, fx);
        }
    }

    /// The connection broke. A turn that ran is broken off for all we know; what was idle is nowhere now.
    fn daemon_lost(&mut self, now: Now, provider: Provider, root: &str, why: &str, fx: &mut Effects) {
        for id in self.of_root(provider, root) {
            let Some(session) = self.sessions.get(&id) else { continue };
            let worked = session
                .daemon
                .as_ref()
                .is_some_and(|seen| matches!(seen.state, SessionState::Working) || seen.state.needs_you());
            if !worked {
                self.let_go(now, id, why, fx);
                continue;
            }
            let params = json!({ "threadId": session.provider_session_id, "why": why });
            self.settle_gone(now, id, why, fx);
            self.daemon_said(now, provider, root, &message(codex_daemon::LOST, &params), fx);
            if let Some(session) = self.sessions.get_mut(&id) {
                session.held = false;
            }
            self.view_held(fx);
        }
    }

    /// The daemon does not hold a session any more.
    fn let_go(&mut self, now: Now, id: SessionId, why: &str, fx: &mut Effects) {
        self.settle_gone(now, id, why, fx);
        if let Some(session) = self.sessions.get_mut(&id).filter(|session| session.ended.is_none()) {
            session.end(why, now.unix_ms);
            self.after_end(now, id, fx);
            self.view_held(fx);
        }
    }

    fn settle_gone(&mut self, now: Now, id: SessionId, why: &str, fx: &mut Effects) {
        // An answer that was on its way is nobody's, and nothing more is heard of its gate.
        let requests = &self.requests;
        let is_its = |request| requests.get(request).is_none_or(|request| request.session == id);
        let on_their_way: Vec<RequestId> = self
            .gates
            .iter()
            .filter(|(gate, request)| gate.daemon().is_some() && is_its(**request))
            .map(|(_, request)| *request)
            .collect();
        self.gates.retain(|gate, request| gate.daemon().is_none() || !is_its(*request));
        let waiting: Vec<_> = self.requests.unsettled(id).map(|request| request.id).collect();
        for request in waiting {
            if let Some(request) = self.requests.get_mut(request) {
                request.gone(why, now.unix_ms);
            }
        }
        for request in on_their_way {
            self.settle(request, RequestState::AgentGone, now, fx);
        }
        self.settle_all(now, id, Whose::All, RequestState::AgentGone, fx);
    }

    /// Live sessions of a configuration directory that a daemon holds or held last.
    fn of_root(&self, provider: Provider, root: &str) -> Vec<SessionId> {
        let held = self.sessions.values().filter(|session| {
            session.provider == provider && session.config_root == root && session.is_held_or_lost()
        });
        held.map(|session| session.id).collect()
    }

    /// The session that a hook speaks of, when a daemon holds it.
    pub(super) fn held_by_daemon(&self, message: &HookMessage) -> Option<SessionId> {
        if message.known_provider() != Some(Provider::Codex) {
            return None;
        }
        let payload: Value = serde_json::from_str(message.payload.get()).ok()?;
        let named = payload.get("session_id").and_then(Value::as_str)?;
        self.held(Provider::Codex, &ProviderSessionId(named.to_owned()))
    }

    /// The session of a provider id that a daemon holds.
    pub(super) fn held(&self, provider: Provider, psid: &ProviderSessionId) -> Option<SessionId> {
        let ids = self.by_provider_id.get(&(provider, psid.clone()))?;
        ids.iter().copied().find(|id| self.sessions.get(id).is_some_and(|one| one.held))
    }

    /// What a daemon holds is heard from the daemon: a hook there would tell it twice, and ask for what the daemon will
    /// ask. Only the hook before a call, which refuses what the rules forbid, is not the daemon's.
    pub(super) fn hook_of_held(
        &mut self,
        now: Now,
        session: SessionId,
        gate: Option<GateId>,
        message: &HookMessage,
        paths: Option<RealPaths>,
        fx: &mut Effects,
    ) {
        let payload: Value = serde_json::from_str(message.payload.get()).unwrap_or_default();
        let understood = normalize::understand(Provider::Codex, &message.event, &payload);
        match (gate, understood.detail) {
            (Some(_), Detail::ToolStarted(call)) => {
                let asked = Asked {
                    gate,
                    session,
                    provider: Provider::Codex,
                    agent_id: understood.agent_id,
                    process: None,
                    cwd: understood.cwd,
                    tool: call.tool,
                    input: call.input,
                    suggestions: Vec::new(),
                    paths,
                    use_id: None,
                };
                self.ask_before(now, asked, (&call.use_id, message.cut), None, fx);
            }
            (Some(gate), _) if understood.kind == AgentEventKind::Unknown => {
                let reply = GateReply::unjudged("magia does not know what the agent asks");
                fx.push(Effect::AnswerGate { gate, reply });
            }
            (Some(gate), _) => fx.push(Effect::AnswerGate { gate, reply: GateReply::no_decision() }),
            (None, _) => {}
        }
    }

    /// Tells the daemons which session a person looks at, when that changed.
    pub(super) fn view_held(&mut self, fx: &mut Effects) {
        let selected = self.window.selected.and_then(|id| self.sessions.get(&id));
        let viewed = selected
            .filter(|session| session.held)
            .map(|session| (session.config_root.clone(), session.provider_session_id.clone()));
        if self.viewed_held != viewed {
            self.viewed_held.clone_from(&viewed);
            fx.push(Effect::ViewHeld(viewed));
        }
    }
}

/// What `doctor` says of a daemon.
pub fn check(daemon: &DaemonInfo) -> CheckInfo {
    let last = daemon.error.as_ref().map(|error| format!("; last failure: {error}")).unwrap_or_default();
    let (status, detail, fix) = match daemon.state.as_str() {
        "connected" => {
            let version = daemon.version.as_deref().unwrap_or("of unknown version");
            let detail = format!(
                "{version} holds {} sessions, {} followed closely{last}",
                daemon.sessions, daemon.subscribed
            );
            ("ok", detail, None)
        }
        "absent" => ("ok", format!("none runs; it starts with `codex`{last}"), None),
        _ => ("fail", daemon.error.clone().unwrap_or_else(|| "it does not answer".to_owned()), {
            Some("codex app-server daemon restart".to_owned())
        }),
    };
    let id = format!("daemon.{}.{}", daemon.provider.as_str(), daemon.root);
    CheckInfo { id, status: status.to_owned(), detail, fix }
}
