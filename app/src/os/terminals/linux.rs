//! Terminal programs on Linux and other systems with X11 or Wayland. Each form was tried with the named version, the
//! last five were taken from the programs' own manuals.

use super::{Attach, Display, Launch, Launcher, Lookup, USUAL_PATIENCE};
use magia_protocol::wire::spawn::SpawnError;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How a terminal takes the program to run, after its own options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Takes {
    /// As the words that follow.
    Words,
    /// As one text that it splits as a shell does.
    Text,
}

/// A terminal program.
#[derive(Debug)]
pub struct LinuxTerminal {
    name: &'static str,
    aliases: &'static [&'static str],
    options: &'static [&'static str],
    takes: Takes,
    shows: Shows,
    patience: Duration,
}

#[derive(Clone, Copy, Debug)]
enum Shows {
    X11,
    Wayland,
    Both,
}

const fn words(
    name: &'static str,
    aliases: &'static [&'static str],
    shows: Shows,
    options: &'static [&'static str],
) -> LinuxTerminal {
    LinuxTerminal { name, aliases, options, takes: Takes::Words, shows, patience: USUAL_PATIENCE }
}

/// In the order in which they are looked for when neither request, settings nor desktop name one.
pub static LINUX: &[LinuxTerminal] = &[
    // Its own choice is the user's; options before the command differ between its versions, so none are given.
    words("xdg-terminal-exec", &["xdg"], Shows::Both, &[]),
    words("ghostty", &["ghostty-gtk"], Shows::Both, &["--gtk-single-instance=false", "-e"]),
    // 0.26.5. Its cold start takes seconds.
    LinuxTerminal { patience: Duration::from_secs(15), ..words("kitty", &[], Shows::Both, &["--"]) },
    // 0.11
    words("alacritty", &[], Shows::Both, &["-e"]),
    words("wezterm", &["wezterm-gui"], Shows::Both, &["start", "--always-new-process", "--"]),
    // 1.13
    words("foot", &[], Shows::Wayland, &["--"]),
    words("ptyxis", &[], Shows::Both, &["--new-window", "--"]),
    words("kgx", &["gnome-console", "console"], Shows::Both, &["--"]),
    // 3.46. Its window is its server's child.
    words("gnome-terminal", &["gnome"], Shows::Both, &["--"]),
    // 22.12
    words("konsole", &["kde"], Shows::Both, &["--separate", "-e"]),
    // 1.0.4
    words("xfce4-terminal", &["xfce4", "xfce"], Shows::Both, &["--disable-server", "-x"]),
    // 1.26
    words("mate-terminal", &["mate"], Shows::Both, &["--disable-factory", "--"]),
    // 1.9
    LinuxTerminal { takes: Takes::Text, ..words("tilix", &[], Shows::Both, &["--new-process", "-e"]) },
    // 2.1
    words("terminator", &[], Shows::Both, &["-u", "-x"]),
    // 1.2
    words("qterminal", &["lxqt"], Shows::Both, &["-e"]),
    // 0.4
    words("lxterminal", &["lxde"], Shows::X11, &["--no-remote", "-e"]),
    words("x-terminal-emulator", &["terminal", "default"], Shows::X11, &["-e"]),
    // 379. It tries a single word after -e as a shell's text; there are always five.
    words("xterm", &[], Shows::X11, &["-e"]),
];

impl Launcher for LinuxTerminal {
    fn name(&self) -> &str {
        self.name
    }

    fn aliases(&self) -> &[&str] {
        self.aliases
    }

    fn shows_on(&self, display: Display) -> bool {
        match self.shows {
            Shows::X11 => display.x11,
            Shows::Wayland => display.wayland,
            Shows::Both => display.x11 || display.wayland,
        }
    }

    fn find(&self, installed: &dyn Lookup) -> Option<PathBuf> {
        installed.program(self.name)
    }

    fn compose(&self, program: &Path, attach: &Attach) -> Result<Launch, SpawnError> {
        let mut arguments: Vec<OsString> = self.options.iter().map(OsString::from).collect();
        match self.takes {
            Takes::Words => arguments.extend(attach.words()),
            Takes::Text => arguments.push(attach.shell_text().into()),
        }
        Ok(Launch::new(program, arguments))
    }

    fn patience(&self) -> Duration {
        self.patience
    }
}
