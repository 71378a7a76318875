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
