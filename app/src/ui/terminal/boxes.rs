//! Box drawing, block elements, braille and their like, drawn by ourselves: a font's own do not meet at the edges of
//! cells. Everything is in whole pixels of one cell, so that neighbours meet exactly.

mod arms;
mod curves;

/// A rectangle of a cell, in pixels from its top left.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Part {
    /// Left edge.
    pub x: f32,
    /// Top edge.
    pub y: f32,
    /// Width.
    pub width: f32,
    /// Height.
    pub height: f32,
    /// How much of the text's colour it has, 0 to 1.
    pub alpha: f32,
}

impl Part {
    fn solid(x: f32, y: f32, width: f32, height: f32) -> Self {
        Self { x, y, width, height, alpha: 1.0 }
    }

    fn between(left: f32, top: f32, right: f32, bottom: f32) -> Self {
        Self::solid(left, top, right - left, bottom - top)
    }
}

/// The size of a cell and of its lines, in whole pixels.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Cell {
    width: f32,
    height: f32,
    /// A light line.
    light: f32,
    /// A heavy line.
    heavy: f32,
}

impl Cell {
    fn new(width: u32, height: u32) -> Self {
        let light = (width as f32 / 8.0).round().max(1.0);
        Self { width: width as f32, height: height as f32, light, heavy: light * 2.0 + (light / 2.0).floor() }
    }

    /// Where a line of this thickness through the middle begins: from the left.
    fn middle_x(&self, thickness: f32) -> f32 {
        ((self.width - thickness) / 2.0).floor()
    }

    /// The same from the top.
    fn middle_y(&self, thickness: f32) -> f32 {
        ((self.height - thickness) / 2.0).floor()
    }

    fn share_x(&self, of: f32, whole: f32) -> f32 {
        (self.width * of / whole).round()
    }

    fn share_y(&self, of: f32, whole: f32) -> f32 {
        (self.height * of / whole).round()
    }
}

/// Whether a character is drawn here and not by a font.
pub fn is_ours(character: char) -> bool {
    matches!(character, '\u{2500}'..='\u{259f}' | '\u{2800}'..='\u{28ff}' | '\u{1fb00}'..='\u{1fb3b}' | '\u{e0b0}'..='\u{e0b3}')
}

/// What a character is made of in a cell of that many pixels; nothing for one that is not ours.
pub fn parts(character: char, width: u32, height: u32) -> Vec<Part> {
    let cell = Cell::new(width, height);
    match character {
        '\u{256d}'..='\u{2573}' | '\u{e0b0}'..='\u{e0b3}' => curves::parts(character, &cell),
        '\u{2500}'..='\u{257f}' => arms::parts(character, &cell),
        '\u{2580}'..='\u{259f}' => block(character, &cell),
        '\u{2800}'..='\u{28ff}' => braille(u32::from(character) - 0x2800, &cell),
        '\u{1fb00}'..='\u{1fb3b}' => sextant(u32::from(character) - 0x1fb00, &cell),
        _ => Vec::new(),
    }
}

fn block(character: char, cell: &Cell) -> Vec<Part> {
    let (width, height) = (cell.width, cell.height);
    let code = u32::from(character);
    let upper = |eighths: f32| vec![Part::solid(0.0, 0.0, width, cell.share_y(eighths, 8.0).max(1.0))];
    let right = |eighths: f32| {
        let side = cell.share_x(eighths, 8.0).max(1.0);
        vec![Part::solid(width - side, 0.0, side, height)]
    };
    match character {
        '▀' => vec![Part::between(0.0, 0.0, width, cell.share_y(4.0, 8.0))],
        '▁'..='█' => {
            // From the top, as the upper ones are: an upper half and a lower half fill a cell.
            let top = cell.share_y(8.0 - (code - 0x2580) as f32, 8.0).min(height - 1.0);
            vec![Part::between(0.0, top, width, height)]
        }
        '▉'..='▏' => {
            vec![Part::solid(0.0, 0.0, cell.share_x((0x2590 - code) as f32, 8.0).max(1.0), height)]
        }
        '▐' => vec![Part::between(cell.share_x(4.0, 8.0), 0.0, width, height)],
        '░' | '▒' | '▓' => {
            vec![Part { alpha: (code - 0x2590) as f32 * 0.25, ..Part::solid(0.0, 0.0, width, height) }]
        }
        '▔' => upper(1.0),
        '▕' => right(1.0),
        _ => {
            // Upper left, upper right, lower left, lower right.
            let quadrants = match character {
                '▖' => [false, false, true, false],
                '▗' => [false, false, false, true],
                '▘' => [true, false, false, false],
                '▙' => [true, false, true, true],
                '▚' => [true, false, false, true],
                '▛' => [true, true, true, false],
                '▜' => [true, true, false, true],
                '▝' => [false, true, false, false],
                '▞' => [false, true, true, false],
                _ => [false, true, true, true],
            };
            mosaic(&quadrants, 2, cell)
        }
    }
}

/// Rows of two, from the top.
fn mosaic(filled: &[bool], rows: usize, cell: &Cell) -> Vec<Part> {
    let rows = rows as f32;
    let middle = cell.share_x(1.0, 2.0);
    let pairs = filled.chunks(2).enumerate();
    let parts = pairs.flat_map(|(row, pair)| {
        let (top, bottom) = (cell.share_y(row as f32, rows), cell.share_y(row as f32 + 1.0, rows));
        let left = pair.first().copied().unwrap_or(false);
        let right = pair.get(1).copied().unwrap_or(false);
        let part = match (left, right) {
            (true, true) => Some((0.0, cell.width)),
            (true, false) => Some((0.0, middle)),
            (false, true) => Some((middle, cell.width)),
            (false, false) => None,
        };
        part.map(|(from, to)| Part::between(from, top, to, bottom))
    });
    parts.collect()
}

/// The sextants leave out the two that are block elements already.
fn sextant(index: u32, cell: &Cell) -> Vec<Part> {
    let mut bits = index + 1;
    bits += u32::from(bits >= 0b01_0101);
    bits += u32::from(bits >= 0b10_1010);
    let filled: Vec<bool> = (0..6).map(|bit| bits & (1 << bit) != 0).collect();
    mosaic(&filled, 3, cell)
}

/// Two columns of four dots, evenly spaced across cells.
fn braille(bits: u32, cell: &Cell) -> Vec<Part> {
    const PLACES: [(f32, f32); 8] =
        [(0.0, 0.0), (0.0, 1.0), (0.0, 2.0), (1.0, 0.0), (1.0, 1.0), (1.0, 2.0), (0.0, 3.0), (1.0, 3.0)];
    let side = (cell.width / 4.0).min(cell.height / 8.0).round().max(1.0);
    let mut parts = Vec::new();
    for (bit, (column, row)) in PLACES.into_iter().enumerate() {
        if bits & (1 << bit) != 0 {
            let x = (cell.width * (2.0 * column + 1.0) / 4.0 - side / 2.0).round();
            let y = (cell.height * (2.0 * row + 1.0) / 8.0 - side / 2.0).round();
            curves::dot(x, y, side, &mut parts);
        }
    }
    parts
}

#[cfg(test)]
mod tests;
