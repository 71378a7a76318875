//! A session's name when nobody gave it one.

/// Characters of a title made from a prompt.
const TITLE_CHARS: usize = 60;
/// Characters of a prompt that are looked at.
const LOOKED_AT_CHARS: usize = 4_096;

/// The first line that says something, without Markdown's marks, control and invisible characters, shortened
/// to 60 characters at the end of a word. Empty when the prompt says nothing.
pub fn first_prompt_title(text: &str) -> String {
    // The window is cut by characters, since a prompt may be one line of megabytes.
    let end = text.char_indices().nth(LOOKED_AT_CHARS).map_or(text.len(), |(index, _)| index);
    let looked_at = text.get(..end).unwrap_or_default();
    looked_at
        .lines()
        .map(plain)
        .find(|line| !line.is_empty())
        .map(|line| shortened(&line))
        .unwrap_or_default()
}

/// The line with blanks as single spaces and without what a person does not see.
fn plain(line: &str) -> String {
    let seen: String = line
        .chars()
        .map(|c| if c.is_whitespace() { ' ' } else { c })
        .filter(|c| !c.is_control() && !is_invisible(*c))
        .collect();
    let seen = seen.replace("**", "").replace('`', "");
    let bare = seen.trim_start_matches(['#', '>', '*', '-', '_', '~', ' ']);
    let bare = bare.trim_end_matches(['*', '_', '~', ' ']);
    bare.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

fn shortened(line: &str) -> String {
    let Some((cut, _)) = line.char_indices().nth(TITLE_CHARS) else { return line.to_owned() };
    let head = line.get(..cut).unwrap_or_default();
    let ends_word = line.get(cut..).is_some_and(|rest| rest.starts_with(' '));
    // A word of more than half the title is cut in its middle: better than a title of two letters.
    let end = match head.rfind(' ') {
        _ if ends_word => head.len(),
        Some(space) if head.get(..space).is_some_and(|kept| kept.chars().count() >= TITLE_CHARS / 2) => space,
        _ => head.char_indices().nth(TITLE_CHARS - 1).map_or(head.len(), |(index, _)| index),
    };
    format!("{}…", head.get(..end).unwrap_or(head).trim_end())
}

/// Zero-width, direction and tag characters, which can make a title look like another.
const fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn titles() {
        for (prompt, title) in [
            ("fix the tests", "fix the tests"),
            ("\n\n  ## Fix\tthe  **tests** \nand more", "Fix the tests"),
            ("```\ncode", "code"),
            ("- a list", "a list"),
            ("\u{202e}evil\u{1b}[31m\u{200b}", "evil[31m"),
            ("", ""),
            ("***\n", ""),
            (
                "Please go through all the modules of this project and tell me what they do",
                "Please go through all the modules of this project and tell…",
            ),
            (
                "Please go through all the modules of this project and tellus what they do",
                "Please go through all the modules of this project and tellus…",
            ),
        ] {
            assert_eq!(first_prompt_title(prompt), title);
        }
        assert_eq!(first_prompt_title(&"x".repeat(500)).chars().count(), 60);
        assert_eq!(first_prompt_title(&format!("ok {}", "é".repeat(500))).chars().count(), 60);
    }

    proptest! {
        #[test]
        fn any_prompt_makes_a_short_clean_title(prompt in "(?s).{0,200}") {
            let title = first_prompt_title(&prompt);
            prop_assert!(title.chars().count() <= TITLE_CHARS + 1);
            prop_assert!(!title.chars().any(|c| c.is_control() || is_invisible(c)));
            prop_assert_eq!(title.trim(), title.as_str());
        }
    }
}
