//! Requests' cards in the window, without a display: what is seen of them, and what the keyboard does.
#![cfg(feature = "window")]
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing)]

mod ui_bench;
mod ui_scenes;

use eframe::egui::{Key, Modifiers};
use egui_kittest::kittest::Queryable;
use magia_core::snapshot::Snapshot;
use magia_core::timeline::ToolStatus;
use magia_protocol::wire::info::Decision;
use magia_protocol::wire::{Command, RequestState, Risk};
use serde_json::json;
use std::sync::Arc;
use ui_bench::{NOW_MS, Window, click, follow, later, press, shows, window};
use ui_scenes::{busy, request, request_id, scene, session_id, timeline, tool};

const SIZE: [f32; 2] = [1280.0, 800.0];

fn decisions(harness: &Window) -> Vec<(String, Decision)> {
    let answers = harness.state().sent.iter().filter_map(|command| match command {
        Command::ResolvePermission(answer) => Some((answer.id.clone(), answer.decision)),
        _ => None,
    });
    answers.collect()
}

/// The session that is shown first asks for these commands.
fn asking(commands: &[String]) -> Snapshot {
    let mut snapshot = busy(NOW_MS);
    let session = (*snapshot.sessions[0]).clone();
    snapshot.requests = (1..)
        .zip(commands)
        .map(|(number, command)| {
            let input = json!({ "command": command });
            Arc::new(request(number, &session, "Bash", input, Risk::Low, NOW_MS - 1_000 + number))
        })
        .collect();
    snapshot.timeline = Some(timeline(&snapshot, session.id, NOW_MS));
    snapshot
}

#[test]
fn a_question_is_answered_by_the_keyboard_alone() {
    let mut harness = window(scene("question", NOW_MS), SIZE);
    later(&mut harness, 1.0);
    press(&mut harness, Modifiers::NONE, Key::Num2);
    press(&mut harness, Modifiers::NONE, Key::Enter);
    assert_eq!(harness.state().sent, [], "one question is still open");
    press(&mut harness, Modifiers::NONE, Key::Num1);
    press(&mut harness, Modifiers::NONE, Key::Num3);
    press(&mut harness, Modifiers::NONE, Key::Enter);
    let Some(Command::ResolvePermission(sent)) = harness.state().sent.first() else {
        panic!("nothing was sent")
    };
    let answers = json!({
        "Which store should the search index live in?": "Tantivy",
        "Which fields should be searched?": "Title, Reviews",
    });
    assert_eq!(json!(sent.answers), answers);
    let id = sent.id.clone();
    follow(&mut harness, |snapshot| {
        let it = snapshot.requests.iter_mut().find(|view| view.info.id.to_string() == id).unwrap();
        Arc::make_mut(it).info.state = RequestState::Decided;
    });
    assert!(shows(&harness, "Answered: Tantivy; Title, Reviews"), "what was chosen is still to be seen");
}

#[test]
fn the_answers_of_a_long_request_are_on_screen_and_have_their_keys() {
    let command: String = (1..=80).map(|line| format!("echo line {line} &&\n")).collect::<String>() + "true";
    for size in [SIZE, [800.0, 500.0]] {
        let mut harness = window(asking(std::slice::from_ref(&command)), size);
        later(&mut harness, 1.0);
        let allow = harness.get_by_label_contains("Allow Bash").rect();
        assert!(allow.min.y > 0.0 && allow.max.y < size[1], "{allow:?} in {size:?}");
        press(&mut harness, Modifiers::NONE, Key::Num1);
        assert_eq!(decisions(&harness), [(request_id(1).to_string(), Decision::Allow)]);
    }
}

#[test]
fn a_request_that_is_gone_to_shows_its_answers_in_the_smallest_window() {
    let mut harness = window(scene("edit", NOW_MS), [640.0, 400.0]);
    press(&mut harness, Modifiers::NONE, Key::Home);
    press(&mut harness, Modifiers::NONE, Key::N);
    later(&mut harness, 1.0);
    let answers = ["Allow Bash", "Edit... Bash", "Answer in terminal, Bash"];
    let rects = answers.map(|label| harness.get_by_label_contains(label).rect());
    assert!(rects.iter().all(|rect| rect.min.y > 100.0 && rect.max.y <= 400.0), "{rects:?}");
    let end = harness.query_by_label("To the end").map(|end| end.rect());
    assert!(end.is_none_or(|end| rects.iter().all(|rect| !rect.intersects(end))), "{end:?} over {rects:?}");
}

#[test]
fn whoever_answered_goes_on_with_the_next_card() {
    let commands: Vec<String> = (1..=6)
        .map(|number| (1..=12).map(|line| format!("echo {number} {line};\n")).collect::<String>())
        .collect();
    let mut harness = window(asking(&commands), SIZE);
    follow(&mut harness, |snapshot| {
        (snapshot.raise, snapshot.raise_session) = (1, Some(session_id(1)));
        snapshot.raise_request = Some(request_id(6));
    });
    later(&mut harness, 1.0);
    press(&mut harness, Modifiers::NONE, Key::Num1);
    follow(&mut harness, |snapshot| {
        Arc::make_mut(&mut snapshot.requests[5]).info.state = RequestState::Decided;
    });
    assert_eq!(harness.state().state.cards.focused(), Some(request_id(1)));
    later(&mut harness, 1.0);
    press(&mut harness, Modifiers::NONE, Key::Num1);
    let allowed = |number| (request_id(number).to_string(), Decision::Allow);
    assert_eq!(decisions(&harness), [allowed(6), allowed(1)], "it was brought on screen, so its keys work");
}

#[test]
fn a_call_that_is_asked_about_waits_and_does_not_run() {
    let command = "make deploy".to_owned();
    let mut snapshot = asking(std::slice::from_ref(&command));
    let mut view = snapshot.timeline.take().unwrap();
    let items = Arc::make_mut(&mut view.items);
    let mut call = (*items[5]).clone();
    call.key = 20;
    call.body = tool("Bash", json!({ "command": command }), ToolStatus::Running, None, None);
    items.insert(items.len() - 1, Arc::new(call));
    snapshot.timeline = Some(view);
    let mut harness = window(snapshot, SIZE);
    assert!(shows(&harness, "Bash: make deploy, waiting"));
    follow(&mut harness, |snapshot| {
        Arc::make_mut(&mut snapshot.requests[0]).info.state = RequestState::Decided;
    });
    assert!(shows(&harness, "Bash: make deploy, running"));
}

#[test]
fn a_change_of_a_file_is_edited_as_text() {
    let mut harness = window(scene("edit", NOW_MS), SIZE);
    click(&mut harness, "Edit... Edit");
    let risk =
        harness.state().snapshot.requests.iter().find(|view| view.info.tool == "Edit").unwrap().info.risk;
    assert!(shows(&harness, &format!("{risk} risk: runs code in the project")), "what the card says of it");
    ui_bench::type_text(&mut harness, "// seen");
    click(&mut harness, "Allow edited");
    let Some(Command::ResolvePermission(sent)) = harness.state().sent.first() else {
        panic!("nothing was sent")
    };
    let mut expected = ui_scenes::edit_input();
    let written = format!("{}// seen", expected["new_string"].as_str().unwrap());
    expected["new_string"] = json!(written);
    assert_eq!(sent.input, Some(expected));
}
