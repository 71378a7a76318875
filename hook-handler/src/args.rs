//! The command line. Hand-made: a parser crate would cost more time than all the rest of the program.

use std::ffi::OsString;
use std::time::Duration;

/// How it is called.
pub const USAGE: &str =
    "usage: magia-hook-handler --provider NAME --event NAME [--gate] [--fail-closed] [--deadline-ms N]";

const FAIL_CLOSED: &str = "--fail-closed";
const EVENT_DEADLINE_MS: u64 = 500;
const GATE_DEADLINE_MS: u64 = 595_000;
/// A day: far above any hook's timeout, far below what a clock cannot add.
const DEADLINE_MAX_MS: u64 = 24 * 60 * 60 * 1000;
const NAME_MAX_BYTES: usize = 64;

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Args {
    /// The agent's kind, e.g. `claude`: 1 to 64 of `A-Z a-z 0-9 _ . -`, so it needs no escapes in JSON.
    pub provider: String,
    /// The hook's event, e.g. `PreToolUse`; the same characters.
    pub event: String,
    /// Wait for a decision on the permission socket.
    pub gate: bool,
    /// No app is a refusal (exit 2) instead of nothing (exit 0).
    pub fail_closed: bool,
    /// The limit for connecting, writing and, for a gate, the reply, all together.
    pub deadline: Duration,
}

/// A command line that we do not understand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageError {
    /// What is wrong with it.
    pub reason: String,
    /// Whether `--fail-closed` was among the arguments, understood or not.
    pub fail_closed: bool,
}

/// Takes the arguments apart, without the program's name.
///
/// # Errors
/// A name that is missing or not of the allowed characters, a deadline that is not a number of 1 to
/// 86,400,000, and any argument that is not ours.
pub fn parse(given: &[OsString]) -> Result<Args, UsageError> {
    let fail_closed = given.iter().any(|arg| arg == FAIL_CLOSED);
    read(given, fail_closed).map_err(|reason| UsageError { reason, fail_closed })
}

fn read(given: &[OsString], fail_closed: bool) -> Result<Args, String> {
    let (mut provider, mut event, mut deadline_ms, mut gate) = (None, None, None, false);
    let mut rest = given.iter();
    while let Some(arg) = rest.next() {
        let mut value = || rest.next().and_then(|value| value.to_str());
        match arg.to_str() {
            Some("--provider") => provider = Some(name(value(), "provider")?),
            Some("--event") => event = Some(name(value(), "event")?),
            Some("--deadline-ms") => deadline_ms = Some(deadline(value())?),
            Some("--gate") => gate = true,
            Some(FAIL_CLOSED) => {}
            _ => return Err(format!("unknown argument {arg:?}")),
        }
    }
    let default_ms = if gate { GATE_DEADLINE_MS } else { EVENT_DEADLINE_MS };
    Ok(Args {
        provider: provider.ok_or("--provider is missing")?,
        event: event.ok_or("--event is missing")?,
        gate,
        fail_closed,
        deadline: Duration::from_millis(deadline_ms.unwrap_or(default_ms)),
    })
}

fn name(value: Option<&str>, what: &str) -> Result<String, String> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    match value {
        Some(value) if (1..=NAME_MAX_BYTES).contains(&value.len()) && value.bytes().all(allowed) => {
            Ok(value.to_owned())
        }
        _ => Err(format!("--{what} needs 1 to {NAME_MAX_BYTES} letters, digits, '_', '.' or '-'")),
    }
}

fn deadline(value: Option<&str>) -> Result<u64, String> {
    value
        .filter(|value| value.bytes().all(|byte| byte.is_ascii_digit()))
        .and_then(|value| value.parse().ok())
        .filter(|ms| (1..=DEADLINE_MAX_MS).contains(ms))
        .ok_or_else(|| format!("--deadline-ms needs a number of 1 to {DEADLINE_MAX_MS}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_words(words: &str) -> Result<Args, UsageError> {
        parse(&words.split_whitespace().map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn defaults_depend_on_the_gate() {
        let args = parse_words("--provider claude --event PreToolUse").expect("good");
        assert_eq!((args.provider.as_str(), args.event.as_str()), ("claude", "PreToolUse"));
        assert_eq!((args.gate, args.fail_closed, args.deadline.as_millis()), (false, false, 500));
        let args = parse_words("--gate --fail-closed --event a.B-c_9 --provider x").expect("good");
        assert_eq!((args.gate, args.fail_closed, args.deadline.as_millis()), (true, true, 595_000));
        let args = parse_words("--gate --event e --provider x --deadline-ms 25").expect("good");
        assert_eq!(args.deadline.as_millis(), 25);
    }

    #[test]
    fn what_is_not_safe_in_json_is_refused() {
        for bad in ["", "a\"b", "a b", "a\\", "ä", "a/b", &"x".repeat(65)] {
            let given = ["--provider", bad, "--event", "e"].map(OsString::from);
            assert!(parse(&given).is_err(), "{bad:?}");
        }
        for bad in ["0", "-1", "+1", "1.5", "x", "", "86400001", "99999999999999999999999"] {
            let given = ["--provider", "p", "--event", "e", "--deadline-ms", bad].map(OsString::from);
            assert!(parse(&given).is_err(), "{bad:?}");
        }
        for bad in ["--provider p", "--event e", "--provider p --event", "--provider p --event e extra"] {
            assert!(!parse_words(bad).expect_err(bad).fail_closed);
        }
        assert!(parse_words("--what --fail-closed").expect_err("unknown").fail_closed);
    }
}
