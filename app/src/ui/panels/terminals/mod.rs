//! Terminals: the page with tabs and splits, and the terminal beside a session's timeline.
//!
//! A tab shows a terminal that a holder keeps. Closing it detaches and says so; the program goes on.

mod data;
mod tiles;
mod ui;
mod wish;

pub use data::{TerminalRow, TerminalsData};
pub use ui::{terminal_ui, terminals_ui};

use crate::terminal_link::TerminalPort;
use crate::ui::terminal::{TerminalStyle, TerminalView};
use eframe::egui::Id;
use egui_tiles::{Container, LinearDir, SimplificationOptions, Tile, TileId, Tree};
use magia_core::snapshot::Snapshot;
use magia_protocol::wire::TerminalState;
use std::collections::{HashMap, HashSet};

/// What the terminals page and the session page keep of terminals.
pub struct TerminalsPanel {
    /// Tabs and splits: a pane is a terminal's id.
    tree: Tree<String>,
    views: HashMap<String, TerminalView>,
    /// What programs want on the clipboard, by terminal.
    wishes: HashMap<String, wish::Wish>,
    /// Started from this window, not in the list yet: the id, and whether an agent runs in it.
    started: Vec<(String, bool)>,
    /// Terminals whose agent's session is to be shown as soon as there is one.
    awaited: HashSet<String>,
    /// Shown in the last frame: what is not shown any more is detached from.
    shown: HashSet<String>,
    shown_before: HashSet<String>,
    /// On screen in the last frame.
    seen: HashSet<String>,
    style: TerminalStyle,
    rows: TerminalsData,
    revision: u64,
}

impl Default for TerminalsPanel {
    fn default() -> Self {
        Self {
            tree: Tree::empty(Id::unique("terminals")),
            views: HashMap::new(),
            wishes: HashMap::new(),
            started: Vec::new(),
            awaited: HashSet::new(),
            shown: HashSet::new(),
            shown_before: HashSet::new(),
            seen: HashSet::new(),
            style: TerminalStyle::default(),
            rows: TerminalsData::default(),
            revision: 0,
        }
    }
}

impl std::fmt::Debug for TerminalsPanel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TerminalsPanel").field("tabs", &self.tabs()).finish_non_exhaustive()
    }
}

/// What a new snapshot means for terminals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Arrived {
    /// A terminal that was started here is there.
    Terminal(String),
    /// The session of an agent that was started here is there.
    Session(magia_protocol::wire::SessionId),
}

impl TerminalsPanel {
    /// Takes notice of a new snapshot.
    pub fn follow(&mut self, snapshot: &Snapshot) -> Vec<Arrived> {
        self.style = TerminalStyle::from(&*snapshot.settings);
        if self.revision != snapshot.revision {
            self.revision = snapshot.revision;
            self.rows = TerminalsData::new(snapshot);
        }
        let mut arrived = Vec::new();
        let is_there = |id: &str| snapshot.terminals.iter().any(|known| known.id == id);
        for (id, agent) in std::mem::take(&mut self.started) {
            if !is_there(&id) {
                self.started.push((id, agent));
            } else {
                self.open(&id);
                if agent {
                    self.awaited.insert(id.clone());
                }
                arrived.push(Arrived::Terminal(id));
            }
        }
        for known in &snapshot.terminals {
            if let Some(session) = known.sessions.first()
                && self.awaited.remove(&known.id)
            {
                arrived.push(Arrived::Session(*session));
            }
            if known.state != TerminalState::Running {
                self.awaited.remove(&known.id);
            }
        }
        arrived
    }

    /// A terminal is being started under this id; its tab opens when it is there.
    pub fn expect(&mut self, id: String, agent: bool) {
        self.started.push((id, agent));
    }

    /// Opens a tab, or brings the one that there is to the front.
    pub fn open(&mut self, id: &str) {
        let known = self.tree.tiles.find_pane(&id.to_owned());
        let tile = match (known, self.tree.root()) {
            (Some(tile), _) => tile,
            (None, Some(root)) => {
                let pane = self.tree.tiles.insert_pane(id.to_owned());
                match self.tree.tiles.get_mut(root) {
                    Some(Tile::Container(Container::Tabs(tabs))) => tabs.add_child(pane),
                    _ => {
                        let tabs = self.tree.tiles.insert_tab_tile(vec![root, pane]);
                        self.tree.root = Some(tabs);
                    }
                }
                pane
            }
            (None, None) => {
                let pane = self.tree.tiles.insert_pane(id.to_owned());
                let tabs = self.tree.tiles.insert_tab_tile(vec![pane]);
                self.tree.root = Some(tabs);
                pane
            }
        };
        self.tree.make_active(|other, _| other == tile);
        self.view(id).focus();
    }

    /// Puts a terminal beside what is shown, or under it.
    pub fn split(&mut self, id: &str, dir: LinearDir) {
        let Some(root) = self.tree.root() else { return self.open(id) };
        if let Some(tile) = self.tree.tiles.find_pane(&id.to_owned()) {
            if self.tabs().len() == 1 {
                return;
            }
            self.tree.remove_recursively(tile);
        }
        let pane = self.tree.tiles.insert_pane(id.to_owned());
        let tabs = self.tree.tiles.insert_tab_tile(vec![pane]);
        let beside = match dir {
            LinearDir::Horizontal => self.tree.tiles.insert_horizontal_tile(vec![root, tabs]),
            LinearDir::Vertical => self.tree.tiles.insert_vertical_tile(vec![root, tabs]),
        };
        self.tree.root = Some(beside);
        self.tree.make_active(|other, _| other == pane);
        self.view(id).focus();
    }

    /// Takes a tab away.
    pub fn close(&mut self, id: &str) {
        if let Some(tile) = self.tree.tiles.find_pane(&id.to_owned()) {
            self.tree.remove_recursively(tile);
        }
        let options =
            SimplificationOptions { all_panes_must_have_tabs: true, ..SimplificationOptions::default() };
        self.tree.simplify(&options);
    }

    /// How terminals look.
    pub const fn style(&self) -> &TerminalStyle {
        &self.style
    }

    /// The ids of the tabs.
    pub fn tabs(&self) -> Vec<String> {
        let pane = |(_, tile): (&TileId, &Tile<String>)| match tile {
            Tile::Pane(id) => Some(id.clone()),
            Tile::Container(_) => None,
        };
        let mut tabs: Vec<String> = self.tree.tiles.iter().filter_map(pane).collect();
        tabs.sort();
        tabs
    }

    fn view(&mut self, id: &str) -> &mut TerminalView {
        let widget = Id::unique(("terminal", id));
        self.views.entry(id.to_owned()).or_insert_with(|| TerminalView::new(widget))
    }

    /// A program wants this on the clipboard.
    fn wants_copied(&mut self, id: &str, text: String, now_s: f64) {
        let same = self.wishes.get(id).is_some_and(|known| known.is_for(&text));
        if !same && !text.is_empty() {
            self.wishes.insert(id.to_owned(), wish::Wish::new(text, now_s));
        }
    }

    /// After a frame: detaches from what is no longer shown and in no tab.
    pub fn end_frame(&mut self, port: &TerminalPort) {
        let tabs: HashSet<String> = self.tabs().into_iter().collect();
        let gone = self.shown_before.iter().filter(|id| !self.shown.contains(*id) && !tabs.contains(*id));
        for id in gone {
            port.close(id);
            self.views.remove(id);
            self.wishes.remove(id);
        }
        self.seen = std::mem::take(&mut self.shown);
        self.shown_before.retain(|id| tabs.contains(id));
        self.shown_before.extend(self.seen.iter().cloned());
    }

    /// Closes the search in a terminal that is on screen, the one that has the keyboard first. Returns whether there was one.
    pub fn stop_find(&mut self) -> bool {
        let searching =
            self.seen.iter().filter_map(|id| Some((self.views.get(id)?.finds()?, id.clone()))).max();
        let view = searching.and_then(|(_, id)| self.views.get_mut(&id));
        view.map(TerminalView::stop_find).is_some()
    }
}
