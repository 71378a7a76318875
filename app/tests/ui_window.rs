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
use magia_app::ui::state::{Dialog, Route};
use magia_core::settings::Preset;
use magia_core::snapshot::RaisePage;
use magia_protocol::wire::command::{
    PauseNotifications, ResolvePermission, SetTitle, SomeNotifications, UpdateSession,
};
use magia_protocol::wire::info::Decision;
use magia_protocol::wire::{Command, Risk};
use serde_json::json;
use std::sync::Arc;
use ui_bench::{Bench, NOW_MS, Window, click, follow, later, press, window};
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
    // The queue is the edit, which has waited longest, this one, and the question.
    press(&mut harness, Modifiers::NONE, Key::N);
    assert_eq!(harness.state().state.cards.focused(), Some(request_id(3)));
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
    press(&mut harness, Modifiers::NONE, Key::Slash);
    harness.event(Event::Text("1".into()));
    press(&mut harness, Modifiers::NONE, Key::Num1);
    press(&mut harness, Modifiers::NONE, Key::N);
    assert_eq!(harness.state().sent, []);
    assert_eq!(harness.state().state.filter, "1");
}

#[test]
fn notifications_are_opened_filtered_read_and_dismissed() {
    let mut harness = window(scene("notifications", NOW_MS), [1280.0, 800.0]);
    click(&mut harness, "Notifications: 3 unread");
    assert_eq!(harness.state().state.route, Route::Notifications);
    harness.get_by_label("Agent finished: Search UI: shown · ntfy failed: the server answered 403");
    click(&mut harness, "Not sent 2");
    assert!(harness.query_by_label_contains("Agent finished: Search UI").is_none());
    click(&mut harness, "Dismiss Session error: Release 4.2");
    click(&mut harness, "Mark all read");
    click(&mut harness, "Pause for 1 h: notifications");
    click(&mut harness, "Permission required: Rate limits per key: not sent: quiet hours");
    assert_eq!(harness.state().state.route, Route::Sessions);
    assert_eq!(harness.state().state.selected, Some(session_id(4)));
    assert_eq!(harness.state().state.cards.focused(), Some(request_id(2)));
    let some = |id| SomeNotifications { id };
    let expected = [
        Command::DismissNotifications(some(Some(3))),
        Command::ReadNotifications(some(None)),
        Command::PauseNotifications(PauseNotifications { minutes: Some(60) }),
        Command::ReadNotifications(some(Some(4))),
    ];
    assert_eq!(harness.state().sent, expected);
}

#[test]
fn a_hidden_session_that_asks_is_called_by_its_name_and_comes_back() {
    let mut snapshot = busy(NOW_MS);
    snapshot.sessions.retain(|session| session.id != session_id(1));
    let mut harness = window(snapshot, [1280.0, 800.0]);
    harness.state_mut().state.selected = Some(session_id(1));
    harness.run_steps(3);
    assert!(harness.query_by_label("Programs that ask for terminals").is_none());
    assert!(harness.query_all_by_label("Fix flaky checkout test").next().is_some());
    click(&mut harness, "Unhide");
    let wanted =
        UpdateSession { session: session_id(1).to_string(), title: None, pinned: None, hidden: Some(false) };
    assert_eq!(harness.state().sent, [Command::UpdateSession(wanted)]);
}

#[test]
fn a_click_from_outside_shows_the_request() {
    let mut harness = window(busy(NOW_MS), [1280.0, 800.0]);
    let wish = |harness: &mut Window, session, request, page| {
        let bench = harness.state_mut();
        bench.snapshot.revision += 1;
        bench.snapshot.raise += 1;
        bench.snapshot.raise_session = session;
        bench.snapshot.raise_request = request;
        bench.snapshot.raise_page = page;
        assert!(bench.state.follow(&bench.snapshot, bench.now_s).raise);
        harness.run_steps(4);
    };
    wish(&mut harness, Some(session_id(4)), Some(request_id(2)), None);
    assert_eq!(harness.state().state.selected, Some(session_id(4)));
    assert_eq!(harness.state().state.cards.focused(), Some(request_id(2)));
    wish(&mut harness, None, None, Some(RaisePage::Project("/home/me/api".into())));
    assert_eq!(harness.state().state.filter, "api");
    wish(&mut harness, None, None, Some(RaisePage::NewSession));
    assert_eq!(harness.state().state.dialogs.front(), Some(&Dialog::NewSession));
    wish(&mut harness, None, None, Some(RaisePage::NewSession));
    assert_eq!(harness.state().state.dialogs.len(), 1, "a second click asks for the same");
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
fn a_list_that_keeps_its_order_under_the_pointer_is_not_made_anew_each_frame() {
    let mut harness = window(busy(NOW_MS), [1280.0, 800.0]);
    for x in [100.0, 104.0] {
        harness.hover_at(eframe::egui::pos2(x, 300.0));
        harness.run_steps(1);
    }
    let order = |harness: &Window| harness.state().state.sessions.data().sessions().collect::<Vec<_>>();
    let before = order(&harness);
    let bench = harness.state_mut();
    bench.snapshot.revision += 1;
    let found = |id| bench.snapshot.sessions.iter().position(|session| session.id == id).unwrap();
    let (pinned, named) = (found(session_id(6)), found(session_id(2)));
    Arc::make_mut(&mut bench.snapshot.sessions[pinned]).pinned = true;
    harness.run_steps(2);
    assert_eq!(order(&harness), before, "its order is held");
    // The same revision says the same: a panel that asked again would find these words.
    let renamed = Arc::make_mut(&mut harness.state_mut().snapshot.sessions[named]);
    renamed.title = "Made anew".into();
    harness.run_steps(3);
    assert!(harness.query_all_by_label_contains("Made anew").next().is_none());
    later(&mut harness, 2.0);
    assert!(harness.query_all_by_label_contains("Made anew").next().is_some());
    assert_ne!(order(&harness), before);
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
                    let view = View {
                        snapshot: &bench.snapshot,
                        terminals: &bench.terminals,
                        clock: &clock,
                        pulse: true,
                    };
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
    press(&mut harness, Modifiers::NONE, Key::Slash);
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

/// What was sent with the request of this number, when it is an answer with an input.
fn sent_input(harness: &Window) -> Vec<(Option<serde_json::Value>, bool)> {
    let answers = harness.state().sent.iter().filter_map(|command| match command {
        Command::ResolvePermission(answer) => Some((answer.input.clone(), answer.high_risk)),
        _ => None,
    });
    answers.collect()
}

fn one_command(command: &str, risk: Risk) -> magia_core::snapshot::Snapshot {
    let mut snapshot = busy(NOW_MS);
    let session = (*snapshot.sessions[0]).clone();
    let input = json!({"command": command, "description": "what it does", "timeout": 5});
    snapshot.requests[0] = Arc::new(request(1, &session, "Bash", input, risk, NOW_MS));
    snapshot
}

#[test]
fn a_command_is_edited_and_allowed() {
    let mut harness = window(one_command("cargo test", Risk::Low), [1280.0, 800.0]);
    click(&mut harness, "Edit... Bash");
    ui_bench::type_text(&mut harness, " --workspace");
    press(&mut harness, Modifiers::NONE, Key::Escape);
    assert!(harness.state().state.dialogs.is_empty(), "Escape closes it");
    assert_eq!(harness.state().sent, []);
    click(&mut harness, "Edit... Bash");
    click(&mut harness, "Allow edited");
    let input = json!({"command": "cargo test --workspace", "description": "what it does", "timeout": 5});
    assert_eq!(sent_input(&harness), [(Some(input), false)], "what was written before stood there still");
    follow(&mut harness, |snapshot| {
        Arc::make_mut(&mut snapshot.requests[0]).info.state = magia_protocol::wire::RequestState::Decided;
    });
    assert!(harness.state().state.dialogs.is_empty(), "it was taken");
}

#[test]
fn a_refused_edit_says_why_and_loses_nothing() {
    let mut harness = window(one_command("git push", Risk::Medium), [1280.0, 800.0]);
    click(&mut harness, "Edit... Bash");
    ui_bench::type_text(&mut harness, " origin");
    press(&mut harness, Modifiers::COMMAND, Key::Enter);
    assert_eq!(sent_input(&harness).len(), 1);
    let refusal = "your own deny Bash(git push) denies it";
    follow(&mut harness, |snapshot| {
        let about = Some(request_id(1).to_string());
        let (number, text) = (1, refusal.to_owned());
        snapshot.toasts.push(magia_core::snapshot::Toast { number, failed: true, text, about });
    });
    harness.get_by_label(refusal);
    ui_bench::type_text(&mut harness, " main");
    assert!(harness.query_by_label(refusal).is_none(), "that was said of another text");
    click(&mut harness, "Allow edited");
    let commands: Vec<_> = sent_input(&harness).into_iter().filter_map(|(input, _)| input).collect();
    assert_eq!(commands[1]["command"], "git push origin main");
}

#[test]
fn an_edit_that_becomes_risky_wants_a_word() {
    let mut harness = window(one_command("ls", Risk::Low), [1280.0, 800.0]);
    click(&mut harness, "Edit... Bash");
    click(&mut harness, "Allow edited");
    assert_eq!(harness.state().sent, [], "nothing was changed");
    harness.get_by_label("Command").focus();
    harness.run_steps(2);
    ui_bench::type_text(&mut harness, "; rm -rf /");
    click(&mut harness, "Allow edited");
    assert_eq!(harness.state().sent, [], "its risk is high now");
    click(&mut harness, "although the risk is high");
    click(&mut harness, "Allow edited");
    let input = json!({"command": "ls; rm -rf /", "description": "what it does", "timeout": 5});
    assert_eq!(sent_input(&harness), [(Some(input), true)]);
}

#[test]
fn other_inputs_are_edited_as_json_and_other_agents_take_none() {
    let mut snapshot = busy(NOW_MS);
    let session = (*snapshot.sessions[0]).clone();
    let input = json!({"url": "https://docs.rs/axum", "prompt": "what changed"});
    snapshot.requests[0] = Arc::new(request(1, &session, "WebFetch", input, Risk::Low, NOW_MS));
    let mut harness = window(snapshot, [800.0, 500.0]);
    click(&mut harness, "Edit... WebFetch");
    ui_bench::type_text(&mut harness, "]");
    click(&mut harness, "Allow edited");
    assert_eq!(harness.state().sent, [], "that is not JSON");
    assert!(ui_bench::shows(&harness, "this is not JSON"));

    let mut snapshot = one_command("ls", Risk::Low);
    Arc::make_mut(&mut snapshot.requests[0]).info.provider = Some(magia_protocol::wire::Provider::Codex);
    let harness = window(snapshot, [1280.0, 800.0]);
    assert!(!ui_bench::shows(&harness, "Edit... Bash"), "Codex takes no edited input");
}

#[test]
fn each_preset_is_confirmed_by_its_own_name() {
    for preset in [Preset::AcceptEdits, Preset::Plan, Preset::Auto, Preset::DontAsk] {
        let mut harness = window(busy(NOW_MS), [1280.0, 800.0]);
        press(&mut harness, Modifiers::CTRL, Key::Comma);
        harness.get_by_label(preset.label()).click();
        harness.run_steps(3);
        assert_eq!(harness.state().sent, [], "it is asked first");
        harness.get_by_label(&format!("{}?", preset.label()));
        assert!(ui_bench::shows(&harness, preset.explained()), "{preset:?}");
    }
}

#[test]
fn the_hooks_of_every_agent_are_installed_from_the_settings() {
    let mut harness = window(scene("empty", NOW_MS), [1280.0, 2400.0]);
    press(&mut harness, Modifiers::CTRL, Key::Comma);
    click(&mut harness, "Install... hooks of Codex");
    assert!(ui_bench::shows(&harness, "~/.codex/hooks.json"), "the question names the file");
    harness.get_by_label("Install hooks").click();
    harness.run_steps(3);
    let wished = |harness: &Window| match harness.state().sent.last() {
        Some(Command::InstallHooks(wish)) => (wish.provider, wish.strict),
        other => panic!("{other:?}"),
    };
    assert_eq!(wished(&harness), (magia_protocol::wire::Provider::Codex, None));

    let mut harness = window(busy(NOW_MS), [1280.0, 2400.0]);
    press(&mut harness, Modifiers::CTRL, Key::Comma);
    click(&mut harness, "Strict hooks of Gemini");
    assert_eq!(harness.state().sent, [], "it is asked first");
    click(&mut harness, "Be strict");
    assert_eq!(wished(&harness), (magia_protocol::wire::Provider::Gemini, Some(true)));
    click(&mut harness, "5 s: Codex waits");
    let Some(Command::SaveSettings(saved)) = harness.state().sent.last() else { panic!("not saved") };
    assert_eq!(json!(saved.settings), json!({"codexHoldSeconds": 5}));
}

#[test]
fn a_rule_is_tried_from_the_settings_before_it_is_set() {
    let mut harness = window(busy(NOW_MS), [1280.0, 2400.0]);
    press(&mut harness, Modifiers::CTRL, Key::Comma);
    let tried = |harness: &Window| match harness.state().sent.last() {
        Some(Command::TryPolicy(trial)) => Some(trial.rule.clone()),
        _ => None,
    };
    click(&mut harness, "Try Auto");
    assert_eq!(tried(&harness).as_deref(), Some("preset auto"));
    click(&mut harness, "Try the rule");
    assert_eq!(harness.state().sent.len(), 1, "nothing was typed");
    harness.get_by_label("A rule to try").focus();
    harness.run_steps(2);
    ui_bench::type_text(&mut harness, "Bash(cat)");
    press(&mut harness, Modifiers::NONE, Key::Enter);
    assert_eq!(tried(&harness).as_deref(), Some("Bash(cat)"));
    let row = magia_protocol::wire::info::TrialRow {
        id: request_id(1),
        session: session_id(1),
        tool: "Bash".into(),
        summary: "cat ~/.ssh/id_ed25519".into(),
        asked_at_ms: NOW_MS,
        risk: Risk::High,
        risk_reasons: Vec::new(),
        places: vec!["~/.ssh".into()],
        was: "deny by window".into(),
    };
    follow(&mut harness, |snapshot| {
        snapshot.trial = Some(Arc::new(magia_protocol::wire::info::TrialInfo {
            rule: "rule Bash(cat)".into(),
            requests: 300,
            allowed: 214,
            left: 86,
            sensitive_count: 1,
            sensitive: vec![row],
            ..Default::default()
        }));
    });
    for words in
        ["would have allowed 214 of 300", "1 touch what is sensitive", "cat ~/.ssh/id_ed25519", "~/.ssh"]
    {
        assert!(ui_bench::shows(&harness, words), "{words}");
    }
}

#[test]
fn a_directory_gets_a_preset_of_its_own() {
    let snapshot = busy(NOW_MS);
    let path = snapshot.sessions[0].cwd.clone();
    let mut harness = window(snapshot, [1280.0, 2400.0]);
    let selected = harness.state().snapshot.sessions[0].id;
    harness.state_mut().state.selected = Some(selected);
    press(&mut harness, Modifiers::CTRL, Key::Comma);
    let saved = |harness: &Window| match harness.state().sent.last() {
        Some(Command::SaveSettings(saved)) => Some(json!(saved.settings)),
        _ => None,
    };
    let shown = magia_app::ui::text::short_path(&path);
    click(&mut harness, &format!("Plan: {shown}"));
    assert_eq!(saved(&harness), None, "it is asked first");
    let title = format!("Plan in {shown}?");
    assert!(ui_bench::shows(&harness, &title));
    press(&mut harness, Modifiers::NONE, Key::Enter);
    assert_eq!(saved(&harness), Some(json!({"workspacePresets": {path.clone(): "plan"}})));
    follow(&mut harness, |snapshot| {
        let mut settings = (*snapshot.settings).clone();
        settings.workspace_presets = vec![(path.clone(), Preset::Plan)];
        snapshot.settings = Arc::new(settings);
    });
    click(&mut harness, &format!("As elsewhere: {shown}"));
    assert_eq!(saved(&harness), Some(json!({"workspacePresets": {path: null}})));
}
