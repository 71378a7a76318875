//! Terminal programs: which there are, which one is meant, and how each is told to run the attach client.
//!
//! One rule makes all of them safe: nothing of a request stands on a terminal's command line. The program, its
//! arguments, directory and variables are the holder's already; the terminal gets `<magia> attach ID --spawn-nonce HEX`
//! and nothing else, so its way of quoting, expanding or asking a shell does not matter.
//!
//! [`Launcher`] is what a terminal program is to the rest; composing a command line is pure, so the tables of all
//! systems are tested on any.

mod apple;
mod choose;
mod desktop;
mod installed;
mod linux;
mod macos;
mod start;
mod template;
mod windows;

pub use apple::apple_error;
pub use choose::{Chosen, Surroundings, choose};
pub use desktop::Entry;
pub use installed::Installed;
pub use linux::LINUX;
pub use macos::MACOS;
pub use start::{Ended, Started, start};
pub use template::Template;
pub use windows::WINDOWS;

use magia_protocol::wire::spawn::SpawnError;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long an attach client may take to report back.
pub const USUAL_PATIENCE: Duration = Duration::from_secs(10);

/// What a terminal program runs.
#[derive(Clone, Debug)]
pub struct Attach {
    /// The command line program, `magia`.
    pub exe: PathBuf,
    /// The terminal's id: letters, digits, `_` and `-`.
    pub id: String,
    /// The word by which its client is known, hexadecimal.
    pub nonce: String,
    /// The working directory; for the templates of the user alone.
    pub cwd: PathBuf,
    /// What the terminal is called; for the templates of the user alone.
    pub title: String,
}

impl Attach {
    /// Program and arguments.
    pub fn words(&self) -> [OsString; 5] {
        [
            self.exe.clone().into_os_string(),
            "attach".into(),
            self.id.clone().into(),
            "--spawn-nonce".into(),
            self.nonce.clone().into(),
        ]
    }

    /// The words as a POSIX shell reads them back. The path is the only one that may need quoting.
    pub fn shell_text(&self) -> String {
        let words = self.words();
        let words: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
        shell_words::join(words.iter())
    }
}

/// A command that opens a terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Launch {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// A file that must be there first, for the owner alone to run: its name in the runtime directory, and its text.
    /// The arguments name it as [`LAUNCH_FILE`].
    pub file: Option<(String, String)>,
}

/// Stands in arguments for the path of [`Launch::file`].
pub const LAUNCH_FILE: &str = "{file}";

impl Launch {
    /// A command without a file.
    pub fn new(program: &Path, arguments: impl IntoIterator<Item = OsString>) -> Self {
        Self { program: program.to_owned(), arguments: arguments.into_iter().collect(), file: None }
    }
}

/// Where windows can be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Display {
    /// An X server.
    pub x11: bool,
    /// A Wayland compositor.
    pub wayland: bool,
}

/// A kind of terminal program.
pub trait Launcher: std::fmt::Debug + Sync {
    /// What it is called in requests, settings and replies.
    fn name(&self) -> &str;

    /// Other names, lower case.
    fn aliases(&self) -> &[&str];

    /// Whether it can show a window there. Away from X11 and Wayland there is one kind of display.
    fn shows_on(&self, _display: Display) -> bool {
        true
    }

    /// Its program, when it is installed.
    fn find(&self, installed: &dyn Lookup) -> Option<PathBuf>;

    /// The command that opens a window with the attach client in it.
    ///
    /// # Errors
    /// When this terminal cannot be told to run the program, because of the path that it lies under.
    fn compose(&self, program: &Path, attach: &Attach) -> Result<Launch, SpawnError>;

    /// How long its window may take to appear.
    fn patience(&self) -> Duration {
        USUAL_PATIENCE
    }

    /// What an early end of it means. Most say only a code and a line of text.
    fn failure(&self, code: Option<i32>, last_line: &str) -> SpawnError {
        failed(self.name(), code, last_line)
    }

    /// Whether a request names it.
    fn is_named(&self, typed: &str) -> bool {
        let typed = typed.trim().to_lowercase();
        let typed = typed.strip_suffix(".app").unwrap_or(&typed);
        typed == self.name() || self.aliases().contains(&typed)
    }
}

/// What is installed.
pub trait Lookup {
    /// A program of that name in `PATH`.
    fn program(&self, name: &str) -> Option<PathBuf>;

    /// The bundle of a macOS application, by its identifier.
    fn bundle(&self, id: &str) -> Option<PathBuf>;

    /// Names of the terminals that the user prefers, by `xdg-terminals.list`, the best first.
    fn preferred_entries(&self) -> Vec<String>;

    /// Terminal programs that the desktop's entries describe, and which are installed.
    fn desktop_entries(&self) -> Vec<Entry>;
}

/// A terminal program that ended by itself before anything was shown.
pub fn failed(name: &str, code: Option<i32>, last_line: &str) -> SpawnError {
    use magia_protocol::wire::spawn::SpawnCode;
    let code = code.map_or("a signal".to_owned(), |code| format!("code {code}"));
    let said = if last_line.is_empty() { String::new() } else { format!(": {last_line}") };
    SpawnError::new(
        SpawnCode::TerminalFailed,
        format!("Process launch failed: {name} ended with {code}{said}"),
    )
    .remedy(format!("start {name} by hand to see what it wants, or choose another terminal"))
}

/// The terminal programs of this system, in the order in which they are looked for.
pub fn all() -> Vec<&'static dyn Launcher> {
    if cfg!(windows) {
        WINDOWS.iter().map(|one| one as &dyn Launcher).collect()
    } else if cfg!(target_os = "macos") {
        MACOS.iter().map(|one| one as &dyn Launcher).collect()
    } else {
        LINUX.iter().map(|one| one as &dyn Launcher).collect()
    }
}

#[cfg(test)]
mod tests;
