//! The one form of time that transcripts have.

/// Reads `2026-11-21T19:38:21.174Z` as milliseconds since 1970. `None` for any other form, for times before
/// 1970, and for days and hours that do not exist; a 60th second counts as the next minute's first.
pub fn parse_timestamp(text: &str) -> Option<u64> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let [hour, minute, second] = numbers(time, ':', [2, 2, 2])?;
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let month_days = match month {
        2 => 28 + u64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if year < 1970 || !(1..=month_days).contains(&day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    if fraction.is_empty() || fraction.len() > 9 {
        return None;
    }
    let mut digits = fraction.bytes().chain(std::iter::repeat(b'0'));
    let mut millis = 0;
    for _ in 0..3 {
        millis = millis * 10 + digit(digits.next()?)?;
    }
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // Days since 1970 with the year beginning in March, so that the leap day is its last.
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = y * 365 + y / 4 - y / 100 + y / 400 + (m * 153 + 2) / 5 + day - 1 - 719_468;
    Some((((days * 24 + hour) * 60 + minute) * 60 + second) * 1_000 + millis)
}

/// Three numbers of exactly these many digits.
fn numbers(text: &str, between: char, lengths: [usize; 3]) -> Option<[u64; 3]> {
    let mut parts = text.split(between);
    let mut found = [0; 3];
    for (slot, length) in found.iter_mut().zip(lengths) {
        let part = parts.next().filter(|part| part.len() == length)?;
        for byte in part.bytes() {
            *slot = *slot * 10 + digit(byte)?;
        }
    }
    parts.next().is_none().then_some(found)
}

fn digit(byte: u8) -> Option<u64> {
    byte.is_ascii_digit().then(|| u64::from(byte - b'0'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_times() {
        for (text, wanted) in [
            ("1970-01-01T00:00:00Z", 0),
            ("1970-01-01T00:00:00.001Z", 1),
            ("2000-02-29T12:00:00.5Z", 951_825_600_500),
            ("2026-11-21T19:38:21.174Z", 1_795_289_901_174),
            ("2026-11-21T19:38:21.174999Z", 1_795_289_901_174),
            ("2100-03-01T00:00:00.000Z", 4_107_542_400_000),
        ] {
            assert_eq!(parse_timestamp(text), Some(wanted), "{text}");
        }
    }

    #[test]
    fn other_forms_are_no_times() {
        for text in [
            "",
            "Z",
            "2026-11-21",
            "2026-11-21T19:38:21.174",
            "2026-11-21T19:38:21.174+01:00",
            "2026-11-21 19:38:21Z",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-01-00T00:00:00Z",
            "1969-12-31T23:59:59Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:00:00.Z",
            "2026-01-01T00:00:00.+1Z",
            "2026-01-01T00:00:00.12xZ",
            "2026-01-01T00:00:00.1234567890Z",
            "+026-01-01T00:00:00Z",
            "2026-01-01-01T00:00:00Z",
        ] {
            assert_eq!(parse_timestamp(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_time_or_not(text in "\\PC{0,40}|[0-9TZ:.+-]{0,30}") {
            let _ = parse_timestamp(&text);
        }

        #[test]
        fn a_later_text_is_a_later_time(
            year in 1970_u32..2200, month in 1_u32..=12, day in 1_u32..=28, second in 0_u32..86_400,
        ) {
            let text = |second: u32| format!(
                "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.000Z",
                second / 3600, second / 60 % 60, second % 60
            );
            let midnight = parse_timestamp(&text(0)).unwrap();
            prop_assert_eq!(parse_timestamp(&text(second)), Some(midnight + u64::from(second) * 1_000));
            prop_assert_eq!(midnight % 86_400_000, 0);
        }
    }
}
