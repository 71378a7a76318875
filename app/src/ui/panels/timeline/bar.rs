//! Over the timeline: which kinds are shown, finding, copying.

use super::TimelinePanel;
use super::kind::Kind;
use crate::ui::action::{Action, Actions};
use crate::ui::command::UiCommand;
use crate::ui::icon::{self, Lucide};
use crate::ui::seen::Seen;
use crate::ui::theme::{self, palette};
use crate::ui::widgets::{button::Button, caption, select_all};
use eframe::egui::{self, Align, Frame, Key, Layout, Margin, Panel, ScrollArea, Sense, Ui, vec2};

/// Draws the bar.
pub fn bar_ui(ui: &mut Ui, panel: &mut TimelinePanel, actions: &mut Actions) {
    panel.bar = Seen::drawn();
    let colors = palette(ui);
    let frame =
        Frame::new().fill(colors.background).inner_margin(Margin { left: 12, right: 8, top: 0, bottom: 4 });
    Panel::top("timeline bar").exact_size(theme::ROW + 4.0).resizable(false).frame(frame).show(ui, |ui| {
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.spacing_mut().item_spacing.x = 2.0;
            let copy = Button::icon(Lucide::ClipboardCopy, "Copy what is shown as Markdown");
            if copy.name("Copy timeline as Markdown").show(ui).clicked() {
                actions.push(Action::Copy { text: panel.as_markdown(), what: "Timeline" });
            }
            let finding = panel.find.open;
            let find = Button::icon(Lucide::Search, "Find in the timeline (Ctrl+F)").selected(finding);
            if find.name("Find in timeline").show(ui).clicked() {
                actions.push(if finding { Action::StopFind } else { Action::Run(UiCommand::Find) });
            }
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                if finding { find_ui(ui, panel, actions) } else { kinds_ui(ui, panel, actions) }
            });
        });
    });
}

/// One chip for each kind that there is. A narrow bar scrolls sideways.
fn kinds_ui(ui: &mut Ui, panel: &TimelinePanel, actions: &mut Actions) {
    ScrollArea::horizontal()
        .id_salt("kinds")
        .scroll_bar_visibility(egui::scroll_area::ScrollBarVisibility::AlwaysHidden)
        .show(ui, |ui| {
            ui.spacing_mut().item_spacing.x = 2.0;
            let only = &panel.shown.only;
            let all = Button::new("All").quiet().selected(only.is_empty());
            if all.name("Show all entries").show(ui).clicked() {
                actions.push(Action::ShowKind(None));
            }
            for (kind, count) in Kind::ALL.into_iter().zip(panel.counts) {
                if count == 0 && !only.contains(&kind) {
                    continue;
                }
                let chip = Button::new(kind.as_str()).quiet().selected(only.contains(&kind));
                let name = format!("{}: {count}", kind.as_str());
                let tip = if count == 1 { "1 entry".to_owned() } else { format!("{count} entries") };
                if chip.name(name).show(ui).on_hover_text(tip).clicked() {
                    actions.push(Action::ShowKind(Some(kind)));
                }
            }
        });
}

fn find_ui(ui: &mut Ui, panel: &mut TimelinePanel, actions: &mut Actions) {
    let colors = palette(ui);
    let id = egui::Id::unique("find in timeline");
    let find = &mut panel.find;
    if std::mem::take(&mut find.wants_focus) {
        ui.memory_mut(|memory| memory.request_focus(id));
        // What was typed before is written over.
        select_all(ui, id, &find.text);
    }
    let focused = ui.memory(|memory| memory.has_focus(id));
    let width = (ui.available_width() - 200.0).clamp(80.0, 320.0);
    let (rect, _) = ui.allocate_exact_size(vec2(width, theme::ROW), Sense::hover());
    let line = if focused { colors.ring() } else { colors.line() };
    ui.painter().rect(rect, theme::CONTROL_RADIUS, colors.code, line, egui::StrokeKind::Inside);
    let square = egui::Rect::from_min_size(rect.left_top() + vec2(8.0, 7.0), vec2(14.0, 14.0));
    icon::paint(ui.painter(), square, Lucide::Search, 13.0, colors.muted);
    let mut inner = rect.shrink2(vec2(4.0, 0.0));
    inner.min.x = rect.left() + 28.0;
    // Enter goes on, and the field keeps the keyboard; Escape closes it. Both are read before the field eats them.
    let (next, before, escape) = ui.input_mut(|input| {
        let typed =
            |input: &mut egui::InputState, modifiers, key| focused && input.consume_key(modifiers, key);
        let before = typed(input, egui::Modifiers::SHIFT, Key::Enter);
        (
            typed(input, egui::Modifiers::NONE, Key::Enter),
            before,
            typed(input, egui::Modifiers::NONE, Key::Escape),
        )
    });
    let edit = egui::TextEdit::singleline(&mut find.text)
        .id(id)
        .frame(Frame::NONE)
        .hint_text("Find in timeline")
        .margin(Margin::ZERO)
        .align(egui::Align2::LEFT_CENTER)
        .min_size(inner.size())
        .desired_width(inner.width());
    ui.put(inner, edit).accessible_name("Find in timeline");
    let (at, all) = find.count();
    let words = match (at, all, find.text.trim().is_empty()) {
        (_, _, true) => String::new(),
        (_, 0, _) => "Not found".to_owned(),
        (Some(at), all, _) => format!("{at} of {all}"),
        (None, 1, _) => "1 entry".to_owned(),
        (None, all, _) => format!("{all} entries"),
    };
    // Room of its own: the buttons do not move while one types.
    ui.allocate_ui_with_layout(vec2(84.0, theme::ROW), Layout::left_to_right(Align::Center), |ui| {
        ui.set_width(84.0);
        ui.add_space(theme::SPACE_2);
        caption(ui, words);
    });
    let why = (all == 0).then_some("Nothing was found");
    let above = Button::icon(Lucide::ChevronUp, "The one before (Shift+F3)").disabled(why);
    if above.name("Find the one before").show(ui).clicked() || before {
        actions.push(Action::Run(UiCommand::FindBefore));
    }
    let below = Button::icon(Lucide::ChevronDown, "The next one (F3)").disabled(why);
    if below.name("Find the next one").show(ui).clicked() || next {
        actions.push(Action::Run(UiCommand::FindNext));
    }
    let close = Button::icon(Lucide::X, "Close (Esc)").name("Close finding");
    if close.show(ui).clicked() || escape {
        actions.push(Action::StopFind);
    }
}
