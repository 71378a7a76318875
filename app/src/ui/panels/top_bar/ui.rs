//! Drawing the top bar.

use super::TopBarData;
use crate::ui::action::{Action, Actions};
use crate::ui::command::UiCommand;
use crate::ui::icon::{self, Lucide};
use crate::ui::state::{Route, UiState};
use crate::ui::theme::{self, palette};
use crate::ui::widgets::{button::Button, focus_ring};
use eframe::egui::{
    self, Align, Frame, Layout, Margin, Panel, Response, RichText, Role, Sense, Stroke, Ui, WidgetInfo, vec2,
};
use magia_core::keys::Keymap;

/// Width of what stands at the right, before it was drawn once.
const RIGHT: f32 = 372.0;

/// Draws the top bar.
pub fn top_bar_ui(
    ui: &mut Ui,
    data: &TopBarData,
    keymap: &Keymap,
    state: &mut UiState,
    actions: &mut Actions,
) {
    let colors = palette(ui);
    let frame = Frame::new().fill(colors.card).inner_margin(Margin::symmetric(12, 0));
    Panel::top("top bar").exact_size(theme::BAR + 4.0).resizable(false).frame(frame).show(ui, |ui| {
        ui.horizontal_centered(|ui| {
            ui.label(RichText::new("magia").font(theme::semibold(theme::TITLE)).color(colors.foreground));
            ui.add_space(theme::SPACE_2);
            // What stands at the right took so much in the last frame; the filter has what is left.
            let taken = egui::Id::unique("top bar, right");
            let right = ui.data(|data| data.get_temp(taken)).unwrap_or(RIGHT);
            filter_box(ui, keymap, state, (ui.available_width() - right - theme::SPACE_3).clamp(32.0, 300.0));
            let right = ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                ui.spacing_mut().item_spacing.x = theme::SPACE_1;
                let on_settings = state.route == Route::Settings;
                let tip = keymap.tip(UiCommand::Settings, "Settings");
                let settings = Button::icon(Lucide::Settings, &tip).name("Settings");
                if settings.selected(on_settings).show(ui).clicked() {
                    actions.push(Action::Run(UiCommand::Settings));
                }
                let tip = keymap.tip(UiCommand::Shortcuts, "Keyboard shortcuts");
                let keys = Button::icon(Lucide::Keyboard, &tip).name("Keyboard shortcuts");
                if keys.show(ui).clicked() {
                    actions.push(Action::Run(UiCommand::Shortcuts));
                }
                let on_metrics = state.route == Route::Metrics;
                let tip = keymap.tip(UiCommand::Metrics, "What all sessions use");
                let metrics = Button::icon(Lucide::ChartColumn, &tip).name("All metrics");
                if metrics.selected(on_metrics).show(ui).clicked() {
                    actions.push(Action::Run(UiCommand::Metrics));
                }
                bell(ui, data, state, actions);
                let on_terminals = state.route == Route::Terminals;
                let tip = keymap.tip(UiCommand::Terminals, "Terminals");
                let terminals = Button::icon(Lucide::SquareTerminal, &tip).name("Terminals");
                if terminals.selected(on_terminals).show(ui).clicked() {
                    actions.push(Action::Run(UiCommand::Terminals));
                }
                let tip = keymap.tip(UiCommand::NewSession, "New session");
                let new = Button::icon(Lucide::Plus, &tip).name("New session...");
                if new.show(ui).clicked() {
                    actions.push(Action::Run(UiCommand::NewSession));
                }
                let tip = keymap.tip(UiCommand::Palette, UiCommand::Palette.label());
                let palette = Button::icon(Lucide::Command, &tip).name(UiCommand::Palette.label());
                if palette.show(ui).clicked() {
                    actions.push(Action::Run(UiCommand::Palette));
                }
                ui.add_space(theme::SPACE_2);
                health(ui, data, actions);
                ui.add_space(theme::SPACE_3);
                counters(ui, data, keymap, actions);
                ui.min_rect().width()
            });
            ui.data_mut(|data| data.insert_temp(taken, right.inner));
        });
    });
}

/// The bell, and how many notifications nobody has read.
fn bell(ui: &mut Ui, data: &TopBarData, state: &UiState, actions: &mut Actions) {
    let colors = palette(ui);
    let here = state.route == Route::Notifications;
    let name = match data.unread {
        0 => "Notifications".to_owned(),
        unread => format!("Notifications: {unread} unread"),
    };
    let response = Button::icon(Lucide::Bell, &name).name(&name).selected(here).show(ui);
    if data.unread > 0 {
        let words = if data.unread > 99 { "99+".to_owned() } else { data.unread.to_string() };
        let galley = ui.painter().layout_no_wrap(words, theme::semibold(9.0), colors.on_needs_you);
        let size = vec2((galley.size().x + 6.0).max(14.0), 14.0);
        let badge = egui::Rect::from_center_size(response.rect.right_top() + vec2(-6.0, 7.0), size);
        ui.painter().rect_filled(badge, egui::CornerRadius::same(7), colors.needs_you);
        ui.painter().galley(badge.center() - galley.size() / 2.0, galley, colors.on_needs_you);
    }
    if response.clicked() {
        actions.push(Action::Go(if here { Route::Sessions } else { Route::Notifications }));
    }
}

fn filter_box(ui: &mut Ui, keymap: &Keymap, state: &mut UiState, width: f32) {
    let colors = palette(ui);
    let id = egui::Id::unique("filter");
    if std::mem::take(&mut state.wants_filter) {
        ui.memory_mut(|memory| memory.request_focus(id));
    }
    let (rect, _) = ui.allocate_exact_size(vec2(width, theme::ROW), Sense::hover());
    let focused = ui.memory(|memory| memory.has_focus(id));
    let line = if focused { colors.ring() } else { colors.line() };
    ui.painter().rect(rect, theme::CONTROL_RADIUS, colors.background, line, egui::StrokeKind::Inside);
    let square = egui::Rect::from_min_size(rect.left_top() + vec2(8.0, 7.0), vec2(14.0, 14.0));
    icon::paint(ui.painter(), square, Lucide::Search, 13.0, colors.muted);
    let mut inner = rect;
    inner.min.x += 28.0;
    inner.max.x -= if state.filter.is_empty() { 4.0 } else { 28.0 };
    let edit = egui::TextEdit::singleline(&mut state.filter)
        .id(id)
        .frame(Frame::NONE)
        .hint_text("Filter sessions")
        .margin(Margin::ZERO)
        .align(egui::Align2::LEFT_CENTER)
        .min_size(inner.size())
        .desired_width(inner.width());
    let response = ui.put(inner, edit).accessible_name("Filter sessions");
    if let Some(key) = keymap.key(UiCommand::Filter)
        && !focused
        && state.filter.is_empty()
    {
        let color = colors.muted;
        let galley = ui.painter().layout_no_wrap(key, theme::regular(theme::CAPTION), color);
        let at = egui::pos2(rect.right() - 10.0 - galley.size().x, rect.center().y - galley.size().y / 2.0);
        ui.painter().galley(at, galley, color);
    }
    if !state.filter.is_empty() {
        let at = egui::Rect::from_min_size(rect.right_top() + vec2(-28.0, 0.0), vec2(28.0, theme::ROW));
        let clear = ui.scope_builder(egui::UiBuilder::new().max_rect(at), |ui| {
            Button::icon(Lucide::X, "Clear the filter").show(ui).clicked()
        });
        if clear.inner {
            state.filter.clear();
        }
    }
    if response.lost_focus() && ui.input(|input| input.key_pressed(egui::Key::Escape)) {
        state.filter.clear();
    }
}

/// `3 need you` and `5 working`: words that keep their place, so that nothing jumps when a number changes.
fn counters(ui: &mut Ui, data: &TopBarData, keymap: &Keymap, actions: &mut Actions) {
    let colors = palette(ui);
    if data.sessions == 0 {
        return;
    }
    let working = RichText::new(format!("{} working", data.working));
    ui.label(working.color(if data.working > 0 { colors.working } else { colors.muted }));
    ui.add_space(theme::SPACE_3);
    let verb = if data.needs_you == 1 { "needs" } else { "need" };
    let words = format!("{} {verb} you", data.needs_you);
    if data.needs_you == 0 {
        ui.label(RichText::new("Nothing needs you").color(colors.muted));
        return;
    }
    let response = pill(ui, &words).on_hover_text(keymap.tip(UiCommand::NextNeedsYou, "Show the next one"));
    if response.clicked() {
        actions.push(Action::Run(UiCommand::NextNeedsYou));
    }
}

fn pill(ui: &mut Ui, words: &str) -> Response {
    let colors = palette(ui);
    let galley =
        ui.painter().layout_no_wrap(words.to_owned(), theme::semibold(theme::UI), colors.on_needs_you);
    let size = vec2(galley.size().x + 20.0, 24.0);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, words));
    let fill = if response.hovered() { colors.needs_you.gamma_multiply(0.9) } else { colors.needs_you };
    ui.painter().rect_filled(rect, egui::CornerRadius::same(12), fill);
    ui.painter().galley(rect.center() - galley.size() / 2.0, galley, colors.on_needs_you);
    focus_ring(ui, &response, egui::CornerRadius::same(12));
    response
}

fn health(ui: &mut Ui, data: &TopBarData, actions: &mut Actions) {
    let colors = palette(ui);
    ui.spacing_mut().item_spacing.x = 0.0;
    for dot in data.dots.iter().rev() {
        let (rect, response) = ui.allocate_exact_size(vec2(16.0, theme::ROW), Sense::click());
        let word = if dot.up { "up" } else { "down" };
        response.widget_info(|| WidgetInfo::labeled(Role::Button, true, format!("{}: {word}", dot.name)));
        if dot.up {
            ui.painter().circle_filled(rect.center(), 3.0, colors.done);
        } else {
            ui.painter().circle_stroke(rect.center(), 4.0, Stroke::new(2.0, colors.failed));
        }
        focus_ring(ui, &response, theme::CONTROL_RADIUS);
        if response.on_hover_text(&dot.words).clicked() {
            actions.push(Action::Go(Route::Settings));
        }
    }
}
