//! A runtime directory of one's own, a hub that is a channel, and clients.

use crossbeam_channel::Receiver;
use magia_app::listeners::{Direct, HUB_CAPACITY, Inheritance, Listeners};
use magia_core::event::{AgentEvent, Event, GateId, Origin, ReplyId};
use magia_core::policy::RealPaths;
use magia_protocol::ipc::connect_blocking;
use magia_protocol::paths::{InstanceLock, Socket};
use magia_protocol::wire::{AgentEventKind, Command, HookMessage, Provider, ProviderSessionId, Response};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Long enough for a machine under load; nothing waits for it to pass.
pub const LIMIT: Duration = Duration::from_secs(30);

pub struct Place {
    pub listeners: Option<Listeners>,
    pub hub: Receiver<Event>,
    pub lock: Arc<InstanceLock>,
    pub temp: tempfile::TempDir,
}

pub fn place() -> Place {
    place_with_capacity(HUB_CAPACITY)
}

pub fn place_with_capacity(capacity: usize) -> Place {
    let place = unchecked_place(capacity, |_| {});
    place.wait_until_up();
    place
}

/// As [`place`], with a hub that may be asked in place.
pub fn place_with(direct: Arc<dyn Direct>) -> Place {
    let place = start(HUB_CAPACITY, |_| {}, Some(direct));
    place.wait_until_up();
    place
}

/// As [`place`], after `prepare` had its way with the runtime directory.
pub fn unchecked_place(capacity: usize, prepare: impl FnOnce(&InstanceLock)) -> Place {
    start(capacity, prepare, None)
}

fn start(capacity: usize, prepare: impl FnOnce(&InstanceLock), direct: Option<Arc<dyn Direct>>) -> Place {
    let temp = tempfile::tempdir().expect("a temporary directory");
    let lock = Arc::new(InstanceLock::try_acquire(&temp.path().join("run")).expect("the lock"));
    prepare(&lock);
    let (sender, hub) = crossbeam_channel::bounded(capacity);
    let listeners =
        Listeners::start(Arc::clone(&lock), sender, direct, Inheritance::default()).expect("started");
    Place { listeners: Some(listeners), hub, lock, temp }
}

pub struct Opened {
    pub gate: GateId,
    pub message: Box<HookMessage>,
    pub paths: Option<RealPaths>,
}

impl Place {
    fn wait_until_up(&self) {
        wait_until("all listeners are up", || self.listeners().health().iter().all(|info| info.up));
    }

    pub fn listeners(&self) -> &Listeners {
        self.listeners.as_ref().expect("running")
    }

    pub fn path(&self, socket: Socket) -> PathBuf {
        socket.path_in(self.lock.dir()).expect("a short path")
    }

    pub fn client(&self, socket: Socket) -> UnixStream {
        let stream = connect_blocking(&self.path(socket), LIMIT).expect("connected");
        stream.set_read_timeout(Some(LIMIT)).expect("a limit");
        stream
    }

    pub fn cli(&self) -> CliClient {
        let stream = self.client(Socket::Cli);
        CliClient { reader: BufReader::new(stream.try_clone().expect("cloned")), stream }
    }

    /// The next fact, reports of counters apart.
    pub fn next(&self) -> Event {
        loop {
            match self.hub.recv_timeout(LIMIT).expect("a fact in time") {
                Event::ListenerReported(_) => {}
                event => return event,
            }
        }
    }

    pub fn next_hook(&self) -> Box<HookMessage> {
        match self.next() {
            Event::HookReceived(message) => message,
            other => panic!("not a hook: {other:?}"),
        }
    }

    pub fn next_gate(&self) -> Opened {
        match self.next() {
            Event::GateOpened { gate, message, paths } => Opened { gate, message, paths },
            other => panic!("not a gate: {other:?}"),
        }
    }

    pub fn next_command(&self) -> (ReplyId, Command, Origin) {
        match self.next() {
            Event::CommandReceived { reply, command, origin } => (reply, command, origin),
            other => panic!("not a command: {other:?}"),
        }
    }

    /// No fact has come but reports of counters.
    pub fn assert_nothing_came(&self) {
        let facts: Vec<Event> =
            self.hub.try_iter().filter(|event| !matches!(event, Event::ListenerReported(_))).collect();
        assert!(facts.is_empty(), "{facts:?}");
    }

    pub fn counter(&self, name: &str, of: fn(&magia_protocol::wire::info::ListenerInfo) -> u64) -> u64 {
        of(self.listeners().health().iter().find(|info| info.name == name).expect("a listener"))
    }

    pub fn wait_for_refused(&self, name: &str, count: u64) {
        wait_until("refused", || self.counter(name, |info| info.refused) >= count);
        assert_eq!(self.counter(name, |info| info.refused), count);
    }
}

pub struct CliClient {
    reader: BufReader<UnixStream>,
    pub stream: UnixStream,
}

impl CliClient {
    pub fn send(&mut self, line: &str) {
        self.stream.write_all(line.as_bytes()).expect("written");
        self.stream.write_all(b"\n").expect("written");
    }

    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.reader.read_line(&mut line).expect("a line in time");
        assert!(line.ends_with('\n'), "cut: {line:?}");
        line
    }

    pub fn response(&mut self) -> Response {
        let line = self.line();
        serde_json::from_str(&line).unwrap_or_else(|err| panic!("{err}: {line}"))
    }

    pub fn json(&mut self) -> Value {
        let line = self.line();
        serde_json::from_str(&line).unwrap_or_else(|err| panic!("{err}: {line}"))
    }
}

/// What a handler sends, with `pid` to tell clients apart.
pub fn hook_line(event: &str, pid: usize, payload: &str) -> Vec<u8> {
    format!(
        r#"{{"v":1,"provider":"claude","event":"{event}","pid":{pid},"ppid":5,"pstart":9,"tty":"pts/3","sent_unix_ns":3,"payload":{payload}}}"#
    )
    .into_bytes()
    .into_iter()
    .chain([b'\n'])
    .collect()
}

/// Delivers as the handler does without a gate.
pub fn deliver(mut stream: UnixStream, line: &[u8]) {
    stream.write_all(line).expect("written");
    stream.shutdown(Shutdown::Write).expect("half closed");
}

pub fn read_to_end(stream: &mut UnixStream) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("the end in time");
    text
}

/// An event as the store gives it.
pub fn agent_event(seq: u64) -> AgentEvent {
    AgentEvent {
        seq,
        received_at_ms: seq,
        session: "0199aaaa-bbbb-7ccc-8ddd-eeeeff001122".parse().expect("an id"),
        provider: Provider::Claude,
        provider_session_id: ProviderSessionId("theirs".to_owned()),
        turn: None,
        agent_id: None,
        kind: AgentEventKind::ToolStarted,
        name: "PreToolUse".to_owned(),
        raw: "{}".into(),
        cut: false,
    }
}

/// For facts that no channel tells of.
pub fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let since = Instant::now();
    while !is_so() {
        assert!(since.elapsed() < LIMIT, "waited too long until {what}");
        std::thread::park_timeout(Duration::from_millis(1));
    }
}
