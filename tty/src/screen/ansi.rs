//! A screen as a stream of escape sequences, for a terminal that is not ours.
//!
//! The terminal is brought into a known state first, without a full reset, which would throw away the scrollback of a
//! user's own terminal. docs/terminal-snapshot.md says what no sequence can express.

use std::io::Write;
use std::ops::Range;

use alacritty_terminal::grid::{Cursor, Dimensions, Grid};
use alacritty_terminal::index::{Column, Line};
use alacritty_terminal::term::TermMode;
use alacritty_terminal::term::cell::{Cell, Flags, Hyperlink};
use alacritty_terminal::vte::ansi::{CharsetIndex, Color, NamedColor, StandardCharset};

use super::keyboard::KeyboardStack;
use super::modes;
use super::reply;
use super::splitter::Splitter;
use super::state::{COLORS, State};

/// What every terminal is told first: no alternate screen, no margins, no modes, plain attributes, ASCII.
const RESET: &[u8] =
    b"\x1b[?2026l\x1b[?1049l\x1b[!p\x1b[?6l\x1b[r\x1b[4l\x1b[20l\x1b[?7h\x1b[?1l\x1b>\x1b[?25h\
    \x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1005l\x1b[?1006l\x1b[?1004l\x1b[?2004l\
    \x1b(B\x1b)B\x1b*B\x1b+B\x0f\x1b[m\x1b]8;;\x1b\\\x1b]104\x1b\\\x1b]110\x1b\\\x1b]111\x1b\\\x1b]112\x1b\\";

/// Flags that belong to the layout and not to the attributes.
const LAYOUT: Flags = Flags::WRAPLINE
    .union(Flags::WIDE_CHAR)
    .union(Flags::WIDE_CHAR_SPACER)
    .union(Flags::LEADING_WIDE_CHAR_SPACER);

/// The stream, with or without the rows above the screen.
pub(super) fn write(state: &State, splitter: &Splitter, with_history: bool) -> Vec<u8> {
    let mut to = Stream { out: RESET.to_vec(), pen: Cell::default(), link: None };
    let alternate = state.has(TermMode::ALT_SCREEN);
    let main = state.main_grid();
    to.colors(state);
    to.titles(state);
    to.tabs(&state.tabs);
    if !alternate && (state.alt_saved != Cursor::default() || !state.other_keyboard.entries().is_empty()) {
        to.raw(b"\x1b[?1049h");
        to.keyboard(&state.other_keyboard);
        to.save_cursor(state, &state.alt_saved, None);
        to.raw(b"\x1b[?1049l");
    }
    to.keyboard(if alternate { &state.other_keyboard } else { &state.keyboard });
    to.raw(b"\x1b[H\x1b[J");
    to.rows(main, if with_history { main.topmost_line() } else { Line(0) });
    if alternate {
        // The switch saves the main screen's cursor, as it did when the program asked for it.
        to.place(&main.cursor, Some(main), 0);
        to.template(state, &main.cursor);
        to.raw(b"\x1b[?1049h");
        to.plain(&main.cursor);
        to.keyboard(&state.keyboard);
        to.raw(b"\x1b[H\x1b[J");
        to.rows(state.term.grid(), Line(0));
    }
    let grid = state.term.grid();
    to.save_cursor(state, &grid.saved_cursor, Some(grid));
    let rows = grid.screen_lines();
    if state.region != (0..rows) {
        to.format(format_args!("\x1b[{};{}r", state.region.start + 1, state.region.end));
    }
    let mut top = 0;
    // The cell that a cursor has just printed can be printed again, where the cursor can be put.
    let mut printed = Some(grid);
    if state.has(TermMode::ORIGIN) {
        to.raw(b"\x1b[?6h");
        top = state.region.start;
        let line = grid.cursor.point.line.0;
        printed = printed.filter(|_| usize::try_from(line).is_ok_and(|line| state.region.contains(&line)));
    }
    to.place(&grid.cursor, printed, top);
    to.template(state, &grid.cursor);
    to.modes(state);
    to.raw(splitter.tail());
    to.out
}

/// A part of the shown screen, painted from the other terminal's top left on: rows and columns that are not there are
/// blank. Nothing of the other terminal's modes is touched.
pub(super) fn write_part(state: &State, rows: Range<usize>, columns: Range<usize>) -> Vec<u8> {
    let mut to = Stream { out: b"\x1b[m".to_vec(), pen: Cell::default(), link: None };
    let grid = state.term.grid();
    for (at, line) in rows.enumerate() {
        to.format(format_args!("\x1b[{};1H", at + 1));
        if line < grid.screen_lines() {
            let row = &grid[Line(line as i32)][..];
            to.clipped(row, columns.clone());
        }
        to.style(&Cell::default());
        to.raw(b"\x1b[K");
    }
    to.out
}

/// The stream, with the attributes and the link that are in force.
struct Stream {
    out: Vec<u8>,
    pen: Cell,
    link: Option<Hyperlink>,
}

impl Stream {
    fn raw(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    fn format(&mut self, arguments: std::fmt::Arguments<'_>) {
        // Writing to memory does not fail.
        let _ = self.out.write_fmt(arguments);
    }

    fn colors(&mut self, state: &State) {
        for index in 0..COLORS {
            let Some(color) = state.term.colors()[index] else { continue };
            match index.checked_sub(256) {
                None => self.format(format_args!("\x1b]4;{index};")),
                Some(which) => self.format(format_args!("\x1b]{};", 10 + which)),
            }
            self.format(format_args!("rgb:{:02x}/{:02x}/{:02x}\x1b\\", color.r, color.g, color.b));
        }
    }

    fn titles(&mut self, state: &State) {
        for title in &state.titles {
            self.title(title.as_deref().unwrap_or_default());
            self.raw(b"\x1b[22;2t");
        }
        if state.title.is_some() || !state.titles.is_empty() {
            self.title(state.title.as_deref().unwrap_or_default());
        }
    }

    fn title(&mut self, title: &str) {
        self.format(format_args!("\x1b]2;{title}\x1b\\"));
    }

    fn tabs(&mut self, tabs: &[bool]) {
        self.raw(b"\x1b[3g");
        for (column, _) in tabs.iter().enumerate().filter(|(_, set)| **set) {
            self.format(format_args!("\x1b[{}G\x1bH", column + 1));
        }
    }

    /// The flags of one screen: all that were there are popped, for the stream may be a second one.
    fn keyboard(&mut self, stack: &KeyboardStack) {
        self.raw(b"\x1b[<16u");
        for (at, flags) in stack.entries().iter().enumerate() {
            match at {
                0 => self.format(format_args!("\x1b[={flags};1u")),
                _ => self.format(format_args!("\x1b[>{flags}u")),
            }
        }
    }

    /// Makes these attributes and this link the ones in force.
    fn style(&mut self, cell: &Cell) {
        if !have_same_attributes(&self.pen, cell) {
            self.format(format_args!("\x1b[{}m", reply::sgr(cell)));
            self.pen = cell.clone();
        }
        let link = cell.hyperlink();
        if link != self.link {
            match &link {
                Some(link) => self.format(format_args!("\x1b]8;id={};{}\x1b\\", link.id(), link.uri())),
                None => self.raw(b"\x1b]8;;\x1b\\"),
            }
            self.link = link;
        }
    }

    fn print(&mut self, cell: &Cell) {
        self.style(cell);
        let c = if cell.c.is_control() { ' ' } else { cell.c };
        self.format(format_args!("{c}"));
        for combining in cell.zerowidth().unwrap_or_default() {
            self.format(format_args!("{combining}"));
        }
    }

    /// Prints the rows of a grid from `first` on, the cursor being in the first column of the screen's top row.
    fn rows(&mut self, grid: &Grid<Cell>, first: Line) {
        let bottom = grid.bottommost_line().0;
        let mut wrapped = false;
        for at in first.0..=bottom {
            let row = &grid[Line(at)][..];
            let next = (at < bottom).then(|| &grid[Line(at + 1)][..]);
            let wraps = next.is_some() && row.last().is_some_and(|cell| cell.flags.contains(Flags::WRAPLINE));
            self.row(row, wrapped, wraps.then_some(next).flatten());
            if next.is_some() && !wraps {
                if self.pen.bg != Color::Named(NamedColor::Background) {
                    self.style(&Cell::default());
                }
                self.raw(b"\r\n");
            }
            wrapped = wraps;
        }
        self.style(&Cell::default());
    }

    /// Prints a row. `wrapped`: the previous one runs on into it. `next`: it runs on into this one.
    fn row(&mut self, row: &[Cell], wrapped: bool, next: Option<&[Cell]>) {
        let end = match next {
            Some(_) => row.len(),
            None => {
                row.iter().rposition(|cell| !is_blank(cell)).map_or(0, |at| at + 1).max(usize::from(wrapped))
            }
        };
        let wide_follows =
            next.and_then(<[_]>::first).is_some_and(|cell| cell.flags.contains(Flags::WIDE_CHAR));
        for (column, cell) in row.iter().enumerate().take(end) {
            let placeholder = cell.flags.contains(Flags::LEADING_WIDE_CHAR_SPACER)
                && column + 1 == row.len()
                && wide_follows;
            if let Some(first) = next.and_then(<[_]>::first).filter(|_| placeholder) {
                self.placeholder(cell, first);
            }
            if cell.flags.contains(Flags::WIDE_CHAR_SPACER) || placeholder {
                continue;
            }
            self.print(cell);
            if column == 0 && wrapped && self.pen.bg != Color::Named(NamedColor::Background) {
                // The new row came with the background that was in force.
                self.style(&Cell::default());
                self.raw(b"\x1b[K");
            }
            let after = column + 1 + usize::from(cell.flags.contains(Flags::WIDE_CHAR));
            if cell.zerowidth().is_some_and(|combining| !combining.is_empty()) && after < row.len() {
                // Terminals disagree about how wide these are.
                self.format(format_args!("\x1b[{}G", after + 1));
            }
        }
    }

    /// A row's last cell, where `wide` did not fit. The terminal makes it as it wraps, with the attributes in force: when
    /// they are not those of `wide`, that is printed twice.
    fn placeholder(&mut self, cell: &Cell, wide: &Cell) {
        if have_same_attributes(cell, wide) && cell.hyperlink() == wide.hyperlink() {
            return;
        }
        self.style(cell);
        self.format(format_args!("{}\r", wide.c));
        self.style(&Cell::default());
        self.raw(b"\x1b[K");
    }

    /// Prints some columns of a row; a wide character that is cut is a blank.
    fn clipped(&mut self, row: &[Cell], columns: Range<usize>) {
        let cells = row.iter().enumerate().skip(columns.start).take(columns.len());
        for (column, cell) in cells {
            let is_first_half = cell.flags.contains(Flags::WIDE_CHAR);
            let is_second_half = cell.flags.contains(Flags::WIDE_CHAR_SPACER);
            if is_second_half && column > columns.start {
                continue;
            }
            if is_second_half || (is_first_half && column + 1 == columns.end) {
                self.style(cell);
                self.raw(b" ");
            } else {
                self.print(cell);
            }
        }
    }

    /// Puts the cursor to its place, `top` rows being above the first one that counts. A cursor that waits to wrap has
    /// just printed the last cell of its row, so that is printed once more.
    fn place(&mut self, cursor: &Cursor<Cell>, grid: Option<&Grid<Cell>>, top: usize) {
        let line = (cursor.point.line.0 as usize).saturating_sub(top);
        let mut column = cursor.point.column.0;
        let at_edge = |grid: &&Grid<Cell>| cursor.input_needs_wrap && column + 1 == grid.columns();
        let last = grid.filter(at_edge).map(|grid| {
            let row = &grid[cursor.point.line];
            if row[Column(column)].flags.contains(Flags::WIDE_CHAR_SPACER) {
                column = column.saturating_sub(1);
            }
            &row[Column(column)]
        });
        self.format(format_args!("\x1b[{};{}H", line + 1, column + 1));
        if let Some(cell) = last {
            self.print(cell);
        }
    }

    /// The attributes, the link and the character sets of a cursor, as the last thing that is done with it.
    fn template(&mut self, state: &State, cursor: &Cursor<Cell>) {
        self.style(&cursor.template);
        for (index, designator) in SETS {
            if cursor.charsets[index] != StandardCharset::Ascii {
                self.format(format_args!("\x1b{designator}0"));
            }
        }
        self.raw(match state.charset {
            CharsetIndex::G0 => b"",
            CharsetIndex::G1 => b"\x0e",
            CharsetIndex::G2 => b"\x1bn",
            CharsetIndex::G3 => b"\x1bo",
        });
    }

    /// Takes `template` back, so that text can be printed.
    fn plain(&mut self, cursor: &Cursor<Cell>) {
        for (index, designator) in SETS {
            if cursor.charsets[index] != StandardCharset::Ascii {
                self.format(format_args!("\x1b{designator}B"));
            }
        }
        self.raw(b"\x0f");
        self.style(&Cell::default());
    }

    fn save_cursor(&mut self, state: &State, cursor: &Cursor<Cell>, grid: Option<&Grid<Cell>>) {
        self.place(cursor, grid, 0);
        self.template(state, cursor);
        self.raw(b"\x1b7");
        self.plain(cursor);
    }

    fn modes(&mut self, state: &State) {
        for (number, _, bit) in modes::ANSI.iter().filter(|(_, _, bit)| state.has(*bit)) {
            debug_assert!(!bit.is_empty());
            self.format(format_args!("\x1b[{number}h"));
        }
        for (number, _, bit) in modes::PRIVATE {
            // The switch of screens, and origin mode, which moves the cursor, have been told already.
            if bit != TermMode::ALT_SCREEN && bit != TermMode::ORIGIN {
                self.format(format_args!("\x1b[?{number}{}", if state.has(bit) { 'h' } else { 'l' }));
            }
        }
        if state.has(TermMode::APP_KEYPAD) {
            self.raw(b"\x1b=");
        }
        self.format(format_args!("\x1b[{} q", reply::cursor_style(state)));
        if state.modify_other_keys > 0 {
            self.format(format_args!("\x1b[>4;{}m", state.modify_other_keys));
        }
        if state.sync {
            self.raw(b"\x1b[?2026h");
        }
    }
}

/// The character sets and what designates them.
const SETS: [(CharsetIndex, char); 4] =
    [(CharsetIndex::G0, '('), (CharsetIndex::G1, ')'), (CharsetIndex::G2, '*'), (CharsetIndex::G3, '+')];

/// Whether two cells have the same colours, and the same of what characters can be: bold, underlined and so on.
fn have_same_attributes(one: &Cell, other: &Cell) -> bool {
    one.fg == other.fg
        && one.bg == other.bg
        && one.flags.difference(LAYOUT) == other.flags.difference(LAYOUT)
        && one.underline_color() == other.underline_color()
}

/// Whether a cell looks as after erasing with the default background.
fn is_blank(cell: &Cell) -> bool {
    matches!(cell.c, ' ' | '\t')
        && cell.fg == Color::Named(NamedColor::Foreground)
        && cell.bg == Color::Named(NamedColor::Background)
        && cell.flags.difference(Flags::WRAPLINE).is_empty()
        && cell.zerowidth().unwrap_or_default().is_empty()
        && cell.underline_color().is_none()
        && cell.hyperlink().is_none()
}
