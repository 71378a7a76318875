//! Drawing the metrics of a session and of all.

use super::data::{Figure, HookRow, MetricsData, PromptRow, SessionRow, SpanBar, ToolRow, UsageRow};
use super::plots::plots_ui;
use crate::ui::action::{Action, Actions};
use crate::ui::clock::Clock;
use crate::ui::icon::Lucide;
use crate::ui::state::{Route, SessionPane};
use crate::ui::text::{elided, format};
use crate::ui::theme::{self, palette};
use crate::ui::widgets::{button::Button, caption, column, focus_ring, section};
use eframe::egui::{
    Color32, Label, Rect, Response, RichText, Role, ScrollArea, Sense, Ui, WidgetInfo, pos2, vec2,
};
use magia_protocol::wire::command::SetTelemetry;
use magia_protocol::wire::{Command, Provider};

/// Width of the page, where there is room; it stands in the middle.
const WIDTH: f32 = 1_100.0;
/// Width of the words where nothing is known.
const UNKNOWN: f32 = 460.0;
/// Width of a figure.
const FIGURE: f32 = 104.0;
/// Height of a row of a table.
const ROW: f32 = 24.0;

/// Draws one session's metrics.
pub fn session_ui(ui: &mut Ui, data: &MetricsData, clock: &Clock, actions: &mut Actions) {
    page(ui, "session metrics", |ui| {
        if !data.known {
            let head = "This session has told nothing of what it uses";
            return column(ui, UNKNOWN, 0.1, |ui| unknown(ui, head, data, actions));
        }
        body(ui, data, clock, actions);
    });
}

/// Draws all sessions' metrics.
pub fn fleet_ui(ui: &mut Ui, data: &MetricsData, clock: &Clock, actions: &mut Actions) {
    page(ui, "all metrics", |ui| {
        let colors = palette(ui);
        ui.horizontal(|ui| {
            if Button::icon(Lucide::ArrowLeft, "Back (Esc)").name("Back").show(ui).clicked() {
                actions.push(Action::Go(Route::Sessions));
            }
            ui.label(RichText::new("Metrics").font(theme::semibold(theme::HEAD)).color(colors.foreground));
        });
        ui.add_space(theme::SPACE_3);
        if !data.known {
            let head = "No agent has told what it uses";
            return column(ui, UNKNOWN, 0.1, |ui| unknown(ui, head, data, actions));
        }
        body(ui, data, clock, actions);
    });
}

fn page(ui: &mut Ui, name: &str, show: impl FnOnce(&mut Ui)) {
    ScrollArea::vertical().id_salt(name).auto_shrink(false).show(ui, |ui| {
        let width = (ui.available_width() - 2.0 * theme::SPACE_4).min(WIDTH);
        let left = (ui.available_width() - width) / 2.0;
        ui.add_space(theme::SPACE_3);
        ui.horizontal_top(|ui| {
            ui.add_space(left);
            ui.vertical(|ui| {
                ui.set_width(width);
                show(ui);
                ui.add_space(theme::SPACE_6);
            });
        });
    });
}

fn body(ui: &mut Ui, data: &MetricsData, clock: &Clock, actions: &mut Actions) {
    figures(ui, &data.figures);
    ui.add_space(theme::SPACE_3);
    plots_ui(ui, &data.plots, clock);
    if !data.usage.is_empty() {
        section(ui, "MODELS");
        data.usage.iter().for_each(|row| usage(ui, row));
    }
    if !data.tools.is_empty() {
        section(ui, "TOOLS");
        data.tools.iter().for_each(|row| tool(ui, row));
    }
    if !data.hooks.is_empty() {
        section(ui, "HOOKS");
        if let Some(said) = &data.hooks_cost {
            ui.label(RichText::new(said).color(palette(ui).foreground));
            ui.add_space(theme::SPACE_1);
        }
        data.hooks.iter().for_each(|row| hook(ui, row));
    }
    if !data.spans.is_empty() {
        section(ui, "THE NEWEST TURN");
        data.spans.iter().for_each(|bar| span(ui, bar));
    }
    if !data.prompts.is_empty() {
        section(ui, "PROMPTS");
        data.prompts.iter().for_each(|row| prompt(ui, row, clock, actions));
    }
    if !data.sessions.is_empty() {
        section(ui, "SESSIONS");
        data.sessions.iter().for_each(|row| session(ui, row, clock, actions));
    }
}

fn unknown(ui: &mut Ui, head: &str, data: &MetricsData, actions: &mut Actions) {
    let colors = palette(ui);
    ui.label(RichText::new(head).font(theme::semibold(theme::TITLE)).color(colors.foreground));
    let what = "Agents can tell by telemetry how many tokens they use, what that costs and where their time goes. \
                It stays on this machine. Claude Code begins to with the next session that starts after it was \
                switched on; for the others run magia telemetry on codex, or gemini, in a terminal.";
    ui.add(Label::new(RichText::new(what).color(colors.muted)).wrap());
    caption(ui, data.receiver.clone());
    ui.add_space(theme::SPACE_2);
    if Button::new("Switch on for Claude Code...").main().show(ui).clicked() {
        let wish =
            SetTelemetry { provider: Provider::Claude, on: true, traces: true, dry_run: false, home: None };
        actions.push(Action::Confirm(Box::new(Action::Send(Command::SetTelemetry(wish)))));
    }
}

fn figures(ui: &mut Ui, figures: &[Figure]) {
    let colors = palette(ui);
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = vec2(theme::SPACE_4, theme::SPACE_3);
        for figure in figures {
            let (rect, response) = ui.allocate_exact_size(vec2(FIGURE, 40.0), Sense::hover());
            let name = format(theme::regular(theme::CAPTION), colors.muted);
            let (name, _) = elided(ui, figure.name, name, FIGURE);
            ui.painter().galley(rect.left_top(), name, colors.muted);
            let value = format(theme::semibold(theme::HEAD - 2.0), colors.foreground);
            let (value, _) = elided(ui, &figure.value, value, FIGURE);
            ui.painter().galley(rect.left_top() + vec2(0.0, 16.0), value, colors.foreground);
            response.widget_info(|| {
                WidgetInfo::labeled(Role::Label, true, format!("{}: {}", figure.name, figure.value))
            });
            response.on_hover_text(&figure.tip);
        }
    });
}

/// A row of a table: a name at the left, values in columns at the right.
struct Columns<'a> {
    name: &'a str,
    name_color: Color32,
    values: &'a [(&'a str, Color32)],
    /// How wide each value is.
    widths: &'a [f32],
    /// How much of the row is filled behind the name, 0 to 1.
    part: f32,
}

fn row(ui: &mut Ui, columns: &Columns<'_>, sense: Sense) -> Response {
    let colors = palette(ui);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), ROW), sense);
    if response.hovered() && sense.senses_click() {
        ui.painter().rect_filled(rect, theme::CONTROL_RADIUS, colors.hover);
    }
    let right: f32 = columns.widths.iter().sum();
    let room = (rect.width() - right - theme::SPACE_2).max(40.0);
    if columns.part > 0.0 {
        let size = vec2(room * columns.part.clamp(0.0, 1.0), ROW - 4.0);
        let bar = Rect::from_min_size(rect.left_top() + vec2(0.0, 2.0), size);
        ui.painter().rect_filled(bar, theme::CONTROL_RADIUS, colors.selected);
    }
    let mut words = columns.name.to_owned();
    let name = format(theme::regular(theme::UI), columns.name_color);
    let (name, _) = elided(ui, columns.name, name, room - theme::SPACE_2);
    let y = |size: f32| rect.center().y - size / 2.0;
    ui.painter().galley(pos2(rect.left() + 6.0, y(name.size().y)), name, columns.name_color);
    let mut at = rect.right() - right;
    for ((value, color), width) in columns.values.iter().zip(columns.widths) {
        let text = format(theme::regular(theme::CAPTION + 1.0), *color);
        let (text, _) = elided(ui, value, text, width - theme::SPACE_2);
        ui.painter().galley(pos2(at + width - text.size().x, y(text.size().y)), text, *color);
        if !value.is_empty() {
            words.push_str(", ");
            words.push_str(value);
        }
        at += width;
    }
    let role = if sense.senses_click() { Role::Button } else { Role::Label };
    response.widget_info(|| WidgetInfo::labeled(role, true, &words));
    focus_ring(ui, &response, theme::CONTROL_RADIUS);
    response
}

fn usage(ui: &mut Ui, usage: &UsageRow) {
    let colors = palette(ui);
    let [input, cached, output] = &usage.tokens;
    let name = if usage.purpose.is_empty() {
        usage.model.clone()
    } else {
        format!("{} · {}", usage.model, usage.purpose)
    };
    let [input, cached, output] =
        [format!("{input} in"), format!("{cached} cached"), format!("{output} out")];
    let columns = Columns {
        name: &name,
        name_color: colors.foreground,
        values: &[
            (&input, colors.muted),
            (&cached, colors.muted),
            (&output, colors.muted),
            (&usage.cost, colors.foreground),
        ],
        widths: &[84.0, 104.0, 84.0, 76.0],
        part: 0.0,
    };
    row(ui, &columns, Sense::hover());
}

fn tool(ui: &mut Ui, tool: &ToolRow) {
    let colors = palette(ui);
    let columns = Columns {
        name: &tool.name,
        name_color: colors.foreground,
        values: &[
            (&tool.calls, colors.muted),
            (&tool.failed, colors.failed),
            (&tool.time, colors.foreground),
        ],
        widths: &[56.0, 72.0, 84.0],
        part: tool.part,
    };
    let response = row(ui, &columns, Sense::hover());
    if !tool.each.is_empty() {
        response.on_hover_text(&tool.each);
    }
}

fn hook(ui: &mut Ui, hook: &HookRow) {
    let colors = palette(ui);
    let columns = Columns {
        name: &hook.name,
        name_color: colors.foreground,
        values: &[(&hook.runs, colors.muted), (&hook.time, colors.foreground)],
        widths: &[110.0, 84.0],
        part: hook.part,
    };
    row(ui, &columns, Sense::hover());
}

fn span(ui: &mut Ui, bar: &SpanBar) {
    let colors = palette(ui);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 20.0), Sense::hover());
    let names = (rect.width() * 0.34).clamp(90.0, 240.0);
    let name = if bar.name.is_empty() || bar.name == bar.kind {
        bar.kind.clone()
    } else {
        format!("{} {}", bar.kind, bar.name)
    };
    let color = if bar.failed { colors.failed } else { colors.foreground };
    let (text, _) = elided(ui, &name, format(theme::regular(theme::CAPTION), color), names - theme::SPACE_2);
    ui.painter().galley(pos2(rect.left() + 6.0, rect.center().y - text.size().y / 2.0), text, color);
    let room = rect.width() - names - 64.0;
    let (from, to) = bar.range;
    let left = rect.left() + names + room * from;
    let width = (room * (to - from)).max(2.0);
    let fill = match bar.kind.as_str() {
        _ if bar.failed => colors.failed,
        "request" => colors.primary,
        "tool" => colors.lane(0),
        "hook" => colors.lane(4),
        _ => colors.border,
    };
    let drawn = Rect::from_min_size(pos2(left, rect.top() + 5.0), vec2(width, 10.0));
    ui.painter().rect_filled(drawn, theme::CONTROL_RADIUS, fill);
    let (took, _) = elided(ui, &bar.took, format(theme::regular(theme::CAPTION), colors.muted), 60.0);
    let at = pos2(rect.right() - took.size().x, rect.center().y - took.size().y / 2.0);
    ui.painter().galley(at, took, colors.muted);
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, format!("{name}, {}", bar.took)));
}

fn prompt(ui: &mut Ui, prompt: &PromptRow, clock: &Clock, actions: &mut Actions) {
    let colors = palette(ui);
    let name = match &prompt.text {
        Some(text) => format!("{}  {text}", clock.time_of_day(prompt.at_ms)),
        None => format!("{}  {}", clock.time_of_day(prompt.at_ms), prompt.what),
    };
    let columns = Columns {
        name: &name,
        name_color: if prompt.failed { colors.failed } else { colors.foreground },
        values: &[(&prompt.cost, colors.foreground)],
        widths: &[76.0],
        part: 0.0,
    };
    let response = row(ui, &columns, Sense::click());
    if response.on_hover_text(format!("{}\nShow it in the timeline", prompt.what)).clicked() {
        actions.push(Action::ShowPane(SessionPane::Timeline));
        actions.push(Action::ShowTime(prompt.at_ms));
    }
}

fn session(ui: &mut Ui, session: &SessionRow, clock: &Clock, actions: &mut Actions) {
    let colors = palette(ui);
    let [input, output] = &session.tokens;
    let (input, output, age) =
        (format!("{input} in"), format!("{output} out"), clock.age(session.updated_ms));
    let name = format!("{}   {}", session.title, session.agent);
    let columns = Columns {
        name: &name,
        name_color: colors.foreground,
        values: &[
            (&age, colors.muted),
            (&input, colors.muted),
            (&output, colors.muted),
            (&session.cost, colors.foreground),
        ],
        widths: &[48.0, 84.0, 84.0, 76.0],
        part: 0.0,
    };
    let sense = if session.session.is_some() { Sense::click() } else { Sense::hover() };
    if row(ui, &columns, sense).clicked()
        && let Some(id) = session.session
    {
        actions.push(Action::Select(id));
        actions.push(Action::ShowPane(SessionPane::Metrics));
    }
}
