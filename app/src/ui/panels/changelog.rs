//! What changed from version to version, as CHANGELOG.md says.

use crate::ui::action::{Action, Actions};
use crate::ui::icon::Lucide;
use crate::ui::markdown::Markdown;
use crate::ui::state::Route;
use crate::ui::theme::{self, palette};
use crate::ui::widgets::button::Button;
use eframe::egui::{RichText, ScrollArea, Ui};

/// The text, without its own heading.
const TEXT: &str = include_str!("../../../../CHANGELOG.md");

/// Draws the page.
pub fn changelog_ui(ui: &mut Ui, markdown: &mut Markdown, actions: &mut Actions) {
    let colors = palette(ui);
    ScrollArea::vertical().id_salt("changelog").auto_shrink(false).show(ui, |ui| {
        let width = ui.available_width().min(theme::READING + 2.0 * theme::SPACE_4);
        let left = ((ui.available_width() - width) / 2.0).max(theme::SPACE_4);
        ui.horizontal_top(|ui| {
            ui.add_space(left);
            ui.vertical(|ui| {
                ui.set_width((width - 2.0 * theme::SPACE_4).max(200.0));
                ui.add_space(theme::SPACE_4);
                ui.horizontal(|ui| {
                    if Button::icon(Lucide::ArrowLeft, "Back").show(ui).clicked() {
                        actions.push(Action::Go(Route::Sessions));
                    }
                    let head = RichText::new(format!("What is new in magia {}", env!("CARGO_PKG_VERSION")));
                    ui.label(head.font(theme::semibold(theme::HEAD)).color(colors.foreground));
                });
                ui.add_space(theme::SPACE_2);
                let text = TEXT.split_once('\n').map_or(TEXT, |(_, rest)| rest);
                markdown.show(ui, "changelog", text.trim_start(), "");
                ui.add_space(theme::SPACE_6);
            });
        });
    });
}
