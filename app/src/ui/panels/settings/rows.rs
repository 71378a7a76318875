//! Settings that need nothing but a switch, a choice or a field: drawn from the table of settings.

use super::{below, group, setting, spec_words};
use crate::ui::action::{Action, Actions};
use crate::ui::theme::{self, palette};
use crate::ui::widgets::button::Button;
use eframe::egui::{Id, Key, Margin, RichText, TextEdit, Ui};
use magia_core::settings::Settings;
use magia_core::settings::spec::{Holds, SPECS, Section, Spec};
use magia_core::snapshot::Snapshot;
use serde_json::{Map, Value};

/// Keys that have a group of their own on the page.
const ELSEWHERE: &[&str] = &[
    "themeMode",
    "themeId",
    "permissionPreset",
    "codexHoldSeconds",
    "notificationsEnabled",
    "workspacePresets",
    // What magia keeps for itself.
    "trayHintShown",
];

/// The field that is being typed into, and what is wrong with it.
#[derive(Debug, Default)]
pub struct Edit {
    key: Option<&'static str>,
    text: String,
    wrong: Option<String>,
}

/// Draws the rows of a section that fit the search.
pub fn rows_ui(
    ui: &mut Ui,
    section: Section,
    snapshot: &Snapshot,
    fits: impl Fn(&str) -> bool,
    edit: &mut Edit,
    actions: &mut Actions,
) {
    let is_row = |spec: &&Spec| {
        spec.section == section
            && !matches!(spec.holds, Holds::Schema(_))
            && !ELSEWHERE.contains(&spec.key)
            && fits(&spec_words(spec))
    };
    let rows: Vec<&Spec> = SPECS.iter().filter(is_row).collect();
    if rows.is_empty() {
        return;
    }
    let all = snapshot.settings.to_json();
    group(ui, section.label(), |ui| {
        for spec in rows {
            let now = all.get(spec.key).unwrap_or(&Value::Null);
            let is_set = snapshot.settings.file.contains_key(spec.key);
            setting(ui, spec.label, spec.about, |ui| {
                field(ui, spec, now, edit, actions);
                let reset = Button::new("Reset").quiet().name(format!("Reset {}", spec.key));
                if is_set && reset.show(ui).clicked() {
                    *edit = Edit::default();
                    actions.push(Action::setting(spec.key, Value::Null));
                }
            });
            if let (Some(key), Some(wrong)) = (edit.key, &edit.wrong)
                && key == spec.key
            {
                // People know the setting by its label.
                let wrong = RichText::new(wrong.replacen(spec.key, spec.label, 1)).color(palette(ui).failed);
                below(ui, wrong);
            }
        }
    });
}

fn field(ui: &mut Ui, spec: &'static Spec, now: &Value, edit: &mut Edit, actions: &mut Actions) {
    match spec.holds {
        Holds::Switch => {
            let mut on = now.as_bool().unwrap_or_default();
            let check = ui.checkbox(&mut on, "").accessible_name(spec.label);
            if check.on_hover_text(spec.key).clicked() {
                actions.push(Action::setting(spec.key, on));
            }
        }
        Holds::Choice(words) => {
            for word in words {
                let label = in_words(word);
                let button = Button::new(&label).name(format!("{label}: {}", spec.label));
                if button.selected(now == word).show(ui).clicked() && now != word {
                    actions.push(Action::setting(spec.key, *word));
                }
            }
        }
        Holds::Whole(..) | Holds::Decimal(..) => typed(ui, spec, now, 90.0, edit, actions),
        Holds::Text | Holds::Path => typed(ui, spec, now, 260.0, edit, actions),
        Holds::Schema(_) => {}
    }
}

/// A word of the settings file as people write it: `Minimize to tray`.
fn in_words(word: &str) -> String {
    let mut letters = word.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    first.into_iter().chain(letters.map(|letter| if letter == '_' { ' ' } else { letter })).collect()
}

/// A field that is saved when it is left or Enter is pressed, if it holds what the key may hold.
fn typed(ui: &mut Ui, spec: &'static Spec, now: &Value, width: f32, edit: &mut Edit, actions: &mut Actions) {
    let shown = match now {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let is_edited = edit.key == Some(spec.key);
    let mut text = if is_edited { edit.text.clone() } else { shown.clone() };
    let field = TextEdit::singleline(&mut text)
        .id(Id::unique(("setting", spec.key)))
        .font(theme::mono(theme::CODE))
        .margin(Margin::symmetric(6, 4))
        .desired_width(width);
    let response = ui.add(field).accessible_name(format!("{}, {}", spec.label, spec.key));
    if response.changed() {
        *edit = Edit { key: Some(spec.key), text, wrong: None };
        return;
    }
    if response.lost_focus() && is_edited {
        if ui.input(|input| input.key_pressed(Key::Escape)) || text.trim() == shown {
            *edit = Edit::default();
            return;
        }
        let value = read(spec.holds, text.trim());
        let mut change = Map::new();
        change.insert(spec.key.to_owned(), value.clone());
        match Settings::check(&change) {
            Ok(()) => {
                *edit = Edit::default();
                actions.push(Action::setting(spec.key, value));
            }
            Err(wrong) => edit.wrong = Some(wrong),
        }
    }
}

/// What is typed, as the key wants it; what is no number stays a text, and is refused with what it should be.
fn read(holds: Holds, text: &str) -> Value {
    match holds {
        Holds::Whole(..) | Holds::Decimal(..) => {
            text.replace(',', ".").parse::<serde_json::Number>().map_or_else(|_| text.into(), Value::Number)
        }
        Holds::Path if text.is_empty() => Value::Null,
        _ => text.into(),
    }
}
