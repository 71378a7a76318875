//! Event streams of what terminals write: the header and the events of an asciinema recording, one per message.
//!
//! A message's id is the place in the output after it. Who comes back with `Last-Event-ID` gets what it missed from
//! memory, or the screen anew when it missed too much.

use super::answer::{Answer, Envelope, Refused};
use super::memory::{Beginning, Memory, Piece, What};
use super::{Api, rows, screen};
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{Stream, unfold};
use magia_protocol::wire::spawn::SpawnCode;
use magia_tty::{TerminalId, TerminalRecord};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{broadcast, mpsc};
use tokio::time::interval;

/// How often a silent stream says that it lives.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Messages on the way to a client; when it is slower, its terminal's memory holds the rest.
const WAITING: usize = 64;
/// How often a stream of all terminals looks for new ones.
const NEW_ONES: Duration = Duration::from_secs(2);
/// Bytes of an ended terminal's recording that are sent at most, the last ones.
const RECORDING_MAX: u64 = 4 * 1024 * 1024;

/// A ticket for one stream: for clients that can send no header.
#[utoipa::path(post, path = "/api/ticket", responses((status = 200, body = Envelope,
    description = "message is the ticket: add it as ?ticket= to a stream within a minute")), tag = "magia")]
pub(super) async fn ticket(State(api): State<Api>) -> Answer<Envelope> {
    api.tickets.issue().map(Envelope::done).ok_or_else(|| Refused::failed("the system has no random numbers"))
}

/// What a terminal writes, from the screen as it is now, or from where `Last-Event-ID` says.
#[utoipa::path(get, path = "/api/sessions/{id}/stream", params(("id" = String, Path, description = "The terminal's id"),
    ("Last-Event-ID" = Option<u64>, Header, description = "Go on after this message")),
    responses((status = 200, body = String, content_type = "text/event-stream"), (status = 404, body = Envelope)), tag = "streams")]
pub(super) async fn one(
    State(api): State<Api>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Answer<Response> {
    let record = rows::find(&api, &id).await?;
    let since = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.trim().parse().ok());
    let (sender, receiver) = mpsc::channel(WAITING);
    let to = Sink { sender, prefix: None };
    if record.is_held() {
        let memory = api.memories.of(&record.id).await;
        let memory =
            memory.map_err(|err| Refused::new(410, SpawnCode::SessionNotRunning, err.to_string()))?;
        let news = memory.news();
        tokio::spawn(async move { drop(follow(&memory, &record, since, &to, news).await) });
    } else {
        tokio::spawn(async move { drop(replay(record, &to).await) });
    }
    Ok(sse(receiver))
}

/// What all terminals write, those that are opened later as well. Each message begins with the terminal's id and a colon.
#[utoipa::path(get, path = "/api/sessions/multistream", responses((status = 200, body = String,
    content_type = "text/event-stream")), tag = "streams")]
pub(super) async fn all(State(api): State<Api>) -> Response {
    let (sender, receiver) = mpsc::channel(WAITING);
    tokio::spawn(async move {
        // An id may come again, with another holder.
        let mut known: HashMap<TerminalId, Option<(u32, u64)>> = HashMap::new();
        let mut look = interval(NEW_ONES);
        loop {
            tokio::select! {
                _ = look.tick() => {}
                () = sender.closed() => return,
            }
            let Ok(records) = rows::list(&api).await else { continue };
            for record in records.into_iter().filter(TerminalRecord::is_held) {
                let holder =
                    record.session.as_ref().map(|session| (session.holder_pid, session.holder_start_time));
                if known.get(&record.id) == Some(&holder) {
                    continue;
                }
                // One that cannot be followed yet is looked at again.
                let Ok(memory) = api.memories.of(&record.id).await else { continue };
                known.insert(record.id.clone(), holder);
                let to = Sink { sender: sender.clone(), prefix: Some(record.id.to_string()) };
                let news = memory.news();
                tokio::spawn(async move { drop(follow(&memory, &record, None, &to, news).await) });
            }
        }
    });
    sse(receiver)
}

fn sse(receiver: mpsc::Receiver<Event>) -> Response {
    let alive = KeepAlive::new().interval(HEARTBEAT).text("alive");
    Sse::new(events(receiver)).keep_alive(alive).into_response()
}

fn events(receiver: mpsc::Receiver<Event>) -> impl Stream<Item = Result<Event, Infallible>> {
    unfold(receiver, |mut receiver| async move { receiver.recv().await.map(|event| (Ok(event), receiver)) })
}

/// The client is gone.
struct Gone;

/// Where a terminal's messages go.
struct Sink {
    sender: mpsc::Sender<Event>,
    /// In a stream of several.
    prefix: Option<String>,
}

impl Sink {
    async fn say(&self, id: Option<u64>, said: &Value) -> Result<(), Gone> {
        let event = match (&self.prefix, id) {
            (Some(prefix), _) => Event::default().data(format!("{prefix}:{said}")),
            (None, Some(id)) => Event::default().id(id.to_string()).data(said.to_string()),
            (None, None) => Event::default().data(said.to_string()),
        };
        self.sender.send(event).await.map_err(|_| Gone)
    }
}

/// Bytes as text: a character that is not whole yet waits for its rest.
#[derive(Debug, Default)]
struct Text(Vec<u8>);

impl Text {
    fn take(&mut self, bytes: &[u8]) -> String {
        self.0.extend_from_slice(bytes);
        let mut text = String::new();
        while !self.0.is_empty() {
            match std::str::from_utf8(&self.0) {
                Ok(valid) => {
                    text.push_str(valid);
                    self.0.clear();
                }
                Err(err) => {
                    let (valid, rest) = self.0.split_at(err.valid_up_to());
                    text.push_str(std::str::from_utf8(valid).unwrap_or_default());
                    let Some(wrong) = err.error_len() else {
                        self.0 = rest.to_vec();
                        break;
                    };
                    text.push(char::REPLACEMENT_CHARACTER);
                    self.0 = rest.get(wrong..).unwrap_or_default().to_vec();
                }
            }
        }
        text
    }
}

/// What one client has been told.
struct Teller<'a> {
    to: &'a Sink,
    id: String,
    place: u64,
    text: Text,
}

impl Teller<'_> {
    /// Tells a piece, without what was told before. `false` when nothing comes after it.
    async fn tell(&mut self, piece: &Piece) -> Result<bool, Gone> {
        match &piece.what {
            What::Output(bytes) if piece.place > self.place => {
                let new = usize::try_from(piece.place - self.place).unwrap_or(usize::MAX).min(bytes.len());
                let text = self.text.take(bytes.get(bytes.len() - new..).unwrap_or_default());
                self.place = piece.place;
                if !text.is_empty() {
                    self.to.say(Some(self.told()), &json!([piece.at, "o", text])).await?;
                }
            }
            What::Output(_) => {}
            What::Screen(data) => self.show(piece.place, data, piece.at).await?,
            What::Resized(cols, rows) => {
                self.to.say(Some(self.told()), &json!([piece.at, "r", format!("{cols}x{rows}")])).await?;
            }
            What::Exit(code) => {
                self.to.say(Some(self.told()), &json!(["exit", code, self.id])).await?;
                self.to.say(None, &json!({ "type": "end" })).await?;
                return Ok(false);
            }
            What::Gone => {
                self.to.say(None, &json!({ "type": "end" })).await?;
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Shows a screen in place of all that was told before.
    async fn show(&mut self, place: u64, data: &[u8], at: f64) -> Result<(), Gone> {
        (self.place, self.text) = (place, Text::default());
        // A full reset first: a client that was shown something before keeps nothing of it.
        let screen = format!("\x1bc{}", String::from_utf8_lossy(data));
        self.to.say(Some(place), &json!([at, "o", screen])).await
    }

    /// The place that a client can go on from: bytes of half a character are told with its rest.
    fn told(&self) -> u64 {
        self.place.saturating_sub(self.text.0.len() as u64)
    }
}

/// Tells all that a terminal writes, to its end. `news` is heard from the moment that the memory was found: it ends by itself
/// when nobody has listened for a while, also while a stream asks for the screen.
async fn follow(
    memory: &Memory,
    record: &TerminalRecord,
    since: Option<u64>,
    to: &Sink,
    news: broadcast::Receiver<Arc<Piece>>,
) -> Result<(), Gone> {
    let mut teller = Teller { to, id: record.id.to_string(), place: 0, text: Text::default() };
    let mut resume = since;
    let mut listening = Some(news);
    loop {
        let beginning = match resume.take().map(|since| (since, memory.resume(since))) {
            Some((since, beginning)) if beginning.complete => {
                teller.place = since;
                beginning
            }
            _ => {
                teller.to.say(None, &screen::head(record)).await?;
                let (place, data) = match memory.screen().await {
                    Ok(screen) => screen,
                    Err(err) => {
                        let wrong = json!({ "type": "error", "message": err.to_string() });
                        return teller.to.say(None, &wrong).await;
                    }
                };
                teller.show(place, &data, 0.0).await?;
                memory.resume(place)
            }
        };
        let Beginning { pieces, mut news, last, .. } = beginning;
        drop(listening.take());
        for piece in pieces {
            if !matches!(piece.what, What::Screen(_)) && !teller.tell(&piece).await? {
                return Ok(());
            }
        }
        loop {
            let heard = tokio::select! {
                heard = news.recv() => heard,
                () = to.sender.closed() => return Err(Gone),
            };
            match heard {
                Ok(piece) if last.is_some_and(|last| piece.number <= last) => {}
                Ok(piece) => {
                    if !teller.tell(&piece).await? {
                        return Ok(());
                    }
                }
                // Too slow: what it missed may still be remembered.
                Err(broadcast::error::RecvError::Lagged(_)) => {
                    resume = Some(teller.place);
                    listening = Some(news);
                    break;
                }
                Err(broadcast::error::RecvError::Closed) => {
                    return teller.to.say(None, &json!({ "type": "end" })).await;
                }
            }
        }
    }
}

/// Tells the recording of a terminal that nobody holds any more.
async fn replay(record: TerminalRecord, to: &Sink) -> Result<(), Gone> {
    let dir = record.dir.clone();
    let read = rows::on_disk(move || last_lines(&dir.join("stdout"))).await;
    let exit = record.session.as_ref().and_then(|session| session.exit_code);
    to.say(None, &screen::head(&record)).await?;
    for line in read.ok().and_then(Result::ok).unwrap_or_default() {
        match serde_json::from_str(&line) {
            Ok(Value::Array(event)) if event.first().is_some_and(Value::is_number) => {
                to.say(None, &Value::Array(event)).await?;
            }
            _ => {}
        }
    }
    to.say(None, &json!(["exit", exit, record.id.to_string()])).await?;
    to.say(None, &json!({ "type": "end" })).await
}

/// The lines at the end of a file; the first one may be cut.
fn last_lines(path: &std::path::Path) -> std::io::Result<Vec<String>> {
    use std::io::{Read as _, Seek as _, SeekFrom};
    let mut file = std::fs::File::open(path)?;
    let len = file.metadata()?.len();
    file.seek(SeekFrom::Start(len.saturating_sub(RECORDING_MAX)))?;
    let mut bytes = Vec::new();
    file.take(RECORDING_MAX).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).lines().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_character_in_two_pieces_is_told_whole() {
        let mut text = Text::default();
        assert_eq!(text.take(b"a\xc3"), "a");
        assert_eq!(text.take(b"\xa4b\xf0\x9f"), "äb");
        assert_eq!(text.take(b"\x98\x80\xff\xfec"), "😀\u{fffd}\u{fffd}c");
        assert_eq!(text.take(b"\xe2\x82"), "");
        assert_eq!(text.take(b"x"), "\u{fffd}x");
    }

    #[tokio::test]
    async fn a_piece_that_was_told_in_part_is_told_from_there() {
        let (sender, mut receiver) = mpsc::channel(8);
        let to = Sink { sender, prefix: Some("t".to_owned()) };
        let mut teller = Teller { to: &to, id: "t".to_owned(), place: 12, text: Text::default() };
        let piece = |place, text: &str| {
            Arc::new(Piece { number: 0, at: 1.0, place, what: What::Output(text.into()) })
        };
        assert!(teller.tell(&piece(11, "old")).await.is_ok_and(|goes_on| goes_on));
        assert!(teller.tell(&piece(14, "abcd")).await.is_ok_and(|goes_on| goes_on));
        assert_eq!(format!("{:?}", receiver.try_recv().unwrap()).matches("cd").count(), 1);
        assert!(receiver.try_recv().is_err());
        assert_eq!(teller.place, 14);
    }
}
