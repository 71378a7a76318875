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
        self.words.first().map_or("", |(word, _)| base_name(word))
    }

    /// The commands that a shell is told to run, as in `bash -c '...'`.
    pub fn script(&self) -> Option<&str> {
        if !matches!(self.program(), "sh" | "bash" | "zsh" | "dash" | "ksh") {
            return None;
        }
        let is_c = |word: &str| word.starts_with('-') && !word.starts_with("--") && word.contains('c');
        let at = self.words.iter().position(|(word, _)| is_c(word))?;
        self.words.get(at + 1).map(|(script, _)| script.as_str())
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

/// Bytes of a command that are read. Nobody reads a longer one either; it is never called simple.
pub const READ_MAX: usize = 64 * 1024;

/// The simple commands of a command, in order, as far as it is read.
pub fn split_calls(command: &str) -> Vec<Call> {
    let mut calls = vec![Call::default()];
    let mut redirect: Option<(String, usize)> = None;
    // Words that belong to a wrapper and not to the program behind it.
    let mut skip = 0;
    let read = command.get(..command.floor_char_boundary(READ_MAX)).unwrap_or_default();
    for token in tokens(read) {
        match token {
            Token::Operator { text, range } if text.contains(['<', '>']) => {
                redirect = Some((text, range.start))
            }
            Token::Operator { text, .. } => {
                (redirect, skip) = (None, 0);
                calls.push(Call { piped: text == "|" || text == "|&", ..Call::default() });
            }
            Token::Word { text, range, .. } => {
                let Some(call) = calls.last_mut() else { continue };
                match redirect.take() {
                    Some((operator, start)) => call.redirects.push((operator, text, start..range.end)),
                    None if !call.words.is_empty() => call.words.push((text, range)),
                    None if skip > 0 => skip -= 1,
                    None if is_wrapper(&text) => {
                        call.wrappers.push((text, range));
                    }
                    None if call.wrappers.is_empty() && is_keyword(&text) => {}
                    None if is_assignment(&text) => {}
                    None => match call.wrappers.last() {
                        Some((wrapper, _)) if text.starts_with('-') => {
                            skip += usize::from(option_takes_word(base_name(wrapper), &text));
                        }
                        Some((wrapper, _)) if base_name(wrapper) == "timeout" && is_duration(&text) => {}
                        _ => call.words.push((text, range)),
                    },
                }
            }
        }
    }
    calls.retain(|call| !call.words.is_empty() || !call.redirects.is_empty() || !call.wrappers.is_empty());
    calls
}

fn base_name(word: &str) -> &str {
    word.rsplit('/').next().unwrap_or(word)
}

fn is_wrapper(word: &str) -> bool {
    const WRAPPERS: &[&str] = &[
        "sudo", "doas", "env", "nohup", "time", "command", "exec", "xargs", "nice", "ionice", "setsid",
        "builtin", "timeout", "stdbuf",
    ];
    WRAPPERS.contains(&base_name(word))
}

/// Words of the shell's grammar that stand before a program.
fn is_keyword(word: &str) -> bool {
    matches!(word, "if" | "then" | "elif" | "else" | "while" | "until" | "do" | "!" | "{" | "}" | "coproc")
}

/// Whether the word after this option of a wrapper is the option's own.
fn option_takes_word(wrapper: &str, option: &str) -> bool {
    let letters = match wrapper {
        "sudo" | "doas" => "CDghpRrTtUu",
        "xargs" => "adEILnPs",
        "env" => "uC",
        "nice" => "n",
        "ionice" => "cnp",
        "timeout" => "ks",
        "stdbuf" => "ioe",
        _ => "",
    };
    let mut chars = option.chars().skip(1);
    matches!((chars.next(), chars.next()), (Some(letter), None) if letters.contains(letter))
}

fn is_duration(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_digit())
        && !word.contains(|c: char| c.is_ascii_uppercase() || c == '/')
}

fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty() && name.chars().all(|c| c == '_' || c.is_ascii_alphanumeric())
    })
}

/// Whether `command` is one plain call that begins with the words of `prefix`: no chain, pipe, redirection,
/// substitution, wrapper or assignment. Only such a command may be allowed by a prefix.
pub fn is_simple_call_of(command: &str, prefix: &str) -> bool {
    if command.len() > READ_MAX {
        return false;
    }
    let wanted = prefix_words(prefix);
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

/// The words of a rule's prefix, quotes removed. A prefix that is more than words, as `a; b`, fits nothing.
fn prefix_words(prefix: &str) -> Vec<String> {
    let word = |token| match token {
        Token::Word { text, .. } => Some(text),
        Token::Operator { .. } => None,
    };
    tokens(prefix).into_iter().map(word).collect::<Option<_>>().unwrap_or_default()
}

/// Whether any call within `command` begins with the words of `prefix`: wrappers, the program's directory and an
/// inner shell aside. For denying; what hides better than that is asked about.
pub fn calls(command: &str, prefix: &str) -> bool {
    let wanted = prefix_words(prefix);
    let wanted: Vec<&str> = wanted.iter().map(String::as_str).collect();
    !wanted.is_empty() && calls_within(command, &wanted, 3)
}

fn calls_within(command: &str, wanted: &[&str], depth: usize) -> bool {
    let begins = |call: &Call| {
        let words = call.words.iter().map(|(word, _)| word.as_str());
        let same = |(at, (word, want)): (usize, (&str, &&str))| {
            word == *want || (at == 0 && !want.contains('/') && base_name(word) == *want)
        };
        call.words.len() >= wanted.len() && words.zip(wanted).enumerate().all(same)
    };
    let within = |script: &str| depth > 0 && calls_within(script, wanted, depth - 1);
    split_calls(command).iter().any(|call| begins(call) || call.script().is_some_and(within))
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

    #[test]
    fn what_stands_before_a_program_does_not_hide_it() {
        let check = |command: &str, program: &str| {
            let calls = split_calls(command);
            assert!(calls.iter().any(|call| call.program() == program), "{command}: {calls:?}");
        };
        check("if true; then rm -rf x; fi", "rm");
        check("for f in a b; do rm $f; done", "rm");
        check("{ rm -rf x; }", "rm");
        check("sudo -u root rm -rf x", "rm");
        check("xargs -n 1 -I {} rm -rf {}", "rm");
        check("timeout -s KILL 5s rm -rf x", "rm");
        check("nice -n 10 env -u A B=1 /bin/rm x", "rm");
    }

    #[test]
    fn a_denied_program_is_found_behind_a_path_a_wrapper_and_a_shell() {
        for command in [
            "git push",
            "/usr/bin/git push -f",
            "cd x && sudo -n git push",
            "bash -lc 'cd x; git push origin'",
            "if true; then sh -c \"bash -c 'git push'\"; fi",
        ] {
            assert!(calls(command, "git push"), "{command}");
        }
        assert!(!calls("git pull && echo git push", "git push"));
        assert!(!calls("/opt/git push", "/usr/bin/git push"));
    }

    #[test]
    fn a_prefix_is_read_as_words() {
        assert!(is_simple_call_of("git status -s", "git  status"));
        assert!(is_simple_call_of("git commit -m 'a b' -q", "git commit -m \"a b\""));
        assert!(!is_simple_call_of("git commit -m 'a c'", "git commit -m 'a b'"));
        for command in [
            "git status; rm -rf /",
            "git status\nrm -rf /",
            "git status && rm -rf /",
            "git status | sh",
            "git status & rm x",
            "git status $(rm x)",
            "git status `rm x`",
            "git status > x",
            "git status <(rm x)",
            "git statusx",
            "'git status'",
            "A=1 git status",
            "sudo git status",
        ] {
            assert!(!is_simple_call_of(command, "git status"), "{command}");
        }
        for prefix in ["", " ", "a; b", "git|", "\n"] {
            assert!(!is_simple_call_of("a; b", prefix) && !calls("a; b", prefix), "{prefix:?}");
        }
    }

    #[test]
    fn a_command_that_nobody_reads_is_not_simple() {
        let long = format!("cargo test {}", "x ".repeat(READ_MAX));
        assert!(is_simple_call_of("cargo test x", "cargo test") && !is_simple_call_of(&long, "cargo test"));
        assert!(calls(&format!("git push {long}"), "git push"));
        assert_eq!(split_calls(&"ä;".repeat(8_000_000)).len(), READ_MAX / 3);
    }

    proptest! {
        #[test]
        fn what_is_called_simple_is_one_call_of_those_words(command in "[a-c $`'\"\\\\;&|<>()\n=*~#{}-]{0,24}") {
            if is_simple_call_of(&command, "a b") {
                let calls = split_calls(&command);
                prop_assert_eq!(calls.len(), 1);
                prop_assert!(calls[0].redirects.is_empty() && calls[0].wrappers.is_empty());
                prop_assert!(!command.contains('\n') || command.contains(['\'', '"', '\\']));
            }
        }

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
