//! The pseudo-terminal and the program in it. What differs by platform is in one module each.

#[cfg(unix)]
mod unix;
#[cfg(unix)]
pub use unix::{Master, Spawned, spawn};
#[cfg(windows)]
mod windows;
#[cfg(windows)]
pub use windows::{Master, Spawned, spawn};

use crate::size::Size;
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;

/// A program to run in a new pseudo-terminal.
#[derive(Debug, Clone)]
pub struct Command {
    /// The program, looked for in the `PATH` of `env` when it has no `/`, and its arguments.
    pub argv: Vec<OsString>,
    /// Its working directory; the holder's own does not change.
    pub cwd: PathBuf,
    /// Its whole environment.
    pub env: Vec<(OsString, OsString)>,
    /// The terminal's first size.
    pub size: Size,
    /// The mode bits that its files do not get.
    pub umask: u32,
}

/// Why a program was not started.
#[derive(Debug, thiserror::Error)]
pub enum SpawnError {
    /// There is no command.
    #[error("there is no command to run")]
    NoCommand,
    /// The program could not be started.
    #[error("cannot start {program} ({source})")]
    Program {
        /// Its name, as typed.
        program: String,
        /// Why not.
        source: io::Error,
    },
    /// There is no terminal for it.
    #[error("cannot open a pseudo-terminal ({0})")]
    Terminal(io::Error),
}
