//! Drawing the top bar.

use super::TopBarData;
use crate::ui::action::{Action, Actions};
use crate::ui::command::UiCommand;
use crate::ui::icon::{self, Lucide};
use crate::ui::state::{Route, UiState};
use crate::ui::theme::{self, palette};
use crate::ui::widgets::{button::Button, focus_ring};
use eframe::egui::{
    self, Frame, Galley, Margin, Panel, Response, RichText, Role, Sense, Stroke, Ui, WidgetInfo, vec2,
};
use magia_core::keys::Keymap;
use std::sync::Arc;

/// Below this width only what is needed most has a button; the palette has the rest.
const NARROW: f32 = 700.0;

/// Below this width there is no room for words that ask for nothing.
const TINY: f32 = 520.0;

/// Room at both ends of the words in a pill.
const PILL: f32 = 20.0;

/// Width of the dot that stands for the listeners.
const HEALTH: f32 = 24.0;

/// A filter that is narrower does not show its key: the hint stands there.
const KEY_SHOWN: f32 = 160.0;

/// The filter's width, where there is room, and where there is little.
const FILTER: std::ops::RangeInclusive<f32> = 80.0..=300.0;

/// Draws the top bar.
pub fn top_bar_ui(
    ui: &mut Ui,
    data: &TopBarData,
    keymap: &Keymap,
    state: &mut UiState,
    actions: &mut Actions,
) {
    let colors = palette(ui);
    let width = ui.available_width();
    let frame = Frame::new().fill(colors.card).inner_margin(Margin::symmetric(12, 0));
    Panel::top("top bar").exact_size(theme::BAR + 4.0).resizable(false).frame(frame).show(ui, |ui| {
        ui.horizontal_centered(|ui| {
            if width >= TINY {
                ui.label(RichText::new("magia").font(theme::semibold(theme::TITLE)).color(colors.foreground));
                ui.add_space(theme::SPACE_2);
            }
            // Tab goes from left to right, so all is drawn in that order: the room of what stands at the right is known
            // before it is drawn.
            let counters = Counters::new(ui, data, width >= TINY);
            let right = counters.width() + HEALTH + theme::SPACE_2 + buttons_width(width);
            filter_box(
                ui,
                keymap,
                state,
                (ui.available_width() - right - theme::SPACE_3).clamp(*FILTER.start(), *FILTER.end()),
            );
            ui.spacing_mut().item_spacing.x = 0.0;
            ui.add_space((ui.available_width() - right).max(theme::SPACE_2));
            counters.show(ui, keymap, actions);
            health(ui, data, actions);
            ui.add_space(theme::SPACE_2);
            ui.spacing_mut().item_spacing.x = theme::SPACE_1;
            buttons(ui, width, data, keymap, state, actions);
        });
    });
}

/// Width of the buttons of a bar of this width.
fn buttons_width(width: f32) -> f32 {
    let count = if width < NARROW { 4.0 } else { 7.0 };
    count * theme::ROW + (count - 1.0) * theme::SPACE_1
}

/// The buttons at the right end; the bell stands among them.
fn buttons(
    ui: &mut Ui,
    width: f32,
    data: &TopBarData,
    keymap: &Keymap,
    state: &UiState,
    actions: &mut Actions,
) {
    let label = UiCommand::Palette.label();
    let metrics = "What all sessions use";
    let keys = "Keyboard shortcuts";
    let all = [
        (Lucide::Command, UiCommand::Palette, label, label, None),
        (Lucide::Plus, UiCommand::NewSession, "New session", "New session...", None),
        (Lucide::SquareTerminal, UiCommand::Terminals, "Terminals", "Terminals", Some(Route::Terminals)),
        (Lucide::Bell, UiCommand::Notifications, "", "", Some(Route::Notifications)),
        (Lucide::ChartColumn, UiCommand::Metrics, metrics, "All metrics", Some(Route::Metrics)),
        (Lucide::Keyboard, UiCommand::Shortcuts, keys, keys, None),
        (Lucide::Settings, UiCommand::Settings, "Settings", "Settings", Some(Route::Settings)),
    ];
    let folds = |command| {
        matches!(command, UiCommand::NewSession | UiCommand::Metrics | UiCommand::Shortcuts) && width < NARROW
    };
    for (icon, command, tip, name, page) in all {
        if folds(command) {
            continue;
        }
        if command == UiCommand::Notifications {
            bell(ui, data, state, actions);
            continue;
        }
        let tip = keymap.tip(command, tip);
        let mut button = Button::icon(icon, &tip).name(name);
        if let Some(page) = page {
            button = button.selected(state.route == page);
        }
        if button.show(ui).clicked() {
            actions.push(Action::Run(command));
        }
    }
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
        .hint_text(if width < KEY_SHOWN { "Filter" } else { "Filter sessions" })
        .margin(Margin::ZERO)
        .align(egui::Align2::LEFT_CENTER)
        .min_size(inner.size())
        .desired_width(inner.width());
    let response = ui.put(inner, edit).accessible_name("Filter sessions");
    if let Some(key) = keymap.key(UiCommand::Filter)
        && !focused
        && state.filter.is_empty()
        && width >= KEY_SHOWN
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

/// `3 need you` and `5 working`, laid out before the filter is: it gets what they leave.
struct Counters {
    needs_you: Option<Arc<Galley>>,
    words: String,
    quiet: Option<Arc<Galley>>,
    working: Option<Arc<Galley>>,
}

impl Counters {
    fn new(ui: &Ui, data: &TopBarData, with_working: bool) -> Self {
        let colors = palette(ui);
        let lay = |words: &str, font, color| ui.painter().layout_no_wrap(words.to_owned(), font, color);
        let verb = if data.needs_you == 1 { "needs" } else { "need" };
        let words = format!("{} {verb} you", data.needs_you);
        let any = data.sessions > 0;
        let needs_you =
            (any && data.needs_you > 0).then(|| lay(&words, theme::semibold(theme::UI), colors.on_needs_you));
        let quiet = (any && data.needs_you == 0)
            .then(|| lay("Nothing needs you", theme::regular(theme::UI), colors.muted));
        let working = (any && with_working).then(|| {
            let color = if data.working > 0 { colors.working } else { colors.muted };
            lay(&format!("{} working", data.working), theme::regular(theme::UI), color)
        });
        Self { needs_you, words, quiet, working }
    }

    fn width(&self) -> f32 {
        let wide = |galley: &Option<Arc<Galley>>, more| galley.as_ref().map_or(0.0, |it| it.size().x + more);
        wide(&self.needs_you, PILL + theme::SPACE_3)
            + wide(&self.quiet, theme::SPACE_3)
            + wide(&self.working, theme::SPACE_3)
    }

    fn show(self, ui: &mut Ui, keymap: &Keymap, actions: &mut Actions) {
        if let Some(galley) = self.needs_you {
            let response = pill(ui, galley, &self.words);
            let tip = keymap.tip(UiCommand::NextNeedsYou, "Show the next one");
            if response.on_hover_text(tip).clicked() {
                actions.push(Action::Run(UiCommand::NextNeedsYou));
            }
            ui.add_space(theme::SPACE_3);
        }
        for galley in [self.quiet, self.working].into_iter().flatten() {
            ui.label(galley);
            ui.add_space(theme::SPACE_3);
        }
    }
}

fn pill(ui: &mut Ui, galley: Arc<Galley>, words: &str) -> Response {
    let colors = palette(ui);
    let size = vec2(galley.size().x + PILL, 24.0);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, words));
    let fill = if response.hovered() { colors.needs_you.gamma_multiply(0.9) } else { colors.needs_you };
    ui.painter().rect_filled(rect, egui::CornerRadius::same(12), fill);
    ui.painter().galley(rect.center() - galley.size() / 2.0, galley, colors.on_needs_you);
    focus_ring(ui, &response, egui::CornerRadius::same(12));
    response
}

/// One dot for all listeners: filled while all are up, else a ring with the number of those that are down. A click lists
/// them.
fn health(ui: &mut Ui, data: &TopBarData, actions: &mut Actions) {
    let colors = palette(ui);
    let (rect, response) = ui.allocate_exact_size(vec2(HEALTH, theme::ROW), Sense::click());
    let down = data.dots.iter().filter(|dot| !dot.up).count();
    let words = match (data.dots.is_empty(), down) {
        (true, _) => "Listeners: none yet".to_owned(),
        (false, 0) => "Listeners: all up".to_owned(),
        (false, down) => format!("Listeners: {down} down"),
    };
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, &words));
    if response.hovered() {
        ui.painter().rect_filled(rect, theme::CONTROL_RADIUS, colors.hover);
    }
    match (data.dots.is_empty(), down) {
        (true, _) => {
            ui.painter().circle_stroke(rect.center(), 3.0, Stroke::new(1.0, colors.muted));
        }
        (false, 0) => {
            ui.painter().circle_filled(rect.center(), 3.5, colors.done);
        }
        (false, down) => {
            ui.painter().circle_stroke(rect.center(), 8.0, Stroke::new(1.5, colors.failed));
            let font = theme::semibold(theme::CAPTION);
            let galley = ui.painter().layout_no_wrap(down.to_string(), font, colors.failed);
            ui.painter().galley(rect.center() - galley.size() / 2.0, galley, colors.failed);
        }
    }
    focus_ring(ui, &response, theme::CONTROL_RADIUS);
    let response = response.on_hover_text(&words);
    egui::Popup::menu(&response).show(|ui| {
        ui.set_max_width(360.0);
        for dot in &data.dots {
            let color = if dot.up { colors.foreground } else { colors.failed };
            ui.horizontal(|ui| {
                let (rect, _) = ui.allocate_exact_size(vec2(12.0, 16.0), Sense::hover());
                if dot.up {
                    ui.painter().circle_filled(rect.center(), 3.0, colors.done);
                } else {
                    ui.painter().circle_stroke(rect.center(), 4.0, Stroke::new(2.0, colors.failed));
                }
                ui.add(egui::Label::new(RichText::new(&dot.words).color(color)).truncate());
            });
        }
        if Button::new("Open settings").quiet().show(ui).clicked() {
            actions.push(Action::Go(Route::Settings));
            ui.close();
        }
    });
}
