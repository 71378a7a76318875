//! Notifications: who is told of what, once, and why not.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail"
)]

mod script;

use magia_core::effect::{Channel, Effect, Notice};
use magia_core::event::{Event, NoticeNews, Origin};
use magia_core::model::{LEDGER_MAX, Program};
use magia_core::settings::{NotificationSettings, QuietHours, Settings};
use magia_protocol::wire::RequestState::{Decided, Open};
use magia_protocol::wire::info::Decision;
use magia_protocol::wire::{NoticeKind, Risk};
use script::{Script, bash, in_agent};
use serde_json::{Value, json};

fn working() -> Script {
    let mut script = Script::new();
    script.hook(10, "a", "UserPromptSubmit", json!({"prompt": "tidy up"}));
    script.wait(5_000);
    script
}

/// What the desktop is told since a place: the last notice of each number, and what was taken back.
fn told(script: &Script, first: usize) -> (Vec<Notice>, Vec<u64>) {
    let mut notices: Vec<Notice> = Vec::new();
    let mut withdrawn = Vec::new();
    for effect in script.since(first) {
        match effect {
            Effect::Notify(notice) => {
                notices.retain(|known| known.number != notice.number);
                notices.push(notice.clone());
            }
            Effect::Withdraw(number) => withdrawn.push(*number),
            _ => {}
        }
    }
    (notices, withdrawn)
}

fn titles(script: &Script, first: usize) -> Vec<String> {
    told(script, first).0.into_iter().map(|notice| notice.title).collect()
}

fn ledger(script: &mut Script) -> Vec<Value> {
    script.cli("get_notifications", json!({})).unwrap().as_array().unwrap().clone()
}

fn outcomes(script: &mut Script) -> Vec<(String, String, String)> {
    let text = |row: &Value, key: &str| row[key].as_str().unwrap_or_default().to_owned();
    let row = |row: &Value| (text(row, "title"), text(row, "outcome"), text(row, "why"));
    ledger(script).iter().map(row).collect()
}

fn with(notices: NotificationSettings) -> Settings {
    Settings { notices, ..Settings::default() }
}

#[test]
fn each_kind_has_its_trigger_and_a_clean_end_has_none() {
    let mut script = working();
    let first = script.effects.len();
    let (gate, id) = script.bash(10, "a", "t1", "echo \u{202e}\u{1b}[31m");
    let (notices, _) = told(&script, first);
    assert_eq!(notices.len(), 1);
    assert_eq!(
        (notices[0].title.as_str(), notices[0].body.as_str(), notices[0].kind, notices[0].decide),
        ("Permission required: tidy up", "Bash: echo \\u{202e}\\u{1b}[31m", NoticeKind::Attention, None)
    );
    script.decide_written(gate, id, Decision::Allow);
    script.hook(10, "a", "PostToolUse", bash("t1", "make"));
    script.wait(5_000);
    let first = script.effects.len();
    script.hook(10, "a", "Stop", json!({"last_assistant_message": "\n  All tidy.\nReally."}));
    let (notices, _) = told(&script, first);
    assert_eq!(
        (notices[0].title.as_str(), notices[0].body.as_str(), notices[0].kind),
        ("Agent finished: tidy up", "All tidy.", NoticeKind::Completed)
    );
    script.wait(5_000);
    let first = script.effects.len();
    script.hook(10, "a", "UserPromptSubmit", json!({"prompt": "more"}));
    assert_eq!(told(&script, first), (Vec::new(), vec![notices[0].number]), "it goes on");
    script.wait(5_000);
    script.hook(10, "a", "StopFailure", json!({"error": "rate_limit"}));
    assert_eq!(titles(&script, first), ["Session error: tidy up"]);
    script.wait(5_000);
    let first = script.effects.len();
    script.hook(10, "a", "SessionEnd", json!({"reason": "prompt_input_exit"}));
    script.dies(10);
    assert_eq!(titles(&script, first), Vec::<String>::new(), "a clean end");
    // One that dies in its work.
    script.hook(11, "b", "UserPromptSubmit", json!({"prompt": "long work"}));
    script.dies(11);
    assert_eq!(titles(&script, first), ["Session error: long work"]);
    let rows = ledger(&mut script);
    let kinds: Vec<&str> = rows.iter().map(|row| row["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["error", "error", "completed", "attention"], "newest first");
    assert_eq!(rows[3]["over"], true);
    assert_eq!((&rows[3]["project"], &rows[3]["session_title"]), (&json!("shop"), &json!("tidy up")));
}

#[test]
fn subagents_are_not_told_of_but_their_requests_hold_the_session_up() {
    let mut script = working();
    let first = script.effects.len();
    let agent = |fields: Value| in_agent(fields, "s1");
    script.hook(10, "a", "SubagentStart", agent(json!({})));
    script.hook(10, "a", "SubagentStop", agent(json!({"last_assistant_message": "done"})));
    script.hook(10, "a", "StopFailure", agent(json!({"error": "overloaded"})));
    assert_eq!(titles(&script, first), Vec::<String>::new());
    let call = agent(bash("t1", "make"));
    script.hook(10, "a", "PreToolUse", call.clone());
    script.asks(10, "a", call);
    assert_eq!(titles(&script, first), ["Permission required: tidy up"]);
}

#[test]
fn every_reason_to_be_silent_is_in_the_ledger() {
    let mut script = working();
    let first = script.effects.len();
    let mut number = 0;
    let mut silent = |script: &mut Script, why: &str| {
        number += 1;
        let use_id = format!("t{number}");
        let (gate, id) = script.bash(10, "a", &use_id, "make");
        assert_eq!(outcomes(script)[0].2, why);
        script.decide_written(gate, id, Decision::Deny);
        script.wait(2_000);
    };
    script.settings(Settings { notifications: false, ..Settings::default() });
    silent(&mut script, "notifications are off");
    script.settings(with(NotificationSettings { kinds: vec![NoticeKind::Error], ..Default::default() }));
    silent(&mut script, "this kind is off");
    script.settings(with(NotificationSettings { muted: vec!["/home/dev".into()], ..Default::default() }));
    silent(&mut script, "the project is muted");
    let quiet = QuietHours::parse("22:00-06:00");
    script.settings(with(NotificationSettings { quiet, ..Default::default() }));
    assert!(script.model.wants_time_of_day());
    script.model.set_time_of_day(23 * 60);
    silent(&mut script, "quiet hours");
    script.model.set_time_of_day(12 * 60);
    script.cli("pause_notifications", json!({"minutes": 1})).unwrap();
    silent(&mut script, "paused");
    script.wait(60_000).tick();
    let session = script.row("a").id;
    script.apply(Event::WindowChanged { focused: true, selected: Some(session) });
    silent(&mut script, "the session is in front");
    assert_eq!(told(&script, first), (Vec::new(), Vec::new()));
    assert!(outcomes(&mut script).iter().all(|(_, outcome, _)| outcome == "suppressed"));
    // Another session, or another program, is in front.
    script.apply(Event::WindowChanged { focused: true, selected: None });
    script.bash(10, "a", "u1", "make");
    script.wait(2_000);
    script.apply(Event::WindowChanged { focused: false, selected: Some(session) });
    script.bash(10, "a", "u2", "make it");
    assert_eq!(titles(&script, first).len(), 2);
}

#[test]
fn a_pause_without_an_end_is_ended_by_hand_and_not_by_an_agent() {
    let mut script = working();
    let agent = script::below(&[(5, "magia"), (4, "claude")]);
    assert!(script.command("pause_notifications", json!({}), agent.clone()).unwrap().is_err());
    assert!(script.command("quit", json!({}), agent).unwrap().is_err());
    assert_eq!(script.cli("pause_notifications", json!({})).unwrap(), json!({"paused": true}));
    script.wait(999_999_999).tick();
    script.bash(10, "a", "t1", "make");
    assert_eq!(outcomes(&mut script)[0].2, "paused");
    assert_eq!(script.cli("pause_notifications", json!({"minutes": 0})).unwrap(), json!({"paused": false}));
    let first = script.effects.len();
    script.bash(10, "a", "t2", "make it");
    assert_eq!(titles(&script, first).len(), 1);
}

#[test]
fn a_burst_is_one_notification_that_shrinks_as_it_is_answered() {
    let mut script = working();
    script.settings(with(NotificationSettings { decide_up_to: Some(Risk::High), ..Default::default() }));
    script.wait(3_000);
    let first = script.effects.len();
    let (gate_one, one) = script.bash(10, "a", "t1", "make one");
    let (notices, _) = told(&script, first);
    assert_eq!((notices[0].decide, notices[0].sound), (Some(one), true));
    script.hook(11, "b", "UserPromptSubmit", json!({"prompt": "other"}));
    let (gate_two, two) = script.bash(11, "b", "t1", "make two");
    script.hook(12, "c", "UserPromptSubmit", json!({"prompt": "third"}));
    script.hook(12, "c", "Stop", json!({"last_assistant_message": "ok"}));
    let (notices, withdrawn) = told(&script, first);
    assert_eq!((notices.len(), withdrawn.len()), (1, 0), "{notices:#?}");
    let burst = notices[0].clone();
    assert_eq!(burst.title, "2 requests need you, 1 agent finished");
    assert_eq!(burst.body, "tidy up: Bash: make one\nother: Bash: make two\nthird: ok");
    assert_eq!(
        (burst.session, burst.decide, burst.sound, burst.kind),
        (None, None, false, NoticeKind::Attention)
    );

    script.decide_written(gate_one, one, Decision::Allow);
    script.hook(12, "c", "UserPromptSubmit", json!({"prompt": "fourth"}));
    let (notices, _) = told(&script, first);
    assert_eq!((notices.len(), notices[0].title.as_str()), (1, "Permission required: other"));
    assert_eq!(notices[0].decide, None, "a click on what stood there before may be on its way");
    script.decide_written(gate_two, two, Decision::Deny);
    assert_eq!(told(&script, first).1, [burst.number]);
    // The first that is left has no buttons either.
    script.wait(9_000);
    let first = script.effects.len();
    script.bash(10, "a", "t5", "make five");
    let (gate_six, six) = script.bash(11, "b", "t6", "make six");
    script.decide_written(gate_six, six, Decision::Allow);
    let (notices, _) = told(&script, first);
    assert_eq!((notices[0].body.as_str(), notices[0].decide), ("Bash: make five", None));
    // Later it is no burst any more.
    script.wait(1_600);
    let first = script.effects.len();
    script.bash(10, "a", "t7", "make");
    script.wait(1_600);
    script.bash(11, "b", "t8", "make");
    assert_eq!(told(&script, first).0.len(), 2);
}

#[test]
fn what_a_session_came_to_takes_the_place_of_what_it_came_to_before() {
    let mut script = working();
    let first = script.effects.len();
    script.hook(10, "a", "Stop", json!({"last_assistant_message": "one"}));
    script.wait(9_000);
    script.hook(10, "a", "Stop", json!({"last_assistant_message": "two"}));
    let shown: Vec<(u64, String)> = script
        .since(first)
        .iter()
        .filter_map(|effect| match effect {
            Effect::Notify(notice) => Some((notice.number, notice.body.clone())),
            _ => None,
        })
        .collect();
    assert_eq!((shown[0].0, shown[1].0, shown[1].1.as_str()), (shown[0].0, shown[0].0, "two"));
    assert_eq!(told(&script, first).1, Vec::<u64>::new(), "replaced, not taken back");
    assert_eq!(ledger(&mut script)[1]["over"], true);
}

#[test]
fn a_session_that_comes_to_the_front_needs_no_notification() {
    let mut script = working();
    let first = script.effects.len();
    let (_, id) = script.bash(10, "a", "t1", "make");
    script.wait(9_000);
    script.hook(11, "b", "UserPromptSubmit", json!({"prompt": "other"}));
    script.hook(11, "b", "Stop", json!({}));
    assert_eq!(ledger(&mut script).iter().filter(|row| row["read"] == false).count(), 2);
    let session = script.row("a").id;
    script.apply(Event::WindowChanged { focused: true, selected: Some(session) });
    assert_eq!(told(&script, first).1, [1]);
    let rows = ledger(&mut script);
    assert_eq!(
        (&rows[0]["read"], &rows[1]["read"], &rows[1]["over"]),
        (&json!(false), &json!(true), &json!(false))
    );
    assert_eq!(script.request_state(id), Open);
}

#[test]
fn a_click_opens_the_session_and_a_button_answers_up_to_the_level() {
    let program = Program { version: "test".into(), pid: 1, ..Program::default() };
    let mut script = Script::of_program(program);
    script.hook(10, "a", "UserPromptSubmit", json!({"prompt": "x"}));
    script.settings(with(NotificationSettings { decide_up_to: Some(Risk::Low), ..Default::default() }));
    script.wait(5_000);
    let first = script.effects.len();
    let (gate, low) = script.bash(10, "a", "t1", "ls");
    let (notices, _) = told(&script, first);
    assert_eq!(notices[0].decide, Some(low));
    let number = notices[0].number;
    script.apply(Event::NoticeReported { number, news: NoticeNews::Shown });
    assert_eq!(ledger(&mut script)[0]["outcome"], "shown");
    script.apply(Event::NoticeReported { number, news: NoticeNews::Clicked });
    let snapshot = script.model.snapshot(script.now).unwrap();
    assert_eq!((snapshot.raise_session, snapshot.raise_request), (Some(script.row("a").id), Some(low)));
    assert_eq!(script.published(first, "notification-session-clicked"), 1);
    assert_eq!((script.answer(gate), script.request_state(low)), (None, Open), "a click decides nothing");
    let news = NoticeNews::Answered { request: low, decision: Decision::Allow };
    script.apply(Event::NoticeReported { number, news });
    assert_eq!((script.answer(gate).as_deref(), script.decided_by(low)), (Some("allow"), "notification"));
    script.written(gate, true);
    assert_eq!(told(&script, first).1, [number]);

    script.wait(5_000);
    let first = script.effects.len();
    let (gate, high) = script.bash(10, "a", "t2", "rm -rf /");
    let notice = told(&script, first).0[0].clone();
    assert_eq!(notice.decide, None, "no buttons");
    let news = NoticeNews::Answered { request: high, decision: Decision::Allow };
    script.apply(Event::NoticeReported { number: notice.number, news });
    assert_eq!((script.answer(gate), script.request_state(high)), (None, Open));
    let snapshot = script.model.snapshot(script.now).unwrap();
    assert_eq!(snapshot.raise_request, Some(high), "the window shows it instead");
    assert!(snapshot.toasts.last().unwrap().text.contains("high risk"));
    // The tray is held to its own level, which is low unless it is set.
    for (origin, id, taken) in [(Origin::Tray, high, false), (Origin::Window, high, true)] {
        let params = json!({"id": id.to_string(), "decision": "deny"});
        script.command("resolve_permission", params, origin);
        assert_eq!(script.request_state(id) == Decided, taken);
    }
}

#[test]
fn what_cannot_be_shown_is_in_the_ledger_and_so_is_each_channel() {
    let mut script = working();
    script.settings(with(NotificationSettings {
        command: vec!["say".into(), "{title}".into()],
        webhook: "https://example.com/hook".into(),
        ntfy: "https://ntfy.sh/me".into(),
        ..Default::default()
    }));
    let first = script.effects.len();
    script.bash(10, "a", "t1", "make");
    let sent: Vec<(&str, u64)> = script
        .since(first)
        .iter()
        .filter_map(|effect| match effect {
            Effect::Send { channel, notification } => Some((channel.name(), notification.id)),
            _ => None,
        })
        .collect();
    assert_eq!(sent, [("command", 1), ("webhook", 1), ("ntfy", 1)]);
    assert_eq!(script.count(first, |fx| matches!(fx, Effect::Send { channel: Channel::Command(_), .. })), 1);
    script.apply(Event::NoticeReported { number: 1, news: NoticeNews::Failed("no daemon".into()) });
    script.apply(Event::ChannelReported { id: 1, channel: "ntfy", outcome: Ok(()) });
    script.apply(Event::ChannelReported { id: 1, channel: "webhook", outcome: Err("403".into()) });
    let row = &ledger(&mut script)[0];
    assert_eq!((&row["outcome"], &row["why"]), (&json!("failed"), &json!("no daemon")));
    let wanted = json!([{"channel": "ntfy", "outcome": "shown", "why": null},
                        {"channel": "webhook", "outcome": "failed", "why": "403"}]);
    assert_eq!(row["channels"], wanted);
    // A burst is one message there too.
    let first = script.effects.len();
    script.bash(10, "a", "t2", "make it");
    assert_eq!(script.count(first, |fx| matches!(fx, Effect::Send { .. })), 3, "the failed one is no burst");
    let first = script.effects.len();
    script.bash(10, "a", "t3", "make this");
    assert_eq!(script.count(first, |fx| matches!(fx, Effect::Send { .. })), 0);
}

#[test]
fn the_ledger_is_bounded_read_and_dismissed() {
    let mut script = working();
    for number in 0..LEDGER_MAX + 5 {
        script.wait(2_000);
        script.hook(10, "a", "Stop", json!({"last_assistant_message": format!("{number}")}));
    }
    assert_eq!(ledger(&mut script).len(), 100, "unless more are asked for");
    let all = script.cli("get_notifications", json!({"limit": 1_000})).unwrap();
    assert_eq!(all.as_array().unwrap().len(), LEDGER_MAX);
    let newest = all[0]["id"].as_u64().unwrap();
    assert_eq!(newest, LEDGER_MAX as u64 + 5);
    let unread = script.cli("read_notifications", json!({"id": newest})).unwrap();
    assert_eq!(unread, json!({"unread": LEDGER_MAX - 1}));
    assert!(script.cli("read_notifications", json!({"id": 1})).is_err(), "forgotten");
    let first = script.effects.len();
    assert_eq!(
        script.cli("dismiss_notifications", json!({"id": newest})).unwrap(),
        json!({"left": LEDGER_MAX - 1})
    );
    assert_eq!(told(&script, first).1.len(), 1, "the desktop's goes too");
    assert_eq!(script.cli("read_notifications", json!({})).unwrap(), json!({"unread": 0}));
    assert_eq!(script.cli("dismiss_notifications", json!({})).unwrap(), json!({"left": 0}));
    assert!(ledger(&mut script).is_empty());
}

#[test]
fn a_notification_that_a_person_took_away_does_not_come_back() {
    let mut script = working();
    let first = script.effects.len();
    let (gate, id) = script.bash(10, "a", "t1", "make");
    let number = told(&script, first).0[0].number;
    script.apply(Event::NoticeReported { number, news: NoticeNews::Closed });
    let first = script.effects.len();
    script.apply(Event::NoticeReported { number, news: NoticeNews::Clicked });
    script.decide_written(gate, id, Decision::Allow);
    assert_eq!(told(&script, first), (Vec::new(), Vec::new()));
}
