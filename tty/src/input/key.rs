//! Keys as a person names them, apart from any window system.

use std::ops::{BitOr, BitOrAssign};

/// The modifiers that are held.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Mods(u8);

impl Mods {
    /// None.
    pub const NONE: Self = Self(0);
    /// Shift.
    pub const SHIFT: Self = Self(1);
    /// Alt, on a Mac Option.
    pub const ALT: Self = Self(2);
    /// Control.
    pub const CTRL: Self = Self(4);
    /// The key with a logo, on a Mac Command.
    pub const SUPER: Self = Self(8);

    /// Whether all of `other` are held.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether none is held.
    pub const fn is_none(self) -> bool {
        self.0 == 0
    }

    /// These without `other`.
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// These, and `other` if `held`.
    #[must_use]
    pub const fn with(self, other: Self, held: bool) -> Self {
        if held { Self(self.0 | other.0) } else { self }
    }

    /// The number in an escape sequence: 1 and the sum of the held ones' bits.
    pub(super) const fn parameter(self) -> u8 {
        self.0 + 1
    }
}

impl BitOr for Mods {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for Mods {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

/// Which key, by what is on it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum KeyCode {
    /// A key that types this when nothing is held. An upper-case letter means the same key with Shift.
    Char(char),
    /// Enter.
    Enter,
    /// Tab.
    Tab,
    /// Backspace.
    Backspace,
    /// Escape.
    Escape,
    /// The arrow up.
    Up,
    /// The arrow down.
    Down,
    /// The arrow to the right.
    Right,
    /// The arrow to the left.
    Left,
    /// Home.
    Home,
    /// End.
    End,
    /// Page up.
    PageUp,
    /// Page down.
    PageDown,
    /// Insert.
    Insert,
    /// Delete.
    Delete,
    /// F1 to F35.
    F(u8),
    /// A key of the keypad.
    Keypad(Keypad),
    /// The menu key.
    Menu,
    /// Print screen.
    PrintScreen,
    /// Pause.
    Pause,
    /// Caps lock.
    CapsLock,
    /// Scroll lock.
    ScrollLock,
    /// Num lock.
    NumLock,
    /// A modifier by itself: whether it is the right one of the two.
    Modifier(ModifierKey, bool),
}

/// A key of the keypad.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[allow(missing_docs, reason = "they are what is printed on the keys")]
pub enum Keypad {
    /// 0 to 9.
    Digit(u8),
    Decimal,
    Divide,
    Multiply,
    Subtract,
    Add,
    Enter,
    Equal,
    Separator,
    Left,
    Right,
    Up,
    Down,
    PageUp,
    PageDown,
    Home,
    End,
    Insert,
    Delete,
    /// The 5 without Num lock.
    Begin,
}

impl Keypad {
    /// The same key of the main block, or what it types.
    pub(super) fn plain(self) -> KeyCode {
        match self {
            Self::Digit(digit) => KeyCode::Char(char::from(b'0' + digit.min(9))),
            Self::Decimal => KeyCode::Char('.'),
            Self::Divide => KeyCode::Char('/'),
            Self::Multiply => KeyCode::Char('*'),
            Self::Subtract => KeyCode::Char('-'),
            Self::Add => KeyCode::Char('+'),
            Self::Equal => KeyCode::Char('='),
            Self::Separator => KeyCode::Char(','),
            Self::Enter => KeyCode::Enter,
            Self::Left => KeyCode::Left,
            Self::Right => KeyCode::Right,
            Self::Up => KeyCode::Up,
            Self::Down => KeyCode::Down,
            Self::PageUp => KeyCode::PageUp,
            Self::PageDown => KeyCode::PageDown,
            Self::Home => KeyCode::Home,
            Self::End => KeyCode::End,
            Self::Insert => KeyCode::Insert,
            Self::Delete => KeyCode::Delete,
            // It has no other; the encoders know it.
            Self::Begin => KeyCode::Keypad(Self::Begin),
        }
    }
}

/// Which modifier, when it is a key of its own.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[allow(missing_docs, reason = "they are what is printed on the keys")]
pub enum ModifierKey {
    Shift,
    Control,
    Alt,
    Super,
}

/// A key and what is held with it. Made from its name by [`Key::parse`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Key {
    /// The key.
    pub code: KeyCode,
    /// What is held.
    pub mods: Mods,
}

impl Key {
    /// A key with nothing held.
    pub const fn plain(code: KeyCode) -> Self {
        Self { code, mods: Mods::NONE }
    }

    /// A key with something held.
    pub const fn new(code: KeyCode, mods: Mods) -> Self {
        Self { code, mods }
    }

    /// What this key types on a US keyboard, in `buffer`; nothing when it types nothing.
    pub(super) fn text(self, buffer: &mut [u8; 4]) -> &str {
        let code = match self.code {
            KeyCode::Keypad(key) => key.plain(),
            code => code,
        };
        match code {
            KeyCode::Char(_) if self.mods.has(Mods::CTRL) || self.mods.has(Mods::SUPER) => "",
            KeyCode::Char(typed) if self.mods.has(Mods::SHIFT) => shifted(typed).encode_utf8(buffer),
            KeyCode::Char(typed) => typed.encode_utf8(buffer),
            _ => "",
        }
    }
}

/// What a key types with Shift on a US keyboard.
pub(super) fn shifted(typed: char) -> char {
    const PLAIN: &str = "`1234567890-=[]\\;',./";
    const SHIFTED: &str = "~!@#$%^&*()_+{}|:\"<>?";
    if let Some((_, shifted)) = PLAIN.chars().zip(SHIFTED.chars()).find(|(plain, _)| *plain == typed) {
        return shifted;
    }
    let mut upper = typed.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some(upper), None) => upper,
        _ => typed,
    }
}

/// Whether a key went down or up.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Phase {
    /// It went down.
    #[default]
    Press,
    /// It is held and repeats.
    Repeat,
    /// It went up.
    Release,
}

/// A key as a window tells of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KeyEvent<'a> {
    /// The key and what is held.
    pub key: Key,
    /// Down or up.
    pub phase: Phase,
    /// What it types in the user's layout, empty when it types nothing.
    pub text: &'a str,
    /// The key at this place on a US keyboard, when the user's layout has another one there.
    pub base: Option<char>,
}

impl KeyEvent<'_> {
    /// A key that goes down and types nothing.
    pub const fn press(key: Key) -> Self {
        Self { key, phase: Phase::Press, text: "", base: None }
    }
}
