//! Directories with a preset of their own.

use super::{group, setting};
use crate::ui::action::{Action, Actions};
use crate::ui::text::{short_path, shown_line};
use crate::ui::theme::{self, palette};
use crate::ui::widgets::{button::Button, caption};
use eframe::egui::{Label, RichText, Ui};
use magia_core::settings::Preset;
use magia_core::snapshot::Snapshot;

/// Draws the directories, and the one of the session that is selected.
pub fn directories_ui(ui: &mut Ui, snapshot: &Snapshot, here: Option<&str>, actions: &mut Actions) {
    let presets = &snapshot.settings.workspace_presets;
    group(ui, "Requests by directory", |ui| {
        for (path, preset) in presets {
            directory(ui, path, Some(*preset), actions);
        }
        let new = here.filter(|here| here.starts_with('/') && !presets.iter().any(|(path, _)| path == here));
        if let Some(path) = new {
            directory(ui, path, None, actions);
        }
        caption(ui, "What works in or below a directory follows its preset; the longest wins.");
    });
}

/// A directory and what can be chosen for it.
fn directory(ui: &mut Ui, path: &str, now: Option<Preset>, actions: &mut Actions) {
    let shown = short_path(&shown_line(path, 400));
    let text = RichText::new(&shown).font(theme::mono(theme::CODE)).color(palette(ui).foreground);
    ui.add(Label::new(text).truncate()).on_hover_text(shown_line(path, 400));
    setting(ui, "Requests here", now.map_or("", Preset::explained), |ui| {
        let name = |label: &str| format!("{label}: {shown}");
        let everywhere = Button::new("As elsewhere").name(name("As elsewhere")).selected(now.is_none());
        if everywhere.show(ui).clicked() && now.is_some() {
            actions.push(Action::workspace_preset(path, None));
        }
        // A preset that is rarely meant for one directory alone is left to the command line, unless it is set.
        let offered = [Preset::Default, Preset::AcceptEdits, Preset::Plan, Preset::Auto];
        let rare = now.filter(|preset| !offered.contains(preset));
        for preset in offered.into_iter().chain(rare) {
            let button = Button::new(preset.label()).name(name(preset.label())).selected(now == Some(preset));
            if button.show(ui).clicked() && now != Some(preset) {
                let change = Action::workspace_preset(path, Some(preset));
                actions.push(if preset.answers() { Action::Confirm(Box::new(change)) } else { change });
            }
        }
    });
}
