//! Editing what a request would run, before it is allowed.

mod data;
mod ui;

pub use data::{Edits, is_about, is_editable};
pub use ui::edit_ui;
