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

/// The key that does what stands beside it.
pub fn key_cap(ui: &mut egui::Ui, key: &str) {
    let color = palette(ui).muted;
    let key = ui.painter().layout_no_wrap(key.to_owned(), theme::mono(theme::CAPTION), color);
    let (cap, _) = ui.allocate_exact_size(egui::vec2(key.size().x + 8.0, 16.0), egui::Sense::hover());
    let line = egui::Stroke::new(1.0, color.gamma_multiply(0.45));
    ui.painter().rect_stroke(cap, egui::CornerRadius::same(3), line, egui::StrokeKind::Inside);
    ui.painter().galley(cap.center() - key.size() / 2.0, key, color);
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

/// Selects all that stands in a text field, so that what is typed takes its place.
pub fn select_all(ui: &egui::Ui, id: egui::Id, text: &str) {
    let end = egui::text::CCursor::new(text.chars().count());
    select(ui, id, egui::text::CCursorRange::two(egui::text::CCursor::new(0), end));
}

/// Puts the caret of a text field at its end.
pub fn caret_to_end(ui: &egui::Ui, id: egui::Id, text: &str) {
    let end = egui::text::CCursor::new(text.chars().count());
    select(ui, id, egui::text::CCursorRange::one(end));
}

fn select(ui: &egui::Ui, id: egui::Id, range: egui::text::CCursorRange) {
    let mut state = egui::text_edit::TextEditState::load(ui.ctx(), id).unwrap_or_default();
    state.cursor.set_char_range(Some(range));
    state.store(ui.ctx(), id);
}
