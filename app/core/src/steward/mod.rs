//! The settings steward: edits Claude Code's `settings.json` as text, so that key order, indentation, line
//! endings, byte order mark and every key that is not ours come out as they went in. Pure: text in, plan out.

mod claude;
mod edit;
mod error;
mod inspect;
mod install;
mod json;
mod merge;
mod plan;
mod survey;

pub use claude::{CLAUDE_EVENTS, HANDLER_NAME, HookEvent, deadline_ms};
pub use error::StewardError;
pub use inspect::{EventReport, EventStatus, HookReport, HookState, inspect};
pub use install::{plan_install, plan_uninstall};
pub use json::{MAX_BYTES, MAX_DEPTH, Position};
pub use merge::merge_patch;
pub use plan::{Change, ChangeKind, Footprint, Origin, Plan};
