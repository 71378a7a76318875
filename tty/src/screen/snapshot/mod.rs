//! A screen as bytes, exactly: every cell, the history, and the state that only shows in what the next bytes do.
//!
//! docs/terminal-snapshot.md has the format. A holder outlives upgrades of the window, so a version once written is read
//! for good: change nothing of version 1, add a version.

mod bytes;
mod cells;
mod read;
mod write;

pub(super) use read::read;
pub(super) use write::write;

use alacritty_terminal::term::TermMode;

/// What a snapshot begins with; the version follows as one byte.
const MAGIC: &[u8] = b"magiascr";
/// The version that is written.
const VERSION: u8 = 1;

/// Why bytes are no snapshot.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SnapshotError {
    /// They begin with something else.
    #[error("not a terminal snapshot")]
    NotASnapshot,
    /// A later magia wrote them.
    #[error("terminal snapshot of version {0}, this magia reads up to {VERSION}")]
    Version(u8),
    /// They end too early.
    #[error("terminal snapshot cut off")]
    Truncated,
    /// A value that no screen has.
    #[error("terminal snapshot with an impossible {0}")]
    Invalid(&'static str),
}

/// The modes by their bit in a snapshot, lowest first. Kitty's keyboard flags are not here: they follow from the stacks.
const MODES: [TermMode; 17] = [
    TermMode::SHOW_CURSOR,
    TermMode::APP_CURSOR,
    TermMode::APP_KEYPAD,
    TermMode::MOUSE_REPORT_CLICK,
    TermMode::MOUSE_DRAG,
    TermMode::MOUSE_MOTION,
    TermMode::UTF8_MOUSE,
    TermMode::SGR_MOUSE,
    TermMode::BRACKETED_PASTE,
    TermMode::LINE_WRAP,
    TermMode::LINE_FEED_NEW_LINE,
    TermMode::ORIGIN,
    TermMode::INSERT,
    TermMode::FOCUS_IN_OUT,
    TermMode::ALTERNATE_SCROLL,
    TermMode::URGENCY_HINTS,
    TermMode::ALT_SCREEN,
];
