//! What a person would see: the pixels of an X display's root window.

use std::collections::HashMap;

use anyhow::{Context, Result};
use x11rb::connection::Connection;
use x11rb::protocol::xproto::{ConnectionExt as _, ImageFormat, KEY_PRESS_EVENT, KEY_RELEASE_EVENT};
use x11rb::protocol::xtest::ConnectionExt as _;
use x11rb::rust_connection::RustConnection;
use x11rb::{CURRENT_TIME, NONE};

/// Every so many lines one is looked at: a look must not cost the time that it measures.
const LINE_STEP: u16 = 10;
/// Colours that fill areas; what has another one is text, an icon or an edge.
const AREA_COLOURS: usize = 6;

/// A connection that only looks.
pub struct Screen {
    connection: RustConnection,
    root: u32,
    width: u16,
    height: u16,
}

/// The pixels of some lines, as the server keeps them.
#[derive(Debug, Clone, PartialEq)]
pub struct Look(Vec<[u8; 4]>);

impl Screen {
    /// Connects to a display by its name.
    pub fn open(display: &str) -> Result<Self> {
        let (connection, number) =
            RustConnection::connect(Some(display)).with_context(|| format!("connecting to {display}"))?;
        let screen = connection.setup().roots.get(number).context("the display has no screen")?;
        let (root, width, height) = (screen.root, screen.width_in_pixels, screen.height_in_pixels);
        Ok(Self { connection, root, width, height })
    }

    /// Looks at a part once, every pixel: left, top, width, height.
    pub fn look_at(&self, (x, y, width, height): (i16, i16, u16, u16)) -> Result<Look> {
        let format = ImageFormat::Z_PIXMAP;
        let image = self.connection.get_image(format, self.root, x, y, width, height, !0)?.reply()?;
        Ok(Look(image.data.as_chunks::<4>().0.to_vec()))
    }

    /// Looks at the screen once.
    pub fn look(&self) -> Result<Look> {
        self.look_from(0)
    }

    /// Looks at the right half of the screen once.
    pub fn look_right(&self) -> Result<Look> {
        self.look_from(self.width / 2)
    }

    fn look_from(&self, left: u16) -> Result<Look> {
        let (x, width) = (i16::try_from(left)?, self.width - left);
        let mut lines = Vec::new();
        for y in (0..self.height).step_by(usize::from(LINE_STEP)) {
            let y = i16::try_from(y)?;
            let format = ImageFormat::Z_PIXMAP;
            lines.push(self.connection.get_image(format, self.root, x, y, width, 1, !0)?);
        }
        let mut pixels = Vec::new();
        for line in lines {
            pixels.extend(line.reply()?.data.as_chunks::<4>().0);
        }
        Ok(Look(pixels))
    }
}

/// The X server's keyboard.
pub struct Keyboard {
    connection: RustConnection,
    /// The code of the key that types "a".
    code: u8,
}

impl Keyboard {
    /// Connects to a display by its name.
    pub fn open(display: &str) -> Result<Self> {
        /// Its keysym.
        const LETTER: u32 = 0x61;
        let (connection, _) =
            RustConnection::connect(Some(display)).with_context(|| format!("connecting to {display}"))?;
        let (least, most) = (connection.setup().min_keycode, connection.setup().max_keycode);
        let mapping = connection.get_keyboard_mapping(least, most - least + 1)?.reply()?;
        let codes = mapping.keysyms.chunks(usize::from(mapping.keysyms_per_keycode)).zip(least..);
        let code = codes.into_iter().find_map(|(syms, code)| (syms.first() == Some(&LETTER)).then_some(code));
        Ok(Self { connection, code: code.context("the display's keyboard has no a")? })
    }

    /// Presses it and lets it go.
    pub fn type_a(&self) -> Result<()> {
        for event in [KEY_PRESS_EVENT, KEY_RELEASE_EVENT] {
            self.connection.xtest_fake_input(event, self.code, CURRENT_TIME, NONE, 0, 0, 0)?;
        }
        self.connection.flush()?;
        Ok(())
    }
}

/// What to recognise a page by: its pixels, found by comparing the screen without and with it.
pub struct Page {
    /// Place and colour of each pixel that the page changed.
    all: Vec<(usize, [u8; 4])>,
    /// Those that are neither its backgrounds nor its cards.
    marks: Vec<(usize, [u8; 4])>,
}

impl Page {
    /// Learns the page from the bare screen and the finished one.
    pub fn learn(bare: &Look, finished: &Look) -> Self {
        let pixels = bare.0.iter().zip(&finished.0).enumerate();
        let all: Vec<_> = pixels
            .filter(|(_, (before, now))| before != now)
            .map(|(place, (_, now))| (place, *now))
            .collect();
        let mut counts: HashMap<[u8; 4], usize> = HashMap::new();
        for (_, colour) in &all {
            *counts.entry(*colour).or_default() += 1;
        }
        let mut colours: Vec<_> = counts.into_iter().collect();
        colours.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let areas: Vec<[u8; 4]> = colours.into_iter().take(AREA_COLOURS).map(|(colour, _)| colour).collect();
        let marks = all.iter().filter(|(_, colour)| !areas.contains(colour)).copied().collect();
        Self { all, marks }
    }

    /// Shares of the page, and of its text alone, that are on the screen.
    pub fn shown(&self, look: &Look) -> (f64, f64) {
        let share = |pixels: &[(usize, [u8; 4])]| {
            let same = pixels.iter().filter(|(place, colour)| look.0.get(*place) == Some(colour)).count();
            same as f64 / pixels.len().max(1) as f64
        };
        (share(&self.all), share(&self.marks))
    }

    /// How many pixels it is known by, and how many of its text.
    pub fn size(&self) -> (usize, usize) {
        (self.all.len(), self.marks.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_recognised_by_what_it_changed() {
        let colour = |value: u8| [value; 4];
        let bare = Look(vec![colour(0); 20]);
        let mut finished = bare.clone();
        // Six areas of two pixels, then text of one pixel each.
        for (place, pixel) in finished.0.iter_mut().enumerate().take(16) {
            *pixel = colour(if place < 12 { 1 + place as u8 / 2 } else { 100 + place as u8 });
        }
        let page = Page::learn(&bare, &finished);
        assert_eq!(page.size(), (16, 4));
        assert_eq!(page.shown(&bare), (0.0, 0.0));
        assert_eq!(page.shown(&finished), (1.0, 1.0));
        let areas_only = Look(finished.0.iter().take(12).copied().chain([colour(0); 8]).collect());
        assert_eq!(page.shown(&areas_only), (0.75, 0.0));
    }
}
