//! Comments in JSON: seen as white space, so that everything else is read as if they were not there.

use std::borrow::Cow;

/// The text with every byte of its comments replaced by a space, or the offset of a comment that never ends.
pub(crate) fn blanked(text: &str) -> Result<Cow<'_, str>, usize> {
    let mut out: Option<String> = None;
    let mut copied = 0;
    for comment in Comments::new(text) {
        let (start, end) = comment?;
        let out = out.get_or_insert_with(|| String::with_capacity(text.len()));
        out.push_str(text.get(copied..start).unwrap_or_default());
        out.extend(std::iter::repeat_n(' ', end - start));
        copied = end;
    }
    Ok(match out {
        None => Cow::Borrowed(text),
        Some(mut out) => {
            out.push_str(text.get(copied..).unwrap_or_default());
            Cow::Owned(out)
        }
    })
}

/// A text without comments as strict JSON: what stands before a closing bracket is no comma any more.
pub(crate) fn without_last_commas(bare: &str) -> String {
    let mut out = String::with_capacity(bare.len());
    let mut in_string = false;
    let mut chars = bare.chars().peekable();
    let mut comma: Option<usize> = None;
    while let Some(c) = chars.next() {
        match c {
            '\\' if in_string => {
                out.push(c);
                out.extend(chars.next());
                continue;
            }
            '"' => in_string = !in_string,
            '}' | ']' if !in_string => {
                if let Some(at) = comma.take() {
                    out.replace_range(at..=at, " ");
                }
            }
            _ => {}
        }
        if !in_string && c == ',' {
            comma = Some(out.len());
        } else if !c.is_whitespace() {
            comma = None;
        }
        out.push(c);
    }
    out
}

/// The end of the comments that begin on the line of `at`, when there are any, and whether the last of them ends
/// the line (`//`). A comment over several lines belongs to what follows it.
pub(crate) fn after_line(text: &str, at: usize, limit: usize) -> Option<(usize, bool)> {
    let mut end = None;
    let mut next = at;
    loop {
        let rest = text.get(next..limit)?;
        let start = next + (rest.len() - rest.trim_start_matches([' ', '\t']).len());
        let rest = text.get(start..limit)?;
        if let Some(body) = rest.strip_prefix("//") {
            let length = body.find(['\n', '\r']).unwrap_or(body.len());
            return Some((start + 2 + length, true));
        }
        let Some(length) = rest.strip_prefix("/*").and_then(|body| body.find("*/")) else { return end };
        let stop = start + 2 + length + 2;
        if text.get(start..stop).is_none_or(|comment| comment.contains('\n')) {
            return end;
        }
        end = Some((stop, false));
        next = stop;
    }
}

/// The end of the last comment of a stretch that holds nothing but comments and white space.
pub(crate) fn last_end(text: &str, start: usize, end: usize) -> Option<usize> {
    let stretch = text.get(start..end)?;
    Comments::new(stretch).filter_map(Result::ok).last().map(|(_, end)| start + end)
}

/// Whether a `//` comment ends at this offset.
pub(crate) fn line_comment_ends(text: &str, from: usize, at: usize) -> bool {
    let Some(stretch) = text.get(from..at) else { return false };
    Comments::new(stretch).filter_map(Result::ok).last().is_some_and(|(start, end)| {
        end == stretch.len() && stretch.get(start..).is_some_and(|c| c.starts_with("//"))
    })
}

/// The comments of a text, as byte ranges; the error is where one begins that never ends.
struct Comments<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Comments<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }
}

impl Iterator for Comments<'_> {
    type Item = Result<(usize, usize), usize>;

    fn next(&mut self) -> Option<Self::Item> {
        let bytes = self.text.as_bytes();
        let mut in_string = false;
        while let Some(byte) = bytes.get(self.at) {
            match (byte, bytes.get(self.at + 1)) {
                (b'\\', _) if in_string => self.at += 1,
                (b'"', _) => in_string = !in_string,
                // A string does not go over lines; without this, one stray quote would hide all comments after it.
                (b'\n', _) => in_string = false,
                (b'/', Some(b'/')) if !in_string => {
                    let start = self.at;
                    let rest = self.text.get(start..).unwrap_or_default();
                    self.at = start + rest.find(['\n', '\r']).unwrap_or(rest.len());
                    return Some(Ok((start, self.at)));
                }
                (b'/', Some(b'*')) if !in_string => {
                    let start = self.at;
                    let Some(length) = self.text.get(start + 2..).and_then(|rest| rest.find("*/")) else {
                        self.at = self.text.len();
                        return Some(Err(start));
                    };
                    self.at = start + 2 + length + 2;
                    return Some(Ok((start, self.at)));
                }
                _ => {}
            }
            self.at += 1;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_become_spaces_and_strings_stay() {
        let cases = [
            ("{} // x", "{}     "),
            ("{/* ä\n */\"a//b\": \"/*\\\"*/\"}", "{         \"a//b\": \"/*\\\"*/\"}"),
            ("//a\r\n[1]//", "   \r\n[1]  "),
            ("{}", "{}"),
        ];
        for (text, expected) in cases {
            assert_eq!(blanked(text).expect(text), expected);
            assert_eq!(expected.len(), text.len());
        }
        assert_eq!(blanked("{} /* x"), Err(3));
        assert_eq!(blanked("/*/"), Err(0));
    }

    #[test]
    fn last_commas_go() {
        for (text, expected) in [
            ("[1, 2 , ]", "[1, 2   ]"),
            ("{\"a,]\": [\"\\\",]\",],}", "{\"a,]\": [\"\\\",]\" ] }"),
            ("[[],[]]", "[[],[]]"),
        ] {
            assert_eq!(without_last_commas(text), expected);
        }
    }
}
