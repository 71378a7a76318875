//! Claude's live registry: `~/.claude/sessions/<pid>.json`.

use std::fs;
use std::path::Path;

use serde_json::Value;

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
    /// Reads the entry of `pid` under a home directory. None when it is missing or, because Claude rewrites
    /// the file in place, just being written.
    pub fn read(home: &Path, pid: u32) -> Option<Self> {
        let text = fs::read_to_string(home.join(format!(".claude/sessions/{pid}.json"))).ok()?;
        let entry: Value = serde_json::from_str(&text).ok()?;
        let string = |key: &str| entry.get(key).and_then(Value::as_str).map(str::to_owned);
        Some(Self {
            status: string("status"),
            waiting_for: string("waitingFor"),
            session_id: string("sessionId")?,
            status_updated_ms: entry.get("statusUpdatedAt").and_then(Value::as_u64).unwrap_or_default(),
        })
    }
}
