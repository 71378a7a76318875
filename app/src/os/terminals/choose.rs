//! Which terminal program is meant: the request's, the settings', the one that magia runs in, the desktop's, any.

use super::desktop::Entry;
use super::{Display, Launcher, Lookup, Template};
use magia_core::settings::TerminalChoice;
use magia_core::spawn::Wish;
use magia_protocol::wire::nearest::nearest;
use magia_protocol::wire::spawn::{SpawnCode, SpawnError};
use std::path::PathBuf;

/// What the choice rests on.
#[derive(Clone, Copy)]
pub struct Surroundings<'a> {
    /// The environment of this program.
    pub env: &'a dyn Fn(&str) -> Option<String>,
    /// What is installed.
    pub installed: &'a dyn Lookup,
    /// The terminal programs that are known, in the order in which they are looked for.
    pub launchers: &'a [&'static dyn Launcher],
    /// Whether windows need `DISPLAY` or `WAYLAND_DISPLAY`.
    pub needs_display: bool,
    /// Whether magia has a window, which can show a terminal too.
    pub window: bool,
}

impl std::fmt::Debug for Surroundings<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Surroundings").field("launchers", &self.launchers).finish_non_exhaustive()
    }
}

/// Where a terminal is shown.
#[derive(Clone, Debug)]
pub enum Chosen<'a> {
    /// In a program that is known.
    Program {
        /// Which.
        launcher: &'static dyn Launcher,
        /// Where it is.
        program: PathBuf,
    },
    /// In a program that a desktop entry describes.
    Entry(Box<Entry>),
    /// In what the user's own command opens.
    Template {
        /// The user's words.
        template: Template<'a>,
        /// Where the program is.
        program: PathBuf,
    },
    /// In magia's window.
    Builtin,
    /// Nowhere.
    Nowhere,
}

/// Variables that a terminal sets for what runs in it.
const MARKS: &[(&str, &str)] = &[
    ("GHOSTTY_RESOURCES_DIR", "ghostty"),
    ("KITTY_PID", "kitty"),
    ("WEZTERM_PANE", "wezterm"),
    ("ALACRITTY_SOCKET", "alacritty"),
    ("ALACRITTY_WINDOW_ID", "alacritty"),
    ("KONSOLE_VERSION", "konsole"),
    ("GNOME_TERMINAL_SCREEN", "gnome-terminal"),
    ("TILIX_ID", "tilix"),
    ("TERMINATOR_UUID", "terminator"),
    ("WT_SESSION", "wt"),
    ("XTERM_VERSION", "xterm"),
];

/// Terminals of desktops, as `XDG_CURRENT_DESKTOP` names these.
const DESKTOPS: &[(&str, &[&str])] = &[
    ("gnome", &["ptyxis", "kgx", "gnome-terminal"]),
    ("unity", &["gnome-terminal"]),
    ("x-cinnamon", &["gnome-terminal"]),
    ("kde", &["konsole"]),
    ("xfce", &["xfce4-terminal"]),
    ("mate", &["mate-terminal"]),
    ("lxqt", &["qterminal"]),
    ("lxde", &["lxterminal"]),
    ("sway", &["foot"]),
    ("hyprland", &["foot", "kitty"]),
];

/// Chooses.
///
/// # Errors
/// `TERMINAL_NOT_FOUND` for a name that nobody knows, or when there is no terminal at all; `NO_DISPLAY` when there is
/// nowhere to show one.
pub fn choose<'a>(
    wish: &Wish,
    setting: &'a TerminalChoice,
    around: Surroundings<'a>,
) -> Result<Chosen<'a>, SpawnError> {
    match wish {
        Wish::Nowhere => return Ok(Chosen::Nowhere),
        Wish::Builtin => return around.builtin(),
        Wish::Named(name) => {
            let known = around.launchers.iter().any(|launcher| launcher.is_named(name));
            if !known {
                return Err(around.unknown(name));
            }
        }
        Wish::Usual => {}
    }
    if around.needs_display && around.display() == Display::default() {
        return Err(no_display());
    }
    if let Wish::Named(name) = wish
        && let Some(chosen) = around.named(name)
    {
        return Ok(chosen);
    }
    match setting {
        TerminalChoice::Template(words) if *wish == Wish::Usual => {
            let template = Template(words);
            let program = template.find(around.installed)?;
            return Ok(Chosen::Template { template, program });
        }
        TerminalChoice::Named(name) if name.eq_ignore_ascii_case("builtin") && *wish == Wish::Usual => {
            return around.builtin();
        }
        TerminalChoice::Named(name) => {
            if let Some(chosen) = around.named(name) {
                return Ok(chosen);
            }
        }
        TerminalChoice::Template(_) | TerminalChoice::Usual => {}
    }
    let found = around.own_terminal().or_else(|| around.of_desktop()).or_else(|| around.any());
    match found {
        Some(chosen) => Ok(chosen),
        None if around.window => Ok(Chosen::Builtin),
        None => Err(SpawnError::not_found("none of those that magia knows")),
    }
}

impl<'a> Surroundings<'a> {
    fn display(&self) -> Display {
        let set = |name: &str| (self.env)(name).is_some_and(|value| !value.is_empty());
        Display { x11: set("DISPLAY"), wayland: set("WAYLAND_DISPLAY") }
    }

    fn builtin(&self) -> Result<Chosen<'a>, SpawnError> {
        match self.window {
            true => Ok(Chosen::Builtin),
            false => Err(SpawnError::new(SpawnCode::NoDisplay, "magia runs without a window")
                .remedy("name a terminal program, or ask for \"none\" and run `magia attach ID`")),
        }
    }

    fn unknown(&self, name: &str) -> SpawnError {
        let shown: String = name.chars().filter(|c| !c.is_control()).take(64).collect();
        let err = SpawnError::not_found(&shown);
        let typed = name.to_lowercase();
        match nearest(&typed, self.launchers.iter().map(|launcher| launcher.name())) {
            Some(near) => err.remedy(format!("did you mean {near}?")),
            None => {
                let names: Vec<&str> = self.launchers.iter().map(|launcher| launcher.name()).collect();
                err.remedy(format!("known are builtin, none, {}", names.join(", ")))
            }
        }
    }

    /// The terminal of that name, when it is installed and can be shown.
    fn named(&self, name: &str) -> Option<Chosen<'a>> {
        let display = self.display();
        let named = self.launchers.iter().filter(|launcher| launcher.is_named(name));
        let mut shown = named.filter(|launcher| !self.needs_display || launcher.shows_on(display));
        shown.find_map(|launcher| {
            let program = launcher.find(self.installed)?;
            Some(Chosen::Program { launcher: *launcher, program })
        })
    }

    /// The terminal that magia was started in.
    fn own_terminal(&self) -> Option<Chosen<'a>> {
        let marked = MARKS.iter().filter(|(variable, _)| (self.env)(variable).is_some());
        let program = (self.env)("TERM_PROGRAM");
        marked.map(|(_, name)| (*name).to_owned()).chain(program).find_map(|name| self.named(&name))
    }

    /// What the user or the desktop has chosen for all programs.
    fn of_desktop(&self) -> Option<Chosen<'a>> {
        let by_command = || self.named("xdg-terminal-exec");
        let by_list = || self.installed.preferred_entries().iter().find_map(|name| self.named(name));
        let by_desktop = || {
            let desktops = (self.env)("XDG_CURRENT_DESKTOP").unwrap_or_default().to_lowercase();
            let of =
                |desktop: &str| DESKTOPS.iter().find(|(name, _)| *name == desktop).map(|(_, names)| *names);
            desktops.split(':').filter_map(of).flatten().find_map(|name| self.named(name))
        };
        by_command().or_else(by_list).or_else(by_desktop).or_else(|| self.named("x-terminal-emulator"))
    }

    fn any(&self) -> Option<Chosen<'a>> {
        let known = || self.launchers.iter().find_map(|launcher| self.named(launcher.name()));
        let entry =
            || self.installed.desktop_entries().into_iter().next().map(|one| Chosen::Entry(Box::new(one)));
        known().or_else(entry)
    }
}

fn no_display() -> SpawnError {
    SpawnError::new(SpawnCode::NoDisplay, "there is no display: neither DISPLAY nor WAYLAND_DISPLAY is set")
        .remedy("start magia on the desktop, or ask for \"none\" and run `magia attach ID` where you are")
}
