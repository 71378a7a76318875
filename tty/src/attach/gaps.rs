//! Whether all output has come. A terminal shows the screen again when it has missed something; who reads a pipe cannot see
//! that there was more.

use crate::wire::FromHolder;

/// Follows the places of the output.
#[derive(Debug)]
pub struct Gaps {
    /// Where it goes on; `None` until something has come.
    next: Option<u64>,
    is_told: bool,
}

impl Gaps {
    /// `from_start`: all output is wanted, not only what comes after the first screen.
    pub fn new(from_start: bool) -> Self {
        Self { next: from_start.then_some(0), is_told: false }
    }

    /// Whether this is the first that comes after something that is missing.
    pub fn is_first(&mut self, said: &FromHolder) -> bool {
        let (seq, len) = match said {
            FromHolder::Snapshot { seq, .. } => (*seq, 0),
            FromHolder::Output { seq, bytes } => (*seq, bytes.len() as u64),
            _ => return false,
        };
        let is_gap = self.next.is_some_and(|next| next < seq);
        self.next = Some(seq + len);
        is_gap && !std::mem::replace(&mut self.is_told, true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Format;

    fn output(seq: u64, len: usize) -> FromHolder {
        FromHolder::Output { seq, bytes: vec![b'x'; len] }
    }

    fn snapshot(seq: u64) -> FromHolder {
        FromHolder::Snapshot { seq, format: Format::Text, data: Vec::new() }
    }

    #[test]
    fn a_gap_is_told_once() {
        let mut gaps = Gaps::new(true);
        let mut is_first = |said| gaps.is_first(&said);
        assert!(!is_first(output(0, 5)) && !is_first(output(5, 1)));
        assert!(!is_first(snapshot(6)), "the screen again, and nothing is missing");
        assert!(!is_first(output(6, 4)));
        assert!(is_first(snapshot(11)));
        assert!(!is_first(output(11, 1)) && !is_first(snapshot(20)));
    }

    #[test]
    fn what_was_before_the_screen_is_missing_to_who_wanted_all() {
        assert!(!Gaps::new(false).is_first(&snapshot(7)));
        assert!(!Gaps::new(true).is_first(&snapshot(0)));
        assert!(Gaps::new(true).is_first(&snapshot(7)));
    }
}
