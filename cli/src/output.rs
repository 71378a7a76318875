//! The one writer of standard output. Text passes through [`visible_lines`] and JSON through [`plain_json`],
//! so nothing that an agent wrote can steer the terminal.

use crate::failure::Failure;
use crate::style::Style;
use crate::table::Table;
use anyhow::{Context as _, Result};
use magia_protocol::wire::visible::is_unseen;
use magia_protocol::wire::visible_lines;
use serde::Serialize;
use std::borrow::Cow;
use std::io::{self, BufWriter, IsTerminal as _, Write};

/// Columns of a terminal that does not know how many it has.
const USUAL_WIDTH: usize = 80;

/// Standard output, for people or as JSON.
pub struct Out {
    sink: Box<dyn Write>,
    json: bool,
    /// Columns of the terminal; nothing is cut when it is none.
    width: Option<usize>,
    color: bool,
}

impl Out {
    /// The process' standard output.
    pub fn stdout(json: bool) -> Self {
        let stdout = io::stdout();
        let width = stdout.is_terminal().then(|| {
            terminal_size::terminal_size_of(&stdout).map_or(USUAL_WIDTH, |(width, _)| usize::from(width.0))
        });
        let color = crate::style::is_wanted(stdout.is_terminal());
        Self { sink: Box::new(BufWriter::new(stdout)), json, width, color }
    }

    /// Whether `--json` was given.
    pub const fn is_json(&self) -> bool {
        self.json
    }

    /// The terminal's columns, when it is one.
    pub const fn width(&self) -> Option<usize> {
        self.width
    }

    /// Prints text and a newline; control characters in it become visible.
    pub fn text(&mut self, text: &str) -> Result<()> {
        let text = visible_lines(text);
        self.bytes(text.as_bytes())?;
        self.bytes(b"\n")
    }

    /// Prints a table, or `when_empty` on standard error when it has no rows.
    pub fn table(&mut self, table: &Table, when_empty: &str) -> Result<()> {
        if table.is_empty() {
            crate::failure::say(when_empty);
            return Ok(());
        }
        // Its cells were made visible when they came in; what may steer the terminal is its own colours.
        for line in table.lines(self.width, self.color) {
            self.bytes(line.as_bytes())?;
            self.bytes(b"\n")?;
        }
        Ok(())
    }

    /// A word of the vocabulary, in its colour when there are colours: for [`Self::painted`].
    pub fn paint(&self, word: &str) -> String {
        match Style::of(word).filter(|_| self.color) {
            Some(style) => style.paint(word),
            None => word.to_owned(),
        }
    }

    /// Prints text that [`Self::paint`] has coloured in part; the rest must have been made visible before.
    pub fn painted(&mut self, text: &str) -> Result<()> {
        self.bytes(text.as_bytes())?;
        self.bytes(b"\n")
    }

    /// Prints bytes of ours as they are.
    pub fn bytes(&mut self, bytes: &[u8]) -> Result<()> {
        self.sink.write_all(bytes).map_err(output_error)
    }

    /// Prints JSON text as it came, on one line.
    pub fn json(&mut self, json: &str) -> Result<()> {
        self.bytes(plain_json(json).as_bytes())?;
        self.bytes(b"\n")
    }

    /// Prints a value of ours as JSON on one line.
    pub fn json_of(&mut self, value: &impl Serialize) -> Result<()> {
        let json = serde_json::to_string(value).context("cannot write JSON")?;
        self.json(&json)
    }

    /// Prints JSON indented, for people.
    pub fn pretty_json(&mut self, json: &str) -> Result<()> {
        let value: serde_json::Value = serde_json::from_str(json).context("the reply is not JSON")?;
        let pretty = serde_json::to_string_pretty(&value).context("cannot write JSON")?;
        self.text(&pretty)
    }

    /// Hands everything printed so far to the reader.
    pub fn flush(&mut self) -> Result<()> {
        self.sink.flush().map_err(output_error)
    }
}

fn output_error(err: io::Error) -> anyhow::Error {
    if err.kind() == io::ErrorKind::BrokenPipe {
        return Failure::OutputClosed.into();
    }
    anyhow::Error::new(err).context("cannot write the output")
}

/// The same JSON with unseen characters as `\u` escapes. They can stand only inside its strings, where both
/// spellings mean the same; white space between its parts is kept.
pub fn plain_json(json: &str) -> Cow<'_, str> {
    let is_escaped = |c: char| is_unseen(c) && !matches!(c, '\n' | '\r' | '\t');
    if !json.contains(is_escaped) {
        return Cow::Borrowed(json);
    }
    let mut plain = String::with_capacity(json.len() + 16);
    for c in json.chars() {
        if is_escaped(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                plain.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            plain.push(c);
        }
    }
    Cow::Owned(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn unseen_characters_in_json_are_escaped() {
        assert_eq!(plain_json(r#"{"a":"b"}"#), r#"{"a":"b"}"#);
        assert_eq!(
            plain_json("[\"\u{202e}\u{7f}\u{9b}\u{e0041}\"]"),
            r#"["\u202e\u007f\u009b\udb40\udc41"]"#
        );
    }

    proptest! {
        #[test]
        fn it_stays_the_same_value(text in any::<String>(), key in "[\u{200b}-\u{2070}a-z]*") {
            let value = serde_json::json!({ key: text });
            let json = serde_json::to_string(&value).unwrap();
            let plain = plain_json(&json);
            prop_assert!(!plain.contains(is_unseen));
            prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&plain).unwrap(), value);
        }
    }
}
