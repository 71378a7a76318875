//! What is installed into Claude Code's `settings.json`.

use super::recipe::{HookEvent, gate, observe};

/// The events that are installed, in the order in which they are written.
///
/// Not among them: `MessageDisplay`, `FileChanged` and `InstructionsLoaded` (many, and of no use here), and
/// `WorktreeCreate` and `WorktreeRemove`, which are not observers: a hook on the first *replaces* Claude's own
/// `git worktree add` and fails it when no path comes back ("hook succeeded but returned no worktree path",
/// seen with 2.1.197); a hook on the second that exits 0 counts as having removed the worktree.
pub const CLAUDE_EVENTS: &[HookEvent] = &[
    observe("SessionStart"),
    observe("Setup"),
    observe("UserPromptSubmit"),
    observe("UserPromptExpansion"),
    observe("PreToolUse").refusable(),
    gate("PermissionRequest", 600),
    observe("PermissionDenied"),
    observe("PostToolUse"),
    observe("PostToolUseFailure"),
    observe("PostToolBatch"),
    observe("Notification"),
    observe("Stop"),
    observe("StopFailure"),
    observe("SubagentStart"),
    observe("SubagentStop"),
    observe("PreCompact"),
    observe("PostCompact"),
    observe("TaskCreated"),
    observe("TaskCompleted"),
    observe("TeammateIdle"),
    observe("ConfigChange"),
    observe("CwdChanged"),
    observe("Elicitation"),
    observe("ElicitationResult"),
    observe("SessionEnd"),
];

/// Events of Claude that are known and not installed; their entries must have the right shape all the same,
/// because one entry of a wrong shape makes Claude ignore the whole file.
pub(crate) const OTHER_EVENTS: &[&str] =
    &["MessageDisplay", "FileChanged", "InstructionsLoaded", "WorktreeCreate", "WorktreeRemove"];
