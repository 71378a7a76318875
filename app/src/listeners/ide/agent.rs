//! A connection of an agent.

use super::connection::whose;
use super::server::Server;
use super::socket::{Came, Socket};
use super::table::ToPeer;
use crate::listeners::health::Refusal;
use crate::listeners::real_paths;
use magia_core::event::GateId;
use magia_core::ide::{Agent, ConnId, EditorCall, IdeFact, Peer, ProposedDiff, Told};
use magia_protocol::process::process_start_ticks;
use magia_protocol::wire::ProcessId;
use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

/// A message that is not whole after this is not waited for.
const MESSAGE_PATIENCE: Duration = Duration::from_secs(20);
const CHECK_EVERY: Duration = Duration::from_secs(5);
/// A disk that takes longer could not be asked.
const DISK_PATIENCE: Duration = Duration::from_secs(1);
/// An editor that has not answered after this has not done it, as far as the agent is told.
const EDITOR_PATIENCE: Duration = Duration::from_secs(5);
/// Bytes of a file that is shown beside its change.
const FILE_MAX: u64 = 8 * 1024 * 1024;

/// Serves an agent until it leaves.
pub(super) async fn serve(server: &Server, socket: Socket, peer: SocketAddr) {
    let (process, cwd) = whose(peer).await;
    let (conn, queue) = server.table.add(Some(cwd.clone()));
    let agent = Agent::new(conn, cwd);
    let session = Session { server, conn, process, name: String::new(), agent, asked: JoinSet::new() };
    let cwd = session.agent.cwd().to_owned();
    server.table.agents_changed(&cwd);
    session.run(socket, queue).await;
    server.table.remove(conn);
    server.table.agents_changed(&cwd);
    server.tell(IdeFact::Gone(conn)).await;
}

struct Session<'a> {
    server: &'a Server,
    conn: ConnId,
    process: Option<ProcessId>,
    name: String,
    agent: Agent,
    /// What editors were asked for: each ends with the frame that tells the agent what came of it.
    asked: JoinSet<String>,
}

impl Session<'_> {
    async fn run(mut self, mut socket: Socket, mut queue: mpsc::Receiver<ToPeer>) {
        let mut checks = interval(CHECK_EVERY);
        checks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (code, reason) = loop {
            let came = tokio::select! {
                biased;
                out = queue.recv() => match out {
                    Some(out) => {
                        if self.send(&mut socket, out).await && socket.flush().await {
                            continue;
                        }
                        return;
                    }
                    None => break (CloseCode::Away, "magia does not serve this connection any more"),
                },
                came = socket.next() => came,
                Some(answered) = self.asked.join_next() => {
                    if let Ok(frame) = answered
                        && !(socket.feed(frame).await && socket.flush().await)
                    {
                        return;
                    }
                    continue;
                }
                _ = checks.tick() => {
                    if socket.is_slow(MESSAGE_PATIENCE) {
                        self.server.shared.health.refuse(&Refusal::Slow);
                        break (CloseCode::Policy, "too slow");
                    }
                    continue;
                }
            };
            match self.take_all(&mut socket, came).await {
                Ok(true) => {}
                Ok(false) => return,
                Err(CloseCode::Size) => {
                    self.server.shared.health.refuse(&Refusal::TooLong);
                    break (CloseCode::Size, "too long");
                }
                Err(code) => {
                    self.server.shared.health.refuse(&Refusal::Garbage);
                    break (code, "not understood");
                }
            }
        };
        socket.close(code, reason).await;
    }

    /// Takes what came and all that has come behind it, then sends the answers together. `false` when the agent has left.
    async fn take_all(&mut self, socket: &mut Socket, first: Came) -> Result<bool, CloseCode> {
        let mut came = Some(first);
        while let Some(next) = came {
            match next {
                Came::Text(text) => {
                    if !self.take(socket, &text).await {
                        return Ok(false);
                    }
                }
                Came::Nothing => {}
                Came::End(Some(code)) => return Err(code),
                Came::End(None) => return Ok(false),
            }
            came = socket.next_now();
        }
        Ok(socket.flush().await)
    }

    async fn take(&mut self, socket: &mut Socket, text: &str) -> bool {
        self.server.shared.health.count_message();
        let agent = &mut self.agent;
        let answers = self.server.table.editors(|editors| agent.take(text, editors));
        for frame in answers.send {
            if !socket.feed(frame).await {
                return false;
            }
        }
        for told in answers.told {
            self.told(told).await;
        }
        true
    }

    async fn told(&mut self, told: Told) {
        match told {
            Told::Greeted { name } => {
                self.name = name;
                self.connected().await;
            }
            // The kernel knows better, where it can be asked.
            Told::Pid(pid) if self.process.is_none() && cfg!(not(target_os = "linux")) => {
                self.process = process_start_ticks(pid).map(|start| ProcessId { pid, start });
                self.connected().await;
            }
            Told::Pid(_) => {}
            Told::Open { gate, path, new } => self.open(gate, path, new).await,
            Told::Closed(gate) => self.server.tell(IdeFact::DiffClosed(gate)).await,
            Told::Editor(call) => self.ask_editor(*call),
        }
    }

    /// Has an editor do something, and the agent told when it has.
    fn ask_editor(&mut self, call: EditorCall) {
        let answer = self.server.table.ask_editor(&call);
        self.asked.spawn(async move {
            let outcome = match answer {
                None => Err("the editor cannot be asked now".to_owned()),
                Some(answer) => match timeout(EDITOR_PATIENCE, answer).await {
                    Ok(Ok(outcome)) => outcome,
                    Ok(Err(_)) => Err("the editor has gone".to_owned()),
                    Err(_) => Err("the editor does not answer".to_owned()),
                },
            };
            call.answer(&outcome)
        });
    }

    async fn connected(&self) {
        let peer = Peer { kind: "claude", name: self.name.clone(), process: self.process };
        self.server.tell(IdeFact::Connected { conn: self.conn, peer }).await;
    }

    async fn open(&mut self, gate: GateId, path: String, new: String) {
        let cwd = PathBuf::from(self.agent.cwd());
        let paths = real_paths::of_file(cwd, PathBuf::from(&path)).await;
        let diff = Box::new(propose(path, new).await);
        self.server.tell(IdeFact::DiffOpened { gate, diff, paths }).await;
    }

    async fn send(&mut self, socket: &mut Socket, out: ToPeer) -> bool {
        match out {
            ToPeer::Answer(gate, answer) => match self.agent.answer(gate, &answer) {
                Some(frame) => {
                    let sent = socket.feed(frame).await && socket.flush().await;
                    if sent {
                        // Whoever waits for it has it.
                        self.server.tell(IdeFact::DiffClosed(gate)).await;
                    }
                    sent
                }
                None => true,
            },
            ToPeer::Frame(frame) => socket.feed(frame).await,
            ToPeer::Selected(selection) => socket.feed(Agent::selection_changed(&selection)).await,
            ToPeer::Mention(path, lines) => socket.feed(Agent::at_mentioned(&path, lines)).await,
        }
    }
}

/// A change, with what the file holds now.
pub(super) async fn propose(path: String, new: String) -> ProposedDiff {
    let file = PathBuf::from(&path);
    let read = tokio::task::spawn_blocking(move || read_file(&file));
    let read = match timeout(DISK_PATIENCE, read).await {
        Ok(Ok(read)) => read,
        _ => Now::Unknown,
    };
    let (old, is_new) = match read {
        Now::Text(text) if text.contains("\r\n") && !new.contains('\r') => {
            (Some(text.replace("\r\n", "\n").into()), false)
        }
        Now::Text(text) => (Some(text.into()), false),
        Now::Nothing => (Some("".into()), true),
        Now::Unknown => (None, false),
    };
    ProposedDiff { path, old, new: new.into(), is_new }
}

/// What a file holds.
enum Now {
    Text(String),
    Nothing,
    Unknown,
}

fn read_file(path: &Path) -> Now {
    if !path.is_absolute() {
        return Now::Unknown;
    }
    // A pipe or a device is no file to be shown.
    match std::fs::metadata(path) {
        Ok(facts) if facts.is_file() && facts.len() <= FILE_MAX => {}
        Err(err) if err.kind() == ErrorKind::NotFound => return Now::Nothing,
        _ => return Now::Unknown,
    }
    let mut bytes = Vec::new();
    match File::open(path).and_then(|file| file.take(FILE_MAX + 1).read_to_end(&mut bytes)) {
        Ok(read) if read as u64 <= FILE_MAX => String::from_utf8(bytes).map_or(Now::Unknown, Now::Text),
        _ => Now::Unknown,
    }
}
