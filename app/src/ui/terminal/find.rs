//! Search in the scrollback. What is visible is matched anew each pass; the count comes from going through all of it a
//! piece at a time, so that no pass takes long.

use super::frame::TerminalFrame;
use super::look::Mark;
use alacritty_terminal::Term;
use alacritty_terminal::event::EventListener;
use alacritty_terminal::grid::Dimensions as _;
use alacritty_terminal::index::{Boundary, Column, Direction, Line, Point, Side};
use alacritty_terminal::term::search::{Match, RegexIter, RegexSearch};
use std::cmp::Ordering;

/// Lines that are gone through in one pass.
const LINES_A_PASS: i32 = 1_000;

/// More are not counted.
const MOST_MATCHES: usize = 10_000;

/// Lines that the newest match is looked for in, from where it begins.
const MATCH_LINES: usize = 100;

/// How long after a change the count is made anew, in seconds.
const RECOUNT_S: f64 = 0.5;

/// An open search.
#[derive(Default)]
pub(super) struct Find {
    /// What is searched for, as it was typed.
    pub query: String,
    /// Whether the field is to get the keyboard.
    pub wants_focus: bool,
    /// Whether the field had the keyboard when it was drawn last.
    pub has_keys: bool,
    /// What is searched for has changed: its newest match is gone to as soon as it is known.
    seeks: bool,
    compiled: Option<(String, RegexSearch)>,
    count: Count,
    current: Option<Match>,
}

/// The matches of everything, oldest first.
#[derive(Default)]
struct Count {
    matches: Vec<Point>,
    /// The line that the next piece begins with; none when all was gone through.
    next: Option<Line>,
    fresh: Vec<Point>,
    /// Which frame it was made of, and when it was begun.
    revision: u64,
    begun_s: f64,
    complete: bool,
}

/// What is drawn of a search.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Found {
    pub visible: Vec<Mark>,
    pub current: Vec<Mark>,
    /// Such as "3 of 12".
    pub summary: String,
    /// Whether another pass goes on.
    pub unfinished: bool,
}

impl Find {
    /// Takes another query.
    fn compile(&mut self) -> Option<&mut RegexSearch> {
        if self.compiled.as_ref().is_none_or(|(query, _)| *query != self.query) {
            self.compiled =
                RegexSearch::new(&literal(&self.query)).ok().map(|regex| (self.query.clone(), regex));
            self.current = None;
            self.seeks = !self.query.is_empty();
            self.count = Count { next: Some(Line(i32::MIN)), ..Count::default() };
        }
        self.compiled.as_mut().map(|(_, regex)| regex).filter(|_| !self.query.is_empty())
    }

    /// Goes to the next match: older ones are to the left, newer ones to the right; round the ends.
    pub fn go<L: EventListener>(&mut self, direction: Direction, term: &mut Term<L>) {
        let current = self.current.clone();
        let Some(regex) = self.compile() else { return };
        let origin = match (&current, direction) {
            (Some(at), Direction::Left) => at.start().sub(term, Boundary::None, 1),
            (Some(at), Direction::Right) => at.end().add(term, Boundary::None, 1),
            // The first one is the nearest to what is seen, from its lower end.
            (None, _) => {
                let offset = i32::try_from(term.grid().display_offset()).unwrap_or(0);
                Point::new(term.bottommost_line() - offset, term.last_column())
            }
        };
        let side = if direction == Direction::Left { Side::Left } else { Side::Right };
        let found = term.search_next(regex, origin, direction, side, None);
        if let Some(found) = &found {
            term.scroll_to_point(*found.start());
        }
        self.current = found;
        self.seeks = false;
    }

    /// Goes to the newest match of what was typed last, once all of them are known.
    pub fn seek<L: EventListener>(&mut self, term: &mut Term<L>) {
        // Compiling another needle begins the count anew.
        if !self.seeks || self.compile().is_none() || !self.count.complete {
            return;
        }
        self.seeks = false;
        let Self { compiled: Some((_, regex)), count, .. } = self else { return };
        let Some(newest) = count.matches.last().copied() else { return };
        let found = if count.matches.len() < MOST_MATCHES {
            term.search_next(regex, newest, Direction::Right, Side::Left, Some(MATCH_LINES))
        } else {
            // Not all were counted; so many are never far apart.
            let end = Point::new(term.bottommost_line(), term.last_column());
            term.search_next(regex, end, Direction::Left, Side::Right, None)
        };
        if let Some(found) = &found {
            term.scroll_to_point(*found.start());
        }
        self.current = found;
    }

    /// Matches what is visible and goes on counting.
    pub fn look<L: EventListener>(&mut self, term: &Term<L>, frame: &TerminalFrame, now_s: f64) -> Found {
        let current = self.current.clone();
        if self.compile().is_none() {
            return Found::default();
        }
        let Self { compiled: Some((_, regex)), count, .. } = self else { return Found::default() };
        count.go_on(regex, term, frame.revision, now_s);
        let offset = i32::try_from(frame.display_offset).unwrap_or(0);
        let first = Point::new(Line(-offset), Column(0));
        let last = Point::new(Line(i32::try_from(frame.lines).unwrap_or(1) - 1 - offset), term.last_column());
        let start = term.line_search_left(first);
        let end = term.line_search_right(last);
        let unfinished = count.next.is_some() || self.seeks;
        let mut found = Found { unfinished, ..Found::default() };
        for matched in
            RegexIter::new(start, end, Direction::Right, term, regex).take(frame.lines * frame.columns)
        {
            push_marks(&matched, frame, &mut found.visible);
        }
        if let Some(current) = &current {
            push_marks(current, frame, &mut found.current);
        }
        found.summary = count.summary(current.as_ref().map(|at| *at.start()));
        found
    }

    /// Whether another pass is wanted by itself.
    pub fn recount_in(&self, now_s: f64, revision: u64) -> Option<f64> {
        (self.count.complete && self.count.revision != revision && !self.query.is_empty())
            .then(|| (self.count.begun_s + RECOUNT_S - now_s).max(0.001))
    }
}

impl Count {
    fn go_on<L: EventListener>(
        &mut self,
        regex: &mut RegexSearch,
        term: &Term<L>,
        revision: u64,
        now_s: f64,
    ) {
        if self.next.is_none() && self.revision != revision && now_s - self.begun_s >= RECOUNT_S {
            self.next = Some(Line(i32::MIN));
        }
        let Some(next) = self.next else { return };
        if next.0 == i32::MIN {
            self.fresh.clear();
            self.revision = revision;
            self.begun_s = now_s;
        }
        let from = next.max(term.topmost_line());
        let bottom = term.bottommost_line();
        let to = Line((from.0 + LINES_A_PASS - 1).min(bottom.0));
        let end = term.line_search_right(Point::new(to, term.last_column()));
        let room = MOST_MATCHES.saturating_sub(self.fresh.len());
        let iter = RegexIter::new(Point::new(from, Column(0)), end, Direction::Right, term, regex);
        self.fresh.extend(iter.take(room).map(|matched| *matched.start()));
        self.next = (end.line < bottom && self.fresh.len() < MOST_MATCHES).then_some(end.line + 1);
        if self.next.is_none() {
            self.matches = std::mem::take(&mut self.fresh);
            self.complete = true;
        }
    }

    fn summary(&self, current: Option<Point>) -> String {
        let total = self.matches.len();
        let many = if total >= MOST_MATCHES { "+" } else { "" };
        if !self.complete {
            return "…".to_owned();
        }
        if total == 0 {
            return "No match".to_owned();
        }
        let number = current.and_then(|at| self.matches.binary_search_by(|other| order(*other, at)).ok());
        match number {
            Some(index) => format!("{} of {total}{many}", index + 1),
            None => format!("{total}{many} found"),
        }
    }
}

fn order(one: Point, other: Point) -> Ordering {
    (one.line, one.column).cmp(&(other.line, other.column))
}

fn push_marks(matched: &Match, frame: &TerminalFrame, marks: &mut Vec<Mark>) {
    let offset = i32::try_from(frame.display_offset).unwrap_or(0);
    for line in matched.start().line.0..=matched.end().line.0 {
        let Ok(on_screen) = usize::try_from(line + offset) else { continue };
        if on_screen >= frame.lines {
            break;
        }
        let from = if line == matched.start().line.0 { matched.start().column.0 } else { 0 };
        let to = if line == matched.end().line.0 { matched.end().column.0 + 1 } else { frame.columns };
        marks.push(Mark { line: on_screen, from, to });
    }
}

/// The pattern that matches exactly this; small letters match both, as in most searches.
fn literal(query: &str) -> String {
    let mut pattern = String::with_capacity(query.len() * 2);
    for character in query.chars() {
        if r"\.+*?()|[]{}^$#&-~/".contains(character) {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;
    use alacritty_terminal::event::VoidListener;
    use alacritty_terminal::term::Config;
    use alacritty_terminal::term::test::TermSize;
    use alacritty_terminal::vte::ansi::{Processor, StdSyncHandler};

    fn screen(text: &str) -> (Term<VoidListener>, TerminalFrame) {
        let mut term = Term::new(Config::default(), &TermSize::new(20, 4), VoidListener);
        Processor::<StdSyncHandler>::new().advance(&mut term, text.as_bytes());
        let mut frame = TerminalFrame::default();
        frame.take(&term, term.cursor_style());
        (term, frame)
    }

    fn look(find: &mut Find, term: &Term<VoidListener>, frame: &mut TerminalFrame) -> Found {
        frame.take(term, term.cursor_style());
        let mut found = find.look(term, frame, 0.0);
        while found.unfinished && find.count.next.is_some() {
            found = find.look(term, frame, 0.0);
        }
        found
    }

    #[test]
    fn matches_are_counted_and_gone_through() {
        let text: String = (0..3_000)
            .map(|n| format!("line {n} {}\r\n", if n % 1_000 == 7 { "Needle" } else { "-" }))
            .collect();
        let (mut term, mut frame) = screen(&text);
        let mut find = Find { query: "needle".to_owned(), ..Find::default() };
        assert_eq!(look(&mut find, &term, &mut frame).summary, "3 found");
        find.go(Direction::Left, &mut term);
        let found = look(&mut find, &term, &mut frame);
        assert_eq!(found.summary, "3 of 3");
        assert_eq!(found.current.len(), 1);
        assert_eq!(found.visible, found.current);
        assert!(frame.text().contains("2007 Needle"), "{}", frame.text());
        find.go(Direction::Left, &mut term);
        assert_eq!(look(&mut find, &term, &mut frame).summary, "2 of 3");
        find.go(Direction::Right, &mut term);
        find.go(Direction::Right, &mut term);
        assert_eq!(look(&mut find, &term, &mut frame).summary, "1 of 3", "round the end");
    }

    #[test]
    fn the_newest_match_is_gone_to_while_one_types() {
        let text: String = (0..3_000)
            .map(|n| format!("line {n} {}\r\n", if n % 1_000 == 7 { "Needle" } else { "-" }))
            .collect();
        let (mut term, mut frame) = screen(&text);
        let mut find = Find { query: "need".to_owned(), ..Find::default() };
        find.seek(&mut term);
        look(&mut find, &term, &mut frame);
        find.seek(&mut term);
        let found = look(&mut find, &term, &mut frame);
        assert_eq!((found.summary.as_str(), found.current.len()), ("3 of 3", 1));
        assert!(frame.text().contains("2007 Needle"), "{}", frame.text());
        find.go(Direction::Left, &mut term);
        find.seek(&mut term);
        assert_eq!(look(&mut find, &term, &mut frame).summary, "2 of 3", "who goes on is left alone");
        find.query = "needle".to_owned();
        look(&mut find, &term, &mut frame);
        find.seek(&mut term);
        assert_eq!(look(&mut find, &term, &mut frame).summary, "3 of 3", "another query begins anew");
    }

    #[test]
    fn queries_are_text_and_not_patterns() {
        let (term, mut frame) = screen("a.b axb (1+1)* C:\\x\r\n");
        for (query, expected) in
            [("a.b", "1 found"), ("(1+1)*", "1 found"), (":\\x", "1 found"), ("A.B", "No match"), ("", "")]
        {
            let mut find = Find { query: query.to_owned(), ..Find::default() };
            assert_eq!(look(&mut find, &term, &mut frame).summary, expected, "{query}");
        }
    }

    #[test]
    fn a_match_over_two_lines_has_two_marks() {
        let (term, mut frame) = screen("0123456789012345678needle and more");
        let mut find = Find { query: "needle".to_owned(), ..Find::default() };
        let found = look(&mut find, &term, &mut frame);
        assert_eq!(found.visible, [Mark { line: 0, from: 19, to: 20 }, Mark { line: 1, from: 0, to: 5 }]);
    }
}
