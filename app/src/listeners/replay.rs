//! What a subscriber missed: read from the store a page at a time, as fast as the subscriber takes it.
//!
//! While that goes on, agent events that come are not queued for it: they are in the store as well, and come with a
//! later page. So what waits for a subscriber is bounded however much it missed and however slow it is.

use super::stream::Item;
use magia_core::effect::Update;
use magia_core::event::{AgentEvent, ReplyId};
use serde_json::json;
use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::Arc;

/// A page that a subscriber needs next.
#[derive(Debug, Clone, Copy)]
pub struct Wish {
    /// The subscriber.
    pub to: ReplyId,
    /// The last event that it had.
    pub after: u64,
    /// The newest event that it does not get live.
    pub until: u64,
}

/// Why events are missing in a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Missing {
    /// The reader did not take them in time.
    Slow,
    /// The store does not keep them any more.
    Gone,
    /// The store cannot be read now.
    Unreadable,
}

impl Missing {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Slow => "slow",
            Self::Gone => "gone",
            Self::Unreadable => "unreadable",
        }
    }
}

/// Events that are missing in a stream, up to `seq`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Gap {
    pub(super) lost: u64,
    pub(super) seq: u64,
    pub(super) why: Missing,
}

impl Gap {
    /// Appends its line, for the request whose id is `id` as JSON.
    pub(super) fn say(self, id: &str, lines: &mut String) {
        let Self { lost, seq, why } = self;
        let payload = json!({ "lost": lost, "reason": why.as_str() });
        // Writing to a text cannot fail.
        let _ = writeln!(lines, "{{\"id\":{id},\"event\":\"lagged\",\"seq\":{seq},\"payload\":{payload}}}");
    }
}

/// How far a subscriber is with what it missed.
#[derive(Debug)]
pub(super) struct Replay {
    /// The last event of the pages that were read.
    at: u64,
    /// The newest event that it does not get live.
    until: u64,
    /// The last event that it was given, or told of as missing.
    told: u64,
    /// What is missing in the page; told before it.
    gap: Option<Gap>,
    page: VecDeque<Arc<Item>>,
    /// Waits for its next page, in this order.
    pub(super) turn: Option<u64>,
}

/// What a subscriber is given next.
pub(super) enum Next {
    Gap(Gap),
    Lines(Vec<Arc<Item>>),
    /// The store is to be asked first.
    Page,
    /// It has all that it missed, and what came meanwhile.
    Over,
}

impl Replay {
    /// Begins after `since`; a number that no event has yet means from now on.
    pub(super) fn new(since: u64, newest: u64) -> Self {
        let at = since.min(newest);
        Self { at, until: newest, told: at, gap: None, page: VecDeque::new(), turn: None }
    }

    /// An agent event has come, which a later page will hold.
    pub(super) fn note(&mut self, seq: u64) {
        self.until = self.until.max(seq);
    }

    pub(super) const fn told(&self) -> u64 {
        self.told
    }

    pub(super) const fn wish(&self, to: ReplyId) -> Wish {
        Wish { to, after: self.at, until: self.until }
    }

    /// Takes a page: the events that the store has first of those that were wished for. An empty one says that it has
    /// no more of them.
    pub(super) fn take_page(&mut self, wish: &Wish, events: Vec<AgentEvent>, readable: bool) {
        self.turn = None;
        let (upto, why) = match events.last() {
            Some(last) => (last.seq, Missing::Gone),
            None if readable => (wish.until, Missing::Gone),
            // What has come meanwhile cannot be read either.
            None => (self.until, Missing::Unreadable),
        };
        let there = u64::try_from(events.len()).unwrap_or(u64::MAX);
        let lost = upto.saturating_sub(self.at).saturating_sub(there);
        // Who resumes from this line gets the page.
        let seq = events.first().map_or(upto, |first| first.seq.saturating_sub(1));
        self.gap = (lost > 0).then_some(Gap { lost, seq, why });
        self.at = self.at.max(upto);
        self.page = events
            .into_iter()
            .map(|event| Arc::new(Item::new(event.seq, Update::AgentEvent(Arc::new(event)))))
            .collect();
    }

    /// At most `max` lines of the page and of `others`, the updates of other channels that came meanwhile, in order.
    pub(super) fn next(&mut self, others: &mut VecDeque<Arc<Item>>, max: usize) -> Next {
        if let Some(gap) = self.gap.take() {
            self.told = self.told.max(gap.seq);
            return Next::Gap(gap);
        }
        let mut lines = Vec::new();
        while lines.len() < max {
            // An update says after which agent event it came.
            let line = match (self.page.front(), others.front()) {
                (Some(event), Some(other)) if other.seq < event.seq => others.pop_front(),
                (Some(event), _) => {
                    self.told = event.seq;
                    self.page.pop_front()
                }
                (None, Some(other)) if other.seq <= self.at => others.pop_front(),
                (None, _) => None,
            };
            let Some(line) = line else { break };
            lines.push(line);
        }
        match lines.is_empty() {
            false => Next::Lines(lines),
            true if self.at < self.until => Next::Page,
            true => Next::Over,
        }
    }
}
