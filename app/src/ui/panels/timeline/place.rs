//! Where the timeline stands: heights of rows, the scroll, and what moves it.

use super::Jump;
use super::data::{Entry, Row};
use super::kind::Kind;
use crate::ui::theme;
use magia_protocol::wire::RequestId;
use std::collections::HashMap;

/// How often a frame looks for what is to be shown, while heights are still guesses.
const TRIES: u8 = 6;

/// What the way to the end takes of the room, lowest in it.
const TO_END: f32 = 48.0;

/// What is to be scrolled to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    Request(RequestId),
    Row(u64),
    /// A row at the top.
    Top(u64),
}

/// The place of a timeline that is not shown.
#[derive(Debug)]
pub struct KeptPlace {
    measured: HashMap<u64, f32>,
    width: f32,
    offset: f32,
    away: bool,
    last_seen: Option<u64>,
}

/// The place of a timeline.
#[derive(Debug, Default)]
pub struct Place {
    /// Measured heights by row, at `width`.
    pub measured: HashMap<u64, f32>,
    /// Heights of the shown rows in order: measured, or guessed. Empty when they have to be made anew.
    pub heights: Vec<f32>,
    /// The width that was measured at.
    pub width: f32,
    /// The scroll.
    pub offset: f32,
    /// How much rows above the viewport grew: the scroll follows, so that nothing moves under the eye.
    pub correct: f32,
    /// Whether the user scrolled away from the end.
    pub away: bool,
    /// Whether it stays here until the heights of what was opened are known.
    held: bool,
    /// The last row when the end was last seen: what comes after it is new.
    pub last_seen: Option<u64>,
    /// What the keyboard asked for.
    pub jump: Option<Jump>,
    reveal: Option<(Target, u8)>,
}

impl Place {
    /// Forgets a row's height: it opens or folds. What was clicked stays where it is, also at the end.
    pub fn forget(&mut self, key: u64) {
        self.measured.remove(&key);
        self.heights.clear();
        self.hold();
    }

    /// Stays here, also at the end.
    pub const fn hold(&mut self) {
        self.away = true;
        self.held = true;
        self.correct = 0.0;
    }

    /// Learns where the scroll is after a frame; `most` is as far as it goes. `changed` says that heights were
    /// other than thought.
    pub fn settle(&mut self, offset: f32, most: f32, changed: bool) {
        self.offset = offset.min(most);
        self.held &= changed;
        self.away = self.held || self.offset < most - 2.0;
    }

    /// Another session is shown: its end first.
    pub fn leave(&mut self) {
        self.measured.clear();
        self.heights.clear();
        self.reveal = None;
        self.jump = None;
        self.away = false;
        self.last_seen = None;
        self.correct = 0.0;
    }

    /// What is to be known when this timeline is shown again.
    pub fn keep(&mut self) -> KeptPlace {
        let measured = std::mem::take(&mut self.measured);
        KeptPlace {
            measured,
            width: self.width,
            offset: self.offset,
            away: self.away,
            last_seen: self.last_seen,
        }
    }

    /// Stands where it stood.
    pub fn come_back(&mut self, kept: KeptPlace) {
        if kept.width == self.width {
            self.measured = kept.measured;
        }
        self.offset = kept.offset;
        self.away = kept.away;
        self.last_seen = kept.last_seen;
    }

    /// Scrolls to the end, and follows new entries from there.
    pub const fn follow_tail(&mut self) {
        self.away = false;
        self.reveal = None;
        self.jump = None;
    }

    /// Scrolls to a request's card.
    pub const fn reveal_request(&mut self, request: RequestId) {
        self.reveal = Some((Target::Request(request), 0));
    }

    /// Scrolls to a row.
    pub const fn reveal_row(&mut self, key: u64) {
        self.reveal = Some((Target::Row(key), 0));
        self.away = true;
    }

    /// Notices the width that rows are drawn at.
    pub fn at_width(&mut self, width: f32) {
        if (self.width - width).abs() > 0.5 {
            self.width = width;
            self.measured.clear();
            self.heights.clear();
        }
    }

    /// Makes the heights anew when they have to be.
    pub fn know_heights<'a>(&mut self, rows: impl ExactSizeIterator<Item = &'a Row>, column: f32) {
        if self.heights.len() != rows.len() {
            let known =
                |row: &Row| self.measured.get(&row.key).copied().unwrap_or_else(|| row.guess_height(column));
            self.heights = rows.map(known).collect();
        }
    }

    /// Where to scroll to, when something other than the wheel says so. `total` is the height of all rows.
    pub fn wanted_offset(&mut self, rows: &[&Row], total: f32, room: f32) -> Option<f32> {
        let most = (total - room).max(0.0);
        if let Some(jump) = self.jump.take() {
            self.go(jump, rows, room);
            if self.reveal.is_none() {
                return Some(self.offset.clamp(0.0, most));
            }
        }
        if let Some((target, tries)) = self.reveal {
            self.reveal = (tries < TRIES).then_some((target, tries + 1));
            let is_it = |row: &Row| match (target, row.entry.as_ref()) {
                (Target::Request(id), Entry::Card(view)) => view.info.id == id,
                (Target::Row(key) | Target::Top(key), _) => row.key == key,
                _ => false,
            };
            let at = rows.iter().position(|row| is_it(row))?;
            let top = self.tops().nth(at)?;
            let height = self.heights.get(at).copied().unwrap_or_default();
            // The way to the end may lie over what is lowest.
            let open = room - TO_END;
            let visible = top >= self.offset && top + height <= self.offset + open;
            let wanted = match target {
                Target::Top(_) => top - theme::SPACE_2,
                _ if visible => self.offset,
                // Of a card that is higher than the room, the answers, which are lowest.
                Target::Request(_) if height + theme::SPACE_4 > open => top + height - open,
                _ => top - ((open - height) / 2.0).max(theme::SPACE_4),
            };
            return Some(wanted.clamp(0.0, most));
        }
        if !self.away {
            self.correct = 0.0;
            return Some(total - room);
        }
        let correct = std::mem::take(&mut self.correct);
        (correct != 0.0).then_some(self.offset + correct)
    }

    /// Tops of the rows.
    pub fn tops(&self) -> impl Iterator<Item = f32> + '_ {
        self.heights.iter().scan(theme::SPACE_4, |y, height| {
            let top = *y;
            *y += height;
            Some(top)
        })
    }

    fn go(&mut self, jump: Jump, rows: &[&Row], room: f32) {
        self.away = true;
        self.correct = 0.0;
        self.reveal = None;
        let prompts = || {
            let both = rows.iter().zip(self.tops());
            both.filter(|(row, _)| row.kind() == Kind::Prompt).map(|(row, top)| (row.key, top))
        };
        // A prompt that was jumped to stands a little below the top.
        let here = self.offset + theme::SPACE_2;
        let found = match jump {
            Jump::PromptAbove => prompts().take_while(|(_, top)| *top < here - 1.0).last(),
            Jump::PromptBelow => prompts().find(|(_, top)| *top > here + 1.0),
            Jump::PageUp => {
                self.offset -= room * 0.9;
                None
            }
            Jump::PageDown => {
                self.offset += room * 0.9;
                None
            }
            Jump::Start => {
                self.offset = 0.0;
                None
            }
        };
        if let Some((key, _)) = found {
            self.reveal = Some((Target::Top(key), 0));
        }
    }
}
