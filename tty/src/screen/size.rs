//! The size of a screen.

use alacritty_terminal::grid::Dimensions;

/// The most columns and rows of a screen, so that no client makes the holder take gigabytes.
pub const MOST_CELLS: u16 = 1000;

/// The size of a screen in cells, and of a cell in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Columns, 2 to [`MOST_CELLS`]: a wide character needs two.
    pub cols: u16,
    /// Rows, 1 to [`MOST_CELLS`].
    pub rows: u16,
    /// Width of a cell in pixels; 0 when it is not known.
    pub cell_width: u16,
    /// Height of a cell in pixels; 0 when it is not known.
    pub cell_height: u16,
}

impl Size {
    /// A size in cells alone.
    pub fn cells(cols: u16, rows: u16) -> Self {
        Self { cols, rows, cell_width: 0, cell_height: 0 }
    }

    /// This size within the bounds that a screen has.
    #[must_use]
    pub fn clamped(self) -> Self {
        Self { cols: self.cols.clamp(2, MOST_CELLS), rows: self.rows.clamp(1, MOST_CELLS), ..self }
    }
}

impl Dimensions for Size {
    fn total_lines(&self) -> usize {
        usize::from(self.rows)
    }

    fn screen_lines(&self) -> usize {
        usize::from(self.rows)
    }

    fn columns(&self) -> usize {
        usize::from(self.cols)
    }
}
