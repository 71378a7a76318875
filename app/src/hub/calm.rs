//! When freed memory is given back to the system: in the calm after something happened.

use std::time::{Duration, Instant};

/// How long nothing happens in a calm.
const CALM: Duration = Duration::from_secs(2);

/// The least time from one time to the next: whoever needs memory then takes a little longer.
const APART: Duration = Duration::from_secs(30);

/// Watches for a calm.
#[derive(Debug, Default)]
pub(super) struct Calm {
    /// When the last event came, unless a calm came after it.
    stirred: Option<Instant>,
    /// When the last calm was over.
    last: Option<Instant>,
}

impl Calm {
    /// Something happened.
    pub(super) const fn stir(&mut self, now: Instant) {
        self.stirred = Some(now);
    }

    /// When the calm is over, if nothing happens until then. `None` while nothing has happened since the last.
    pub(super) fn due(&self) -> Option<Instant> {
        let calm = self.stirred? + CALM;
        Some(self.last.map_or(calm, |last| calm.max(last + APART)))
    }

    /// Whether it is over, once for each.
    pub(super) fn is_over(&mut self, now: Instant) -> bool {
        let is_over = self.due().is_some_and(|due| due <= now);
        if is_over {
            *self = Self { stirred: None, last: Some(now) };
        }
        is_over
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_comes_once_after_what_happened_and_not_often() {
        let begun = Instant::now();
        let at = |seconds: u64| begun + Duration::from_secs(seconds);
        let mut calm = Calm::default();
        assert_eq!(calm.due(), None, "nothing has happened");
        calm.stir(at(0));
        calm.stir(at(1));
        assert_eq!((calm.is_over(at(2)), calm.due()), (false, Some(at(3))));
        assert!(calm.is_over(at(3)));
        assert_eq!((calm.is_over(at(9)), calm.due()), (false, None), "once");
        calm.stir(at(10));
        assert_eq!((calm.is_over(at(20)), calm.due()), (false, Some(at(33))), "not so soon again");
        calm.stir(at(32));
        assert!(!calm.is_over(at(33)) && calm.is_over(at(34)));
    }
}
