//! The tray, the attention queue, and what happened while the user was away.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail"
)]

mod script;

use magia_core::attention::{self, Attention, Need};
use magia_core::effect::{Effect, Job};
use magia_core::event::Event;
use magia_core::settings::{NotificationSettings, Settings};
use magia_core::snapshot::{RaisePage, Snapshot};
use magia_core::tray::{TrayChoice, TrayHost, TrayState, TrayView};
use magia_protocol::wire::RequestState::{Decided, Open};
use magia_protocol::wire::info::Decision;
use magia_protocol::wire::{Risk, SessionId};
use script::{Script, bash};
use serde_json::{Value, json};
use std::sync::Arc;

fn snapshot(script: &mut Script) -> Arc<Snapshot> {
    // Something always differs: the window says what it shows.
    script.tick();
    script.apply(Event::TrayReported(TrayHost::Present));
    script.model.snapshot(script.now).expect("a snapshot")
}

fn view(script: &mut Script) -> TrayView {
    TrayView::of(&snapshot(script))
}

fn session(script: &mut Script, pid: u32, id: &str, prompt: &str) -> SessionId {
    script.wait(1_000).hook(pid, id, "UserPromptSubmit", json!({ "prompt": prompt }));
    script.row(id).id
}

#[test]
fn the_tray_says_what_needs_the_user_and_offers_answers_up_to_its_level() {
    let mut script = Script::new();
    assert_eq!(view(&mut script), TrayView { words: "nothing needs you".into(), ..TrayView::default() });
    let a = session(&mut script, 10, "a", "tidy & up");
    assert_eq!(
        (view(&mut script).state, view(&mut script).words.as_str()),
        (TrayState::Working, "1 working")
    );
    let (_, low) = script.bash(10, "a", "t1", "ls");
    session(&mut script, 11, "b", "burn");
    let (_, high) = script.bash(11, "b", "t1", "rm -rf / \u{202e}x");
    session(&mut script, 12, "c", "works");
    let tray = view(&mut script);
    assert_eq!(
        (tray.state, tray.waiting, tray.words.as_str()),
        (TrayState::NeedsYou, 2, "2 need you, 1 working")
    );
    let requests: Vec<(&str, bool)> =
        tray.requests.iter().map(|row| (row.line.as_str(), row.decide)).collect();
    assert_eq!(requests, [("tidy & up: Bash ls", true), ("burn: Bash rm -rf / \\u{202e}x", false)]);
    assert_eq!((tray.requests[0].id, tray.requests[1].id), (low, high));
    assert_eq!(
        tray.sessions[0].line, "shop / burn (waiting for permission)",
        "the newest of those that wait"
    );
    assert_eq!(tray.sessions[1].id, a);
    assert_eq!(tray.projects.iter().map(|row| row.path.as_str()).collect::<Vec<_>>(), ["/home/dev/shop"]);
    let with = |tray_up_to| Settings {
        notices: NotificationSettings { tray_up_to, ..NotificationSettings::default() },
        ..Settings::default()
    };
    script.settings(with(None));
    assert!(view(&mut script).requests.iter().all(|row| !row.decide));
    script.settings(with(Some(Risk::High)));
    assert!(view(&mut script).requests.iter().all(|row| row.decide));
}

#[test]
fn a_long_menu_is_cut_and_says_so() {
    let mut script = Script::new();
    for number in 0..15 {
        let id = format!("s{number}");
        session(&mut script, 100 + number, &id, &"long ".repeat(40));
        script.bash(100 + number, &id, "t1", "ls");
    }
    let tray = view(&mut script);
    assert_eq!((tray.waiting, tray.requests.len(), tray.more, tray.sessions.len()), (15, 8, 7, 12));
    assert!(tray.requests.iter().all(|row| row.line.chars().count() == 65 && row.line.ends_with('…')));
}

#[test]
fn what_is_chosen_in_the_tray_is_done_and_a_high_risk_is_shown_instead() {
    let mut script = Script::new();
    session(&mut script, 10, "a", "tidy up");
    let (gate, low) = script.bash(10, "a", "t1", "ls");
    let answer = |request, decision| Event::TrayChosen(TrayChoice::Answer { request, decision });
    script.apply(answer(low, Decision::Allow));
    assert_eq!((script.answer(gate).as_deref(), script.decided_by(low)), (Some("allow"), "tray"));
    script.written(gate, true);
    // An old menu's click.
    script.apply(answer(low, Decision::Deny));
    assert_eq!(script.request_state(low), Decided);

    let (gate, high) = script.bash(10, "a", "t2", "rm -rf /");
    for decision in [Decision::Allow, Decision::Deny] {
        script.apply(answer(high, decision));
        assert_eq!((script.answer(gate), script.request_state(high)), (None, Open));
        assert_eq!(snapshot(&mut script).raise_request, Some(high));
    }
    let first = script.effects.len();
    let before = snapshot(&mut script).raise;
    for (choice, page) in [
        (TrayChoice::Show, None),
        (TrayChoice::NewSession, Some(RaisePage::NewSession)),
        (TrayChoice::OpenProject("/home/dev/shop".into()), Some(RaisePage::Project("/home/dev/shop".into()))),
        (TrayChoice::OpenRequest(high), None),
    ] {
        script.apply(Event::TrayChosen(choice.clone()));
        assert_eq!(snapshot(&mut script).raise_page, page, "{choice:?}");
    }
    let shown = snapshot(&mut script);
    assert_eq!((shown.raise, shown.raise_session), (before + 4, Some(script.row("a").id)));
    assert_eq!(
        (script.published(first, "tray:new-session"), script.published(first, "tray:open-project")),
        (1, 1)
    );
    script.apply(Event::TrayChosen(TrayChoice::Pause));
    assert!(view(&mut script).paused);
    script.apply(Event::TrayChosen(TrayChoice::Resume));
    assert!(!view(&mut script).paused);
    let first = script.apply(Event::TrayChosen(TrayChoice::Quit));
    assert_eq!(script.count(first, |fx| matches!(fx, Effect::Quit)), 1);
}

#[test]
fn where_a_closed_window_went_is_said_once() {
    let mut script = Script::new();
    let first = script.apply(Event::WindowHidden);
    let kept = |fx: &Effect| matches!(fx, Effect::Run { job: Job::SaveSettings(save), .. } if save.settings["trayHintShown"] == true);
    assert_eq!(script.count(first, kept), 1);
    assert_eq!(script.count(first, |fx| matches!(fx, Effect::Notify(_))), 1);
    assert_eq!(script.published(first, "tray:minimized-first-time"), 1);
    let first = script.apply(Event::WindowHidden);
    assert!(script.since(first).is_empty(), "also before the settings are read again");
    let shown = NotificationSettings { tray_hint_shown: true, ..NotificationSettings::default() };
    let mut script = Script::new();
    script.settings(Settings { notices: shown, ..Settings::default() });
    let first = script.apply(Event::WindowHidden);
    assert!(script.since(first).is_empty());
}

fn needs(script: &mut Script) -> Vec<(Need, String)> {
    let shown = snapshot(script);
    let title = |id: SessionId| shown.sessions.iter().find(|row| row.id == id).unwrap().title.clone();
    let queue = attention::queue(&shown.sessions, &shown.requests);
    queue.iter().map(|one| (one.need, title(one.session))).collect()
}

#[test]
fn the_queue_has_permissions_questions_failures_and_what_is_done_and_not_looked_at() {
    let mut script = Script::new();
    let done = session(&mut script, 10, "a", "done");
    script.hook(10, "a", "Stop", json!({}));
    session(&mut script, 11, "b", "failed");
    script.hook(11, "b", "StopFailure", json!({"error": "overloaded"}));
    session(&mut script, 12, "c", "question");
    let ask = json!({"tool_name": "AskUserQuestion", "tool_use_id": "q", "tool_input": {"questions": [
        {"question": "Which?", "header": "W", "multiSelect": false, "options": [{"label": "A"}, {"label": "B"}]}]}});
    script.asks(12, "c", ask);
    session(&mut script, 13, "d", "permission");
    script.bash(13, "d", "t1", "ls");
    session(&mut script, 14, "e", "works");
    session(&mut script, 15, "f", "second permission");
    script.bash(15, "f", "t1", "ls");
    let text = |needs: Vec<(Need, String)>| needs.into_iter().map(|(_, title)| title).collect::<Vec<_>>();
    assert_eq!(text(needs(&mut script)), ["permission", "second permission", "question", "failed", "done"]);
    script.apply(Event::WindowChanged { focused: true, selected: Some(done) });
    assert_eq!(
        text(needs(&mut script)),
        ["permission", "second permission", "question", "failed"],
        "looked at"
    );
    script.hook(10, "a", "UserPromptSubmit", json!({"prompt": "more"}));
    script.hook(10, "a", "Stop", json!({}));
    assert_eq!(text(needs(&mut script)).len(), 4, "it was in front when it was done");
    script.apply(Event::WindowChanged { focused: false, selected: Some(done) });
    script.hook(10, "a", "UserPromptSubmit", json!({"prompt": "more"}));
    script.hook(10, "a", "Stop", json!({}));
    script.hook(11, "b", "UserPromptSubmit", json!({"prompt": "again"}));
    assert_eq!(needs(&mut script).last().unwrap().0, Need::Done);
    assert_eq!(script.row("a").unread_since_ms, Some(script.now.unix_ms));
}

#[test]
fn one_key_walks_round_the_queue() {
    let id = |number: u128| SessionId::from_uuid(uuid::Uuid::from_u128(number));
    let request = |number: u128| magia_protocol::wire::RequestId::from_uuid(uuid::Uuid::from_u128(number));
    let one = |need, session, request| Attention { need, session, request, since_ms: 1 };
    let queue = [
        one(Need::Permission, id(1), Some(request(7))),
        one(Need::Permission, id(1), Some(request(8))),
        one(Need::Done, id(2), None),
    ];
    let next = |request, session| attention::next(&queue, request, session).unwrap();
    assert_eq!(next(None, None), queue[0]);
    assert_eq!(next(Some(request(7)), Some(id(1))), queue[1]);
    assert_eq!(next(Some(request(8)), Some(id(1))), queue[2]);
    assert_eq!(next(None, Some(id(2))), queue[0], "and round");
    assert_eq!(next(Some(request(99)), Some(id(9))), queue[0]);
    assert_eq!(attention::next(&[], None, None), None);
}

#[test]
fn who_comes_back_is_told_what_happened() {
    let mut script = Script::new();
    let digest = |script: &mut Script| script.cli("get_digest", json!({})).unwrap();
    session(&mut script, 10, "a", "tidy up");
    script.apply(Event::WindowChanged { focused: true, selected: None });
    script.wait(1_000).apply(Event::WindowChanged { focused: false, selected: None });
    let (gate, id) = script.bash(10, "a", "t1", "git commit -m x");
    script.decide_written(gate, id, Decision::Allow);
    script.hook(10, "a", "PostToolUse", bash("t1", "git commit -m x"));
    let write =
        |path: &str| json!({"tool_name": "Write", "tool_use_id": path, "tool_input": {"file_path": path}});
    for path in ["/a", "/b", "/a"] {
        script.hook(10, "a", "PostToolUse", write(path));
    }
    script.hook(10, "a", "Stop", json!({}));
    script.wait(42 * 60_000);
    let found = digest(&mut script);
    let numbers = ["files", "commands", "commits", "allowed", "denied", "done", "failed", "sessions"];
    let numbers: Vec<&Value> = numbers.iter().map(|key| &found[*key]).collect();
    assert_eq!(numbers, [2, 1, 1, 1, 0, 1, 0, 1].map(|number| json!(number)).iter().collect::<Vec<_>>());
    script.apply(Event::WindowChanged { focused: true, selected: None });
    let toast = |script: &mut Script| snapshot(script).toasts.last().map(|toast| toast.text.clone());
    let words =
        "Since you left, 42 min ago: 2 files written, 1 command, 1 commit, 1 request allowed, 1 turn done";
    assert_eq!(toast(&mut script).as_deref(), Some(words));
    // A look away is no absence, and an absence without news is not told.
    script.apply(Event::WindowChanged { focused: false, selected: None });
    script.hook(10, "a", "Stop", json!({}));
    script.wait(60_000).apply(Event::WindowChanged { focused: true, selected: None });
    script.apply(Event::WindowChanged { focused: false, selected: None });
    script.wait(600_000).apply(Event::WindowChanged { focused: true, selected: None });
    assert_eq!(snapshot(&mut script).toasts.len(), 1);
}
