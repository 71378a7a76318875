//! The size of a cell and where things are in it, in whole pixels: only so are neighbours without gaps and text is
//! crisp.

use super::style::TerminalStyle;
use crate::ui::theme;
use eframe::egui::{Color32, Context, FontFamily, FontId, Rect, Vec2, pos2};

/// The font that is built into the program, by the name that the settings have for it.
const BUILT_IN: &str = "JetBrains Mono";

/// Which of the four faces of a font.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Face {
    /// Upright and regular.
    #[default]
    Regular,
    /// Bold.
    Bold,
    /// Italic.
    Italic,
    /// Both.
    BoldItalic,
}

impl Face {
    /// The face for these attributes.
    pub fn of(bold: bool, italic: bool) -> Self {
        match (bold, italic) {
            (false, false) => Self::Regular,
            (true, false) => Self::Bold,
            (false, true) => Self::Italic,
            (true, true) => Self::BoldItalic,
        }
    }

    /// egui's family for it in a font; ours is built in, another one is the system's.
    pub fn family(self, font: &str) -> FontFamily {
        if font != BUILT_IN {
            let (bold, italic) = match self {
                Self::Regular => (false, false),
                Self::Bold => (true, false),
                Self::Italic => (false, true),
                Self::BoldItalic => (true, true),
            };
            return crate::os::fonts::family(font, bold, italic);
        }
        match self {
            Self::Regular => FontFamily::Name(theme::MONO.into()),
            Self::Bold => FontFamily::Name(theme::MONO_BOLD.into()),
            Self::Italic => FontFamily::Name(theme::MONO_ITALIC.into()),
            Self::BoldItalic => FontFamily::Name(theme::MONO_BOLD_ITALIC.into()),
        }
    }
}

/// The measures of a cell, in pixels of the screen.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct CellMetrics {
    /// Width of a cell.
    pub width: u32,
    /// Height of a cell.
    pub height: u32,
    /// From the top of a cell to the line that letters stand on.
    pub baseline: i32,
    /// The font's size.
    pub font_px: f32,
    /// Pixels in one of egui's points.
    pub pixels_per_point: f32,
}

impl CellMetrics {
    /// Measures the font.
    pub fn measure(ctx: &Context, style: &TerminalStyle) -> Self {
        let scale = ctx.pixels_per_point();
        let font = FontId::new(style.font_size, Face::Regular.family(&style.font_family));
        let galley = ctx.fonts_mut(|fonts| fonts.layout_no_wrap("M".to_owned(), font, Color32::PLACEHOLDER));
        let glyph = galley.rows.first().and_then(|row| row.glyphs.first());
        let (advance, ascent, natural) = glyph
            .map_or((style.font_size * 0.6, style.font_size, style.font_size * 1.3), |glyph| {
                (glyph.advance_width, glyph.font_ascent, glyph.font_height)
            });
        Self::new(
            advance * scale,
            ascent * scale,
            natural * scale,
            style.font_size * scale,
            style.line_height,
            scale,
        )
    }

    fn new(
        advance: f32,
        ascent: f32,
        natural: f32,
        font_px: f32,
        line_height: f32,
        pixels_per_point: f32,
    ) -> Self {
        let height = (natural * line_height).round().max(2.0);
        let baseline = (ascent + (height - natural) / 2.0).round();
        Self {
            width: advance.round().max(1.0) as u32,
            height: height as u32,
            baseline: baseline as i32,
            font_px,
            pixels_per_point,
        }
    }

    /// A cell's size in points.
    pub fn cell(&self) -> Vec2 {
        Vec2::new(self.width as f32, self.height as f32) / self.pixels_per_point
    }

    /// How many columns and lines have room in a place of this many points; at least 2 and 1.
    pub fn fit(&self, room: Vec2) -> (usize, usize) {
        let count = |points: f32, pixels: u32| {
            ((points * self.pixels_per_point + 0.01) / pixels as f32).floor() as usize
        };
        (count(room.x.max(0.0), self.width).max(2), count(room.y.max(0.0), self.height).max(1))
    }

    /// Where cells are, in points from the grid's top left.
    pub fn rect(&self, line: usize, from: usize, to: usize) -> Rect {
        let cell = self.cell();
        Rect::from_min_max(
            pos2(from as f32 * cell.x, line as f32 * cell.y),
            pos2(to as f32 * cell.x, (line + 1) as f32 * cell.y),
        )
    }

    /// Thickness of underlines and of the line through text.
    pub fn line(&self) -> f32 {
        (self.font_px / 15.0).round().max(1.0)
    }

    /// The top of an underline.
    pub fn underline(&self) -> f32 {
        let wanted = self.baseline as f32 + (self.font_px * 0.14).round().max(1.0);
        wanted.min(self.height as f32 - self.line())
    }

    /// The top of the line through text.
    pub fn strike(&self) -> f32 {
        (self.baseline as f32 - self.font_px * 0.29 - self.line() / 2.0).round()
    }
}

/// Plain measures for tests: 8 by 17 pixels.
#[cfg(test)]
pub fn for_tests() -> CellMetrics {
    CellMetrics::new(7.8, 13.26, 17.16, 13.0, 1.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_whole_pixels() {
        let metrics = for_tests();
        assert_eq!((metrics.width, metrics.height, metrics.baseline), (8, 17, 13));
        assert_eq!(metrics.fit(Vec2::new(640.0, 408.0)), (80, 24));
        assert_eq!(metrics.fit(Vec2::new(639.9, 407.9)), (79, 23));
        assert_eq!(metrics.fit(Vec2::ZERO), (2, 1));
        assert!(metrics.underline() > 13.0 && metrics.underline() + metrics.line() <= 17.0);
        let double = CellMetrics::new(15.6, 26.52, 34.32, 26.0, 1.0, 2.0);
        assert_eq!((double.width, double.height), (16, 34));
        assert_eq!(double.cell(), metrics.cell());
        let loose = CellMetrics::new(7.8, 13.26, 17.16, 13.0, 1.5, 1.0);
        assert_eq!((loose.height, loose.baseline), (26, 18));
    }
}
