//! What is visible of a terminal, copied out under its lock once a frame: plain data, as large as the screen.

use alacritty_terminal::Term;
use alacritty_terminal::event::EventListener;
use alacritty_terminal::grid::Dimensions as _;
use alacritty_terminal::index::{Column, Line, Point};
use alacritty_terminal::selection::SelectionRange;
use alacritty_terminal::term::cell::{Cell, Flags};
use alacritty_terminal::term::color::{COUNT, Colors};
use alacritty_terminal::term::{TermMode, point_to_viewport};
use alacritty_terminal::vte::ansi::{CursorShape, CursorStyle};

/// The visible part of a terminal. Lines and columns are counted from the top left of what is seen.
#[derive(Clone, Default)]
pub struct TerminalFrame {
    /// Cells in a line.
    pub columns: usize,
    /// Lines.
    pub lines: usize,
    cells: Vec<Cell>,
    /// Where the cursor is, when it is in sight and shown.
    pub cursor: Option<FrameCursor>,
    /// What is selected, in the grid's own lines.
    pub selection: Option<SelectionRange>,
    /// How many lines it is scrolled back.
    pub display_offset: usize,
    /// How many lines there are above the screen.
    pub history: usize,
    /// The program's modes.
    pub modes: TermMode,
    /// The colours that the program has set.
    pub colors: Colors,
    /// Becomes another when anything of it changed.
    pub revision: u64,
}

/// The cursor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FrameCursor {
    /// Its line.
    pub line: usize,
    /// Its column, the left one of a wide character.
    pub column: usize,
    /// How it is drawn with the keyboard's focus.
    pub shape: CursorShape,
    /// Whether it blinks.
    pub blinking: bool,
    /// Whether it stands on a wide character.
    pub wide: bool,
}

impl TerminalFrame {
    /// Copies what is visible, with a cursor of this style, and says whether anything is different from the last time. Cells are compared instead
    /// of asking the terminal what it damaged: that can be asked by one view only.
    pub fn take<L: EventListener>(&mut self, term: &Term<L>, style: CursorStyle) -> bool {
        let grid = term.grid();
        let (columns, lines) = (grid.columns(), grid.screen_lines());
        let mut changed = self.columns != columns || self.lines != lines;
        if changed {
            self.columns = columns;
            self.lines = lines;
            self.cells = vec![Cell::default(); columns * lines];
        }
        let offset = grid.display_offset();
        let first = -i32::try_from(offset).unwrap_or(i32::MAX);
        for (line, row) in (first..).zip(self.cells.chunks_mut(columns.max(1))) {
            for (column, cell) in row.iter_mut().enumerate() {
                #[allow(clippy::indexing_slicing, reason = "the grid has an indexing operator only")]
                let now = &grid[Line(line)][Column(column)];
                if cell != now {
                    cell.clone_from(now);
                    changed = true;
                }
            }
        }
        let content = term.renderable_content();
        let cursor = point_to_viewport(offset, content.cursor.point)
            .filter(|at| {
                at.line < lines
                    && content.mode.contains(TermMode::SHOW_CURSOR)
                    && style.shape != CursorShape::Hidden
            })
            .map(|at| FrameCursor {
                line: at.line,
                column: at.column.0,
                shape: style.shape,
                blinking: style.blinking,
                wide: self
                    .cell(at.line, at.column.0)
                    .is_some_and(|cell| cell.flags.contains(Flags::WIDE_CHAR)),
            });
        changed |= replace(&mut self.cursor, cursor);
        changed |= replace(&mut self.selection, content.selection);
        changed |= replace(&mut self.display_offset, offset);
        changed |= replace(&mut self.history, grid.history_size());
        changed |= replace(&mut self.modes, content.mode);
        if !same_colors(&self.colors, content.colors) {
            self.colors = *content.colors;
            changed = true;
        }
        if changed {
            self.revision += 1;
        }
        changed
    }

    /// The cells of a line; none below the last.
    pub fn row(&self, line: usize) -> &[Cell] {
        let from = line * self.columns;
        self.cells.get(from..from + self.columns).unwrap_or_default()
    }

    /// One cell.
    pub fn cell(&self, line: usize, column: usize) -> Option<&Cell> {
        self.row(line).get(column)
    }

    /// The grid's point of a visible cell.
    pub fn point(&self, line: usize, column: usize) -> Point {
        let line = i32::try_from(line).unwrap_or(i32::MAX);
        let offset = i32::try_from(self.display_offset).unwrap_or(i32::MAX);
        Point::new(Line(line - offset), Column(column))
    }

    /// What is visible as text, without the spaces at the ends of lines.
    pub fn text(&self) -> String {
        let mut text = String::with_capacity(self.cells.len());
        for line in 0..self.lines {
            if line > 0 {
                text.push('\n');
            }
            let start = text.len();
            for cell in self.row(line) {
                push_cell(&mut text, cell);
            }
            let kept = text.get(start..).map_or(0, |row| row.trim_end_matches(' ').len());
            text.truncate(start + kept);
        }
        text.truncate(text.trim_end_matches('\n').len());
        text
    }
}

#[cfg(test)]
impl TerminalFrame {
    /// A frame without cells, for tests of what is around them.
    pub fn scrolled(lines: usize, history: usize, display_offset: usize) -> Self {
        Self { columns: 80, lines, history, display_offset, ..Self::default() }
    }
}

/// Appends a cell's character with what combines with it.
pub fn push_cell(text: &mut String, cell: &Cell) {
    if cell.flags.intersects(Flags::WIDE_CHAR_SPACER | Flags::LEADING_WIDE_CHAR_SPACER) {
        return;
    }
    text.push(if cell.c == '\t' { ' ' } else { cell.c });
    text.extend(cell.zerowidth().unwrap_or_default());
}

fn replace<T: PartialEq>(old: &mut T, new: T) -> bool {
    let changed = *old != new;
    *old = new;
    changed
}

fn same_colors(one: &Colors, other: &Colors) -> bool {
    #[allow(clippy::indexing_slicing, reason = "the colours have an indexing operator only")]
    (0..COUNT).all(|index| one[index] == other[index])
}
