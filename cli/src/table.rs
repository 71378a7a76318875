//! Aligned columns, fitted to a terminal when there is one.

use crate::style::Style;
use magia_protocol::wire::visible;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// No column is made narrower than this to fit.
const NARROWEST: usize = 8;
const GAP: &str = "  ";

/// A column.
#[derive(Clone, Copy)]
pub struct Column {
    heading: &'static str,
    flexible: bool,
    right: bool,
}

impl Column {
    /// A column that is never cut.
    pub const fn fixed(heading: &'static str) -> Self {
        Self { heading, flexible: false, right: false }
    }

    /// A column of numbers.
    pub const fn number(heading: &'static str) -> Self {
        Self { heading, flexible: false, right: true }
    }

    /// A column that may be cut so that the row fits.
    pub const fn flexible(heading: &'static str) -> Self {
        Self { heading, flexible: true, right: false }
    }
}

/// Rows under headings.
pub struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table.
    pub fn new(columns: &[Column]) -> Self {
        Self { columns: columns.to_vec(), rows: Vec::new() }
    }

    /// Adds a row; each cell is made to fit on one line.
    pub fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.iter().map(|cell| visible(cell).into_owned()).collect());
    }

    /// Whether no row was added.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The lines; with `fit`, flexible columns are cut so that each has at most so many columns of text. With `color`,
    /// headings are faint and the words of columns that are never cut have their colours: what an agent wrote has none.
    pub fn lines(&self, fit: Option<usize>, color: bool) -> Vec<String> {
        let widths = self.widths(fit);
        let headings: Vec<String> = self.columns.iter().map(|column| column.heading.to_owned()).collect();
        let heading = self.line(&headings, &widths, false);
        let heading = if color { Style::Faint.paint(&heading) } else { heading };
        let rows = self.rows.iter().map(|row| self.line(row, &widths, color));
        std::iter::once(heading).chain(rows).collect()
    }

    fn widths(&self, fit: Option<usize>) -> Vec<usize> {
        let mut widths: Vec<usize> = self.columns.iter().map(|column| column.heading.width()).collect();
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.width());
            }
        }
        let Some(fit) = fit else { return widths };
        let gaps = GAP.len() * widths.len().saturating_sub(1);
        loop {
            let total = gaps + widths.iter().sum::<usize>();
            let widest = widths
                .iter_mut()
                .zip(&self.columns)
                .filter(|(width, column)| column.flexible && **width > NARROWEST)
                .map(|(width, _)| width)
                .max();
            match widest {
                Some(width) if total > fit => *width -= 1,
                _ => return widths,
            }
        }
    }

    fn line(&self, row: &[String], widths: &[usize], color: bool) -> String {
        let mut line = String::new();
        let last = row.len().saturating_sub(1);
        for (at, ((cell, width), column)) in row.iter().zip(widths).zip(&self.columns).enumerate() {
            let cell = cut(cell, *width);
            let pad = " ".repeat(width.saturating_sub(cell.width()));
            let style = Style::of(&cell).filter(|_| color && !column.flexible);
            let cell = style.map_or(cell.clone(), |style| style.paint(&cell));
            if column.right {
                line.push_str(&pad);
                line.push_str(&cell);
            } else {
                line.push_str(&cell);
                if at < last {
                    line.push_str(&pad);
                }
            }
            if at < last {
                line.push_str(GAP);
            }
        }
        line.truncate(line.trim_end().len());
        line
    }
}

/// At most `width` columns of `text`, with `…` in place of the rest.
pub fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut kept = String::new();
    let mut used = 1;
    for c in text.chars() {
        used += c.width().unwrap_or(0);
        if used > width {
            break;
        }
        kept.push(c);
    }
    kept.push('…');
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Table {
        let mut table = Table::new(&[Column::fixed("ID"), Column::flexible("TITLE"), Column::number("AGE")]);
        table.row(["a1".to_owned(), "Fix the cart's rounding".to_owned(), "5 s".to_owned()]);
        table.row(["b2".to_owned(), "日本語\u{1b}[31m".to_owned(), "12 m".to_owned()]);
        table
    }

    #[test]
    fn columns_are_aligned_and_nothing_is_cut_without_a_terminal() {
        assert_eq!(
            sample().lines(None, false),
            [
                "ID  TITLE                     AGE",
                "a1  Fix the cart's rounding   5 s",
                "b2  日本語\\u{1b}[31m         12 m",
            ]
        );
    }

    #[test]
    fn flexible_columns_give_way() {
        let lines = sample().lines(Some(24), false);
        assert!(lines.iter().all(|line| line.width() <= 24), "{lines:#?}");
        assert_eq!(lines[1], "a1  Fix the cart'…   5 s");
        let narrow = sample().lines(Some(1), false);
        assert!(narrow[1].starts_with("a1  Fix the…"), "{narrow:#?}");
    }

    #[test]
    fn only_words_of_ours_are_coloured_and_the_columns_stay() {
        let mut table = Table::new(&[Column::fixed("STATE"), Column::flexible("TITLE")]);
        table.row(["failed".to_owned(), "failed".to_owned()]);
        table.row(["idle".to_owned(), "ok".to_owned()]);
        assert_eq!(
            table.lines(None, true),
            ["\u{1b}[2mSTATE   TITLE\u{1b}[0m", "\u{1b}[31mfailed\u{1b}[0m  failed", "idle    ok"]
        );
    }

    #[test]
    fn a_wide_character_is_not_cut_in_half() {
        assert_eq!(cut("日本語", 4), "日…");
        assert_eq!(cut("日本語", 6), "日本語");
    }
}
