//! The keys of every command, to be changed by pressing others.

use super::group;
use crate::ui::action::{Action, Actions};
use crate::ui::command::UiCommand;
use crate::ui::seen::Seen;
use crate::ui::state::Recording;
use crate::ui::theme::{self, palette};
use crate::ui::widgets::{button::Button, caption};
use eframe::egui::{Align, Layout, RichText, Ui, vec2};
use magia_core::keys::{Conflict, Keymap};
use magia_core::snapshot::Snapshot;

/// Draws the commands whose name or keys fit the search.
pub fn keyboard_ui(
    ui: &mut Ui,
    snapshot: &Snapshot,
    fits: impl Fn(&str) -> bool,
    recording: &mut Option<Recording>,
    actions: &mut Actions,
) {
    let keymap = &snapshot.keymap;
    let all = UiCommand::ALL.iter().copied();
    let shown: Vec<UiCommand> = all
        .filter(|command| fits(&format!("keyboard keys shortcut {} {}", command.label(), command.id())))
        .collect();
    if shown.is_empty() {
        return;
    }
    group(ui, "Keyboard", |ui| {
        ui.spacing_mut().item_spacing.y = theme::SPACE_1;
        for command in shown {
            ui.push_id(command.id(), |ui| row(ui, command, keymap, recording, actions));
        }
        ui.add_space(theme::SPACE_1);
        ui.horizontal(|ui| {
            let none = (!keymap.has_changes()).then_some("No key was changed");
            if Button::new("Reset all...").name("Reset all keys...").disabled(none).show(ui).clicked() {
                actions.push(Action::Confirm(Box::new(Action::reset_keys())));
            }
            caption(ui, "Kept in keybindings.json, beside settings.json");
        });
    });
}

fn row(
    ui: &mut Ui,
    command: UiCommand,
    keymap: &Keymap,
    recording: &mut Option<Recording>,
    actions: &mut Actions,
) {
    let colors = palette(ui);
    let mut now = false;
    if let Some(recording) = recording.as_mut().filter(|recording| recording.command == command) {
        recording.seen = Seen::drawn();
        now = true;
    }
    ui.allocate_ui_with_layout(
        vec2(ui.available_width(), theme::ROW),
        Layout::right_to_left(Align::Center),
        |ui| {
            ui.spacing_mut().item_spacing.x = theme::SPACE_1;
            let label = command.label();
            if command.can_change() {
                if keymap.is_changed(command) {
                    let reset = Button::new("Reset").quiet().name(format!("Reset the keys of {label}"));
                    if reset.show(ui).clicked() {
                        actions.push(Action::keys_of(command, None));
                    }
                }
                let add = Button::new("Add").quiet().name(format!("Add a key to {label}"));
                if add.show(ui).clicked() {
                    *recording = Some(Recording { command, add: true, seen: Seen::drawn() });
                }
                let change = Button::new("Change").quiet().name(format!("Change the keys of {label}"));
                if change.show(ui).clicked() {
                    *recording = Some(Recording { command, add: false, seen: Seen::drawn() });
                }
            }
            let keys = match now {
                true => RichText::new("Press a key, or Esc").color(colors.primary),
                false => {
                    let keys = keymap.keys(command);
                    let text = if keys.is_empty() { "none".to_owned() } else { keys };
                    RichText::new(text).font(theme::mono(theme::CAPTION + 1.0)).color(colors.muted)
                }
            };
            ui.label(keys);
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                ui.add(eframe::egui::Label::new(RichText::new(label).color(colors.foreground)).truncate())
                    .on_hover_text(format!("{}, {}", command.id(), command.context().as_str()));
            });
        },
    );
    for conflict in keymap.conflicts_of(command) {
        ui.label(RichText::new(sentence(conflict, command)).color(colors.failed));
    }
}

/// A conflict as seen from one of its two commands.
fn sentence(conflict: &Conflict, of: UiCommand) -> String {
    if conflict.runs == of {
        format!("{} is also a key of {:?}, which it does not run", conflict.chord, conflict.hides.label())
    } else {
        format!("{} runs {:?} instead", conflict.chord, conflict.runs.label())
    }
}
