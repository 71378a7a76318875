//! The reply to a handler that waits at the permission socket: `<exit> <stdout-len> <stderr-len>\n` and the
//! bytes. The app composes the provider-shaped answer; the handler prints it as it is.

use serde::{Deserialize, Serialize};

/// What the handler prints and how it exits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateReply {
    /// Exit code of the handler.
    pub exit: u8,
    /// Bytes for its standard output.
    pub stdout: Vec<u8>,
    /// Bytes for its standard error.
    pub stderr: Vec<u8>,
}

impl GateReply {
    /// No decision: the agent goes on as if there were no hook, so its own dialog decides.
    pub fn no_decision() -> Self {
        Self::default()
    }

    /// An answer on standard output with exit code 0.
    pub fn answer(stdout: impl Into<Vec<u8>>) -> Self {
        Self { exit: 0, stdout: stdout.into(), stderr: Vec::new() }
    }

    /// The bytes on the wire.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = format!("{} {} {}\n", self.exit, self.stdout.len(), self.stderr.len()).into_bytes();
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
        let reply = GateReply { exit: 2, stdout: b"{}".to_vec(), stderr: b"no\n".to_vec() };
        assert_eq!(reply.encode(), b"2 2 3\n{}no\n");
        assert_eq!(GateReply::no_decision().encode(), b"0 0 0\n");
    }
}
