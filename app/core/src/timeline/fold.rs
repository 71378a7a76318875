//! The fold: hook events and transcript lines tell the same story in part; each thing is shown once.
//!
//! Tools are matched by the provider's call id, prompts by turn key, messages by their text: a turn's last words
//! come with its end and again, a moment later, in the transcript.

use super::{Body, RESULT_CAP, TimelineItem, ToolItem, ToolStatus};
use crate::event::AgentEvent;
use crate::normalize::claude::response_text;
use crate::normalize::{Detail, StartSource, ToolCall, Understood};
use crate::subject::Subject;
use crate::transcript::{Content, TranscriptItem};
use magia_protocol::wire::{RequestId, RequestState};
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Entries kept; the store and the transcript have the rest.
pub const ITEMS_MAX: usize = 10_000;

/// How far apart the two tellings of one message or prompt may be.
const TWIN_MS: u64 = 60_000;

/// Where an entry stands: its time, then its key.
type Place = (u64, u64);

/// A session's timeline as it grows.
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    items: Arc<Vec<Arc<TimelineItem>>>,
    next_key: u64,
    tools: HashMap<String, Place>,
    prompts: HashMap<String, Place>,
    requests: HashMap<RequestId, Place>,
    /// Words that came with the end of a turn, and whether the transcript has told them too.
    last_words: Vec<(Place, bool)>,
    /// Keys of what only the transcript told.
    transcribed: HashSet<u64>,
    bytes: usize,
}

impl Timeline {
    /// The entries, oldest first.
    pub fn items(&self) -> Arc<Vec<Arc<TimelineItem>>> {
        Arc::clone(&self.items)
    }

    /// What it takes in memory, in bytes, about.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Adds what an agent event shows.
    pub fn apply(&mut self, event: &AgentEvent, understood: &Understood) {
        let at_ms = event.received_at_ms;
        let agent: Option<Arc<str>> = understood.agent_id.as_deref().map(Arc::from);
        let note = |text: String| Body::Note { failed: false, text };
        match &understood.detail {
            Detail::Started(source) => {
                let text = match source {
                    StartSource::Startup => "Session started",
                    StartSource::Resume => "Session resumed",
                    StartSource::Clear => "Session cleared",
                    StartSource::Compact => return,
                };
                self.insert(at_ms, agent, note(text.to_owned()));
            }
            Detail::Ended { reason } => {
                self.turn_broken_off();
                let body = note(format!("Session ended ({reason})"));
                // Gemini tells it twice.
                if self.items.last().is_none_or(|last| last.body != body) {
                    self.insert(at_ms, agent, body);
                }
            }
            Detail::TurnInterrupted => {
                self.turn_broken_off();
                self.insert(at_ms, agent, note("Interrupted by the user".to_owned()));
            }
            Detail::Message(text) => self.message(at_ms, agent, text),
            Detail::Thinking(text) if !text.trim().is_empty() => {
                self.insert(at_ms, agent, Body::Thinking(Arc::from(text.as_str())));
            }
            Detail::Prompt(text) => {
                // Esc breaks a turn off without a hook. A call that does run says so when it ends.
                self.not_run_since_prompt(u64::MAX, |item| item.agent_id.is_none());
                let place = self.prompt(at_ms, agent, understood.turn.as_deref(), text);
                self.keep(Some(place));
            }
            Detail::ToolStarted(call) => {
                self.tool_started(at_ms, agent, call);
                self.keep(self.tools.get(&call.use_id).copied());
            }
            Detail::ToolEnded { call, response, error, duration_ms } => {
                self.tool_started(at_ms, agent, call);
                self.keep(self.tools.get(&call.use_id).copied());
                let (text, status) = match error {
                    Some(error) => (error.clone(), ToolStatus::Failed),
                    None => (response_text(response), ToolStatus::Done),
                };
                self.tool_ended(&call.use_id, Some(cut(&text)), status, *duration_ms);
            }
            Detail::ToolBatch { use_ids } => {
                for use_id in use_ids {
                    self.tool_not_run(use_id);
                }
            }
            Detail::TurnEnded { last_message: Some(words) } if !words.trim().is_empty() => {
                self.last_words(at_ms, agent, words);
            }
            Detail::TurnFailed { error } => {
                self.turn_broken_off();
                self.insert(at_ms, agent, Body::Note { failed: true, text: format!("Turn failed: {error}") });
            }
            Detail::SubagentStarted { agent_type } => {
                let body = Body::Subagent { agent_type: agent_type.clone(), ended: None };
                self.insert(at_ms, agent, body);
            }
            Detail::SubagentEnded { agent_type, last_message } if !agent_type.is_empty() => {
                let words = Arc::from(last_message.as_deref().unwrap_or_default());
                self.insert(
                    at_ms,
                    agent,
                    Body::Subagent { agent_type: agent_type.clone(), ended: Some(words) },
                );
            }
            Detail::Compaction { done, .. } => {
                let text = if *done { "Context compacted" } else { "Compacting the context" };
                self.insert(at_ms, agent, note(text.to_owned()));
            }
            Detail::Note(text) => {
                self.insert(at_ms, agent, note(text.clone()));
            }
            Detail::TurnEnded { .. }
            | Detail::SubagentEnded { .. }
            | Detail::Permission { .. }
            | Detail::AskedInTerminal { .. }
            | Detail::Thinking(_)
            | Detail::Notified { .. }
            | Detail::Silent => {}
        }
    }

    /// The transcript is read from its start: what only it told goes, because it is told again.
    pub fn transcript_begins(&mut self) {
        for (_, told) in &mut self.last_words {
            *told = false;
        }
        let transcribed = std::mem::take(&mut self.transcribed);
        if transcribed.is_empty() {
            return;
        }
        let bytes = &mut self.bytes;
        Arc::make_mut(&mut self.items).retain(|item| {
            let goes = transcribed.contains(&item.key);
            *bytes -= if goes { item.bytes() } else { 0 };
            !goes
        });
        self.tools.retain(|_, place| !transcribed.contains(&place.1));
        self.prompts.retain(|_, place| !transcribed.contains(&place.1));
    }

    /// Adds what a transcript line shows.
    pub fn apply_transcript(&mut self, item: &TranscriptItem) {
        let first = self.next_key;
        self.tell_transcript(item);
        self.transcribed.extend(first..self.next_key);
    }

    fn tell_transcript(&mut self, item: &TranscriptItem) {
        let at_ms = item.at_ms.unwrap_or_else(|| self.items.last().map_or(0, |last| last.at_ms));
        let agent = item.agent_id.clone();
        match &item.content {
            Content::Prompt(text) if agent.is_none() => {
                self.prompt(at_ms, agent, item.turn.as_deref(), text);
            }
            Content::Prompt(_) => {}
            Content::Message(text) => {
                let twin = self.last_words.iter().position(|(place, told)| {
                    !told
                        && place.0.abs_diff(at_ms) <= TWIN_MS
                        && self.get(*place).is_some_and(|known| is_message(known, text))
                });
                match twin.and_then(|index| self.last_words.get_mut(index)) {
                    Some((_, told)) => *told = true,
                    None => {
                        self.insert(at_ms, agent, Body::Message(Arc::clone(text)));
                    }
                }
            }
            Content::Thinking(text) => {
                self.insert(at_ms, agent, Body::Thinking(Arc::clone(text)));
            }
            Content::ToolUse { id, name, input } => {
                let call = ToolCall { use_id: id.clone(), tool: name.clone(), input: Value::clone(input) };
                self.tool_started(at_ms, agent, &call);
            }
            Content::ToolResult { id, text, failed } => {
                let refused = *failed && text.contains("doesn't want to");
                let status = match (failed, refused) {
                    (_, true) => ToolStatus::Denied,
                    (true, _) => ToolStatus::Failed,
                    _ => ToolStatus::Done,
                };
                // One that was taken for not run, since nothing else told of it, has run.
                let is_open = |tool: &ToolItem| {
                    tool.status == ToolStatus::Running
                        || (tool.status == ToolStatus::Denied && tool.result.is_none())
                };
                let known = self.tools.get(id).and_then(|place| self.get(*place));
                if known.is_some_and(|known| matches!(&known.body, Body::Tool(tool) if is_open(tool))) {
                    self.tool_ended(id, Some(cut(text)), status, None);
                }
            }
            Content::Interrupted => {
                // It may have been long ago.
                let is_its = |item: &TimelineItem| agent.is_none() || item.agent_id == agent;
                self.not_run_since_prompt(at_ms, is_its);
                self.insert(
                    at_ms,
                    agent,
                    Body::Note { failed: false, text: "Interrupted by the user".to_owned() },
                );
            }
            Content::Compacted
            | Content::HookRan { .. }
            | Content::CustomTitle(_)
            | Content::AiTitle(_)
            | Content::Model(_) => {}
        }
    }

    /// Adds or changes the entry of a permission request.
    pub fn request(&mut self, at_ms: u64, agent_id: Option<&str>, body: Body) {
        let Body::Request { id, .. } = &body else { return };
        let id = *id;
        match self.requests.get(&id).copied() {
            Some(place) => self.replace(place, body),
            None => {
                let place = self.insert(at_ms, agent_id.map(Arc::from), body);
                self.requests.insert(id, place);
            }
        }
    }

    /// The state of a request's entry, if it has one.
    pub fn request_state(&self, id: RequestId) -> Option<RequestState> {
        match &self.get(*self.requests.get(&id)?)?.body {
            Body::Request { state, .. } => Some(*state),
            _ => None,
        }
    }

    /// Nothing runs any more: calls without a result were not run.
    pub fn turn_broken_off(&mut self) {
        self.not_run_since_prompt(u64::MAX, |_| true);
    }

    /// Of the turn that went on at this time.
    fn not_run_since_prompt(&mut self, at_ms: u64, is_over: impl Fn(&TimelineItem) -> bool) {
        let running: Vec<String> = self
            .items
            .iter()
            .rev()
            .skip_while(|item| item.at_ms > at_ms)
            .take_while(|item| !matches!(item.body, Body::Prompt(_)))
            .filter(|item| is_over(item))
            .filter_map(|item| match &item.body {
                Body::Tool(tool) if tool.status == ToolStatus::Running => Some(tool.use_id.clone()),
                _ => None,
            })
            .collect();
        for use_id in running {
            self.tool_not_run(&use_id);
        }
    }

    /// Not only the transcript tells it.
    fn keep(&mut self, place: Option<Place>) {
        if let Some((_, key)) = place {
            self.transcribed.remove(&key);
        }
    }

    /// The entry of a prompt, which is there then.
    fn prompt(&mut self, at_ms: u64, agent: Option<Arc<str>>, turn: Option<&str>, text: &str) -> Place {
        let known = match turn {
            Some(turn) => self.prompts.get(turn).copied(),
            None => self
                .items
                .iter()
                .rev()
                .take(50)
                .find(|item| {
                    matches!(&item.body, Body::Prompt(known) if &**known == text)
                        && item.at_ms.abs_diff(at_ms) <= TWIN_MS
                })
                .map(|item| (item.at_ms, item.key)),
        };
        if let Some(place) = known {
            return place;
        }
        let place = self.insert(at_ms, agent, Body::Prompt(Arc::from(text)));
        if let Some(turn) = turn {
            self.change(place, |item| item.turn = Some(Arc::from(turn)));
            self.prompts.insert(turn.to_owned(), place);
        }
        place
    }

    /// Words that come whole, and perhaps twice: a subscription begins with what the turn had.
    fn message(&mut self, at_ms: u64, agent: Option<Arc<str>>, words: &str) {
        if !words.trim().is_empty() && self.said_in_this_turn(words).is_none() {
            self.insert(at_ms, agent, Body::Message(Arc::from(words)));
        }
    }

    fn said_in_this_turn(&self, words: &str) -> Option<Place> {
        let mut turn = self.items.iter().rev().take_while(|item| !matches!(item.body, Body::Prompt(_)));
        turn.find(|item| is_message(item, words)).map(|item| (item.at_ms, item.key))
    }

    fn last_words(&mut self, at_ms: u64, agent: Option<Arc<str>>, words: &str) {
        match self.said_in_this_turn(words) {
            None => {
                let place = self.insert(at_ms, agent, Body::Message(Arc::from(words)));
                self.last_words.push((place, false));
            }
            Some(place) if self.transcribed.remove(&place.1) => self.last_words.push((place, true)),
            Some(_) => {}
        }
    }

    fn tool_started(&mut self, at_ms: u64, agent: Option<Arc<str>>, call: &ToolCall) {
        if self.tools.contains_key(&call.use_id) {
            return;
        }
        let body = Body::Tool(ToolItem {
            use_id: call.use_id.clone(),
            name: call.tool.clone(),
            subject: Subject::unmarked(&call.tool, &call.input),
            result: None,
            status: ToolStatus::Running,
            duration_ms: None,
        });
        let place = self.insert(at_ms, agent, body);
        if !call.use_id.is_empty() {
            self.tools.insert(call.use_id.clone(), place);
        }
    }

    fn tool_ended(
        &mut self,
        use_id: &str,
        result: Option<Arc<str>>,
        status: ToolStatus,
        duration_ms: Option<u64>,
    ) {
        let Some(place) = self.tools.get(use_id).copied() else { return };
        let Some(item) = self.get(place) else { return };
        if let Body::Tool(tool) = &item.body {
            let tool = ToolItem {
                result: result.or_else(|| tool.result.clone()),
                status,
                duration_ms,
                ..tool.clone()
            };
            self.replace(place, Body::Tool(tool));
        }
    }

    fn tool_not_run(&mut self, use_id: &str) {
        let running =
            self.tools.get(use_id).and_then(|place| self.get(*place)).is_some_and(
                |item| matches!(&item.body, Body::Tool(tool) if tool.status == ToolStatus::Running),
            );
        if running {
            self.tool_ended(use_id, None, ToolStatus::Denied, None);
        }
    }

    fn insert(&mut self, at_ms: u64, agent_id: Option<Arc<str>>, body: Body) -> Place {
        let key = self.next_key;
        self.next_key += 1;
        let items = Arc::make_mut(&mut self.items);
        let index = items.partition_point(|item| item.at_ms <= at_ms);
        let item = TimelineItem { key, at_ms, agent_id, turn: None, body };
        self.bytes += item.bytes();
        items.insert(index, Arc::new(item));
        if items.len() > ITEMS_MAX {
            self.bytes -= items.drain(..ITEMS_MAX / 10).map(|item| item.bytes()).sum::<usize>();
            let oldest = items.first().map_or((0, 0), |item| (item.at_ms, item.key));
            self.tools.retain(|_, place| *place >= oldest);
            self.prompts.retain(|_, place| *place >= oldest);
            self.requests.retain(|_, place| *place >= oldest);
            self.last_words.retain(|(place, _)| *place >= oldest);
            let kept: HashSet<u64> = items.iter().map(|item| item.key).collect();
            self.transcribed.retain(|key| kept.contains(key));
        }
        (at_ms, key)
    }

    fn index(&self, place: Place) -> Option<usize> {
        let first = self.items.partition_point(|item| item.at_ms < place.0);
        let same_time = self.items.get(first..)?.iter().take_while(|item| item.at_ms == place.0);
        same_time.enumerate().find(|(_, item)| item.key == place.1).map(|(offset, _)| first + offset)
    }

    fn get(&self, place: Place) -> Option<&Arc<TimelineItem>> {
        self.items.get(self.index(place)?)
    }

    fn replace(&mut self, place: Place, body: Body) {
        self.change(place, |item| item.body = body);
    }

    fn change(&mut self, place: Place, change: impl FnOnce(&mut TimelineItem)) {
        if let Some(index) = self.index(place)
            && let Some(item) = Arc::make_mut(&mut self.items).get_mut(index)
        {
            let before = item.bytes();
            let item = Arc::make_mut(item);
            change(item);
            self.bytes = self.bytes + item.bytes() - before;
        }
    }
}

fn is_message(item: &TimelineItem, words: &str) -> bool {
    matches!(&item.body, Body::Message(text) if text.trim() == words.trim())
}

/// A text within [`RESULT_CAP`], cut at a character.
fn cut(text: &str) -> Arc<str> {
    match text.char_indices().map(|(at, _)| at).find(|at| *at >= RESULT_CAP) {
        Some(end) => {
            Arc::from(format!("{}\n… {} bytes more", text.get(..end).unwrap_or_default(), text.len() - end))
        }
        None => Arc::from(text),
    }
}

#[cfg(test)]
#[path = "fold_tests.rs"]
mod tests;
