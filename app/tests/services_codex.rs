//! The client of Codex's daemons over real sockets, against a daemon that a test plays. The real one is in
//! `tests/agents_codex.rs`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail"
)]

use crossbeam_channel::{Receiver, bounded};
use futures_util::{SinkExt as _, StreamExt as _};
use magia_app::services::codex::Codex;
use magia_core::daemon::DaemonFact;
use magia_core::event::{Event, GateId};
use magia_protocol::wire::info::DaemonInfo;
use magia_protocol::wire::{GateReply, SessionState};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::{UnixListener, UnixStream};
use tokio::runtime::Runtime;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, accept_async};

const LONG: Duration = Duration::from_secs(20);

/// A configuration directory, its client, and what the client tells.
struct Scene {
    home: TempDir,
    runtime: Runtime,
    events: Receiver<Event>,
    codex: Codex,
}

/// The daemon's end of a connection.
struct Peer(WebSocketStream<UnixStream>);

impl Scene {
    fn new() -> Self {
        let home = tempfile::Builder::new().prefix("mg-").tempdir_in("/tmp").unwrap();
        let (sender, events) = bounded(64);
        let codex = Codex::start(vec![home.path().to_owned()], sender).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Self { home, runtime, events, codex }
    }

    fn listen(&self) -> UnixListener {
        let directory = self.home.path().join("app-server-control");
        std::fs::create_dir_all(&directory).unwrap();
        let socket = directory.join("app-server-control.sock");
        let _first_time = std::fs::remove_file(&socket);
        let _runtime = self.runtime.enter();
        UnixListener::bind(Path::new(&socket)).unwrap()
    }

    /// The client, taken in and told of one thread that works.
    fn joined(&self, listener: &UnixListener) -> Peer {
        self.runtime.block_on(async {
            let (stream, _) = listener.accept().await.unwrap();
            let mut peer = Peer(accept_async(stream).await.unwrap());
            peer.answer("initialize", json!({"userAgent": "codex-tui/9.9.9 (x)"})).await;
            peer.answer("thread/loaded/list", json!({"data": ["t"]})).await;
            let status = json!({"type": "active", "activeFlags": []});
            peer.answer("thread/read", json!({"thread": {"id": "t", "status": status, "cwd": "/p"}})).await;
            peer.answer("thread/resume", json!({"model": "m"})).await;
            peer
        })
    }

    /// The next fact for which `wanted` has something to say.
    fn fact<T>(&self, what: &str, wanted: impl Fn(&DaemonFact) -> Option<T>) -> T {
        loop {
            match self.events.recv_timeout(LONG).expect(what) {
                Event::Daemon(news) => match wanted(&news.fact) {
                    Some(found) => return found,
                    None => continue,
                },
                _ => continue,
            }
        }
    }

    fn connection(&self, state: &str) -> DaemonInfo {
        self.fact(state, |fact| match fact {
            DaemonFact::Connection(info) if info.state == state => Some(info.clone()),
            _ => None,
        })
    }

    fn asked(&self) -> GateId {
        self.fact("a request", |fact| match fact {
            DaemonFact::Asked { gate, .. } => Some(*gate),
            _ => None,
        })
    }
}

impl Peer {
    /// Waits for a call and answers it.
    async fn answer(&mut self, method: &str, result: Value) {
        loop {
            let call = self.next().await;
            if call["method"] == method {
                return self.send(&json!({"id": call["id"], "result": result})).await;
            }
        }
    }

    async fn next(&mut self) -> Value {
        loop {
            if let Message::Text(text) = self.0.next().await.expect("a frame").unwrap() {
                return serde_json::from_str(&text).unwrap();
            }
        }
    }

    async fn send(&mut self, frame: &Value) {
        self.0.send(Message::text(frame.to_string())).await.unwrap();
    }

    async fn ask(&mut self) {
        let params = json!({"threadId": "t", "turnId": "u", "itemId": "i", "command": "touch x"});
        let method = "item/commandExecution/requestApproval";
        self.send(&json!({"id": 0, "method": method, "params": params})).await;
    }
}

#[test]
fn a_daemon_that_comes_late_is_joined_answered_lost_and_joined_again() {
    let scene = Scene::new();
    scene.connection("absent");
    let listener = scene.listen();
    let mut peer = scene.joined(&listener);
    assert_eq!(scene.connection("connected").version.as_deref(), Some("9.9.9"));

    scene.runtime.block_on(peer.ask());
    let gate = scene.asked();
    assert!(scene.codex.daemons().answer(gate, GateReply::answer(r#"{"decision":"accept"}"#)));
    let answer = scene.runtime.block_on(peer.next());
    assert_eq!(answer, json!({"id": 0, "result": {"decision": "accept"}}));
    let delivered = loop {
        if let Event::GateAnswered { gate: told, delivered } = scene.events.recv_timeout(LONG).unwrap() {
            assert_eq!(told, gate);
            break delivered;
        }
    };
    assert!(delivered);

    drop((peer, listener));
    scene.fact("the loss", |fact| matches!(fact, DaemonFact::Lost { .. }).then_some(()));
    scene.connection("absent");
    assert!(!scene.codex.daemons().answer(gate, GateReply::answer("{}")), "there is nobody to answer");
    let listener = scene.listen();
    let mut peer = scene.joined(&listener);
    scene.connection("connected");
    scene.runtime.block_on(peer.ask());
    assert_ne!(scene.asked(), gate, "the daemon counts anew, our gates do not");
}

#[test]
fn what_a_daemon_should_not_send_does_no_harm() {
    let scene = Scene::new();
    let listener = scene.listen();
    let mut peer = scene.joined(&listener);
    scene.runtime.block_on(async {
        for text in ["", "{", "[]", "7", r#"{"id":{}}"#, r#"{"method":7}"#, r#"{"method":"x","id":1}"#] {
            peer.0.send(Message::text(text)).await.unwrap();
        }
        peer.0.send(Message::binary(vec![0; 64])).await.unwrap();
        let status = json!({"threadId": "t", "status": {"type": "idle"}});
        peer.send(&json!({"method": "thread/status/changed", "params": status})).await;
    });
    let idle = |fact: &DaemonFact| match fact {
        DaemonFact::Status { state: SessionState::Idle, session, .. } => Some(session.0.clone()),
        _ => None,
    };
    assert_eq!(scene.fact("the idle thread", idle), "t");
}

#[test]
fn a_socket_that_speaks_no_websocket_is_said_to_be_unreachable() {
    let scene = Scene::new();
    let listener = scene.listen();
    scene.runtime.block_on(async {
        let (mut stream, _) = listener.accept().await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut stream, b"HTTP/1.1 404 no\r\n\r\n").await.unwrap();
    });
    let info = scene.connection("unreachable");
    assert!(info.error.unwrap().contains("greeting it"), "the reason is missing");
}
