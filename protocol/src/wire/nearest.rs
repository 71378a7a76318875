//! "Did you mean": the nearest known name for a mistyped one.

/// The candidate nearest to `word`, if one is near enough to be meant: two letters, or a third of them, differ.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let letters = word.chars().count();
    let limit = (letters / 3).max(if letters > 3 { 2 } else { 1 });
    candidates
        .into_iter()
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Levenshtein distance over characters; words longer than 64 characters count as far from everything.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(65).collect();
    if a.chars().count() > 64 || b.len() > 64 {
        return usize::MAX;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, cb) in row.iter_mut().skip(1).zip(&b) {
            let above = *cell;
            left = (above + 1).min(left + 1).min(diagonal + usize::from(ca != *cb));
            diagonal = above;
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_are_found_and_far_ones_are_not() {
        let names = ["get_active_sessions", "get_session", "status"];
        assert_eq!(nearest("get_active_session", names), Some("get_active_sessions"));
        assert_eq!(nearest("statsu", names), Some("status"));
        assert_eq!(nearest("xyzzy", names), None);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(nearest(&"a".repeat(100_000), names), None);
    }
}
