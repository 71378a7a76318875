//! Why the steward refuses a settings file. No variant carries content of the file: it may hold keys.

use thiserror::Error;

use super::json::Position;

/// A refusal. The file is left exactly as it was.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum StewardError {
    /// Not JSON as the agent reads it. Claude Code ignores such a file without a word, so neither do we touch it.
    #[error("not valid JSON at line {}, column {}: {message}", at.line, at.column)]
    Syntax {
        /// Where reading stopped.
        at: Position,
        /// What was expected there.
        message: &'static str,
    },
    /// The same key twice in one object that we would have to edit: which one counts is a guess.
    #[error("duplicate key \"{key}\" at line {}, column {} (first at line {first_line})", at.line, at.column)]
    DuplicateKey {
        /// The key.
        key: String,
        /// Where it stands the second time.
        at: Position,
        /// The line of the first one.
        first_line: usize,
    },
    /// Valid JSON, but not the shape that Claude Code reads.
    #[error("{what} must be {expected} (line {}, column {})", at.line, at.column)]
    WrongType {
        /// The path of the value, such as `hooks.PreToolUse`.
        what: String,
        /// What it must be, with its article.
        expected: &'static str,
        /// Where the value stands.
        at: Position,
    },
    /// Nested deeper than any settings file is.
    #[error("nested deeper than {limit} levels at line {}, column {}", at.line, at.column)]
    TooDeep {
        /// The limit.
        limit: usize,
        /// Where the limit was passed.
        at: Position,
    },
    /// Bytes that are not UTF-8.
    #[error("not UTF-8 at line {}, column {}", at.line, at.column)]
    Encoding {
        /// The first bad byte.
        at: Position,
    },
    /// Larger than the steward reads.
    #[error("{bytes} bytes is more than the {limit} that are read")]
    TooLarge {
        /// The size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// The handler's path cannot stand in a JSON settings file.
    #[error("the hook handler's path must be absolute and UTF-8: {path}")]
    HandlerPath {
        /// The path, as far as it can be shown.
        path: String,
    },
    /// A merge patch that is not an object would replace the whole file.
    #[error("the patch must be an object")]
    PatchNotObject,
    /// Not TOML. Codex does not start with such a file.
    #[error("not valid TOML at line {}, column {}: {message}", at.line, at.column)]
    Toml {
        /// Where reading stopped.
        at: Position,
        /// What is wrong; it names what was expected, not what stands there.
        message: &'static str,
    },
    /// The agent's telemetry goes to a collector that is not ours.
    #[error("telemetry goes elsewhere already, so nothing was changed: {endpoint}")]
    ForeignCollector {
        /// Where, without what may be a secret.
        endpoint: String,
    },
    /// Our own edit did not give what it should: a bug of ours, caught before anything is written.
    #[error("the edited text would not be right (a bug in magia); nothing was changed")]
    BrokenEdit,
}

impl StewardError {
    /// Where in the file the reason stands, when it is a place.
    #[must_use]
    pub fn position(&self) -> Option<Position> {
        match self {
            Self::Syntax { at, .. }
            | Self::DuplicateKey { at, .. }
            | Self::WrongType { at, .. }
            | Self::TooDeep { at, .. }
            | Self::Toml { at, .. }
            | Self::Encoding { at } => Some(*at),
            Self::TooLarge { .. }
            | Self::HandlerPath { .. }
            | Self::PatchNotObject
            | Self::ForeignCollector { .. }
            | Self::BrokenEdit => None,
        }
    }
}
