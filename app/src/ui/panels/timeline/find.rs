//! Finding words in a timeline. It looks through a bounded amount of text in a frame, so that typing is never slow.

use super::data::{Entry, Row};
use std::collections::HashMap;
use std::sync::Arc;

/// Rows that are looked through in one frame.
const ROWS_PER_FRAME: usize = 1_500;

/// What is searched for, and where it was found.
#[derive(Debug, Default)]
pub struct Find {
    /// Whether the field is open.
    pub open: bool,
    /// The field is to get the keyboard in the next frame.
    pub wants_focus: bool,
    /// What is typed.
    pub text: String,
    needle: String,
    looked: HashMap<u64, (Arc<Entry>, bool)>,
    hits: Vec<u64>,
    scanned: usize,
    at: Option<u64>,
}

impl Find {
    /// What is searched for in lower case; empty while the field is closed.
    pub fn needle(&self) -> &str {
        if self.open { &self.needle } else { "" }
    }

    /// Begins anew: the rows changed, or what is shown of them.
    pub fn restart(&mut self) {
        self.hits.clear();
        self.scanned = 0;
    }

    /// Another session is shown.
    pub fn leave(&mut self) {
        self.looked.clear();
        self.at = None;
        self.restart();
    }

    /// Opens the field, or goes back to it.
    pub const fn open(&mut self) {
        self.open = true;
        self.wants_focus = true;
    }

    /// Closes the field; what was typed is there again the next time.
    pub const fn close(&mut self) {
        self.open = false;
        self.wants_focus = false;
    }

    /// Looks on, through the rows that are shown. Returns whether there is more to look through.
    pub fn look(&mut self, rows: &[Row], visible: &[usize]) -> bool {
        if !self.open {
            return false;
        }
        let needle = self.text.trim().to_lowercase();
        if needle != self.needle {
            self.needle = needle;
            self.looked.clear();
            self.at = None;
            self.restart();
        }
        if self.needle.is_empty() {
            return false;
        }
        let mut budget = ROWS_PER_FRAME;
        while let Some(row) = visible.get(self.scanned).and_then(|at| rows.get(*at)) {
            let known = self.looked.get(&row.key).filter(|(entry, _)| Arc::ptr_eq(entry, &row.entry));
            let says = match known {
                Some((_, says)) => *says,
                None if budget == 0 => return true,
                None => {
                    budget -= 1;
                    let says = row.says(&self.needle);
                    self.looked.insert(row.key, (Arc::clone(&row.entry), says));
                    says
                }
            };
            if says {
                self.hits.push(row.key);
            }
            self.scanned += 1;
        }
        false
    }

    /// Whether a row was found.
    pub fn is_hit(&self, key: u64) -> bool {
        self.open && !self.needle.is_empty() && self.looked.get(&key).is_some_and(|(_, says)| *says)
    }

    /// The row that is stood on.
    pub const fn current(&self) -> Option<u64> {
        self.at
    }

    /// Place of the row that is stood on, from 1, and how many there are.
    pub fn count(&self) -> (Option<usize>, usize) {
        let at = self.at.and_then(|key| self.hits.iter().position(|hit| *hit == key));
        (at.map(|at| at + 1), self.hits.len())
    }

    /// Goes to the next hit, or the one before; from the newest entry when none is stood on yet.
    pub fn step(&mut self, forward: bool) -> Option<u64> {
        let at = self.at.and_then(|key| self.hits.iter().position(|hit| *hit == key));
        let last = self.hits.len().checked_sub(1)?;
        let next = match (at, forward) {
            (None, true) => 0,
            (None, false) | (Some(0), false) => last,
            (Some(at), true) if at == last => 0,
            (Some(at), true) => at + 1,
            (Some(at), false) => at - 1,
        };
        self.at = self.hits.get(next).copied();
        self.at
    }
}
