//! A terminal in the window: draws the visible cells of an `alacritty_terminal` grid and turns what a person does into
//! bytes. It does no I/O: [`TerminalView::show`] takes a [`TerminalSource`] and gives [`TerminalEvents`].
//!
//! ```text
//! Term (locked) -> TerminalFrame (a copy of what is visible) -> looks -> one mesh on the font atlas
//! egui's events -> magia_tty::input -> TerminalEvents.bytes -> whoever owns the PTY
//! ```
//!
//! The frame is copied once a pass under a short lock and compared with the one before; the mesh is built anew only when
//! something of it changed. Whoever feeds the terminal asks for a repaint (`request_repaint_after(1 ms)` and a flag);
//! the view asks for one by itself only while a cursor blinks, a bell rings, a search runs or a selection scrolls.

pub mod boxes;
pub mod clipboard;
mod draw;
mod events;
mod find;
mod find_bar;
pub mod frame;
pub mod glyphs;
mod keyboard;
mod keys;
pub mod links;
pub mod look;
pub mod mesh;
pub mod metrics;
mod pointer;
mod scroll;
mod source;
pub mod style;
mod view;

pub use events::{GridSize, TerminalEvents};
pub use source::{Locked, TerminalSource};
pub use style::{FontZoom, TerminalStyle};
pub use view::{TerminalOptions, TerminalView, letterbox_text};
