//! Cells, rows, cursors: runs of characters over a table of styles.

use std::collections::HashMap;

use alacritty_terminal::grid::{Cursor, Row};
use alacritty_terminal::index::{Column, Line, Point};
use alacritty_terminal::term::cell::{Cell, Flags, Hyperlink};
use alacritty_terminal::vte::ansi::{CharsetIndex, Color, NamedColor, Rgb, StandardCharset};

use super::SnapshotError;
use super::bytes::{Reader, Writer};
use crate::screen::osc::{MOST_LINK_ID, MOST_URI};
use crate::screen::sgr::COLORS;
use crate::screen::state::MOST_COMBINING;

/// The flags of a cell by their bit in a snapshot, lowest first.
const FLAGS: [Flags; 15] = [
    Flags::INVERSE,
    Flags::BOLD,
    Flags::ITALIC,
    Flags::UNDERLINE,
    Flags::WRAPLINE,
    Flags::WIDE_CHAR,
    Flags::WIDE_CHAR_SPACER,
    Flags::DIM,
    Flags::HIDDEN,
    Flags::STRIKEOUT,
    Flags::LEADING_WIDE_CHAR_SPACER,
    Flags::DOUBLE_UNDERLINE,
    Flags::UNDERCURL,
    Flags::DOTTED_UNDERLINE,
    Flags::DASHED_UNDERLINE,
];

/// The named colours after [`COLORS`] by their number in a snapshot.
const OTHERS: [NamedColor; 13] = [
    NamedColor::Foreground,
    NamedColor::Background,
    NamedColor::Cursor,
    NamedColor::DimBlack,
    NamedColor::DimRed,
    NamedColor::DimGreen,
    NamedColor::DimYellow,
    NamedColor::DimBlue,
    NamedColor::DimMagenta,
    NamedColor::DimCyan,
    NamedColor::DimWhite,
    NamedColor::BrightForeground,
    NamedColor::DimForeground,
];

/// All of them, by their number.
fn names() -> impl Iterator<Item = NamedColor> {
    COLORS.into_iter().chain(OTHERS)
}

/// The character sets by their index.
const CHARSETS: [CharsetIndex; 4] = [CharsetIndex::G0, CharsetIndex::G1, CharsetIndex::G2, CharsetIndex::G3];
/// The tables of a hostile snapshot may be as long as its bytes; this is the most that one has.
const MOST_ENTRIES: usize = 1 << 22;

/// What a cell has besides its character and what combines with it.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Style {
    fg: ColorKey,
    bg: ColorKey,
    flags: u16,
    underline: Option<ColorKey>,
    link: Option<usize>,
}

/// A colour that can be a key.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum ColorKey {
    Named(usize),
    Spec(u8, u8, u8),
    Indexed(u8),
}

impl From<Color> for ColorKey {
    fn from(color: Color) -> Self {
        match color {
            Color::Named(name) => Self::Named(names().position(|named| named == name).unwrap_or(0)),
            Color::Spec(rgb) => Self::Spec(rgb.r, rgb.g, rgb.b),
            Color::Indexed(index) => Self::Indexed(index),
        }
    }
}

impl ColorKey {
    fn write(self, to: &mut Writer) {
        match self {
            Self::Named(index) => {
                to.byte(0);
                to.byte(index as u8);
            }
            Self::Indexed(index) => {
                to.byte(1);
                to.byte(index);
            }
            Self::Spec(r, g, b) => [2, r, g, b].into_iter().for_each(|byte| to.byte(byte)),
        }
    }
}

fn read_color(from: &mut Reader<'_>) -> Result<Color, SnapshotError> {
    Ok(match from.byte()? {
        0 => {
            let name = names().nth(usize::from(from.byte()?));
            Color::Named(name.ok_or(SnapshotError::Invalid("colour"))?)
        }
        1 => Color::Indexed(from.byte()?),
        2 => Color::Spec(Rgb { r: from.byte()?, g: from.byte()?, b: from.byte()? }),
        _ => return Err(SnapshotError::Invalid("colour")),
    })
}

fn flag_bits(flags: Flags) -> u16 {
    FLAGS.iter().enumerate().map(|(bit, flag)| u16::from(flags.contains(*flag)) << bit).sum()
}

fn flags_of(bits: usize) -> Flags {
    FLAGS.iter().enumerate().filter(|(bit, _)| bits >> bit & 1 == 1).map(|(_, flag)| *flag).collect()
}

/// Collects styles and links while rows are written.
#[derive(Default)]
pub(super) struct Tables {
    styles: HashMap<Style, usize>,
    style_list: Vec<Style>,
    links: HashMap<Hyperlink, usize>,
    link_list: Vec<Hyperlink>,
}

impl Tables {
    fn style(&mut self, cell: &Cell) -> usize {
        let link = cell.hyperlink().map(|link| {
            let next = self.link_list.len();
            *self.links.entry(link).or_insert_with_key(|link| {
                self.link_list.push(link.clone());
                next
            })
        });
        let style = Style {
            fg: cell.fg.into(),
            bg: cell.bg.into(),
            flags: flag_bits(cell.flags),
            underline: cell.underline_color().map(ColorKey::from),
            link,
        };
        let next = self.style_list.len();
        *self.styles.entry(style).or_insert_with_key(|style| {
            self.style_list.push(style.clone());
            next
        })
    }

    /// Writes links, then styles.
    pub(super) fn write(&self, to: &mut Writer) {
        to.number(self.link_list.len());
        for link in &self.link_list {
            to.text(link.id());
            to.text(link.uri());
        }
        to.number(self.style_list.len());
        for style in &self.style_list {
            style.fg.write(to);
            style.bg.write(to);
            to.number(style.flags);
            to.byte(u8::from(style.underline.is_some()));
            if let Some(color) = style.underline {
                color.write(to);
            }
            to.number(style.link.map_or(0, |link| link + 1));
        }
    }

    /// Writes a row: runs that fill its columns, then what combines.
    pub(super) fn write_row(&mut self, to: &mut Writer, row: &[Cell]) {
        let mut at = 0;
        while let Some(first) = row.get(at) {
            let rest = row.get(at..).unwrap_or_default();
            let same = rest.iter().take_while(|cell| same_style(cell, first)).count();
            let equal = rest.iter().take(same).take_while(|cell| cell.c == first.c).count();
            let style = self.style(first);
            // A repeat pays from three on; a literal run ends where one begins.
            if equal >= 3 || equal == same {
                to.number((equal - 1) << 1 | 1);
                to.number(style);
                to.number(u32::from(first.c));
                at += equal;
            } else {
                let run = rest.get(..same).unwrap_or_default();
                let length = literal_length(run);
                to.number((length - 1) << 1);
                to.number(style);
                run.iter().take(length).for_each(|cell| to.number(u32::from(cell.c)));
                at += length;
            }
        }
        let combining = row.iter().filter(|cell| !zerowidth(cell).is_empty()).count();
        to.number(combining);
        for (column, cell) in row.iter().enumerate().filter(|(_, cell)| !zerowidth(cell).is_empty()) {
            to.number(column);
            to.number(zerowidth(cell).len());
            zerowidth(cell).iter().for_each(|c| to.number(u32::from(*c)));
        }
    }

    pub(super) fn write_cursor(&mut self, to: &mut Writer, cursor: &Cursor<Cell>) {
        to.number(cursor.point.line.0);
        to.number(cursor.point.column.0);
        to.byte(u8::from(cursor.input_needs_wrap));
        let style = self.style(&cursor.template);
        to.number(style);
        let graphics = |index: &CharsetIndex| cursor.charsets[*index] != StandardCharset::Ascii;
        to.byte(CHARSETS.iter().enumerate().map(|(bit, index)| u8::from(graphics(index)) << bit).sum());
    }
}

fn zerowidth(cell: &Cell) -> &[char] {
    cell.zerowidth().unwrap_or_default()
}

fn same_style(cell: &Cell, other: &Cell) -> bool {
    cell.flags == other.flags
        && cell.fg == other.fg
        && cell.bg == other.bg
        && match (&cell.extra, &other.extra) {
            (None, None) => true,
            _ => cell.underline_color() == other.underline_color() && cell.hyperlink() == other.hyperlink(),
        }
}

/// How many cells of a run of one style come before three equal characters.
fn literal_length(run: &[Cell]) -> usize {
    let repeat =
        run.windows(3).position(|cells| cells.iter().all(|cell| Some(cell.c) == cells.first().map(|c| c.c)));
    repeat.filter(|length| *length > 0).unwrap_or(run.len())
}

/// The tables of a snapshot that is read: one cell a style.
pub(super) struct Styles {
    cells: Vec<Cell>,
}

impl Styles {
    pub(super) fn read(from: &mut Reader<'_>) -> Result<Self, SnapshotError> {
        let mut links = Vec::new();
        for _ in 0..from.number(MOST_ENTRIES)? {
            let id = from.text(MOST_LINK_ID)?;
            links.push(Hyperlink::new(Some(id), from.text(MOST_URI)?));
        }
        let mut cells = Vec::new();
        for _ in 0..from.number(MOST_ENTRIES)? {
            let mut cell = Cell { fg: read_color(from)?, bg: read_color(from)?, ..Cell::default() };
            cell.flags = flags_of(from.number(0x7fff)?);
            if from.flag()? {
                cell.set_underline_color(Some(read_color(from)?));
            }
            if let Some(link) = from.number(links.len())?.checked_sub(1) {
                cell.set_hyperlink(links.get(link).cloned());
            }
            cells.push(cell);
        }
        Ok(Self { cells })
    }

    fn get(&self, from: &mut Reader<'_>) -> Result<&Cell, SnapshotError> {
        let index = from.number(MOST_ENTRIES)?;
        self.cells.get(index).ok_or(SnapshotError::Invalid("style"))
    }

    pub(super) fn read_row(&self, from: &mut Reader<'_>, columns: usize) -> Result<Row<Cell>, SnapshotError> {
        let mut row: Vec<Cell> = Vec::with_capacity(columns);
        while row.len() < columns {
            let head = from.number(2 * columns)?;
            let length = (head >> 1) + 1;
            if row.len() + length > columns {
                return Err(SnapshotError::Invalid("run"));
            }
            let style = self.get(from)?;
            if head & 1 == 1 {
                let cell = Cell { c: from.character()?, ..style.clone() };
                row.resize(row.len() + length, cell);
            } else {
                for _ in 0..length {
                    row.push(Cell { c: from.character()?, ..style.clone() });
                }
            }
        }
        for _ in 0..from.number(columns)? {
            let column = from.number(columns - 1)?;
            let number = from.number(MOST_COMBINING)?;
            let cell = row.get_mut(column).filter(|cell| zerowidth(cell).is_empty());
            let cell = cell.ok_or(SnapshotError::Invalid("combining character"))?;
            for _ in 0..number {
                cell.push_zerowidth(from.character()?);
            }
        }
        // Nothing else makes sure that a wide character has both its halves.
        crate::screen::state::heal(&mut row);
        Ok(Row::from_vec(row, columns))
    }

    pub(super) fn read_cursor(
        &self,
        from: &mut Reader<'_>,
        rows: usize,
        columns: usize,
    ) -> Result<Cursor<Cell>, SnapshotError> {
        let line = from.number(rows - 1)?;
        let column = from.number(columns - 1)?;
        let mut cursor = Cursor {
            point: Point::new(Line(line as i32), Column(column)),
            input_needs_wrap: from.flag()?,
            template: self.get(from)?.clone(),
            ..Cursor::default()
        };
        let graphics = from.byte()?;
        for (_, index) in CHARSETS.iter().enumerate().filter(|(bit, _)| graphics >> bit & 1 == 1) {
            cursor.charsets[*index] = StandardCharset::SpecialCharacterAndLineDrawing;
        }
        Ok(cursor)
    }
}

/// The number of a character set.
pub(super) fn charset_code(index: CharsetIndex) -> u8 {
    index as u8
}

/// The character set of a number.
pub(super) fn charset_of(code: u8) -> Option<CharsetIndex> {
    CHARSETS.get(usize::from(code)).copied()
}
