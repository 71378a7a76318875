//! Keys as xterm sends them, for programs that asked for nothing better.

use super::key::{Key, KeyCode, KeyEvent, Keypad, Mods, Phase, shifted};
use alacritty_terminal::term::TermMode;

const ESC: u8 = 0x1b;

/// The bytes of a key; nothing for one that goes up or has no sequence.
pub(super) fn encode(event: &KeyEvent<'_>, modes: TermMode) -> Vec<u8> {
    if event.phase == Phase::Release {
        return Vec::new();
    }
    let Key { code, mods } = event.key;
    match code {
        KeyCode::Char(typed) => character(typed, mods, event.text),
        KeyCode::Keypad(key) => keypad(key, event, modes),
        KeyCode::Enter => enter(mods, modes),
        KeyCode::Tab if mods.has(Mods::SHIFT) => with_alt(mods, b"\x1b[Z"),
        KeyCode::Tab => with_alt(mods, b"\t"),
        KeyCode::Backspace if mods.has(Mods::CTRL) => with_alt(mods, b"\x08"),
        KeyCode::Backspace => with_alt(mods, b"\x7f"),
        KeyCode::Escape => with_alt(mods, b"\x1b"),
        code => function(code, mods, modes).unwrap_or_default(),
    }
}

fn with_alt(mods: Mods, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + 1);
    if mods.has(Mods::ALT) {
        out.push(ESC);
    }
    out.extend_from_slice(bytes);
    out
}

/// With Shift it is a line break in what agents' prompts read: `ESC CR`, as terminals do that are set up for them.
fn enter(mods: Mods, modes: TermMode) -> Vec<u8> {
    let line: &[u8] = if modes.contains(TermMode::LINE_FEED_NEW_LINE) { b"\r\n" } else { b"\r" };
    let escaped = mods.has(Mods::SHIFT) || mods.has(Mods::ALT);
    with_alt(Mods::NONE.with(Mods::ALT, escaped), line)
}

fn character(typed: char, mods: Mods, text: &str) -> Vec<u8> {
    if mods.has(Mods::SUPER) {
        return Vec::new();
    }
    if !mods.has(Mods::CTRL) {
        let mut buffer = [0; 4];
        // A Mac's Option types signs of its own; as Alt it goes before the letter that is on the key.
        let replaced = mods.has(Mods::ALT) && typed.is_ascii() && !text.is_ascii();
        let text = if text.is_empty() || replaced {
            Key::new(KeyCode::Char(typed), mods).text(&mut buffer)
        } else {
            text
        };
        return with_alt(mods, text.as_bytes());
    }
    let held = if mods.has(Mods::SHIFT) { shifted(typed) } else { typed };
    if let Some(control) = control(held).or_else(|| control(typed)) {
        return with_alt(mods, &[control]);
    }
    let mut buffer = [0; 4];
    with_alt(mods, held.encode_utf8(&mut buffer).as_bytes())
}

/// The control character of a key with Ctrl: what the X server's tables say, and `?`.
pub(super) fn control(typed: char) -> Option<u8> {
    let byte = u8::try_from(typed).ok()?;
    match byte {
        b'@'..=b'~' | b' ' => Some(byte & 0x1f),
        b'2' => Some(0),
        b'3'..=b'7' => Some(byte - b'3' + ESC),
        b'8' | b'?' => Some(0x7f),
        b'/' => Some(0x1f),
        _ => None,
    }
}

fn keypad(key: Keypad, event: &KeyEvent<'_>, modes: TermMode) -> Vec<u8> {
    let mods = event.key.mods;
    let letter = match key {
        Keypad::Digit(digit) => b'p' + digit.min(9),
        Keypad::Decimal => b'n',
        Keypad::Divide => b'o',
        Keypad::Multiply => b'j',
        Keypad::Subtract => b'm',
        Keypad::Add => b'k',
        Keypad::Enter => b'M',
        Keypad::Equal => b'X',
        Keypad::Separator => b'l',
        Keypad::Begin => return letter_key(b'E', mods, modes),
        other => return function(other.plain(), mods, modes).unwrap_or_default(),
    };
    if modes.contains(TermMode::APP_KEYPAD) && mods.is_none() {
        return vec![ESC, b'O', letter];
    }
    encode(&KeyEvent { key: Key::new(key.plain(), mods), ..*event }, modes)
}

fn function(code: KeyCode, mods: Mods, modes: TermMode) -> Option<Vec<u8>> {
    Some(match code {
        KeyCode::Up => letter_key(b'A', mods, modes),
        KeyCode::Down => letter_key(b'B', mods, modes),
        KeyCode::Right => letter_key(b'C', mods, modes),
        KeyCode::Left => letter_key(b'D', mods, modes),
        KeyCode::Home => letter_key(b'H', mods, modes),
        KeyCode::End => letter_key(b'F', mods, modes),
        KeyCode::F(number @ 1..=4) => {
            let letter = b'P' + number - 1;
            if mods.is_none() { vec![ESC, b'O', letter] } else { modified_letter(letter, mods) }
        }
        KeyCode::Insert => tilde(2, mods),
        KeyCode::Delete => tilde(3, mods),
        KeyCode::PageUp => tilde(5, mods),
        KeyCode::PageDown => tilde(6, mods),
        KeyCode::Menu => tilde(29, mods),
        KeyCode::F(number) => tilde(function_number(number)?, mods),
        _ => return None,
    })
}

/// The number of F5 and up: gaps are where a VT220's keyboard had them, and F21 up as xterm continues.
fn function_number(number: u8) -> Option<u8> {
    Some(match number {
        5 => 15,
        6..=10 => number + 11,
        11..=14 => number + 12,
        15..=16 => number + 13,
        17..=20 => number + 14,
        21..=35 => number + 21,
        _ => return None,
    })
}

fn letter_key(letter: u8, mods: Mods, modes: TermMode) -> Vec<u8> {
    if !mods.is_none() {
        return modified_letter(letter, mods);
    }
    let second = if modes.contains(TermMode::APP_CURSOR) { b'O' } else { b'[' };
    vec![ESC, second, letter]
}

fn modified_letter(letter: u8, mods: Mods) -> Vec<u8> {
    format!("\x1b[1;{}{}", mods.parameter(), char::from(letter)).into_bytes()
}

fn tilde(number: u8, mods: Mods) -> Vec<u8> {
    if mods.is_none() {
        format!("\x1b[{number}~").into_bytes()
    } else {
        format!("\x1b[{number};{}~", mods.parameter()).into_bytes()
    }
}
