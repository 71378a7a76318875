//! The other end of a CLI connection: what it says next, and when it has gone.

use super::health::Refusal;
use super::intake::{Intake, LongLines, Patience};
use magia_protocol::ipc::line::{Line, LineReader};
use magia_protocol::ipc::{DirectWriter, ReadHalf, Stream, WriteHalf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::time::{sleep, timeout};

/// The longest request, in bytes.
pub(super) const REQUEST_MAX_BYTES: usize = 1024 * 1024;
/// A client that does not read a reply for so long will not read it at all.
const WRITE_LIMIT: Duration = Duration::from_secs(30);
/// A half-closed client cannot be waited for; so often it is asked whether it is still there.
const GONE_CHECK: Duration = Duration::from_secs(1);

/// What a client said.
#[derive(Debug)]
pub(super) enum Heard {
    /// A line.
    Line(Vec<u8>),
    /// A line over the limit.
    TooLong,
    /// It closed both sides, or the connection broke.
    Gone,
}

/// A client.
#[derive(Debug)]
pub(super) struct Peer {
    reader: LineReader<Intake<ReadHalf>>,
    writer: WriteHalf,
    /// It says nothing more, but may still read.
    half_closed: bool,
}

impl Peer {
    pub(super) fn new(stream: Stream, long_lines: &Arc<LongLines>) -> Self {
        let (reader, writer) = stream.into_split();
        let reader = Intake::lines(reader, REQUEST_MAX_BYTES, long_lines);
        Self { reader, writer, half_closed: false }
    }

    /// One of whom `said` was read before, by another magia.
    pub(super) fn going_on(stream: Stream, said: &[u8], long_lines: &Arc<LongLines>) -> Self {
        let (reader, writer) = stream.into_split();
        let reader = Intake::lines_after(said, reader, REQUEST_MAX_BYTES, long_lines);
        Self { reader, writer, half_closed: false }
    }

    /// What was read of it and not heard yet, and a second hold on the connection; this one must not be dropped then,
    /// which would tell the client that nothing more comes.
    pub(super) fn put_aside(self) -> (Option<DirectWriter>, Vec<u8>) {
        let said = self.reader.unread().unwrap_or_default().to_vec();
        let connection = DirectWriter::of(&self.writer);
        keep_open(self.writer);
        (connection, said)
    }

    pub(super) fn is_half_closed(&self) -> bool {
        self.half_closed
    }

    /// Waits for its next words or its end. Cancel safe.
    pub(super) async fn hear(&mut self) -> Heard {
        if !self.half_closed {
            let heard = match self.reader.next().await {
                Ok(Line::Line(line)) => Some(Heard::Line(line.to_vec())),
                Ok(Line::TooLong { .. }) => Some(Heard::TooLong),
                Ok(Line::Eof { partial }) => {
                    self.half_closed = true;
                    (!partial.is_empty()).then(|| Heard::Line(partial.to_vec()))
                }
                Err(err) => {
                    tracing::debug!("client's connection broke: {err}");
                    Some(Heard::Gone)
                }
            };
            self.reader.get_mut().line_done();
            if let Some(heard) = heard {
                return heard;
            }
        }
        while !self.has_hung_up().await {
            sleep(GONE_CHECK).await;
        }
        Heard::Gone
    }

    /// As [`Peer::hear`] for a client that should say something.
    pub(super) async fn hear_within(&mut self, patience: Patience) -> Result<Heard, Refusal> {
        if let Ok(heard) = timeout(patience.first, self.hear()).await {
            return Ok(heard);
        }
        if !self.reader.get_mut().is_mid_line() {
            return Err(Refusal::Silent);
        }
        timeout(patience.rest, self.hear()).await.map_err(|_| Refusal::Slow)
    }

    /// Writes all of `bytes`.
    pub(super) async fn say(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        match timeout(WRITE_LIMIT, self.writer.write_all(bytes)).await {
            Ok(written) => Ok(written?),
            Err(_) => Err(Refusal::Slow),
        }
    }

    /// Writes all of `bytes`, however long that takes.
    pub(super) async fn say_patiently(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        Ok(self.writer.write_all(bytes).await?)
    }

    #[cfg(unix)]
    async fn has_hung_up(&self) -> bool {
        match self.writer.ready(tokio::io::Interest::WRITABLE).await {
            Ok(ready) => ready.is_write_closed(),
            Err(_) => true,
        }
    }

    /// A pipe has no half close.
    #[cfg(not(unix))]
    async fn has_hung_up(&self) -> bool {
        true
    }
}

/// Drops the writing side without a word to the other end.
pub(super) fn keep_open(writer: WriteHalf) {
    #[cfg(unix)]
    writer.forget();
    #[cfg(not(unix))]
    drop(writer);
}
