//! The WebSocket that agents take for their editor: who may connect, what it takes, how it ends.

use super::support::{LIMIT, Place, agent_event, place, wait_until};
use magia_app::listeners::{IdePlaces, IdeSwitch};
use magia_core::effect::Update;
use magia_core::event::{Event, GateId};
use magia_core::ide::{DiffAnswer, IdeFact, IdeServer};
use serde_json::{Value, json};
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::frame::{Frame, FrameHeader};
use tokio_tungstenite::tungstenite::{Error, Message, WebSocket, client};

const TOKEN_HEADER: &str = "x-claude-code-ide-authorization";

struct Server {
    place: Place,
    switch: IdeSwitch,
    port: u16,
    token: String,
}

fn places(place: &Place) -> IdePlaces {
    let at = |name: &str| place.temp.path().join(name);
    IdePlaces { claude: at("claude"), runtime: at("run"), temp: at("tmp"), state: at("state") }
}

fn server(choice: IdeServer) -> Server {
    let place = place();
    let switch = place.listeners().ide(places(&place)).expect("a server");
    switch.settings(choice);
    let port = loop {
        if let IdeFact::Server { port: Some(port), .. } = fact(&place) {
            break port;
        }
    };
    let lock = fs::read_to_string(lock_file(&place, port)).unwrap_or_default();
    let lock: Value = serde_json::from_str(&lock).unwrap_or_default();
    let token = lock["authToken"].as_str().unwrap_or_default().to_owned();
    Server { place, switch, port, token }
}

fn lock_file(place: &Place, port: u16) -> std::path::PathBuf {
    place.temp.path().join(format!("claude/ide/{port}.lock"))
}

fn fact(place: &Place) -> IdeFact {
    match place.next() {
        Event::Ide(fact) => *fact,
        other => panic!("not of an agent: {other:?}"),
    }
}

type Client = WebSocket<TcpStream>;

impl Server {
    fn stream(&self) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).expect("connected");
        stream.set_read_timeout(Some(LIMIT)).expect("a limit");
        stream
    }

    fn handshake(&self, headers: &[(&'static str, &str)]) -> Result<Client, u16> {
        let mut request = format!("ws://127.0.0.1:{}/", self.port).into_client_request().expect("a request");
        for (name, value) in headers {
            request.headers_mut().append(*name, value.parse().expect("a header"));
        }
        match client(request, self.stream()) {
            Ok((socket, response)) => {
                let wanted = headers.iter().any(|(name, _)| *name == "sec-websocket-protocol");
                assert_eq!(response.headers().contains_key("sec-websocket-protocol"), wanted);
                Ok(socket)
            }
            Err(err) => match err {
                tokio_tungstenite::tungstenite::HandshakeError::Failure(Error::Http(response)) => {
                    Err(response.status().as_u16())
                }
                other => panic!("{other:?}"),
            },
        }
    }

    fn agent(&self) -> Client {
        self.handshake(&[(TOKEN_HEADER, &self.token), ("sec-websocket-protocol", "mcp")]).expect("let in")
    }

    fn greeted(&self) -> Client {
        let mut agent = self.agent();
        say(&mut agent, &hello());
        assert_eq!(hear(&mut agent)["result"]["serverInfo"]["name"], "magia");
        let IdeFact::Connected { peer, .. } = fact(&self.place) else { panic!("not a greeting") };
        assert_eq!((peer.kind, peer.name.as_str()), ("claude", "test 1"));
        assert_eq!(peer.process.map(|process| process.pid), Some(std::process::id()));
        agent
    }
}

fn hello() -> Value {
    json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "clientInfo": {"name": "test", "version": "1"}}})
}

fn say(client: &mut Client, message: &Value) {
    client.send(Message::text(message.to_string())).expect("sent");
}

fn hear(client: &mut Client) -> Value {
    loop {
        match client.read().expect("a message") {
            Message::Text(text) => return serde_json::from_str(&text).expect("JSON"),
            Message::Pong(_) | Message::Ping(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

/// The code with which the server ends a connection.
fn end(client: &mut Client) -> CloseCode {
    loop {
        match client.read() {
            Ok(Message::Close(Some(frame))) => return frame.code,
            Ok(Message::Text(_)) => {}
            other => panic!("{other:?}"),
        }
    }
}

fn open_diff(id: u64, path: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": "openDiff", "arguments": {
        "old_file_path": path, "new_file_path": path, "new_file_contents": "two\n", "tab_name": format!("tab {id}")}}})
}

#[test]
fn nobody_without_the_token_and_no_web_page_gets_in() {
    let server = server(IdeServer::Always);
    assert_eq!(server.token.len(), 64);
    assert_eq!(server.handshake(&[]).unwrap_err(), 401);
    assert_eq!(server.handshake(&[(TOKEN_HEADER, "wrong")]).unwrap_err(), 401);
    let origin = [(TOKEN_HEADER, server.token.as_str()), ("origin", "https://evil.example")];
    assert_eq!(server.handshake(&origin).unwrap_err(), 403);
    // Not one frame is read: the connection is over with the answer.
    let mut stream = server.stream();
    let head = format!(
        "GET / HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        server.port
    );
    stream.write_all(head.as_bytes()).expect("written");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("the end");
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    server.place.assert_nothing_came();
    server.greeted();
}

#[test]
fn a_change_is_opened_answered_and_closed() {
    let server = server(IdeServer::Always);
    let mut agent = server.greeted();
    let path = server.place.temp.path().join("n.txt");
    fs::write(&path, "one\r\n").expect("written");
    say(&mut agent, &open_diff(7, path.to_str().expect("a name")));
    let IdeFact::DiffOpened { gate, diff, .. } = fact(&server.place) else { panic!("no change") };
    assert_eq!((diff.old.as_deref(), &*diff.new, diff.is_new), (Some("one\n"), "two\n", false));
    assert!(server.switch.answer(gate, DiffAnswer::Saved("two!\n".into())));
    let answer = hear(&mut agent);
    assert_eq!((&answer["id"], &answer["result"]["content"][1]["text"]), (&json!(7), &json!("two!\n")));
    assert!(
        matches!(fact(&server.place), IdeFact::DiffClosed(closed) if closed == gate),
        "it has its answer"
    );

    say(&mut agent, &open_diff(8, "/nonexistent/new.txt"));
    let IdeFact::DiffOpened { gate, diff, .. } = fact(&server.place) else { panic!("no change") };
    assert!(diff.is_new);
    say(
        &mut agent,
        &json!({"jsonrpc": "2.0", "id": 9, "method": "tools/call",
        "params": {"name": "close_tab", "arguments": {"tab_name": "tab 8"}}}),
    );
    let IdeFact::DiffClosed(closed) = fact(&server.place) else { panic!("not closed") };
    assert_eq!(closed, gate);
    assert_eq!(hear(&mut agent)["result"]["content"][0]["text"], "DIFF_REJECTED");
    assert_eq!(hear(&mut agent)["id"], 9);

    agent.close(None).expect("closed");
    assert!(matches!(fact(&server.place), IdeFact::Gone(_)));
    assert!(!server.switch.answer(GateId(gate.0), DiffAnswer::Rejected));
}

#[test]
fn fragments_pings_and_odd_frames() {
    let server = server(IdeServer::Always);
    let mut agent = server.greeted();
    let text = json!({"jsonrpc": "2.0", "id": 3, "method": "ping"}).to_string();
    let (first, rest) = text.split_at(11);
    let (second, third) = rest.split_at(1);
    let part = |text: &str, data: Data, last: bool| {
        Message::Frame(Frame::message(text.as_bytes().to_vec(), OpCode::Data(data), last))
    };
    agent.send(part(first, Data::Text, false)).expect("sent");
    agent.send(Message::Ping(vec![1, 2, 3].into())).expect("sent");
    agent.send(part(second, Data::Continue, false)).expect("sent");
    agent.send(part(third, Data::Continue, true)).expect("sent");
    let (mut pong, mut answer) = (false, false);
    while !(pong && answer) {
        match agent.read().expect("a message") {
            Message::Pong(bytes) => pong = bytes[..] == [1, 2, 3],
            Message::Text(text) => answer = text.contains("\"id\":3"),
            other => panic!("{other:?}"),
        }
    }
    agent.send(Message::Pong(vec![9].into())).expect("an unasked pong is nothing");
    say(&mut agent, &json!({"jsonrpc": "2.0", "id": 4, "method": "ping"}));
    assert_eq!(hear(&mut agent)["id"], 4);
    // Garbage in a whole frame is answered; the connection goes on.
    agent.send(Message::text("{")).expect("sent");
    assert_eq!(hear(&mut agent)["error"]["code"], -32700);

    agent.send(Message::binary(vec![1])).expect("sent");
    assert_eq!(end(&mut agent), CloseCode::Unsupported);
    let mut agent = server.agent();
    let bad = Frame::message(vec![0xff, 0xfe], OpCode::Data(Data::Text), true);
    agent.send(Message::Frame(bad)).expect("sent");
    assert_eq!(end(&mut agent), CloseCode::Invalid);
    let mut agent = server.agent();
    agent.send(part("x", Data::Continue, true)).expect("sent");
    assert_eq!(end(&mut agent), CloseCode::Protocol);
    let mut agent = server.agent();
    agent.close(None).expect("closing");
    wait_until("the close is answered", || matches!(agent.read(), Err(Error::ConnectionClosed)));
}

#[test]
fn what_is_too_long_ends_before_it_is_read() {
    let server = server(IdeServer::Always);
    let mut agent = server.agent();
    let mut head = Vec::new();
    let header =
        FrameHeader { mask: Some([1, 2, 3, 4]), opcode: OpCode::Data(Data::Text), ..FrameHeader::default() };
    header.format(17 * 1024 * 1024, &mut head).expect("a header");
    agent.get_mut().write_all(&head).expect("written");
    agent.get_mut().write_all(&[b'x'; 4096]).expect("written");
    assert_eq!(end(&mut agent), CloseCode::Size);
    wait_until("it is counted", || server.place.counter("ide", |info| info.refused) == 1);
    // A long one that fits.
    let mut agent = server.greeted();
    let long = "y".repeat(8 * 1024 * 1024);
    say(&mut agent, &json!({"jsonrpc": "2.0", "id": 1, "method": "ping", "params": {"x": long}}));
    assert_eq!(hear(&mut agent)["id"], 1);
}

#[test]
fn who_leaves_without_a_goodbye_was_not_refused() {
    let server = server(IdeServer::Always);
    let mut agent = server.greeted();
    let mut editor = server.editor("/p");
    let _agents = hear_method(&mut editor, "agents");
    say(&mut agent, &json!({"jsonrpc": "2.0", "id": 1, "method": "ping"}));
    hear_answer(&mut agent, 1);
    assert_eq!(server.place.counter("ide", |info| info.open), 2);
    // As when a program is killed: its connections end, and that is all.
    drop((agent, editor));
    wait_until("both are gone", || server.place.counter("ide", |info| info.open) == 0);
    assert_eq!(server.place.counter("ide", |info| info.refused), 0);
}

#[test]
fn slow_handshakes_end_and_leave_others_alone() {
    let server = server(IdeServer::Always);
    let since = Instant::now();
    let mut slow: Vec<TcpStream> = (0..20).map(|_| server.stream()).collect();
    for stream in &mut slow {
        stream.write_all(b"GET / HTTP/1.1\r\nHost: 127").expect("written");
    }
    let mut agent = server.greeted();
    say(&mut agent, &json!({"jsonrpc": "2.0", "id": 1, "method": "ping"}));
    assert_eq!(hear(&mut agent)["id"], 1);
    assert!(since.elapsed() < Duration::from_secs(4), "others wait for the slow ones");
    for stream in &mut slow {
        let mut rest = Vec::new();
        // An end or a reset.
        drop(stream.read_to_end(&mut rest));
        assert!(rest.is_empty());
    }
    say(&mut agent, &json!({"jsonrpc": "2.0", "id": 2, "method": "ping"}));
    assert_eq!(hear(&mut agent)["id"], 2);
}

#[test]
fn there_are_so_many_places() {
    let server = server(IdeServer::Always);
    let mut agents: Vec<Client> = (0..256).map(|_| server.agent()).collect();
    let mut one_more = server.stream();
    let mut rest = Vec::new();
    drop(one_more.read_to_end(&mut rest));
    assert!(rest.is_empty(), "closed without a word");
    drop(agents.pop());
    wait_until("a place is free", || server.place.counter("ide", |info| info.open) == 255);
    server.agent();
}

#[test]
fn the_lock_file_comes_with_a_terminal_and_goes_with_the_last() {
    let server = server(IdeServer::Terminals);
    let lock = lock_file(&server.place, server.port);
    assert!(!lock.exists(), "nothing is written before there is a terminal");
    let variables = server.switch.variables();
    let port = server.port.to_string();
    assert!(variables.contains(&("CLAUDE_CODE_SSE_PORT".into(), port.into())), "{variables:?}");
    assert!(lock.exists());
    let IdeFact::Server { lock: Some(told), .. } = fact(&server.place) else { panic!("not told") };
    assert_eq!(told, lock.display().to_string());
    server.switch.terminals(true);
    server.switch.terminals(false);
    let IdeFact::Server { lock: None, .. } = fact(&server.place) else { panic!("not told") };
    assert!(!lock.exists());
}

#[test]
fn a_lock_file_that_was_left_on_its_port_is_its_own_again() {
    let place = place();
    let free = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let port = free.local_addr().expect("its address").port();
    drop(free);
    fs::create_dir_all(place.temp.path().join("state")).expect("a directory");
    fs::create_dir_all(place.temp.path().join("claude/ide")).expect("a directory");
    fs::write(place.temp.path().join("state/ide-port"), port.to_string()).expect("the last port");
    // Of a magia that was killed, whose process id another program has by now: ours, here.
    let left = json!({"pid": std::process::id(), "workspaceFolders": [], "ideName": "magia",
        "transport": "ws", "runningInWindows": false, "authToken": "old"});
    fs::write(lock_file(&place, port), left.to_string()).expect("its lock file");
    let switch = place.listeners().ide(places(&place)).expect("a server");
    switch.settings(IdeServer::Always);
    while !matches!(fact(&place), IdeFact::Server { port: Some(bound), lock: Some(_) } if bound == port) {}
    let lock = fs::read_to_string(lock_file(&place, port)).expect("a lock file");
    let lock: Value = serde_json::from_str(&lock).expect("JSON");
    assert!(lock["authToken"].is_string() && lock["authToken"] != "old", "{lock}");
    let variables = switch.variables();
    assert!(variables.contains(&("CLAUDE_CODE_SSE_PORT".into(), port.to_string().into())), "{variables:?}");
}

#[test]
fn off_is_off_and_a_restart_has_the_same_port() {
    let server = server(IdeServer::Always);
    let (port, lock) = (server.port, lock_file(&server.place, server.port));
    let mut agent = server.greeted();
    server.switch.settings(IdeServer::Off);
    assert_eq!(end(&mut agent), CloseCode::Away);
    drop(agent);
    wait_until("it is off", || !lock.exists());
    assert!(server.switch.variables().is_empty());
    loop {
        if matches!(fact(&server.place), IdeFact::Server { port: None, .. }) {
            break;
        }
    }
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
    server.switch.settings(IdeServer::Always);
    let IdeFact::Server { port: again, .. } = fact(&server.place) else { panic!("not told") };
    assert_eq!(again, Some(port));
    let Server { mut place, .. } = server;
    place.listeners.take().expect("running").stop();
    assert!(!lock.exists(), "it leaves nothing behind");
    assert!(!place.temp.path().join("run/ide.json").exists());
}

impl Server {
    fn editor(&self, folder: &str) -> Client {
        let found =
            fs::read_to_string(self.place.temp.path().join("run/ide.json")).expect("the editors' file");
        let found: Value = serde_json::from_str(&found).expect("JSON");
        let mut request =
            format!("ws://127.0.0.1:{}/editor", found["port"]).into_client_request().expect("a request");
        let bearer = format!("Bearer {}", found["token"].as_str().expect("a token"));
        request.headers_mut().append("authorization", bearer.parse().expect("a header"));
        let (mut editor, _) = client(request, self.stream()).expect("let in");
        say(
            &mut editor,
            &json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
            "protocolVersion": 1, "name": "Test", "version": "1", "folders": [folder]}}),
        );
        editor
    }
}

/// The next frame with this method.
fn hear_method(client: &mut Client, method: &str) -> Value {
    loop {
        let frame = hear(client);
        if frame["method"] == method {
            return frame["params"].clone();
        }
    }
}

/// The answer to a request of the client's.
fn hear_answer(client: &mut Client, id: u64) -> Value {
    loop {
        let frame = hear(client);
        if frame["id"] == id && frame["method"].is_null() {
            return frame;
        }
    }
}

#[test]
fn an_editor_serves_the_agents_of_its_folders() {
    let server = server(IdeServer::Always);
    let here = std::env::current_dir().expect("a directory").display().to_string();
    let mut agent = server.greeted();
    let mut stranger = server.editor("/nowhere/else");
    assert_eq!(hear_method(&mut stranger, "agents"), json!({"agents": []}));
    let mut editor = server.editor(&here);
    let IdeFact::Connected { .. } = fact(&server.place) else { panic!("not a greeting") };
    assert_eq!(hear_method(&mut editor, "agents"), json!({"agents": [{"cwd": here}]}));
    let told = |method: &str, params: Value| json!({"jsonrpc": "2.0", "method": method, "params": params});
    let place = |line: u32| json!({"line": line, "character": 0});
    for (socket, path) in [(&mut stranger, "/nowhere/else/x"), (&mut editor, "/here/a.rs")] {
        say(
            socket,
            &told("selection", json!({"filePath": path, "text": "fn", "start": place(1), "end": place(2)})),
        );
    }
    let selected = hear_method(&mut agent, "selection_changed");
    assert_eq!((&selected["filePath"], &selected["text"]), (&json!("/here/a.rs"), &json!("fn")));
    say(&mut editor, &told("mention", json!({"filePath": "/here/a.rs", "lines": [0, 2]})));
    assert_eq!(
        hear_method(&mut agent, "at_mentioned"),
        json!({"filePath": "/here/a.rs", "lineStart": 0, "lineEnd": 2})
    );
    say(
        &mut editor,
        &told("diagnostics", json!({"uri": "file:///here/a.rs", "diagnostics": [{"message": "no"}]})),
    );
    wait_until("the agent is told of the problem", || {
        let ask = json!({"jsonrpc": "2.0", "id": 5, "method": "tools/call",
            "params": {"name": "getDiagnostics", "arguments": {}}});
        say(&mut agent, &ask);
        hear(&mut agent)["result"]["content"][0]["text"].as_str().is_some_and(|text| text.contains("no"))
    });
    say(
        &mut agent,
        &json!({"jsonrpc": "2.0", "id": 6, "method": "tools/call",
        "params": {"name": "openFile", "arguments": {"filePath": "/here/a.rs"}}}),
    );
    let wish = hear_method(&mut editor, "editor/wish");
    assert_eq!((&wish["wish"], &wish["arguments"]["filePath"]), (&json!("openFile"), &json!("/here/a.rs")));
    // The agent hears of it when the editor has done it; another's word does not count.
    say(&mut stranger, &json!({"jsonrpc": "2.0", "id": 1, "error": {"code": 1, "message": "no"}}));
    say(&mut stranger, &json!({"jsonrpc": "2.0", "id": 9, "method": "ping"}));
    hear_answer(&mut stranger, 9);
    say(&mut editor, &json!({"jsonrpc": "2.0", "id": 1, "result": {}}));
    let opened = hear_answer(&mut agent, 6);
    assert_eq!(
        (&opened["id"], &opened["result"]["content"][0]["text"]),
        (&json!(6), &json!("Opened file: /here/a.rs"))
    );
    say(
        &mut editor,
        &told("files", json!({"files": [{"filePath": "/here/a.rs", "active": true, "dirty": true}]})),
    );
    wait_until("the agent is told of the file", || {
        let ask = json!({"jsonrpc": "2.0", "id": 7, "method": "tools/call",
            "params": {"name": "checkDocumentDirty", "arguments": {"filePath": "/here/a.rs"}}});
        say(&mut agent, &ask);
        let told = hear_answer(&mut agent, 7);
        told["result"]["content"][0]["text"].as_str().is_some_and(|text| text.contains("\"isDirty\":true"))
    });
    let save = json!({"jsonrpc": "2.0", "id": 8, "method": "tools/call",
        "params": {"name": "saveDocument", "arguments": {"filePath": "/here/a.rs"}}});
    let mut saved = |answer: Value| {
        say(&mut agent, &save);
        let wish = hear_method(&mut editor, "editor/wish");
        assert_eq!(wish["wish"], "saveDocument");
        say(&mut editor, &answer);
        hear_answer(&mut agent, 8)["result"].clone()
    };
    let done = saved(json!({"jsonrpc": "2.0", "id": 2, "result": {}}));
    assert!(
        done["content"][0]["text"].as_str().is_some_and(|text| text.contains("\"saved\":true")),
        "{done}"
    );
    let failed =
        saved(json!({"jsonrpc": "2.0", "id": 3, "error": {"code": 1, "message": "it is read-only"}}));
    assert_eq!(
        (&failed["isError"], &failed["content"][0]["text"]),
        (&json!(true), &json!("/here/a.rs was not saved: it is read-only"))
    );
    // An editor decides nothing.
    say(&mut editor, &json!({"jsonrpc": "2.0", "id": 7, "method": "resolve_permission", "params": {}}));
    assert_eq!(hear(&mut editor)["error"]["code"], -32601);
    drop(agent);
    assert_eq!(hear_method(&mut editor, "agents"), json!({"agents": []}));
}

#[test]
fn an_editor_follows_events_from_where_it_was() {
    let server = server(IdeServer::Always);
    let mut editor = server.editor("/p");
    let _greeting = hear_method(&mut editor, "agents");
    let IdeFact::Connected { .. } = fact(&server.place) else { panic!("not a greeting") };
    say(&mut editor, &json!({"jsonrpc": "2.0", "id": 1, "method": "subscribe", "params": {"since": 41}}));
    let (reply, command, _) = server.place.next_command();
    let magia_protocol::wire::Command::SubscribeEvents(wish) = command else { panic!("{command:?}") };
    assert_eq!(wish.since, Some(41));
    let streams = server.place.listeners().streams();
    assert!(streams.add(reply, &wish, 43));
    assert!(server.place.listeners().replies().answer(reply, Ok(json!({"seq": 43}))));
    let update = |word: &str| Update::SettingsChanged(json!({"word": word}));
    streams.publish(44, update("live"));
    let mut wish = None;
    wait_until("it asks for what it missed", || {
        wish = streams.next_page();
        wish.is_some()
    });
    streams.give(&wish.expect("a wish"), vec![agent_event(42), agent_event(43)], true);
    let seqs: Vec<Value> = (0..3).map(|_| hear_method(&mut editor, "event")["seq"].clone()).collect();
    assert_eq!(seqs, [42, 43, 44]);
    editor.close(None).expect("closing");
    loop {
        if let Event::RequesterGone(gone) = server.place.next() {
            assert_eq!(gone, reply);
            break;
        }
    }
    assert_eq!(streams.subscriber_count(), 0);
}

/// A request of the companion's client, and what came back: status, session, body.
fn post(port: u16, token: &str, session: &str, body: &Value) -> (u16, String, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("connected");
    stream.set_read_timeout(Some(LIMIT)).expect("a limit");
    let body = body.to_string();
    let session = if session.is_empty() { String::new() } else { format!("mcp-session-id: {session}\r\n") };
    let head = format!(
        "POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\n{session}Content-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes()).expect("written");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    let status = head[9..12].parse().expect("a status");
    let named = head.lines().find_map(|line| line.strip_prefix("mcp-session-id: ")).unwrap_or_default();
    (status, named.to_owned(), body.to_owned())
}

#[test]
fn off_ends_geminis_connections_as_well() {
    let server = server(IdeServer::Always);
    let dir = server.place.temp.path().join("tmp/gemini/ide");
    let file = fs::read_dir(&dir).expect("a directory").next().expect("a file").expect("an entry").path();
    let found: Value = serde_json::from_str(&fs::read_to_string(file).expect("read")).expect("JSON");
    let (port, token) =
        (found["port"].as_u64().expect("a port"), found["authToken"].as_str().expect("a token"));
    let mut kept = TcpStream::connect(("127.0.0.1", port as u16)).expect("connected");
    kept.set_read_timeout(Some(LIMIT)).expect("a limit");
    let head =
        format!("GET /mcp HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\n\r\n");
    kept.write_all(head.as_bytes()).expect("written");
    let mut first = [0; 12];
    kept.read_exact(&mut first).expect("an answer");
    assert_eq!(&first, b"HTTP/1.1 400", "no session is named, and the connection stays");
    server.switch.settings(IdeServer::Off);
    let mut rest = Vec::new();
    kept.read_to_end(&mut rest).expect("its end");
}

#[test]
fn geminis_companion_opens_changes_and_tells_what_became_of_them() {
    let server = server(IdeServer::Always);
    let pid = std::process::id();
    let dir = server.place.temp.path().join("tmp/gemini/ide");
    let name =
        fs::read_dir(&dir).expect("a directory").next().expect("a file").expect("an entry").file_name();
    assert!(name.to_string_lossy().starts_with(&format!("gemini-ide-server-{pid}-")));
    let found: Value =
        serde_json::from_str(&fs::read_to_string(dir.join(&name)).expect("read")).expect("JSON");
    let port = found["port"].as_u64().expect("a port") as u16;
    let token = found["authToken"].as_str().expect("a token");
    let hello = json!({"method": "initialize", "params": {"protocolVersion": "2025-06-18"}, "jsonrpc": "2.0", "id": 0});
    assert_eq!(post(port, "wrong", "", &hello).0, 401);
    assert_eq!(post(port, token, "", &json!({"method": "tools/list", "jsonrpc": "2.0", "id": 1})).0, 400);
    assert_eq!(
        post(port, token, "unknown", &json!({"method": "tools/list", "jsonrpc": "2.0", "id": 1})).0,
        404
    );
    let (status, session, body) = post(port, token, "", &hello);
    assert!(status == 200 && body.contains("magia") && session.len() == 64, "{status} {session} {body}");
    let IdeFact::Connected { peer, .. } = fact(&server.place) else { panic!("not a greeting") };
    assert_eq!((peer.kind, peer.process.map(|it| it.pid)), ("gemini", Some(pid)));
    assert_eq!(
        post(port, token, &session, &json!({"method": "notifications/initialized", "jsonrpc": "2.0"})).0,
        202
    );

    let mut events = TcpStream::connect(("127.0.0.1", port)).expect("connected");
    events.set_read_timeout(Some(LIMIT)).expect("a limit");
    let head = format!(
        "GET /mcp HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\nmcp-session-id: {session}\r\n\r\n"
    );
    events.write_all(head.as_bytes()).expect("written");
    let mut heard = String::new();
    let mut hear_event = |what: &str| {
        while !heard.contains(what) {
            let mut part = [0; 4096];
            let count = events.read(&mut part).expect("more");
            assert!(count > 0, "the stream ended: {heard}");
            heard.push_str(&String::from_utf8_lossy(&part[..count]));
        }
        std::mem::take(&mut heard)
    };
    hear_event("ide/contextUpdate");
    let open = |path: &str| {
        json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call",
        "params": {"name": "openDiff", "arguments": {"filePath": path, "newContent": "new"}}})
    };
    for (path, answer, wanted) in [
        ("/nonexistent/a", DiffAnswer::Saved("mine".into()), r#""method":"ide/diffAccepted""#),
        ("/nonexistent/b", DiffAnswer::Rejected, r#""method":"ide/diffRejected""#),
    ] {
        assert!(post(port, token, &session, &open(path)).2.contains(r#""content":[]"#));
        let IdeFact::DiffOpened { gate, diff, .. } = fact(&server.place) else { panic!("no change") };
        assert!(diff.is_new && diff.path == path);
        assert!(server.switch.answer(gate, answer));
        assert!(hear_event(wanted).contains(path));
        assert!(matches!(fact(&server.place), IdeFact::DiffClosed(closed) if closed == gate));
    }
    drop(events);
    assert!(matches!(fact(&server.place), IdeFact::Gone(_)), "a client whose stream ended has left");
}
