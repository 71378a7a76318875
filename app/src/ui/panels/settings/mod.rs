//! The settings page.

mod directories;
mod hooks;
mod trial;

use crate::ui::action::{Action, Actions};
use crate::ui::icon::Lucide;
use crate::ui::provider;
use crate::ui::state::{Lookup, Route, UiState};
use crate::ui::text::{short_path, shown_line};
use crate::ui::theme::{self, palette};
use crate::ui::widgets::{button::Button, caption};
use eframe::egui::{CollapsingHeader, Frame, Label, Margin, RichText, ScrollArea, Ui, vec2};
use magia_core::ide::IdeServer;
use magia_core::policy::table::TABLE;
use magia_core::settings::{CODEX_HOLD_MAX_S, Preset, ThemeMode};
use magia_core::snapshot::Snapshot;
use magia_protocol::wire::Risk;

/// Width of the names of settings.
const NAMES: f32 = 112.0;

/// Draws the page.
pub fn settings_ui(ui: &mut Ui, snapshot: &Snapshot, state: &mut UiState, actions: &mut Actions) {
    let colors = palette(ui);
    ScrollArea::vertical().id_salt("settings").auto_shrink(false).show(ui, |ui| {
        let width = ui.available_width().min(640.0);
        let left = ((ui.available_width() - width) / 2.0).max(theme::SPACE_4);
        ui.horizontal_top(|ui| {
            ui.add_space(left);
            ui.vertical(|ui| {
                ui.set_width((width - theme::SPACE_4 * 2.0).max(200.0));
                ui.spacing_mut().item_spacing.y = theme::SPACE_2;
                ui.add_space(theme::SPACE_4);
                ui.horizontal(|ui| {
                    if Button::icon(Lucide::ArrowLeft, "Back (Esc)").name("Back").show(ui).clicked() {
                        actions.push(Action::Go(Route::Sessions));
                    }
                    let head = RichText::new("Settings").font(theme::semibold(theme::HEAD));
                    ui.label(head.color(colors.foreground));
                });
                choices(ui, snapshot, actions);
                let selected = state.selected.and_then(|id| snapshot.session(id));
                let here = selected.map(|session| session.cwd.as_str());
                directories::directories_ui(ui, snapshot, here, actions);
                trial::trial_ui(ui, snapshot, &mut state.trial, actions);
                risks(ui);
                hooks::hooks_ui(ui, snapshot, actions);
                agents(ui, snapshot, actions);
                health(ui, snapshot, actions);
                ui.add_space(theme::SPACE_6);
            });
        });
    });
}

fn group(ui: &mut Ui, title: &str, add: impl FnOnce(&mut Ui)) {
    let colors = palette(ui);
    ui.add_space(theme::SPACE_2);
    ui.label(RichText::new(title).font(theme::semibold(theme::UI)).color(colors.foreground));
    Frame::new()
        .fill(colors.card)
        .stroke(colors.line())
        .corner_radius(theme::CARD_RADIUS)
        .inner_margin(Margin::symmetric(12, 10))
        .show(ui, |ui| {
            ui.set_width(ui.available_width());
            ui.spacing_mut().item_spacing.y = theme::SPACE_2;
            add(ui);
        });
}

/// A name and what can be chosen for it.
fn setting(ui: &mut Ui, name: &str, explained: &str, add: impl FnOnce(&mut Ui)) {
    ui.horizontal(|ui| {
        ui.allocate_ui_with_layout(
            vec2(NAMES, theme::ROW),
            eframe::egui::Layout::left_to_right(eframe::egui::Align::Center),
            |ui| {
                ui.set_width(NAMES);
                ui.label(name);
            },
        );
        ui.spacing_mut().item_spacing.x = theme::SPACE_1;
        add(ui);
    });
    if !explained.is_empty() {
        let indent = Margin { left: NAMES as i8 + 8, right: 0, top: 0, bottom: 4 };
        Frame::new().inner_margin(indent).show(ui, |ui| {
            let text = RichText::new(explained).font(theme::regular(theme::CAPTION)).color(palette(ui).muted);
            ui.add(Label::new(text).wrap());
        });
    }
}

fn choices(ui: &mut Ui, snapshot: &Snapshot, actions: &mut Actions) {
    let settings = &snapshot.settings;
    group(ui, "Window and requests", |ui| {
        setting(ui, "Theme", "", |ui| {
            for (mode, label) in
                [(ThemeMode::Dark, "Dark"), (ThemeMode::Light, "Light"), (ThemeMode::System, "System")]
            {
                if Button::new(label).selected(settings.theme == mode).show(ui).clicked() {
                    actions.push(Action::setting("themeMode", mode.as_str()));
                }
            }
        });
        setting(ui, "Requests", settings.preset.explained(), |ui| {
            for preset in Preset::ALL.iter().copied() {
                if Button::new(preset.label()).selected(settings.preset == preset).show(ui).clicked()
                    && settings.preset != preset
                {
                    let change = Action::setting("permissionPreset", preset.as_str());
                    actions.push(if preset.answers() { Action::Confirm(Box::new(change)) } else { change });
                }
            }
        });
        let held = "So long a request of Codex waits for you here; its own dialog comes only afterwards.";
        setting(ui, "Codex waits", held, |ui| {
            let now = settings.codex_hold_s;
            let mut choices = vec![0, 5, 10, CODEX_HOLD_MAX_S];
            if !choices.contains(&now) {
                choices.push(now);
                choices.sort_unstable();
            }
            for seconds in choices {
                let label = if seconds == 0 { "Never".to_owned() } else { format!("{seconds} s") };
                let button = Button::new(&label).name(format!("{label}: Codex waits"));
                if button.selected(now == seconds).show(ui).clicked() && now != seconds {
                    actions.push(Action::setting("codexHoldSeconds", seconds));
                }
            }
        });
        setting(ui, "As an editor", settings.ide_server.explained(), |ui| {
            for (choice, label) in [
                (IdeServer::Off, "Off"),
                (IdeServer::Terminals, "In my terminals"),
                (IdeServer::Always, "Always"),
            ] {
                let button = Button::new(label).name(format!("{label}: as an editor"));
                if button.selected(settings.ide_server == choice).show(ui).clicked() {
                    actions.push(Action::setting("ideServer", choice.as_str()));
                }
            }
        });
        setting(ui, "Notifications", "", |ui| {
            let mut on = settings.notifications;
            if ui.checkbox(&mut on, "Tell the desktop when something needs you").clicked() {
                actions.push(Action::setting("notificationsEnabled", on));
            }
        });
    });
}

/// The risk table, folded until it is wanted: every reason that a card can give, and why.
fn risks(ui: &mut Ui) {
    let colors = palette(ui);
    group(ui, "Risk of a request", |ui| {
        caption(
            ui,
            "Each card says how much harm its request could do. These are all the reasons, the least harmful first.",
        );
        CollapsingHeader::new("Show the risk table").id_salt("risk table").show(ui, |ui| {
            for row in TABLE {
                setting(ui, row.risk.as_str(), row.why, |ui| {
                    let color = if row.risk == Risk::High { colors.failed } else { colors.foreground };
                    ui.add(Label::new(RichText::new(row.reason).color(color)).wrap());
                });
            }
        });
    });
}

fn agents(ui: &mut Ui, snapshot: &Snapshot, actions: &mut Actions) {
    group(ui, "Agents", |ui| {
        match &snapshot.providers {
            None => {
                caption(ui, "Looking for agents");
            }
            Some(providers) => {
                for found in providers {
                    setting(ui, provider::name(found.provider), "", |ui| match &found.path {
                        Some(path) => {
                            let version = found.version.as_deref().unwrap_or("version unknown");
                            ui.label(shown_line(version, 40));
                            let path = shown_line(path, 400);
                            let text = RichText::new(short_path(&path)).font(theme::mono(theme::CODE));
                            ui.add(Label::new(text.color(palette(ui).muted)).truncate()).on_hover_text(path);
                        }
                        None => {
                            ui.label(RichText::new("not found").color(palette(ui).muted));
                        }
                    });
                }
            }
        }
        if Button::new("Look again").with_icon(Lucide::RefreshCw).show(ui).clicked() {
            actions.push(Action::detect());
        }
    });
}

fn health(ui: &mut Ui, snapshot: &Snapshot, actions: &mut Actions) {
    if snapshot.listeners.is_empty() {
        return;
    }
    group(ui, "Listeners", |ui| {
        for listener in &snapshot.listeners {
            setting(ui, &shown_line(&listener.name, 40), "", |ui| {
                if listener.up {
                    let words = format!(
                        "up · {} connections · {} messages · {} refused",
                        listener.accepted, listener.messages, listener.refused
                    );
                    ui.label(RichText::new(words).color(palette(ui).muted));
                } else {
                    let why = listener.error.as_deref().unwrap_or("not started");
                    let text = RichText::new(format!("down: {}", shown_line(why, 300)));
                    ui.add(Label::new(text.color(palette(ui).failed)).wrap());
                    if Button::new("Retry").name(format!("Retry {}", listener.name)).show(ui).clicked() {
                        actions.push(Action::retry(&listener.name));
                    }
                }
            });
        }
    });
}
