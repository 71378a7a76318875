//! A held terminal: its screen, its clients and what is known about it. One thread, nothing in here waits.

use super::disk::Disk;
use super::emulator::{Asked, Emulator};
use super::input::Input;
use super::outbox::{FrameBytes, Outbox};
use super::recording::Checkpoint;
use super::sizes::{ClientId, Sizes};
use crate::directory::{SessionRecord, SessionStatus};
use crate::size::Size;
use crate::time::rfc3339;
use crate::wire::{
    ClientKind, Exit, Format, FromHolder, Hello, HolderHello, Role, WIRE_MAX, WIRE_MIN, output_frame,
    snapshot_frames,
};
use serde_json::json;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime};

/// Kind, length and place before the bytes of a frame of output.
const OUTPUT_HEAD_BYTES: usize = 13;
/// How much output there is at most between two places of the recording at which one can begin to read.
const CHECKPOINT_EVERY_MAX_BYTES: u64 = 1024 * 1024;
/// How often a recording that failed is tried again.
const MEND_EVERY: Duration = Duration::from_secs(5);
/// How much output is kept for whoever has started the terminal, and how long.
const EARLY_MAX_BYTES: usize = 256 * 1024;
const PART_BYTES: usize = 64 * 1024;
const EARLY_LIMIT: Duration = Duration::from_secs(10);
/// How many arrivals are told to clients that come later.
const ARRIVALS_MAX: usize = 8;
/// How often a program may notify the user, and how long a notification may be.
const NOTICE_EVERY: Duration = Duration::from_millis(250);
const NOTICE_MAX_CHARS: usize = 1024;
/// The longest name or title in characters.
const TITLE_MAX_CHARS: usize = 256;

/// A client that has said hello.
#[derive(Debug)]
struct Client {
    outbox: Rc<Outbox>,
    format: Format,
    kind: ClientKind,
    /// Whether it was last told that it decides on the size; `None` for one that cannot.
    role: Option<bool>,
    /// It knows VibeTunnel's kinds of frames only.
    is_foreign: bool,
}

/// What a holder knows.
pub struct Core {
    record: SessionRecord,
    emulator: Emulator,
    size: Size,
    sizes: Sizes,
    clients: BTreeMap<ClientId, Client>,
    input: Rc<Input>,
    disk: Disk,
    exit: Option<Exit>,
    started: Instant,
    /// How much output there was.
    seq: u64,
    /// Grows with all that takes memory.
    done: u64,
    checkpoint_seq: u64,
    checkpoint_every: u64,
    last_output: Instant,
    last_mend: Instant,
    last_notice: Option<Instant>,
    is_dirty: bool,
    /// All output, for whoever has started the terminal and attaches now; `None` once he has, or it became too long.
    early: Option<Vec<u8>>,
    arrivals: VecDeque<FrameBytes>,
}

impl Core {
    /// A terminal whose program has just started.
    pub fn new(
        record: SessionRecord,
        size: Size,
        input: Rc<Input>,
        disk: Disk,
        recording_max_bytes: u64,
    ) -> Self {
        let now = Instant::now();
        Self {
            record,
            emulator: Emulator::new(size),
            size,
            sizes: Sizes::new(size),
            clients: BTreeMap::new(),
            input,
            disk,
            exit: None,
            started: now,
            seq: 0,
            done: 0,
            checkpoint_seq: 0,
            // Several in each part of a short recording too.
            checkpoint_every: CHECKPOINT_EVERY_MAX_BYTES.min(recording_max_bytes / 32),
            last_output: now,
            last_mend: now,
            last_notice: None,
            is_dirty: false,
            early: Some(Vec::new()),
            arrivals: VecDeque::new(),
        }
    }

    /// The program wrote something, which is on the screen from now on; [`Self::output`] follows with all of it before
    /// anybody else has a turn.
    pub fn parse(&mut self, bytes: &[u8]) {
        let asked: Vec<Asked> = self.emulator.advance(bytes).collect();
        for asked in asked {
            match asked {
                Asked::Reply(bytes) => self.input.reply(&bytes),
                Asked::Title(title) => {
                    self.record.title = Some(shown(&title)).filter(|title| !title.is_empty());
                    self.is_dirty = true;
                }
                Asked::Notification { title, body } => self.notify(&title, &body),
            }
        }
    }

    /// What was parsed goes to the clients and to the recording.
    pub fn output(&mut self, bytes: &[u8]) {
        let frame: FrameBytes = output_frame(self.seq, bytes).into();
        self.seq += bytes.len() as u64;
        self.done += 1;
        self.last_output = Instant::now();
        self.keep_early(bytes);
        for client in self.clients.values().filter(|client| client.format != Format::None) {
            client.outbox.stream(&frame, Some(self.seq));
        }
        self.disk.output(self.started.elapsed(), &frame, OUTPUT_HEAD_BYTES);
        let failed = || self.disk.recording().error.is_some() && self.last_mend.elapsed() > MEND_EVERY;
        let is_due = self.seq - self.checkpoint_seq >= self.checkpoint_every || self.disk.has_gap();
        if is_due || failed() {
            self.checkpoint();
        }
    }

    /// Tells all clients what the program wants the user to know. What comes too fast is left out: it would keep clients
    /// from all else.
    fn notify(&mut self, title: &str, body: &str) {
        if self.last_notice.is_some_and(|last| last.elapsed() < NOTICE_EVERY) {
            return;
        }
        self.last_notice = Some(Instant::now());
        let body: String = body.chars().take(NOTICE_MAX_CHARS).collect();
        let notice = json!({ "app": "magia", "status": "notification", "title": shown(title), "body": body });
        let notice = frame(&FromHolder::Status(notice));
        for client in self.clients.values() {
            client.outbox.keep(FrameBytes::clone(&notice));
        }
    }

    fn keep_early(&mut self, bytes: &[u8]) {
        if let Some(early) = &mut self.early {
            early.extend_from_slice(bytes);
            if early.len() > EARLY_MAX_BYTES || self.started.elapsed() > EARLY_LIMIT {
                self.early = None;
            }
        }
    }

    fn checkpoint(&mut self) {
        self.checkpoint_seq = self.seq;
        self.last_mend = Instant::now();
        let ansi = self.disk.wants_painting().then(|| self.emulator.snapshot(Format::Ansi, false));
        self.disk.checkpoint(Checkpoint {
            at: self.started.elapsed(),
            seq: self.seq,
            size: self.size,
            state: self.emulator.checkpoint(),
            ansi,
            lost_bytes: 0,
        });
    }

    /// A client said hello. What it wants to know is in its outbox afterwards, the screen last.
    pub fn join(&mut self, id: ClientId, outbox: &Rc<Outbox>, hello: &Hello) {
        outbox.keep(frame(&FromHolder::Hello(self.hello(hello))));
        let can_own = !hello.read_only;
        let room = hello.size.and_then(Size::usable).filter(|_| can_own);
        if let Some(size) = room {
            self.sizes.joined(id, size, hello.focus);
        }
        let role = room.map(|_| false);
        let client = Client {
            outbox: Rc::clone(outbox),
            format: hello.format,
            kind: hello.kind,
            role,
            is_foreign: false,
        };
        if let Some(nonce) = &hello.nonce {
            self.arrived(client.kind, nonce);
        }
        for arrival in &self.arrivals {
            outbox.keep(FrameBytes::clone(arrival));
        }
        self.clients.insert(id, client);
    }

    /// A client came that knows VibeTunnel's kinds of frames only. It learns what others say, nothing else.
    pub fn join_foreign(&mut self, id: ClientId, outbox: &Rc<Outbox>) {
        let outbox = Rc::clone(outbox);
        let (format, kind) = (Format::None, ClientKind::Other);
        self.clients.insert(id, Client { outbox, format, kind, role: None, is_foreign: true });
    }

    /// Tells a client that has joined how the screen is, and how the program ended.
    pub fn show(&mut self, id: ClientId, from_start: bool) {
        // Who comes without that wish may be the app, which follows each terminal from its start.
        let client = self.clients.get(&id).filter(|client| from_start && client.format != Format::None);
        match client.and_then(|client| Some((client, self.early.take()?))) {
            Some((client, early)) => replay(client, &early),
            None => self.snapshot_for(id, true),
        }
        self.tell_roles();
        if let (Some(exit), Some(client)) = (self.exit, self.clients.get(&id)) {
            client.outbox.end();
            client.outbox.keep(frame(&FromHolder::Exit(exit)));
        }
    }

    fn hello(&self, hello: &Hello) -> HolderHello {
        let both = hello.max.min(WIRE_MAX);
        let wire = if both >= hello.min.max(WIRE_MIN) { both } else { WIRE_MAX };
        HolderHello {
            wire,
            min: WIRE_MIN,
            max: WIRE_MAX,
            id: self.record.id.clone(),
            name: self.record.name.clone(),
            pid: self.record.pid.unwrap_or(0),
            holder_pid: self.record.holder_pid,
            size: self.size,
            quiet_ms: u64::try_from(self.last_output.elapsed().as_millis()).unwrap_or(u64::MAX),
            recording: self.disk.recording(),
            program: self.record.version.clone(),
        }
    }

    /// Whoever opened a window for a client learns that it is here, also when he asks late.
    fn arrived(&mut self, kind: ClientKind, nonce: &str) {
        let status = json!({ "app": "magia", "status": "attached", "kind": kind, "nonce": shown(nonce) });
        let arrival = frame(&FromHolder::Status(status));
        for client in self.clients.values() {
            client.outbox.keep(FrameBytes::clone(&arrival));
        }
        self.arrivals.push_back(arrival);
        if self.arrivals.len() > ARRIVALS_MAX {
            self.arrivals.pop_front();
        }
    }

    /// Puts the screen into a client's outbox, at the place where its output goes on; `is_first`: it has seen none yet.
    pub fn snapshot_for(&self, id: ClientId, is_first: bool) {
        let Some(client) = self.clients.get(&id) else { return };
        if client.format == Format::None {
            return client.outbox.snapshot(Vec::new(), self.seq);
        }
        let data = self.emulator.snapshot(client.format, is_first);
        let size = frame(&FromHolder::Resized(self.size));
        let screen = snapshot_frames(self.seq, client.format, &data).into_iter().map(FrameBytes::from);
        client.outbox.snapshot(std::iter::once(size).chain(screen).collect(), self.seq);
    }

    /// A client has gone.
    pub fn leave(&mut self, id: ClientId) {
        self.done += 1;
        if self.clients.remove(&id).is_some() {
            self.sizes.left(id);
        }
        self.tell_roles();
    }

    /// A client typed, or took the focus.
    pub fn took(&mut self, id: ClientId) {
        self.sizes.took(id);
        self.tell_roles();
    }

    /// A client no longer wants to decide on the size.
    pub fn released(&mut self, id: ClientId) {
        self.sizes.released(id);
        self.tell_roles();
    }

    /// A client wants another size: for itself, or for the terminal when it has none of its own.
    pub fn asked_size(&mut self, id: ClientId, size: Size) {
        match self.clients.get(&id) {
            Some(Client { role: Some(_), .. }) => self.sizes.resized(id, size),
            _ => self.sizes.force(size),
        }
    }

    /// Passes a client's status on to the others.
    pub fn pass_on(&self, from: ClientId, status: serde_json::Value) {
        let status = frame(&FromHolder::Status(status));
        for (_, client) in self.clients.iter().filter(|(id, _)| **id != from) {
            client.outbox.relay(FrameBytes::clone(&status));
        }
    }

    fn tell_roles(&mut self) {
        let owner = self.sizes.owner();
        for (id, client) in &mut self.clients {
            let is_owner = Some(*id) == owner;
            if client.role.is_some_and(|told| told != is_owner) {
                client.role = Some(is_owner);
                client.outbox.keep(frame(&FromHolder::Role(Role { owner: is_owner })));
            }
        }
    }

    /// The size that the terminal should have and has not.
    pub fn wanted_size(&self) -> Option<Size> {
        self.sizes.wanted().usable().filter(|size| *size != self.size && self.exit.is_none())
    }

    /// The terminal has another size.
    pub fn resized(&mut self, size: Size) {
        self.size = size;
        self.done += 1;
        self.emulator.resize(size);
        self.disk.resize(self.started.elapsed(), size);
        let resized = frame(&FromHolder::Resized(size));
        for client in self.clients.values().filter(|client| client.format != Format::None) {
            client.outbox.stream(&resized, None);
        }
        (self.record.cols, self.record.rows) = (size.cols, size.rows);
        self.is_dirty = true;
    }

    /// Gives the terminal another name.
    pub fn rename(&mut self, name: &str) {
        self.record.name = shown(name);
        self.is_dirty = true;
    }

    /// The program has ended. Its end is on disk when the receiver has something; then [`Core::tell_exit`].
    pub fn exited(&mut self, exit: Exit) -> tokio::sync::oneshot::Receiver<()> {
        self.exit = Some(exit);
        self.input.clear();
        self.record.status = SessionStatus::Exited;
        self.record.exit_code = Some(exit.shell_code());
        self.record.exit_signal = exit.signal;
        self.record.ended_at = Some(rfc3339(SystemTime::now()));
        self.is_dirty = true;
        self.write_session()
    }

    /// Tells all clients how the program has ended, after its last output: who is behind, or has paused, sees the screen.
    pub fn tell_exit(&self) {
        let Some(exit) = self.exit else { return };
        let exit = frame(&FromHolder::Exit(exit));
        for (id, client) in self.clients.iter().filter(|(_, client)| !client.is_foreign) {
            client.outbox.end();
            if client.outbox.is_behind() {
                self.snapshot_for(*id, false);
            }
            client.outbox.keep(FrameBytes::clone(&exit));
        }
    }

    /// Whether the program has ended.
    pub fn has_exited(&self) -> bool {
        self.exit.is_some()
    }

    /// When the program last wrote something.
    pub fn last_output(&self) -> Instant {
        self.last_output
    }

    /// Grows with whatever takes memory: output, clients, sizes.
    pub fn done(&self) -> u64 {
        self.done
    }

    /// Writes `session.json` when something in it has changed. It is on disk when the receiver has something; then
    /// [`Core::session_kept`].
    pub fn keep_session(&mut self) -> Option<tokio::sync::oneshot::Receiver<()>> {
        let changed = self.is_dirty || self.disk.recording() != self.record.recording;
        changed.then(|| self.write_session())
    }

    /// Tells those who see no output, and so neither titles nor sizes, that `session.json` says something new; what is
    /// not on disk is tried again.
    pub fn session_kept(&mut self, is_on_disk: bool) {
        self.is_dirty |= !is_on_disk;
        if is_on_disk {
            let changed = frame(&FromHolder::Status(json!({ "app": "magia", "status": "changed" })));
            let watches = |client: &&Client| client.format == Format::None && !client.is_foreign;
            for client in self.clients.values().filter(watches) {
                client.outbox.keep(FrameBytes::clone(&changed));
            }
        }
    }

    fn write_session(&mut self) -> tokio::sync::oneshot::Receiver<()> {
        self.is_dirty = false;
        self.record.recording = self.disk.recording();
        self.disk.session(session_text(&self.record))
    }

    /// Hangs up on everybody once they have been told what waits for them.
    pub fn hang_up(&self) {
        for client in self.clients.values() {
            client.outbox.close();
        }
    }

    /// Whether there are clients.
    pub fn has_clients(&self) -> bool {
        !self.clients.is_empty()
    }

    /// Waits for the disk.
    pub fn close(&mut self) {
        // The disk is waited for.
        drop(self.keep_session());
        self.disk.stop();
    }
}

/// The text of `session.json`.
pub fn session_text(record: &SessionRecord) -> Vec<u8> {
    // Our own type, with string keys only: there is always JSON for it.
    let mut text = serde_json::to_vec_pretty(record).unwrap_or_default();
    text.push(b'\n');
    text
}

/// Puts all output so far into the outbox of a client.
fn replay(client: &Client, early: &[u8]) {
    let mut seq = 0;
    for part in early.chunks(PART_BYTES) {
        let frame: FrameBytes = output_frame(seq, part).into();
        seq += part.len() as u64;
        client.outbox.stream(&frame, Some(seq));
    }
}

fn frame(message: &FromHolder) -> FrameBytes {
    message.to_bytes().into()
}

/// A text for one line of a list: no control characters, not endless.
fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(TITLE_MAX_CHARS).collect()
}
