//! The first start, step by step: which agents there are, their hooks, their telemetry, and the demo. It gives way to the first session.

use crate::ui::action::{Action, Actions};
use crate::ui::icon::Lucide;
use crate::ui::provider;
use crate::ui::text::{short_path, shown_line};
use crate::ui::theme::{self, palette};
use crate::ui::widgets::{button::Button, caption, code, column};
use eframe::egui::{Label, RichText, Ui};
use magia_core::snapshot::Snapshot;
use magia_protocol::wire::Provider;

/// The command that plays the demo.
const DEMO: &str = "magia demo";

/// A step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Step {
    /// Which agents were found.
    #[default]
    Agents,
    /// Whether they tell magia what they do.
    Hooks,
    /// Whether they tell what they use.
    Telemetry,
    /// How it looks without an agent.
    Demo,
}

impl Step {
    /// Every step, in order.
    pub const ALL: &'static [Self] = &[Self::Agents, Self::Hooks, Self::Telemetry, Self::Demo];

    const fn head(self) -> &'static str {
        match self {
            Self::Agents => "Your agents",
            Self::Hooks => "Let them report here",
            Self::Telemetry => "What they use",
            Self::Demo => "See how it works",
        }
    }

    fn neighbour(self, by: isize) -> Option<Self> {
        let at = Self::ALL.iter().position(|step| *step == self)?;
        Self::ALL.get(at.checked_add_signed(by)?).copied()
    }
}

/// Width of the column with the names of agents.
const AGENT: f32 = 96.0;

/// Where the person is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Welcome {
    /// The step that is shown.
    pub step: Step,
    /// It was gone through or left.
    pub done: bool,
    /// It was asked for, though this is not the first start.
    pub asked: bool,
}

impl Welcome {
    /// Whether it stands where the sessions would be.
    pub fn is_shown(&self, snapshot: &Snapshot) -> bool {
        let empty = snapshot.sessions.is_empty() && snapshot.requests.is_empty();
        self.asked || (snapshot.first_launch && snapshot.loaded && empty && !self.done)
    }

    /// Shows it from the beginning.
    pub fn ask(&mut self) {
        *self = Self { asked: true, ..Self::default() };
    }

    /// Leaves it.
    pub fn leave(&mut self) -> bool {
        let shown = self.asked;
        *self = Self { done: true, ..Self::default() };
        shown
    }
}

/// Draws the step.
pub fn welcome_ui(ui: &mut Ui, welcome: &mut Welcome, snapshot: &Snapshot, actions: &mut Actions) {
    let colors = palette(ui);
    column(ui, 520.0, 0.14, |ui| {
        let at = Step::ALL.iter().position(|step| *step == welcome.step).unwrap_or_default() + 1;
        caption(ui, format!("Welcome to magia · {at} of {}", Step::ALL.len()));
        let head = RichText::new(welcome.step.head()).font(theme::semibold(theme::HEAD));
        ui.label(head.color(colors.foreground));
        match welcome.step {
            Step::Agents => agents(ui, snapshot, actions),
            Step::Hooks => hooks(ui, snapshot, actions),
            Step::Telemetry => telemetry(ui, snapshot, actions),
            Step::Demo => demo(ui, actions),
        }
        ui.add_space(theme::SPACE_3);
        ui.horizontal(|ui| {
            if let Some(before) = welcome.step.neighbour(-1)
                && Button::new("Back").show(ui).clicked()
            {
                welcome.step = before;
            }
            match welcome.step.neighbour(1) {
                Some(next) => {
                    if Button::new("Next").main().show(ui).clicked() {
                        welcome.step = next;
                    }
                    if Button::new("Skip").quiet().name("Skip the welcome").show(ui).clicked() {
                        welcome.leave();
                    }
                }
                None => {
                    if Button::new("Done").main().show(ui).clicked() {
                        welcome.leave();
                    }
                }
            }
        });
    });
}

/// An agent's name, in a column of its own.
fn agent_name(ui: &mut Ui, name: &str) {
    let text = RichText::new(name).font(theme::semibold(theme::UI)).color(palette(ui).foreground);
    ui.scope(|ui| {
        ui.set_width(AGENT);
        ui.add(Label::new(text).truncate());
    });
}

fn says(ui: &mut Ui, text: &str) {
    let color = palette(ui).muted;
    ui.add(Label::new(RichText::new(text).color(color)).wrap());
}

fn agents(ui: &mut Ui, snapshot: &Snapshot, actions: &mut Actions) {
    says(
        ui,
        "magia shows what coding agents do in your terminals, and lets you answer what they ask. It found:",
    );
    let colors = palette(ui);
    match &snapshot.providers {
        None => {
            caption(ui, "Looking for agents");
        }
        Some(found) => {
            for info in found {
                ui.horizontal(|ui| {
                    let name = provider::name(info.provider);
                    agent_name(ui, name);
                    match &info.path {
                        Some(path) => {
                            let version = info.version.as_deref().unwrap_or("version unknown");
                            let text = format!(
                                "{} · {}",
                                shown_line(version, 40),
                                short_path(&shown_line(path, 300))
                            );
                            ui.add(Label::new(RichText::new(text).color(colors.muted)).truncate());
                        }
                        None => {
                            ui.label(RichText::new("not found").color(colors.muted));
                        }
                    }
                });
            }
            if found.iter().all(|info| info.path.is_none()) {
                says(
                    ui,
                    "Install Claude Code, Codex or Gemini CLI, or tell magia in the settings where they are.",
                );
            }
        }
    }
    if Button::new("Look again").with_icon(Lucide::RefreshCw).show(ui).clicked() {
        actions.push(Action::detect());
    }
}

fn hooks(ui: &mut Ui, snapshot: &Snapshot, actions: &mut Actions) {
    says(
        ui,
        "Hooks are entries in an agent's settings: with them it tells magia what it does and asks. They are shown before \
         they are written, and taken out again without a trace. A plain Codex needs none.",
    );
    let found = |provider: Provider| {
        snapshot.providers.iter().flatten().any(|info| info.provider == provider && info.path.is_some())
    };
    for provider in Provider::ALL.iter().copied().filter(|provider| *provider != Provider::Codex) {
        let name = provider::name(provider);
        ui.horizontal(|ui| {
            let colors = palette(ui);
            agent_name(ui, name);
            let state = snapshot.hooks_of(provider).map(|hooks| hooks.state.as_str());
            let why = match state {
                None => Some("Looking for its settings"),
                Some("installed") => Some("They are installed"),
                Some("unreadable") => Some("Its settings cannot be read: see magia's settings"),
                Some(_) if !found(provider) => Some("It was not found"),
                Some(_) => None,
            };
            let install = Button::new("Install hooks...").name(format!("Install hooks... of {name}"));
            if install.disabled(why).show(ui).clicked() {
                actions.push(Action::install_hooks(provider, None));
            }
            let words = why.or(state).unwrap_or("looking");
            ui.label(RichText::new(words).color(colors.muted));
        });
    }
}

fn telemetry(ui: &mut Ui, snapshot: &Snapshot, actions: &mut Actions) {
    says(
        ui,
        "Agents can tell what they use: tokens, cost, time. magia receives it on this machine, and nothing leaves it. That is \
         a few lines in an agent's settings, which magia telemetry off takes back.",
    );
    for info in snapshot.providers.iter().flatten().filter(|info| info.path.is_some()) {
        let name = provider::name(info.provider);
        ui.horizontal(|ui| {
            agent_name(ui, name);
            let switch = Button::new("Switch on...").name(format!("Switch on... telemetry of {name}"));
            if switch.show(ui).clicked() {
                actions.push(Action::switch_telemetry_on(info.provider));
            }
        });
    }
    if snapshot.providers.iter().flatten().all(|info| info.path.is_none()) {
        caption(ui, "No agent was found yet");
    }
}

fn demo(ui: &mut Ui, actions: &mut Actions) {
    says(ui, "The demo plays recorded sessions in a place of its own. Start it in a terminal:");
    let colors = palette(ui);
    ui.horizontal(|ui| {
        ui.scope(|ui| {
            ui.set_max_width(160.0);
            code::block(ui, |ui| {
                let text = RichText::new(DEMO).font(theme::mono(theme::CODE));
                ui.add(Label::new(text.color(colors.foreground)).selectable(true));
            });
        });
        let copy = Button::new("Copy").quiet().with_icon(Lucide::Copy).name("Copy the demo's command");
        if copy.show(ui).clicked() {
            actions.push(Action::Copy { text: DEMO.to_owned(), what: "Command" });
        }
    });
    says(
        ui,
        "Then start an agent in any terminal: it shows up here by itself. Ctrl+K finds everything else.",
    );
}
