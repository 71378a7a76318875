//! The timeline worked by hand: finding, filtering, jumping, folding subagents, copying.
#![cfg(feature = "window")]
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing)]

mod ui_bench;
mod ui_scenes;

use eframe::egui::{Key, Modifiers, OutputCommand};
use egui_kittest::kittest::Queryable;
use magia_app::ui::panels::timeline::{Lane, TimelineData};
use ui_bench::{NOW_MS, click, press, shows, type_text, window};
use ui_scenes::{busy, many, scene, session_id};

const SIZE: [f32; 2] = [1280.0, 800.0];

#[test]
fn a_card_that_waits_is_seen_at_once() {
    for name in ["edit", "question", "busy", "many"] {
        let harness = window(scene(name, NOW_MS), SIZE);
        assert!(!shows(&harness, "A request waits below"), "{name}");
    }
}

#[test]
fn finding_counts_walks_and_opens() {
    let mut harness = window(busy(NOW_MS), SIZE);
    press(&mut harness, Modifiers::CTRL, Key::F);
    type_text(&mut harness, "ONE PER CENT");
    assert!(shows(&harness, "1 entry"));
    assert!(!shows(&harness, "Copy Read: ~/webshop/src/discount.rs"), "the result is folded");
    press(&mut harness, Modifiers::NONE, Key::Enter);
    assert!(shows(&harness, "1 of 1"));
    assert!(shows(&harness, "Copy Read: ~/webshop/src/discount.rs"), "what was found is opened");
    press(&mut harness, Modifiers::NONE, Key::Escape);
    assert!(!shows(&harness, "1 of 1"));

    press(&mut harness, Modifiers::CTRL, Key::F);
    type_text(&mut harness, "clock");
    press(&mut harness, Modifiers::NONE, Key::Enter);
    press(&mut harness, Modifiers::NONE, Key::Enter);
    assert!(shows(&harness, "2 of 4"));
    press(&mut harness, Modifiers::SHIFT, Key::F3);
    press(&mut harness, Modifiers::SHIFT, Key::F3);
    assert!(shows(&harness, "4 of 4"), "before the first comes the last");
    press(&mut harness, Modifiers::CTRL, Key::F);
    type_text(&mut harness, "nowhere");
    assert!(shows(&harness, "Not found"));
    assert_eq!(harness.state().sent, []);
}

#[test]
fn ten_thousand_entries_are_searched_to_the_end() {
    let mut harness = window(many(NOW_MS, 10, 10_000), SIZE);
    press(&mut harness, Modifiers::CTRL, Key::F);
    type_text(&mut harness, "git log");
    harness.run_steps(20);
    assert!(shows(&harness, "500 entries"), "one in every twenty");
}

#[test]
fn kinds_are_filtered_but_never_what_waits() {
    let mut harness = window(busy(NOW_MS), SIZE);
    click(&mut harness, "Prompts: 1");
    assert!(!shows(&harness, "WebFetch"));
    assert!(shows(&harness, "Make the checkout test deterministic"));
    assert!(shows(&harness, "Allow Bash"));
    click(&mut harness, "Notes: 2");
    assert!(shows(&harness, "magia was not running for 3 min"));
    click(&mut harness, "Show all entries");
    assert!(shows(&harness, "WebFetch"));
}

#[test]
fn a_subagent_folds_with_all_that_is_its_own() {
    let mut harness = window(busy(NOW_MS), SIZE);
    assert!(shows(&harness, "Grep: SystemTime in ."));
    click(&mut harness, "Subagent general-purpose, 3 entries");
    assert!(!shows(&harness, "Grep: SystemTime in ."));
    assert!(shows(&harness, "Bash: git log --oneline"), "the other one's stay");
    click(&mut harness, "Subagent general-purpose, 3 entries");
    assert!(shows(&harness, "Grep: SystemTime in ."));
}

#[test]
fn subagents_that_work_at_once_stand_side_by_side() {
    let mut data = TimelineData::default();
    data.update(&busy(NOW_MS), Some(session_id(1)));
    let lanes: Vec<(u8, Vec<Option<u8>>)> = data
        .rows
        .iter()
        .filter_map(|row| row.lane)
        .map(|Lane { slot, colors, .. }| (slot, colors[..2].to_vec()))
        .collect();
    let first = (0, vec![Some(0), None]);
    let both = (1, vec![Some(0), Some(1)]);
    let second = (1, vec![None, Some(1)]);
    let expected =
        [first.clone(), first.clone(), both.clone(), first.clone(), both, first.clone(), first, second];
    assert_eq!(lanes, expected);
}

#[test]
fn the_keyboard_walks_from_prompt_to_prompt() {
    let mut harness = window(many(NOW_MS, 10, 200), SIZE);
    let tops = |harness: &ui_bench::Window| -> Vec<i32> {
        let prompts = harness.query_all_by_label_contains("Make the checkout test deterministic");
        prompts.map(|node| node.rect().top() as i32).collect()
    };
    press(&mut harness, Modifiers::NONE, Key::Home);
    let start = tops(&harness);
    press(&mut harness, Modifiers::ALT, Key::ArrowDown);
    harness.run_steps(10);
    let first = tops(&harness);
    assert!(first[0] < start[0], "{first:?} {start:?}");
    press(&mut harness, Modifiers::ALT, Key::ArrowDown);
    harness.run_steps(10);
    assert_eq!(tops(&harness)[0], first[0], "the next one stands where the first one stood");
    press(&mut harness, Modifiers::ALT, Key::ArrowUp);
    press(&mut harness, Modifiers::ALT, Key::ArrowUp);
    press(&mut harness, Modifiers::NONE, Key::Home);
    harness.run_steps(10);
    assert_eq!(tops(&harness), start);
}

#[test]
fn the_timeline_is_copied_as_markdown() {
    let mut harness = window(busy(NOW_MS), SIZE);
    harness.get_by_label("Copy timeline as Markdown").click();
    harness.step();
    harness.step();
    let commands = &harness.output().platform_output.commands;
    let copied = commands.iter().find_map(|command| match command {
        OutputCommand::CopyText(text) => Some(text.clone()),
        _ => None,
    });
    let copied = copied.or_else(|| Some(harness.state().state.timeline.as_markdown())).unwrap();
    insta::assert_snapshot!(copied);
}

#[test]
fn a_diff_is_split_and_joined_again() {
    let mut harness = window(scene("edit", NOW_MS), [1600.0, 1000.0]);
    let right = |harness: &ui_bench::Window| harness.get_by_label("low risk").rect().right();
    let unified = right(&harness);
    click(&mut harness, "Side by side diff");
    assert!(right(&harness) > unified + 200.0, "old beside new takes the room that is there");
    assert!(!shows(&harness, "A request waits below"));
    click(&mut harness, "Unified diff");
    assert_eq!(right(&harness), unified);
}
