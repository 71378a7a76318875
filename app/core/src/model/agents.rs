//! Hook messages come in here: what they change of their session.

use super::placing::Placed;
use super::request::Asked;
use super::session::{PendingTool, Session};
use super::settle::Whose;
use super::{Effects, Model, payload};
use crate::effect::{Effect, StoreWrite, Update};
use crate::event::{AgentEvent, GateId, Now, Titles};
use crate::normalize::{Detail, StartSource, ToolCall};
use crate::policy::{RealPaths, Says, Verdict};
use crate::transcript::first_prompt_title;
use magia_protocol::wire::hook::HookMessage;
use magia_protocol::wire::{
    AgentEventKind, GateReply, Provider, ProviderSessionId, RequestState, SessionId, SessionState,
};
use std::path::PathBuf;
use std::sync::Arc;

impl Model {
    /// Notes a hook message; with a gate when its handler waits for an answer, which a rule may have given already.
    pub(super) fn hook(
        &mut self,
        now: Now,
        gate: Option<GateId>,
        message: &HookMessage,
        paths: Option<RealPaths>,
        answered: Option<Verdict>,
        fx: &mut Effects,
    ) {
        let is_answered = answered.is_some();
        if let Some(session) = self.held_by_daemon(message) {
            return self.hook_of_held(now, session, gate, message, paths, fx);
        }
        let Some(mut placed) = self.place(now, message, fx) else {
            self.unplaced += 1;
            return fx.extend(gate.filter(|_| !is_answered).map(|gate| unjudged(gate, UNPLACED)));
        };
        let session = placed.session;
        if let Some(known) = self.sessions.get_mut(&session) {
            // It has left the daemon that was lost.
            known.daemon = None;
        }
        if placed.provider == Provider::Gemini
            && let Some(session) = self.sessions.get_mut(&session)
        {
            session.thread.join(&mut placed.understood);
        }
        self.record(now, message, &placed, fx);
        self.learn(now, message, &placed, fx);
        let lives = self.sessions.get(&session).is_some_and(|session| session.ended.is_none());
        let (provider, process) = (placed.provider, placed.process);
        let (agent_id, cwd) = (placed.understood.agent_id, placed.understood.cwd);
        let asked = |tool, input, suggestions| Asked {
            gate,
            session,
            provider,
            agent_id,
            process,
            cwd,
            tool,
            input,
            suggestions,
            paths,
            use_id: None,
        };
        match placed.understood.detail {
            Detail::Permission { tool, input, suggestions } if lives && provider != Provider::Gemini => {
                match gate {
                    // What nobody can see is allowed where it can be seen.
                    Some(gate) if message.cut => {
                        let asked = asked(tool, input, suggestions);
                        if self.verdict_on(&asked).says == Says::Deny {
                            return self.ask(now, asked, answered, fx);
                        }
                        self.asks_in_terminal(now, Asked { gate: None, ..asked }, fx);
                        fx.push(no_decision(gate));
                    }
                    Some(_) => self.ask(now, asked(tool, input, suggestions), answered, fx),
                    // A hook that only watches: the terminal's dialog comes next.
                    None if provider == Provider::Codex => {
                        self.asks_in_terminal(now, asked(tool, input, suggestions), fx);
                    }
                    None => {}
                }
            }
            Detail::AskedInTerminal { tool, input } if lives => {
                let (tool, input) = self.call_asked_about(session, tool, input);
                self.asks_in_terminal(now, Asked { gate: None, ..asked(tool, input, Vec::new()) }, fx);
                fx.extend(gate.map(no_decision));
            }
            Detail::ToolStarted(call) if lives && gate.is_none() && provider != Provider::Gemini => {
                self.foresee(session, message, &call);
            }
            Detail::ToolStarted(call) if lives && gate.is_some() => {
                let use_id = call.use_id;
                let asked = asked(call.tool, call.input, Vec::new());
                self.ask_before(now, asked, (&use_id, message.cut), answered, fx);
            }
            // A call whose rules nobody can look up.
            Detail::ToolStarted(_) if !is_answered => {
                fx.extend(gate.map(|gate| unjudged(gate, "magia takes the agent for ended")));
            }
            _ if placed.understood.kind == AgentEventKind::Unknown && !is_answered => {
                fx.extend(gate.map(|gate| unjudged(gate, "magia does not know what the agent asks")));
            }
            _ => fx.extend(gate.filter(|_| !is_answered).map(no_decision)),
        }
        self.touch(session);
    }

    /// Numbers the event, stores it, publishes it and shows it in the timeline.
    pub(super) fn record(&mut self, now: Now, message: &HookMessage, placed: &Placed, fx: &mut Effects) {
        let understood = &placed.understood;
        let (raw, cut) = payload::keep(message.payload.get(), &placed.payload);
        let event = Arc::new(AgentEvent {
            seq: self.next_seq,
            received_at_ms: now.unix_ms,
            session: placed.session,
            provider: placed.provider,
            provider_session_id: understood
                .provider_session_id
                .clone()
                .unwrap_or_else(|| ProviderSessionId(String::new())),
            turn: understood.turn.clone(),
            agent_id: understood.agent_id.clone(),
            kind: understood.kind,
            name: message.event.chars().take(64).collect(),
            raw,
            cut: cut || message.cut,
        });
        self.next_seq += 1;
        fx.push(Effect::Store(StoreWrite::Event(Arc::clone(&event))));
        fx.push(Effect::Publish(Update::AgentEvent(Arc::clone(&event))));
        self.show_event(event, understood);
    }

    /// Changes the session's facts and settles requests that the event answers.
    pub(super) fn learn(&mut self, now: Now, message: &HookMessage, placed: &Placed, fx: &mut Effects) {
        let (id, understood) = (placed.session, &placed.understood);
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let before = session.fingerprint();
        let followed = session.readable_transcript().cloned();
        if placed.alive {
            session.revive();
        }
        copy_facts(session, message, placed);
        session.last_activity_ms = now.unix_ms;
        session.hook_cost.message(message, now.unix_ms);
        session.hooked = true;
        self.processes_changed(now, id, fx);
        self.lived_on(id, fx);
        self.learn_detail(now, &message.event, placed, fx);

        let prompt = match &understood.detail {
            Detail::Prompt(text) => Some(first_prompt_title(text)),
            _ => None,
        };
        let custom = understood.title.clone();
        if prompt.is_some() || custom.is_some() {
            self.titles_read(id, Titles { custom, ai: None, prompt }, fx);
        }
        let turn_ended = matches!(
            understood.detail,
            Detail::TurnEnded { .. } | Detail::TurnFailed { .. } | Detail::TurnInterrupted
        );
        self.tell_of_event(now, id, understood, fx);
        self.count_while_away(id, understood);
        let Some(session) = self.sessions.get_mut(&id) else { return };
        // Written with what else changes of it, see `publish_touched`.
        session.unsaved |= session.fingerprint() != before || turn_ended;
        self.touch(id);
        let Some(session) = self.sessions.get(&id) else { return };
        if turn_ended {
            self.read_titles(session, fx);
        }
        let readable = session.readable_transcript();
        if self.window.selected == Some(id) && readable != followed.as_ref() {
            let path = readable.map(PathBuf::from);
            fx.extend(path.map(|path| Effect::FollowTranscript { session: id, path }));
        }
    }

    fn learn_detail(&mut self, now: Now, name: &str, placed: &Placed, fx: &mut Effects) {
        let (id, understood) = (placed.session, &placed.understood);
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let agent_id = understood.agent_id.as_deref();
        let (main, at_ms) = (agent_id.is_none(), now.unix_ms);
        let fact = |rest: &str| if rest.is_empty() { name.to_owned() } else { format!("{name} {rest}") };
        let in_terminal = RequestState::AnsweredInTerminal;
        match &understood.detail {
            Detail::Started(StartSource::Compact) => {}
            Detail::Started(_) => session.saw(SessionState::Idle, fact(""), at_ms),
            Detail::Ended { reason } => self.session_ended(now, placed, &fact(reason), fx),
            Detail::Prompt(_) => {
                session.turn_began();
                session.saw(SessionState::Working, fact(""), at_ms);
                self.settle_all(now, id, Whose::Main, in_terminal, fx);
            }
            Detail::ToolStarted(call) => {
                session.between_turns &= !main;
                session.saw(SessionState::Working, fact(&call.tool), at_ms);
                session.call_began(pending(call, agent_id));
                self.settle_left_over(now, id, agent_id, fx);
                self.tie_open(id);
            }
            Detail::ToolEnded { call, .. } => {
                session.saw(SessionState::Working, fact(&call.tool), at_ms);
                session.pending.retain(|pending| pending.use_id != call.use_id);
                self.call_ended(now, id, agent_id, (&call.tool, &call.input, &call.use_id), fx);
                self.settle_left_over(now, id, agent_id, fx);
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
                session.turn_over();
                session.saw(SessionState::Idle, fact(""), at_ms);
                self.settle_all(now, id, Whose::Main, in_terminal, fx);
            }
            Detail::TurnInterrupted => {
                session.turn_over();
                session.saw(SessionState::Idle, fact(""), at_ms);
                self.settle_all(now, id, Whose::Main, in_terminal, fx);
            }
            Detail::TurnFailed { error } => {
                session.turn_over();
                session.pending.clear();
                session.saw(SessionState::Failed, fact(error), at_ms);
                self.settle_all(now, id, Whose::All, in_terminal, fx);
            }
            Detail::SubagentStarted { .. } => {
                session.subagent_began(agent_id);
                session.saw(SessionState::Working, fact(""), at_ms);
            }
            Detail::SubagentEnded { agent_type, .. } => {
                if let Some(agent_id) = agent_id.filter(|_| !agent_type.is_empty()) {
                    session.subagent_ended(agent_id, fact(""), at_ms);
                    self.settle_all(now, id, Whose::Agent(agent_id), in_terminal, fx);
                }
            }
            Detail::Compaction { done, manual } => {
                let state = if *done && *manual { SessionState::Idle } else { SessionState::Working };
                session.saw(state, fact(""), at_ms);
            }
            Detail::TurnEnded { .. }
            | Detail::Permission { .. }
            | Detail::AskedInTerminal { .. }
            | Detail::Message(_)
            | Detail::Thinking(_)
            | Detail::Note(_)
            | Detail::Silent => match understood.kind {
                AgentEventKind::PermissionResolved => session.saw(SessionState::Working, fact(""), at_ms),
                AgentEventKind::Unknown if session.hook.is_none() => {
                    session.saw(SessionState::Idle, fact(""), at_ms);
                }
                _ => {}
            },
        }
    }

    /// The agent says that a session is over. Another process that works on it goes on.
    fn session_ended(&mut self, now: Now, placed: &Placed, fact: &str, fx: &mut Effects) {
        let Some(session) = self.sessions.get_mut(&placed.session) else { return };
        let others = session.processes.iter().any(|process| Some(*process) != placed.sender);
        match placed.sender {
            Some(process) if others => self.leave(now, placed.session, process, fact, fx),
            _ => {
                session.end(fact, now.unix_ms);
                self.after_end(now, placed.session, fx);
            }
        }
    }

    /// Ties open requests whose call was not known yet: the two come over different sockets.
    fn tie_open(&mut self, session: SessionId) {
        let open = self.requests.unsettled(session);
        let untied: Vec<_> =
            open.filter(|request| request.use_id.is_none()).map(|request| request.id).collect();
        for id in untied {
            self.tie(id);
        }
    }
}

fn no_decision(gate: GateId) -> Effect {
    Effect::AnswerGate { gate, reply: GateReply::no_decision() }
}

fn unjudged(gate: GateId, reason: &str) -> Effect {
    Effect::AnswerGate { gate, reply: GateReply::unjudged(reason) }
}

/// Why a message without an agent or a session is not judged.
const UNPLACED: &str = "magia cannot tell which agent's session asks";

fn pending(call: &ToolCall, agent_id: Option<&str>) -> PendingTool {
    PendingTool {
        use_id: call.use_id.clone(),
        agent_id: agent_id.map(str::to_owned),
        tool: call.tool.clone(),
        input: Arc::new(call.input.clone()),
        request: None,
    }
}

fn copy_facts(session: &mut Session, message: &HookMessage, placed: &Placed) {
    let understood = &placed.understood;
    let keep = |old: &mut Option<String>, new: &Option<String>| {
        if new.is_some() && new != old {
            old.clone_from(new);
        }
    };
    keep(&mut session.transcript_path, &understood.transcript_path);
    if understood.agent_id.is_none() {
        keep(&mut session.permission_mode, &understood.permission_mode);
        keep(&mut session.model, &understood.model);
    }
    if let Some(cwd) = &understood.cwd
        && session.cwd.is_empty()
    {
        session.cwd.clone_from(cwd);
    }
    let speaks = placed.process.is_some() || placed.sender.is_none();
    if speaks && !message.tty.is_empty() {
        session.tty = Some(message.tty.chars().take(64).collect());
    }
}
