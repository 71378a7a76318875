//! The key that detaches.

use std::str::FromStr;

/// The key that detaches; Ctrl+\ unless told otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DetachKey(Option<u8>);

impl Default for DetachKey {
    fn default() -> Self {
        Self(Some(b'\\'))
    }
}

/// A text that names no such key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a detach key is ctrl- and a letter or one of [ \\ ] ^ _, or none")]
pub struct DetachKeyError;

impl FromStr for DetachKey {
    type Err = DetachKeyError;

    fn from_str(text: &str) -> Result<Self, DetachKeyError> {
        let text = text.to_ascii_lowercase();
        if text == "none" {
            return Ok(Self(None));
        }
        match text.strip_prefix("ctrl-").map(str::as_bytes) {
            Some(&[key @ (b'a'..=b'z' | b'[' | b'\\' | b']' | b'^' | b'_')]) => Ok(Self(Some(key))),
            _ => Err(DetachKeyError),
        }
    }
}

/// What to do with typed bytes.
#[derive(Debug, PartialEq, Eq)]
pub struct Taken {
    /// For the program.
    pub bytes: Vec<u8>,
    /// The key was among them; what came after it is for nobody.
    pub is_detached: bool,
}

impl Taken {
    /// All for the program.
    pub fn all(bytes: &[u8]) -> Self {
        Self { bytes: bytes.to_vec(), is_detached: false }
    }
}

/// Looks for the key, in the ways that terminals send it.
#[derive(Debug)]
pub struct Keys {
    spellings: Vec<Vec<u8>>,
}

impl Keys {
    /// Looks for `key`.
    pub fn new(key: DetachKey) -> Self {
        let Some(letter) = key.0 else {
            return Self { spellings: Vec::new() };
        };
        let control = letter.to_ascii_uppercase() & 0x1f;
        let mut spellings = vec![vec![control], format!("\x1b[27;5;{letter}~").into_bytes()];
        // The kitty keyboard protocol; 64 is Caps Lock and 128 Num Lock.
        for modifiers in [5, 69, 133, 197] {
            for event in ["", ":1"] {
                spellings.push(format!("\x1b[{letter};{modifiers}{event}u").into_bytes());
            }
        }
        Self { spellings }
    }

    /// Takes what was typed apart.
    pub fn take(&mut self, bytes: &[u8]) -> Taken {
        let found = (0..bytes.len()).find(|at| {
            let rest = bytes.get(*at..).unwrap_or_default();
            self.spellings.iter().any(|spelling| rest.starts_with(spelling))
        });
        match found {
            Some(at) => Taken { bytes: bytes.get(..at).unwrap_or_default().to_vec(), is_detached: true },
            None => Taken::all(bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_known_in_every_spelling() {
        let mut keys = Keys::new(DetachKey::default());
        for typed in ["ab\x1cde", "ab\x1b[92;5u", "ab\x1b[92;133:1uxx", "ab\x1b[27;5;92~"] {
            assert_eq!(
                keys.take(typed.as_bytes()),
                Taken { bytes: b"ab".to_vec(), is_detached: true },
                "{typed:?}"
            );
        }
        for typed in ["\\", "\x1b[92;6u", "\x1b[92;5:3u", "\x1b[A"] {
            assert_eq!(keys.take(typed.as_bytes()), Taken::all(typed.as_bytes()));
        }
        assert!(!Keys::new("none".parse().unwrap()).take(b"\x1c").is_detached);
        assert!(Keys::new("ctrl-A".parse().unwrap()).take(b"\x01").is_detached);
        for wrong in ["", "a", "ctrl-", "ctrl-1", "ctrl-ab", "alt-a"] {
            assert_eq!(wrong.parse::<DetachKey>(), Err(DetachKeyError));
        }
    }
}
