//! Timelines: read from the store when they are wanted, complete from then on.

use super::commands::to_json;
use super::request::stored_body;
use super::session::{History, Meanwhile, Session};
use super::{Effects, Model};
use crate::effect::Effect;
use crate::event::{AgentEvent, ReplyId, StoredRequest};
use crate::normalize::{self, Understood, gemini};
use crate::timeline::{Body, ITEMS_MAX, Timeline, TimelineItem};
use crate::transcript::TranscriptItem;
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

/// Bytes of all timelines that nobody looks at. Over it, those go that were wanted longest ago, after those that are larger
/// than what may be left.
const UNSEEN_MAX_BYTES: usize = 4 * 1024 * 1024;
/// How many are left then.
const UNSEEN_LEFT_BYTES: usize = 2 * 1024 * 1024;
/// How much timelines grow before all are looked at again.
const SUM_EVERY_BYTES: usize = 512 * 1024;
/// Lines of a transcript that wait for their timeline; of more, the newest.
const WAITING_MAX: usize = ITEMS_MAX;

/// A timeline made of what the store has. Making it takes as long as there are events, so it is not made in the hub.
#[derive(Clone, Debug, Default)]
pub struct StoredTimeline {
    timeline: Timeline,
    thread: gemini::Thread,
    last_seq: u64,
    is_whole: bool,
}

impl StoredTimeline {
    /// Of a session's events and requests, oldest first; whether these are all that were told before they were read.
    pub fn of(events: &[AgentEvent], requests: &[StoredRequest], is_whole: bool) -> Self {
        let mut stored = Self { is_whole, ..Self::default() };
        events.iter().for_each(|event| stored.apply(event));
        for request in requests {
            let (agent, body) = (request.agent_id.as_deref(), stored_body(request));
            stored.timeline.request(request.asked_at_ms, agent, body);
        }
        stored
    }

    fn apply(&mut self, event: &AgentEvent) {
        self.last_seq = self.last_seq.max(event.seq);
        let Ok(payload) = serde_json::from_str(&event.raw) else { return };
        let mut understood = normalize::understand(event.provider, &event.name, &payload);
        if event.provider == Provider::Gemini {
            self.thread.join(&mut understood);
        }
        self.timeline.apply(event, &understood);
    }
}

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
        self.wanted += 1;
        let Some(session) = self.sessions.get_mut(&id) else { return true };
        session.wanted = self.wanted;
        let events = match session.history {
            History::Unread => self.unwritten.of(id),
            // What came since the last try is shown already.
            History::Partial => Vec::new(),
            History::Reading(_) => return false,
            History::Read => return true,
        };
        session.history = History::Reading(Meanwhile { events, begun: false, transcript: VecDeque::new() });
        fx.push(Effect::LoadHistory(id));
        false
    }

    /// The store can be read again: what it could not tell of the session that is looked at is asked for.
    pub(super) fn read_rest(&mut self, fx: &mut Effects) {
        let is_partial = |session: &Session| matches!(session.history, History::Partial);
        if let Some(id) = self.window.selected
            && self.sessions.get(&id).is_some_and(is_partial)
        {
            self.want_history(id, fx);
        }
    }

    /// Shows an event in its session's timeline, or keeps it until that is read.
    pub(super) fn show_event(&mut self, event: Arc<AgentEvent>, understood: &Understood) {
        let Some(session) = self.sessions.get_mut(&event.session) else { return };
        match &mut session.history {
            History::Read | History::Partial => {
                if session.wanted == 0 {
                    // A new session counts as wanted when it began.
                    session.wanted = self.wanted;
                }
                let before = session.timeline.bytes();
                session.timeline.apply(&event, understood);
                let grown = session.timeline.bytes().saturating_sub(before);
                self.timelines_grew(grown);
            }
            History::Reading(waiting) => waiting.events.push(event),
            History::Unread => self.unwritten.push(event),
        }
    }

    /// A transcript is read from its start.
    pub(super) fn transcript_begun(&mut self, id: SessionId) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        match &mut session.history {
            History::Read | History::Partial => {
                session.timeline.transcript_begins();
                self.views.touch();
            }
            History::Reading(waiting) => {
                waiting.begun = true;
                waiting.transcript.clear();
            }
            History::Unread => {}
        }
    }

    /// Shows lines of a transcript, or keeps them until the timeline is read.
    pub(super) fn show_transcript(&mut self, id: SessionId, items: &[TranscriptItem]) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        match &mut session.history {
            History::Read | History::Partial => {
                let before = session.timeline.bytes();
                items.iter().for_each(|item| session.timeline.apply_transcript(item));
                if session.ended.is_some() {
                    session.timeline.turn_broken_off();
                }
                let grown = session.timeline.bytes().saturating_sub(before);
                self.timelines_grew(grown);
            }
            History::Reading(waiting) => {
                waiting.transcript.extend(items.iter().cloned());
                let over = waiting.transcript.len().saturating_sub(WAITING_MAX);
                waiting.transcript.drain(..over);
            }
            History::Unread => {}
        }
    }

    fn timelines_grew(&mut self, bytes: usize) {
        self.grown_bytes += bytes;
        if self.grown_bytes > SUM_EVERY_BYTES {
            self.put_timelines_away();
        }
    }

    /// Forgets timelines that nobody looks at, when all of them are too large together and the store can be read.
    pub(super) fn put_timelines_away(&mut self) {
        self.grown_bytes = 0;
        if !self.loaded || self.problems.contains_key("store") {
            return;
        }
        let looked_at = self.window.selected;
        let mut unseen: Vec<(bool, u64, SessionId, usize)> = self
            .sessions
            .values()
            .filter(|session| matches!(session.history, History::Read | History::Partial))
            .filter(|session| Some(session.id) != looked_at)
            .map(|session| (session.wanted, session.id, session.timeline.bytes()))
            .filter(|(.., bytes)| *bytes > 0)
            .map(|(wanted, id, bytes)| (bytes <= UNSEEN_LEFT_BYTES, wanted, id, bytes))
            .collect();
        let mut left: usize = unseen.iter().map(|(.., bytes)| bytes).sum();
        if left <= UNSEEN_MAX_BYTES {
            return;
        }
        unseen.sort_unstable();
        for (.., id, bytes) in unseen {
            if left <= UNSEEN_LEFT_BYTES {
                break;
            }
            left -= bytes;
            self.sessions.get_mut(&id).into_iter().for_each(Session::put_timeline_away);
        }
    }

    /// A session's stored events were read, or could not be.
    pub(super) fn history_loaded(&mut self, id: SessionId, stored: Option<StoredTimeline>, fx: &mut Effects) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let waiting = match std::mem::replace(&mut session.history, History::Read) {
            History::Reading(waiting) => waiting,
            other => {
                session.history = other;
                return;
            }
        };
        let had_some = !session.timeline.items().is_empty();
        // What is known stays when the store does not have all of it either.
        let stored = stored.filter(|stored| stored.is_whole || !had_some);
        let (has_read, is_whole) = (stored.is_some(), stored.as_ref().is_some_and(|stored| stored.is_whole));
        let mut story = stored.unwrap_or_else(|| {
            let mut timeline = std::mem::take(&mut session.timeline);
            if waiting.begun {
                timeline.transcript_begins();
            }
            StoredTimeline { timeline, ..StoredTimeline::default() }
        });
        let last = story.last_seq;
        waiting.events.iter().filter(|event| event.seq > last).for_each(|event| story.apply(event));
        waiting.transcript.iter().for_each(|item| story.timeline.apply_transcript(item));
        session.timeline = story.timeline;
        if !is_whole {
            // The rest is tried again when it is wanted again.
            session.history = History::Partial;
        }
        if has_read && !std::mem::replace(&mut session.knows_thread, true) {
            session.thread = story.thread;
        }
        if has_read
            && had_some
            && !waiting.begun
            && self.window.selected == Some(id)
            && let Some(path) = session.readable_transcript()
        {
            // What it told went with what was known before.
            fx.push(Effect::FollowTranscript { session: id, path: path.into() });
        }
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
        let bytes = self.sessions.get(&id).map_or(0, |session| session.timeline.bytes());
        self.timelines_grew(bytes);
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
        if let Some(session) = self.sessions.get_mut(&request.session)
            && matches!(session.history, History::Read | History::Partial)
        {
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
