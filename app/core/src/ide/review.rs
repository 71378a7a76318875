//! A change by its hunks, of which a person may take some and leave the others.

use crate::subject::{Change, DiffLine};
use similar::{ChangeTag, DiffTag, TextDiff};
use std::ops::Range;

/// Lines that stay and are shown around those that change; hunks that are nearer to each other are one.
const CONTEXT: usize = 3;

/// A change of a whole file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Review {
    /// All lines of the file, those that go and those that come.
    pub lines: Vec<DiffLine>,
    /// The lines from first to last, in parts.
    pub sections: Vec<Section>,
    /// The hunks, in order.
    pub hunks: Vec<Hunk>,
    pieces: Vec<Piece>,
}

/// A part of the lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// Which lines.
    pub lines: Range<usize>,
    /// Which hunk; `None` for lines that stay and are far from a change.
    pub hunk: Option<usize>,
}

/// Lines that change together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hunk {
    /// Lines that come.
    pub added: u32,
    /// Lines that go.
    pub removed: u32,
    /// The first line in the new text, from 1.
    pub first: u32,
    /// The last one.
    pub last: u32,
}

/// A stretch of both texts, in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Piece {
    old: Range<usize>,
    new: Range<usize>,
    /// The hunk that changes it.
    hunk: Option<usize>,
}

impl Review {
    /// Compares two texts.
    pub fn new(old: &str, new: &str) -> Self {
        let diff = TextDiff::from_lines(old, new);
        let (old_ends, new_ends) = (ends(diff.iter_old_slices()), ends(diff.iter_new_slices()));
        let bytes = |ends: &[usize], lines: Range<usize>| {
            let at = |line: usize| line.checked_sub(1).and_then(|last| ends.get(last)).copied().unwrap_or(0);
            at(lines.start)..at(lines.end)
        };
        let mut review = Self::default();
        // Of each line that changes or is near one, by its place in the old text and the new.
        for group in diff.grouped_ops(CONTEXT) {
            let (Some(first), Some(last)) = (group.first(), group.last()) else { continue };
            review.stay_until(&diff, first.new_range().start);
            let hunk = review.hunks.len();
            let from = review.lines.len();
            let mut told = Hunk {
                first: number(first.new_range().start),
                last: number(last.new_range().end.saturating_sub(1)),
                ..Hunk::default()
            };
            for op in &group {
                for change in diff.iter_changes(op) {
                    told.added += u32::from(change.tag() == ChangeTag::Insert);
                    told.removed += u32::from(change.tag() == ChangeTag::Delete);
                    review.lines.push(line(&change));
                }
                let (old, new) = (bytes(&old_ends, op.old_range()), bytes(&new_ends, op.new_range()));
                let changes = op.tag() != DiffTag::Equal;
                review.pieces.push(Piece { old, new, hunk: changes.then_some(hunk) });
            }
            review.sections.push(Section { lines: from..review.lines.len(), hunk: Some(hunk) });
            review.hunks.push(told);
        }
        review.stay_until(&diff, new_ends.len());
        review.fill_pieces(old.len(), new.len());
        review
    }

    /// Takes in the lines that stay, up to a line of the new text.
    fn stay_until(&mut self, diff: &TextDiff<'_, '_, str>, until: usize) {
        let last = self.lines.iter().rev().find_map(|line| line.new).map_or(0, |number| number as usize);
        // Lines that went at the end of the hunk before have no place in the new text.
        let gone = self.lines.iter().rev().find_map(|line| line.old).map_or(0, |number| number as usize);
        if until <= last {
            return;
        }
        let from = self.lines.len();
        for (step, at) in (last..until).enumerate() {
            let text = diff.new_slice(at).unwrap_or_default().trim_end_matches(['\n', '\r']).to_owned();
            let (old, new) = (Some(number(gone + step)), Some(number(at)));
            self.lines.push(DiffLine { change: Change::Same, old, new, text });
        }
        self.sections.push(Section { lines: from..self.lines.len(), hunk: None });
    }

    /// Adds the stretches between hunks, which both texts have alike.
    fn fill_pieces(&mut self, old_len: usize, new_len: usize) {
        let mut filled = Vec::with_capacity(self.pieces.len() * 2 + 1);
        let (mut old, mut new) = (0, 0);
        for piece in std::mem::take(&mut self.pieces) {
            if piece.new.start > new || piece.old.start > old {
                filled.push(Piece { old: old..piece.old.start, new: new..piece.new.start, hunk: None });
            }
            (old, new) = (piece.old.end, piece.new.end);
            filled.push(piece);
        }
        if new < new_len || old < old_len {
            filled.push(Piece { old: old..old_len, new: new..new_len, hunk: None });
        }
        self.pieces = filled;
    }

    /// The text with the hunks of which `keep` says so, and the old text in the place of the others.
    pub fn apply(&self, old: &str, new: &str, keep: &[bool]) -> String {
        let mut text = String::with_capacity(old.len().max(new.len()));
        for piece in &self.pieces {
            let kept = piece.hunk.is_none_or(|hunk| keep.get(hunk).copied().unwrap_or(true));
            let part = if kept { new.get(piece.new.clone()) } else { old.get(piece.old.clone()) };
            text.push_str(part.unwrap_or_default());
        }
        text
    }

    /// Lines that come and lines that go, of all hunks.
    pub fn counts(&self) -> (u32, u32) {
        self.hunks.iter().fold((0, 0), |(added, removed), hunk| (added + hunk.added, removed + hunk.removed))
    }
}

fn ends<'a>(slices: impl Iterator<Item = &'a str>) -> Vec<usize> {
    slices
        .scan(0, |end, slice| {
            *end += slice.len();
            Some(*end)
        })
        .collect()
}

fn number(at: usize) -> u32 {
    u32::try_from(at + 1).unwrap_or(u32::MAX)
}

fn line(change: &similar::Change<&str>) -> DiffLine {
    DiffLine {
        change: match change.tag() {
            ChangeTag::Equal => Change::Same,
            ChangeTag::Insert => Change::Added,
            ChangeTag::Delete => Change::Removed,
        },
        old: change.old_index().map(number),
        new: change.new_index().map(number),
        text: change.value().trim_end_matches(['\n', '\r']).to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(changed: &[usize]) -> String {
        (1..=30)
            .map(|at| if changed.contains(&at) { format!("new {at}\n") } else { format!("line {at}\n") })
            .collect()
    }

    #[test]
    fn hunks_are_taken_one_by_one() {
        let (old, new) = (text(&[]), text(&[3, 15, 29]));
        let review = Review::new(&old, &new);
        assert_eq!(review.hunks.len(), 3);
        assert_eq!(review.hunks[1], Hunk { added: 1, removed: 1, first: 12, last: 18 });
        assert_eq!(review.counts(), (3, 3));
        assert_eq!(review.apply(&old, &new, &[true, false, true]), text(&[3, 29]));
        assert_eq!(review.apply(&old, &new, &[false, true, false]), text(&[15]));
        let kinds: Vec<_> =
            review.sections.iter().map(|section| (section.hunk, section.lines.len())).collect();
        assert_eq!(kinds, [(Some(0), 7), (None, 5), (Some(1), 8), (None, 7), (Some(2), 6)]);
        let all: Vec<u32> = review.lines.iter().filter_map(|line| line.new).collect();
        assert_eq!(all, (1..=30).collect::<Vec<_>>());
        assert!(review.lines.iter().all(|line| line.change != Change::Same || line.old == line.new));
    }

    #[test]
    fn a_new_file_is_one_hunk_and_nothing_is_none() {
        let review = Review::new("", "a\nb");
        assert_eq!((review.hunks.len(), review.counts()), (1, (2, 0)));
        assert_eq!(review.apply("", "a\nb", &[false]), "");
        let same = Review::new("a\n", "a\n");
        assert_eq!((same.hunks.len(), same.apply("a\n", "a\n", &[])), (0, "a\n".to_owned()));
        let empty = Review::new("a\n", "");
        assert_eq!(
            (empty.apply("a\n", "", &[true]), empty.apply("a\n", "", &[false])),
            (String::new(), "a\n".to_owned())
        );
    }

    proptest! {
        #[test]
        fn all_hunks_are_the_new_text_and_none_the_old(
            old in proptest::collection::vec("[ab]?\r?", 0..40), new in proptest::collection::vec("[ab]?\r?", 0..40), end in any::<bool>()
        ) {
            let (mut old, mut new) = (old.join("\n"), new.join("\n"));
            if end {
                old.push('\n');
                new.push('\n');
            }
            let review = Review::new(&old, &new);
            let count = review.hunks.len();
            prop_assert_eq!(&review.apply(&old, &new, &vec![true; count]), &new);
            prop_assert_eq!(&review.apply(&old, &new, &vec![false; count]), &old);
            let covered: Vec<usize> = review.sections.iter().flat_map(|section| section.lines.clone()).collect();
            prop_assert_eq!(covered, (0..review.lines.len()).collect::<Vec<_>>());
        }
    }
}
