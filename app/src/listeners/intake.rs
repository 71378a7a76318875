//! Reading a line from a peer that may be slow, silent or hostile.

use super::health::Refusal;
use super::outbox::SHORT_MAX_BYTES;
use magia_protocol::ipc::line::{Line, LineReader};
use std::any::Any;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// What all unfinished lines of one socket may take together, in bytes: 16 of the longest.
const LONG_LINES_MAX_BYTES: u64 = 256 * 1024 * 1024;
/// Lines up to this size are taken whatever else is going on, so that long ones cannot shut them out.
const SMALL_LINE_BYTES: u64 = 64 * 1024;

/// How long a peer may take for one line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// Until it must have sent something.
    pub(super) first: Duration,
    /// Until its line must be whole, counted from the end of `first`.
    pub(super) rest: Duration,
}

impl Patience {
    /// A handler has 0.5 s for everything, so nobody who means well needs more than this.
    pub(super) const MESSAGE: Self = Self { first: Duration::from_secs(5), rest: Duration::from_secs(5) };
    /// While half of the places are taken: silent peers give theirs back sooner.
    pub(super) const CROWDED: Self =
        Self { first: Duration::from_millis(600), rest: Duration::from_millis(9_400) };
}

/// The memory that long lines of one socket take together.
#[derive(Debug, Default)]
pub(super) struct LongLines(AtomicU64);

/// What long messages may take together that were read, and that the hub has not dealt with yet, in KiB.
const ROOM_KIB: usize = 64 * 1024;

/// The room for long messages that wait for the hub.
#[derive(Debug)]
pub(super) struct Room(Arc<Semaphore>);

impl Default for Room {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(ROOM_KIB)))
    }
}

impl Room {
    /// Waits until there is room for so many bytes, which lasts as long as what is returned; short ones need none.
    pub(super) async fn take(&self, bytes: usize) -> Option<Arc<dyn Any + Send + Sync>> {
        if bytes <= SHORT_MAX_BYTES {
            return None;
        }
        let kib = u32::try_from((bytes / 1024).min(ROOM_KIB)).unwrap_or(u32::MAX);
        let taken = Arc::clone(&self.0).acquire_many_owned(kib).await;
        taken.ok().map(|room| Arc::new(room) as Arc<dyn Any + Send + Sync>)
    }
}

/// The reading side of a connection; counts what the line in work takes.
#[derive(Debug)]
pub(super) struct Intake<R> {
    source: R,
    max: u64,
    line_bytes: u64,
    charged: u64,
    long_lines: Arc<LongLines>,
}

impl<R: AsyncRead + Unpin> Intake<R> {
    /// A reader of lines of at most `max` bytes.
    pub(super) fn lines(source: R, max: usize, long_lines: &Arc<LongLines>) -> LineReader<Self> {
        let long_lines = Arc::clone(long_lines);
        LineReader::new(Self { source, max: max as u64, line_bytes: 0, charged: 0, long_lines }, max)
    }

    /// As [`Intake::lines`], of a peer whose `first` bytes were read already.
    pub(super) fn lines_after(
        first: &[u8],
        source: R,
        max: usize,
        long_lines: &Arc<LongLines>,
    ) -> LineReader<Self> {
        let mut reader = Self::lines(source, max, long_lines).after(first);
        reader.get_mut().line_bytes = first.len() as u64;
        reader
    }

    /// Whether something came since the last whole line.
    pub(super) fn is_mid_line(&self) -> bool {
        self.line_bytes > 0
    }

    /// The line in work was taken.
    pub(super) fn line_done(&mut self) {
        self.line_bytes = 0;
        self.long_lines.0.fetch_sub(self.charged, Ordering::Relaxed);
        self.charged = 0;
    }

    pub(super) fn source_mut(&mut self) -> &mut R {
        &mut self.source
    }

    fn charge(&mut self, bytes: usize) -> io::Result<()> {
        self.line_bytes += bytes as u64;
        if self.line_bytes <= SMALL_LINE_BYTES {
            return Ok(());
        }
        // Of a line over the limit only the beginning is kept.
        let more = self.line_bytes.min(self.max).saturating_sub(self.charged);
        self.charged += more;
        let all = self.long_lines.0.fetch_add(more, Ordering::Relaxed) + more;
        if all > LONG_LINES_MAX_BYTES { Err(io::ErrorKind::OutOfMemory.into()) } else { Ok(()) }
    }
}

impl<R> Drop for Intake<R> {
    fn drop(&mut self) {
        if self.charged > 0 {
            self.long_lines.0.fetch_sub(self.charged, Ordering::Relaxed);
        }
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for Intake<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        match Pin::new(&mut self.source).poll_read(cx, buf) {
            Poll::Ready(Ok(())) => Poll::Ready(self.charge(buf.filled().len() - before)),
            other => other,
        }
    }
}

/// Reads the next line and makes of it what `take` says.
pub(super) async fn read_line<R: AsyncRead + Unpin, T>(
    reader: &mut LineReader<Intake<R>>,
    patience: Patience,
    take: impl FnOnce(Line<'_>) -> T,
) -> Result<T, Refusal> {
    let taken = read_only_line(reader, patience, take).await?;
    reader.get_mut().line_done();
    Ok(taken)
}

/// The same of a peer that says one line: what it takes counts until `reader` is dropped.
pub(super) async fn read_only_line<R: AsyncRead + Unpin, T>(
    reader: &mut LineReader<Intake<R>>,
    patience: Patience,
    take: impl FnOnce(Line<'_>) -> T,
) -> Result<T, Refusal> {
    if let Ok(line) = timeout(patience.first, reader.next()).await {
        return Ok(take(line?));
    }
    if !reader.get_mut().is_mid_line() {
        return Err(Refusal::Silent);
    }
    match timeout(patience.rest, reader.next()).await {
        Ok(line) => Ok(take(line?)),
        Err(_) => Err(Refusal::Slow),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn long_lines_share_a_limit_and_small_ones_do_not_count() {
        let long_lines = Arc::new(LongLines::default());
        long_lines.0.store(LONG_LINES_MAX_BYTES - 100_000, Ordering::Relaxed);
        let mut text = vec![b'x'; 90_000];
        text.push(b'\n');
        let len = |line: Line<'_>| matches!(line, Line::Line(line) if line.len() == 90_000);

        let mut first = Intake::lines(&text[..], 1 << 20, &long_lines);
        assert!(read_line(&mut first, Patience::MESSAGE, len).await.is_ok_and(|whole| whole));
        let mut half = Intake::lines(&text[..80_000], 1 << 20, &long_lines);
        read_line(&mut half, Patience::MESSAGE, |_| ()).await.expect("the end");
        half.get_mut().line_bytes = 80_000;
        half.get_mut().charge(0).expect("room");
        let mut second = Intake::lines(&text[..], 1 << 20, &long_lines);
        let refused = read_line(&mut second, Patience::MESSAGE, len).await;
        assert!(matches!(refused, Err(Refusal::Crowded)), "{refused:?}");
        let mut small = Intake::lines(&b"small\n"[..], 1 << 20, &long_lines);
        read_line(&mut small, Patience::MESSAGE, |_| ()).await.expect("small lines pass");

        drop((first, half, second, small));
        assert_eq!(long_lines.0.load(Ordering::Relaxed), LONG_LINES_MAX_BYTES - 100_000);
    }

    #[tokio::test]
    async fn long_messages_wait_for_room_and_short_ones_do_not() {
        let room = Room::default();
        let longest = 16 * 1024 * 1024;
        let mut taken = Vec::new();
        for _ in 0..4 {
            taken.push(room.take(longest).await.expect("room"));
        }
        assert!(room.take(SHORT_MAX_BYTES).await.is_none());
        let mut fifth = Box::pin(room.take(longest));
        assert!(tokio::time::timeout(Duration::ZERO, &mut fifth).await.is_err(), "there is none");
        taken.pop();
        assert!(fifth.await.is_some());
    }

    #[tokio::test]
    async fn a_line_whose_beginning_was_read_before_is_whole() {
        let long_lines = Arc::new(LongLines::default());
        let mut text = vec![b'x'; 150_000];
        text.push(b'\n');
        for already in [0, 1, 8 * 1024, 64 * 1024, 150_000] {
            let (first, rest) = text.split_at(already);
            let mut reader = Intake::lines_after(first, rest, 1 << 20, &long_lines);
            let len = |line: Line<'_>| matches!(line, Line::Line(line) if line.len() == 150_000);
            assert!(read_line(&mut reader, Patience::MESSAGE, len).await.expect("a line"), "{already}");
        }
        assert_eq!(long_lines.0.load(Ordering::Relaxed), 0);
    }
}
