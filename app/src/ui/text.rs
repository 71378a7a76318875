//! Text of agents: hostile, so nothing that hides, turns round or moves the cursor is ever drawn.

use eframe::egui::{self, Galley, text::LayoutJob, text::TextFormat};
use std::borrow::Cow;
use std::sync::Arc;

/// Text over several lines: newlines and tabs stay, all else that is not seen becomes an escape.
pub fn shown(text: &str) -> Cow<'_, str> {
    if !text.chars().any(|c| c != '\n' && hides(c)) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\n' | '\t' => out.push(c),
            '\r' => out.push_str("\\r"),
            '\u{1b}' => out.push_str("\\e"),
            c if hides(c) => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
    Cow::Owned(out)
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
            '\u{1b}' => line.push_str("\\e"),
            c if hides(c) => line.extend(c.escape_unicode()),
            c => line.push(c),
        }
    }
    line
}

/// Whether a character is not seen, or changes how its neighbours are seen.
fn hides(c: char) -> bool {
    c.is_control() && c != '\t'
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0e}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff9}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}')
}

/// A directory with the home directory written as `~`.
pub fn short_path(path: &str) -> String {
    let mut parts = path.splitn(4, '/');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(""), Some("home"), Some(_), Some(rest)) => format!("~/{rest}"),
        (Some(""), Some("home"), Some(_), None) | (Some(""), Some("root"), None, None) => "~".to_owned(),
        _ => path.strip_prefix("/root/").map_or_else(|| path.to_owned(), |rest| format!("~/{rest}")),
    }
}

/// One line that ends in an ellipsis where the room ends. The flag says whether it was cut.
pub fn elided(ui: &egui::Ui, text: &str, format: TextFormat, width: f32) -> (Arc<Galley>, bool) {
    let mut job = LayoutJob::single_section(text.to_owned(), format);
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
        assert_eq!(shown("a\rb\u{1b}[31m\n\tc"), "a\\rb\\e[31m\n\tc");
        assert!(matches!(shown("plain ⏺ text\n"), Cow::Borrowed(_)));
    }

    #[test]
    fn a_line_is_one_line() {
        assert_eq!(shown_line("  one\n\n  two\tthree ", 80), "one ↵ two three");
        assert_eq!(shown_line("abcdef", 3), "abc…");
        assert_eq!(shown_line("\u{feff}\0", 9), "\\u{feff}\\u{0}");
    }

    #[test]
    fn home_is_short() {
        assert_eq!(short_path("/home/me/shop"), "~/shop");
        assert_eq!(short_path("/home/me"), "~");
        assert_eq!(short_path("/root/x"), "~/x");
        assert_eq!(short_path("/srv/x"), "/srv/x");
        assert_eq!(short_path("/homeless"), "/homeless");
    }
}
