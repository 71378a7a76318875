//! What stands over the page: one dialog at a time.

mod confirm;
pub mod edit;
pub mod new_session;
mod no_tray;
pub mod palette;
mod reset;
mod shortcuts;

use super::action::Actions;
use super::state::{Dialog, UiState};
use super::theme;
use eframe::egui::{Align, Align2, Frame, Id, Layout, Margin, Modal, Ui, vec2};
use magia_core::snapshot::Snapshot;

/// Draws the dialog on top. Escape and a click beside it close it.
pub fn dialog_ui(ui: &Ui, dialog: &Dialog, state: &mut UiState, snapshot: &Snapshot, actions: &mut Actions) {
    let ctx = &ui.ctx().clone();
    let colors = theme::palette(ui);
    let frame = Frame::new()
        .fill(colors.popover)
        .stroke(colors.line())
        .corner_radius(theme::CARD_RADIUS)
        .shadow(ui.visuals().window_shadow)
        .inner_margin(if *dialog == Dialog::Palette { Margin::same(8) } else { Margin::same(20) });
    let mut area = Modal::default_area(Id::unique("dialog"));
    if *dialog == Dialog::Palette {
        // Its upper edge stays where it is, however much is found.
        area = area.anchor(Align2::CENTER_TOP, vec2(0.0, (ctx.content_rect().height() * 0.12).max(24.0)));
    }
    let modal = Modal::new(Id::unique("dialog")).area(area).frame(frame).backdrop_color(colors.veil);
    let shown = modal.show(ctx, |ui| match dialog {
        Dialog::Confirm(action) => confirm::confirm_ui(ui, action, snapshot, actions),
        Dialog::Edit(request) => edit::edit_ui(ui, *request, &mut state.edits, snapshot, actions),
        Dialog::Shortcuts => shortcuts::shortcuts_ui(ui, &snapshot.keymap, actions),
        Dialog::NoTray => no_tray::no_tray_ui(ui, actions),
        Dialog::Reset => reset::reset_ui(ui, &mut state.reset_word, actions),
        Dialog::Palette => palette::palette_ui(ui, &mut state.palette, &snapshot.keymap, actions),
        Dialog::NewSession => new_session::new_session_ui(ui, &mut state.new_session, snapshot, actions),
    });
    if shown.should_close() {
        actions.push(super::action::Action::CloseDialog);
    }
}

/// The row at a dialog's end, from the right. It is as high as its buttons: a layout to the left alone would take all the
/// height that is left.
fn button_row(ui: &mut Ui, add: impl FnOnce(&mut Ui)) {
    let size = vec2(ui.available_width(), theme::ROW);
    ui.allocate_ui_with_layout(size, Layout::right_to_left(Align::Center), add);
}
