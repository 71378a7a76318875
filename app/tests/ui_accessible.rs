//! What a screen reader and the keyboard get: every control has a name, and Tab comes to each.
#![cfg(feature = "window")]
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing)]

mod ui_bench;
mod ui_scenes;

use eframe::egui::accesskit::{Action, Role};
use eframe::egui::{Key, Modifiers};
use egui_kittest::kittest::{NodeT, Queryable};
use std::collections::BTreeSet;
use ui_bench::{NOW_MS, Window, click, press, window};
use ui_scenes::{many, scene};

const SIZE: [f32; 2] = [1280.0, 800.0];

/// Every control without a name, as role and place.
fn unnamed(window: &Window) -> Vec<String> {
    let mut open: Vec<_> = window.root().children().collect();
    let mut found = Vec::new();
    let mut seen = 0;
    while let Some(node) = open.pop() {
        open.extend(node.children());
        let it = node.accesskit_node();
        let role = it.role();
        let control = it.data().supports_action(Action::Click)
            || it.data().supports_action(Action::Focus)
            || matches!(
                role,
                Role::Button | Role::TextInput | Role::CheckBox | Role::RadioButton | Role::Link
            );
        // Scroll bars are egui's own, which gives them no names; the keyboard scrolls without them.
        let text_only = matches!(
            role,
            Role::Label | Role::TextRun | Role::Window | Role::GenericContainer | Role::ScrollBar
        );
        if !control || text_only {
            continue;
        }
        seen += 1;
        let named = it.label().is_some_and(|label| !label.trim().is_empty());
        if !named {
            found.push(format!("{role:?} at {:?}", node.rect()));
        }
    }
    assert!(seen >= 3, "{seen} controls are fewer than any page has");
    found
}

#[test]
fn every_control_has_a_name() {
    for name in
        ["empty", "loading", "installed", "busy", "long", "errors", "question", "edit", "providers", "many"]
    {
        let mut window = window(scene(name, NOW_MS), SIZE);
        let nothing: [String; 0] = [];
        assert_eq!(unnamed(&window), nothing, "{name}");
        press(&mut window, Modifiers::CTRL, Key::F);
        assert_eq!(unnamed(&window), nothing, "{name}, finding");
        press(&mut window, Modifiers::NONE, Key::Escape);
        press(&mut window, Modifiers::CTRL, Key::Comma);
        assert_eq!(unnamed(&window), nothing, "{name}, settings");
        press(&mut window, Modifiers::SHIFT, Key::Questionmark);
        assert_eq!(unnamed(&window), nothing, "{name}, shortcuts");
    }
}

#[test]
fn figures_have_names() {
    let mut window = window(scene("metrics", NOW_MS), SIZE);
    click(&mut window, "Metrics");
    assert_eq!(unnamed(&window), [] as [String; 0]);
    click(&mut window, "All metrics");
    assert_eq!(unnamed(&window), [] as [String; 0], "all sessions");
}

#[test]
fn a_card_with_its_field_open_has_names() {
    let mut window = window(scene("busy", NOW_MS), SIZE);
    click(&mut window, "Deny... Bash");
    assert_eq!(unnamed(&window), [] as [String; 0]);
}

/// Names of what Tab comes to, until it comes round.
fn tab_round(window: &mut Window, most: usize) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for _ in 0..most {
        window.key_press(Key::Tab);
        window.run_steps(2);
        let focused = window.query_all_by(|node| node.is_focused()).next();
        let name = focused.and_then(|node| node.accesskit_node().label());
        if let Some(name) = name {
            if names.first() == Some(&name) && names.len() > 5 {
                break;
            }
            names.push(name);
        }
    }
    names
}

#[test]
fn tab_comes_to_everything() {
    let mut window = window(scene("busy", NOW_MS), SIZE);
    let names = tab_round(&mut window, 120);
    let reached: BTreeSet<&str> = names.iter().map(String::as_str).collect();
    for wanted in [
        "Filter sessions",
        "3 need you",
        "Settings",
        "Keyboard shortcuts",
        "Search UI, idle",
        "Rename...",
        "Details",
        "Show all entries",
        "Tools: 9",
        "Find in timeline",
        "Copy timeline as Markdown",
        "Answer in terminal, Bash: rm -rf target/tmp && cargo test --all --no-fail-fast -- --test-threads=1 checkout",
        "Copy Directory: ~/webshop",
    ] {
        assert!(reached.contains(wanted), "{wanted} is not among {names:#?}");
    }
}

#[test]
fn tab_goes_through_the_top_bar_from_left_to_right() {
    for size in [SIZE, [640.0, 400.0], [400.0, 250.0]] {
        let mut window = window(scene("busy", NOW_MS), size);
        let mut before = -1.0;
        let mut stops = 0;
        for _ in 0..12 {
            window.key_press(Key::Tab);
            window.run_steps(2);
            let Some(node) = window.query_all_by(|node| node.is_focused()).next() else { continue };
            let rect = node.rect();
            if rect.top() > 38.0 {
                break;
            }
            assert!(rect.left() > before, "{:?} at {size:?}", node.accesskit_node().label());
            assert!(rect.right() <= size[0] && rect.left() >= 0.0, "{rect:?} at {size:?}");
            before = rect.right();
            stops += 1;
        }
        assert!(stops >= 6, "{stops} stops at {size:?}");
    }
}

#[test]
fn one_dot_stands_for_the_listeners_and_lists_them() {
    let mut window = window(scene("errors", NOW_MS), SIZE);
    let down = window.state().snapshot.listeners.iter().filter(|listener| !listener.up).count();
    click(&mut window, &format!("Listeners: {down} down"));
    let names: Vec<String> =
        window.state().snapshot.listeners.iter().map(|listener| listener.name.clone()).collect();
    for name in names {
        assert!(ui_bench::shows(&window, &format!("{name} ")), "{name}");
    }
}

#[test]
fn the_focus_is_given_back() {
    let mut window = window(many(NOW_MS, 1_000, 200), SIZE);
    press(&mut window, Modifiers::NONE, Key::Slash);
    assert!(window.get_by_label("Filter sessions").is_focused());
    press(&mut window, Modifiers::NONE, Key::Escape);
    assert!(!window.get_by_label("Filter sessions").is_focused());
    press(&mut window, Modifiers::NONE, Key::J);
    assert!(window.state().state.selected.is_some());
}
