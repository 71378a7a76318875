//! Who gets the keys: what is on screen, and nothing that a person no longer sees or never asked for.
#![cfg(feature = "window")]
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing)]

mod ui_bench;
mod ui_scenes;

use eframe::egui::{Key, Modifiers};
use egui_kittest::kittest::Queryable;
use magia_app::link::Waker;
use magia_app::terminal_link::TerminalPort;
use magia_app::ui::action::Action;
use magia_app::ui::command::UiCommand;
use magia_app::ui::state::Route;
use magia_tty::screen::{ClipboardTarget, ScreenEvent};

use ui_bench::{NOW_MS, Window, click, press, shows, type_text, window};
use ui_scenes::{busy, many};

const SIZE: [f32; 2] = [1280.0, 800.0];
const PLAIN: Modifiers = Modifiers::NONE;

/// A window with a terminal in a tab that nobody feeds but the test.
fn with_terminal() -> (Window, tokio::sync::mpsc::Receiver<magia_app::terminal_link::TerminalAsk>) {
    let mut harness = window(busy(NOW_MS), SIZE);
    let (asks, asked) = tokio::sync::mpsc::channel(1_024);
    let bench = harness.state_mut();
    bench.terminals = TerminalPort::new(asks, Waker::new(|| {}));
    bench.state.route = Route::Terminals;
    bench.state.terminals.open("one");
    harness.run_steps(4);
    (harness, asked)
}

#[test]
fn escape_closes_a_terminals_search_and_stays() {
    let (mut harness, _asked) = with_terminal();
    press(&mut harness, Modifiers::CTRL | Modifiers::SHIFT, Key::F);
    type_text(&mut harness, "needle");
    assert!(shows(&harness, "Search the scrollback"));
    press(&mut harness, PLAIN, Key::Escape);
    assert!(!shows(&harness, "Search the scrollback"));
    assert_eq!(harness.state().state.route, Route::Terminals);
    press(&mut harness, PLAIN, Key::Escape);
    assert_eq!(harness.state().state.route, Route::Terminals, "the key is the program's");
}

fn stored(text: &str) -> ScreenEvent {
    ScreenEvent::ClipboardStore { target: ClipboardTarget::Clipboard, text: text.to_owned() }
}

fn wants_copied(harness: &mut Window, text: &str) {
    let screen = harness.state().terminals.screen("one").unwrap();
    screen.tell([stored(text)]);
    harness.run_steps(2);
}

fn copied(harness: &Window) -> Vec<String> {
    let copies = harness.state().actions.iter().filter_map(|action| match action {
        Action::Copy { text, .. } => Some(text.clone()),
        _ => None,
    });
    copies.collect()
}

#[test]
fn a_programs_wish_for_the_clipboard_takes_no_keys() {
    let (mut harness, _asked) = with_terminal();
    for text in ["one", "two", &"x".repeat(900)] {
        wants_copied(&mut harness, text);
        for key in [Key::Enter, Key::Space] {
            press(&mut harness, PLAIN, key);
        }
    }
    assert_eq!((copied(&harness), harness.state().state.dialogs.len()), (Vec::new(), 0));
    let note = harness.query_all_by_label_contains("The program wants this on the clipboard").count();
    assert_eq!(note, 1, "the newest takes the place of those before");
    assert!(shows(&harness, "900 characters; the first 240 are shown"));
    harness.run_steps(20);
    click(&mut harness, "Copy the program's text");
    assert_eq!(copied(&harness), ["x".repeat(900)]);
    assert!(!shows(&harness, "The program wants this on the clipboard"));
}

#[test]
fn a_wish_that_has_just_come_is_not_copied_by_a_click_that_was_on_its_way() {
    let (mut harness, _asked) = with_terminal();
    wants_copied(&mut harness, "good");
    harness.run_steps(20);
    let screen = harness.state().terminals.screen("one").unwrap();
    screen.tell([stored("bad")]);
    harness.step();
    harness.get_by_label("Copy the program's text").click();
    harness.step();
    harness.step();
    assert_eq!(copied(&harness), [] as [String; 0]);
    harness.run_steps(20);
    click(&mut harness, "Dismiss the program's text");
    assert!(!shows(&harness, "The program wants this on the clipboard"));
    assert_eq!(copied(&harness), [] as [String; 0]);
}

#[test]
fn a_key_is_recorded_only_while_its_row_is_on_screen() {
    let mut harness = window(busy(NOW_MS), [1280.0, 2400.0]);
    press(&mut harness, Modifiers::CTRL, Key::Comma);
    click(&mut harness, "Section Keyboard");
    click(&mut harness, "Change the keys of Rename session");
    harness.get_by_label("Press a key, or Esc");
    // Elsewhere, by the mouse.
    harness.state_mut().state.route = Route::Sessions;
    harness.step();
    press(&mut harness, PLAIN, Key::N);
    assert!(harness.state().actions.contains(&Action::Run(UiCommand::NextNeedsYou)));
    assert_eq!(harness.state().sent, []);
    press(&mut harness, Modifiers::CTRL, Key::Comma);
    assert!(!shows(&harness, "Press a key, or Esc"));
}

#[test]
fn a_title_is_typed_where_it_is_seen() {
    let mut harness = window(many(NOW_MS, 200, 10), SIZE);
    // The row is scrolled away: it comes back.
    let last = harness.state().state.sessions.data().sessions().last().unwrap();
    harness.state_mut().state.selected = Some(last);
    harness.run_steps(4);
    assert!(harness.query_by_label("Session title").is_none());
    press(&mut harness, PLAIN, Key::F2);
    assert!(harness.query_by_label("Session title").is_some(), "its row is scrolled to");
    type_text(&mut harness, "n");
    assert_eq!(harness.state().state.selected, Some(last), "what is typed is the title's");
    // Another page: the field is left.
    harness.state_mut().state.route = Route::Metrics;
    harness.step();
    press(&mut harness, PLAIN, Key::Questionmark);
    assert_eq!(harness.state().state.dialogs.len(), 1, "the window's keys work");
}

#[test]
fn on_another_page_nothing_is_renamed() {
    let mut harness = window(busy(NOW_MS), SIZE);
    harness.state_mut().state.route = Route::Notifications;
    harness.run_steps(2);
    press(&mut harness, PLAIN, Key::F2);
    assert_eq!(harness.state().state.rename, None);
    press(&mut harness, PLAIN, Key::Questionmark);
    assert_eq!(harness.state().state.dialogs.len(), 1);
}

#[test]
fn finding_without_a_timeline_says_so_and_keeps_no_keys() {
    for key in [(Modifiers::CTRL, Key::F), (PLAIN, Key::F3)] {
        let mut harness = window(busy(NOW_MS), SIZE);
        harness.state_mut().state.route = Route::Metrics;
        harness.run_steps(2);
        press(&mut harness, key.0, key.1);
        assert!(shows(&harness, "There is no timeline here to find in"));
        press(&mut harness, PLAIN, Key::Questionmark);
        assert_eq!(harness.state().state.dialogs.len(), 1);
    }
}

#[test]
fn a_reason_on_another_page_keeps_no_keys_and_is_not_lost() {
    let mut harness = window(busy(NOW_MS), SIZE);
    click(&mut harness, "Deny... Bash");
    type_text(&mut harness, "not now");
    harness.state_mut().state.route = Route::Notifications;
    harness.run_steps(2);
    press(&mut harness, PLAIN, Key::Escape);
    assert_eq!(
        harness.state().state.route,
        Route::Sessions,
        "Escape leaves the page, not the field behind it"
    );
    harness.run_steps(2);
    let reason = harness.get_by_label("Reason");
    assert_eq!(reason.value().as_deref(), Some("not now"));
    harness.state_mut().state.route = Route::Notifications;
    harness.run_steps(2);
    press(&mut harness, PLAIN, Key::Questionmark);
    assert_eq!(harness.state().state.dialogs.len(), 1);
}

#[test]
fn in_a_small_window_all_of_a_dialog_is_reached_and_details_stand_over_the_page() {
    let small = [400.0, 250.0];
    let mut harness = window(busy(NOW_MS), small);
    press(&mut harness, Modifiers::CTRL, Key::N);
    for name in ["Start", "Cancel"] {
        let rect = harness.get_by_label(name).rect();
        assert!(rect.left() >= 0.0 && rect.right() <= small[0], "{name} at {rect:?}");
        assert!(rect.bottom() <= small[1], "{name} at {rect:?}");
    }
    press(&mut harness, PLAIN, Key::Escape);
    click(&mut harness, "Details");
    assert!(shows(&harness, "Copy Directory: ~/webshop"));
    assert!(harness.get_by_label("Find in timeline").rect().width() > 0.0, "the page is where it was");
    press(&mut harness, PLAIN, Key::Escape);
    assert!(!shows(&harness, "Copy Directory: ~/webshop"));
}

#[test]
fn notifications_are_gone_through_by_the_keyboard() {
    let mut harness = window(ui_scenes::scene("notifications", NOW_MS), SIZE);
    harness.state_mut().state.route = Route::Notifications;
    harness.run_steps(2);
    let ids: Vec<u64> = harness.state().snapshot.notifications.iter().map(|row| row.id).collect();
    press(&mut harness, PLAIN, Key::Enter);
    assert_eq!(harness.state().sent, [], "none is chosen yet");
    for (key, expected) in [(Key::ArrowDown, 0), (Key::ArrowDown, 1), (Key::ArrowUp, 0), (Key::ArrowUp, 0)] {
        press(&mut harness, PLAIN, key);
        assert_eq!(harness.state().state.notifications.chosen, Some(ids[expected]));
    }
    press(&mut harness, PLAIN, Key::Enter);
    assert_eq!(harness.state().sent.len(), 1, "it is read");
}

#[test]
fn a_search_in_the_settings_without_a_hit_says_so_and_a_section_is_come_back_to() {
    let mut harness = window(busy(NOW_MS), SIZE);
    press(&mut harness, Modifiers::CTRL, Key::Comma);
    click(&mut harness, "Section Requests");
    assert!(shows(&harness, "Answers to requests") && !shows(&harness, "Appearance and notifications"));
    press(&mut harness, PLAIN, Key::Escape);
    press(&mut harness, Modifiers::CTRL, Key::Comma);
    assert!(!shows(&harness, "Appearance and notifications"), "the section that was left");
    harness.get_by_label("Search settings").focus();
    harness.run_steps(2);
    type_text(&mut harness, "zzz");
    assert!(shows(&harness, "No setting matches"));
}

#[test]
fn what_was_opened_is_open_when_one_comes_back() {
    let mut harness = window(busy(NOW_MS), SIZE);
    click(&mut harness, "Edit: ~/webshop/src/checkout.rs, done");
    assert!(shows(&harness, "Copy Edit"));
    let show = |harness: &mut Window, number| {
        let bench = harness.state_mut();
        let session = ui_scenes::session_id(number);
        bench.snapshot.revision += 1;
        bench.snapshot.timeline = Some(ui_scenes::timeline(&bench.snapshot, session, NOW_MS));
        bench.actions.clear();
        let ctx = harness.ctx.clone();
        let bench = harness.state_mut();
        bench.state.apply(Action::Select(session), &bench.snapshot, &ctx, 0.0);
        harness.run_steps(4);
    };
    show(&mut harness, 2);
    assert!(!shows(&harness, "Copy Edit"));
    show(&mut harness, 1);
    assert!(shows(&harness, "Copy Edit"));
}
