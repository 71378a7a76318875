//! The gate's reply: `<exit> <stdout-len> <stderr-len>\n`, then the bytes of both.
//!
//! `! <reason>\n` says instead that nobody could judge what was asked.
//!
//! The three are decimal numbers without signs, divided by one blank; `exit` is at most 255. Bytes after the
//! reply are not looked at.

use std::ops::Range;

/// The most that stdout and stderr may have together, in bytes.
pub const OUTPUT_MAX_BYTES: usize = 16 * 1024 * 1024;
/// A reason is one line of no more than this.
const REASON_MAX_BYTES: usize = 256;
/// What a reply without an answer begins with.
const UNJUDGED: &[u8] = b"! ";
/// `255 16777216 16777216\n` has 22 bytes; leading zeros may take some more.
pub const HEADER_MAX_BYTES: usize = 64;

/// What the bytes received so far are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// The beginning of a reply.
    Unfinished,
    /// No reply, whatever may follow.
    Garbage,
    /// What was asked could not be judged.
    Unjudged {
        /// Where in the bytes the reason lies.
        reason: Range<usize>,
    },
    /// A whole reply.
    Whole {
        /// The exit status for the agent.
        exit: u8,
        /// Where in the bytes the standard output lies.
        stdout: Range<usize>,
        /// Where in the bytes the standard error lies.
        stderr: Range<usize>,
    },
}

/// Takes the bytes received so far apart.
pub fn parse(bytes: &[u8]) -> Reply {
    if let Some(line) = bytes.strip_prefix(UNJUDGED) {
        let end = line.iter().take(REASON_MAX_BYTES).position(|byte| *byte == b'\n');
        return match end {
            Some(end) => Reply::Unjudged { reason: UNJUDGED.len()..UNJUDGED.len() + end },
            None if line.len() < REASON_MAX_BYTES => Reply::Unfinished,
            None => Reply::Garbage,
        };
    }
    if !bytes.is_empty() && UNJUDGED.starts_with(bytes) {
        return Reply::Unfinished;
    }
    let Some(header_len) = bytes.iter().take(HEADER_MAX_BYTES).position(|byte| *byte == b'\n') else {
        let begun =
            bytes.len() < HEADER_MAX_BYTES && bytes.iter().all(|byte| byte.is_ascii_digit() || *byte == b' ');
        return if begun { Reply::Unfinished } else { Reply::Garbage };
    };
    let Some((exit, stdout_len, stderr_len)) = bytes.get(..header_len).and_then(header) else {
        return Reply::Garbage;
    };
    let start = header_len + 1;
    let middle = start + stdout_len;
    let end = middle + stderr_len;
    if bytes.len() < end {
        return Reply::Unfinished;
    }
    Reply::Whole { exit, stdout: start..middle, stderr: middle..end }
}

fn header(line: &[u8]) -> Option<(u8, usize, usize)> {
    let mut fields = line.split(|byte| *byte == b' ');
    let mut number = |max| fields.next().and_then(|field| decimal(field, max));
    let exit = u8::try_from(number(usize::from(u8::MAX))?).ok()?;
    let stdout_len = number(OUTPUT_MAX_BYTES)?;
    let stderr_len = number(OUTPUT_MAX_BYTES - stdout_len)?;
    fields.next().is_none().then_some((exit, stdout_len, stderr_len))
}

fn decimal(digits: &[u8], max: usize) -> Option<usize> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0, |value: usize, byte| {
        let digit = byte.is_ascii_digit().then(|| usize::from(byte - b'0'))?;
        Some(value * 10 + digit).filter(|value| *value <= max)
    })
}
