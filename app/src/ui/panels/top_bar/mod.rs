//! Name, filter, counters, health.

mod data;
mod ui;

pub use data::{Dot, TopBarData};
pub use ui::top_bar_ui;
