//! What a view has to say after a pass: plain values, for whoever owns the terminal.

use super::style::FontZoom;

/// A size in cells and in pixels.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct GridSize {
    /// Columns.
    pub columns: u16,
    /// Lines.
    pub lines: u16,
    /// Width of one cell in pixels.
    pub cell_width: u16,
    /// Height of one cell in pixels.
    pub cell_height: u16,
}

/// What happened in a pass.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct TerminalEvents {
    /// What the program is to read, in order.
    pub bytes: Vec<u8>,
    /// Whether a person typed, clicked into the program or pasted: who does that owns the size.
    pub used: bool,
    /// The size that the view has room for, when it is another than the last one that was told.
    pub size: Option<GridSize>,
    /// The keyboard came or went.
    pub focus: Option<bool>,
    /// For the clipboard.
    pub copy: Option<String>,
    /// For the primary selection, where the platform has one.
    pub select: Option<String>,
    /// A link that a person wants to open; `http` or `https`.
    pub open: Option<String>,
    /// Another size of the font.
    pub zoom: Option<FontZoom>,
}

impl TerminalEvents {
    /// Whether nothing happened.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
