//! Keys: names, the legacy forms, the kitty keyboard protocol.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail"
)]

use alacritty_terminal::term::TermMode;
use magia_tty::input::{Key, KeyCode, KeyEvent, Keypad, ModifierKey, Mods, Phase, encode};
use proptest::prelude::*;

fn key(name: &str) -> Key {
    Key::parse(name).unwrap()
}

fn shown(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

/// The bytes of named keys, in a readable form.
fn check(modes: TermMode, table: &[(&str, &str)]) {
    for (name, expected) in table {
        assert_eq!(shown(&key(name).encode(modes)), *expected, "{name} in {modes:?}");
    }
}

#[test]
fn legacy_keys() {
    check(
        TermMode::default(),
        &[
            ("a", "a"),
            ("A", "A"),
            ("shift+a", "A"),
            ("shift+1", "!"),
            ("é", "\\xc3\\xa9"),
            ("alt+a", "\\x1ba"),
            ("alt+shift+a", "\\x1bA"),
            ("alt+é", "\\x1b\\xc3\\xa9"),
            ("super+a", ""),
            ("enter", "\\r"),
            ("alt+enter", "\\x1b\\r"),
            ("shift+enter", "\\x1b\\r"),
            ("ctrl+enter", "\\r"),
            ("tab", "\\t"),
            ("shift+tab", "\\x1b[Z"),
            ("alt+tab", "\\x1b\\t"),
            ("backspace", "\\x7f"),
            ("ctrl+backspace", "\\x08"),
            ("alt+backspace", "\\x1b\\x7f"),
            ("escape", "\\x1b"),
            ("alt+escape", "\\x1b\\x1b"),
            ("space", " "),
            ("up", "\\x1b[A"),
            ("left", "\\x1b[D"),
            ("ctrl+right", "\\x1b[1;5C"),
            ("ctrl+shift+alt+up", "\\x1b[1;8A"),
            ("super+down", "\\x1b[1;9B"),
            ("home", "\\x1b[H"),
            ("end", "\\x1b[F"),
            ("shift+end", "\\x1b[1;2F"),
            ("insert", "\\x1b[2~"),
            ("delete", "\\x1b[3~"),
            ("alt+delete", "\\x1b[3;3~"),
            ("pageup", "\\x1b[5~"),
            ("ctrl+pagedown", "\\x1b[6;5~"),
            ("f1", "\\x1bOP"),
            ("f4", "\\x1bOS"),
            ("shift+f3", "\\x1b[1;2R"),
            ("f5", "\\x1b[15~"),
            ("f6", "\\x1b[17~"),
            ("f10", "\\x1b[21~"),
            ("f11", "\\x1b[23~"),
            ("ctrl+f12", "\\x1b[24;5~"),
            ("f13", "\\x1b[25~"),
            ("f14", "\\x1b[26~"),
            ("f15", "\\x1b[28~"),
            ("f16", "\\x1b[29~"),
            ("f17", "\\x1b[31~"),
            ("f20", "\\x1b[34~"),
            ("f21", "\\x1b[42~"),
            ("f24", "\\x1b[45~"),
            ("menu", "\\x1b[29~"),
            ("pause", ""),
            ("capslock", ""),
        ],
    );
}

#[test]
fn control_characters() {
    let letters: Vec<(String, String)> =
        ('a'..='z').map(|letter| (format!("ctrl+{letter}"), shown(&[letter as u8 - b'a' + 1]))).collect();
    let letters: Vec<(&str, &str)> =
        letters.iter().map(|(name, out)| (name.as_str(), out.as_str())).collect();
    check(TermMode::default(), &letters);
    check(
        TermMode::default(),
        &[
            ("ctrl+space", "\\x00"),
            ("ctrl+@", "\\x00"),
            ("ctrl+2", "\\x00"),
            ("ctrl+shift+2", "\\x00"),
            ("ctrl+3", "\\x1b"),
            ("ctrl+[", "\\x1b"),
            ("ctrl+\\", "\\x1c"),
            ("ctrl+]", "\\x1d"),
            ("ctrl+^", "\\x1e"),
            ("ctrl+6", "\\x1e"),
            ("ctrl+_", "\\x1f"),
            ("ctrl+shift+-", "\\x1f"),
            ("ctrl+/", "\\x1f"),
            ("ctrl+?", "\\x7f"),
            ("ctrl+8", "\\x7f"),
            ("ctrl+1", "1"),
            ("ctrl+;", ";"),
            ("ctrl+alt+c", "\\x1b\\x03"),
            ("ctrl+shift+c", "\\x03"),
            ("ctrl+é", "\\xc3\\xa9"),
        ],
    );
}

#[test]
fn application_modes() {
    check(
        TermMode::APP_CURSOR,
        &[
            ("up", "\\x1bOA"),
            ("home", "\\x1bOH"),
            ("end", "\\x1bOF"),
            ("ctrl+up", "\\x1b[1;5A"),
            ("kpup", "\\x1bOA"),
            ("delete", "\\x1b[3~"),
            ("kp5", "5"),
        ],
    );
    check(
        TermMode::APP_KEYPAD,
        &[
            ("kp0", "\\x1bOp"),
            ("kp9", "\\x1bOy"),
            ("kpenter", "\\x1bOM"),
            ("kpadd", "\\x1bOk"),
            ("kpsubtract", "\\x1bOm"),
            ("kpmultiply", "\\x1bOj"),
            ("kpdivide", "\\x1bOo"),
            ("kpdecimal", "\\x1bOn"),
            ("5", "5"),
            ("enter", "\\r"),
        ],
    );
    check(
        TermMode::default(),
        &[
            ("kp0", "0"),
            ("kpadd", "+"),
            ("kpenter", "\\r"),
            ("kphome", "\\x1b[H"),
            ("kpbegin", "\\x1b[E"),
            ("kpdelete", "\\x1b[3~"),
        ],
    );
    check(TermMode::LINE_FEED_NEW_LINE, &[("enter", "\\r\\n")]);
}

#[test]
fn kitty_disambiguate() {
    check(
        TermMode::DISAMBIGUATE_ESC_CODES | TermMode::APP_CURSOR,
        &[
            ("a", "a"),
            ("A", "A"),
            ("shift+a", "A"),
            ("é", "\\xc3\\xa9"),
            ("escape", "\\x1b[27u"),
            ("enter", "\\r"),
            ("tab", "\\t"),
            ("backspace", "\\x7f"),
            ("shift+enter", "\\x1b[13;2u"),
            ("ctrl+enter", "\\x1b[13;5u"),
            ("alt+enter", "\\x1b[13;3u"),
            ("shift+tab", "\\x1b[9;2u"),
            ("ctrl+backspace", "\\x1b[127;5u"),
            ("ctrl+c", "\\x1b[99;5u"),
            ("ctrl+shift+c", "\\x1b[99;6u"),
            ("ctrl+C", "\\x1b[99;6u"),
            ("alt+f", "\\x1b[102;3u"),
            ("alt+shift+f", "\\x1b[102;4u"),
            ("ctrl+space", "\\x1b[32;5u"),
            ("super+a", "\\x1b[97;9u"),
            ("up", "\\x1b[A"),
            ("ctrl+up", "\\x1b[1;5A"),
            ("home", "\\x1b[H"),
            ("delete", "\\x1b[3~"),
            ("f1", "\\x1b[P"),
            ("f3", "\\x1b[13~"),
            ("ctrl+f3", "\\x1b[13;5~"),
            ("f5", "\\x1b[15~"),
            ("f12", "\\x1b[24~"),
            ("f13", "\\x1b[57376u"),
            ("f24", "\\x1b[57387u"),
            ("menu", "\\x1b[57363u"),
            ("pause", "\\x1b[57362u"),
            ("kpup", "\\x1b[57419u"),
            ("kpenter", "\\x1b[57414u"),
            ("kp5", "5"),
            ("kpbegin", "\\x1b[E"),
            ("capslock", ""),
        ],
    );
}

#[test]
fn kitty_all_keys() {
    check(
        TermMode::DISAMBIGUATE_ESC_CODES | TermMode::REPORT_ALL_KEYS_AS_ESC,
        &[
            ("a", "\\x1b[97u"),
            ("A", "\\x1b[97;2u"),
            ("enter", "\\x1b[13u"),
            ("tab", "\\x1b[9u"),
            ("backspace", "\\x1b[127u"),
            ("space", "\\x1b[32u"),
            ("kp5", "\\x1b[57404u"),
            ("capslock", "\\x1b[57358u"),
            ("up", "\\x1b[A"),
        ],
    );
    let texts =
        TermMode::REPORT_ALL_KEYS_AS_ESC | TermMode::REPORT_ASSOCIATED_TEXT | TermMode::REPORT_ALTERNATE_KEYS;
    check(
        texts,
        &[
            ("a", "\\x1b[97;;97u"),
            ("A", "\\x1b[97:65;2;65u"),
            ("shift+1", "\\x1b[49:33;2;33u"),
            ("ctrl+a", "\\x1b[97;5u"),
            ("ctrl+shift+a", "\\x1b[97:65;6u"),
            ("enter", "\\x1b[13u"),
            ("up", "\\x1b[A"),
        ],
    );
    let shift = Key::plain(KeyCode::Modifier(ModifierKey::Shift, false));
    assert_eq!(shown(&Key { mods: Mods::SHIFT, ..shift }.encode(texts)), "\\x1b[57441;2u");
    let right = Key::plain(KeyCode::Modifier(ModifierKey::Super, true));
    assert_eq!(shown(&right.encode(texts)), "\\x1b[57450u");
    assert_eq!(right.encode(TermMode::DISAMBIGUATE_ESC_CODES), b"");
}

#[test]
fn kitty_other_layouts() {
    let cyrillic =
        KeyEvent { text: "с", base: Some('c'), ..KeyEvent::press(Key::plain(KeyCode::Char('с'))) };
    let modes = TermMode::REPORT_ALL_KEYS_AS_ESC | TermMode::REPORT_ALTERNATE_KEYS;
    assert_eq!(shown(&encode(&cyrillic, modes)), "\\x1b[1089::99u");
    let held = KeyEvent { text: "", key: Key::new(KeyCode::Char('с'), Mods::CTRL), ..cyrillic };
    assert_eq!(shown(&encode(&held, modes)), "\\x1b[1089::99;5u");
    let upper = KeyEvent { text: "С", key: Key::new(KeyCode::Char('с'), Mods::SHIFT), ..cyrillic };
    assert_eq!(shown(&encode(&upper, modes)), "\\x1b[1089:1057:99;2u");
}

#[test]
fn kitty_events() {
    let events = TermMode::DISAMBIGUATE_ESC_CODES | TermMode::REPORT_EVENT_TYPES;
    let all = events | TermMode::REPORT_ALL_KEYS_AS_ESC;
    let table = [
        (events, "a", Phase::Press, "a"),
        (events, "a", Phase::Repeat, "a"),
        (events, "a", Phase::Release, "\\x1b[97;1:3u"),
        (events, "ctrl+a", Phase::Press, "\\x1b[97;5u"),
        (events, "ctrl+a", Phase::Repeat, "\\x1b[97;5:2u"),
        (events, "ctrl+a", Phase::Release, "\\x1b[97;5:3u"),
        (events, "up", Phase::Repeat, "\\x1b[1;1:2A"),
        (events, "up", Phase::Release, "\\x1b[1;1:3A"),
        (events, "f5", Phase::Release, "\\x1b[15;1:3~"),
        (events, "enter", Phase::Release, ""),
        (events, "backspace", Phase::Repeat, "\\x7f"),
        (all, "enter", Phase::Release, "\\x1b[13;1:3u"),
        (all, "enter", Phase::Repeat, "\\x1b[13;1:2u"),
        (all, "a", Phase::Release, "\\x1b[97;1:3u"),
        (TermMode::REPORT_EVENT_TYPES, "ctrl+a", Phase::Press, "\\x01"),
        (TermMode::REPORT_EVENT_TYPES, "ctrl+a", Phase::Release, "\\x1b[97;5:3u"),
        (TermMode::DISAMBIGUATE_ESC_CODES, "up", Phase::Release, ""),
        (TermMode::DISAMBIGUATE_ESC_CODES, "up", Phase::Repeat, "\\x1b[A"),
        (TermMode::empty(), "a", Phase::Release, ""),
    ];
    for (modes, name, phase, expected) in table {
        let key = key(name);
        let text = if key.mods.is_none() && matches!(key.code, KeyCode::Char(_)) { name } else { "" };
        let event = KeyEvent { phase, text, ..KeyEvent::press(key) };
        assert_eq!(shown(&encode(&event, modes)), expected, "{name} {phase:?} in {modes:?}");
    }
}

#[test]
fn a_macs_option_is_alt() {
    let event = KeyEvent { text: "ƒ", ..KeyEvent::press(key("alt+f")) };
    assert_eq!(shown(&encode(&event, TermMode::empty())), "\\x1bf");
    assert_eq!(shown(&encode(&event, TermMode::DISAMBIGUATE_ESC_CODES)), "\\x1b[102;3u");
}

#[test]
fn names() {
    let table = [
        ("ctrl+c", Key::new(KeyCode::Char('c'), Mods::CTRL)),
        ("Ctrl+C", Key::new(KeyCode::Char('C'), Mods::CTRL)),
        ("C-c", Key::new(KeyCode::Char('c'), Mods::CTRL)),
        ("M-x", Key::new(KeyCode::Char('x'), Mods::ALT)),
        ("C-M-x", Key::new(KeyCode::Char('x'), Mods::CTRL | Mods::ALT)),
        ("S-Up", Key::new(KeyCode::Up, Mods::SHIFT)),
        ("^c", Key::new(KeyCode::Char('c'), Mods::CTRL)),
        ("^", Key::plain(KeyCode::Char('^'))),
        ("BTab", Key::new(KeyCode::Tab, Mods::SHIFT)),
        ("shift_tab", Key::new(KeyCode::Tab, Mods::SHIFT)),
        ("ctrl_enter", Key::new(KeyCode::Enter, Mods::CTRL)),
        ("arrow_up", Key::plain(KeyCode::Up)),
        ("page_down", Key::plain(KeyCode::PageDown)),
        ("page-up", Key::plain(KeyCode::PageUp)),
        ("NPage", Key::plain(KeyCode::PageDown)),
        ("Escape", Key::plain(KeyCode::Escape)),
        ("F12", Key::plain(KeyCode::F(12))),
        ("ctrl++", Key::new(KeyCode::Char('+'), Mods::CTRL)),
        ("C--", Key::new(KeyCode::Char('-'), Mods::CTRL)),
        ("-", Key::plain(KeyCode::Char('-'))),
        ("_", Key::plain(KeyCode::Char('_'))),
        ("KP_5", Key::plain(KeyCode::Keypad(Keypad::Digit(5)))),
        ("f", Key::plain(KeyCode::Char('f'))),
    ];
    for (name, expected) in table {
        assert_eq!(Key::parse(name), Ok(expected), "{name}");
    }
    for name in ["", "f36", "f0", "entr", "ctrl+", "hyper+x", "\u{1b}", "kp12", "ab"] {
        let err = Key::parse(name).unwrap_err();
        assert!(err.to_string().starts_with(&format!("no key is called {name:?}")), "{err}");
    }
}

proptest! {
    #[test]
    fn what_is_printed_is_parsed(name in "\\PC", mods in prop::sample::subsequence(vec!["ctrl", "alt", "shift", "super"], 0..4)) {
        let mut full = mods.join("+");
        if !full.is_empty() { full.push('+'); }
        full.push_str(&name);
        let key = Key::parse(&full).unwrap();
        prop_assert_eq!(Key::parse(&key.to_string()), Ok(key));
    }

    #[test]
    fn parsing_never_panics(name in ".{0,12}") {
        if let Ok(key) = Key::parse(&name) {
            key.encode(TermMode::ANY);
            key.encode(TermMode::empty());
        }
    }
}
