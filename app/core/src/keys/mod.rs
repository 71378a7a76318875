//! The keyboard: which commands there are, what they are called, and which keys run them.
//!
//! One table ([`UiCommand`]) is menu, palette, tooltip, overlay and shortcut. keybindings.json changes its keys.

mod chord;
mod command;
mod keymap;

pub use chord::{Chord, KEY_NAMES};
pub use command::{Context, UiCommand};
pub use keymap::{Conflict, Keymap};
