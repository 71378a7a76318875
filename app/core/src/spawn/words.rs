//! The words of a command by the shell's rules of quoting, and whether a shell would do more with them.

/// A piece of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// A word, quotes removed.
    Word(Word),
    /// `&&`; every other operator makes the command one for a shell.
    And,
}

/// A word.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Word {
    /// Its text.
    pub(super) text: String,
    /// The bytes at its beginning that stood outside of quotes: only there an assignment's name or a `~` is one.
    pub(super) bare: usize,
}

/// Splits a command. The error says what a shell would do with it that this does not.
pub(super) fn pieces(command: &str) -> Result<Vec<Piece>, &'static str> {
    let mut pieces = Vec::new();
    let mut word: Option<Word> = None;
    let mut chars = command.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            ' ' | '\t' => pieces.extend(word.take().map(Piece::Word)),
            '&' if chars.peek() == Some(&'&') => {
                chars.next();
                pieces.extend(word.take().map(Piece::Word));
                pieces.push(Piece::And);
            }
            ';' | '&' => return Err("runs several commands"),
            '|' => return Err("has a pipe"),
            '<' | '>' => return Err("has a redirection"),
            '(' | ')' | '\n' | '\r' => return Err("runs several commands"),
            '$' | '`' => return Err("has an expansion"),
            '*' | '?' | '[' | '{' => return Err("has a pattern"),
            '#' if word.is_none() => return Err("has a comment"),
            '!' if word.is_none() && chars.peek().is_none_or(|next| next.is_whitespace()) => {
                return Err("has a shell word");
            }
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next() {
                        Some('\'') => break,
                        Some(c) => word.text.push(c),
                        None => return Err("has a quote that does not end"),
                    }
                }
            }
            '"' => double_quoted(&mut chars, word.get_or_insert_default())?,
            '\\' => match chars.next() {
                Some('\n') => {}
                Some(c) => word.get_or_insert_default().text.push(c),
                None => return Err("ends in a backslash"),
            },
            c => {
                let word = word.get_or_insert_default();
                if word.bare == word.text.len() {
                    word.bare += c.len_utf8();
                }
                word.text.push(c);
            }
        }
    }
    pieces.extend(word.map(Piece::Word));
    Ok(pieces)
}

fn double_quoted(
    chars: &mut std::iter::Peekable<std::str::Chars<'_>>,
    word: &mut Word,
) -> Result<(), &'static str> {
    loop {
        match chars.next() {
            Some('"') => return Ok(()),
            Some('$' | '`') => return Err("has an expansion"),
            Some('\\') => match chars.next() {
                Some('\n') => {}
                Some(c @ ('"' | '\\' | '$' | '`')) => word.text.push(c),
                Some(c) => word.text.extend(['\\', c]),
                None => return Err("has a quote that does not end"),
            },
            Some(c) => word.text.push(c),
            None => return Err("has a quote that does not end"),
        }
    }
}

impl Word {
    /// Whether a shell would put a home directory in its place.
    pub(super) fn has_tilde(&self) -> bool {
        let bare = self.text.get(..self.bare).unwrap_or_default();
        bare.starts_with('~') || bare.contains("=~") || bare.contains(":~")
    }

    /// Name and value, when it is an assignment.
    pub(super) fn assignment(&self) -> Option<(&str, &str)> {
        let (name, value) = self.text.split_once('=')?;
        let named = name.len() < self.bare
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        named.then_some((name, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(command: &str) -> Vec<String> {
        let text = |piece: Piece| match piece {
            Piece::Word(word) => word.text,
            Piece::And => "&&".to_owned(),
        };
        pieces(command).unwrap_or_else(|why| panic!("{command}: {why}")).into_iter().map(text).collect()
    }

    #[test]
    fn quotes_are_read_as_a_shell_reads_them() {
        let check = |command: &str, words: &[&str]| assert_eq!(texts(command), words, "{command}");
        check("a  b\tc", &["a", "b", "c"]);
        check(r#"'a b' "c d" e\ f"#, &["a b", "c d", "e f"]);
        check(r#"'$HOME' "\$x" \`"#, &["$HOME", "$x", "`"]);
        check(r#""a\nb" 'it'"'"'s'"#, &["a\\nb", "it's"]);
        check("'' \"\"", &["", ""]);
        check("'a\nb' a\\\nb", &["a\nb", "ab"]);
        check("a&&b && c", &["a", "&&", "b", "&&", "c"]);
        check("x#y x! ü=ä", &["x#y", "x!", "ü=ä"]);
    }

    #[test]
    fn what_only_a_shell_can_do_is_named() {
        for command in [
            "a;b",
            "a|b",
            "a||b",
            "a&",
            "a<b",
            "a>b",
            "(a)",
            "a\nb",
            "echo $x",
            "echo `x`",
            "echo \"$x\"",
            "echo \"`x`\"",
            "ls *.c",
            "ls a?",
            "ls [ab]",
            "echo {a,b}",
            "# a",
            "! a",
            "'a",
            "\"a",
            "a\\",
        ] {
            assert!(pieces(command).is_err(), "{command}");
        }
    }
}
