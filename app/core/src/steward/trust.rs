//! Which hooks Codex may run: `hooks.state."KEY".trusted_hash` in `config.toml`, seen with Codex 0.169.
//!
//! A key is `<hooks.json>:<event>:<group>:<hook>`, so it depends on the order; a hash that does not fit makes Codex
//! ask, so a Codex that counts differently one day is only back to asking.

use magia_protocol::wire::Provider;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::codex::{SHORT_EVENTS, SHORT_S, UNMATCHED_EVENTS};
use super::error::StewardError;
use super::json::{decode, is_blank};
use super::plan::{Footprint, Origin, Plan};
use super::survey::{GroupNode, HookNode, Rigour, Survey};
use super::toml::{Config, is_blank_toml};

/// Members of a hook that count into its hash; with any other we do not know it.
const HASHED: [&str; 5] = ["type", "command", "timeout", "async", "statusMessage"];

/// One hook of ours, as Codex names and counts it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustEntry {
    /// The event, for the user's eyes.
    pub event: String,
    /// Codex's name of the hook.
    pub key: String,
    /// `sha256:...` of its definition; none when it holds what we do not know how to count.
    pub hash: Option<String>,
}

/// Whether Codex runs our hooks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustState {
    /// Events whose hook Codex will ask about, or pass over where it cannot ask.
    pub untrusted: Vec<String>,
    /// Events whose hook the user has switched off in Codex.
    pub disabled: Vec<String>,
    /// What the user should know.
    pub warnings: Vec<String>,
}

/// Lists our hooks in a `hooks.json`, whose path as Codex says it is `source`.
///
/// # Errors
/// What Codex itself would not read is refused.
pub fn trust_entries(bytes: Option<&[u8]>, source: &str) -> Result<Vec<TrustEntry>, StewardError> {
    let text = decode(bytes.unwrap_or_default())?;
    let text = if is_blank(text) { "{}" } else { text };
    let survey = Survey::of(text, Provider::Codex, Rigour::PassOver)?;
    let mut entries = Vec::new();
    for event in survey.hooks.iter().flat_map(|hooks| &hooks.events) {
        let name = snake(&event.name);
        for (group_index, group) in event.groups.iter().enumerate() {
            for (index, hook) in group.hooks.iter().enumerate().filter(|(_, hook)| hook.is_ours()) {
                entries.push(TrustEntry {
                    event: event.name.clone(),
                    key: format!("{source}:{name}:{group_index}:{index}"),
                    hash: hash(&event.name, &name, group, hook),
                });
            }
        }
    }
    Ok(entries)
}

/// Works out how to have `config.toml` trust our hooks as they are.
///
/// # Errors
/// What Codex itself would not read is refused.
pub fn plan_trust(
    bytes: Option<&[u8]>,
    entries: &[TrustEntry],
    previous: Option<&Footprint>,
) -> Result<Plan, StewardError> {
    let text = decode(bytes.unwrap_or_default())?;
    let mut footprint = previous.cloned().unwrap_or_default();
    if is_blank_toml(text) {
        footprint.origin = bytes.map_or(Origin::Absent, |_| Origin::Blank(text.to_owned()));
    }
    let mut after = text.to_owned();
    for entry in entries {
        if let Some(hash) = &entry.hash {
            after = Config::read(&after)?.trust(&entry.key, hash)?;
        }
    }
    // Also what needs no edit must be readable.
    Config::read(text)?;
    let before = bytes.map(<[u8]>::to_vec);
    let after = if after == text { before.clone() } else { Some(after.into_bytes()) };
    Ok(Plan { before, after, changes: Vec::new(), warnings: Vec::new(), footprint })
}

/// Works out how to have `config.toml` forget our hooks, and nothing else. What is written in a way that cannot be
/// taken out on its own stays, and is said.
///
/// # Errors
/// What Codex itself would not read is refused.
pub fn plan_distrust(
    bytes: Option<&[u8]>,
    entries: &[TrustEntry],
    previous: Option<&Footprint>,
) -> Result<Plan, StewardError> {
    let text = decode(bytes.unwrap_or_default())?;
    let mut after = text.to_owned();
    let mut warnings = Vec::new();
    for entry in entries {
        match Config::read(&after)?.forget(&entry.key) {
            Ok(text) => after = text,
            Err(_) => warnings.push(format!("Codex's trust in {} stays in config.toml", entry.event)),
        }
    }
    let before = bytes.map(<[u8]>::to_vec);
    let origin = previous.map(|footprint| &footprint.origin);
    let after = match origin {
        _ if after == text => before.clone(),
        Some(Origin::Absent) if is_blank_toml(&after) => None,
        _ => Some(after.into_bytes()),
    };
    Ok(Plan { before, after, changes: Vec::new(), warnings, footprint: Footprint::default() })
}

/// Says whether Codex runs our hooks.
///
/// # Errors
/// What Codex itself would not read is refused.
pub fn trust_state(bytes: Option<&[u8]>, entries: &[TrustEntry]) -> Result<TrustState, StewardError> {
    let text = decode(bytes.unwrap_or_default())?;
    let config = Config::read(text)?;
    let mut state = TrustState::default();
    for entry in entries {
        let known = config.state(&entry.key);
        if known.hash.is_none() || known.hash != entry.hash {
            state.untrusted.push(entry.event.clone());
        } else if known.enabled == Some(false) {
            state.disabled.push(entry.event.clone());
        }
    }
    if config.feature("hooks") == Some(false) {
        state.warnings.push("features.hooks is false: Codex runs no hooks at all".to_owned());
    }
    if !entries.is_empty() && config.has_hooks() {
        state.warnings.push(
            "config.toml holds hooks too: Codex runs both and says at its start that one file would do"
                .to_owned(),
        );
    }
    Ok(state)
}

/// The hash of a hook's definition: its JSON with sorted keys and what Codex fills in.
fn hash(event: &str, name: &str, group: &GroupNode, hook: &HookNode) -> Option<String> {
    let definition = hook.value.as_object()?;
    if definition.keys().any(|key| !HASHED.contains(&key.as_str())) {
        return None;
    }
    let timeout_s = definition.get("timeout")?.as_u64()?;
    let timeout_s = if SHORT_EVENTS.contains(&event) { timeout_s.min(SHORT_S) } else { timeout_s };
    let is_async = definition.get("async").map_or(Some(false), Value::as_bool)?;
    let mut handler = json!({
        "async": is_async,
        "command": definition.get("command")?.as_str()?,
        "timeout": timeout_s,
        "type": "command",
    });
    if let Some(message) = definition.get("statusMessage") {
        handler.as_object_mut()?.insert("statusMessage".into(), message.as_str()?.into());
    }
    let mut identity = json!({ "event_name": name, "hooks": [handler] });
    if let Some(matcher) = group.written_matcher.as_ref().filter(|_| !UNMATCHED_EVENTS.contains(&event)) {
        identity.as_object_mut()?.insert("matcher".into(), matcher.as_str()?.into());
    }
    identity.sort_all_objects();
    let digest = Sha256::digest(identity.to_string().as_bytes());
    Some(digest.iter().fold("sha256:".to_owned(), |hex, byte| format!("{hex}{byte:02x}")))
}

/// `PreToolUse` as Codex writes it in a key.
fn snake(event: &str) -> String {
    let mut name = String::new();
    for c in event.chars() {
        if c.is_ascii_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(c.to_ascii_lowercase());
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The keys and hashes that `hooks/list` of Codex 0.169.0 gave for this very file.
    #[test]
    fn keys_and_hashes_are_those_of_codex() {
        let line = "/magia-hook-handler";
        let text = json!({"hooks": {
            "PreToolUse": [{"hooks": []}, {"matcher": "Bash", "hooks": [{"type": "command", "command": line, "timeout": 7}]}],
            "SessionEnd": [{"hooks": [{"type": "command", "command": line, "timeout": 9}]}],
            "Stop": [{"matcher": "*", "hooks": [
                {"type": "command", "command": line, "timeout": 5, "statusMessage": "hi", "async": false},
            ]}],
        }})
        .to_string();
        let entries = trust_entries(Some(text.as_bytes()), "/c/hooks.json").expect("good");
        let found: Vec<(&str, &str)> = entries
            .iter()
            .map(|entry| (entry.key.as_str(), entry.hash.as_deref().unwrap_or("none")))
            .collect();
        assert_eq!(
            found,
            [
                (
                    "/c/hooks.json:pre_tool_use:1:0",
                    "sha256:9354f751968cd7ac35e3f22dbaa1c2845640aa5cf1671d4225aa1bc59fa965d1"
                ),
                (
                    "/c/hooks.json:session_end:0:0",
                    "sha256:30b58e7ae384c011d34d7a627422224926fe6f8e238edc55a3b32688ee5babe6"
                ),
                (
                    "/c/hooks.json:stop:0:0",
                    "sha256:efdaa50ee667928a460b755eb444ae8f0eacfd2f8bdc6b4c886a303a09b360b2"
                ),
            ]
        );
        let odd = text.replace("\"statusMessage\"", "\"newThing\"");
        let entries = trust_entries(Some(odd.as_bytes()), "/c/hooks.json").expect("good");
        assert_eq!(entries.last().and_then(|entry| entry.hash.as_ref()), None);
    }
}
