//! Drawing the page of notifications.

use super::{NotificationRow, NotificationsData, NotificationsPanel};
use crate::ui::action::{Action, Actions};
use crate::ui::clock::Clock;
use crate::ui::icon::{self, Lucide};
use crate::ui::provider;
use crate::ui::state::Route;
use crate::ui::theme::{self, palette};
use crate::ui::widgets::{button::Button, caption, focus_ring};
use eframe::egui::style::ScrollAnimation;
use eframe::egui::{
    Align, Color32, Label, Layout, Rect, RichText, Role, ScrollArea, Sense, Ui, UiBuilder, WidgetInfo, pos2,
    vec2,
};
use magia_core::snapshot::Snapshot;
use magia_protocol::wire::{NoticeKind, NoticeOutcome};

/// Height of a row: title, body, place.
const ROW: f32 = 64.0;
/// From this width on the buttons stand beside the head.
const WIDE: f32 = 520.0;
/// Minutes of a pause.
const PAUSE_MIN: u32 = 60;

/// Draws the page.
pub fn notifications_ui(
    ui: &mut Ui,
    snapshot: &Snapshot,
    clock: &Clock,
    panel: &mut NotificationsPanel,
    actions: &mut Actions,
) {
    let colors = palette(ui);
    let data = panel.refresh(snapshot);
    let width = ui.available_width().min(760.0);
    let left = ((ui.available_width() - width) / 2.0).max(theme::SPACE_4);
    let page = Rect::from_min_max(
        ui.max_rect().left_top() + vec2(left, theme::SPACE_4),
        ui.max_rect().right_bottom() - vec2(left, 0.0),
    );
    let wide = page.width() >= WIDE;
    ui.scope_builder(UiBuilder::new().max_rect(page), |ui| {
        ui.horizontal(|ui| {
            if Button::icon(Lucide::ArrowLeft, "Back (Esc)").name("Back").show(ui).clicked() {
                actions.push(Action::Go(Route::Sessions));
            }
            let head = RichText::new("Notifications").font(theme::semibold(theme::HEAD));
            ui.label(head.color(colors.foreground));
            if wide {
                ui.with_layout(Layout::right_to_left(Align::Center), |ui| buttons(ui, &data, actions));
            }
        });
        if !wide {
            ui.horizontal_wrapped(|ui| buttons(ui, &data, actions));
        }
        ui.add_space(theme::SPACE_2);
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing.x = theme::SPACE_1;
            let choices = [
                ("All", None),
                ("Shown", Some(NoticeOutcome::Shown)),
                ("Not sent", Some(NoticeOutcome::Suppressed)),
                ("Failed", Some(NoticeOutcome::Failed)),
            ];
            for ((label, outcome), count) in choices.into_iter().zip(data.counts) {
                let text = format!("{label} {count}");
                if Button::new(&text).quiet().selected(panel.filter == outcome).show(ui).clicked() {
                    actions.push(Action::FilterNotifications(outcome));
                }
            }
            if data.paused {
                ui.add_space(theme::SPACE_2);
                caption(ui, "Paused: the desktop is told nothing; this list goes on");
            }
        });
        ui.add_space(theme::SPACE_2);
        if data.rows.is_empty() {
            ui.add_space(theme::SPACE_6);
            let text = match panel.filter {
                None => {
                    "Nothing was told yet. Requests, finished turns and errors of all sessions come here."
                }
                Some(_) => "None of these.",
            };
            ui.label(RichText::new(text).color(colors.muted));
            return;
        }
        ui.spacing_mut().item_spacing.y = 0.0;
        let reveal = panel.reveal.take();
        ScrollArea::vertical().id_salt("notifications").auto_shrink(false).show_rows(
            ui,
            ROW,
            data.rows.len(),
            |ui, range| {
                if let Some(at) = reveal.and_then(|id| data.rows.iter().position(|row| row.id == id)) {
                    let from = ui.max_rect().top() + (at as f32 - range.start as f32) * ROW;
                    let rect = Rect::from_min_size(pos2(ui.max_rect().left(), from), vec2(1.0, ROW));
                    ui.scroll_to_rect_animation(rect, None, ScrollAnimation::none());
                }
                for row in data.rows.get(range).unwrap_or_default() {
                    let chosen = panel.chosen == Some(row.id);
                    ui.push_id(row.id, |ui| row_ui(ui, row, chosen, clock, actions));
                }
            },
        );
    });
}

/// What is done with all of them.
fn buttons(ui: &mut Ui, data: &NotificationsData, actions: &mut Actions) {
    let nothing = (data.counts[0] == 0).then_some("There are none");
    if Button::new("Clear").name("Clear notifications").disabled(nothing).show(ui).clicked() {
        actions.push(Action::dismiss_notifications(None));
    }
    let read = (data.unread == 0).then_some("All are read");
    if Button::new("Mark all read").disabled(read).show(ui).clicked() {
        actions.push(Action::read_notifications(None));
    }
    let (label, icon, minutes) = match data.paused {
        true => ("Resume", Lucide::Bell, 0),
        false => ("Pause for 1 h", Lucide::BellOff, PAUSE_MIN),
    };
    let pause = Button::new(label).with_icon(icon).name(format!("{label}: notifications"));
    if pause.show(ui).clicked() {
        actions.push(Action::pause_notifications(minutes));
    }
}

fn row_ui(ui: &mut Ui, row: &NotificationRow, chosen: bool, clock: &Clock, actions: &mut Actions) {
    let colors = palette(ui);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), ROW), Sense::click());
    response.widget_info(|| {
        WidgetInfo::selected(Role::Button, true, chosen, format!("{}: {}", row.title, row.fate))
    });
    if chosen {
        ui.painter().rect_filled(rect, theme::CONTROL_RADIUS, colors.selected);
    } else if response.hovered() {
        ui.painter().rect_filled(rect, theme::CONTROL_RADIUS, colors.hover);
    }
    ui.painter().hline(rect.x_range(), rect.bottom() - 0.5, colors.line());
    focus_ring(ui, &response, theme::CONTROL_RADIUS);
    let (icon, color) = look(row.kind, ui);
    let color = if row.over { colors.muted } else { color };
    let mark = Rect::from_center_size(pos2(rect.left() + 16.0, rect.top() + 17.0), vec2(16.0, 16.0));
    icon::paint(ui.painter(), mark, icon, 15.0, color);
    if let Some(provider) = row.provider {
        let at = Rect::from_center_size(pos2(rect.left() + 16.0, rect.top() + 39.0), vec2(14.0, 14.0));
        icon::paint(ui.painter(), at, provider::icon(provider), 11.0, colors.muted);
    }
    let inner = Rect::from_min_max(rect.left_top() + vec2(36.0, 7.0), rect.right_bottom() - vec2(40.0, 5.0));
    ui.scope_builder(UiBuilder::new().max_rect(inner), |ui| {
        ui.spacing_mut().item_spacing.y = 1.0;
        // Lines, not rows: three of them stand above the line that ends the row.
        ui.spacing_mut().interact_size.y = 16.0;
        ui.horizontal(|ui| {
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                caption(ui, clock.age(row.at_ms)).on_hover_text(clock.exact(row.at_ms));
                ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                    let font = if row.read { theme::regular(theme::UI) } else { theme::semibold(theme::UI) };
                    let color = if row.over { colors.muted } else { colors.foreground };
                    ui.add(
                        Label::new(RichText::new(&row.title).font(font).color(color))
                            .truncate()
                            .selectable(false),
                    );
                });
            });
        });
        let body = if row.body.is_empty() { "(no words)" } else { &row.body };
        let body = RichText::new(body).font(theme::regular(theme::UI)).color(colors.muted);
        ui.add(Label::new(body).truncate().selectable(false));
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = theme::SPACE_2;
            // Before the place, which may be long: what became of it is never cut for that.
            let settled = if row.over { " · settled" } else { "" };
            let fate = RichText::new(format!("{}{settled}", row.fate)).font(theme::regular(theme::CAPTION));
            let color = if row.failed { colors.failed } else { colors.muted };
            ui.add(Label::new(fate.color(color)).truncate().selectable(false)).on_hover_text(&row.fate);
            if !row.place.is_empty() {
                caption(ui, &row.place);
            }
        });
    });
    let at = Rect::from_min_size(pos2(rect.right() - 36.0, rect.center().y - 14.0), vec2(28.0, 28.0));
    let dismissed = ui.scope_builder(UiBuilder::new().max_rect(at), |ui| {
        let name = format!("Dismiss {}", row.title);
        Button::icon(Lucide::X, "Take it out of the list").name(name).show(ui).clicked()
    });
    if dismissed.inner {
        actions.push(Action::dismiss_notifications(Some(row.id)));
    } else if response.clicked() {
        actions.push(Action::OpenNotification(row.id));
    }
}

fn look(kind: NoticeKind, ui: &Ui) -> (Lucide, Color32) {
    let colors = palette(ui);
    match kind {
        NoticeKind::Attention => (Lucide::TriangleAlert, colors.needs_you),
        NoticeKind::Error => (Lucide::CircleX, colors.failed),
        NoticeKind::Completed => (Lucide::CircleCheck, colors.done),
        NoticeKind::Info => (Lucide::Info, colors.working),
    }
}
