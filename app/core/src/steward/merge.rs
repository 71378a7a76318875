//! A merge patch (RFC 7386) on the text of Claude's settings file: what the patch does not name keeps its bytes.

use magia_protocol::wire::Provider;
use serde_json::Value;

use super::edit::{ContainerEdit, Edits, Layout, NewItem, Style};
use super::error::StewardError;
use super::json::{
    Dialect, Document, Kind, MAX_DEPTH, Member, Position, Span, decode, is_blank, is_comments,
};
use super::plan::{Footprint, Origin, Plan, blank_filled};
use super::recipe;

/// Works out the file with the patch merged in: `null` removes a key, an object is merged into an object, all
/// else replaces. A value that is the same already keeps the way it is written.
///
/// # Errors
/// What Claude itself would not read is refused, and so is a patch that is no object.
pub fn merge_patch(bytes: Option<&[u8]>, patch: &Value) -> Result<Plan, StewardError> {
    merge_patch_of(bytes, patch, Provider::Claude, &Footprint::default())
}

/// [`merge_patch`] for the file of an agent, with comments where it may have some. What `known` says was empty gets its white
/// space back; the plan's footprint says what was found empty now.
pub(crate) fn merge_patch_of(
    bytes: Option<&[u8]>,
    patch: &Value,
    provider: Provider,
    known: &Footprint,
) -> Result<Plan, StewardError> {
    let dialect = recipe::dialect(provider);
    if !patch.is_object() {
        return Err(StewardError::PatchNotObject);
    }
    if depth(patch) > MAX_DEPTH {
        return Err(StewardError::TooDeep { limit: MAX_DEPTH, at: Position { line: 1, column: 1 } });
    }
    let read = decode(bytes.unwrap_or_default())?;
    let blank = is_blank(read) || is_comments(read, dialect);
    let text = if blank { "{}" } else { read };
    let doc = object(text, dialect)?;
    let found = known.clone();
    let mut merge = Merge { doc: &doc, style: Style::of(&doc)?, edits: Edits::default(), known, found };
    merge.object(doc.root, patch, "")?;
    let Merge { edits, found: mut footprint, .. } = merge;
    if blank {
        footprint.origin = Origin::of_blank(bytes, read, dialect);
    }
    let before = bytes.map(<[u8]>::to_vec);
    let after = if edits.is_empty() {
        before.clone()
    } else if blank {
        Some(blank_filled(read, dialect, &edits.apply(text)))
    } else {
        Some(edits.apply(text).into_bytes())
    };
    Plan { before, after, changes: Vec::new(), warnings: Vec::new(), footprint }.checked(dialect)
}

/// The settings of an agent as a value; an empty object when there are none.
///
/// # Errors
/// What the agent itself would not read is refused with its place, and so is what no value can hold.
pub fn settings_value(bytes: Option<&[u8]>, provider: Provider) -> Result<Value, StewardError> {
    let text = decode(bytes.unwrap_or_default())?;
    let dialect = recipe::dialect(provider);
    let text = if is_blank(text) || is_comments(text, dialect) { "{}" } else { text };
    let doc = object(text, dialect)?;
    doc.members(doc.root)?;
    doc.value(doc.root).ok_or(StewardError::Syntax {
        at: doc.position(doc.root),
        message: "a number or an escape that no value can hold",
    })
}

fn object(text: &str, dialect: Dialect) -> Result<Document<'_>, StewardError> {
    let doc = Document::parse(text, dialect)?;
    if doc.kind(doc.root) != Kind::Object {
        return Err(StewardError::WrongType {
            what: "the settings file".into(),
            expected: "an object",
            at: doc.position(doc.root),
        });
    }
    Ok(doc)
}

struct Merge<'d> {
    doc: &'d Document<'d>,
    style: Style,
    edits: Edits,
    known: &'d Footprint,
    found: Footprint,
}

impl Merge<'_> {
    fn object(&mut self, object: Span, patch: &Value, path: &str) -> Result<(), StewardError> {
        let members = self.doc.members(object)?;
        let mut remove = vec![false; members.len()];
        let mut append = Vec::new();
        for (key, value) in patch.as_object().into_iter().flatten() {
            let found = members.iter().zip(remove.iter_mut()).find(|(member, _)| member.key == *key);
            match (found, value) {
                (None, Value::Null) => {}
                (None, value) => append.push(NewItem { key: Some(key.clone()), value: without_nulls(value) }),
                (Some((_, gone)), Value::Null) => *gone = true,
                (Some((member, _)), Value::Object(_)) if self.doc.kind(member.value) == Kind::Object => {
                    let dot = if path.is_empty() { "" } else { "." };
                    self.object(member.value, value, &format!("{path}{dot}{key}"))?;
                }
                (Some((member, _)), value) => self.replace(member, value),
            }
        }
        if append.is_empty() && !remove.contains(&true) {
            return Ok(());
        }
        if members.is_empty() {
            self.found.note_empty(self.doc, path, object);
        }
        let items: Vec<Span> = members.iter().map(Member::span).collect();
        let edit = ContainerEdit {
            container: object,
            items: &items,
            remove: &|index| remove.get(index) == Some(&true),
            append: &append,
            empty: self.known.empty.get(path).map_or("", String::as_str),
        };
        self.edits.container(self.doc, &self.style, &edit);
        Ok(())
    }

    fn replace(&mut self, member: &Member, value: &Value) {
        let value = without_nulls(value);
        let old = self.doc.value(member.value);
        if old.as_ref() != Some(&value) {
            let layout = Layout::before(self.doc, member.key_span.start);
            self.edits.replace(member.value, self.style.render(&value, layout));
        }
    }
}

/// What a patch puts where nothing stood: a `null` in its objects names what is not there anyway.
fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(map) => Value::Object(
            map.iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(key, value)| (key.clone(), without_nulls(value)))
                .collect(),
        ),
        other => other.clone(),
    }
}

/// How deep a value is nested, counted without recursion.
fn depth(value: &Value) -> usize {
    let mut deepest = 0;
    let mut open = vec![(value, 1)];
    while let Some((value, level)) = open.pop() {
        match value {
            Value::Object(map) => open.extend(map.values().map(|value| (value, level + 1))),
            Value::Array(list) => open.extend(list.iter().map(|value| (value, level + 1))),
            _ => continue,
        }
        deepest = deepest.max(level);
    }
    deepest
}
