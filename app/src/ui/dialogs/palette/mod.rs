//! The palette: commands, sessions, projects and settings, found by a few letters.

mod data;
mod ui;

pub use data::{Item, Palette, Target};
pub use ui::palette_ui;
