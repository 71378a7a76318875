//! Operating system commands: `OSC number ; ... ST`.

use alacritty_terminal::term::cell::Hyperlink;
use alacritty_terminal::vte::ansi::{CursorShape, Handler, NamedColor, Rgb};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::event::{ClipboardTarget, Progress, ScreenEvent};
use super::notify::{Part, clean};
use super::reply;
use super::state::State;

/// The longest address of a hyperlink; a longer one is no link (VTE's bound is the same).
pub(super) const MOST_URI: usize = 2083;
/// The longest id of a hyperlink.
pub(super) const MOST_LINK_ID: usize = 256;

const FOREGROUND: usize = NamedColor::Foreground as usize;

/// Does what a command says. `params` are what stands between the semicolons; `bell` when BEL ended it.
pub(super) fn dispatch(state: &mut State, params: &[&[u8]], bell: bool) {
    let Some((number, rest)) = params.split_first() else { return };
    match *number {
        b"0" | b"2" if !rest.is_empty() => state.set_title(Some(text(rest).trim().to_owned())),
        b"4" => palette(state, rest, bell),
        b"8" => hyperlink(state, rest),
        b"9" => notification_or_progress(state, rest),
        b"10" => dynamic_colors(state, 0, rest, bell),
        b"11" => dynamic_colors(state, 1, rest, bell),
        b"12" => dynamic_colors(state, 2, rest, bell),
        b"50" => cursor_shape(state, rest),
        b"52" => clipboard(state, rest),
        b"99" => kitty_notification(state, rest, bell),
        b"104" => reset_palette(state, rest),
        b"110" => state.term.reset_color(FOREGROUND),
        b"111" => state.term.reset_color(FOREGROUND + 1),
        b"112" => state.term.reset_color(FOREGROUND + 2),
        b"777" if rest.first() == Some(&b"notify".as_slice()) => {
            let (title, body) = rest
                .get(1..)
                .and_then(<[_]>::split_first)
                .map_or((String::new(), String::new()), |(title, body)| {
                    (clean(&String::from_utf8_lossy(title)), clean(&text(body)))
                });
            notify(state, title, body);
        }
        _ => {}
    }
}

/// The parameters as one text again.
fn text(params: &[&[u8]]) -> String {
    String::from_utf8_lossy(&params.join(&b';')).into_owned()
}

fn notify(state: &mut State, title: String, body: String) {
    if !(title.is_empty() && body.is_empty()) {
        state.events.push(ScreenEvent::Notification { title, body });
    }
}

fn notification_or_progress(state: &mut State, rest: &[&[u8]]) {
    if rest.first() != Some(&b"4".as_slice()) || rest.len() < 2 {
        return notify(state, String::new(), clean(&text(rest)));
    }
    let percent = rest.get(2).and_then(|digits| number(digits)).unwrap_or(0).min(100) as u8;
    let progress = match rest.get(1).and_then(|digits| number(digits)) {
        Some(0) => Progress::None,
        Some(1) => Progress::Percent(percent),
        Some(2) => Progress::Error(percent),
        Some(3) => Progress::Busy,
        Some(4) => Progress::Paused(percent),
        _ => return,
    };
    state.events.push(ScreenEvent::Progress(progress));
}

fn kitty_notification(state: &mut State, rest: &[&[u8]], bell: bool) {
    let Some((metadata, payload)) = rest.split_first() else { return };
    match state.notes.take(&String::from_utf8_lossy(metadata), &payload.join(&b';')) {
        Part::Kept => {}
        Part::Done(note) => notify(state, note.title, note.body),
        Part::Asked(id) => {
            let end = if bell { "\x07" } else { "\x1b\\" };
            state.events.reply(format!("\x1b]99;i={id}:p=?;p=title,body{end}").as_bytes());
        }
    }
}

fn hyperlink(state: &mut State, rest: &[&[u8]]) {
    let Some((parameters, uri)) = rest.split_first() else { return };
    let uri = text(uri);
    if uri.is_empty() || uri.len() > MOST_URI || uri.chars().any(char::is_control) {
        state.term.grid_mut().cursor.template.set_hyperlink(None);
        return;
    }
    let id = parameters
        .split(|byte| *byte == b':')
        .find_map(|pair| pair.strip_prefix(b"id="))
        .and_then(|id| std::str::from_utf8(id).ok())
        .filter(|id| !id.is_empty() && id.len() <= MOST_LINK_ID && !id.chars().any(char::is_control));
    let id = match id {
        Some(id) => id.to_owned(),
        // Counted by the screen: alacritty's own counter is the process's, which a snapshot could not repeat.
        None => {
            state.links += 1;
            format!("magia-{}", state.links)
        }
    };
    let link = Hyperlink::new(Some(id), uri);
    state.term.grid_mut().cursor.template.set_hyperlink(Some(link));
}

/// OSC 4: pairs of an index and a colour or `?`.
fn palette(state: &mut State, rest: &[&[u8]], bell: bool) {
    for pair in rest.chunks_exact(2) {
        let [index, spec] = pair else { continue };
        let Some(index) = number(index).filter(|index| *index < 256) else { continue };
        if *spec == b"?" {
            reply::color(state, &format!("4;{index}"), index, bell);
        } else if let Some(color) = parse_color(spec) {
            state.term.set_color(index, color);
        }
    }
}

/// OSC 10, 11, 12: foreground, background, cursor; further values are for the following ones.
fn dynamic_colors(state: &mut State, first: usize, rest: &[&[u8]], bell: bool) {
    for (which, spec) in (first..3).zip(rest) {
        if *spec == b"?" {
            reply::color(state, &(10 + which).to_string(), FOREGROUND + which, bell);
        } else if let Some(color) = parse_color(spec) {
            state.term.set_color(FOREGROUND + which, color);
        }
    }
}

fn reset_palette(state: &mut State, rest: &[&[u8]]) {
    if rest.iter().all(|index| index.is_empty()) {
        (0..256).for_each(|index| state.term.reset_color(index));
    }
    for index in rest.iter().filter_map(|index| number(index)).filter(|index| *index < 256) {
        state.term.reset_color(index);
    }
}

/// OSC 50 as konsole understands it.
fn cursor_shape(state: &mut State, rest: &[&[u8]]) {
    let shape = match rest.first().and_then(|value| value.strip_prefix(b"CursorShape=")) {
        Some(b"0") => CursorShape::Block,
        Some(b"1") => CursorShape::Beam,
        Some(b"2") => CursorShape::Underline,
        _ => return,
    };
    state.change_style(|style| style.shape = shape);
}

fn clipboard(state: &mut State, rest: &[&[u8]]) {
    let [targets, data] = rest else { return };
    if *data == b"?" {
        return state.events.push(ScreenEvent::ClipboardLoad);
    }
    let target = match targets.first() {
        None | Some(b'c') => ClipboardTarget::Clipboard,
        Some(b'p' | b's') => ClipboardTarget::Primary,
        Some(_) => return,
    };
    if let Some(text) = STANDARD.decode(data).ok().and_then(|bytes| String::from_utf8(bytes).ok()) {
        state.events.push(ScreenEvent::ClipboardStore { target, text });
    }
}

fn number(digits: &[u8]) -> Option<usize> {
    let digits = std::str::from_utf8(digits).ok().filter(|text| !text.is_empty() && text.len() <= 9)?;
    if digits.bytes().all(|byte| byte.is_ascii_digit()) { digits.parse().ok() } else { None }
}

/// A colour as XParseColor reads it: `rgb:R/G/B` with one to four hex digits each, or `#` with three, six, nine or
/// twelve.
fn parse_color(spec: &[u8]) -> Option<Rgb> {
    let spec = std::str::from_utf8(spec).ok()?;
    let hex = |digits: &str| {
        let fits = (1..=4).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        if fits { u32::from_str_radix(digits, 16).ok() } else { None }
    };
    if let Some(parts) = spec.strip_prefix("rgb:") {
        let mut parts = parts.split('/').map(|digits| {
            let most = (1u32 << (4 * digits.len().min(4))) - 1;
            hex(digits).map(|value| (value * 255 / most) as u8)
        });
        let color = Rgb { r: parts.next()??, g: parts.next()??, b: parts.next()?? };
        return if parts.next().is_none() { Some(color) } else { None };
    }
    let digits = spec.strip_prefix('#')?;
    let each = digits.len() / 3;
    if each == 0 || digits.len() % 3 != 0 {
        return None;
    }
    // The leading digits: #fff is f0f0f0.
    let part = |index: usize| {
        let value = hex(digits.get(index * each..(index + 1) * each)?)?;
        Some(if each == 1 { value << 4 } else { value >> (4 * (each - 2)) } as u8)
    };
    Some(Rgb { r: part(0)?, g: part(1)?, b: part(2)? })
}
