//! Where the pictures of characters are in egui's font atlas. Each is looked up once; when egui empties the atlas, which
//! it does not announce, all are looked up again.

use super::metrics::{CellMetrics, Face};
use eframe::egui::epaint::text::{FontsView, TextOptions, has_emoji_presentation};
use eframe::egui::{Color32, Context, FontFamily, FontId};
use std::collections::HashMap;

/// A picture in the font atlas and where it goes.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Glyph {
    /// Left edge in pixels from the cell's left.
    pub x: f32,
    /// Top edge in pixels from the cell's top.
    pub y: f32,
    /// Size in pixels.
    pub width: f32,
    /// Size in pixels.
    pub height: f32,
    /// The atlas's pixels: left, top, right, bottom.
    pub texels: [f32; 4],
    /// An emoji with colours of its own.
    pub colored: bool,
}

/// Gives the pictures of a cell's text; a few, when characters combine.
pub trait GlyphSource {
    /// Calls `each` for every picture of `text`, which has `cells` cells to stand in.
    fn glyphs(&mut self, text: ClusterText<'_>, face: Face, cells: u8, each: &mut dyn FnMut(&Glyph));
}

/// The text of one cell.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct ClusterText<'a> {
    /// The character.
    pub first: char,
    /// What combines with it.
    pub marks: &'a [char],
}

impl ClusterText<'_> {
    fn to_text(self) -> String {
        std::iter::once(self.first).chain(self.marks.iter().copied()).collect()
    }
}

/// What the cache depends on.
#[derive(Clone, PartialEq, Debug)]
struct Ground {
    metrics: CellMetrics,
    options: TextOptions,
    font: String,
}

/// A range of [`GlyphCache::all`].
type Span = (u32, u32);

/// The pictures that were looked up.
#[derive(Default)]
pub struct GlyphCache {
    ground: Option<Ground>,
    all: Vec<Glyph>,
    single: HashMap<(char, Face, u8), Span>,
    clusters: HashMap<(String, Face, u8), Span>,
    /// The newest: it is at another place when the atlas was emptied and filled again.
    canary: Option<(String, FontFamily, f32, [u16; 4])>,
    fill: f32,
    pass: u64,
}

impl GlyphCache {
    /// Makes ready for a frame: forgets everything if the atlas is another one. Gives whether it did.
    pub fn begin(&mut self, ctx: &Context, metrics: &CellMetrics, font: &str) -> bool {
        let pass = ctx.cumulative_pass_nr();
        let skipped = pass > self.pass + 1;
        self.pass = pass;
        let stale = ctx.fonts_mut(|fonts| {
            let ground = Ground { metrics: *metrics, options: *fonts.options(), font: font.to_owned() };
            let fill = fonts.font_atlas_fill_ratio();
            let moved = self.canary.as_ref().is_some_and(|(text, family, size, texels)| {
                place(fonts, text, family.clone(), *size) != Some(*texels)
            });
            let stale = skipped || moved || fill < self.fill || self.ground.as_ref() != Some(&ground);
            self.ground = Some(ground);
            self.fill = fonts.font_atlas_fill_ratio();
            stale
        });
        if stale {
            self.all.clear();
            self.single.clear();
            self.clusters.clear();
            self.canary = None;
        }
        stale
    }

    /// A source for this frame.
    pub fn source<'a>(&'a mut self, ctx: &'a Context) -> CachedGlyphs<'a> {
        CachedGlyphs { cache: self, ctx }
    }

    /// How many texts were looked up since the last time everything was forgotten.
    #[cfg(test)]
    fn known(&self) -> usize {
        self.single.len() + self.clusters.len()
    }

    fn look_up(&mut self, ctx: &Context, text: String, face: Face, cells: u8) -> Span {
        let Some(Ground { metrics, font, .. }) = &self.ground else { return (0, 0) };
        let mut family = face.family(font);
        let start = self.all.len();
        ctx.fonts_mut(|fonts| {
            // Fonts of ours have some emoji too, in one colour: beside others they would look out of place.
            let emoji = FontFamily::Name(crate::ui::theme::EMOJI.into());
            if cells == 2
                && has_emoji_presentation(&text)
                && text.chars().next().is_some_and(|it| fonts.has_glyph(&FontId::new(8.0, emoji.clone()), it))
            {
                family = emoji;
            }
            let size = metrics.font_px / metrics.pixels_per_point;
            let used = lay_out(fonts, &text, &family, cells, metrics, size, &mut self.all);
            if let Some(texels) = place(fonts, &text, family.clone(), used) {
                self.canary = Some((text, family, used, texels));
            }
            self.fill = fonts.font_atlas_fill_ratio();
        });
        let number = |index: usize| u32::try_from(index).unwrap_or(u32::MAX);
        (number(start), number(self.all.len()))
    }
}

/// [`GlyphCache`] as a source.
pub struct CachedGlyphs<'a> {
    cache: &'a mut GlyphCache,
    ctx: &'a Context,
}

impl GlyphSource for CachedGlyphs<'_> {
    fn glyphs(&mut self, text: ClusterText<'_>, face: Face, cells: u8, each: &mut dyn FnMut(&Glyph)) {
        let (cache, ctx) = (&mut *self.cache, self.ctx);
        let span = if text.marks.is_empty() {
            let key = (text.first, face, cells);
            match cache.single.get(&key) {
                Some(span) => *span,
                None => {
                    let span = cache.look_up(ctx, text.to_text(), face, cells);
                    cache.single.insert(key, span);
                    span
                }
            }
        } else {
            let key = (text.to_text(), face, cells);
            match cache.clusters.get(&key) {
                Some(span) => *span,
                None => {
                    let span = cache.look_up(ctx, key.0.clone(), face, cells);
                    cache.clusters.insert(key, span);
                    span
                }
            }
        };
        cache.all.get(span.0 as usize..span.1 as usize).unwrap_or_default().iter().for_each(each);
    }
}

/// Where the atlas has the first picture of a text.
fn place(fonts: &mut FontsView<'_>, text: &str, family: FontFamily, size: f32) -> Option<[u16; 4]> {
    let galley = fonts.layout_no_wrap(text.to_owned(), FontId::new(size, family), Color32::PLACEHOLDER);
    let glyph = galley.rows.first()?.glyphs.iter().find(|glyph| !glyph.uv_rect.is_nothing())?;
    Some([glyph.uv_rect.min[0], glyph.uv_rect.min[1], glyph.uv_rect.max[0], glyph.uv_rect.max[1]])
}

/// Lays out a text in its cells, smaller if it would not fit, and appends its pictures. Gives the size in points.
fn lay_out(
    fonts: &mut FontsView<'_>,
    text: &str,
    family: &FontFamily,
    cells: u8,
    metrics: &CellMetrics,
    size: f32,
    out: &mut Vec<Glyph>,
) -> f32 {
    let scale = metrics.pixels_per_point;
    let room = f32::from(cells) * metrics.width as f32;
    let layout = |fonts: &mut FontsView<'_>, size: f32| {
        fonts.layout_no_wrap(text.to_owned(), FontId::new(size, family.clone()), Color32::PLACEHOLDER)
    };
    let mut size = size;
    let mut galley = layout(fonts, size);
    // How far the pen goes, how far the ink goes, and the ink's height.
    let bounds = |galley: &eframe::egui::Galley| {
        let glyphs = galley.rows.iter().flat_map(|row| &row.glyphs);
        glyphs.fold((0.0_f32, 0.0_f32, 0.0_f32), |(pen, ink, height), glyph| {
            let uv = &glyph.uv_rect;
            (
                pen.max((glyph.pos.x + glyph.advance_width) * scale),
                ink.max((glyph.pos.x + uv.offset.x + uv.size.x) * scale),
                height.max(uv.size.y * scale),
            )
        })
    };
    let (pen, ink, height) = bounds(&galley);
    // Letters of the font itself may reach a little over; what comes from other fonts is made to fit.
    let width = if pen > room + 0.5 { pen.max(ink) } else { ink };
    let too_wide = pen > room + 0.5 || ink > room + metrics.width as f32 * 0.25;
    let too_high = !text.is_ascii() && height > metrics.height as f32 + 0.5;
    if too_wide || too_high {
        let by_width = if too_wide { room / width } else { 1.0 };
        let by_height = if too_high { metrics.height as f32 / height } else { 1.0 };
        // Quarters of a pixel: few sizes, so that the atlas is not filled with nearly equal ones.
        size = ((size * scale * by_width.min(by_height) * 4.0).floor() / 4.0).max(2.0) / scale;
        galley = layout(fonts, size);
    }
    let (pen, ..) = bounds(&galley);
    let left = ((room - pen) / 2.0).max(0.0);
    for glyph in galley.rows.iter().flat_map(|row| &row.glyphs) {
        let uv = &glyph.uv_rect;
        if uv.is_nothing() {
            continue;
        }
        let height = uv.size.y * scale;
        let mut y = (metrics.baseline as f32 + uv.offset.y * scale).round();
        let bottom = metrics.height as f32;
        if !text.is_ascii() && height <= bottom {
            y = y.clamp(0.0, bottom - height);
        }
        out.push(Glyph {
            x: (left + (glyph.pos.x + uv.offset.x) * scale).round(),
            y,
            width: uv.size.x * scale,
            height,
            texels: [uv.min[0], uv.min[1], uv.max[0], uv.max[1]].map(f32::from),
            colored: glyph.is_color,
        });
    }
    size
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::terminal::style::TerminalStyle;
    use eframe::egui::{RawInput, Ui};

    fn pass(ctx: &Context, work: impl FnMut(&mut Ui)) {
        ctx.run_ui(RawInput::default(), work).drop_without_applying_deltas();
    }

    /// One pass in which these characters are drawn: whether all was forgotten before, and their pictures.
    fn draw(ctx: &Context, cache: &mut GlyphCache, text: &str) -> (bool, Vec<Glyph>) {
        let mut out = (false, Vec::new());
        pass(ctx, |ui| {
            let style = TerminalStyle::default();
            let metrics = CellMetrics::measure(ui.ctx(), &style);
            let forgot = cache.begin(ui.ctx(), &metrics, &style.font_family);
            let mut found = Vec::new();
            for first in text.chars() {
                let cluster = ClusterText { first, marks: &[] };
                cache.source(ui.ctx()).glyphs(cluster, Face::Regular, 1, &mut |glyph| found.push(*glyph));
            }
            out = (forgot, found);
        });
        out
    }

    #[test]
    fn pictures_are_looked_up_once_and_again_when_the_atlas_is_another() {
        let ctx = Context::default();
        crate::ui::install(&ctx);
        pass(&ctx, |_| {});
        let mut cache = GlyphCache::default();
        assert!(draw(&ctx, &mut cache, "ab").0);
        let (forgot, first) = draw(&ctx, &mut cache, "abc");
        assert_eq!((forgot, cache.known(), first.len()), (false, 3, 3));
        let (forgot, again) = draw(&ctx, &mut cache, "abc");
        assert!(!forgot && again == first);

        // Other options of drawing text: egui begins a new atlas.
        ctx.all_styles_mut(|style| style.visuals.text_options.font_hinting = false);
        let (forgot, other) = draw(&ctx, &mut cache, "cba");
        assert!(forgot);
        assert_eq!((cache.known(), other.len()), (3, 3));
        assert!(!draw(&ctx, &mut cache, "cba").0);
        pass(&ctx, |_| {});
        assert!(draw(&ctx, &mut cache, "cba").0, "what it did not see may have been anything");
    }

    #[test]
    fn what_is_too_large_for_its_cell_is_made_to_fit() {
        let ctx = Context::default();
        crate::ui::install(&ctx);
        pass(&ctx, |_| {});
        let mut cache = GlyphCache::default();
        draw(&ctx, &mut cache, "x");
        for glyph in draw(&ctx, &mut cache, "⏺★⧉✻").1 {
            assert!(glyph.x >= -1.0 && glyph.x + glyph.width <= 9.0, "{glyph:?}");
            assert!(glyph.y >= 0.0 && glyph.y + glyph.height <= 17.0, "{glyph:?}");
            assert!(glyph.height >= 3.0, "{glyph:?}");
        }
    }
}
