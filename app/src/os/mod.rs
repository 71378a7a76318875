//! The desktop: what differs from one system to the next.

pub mod agents;
pub mod ancestry;
pub mod attributes;
pub mod color_scheme;
pub mod desktop;
#[cfg(feature = "window")]
pub mod fonts;
pub mod memory;
pub mod notify;
pub mod priority;
pub mod process_group;
pub mod signals;
pub mod tcp_peer;
pub mod terminals;
#[cfg(feature = "window")]
pub mod tray;
