//! What a click on the close button asks where there is no tray to close into.

use crate::ui::action::{Action, Actions};
use crate::ui::theme::{self, palette};
use crate::ui::widgets::button::Button;
use eframe::egui::{Label, RichText, Ui};
use magia_protocol::wire::Command;
use magia_protocol::wire::command::NoParams;

/// Draws the question.
pub fn no_tray_ui(ui: &mut Ui, actions: &mut Actions) {
    let colors = palette(ui);
    ui.set_width(420.0_f32.min(ui.ctx().content_rect().width() - 80.0));
    ui.spacing_mut().item_spacing.y = theme::SPACE_2;
    let head = RichText::new("There is no tray on this desktop").font(theme::semibold(theme::TITLE));
    ui.label(head.color(colors.foreground));
    let text = "magia would go on without a window, and nothing on the screen would bring it back. Minimise it \
                instead, or quit; agents and terminals go on either way.\n\nGNOME shows trays with its extension \
                \"AppIndicator and KStatusNotifierItem Support\".";
    ui.add(Label::new(RichText::new(text).color(colors.muted)).wrap());
    ui.add_space(theme::SPACE_2);
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = theme::SPACE_2;
        let minimise = Button::new("Minimise").main().show(ui);
        if ui.memory(|memory| memory.focused().is_none()) {
            minimise.request_focus();
        }
        if minimise.clicked() {
            actions.push(Action::CloseDialog);
            actions.push(Action::Minimise);
        }
        if Button::new("Quit magia").show(ui).clicked() {
            actions.push(Action::Send(Command::Quit(NoParams {})));
        }
        if Button::new("Always quit").name("Always quit when the window is closed").show(ui).clicked() {
            actions.push(Action::setting("closeBehavior", "quit"));
            actions.push(Action::Send(Command::Quit(NoParams {})));
        }
        if Button::new("Cancel").quiet().key("Esc").show(ui).clicked() {
            actions.push(Action::CloseDialog);
        }
    });
}
