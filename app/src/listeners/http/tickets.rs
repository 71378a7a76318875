//! One-use tickets: a browser's event source can send no header, and a token in an address ends up in logs.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use subtle::ConstantTimeEq as _;

/// A ticket is used at once.
const VALID: Duration = Duration::from_secs(60);
/// Tickets that may wait to be used; the oldest gives way.
const MAX: usize = 64;

/// The tickets that were given out and not used.
#[derive(Default)]
pub(super) struct Tickets(Mutex<Vec<(String, Instant)>>);

impl std::fmt::Debug for Tickets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tickets")
    }
}

impl Tickets {
    /// A new ticket; `None` when the system has no chance for us.
    pub(super) fn issue(&self) -> Option<String> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).ok()?;
        let ticket = URL_SAFE_NO_PAD.encode(bytes);
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|(_, at)| at.elapsed() < VALID);
        if open.len() >= MAX {
            open.remove(0);
        }
        open.push((ticket.clone(), Instant::now()));
        Some(ticket)
    }

    /// Whether this is one. It is none afterwards.
    pub(super) fn take(&self, shown: &str) -> bool {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = open.len();
        let mut valid = false;
        open.retain(|(ticket, at)| {
            let is_it = bool::from(ticket.as_bytes().ct_eq(shown.as_bytes()));
            valid |= is_it && at.elapsed() < VALID;
            !is_it
        });
        valid && open.len() < before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_is_used_once() {
        let tickets = Tickets::default();
        let (one, other) = (tickets.issue().unwrap(), tickets.issue().unwrap());
        assert!(!tickets.take("") && !tickets.take(&one[1..]));
        assert!(tickets.take(&one));
        assert!(!tickets.take(&one));
        for _ in 0..MAX {
            tickets.issue().unwrap();
        }
        assert!(!tickets.take(&other), "the oldest gave way");
    }
}
