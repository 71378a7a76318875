//! Terminals that outlive the window: the holder of a PTY, its screen, and its clients.
//!
//! A terminal is a process of its own, the holder, which is this program started again ([`dispatch`]). Everything else is
//! a client of its socket: the window, an attached terminal ([`attach`]), a script ([`client`]). [`start()`] makes one,
//! [`directory`] finds them, [`wire`] is what they say to each other.
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

#[cfg(unix)]
pub mod attach;
pub mod client;
pub mod directory;
#[cfg(unix)]
mod holder;
mod id;
pub mod input;
pub mod pty;
pub mod screen;
mod size;
#[cfg(unix)]
mod start;
mod time;
pub mod wire;

pub use directory::{TerminalRecord, TerminalState, list};
#[cfg(unix)]
pub use holder::{Tuning, dispatch};
pub use id::{ID_MAX_BYTES, IdError, TerminalId};
pub use size::{SIDE_MAX, Size, SizeError};
#[cfg(unix)]
pub use start::{ID_VARIABLE, StartError, StartOptions, Started, TERM, start, start_tuned};

/// If this process was started as a holder, it is one. There are none on this system.
#[cfg(not(unix))]
pub fn dispatch() -> Option<std::process::ExitCode> {
    None
}
