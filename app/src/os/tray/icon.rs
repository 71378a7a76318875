//! The tray's icon as pixels: a ring with a point, and a disc with a number when something needs the user.

use magia_core::tray::{TrayState, TrayView};
use tray_icon::{BadIcon, Icon};

const SIDE: u32 = 32;

/// The icon's colours: red, green, blue, alpha.
#[derive(Clone, Copy, Debug)]
pub struct TrayColors {
    /// Nothing is at work.
    pub quiet: [u8; 4],
    /// The ring's point while something works.
    pub working: [u8; 4],
    /// Something needs the user.
    pub needs_you: [u8; 4],
    /// The number on it.
    pub ink: [u8; 4],
}

/// Digits of three by five points, a row a number; the last is `+`.
const DIGITS: [[u8; 5]; 11] = [
    [7, 5, 5, 5, 7],
    [2, 6, 2, 2, 7],
    [7, 1, 7, 4, 7],
    [7, 1, 7, 1, 7],
    [5, 5, 7, 1, 1],
    [7, 4, 7, 1, 7],
    [7, 4, 7, 5, 7],
    [7, 1, 1, 2, 2],
    [7, 5, 7, 5, 7],
    [7, 5, 7, 1, 7],
    [0, 2, 7, 2, 0],
];
const PLUS: usize = 10;

/// The icon for what the tray shows.
pub(super) fn draw(view: &TrayView, colors: &TrayColors) -> Result<Icon, BadIcon> {
    Icon::from_rgba(pixels(view, colors), SIDE, SIDE)
}

fn pixels(view: &TrayView, colors: &TrayColors) -> Vec<u8> {
    let glyphs = glyphs(view.waiting);
    let mut rgba = Vec::with_capacity((SIDE * SIDE * 4) as usize);
    for y in 0..SIDE {
        for x in 0..SIDE {
            let r = (x as f32 - 15.5).hypot(y as f32 - 15.5);
            let within = |edge: f32| (edge - r + 0.5).clamp(0.0, 1.0);
            let ring = within(14.0) * (1.0 - within(11.0));
            let (color, cover) = match view.state {
                TrayState::NeedsYou if is_ink(&glyphs, x, y) => (colors.ink, 1.0),
                TrayState::NeedsYou => (colors.needs_you, within(15.5)),
                TrayState::Working if r < 9.0 => (colors.working, within(6.0)),
                TrayState::Working | TrayState::Quiet => (colors.quiet, ring.max(within(4.5))),
            };
            let [red, green, blue, alpha] = color;
            rgba.extend([red, green, blue, (f32::from(alpha) * cover) as u8]);
        }
    }
    rgba
}

/// One digit, or `9+`.
fn glyphs(count: usize) -> Vec<[u8; 5]> {
    let numbers: &[usize] = if count > 9 { &[9, PLUS] } else { &[count] };
    numbers.iter().filter_map(|number| DIGITS.get(*number)).copied().collect()
}

fn is_ink(glyphs: &[[u8; 5]], x: u32, y: u32) -> bool {
    let scale: u32 = if glyphs.len() > 1 { 3 } else { 4 };
    let count = u32::try_from(glyphs.len()).unwrap_or(1);
    let width = (count * 3 + (count - 1)) * scale;
    let (left, top) = ((SIDE - width) / 2, (SIDE - 5 * scale) / 2);
    let (Some(x), Some(y)) = (x.checked_sub(left), y.checked_sub(top)) else { return false };
    let (column, row) = (x / scale, y / scale);
    let Some(glyph) = glyphs.get((column / 4) as usize) else { return false };
    let bits = glyph.get(row as usize).copied().unwrap_or(0);
    column % 4 < 3 && bits >> (2 - column % 4) & 1 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLORS: TrayColors = TrayColors {
        quiet: [100, 100, 100, 255],
        working: [0, 0, 255, 255],
        needs_you: [255, 170, 0, 255],
        ink: [0, 0, 0, 255],
    };

    fn at(view: &TrayView, x: u32, y: u32) -> [u8; 4] {
        let pixels = pixels(view, &COLORS);
        pixels[((y * SIDE + x) * 4) as usize..][..4].try_into().unwrap()
    }

    #[test]
    fn each_state_has_a_shape_of_its_own() {
        let view = |state, waiting| TrayView { state, waiting, ..TrayView::default() };
        let quiet = view(TrayState::Quiet, 0);
        assert_eq!(
            (at(&quiet, 0, 0)[3], at(&quiet, 16, 3), at(&quiet, 16, 16)),
            (0, COLORS.quiet, COLORS.quiet)
        );
        let working = view(TrayState::Working, 0);
        assert_eq!((at(&working, 16, 3), at(&working, 16, 16)), (COLORS.quiet, COLORS.working));
        let one = view(TrayState::NeedsYou, 1);
        assert_eq!((at(&one, 16, 2), at(&one, 16, 16)), (COLORS.needs_you, COLORS.ink));
        let all: Vec<Vec<u8>> =
            (1..=12).map(|count| pixels(&view(TrayState::NeedsYou, count), &COLORS)).collect();
        let distinct: std::collections::BTreeSet<&Vec<u8>> = all.iter().collect();
        assert_eq!(distinct.len(), 10, "1 to 9, and more");
    }
}
