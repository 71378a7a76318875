//! Frame times of the window, scrolled as fast as it draws: `cargo run -p magia-app --release --example bench_frames`
//! on a display (Xvfb with llvmpipe gives the figures of the README), 1280x800.
//!
//! Then the palette over 10,000 sessions, from the key to the end of the frame that shows it, and the switch from one theme
//! to another, from the new settings to the end of the frame that is drawn with it.
//!
//! An argument chooses phases by a part of their names.
//!
//! `ui` is what building and tessellating a frame costs, `frame` is from one frame to the next, rasteriser included.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a measuring program may fail and prints"
)]

#[path = "../tests/ui_scenes/mod.rs"]
mod scenes;

use crossbeam_channel::Sender;
use eframe::egui::{self, Event, Modifiers, MouseWheelSource, MouseWheelUnit, TouchPhase, Vec2, pos2};
use magia_app::link::WindowLink;
use magia_app::ui::{Window, WindowOptions, native_options};
use magia_core::settings::ThemeMode;
use magia_core::snapshot::Snapshot;
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Frames of a phase that are measured, after as many that are not.
const FRAMES: usize = 400;
const WARM: usize = 40;

struct Phase {
    name: &'static str,
    snapshot: Snapshot,
    pointer: egui::Pos2,
    /// Points to scroll in a frame.
    step: f32,
    /// Whether every frame brings new facts.
    fresh: bool,
    act: Act,
}

/// What is done from time to time in a phase, and timed.
#[derive(Clone, Copy, PartialEq)]
enum Act {
    Nothing,
    /// Ctrl+K.
    Palette,
    /// Other colours, in dark and light by turns.
    Theme,
}

/// Frames between two acts: the palette is open for half of them.
const ACT_EVERY: usize = 10;

fn phases(now_ms: u64) -> Vec<Phase> {
    let timeline = pos2(650.0, 400.0);
    let list = pos2(120.0, 400.0);
    let phase = |name, sessions, entries, pointer, step, fresh| Phase {
        name,
        snapshot: scenes::many(now_ms, sessions, entries),
        pointer,
        step,
        fresh,
        act: Act::Nothing,
    };
    let diff = |name, step| Phase {
        name,
        snapshot: scenes::scene("review long", now_ms),
        pointer: timeline,
        step,
        fresh: false,
        act: Act::Nothing,
    };
    let act = |name, act| Phase { act, ..phase(name, 10_000, 100, timeline, 0.0, false) };
    vec![
        phase("10,000 entries, wheel", 20, 10_000, timeline, 60.0, false),
        phase("10,000 entries, flung", 20, 10_000, timeline, 1_500.0, false),
        phase("10,000 entries, new facts each frame", 20, 10_000, timeline, 60.0, true),
        phase("1,000 sessions, list scrolled", 1_000, 100, list, -60.0, false),
        phase("2,000 sessions, new facts each frame", 2_000, 100, list, -60.0, true),
        diff("5,000-line diff, wheel", 60.0),
        diff("5,000-line diff, flung", 1_500.0),
        act("palette over 10,000 sessions opened", Act::Palette),
        act("theme switched, 10,000 sessions", Act::Theme),
    ]
}

struct Bench {
    window: Window,
    to_window: Sender<Arc<Snapshot>>,
    phases: std::vec::IntoIter<Phase>,
    phase: Phase,
    frame: usize,
    first_ms: f32,
    revision: u64,
    last: Instant,
    ui_ms: Vec<f32>,
    frame_ms: Vec<f32>,
    /// When the last act began, and in which frame.
    acted: Option<(Instant, usize)>,
    act_ms: Vec<f32>,
    act_frames: usize,
}

impl Bench {
    fn tell(&mut self) {
        self.revision += 1;
        self.phase.snapshot.revision = self.revision;
        let _ = self.to_window.send(Arc::new(self.phase.snapshot.clone()));
    }
}

fn wanted(mode: ThemeMode) -> egui::Theme {
    if mode == ThemeMode::Light { egui::Theme::Light } else { egui::Theme::Dark }
}

fn percentiles(values: &mut [f32]) -> String {
    values.sort_by(f32::total_cmp);
    let at = |share: f32| values[((values.len() - 1) as f32 * share) as usize];
    format!("p50 {:.1}  p95 {:.1}  p99 {:.1}  max {:.1}", at(0.5), at(0.95), at(0.99), at(1.0))
}

impl eframe::App for Bench {
    fn logic(&mut self, ctx: &egui::Context, frame: &mut eframe::Frame) {
        if self.phase.act == Act::Theme && self.frame.is_multiple_of(ACT_EVERY) && self.acted.is_none() {
            let mut settings = (*self.phase.snapshot.settings).clone();
            settings.theme =
                if settings.theme == ThemeMode::Dark { ThemeMode::Light } else { ThemeMode::Dark };
            self.phase.snapshot.settings = Arc::new(settings);
            self.tell();
            self.acted = Some((Instant::now(), self.frame));
        }
        self.window.logic(ctx, frame);
    }

    fn raw_input_hook(&mut self, _ctx: &egui::Context, input: &mut egui::RawInput) {
        // There and back again, in four strokes.
        let back = self.frame / (FRAMES / 4) % 2 == 1;
        if self.phase.act == Act::Palette && self.frame.is_multiple_of(ACT_EVERY / 2) {
            let modifiers = Modifiers { ctrl: true, command: true, ..Modifiers::NONE };
            input.events.push(Event::Key {
                key: egui::Key::K,
                physical_key: None,
                pressed: true,
                repeat: false,
                modifiers,
            });
            if self.frame.is_multiple_of(ACT_EVERY) {
                self.acted = Some((Instant::now(), self.frame));
            }
        }
        input.events.push(Event::PointerMoved(self.phase.pointer));
        input.events.push(Event::MouseWheel {
            unit: MouseWheelUnit::Point,
            delta: Vec2::new(0.0, if back { -self.phase.step } else { self.phase.step }),
            phase: TouchPhase::Move,
            modifiers: Modifiers::NONE,
            source: MouseWheelSource::Wheel,
        });
    }

    fn ui(&mut self, ui: &mut egui::Ui, frame: &mut eframe::Frame) {
        if self.frame > 0 && self.frame <= WARM {
            self.first_ms = self.first_ms.max(self.last.elapsed().as_secs_f32() * 1e3);
        }
        if self.frame > WARM {
            self.frame_ms.push(self.last.elapsed().as_secs_f32() * 1e3);
            self.ui_ms.extend(frame.info().cpu_usage.map(|seconds| seconds * 1e3));
        }
        self.last = Instant::now();
        self.window.ui(ui, frame);
        if let Some((begun, at)) = self.acted {
            let is_shown = match self.phase.act {
                Act::Theme => ui.ctx().theme() == wanted(self.phase.snapshot.settings.theme),
                // The key is read in one frame and the palette stands in the next.
                _ => self.frame > at,
            };
            if is_shown {
                self.act_ms.push(begun.elapsed().as_secs_f32() * 1e3);
                self.act_frames = self.act_frames.max(self.frame - at + 1);
                self.acted = None;
            }
        }
        self.frame += 1;
        if self.phase.fresh {
            self.tell();
        }
        if self.frame == WARM + FRAMES {
            println!("{:<38} ui    {} ms", self.phase.name, percentiles(&mut self.ui_ms));
            println!("{:<38} frame {} ms", "", percentiles(&mut self.frame_ms));
            println!("{:<38} longest of its first frames, in which it opens: {:.1} ms", "", self.first_ms);
            self.first_ms = 0.0;
            if !self.act_ms.is_empty() {
                println!(
                    "{:<38} shown {} ms, after {} frames at most",
                    "",
                    percentiles(&mut self.act_ms),
                    self.act_frames
                );
            }
            self.act_ms.clear();
            self.act_frames = 0;
            self.acted = None;
            self.ui_ms.clear();
            self.frame_ms.clear();
            self.frame = 0;
            match self.phases.next() {
                Some(next) => {
                    self.phase = next;
                    self.tell();
                }
                None => ui.ctx().send_viewport_cmd(egui::ViewportCommand::Close),
            }
        }
        ui.ctx().request_repaint();
    }
}

fn main() -> eframe::Result {
    let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64;
    let mut native = native_options(egui::ViewportBuilder::default().with_inner_size([1280.0, 800.0]));
    native.glow_options.vsync = false;
    eframe::run_native(
        "magia bench",
        native,
        Box::new(move |context| {
            let (to_window, snapshots) = crossbeam_channel::bounded(64);
            let (to_hub, _from_window) = crossbeam_channel::bounded(256);
            let options = WindowOptions { reduced_motion: true, ..WindowOptions::default() };
            let to_terminals = tokio::sync::mpsc::channel(8).0;
            let link = WindowLink { snapshots, to_hub, to_terminals };
            let window = Window::new(link, options, &context.egui_ctx);
            // Only some, by a part of their names.
            let wanted = std::env::args().nth(1).unwrap_or_default();
            let mut phases = phases(now_ms);
            phases.retain(|phase| phase.name.contains(&wanted));
            let mut phases = phases.into_iter();
            let phase = phases.next().unwrap();
            let mut bench = Bench {
                window,
                to_window,
                phases,
                phase,
                frame: 0,
                first_ms: 0.0,
                revision: 0,
                last: Instant::now(),
                ui_ms: Vec::new(),
                frame_ms: Vec::new(),
                acted: None,
                act_ms: Vec::new(),
                act_frames: 0,
            };
            bench.tell();
            Ok(Box::new(bench))
        }),
    )
}
