//! A key and what is held with it, as people write it: `Ctrl+Shift+P`.

use core::fmt;

/// The keys that can be named, as they are printed. Letters and digits have no other names.
pub const KEY_NAMES: &[&str] = &[
    "A",
    "B",
    "C",
    "D",
    "E",
    "F",
    "G",
    "H",
    "I",
    "J",
    "K",
    "L",
    "M",
    "N",
    "O",
    "P",
    "Q",
    "R",
    "S",
    "T",
    "U",
    "V",
    "W",
    "X",
    "Y",
    "Z",
    "0",
    "1",
    "2",
    "3",
    "4",
    "5",
    "6",
    "7",
    "8",
    "9",
    "F1",
    "F2",
    "F3",
    "F4",
    "F5",
    "F6",
    "F7",
    "F8",
    "F9",
    "F10",
    "F11",
    "F12",
    "Up",
    "Down",
    "Left",
    "Right",
    "Home",
    "End",
    "PgUp",
    "PgDn",
    "Insert",
    "Delete",
    "Backspace",
    "Enter",
    "Tab",
    "Esc",
    "Space",
    ",",
    ".",
    "/",
    "?",
    ";",
    "'",
    "`",
    "[",
    "]",
    "\\",
    "-",
    "=",
    "Plus",
];

/// Other names of keys, in lower case.
const OTHER_NAMES: &[(&str, &str)] = &[
    ("escape", "Esc"),
    ("return", "Enter"),
    ("pageup", "PgUp"),
    ("pagedown", "PgDn"),
    ("arrowup", "Up"),
    ("arrowdown", "Down"),
    ("arrowleft", "Left"),
    ("arrowright", "Right"),
    ("del", "Delete"),
    ("ins", "Insert"),
    ("comma", ","),
    ("period", "."),
    ("slash", "/"),
    ("question", "?"),
    ("backtick", "`"),
    ("minus", "-"),
    ("equals", "="),
    ("+", "Plus"),
];

/// One way to type a command.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Chord {
    /// Ctrl, or Command on a Mac.
    pub ctrl: bool,
    /// Alt, or Option.
    pub alt: bool,
    /// Shift.
    pub shift: bool,
    /// The key: one of [`KEY_NAMES`].
    pub key: &'static str,
}

impl Chord {
    /// The chord of a key by its name.
    pub fn of(ctrl: bool, alt: bool, shift: bool, key: &str) -> Option<Self> {
        let lower = key.to_lowercase();
        let other = OTHER_NAMES.iter().find(|(name, _)| *name == lower).map(|(_, key)| *key);
        let wanted = other.unwrap_or(key);
        let key = KEY_NAMES.iter().copied().find(|name| name.eq_ignore_ascii_case(wanted))?;
        Some(Self { ctrl, alt, shift, key })
    }

    /// Reads `Ctrl+Shift+P`. Capitals do not matter; `Cmd` and `Mod` are `Ctrl`, so that files of other systems work.
    pub fn parse(text: &str) -> Option<Self> {
        let (mut ctrl, mut alt, mut shift) = (false, false, false);
        let text = text.trim();
        // The key itself may be a plus.
        let (held, key) = match text.strip_suffix("++") {
            Some(held) => (held, "+"),
            None => text.rsplit_once('+').filter(|(_, key)| !key.is_empty()).unwrap_or(("", text)),
        };
        for word in held.split('+').map(str::trim).filter(|word| !word.is_empty()) {
            let flag = match word.to_ascii_lowercase().as_str() {
                "ctrl" | "control" | "cmd" | "command" | "mod" | "cmdorctrl" => &mut ctrl,
                "alt" | "option" | "opt" => &mut alt,
                "shift" => &mut shift,
                _ => return None,
            };
            if std::mem::replace(flag, true) {
                return None;
            }
        }
        Self::of(ctrl, alt, shift, key.trim())
    }

    /// Whether it is a character when it is typed into a text field.
    pub fn types(&self) -> bool {
        let named = self.is_function_key() || matches!(self.key, "Esc" | "Insert");
        !self.ctrl && !self.alt && !named
    }

    /// Whether no program in a terminal is known to need it: two modifiers of which one is Ctrl, or Ctrl and the
    /// backtick. Function keys belong to htop, mc and their like.
    pub fn is_free_in_terminals(&self) -> bool {
        self.ctrl && (self.shift || self.alt || self.key == "`")
    }

    fn is_function_key(&self) -> bool {
        self.key.len() > 1 && self.key.starts_with('F')
    }
}

impl fmt::Display for Chord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (held, name) in [(self.ctrl, "Ctrl+"), (self.alt, "Alt+"), (self.shift, "Shift+")] {
            if held {
                f.write_str(name)?;
            }
        }
        f.write_str(self.key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chords_are_read_as_people_write_them_and_printed_one_way() {
        for (typed, printed) in [
            ("ctrl+k", "Ctrl+K"),
            ("Shift+Cmd+h", "Ctrl+Shift+H"),
            ("Mod+,", "Ctrl+,"),
            ("Ctrl + Alt + PageUp", "Ctrl+Alt+PgUp"),
            ("?", "?"),
            ("escape", "Esc"),
            ("Ctrl++", "Ctrl+Plus"),
            ("+", "Plus"),
            ("option+ArrowUp", "Alt+Up"),
            ("F8", "F8"),
        ] {
            let chord = Chord::parse(typed).unwrap();
            assert_eq!(chord.to_string(), printed, "{typed}");
            assert_eq!(Chord::parse(printed), Some(chord), "{printed} is read back");
        }
        for wrong in ["", "Ctrl", "Ctrl+", "Ctrl+Ctrl+K", "Super+K", "K+Ctrl", "Ctrl+Kk", "ä", "F13"] {
            assert_eq!(Chord::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_types_and_what_a_terminal_needs() {
        let all = |text: &str| Chord::parse(text).unwrap();
        for (text, types, free) in [
            ("K", true, false),
            ("Shift+K", true, false),
            ("Enter", true, false),
            ("Esc", false, false),
            ("F8", false, false),
            ("Ctrl+Shift+J", false, true),
            ("F", true, false),
            ("Ctrl+K", false, false),
            ("Ctrl+Shift+P", false, true),
            ("Ctrl+`", false, true),
        ] {
            assert_eq!((all(text).types(), all(text).is_free_in_terminals()), (types, free), "{text}");
        }
    }
}
