//! The question before a change of something that is not ours.

use crate::ui::action::{Action, Actions};
use crate::ui::text::{short_path, shown_line};
use crate::ui::theme::{self, palette};
use crate::ui::widgets::button::Button;
use eframe::egui::{Label, RichText, Ui};
use magia_core::snapshot::Snapshot;
use magia_protocol::wire::Command;

/// What a dialog asks before an action.
struct Asked {
    title: &'static str,
    body: String,
    yes: &'static str,
}

fn asked(action: &Action, snapshot: &Snapshot) -> Asked {
    let file = snapshot.hooks.as_ref().map(|hooks| short_path(&shown_line(&hooks.file, 300)));
    let file = file.unwrap_or_else(|| "Claude's settings.json".to_owned());
    match action {
        Action::Send(Command::InstallHooks(_)) => Asked {
            title: "Install hooks?",
            body: format!(
                "magia adds its entries to {file}, keeps everything else in it byte for byte, and leaves a backup \
                 beside it. Running sessions pick the hooks up by themselves; magia hooks uninstall takes them out."
            ),
            yes: "Install hooks",
        },
        Action::Send(Command::UninstallHooks(_)) => Asked {
            title: "Uninstall hooks?",
            body: format!(
                "magia takes its entries out of {file} and leaves every other byte. Agents then run as if magia \
                 were not there, and their requests are asked in the terminal only."
            ),
            yes: "Uninstall hooks",
        },
        Action::Send(Command::SaveSettings(_)) => Asked {
            title: "Accept edits?",
            body: "Edits of files inside a project are then allowed without asking, for every agent. \
                   Commands and everything else are still shown."
                .to_owned(),
            yes: "Accept edits",
        },
        Action::Send(Command::ResolveSame(_)) => Asked {
            title: "Allow all?",
            body: "Every open request that asks exactly this is allowed, in all sessions. Its risk is high."
                .to_owned(),
            yes: "Allow all",
        },
        _ => Asked { title: "Do this?", body: String::new(), yes: "Do it" },
    }
}

/// Draws the question.
pub fn confirm_ui(ui: &mut Ui, action: &Action, snapshot: &Snapshot, actions: &mut Actions) {
    let asked = asked(action, snapshot);
    let colors = palette(ui);
    ui.set_width(400.0);
    ui.spacing_mut().item_spacing.y = theme::SPACE_2;
    ui.label(RichText::new(asked.title).font(theme::semibold(theme::TITLE)).color(colors.foreground));
    if !asked.body.is_empty() {
        ui.add(Label::new(RichText::new(asked.body).color(colors.muted)).wrap());
    }
    ui.add_space(theme::SPACE_2);
    ui.with_layout(eframe::egui::Layout::right_to_left(eframe::egui::Align::Center), |ui| {
        ui.set_min_height(theme::ROW);
        let yes = Button::new(asked.yes).main().show(ui);
        if ui.memory(|memory| memory.focused().is_none()) {
            yes.request_focus();
        }
        if yes.clicked() {
            actions.push(Action::CloseDialog);
            actions.push(action.clone());
        }
        if Button::new("Cancel").show(ui).clicked() {
            actions.push(Action::CloseDialog);
        }
    });
}
