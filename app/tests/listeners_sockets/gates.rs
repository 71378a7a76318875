//! The permission socket: answers, hang-ups, the end of the program.

use crate::support::{Place, deliver, hook_line, place, place_with_capacity, read_to_end};
use magia_core::event::{Event, GateId};
use magia_protocol::paths::Socket;
use magia_protocol::wire::GateReply;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;

const REQUEST: &str = r#"{"cwd":"/","tool_name":"Bash","tool_input":{"command":"ls"}}"#;
/// What a handler is told that fails closed when it is asked to; any other goes on.
const STOPPING: &str = "! magia is stopping\n";

fn ask(place: &Place, pid: usize, payload: &str) -> UnixStream {
    let mut stream = place.client(Socket::Permissions);
    stream.write_all(&hook_line("PermissionRequest", pid, payload)).expect("written");
    stream
}

fn assert_answered(place: &Place, expect: GateId, expect_delivered: bool) {
    match place.next() {
        Event::GateAnswered { gate, delivered } => {
            assert_eq!((gate, delivered), (expect, expect_delivered));
        }
        other => panic!("not answered: {other:?}"),
    }
}

fn assert_closed(place: &Place, expect: GateId) {
    match place.next() {
        Event::GateClosed { gate } => assert_eq!(gate, expect),
        other => panic!("not closed: {other:?}"),
    }
}

#[test]
fn the_answer_is_written_to_the_byte_and_only_once() {
    let place = place();
    let gates = place.listeners().gates();
    let allow = GateReply::answer(r#"{"behavior":"allow"}"#);
    let deny = GateReply { exit: 2, stderr: b"no\n".to_vec(), ..GateReply::default() };
    // More than the socket holds: the rest is written as the handler reads.
    let long = GateReply::answer("x".repeat(4 << 20));
    for reply in [allow, deny, long] {
        let mut client = ask(&place, 1, REQUEST);
        let opened = place.next_gate();
        assert_eq!((opened.message.pid, opened.paths), (1, None));
        assert_eq!(gates.waiting(), 1);
        assert!(gates.answer(opened.gate, &reply));
        assert!(!gates.answer(opened.gate, &GateReply::answer("twice")));
        assert_eq!(read_to_end(&mut client).into_bytes(), reply.encode());
        assert_answered(&place, opened.gate, true);
    }
    assert_eq!(gates.waiting(), 0);
    assert!(!gates.answer(GateId(77), &GateReply::no_decision()));
}

#[test]
fn gates_answered_in_the_other_order_get_their_own_answers() {
    let place = place();
    let mut clients = [ask(&place, 1, REQUEST), ask(&place, 2, REQUEST)];
    let mut opened = [place.next_gate(), place.next_gate()];
    opened.sort_by_key(|opened| opened.message.pid);
    for at in [1, 0] {
        let reply = GateReply::answer(format!("for {}", opened[at].message.pid));
        assert!(place.listeners().gates().answer(opened[at].gate, &reply));
        assert_eq!(read_to_end(&mut clients[at]), format!("0 5 0\nfor {}", at + 1));
        assert_answered(&place, opened[at].gate, true);
    }
}

#[test]
fn a_handler_that_goes_away_closes_its_gate() {
    let place = place();
    drop(ask(&place, 1, REQUEST));
    let opened = place.next_gate();
    assert_closed(&place, opened.gate);
    assert!(!place.listeners().gates().answer(opened.gate, &GateReply::answer("late")));

    // Half closed is gone as well; there is no decision for it.
    let mut half = ask(&place, 2, REQUEST);
    let gate = place.next_gate().gate;
    half.shutdown(Shutdown::Write).expect("half closed");
    assert_closed(&place, gate);
    assert_eq!(read_to_end(&mut half), "0 0 0\n");

    // And so is one that talks on.
    let mut chatty = ask(&place, 3, REQUEST);
    let gate = place.next_gate().gate;
    chatty.write_all(b"more").expect("written");
    assert_closed(&place, gate);
    place.wait_for_refused("permissions", 1);
    place.assert_nothing_came();
}

#[test]
fn each_opened_gate_has_one_end_however_answer_and_hang_up_race() {
    let place = place();
    let gates = place.listeners().gates();
    for round in 0..300 {
        let client = ask(&place, round, REQUEST);
        let gate = place.next_gate().gate;
        let taken = std::thread::scope(|scope| {
            scope.spawn(move || drop(client));
            gates.answer(gate, &GateReply::answer("x"))
        });
        match place.next() {
            Event::GateAnswered { gate: ended, .. } => assert_eq!((ended, taken), (gate, true)),
            Event::GateClosed { gate: ended } => assert_eq!((ended, taken), (gate, false)),
            other => panic!("no end: {other:?}"),
        }
    }
    place.assert_nothing_came();
}

#[test]
fn stopping_answers_nothing_for_anybody() {
    let mut place = place();
    let mut clients = [ask(&place, 1, REQUEST), ask(&place, 2, REQUEST)];
    let gates = place.listeners().gates();
    let opened = place.next_gate();
    place.next_gate();
    drop(place.listeners.take());
    for client in &mut clients {
        assert_eq!(read_to_end(client), STOPPING);
    }
    assert!(!gates.answer(opened.gate, &GateReply::answer("late")));
    assert!(Socket::ALL.iter().all(|socket| !place.path(*socket).exists()));
}

#[test]
fn stopping_does_not_wait_for_a_hub_that_does_not_read() {
    let mut place = place_with_capacity(1);
    let mut clients: Vec<UnixStream> = (0..5).map(|pid| ask(&place, pid, REQUEST)).collect();
    deliver(place.client(Socket::Hooks), &hook_line("Stop", 1, "{}"));
    place.listeners.take().expect("running").stop();
    for client in &mut clients {
        let mut text = String::new();
        // Accepted or not: no answer.
        if client.read_to_string(&mut text).is_ok() {
            assert!(text.is_empty() || text == STOPPING, "{text:?}");
        }
    }
}

#[test]
fn without_a_hub_there_is_no_decision() {
    let mut place = place();
    place.hub = crossbeam_channel::never();
    assert_eq!(read_to_end(&mut ask(&place, 1, REQUEST)), STOPPING);
    deliver(place.client(Socket::Hooks), &hook_line("Stop", 1, "{}"));
    let mut cli = place.cli();
    cli.send(r#"{"id":1,"method":"status"}"#);
    assert_eq!(cli.json()["error"]["code"], "internal");
}

#[test]
fn garbage_at_a_gate_is_not_judged() {
    let place = place();
    for bad in [&b"garbage\n"[..], b"{\"provider\":1}\n"] {
        let mut client = place.client(Socket::Permissions);
        client.write_all(bad).expect("written");
        assert_eq!(read_to_end(&mut client), "! magia could not read what the agent said\n");
    }
    // Nobody waits behind a line without an end.
    let line = hook_line("PermissionRequest", 1, REQUEST);
    deliver(place.client(Socket::Permissions), &line[..line.len() - 1]);
    place.wait_for_refused("permissions", 3);
    place.assert_nothing_came();
}

#[test]
fn the_disk_says_where_a_call_would_act() {
    let place = place();
    let project = std::fs::canonicalize(place.temp.path()).expect("a path").join("project");
    std::fs::create_dir(&project).expect("made");
    std::os::unix::fs::symlink("/etc", project.join("link")).expect("linked");
    let cwd = project.display();
    for (name, target) in [("new.txt", project.join("new.txt")), ("link/x", "/etc/x".into())] {
        let payload = format!(
            r#"{{"cwd":"{cwd}","tool_name":"Write","tool_input":{{"file_path":"{name}","content":"x"}}}}"#
        );
        let _client = ask(&place, 1, &payload);
        let opened = place.next_gate();
        let paths = opened.paths.expect("paths");
        assert_eq!((paths.cwd, paths.target), (project.clone(), target));
        place.listeners().gates().answer(opened.gate, &GateReply::no_decision());
        assert_answered(&place, opened.gate, true);
    }
}

#[test]
fn a_request_comes_after_the_call_announced_on_the_other_socket() {
    let place = place();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0..1_000 {
                deliver(place.client(Socket::Hooks), &hook_line("PreToolUse", round, "{}"));
                drop(ask(&place, round, REQUEST));
            }
        });
        let (mut hooks, mut gates) = (0, 0);
        while gates < 1_000 {
            match place.next() {
                Event::HookReceived(message) => {
                    assert_eq!(message.pid, hooks);
                    hooks += 1;
                }
                Event::GateOpened { message, .. } => {
                    assert_eq!(message.pid, gates);
                    gates += 1;
                    assert!(hooks >= gates, "request {gates} came before its call");
                }
                Event::GateClosed { .. } => {}
                other => panic!("{other:?}"),
            }
        }
        while !matches!(place.next(), Event::GateClosed { gate } if gate.0 == 1_000) {}
    });
}
