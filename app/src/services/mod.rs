//! Services: each does one kind of input or output on a thread of its own and reports facts to the hub.
//!
//! No method that the hub calls waits for the hub, so a full channel in one direction cannot stop the other.

pub mod agents;
pub mod channels;
pub mod codex;
pub mod directory;
pub mod processes;
pub mod providers;
pub mod registry;
pub mod regular_file;
pub mod self_check;
pub mod settings_file;
pub mod spawn;
pub mod steward;
pub mod store;
pub mod terminals;
pub mod themes;
pub mod transcripts;
