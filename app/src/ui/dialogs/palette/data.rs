//! What the palette offers and finds. Collected when it opens: nothing moves under the keys while it is open.

use crate::ui::provider;
use crate::ui::text::{short_path, shown_line};
use magia_core::fuzzy::{Hay, Needle};
use magia_core::keys::UiCommand;
use magia_core::settings::spec::SPECS;
use magia_core::snapshot::Snapshot;
use magia_protocol::wire::SessionId;
use std::cmp::Reverse;
use std::collections::HashSet;

/// Choices that are remembered, to come first the next time.
const RECENT_MAX: usize = 20;

/// What a command is worth more than a session whose title fits as well.
const COMMAND_BONUS: i32 = 12;
/// A project.
const PROJECT_BONUS: i32 = 6;
/// What was chosen before.
const RECENT_BONUS: i32 = 16;

/// What is done with an entry.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// Run it.
    Command(UiCommand),
    /// Show it.
    Session(SessionId),
    /// Begin a session in this directory.
    Project(String),
    /// Show it on the settings page.
    Setting(&'static str),
}

/// An entry.
#[derive(Clone, Debug)]
pub struct Item {
    /// What choosing it does.
    pub target: Target,
    /// What it is called.
    pub text: String,
    /// What kind of thing it is, and where.
    pub detail: String,
    hay: Hay,
    bonus: i32,
}

impl Item {
    fn new(target: Target, text: String, detail: String, bonus: i32) -> Self {
        let hay = Hay::new(&format!("{text} {detail}"));
        Self { target, text, detail, hay, bonus }
    }

    /// Which characters of text and detail were meant by what is typed.
    pub fn places(&self, needle: &Needle) -> (Vec<usize>, Vec<usize>) {
        let length = self.text.chars().count();
        let places = needle.places(&self.hay);
        let text = places.iter().copied().filter(|at| *at < length).collect();
        let detail = places.iter().copied().filter(|at| *at > length).map(|at| at - length - 1).collect();
        (text, detail)
    }
}

/// The palette's state.
#[derive(Debug, Default)]
pub struct Palette {
    /// What is typed.
    pub query: String,
    items: Vec<Item>,
    /// Places in `items`, best first.
    found: Vec<usize>,
    /// What `found` was made of.
    asked: Option<String>,
    needle: Needle,
    at: usize,
    recent: Vec<Target>,
    /// The field has had the keyboard.
    pub(super) entered: bool,
    /// The chosen row is to be scrolled to.
    pub(super) reveal: bool,
}

impl Palette {
    /// Collects what there is.
    pub fn open(&mut self, snapshot: &Snapshot) {
        self.query.clear();
        self.items = collect(snapshot);
        self.asked = None;
        self.entered = false;
        self.search();
    }

    /// Forgets what was collected.
    pub fn close(&mut self) {
        self.items = Vec::new();
        self.found = Vec::new();
    }

    /// Finds anew when something else is typed.
    pub fn search(&mut self) {
        if self.asked.as_ref() == Some(&self.query) {
            return;
        }
        self.asked = Some(self.query.clone());
        self.needle = Needle::new(&self.query);
        self.at = 0;
        self.reveal = true;
        let recent = |target: &Target| self.recent.iter().position(|known| known == target);
        if self.needle.is_empty() {
            let mut found: Vec<usize> = (0..self.items.len()).collect();
            // Stable: the rest stays in the order in which it was collected.
            let rank = |at: &usize| self.items.get(*at).and_then(|item| recent(&item.target));
            found.sort_by_key(|at| rank(at).unwrap_or(usize::MAX));
            self.found = found;
            return;
        }
        let mut scored: Vec<(i32, usize)> = Vec::new();
        for (at, item) in self.items.iter().enumerate() {
            if let Some(score) = self.needle.score(&item.hay) {
                let known = recent(&item.target).map_or(0, |_| RECENT_BONUS);
                scored.push((score + item.bonus + known, at));
            }
        }
        scored.sort_unstable_by_key(|(score, at)| (Reverse(*score), *at));
        self.found = scored.into_iter().map(|(_, at)| at).collect();
    }

    /// How many were found.
    pub fn count(&self) -> usize {
        self.found.len()
    }

    /// The entry in a row.
    pub fn row(&self, row: usize) -> Option<&Item> {
        self.items.get(*self.found.get(row)?)
    }

    /// The chosen row.
    pub const fn at(&self) -> usize {
        self.at
    }

    /// What is looked for.
    pub const fn needle(&self) -> &Needle {
        &self.needle
    }

    /// Goes up or down; from an end to the other by single steps.
    pub fn step(&mut self, by: isize) {
        let count = self.found.len();
        if count == 0 {
            return;
        }
        let last = count - 1;
        self.at = match by {
            -1 if self.at == 0 => last,
            1 if self.at == last => 0,
            by => self.at.saturating_add_signed(by).min(last),
        };
        self.reveal = true;
    }

    /// Notes that something was chosen.
    pub fn note(&mut self, target: &Target) {
        self.recent.retain(|known| known != target);
        self.recent.insert(0, target.clone());
        self.recent.truncate(RECENT_MAX);
    }
}

fn collect(snapshot: &Snapshot) -> Vec<Item> {
    let mut items = Vec::with_capacity(snapshot.sessions.len() + 80);
    for command in UiCommand::ALL.iter().copied().filter(|command| command.in_palette()) {
        let target = Target::Command(command);
        items.push(Item::new(target, command.label().to_owned(), String::new(), COMMAND_BONUS));
    }
    let mut sessions: Vec<_> = snapshot.sessions.iter().collect();
    sessions.sort_by_key(|session| Reverse(session.last_activity_ms));
    let mut projects = Vec::new();
    let mut known = HashSet::new();
    for session in sessions {
        let agent = provider::name(session.provider);
        let detail = format!("{} · {} · {agent}", shown_line(&session.project, 40), session.state);
        items.push(Item::new(Target::Session(session.id), shown_line(&session.title, 120), detail, 0));
        if !session.cwd.is_empty() && known.insert(session.cwd.as_str()) {
            projects.push((session.project.as_str(), session.cwd.as_str()));
        }
    }
    for (project, cwd) in projects {
        let detail = format!("New session in {}", short_path(&shown_line(cwd, 200)));
        let target = Target::Project(cwd.to_owned());
        items.push(Item::new(target, shown_line(project, 60), detail, PROJECT_BONUS));
    }
    for spec in SPECS {
        let detail = format!("Setting · {} · {}", spec.section.label(), spec.key);
        items.push(Item::new(Target::Setting(spec.key), spec.label.to_owned(), detail, 0));
    }
    items
}
