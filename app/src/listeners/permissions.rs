//! The permission socket: a handler sends its message and waits at a gate for the answer.

use super::accept::{Backlog, Greeted, SETTLE_TURNS};
use super::gates::{Answer, Gates, Opened};
use super::health::{Health, Refusal, Unheard};
use super::hooks::{FIRST_BYTES, Message, first_bytes, patience, understand, unix_ns};
use super::intake::{Intake, LongLines, read_line};
use super::leave::Leave;
use super::outbox::{Asked, Outbox, SHORT_MAX_BYTES};
use super::real_paths;
use magia_core::event::{Event, GateId};
use magia_core::model::Asking;
use magia_protocol::ipc::line::{HOOK_LINE_MAX_BYTES, Line};
use magia_protocol::ipc::{DirectWriter, Incoming, Stream};
use magia_protocol::paths::Socket;
use magia_protocol::wire::{GateReply, HookLine, HookMessage, paired};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{Mutex, MutexGuard, oneshot};
use tokio::time::timeout;

/// A handler that waits reads its answer at once; one that does not has gone wrong.
const WRITE_LIMIT: Duration = Duration::from_secs(5);
/// Turns of the runtime that let earlier hook connections pass in front: one to accept them, and what it takes to hear
/// them.
const PASS_TURNS: usize = 1 + SETTLE_TURNS;

/// What a connection of this socket needs.
#[derive(Debug)]
pub(super) struct Permissions {
    pub(super) health: Arc<Health>,
    pub(super) outbox: Arc<Outbox>,
    pub(super) long_lines: Arc<LongLines>,
    pub(super) gates: Gates,
    /// What came over the hook socket before.
    pub(super) before: Backlog,
    /// Fair; held while earlier hook events pass in front.
    pub(super) settling: Mutex<()>,
    pub(super) leave: Leave,
}

/// How far a connection has come when it becomes a task.
pub(super) enum Begun {
    /// These bytes of its message were read.
    Read(Vec<u8>, Stream),
    /// Its message is whole, and the hub does not know of it.
    Understood(Box<HookMessage>, Stream),
    /// The hub knows of its gate, and this is its message. Without a stream, its answer brings the connection along.
    Asked(Opened, Option<Stream>, Vec<u8>),
    /// The hub has answered, and the handler does not have all of it.
    Answered(GateId, Answer),
}

/// Looks at a new connection. When its message is whole and nothing stands before it, the hub is asked here and now; an
/// answer by a rule is then written before the runtime hears of the connection.
pub(super) fn greet(
    permissions: &Arc<Permissions>,
    mut incoming: Incoming,
    unheard: Unheard,
    buffer: &mut [u8; FIRST_BYTES],
) -> io::Result<Greeted<impl Future<Output = ()> + use<>>> {
    let first = first_bytes(&mut incoming, buffer)?;
    let has_more = first.len() == FIRST_BYTES;
    let begun = match whole_line(first) {
        // What was said before it is told before it.
        Some(line) if permissions.before.is_empty() => match at_once(permissions, line, incoming)? {
            Now::Over(Some(event)) => return Ok(Greeted::Told(*event, unheard)),
            Now::Over(None) => return Ok(Greeted::Done),
            Now::GoesOn(Begun::Asked(opened, stream, _)) => Begun::Asked(opened, stream, first.to_vec()),
            Now::GoesOn(begun) => begun,
        },
        Some(line) => later(understand(Line::Line(line)), line, incoming)?,
        None => Begun::Read(first.to_vec(), incoming.into_stream()?),
    };
    let served = serve(Arc::clone(permissions), begun, unheard);
    Ok(Greeted::Stays { served, has_more })
}

/// A line that is there to its last byte, with nothing behind it.
fn whole_line(first: &[u8]) -> Option<&[u8]> {
    let (b'\n', line) = first.split_last()? else { return None };
    memchr::memchr(b'\n', line).is_none().then_some(line)
}

/// What became of a question that was to be answered at once.
enum Now {
    /// It was answered, and this is to be told, unless it has been.
    Over(Option<Box<Event>>),
    GoesOn(Begun),
}

/// Asks what may be asked without waiting: the rules, and then the hub, unless the disk has to be asked before it.
fn at_once(permissions: &Permissions, line: &[u8], incoming: Incoming) -> io::Result<Now> {
    let line = &*paired(line);
    let incoming = match answer_now(permissions, line, incoming) {
        Ok(now) => return Ok(now),
        Err(incoming) => incoming,
    };
    match understand(Line::Line(line)) {
        Message::Whole(message) if may_be_asked_now(&message) => ask_now(permissions, message, incoming),
        heard => later(heard, line, incoming).map(Now::GoesOn),
    }
}

fn may_be_asked_now(message: &HookMessage) -> bool {
    let payload = message.payload.get();
    payload.len() <= SHORT_MAX_BYTES && !real_paths::are_wanted(payload)
}

/// What a connection begins with whose line is whole and has to wait.
fn later(heard: Message, line: &[u8], incoming: Incoming) -> io::Result<Begun> {
    let stream = incoming.into_stream()?;
    Ok(match heard {
        Message::Whole(message) => Begun::Understood(message, stream),
        Message::Nothing | Message::Garbage => Begun::Read([line, b"\n"].concat(), stream),
    })
}

/// Lets a rule answer before more is read of a line than bears on that: the agent waits. The connection comes back when
/// no rule did.
fn answer_now(permissions: &Permissions, line: &[u8], incoming: Incoming) -> Result<Now, Incoming> {
    let Ok(line) = HookLine::parse(line) else { return Err(incoming) };
    let Some(asking) = Asking::of_line(&line) else { return Err(incoming) };
    let gates = &permissions.gates;
    let mut waiting =
        Waiting { asking, line: &line, received_unix_ns: unix_ns(), gates, incoming, given: None };
    permissions.outbox.answer_now(&mut waiting);
    match waiting.given {
        None => Err(waiting.incoming),
        Some((gate, answer)) if answer.is_written() => {
            // The handler sees the end of the connection at once.
            drop(waiting.incoming);
            Ok(Now::Over(tell_now(permissions, gate)))
        }
        Some((gate, mut answer)) => {
            answer.writer = waiting.incoming.into_direct().ok();
            Ok(Now::GoesOn(Begun::Answered(gate, answer)))
        }
    }
}

/// A handler that waits, as the hub asks it.
struct Waiting<'a> {
    asking: Asking<'a>,
    line: &'a HookLine<'a>,
    received_unix_ns: u64,
    gates: &'a Gates,
    incoming: Incoming,
    given: Option<(GateId, Answer)>,
}

impl Asked for Waiting<'_> {
    fn asking(&self) -> &Asking<'_> {
        &self.asking
    }

    fn give(&mut self, reply: &GateReply) -> Option<GateId> {
        let gate = self.gates.number()?;
        let mut answer = Answer::new(reply);
        answer.written = self.incoming.write_now(&answer.bytes);
        self.given = Some((gate, answer));
        Some(gate)
    }

    fn message(&self) -> Box<HookMessage> {
        Box::new(HookMessage { received_unix_ns: self.received_unix_ns, ..self.line.to_message() })
    }
}

/// The hub hears of an answer that the handler has; the event comes back when it has to queue.
fn tell_now(permissions: &Permissions, gate: GateId) -> Option<Box<Event>> {
    permissions.outbox.ask_now(Event::GateAnswered { gate, delivered: true }).map(Box::new)
}

/// Asks the hub without waiting for it. A gate that was opened is told as answered or closed, as in [`hold`].
fn ask_now(permissions: &Permissions, message: Box<HookMessage>, incoming: Incoming) -> io::Result<Now> {
    let gates = &permissions.gates;
    let direct = match incoming.into_direct() {
        Ok(direct) => direct,
        Err(incoming) => return Ok(Now::GoesOn(Begun::Understood(message, incoming.into_stream()?))),
    };
    let (gate, mut receiver) = match gates.open(Some(direct)) {
        Ok(opened) => opened,
        Err(Some(direct)) => return Ok(Now::GoesOn(Begun::Understood(message, direct.into_stream()?))),
        Err(None) => return Err(io::ErrorKind::NotConnected.into()),
    };
    let back = permissions.outbox.ask_now(Event::GateOpened { gate, message, paths: None });
    if let Some(Event::GateOpened { message, .. }) = back {
        // The hub never heard of it.
        let direct = gates.withdraw(gate).ok_or(io::ErrorKind::NotConnected)?;
        return Ok(Now::GoesOn(Begun::Understood(message, direct.into_stream()?)));
    }
    match receiver.try_recv() {
        Ok(answer) if answer.is_written() => {
            drop(answer);
            Ok(Now::Over(tell_now(permissions, gate)))
        }
        Ok(answer) => Ok(Now::GoesOn(Begun::Answered(gate, answer))),
        // Nobody has answered yet, or all gates were let go meanwhile.
        Err(_) => match gates.take_writer(gate).map(DirectWriter::into_stream) {
            Some(Ok(stream)) => {
                gates.give_writer(gate, stream.direct_writer());
                Ok(Now::GoesOn(Begun::Asked((gate, receiver), Some(stream), Vec::new())))
            }
            Some(Err(err)) => {
                tracing::debug!(gate = gate.0, "cannot wait at a gate: {err}");
                let closed = gates.forget(gate).then_some(Event::GateClosed { gate });
                Ok(Now::Over(closed.map(Box::new)))
            }
            None => Ok(Now::GoesOn(Begun::Asked((gate, receiver), None, Vec::new()))),
        },
    }
}

/// Serves one connection from where it stands. Whatever goes wrong, the handler is told that nobody judged it, or "no
/// decision", never an answer.
pub(super) async fn serve(permissions: Arc<Permissions>, begun: Begun, unheard: Unheard) {
    match begun {
        Begun::Read(first, stream) => hear(&permissions, first, stream, unheard).await,
        Begun::Understood(message, mut stream) => hold(&permissions, &mut stream, message, unheard).await,
        Begun::Asked((gate, mut answer), Some(mut stream), said) => {
            asked(&permissions, unheard);
            end(&permissions, &mut stream, gate, &mut answer, said).await;
        }
        Begun::Asked((gate, answer), None, _) => {
            asked(&permissions, unheard);
            if let Ok(answer) = answer.await {
                finish(&permissions, gate, answer).await;
            }
        }
        Begun::Answered(gate, answer) => {
            asked(&permissions, unheard);
            finish(&permissions, gate, answer).await;
        }
    }
}

/// The hub has been told of a connection's message.
fn asked(permissions: &Permissions, unheard: Unheard) {
    permissions.health.count_message();
    drop(unheard);
}

/// Reads the rest of a message of which the `first` bytes are read.
async fn hear(permissions: &Permissions, first: Vec<u8>, stream: Stream, unheard: Unheard) {
    let health = &permissions.health;
    let mut reader = Intake::lines_after(&first, stream, HOOK_LINE_MAX_BYTES, &permissions.long_lines);
    drop(first);
    let take = |line: Line<'_>| {
        // A handler keeps its side open; the end of the stream says that nobody waits.
        if matches!(line, Line::Eof { partial: [_, ..] }) { Message::Garbage } else { understand(line) }
    };
    let in_time = patience(health);
    let read = tokio::select! {
        biased;
        heard = read_line(&mut reader, in_time, take) => Some(heard),
        () = permissions.leave.begun() => None,
    };
    let heard = match read {
        Some(heard) => heard,
        None => match reader.unread().map(<[u8]>::to_vec) {
            Some(said) => {
                let connection = reader.get_mut().source_mut().direct_writer();
                return permissions.leave.put(Socket::Permissions, connection, said);
            }
            // Of a line over the limit not all is there any more, so it is read to its end.
            None => read_line(&mut reader, in_time, take).await,
        },
    };
    let stream = reader.get_mut().source_mut();
    match heard {
        Ok(Message::Whole(message)) => hold(permissions, stream, message, unheard).await,
        Ok(Message::Nothing) => {}
        Ok(Message::Garbage) => {
            health.refuse(&Refusal::Garbage);
            write(stream, &unread()).await;
        }
        Err(refusal) => {
            health.refuse(&refusal);
            write(stream, &unread()).await;
        }
    }
}

/// Tells the hub and holds the connection until there is an answer or nobody to take it. Each gate that was
/// opened is told to the hub as either closed or answered, except when the listeners stop.
async fn hold(permissions: &Permissions, stream: &mut Stream, message: Box<HookMessage>, unheard: Unheard) {
    let paths = real_paths::of_payload(message.payload.get()).await;
    let in_turn = settle(&permissions.settling).await;
    let Ok((gate, mut answer)) = permissions.gates.open(stream.direct_writer()) else {
        write(stream, &stopping()).await;
        return;
    };
    let is_short = message.payload.get().len() <= SHORT_MAX_BYTES;
    let mut said = message.to_line();
    said.push(b'\n');
    let opened = Event::GateOpened { gate, message, paths };
    let outbox = &permissions.outbox;
    let told = if is_short { outbox.ask(opened).await } else { outbox.send(opened).await };
    if told.is_err() {
        permissions.gates.forget(gate);
        write(stream, &stopping()).await;
        return;
    }
    drop(in_turn);
    asked(permissions, unheard);
    end(permissions, stream, gate, &mut answer, said).await;
}

/// Waits at a gate that the hub knows of, and tells what became of it.
async fn end(
    permissions: &Permissions,
    stream: &mut Stream,
    gate: GateId,
    answer: &mut oneshot::Receiver<Answer>,
    said: Vec<u8>,
) {
    match wait(permissions, stream, gate, answer).await {
        Outcome::Answered(answer) => {
            let delivered = write_rest(stream, &answer).await;
            drop(answer);
            tracing::debug!(gate = gate.0, delivered, "gate answered");
            tell(permissions, Event::GateAnswered { gate, delivered }).await;
        }
        // Whoever follows finds out whether the handler is still there.
        Outcome::Gone | Outcome::Left if permissions.leave.has_hub_ended() => {
            permissions.leave.put_gate(gate, stream.direct_writer(), said);
        }
        Outcome::Gone | Outcome::Left => {
            tracing::debug!(gate = gate.0, "handler has gone");
            tell(permissions, Event::GateClosed { gate }).await;
            // For a client that only closed its writing side.
            write(stream, &GateReply::no_decision()).await;
        }
        Outcome::LetGo => {
            write(stream, &stopping()).await;
        }
    }
}

/// Writes the rest of an answer that holds the connection itself.
async fn finish(permissions: &Permissions, gate: GateId, mut answer: Answer) {
    let delivered = match answer.writer.take().map(DirectWriter::into_stream) {
        Some(Ok(mut stream)) => write_rest(&mut stream, &answer).await,
        _ => false,
    };
    tracing::debug!(gate = gate.0, delivered, "gate answered");
    tell(permissions, Event::GateAnswered { gate, delivered }).await;
}

enum Outcome {
    Answered(Answer),
    /// The handler went away, or said something that no handler says.
    Gone,
    /// Another magia is to go on with it.
    Left,
    /// Nobody will answer.
    LetGo,
}

async fn wait(
    permissions: &Permissions,
    stream: &mut Stream,
    gate: GateId,
    answer: &mut oneshot::Receiver<Answer>,
) -> Outcome {
    let mut unasked = [0_u8; 64];
    let heard = tokio::select! {
        biased;
        reply = &mut *answer => return reply.map_or(Outcome::LetGo, Outcome::Answered),
        heard = stream.read(&mut unasked) => Some(heard),
        () = permissions.leave.ended() => None,
    };
    if !permissions.gates.forget(gate) {
        // The hub was told that its answer is taken, so it has to hear what became of it.
        return answer.await.map_or(Outcome::LetGo, Outcome::Answered);
    }
    match heard {
        None => return Outcome::Left,
        Some(Ok(1..)) => permissions.health.refuse(&Refusal::Garbage),
        Some(_) => {}
    }
    Outcome::Gone
}

/// Lets what came over the hook socket before this gate's connection be delivered before it. A permission
/// request is tied to the tool call announced just before, over another socket with a queue of its own. Each
/// turn polls the sockets once and runs the tasks woken by that first: [`super::hooks`] says why that is enough.
/// One gate at a time, because the runtime lets tasks that yielded together go on in any order; the guard is to
/// be kept until the hub has been told.
async fn settle(settling: &Mutex<()>) -> MutexGuard<'_, ()> {
    let in_turn = settling.lock().await;
    for _ in 0..PASS_TURNS {
        tokio::task::yield_now().await;
    }
    in_turn
}

async fn tell(permissions: &Permissions, event: Event) {
    if permissions.outbox.ask(event).await.is_err() {
        tracing::debug!("gate's end not told, the hub has stopped");
    }
}

fn unread() -> GateReply {
    GateReply::unjudged("magia could not read what the agent said")
}

fn stopping() -> GateReply {
    GateReply::unjudged("magia is stopping")
}

/// Writes the reply and closes; says whether all of it was written.
async fn write(stream: &mut Stream, reply: &GateReply) -> bool {
    write_rest(stream, &Answer::new(reply)).await
}

/// As [`write`], for a reply whose beginning is written.
async fn write_rest(stream: &mut Stream, answer: &Answer) -> bool {
    let written = timeout(WRITE_LIMIT, stream.write_all(answer.rest())).await;
    let delivered = matches!(written, Ok(Ok(())));
    if delivered && let Err(err) = stream.shutdown().await {
        tracing::trace!("cannot close a gate: {err}");
    }
    delivered
}
