//! The choices of a question, and what was chosen.

use crate::ui::text::{shown, shown_line};
use crate::ui::theme::{self, palette};
use crate::ui::widgets::{caption, key_cap};
use eframe::egui::{self, RichText, Ui};
use magia_core::subject::Question;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// Answers that are being chosen, question by question.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answers {
    chosen: Vec<BTreeSet<usize>>,
    other: Vec<String>,
    /// The question that is to be on screen, after a key.
    shows: Option<usize>,
}

impl Answers {
    fn fit(&mut self, questions: &[Question]) {
        self.chosen.resize(questions.len(), BTreeSet::new());
        self.other.resize(questions.len(), String::new());
    }

    fn toggle(&mut self, at: usize, multiple: bool, choice: usize) {
        if let Some(chosen) = self.chosen.get_mut(at) {
            if multiple {
                if !chosen.remove(&choice) {
                    chosen.insert(choice);
                }
            } else {
                *chosen = BTreeSet::from([choice]);
            }
        }
        if !multiple && let Some(other) = self.other.get_mut(at) {
            other.clear();
        }
    }

    /// The question that digits answer: the first without an answer, else the last one.
    fn current(&self, questions: &[Question]) -> usize {
        let unanswered = (0..questions.len()).find(|at| self.answer(questions, *at).is_none());
        unanswered.unwrap_or(questions.len().saturating_sub(1))
    }

    /// A digit chooses in the current question.
    pub fn pick(&mut self, questions: &[Question], digit: usize) {
        self.fit(questions);
        let at = self.current(questions);
        if let Some(question) = questions.get(at)
            && let Some(choice) = digit.checked_sub(1).filter(|choice| *choice < question.options.len())
        {
            self.toggle(at, question.multiple, choice);
            self.show_current(questions);
        }
    }

    /// Brings the current question on screen.
    pub fn show_current(&mut self, questions: &[Question]) {
        self.shows = Some(self.current(questions));
    }

    /// What was chosen, for a person; `None` while a question has no answer.
    pub fn words(&self, questions: &[Question]) -> Option<String> {
        let all: Option<Vec<String>> =
            (0..questions.len()).map(|at| Some(shown_line(&self.answer(questions, at)?, 80))).collect();
        all.filter(|all| !all.is_empty()).map(|all| all.join("; "))
    }

    fn answer(&self, questions: &[Question], at: usize) -> Option<String> {
        let question = questions.get(at)?;
        let mut words: Vec<String> = self
            .chosen
            .get(at)?
            .iter()
            .filter_map(|choice| question.options.get(*choice))
            .map(|option| option.label.clone())
            .collect();
        let other = self.other.get(at).map(|other| other.trim()).unwrap_or_default();
        if !other.is_empty() {
            words.push(other.to_owned());
        }
        (!words.is_empty()).then(|| words.join(", "))
    }

    /// The answers by question text, when every question has one.
    pub fn complete(&self, questions: &[Question]) -> Option<Map<String, Value>> {
        (0..questions.len())
            .map(|at| {
                let text = questions.get(at)?.text.clone();
                Some((text, Value::from(self.answer(questions, at)?)))
            })
            .collect()
    }
}

/// Draws the questions with their choices. `has_keys` says that digits choose: then each choice of the current question
/// shows its own.
pub fn answers_ui(ui: &mut Ui, questions: &[Question], answers: &mut Answers, enabled: bool, has_keys: bool) {
    answers.fit(questions);
    let keyed = (enabled && has_keys).then(|| answers.current(questions));
    let shows = answers.shows.take();
    let colors = palette(ui);
    ui.spacing_mut().item_spacing.y = 2.0;
    ui.spacing_mut().interact_size.y = 24.0;
    let boxes = &mut ui.visuals_mut().widgets;
    for widget in [&mut boxes.inactive, &mut boxes.hovered, &mut boxes.active] {
        widget.bg_fill = colors.background;
    }
    for (at, question) in questions.iter().enumerate() {
        if at > 0 {
            ui.add_space(theme::SPACE_3);
        }
        let drawn = ui.push_id(at, |ui| {
            let text = RichText::new(shown(&question.text)).font(theme::semibold(theme::UI));
            ui.add(egui::Label::new(text.color(colors.foreground)).wrap());
            if question.multiple {
                caption(ui, "Several may be chosen");
            }
            ui.add_space(theme::SPACE_1);
            for (choice, option) in question.options.iter().enumerate() {
                let chosen = answers.chosen.get(at).is_some_and(|chosen| chosen.contains(&choice));
                let label = shown_line(&option.label, 200);
                ui.add_enabled_ui(enabled, |ui| {
                    let boxes = &mut ui.visuals_mut().widgets;
                    boxes.inactive.bg_stroke = egui::Stroke::new(1.0, colors.muted);
                    boxes.hovered.bg_stroke = egui::Stroke::new(1.0, colors.foreground);
                    ui.horizontal(|ui| {
                        ui.spacing_mut().item_spacing.x = theme::SPACE_2;
                        let response = if question.multiple {
                            ui.checkbox(&mut chosen.clone(), &label)
                        } else {
                            ui.radio(chosen, &label)
                        };
                        if response.clicked() {
                            answers.toggle(at, question.multiple, choice);
                        }
                        if keyed == Some(at) && choice < 9 {
                            key_cap(ui, &(choice + 1).to_string());
                        }
                    });
                });
                if !option.description.is_empty() {
                    let indent = egui::Margin { left: 24, right: 0, top: 0, bottom: 4 };
                    egui::Frame::new().inner_margin(indent).show(ui, |ui| {
                        let text = RichText::new(shown(&option.description));
                        let text = text.font(theme::regular(theme::CAPTION)).color(colors.muted);
                        ui.add(egui::Label::new(text).wrap());
                    });
                }
            }
            if let Some(other) = answers.other.get_mut(at) {
                let edit = egui::TextEdit::singleline(other)
                    .hint_text("Something else")
                    .margin(egui::Margin::symmetric(8, 5))
                    .desired_width(320.0);
                let response = ui.add_enabled(enabled, edit);
                let response =
                    response.accessible_name(format!("Something else: {}", shown_line(&question.text, 80)));
                if response.changed()
                    && !question.multiple
                    && !other.trim().is_empty()
                    && let Some(chosen) = answers.chosen.get_mut(at)
                {
                    chosen.clear();
                }
            }
        });
        if shows == Some(at) {
            ui.scroll_to_rect(drawn.response.rect, None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use magia_core::subject::Choice;

    fn question(text: &str, multiple: bool) -> Question {
        let option = |label: &str| Choice { label: label.into(), description: String::new() };
        Question {
            text: text.into(),
            header: String::new(),
            multiple,
            options: vec![option("A"), option("B")],
        }
    }

    #[test]
    fn nothing_is_answered_by_itself() {
        let questions = [question("one?", false), question("many?", true)];
        let mut answers = Answers::default();
        assert_eq!(answers.complete(&questions), None);
        answers.pick(&questions, 2);
        assert_eq!(answers.complete(&questions), None, "one question is still open");
        assert_eq!((answers.words(&questions), answers.shows), (None, Some(1)), "it is brought on screen");
        answers.pick(&questions, 1);
        answers.pick(&questions, 2);
        answers.pick(&questions, 9);
        let all = answers.complete(&questions).unwrap();
        assert_eq!(Value::Object(all), serde_json::json!({"one?": "B", "many?": "A, B"}));
        assert_eq!(answers.words(&questions).as_deref(), Some("B; A, B"));
    }
}
