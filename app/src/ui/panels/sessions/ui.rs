//! Drawing the session list, visible rows only.

use super::data::{RequestRow, Row, SessionRow};
use crate::ui::action::{Action, Actions};
use crate::ui::clock::Clock;
use crate::ui::icon::{self, Lucide};
use crate::ui::provider;
use crate::ui::seen::Seen;
use crate::ui::state::{Rename, UiState};
use crate::ui::text::{elided, format};
use crate::ui::theme::{self, Palette};
use crate::ui::widgets::{button::Button, caption, focus_ring, mark};
use eframe::egui::{
    self, Color32, Margin, Rect, Response, Role, ScrollArea, Sense, Ui, UiBuilder, WidgetInfo, pos2, vec2,
};
use magia_protocol::wire::{Provider, SessionState};

/// Where a row's text begins.
const TEXT_X: f32 = 36.0;
/// Room for the age at the right.
const AGE: f32 = 34.0;

/// Draws the list. `pulse` is the beat of the working dots.
pub fn sessions_ui(ui: &mut Ui, clock: &Clock, pulse: bool, state: &mut UiState, actions: &mut Actions) {
    let area = ui.max_rect();
    let pointer = ui.input(|input| (input.pointer.hover_pos(), input.pointer.delta() != egui::Vec2::ZERO));
    if let (Some(at), true) = pointer
        && area.contains(at)
    {
        state.sessions.pointer_moved_s = Some(clock.now_s);
    }
    let (passing, all) = state.sessions.data.counts;
    if !state.filter.is_empty() {
        ui.horizontal(|ui| {
            ui.add_space(theme::SPACE_3);
            caption(ui, format!("{passing} of {all} sessions"));
            if Button::new("Clear").quiet().name("Clear filter").show(ui).clicked() {
                state.filter.clear();
            }
        });
    }
    ui.spacing_mut().item_spacing.y = 0.0;
    let reveal = state.sessions.reveal.take();
    ScrollArea::vertical().id_salt("sessions").auto_shrink(false).show_viewport(ui, |ui, viewport| {
        let data = std::mem::take(&mut state.sessions.data);
        let origin = ui.max_rect().min;
        let width = ui.available_width();
        let place = |at: usize, row: &Row| {
            let y = data.tops.get(at).copied().unwrap_or_default();
            Rect::from_min_size(origin + vec2(0.0, y), vec2(width, row.height()))
        };
        if let Some(wanted) = reveal {
            let is_it = |row: &Row| matches!(row, Row::Session(session) if session.id == wanted);
            if let Some((at, row)) = data.rows.iter().enumerate().find(|(_, row)| is_it(row)) {
                // At once: a field in it waits to be typed into.
                let (rect, at_once) =
                    (place(at, row).expand(theme::ROW), egui::style::ScrollAnimation::none());
                ui.scroll_to_rect_animation(rect, None, at_once);
            }
        }
        for at in data.seen(viewport.min.y, viewport.max.y) {
            if let Some(row) = data.rows.get(at) {
                row_ui(ui, place(at, row), row, &Frame { clock, pulse }, state, actions);
            }
        }
        ui.set_height(data.tops.last().copied().unwrap_or_default() + theme::SPACE_2);
        state.sessions.data = data;
    });
}

struct Frame<'a> {
    clock: &'a Clock,
    pulse: bool,
}

fn row_ui(ui: &mut Ui, rect: Rect, row: &Row, frame: &Frame<'_>, state: &mut UiState, actions: &mut Actions) {
    match row {
        Row::Heading { text, count, needs_you } => heading(ui, rect, text, *count, *needs_you),
        Row::Request(row) => {
            ui.push_id(("request", row.session, row.id), |ui| request(ui, rect, row, frame, state, actions));
        }
        Row::Session(row) => {
            ui.push_id(("session", row.id), |ui| match &mut state.rename {
                Some(rename) if rename.session == row.id => rename_field(ui, rect, rename, actions),
                _ => session(ui, rect, row, frame, state, actions),
            });
        }
        Row::Ended { project, count, open } => {
            let clicked = ui.push_id(("ended", project), |ui| ended(ui, rect, *count, *open)).inner;
            if clicked {
                state.sessions.toggle_ended(project);
            }
        }
        Row::Note(words) => {
            let galley = ui.painter().layout_no_wrap(
                (*words).to_owned(),
                theme::regular(theme::UI),
                theme::sidebar(ui).muted,
            );
            let response = ui.interact(rect, ui.make_persistent_id("note"), Sense::hover());
            response.widget_info(|| WidgetInfo::labeled(Role::Label, true, *words));
            let at = pos2(rect.left() + theme::SPACE_3, rect.center().y - galley.size().y / 2.0);
            ui.painter().galley(at, galley, Color32::PLACEHOLDER);
        }
    }
}

/// The row that stands for a project's ended sessions. Returns whether it was clicked.
fn ended(ui: &mut Ui, rect: Rect, count: usize, open: bool) -> bool {
    let colors = theme::sidebar(ui);
    let words = format!("{count} ended");
    let response = ground(ui, rect, false, &format!("{words}, {}", if open { "shown" } else { "folded" }));
    let chevron = if open { Lucide::ChevronDown } else { Lucide::ChevronRight };
    let square = Rect::from_center_size(pos2(rect.left() + 20.0, rect.center().y), vec2(12.0, 12.0));
    icon::paint(ui.painter(), square, chevron, 12.0, colors.muted);
    let galley = ui.painter().layout_no_wrap(words, theme::regular(theme::UI), colors.muted);
    let at = pos2(rect.left() + TEXT_X, rect.center().y - galley.size().y / 2.0);
    ui.painter().galley(at, galley, colors.muted);
    response.clicked()
}

fn heading(ui: &Ui, rect: Rect, text: &str, count: usize, needs_you: bool) {
    let colors = theme::sidebar(ui);
    let color = if needs_you { colors.needs_you } else { colors.muted };
    let y = rect.bottom() - 15.0;
    let number = count.to_string();
    let number = ui.painter().layout_no_wrap(number, theme::regular(theme::CAPTION), Color32::PLACEHOLDER);
    let width = rect.width() - 28.0 - number.size().x - theme::SPACE_3;
    let words = format(theme::semibold(theme::CAPTION), color);
    let (galley, _) = elided(ui, text, words, width);
    ui.painter().galley(pos2(rect.left() + theme::SPACE_3, y - galley.size().y / 2.0), galley, color);
    let at = pos2(rect.right() - theme::SPACE_3 - number.size().x, y - number.size().y / 2.0);
    ui.painter().galley(at, number, color);
}

/// The ground of a row that can be chosen.
fn ground(ui: &mut Ui, rect: Rect, selected: bool, name: &str) -> Response {
    let colors = theme::sidebar(ui);
    let hit = rect.shrink2(vec2(theme::SPACE_1, 0.0));
    let id = ui.make_persistent_id("row");
    let response = ui.interact(hit, id, Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::Button, true, selected, name));
    let fill = match (selected, response.hovered() || response.context_menu_opened()) {
        (true, _) => colors.selected,
        (false, true) => colors.hover,
        (false, false) => Color32::TRANSPARENT,
    };
    ui.painter().rect_filled(hit, theme::CONTROL_RADIUS, fill);
    focus_ring(ui, &response, theme::CONTROL_RADIUS);
    response
}

fn age(ui: &Ui, rect: Rect, y: f32, word: String, colors: &Palette) {
    let galley = ui.painter().layout_no_wrap(word, theme::regular(theme::CAPTION), colors.muted);
    let at = pos2(rect.right() - theme::SPACE_3 - galley.size().x, y - galley.size().y / 2.0);
    ui.painter().galley(at, galley, colors.muted);
}

/// The kind of an agent before a title, while there are several kinds; returns the room that it takes.
fn kind(ui: &Ui, at: egui::Pos2, provider: Option<Provider>, color: Color32) -> f32 {
    let Some(provider) = provider else { return 0.0 };
    let square = Rect::from_min_size(pos2(at.x, at.y - 6.0), vec2(12.0, 12.0));
    icon::paint(ui.painter(), square, provider::icon(provider), 12.0, color);
    square.width() + 6.0
}

/// What a screen reader adds to a row's name.
fn spoken(provider: Option<Provider>) -> String {
    provider.map(|provider| format!(", {}", provider::name(provider))).unwrap_or_default()
}

fn request(
    ui: &mut Ui,
    rect: Rect,
    row: &RequestRow,
    frame: &Frame<'_>,
    state: &UiState,
    actions: &mut Actions,
) {
    let colors = theme::sidebar(ui);
    let selected = match row.id {
        Some(id) => state.cards.focused() == Some(id),
        None => state.selected == Some(row.session),
    };
    let name = format!("{} {}: {}{}", row.title, row.state, row.what, spoken(row.provider));
    let response = ground(ui, rect, selected, &name);
    let (top, bottom) = (rect.top() + 14.0, rect.top() + 31.0);
    mark::state(ui, pos2(rect.left() + 20.0, top), row.state, false);
    let width = rect.width() - TEXT_X - theme::SPACE_3;
    let x = rect.left() + TEXT_X + kind(ui, pos2(rect.left() + TEXT_X, top), row.provider, colors.muted);
    let title = format(theme::semibold(theme::UI), colors.foreground);
    let (title, cut) = elided(ui, &row.title, title, rect.right() - theme::SPACE_3 - AGE - x);
    ui.painter().galley(pos2(x, top - title.size().y / 2.0), title, colors.foreground);
    let what = format(theme::regular(theme::CAPTION), colors.muted);
    let (what, what_cut) = elided(ui, &row.what, what, width);
    ui.painter().galley(pos2(rect.left() + TEXT_X, bottom - what.size().y / 2.0), what, colors.muted);
    age(ui, rect, top, frame.clock.age(row.asked_at_ms), colors);
    let response = if cut || what_cut {
        response.on_hover_text(format!("{}\n{}", row.title, row.what))
    } else {
        response
    };
    if response.clicked() {
        actions.push(row.id.map_or(Action::Select(row.session), Action::ShowRequest));
    }
}

fn session(
    ui: &mut Ui,
    rect: Rect,
    row: &SessionRow,
    frame: &Frame<'_>,
    state: &UiState,
    actions: &mut Actions,
) {
    let colors = theme::sidebar(ui);
    let selected = state.selected == Some(row.id);
    let response =
        ground(ui, rect, selected, &format!("{}, {}{}", row.title, row.state, spoken(row.provider)));
    let y = rect.center().y;
    mark::state(ui, pos2(rect.left() + 20.0, y), row.state, frame.pulse);

    age(ui, rect, y, frame.clock.age(row.since_ms), colors);
    let word = row.state.as_str().split(' ').next().unwrap_or_default();
    let word = if row.disagreement { format!("{word}?") } else { word.to_owned() };
    let color = if row.state == SessionState::Idle || row.state == SessionState::Ended {
        colors.muted
    } else {
        colors.state(row.state)
    };
    let word = ui.painter().layout_no_wrap(word, theme::regular(theme::CAPTION), color);
    let mut right = rect.right() - theme::SPACE_3 - AGE;
    right -= word.size().x;
    ui.painter().galley(pos2(right, y - word.size().y / 2.0), word, color);
    if row.pinned {
        right -= 18.0;
        let square = Rect::from_center_size(pos2(right + 8.0, y), vec2(12.0, 12.0));
        icon::paint(ui.painter(), square, Lucide::Pin, 12.0, colors.muted);
    }
    if row.subagents > 0 {
        let count = ui.painter().layout_no_wrap(
            format!("+{}", row.subagents),
            theme::regular(theme::CAPTION),
            colors.muted,
        );
        right -= count.size().x + 6.0;
        ui.painter().galley(pos2(right, y - count.size().y / 2.0), count, colors.muted);
    }

    let ink = if row.state == SessionState::Ended && !selected {
        colors.muted
    } else if selected {
        colors.selected_text
    } else {
        colors.foreground
    };
    let font = if selected { theme::semibold(theme::UI) } else { theme::regular(theme::UI) };
    let x = rect.left() + TEXT_X + kind(ui, pos2(rect.left() + TEXT_X, y), row.provider, colors.muted);
    let (title, _) = elided(ui, &row.title, format(font, ink), right - theme::SPACE_2 - x);
    ui.painter().galley(pos2(x, y - title.size().y / 2.0), title, ink);

    response.context_menu(|ui| menu(ui, row, actions));
    if response.clicked() {
        actions.push(Action::Select(row.id));
    }
    if response.double_clicked() {
        actions.push(Action::StartRename(row.id));
    }
    response.on_hover_ui(|ui| {
        ui.label(&row.title);
        let since = frame.clock.ago(row.since_ms);
        let subagents = match row.subagents {
            0 => String::new(),
            1 => " · 1 subagent".to_owned(),
            count => format!(" · {count} subagents"),
        };
        caption(ui, format!("{} · {since}{subagents}", row.state));
        caption(ui, row.place.as_str());
        if let Some(provider) = row.provider {
            caption(ui, provider::name(provider));
        }
        if row.disagreement {
            caption(ui, "Two sources disagree about the state; the details say how");
        }
    });
}

fn menu(ui: &mut Ui, row: &SessionRow, actions: &mut Actions) {
    ui.set_min_width(150.0);
    ui.spacing_mut().item_spacing.y = 0.0;
    let pin = if row.pinned { "Unpin" } else { "Pin" };
    let entries = [
        ("Rename...", Action::StartRename(row.id)),
        (pin, Action::pin(row.id, !row.pinned)),
        ("Hide", Action::hide(row.id, true)),
        ("Copy id", Action::Copy { text: row.id.to_string(), what: "Session id" }),
    ];
    for (label, action) in entries {
        let entry = egui::Button::new(label).frame_when_inactive(false).min_size(vec2(150.0, theme::ROW));
        if ui.add(entry).clicked() {
            actions.push(action);
            ui.close();
        }
    }
}

fn rename_field(ui: &mut Ui, rect: Rect, rename: &mut Rename, actions: &mut Actions) {
    let field = rect.shrink2(vec2(theme::SPACE_2, 1.0));
    ui.scope_builder(UiBuilder::new().max_rect(field), |ui| {
        let id = egui::Id::unique("rename");
        rename.seen = Seen::drawn();
        if !std::mem::replace(&mut rename.entered, true) {
            ui.memory_mut(|memory| memory.request_focus(id));
        }
        let edit = egui::TextEdit::singleline(&mut rename.text)
            .id(id)
            .margin(Margin::symmetric(6, 4))
            .hint_text("The agent's own title")
            .desired_width(field.width());
        let response = ui.add(edit).accessible_name("Session title");
        if response.lost_focus() {
            if ui.input(|input| input.key_pressed(egui::Key::Enter)) {
                actions.push(Action::rename(rename.session, &rename.text));
            }
            actions.push(Action::StopRename);
        }
    });
}
