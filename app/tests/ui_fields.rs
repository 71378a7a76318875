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
