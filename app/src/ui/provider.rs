//! How the kinds of agents look: name and icon, the same in the list, the header and the timeline.

use super::icon::Lucide;
use magia_protocol::wire::Provider;

/// An agent's name as its makers write it.
pub const fn name(provider: Provider) -> &'static str {
    match provider {
        Provider::Claude => "Claude Code",
        Provider::Codex => "Codex",
        Provider::Gemini => "Gemini CLI",
    }
}

/// Its icon. A shape each, and no colour: colours say states.
pub const fn icon(provider: Provider) -> Lucide {
    match provider {
        Provider::Claude => Lucide::Sparkle,
        Provider::Codex => Lucide::Hexagon,
        Provider::Gemini => Lucide::Gem,
    }
}
