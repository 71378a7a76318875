//! egui's keys as the encoder knows them.

use eframe::egui::{Key as EguiKey, Modifiers};
use magia_tty::input::{KeyCode, ModifierKey, Mods};

/// The modifiers of an event.
pub(super) fn mods(modifiers: Modifiers) -> Mods {
    Mods::NONE
        .with(Mods::SHIFT, modifiers.shift)
        .with(Mods::ALT, modifiers.alt)
        .with(Mods::CTRL, modifiers.ctrl)
        .with(Mods::SUPER, modifiers.mac_cmd)
}

/// The key's code, and what a US keyboard has at its place if that is another.
pub(super) fn code(key: EguiKey, physical: Option<EguiKey>) -> Option<(KeyCode, Option<char>)> {
    if let Some(named) = named(key) {
        return Some((named, None));
    }
    let place = physical.and_then(plain);
    // A sign that is only there with Shift says nothing about its key; the place does.
    let typed = plain(key).or(place).or_else(|| shifted(key))?;
    Some((KeyCode::Char(typed), place.filter(|place| *place != typed)))
}

fn named(key: EguiKey) -> Option<KeyCode> {
    Some(match key {
        EguiKey::Enter => KeyCode::Enter,
        EguiKey::Tab => KeyCode::Tab,
        EguiKey::Backspace => KeyCode::Backspace,
        EguiKey::Escape => KeyCode::Escape,
        EguiKey::ArrowUp => KeyCode::Up,
        EguiKey::ArrowDown => KeyCode::Down,
        EguiKey::ArrowRight => KeyCode::Right,
        EguiKey::ArrowLeft => KeyCode::Left,
        EguiKey::Home => KeyCode::Home,
        EguiKey::End => KeyCode::End,
        EguiKey::PageUp => KeyCode::PageUp,
        EguiKey::PageDown => KeyCode::PageDown,
        EguiKey::Insert => KeyCode::Insert,
        EguiKey::Delete => KeyCode::Delete,
        EguiKey::ShiftLeft => KeyCode::Modifier(ModifierKey::Shift, false),
        EguiKey::ShiftRight => KeyCode::Modifier(ModifierKey::Shift, true),
        EguiKey::ControlLeft => KeyCode::Modifier(ModifierKey::Control, false),
        EguiKey::ControlRight => KeyCode::Modifier(ModifierKey::Control, true),
        EguiKey::AltLeft => KeyCode::Modifier(ModifierKey::Alt, false),
        EguiKey::AltRight => KeyCode::Modifier(ModifierKey::Alt, true),
        other => KeyCode::F(
            other.name().strip_prefix('F')?.parse().ok().filter(|number| (1..=35).contains(number))?,
        ),
    })
}

/// What a key types with nothing held.
fn plain(key: EguiKey) -> Option<char> {
    Some(match key {
        EguiKey::Space => ' ',
        EguiKey::Comma => ',',
        EguiKey::Minus => '-',
        EguiKey::Period => '.',
        EguiKey::Equals => '=',
        EguiKey::Semicolon => ';',
        EguiKey::Backslash => '\\',
        EguiKey::Slash => '/',
        EguiKey::OpenBracket => '[',
        EguiKey::CloseBracket => ']',
        EguiKey::Backtick => '`',
        EguiKey::Quote => '\'',
        other => {
            let mut name = other.name().chars();
            match (name.next()?, name.next()) {
                (letter, None) if letter.is_ascii_alphanumeric() => letter.to_ascii_lowercase(),
                _ => return None,
            }
        }
    })
}

/// Signs that egui knows as keys and that need Shift on a US keyboard; elsewhere they may be keys by themselves.
fn shifted(key: EguiKey) -> Option<char> {
    Some(match key {
        EguiKey::Colon => ':',
        EguiKey::Plus => '+',
        EguiKey::Pipe => '|',
        EguiKey::Questionmark => '?',
        EguiKey::Exclamationmark => '!',
        EguiKey::OpenCurlyBracket => '{',
        EguiKey::CloseCurlyBracket => '}',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_codes() {
        let table = [
            (EguiKey::A, Some(EguiKey::A), KeyCode::Char('a'), None),
            (EguiKey::Num2, Some(EguiKey::Num2), KeyCode::Char('2'), None),
            (EguiKey::F12, None, KeyCode::F(12), None),
            (EguiKey::F, Some(EguiKey::F), KeyCode::Char('f'), None),
            (EguiKey::Questionmark, Some(EguiKey::Slash), KeyCode::Char('/'), None),
            (EguiKey::Questionmark, None, KeyCode::Char('?'), None),
            (EguiKey::Space, Some(EguiKey::Space), KeyCode::Char(' '), None),
            // Dvorak's J is where Qwerty has C.
            (EguiKey::J, Some(EguiKey::C), KeyCode::Char('j'), Some('c')),
            (EguiKey::ArrowUp, Some(EguiKey::ArrowUp), KeyCode::Up, None),
            (EguiKey::ControlRight, None, KeyCode::Modifier(ModifierKey::Control, true), None),
        ];
        for (key, physical, expected, base) in table {
            assert_eq!(code(key, physical), Some((expected, base)), "{key:?}");
        }
        assert_eq!(code(EguiKey::Copy, None), None);
    }
}
