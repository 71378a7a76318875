//! Frames and bytes.

use std::io;
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// Kind and length.
pub const HEADER_BYTES: usize = 5;
/// The longest payload; a frame that says it has more ends the connection.
pub const PAYLOAD_MAX_BYTES: usize = 1024 * 1024;
/// How much is read at a time.
const READ_BYTES: usize = 16 * 1024;
/// A buffer that a long frame has made larger than this is given back.
const KEPT_BYTES: usize = 128 * 1024;

/// One frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// One of [`super::kind`], or a kind that we do not know.
    pub kind: u8,
    /// What it carries.
    pub payload: Vec<u8>,
}

/// Why a conversation cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// A frame says that it is longer than [`PAYLOAD_MAX_BYTES`].
    #[error("frame of kind {kind:#04x} has {len} bytes, at most {PAYLOAD_MAX_BYTES} are taken")]
    TooLong {
        /// The frame's kind.
        kind: u8,
        /// What it says.
        len: usize,
    },
    /// The stream ended within a frame.
    #[error("the other end has gone within a frame")]
    Cut,
    /// A payload is not what its kind asks for.
    #[error("frame of kind {kind:#04x} is not understood: {reason}")]
    Malformed {
        /// The frame's kind.
        kind: u8,
        /// What is wrong with it.
        reason: String,
    },
    /// The system refused.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl WireError {
    /// The word for it in an error frame.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLong { .. } => super::fault::PAYLOAD_TOO_LARGE,
            _ => super::fault::MALFORMED_FRAME,
        }
    }
}

/// A whole frame as bytes. The payload has at most [`PAYLOAD_MAX_BYTES`]; what is over is left away.
pub fn encode(kind: u8, payload: &[u8]) -> Vec<u8> {
    encode_parts(kind, &[payload])
}

/// As [`encode`], of a payload in parts.
pub fn encode_parts(kind: u8, parts: &[&[u8]]) -> Vec<u8> {
    let len = parts.iter().map(|part| part.len()).sum::<usize>().min(PAYLOAD_MAX_BYTES);
    let mut bytes = Vec::with_capacity(HEADER_BYTES + len);
    bytes.push(kind);
    bytes.extend_from_slice(&u32::try_from(len).unwrap_or(u32::MAX).to_be_bytes());
    for part in parts {
        bytes.extend_from_slice(part);
    }
    bytes.truncate(HEADER_BYTES + len);
    bytes
}

/// Takes frames out of bytes that come in any pieces.
#[derive(Debug, Default)]
pub struct Decoder {
    buffer: Vec<u8>,
    /// Up to here the buffer has been taken.
    taken: usize,
}

impl Decoder {
    /// Adds bytes.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.room();
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole frame; `None` until more bytes come.
    ///
    /// # Errors
    /// [`WireError::TooLong`]; nothing sensible comes after it.
    pub fn take(&mut self) -> Result<Option<Frame>, WireError> {
        let waiting = self.buffer.get(self.taken..).unwrap_or_default();
        let Some((&[kind, len @ ..], rest)) = waiting.split_first_chunk::<HEADER_BYTES>() else {
            return Ok(None);
        };
        let len = usize::try_from(u32::from_be_bytes(len)).unwrap_or(usize::MAX);
        if len > PAYLOAD_MAX_BYTES {
            return Err(WireError::TooLong { kind, len });
        }
        let Some(payload) = rest.get(..len) else {
            return Ok(None);
        };
        let frame = Frame { kind, payload: payload.to_vec() };
        self.taken += HEADER_BYTES + len;
        Ok(Some(frame))
    }

    /// Whether it stands between two frames.
    pub fn is_empty(&self) -> bool {
        self.taken == self.buffer.len()
    }

    /// The buffer to read into, what was taken removed.
    fn room(&mut self) -> &mut Vec<u8> {
        if self.is_empty() {
            self.buffer.clear();
            if self.buffer.capacity() > KEPT_BYTES {
                self.buffer = Vec::new();
            }
            self.taken = 0;
        } else if self.taken > 0 {
            self.buffer.drain(..self.taken);
            self.taken = 0;
        }
        &mut self.buffer
    }
}

/// Reads frames from a connection.
#[derive(Debug)]
pub struct FrameReader<R> {
    inner: R,
    decoder: Decoder,
}

impl<R: AsyncRead + Unpin> FrameReader<R> {
    /// Reads from `inner`.
    pub fn new(inner: R) -> Self {
        Self { inner, decoder: Decoder::default() }
    }

    /// What is read from.
    pub fn get_ref(&self) -> &R {
        &self.inner
    }

    /// The next frame; `None` at the stream's end. Cancel safe.
    ///
    /// # Errors
    /// See [`WireError`].
    pub async fn next(&mut self) -> Result<Option<Frame>, WireError> {
        loop {
            if let Some(frame) = self.decoder.take()? {
                return Ok(Some(frame));
            }
            let room = self.decoder.room();
            room.reserve(READ_BYTES);
            if self.inner.read_buf(room).await? == 0 {
                return if self.decoder.is_empty() { Ok(None) } else { Err(WireError::Cut) };
            }
        }
    }

    /// The next frame, when it has arrived already.
    ///
    /// # Errors
    /// [`WireError::TooLong`].
    pub fn next_read(&mut self) -> Result<Option<Frame>, WireError> {
        self.decoder.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_frame_too_long_is_refused_before_its_bytes_come() {
        let mut decoder = Decoder::default();
        decoder.feed(&[1, 0, 0x10, 0, 1]);
        assert!(matches!(decoder.take(), Err(WireError::TooLong { kind: 1, len: 0x10_0001 })));
        let mut decoder = Decoder::default();
        decoder.feed(&[1, 0, 0x10, 0, 0]);
        assert!(matches!(decoder.take(), Ok(None)), "1 MiB is taken");
    }

    #[test]
    fn the_bytes_of_a_frame_are_vibetunnels() {
        assert_eq!(encode(1, b"ls\r"), b"\x01\x00\x00\x00\x03ls\r");
        assert_eq!(encode(4, b""), b"\x04\x00\x00\x00\x00");
        assert_eq!(encode(1, &vec![0; PAYLOAD_MAX_BYTES + 1]).len(), HEADER_BYTES + PAYLOAD_MAX_BYTES);
    }

    proptest! {
        #[test]
        fn frames_come_back_however_they_are_cut(
            frames in prop::collection::vec((any::<u8>(), prop::collection::vec(any::<u8>(), 0..300)), 0..20),
            cuts in prop::collection::vec(1..400_usize, 1..40),
        ) {
            let bytes: Vec<u8> = frames.iter().flat_map(|(kind, payload)| encode(*kind, payload)).collect();
            let (mut decoder, mut found, mut rest) = (Decoder::default(), Vec::new(), bytes.as_slice());
            let mut cuts = cuts.iter().cycle();
            while !rest.is_empty() {
                let (piece, after) = rest.split_at(rest.len().min(*cuts.next().unwrap()));
                decoder.feed(piece);
                rest = after;
                while let Some(frame) = decoder.take().unwrap() {
                    found.push((frame.kind, frame.payload));
                }
            }
            prop_assert!(decoder.is_empty());
            prop_assert_eq!(found, frames);
        }
    }
}
