//! Identities. "Session" alone always means an agent session.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use uuid::Uuid;

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// Wraps a UUID that was made elsewhere (the store, a peer).
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The UUID itself.
            pub const fn as_uuid(&self) -> &Uuid {
                &self.0
            }

            /// The last eight hex digits: enough for a person to tell rows apart, since the first digits of a
            /// UUIDv7 are its time.
            pub fn short(&self) -> String {
                let text = self.0.simple().to_string();
                text.get(24..).unwrap_or_default().to_owned()
            }

            /// Whether what a person typed names this id: the beginning of it (with or without dashes) or of what
            /// [`Self::short`] prints, or its end. At least four characters.
            pub fn is_named_by(&self, typed: &str) -> bool {
                let typed = typed.to_ascii_lowercase();
                let simple = self.0.simple().to_string();
                let bare: String = typed.chars().filter(|c| *c != '-').collect();
                let short = simple.get(24..).unwrap_or_default();
                bare.len() >= 4
                    && (simple.starts_with(&bare) || short.starts_with(&bare) || simple.ends_with(&bare))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }
    };
}

uuid_id! {
    /// Ours, UUIDv7: one per (provider, config root, provider session id), kept over restarts and resumes.
    SessionId
}
impl SessionId {
    /// No session: what is asked by a program that is no agent.
    pub const NOBODY: Self = Self(Uuid::nil());
}
uuid_id! {
    /// Ours, UUIDv7: one per permission request. `allow` and `deny` take these only.
    RequestId
}

/// The id an agent gave its own session; Claude's and Codex's are UUIDs, but nothing relies on that.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ProviderSessionId(pub String);

impl fmt::Display for ProviderSessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A process, safe against reuse of its pid.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct ProcessId {
    /// Process id.
    pub pid: u32,
    /// Start time in clock ticks since boot (field 22 of `/proc/<pid>/stat`).
    pub start: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_may_type_either_end_of_an_id() {
        let id: SessionId = "0199aaaa-bbbb-7ccc-8ddd-eeeeff001122".parse().unwrap();
        assert_eq!(id.short(), "ff001122");
        assert!(id.is_named_by("ff001122"));
        assert!(id.is_named_by("ff00"), "what is listed, cut short");
        assert!(id.is_named_by("0199AAAA-BB"));
        assert!(id.is_named_by("0199aaaa-bbbb-7ccc-8ddd-eeeeff001122"));
        assert!(!id.is_named_by("bbbb"));
        assert!(!id.is_named_by("019"), "three characters name too much");
    }
}
