//! The reply to a handler that waits at the permission socket: `<exit> <stdout-len> <stderr-len>\n` and the
//! bytes. The app composes the provider-shaped answer; the handler prints it as it is. `! <reason>\n` is no answer:
//! nobody could judge what was asked. A handler that fails closed refuses then; any other goes on as without a decision.

use serde::{Deserialize, Serialize};

/// Of the first line: three numbers.
const HEAD_MAX_BYTES: usize = 48;

/// What the handler prints and how it exits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateReply {
    /// Exit code of the handler.
    pub exit: u8,
    /// Bytes for its standard output.
    pub stdout: Vec<u8>,
    /// Bytes for its standard error.
    pub stderr: Vec<u8>,
    /// Why nobody could judge what was asked, in one short line; then nothing else counts.
    pub unjudged: Option<String>,
}

impl GateReply {
    /// No decision: the agent goes on as if there were no hook, so its own dialog decides.
    pub fn no_decision() -> Self {
        Self::default()
    }

    /// An answer on standard output with exit code 0.
    pub fn answer(stdout: impl Into<Vec<u8>>) -> Self {
        Self { stdout: stdout.into(), ..Self::default() }
    }

    /// No answer, because what was asked could not be judged.
    pub fn unjudged(reason: impl Into<String>) -> Self {
        Self { unjudged: Some(reason.into()), ..Self::default() }
    }

    /// The bytes on the wire.
    pub fn encode(&self) -> Vec<u8> {
        if let Some(reason) = &self.unjudged {
            return format!("! {reason}\n").into_bytes();
        }
        let mut bytes = Vec::with_capacity(HEAD_MAX_BYTES + self.stdout.len() + self.stderr.len());
        // An agent waits, and formatting takes longer than all the rest.
        for (number, end) in
            [(usize::from(self.exit), b' '), (self.stdout.len(), b' '), (self.stderr.len(), b'\n')]
        {
            bytes.extend_from_slice(number.to_string().as_bytes());
            bytes.push(end);
        }
        bytes.extend_from_slice(&self.stdout);
        bytes.extend_from_slice(&self.stderr);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_bytes() {
        let reply = GateReply { exit: 2, stdout: b"{}".to_vec(), stderr: b"no\n".to_vec(), unjudged: None };
        assert_eq!(reply.encode(), b"2 2 3\n{}no\n");
        assert_eq!(GateReply::no_decision().encode(), b"0 0 0\n");
        assert_eq!(GateReply::unjudged("why").encode(), b"! why\n");
    }
}
