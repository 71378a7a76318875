//! Links on the screen: those that programs mark (OSC 8), and addresses in the text. Only `http` and `https`.

use super::frame::TerminalFrame;
use super::look::Mark;
use alacritty_terminal::term::cell::Flags;

/// A link and where it is on the screen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Link {
    /// The address.
    pub target: String,
    /// Its cells, one mark for each line.
    pub marks: Vec<Mark>,
}

const SCHEMES: [&str; 2] = ["https://", "http://"];

/// More is no address that a person clicks.
const LONGEST: usize = 2_048;

/// The link under a cell.
pub fn link_at(frame: &TerminalFrame, line: usize, column: usize) -> Option<Link> {
    marked(frame, line, column).or_else(|| written(frame, line, column))
}

/// Whether an address may be opened.
pub fn is_web(target: &str) -> bool {
    let plain = !target.chars().any(|it| it.is_control() || it.is_whitespace());
    let scheme = SCHEMES
        .iter()
        .find(|scheme| target.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)));
    plain && target.len() <= LONGEST && scheme.is_some_and(|scheme| target.len() > scheme.len())
}

/// A link that the program marked: all its cells on the screen, wherever they are.
fn marked(frame: &TerminalFrame, line: usize, column: usize) -> Option<Link> {
    let link = frame.cell(line, column)?.hyperlink()?;
    let target = link.uri().to_owned();
    if !is_web(&target) {
        return None;
    }
    let mut marks: Vec<Mark> = Vec::new();
    for line in 0..frame.lines {
        for (column, cell) in frame.row(line).iter().enumerate() {
            if cell.extra.is_none() || cell.hyperlink().as_ref() != Some(&link) {
                continue;
            }
            match marks.last_mut() {
                Some(last) if last.line == line && last.to == column => last.to += 1,
                _ => marks.push(Mark { line, from: column, to: column + 1 }),
            }
        }
    }
    Some(Link { target, marks })
}

/// An address in the text, also when it goes on in the next line.
fn written(frame: &TerminalFrame, line: usize, column: usize) -> Option<Link> {
    let (text, places) = logical_line(frame, line);
    let clicked = places.iter().position(|place| *place == (line, column))?;
    let (from, to) = addresses(&text).into_iter().find(|(from, to)| (*from..*to).contains(&clicked))?;
    let target: String = text.get(from..to)?.iter().collect();
    let mut marks: Vec<Mark> = Vec::new();
    for (line, column) in places.get(from..to)? {
        match marks.last_mut() {
            Some(last) if last.line == *line => last.to = column + 1,
            _ => marks.push(Mark { line: *line, from: *column, to: column + 1 }),
        }
    }
    is_web(&target).then_some(Link { target, marks })
}

/// The characters of a line and of those that it was wrapped from and into, each with its line and column.
fn logical_line(frame: &TerminalFrame, line: usize) -> (Vec<char>, Vec<(usize, usize)>) {
    let wraps = |line: usize| frame.row(line).last().is_some_and(|cell| cell.flags.contains(Flags::WRAPLINE));
    let mut first = line;
    while first > 0 && wraps(first - 1) {
        first -= 1;
    }
    let (mut text, mut places) = (Vec::new(), Vec::new());
    for line in first..frame.lines {
        for (column, cell) in frame.row(line).iter().enumerate() {
            if !cell.flags.intersects(Flags::WIDE_CHAR_SPACER | Flags::LEADING_WIDE_CHAR_SPACER) {
                text.push(cell.c);
                places.push((line, column));
            }
        }
        if !wraps(line) {
            break;
        }
    }
    (text, places)
}

/// Where addresses begin and end in a text.
fn addresses(text: &[char]) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let starts = |scheme: &str| {
            let part = text.get(at..at + scheme.len()).unwrap_or_default();
            part.len() == scheme.len()
                && part.iter().zip(scheme.chars()).all(|(one, other)| one.eq_ignore_ascii_case(&other))
        };
        let inside_word = at > 0 && text.get(at - 1).is_some_and(|before| before.is_alphanumeric());
        if inside_word || !SCHEMES.iter().any(|scheme| starts(scheme)) {
            at += 1;
            continue;
        }
        let length = text.iter().skip(at).take_while(|it| is_part(**it)).count();
        let end = at + without_tail(text.get(at..at + length).unwrap_or_default());
        found.push((at, end));
        at += length.max(1);
    }
    found
}

fn is_part(character: char) -> bool {
    !character.is_whitespace() && !character.is_control() && !"<>\"`{}|\\^⟨⟩「」│".contains(character)
}

/// How much of an address is left without the punctuation of the sentence around it; a bracket belongs to it when it was
/// opened inside.
fn without_tail(address: &[char]) -> usize {
    let mut end = address.len();
    while let Some(last) = end.checked_sub(1).and_then(|last| address.get(last)) {
        let opener = match last {
            ')' => '(',
            ']' => '[',
            '.' | ',' | ';' | ':' | '!' | '?' | '\'' | '*' | '_' | '…' => {
                end -= 1;
                continue;
            }
            _ => break,
        };
        let inside = address.get(..end).unwrap_or_default();
        let count = |wanted: char| inside.iter().filter(|it| **it == wanted).count();
        if count(*last) <= count(opener) {
            break;
        }
        end -= 1;
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        let text: Vec<char> = text.chars().collect();
        addresses(&text).into_iter().map(|(from, to)| text[from..to].iter().collect()).collect()
    }

    #[test]
    fn addresses_are_found_in_sentences() {
        let table: &[(&str, &[&str])] = &[
            ("see https://example.org/a.", &["https://example.org/a"]),
            ("(http://example.org/x_(y))", &["http://example.org/x_(y)"]),
            ("[a](https://example.org/a?b=c#d), more", &["https://example.org/a?b=c#d"]),
            ("'https://example.org'", &["https://example.org"]),
            ("HTTPS://EXAMPLE.ORG", &["HTTPS://EXAMPLE.ORG"]),
            (
                "http://127.0.0.1:8080/ and https://b.example",
                &["http://127.0.0.1:8080/", "https://b.example"],
            ),
            ("xhttp://example.org file:///etc/passwd javascript:alert(1)", &[]),
            ("│https://example.org/a│", &["https://example.org/a"]),
            ("https://ja.example/日本", &["https://ja.example/日本"]),
        ];
        for (text, expected) in table {
            assert_eq!(found(text), *expected, "{text}");
        }
    }

    #[test]
    fn only_the_web_is_opened() {
        assert!(is_web("https://example.org") && is_web("Http://x"));
        for other in [
            "https://",
            "file:///etc/passwd",
            "javascript:alert(1)",
            "https://a b",
            "https://a\u{1b}",
            "ssh://x",
            "",
        ] {
            assert!(!is_web(other), "{other}");
        }
    }
}
