//! Timelines: read from the store when they are wanted, complete from then on.

use super::commands::to_json;
use super::session::History;
use super::{Effects, Model};
use crate::effect::Effect;
use crate::event::{AgentEvent, ReplyId};
use crate::normalize::{self, gemini};
use crate::timeline::{Body, TimelineItem};
use magia_protocol::wire::command::GetTimeline;
use magia_protocol::wire::info::TimelineInfo;
use magia_protocol::wire::{Provider, RequestId, SessionId, visible_lines};
use std::collections::VecDeque;
use std::sync::Arc;

/// Entries of a timeline when none are asked for.
const TIMELINE_LIMIT: usize = 200;

/// Events that are remembered for a timeline that nobody has wanted yet, and their bytes: the store may not have
/// them when it is read, since it writes in its own time.
const UNWRITTEN_MAX: usize = 512;
const UNWRITTEN_BYTES: usize = 4 * 1024 * 1024;

/// The newest events of sessions whose timeline was not read.
#[derive(Debug, Default)]
pub struct Unwritten {
    events: VecDeque<Arc<AgentEvent>>,
    bytes: usize,
}

impl Unwritten {
    /// One more.
    pub fn push(&mut self, event: Arc<AgentEvent>) {
        self.bytes += event.raw.len();
        self.events.push_back(event);
        while (self.events.len() > UNWRITTEN_MAX || self.bytes > UNWRITTEN_BYTES)
            && let Some(oldest) = self.events.pop_front()
        {
            self.bytes -= oldest.raw.len();
        }
    }

    /// Forgets those of a session.
    pub fn forget(&mut self, session: SessionId) {
        self.events.retain(|event| event.session != session);
        self.bytes = self.events.iter().map(|event| event.raw.len()).sum();
    }

    fn of(&self, session: SessionId) -> Vec<Arc<AgentEvent>> {
        self.events.iter().filter(|event| event.session == session).cloned().collect()
    }
}

impl Model {
    /// Answers with a session's timeline, at once or when its events were read.
    pub(super) fn timeline_asked(&mut self, reply: ReplyId, params: &GetTimeline, fx: &mut Effects) {
        let limit = params.limit.map_or(TIMELINE_LIMIT, |limit| limit as usize);
        match self.session_named(&params.session) {
            Ok(id) if self.want_history(id, fx) => {
                let outcome = to_json(self.timeline_rows(id, limit));
                self.reply(reply, outcome, fx);
            }
            Ok(id) => self.history_replies.push((reply, id, limit)),
            Err(err) => self.reply(reply, Err(err), fx),
        }
    }

    /// Whether a session's timeline is complete; if not, its events are asked for.
    pub(super) fn want_history(&mut self, id: SessionId, fx: &mut Effects) -> bool {
        let Some(session) = self.sessions.get_mut(&id) else { return true };
        if matches!(session.history, History::Unread) {
            session.history = History::Reading(self.unwritten.of(id));
            fx.push(Effect::LoadHistory(id));
        }
        matches!(session.history, History::Read)
    }

    /// A session's stored events were read.
    pub(super) fn history_loaded(&mut self, id: SessionId, events: Vec<AgentEvent>, fx: &mut Effects) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let History::Reading(waiting) = std::mem::replace(&mut session.history, History::Read) else {
            return;
        };
        let mut thread = gemini::Thread::default();
        let last = events.last().map_or(0, |event| event.seq);
        let later = waiting.iter().filter(|event| event.seq > last).map(|event| &**event);
        for event in events.iter().chain(later) {
            if let Ok(payload) = serde_json::from_str(&event.raw) {
                let mut understood = normalize::understand(event.provider, &event.name, &payload);
                if event.provider == Provider::Gemini {
                    thread.join(&mut understood);
                }
                session.timeline.apply(event, &understood);
            }
        }
        session.thread = thread;
        if session.ended.is_some() {
            session.timeline.turn_broken_off();
        }
        let requests: Vec<RequestId> =
            self.requests.iter().filter(|request| request.session == id).map(|request| request.id).collect();
        for request in requests {
            self.show_in_timeline(request);
        }
        let (ready, rest) =
            std::mem::take(&mut self.history_replies).into_iter().partition(|(_, of, _)| *of == id);
        self.history_replies = rest;
        let ready: Vec<(ReplyId, SessionId, usize)> = ready;
        for (reply, _, limit) in ready {
            let outcome = to_json(self.timeline_rows(id, limit));
            self.reply(reply, outcome, fx);
        }
        self.views.touch();
    }

    fn timeline_rows(&self, id: SessionId, limit: usize) -> Vec<TimelineInfo> {
        let Some(session) = self.sessions.get(&id) else { return Vec::new() };
        let items = session.timeline.items();
        let first = items.len().saturating_sub(limit);
        items.iter().skip(first).map(|item| timeline_row(item)).collect()
    }

    /// Puts a request's entry into its session's timeline.
    pub(super) fn show_in_timeline(&mut self, id: RequestId) {
        let Some(request) = self.requests.get(id) else { return };
        let (at_ms, agent_id, body) = (request.asked_at_ms, request.agent_id.clone(), request.body());
        if let Some(session) = self.sessions.get_mut(&request.session) {
            session.timeline.request(at_ms, agent_id.as_deref(), body);
        }
    }
}

fn timeline_row(item: &TimelineItem) -> TimelineInfo {
    let (kind, text, status, duration_ms) = match &item.body {
        Body::Prompt(text) => ("prompt", text.to_string(), None, None),
        Body::Message(text) => ("message", text.to_string(), None, None),
        Body::Thinking(text) => ("thinking", text.to_string(), None, None),
        Body::Tool(tool) => (
            "tool",
            format!("{} {}", tool.name, tool.subject.summary()),
            Some(tool.status.as_str()),
            tool.duration_ms,
        ),
        Body::Request { tool, summary, state, outcome, .. } => {
            let outcome = outcome.as_ref().map(|outcome| format!(" ({outcome})")).unwrap_or_default();
            ("permission", format!("{tool} {summary}{outcome}"), Some(state.as_str()), None)
        }
        Body::Subagent { agent_type, ended } => match ended {
            Some(words) => ("subagent", format!("{agent_type} ended: {words}"), None, None),
            None => ("subagent", format!("{agent_type} began"), None, None),
        },
        Body::Note { text, .. } => ("note", text.clone(), None, None),
    };
    TimelineInfo {
        at_ms: item.at_ms,
        kind: kind.to_owned(),
        agent_id: item.agent_id.as_deref().map(str::to_owned),
        text: visible_lines(&text).into_owned(),
        status: status.map(str::to_owned),
        duration_ms,
    }
}
