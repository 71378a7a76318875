//! The settings page.

mod directories;
mod hooks;
mod keyboard;
mod rows;
mod trial;

use crate::ui::action::{Action, Actions};
use crate::ui::command::UiCommand;
use crate::ui::icon::Lucide;
use crate::ui::provider;
use crate::ui::state::{Lookup, Route, UiState};
use crate::ui::text::{short_path, shown_line};
use crate::ui::theme::{self, palette};
use crate::ui::widgets::{button::Button, caption};
use eframe::egui::{CollapsingHeader, Frame, Id, Label, Margin, RichText, ScrollArea, TextEdit, Ui, vec2};
use magia_core::policy::table::TABLE;
use magia_core::settings::spec::{self, Section};
use magia_core::settings::{CODEX_HOLD_MAX_S, Preset, ThemeMode};
use magia_core::snapshot::Snapshot;
use magia_core::themes::BUILT_IN;
use magia_protocol::wire::Risk;

/// What the page shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Page {
    /// Everything.
    #[default]
    All,
    /// One section.
    Of(Section),
    /// The keys.
    Keyboard,
}

impl Page {
    const fn label(self) -> &'static str {
        match self {
            Self::All => "All",
            Self::Of(section) => section.label(),
            Self::Keyboard => "Keyboard",
        }
    }
}

/// What is typed on the page.
#[derive(Debug, Default)]
pub struct SettingsPanel {
    query: String,
    page: Page,
    edit: rows::Edit,
}

impl SettingsPanel {
    /// Shows what a key, or a word, finds; all of it for none.
    pub fn show(&mut self, key: &str) {
        key.clone_into(&mut self.query);
        self.page = Page::All;
    }

    /// Shows the section that was shown last; the keys are gone to by their own command.
    pub fn come_back(&mut self) {
        self.query.clear();
        if self.page == Page::Keyboard {
            self.page = Page::All;
        }
    }

    /// Shows the keys.
    pub fn show_keys(&mut self) {
        self.query.clear();
        self.page = Page::Keyboard;
    }

    /// Leaves what is searched for; `false` when there is nothing to leave.
    pub fn leave(&mut self) -> bool {
        let searched = !self.query.is_empty();
        self.query.clear();
        searched
    }
}

/// Width of the names of settings, where there is room.
const NAMES: f32 = 150.0;

/// Width of the names of settings: a column of its own, in which longer names wrap.
fn names_width(ui: &Ui) -> f32 {
    NAMES.min(ui.available_width() * 0.35)
}

/// Draws the page.
pub fn settings_ui(ui: &mut Ui, snapshot: &Snapshot, state: &mut UiState, actions: &mut Actions) {
    let colors = palette(ui);
    // Of all the room, with and without a scroll bar: a section that needs none does not move the page.
    let room = ui.available_width() - theme::SPACE_3;
    ScrollArea::vertical().id_salt("settings").auto_shrink(false).show(ui, |ui| {
        let width = room.min(704.0);
        let left = ((room - width) / 2.0).max(theme::SPACE_4);
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
                finder(ui, &mut state.settings);
                groups(ui, snapshot, state, actions);
                ui.add_space(theme::SPACE_6);
            });
        });
    });
}

/// The field to search in and the sections.
fn finder(ui: &mut Ui, panel: &mut SettingsPanel) {
    let edit = TextEdit::singleline(&mut panel.query)
        .id(Id::unique("search settings"))
        .hint_text("Search settings")
        .margin(Margin::symmetric(8, 6))
        .desired_width(f32::INFINITY);
    if ui.add(edit).accessible_name("Search settings").changed() {
        panel.page = Page::All;
    }
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing.x = theme::SPACE_1;
        let pages = Section::ALL.iter().map(|section| Page::Of(*section));
        for page in [Page::All].into_iter().chain(pages).chain([Page::Keyboard]) {
            let label = page.label();
            let button = Button::new(label).quiet().name(format!("Section {label}"));
            if button.selected(panel.page == page && panel.query.is_empty()).show(ui).clicked() {
                panel.page = page;
                panel.query.clear();
            }
        }
    });
}

/// The groups that belong to the section and fit what is searched for.
fn groups(ui: &mut Ui, snapshot: &Snapshot, state: &mut UiState, actions: &mut Actions) {
    let (page, words) = (state.settings.page, words(&state.settings.query));
    let fits = |text: &str| {
        let text = text.to_lowercase();
        words.iter().all(|word| text.contains(word.as_str()))
    };
    let shows = |section: Section, keys: &[&str], more: &str| {
        let rows: Vec<String> = keys.iter().filter_map(|key| spec::find(key)).map(spec_words).collect();
        (page == Page::All || page == Page::Of(section)) && fits(&format!("{more} {}", rows.join(" ")))
    };
    let top = ui.cursor().top();
    if shows(Section::Window, &["themeMode", "themeId", "notificationsEnabled"], "appearance") {
        appearance(ui, snapshot, &state.look.notes, actions);
    }
    if shows(Section::Requests, &["permissionPreset", "codexHoldSeconds"], "requests codex waits") {
        requests(ui, snapshot, actions);
    }
    if shows(Section::Requests, &["workspacePresets"], "preset") {
        let selected = state.selected.and_then(|id| snapshot.session(id));
        let here = selected.map(|session| session.cwd.as_str());
        directories::directories_ui(ui, snapshot, here, actions);
    }
    if shows(Section::Requests, &[], "try before you change preset rule policy") {
        trial::trial_ui(ui, snapshot, &mut state.trial, actions);
    }
    if shows(Section::Requests, &[], "risk of a request table harm") {
        risks(ui);
    }
    if shows(Section::Agents, &[], "hooks install uninstall strict claude codex gemini") {
        hooks::hooks_ui(ui, snapshot, actions);
    }
    if shows(Section::Agents, &["providerBinaryPaths"], "agents claude codex gemini") {
        agents(ui, snapshot, actions);
    }
    if shows(Section::Api, &[], "listeners sockets health") {
        health(ui, snapshot, actions);
    }
    for section in Section::ALL {
        if page == Page::All || page == Page::Of(*section) {
            rows::rows_ui(ui, *section, snapshot, fits, &mut state.settings.edit, actions);
        }
    }
    if page == Page::All && fits("about what is new changelog version welcome reset factory") {
        about(ui, actions);
    }
    if matches!(page, Page::All | Page::Keyboard) {
        keyboard::keyboard_ui(ui, snapshot, fits, &mut state.recording, actions);
    }
    if ui.cursor().top() <= top {
        ui.add_space(theme::SPACE_4);
        let words = format!("No setting matches \"{}\"", shown_line(&state.settings.query, 60));
        ui.label(RichText::new(words).color(palette(ui).muted));
    }
}

/// The program itself.
fn about(ui: &mut Ui, actions: &mut Actions) {
    group(ui, "magia", |ui| {
        setting(ui, "Version", "", |ui| {
            ui.label(env!("CARGO_PKG_VERSION"));
            ui.add_space(theme::SPACE_2);
            for command in [UiCommand::Changelog, UiCommand::Welcome, UiCommand::Reset] {
                if Button::new(command.label()).show(ui).clicked() {
                    actions.push(Action::Run(command));
                }
            }
        });
        caption(ui, "For a bug report: magia diagnostics FILE collects what is needed, without secrets.");
    });
}

/// What is searched for, word by word.
fn words(query: &str) -> Vec<String> {
    query.split_whitespace().map(str::to_lowercase).collect()
}

/// What a row is found by.
fn spec_words(spec: &spec::Spec) -> String {
    format!("{} {} {} {}", spec.section.label(), spec.key, spec.label, spec.about)
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
        let names = names_width(ui);
        ui.allocate_ui_with_layout(
            vec2(names, theme::ROW),
            eframe::egui::Layout::left_to_right(eframe::egui::Align::Center),
            |ui| {
                ui.set_width(names);
                ui.add(Label::new(name).wrap());
            },
        );
        ui.spacing_mut().item_spacing.x = theme::SPACE_1;
        add(ui);
    });
    if !explained.is_empty() {
        let color = palette(ui).muted;
        below(ui, RichText::new(explained).font(theme::regular(theme::CAPTION)).color(color));
    }
}

/// Words below a setting, under what can be chosen for it.
fn below(ui: &mut Ui, text: RichText) {
    ui.horizontal_top(|ui| {
        ui.add_space(names_width(ui) + theme::SPACE_2);
        ui.add(Label::new(text).wrap());
    });
    ui.add_space(theme::SPACE_1);
}

/// The built-in theme and those of the user; what is hard to read in the one that is used.
fn colours(ui: &mut Ui, snapshot: &Snapshot, notes: &[String], actions: &mut Actions) {
    let now = &snapshot.settings.theme_id;
    let ids = snapshot.themes.iter().map(|theme| (theme.id.as_str(), theme.name.as_str(), &theme.author));
    let none = None;
    let built_in = [(BUILT_IN, "magia", &none)];
    let about = "Files in ~/.magia/themes are read as soon as they are saved.";
    setting(ui, "Colours", about, |ui| {
        ui.horizontal_wrapped(|ui| {
            for (id, name, author) in built_in.into_iter().chain(ids.filter(|(id, ..)| *id != BUILT_IN)) {
                let name = shown_line(name, 40);
                let by = author.as_ref().map(|author| format!("by {}", shown_line(author, 40)));
                let mut button = Button::new(&name).name(format!("Theme {name}")).selected(now == id);
                if let Some(by) = &by {
                    button = button.tip(by);
                }
                if button.show(ui).clicked() && now != id {
                    actions.push(Action::setting("themeId", id));
                }
            }
        });
    });
    for note in notes {
        ui.add(Label::new(RichText::new(shown_line(note, 300)).color(palette(ui).failed)).wrap());
    }
}

fn appearance(ui: &mut Ui, snapshot: &Snapshot, notes: &[String], actions: &mut Actions) {
    let settings = &snapshot.settings;
    group(ui, "Appearance and notifications", |ui| {
        setting(ui, "Theme", "", |ui| {
            for (mode, label) in
                [(ThemeMode::Dark, "Dark"), (ThemeMode::Light, "Light"), (ThemeMode::System, "System")]
            {
                if Button::new(label).selected(settings.theme == mode).show(ui).clicked() {
                    actions.push(Action::setting("themeMode", mode.as_str()));
                }
            }
        });
        colours(ui, snapshot, notes, actions);
        setting(ui, "Notifications", "", |ui| {
            let mut on = settings.notifications;
            if ui.checkbox(&mut on, "Tell the desktop when something needs you").clicked() {
                actions.push(Action::setting("notificationsEnabled", on));
            }
        });
    });
}

fn requests(ui: &mut Ui, snapshot: &Snapshot, actions: &mut Actions) {
    let settings = &snapshot.settings;
    group(ui, "Answers to requests", |ui| {
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
    group(ui, "Agents found", |ui| {
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
