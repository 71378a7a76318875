//! The rows of a review and where each is: only those on screen are laid out.

use super::data::ReviewData;
use crate::ui::theme;
use crate::ui::widgets::code::Shape;
use std::collections::BTreeSet;
use std::ops::Range;

/// Height of a hunk's head.
pub const HEAD: f32 = 32.0;
/// Height of a row for lines that are folded away.
pub const FOLD: f32 = 28.0;

/// A row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Row {
    /// The head of a hunk.
    Head(usize),
    /// Lines that stay, folded away: the section, and how many.
    Fold(usize, usize),
    /// A line.
    Line(usize, Option<usize>),
    /// Old beside new, and the hunk.
    Pair((Option<usize>, Option<usize>), Option<usize>),
}

/// What rows are made for.
#[derive(Clone, Copy, Debug, PartialEq)]
struct MadeFor {
    split: bool,
    width: f32,
    unfolded: usize,
}

/// The rows.
#[derive(Debug, Default)]
pub struct Rows {
    made_for: Option<MadeFor>,
    rows: Vec<Row>,
    /// Where each row ends.
    ends: Vec<f32>,
}

impl Rows {
    /// Makes the rows, unless they are there.
    pub fn refresh(
        &mut self,
        data: &ReviewData,
        shape: &Shape<'_>,
        unfolded: &BTreeSet<usize>,
        split: bool,
        width: f32,
    ) {
        let wanted = MadeFor { split, width, unfolded: unfolded.len() };
        if self.made_for == Some(wanted) {
            return;
        }
        self.made_for = Some(wanted);
        self.rows.clear();
        self.ends.clear();
        let mut pairs = data.view.pairs.iter().copied().peekable();
        let mut end = 0.0;
        for (at, section) in data.review.sections.iter().enumerate() {
            let mut push = |row: Row| {
                end += height(row, shape, width);
                self.rows.push(row);
                self.ends.push(end);
            };
            let folded = section.hunk.is_none() && !unfolded.contains(&at);
            match section.hunk {
                Some(hunk) => push(Row::Head(hunk)),
                None if folded => push(Row::Fold(at, section.lines.len())),
                None => {}
            }
            if !split && !folded {
                section.lines.clone().for_each(|line| push(Row::Line(line, section.hunk)));
            }
            // The pairs of a section are taken in any case: they stand in one row for all.
            while let Some(pair) =
                pairs.next_if(|(old, new)| old.or(*new).is_some_and(|line| section.lines.contains(&line)))
            {
                if split && !folded {
                    push(Row::Pair(pair, section.hunk));
                }
            }
        }
    }

    /// How high all are together.
    pub fn height(&self) -> f32 {
        self.ends.last().copied().unwrap_or_default()
    }

    /// The rows that are seen between two heights, each with its place.
    pub fn between(&self, top: f32, bottom: f32) -> impl Iterator<Item = (Row, Range<f32>)> {
        let first = self.ends.partition_point(|end| *end <= top);
        let rows = self.rows.get(first..).unwrap_or_default().iter().copied();
        let mut start = first.checked_sub(1).and_then(|at| self.ends.get(at)).copied().unwrap_or_default();
        let ends = self.ends.get(first..).unwrap_or_default().iter().copied();
        rows.zip(ends).map_while(move |(row, end)| {
            let place = start..end;
            start = end;
            (place.start < bottom).then_some((row, place))
        })
    }

    /// Where a hunk's head is.
    pub fn head(&self, hunk: usize) -> Option<f32> {
        let at = self.rows.iter().position(|row| *row == Row::Head(hunk))?;
        Some(at.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or_default())
    }
}

fn height(row: Row, shape: &Shape<'_>, width: f32) -> f32 {
    match row {
        Row::Head(_) => HEAD,
        Row::Fold(..) => FOLD,
        Row::Line(at, _) => shape.line_height(at, width),
        Row::Pair(pair, _) => shape.pair_height(pair, width),
    }
    .max(theme::SPACE_4)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::theme::Palette;
    use magia_core::ide::ProposedDiff;

    #[test]
    fn rows_are_found_by_height() {
        let old: String = (1..=60).map(|at| format!("a{at}\n")).collect();
        let new = old.replace("a5\n", "B5\n").replace("a50\n", "B50\nC\n");
        let diff = ProposedDiff {
            path: "/p/a.txt".into(),
            old: Some(old.into()),
            new: new.as_str().into(),
            is_new: false,
        };
        let data = ReviewData::new(&diff, &new);
        let colors = Palette::of(eframe::egui::Theme::Dark);
        let shape = Shape::new(&data.view, "", colors);
        for split in [false, true] {
            let mut rows = Rows::default();
            rows.refresh(&data, &shape, &BTreeSet::new(), split, 800.0);
            let all: Vec<(Row, Range<f32>)> = rows.between(0.0, f32::MAX).collect();
            assert_eq!(all.len(), if split { 3 + 2 + 7 + 8 } else { 3 + 2 + 8 + 9 }, "{split}");
            assert_eq!(all.last().map(|(_, place)| place.end), Some(rows.height()));
            let head = rows.head(1).unwrap();
            assert_eq!(rows.between(head, head + 1.0).next().map(|(row, _)| row), Some(Row::Head(1)));
            let unfolded: BTreeSet<usize> = (0..5).collect();
            rows.refresh(&data, &shape, &unfolded, split, 800.0);
            let lines =
                rows.between(0.0, f32::MAX).filter(|(row, _)| !matches!(row, Row::Head(_) | Row::Fold(..)));
            assert_eq!(lines.count(), if split { 61 } else { 63 });
        }
    }
}
