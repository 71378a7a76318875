//! Palette, keys and settings page without a display: by keyboard alone where that is promised.
#![cfg(feature = "window")]
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod ui_bench;
mod ui_scenes;

use eframe::egui::{Key, Modifiers};
use egui_kittest::kittest::Queryable;
use magia_app::ui::action::Action;
use magia_app::ui::command::UiCommand;
use magia_app::ui::dialogs::palette::{Palette, Target};
use magia_app::ui::state::{Dialog, Route};
use magia_core::keys::Keymap;
use magia_core::snapshot::Snapshot;
use magia_protocol::wire::Command;
use magia_protocol::wire::info::Decision;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use ui_bench::{NOW_MS, Window, click, later, press, shows, type_text, window};
use ui_scenes::{busy, many, scene, session_id};

const SIZE: [f32; 2] = [1280.0, 800.0];
const PLAIN: Modifiers = Modifiers::NONE;

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        other => panic!("not an object: {other}"),
    }
}

fn with_keys(file: Value) -> Snapshot {
    let (keymap, problems) = Keymap::read(&object(file));
    assert_eq!(problems, Vec::<String>::new());
    Snapshot { keymap: Arc::new(keymap), ..busy(NOW_MS) }
}

fn saved_keys(harness: &Window) -> Vec<Value> {
    let sent = harness.state().sent.iter();
    sent.filter_map(|command| match command {
        Command::SaveKeybindings(saved) => Some(json!([saved.keybindings, saved.reset])),
        _ => None,
    })
    .collect()
}

fn saved_settings(harness: &Window) -> Vec<Value> {
    let sent = harness.state().sent.iter();
    sent.filter_map(|command| match command {
        Command::SaveSettings(saved) => Some(json!(saved.settings)),
        _ => None,
    })
    .collect()
}

fn rows(palette: &Palette, count: usize) -> Vec<String> {
    (0..count).filter_map(|row| palette.row(row)).map(|item| item.text.clone()).collect()
}

#[test]
fn the_keyboard_alone_opens_finds_and_runs() {
    let mut harness = window(busy(NOW_MS), SIZE);
    press(&mut harness, Modifiers::CTRL, Key::K);
    assert!(harness.get_by_label("Search everything").is_focused());
    type_text(&mut harness, "sear ui");
    press(&mut harness, PLAIN, Key::Enter);
    assert_eq!(harness.state().state.selected, Some(session_id(3)));
    assert!(harness.state().state.dialogs.is_empty());

    press(&mut harness, Modifiers::CTRL, Key::K);
    type_text(&mut harness, "terminals, or");
    press(&mut harness, PLAIN, Key::Enter);
    assert_eq!(harness.state().state.route, Route::Terminals);
}

#[test]
fn what_is_typed_in_it_answers_nothing_and_escape_leaves() {
    let mut harness = window(busy(NOW_MS), SIZE);
    harness.state_mut().now_s += 5.0;
    press(&mut harness, Modifiers::CTRL, Key::K);
    press(&mut harness, PLAIN, Key::Num1);
    type_text(&mut harness, "1");
    assert_eq!(harness.state().sent, []);
    press(&mut harness, PLAIN, Key::Escape);
    assert!(harness.state().state.dialogs.is_empty());
    press(&mut harness, Modifiers::CTRL, Key::K);
    assert_eq!(harness.state().state.palette.query, "", "it begins anew");
    press(&mut harness, Modifiers::CTRL, Key::K);
    assert!(harness.state().state.dialogs.is_empty(), "the same key closes it");
}

#[test]
fn arrows_walk_the_rows_and_come_round() {
    let mut harness = window(busy(NOW_MS), SIZE);
    press(&mut harness, Modifiers::CTRL, Key::K);
    press(&mut harness, PLAIN, Key::ArrowDown);
    press(&mut harness, PLAIN, Key::ArrowDown);
    assert_eq!(harness.state().state.palette.at(), 2);
    press(&mut harness, PLAIN, Key::PageDown);
    assert_eq!(harness.state().state.palette.at(), 14);
    for _ in 0..15 {
        press(&mut harness, PLAIN, Key::ArrowUp);
    }
    let palette = &harness.state().state.palette;
    assert_eq!(palette.at(), palette.count() - 1, "over the top is the last");
    let last = palette.row(palette.at()).unwrap().text.clone();
    assert!(harness.query_all_by_label_contains(&last).next().is_some(), "and it is in sight");
}

/// Opens a dialog of a few lines and leaves it.
fn low_dialog(harness: &mut Window) {
    press(harness, Modifiers::CTRL, Key::K);
    type_text(harness, "reset magia");
    press(harness, PLAIN, Key::Enter);
    assert_eq!(harness.state().state.dialogs, [Dialog::Reset]);
    later(harness, 1.0);
    press(harness, PLAIN, Key::Escape);
}

#[test]
fn a_low_dialog_before_leaves_its_height_to_none() {
    let mut harness = window(busy(NOW_MS), SIZE);
    low_dialog(&mut harness);
    press(&mut harness, Modifiers::CTRL, Key::K);
    let seen = rows(&harness.state().state.palette, 12);
    let missing: Vec<&String> =
        seen.iter().filter(|row| harness.query_all_by_label_contains(row).next().is_none()).collect();
    assert!(missing.is_empty() && seen.len() == 12, "out of sight: {missing:?}");
    press(&mut harness, PLAIN, Key::Escape);

    low_dialog(&mut harness);
    press(&mut harness, Modifiers::SHIFT, Key::Questionmark);
    let close = harness.get_by_label("Close").rect();
    assert!(close.bottom() > 450.0, "all shortcuts are there: {close:?}");
}

#[test]
fn the_settings_open_with_all_of_them_after_the_keys() {
    let mut harness = window(busy(NOW_MS), SIZE);
    press(&mut harness, Modifiers::CTRL, Key::K);
    type_text(&mut harness, "change keys");
    press(&mut harness, PLAIN, Key::Enter);
    assert!(!shows(&harness, "Appearance and notifications"));
    press(&mut harness, PLAIN, Key::Escape);
    press(&mut harness, Modifiers::CTRL, Key::Comma);
    assert!(shows(&harness, "Appearance and notifications"));
}

#[test]
fn a_setting_and_a_project_are_found() {
    let mut harness = window(busy(NOW_MS), SIZE);
    press(&mut harness, Modifiers::CTRL, Key::K);
    type_text(&mut harness, "retentionDays");
    press(&mut harness, PLAIN, Key::Enter);
    assert_eq!(harness.state().state.route, Route::Settings);
    harness.get_by_label("Keep events for days, retentionDays");
    assert!(!shows(&harness, "Look again"), "only what was meant");
    press(&mut harness, PLAIN, Key::Escape);
    assert!(shows(&harness, "Look again"), "escape shows all again");

    press(&mut harness, Modifiers::CTRL, Key::K);
    type_text(&mut harness, "new session in webshop");
    press(&mut harness, PLAIN, Key::Enter);
    assert_eq!(harness.state().state.dialogs.front(), Some(&Dialog::NewSession));
}

#[test]
fn what_was_chosen_last_comes_first_the_next_time() {
    let snapshot = busy(NOW_MS);
    let mut palette = Palette::default();
    palette.open(&snapshot);
    let before = rows(&palette, 3);
    palette.note(&Target::Session(session_id(2)));
    palette.note(&Target::Command(UiCommand::Rename));
    palette.open(&snapshot);
    assert_eq!(palette.row(0).unwrap().target, Target::Command(UiCommand::Rename));
    assert_eq!(palette.row(1).unwrap().target, Target::Session(session_id(2)));
    assert_eq!(palette.row(2).unwrap().text, before[0], "the rest stays in order");
}

#[test]
fn the_letters_that_were_meant_are_known() {
    let mut palette = Palette::default();
    palette.open(&busy(NOW_MS));
    palette.query = "sett".to_owned();
    palette.search();
    let first = palette.row(0).unwrap();
    assert_eq!(first.text, "Settings");
    assert_eq!(first.places(palette.needle()), (vec![0, 1, 2, 3], Vec::new()));
    palette.query = "no such thing anywhere".to_owned();
    palette.search();
    assert_eq!(palette.count(), 0);
}

#[test]
fn ten_thousand_sessions_draw_a_dozen_rows() {
    let mut harness = window(many(NOW_MS, 10_000, 10), SIZE);
    press(&mut harness, Modifiers::CTRL, Key::K);
    assert!(harness.state().state.palette.count() > 10_000);
    type_text(&mut harness, "Task number 9999");
    let options = harness.query_all_by_role(eframe::egui::Role::ListBoxOption).count();
    assert!((1..=16).contains(&options), "{options} rows");
    assert!(harness.state().state.palette.row(0).unwrap().text.contains("9999"));
}

#[test]
fn the_overlay_and_tooltips_show_the_keys_in_use() {
    let mut harness = window(with_keys(json!({"app.settings": "F10"})), SIZE);
    press(&mut harness, Modifiers::SHIFT, Key::Questionmark);
    assert!(shows(&harness, "F10") && !shows(&harness, "Ctrl+,"));
    press(&mut harness, PLAIN, Key::Escape);
    press(&mut harness, Modifiers::CTRL, Key::Comma);
    assert_eq!(harness.state().state.route, Route::Sessions, "the old key does nothing");
    press(&mut harness, PLAIN, Key::F10);
    assert_eq!(harness.state().state.route, Route::Settings);
}

#[test]
fn keys_are_changed_by_pressing_them() {
    let mut harness = window(busy(NOW_MS), [1280.0, 2400.0]);
    press(&mut harness, Modifiers::CTRL, Key::Comma);
    click(&mut harness, "Section Keyboard");
    click(&mut harness, "Change the keys of Rename session");
    harness.get_by_label("Press a key, or Esc");
    press(&mut harness, PLAIN, Key::Escape);
    assert_eq!(saved_keys(&harness), [] as [Value; 0]);
    click(&mut harness, "Change the keys of Rename session");
    press(&mut harness, Modifiers::CTRL | Modifiers::SHIFT, Key::R);
    click(&mut harness, "Add a key to Rename session");
    // A key with a meaning of its own is only a key here.
    press(&mut harness, PLAIN, Key::N);
    let wanted = [
        json!([{"session.rename": ["Ctrl+Shift+R"]}, false]),
        json!([{"session.rename": ["F2", "N"]}, false]),
    ];
    assert_eq!(saved_keys(&harness), wanted);
    assert_eq!(harness.state().state.route, Route::Settings);
}

#[test]
fn conflicts_are_shown_and_keys_go_back_to_their_defaults() {
    let mut harness = window(with_keys(json!({"session.rename": "N"})), [1280.0, 2400.0]);
    press(&mut harness, Modifiers::CTRL, Key::Comma);
    click(&mut harness, "Section Keyboard");
    harness.get_by_label("N runs \"Rename session\" instead");
    harness.get_by_label("N is also a key of \"Next that needs you\", which it does not run");
    click(&mut harness, "Reset the keys of Rename session");
    click(&mut harness, "Reset all keys...");
    harness.get_by_label("Reset all keys").click();
    harness.run_steps(3);
    assert_eq!(saved_keys(&harness), [json!([{"session.rename": null}, false]), json!([{}, true])]);
}

#[test]
fn a_digit_is_a_requests_while_one_has_the_keys_whatever_the_file_says() {
    let keys = json!({"app.settings": "1", "app.notifications": "Ctrl+2"});
    let mut harness = window(with_keys(keys), SIZE);
    later(&mut harness, 1.0);
    press(&mut harness, PLAIN, Key::Num1);
    press(&mut harness, Modifiers::CTRL, Key::Num2);
    let decided = |command: &Command| match command {
        Command::ResolvePermission(answer) => Some(answer.decision),
        _ => None,
    };
    let decisions: Vec<_> = harness.state().sent.iter().filter_map(decided).collect();
    assert_eq!(decisions, [Decision::Allow, Decision::Always]);
    assert_eq!(harness.state().state.route, Route::Sessions);
    // Without a card it is what the file says.
    harness.state_mut().snapshot.requests.clear();
    harness.state_mut().snapshot.revision += 1;
    let bench = harness.state_mut();
    bench.state.follow(&bench.snapshot, bench.now_s);
    harness.run_steps(2);
    press(&mut harness, PLAIN, Key::Num1);
    assert_eq!(harness.state().state.route, Route::Settings);
}

#[test]
fn the_settings_are_searched_and_typed_values_are_checked() {
    let mut harness = window(scene("busy", NOW_MS), [1280.0, 1600.0]);
    press(&mut harness, Modifiers::CTRL, Key::Comma);
    harness.get_by_label("Search settings").focus();
    harness.run_steps(2);
    type_text(&mut harness, "font size terminal");
    assert!(shows(&harness, "Font size, terminalFontSize") && !shows(&harness, "Look again"));
    let field = |harness: &mut Window, text: &str| {
        harness.get_by_label("Font size, terminalFontSize").focus();
        harness.run_steps(2);
        harness.key_press_modifiers(Modifiers::COMMAND, Key::A);
        harness.run_steps(2);
        type_text(harness, text);
        press(harness, PLAIN, Key::Enter);
    };
    field(&mut harness, "500");
    harness.get_by_label("Font size must be a number from 6 to 48");
    assert_eq!(saved_settings(&harness), [] as [Value; 0]);
    field(&mut harness, "14.5");
    assert_eq!(saved_settings(&harness), [json!({"terminalFontSize": 14.5})]);
}

#[test]
fn a_switch_and_a_choice_are_saved_and_reset() {
    let mut snapshot = scene("busy", NOW_MS);
    let file = object(json!({"terminalCursorStyle": "block"}));
    snapshot.settings = Arc::new(magia_core::settings::Settings::read(file).0);
    let mut harness = window(snapshot, [1280.0, 1600.0]);
    press(&mut harness, Modifiers::CTRL, Key::Comma);
    harness.state_mut().state.settings.show("terminalCursorStyle");
    harness.run_steps(3);
    click(&mut harness, "Underline: Cursor");
    click(&mut harness, "Reset terminalCursorStyle");
    let wanted = [json!({"terminalCursorStyle": "underline"}), json!({"terminalCursorStyle": null})];
    assert_eq!(saved_settings(&harness), wanted);
}

#[test]
fn home_leaves_everything() {
    let mut harness = window(busy(NOW_MS), SIZE);
    press(&mut harness, Modifiers::CTRL, Key::Comma);
    harness.state_mut().state.filter = "web".to_owned();
    press(&mut harness, Modifiers::CTRL | Modifiers::SHIFT, Key::H);
    let state = &harness.state().state;
    assert_eq!((state.route, state.filter.as_str()), (Route::Sessions, ""));
    assert!(harness.state().actions.contains(&Action::Run(UiCommand::Home)));
}

#[test]
fn a_key_that_opens_a_field_does_not_write_into_it() {
    let mut harness = window(busy(NOW_MS), SIZE);
    // Both in one frame, as the window system gives them.
    let key = eframe::egui::Event::Key {
        key: Key::Slash,
        physical_key: None,
        pressed: true,
        repeat: false,
        modifiers: PLAIN,
    };
    harness.input_mut().events.extend([key, eframe::egui::Event::Text("/".into())]);
    harness.run_steps(3);
    type_text(&mut harness, "web");
    assert_eq!(harness.state().state.filter, "web");
}
