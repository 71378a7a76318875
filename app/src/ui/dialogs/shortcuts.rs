//! The overlay that lists the keys.

use super::button_row;
use crate::ui::action::{Action, Actions};
use crate::ui::command::UiCommand;
use crate::ui::theme::{self, palette};
use crate::ui::widgets::button::Button;
use eframe::egui::{Align, Label, Layout, RichText, ScrollArea, Ui};
use magia_core::keys::Keymap;

/// Width of a column.
const COLUMN: f32 = 330.0;

/// Draws the keyboard shortcuts, in two columns where there is room: all of them are seen in the smallest window.
pub fn shortcuts_ui(ui: &mut Ui, keymap: &Keymap, actions: &mut Actions) {
    let colors = palette(ui);
    let room = ui.ctx().content_rect().size();
    let columns = if room.x >= 2.0 * COLUMN + 120.0 { 2 } else { 1 };
    let gap = theme::SPACE_6;
    ui.set_width((COLUMN * columns as f32 + gap * (columns - 1) as f32).min(room.x - 80.0));
    ui.spacing_mut().item_spacing.y = 0.0;
    ui.label(
        RichText::new("Keyboard shortcuts").font(theme::semibold(theme::TITLE)).color(colors.foreground),
    );
    ui.add_space(theme::SPACE_2);
    let height = (room.y - 150.0).max(60.0);
    // As high as that at least when it has to scroll: the dialog before may have been lower.
    let area = ScrollArea::vertical().auto_shrink([false, true]).max_height(height);
    area.min_scrolled_height(height).show(ui, |ui| {
        // The bar stands beside the keys, not on them.
        ui.set_width(ui.available_width() - theme::SPACE_3);
        ui.spacing_mut().item_spacing.x = gap;
        let has_keys = |command: &UiCommand| !keymap.chords(*command).is_empty();
        let all: Vec<UiCommand> = UiCommand::ALL.iter().copied().filter(has_keys).collect();
        let each = all.len().div_ceil(columns).max(1);
        ui.columns(columns, |columns| {
            for (column, commands) in columns.iter_mut().zip(all.chunks(each)) {
                for command in commands {
                    row(column, *command, keymap);
                }
            }
        });
    });
    ui.add_space(theme::SPACE_3);
    button_row(ui, |ui| {
        let close = Button::new("Close").key("Esc").show(ui);
        if ui.memory(|memory| memory.focused().is_none()) {
            close.request_focus();
        }
        if close.clicked() {
            actions.push(Action::CloseDialog);
        }
        if Button::new("Change keys...").show(ui).clicked() {
            actions.push(Action::CloseDialog);
            actions.push(Action::Run(UiCommand::Keys));
        }
    });
}

fn row(ui: &mut Ui, command: UiCommand, keymap: &Keymap) {
    let colors = palette(ui);
    ui.horizontal(|ui| {
        ui.set_min_height(24.0);
        ui.spacing_mut().item_spacing.x = theme::SPACE_3;
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let keys = RichText::new(keymap.keys(command)).font(theme::mono(theme::CAPTION + 1.0));
            ui.label(keys.color(colors.muted));
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                let label = RichText::new(command.label()).color(colors.foreground);
                ui.add(Label::new(label).truncate());
            });
        });
    });
}
