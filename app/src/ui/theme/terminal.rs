//! The colours of terminals: the sixteen of each theme, the 256, and text that stays readable on whatever is behind it.

use super::hsl;
use alacritty_terminal::term::color::Colors;
use alacritty_terminal::vte::ansi::{Color, NamedColor, Rgb};
use eframe::egui::{Color32, Theme};
use magia_tty::screen::Palette;
use std::sync::LazyLock;

/// Text that has less contrast than this is made lighter or darker: a program cannot know the theme.
const LEAST_CONTRAST: f32 = 3.0;

/// What it has afterwards.
const MADE_CONTRAST: f32 = 5.5;

/// Both for text that a program wants dim.
const LEAST_CONTRAST_DIM: f32 = 2.2;
const MADE_CONTRAST_DIM: f32 = 3.0;

/// The colours of one theme's terminals.
#[derive(Clone, Debug, PartialEq)]
pub struct TerminalInk {
    /// Text.
    pub foreground: Color32,
    /// Behind it.
    pub background: Color32,
    /// Around a grid that is smaller than its place.
    pub letterbox: Color32,
    /// The cursor.
    pub cursor: Color32,
    /// Behind selected text.
    pub selection: Color32,
    /// Behind what was searched for.
    pub found: Color32,
    /// Behind the one of these that was gone to.
    pub found_current: Color32,
    /// Laid over all for the moment of a bell.
    pub bell: Color32,
    /// The thumb of the scroll bar.
    pub scroll_bar: Color32,
    /// Black, red, green, yellow, blue, magenta, cyan, white, and the same in bright.
    pub ansi: [Color32; 16],
}

static DARK: LazyLock<TerminalInk> = LazyLock::new(|| TerminalInk {
    foreground: hsl(220.0, 18.0, 88.0),
    background: hsl(225.0, 16.0, 7.5),
    letterbox: hsl(225.0, 14.0, 10.5),
    cursor: hsl(258.0, 90.0, 76.0),
    selection: hsl(258.0, 38.0, 32.0),
    found: hsl(258.0, 42.0, 24.0),
    found_current: hsl(258.0, 50.0, 46.0),
    bell: hsl(258.0, 90.0, 76.0).gamma_multiply(0.10),
    scroll_bar: hsl(225.0, 8.0, 50.0).gamma_multiply(0.6),
    ansi: [
        hsl(225.0, 10.0, 20.0),
        hsl(357.0, 78.0, 68.0),
        hsl(140.0, 42.0, 58.0),
        hsl(50.0, 66.0, 62.0),
        hsl(214.0, 85.0, 70.0),
        hsl(282.0, 62.0, 75.0),
        hsl(186.0, 50.0, 58.0),
        hsl(220.0, 14.0, 80.0),
        hsl(220.0, 9.0, 56.0),
        hsl(357.0, 90.0, 77.0),
        hsl(140.0, 56.0, 70.0),
        hsl(52.0, 84.0, 74.0),
        hsl(214.0, 95.0, 80.0),
        hsl(282.0, 80.0, 84.0),
        hsl(186.0, 64.0, 72.0),
        hsl(220.0, 25.0, 97.0),
    ],
});

static LIGHT: LazyLock<TerminalInk> = LazyLock::new(|| TerminalInk {
    foreground: hsl(222.0, 25.0, 14.0),
    background: hsl(0.0, 0.0, 100.0),
    letterbox: hsl(220.0, 18.0, 96.0),
    cursor: hsl(258.0, 70.0, 50.0),
    selection: hsl(258.0, 80.0, 88.0),
    found: hsl(258.0, 85.0, 93.0),
    found_current: hsl(258.0, 80.0, 78.0),
    bell: hsl(258.0, 70.0, 50.0).gamma_multiply(0.08),
    scroll_bar: hsl(220.0, 8.0, 50.0).gamma_multiply(0.6),
    ansi: [
        hsl(222.0, 25.0, 14.0),
        hsl(357.0, 70.0, 43.0),
        hsl(140.0, 72.0, 25.0),
        hsl(40.0, 92.0, 27.0),
        hsl(214.0, 82.0, 42.0),
        hsl(288.0, 58.0, 42.0),
        hsl(188.0, 88.0, 25.0),
        hsl(220.0, 9.0, 42.0),
        hsl(220.0, 9.0, 40.0),
        hsl(357.0, 78.0, 47.0),
        hsl(140.0, 80.0, 28.0),
        hsl(36.0, 94.0, 31.0),
        hsl(214.0, 90.0, 47.0),
        hsl(288.0, 68.0, 48.0),
        hsl(188.0, 90.0, 28.0),
        hsl(220.0, 9.0, 44.0),
    ],
});

impl TerminalInk {
    /// The colours of a theme.
    pub fn of(theme: Theme) -> &'static Self {
        match theme {
            Theme::Dark => &DARK,
            Theme::Light => &LIGHT,
        }
    }

    /// What a cell's colour is, with those that the program has set.
    pub fn resolve(&self, color: Color, set: &Colors) -> Color32 {
        match color {
            Color::Spec(rgb) => exact(rgb),
            Color::Indexed(index) => at(set, usize::from(index)).map_or_else(|| self.indexed(index), exact),
            Color::Named(name) => at(set, name as usize).map_or_else(|| self.named(name), exact),
        }
    }

    /// What programs are told when they ask for a colour (OSC 4, 10, 11, 12) that they have not set.
    pub fn palette(&self) -> Palette {
        Palette {
            foreground: rgb(self.foreground),
            background: rgb(self.background),
            cursor: rgb(self.cursor),
            ansi: self.ansi.map(rgb),
        }
    }

    fn indexed(&self, index: u8) -> Color32 {
        const STEPS: [u8; 6] = [0, 95, 135, 175, 215, 255];
        let step = |of: u8| STEPS.get(usize::from(of % 6)).copied().unwrap_or(0);
        match index {
            0..=15 => self.ansi.get(usize::from(index)).copied().unwrap_or(self.foreground),
            16..=231 => {
                let cube = index - 16;
                Color32::from_rgb(step(cube / 36), step(cube / 6), step(cube))
            }
            232..=255 => Color32::from_gray(8 + 10 * (index - 232)),
        }
    }

    fn named(&self, name: NamedColor) -> Color32 {
        let ansi = |index: u8| self.indexed(index);
        match name {
            NamedColor::Foreground | NamedColor::BrightForeground => self.foreground,
            NamedColor::Background => self.background,
            NamedColor::Cursor => self.cursor,
            NamedColor::DimForeground => self.dimmed(self.foreground),
            NamedColor::DimBlack => self.dimmed(ansi(0)),
            NamedColor::DimRed => self.dimmed(ansi(1)),
            NamedColor::DimGreen => self.dimmed(ansi(2)),
            NamedColor::DimYellow => self.dimmed(ansi(3)),
            NamedColor::DimBlue => self.dimmed(ansi(4)),
            NamedColor::DimMagenta => self.dimmed(ansi(5)),
            NamedColor::DimCyan => self.dimmed(ansi(6)),
            NamedColor::DimWhite => self.dimmed(ansi(7)),
            other => u8::try_from(other as usize).map_or(self.foreground, ansi),
        }
    }

    /// A colour nearer to the background.
    pub fn dimmed(&self, color: Color32) -> Color32 {
        mix(color, self.background, 0.38)
    }
}

/// `text` as it is, or lighter or darker until it can be read on `behind`; the very same colour is meant to hide.
pub fn readable(text: Color32, behind: Color32, dim: bool) -> Color32 {
    let (least, made) =
        if dim { (LEAST_CONTRAST_DIM, MADE_CONTRAST_DIM) } else { (LEAST_CONTRAST, MADE_CONTRAST) };
    let ground = luminance(behind);
    if text == behind || contrast(luminance(text), ground) >= least {
        return text;
    }
    let end = if contrast(1.0, ground) >= contrast(0.0, ground) { Color32::WHITE } else { Color32::BLACK };
    let steps = (1..=10_u8).map(|step| mix(text, end, f32::from(step) / 10.0));
    steps.into_iter().find(|tried| contrast(luminance(*tried), ground) >= made).unwrap_or(end)
}

fn at(set: &Colors, index: usize) -> Option<Rgb> {
    // The type has an indexing operator only.
    #[allow(clippy::indexing_slicing, reason = "the length is checked")]
    if index < alacritty_terminal::term::color::COUNT { set[index] } else { None }
}

fn rgb(color: Color32) -> Rgb {
    Rgb { r: color.r(), g: color.g(), b: color.b() }
}

fn exact(rgb: Rgb) -> Color32 {
    Color32::from_rgb(rgb.r, rgb.g, rgb.b)
}

fn mix(from: Color32, to: Color32, share: f32) -> Color32 {
    let channel =
        |from: u8, to: u8| (f32::from(from) + (f32::from(to) - f32::from(from)) * share).round() as u8;
    Color32::from_rgb(channel(from.r(), to.r()), channel(from.g(), to.g()), channel(from.b(), to.b()))
}

fn luminance(color: Color32) -> f32 {
    let channel = |value: u8| {
        let value = f32::from(value) / 255.0;
        if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * channel(color.r()) + 0.7152 * channel(color.g()) + 0.0722 * channel(color.b())
}

/// How well one colour can be told from another, 1 to 21.
pub(super) fn contrast_of(text: Color32, behind: Color32) -> f32 {
    contrast(luminance(text), luminance(behind))
}

fn contrast(a: f32, b: f32) -> f32 {
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_colour_but_black_can_be_read() {
        for theme in [Theme::Dark, Theme::Light] {
            let ink = TerminalInk::of(theme);
            let colours = ink.ansi.iter().skip(1).chain([&ink.foreground, &ink.cursor]);
            for (index, color) in colours.enumerate() {
                let ratio = contrast(luminance(*color), luminance(ink.background));
                assert!(ratio >= 4.5, "{theme:?}: colour {} is {ratio:.2}:1", index + 1);
            }
            for behind in [ink.selection, ink.found, ink.found_current] {
                let ratio = contrast(luminance(ink.foreground), luminance(behind));
                assert!(ratio >= 4.5, "{theme:?}: text on {behind:?} is {ratio:.2}:1");
            }
        }
    }

    #[test]
    fn text_on_any_of_the_sixteen_can_be_read() {
        for theme in [Theme::Dark, Theme::Light] {
            let ink = TerminalInk::of(theme);
            for behind in ink.ansi {
                for text in ink.ansi.iter().filter(|text| **text != behind) {
                    let ratio = contrast(luminance(readable(*text, behind, false)), luminance(behind));
                    assert!(ratio >= LEAST_CONTRAST, "{theme:?}: {text:?} on {behind:?} is {ratio:.2}:1");
                }
            }
        }
        assert_eq!(readable(Color32::RED, Color32::RED, false), Color32::RED, "hidden on purpose");
    }

    #[test]
    fn the_256_colours_are_xterms() {
        let ink = TerminalInk::of(Theme::Dark);
        assert_eq!(ink.indexed(16), Color32::from_rgb(0, 0, 0));
        assert_eq!(ink.indexed(196), Color32::from_rgb(255, 0, 0));
        assert_eq!(ink.indexed(110), Color32::from_rgb(135, 175, 215));
        assert_eq!(ink.indexed(232), Color32::from_gray(8));
        assert_eq!(ink.indexed(255), Color32::from_gray(238));
        // Programs that ask are told what is drawn.
        let palette = ink.palette();
        for index in 0..=255_u8 {
            assert_eq!(palette.color(usize::from(index)).map(exact), Some(ink.indexed(index)));
        }
    }

    #[test]
    fn a_programs_own_colours_win() {
        let ink = TerminalInk::of(Theme::Dark);
        let mut set = Colors::default();
        let own = Rgb { r: 1, g: 2, b: 3 };
        set[1] = Some(own);
        set[NamedColor::Background] = Some(own);
        for color in [Color::Indexed(1), Color::Named(NamedColor::Red), Color::Named(NamedColor::Background)]
        {
            assert_eq!(ink.resolve(color, &set), Color32::from_rgb(1, 2, 3));
        }
        assert_eq!(ink.resolve(Color::Named(NamedColor::Green), &set), ink.ansi[2]);
    }
}
