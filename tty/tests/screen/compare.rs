//! Two screens compared: what is seen cell by cell, and what is only seen in what the next bytes do.

use std::fmt::Write;

use alacritty_terminal::grid::{Cursor, Dimensions, GridCell};
use alacritty_terminal::index::{Column, Line};
use alacritty_terminal::term::cell::{Cell, Flags};
use alacritty_terminal::vte::ansi::CharsetIndex;
use magia_tty::screen::{Screen, ScreenEvent, Size};

/// The size that most tests use.
pub const SIZE: Size = Size { cols: 20, rows: 6, cell_width: 9, cell_height: 18 };
/// The history that most tests keep.
pub const HISTORY: usize = 40;

/// A screen after some output.
pub fn screen(bytes: &[u8]) -> Screen {
    let mut screen = Screen::new(SIZE, HISTORY);
    screen.advance(bytes);
    screen
}

fn cell(cell: &Cell, exact: bool) -> String {
    // A tab character in a cell is a blank that remembers a tab; no sequence puts it there without moving.
    let c = if !exact && cell.c == '\t' { ' ' } else { cell.c };
    let link = cell.hyperlink();
    format!(
        "{c:?}+{:?} {:?} on {:?} {:?} {:?} {:?}",
        cell.zerowidth().unwrap_or_default(),
        cell.fg,
        cell.bg,
        cell.flags,
        cell.underline_color(),
        link.as_ref().map(|link| (link.id(), link.uri()))
    )
}

fn cursor(cursor: &Cursor<Cell>) -> String {
    let sets = [CharsetIndex::G0, CharsetIndex::G1, CharsetIndex::G2, CharsetIndex::G3]
        .map(|set| cursor.charsets[set]);
    format!("{:?} wrap {} {sets:?} {}", cursor.point, cursor.input_needs_wrap, cell(&cursor.template, true))
}

/// What can be seen of a screen, with or without its cells, a line each. `exact`: as our own snapshot keeps it; else as
/// an escape sequence stream can.
fn seen(screen: &Screen, exact: bool, cells: bool) -> Vec<String> {
    let term = screen.term();
    let grid = term.grid();
    let mut seen = vec![
        format!("size {:?} lines {} history {}", screen.size(), grid.screen_lines(), grid.history_size()),
        format!("modes {:?}", term.mode()),
        format!("cursor {}", cursor(&grid.cursor)),
        format!("saved cursor {}", cursor(&grid.saved_cursor)),
        format!("title {:?}", screen.title().unwrap_or_default()),
        format!("style {:?} sync {}", screen.cursor_style(), screen.sync_pending()),
        format!("keys {}", screen.modify_other_keys()),
    ];
    for index in 0..259 {
        if let Some(color) = term.colors()[index] {
            seen.push(format!("color {index} {color:?}"));
        }
    }
    let first = if cells { grid.topmost_line().0 } else { grid.bottommost_line().0 + 1 };
    for line in first..=grid.bottommost_line().0 {
        for column in 0..grid.columns() {
            seen.push(format!("{line},{column} {}", cell(&grid[Line(line)][Column(column)], exact)));
        }
    }
    seen
}

/// Whether all cells are the same. Spelling a thousand cells out for every comparison would take most of a test's time.
fn same_cells(one: &Screen, other: &Screen) -> bool {
    let (one, other) = (one.term().grid(), other.term().grid());
    let same = |one: &Cell, other: &Cell| {
        (one.c, one.fg, one.bg, one.flags) == (other.c, other.fg, other.bg, other.flags)
            && one.zerowidth().unwrap_or_default() == other.zerowidth().unwrap_or_default()
            && (one.underline_color(), one.hyperlink()) == (other.underline_color(), other.hyperlink())
    };
    (one.total_lines(), one.screen_lines(), one.columns())
        == (other.total_lines(), other.screen_lines(), other.columns())
        && (one.topmost_line().0..=one.bottommost_line().0).all(|line| {
            one[Line(line)].into_iter().zip(&other[Line(line)]).all(|(one, other)| same(one, other))
        })
}

/// What differs, as text; empty when nothing does.
pub fn difference(one: &Screen, other: &Screen, exact: bool) -> String {
    let cells = !same_cells(one, other);
    let (one, other) = (seen(one, exact, cells), seen(other, exact, cells));
    let mut text = String::new();
    for (one, other) in one.iter().zip(&other).filter(|(one, other)| one != other).take(12) {
        let _ = writeln!(text, "  {one}\n  {other}");
    }
    if one.len() != other.len() {
        let _ = writeln!(text, "  {} and {} lines", one.len(), other.len());
    }
    text
}

/// What an eye sees of a screen: a line for every cell of it that is not blank, and the cursor.
pub fn looks(screen: &Screen) -> Vec<String> {
    let layout = Flags::WRAPLINE | Flags::LEADING_WIDE_CHAR_SPACER;
    let grid = screen.term().grid();
    let mut looks = vec![format!("{:?} wrap {}", grid.cursor.point, grid.cursor.input_needs_wrap)];
    for line in 0..=grid.bottommost_line().0 {
        for (column, seen) in grid[Line(line)].into_iter().enumerate() {
            let mut seen = seen.clone();
            seen.flags.remove(layout);
            if !seen.is_empty() {
                looks.push(format!("{line},{column} {}", cell(&seen, false)));
            }
        }
    }
    looks
}

/// Output that brings hidden state to light, one after the other.
pub const PROBES: [&[u8]; 14] = [
    // What the cursor's attributes, character set, pending wrap and insert mode do to text; REP.
    b"q\x1b[2bq",
    // Questions.
    b"\x1b[6n\x1b[c\x1b[?u\x1b[?4m\x1b]11;?\x07\x1b]4;1;?\x07\x1b[4$p\x1b[20$p\x1b[?1$p\x1b[?6$p\x1b[?7$p\x1b[?12$p\
      \x1b[?25$p\x1b[?1000$p\x1b[?1002$p\x1b[?1003$p\x1b[?1004$p\x1b[?1005$p\x1b[?1006$p\x1b[?1007$p\x1b[?1049$p\
      \x1b[?2004$p\x1b[?2026$p\x1b[14t\x1b[18t\x1bP$qm\x1b\\\x1bP$qr\x1b\\\x1bP$q q\x1b\\",
    // Tab stops, forwards and backwards.
    b"\r\tT\tU\t\tV\x1b[Z\x1b[2ZW",
    // The saved cursor with its attributes and character sets.
    b"\x1b8qx\x0eqx\x0f",
    // Character sets by hand.
    b"\x0elqk\x0f lqk\x1bnlqk\x0f",
    // The margins, new lines, autowrap.
    b"\x1b[2;1HA\nB\nC\nD\nE\nF\nG\x1bM\x1bM\x1b[99AX\x1b[99BYlong enough to wrap around the edge of it",
    // What erasing fills with.
    b"\x1b[K\x1b[1J\x1b[3X",
    // The keyboard stack.
    b"\x1b[<u\x1b[?u\x1b[<u\x1b[?u",
    // The title stack.
    b"\x1b[23t\x1b[23t",
    // The other screen, its saved cursor and its keyboard stack, and back.
    b"\x1b[?1049h\x1b[?u\x1b8alt\x1b[?1049l\x1b[?ui\x1b8main\x1b[?1049h\x1b[?u\x1b[?1049l",
    // The colours are reset.
    b"\x1b]104\x07\x1b]110\x07\x1b]111\x07\x1b]112\x07",
    // A notification that was begun.
    b"\x1b]99;i=7:p=body;and more\x1b\\",
    // Scrolling through all of the screen.
    b"\x1b[r\n\n\n\n\n\n\n\n\n\nend",
    // A soft reset leaves what it does not touch.
    b"\x1b[!pz\tz",
];

/// Feeds the probes to both and says where they part; empty when they never do.
pub fn probe(one: &mut Screen, other: &mut Screen, exact: bool) -> String {
    let mut text = difference(one, other, exact);
    one.take_events();
    other.take_events();
    for bytes in PROBES {
        if !text.is_empty() {
            break;
        }
        one.advance(bytes);
        other.advance(bytes);
        let (answers, others) = (one.take_events(), other.take_events());
        if answers != others {
            let _ = writeln!(text, "  {}\n  {}", readable(&answers), readable(&others));
        }
        text += &difference(one, other, exact);
        if !text.is_empty() {
            text = format!("after {:?}\n{text}", String::from_utf8_lossy(bytes));
        }
    }
    text
}

/// Events with readable replies.
pub fn readable(events: &[ScreenEvent]) -> String {
    let mut text = String::new();
    for event in events {
        text += &match event {
            ScreenEvent::Reply(bytes) => format!("{} ", bytes.escape_ascii()),
            other => format!("{other:?} "),
        };
    }
    text
}
