//! What the two say to each other: a length, JSON, and perhaps a body; a descriptor goes with the length's first byte.

use anyhow::{Context as _, Result, bail};
use magia_protocol::ipc::pass;
use magia_protocol::wire::{ProcessId, RequestId};
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

/// The version of all this; both sides must have the same.
pub(super) const VERSION: u32 = 1;
/// The longest JSON.
const HEAD_MAX_BYTES: usize = 64 * 1024;
/// The longest body: the longest line of a hook, and some more.
const BODY_MAX_BYTES: usize = 17 * 1024 * 1024;

/// What is said.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "say", rename_all = "snake_case")]
pub(super) enum Said {
    /// A window asks whether it could take over.
    Ask(Asking),
    /// It could; it is to say when.
    Offer { process: ProcessId, http: Option<SocketAddr> },
    /// It cannot, and why.
    Refuse { message: String, hint: String },
    /// Now.
    Now,
    /// The lock, as a descriptor.
    Lock,
    /// A listening socket, as a descriptor.
    Socket { name: String },
    /// A connection, as a descriptor; what it said is the body.
    Held { socket: String, request: Option<RequestId>, streams: bool },
    /// That was all.
    Done,
    /// All of it is here.
    Took,
    /// Then serve.
    Go,
    /// The standby is not needed any more.
    Dismiss,
    /// A later version's.
    #[serde(other)]
    Unknown,
}

/// Who asks.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(super) struct Asking {
    pub(super) v: u32,
    /// Its program's version.
    pub(super) version: String,
    /// Its configuration, data and state directories.
    pub(super) places: [String; 3],
}

/// Something said, with what goes with it.
#[derive(Debug)]
pub(super) struct Frame<Descriptor = OwnedFd, Body = Vec<u8>> {
    pub(super) said: Said,
    pub(super) descriptor: Option<Descriptor>,
    pub(super) body: Body,
}

#[derive(Serialize, Deserialize)]
struct Head {
    #[serde(flatten)]
    said: Said,
    #[serde(default, skip_serializing_if = "is_zero")]
    body: usize,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
fn is_zero(bytes: &usize) -> bool {
    *bytes == 0
}

impl<'a> Frame<BorrowedFd<'a>, &'a [u8]> {
    pub(super) fn new(said: Said) -> Self {
        Self { said, descriptor: None, body: &[] }
    }

    pub(super) fn with(self, descriptor: BorrowedFd<'a>) -> Self {
        Self { descriptor: Some(descriptor), ..self }
    }

    pub(super) fn body(self, body: &'a [u8]) -> Self {
        Self { body, ..self }
    }

    pub(super) fn send(self, link: &UnixStream) -> Result<()> {
        let head = serde_json::to_vec(&Head { said: self.said, body: self.body.len() })?;
        let mut bytes = u32::try_from(head.len())?.to_be_bytes().to_vec();
        bytes.extend_from_slice(&head);
        pass::send(link, &bytes, self.descriptor)?;
        pass::send(link, self.body, None)?;
        Ok(())
    }
}

/// Waits for what the other side says next.
pub(super) fn receive(link: &UnixStream) -> Result<Frame> {
    let mut len = [0; 4];
    let descriptor = pass::receive(link, &mut len)?;
    let len = u32::from_be_bytes(len) as usize;
    if len > HEAD_MAX_BYTES {
        bail!("what the other side says is not understood");
    }
    let mut head = vec![0; len];
    pass::receive(link, &mut head)?;
    let Head { said, body } =
        serde_json::from_slice(&head).context("what the other side says is not understood")?;
    if body > BODY_MAX_BYTES {
        bail!("what the other side says is too long");
    }
    let mut said_before = vec![0; body];
    pass::receive(link, &mut said_before)?;
    Ok(Frame { said, descriptor, body: said_before })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;
    use std::os::fd::AsFd as _;

    #[test]
    fn what_is_said_arrives_with_what_goes_with_it() {
        let (one, other) = UnixStream::pair().unwrap();
        let long = vec![b'x'; 100_000];
        let sender = std::thread::spawn(move || {
            Frame::new(Said::Lock).with(one.as_fd()).send(&one).unwrap();
            let said = Said::Held { socket: "hooks.sock".to_owned(), request: None, streams: false };
            Frame::new(said).with(one.as_fd()).body(&long).send(&one).unwrap();
            Frame::new(Said::Done).send(&one).unwrap();
        });
        let first = receive(&other).unwrap();
        assert!(first.said == Said::Lock && first.descriptor.is_some() && first.body.is_empty());
        let second = receive(&other).unwrap();
        assert!(matches!(second.said, Said::Held { .. }) && second.descriptor.is_some());
        assert_eq!(second.body.len(), 100_000);
        let third = receive(&other).unwrap();
        assert!(third.said == Said::Done && third.descriptor.is_none());
        sender.join().unwrap();
        // What was passed is the sender's own end.
        drop([first, second, third]);
        assert!(receive(&other).is_err(), "the end");
    }

    #[test]
    fn garbage_is_an_error_and_later_words_are_not() {
        for garbage in [&b"GET / HTTP/1.1\r\n\r\n"[..], b"\0\0\0\x02{]", b"\0\0\0\x0c{\"say\":\"go\"", b"\0"]
        {
            let (mut one, other) = UnixStream::pair().unwrap();
            one.write_all(garbage).unwrap();
            drop(one);
            assert!(receive(&other).is_err(), "{garbage:?}");
        }
        let (mut one, other) = UnixStream::pair().unwrap();
        let later = br#"{"say":"later","body":3}"#;
        one.write_all(&(later.len() as u32).to_be_bytes()).unwrap();
        one.write_all(later).unwrap();
        one.write_all(b"abc").unwrap();
        let frame = receive(&other).unwrap();
        assert_eq!((frame.said, frame.body), (Said::Unknown, b"abc".to_vec()));
    }
}
