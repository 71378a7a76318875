//! Reading a shell command just well enough to mark it: words, operators and where they stand. Not a shell:
//! what it cannot read counts as not simple, and is never allowed by a rule.

use std::ops::Range;

/// A piece of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token {
    /// A word with quotes removed.
    Word {
        /// Its text.
        text: String,
        /// Its bytes in the command, quotes included.
        range: Range<usize>,
        /// Whether it holds an expansion (`$`, a backtick, or a glob).
        expands: bool,
    },
    /// An operator such as `&&`, `|`, `>`, or a newline.
    Operator {
        /// Its characters.
        text: String,
        /// Its bytes in the command.
        range: Range<usize>,
    },
}

/// Splits a command. An unclosed quote ends with the command.
pub fn tokens(command: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut chars = command.char_indices().peekable();
    while let Some(&(start, c)) = chars.peek() {
        if c == ' ' || c == '\t' || c == '\r' {
            chars.next();
        } else if is_operator(c) {
            let mut text = String::new();
            let mut end = start;
            while let Some(&(at, next)) = chars.peek() {
                let joins = text.is_empty()
                    || (is_operator(next) && next != '\n' && !text.contains(['\n', '(', ')']));
                if !joins || !is_operator(next) {
                    break;
                }
                text.push(next);
                end = at + next.len_utf8();
                chars.next();
            }
            tokens.push(Token::Operator { text, range: start..end });
        } else {
            tokens.push(word(&mut chars, start));
        }
    }
    tokens
}

fn is_operator(c: char) -> bool {
    matches!(c, ';' | '&' | '|' | '<' | '>' | '(' | ')' | '\n')
}

fn word(chars: &mut std::iter::Peekable<std::str::CharIndices<'_>>, start: usize) -> Token {
    let (mut text, mut end, mut expands) = (String::new(), start, false);
    let mut quote = None;
    while let Some(&(at, c)) = chars.peek() {
        if quote.is_none() && (is_operator(c) || matches!(c, ' ' | '\t' | '\r')) {
            break;
        }
        chars.next();
        end = at + c.len_utf8();
        match (quote, c) {
            (None, '\'' | '"') => quote = Some(c),
            (Some(open), _) if c == open => quote = None,
            (None | Some('"'), '\\') => {
                if let Some((at, escaped)) = chars.next() {
                    end = at + escaped.len_utf8();
                    if escaped != '\n' {
                        text.push(escaped);
                    }
                }
            }
            (Some('\''), _) => text.push(c),
            _ => {
                expands |=
                    matches!(c, '$' | '`') || (quote.is_none() && matches!(c, '*' | '?' | '[' | '{' | '~'));
                text.push(c);
            }
        }
    }
    Token::Word { text, range: start..end, expands: expands || quote.is_some() }
}

/// One simple command within a command: its words, wrappers such as `sudo` left out.
#[derive(Clone, Debug, Default)]
pub struct Call {
    /// Words with their bytes; the first is the program.
    pub words: Vec<(String, Range<usize>)>,
    /// Wrappers before the program, as `sudo`.
    pub wrappers: Vec<(String, Range<usize>)>,
    /// Redirections: operator and target.
    pub redirects: Vec<(String, String, Range<usize>)>,
    /// Whether its input comes from a pipe.
    pub piped: bool,
}

impl Call {
    /// The program's base name.
    pub fn program(&self) -> &str {
        self.words.first().map_or("", |(word, _)| word.rsplit('/').next().unwrap_or(word))
    }

    /// From the program to the last word.
    pub fn range(&self) -> Range<usize> {
        let start = self.words.first().map_or(0, |(_, range)| range.start);
        start..self.words.last().map_or(start, |(_, range)| range.end)
    }

    /// Whether an option is among its words: a long one as written, a short one alone or in a bundle.
    pub fn has_option(&self, long: &str, short: char) -> bool {
        self.words.iter().skip(1).any(|(word, _)| {
            word == long
                || word.strip_prefix(long).is_some_and(|rest| rest.starts_with('='))
                || (word.starts_with('-') && !word.starts_with("--") && word.contains(short))
        })
    }
}

/// The simple commands of a command, in order.
pub fn split_calls(command: &str) -> Vec<Call> {
    let mut calls = vec![Call::default()];
    let mut redirect: Option<(String, usize)> = None;
    for token in tokens(command) {
        match token {
            Token::Operator { text, range } if text.contains(['<', '>']) => {
                redirect = Some((text, range.start))
            }
            Token::Operator { text, .. } => {
                redirect = None;
                calls.push(Call { piped: text == "|" || text == "|&", ..Call::default() });
            }
            Token::Word { text, range, .. } => {
                let Some(call) = calls.last_mut() else { continue };
                match redirect.take() {
                    Some((operator, start)) => call.redirects.push((operator, text, start..range.end)),
                    None if call.words.is_empty() && is_wrapper(&text) => call.wrappers.push((text, range)),
                    None if call.words.is_empty() && !call.wrappers.is_empty() && text.starts_with('-') => {}
                    None if call.words.is_empty() && is_assignment(&text) => {}
                    None => call.words.push((text, range)),
                }
            }
        }
    }
    calls.retain(|call| !call.words.is_empty() || !call.redirects.is_empty() || !call.wrappers.is_empty());
    calls
}

fn is_wrapper(word: &str) -> bool {
    let name = word.rsplit('/').next().unwrap_or(word);
    matches!(
        name,
        "sudo"
            | "doas"
            | "env"
            | "nohup"
            | "time"
            | "command"
            | "exec"
            | "xargs"
            | "nice"
            | "ionice"
            | "setsid"
            | "builtin"
    )
}

fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty() && name.chars().all(|c| c == '_' || c.is_ascii_alphanumeric())
    })
}

/// Whether `command` is one plain call that begins with the words of `prefix`: no chain, pipe, redirection,
/// substitution, wrapper or assignment. Only such a command may be allowed by a prefix.
pub fn is_simple_call_of(command: &str, prefix: &str) -> bool {
    let wanted: Vec<&str> = prefix.split_whitespace().collect();
    let mut words = Vec::new();
    for token in tokens(command) {
        match token {
            Token::Operator { .. } => return false,
            Token::Word { text, .. } if text.contains(['$', '`']) => return false,
            Token::Word { text, .. } => words.push(text),
        }
    }
    !wanted.is_empty()
        && words.len() >= wanted.len()
        && words.iter().zip(&wanted).all(|(word, want)| word == want)
}

/// Whether any call within `command` begins with the words of `prefix`, wrappers aside. For denying.
pub fn calls(command: &str, prefix: &str) -> bool {
    let wanted: Vec<&str> = prefix.split_whitespace().collect();
    split_calls(command).iter().any(|call| {
        call.words.len() >= wanted.len()
            && call.words.iter().zip(&wanted).all(|((word, _), want)| word == want)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn words_quotes_and_operators() {
        let found: Vec<String> = tokens("a 'b c' \"d\\\"e\"&&f>g")
            .into_iter()
            .map(|token| match token {
                Token::Word { text, .. } => text,
                Token::Operator { text, .. } => format!("<{text}>"),
            })
            .collect();
        assert_eq!(found, ["a", "b c", "d\"e", "<&&>", "f", "<>>", "g"]);
    }

    #[test]
    fn wrappers_and_assignments_do_not_hide_the_program() {
        let calls = split_calls("A=1 sudo -n /bin/rm -rf x | xargs rm");
        let programs: Vec<_> = calls.iter().map(|call| (call.program(), call.piped)).collect();
        assert_eq!(programs, [("rm", false), ("rm", true)]);
    }

    proptest! {
        #[test]
        fn ranges_are_always_slices_of_the_command(command in ".{0,200}") {
            for token in tokens(&command) {
                let (Token::Word { range, .. } | Token::Operator { range, .. }) = token;
                prop_assert!(command.get(range).is_some());
            }
            for call in split_calls(&command) {
                prop_assert!(command.get(call.range()).is_some());
            }
        }
    }
}
