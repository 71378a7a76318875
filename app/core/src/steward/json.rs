//! JSON as spans over the text, and no tree: what `JSON.parse` takes, nothing more, or that with comments.
//!
//! A settings file is edited as text, so all that is needed is where things stand. The whole text is checked
//! once without recursion; members and elements are then listed only for the containers on the way to an edit.

use std::borrow::Cow;
use std::collections::HashMap;

use serde_json::Value;

use super::comments;
use super::error::StewardError;

/// The largest file that is read.
pub const MAX_BYTES: usize = 16 << 20;
/// The deepest nesting that is read; below serde_json's own limit, so what passes here parses there.
pub const MAX_DEPTH: usize = 120;

const BOM: &str = "\u{feff}";

/// A place in the text, counted from 1; the column is in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

/// A byte range of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub start: usize,
    pub end: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Object,
    Array,
    Scalar,
}

#[derive(Debug, Clone)]
pub(crate) struct Member {
    pub key: String,
    pub key_span: Span,
    pub value: Span,
}

impl Member {
    /// Key and value together.
    pub fn span(&self) -> Span {
        Span { start: self.key_span.start, end: self.value.end }
    }
}

/// What may stand in a file beside strict JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Strict,
    /// Comments (`//` and `/* */`), and a comma before a closing bracket.
    Comments,
}

/// A text that is known to be one JSON value.
#[derive(Clone)]
pub(crate) struct Document<'a> {
    pub text: &'a str,
    /// The text with every byte of its comments blanked, so that all offsets agree.
    pub bare: Cow<'a, str>,
    pub root: Span,
}

/// True for what holds nothing but (perhaps) a byte order mark and white space. Comments count as content.
pub(crate) fn is_blank(text: &str) -> bool {
    text.strip_prefix(BOM).unwrap_or(text).bytes().all(is_space)
}

/// True for what holds nothing but comments and white space, where comments may stand.
pub(crate) fn is_comments(text: &str, dialect: Dialect) -> bool {
    dialect == Dialect::Comments && comments::blanked(text).is_ok_and(|bare| is_blank(&bare))
}

/// The text of the bytes, or why they are none.
pub(crate) fn decode(bytes: &[u8]) -> Result<&str, StewardError> {
    if bytes.len() > MAX_BYTES {
        return Err(StewardError::TooLarge { bytes: bytes.len(), limit: MAX_BYTES });
    }
    std::str::from_utf8(bytes).map_err(|err| {
        let good = bytes.get(..err.valid_up_to()).unwrap_or_default();
        let text = std::str::from_utf8(good).unwrap_or_default();
        StewardError::Encoding { at: position(text, text.len()) }
    })
}

impl<'a> Document<'a> {
    /// Checks the whole text.
    pub fn parse(text: &'a str, dialect: Dialect) -> Result<Self, StewardError> {
        let bare = match dialect {
            Dialect::Strict => Cow::Borrowed(text),
            Dialect::Comments => comments::blanked(text).map_err(|at| StewardError::Syntax {
                at: position(text, at),
                message: "the text ends inside a comment",
            })?,
        };
        let start = if text.starts_with(BOM) { BOM.len() } else { 0 };
        let mut scan = Scan { bytes: bare.as_bytes(), at: start, last_comma: dialect == Dialect::Comments };
        match scan.document() {
            Ok(root) => Ok(Self { text, bare, root }),
            Err(Fault::Syntax(message)) => Err(StewardError::Syntax { at: position(text, scan.at), message }),
            Err(Fault::Deep) => Err(StewardError::TooDeep { at: position(text, scan.at), limit: MAX_DEPTH }),
        }
    }

    /// The text of a span.
    pub fn slice(&self, span: Span) -> &'a str {
        self.text.get(span.start..span.end).unwrap_or_default()
    }

    /// The value of a span, when it can be decoded.
    pub fn value(&self, span: Span) -> Option<Value> {
        let bare = self.bare.get(span.start..span.end).unwrap_or_default();
        serde_json::from_str(bare)
            .or_else(|_| serde_json::from_str(&comments::without_last_commas(bare)))
            .ok()
    }

    /// Whether a comment stands in the span.
    pub fn has_comment(&self, span: Span) -> bool {
        self.bare.get(span.start..span.end) != self.text.get(span.start..span.end)
    }

    /// The first comma between two tokens.
    pub fn comma(&self, start: usize, end: usize) -> Option<usize> {
        self.bare.get(start..end)?.find(',').map(|at| start + at)
    }

    /// The text between two offsets; empty when they are the wrong way round.
    pub fn between(&self, start: usize, end: usize) -> &'a str {
        self.text.get(start..end).unwrap_or_default()
    }

    pub fn kind(&self, span: Span) -> Kind {
        match self.text.as_bytes().get(span.start) {
            Some(b'{') => Kind::Object,
            Some(b'[') => Kind::Array,
            _ => Kind::Scalar,
        }
    }

    pub fn position(&self, span: Span) -> Position {
        position(self.text, span.start)
    }

    fn scan(&self, at: usize) -> Scan<'_> {
        Scan { bytes: self.bare.as_bytes(), at, last_comma: true }
    }

    /// The members of an object; a key that stands twice is refused.
    pub fn members(&self, object: Span) -> Result<Vec<Member>, StewardError> {
        let mut scan = self.scan(object.start + 1);
        let mut members: Vec<Member> = Vec::new();
        let mut seen: HashMap<String, usize> = HashMap::new();
        loop {
            scan.separators();
            if scan.peek() != Some(b'"') {
                return Ok(members);
            }
            let key_span = scan.known_value();
            scan.separators();
            let value = scan.known_value();
            let raw = self.slice(key_span);
            // A lone surrogate is valid JSON that no Rust string holds: such a key stays as it is written.
            let key = serde_json::from_str(raw).unwrap_or_else(|_| raw.to_owned());
            if let Some(first) = seen.insert(key.clone(), key_span.start) {
                return Err(StewardError::DuplicateKey {
                    key,
                    at: self.position(key_span),
                    first_line: position(self.text, first).line,
                });
            }
            members.push(Member { key, key_span, value });
        }
    }

    /// The elements of an array.
    pub fn elements(&self, array: Span) -> Vec<Span> {
        let mut scan = self.scan(array.start + 1);
        let mut elements = Vec::new();
        loop {
            scan.separators();
            match scan.peek() {
                None | Some(b']') => return elements,
                Some(_) => elements.push(scan.known_value()),
            }
        }
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

fn is_scalar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.')
}

pub(crate) fn position(text: &str, offset: usize) -> Position {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
    let column = before.get(line_start..).unwrap_or_default().trim_start_matches(BOM).chars().count() + 1;
    Position { line, column }
}

enum Fault {
    Syntax(&'static str),
    Deep,
}

struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
    /// A comma may stand before a closing bracket.
    last_comma: bool,
}

impl Scan<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn spaces(&mut self) {
        while self.peek().is_some_and(is_space) {
            self.at += 1;
        }
    }

    /// Over white space, commas and colons of a text that has been checked.
    fn separators(&mut self) {
        while self.peek().is_some_and(|byte| is_space(byte) || matches!(byte, b',' | b':')) {
            self.at += 1;
        }
    }

    /// Over one value of a text that has been checked.
    fn known_value(&mut self) -> Span {
        let start = self.at;
        let mut depth = 0_usize;
        while let Some(byte) = self.peek() {
            match byte {
                b'"' => self.known_string(),
                b'{' | b'[' => {
                    depth += 1;
                    self.at += 1;
                    continue;
                }
                b'}' | b']' => {
                    depth = depth.saturating_sub(1);
                    self.at += 1;
                }
                b',' | b':' => {
                    self.at += 1;
                    continue;
                }
                byte if is_space(byte) => {
                    self.at += 1;
                    continue;
                }
                _ => {
                    self.at += 1;
                    while self.peek().is_some_and(is_scalar) {
                        self.at += 1;
                    }
                }
            }
            if depth == 0 {
                break;
            }
        }
        Span { start, end: self.at }
    }

    fn known_string(&mut self) {
        self.at += 1;
        while let Some(byte) = self.peek() {
            self.at += if byte == b'\\' { 2 } else { 1 };
            if byte == b'"' {
                return;
            }
        }
    }

    fn document(&mut self) -> Result<Span, Fault> {
        self.spaces();
        let start = self.at;
        let mut open: Vec<u8> = Vec::new();
        loop {
            self.spaces();
            match self.peek() {
                Some(b'{') => {
                    self.enter(&mut open, b'}')?;
                    if self.peek() != Some(b'}') {
                        self.key()?;
                        continue;
                    }
                }
                Some(b'[') => {
                    self.enter(&mut open, b']')?;
                    if self.peek() != Some(b']') {
                        continue;
                    }
                }
                _ => self.scalar()?,
            }
            // A value has ended (or an empty container is about to): close what closes, then the next one.
            loop {
                let end = self.at;
                self.spaces();
                let Some(close) = open.last().copied() else {
                    return match self.peek() {
                        None => Ok(Span { start, end }),
                        Some(b'/') => Err(Fault::Syntax(COMMENT)),
                        Some(_) => Err(Fault::Syntax("more text after the end of the value")),
                    };
                };
                match self.peek() {
                    Some(byte) if byte == close => {
                        self.at += 1;
                        open.pop();
                    }
                    Some(b',') => {
                        self.at += 1;
                        self.spaces();
                        if self.peek() == Some(close) {
                            if !self.last_comma {
                                return Err(Fault::Syntax("a comma before the closing bracket"));
                            }
                            continue;
                        }
                        if close == b'}' {
                            self.key()?;
                        }
                        break;
                    }
                    other => {
                        return Err(Fault::Syntax(match (other, close) {
                            (None, _) => ENDED,
                            (Some(b'/'), _) => COMMENT,
                            (_, b'}') => "expected a comma or }",
                            _ => "expected a comma or ]",
                        }));
                    }
                }
            }
        }
    }

    fn enter(&mut self, open: &mut Vec<u8>, close: u8) -> Result<(), Fault> {
        if open.len() >= MAX_DEPTH {
            return Err(Fault::Deep);
        }
        open.push(close);
        self.at += 1;
        self.spaces();
        Ok(())
    }

    fn key(&mut self) -> Result<(), Fault> {
        match self.peek() {
            Some(b'"') => self.string()?,
            None => return Err(Fault::Syntax(ENDED)),
            Some(b'/') => return Err(Fault::Syntax(COMMENT)),
            Some(_) => return Err(Fault::Syntax("expected a key in double quotes")),
        }
        self.spaces();
        match self.peek() {
            Some(b':') => self.at += 1,
            None => return Err(Fault::Syntax(ENDED)),
            Some(_) => return Err(Fault::Syntax("expected a colon after the key")),
        }
        Ok(())
    }

    fn scalar(&mut self) -> Result<(), Fault> {
        match self.peek() {
            None => Err(Fault::Syntax(ENDED)),
            Some(b'"') => self.string(),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b'/') => Err(Fault::Syntax(COMMENT)),
            Some(_) => {
                let rest = self.bytes.get(self.at..).unwrap_or_default();
                let word = [&b"true"[..], b"false", b"null"].into_iter().find(|word| rest.starts_with(word));
                let word = word.ok_or(Fault::Syntax("expected a value"))?;
                self.at += word.len();
                Ok(())
            }
        }
    }

    fn string(&mut self) -> Result<(), Fault> {
        self.at += 1;
        loop {
            match self.peek() {
                None => return Err(Fault::Syntax("the text ends inside a string")),
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(0..=0x1f) => return Err(Fault::Syntax("a control character inside a string")),
                Some(b'\\') => self.escape()?,
                Some(_) => self.at += 1,
            }
        }
    }

    fn escape(&mut self) -> Result<(), Fault> {
        match self.bytes.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
            Some(b'u') => {
                let digits = self.bytes.get(self.at + 2..self.at + 6).unwrap_or_default();
                if digits.len() != 4 || !digits.iter().all(u8::is_ascii_hexdigit) {
                    return Err(Fault::Syntax("a bad \\u escape"));
                }
                self.at += 6;
            }
            _ => return Err(Fault::Syntax("a bad escape")),
        }
        Ok(())
    }

    fn number(&mut self) -> Result<(), Fault> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek() {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits()?,
            _ => return Err(Fault::Syntax("a bad number")),
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), Fault> {
        let from = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at == from { Err(Fault::Syntax("a bad number")) } else { Ok(()) }
    }
}

const COMMENT: &str =
    "a comment; the file is read as strict JSON, so with a comment all of it would be ignored";
const ENDED: &str = "the text ends too early";
