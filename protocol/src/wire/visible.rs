//! Makes hostile text safe to show: what a terminal or a text layout would obey instead of print becomes an
//! escape that a person can see.
//!
//! Used for everything that an agent, a transcript or a settings file supplied, in the CLI and in the window.

use std::borrow::Cow;

/// `text` on one line: every character that is invisible or steers the layout (newline and tab as well) is
/// written as an escape such as `\n` or `\u{202e}`. Other text, backslashes too, stays as it is.
pub fn visible(text: &str) -> Cow<'_, str> {
    escape(text, false)
}

/// As [`visible`], but newlines and tabs stay: for text that is shown on several lines.
pub fn visible_lines(text: &str) -> Cow<'_, str> {
    escape(text, true)
}

/// Whether `c` is shown as nothing, moves what stands around it, or is obeyed by a terminal. Newline and tab
/// count; space does not.
pub const fn is_unseen(c: char) -> bool {
    matches!(c,
        // C0 with tab and newline, DEL, C1.
        '\u{0}'..='\u{1f}' | '\u{7f}'..='\u{9f}'
        // Soft hyphen, grapheme joiner, Arabic letter mark.
        | '\u{ad}' | '\u{34f}' | '\u{61c}'
        // Fillers: letters of no width.
        | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{3164}' | '\u{ffa0}'
        // Mongolian selectors.
        | '\u{180b}'..='\u{180f}'
        // Zero width, direction marks, line and paragraph separator, embeddings and overrides.
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        // Word joiner, invisible operators, isolates, deprecated format characters.
        | '\u{2060}'..='\u{206f}'
        // Variation selectors, byte order mark, interlinear annotation.
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        // Musical format characters, tags and further variation selectors.
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Whether a variation selector 16 after `c` only asks for the colour picture of a symbol.
const fn takes_emoji_style(c: char) -> bool {
    matches!(c, '\u{2190}'..='\u{2bff}' | '\u{1f000}'..='\u{1faff}')
}

fn escape(text: &str, keep_lines: bool) -> Cow<'_, str> {
    let mut previous = '\0';
    let mut is_shown = |c: char| {
        let shown = !is_unseen(c)
            || (keep_lines && matches!(c, '\n' | '\t'))
            || (c == '\u{fe0f}' && takes_emoji_style(previous));
        previous = c;
        shown
    };
    let Some(first) = text.char_indices().find(|(_, c)| !is_shown(*c)).map(|(at, _)| at) else {
        return Cow::Borrowed(text);
    };
    let (plain, rest) = text.split_at(first);
    let mut shown = String::with_capacity(text.len() + 16);
    shown.push_str(plain);
    for c in rest.chars() {
        if is_shown(c) {
            shown.push(c);
            continue;
        }
        match c {
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            _ => shown.extend(c.escape_unicode()),
        }
    }
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn plain_text_is_borrowed() {
        for plain in ["", "ls -la", "größe 日本語 ✅ 👩 \\u{202e} \\n", "⚠\u{fe0f} careful", "a\u{a0}b"]
        {
            assert!(matches!(visible(plain), Cow::Borrowed(same) if same == plain), "{plain:?}");
        }
        assert!(matches!(visible_lines("a\n\tb\n"), Cow::Borrowed(_)));
    }

    #[test]
    fn what_a_terminal_obeys_is_shown() {
        assert_eq!(visible("\u{1b}[2Jx\u{7}"), "\\u{1b}[2Jx\\u{7}");
        assert_eq!(visible("good\rbad"), "good\\rbad");
        assert_eq!(visible_lines("good\r\nbad"), "good\\r\nbad");
        assert_eq!(visible("a\nb\tc"), "a\\nb\\tc");
        assert_eq!(visible("del\u{7f} csi\u{9b}m nel\u{85}"), "del\\u{7f} csi\\u{9b}m nel\\u{85}");
        assert_eq!(visible_lines("a\u{2028}b\u{2029}c"), "a\\u{2028}b\\u{2029}c");
        assert_eq!(visible("\u{2028}"), "\\u{2028}");
    }

    #[test]
    fn every_named_invisible_character_is_shown() {
        let ranges = [
            ('\u{0}', '\u{1f}'),
            ('\u{7f}', '\u{9f}'),
            ('\u{61c}', '\u{61c}'),
            ('\u{200b}', '\u{200f}'),
            ('\u{2028}', '\u{202e}'),
            ('\u{2060}', '\u{2060}'),
            ('\u{2066}', '\u{2069}'),
            ('\u{feff}', '\u{feff}'),
            ('\u{e0000}', '\u{e007f}'),
        ];
        for (from, to) in ranges {
            for c in from..=to {
                let text = format!("a{c}b");
                let shown = visible(&text);
                assert!(shown.starts_with("a\\") && shown.is_ascii(), "{:x}: {shown}", u32::from(c));
            }
        }
    }

    #[test]
    fn a_variation_selector_is_kept_after_a_symbol_only() {
        assert_eq!(visible("rm\u{fe0f}"), "rm\\u{fe0f}");
        assert_eq!(visible("\u{fe0f}"), "\\u{fe0f}");
        assert_eq!(visible("❤\u{fe0f}\u{fe0f}"), "❤\u{fe0f}\\u{fe0f}");
        assert_eq!(visible("👩\u{200d}👧"), "👩\\u{200d}👧");
    }

    proptest! {
        #[test]
        fn nothing_unseen_comes_out(text in "\\PC*|.*|[\u{0}-\u{a0}\u{2000}-\u{2070}\u{fe00}-\u{feff}]*") {
            let seen = |c: char| !is_unseen(c) || c == '\u{fe0f}';
            prop_assert!(visible(&text).chars().all(seen));
            prop_assert!(visible_lines(&text).chars().all(|c| seen(c) || matches!(c, '\n' | '\t')));
        }

        #[test]
        fn showing_twice_changes_nothing(text in any::<String>()) {
            let once = visible(&text).into_owned();
            prop_assert_eq!(visible(&once), once.as_str());
        }

        #[test]
        fn words_stay_as_they_are(text in "[ -~äöüß日本語]*") {
            prop_assert_eq!(visible(&text), text.as_str());
        }
    }
}
