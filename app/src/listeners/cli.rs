//! The CLI socket: one JSON request a line, one JSON reply a line, in the order of the requests.
//!
//! A connection works on one request at a time; while the hub has it, further ones are read ahead up to a
//! limit, which is also how a requester that hangs up is noticed. After `subscribe_events` the connection only
//! streams; a request on it gets an error.

use super::health::{Health, Refusal};
use super::intake::{LongLines, Patience};
use super::leave::Leave;
use super::origin;
use super::outbox::Outbox;
use super::peer::{Heard, Peer, REQUEST_MAX_BYTES};
use super::replies::{Outcome, Replies};
use super::stream::{Streams, Subscription};
use magia_core::effect::Update;
use magia_core::event::{Event, ReplyId};
use magia_protocol::ipc::Stream;
use magia_protocol::paths::Socket;
use magia_protocol::process::PeerCred;
use magia_protocol::wire::command::Subscribe;
use magia_protocol::wire::method::Access;
use magia_protocol::wire::nearest::nearest;
use magia_protocol::wire::{Command, ErrorCode, Request, Response, RpcError, WIRE_VERSION};
use serde_json::Value;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// A client that sent a request before may be quiet so long between two.
const IDLE_LIMIT: Duration = Duration::from_secs(600);
/// Requests read ahead of the one in work, in bytes.
const AHEAD_MAX_BYTES: usize = 256 * 1024;

/// What a connection of this socket needs.
#[derive(Debug)]
pub(super) struct Cli {
    pub(super) health: Arc<Health>,
    /// Every socket's; told anew to who asks for the status.
    pub(super) counted: Vec<Arc<Health>>,
    pub(super) outbox: Arc<Outbox>,
    pub(super) long_lines: Arc<LongLines>,
    pub(super) replies: Replies,
    pub(super) streams: Streams,
    pub(super) leave: Leave,
}

/// The client is not there any more.
struct Gone;

/// Serves one connection.
pub(super) async fn serve(cli: Arc<Cli>, stream: Stream, cred: PeerCred) {
    let peer = Peer::new(stream, &cli.long_lines);
    run(&cli, Connection::new(&cli, cred, peer, false)).await;
}

/// Goes on with one that another magia served: `said` is what it has said since, or of a subscriber the request to go on
/// with.
pub(super) async fn go_on(cli: Arc<Cli>, stream: Stream, cred: PeerCred, said: Vec<u8>, streams: bool) {
    let peer = Peer::going_on(stream, &said, &cli.long_lines);
    run(&cli, Connection::new(&cli, cred, peer, streams)).await;
}

async fn run(cli: &Cli, mut connection: Connection<'_>) {
    let ended = connection.run().await;
    if let Some(said) = connection.aside.take() {
        let (writer, unread) = connection.peer.put_aside();
        match said {
            Aside::Subscriber(request) => cli.leave.put_stream(writer, request),
            Aside::Client(mut said) => {
                said.extend_from_slice(&unread);
                cli.leave.put(Socket::Cli, writer, said);
            }
        }
        return;
    }
    match ended {
        // Ended by its user in the middle of a reply, as `magia events | head` does.
        Ok(()) | Err(Refusal::Broken(_)) => {}
        Err(refusal) => cli.health.refuse(&refusal),
    }
}

struct Connection<'a> {
    cli: &'a Cli,
    cred: PeerCred,
    peer: Peer,
    ahead: VecDeque<Heard>,
    ahead_bytes: usize,
    /// Its first request was answered by another magia.
    answered: bool,
    /// Another magia is to go on with it.
    aside: Option<Aside>,
}

/// How another magia goes on with a client.
enum Aside {
    /// With the lines that it has said already.
    Client(Vec<u8>),
    /// With this request.
    Subscriber(Vec<u8>),
}

impl<'a> Connection<'a> {
    fn new(cli: &'a Cli, cred: PeerCred, peer: Peer, answered: bool) -> Self {
        Self { cli, cred, peer, ahead: VecDeque::new(), ahead_bytes: 0, answered, aside: None }
    }

    /// The lines that were read ahead, when another magia is to hear them.
    fn unheard(&mut self) -> Vec<u8> {
        let mut said = Vec::new();
        while let Some(heard) = self.next_ahead() {
            if let Heard::Line(line) = heard {
                said.extend_from_slice(&line);
                said.push(b'\n');
            }
        }
        said
    }

    async fn run(&mut self) -> Result<(), Refusal> {
        let mut patience = super::hooks::patience(&self.cli.health);
        loop {
            if self.cli.leave.is_on() {
                let said = self.unheard();
                if !(said.is_empty() && self.peer.is_half_closed()) {
                    self.aside = Some(Aside::Client(said));
                }
                return Ok(());
            }
            let heard = match self.next_ahead() {
                Some(heard) => heard,
                None if self.peer.is_half_closed() => return Ok(()),
                None => tokio::select! {
                    biased;
                    heard = self.peer.hear_within(patience) => match heard {
                        // A client that had an answer and then is quiet did nothing wrong.
                        Err(Refusal::Silent) if patience.first == IDLE_LIMIT => return Ok(()),
                        heard => heard?,
                    },
                    () = self.cli.leave.begun() => continue,
                },
            };
            let line = match heard {
                Heard::Gone => return Ok(()),
                Heard::TooLong => {
                    self.cli.health.refuse(&Refusal::TooLong);
                    self.reply(Value::Null, Err(too_long())).await?;
                    continue;
                }
                Heard::Line(line) if line.trim_ascii().is_empty() => continue,
                Heard::Line(line) => line,
            };
            patience = Patience { first: IDLE_LIMIT, ..Patience::MESSAGE };
            match understand(&line) {
                (id, Ok(command)) => {
                    self.cli.health.count_message();
                    if self.carry_out(id, command).await?.is_err() {
                        return Ok(());
                    }
                }
                (id, Err(err)) => {
                    if err.code == ErrorCode::BadRequest {
                        self.cli.health.refuse(&Refusal::Garbage);
                    }
                    self.reply(id, Err(err)).await?;
                }
            }
        }
    }

    /// Asks the hub and writes its reply; a subscription lasts as long as the connection.
    async fn carry_out(&mut self, id: Value, command: Command) -> Result<Result<(), Gone>, Refusal> {
        let access = command.spec().map_or(Access::Guarded, |spec| spec.access);
        let origin = origin::of_peer(self.cred, access);
        let wanted = match &command {
            Command::SubscribeEvents(params) => Some(params.clone()),
            _ => None,
        };
        let Some((reply, receiver)) = self.cli.replies.open() else {
            self.reply(id, Err(stopping())).await?;
            return Ok(Err(Gone));
        };
        // Made before the hub hears of it, which may add the subscriber before its reply is read here.
        let subscription = wanted.is_some().then(|| self.cli.streams.open(reply));
        if matches!(command, Command::Status(_)) {
            for counted in self.cli.counted.iter().map(|health| health.info()).filter(|info| info.up) {
                // When the hub has gone, the question finds that out.
                let _ = self.cli.outbox.ask(Event::ListenerReported(counted)).await;
            }
        }
        let asked = Event::CommandReceived { reply, command, origin };
        if self.cli.outbox.ask(asked).await.is_err() {
            self.cli.replies.forget(reply);
            self.reply(id, Err(stopping())).await?;
            return Ok(Err(Gone));
        }
        let mut receiver = receiver;
        let outcome = loop {
            let may_read = self.peer.is_half_closed() || self.ahead_bytes < AHEAD_MAX_BYTES;
            tokio::select! {
                biased;
                outcome = &mut receiver => break outcome.unwrap_or_else(|_| Err(stopping())),
                heard = self.peer.hear(), if may_read => match heard {
                    Heard::Gone => {
                        self.cli.replies.forget(reply);
                        self.tell_gone(reply).await;
                        return Ok(Err(Gone));
                    }
                    heard => self.keep(heard),
                },
            }
        };
        let streams = outcome.is_ok();
        let written = match std::mem::take(&mut self.answered) && streams {
            true => Ok(()),
            false => self.reply(id.clone(), outcome).await,
        };
        let Some(subscription) = subscription.filter(|_| streams) else { return written.map(Ok) };
        let ended = match written {
            Ok(()) => self.stream(&id, &subscription).await,
            refused => refused,
        };
        let goes_on = self.cli.leave.has_hub_ended() && ended.is_ok();
        let missed = subscription.told_of_missed();
        if goes_on && (subscription.is_told_all() || missed.is_some()) {
            // Who had not all that it missed goes on there.
            let last = missed.or_else(|| self.cli.leave.last_seq());
            let params = wanted.map(|params| Subscribe { since: last.or(params.since), ..params });
            self.aside = params.map(|params| Aside::Subscriber(request(&id, params)));
            return Ok(Err(Gone));
        }
        drop(subscription);
        self.tell_gone(reply).await;
        ended.map(|()| Err(Gone))
    }

    /// Streams until the client goes or the listeners stop.
    async fn stream(&mut self, id: &Value, subscription: &Subscription) -> Result<(), Refusal> {
        let _streaming = self.cli.leave.stream();
        let id = id.to_string();
        let mut lines = String::new();
        loop {
            while let Some(heard) = self.next_ahead() {
                self.refuse_on_stream(heard).await?;
            }
            let heard = tokio::select! {
                biased;
                more = subscription.next(&id, &mut lines) => {
                    if !more {
                        return Ok(());
                    }
                    None
                }
                heard = self.peer.hear() => Some(heard),
            };
            match heard {
                Some(Heard::Gone) => return Ok(()),
                Some(heard) => self.refuse_on_stream(heard).await?,
                None => {
                    // However slow it is: its queue is bounded, and a suspended terminal comes back.
                    self.peer.say_patiently(lines.as_bytes()).await?;
                    lines.clear();
                }
            }
        }
    }

    async fn refuse_on_stream(&mut self, heard: Heard) -> Result<(), Refusal> {
        let id = match heard {
            Heard::Gone => return Ok(()),
            Heard::TooLong => Value::Null,
            Heard::Line(line) if line.trim_ascii().is_empty() => return Ok(()),
            Heard::Line(line) => id_of(&line),
        };
        let err = RpcError::new(ErrorCode::BadRequest, "this connection streams events")
            .with_hint("send requests on another connection");
        self.reply(id, Err(err)).await
    }

    async fn reply(&mut self, id: Value, outcome: Outcome) -> Result<(), Refusal> {
        let mut line = serde_json::to_vec(&Response::new(id, outcome)).unwrap_or_default();
        line.push(b'\n');
        self.peer.say(&line).await
    }

    async fn tell_gone(&self, reply: ReplyId) {
        if self.cli.outbox.send(Event::RequesterGone(reply)).await.is_err() {
            tracing::debug!("requester's end not told, the hub has stopped");
        }
    }

    fn keep(&mut self, heard: Heard) {
        self.ahead_bytes += size(&heard);
        self.ahead.push_back(heard);
    }

    fn next_ahead(&mut self) -> Option<Heard> {
        let heard = self.ahead.pop_front()?;
        self.ahead_bytes -= size(&heard);
        Some(heard)
    }
}

/// A subscription's request as a line.
fn request(id: &Value, params: Subscribe) -> Vec<u8> {
    let (method, params) = Command::SubscribeEvents(params).to_request();
    let request = Request { id: id.clone(), method, params, v: WIRE_VERSION };
    let mut line = serde_json::to_vec(&request).unwrap_or_default();
    line.push(b'\n');
    line
}

/// What a line kept for later takes; empty ones take something too.
fn size(heard: &Heard) -> usize {
    let text = if let Heard::Line(line) = heard { line.len() } else { 0 };
    text + size_of::<Heard>()
}

/// Reads a request line; gives the id to answer to and what is wanted.
fn understand(line: &[u8]) -> (Value, Result<Command, RpcError>) {
    let request: Request = match serde_json::from_slice(line) {
        Ok(request) => request,
        Err(err) => {
            let err = RpcError::new(ErrorCode::BadRequest, format!("not a request: {err}"))
                .with_hint(r#"one line like {"id":1,"method":"status","params":{}}"#);
            return (id_of(line), Err(err));
        }
    };
    let command = Command::parse(&request.method, &request.params)
        .and_then(|command| unknown_channel(&command).map_or(Ok(command), Err));
    (request.id, command)
}

/// The id of a line that is JSON but no request.
fn id_of(line: &[u8]) -> Value {
    serde_json::from_slice(line).ok().and_then(|value: Value| value.get("id").cloned()).unwrap_or_default()
}

fn unknown_channel(command: &Command) -> Option<RpcError> {
    let Command::SubscribeEvents(params) = command else { return None };
    let named = params.channels.as_deref().unwrap_or_default();
    let unknown = named.iter().find(|name| !Update::CHANNELS.contains(&name.as_str()))?;
    let shown: String = unknown.chars().take(64).collect();
    let err = RpcError::new(ErrorCode::BadParams, format!("there is no channel {shown:?}"));
    Some(match nearest(unknown, Update::CHANNELS.iter().copied()) {
        Some(name) => err.with_hint(format!("did you mean {name}?")),
        None => err.with_hint(format!("channels: {}", Update::CHANNELS.join(", "))),
    })
}

fn too_long() -> RpcError {
    RpcError::new(ErrorCode::BadRequest, format!("a request has at most {REQUEST_MAX_BYTES} bytes"))
}

fn stopping() -> RpcError {
    RpcError::new(ErrorCode::Internal, "magia is stopping")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn mistakes_go_back_to_the_id_they_came_with() {
        let check = |line: &str, id: Value, code: ErrorCode, hint: &str| {
            let (found, command) = understand(line.as_bytes());
            let err = command.expect_err(line);
            assert_eq!((found, err.code), (id, code), "{line}");
            assert!(err.hint.as_deref().is_some_and(|text| text.contains(hint)), "{line}: {err:?}");
        };
        check("{", Value::Null, ErrorCode::BadRequest, "status");
        check("[1]", Value::Null, ErrorCode::BadRequest, "status");
        check(r#"{"id":"a"}"#, json!("a"), ErrorCode::BadRequest, "status");
        check(r#"{"id":[2],"method":"statsu"}"#, json!([2]), ErrorCode::UnknownMethod, "status");
        check(
            r#"{"id":3,"method":"subscribe","params":{"channels":["agent:evnt"]}}"#,
            json!(3),
            ErrorCode::BadParams,
            "agent:event",
        );
    }

    proptest! {
        #[test]
        fn any_line_is_survived(line in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = understand(&line);
        }

        #[test]
        fn any_request_is_survived(method in ".{0,40}", key in ".{0,20}", text in ".{0,20}") {
            let line = json!({"id": text, "method": method, "params": {key: text}}).to_string();
            let _ = understand(line.as_bytes());
        }
    }
}
