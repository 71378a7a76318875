//! What a person does becomes the bytes that a program in a terminal reads: keys, mouse, focus, paste.
//!
//! Pure: no window and no terminal, only the modes that the program has set ([`TermMode`]).
//!
//! Sources: xterm's `ctlseqs` for the legacy forms (a test compares them with what xterm sends), the kitty keyboard
//! protocol's page for the levels above.

mod key;
mod kitty;
mod legacy;
mod mouse;
mod name;
mod paste;

pub use key::{Key, KeyCode, KeyEvent, Keypad, ModifierKey, Mods, Phase};
pub use mouse::{
    MouseAction, MouseButton, MouseEncoding, MouseEvent, MouseProtocol, MouseTracking, scroll_as_arrows,
};
pub use name::UnknownKey;
pub use paste::{focus, paste};

use alacritty_terminal::term::TermMode;

/// The bytes for a key; none when the program is not to hear of it.
pub fn encode(event: &KeyEvent<'_>, modes: TermMode) -> Vec<u8> {
    if modes.intersects(TermMode::KITTY_KEYBOARD_PROTOCOL) {
        kitty::encode(event, modes)
    } else {
        legacy::encode(event, modes)
    }
}

impl Key {
    /// The bytes for pressing this key once.
    pub fn encode(self, modes: TermMode) -> Vec<u8> {
        let mut text = [0; 4];
        let event = KeyEvent { text: self.text(&mut text), ..KeyEvent::press(self) };
        encode(&event, modes)
    }
}
