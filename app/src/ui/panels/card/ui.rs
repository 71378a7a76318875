//! Drawing a request's card.

use super::{CardData, Cards, Denying, Kind, answers_ui};
use crate::ui::action::{Action, Actions};
use crate::ui::clock::Clock;
use crate::ui::icon::{self, Lucide};
use crate::ui::markdown::Markdown;
use crate::ui::seen::Seen;
use crate::ui::text::{short_path, shown};
use crate::ui::theme::{self, palette};
use crate::ui::widgets::code::{self, Look};
use crate::ui::widgets::{button::Button, caption, mark};
use eframe::egui::{self, Frame, Margin, RichText, Sense, Stroke, Ui, vec2};
use magia_core::snapshot::RequestView;
use magia_core::subject::Subject;
use magia_protocol::wire::info::Decision;
use magia_protocol::wire::{RequestState, Risk, SessionState};

/// What a card has beside that which is asked: head, facts, answers in two rows.
const AROUND: f32 = 190.0;
/// What is asked has at least so much room.
const LEAST: f32 = 120.0;

/// What stands beside a changed file's path: how many lines, and the two ways to look at them.
const BESIDE_PATH: f32 = 150.0;

/// Draws a request's card.
pub fn card_ui(
    ui: &mut Ui,
    view: &RequestView,
    clock: &Clock,
    cards: &mut Cards,
    markdown: &mut Markdown,
    actions: &mut Actions,
) {
    let data = CardData::new(view);
    let colors = palette(ui);
    let has_keys = data.open && cards.focused() == Some(data.id);
    let line = if !data.open {
        colors.line()
    } else if has_keys {
        Stroke::new(1.5, colors.needs_you)
    } else {
        Stroke::new(1.0, colors.needs_you.gamma_multiply(0.55))
    };
    let frame = Frame::new()
        .fill(colors.card)
        .stroke(line)
        .corner_radius(theme::CARD_RADIUS)
        .inner_margin(Margin::same(12));
    let shown = frame.show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.spacing_mut().item_spacing.y = theme::SPACE_2;
        ui.spacing_mut().interact_size.y = 18.0;
        head(ui, &data);
        // A long one scrolls by itself: the answers stay on screen.
        let room = (ui.clip_rect().height() - AROUND).max(LEAST);
        ui.allocate_ui(vec2(ui.available_width(), room), |ui| {
            egui::ScrollArea::vertical()
                .id_salt(("asked", data.id))
                .max_height(room)
                .auto_shrink([false, true])
                .show(ui, |ui| subject(ui, view, &data, has_keys, cards, markdown));
        });
        facts(ui, &data, clock);
        match &data.standing {
            Some(standing) if !data.open => {
                caption(ui, chosen(view, cards).as_ref().unwrap_or(standing).as_str());
            }
            Some(standing) => {
                let text = RichText::new(standing).color(colors.foreground);
                ui.add(egui::Label::new(text).wrap());
                buttons(ui, view, &data, has_keys, cards, actions);
            }
            None => buttons(ui, view, &data, has_keys, cards, actions),
        }
    });
    let response = ui.interact(shown.response.rect, ui.make_persistent_id(("card", data.id)), Sense::hover());
    // Keys work where the answers are seen, not on a card that is scrolled away.
    let answers = response.rect.center_bottom() - vec2(0.0, theme::ROW);
    if has_keys && ui.clip_rect().contains(answers) {
        cards.drawn = true;
    }
}

/// What was chosen here of a question whose answer is on its way.
fn chosen(view: &RequestView, cards: &Cards) -> Option<String> {
    let Subject::Questions(questions) = &view.subject else { return None };
    if view.info.state != RequestState::Decided {
        return None;
    }
    let words = cards.answers.get(&view.info.id)?.words(questions)?;
    Some(format!("Answered: {words}; waiting for the agent to take it"))
}

fn head(ui: &mut Ui, data: &CardData) {
    let colors = palette(ui);
    ui.horizontal(|ui| {
        let (rect, _) = ui.allocate_exact_size(vec2(mark::COLUMN, 20.0), Sense::hover());
        if data.open {
            let state = if data.kind == Kind::Tool {
                SessionState::WaitingPermission
            } else {
                SessionState::WaitingAnswer
            };
            mark::state(ui, rect.center(), state, false);
        } else {
            icon::paint(ui.painter(), rect, Lucide::Hourglass, 14.0, colors.muted);
        }
        let tool = RichText::new(&data.tool).font(theme::semibold(theme::UI)).color(colors.foreground);
        ui.label(tool);
        let room = if data.kind == Kind::Tool { 110.0 } else { 0.0 };
        let wants = egui::Label::new(RichText::new(data.wants).color(colors.muted)).truncate();
        let width = (ui.available_width() - room).max(0.0);
        ui.scope(|ui| {
            ui.set_max_width(width);
            ui.add(wants);
        });
        if data.kind == Kind::Tool {
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| risk(ui, data));
        }
    });
}

/// The risk as shape, word and colour; the reasons on hover.
fn risk(ui: &mut Ui, data: &CardData) {
    let colors = palette(ui);
    let color = colors.risk(data.risk);
    let text = RichText::new(format!("{} risk", data.risk)).font(theme::regular(theme::CAPTION)).color(color);
    let label = ui.label(text);
    let (rect, _) = ui.allocate_exact_size(vec2(14.0, 20.0), Sense::hover());
    let icon = match data.risk {
        Risk::Low => Lucide::Shield,
        Risk::Medium => Lucide::ShieldAlert,
        Risk::High => Lucide::TriangleAlert,
    };
    icon::paint(ui.painter(), rect, icon, 13.0, color);
    if !data.reasons.is_empty() {
        label.on_hover_text(data.reasons.join("\n"));
    }
}

fn subject(
    ui: &mut Ui,
    view: &RequestView,
    data: &CardData,
    has_keys: bool,
    cards: &mut Cards,
    markdown: &mut Markdown,
) {
    let colors = palette(ui);
    match &view.subject {
        Subject::Command { command, description, marks } => {
            if let Some(description) = description {
                let text = RichText::new(shown(description)).color(colors.muted);
                ui.add(egui::Label::new(text).wrap());
            }
            code::command(ui, command, marks, "");
        }
        Subject::Edit { path, diff, added, removed, .. } => {
            let room = ui.available_width();
            let name = short_path(&shown(path));
            let font = theme::mono(theme::CODE);
            let wide = ui.painter().layout_no_wrap(name.clone(), font.clone(), colors.foreground).size().x;
            let label = egui::Label::new(RichText::new(name).font(font).color(colors.foreground)).wrap();
            // One that is too long to have the rest beside it stands alone.
            let beside = if wide + BESIDE_PATH > room {
                ui.add(label);
                None
            } else {
                Some(label)
            };
            ui.horizontal(|ui| {
                beside.map(|label| ui.add(label));
                ui.label(RichText::new(format!("+{added}")).color(colors.done));
                ui.label(RichText::new(format!("-{removed}")).color(colors.failed));
                code::switch(ui, diff, room);
            });
            code::diff(ui, diff, true, Look::of_path(path, ""));
        }
        Subject::Questions(questions) => {
            let answers = cards.answers.entry(data.id).or_default();
            ui.scope(|ui| answers_ui(ui, questions, answers, data.open, has_keys));
        }
        Subject::Plan(plan) => {
            code::block(ui, |ui| markdown.show(ui, ("plan", data.id), &shown(plan), ""));
        }
        Subject::Read(path) => code::output(ui, path, true, Look::default()),
        Subject::Other(json) => code::output(ui, json, true, Look::of_fence("json", "")),
    }
}

fn facts(ui: &mut Ui, data: &CardData, clock: &Clock) {
    let asked = clock.ago(data.asked_at_ms);
    let also = match (data.open && data.of_agent, data.held) {
        (true, false) => " · also asked in the terminal",
        (true, true) => " · the terminal asks after that",
        (false, _) => "",
    };
    let words = format!("{} · asked {asked}{also}", data.place);
    let words = RichText::new(words).font(theme::regular(theme::CAPTION)).color(palette(ui).muted);
    ui.add(egui::Label::new(words).wrap()).on_hover_text(clock.exact(data.asked_at_ms));
}

fn buttons(
    ui: &mut Ui,
    view: &RequestView,
    data: &CardData,
    has_keys: bool,
    cards: &mut Cards,
    actions: &mut Actions,
) {
    if let Some(denying) = cards.denying.as_mut().filter(|denying| denying.request == data.id) {
        return deny_field(ui, data, denying, actions);
    }
    let careful = data.risk == Risk::High && data.kind == Kind::Tool;
    let key = |plain: &'static str, with_ctrl: &'static str| match (has_keys, careful) {
        (false, _) => None,
        (true, false) => Some(plain),
        (true, true) => Some(with_ctrl),
    };
    let keyed = |button: Button<'static>, key: Option<&'static str>| match key {
        Some(key) => button.key(key),
        None => button,
    };
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = vec2(theme::SPACE_2, theme::SPACE_2);
        if let (Kind::Question, Subject::Questions(questions)) = (data.kind, &view.subject) {
            let answers = cards.answers.entry(data.id).or_default().complete(questions);
            let why = answers.is_none().then_some("Answer every question first");
            let send = keyed(Button::new("Send answer").main().disabled(why), has_keys.then_some("Enter"));
            if send.name(format!("Send answer: {}", data.name)).show(ui).clicked()
                && let Some(answers) = answers
            {
                actions.push(Action::answer(data.id, answers));
            }
        } else {
            // Of several cards only one has what is to be pressed next.
            let allow = if has_keys { Button::new("Allow").main() } else { Button::new("Allow") };
            let allow = keyed(allow, key("1", "Ctrl+1"));
            if allow.name(format!("Allow {}", data.name)).show(ui).clicked() {
                actions.push(Action::decide(data.id, Decision::Allow));
            }
            let room = ((ui.max_rect().width() - 190.0) / 7.5) as usize;
            if let Some(label) = data.always_label(room.clamp(6, 40)) {
                let mut always = Button::new(&label);
                if let Some(key) = key("2", "Ctrl+2") {
                    always = always.key(key);
                }
                let tip = data.always.clone().unwrap_or_default();
                let response = always.name(format!("{label}, {}", data.name)).show(ui);
                if response.on_hover_text(format!("Adds this rule to the agent's own: {tip}")).clicked() {
                    actions.push(Action::decide(data.id, Decision::Always));
                }
            }
        }
        if data.reviewed {
            let review = Button::new("Review").with_icon(Lucide::FileDiff);
            let review = review.tip("Hunk by hunk, or edited before it is accepted");
            if review.name(format!("Review {}", data.name)).show(ui).clicked() {
                actions.push(Action::Review(data.id));
            }
        }
        if data.editable {
            let edit = Button::new("Edit...").tip("Change it, then allow what you changed");
            if edit.name(format!("Edit... {}", data.name)).show(ui).clicked() {
                actions.push(Action::Edit(data.id));
            }
        }
        if let Some(count) = cards.asked_by(data.id) {
            let label = format!("Allow all {count}");
            let all = Button::new(&label).tip("Answers every open request that asks exactly this");
            if all.name(format!("{label}: {}", data.name)).show(ui).clicked() {
                let action = Action::allow_same(data.id);
                actions.push(if careful { Action::Confirm(Box::new(action)) } else { action });
            }
        }
        let deny = if has_keys && data.kind != Kind::Question {
            Button::new("Deny...").key("3")
        } else {
            Button::new("Deny...")
        };
        if deny.name(format!("Deny... {}", data.name)).show(ui).clicked() {
            actions.push(Action::StartDeny(data.id));
        }
        if data.of_agent {
            pass_button(ui, data, actions);
        }
        if !has_keys {
            let keys = Button::new("Use keys").quiet().with_icon(Lucide::Keyboard);
            if keys.tip("Gives this card the keys 1, 2 and 3").show(ui).clicked() {
                actions.push(Action::FocusCard(data.id));
            }
        }
    });
}

fn pass_button(ui: &mut Ui, data: &CardData, actions: &mut Actions) {
    let terminal = Button::new("Answer in terminal").quiet().with_icon(Lucide::Terminal);
    let terminal = terminal.tip("Takes no part: the agent's own dialog decides");
    if terminal.name(format!("Answer in terminal, {}", data.name)).show(ui).clicked() {
        actions.push(Action::decide(data.id, Decision::None));
    }
}

fn deny_field(ui: &mut Ui, data: &CardData, denying: &mut Denying, actions: &mut Actions) {
    // The focus comes before the field: the first letter typed is already for it.
    let id = egui::Id::unique(("deny", data.id));
    denying.seen = Seen::drawn();
    if !std::mem::replace(&mut denying.entered, true) {
        ui.memory_mut(|memory| memory.request_focus(id));
    }
    let hint = if data.takes_reason {
        "Reason for the agent, may stay empty"
    } else {
        "Codex's daemon takes no reason: the agent is told no, and nothing more"
    };
    let edit = egui::TextEdit::singleline(&mut denying.reason)
        .id(id)
        .hint_text(hint)
        .margin(Margin::symmetric(8, 6))
        .desired_width(f32::INFINITY);
    let response = ui.add(edit).accessible_name("Reason");
    let (enter, escape) =
        ui.input(|input| (input.key_pressed(egui::Key::Enter), input.key_pressed(egui::Key::Escape)));
    let mut deny = response.lost_focus() && enter;
    ui.horizontal(|ui| {
        let button = Button::new("Deny").main().key("Enter");
        deny |= button.name(format!("Deny {}", data.name)).show(ui).clicked();
        if Button::new("Back").key("Esc").show(ui).clicked() || (response.lost_focus() && escape) {
            actions.push(Action::StopDeny);
        }
    });
    if deny {
        actions.push(Action::deny(data.id, &denying.reason));
    }
}
