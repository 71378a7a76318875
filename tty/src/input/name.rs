//! Keys by their names, for `send-keys` and requests: `enter`, `ctrl+c`, `shift+tab`, `f5`, and tmux's `C-c`, `M-x`.

use super::key::{Key, KeyCode, Keypad, Mods};
use std::fmt;

/// A name that no key has.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("no key is called {0:?}; keys are single characters and names such as enter, up, f5, ctrl+c or C-c")]
pub struct UnknownKey(pub String);

/// Names; the first of a key is the one that is printed.
const NAMES: &[(&str, KeyCode)] = &[
    ("enter", KeyCode::Enter),
    ("return", KeyCode::Enter),
    ("cr", KeyCode::Enter),
    ("tab", KeyCode::Tab),
    ("escape", KeyCode::Escape),
    ("esc", KeyCode::Escape),
    ("space", KeyCode::Char(' ')),
    ("backspace", KeyCode::Backspace),
    ("bspace", KeyCode::Backspace),
    ("bs", KeyCode::Backspace),
    ("up", KeyCode::Up),
    ("arrowup", KeyCode::Up),
    ("down", KeyCode::Down),
    ("arrowdown", KeyCode::Down),
    ("left", KeyCode::Left),
    ("arrowleft", KeyCode::Left),
    ("right", KeyCode::Right),
    ("arrowright", KeyCode::Right),
    ("home", KeyCode::Home),
    ("end", KeyCode::End),
    ("pageup", KeyCode::PageUp),
    ("pgup", KeyCode::PageUp),
    ("ppage", KeyCode::PageUp),
    ("pagedown", KeyCode::PageDown),
    ("pgdn", KeyCode::PageDown),
    ("pgdown", KeyCode::PageDown),
    ("npage", KeyCode::PageDown),
    ("insert", KeyCode::Insert),
    ("ins", KeyCode::Insert),
    ("ic", KeyCode::Insert),
    ("delete", KeyCode::Delete),
    ("del", KeyCode::Delete),
    ("dc", KeyCode::Delete),
    ("menu", KeyCode::Menu),
    ("printscreen", KeyCode::PrintScreen),
    ("pause", KeyCode::Pause),
    ("capslock", KeyCode::CapsLock),
    ("scrolllock", KeyCode::ScrollLock),
    ("numlock", KeyCode::NumLock),
    ("plus", KeyCode::Char('+')),
    ("minus", KeyCode::Char('-')),
    ("comma", KeyCode::Char(',')),
    ("kpdecimal", KeyCode::Keypad(Keypad::Decimal)),
    ("kpdivide", KeyCode::Keypad(Keypad::Divide)),
    ("kpmultiply", KeyCode::Keypad(Keypad::Multiply)),
    ("kpsubtract", KeyCode::Keypad(Keypad::Subtract)),
    ("kpadd", KeyCode::Keypad(Keypad::Add)),
    ("kpenter", KeyCode::Keypad(Keypad::Enter)),
    ("kpequal", KeyCode::Keypad(Keypad::Equal)),
    ("kpseparator", KeyCode::Keypad(Keypad::Separator)),
    ("kpleft", KeyCode::Keypad(Keypad::Left)),
    ("kpright", KeyCode::Keypad(Keypad::Right)),
    ("kpup", KeyCode::Keypad(Keypad::Up)),
    ("kpdown", KeyCode::Keypad(Keypad::Down)),
    ("kppageup", KeyCode::Keypad(Keypad::PageUp)),
    ("kppagedown", KeyCode::Keypad(Keypad::PageDown)),
    ("kphome", KeyCode::Keypad(Keypad::Home)),
    ("kpend", KeyCode::Keypad(Keypad::End)),
    ("kpinsert", KeyCode::Keypad(Keypad::Insert)),
    ("kpdelete", KeyCode::Keypad(Keypad::Delete)),
    ("kpbegin", KeyCode::Keypad(Keypad::Begin)),
];

const MODIFIERS: &[(&str, Mods)] = &[
    ("ctrl", Mods::CTRL),
    ("control", Mods::CTRL),
    ("alt", Mods::ALT),
    ("option", Mods::ALT),
    ("meta", Mods::ALT),
    ("shift", Mods::SHIFT),
    ("super", Mods::SUPER),
    ("cmd", Mods::SUPER),
    ("win", Mods::SUPER),
];

impl Key {
    /// The key that a name means. Case counts only in single characters and in tmux's `C-`, `M-`, `S-`; `-` and `_`
    /// inside names do not count.
    ///
    /// # Errors
    /// When no key has that name.
    pub fn parse(name: &str) -> Result<Self, UnknownKey> {
        let unknown = || UnknownKey(name.to_owned());
        let mut rest = name;
        let mut mods = Mods::NONE;
        while let Some((held, after)) = modifier(rest) {
            mods |= held;
            rest = after;
        }
        let mut characters = rest.chars();
        match (characters.next(), characters.next()) {
            (Some(typed), None) if !typed.is_control() => return Ok(Self::new(KeyCode::Char(typed), mods)),
            (Some('^'), Some(typed)) if characters.next().is_none() && !typed.is_control() => {
                return Ok(Self::new(KeyCode::Char(typed.to_ascii_lowercase()), mods | Mods::CTRL));
            }
            _ => {}
        }
        let plain: String =
            rest.chars().filter(|it| !matches!(it, '-' | '_')).map(|it| it.to_ascii_lowercase()).collect();
        if plain == "btab" || plain == "backtab" {
            return Ok(Self::new(KeyCode::Tab, mods | Mods::SHIFT));
        }
        if let Some((_, code)) = NAMES.iter().find(|(known, _)| *known == plain) {
            return Ok(Self::new(*code, mods));
        }
        let number = |prefix: &str| plain.strip_prefix(prefix)?.parse::<u8>().ok();
        if let Some(function @ 1..=35) = number("f") {
            return Ok(Self::new(KeyCode::F(function), mods));
        }
        if let Some(digit @ 0..=9) = number("kp") {
            return Ok(Self::new(KeyCode::Keypad(Keypad::Digit(digit)), mods));
        }
        Err(unknown())
    }
}

/// A modifier at the beginning of a name, and what follows it.
fn modifier(name: &str) -> Option<(Mods, &str)> {
    let at = name.find(['+', '-', '_'])?;
    let (word, rest) = name.split_at_checked(at)?;
    let after = rest.get(1..).filter(|after| !after.is_empty())?;
    if rest.starts_with('-') {
        match word {
            "C" => return Some((Mods::CTRL, after)),
            "M" => return Some((Mods::ALT, after)),
            "S" => return Some((Mods::SHIFT, after)),
            _ => {}
        }
    }
    let (_, held) = MODIFIERS.iter().find(|(known, _)| word.eq_ignore_ascii_case(known))?;
    Some((*held, after))
}

impl fmt::Display for Key {
    /// A name that [`Key::parse`] reads; modifiers as keys of their own have none that it reads.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (word, held) in
            [("ctrl", Mods::CTRL), ("alt", Mods::ALT), ("shift", Mods::SHIFT), ("super", Mods::SUPER)]
        {
            if self.mods.has(held) {
                write!(out, "{word}+")?;
            }
        }
        if let Some((name, _)) = NAMES.iter().find(|(_, code)| *code == self.code) {
            return out.write_str(name);
        }
        match self.code {
            KeyCode::Char(typed) => write!(out, "{typed}"),
            KeyCode::F(number) => write!(out, "f{number}"),
            KeyCode::Keypad(Keypad::Digit(digit)) => write!(out, "kp{digit}"),
            other => write!(out, "{other:?}"),
        }
    }
}
