//! What has no straight edges: round corners, diagonals, dots and the arrows of prompts, pixel by pixel with the share
//! of each pixel that is covered.

use super::{Cell, Part};

/// Pieces of a pixel that are looked at, per direction.
const SAMPLES: u8 = 4;

pub(super) fn parts(character: char, cell: &Cell) -> Vec<Part> {
    let (width, height) = (cell.width, cell.height);
    match character {
        '╭' => corner(true, true, cell),
        '╮' => corner(false, true, cell),
        '╯' => corner(false, false, cell),
        '╰' => corner(true, false, cell),
        '╱' => fill(cell, |x, y| slant(x, height - y, cell)),
        '╲' => fill(cell, |x, y| slant(x, y, cell)),
        '╳' => fill(cell, |x, y| slant(x, y, cell) || slant(x, height - y, cell)),
        '\u{e0b0}' => fill(cell, |x, y| point(x, y, cell) <= 0.0),
        '\u{e0b1}' => fill(cell, |x, y| (-cell.light * 1.2..=0.0).contains(&point(x, y, cell))),
        '\u{e0b2}' => fill(cell, |x, y| point(width - x, y, cell) <= 0.0),
        '\u{e0b3}' => fill(cell, |x, y| (-cell.light * 1.2..=0.0).contains(&point(width - x, y, cell))),
        _ => Vec::new(),
    }
}

/// How far right of the edge of a triangle that points to the right.
fn point(x: f32, y: f32, cell: &Cell) -> f32 {
    let half = cell.height / 2.0;
    x - cell.width * (1.0 - (y - half).abs() / half)
}

/// Whether a place is on the line from the top left to the bottom right.
fn slant(x: f32, y: f32, cell: &Cell) -> bool {
    let (width, height) = (cell.width, cell.height);
    (x * height - y * width).abs() / width.hypot(height) <= cell.light * 0.6
}

/// A quarter of a circle that joins the middles of two edges, with the same lines as the straight ones.
fn corner(to_right: bool, to_bottom: bool, cell: &Cell) -> Vec<Part> {
    let light = cell.light;
    let (x0, y0) = (cell.middle_x(light) + light / 2.0, cell.middle_y(light) + light / 2.0);
    let room_x = if to_right { cell.width - x0 } else { x0 };
    let room_y = if to_bottom { cell.height - y0 } else { y0 };
    let radius = room_x.min(room_y);
    let (sign_x, sign_y) = (if to_right { 1.0 } else { -1.0 }, if to_bottom { 1.0 } else { -1.0 });
    let (center_x, center_y) = (x0 + sign_x * radius, y0 + sign_y * radius);
    fill(cell, |x, y| {
        // Seen from the middle of the circle, towards the corner.
        let (dx, dy) = ((center_x - x) * sign_x, (center_y - y) * sign_y);
        let distance = if dx > 0.0 && dy > 0.0 {
            (dx.hypot(dy) - radius).abs()
        } else if dx <= 0.0 {
            (y - y0).abs()
        } else {
            (x - x0).abs()
        };
        distance <= light / 2.0
    })
}

/// A round dot, or a square one where there is no room for roundness.
pub(super) fn dot(left: f32, top: f32, side: f32, out: &mut Vec<Part>) {
    if side < 3.0 {
        out.push(Part::solid(left, top, side, side));
        return;
    }
    let cell = Cell { width: side, height: side, light: 1.0, heavy: 1.0 };
    let radius = side / 2.0;
    let inside = fill(&cell, |x, y| (x - radius).hypot(y - radius) <= radius);
    out.extend(inside.into_iter().map(|part| Part { x: part.x + left, y: part.y + top, ..part }));
}

/// The pixels that are covered, neighbours of a row with the same share as one part.
fn fill(cell: &Cell, covered: impl Fn(f32, f32) -> bool) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    for row in 0..cell.height as u32 {
        for column in 0..cell.width as u32 {
            let (x, y) = (column as f32, row as f32);
            let mut hits = 0_u8;
            for sample in 0..SAMPLES * SAMPLES {
                let inner = |index: u8| (f32::from(index) + 0.5) / f32::from(SAMPLES);
                hits += u8::from(covered(x + inner(sample % SAMPLES), y + inner(sample / SAMPLES)));
            }
            if hits == 0 {
                continue;
            }
            let alpha = f32::from(hits) / f32::from(SAMPLES * SAMPLES);
            match parts.last_mut() {
                Some(last) if last.y == y && last.x + last.width == x && last.alpha == alpha => {
                    last.width += 1.0
                }
                _ => parts.push(Part { x, y, width: 1.0, height: 1.0, alpha }),
            }
        }
    }
    parts
}
