//! Holds back what a cut left unfinished: an escape sequence or a UTF-8 character at the end of a read.
//!
//! The parser below is only given finished sequences, so between two calls it is always at rest, and what it would have
//! remembered is plain bytes that a snapshot can carry. It also makes the outcome independent of where reads are cut
//! (vte 0.15 itself can lose a character when a cut falls into a UTF-8 sequence), and it bounds every sequence: OSC
//! strings have no end until their terminator comes.

use alacritty_terminal::vte::{Parser, Perform};

/// Input is taken in pieces of this size; a sequence that fits into one is never dropped.
const PIECE: usize = 16 * 1024;
/// The longest OSC sequence (a clipboard of 768 KiB).
pub(super) const MOST_OSC: usize = 1024 * 1024;
/// The longest sequence of another kind.
const MOST_OTHER: usize = PIECE;
/// Above this the buffers are given back.
const KEPT_BUFFER: usize = 64 * 1024;

const ESC: u8 = 0x1b;
const CAN: u8 = 0x18;
const SUB: u8 = 0x1a;
/// SOS, PM and APC after their ESC.
const IGNORED: &[u8] = b"X^_";

/// Where the unfinished bytes stand, in the terms of vte's state machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Place {
    #[default]
    Ground,
    Utf8,
    Escape,
    EscapeIntermediate,
    Csi,
    Osc,
    DcsEntry,
    DcsParam,
    DcsIntermediate,
    DcsIgnore,
    DcsBody,
    /// SOS, PM or APC: nobody reads what is in it.
    Ignored,
}

/// The codes of the places in a snapshot.
const PLACES: [Place; 12] = [
    Place::Ground,
    Place::Utf8,
    Place::Escape,
    Place::EscapeIntermediate,
    Place::Csi,
    Place::Osc,
    Place::DcsEntry,
    Place::DcsParam,
    Place::DcsIntermediate,
    Place::DcsIgnore,
    Place::DcsBody,
    Place::Ignored,
];

impl Place {
    pub(super) fn code(self) -> u8 {
        self as u8
    }

    pub(super) fn from_code(code: u8) -> Option<Self> {
        PLACES.get(usize::from(code)).copied()
    }

    /// The place after one byte, which is not ESC, inside a sequence. Ground when the sequence ends with it.
    fn after(self, byte: u8) -> Self {
        if byte == CAN || byte == SUB {
            return Self::Ground;
        }
        match (self, byte) {
            (Self::Escape, 0x20..=0x2f) => Self::EscapeIntermediate,
            (Self::Escape, b'P') => Self::DcsEntry,
            (Self::Escape, byte) if IGNORED.contains(&byte) => Self::Ignored,
            (Self::Escape, b'[') => Self::Csi,
            (Self::Escape, b']') => Self::Osc,
            (Self::Escape | Self::EscapeIntermediate, 0x30..=0x7e) => Self::Ground,
            (Self::Csi, 0x40..=0x7e) => Self::Ground,
            (Self::Osc, 0x07) => Self::Ground,
            (Self::DcsEntry | Self::DcsParam | Self::DcsIntermediate, 0x40..=0x7e) => Self::DcsBody,
            (Self::DcsEntry | Self::DcsParam, 0x20..=0x2f) => Self::DcsIntermediate,
            (Self::DcsEntry, 0x30..=0x3f) | (Self::DcsParam, 0x30..=0x3b) => Self::DcsParam,
            (Self::DcsParam, 0x3c..=0x3f) | (Self::DcsIntermediate, 0x30..=0x3f) => Self::DcsIgnore,
            (Self::DcsBody, 0x9c) => Self::Ground,
            (place, _) => place,
        }
    }

    fn most_bytes(self) -> usize {
        if self == Self::Osc { MOST_OSC } else { MOST_OTHER }
    }
}

/// The parser, and the bytes that wait for the rest of their sequence.
#[derive(Default)]
pub(super) struct Splitter {
    parser: Parser,
    place: Place,
    tail: Vec<u8>,
    /// The sequence got too long; the rest of it is thrown away.
    dropping: bool,
}

impl Splitter {
    /// The unfinished bytes.
    pub(super) fn tail(&self) -> &[u8] {
        &self.tail
    }

    /// Where the unfinished bytes stand.
    pub(super) fn place(&self) -> Place {
        self.place
    }

    /// The unfinished sequence got too long, and the rest of it is thrown away.
    pub(super) fn is_dropping(&self) -> bool {
        self.dropping
    }

    /// A splitter in the middle of a sequence, from a snapshot. None when the bytes do not fit the place.
    pub(super) fn resumed(place: Place, dropping: bool, tail: &[u8]) -> Option<Self> {
        let fits = match place {
            Place::Ground => tail.is_empty() && !dropping,
            Place::Utf8 => {
                !dropping && (1..4).contains(&tail.len()) && unfinished_character(tail) == tail.len()
            }
            _ if dropping => tail.is_empty(),
            _ => tail.len() <= place.most_bytes() && tail.first() == Some(&ESC) && place_of(tail) == place,
        };
        fits.then(|| Self { parser: Parser::new(), place, tail: tail.to_vec(), dropping })
    }

    /// Parses bytes, cut anywhere.
    pub(super) fn advance<P: Perform>(&mut self, performer: &mut P, bytes: &[u8]) {
        for piece in bytes.chunks(PIECE) {
            self.piece(performer, piece);
        }
    }

    fn piece<P: Perform>(&mut self, performer: &mut P, mut bytes: &[u8]) {
        while self.place != Place::Ground && !bytes.is_empty() {
            bytes = match self.place {
                Place::Utf8 => self.resume_character(performer, bytes),
                _ => self.resume_sequence(performer, bytes),
            };
        }
        if bytes.is_empty() {
            return;
        }
        if let Some(at) = memchr::memrchr(ESC, bytes) {
            let (before, sequence) = bytes.split_at(at);
            let place = place_of(sequence);
            if place != Place::Ground {
                self.parser.advance(performer, before);
                self.begin(performer);
                self.place = place;
                self.keep(sequence);
                return;
            }
        }
        let (mut whole, rest) = bytes.split_at(bytes.len() - unfinished_character(bytes));
        if rest.is_empty() {
            self.parser.advance(performer, whole);
            return;
        }
        // What is held back shows that a beginning right before it has no end, which the parser would wait for.
        let mut broken = 0;
        while let length @ 1.. = unfinished_character(whole) {
            whole = whole.get(..whole.len() - length).unwrap_or_default();
            broken += 1;
        }
        self.parser.advance(performer, whole);
        (0..broken).for_each(|_| performer.print(char::REPLACEMENT_CHARACTER));
        self.place = Place::Utf8;
        self.keep(rest);
    }

    /// An ESC came: it ends whatever string the parser is in, as it does in vte. The parser is left at rest, for the
    /// sequence that begins is fed as a whole, with its ESC.
    fn begin<P: Perform>(&mut self, performer: &mut P) {
        self.parser.advance(performer, &[ESC, CAN]);
    }

    fn keep(&mut self, bytes: &[u8]) {
        self.tail.clear();
        // What is in an ignored string is of no use to anybody: what introduces it is enough.
        let introduced =
            bytes.iter().position(|byte| IGNORED.contains(byte)).filter(|_| self.place == Place::Ignored);
        self.tail.extend(bytes.iter().take(introduced.map_or(bytes.len(), |at| at + 1)));
    }

    /// Takes the bytes that belong to the unfinished sequence and returns the others.
    fn resume_sequence<'a, P: Perform>(&mut self, performer: &mut P, bytes: &'a [u8]) -> &'a [u8] {
        for (at, byte) in bytes.iter().enumerate() {
            let (taken, rest) = bytes.split_at(at + 1);
            if *byte == ESC {
                self.push(taken.get(..at).unwrap_or_default());
                self.finish(performer);
                self.begin(performer);
                self.place = Place::Escape;
                self.keep(&[ESC]);
                return rest;
            }
            let next = self.place.after(*byte);
            if next == Place::Ground {
                self.push(taken);
                self.finish(performer);
                return rest;
            }
            if next == Place::Ignored && self.place != next {
                self.push(taken);
                self.place = next;
                return rest;
            }
            self.place = next;
        }
        self.push(bytes);
        &[]
    }

    fn push(&mut self, bytes: &[u8]) {
        if self.place == Place::Ignored {
            // Only the byte that ends it has to reach the parser.
            if let Some(end) = bytes.last().filter(|byte| matches!(**byte, CAN | SUB)) {
                self.tail.push(*end);
            }
            return;
        }
        if self.dropping {
            return;
        }
        if self.tail.len() + bytes.len() > self.place.most_bytes() {
            self.dropping = true;
            self.tail = Vec::new();
            return;
        }
        self.tail.extend_from_slice(bytes);
    }

    /// Gives the finished sequence to the parser.
    fn finish<P: Perform>(&mut self, performer: &mut P) {
        if !self.dropping {
            self.parser.advance(performer, &self.tail);
        }
        if self.tail.len() > KEPT_BUFFER {
            // The parser keeps the buffer of its longest OSC; it is at rest or about to be sent an ESC.
            self.parser.advance(performer, &[ESC, CAN]);
            self.parser = Parser::new();
            self.tail = Vec::new();
        }
        self.tail.clear();
        self.dropping = false;
        self.place = Place::Ground;
    }

    /// Completes the unfinished character, or replaces it when what follows does not belong to it.
    fn resume_character<'a, P: Perform>(&mut self, performer: &mut P, bytes: &'a [u8]) -> &'a [u8] {
        for (at, byte) in bytes.iter().enumerate() {
            self.tail.push(*byte);
            let printed = match std::str::from_utf8(&self.tail) {
                Ok(text) => text.chars().next(),
                Err(error) if error.error_len().is_none() => continue,
                Err(_) => None,
            };
            self.tail.clear();
            self.place = Place::Ground;
            // A character that a read was cut in is at least U+0080; C1 controls are executed, as vte does.
            match printed {
                Some(control @ '\u{80}'..='\u{9f}') => performer.execute(control as u8),
                Some(c) => performer.print(c),
                None => {
                    performer.print(char::REPLACEMENT_CHARACTER);
                    return bytes.get(at..).unwrap_or_default();
                }
            }
            return bytes.get(at + 1..).unwrap_or_default();
        }
        &[]
    }
}

/// The place after a sequence that begins with its ESC; Ground when it is finished.
fn place_of(sequence: &[u8]) -> Place {
    let mut place = Place::Escape;
    for byte in sequence.iter().skip(1) {
        place = place.after(*byte);
        if place == Place::Ground {
            break;
        }
    }
    place
}

/// How many bytes at the end are the beginning of a character whose rest is missing.
fn unfinished_character(bytes: &[u8]) -> usize {
    for back in 1..=bytes.len().min(3) {
        let Some(end) = bytes.get(bytes.len() - back..) else { return 0 };
        match end.first() {
            Some(0x80..=0xbf) => {}
            Some(0xc2..) => {
                let cut = std::str::from_utf8(end).err().filter(|error| error.error_len().is_none());
                return if cut.is_some_and(|error| error.valid_up_to() == 0) { back } else { 0 };
            }
            _ => return 0,
        }
    }
    0
}
