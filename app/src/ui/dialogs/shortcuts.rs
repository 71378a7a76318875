//! The overlay that lists the keys.

use crate::ui::action::{Action, Actions};
use crate::ui::command::UiCommand;
use crate::ui::theme::{self, palette};
use crate::ui::widgets::button::Button;
use eframe::egui::{Align, Layout, RichText, Ui};

/// Draws the keyboard shortcuts.
pub fn shortcuts_ui(ui: &mut Ui, actions: &mut Actions) {
    let colors = palette(ui);
    ui.set_width(380.0);
    ui.spacing_mut().item_spacing.y = 0.0;
    ui.label(
        RichText::new("Keyboard shortcuts").font(theme::semibold(theme::TITLE)).color(colors.foreground),
    );
    ui.add_space(theme::SPACE_2);
    for command in UiCommand::ALL {
        ui.horizontal(|ui| {
            ui.set_min_height(24.0);
            ui.label(RichText::new(command.label()).color(colors.foreground));
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                let keys = RichText::new(command.keys()).font(theme::mono(theme::CAPTION + 1.0));
                ui.label(keys.color(colors.muted));
            });
        });
    }
    ui.add_space(theme::SPACE_3);
    ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
        ui.set_min_height(theme::ROW);
        let close = Button::new("Close").key("Esc").show(ui);
        if ui.memory(|memory| memory.focused().is_none()) {
            close.request_focus();
        }
        if close.clicked() {
            actions.push(Action::CloseDialog);
        }
    });
}
