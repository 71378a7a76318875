//! What is installed into Gemini CLI's `settings.json`.

use super::recipe::{HookEvent, observe};

/// The events that are installed, in the order in which they are written.
///
/// Not among them: `BeforeModel`, `AfterModel` and `BeforeToolSelection`, which cost a process for every chunk of an
/// answer, and `PreCompress`, which comes before every request, whether or not anything is compressed.
pub const GEMINI_EVENTS: &[HookEvent] = &[
    observe("SessionStart"),
    observe("BeforeAgent"),
    observe("BeforeTool").refusable(),
    observe("AfterTool"),
    observe("Notification"),
    observe("AfterAgent"),
    observe("SessionEnd"),
];

/// Events of Gemini that are known and not installed.
pub(crate) const OTHER_EVENTS: &[&str] = &["BeforeModel", "AfterModel", "BeforeToolSelection", "PreCompress"];
