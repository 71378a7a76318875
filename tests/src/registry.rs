//! Claude's live registry: `~/.claude/sessions/<pid>.json`.

use std::fs;
use std::path::Path;
use std::time::UNIX_EPOCH;

use serde_json::{Deserializer, Value};

/// One entry as Claude wrote it.
#[derive(Debug, Clone, PartialEq)]
pub struct RegistryEntry {
    /// `idle`, `busy`, `waiting`; none before the first prompt box and with `-p`.
    pub status: Option<String>,
    /// What a waiting session waits for, such as `permission prompt`.
    pub waiting_for: Option<String>,
    /// The session id.
    pub session_id: String,
    /// When `status` last changed, in Unix milliseconds.
    pub status_updated_ms: u64,
}

impl RegistryEntry {
    /// Reads the entry of `pid` under a home directory; none when it is missing.
    ///
    /// Claude writes over the file in place and then shortens it, so the end of an older, longer entry may
    /// follow the entry for a moment: only the first JSON value counts.
    pub fn read(home: &Path, pid: u32) -> Option<Self> {
        let text = fs::read_to_string(home.join(format!(".claude/sessions/{pid}.json"))).ok()?;
        Self::parse(&text)
    }

    /// As [`Self::read`], with the time at which the file was written, in Unix milliseconds; none also when it was
    /// written again while it was read.
    pub fn read_with_time(home: &Path, pid: u32) -> Option<(Self, u64)> {
        let path = home.join(format!(".claude/sessions/{pid}.json"));
        let written_ms = || {
            let since = fs::metadata(&path).ok()?.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
            u64::try_from(since.as_millis()).ok()
        };
        let before = written_ms()?;
        let entry = Self::read(home, pid)?;
        (written_ms()? == before).then_some((entry, before))
    }

    fn parse(text: &str) -> Option<Self> {
        let entry: Value = Deserializer::from_str(text).into_iter().next()?.ok()?;
        let string = |key: &str| entry.get(key).and_then(Value::as_str).map(str::to_owned);
        Some(Self {
            status: string("status"),
            waiting_for: string("waitingFor"),
            session_id: string("sessionId")?,
            status_updated_ms: entry.get("statusUpdatedAt").and_then(Value::as_u64).unwrap_or_default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_of_an_older_entry_is_not_read() {
        let entry =
            RegistryEntry::parse(r#"{"sessionId":"s","status":"busy","statusUpdatedAt":2}rompt"}"#).unwrap();
        assert_eq!((entry.status.as_deref(), entry.status_updated_ms), (Some("busy"), 2));
        assert_eq!(RegistryEntry::parse(""), None);
        assert_eq!(RegistryEntry::parse("{\"sess"), None);
    }
}
