//! A frame becomes one mesh on the font atlas: backgrounds in runs, lines in runs, characters, cursor. Positions are in
//! points from the grid's top left, places in the atlas in its pixels: egui divides them by the atlas's size when it
//! paints, since that may still grow.

use super::boxes::{self, Part};
use super::frame::{FrameCursor, TerminalFrame};
use super::glyphs::{ClusterText, Glyph, GlyphSource};
use super::look::{CellLook, CursorLook, Looks, Scene, Underline};
use super::metrics::CellMetrics;
use crate::ui::theme::terminal::TerminalInk;
use alacritty_terminal::vte::ansi::{Color, CursorShape, NamedColor};
use eframe::egui::epaint::{Mesh, Vertex};
use eframe::egui::{Color32, pos2};
use std::collections::HashMap;

/// What meshes are made with, kept between frames.
#[derive(Default)]
pub struct MeshBuilder {
    looks: Looks,
    line: Vec<CellLook>,
    boxes: HashMap<(char, u32, u32), Vec<Part>>,
}

/// What a frame is drawn with.
#[derive(Clone, Copy)]
pub struct Paint<'a> {
    /// The colours.
    pub ink: &'a TerminalInk,
    /// The measures.
    pub metrics: &'a CellMetrics,
}

impl MeshBuilder {
    /// Builds the mesh of a frame.
    pub fn build(
        &mut self,
        frame: &TerminalFrame,
        scene: &Scene,
        paint: Paint<'_>,
        glyphs: &mut dyn GlyphSource,
        mesh: &mut Mesh,
    ) {
        mesh.clear();
        let mut canvas = Canvas { mesh, scale: 1.0 / paint.metrics.pixels_per_point };
        // Backgrounds of all lines first: letters may reach into the line above.
        let mut lines = Vec::with_capacity(frame.lines);
        for line in 0..frame.lines {
            self.looks.line(frame, line, scene, paint.ink, &mut self.line);
            backgrounds(&self.line, line, paint.metrics, &mut canvas);
            lines.push(self.line.clone());
        }
        for (line, looks) in lines.iter().enumerate() {
            underlines(looks, line, paint.metrics, &mut canvas);
            self.characters(frame, line, looks, paint.metrics, glyphs, &mut canvas);
            strikes(looks, line, paint.metrics, &mut canvas);
        }
        if let Some(cursor) = frame.cursor {
            let color = paint.ink.resolve(Color::Named(NamedColor::Cursor), &frame.colors);
            draw_cursor(cursor, scene.cursor, color, paint.metrics, &mut canvas);
        }
    }

    fn characters(
        &mut self,
        frame: &TerminalFrame,
        line: usize,
        looks: &[CellLook],
        metrics: &CellMetrics,
        glyphs: &mut dyn GlyphSource,
        canvas: &mut Canvas<'_>,
    ) {
        let top = line as f32 * metrics.height as f32;
        for (column, (cell, look)) in frame.row(line).iter().zip(looks).enumerate() {
            if !look.shown {
                continue;
            }
            let left = column as f32 * metrics.width as f32;
            if boxes::is_ours(cell.c) {
                let key = (cell.c, metrics.width, metrics.height);
                let parts = self.boxes.entry(key).or_insert_with(|| boxes::parts(key.0, key.1, key.2));
                for part in parts.iter() {
                    let color =
                        if part.alpha < 1.0 { look.text.gamma_multiply(part.alpha) } else { look.text };
                    canvas.rect(left + part.x, top + part.y, part.width, part.height, color);
                }
                continue;
            }
            let text = ClusterText { first: cell.c, marks: cell.zerowidth().unwrap_or_default() };
            glyphs
                .glyphs(text, look.face, look.cells, &mut |glyph| canvas.glyph(left, top, glyph, look.text));
        }
    }
}

/// Puts rectangles into a mesh; everything in pixels.
struct Canvas<'a> {
    mesh: &'a mut Mesh,
    /// Points in a pixel.
    scale: f32,
}

impl Canvas<'_> {
    fn rect(&mut self, x: f32, y: f32, width: f32, height: f32, color: Color32) {
        // The atlas's first pixel is white.
        self.quad([x, y, x + width, y + height], [0.0; 4], color);
    }

    fn glyph(&mut self, left: f32, top: f32, glyph: &Glyph, color: Color32) {
        let (x, y) = (left + glyph.x, top + glyph.y);
        // An emoji keeps its colours; of the text's only what shows through counts.
        let color = if glyph.colored { opaque_white(color) } else { color };
        self.quad([x, y, x + glyph.width, y + glyph.height], glyph.texels, color);
    }

    fn quad(&mut self, [left, top, right, bottom]: [f32; 4], [u0, v0, u1, v1]: [f32; 4], color: Color32) {
        let scale = self.scale;
        let first = u32::try_from(self.mesh.vertices.len()).unwrap_or(u32::MAX);
        let corner = |x: f32, y: f32, u: f32, v: f32| Vertex {
            pos: pos2(x * scale, y * scale),
            uv: pos2(u, v),
            color,
        };
        self.mesh.vertices.extend([
            corner(left, top, u0, v0),
            corner(right, top, u1, v0),
            corner(left, bottom, u0, v1),
            corner(right, bottom, u1, v1),
        ]);
        self.mesh.indices.extend([0, 1, 2, 2, 1, 3].map(|index| first + index));
    }
}

fn opaque_white(color: Color32) -> Color32 {
    crate::ui::theme::untinted(color.a())
}

/// Calls `each` with what neighbours have in common: the value, the first column and the one after the last.
fn runs<T: PartialEq + Copy>(values: impl Iterator<Item = Option<T>>, mut each: impl FnMut(T, usize, usize)) {
    let mut open: Option<(T, usize)> = None;
    let mut end = 0;
    for (column, value) in values.enumerate() {
        if let Some((running, from)) = open
            && value != Some(running)
        {
            each(running, from, column);
            open = None;
        }
        if open.is_none() {
            open = value.map(|value| (value, column));
        }
        end = column + 1;
    }
    if let Some((running, from)) = open {
        each(running, from, end);
    }
}

fn backgrounds(looks: &[CellLook], line: usize, metrics: &CellMetrics, canvas: &mut Canvas<'_>) {
    let (width, height) = (metrics.width as f32, metrics.height as f32);
    runs(looks.iter().map(|look| look.behind), |color, from, to| {
        canvas.rect(from as f32 * width, line as f32 * height, (to - from) as f32 * width, height, color);
    });
}

fn strikes(looks: &[CellLook], line: usize, metrics: &CellMetrics, canvas: &mut Canvas<'_>) {
    let width = metrics.width as f32;
    let top = line as f32 * metrics.height as f32 + metrics.strike();
    runs(looks.iter().map(|look| look.strike.then_some(look.text)), |color, from, to| {
        canvas.rect(from as f32 * width, top, (to - from) as f32 * width, metrics.line(), color);
    });
}

fn underlines(looks: &[CellLook], line: usize, metrics: &CellMetrics, canvas: &mut Canvas<'_>) {
    let top = line as f32 * metrics.height as f32;
    runs(looks.iter().map(|look| look.underline), |(style, color), from, to| {
        let (left, right) = (from as f32 * metrics.width as f32, to as f32 * metrics.width as f32);
        underline(style, color, (left, right), top, metrics, canvas);
    });
}

fn underline(
    style: Underline,
    color: Color32,
    (left, right): (f32, f32),
    top: f32,
    metrics: &CellMetrics,
    canvas: &mut Canvas<'_>,
) {
    let thick = metrics.line();
    let y = top + metrics.underline();
    let bottom = top + metrics.height as f32;
    match style {
        Underline::Single => canvas.rect(left, y, right - left, thick, color),
        Underline::Double => {
            let second = (y + thick * 2.0).min(bottom - thick);
            canvas.rect(left, second - thick * 2.0, right - left, thick, color);
            canvas.rect(left, second, right - left, thick, color);
        }
        // The pattern begins at the screen's edge, so that it runs on from one run into the next.
        Underline::Dotted => pattern((left, right), (thick, thick), (y, thick), color, canvas),
        Underline::Dashed => {
            let half = (metrics.width as f32 / 2.0).floor().max(1.0);
            pattern((left, right), (half, metrics.width as f32 - half), (y, thick), color, canvas);
        }
        Underline::Curly => curl(left, right, top, color, metrics, canvas),
    }
}

/// Pieces of `on` pixels with `off` pixels between them, from the screen's left edge.
fn pattern(
    (left, right): (f32, f32),
    (on, off): (f32, f32),
    (y, height): (f32, f32),
    color: Color32,
    canvas: &mut Canvas<'_>,
) {
    let mut x = (left / (on + off)).floor() * (on + off);
    while x < right {
        let (from, to) = (x.max(left), (x + on).min(right));
        if to > from {
            canvas.rect(from, y, to - from, height, color);
        }
        x += on + off;
    }
}

/// A wave of one cell's length, each pixel's column with soft ends.
fn curl(left: f32, right: f32, top: f32, color: Color32, metrics: &CellMetrics, canvas: &mut Canvas<'_>) {
    let thick = metrics.line();
    let bottom = top + metrics.height as f32;
    let first = (top + metrics.baseline as f32 + 1.0).min(bottom - thick * 2.0);
    let swing = ((bottom - first - thick) / 2.0).min(thick * 1.5).max(0.5);
    let middle = bottom - swing - thick / 2.0;
    let mut x = left;
    while x < right {
        let phase = (x + 0.5) / metrics.width as f32 * std::f32::consts::TAU;
        let center = middle + swing * phase.sin();
        let (from, to) = (center - thick / 2.0, center + thick / 2.0);
        let mut y = from.floor();
        while y < to {
            let share = (to.min(y + 1.0) - from.max(y)).clamp(0.0, 1.0);
            if share > 0.05 {
                canvas.rect(x, y, 1.0, 1.0, color.gamma_multiply(share));
            }
            y += 1.0;
        }
        x += 1.0;
    }
}

fn draw_cursor(
    cursor: FrameCursor,
    look: CursorLook,
    color: Color32,
    metrics: &CellMetrics,
    canvas: &mut Canvas<'_>,
) {
    let cells = if cursor.wide { 2.0 } else { 1.0 };
    let (width, height) = (metrics.width as f32 * cells, metrics.height as f32);
    let (left, top) = (cursor.column as f32 * metrics.width as f32, cursor.line as f32 * height);
    let thick = (metrics.line() * 1.5).round().max(1.0);
    let shape = match look {
        CursorLook::Off => CursorShape::Hidden,
        CursorLook::Hollow => CursorShape::HollowBlock,
        CursorLook::Shape => cursor.shape,
    };
    match shape {
        // A block is a background.
        CursorShape::Block | CursorShape::Hidden => {}
        CursorShape::Underline => canvas.rect(left, top + height - thick, width, thick, color),
        CursorShape::Beam => canvas.rect(left, top, thick, height, color),
        CursorShape::HollowBlock => {
            let line = metrics.line();
            canvas.rect(left, top, width, line, color);
            canvas.rect(left, top + height - line, width, line, color);
            canvas.rect(left, top + line, line, height - line * 2.0, color);
            canvas.rect(left + width - line, top + line, line, height - line * 2.0, color);
        }
    }
}

#[cfg(test)]
mod tests;
