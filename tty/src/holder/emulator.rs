//! The screen that the holder keeps.

use crate::screen::{self, Screen, ScreenEvent};
use crate::size::Size;
use crate::wire::Format;

/// Lines above the screen that the holder keeps; older ones are in the recording.
const HISTORY_LINES: usize = 500;

/// Something that a program's output asks of its holder. What it asks of who looks at it (bell, clipboard) is for the
/// views, which read the same output; a notification is for those too who do not look.
#[derive(Debug, PartialEq, Eq)]
pub enum Asked {
    /// The answer to a query, for the program's input.
    Reply(Vec<u8>),
    /// The window's title.
    Title(String),
    /// A notification for the user.
    Notification {
        /// Its title; empty when it has none.
        title: String,
        /// Its text.
        body: String,
    },
}

/// A screen.
#[derive(Debug)]
pub struct Emulator(Screen);

impl Emulator {
    /// An empty screen.
    pub fn new(size: Size) -> Self {
        Self(Screen::new(cells(size), HISTORY_LINES))
    }

    /// Takes output, and gives what it asks for.
    pub fn advance(&mut self, bytes: &[u8]) -> impl Iterator<Item = Asked> {
        self.0.advance(bytes);
        self.0.take_events().into_iter().filter_map(|event| match event {
            ScreenEvent::Reply(bytes) => Some(Asked::Reply(bytes)),
            ScreenEvent::Title(title) => Some(Asked::Title(title)),
            ScreenEvent::Notification { title, body } => Some(Asked::Notification { title, body }),
            _ => None,
        })
    }

    /// Gives the screen another size.
    pub fn resize(&mut self, size: Size) {
        self.0.resize(cells(size));
    }

    /// The screen as it is now, for the recording: what comes before it is there already.
    pub fn checkpoint(&self) -> Vec<u8> {
        self.0.snapshot_without_history()
    }

    /// The screen as it is now. For another terminal with the lines above it, unless it has them already.
    pub fn snapshot(&self, format: Format, with_history: bool) -> Vec<u8> {
        match format {
            Format::None => Vec::new(),
            Format::State => self.0.snapshot(),
            Format::Ansi => self.0.ansi(with_history),
            Format::Text => self.0.text(false).into_bytes(),
        }
    }
}

fn cells(size: Size) -> screen::Size {
    let Size { cols, rows, cell_width, cell_height } = size;
    screen::Size { cols, rows, cell_width, cell_height }
}
