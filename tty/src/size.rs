//! A terminal's size.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The most columns or rows of a terminal; more would only cost memory.
pub const SIDE_MAX: u16 = 1000;

/// A terminal's size in character cells, and a cell's in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Size {
    /// Columns.
    pub cols: u16,
    /// Rows.
    pub rows: u16,
    /// A cell's width in pixels; 0 when nobody knows it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub cell_width: u16,
    /// A cell's height in pixels; 0 when nobody knows it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub cell_height: u16,
}

pub(crate) fn is_zero(number: &u16) -> bool {
    *number == 0
}

impl Size {
    /// What a terminal has when nobody says.
    pub const DEFAULT: Self = Self::new(80, 24);

    /// A size in cells alone.
    pub const fn new(cols: u16, rows: u16) -> Self {
        Self { cols, rows, cell_width: 0, cell_height: 0 }
    }

    /// The same with a cell's size in pixels.
    #[must_use]
    pub const fn with_cell(self, cell_width: u16, cell_height: u16) -> Self {
        Self { cell_width, cell_height, ..self }
    }

    /// Whether it has as many columns and rows.
    pub const fn has_cells_of(self, other: Self) -> bool {
        self.cols == other.cols && self.rows == other.rows
    }

    /// The size that a screen can have: `None` with a side of 0, which terminals send before they have a window; else
    /// each side within 2 columns, 1 row and [`SIDE_MAX`].
    pub fn usable(self) -> Option<Self> {
        (self.cols > 0 && self.rows > 0).then(|| Self {
            cols: self.cols.clamp(2, SIDE_MAX),
            rows: self.rows.clamp(1, SIDE_MAX),
            ..self
        })
    }
}

impl Default for Size {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.cols, self.rows)
    }
}

/// A text that is no size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a size is COLSxROWS, such as 80x24, with 2 to 1000 columns and 1 to 1000 rows")]
pub struct SizeError;

impl FromStr for Size {
    type Err = SizeError;

    fn from_str(text: &str) -> Result<Self, SizeError> {
        let (cols, rows) = text.split_once(['x', 'X']).ok_or(SizeError)?;
        let side = |text: &str| text.parse().ok();
        let size = Self::new(side(cols).ok_or(SizeError)?, side(rows).ok_or(SizeError)?);
        // What a screen would have to change is refused.
        (size.usable() == Some(size)).then_some(size).ok_or(SizeError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_and_kept_in_bounds() {
        assert_eq!("120x40".parse(), Ok(Size::new(120, 40)));
        assert_eq!("2x1".parse(), Ok(Size::new(2, 1)));
        for wrong in ["", "80", "80x", "x24", "0x24", "80x0", "-1x2", "80x24x1", "1001x10", "1x1"] {
            assert_eq!(wrong.parse::<Size>(), Err(SizeError), "{wrong:?}");
        }
        assert_eq!(Size::new(0, 24).usable(), None);
        assert_eq!(Size::new(80, 0).usable(), None);
        assert_eq!(Size::new(65_535, 1).usable(), Some(Size::new(1000, 1)));
        assert_eq!(Size::new(1, 1).usable(), Some(Size::new(2, 1)));
    }
}
