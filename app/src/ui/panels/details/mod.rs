//! The selected session: its state and why, and what it is.

mod data;
mod ui;

pub use data::{DetailsData, Fact, Reason};
pub use ui::details_ui;

/// Whether the details are shown. Until a person says so, the window's width decides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Details {
    /// As the width allows.
    #[default]
    Fitting,
    /// Shown.
    Shown,
    /// Folded.
    Folded,
}

/// The window is wide enough for three columns from here on.
const WIDE: f32 = 1_080.0;

impl Details {
    /// Whether they are shown in a window of this width.
    pub fn is_shown(self, width: f32) -> bool {
        match self {
            Self::Fitting => width >= WIDE,
            Self::Shown => true,
            Self::Folded => false,
        }
    }

    /// The other way round. From "fitting" a first press shows them: when they are there already, a second
    /// one folds them.
    pub const fn toggle(&mut self) {
        *self = match self {
            Self::Shown => Self::Folded,
            Self::Fitting | Self::Folded => Self::Shown,
        };
    }

    /// Shows or folds them.
    pub const fn set(&mut self, shown: bool) {
        *self = if shown { Self::Shown } else { Self::Folded };
    }
}
