//! The review of a change that an agent shows before it makes it: hunk by hunk, edited, taken or refused.

mod data;
mod rows;
mod ui;

pub use data::{ReviewData, ReviewPanel, Verdict};
pub use ui::review_ui;
