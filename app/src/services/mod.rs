//! What does I/O for the hub. No service knows another, and none knows the window.

pub mod providers;
pub mod steward;
