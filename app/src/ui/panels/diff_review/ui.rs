//! Drawing the review of a change.

use super::data::{Open, ReviewPanel, Verdict};
use super::rows::{HEAD, Row};
use crate::ui::action::{Action, Actions};
use crate::ui::icon::{self, Lucide};
use crate::ui::panels::card::ARM_S;
use crate::ui::theme::{self, palette};
use crate::ui::widgets::code::{self, Shape};
use crate::ui::widgets::{button::Button, caption};
use eframe::egui::{
    self, Align, CentralPanel, Color32, Frame, Key, Label, Layout, Margin, Modifiers, Panel, Rect, RichText,
    ScrollArea, Sense, TextEdit, Ui, UiBuilder, pos2, vec2,
};
use magia_core::snapshot::RequestView;
use magia_protocol::wire::Risk;
use magia_protocol::wire::info::Decision;

/// Draws the open review in the place of its session's timeline.
pub fn review_ui(ui: &mut Ui, panel: &mut ReviewPanel, view: &RequestView, actions: &mut Actions) {
    let Some(open) = panel.open_mut() else { return };
    let colors = palette(ui);
    let bar = Margin { left: 16, right: 12, top: 0, bottom: 0 };
    let frame = Frame::new().fill(colors.background).inner_margin(bar);
    Panel::top("review head").exact_size(theme::BAR + 8.0).resizable(false).frame(frame).show(ui, |ui| {
        ui.horizontal_centered(|ui| head(ui, open, actions));
    });
    Panel::bottom("review answers").exact_size(theme::BAR + 16.0).resizable(false).frame(frame).show(
        ui,
        |ui| {
            ui.horizontal_centered(|ui| answers(ui, open, view, actions));
        },
    );
    let body = Frame::new().fill(colors.code);
    CentralPanel::default().frame(body).show(ui, |ui| {
        if open.editing.is_some() {
            editor(ui, open);
        } else {
            change(ui, open);
        }
    });
}

fn head(ui: &mut Ui, open: &mut Open, actions: &mut Actions) {
    let colors = palette(ui);
    let back = Button::icon(Lucide::ArrowLeft, "Back to the timeline; the change goes on waiting (Esc)");
    if back.name("Back to the timeline").show(ui).clicked() {
        actions.push(Action::LeaveReview);
    }
    ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
        ui.spacing_mut().item_spacing.x = 4.0;
        let close = Button::icon(Lucide::X, "Close the change, which refuses it");
        if close.name("Close and reject").show(ui).clicked() {
            actions.push(Action::decide(open.request, Decision::Deny));
        }
        if open.editing.is_none() {
            let edit = Button::new("Edit").quiet().with_icon(Lucide::Pencil).name("Edit the change");
            if edit.tip("Edit before accepting").show(ui).clicked() {
                open.editing = Some(open.new_text().to_owned());
            }
            ui.scope(|ui| {
                let room = ui.ctx().content_rect().width();
                code::switch(ui, &open.data.review.lines, room);
            });
            if open.keep.len() > 1 {
                step(ui, open);
            }
        }
        ui.add_space(theme::SPACE_2);
        ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
            ui.spacing_mut().item_spacing.x = 0.0;
            let counts = 110.0;
            let room = (ui.available_width() - counts).max(60.0);
            ui.scope(|ui| {
                ui.set_max_width(room);
                let mut job = egui::text::LayoutJob::default();
                let format = |color: Color32| egui::TextFormat {
                    font_id: theme::mono(theme::UI),
                    color,
                    ..egui::TextFormat::default()
                };
                job.append(&open.data.directory, 0.0, format(colors.muted));
                job.append(&open.data.file, 0.0, format(colors.foreground));
                ui.add(Label::new(job).truncate());
            });
            ui.add_space(theme::SPACE_3);
            ui.label(RichText::new(format!("+{}", open.data.added)).color(colors.done));
            ui.add_space(6.0);
            ui.label(RichText::new(format!("-{}", open.data.removed)).color(colors.failed));
        });
    });
}

/// To the hunk below and above; drawn from right to left.
fn step(ui: &mut Ui, open: &mut Open) {
    let last = open.keep.len() - 1;
    let down = Button::icon(Lucide::ChevronDown, "Next hunk").name("Next hunk");
    if down.disabled((open.at >= last).then_some("This is the last hunk")).show(ui).clicked() {
        open.at += 1;
        open.reveal = Some(open.at);
    }
    let up = Button::icon(Lucide::ChevronUp, "Hunk before").name("Hunk before");
    if up.disabled((open.at == 0).then_some("This is the first hunk")).show(ui).clicked() {
        open.at -= 1;
        open.reveal = Some(open.at);
    }
}

fn answers(ui: &mut Ui, open: &mut Open, view: &RequestView, actions: &mut Actions) {
    let colors = palette(ui);
    let high = view.info.risk == Risk::High;
    ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
        ui.spacing_mut().item_spacing.x = theme::SPACE_2;
        if open.editing.is_some() {
            let send = ui.input_mut(|input| input.consume_key(Modifiers::COMMAND, Key::Enter));
            if Button::new("Use this text").main().key("Ctrl+Enter").show(ui).clicked() || send {
                open.finish_editing();
            }
            if Button::new("Cancel").show(ui).clicked() {
                open.editing = None;
            }
            return;
        }
        let (kept, all) = (open.kept(), open.keep.len());
        let nothing = (all > 0 && kept == 0).then_some("No hunk is left to accept: reject it instead");
        let label = match (kept == all, open.edited.is_some()) {
            (false, _) => format!("Accept {kept} of {all} hunks"),
            (true, true) => "Accept edited".to_owned(),
            (true, false) => "Accept".to_owned(),
        };
        let mut accept = Button::new(&label).disabled(nothing).name(format!("{label}: {}", open.data.file));
        if nothing.is_none() {
            accept = accept.main();
        }
        // A yes to high risk is never one key away.
        let key = !high && nothing.is_none();
        if key {
            accept = accept.key("Ctrl+Enter");
        }
        // What was typed for what stood here before must not answer this.
        let now_s = ui.input(|input| input.time);
        let armed = now_s - *open.since_s.get_or_insert(now_s) >= ARM_S;
        let typed = key && ui.input_mut(|input| input.consume_key(Modifiers::COMMAND, Key::Enter));
        if accept.show(ui).clicked() || (typed && armed) {
            match open.verdict() {
                Verdict::Whole => actions.push(Action::decide(open.request, Decision::Allow)),
                Verdict::With(contents) => actions.push(Action::allow_contents(open.request, contents)),
                Verdict::Nothing => {}
            }
        }
        let reject = Button::new("Reject").name(format!("Reject {}", open.data.file));
        if reject.show(ui).clicked() {
            actions.push(Action::decide(open.request, Decision::Deny));
        }
        let terminal = Button::new("Answer in terminal").quiet().with_icon(Lucide::Terminal);
        if terminal.tip("Takes no part: the agent's own dialog decides").show(ui).clicked() {
            actions.push(Action::decide(open.request, Decision::None));
        }
        ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
            if high {
                let (rect, _) = ui.allocate_exact_size(vec2(14.0, theme::ROW), Sense::hover());
                icon::paint(ui.painter(), rect, Lucide::TriangleAlert, 13.0, colors.failed);
                let reasons = view.info.risk_reasons.join(", ");
                let text = RichText::new(format!("High risk: {reasons}")).color(colors.failed);
                ui.add(Label::new(text).truncate());
            } else if let Some(note) = open.data.note {
                ui.add(Label::new(RichText::new(note).color(colors.muted)).truncate());
            } else {
                let hunks = match (all, kept == all) {
                    (1, true) => "1 hunk".to_owned(),
                    (all, true) => format!("{all} hunks"),
                    (all, false) => format!("{kept} of {all} hunks"),
                };
                let edited = if open.edited.is_some() { ", edited by you" } else { "" };
                caption(ui, format!("{hunks}{edited}; the agent waits in its terminal, too"));
            }
        });
    });
}

fn editor(ui: &mut Ui, open: &mut Open) {
    let Some(text) = &mut open.editing else { return };
    ScrollArea::both().auto_shrink(false).show(ui, |ui| {
        let edit = TextEdit::multiline(text)
            .font(theme::mono(theme::CODE))
            .frame(Frame::NONE)
            .margin(Margin::symmetric(16, 10))
            .desired_width(f32::INFINITY)
            .desired_rows(8)
            .lock_focus(true);
        ui.add(edit).accessible_name("New text of the file");
    });
}

fn change(ui: &mut Ui, open: &mut Open) {
    let colors = palette(ui);
    let width = ui.available_width() - 10.0;
    let split = code::is_split(ui.ctx()) && width >= code::SPLIT_WIDTH && open.data.removed > 0;
    let Open { data, rows, keep, unfolded, reveal, at, diff, .. } = open;
    let shape = Shape::new(&data.view, "", colors).even();
    rows.refresh(data, &shape, unfolded, split, width);
    let choice = diff.old.is_some() && keep.len() > 1;
    let mut area = ScrollArea::vertical().auto_shrink(false);
    if let Some(top) = reveal.take().and_then(|hunk| rows.head(hunk)) {
        area = area.vertical_scroll_offset(top);
    }
    area.show_viewport(ui, |ui, viewport| {
        ui.set_height(rows.height());
        ui.set_width(width);
        let origin = ui.min_rect().min;
        let mut first_head = None;
        let mut toggled = None;
        let mut shown = None;
        for (row, place) in rows.between(viewport.min.y, viewport.max.y) {
            let rect = Rect::from_min_max(
                pos2(origin.x, origin.y + place.start),
                pos2(origin.x + width, origin.y + place.end),
            );
            match row {
                Row::Head(hunk) => {
                    first_head.get_or_insert(hunk);
                    let told = data.review.hunks.get(hunk).copied().unwrap_or_default();
                    let kept = keep.get(hunk).copied().unwrap_or(true);
                    if hunk_head(ui, rect, (hunk, keep.len()), told, choice.then_some(kept)) {
                        toggled = Some(hunk);
                    }
                }
                Row::Fold(section, lines) => {
                    if fold(ui, rect, section, lines) {
                        shown = Some(section);
                    }
                }
                Row::Line(line, hunk) => {
                    let mut inside = ui.new_child(UiBuilder::new().max_rect(rect));
                    shape.line(&mut inside, line);
                    veil(ui, rect, hunk, keep);
                }
                Row::Pair((old, new), hunk) => {
                    let mut inside = ui.new_child(UiBuilder::new().max_rect(rect));
                    shape.pair(&mut inside, old, new);
                    veil(ui, rect, hunk, keep);
                }
            }
        }
        if let Some(kept) = toggled.and_then(|hunk| keep.get_mut(hunk)) {
            *kept = !*kept;
        }
        unfolded.extend(shown);
        *at = first_head.unwrap_or(*at);
    });
}

/// Lines of a hunk that is left out stand back.
fn veil(ui: &Ui, rect: Rect, hunk: Option<usize>, keep: &[bool]) {
    let left_out = hunk.is_some_and(|hunk| !keep.get(hunk).copied().unwrap_or(true));
    if left_out {
        ui.painter().rect_filled(rect, 0, palette(ui).code.gamma_multiply(0.72));
    }
}

/// The head of a hunk; whether its box was ticked or cleared.
fn hunk_head(
    ui: &mut Ui,
    rect: Rect,
    (hunk, all): (usize, usize),
    told: magia_core::ide::Hunk,
    kept: Option<bool>,
) -> bool {
    let colors = palette(ui);
    let bar = Rect::from_min_max(pos2(rect.left(), rect.bottom() - HEAD + 4.0), rect.max);
    ui.painter().rect_filled(bar, 0, colors.card);
    ui.painter().hline(bar.x_range(), bar.top(), colors.line());
    let inner = bar.shrink2(vec2(12.0, 0.0));
    let mut inside =
        ui.new_child(UiBuilder::new().max_rect(inner).layout(Layout::left_to_right(Align::Center)));
    let ui = &mut inside;
    ui.spacing_mut().interact_size.y = 20.0;
    ui.spacing_mut().item_spacing.x = theme::SPACE_3;
    let lines = match (told.first, told.last) {
        (first, last) if first >= last => format!("line {first}"),
        (first, last) => format!("lines {first} to {last}"),
    };
    let title = format!("Hunk {} of {all}", hunk + 1);
    let mut toggled = false;
    match kept {
        Some(kept) => {
            let boxes = &mut ui.visuals_mut().widgets;
            boxes.inactive.bg_stroke = egui::Stroke::new(1.0, colors.muted);
            boxes.inactive.bg_fill = colors.background;
            let ticked = ui.checkbox(&mut kept.clone(), RichText::new(&title).color(colors.foreground));
            toggled = ticked.on_hover_text("Only ticked hunks are accepted").clicked();
        }
        None => {
            ui.label(RichText::new(title).color(colors.foreground));
        }
    }
    caption(ui, lines);
    let small = |text: String, color: Color32| {
        Label::new(RichText::new(text).font(theme::regular(theme::CAPTION)).color(color))
    };
    ui.spacing_mut().item_spacing.x = 6.0;
    if told.added > 0 {
        ui.add(small(format!("+{}", told.added), colors.done));
    }
    if told.removed > 0 {
        ui.add(small(format!("-{}", told.removed), colors.failed));
    }
    toggled
}

/// Lines that stay, folded away; whether they are wanted.
fn fold(ui: &mut Ui, rect: Rect, section: usize, lines: usize) -> bool {
    let colors = palette(ui);
    let response = ui.interact(rect, ui.scope_id().with(("fold", section)), Sense::click());
    let noun = if lines == 1 { "line" } else { "lines" };
    let words = format!("{lines} unchanged {noun}");
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, format!("Show {words}")));
    let hot = response.hovered() || response.has_focus();
    if hot {
        ui.painter().rect_filled(rect, 0, colors.hover);
    }
    let square = Rect::from_center_size(pos2(rect.left() + 22.0, rect.center().y), vec2(14.0, 14.0));
    icon::paint(ui.painter(), square, Lucide::ChevronRight, 12.0, colors.muted);
    let ink = if hot { colors.foreground } else { colors.muted };
    let galley = ui.painter().layout_no_wrap(words, theme::regular(theme::CAPTION), ink);
    ui.painter().galley(pos2(rect.left() + 36.0, rect.center().y - galley.size().y / 2.0), galley, ink);
    response.clicked()
}
