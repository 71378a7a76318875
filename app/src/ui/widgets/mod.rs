//! Small parts that every panel is made of.

pub mod button;
pub mod code;
pub mod mark;

use super::theme::{self, palette};
use eframe::egui::{self, RichText};

/// A caption: small and muted.
pub fn caption(ui: &mut egui::Ui, text: impl Into<String>) -> egui::Response {
    let color = palette(ui).muted;
    ui.add(egui::Label::new(RichText::new(text).font(theme::regular(theme::CAPTION)).color(color)).truncate())
}

/// A column in the middle of a page that has nothing else, `part` of the height below its top.
pub fn column(ui: &mut egui::Ui, width: f32, part: f32, add: impl FnOnce(&mut egui::Ui)) {
    let width = ui.available_width().min(width);
    let left = (ui.available_width() - width) / 2.0;
    ui.add_space((ui.available_height() * part).max(theme::SPACE_4));
    ui.horizontal_top(|ui| {
        ui.add_space(left);
        ui.vertical(|ui| {
            ui.set_width(width);
            ui.spacing_mut().item_spacing.y = theme::SPACE_2;
            add(ui);
        });
    });
}

/// A heading inside a panel.
pub fn section(ui: &mut egui::Ui, text: impl Into<String>) {
    let color = palette(ui).muted;
    ui.add_space(theme::SPACE_2);
    ui.label(RichText::new(text).font(theme::semibold(theme::CAPTION)).color(color));
}

/// The ring around a widget that has the keyboard focus.
pub fn focus_ring(ui: &egui::Ui, response: &egui::Response, radius: egui::CornerRadius) {
    if response.has_focus() {
        ui.painter().rect_stroke(
            response.rect.shrink(1.0),
            radius,
            palette(ui).ring(),
            egui::StrokeKind::Inside,
        );
    }
}
