//! Answers to a program's queries.

use std::fmt::Write;

use alacritty_terminal::term::TermMode;
use alacritty_terminal::term::cell::{Cell, Flags};
use alacritty_terminal::vte::ansi::{Color, CursorShape, NamedColor};

use super::state::State;

/// What XTVERSION says.
const VERSION: &str = concat!("magia(", env!("CARGO_PKG_VERSION"), ")");
/// Device attributes: a VT220 with ANSI colours.
const PRIMARY: &[u8] = b"\x1b[?62;22c";
/// Secondary attributes; programs read the middle number as a patch level.
const SECONDARY: &[u8] = b"\x1b[>0;2600;1c";
/// Longest DCS query that is read.
const MOST_QUERY: usize = 4096;

/// A DCS that is a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Query {
    /// `DCS + q`: terminfo capabilities.
    Terminfo,
    /// `DCS $ q`: settings.
    Setting,
}

/// `CSI c` with its prefix.
pub(super) fn device_attributes(state: &mut State, prefix: Option<u8>) {
    match prefix {
        None => state.events.reply(PRIMARY),
        Some(b'>') => state.events.reply(SECONDARY),
        // DECRPTUI: the unit's id, as xterm gives it.
        Some(b'=') => state.events.reply(b"\x1bP!|00000000\x1b\\"),
        Some(_) => {}
    }
}

/// `CSI > q`
pub(super) fn version(state: &mut State) {
    state.events.reply(format!("\x1bP>|{VERSION}\x1b\\").as_bytes());
}

/// `CSI Ps n` and `CSI ? Ps n`.
pub(super) fn status(state: &mut State, what: u16, private: bool) {
    let point = state.term.grid().cursor.point;
    let origin = if state.has(TermMode::ORIGIN) { state.region.start as i32 } else { 0 };
    let (row, column) = ((point.line.0 - origin).max(0) + 1, point.column.0 + 1);
    match (what, private) {
        (5, false) => state.events.reply(b"\x1b[0n"),
        (6, false) => state.events.reply(format!("\x1b[{row};{column}R").as_bytes()),
        (6, true) => state.events.reply(format!("\x1b[?{row};{column};1R").as_bytes()),
        _ => {}
    }
}

/// `CSI Ps t`: sizes. The title is not told: a program could make the shell type it.
pub(super) fn window(state: &mut State, what: u16) {
    let size = state.size;
    let (width, height) = (u32::from(size.cell_width), u32::from(size.cell_height));
    let answer = match what {
        14 if width > 0 && height > 0 => {
            format!("\x1b[4;{};{}t", height * u32::from(size.rows), width * u32::from(size.cols))
        }
        16 if width > 0 && height > 0 => format!("\x1b[6;{height};{width}t"),
        18 => format!("\x1b[8;{};{}t", size.rows, size.cols),
        19 => format!("\x1b[9;{};{}t", size.rows, size.cols),
        _ => return,
    };
    state.events.reply(answer.as_bytes());
}

/// OSC 4, 10, 11, 12 with `?`. `prefix` is what the answer repeats.
pub(super) fn color(state: &mut State, prefix: &str, index: usize, bell: bool) {
    let Some(color) = state.color(index) else { return };
    let end = if bell { "\x07" } else { "\x1b\\" };
    let (r, g, b) = (color.r, color.g, color.b);
    let answer = format!("\x1b]{prefix};rgb:{r:02x}{r:02x}/{g:02x}{g:02x}/{b:02x}{b:02x}{end}");
    state.events.reply(answer.as_bytes());
}

/// One more byte of a DCS.
pub(super) fn query_byte(state: &mut State, byte: u8) {
    if let Some((_, bytes)) = &mut state.query {
        if bytes.len() < MOST_QUERY {
            bytes.push(byte);
        } else {
            state.query = None;
        }
    }
}

/// The DCS is complete.
pub(super) fn answer_query(state: &mut State) {
    match state.query.take() {
        Some((Query::Terminfo, bytes)) => {
            for name in bytes.split(|byte| *byte == b';').take(64) {
                let answer = terminfo(name);
                state.events.reply(answer.as_bytes());
            }
        }
        Some((Query::Setting, bytes)) => {
            let answer = setting(state, &bytes);
            let answer = match answer {
                Some(value) => format!("\x1bP1$r{value}\x1b\\"),
                None => "\x1bP0$r\x1b\\".to_owned(),
            };
            state.events.reply(answer.as_bytes());
        }
        None => {}
    }
}

/// XTGETTCAP: the few capabilities that programs decide by. Names and values are hex.
fn terminfo(name: &[u8]) -> String {
    let text = |value: &str| {
        value.bytes().fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02X}");
            hex
        })
    };
    let name = String::from_utf8_lossy(name);
    let decoded: Option<Vec<u8>> = (0..name.len())
        .step_by(2)
        .map(|at| name.get(at..at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok()))
        .collect();
    let value = match decoded.as_deref() {
        Some(b"TN" | b"name") => Some("xterm-256color"),
        Some(b"Co" | b"colors") => Some("256"),
        Some(b"RGB") => Some("8"),
        _ => None,
    };
    match value {
        Some(value) => format!("\x1bP1+r{name}={}\x1b\\", text(value)),
        None => {
            let name: String = name.chars().filter(char::is_ascii_hexdigit).collect();
            format!("\x1bP0+r{name}\x1b\\")
        }
    }
}

/// DECRQSS: attributes, margins, cursor style.
fn setting(state: &State, what: &[u8]) -> Option<String> {
    match what {
        b"m" => Some(format!("{}m", sgr(&state.term.grid().cursor.template))),
        b"r" => Some(format!("{};{}r", state.region.start + 1, state.region.end)),
        b" q" => Some(format!("{} q", cursor_style(state))),
        _ => None,
    }
}

/// DECSCUSR's number of the cursor style, 0 for the default one.
pub(super) fn cursor_style(state: &State) -> u8 {
    let Some(style) = state.style else { return 0 };
    let steady = match style.shape {
        CursorShape::Underline => 4,
        CursorShape::Beam => 6,
        _ => 2,
    };
    steady - u8::from(style.blinking)
}

/// The parameters of the SGR that gives these attributes after a reset; begins with 0.
pub(super) fn sgr(cell: &Cell) -> String {
    let mut sgr = String::from("0");
    let flags = [
        (Flags::BOLD, "1"),
        (Flags::DIM, "2"),
        (Flags::ITALIC, "3"),
        (Flags::UNDERLINE, "4"),
        (Flags::DOUBLE_UNDERLINE, "4:2"),
        (Flags::UNDERCURL, "4:3"),
        (Flags::DOTTED_UNDERLINE, "4:4"),
        (Flags::DASHED_UNDERLINE, "4:5"),
        (Flags::INVERSE, "7"),
        (Flags::HIDDEN, "8"),
        (Flags::STRIKEOUT, "9"),
    ];
    for (_, code) in flags.iter().filter(|(flag, _)| cell.flags.contains(*flag)) {
        sgr.push(';');
        sgr.push_str(code);
    }
    push_color(&mut sgr, cell.fg, 30, NamedColor::Foreground);
    push_color(&mut sgr, cell.bg, 40, NamedColor::Background);
    if let Some(color) = cell.underline_color() {
        match color {
            Color::Spec(rgb) => {
                let _ = write!(sgr, ";58:2::{}:{}:{}", rgb.r, rgb.g, rgb.b);
            }
            Color::Indexed(index) => {
                let _ = write!(sgr, ";58:5:{index}");
            }
            // No sequence sets one.
            Color::Named(_) => {}
        }
    }
    sgr
}

fn push_color(sgr: &mut String, color: Color, base: usize, default: NamedColor) {
    let _ = match color {
        Color::Named(name) if name == default => Ok(()),
        Color::Named(name) => match name as usize {
            index @ 0..8 => write!(sgr, ";{}", base + index),
            index @ 8..16 => write!(sgr, ";{}", base + 60 + index - 8),
            _ => Ok(()),
        },
        Color::Spec(rgb) => write!(sgr, ";{};2;{};{};{}", base + 8, rgb.r, rgb.g, rgb.b),
        Color::Indexed(index) => write!(sgr, ";{};5;{index}", base + 8),
    };
}
