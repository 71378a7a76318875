//! Lines of box drawing: each character is four arms from the middle, each light, heavy, double or not there.

use super::{Cell, Part};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Arm {
    None,
    Light,
    Heavy,
    Double,
}

/// Up, right, down, left of U+2500 to U+257F; dashes, curves and diagonals have none here.
#[rustfmt::skip]
const ARMS: [&str; 128] = [
    // 2500
    " l l", " h h", "l l ", "h h ", "", "", "", "", "", "", "", "", " ll ", " hl ", " lh ", " hh ",
    // 2510
    "  ll", "  lh", "  hl", "  hh", "ll  ", "lh  ", "hl  ", "hh  ", "l  l", "l  h", "h  l", "h  h", "lll ", "lhl ", "hll ", "llh ",
    // 2520
    "hlh ", "hhl ", "lhh ", "hhh ", "l ll", "l lh", "h ll", "l hl", "h hl", "h lh", "l hh", "h hh", " lll", " llh", " hll", " hlh",
    // 2530
    " lhl", " lhh", " hhl", " hhh", "ll l", "ll h", "lh l", "lh h", "hl l", "hl h", "hh l", "hh h", "llll", "lllh", "lhll", "lhlh",
    // 2540
    "hlll", "llhl", "hlhl", "hllh", "hhll", "llhh", "lhhl", "hhlh", "lhhh", "hlhh", "hhhl", "hhhh", "", "", "", "",
    // 2550
    " d d", "d d ", " dl ", " ld ", " dd ", "  ld", "  dl", "  dd", "ld  ", "dl  ", "dd  ", "l  d", "d  l", "d  d", "ldl ", "dld ",
    // 2560
    "ddd ", "l ld", "d dl", "d dd", " dld", " ldl", " ddd", "ld d", "dl l", "dd d", "ldld", "dldl", "dddd", "", "", "",
    // 2570
    "", "", "", "", "   l", "l   ", " l  ", "  l ", "   h", "h   ", " h  ", "  h ", " h l", "l h ", " l h", "h l ",
];

/// How many dashes, whether heavy, whether they stand; for the dashed lines.
fn dashes(character: char) -> Option<(usize, bool, bool)> {
    Some(match character {
        '┄' => (3, false, false),
        '┅' => (3, true, false),
        '┆' => (3, false, true),
        '┇' => (3, true, true),
        '┈' => (4, false, false),
        '┉' => (4, true, false),
        '┊' => (4, false, true),
        '┋' => (4, true, true),
        '╌' => (2, false, false),
        '╍' => (2, true, false),
        '╎' => (2, false, true),
        '╏' => (2, true, true),
        _ => return None,
    })
}

pub(super) fn parts(character: char, cell: &Cell) -> Vec<Part> {
    if let Some((count, heavy, standing)) = dashes(character) {
        return dashed(count, if heavy { cell.heavy } else { cell.light }, standing, cell);
    }
    let index = u32::from(character).wrapping_sub(0x2500) as usize;
    let mut arms = [Arm::None; 4];
    let letters = ARMS.get(index).copied().unwrap_or_default();
    for (arm, letter) in arms.iter_mut().zip(letters.chars()) {
        *arm = match letter {
            'l' => Arm::Light,
            'h' => Arm::Heavy,
            'd' => Arm::Double,
            _ => Arm::None,
        };
    }
    let [up, right, down, left] = arms;
    let mut out = Vec::new();
    // Each arm is drawn as the one to the right of a cell that is turned.
    for (turn, [arm, before, after, opposite]) in [
        (Turn::Right, [right, up, down, left]),
        (Turn::Left, [left, up, down, right]),
        (Turn::Down, [down, left, right, up]),
        (Turn::Up, [up, left, right, down]),
    ] {
        arm_parts(turn, arm, before, after, opposite, cell, &mut out);
    }
    out
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Turn {
    Right,
    Left,
    Down,
    Up,
}

impl Turn {
    /// Along the arm and across it: the cell's measures.
    fn measures(self, cell: &Cell) -> (f32, f32) {
        match self {
            Self::Right | Self::Left => (cell.width, cell.height),
            Self::Down | Self::Up => (cell.height, cell.width),
        }
    }

    fn is_backward(self) -> bool {
        matches!(self, Self::Left | Self::Up)
    }

    /// A rectangle along the arm from `from` to the cell's edge, across from `top` with `thickness`. `from` is counted
    /// from the left or the top whichever way the arm goes.
    fn part(self, from: f32, top: f32, thickness: f32, cell: &Cell) -> Part {
        let (along, _) = self.measures(cell);
        let (begin, end) = if self.is_backward() { (0.0, from) } else { (from, along) };
        match self {
            Self::Right | Self::Left => Part::between(begin, top, end, top + thickness),
            Self::Down | Self::Up => Part::between(top, begin, top + thickness, end),
        }
    }
}

fn thickness(arm: Arm, cell: &Cell) -> f32 {
    match arm {
        Arm::None => 0.0,
        Arm::Light => cell.light,
        Arm::Heavy => cell.heavy,
        // Two light lines and the room between them.
        Arm::Double => cell.light * 3.0,
    }
}

fn middle(length: f32, thickness: f32) -> f32 {
    ((length - thickness) / 2.0).floor()
}

/// `before` is the arm across on the side of smaller coordinates, `after` the one on the other.
fn arm_parts(turn: Turn, arm: Arm, before: Arm, after: Arm, opposite: Arm, cell: &Cell, out: &mut Vec<Part>) {
    let (along, across) = turn.measures(cell);
    if arm == Arm::None {
        return;
    }
    // Where what crosses begins and ends along this arm.
    let span = |arm: Arm| {
        let thick = thickness(arm, cell);
        let from = middle(along, thick);
        (from, from + thick)
    };
    let near_far = |(from, to): (f32, f32)| if turn.is_backward() { (to, from) } else { (from, to) };
    if arm == Arm::Double {
        let top = middle(across, thickness(Arm::Double, cell));
        for (side, other, line) in [(before, after, top), (after, before, top + cell.light * 2.0)] {
            let from = match (side, other) {
                // The nearer of its two lines goes round this corner.
                (Arm::Double, _) => {
                    let (from, to) = span(Arm::Double);
                    if turn.is_backward() { from + cell.light } else { to - cell.light }
                }
                (Arm::Light | Arm::Heavy, _) => near_far(span(side)).0,
                (Arm::None, _) if opposite != Arm::None => middle(along, cell.light),
                (Arm::None, Arm::None) => middle(along, cell.light),
                (Arm::None, other) => near_far(span(other)).0,
            };
            out.push(turn.part(from, line, cell.light, cell));
        }
        return;
    }
    let thick = thickness(arm, cell);
    let top = middle(across, thick);
    let from = match (before, after) {
        _ if opposite != Arm::None && before != Arm::Double && after != Arm::Double => {
            near_far(span(if before == Arm::Heavy || after == Arm::Heavy {
                Arm::Heavy
            } else {
                widest(arm, opposite)
            }))
            .0
        }
        // A line that goes through two others.
        (Arm::Double, Arm::Double) if opposite != Arm::None => near_far(span(Arm::Light)).0,
        (Arm::Double, Arm::Double) => {
            let (from, to) = span(Arm::Double);
            if turn.is_backward() { from + cell.light } else { to - cell.light }
        }
        (before, after) => near_far(span(widest(before, after))).0,
    };
    out.push(turn.part(from, top, thick, cell));
}

fn widest(one: Arm, other: Arm) -> Arm {
    let rank = |arm: Arm| match arm {
        Arm::None => 0,
        Arm::Light => 1,
        Arm::Heavy => 2,
        Arm::Double => 3,
    };
    if rank(one) >= rank(other) { one } else { other }
}

fn dashed(count: usize, thick: f32, standing: bool, cell: &Cell) -> Vec<Part> {
    let length = if standing { cell.height } else { cell.width };
    let gap = (length / count as f32 / 3.0).round().max(1.0);
    (0..count)
        .map(|index| {
            // Half a gap at either end: dashes of neighbours keep the distance.
            let from = (length * index as f32 / count as f32).round();
            let to = (length * (index + 1) as f32 / count as f32).round();
            let (begin, end) = (from + (gap / 2.0).floor(), to - (gap / 2.0).ceil());
            let end = end.max(begin + 1.0);
            if standing {
                let x = cell.middle_x(thick);
                Part::between(x, begin, x + thick, end)
            } else {
                let y = cell.middle_y(thick);
                Part::between(begin, y, end, y + thick)
            }
        })
        .collect()
}
