//! Bursts of notifications: what joins what, and that nobody's chatter hides a request.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail"
)]

mod script;

use magia_core::effect::{Effect, Notice};
use magia_core::event::Event;
use magia_core::model::LEDGER_MAX;
use magia_core::settings::{NotificationSettings, Settings};
use magia_protocol::wire::Risk;
use magia_protocol::wire::info::Decision;
use script::Script;
use serde_json::json;

/// An agent that works, buttons for every risk, and a phone.
fn working() -> Script {
    let mut script = Script::new();
    let notices = NotificationSettings {
        decide_up_to: Some(Risk::High),
        ntfy: "https://ntfy.sh/me".into(),
        ..Default::default()
    };
    script.settings(Settings { notices, ..Settings::default() });
    script.hook(10, "a", "UserPromptSubmit", json!({"prompt": "tidy up"}));
    script.wait(9_000);
    script
}

fn says(script: &mut Script, terminal: &str, body: &str) -> usize {
    let (title, body) = ("make".to_owned(), body.to_owned());
    script.apply(Event::TerminalNotified { terminal: terminal.to_owned(), title, body })
}

fn shown(script: &Script, first: usize) -> Vec<Notice> {
    let notice = |effect: &Effect| match effect {
        Effect::Notify(notice) => Some(notice.clone()),
        _ => None,
    };
    script.since(first).iter().filter_map(notice).collect()
}

fn sent(script: &Script, first: usize) -> usize {
    script.count(first, |effect| matches!(effect, Effect::Send { .. }))
}

/// A request that is told by itself, with buttons and a sound, and to the phone.
#[track_caller]
fn asks_aloud(script: &mut Script, use_id: &str) -> u64 {
    let first = script.effects.len();
    let (_, id) = script.bash(10, "a", use_id, "make");
    let notice = shown(script, first).pop().unwrap();
    assert_eq!((notice.title.as_str(), notice.decide), ("Permission required: tidy up", Some(id)));
    assert!(notice.sound);
    assert_eq!(sent(script, first), 1, "the phone is told");
    notice.number
}

#[test]
fn a_chatty_program_hides_no_request() {
    let mut script = working();
    let chatter = |script: &mut Script, times: u32| {
        let first = script.effects.len();
        for number in 0..times {
            script.wait(250);
            says(script, "one", &format!("step {number}"));
        }
        first
    };
    let first = chatter(&mut script, 40);
    let number = asks_aloud(&mut script, "t1");
    assert!(shown(&script, first).iter().filter(|notice| notice.number != number).count() == 40);
    // Nor does it take a request's buttons away afterwards.
    let first = chatter(&mut script, 4);
    assert!(shown(&script, first).iter().all(|notice| notice.number != number));
}

#[test]
fn a_program_has_one_notification_with_its_newest_words() {
    let mut script = working();
    let first = script.effects.len();
    for number in 0..100 {
        script.wait(250);
        says(&mut script, "one", &format!("step {number}"));
        says(&mut script, "two", "done");
    }
    let mut numbers: Vec<u64> = shown(&script, first).iter().map(|notice| notice.number).collect();
    numbers.dedup();
    numbers.sort_unstable();
    numbers.dedup();
    assert!(numbers.len() <= 3, "{numbers:?}");
    let last = shown(&script, first).pop().unwrap();
    assert!(last.body.lines().count() <= 2, "{}", last.body);
    assert!(sent(&script, first) <= 10, "{} messages to a phone in 25 s", sent(&script, first));
    // What it says much later is news.
    script.wait(60_000);
    let first = says(&mut script, "one", "all failed");
    assert_eq!((shown(&script, first)[0].body.as_str(), sent(&script, first)), ("all failed", 1));
}

#[test]
fn a_request_is_no_line_of_what_is_less_urgent() {
    let mut script = working();
    script.hook(11, "b", "UserPromptSubmit", json!({"prompt": "other"}));
    script.hook(11, "b", "Stop", json!({"last_assistant_message": "ok"}));
    script.wait(500);
    asks_aloud(&mut script, "t1");
}

#[test]
fn a_burst_ends_though_it_never_pauses() {
    let mut script = working();
    let first = script.effects.len();
    for number in 0..10 {
        script.wait(1_000);
        script.bash(10, "a", &format!("t{number}"), &format!("make {number}"));
    }
    let mut numbers: Vec<u64> = shown(&script, first).iter().map(|notice| notice.number).collect();
    numbers.dedup();
    assert_eq!((numbers.len(), sent(&script, first)), (2, 2), "{numbers:?}");
}

#[test]
fn chatter_pushes_no_waiting_request_out_of_the_list() {
    let mut script = working();
    let first = script.effects.len();
    let (gate, id) = script.bash(10, "a", "t1", "make");
    let number = shown(&script, first)[0].number;
    for step in 0..LEDGER_MAX + 10 {
        script.wait(2_000);
        says(&mut script, "one", &format!("step {step}"));
    }
    let rows = script.cli("get_notifications", json!({"limit": 1_000})).unwrap();
    let rows = rows.as_array().unwrap();
    assert_eq!(rows.len(), LEDGER_MAX);
    assert_eq!(rows.last().unwrap()["request"], json!(id));
    let first = script.effects.len();
    script.decide_written(gate, id, Decision::Allow);
    let taken_back = |effect: &Effect| matches!(effect, Effect::Withdraw(taken) if *taken == number);
    assert_eq!(script.count(first, taken_back), 1);
}
