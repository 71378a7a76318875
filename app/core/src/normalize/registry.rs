//! Claude's live registry: `<config dir>/sessions/<pid>.json`. Source: observed with Claude Code 2.1.197.

use crate::event::{RegistryEntry, RegistryStatus};
use magia_protocol::wire::{ProcessId, ProviderSessionId};
use serde_json::Value;

/// Why a registry file is no entry.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// Not JSON: perhaps half written, so the next change may mend it.
    #[error("registry file is not JSON: {0}")]
    NotJson(#[from] serde_json::Error),
    /// JSON of another shape.
    #[error("registry file has no usable {0}")]
    Lacks(&'static str),
}

/// Reads a registry file's text. `config_root` is the directory that `sessions/` stands in.
///
/// # Errors
/// [`RegistryError`]; the process's start time is what the file says and still to be compared with the running
/// process's.
pub fn parse(config_root: &str, text: &str) -> Result<RegistryEntry, RegistryError> {
    // A shorter entry may have the end of a longer one behind it for a moment: what follows the first value is none of ours.
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    let file = values.next().unwrap_or_else(|| serde_json::from_str(""))?;
    let text_of = |key: &str| file.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    let number = |key: &str| match file.get(key) {
        Some(Value::Number(number)) => number.as_u64(),
        Some(Value::String(text)) => text.parse().ok(),
        _ => None,
    };
    let pid = number("pid").and_then(|pid| u32::try_from(pid).ok()).filter(|pid| *pid > 1);
    let start = number("procStart").filter(|start| *start > 0);
    let started_at_ms = number("startedAt").unwrap_or(0);
    Ok(RegistryEntry {
        config_root: config_root.to_owned(),
        process: ProcessId {
            pid: pid.ok_or(RegistryError::Lacks("pid"))?,
            start: start.ok_or(RegistryError::Lacks("procStart"))?,
        },
        provider_session_id: ProviderSessionId(
            text_of("sessionId").ok_or(RegistryError::Lacks("sessionId"))?.to_owned(),
        ),
        cwd: text_of("cwd").ok_or(RegistryError::Lacks("cwd"))?.to_owned(),
        started_at_ms,
        name: text_of("name").map(str::to_owned),
        name_derived: text_of("nameSource") == Some("derived"),
        status: match text_of("status") {
            Some("busy") => Some(RegistryStatus::Busy),
            Some("idle") => Some(RegistryStatus::Idle),
            Some("waiting") => Some(RegistryStatus::Waiting),
            _ => None,
        },
        waiting_for: text_of("waitingFor").map(str::to_owned),
        status_updated_at_ms: number("statusUpdatedAt")
            .or_else(|| number("updatedAt"))
            .unwrap_or(started_at_ms),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PRINT_MODE: &str = include_str!("../../tests/data/registry-p-mode.json");

    #[test]
    fn a_recorded_entry_is_read() {
        let entry = parse("/home/me/.claude", PRINT_MODE).unwrap();
        assert_eq!(entry.process, ProcessId { pid: 18_314, start: 171_867 });
        assert_eq!(entry.provider_session_id.0, "bf8d6555-4e1c-4c28-a555-0ceec0c6890c");
        assert_eq!((entry.cwd.as_str(), entry.started_at_ms), ("/home/dev/project", 1_795_289_992_296));
        assert_eq!((entry.name.as_deref(), entry.name_derived), (Some("work-9e"), true));
        assert_eq!((entry.status, entry.status_updated_at_ms), (None, 1_795_289_992_296));
    }

    #[test]
    fn a_waiting_one_says_for_what() {
        let text = r#"{"pid":7,"procStart":9,"sessionId":"s","cwd":"/","name":"mine","status":"waiting",
                       "waitingFor":"permission prompt","updatedAt":5,"statusUpdatedAt":4,"later":{}}"#;
        let entry = parse("/c", text).unwrap();
        assert_eq!((entry.status, entry.status_updated_at_ms), (Some(RegistryStatus::Waiting), 4));
        assert_eq!(entry.waiting_for.as_deref(), Some("permission prompt"));
        assert!(!entry.name_derived);
    }

    #[test]
    fn what_is_left_of_a_longer_entry_is_passed_over() {
        let entry = parse("/home/me/.claude", &format!("{}\n{{\"tail\":", PRINT_MODE.trim_end())).unwrap();
        assert_eq!(entry, parse("/home/me/.claude", PRINT_MODE).unwrap());
    }

    #[test]
    fn what_is_not_an_entry_says_why() {
        for (text, wanted) in [
            ("", "not JSON"),
            (r#"{"pid":7,"proc"#, "not JSON"),
            ("[]", "no usable pid"),
            (r#"{"pid":1,"procStart":"9"}"#, "no usable pid"),
            (r#"{"pid":4294967296,"procStart":"9"}"#, "no usable pid"),
            (r#"{"pid":7,"procStart":"later"}"#, "no usable procStart"),
            (r#"{"pid":7,"procStart":"9","sessionId":""}"#, "no usable sessionId"),
            (r#"{"pid":7,"procStart":"9","sessionId":"s","cwd":3}"#, "no usable cwd"),
        ] {
            let err = parse("/c", text).unwrap_err().to_string();
            assert!(err.contains(wanted), "{text}: {err}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in "\\PC{0,200}") {
            let _ = parse("/c", &text);
        }

        #[test]
        fn a_half_written_file_is_never_an_entry(end in 0..PRINT_MODE.trim_end().len()) {
            prop_assert!(matches!(parse("/c", &PRINT_MODE[..end]), Err(RegistryError::NotJson(_))));
        }
    }
}
