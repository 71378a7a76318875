//! The control centre: listeners and services around one hub, and the window that draws what the hub knows.
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

pub mod link;
#[cfg(feature = "window")]
pub mod ui;
