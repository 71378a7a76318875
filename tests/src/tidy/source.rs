//! Rust text made safe to search for words.

use std::iter::Peekable;
use std::str::Chars;

/// Which literals [`code_only`] leaves in place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Literals {
    /// Their text stays.
    Keep,
    /// Their text becomes spaces.
    Blank,
}

/// The text with comments, and if wanted the insides of string and character literals, turned into spaces;
/// line breaks stay where they are.
pub fn code_only(text: &str, literals: Literals) -> String {
    let mut lexer = Lexer { rest: text.chars().peekable(), out: String::with_capacity(text.len()), literals };
    let mut previous = ' ';
    while let Some(character) = lexer.rest.next() {
        let next = lexer.rest.peek().copied();
        match (character, next) {
            ('/', Some('/')) => lexer.line_comment(),
            ('/', Some('*')) => lexer.block_comment(),
            ('"', _) => lexer.string(),
            ('r', Some('"' | '#')) if !is_word(previous) || previous == 'b' => lexer.raw_string(),
            ('\'', _) => lexer.quote(),
            _ => lexer.out.push(character),
        }
        previous = character;
    }
    lexer.out
}

struct Lexer<'a> {
    rest: Peekable<Chars<'a>>,
    out: String,
    literals: Literals,
}

impl Lexer<'_> {
    fn blank(&mut self, character: char) {
        self.out.push(if character == '\n' { '\n' } else { ' ' });
    }

    fn inside(&mut self, character: char) {
        match self.literals {
            Literals::Keep => self.out.push(character),
            Literals::Blank => self.blank(character),
        }
    }

    fn line_comment(&mut self) {
        self.blank('/');
        while let Some(character) = self.rest.next_if(|character| *character != '\n') {
            self.blank(character);
        }
    }

    fn block_comment(&mut self) {
        self.blank('/');
        let mut depth = 0_usize;
        while let Some(character) = self.rest.next() {
            self.blank(character);
            match (character, self.rest.peek()) {
                ('*', Some('/')) => {
                    self.rest.next();
                    self.blank('/');
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        return;
                    }
                }
                // The opening star itself is the first that is seen.
                ('*', _) if depth == 0 => depth = 1,
                ('/', Some('*')) => {
                    self.rest.next();
                    self.blank('*');
                    depth += 1;
                }
                _ => {}
            }
        }
    }

    fn string(&mut self) {
        self.out.push('"');
        while let Some(character) = self.rest.next() {
            match character {
                '"' => return self.out.push('"'),
                '\\' => {
                    self.inside(character);
                    if let Some(escaped) = self.rest.next() {
                        self.inside(escaped);
                    }
                }
                _ => self.inside(character),
            }
        }
    }

    /// After an `r`: a raw string, or a raw identifier, or just a name that ends in r.
    fn raw_string(&mut self) {
        self.out.push('r');
        let mut hashes = 0;
        while self.rest.next_if_eq(&'#').is_some() {
            self.out.push('#');
            hashes += 1;
        }
        if self.rest.next_if_eq(&'"').is_none() {
            return;
        }
        self.out.push('"');
        while let Some(character) = self.rest.next() {
            let mut closing = 0;
            while character == '"' && closing < hashes && self.rest.next_if_eq(&'#').is_some() {
                closing += 1;
            }
            if character == '"' && closing == hashes {
                self.out.push('"');
                self.out.extend(std::iter::repeat_n('#', hashes));
                return;
            }
            self.inside(character);
            for _ in 0..closing {
                self.inside('#');
            }
        }
    }

    /// A character literal or a lifetime.
    fn quote(&mut self) {
        self.out.push('\'');
        let Some(first) = self.rest.next() else { return };
        if first == '\\' {
            self.inside(first);
            while let Some(character) = self.rest.next_if(|character| *character != '\'') {
                self.inside(character);
            }
            if self.rest.next_if_eq(&'\'').is_some() {
                self.out.push('\'');
                // It was the escaped quote: the closing one follows.
                if self.rest.next_if_eq(&'\'').is_some() {
                    self.out.push('\'');
                }
            }
        } else if self.rest.next_if_eq(&'\'').is_some() {
            self.inside(first);
            self.out.push('\'');
        } else {
            self.out.push(first);
        }
    }
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// The code with its `#[cfg(test)]` items cut out, and those items apart. Takes the output of [`code_only`].
pub fn split_tests(code: &str) -> (String, String) {
    const MARK: &str = "#[cfg(test)]";
    let (mut product, mut tests) = (String::new(), String::new());
    let mut rest = code;
    while let Some((before, after)) = rest.split_once(MARK) {
        product.push_str(before);
        let end = item_end(after);
        let (item, following) = after.split_at_checked(end).unwrap_or((after, ""));
        tests.push_str(item);
        tests.push('\n');
        rest = following;
    }
    product.push_str(rest);
    (product, tests)
}

/// Where the item at the start of `code` ends: at its `;`, or at the brace that closes its first one.
fn item_end(code: &str) -> usize {
    let mut depth = 0_usize;
    for (index, character) in code.char_indices() {
        match character {
            ';' if depth == 0 => return index + 1,
            '{' => depth += 1,
            '}' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return index + 1;
                }
            }
            _ => {}
        }
    }
    code.len()
}

/// Every path that the `use` items of `code` name, groups spelled out: `use std::{fs, io::Read};` gives
/// `std::fs` and `std::io::Read`.
pub fn used_paths(code: &str) -> Vec<String> {
    let mut paths = Vec::new();
    let mut rest = code;
    while let Some(start) = rest.find("use ") {
        let starts_word = rest.get(..start).is_none_or(|before| !before.ends_with(is_word));
        rest = rest.get(start + 4..).unwrap_or_default();
        if let Some((tree, _)) = rest.split_once(';').filter(|_| starts_word) {
            let tree: String = tree.split_whitespace().collect::<Vec<_>>().join(" ");
            spell_out("", &tree, &mut paths);
        }
    }
    paths
}

fn spell_out(prefix: &str, tree: &str, paths: &mut Vec<String>) {
    let tree = tree.trim();
    let Some((head, group)) = tree.split_once('{') else {
        let path = tree.split(" as ").next().unwrap_or(tree).trim();
        if !path.is_empty() {
            paths.push(format!("{prefix}{path}"));
        }
        return;
    };
    let prefix = format!("{prefix}{}", head.trim());
    let inner = group.rsplit_once('}').map_or(group, |(inner, _)| inner);
    let (mut depth, mut start) = (0_i32, 0);
    for (index, character) in inner.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                spell_out(&prefix, inner.get(start..index).unwrap_or_default(), paths);
                start = index + 1;
            }
            _ => {}
        }
    }
    spell_out(&prefix, inner.get(start..).unwrap_or_default(), paths);
}

/// Whether `code` contains `token` with no word character before it, nor after it if it ends in one.
pub fn has_token(code: &str, token: &str) -> bool {
    code.match_indices(token).any(|(index, _)| {
        let before = code.get(..index).and_then(|text| text.chars().next_back());
        let after = code.get(index + token.len()..).and_then(|text| text.chars().next());
        let open_start = token.starts_with(is_word) && before.is_some_and(is_word);
        let open_end = token.ends_with(is_word) && after.is_some_and(is_word);
        !open_start && !open_end
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blanked(text: &str) -> String {
        code_only(text, Literals::Blank).split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn comments_and_literals_are_blanked() {
        assert_eq!(blanked("a // std::fs\nb"), "a b");
        assert_eq!(blanked("a /* x /* y */ z */ b"), "a b");
        assert_eq!(blanked("a /**/ b"), "a b");
        assert_eq!(blanked(r#"f("todo!", 'x')"#), r#"f(" ", ' ')"#);
        assert_eq!(blanked(r##"f(r#"a"b"#, br"c")"##), r##"f(r#" "#, br" ")"##);
        assert_eq!(blanked(r#"f("\"", '\'', '"', '\\', '\u{41}'); g"#).chars().last(), Some('g'));
        assert_eq!(blanked("fn f<'a>(x: &'a str) {}"), "fn f<'a>(x: &'a str) {}");
        assert_eq!(blanked("for x in r#type {}"), "for x in r#type {}");
    }

    #[test]
    fn literals_can_stay() {
        assert_eq!(code_only("\"a.sock\" // b.sock", Literals::Keep).trim_end(), "\"a.sock\"");
    }

    #[test]
    fn lines_stay_in_place() {
        let text = "a\n/* b\nc */ \"d\ne\"\nf";
        assert_eq!(code_only(text, Literals::Blank).lines().count(), text.lines().count());
    }

    #[test]
    fn test_items_are_cut_out() {
        let (product, tests) =
            split_tests("a; #[cfg(test)] mod tests { fn f() { b } } c; #[cfg(test)] use d; e");
        assert_eq!(product.split_whitespace().collect::<Vec<_>>(), ["a;", "c;", "e"]);
        assert!(has_token(&tests, "b") && has_token(&tests, "d") && !has_token(&tests, "e"));
    }

    #[test]
    fn use_trees_are_spelled_out() {
        let paths = used_paths("use std::{fs, io::{self, Read as R}};\npub use crate::ui;\nreuse x;");
        assert_eq!(paths, ["std::fs", "std::io::self", "std::io::Read", "crate::ui"]);
    }

    #[test]
    fn tokens_end_at_words() {
        assert!(has_token("tokio::spawn", "tokio"));
        assert!(!has_token("my_tokio", "tokio"));
        assert!(!has_token("tokio_util", "tokio"));
        assert!(has_token("x.lock()", ".lock("));
    }
}
