//! When the writer writes: events wait a moment for others, unless something is urgent.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long events wait for others to share their transaction. Longer than an agent's call and its permission request
/// are apart, shorter than anybody notices.
const GATHER: Duration = Duration::from_millis(20);

/// Tells the writer to hurry.
#[derive(Debug, Default)]
pub(super) struct Pace {
    urgent: Mutex<bool>,
    changed: Condvar,
}

impl Pace {
    /// Something that was ordered does not wait.
    pub(super) fn hurry(&self) {
        *self.lock() = true;
        self.changed.notify_one();
    }

    /// Waits for more to come, unless something urgent has.
    pub(super) fn gather(&self) {
        let waited = self.changed.wait_timeout_while(self.lock(), GATHER, |urgent| !*urgent);
        *waited.unwrap_or_else(PoisonError::into_inner).0 = false;
    }

    fn lock(&self) -> MutexGuard<'_, bool> {
        self.urgent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_urgent_is_not_waited_for_and_counts_once() {
        let pace = Pace::default();
        pace.hurry();
        pace.hurry();
        pace.gather();
        assert!(!*pace.lock(), "taken");
        std::thread::scope(|scope| {
            scope.spawn(|| pace.hurry());
            while !*pace.lock() {
                std::thread::yield_now();
            }
        });
        pace.gather();
        assert!(!*pace.lock());
    }
}
