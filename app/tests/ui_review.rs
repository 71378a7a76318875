//! The review of a change that an agent shows: taken whole, in part, edited, refused, left.
#![cfg(feature = "window")]
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod ui_bench;
mod ui_scenes;

use eframe::egui::{Key, Modifiers};
use egui_kittest::kittest::Queryable;
use magia_app::ui::state::Route;
use magia_protocol::wire::Command;
use magia_protocol::wire::command::ResolvePermission;
use magia_protocol::wire::info::Decision;
use std::sync::Arc;
use ui_bench::{NOW_MS, Window, click, later, press, shows, type_text, window};
use ui_scenes::{busy, request_id, scene, session_id};

fn review() -> Window {
    window(scene("review", NOW_MS), [1280.0, 800.0])
}

fn sent(harness: &Window) -> ResolvePermission {
    match harness.state().sent.last() {
        Some(Command::ResolvePermission(sent)) => sent.clone(),
        other => panic!("nothing was answered: {other:?}"),
    }
}

fn texts(harness: &Window) -> (String, String) {
    let view = harness.state().snapshot.requests.iter().find(|view| view.diff.is_some()).unwrap();
    let diff = view.diff.as_ref().unwrap();
    (diff.old.as_deref().unwrap().to_owned(), diff.new.to_string())
}

#[test]
fn it_opens_by_itself_and_is_accepted_whole() {
    let mut harness = review();
    assert!(shows(&harness, "Hunk 1 of 3"));
    click(&mut harness, "Accept: per_key.rs");
    let plain = ResolvePermission::new(request_id(2).to_string(), Decision::Allow);
    assert_eq!(sent(&harness), plain, "as the agent wrote it: the agent's own text is allowed");
}

#[test]
fn hunks_are_left_out() {
    let mut harness = review();
    click(&mut harness, "Hunk 2 of 3");
    assert!(shows(&harness, "Accept 2 of 3 hunks"));
    click(&mut harness, "Accept 2 of 3 hunks");
    let (old, new) = texts(&harness);
    let contents = sent(&harness).contents.unwrap();
    assert!(contents.contains("BTreeMap") && !contents.contains("half a dozen"));
    assert!(*contents != *old && *contents != *new);
    for hunk in ["Hunk 1 of 3", "Hunk 3 of 3"] {
        if !shows(&harness, hunk) {
            click(&mut harness, "Next hunk");
        }
        click(&mut harness, hunk);
    }
    let before = harness.state().sent.len();
    click(&mut harness, "Accept 0 of 3 hunks");
    assert_eq!(harness.state().sent.len(), before, "nothing is left to accept");
}

#[test]
fn it_is_edited_before_it_is_accepted() {
    let mut harness = review();
    click(&mut harness, "Edit the change");
    harness.get_by_label("New text of the file").focus();
    harness.run_steps(2);
    press(&mut harness, Modifiers::COMMAND, Key::End);
    type_text(&mut harness, "// mine\n");
    press(&mut harness, Modifiers::NONE, Key::Escape);
    press(&mut harness, Modifiers::NONE, Key::Escape);
    assert!(harness.state().state.review.is_editing(), "Escape does not throw away what was written");
    click(&mut harness, "Use this text");
    click(&mut harness, "Accept edited");
    let (_, new) = texts(&harness);
    assert_eq!(sent(&harness).contents.as_deref(), Some(format!("{new}// mine\n").as_str()));
}

#[test]
fn closing_is_a_refusal_and_going_back_is_not() {
    let mut harness = review();
    press(&mut harness, Modifiers::NONE, Key::Escape);
    assert!(harness.state().sent.is_empty());
    assert!(harness.state().state.review.open().is_none());
    let bench = harness.state_mut();
    bench.snapshot.revision += 1;
    bench.state.follow(&bench.snapshot, 1.0);
    assert!(bench.state.review.open().is_none(), "once left it does not come back by itself");
    harness.run_steps(3);
    click(&mut harness, "Review Edit");
    click(&mut harness, "Close and reject");
    assert_eq!(sent(&harness).decision, Decision::Deny);
}

#[test]
fn a_key_accepts_once_it_was_seen() {
    let mut harness = window(busy(NOW_MS), [1280.0, 800.0]);
    let bench = harness.state_mut();
    bench.snapshot = scene("review", NOW_MS);
    bench.state.selected = Some(session_id(4));
    bench.state.follow(&bench.snapshot, 1.0);
    assert_eq!(bench.state.review.open().map(|open| open.request), Some(request_id(2)));
    press(&mut harness, Modifiers::COMMAND, Key::Enter);
    let early = harness.state().sent.is_empty();
    later(&mut harness, 1.0);
    // egui's own clock goes on by a frame a step.
    harness.run_steps(60);
    press(&mut harness, Modifiers::COMMAND, Key::Enter);
    assert!(early, "what was typed before it was there does not count");
    assert_eq!(sent(&harness).decision, Decision::Allow);
}

#[test]
fn answered_elsewhere_it_leaves() {
    let mut harness = review();
    let bench = harness.state_mut();
    bench.snapshot.revision += 1;
    bench.snapshot.requests.remove(1);
    bench.state.follow(&bench.snapshot, 1.0);
    assert!(bench.state.review.open().is_none());
    harness.run_steps(3);
    assert!(!shows(&harness, "Hunk 1 of 3"));
}

#[test]
fn nobody_is_interrupted() {
    let mut snapshot = busy(NOW_MS);
    let mut harness = window(snapshot.clone(), [1280.0, 800.0]);
    snapshot = scene("review", NOW_MS);
    snapshot.raise = 0;
    harness.state_mut().snapshot = snapshot.clone();
    let bench = harness.state_mut();
    bench.state.follow(&snapshot, 1.0);
    assert!(bench.state.review.open().is_none(), "another session is looked at");
    bench.state.route = Route::Settings;
    bench.state.selected = Some(session_id(4));
    bench.state.follow(&snapshot, 1.0);
    assert!(bench.state.review.open().is_none(), "the settings are looked at");
    bench.state.route = Route::Sessions;
    bench.state.follow(&snapshot, 1.0);
    assert_eq!(bench.state.review.open().map(|open| open.request), Some(request_id(2)));
}

#[test]
fn a_file_that_cannot_be_read_has_no_hunks_to_choose_from() {
    let mut snapshot = scene("review", NOW_MS);
    let view = Arc::make_mut(&mut snapshot.requests[1]);
    let mut diff = (**view.diff.as_ref().unwrap()).clone();
    diff.old = None;
    view.diff = Some(Arc::new(diff));
    let harness = window(snapshot, [1280.0, 800.0]);
    assert!(shows(&harness, "could not be read"));
    assert!(harness.query_by_label("Hunk 1 of 1").is_some());
    assert!(shows(&harness, "Accept: per_key.rs"));
}
