//! What is typed: bytes for the program, and the few chords that are the view's own.

use super::keys;
use super::style::FontZoom;
use alacritty_terminal::term::TermMode;
use eframe::egui::{Event, ImeEvent, Key as EguiKey, Modifiers};
use magia_tty::input::{Key, KeyCode, KeyEvent, Mods, Phase, encode, paste};

/// What the view does itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Chord {
    Copy,
    Paste,
    Find,
    PageUp,
    PageDown,
    Top,
    Bottom,
    Zoom(FontZoom),
    /// Gives the keyboard back to the window.
    Leave,
}

/// One thing that was typed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Typed {
    /// For the program; whether a person sees it as typing (a key that goes up is none).
    Bytes(Vec<u8>, bool),
    /// For the view.
    Chord(Chord),
    /// What an input method has so far; empty when it is done.
    Preedit(String),
}

/// Whether an event is the keyboard's, and so belongs to a terminal that has it.
pub(super) fn is_keyboard(event: &Event) -> bool {
    matches!(
        event,
        Event::Key { .. } | Event::Text(_) | Event::Paste(_) | Event::Ime(_) | Event::Copy | Event::Cut
    )
}

/// Reads a pass's events in order. `held` are the modifiers of this moment, for text that comes without a key.
pub(super) fn read(events: &[Event], modes: TermMode, held: Modifiers) -> Vec<Typed> {
    let mut typed = Vec::new();
    let mut events = events.iter().peekable();
    while let Some(event) = events.next() {
        match event {
            Event::Key { key, physical_key, pressed, repeat, modifiers } => {
                // The text of a key follows it.
                let text = match events.peek() {
                    Some(Event::Text(text)) if *pressed => text.as_str(),
                    _ => "",
                };
                if !text.is_empty() {
                    events.next();
                }
                if let Some(chord) = chord(*key, *modifiers, modes) {
                    typed.extend(pressed.then_some(Typed::Chord(chord)));
                    continue;
                }
                let phase = match (pressed, repeat) {
                    (false, _) => Phase::Release,
                    (true, true) => Phase::Repeat,
                    (true, false) => Phase::Press,
                };
                push(&mut typed, key_bytes(*key, *physical_key, *modifiers, phase, text, modes), *pressed);
            }
            Event::Text(text) => push(&mut typed, text_bytes(text, held, modes), true),
            Event::Ime(ImeEvent::Commit(text)) => {
                typed.push(Typed::Preedit(String::new()));
                push(&mut typed, text_bytes(text, Modifiers::NONE, modes), true);
            }
            Event::Ime(ImeEvent::Preedit { text, .. }) => typed.push(Typed::Preedit(text.clone())),
            Event::Paste(text) => push(&mut typed, paste(text, modes), true),
            _ => {}
        }
    }
    typed
}

fn push(typed: &mut Vec<Typed>, bytes: Vec<u8>, by_hand: bool) {
    if !bytes.is_empty() {
        typed.push(Typed::Bytes(bytes, by_hand));
    }
}

fn key_bytes(
    key: EguiKey,
    physical: Option<EguiKey>,
    modifiers: Modifiers,
    phase: Phase,
    text: &str,
    modes: TermMode,
) -> Vec<u8> {
    let Some((code, base)) = keys::code(key, physical) else { return text.as_bytes().to_vec() };
    let mods = keys::mods(modifiers);
    // Without a modifier a letter's text is all there is of it; none means that a dead key or an input method has it.
    let writes = matches!(code, KeyCode::Char(_)) && mods.without(Mods::SHIFT).is_none();
    if writes && text.is_empty() && phase != Phase::Release {
        return Vec::new();
    }
    // In a layout without Latin letters egui names the key by its place.
    let mut letters = text.chars();
    let code = match (code, letters.next(), letters.next()) {
        (KeyCode::Char(_), Some(letter), None) if letter.is_alphabetic() && !letter.is_ascii() => {
            KeyCode::Char(letter.to_lowercase().next().unwrap_or(letter))
        }
        (code, ..) => code,
    };
    let base = match code {
        KeyCode::Char(typed) => base
            .or_else(|| keys::code(key, physical).and_then(|(code, _)| character(code)))
            .filter(|base| *base != typed),
        _ => None,
    };
    encode(&KeyEvent { key: Key::new(code, mods), phase, text, base }, modes)
}

fn character(code: KeyCode) -> Option<char> {
    match code {
        KeyCode::Char(typed) => Some(typed),
        _ => None,
    }
}

/// Text without a key: an input method's, a dead key's, a letter that egui knows no key for.
fn text_bytes(text: &str, held: Modifiers, modes: TermMode) -> Vec<u8> {
    let mut letters = text.chars();
    match (letters.next(), letters.next()) {
        (Some(letter), None) => {
            let mods = Mods::NONE.with(Mods::ALT, held.alt);
            encode(&KeyEvent { text, ..KeyEvent::press(Key::new(KeyCode::Char(letter), mods)) }, modes)
        }
        _ => text.bytes().collect(),
    }
}

/// The view's own chords: with Command on a Mac, elsewhere with Ctrl and Shift, where no program looks.
fn chord(key: EguiKey, modifiers: Modifiers, modes: TermMode) -> Option<Chord> {
    let mac = modifiers.mac_cmd;
    let ours = mac || (modifiers.ctrl && modifiers.shift && !modifiers.alt);
    let zooms = (mac || modifiers.ctrl) && !modifiers.alt;
    let shift_only = modifiers.shift && !modifiers.ctrl && !modifiers.alt && !mac;
    // A program that has the whole screen has no scrollback, and may want these itself.
    let scrolls = shift_only && !modes.contains(TermMode::ALT_SCREEN);
    Some(match key {
        EguiKey::C if ours => Chord::Copy,
        EguiKey::V if ours => Chord::Paste,
        EguiKey::F if ours => Chord::Find,
        EguiKey::Insert if shift_only => Chord::Paste,
        EguiKey::Copy => Chord::Copy,
        EguiKey::Paste => Chord::Paste,
        EguiKey::PageUp if scrolls => Chord::PageUp,
        EguiKey::PageDown if scrolls => Chord::PageDown,
        EguiKey::Home if scrolls => Chord::Top,
        EguiKey::End if scrolls => Chord::Bottom,
        EguiKey::Escape if shift_only => Chord::Leave,
        EguiKey::Plus | EguiKey::Equals if zooms => Chord::Zoom(FontZoom::Larger),
        EguiKey::Minus if zooms && !modifiers.shift => Chord::Zoom(FontZoom::Smaller),
        EguiKey::Num0 if zooms && !modifiers.shift => Chord::Zoom(FontZoom::Reset),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(key: EguiKey, modifiers: Modifiers) -> Event {
        Event::Key { key, physical_key: Some(key), pressed: true, repeat: false, modifiers }
    }

    fn up(event: &Event) -> Event {
        match event.clone() {
            Event::Key { key, physical_key, modifiers, .. } => {
                Event::Key { key, physical_key, pressed: false, repeat: false, modifiers }
            }
            other => other,
        }
    }

    fn bytes(events: &[Event], modes: TermMode) -> String {
        let typed = read(events, modes, Modifiers::NONE);
        let bytes = typed.iter().flat_map(|typed| match typed {
            Typed::Bytes(bytes, _) => bytes.clone(),
            other => panic!("{other:?}"),
        });
        bytes.collect::<Vec<u8>>().escape_ascii().to_string()
    }

    #[test]
    fn a_key_and_its_text_are_one() {
        let alt = Modifiers::ALT;
        let table = [
            (vec![key(EguiKey::A, Modifiers::NONE), Event::Text("a".into())], "a"),
            (vec![key(EguiKey::A, Modifiers::SHIFT), Event::Text("A".into())], "A"),
            (vec![key(EguiKey::F, alt), Event::Text("f".into())], "\\x1bf"),
            (vec![key(EguiKey::C, Modifiers::CTRL)], "\\x03"),
            (vec![key(EguiKey::Minus, Modifiers::CTRL | Modifiers::SHIFT)], "\\x1f"),
            (vec![key(EguiKey::Enter, Modifiers::NONE)], "\\r"),
            (vec![key(EguiKey::Space, Modifiers::NONE), Event::Text(" ".into())], " "),
            (vec![key(EguiKey::Space, Modifiers::CTRL)], "\\x00"),
            // A dead key, then the letter that it makes.
            (
                vec![
                    key(EguiKey::Quote, Modifiers::NONE),
                    up(&key(EguiKey::Quote, Modifiers::NONE)),
                    Event::Text("é".into()),
                ],
                "\\xc3\\xa9",
            ),
            (vec![Event::Ime(ImeEvent::Commit("日本".into()))], ""),
        ];
        for (events, expected) in table.into_iter().take(9) {
            assert_eq!(bytes(&events, TermMode::empty()), expected, "{events:?}");
        }
    }

    #[test]
    fn an_input_method_shows_and_then_types() {
        let events = [
            Event::Ime(ImeEvent::Preedit { text: "にほ".into(), active_range_chars: None }),
            Event::Ime(ImeEvent::Commit("日本".into())),
        ];
        let typed = read(&events, TermMode::empty(), Modifiers::NONE);
        let expected =
            [Typed::Preedit("にほ".into()), Typed::Preedit(String::new()), Typed::Bytes("日本".into(), true)];
        assert_eq!(typed, expected);
    }

    #[test]
    fn keys_that_go_up_are_told_to_those_who_ask() {
        let events = TermMode::DISAMBIGUATE_ESC_CODES | TermMode::REPORT_EVENT_TYPES;
        let pressed = key(EguiKey::A, Modifiers::NONE);
        assert_eq!(bytes(&[up(&pressed)], TermMode::empty()), "");
        assert_eq!(
            read(&[up(&pressed)], events, Modifiers::NONE),
            [Typed::Bytes(b"\x1b[97;1:3u".to_vec(), false)]
        );
    }

    #[test]
    fn a_cyrillic_layout_has_its_letters() {
        let pressed = Event::Key {
            key: EguiKey::C,
            physical_key: Some(EguiKey::C),
            pressed: true,
            repeat: false,
            modifiers: Modifiers::NONE,
        };
        let all = TermMode::REPORT_ALL_KEYS_AS_ESC | TermMode::REPORT_ALTERNATE_KEYS;
        assert_eq!(bytes(&[pressed, Event::Text("с".into())], all), "\\x1b[1089::99u");
    }

    #[test]
    fn chords_are_the_views_own() {
        let both = Modifiers::CTRL | Modifiers::SHIFT;
        let table = [
            (EguiKey::C, both, Some(Chord::Copy)),
            (EguiKey::V, both, Some(Chord::Paste)),
            (EguiKey::F, both, Some(Chord::Find)),
            (EguiKey::C, Modifiers::CTRL, None),
            (EguiKey::V, Modifiers::CTRL, None),
            (EguiKey::X, Modifiers::CTRL, None),
            (EguiKey::PageUp, Modifiers::SHIFT, Some(Chord::PageUp)),
            (EguiKey::PageUp, Modifiers::NONE, None),
            (EguiKey::Equals, Modifiers::CTRL, Some(Chord::Zoom(FontZoom::Larger))),
            (EguiKey::Minus, Modifiers::CTRL, Some(Chord::Zoom(FontZoom::Smaller))),
            (EguiKey::Minus, both, None),
            (EguiKey::Escape, Modifiers::SHIFT, Some(Chord::Leave)),
            (EguiKey::Escape, Modifiers::NONE, None),
            (EguiKey::Insert, Modifiers::SHIFT, Some(Chord::Paste)),
        ];
        for (key, modifiers, expected) in table {
            assert_eq!(chord(key, modifiers, TermMode::empty()), expected, "{key:?} {modifiers:?}");
        }
        assert_eq!(chord(EguiKey::PageUp, Modifiers::SHIFT, TermMode::ALT_SCREEN), None);
    }
}
