//! Forget everything? Only for who types the word.

use super::button_row;
use crate::ui::action::{Action, Actions};
use crate::ui::theme::{self, palette};
use crate::ui::widgets::button::Button;
use eframe::egui::{Id, Key, Label, Margin, RichText, TextEdit, Ui};

/// What is to be typed.
const WORD: &str = "reset";

/// Draws the question.
pub fn reset_ui(ui: &mut Ui, typed: &mut String, actions: &mut Actions) {
    let colors = palette(ui);
    ui.set_width(420.0_f32.min(ui.ctx().content_rect().width() - 80.0));
    ui.spacing_mut().item_spacing.y = theme::SPACE_2;
    let title = RichText::new("Reset magia?").font(theme::semibold(theme::TITLE));
    ui.label(title.color(colors.foreground));
    let body = "magia takes its hooks out of the agents' settings, forgets its settings, keys, events and names, and \
                starts again. Terminals that run go on; your themes and everything of the agents stay.";
    ui.add(Label::new(RichText::new(body).color(colors.muted)).wrap());
    ui.label(RichText::new(format!("Type {WORD} to go on:")).color(colors.foreground));
    let id = Id::unique("reset word");
    let field =
        TextEdit::singleline(typed).id(id).margin(Margin::symmetric(6, 4)).desired_width(f32::INFINITY);
    let field = ui.add(field).accessible_name("The word that confirms");
    // Before it gets the focus back.
    let entered = field.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
    if ui.memory(|memory| memory.focused().is_none()) {
        field.request_focus();
    }
    let why = (typed.trim() != WORD).then_some("Type the word first");
    ui.add_space(theme::SPACE_2);
    button_row(ui, |ui| {
        let clicked = Button::new("Reset magia").main().disabled(why).show(ui).clicked();
        if (clicked || entered) && why.is_none() {
            actions.push(Action::CloseDialog);
            actions.push(Action::factory_reset());
        }
        if Button::new("Cancel").show(ui).clicked() {
            actions.push(Action::CloseDialog);
        }
    });
}
