//! Half characters in JSON. JavaScript cuts texts between the two units of an emoji and writes what is left as `\ud83d`,
//! which is JSON and which no text of Rust holds: a line would be lost for one character.

use std::borrow::Cow;

/// The JSON `line` with each escape that is half a character taken for U+FFFD, as JavaScript itself takes it where it
/// writes text. No other byte changes, and none moves.
pub fn paired(line: &[u8]) -> Cow<'_, [u8]> {
    // Most lines have none: what JSON need not escape, agents write as it is.
    if memchr::memmem::find(line, br"\u").is_none() {
        return Cow::Borrowed(line);
    }
    let mut halves = Vec::new();
    let mut at = 0;
    while let Some(found) = line.get(at..).and_then(|rest| memchr::memchr(b'\\', rest)) {
        at += found;
        at += match (unit(line, at), unit(line, at + ESCAPE)) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => 2 * ESCAPE,
            (Some(0xd800..=0xdfff), _) => {
                halves.push(at);
                ESCAPE
            }
            // Also a backslash that is escaped itself.
            _ => 2,
        };
    }
    if halves.is_empty() {
        return Cow::Borrowed(line);
    }
    let mut whole = line.to_vec();
    for at in halves {
        if let Some(escape) = whole.get_mut(at..at + ESCAPE) {
            escape.copy_from_slice(br"\ufffd");
        }
    }
    Cow::Owned(whole)
}

/// Bytes of `\ud83d`.
const ESCAPE: usize = 6;

/// The unit that is escaped at a place.
fn unit(line: &[u8], at: usize) -> Option<u16> {
    let digits = line.get(at..at + ESCAPE)?.strip_prefix(br"\u")?;
    let digits = std::str::from_utf8(digits).ok().filter(|digits| !digits.starts_with('+'))?;
    u16::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    #[test]
    fn halves_become_a_sign_and_nothing_else_changes() {
        let cases = [
            (r#""a\ud83d""#, r#""a\ufffd""#),
            (r#""\uDE00\ud83d""#, r#""\ufffd\ufffd""#),
            (r#""\ud83d\ud83d\ude00""#, r#""\ufffd\ud83d\ude00""#),
            (r#""\\ud83d \\\ud83d""#, r#""\\ud83d \\\ufffd""#),
        ];
        for (line, whole) in cases {
            assert_eq!(paired(line.as_bytes()), whole.as_bytes(), "{line}");
            assert!(serde_json::from_slice::<Value>(&paired(line.as_bytes())).is_ok(), "{line}");
        }
        for line in [r#""\ud83d\ude00 \n\" \u00e9 \\""#, r#"{"a":"\u+123"}"#, "\\", "\\u", "\\ud8", ""] {
            assert!(
                matches!(paired(line.as_bytes()), Cow::Borrowed(same) if same == line.as_bytes()),
                "{line}"
            );
        }
    }

    proptest! {
        #[test]
        fn what_had_only_halves_wrong_is_read(parts in prop::collection::vec(
            prop::sample::select(vec![r"\ud83d", r"\ude00", r"\\", r"\n", r"\u0041", "ud83d", "x", "ä", r#"\""#]), 0..12)) {
            let line = format!("\"{}\"", parts.concat());
            let whole = paired(line.as_bytes());
            prop_assert_eq!(whole.len(), line.len());
            prop_assert!(serde_json::from_slice::<Value>(&whole).is_ok(), "{}", line);
            if serde_json::from_str::<Value>(&line).is_ok() {
                prop_assert_eq!(&*whole, line.as_bytes());
            }
        }
    }
}
