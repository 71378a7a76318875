//! What magia knows and decides, and nothing else: no I/O, no clock, no threads, no environment, no window.
//!
//! [`Model::apply`](model::Model::apply) takes an [`Event`](event::Event) and the time and returns
//! [`Effect`](effect::Effect)s; the hub performs them. What the window draws is a
//! [`Snapshot`](snapshot::Snapshot).
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

pub mod answer;
pub mod attention;
pub mod codex;
pub mod daemon;
pub mod drift;
pub mod effect;
pub mod event;
pub mod fuzzy;
pub mod ide;
pub mod keys;
pub mod metrics;
pub mod model;
pub mod normalize;
pub mod policy;
pub mod settings;
pub mod snapshot;
pub mod spawn;
pub mod steward;
pub mod subject;
pub mod telemetry;
pub mod themes;
pub mod timeline;
pub mod transcript;
pub mod tray;
