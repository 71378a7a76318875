//! What the terminal in front of the user shows: the program's output as it is while the screen is as large as the terminal,
//! a [`Letterbox`] while it is not.

use super::filter::Filter;
use super::letterbox::{self, Letterbox};
use super::terminal::{self, ALL_OFF, LEAVE_ALTERNATE};
use crate::size::Size;
use crate::wire::{Exit, FromHolder, Role};
use std::io::{self, Write};

/// What to do about a screen of another size.
const ELSEWHERE: &str = "sized by another client; type here to take over";
const LOOKING: &str = "sized by another client";
const FORCED: &str = "sized by a command; it follows this window when that is resized";

/// The terminal in front of the user.
#[derive(Debug, Default)]
pub struct Front {
    filter: Filter,
    /// None for a pipe.
    own: Option<Size>,
    is_read_only: bool,
    owns_size: bool,
    letterbox: Option<Letterbox>,
    /// The screen is to be shown anew, and until then output has no place to go to.
    waits: bool,
    wants_screen: bool,
}

impl Front {
    /// A terminal of this size.
    pub fn new(own: Option<Size>, is_read_only: bool) -> Self {
        Self { own, is_read_only, ..Self::default() }
    }

    /// Shows what the holder says, and gives the program's end.
    pub fn hear(&mut self, said: FromHolder, out: &mut impl Write) -> io::Result<Option<Exit>> {
        match said {
            FromHolder::Snapshot { data, .. } => match &mut self.letterbox {
                Some(letterbox) => letterbox.show(&data),
                None => {
                    self.waits = false;
                    self.filter.reset();
                    out.write_all(&self.filter.take(&data))?;
                }
            },
            FromHolder::Output { bytes, .. } => match &mut self.letterbox {
                Some(letterbox) => letterbox.advance(&bytes),
                None if self.waits => {}
                None => out.write_all(&self.filter.take(&bytes))?,
            },
            FromHolder::Resized(theirs) => self.fit(theirs, out)?,
            FromHolder::Role(Role { owner }) => {
                self.owns_size = owner;
                self.refit();
            }
            FromHolder::Exit(exit) => {
                if let Some(letterbox) = self.letterbox.take() {
                    out.write_all(letterbox::LEAVE)?;
                    out.write_all(letterbox.last_words().as_bytes())?;
                }
                out.flush()?;
                return Ok(Some(exit));
            }
            _ => {}
        }
        Ok(None)
    }

    /// The terminal has another size.
    pub fn resized(&mut self, own: Option<Size>) {
        self.own = own;
        self.refit();
    }

    /// Whether the holder is to show the screen, said once.
    pub fn wants_screen(&mut self) -> bool {
        std::mem::take(&mut self.wants_screen)
    }

    /// Whether something is to be painted.
    pub fn is_dirty(&self) -> bool {
        self.letterbox.as_ref().is_some_and(Letterbox::is_dirty)
    }

    /// Paints it.
    pub fn paint(&mut self, out: &mut impl Write) -> io::Result<()> {
        if let Some(letterbox) = &mut self.letterbox {
            out.write_all(&letterbox.paint())?;
        }
        out.flush()
    }

    /// Whether an alternate screen is shown, the program's or ours.
    pub fn is_alternate(&self) -> bool {
        self.letterbox.is_some() || self.filter.is_alternate()
    }

    fn fit(&mut self, theirs: Size, out: &mut impl Write) -> io::Result<()> {
        let Some(own) = self.own else { return Ok(()) };
        let fits = theirs.has_cells_of(own);
        match &mut self.letterbox {
            Some(letterbox) if !fits => letterbox.resize(theirs),
            Some(_) => {
                self.letterbox = None;
                out.write_all(letterbox::LEAVE)?;
                self.waits = true;
                self.wants_screen = true;
            }
            None if fits => {}
            None => {
                if self.filter.is_alternate() {
                    out.write_all(LEAVE_ALTERNATE)?;
                }
                self.filter.reset();
                out.write_all(ALL_OFF)?;
                out.write_all(letterbox::ENTER)?;
                self.letterbox = Some(Letterbox::new(theirs, own, self.note()));
                self.wants_screen = true;
            }
        }
        Ok(())
    }

    fn refit(&mut self) {
        let note = self.note();
        if let (Some(letterbox), Some(own)) = (&mut self.letterbox, self.own) {
            letterbox.refit(own, note);
        }
    }

    fn note(&self) -> &'static str {
        match (self.is_read_only, self.owns_size) {
            (true, _) => LOOKING,
            (false, true) => FORCED,
            (false, false) => ELSEWHERE,
        }
    }
}

/// The front of this process's own output.
pub fn own(is_terminal: bool, is_read_only: bool) -> Front {
    Front::new(is_terminal.then(terminal::size).flatten(), is_read_only)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Format;

    const OWN: Size = Size::new(80, 24);
    const THEIRS: Size = Size::new(120, 50);

    fn snapshot(text: &str) -> FromHolder {
        FromHolder::Snapshot { seq: 0, format: Format::Ansi, data: text.as_bytes().to_vec() }
    }

    fn output(text: &str) -> FromHolder {
        FromHolder::Output { seq: 0, bytes: text.as_bytes().to_vec() }
    }

    fn hear(front: &mut Front, said: FromHolder) -> String {
        let mut out = Vec::new();
        assert_eq!(front.hear(said, &mut out).unwrap(), None);
        String::from_utf8(out).unwrap()
    }

    fn painted(front: &mut Front) -> String {
        let mut out = Vec::new();
        front.paint(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn output_of_another_size_is_boxed_until_the_size_comes_back() {
        let mut front = Front::new(Some(OWN), false);
        assert_eq!(hear(&mut front, FromHolder::Resized(OWN)), "");
        assert_eq!(hear(&mut front, snapshot("screen")), "screen");
        assert_eq!(hear(&mut front, output("more\x1b[6n")), "more", "the holder answers questions");
        assert!(!front.wants_screen());
        let entered = hear(&mut front, FromHolder::Resized(THEIRS));
        assert!(entered.ends_with("\x1b[?1049h\x1b[H\x1b[2J"), "{entered:?}");
        assert!(front.wants_screen() && !front.wants_screen());
        assert_eq!(hear(&mut front, output("lost")), "");
        assert!(!front.is_dirty(), "nothing is known of the screen yet");
        assert_eq!(hear(&mut front, snapshot("the screen")), "");
        assert!(front.is_dirty() && front.is_alternate());
        let shown = painted(&mut front);
        assert!(
            shown.contains("the screen") && shown.contains("120 × 50, sized by another client; type here")
        );
        assert!(!front.is_dirty());
        hear(&mut front, FromHolder::Role(Role { owner: true }));
        assert!(painted(&mut front).contains("sized by a command"));

        assert_eq!(hear(&mut front, FromHolder::Resized(OWN)), "\x1b[?1049l");
        assert!(front.wants_screen());
        assert_eq!(hear(&mut front, output("of the other size")), "");
        assert_eq!(hear(&mut front, snapshot("again")), "again");
        assert_eq!(hear(&mut front, output("live")), "live");
    }

    #[test]
    fn the_end_shows_the_last_words() {
        let mut front = Front::new(Some(OWN), true);
        hear(&mut front, FromHolder::Resized(THEIRS));
        hear(&mut front, snapshot("bye\r\n"));
        assert!(
            painted(&mut front).contains("sized by another client\x1b[m"),
            "who looks on cannot take over"
        );
        let mut out = Vec::new();
        let exit = Exit { code: Some(3), signal: None };
        assert_eq!(front.hear(FromHolder::Exit(exit), &mut out).unwrap(), Some(exit));
        assert_eq!(out, b"\x1b[?1049lbye\r\n");
    }

    #[test]
    fn a_pipe_gets_everything() {
        let mut front = Front::new(None, false);
        assert_eq!(hear(&mut front, FromHolder::Resized(THEIRS)), "");
        assert_eq!(hear(&mut front, output("text")), "text");
        front.resized(None);
        assert!(!front.is_alternate() && !front.is_dirty());
    }
}
