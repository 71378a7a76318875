//! How terminals are to look, as the settings say.

use alacritty_terminal::vte::ansi::{CursorShape, CursorStyle};
use magia_core::settings::{Settings, TerminalCursor};

/// Sizes that the zoom keys stay between, in points.
const SIZES: std::ops::RangeInclusive<f32> = 6.0..=48.0;

/// What the settings say about terminals.
#[derive(Clone, PartialEq, Debug)]
pub struct TerminalStyle {
    /// The font's name; ours, or one of the system's.
    pub font_family: String,
    /// The font's size in points.
    pub font_size: f32,
    /// Height of a line; 1 is the font's own.
    pub line_height: f32,
    /// The cursor of programs that set none.
    pub cursor: TerminalCursor,
    /// Whether it blinks.
    pub blink: bool,
}

impl Default for TerminalStyle {
    fn default() -> Self {
        Self::from(&Settings::default())
    }
}

impl From<&Settings> for TerminalStyle {
    fn from(settings: &Settings) -> Self {
        Self {
            font_family: settings.terminal_font_family.clone(),
            font_size: settings.terminal_font_size,
            line_height: settings.terminal_line_height,
            cursor: settings.terminal_cursor,
            blink: settings.terminal_cursor_blink && !settings.reduced_motion,
        }
    }
}

impl TerminalStyle {
    /// For the terminal's `Config::default_cursor_style`: the emulator knows whether a program set another.
    pub fn default_cursor(&self) -> CursorStyle {
        let shape = match self.cursor {
            TerminalCursor::Block => CursorShape::Block,
            TerminalCursor::Bar => CursorShape::Beam,
            TerminalCursor::Underline => CursorShape::Underline,
        };
        CursorStyle { shape, blinking: self.blink }
    }

    /// Larger or smaller by steps of a point, within what can be read.
    pub fn zoomed(&self, zoom: FontZoom) -> f32 {
        let wanted = match zoom {
            FontZoom::Larger => self.font_size + 1.0,
            FontZoom::Smaller => self.font_size - 1.0,
            FontZoom::Reset => Settings::default().terminal_font_size,
        };
        wanted.clamp(*SIZES.start(), *SIZES.end())
    }
}

/// What a person wants of the font's size.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FontZoom {
    /// A point more.
    Larger,
    /// A point less.
    Smaller,
    /// As the settings have it without a change.
    Reset,
}
