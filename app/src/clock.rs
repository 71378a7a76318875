//! The clock: the only place that reads it for the model.

use magia_core::event::Now;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How old what is known of the time zone may be.
const ZONE_AGE: Duration = Duration::from_secs(60);

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

/// The minute of the day, by local time.
pub fn minute_of_day(unix_ms: u64) -> u16 {
    let utc = u16::try_from(unix_ms / 60_000 % 1_440).unwrap_or(0);
    let Ok(seconds) = libc::time_t::try_from(unix_ms / 1_000) else { return utc };
    keep_zone();
    // SAFETY: `tm` is plain numbers and a pointer, for which zeroes are a value.
    let mut time: libc::tm = unsafe { std::mem::zeroed() };
    // SAFETY: both pointers are valid for the call, and `localtime_r` keeps neither.
    let done = unsafe { libc::localtime_r(&raw const seconds, &raw mut time) };
    if done.is_null() {
        return utc;
    }
    u16::try_from(time.tm_hour * 60 + time.tm_min).unwrap_or(utc)
}

/// Reads the time zone anew, at most once a minute: a machine that is carried elsewhere has another one.
fn keep_zone() {
    unsafe extern "C" {
        fn tzset();
    }
    static READ: Mutex<Option<Instant>> = Mutex::new(None);
    let mut read = READ.lock().unwrap_or_else(PoisonError::into_inner);
    if read.is_none_or(|read| read.elapsed() >= ZONE_AGE) {
        *read = Some(Instant::now());
        // SAFETY: it takes nothing. It reads TZ, which nothing here changes, and has a lock of its own against
        // `localtime_r`.
        unsafe { tzset() };
    }
}

fn millis(wide: u128) -> u64 {
    u64::try_from(wide).unwrap_or(u64::MAX)
}
