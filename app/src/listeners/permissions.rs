//! The permission socket: a handler sends its message and waits at a gate for the answer.

use super::accept::{Greeted, SETTLE_TURNS};
use super::gates::{Answer, Gates};
use super::health::{Health, Refusal};
use super::hooks::{FIRST_BYTES, Message, first_bytes, patience, understand};
use super::intake::{Intake, LongLines, read_line};
use super::outbox::Outbox;
use super::real_paths;
use magia_core::event::{Event, GateId};
use magia_protocol::ipc::line::{HOOK_LINE_MAX_BYTES, Line};
use magia_protocol::ipc::{Incoming, Stream};
use magia_protocol::wire::{GateReply, HookMessage};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{Mutex, MutexGuard, oneshot};
use tokio::time::timeout;

/// A handler that waits reads its answer at once; one that does not has gone wrong.
const WRITE_LIMIT: Duration = Duration::from_secs(5);
/// A longer message is queued for the hub's thread: it takes long to understand, and this thread serves all agents.
const ASK_MAX_BYTES: usize = 64 * 1024;
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
    /// Fair; held while earlier hook events pass in front.
    pub(super) settling: Mutex<()>,
}

/// Looks at a new connection.
pub(super) fn greet(
    permissions: &Arc<Permissions>,
    mut incoming: Incoming,
    buffer: &mut [u8; FIRST_BYTES],
) -> io::Result<Greeted<impl Future<Output = ()> + use<>>> {
    let first = first_bytes(&mut incoming, buffer)?;
    let has_more = first.len() == FIRST_BYTES;
    let served = serve(Arc::clone(permissions), first.to_vec(), incoming.into_stream()?);
    Ok(Greeted::Stays { served, has_more })
}

/// Serves one connection, of which the `first` bytes are read already. Whatever goes wrong, the handler is told "no
/// decision", never an answer.
async fn serve(permissions: Arc<Permissions>, first: Vec<u8>, stream: Stream) {
    let health = &permissions.health;
    let mut reader = Intake::lines_after(&first, stream, HOOK_LINE_MAX_BYTES, &permissions.long_lines);
    drop(first);
    let heard = read_line(&mut reader, patience(health), |line| {
        // A handler keeps its side open; the end of the stream says that nobody waits.
        if matches!(line, Line::Eof { partial: [_, ..] }) { Message::Garbage } else { understand(line) }
    })
    .await;
    let stream = reader.get_mut().source_mut();
    match heard {
        Ok(Message::Whole(message)) => hold(&permissions, stream, message).await,
        Ok(Message::Nothing) => {}
        Ok(Message::Garbage) => {
            health.refuse(&Refusal::Garbage);
            write(stream, &GateReply::no_decision()).await;
        }
        Err(refusal) => {
            health.refuse(&refusal);
            write(stream, &GateReply::no_decision()).await;
        }
    }
}

/// Tells the hub and holds the connection until there is an answer or nobody to take it. Each gate that was
/// opened is told to the hub as either closed or answered, except when the listeners stop.
async fn hold(permissions: &Permissions, stream: &mut Stream, message: Box<HookMessage>) {
    let paths = real_paths::of_payload(message.payload.get()).await;
    let in_turn = settle(&permissions.settling).await;
    let Some((gate, mut answer)) = permissions.gates.open(stream.direct_writer()) else {
        write(stream, &GateReply::no_decision()).await;
        return;
    };
    let is_short = message.payload.get().len() <= ASK_MAX_BYTES;
    let opened = Event::GateOpened { gate, message, paths };
    let outbox = &permissions.outbox;
    let told = if is_short { outbox.ask(opened).await } else { outbox.send(opened).await };
    if told.is_err() {
        permissions.gates.forget(gate);
        write(stream, &GateReply::no_decision()).await;
        return;
    }
    drop(in_turn);
    permissions.health.count_message();
    match wait(permissions, stream, gate, &mut answer).await {
        Outcome::Answered(answer) => {
            let delivered = write_rest(stream, &answer).await;
            tracing::debug!(gate = gate.0, delivered, "gate answered");
            tell(permissions, Event::GateAnswered { gate, delivered }).await;
        }
        Outcome::Gone => {
            tracing::debug!(gate = gate.0, "handler has gone");
            tell(permissions, Event::GateClosed { gate }).await;
            // For a client that only closed its writing side.
            write(stream, &GateReply::no_decision()).await;
        }
        Outcome::LetGo => {
            write(stream, &GateReply::no_decision()).await;
        }
    }
}

enum Outcome {
    Answered(Answer),
    /// The handler went away, or said something that no handler says.
    Gone,
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
        heard = stream.read(&mut unasked) => heard,
    };
    if !permissions.gates.forget(gate) {
        // The hub was told that its answer is taken, so it has to hear what became of it.
        return answer.await.map_or(Outcome::LetGo, Outcome::Answered);
    }
    if matches!(heard, Ok(1..)) {
        permissions.health.refuse(&Refusal::Garbage);
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

/// Writes the reply and closes; says whether all of it was written.
async fn write(stream: &mut Stream, reply: &GateReply) -> bool {
    write_rest(stream, &Answer { bytes: reply.encode(), written: 0 }).await
}

/// As [`write`], for a reply whose beginning is written.
async fn write_rest(stream: &mut Stream, answer: &Answer) -> bool {
    let rest = answer.bytes.get(answer.written..).unwrap_or_default();
    let written = timeout(WRITE_LIMIT, stream.write_all(rest)).await;
    let delivered = matches!(written, Ok(Ok(())));
    if delivered && let Err(err) = stream.shutdown().await {
        tracing::trace!("cannot close a gate: {err}");
    }
    delivered
}
