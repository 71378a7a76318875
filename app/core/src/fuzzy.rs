//! Finding by a few letters: each word of what is typed must stand in the text, its letters in order.

/// For a letter that follows the one before it.
const NEXT: i32 = 16;
/// For a letter at the beginning of a word.
const WORD: i32 = 12;
/// For the very first letter.
const FIRST: i32 = 8;
/// For each letter.
const LETTER: i32 = 4;
/// What a gap costs, and the most that it costs.
const GAP: i32 = 1;
const GAP_MAX: i32 = 12;

/// What is looked for, ready to be compared with many texts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needle {
    words: Vec<Vec<char>>,
}

/// A text, ready to be searched many times.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hay {
    lower: Vec<char>,
    /// Whether a word begins there.
    begins: Vec<bool>,
}

impl Hay {
    /// Prepares a text.
    pub fn new(text: &str) -> Self {
        let mut hay = Self { lower: Vec::with_capacity(text.len()), begins: Vec::with_capacity(text.len()) };
        let mut before = ' ';
        for c in text.chars() {
            // One char for each, so that places in it are places in the text.
            hay.lower.push(c.to_lowercase().next().unwrap_or(c));
            let begins = c.is_alphanumeric()
                && (!before.is_alphanumeric() || (c.is_uppercase() && before.is_lowercase()));
            hay.begins.push(begins);
            before = c;
        }
        hay
    }
}

impl Needle {
    /// What is typed; white space separates words, which may stand in any order.
    pub fn new(typed: &str) -> Self {
        let words = typed.split_whitespace();
        let lower = |word: &str| word.chars().map(|c| c.to_lowercase().next().unwrap_or(c)).collect();
        Self { words: words.map(lower).collect() }
    }

    /// Whether nothing is looked for: then everything is found.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// How well a text fits; `None` when it does not.
    pub fn score(&self, hay: &Hay) -> Option<i32> {
        let mut score = 0;
        for word in &self.words {
            score += find(word, hay, |_| {})?;
        }
        // Of two that fit alike the shorter one is meant.
        Some(score - i32::try_from(hay.lower.len().min(400) / 8).unwrap_or_default())
    }

    /// Which characters of the text were meant, in order, each once.
    pub fn places(&self, hay: &Hay) -> Vec<usize> {
        let mut places = Vec::new();
        for word in &self.words {
            find(word, hay, |at| places.push(at));
        }
        places.sort_unstable();
        places.dedup();
        places
    }
}

/// The best of a few places where a word's letters stand in order: from each place where it could end, the letters
/// before are looked for backwards, so that they stand as close as they can.
fn find(word: &[char], hay: &Hay, place: impl FnMut(usize)) -> Option<i32> {
    const TRIES: usize = 4;
    let mut best: Option<(i32, Vec<usize>)> = None;
    let mut from = 0;
    for _ in 0..TRIES {
        let Some(end) = end_of(word, hay, from) else { break };
        let places = backwards(word, hay, end);
        let score = rate(&places, hay);
        if best.as_ref().is_none_or(|(known, _)| score > *known) {
            best = Some((score, places.clone()));
        }
        from = places.first().map_or(end, |first| *first) + 1;
    }
    let (score, places) = best?;
    places.into_iter().for_each(place);
    Some(score)
}

/// Where a word's last letter stands when its letters are taken as early as they come.
fn end_of(word: &[char], hay: &Hay, from: usize) -> Option<usize> {
    let mut letters = word.iter();
    let mut wanted = letters.next()?;
    for (at, c) in hay.lower.iter().enumerate().skip(from) {
        if c == wanted {
            match letters.next() {
                Some(next) => wanted = next,
                None => return Some(at),
            }
        }
    }
    None
}

fn backwards(word: &[char], hay: &Hay, end: usize) -> Vec<usize> {
    let mut places = Vec::with_capacity(word.len());
    let mut letters = word.iter().rev();
    let mut wanted = letters.next();
    let until = hay.lower.get(..=end).unwrap_or_default();
    for (at, c) in until.iter().enumerate().rev() {
        let Some(letter) = wanted else { break };
        if c == letter {
            places.push(at);
            wanted = letters.next();
        }
    }
    places.reverse();
    places
}

fn rate(places: &[usize], hay: &Hay) -> i32 {
    let mut score = 0;
    let mut before: Option<usize> = None;
    for at in places.iter().copied() {
        score += LETTER;
        if hay.begins.get(at) == Some(&true) {
            score += WORD;
        }
        match before {
            None if at == 0 => score += FIRST,
            None => {}
            Some(last) if last + 1 == at => score += NEXT,
            Some(last) => {
                let gap = i32::try_from(at - last - 1).unwrap_or(GAP_MAX);
                score -= (gap * GAP).min(GAP_MAX);
            }
        }
        before = Some(at);
    }
    score
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(needle: &str, hay: &str) -> Option<i32> {
        Needle::new(needle).score(&Hay::new(hay))
    }

    fn marked(needle: &str, hay: &str) -> String {
        let places = Needle::new(needle).places(&Hay::new(hay));
        let mark =
            |(at, c): (usize, char)| if places.contains(&at) { format!("[{c}]") } else { c.to_string() };
        hay.chars().enumerate().map(mark).collect()
    }

    #[test]
    fn letters_in_order_fit_and_others_do_not() {
        assert!(score("nses", "New session...").is_some());
        assert!(score("SES new", "New session...").is_some(), "words in any order, capitals alike");
        assert_eq!(score("sessionx", "New session..."), None);
        assert_eq!(score("oiss", "New session..."), None, "not in this order");
        assert!(score("", "anything").is_some());
        assert!(Needle::new("  ").is_empty());
    }

    #[test]
    fn what_is_meant_comes_first() {
        for (needle, better, worse) in [
            ("set", "Settings", "Show or fold the details"),
            ("ns", "New session", "Open sessions"),
            ("cart", "Fix the cart", "Clear all records today"),
            ("term", "Terminals", "Determine the cause"),
            ("fix", "Fix", "Fix the cart and all that belongs to it, at last"),
        ] {
            assert!(score(needle, better) > score(needle, worse), "{needle}");
        }
    }

    #[test]
    fn the_letters_that_were_meant_are_marked() {
        assert_eq!(marked("ses", "New session"), "New [s][e][s]sion");
        assert_eq!(marked("cart fi", "Fix the cart"), "[F][i]x the [c][a][r][t]");
        assert_eq!(marked("ä", "Äpfel"), "[Ä]pfel");
        assert_eq!(marked("xyz", "abc"), "abc");
    }
}
