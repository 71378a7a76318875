//! Drawing the details.

use super::{DetailsData, Fact};
use crate::ui::action::{Action, Actions};
use crate::ui::clock::Clock;
use crate::ui::icon::{self, Lucide};
use crate::ui::text::{elided, format};
use crate::ui::theme::{self, palette};
use crate::ui::widgets::{focus_ring, mark, section};
use eframe::egui::{self, Label, Rect, RichText, Role, ScrollArea, Sense, Ui, WidgetInfo, pos2, vec2};

/// Width of the names of facts.
const NAMES: f32 = 76.0;

/// Draws the details.
pub fn details_ui(ui: &mut Ui, data: &DetailsData, clock: &Clock, pulse: bool, actions: &mut Actions) {
    let colors = palette(ui);
    ScrollArea::vertical().id_salt("details").auto_shrink(false).show(ui, |ui| {
        ui.add_space(theme::SPACE_2);
        ui.horizontal(|ui| {
            let (rect, _) = ui.allocate_exact_size(vec2(mark::COLUMN, 20.0), Sense::hover());
            mark::state(ui, rect.center(), data.state, pulse);
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                let age = RichText::new(clock.age(data.since_ms)).font(theme::regular(theme::CAPTION));
                ui.label(age.color(colors.muted)).on_hover_text(clock.exact(data.since_ms));
                ui.with_layout(egui::Layout::left_to_right(egui::Align::Center), |ui| {
                    let text = RichText::new(data.state.as_str()).font(theme::semibold(theme::UI));
                    ui.add(Label::new(text.color(colors.foreground)).truncate());
                });
            });
        });
        if let Some(disagreement) = &data.disagreement {
            ui.add_space(theme::SPACE_1);
            let text = RichText::new(format!("Sources disagree: {disagreement}"));
            ui.add(Label::new(text.font(theme::regular(theme::CAPTION)).color(colors.foreground)).wrap());
        }
        section(ui, "WHY");
        for reason in &data.why {
            ui.horizontal_top(|ui| {
                ui.spacing_mut().item_spacing.x = 6.0;
                let (rect, _) = ui.allocate_exact_size(vec2(12.0, 16.0), Sense::hover());
                if reason.decisive {
                    icon::paint(ui.painter(), rect, Lucide::Check, 11.0, colors.foreground);
                }
                let color = if reason.decisive { colors.foreground } else { colors.muted };
                let text = RichText::new(&reason.text).font(theme::regular(theme::CAPTION)).color(color);
                let width = ui.available_width() - 32.0;
                ui.allocate_ui_with_layout(
                    vec2(width, 16.0),
                    egui::Layout::top_down(egui::Align::Min),
                    |ui| {
                        ui.set_width(width);
                        let tip = format!(
                            "{}speaks for: {}",
                            if reason.decisive { "The state rests on this. It " } else { "It " },
                            reason.state
                        );
                        ui.add(Label::new(text).wrap()).on_hover_text(tip);
                    },
                );
                ui.with_layout(egui::Layout::right_to_left(egui::Align::Min), |ui| {
                    let age = RichText::new(clock.age(reason.at_ms)).font(theme::regular(theme::CAPTION));
                    ui.label(age.color(colors.muted)).on_hover_text(clock.exact(reason.at_ms));
                });
            });
        }
        if data.why.is_empty() {
            crate::ui::widgets::caption(ui, "Nothing was heard of it yet");
        }
        if !data.claims.is_empty() {
            section(ui, "ALSO KNOWN");
        }
        for (claim, at_ms) in &data.claims {
            let text = RichText::new(claim).font(theme::regular(theme::CAPTION)).color(colors.foreground);
            ui.add(Label::new(text).wrap()).on_hover_text(clock.exact(*at_ms));
            let age = RichText::new(clock.ago(*at_ms)).font(theme::regular(theme::CAPTION));
            ui.label(age.color(colors.muted));
        }
        section(ui, "SESSION");
        ui.spacing_mut().item_spacing.y = 0.0;
        for fact in &data.facts {
            fact_ui(ui, fact, None, actions);
        }
        for (name, at_ms) in &data.times {
            let fact = Fact { name, value: clock.ago(*at_ms), copy: None };
            fact_ui(ui, &fact, Some(clock.exact(*at_ms)), actions);
        }
        ui.add_space(theme::SPACE_4);
    });
}

fn fact_ui(ui: &mut Ui, fact: &Fact, exact: Option<String>, actions: &mut Actions) {
    let colors = palette(ui);
    let sense = if fact.copy.is_some() { Sense::click() } else { Sense::hover() };
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 24.0), sense);
    let y = rect.center().y;
    let name = format(theme::regular(theme::CAPTION), colors.muted);
    let (name, _) = elided(ui, fact.name, name, NAMES - 6.0);
    ui.painter().galley(pos2(rect.left(), y - name.size().y / 2.0), name, colors.muted);
    let hot = fact.copy.is_some() && (response.hovered() || response.has_focus());
    let room = rect.width() - NAMES - if hot { 20.0 } else { 0.0 };
    let value = format(theme::regular(theme::CAPTION + 1.0), colors.foreground);
    let (value, cut) = elided(ui, &fact.value, value, room);
    ui.painter().galley(pos2(rect.left() + NAMES, y - value.size().y / 2.0), value, colors.foreground);
    let Some(copy) = &fact.copy else {
        response
            .widget_info(|| WidgetInfo::labeled(Role::Label, true, format!("{}: {}", fact.name, fact.value)));
        if let Some(tip) = exact.or_else(|| cut.then(|| fact.value.clone())) {
            response.on_hover_text(tip);
        }
        return;
    };
    response.widget_info(|| {
        WidgetInfo::labeled(Role::Button, true, format!("Copy {}: {}", fact.name, fact.value))
    });
    if hot {
        let square = Rect::from_center_size(pos2(rect.right() - 8.0, y), vec2(13.0, 13.0));
        icon::paint(ui.painter(), square, Lucide::Copy, 12.0, colors.muted);
    }
    focus_ring(ui, &response, theme::CONTROL_RADIUS);
    let copied = response.on_hover_text(format!("{copy}\nClick to copy"));
    if copied.clicked() {
        actions.push(Action::Copy { text: copy.clone(), what: fact.name });
    }
}
