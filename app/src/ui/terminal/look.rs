//! How each cell looks once attributes, selection, search and cursor have had their say: plain data, before any
//! triangle.

use super::frame::TerminalFrame;
use super::metrics::Face;
use crate::ui::theme::terminal::{TerminalInk, readable};
use alacritty_terminal::term::cell::{Cell, Flags};
use alacritty_terminal::vte::ansi::{Color, CursorShape, NamedColor};
use eframe::egui::Color32;
use std::collections::HashMap;

/// Lines under text.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Underline {
    /// One line.
    Single,
    /// Two.
    Double,
    /// A wave.
    Curly,
    /// Dots.
    Dotted,
    /// Dashes.
    Dashed,
}

/// A cell to be drawn.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct CellLook {
    /// Behind it, when it is another than the terminal's own.
    pub behind: Option<Color32>,
    /// Its text.
    pub text: Color32,
    /// The face of its font.
    pub face: Face,
    /// Line under it and the line's colour.
    pub underline: Option<(Underline, Color32)>,
    /// Whether a line goes through it.
    pub strike: bool,
    /// Whether its character is drawn at all.
    pub shown: bool,
    /// How many cells it takes.
    pub cells: u8,
}

/// The cursor as it is to be drawn in this moment.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum CursorLook {
    /// Not at all: hidden, or the dark half of a blink.
    Off,
    /// A frame: the keyboard is elsewhere.
    Hollow,
    /// As the program or the settings say.
    Shape,
}

/// Cells that are marked: found text, or a link under the pointer. `to` is the one after the last.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Mark {
    /// The line on screen.
    pub line: usize,
    /// The first column.
    pub from: usize,
    /// The column after the last.
    pub to: usize,
}

/// What is drawn besides the frame itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Scene {
    /// The cursor.
    pub cursor: CursorLook,
    /// What was searched for.
    pub found: Vec<Mark>,
    /// The one that was gone to.
    pub current: Vec<Mark>,
    /// The link under the pointer.
    pub link: Vec<Mark>,
}

impl Default for Scene {
    fn default() -> Self {
        Self { cursor: CursorLook::Off, found: Vec::new(), current: Vec::new(), link: Vec::new() }
    }
}

/// Works out looks, and keeps what it found out about pairs of colours.
#[derive(Default)]
pub struct Looks {
    readable: HashMap<(Color32, Color32, bool), Color32>,
}

/// Pairs that are kept; a true-colour picture has more than any screen has text.
const MOST_PAIRS: usize = 4_096;

impl Looks {
    /// The looks of a line's cells, in `out`.
    pub fn line(
        &mut self,
        frame: &TerminalFrame,
        line: usize,
        scene: &Scene,
        ink: &TerminalInk,
        out: &mut Vec<CellLook>,
    ) {
        out.clear();
        let ground = ink.resolve(Color::Named(NamedColor::Background), &frame.colors);
        for cell in frame.row(line) {
            out.push(plain(frame, cell, ground, ink));
        }
        mark(out, line, &scene.found, ink.found);
        mark(out, line, &scene.current, ink.found_current);
        select(frame, line, ink.selection, out);
        for link in scene.link.iter().filter(|link| link.line == line) {
            for look in out.iter_mut().take(link.to).skip(link.from) {
                look.underline.get_or_insert((Underline::Single, look.text));
            }
        }
        if let Some(cursor) = frame.cursor
            && cursor.line == line
            && scene.cursor == CursorLook::Shape
            && cursor.shape == CursorShape::Block
        {
            let color = ink.resolve(Color::Named(NamedColor::Cursor), &frame.colors);
            let width = if cursor.wide { 2 } else { 1 };
            for look in out.iter_mut().skip(cursor.column).take(width) {
                look.text = look.behind.unwrap_or(ground);
                look.behind = Some(color);
            }
        }
        for (look, cell) in out.iter_mut().zip(frame.row(line)) {
            // Pictures made of blocks have the colours that they were given.
            if look.shown && !super::boxes::is_ours(cell.c) {
                let dim = cell.flags.contains(Flags::DIM);
                look.text = self.readable(look.text, look.behind.unwrap_or(ground), dim);
            }
        }
    }

    fn readable(&mut self, text: Color32, behind: Color32, dim: bool) -> Color32 {
        if self.readable.len() >= MOST_PAIRS {
            self.readable.clear();
        }
        *self.readable.entry((text, behind, dim)).or_insert_with(|| readable(text, behind, dim))
    }
}

/// A cell by its own attributes.
fn plain(frame: &TerminalFrame, cell: &Cell, ground: Color32, ink: &TerminalInk) -> CellLook {
    let flags = cell.flags;
    let mut text = ink.resolve(cell.fg, &frame.colors);
    let mut behind = ink.resolve(cell.bg, &frame.colors);
    if flags.contains(Flags::DIM) {
        text = ink.dimmed(text);
    }
    if flags.contains(Flags::INVERSE) {
        std::mem::swap(&mut text, &mut behind);
    }
    let spacer = flags.intersects(Flags::WIDE_CHAR_SPACER | Flags::LEADING_WIDE_CHAR_SPACER);
    let blank = matches!(cell.c, ' ' | '\t' | '\0') && cell.zerowidth().is_none_or(<[char]>::is_empty);
    let line_color = cell.underline_color().map(|color| ink.resolve(color, &frame.colors));
    let line_color = line_color.unwrap_or(text);
    CellLook {
        behind: (behind != ground).then_some(behind),
        text,
        face: Face::of(flags.contains(Flags::BOLD), flags.contains(Flags::ITALIC)),
        underline: underline(flags).map(|style| (style, line_color)),
        strike: flags.contains(Flags::STRIKEOUT),
        shown: !spacer && !blank && !flags.contains(Flags::HIDDEN),
        cells: if flags.contains(Flags::WIDE_CHAR) { 2 } else { 1 },
    }
}

fn underline(flags: Flags) -> Option<Underline> {
    if flags.contains(Flags::UNDERCURL) {
        Some(Underline::Curly)
    } else if flags.contains(Flags::DOUBLE_UNDERLINE) {
        Some(Underline::Double)
    } else if flags.contains(Flags::DOTTED_UNDERLINE) {
        Some(Underline::Dotted)
    } else if flags.contains(Flags::DASHED_UNDERLINE) {
        Some(Underline::Dashed)
    } else {
        flags.contains(Flags::UNDERLINE).then_some(Underline::Single)
    }
}

fn mark(looks: &mut [CellLook], line: usize, marks: &[Mark], color: Color32) {
    for mark in marks.iter().filter(|mark| mark.line == line) {
        for look in looks.iter_mut().take(mark.to).skip(mark.from) {
            look.behind = Some(color);
        }
    }
}

/// Both cells of a wide character are selected when one is.
fn select(frame: &TerminalFrame, line: usize, color: Color32, looks: &mut [CellLook]) {
    let Some(selection) = frame.selection else { return };
    for column in 0..looks.len() {
        let selected = |column: usize| selection.contains(frame.point(line, column));
        let wide = frame.cell(line, column).map(|cell| cell.flags);
        let selected = selected(column)
            || (wide.is_some_and(|flags| flags.contains(Flags::WIDE_CHAR)) && selected(column + 1))
            || (wide.is_some_and(|flags| flags.contains(Flags::WIDE_CHAR_SPACER))
                && column > 0
                && selected(column - 1));
        if let Some(look) = looks.get_mut(column).filter(|_| selected) {
            look.behind = Some(color);
        }
    }
}
