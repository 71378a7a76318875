//! A change of a file, made ready to be drawn: visible text, colours, the words that differ, old beside new.

use super::ink::{Run, runs};
use crate::ui::text::shown;
use hl_lite::Lang;
use magia_core::subject::{Change, DiffLine};
use similar::{ChangeTag, TextDiff};
use std::ops::Range;

/// Longer lines are not compared word by word.
const COMPARED_BYTES: usize = 1_000;
/// Lines that have less in common are two lines, not one that changed.
const ALIKE: f32 = 0.35;

/// A change, ready to be drawn.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ChangeView {
    /// As given: context, removed and added lines in turn.
    pub lines: Vec<ViewLine>,
    /// Old beside new, as places in `lines`.
    pub pairs: Vec<(Option<usize>, Option<usize>)>,
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
    /// Its colours.
    pub runs: Vec<Run>,
    /// The words that differ from its twin.
    pub words: Vec<Range<usize>>,
}

impl ChangeView {
    /// Makes a change ready.
    pub fn new(lines: &[DiffLine], language: Option<Lang>) -> Self {
        let mut lines: Vec<ViewLine> = lines
            .iter()
            .map(|line| ViewLine {
                change: line.change,
                old: line.old,
                new: line.new,
                text: shown(&line.text).replace('\t', "    "),
                runs: Vec::new(),
                words: Vec::new(),
            })
            .collect();
        colour(&mut lines, language, Change::Removed);
        colour(&mut lines, language, Change::Added);
        let pairs = pair(&mut lines);
        Self { lines, pairs }
    }
}

/// Colours one side of a change as the text that it is: a string or comment over several lines is seen whole.
fn colour(lines: &mut [ViewLine], language: Option<Lang>, side: Change) {
    let on_side = |line: &&mut ViewLine| line.change == side || line.change == Change::Same;
    let mut text = String::new();
    for line in lines.iter_mut().filter(on_side) {
        text.push_str(&line.text);
        text.push('\n');
    }
    let all = runs(language, &text);
    let mut rest = all.as_slice();
    let mut start = 0;
    for line in lines.iter_mut().filter(on_side) {
        let end = start + line.text.len();
        line.runs.clear();
        while let Some((to, kind)) = rest.first().copied() {
            line.runs.push((to.min(end) - start, kind));
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

/// Puts old beside new: in a block that changed, the first line that went beside the first that came, and so on.
fn pair(lines: &mut [ViewLine]) -> Vec<(Option<usize>, Option<usize>)> {
    let mut pairs = Vec::new();
    let (mut gone, mut come) = (Vec::new(), Vec::new());
    for at in 0..=lines.len() {
        let change = lines.get(at).map(|line| line.change);
        match change {
            Some(Change::Removed) if come.is_empty() => gone.push(at),
            Some(Change::Added) => come.push(at),
            other => {
                flush(lines, &mut gone, &mut come, &mut pairs);
                match other {
                    Some(Change::Removed) => gone.push(at),
                    Some(_) => pairs.push((Some(at), Some(at))),
                    None => {}
                }
            }
        }
    }
    pairs
}

fn flush(
    lines: &mut [ViewLine],
    gone: &mut Vec<usize>,
    come: &mut Vec<usize>,
    pairs: &mut Vec<(Option<usize>, Option<usize>)>,
) {
    for at in 0..gone.len().max(come.len()) {
        let (old, new) = (gone.get(at).copied(), come.get(at).copied());
        pairs.push((old, new));
        if let (Some(old), Some(new)) = (old, new)
            && let (Some(before), Some(after)) = (lines.get(old), lines.get(new))
        {
            let (went, came) = differing(&before.text, &after.text);
            if let Some(line) = lines.get_mut(old) {
                line.words = went;
            }
            if let Some(line) = lines.get_mut(new) {
                line.words = came;
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
            line.words.iter().map(|range| &line.text[range.clone()]).collect::<Vec<_>>()
        };
        assert_eq!((words(0), words(1), words(2)), (vec![], vec!["2"], vec!["rate"]));
        assert_eq!(view.pairs, [(Some(0), Some(0)), (Some(1), Some(2))]);
    }

    #[test]
    fn lines_with_nothing_in_common_are_two_lines() {
        let view = view("return;\n", "match self.kind {\n");
        assert!(view.lines.iter().all(|line| line.words.is_empty()));
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
        let kinds: Vec<_> = view.lines.iter().map(|line| line.runs.first().map(|run| run.1)).collect();
        assert_eq!(kinds[..4], [Some(Kind::Comment); 4]);
        assert_eq!(kinds.last(), Some(&Some(Kind::Keyword)));
        let covered = |line: &ViewLine| line.runs.last().map(|run| run.0) == Some(line.text.len());
        assert!(view.lines.iter().all(covered), "{:?}", view.lines);
    }
}
