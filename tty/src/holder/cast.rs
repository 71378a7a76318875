//! The recording's text: asciinema v2, one JSON array a line. Input is never in it.

use crate::size::Size;
use serde_json::json;
use std::fmt::Write as _;
use std::time::Duration;

/// The first line: what asciinema needs, and of the environment only what a player may use.
pub fn header(size: Size, started_unix_s: u64, title: &str, shell: Option<&str>) -> String {
    let mut env = serde_json::Map::new();
    env.insert("TERM".to_owned(), crate::start::TERM.into());
    if let Some(shell) = shell {
        env.insert("SHELL".to_owned(), shell.into());
    }
    let line = json!({
        "version": 2, "width": size.cols, "height": size.rows, "timestamp": started_unix_s, "title": title, "env": env,
    });
    format!("{line}\n")
}

/// Makes lines out of output that comes in pieces: a character that is cut in two waits for its rest.
#[derive(Debug, Default)]
pub struct Writer {
    /// The beginning of a character, at most three bytes.
    cut: Vec<u8>,
}

impl Writer {
    /// Adds an event of output to `line`; what is not UTF-8 becomes U+FFFD, as it does on screen.
    pub fn output(&mut self, line: &mut Vec<u8>, at: Duration, bytes: &[u8]) {
        let joined;
        let mut bytes = if self.cut.is_empty() {
            bytes
        } else {
            joined = [self.cut.as_slice(), bytes].concat();
            joined.as_slice()
        };
        let (whole, cut) = bytes.split_at(bytes.len() - cut_len(bytes));
        self.cut = cut.to_vec();
        bytes = whole;
        if bytes.is_empty() {
            return;
        }
        begin(line, at, 'o');
        for chunk in bytes.utf8_chunks() {
            escape(line, chunk.valid());
            if !chunk.invalid().is_empty() {
                line.extend_from_slice("\u{fffd}".as_bytes());
            }
        }
        line.extend_from_slice(b"\"]\n");
    }

    /// Adds an event of another kind: `r` with a size, `m` with a mark.
    pub fn event(line: &mut Vec<u8>, at: Duration, kind: char, text: &str) {
        begin(line, at, kind);
        escape(line, text);
        line.extend_from_slice(b"\"]\n");
    }

    /// Forgets half a character: its rest will not come.
    pub fn reset(&mut self) {
        self.cut.clear();
    }

    /// The bytes of a character that wait for their rest.
    pub fn waiting(&self) -> usize {
        self.cut.len()
    }
}

/// How many bytes at the end begin a character that is not whole. What could never become one waits too, and is then
/// judged with what follows.
fn cut_len(bytes: &[u8]) -> usize {
    let needed = |byte: u8| match byte {
        0xC2..=0xDF => 2,
        0xE0..=0xEF => 3,
        0xF0..=0xF4 => 4,
        _ => 0,
    };
    let mut last = bytes.iter().rev().take(3).zip(1..);
    last.find(|(byte, _)| **byte >= 0xC0)
        .filter(|(byte, count)| needed(**byte) > *count)
        .map_or(0, |(_, count)| count)
}

fn begin(line: &mut Vec<u8>, at: Duration, kind: char) {
    let mut head = String::with_capacity(24);
    // Writing into a String does not fail.
    let _ok = write!(head, "[{}.{:06}, \"{kind}\", \"", at.as_secs(), at.subsec_micros());
    line.extend_from_slice(head.as_bytes());
}

/// Appends `text` as the inside of a JSON string.
fn escape(line: &mut Vec<u8>, text: &str) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let bytes = text.as_bytes();
    let mut plain_from = 0;
    for (at, byte) in bytes.iter().enumerate() {
        let short = match byte {
            b'"' => b"\\\"",
            b'\\' => b"\\\\",
            b'\n' => b"\\n",
            b'\r' => b"\\r",
            b'\t' => b"\\t",
            0..0x20 | 0x7f => b"\\u",
            _ => continue,
        };
        line.extend_from_slice(bytes.get(plain_from..at).unwrap_or_default());
        line.extend_from_slice(short);
        if short == b"\\u" {
            let digit = |value: u8| HEX.get(usize::from(value)).copied().unwrap_or(b'0');
            line.extend_from_slice(&[b'0', b'0', digit(byte >> 4), digit(byte & 15)]);
        }
        plain_from = at + 1;
    }
    line.extend_from_slice(bytes.get(plain_from..).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    fn events(text: &[u8]) -> Vec<(f64, String, String)> {
        let line = |line: &str| -> (f64, String, String) { serde_json::from_str(line).unwrap() };
        std::str::from_utf8(text).unwrap().lines().map(line).collect()
    }

    #[test]
    fn lines_are_asciinemas() {
        let head: Value =
            serde_json::from_str(&header(Size::new(90, 30), 5, "a \"b\"", Some("/bin/sh"))).unwrap();
        assert_eq!((&head["version"], &head["width"], &head["height"]), (&2.into(), &90.into(), &30.into()));
        assert_eq!(head["env"], json!({"TERM": "xterm-256color", "SHELL": "/bin/sh"}));
        let mut text = Vec::new();
        let mut writer = Writer::default();
        writer.output(&mut text, Duration::from_millis(1_002), b"\x1b[1m\"\\\r\n\x7f\xe2\x82");
        writer.output(&mut text, Duration::from_secs(2), b"\xac\xff.");
        Writer::event(&mut text, Duration::from_secs(3), 'r', "80x24");
        let text = String::from_utf8(text).unwrap();
        assert_eq!(
            text,
            "[1.002000, \"o\", \"\\u001b[1m\\\"\\\\\\r\\n\\u007f\"]\n[2.000000, \"o\", \"€\u{fffd}.\"]\n\
             [3.000000, \"r\", \"80x24\"]\n"
        );
        assert_eq!(events(text.as_bytes()).len(), 3);
    }

    proptest! {
        #[test]
        fn output_comes_back_however_it_is_cut(
            text in ".{0,60}",
            cuts in prop::collection::vec(1..7_usize, 1..40),
        ) {
            let (mut line, mut writer, mut rest) = (Vec::new(), Writer::default(), text.as_bytes());
            for cut in cuts.iter().cycle() {
                if rest.is_empty() { break; }
                let (piece, after) = rest.split_at(rest.len().min(*cut));
                writer.output(&mut line, Duration::ZERO, piece);
                rest = after;
            }
            prop_assert_eq!(writer.waiting(), 0);
            let told: String = events(&line).into_iter().map(|(_, _, text)| text).collect();
            prop_assert_eq!(told, text);
        }

        #[test]
        fn any_bytes_are_told_as_a_whole_would_be(bytes in prop::collection::vec(any::<u8>(), 0..80), cut in 0..80_usize) {
            let (one, two) = bytes.split_at(cut.min(bytes.len()));
            let (mut line, mut writer) = (Vec::new(), Writer::default());
            writer.output(&mut line, Duration::ZERO, one);
            writer.output(&mut line, Duration::ZERO, two);
            let told: String = events(&line).into_iter().map(|(_, _, text)| text).collect();
            let whole = bytes.get(..bytes.len() - writer.waiting()).unwrap();
            prop_assert_eq!(told, String::from_utf8_lossy(whole));
        }
    }
}
