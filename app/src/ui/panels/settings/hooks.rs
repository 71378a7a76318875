//! How the agents' hooks stand, and what can be done about it.

use super::{group, setting};
use crate::ui::action::{Action, Actions};
use crate::ui::provider;
use crate::ui::text::{short_path, shown, shown_line};
use crate::ui::theme::{self, palette};
use crate::ui::widgets::{button::Button, caption};
use eframe::egui::{Label, RichText, Ui};
use magia_core::snapshot::Snapshot;
use magia_protocol::wire::Provider;
use magia_protocol::wire::info::HooksInfo;

/// What strict mode is.
const STRICT: &str = "Strict: a tool call that a rule denies is refused before it runs, and every call is when magia does \
                      not run or does not answer in time.";

/// Why most people need none for Codex.
const CODEX: &str =
    "Not needed for a plain Codex: magia joins its daemon. For one with --no-daemon or -c, and for exec.";

/// Draws the hooks of every agent.
pub fn hooks_ui(ui: &mut Ui, snapshot: &Snapshot, actions: &mut Actions) {
    group(ui, "Hooks", |ui| {
        for (at, provider) in Provider::ALL.iter().enumerate() {
            if at > 0 {
                ui.separator();
            }
            ui.push_id(provider.as_str(), |ui| match snapshot.hooks_of(*provider) {
                Some(hooks) => agent(ui, hooks, actions),
                None => setting(ui, provider::name(*provider), "", |ui| {
                    caption(ui, "Looking for its settings");
                }),
            });
        }
        ui.separator();
        let text = RichText::new(STRICT).font(theme::regular(theme::CAPTION)).color(palette(ui).muted);
        ui.add(Label::new(text).wrap());
    });
}

fn agent(ui: &mut Ui, hooks: &HooksInfo, actions: &mut Actions) {
    let colors = palette(ui);
    let name = provider::name(hooks.provider);
    let state = hooks.state.as_str();
    setting(ui, name, "", |ui| {
        ui.label(shown_line(state, 80));
        ui.add_space(theme::SPACE_2);
        let path = shown_line(&hooks.file, 400);
        let text = RichText::new(short_path(&path)).font(theme::mono(theme::CODE)).color(colors.muted);
        ui.add(Label::new(text).truncate()).on_hover_text(path);
    });
    let absent = (state == "not installed").then_some("They are not installed");
    let is_codex = hooks.provider == Provider::Codex;
    if is_codex && absent.is_some() {
        setting(ui, "", "", |ui| {
            caption(ui, CODEX);
        });
    }
    // Of hooks that are not installed all are missing.
    let is_listed = |events: &[String]| !events.is_empty() && absent.is_none();
    let lists =
        [("Missing", &hooks.missing), ("Outdated", &hooks.outdated), ("Not trusted yet", &hooks.untrusted)];
    for (what, events) in lists.into_iter().filter(|(_, events)| is_listed(events)) {
        setting(ui, what, "", |ui| {
            ui.add(Label::new(shown_line(&events.join(", "), 600)).wrap());
        });
    }
    for warning in &hooks.warnings {
        ui.add(Label::new(RichText::new(shown(warning)).color(colors.muted)).wrap());
    }
    let unreadable = (state == "unreadable").then_some("The file cannot be read: see above");
    setting(ui, "", "", |ui| {
        let (label, why) = match state {
            "installed" => ("Install...", Some("They are installed")),
            "not installed" | "unreadable" => ("Install...", unreadable),
            _ => ("Repair...", None),
        };
        let install = Button::new(label).name(format!("{label} hooks of {name}")).disabled(why);
        if install.show(ui).clicked() {
            actions.push(Action::install_hooks(hooks.provider, None));
        }
        let uninstall = Button::new("Uninstall...").name(format!("Uninstall... hooks of {name}"));
        if uninstall.disabled(absent.or(unreadable)).show(ui).clicked() {
            actions.push(Action::uninstall_hooks(hooks.provider));
        }
        ui.add_space(theme::SPACE_2);
        let mut strict = hooks.strict;
        let can = absent.or(unreadable).is_none();
        let check = ui.add_enabled(can, eframe::egui::Checkbox::new(&mut strict, "Strict"));
        let check = check.accessible_name(format!("Strict hooks of {name}"));
        if check.on_hover_text(STRICT).on_disabled_hover_text("Install the hooks first").clicked() {
            actions.push(Action::install_hooks(hooks.provider, Some(!hooks.strict)));
        }
    });
}
