//! The clock: the only place that reads it for the model.

use magia_core::event::Now;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Reads the wall clock and one that never goes back.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Instant,
}

impl Default for Clock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock {
    /// A clock whose monotonic time begins now.
    pub fn new() -> Self {
        Self { start: Instant::now() }
    }

    /// The time.
    pub fn now(&self) -> Now {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Now { unix_ms: millis(unix.as_millis()), mono_ms: millis(self.start.elapsed().as_millis()) }
    }
}

fn millis(wide: u128) -> u64 {
    u64::try_from(wide).unwrap_or(u64::MAX)
}
