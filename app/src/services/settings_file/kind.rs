//! The files of ours that people write: what is in each, and who is told of it.

use magia_core::event::Event;
use magia_core::keys::Keymap;
use magia_core::settings::Settings;
use serde_json::{Map, Value};
use std::sync::Arc;

/// A file in the configuration directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// magia's settings.
    Settings,
    /// The keys of the window's commands.
    Keybindings,
}

impl Kind {
    /// The file's name.
    pub const fn file_name(self) -> &'static str {
        match self {
            Self::Settings => "settings.json",
            Self::Keybindings => "keybindings.json",
        }
    }

    /// What the names of backups of broken ones begin with.
    pub const fn backup_prefix(self) -> &'static str {
        match self {
            Self::Settings => "settings-broken-",
            Self::Keybindings => "keybindings-broken-",
        }
    }

    /// The service that watches it.
    pub const fn service(self) -> &'static str {
        match self {
            Self::Settings => "settings",
            Self::Keybindings => "keybindings",
        }
    }

    /// The watching thread's name.
    pub const fn thread(self) -> &'static str {
        match self {
            Self::Settings => "magia-settings",
            Self::Keybindings => "magia-keys",
        }
    }

    /// What is told of its content. `problem` says why the file could not be used at all; `is_meant` that somebody
    /// wants what it says, which an empty file does not tell; `is_known` that nothing else may have stood there.
    pub fn event(
        self,
        file: Map<String, Value>,
        problem: Option<String>,
        is_meant: bool,
        is_known: bool,
    ) -> Event {
        let together =
            |problems: Vec<String>| problem.or_else(|| (!problems.is_empty()).then(|| problems.join("; ")));
        match self {
            Self::Settings => {
                let (mut settings, problems) = Settings::read(file);
                if !is_known {
                    settings.allow_nothing();
                }
                let says_retention = is_meant && settings.says_retention();
                Event::SettingsLoaded {
                    settings: Arc::new(settings),
                    problem: together(problems),
                    says_retention,
                }
            }
            Self::Keybindings => {
                let (keymap, problems) = Keymap::read(&file);
                Event::KeybindingsLoaded { keymap: Arc::new(keymap), problem: together(problems) }
            }
        }
    }

    /// Checks what is to be written.
    pub fn check(self, change: &Map<String, Value>) -> Result<(), String> {
        match self {
            Self::Settings => Settings::check(change),
            Self::Keybindings => Keymap::check(change),
        }
    }

    /// What whoever changed it is answered.
    pub fn reply(self, file: Map<String, Value>) -> Value {
        match self {
            Self::Settings => Value::Object(Settings::read(file).0.to_json()),
            Self::Keybindings => Keymap::read(&file).0.to_json(),
        }
    }
}
