//! Drawing one entry.

use super::data::{Entry, Row, ToolEntry};
use crate::ui::action::{Action, Actions};
use crate::ui::clock::{Clock, duration};
use crate::ui::icon::{self, Lucide};
use crate::ui::markdown::Markdown;
use crate::ui::panels::card::{Cards, card_ui};
use crate::ui::text::{elided, format};
use crate::ui::theme::{self, palette};
use crate::ui::widgets::{button::Button, code, focus_ring, mark};
use eframe::egui::{
    self, Color32, Frame, Label, Margin, Rect, Response, RichText, Role, Sense, Ui, WidgetInfo, pos2, vec2,
};
use magia_core::subject::Subject;
use magia_core::timeline::ToolStatus;

/// Width of the column with the time of day.
pub const TIME: f32 = 48.0;
/// Width of the column with the marks.
pub const GUTTER: f32 = 24.0;
/// A subagent's entries stand this much to the right.
pub const INDENT: f32 = 20.0;

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
}

/// Draws a row's content into the reading column.
pub fn entry_ui(ui: &mut Ui, row: &Row, open: bool, tools: &mut Tools<'_>) {
    match row.entry.as_ref() {
        Entry::Prompt(text) => prompt(ui, row, text, tools),
        Entry::Message(text) => {
            ui.add_space(theme::SPACE_1);
            tools.markdown.show(ui, row.key, text);
            ui.add_space(theme::SPACE_2);
            copy_on_hover(ui, row, tools);
        }
        Entry::Thinking { line, text } => {
            fold_line(ui, row, open, "Thinking", line, tools);
            if open {
                inset(ui, |ui| {
                    let text = RichText::new(text).color(palette(ui).muted);
                    ui.add(Label::new(text).wrap().selectable(true));
                });
            }
        }
        Entry::Tool(tool) => {
            tool_line(ui, row, open, tool, tools);
            if open {
                inset(ui, |ui| tool_body(ui, row, tool, tools));
            }
        }
        Entry::Asked { what, outcome } => line(ui, Some(Lucide::ShieldCheck), what, outcome),
        Entry::Card(view) => {
            ui.add_space(theme::SPACE_1);
            card_ui(ui, view, tools.clock, tools.cards, tools.markdown, tools.actions);
            ui.add_space(theme::SPACE_2);
        }
        Entry::Subagent { agent_type, ended: None } => line(ui, None, agent_type, "subagent began"),
        Entry::Subagent { agent_type, ended: Some(words) } => {
            fold_line(ui, row, open, agent_type, words.lines().next().unwrap_or("subagent ended"), tools);
            if open && !words.is_empty() {
                inset(ui, |ui| tools.markdown.show(ui, row.key, words));
            }
        }
        Entry::Note { failed, text } => note(ui, *failed, text),
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
            let mut job = egui::text::LayoutJob::single_section(
                text.to_owned(),
                format(theme::regular(theme::UI), colors.foreground),
            );
            for section in &mut job.sections {
                section.format.line_height = Some(19.0);
            }
            ui.add(Label::new(job).wrap().selectable(true));
        });
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
        let (galley, _) = elided(ui, text, words, rect.right() - next);
        ui.painter().galley(pos2(next, y - galley.size().y / 2.0), galley, colors.muted);
    }
    if response.clicked() {
        tools.actions.push(Action::Fold(row.key));
    }
    response
}

/// The ground of a line that opens and folds.
fn foldable(ui: &mut Ui, open: bool, name: &str) -> (Rect, Response) {
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

fn chevron(ui: &Ui, rect: Rect, open: bool) -> f32 {
    let square = Rect::from_min_size(pos2(rect.left(), rect.center().y - 6.0), vec2(12.0, 12.0));
    let icon = if open { Lucide::ChevronDown } else { Lucide::ChevronRight };
    icon::paint(ui.painter(), square, icon, 13.0, palette(ui).muted);
    square.right() + 6.0
}

fn tool_line(ui: &mut Ui, row: &Row, open: bool, tool: &ToolEntry, tools: &mut Tools<'_>) {
    let colors = palette(ui);
    let said = format!("{}: {}, {}", tool.name, tool.summary, tool.status.as_str());
    let (rect, response) = foldable(ui, open, &said);
    let y = rect.center().y;
    let painter = ui.painter().clone();
    let put = |x: f32, galley: std::sync::Arc<egui::Galley>| {
        let width = galley.size().x;
        painter.galley(pos2(x, y - galley.size().y / 2.0), galley, colors.muted);
        width
    };
    let lay = |text: String, font, color: Color32| painter.layout_no_wrap(text, font, color);

    // From the right: mark, then the word or the time it took, in a column.
    let mut right = rect.right() - 8.0;
    mark::tool(ui, pos2(right, y), tool.status);
    right -= 16.0;
    let word = match (tool.status, tool.duration_ms) {
        (ToolStatus::Done, Some(ms)) => duration(ms),
        (ToolStatus::Failed, Some(ms)) => format!("failed {}", duration(ms)),
        (status, _) => status.as_str().to_owned(),
    };
    let color = match tool.status {
        ToolStatus::Failed => colors.failed,
        ToolStatus::Running => colors.working,
        ToolStatus::Done | ToolStatus::Denied => colors.muted,
    };
    let word = lay(word, theme::regular(theme::CAPTION), color);
    right -= word.size().x;
    put(right, word);
    if let Some((added, removed)) = tool.change {
        let removed = lay(format!("-{removed}"), theme::regular(theme::CAPTION), colors.failed);
        right -= removed.size().x + theme::SPACE_3;
        put(right, removed);
        let added = lay(format!("+{added}"), theme::regular(theme::CAPTION), colors.done);
        right -= added.size().x + 6.0;
        put(right, added);
    }

    let mut x = chevron(ui, rect, open);
    let name_color = if tool.status == ToolStatus::Denied { colors.muted } else { colors.foreground };
    x += put(x, lay(tool.name.clone(), theme::semibold(theme::UI), name_color)) + theme::SPACE_2;
    let summary = format(theme::mono(theme::CODE), colors.muted);
    let (summary, cut) = elided(ui, &tool.summary, summary, right - theme::SPACE_2 - x);
    put(x, summary);
    let response = if cut && !open { response.on_hover_text(&tool.summary) } else { response };
    if response.clicked() {
        tools.actions.push(Action::Fold(row.key));
    }
}

fn tool_body(ui: &mut Ui, row: &Row, tool: &ToolEntry, tools: &mut Tools<'_>) {
    ui.spacing_mut().item_spacing.y = theme::SPACE_1;
    match &tool.item.subject {
        Subject::Command { command, description, marks } => {
            if let Some(description) = description {
                let text = RichText::new(crate::ui::text::shown(description)).color(palette(ui).muted);
                ui.add(Label::new(text).wrap());
            }
            code::command(ui, command, marks);
        }
        Subject::Edit { diff, .. } => code::diff(ui, diff, false),
        Subject::Plan(plan) => tools.markdown.show(ui, row.key, &crate::ui::text::shown(plan)),
        Subject::Questions(questions) => {
            for question in questions {
                let text = RichText::new(crate::ui::text::shown(&question.text));
                ui.add(Label::new(text).wrap());
            }
        }
        Subject::Read(text) | Subject::Other(text) => code::output(ui, text, false),
    }
    match &tool.item.result {
        Some(result) if !result.trim().is_empty() => code::output(ui, result, false),
        Some(_) => {
            crate::ui::widgets::caption(ui, "No output");
        }
        None => {}
    }
    let copy = Button::new("Copy").quiet().with_icon(Lucide::Copy);
    if copy.name(format!("Copy {}: {}", tool.name, tool.summary)).show(ui).clicked() {
        tools.actions.push(Action::Copy { text: row.copy_text(), what: "Tool call" });
    }
}

/// A line that says one thing: icon, words, what became of it at the right.
fn line(ui: &mut Ui, icon: Option<Lucide>, text: &str, end: &str) {
    let colors = palette(ui);
    let size = vec2(ui.available_width(), theme::ROW);
    let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, format!("{text}, {end}")));
    let y = rect.center().y;
    let mut x = rect.left();
    if let Some(icon) = icon {
        let square = Rect::from_min_size(pos2(x, y - 6.5), vec2(13.0, 13.0));
        icon::paint(ui.painter(), square, icon, 13.0, colors.muted);
        x = square.right() + 6.0;
    }
    let words = format(theme::regular(theme::CAPTION), colors.muted);
    let (end, _) = elided(ui, end, words, rect.width() * 0.5);
    let right = rect.right() - end.size().x;
    ui.painter().galley(pos2(right, y - end.size().y / 2.0), end, colors.muted);
    let words = format(theme::regular(theme::UI), colors.foreground);
    let (galley, cut) = elided(ui, text, words, right - theme::SPACE_3 - x);
    ui.painter().galley(pos2(x, y - galley.size().y / 2.0), galley, colors.foreground);
    if cut {
        response.on_hover_text(text);
    }
}

fn note(ui: &mut Ui, failed: bool, text: &str) {
    let colors = palette(ui);
    ui.horizontal(|ui| {
        ui.set_min_height(theme::ROW);
        let (rect, _) = ui.allocate_exact_size(vec2(13.0, theme::ROW), Sense::hover());
        let (icon, tint) =
            if failed { (Lucide::CircleAlert, colors.failed) } else { (Lucide::Info, colors.muted) };
        icon::paint(ui.painter(), rect, icon, 13.0, tint);
        let color = if failed { colors.foreground } else { colors.muted };
        ui.add(Label::new(RichText::new(text).color(color)).wrap());
    });
}
