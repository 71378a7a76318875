//! Text of agents: hostile, so nothing that hides, turns round or moves the cursor is ever drawn.

use eframe::egui::{self, Galley, text::LayoutJob, text::TextFormat};
use magia_protocol::wire::visible::{is_unseen, visible_lines};
use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

/// Text over several lines: newlines and tabs stay, all else that is not seen becomes an escape.
pub fn shown(text: &str) -> Cow<'_, str> {
    visible_lines(text)
}

/// What a program printed, without the sequences that colour it for a terminal (`ESC [ ... m`). All others stay, to be seen.
pub fn without_colours(text: &str) -> Cow<'_, str> {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        let digits = after.trim_start_matches(|c: char| c.is_ascii_digit() || matches!(c, ';' | ':'));
        plain.push_str(before);
        match digits.strip_prefix('m') {
            Some(after) => rest = after,
            None => {
                plain.push_str("\u{1b}[");
                rest = after;
            }
        }
    }
    if rest.len() == text.len() {
        return Cow::Borrowed(text);
    }
    plain.push_str(rest);
    Cow::Owned(plain)
}

/// Text in one line, at most `limit` characters; a longer one ends in an ellipsis.
pub fn shown_line(text: &str, limit: usize) -> String {
    let mut line = String::new();
    let mut chars = text.trim().chars().peekable();
    let mut length = 0;
    while let Some(c) = chars.next() {
        if length >= limit {
            line.push('…');
            break;
        }
        length += 1;
        match c {
            '\n' | '\t' | ' ' => {
                let mut broken = c == '\n';
                while let Some(next) = chars.next_if(|next| matches!(next, ' ' | '\t' | '\n')) {
                    broken |= next == '\n';
                }
                line.push_str(if broken { " ↵ " } else { " " });
            }
            '\r' => line.push_str("\\r"),
            c if is_unseen(c) => line.extend(c.escape_unicode()),
            c => line.push(c),
        }
    }
    line
}

/// The user's home, told once at start. Without it no path is shortened: a wrong `~` would lie about a place.
static HOME: OnceLock<String> = OnceLock::new();

/// Tells the user's home directory. The first word counts.
pub fn set_home(home: &str) {
    let home = home.trim_end_matches('/');
    if home.starts_with('/') {
        HOME.get_or_init(|| home.to_owned());
    }
}

/// A path with the user's home directory written as `~`.
pub fn short_path(path: &str) -> String {
    let below = HOME.get().and_then(|home| path.strip_prefix(home.as_str()));
    match below {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => format!("~{rest}"),
        _ => path.to_owned(),
    }
}

/// One line that ends in an ellipsis where the room ends. The flag says whether it was cut.
pub fn elided(ui: &egui::Ui, text: &str, format: TextFormat, width: f32) -> (Arc<Galley>, bool) {
    elided_job(ui, LayoutJob::single_section(text.to_owned(), format), width)
}

/// [`elided`] for a line of several formats.
pub fn elided_job(ui: &egui::Ui, mut job: LayoutJob, width: f32) -> (Arc<Galley>, bool) {
    job.wrap = egui::text::TextWrapping::truncate_at_width(width.max(1.0));
    let galley = ui.fonts_mut(|fonts| fonts.layout_job(job));
    let cut = galley.elided;
    (galley, cut)
}

/// A text format with a font and a colour.
pub fn format(font_id: egui::FontId, color: egui::Color32) -> TextFormat {
    TextFormat { font_id, color, valign: egui::Align::Center, ..TextFormat::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_hides_is_seen() {
        assert_eq!(shown("rm\u{202e}fr\u{200b}"), "rm\\u{202e}fr\\u{200b}");
        assert_eq!(shown("a\rb\u{1b}[31m\n\tc"), "a\\rb\\u{1b}[31m\n\tc");
        assert!(matches!(shown("plain ⏺ text\n"), Cow::Borrowed(_)));
    }

    #[test]
    fn colours_for_a_terminal_are_not_text() {
        assert_eq!(without_colours("\u{1b}[32mgreen\u{1b}[0m \u{1b}[38:2:1:2:3mx\u{1b}[m"), "green x");
        assert_eq!(without_colours("\u{1b}[2J\u{1b}[1;31mred\u{1b}["), "\u{1b}[2Jred\u{1b}[");
        assert!(matches!(without_colours("plain [32m"), Cow::Borrowed(_)));
    }

    #[test]
    fn a_line_is_one_line() {
        assert_eq!(shown_line("  one\n\n  two\tthree ", 80), "one ↵ two three");
        assert_eq!(shown_line("abcdef", 3), "abc…");
        assert_eq!(shown_line("\u{feff}\0", 9), "\\u{feff}\\u{0}");
    }

    #[test]
    fn home_is_short() {
        set_home("/home/me/");
        assert_eq!(short_path("/home/me/shop"), "~/shop");
        assert_eq!(short_path("/home/me"), "~");
        assert_eq!(short_path("/home/mean/x"), "/home/mean/x");
        assert_eq!(short_path("/home/you/x"), "/home/you/x", "someone else's home is not ours");
        assert_eq!(short_path("/srv/x"), "/srv/x");
    }
}
