//! The primitives of a snapshot: bytes, LEB128 numbers, texts. Reading is bounded by the bytes that are there.

use super::SnapshotError;

/// Appends primitives.
#[derive(Default)]
pub(super) struct Writer {
    pub(super) out: Vec<u8>,
}

impl Writer {
    pub(super) fn byte(&mut self, byte: u8) {
        self.out.push(byte);
    }

    /// A number, seven bits a byte, low ones first; the high bit says that more follow.
    pub(super) fn number(&mut self, number: impl TryInto<u64>) {
        let mut number: u64 = number.try_into().unwrap_or(0);
        while number >= 0x80 {
            self.out.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.out.push(number as u8);
    }

    /// Bytes after their number.
    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len());
        self.out.extend_from_slice(bytes);
    }

    pub(super) fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    /// 0, or 1 and the text.
    pub(super) fn optional_text(&mut self, text: Option<&str>) {
        self.byte(u8::from(text.is_some()));
        if let Some(text) = text {
            self.text(text);
        }
    }
}

/// Takes primitives.
pub(super) struct Reader<'a> {
    left: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { left: bytes }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.left.is_empty()
    }

    fn take(&mut self, number: usize) -> Result<&'a [u8], SnapshotError> {
        let (taken, left) = self.left.split_at_checked(number).ok_or(SnapshotError::Truncated)?;
        self.left = left;
        Ok(taken)
    }

    pub(super) fn byte(&mut self) -> Result<u8, SnapshotError> {
        self.take(1)?.first().copied().ok_or(SnapshotError::Truncated)
    }

    pub(super) fn flag(&mut self) -> Result<bool, SnapshotError> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(SnapshotError::Invalid("flag")),
        }
    }

    pub(super) fn long(&mut self) -> Result<u64, SnapshotError> {
        let mut number = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if (bits << shift) >> shift != bits {
                break;
            }
            number |= bits << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(SnapshotError::Invalid("number"))
    }

    /// A number up to a bound.
    pub(super) fn number(&mut self, most: usize) -> Result<usize, SnapshotError> {
        let number = usize::try_from(self.long()?).ok();
        number.filter(|number| *number <= most).ok_or(SnapshotError::Invalid("number"))
    }

    pub(super) fn bytes(&mut self, most: usize) -> Result<&'a [u8], SnapshotError> {
        let number = self.number(most)?;
        self.take(number)
    }

    /// A text of so many bytes at most, without control characters but newlines.
    pub(super) fn text(&mut self, most: usize) -> Result<String, SnapshotError> {
        let text = std::str::from_utf8(self.bytes(most)?).map_err(|_| SnapshotError::Invalid("text"))?;
        if text.chars().any(|c| c != '\n' && c.is_control()) {
            return Err(SnapshotError::Invalid("text"));
        }
        Ok(text.to_owned())
    }

    pub(super) fn optional_text(&mut self, most: usize) -> Result<Option<String>, SnapshotError> {
        if self.flag()? { self.text(most).map(Some) } else { Ok(None) }
    }

    /// A character that may stand in a cell.
    pub(super) fn character(&mut self) -> Result<char, SnapshotError> {
        let code = u32::try_from(self.long()?).ok();
        let c = code.and_then(char::from_u32).filter(|c| *c == '\t' || !c.is_control());
        c.ok_or(SnapshotError::Invalid("character"))
    }
}
