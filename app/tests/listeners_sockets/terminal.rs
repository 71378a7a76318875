//! The socket for terminals: requests in any pieces and spellings, replies with the seed's keys, and clients that go.

use crate::support::{LIMIT, place, read_to_end, wait_until};
use magia_core::event::{Event, Origin};
use magia_protocol::paths::Socket;
use magia_protocol::wire::spawn::{OpenTerminal, SpawnCode, SpawnError};
use magia_protocol::wire::{Command, RpcError};
use serde_json::{Value, json};
use std::io::Write;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;

fn reply(stream: &mut UnixStream) -> Value {
    let text = read_to_end(stream);
    serde_json::from_str(&text).unwrap_or_else(|err| panic!("{err}: {text}"))
}

fn wanted(command: Command) -> OpenTerminal {
    match command {
        Command::OpenTerminal(wanted) => wanted,
        other => panic!("not for a terminal: {other:?}"),
    }
}

#[test]
fn a_request_needs_no_newline_and_no_end_of_stream() {
    let place = place();
    let mut stream = place.client(Socket::Terminal);
    stream.set_read_timeout(Some(LIMIT)).expect("a limit");
    let request = json!({
        "command": "htop", "workingDir": "~/", "sessionId": "s", "ttyFwdPath": "/x", "terminal": null, "later": [1],
    });
    stream.write_all(format!("{request}trailing rubbish").as_bytes()).expect("written");
    let (id, command, origin) = place.next_command();
    assert_eq!(
        wanted(command),
        OpenTerminal {
            command: Some("htop".into()),
            working_dir: Some("~/".into()),
            session_id: Some("s".into()),
            ..OpenTerminal::default()
        }
    );
    let Origin::Cli { ancestors, .. } = origin else { panic!("not a peer") };
    assert!(!ancestors.is_empty(), "who asks is looked up");
    let opened = json!({ "session_id": "s", "terminal": "kitty" });
    assert!(place.listeners().replies().answer(id, Ok(opened)));
    let expected = json!({
        "success": true, "error": null, "sessionId": "s", "code": null, "terminal": "kitty", "request": null,
    });
    assert_eq!(reply(&mut stream), expected);
}

#[test]
fn both_spellings_and_pieces_of_one_byte() {
    let place = place();
    let mut stream = place.client(Socket::Terminal);
    let request =
        json!({ "argv": ["a", "}\"{"], "working_dir": "/w", "session_id": "i", "cols": 80, "rows": 24 });
    for byte in request.to_string().as_bytes() {
        stream.write_all(&[*byte]).expect("written");
    }
    // A client that half closes is answered all the same.
    stream.shutdown(Shutdown::Write).expect("half closed");
    let (id, command, _) = place.next_command();
    let command = wanted(command);
    assert_eq!(command.argv, Some(vec!["a".to_owned(), "}\"{".to_owned()]));
    assert_eq!((command.working_dir.as_deref(), command.cols), (Some("/w"), Some(80)));
    let err = RpcError::from(SpawnError::new(SpawnCode::NoDisplay, "no display").remedy("start one"));
    place.listeners().replies().answer(id, Err(err));
    let reply = reply(&mut stream);
    assert_eq!((&reply["success"], &reply["code"]), (&json!(false), &json!("NO_DISPLAY")));
    assert_eq!((&reply["error"], &reply["sessionId"]), (&json!("no display: start one"), &json!("i")));
}

#[test]
fn garbage_is_answered_and_never_delivered() {
    let place = place();
    let long = format!("{{\"command\":\"{}\"", "x".repeat(70 * 1024));
    for garbage in ["hello", "[1]", "{\"command\":7}", "{\"argv\":\"x\"}", "{\"cols\":70000}", long.as_str()]
    {
        let mut stream = place.client(Socket::Terminal);
        // It may have been refused before all was written.
        drop(stream.write_all(garbage.as_bytes()));
        let reply = reply(&mut stream);
        let shown = garbage.get(..20).unwrap_or(garbage);
        assert_eq!(reply["code"], json!("INVALID_REQUEST"), "{shown}");
    }
    place.assert_nothing_came();
}

#[test]
fn a_client_that_goes_is_noticed_and_one_that_stops_half_way_is_told() {
    let place = place();
    let mut stream = place.client(Socket::Terminal);
    stream.write_all(b"{\"argv\":[\"a\"]}").expect("written");
    let (id, ..) = place.next_command();
    drop(stream);
    match place.next() {
        Event::RequesterGone(gone) => assert_eq!(gone, id),
        other => panic!("not its end: {other:?}"),
    }
    let mut stream = place.client(Socket::Terminal);
    stream.write_all(b"{\"argv\":[").expect("written");
    let reply = reply(&mut stream);
    assert!(reply["error"].as_str().expect("a text").contains("not whole"), "{reply}");
    drop(place.client(Socket::Terminal));
    wait_until("all are gone", || place.counter("terminal", |info| info.open) == 0);
    place.assert_nothing_came();
}
