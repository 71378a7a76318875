//! Terminal programs on Windows. Written from the documents and not run there; composing is tested everywhere. The
//! standard library quotes each word as `CommandLineToArgvW` reads it; no `cmd.exe` stands between.

use super::{Attach, Launch, Launcher, Lookup};
use magia_protocol::wire::spawn::SpawnError;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// A terminal program.
#[derive(Debug)]
pub struct WindowsTerminal {
    name: &'static str,
    aliases: &'static [&'static str],
    program: &'static str,
    options: &'static [&'static str],
    /// `;` separates its commands, within quotes too.
    splits: bool,
}

/// In the order in which they are looked for.
pub static WINDOWS: &[WindowsTerminal] = &[
    WindowsTerminal {
        name: "wt",
        aliases: &["windows terminal", "terminal", "default"],
        program: "wt.exe",
        options: &["-w", "new", "new-tab", "--"],
        splits: true,
    },
    WindowsTerminal {
        name: "conhost",
        aliases: &["console"],
        program: "conhost.exe",
        options: &[],
        splits: false,
    },
];

impl Launcher for WindowsTerminal {
    fn name(&self) -> &str {
        self.name
    }

    fn aliases(&self) -> &[&str] {
        self.aliases
    }

    fn find(&self, installed: &dyn Lookup) -> Option<PathBuf> {
        installed.program(self.program)
    }

    fn compose(&self, program: &Path, attach: &Attach) -> Result<Launch, SpawnError> {
        let options = self.options.iter().map(OsString::from);
        let words = attach.words().into_iter().map(|word| match self.splits {
            true => word.to_string_lossy().replace(';', "\\;").into(),
            false => word,
        });
        Ok(Launch::new(program, options.chain(words)))
    }
}
