//! Drawing one entry.

use super::data::{Entry, Row};
use super::tool::{tool_body, tool_line};
use crate::ui::action::{Action, Actions};
use crate::ui::clock::Clock;
use crate::ui::icon::{self, Lucide};
use crate::ui::markdown::Markdown;
use crate::ui::panels::card::{Cards, card_ui};
use crate::ui::text::{elided, elided_job, format};
use crate::ui::theme::{self, palette};
use crate::ui::widgets::{caption, code, focus_ring};
use eframe::egui::{self, Frame, Label, Margin, Rect, Response, Role, Sense, Ui, WidgetInfo, pos2, vec2};

/// Width of the column with the time of day.
pub const TIME: f32 = 48.0;
/// Width of the column with the marks.
pub const GUTTER: f32 = 24.0;
/// A subagent's entries stand this much to the right, for each line left of them.
pub const INDENT: f32 = 18.0;

/// What an entry is drawn with.
pub struct Tools<'a> {
    /// The time.
    pub clock: &'a Clock,
    /// The cards.
    pub cards: &'a mut Cards,
    /// Markdown.
    pub markdown: &'a mut Markdown,
    /// What is asked for.
    pub actions: &'a mut Actions,
    /// What is searched for, in lower case; empty for nothing.
    pub needle: &'a str,
    /// Whether the row's subagent is folded away.
    pub folded: bool,
    /// Whether it is a call that waits for an answer.
    pub waits: bool,
    /// What a prompt caused, by the agent's telemetry.
    pub usage: Option<&'a str>,
}

/// Draws a row's content into the reading column.
pub fn entry_ui(ui: &mut Ui, row: &Row, open: bool, tools: &mut Tools<'_>) {
    match row.entry.as_ref() {
        Entry::Prompt(text) => prompt(ui, row, text, tools),
        Entry::Message(text) => {
            ui.add_space(theme::SPACE_1);
            tools.markdown.show(ui, row.key, text, tools.needle);
            ui.add_space(theme::SPACE_2);
            copy_on_hover(ui, row, tools);
        }
        Entry::Thinking { line, text } => {
            fold_line(ui, row, open, "Thinking", line, tools);
            if open {
                inset(ui, |ui| {
                    let muted = format(theme::regular(theme::UI), palette(ui).muted);
                    ui.add(Label::new(marked(ui, text, muted, tools.needle)).wrap().selectable(true));
                });
            }
        }
        Entry::Tool(tool) => {
            tool_line(ui, row, open, tool, tools);
            if open {
                inset(ui, |ui| tool_body(ui, row, tool, tools));
            }
        }
        Entry::Asked { what, outcome } => line(ui, Lucide::ShieldCheck, what, outcome, tools.needle),
        Entry::Card(view) => {
            ui.add_space(theme::SPACE_1);
            card_ui(ui, view, tools.clock, tools.cards, tools.markdown, tools.actions);
            ui.add_space(theme::SPACE_2);
        }
        Entry::Subagent { agent_type, ended: None } => agent_line(ui, row, agent_type, tools),
        Entry::Subagent { agent_type, ended: Some(words) } => {
            fold_line(ui, row, open, agent_type, words.lines().next().unwrap_or("subagent ended"), tools);
            if open && !words.is_empty() {
                inset(ui, |ui| tools.markdown.show(ui, row.key, words, tools.needle));
            }
        }
        Entry::Note { failed, text } => note(ui, *failed, text, tools.needle),
    }
}

/// Opened content stands under its line with some air.
fn inset(ui: &mut Ui, add: impl FnOnce(&mut Ui)) {
    Frame::new().inner_margin(Margin { left: 24, right: 0, top: 2, bottom: 8 }).show(ui, |ui| {
        ui.set_width(ui.available_width());
        add(ui);
    });
}

fn prompt(ui: &mut Ui, row: &Row, text: &str, tools: &mut Tools<'_>) {
    let colors = palette(ui);
    ui.add_space(theme::SPACE_2);
    Frame::new()
        .fill(colors.hover)
        .corner_radius(theme::CARD_RADIUS)
        .inner_margin(Margin::symmetric(12, 8))
        .show(ui, |ui| {
            ui.set_width(ui.available_width());
            let words = format(theme::regular(theme::UI), colors.foreground);
            let mut job = marked(ui, text, words, tools.needle);
            for section in &mut job.sections {
                section.format.line_height = Some(19.0);
            }
            ui.add(Label::new(job).wrap().selectable(true));
        });
    if let Some(usage) = tools.usage {
        Frame::new()
            .inner_margin(Margin { left: 12, right: 12, top: 4, bottom: 0 })
            .show(ui, |ui| caption(ui, usage));
    }
    ui.add_space(theme::SPACE_2);
    copy_on_hover(ui, row, tools);
}

/// A small copy button at the top right of what was drawn, while the pointer or the focus is there.
fn copy_on_hover(ui: &mut Ui, row: &Row, tools: &mut Tools<'_>) {
    let rect = ui.min_rect();
    let top = rect.top() + if rect.height() < 48.0 { (rect.height() - 24.0) / 2.0 } else { 12.0 };
    let corner = Rect::from_min_size(pos2(rect.right() - 30.0, top), vec2(24.0, 24.0));
    let id = ui.make_persistent_id("copy");
    let response = ui.interact(corner, id, Sense::click());
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, "Copy"));
    if ui.rect_contains_pointer(rect) || response.has_focus() {
        let colors = palette(ui);
        let fill = if response.hovered() { colors.selected } else { colors.popover };
        ui.painter().rect(corner, theme::CONTROL_RADIUS, fill, colors.line(), egui::StrokeKind::Inside);
        icon::paint(ui.painter(), corner, Lucide::Copy, 14.0, colors.muted);
        focus_ring(ui, &response, theme::CONTROL_RADIUS);
    }
    if response.on_hover_text("Copy").clicked() {
        tools.actions.push(Action::Copy { text: row.copy_text(), what: "Text" });
    }
}

/// A line that opens: chevron, name, one line of text.
fn fold_line(ui: &mut Ui, row: &Row, open: bool, name: &str, text: &str, tools: &mut Tools<'_>) -> Response {
    let colors = palette(ui);
    let (rect, response) = foldable(ui, open, &format!("{name}: {text}"));
    let x = chevron(ui, rect, open);
    let y = rect.center().y;
    let name = ui.painter().layout_no_wrap(name.to_owned(), theme::regular(theme::UI), colors.muted);
    let next = x + name.size().x + theme::SPACE_2;
    ui.painter().galley(pos2(x, y - name.size().y / 2.0), name, colors.muted);
    if !open {
        let words = format(theme::regular(theme::UI), colors.muted);
        let job = marked(ui, text, words, tools.needle);
        let (galley, _) = elided_job(ui, job, rect.right() - next);
        ui.painter().galley(pos2(next, y - galley.size().y / 2.0), galley, colors.muted);
    }
    if response.clicked() {
        tools.actions.push(Action::Fold(row.key));
    }
    response
}

/// The ground of a line that opens and folds.
pub fn foldable(ui: &mut Ui, open: bool, name: &str) -> (Rect, Response) {
    let size = vec2(ui.available_width(), theme::ROW);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::Button, true, open, name));
    if response.hovered() {
        let ground = rect.expand2(vec2(theme::SPACE_1, 0.0));
        ui.painter().rect_filled(ground, theme::CONTROL_RADIUS, palette(ui).hover);
    }
    focus_ring(ui, &response, theme::CONTROL_RADIUS);
    (rect, response)
}

pub fn chevron(ui: &Ui, rect: Rect, open: bool) -> f32 {
    let square = Rect::from_min_size(pos2(rect.left(), rect.center().y - 6.0), vec2(12.0, 12.0));
    let icon = if open { Lucide::ChevronDown } else { Lucide::ChevronRight };
    icon::paint(ui.painter(), square, icon, 13.0, palette(ui).muted);
    square.right() + 6.0
}

/// A line that says one thing: icon, words, what became of it at the right.
fn line(ui: &mut Ui, icon: Lucide, text: &str, end: &str, needle: &str) {
    let colors = palette(ui);
    let size = vec2(ui.available_width(), theme::ROW);
    let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, format!("{text}, {end}")));
    let y = rect.center().y;
    let square = Rect::from_min_size(pos2(rect.left(), y - 6.5), vec2(13.0, 13.0));
    icon::paint(ui.painter(), square, icon, 13.0, colors.muted);
    let x = square.right() + 6.0;
    let words = format(theme::regular(theme::CAPTION), colors.muted);
    let (end, _) = elided_job(ui, marked(ui, end, words, needle), rect.width() * 0.5);
    let right = rect.right() - end.size().x;
    ui.painter().galley(pos2(right, y - end.size().y / 2.0), end, colors.muted);
    let words = format(theme::regular(theme::UI), colors.foreground);
    let job = marked(ui, text, words, needle);
    let (galley, cut) = elided_job(ui, job, right - theme::SPACE_3 - x);
    ui.painter().galley(pos2(x, y - galley.size().y / 2.0), galley, colors.foreground);
    if cut {
        response.on_hover_text(text);
    }
}

fn note(ui: &mut Ui, failed: bool, text: &str, needle: &str) {
    let colors = palette(ui);
    ui.horizontal(|ui| {
        ui.set_min_height(theme::ROW);
        let (rect, _) = ui.allocate_exact_size(vec2(13.0, theme::ROW), Sense::hover());
        let (icon, tint) =
            if failed { (Lucide::CircleAlert, colors.failed) } else { (Lucide::Info, colors.muted) };
        icon::paint(ui.painter(), rect, icon, 13.0, tint);
        let color = if failed { colors.foreground } else { colors.muted };
        let job = marked(ui, text, format(theme::regular(theme::UI), color), needle);
        ui.add(Label::new(job).wrap());
    });
}

/// A text with grounds under what is searched for.
pub fn marked(ui: &Ui, text: &str, words: egui::TextFormat, needle: &str) -> egui::text::LayoutJob {
    let colors = palette(ui);
    code::job(text, &words, &[], &code::found_accents(text, needle, colors), colors)
}

/// The line that opens a subagent: it folds all its entries away.
fn agent_line(ui: &mut Ui, row: &Row, agent_type: &str, tools: &mut Tools<'_>) {
    let colors = palette(ui);
    let open = !tools.folded;
    // A subagent that only started others has no entries of its own.
    let words = match row.lane.and_then(|lane| lane.entries).unwrap_or_default() {
        0 => None,
        1 => Some("1 entry".to_owned()),
        count => Some(format!("{count} entries")),
    };
    let spoken = words.as_ref().map(|words| format!(", {words}")).unwrap_or_default();
    let (rect, response) = foldable(ui, open, &format!("Subagent {agent_type}{spoken}"));
    let x = chevron(ui, rect, open);
    let y = rect.center().y;
    let name = format(theme::semibold(theme::UI), colors.foreground);
    let (name, _) = elided_job(ui, marked(ui, agent_type, name, tools.needle), rect.width() * 0.6);
    let next = x + name.size().x + theme::SPACE_2;
    ui.painter().galley(pos2(x, y - name.size().y / 2.0), name, colors.foreground);
    let said = words.map_or("subagent".to_owned(), |words| format!("subagent · {words}"));
    let format = format(theme::regular(theme::CAPTION), colors.muted);
    let (words, _) = elided(ui, &said, format, rect.right() - next);
    ui.painter().galley(pos2(next, y - words.size().y / 2.0), words, colors.muted);
    if response.clicked()
        && let Some(agent) = &row.agent
    {
        tools.actions.push(Action::FoldAgent(agent.to_string()));
    }
}
