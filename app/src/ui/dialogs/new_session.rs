//! Which agent to start, and where: it runs in a terminal of its own, which outlives the window.

use super::button_row;
use crate::ui::action::{Action, Actions};
use crate::ui::provider;
use crate::ui::text::{short_path, shown_line};
use crate::ui::theme::{self, palette};
use crate::ui::widgets::{button::Button, caption, caret_to_end};
use eframe::egui::{Id, Label, Margin, Response, RichText, ScrollArea, TextEdit, Ui};
use magia_core::snapshot::Snapshot;
use magia_protocol::wire::{Provider, SessionId};

/// Directories that are offered.
const OFFERED: usize = 6;

/// What the dialog holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewSession {
    provider: Option<Provider>,
    cwd: String,
    entered: bool,
}

impl NewSession {
    /// Begins in a directory.
    pub fn begin_in(&mut self, snapshot: &Snapshot, selected: Option<SessionId>, cwd: String) {
        self.begin(snapshot, selected);
        self.cwd = cwd;
    }

    /// Begins with the agent and the directory of the session that is shown, else with those heard of last.
    pub fn begin(&mut self, snapshot: &Snapshot, selected: Option<SessionId>) {
        let shown = selected.and_then(|id| snapshot.sessions.iter().find(|session| session.id == id));
        let like = shown.or_else(|| snapshot.sessions.iter().max_by_key(|session| session.last_activity_ms));
        let found = |provider: Provider| agents(snapshot).any(|(known, _)| known == provider);
        let provider = like.map(|session| session.provider).filter(|provider| found(*provider));
        *self = Self {
            provider: provider.or_else(|| agents(snapshot).next().map(|(provider, _)| provider)),
            cwd: like.map(|session| short_path(&session.cwd)).unwrap_or_default(),
            entered: false,
        };
    }
}

/// Agents that were found, with their programs.
fn agents(snapshot: &Snapshot) -> impl Iterator<Item = (Provider, &str)> {
    let found = snapshot.providers.iter().flatten();
    found.filter_map(|info| info.path.as_deref().map(|path| (info.provider, path)))
}

/// Directories that agents worked in last, newest first, each once.
fn directories(snapshot: &Snapshot) -> Vec<&str> {
    let mut sessions: Vec<_> = snapshot.sessions.iter().filter(|session| !session.cwd.is_empty()).collect();
    sessions.sort_by_key(|session| std::cmp::Reverse(session.last_activity_ms));
    let mut found: Vec<&str> = Vec::new();
    for session in sessions {
        if found.len() < OFFERED && !found.contains(&session.cwd.as_str()) {
            found.push(&session.cwd);
        }
    }
    found
}

/// Draws the dialog.
pub fn new_session_ui(ui: &mut Ui, state: &mut NewSession, snapshot: &Snapshot, actions: &mut Actions) {
    let colors = palette(ui);
    let room = ui.ctx().content_rect().size();
    ui.set_width(460.0_f32.min(room.x - 80.0));
    ui.spacing_mut().item_spacing.y = theme::SPACE_2;
    ui.label(RichText::new("New session").font(theme::semibold(theme::TITLE)).color(colors.foreground));
    let known: Vec<(Provider, &str)> = agents(snapshot).collect();
    // In a small window the fields scroll, and the buttons below them stay.
    let height = (room.y - 150.0).max(60.0);
    let area = ScrollArea::vertical().max_height(height).min_scrolled_height(height);
    let field = area.show(ui, |ui| fields(ui, state, snapshot, &known)).inner;
    ui.add_space(theme::SPACE_2);
    let entered = field.lost_focus() && ui.input(|input| input.key_pressed(eframe::egui::Key::Enter));
    button_row(ui, |ui| {
        let program =
            state.provider.and_then(|wanted| known.iter().find(|(provider, _)| *provider == wanted));
        let cwd = state.cwd.trim();
        let why = match (program, cwd.starts_with('/') || cwd.starts_with('~')) {
            (None, _) if snapshot.providers.is_none() => Some("Looking for agents"),
            (None, _) if known.is_empty() => Some("No agent was found"),
            (None, _) => Some("Choose an agent"),
            (_, false) => Some("The directory must be absolute, or begin with ~"),
            _ => None,
        };
        let start = Button::new("Start").main().disabled(why).show(ui);
        if let Some((provider, path)) = program
            && why.is_none()
            && (start.clicked() || entered)
        {
            actions.push(Action::CloseDialog);
            actions.push(Action::StartTerminal {
                command: Some(vec![(*path).to_owned()]),
                cwd: Some(cwd.to_owned()),
                name: Some(provider::name(*provider).to_owned()),
                agent: true,
            });
        }
        if Button::new("Cancel").show(ui).clicked() {
            actions.push(Action::CloseDialog);
        }
        if let Some(why) = why {
            caption(ui, why);
        }
    });
}

/// What there is to choose; gives back the field for the directory.
fn fields(ui: &mut Ui, state: &mut NewSession, snapshot: &Snapshot, known: &[(Provider, &str)]) -> Response {
    let colors = palette(ui);
    if known.is_empty() {
        let what = match snapshot.providers {
            None => "Looking for agents...",
            Some(_) => {
                "No agent was found. Install Claude Code, Codex or Gemini CLI, then look again in the settings."
            }
        };
        ui.add(Label::new(RichText::new(what).color(colors.muted)).wrap());
    }
    ui.horizontal_wrapped(|ui| {
        for (provider, path) in known {
            let chosen = state.provider == Some(*provider);
            let button = Button::new(provider::name(*provider)).selected(chosen).tip(path);
            if button.show(ui).clicked() {
                state.provider = Some(*provider);
            }
        }
    });
    caption(ui, "Directory");
    let id = Id::unique("directory of a new session");
    let edit = TextEdit::singleline(&mut state.cwd)
        .id(id)
        .font(theme::mono(theme::CODE))
        .margin(Margin::symmetric(6, 6))
        .hint_text("~/projects/shop")
        .desired_width(f32::INFINITY);
    let field = ui.add(edit).accessible_name("Directory");
    if !std::mem::replace(&mut state.entered, true) {
        field.request_focus();
        caret_to_end(ui, id, &state.cwd);
    }
    let offered = directories(snapshot);
    ui.horizontal_wrapped(|ui| {
        for directory in offered {
            let short = shown_line(&short_path(directory), 44);
            if Button::new(&short).quiet().name(format!("Use {short}")).show(ui).clicked() {
                state.cwd = short_path(directory);
            }
        }
    });
    caption(ui, "It runs in a terminal of its own and goes on when this window is closed.");
    field
}
