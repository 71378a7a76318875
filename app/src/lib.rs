//! The control centre: listeners and services around one hub, and the window that draws what the hub knows.
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

pub mod agent_env;
pub mod call;
pub mod clock;
pub mod doctor;
pub mod event_text;
pub mod ground;
pub mod hub;
pub mod instance;
pub mod link;
pub mod listeners;
pub mod log_file;
pub mod logging;
pub mod os;
pub mod places;
pub mod reset;
pub mod run;
pub mod service;
pub mod services;
pub mod takeover;
pub mod terminal_link;
#[cfg(feature = "window")]
pub mod ui;
