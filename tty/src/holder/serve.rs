//! The holder's socket: who connects, what they say, what they get.

use super::input::Pending;
use super::outbox::{FrameBytes, Next, Outbox};
use super::sizes::ClientId;
use super::terminal::Terminal;
use crate::size::Size;
use crate::wire::{Control, Fault, Frame, FrameReader, FromHolder, Hello, ToHolder, WireError, fault, kind};
use magia_protocol::ipc::{AcceptError, Listener, ReadHalf, Stream, WriteHalf};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::os::fd::AsRawFd as _;
use std::rc::Rc;
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::task::{AbortHandle, spawn_local};
use tokio::time::{sleep, timeout};

/// How many connections there may be. Beyond that one that never said anything makes room for the new one.
const CONNECTIONS_MAX: usize = 64;
/// When the system has no descriptors left it says so at once again.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How often it is looked whether a client whose input waits is still there.
const GONE_LOOK: Duration = Duration::from_millis(500);
/// How long a client that said its last word may take to read ours.
const FAREWELL_LIMIT: Duration = Duration::from_secs(1);

/// The connections, and which of them have said something.
#[derive(Debug, Default)]
struct Connections(RefCell<BTreeMap<ClientId, (AbortHandle, bool)>>);

/// Accepts until the task is ended.
pub async fn serve(terminal: Rc<Terminal>, listener: Rc<Listener>) {
    let connections = Rc::new(Connections::default());
    let mut next_id: ClientId = 0;
    loop {
        let stream = match listener.accept().await.map(|incoming| incoming.into_stream()) {
            Ok(Ok(stream)) => stream,
            // Counted and hung up on.
            Err(AcceptError::ForeignPeer { .. }) => continue,
            Ok(Err(_)) | Err(AcceptError::Io(_)) => {
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        next_id += 1;
        let id = next_id;
        if !connections.make_room() {
            spawn_local(refuse(stream));
            continue;
        }
        let (terminal, theirs) = (Rc::clone(&terminal), Rc::clone(&connections));
        let task = spawn_local(async move {
            let present = Present { terminal, connections: theirs, id };
            converse(&present, stream).await;
        });
        connections.0.borrow_mut().insert(id, (task.abort_handle(), false));
    }
}

impl Connections {
    fn make_room(&self) -> bool {
        let mut connections = self.0.borrow_mut();
        if connections.len() < CONNECTIONS_MAX {
            return true;
        }
        let silent = connections.iter().find(|(_, (_, has_spoken))| !has_spoken).map(|(id, _)| *id);
        let Some((task, _)) = silent.and_then(|id| connections.remove(&id)) else {
            return false;
        };
        task.abort();
        true
    }

    fn spoke(&self, id: ClientId) {
        if let Some((_, has_spoken)) = self.0.borrow_mut().get_mut(&id) {
            *has_spoken = true;
        }
    }
}

/// A connection, however it ends.
struct Present {
    terminal: Rc<Terminal>,
    connections: Rc<Connections>,
    id: ClientId,
}

impl Drop for Present {
    fn drop(&mut self) {
        self.connections.0.borrow_mut().remove(&self.id);
        self.terminal.core().leave(self.id);
        self.terminal.left.notify_one();
        self.terminal.fit();
    }
}

async fn refuse(stream: Stream) {
    let (_read, mut write) = stream.into_split();
    let full = fault_frame(fault::CONNECTION_LIMIT, &format!("there are {CONNECTIONS_MAX} clients already"));
    // A client that does not read what is wrong is not told.
    drop(timeout(FAREWELL_LIMIT, write.write_all(&full)).await);
}

async fn converse(present: &Present, stream: Stream) {
    let (read, write) = stream.into_split();
    let mut frames = FrameReader::new(read);
    let outbox = Rc::new(Outbox::default());
    let mut writing = Box::pin(write_out(present, &outbox, write));
    let mut listening = Box::pin(listen(present, &mut frames, &outbox));
    tokio::select! {
        written = &mut writing => {
            // A client that is hung up on need not close; one that has gone may have said something before.
            if written.is_err() {
                listening.await;
            }
            return;
        }
        () = &mut listening => {}
    }
    drop(listening);
    outbox.close();
    drop(timeout(FAREWELL_LIMIT, writing).await);
}

/// Writes until the client is to be hung up on.
async fn write_out(present: &Present, outbox: &Outbox, mut write: WriteHalf) -> io::Result<()> {
    loop {
        match outbox.next().await {
            Next::Write { frame, .. } => write.write_all(&frame).await?,
            Next::Snapshot => present.terminal.core().snapshot_for(present.id, false),
            Next::Close => return Ok(()),
        }
    }
}

async fn listen(present: &Present, frames: &mut FrameReader<ReadHalf>, outbox: &Rc<Outbox>) {
    let mut speaker: Option<Speaker> = None;
    loop {
        let frame = match frames.next().await {
            Ok(Some(frame)) => frame,
            Ok(None) | Err(WireError::Cut | WireError::Io(_)) => return,
            Err(err) => return outbox.keep(fault_frame(err.code(), &err.to_string())),
        };
        let speaker = match &mut speaker {
            Some(speaker) => speaker,
            None => {
                present.connections.spoke(present.id);
                speaker.insert(Speaker::meet(present, &frame, outbox))
            }
        };
        if frame.kind == kind::STDIN && !speaker.may_type(present, frames.get_ref()).await {
            return;
        }
        if let Err(fault) = speaker.say(present, frame) {
            outbox.keep(fault);
        }
    }
}

/// A client that has begun to speak.
struct Speaker {
    outbox: Rc<Outbox>,
    pending: Rc<Pending>,
    /// It said hello.
    is_ours: bool,
    is_read_only: bool,
}

impl Speaker {
    fn meet(present: &Present, first: &Frame, outbox: &Rc<Outbox>) -> Self {
        let hello = match ToHolder::read(first.clone()) {
            Ok(ToHolder::Hello(hello)) => Some(hello),
            _ => None,
        };
        let is_ours = hello.is_some();
        let is_read_only = hello.as_ref().is_some_and(|hello| hello.read_only);
        match hello {
            Some(hello) => greet(present, outbox, &hello),
            None => present.terminal.core().join_foreign(present.id, outbox),
        }
        Self { outbox: Rc::clone(outbox), pending: Rc::default(), is_ours, is_read_only }
    }

    /// Waits until there is room for what it types; false when it has gone meanwhile. What it said after that waits too: its
    /// heartbeats, which say that all before them was done, and its acknowledgements, without which its output goes on.
    async fn may_type(&self, present: &Present, read: &ReadHalf) -> bool {
        let input = &present.terminal.input;
        if input.has_room(&self.pending) {
            return true;
        }
        self.outbox.unheard(true);
        while !input.has_room(&self.pending) {
            let waited = timeout(GONE_LOOK, input.room(&self.pending)).await;
            if waited.is_err() && is_gone(read) {
                return false;
            }
        }
        self.outbox.unheard(false);
        true
    }

    /// Does what a frame says.
    fn say(&self, present: &Present, frame: Frame) -> Result<(), FrameBytes> {
        let terminal = &present.terminal;
        let said = ToHolder::read(frame).map_err(|err| fault_frame(err.code(), &err.to_string()))?;
        match said {
            // The first one was dealt with; a second one changes nothing.
            ToHolder::Hello(_) | ToHolder::Unknown(_) => {}
            ToHolder::Stdin(_) | ToHolder::Control(_) if self.is_read_only => {
                return Err(fault_frame(fault::READ_ONLY, "this client said that it only reads"));
            }
            ToHolder::Stdin(bytes) => self.type_in(present, &bytes)?,
            ToHolder::Control(control) => self.control(present, control)?,
            ToHolder::Status(status) => terminal.core().pass_on(present.id, status),
            ToHolder::Heartbeat(payload) => {
                self.outbox.keep(FromHolder::Heartbeat(payload).to_bytes().into())
            }
            ToHolder::Role(role) => {
                if role.owner {
                    terminal.core().took(present.id);
                    terminal.fit();
                }
            }
            ToHolder::Pause(is_paused) if self.is_ours => self.outbox.pause(is_paused),
            ToHolder::Pause(_) => {}
            ToHolder::Ack(place) => self.outbox.acknowledge(place),
        }
        Ok(())
    }

    fn type_in(&self, present: &Present, bytes: &[u8]) -> Result<(), FrameBytes> {
        let terminal = &present.terminal;
        if terminal.core().has_exited() {
            return Err(fault_frame(fault::NOT_RUNNING, "the program has ended"));
        }
        terminal.core().took(present.id);
        terminal.fit();
        terminal.input.push(bytes, &self.pending);
        Ok(())
    }

    fn control(&self, present: &Present, control: Control) -> Result<(), FrameBytes> {
        let terminal = &present.terminal;
        match control {
            Control::Resize { cols, rows, cell_width, cell_height } => {
                if let Some(size) = Size::new(cols, rows).with_cell(cell_width, cell_height).usable() {
                    terminal.core().asked_size(present.id, size);
                    terminal.fit();
                }
            }
            Control::Kill { signal } => {
                let failed = |err: String| fault_frame(fault::CONTROL_MESSAGE_FAILED, &err);
                terminal.kill(signal.as_ref()).map_err(failed)?;
            }
            Control::ResetSize => {
                terminal.core().released(present.id);
                terminal.fit();
            }
            Control::UpdateTitle { title } => terminal.core().rename(&title),
        }
        Ok(())
    }
}

/// Answers a hello: the size first, so that the screen comes as the client will keep it.
fn greet(present: &Present, outbox: &Rc<Outbox>, hello: &Hello) {
    let terminal = &present.terminal;
    terminal.core().join(present.id, outbox, hello);
    if let Some(socket) = hello.ssh_auth_sock.as_deref().filter(|_| !hello.read_only) {
        terminal.relink_ssh(socket);
    }
    terminal.fit();
    terminal.core().show(present.id, hello.from_start);
}

/// Whether the other end is closed, which is not seen by reading while there is something left to read.
fn is_gone(read: &ReadHalf) -> bool {
    let mut asked = libc::pollfd { fd: read.as_ref().as_raw_fd(), events: 0, revents: 0 };
    // SAFETY: passes one entry, which is ours; the descriptor is open, and nothing is waited for.
    let told = unsafe { libc::poll(&raw mut asked, 1, 0) };
    told > 0 && asked.revents & (libc::POLLHUP | libc::POLLERR) != 0
}

fn fault_frame(code: &str, message: &str) -> FrameBytes {
    FromHolder::Error(Fault { code: code.to_owned(), message: message.to_owned() }).to_bytes().into()
}
