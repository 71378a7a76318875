//! Putting our entries in and taking them out.

use std::collections::BTreeSet;
use std::path::Path;

use super::claude::{self, CLAUDE_EVENTS, HookEvent, Owner};
use super::edit::{ContainerEdit, Edits, Layout, NewItem, Style};
use super::error::StewardError;
use super::json::{Document, Member, Span, decode, is_blank};
use super::plan::{Change, ChangeKind, Footprint, Origin, Plan};
use super::survey::{EventNode, GroupNode, HookNode, Rigour, Survey};

/// Works out how to have every event of [`CLAUDE_EVENTS`] call `handler`.
///
/// `bytes` is the file (none: there is none), `previous` the footprint of the last install, if it is known. What
/// the user changed in entries of ours (timeout, matcher, further keys) stays; command and arguments are renewed.
///
/// # Errors
/// What Claude itself would not read is refused.
pub fn plan_install(
    bytes: Option<&[u8]>,
    handler: &Path,
    previous: Option<&Footprint>,
) -> Result<Plan, StewardError> {
    let handler = claude::handler_text(handler)?;
    let read = decode(bytes.unwrap_or_default())?;
    let blank = is_blank(read);
    let text = if blank { "{}" } else { read };
    let survey = Survey::of(text, Rigour::Refuse)?;

    let mut footprint = match previous {
        Some(previous) if survey.has_ours() => previous.clone(),
        _ => Footprint::default(),
    };
    if blank {
        footprint.origin = bytes.map_or(Origin::Absent, |_| Origin::Blank(read.to_owned()));
    }

    let mut install = Install { survey: &survey, handler, edits: Edits::default(), changes: Vec::new() };
    install.run(&mut footprint)?;
    let Install { edits, changes, .. } = install;
    let after = match (edits.is_empty(), blank) {
        (true, _) => bytes.map(<[u8]>::to_vec),
        (false, false) => Some(edits.apply(text).into_bytes()),
        (false, true) => {
            let mark = if read.starts_with('\u{feff}') { "\u{feff}" } else { "" };
            Some(format!("{mark}{}\n", edits.apply(text)).into_bytes())
        }
    };
    let before = bytes.map(<[u8]>::to_vec);
    Plan { before, after, changes, warnings: survey.warnings(), footprint }.checked()
}

/// Works out how to take every entry of ours out again, and with it what only we had made: the group, the event,
/// `hooks`, the file. With the footprint of the install nothing else differs from before, to the byte.
///
/// # Errors
/// A text that cannot be read is refused; odd shapes among the hooks are passed over.
pub fn plan_uninstall(bytes: Option<&[u8]>, previous: Option<&Footprint>) -> Result<Plan, StewardError> {
    let read = decode(bytes.unwrap_or_default())?;
    let before = bytes.map(<[u8]>::to_vec);
    let footprint = Footprint::default();
    if is_blank(read) {
        let after = before.clone();
        return Ok(Plan { before, after, changes: Vec::new(), warnings: Vec::new(), footprint });
    }
    let survey = Survey::of(read, Rigour::PassOver)?;
    let fallback = Footprint::default();
    let mut removal = Removal {
        survey: &survey,
        style: Style::of(&survey.doc)?,
        footprint: previous.unwrap_or(&fallback),
        edits: Edits::default(),
        changes: Vec::new(),
    };
    let root_emptied = removal.run();
    let Removal { edits, changes, footprint: found, .. } = removal;
    let after = match (&found.origin, root_emptied) {
        (Origin::Absent, true) => None,
        (Origin::Blank(blank), true) => Some(blank.clone().into_bytes()),
        _ if edits.is_empty() => before.clone(),
        _ => Some(edits.apply(read).into_bytes()),
    };
    Plan { before, after, changes, warnings: survey.warnings(), footprint }.checked()
}

struct Install<'s> {
    survey: &'s Survey<'s>,
    handler: &'s str,
    edits: Edits,
    changes: Vec<Change>,
}

impl Install<'_> {
    fn run(&mut self, footprint: &mut Footprint) -> Result<(), StewardError> {
        let doc = &self.survey.doc;
        let style = Style::of(doc)?;
        let mut new_events = Vec::new();
        for event in CLAUDE_EVENTS {
            let kind = match self.survey.event(event.name) {
                None => {
                    let group = claude::new_group(event, self.handler);
                    footprint.empty.remove(&event_path(event.name));
                    new_events.push(NewItem { key: Some(event.name.to_owned()), value: vec![group].into() });
                    ChangeKind::Added
                }
                Some(node) if node.ours().next().is_none() => {
                    self.append_group(&style, event, node, footprint);
                    ChangeKind::Added
                }
                Some(node) => self.renew(&style, event, node)?,
            };
            self.changes.push(Change { event: event.name.to_owned(), kind });
        }

        let Some(hooks) = &self.survey.hooks else {
            if self.survey.root.is_empty() {
                note_empty(footprint, doc, "", doc.root);
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
            note_empty(footprint, doc, "hooks", hooks.span);
        }
        // An entry of ours on an event that is no longer installed would only cost time, or harm.
        let mut gone = BTreeSet::new();
        for (index, node) in hooks.events.iter().enumerate() {
            let stale = claude::installed_event(&node.name).is_none() && node.ours().next().is_some();
            if stale {
                self.changes.push(Change { event: node.name.clone(), kind: ChangeKind::Removed });
                if prune(&mut self.edits, doc, &style, node, &|hook| hook.owner == Owner::Ours, None) {
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
    ) {
        let doc = &self.survey.doc;
        if node.groups.is_empty() {
            note_empty(footprint, doc, &event_path(event.name), node.array);
        }
        let items: Vec<Span> = node.groups.iter().map(|group| group.span).collect();
        let append = [NewItem { key: None, value: claude::new_group(event, self.handler) }];
        let edit = ContainerEdit {
            container: node.array,
            items: &items,
            remove: &|_| false,
            append: &append,
            empty: "",
        };
        self.edits.container(doc, style, &edit);
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
            let condition = hook.condition(group, event, self.handler);
            if condition.outdated {
                let timeout_s = condition.timeout_s.unwrap_or(event.timeout_s as f64);
                let mut wanted = vec![
                    ("type", "command".into()),
                    ("command", self.handler.into()),
                    ("args", claude::args(event, timeout_s)),
                ];
                if condition.timeout_s.is_none() {
                    wanted.push(("timeout", event.timeout_s.into()));
                }
                set_members(&mut self.edits, doc, style, hook, &members, wanted);
                kind = ChangeKind::Updated;
            }
        }
        prune(&mut self.edits, doc, style, node, &|hook| doubles.contains(&hook.span.start), None);
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
            if prune(&mut self.edits, doc, &self.style, node, &|hook| hook.owner == Owner::Ours, gap) {
                gone.insert(index);
            }
        }
        if gone.is_empty() {
            return false;
        }
        let gap = self.footprint.empty.get("hooks");
        if gone.len() < hooks.events.len() || gap.is_some() {
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

/// Takes hook objects out of an event, and the groups that this empties. True when nothing is left and the event
/// itself should go; with `empty` given the event stays, holding that white space.
fn prune(
    edits: &mut Edits,
    doc: &Document<'_>,
    style: &Style,
    node: &EventNode,
    drop: &dyn Fn(&HookNode) -> bool,
    empty: Option<&str>,
) -> bool {
    let emptied = |group: &GroupNode| group.plain && !group.hooks.is_empty() && group.hooks.iter().all(drop);
    let gone: BTreeSet<usize> =
        node.groups.iter().enumerate().filter(|(_, group)| emptied(group)).map(|(index, _)| index).collect();
    if !node.groups.is_empty() && gone.len() == node.groups.len() && empty.is_none() {
        return true;
    }
    for group in node.groups.iter().filter(|group| !emptied(group) && group.hooks.iter().any(drop)) {
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

fn note_empty(footprint: &mut Footprint, doc: &Document<'_>, path: &str, container: Span) {
    let gap = doc.between(container.start + 1, container.end.saturating_sub(1));
    footprint.empty.insert(path.to_owned(), gap.to_owned());
}
