//! The strict reading: a command that is nothing but plain calls, all of it understood.
//!
//! Whatever is not on the short list of what is understood makes the whole command not plain: substitutions, variables,
//! redirections, groups, comments, assignments, keywords with operators of their own, the background, and any second
//! line. A test runs generated commands by the real bash and compares.

/// A word of a plain call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlainWord {
    /// Its text, quotes removed.
    pub text: String,
    /// Whether the shell may make other words of it: a glob, a brace, a tilde that is more than the home directory.
    pub expands: bool,
}

/// The calls of a command that is one line of calls joined by `;`, `&&`, `||` or `|`, and nothing more. `None` when any
/// part of it was not understood, or if zsh or fish would read it in another way.
pub fn plain(command: &str) -> Option<Vec<Vec<PlainWord>>> {
    let mut chars = command.chars().peekable();
    let mut calls = Vec::new();
    let mut call: Vec<PlainWord> = Vec::new();
    while let Some(&c) = chars.peek() {
        match c {
            ' ' | '\t' => {
                chars.next();
            }
            ';' | '&' | '|' => {
                let mut operator = String::new();
                while let Some(more) = chars.next_if(|c| matches!(c, ';' | '&' | '|')) {
                    operator.push(more);
                }
                if call.is_empty() || !matches!(operator.as_str(), ";" | "&&" | "||" | "|") {
                    return None;
                }
                calls.push(std::mem::take(&mut call));
            }
            _ => {
                let word = word(&mut chars)?;
                if call.is_empty() && (word.expands || word.text.is_empty()) {
                    return None;
                }
                call.push(word);
            }
        }
    }
    if call.is_empty() {
        return None;
    }
    calls.push(call);
    calls.iter().all(|call| begins_plainly(call)).then_some(calls)
}

/// Whether a call's first word is a program and no word of the shell's grammar, nor an assignment.
fn begins_plainly(call: &[PlainWord]) -> bool {
    call.first().is_some_and(|first| !super::is_grammar(&first.text) && !first.text.contains('='))
}

type Chars<'a> = std::iter::Peekable<std::str::Chars<'a>>;

fn word(chars: &mut Chars<'_>) -> Option<PlainWord> {
    let mut word = PlainWord { text: String::new(), expands: false };
    // Nothing of it was read yet, not even an empty quote.
    let mut begins = true;
    let mut home = false;
    let mut before = ' ';
    while let Some(&c) = chars.peek() {
        if matches!(c, ' ' | '\t' | ';' | '&' | '|') {
            break;
        }
        chars.next();
        // Only `~` and `~/` are the home directory for certain.
        word.expands |= home && word.text == "~" && c != '/';
        match c {
            '\'' => single_quoted(chars, &mut word.text)?,
            '"' => double_quoted(chars, &mut word.text)?,
            // fish reads `\x41`.
            '\\' => word.text.push(chars.next().filter(|c| is_mark(*c) && !matches!(c, '$' | '`'))?),
            '~' if begins => {
                home = true;
                word.text.push(c);
            }
            // bash takes an argument such as `x=~` for an assignment's.
            '~' if matches!(before, '=' | ':') => {
                word.expands = true;
                word.text.push(c);
            }
            // A comment; what zsh takes for a path (`=ls`), and for all names but one (`^x`).
            '#' | '=' | '^' if begins => return None,
            '*' | '?' | '[' | ']' | '{' | '}' => {
                word.expands = true;
                word.text.push(c);
            }
            '_' | '-' | '.' | '/' | ',' | ':' | '=' | '@' | '%' | '+' | '~' | '#' | '^' => word.text.push(c),
            c if c.is_alphanumeric() => word.text.push(c),
            _ => return None,
        }
        begins = false;
        before = c;
    }
    Some(word)
}

fn single_quoted(chars: &mut Chars<'_>, text: &mut String) -> Option<()> {
    loop {
        match chars.next()? {
            '\'' => return Some(()),
            // fish goes on behind `\'`.
            '\\' if matches!(chars.peek(), Some('\'' | '\\')) => return None,
            c => text.push(quotable(c)?),
        }
    }
}

fn double_quoted(chars: &mut Chars<'_>, text: &mut String) -> Option<()> {
    loop {
        match chars.next()? {
            '"' => return Some(()),
            '$' | '`' => return None,
            '\\' => match chars.next()? {
                c @ ('"' | '\\') => text.push(c),
                '$' | '`' => return None,
                c => text.extend(['\\', quotable(c)?]),
            },
            c => text.push(quotable(c)?),
        }
    }
}

fn is_mark(c: char) -> bool {
    c == ' ' || c.is_ascii_punctuation()
}

/// A character that means itself within quotes: all but a line's end and the like.
fn quotable(c: char) -> Option<char> {
    (!c.is_control() || c == '\t').then_some(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(command: &str) -> Option<Vec<Vec<String>>> {
        let text = |word: PlainWord| word.text;
        Some(plain(command)?.into_iter().map(|call| call.into_iter().map(text).collect()).collect())
    }

    #[test]
    fn plain_calls_are_read_as_a_shell_reads_them() {
        let check = |command: &str, calls: &[&[&str]]| {
            let calls: Vec<Vec<String>> =
                calls.iter().map(|call| call.iter().map(|&word| word.to_owned()).collect()).collect();
            assert_eq!(words(command), Some(calls), "{command}");
        };
        check("cargo test -- --nocapture", &[&["cargo", "test", "--", "--nocapture"]]);
        check(" ls\t-la|head -5 ", &[&["ls", "-la"], &["head", "-5"]]);
        check(
            "git diff --stat HEAD~1 && git log -3; pwd || true",
            &[&["git", "diff", "--stat", "HEAD~1"], &["git", "log", "-3"], &["pwd"], &["true"]],
        );
        check("rg 'fn \\w+' \"a \\\"b\\\" \\n\" src\\ x", &[&["rg", "fn \\w+", "a \"b\" \\n", "src x"]]);
        check("git log a'#'b#c ~/x 'it''s'", &[&["git", "log", "a#b#c", "~/x", "its"]]);
        check("echo '' \"#\" 'a;b' é", &[&["echo", "", "#", "a;b", "é"]]);
    }

    #[test]
    fn what_a_shell_might_read_otherwise_is_not_plain() {
        for command in [
            "",
            " ",
            ";",
            "ls;",
            "ls &&",
            "| ls",
            "ls ; ; ls",
            "ls ;; ls",
            "ls & pwd",
            "ls |& cat",
            "ls &| cat",
            "ls\npwd",
            "ls '\n'",
            "ls \"\n\"",
            "ls \\\n",
            "ls\r",
            "ls\u{a0}x",
            "ls\u{2003}x",
            "ls \0",
            "ls # x",
            "#ls",
            "ls ;#",
            "ls '' #",
            "ls $x",
            "ls \"$x\"",
            "ls `x`",
            "ls \"`x`\"",
            "ls $'x'",
            "ls \\$x",
            "ls > x",
            "ls 2>&1",
            "ls < x",
            "cat <<x",
            "ls <(x)",
            "(ls)",
            "ls (x)",
            "{ ls; }",
            "! ls",
            "ls !x",
            "A=1 ls",
            "A+=1 ls",
            "a[0]=1 ls",
            "=ls",
            "ls =cat",
            "if ls",
            "[[ x ]]",
            "function ls",
            "ls 'x",
            "ls \"x",
            "ls \\",
            "'' ls",
            "l* x",
            "ls \u{1b}[m",
            "ls '\u{1b}'",
            "coproc ls",
            "select ls",
            "ls ^a",
            "ls \\x41",
            "ls 'a\\' b",
            "ls 'a\\\\'",
        ] {
            assert_eq!(words(command), None, "{command:?}");
        }
    }

    #[test]
    fn what_makes_other_words_is_said() {
        let expands = |command: &str| plain(command).unwrap().concat().iter().any(|word| word.expands);
        for command in [
            "ls *", "ls a?", "ls [a]", "ls {a,b}", "ls ~x", "ls ~+", "ls ~''", "ls ~'x'", "ls x=~",
            "ls a:~/x",
        ] {
            assert!(expands(command), "{command}");
        }
        for command in ["ls ~", "ls ~/x", "git log HEAD^ HEAD~2", "ls '*' \"?\" \\[", "ls '~x'", "ls x~"] {
            assert!(!expands(command), "{command}");
        }
    }
}
