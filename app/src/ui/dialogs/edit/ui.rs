//! Drawing the dialog for an edited input.

use super::data::{Edits, Field};
use crate::ui::action::{Action, Actions};
use crate::ui::dialogs::button_row;
use crate::ui::icon::{self, Lucide};
use crate::ui::state::is_open;
use crate::ui::text::{short_path, shown, shown_line};
use crate::ui::theme::{self, palette};
use crate::ui::widgets::{button::Button, caption};
use eframe::egui::{
    Align, Id, Key, Label, Layout, Margin, Modifiers, RichText, ScrollArea, Sense, TextEdit, Ui, vec2,
};
use magia_core::policy::risk::Judgement;
use magia_core::snapshot::Snapshot;
use magia_core::subject::Subject;
use magia_protocol::wire::{RequestId, Risk};
use serde_json::Value;

/// Draws the editor of a request's input.
pub fn edit_ui(ui: &mut Ui, id: RequestId, edits: &mut Edits, snapshot: &Snapshot, actions: &mut Actions) {
    let view = snapshot.requests.iter().find(|view| view.info.id == id);
    let Some(draft) = edits.get_mut(id) else { return actions.push(Action::CloseDialog) };
    let colors = palette(ui);
    let room = ui.ctx().content_rect().size();
    ui.set_width((room.x - 120.0).clamp(240.0, 620.0));
    ui.spacing_mut().item_spacing.y = theme::SPACE_2;
    let tool = view.map_or_else(String::new, |view| shown_line(&view.info.tool, 40));
    let (title, name) = match draft.field() {
        Some(Field::Command) => ("Edit the command", "Command"),
        Some(Field::Content) => ("Edit what is written", "Contents"),
        Some(Field::NewString) => ("Edit the new text", "New text"),
        None => ("Edit the input", "Input"),
    };
    ui.label(RichText::new(title).font(theme::semibold(theme::TITLE)).color(colors.foreground));
    if let Some(view) = view {
        let info = &view.info;
        let place = short_path(&shown_line(&info.cwd, 120));
        caption(ui, format!("{tool} · {} · in {place}", shown_line(&info.session_title, 60)));
        if let Subject::Edit { path, .. } = &view.subject {
            caption(ui, short_path(&shown_line(path, 200)));
        }
    }

    let send_key = ui.input_mut(|input| input.consume_key(Modifiers::COMMAND, Key::Enter));
    let rows = if draft.field() == Some(Field::Command) { 4 } else { 8 };
    let field = Id::unique(("edit", id));
    let height = (room.y - 300.0).clamp(60.0, 360.0);
    // As high as that at least when it has to scroll: the dialog before may have been lower.
    ScrollArea::vertical().max_height(height).min_scrolled_height(height).show(ui, |ui| {
        let edit = TextEdit::multiline(&mut draft.text)
            .id(field)
            .font(theme::mono(theme::CODE))
            .margin(Margin::symmetric(10, 8))
            .desired_rows(rows)
            .desired_width(f32::INFINITY)
            .lock_focus(false);
        let edit = ui.add(edit).accessible_name(name);
        if edit.changed() {
            draft.changed();
        }
        // A dialog takes no keyboard in its first frame, in which it is measured.
        if !draft.entered {
            edit.request_focus();
            draft.entered = edit.has_focus();
        }
    });
    let visible = shown(&draft.text);
    if visible != draft.text.as_str() {
        note(ui, Lucide::TriangleAlert, "Some of it cannot be seen; with escapes it reads:", Tone::Bad);
        let text = RichText::new(visible).font(theme::mono(theme::CAPTION)).color(colors.muted);
        ui.add(Label::new(text).wrap());
    }

    let waits = view.is_some_and(|view| is_open(view));
    let mut ready: Option<Value> = None;
    let mut why = Some("It was answered meanwhile");
    if !waits {
        let words = "This request was answered meanwhile: nothing can be allowed any more";
        note(ui, Lucide::CircleAlert, words, Tone::Bad);
    } else if let Some(view) = view {
        let looked = draft.look(&view.info).clone();
        why = match &looked.input {
            Err(wrong) => {
                note(ui, Lucide::CircleAlert, &shown_line(wrong, 300), Tone::Bad);
                Some("The agent would not understand it")
            }
            Ok(_) if draft.is_unchanged() => Some("Nothing was changed"),
            Ok(_) if draft.sent => Some("It was sent"),
            Ok(input) => {
                ready = Some(input.clone());
                None
            }
        };
        if let Some(judged) = &looked.judged {
            risk(ui, judged);
        }
        if let Some(refused) = &draft.refused {
            note(ui, Lucide::CircleAlert, &shown(refused), Tone::Bad);
        }
        if !draft.is_unchanged() && draft.wants_word(looked.judged.as_ref(), &view.info) {
            ui.checkbox(&mut draft.high_risk, "Allow it although the risk is high");
            if !draft.high_risk && looked.judged.is_some_and(|judged| judged.risk == Risk::High) {
                why = why.or(Some("Its risk is high, and the agent's was not: tick the box first"));
            }
        }
    }
    ui.add_space(theme::SPACE_1);
    button_row(ui, |ui| {
        let allow = Button::new("Allow edited").main().key("Ctrl+Enter").disabled(why);
        let pressed = allow.show(ui).clicked() || (send_key && why.is_none());
        if pressed && let Some(input) = ready {
            actions.push(Action::allow_edited(id, input, draft.high_risk));
        }
        if Button::new("Cancel").key("Esc").show(ui).clicked() {
            actions.push(Action::CloseDialog);
        }
        ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
            let why = draft.is_unchanged().then_some("Nothing was changed");
            let again = Button::new("Start over").quiet().tip("Back to what the agent wrote");
            if again.disabled(why).show(ui).clicked() {
                draft.restart();
            }
        });
    });
}

#[derive(Clone, Copy)]
enum Tone {
    Calm,
    Bad,
}

/// A line with an icon in front.
fn note(ui: &mut Ui, icon: Lucide, text: &str, tone: Tone) {
    let colors = palette(ui);
    let color = match tone {
        Tone::Calm => colors.muted,
        Tone::Bad => colors.failed,
    };
    ui.horizontal_top(|ui| {
        ui.spacing_mut().item_spacing.x = 6.0;
        let (rect, _) = ui.allocate_exact_size(vec2(14.0, 18.0), Sense::hover());
        icon::paint(ui.painter(), rect, icon, 13.0, color);
        ui.add(Label::new(RichText::new(text).color(color)).wrap());
    });
}

fn risk(ui: &mut Ui, judged: &Judgement) {
    let (icon, tone) = match judged.risk {
        Risk::Low => (Lucide::Shield, Tone::Calm),
        Risk::Medium => (Lucide::ShieldAlert, Tone::Calm),
        Risk::High => (Lucide::TriangleAlert, Tone::Bad),
    };
    let reasons = judged.reasons.join(", ");
    let colon = if reasons.is_empty() { "" } else { ": " };
    note(ui, icon, &format!("{} risk{colon}{reasons}", judged.risk), tone);
}
