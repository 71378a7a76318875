//! Everything is left to other listeners, as to another process: connections go on in the middle of what they say.

use crate::support::{CliClient, Place, deliver, hook_line, place, read_to_end, wait_until};
use magia_app::listeners::{HUB_CAPACITY, Listeners};
use magia_core::effect::Update;
use magia_core::event::{Event, GateId};
use magia_protocol::paths::{InstanceLock, Socket};
use magia_protocol::wire::{Command, GateReply, RequestId};
use serde_json::{Value, json};
use std::io::Write;
use std::sync::Arc;

const REQUEST: &str = r#"{"cwd":"/","tool_name":"Bash","tool_input":{"command":"ls"}}"#;

fn request() -> RequestId {
    "0199aaaa-bbbb-7ccc-8ddd-eeeeff001122".parse().expect("an id")
}

/// Leaves everything; what `between` does meets nobody. The facts that came before the hub ended, and the place of those
/// who follow.
fn leave(
    mut place: Place,
    end_hub: impl FnOnce() -> (Vec<(GateId, RequestId)>, u64),
    between: impl FnOnce(&Place),
) -> (Vec<Event>, Place) {
    let listeners = place.listeners.take().expect("running");
    let (lock, inheritance) = listeners.leave(|| Some(end_hub())).expect("left");
    drop(listeners);
    between(&place);
    let came = place.hub.try_iter().filter(|event| !matches!(event, Event::ListenerReported(_))).collect();
    let lock = Arc::new(InstanceLock::inherit(place.lock.dir(), lock).expect("the same lock"));
    let (sender, hub) = crossbeam_channel::bounded(HUB_CAPACITY);
    let listeners = Listeners::start(Arc::clone(&lock), sender, None, inheritance).expect("started");
    (came, Place { listeners: Some(listeners), hub, lock, temp: place.temp })
}

fn open(place: &Place, name: &str, count: u64) {
    wait_until("the connections are seen", || place.counter(name, |info| info.open) == count);
}

#[test]
fn a_gate_waits_on_with_its_request_and_gets_its_answer() {
    let place = place();
    let mut client = place.client(Socket::Permissions);
    client.write_all(&hook_line("PermissionRequest", 7, REQUEST)).expect("written");
    let gate = place.next_gate().gate;
    let (came, place) = leave(place, || (vec![(gate, request())], 0), |_| {});
    assert!(came.is_empty(), "the gate is not closed: {came:?}");
    let Event::GatesInherited(gates) = place.next() else { panic!("no gates") };
    assert_eq!((gates.len(), gates[0].request, gates[0].message.pid), (1, request(), 7));
    assert_eq!(gates[0].message.payload.get(), REQUEST);
    let reply = GateReply::answer("yes");
    assert!(place.listeners().gates().answer(gates[0].gate, &reply));
    assert_eq!(read_to_end(&mut client).into_bytes(), reply.encode());
    assert!(matches!(place.next(), Event::GateAnswered { gate, delivered: true } if gate == gates[0].gate));
}

#[test]
fn a_gate_can_be_answered_until_the_hub_has_ended() {
    let place = place();
    let mut client = place.client(Socket::Permissions);
    client.write_all(&hook_line("PermissionRequest", 7, REQUEST)).expect("written");
    let gate = place.next_gate().gate;
    let gates = place.listeners().gates();
    let last = || {
        assert!(gates.answer(gate, &GateReply::answer("just in time")));
        (Vec::new(), 0)
    };
    let (_, place) = leave(place, last, |_| {});
    assert_eq!(read_to_end(&mut client), "0 12 0\njust in time");
    place.assert_nothing_came();
}

#[test]
fn a_handler_that_goes_meanwhile_is_noticed_by_those_who_follow() {
    let place = place();
    let mut client = place.client(Socket::Permissions);
    client.write_all(&hook_line("PermissionRequest", 7, REQUEST)).expect("written");
    let gate = place.next_gate().gate;
    let (_, place) = leave(place, || (vec![(gate, request())], 0), |_| drop(client));
    let Event::GatesInherited(gates) = place.next() else { panic!("no gates") };
    assert!(matches!(place.next(), Event::GateClosed { gate } if gate == gates[0].gate));
}

#[test]
fn half_a_line_is_whole_in_the_end_and_who_connects_meanwhile_waits() {
    let place = place();
    let long = format!(r#"{{"cwd":"/","text":"{}"}}"#, "x".repeat(300_000));
    let line = hook_line("PostToolUse", 1, &long);
    let gate_line = hook_line("PermissionRequest", 2, REQUEST);
    let mut hook = place.client(Socket::Hooks);
    hook.write_all(&line[..100_000]).expect("written");
    let mut gate = place.client(Socket::Permissions);
    gate.write_all(&gate_line[..30]).expect("written");
    let mut terminal = place.client(Socket::Terminal);
    terminal.write_all(b"{\"command\":\"ht").expect("written");
    open(&place, "hooks", 1);
    open(&place, "permissions", 1);
    open(&place, "terminal", 1);
    let (came, place) = leave(
        place,
        || (Vec::new(), 0),
        |place| deliver(place.client(Socket::Hooks), &hook_line("Stop", 3, "{}")),
    );
    assert!(came.is_empty(), "{came:?}");
    assert_eq!(place.next_hook().pid, 3);
    hook.write_all(&line[100_000..]).expect("written");
    let message = place.next_hook();
    assert_eq!((message.pid, message.payload.get()), (1, long.as_str()));
    gate.write_all(&gate_line[30..]).expect("written");
    let opened = place.next_gate();
    assert_eq!(opened.message.pid, 2);
    terminal.write_all(b"op\"}").expect("written");
    let (_, command, _) = place.next_command();
    let Command::OpenTerminal(wanted) = command else { panic!("{command:?}") };
    assert_eq!(wanted.command.as_deref(), Some("htop"));
}

fn ask(place: &Place, cli: &mut CliClient, id: u64) {
    cli.send(&format!("{{\"id\":{id},\"method\":\"status\"}}"));
    answer(place, cli, id);
}

fn answer(place: &Place, cli: &mut CliClient, id: u64) {
    let (reply, command, _) = place.next_command();
    assert!(matches!(command, Command::Status(_)), "{command:?}");
    assert!(place.listeners().replies().answer(reply, Ok(json!("well"))));
    assert_eq!(cli.json(), json!({"id": id, "result": "well"}));
}

#[test]
fn a_client_goes_on_between_two_requests_and_in_the_middle_of_one() {
    let place = place();
    let (mut idle, mut midway) = (place.cli(), place.cli());
    ask(&place, &mut idle, 1);
    ask(&place, &mut midway, 2);
    midway.stream.write_all(b"{\"id\":4,\"method\":\"sta").expect("written");
    let (came, place) = leave(place, || (Vec::new(), 0), |_| {});
    assert!(came.is_empty(), "nobody has gone: {came:?}");
    ask(&place, &mut idle, 3);
    midway.send("tus\"}");
    answer(&place, &mut midway, 4);
}

#[test]
fn a_subscriber_goes_on_after_what_it_had_last() {
    let place = place();
    let mut cli = place.cli();
    cli.send(r#"{"id":"mine","method":"subscribe_events","params":{"channels":["settings:changed"]}}"#);
    let (reply, command, _) = place.next_command();
    let Command::SubscribeEvents(params) = command else { panic!("{command:?}") };
    let streams = place.listeners().streams();
    assert!(place.listeners().replies().answer(reply, Ok(json!({"seq": 0}))));
    assert!(streams.add(reply, &params, 0));
    assert_eq!(cli.json(), json!({"id": "mine", "result": {"seq": 0}}));
    let last = || {
        streams.publish(41, Update::SettingsChanged(json!("the last")));
        (Vec::new(), 41)
    };
    let (came, place) = leave(place, last, |_| {});
    assert!(came.is_empty(), "nobody has gone: {came:?}");
    assert_eq!(cli.json()["payload"], "the last");
    let (reply, command, _) = place.next_command();
    let Command::SubscribeEvents(again) = command else { panic!("{command:?}") };
    assert_eq!((again.since, &again.channels), (Some(41), &params.channels));
    let streams = place.listeners().streams();
    assert!(streams.add(reply, &again, 41));
    assert!(place.listeners().replies().answer(reply, Ok(json!({"seq": 41}))));
    streams.publish(42, Update::SettingsChanged(json!("the next")));
    let line: Value = cli.json();
    assert_eq!(line, json!({"id": "mine", "event": "settings:changed", "seq": 42, "payload": "the next"}));
}

/// Twice in a row, before the store has answered what the first one asked for.
#[test]
fn a_subscriber_that_has_nothing_yet_asks_for_the_same_again() {
    let place = place();
    let mut cli = place.cli();
    cli.send(r#"{"id":"mine","method":"subscribe_events","params":{"since":7}}"#);
    let (reply, command, _) = place.next_command();
    let Command::SubscribeEvents(params) = command else { panic!("{command:?}") };
    assert!(place.listeners().streams().add(reply, &params, 9));
    assert!(place.listeners().replies().answer(reply, Ok(json!({"seq": 9}))));
    assert_eq!(cli.json(), json!({"id": "mine", "result": {"seq": 9}}));
    let (came, place) = leave(place, || (Vec::new(), 12), |_| {});
    assert!(came.is_empty(), "nobody has gone: {came:?}");
    let (reply, command, _) = place.next_command();
    let Command::SubscribeEvents(again) = command else { panic!("{command:?}") };
    assert_eq!(again.since, Some(7), "and not the 12 that it never saw");
    let streams = place.listeners().streams();
    assert!(streams.add(reply, &again, 12));
    assert!(place.listeners().replies().answer(reply, Ok(json!({"seq": 12}))));
    wait_until("it asks for a page", || streams.next_page().is_some_and(|wish| wish.after == 7));
}

#[test]
fn a_file_that_was_cleaned_away_meanwhile_is_bound_again() {
    let place = place();
    let (_, place) = leave(
        place,
        || (Vec::new(), 0),
        |place| std::fs::remove_file(place.path(Socket::Hooks)).expect("removed"),
    );
    wait_until("all listeners are up", || place.listeners().health().iter().all(|info| info.up));
    deliver(place.client(Socket::Hooks), &hook_line("Stop", 3, "{}"));
    assert_eq!(place.next_hook().pid, 3);
}
