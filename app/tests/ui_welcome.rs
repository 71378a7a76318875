//! The first steps, what is new, and the reset, without a display.
#![cfg(feature = "window")]
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod ui_bench;
mod ui_scenes;

use eframe::egui::{Key, Modifiers};
use egui_kittest::kittest::Queryable;
use magia_app::ui::action::Action;
use magia_app::ui::command::UiCommand;
use magia_app::ui::state::Route;
use magia_core::snapshot::Snapshot;
use magia_protocol::wire::{Command, Provider};
use ui_bench::{NOW_MS, Window, click, press, shows, type_text, window};
use ui_scenes::{busy, scene};

const SIZE: [f32; 2] = [1280.0, 800.0];

fn first(snapshot: Snapshot) -> Snapshot {
    Snapshot { first_launch: true, ..snapshot }
}

fn run(harness: &mut Window, command: UiCommand) {
    let bench = harness.state_mut();
    let snapshot = bench.snapshot.clone();
    bench.state.apply(Action::Run(command), &snapshot, &eframe::egui::Context::default(), 0.0);
    harness.run_steps(3);
}

#[test]
fn the_steps_go_on_and_back_and_end_at_the_empty_page() {
    let mut harness = window(first(scene("empty", NOW_MS)), SIZE);
    harness.get_by_label("Your agents");
    harness.get_by_label("Claude Code");
    click(&mut harness, "Look again");
    assert!(matches!(harness.state().sent[..], [Command::DetectInstalledProviders(_)]));
    click(&mut harness, "Next");
    click(&mut harness, "Install hooks... of Claude Code");
    harness.get_by_label("Install hooks").click();
    harness.run_steps(3);
    let Some(Command::InstallHooks(wish)) = harness.state().sent.last() else { panic!("not sent") };
    assert_eq!(wish.provider, Provider::Claude);
    click(&mut harness, "Next");
    click(&mut harness, "Switch on... telemetry of Claude Code");
    harness.get_by_label("Switch on").click();
    harness.run_steps(3);
    let Some(Command::SetTelemetry(wish)) = harness.state().sent.last() else { panic!("not sent") };
    assert!(wish.on && wish.provider == Provider::Claude);
    click(&mut harness, "Next");
    harness.get_by_label("See how it works");
    click(&mut harness, "Back");
    harness.get_by_label("What they use");
    click(&mut harness, "Next");
    click(&mut harness, "Done");
    harness.get_by_label("No sessions yet");
}

#[test]
fn sessions_come_before_the_welcome_unless_it_is_asked_for() {
    let mut harness = window(first(busy(NOW_MS)), SIZE);
    assert!(!shows(&harness, "Your agents"));
    run(&mut harness, UiCommand::Welcome);
    harness.get_by_label("Your agents");
    press(&mut harness, Modifiers::NONE, Key::Escape);
    assert!(!shows(&harness, "Your agents"));
    let mut later = window(scene("empty", NOW_MS), SIZE);
    assert!(!shows(&later, "Your agents"), "a second start has none");
    run(&mut later, UiCommand::Welcome);
    click(&mut later, "Skip the welcome");
    later.get_by_label("No sessions yet");
}

#[test]
fn what_is_new_is_a_page() {
    let mut harness = window(busy(NOW_MS), SIZE);
    run(&mut harness, UiCommand::Changelog);
    assert!(shows(&harness, "What is new in magia"));
    press(&mut harness, Modifiers::NONE, Key::Escape);
    assert_eq!(harness.state().state.route, Route::Sessions);
}

#[test]
fn a_reset_wants_the_word() {
    let mut harness = window(busy(NOW_MS), SIZE);
    run(&mut harness, UiCommand::Reset);
    harness.get_by_label("Reset magia").click();
    harness.run_steps(3);
    assert_eq!(harness.state().sent, []);
    type_text(&mut harness, "rese");
    press(&mut harness, Modifiers::NONE, Key::Enter);
    assert_eq!(harness.state().sent, []);
    harness.get_by_label("The word that confirms").focus();
    harness.run_steps(2);
    harness.key_press_modifiers(Modifiers::COMMAND, Key::A);
    harness.run_steps(2);
    type_text(&mut harness, "reset");
    press(&mut harness, Modifiers::NONE, Key::Enter);
    let Some(Command::FactoryReset(wish)) = harness.state().sent.last() else { panic!("not sent") };
    assert_eq!(wish.confirm, "reset");
    assert!(harness.state().state.dialogs.is_empty());
}
