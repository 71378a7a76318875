//! What can be saved of a hook message whose line was over the limit.

use magia_protocol::wire::HookMessage;
use serde_json::{Map, Value};

/// Ends the part that the handler wrote; what follows is the agent's.
const PAYLOAD: &[u8] = b"\"payload\":";

/// What places an event in its session; agents put these in front of what can be long.
const KEPT: &[&str] = &[
    "session_id",
    "transcript_path",
    "cwd",
    "hook_event_name",
    "tool_name",
    "tool_use_id",
    "prompt_id",
    "turn_id",
    "agent_id",
    "permission_mode",
];

/// Makes a message of the first bytes of a line; `None` when they do not begin like a hook message. Its payload
/// is an object of the texts among [`KEPT`] that the bytes hold whole, and `"magia_cut": true`.
pub(super) fn cut_message(head: &[u8]) -> Option<HookMessage> {
    let at = head.windows(PAYLOAD.len()).position(|window| window == PAYLOAD)?;
    let (header, payload) = head.split_at_checked(at + PAYLOAD.len())?;
    let mut line = header.to_vec();
    line.extend_from_slice(b"null}");
    let mut message = HookMessage::parse(&line).ok()?;
    let mut kept = Map::new();
    for (key, value) in (TopLevelTexts { rest: payload, begun: false }) {
        if KEPT.contains(&key.as_str()) {
            kept.entry(key).or_insert(Value::String(value));
        }
    }
    kept.insert("magia_cut".to_owned(), Value::Bool(true));
    message.payload = serde_json::value::to_raw_value(&kept).ok()?;
    message.cut = true;
    Some(message)
}

/// The members of a JSON object whose values are texts, as far as the bytes go.
struct TopLevelTexts<'a> {
    rest: &'a [u8],
    begun: bool,
}

impl Iterator for TopLevelTexts<'_> {
    type Item = (String, String);

    fn next(&mut self) -> Option<Self::Item> {
        if !self.begun {
            self.expect(b'{')?;
            self.begun = true;
        }
        loop {
            let key = self.text()?;
            self.expect(b':')?;
            self.skip_blanks();
            if self.rest.first() == Some(&b'"') {
                let value = self.text()?;
                // Behind the last member there is no comma, and then nothing that we want either.
                let _ = self.expect(b',');
                if let (Ok(key), Ok(value)) = (serde_json::from_slice(key), serde_json::from_slice(value)) {
                    return Some((key, value));
                }
            } else {
                self.skip_value()?;
                self.expect(b',')?;
            }
        }
    }
}

impl<'a> TopLevelTexts<'a> {
    fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_ascii_start();
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        self.skip_blanks();
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        (*first == byte).then_some(())
    }

    /// A text with its quotes, escapes as they are.
    fn text(&mut self) -> Option<&'a [u8]> {
        self.skip_blanks();
        let end = text_end(self.rest)?;
        let (text, rest) = self.rest.split_at_checked(end)?;
        self.rest = rest;
        Some(text)
    }

    /// Skips a value that is no text, up to the comma or bracket behind it.
    fn skip_value(&mut self) -> Option<()> {
        let mut depth = 0_usize;
        let mut at = 0;
        loop {
            match self.rest.get(at)? {
                b'"' => at += text_end(self.rest.get(at..)?)?,
                b',' | b'}' | b']' if depth == 0 => break,
                b'{' | b'[' => {
                    depth += 1;
                    at += 1;
                }
                b'}' | b']' => {
                    depth -= 1;
                    at += 1;
                }
                _ => at += 1,
            }
        }
        self.rest = self.rest.get(at..)?;
        Some(())
    }
}

/// Where the text that `bytes` begin with ends, its closing quote included.
fn text_end(bytes: &[u8]) -> Option<usize> {
    let mut at = 1;
    if bytes.first() != Some(&b'"') {
        return None;
    }
    loop {
        match bytes.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HEAD: &str = r#"{"v":1,"provider":"claude","event":"PostToolUse","pid":7,"ppid":5,"pstart":9,"tty":"","sent_unix_ns":3,"payload":"#;

    fn payload_of(payload: &str) -> Option<Value> {
        let message = cut_message(format!("{HEAD}{payload}").as_bytes())?;
        assert!(message.cut);
        assert_eq!((message.event.as_str(), message.ppid), ("PostToolUse", 5));
        Some(serde_json::from_str(message.payload.get()).expect("our own JSON"))
    }

    #[test]
    fn what_stands_before_the_cut_is_kept() {
        let check = |payload: &str, expect: Value| assert_eq!(payload_of(payload), Some(expect), "{payload}");
        check("", serde_json::json!({"magia_cut": true}));
        check("[1,2", serde_json::json!({"magia_cut": true}));
        check(
            r#" {"session_id": "s\"1", "other":"x","n":{"cwd":"no","a":[1,"]}"]},"cwd":"/a","tool_input":{"content":"xxxx"#,
            serde_json::json!({"session_id": "s\"1", "cwd": "/a", "magia_cut": true}),
        );
        check(r#"{"cwd":"/a","session_id":"half"#, serde_json::json!({"cwd": "/a", "magia_cut": true}));
        check(r#"{"n":1,"cwd":"/a"}}"#, serde_json::json!({"cwd": "/a", "magia_cut": true}));
        check(r#"{"cwd":"/a","cwd":"/b"}"#, serde_json::json!({"cwd": "/a", "magia_cut": true}));
    }

    #[test]
    fn what_does_not_begin_like_a_message_is_none() {
        assert!(cut_message(b"").is_none());
        assert!(cut_message(b"xxxx").is_none());
        assert!(cut_message(br#"{"v":1,"payload":{"session_id":"a""#).is_none());
    }

    proptest! {
        #[test]
        fn any_payload_is_survived(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let mut head = HEAD.as_bytes().to_vec();
            head.extend_from_slice(&bytes);
            prop_assert!(cut_message(&head).is_some());
        }

        #[test]
        fn json_like_bytes_are_survived(text in r#"[{}\[\]",:\\a1 ]{0,200}"#) {
            let head = [HEAD, "{", &text].concat();
            prop_assert!(cut_message(head.as_bytes()).is_some());
        }
    }
}
