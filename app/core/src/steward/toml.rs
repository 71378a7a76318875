//! Edits of Codex's `config.toml` that leave every other byte alone. `toml_edit` reads the file and says where things
//! stand; it does not write, because it would turn CRLF into LF and drop a byte order mark.

use std::ops::Range;

use serde_json::Value;
use toml_edit::{Document, InlineTable, Item, Table, TableLike};

use super::error::StewardError;
use super::json::position;

const HASH_KEY: &str = "trusted_hash";

/// True for what holds nothing but (perhaps) a byte order mark and white space.
pub(crate) fn is_blank_toml(text: &str) -> bool {
    super::json::is_blank(text)
}

/// A `config.toml` that can be read.
pub(crate) struct Config<'a> {
    text: &'a str,
    doc: Document<&'a str>,
}

/// What Codex knows about one hook.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct HookConfig {
    pub hash: Option<String>,
    pub enabled: Option<bool>,
}

impl<'a> Config<'a> {
    pub fn read(text: &'a str) -> Result<Self, StewardError> {
        match Document::parse(text) {
            Ok(doc) => Ok(Self { text, doc }),
            // Its message quotes the file.
            Err(err) => Err(StewardError::Toml {
                at: position(text, err.span().map_or(0, |span| span.start)),
                message: "something that TOML does not allow here",
            }),
        }
    }

    pub(super) fn root(&self) -> &Table {
        self.doc.as_table()
    }

    pub(super) fn find(&self, path: &[&str]) -> Option<&Item> {
        let mut table: &dyn TableLike = self.root();
        let (last, parents) = path.split_last()?;
        for key in parents {
            table = table.get(key)?.as_table_like()?;
        }
        table.get(last)
    }

    /// What stands about a hook.
    pub fn state(&self, key: &str) -> HookConfig {
        let get = |name| self.find(&["hooks", "state", key, name]);
        HookConfig {
            hash: get(HASH_KEY).and_then(Item::as_str).map(str::to_owned),
            enabled: get("enabled").and_then(Item::as_bool),
        }
    }

    /// A switch of `[features]`.
    pub fn feature(&self, name: &str) -> Option<bool> {
        self.find(&["features", name])?.as_bool()
    }

    /// Whether hooks are defined here.
    pub fn has_hooks(&self) -> bool {
        let hooks = self.find(&["hooks"]).and_then(Item::as_table_like);
        hooks.is_some_and(|hooks| hooks.iter().any(|(key, _)| key != "state"))
    }

    /// The text with a hook trusted.
    pub fn trust(&self, key: &str, hash: &str) -> Result<String, StewardError> {
        if self.state(key).hash.as_deref() == Some(hash) {
            return Ok(self.text.to_owned());
        }
        for path in [&["hooks"][..], &["hooks", "state"], &["hooks", "state", key]] {
            if let Some(item) = self.find(path).filter(|item| item.as_table_like().is_none()) {
                return Err(StewardError::WrongType {
                    what: path.join("."),
                    expected: "a table",
                    at: position(self.text, item.span().map_or(0, |span| span.start)),
                });
            }
        }
        let wanted = set(plain_table(self.root()), key, Some(hash));
        let candidates = [
            self.replaced(key, hash),
            self.inlined(key, hash),
            self.appended(key, hash),
            self.dotted(key, hash),
        ];
        self.first_right(candidates, &wanted)
    }

    /// The text without what stands about a hook.
    pub fn forget(&self, key: &str) -> Result<String, StewardError> {
        if self.find(&["hooks", "state", key]).is_none() {
            return Ok(self.text.to_owned());
        }
        let wanted = set(plain_table(self.root()), key, None);
        self.first_right(
            [self.without_header(key), self.without_lines(key), self.without_inline(key)],
            &wanted,
        )
    }

    /// Takes the first that says what it should. That is checked on the whole file, so an edit can be wrong but
    /// never harm.
    fn first_right<const N: usize>(
        &self,
        candidates: [Option<String>; N],
        wanted: &Value,
    ) -> Result<String, StewardError> {
        let is_right = |text: &String| {
            Document::parse(text.as_str()).is_ok_and(|doc| same(&plain_table(doc.as_table()), wanted))
        };
        candidates.into_iter().flatten().find(is_right).ok_or(StewardError::BrokenEdit)
    }

    pub(super) fn newline(&self) -> &'static str {
        let first = self.text.find('\n').and_then(|at| self.text.get(..at));
        if first.is_some_and(|line| line.ends_with('\r')) { "\r\n" } else { "\n" }
    }

    /// The hash that stands there, written anew.
    fn replaced(&self, key: &str, hash: &str) -> Option<String> {
        let span = self.find(&["hooks", "state", key, HASH_KEY])?.span()?;
        Some(self.splice(span, &quoted(hash)))
    }

    /// A member of an inline table that stands there. What dotted keys made is opened again by the same keys.
    fn inlined(&self, key: &str, hash: &str) -> Option<String> {
        let inline = |path: &[&str]| self.find(path).and_then(Item::as_inline_table);
        let tables = [inline(&["hooks"]), inline(&["hooks", "state"]), inline(&["hooks", "state", key])];
        let names = ["state".to_owned(), quoted(key), HASH_KEY.to_owned()];
        let deepest = tables.iter().rposition(Option::is_some)?;
        let table = tables.get(deepest).copied().flatten()?;
        // Up to the table that has brackets of its own.
        let open = (0..=deepest)
            .rev()
            .find(|at| tables.get(*at).copied().flatten().is_some_and(|table| !table.is_dotted()))?;
        let (value, rest) = (quoted(hash), names.get(deepest..)?);
        let dotted = names.get(open..deepest)?.iter().map(|name| format!("{name}.")).collect::<String>();
        let (first, inner) = rest.split_first()?;
        let value = inner.iter().rev().fold(value, |value, name| format!("{{ {name} = {value} }}"));
        self.with_member(table, &format!("{dotted}{first} = {value}"))
    }

    fn with_member(&self, table: &InlineTable, member: &str) -> Option<String> {
        let last = table.iter().filter_map(|(_, value)| deep_end(&Item::Value(value.clone()))).max();
        Some(match last {
            Some(end) => self.splice(end..end, &format!(", {member}")),
            None => {
                let inside = table.span()?.start + 1;
                self.splice(inside..inside, &format!(" {member}"))
            }
        })
    }

    /// A table of its own at the end, which is how Codex writes it too.
    fn appended(&self, key: &str, hash: &str) -> Option<String> {
        if self.find(&["hooks", "state", key]).is_some() {
            return None;
        }
        let newline = self.newline();
        let start = self.text.trim_start_matches('\u{feff}');
        let block = format!("[hooks.state.{}]{newline}{HASH_KEY} = {}", quoted(key), quoted(hash));
        Some(match (start.is_empty(), self.text.ends_with('\n')) {
            (true, _) => format!("{}{block}{newline}", self.text),
            (false, true) => format!("{}{newline}{block}{newline}", self.text),
            // A file that does not end its last line goes on not doing so.
            (false, false) => format!("{}{newline}{newline}{block}", self.text),
        })
    }

    /// A line behind the dotted keys that define the table, which no header may open again.
    fn dotted(&self, key: &str, hash: &str) -> Option<String> {
        let hooks = self.find(&["hooks"])?.as_table()?;
        let state = self.find(&["hooks", "state"]).and_then(Item::as_table);
        let hook = self.find(&["hooks", "state", key]).and_then(Item::as_table);
        let (table, path) = match (hook, state) {
            (Some(hook), _) if !hook.is_dotted() => (hook, String::new()),
            (_, Some(state)) if !state.is_dotted() => (state, format!("{}.", quoted(key))),
            (_, Some(state)) if hooks.is_dotted() => (state, format!("hooks.state.{}.", quoted(key))),
            (_, Some(state)) => (state, format!("state.{}.", quoted(key))),
            (_, None) if hooks.is_dotted() => (hooks, format!("hooks.state.{}.", quoted(key))),
            (_, None) => return None,
        };
        let end = own_end(table)?;
        let line = format!("{path}{HASH_KEY} = {}", quoted(hash));
        let (at, break_first) = match self.text.get(end..)?.find('\n') {
            Some(length) => (end + length + 1, false),
            None => (self.text.len(), true),
        };
        let newline = self.newline();
        let line = if break_first { format!("{newline}{line}") } else { format!("{line}{newline}") };
        Some(self.splice(at..at, &line))
    }

    /// Takes a table with a header out: the header, its keys, and the empty line before it.
    fn without_header(&self, key: &str) -> Option<String> {
        let table = self.find(&["hooks", "state", key])?.as_table()?;
        let header = table.span().filter(|_| !table.is_dotted() && !table.is_implicit())?;
        let mut lines = self.key_lines(table)?;
        let mut start = self.line(header.clone()).start;
        let before = self.text.get(..start)?;
        let empty = before.strip_suffix("\r\n").or_else(|| before.strip_suffix('\n')).filter(|before| {
            // At the top it is what stood between ours and one of ours that went before.
            before.ends_with('\n') || before.trim_start_matches('\u{feff}').is_empty()
        });
        if let Some(before) = empty {
            start = before.len();
        }
        lines.push(start..self.line(header).end);
        self.without(lines)
    }

    /// Takes out the lines that say something about a hook, in a table that says more.
    fn without_lines(&self, key: &str) -> Option<String> {
        let state = self.find(&["hooks", "state"])?.as_table()?;
        let lines = match state.get(key)? {
            Item::Table(table) => self.key_lines(table)?,
            Item::Value(value) => {
                let name = state.key(key)?.span()?;
                vec![self.line(name.start..value.span()?.end)]
            }
            _ => return None,
        };
        self.without(lines)
    }

    /// Takes a member out of an inline table, and the table that only that member was in.
    fn without_inline(&self, key: &str) -> Option<String> {
        let state = self.find(&["hooks", "state"])?;
        if let Some(table) = state.as_inline_table() {
            let hooks = self.find(&["hooks"])?.as_inline_table();
            return match hooks {
                Some(hooks) if table.len() == 1 => self.without_member(hooks, "state"),
                _ => self.without_member(table, key),
            };
        }
        None
    }

    fn without_member(&self, table: &InlineTable, key: &str) -> Option<String> {
        let mut members = Vec::new();
        for (name, value) in table.iter() {
            let start = table.key(name)?.span()?.start;
            members.push((name, start..deep_end(&Item::Value(value.clone()))?));
        }
        members.sort_by_key(|(_, span)| span.start);
        let index = members.iter().position(|(name, _)| *name == key)?;
        let (_, span) = members.get(index)?;
        let cut = match (index.checked_sub(1).and_then(|before| members.get(before)), members.get(index + 1))
        {
            (Some((_, before)), _) => before.end..span.end,
            (None, Some((_, next))) => span.start..next.start,
            (None, None) => {
                let inside = table.span()?.start + 1;
                let space = self.text.get(inside..span.start)?;
                inside + space.trim_end().len()..span.end
            }
        };
        Some(self.splice(cut, ""))
    }

    /// The lines of all keys of a table.
    fn key_lines(&self, table: &Table) -> Option<Vec<Range<usize>>> {
        let mut lines = Vec::new();
        for (name, item) in table.iter() {
            let start = table.key(name)?.span()?.start;
            lines.push(self.line(start..item.as_value()?.span()?.end));
        }
        Some(lines)
    }

    /// Whole lines, with the line break behind them.
    pub(super) fn line(&self, span: Range<usize>) -> Range<usize> {
        let start = self.text.get(..span.start).and_then(|before| before.rfind('\n')).map_or(0, |at| at + 1);
        let mark = if self.text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        let end = self.text.get(span.end..).and_then(|rest| rest.find('\n'));
        start.max(mark)..end.map_or(self.text.len(), |at| span.end + at + 1)
    }

    /// The text without these lines; when the last one goes and did not end in a line break, the new last one does
    /// not either.
    fn without(&self, mut lines: Vec<Range<usize>>) -> Option<String> {
        lines.sort_by_key(|line| line.start);
        let mut text = String::with_capacity(self.text.len());
        let mut at = 0;
        for line in &lines {
            text.push_str(self.text.get(at..line.start.max(at))?);
            at = line.end.max(at);
        }
        text.push_str(self.text.get(at..)?);
        if at == self.text.len() && !self.text.ends_with('\n') && text.ends_with('\n') {
            text.pop();
            if text.ends_with('\r') {
                text.pop();
            }
        }
        Some(text)
    }

    fn splice(&self, span: Range<usize>, new: &str) -> String {
        let before = self.text.get(..span.start).unwrap_or_default();
        format!("{before}{new}{}", self.text.get(span.end..).unwrap_or_default())
    }
}

/// Where the last value ends that is written under a table itself, not under a header of its own.
fn own_end(table: &Table) -> Option<usize> {
    table
        .iter()
        .filter_map(|(_, item)| match item {
            Item::Table(table) if table.is_dotted() => own_end(table),
            Item::Value(value) => value.span().map(|span| span.end),
            _ => None,
        })
        .max()
}

/// Where an item ends, also when it is one that dotted keys made.
fn deep_end(item: &Item) -> Option<usize> {
    let own = item.span().map(|span| span.end);
    let inner =
        item.as_table_like().and_then(|table| table.iter().filter_map(|(_, item)| deep_end(item)).max());
    own.max(inner)
}

/// A text as a TOML basic string, which a JSON string is too.
fn quoted(text: &str) -> String {
    Value::String(text.to_owned()).to_string().replace('\u{7f}', "\\u007f")
}

/// A table as a value, for comparing.
pub(super) fn plain_table(table: &dyn TableLike) -> Value {
    Value::Object(table.iter().map(|(key, item)| (key.to_owned(), plain(item))).collect())
}

fn plain(item: &Item) -> Value {
    if let Some(table) = item.as_table_like() {
        return plain_table(table);
    }
    match item {
        Item::ArrayOfTables(tables) => tables.iter().map(|table| plain_table(table)).collect(),
        Item::Value(toml_edit::Value::Array(values)) => {
            values.iter().map(|value| plain(&Item::Value(value.clone()))).collect()
        }
        Item::Value(value) => scalar(value).into(),
        _ => Value::Null,
    }
}

/// A scalar with the name of its type, so that `1` and `"1"` differ.
fn scalar(value: &toml_edit::Value) -> String {
    use toml_edit::Value as Toml;
    let text = match value {
        Toml::String(text) => text.value().clone(),
        Toml::Integer(number) => number.value().to_string(),
        Toml::Float(number) => number.value().to_string(),
        Toml::Boolean(value) => value.value().to_string(),
        Toml::Datetime(time) => time.value().to_string(),
        Toml::Array(_) | Toml::InlineTable(_) => String::new(),
    };
    format!("{} {text}", value.type_name())
}

/// A configuration with one hook's state set or gone.
fn set(mut root: Value, key: &str, hash: Option<&str>) -> Value {
    let Some(hash) = hash else {
        let state = root.pointer_mut("/hooks/state").and_then(Value::as_object_mut);
        state.and_then(|state| state.shift_remove(key));
        return root;
    };
    let mut at = &mut root;
    for step in ["hooks", "state", key] {
        let Some(map) = at.as_object_mut() else { return Value::Null };
        at = map.entry(step.to_owned()).or_insert_with(|| Value::Object(serde_json::Map::new()));
    }
    if let Some(map) = at.as_object_mut() {
        map.insert(HASH_KEY.to_owned(), format!("string {hash}").into());
    }
    root
}

/// Equal, but for tables that are empty: whether one that held only ours is there makes no difference.
pub(super) fn same(a: &Value, b: &Value) -> bool {
    without_empty(a) == without_empty(b)
}

fn without_empty(value: &Value) -> Value {
    let Value::Object(map) = value else { return value.clone() };
    let rest = map.iter().map(|(key, value)| (key.clone(), without_empty(value)));
    Value::Object(rest.filter(|(_, value)| value.as_object().is_none_or(|map| !map.is_empty())).collect())
}
