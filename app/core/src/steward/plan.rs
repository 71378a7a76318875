//! What a change of a settings file would do, before anything is written.

use std::collections::BTreeMap;
use std::fmt;

use similar::TextDiff;

use super::comments;
use super::error::StewardError;
use super::json::{Dialect, Document, Span};

/// A change worked out in full: the bytes before and after, and what it means.
#[derive(Clone, PartialEq, Eq)]
pub struct Plan {
    /// The file as it was read; none when there was no file.
    pub before: Option<Vec<u8>>,
    /// The file as it shall be; none when it shall be removed or stay absent.
    pub after: Option<Vec<u8>>,
    /// What becomes of our entries, by event.
    pub changes: Vec<Change>,
    /// What the user should know.
    pub warnings: Vec<String>,
    /// What an uninstall needs to leave no trace; keep it and hand it to the next plan.
    pub footprint: Footprint,
}

/// One event's change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The agent's name of the event.
    pub event: String,
    /// What becomes of our entry.
    pub kind: ChangeKind,
}

/// What becomes of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    /// It was not there.
    Added,
    /// It was there and something of ours in it is written anew.
    Updated,
    /// It is taken out.
    Removed,
    /// It is right as it is, the user's own edits included.
    Kept,
}

/// What an install found empty or absent, so that an uninstall can put it back to the byte. Only white space is
/// kept here, nothing of the file's content.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Footprint {
    /// What the file was before the first install.
    pub origin: Origin,
    /// The white space inside containers that were there and empty, by path: ``, `hooks`, `hooks.Stop`.
    pub empty: BTreeMap<String, String>,
}

/// What a settings file was before the first install.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Origin {
    /// It had content.
    #[default]
    Content,
    /// It held nothing but this white space (or byte order mark), which may have stood after comments.
    Blank(String),
    /// There was no file.
    Absent,
}

impl Footprint {
    /// Takes over what another change of ours found before this one: that the file was not there, or blank. When this one
    /// found an empty object, nothing of the other's stood in it any more.
    pub fn adopt(&mut self, other: &Self) {
        if self.empty.contains_key("") {
            return;
        }
        if self.origin == Origin::Content {
            self.origin = other.origin.clone();
        }
        if let Some(space) = other.empty.get("") {
            self.empty.insert(String::new(), space.clone());
        }
    }

    /// Remembers the white space of a container that is empty. A comment keeps its container by itself, and is not ours to
    /// remember.
    pub(crate) fn note_empty(&mut self, doc: &Document<'_>, path: &str, container: Span) {
        let inside = Span { start: container.start + 1, end: container.end.saturating_sub(1) };
        if !doc.has_comment(inside) {
            self.empty.insert(path.to_owned(), doc.slice(inside).to_owned());
        }
    }
}

impl Origin {
    /// What a file is that holds nothing, or nothing but comments.
    pub(crate) fn of_blank(bytes: Option<&[u8]>, read: &str, dialect: Dialect) -> Self {
        let space = read.get(comments_end(read, dialect)..).unwrap_or_default();
        bytes.map_or(Self::Absent, |_| Self::Blank(space.to_owned()))
    }

    /// What becomes of a file in which nothing but comments before an empty object is left; none: it stays.
    pub(crate) fn emptied(&self, comments: &str) -> Option<Option<Vec<u8>>> {
        match self {
            Self::Absent if comments.is_empty() => Some(None),
            Self::Blank(blank) => Some(Some(format!("{comments}{blank}").into_bytes())),
            _ => None,
        }
    }
}

/// Where the last comment ends in a text that is blank but for comments; 0 when there is none.
pub(crate) fn comments_end(text: &str, dialect: Dialect) -> usize {
    let end = (dialect == Dialect::Comments).then(|| comments::last_end(text, 0, text.len())).flatten();
    end.unwrap_or_default()
}

/// A file that held nothing, or nothing but comments, with an object in it.
pub(crate) fn blank_filled(read: &str, dialect: Dialect, object: &str) -> Vec<u8> {
    let head = match comments_end(read, dialect) {
        0 if read.starts_with('\u{feff}') => "\u{feff}".to_owned(),
        0 => String::new(),
        end => format!("{}\n", read.get(..end).unwrap_or_default()),
    };
    format!("{head}{object}\n").into_bytes()
}

impl Plan {
    /// Nothing has to be written.
    #[must_use]
    pub fn is_unchanged(&self) -> bool {
        self.before == self.after
    }

    /// The change as a unified diff, for the user's eyes: it may show what stands beside our lines, so it is
    /// never logged.
    #[must_use]
    pub fn unified_diff(&self, name: &str) -> String {
        if self.is_unchanged() {
            return String::new();
        }
        let text = |bytes: &Option<Vec<u8>>| {
            bytes.as_deref().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).unwrap_or_default()
        };
        let (before, after) = (text(&self.before), text(&self.after));
        let header = |side: &Option<Vec<u8>>| if side.is_some() { name } else { "/dev/null" };
        let (old, new) = (header(&self.before), header(&self.after));
        TextDiff::from_lines(&before, &after).unified_diff().context_radius(3).header(old, new).to_string()
    }

    /// Checks that what would be written is what the agent can read.
    pub(crate) fn checked(self, dialect: Dialect) -> Result<Self, StewardError> {
        match &self.after {
            Some(after) if !self.is_unchanged() => {
                let text = std::str::from_utf8(after).map_err(|_| StewardError::BrokenEdit)?;
                // White space (and comments) alone is what an uninstall may go back to.
                if !super::json::is_blank(text) && !super::json::is_comments(text, dialect) {
                    Document::parse(text, dialect).map_err(|_| StewardError::BrokenEdit)?;
                }
                Ok(self)
            }
            _ => Ok(self),
        }
    }
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the bytes: a settings file may hold keys, and Debug output ends up in logs.
        f.debug_struct("Plan")
            .field("before_bytes", &self.before.as_ref().map(Vec::len))
            .field("after_bytes", &self.after.as_ref().map(Vec::len))
            .field("unchanged", &self.is_unchanged())
            .field("changes", &self.changes)
            .field("warnings", &self.warnings)
            .finish_non_exhaustive()
    }
}
