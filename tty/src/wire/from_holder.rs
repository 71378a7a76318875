//! What a holder says.

use super::frame::{Frame, PAYLOAD_MAX_BYTES, WireError, encode, encode_parts};
use super::kind;
use super::message::{Exit, Fault, Format, HolderHello, Role};
use super::to_holder::{json, place, to_json};
use crate::size::Size;
use serde_json::Value;

/// Place, format and flags before the bytes of a snapshot.
const SNAPSHOT_HEAD_BYTES: usize = 10;
/// The part begins a snapshot.
const FIRST: u8 = 1;
/// The part ends a snapshot.
const LAST: u8 = 2;

/// A holder's frame.
#[derive(Debug, Clone, PartialEq)]
pub enum FromHolder {
    /// Who it is; the answer to the client's hello.
    Hello(HolderHello),
    /// The screen as it is after `seq` bytes of output. A new one may come at any time, to a client that was too slow: it
    /// takes the place of all that was shown before.
    Snapshot {
        /// How many bytes of output it holds.
        seq: u64,
        /// How it is written.
        format: Format,
        /// The screen.
        data: Vec<u8>,
    },
    /// Output.
    Output {
        /// The place of its first byte in all of the output.
        seq: u64,
        /// The bytes.
        bytes: Vec<u8>,
    },
    /// The program has ended.
    Exit(Exit),
    /// From here on in the stream the terminal has this size.
    Resized(Size),
    /// Whether the client decides on the size.
    Role(Role),
    /// What another client, or the holder itself (`app` is `magia`), has to say.
    Status(Value),
    /// What the client sent as a heartbeat.
    Heartbeat(Vec<u8>),
    /// What went wrong with something that the client sent.
    Error(Fault),
    /// A kind that we do not know.
    Unknown(u8),
}

impl FromHolder {
    /// Reads a frame; `None` while a snapshot is not whole.
    ///
    /// # Errors
    /// [`WireError::Malformed`].
    pub fn read(frame: Frame, assembly: &mut SnapshotAssembly) -> Result<Option<Self>, WireError> {
        let Frame { kind, mut payload } = frame;
        Ok(Some(match kind {
            kind::HELLO => Self::Hello(json(kind, &payload)?),
            kind::SNAPSHOT => return assembly.add(&payload),
            kind::OUTPUT => {
                let seq = place(kind, &payload)?;
                payload.drain(..8);
                Self::Output { seq, bytes: payload }
            }
            kind::EXIT => Self::Exit(json(kind, &payload)?),
            kind::RESIZED => Self::Resized(json(kind, &payload)?),
            kind::ROLE => Self::Role(json(kind, &payload)?),
            kind::STATUS => Self::Status(json(kind, &payload)?),
            kind::HEARTBEAT => Self::Heartbeat(payload),
            kind::ERROR => Self::Error(json(kind, &payload)?),
            other => Self::Unknown(other),
        }))
    }

    /// The frame as bytes; of a snapshot all its frames.
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Hello(hello) => encode(kind::HELLO, &to_json(hello)),
            Self::Snapshot { seq, format, data } => snapshot_frames(*seq, *format, data).concat(),
            Self::Output { seq, bytes } => output_frame(*seq, bytes),
            Self::Exit(exit) => encode(kind::EXIT, &to_json(exit)),
            Self::Resized(size) => encode(kind::RESIZED, &to_json(size)),
            Self::Role(role) => encode(kind::ROLE, &to_json(role)),
            Self::Status(status) => encode(kind::STATUS, &to_json(status)),
            Self::Heartbeat(payload) => encode(kind::HEARTBEAT, payload),
            Self::Error(fault) => encode(kind::ERROR, &to_json(fault)),
            Self::Unknown(kind) => encode(*kind, &[]),
        }
    }
}

/// A frame of output.
pub(crate) fn output_frame(seq: u64, bytes: &[u8]) -> Vec<u8> {
    encode_parts(kind::OUTPUT, &[&seq.to_be_bytes(), bytes])
}

/// The frames of a snapshot: one, or more when it is longer than a payload.
pub(crate) fn snapshot_frames(seq: u64, format: Format, data: &[u8]) -> Vec<Vec<u8>> {
    let part_max = PAYLOAD_MAX_BYTES - SNAPSHOT_HEAD_BYTES;
    let parts: Vec<&[u8]> = if data.is_empty() { vec![data] } else { data.chunks(part_max).collect() };
    let last = parts.len() - 1;
    let frame = |(at, part): (usize, &&[u8])| {
        let flags = if at == 0 { FIRST } else { 0 } | if at == last { LAST } else { 0 };
        encode_parts(kind::SNAPSHOT, &[&seq.to_be_bytes(), &[format.byte(), flags], part])
    };
    parts.iter().enumerate().map(frame).collect()
}

/// Puts the parts of a snapshot together.
#[derive(Debug, Default)]
pub struct SnapshotAssembly {
    data: Vec<u8>,
}

impl SnapshotAssembly {
    /// The longest snapshot: a screen of 1000 x 1000 cells and some history.
    const MAX_BYTES: usize = 64 * 1024 * 1024;

    fn add(&mut self, payload: &[u8]) -> Result<Option<FromHolder>, WireError> {
        let malformed =
            |reason: &str| WireError::Malformed { kind: kind::SNAPSHOT, reason: reason.to_owned() };
        let seq = place(kind::SNAPSHOT, payload)?;
        let Some((&[.., format, flags], part)) = payload.split_first_chunk::<SNAPSHOT_HEAD_BYTES>() else {
            return Err(malformed("no format"));
        };
        if flags & FIRST != 0 {
            self.data.clear();
        }
        if self.data.len() + part.len() > Self::MAX_BYTES {
            return Err(malformed("too long"));
        }
        self.data.extend_from_slice(part);
        if flags & LAST == 0 {
            return Ok(None);
        }
        let format = Format::from_byte(format).ok_or_else(|| malformed("unknown format"))?;
        Ok(Some(FromHolder::Snapshot { seq, format, data: std::mem::take(&mut self.data) }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Decoder;
    use serde_json::json;

    fn read_all(bytes: &[u8]) -> Vec<FromHolder> {
        let (mut decoder, mut assembly, mut found) =
            (Decoder::default(), SnapshotAssembly::default(), Vec::new());
        decoder.feed(bytes);
        while let Some(frame) = decoder.take().unwrap() {
            found.extend(FromHolder::read(frame, &mut assembly).unwrap());
        }
        found
    }

    #[test]
    fn what_is_said_is_read() {
        let said = vec![
            FromHolder::Snapshot { seq: 5, format: Format::State, data: Vec::new() },
            FromHolder::Snapshot { seq: 7, format: Format::Ansi, data: vec![7; 3 * PAYLOAD_MAX_BYTES] },
            FromHolder::Output { seq: 7, bytes: b"\x1b[m".to_vec() },
            FromHolder::Exit(Exit { code: Some(0), signal: None }),
            FromHolder::Resized(Size::new(3, 4)),
            FromHolder::Role(Role { owner: false }),
            FromHolder::Status(json!({"app":"magia"})),
            FromHolder::Heartbeat(Vec::new()),
            FromHolder::Error(Fault { code: "X".to_owned(), message: "x".to_owned() }),
            FromHolder::Unknown(0x7f),
        ];
        let bytes: Vec<u8> = said.iter().flat_map(FromHolder::to_bytes).collect();
        assert_eq!(read_all(&bytes), said);
    }

    #[test]
    fn a_snapshot_that_was_broken_off_is_forgotten() {
        let long = snapshot_frames(1, Format::State, &vec![1; PAYLOAD_MAX_BYTES]);
        assert_eq!(long.len(), 2);
        let whole = FromHolder::Snapshot { seq: 2, format: Format::State, data: vec![2] };
        let bytes = [long[0].clone(), whole.to_bytes()].concat();
        assert_eq!(read_all(&bytes), [whole]);
    }
}
