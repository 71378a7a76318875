//! Hook messages come in here: which session they belong to, and what they change.

use super::requests::Asked;
use super::session::{History, PendingTool, Seen, Session};
use super::{Effects, Model};
use crate::effect::{Effect, StoreWrite, Update};
use crate::event::{AgentEvent, GateId, Now, PAYLOAD_CAP, Titles};
use crate::normalize::{self, Detail, StartSource, Understood};
use crate::policy::RealPaths;
use crate::transcript::{Content, TranscriptItem, first_prompt_title};
use magia_protocol::wire::hook::HookMessage;
use magia_protocol::wire::{
    AgentEventKind, GateReply, ProcessId, Provider, ProviderSessionId, RequestState, SessionId, SessionState,
};
use serde_json::Value;
use std::path::PathBuf;
use std::sync::Arc;

impl Model {
    /// A hook message arrived; with a gate when its handler waits for an answer.
    pub(super) fn hook(
        &mut self,
        now: Now,
        gate: Option<GateId>,
        message: &HookMessage,
        paths: Option<RealPaths>,
        fx: &mut Effects,
    ) {
        let placed = self.place(now, message, fx);
        let Some((session, provider, understood)) = placed else {
            self.unplaced += 1;
            if let Some(gate) = gate {
                fx.push(Effect::AnswerGate { gate, reply: GateReply::no_decision() });
            }
            return;
        };
        self.record(now, session, provider, message, &understood, fx);
        self.learn(now, session, message, &understood, fx);
        match (gate, understood.detail) {
            (Some(gate), Detail::Permission { tool, input, suggestions }) if provider == Provider::Claude => {
                let agent_id = understood.agent_id;
                self.ask(
                    now,
                    Asked { gate, session, provider, agent_id, tool, input, suggestions, paths },
                    fx,
                );
            }
            (Some(gate), _) => fx.push(Effect::AnswerGate { gate, reply: GateReply::no_decision() }),
            (None, _) => {}
        }
        self.touch(session);
    }

    /// Finds or makes the session of a message. `None` when the provider or the session cannot be known.
    fn place(
        &mut self,
        now: Now,
        message: &HookMessage,
        fx: &mut Effects,
    ) -> Option<(SessionId, Provider, Understood)> {
        let provider = message.known_provider()?;
        let payload: Value = serde_json::from_str(message.payload.get()).ok()?;
        let understood = normalize::understand(provider, &message.event, &payload);
        let psid = understood.provider_session_id.clone()?;
        let config_root = understood.transcript_path.as_deref().map(config_root_of).unwrap_or_default();
        let process = message.agent_process();
        let id = self.session_for(now, provider, config_root, &psid, process, fx);
        Some((id, provider, understood))
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
        let known = self.find(provider, config_root, psid);
        let id = known.unwrap_or_else(|| {
            let id = self.ids.session(now.unix_ms);
            let mut session = Session::new(id, provider, config_root.to_owned(), psid.clone(), now.unix_ms);
            session.parent = before;
            self.sessions.insert(id, session);
            self.by_provider_id.entry((provider, psid.clone())).or_default().push(id);
            id
        });
        if let Some(process) = process {
            self.bind(now, id, process, before, fx);
        }
        if known.is_none()
            && let Some(session) = self.sessions.get(&id)
        {
            fx.push(Effect::Store(StoreWrite::Session(Box::new(session.stored()))));
        }
        self.touch(id);
        id
    }

    fn find(&mut self, provider: Provider, config_root: &str, psid: &ProviderSessionId) -> Option<SessionId> {
        let ids = self.by_provider_id.get(&(provider, psid.clone()))?;
        let root = |id: &&SessionId| self.sessions.get(id).map(|session| session.config_root.as_str());
        let same = ids.iter().find(|id| root(id) == Some(config_root));
        let unknown = ids.iter().find(|id| config_root.is_empty() || root(id) == Some(""));
        let id = same.or(unknown).copied()?;
        if let Some(session) = self.sessions.get_mut(&id)
            && session.config_root.is_empty()
        {
            session.config_root = config_root.to_owned();
        }
        Some(id)
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
        if let Some(left) = before
            && let Some(session) = self.sessions.get_mut(&left)
        {
            session.processes.retain(|known| *known != process);
            if session.processes.is_empty() && session.ended.is_none() {
                session.end("its process works on another session now", now.unix_ms);
                self.after_end(now, left, fx);
            }
        }
        self.by_process.insert(process, id);
        if before.is_none() {
            fx.push(Effect::WatchProcess(process));
        }
        if let Some(session) = self.sessions.get_mut(&id) {
            session.processes.push(process);
            session.ended = None;
            fx.push(Effect::Store(StoreWrite::Session(Box::new(session.stored()))));
        }
    }

    /// Numbers the event, stores it, publishes it and shows it in the timeline.
    fn record(
        &mut self,
        now: Now,
        session: SessionId,
        provider: Provider,
        message: &HookMessage,
        understood: &Understood,
        fx: &mut Effects,
    ) {
        let raw = message.payload.get();
        let cut_at =
            raw.char_indices().map(|(at, _)| at).take_while(|at| *at <= PAYLOAD_CAP).last().unwrap_or(0);
        let cut = raw.len() > PAYLOAD_CAP;
        let event = Arc::new(AgentEvent {
            seq: self.next_seq,
            received_at_ms: now.unix_ms,
            session,
            provider,
            provider_session_id: understood
                .provider_session_id
                .clone()
                .unwrap_or_else(|| ProviderSessionId(String::new())),
            turn: understood.turn.clone(),
            agent_id: understood.agent_id.clone(),
            kind: understood.kind,
            name: message.event.chars().take(64).collect(),
            raw: Arc::from(if cut { raw.get(..cut_at).unwrap_or_default() } else { raw }),
            cut: cut || message.cut,
        });
        self.next_seq += 1;
        fx.push(Effect::Store(StoreWrite::Event(Arc::clone(&event))));
        fx.push(Effect::Publish(Update::AgentEvent(Arc::clone(&event))));
        if let Some(session) = self.sessions.get_mut(&session) {
            match &mut session.history {
                History::Read => session.timeline.apply(&event, understood),
                History::Reading(waiting) => waiting.push(event),
                History::Unread => {}
            }
        }
    }

    /// Changes the session's facts and settles requests that the event answers.
    fn learn(
        &mut self,
        now: Now,
        id: SessionId,
        message: &HookMessage,
        understood: &Understood,
        fx: &mut Effects,
    ) {
        let process = message.agent_process();
        let late = process.is_some_and(|process| self.dead.contains(&process));
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let before = session.stored();
        let followed = session.transcript_path.clone();
        copy_facts(session, message, understood);
        session.last_activity_ms = now.unix_ms;
        if !late && !matches!(understood.detail, Detail::Ended { .. }) {
            session.ended = None;
        }
        let agent_id = understood.agent_id.as_deref();
        let at_ms = now.unix_ms;
        let main = agent_id.is_none();
        let fact = |rest: &str| {
            if rest.is_empty() { message.event.clone() } else { format!("{} {rest}", message.event) }
        };
        match &understood.detail {
            Detail::Started(StartSource::Compact) => {}
            Detail::Started(_) => session.saw(SessionState::Idle, fact(""), at_ms),
            Detail::Ended { reason } => {
                session.end(&fact(reason), at_ms);
                self.after_end(now, id, fx);
            }
            Detail::Prompt(text) => {
                session.titles.prompt.get_or_insert_with(|| first_prompt_title(text));
                session.saw(SessionState::Working, fact(""), at_ms);
                self.settle_all(now, id, Some(None), RequestState::AnsweredInTerminal, fx);
            }
            Detail::ToolStarted(call) => {
                session.saw(SessionState::Working, fact(&call.tool), at_ms);
                let input = Arc::new(call.input.clone());
                session.pending.push(PendingTool {
                    use_id: call.use_id.clone(),
                    agent_id: understood.agent_id.clone(),
                    tool: call.tool.clone(),
                    input,
                    request: None,
                });
                self.tie_open(id);
            }
            Detail::ToolEnded { call, .. } => {
                session.saw(SessionState::Working, fact(&call.tool), at_ms);
                session.pending.retain(|pending| pending.use_id != call.use_id);
                self.call_ended(now, id, agent_id, (&call.tool, &call.input, &call.use_id), fx);
            }
            Detail::ToolBatch { use_ids } => {
                session.saw(SessionState::Working, fact(""), at_ms);
                session.pending.retain(|pending| !use_ids.contains(&pending.use_id));
                self.calls_done(now, id, agent_id, use_ids, fx);
            }
            Detail::Notified { kind, .. } => match kind.as_str() {
                "permission_prompt" => session.saw(SessionState::WaitingPermission, fact(kind), at_ms),
                "idle_prompt" => session.saw(SessionState::Idle, fact(kind), at_ms),
                "elicitation_dialog" => session.saw(SessionState::WaitingAnswer, fact(kind), at_ms),
                _ => {}
            },
            Detail::TurnEnded { .. } if main => {
                session.saw(SessionState::Idle, fact(""), at_ms);
                session.pending.retain(|pending| pending.agent_id.is_some());
                self.settle_all(now, id, Some(None), RequestState::AnsweredInTerminal, fx);
            }
            Detail::TurnFailed { error } => {
                session.saw(SessionState::Failed, fact(error), at_ms);
                session.pending.clear();
                session.timeline.turn_broken_off();
                self.settle_all(now, id, None, RequestState::AnsweredInTerminal, fx);
            }
            Detail::SubagentStarted { .. } => {
                session.subagents.extend(understood.agent_id.clone());
                session.saw(SessionState::Working, fact(""), at_ms);
            }
            Detail::SubagentEnded { agent_type, .. } => {
                if let Some(agent_id) = agent_id.filter(|_| !agent_type.is_empty()) {
                    session.subagents.remove(agent_id);
                    session.pending.retain(|pending| pending.agent_id.as_deref() != Some(agent_id));
                    self.settle_all(now, id, Some(Some(agent_id)), RequestState::AnsweredInTerminal, fx);
                }
            }
            Detail::Compaction { done, manual } => {
                let state = if *done && *manual { SessionState::Idle } else { SessionState::Working };
                session.saw(state, fact(""), at_ms);
            }
            Detail::TurnEnded { .. } | Detail::Permission { .. } | Detail::Note(_) | Detail::Silent => {
                if understood.kind == AgentEventKind::Unknown && session.hook.is_none() {
                    session.hook = Some(Seen { state: SessionState::Idle, fact: fact(""), at_ms });
                }
            }
        }
        let Some(session) = self.sessions.get(&id) else { return };
        let stored = session.stored();
        let facts_changed = StoredFacts(&stored) != StoredFacts(&before);
        let turn_ended = matches!(understood.detail, Detail::TurnEnded { .. } | Detail::TurnFailed { .. });
        if facts_changed || turn_ended {
            fx.push(Effect::Store(StoreWrite::Session(Box::new(stored))));
        }
        if turn_ended {
            self.read_titles(session, fx);
        }
        if self.window.selected == Some(id) && session.transcript_path != followed {
            let path = session.transcript_path.clone().map(PathBuf::from);
            fx.extend(path.map(|path| Effect::FollowTranscript { session: id, path }));
        }
    }

    /// Ties open requests whose call was not known yet: the two come over different sockets.
    fn tie_open(&mut self, session: SessionId) {
        let untied: Vec<_> = self
            .unsettled(session)
            .filter(|request| request.use_id.is_none())
            .map(|request| request.id)
            .collect();
        for id in untied {
            self.tie(id);
        }
    }

    /// Asks for the titles in a transcript, unless a stronger one is known.
    pub(super) fn read_titles(&self, session: &Session, fx: &mut Effects) {
        if session.titles.ai.is_none()
            && let Some(path) = &session.transcript_path
        {
            fx.push(Effect::ReadTitles { session: session.id, path: PathBuf::from(path) });
        }
    }

    /// Titles were found in a transcript.
    pub(super) fn titles_read(&mut self, id: SessionId, titles: Titles, fx: &mut Effects) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let before = session.title();
        let known = &mut session.titles;
        known.custom = titles.custom.or(known.custom.take());
        known.ai = titles.ai.or(known.ai.take());
        known.prompt = known.prompt.take().or(titles.prompt);
        if session.title() != before {
            fx.push(Effect::Store(StoreWrite::Session(Box::new(session.stored()))));
            self.publish_session(id, fx);
        }
        self.touch(id);
    }

    /// The followed transcript has new lines.
    pub(super) fn transcript_read(&mut self, id: SessionId, items: &[TranscriptItem], fx: &mut Effects) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let mut titles = Titles::default();
        for item in items {
            match &item.content {
                Content::CustomTitle(title) => titles.custom = Some(title.clone()),
                Content::AiTitle(title) => titles.ai = Some(title.clone()),
                Content::Model(model) if item.agent_id.is_none() => session.model = Some(model.clone()),
                Content::Prompt(text) if item.agent_id.is_none() && titles.prompt.is_none() => {
                    titles.prompt = Some(first_prompt_title(text));
                }
                _ => {}
            }
            session.timeline.apply_transcript(item);
        }
        self.titles_read(id, titles, fx);
    }
}

fn copy_facts(session: &mut Session, message: &HookMessage, understood: &Understood) {
    let keep = |old: &mut Option<String>, new: &Option<String>| {
        if new.is_some() {
            old.clone_from(new);
        }
    };
    keep(&mut session.transcript_path, &understood.transcript_path);
    keep(&mut session.permission_mode, &understood.permission_mode);
    keep(&mut session.model, &understood.model);
    keep(&mut session.titles.custom, &understood.title);
    if let Some(cwd) = &understood.cwd
        && session.cwd.is_empty()
    {
        session.cwd.clone_from(cwd);
    }
    if !message.tty.is_empty() {
        session.tty = Some(message.tty.clone());
    }
}

/// What makes a row worth writing again; its last activity alone does not.
#[derive(Debug)]
struct StoredFacts<'a>(&'a crate::event::StoredSession);

impl PartialEq for StoredFacts<'_> {
    fn eq(&self, other: &Self) -> bool {
        let rest = |stored: &crate::event::StoredSession| crate::event::StoredSession {
            last_activity_ms: 0,
            ..stored.clone()
        };
        rest(self.0) == rest(other.0)
    }
}

/// The configuration directory of a transcript: what stands before `/projects/`.
fn config_root_of(transcript_path: &str) -> &str {
    transcript_path.split_once("/projects/").map_or("", |(root, _)| root)
}
