//! The window. It draws [`Snapshot`](magia_core::snapshot::Snapshot)s, and what a person wants becomes
//! [`Action`](action::Action)s; those for the hub leave as commands through the
//! [`WindowLink`](crate::link::WindowLink).
//!
//! Absent on purpose: files, processes, sockets, locks, waiting. `theme` alone names colours, `text` alone
//! decides how an agent's text is made visible.

pub mod action;
mod app;
pub mod clock;
pub mod command;
pub mod dialogs;
mod facts;
pub mod fonts;
mod frames;
mod icon;
mod keys;
pub mod look;
mod markdown;
pub mod panels;
mod pointer_events;
mod provider;
mod seen;
pub mod shell;
pub mod state;
pub mod terminal;
pub mod text;
pub mod theme;
mod toasts;
mod widgets;

pub use app::{Window, WindowOptions, native_options, run};

/// Gives an egui context the fonts, both themes, and the rule that no pictures are loaded.
pub fn install(ctx: &eframe::egui::Context) {
    fonts::install(ctx);
    theme::install(ctx);
    markdown::install(ctx);
}
