//! A WebSocket of ours: how much it takes, and how it ends.

use crate::listeners::metered::{Meter, Metered};
use futures_util::{FutureExt as _, SinkExt as _, StreamExt as _};
use std::time::{Duration, Instant};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};

/// Bytes of a message, and of a frame. The largest carry a file that an agent edits.
const MESSAGE_MAX: usize = 16 * 1024 * 1024;
/// What one connection reads at once; two hundred of them are open.
const READ_BUFFER: usize = 16 * 1024;
/// What waits to be sent, before the peer is too slow.
const WRITE_MAX: usize = 48 * 1024 * 1024;
/// A peer that does not read for so long is let go.
const WRITE_PATIENCE: Duration = Duration::from_secs(10);
/// How long a peer may take to close.
const CLOSE_PATIENCE: Duration = Duration::from_millis(500);

/// How the library is to read and write.
pub(super) fn config() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(READ_BUFFER)
        .max_write_buffer_size(WRITE_MAX)
        .max_message_size(Some(MESSAGE_MAX))
        .max_frame_size(Some(MESSAGE_MAX))
}

/// What came.
#[derive(Debug)]
pub(super) enum Came {
    /// A text.
    Text(Utf8Bytes),
    /// Nothing for us: a ping, a pong.
    Nothing,
    /// The end: the peer has left, or did what nobody may.
    End(Option<CloseCode>),
}

/// When the first byte since the last whole message came.
#[derive(Debug, Default)]
pub(super) struct Begun(Option<Instant>);

impl Meter for Begun {
    fn heard(&mut self, _: usize) {
        self.0.get_or_insert_with(Instant::now);
    }
}

/// A connection of a peer that may be slow or hostile.
#[derive(Debug)]
pub(super) struct Socket(WebSocketStream<Metered<TcpStream, Begun>>);

impl Socket {
    /// After the handshake, which is no message.
    pub(super) fn new(mut stream: WebSocketStream<Metered<TcpStream, Begun>>) -> Self {
        stream.get_mut().meter = Begun::default();
        Self(stream)
    }

    /// Waits for what comes next. May be given up at any time: nothing is lost.
    pub(super) async fn next(&mut self) -> Came {
        let came = self.0.next().await;
        self.taken(came)
    }

    /// What has come already.
    pub(super) fn next_now(&mut self) -> Option<Came> {
        let came = self.0.next().now_or_never()?;
        Some(self.taken(came))
    }

    fn taken(&mut self, came: Option<Result<Message, Error>>) -> Came {
        self.0.get_mut().meter = Begun::default();
        match came {
            Some(Ok(Message::Text(text))) => Came::Text(text),
            Some(Ok(Message::Binary(_))) => Came::End(Some(CloseCode::Unsupported)),
            // The library answers a close by itself; its end comes next.
            Some(Ok(_)) => Came::Nothing,
            None => Came::End(None),
            // Gone without a goodbye, as a program that was killed.
            Some(Err(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake))) => Came::End(None),
            Some(Err(Error::Utf8(_))) => Came::End(Some(CloseCode::Invalid)),
            Some(Err(Error::Capacity(_))) => Came::End(Some(CloseCode::Size)),
            Some(Err(Error::Protocol(_))) => Came::End(Some(CloseCode::Protocol)),
            Some(Err(_)) => Came::End(None),
        }
    }

    /// Puts a frame into the queue. `false` when the peer does not read.
    pub(super) async fn feed(&mut self, text: String) -> bool {
        matches!(timeout(WRITE_PATIENCE, self.0.feed(Message::text(text))).await, Ok(Ok(())))
    }

    /// Sends what is queued. `false` when the peer does not read.
    pub(super) async fn flush(&mut self) -> bool {
        matches!(timeout(WRITE_PATIENCE, self.0.flush()).await, Ok(Ok(())))
    }

    /// Whether a message has begun and is not whole after that time.
    pub(super) fn is_slow(&self, patience: Duration) -> bool {
        self.0.get_ref().meter.0.is_some_and(|begun| begun.elapsed() > patience)
    }

    /// Says why it ends, and lets the peer hear it: closing with something unread would take the word back.
    pub(super) async fn close(mut self, code: CloseCode, reason: &'static str) {
        let frame = CloseFrame { code, reason: Utf8Bytes::from_static(reason) };
        let closing = async {
            if self.0.close(Some(frame)).await.is_ok() {
                let mut unread = [0; 4096];
                let stream = &mut self.0.get_mut().stream;
                while stream.read(&mut unread).await.is_ok_and(|count| count > 0) {}
            }
        };
        let _in_time = timeout(CLOSE_PATIENCE, closing).await;
    }
}
