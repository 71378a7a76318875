//! Writing version 1.

use alacritty_terminal::grid::{Dimensions, Grid};
use alacritty_terminal::index::Line;
use alacritty_terminal::term::TermMode;
use alacritty_terminal::term::cell::Cell;
use alacritty_terminal::vte::ansi::CursorShape;

use super::bytes::Writer;
use super::cells::{Tables, charset_code};
use super::{MAGIC, MODES, VERSION};
use crate::screen::splitter::Splitter;
use crate::screen::state::{COLORS, State};

/// The whole state, or all but the rows above the screen.
pub(in crate::screen) fn write(state: &State, splitter: &Splitter, with_history: bool) -> Vec<u8> {
    // Rows and cursors first, for they make the tables that stand before them.
    let mut tables = Tables::default();
    let mut body = Writer::default();
    write_grids(state, with_history, &mut tables, &mut body);

    let mut to = Writer { out: MAGIC.to_vec() };
    to.byte(VERSION);
    write_settings(state, &mut to);
    write_unfinished(splitter, &mut to);
    tables.write(&mut to);
    to.out.extend_from_slice(&body.out);
    to.out
}

fn write_settings(state: &State, to: &mut Writer) {
    let size = state.size;
    [size.cols, size.rows, size.cell_width, size.cell_height]
        .into_iter()
        .for_each(|number| to.number(number));
    let modes = MODES.iter().enumerate().map(|(bit, mode)| u32::from(state.has(*mode)) << bit).sum::<u32>();
    to.number(modes);
    to.byte(u8::from(state.sync));
    to.number(state.region.start);
    to.number(state.region.end);
    to.byte(charset_code(state.charset));
    to.byte(match state.style {
        None => 0,
        Some(style) => 1 + 2 * shape_code(style.shape) + u8::from(style.blinking),
    });
    let tabs: Vec<usize> = state.tabs.iter().enumerate().filter(|(_, set)| **set).map(|(at, _)| at).collect();
    to.number(tabs.len());
    tabs.into_iter().for_each(|at| to.number(at));
    to.bytes(state.keyboard.entries());
    to.bytes(state.other_keyboard.entries());
    to.byte(state.modify_other_keys);
    to.number(state.last_char.map_or(0, u32::from));
    to.number(state.links);
    to.optional_text(state.title.as_deref());
    to.number(state.titles.len());
    state.titles.iter().for_each(|title| to.optional_text(title.as_deref()));
    let colors = state.term.colors();
    let set: Vec<usize> = (0..COLORS).filter(|index| colors[*index].is_some()).collect();
    to.number(set.len());
    for index in set {
        let color = colors[index].unwrap_or_default();
        to.number(index);
        [color.r, color.g, color.b].into_iter().for_each(|part| to.byte(part));
    }
    to.number(state.notes.open.len());
    for note in &state.notes.open {
        [&note.id, &note.title, &note.body].into_iter().for_each(|text| to.text(text));
    }
}

fn shape_code(shape: CursorShape) -> u8 {
    match shape {
        CursorShape::Underline => 1,
        CursorShape::Beam => 2,
        _ => 0,
    }
}

fn write_unfinished(splitter: &Splitter, to: &mut Writer) {
    to.byte(splitter.place().code());
    to.byte(u8::from(splitter.is_dropping()));
    to.bytes(splitter.tail());
}

fn write_grids(state: &State, with_history: bool, tables: &mut Tables, to: &mut Writer) {
    write_grid(state.main_grid(), with_history, tables, to);
    if state.has(TermMode::ALT_SCREEN) {
        write_grid(state.term.grid(), with_history, tables, to);
    } else {
        tables.write_cursor(to, &state.alt_saved);
    }
}

/// A grid: cursor, saved cursor, number of rows in the history, rows from the oldest on.
fn write_grid(grid: &Grid<Cell>, with_history: bool, tables: &mut Tables, to: &mut Writer) {
    tables.write_cursor(to, &grid.cursor);
    tables.write_cursor(to, &grid.saved_cursor);
    let first = if with_history { grid.topmost_line().0 } else { 0 };
    to.number(first.unsigned_abs());
    for line in first..=grid.bottommost_line().0 {
        tables.write_row(to, &grid[Line(line)][..]);
    }
}
