//! Desktop entries of terminal programs that no table knows.
//!
//! Source: the Desktop Entry Specification, and the draft Default Terminal one (`X-TerminalArgExec`, usual value `-e`).

use super::{Attach, Launch};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// What an entry says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The file's name without `.desktop`.
    pub name: String,
    /// Program and its own arguments.
    pub exec: Vec<String>,
    /// What stands before the command to run; empty is nothing.
    pub before_command: String,
}

impl Entry {
    /// Reads an entry; `None` when it is no terminal's, is hidden, or cannot be used.
    pub fn parse(name: &str, text: &str) -> Option<Self> {
        let section = text.split("\n[").next()?.trim_start().strip_prefix("[Desktop Entry]")?;
        let value = |wanted: &str| {
            let mut pairs = section.lines().filter_map(|line| line.split_once('='));
            pairs.find(|(key, _)| key.trim() == wanted).map(|(_, value)| value.trim())
        };
        let is_terminal = value("Categories")?.split(';').any(|category| category == "TerminalEmulator");
        let hidden = ["Hidden", "NoDisplay", "Terminal"].iter().any(|key| value(key) == Some("true"));
        if !is_terminal || hidden {
            return None;
        }
        let exec: Vec<String> = shell_words::split(value("Exec")?)
            .ok()?
            .into_iter()
            .filter(|word| !word.starts_with('%') && !word.starts_with("@@"))
            .map(|word| word.replace("%%", "%"))
            .collect();
        let before = value("X-TerminalArgExec").or_else(|| value("TerminalArgExec")).unwrap_or("-e");
        let name = name.strip_suffix(".desktop").unwrap_or(name).to_owned();
        (!exec.is_empty()).then_some(Self { name, exec, before_command: before.to_owned() })
    }

    /// The command. `program` is the first word, found.
    pub fn compose(&self, program: &Path, attach: &Attach) -> Launch {
        let own = self.exec.iter().skip(1).map(OsString::from);
        let before = Some(&self.before_command).filter(|word| !word.is_empty()).map(OsString::from);
        Launch::new(program, own.chain(before).chain(attach.words()))
    }

    /// Its program, when that is there.
    pub fn find(&self, path: &dyn Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
        let named = self.exec.first()?;
        match Path::new(named) {
            absolute if absolute.is_absolute() => absolute.is_file().then(|| absolute.to_owned()),
            _ => path(named),
        }
    }
}

/// The name of the terminal in a desktop id, as `konsole` of `org.kde.konsole.desktop`.
pub fn short_name(id: &str) -> Option<String> {
    let id = id.trim();
    let id = id.split(':').next()?.strip_suffix(".desktop")?;
    let last = id.rsplit('.').next()?.to_lowercase();
    Some(match (id, last.as_str()) {
        ("org.gnome.Terminal", _) => "gnome-terminal".to_owned(),
        ("org.gnome.Console", _) => "kgx".to_owned(),
        ("com.gexperts.Tilix", _) => "tilix".to_owned(),
        _ => last,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_of_terminals_are_read() {
        let text = "[Desktop Entry]\nName=Foo\nExec=/usr/bin/flatpak run --command=foo org.foo.Foo @@u %U @@\n\
                    Categories=System;TerminalEmulator;\nX-TerminalArgExec=--\n\n[Desktop Action new]\nExec=evil\n";
        let entry = Entry::parse("org.foo.Foo.desktop", text).unwrap();
        assert_eq!(entry.exec, ["/usr/bin/flatpak", "run", "--command=foo", "org.foo.Foo"]);
        assert_eq!((entry.name.as_str(), entry.before_command.as_str()), ("org.foo.Foo", "--"));
        for other in [
            "[Desktop Entry]\nExec=vim\nCategories=Editor;\n",
            "[Desktop Entry]\nExec=x\nCategories=TerminalEmulator;\nNoDisplay=true\n",
            "[Desktop Entry]\nExec='x\nCategories=TerminalEmulator;\n",
            "[Desktop Entry]\nExec=%U\nCategories=TerminalEmulator;\n",
            "",
        ] {
            assert_eq!(Entry::parse("x.desktop", other), None, "{other}");
        }
    }

    #[test]
    fn ids_have_names() {
        let check = |id: &str, name: Option<&str>| assert_eq!(short_name(id).as_deref(), name, "{id}");
        check("org.kde.konsole.desktop", Some("konsole"));
        check("kitty.desktop", Some("kitty"));
        check("Alacritty.desktop", Some("alacritty"));
        check("org.gnome.Terminal.desktop:new-window", Some("gnome-terminal"));
        check("# a comment", None);
    }
}
