//! What is installed into Codex's `hooks.json`.

use super::recipe::{HookEvent, gate, observe};

/// The terminal's own dialog waits for this hook, so it must not be long; what magia holds is shorter still.
const PERMISSION_TIMEOUT_S: u64 = 60;

/// The events that are installed, in the order in which they are written.
///
/// `PostModelRequest` is the only one that tells of a turn that failed. Not among them: `PreModelRequest`, which says
/// nothing that we do not know.
pub const CODEX_EVENTS: &[HookEvent] = &[
    observe("SessionStart"),
    observe("UserPromptSubmit"),
    observe("PreToolUse").refusable(),
    gate("PermissionRequest", PERMISSION_TIMEOUT_S),
    observe("PostToolUse"),
    observe("PreCompact"),
    observe("PostCompact"),
    observe("PostModelRequest"),
    observe("SubagentStart"),
    observe("SubagentStop"),
    observe("Stop"),
    // Codex cuts the time of these two to three seconds.
    observe("Interrupt").within(SHORT_S),
    observe("SessionEnd").within(SHORT_S),
];

/// The longest that Codex lets a hook of [`SHORT_EVENTS`] take, in seconds.
pub(crate) const SHORT_S: u64 = 3;

/// The events whose time Codex cuts.
pub(crate) const SHORT_EVENTS: &[&str] = &["Interrupt", "SessionEnd"];

/// The installed events whose matcher Codex does not look at.
pub(crate) const UNMATCHED_EVENTS: &[&str] = &["UserPromptSubmit", "PostModelRequest", "Stop", "Interrupt"];

/// Events of Codex that are known and not installed.
pub(crate) const OTHER_EVENTS: &[&str] = &["PreModelRequest"];
