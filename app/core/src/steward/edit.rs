//! Edits of a checked text that leave every other byte alone, and write new parts the way the file is written.

use serde_json::Value;

use super::comments;
use super::error::StewardError;
use super::json::{Document, Kind, Span};

/// How the file is written.
#[derive(Debug, Clone)]
pub(crate) struct Style {
    newline: &'static str,
    unit: String,
    colon: &'static str,
    /// The whole file is one line.
    one_line: bool,
}

/// How a new part is laid out: on lines of its own with this indentation, or inline.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Layout<'a> {
    Lines(&'a str),
    Inline,
}

impl<'a> Layout<'a> {
    /// How a part is laid out that takes the place of the item standing at this offset.
    pub fn before(doc: &Document<'a>, offset: usize) -> Self {
        let before = doc.between(doc.root.start, offset);
        let gap = before.get(before.trim_end().len()..).unwrap_or_default();
        line_indent(gap).map_or(Self::Inline, Self::Lines)
    }
}

impl Style {
    pub fn of(doc: &Document<'_>) -> Result<Self, StewardError> {
        let root = doc.slice(doc.root);
        let crlf = doc.text.find('\n').is_some_and(|at| doc.text.get(..at).unwrap_or("").ends_with('\r'));
        let newline = if crlf { "\r\n" } else { "\n" };
        let mut style = Self { newline, unit: "  ".into(), colon: ": ", one_line: false };
        if doc.kind(doc.root) != Kind::Object {
            return Ok(style);
        }
        if let Some(first) = doc.members(doc.root)?.first() {
            style.one_line = !root.contains('\n');
            if let Some(indent) = line_indent(doc.between(doc.root.start + 1, first.key_span.start)) {
                style.unit = leading_space(indent).to_owned();
            }
            if doc.between(first.key_span.end, first.value.start) == ":" {
                style.colon = ":";
            }
        }
        Ok(style)
    }

    /// The value as text, laid out like `JSON.stringify(value, null, unit)` does, or inline.
    pub fn render(&self, value: &Value, layout: Layout<'_>) -> String {
        let mut out = String::new();
        self.write(&mut out, value, layout);
        out
    }

    /// A member as text.
    pub fn render_member(&self, key: &str, value: &Value, layout: Layout<'_>) -> String {
        let key = Value::String(key.to_owned());
        format!("{key}{}{}", self.colon, self.render(value, layout))
    }

    fn write(&self, out: &mut String, value: &Value, layout: Layout<'_>) {
        match value {
            Value::Object(map) if !map.is_empty() => {
                let items = map.iter().map(|(key, value)| (Some(key), value));
                self.write_items(out, ['{', '}'], items, layout);
            }
            Value::Array(list) if !list.is_empty() => {
                self.write_items(out, ['[', ']'], list.iter().map(|value| (None, value)), layout);
            }
            other => out.push_str(&other.to_string()),
        }
    }

    fn write_items<'v>(
        &self,
        out: &mut String,
        [open, close]: [char; 2],
        items: impl Iterator<Item = (Option<&'v String>, &'v Value)>,
        layout: Layout<'_>,
    ) {
        let inner = self.inner(layout);
        let layout_inner = inner.as_deref().map_or(Layout::Inline, Layout::Lines);
        out.push(open);
        for (index, (key, value)) in items.enumerate() {
            if index > 0 {
                out.push(',');
            }
            match layout_inner {
                Layout::Lines(indent) => {
                    out.push_str(self.newline);
                    out.push_str(indent);
                }
                Layout::Inline if index > 0 => out.push_str(self.inline_gap()),
                Layout::Inline => {}
            }
            if let Some(key) = key {
                out.push_str(&Value::String(key.clone()).to_string());
                out.push_str(self.colon);
            }
            self.write(out, value, layout_inner);
        }
        if let Layout::Lines(indent) = layout {
            out.push_str(self.newline);
            out.push_str(indent);
        }
        out.push(close);
    }

    fn inner(&self, layout: Layout<'_>) -> Option<String> {
        match layout {
            Layout::Lines(indent) => Some(format!("{indent}{}", self.unit)),
            Layout::Inline => None,
        }
    }

    fn inline_gap(&self) -> &'static str {
        if self.colon == ":" { "" } else { " " }
    }
}

/// The indentation after the last line break of a gap; none when the gap has no line break.
fn line_indent(gap: &str) -> Option<&str> {
    gap.rfind('\n').and_then(|at| gap.get(at + 1..))
}

/// The white space at the start of the line on which the offset stands.
fn indent_of_line<'a>(doc: &Document<'a>, offset: usize) -> &'a str {
    let before = doc.between(doc.root.start, offset);
    let start = before.rfind('\n').map_or(doc.root.start, |at| doc.root.start + at + 1);
    leading_space(doc.between(start, offset))
}

/// The edits of one text: replaced ranges, none overlapping another.
#[derive(Debug, Default)]
pub(crate) struct Edits(Vec<(Span, String)>);

/// What a container holds and what is to become of it.
pub(crate) struct ContainerEdit<'e> {
    /// The container with its brackets.
    pub container: Span,
    /// Its items: members with their key, or elements.
    pub items: &'e [Span],
    /// Which of them go, by index.
    pub remove: &'e dyn Fn(usize) -> bool,
    /// What comes in at the end.
    pub append: &'e [NewItem],
    /// The white space to leave inside when nothing is left.
    pub empty: &'e str,
}

/// A new member (with a key) or element.
pub(crate) struct NewItem {
    pub key: Option<String>,
    pub value: Value,
}

impl Edits {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn replace(&mut self, span: Span, text: String) {
        self.0.push((span, text));
    }

    /// The text with all edits made.
    pub fn apply(mut self, text: &str) -> String {
        self.0.sort_by_key(|(span, _)| (span.start, span.end));
        let mut out = String::with_capacity(text.len() + 1024);
        let mut at = 0;
        for (span, new) in self.0 {
            out.push_str(text.get(at..span.start).unwrap_or_default());
            out.push_str(&new);
            at = span.end;
        }
        out.push_str(text.get(at..).unwrap_or_default());
        out
    }

    /// Takes items out of a container and puts new ones at its end. A new item comes with the comma and the white
    /// space before it, or with the comma after it where the file has one after the last item; an item that goes
    /// takes exactly that along. Comments stay, also between items that go.
    pub fn container(&mut self, doc: &Document<'_>, style: &Style, edit: &ContainerEdit<'_>) {
        let ContainerEdit { container, items, remove, append, empty } = *edit;
        let inside = Span { start: container.start + 1, end: container.end.saturating_sub(1) };
        let kept_last = (0..items.len()).rev().find(|index| !remove(*index));
        let Some((first, last)) = items.first().zip(items.last()) else {
            self.fill(doc, style, container, append);
            return;
        };
        if kept_last.is_none() && append.is_empty() && !doc.has_comment(inside) {
            self.replace(inside, empty.to_owned());
            return;
        }
        if append.is_empty() {
            self.remove(doc, inside, items, remove);
            return;
        }
        let (gap, layout) = item_gap(doc, style, inside, items);
        let new: Vec<String> = append.iter().map(|item| item.render(style, layout)).collect();
        let Some(kept_last) = kept_last else {
            self.replace(Span { start: first.start, end: last.end }, new.join(&format!(",{gap}")));
            return;
        };
        if kept_last + 1 < items.len() {
            // New ones in the place of those that go.
            let end = items.get(kept_last + 1).map_or(last.start, |item| item.start);
            self.replace(Span { start: end, end: last.end }, new.join(&format!(",{gap}")));
            self.remove(doc, inside, items.get(..=kept_last).unwrap_or_default(), remove);
            return;
        }
        self.remove(doc, inside, items, remove);
        let comma = doc.comma(last.end, inside.end);
        let after = comma.map_or(last.end, |at| at + 1);
        let (at, ends_line) = comments::after_line(doc.text, after, inside.end).unwrap_or((after, false));
        let gap = match layout {
            Layout::Inline if ends_line => {
                format!("{}{}", style.newline, indent_of_line(doc, last.start))
            }
            _ => gap,
        };
        let (before, between) = if comma.is_some() { ("", ",") } else { (",", "") };
        let mut text = String::new();
        for (index, item) in new.iter().enumerate() {
            if index > 0 {
                text.push_str(before);
            }
            text.push_str(&gap);
            text.push_str(item);
            text.push_str(between);
        }
        if comma.is_none() {
            self.replace(Span { start: last.end, end: last.end }, ",".to_owned());
        }
        self.replace(Span { start: at, end: at }, text);
    }

    /// Takes items out, each with the white space before it and one comma.
    fn remove(&mut self, doc: &Document<'_>, inside: Span, items: &[Span], remove: &dyn Fn(usize) -> bool) {
        let kept_last = (0..items.len()).rev().find(|index| !remove(*index));
        let mut from = inside.start;
        for (index, item) in items.iter().enumerate() {
            let next = items.get(index + 1).map_or(inside.end, |next| next.start);
            let comma = doc.comma(item.end, next);
            let kept_before = (0..index).any(|before| !remove(before));
            let behind = comma.map(|at| at + 1).filter(|at| doc.between(*at, next).trim().is_empty());
            if let Some(behind) = behind.filter(|_| remove(index) && !kept_before && kept_last.is_some()) {
                // What stood before the first one stands before the next one then.
                self.replace(Span { start: item.start, end: item.end }, String::new());
                self.replace(Span { start: behind, end: next }, String::new());
            } else if remove(index) {
                self.replace(Span { start: gap_start(doc, from, *item), end: item.end }, String::new());
            }
            // When nothing is left behind it and the file has no comma there, the last one that stays loses its.
            let last_comma = items.last().and_then(|last| doc.comma(last.end, inside.end));
            let orphan = kept_last == Some(index) && index + 1 < items.len() && last_comma.is_none();
            if let Some(at) = comma.filter(|_| remove(index) || orphan) {
                let alone = doc.between(item.end, at).trim().is_empty();
                self.replace(Span { start: if alone { item.end } else { at }, end: at + 1 }, String::new());
            }
            from = comma.map_or(item.end, |at| at + 1);
        }
    }

    /// Puts items between the brackets of a container that was empty.
    fn fill(&mut self, doc: &Document<'_>, style: &Style, container: Span, append: &[NewItem]) {
        let inside = Span { start: container.start + 1, end: container.end.saturating_sub(1) };
        if append.is_empty() {
            return;
        }
        let Some(at) = comments::last_end(doc.text, inside.start, inside.end) else {
            self.replace(inside, fill(doc, style, container, append));
            return;
        };
        // Comments stay where they are: what comes in stands behind them.
        let indent = indent_of_line(doc, container.start);
        let inner = format!("{indent}{}", style.unit);
        let (gap, layout) = if doc.between(at, inside.end).contains('\n') {
            (format!("{}{inner}", style.newline), Layout::Lines(&inner))
        } else {
            (style.inline_gap().to_owned(), Layout::Inline)
        };
        let new: Vec<String> = append.iter().map(|item| item.render(style, layout)).collect();
        self.replace(Span { start: at, end: at }, format!("{gap}{}", new.join(&format!(",{gap}"))));
    }
}

impl NewItem {
    fn render(&self, style: &Style, layout: Layout<'_>) -> String {
        match &self.key {
            Some(key) => style.render_member(key, &self.value, layout),
            None => style.render(&self.value, layout),
        }
    }
}

/// The white space before a new item, and how the item is laid out: as the last item there is.
fn item_gap<'a>(doc: &Document<'a>, style: &Style, inside: Span, items: &[Span]) -> (String, Layout<'a>) {
    let last = items.last().map_or(inside.start, |item| item.start);
    let before = match items.len() {
        0 | 1 => inside.start,
        n => items.get(n - 2).map_or(inside.start, |item| item.end),
    };
    let start = doc.comma(before, last).map_or(before, |at| at + 1);
    let gap = doc.between(start, last);
    match line_indent(gap) {
        Some(indent) => {
            let indent = leading_space(indent);
            (format!("{}{indent}", style.newline), Layout::Lines(indent))
        }
        None if items.len() > 1 && gap.trim().is_empty() => (gap.to_owned(), Layout::Inline),
        None => (style.inline_gap().to_owned(), Layout::Inline),
    }
}

/// Where the white space before an item begins that goes with it. When a comment to the end of the line stands
/// before it and something else behind it, the line break has to stay.
fn gap_start(doc: &Document<'_>, from: usize, item: Span) -> usize {
    let before = doc.between(from, item.start);
    let start = from + before.trim_end_matches([' ', '\t', '\r', '\n']).len();
    // White space at the end of a comment is the comment's.
    let start = comments::last_end(doc.text, from, item.start).map_or(start, |end| end.max(start));
    let behind = doc.text.get(item.end..).unwrap_or_default().trim_start_matches([' ', '\t', ',']);
    let breaks = behind.starts_with(['\n', '\r']) || behind.starts_with("//");
    if !breaks && comments::line_comment_ends(doc.text, from, start) { item.start } else { start }
}

fn leading_space(text: &str) -> &str {
    text.get(..text.len() - text.trim_start_matches([' ', '\t']).len()).unwrap_or_default()
}

/// What stands between the brackets of a container that was empty.
fn fill(doc: &Document<'_>, style: &Style, container: Span, append: &[NewItem]) -> String {
    let indent = indent_of_line(doc, container.start);
    let object = append.iter().any(|item| item.key.is_some());
    let layout = if style.one_line { Layout::Inline } else { Layout::Lines(indent) };
    let whole = if object {
        Value::Object(
            append.iter().map(|item| (item.key.clone().unwrap_or_default(), item.value.clone())).collect(),
        )
    } else {
        Value::Array(append.iter().map(|item| item.value.clone()).collect())
    };
    let text = style.render(&whole, layout);
    text.get(1..text.len().saturating_sub(1)).unwrap_or_default().to_owned()
}
