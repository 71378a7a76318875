//! Subagents beside each other: each that works has a line of its own, in its own colour.

use super::data::{Entry, Row};
use std::collections::HashMap;
use std::sync::Arc;

/// Lines side by side at most; more subagents share the last.
pub const MOST: usize = 4;

/// Where a row stands beside the lines of subagents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lane {
    /// Which line is its own, from 0 at the left.
    pub slot: u8,
    /// The colour of every line that passes it, by slot; `None` where no subagent works.
    pub colors: [Option<u8>; MOST],
    /// Entries of its subagent, on the row that opens it.
    pub entries: Option<u32>,
}

struct Working {
    agent: Arc<str>,
    color: u8,
}

/// Gives the rows of subagents their lanes. A line goes from a subagent's first entry to its last.
pub fn assign(rows: &mut [Row]) {
    let mut last: HashMap<Arc<str>, (usize, u32)> = HashMap::new();
    for (at, row) in rows.iter().enumerate() {
        if let Some(agent) = &row.agent {
            let (last, count) = last.entry(Arc::clone(agent)).or_default();
            *last = at;
            *count += u32::from(!matches!(row.entry.as_ref(), Entry::Subagent { .. }));
        }
    }
    let mut slots: [Option<Working>; MOST] = Default::default();
    let mut seen: HashMap<Arc<str>, u8> = HashMap::new();
    for (at, row) in rows.iter_mut().enumerate() {
        let Some(agent) = row.agent.clone() else {
            row.lane = None;
            continue;
        };
        let first = !seen.contains_key(&agent);
        let next = u8::try_from(seen.len() % usize::from(u8::MAX)).unwrap_or(0);
        let color = *seen.entry(Arc::clone(&agent)).or_insert(next);
        let holds = |slot: &Option<Working>| slot.as_ref().is_some_and(|it| it.agent == agent);
        let slot = slots.iter().position(holds).or_else(|| slots.iter().position(Option::is_none));
        let slot = slot.unwrap_or(MOST - 1);
        let mut colors = [None; MOST];
        for (color, working) in colors.iter_mut().zip(&slots).take(slot) {
            *color = working.as_ref().map(|it| it.color);
        }
        if let Some(own) = colors.get_mut(slot) {
            *own = Some(color);
        }
        let (ends, count) = last.get(&agent).copied().unwrap_or_default();
        let entries = (first && matches!(row.entry.as_ref(), Entry::Subagent { .. })).then_some(count);
        row.lane = Some(Lane { slot: u8::try_from(slot).unwrap_or(0), colors, entries });
        if let Some(place) = slots.get_mut(slot) {
            *place = (ends > at).then_some(Working { agent, color });
        }
    }
}
