//! Events that magia itself adds to a session, stored beside the agent's. Their names begin with `magia.`.

use super::{Detail, Understood};
use magia_protocol::wire::AgentEventKind as Kind;
use serde_json::Value;

/// Two live processes work on one session, or no longer do:
/// `{"processes": [{"pid": 7, "start": 1}], "over": false}`.
pub const HIJACKED: &str = "magia.hijacked";
/// magia did not run: `{"from_ms": 1, "to_ms": 2}`, milliseconds since 1970.
pub const OFF: &str = "magia.off";

/// Whether an event is magia's own.
pub fn is_own(event: &str) -> bool {
    event == HIJACKED || event == OFF
}

/// What such an event says. It names no session: it is stored with the one that it is about.
pub fn understand(event: &str, payload: &Value) -> Understood {
    let number = |key: &str| payload.get(key).and_then(Value::as_u64).unwrap_or_default();
    let (kind, detail) = if event == OFF {
        let words = off_for(number("to_ms").saturating_sub(number("from_ms")));
        (Kind::MagiaOff, Detail::Note(words))
    } else if payload.get("over").and_then(Value::as_bool) == Some(true) {
        (Kind::SessionHijacked, Detail::Note("No longer several processes on this session".to_owned()))
    } else {
        let pids = payload.get("processes").and_then(Value::as_array).into_iter().flatten();
        let pids: Vec<String> =
            pids.filter_map(|one| one.get("pid")?.as_u64()).map(|pid| pid.to_string()).collect();
        let words = format!("Several live processes work on this session: {}", pids.join(" and "));
        (Kind::SessionHijacked, Detail::Note(words))
    };
    Understood {
        provider_session_id: None,
        transcript_path: None,
        cwd: None,
        turn: None,
        agent_id: None,
        permission_mode: None,
        title: None,
        model: None,
        kind,
        detail,
    }
}

/// `magia was off, 12 min`.
pub fn off_for(ms: u64) -> String {
    let minutes = ms / 60_000;
    match minutes {
        0..120 => format!("magia was off, {minutes} min"),
        120..2_880 => format!("magia was off, {} h", minutes / 60),
        _ => format!("magia was off, {} days", minutes / 1_440),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_told_in_the_unit_that_fits() {
        let said = [60_000, 119 * 60_000, 120 * 60_000, 47 * 3_600_000, 72 * 3_600_000].map(off_for);
        let expected = ["1 min", "119 min", "2 h", "47 h", "3 days"].map(|it| format!("magia was off, {it}"));
        assert_eq!(said, expected);
    }
}
