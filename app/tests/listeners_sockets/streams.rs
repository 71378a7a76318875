//! Subscriptions.

use crate::support::{CliClient, Place, place, wait_until};
use magia_app::listeners::QUEUE_MAX;
use magia_core::effect::Update;
use magia_core::event::{Event, ReplyId};
use magia_protocol::wire::{Command, StreamLine};
use serde_json::json;
use std::collections::BTreeSet;

fn subscribe(place: &Place, params: &str) -> (CliClient, ReplyId) {
    let mut cli = place.cli();
    cli.send(&format!("{{\"id\":9,\"method\":\"subscribe_events\",\"params\":{params}}}"));
    let (reply, command, _) = place.next_command();
    let Command::SubscribeEvents(params) = command else { panic!("{command:?}") };
    let listeners = place.listeners();
    assert!(listeners.replies().answer(reply, Ok(json!({"seq": 0}))));
    assert!(listeners.streams().add(reply, &params, 0));
    assert_eq!(cli.line(), "{\"id\":9,\"result\":{\"seq\":0}}\n");
    (cli, reply)
}

fn stream_line(cli: &mut CliClient) -> StreamLine {
    serde_json::from_value(cli.json()).expect("a stream line")
}

#[test]
fn subscribers_get_their_channels_until_they_go() {
    let place = place();
    let streams = place.listeners().streams();
    let (mut all, first) = subscribe(&place, "{}");
    let (mut some, _) = subscribe(&place, r#"{"channels":["settings:changed"]}"#);
    assert_eq!(streams.subscriber_count(), 2);
    streams.publish(1, Update::SessionsChanged(json!({"title": "a\nb"})));
    streams.publish(2, Update::SettingsChanged(json!(2)));
    assert_eq!(
        all.line(),
        "{\"id\":9,\"event\":\"sessions:changed\",\"seq\":1,\"payload\":{\"title\":\"a\\nb\"}}\n"
    );
    assert_eq!((stream_line(&mut all).seq, stream_line(&mut some).seq), (2, 2));

    some.send(r#"{"id":10,"method":"status"}"#);
    let response = some.json();
    assert_eq!((&response["id"], &response["error"]["code"]), (&json!(10), &json!("bad_request")));
    streams.publish(3, Update::SettingsChanged(json!(3)));
    assert_eq!(stream_line(&mut some).seq, 3);

    drop(all);
    assert!(matches!(place.next(), Event::RequesterGone(gone) if gone == first));
    wait_until("one is left", || streams.subscriber_count() == 1);
    assert!(streams.wants("settings:changed") && !streams.wants("sessions:changed"));
}

#[test]
fn a_slow_reader_is_told_what_it_lost_and_goes_on() {
    const COUNT: u64 = 20_000;
    let place = place();
    let streams = place.listeners().streams();
    let (mut slow, _) = subscribe(&place, "{}");
    let (mut quick, _) = subscribe(&place, r#"{"channels":["settings:changed"]}"#);
    let filler = "x".repeat(1_000);
    for seq in 1..=COUNT {
        streams.publish(seq, Update::SessionsChanged(json!(filler)));
    }
    // The other one does not suffer.
    streams.publish(COUNT + 1, Update::SettingsChanged(json!(1)));
    assert_eq!(stream_line(&mut quick).seq, COUNT + 1);

    let (mut got, mut lost, mut lagged) = (BTreeSet::new(), 0, 0);
    while got.len() as u64 + lost < COUNT + 1 {
        let line = stream_line(&mut slow);
        if line.event == "lagged" {
            lost += line.payload["lost"].as_u64().expect("a number");
            lagged += 1;
        } else {
            assert!(got.insert(line.seq) && got.last() == Some(&line.seq), "in order, once");
        }
    }
    assert!(lagged >= 1 && got.len() >= QUEUE_MAX, "{lagged} times, {} got", got.len());
    streams.publish(COUNT + 2, Update::SessionsChanged(json!(1)));
    assert_eq!(stream_line(&mut slow).seq, COUNT + 2);
}

#[test]
fn a_refused_subscription_is_an_ordinary_error() {
    let place = place();
    let mut cli = place.cli();
    cli.send(r#"{"id":1,"method":"subscribe","params":{"since":7}}"#);
    let (reply, _, _) = place.next_command();
    let err = magia_protocol::wire::RpcError::new(magia_protocol::wire::ErrorCode::BadParams, "no");
    place.listeners().replies().answer(reply, Err(err));
    assert_eq!(cli.json()["error"]["message"], "no");
    cli.send(r#"{"id":2,"method":"status"}"#);
    let (reply, _, _) = place.next_command();
    place.listeners().replies().answer(reply, Ok(json!(2)));
    assert_eq!(cli.json()["result"], 2);
}

#[test]
fn stopping_flushes_what_was_published() {
    let mut place = place();
    let (mut cli, _) = subscribe(&place, "{}");
    for seq in 0..200 {
        place.listeners().streams().publish(seq, Update::SessionsChanged(json!(seq)));
    }
    drop(place.listeners.take());
    for seq in 0..200 {
        assert_eq!(stream_line(&mut cli).seq, seq);
    }
}
