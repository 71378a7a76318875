//! Drawing terminals.

use super::tiles::TabsBehavior;
use super::wish::wish_ui;
use super::{TerminalRow, TerminalsPanel};
use crate::terminal_link::{Connection, ScreenFacts, SharedScreen, TerminalPort};
use crate::ui::action::{Action, Actions};
use crate::ui::command::UiCommand;
use crate::ui::icon::Lucide;
use crate::ui::terminal::{Locked, TerminalEvents, TerminalOptions, TerminalSource};
use crate::ui::theme::{self, palette};
use crate::ui::widgets::{button::Button, caption, column, mark};
use alacritty_terminal::event::VoidListener;
use eframe::egui::{
    self, Align, Frame, Label, Layout, Margin, OpenUrl, OutputCommand, Panel, RichText, ScrollArea, Sense,
    Ui, vec2,
};
use magia_tty::screen::{Screen, ScreenEvent, Size};
use std::sync::Arc;

/// The size that is asked for before a view was measured.
const FIRST: Size = Size { cols: 80, rows: 24, cell_width: 0, cell_height: 0 };

impl TerminalSource for SharedScreen {
    type Listener = VoidListener;

    fn with<R>(&self, work: impl FnOnce(Locked<'_, VoidListener>) -> R) -> R {
        Self::with(self, |screen| {
            let cursor = screen.cursor_style();
            let update = screen.sync_pending().then(|| screen.sync_serial());
            work(Locked { term: screen.term_mut(), cursor, update })
        })
    }

    fn end_update(&self) {
        Self::with(self, Screen::flush_sync);
    }
}

/// The terminals page: a list at the left, tabs and splits at the right.
pub fn terminals_ui(ui: &mut Ui, panel: &mut TerminalsPanel, port: &TerminalPort, actions: &mut Actions) {
    let colors = palette(ui);
    Panel::left("terminals list")
        .default_size(232.0)
        .size_range(160.0..=360.0)
        .frame(Frame::new().fill(colors.card).inner_margin(Margin::symmetric(8, 8)))
        .show(ui, |ui| list_ui(ui, panel, actions));
    if panel.tree.is_empty() {
        return none_ui(ui, panel.rows.rows.iter().any(|row| row.runs), actions);
    }
    let mut tree = std::mem::replace(&mut panel.tree, egui_tiles::Tree::empty(egui::Id::unique("terminals")));
    let rows = panel.rows.clone();
    let several = panel.seen.len() > 1;
    let mut draw = |ui: &mut Ui, id: &str| {
        let rect = ui.max_rect();
        terminal_ui(ui, id, panel, port, actions);
        if several && ui.memory(|memory| memory.has_focus(panel.view(id).id())) {
            // Whose keys these are.
            let line = egui::Stroke::new(2.0, colors.primary);
            ui.painter().hline(rect.x_range(), rect.top() + 1.0, line);
        }
    };
    let mut behavior = TabsBehavior { rows: &rows, colors, draw: &mut draw, closed: Vec::new() };
    tree.ui(&mut behavior, ui);
    let closed = std::mem::take(&mut behavior.closed);
    panel.tree = tree;
    for id in closed {
        actions.push(Action::CloseTerminal(id));
    }
}

fn none_ui(ui: &mut Ui, some_run: bool, actions: &mut Actions) {
    let colors = palette(ui);
    column(ui, 460.0, 0.18, |ui| {
        let head = if some_run { "No terminal is open here" } else { "No terminals yet" };
        ui.label(RichText::new(head).font(theme::semibold(theme::HEAD)).color(colors.foreground));
        let what = if some_run {
            "Choose one at the left. What runs in it goes on whether it is shown or not."
        } else {
            "A terminal that is started here belongs to a small process of its own: closing, crashing or upgrading this \
             window never ends what runs in it."
        };
        ui.add(Label::new(RichText::new(what).color(colors.muted)).wrap());
        ui.add_space(theme::SPACE_2);
        ui.horizontal(|ui| {
            if Button::new("New session...").main().show(ui).clicked() {
                actions.push(Action::Run(UiCommand::NewSession));
            }
            if Button::new("New terminal").show(ui).clicked() {
                actions.push(Action::StartTerminal { command: None, cwd: None, name: None, agent: false });
            }
        });
    });
}

fn list_ui(ui: &mut Ui, panel: &TerminalsPanel, actions: &mut Actions) {
    ui.horizontal(|ui| {
        if Button::new("New session...").show(ui).clicked() {
            actions.push(Action::Run(UiCommand::NewSession));
        }
        let plain = Button::icon(Lucide::SquareTerminal, "New terminal with your shell").name("New terminal");
        if plain.show(ui).clicked() {
            actions.push(Action::StartTerminal { command: None, cwd: None, name: None, agent: false });
        }
    });
    ui.add_space(theme::SPACE_2);
    let rows = &panel.rows.rows;
    ScrollArea::vertical().auto_shrink(false).show_rows(ui, theme::ROW_TALL, rows.len(), |ui, range| {
        ui.spacing_mut().item_spacing.y = 0.0;
        for row in rows.get(range).unwrap_or_default() {
            let shown = panel.seen.contains(&row.id);
            ui.push_id(&row.id, |ui| row_ui(ui, row, shown, actions));
        }
    });
}

fn row_ui(ui: &mut Ui, row: &TerminalRow, shown: bool, actions: &mut Actions) {
    let colors = palette(ui);
    let (rect, response) =
        ui.allocate_exact_size(vec2(ui.available_width(), theme::ROW_TALL), Sense::click());
    response.widget_info(|| {
        let word = row.ended.as_deref().unwrap_or("running");
        egui::WidgetInfo::selected(egui::Role::Button, true, shown, format!("Terminal {}, {word}", row.name))
    });
    if shown || response.hovered() {
        let fill = if shown { colors.selected } else { colors.hover };
        ui.painter().rect_filled(rect, theme::CONTROL_RADIUS, fill);
    }
    crate::ui::widgets::focus_ring(ui, &response, theme::CONTROL_RADIUS);
    let inner = rect.shrink2(vec2(8.0, 4.0));
    let mut child = ui.new_child(egui::UiBuilder::new().max_rect(inner));
    child.spacing_mut().item_spacing.y = 2.0;
    child.spacing_mut().interact_size.y = 16.0;
    child.horizontal(|ui| {
        let (place, _) = ui.allocate_exact_size(vec2(mark::COLUMN, 16.0), Sense::hover());
        match row.state {
            Some(state) if row.runs => mark::state(ui, place.center(), state, false),
            _ => mark::program(ui, place.center(), row.runs),
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if let Some(ended) = &row.ended {
                caption(ui, ended);
            }
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                let color = if row.runs { colors.foreground } else { colors.muted };
                ui.add(Label::new(RichText::new(&row.name).color(color)).truncate().selectable(false));
            });
        });
    });
    child.horizontal(|ui| {
        ui.add_space(mark::COLUMN + ui.spacing().item_spacing.x);
        let detail = RichText::new(&row.detail).font(theme::regular(theme::CAPTION)).color(colors.muted);
        ui.add(Label::new(detail).truncate().selectable(false));
    });
    let response = response.on_hover_text(&row.detail);
    if response.clicked() {
        actions.push(Action::OpenTerminal(row.id.clone()));
    }
    response.context_menu(|ui| {
        let mut item = |ui: &mut Ui, text: &str, action: Action| {
            if ui.button(text).clicked() {
                actions.push(action);
                ui.close();
            }
        };
        item(ui, "Open", Action::OpenTerminal(row.id.clone()));
        item(ui, "Open beside", Action::SplitTerminal { id: row.id.clone(), below: false });
        item(ui, "Open below", Action::SplitTerminal { id: row.id.clone(), below: true });
        if let Some(session) = row.session {
            item(ui, "Show its session", Action::Select(session));
        }
        item(
            ui,
            "Copy the command to attach",
            Action::Copy { text: format!("magia attach {}", row.id), what: "Command" },
        );
        if row.runs {
            item(ui, "End its program...", Action::kill_terminal(&row.id));
        }
    });
}

/// One terminal, over all the room there is.
pub fn terminal_ui(
    ui: &mut Ui,
    id: &str,
    panel: &mut TerminalsPanel,
    port: &TerminalPort,
    actions: &mut Actions,
) {
    panel.shown.insert(id.to_owned());
    let shared = port.open(id, FIRST);
    shared.looked();
    let facts = shared.facts();
    notes_ui(ui, id, &facts, port, actions);
    let name = panel.rows.row(id).map_or_else(|| id.to_owned(), |row| row.name.clone());
    let style = panel.style.clone();
    let now_s = ui.input(|input| input.time);
    for told in shared.take_told() {
        match told {
            ScreenEvent::Bell => panel.view(id).ring(),
            ScreenEvent::ClipboardStore { text, .. } => panel.wants_copied(id, text, now_s),
            _ => {}
        }
    }
    let over = ui.available_rect_before_wrap();
    if panel.wishes.get(id).is_some_and(|wish| wish_ui(ui, id, over, wish, actions)) {
        panel.wishes.remove(id);
    }
    let view = panel.view(id);
    let sized_elsewhere = !facts.owns_size && facts.connection == Connection::Attached;
    let options = TerminalOptions { style: &style, name: &format!("Terminal of {name}"), sized_elsewhere };
    let events = view.show(ui, &Arc::clone(&shared), &options);
    if view.looks_back() {
        port.older(id);
    }
    act(ui, id, events, port, actions);
}

/// What is said when nothing more is taken.
const UNREAD: &str = "The program does not read what is typed. What was typed last is lost.";

/// What stands over a terminal that is not simply there.
fn notes_ui(ui: &mut Ui, id: &str, facts: &ScreenFacts, port: &TerminalPort, actions: &mut Actions) {
    let connection = &facts.connection;
    let (text, again) = match connection {
        Connection::Attached if facts.refuses_input => (UNREAD.to_owned(), false),
        Connection::Attached => return,
        Connection::Connecting => ("Attaching...".to_owned(), false),
        Connection::Ended { code: 0 } => {
            ("The program has ended. This is its last screen.".to_owned(), false)
        }
        Connection::Ended { code } => {
            (format!("The program has ended with code {code}. This is its last screen."), false)
        }
        Connection::Lost { why } => (format!("Not attached: {why}"), true),
    };
    let colors = palette(ui);
    let frame = Frame::new().fill(colors.card).inner_margin(Margin::symmetric(12, 4));
    Panel::top(egui::Id::unique(("terminal note", id))).resizable(false).frame(frame).show(ui, |ui| {
        ui.horizontal(|ui| {
            ui.label(RichText::new(text).color(colors.muted));
            if again && Button::new("Try again").quiet().show(ui).clicked() {
                // The next frame opens it anew.
                port.close(id);
            }
            if matches!(connection, Connection::Ended { .. })
                && Button::new("Close").quiet().show(ui).clicked()
            {
                actions.push(Action::CloseTerminal(id.to_owned()));
            }
        });
    });
}

fn act(ui: &Ui, id: &str, events: TerminalEvents, port: &TerminalPort, actions: &mut Actions) {
    if let Some(size) = events.size {
        port.resize(
            id,
            Size {
                cols: size.columns,
                rows: size.lines,
                cell_width: size.cell_width,
                cell_height: size.cell_height,
            },
        );
    }
    if events.focus == Some(true) || events.used {
        port.focus(id);
    }
    if !events.bytes.is_empty() && !port.input(id, events.bytes) {
        actions.push(Action::Say("The terminal takes nothing now: that was not typed".to_owned()));
    }
    if let Some(text) = events.copy {
        ui.ctx().copy_text(text);
    }
    if let Some(text) = events.select {
        // Where there is a primary selection, the middle button pastes it.
        ui.ctx().send_cmd(OutputCommand::TextSelectionSettled(text));
    }
    if let Some(url) = events.open {
        ui.ctx().open_url(OpenUrl::new_tab(url));
    }
    if let Some(zoom) = events.zoom {
        actions.push(Action::ZoomTerminal(zoom));
    }
}
