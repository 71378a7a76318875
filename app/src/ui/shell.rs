//! The window's layout: bar, list, session, details; and what stands over them.

use super::action::{Action, Actions};
use super::clock::Clock;
use super::command::UiCommand;
use super::dialogs::dialog_ui;
use super::icon::{self, Lucide};
use super::keys;
use super::panels::banners::banners_ui;
use super::panels::changelog::changelog_ui;
use super::panels::details::{DetailsData, details_ui};
use super::panels::diff_review::review_ui;
use super::panels::empty;
use super::panels::metrics;
use super::panels::notifications::notifications_ui;
use super::panels::sessions::sessions_ui;
use super::panels::settings::settings_ui;
use super::panels::terminals::{terminal_ui, terminals_ui};
use super::panels::timeline::timeline_ui;
use super::panels::top_bar::top_bar_ui;
use super::panels::welcome::welcome_ui;
use super::provider;
use super::seen::Seen;
use super::state::{Lookup, Rename, Route, SessionPane, UiState, waiting};
use super::text::{short_path, shown_line};
use super::theme::{self, palette};
use super::widgets::{button::Button, caption, mark};
use crate::terminal_link::TerminalPort;
use eframe::egui::{self, CentralPanel, Frame, Label, Layout, Margin, Panel, RichText, Sense, Ui, vec2};
use magia_core::snapshot::Snapshot;
use magia_protocol::wire::SessionId;
use magia_protocol::wire::info::{RequestInfo, SessionInfo};

/// Below this width the details stand over the page.
const FLOATS: f32 = 860.0;

/// Their width there, where there is so much room.
const DETAILS_OVER: f32 = 268.0;

/// What a frame is drawn from.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// The facts.
    pub snapshot: &'a Snapshot,
    /// The way to terminals.
    pub terminals: &'a TerminalPort,
    /// The time.
    pub clock: &'a Clock,
    /// Whether working dots are in the second half of their beat.
    pub pulse: bool,
}

/// Draws the window and reads its keys.
pub fn shell_ui(ui: &mut Ui, view: View<'_>, state: &mut UiState, actions: &mut Actions) {
    keys::read(ui.ctx(), &view, state, actions);
    state.begin_frame();
    let snapshot = view.snapshot;
    let left = state.sessions.refresh(snapshot, &state.filter, view.clock.now_s);
    if let Some(left) = left {
        ui.ctx().request_repaint_after_secs(left as f32);
    }
    state.timeline.refresh(snapshot, state.selected);

    let width = ui.available_width();
    let colors = palette(ui);
    let facts = state.facts.of(snapshot, state.selected);
    top_bar_ui(ui, &facts.top_bar, &snapshot.keymap, state, actions);
    let banners = &facts.banners;
    if !banners.is_empty() {
        Panel::top("banners").frame(Frame::NONE).resizable(false).show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = 0.0;
            banners_ui(ui, banners, actions);
        });
    }
    if state.route == Route::Settings {
        let frame = Frame::new().fill(colors.background);
        CentralPanel::default().frame(frame).show(ui, |ui| settings_ui(ui, snapshot, state, actions));
    } else if state.route == Route::Notifications {
        let frame = Frame::new().fill(colors.background);
        CentralPanel::default().frame(frame).show(ui, |ui| {
            notifications_ui(ui, snapshot, view.clock, &mut state.notifications, actions);
        });
    } else if state.route == Route::Terminals {
        let frame = Frame::new().fill(colors.background);
        CentralPanel::default().frame(frame).show(ui, |ui| {
            terminals_ui(ui, &mut state.terminals, view.terminals, actions);
        });
    } else if state.route == Route::Metrics {
        let frame = Frame::new().fill(colors.background);
        CentralPanel::default().frame(frame).show(ui, |ui| {
            metrics::fleet_ui(ui, state.metrics.refresh(snapshot, None), view.clock, actions);
        });
    } else if state.route == Route::Changelog {
        let frame = Frame::new().fill(colors.background);
        CentralPanel::default().frame(frame).show(ui, |ui| changelog_ui(ui, &mut state.changelog, actions));
    } else if state.welcome.is_shown(snapshot) {
        let frame = Frame::new().fill(colors.background).inner_margin(Margin::symmetric(24, 0));
        CentralPanel::default().frame(frame).show(ui, |ui| {
            welcome_ui(ui, &mut state.welcome, snapshot, actions);
        });
    } else if snapshot.sessions.is_empty() && snapshot.requests.is_empty() {
        let frame = Frame::new().fill(colors.background).inner_margin(Margin::symmetric(24, 0));
        CentralPanel::default().frame(frame).show(ui, |ui| empty::empty_ui(ui, snapshot, actions));
    } else {
        sessions_page(ui, width, view, facts.details.as_ref(), state, actions);
    }
    state.toasts.ui(ui.ctx(), actions);
    if let Some(dialog) = state.dialogs.front().cloned() {
        dialog_ui(ui, &dialog, state, snapshot, actions);
    }
    state.terminals.end_frame(view.terminals);
    if state.awaits_field() {
        ui.ctx().request_repaint();
    }
}

fn sessions_page(
    ui: &mut Ui,
    width: f32,
    view: View<'_>,
    details: Option<&DetailsData>,
    state: &mut UiState,
    actions: &mut Actions,
) {
    let colors = palette(ui);
    // Each kind of window keeps widths of its own: a visit to a small one leaves nothing narrow behind.
    let (id, list, most) = match width {
        theme::NARROW.. => ("sessions", 264.0, width * 0.45),
        FLOATS.. => ("sessions narrow", 216.0, width * 0.45),
        _ => ("sessions tiny", (width * 0.38).clamp(140.0, 216.0), width * 0.45),
    };
    Panel::left(id)
        .default_size(list)
        .size_range(list.min(160.0)..=most.max(list))
        .frame(Frame::new().fill(theme::sidebar(ui).card))
        .show(ui, |ui| sessions_ui(ui, view.clock, view.pulse, state, actions));
    let session = state.selected.and_then(|id| view.snapshot.session(id)).cloned();
    let details_shown = state.details.is_shown(width);
    state.details_float = details_shown && width < FLOATS;
    if let Some(data) = details
        && details_shown
        && !state.details_float
    {
        Panel::right(if width < theme::NARROW { "details narrow" } else { "details" })
            .default_size(244.0)
            .size_range(180.0..=360.0)
            .frame(Frame::new().fill(colors.card).inner_margin(Margin::symmetric(12, 4)))
            .show(ui, |ui| details_ui(ui, data, view.clock, view.pulse, actions));
    }
    if let Some(data) = details
        && state.details_float
    {
        let top = ui.available_rect_before_wrap().top() + theme::BAR + 4.0;
        details_over(ui, top, data, view, actions);
    }
    // The window is cleared to this colour already; most of its pixels need not be painted twice.
    CentralPanel::default().frame(Frame::NONE).show(ui, |ui| match &session {
        Some(session) => {
            header(ui, session, view, details_shown, state, actions);
            if state.pane == SessionPane::Metrics {
                let data = state.metrics.refresh(view.snapshot, Some(session.id));
                return metrics::session_ui(ui, data, view.clock, actions);
            }
            let pane = session.terminal.as_ref().map_or(SessionPane::Timeline, |_| state.pane);
            let terminal = session.terminal.as_deref().unwrap_or_default();
            let reviewed =
                state.review.open().filter(|open| open.session == session.id).map(|open| open.request);
            let reviewed = reviewed
                .and_then(|id| view.snapshot.requests.iter().find(|request| request.info.id == id))
                .cloned();
            if pane == SessionPane::Terminal && reviewed.is_none() {
                return terminal_ui(ui, terminal, &mut state.terminals, view.terminals, actions);
            }
            if pane == SessionPane::Beside {
                let half = ui.available_width() / 2.0;
                Panel::right("session terminal")
                    .default_size(half)
                    .size_range(240.0..=(ui.available_width() - 240.0).max(240.0))
                    .frame(Frame::new().fill(colors.background))
                    .show(ui, |ui| {
                        terminal_ui(ui, terminal, &mut state.terminals, view.terminals, actions);
                    });
            }
            if let Some(request) = reviewed {
                return ui
                    .push_id(("review", request.info.id), |ui| {
                        review_ui(ui, &mut state.review, &request, actions)
                    })
                    .inner;
            }
            ui.push_id(session.id, |ui| {
                timeline_ui(ui, view.clock, &mut state.timeline, &mut state.cards, actions);
            });
        }
        None => match state.selected.and_then(|id| view.snapshot.requests_of(id).next()) {
            Some(asked) => {
                unlisted_header(ui, &asked.info, actions);
                ui.push_id("unlisted", |ui| {
                    timeline_ui(ui, view.clock, &mut state.timeline, &mut state.cards, actions);
                });
            }
            None => {
                empty::none_selected_ui(ui, waiting(view.snapshot));
            }
        },
    });
}

/// In a narrow window the details stand over the page: beside it there would be no room for either.
fn details_over(ui: &Ui, top: f32, data: &DetailsData, view: View<'_>, actions: &mut Actions) {
    let room = ui.ctx().content_rect();
    let width = DETAILS_OVER.min(room.width() - 2.0 * theme::SPACE_6);
    let rect = egui::Rect::from_min_max(egui::pos2(room.right() - width, top), room.max);
    let colors = palette(ui);
    egui::Area::new(egui::Id::unique("details over"))
        .order(egui::Order::Middle)
        .fixed_pos(rect.min)
        .constrain(false)
        .fade_in(false)
        .show(ui.ctx(), |ui| {
            Frame::new()
                .fill(colors.card)
                .stroke(colors.line())
                .shadow(ui.visuals().popup_shadow)
                .inner_margin(Margin::symmetric(12, 4))
                .show(ui, |ui| {
                    ui.set_width(rect.width() - 26.0);
                    ui.set_height(rect.height() - 10.0);
                    details_ui(ui, data, view.clock, view.pulse, actions);
                });
        });
}

/// Over requests whose session is not in the list: of programs that are no agents, or of a session that was hidden.
fn unlisted_header(ui: &mut Ui, asked: &RequestInfo, actions: &mut Actions) {
    let colors = palette(ui);
    let frame =
        Frame::new().fill(colors.background).inner_margin(Margin { left: 16, right: 8, top: 0, bottom: 0 });
    Panel::top("session").exact_size(theme::BAR + 4.0).resizable(false).frame(frame).show(ui, |ui| {
        ui.horizontal_centered(|ui| {
            let of_nobody = asked.session == SessionId::NOBODY;
            let title = match of_nobody {
                true => "Programs that ask for terminals".to_owned(),
                false => shown_line(&asked.session_title, 200),
            };
            ui.with_layout(Layout::right_to_left(egui::Align::Center), |ui| {
                let unhide = || Button::new("Unhide").tip("Hidden sessions are shown only while they ask");
                if !of_nobody && unhide().show(ui).clicked() {
                    actions.push(Action::hide(asked.session, false));
                }
                ui.with_layout(Layout::left_to_right(egui::Align::Center), |ui| {
                    let text = RichText::new(title).font(theme::semibold(theme::TITLE));
                    ui.add(Label::new(text.color(colors.foreground)).truncate());
                });
            });
        });
    });
}

/// Over the timeline: what this session is called, where it runs, what it does.
fn header(
    ui: &mut Ui,
    session: &SessionInfo,
    view: View<'_>,
    details_shown: bool,
    state: &mut UiState,
    actions: &mut Actions,
) {
    let colors = palette(ui);
    let frame =
        Frame::new().fill(colors.background).inner_margin(Margin { left: 16, right: 8, top: 0, bottom: 0 });
    Panel::top("session").exact_size(theme::BAR + 4.0).resizable(false).frame(frame).show(ui, |ui| {
        ui.horizontal_centered(|ui| {
            ui.with_layout(Layout::right_to_left(egui::Align::Center), |ui| {
                let keymap = &view.snapshot.keymap;
                let tip = if details_shown { "Fold the details" } else { "Show the details" };
                let tip = keymap.tip(UiCommand::Details, tip);
                let details = Button::icon(Lucide::PanelRight, &tip).name("Details").selected(details_shown);
                if details.show(ui).clicked() {
                    state.details.set(!details_shown);
                }
                let tip = keymap.tip(UiCommand::Rename, "Rename");
                if Button::icon(Lucide::Pencil, &tip).name("Rename...").show(ui).clicked() {
                    actions.push(Action::StartRename(session.id));
                }
                panes(ui, session.terminal.is_some(), state.pane, actions);
                let agent = provider::name(session.provider);
                let model = session.model.as_deref().map(|model| format!(" · {}", shown_line(model, 28)));
                if ui.available_width() > 360.0 {
                    caption(ui, format!("{agent}{}", model.unwrap_or_default()));
                    let (rect, _) = ui.allocate_exact_size(vec2(12.0, theme::ROW), Sense::hover());
                    icon::paint(ui.painter(), rect, provider::icon(session.provider), 12.0, colors.muted);
                }
                ui.with_layout(Layout::left_to_right(egui::Align::Center), |ui| {
                    title(ui, session, view, state, actions);
                });
            });
        });
    });
}

/// Timeline, terminal, both, metrics; drawn from right to left.
fn panes(ui: &mut Ui, has_terminal: bool, shown: SessionPane, actions: &mut Actions) {
    for (pane, icon, tip) in [
        (SessionPane::Metrics, Lucide::ChartColumn, "Metrics"),
        (SessionPane::Beside, Lucide::Columns2, "Timeline and terminal"),
        (SessionPane::Terminal, Lucide::SquareTerminal, "Terminal"),
        (SessionPane::Timeline, Lucide::List, "Timeline"),
    ] {
        let of_terminal = matches!(pane, SessionPane::Terminal | SessionPane::Beside);
        if of_terminal && !has_terminal {
            continue;
        }
        let shown = if has_terminal || shown == SessionPane::Metrics { shown } else { SessionPane::Timeline };
        if Button::icon(icon, tip).name(tip).selected(shown == pane).show(ui).clicked() {
            actions.push(Action::ShowPane(pane));
        }
    }
}

fn title(ui: &mut Ui, session: &SessionInfo, view: View<'_>, state: &mut UiState, actions: &mut Actions) {
    let colors = palette(ui);
    let (rect, _) = ui.allocate_exact_size(vec2(mark::COLUMN, theme::ROW), Sense::hover());
    mark::state(ui, rect.center(), session.state, view.pulse);
    let sessions = &state.sessions;
    let hidden = || !sessions.data().sessions().any(|id| id == session.id);
    if let Some(rename) = state.rename.as_mut().filter(|rename| rename.session == session.id && hidden()) {
        return rename_field(ui, rename, actions);
    }
    let project = RichText::new(format!("{} /", shown_line(&session.project, 24))).color(colors.muted);
    if ui.available_width() > 280.0 {
        ui.label(project).on_hover_text(short_path(&shown_line(&session.cwd, 300)));
    }
    let title = shown_line(&session.title, 200);
    let text = RichText::new(&title).font(theme::semibold(theme::TITLE)).color(colors.foreground);
    ui.add(Label::new(text).truncate());
}

/// A session that the filter hides is renamed up here.
fn rename_field(ui: &mut Ui, rename: &mut Rename, actions: &mut Actions) {
    let id = egui::Id::unique("rename");
    rename.seen = Seen::drawn();
    if !std::mem::replace(&mut rename.entered, true) {
        ui.memory_mut(|memory| memory.request_focus(id));
    }
    let margin = Margin::symmetric(6, 4);
    let edit = egui::TextEdit::singleline(&mut rename.text).id(id).margin(margin).desired_width(260.0);
    let response = ui.add(edit).accessible_name("Session title");
    if response.lost_focus() {
        if ui.input(|input| input.key_pressed(egui::Key::Enter)) {
            actions.push(Action::rename(rename.session, &rename.text));
        }
        actions.push(Action::StopRename);
    }
}
