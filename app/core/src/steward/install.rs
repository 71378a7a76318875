//! Putting our entries in and taking them out.

use std::collections::BTreeSet;

use magia_protocol::wire::Provider;

use super::edit::{ContainerEdit, Edits, Layout, NewItem, Style};
use super::entry::{self, Owner};
use super::error::StewardError;
use super::json::{Document, Member, Span, decode, is_blank, is_comments};
use super::plan::{Change, ChangeKind, Footprint, Origin, Plan, blank_filled, comments_end};
use super::recipe::{self, HookEvent, Recipe};
use super::survey::{EventNode, GroupNode, HookNode, Rigour, Survey};

/// Works out how to have every event of [`super::events`] call the handler.
///
/// `bytes` is the file (none: there is none), `previous` the footprint of the last install, if it is known. What
/// the user changed in entries of ours (timeout, matcher, further keys) stays; command and arguments are renewed.
///
/// # Errors
/// What the agent itself would not read is refused.
pub fn plan_install(
    bytes: Option<&[u8]>,
    recipe: &Recipe<'_>,
    previous: Option<&Footprint>,
) -> Result<Plan, StewardError> {
    recipe.handler_text()?;
    let dialect = recipe::dialect(recipe.provider);
    let read = decode(bytes.unwrap_or_default())?;
    let blank = is_blank(read) || is_comments(read, dialect);
    let text = if blank { "{}" } else { read };
    let survey = Survey::of(text, recipe.provider, Rigour::Refuse)?;

    let mut footprint = match previous {
        Some(previous) if survey.has_ours() => previous.clone(),
        _ => Footprint::default(),
    };
    if blank {
        footprint.origin = Origin::of_blank(bytes, read, dialect);
    }

    let strict = recipe.strict.unwrap_or_else(|| survey.is_strict());
    let mut install =
        Install { survey: &survey, recipe: *recipe, strict, edits: Edits::default(), changes: Vec::new() };
    install.run(&mut footprint)?;
    let Install { edits, changes, .. } = install;
    let after = match (edits.is_empty(), blank) {
        (true, _) => bytes.map(<[u8]>::to_vec),
        (false, false) => Some(edits.apply(text).into_bytes()),
        (false, true) => Some(blank_filled(read, dialect, &edits.apply(text))),
    };
    let before = bytes.map(<[u8]>::to_vec);
    Plan { before, after, changes, warnings: survey.warnings(), footprint }.checked(dialect)
}

/// Works out how to take every entry of ours out again, and with it what only we had made: the group, the event,
/// `hooks`, the file. With the footprint of the install nothing else differs from before, to the byte.
///
/// # Errors
/// A text that cannot be read is refused; odd shapes among the hooks are passed over.
pub fn plan_uninstall(
    bytes: Option<&[u8]>,
    provider: Provider,
    previous: Option<&Footprint>,
) -> Result<Plan, StewardError> {
    let dialect = recipe::dialect(provider);
    let read = decode(bytes.unwrap_or_default())?;
    let before = bytes.map(<[u8]>::to_vec);
    let footprint = Footprint::default();
    if is_blank(read) || is_comments(read, dialect) {
        let after = before.clone();
        return Ok(Plan { before, after, changes: Vec::new(), warnings: Vec::new(), footprint });
    }
    let survey = Survey::of(read, provider, Rigour::PassOver)?;
    let fallback = Footprint::default();
    let mut removal = Removal {
        survey: &survey,
        style: Style::of(&survey.doc)?,
        footprint: previous.unwrap_or(&fallback),
        edits: Edits::default(),
        changes: Vec::new(),
        warnings: survey.warnings(),
    };
    let root = survey.doc.root;
    let behind = Span { start: root.start, end: read.len() };
    // What is left may go when nobody has written a comment into it or behind it.
    let root_emptied = removal.run() && !survey.doc.has_comment(behind);
    let Removal { edits, changes, footprint: found, warnings, .. } = removal;
    let head = read.get(..comments_end(survey.doc.between(0, root.start), dialect)).unwrap_or_default();
    let after = match root_emptied.then(|| found.origin.emptied(head)).flatten() {
        Some(after) => after,
        None if edits.is_empty() => before.clone(),
        None => Some(edits.apply(read).into_bytes()),
    };
    Plan { before, after, changes, warnings, footprint }.checked(dialect)
}

struct Install<'s> {
    survey: &'s Survey<'s>,
    recipe: Recipe<'s>,
    strict: bool,
    edits: Edits,
    changes: Vec<Change>,
}

impl Install<'_> {
    fn run(&mut self, footprint: &mut Footprint) -> Result<(), StewardError> {
        let doc = &self.survey.doc;
        let style = Style::of(doc)?;
        let mut new_events = Vec::new();
        let provider = self.recipe.provider;
        for event in recipe::events(provider) {
            let kind = match self.survey.event(event.name) {
                None => {
                    let group = entry::new_group(&self.recipe, event, self.strict)?;
                    footprint.empty.remove(&event_path(event.name));
                    new_events.push(NewItem { key: Some(event.name.to_owned()), value: vec![group].into() });
                    ChangeKind::Added
                }
                Some(node) if node.ours().next().is_none() => {
                    self.append_group(&style, event, node, footprint)?;
                    ChangeKind::Added
                }
                Some(node) => self.renew(&style, event, node)?,
            };
            self.changes.push(Change { event: event.name.to_owned(), kind });
        }

        let Some(hooks) = &self.survey.hooks else {
            if self.survey.root.is_empty() {
                footprint.note_empty(doc, "", doc.root);
            }
            footprint.empty.remove("hooks");
            let hooks: serde_json::Map<_, _> =
                new_events.into_iter().filter_map(|item| Some((item.key?, item.value))).collect();
            let append = [NewItem { key: Some("hooks".into()), value: hooks.into() }];
            let items = spans(&self.survey.root);
            self.edits.container(
                doc,
                &style,
                &ContainerEdit {
                    container: doc.root,
                    items: &items,
                    remove: &|_| false,
                    append: &append,
                    empty: "",
                },
            );
            return Ok(());
        };
        if hooks.events.is_empty() {
            footprint.note_empty(doc, "hooks", hooks.span);
        }
        // An entry of ours on an event that is no longer installed would only cost time, or harm.
        let mut gone = BTreeSet::new();
        for (index, node) in hooks.events.iter().enumerate() {
            let stale =
                recipe::installed_event(provider, &node.name).is_none() && node.ours().next().is_some();
            if stale {
                self.changes.push(Change { event: node.name.clone(), kind: ChangeKind::Removed });
                if prune(&mut self.edits, self.survey, &style, node, &|hook| hook.owner == Owner::Ours, None)
                {
                    gone.insert(index);
                }
            }
        }
        if !new_events.is_empty() || !gone.is_empty() {
            let items: Vec<Span> = hooks.events.iter().map(|node| node.member).collect();
            self.edits.container(
                doc,
                &style,
                &ContainerEdit {
                    container: hooks.span,
                    items: &items,
                    remove: &|index| gone.contains(&index),
                    append: &new_events,
                    empty: "",
                },
            );
        }
        Ok(())
    }

    fn append_group(
        &mut self,
        style: &Style,
        event: &HookEvent,
        node: &EventNode,
        footprint: &mut Footprint,
    ) -> Result<(), StewardError> {
        let doc = &self.survey.doc;
        if node.groups.is_empty() {
            footprint.note_empty(doc, &event_path(event.name), node.array);
        }
        let items: Vec<Span> = node.groups.iter().map(|group| group.span).collect();
        let append = [NewItem { key: None, value: entry::new_group(&self.recipe, event, self.strict)? }];
        let edit = ContainerEdit {
            container: node.array,
            items: &items,
            remove: &|_| false,
            append: &append,
            empty: "",
        };
        self.edits.container(doc, style, &edit);
        Ok(())
    }

    /// Renews the entries of ours in an event, and takes out those that say the same thing twice.
    fn renew(
        &mut self,
        style: &Style,
        event: &HookEvent,
        node: &EventNode,
    ) -> Result<ChangeKind, StewardError> {
        let doc = &self.survey.doc;
        let mut seen = Vec::new();
        let mut doubles = BTreeSet::new();
        let mut kind = ChangeKind::Kept;
        for (group, hook) in node.ours() {
            // The same entry under two matchers is the user's doing and stays.
            let scope = (group.matcher.clone(), hook.value.get("if").cloned());
            if seen.contains(&scope) {
                doubles.insert(hook.span.start);
                kind = ChangeKind::Updated;
                continue;
            }
            seen.push(scope);
            let members = doc.members(hook.span)?;
            let condition = hook.condition(group, event, &self.recipe, self.strict)?;
            if condition.outdated {
                set_members(&mut self.edits, doc, style, hook, &members, condition.wanted);
                kind = ChangeKind::Updated;
            }
        }
        prune(&mut self.edits, self.survey, style, node, &|hook| doubles.contains(&hook.span.start), None);
        Ok(kind)
    }
}

/// Replaces members whose value differs and appends those that are missing.
fn set_members(
    edits: &mut Edits,
    doc: &Document<'_>,
    style: &Style,
    hook: &HookNode,
    members: &[Member],
    wanted: Vec<(&str, serde_json::Value)>,
) {
    let mut append = Vec::new();
    for (key, value) in wanted {
        match members.iter().find(|member| member.key == key) {
            Some(_) if hook.value.get(key) == Some(&value) => {}
            Some(member) => {
                let layout = Layout::before(doc, member.key_span.start);
                edits.replace(member.value, style.render(&value, layout));
            }
            None => append.push(NewItem { key: Some(key.to_owned()), value }),
        }
    }
    if !append.is_empty() {
        let edit = ContainerEdit {
            container: hook.span,
            items: &spans(members),
            remove: &|_| false,
            append: &append,
            empty: "",
        };
        edits.container(doc, style, &edit);
    }
}

struct Removal<'s> {
    survey: &'s Survey<'s>,
    style: Style,
    footprint: &'s Footprint,
    edits: Edits,
    changes: Vec<Change>,
    warnings: Vec<String>,
}

impl Removal<'_> {
    /// Makes the edits; true when nothing but our own was in the file.
    fn run(&mut self) -> bool {
        let doc = &self.survey.doc;
        let Some(hooks) = &self.survey.hooks else { return false };
        let mut gone = BTreeSet::new();
        for (index, node) in hooks.events.iter().enumerate() {
            if node.ours().next().is_none() {
                continue;
            }
            self.changes.push(Change { event: node.name.clone(), kind: ChangeKind::Removed });
            let gap = self.footprint.empty.get(&event_path(&node.name)).map(String::as_str);
            let is_ours = |hook: &HookNode| hook.owner == Owner::Ours;
            if self.survey.provider == Provider::Codex && shifts(node) {
                self.warnings.push(format!(
                    "a hook of yours behind magia's in {} has a new place: Codex asks about it again",
                    node.name
                ));
            }
            if prune(&mut self.edits, self.survey, &self.style, node, &is_ours, gap) {
                gone.insert(index);
            }
        }
        if gone.is_empty() {
            return false;
        }
        let gap = self.footprint.empty.get("hooks");
        if gone.len() < hooks.events.len() || gap.is_some() || doc.has_comment(hooks.span) {
            let items: Vec<Span> = hooks.events.iter().map(|node| node.member).collect();
            let edit = ContainerEdit {
                container: hooks.span,
                items: &items,
                remove: &|index| gone.contains(&index),
                append: &[],
                empty: gap.map_or("", String::as_str),
            };
            self.edits.container(doc, &self.style, &edit);
            return false;
        }
        let edit = ContainerEdit {
            container: doc.root,
            items: &spans(&self.survey.root),
            remove: &|index| index == hooks.index,
            append: &[],
            empty: self.footprint.empty.get("").map_or("", String::as_str),
        };
        self.edits.container(doc, &self.style, &edit);
        self.survey.root.len() == 1
    }
}

/// Whether a hook of the user's stands behind one of ours in one group: its number, by which Codex knows what the
/// user trusts, is one less when ours goes.
fn shifts(node: &EventNode) -> bool {
    node.groups.iter().any(|group| {
        let mut behind = group.hooks.iter().skip_while(|hook| hook.owner != Owner::Ours);
        behind.any(|hook| hook.owner != Owner::Ours)
    })
}

/// Takes hook objects out of an event, and the groups that this empties. True when nothing is left and the event
/// itself should go; with `empty` given the event stays, holding that white space. What holds a comment stays too,
/// and so does a group before one that stays where groups are known by their number (Codex).
fn prune(
    edits: &mut Edits,
    survey: &Survey<'_>,
    style: &Style,
    node: &EventNode,
    drop: &dyn Fn(&HookNode) -> bool,
    empty: Option<&str>,
) -> bool {
    let doc = &survey.doc;
    let emptied = |group: &GroupNode| {
        group.plain && !group.hooks.is_empty() && group.hooks.iter().all(drop) && !doc.has_comment(group.span)
    };
    let mut gone: BTreeSet<usize> =
        node.groups.iter().enumerate().filter(|(_, group)| emptied(group)).map(|(index, _)| index).collect();
    if survey.provider == Provider::Codex
        && let Some(last) = (0..node.groups.len()).rev().find(|index| !gone.contains(index))
    {
        gone.retain(|index| *index > last);
    }
    if !node.groups.is_empty()
        && gone.len() == node.groups.len()
        && empty.is_none()
        && !doc.has_comment(node.member)
    {
        return true;
    }
    let kept = node.groups.iter().enumerate().filter(|(index, _)| !gone.contains(index));
    for group in kept.map(|(_, group)| group).filter(|group| group.hooks.iter().any(drop)) {
        let items: Vec<Span> = group.hooks.iter().map(|hook| hook.span).collect();
        let edit = ContainerEdit {
            container: group.hooks_array,
            items: &items,
            remove: &|index| group.hooks.get(index).is_some_and(drop),
            append: &[],
            empty: "",
        };
        edits.container(doc, style, &edit);
    }
    if !gone.is_empty() {
        let items: Vec<Span> = node.groups.iter().map(|group| group.span).collect();
        let edit = ContainerEdit {
            container: node.array,
            items: &items,
            remove: &|index| gone.contains(&index),
            append: &[],
            empty: empty.unwrap_or_default(),
        };
        edits.container(doc, style, &edit);
    }
    false
}

fn spans(members: &[Member]) -> Vec<Span> {
    members.iter().map(Member::span).collect()
}

fn event_path(event: &str) -> String {
    format!("hooks.{event}")
}
