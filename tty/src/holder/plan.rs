//! What a holder is started with: one JSON object on its standard input, since a command line can be read by everybody
//! and has a length. The answer is one line on its standard output.

use crate::id::TerminalId;
use crate::size::Size;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// The argument that makes a program a holder.
pub const ARGUMENT: &str = "--magia-hold-terminal";

/// The terminal to hold.
#[derive(Debug, Serialize, Deserialize)]
pub struct Plan {
    /// Its id.
    pub id: TerminalId,
    /// Its name.
    pub name: String,
    /// Its directory, which exists.
    pub dir: Raw,
    /// The program and its arguments.
    pub argv: Vec<Raw>,
    /// Where it runs.
    pub cwd: Raw,
    /// Its whole environment.
    pub env: Vec<(Raw, Raw)>,
    /// The terminal's first size.
    pub size: Size,
    /// What can be set for tests.
    pub tuning: Tuning,
}

/// What is not for users to set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tuning {
    /// How long the holder stays after its program has ended, so that one can still see the last screen.
    pub linger: Duration,
    /// How long a program that is told to end has until it is killed.
    pub grace: Duration,
    /// The most bytes of the recording, both parts together.
    pub recording_max_bytes: u64,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            linger: Duration::from_secs(60),
            grace: Duration::from_secs(3),
            recording_max_bytes: 32 * 1024 * 1024,
        }
    }
}

/// The holder's answer.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Report {
    /// Its socket is bound and the program runs.
    Started {
        /// The holder's process.
        holder_pid: u32,
        /// The program's process.
        pid: u32,
    },
    /// It could not, and has gone.
    Failed {
        /// What kind of fault it is.
        fault: StartFault,
        /// A sentence.
        message: String,
    },
}

/// The kinds of faults that whoever starts a terminal can do something about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StartFault {
    /// There is no such program.
    CommandNotFound,
    /// The program is there and cannot be run.
    CommandRefused,
    /// All else.
    Other,
}

/// Bytes of the system, in JSON as base64: paths and arguments need not be Unicode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Raw(pub OsString);

impl From<Raw> for PathBuf {
    fn from(raw: Raw) -> Self {
        Self::from(raw.0)
    }
}

impl Serialize for Raw {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64.encode(self.0.as_encoded_bytes()))
    }
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = BASE64.decode(String::deserialize(deserializer)?).map_err(de::Error::custom)?;
        from_bytes(bytes).map(Self).ok_or_else(|| de::Error::custom("not a text of this system"))
    }
}

#[cfg(unix)]
fn from_bytes(bytes: Vec<u8>) -> Option<OsString> {
    Some(std::os::unix::ffi::OsStringExt::from_vec(bytes))
}
#[cfg(not(unix))]
fn from_bytes(bytes: Vec<u8>) -> Option<OsString> {
    String::from_utf8(bytes).ok().map(OsString::from)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStringExt as _;

    #[test]
    fn bytes_that_are_no_unicode_survive() {
        let raw = Raw(OsString::from_vec(vec![b'a', 0xff, b'\n', b'"']));
        let json = serde_json::to_string(&raw).unwrap();
        assert_eq!(serde_json::from_str::<Raw>(&json).unwrap(), raw);
    }
}
