//! Terminal programs on macOS. Written from the programs' documents and not run there; composing is tested everywhere.
//!
//! No clipboard, no keystrokes. Terminal.app opens a file that only runs the attach client, which needs no permission;
//! iTerm2 is told by AppleScript, its text passed as an argument and never put into the script.

use super::{Attach, LAUNCH_FILE, Launch, Launcher, Lookup, apple_error};
use magia_protocol::wire::spawn::SpawnError;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// How an application takes the program to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Takes {
    /// As a file that it opens.
    File,
    /// As the argument of a script.
    Script(&'static str),
    /// As the words after these, given to the program in its bundle.
    Words(&'static str, &'static [&'static str]),
    /// As the words after these, given to `open -na`.
    Open(&'static [&'static str]),
}

/// A terminal application.
#[derive(Debug)]
pub struct MacTerminal {
    name: &'static str,
    aliases: &'static [&'static str],
    bundle: &'static str,
    takes: Takes,
}

/// The text comes as `argv`: what is quoted there is one argument, never a part of the script.
const ITERM_SCRIPT: &str = "on run argv\n\
    set line to \"\"\n\
    repeat with word in argv\n\
    set line to line & quoted form of (word as text) & \" \"\n\
    end repeat\n\
    tell application \"iTerm2\" to create window with default profile command line\n\
    end run";

/// In the order in which they are looked for.
pub static MACOS: &[MacTerminal] = &[
    MacTerminal {
        name: "terminal",
        aliases: &["terminal.app", "apple_terminal", "default"],
        bundle: "com.apple.Terminal",
        takes: Takes::File,
    },
    MacTerminal {
        name: "iterm2",
        aliases: &["iterm"],
        bundle: "com.googlecode.iterm2",
        takes: Takes::Script(ITERM_SCRIPT),
    },
    MacTerminal {
        name: "ghostty",
        aliases: &[],
        bundle: "com.mitchellh.ghostty",
        takes: Takes::Open(&["-e"]),
    },
    MacTerminal {
        name: "kitty",
        aliases: &[],
        bundle: "net.kovidgoyal.kitty",
        takes: Takes::Words("kitty", &["--"]),
    },
    MacTerminal {
        name: "alacritty",
        aliases: &[],
        bundle: "org.alacritty",
        takes: Takes::Words("alacritty", &["-e"]),
    },
    MacTerminal {
        name: "wezterm",
        aliases: &[],
        bundle: "com.github.wez.wezterm",
        takes: Takes::Words("wezterm", &["start", "--always-new-process", "--"]),
    },
];

impl Launcher for MacTerminal {
    fn name(&self) -> &str {
        self.name
    }

    fn aliases(&self) -> &[&str] {
        self.aliases
    }

    fn find(&self, installed: &dyn Lookup) -> Option<PathBuf> {
        installed.bundle(self.bundle)
    }

    fn compose(&self, bundle: &Path, attach: &Attach) -> Result<Launch, SpawnError> {
        let open = Path::new("/usr/bin/open");
        Ok(match self.takes {
            Takes::File => Launch {
                file: Some((
                    format!("open-{}.command", attach.id),
                    format!("#!/bin/sh\nrm -f \"$0\"\nexec {}\n", attach.shell_text()),
                )),
                ..Launch::new(open, ["-a".into(), bundle.into(), LAUNCH_FILE.into()])
            },
            Takes::Script(script) => {
                let arguments = ["-e".into(), script.into()].into_iter().chain(attach.words());
                Launch::new(Path::new("/usr/bin/osascript"), arguments)
            }
            Takes::Words(program, options) => {
                let options = options.iter().map(OsString::from).chain(attach.words());
                Launch::new(&bundle.join("Contents/MacOS").join(program), options)
            }
            Takes::Open(options) => {
                let arguments = ["-na".into(), bundle.into(), "--args".into()];
                let options = options.iter().map(OsString::from).chain(attach.words());
                Launch::new(open, arguments.into_iter().chain(options))
            }
        })
    }

    fn failure(&self, code: Option<i32>, last_line: &str) -> SpawnError {
        apple_error(self.name, code, last_line)
    }
}
