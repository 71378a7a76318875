//! Times as words. Ages are coarse, and a frame learns when to look again: an idle window sleeps until then.

use std::cell::Cell;

/// A time of day and a date, as a person reads them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WallTime {
    /// Year.
    pub year: i32,
    /// Month, from 1.
    pub month: u32,
    /// Day, from 1.
    pub day: u32,
    /// Hour.
    pub hour: u32,
    /// Minute.
    pub minute: u32,
    /// Second.
    pub second: u32,
}

/// Milliseconds since 1970 to local time.
pub type ToLocal = fn(u64) -> WallTime;

/// Words that change by themselves are drawn again at multiples of this, all in one frame, those of a minute and more at
/// full minutes. Twenty sessions, each with a moment of its own, would cost a frame each.
const GRID: u64 = 30 * SECOND;

/// The time of one frame.
#[derive(Clone, Debug)]
pub struct Clock {
    /// Milliseconds since 1970.
    pub now_ms: u64,
    /// Seconds of egui's clock, which never goes back.
    pub now_s: f64,
    to_local: ToLocal,
    next_change_ms: Cell<u64>,
}

impl Clock {
    /// The time of a frame.
    pub fn new(now_ms: u64, now_s: f64, to_local: ToLocal) -> Self {
        Self { now_ms, now_s, to_local, next_change_ms: Cell::new(u64::MAX) }
    }

    /// How long ago, as `now`, `15s`, `4m`, `35m`, `2h`, `3d`. Remembers when the word is to be drawn again: at
    /// the first point of the grid at which it reads otherwise.
    pub fn age(&self, at_ms: u64) -> String {
        let age = self.now_ms.saturating_sub(at_ms);
        let (word, step) = age_word(age);
        let changes_ms = self.now_ms.saturating_add(step - age % step);
        let left = changes_ms.next_multiple_of(step.clamp(GRID, MINUTE)) - self.now_ms;
        self.next_change_ms.set(self.next_change_ms.get().min(left));
        word
    }

    /// [`Self::age`] in a sentence: `just now`, `15 s ago`, `4 min ago`.
    pub fn ago(&self, at_ms: u64) -> String {
        let word = self.age(at_ms);
        let split = word.find(|c: char| c.is_alphabetic()).unwrap_or(0);
        match word.split_at_checked(split) {
            Some((number, unit)) if !number.is_empty() => {
                let unit = match unit {
                    "m" => "min",
                    "d" if number == "1" => "day",
                    "d" => "days",
                    other => other,
                };
                format!("{number} {unit} ago")
            }
            _ => "just now".to_owned(),
        }
    }

    /// Milliseconds until an age that was drawn is to be drawn again; `None` when none was drawn.
    pub fn next_change_ms(&self) -> Option<u64> {
        Some(self.next_change_ms.get()).filter(|next| *next != u64::MAX)
    }

    /// `10:41`.
    pub fn time_of_day(&self, at_ms: u64) -> String {
        let time = (self.to_local)(at_ms);
        format!("{:02}:{:02}", time.hour, time.minute)
    }

    /// `2026-11-21 10:41:07`.
    pub fn exact(&self, at_ms: u64) -> String {
        let time = (self.to_local)(at_ms);
        format!(
            "{:04}-{:02}-{:02} {:02}:{:02}:{:02}",
            time.year, time.month, time.day, time.hour, time.minute, time.second
        )
    }
}

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

fn age_word(age: u64) -> (String, u64) {
    if age < 5 * SECOND {
        ("now".to_owned(), 5 * SECOND)
    } else if age < MINUTE {
        (format!("{}s", age / (5 * SECOND) * 5), 5 * SECOND)
    } else if age < 10 * MINUTE {
        (format!("{}m", age / MINUTE), MINUTE)
    } else if age < HOUR {
        (format!("{}m", age / (5 * MINUTE) * 5), 5 * MINUTE)
    } else if age < DAY {
        (format!("{}h", age / HOUR), HOUR)
    } else {
        (format!("{}d", age / DAY), HOUR)
    }
}

/// A duration of a tool call: `40 ms`, `0.2 s`, `14.2 s`, `3 min 5 s`.
pub fn duration(ms: u64) -> String {
    if ms < 100 {
        format!("{ms} ms")
    } else if ms < MINUTE {
        format!("{}.{} s", ms / SECOND, ms % SECOND / 100)
    } else {
        format!("{} min {} s", ms / MINUTE, ms % MINUTE / SECOND)
    }
}

/// The zone of this machine.
pub fn local(at_ms: u64) -> WallTime {
    let Ok(seconds) = libc::time_t::try_from(at_ms / SECOND) else { return utc(at_ms) };
    // SAFETY: `tm` is plain numbers and a pointer, for which zeroes are a value.
    let mut time: libc::tm = unsafe { std::mem::zeroed() };
    // SAFETY: both pointers are valid for the call, and `localtime_r` keeps neither.
    let done = unsafe { libc::localtime_r(&raw const seconds, &raw mut time) };
    if done.is_null() {
        return utc(at_ms);
    }
    let number = |value: libc::c_int| u32::try_from(value).unwrap_or(0);
    WallTime {
        year: time.tm_year + 1900,
        month: number(time.tm_mon) + 1,
        day: number(time.tm_mday),
        hour: number(time.tm_hour),
        minute: number(time.tm_min),
        second: number(time.tm_sec),
    }
}

/// No zone: for tests.
pub fn utc(at_ms: u64) -> WallTime {
    let seconds = at_ms / SECOND;
    let days = i64::try_from(seconds / 86_400).unwrap_or(0);
    // Days to a date in the proleptic Gregorian calendar, with years that begin in March.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let number = |value: i64| u32::try_from(value).unwrap_or(0);
    let of_day = u32::try_from(seconds % 86_400).unwrap_or(0);
    WallTime {
        year: i32::try_from(year_of_era + era * 400 + i64::from(month <= 2)).unwrap_or(0),
        month: number(month),
        day: number(day_of_year - (153 * shifted_month + 2) / 5 + 1),
        hour: of_day / 3_600,
        minute: of_day / 60 % 60,
        second: of_day % 60,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_coarse_and_say_when_they_change() {
        let clock = Clock::new(999_999_960_000, 0.0, utc);
        assert_eq!(clock.next_change_ms(), None);
        let word = |ago: u64| clock.age(clock.now_ms - ago);
        assert_eq!(word(2 * HOUR + 5), "2h");
        assert_eq!(clock.next_change_ms(), Some(HOUR));
        assert_eq!(word(12_000), "10s");
        assert_eq!(clock.next_change_ms(), Some(GRID));
        assert_eq!([word(0), word(61_000), word(27 * MINUTE), word(3 * DAY)], ["now", "1m", "25m", "3d"]);
        assert_eq!(clock.ago(clock.now_ms - 12_000), "10 s ago");
        assert_eq!(clock.ago(clock.now_ms + 9), "just now");
    }

    #[test]
    fn ages_of_many_moments_are_drawn_again_together() {
        let now_ms = 999_999_977_000;
        let drawn = |ages: std::ops::Range<u64>| {
            let clock = Clock::new(now_ms, 0.0, utc);
            for ago in ages.step_by(777) {
                clock.age(clock.now_ms - ago);
            }
            clock.next_change_ms()
        };
        assert_eq!(drawn(0..2 * MINUTE), Some(13_000), "seconds change at half a minute too");
        assert_eq!(drawn(MINUTE..2 * HOUR), Some(43_000), "minutes at a full one");
        let later = Clock::new(now_ms + 43_000, 0.0, utc);
        for ago in (MINUTE..2 * HOUR).step_by(777) {
            later.age(later.now_ms - ago);
        }
        assert_eq!(later.next_change_ms(), Some(MINUTE), "never at once again, and no earlier");
        later.age(later.now_ms - 12_000);
        assert_eq!(later.next_change_ms(), Some(GRID));
    }

    #[test]
    fn dates() {
        let clock = Clock::new(0, 0.0, utc);
        assert_eq!(clock.exact(1_709_164_800_000), "2024-02-29 00:00:00");
        assert_eq!(clock.exact(0), "1970-01-01 00:00:00");
        assert_eq!(clock.time_of_day(1_763_721_667_000), "10:41");
        assert_eq!(
            [duration(40), duration(210), duration(14_250), duration(185_000)],
            ["40 ms", "0.2 s", "14.2 s", "3 min 5 s"]
        );
    }
}
