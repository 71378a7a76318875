//! Keys in the kitty keyboard protocol: `CSI code:shifted:base ; modifiers:event ; text u`, each level as the program
//! asked for it (`CSI > flags u`).

use super::key::{Key, KeyCode, KeyEvent, Keypad, ModifierKey, Mods, Phase, shifted};
use super::legacy;
use alacritty_terminal::term::TermMode;
use std::fmt::Write as _;

/// The levels that are switched on.
#[derive(Clone, Copy)]
struct Levels {
    disambiguate: bool,
    events: bool,
    alternates: bool,
    all: bool,
    text: bool,
}

impl Levels {
    fn of(modes: TermMode) -> Self {
        Self {
            disambiguate: modes.contains(TermMode::DISAMBIGUATE_ESC_CODES),
            events: modes.contains(TermMode::REPORT_EVENT_TYPES),
            alternates: modes.contains(TermMode::REPORT_ALTERNATE_KEYS),
            all: modes.contains(TermMode::REPORT_ALL_KEYS_AS_ESC),
            text: modes.contains(TermMode::REPORT_ASSOCIATED_TEXT),
        }
    }

    /// Whether the program asked for nothing that changes how functional keys look.
    fn plain(self) -> bool {
        !self.disambiguate && !self.events && !self.all
    }
}

/// How a key is written: its number and the last byte.
struct Form {
    number: u32,
    last: char,
}

/// The bytes of a key.
pub(super) fn encode(event: &KeyEvent<'_>, modes: TermMode) -> Vec<u8> {
    let levels = Levels::of(modes);
    if event.phase == Phase::Release && !levels.events {
        return Vec::new();
    }
    let event = lowered(event, levels);
    match event.key.code {
        KeyCode::Modifier(..) | KeyCode::CapsLock | KeyCode::ScrollLock | KeyCode::NumLock if !levels.all => {
            Vec::new()
        }
        KeyCode::Char(typed) => character(typed, &event, levels, modes),
        code => functional(code, &event, levels, modes),
    }
}

/// The event with the key that it is about: a letter in upper case is its key with Shift, and without
/// disambiguation a keypad is no other keyboard.
fn lowered<'a>(event: &KeyEvent<'a>, levels: Levels) -> KeyEvent<'a> {
    let mut event = *event;
    if let KeyCode::Keypad(key) = event.key.code
        && !levels.disambiguate
    {
        event.key.code = key.plain();
    }
    if let KeyCode::Char(typed) = event.key.code
        && typed.is_uppercase()
    {
        let mut lower = typed.to_lowercase();
        if let (Some(lower), None) = (lower.next(), lower.next()) {
            event.key = Key::new(KeyCode::Char(lower), event.key.mods | Mods::SHIFT);
        }
    }
    event
}

fn is_text(text: &str) -> bool {
    !text.is_empty() && !text.starts_with(|first: char| first.is_control())
}

fn character(typed: char, event: &KeyEvent<'_>, levels: Levels, modes: TermMode) -> Vec<u8> {
    let mods = event.key.mods;
    let typing = mods.without(Mods::SHIFT).is_none();
    if !levels.all && event.phase != Phase::Release {
        // AltGr types with Ctrl and Alt on some systems; a window gives the text and no modifiers then.
        if typing && is_text(event.text) {
            return event.text.as_bytes().to_vec();
        }
        if !levels.disambiguate && (event.phase == Phase::Press || !levels.events) {
            return legacy::encode(event, modes);
        }
    }
    write(event, &Form { number: u32::from(typed), last: 'u' }, levels)
}

fn functional(code: KeyCode, event: &KeyEvent<'_>, levels: Levels, modes: TermMode) -> Vec<u8> {
    let mods = event.key.mods;
    let types_control = matches!(code, KeyCode::Enter | KeyCode::Tab | KeyCode::Backspace);
    if types_control && !levels.all && event.phase == Phase::Release {
        return Vec::new();
    }
    let pressed = event.phase == Phase::Press || !levels.events || (types_control && !levels.all);
    if pressed && !levels.all {
        let as_ever = levels.plain()
            || (types_control && mods.is_none())
            || (code == KeyCode::Escape && !levels.disambiguate);
        if as_ever {
            return legacy::encode(event, modes);
        }
    }
    // A keypad with Num lock types like other keys.
    if let KeyCode::Keypad(_) = code
        && !levels.all
        && event.phase != Phase::Release
        && mods.without(Mods::SHIFT).is_none()
        && is_text(event.text)
    {
        return event.text.as_bytes().to_vec();
    }
    form(code).map(|form| write(event, &form, levels)).unwrap_or_default()
}

fn write(event: &KeyEvent<'_>, form: &Form, levels: Levels) -> Vec<u8> {
    let mods = event.key.mods;
    let alternates = if levels.alternates { alternates(event) } else { String::new() };
    let phase = match event.phase {
        Phase::Repeat if levels.events => ":2",
        Phase::Release if levels.events => ":3",
        _ => "",
    };
    let mut text = String::new();
    if levels.text && levels.all && event.phase != Phase::Release && is_text(event.text) {
        let codes: Vec<String> = event.text.chars().map(|typed| u32::from(typed).to_string()).collect();
        text = codes.join(":");
    }
    let has_mods = !mods.is_none() || !phase.is_empty();
    let mut out = String::from("\x1b[");
    // Writing into a String cannot fail.
    if form.number != 1 || has_mods || !text.is_empty() {
        let _infallible = write!(out, "{}", form.number);
    }
    out.push_str(&alternates);
    if has_mods || !text.is_empty() {
        out.push(';');
    }
    if has_mods {
        let _infallible = write!(out, "{}{phase}", mods.parameter());
    }
    if !text.is_empty() {
        let _infallible = write!(out, ";{text}");
    }
    out.push(form.last);
    out.into_bytes()
}

/// `:shifted:base`, as far as there is something to say.
fn alternates(event: &KeyEvent<'_>) -> String {
    let KeyCode::Char(typed) = event.key.code else { return String::new() };
    let mut typed_text = event.text.chars();
    let by_text = match (typed_text.next(), typed_text.next()) {
        (Some(one), None) if !one.is_control() => Some(one),
        _ => None,
    };
    let upper = by_text.or(Some(shifted(typed))).filter(|upper| *upper != typed);
    let upper = upper.filter(|_| event.key.mods.has(Mods::SHIFT));
    let base = event.base.filter(|base| *base != typed);
    match (upper, base) {
        (None, None) => String::new(),
        (Some(upper), None) => format!(":{}", u32::from(upper)),
        (None, Some(base)) => format!("::{}", u32::from(base)),
        (Some(upper), Some(base)) => format!(":{}:{}", u32::from(upper), u32::from(base)),
    }
}

fn form(code: KeyCode) -> Option<Form> {
    let (number, last) = match code {
        KeyCode::Char(_) => return None,
        KeyCode::Escape => (27, 'u'),
        KeyCode::Enter => (13, 'u'),
        KeyCode::Tab => (9, 'u'),
        KeyCode::Backspace => (127, 'u'),
        KeyCode::Insert => (2, '~'),
        KeyCode::Delete => (3, '~'),
        KeyCode::Left => (1, 'D'),
        KeyCode::Right => (1, 'C'),
        KeyCode::Up => (1, 'A'),
        KeyCode::Down => (1, 'B'),
        KeyCode::PageUp => (5, '~'),
        KeyCode::PageDown => (6, '~'),
        KeyCode::Home => (1, 'H'),
        KeyCode::End => (1, 'F'),
        KeyCode::F(1) => (1, 'P'),
        KeyCode::F(2) => (1, 'Q'),
        // `CSI R` is the answer to "where is the cursor".
        KeyCode::F(3) => (13, '~'),
        KeyCode::F(4) => (1, 'S'),
        KeyCode::F(number @ 5..=12) => {
            ([15, 17, 18, 19, 20, 21, 23, 24].get(usize::from(number) - 5).copied()?, '~')
        }
        KeyCode::F(number @ 13..=35) => (57_376 + u32::from(number) - 13, 'u'),
        KeyCode::F(_) => return None,
        KeyCode::CapsLock => (57_358, 'u'),
        KeyCode::ScrollLock => (57_359, 'u'),
        KeyCode::NumLock => (57_360, 'u'),
        KeyCode::PrintScreen => (57_361, 'u'),
        KeyCode::Pause => (57_362, 'u'),
        KeyCode::Menu => (57_363, 'u'),
        KeyCode::Keypad(key) => keypad(key),
        KeyCode::Modifier(key, right) => {
            let left = match key {
                ModifierKey::Shift => 57_441,
                ModifierKey::Control => 57_442,
                ModifierKey::Alt => 57_443,
                ModifierKey::Super => 57_444,
            };
            (if right { left + 6 } else { left }, 'u')
        }
    };
    Some(Form { number, last })
}

fn keypad(key: Keypad) -> (u32, char) {
    let number = match key {
        Keypad::Digit(digit) => 57_399 + u32::from(digit.min(9)),
        Keypad::Decimal => 57_409,
        Keypad::Divide => 57_410,
        Keypad::Multiply => 57_411,
        Keypad::Subtract => 57_412,
        Keypad::Add => 57_413,
        Keypad::Enter => 57_414,
        Keypad::Equal => 57_415,
        Keypad::Separator => 57_416,
        Keypad::Left => 57_417,
        Keypad::Right => 57_418,
        Keypad::Up => 57_419,
        Keypad::Down => 57_420,
        Keypad::PageUp => 57_421,
        Keypad::PageDown => 57_422,
        Keypad::Home => 57_423,
        Keypad::End => 57_424,
        Keypad::Insert => 57_425,
        Keypad::Delete => 57_426,
        Keypad::Begin => return (1, 'E'),
    };
    (number, 'u')
}
