//! What is installed on this machine. Looked up each time: it costs a few hundred calls, and what was installed since
//! magia started is found.

use super::Lookup;
use super::desktop::{Entry, short_name};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

/// Entries of other programs that are read at most.
const ENTRIES_MAX: usize = 2_000;
/// Bytes of an entry that are read.
const ENTRY_BYTES_MAX: u64 = 256 * 1024;

/// This machine, as the environment of this program shows it.
#[derive(Clone, Debug)]
pub struct Installed {
    path: OsString,
    home: PathBuf,
    config: Vec<PathBuf>,
    data: Vec<PathBuf>,
}

impl Installed {
    /// Reads the environment.
    pub fn here(home: &Path) -> Self {
        let dirs = |one: &str, usual_one: &str, many: &str, usual_many: &str| {
            let first = std::env::var_os(one).map_or_else(|| home.join(usual_one), PathBuf::from);
            let rest = std::env::var_os(many).unwrap_or_else(|| usual_many.into());
            let rest: Vec<PathBuf> = std::env::split_paths(&rest).collect();
            std::iter::once(first).chain(rest).filter(|dir| dir.is_absolute()).collect()
        };
        Self {
            path: std::env::var_os("PATH").unwrap_or_default(),
            home: home.to_owned(),
            config: dirs("XDG_CONFIG_HOME", ".config", "XDG_CONFIG_DIRS", "/etc/xdg"),
            data: dirs("XDG_DATA_HOME", ".local/share", "XDG_DATA_DIRS", "/usr/local/share:/usr/share"),
        }
    }
}

impl Lookup for Installed {
    fn program(&self, name: &str) -> Option<PathBuf> {
        if name.is_empty() || name.contains('/') {
            return None;
        }
        let places = std::env::split_paths(&self.path).filter(|dir| dir.is_absolute());
        places.map(|dir| dir.join(name)).find(|path| is_program(path))
    }

    fn bundle(&self, id: &str) -> Option<PathBuf> {
        let name = match id {
            "com.apple.Terminal" => "Utilities/Terminal.app",
            "com.googlecode.iterm2" => "iTerm.app",
            "com.mitchellh.ghostty" => "Ghostty.app",
            "net.kovidgoyal.kitty" => "kitty.app",
            "org.alacritty" => "Alacritty.app",
            "com.github.wez.wezterm" => "WezTerm.app",
            _ => return None,
        };
        let roots =
            [PathBuf::from("/Applications"), "/System/Applications".into(), self.home.join("Applications")];
        roots.iter().map(|root| root.join(name)).find(|path| path.is_dir())
    }

    fn preferred_entries(&self) -> Vec<String> {
        let desktops = std::env::var("XDG_CURRENT_DESKTOP").unwrap_or_default().to_lowercase();
        let names = desktops.split(':').filter(|name| !name.is_empty() && !name.contains('/'));
        let files: Vec<String> = names
            .map(|name| format!("{name}-xdg-terminals.list"))
            .chain(["xdg-terminals.list".to_owned()])
            .collect();
        let lists = self.config.iter().flat_map(|dir| files.iter().map(|file| dir.join(file)));
        let text = lists.filter_map(|path| fs::read_to_string(path).ok());
        text.flat_map(|text| text.lines().filter_map(short_name).collect::<Vec<_>>()).collect()
    }

    fn desktop_entries(&self) -> Vec<Entry> {
        let dirs = self.data.iter().filter_map(|dir| fs::read_dir(dir.join("applications")).ok());
        let files = dirs.flatten().flatten().map(|entry| entry.path()).take(ENTRIES_MAX);
        let read = |path: &Path| {
            let small = fs::metadata(path).ok()?.len() <= ENTRY_BYTES_MAX;
            let text = small.then(|| fs::read_to_string(path).ok())??;
            Entry::parse(path.file_name()?.to_str()?, &text)
        };
        let mut entries: Vec<Entry> = files.filter_map(|path| read(&path)).collect();
        entries.retain(|entry| entry.find(&|name| self.program(name)).is_some());
        entries.sort_by(|one, other| one.name.cmp(&other.name));
        entries
    }
}

#[cfg(unix)]
fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}
#[cfg(not(unix))]
fn is_program(path: &Path) -> bool {
    path.is_file()
}
