//! The window without a display, for tests that work it by label and key.
#![allow(dead_code, missing_docs)]

use eframe::egui::{Event, Key, Modifiers, Theme, Vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use magia_app::link::Waker;
use magia_app::terminal_link::TerminalPort;
use magia_app::ui::action::Actions;
use magia_app::ui::clock::{Clock, utc};
use magia_app::ui::shell::{View, shell_ui};
use magia_app::ui::state::UiState;
use magia_core::snapshot::Snapshot;
use magia_protocol::wire::Command;

/// 2026-11-21 10:41:07.
pub const NOW_MS: u64 = 1_795_257_667_000;

pub type Window = Harness<'static, Bench>;

pub struct Bench {
    pub snapshot: Snapshot,
    pub state: UiState,
    pub terminals: TerminalPort,
    pub actions: Actions,
    pub sent: Vec<Command>,
    pub now_s: f64,
}

impl Bench {
    pub fn new(snapshot: Snapshot) -> Self {
        let mut state = UiState::default();
        state.follow(&snapshot, 0.0);
        // Nobody is at the other end: no test here shows a live terminal.
        let terminals = TerminalPort::new(tokio::sync::mpsc::channel(8).0, Waker::new(|| {}));
        Self { snapshot, state, terminals, actions: Vec::new(), sent: Vec::new(), now_s: 0.0 }
    }
}

pub fn window(snapshot: Snapshot, size: [f32; 2]) -> Window {
    let mut ready = false;
    let mut harness = Harness::builder()
        .with_size(Vec2::from(size))
        .with_theme(Theme::Dark)
        .with_max_steps(20)
        .build_ui_state(
            move |ui, bench: &mut Bench| {
                if !std::mem::replace(&mut ready, true) {
                    magia_app::ui::install(ui.ctx());
                    return;
                }
                bench.state.look.follow(ui.ctx(), &bench.snapshot, None);
                let clock = Clock::new(NOW_MS, bench.now_s, utc);
                let view = View {
                    snapshot: &bench.snapshot,
                    terminals: &bench.terminals,
                    clock: &clock,
                    pulse: false,
                };
                let mut actions = Actions::new();
                shell_ui(ui, view, &mut bench.state, &mut actions);
                for action in actions {
                    bench.actions.push(action.clone());
                    let command = bench.state.apply(action, &bench.snapshot, ui.ctx(), bench.now_s);
                    bench.sent.extend(command);
                }
            },
            Bench::new(snapshot),
        );
    harness.run_steps(4);
    harness
}

/// The app's state has changed.
pub fn follow(harness: &mut Window, change: impl FnOnce(&mut Snapshot)) {
    let bench = harness.state_mut();
    change(&mut bench.snapshot);
    bench.snapshot.revision += 1;
    let snapshot = bench.snapshot.clone();
    bench.state.follow(&snapshot, bench.now_s);
    harness.run_steps(4);
}

pub fn later(harness: &mut Window, seconds: f64) {
    harness.state_mut().now_s += seconds;
    harness.run_steps(2);
}

pub fn press(harness: &mut Window, modifiers: Modifiers, key: Key) {
    harness.key_press_modifiers(modifiers, key);
    harness.run_steps(3);
}

pub fn click(harness: &mut Window, label: &str) {
    harness.get_by_label_contains(label).click();
    harness.run_steps(3);
}

/// Types into the field that has the keyboard.
pub fn type_text(harness: &mut Window, text: &str) {
    harness.event(Event::Text(text.into()));
    harness.run_steps(4);
}

/// Whether something has a name that holds `label`.
pub fn shows(harness: &Window, label: &str) -> bool {
    harness.query_all_by_label_contains(label).next().is_some()
}
