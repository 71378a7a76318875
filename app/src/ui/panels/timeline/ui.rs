//! Drawing a timeline: visible entries only, following its end until the user scrolls.

use super::TimelinePanel;
use super::data::{Entry, Row};
use super::entry::{GUTTER, INDENT, TIME, Tools, entry_ui};
use crate::ui::action::{Action, Actions};
use crate::ui::clock::Clock;
use crate::ui::icon::{self, Lucide};
use crate::ui::panels::card::Cards;
use crate::ui::theme::{self, palette};
use crate::ui::widgets::{button::Button, caption};
use eframe::egui::{self, Area, Id, Order, Rect, ScrollArea, Ui, UiBuilder, pos2, vec2};
use magia_protocol::wire::SessionId;

/// How often a frame looks for a card that is to be shown, while heights are still guesses.
const REVEAL_TRIES: u8 = 6;

/// Draws the timeline.
pub fn timeline_ui(
    ui: &mut Ui,
    clock: &Clock,
    panel: &mut TimelinePanel,
    cards: &mut Cards,
    actions: &mut Actions,
) {
    let width = ui.available_width();
    if (panel.width - width).abs() > 0.5 {
        panel.width = width;
        panel.measured.clear();
        panel.heights.clear();
    }
    if panel.data.rows.is_empty() {
        ui.add_space(theme::SPACE_6);
        ui.vertical_centered(|ui| {
            caption(
                ui,
                if panel.data.loading { "Reading what was stored" } else { "Nothing happened here yet" },
            );
        });
        return;
    }
    let column = column(width);
    let rows = std::mem::take(&mut panel.data.rows);
    let mut heights = std::mem::take(&mut panel.heights);
    if heights.len() != rows.len() {
        let known =
            |row: &Row| panel.measured.get(&row.key).copied().unwrap_or_else(|| row.guess_height(column));
        heights = rows.iter().map(known).collect();
    }
    let total: f32 = heights.iter().sum::<f32>() + theme::SPACE_4 * 2.0;

    let mut area = ScrollArea::vertical().id_salt(("timeline", panel.data.session)).auto_shrink(false);
    if let Some(offset) = wanted_offset(panel, &rows, &heights, total, ui.available_height()) {
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
            column,
            shift: 0.0,
            changed: false,
        };

        let mut y = theme::SPACE_4;
        for (row, known) in rows.iter().zip(&mut heights) {
            let height = *known;
            if y + height >= viewport.min.y - 200.0 && y <= viewport.max.y + 200.0 {
                let mut tools = Tools {
                    clock,
                    cards: &mut *cards,
                    markdown: &mut panel.markdown,
                    actions: &mut *actions,
                };
                let open = panel.open.contains(&row.key);
                let measured = drawn.row(ui, row, y, height, open, &mut tools);
                if measured != height {
                    *known = measured;
                }
                panel.measured.insert(row.key, measured);
            }
            y += height;
        }
        drawn
    });
    let drawn = output.inner;
    let most = (total - output.inner_rect.height()).max(0.0);
    panel.offset = output.state.clamped_offset().y.min(most);
    panel.away = panel.offset < most - 2.0;
    if panel.away && drawn.shift != 0.0 {
        panel.correct = drawn.shift;
    }
    if drawn.changed {
        ui.ctx().request_discard("heights of timeline entries");
        ui.ctx().request_repaint_after_secs(0.001);
    }
    let hidden_card = rows.iter().zip(tops(&heights)).any(|(row, top)| {
        matches!(row.entry.as_ref(), Entry::Card(view) if crate::ui::state::is_open(view))
            && top > panel.offset + output.inner_rect.height()
    });
    panel.data.rows = rows;
    panel.heights = heights;
    if panel.away {
        to_end(ui, output.inner_rect, hidden_card, actions);
    }
}

/// Width of the column with the time of day; a narrow timeline has none.
const fn time_width(width: f32) -> f32 {
    if width < 420.0 { 0.0 } else { TIME }
}

/// Width of the content of a row.
fn column(width: f32) -> f32 {
    (width - time_width(width) - GUTTER - theme::SPACE_4 - theme::SPACE_6).clamp(160.0, theme::READING)
}

fn tops(heights: &[f32]) -> impl Iterator<Item = f32> {
    heights.iter().scan(theme::SPACE_4, |y, height| {
        let top = *y;
        *y += height;
        Some(top)
    })
}

/// Where to scroll to, when something other than the wheel says so.
fn wanted_offset(
    panel: &mut TimelinePanel,
    rows: &[Row],
    heights: &[f32],
    total: f32,
    room: f32,
) -> Option<f32> {
    if let Some((request, tries)) = panel.reveal {
        let found =
            rows.iter().zip(heights).zip(tops(heights)).find(
                |((row, _), _)| matches!(row.entry.as_ref(), Entry::Card(view) if view.info.id == request),
            );
        panel.reveal = (tries < REVEAL_TRIES).then_some((request, tries + 1));
        let ((_, height), top) = found?;
        let visible = top >= panel.offset && top + height <= panel.offset + room;
        let wanted = if visible { panel.offset } else { top - ((room - height) / 2.0).max(theme::SPACE_4) };
        return Some(wanted.clamp(0.0, (total - room).max(0.0)));
    }
    if !panel.away {
        panel.correct = 0.0;
        return Some(total - room);
    }
    let correct = std::mem::take(&mut panel.correct);
    (correct != 0.0).then_some(panel.offset + correct)
}

struct Drawn {
    viewport: Rect,
    origin: egui::Pos2,
    session: Option<SessionId>,
    time: f32,
    column: f32,
    /// How much the rows above the viewport grew: the scroll follows, so that nothing moves under the eye.
    shift: f32,
    changed: bool,
}

impl Drawn {
    fn row(&mut self, ui: &mut Ui, row: &Row, y: f32, height: f32, open: bool, tools: &mut Tools<'_>) -> f32 {
        let colors = palette(ui);
        let left = self.origin.x + theme::SPACE_4;
        let top = self.origin.y + y;
        let indent = if row.nested { INDENT } else { 0.0 };
        let content = Rect::from_min_size(
            pos2(left + self.time + GUTTER + indent, top),
            vec2(self.column - indent, height.max(1.0)),
        );
        let inner = ui.scope_builder(
            UiBuilder::new()
                .scope_id(Id::unique(("timeline row", self.session, row.key)))
                .max_rect(content)
                .layout(egui::Layout::top_down(egui::Align::Min)),
            |ui| {
                ui.spacing_mut().item_spacing.y = 0.0;
                ui.set_width(content.width());
                entry_ui(ui, row, open, tools);
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
        if row.nested {
            let x = left + self.time + GUTTER + INDENT / 2.0 - 4.0;
            let line = egui::Stroke::new(2.0, colors.border);
            ui.painter().vline(x, top..=top + measured, line);
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
fn to_end(ui: &Ui, rect: Rect, request: bool, actions: &mut Actions) {
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
                    let text = if request { "A request waits below" } else { "To the end" };
                    let button = Button::new(text).quiet().with_icon(Lucide::ArrowDown);
                    if button.tip("Follows new entries from there (End)").show(ui).clicked() {
                        actions.push(Action::FollowTail);
                    }
                });
        });
}
