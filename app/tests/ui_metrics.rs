//! The metrics of a session and of all: what stands there, and what a click asks for.
#![cfg(feature = "window")]
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing)]

mod ui_bench;
mod ui_scenes;

use eframe::egui::Vec2;
use egui_kittest::kittest::Queryable;
use magia_app::ui::panels::metrics::MetricsData;
use magia_app::ui::state::{Route, SessionPane};
use magia_core::snapshot::Snapshot;
use magia_protocol::wire::Command;
use ui_bench::{NOW_MS, click, window};
use ui_scenes::metrics::metrics;
use ui_scenes::{busy, session_id};

#[test]
fn a_session_says_what_it_used() {
    let data = MetricsData::of_session(&metrics(NOW_MS), session_id(1));
    let figures: Vec<(&str, &str)> =
        data.figures.iter().map(|figure| (figure.name, figure.value.as_str())).collect();
    assert_eq!(
        figures,
        [
            ("Cost", "$4.12"),
            ("Tokens in", "142.2k"),
            ("Cached", "1.2M"),
            ("Tokens out", "31.9k"),
            ("Context", "41 %"),
            ("Requests", "212"),
            ("First token", "0.6 s"),
            ("Request", "2.1 s"),
            ("Lines", "+412 -96"),
            ("Active", "47 min 20 s"),
        ]
    );
    assert_eq!(data.tools[0].name, "Bash", "the longest first");
    assert_eq!((data.tools[0].calls.as_str(), data.tools[0].failed.as_str()), ("61", "7 failed"));
    assert!(
        data.hooks_cost.as_ref().unwrap().starts_with("Hooks took 3 min 1 s in 119 runs, 2 min 19 s of it")
    );
    assert_eq!(
        data.prompts[0].what,
        "6 requests · 56.4k in · 1.9k out · 5 tool calls in 5.4 s · model 12.6 s"
    );
    assert_eq!(data.spans[0].range, (0.0, 1.0));
    assert_eq!(data.plots.tokens[0].len(), 95);
    // Another session's figures are not this one's.
    assert!(!MetricsData::of_session(&metrics(NOW_MS), session_id(2)).known);
}

#[test]
fn a_session_has_a_pane_for_it() {
    let mut harness = window(metrics(NOW_MS), [1280.0, 800.0]);
    // Under the prompt in the timeline, and in a pane.
    click(&mut harness, "Prompts");
    harness.get_by_label_contains("44 requests · 413.6k in · 13.6k out · 43 tool calls in 39.6 s");
    click(&mut harness, "Metrics");
    assert_eq!(harness.state().state.pane, SessionPane::Metrics);
    harness.get_by_label("Cost: $4.12");
    harness.get_by_label("Bash, 61, 7 failed, 5 min 7 s");
    harness.get_by_label("Timeline").click();
    harness.run_steps(3);
    assert_eq!(harness.state().state.pane, SessionPane::Timeline);
}

#[test]
fn all_sessions_have_a_page_that_leads_to_each() {
    let mut harness = window(metrics(NOW_MS), [1280.0, 1600.0]);
    click(&mut harness, "All metrics");
    assert_eq!(harness.state().state.route, Route::Metrics);
    harness.get_by_label("Cost: $5.53");
    click(&mut harness, "Rate limits per key   Codex");
    let state = &harness.state().state;
    assert_eq!(
        (state.route, state.selected, state.pane),
        (Route::Sessions, Some(session_id(4)), SessionPane::Metrics)
    );
}

#[test]
fn without_telemetry_it_says_how_to_get_some() {
    let mut harness = window(busy(NOW_MS), [1280.0, 800.0]);
    click(&mut harness, "Metrics");
    click(&mut harness, "Switch on for Claude Code...");
    harness.get_by_label("Switch on").click();
    harness.run_steps(3);
    assert!(
        matches!(harness.state().sent.as_slice(), [Command::SetTelemetry(wish)] if wish.on && wish.traces),
        "{:?}",
        harness.state().sent
    );
}

/// Nothing is cut off, whatever the size.
#[test]
fn small_windows_have_it_too() {
    for size in [Vec2::new(800.0, 500.0), Vec2::new(1600.0, 1000.0)] {
        let mut harness = window(metrics(NOW_MS), size.into());
        click(&mut harness, "Metrics");
        harness.get_by_label("Cost: $4.12");
    }
    assert_eq!(MetricsData::of_fleet(&Snapshot::default()).figures, []);
}
