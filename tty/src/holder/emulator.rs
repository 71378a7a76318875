//! The screen that the holder keeps.

use crate::size::Size;
use crate::wire::Format;
use alacritty_terminal::event::{Event, EventListener, WindowSize};
use alacritty_terminal::grid::Dimensions;
use alacritty_terminal::index::{Column, Line, Point};
use alacritty_terminal::term::{Config, Term};
use alacritty_terminal::vte::ansi::Processor;
use std::cell::RefCell;
use std::rc::Rc;

/// Lines above the screen that the holder keeps; older ones are in the recording.
const HISTORY_LINES: usize = 500;

/// Something that a program's output asks for.
#[derive(Debug, PartialEq, Eq)]
pub enum Asked {
    /// The answer to a query, for the program's input.
    Reply(Vec<u8>),
    /// The window's title.
    Title(String),
}

/// A screen.
pub struct Emulator {
    term: Term<Listener>,
    parser: Processor,
    asked: Rc<RefCell<Vec<Event>>>,
    size: Size,
}

struct Listener(Rc<RefCell<Vec<Event>>>);

impl EventListener for Listener {
    fn send_event(&self, event: Event) {
        self.0.borrow_mut().push(event);
    }
}

struct Sides(Size);

impl Dimensions for Sides {
    fn total_lines(&self) -> usize {
        self.screen_lines()
    }
    fn screen_lines(&self) -> usize {
        usize::from(self.0.rows)
    }
    fn columns(&self) -> usize {
        usize::from(self.0.cols)
    }
}

impl Emulator {
    /// An empty screen.
    pub fn new(size: Size) -> Self {
        let asked = Rc::new(RefCell::new(Vec::new()));
        let config = Config { scrolling_history: HISTORY_LINES, ..Config::default() };
        let term = Term::new(config, &Sides(size), Listener(Rc::clone(&asked)));
        Self { term, parser: Processor::new(), asked, size }
    }

    /// Takes output, and gives what it asks for.
    pub fn advance(&mut self, bytes: &[u8]) -> Vec<Asked> {
        self.parser.advance(&mut self.term, bytes);
        let size = self.size;
        let asked = |event| match event {
            Event::PtyWrite(text) => Some(Asked::Reply(text.into_bytes())),
            Event::TextAreaSizeRequest(format) => {
                let size =
                    WindowSize { num_lines: size.rows, num_cols: size.cols, cell_width: 0, cell_height: 0 };
                Some(Asked::Reply(format(size).into_bytes()))
            }
            Event::Title(title) => Some(Asked::Title(title)),
            Event::ResetTitle => Some(Asked::Title(String::new())),
            _ => None,
        };
        self.asked.borrow_mut().drain(..).filter_map(asked).collect()
    }

    /// Gives the screen another size.
    pub fn resize(&mut self, size: Size) {
        self.size = size;
        self.term.resize(Sides(size));
    }

    /// The screen as it is now.
    pub fn snapshot(&self, format: Format) -> Vec<u8> {
        match format {
            Format::None => Vec::new(),
            Format::Text => self.text().into_bytes(),
            Format::State | Format::Ansi => self.ansi().into_bytes(),
        }
    }

    fn text(&self) -> String {
        let end = Point::new(Line(i32::from(self.size.rows) - 1), Column(usize::from(self.size.cols) - 1));
        self.term.bounds_to_string(Point::new(Line(0), Column(0)), end)
    }

    fn ansi(&self) -> String {
        let cursor = self.term.grid().cursor.point;
        let lines = self.text().trim_end_matches('\n').replace('\n', "\r\n");
        format!("\x1b[H\x1b[2J{lines}\x1b[{};{}H", cursor.line.0 + 1, cursor.column.0 + 1)
    }
}
