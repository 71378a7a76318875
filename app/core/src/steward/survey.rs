//! Where the hooks of a settings text stand, and which of them are ours.

use serde_json::Value;

use super::claude::{self, HookEvent, Owner};
use super::error::StewardError;
use super::json::{Document, Kind, Member, Span};

/// The parts of a settings text that the steward looks at.
pub(crate) struct Survey<'a> {
    pub doc: Document<'a>,
    pub root: Vec<Member>,
    pub hooks: Option<HooksNode>,
}

pub(crate) struct HooksNode {
    /// Its place among the members of the root.
    pub index: usize,
    pub span: Span,
    pub events: Vec<EventNode>,
}

pub(crate) struct EventNode {
    pub name: String,
    /// Key and value.
    pub member: Span,
    pub array: Span,
    pub groups: Vec<GroupNode>,
}

pub(crate) struct GroupNode {
    pub span: Span,
    /// None is all, however that is written.
    pub matcher: Option<Value>,
    /// It has no keys but `matcher` and `hooks`, so nothing is lost with it once it is empty.
    pub plain: bool,
    pub hooks_array: Span,
    pub hooks: Vec<HookNode>,
}

pub(crate) struct HookNode {
    pub span: Span,
    pub owner: Owner,
    pub value: Value,
}

/// Whether a wrong shape is refused or passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rigour {
    /// For writing entries: what Claude would not read must not look like a success.
    Refuse,
    /// For taking entries out: only what is ours matters.
    PassOver,
}

impl<'a> Survey<'a> {
    pub fn of(text: &'a str, rigour: Rigour) -> Result<Self, StewardError> {
        let doc = Document::parse(text)?;
        if doc.kind(doc.root) != Kind::Object {
            return Err(wrong(&doc, doc.root, "the settings file", "an object"));
        }
        let root = doc.members(doc.root)?;
        let mut survey = Self { doc, root, hooks: None };
        let found = survey.root.iter().enumerate().find(|(_, member)| member.key == "hooks");
        if let Some((index, member)) = found {
            survey.hooks = match (doc.kind(member.value), rigour) {
                (Kind::Object, _) => Some(HooksNode {
                    index,
                    span: member.value,
                    events: read_events(&doc, member.value, rigour)?,
                }),
                (_, Rigour::Refuse) => return Err(wrong(&doc, member.value, "hooks", "an object")),
                (_, Rigour::PassOver) => None,
            };
        }
        Ok(survey)
    }

    pub fn event(&self, name: &str) -> Option<&EventNode> {
        self.hooks.as_ref()?.events.iter().find(|event| event.name == name)
    }

    /// The value of a member of the root, when it can be decoded.
    pub fn root_value(&self, key: &str) -> Option<Value> {
        let member = self.root.iter().find(|member| member.key == key)?;
        serde_json::from_str(self.doc.slice(member.value)).ok()
    }

    pub fn has_ours(&self) -> bool {
        self.hooks
            .as_ref()
            .is_some_and(|hooks| hooks.events.iter().any(|event| event.ours().next().is_some()))
    }

    /// What the user should know and we do not change.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.root_value("disableAllHooks") == Some(Value::Bool(true)) {
            warnings.push("disableAllHooks is true: Claude Code runs no hooks at all".to_owned());
        }
        for event in self.hooks.iter().flat_map(|hooks| &hooks.events) {
            let name = &event.name;
            let hooks = || event.groups.iter().flat_map(|group| &group.hooks);
            if hooks().any(|hook| hook.owner == Owner::Mixed) {
                warnings.push(format!("a command in {name} runs the handler among other things; left alone"));
            }
            let gates = claude::installed_event(name).is_some_and(|event| event.gate);
            let in_background = |hook: &HookNode| hook.value.get("async") == Some(&Value::Bool(true));
            if gates && hooks().any(|hook| hook.owner == Owner::Ours && in_background(hook)) {
                warnings.push(format!("the entry in {name} is async: its decisions are ignored"));
            }
        }
        warnings
    }
}

impl EventNode {
    pub fn ours(&self) -> impl Iterator<Item = (&GroupNode, &HookNode)> {
        self.groups
            .iter()
            .flat_map(|group| group.hooks.iter().map(move |hook| (group, hook)))
            .filter(|(_, hook)| hook.owner == Owner::Ours)
    }
}

/// How an entry of ours compares with what would be written today.
pub(crate) struct Condition {
    /// The timeout in force, when it is one that Claude accepts.
    pub timeout_s: Option<f64>,
    /// Type, command, arguments or timeout have to be written anew.
    pub outdated: bool,
    /// The user changed what is the user's to change.
    pub edited: bool,
}

impl HookNode {
    pub fn condition(&self, group: &GroupNode, event: &HookEvent, handler: &str) -> Condition {
        let get = |key| self.value.get(key);
        let timeout_s = get("timeout").and_then(Value::as_f64).filter(|seconds| *seconds > 0.0);
        let args = claude::args(event, timeout_s.unwrap_or(event.timeout_s as f64));
        let outdated = get("type").and_then(Value::as_str) != Some("command")
            || get("command").and_then(Value::as_str) != Some(handler)
            || get("args") != Some(&args)
            || timeout_s.is_none();
        let own = ["type", "command", "args", "timeout"];
        let extra =
            self.value.as_object().is_some_and(|map| map.keys().any(|key| !own.contains(&key.as_str())));
        let edited = extra
            || group.matcher.is_some()
            || timeout_s.is_some_and(|seconds| seconds != event.timeout_s as f64);
        Condition { timeout_s, outdated, edited }
    }
}

fn wrong(doc: &Document<'_>, span: Span, what: impl Into<String>, expected: &'static str) -> StewardError {
    StewardError::WrongType { what: what.into(), expected, at: doc.position(span) }
}

fn read_events(doc: &Document<'_>, hooks: Span, rigour: Rigour) -> Result<Vec<EventNode>, StewardError> {
    let mut events = Vec::new();
    for member in doc.members(hooks)? {
        // Claude ignores events that it does not know, so what stands there is nobody's business.
        let strict = rigour == Rigour::Refuse && claude::is_known_event(&member.key);
        let mut groups = Vec::new();
        if doc.kind(member.value) == Kind::Array {
            for (index, span) in doc.elements(member.value).into_iter().enumerate() {
                let path = format!("hooks.{}[{index}]", member.key);
                match read_group(doc, span, &path) {
                    Ok(group) => groups.push(group),
                    Err(err @ StewardError::WrongType { .. }) if strict => return Err(err),
                    Err(StewardError::WrongType { .. }) => groups.push(GroupNode::foreign(span)),
                    Err(err) => return Err(err),
                }
            }
        } else if strict {
            return Err(wrong(doc, member.value, format!("hooks.{}", member.key), "an array"));
        }
        events.push(EventNode {
            name: member.key.clone(),
            member: member.span(),
            array: member.value,
            groups,
        });
    }
    Ok(events)
}

fn read_group(doc: &Document<'_>, span: Span, path: &str) -> Result<GroupNode, StewardError> {
    if doc.kind(span) != Kind::Object {
        return Err(wrong(doc, span, path, "an object"));
    }
    let members = doc.members(span)?;
    let hooks_path = format!("{path}.hooks");
    let find = |key: &str| members.iter().find(|member| member.key == key);
    let array = find("hooks").ok_or_else(|| wrong(doc, span, &hooks_path, "an array"))?.value;
    if doc.kind(array) != Kind::Array {
        return Err(wrong(doc, array, hooks_path, "an array"));
    }
    let matcher = find("matcher").and_then(|member| serde_json::from_str(doc.slice(member.value)).ok());
    let hooks = doc
        .elements(array)
        .into_iter()
        .map(|span| {
            let value: Value = serde_json::from_str(doc.slice(span)).unwrap_or_default();
            HookNode { span, owner: claude::owner(&value), value }
        })
        .collect();
    Ok(GroupNode {
        span,
        matcher: matcher.filter(|matcher: &Value| !matches!(matcher.as_str(), Some("" | "*"))),
        plain: members.iter().all(|member| matches!(member.key.as_str(), "hooks" | "matcher")),
        hooks_array: array,
        hooks,
    })
}

impl GroupNode {
    /// Something in an event's array that is no group.
    fn foreign(span: Span) -> Self {
        Self { span, matcher: None, plain: false, hooks_array: span, hooks: Vec::new() }
    }
}
