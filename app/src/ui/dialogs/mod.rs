//! What stands over the page: one dialog at a time.

mod confirm;
pub mod edit;
pub mod new_session;
mod no_tray;
mod shortcuts;

use super::action::Actions;
use super::state::Dialog;
use super::theme::palette;
use edit::Edits;
use eframe::egui::{Context, Frame, Id, Margin, Modal, Ui};
use magia_core::snapshot::Snapshot;
use new_session::NewSession;

/// Draws the dialog on top. Escape and a click beside it close it.
pub fn dialog_ui(
    ctx: &Context,
    ui: &Ui,
    dialog: &Dialog,
    edits: &mut Edits,
    new_session: &mut NewSession,
    snapshot: &Snapshot,
    actions: &mut Actions,
) {
    let colors = palette(ui);
    let frame = Frame::new()
        .fill(colors.popover)
        .stroke(colors.line())
        .corner_radius(super::theme::CARD_RADIUS)
        .shadow(ui.visuals().window_shadow)
        .inner_margin(Margin::same(20));
    let modal = Modal::new(Id::unique("dialog")).frame(frame).backdrop_color(colors.veil);
    let shown = modal.show(ctx, |ui| match dialog {
        Dialog::Confirm(action) => confirm::confirm_ui(ui, action, snapshot, actions),
        Dialog::Edit(request) => edit::edit_ui(ui, *request, edits, snapshot, actions),
        Dialog::Shortcuts => shortcuts::shortcuts_ui(ui, actions),
        Dialog::NoTray => no_tray::no_tray_ui(ui, actions),
        Dialog::NewSession => new_session::new_session_ui(ui, new_session, snapshot, actions),
    });
    if shown.should_close() {
        actions.push(super::action::Action::CloseDialog);
    }
}
