//! The question before a change of something that is not ours.

use super::button_row;
use crate::ui::action::{Action, Actions};
use crate::ui::provider;
use crate::ui::text::{short_path, shown_line};
use crate::ui::theme::{self, palette};
use crate::ui::widgets::button::Button;
use eframe::egui::{Label, RichText, Ui};
use magia_core::settings::Preset;
use magia_core::snapshot::Snapshot;
use magia_protocol::wire::command::InstallHooks;
use magia_protocol::wire::{Command, Provider};
use serde_json::{Map, Value};

/// What a dialog asks before an action.
struct Asked {
    title: String,
    body: String,
    yes: &'static str,
}

/// The preset that a change of settings chooses.
fn preset(change: &Map<String, Value>) -> Option<Preset> {
    change.get("permissionPreset").and_then(Value::as_str).and_then(Preset::from_word)
}

/// The directory, as it is shown, that a change of settings gives a preset, and which.
fn of_directory(change: &Map<String, Value>) -> Option<(String, Preset)> {
    let (path, preset) = change.get("workspacePresets")?.as_object()?.iter().next()?;
    Some((short_path(&shown_line(path, 300)), Preset::from_word(preset.as_str()?)?))
}

fn asked(action: &Action, snapshot: &Snapshot) -> Asked {
    let file = |provider: Provider| {
        let known = snapshot.hooks_of(provider).map(|hooks| short_path(&shown_line(&hooks.file, 300)));
        known.unwrap_or_else(|| format!("{}'s settings", provider::name(provider)))
    };
    match action {
        Action::Send(Command::InstallHooks(wish)) => installing(wish, &file(wish.provider)),
        Action::Send(Command::UninstallHooks(wish)) => Asked {
            title: "Uninstall hooks?".to_owned(),
            body: format!(
                "magia takes its entries out of {} and leaves every other byte. {} then runs as if magia were \
                 not there, and its requests are asked in the terminal only.",
                file(wish.provider),
                provider::name(wish.provider)
            ),
            yes: "Uninstall hooks",
        },
        Action::Send(Command::SaveSettings(change)) => {
            match (preset(&change.settings), of_directory(&change.settings)) {
                (None, Some((path, preset))) => Asked {
                    title: format!("{} in {path}?", preset.label()),
                    body: format!(
                        "{} That holds for every agent that works in or below it.",
                        preset.explained()
                    ),
                    yes: preset.label(),
                },
                (Some(preset), _) => Asked {
                    title: format!("{}?", preset.label()),
                    body: format!(
                        "{} That holds for every agent, and everywhere but in the directories with a preset of their own.",
                        preset.explained()
                    ),
                    yes: preset.label(),
                },
                (None, None) => {
                    Asked { title: "Change the settings?".to_owned(), body: String::new(), yes: "Change" }
                }
            }
        }
        Action::Send(Command::ResolveSame(_)) => Asked {
            title: "Allow all?".to_owned(),
            body: "Every open request that asks exactly this is allowed, in all sessions. Its risk is high."
                .to_owned(),
            yes: "Allow all",
        },
        Action::Send(Command::SetTelemetry(wish)) => Asked {
            title: format!("Let {} send telemetry?", provider::name(wish.provider)),
            body: format!(
                "magia adds what is needed to {}, keeps everything else in it byte for byte, and leaves a backup. \
                 Sessions that start from now on tell magia what they use, and nobody else. \
                 magia telemetry off takes it out.",
                file(wish.provider)
            ),
            yes: "Switch on",
        },
        Action::Send(Command::SaveKeybindings(_)) => Asked {
            title: "Reset all keys?".to_owned(),
            body: "Every command gets its default keys again. What keybindings.json says is lost.".to_owned(),
            yes: "Reset all keys",
        },
        Action::Send(Command::KillPty(_)) => Asked {
            title: "End what runs in it?".to_owned(),
            body: "The program and everything that it started are told to end, and are ended after three seconds."
                .to_owned(),
            yes: "End it",
        },
        _ => Asked { title: "Do this?".to_owned(), body: String::new(), yes: "Do it" },
    }
}

fn installing(wish: &InstallHooks, file: &str) -> Asked {
    match wish.strict {
        Some(true) => Asked {
            title: "Strict mode?".to_owned(),
            body: format!(
                "A tool call of {} that a rule denies is then refused before it runs, and every call is when magia \
                 does not run or does not answer in time. The hooks in {file} say so.",
                provider::name(wish.provider)
            ),
            yes: "Be strict",
        },
        Some(false) => Asked {
            title: "End strict mode?".to_owned(),
            body: format!(
                "{} then asks in its terminal when magia gives no answer. The hooks in {file} say so.",
                provider::name(wish.provider)
            ),
            yes: "End strict mode",
        },
        None => Asked {
            title: "Install hooks?".to_owned(),
            body: format!(
                "magia adds its entries to {file}, keeps everything else in it byte for byte, and leaves a backup \
                 beside it. {} magia hooks uninstall takes them out.",
                match wish.provider {
                    Provider::Codex => "Codex asks when it starts next whether you trust them;",
                    Provider::Claude => "Running sessions pick the hooks up by themselves;",
                    Provider::Gemini => "Sessions that start from now on have them;",
                }
            ),
            yes: "Install hooks",
        },
    }
}

/// Draws the question.
pub fn confirm_ui(ui: &mut Ui, action: &Action, snapshot: &Snapshot, actions: &mut Actions) {
    let asked = asked(action, snapshot);
    let colors = palette(ui);
    ui.set_width(400.0_f32.min(ui.ctx().content_rect().width() - 80.0));
    ui.spacing_mut().item_spacing.y = theme::SPACE_2;
    ui.label(RichText::new(asked.title).font(theme::semibold(theme::TITLE)).color(colors.foreground));
    if !asked.body.is_empty() {
        ui.add(Label::new(RichText::new(asked.body).color(colors.muted)).wrap());
    }
    ui.add_space(theme::SPACE_2);
    button_row(ui, |ui| {
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
