//! `events --follow` and `call subscribe_events`.

use crate::samples::{SESSION, event, session};
use crate::support::{Answer, Server};
use serde_json::{Value, json};

/// A stream of agent events of two sessions, then a word that some were lost, then the end.
fn stream() -> Server {
    Server::new(|method, _| {
        if method == "get_session" {
            return Answer::Result(session());
        }
        let mut other = event(8);
        other["session"] = json!("0199aaaa-bbbb-7ccc-8ddd-eeeeff003344");
        other["kind"] = json!("of.a.later.version");
        other["payload"] = json!({"prompt": "hi\u{1b}[2J"});
        let line = |channel: &str, seq: u64, payload: Value| {
            format!("{}\n", json!({"id": 0, "event": channel, "seq": seq, "payload": payload}))
        };
        Answer::Bytes(
            [
                "{\"id\":ID,\"result\":{\"seq\":6}}\n".to_owned(),
                line("agent:event", 7, event(7)),
                line("agent:event", 8, other),
                line("lagged", 9, json!({"lost": 3})),
            ]
            .concat(),
        )
    })
}

const WENT_AWAY: &str = "error: the app has ended the stream\n\
                         hint: once it runs again, `magia events --follow --since 9` goes on\n";

#[test]
fn a_person_sees_a_row_for_each_event() {
    let server = stream();
    let ran = server.run(&["events", "--follow"]);
    assert_eq!((ran.exit, ran.stderr.as_str()), (Some(3), WENT_AWAY));
    assert_eq!(
        ran.stdout,
        "     7  ff001122  tool.started          Bash cargo test\n\
         \x20    8  ff003344  of.a.later.version    hi\\u{1b}[2J\n\
         \x20    9  some events were lost: this reader is too slow\n"
    );
    server.was_asked("subscribe_events", json!({"since": null, "channels": ["agent:event"]}));
}

#[test]
fn a_person_is_told_why_events_are_missing() {
    for (payload, row) in [
        (json!({"lost": 3, "reason": "slow"}), "some events were lost: this reader is too slow"),
        (
            json!({"lost": 3, "reason": "of a later version"}),
            "some events were lost: this reader is too slow",
        ),
        (
            json!({"lost": 146, "reason": "gone"}),
            "146 events are missing here: the store does not keep them any more",
        ),
        (json!({"lost": 1, "reason": "unreadable"}), "1 event is missing here: the store cannot be read now"),
    ] {
        let server = Server::new(move |_, _| {
            let lagged = json!({"id": 0, "event": "lagged", "seq": 5, "payload": payload});
            Answer::Bytes(format!("{{\"id\":ID,\"result\":{{\"seq\":6}}}}\n{lagged}\n"))
        });
        let ran = server.run(&["events", "--follow", "--since", "1"]);
        assert_eq!(ran.stdout, format!("     5  {row}\n"));
    }
}

#[test]
fn a_script_gets_the_lines_of_all_channels() {
    let server = stream();
    let ran = server.run(&["events", "--follow", "--json", "--since", "6"]);
    let lines: Vec<Value> = ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.iter().map(|line| line["seq"].as_u64().unwrap()).collect::<Vec<_>>(), [7, 8, 9]);
    assert_eq!(lines[0]["payload"]["kind"], "tool.started");
    server.was_asked("subscribe_events", json!({"since": 6, "channels": null}));
}

#[test]
fn a_limit_ends_the_stream() {
    let server = stream();
    let ran = server.run(&["events", "--follow", "--limit", "1", "--channel", "agent:event", "--json"]);
    assert_eq!((ran.exit, ran.stdout.lines().count(), ran.stderr.as_str()), (Some(0), 1, ""));
    server.was_asked("subscribe_events", json!({"since": null, "channels": ["agent:event"]}));
}

#[test]
fn a_session_is_picked_out_and_losses_are_still_said() {
    let server = stream();
    let ran = server.run(&["events", "--follow", "--session", "ff001122", "--json"]);
    let lines: Vec<Value> = ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2, "{}", ran.stdout);
    assert_eq!((&lines[0]["payload"]["session"], &lines[1]["event"]), (&json!(SESSION), &json!("lagged")));
}

#[test]
fn call_streams_as_well() {
    let server = stream();
    let ran = server.run(&["call", "subscribe_events"]);
    assert_eq!((ran.exit, ran.stdout.lines().count()), (Some(0), 4));
    assert!(ran.stdout.starts_with("{\"seq\":6}\n"), "{}", ran.stdout);
}

/// A server whose stream has these lines and then ends, and whose session is in the first state when it is asked for
/// the first time, in the second afterwards.
fn waited_for(first: &'static str, then: &'static str, lines: Vec<Value>) -> Server {
    let asked = std::sync::atomic::AtomicUsize::new(0);
    Server::new(move |method, _| {
        if method == "get_session" {
            let is_first = asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 0;
            return Answer::Result(in_state(if is_first { first } else { then }));
        }
        let lines: String = lines.iter().map(|line| format!("{line}\n")).collect();
        Answer::Bytes(format!("{{\"id\":ID,\"result\":{{\"seq\":6}}}}\n{lines}"))
    })
}

fn in_state(state: &str) -> Value {
    let mut session = session();
    session["state"] = json!(state);
    session
}

fn update(channel: &str, payload: Value) -> Value {
    json!({"id": 0, "event": channel, "seq": 7, "payload": payload})
}

#[test]
fn wait_asks_after_it_has_subscribed_and_ends_with_the_stream() {
    let server = waited_for("working", "working", Vec::new());
    server.run(&["wait", "ff001122"]).fails(
        3,
        "error: the app has ended the stream\nhint: once it runs again, `magia wait ff001122` goes on\n",
    );
    let channels = json!({"since": null, "channels": ["live-sessions:update"]});
    assert_eq!(
        server.asked(),
        [
            ("subscribe_events".to_owned(), channels),
            ("get_session".to_owned(), json!({"session": "ff001122"}))
        ]
    );
}

#[test]
fn wait_hears_its_session_only_and_asks_again_when_some_were_lost() {
    let mut other = in_state("idle");
    other["id"] = json!("0199aaaa-bbbb-7ccc-8ddd-eeeeff003344");
    let others = || update("live-sessions:update", other.clone());
    let server =
        waited_for("working", "working", vec![others(), update("live-sessions:update", in_state("idle"))]);
    server.run(&["wait", "ff001122"]).prints("ff001122 idle\n");
    let server = waited_for("working", "failed", vec![others(), update("lagged", json!({"lost": 3}))]);
    server.run(&["wait", "ff001122", "--until", "idle"]).prints("ff001122 failed\n");
    let server = waited_for("working", "working", vec![others()]);
    assert_eq!(
        server.run(&["wait", "ff001122"]).exit,
        Some(3),
        "another session's state is not taken for its own"
    );
}

#[test]
fn wait_takes_a_state_that_is_there() {
    let server = waited_for("idle", "idle", Vec::new());
    let told = server.run(&["wait", "ff001122", "--json"]).json();
    assert_eq!((&told["id"], &told["state"]), (&json!(SESSION), &json!("idle")));
    assert_eq!(server.run(&["wait", "ff001122", "--timeout", "soon"]).exit, Some(2));
}
