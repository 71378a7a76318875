//! Drawing a tool call: one line, and the call with its result when it is open.

use super::data::{Row, ToolEntry};
use super::entry::{Tools, chevron, foldable, marked};
use crate::ui::action::Action;
use crate::ui::clock::duration;
use crate::ui::icon::Lucide;
use crate::ui::text::{elided_job, format, without_colours};
use crate::ui::theme::{self, palette};
use crate::ui::widgets::code::{self, Look};
use crate::ui::widgets::{button::Button, mark};
use eframe::egui::{self, Color32, Label, RichText, Ui, pos2};
use magia_core::subject::Subject;
use magia_core::timeline::ToolStatus;
use magia_protocol::wire::SessionState;

/// Draws a call's line.
pub fn tool_line(ui: &mut Ui, row: &Row, open: bool, tool: &ToolEntry, tools: &mut Tools<'_>) {
    let colors = palette(ui);
    // Asked about is not begun.
    let status = if tools.waits { "waiting" } else { tool.status.as_str() };
    let said = format!("{}: {}, {status}", tool.name, tool.summary);
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
    if tools.waits {
        mark::state(ui, pos2(right, y), SessionState::WaitingPermission, false);
    } else {
        mark::tool(ui, pos2(right, y), tool.status);
    }
    right -= 16.0;
    let word = match (tool.status, tool.duration_ms) {
        (ToolStatus::Done, Some(ms)) => duration(ms),
        (ToolStatus::Failed, Some(ms)) => format!("failed {}", duration(ms)),
        _ => status.to_owned(),
    };
    let color = match tool.status {
        ToolStatus::Failed => colors.failed,
        ToolStatus::Running if tools.waits => colors.needs_you,
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
    let name = marked(ui, &tool.name, format(theme::semibold(theme::UI), name_color), tools.needle);
    let (name, _) = elided_job(ui, name, rect.width() * 0.5);
    x += put(x, name) + theme::SPACE_2;
    let summary = format(theme::mono(theme::CODE), colors.muted);
    let summary = marked(ui, &tool.summary, summary, tools.needle);
    let (summary, cut) = elided_job(ui, summary, right - theme::SPACE_2 - x);
    put(x, summary);
    let response = if cut && !open { response.on_hover_text(&tool.summary) } else { response };
    if response.clicked() {
        tools.actions.push(Action::Fold(row.key));
    }
}

/// Draws a call and its result.
pub fn tool_body(ui: &mut Ui, row: &Row, tool: &ToolEntry, tools: &mut Tools<'_>) {
    ui.spacing_mut().item_spacing.y = theme::SPACE_1;
    match &tool.item.subject {
        Subject::Command { command, description, marks } => {
            if let Some(description) = description {
                let text = RichText::new(crate::ui::text::shown(description)).color(palette(ui).muted);
                ui.add(Label::new(text).wrap());
            }
            code::command(ui, command, marks, tools.needle);
        }
        Subject::Edit { path, diff, .. } => {
            let room = ui.available_width();
            ui.horizontal(|ui| code::switch(ui, diff, room));
            code::diff(ui, diff, false, Look::of_path(path, tools.needle));
        }
        Subject::Plan(plan) => tools.markdown.show(ui, row.key, &crate::ui::text::shown(plan), tools.needle),
        Subject::Questions(questions) => {
            for question in questions {
                let text = RichText::new(crate::ui::text::shown(&question.text));
                ui.add(Label::new(text).wrap());
            }
        }
        Subject::Read(text) => code::output(ui, text, false, Look::plain(tools.needle)),
        Subject::Other(text) => code::output(ui, text, false, Look::of_fence("json", tools.needle)),
    }
    match &tool.item.result {
        Some(result) if !result.trim().is_empty() => {
            // What a file holds is in the file's language; what a program prints is in none.
            let look = match &tool.item.subject {
                Subject::Read(path) if !path.contains(char::is_whitespace) => {
                    Look::of_path(path, tools.needle)
                }
                _ => Look::plain(tools.needle),
            };
            code::output(ui, &without_colours(result), false, look);
        }
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
