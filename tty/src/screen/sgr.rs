//! Select graphic rendition: `CSI ... m`.

use alacritty_terminal::vte::ansi::{Attr, Color, Handler, NamedColor, Rgb};
use alacritty_terminal::vte::{Params, ParamsIter};

use super::state::State;

/// The eight normal colours, then the eight bright ones, in the order of their parameters.
pub(super) const COLORS: [NamedColor; 16] = [
    NamedColor::Black,
    NamedColor::Red,
    NamedColor::Green,
    NamedColor::Yellow,
    NamedColor::Blue,
    NamedColor::Magenta,
    NamedColor::Cyan,
    NamedColor::White,
    NamedColor::BrightBlack,
    NamedColor::BrightRed,
    NamedColor::BrightGreen,
    NamedColor::BrightYellow,
    NamedColor::BrightBlue,
    NamedColor::BrightMagenta,
    NamedColor::BrightCyan,
    NamedColor::BrightWhite,
];

/// Applies the attributes one after the other; an unknown one is skipped.
pub(super) fn apply(state: &mut State, params: &Params) {
    let mut params = params.iter();
    while let Some(param) = params.next() {
        if let Some(attr) = attribute(param, &mut params) {
            state.term.terminal_attribute(attr);
        }
    }
}

fn attribute(param: &[u16], rest: &mut ParamsIter<'_>) -> Option<Attr> {
    let (first, sub) = param.split_first()?;
    Some(match first {
        0 => Attr::Reset,
        1 => Attr::Bold,
        2 => Attr::Dim,
        3 => Attr::Italic,
        4 => match sub.first() {
            Some(0) => Attr::CancelUnderline,
            Some(2) => Attr::DoubleUnderline,
            Some(3) => Attr::Undercurl,
            Some(4) => Attr::DottedUnderline,
            Some(5) => Attr::DashedUnderline,
            _ => Attr::Underline,
        },
        7 => Attr::Reverse,
        8 => Attr::Hidden,
        9 => Attr::Strike,
        // ECMA-48, xterm and kitty: a double underline.
        21 => Attr::DoubleUnderline,
        22 => Attr::CancelBoldDim,
        23 => Attr::CancelItalic,
        24 => Attr::CancelUnderline,
        27 => Attr::CancelReverse,
        28 => Attr::CancelHidden,
        29 => Attr::CancelStrike,
        30..=37 => Attr::Foreground(named(first - 30)?),
        38 => Attr::Foreground(color(sub, rest)?),
        39 => Attr::Foreground(Color::Named(NamedColor::Foreground)),
        40..=47 => Attr::Background(named(first - 40)?),
        48 => Attr::Background(color(sub, rest)?),
        49 => Attr::Background(Color::Named(NamedColor::Background)),
        58 => Attr::UnderlineColor(Some(color(sub, rest)?)),
        59 => Attr::UnderlineColor(None),
        90..=97 => Attr::Foreground(named(first - 90 + 8)?),
        100..=107 => Attr::Background(named(first - 100 + 8)?),
        _ => return None,
    })
}

fn named(index: u16) -> Option<Color> {
    COLORS.get(usize::from(index)).map(|color| Color::Named(*color))
}

/// A colour in either spelling: `38:2::r:g:b` and `38:5:n` (colons, one parameter, with or without the place of the
/// colour space) or `38;2;r;g;b` and `38;5;n` (semicolons, the following parameters).
fn color(sub: &[u16], rest: &mut ParamsIter<'_>) -> Option<Color> {
    let byte = |value: u16| u8::try_from(value).ok();
    match sub {
        [2, r, g, b] | [2, _, r, g, b, ..] => {
            Some(Color::Spec(Rgb { r: byte(*r)?, g: byte(*g)?, b: byte(*b)? }))
        }
        [5, index, ..] => Some(Color::Indexed(byte(*index)?)),
        [] => {
            let mut next = || rest.next().and_then(|param| param.first().copied());
            match next()? {
                2 => {
                    let (r, g, b) = (next()?, next()?, next()?);
                    Some(Color::Spec(Rgb { r: byte(r)?, g: byte(g)?, b: byte(b)? }))
                }
                5 => Some(Color::Indexed(byte(next()?)?)),
                _ => None,
            }
        }
        _ => None,
    }
}
