//! The hook socket: order, cut lines, slow and silent handlers.

use crate::support::{deliver, hook_line, place, place_with_capacity};
use magia_protocol::ipc::line::HOOK_LINE_MAX_BYTES;
use magia_protocol::paths::Socket;
use magia_protocol::wire::Provider;
use std::collections::HashMap;
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};

const ROUNDS: usize = 2_000;

#[test]
fn events_of_one_agent_keep_their_order_whoever_else_sends() {
    let place = place();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for noise in 1..=4 {
            let (place, done) = (&place, &done);
            scope.spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    deliver(place.client(Socket::Hooks), &hook_line("Noise", noise, "{}"));
                }
            });
        }
        scope.spawn(|| {
            // Long ones take several reads, and the short one behind it must not overtake.
            let filler = "x".repeat(150_000);
            for round in 0..ROUNDS {
                let filler = if round % 5 == 0 { filler.as_str() } else { "" };
                let payload = format!(r#"{{"n":{round},"filler":"{filler}"}}"#);
                deliver(place.client(Socket::Hooks), &hook_line("Mine", 99, &payload));
            }
        });
        for round in 0..ROUNDS {
            let message = loop {
                let message = place.next_hook();
                if message.pid == 99 {
                    break message;
                }
            };
            let payload: serde_json::Value = serde_json::from_str(message.payload.get()).expect("JSON");
            assert_eq!(payload["n"], round);
        }
        done.store(true, Ordering::Relaxed);
        // The noise may wait for room.
        while place.hub.recv_timeout(std::time::Duration::from_millis(200)).is_ok() {}
    });
}

#[test]
fn what_the_handler_sent_arrives_as_it_is() {
    let place = place();
    deliver(place.client(Socket::Hooks), &hook_line("PreToolUse", 7, r#"{"a": "ä", "b": [1]}"#));
    let message = place.next_hook();
    assert_eq!((message.event.as_str(), message.pid, message.tty.as_str()), ("PreToolUse", 7, "pts/3"));
    assert_eq!(message.known_provider(), Some(Provider::Claude));
    assert_eq!(message.payload.get(), r#"{"a": "ä", "b": [1]}"#);
    assert!(!message.cut);

    deliver(place.client(Socket::Hooks), br#"{"provider":"other","event":"X","payload":null}"#);
    let message = place.next_hook();
    assert_eq!((message.provider.as_str(), message.known_provider()), ("other", None));

    deliver(place.client(Socket::Hooks), b"{\"provider\":\"p\",\"event\":\"X\",\"payload\":\"\xff\"}\n");
    assert_eq!(place.next_hook().payload.get(), "\"\u{fffd}\"");

    deliver(
        place.client(Socket::Hooks),
        &hook_line("PostToolUse", 7, r#"{"a": "cut \ud83d", "b": "\ud83d\ude00"}"#),
    );
    assert_eq!(place.next_hook().payload.get(), r#"{"a": "cut \ufffd", "b": "\ud83d\ude00"}"#);
    assert_eq!(place.counter("hooks", |info| info.messages), 4);
    assert_eq!(place.counter("hooks", |info| info.refused), 0);
}

#[test]
fn oversized_events_are_kept_without_their_payload() {
    let place = place();
    let long = format!(
        r#"{{"session_id":"s1","cwd":"/p","tool_name":"Write","tool_input":{{"content":"{}"}}}}"#,
        "x".repeat(HOOK_LINE_MAX_BYTES)
    );
    deliver(place.client(Socket::Hooks), &hook_line("PostToolUse", 7, &long));
    let message = place.next_hook();
    assert!(message.cut);
    assert_eq!((message.event.as_str(), message.pid), ("PostToolUse", 7));
    let payload: serde_json::Value = serde_json::from_str(message.payload.get()).expect("JSON");
    assert_eq!(
        payload,
        serde_json::json!({"session_id":"s1","cwd":"/p","tool_name":"Write","magia_cut":true})
    );

    let longest = format!("\"{}\"", "x".repeat(HOOK_LINE_MAX_BYTES - 200));
    deliver(place.client(Socket::Hooks), &hook_line("Stop", 8, &longest));
    let message = place.next_hook();
    assert!(!message.cut);
    assert_eq!(message.payload.get().len(), longest.len());
}

#[test]
fn garbage_and_cut_lines_are_counted_and_nothing_else() {
    let place = place();
    let whole = hook_line("Stop", 1, "{}");
    for bad in [&b"not JSON\n"[..], b"\n", b"{}\n", b"\xff\xfe\0\n", &whole[..whole.len() - 5]] {
        deliver(place.client(Socket::Hooks), bad);
    }
    place.wait_for_refused("hooks", 5);
    // Somebody who only looks whether we are here.
    drop(place.client(Socket::Hooks));
    deliver(place.client(Socket::Hooks), &whole);
    assert_eq!(place.next_hook().event, "Stop");
    assert_eq!(place.counter("hooks", |info| info.refused), 5);
    place.assert_nothing_came();
}

#[test]
fn slow_sender_does_not_hold_up_the_others() {
    let place = place();
    let (slow_line, quick_line) = (hook_line("Slow", 1, "{}"), hook_line("Quick", 2, "{}"));
    let mut slow = place.client(Socket::Hooks);
    for (at, byte) in slow_line.iter().enumerate() {
        slow.write_all(&[*byte]).expect("written");
        if at == 20 {
            deliver(place.client(Socket::Hooks), &quick_line);
            assert_eq!(place.next_hook().event, "Quick");
        }
    }
    assert_eq!(place.next_hook().event, "Slow");
}

#[test]
fn a_hub_that_does_not_read_for_a_while_loses_nothing() {
    const CLIENTS: usize = 8;
    const EACH: usize = 40;
    let place = place_with_capacity(1);
    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            let place = &place;
            scope.spawn(move || {
                for round in 0..EACH {
                    deliver(place.client(Socket::Hooks), &hook_line("E", client, &round.to_string()));
                }
            });
        }
    });
    // All handlers have gone; only now the hub begins.
    let mut seen: HashMap<u32, usize> = HashMap::new();
    for _ in 0..CLIENTS * EACH {
        let message = place.next_hook();
        let next = seen.entry(message.pid).or_default();
        assert_eq!(message.payload.get(), next.to_string());
        *next += 1;
    }
    assert!(seen.len() == CLIENTS && seen.values().all(|count| *count == EACH));
    assert_eq!(place.counter("hooks", |info| info.messages), (CLIENTS * EACH) as u64);
}
