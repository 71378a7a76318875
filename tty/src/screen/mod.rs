//! The terminal emulator: what a program writes becomes a screen, and a screen becomes bytes and is read again.
//!
//! It runs twice for every terminal: in the holder, which answers the program's queries and makes snapshots, and in the
//! window, which draws it. It is pure: no I/O, no clock, no threads.

mod ansi;
mod event;
mod history;
mod keyboard;
mod modes;
mod notify;
mod osc;
mod palette;
mod perform;
mod reply;
mod sgr;
mod size;
mod snapshot;
mod splitter;
mod state;
mod text;

use alacritty_terminal::event::VoidListener;
use alacritty_terminal::grid::{Dimensions, Row};
use alacritty_terminal::index::Line;
use alacritty_terminal::term::cell::Cell;
use alacritty_terminal::term::{Term, TermMode};
use alacritty_terminal::vte::ansi::{CursorStyle, Rgb};
use std::ops::Range;

pub use event::{ClipboardTarget, Progress, ScreenEvent};
pub use palette::Palette;
pub use size::{MOST_CELLS, Size};
pub use snapshot::SnapshotError;

use splitter::Splitter;
use state::State;

/// A terminal's screen with all its state, seen and unseen.
pub struct Screen {
    state: State,
    splitter: Splitter,
}

impl Screen {
    /// A blank screen that keeps up to `history` rows (at most 100,000) above it. A size out of bounds is clamped.
    pub fn new(size: Size, history: usize) -> Self {
        Self { state: State::new(size, history), splitter: Splitter::default() }
    }

    /// Takes output of the program, cut anywhere, also inside a character or an escape sequence.
    pub fn advance(&mut self, bytes: &[u8]) {
        self.splitter.advance(&mut self.state, bytes);
        self.state.trim();
    }

    /// What the output asked for since the last call, in order. Both the events and the bytes in them are bounded; what
    /// comes when too many wait is dropped.
    pub fn take_events(&mut self) -> Vec<ScreenEvent> {
        self.state.events.take()
    }

    /// Changes the size. Wrapped lines of the main screen are wrapped anew. Snapshots and live bytes only fit together
    /// when both screens are resized at the same place of the stream.
    pub fn resize(&mut self, size: Size) {
        self.state.resize(size);
    }

    /// The size in force, which is the asked one within its bounds.
    pub fn size(&self) -> Size {
        self.state.size
    }

    /// The whole state as bytes (docs/terminal-snapshot.md). Not in it: what the owner set (palette, selection, how far
    /// it scrolled back) and events that were not taken.
    pub fn snapshot(&self) -> Vec<u8> {
        snapshot::write(&self.state, &self.splitter, true)
    }

    /// The same without the rows above the screen.
    pub fn snapshot_without_history(&self) -> Vec<u8> {
        snapshot::write(&self.state, &self.splitter, false)
    }

    /// The screen that a snapshot describes, with at most `history` rows above it. The bytes may come from anywhere:
    /// bad ones are an error, and memory is bounded by their number and by `history`.
    pub fn restore(bytes: &[u8], history: usize) -> Result<Self, SnapshotError> {
        let (state, splitter) = snapshot::read(bytes, history)?;
        Ok(Self { state, splitter })
    }

    /// The state as escape sequences for another terminal of the same size, whatever state that is in. Its own
    /// scrollback is kept, so a second such stream should leave the history out.
    pub fn ansi(&self, with_history: bool) -> Vec<u8> {
        ansi::write(&self.state, &self.splitter, with_history)
    }

    /// Some rows and columns of the screen as escape sequences, painted from the top left of another terminal on.
    pub fn ansi_part(&self, rows: Range<usize>, columns: Range<usize>) -> Vec<u8> {
        ansi::write_part(&self.state, rows, columns)
    }

    /// The text of the screen, or of the history and the screen: no blanks at the ends of lines, no blank lines at the
    /// end, wrapped lines joined, every line ended with a newline.
    pub fn text(&self, with_history: bool) -> String {
        let grid = self.state.term.grid();
        text::text(grid, if with_history { grid.topmost_line() } else { Line(0) })
    }

    /// How many rows there are above the main screen.
    pub fn history_size(&self) -> usize {
        self.state.main_grid().history_size()
    }

    /// The rows above the main screen, oldest first.
    pub fn into_history(self) -> Vec<Row<Cell>> {
        let grid = self.state.main_grid();
        (grid.topmost_line().0..0).map(|line| grid[Line(line)].clone()).collect()
    }

    /// Puts older rows above those that there are, as far as there is room for them. Rows of another width are cut or
    /// filled up. What is shown stays.
    pub fn put_above(&mut self, older: Vec<Row<Cell>>) {
        self.state.put_above(older);
    }

    /// alacritty's emulator: grid, cursor, modes, colours the program set, damage, selection. Its title, cursor style,
    /// default colours, synchronized output and answers are here instead.
    pub fn term(&self) -> &Term<VoidListener> {
        &self.state.term
    }

    /// The same for what a view changes: selection, scroll position, damage. Changing what a program changes would part
    /// it from what is shadowed here.
    pub fn term_mut(&mut self) -> &mut Term<VoidListener> {
        &mut self.state.term
    }

    /// Whether a synchronized update (mode 2026) is going on. The output is not held back: a view keeps what it drew
    /// last until the update ends or 150 ms are over, and then says [`Screen::flush_sync`]. A holder need not ask.
    pub fn sync_pending(&self) -> bool {
        self.state.sync
    }

    /// Counts the synchronized updates that began, so that a view can tell a new one from the one it has waited for.
    pub fn sync_serial(&self) -> u64 {
        self.state.sync_serial
    }

    /// Ends a synchronized update whose time is over.
    pub fn flush_sync(&mut self) {
        self.state.sync = false;
    }

    /// The window's title that the program set last.
    pub fn title(&self) -> Option<&str> {
        self.state.title.as_deref()
    }

    /// The cursor's style that the program set; None for the user's own.
    pub fn cursor_style(&self) -> Option<CursorStyle> {
        self.state.style
    }

    /// The alternate screen is shown, which has no history.
    pub fn is_alternate(&self) -> bool {
        self.state.has(TermMode::ALT_SCREEN)
    }

    /// xterm's modifyOtherKeys, 0 to 2. Kitty's keyboard flags are among [`Term::mode`]'s.
    pub fn modify_other_keys(&self) -> u8 {
        self.state.modify_other_keys
    }

    /// The default colours, with which colour queries are answered.
    pub fn palette(&self) -> &Palette {
        &self.state.palette
    }

    /// Sets the default colours; those that the program set stay.
    pub fn set_palette(&mut self, palette: Palette) {
        self.state.palette = palette;
    }

    /// The colour at a place of the table (0 to 255, then foreground, background, cursor): the program's, else the
    /// default.
    pub fn color(&self, index: usize) -> Option<Rgb> {
        self.state.color(index)
    }
}

impl std::fmt::Debug for Screen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Screen")
            .field("size", &self.state.size)
            .field("title", &self.state.title)
            .finish_non_exhaustive()
    }
}
