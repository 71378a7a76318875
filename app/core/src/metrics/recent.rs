//! What happened lately: minutes for plots, prompts for the timeline, spans for the waterfall. The newest of each.

use super::Way;
use super::tally::Tokens;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Minutes in which something happened, per way.
pub const MINUTES_MAX: usize = 180;
/// Prompts.
pub const PROMPTS_MAX: usize = 64;
/// Spans.
pub const SPANS_MAX: usize = 256;
/// Bytes of a prompt's text.
const PROMPT_TEXT_MAX: usize = 2_000;

/// What happened in one minute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Minute {
    /// Minutes since 1970.
    pub minute: u64,
    /// Tokens sent, without cached ones where the agent tells them apart.
    pub input: f32,
    /// Tokens written.
    pub output: f32,
    /// Tokens read from the cache.
    pub cached: f32,
    /// US dollars.
    pub cost_usd: f32,
    /// Requests.
    pub requests: f32,
    /// Milliseconds, of all of them.
    pub request_ms: f32,
}

/// What one prompt of the user caused.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PromptUse {
    /// The agent's id of it: the hooks' turn key.
    pub id: String,
    /// When it came.
    pub at_ms: u64,
    /// When something of it was last told.
    pub last_ms: u64,
    /// Its words, only when the settings say so.
    pub text: Option<String>,
    /// Tokens.
    pub tokens: Tokens,
    /// US dollars.
    pub cost_usd: f64,
    /// Requests to the model.
    pub requests: u32,
    /// Milliseconds, of all of them.
    pub request_ms: f64,
    /// The longest request.
    pub slowest_ms: f64,
    /// Tool calls.
    pub tools: u32,
    /// Milliseconds, of all of them.
    pub tool_ms: f64,
    /// Tool calls that failed.
    pub failed: u32,
    /// Requests that failed.
    pub errors: u32,
}

/// A span, as the waterfall shows it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SpanRow {
    /// Its trace.
    pub trace: u64,
    /// Its id.
    pub id: u64,
    /// Whose child it is.
    pub parent: Option<u64>,
    /// What it is: `request`, `tool`, `waiting`, `hook`, `turn`.
    pub kind: String,
    /// The tool, the model or the hook.
    pub name: String,
    /// Milliseconds since 1970.
    pub start_ms: u64,
    /// How long it took.
    pub took_ms: f64,
    /// Whether it failed.
    pub failed: bool,
}

/// The newest of each.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Recent {
    minutes: [VecDeque<Minute>; 3],
    /// Oldest first.
    pub prompts: VecDeque<PromptUse>,
    /// In the order in which they ended.
    pub spans: VecDeque<SpanRow>,
}

impl Recent {
    /// The minutes of a way, oldest first.
    pub fn minutes(&self, way: Way) -> &VecDeque<Minute> {
        let [metrics, logs, spans] = &self.minutes;
        match way {
            Way::Metrics => metrics,
            Way::Logs => logs,
            Way::Spans => spans,
        }
    }

    /// A minute to add to; `None` when it is older than what is kept.
    pub fn minute(&mut self, way: Way, at_ms: u64) -> Option<&mut Minute> {
        let [metrics, logs, spans] = &mut self.minutes;
        let minutes = match way {
            Way::Metrics => metrics,
            Way::Logs => logs,
            Way::Spans => spans,
        };
        let minute = at_ms / 60_000;
        let at = minutes.partition_point(|known| known.minute < minute);
        if minutes.get(at).is_none_or(|known| known.minute != minute) {
            if at == 0 && minutes.len() >= MINUTES_MAX {
                return None;
            }
            minutes.insert(at, Minute { minute, ..Minute::default() });
            if minutes.len() > MINUTES_MAX {
                minutes.pop_front();
                return minutes.get_mut(at.saturating_sub(1));
            }
        }
        minutes.get_mut(at)
    }

    /// A prompt to add to.
    pub fn prompt(&mut self, id: &str, at_ms: u64) -> Option<&mut PromptUse> {
        if !self.prompts.iter().any(|known| known.id == id) {
            let new = PromptUse { id: id.chars().take(128).collect(), at_ms, ..PromptUse::default() };
            self.prompts.push_back(new);
            if self.prompts.len() > PROMPTS_MAX {
                self.prompts.pop_front();
            }
        }
        let found = self.prompts.iter_mut().rev().find(|known| known.id == id)?;
        found.at_ms = found.at_ms.min(at_ms);
        found.last_ms = found.last_ms.max(at_ms);
        Some(found)
    }

    /// A span.
    pub fn span(&mut self, row: SpanRow) {
        // An export that was sent again.
        if self.spans.iter().rev().take(64).any(|known| known.id == row.id && known.trace == row.trace) {
            return;
        }
        self.spans.push_back(row);
        if self.spans.len() > SPANS_MAX {
            self.spans.pop_front();
        }
    }
}

impl PromptUse {
    /// Keeps its words.
    pub fn say(&mut self, text: &str) {
        self.text = Some(text.chars().take(PROMPT_TEXT_MAX).collect());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minutes_stay_in_order_and_bounded() {
        let mut recent = Recent::default();
        for minute in [5_u64, 3, 4, 5, 3] {
            recent.minute(Way::Logs, minute * 60_000 + 17).unwrap().input += 1.0;
        }
        let got: Vec<(u64, f32)> = recent.minutes(Way::Logs).iter().map(|m| (m.minute, m.input)).collect();
        assert_eq!(got, [(3, 2.0), (4, 1.0), (5, 2.0)]);
        for minute in 10..10 + MINUTES_MAX as u64 {
            let got = recent.minute(Way::Logs, minute * 60_000).unwrap();
            assert_eq!(got.minute, minute);
        }
        assert_eq!(recent.minutes(Way::Logs).len(), MINUTES_MAX);
        assert!(recent.minute(Way::Logs, 60_000).is_none(), "it is older than what is kept");
        assert!(recent.minutes(Way::Metrics).is_empty());
    }

    #[test]
    fn prompts_and_spans_are_bounded() {
        let mut recent = Recent::default();
        for number in 0..1_000_u64 {
            recent.prompt(&number.to_string(), number).unwrap().requests += 1;
            recent.span(SpanRow { id: number, ..SpanRow::default() });
            recent.span(SpanRow { id: number, ..SpanRow::default() });
        }
        assert_eq!((recent.prompts.len(), recent.spans.len()), (PROMPTS_MAX, SPANS_MAX));
        assert_eq!(recent.prompt("999", 5).unwrap().requests, 1);
        assert_eq!(recent.prompts.back().unwrap().at_ms, 5);
    }
}
