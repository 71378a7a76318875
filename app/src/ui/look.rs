//! How the window looks, as settings and themes say: followed before a frame is drawn, so that a switch takes one frame.

use super::{fonts, theme};
use crate::os::fonts::NamedFonts;
use eframe::egui::{Context, ThemePreference};
use magia_core::settings::{Settings, ThemeMode};
use magia_core::snapshot::Snapshot;
use magia_core::themes::{BUILT_IN, Theme};
use std::sync::Arc;

/// What was applied last.
#[derive(Debug, Default)]
pub struct Look {
    mode: Option<ThemePreference>,
    theme: Option<(String, Arc<Vec<Theme>>)>,
    fonts: Option<fonts::Wish>,
    motion: Option<bool>,
    zoom: Option<f32>,
    /// Its zoom was asked for and is not in use yet: egui takes it up when the next frame begins, and has the old one until
    /// then, which nobody has chosen.
    zooms: bool,
    /// What is wrong with the theme in use, for the settings page.
    pub notes: Vec<String>,
}

impl Look {
    /// Applies what differs from before.
    pub fn follow(&mut self, ctx: &Context, snapshot: &Snapshot, named: Option<&NamedFonts>) {
        let settings = &*snapshot.settings;
        let mode = match (settings.theme, snapshot.desktop_dark) {
            (ThemeMode::Dark, _) | (ThemeMode::System, Some(true)) => ThemePreference::Dark,
            (ThemeMode::Light, _) | (ThemeMode::System, Some(false)) => ThemePreference::Light,
            // As the window system says, where it does; else dark.
            (ThemeMode::System, None) => ThemePreference::System,
        };
        if self.mode.replace(mode) != Some(mode) {
            ctx.set_theme(mode);
        }
        self.follow_theme(ctx, settings, &snapshot.themes);
        let moves = !settings.reduced_motion;
        if self.motion.replace(moves) != Some(moves) {
            theme::set_motion(ctx, moves);
        }
        let wish = fonts::Wish::of(settings);
        if self.fonts.as_ref() != Some(&wish) {
            if self.fonts.is_some() || wish != fonts::Wish::default() {
                fonts::install_as(ctx, &wish, named);
            }
            self.fonts = Some(wish);
        }
        if self.zoom.replace(settings.zoom) != Some(settings.zoom) {
            ctx.set_zoom_factor(settings.zoom);
            self.zooms = true;
        }
    }

    fn follow_theme(&mut self, ctx: &Context, settings: &Settings, themes: &Arc<Vec<Theme>>) {
        let is_same = self.theme.as_ref().is_some_and(|(id, known)| {
            *id == settings.theme_id && (Arc::ptr_eq(known, themes) || known == themes)
        });
        if is_same {
            return;
        }
        self.theme = Some((settings.theme_id.clone(), Arc::clone(themes)));
        let found = themes.iter().find(|theme| theme.id == settings.theme_id);
        self.notes = theme::apply(ctx, found);
        if found.is_none() && settings.theme_id != BUILT_IN {
            self.notes.push(format!("There is no theme {:?}; the built-in one is used", settings.theme_id));
        }
    }

    /// The zoom that the keyboard has set since, when it has.
    pub fn zoomed(&mut self, ctx: &Context) -> Option<f64> {
        // As a person writes it: 1.1, not the nearest f32.
        let rounded = (f64::from(ctx.zoom_factor()) * 100.0).round() / 100.0;
        let now = rounded as f32;
        let before = self.zoom?;
        if (now - before).abs() < 0.005 {
            self.zooms = false;
            return None;
        }
        if self.zooms {
            return None;
        }
        self.zoom = Some(now);
        Some(rounded)
    }
}
