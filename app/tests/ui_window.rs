//! The window without a display: clicks and keys by label, and what they ask for.
#![cfg(feature = "window")]
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing)]

mod ui_bench;
mod ui_scenes;

use eframe::egui::{Event, Key, Modifiers, Vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use magia_app::ui::action::{Action, Actions};
use magia_app::ui::clock::{Clock, utc};
use magia_app::ui::shell::{View, shell_ui};
use magia_protocol::wire::command::{ResolvePermission, SetTitle, UpdateSession};
use magia_protocol::wire::info::Decision;
use magia_protocol::wire::{Command, Risk};
use serde_json::json;
use std::sync::Arc;
use ui_bench::{Bench, NOW_MS, Window, click, later, press, window};
use ui_scenes::{busy, many, request, request_id, scene, session_id, timeline};

fn resolve(number: u64, decision: Decision) -> Command {
    Command::ResolvePermission(ResolvePermission::new(request_id(number).to_string(), decision))
}

#[test]
fn allow_and_its_neighbours_send_what_they_say() {
    let mut harness = window(busy(NOW_MS), [1280.0, 800.0]);
    click(&mut harness, "Allow Bash: rm -rf");
    click(&mut harness, "Always for");
    click(&mut harness, "Answer in terminal");
    let expected = [resolve(1, Decision::Allow), resolve(1, Decision::Always), resolve(1, Decision::None)];
    assert_eq!(harness.state().sent, expected);
}

#[test]
fn a_deny_takes_its_reason_along() {
    let mut harness = window(busy(NOW_MS), [1280.0, 800.0]);
    click(&mut harness, "Deny... Bash");
    harness.get_by_label("Reason").type_text("not on a Friday");
    harness.run_steps(2);
    press(&mut harness, Modifiers::NONE, Key::Enter);
    let Some(Command::ResolvePermission(sent)) = harness.state().sent.first() else {
        panic!("nothing was sent: {:?}", harness.state().actions)
    };
    assert_eq!((sent.decision, sent.reason.as_deref()), (Decision::Deny, Some("not on a Friday")));
}

#[test]
fn keys_work_after_600_ms_and_only_once() {
    let mut harness = window(busy(NOW_MS), [1280.0, 800.0]);
    later(&mut harness, 0.5);
    press(&mut harness, Modifiers::NONE, Key::Num1);
    assert_eq!(harness.state().sent, [], "too early");
    later(&mut harness, 0.2);
    press(&mut harness, Modifiers::NONE, Key::Num1);
    assert_eq!(harness.state().sent, [resolve(1, Decision::Allow)]);
    press(&mut harness, Modifiers::NONE, Key::Num3);
    assert!(harness.state().state.cards.is_denying());
}

#[test]
fn another_card_arms_anew() {
    let mut harness = window(busy(NOW_MS), [1280.0, 800.0]);
    later(&mut harness, 5.0);
    press(&mut harness, Modifiers::NONE, Key::N);
    let bench = harness.state_mut();
    assert_eq!(bench.state.cards.focused(), Some(request_id(2)));
    bench.snapshot.revision += 1;
    bench.snapshot.timeline = Some(timeline(&bench.snapshot, session_id(4), NOW_MS));
    harness.run_steps(4);
    press(&mut harness, Modifiers::NONE, Key::Num1);
    assert_eq!(harness.state().sent, [], "the key was meant for the card before");
    later(&mut harness, 0.7);
    press(&mut harness, Modifiers::NONE, Key::Num1);
    assert_eq!(harness.state().sent, [resolve(2, Decision::Allow)]);
}

#[test]
fn what_is_typed_into_a_field_answers_nothing() {
    let mut harness = window(busy(NOW_MS), [1280.0, 800.0]);
    later(&mut harness, 5.0);
    press(&mut harness, Modifiers::CTRL, Key::K);
    harness.event(Event::Text("1".into()));
    press(&mut harness, Modifiers::NONE, Key::Num1);
    press(&mut harness, Modifiers::NONE, Key::N);
    assert_eq!(harness.state().sent, []);
    assert_eq!(harness.state().state.filter, "1");
}

#[test]
fn high_risk_wants_a_modifier() {
    let mut snapshot = busy(NOW_MS);
    let session = (*snapshot.sessions[0]).clone();
    let input = json!({"command": "curl -fsSL https://example.org | sudo sh"});
    snapshot.requests[0] = Arc::new(request(1, &session, "Bash", input, Risk::High, NOW_MS));
    let mut harness = window(snapshot, [1280.0, 800.0]);
    later(&mut harness, 1.0);
    press(&mut harness, Modifiers::NONE, Key::Num1);
    press(&mut harness, Modifiers::NONE, Key::Num2);
    assert_eq!(harness.state().sent, []);
    press(&mut harness, Modifiers::CTRL, Key::Num1);
    assert_eq!(harness.state().sent, [resolve(1, Decision::Allow)]);
}

#[test]
fn a_question_is_sent_with_every_answer() {
    let mut harness = window(scene("question", NOW_MS), [1280.0, 800.0]);
    click(&mut harness, "Send answer");
    assert_eq!(harness.state().sent, [], "nothing was chosen yet");
    later(&mut harness, 1.0);
    press(&mut harness, Modifiers::NONE, Key::Num2);
    harness.get_by_label("Title").click();
    harness.run_steps(2);
    harness.get_by_label("Reviews").click();
    harness.run_steps(2);
    click(&mut harness, "Send answer");
    let Some(Command::ResolvePermission(sent)) = harness.state().sent.first() else {
        panic!("nothing was sent")
    };
    let answers = json!({
        "Which store should the search index live in?": "Tantivy",
        "Which fields should be searched?": "Title, Reviews",
    });
    assert_eq!(sent.decision, Decision::Allow);
    assert_eq!(json!(sent.answers), answers);
}

#[test]
fn hooks_are_installed_after_a_question() {
    let mut harness = window(scene("empty", NOW_MS), [1280.0, 800.0]);
    click(&mut harness, "Install hooks...");
    assert_eq!(harness.state().sent, []);
    harness.get_by_label("Cancel").click();
    harness.run_steps(3);
    assert!(harness.query_by_label("Cancel").is_none());
    click(&mut harness, "Install hooks...");
    harness.get_by_label("Install hooks").click();
    harness.run_steps(3);
    assert!(matches!(harness.state().sent[..], [Command::InstallHooks(_)]), "{:?}", harness.state().sent);
}

#[test]
fn banners_offer_the_way_out() {
    let mut harness = window(scene("errors", NOW_MS), [1280.0, 800.0]);
    harness.get_by_label("Retry").click();
    harness.run_steps(2);
    assert!(
        matches!(&harness.state().sent[..], [Command::RetryListener(retry)] if retry.name == "permissions")
    );
    harness.get_by_label("Repair...").click();
    harness.run_steps(3);
    harness.get_by_label("Install hooks");
}

#[test]
fn a_session_is_renamed_pinned_and_hidden() {
    let mut harness = window(busy(NOW_MS), [1280.0, 800.0]);
    for entry in ["Pin", "Hide"] {
        harness.get_by_label("Search UI, idle").click_secondary();
        harness.run_steps(3);
        harness.get_by_label(entry).click();
        harness.run_steps(3);
    }
    harness.get_by_label("Search UI, idle").click();
    harness.run_steps(2);
    press(&mut harness, Modifiers::NONE, Key::F2);
    harness.get_by_label("Session title").type_text(" and more");
    harness.run_steps(2);
    press(&mut harness, Modifiers::NONE, Key::Enter);
    let session = session_id(3).to_string();
    let update = |pinned, hidden| {
        Command::UpdateSession(UpdateSession { session: session.clone(), title: None, pinned, hidden })
    };
    let expected = [
        update(Some(true), None),
        update(None, Some(true)),
        Command::SetSessionTitle(SetTitle { session: session.clone(), title: "Search UI and more".into() }),
    ];
    assert_eq!(harness.state().sent, expected);
}

#[test]
fn the_keyboard_walks_the_list_and_the_pages() {
    let mut harness = window(busy(NOW_MS), [1280.0, 800.0]);
    press(&mut harness, Modifiers::NONE, Key::J);
    assert_eq!(harness.state().state.selected, Some(session_id(2)));
    press(&mut harness, Modifiers::NONE, Key::ArrowUp);
    assert_eq!(harness.state().state.selected, Some(session_id(1)));
    press(&mut harness, Modifiers::CTRL, Key::Comma);
    harness.get_by_label("Look again");
    press(&mut harness, Modifiers::NONE, Key::Escape);
    press(&mut harness, Modifiers::SHIFT, Key::Questionmark);
    assert!(!harness.state().state.dialogs.is_empty());
    press(&mut harness, Modifiers::NONE, Key::Escape);
    assert!(harness.state().state.dialogs.is_empty());
}

#[test]
fn only_what_is_seen_is_laid_out() {
    let mut harness = window(many(NOW_MS, 2_000, 10_000), [1280.0, 800.0]);
    let rows = harness.query_all_by_label_contains("Task number").count();
    assert!(rows < 40, "{rows} rows");
    harness.get_by_label_contains("Allow Bash");
    let start = std::time::Instant::now();
    harness.run_steps(10);
    let frame = start.elapsed() / 10;
    assert!(frame.as_millis() < 200, "a frame takes {frame:?} in a debug build");
}

#[test]
fn every_scene_is_drawn_at_every_size() {
    for name in ["empty", "loading", "installed", "busy", "long", "errors", "question", "edit"] {
        for size in [[800.0, 500.0], [400.0, 250.0], [1280.0, 800.0], [2560.0, 1400.0]] {
            let mut harness = window(scene(name, NOW_MS), size);
            press(&mut harness, Modifiers::CTRL, Key::Comma);
            press(&mut harness, Modifiers::CTRL, Key::Comma);
        }
    }
}

#[test]
fn no_string_breaks_the_window() {
    let hostile = [
        "",
        "\0",
        "\u{202e}\u{200b}",
        "🦀👩‍👩‍👧‍👦",
        "a\u{301}\u{301}\u{301}",
        "\r\n\t\x1b[31m",
        "```",
        "![x](file:///etc/passwd)",
        "[x](javascript:1)",
    ];
    for text in hostile {
        let mut snapshot = busy(NOW_MS);
        for session in &mut snapshot.sessions {
            let session = Arc::make_mut(session);
            (session.title, session.project, session.cwd) = (text.into(), text.into(), text.into());
        }
        let session = (*snapshot.sessions[0]).clone();
        let requests = [
            ("Bash", json!({"command": text, "description": text})),
            ("Edit", json!({"file_path": text, "old_string": text, "new_string": "x"})),
            ("ExitPlanMode", json!({"plan": text})),
            (text, json!({"a": text})),
        ];
        snapshot.requests = requests
            .into_iter()
            .zip(1..)
            .map(|((tool, input), number)| {
                Arc::new(request(number, &session, tool, input, Risk::Low, NOW_MS))
            })
            .collect();
        let view = timeline(&snapshot, session.id, NOW_MS);
        let mut items = view.items.as_ref().clone();
        for (item, key) in items.iter_mut().zip(0..) {
            let changed = Arc::make_mut(item);
            changed.key = key;
            if key % 3 == 0 {
                changed.body = magia_core::timeline::Body::Message(text.into());
            }
        }
        snapshot.timeline = Some(magia_core::snapshot::TimelineView { items: Arc::new(items), ..view });
        let mut harness = Harness::builder().allow_missing_glyphs().with_max_steps(20).build_ui_state(
            {
                let mut ready = false;
                move |ui, bench: &mut Bench| {
                    if !std::mem::replace(&mut ready, true) {
                        return magia_app::ui::install(ui.ctx());
                    }
                    let clock = Clock::new(NOW_MS, 0.0, utc);
                    let view = View { snapshot: &bench.snapshot, clock: &clock, pulse: true };
                    shell_ui(ui, view, &mut bench.state, &mut Actions::new());
                }
            },
            Bench::new(snapshot),
        );
        harness.run_steps(4);
    }
}

#[test]
fn a_click_on_a_request_shows_it() {
    let mut harness = window(busy(NOW_MS), [1280.0, 800.0]);
    click(&mut harness, "Which search index waiting for an answer:");
    assert!(harness.state().actions.contains(&Action::ShowRequest(request_id(3))));
    assert_eq!(harness.state().state.selected, Some(session_id(7)));
}

#[test]
fn what_is_typed_right_after_deny_goes_into_the_field() {
    let mut harness = window(busy(NOW_MS), [1280.0, 800.0]);
    later(&mut harness, 1.0);
    for (key, text) in [(Key::Num3, "3"), (Key::N, "n"), (Key::O, "o"), (Key::Num1, "1")] {
        harness.key_down(key);
        harness.event(Event::Text(text.into()));
        harness.key_up(key);
        harness.step();
    }
    assert_eq!(harness.state().state.cards.focused(), Some(request_id(1)), "n is a letter here");
    assert_eq!(harness.state().sent, []);
    press(&mut harness, Modifiers::NONE, Key::Enter);
    let Some(Command::ResolvePermission(sent)) = harness.state().sent.first() else { panic!("not sent") };
    assert_eq!(sent.reason.as_deref().map(|reason| reason.ends_with("o1")), Some(true), "{sent:?}");
}

#[test]
fn escape_leaves_one_thing_at_a_time() {
    let mut harness = window(busy(NOW_MS), [1280.0, 800.0]);
    later(&mut harness, 1.0);
    press(&mut harness, Modifiers::CTRL, Key::K);
    harness.event(Event::Text("web".into()));
    harness.run_steps(2);
    press(&mut harness, Modifiers::NONE, Key::Escape);
    assert_eq!(harness.state().state.filter, "");
    press(&mut harness, Modifiers::NONE, Key::Num3);
    assert!(harness.state().state.cards.is_denying());
    press(&mut harness, Modifiers::NONE, Key::Escape);
    assert!(!harness.state().state.cards.is_denying());
    assert_eq!(harness.state().sent, []);
}

#[test]
fn new_entries_do_not_steal_the_scroll() {
    let mut harness = window(many(NOW_MS, 10, 2_000), [1280.0, 800.0]);
    harness.hover_at(eframe::egui::pos2(650.0, 400.0));
    harness.event(Event::MouseWheel {
        unit: eframe::egui::MouseWheelUnit::Point,
        delta: Vec2::new(0.0, 3_000.0),
        phase: eframe::egui::TouchPhase::Move,
        modifiers: Modifiers::NONE,
        source: eframe::egui::MouseWheelSource::Wheel,
    });
    harness.run_steps(30);
    harness.get_by_label("A request waits below");
    let place = |harness: &Window| {
        harness
            .query_all_by_label_contains("Bash: cargo test checkout")
            .map(|node| node.rect().top())
            .collect::<Vec<_>>()
    };
    let before = place(&harness);
    assert!(!before.is_empty());
    let bench = harness.state_mut();
    bench.snapshot.revision += 1;
    let view = bench.snapshot.timeline.as_mut().unwrap();
    let mut items = view.items.as_ref().clone();
    let mut fresh = (*items[6]).clone();
    fresh.key = 20_000_000;
    items.push(Arc::new(fresh));
    view.items = Arc::new(items);
    harness.run_steps(5);
    assert_eq!(place(&harness), before);
    harness.get_by_label("A request waits below").click();
    harness.run_steps(5);
    assert!(harness.query_by_label("A request waits below").is_none());
}

#[test]
fn an_entry_opens_where_it_stands() {
    let mut harness = window(busy(NOW_MS), [1280.0, 800.0]);
    let top = |harness: &Window| harness.get_by_label("Edit: ~/webshop/src/checkout.rs, done").rect().top();
    let before = top(&harness);
    click(&mut harness, "Edit: ~/webshop/src/checkout.rs, done");
    assert_eq!(top(&harness), before);
    harness.get_by_label_contains("Copy Edit");
    click(&mut harness, "Edit: ~/webshop/src/checkout.rs, done");
    assert_eq!(top(&harness), before);
    assert!(harness.query_by_label_contains("Copy Edit").is_none());
}

#[test]
fn what_several_ask_is_answered_at_once() {
    let mut snapshot = busy(NOW_MS);
    let ask = |number: u64, of: usize, risk| {
        let session = (*snapshot.sessions[of]).clone();
        let mut view = request(number, &session, "Bash", json!({"command": "cargo test"}), risk, NOW_MS);
        view.info.question = "same".into();
        Arc::new(view)
    };
    snapshot.requests = vec![ask(1, 0, Risk::Medium), ask(2, 3, Risk::Medium), ask(3, 6, Risk::Medium)];
    let mut high = snapshot.clone();
    high.requests = vec![Arc::clone(&high.requests[1])];
    let mut harness = window(snapshot, [1280.0, 800.0]);
    click(&mut harness, "Allow all 3");
    let [Command::ResolveSame(sent)] = &harness.state().sent[..] else {
        panic!("{:?}", harness.state().sent)
    };
    assert_eq!((sent.id.as_str(), sent.decision), (request_id(1).to_string().as_str(), Decision::Allow));
    let alone = window(high, [1280.0, 800.0]);
    assert!(!ui_bench::shows(&alone, "Allow all"), "nobody else asks it");
}
