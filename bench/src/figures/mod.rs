//! What is measured: one module for each group of figures.

pub mod burst;
pub mod crowd;
pub mod desktop;
pub mod flood;
pub mod gate;
pub mod handler;
pub mod ide;
pub mod list;
pub mod otlp;
pub mod pages;
pub mod scroll;
pub mod terminal;
pub mod terminal_speed;
pub mod terminal_view;
pub mod window;

use anyhow::Result;

use crate::app::Programs;
use crate::table::Row;

/// Measures one group.
pub type Measure = fn(&Programs) -> Result<Vec<Row>>;

/// All groups in the order of the table, by name.
pub const ALL: [(&str, Measure); 15] = [
    ("handler", handler::measure),
    ("burst", burst::measure),
    ("gate", gate::measure),
    ("window", window::measure),
    ("crowd", crowd::measure),
    ("desktop", desktop::measure),
    ("scroll", scroll::measure),
    ("pages", pages::measure),
    ("list", list::measure),
    ("ide", ide::measure),
    ("otlp", otlp::measure),
    ("terminal", terminal::measure),
    ("vte", terminal_speed::measure),
    ("view", terminal_view::measure),
    ("flood", flood::measure),
];
