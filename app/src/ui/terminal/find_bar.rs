//! The field in the corner that one types a search into.

use super::find::Find;
use crate::ui::theme::{self, palette};
use crate::ui::widgets::select_all;
use eframe::egui::{
    self, Align, Frame, Id, Key, Layout, Margin, Modifiers, Rect, RichText, TextEdit, Ui, UiBuilder, Vec2,
};

/// Its size in points.
const SIZE: Vec2 = Vec2::new(340.0, 40.0);

/// What a person wants of a search.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum FindWish {
    Older,
    Newer,
    Close,
}

/// Draws it over the upper right corner of `rect`.
pub(super) fn find_bar(ui: &mut Ui, id: Id, rect: Rect, find: &mut Find, summary: &str) -> Option<FindWish> {
    let place = Rect::from_min_size(
        egui::pos2((rect.right() - SIZE.x - theme::SPACE_4).max(rect.left()), rect.top() + theme::SPACE_2),
        SIZE.min(rect.size()),
    );
    let mut wish = None;
    let colors = palette(ui);
    egui::Area::new(id).fixed_pos(place.min).order(egui::Order::Foreground).constrain(false).show(
        ui.ctx(),
        |ui| {
            ui.set_max_size(place.size());
            Frame::new()
                .fill(colors.popover)
                .stroke(colors.line())
                .corner_radius(theme::CARD_RADIUS)
                .inner_margin(Margin::same(5))
                .show(ui, |ui| {
                    let inner = Rect::from_min_size(ui.cursor().min, place.size() - Vec2::splat(10.0));
                    ui.scope_builder(
                        UiBuilder::new().max_rect(inner).layout(Layout::right_to_left(Align::Center)),
                        |ui| {
                            ui.spacing_mut().item_spacing.x = theme::SPACE_1;
                            for (icon, name, meaning) in [
                                ("×", "Close search (Esc)", FindWish::Close),
                                ("↓", "Newer match (Shift+Enter)", FindWish::Newer),
                                ("↑", "Older match (Enter)", FindWish::Older),
                            ] {
                                if icon_button(ui, icon, name).clicked() {
                                    wish = Some(meaning);
                                    // Keys go on meaning the search.
                                    find.wants_focus = true;
                                }
                            }
                            ui.label(
                                RichText::new(summary)
                                    .font(theme::regular(theme::CAPTION))
                                    .color(colors.muted),
                            );
                            field(ui, id, find, &mut wish);
                        },
                    );
                });
        },
    );
    wish
}

fn icon_button(ui: &mut Ui, icon: &str, name: &str) -> egui::Response {
    let button =
        egui::Button::new(RichText::new(icon).font(theme::mono(theme::UI))).frame_when_inactive(false);
    let response = ui.add(button.min_size(Vec2::splat(theme::ROW)));
    response.widget_info(|| egui::WidgetInfo::labeled(egui::accesskit::Role::Button, true, name));
    response.on_hover_text(name)
}

fn field(ui: &mut Ui, id: Id, find: &mut Find, wish: &mut Option<FindWish>) {
    let id = id.with("query");
    let edit = TextEdit::singleline(&mut find.query)
        .id(id)
        .hint_text("Search the scrollback")
        .font(theme::mono(theme::UI))
        .desired_width(ui.available_width() - theme::SPACE_1)
        .return_key(None);
    let response = ui.add(edit);
    response.widget_info(|| {
        let mut info =
            egui::WidgetInfo::labeled(egui::accesskit::Role::TextInput, true, "Search the scrollback");
        info.current_text_value = Some(find.query.clone());
        info
    });
    let focus = std::mem::take(&mut find.wants_focus);
    if focus {
        response.request_focus();
        // What was typed before is written over.
        select_all(ui, id, &find.query);
    }
    find.has_keys = focus || response.has_focus() || response.lost_focus();
    if response.has_focus() {
        ui.input_mut(|input| {
            if input.consume_key(Modifiers::SHIFT, Key::Enter) {
                *wish = Some(FindWish::Newer);
            } else if input.consume_key(Modifiers::NONE, Key::Enter) {
                *wish = Some(FindWish::Older);
            }
        });
    }
    // egui takes the focus away with Escape before this is asked.
    if (response.has_focus() || response.lost_focus()) && ui.input(|input| input.key_pressed(Key::Escape)) {
        *wish = Some(FindWish::Close);
    }
}
