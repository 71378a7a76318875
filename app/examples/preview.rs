//! Opens the window on scripted facts, without a hub: `preview [SCENE] [--light] [--size WxH] [--zoom Z]`.
//! Scenes: empty, loading, busy, long, many, metrics, errors, question, notifications, review.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stderr, clippy::indexing_slicing)]

#[path = "../tests/ui_scenes/mod.rs"]
mod scenes;

use magia_app::link::{FromWindow, WindowLink};
use magia_app::ui::{WindowOptions, run};
use magia_core::settings::ThemeMode;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

fn main() -> anyhow::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let value = |name: &str| args.iter().position(|arg| arg == name).and_then(|at| args.get(at + 1)).cloned();
    let scene = args.first().filter(|arg| !arg.starts_with("--")).cloned().unwrap_or_else(|| "busy".into());
    let mut options = WindowOptions::default();
    if let Some(size) = value("--size") {
        let (width, height) = size.split_once('x').unwrap();
        options.size = [width.parse()?, height.parse()?];
    }
    let now_ms = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis() as u64;
    let mut snapshot = scenes::scene(&scene, now_ms);
    let mut settings = (*snapshot.settings).clone();
    if args.iter().any(|arg| arg == "--light") {
        settings.theme = ThemeMode::Light;
    }
    if let Some(zoom) = value("--zoom") {
        settings.zoom = zoom.parse()?;
    }
    snapshot.settings = Arc::new(settings);
    let (to_window, snapshots) = crossbeam_channel::bounded(64);
    let (to_hub, from_window) = crossbeam_channel::bounded(256);
    to_window.send(Arc::new(snapshot.clone()))?;
    run(
        WindowLink { snapshots, to_hub, to_terminals: tokio::sync::mpsc::channel(8).0 },
        options,
        move |waker| {
            std::thread::spawn(move || {
                for message in from_window {
                    eprintln!("{message:?}");
                    if let FromWindow::Changed { selected: Some(selected), .. } = message
                        && snapshot.timeline.as_ref().is_none_or(|view| view.session != selected)
                    {
                        snapshot.revision += 1;
                        snapshot.timeline = Some(scenes::timeline(&snapshot, selected, now_ms));
                        let _ = to_window.send(Arc::new(snapshot.clone()));
                        waker.wake();
                    }
                }
            });
        },
    )
}
