//! Times for people: how long ago, coarse enough to be read at a glance.

use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970.
pub fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// How long before `now_ms` the time `at_ms` was: `5 s`, `2 m`, `3 h`, `4 d`; what lies ahead is `0 s`.
pub fn age(now_ms: u64, at_ms: u64) -> String {
    let seconds = now_ms.saturating_sub(at_ms) / 1_000;
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} m", seconds / 60),
        3_600..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// How long something took: `350 ms`, `2.5 s`, `3 m`.
pub fn duration(ms: u64) -> String {
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..60_000 => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
        _ => age(ms, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_coarse() {
        let ago = |seconds: u64| age(1_000_000_000_000, 1_000_000_000_000 - seconds * 1_000);
        assert_eq!([ago(0), ago(59), ago(60), ago(3_599)], ["0 s", "59 s", "1 m", "59 m"]);
        assert_eq!([ago(3_600), ago(47 * 3_600), ago(48 * 3_600)], ["1 h", "47 h", "2 d"]);
        assert_eq!(age(5, 10_000), "0 s");
    }

    #[test]
    fn durations_keep_what_matters() {
        assert_eq!([duration(7), duration(2_590), duration(61_000)], ["7 ms", "2.5 s", "1 m"]);
    }
}
