//! The emulator's state: alacritty's `Term`, and beside it what `Term` keeps to itself.
//!
//! `Term` has no getter for its inactive grid, tab stops, scroll region, active character set, cursor style, titles and
//! keyboard modes. What only the terminal's own answers need (titles, keyboard stacks) is kept here alone; what `Term`
//! acts upon (tab stops, region, character set, cursor style) is written to both. While the alternate screen is shown the
//! main grid is kept here too, and `Term`'s own inactive grid is an empty stand-in.

use std::mem;
use std::ops::Range;

use alacritty_terminal::event::VoidListener;
use alacritty_terminal::grid::{Cursor, Dimensions, Grid};
use alacritty_terminal::index::{Column, Line};
use alacritty_terminal::term::cell::{Cell, Flags};
use alacritty_terminal::term::{Config, Osc52, Term, TermMode};
use alacritty_terminal::vte::ansi::{
    CharsetIndex, CursorStyle, Handler, KeyboardModes, KeyboardModesApplyBehavior, NamedMode,
    StandardCharset, TabulationClearMode,
};

use super::Size;
use super::event::{Events, ScreenEvent};
use super::keyboard::KeyboardStack;
use super::notify::Notes;
use super::palette::Palette;

/// The default distance of tab stops.
const TAB_WIDTH: usize = 8;
/// The deepest title stack (xterm's is 10).
pub(super) const MOST_TITLES: usize = 16;
/// The longest title in characters.
pub(super) const MOST_TITLE_CHARS: usize = 1024;
/// Up to so many rows above the screen the room of each is looked after; a window keeps more, and lives shorter.
const SHORT_HISTORY: usize = 1_000;
/// The most rows above the screen.
pub(super) const MOST_HISTORY: usize = 100_000;
/// The most combining characters that one cell keeps. Without a bound one cell could hold gigabytes.
pub(super) const MOST_COMBINING: usize = 16;

/// The colours that a program can set: 256, foreground, background, cursor.
pub(super) const COLORS: usize = 259;

pub(super) struct State {
    pub(super) term: Term<VoidListener>,
    pub(super) events: Events,
    pub(super) palette: Palette,
    pub(super) size: Size,
    pub(super) history: usize,
    /// The main grid, while the alternate screen is shown.
    pub(super) main: Option<Grid<Cell>>,
    /// The alternate screen's saved cursor, while the main screen is shown.
    pub(super) alt_saved: Cursor<Cell>,
    pub(super) tabs: Vec<bool>,
    /// Scroll region, rows from 0.
    pub(super) region: Range<usize>,
    pub(super) charset: CharsetIndex,
    /// None: the default style, which is the user's.
    pub(super) style: Option<CursorStyle>,
    pub(super) keyboard: KeyboardStack,
    /// The keyboard modes of the screen that is not shown.
    pub(super) other_keyboard: KeyboardStack,
    pub(super) title: Option<String>,
    pub(super) titles: Vec<Option<String>>,
    /// What REP repeats.
    pub(super) last_char: Option<char>,
    /// XTMODKEYS' modifyOtherKeys, 0 to 2.
    pub(super) modify_other_keys: u8,
    /// Synchronized output is on: the screen is between two frames.
    pub(super) sync: bool,
    /// Counts the beginnings of synchronized updates.
    pub(super) sync_serial: u64,
    /// Counts hyperlinks without an id.
    pub(super) links: u64,
    pub(super) notes: Notes,
    /// The DCS query that is being read (XTGETTCAP, DECRQSS).
    pub(super) query: Option<(super::reply::Query, Vec<u8>)>,
    /// The cached rows beyond a short history were given back.
    trimmed: bool,
}

impl State {
    pub(super) fn new(size: Size, history: usize) -> Self {
        let size = size.clamped();
        let history = history.min(MOST_HISTORY);
        let config = Config {
            scrolling_history: history,
            kitty_keyboard: true,
            osc52: Osc52::Disabled,
            ..Config::default()
        };
        Self {
            term: Term::new(config, &size, VoidListener),
            events: Events::default(),
            palette: Palette::default(),
            size,
            history,
            main: None,
            alt_saved: Cursor::default(),
            tabs: default_tabs(usize::from(size.cols)),
            region: 0..usize::from(size.rows),
            charset: CharsetIndex::default(),
            style: None,
            keyboard: KeyboardStack::default(),
            other_keyboard: KeyboardStack::default(),
            title: None,
            titles: Vec::new(),
            last_char: None,
            modify_other_keys: 0,
            sync: false,
            sync_serial: 0,
            links: 0,
            notes: Notes::default(),
            query: None,
            trimmed: false,
        }
    }

    pub(super) fn has(&self, mode: TermMode) -> bool {
        self.term.mode().contains(mode)
    }

    /// The grid of the main screen, whichever is shown.
    pub(super) fn main_grid(&self) -> &Grid<Cell> {
        self.main.as_ref().unwrap_or_else(|| self.term.grid())
    }

    /// Shows the alternate screen (DECSET 1049): it begins blank, with the main screen's cursor, which is saved.
    pub(super) fn enter_alternate(&mut self) {
        if self.has(TermMode::ALT_SCREEN) {
            return;
        }
        let (rows, cols) = (self.term.screen_lines(), self.term.columns());
        let mut stand_in = Grid::new(rows, cols, 0);
        stand_in.cursor = self.term.grid().cursor.clone();
        let background = stand_in.cursor.template.bg;
        let mut main = mem::replace(self.term.grid_mut(), stand_in);
        main.saved_cursor = main.cursor.clone();
        self.main = Some(main);
        self.term.swap_alt();
        let grid = self.term.grid_mut();
        grid.saved_cursor = self.alt_saved.clone();
        for row in 0..rows {
            // Every cell, for a row that grew may have kept a background that `Term` takes for cleared.
            for cell in &mut grid[Line(row as i32)][..] {
                *cell = background.into();
            }
        }
        self.swap_keyboards();
    }

    /// Shows the main screen again, with its cursor.
    pub(super) fn leave_alternate(&mut self) {
        if !self.has(TermMode::ALT_SCREEN) {
            return;
        }
        self.alt_saved = self.term.grid().saved_cursor.clone();
        self.term.swap_alt();
        if let Some(main) = self.main.take() {
            *self.term.grid_mut() = main;
        }
        self.swap_keyboards();
    }

    fn swap_keyboards(&mut self) {
        mem::swap(&mut self.keyboard, &mut self.other_keyboard);
        self.apply_keyboard();
    }

    /// Tells `Term` the kitty keyboard flags that are on; its own stacks stay empty.
    pub(super) fn apply_keyboard(&mut self) {
        let modes = KeyboardModes::from_bits_truncate(self.keyboard.flags());
        Handler::set_keyboard_mode(&mut self.term, modes, KeyboardModesApplyBehavior::Replace);
    }

    /// Resets everything (RIS), the history too.
    pub(super) fn reset(&mut self) {
        self.term.reset_state();
        if let Some(mut main) = self.main.take() {
            main.reset();
            *self.term.grid_mut() = main;
        }
        for index in 0..COLORS {
            if self.term.colors()[index].is_some() {
                self.term.reset_color(index);
            }
        }
        self.alt_saved = Cursor::default();
        self.tabs = default_tabs(self.term.columns());
        self.region = 0..self.term.screen_lines();
        self.charset = CharsetIndex::default();
        self.style = None;
        self.keyboard = KeyboardStack::default();
        self.other_keyboard = KeyboardStack::default();
        self.apply_keyboard();
        self.titles = Vec::new();
        self.last_char = None;
        self.modify_other_keys = 0;
        self.sync = false;
        self.notes = Notes::default();
        if self.title.is_some() {
            self.set_title(None);
        }
    }

    /// Soft reset (DECSTR): modes, margins, character sets and attributes, not the text.
    pub(super) fn soft_reset(&mut self) {
        use alacritty_terminal::vte::ansi::NamedPrivateMode as Private;
        self.term.unset_mode(NamedMode::Insert.into());
        self.term.unset_private_mode(Private::CursorKeys.into());
        self.term.set_private_mode(Private::LineWrap.into());
        self.term.set_private_mode(Private::ShowCursor.into());
        self.term.unset_keypad_application_mode();
        // The cursor stays where it is, though both of these would move it.
        let point = self.term.grid().cursor.point;
        self.term.unset_private_mode(Private::Origin.into());
        self.set_region(1, None);
        let cursor = &mut self.term.grid_mut().cursor;
        *cursor = Cursor { point, ..Cursor::default() };
        self.set_charset(CharsetIndex::G0);
        self.term.grid_mut().saved_cursor = Cursor::default();
        self.style = None;
        self.term.set_cursor_style(None);
        self.keyboard = KeyboardStack::default();
        self.apply_keyboard();
        self.modify_other_keys = 0;
    }

    pub(super) fn set_region(&mut self, top: usize, bottom: Option<usize>) {
        let rows = self.term.screen_lines();
        let bottom = bottom.unwrap_or(rows).min(rows);
        if top == 0 || top >= bottom {
            return;
        }
        self.region = top - 1..bottom;
        self.term.set_scrolling_region(top, Some(bottom));
    }

    pub(super) fn set_charset(&mut self, index: CharsetIndex) {
        self.charset = index;
        self.term.set_active_charset(index);
    }

    pub(super) fn configure_charset(&mut self, index: CharsetIndex, charset: StandardCharset) {
        self.term.configure_charset(index, charset);
    }

    pub(super) fn set_tab(&mut self) {
        let column = self.term.grid().cursor.point.column.0;
        if let Some(tab) = self.tabs.get_mut(column) {
            *tab = true;
        }
        self.term.set_horizontal_tabstop();
    }

    pub(super) fn clear_tab(&mut self) {
        let column = self.term.grid().cursor.point.column.0;
        if let Some(tab) = self.tabs.get_mut(column) {
            *tab = false;
        }
        self.term.clear_tabs(TabulationClearMode::Current);
    }

    /// Replaces all tab stops.
    pub(super) fn set_tabs(&mut self, tabs: Vec<bool>) {
        self.term.clear_tabs(TabulationClearMode::All);
        let column = self.term.grid().cursor.point.column;
        for (at, _) in tabs.iter().enumerate().filter(|(_, set)| **set).take(self.term.columns()) {
            self.term.grid_mut().cursor.point.column = Column(at);
            self.term.set_horizontal_tabstop();
        }
        self.term.grid_mut().cursor.point.column = column;
        self.tabs = tabs;
    }

    pub(super) fn default_tabs(&mut self) {
        self.set_tabs(default_tabs(self.term.columns()));
    }

    pub(super) fn set_style(&mut self, style: Option<CursorStyle>) {
        self.style = style;
        self.term.set_cursor_style(style);
    }

    /// Changes one thing about the cursor style, whose other half is then fixed too.
    pub(super) fn change_style(&mut self, change: impl FnOnce(&mut CursorStyle)) {
        let mut style = self.style.unwrap_or_default();
        change(&mut style);
        self.set_style(Some(style));
    }

    pub(super) fn set_title(&mut self, title: Option<String>) {
        let title = title
            .map(|text| text.chars().filter(|c| !c.is_control()).take(MOST_TITLE_CHARS).collect::<String>());
        self.events.push(ScreenEvent::Title(title.clone().unwrap_or_default()));
        self.title = title;
    }

    pub(super) fn push_title(&mut self) {
        if self.titles.len() >= MOST_TITLES {
            self.titles.remove(0);
        }
        self.titles.push(self.title.clone());
    }

    pub(super) fn pop_title(&mut self) {
        if let Some(title) = self.titles.pop() {
            self.set_title(title);
        }
    }

    /// Prints a character. Combining characters are bounded, which `Term` does not do.
    #[inline]
    pub(super) fn print(&mut self, c: char) {
        if (c >= '\u{300}' || c == '\u{ad}')
            && !ordinary(c)
            && unicode_width::UnicodeWidthChar::width(c) == Some(0)
        {
            self.combine(c);
        } else {
            self.term.input(c);
            if self.has(TermMode::INSERT) {
                self.heal_cursor_row();
            }
        }
        self.last_char = Some(c);
    }

    #[cold]
    fn combine(&mut self, c: char) {
        let cursor = &self.term.grid().cursor;
        let mut point = cursor.point;
        if !cursor.input_needs_wrap {
            point.column.0 = point.column.0.saturating_sub(1);
        }
        if self.term.grid()[point].flags.contains(Flags::WIDE_CHAR_SPACER) {
            point.column.0 = point.column.0.saturating_sub(1);
        }
        if self.term.grid()[point].zerowidth().is_none_or(|already| already.len() < MOST_COMBINING) {
            self.term.input(c);
        }
    }

    /// Moves the cursor by rows. A margin of the scroll region stops it, as in xterm; `Term`'s own way ignores the
    /// margins, and in origin mode adds the region's top once more.
    pub(super) fn move_rows(&mut self, rows: i32, first_column: bool) {
        let point = self.term.grid().cursor.point;
        let (top, bottom) = (self.region.start as i32, self.region.end as i32 - 1);
        let highest = if point.line.0 >= top { top } else { 0 };
        let lowest = if point.line.0 <= bottom { bottom } else { self.term.screen_lines() as i32 - 1 };
        let line = (point.line.0 + rows).clamp(highest, lowest);
        let origin = if self.has(TermMode::ORIGIN) { top } else { 0 };
        self.term.goto(line - origin, if first_column { 0 } else { point.column.0 });
    }

    /// Moves the cursor to a column of its row.
    pub(super) fn move_to_column(&mut self, column: usize) {
        let point = self.term.grid().cursor.point;
        let top = if self.has(TermMode::ORIGIN) { self.region.start as i32 } else { 0 };
        self.term.goto(point.line.0 - top, column);
    }

    /// Repairs a row of the shown screen in which an edit may have cut a wide character in two. Half of one would be
    /// drawn over its neighbour, and a stray second half in the first column makes parts of alacritty panic.
    pub(super) fn heal_row(&mut self, line: Line) {
        let row = &mut self.term.grid_mut()[line];
        if heal(&mut row[..]) {
            self.damage_all();
        }
    }

    /// Has everything drawn anew.
    pub(super) fn damage_all(&mut self) {
        // Leaving insert mode does, and nothing else when it is off; when it is on, everything is drawn anyway.
        if !self.has(TermMode::INSERT) {
            self.term.unset_mode(NamedMode::Insert.into());
        }
    }

    /// Repairs the row of the cursor.
    pub(super) fn heal_cursor_row(&mut self) {
        self.heal_row(self.term.grid().cursor.point.line);
    }

    /// Repairs the row of the cursor when erasing from one column up to another has cut a wide character. Only the two
    /// edges are looked at, for programs erase the rest of every line they write.
    pub(super) fn heal_edges(&mut self, from: usize, to: usize) {
        let line = self.term.grid().cursor.point.line;
        let row = &self.term.grid()[line];
        let has = |column: usize, flag: Flags| column < row.len() && row[Column(column)].flags.contains(flag);
        let left = from > 0 && has(from - 1, Flags::WIDE_CHAR) && !has(from, Flags::WIDE_CHAR_SPACER);
        let right = to > 0 && has(to, Flags::WIDE_CHAR_SPACER) && !has(to - 1, Flags::WIDE_CHAR);
        if left || right {
            self.heal_row(line);
        }
    }

    /// Changes the size. The main screen is wrapped anew; the alternate screen is cut.
    pub(super) fn resize(&mut self, size: Size) {
        let size = size.clamped();
        self.size = size;
        let (rows, cols) = (usize::from(size.rows), usize::from(size.cols));
        if rows == self.term.screen_lines() && cols == self.term.columns() {
            return;
        }
        if cols != self.term.columns() {
            self.tabs =
                (0..cols).map(|at| self.tabs.get(at).copied().unwrap_or(at % TAB_WIDTH == 0)).collect();
        }
        self.term.resize(size);
        self.region = 0..rows;
        touch(self.term.grid_mut());
        if let Some(main) = &mut self.main {
            main.resize(true, rows, cols);
            touch(main);
        }
        if self.history <= SHORT_HISTORY {
            give_back(self.term.grid_mut());
            self.main.as_mut().into_iter().for_each(give_back);
        }
        let saved = &mut self.alt_saved.point;
        saved.line = saved.line.min(Line(rows as i32 - 1));
        saved.column = saved.column.min(Column(cols - 1));
        self.trimmed = false;
    }

    /// Gives back the rows that `Term` allocates in thousands, once a short history is full and needs no more.
    #[inline]
    pub(super) fn trim(&mut self) {
        if !self.trimmed && self.main.is_none() && self.term.history_size() >= self.history {
            self.term.grid_mut().truncate();
            self.trimmed = true;
        }
    }
}

/// Characters that are common in terminals and never combine: symbols, box drawing, braille, Han.
#[inline]
fn ordinary(c: char) -> bool {
    matches!(c, '\u{2500}'..='\u{29ff}' | '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}')
}

/// Tab stops every eight columns.
pub(super) fn default_tabs(columns: usize) -> Vec<bool> {
    (0..columns).map(|column| column % TAB_WIDTH == 0).collect()
}

/// Marks every cell as written. A row keeps how far it was written to clear no more than that, and forgets a cleared
/// background when it grows; a snapshot could not tell the two kinds of row apart.
fn touch(grid: &mut Grid<Cell>) {
    for line in grid.topmost_line().0..=grid.bottommost_line().0 {
        heal(&mut grid[Line(line)][..]);
    }
}

/// Makes every row as large as it is long. A row that grows takes twice the room it had, and keeps it when it shrinks: after
/// some sizes a holder would have several times of what it needs.
fn give_back(grid: &mut Grid<Cell>) {
    for line in grid.topmost_line().0..=grid.bottommost_line().0 {
        let exact = grid[Line(line)].clone();
        grid[Line(line)] = exact;
    }
}

/// Makes halves of wide characters blanks. True when there was one.
pub(super) fn heal(row: &mut [Cell]) -> bool {
    let mut healed = false;
    let mut before_is_wide = false;
    let mut cells = row.iter_mut().peekable();
    while let Some(cell) = cells.next() {
        let wide = cell.flags.contains(Flags::WIDE_CHAR);
        if cell.flags.contains(Flags::WIDE_CHAR_SPACER) && !before_is_wide {
            cell.flags.remove(Flags::WIDE_CHAR_SPACER);
            healed = true;
        }
        if wide && !cells.peek().is_some_and(|next| next.flags.contains(Flags::WIDE_CHAR_SPACER)) {
            cell.clear_wide();
            healed = true;
        }
        before_is_wide = wide;
    }
    healed
}
