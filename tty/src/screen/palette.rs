//! The default colours that colour queries are answered with.

use alacritty_terminal::vte::ansi::{NamedColor, Rgb};

/// The colours of a terminal as long as the program sets no others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Palette {
    /// Text (OSC 10).
    pub foreground: Rgb,
    /// Background (OSC 11).
    pub background: Rgb,
    /// Cursor (OSC 12).
    pub cursor: Rgb,
    /// The 16 ANSI colours (OSC 4, 0 to 15): eight normal, eight bright.
    pub ansi: [Rgb; 16],
}

const fn rgb(hex: u32) -> Rgb {
    Rgb { r: (hex >> 16) as u8, g: (hex >> 8) as u8, b: hex as u8 }
}

impl Default for Palette {
    /// A dark palette with xterm's order; the window sets its theme's.
    fn default() -> Self {
        Self {
            foreground: rgb(0xd8d8d8),
            background: rgb(0x181818),
            cursor: rgb(0xd8d8d8),
            ansi: [
                rgb(0x181818),
                rgb(0xac4242),
                rgb(0x90a959),
                rgb(0xf4bf75),
                rgb(0x6a9fb5),
                rgb(0xaa759f),
                rgb(0x75b5aa),
                rgb(0xd8d8d8),
                rgb(0x6b6b6b),
                rgb(0xc55555),
                rgb(0xaac474),
                rgb(0xfeca88),
                rgb(0x82b8c8),
                rgb(0xc28cb8),
                rgb(0x93d3c3),
                rgb(0xf8f8f8),
            ],
        }
    }
}

impl Palette {
    /// The colour of a place in the table that OSC 4, 10, 11 and 12 use: 0 to 255, then foreground, background and
    /// cursor ([`NamedColor`]'s numbers). 16 to 231 are xterm's cube, 232 to 255 its grey ramp. None for another number.
    pub fn color(&self, index: usize) -> Option<Rgb> {
        const FOREGROUND: usize = NamedColor::Foreground as usize;
        const BACKGROUND: usize = NamedColor::Background as usize;
        const CURSOR: usize = NamedColor::Cursor as usize;
        match index {
            0..16 => self.ansi.get(index).copied(),
            16..232 => {
                let level = |step: usize| if step == 0 { 0 } else { (step * 40 + 55) as u8 };
                let cube = index - 16;
                Some(Rgb { r: level(cube / 36), g: level(cube / 6 % 6), b: level(cube % 6) })
            }
            232..256 => {
                let grey = ((index - 232) * 10 + 8) as u8;
                Some(Rgb { r: grey, g: grey, b: grey })
            }
            FOREGROUND => Some(self.foreground),
            BACKGROUND => Some(self.background),
            CURSOR => Some(self.cursor),
            _ => None,
        }
    }
}
