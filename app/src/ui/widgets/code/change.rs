//! A change of a file, made ready to be drawn: visible text, colours, the words that differ, old beside new. Colours and
//! words are made once they are looked at: of thousands of lines a screen shows fifty.

use super::ink::{COLOURED_BYTES, Run, runs};
use crate::ui::text::shown;
use hl_lite::Lang;
use magia_core::subject::{Change, DiffLine};
use similar::{ChangeTag, TextDiff};
use std::ops::Range;
use std::sync::OnceLock;

/// Longer lines are not compared word by word.
const COMPARED_BYTES: usize = 1_000;
/// Lines that have less in common are two lines, not one that changed.
const ALIKE: f32 = 0.35;
/// Lines that are coloured together where all of them would be too many.
const CHUNK: usize = 256;

/// A change, ready to be drawn.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ChangeView {
    /// As given: context, removed and added lines in turn.
    pub lines: Vec<ViewLine>,
    /// Old beside new, as places in `lines`.
    pub pairs: Vec<(Option<usize>, Option<usize>)>,
    /// For a line that changed, the one beside it.
    twins: Vec<Option<usize>>,
    words: Vec<OnceLock<Vec<Range<usize>>>>,
    language: Option<Lang>,
    /// Lines of a chunk, and the colours of each.
    chunk: usize,
    colours: Vec<OnceLock<Vec<Vec<Run>>>>,
}

/// A line, ready to be drawn.
#[derive(Clone, Debug, PartialEq)]
pub struct ViewLine {
    /// What happened to it.
    pub change: Change,
    /// Its number before, when it was there.
    pub old: Option<u32>,
    /// Its number now, when it is there.
    pub new: Option<u32>,
    /// Its text, made visible.
    pub text: String,
}

impl ChangeView {
    /// Makes a change ready.
    pub fn new(lines: &[DiffLine], language: Option<Lang>) -> Self {
        let lines: Vec<ViewLine> = lines
            .iter()
            .map(|line| ViewLine {
                change: line.change,
                old: line.old,
                new: line.new,
                text: shown(&line.text).replace('\t', "    "),
            })
            .collect();
        let (pairs, twins) = pair(&lines);
        let bytes: usize = lines.iter().map(|line| line.text.len() + 1).sum();
        let chunk = if bytes <= COLOURED_BYTES { lines.len().max(1) } else { CHUNK };
        let words = std::iter::repeat_with(OnceLock::new).take(lines.len()).collect();
        let colours = std::iter::repeat_with(OnceLock::new).take(lines.len().div_ceil(chunk)).collect();
        Self { lines, pairs, twins, words, language, chunk, colours }
    }

    /// The colours of a line.
    pub fn runs(&self, at: usize) -> &[Run] {
        let Some(chunk) = self.colours.get(at / self.chunk.max(1)) else { return &[] };
        let from = at - at % self.chunk.max(1);
        let all = chunk.get_or_init(|| {
            let lines = self.lines.get(from..self.lines.len().min(from + self.chunk)).unwrap_or_default();
            let mut runs = vec![Vec::new(); lines.len()];
            colour(lines, self.language, Change::Removed, &mut runs);
            colour(lines, self.language, Change::Added, &mut runs);
            runs
        });
        all.get(at - from).map_or(&[], Vec::as_slice)
    }

    /// The words of a line that differ from its twin.
    pub fn words(&self, at: usize) -> &[Range<usize>] {
        let (Some(words), Some(Some(twin))) = (self.words.get(at), self.twins.get(at)) else { return &[] };
        words.get_or_init(|| match (self.lines.get(at), self.lines.get(*twin)) {
            (Some(line), Some(twin)) if line.change == Change::Removed => differing(&line.text, &twin.text).0,
            (Some(line), Some(twin)) => differing(&twin.text, &line.text).1,
            _ => Vec::new(),
        })
    }
}

/// Colours one side of a change as the text that it is: a string or comment over several lines is seen whole.
fn colour(lines: &[ViewLine], language: Option<Lang>, side: Change, colours: &mut [Vec<Run>]) {
    let on_side = |line: &ViewLine| line.change == side || line.change == Change::Same;
    let mut text = String::new();
    for line in lines.iter().filter(|line| on_side(line)) {
        text.push_str(&line.text);
        text.push('\n');
    }
    let all = runs(language, &text);
    let mut rest = all.as_slice();
    let mut start = 0;
    for (line, colours) in lines.iter().zip(colours).filter(|(line, _)| on_side(line)) {
        let end = start + line.text.len();
        colours.clear();
        while let Some((to, kind)) = rest.first().copied() {
            colours.push((to.min(end) - start, kind));
            if to > end {
                break;
            }
            rest = rest.get(1..).unwrap_or_default();
            if to == end {
                break;
            }
        }
        start = end + 1;
        // The newline itself may be a stretch of its own.
        while rest.first().is_some_and(|(to, _)| *to <= start) {
            rest = rest.get(1..).unwrap_or_default();
        }
    }
}

/// Old beside new.
type Pairs = Vec<(Option<usize>, Option<usize>)>;

/// Puts old beside new: in a block that changed, the first line that went beside the first that came, and so on. Also
/// tells of each line which one is beside it.
fn pair(lines: &[ViewLine]) -> (Pairs, Vec<Option<usize>>) {
    let mut pairs = Vec::new();
    let mut twins = vec![None; lines.len()];
    let (mut gone, mut come) = (Vec::new(), Vec::new());
    for at in 0..=lines.len() {
        let change = lines.get(at).map(|line| line.change);
        match change {
            Some(Change::Removed) if come.is_empty() => gone.push(at),
            Some(Change::Added) => come.push(at),
            other => {
                flush(&mut gone, &mut come, &mut pairs, &mut twins);
                match other {
                    Some(Change::Removed) => gone.push(at),
                    Some(_) => pairs.push((Some(at), Some(at))),
                    None => {}
                }
            }
        }
    }
    (pairs, twins)
}

fn flush(gone: &mut Vec<usize>, come: &mut Vec<usize>, pairs: &mut Pairs, twins: &mut [Option<usize>]) {
    for at in 0..gone.len().max(come.len()) {
        let (old, new) = (gone.get(at).copied(), come.get(at).copied());
        pairs.push((old, new));
        if let (Some(old), Some(new)) = (old, new) {
            for (line, twin) in [(old, new), (new, old)] {
                if let Some(slot) = twins.get_mut(line) {
                    *slot = Some(twin);
                }
            }
        }
    }
    gone.clear();
    come.clear();
}

/// The words that only one of two lines has. None when they have little in common.
fn differing(old: &str, new: &str) -> (Vec<Range<usize>>, Vec<Range<usize>>) {
    if old.len() > COMPARED_BYTES || new.len() > COMPARED_BYTES {
        return Default::default();
    }
    let (old_parts, new_parts) = (parts(old), parts(new));
    let diff = TextDiff::from_slices(&old_parts, &new_parts);
    let (mut went, mut came) = (Vec::new(), Vec::new());
    let (mut before, mut after, mut alike) = (0, 0, 0);
    for change in diff.iter_all_changes() {
        let length = change.value().len();
        match change.tag() {
            ChangeTag::Equal => {
                before += length;
                after += length;
                alike += change.value().trim().len();
            }
            ChangeTag::Delete => {
                grow(&mut went, before..before + length);
                before += length;
            }
            ChangeTag::Insert => {
                grow(&mut came, after..after + length);
                after += length;
            }
        }
    }
    let longer = old.trim().len().max(new.trim().len()).max(1);
    if (alike as f32) < ALIKE * longer as f32 { Default::default() } else { (went, came) }
}

/// A line in words, runs of space, and single signs: `x.y(z)` is six parts.
fn parts(line: &str) -> Vec<&str> {
    let class = |c: char| match c {
        c if c.is_alphanumeric() || c == '_' => 0,
        c if c.is_whitespace() => 1,
        _ => 2,
    };
    let mut parts = Vec::new();
    let mut from = 0;
    let mut last = None;
    for (at, c) in line.char_indices() {
        let now = class(c);
        if last.is_some_and(|last| last != now || now == 2) {
            parts.extend(line.get(from..at));
            from = at;
        }
        last = Some(now);
    }
    parts.extend(line.get(from..).filter(|part| !part.is_empty()));
    parts
}

fn grow(ranges: &mut Vec<Range<usize>>, next: Range<usize>) {
    match ranges.last_mut() {
        Some(last) if last.end == next.start => last.end = next.end,
        _ => ranges.push(next),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hl_lite::Kind;
    use magia_core::subject::diff_lines;

    fn view(old: &str, new: &str) -> ChangeView {
        ChangeView::new(&diff_lines(old, new).0, Some(Lang::Rust))
    }

    #[test]
    fn the_words_that_differ_are_known() {
        let view = view("fn a() {}\nlet total = price * 2;\n", "fn a() {}\nlet total = price * rate;\n");
        let words = |at: usize| {
            let line = &view.lines[at];
            view.words(at).iter().map(|range| &line.text[range.clone()]).collect::<Vec<_>>()
        };
        assert_eq!((words(0), words(1), words(2)), (vec![], vec!["2"], vec!["rate"]));
        assert_eq!(view.pairs, [(Some(0), Some(0)), (Some(1), Some(2))]);
    }

    #[test]
    fn lines_with_nothing_in_common_are_two_lines() {
        let view = view("return;\n", "match self.kind {\n");
        assert!((0..view.lines.len()).all(|at| view.words(at).is_empty()));
    }

    #[test]
    fn a_long_change_is_coloured_in_chunks() {
        let new = "let x = 1; // a line that is long enough to fill the limit\n".repeat(2_000);
        let view = view("", &new);
        assert!(view.chunk == CHUNK && view.colours.iter().all(|chunk| chunk.get().is_none()));
        assert_eq!(view.runs(1_999).first().map(|run| run.1), Some(Kind::Keyword));
        assert_eq!(view.colours.iter().filter(|chunk| chunk.get().is_some()).count(), 1);
        assert!(view.runs(2_000).is_empty());
    }

    #[test]
    fn a_block_that_grows_has_gaps_beside_it() {
        let view = view("a\nold\nz\n", "a\nnew\nmore\nz\n");
        let pairs = [(Some(0), Some(0)), (Some(1), Some(2)), (None, Some(3)), (Some(4), Some(4))];
        assert_eq!(view.pairs, pairs);
    }

    #[test]
    fn a_comment_over_lines_keeps_its_colour() {
        let view = view("/* one\ntwo\nthree */\nfn a() {}\n", "/* one\ntwo!\nthree */\nfn a() {}\n");
        let all = 0..view.lines.len();
        let kinds: Vec<_> = all.clone().map(|at| view.runs(at).first().map(|run| run.1)).collect();
        assert_eq!(kinds[..4], [Some(Kind::Comment); 4]);
        assert_eq!(kinds.last(), Some(&Some(Kind::Keyword)));
        let covered = |at: usize| view.runs(at).last().map(|run| run.0) == Some(view.lines[at].text.len());
        assert!(all.clone().all(covered), "{:?}", view.lines);
    }
}
