//! The dry run: what a preset or a rule would have done with the requests that are recorded.

use super::{group, setting};
use crate::ui::action::{Action, Actions};
use crate::ui::text::shown_line;
use crate::ui::theme::{self, palette};
use crate::ui::widgets::{button::Button, caption};
use eframe::egui::{Key, Label, Margin, RichText, TextEdit, Ui};
use magia_core::settings::Preset;
use magia_core::snapshot::Snapshot;
use magia_protocol::wire::Risk;
use magia_protocol::wire::info::{TrialInfo, TrialRow};

/// Rows of one list that are drawn; the command line prints all.
const ROWS: usize = 5;

/// What came of a dry run, in words.
#[derive(Debug, PartialEq)]
struct Outcome<'a> {
    /// `preset auto would have allowed 214 of 300`.
    head: String,
    /// The rest of the numbers.
    rest: String,
    /// What to look at before the rule is set, worst first.
    lists: Vec<(String, &'a [TrialRow])>,
}

impl<'a> Outcome<'a> {
    fn new(info: &'a TrialInfo) -> Self {
        let kept = match info.not_kept {
            0 => String::new(),
            cut => format!(", {cut} of them because they were too long to be kept"),
        };
        let lists = [
            (format!("Allowed, and {} touch what is sensitive", info.sensitive_count), &info.sensitive),
            (format!("Allowed, and {} are of high risk", info.high_risk_count), &info.high_risk),
            ("Allowed, and you denied it".to_owned(), &info.denied_by_person),
            ("Denied, and you allowed it".to_owned(), &info.allowed_by_person),
        ];
        Self {
            head: format!(
                "{} would have allowed {} of {}",
                shown_line(&info.rule, 120),
                info.allowed,
                info.requests
            ),
            rest: format!("Denied {}, left {} to you{kept}", info.denied, info.left),
            lists: lists
                .into_iter()
                .filter(|(_, rows)| !rows.is_empty())
                .map(|(heading, rows)| (heading, rows.as_slice()))
                .collect(),
        }
    }
}

/// Draws what can be tried and what came of the last try.
pub fn trial_ui(ui: &mut Ui, snapshot: &Snapshot, typed: &mut String, actions: &mut Actions) {
    group(ui, "Try before you change", |ui| {
        setting(ui, "A preset", "", |ui| {
            for preset in Preset::ALL.iter().filter(|preset| **preset != Preset::Default) {
                let button = Button::new(preset.label()).name(format!("Try {}", preset.label()));
                if button.show(ui).clicked() {
                    actions.push(Action::try_policy(&format!("preset {}", preset.as_str())));
                }
            }
        });
        let explained =
            "A tool, and how its command begins; with deny before it, what it would have refused.";
        setting(ui, "A rule", explained, |ui| {
            let edit = TextEdit::singleline(typed)
                .hint_text("Bash(cargo test)")
                .font(theme::mono(theme::CODE))
                .margin(Margin::symmetric(6, 4))
                .desired_width((ui.available_width() - 72.0).clamp(120.0, 300.0));
            let field = ui.add(edit).accessible_name("A rule to try");
            let entered = field.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
            let why = typed.trim().is_empty().then_some("Type a rule first");
            let clicked = Button::new("Try").name("Try the rule").disabled(why).show(ui).clicked();
            if (entered || clicked) && why.is_none() {
                actions.push(Action::try_policy(typed));
            }
        });
        match &snapshot.trial {
            Some(info) => outcome_ui(ui, &Outcome::new(info)),
            None => {
                caption(ui, "Nothing changes: the requests that are recorded are judged once more.");
            }
        }
    });
}

fn outcome_ui(ui: &mut Ui, outcome: &Outcome<'_>) {
    let colors = palette(ui);
    ui.add_space(theme::SPACE_1);
    let head = RichText::new(&outcome.head).font(theme::semibold(theme::UI)).color(colors.foreground);
    ui.add(Label::new(head).wrap());
    caption(ui, outcome.rest.as_str());
    for (heading, rows) in &outcome.lists {
        ui.add_space(theme::SPACE_1);
        ui.label(RichText::new(heading).color(colors.foreground));
        for row in rows.iter().take(ROWS) {
            row_ui(ui, row);
        }
        if rows.len() > ROWS {
            caption(ui, format!("and {} more: magia policy try prints them all", rows.len() - ROWS));
        }
    }
}

fn row_ui(ui: &mut Ui, row: &TrialRow) {
    let colors = palette(ui);
    let call = format!("{}  {}", shown_line(&row.tool, 40), shown_line(&row.summary, 240));
    let color = if row.risk == Risk::High { colors.failed } else { colors.foreground };
    let text = RichText::new(&call).font(theme::mono(theme::CODE)).color(color);
    ui.add(Label::new(text).truncate()).on_hover_text(&call);
    let places = if row.places.is_empty() { String::new() } else { format!(" · {}", row.places.join(", ")) };
    caption(ui, format!("{} risk{places} · {}", row.risk, shown_line(&row.was, 60)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use magia_protocol::wire::{RequestId, SessionId};
    use uuid::Uuid;

    #[test]
    fn the_numbers_come_first_and_only_lists_with_something_in_them() {
        let row = TrialRow {
            id: RequestId::from_uuid(Uuid::from_u128(1)),
            session: SessionId::from_uuid(Uuid::from_u128(2)),
            tool: "Bash".into(),
            summary: "cat ~/.ssh/id_ed25519".into(),
            asked_at_ms: 1,
            risk: Risk::High,
            risk_reasons: Vec::new(),
            places: vec!["~/.ssh".into()],
            was: "deny by window".into(),
        };
        let info = TrialInfo {
            rule: "preset auto".into(),
            requests: 300,
            allowed: 214,
            denied: 12,
            left: 74,
            not_kept: 2,
            sensitive_count: 1,
            sensitive: vec![row],
            ..TrialInfo::default()
        };
        let outcome = Outcome::new(&info);
        assert_eq!(outcome.head, "preset auto would have allowed 214 of 300");
        assert_eq!(
            outcome.rest,
            "Denied 12, left 74 to you, 2 of them because they were too long to be kept"
        );
        let headings: Vec<&str> = outcome.lists.iter().map(|(heading, _)| heading.as_str()).collect();
        assert_eq!(headings, ["Allowed, and 1 touch what is sensitive"]);
    }
}
