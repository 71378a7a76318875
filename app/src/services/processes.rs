//! Says when a process ends, without asking `/proc` again and again.

mod watch;

pub use watch::Processes;
