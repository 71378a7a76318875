//! A program's wish to put something on the clipboard (OSC 52): a note over its terminal. It takes no keyboard, for one may be
//! typing into that very terminal, and there is one of each terminal: the newest wish takes the place of the one before.

use crate::ui::action::{Action, Actions};
use crate::ui::panels::card::ARM_S;
use crate::ui::text::shown_line;
use crate::ui::theme::{self, palette};
use crate::ui::widgets::{button::Button, caption};
use eframe::egui::{self, Area, Frame, Label, Margin, Order, Rect, RichText, Ui, pos2};

/// Characters of the text that are shown.
const SHOWN: usize = 240;
/// Its width in points, where there is so much room.
const WIDTH: f32 = 340.0;
/// Room above it for the field of a search.
const BELOW_FIND: f32 = 52.0;

/// What a program wants on the clipboard.
#[derive(Debug)]
pub(super) struct Wish {
    text: String,
    since_s: f64,
}

impl Wish {
    /// A wish that is heard of now.
    pub(super) const fn new(text: String, now_s: f64) -> Self {
        Self { text, since_s: now_s }
    }

    /// Whether it is for the same text.
    pub(super) fn is_for(&self, text: &str) -> bool {
        self.text == text
    }
}

/// Draws it over the upper right corner of `over`. `true` when it was answered.
pub(super) fn wish_ui(ui: &Ui, id: &str, over: Rect, wish: &Wish, actions: &mut Actions) -> bool {
    let colors = palette(ui);
    let width = WIDTH.min(over.width() - 2.0 * theme::SPACE_4).max(160.0);
    let at = pos2((over.right() - width - theme::SPACE_4).max(over.left()), over.top() + BELOW_FIND);
    // A click that was meant for the text before must not take this one.
    let left = wish.since_s + ARM_S - ui.input(|input| input.time);
    if left > 0.0 {
        ui.ctx().request_repaint_after_secs(left as f32);
    }
    let mut answered = false;
    let frame = Frame::new()
        .fill(colors.popover)
        .stroke(colors.line())
        .corner_radius(theme::CARD_RADIUS)
        .inner_margin(Margin::same(10));
    let area = Area::new(egui::Id::unique(("clipboard wish", id))).fixed_pos(at).order(Order::Foreground);
    area.constrain(false).show(ui.ctx(), |ui| {
        frame.show(ui, |ui| {
            ui.set_width(width - 20.0);
            ui.spacing_mut().item_spacing.y = theme::SPACE_1;
            let head = "The program wants this on the clipboard";
            ui.label(RichText::new(head).font(theme::semibold(theme::UI)).color(colors.foreground));
            let text = RichText::new(shown_line(&wish.text, SHOWN)).font(theme::mono(theme::CAPTION));
            ui.add(Label::new(text.color(colors.foreground)).wrap());
            caption(ui, length(&wish.text));
            ui.horizontal(|ui| {
                let soon = (left > 0.0).then_some("It has just come");
                if Button::new("Copy").name("Copy the program's text").disabled(soon).show(ui).clicked() {
                    actions.push(Action::Copy { text: wish.text.clone(), what: "The program's text" });
                    answered = true;
                }
                answered |= Button::new("Dismiss").name("Dismiss the program's text").show(ui).clicked();
            });
        });
    });
    answered
}

/// How long it is, and how much of it is not shown.
fn length(text: &str) -> String {
    let (chars, lines) = (text.chars().count(), text.lines().count());
    let chars_word = if chars == 1 { "1 character".to_owned() } else { format!("{chars} characters") };
    let lines_word = if lines > 1 { format!(" in {lines} lines") } else { String::new() };
    let part = if chars > SHOWN { format!("; the first {SHOWN} are shown") } else { String::new() };
    format!("{chars_word}{lines_word}{part}")
}
