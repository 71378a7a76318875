//! The kitty keyboard protocol's flags, one stack a screen.

/// The deepest stack; a further push forgets the oldest entry, as the protocol asks.
pub(super) const MOST_ENTRIES: usize = 16;
/// The flags that exist.
const FLAGS: u8 = 0b1_1111;

/// The flags of one screen. The last entry is in force; setting without pushing changes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct KeyboardStack {
    entries: Vec<u8>,
}

impl KeyboardStack {
    /// A stack with these entries, oldest first.
    pub(super) fn from_entries(entries: &[u8]) -> Self {
        Self { entries: entries.iter().take(MOST_ENTRIES).map(|flags| flags & FLAGS).collect() }
    }

    pub(super) fn entries(&self) -> &[u8] {
        &self.entries
    }

    pub(super) fn flags(&self) -> u8 {
        self.entries.last().copied().unwrap_or(0)
    }

    /// `CSI > flags u`
    pub(super) fn push(&mut self, flags: u8) {
        if self.entries.is_empty() {
            self.entries.push(0);
        }
        if self.entries.len() >= MOST_ENTRIES {
            self.entries.remove(0);
        }
        self.entries.push(flags & FLAGS);
    }

    /// `CSI < number u`
    pub(super) fn pop(&mut self, number: usize) {
        self.entries.truncate(self.entries.len().saturating_sub(number));
    }

    /// `CSI = flags ; how u`: 1 sets exactly these, 2 adds them, 3 takes them away.
    pub(super) fn set(&mut self, flags: u8, how: u16) {
        let now = self.flags();
        let flags = match how {
            2 => now | flags,
            3 => now & !flags,
            _ => flags,
        } & FLAGS;
        match self.entries.last_mut() {
            Some(last) => *last = flags,
            None => self.entries.push(flags),
        }
    }
}
