//! Drawing a timeline: visible entries only, following its end until the user scrolls.

use super::TimelinePanel;
use super::bar::bar_ui;
use super::data::{Entry, Row};
use super::entry::{GUTTER, INDENT, TIME, Tools, entry_ui};
use super::whole::to_markdown;
use crate::ui::action::{Action, Actions};
use crate::ui::clock::Clock;
use crate::ui::icon::{self, Lucide};
use crate::ui::panels::card::Cards;
use crate::ui::theme::{self, palette};
use crate::ui::widgets::{button::Button, caption, code};
use eframe::egui::{self, Area, Id, Order, Rect, ScrollArea, Ui, UiBuilder, pos2, vec2};
use magia_core::subject::Subject;
use magia_protocol::wire::SessionId;

/// Draws the timeline.
pub fn timeline_ui(
    ui: &mut Ui,
    clock: &Clock,
    panel: &mut TimelinePanel,
    cards: &mut Cards,
    actions: &mut Actions,
) {
    if panel.data.rows.is_empty() {
        let words = if panel.data.loading { "Reading what was stored" } else { "Nothing happened here yet" };
        return said(ui, words);
    }
    bar_ui(ui, panel, actions);
    let width = ui.available_width();
    panel.place.at_width(width);
    if panel.find.look(&panel.data.rows, &panel.visible) {
        ui.ctx().request_repaint_after_secs(0.001);
    }
    if panel.visible.is_empty() {
        return said(ui, "No entries of these kinds");
    }
    let column = column(width);
    let margin = margin(width, column);
    let all = std::mem::take(&mut panel.data.rows);
    let rows: Vec<&Row> = panel.visible.iter().filter_map(|at| all.get(*at)).collect();
    panel.place.know_heights(rows.iter().copied(), column);
    let total: f32 = panel.place.heights.iter().sum::<f32>() + theme::SPACE_4 * 2.0;

    let mut area = ScrollArea::vertical().id_salt(("timeline", panel.data.session)).auto_shrink(false);
    if let Some(offset) = panel.place.wanted_offset(&rows, total, ui.available_height()) {
        area = area.vertical_scroll_offset(offset.max(0.0));
    }
    let output = area.show_viewport(ui, |ui, viewport| {
        ui.set_width(ui.available_width());
        ui.set_height(total);
        let mut drawn = Drawn {
            viewport,
            origin: ui.max_rect().min,
            session: panel.data.session,
            time: time_width(width),
            margin,
            column,
            widest: (width - margin - time_width(width) - GUTTER - theme::SPACE_2).max(column),
            shift: 0.0,
            changed: false,
        };
        let needle = panel.find.needle().to_owned();
        let waiting = &panel.data.waiting;
        let mut y = theme::SPACE_4;
        for (row, known) in rows.iter().zip(&mut panel.place.heights) {
            let height = *known;
            if y > viewport.max.y + 200.0 {
                break;
            }
            if y + height >= viewport.min.y - 200.0 {
                let folded = row.agent.as_ref().is_some_and(|agent| panel.shown.folded.contains(agent));
                let mut tools = Tools {
                    clock,
                    cards: &mut *cards,
                    markdown: &mut panel.markdown,
                    actions: &mut *actions,
                    needle: &needle,
                    folded,
                    waits: waiting.contains(&row.key),
                    usage: row.turn().and_then(|turn| panel.usage.of.get(turn)).map(String::as_str),
                };
                let state = RowState {
                    open: panel.open.contains(&row.key),
                    found: panel.find.is_hit(row.key),
                    current: panel.find.open && panel.find.current() == Some(row.key),
                };
                let measured = drawn.row(ui, row, y, height, state, &mut tools);
                if measured != height {
                    *known = measured;
                }
                panel.place.measured.insert(row.key, measured);
            }
            y += height;
        }
        drawn
    });
    let drawn = output.inner;
    let room = output.inner_rect.height();
    let most = (total - room).max(0.0);
    let place = &mut panel.place;
    place.settle(output.state.clamped_offset().y, most, drawn.changed);
    if place.away && drawn.shift != 0.0 {
        place.correct = drawn.shift;
    }
    if drawn.changed {
        ui.ctx().request_discard("heights of timeline entries");
        ui.ctx().request_repaint_after_secs(0.001);
    }
    if !place.away {
        place.last_seen = rows.last().map(|row| row.key);
    }
    if place.away {
        let below = place.offset + room;
        let waits =
            |row: &Row| matches!(row.entry.as_ref(), Entry::Card(view) if crate::ui::state::is_open(view));
        let hidden_card = rows.iter().zip(place.tops()).any(|(row, top)| top > below && waits(row));
        let seen = rows.iter().rposition(|row| Some(row.key) == place.last_seen);
        let new = seen.map_or(0, |at| rows.len() - at - 1);
        let rect = output.inner_rect;
        let left = rect.left() + margin + time_width(width) + GUTTER;
        let over = Rect::from_x_y_ranges(left..=left + column, rect.y_range());
        to_end(ui, over, hidden_card, new, actions);
    }
    panel.data.rows = all;
}

fn said(ui: &mut Ui, words: &str) {
    ui.add_space(theme::SPACE_6);
    ui.vertical_centered(|ui| caption(ui, words));
}

/// How a row stands this frame.
#[derive(Clone, Copy)]
struct RowState {
    open: bool,
    found: bool,
    current: bool,
}

/// Width of the column with the time of day; a narrow timeline has none.
const fn time_width(width: f32) -> f32 {
    if width < 420.0 { 0.0 } else { TIME }
}

/// Width of the content of a row.
fn column(width: f32) -> f32 {
    (width - time_width(width) - GUTTER - theme::SPACE_4 - theme::SPACE_6).clamp(160.0, theme::READING)
}

/// A timeline that is wider stands in the middle; a narrower one leaves its room to what is wide, such as old beside new.
const CENTRED: f32 = 1_400.0;

/// Room before the rows.
fn margin(width: f32, column: f32) -> f32 {
    if width < CENTRED {
        return theme::SPACE_4;
    }
    ((width - time_width(width) - GUTTER - column) / 2.0).max(theme::SPACE_4)
}

struct Drawn {
    viewport: Rect,
    origin: egui::Pos2,
    session: Option<SessionId>,
    time: f32,
    margin: f32,
    column: f32,
    /// Room for what is wider than text: old beside new.
    widest: f32,
    /// How much the rows above the viewport grew: the scroll follows, so that nothing moves under the eye.
    shift: f32,
    changed: bool,
}

impl Drawn {
    fn row(
        &mut self,
        ui: &mut Ui,
        row: &Row,
        y: f32,
        height: f32,
        state: RowState,
        tools: &mut Tools<'_>,
    ) -> f32 {
        let colors = palette(ui);
        let left = self.origin.x + self.margin;
        let top = self.origin.y + y;
        let indent = row.lane.map_or(0.0, |lane| (f32::from(lane.slot) + 1.0) * INDENT);
        let wide = match row.entry.as_ref() {
            Entry::Tool(tool) if state.open => wants_room(ui, &tool.item.subject),
            Entry::Card(view) => wants_room(ui, &view.subject),
            _ => false,
        };
        let width = if wide { self.widest } else { self.column };
        let content = Rect::from_min_size(
            pos2(left + self.time + GUTTER + indent, top),
            vec2(width - indent, height.max(1.0)),
        );
        self.ground(ui, row, content, indent, state, tools);
        let inner = ui.scope_builder(
            UiBuilder::new()
                .scope_id(Id::unique(("timeline row", self.session, row.key)))
                .max_rect(content)
                .layout(egui::Layout::top_down(egui::Align::Min)),
            |ui| {
                ui.spacing_mut().item_spacing.y = 0.0;
                ui.set_width(content.width());
                entry_ui(ui, row, state.open, tools);
            },
        );
        let measured = inner.response.rect.height().max(theme::ROW);
        if (measured - height).abs() > 0.5 {
            self.changed = true;
            if y < self.viewport.min.y {
                self.shift += measured - height;
            }
        }
        let first_line = top
            + match row.entry.as_ref() {
                Entry::Prompt(_) => theme::SPACE_2 + 17.0,
                Entry::Card(_) => theme::SPACE_1 + 22.0,
                _ => 14.0,
            };
        let gutter = pos2(left + self.time + GUTTER / 2.0 - 6.0, first_line);
        who(ui, row, gutter);
        if let Some(lane) = row.lane {
            let x = left + self.time + GUTTER + INDENT / 2.0 - 4.0;
            for (slot, color) in lane.colors.iter().enumerate() {
                if let Some(color) = color {
                    let x = x + slot as f32 * INDENT;
                    let color = colors.lane(*color);
                    let starts = lane.entries.is_some() && slot == usize::from(lane.slot);
                    let from = if starts { first_line } else { top };
                    ui.painter().vline(x, from..=top + measured, egui::Stroke::new(2.0, color));
                    if starts {
                        ui.painter().circle_filled(pos2(x, from), 3.5, color);
                    }
                }
            }
        }
        if self.time == 0.0 {
            return measured;
        }
        let time = tools.clock.time_of_day(row.at_ms);
        let time = ui.painter().layout_no_wrap(time, theme::regular(theme::CAPTION), colors.muted);
        let size = time.size();
        let time_rect = Rect::from_min_size(pos2(left, first_line - size.y / 2.0), size);
        ui.painter().galley(time_rect.min, time, colors.muted);
        if ui.rect_contains_pointer(time_rect.expand(4.0)) {
            let id = ui.make_persistent_id(("time", row.key));
            ui.interact(time_rect.expand(4.0), id, egui::Sense::hover())
                .on_hover_text(tools.clock.exact(row.at_ms));
        }
        measured
    }

    /// Behind a row: whether it was found, and the menu that copies it. It takes no focus; what is on it does.
    fn ground(
        &self,
        ui: &mut Ui,
        row: &Row,
        content: Rect,
        indent: f32,
        state: RowState,
        tools: &mut Tools<'_>,
    ) {
        let colors = palette(ui);
        if state.found {
            let mut ground = content.expand2(vec2(theme::SPACE_2, 0.0));
            ground.min.x -= GUTTER + indent;
            if state.current {
                ui.painter().rect_filled(ground, theme::CONTROL_RADIUS, colors.selected);
            }
            let bar = Rect::from_min_size(ground.min, vec2(2.0, ground.height()));
            ui.painter().rect_filled(bar, 0.0, colors.primary);
        }
        let id = Id::unique(("ground", self.session, row.key));
        let response = ui.interact(content, id, egui::Sense::CLICK);
        response.context_menu(|ui| {
            ui.set_min_width(160.0);
            for (label, text) in
                [("Copy", Row::copy_text as fn(&Row) -> String), ("Copy as Markdown", markdown_of)]
            {
                let entry =
                    egui::Button::new(label).frame_when_inactive(false).min_size(vec2(160.0, theme::ROW));
                if ui.add(entry).clicked() {
                    tools.actions.push(Action::Copy { text: text(row), what: "Entry" });
                    ui.close();
                }
            }
        });
    }
}

fn markdown_of(row: &Row) -> String {
    to_markdown(std::iter::once(row))
}

fn wants_room(ui: &Ui, subject: &Subject) -> bool {
    matches!(subject, Subject::Edit { diff, .. } if code::wants_room(ui.ctx(), diff))
}

/// Who speaks, in the gutter.
fn who(ui: &Ui, row: &Row, center: egui::Pos2) {
    let colors = palette(ui);
    let icon = match row.entry.as_ref() {
        Entry::Prompt(_) => Some((Lucide::User, colors.foreground)),
        Entry::Message(_) => Some((Lucide::Sparkle, colors.primary)),
        Entry::Subagent { .. } => Some((Lucide::Bot, colors.muted)),
        _ => None,
    };
    if let Some((icon, color)) = icon {
        icon::paint(ui.painter(), Rect::from_center_size(center, vec2(14.0, 14.0)), icon, 14.0, color);
    }
}

/// The way back to the end: says when a request waits there.
fn to_end(ui: &Ui, rect: Rect, request: bool, new: usize, actions: &mut Actions) {
    let at = pos2(rect.center().x, rect.bottom() - theme::SPACE_3);
    Area::new(Id::unique("to the end"))
        .order(Order::Middle)
        .fixed_pos(at)
        .pivot(egui::Align2::CENTER_BOTTOM)
        .fade_in(false)
        .constrain_to(rect)
        .show(ui.ctx(), |ui| {
            let colors = palette(ui);
            egui::Frame::new()
                .fill(colors.popover)
                .stroke(egui::Stroke::new(1.0, if request { colors.needs_you } else { colors.border }))
                .corner_radius(theme::CARD_RADIUS)
                .shadow(ui.visuals().popup_shadow)
                .show(ui, |ui| {
                    let text = match (request, new) {
                        (true, _) => "A request waits below".to_owned(),
                        (false, 0) => "To the end".to_owned(),
                        (false, new) => format!("To the end · {new} new"),
                    };
                    let button = Button::new(&text).quiet().with_icon(Lucide::ArrowDown);
                    if button.tip("Follows new entries from there (End)").show(ui).clicked() {
                        actions.push(Action::FollowTail);
                    }
                });
        });
}
