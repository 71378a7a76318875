//! The setting `ideServer`: who finds magia as an editor.

/// When agents may find magia as their editor.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum IdeServer {
    /// Never: nothing listens.
    Off,
    /// Those that run in terminals of magia's.
    #[default]
    Terminals,
    /// Any: a lock file is there as long as magia runs.
    Always,
}

impl IdeServer {
    /// Every choice.
    pub const ALL: &'static [Self] = &[Self::Off, Self::Terminals, Self::Always];

    /// The word in settings.json.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Terminals => "terminals",
            Self::Always => "always",
        }
    }
}
