//! The settings steward: edits an agent's settings file as text, so that key order, indentation, line endings,
//! comments, byte order mark and every key that is not ours come out as they went in. Pure: text in, plan out.
//!
//! Claude's `settings.json` and Codex's `hooks.json` are strict JSON, Gemini's `settings.json` is JSON with comments;
//! the hooks in the three have one shape. Codex's `config.toml` holds which hooks the user trusts.

mod claude;
mod codex;
mod comments;
mod edit;
mod entry;
mod error;
mod gemini;
mod inspect;
mod install;
mod json;
mod merge;
mod otel_toml;
mod plan;
mod recipe;
mod survey;
mod telemetry;
mod toml;
mod trust;

pub use claude::CLAUDE_EVENTS;
pub use codex::CODEX_EVENTS;
pub use error::StewardError;
pub use gemini::GEMINI_EVENTS;
pub use inspect::{EventReport, EventStatus, HookReport, HookState, inspect};
pub use install::{plan_install, plan_uninstall};
pub use json::{MAX_BYTES, MAX_DEPTH, Position};
pub use merge::{merge_patch, settings_value};
pub use otel_toml::is_of as endpoint_is_of;
pub use plan::{Change, ChangeKind, Footprint, Origin, Plan};
pub use recipe::{HANDLER_NAME, HookEvent, Recipe, deadline_ms, events};
pub use telemetry::{
    Collector, TelemetryState, Written, plan_telemetry_off, plan_telemetry_on, telemetry_state,
};
pub use trust::{TrustEntry, TrustState, plan_distrust, plan_trust, trust_entries, trust_state};
