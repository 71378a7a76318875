//! The line reader: limits, memory, and that the cutting of the stream into reads does not matter.
#![cfg(feature = "ipc")]
#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail")]

use magia_protocol::ipc::line::{Line, LineReader, START_BYTES};
use proptest::prelude::*;
use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, ReadBuf};

/// Gives each chunk as one read; an empty chunk is a read that is not ready once.
struct Chunks(VecDeque<Vec<u8>>);

impl AsyncRead for Chunks {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Some(mut chunk) = self.0.pop_front() else { return Poll::Ready(Ok(())) };
        if chunk.is_empty() {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let rest = chunk.split_off(chunk.len().min(buf.remaining()));
        buf.put_slice(&chunk);
        if !rest.is_empty() {
            self.0.push_front(rest);
        }
        Poll::Ready(Ok(()))
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Seen {
    Line(Vec<u8>),
    TooLong(Vec<u8>, u64),
    Eof(Vec<u8>),
}

fn read(chunks: Vec<Vec<u8>>, max: usize, head: usize) -> Vec<Seen> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async {
        let mut reader = LineReader::with_head(Chunks(chunks.into()), max, head);
        let mut seen = Vec::new();
        loop {
            let next = match reader.next().await.expect("no error") {
                Line::Line(line) => Seen::Line(line.to_vec()),
                Line::TooLong { head, total } => Seen::TooLong(head.to_vec(), total),
                Line::Eof { partial } => Seen::Eof(partial.to_vec()),
            };
            let last = matches!(next, Seen::Eof(_));
            seen.push(next);
            assert!(reader.buffer_capacity() <= 2 * (max.max(START_BYTES) + START_BYTES));
            if last {
                assert_eq!(reader.next().await.expect("no error"), Line::Eof { partial: b"" });
                return seen;
            }
        }
    })
}

/// What a reader with all memory in the world would say.
fn expected(bytes: &[u8], max: usize, head: usize) -> Vec<Seen> {
    let head = head.min(max);
    let mut lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
    let partial = lines.pop().unwrap_or_default();
    let too_long = |line: &[u8]| Seen::TooLong(line[..head].to_vec(), line.len() as u64);
    let mut seen: Vec<Seen> = lines
        .into_iter()
        .map(|line| if line.len() > max { too_long(line) } else { Seen::Line(line.to_vec()) })
        .collect();
    if partial.len() > max {
        seen.push(too_long(partial));
        seen.push(Seen::Eof(Vec::new()));
    } else {
        seen.push(Seen::Eof(partial.to_vec()));
    }
    seen
}

#[test]
fn limit_is_exact() {
    for len in [0, 1, 99, 100, 101, 102, 5000, 40_000] {
        for end in [b"\n".as_slice(), b"", b"\nrest", b"\n\n"] {
            let bytes = [vec![b'x'; len], end.to_vec()].concat();
            assert_eq!(read(vec![bytes.clone()], 100, 10), expected(&bytes, 100, 10), "{len} {end:?}");
        }
    }
}

#[tokio::test]
async fn memory_is_given_back() {
    let big = [vec![b'x'; 1 << 20], b"\nsmall\n".to_vec()].concat();
    let (mut sender, receiver) = tokio::io::duplex(1 << 16);
    let task = tokio::spawn(async move {
        tokio::io::AsyncWriteExt::write_all(&mut sender, &big).await.expect("written");
        sender
    });
    let mut reader = LineReader::new(receiver, 16 << 20);
    assert_eq!(reader.buffer_capacity(), 0);
    assert!(matches!(reader.next().await.expect("read"), Line::Line(line) if line.len() == 1 << 20));
    assert!(reader.buffer_capacity() <= 2 << 20);
    assert_eq!(reader.next().await.expect("read"), Line::Line(b"small"));
    drop(task.await.expect("no panic"));
    assert_eq!(reader.next().await.expect("read"), Line::Eof { partial: b"" });
    assert!(reader.buffer_capacity() <= START_BYTES);
}

#[tokio::test]
async fn line_without_end_takes_no_more_memory_than_its_head() {
    let mut reader =
        LineReader::new(tokio::io::AsyncReadExt::take(tokio::io::repeat(b'x'), 64 << 20), 1 << 20);
    match reader.next().await.expect("read") {
        Line::TooLong { head, total } => assert_eq!((head.len(), total), (256 << 10, 64 << 20)),
        other => panic!("{other:?}"),
    }
    assert!(reader.buffer_capacity() <= (256 << 10) + 2 * START_BYTES);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn chunking_does_not_matter(
        chunks in prop::collection::vec(
            prop_oneof![
                prop::collection::vec(prop_oneof![3 => Just(b'a'), 1 => Just(b'\n'), 1 => any::<u8>()], 0..60),
                (0_usize..20_000).prop_map(|len| vec![b'y'; len]),
            ],
            0..12,
        ),
        max in prop_oneof![1_usize..40, 8_000_usize..20_000],
        head in 0_usize..9_000,
    ) {
        let whole = chunks.concat();
        prop_assert_eq!(read(chunks, max, head), expected(&whole, max, head));
    }
}
