//! The line a hook handler sends: one JSON object, ended by a newline.

use super::{ProcessId, Provider};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::any::Any;
use std::borrow::Cow;
use std::sync::Arc;

/// One hook call as the handler sent it.
///
/// ```json
/// {"v":1,"provider":"claude","event":"PreToolUse","pid":7,"ppid":5,"pstart":171867,"tty":"pts/3",
///  "sent_unix_ns":1795289992296000000,"payload":{}}
/// ```
#[derive(Clone, Debug, Serialize)]
pub struct HookMessage {
    /// Wire version; 0 when absent.
    pub v: u32,
    /// The agent's kind as the installer wrote it; not every word is a [`Provider`].
    pub provider: String,
    /// The provider's own event name.
    pub event: String,
    /// The handler's pid.
    pub pid: u32,
    /// The handler's parent: the agent, or a shell that the agent started.
    pub ppid: u32,
    /// Start time of `ppid` in clock ticks since boot; 0 when unknown.
    pub pstart: u64,
    /// The grandparent, sent when the parent is a shell.
    pub gpid: Option<u32>,
    /// Start time of `gpid` in clock ticks since boot.
    pub gpstart: Option<u64>,
    /// The parent's terminal, as `pts/3`; empty when it has none.
    pub tty: String,
    /// When the handler began to send, in nanoseconds since 1970.
    pub sent_unix_ns: u64,
    /// The provider's payload as it came, untouched.
    pub payload: Box<RawValue>,
    /// Set by the listener when the line was too long: the payload is then an object of its own making, with
    /// what could be saved.
    #[serde(skip)]
    pub cut: bool,
    /// Set by the listener when the handler's parent serves many sessions at once, as Codex's daemon does: then the
    /// process says nothing about the session.
    #[serde(skip)]
    pub shared: bool,
    /// Set by the listener: when the line was whole, in nanoseconds since 1970; 0 when nobody looked.
    #[serde(skip)]
    pub received_unix_ns: u64,
    /// Set by the listener of a long message: what it has of the room for such, given back when the message is dropped.
    #[serde(skip)]
    pub room: Option<Arc<dyn Any + Send + Sync>>,
}

impl HookMessage {
    /// Reads one line. The error names what is wrong and where in the line.
    pub fn parse(line: &[u8]) -> Result<Self, serde_json::Error> {
        HookLine::parse(line).map(|line| line.to_message())
    }

    /// The line again, without its newline.
    pub fn to_line(&self) -> Vec<u8> {
        // Only numbers, texts and a payload that was JSON before.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// The provider, when it is one that magia knows.
    pub fn known_provider(&self) -> Option<Provider> {
        Provider::from_word(&self.provider)
    }

    /// The agent's process: the parent, or the grandparent when the parent is a shell.
    pub fn agent_process(&self) -> Option<ProcessId> {
        agent_process((self.ppid, self.pstart), (self.gpid, self.gpstart))
    }
}

/// A [`HookMessage`] of which nothing is kept yet: all of it stands in the line.
#[derive(Debug, Deserialize)]
pub struct HookLine<'a> {
    #[serde(default)]
    v: u32,
    #[serde(borrow)]
    provider: Cow<'a, str>,
    /// The provider's own event name.
    #[serde(borrow)]
    pub event: Cow<'a, str>,
    #[serde(default)]
    pid: u32,
    #[serde(default)]
    ppid: u32,
    #[serde(default)]
    pstart: u64,
    #[serde(default)]
    gpid: Option<u32>,
    #[serde(default)]
    gpstart: Option<u64>,
    #[serde(default, borrow)]
    tty: Cow<'a, str>,
    #[serde(default)]
    sent_unix_ns: u64,
    /// The provider's payload.
    #[serde(borrow)]
    pub payload: &'a RawValue,
}

impl<'a> HookLine<'a> {
    /// Reads one line.
    ///
    /// # Errors
    /// What is wrong and where in the line.
    pub fn parse(line: &'a [u8]) -> Result<Self, serde_json::Error> {
        match std::str::from_utf8(line) {
            Ok(text) => serde_json::from_str(text),
            // Says where, unless it is in what nobody reads.
            Err(_) => serde_json::from_slice(line),
        }
    }

    /// As [`HookMessage::known_provider`].
    pub fn known_provider(&self) -> Option<Provider> {
        Provider::from_word(&self.provider)
    }

    /// As [`HookMessage::agent_process`].
    pub fn agent_process(&self) -> Option<ProcessId> {
        agent_process((self.ppid, self.pstart), (self.gpid, self.gpstart))
    }

    /// The message, to be kept.
    pub fn to_message(&self) -> HookMessage {
        HookMessage {
            v: self.v,
            provider: self.provider.as_ref().to_owned(),
            event: self.event.as_ref().to_owned(),
            pid: self.pid,
            ppid: self.ppid,
            pstart: self.pstart,
            gpid: self.gpid,
            gpstart: self.gpstart,
            tty: self.tty.as_ref().to_owned(),
            sent_unix_ns: self.sent_unix_ns,
            payload: self.payload.to_owned(),
            cut: false,
            shared: false,
            received_unix_ns: 0,
            room: None,
        }
    }
}

fn agent_process(parent: (u32, u64), above: (Option<u32>, Option<u64>)) -> Option<ProcessId> {
    let (pid, start) = match above {
        (Some(pid), Some(start)) => (pid, start),
        _ => parent,
    };
    (pid > 1 && start > 0).then_some(ProcessId { pid, start })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_golden_line_of_version_1_is_read() {
        let line = br#"{"v":1,"provider":"claude","event":"PreToolUse","pid":7,"ppid":5,"pstart":171867,"tty":"pts/3","sent_unix_ns":1795289992296000000,"payload":{"a": 1}}"#;
        let message = HookMessage::parse(line).unwrap();
        assert_eq!(message.known_provider(), Some(Provider::Claude));
        assert_eq!(message.agent_process(), Some(ProcessId { pid: 5, start: 171_867 }));
        assert_eq!(message.payload.get(), r#"{"a": 1}"#, "the payload is kept to the byte");
        let again = HookMessage::parse(&message.to_line()).unwrap();
        assert_eq!(again.to_line(), message.to_line());
        assert_eq!((again.agent_process(), again.payload.get()), (message.agent_process(), r#"{"a": 1}"#));
    }

    #[test]
    fn what_is_no_hook_line_is_refused() {
        let bad = [
            r#"{"v":-1,"provider":"claude","event":"E","payload":{}}"#,
            r#"{"provider":"claude","event":"E","tty":3,"payload":{}}"#,
            r#"{"provider":"claude","event":"E","event":"F","payload":{}}"#,
            r#"{"provider":"claude","event":"E","payload":{"c":[}}"#,
            r#"{"provider":"claude","event":"E","payload":{}} {}"#,
            r#"{"provider":"claude","event":"E","payload":{}"#,
            r#"{"provider":"claude","event":"E"}"#,
        ];
        for line in bad {
            assert!(HookMessage::parse(line.as_bytes()).is_err(), "{line}");
        }
        let mut line = br#"{"provider":"claude","event":"E","payload":{"a":"?"}}"#.to_vec();
        assert!(HookMessage::parse(&line).is_ok());
        let at = line.iter().position(|byte| *byte == b'?').unwrap();
        line[at] = 0xff;
        let err = HookMessage::parse(&line).unwrap_err();
        assert_eq!(err.line(), 1, "where it is no text: {err}");
    }

    #[test]
    fn unknown_fields_and_missing_numbers_are_no_error() {
        let line = br#"{"provider":"x","event":"E","later":true,"payload":null}"#;
        let message = HookMessage::parse(line).unwrap();
        assert_eq!((message.v, message.known_provider(), message.agent_process()), (0, None, None));
    }
}
