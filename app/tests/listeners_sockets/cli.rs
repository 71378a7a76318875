//! The CLI socket: requests, replies, mistakes.

use crate::support::{place, read_to_end, wait_until};
use magia_core::event::{Event, Origin};
use magia_protocol::paths::Socket;
use magia_protocol::wire::command::{InstallHooks, ListSessions};
use magia_protocol::wire::{Command, ErrorCode, Provider, RpcError};
use serde_json::json;
use std::io::Write;
use std::net::Shutdown;

#[test]
fn a_request_is_answered_by_the_hub() {
    let place = place();
    let mut cli = place.cli();
    cli.send(r#"{"id":"a","method":"list_sessions","params":{"all":true}}"#);
    let (reply, command, origin) = place.next_command();
    assert_eq!(command, Command::GetActiveSessions(ListSessions { all: true }));
    assert_eq!(origin, Origin::Cli { pid: std::process::id(), exe: None, ancestors: Vec::new() });
    assert!(place.listeners().replies().answer(reply, Ok(json!([{"id": 1}]))));
    assert!(!place.listeners().replies().answer(reply, Ok(json!("twice"))));
    assert_eq!(cli.line(), "{\"id\":\"a\",\"result\":[{\"id\":1}]}\n");

    // The same connection again, in camelCase, guarded.
    cli.send(r#"{"id":2,"method":"install_hooks","params":{"dryRun":true}}"#);
    let (reply, command, origin) = place.next_command();
    assert_eq!(
        command,
        Command::InstallHooks(InstallHooks { dry_run: true, ..InstallHooks::of(Provider::Claude) })
    );
    let Origin::Cli { exe, ancestors, .. } = origin else { panic!("not a CLI") };
    assert_eq!(ancestors.first().map(|first| first.process.pid), Some(std::process::id()));
    assert!(ancestors.len() > 1 && exe.is_some());
    let refused = RpcError::new(ErrorCode::Refused, "not for agents").with_hint("ask a person");
    assert!(place.listeners().replies().answer(reply, Err(refused.clone())));
    assert_eq!(cli.response().into_outcome(), Err(refused));
    assert_eq!(place.counter("cli", |info| info.messages), 2);
}

#[test]
fn mistakes_are_answered_without_the_hub_and_the_connection_goes_on() {
    let place = place();
    let mut cli = place.cli();
    let mut check = |line: &str, id: serde_json::Value, code: &str, hint: &str| {
        cli.send(line);
        let response = cli.json();
        assert_eq!((&response["id"], &response["error"]["code"]), (&id, &json!(code)), "{response}");
        assert!(response["error"]["hint"].as_str().unwrap_or_default().contains(hint), "{response}");
    };
    check("{not JSON", json!(null), "bad_request", "status");
    check("7", json!(null), "bad_request", "");
    check(r#"{"id":5}"#, json!(5), "bad_request", "");
    check(r#"{"id":1,"method":"statsu"}"#, json!(1), "unknown_method", "did you mean status?");
    check(r#"{"id":2,"method":"get_session"}"#, json!(2), "bad_params", "get_session {session");
    check(r#"{"id":3,"method":"get_session","params":{"sesion":"x"}}"#, json!(3), "bad_params", "session?");
    check(
        r#"{"id":4,"method":"subscribe","params":{"channels":["x"]}}"#,
        json!(4),
        "bad_params",
        "agent:event",
    );
    check(&"x".repeat(2 << 20), json!(null), "bad_request", "");
    check(&format!("{{\"id\":1,\"method\":\"{}\"}}", "x".repeat(1 << 20)), json!(null), "bad_request", "");
    place.assert_nothing_came();

    cli.send("");
    cli.send(r#"{"id":6,"method":"status","v":99,"later":1}"#);
    let (reply, _, _) = place.next_command();
    place.listeners().replies().answer(reply, Ok(json!({})));
    assert_eq!(cli.line(), "{\"id\":6,\"result\":{}}\n");
    assert_eq!(place.counter("cli", |info| info.refused), 5);
}

#[test]
fn pipelined_requests_are_answered_in_their_order() {
    const COUNT: usize = 500;
    let place = place();
    let mut cli = place.cli();
    let lines: String = (0..COUNT).map(|id| format!("{{\"id\":{id},\"method\":\"status\"}}\n")).collect();
    cli.stream.write_all(lines.as_bytes()).expect("written");
    std::thread::scope(|scope| {
        // A client that does not read holds up its own requests.
        scope.spawn(|| {
            for id in 0..COUNT {
                assert_eq!(cli.line(), format!("{{\"id\":{id},\"result\":{id}}}\n"));
            }
        });
        for id in 0..COUNT {
            let (reply, _, _) = place.next_command();
            assert!(place.listeners().replies().answer(reply, Ok(json!(id))));
        }
    });
}

#[test]
fn a_half_closed_client_gets_its_answer_also_without_a_newline() {
    let place = place();
    let mut cli = place.cli();
    cli.stream
        .write_all(b"{\"id\":1,\"method\":\"status\"}\n{\"id\":2,\"method\":\"status\"}")
        .expect("written");
    cli.stream.shutdown(Shutdown::Write).expect("half closed");
    for _ in 0..2 {
        let (reply, _, _) = place.next_command();
        assert!(place.listeners().replies().answer(reply, Ok(json!(1))));
    }
    assert_eq!(read_to_end(&mut cli.stream), "{\"id\":1,\"result\":1}\n{\"id\":2,\"result\":1}\n");
}

#[test]
fn a_requester_that_hangs_up_is_told() {
    let place = place();
    let mut cli = place.cli();
    cli.send(r#"{"id":1,"method":"status"}"#);
    let (reply, _, _) = place.next_command();
    assert!(place.listeners().replies().is_waiting(reply));
    drop(cli);
    assert!(matches!(place.next(), Event::RequesterGone(gone) if gone == reply));
    assert!(!place.listeners().replies().answer(reply, Ok(json!(1))));

    // Half closed first, gone later.
    let mut cli = place.cli();
    cli.send(r#"{"id":1,"method":"status"}"#);
    let (reply, _, _) = place.next_command();
    cli.stream.shutdown(Shutdown::Write).expect("half closed");
    drop(cli);
    assert!(matches!(place.next(), Event::RequesterGone(gone) if gone == reply));
    wait_until("all closed", || place.counter("cli", |info| info.open) == 0);
}

#[test]
fn stopping_ends_requests_with_an_error() {
    let mut place = place();
    let mut cli = place.cli();
    cli.send(r#"{"id":1,"method":"status"}"#);
    place.next_command();
    let replies = place.listeners().replies();
    drop(place.listeners.take());
    assert_eq!(cli.json()["error"]["code"], "internal");
    assert_eq!(read_to_end(&mut cli.stream), "");
    assert_ne!(replies.allocate(), replies.allocate());
    assert!(!place.path(Socket::Cli).exists());
}
