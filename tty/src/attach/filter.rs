//! Takes a program's questions to its terminal out of its output: the holder has answered them, and a second answer would
//! be typed into the program. Everything else goes through as it is.

/// The longest question. A sequence that is longer is none and goes through.
const QUESTION_MAX_BYTES: usize = 1024;

/// The filter's place in the stream.
#[derive(Debug, Default)]
pub struct Filter {
    state: State,
    /// A sequence that is not whole.
    held: Vec<u8>,
    is_alternate: bool,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    #[default]
    Text,
    /// After an escape.
    Escape,
    /// Between `ESC [` and its final byte.
    Control,
    /// Between the beginning of a string (OSC, DCS, APC, ...) and its end.
    Text7(u8),
    /// In a string that is too long for a question.
    Passing,
}

const ESCAPE: u8 = 0x1b;
const BELL: u8 = 0x07;
/// Asks for the answerback message.
const ENQUIRY: u8 = 0x05;

impl Filter {
    /// Forgets a sequence that was begun: what follows is from another place of the output.
    pub fn reset(&mut self) {
        *self = Self::default();
    }

    /// Whether the program has switched to the alternate screen.
    pub fn is_alternate(&self) -> bool {
        self.is_alternate
    }

    /// What the real terminal gets of `bytes`.
    pub fn take(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(bytes.len());
        for byte in bytes.iter().copied() {
            self.step(byte, &mut out);
        }
        out
    }

    fn step(&mut self, byte: u8, out: &mut Vec<u8>) {
        match self.state {
            State::Text if byte == ESCAPE => self.begin(),
            State::Text if byte == ENQUIRY => {}
            State::Text => out.push(byte),
            State::Escape => {
                self.held.push(byte);
                match byte {
                    b'[' => self.state = State::Control,
                    b']' | b'P' | b'_' | b'^' | b'X' => self.state = State::Text7(byte),
                    ESCAPE => {
                        self.held.pop();
                        self.let_through(out);
                        self.begin();
                    }
                    // Intermediate bytes: the final one is to come.
                    0x20..=0x2f => {}
                    b'Z' => self.drop_held(),
                    _ => self.let_through(out),
                }
            }
            State::Control => match byte {
                ESCAPE => {
                    self.let_through(out);
                    self.begin();
                }
                0x40..=0x7e => {
                    self.held.push(byte);
                    self.note_screen();
                    if is_control_question(&self.held) { self.drop_held() } else { self.let_through(out) }
                }
                _ => self.hold(byte, State::Text, out),
            },
            State::Text7(kind) => {
                let is_ended = is_end(&self.held, byte, kind);
                self.hold(byte, State::Passing, out);
                if is_ended && self.state != State::Passing {
                    if is_string_question(&self.held, kind) {
                        self.drop_held()
                    } else {
                        self.let_through(out)
                    }
                } else if is_ended {
                    self.state = State::Text;
                }
            }
            State::Passing => {
                out.push(byte);
                // The end of a string is at most two bytes, so two are remembered.
                self.held.push(byte);
                if self.held.len() > 2 {
                    self.held.remove(0);
                }
                let ended = byte == BELL || self.held == [ESCAPE, b'\\'] || matches!(byte, 0x18 | 0x1a);
                if ended {
                    self.drop_held();
                }
            }
        }
    }

    fn begin(&mut self) {
        self.held.clear();
        self.held.push(ESCAPE);
        self.state = State::Escape;
    }

    fn hold(&mut self, byte: u8, when_too_long: State, out: &mut Vec<u8>) {
        self.held.push(byte);
        if self.held.len() > QUESTION_MAX_BYTES {
            let last = self.held.last().copied();
            self.let_through(out);
            self.held.extend(last);
            self.state = when_too_long;
        }
    }

    fn drop_held(&mut self) {
        self.held.clear();
        self.state = State::Text;
    }

    fn let_through(&mut self, out: &mut Vec<u8>) {
        out.append(&mut self.held);
        self.state = State::Text;
    }

    fn note_screen(&mut self) {
        let Some([b'?', numbers @ .., last]) = self.held.get(2..) else { return };
        let mut numbers = numbers.split(|byte| *byte == b';');
        if matches!(last, b'h' | b'l') && numbers.any(|number| matches!(number, b"1049" | b"1047" | b"47")) {
            self.is_alternate = *last == b'h';
        }
    }
}

/// Whether `byte` ends a string that has come as far as `held`.
fn is_end(held: &[u8], byte: u8, kind: u8) -> bool {
    let bell = byte == BELL && kind == b']';
    let terminator = byte == b'\\' && held.len() > 2 && held.last() == Some(&ESCAPE);
    // Cancel and substitute break any sequence off.
    bell || terminator || matches!(byte, 0x18 | 0x1a)
}

/// Whether a whole control sequence asks something.
fn is_control_question(sequence: &[u8]) -> bool {
    let Some([body @ .., last]) = sequence.get(2..) else { return false };
    let (prefix, body) = match body {
        [prefix @ (b'<'..=b'?'), rest @ ..] => (Some(*prefix), rest),
        body => (None, body),
    };
    let numbers_end =
        body.iter().position(|byte| !matches!(byte, b'0'..=b'9' | b';' | b':')).unwrap_or(body.len());
    let (numbers, between) = body.split_at(numbers_end);
    let first: Option<u16> = numbers
        .split(|byte| *byte == b';')
        .next()
        .and_then(|number| std::str::from_utf8(number).ok()?.parse().ok());
    match (prefix, between, last) {
        // Device attributes, device status, modes, the keyboard's flags, its own name.
        (_, [], b'c') | (_, [b'$'], b'p') | (Some(b'?'), [], b'u' | b'm' | b'S') | (Some(b'>'), [], b'q') => {
            true
        }
        (None | Some(b'?'), [], b'n') => true,
        // Terminal parameters, presentation state, checksums, supplemental sets.
        (None, [], b'x') | (_, [b'$'], b'w') | (_, [b'*'], b'y') | (_, [b'&'], b'u') => true,
        // The window's state, place and sizes, its titles.
        (None, [], b't') => first.is_some_and(|number| matches!(number, 11 | 13..=16 | 18..=21)),
        _ => false,
    }
}

/// Whether a whole string asks something.
fn is_string_question(sequence: &[u8], kind: u8) -> bool {
    let body = sequence.get(2..).unwrap_or_default();
    let body = body.strip_suffix(b"\x1b\\").or_else(|| body.strip_suffix(&[BELL])).unwrap_or(body);
    match kind {
        // Capabilities and settings.
        b'P' => body.starts_with(b"+q") || body.starts_with(b"$q"),
        // Pictures, which the holder says that it cannot show; a terminal that can would answer.
        b'_' => body.starts_with(b"G"),
        // Colours, the clipboard, what notifications can do, the cell's size.
        b']' => {
            let mut parts = body.split(|byte| matches!(byte, b';' | b':'));
            let number = parts.next().unwrap_or_default();
            let asks = |part: &[u8]| part == b"?" || part.ends_with(b"=?") || part.starts_with(b"Report");
            number.iter().all(u8::is_ascii_digit) && parts.any(asks)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What the terminal gets, in one piece and byte by byte.
    fn filtered(text: &str) -> String {
        let whole = Filter::default().take(text.as_bytes());
        let mut filter = Filter::default();
        let single: Vec<u8> = text.bytes().flat_map(|byte| filter.take(&[byte])).collect();
        assert_eq!(whole, single, "{text:?}");
        String::from_utf8(whole).unwrap()
    }

    #[test]
    fn questions_are_taken_out() {
        for question in [
            "\x1b[c",
            "\x1b[0c",
            "\x1b[>c",
            "\x1b[=c",
            "\x1b[5n",
            "\x1b[6n",
            "\x1b[?6n",
            "\x1b[?996n",
            "\x1b[>0q",
            "\x1b[?u",
            "\x1b[?2026$p",
            "\x1b[4$p",
            "\x1b[14t",
            "\x1b[18t",
            "\x1b[21t",
            "\x1b[x",
            "\x1bZ",
            "\x05",
            "\x1b]10;?\x07",
            "\x1b]11;?\x1b\\",
            "\x1b]4;7;?\x07",
            "\x1b]52;c;?\x07",
            "\x1bP+q544e\x1b\\",
            "\x1bP$qm\x1b\\",
            "\x1b_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\",
            "\x1b]99;i=1:p=?;\x1b\\",
            "\x1b[?1;1S",
        ] {
            assert_eq!(filtered(&format!("a{question}b")), "ab", "{question:?}");
        }
    }

    #[test]
    fn all_else_goes_through() {
        let long = format!("\x1b]52;c;{}\x07", "QUJD".repeat(5000));
        let picture = format!("\x1bPq{}\x1b\\", "~".repeat(5000));
        for text in [
            "plain ü €\r\n\t\x08",
            "\x1b[1;38;2;1;2;3m",
            "\x1b[2J\x1b[H",
            "\x1b[?25l\x1b[?1049h",
            "\x1b[>4;2m",
            "\x1b[>1u",
            "\x1b[<u",
            "\x1b[=5;1u",
            "\x1b[2 q",
            "\x1b[!p",
            "\x1b[8;24;80t",
            "\x1b[22;0t",
            "\x1b]0;a title?\x07",
            "\x1b]8;;http://x/?q=1\x1b\\x\x1b]8;;\x1b\\",
            "\x1b]11;#112233\x07",
            "\x1b(B\x1b)0",
            "\x1b7\x1b8\x1b=\x1bM",
            "\x1b[s\x1b[u",
            "\x1b[>0n",
            "\x1b]52;c;QQ==\x07",
            "\x1bPq#0~\x1b\\",
            "\x1b#8",
            &long,
            &picture,
        ] {
            assert_eq!(filtered(text), *text);
        }
    }

    #[test]
    fn it_knows_which_screen_is_shown() {
        let mut filter = Filter::default();
        filter.take(b"\x1b[?1;1049h");
        assert!(filter.is_alternate());
        filter.take(b"\x1b[?25h\x1b[?1049l");
        assert!(!filter.is_alternate());
    }

    proptest! {
        #[test]
        fn pieces_change_nothing(
            bytes in prop::collection::vec(prop_oneof![
                Just(0x1b_u8), Just(b'['), Just(b']'), Just(b'?'), Just(b';'), Just(0x07), Just(b'\\'), Just(b'c'),
                Just(b'P'), Just(b'n'), Just(b'6'), any::<u8>(),
            ], 0..200),
            cut in 0..200_usize,
        ) {
            let mut whole = Filter::default();
            let expected = whole.take(&bytes);
            let mut filter = Filter::default();
            let (one, two) = bytes.split_at(cut.min(bytes.len()));
            let cut: Vec<u8> = [filter.take(one), filter.take(two)].concat();
            prop_assert_eq!(cut, expected);
            prop_assert_eq!(filter.state, whole.state);
        }
    }
}
