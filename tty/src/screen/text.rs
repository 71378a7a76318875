//! A screen as plain text.

use alacritty_terminal::grid::{Dimensions, Grid};
use alacritty_terminal::index::Line;
use alacritty_terminal::term::cell::{Cell, Flags};

/// The text of a grid's rows from `first` on: blanks at the ends of lines and blank lines at the end are left out, rows
/// that the terminal wrapped are one line.
pub(super) fn text(grid: &Grid<Cell>, first: Line) -> String {
    let mut text = String::new();
    let mut line = String::new();
    let mut blank_lines = 0;
    for at in first.0..=grid.bottommost_line().0 {
        let row = &grid[Line(at)][..];
        push_row(&mut line, row);
        let wrapped = row.last().is_some_and(|cell| cell.flags.contains(Flags::WRAPLINE));
        if wrapped && at < grid.bottommost_line().0 {
            continue;
        }
        let trimmed = line.trim_end_matches(' ');
        if trimmed.is_empty() {
            blank_lines += 1;
        } else {
            text.extend(std::iter::repeat_n('\n', blank_lines));
            blank_lines = 0;
            text.push_str(trimmed);
            text.push('\n');
        }
        line.clear();
    }
    text
}

fn push_row(line: &mut String, row: &[Cell]) {
    for cell in row {
        if cell.flags.intersects(Flags::WIDE_CHAR_SPACER | Flags::LEADING_WIDE_CHAR_SPACER) {
            continue;
        }
        // A tab is kept in the cell it began in, and the cells it jumped over are blanks.
        line.push(if cell.c == '\t' { ' ' } else { cell.c });
        line.extend(cell.zerowidth().unwrap_or_default());
    }
}
