//! Windows: not there yet. A pseudo-console needs a process with its attribute list and a job object for what the program
//! starts; none of it could be run, so nothing is pretended.

use super::{Command, SpawnError};
use crate::size::Size;
use std::convert::Infallible;
use std::io;

/// A program just started.
#[derive(Debug)]
pub struct Spawned {
    /// The holder's end of its terminal.
    pub master: Master,
    /// Its process.
    pub pid: u32,
}

/// The holder's end of a pseudo-terminal; there is none.
#[derive(Debug)]
pub struct Master(Infallible);

impl Master {
    /// Reads what is there.
    ///
    /// # Errors
    /// What the system says.
    pub async fn read(&self, _buffer: &mut [u8]) -> io::Result<usize> {
        match self.0 {}
    }

    /// Reads what there is, without waiting.
    pub fn read_now(&self, _buffer: &mut [u8]) -> usize {
        match self.0 {}
    }

    /// Writes as much as there is room for.
    ///
    /// # Errors
    /// What the system says.
    pub async fn write(&self, _bytes: &[u8]) -> io::Result<usize> {
        match self.0 {}
    }

    /// Tells the terminal its size.
    ///
    /// # Errors
    /// What the system says.
    pub fn resize(&self, _size: Size) -> io::Result<()> {
        match self.0 {}
    }

    /// There are no process groups.
    pub fn foreground(&self) -> Option<i32> {
        match self.0 {}
    }
}

/// Starts a program in a new pseudo-terminal.
///
/// # Errors
/// Always: there is none on this system.
pub fn spawn(_command: &Command) -> Result<Spawned, SpawnError> {
    Err(SpawnError::Terminal(io::ErrorKind::Unsupported.into()))
}
