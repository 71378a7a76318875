//! Thousands of hostile connections, and another user.

use crate::support::{Place, deliver, hook_line, place, read_to_end, wait_until};
use magia_core::event::Event;
use magia_protocol::paths::Socket;
use magia_protocol::wire::GateReply;
use serde_json::json;
use std::io::Write;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::{Mutex, MutexGuard, PoisonError};

const COUNT: usize = 2_000;

/// Both ends of thousands of connections are in this process, which has descriptors for one such test at a time.
static DESCRIPTORS: Mutex<()> = Mutex::new(());

fn descriptors() -> MutexGuard<'static, ()> {
    DESCRIPTORS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Connections of every bad kind; those that can be are kept open.
fn hostile(place: &Place, socket: Socket) -> Vec<UnixStream> {
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut noise = move |len: usize| -> Vec<u8> {
        (0..len)
            .map(|_| {
                seed ^= seed << 13;
                seed ^= seed >> 7;
                seed ^= seed << 17;
                seed as u8
            })
            .collect()
    };
    let half = hook_line("PreToolUse", 1, "{}");
    let mut kept = Vec::new();
    for at in 0..COUNT {
        let mut client = place.client(socket);
        // Whoever was hung up on in the middle of its noise cannot write on.
        match at % 6 {
            0 => drop(client.write_all(&noise(at))),
            1 => client.write_all(&half[..at % (half.len() - 2)]).expect("written"),
            2 => {}
            3 => continue,
            4 => drop(client.write_all(&[noise(50), b"\n".to_vec()].concat())),
            _ => client.shutdown(Shutdown::Write).expect("half closed"),
        }
        kept.push(client);
    }
    kept
}

#[test]
fn hook_arrives_among_hostile_connections() {
    let _descriptors = descriptors();
    let place = place();
    let kept = hostile(&place, Socket::Hooks);
    deliver(place.client(Socket::Hooks), &hook_line("Good", 1, "{}"));
    assert_eq!(place.next_hook().event, "Good");
    wait_until("all were accepted", || place.counter("hooks", |info| info.accepted) as usize == COUNT + 1);
    assert!(place.counter("hooks", |info| info.refused) > 0);
    drop(kept);
    wait_until("all have gone", || place.counter("hooks", |info| info.open) == 0);
    place.assert_nothing_came();
}

#[test]
fn gate_is_answered_among_hostile_connections() {
    let _descriptors = descriptors();
    let place = place();
    let kept = hostile(&place, Socket::Permissions);
    let mut good = place.client(Socket::Permissions);
    good.write_all(&hook_line("PermissionRequest", 1, "{}")).expect("written");
    let gate = place.next_gate().gate;
    assert!(place.listeners().gates().answer(gate, &GateReply::answer("yes")));
    assert_eq!(read_to_end(&mut good), "0 3 0\nyes");
    assert!(matches!(place.next(), Event::GateAnswered { delivered: true, .. }));
    drop(kept);
    wait_until("all have gone", || place.counter("permissions", |info| info.open) == 0);
    place.assert_nothing_came();
}

#[test]
fn request_is_answered_among_hostile_connections() {
    let _descriptors = descriptors();
    let place = place();
    let kept = hostile(&place, Socket::Cli);
    let mut good = place.cli();
    good.send(r#"{"id":1,"method":"status"}"#);
    let (reply, _, _) = place.next_command();
    assert!(place.listeners().replies().answer(reply, Ok(json!("fine"))));
    assert_eq!(good.json()["result"], "fine");
    drop((kept, good));
    wait_until("all have gone", || place.counter("cli", |info| info.open) == 0);
    place.assert_nothing_came();
}

#[test]
fn more_connections_than_places_wait_and_are_served() {
    let _descriptors = descriptors();
    let place = place();
    let kept: Vec<UnixStream> = (0..4_200).map(|_| place.client(Socket::Hooks)).collect();
    wait_until("all places are taken", || place.counter("hooks", |info| info.open) == 4_096);
    deliver(place.client(Socket::Hooks), &hook_line("Patient", 1, "{}"));
    deliver(place.client(Socket::Permissions), &hook_line("Other", 2, "{}"));
    assert_eq!(place.next_gate().message.event, "Other", "the other sockets have places of their own");
    drop(kept);
    loop {
        match place.next() {
            Event::HookReceived(message) => {
                assert_eq!(message.event, "Patient");
                break;
            }
            Event::GateClosed { .. } => {}
            other => panic!("{other:?}"),
        }
    }
}
