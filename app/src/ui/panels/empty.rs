//! What stands where nothing is yet: what this is, and what to do.

use crate::ui::action::{Action, Actions};
use crate::ui::theme::{self, palette};
use crate::ui::widgets::{button::Button, caption, code, column};
use eframe::egui::{Label, RichText, Ui};
use magia_core::snapshot::Snapshot;
use magia_protocol::wire::Provider;

/// The command that plays the demo.
const DEMO: &str = "magia demo";

/// No session is known.
pub fn empty_ui(ui: &mut Ui, snapshot: &Snapshot, actions: &mut Actions) {
    let colors = palette(ui);
    column(ui, 460.0, 0.18, |ui| {
        let head = if snapshot.loaded { "No sessions yet" } else { "Reading what was stored" };
        ui.label(RichText::new(head).font(theme::semibold(theme::HEAD)).color(colors.foreground));
        if !snapshot.loaded {
            return;
        }
        let installed = snapshot.hooks_of(Provider::Claude).is_some_and(|hooks| hooks.state == "installed");
        let what = if installed {
            "Start an agent in any terminal: it shows up here by itself, with what it does and what it asks."
        } else {
            "magia shows the coding agents that run in your terminals, and lets you answer what they ask. \
                 For that Claude Code has to tell it what happens: install the hooks once."
        };
        ui.add(Label::new(RichText::new(what).color(colors.muted)).wrap());
        ui.add_space(theme::SPACE_2);
        if !installed {
            let install = Button::new("Install hooks...").main();
            let why =
                snapshot.hooks_of(Provider::Claude).is_none().then_some("Looking for Claude's settings");
            if install.disabled(why).show(ui).clicked() {
                actions.push(Action::install_hooks(Provider::Claude, None));
            }
            ui.add_space(theme::SPACE_2);
        }
        caption(ui, "To see how it works without an agent, play the demo in a terminal:");
        ui.horizontal(|ui| {
            ui.scope(|ui| {
                ui.set_max_width(160.0);
                code::block(ui, |ui| {
                    let text = RichText::new(DEMO).font(theme::mono(theme::CODE));
                    ui.add(Label::new(text.color(colors.foreground)).selectable(true));
                });
            });
            let copy = Button::new("Copy").quiet().with_icon(crate::ui::icon::Lucide::Copy);
            if copy.name("Copy the demo's command").show(ui).clicked() {
                actions.push(Action::Copy { text: DEMO.to_owned(), what: "Command" });
            }
        });
    });
}

/// Sessions are there, none is chosen.
pub fn none_selected_ui(ui: &mut Ui, waiting: usize) {
    ui.add_space(ui.available_height() * 0.3);
    ui.vertical_centered(|ui| {
        let text = match waiting {
            0 => "Choose a session at the left".to_owned(),
            1 => "1 request waits: press N to see it".to_owned(),
            count => format!("{count} requests wait: press N to see the first"),
        };
        ui.label(RichText::new(text).color(palette(ui).muted));
    });
}
