//! The program's screen in a terminal of another size.
//!
//! While another client decides on the size, what the program paints is not for this terminal: it would wrap and scroll where
//! it should not. So the screen is kept here, as much of it as there is room for is painted, around the cursor, and the last
//! row says what is going on. It stands on the alternate screen, so that the user's scrollback gets nothing of it.

use crate::screen::{self, Screen};
use crate::size::Size;
use alacritty_terminal::term::TermMode;
use std::fmt::Write as _;

/// What it begins and ends with; the modes of the program are switched off before.
pub const ENTER: &[u8] = b"\x1b[?1049h\x1b[H\x1b[2J";
pub const LEAVE: &[u8] = b"\x1b[?1049l";

/// A screen of another size.
#[derive(Debug)]
pub struct Letterbox {
    /// None until the holder has told what is on it.
    screen: Option<Screen>,
    theirs: Size,
    own: Size,
    note: &'static str,
    is_dirty: bool,
}

impl Letterbox {
    /// A screen of the size `theirs` in a terminal of the size `own`. `note` is what to do about it.
    pub fn new(theirs: Size, own: Size, note: &'static str) -> Self {
        Self { screen: None, theirs, own, note, is_dirty: false }
    }

    /// The holder has shown the screen.
    pub fn show(&mut self, snapshot: &[u8]) {
        let mut screen = Screen::new(cells(self.theirs), 0);
        screen.advance(snapshot);
        drop(screen.take_events());
        self.screen = Some(screen);
        self.is_dirty = true;
    }

    /// The program wrote something.
    pub fn advance(&mut self, bytes: &[u8]) {
        if let Some(screen) = &mut self.screen {
            screen.advance(bytes);
            // The holder answers.
            drop(screen.take_events());
            self.is_dirty = true;
        }
    }

    /// The screen has another size.
    pub fn resize(&mut self, theirs: Size) {
        self.theirs = theirs;
        if let Some(screen) = &mut self.screen {
            screen.resize(cells(theirs));
        }
        self.is_dirty = true;
    }

    /// This terminal has another size, or something else is to be done about it.
    pub fn refit(&mut self, own: Size, note: &'static str) {
        self.is_dirty |= own != self.own || note != self.note;
        (self.own, self.note) = (own, note);
    }

    /// Whether it looks otherwise than it was painted.
    pub fn is_dirty(&self) -> bool {
        self.is_dirty
    }

    /// What paints it.
    pub fn paint(&mut self) -> Vec<u8> {
        self.is_dirty = false;
        let Some(screen) = &self.screen else { return Vec::new() };
        let point = screen.term().grid().cursor.point;
        let (line, column) = (usize::try_from(point.line.0).unwrap_or(0), point.column.0);
        let height = usize::from(self.own.rows).saturating_sub(1);
        let width = usize::from(self.own.cols);
        let top = first_shown(line, height, usize::from(self.theirs.rows));
        let left = first_shown(column, width, usize::from(self.theirs.cols));
        let mut out = b"\x1b[?2026h\x1b[?25l".to_vec();
        out.extend(screen.ansi_part(top..top + height, left..left + width));
        let (columns, rows) = (self.theirs.cols, self.theirs.rows);
        let note: String = format!("{columns} × {rows}, {}", self.note).chars().take(width).collect();
        let mut last = String::new();
        // Writing to memory does not fail.
        let _ = write!(last, "\x1b[{};1H\x1b[2m{note}\x1b[m\x1b[K", self.own.rows);
        if screen.term().mode().contains(TermMode::SHOW_CURSOR) && height > 0 {
            let _ = write!(last, "\x1b[{};{}H\x1b[?25h", line - top + 1, column - left + 1);
        }
        out.extend(last.bytes());
        out.extend(b"\x1b[?2026l");
        out
    }

    /// The screen's words, for when nothing comes after them.
    pub fn last_words(&self) -> String {
        self.screen.as_ref().map(|screen| screen.text(false).replace('\n', "\r\n")).unwrap_or_default()
    }
}

/// The first of `room` places that are shown of `all`, so that `at` is among them.
fn first_shown(at: usize, room: usize, all: usize) -> usize {
    if all <= room { 0 } else { (at + 1).saturating_sub(room) }
}

fn cells(size: Size) -> screen::Size {
    screen::Size::cells(size.cols, size.rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a terminal of the size `own` shows of it.
    fn painted(letterbox: &mut Letterbox, own: Size) -> Vec<String> {
        let mut shown = Screen::new(cells(own), 0);
        shown.advance(ENTER);
        shown.advance(&letterbox.paint());
        shown.text(false).lines().map(str::to_owned).collect()
    }

    #[test]
    fn a_larger_screen_is_shown_around_its_cursor() {
        let (theirs, own) = (Size::new(20, 6), Size::new(10, 4));
        let mut letterbox = Letterbox::new(theirs, own, "wait");
        assert!(!letterbox.is_dirty() && letterbox.paint().is_empty(), "nothing is known yet");
        letterbox.show("0123456789abcdefghij\r\n1\r\n2\r\n3 \x1b[31mred\x1b[m 世\r\n4\x1b[1;1H".as_bytes());
        assert!(letterbox.is_dirty());
        assert_eq!(painted(&mut letterbox, own), ["0123456789", "1", "2", "20 × 6, wa"]);
        assert!(!letterbox.is_dirty());
        // The cursor is in the fourth row and the twelfth column.
        letterbox.advance(b"\x1b[4;12H");
        assert_eq!(painted(&mut letterbox, own), ["", "", "red 世", "20 × 6, wa"]);
    }

    #[test]
    fn a_smaller_screen_is_whole_and_a_cut_character_is_blank() {
        let (theirs, own) = (Size::new(4, 2), Size::new(30, 5));
        let mut letterbox = Letterbox::new(theirs, own, "type here to take over");
        letterbox.show("ab世\r\nxyz".as_bytes());
        assert_eq!(painted(&mut letterbox, own), ["ab世", "xyz", "", "", "4 × 2, type here to take over"]);
        let narrow = Size::new(3, 5);
        letterbox.refit(narrow, "wait");
        letterbox.advance(b"\x1b[1;1H");
        assert_eq!(painted(&mut letterbox, narrow), ["ab", "xyz", "", "", "4 ×"]);
        assert_eq!(letterbox.last_words(), "ab世\r\nxyz\r\n");
        letterbox.resize(Size::new(3, 5));
        assert!(letterbox.is_dirty());
    }
}
