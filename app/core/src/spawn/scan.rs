//! Where one JSON object ends in a stream that has no lengths and no newlines.
//!
//! Each byte is looked at once, however small the pieces are that it comes in.

/// What is known after some more bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scanned {
    /// The object goes on.
    More,
    /// The object ends before this byte of all that was given.
    End(usize),
    /// It is no object.
    Garbage,
}

/// Follows an object to its end. Only strings and nesting are understood; a parser judges the rest.
#[derive(Clone, Debug, Default)]
pub struct Scan {
    seen: usize,
    depth: u32,
    in_string: bool,
    escaped: bool,
}

impl Scan {
    /// Takes `bytes`: all that has come so far, of which the earlier part was given before.
    pub fn next(&mut self, bytes: &[u8]) -> Scanned {
        for byte in bytes.iter().skip(self.seen) {
            self.seen += 1;
            match byte {
                _ if self.in_string => {
                    let ends = *byte == b'"' && !self.escaped;
                    self.escaped = *byte == b'\\' && !self.escaped;
                    self.in_string = !ends;
                }
                b'"' if self.depth > 0 => self.in_string = true,
                b'{' | b'[' if self.depth > 0 || *byte == b'{' => self.depth += 1,
                b'}' | b']' if self.depth > 0 => {
                    self.depth -= 1;
                    if self.depth == 0 {
                        return Scanned::End(self.seen);
                    }
                }
                _ if self.depth > 0 || byte.is_ascii_whitespace() => {}
                _ => return Scanned::Garbage,
            }
        }
        Scanned::More
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by_pieces(text: &str, piece: usize) -> Scanned {
        let mut scan = Scan::default();
        let mut end = 0;
        while end < text.len() {
            end = (end + piece).min(text.len());
            match scan.next(&text.as_bytes()[..end]) {
                Scanned::More => {}
                done => return done,
            }
        }
        Scanned::More
    }

    #[test]
    fn an_object_ends_where_it_ends_however_it_is_cut() {
        let object = r#"  {"command":"a } \" { b\\","nested":{"list":[1,{"x":"]"}]}}"#;
        for piece in 1..object.len() + 1 {
            let text = format!("{object}rest");
            assert_eq!(by_pieces(&text, piece), Scanned::End(object.len()), "{piece}");
            assert_eq!(by_pieces(&object[..object.len() - 1], piece), Scanned::More, "{piece}");
        }
    }

    #[test]
    fn what_begins_otherwise_is_garbage() {
        for text in ["[1]", "\"x\"", "GET / HTTP/1.1", "1", "}", "\0", "\u{feff}{}"] {
            assert_eq!(by_pieces(text, 1), Scanned::Garbage, "{text:?}");
        }
    }
}
