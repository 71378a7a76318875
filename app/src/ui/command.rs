//! What is typed, as commands: which keys run what is in [`Keymap`].

use eframe::egui::{Event, InputState, Key};
use magia_core::keys::{Chord, Context, KEY_NAMES, Keymap};
use std::sync::LazyLock;

pub use magia_core::keys::UiCommand;

/// The keys that can be named, as egui and as the keymap have them.
static KEYS: LazyLock<Vec<(Key, &'static str)>> = LazyLock::new(|| {
    let known = KEY_NAMES.iter().filter_map(|name| Some((key_of(name)?, *name)));
    known.collect()
});

fn key_of(name: &str) -> Option<Key> {
    match name {
        "PgUp" => Some(Key::PageUp),
        "PgDn" => Some(Key::PageDown),
        "Esc" => Some(Key::Escape),
        "'" => Some(Key::Quote),
        "=" => Some(Key::Equals),
        other => Key::from_name(other),
    }
}

/// The chord of a pressed key. Signs that many layouts have only with Shift are named without it.
pub fn chord_of(event: &Event) -> Option<Chord> {
    let Event::Key { key, pressed: true, modifiers, .. } = event else { return None };
    let name = KEYS.iter().find(|(known, _)| known == key).map(|(_, name)| *name)?;
    let shift = modifiers.shift && !matches!(key, Key::Questionmark | Key::Slash | Key::Plus);
    let ctrl = modifiers.ctrl || modifiers.command;
    Some(Chord { ctrl, alt: modifiers.alt, shift, key: name })
}

/// The commands typed in this frame, taken out of the input. `typing` says that a text field has the keyboard: then
/// only keys that type nothing are ours, and only those of commands that work there.
pub fn take(input: &mut InputState, keymap: &Keymap, typing: bool) -> Vec<UiCommand> {
    take_where(input, keymap, |command, chord| {
        !typing || (matches!(command.context(), Context::Text | Context::Everywhere) && !chord.types())
    })
}

/// The commands typed in this frame while a terminal has the keyboard: few, with keys which no program is known to need.
pub fn take_in_terminal(input: &mut InputState, keymap: &Keymap) -> Vec<UiCommand> {
    take_where(input, keymap, |command, chord| {
        command.context() == Context::Everywhere && chord.is_free_in_terminals()
    })
}

fn take_where(
    input: &mut InputState,
    keymap: &Keymap,
    is_ours: impl Fn(UiCommand, Chord) -> bool,
) -> Vec<UiCommand> {
    let mut typed = Vec::new();
    let mut written: Vec<&'static str> = Vec::new();
    input.events.retain(|event| {
        let Some(chord) = chord_of(event) else { return true };
        // The digits are read by `digit`: they know about modifiers and keyboard layouts.
        let mut all = keymap.all().filter(|(command, _)| command.context() != Context::Request);
        match all.find(|(command, known)| *known == chord && is_ours(*command, chord)) {
            Some((command, _)) => {
                typed.push(command);
                if chord.types() {
                    written.push(chord.key);
                }
                false
            }
            None => true,
        }
    });
    // What such a key writes belongs to it, and not to the field that it opens.
    input.events.retain(|event| match event {
        Event::Text(text) => match written.iter().position(|key| key.eq_ignore_ascii_case(text)) {
            Some(at) => {
                written.swap_remove(at);
                false
            }
            None => true,
        },
        _ => true,
    });
    typed
}

/// A digit from 1 to 9 that was typed, and whether Ctrl or Shift was held. Repeats are not counted: holding a
/// key must not answer the next card.
pub fn digit(input: &mut InputState) -> Option<(usize, bool)> {
    const DIGITS: [Key; 9] =
        [Key::Num1, Key::Num2, Key::Num3, Key::Num4, Key::Num5, Key::Num6, Key::Num7, Key::Num8, Key::Num9];
    let mut typed = None;
    input.events.retain(|event| match event {
        Event::Key { key, physical_key, pressed: true, repeat, modifiers } if !modifiers.alt => {
            let at = |wanted: Option<Key>| DIGITS.iter().position(|digit| Some(*digit) == wanted);
            match at(Some(*key)).or_else(|| at(*physical_key)) {
                Some(position) => {
                    if !repeat {
                        typed = Some((position + 1, modifiers.ctrl || modifiers.shift));
                    }
                    false
                }
                None => true,
            }
        }
        _ => true,
    });
    typed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_that_can_be_named_is_a_key() {
        let missing: Vec<_> = KEY_NAMES.iter().filter(|name| key_of(name).is_none()).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
}
