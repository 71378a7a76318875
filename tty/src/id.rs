//! A terminal's name on disk and on the wire.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The longest id in bytes.
pub const ID_MAX_BYTES: usize = 64;
/// How many characters a fresh id has: enough that two never meet, few enough for a socket's path.
const FRESH_LEN: usize = 12;

/// A terminal's id: `[A-Za-z0-9_-]{1,64}`, not beginning with `-`, for it stands on command lines. Whoever has one may
/// join it to a path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TerminalId(String);

/// A text that is no [`TerminalId`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a terminal's id has 1 to 64 letters, digits, _ or -, and does not begin with -")]
pub struct IdError;

impl TerminalId {
    /// Takes a text for an id.
    ///
    /// # Errors
    /// [`IdError`] when it is none.
    pub fn new(text: impl Into<String>) -> Result<Self, IdError> {
        let text = text.into();
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        let fits = (1..=ID_MAX_BYTES).contains(&text.len());
        (fits && !text.starts_with('-') && text.bytes().all(allowed)).then_some(Self(text)).ok_or(IdError)
    }

    /// An id that no other terminal has.
    pub fn fresh() -> Self {
        let mut text = uuid::Uuid::new_v4().simple().to_string();
        text.truncate(FRESH_LEN);
        Self(text)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TerminalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for TerminalId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        Self::new(text)
    }
}

impl TryFrom<String> for TerminalId {
    type Error = IdError;

    fn try_from(text: String) -> Result<Self, IdError> {
        Self::new(text)
    }
}

impl From<TerminalId> for String {
    fn from(id: TerminalId) -> Self {
        id.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_leave_the_directory_is_no_id() {
        for text in ["a", "A_b-9", "0f1e2d3c-0000-4000-8000-000000000000", &"x".repeat(64)] {
            assert_eq!(TerminalId::new(text).map(String::from), Ok(text.to_owned()));
        }
        for text in ["", ".", "..", "../x", "a/b", "a b", "a\0b", "ä", "-rf", "--json", &"x".repeat(65)] {
            assert_eq!(TerminalId::new(text), Err(IdError), "{text:?}");
            let json = serde_json::to_string(text).unwrap();
            assert!(serde_json::from_str::<TerminalId>(&json).is_err(), "{text:?}");
        }
    }

    #[test]
    fn fresh_ids_are_ids_and_differ() {
        let (one, other) = (TerminalId::fresh(), TerminalId::fresh());
        assert_ne!(one, other);
        assert_eq!(TerminalId::new(one.as_str()), Ok(one));
    }
}
