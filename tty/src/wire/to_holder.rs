//! What a client says.

use super::frame::{Frame, WireError, encode};
use super::kind;
use super::message::{Control, Hello, Role};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A client's frame.
#[derive(Debug, Clone, PartialEq)]
pub enum ToHolder {
    /// Who speaks; only as the first frame.
    Hello(Hello),
    /// Bytes for the program.
    Stdin(Vec<u8>),
    /// A command.
    Control(Control),
    /// Something for the other clients.
    Status(Value),
    /// Comes back as it is.
    Heartbeat(Vec<u8>),
    /// The client took the focus, or lost it.
    Role(Role),
    /// Whether the output is to be held back.
    Pause(bool),
    /// Up to which place the client has dealt with the output.
    Ack(u64),
    /// A kind that we do not know.
    Unknown(u8),
}

#[derive(Serialize, Deserialize)]
struct Pause {
    paused: bool,
}

impl ToHolder {
    /// Reads a frame.
    ///
    /// # Errors
    /// [`WireError::Malformed`].
    pub fn read(frame: Frame) -> Result<Self, WireError> {
        let Frame { kind, payload } = frame;
        Ok(match kind {
            kind::HELLO => Self::Hello(json(kind, &payload)?),
            kind::STDIN => Self::Stdin(payload),
            kind::CONTROL => Self::Control(json(kind, &payload)?),
            kind::STATUS => Self::Status(json(kind, &payload)?),
            kind::HEARTBEAT => Self::Heartbeat(payload),
            kind::ROLE => Self::Role(json(kind, &payload)?),
            kind::PAUSE => Self::Pause(json::<Pause>(kind, &payload)?.paused),
            kind::ACK => Self::Ack(place(kind, &payload)?),
            other => Self::Unknown(other),
        })
    }

    /// The frame as bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Hello(hello) => encode(kind::HELLO, &to_json(hello)),
            Self::Stdin(bytes) => encode(kind::STDIN, bytes),
            Self::Control(control) => encode(kind::CONTROL, &to_json(control)),
            Self::Status(status) => encode(kind::STATUS, &to_json(status)),
            Self::Heartbeat(payload) => encode(kind::HEARTBEAT, payload),
            Self::Role(role) => encode(kind::ROLE, &to_json(role)),
            Self::Pause(paused) => encode(kind::PAUSE, &to_json(&Pause { paused: *paused })),
            Self::Ack(place) => encode(kind::ACK, &place.to_be_bytes()),
            Self::Unknown(kind) => encode(*kind, &[]),
        }
    }
}

pub(super) fn json<T: DeserializeOwned>(kind: u8, payload: &[u8]) -> Result<T, WireError> {
    serde_json::from_slice(payload).map_err(|err| WireError::Malformed { kind, reason: err.to_string() })
}

pub(super) fn place(kind: u8, payload: &[u8]) -> Result<u64, WireError> {
    let bytes = payload.first_chunk::<8>();
    let short = || WireError::Malformed { kind, reason: format!("{} bytes, not 8", payload.len()) };
    bytes.map(|bytes| u64::from_be_bytes(*bytes)).ok_or_else(short)
}

/// Our own types have only string keys and finite numbers, so there is always JSON for them.
pub(super) fn to_json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::size::Size;
    use crate::wire::Decoder;
    use serde_json::json;

    #[test]
    fn what_is_said_is_read() {
        let said = [
            ToHolder::Hello(Hello { nonce: Some("ab".to_owned()), ..Hello::window(Size::new(90, 30)) }),
            ToHolder::Stdin(b"\x03".to_vec()),
            ToHolder::Control(Control::ResetSize),
            ToHolder::Status(json!({"app":"x","status":"busy"})),
            ToHolder::Heartbeat(b"1".to_vec()),
            ToHolder::Role(Role { owner: true }),
            ToHolder::Pause(true),
            ToHolder::Ack(u64::MAX - 1),
            ToHolder::Unknown(0x30),
        ];
        let mut decoder = Decoder::default();
        for frame in &said {
            decoder.feed(&frame.to_bytes());
        }
        for frame in said {
            assert_eq!(ToHolder::read(decoder.take().unwrap().unwrap()).unwrap(), frame);
        }
    }

    #[test]
    fn broken_payloads_are_named() {
        for (kind, payload) in
            [(kind::HELLO, "7"), (kind::CONTROL, "{}"), (kind::ACK, "123"), (kind::PAUSE, "")]
        {
            let frame = Frame { kind, payload: payload.as_bytes().to_vec() };
            assert!(
                matches!(ToHolder::read(frame), Err(WireError::Malformed { kind: it, .. }) if it == kind)
            );
        }
    }
}
