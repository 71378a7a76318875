//! Reading version 1. The bytes may be hostile: every number has a bound, and a row is kept only when it fits.

use alacritty_terminal::grid::{Dimensions, Grid};
use alacritty_terminal::index::Line;
use alacritty_terminal::term::TermMode;
use alacritty_terminal::term::cell::Cell;
use alacritty_terminal::vte::ansi::{CursorShape, CursorStyle, Handler, Rgb};

use super::bytes::Reader;
use super::cells::{Styles, charset_of};
use super::{MAGIC, MODES, SnapshotError, VERSION};
use crate::screen::Size;
use crate::screen::history::fill;
use crate::screen::keyboard::{KeyboardStack, MOST_ENTRIES};
use crate::screen::modes;
use crate::screen::notify::{MOST_CHARS, MOST_OPEN, Note};
use crate::screen::size::MOST_CELLS;
use crate::screen::splitter::{MOST_OSC, Place, Splitter};
use crate::screen::state::{COLORS, MOST_HISTORY, MOST_TITLE_CHARS, MOST_TITLES, State};

/// A character of UTF-8 has at most so many bytes.
const CHAR_BYTES: usize = 4;

/// The state that the bytes describe, with at most `history` rows above the screen.
pub(in crate::screen) fn read(bytes: &[u8], history: usize) -> Result<(State, Splitter), SnapshotError> {
    let bytes = bytes.strip_prefix(MAGIC).ok_or(SnapshotError::NotASnapshot)?;
    let from = &mut Reader::new(bytes);
    match from.byte()? {
        VERSION => {}
        version => return Err(SnapshotError::Version(version)),
    }
    let number =
        |from: &mut Reader<'_>, most: u16| from.number(usize::from(most)).map(|number| number as u16);
    let size = Size {
        cols: number(from, MOST_CELLS)?,
        rows: number(from, MOST_CELLS)?,
        cell_width: number(from, u16::MAX)?,
        cell_height: number(from, u16::MAX)?,
    };
    if size != size.clamped() {
        return Err(SnapshotError::Invalid("size"));
    }
    let mut state = State::new(size, history);
    let on = read_settings(from, &mut state)?;
    let splitter = read_unfinished(from)?;
    read_grids(from, &mut state, on.alternate)?;
    if !from.is_empty() {
        return Err(SnapshotError::Invalid("end"));
    }
    // The region homes the cursor, so it comes before the cursor's place, which the grids brought; put it back.
    let cursor = state.term.grid().cursor.clone();
    state.set_region(on.region.0 + 1, Some(on.region.1));
    for mode in on.modes {
        set_mode(&mut state, mode);
    }
    state.term.grid_mut().cursor = cursor;
    state.apply_keyboard();
    Ok((state, splitter))
}

/// What cannot be set before the grids are there.
struct Later {
    alternate: bool,
    region: (usize, usize),
    modes: Vec<(TermMode, bool)>,
}

fn read_settings(from: &mut Reader<'_>, state: &mut State) -> Result<Later, SnapshotError> {
    let (rows, cols) = (usize::from(state.size.rows), usize::from(state.size.cols));
    let bits = from.number((1 << MODES.len()) - 1)?;
    let modes = MODES.iter().enumerate().map(|(bit, mode)| (*mode, bits >> bit & 1 == 1)).collect::<Vec<_>>();
    let alternate = modes.contains(&(TermMode::ALT_SCREEN, true));
    state.sync = from.flag()?;
    let region = (from.number(rows - 1)?, from.number(rows)?);
    if region.0 >= region.1 {
        return Err(SnapshotError::Invalid("scroll region"));
    }
    let charset = charset_of(from.byte()?).ok_or(SnapshotError::Invalid("character set"))?;
    state.set_charset(charset);
    if let Some(code) = from.byte()?.checked_sub(1) {
        let shape = match code >> 1 {
            0 => CursorShape::Block,
            1 => CursorShape::Underline,
            2 => CursorShape::Beam,
            _ => return Err(SnapshotError::Invalid("cursor style")),
        };
        state.set_style(Some(CursorStyle { shape, blinking: code & 1 == 1 }));
    }
    let mut tabs = vec![false; cols];
    for _ in 0..from.number(cols)? {
        let column = from.number(cols - 1)?;
        tabs.get_mut(column).into_iter().for_each(|tab| *tab = true);
    }
    state.set_tabs(tabs);
    state.keyboard = KeyboardStack::from_entries(from.bytes(MOST_ENTRIES)?);
    state.other_keyboard = KeyboardStack::from_entries(from.bytes(MOST_ENTRIES)?);
    state.modify_other_keys = from.byte()?.min(2);
    let last = u32::try_from(from.long()?).ok().filter(|code| *code != 0);
    state.last_char = last.and_then(char::from_u32);
    state.links = from.long()?;
    state.title = from.optional_text(MOST_TITLE_CHARS * CHAR_BYTES)?;
    for _ in 0..from.number(MOST_TITLES)? {
        state.titles.push(from.optional_text(MOST_TITLE_CHARS * CHAR_BYTES)?);
    }
    for _ in 0..from.number(COLORS)? {
        let index = from.number(COLORS - 1)?;
        let color = Rgb { r: from.byte()?, g: from.byte()?, b: from.byte()? };
        state.term.set_color(index, color);
    }
    for _ in 0..from.number(MOST_OPEN)? {
        let most = MOST_CHARS * CHAR_BYTES;
        state.notes.open.push(Note { id: from.text(most)?, title: from.text(most)?, body: from.text(most)? });
    }
    Ok(Later { alternate, region, modes })
}

fn read_unfinished(from: &mut Reader<'_>) -> Result<Splitter, SnapshotError> {
    let place = Place::from_code(from.byte()?).ok_or(SnapshotError::Invalid("place in a sequence"))?;
    let dropping = from.flag()?;
    let tail = from.bytes(MOST_OSC)?;
    Splitter::resumed(place, dropping, tail).ok_or(SnapshotError::Invalid("unfinished sequence"))
}

fn read_grids(from: &mut Reader<'_>, state: &mut State, alternate: bool) -> Result<(), SnapshotError> {
    let styles = Styles::read(from)?;
    read_grid(from, &styles, state.term.grid_mut(), state.history)?;
    if alternate {
        let keyboards = (state.keyboard.clone(), state.other_keyboard.clone());
        let saved = state.term.grid().saved_cursor.clone();
        state.enter_alternate();
        if let Some(main) = &mut state.main {
            main.saved_cursor = saved;
        }
        (state.keyboard, state.other_keyboard) = keyboards;
        read_grid(from, &styles, state.term.grid_mut(), 0)
    } else {
        let grid = state.term.grid();
        state.alt_saved = styles.read_cursor(from, grid.screen_lines(), grid.columns())?;
        Ok(())
    }
}

/// Reads a grid into a blank one of its size, with at most `history` rows above the screen.
fn read_grid(
    from: &mut Reader<'_>,
    styles: &Styles,
    grid: &mut Grid<Cell>,
    history: usize,
) -> Result<(), SnapshotError> {
    let (rows, columns) = (grid.screen_lines(), grid.columns());
    let cursor = styles.read_cursor(from, rows, columns)?;
    let saved_cursor = styles.read_cursor(from, rows, columns)?;
    let told = from.number(MOST_HISTORY)?;
    let kept = told.min(history);
    for _ in kept..told {
        styles.read_row(from, columns)?;
    }
    fill(grid, kept, || styles.read_row(from, columns))?;
    for at in 0..rows {
        grid[Line(at as i32)] = styles.read_row(from, columns)?;
    }
    grid.cursor = cursor;
    grid.saved_cursor = saved_cursor;
    Ok(())
}

fn set_mode(state: &mut State, (mode, on): (TermMode, bool)) {
    if mode == TermMode::ALT_SCREEN || state.has(mode) == on {
        return;
    }
    if mode == TermMode::APP_KEYPAD {
        state.term.set_keypad_application_mode();
    }
    for (number, ..) in modes::PRIVATE.iter().filter(|(_, _, bit)| *bit == mode) {
        modes::set_private(state, *number, on);
    }
    for (number, ..) in modes::ANSI.iter().filter(|(_, _, bit)| *bit == mode) {
        modes::set_ansi(state, *number, on);
    }
}
