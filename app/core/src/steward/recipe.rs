//! What is written for which agent: the events, and how each agent's file takes an entry.

use std::path::Path;

use magia_protocol::wire::Provider;

use super::error::StewardError;
use super::json::Dialect;
use super::{claude, codex, gemini};

/// The handler's file name, by which entries of ours are recognised wherever they point.
pub const HANDLER_NAME: &str = "magia-hook-handler";

/// A handler that does not gate gives up after this long, whatever the hook's own timeout is.
const OBSERVER_DEADLINE_MS: u64 = 500;
const OBSERVER_TIMEOUT_S: u64 = 5;
/// In strict mode the agent waits for an answer as long as at Claude's own permission request.
const STRICT_TIMEOUT_S: u64 = 600;

/// One hook event that is installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HookEvent {
    /// The agent's name of the event.
    pub name: &'static str,
    /// The hook's timeout in seconds, written out because the defaults differ per event.
    pub timeout_s: u64,
    /// Whether the handler waits for a decision.
    pub gate: bool,
    /// Whether the agent takes exit status 2 of this hook for a refusal, so that strict mode can hold on to it.
    pub refusable: bool,
}

pub(crate) const fn observe(name: &'static str) -> HookEvent {
    HookEvent { name, timeout_s: OBSERVER_TIMEOUT_S, gate: false, refusable: false }
}

pub(crate) const fn gate(name: &'static str, timeout_s: u64) -> HookEvent {
    HookEvent { name, timeout_s, gate: true, refusable: false }
}

impl HookEvent {
    pub(crate) const fn refusable(self) -> Self {
        Self { refusable: true, ..self }
    }

    pub(crate) const fn within(self, timeout_s: u64) -> Self {
        Self { timeout_s, ..self }
    }

    /// The event as it is written in strict mode: what can refuse does, also when nobody answers.
    pub(crate) const fn in_mode(self, strict: bool) -> Self {
        if strict && self.refusable { Self { timeout_s: STRICT_TIMEOUT_S, gate: true, ..self } } else { self }
    }
}

/// What to write into one settings file.
#[derive(Debug, Clone, Copy)]
pub struct Recipe<'a> {
    /// Whose file it is.
    pub provider: Provider,
    /// What the entries run; absolute.
    pub handler: &'a Path,
    /// Whether calls are refused when magia gives no answer; none: as the file has it now, else off.
    pub strict: Option<bool>,
}

impl<'a> Recipe<'a> {
    /// What is written when nothing is asked for in particular.
    #[must_use]
    pub fn new(provider: Provider, handler: &'a Path) -> Self {
        Self { provider, handler, strict: None }
    }

    /// [`Self::new`] for Claude's `settings.json`.
    #[must_use]
    pub fn claude(handler: &'a Path) -> Self {
        Self::new(Provider::Claude, handler)
    }

    /// [`Self::new`] for Gemini's `settings.json`.
    #[must_use]
    pub fn gemini(handler: &'a Path) -> Self {
        Self::new(Provider::Gemini, handler)
    }

    /// [`Self::new`] for Codex's `hooks.json`.
    #[must_use]
    pub fn codex(handler: &'a Path) -> Self {
        Self::new(Provider::Codex, handler)
    }

    /// The handler's path as it stands in the file.
    pub(crate) fn handler_text(&self) -> Result<&'a str, StewardError> {
        match self.handler.to_str() {
            Some(text) if self.handler.is_absolute() && !text.contains(['\n', '\0']) => Ok(text),
            _ => Err(StewardError::HandlerPath { path: self.handler.to_string_lossy().into_owned() }),
        }
    }
}

/// The events that are installed for an agent, in the order in which they are written.
#[must_use]
pub fn events(provider: Provider) -> &'static [HookEvent] {
    match provider {
        Provider::Claude => claude::CLAUDE_EVENTS,
        Provider::Codex => codex::CODEX_EVENTS,
        Provider::Gemini => gemini::GEMINI_EVENTS,
    }
}

/// The installed event of this name.
pub(crate) fn installed_event(provider: Provider, name: &str) -> Option<&'static HookEvent> {
    events(provider).iter().find(|event| event.name == name)
}

pub(crate) fn is_known_event(provider: Provider, name: &str) -> bool {
    let others = match provider {
        Provider::Claude => claude::OTHER_EVENTS,
        Provider::Codex => codex::OTHER_EVENTS,
        Provider::Gemini => gemini::OTHER_EVENTS,
    };
    installed_event(provider, name).is_some() || others.contains(&name)
}

pub(crate) const fn dialect(provider: Provider) -> Dialect {
    match provider {
        Provider::Gemini => Dialect::Comments,
        Provider::Claude | Provider::Codex => Dialect::Strict,
    }
}

/// How long the handler may take within a hook of this timeout: five seconds less, or a fifth less when that
/// would take too much of a short one; half a second at most when it does not gate.
#[must_use]
pub fn deadline_ms(event: &HookEvent, timeout_s: f64) -> u64 {
    // Saturates on the silly, so no timeout that a user writes can overflow.
    let timeout_ms = (timeout_s * 1000.0).clamp(0.0, 1e12) as u64;
    let deadline = timeout_ms.saturating_sub(5_000).max(timeout_ms / 5 * 4).max(1);
    if event.gate { deadline } else { deadline.min(OBSERVER_DEADLINE_MS) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_is_five_seconds_or_a_fifth_before_the_timeout() {
        let gate = gate("PermissionRequest", 600);
        for (timeout_s, expected) in [
            (600.0, 595_000),
            (25.0, 20_000),
            (10.0, 8_000),
            (1.5, 1_200),
            (0.001, 1),
            (f64::MAX, 999_999_995_000),
            (f64::NAN, 1),
        ] {
            assert_eq!(deadline_ms(&gate, timeout_s), expected, "{timeout_s} s");
        }
        assert_eq!(deadline_ms(&observe("Stop"), 5.0), 500);
        assert_eq!(deadline_ms(&observe("Stop"), 0.5), 400);
    }

    #[test]
    fn strict_mode_holds_on_to_what_can_refuse_only() {
        for (provider, expected) in [
            (Provider::Claude, "PreToolUse"),
            (Provider::Codex, "PreToolUse"),
            (Provider::Gemini, "BeforeTool"),
        ] {
            let refusable: Vec<&str> =
                events(provider).iter().filter(|event| event.refusable).map(|event| event.name).collect();
            assert_eq!(refusable, [expected]);
            for event in events(provider) {
                let strict = event.in_mode(true);
                assert_eq!(strict == *event, !event.refusable, "{}", event.name);
                assert_eq!(strict.gate, event.gate || event.refusable);
            }
        }
    }
}
