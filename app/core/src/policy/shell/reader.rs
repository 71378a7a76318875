//! The generous reading: every simple command that a command might run, as far as a look at its words can tell.
//!
//! It errs on the side of seeing too much. It looks into substitutions, groups, functions and here documents, and what
//! stands within words as a script (`bash -c`, `eval`) is read by [`Call::scripts`]. Nothing may be allowed on account of
//! what it found, only marked and denied: see [`plain`](super::plain) for the other direction.

use super::wrappers::wrapper;
use super::{AnyWord, Call, is_download};
use std::collections::HashMap;
use std::ops::Range;

/// Substitutions within substitutions that are followed; deeper ones are read as if they stood side by side.
const DEPTH_MAX: usize = 16;

/// Bytes that may be read twice; then parentheses are taken for groups, so that no command takes long.
const WASTE_MAX: usize = 256 * 1024;

/// The calls of `command`, in the order in which they begin.
pub(super) fn read(command: &str) -> Vec<Call> {
    let mut reader = Reader { text: command, end: command.len(), ..Reader::default() };
    reader.list(false, Flow::default());
    let mut calls = reader.into_calls();
    calls.sort_by_key(|call| call.span.start);
    calls
}

#[derive(Default)]
struct Reader<'a> {
    text: &'a str,
    at: usize,
    end: usize,
    depth: usize,
    calls: Vec<Call>,
    /// Here documents whose text begins at the next line.
    documents: Vec<Document>,
    /// Texts of here documents, by where their calls begin.
    bodies: HashMap<usize, Vec<String>>,
    /// Bytes that were read twice, because what looked like arithmetic was none.
    wasted: usize,
}

/// What comes into a call from the one before it.
#[derive(Clone, Copy, Default)]
struct Flow {
    piped: bool,
    downloads: bool,
}

struct Group {
    /// What comes into the calls of the list around it.
    base: Flow,
    /// Whether it was opened by `(`.
    paren: bool,
    /// How many `case` were open outside of it.
    cases: usize,
}

struct Document {
    ends_with: String,
    /// Leading tabs of the last line do not count.
    indented: bool,
    /// Nothing in it is expanded.
    quoted: bool,
    /// Where its call begins.
    of: usize,
}

#[derive(Default)]
struct Word {
    text: String,
    range: Range<usize>,
    /// It has quotes or escapes.
    quoted: bool,
    /// It begins with an expansion and has no quotes, so it may be no word at all when it is run.
    may_vanish: bool,
    /// The shell may make other words of it: it has a brace, a star or the like without quotes.
    expands: bool,
    /// A substitution in it runs what loads something down.
    downloads: bool,
}

/// A list of calls while it is read.
#[derive(Default)]
struct List {
    words: Vec<Word>,
    /// A word that is more than `time` is among them.
    begun: bool,
    call: Call,
    /// What comes into each call of the list.
    base: Flow,
    /// What comes into the next call.
    flow: Flow,
    /// A call of this pipeline loads something down.
    pipeline: bool,
    /// A call of the list does.
    downloads: bool,
    groups: Vec<Group>,
    cases: usize,
    /// `coproc` stands before the call, and a name may follow.
    coproc: bool,
    /// The operator of a redirection whose target comes next, and where it begins.
    redirect: Option<(&'static str, usize)>,
}

impl Reader<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..self.end).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn begins(&self, with: &str) -> bool {
        self.rest().starts_with(with)
    }

    /// Reads calls to the end, or to the `)` that closes the list. Says whether one of them loads something down.
    fn list(&mut self, closes: bool, input: Flow) -> bool {
        let mut list = List { base: input, flow: input, ..List::default() };
        while let Some(c) = self.peek() {
            match c {
                ' ' | '\t' | '\r' => self.at += 1,
                '\\' if self.begins("\\\n") => self.at += 2,
                '#' => self.at += self.rest().find('\n').unwrap_or(self.rest().len()),
                '\n' => {
                    self.at += 1;
                    self.finish(&mut list);
                    list.next_pipeline();
                    self.documents(closes);
                }
                ')' => {
                    self.at += 1;
                    self.finish(&mut list);
                    let inner = list.groups.last().filter(|group| group.paren && group.cases == list.cases);
                    match inner {
                        Some(_) => list.leave(),
                        None if list.cases == 0 && closes => return list.downloads,
                        None => list.next_pipeline(),
                    }
                }
                '(' => {
                    self.finish(&mut list);
                    if !(self.begins("((") && self.arithmetic(2)) {
                        self.at += 1;
                        list.enter(true);
                    }
                }
                ';' | '&' | '|' if !self.begins("&>") => {
                    let operator: String =
                        self.rest().chars().take_while(|c| matches!(c, ';' | '&' | '|')).collect();
                    self.at += operator.len();
                    self.finish(&mut list);
                    if matches!(operator.as_str(), "|" | "|&") {
                        list.flow = Flow { piped: true, downloads: list.flow.downloads || list.pipeline };
                    } else {
                        list.next_pipeline();
                    }
                }
                '<' | '>' | '&' if !self.substitutes_process() => self.redirection(&mut list),
                _ => self.take_word(&mut list),
            }
        }
        self.finish(&mut list);
        list.downloads
    }

    fn substitutes_process(&self) -> bool {
        self.begins("<(") || self.begins(">(")
    }

    fn redirection(&mut self, list: &mut List) {
        const OPERATORS: &[&str] = &["&>>", "&>", "<<<", "<<-", "<<", "<&", "<>", "<", ">>", ">&", ">|", ">"];
        let start = self.at;
        let found = OPERATORS.iter().find(|operator| self.begins(operator));
        let operator = found.copied().unwrap_or("&");
        self.at += operator.len();
        list.begin(start);
        list.redirect = Some((operator, start));
    }

    fn take_word(&mut self, list: &mut List) {
        let word = self.word();
        if word.range.is_empty() {
            // Never: a word has a character at least. But a reader that stands still would never end.
            self.next();
            return;
        }
        if let Some((operator, start)) = list.redirect.take() {
            return self.take_target(list, operator, start, word);
        }
        // `2>` and `{log}>`: that is the redirection's.
        let names_file = word.text.bytes().all(|b| b.is_ascii_digit())
            || (word.text.starts_with('{') && word.text.ends_with('}'));
        if names_file && !word.quoted && matches!(self.peek(), Some('<' | '>')) && !self.substitutes_process()
        {
            return;
        }
        if !list.begun && !word.quoted && super::is_grammar(&word.text) {
            // Behind `time`.
            self.finish(list);
            if list.keyword(&word.text) {
                return;
            }
        }
        if word.text == "{" && !word.quoted && list.opens_group() {
            self.finish(list);
            return list.enter(false);
        }
        list.begin(word.range.start);
        list.begun |= !matches!(word.text.as_str(), "time" | "-p");
        list.words.push(word);
    }

    fn take_target(&mut self, list: &mut List, operator: &'static str, start: usize, word: Word) {
        if matches!(operator, "<<" | "<<-") {
            self.documents.push(Document {
                ends_with: word.text.clone(),
                indented: operator == "<<-",
                quoted: word.quoted,
                of: list.call.span.start,
            });
        }
        if operator == "<<<" {
            list.call.here.push(word.text.clone());
        }
        list.call.downloads |= word.downloads;
        list.call.span.end = word.range.end;
        list.call.redirects.push((operator.to_owned(), word.text, start..word.range.end));
    }

    /// The call that was read is over.
    fn finish(&mut self, list: &mut List) {
        list.redirect = None;
        list.coproc = false;
        list.begun = false;
        let words = std::mem::take(&mut list.words);
        let mut call = std::mem::take(&mut list.call);
        if let Some(last) = words.last() {
            call.span.end = call.span.end.max(last.range.end);
        }
        call.piped = list.flow.piped;
        call.downloads |= list.flow.downloads || words.iter().any(|word| word.downloads);
        sort_words(&mut call, words);
        if call.span.is_empty() {
            return;
        }
        let loads = is_download(call.program()) || call.downloads;
        list.pipeline |= loads;
        list.downloads |= loads;
        self.calls.push(call);
    }

    /// The texts of the here documents that were announced in the line that has ended.
    fn documents(&mut self, closes: bool) {
        for document in std::mem::take(&mut self.documents) {
            let start = self.at;
            let mut end = self.end;
            while self.at < self.end {
                let line_start = self.at;
                let line = self.rest().split('\n').next().unwrap_or_default();
                let length = line.len();
                let bare = if document.indented { line.trim_start_matches('\t') } else { line };
                let last = bare == document.ends_with;
                // Within `$(`, the end may be followed by `)`.
                let cut =
                    closes && bare.strip_prefix(&document.ends_with).is_some_and(|it| it.starts_with(')'));
                if last || cut {
                    end = line_start;
                    let left = if cut { bare.len() - document.ends_with.len() } else { 0 };
                    self.at = line_start + length - left;
                    break;
                }
                self.at = (line_start + length + 1).min(self.end);
            }
            let body = self.text.get(start..end).unwrap_or_default().to_owned();
            if !document.quoted {
                let (after, whole) = (self.at, self.end);
                (self.at, self.end) = (start, end);
                self.within_double_quotes(false, &mut Word::default());
                (self.at, self.end) = (after, whole);
            }
            self.bodies.entry(document.of).or_default().push(body);
        }
    }

    /// What was read, each call with its here documents.
    fn into_calls(mut self) -> Vec<Call> {
        for call in self.calls.iter_mut().rev() {
            call.here.extend(self.bodies.remove(&call.span.start).into_iter().flatten());
        }
        self.calls
    }

    fn word(&mut self) -> Word {
        let start = self.at;
        let mut word = Word::default();
        while let Some(c) = self.peek() {
            match c {
                ' ' | '\t' | '\r' | '\n' | ';' | '&' | '|' | '(' | ')' => break,
                '<' | '>' if !self.substitutes_process() => break,
                '<' | '>' => {
                    let from = self.at;
                    self.at += 1;
                    self.nested(from, &mut word);
                }
                '\'' => {
                    self.at += 1;
                    word.quoted = true;
                    let quoted = self.rest().split('\'').next().unwrap_or_default().to_owned();
                    self.at = (self.at + quoted.len() + 1).min(self.end);
                    word.text.push_str(&quoted);
                }
                '"' => {
                    self.at += 1;
                    word.quoted = true;
                    self.within_double_quotes(true, &mut word);
                }
                '\\' => {
                    self.at += 1;
                    word.quoted |= !self.begins("\n");
                    word.text.extend(self.next().filter(|c| *c != '\n'));
                }
                '$' | '`' => self.expansion(false, &mut word),
                _ => {
                    word.expands |= matches!(c, '{' | '*' | '?' | '[');
                    word.text.extend(self.next());
                }
            }
        }
        word.range = start..self.at;
        word.may_vanish = !word.quoted && word.text.starts_with(['$', '`']);
        word
    }

    /// Reads to the closing quote, or for a here document to the end.
    fn within_double_quotes(&mut self, closes: bool, word: &mut Word) {
        while let Some(c) = self.peek() {
            match c {
                '"' if closes => {
                    self.at += 1;
                    return;
                }
                '\\' => {
                    self.at += 1;
                    match self.next() {
                        Some('\n') | None => {}
                        Some(c @ ('$' | '`' | '"' | '\\')) => word.text.push(c),
                        Some(c) => word.text.extend(['\\', c]),
                    }
                }
                '$' | '`' => self.expansion(true, word),
                _ => word.text.extend(self.next()),
            }
        }
    }

    /// What begins with `$` or a backtick. Its text is kept as it stands.
    fn expansion(&mut self, quoted: bool, word: &mut Word) {
        let from = self.at;
        if self.depth >= DEPTH_MAX {
            word.text.extend(self.next());
            return;
        }
        self.depth += 1;
        if self.begins("$((") && self.arithmetic(3) {
            word.text.push_str(self.text.get(from..self.at).unwrap_or_default());
        } else if self.begins("$(") {
            self.at += 1;
            self.nested(from, word);
        } else if self.begins("${") {
            self.at += 2;
            self.braces(quoted, word);
            word.text.push_str(self.text.get(from..self.at).unwrap_or_default());
        } else if self.begins("`") {
            self.backticks(word);
        } else if !quoted && self.begins("$'") {
            self.at += 2;
            word.quoted = true;
            while let Some(c) = self.next() {
                match c {
                    '\'' => break,
                    '\\' => word.text.extend(self.next()),
                    c => word.text.push(c),
                }
            }
        } else if !quoted && self.begins("$\"") {
            self.at += 2;
            word.quoted = true;
            self.within_double_quotes(true, word);
        } else {
            word.text.extend(self.next());
        }
        self.depth -= 1;
    }

    /// The calls in parentheses, the first of which comes next.
    fn nested(&mut self, from: usize, word: &mut Word) {
        if self.depth >= DEPTH_MAX {
            word.text.push_str(self.text.get(from..self.at).unwrap_or_default());
            return;
        }
        self.depth += 1;
        self.at += 1;
        let documents = std::mem::take(&mut self.documents);
        word.downloads |= self.list(true, Flow::default());
        self.documents = documents;
        word.text.push_str(self.text.get(from..self.at).unwrap_or_default());
        self.depth -= 1;
    }

    /// `${...}` behind its brace, to the closing one.
    fn braces(&mut self, quoted: bool, word: &mut Word) {
        let mut inner = Word::default();
        while let Some(c) = self.peek() {
            match c {
                '}' => {
                    self.at += 1;
                    break;
                }
                '\\' => {
                    self.at += 1;
                    self.next();
                }
                '\'' if !quoted => {
                    self.at += 1;
                    while self.next().is_some_and(|c| c != '\'') {}
                }
                '"' => {
                    self.at += 1;
                    self.within_double_quotes(true, &mut inner);
                }
                '$' | '`' => self.expansion(quoted, &mut inner),
                _ => self.at += c.len_utf8(),
            }
        }
        word.downloads |= inner.downloads;
    }

    /// What stands between backticks is a command with escapes of its own, so its calls have the place of the whole.
    fn backticks(&mut self, word: &mut Word) {
        let from = self.at;
        self.at += 1;
        let mut script = String::new();
        while let Some(c) = self.next() {
            match c {
                '`' => break,
                '\\' => match self.next() {
                    Some(c @ ('`' | '\\' | '$')) => script.push(c),
                    Some(c) => script.extend(['\\', c]),
                    None => {}
                },
                c => script.push(c),
            }
        }
        let range = from..self.at;
        word.text.push_str(self.text.get(range.clone()).unwrap_or_default());
        let (end, depth) = (script.len(), self.depth + 1);
        let mut inner = Reader { text: &script, end, depth, wasted: self.wasted, ..Reader::default() };
        word.downloads |= inner.list(false, Flow::default());
        self.wasted = inner.wasted;
        for mut call in inner.into_calls() {
            call.move_to(&range);
            self.calls.push(call);
        }
    }

    /// Whether `((`, of which `length` bytes are the opening, is arithmetic; then it stands behind it. Its substitutions
    /// run.
    fn arithmetic(&mut self, length: usize) -> bool {
        if self.depth >= DEPTH_MAX || self.wasted > WASTE_MAX {
            return false;
        }
        self.depth += 1;
        let (from, known) = (self.at, self.calls.len());
        self.at += length;
        let mut open = 0_usize;
        let mut is_one = false;
        let mut inner = Word::default();
        while let Some(c) = self.peek() {
            match c {
                '(' => open += 1,
                ')' if open == 0 => {
                    is_one = self.begins("))");
                    break;
                }
                ')' => open -= 1,
                '\\' => {
                    self.at += 1;
                    self.next();
                    continue;
                }
                '\'' => {
                    self.at += 1;
                    while self.next().is_some_and(|c| c != '\'') {}
                    continue;
                }
                '"' => {
                    self.at += 1;
                    self.within_double_quotes(true, &mut inner);
                    continue;
                }
                '$' | '`' => {
                    self.expansion(true, &mut inner);
                    continue;
                }
                _ => {}
            }
            self.next();
        }
        self.depth -= 1;
        if is_one {
            self.at += 2;
        } else {
            self.wasted += self.at - from;
            self.at = from;
            self.calls.truncate(known);
        }
        is_one
    }
}

impl List {
    fn begin(&mut self, at: usize) {
        if self.call.span.is_empty() {
            self.call.span = at..at + 1;
        }
    }

    /// Whether `{` behind the words so far opens a group, as behind `function f`; elsewhere it is a word.
    fn opens_group(&self) -> bool {
        let is =
            |word: Option<&Word>, text: &[&str]| word.is_some_and(|word| text.contains(&word.text.as_str()));
        let (first, last) = (self.words.first(), self.words.last());
        is(first, &["function", "time", "for", "foreach", "select", "repeat", "always"])
            || (self.coproc && self.words.len() == 1)
            || (is(first, &["[["]) && is(last, &["]]"]))
    }

    fn next_pipeline(&mut self) {
        self.flow = self.base;
        self.pipeline = false;
    }

    fn enter(&mut self, paren: bool) {
        self.groups.push(Group { base: self.base, paren, cases: self.cases });
        self.base = self.flow;
        // What was loaded down before it in this pipeline comes in; what is within goes out.
        self.pipeline = false;
    }

    fn leave(&mut self) {
        if let Some(group) = self.groups.pop() {
            self.base = group.base;
            self.flow = group.base;
            // What it printed may have been loaded down.
            self.pipeline = self.downloads;
        }
    }

    /// Takes a word of the shell's grammar in front of a call; `false` when it is none.
    fn keyword(&mut self, word: &str) -> bool {
        match word {
            "then" | "elif" | "else" | "do" | "!" => {}
            "coproc" => self.coproc = true,
            "{" | "if" | "while" | "until" => self.enter(false),
            "}" | "fi" | "done" => self.leave(),
            "esac" => {
                self.cases = self.cases.saturating_sub(1);
                self.leave();
            }
            // Their heads stay, as calls: they have words that are worth a look.
            "for" | "select" => {
                self.enter(false);
                return false;
            }
            "case" => {
                self.enter(false);
                self.cases += 1;
                return false;
            }
            _ => return false,
        }
        true
    }
}

/// Tells a call's words apart: assignments, wrappers, and the program with its words.
fn sort_words(call: &mut Call, words: Vec<Word>) {
    // Words that belong to a wrapper and not to the program behind it: values of its options, and its operands.
    let (mut values, mut operands) = (0, 0);
    for Word { text, range, may_vanish, expands, .. } in words {
        if !(call.all.is_empty() && is_assignment(&text)) {
            call.all.push(AnyWord { text: text.clone(), expands, may_vanish });
        }
        if !call.words.is_empty() {
            call.words.push((text, range));
            continue;
        }
        let is_operand = operands > 0 && !text.starts_with('-');
        if values > 0 {
            values -= 1;
        } else if let Some(wrapper) = wrapper(&text).filter(|_| !is_operand) {
            operands = wrapper.operands;
            call.wrappers.push((text, range));
        } else if may_vanish {
            operands -= usize::from(is_operand);
            call.wrappers.push((text, range));
        } else if is_assignment(&text) {
            call.assignments.push((text, range));
        } else {
            match call.wrappers.last() {
                Some((before, _)) if text.starts_with('-') => {
                    let takes_word = wrapper(before).is_some_and(|wrapper| wrapper.option_takes_word(&text));
                    values = usize::from(takes_word);
                }
                Some(_) if is_operand => operands -= 1,
                _ => call.words.push((text, range)),
            }
        }
    }
}

pub(super) fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| {
        let name = name.strip_suffix('+').unwrap_or(name);
        let name = name.split_once('[').map_or(name, |(name, _)| name);
        !name.is_empty() && name.chars().all(|c| c == '_' || c.is_ascii_alphanumeric())
    })
}
