//! Edits of a checked text that leave every other byte alone, and write new parts the way the file is written.

use serde_json::Value;

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
                style.unit = indent.to_owned();
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
    let line = doc.between(start, offset);
    let indent = line.len() - line.trim_start_matches([' ', '\t']).len();
    doc.between(start, start + indent)
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

    /// Takes items out of a container and puts new ones at its end. Each item goes together with the comma and
    /// the white space before it, which is exactly what [`Edits::container`] puts before a new one.
    pub fn container(&mut self, doc: &Document<'_>, style: &Style, edit: &ContainerEdit<'_>) {
        let ContainerEdit { container, items, remove, append, empty } = *edit;
        let inside = Span { start: container.start + 1, end: container.end.saturating_sub(1) };
        let any_stays = (0..items.len()).any(|index| !remove(index));
        if !any_stays && append.is_empty() {
            if !items.is_empty() {
                self.replace(inside, empty.to_owned());
            }
            return;
        }
        let Some((first, last)) = items.first().zip(items.last()) else {
            self.replace(inside, fill(doc, style, container, append));
            return;
        };
        let gap_start = match items.len() {
            1 => inside.start,
            n => items.get(n - 2).map_or(inside.start, |item| item.end),
        };
        let gap = doc.between(gap_start, last.start);
        let gap = gap.split_once(',').map_or(gap, |(_, after)| after);
        let (gap, layout) = match line_indent(gap) {
            Some(indent) => (format!("{}{indent}", style.newline), Layout::Lines(indent)),
            None if items.len() > 1 => (gap.to_owned(), Layout::Inline),
            None => (style.inline_gap().to_owned(), Layout::Inline),
        };
        let mut new = String::new();
        for (index, item) in append.iter().enumerate() {
            if any_stays || index > 0 {
                new.push(',');
                new.push_str(&gap);
            }
            match &item.key {
                Some(key) => new.push_str(&style.render_member(key, &item.value, layout)),
                None => new.push_str(&style.render(&item.value, layout)),
            }
        }
        if !any_stays {
            self.replace(Span { start: first.start, end: last.end }, new);
            return;
        }
        self.remove_runs(items, remove);
        if !new.is_empty() {
            self.replace(Span { start: last.end, end: last.end }, new);
        }
    }

    fn remove_runs(&mut self, items: &[Span], remove: &dyn Fn(usize) -> bool) {
        let mut kept_before: Option<Span> = None;
        let mut run: Option<Span> = None;
        for (index, item) in items.iter().enumerate() {
            if remove(index) {
                run = Some(Span { start: run.map_or(item.start, |run| run.start), end: item.end });
                continue;
            }
            if let Some(run) = run.take() {
                match kept_before {
                    Some(kept) => self.replace(Span { start: kept.end, end: run.end }, String::new()),
                    None => self.replace(Span { start: run.start, end: item.start }, String::new()),
                }
            }
            kept_before = Some(*item);
        }
        if let Some((run, kept)) = run.zip(kept_before) {
            self.replace(Span { start: kept.end, end: run.end }, String::new());
        }
    }
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
