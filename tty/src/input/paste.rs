//! Pasted text and the focus.

use alacritty_terminal::term::TermMode;

const BEGIN: &str = "\x1b[200~";
const END: &str = "\x1b[201~";

/// The bytes for pasted text. Control characters are taken out, so that what was copied from a page can neither end
/// the paste early nor press a key; line breaks become what Enter sends, as in xterm.
pub fn paste(text: &str, modes: TermMode) -> Vec<u8> {
    let bracketed = modes.contains(TermMode::BRACKETED_PASTE);
    let mut out = String::with_capacity(text.len() + BEGIN.len() + END.len());
    if bracketed {
        out.push_str(BEGIN);
    }
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\r' => {
                characters.next_if_eq(&'\n');
                out.push('\r');
            }
            '\n' => out.push('\r'),
            '\t' => out.push('\t'),
            other if other.is_control() => {}
            other => out.push(other),
        }
    }
    if bracketed {
        out.push_str(END);
    }
    out.into_bytes()
}

/// The bytes that tell of a gained or lost focus, when the program asked for them.
pub fn focus(gained: bool, modes: TermMode) -> Option<&'static [u8]> {
    let report: &[u8] = if gained { b"\x1b[I" } else { b"\x1b[O" };
    modes.contains(TermMode::FOCUS_IN_OUT).then_some(report)
}
