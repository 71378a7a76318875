//! Theme, fonts, zoom and motion follow the settings before the next frame.
#![cfg(feature = "window")]
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod ui_bench;
mod ui_scenes;

use eframe::egui::{Color32, Context, FontFamily, Key, Modifiers, TextStyle, Theme as Mode};
use egui_kittest::kittest::Queryable;
use magia_app::ui::look::Look;
use magia_app::ui::theme::{self, Palette};
use magia_core::settings::Settings;
use magia_core::snapshot::Snapshot;
use magia_core::themes::Theme;
use magia_protocol::wire::Command;
use serde_json::{Value, json};
use std::sync::Arc;
use ui_bench::{NOW_MS, click, press, window};
use ui_scenes::scene;

const DUSK: &str = r#"{"name": "Dusk", "author": "Ann", "modes": {"dark": {
    "background": "260 20% 8%", "sidebar": "260 20% 5%", "primary": "20 80% 70%"}}}"#;

fn snapshot(settings: Value) -> Snapshot {
    let Value::Object(file) = settings else { panic!("not an object") };
    let (settings, problems) = Settings::read(file);
    assert_eq!(problems, Vec::<String>::new());
    let themes = Arc::new(vec![Theme::read("dusk", DUSK).unwrap()]);
    Snapshot { settings: Arc::new(settings), themes, ..scene("busy", NOW_MS) }
}

/// A context with our fonts, after a look at these settings.
fn looked(settings: Value) -> (Context, Look) {
    let ctx = Context::default();
    magia_app::ui::install(&ctx);
    let mut look = Look::default();
    look.follow(&ctx, &snapshot(settings), None);
    (ctx, look)
}

#[test]
fn a_theme_is_drawn_with_and_left_again() {
    let mut harness = window(snapshot(json!({"themeId": "dusk"})), [1280.0, 800.0]);
    harness.run_steps(2);
    let built_in = Palette::of(Mode::Dark);
    let seen = |harness: &ui_bench::Window| {
        let style = harness.ctx.style_of(Mode::Dark);
        (style.visuals.panel_fill, style.visuals.hyperlink_color)
    };
    let dusk = seen(&harness);
    assert_ne!(dusk, (built_in.background, built_in.primary));
    harness.state_mut().snapshot.settings = Arc::new(Settings::default());
    harness.run_steps(1);
    assert_eq!(seen(&harness), (built_in.background, built_in.primary), "one frame later");
    harness.state_mut().snapshot.settings = snapshot(json!({"themeId": "dusk"})).settings;
    harness.run_steps(1);
    assert_eq!(seen(&harness), dusk);
}

#[test]
fn a_theme_that_is_saved_again_is_drawn_at_once() {
    let (ctx, mut look) = looked(json!({"themeId": "dusk"}));
    let before = ctx.style_of(Mode::Dark).visuals.panel_fill;
    let mut changed = snapshot(json!({"themeId": "dusk"}));
    changed.themes = Arc::new(vec![Theme::read("dusk", &DUSK.replace("260 20% 8%", "140 20% 8%")).unwrap()]);
    look.follow(&ctx, &changed, None);
    assert_ne!(ctx.style_of(Mode::Dark).visuals.panel_fill, before);
}

#[test]
fn what_is_wrong_with_a_theme_is_said_beside_it() {
    let mut harness = window(snapshot(json!({"themeId": "dawn"})), [1280.0, 800.0]);
    press(&mut harness, Modifiers::CTRL, Key::Comma);
    harness.get_by_label("There is no theme \"dawn\"; the built-in one is used");
    click(&mut harness, "Theme Dusk");
    let Some(Command::SaveSettings(saved)) = harness.state().sent.last() else { panic!("not saved") };
    assert_eq!(json!(saved.settings), json!({"themeId": "dusk"}));
    harness.state_mut().snapshot.settings = snapshot(json!({"themeId": "dusk"})).settings;
    harness.run_steps(3);
    harness.get_by_label("Dusk has no light colours; those of magia are used");
}

#[test]
fn fonts_have_the_size_that_is_wanted_and_terminals_their_own() {
    let width = |ctx: &Context, family: FontFamily| {
        let font = eframe::egui::FontId::new(13.0, family);
        let mut width = 0.0;
        ctx.run_ui(eframe::egui::RawInput::default(), |ui| {
            let text = "m".repeat(40);
            width =
                ui.fonts_mut(|fonts| fonts.layout_no_wrap(text, font.clone(), Color32::PLACEHOLDER).size().x);
        })
        .drop_without_applying_deltas();
        width
    };
    let (usual, _) = looked(json!({}));
    let (large, _) = looked(json!({"chatFontSize": 16.25, "editorFontSize": 15.625}));
    for family in [FontFamily::Proportional, FontFamily::Monospace] {
        let ratio = width(&large, family.clone()) / width(&usual, family.clone());
        assert!((ratio - 1.25).abs() < 0.02, "{family:?}: {ratio}");
    }
    let terminal = FontFamily::Name(theme::MONO.into());
    assert!((width(&large, terminal.clone()) - width(&usual, terminal)).abs() < 0.01);
    // A font that this machine does not have is no reason to show nothing.
    let (missing, _) = looked(json!({"chatFontFamily": "No Such Font", "editorFontFamily": "Nor This"}));
    assert!(
        (width(&missing, FontFamily::Proportional) - width(&usual, FontFamily::Proportional)).abs() < 0.01
    );
}

#[test]
fn motion_and_zoom_follow() {
    let (ctx, mut look) = looked(json!({"reducedMotion": true, "zoomFactor": 1.5, "themeId": "dusk"}));
    assert_eq!(look.zoomed(&ctx), None, "the zoom before is not what the keyboard has set");
    assert_eq!(ctx.style_of(Mode::Dark).animation_time, 0.0);
    assert!(ctx.style_of(Mode::Dark).text_styles.contains_key(&TextStyle::Body));
    ctx.run_ui(eframe::egui::RawInput::default(), |_| {}).drop_without_applying_deltas();
    assert_eq!(ctx.zoom_factor(), 1.5);
    assert_eq!(look.zoomed(&ctx), None);
    let (ctx, mut look) = looked(json!({}));
    assert!(ctx.style_of(Mode::Dark).animation_time > 0.0);
    assert_eq!(look.zoomed(&ctx), None);
    ctx.set_zoom_factor(1.2);
    ctx.run_ui(eframe::egui::RawInput::default(), |_| {}).drop_without_applying_deltas();
    assert_eq!(look.zoomed(&ctx), Some(1.2), "the keyboard's zoom is to be saved");
    assert_eq!(look.zoomed(&ctx), None, "once");
}

#[test]
fn as_the_desktop_follows_the_desktop() {
    let (ctx, mut look) = looked(json!({"themeMode": "system"}));
    let mut now = snapshot(json!({"themeMode": "system"}));
    for (dark, mode) in [(Some(false), Mode::Light), (Some(true), Mode::Dark), (None, Mode::Dark)] {
        now.desktop_dark = dark;
        look.follow(&ctx, &now, None);
        assert_eq!(ctx.theme(), mode, "{dark:?}");
    }
    now.settings = snapshot(json!({"themeMode": "light"})).settings;
    now.desktop_dark = Some(true);
    look.follow(&ctx, &now, None);
    assert_eq!(ctx.theme(), Mode::Light, "a person's choice is theirs");
}
