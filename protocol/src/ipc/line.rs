//! Lines of bounded length from an async stream.

use std::io;
use tokio::io::{AsyncRead, AsyncReadExt};

/// Where the buffer starts, and what it goes back to after a longer line.
pub const START_BYTES: usize = 8 * 1024;
/// The longest line that the hook and permission sockets keep whole.
pub const HOOK_LINE_MAX_BYTES: usize = 16 * 1024 * 1024;
/// How much of a longer one is kept.
pub const HEAD_BYTES: usize = 256 * 1024;

/// What comes next on a stream of lines. The bytes are borrowed from the reader.
#[derive(Debug, PartialEq, Eq)]
pub enum Line<'a> {
    /// A whole line, without its newline.
    Line(&'a [u8]),
    /// A line over the limit; its rest was read and dropped.
    TooLong {
        /// Its first bytes, at most the reader's head size.
        head: &'a [u8],
        /// Its whole length in bytes, up to its newline or the stream's end.
        total: u64,
    },
    /// The stream's end. Comes again for each further call, then without bytes.
    Eof {
        /// What came after the last newline: a line that was cut, or nothing.
        partial: &'a [u8],
    },
}

/// Reads lines with a buffer that starts at 8 KiB, grows to `max` and is given back after a big line.
#[derive(Debug)]
pub struct LineReader<R> {
    source: R,
    max: usize,
    head: usize,
    buffer: Vec<u8>,
    /// Where in the buffer the first line that was not given out begins.
    start: usize,
    /// Up to where the buffer is known to hold no newline.
    searched: usize,
    /// Bytes dropped so far of a line over the limit; the buffer's first `head` bytes are its beginning.
    dropped: Option<u64>,
}

/// Where something lies in the buffer.
enum Found {
    Line { from: usize, to: usize },
    TooLong { from: usize, total: u64 },
}

impl<R: AsyncRead + Unpin> LineReader<R> {
    /// Lines of at most `max` bytes; of longer ones the first [`HEAD_BYTES`] are kept.
    pub fn new(source: R, max: usize) -> Self {
        Self::with_head(source, max, HEAD_BYTES)
    }

    /// As [`LineReader::new`], keeping `head` bytes of a line over the limit (at most `max`).
    pub fn with_head(source: R, max: usize, head: usize) -> Self {
        let head = head.min(max);
        Self { source, max, head, buffer: Vec::new(), start: 0, searched: 0, dropped: None }
    }

    /// Begins with what was read from the stream before.
    #[must_use]
    pub fn after(mut self, first: &[u8]) -> Self {
        self.buffer.extend_from_slice(first);
        self
    }

    /// The next line. Cancel safe: what was read stays for the next call. It does not return while the other
    /// end sends nothing, or a line without end; the caller sets the limit in time.
    ///
    /// # Errors
    /// What the stream says; bytes read before are kept.
    pub async fn next(&mut self) -> io::Result<Line<'_>> {
        loop {
            match self.find() {
                Some(Found::Line { from, to }) => return Ok(Line::Line(self.slice(from, to))),
                Some(Found::TooLong { from, total }) => {
                    return Ok(Line::TooLong { head: self.slice(from, from + self.head), total });
                }
                None => {}
            }
            self.make_room();
            if self.source.read_buf(&mut self.buffer).await? == 0 {
                return Ok(self.end());
            }
        }
    }

    /// The stream back, e.g. to answer on it. Bytes that were read ahead are lost.
    pub fn into_inner(self) -> R {
        self.source
    }

    /// What was read and not given out yet; `None` while a line over the limit is dropped, of which not all is there.
    pub fn unread(&self) -> Option<&[u8]> {
        self.dropped.is_none().then(|| self.slice(self.start, self.buffer.len()))
    }

    /// The stream, e.g. to answer on it.
    pub fn get_mut(&mut self) -> &mut R {
        &mut self.source
    }

    /// What the buffer takes in memory now, in bytes.
    pub fn buffer_capacity(&self) -> usize {
        self.buffer.capacity()
    }

    /// Takes a whole line out of what is buffered, or drops what is over the limit.
    fn find(&mut self) -> Option<Found> {
        let newline = self.unsearched().iter().position(|byte| *byte == b'\n').map(|at| self.searched + at);
        let from = self.start;
        let Some(to) = newline else {
            self.searched = self.buffer.len();
            self.cut();
            return None;
        };
        self.start = to + 1;
        self.searched = to + 1;
        let len = to - from;
        Some(match self.dropped.take() {
            Some(dropped) => Found::TooLong { from, total: dropped + len as u64 },
            None if len > self.max => Found::TooLong { from, total: len as u64 },
            None => Found::Line { from, to },
        })
    }

    /// Drops all but the head of an unfinished line over the limit.
    fn cut(&mut self) {
        let len = self.buffer.len() - self.start;
        if self.dropped.is_none() && len <= self.max {
            return;
        }
        let cut = len.saturating_sub(self.head);
        self.dropped = Some(self.dropped.unwrap_or(0) + cut as u64);
        self.buffer.truncate(self.start + self.head);
        self.searched = self.buffer.len();
    }

    /// Moves the unfinished line to the front and sees to it that a read has room.
    fn make_room(&mut self) {
        self.buffer.drain(..self.start);
        self.searched -= self.start;
        self.start = 0;
        let len = self.buffer.len();
        if self.dropped.is_some() {
            self.buffer.shrink_to(len + START_BYTES);
            self.buffer.reserve_exact(START_BYTES);
            return;
        }
        if len < START_BYTES {
            self.buffer.shrink_to(START_BYTES);
        }
        if len == self.buffer.capacity() {
            // One more than the limit, so that a line of exactly `max` bytes has room for its newline.
            let target = (len * 2).clamp(START_BYTES, self.max.saturating_add(1).max(START_BYTES));
            self.buffer.reserve_exact(target.saturating_sub(len).max(1));
        }
    }

    /// What is left when the stream has ended.
    fn end(&mut self) -> Line<'_> {
        let (from, to) = (self.start, self.buffer.len());
        self.start = to;
        self.searched = to;
        match self.dropped.take() {
            Some(dropped) => {
                let total = dropped + (to - from) as u64;
                Line::TooLong { head: self.slice(from, from + self.head), total }
            }
            None => Line::Eof { partial: self.slice(from, to) },
        }
    }

    fn unsearched(&self) -> &[u8] {
        self.slice(self.searched, self.buffer.len())
    }

    fn slice(&self, from: usize, to: usize) -> &[u8] {
        self.buffer.get(from..to).unwrap_or_default()
    }
}
