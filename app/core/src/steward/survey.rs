//! Where the hooks of a settings text stand, and which of them are ours.

use magia_protocol::wire::Provider;
use serde_json::Value;

use super::entry::{self, Owner};
use super::error::StewardError;
use super::json::{Dialect, Document, Kind, Member, Span};
use super::recipe::{self, HookEvent, Recipe};

/// The parts of a settings text that the steward looks at.
pub(crate) struct Survey<'a> {
    pub provider: Provider,
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
    /// The matcher as it is written.
    pub written_matcher: Option<Value>,
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
    pub fn of(text: &'a str, provider: Provider, rigour: Rigour) -> Result<Self, StewardError> {
        let doc = Document::parse(text, recipe::dialect(provider))?;
        if doc.kind(doc.root) != Kind::Object {
            return Err(wrong(&doc, doc.root, "the settings file", "an object"));
        }
        let root = doc.members(doc.root)?;
        let mut survey = Self { provider, doc, root, hooks: None };
        let found = survey.root.iter().enumerate().find(|(_, member)| member.key == "hooks");
        if let Some((index, member)) = found {
            let doc = &survey.doc;
            survey.hooks = match (doc.kind(member.value), rigour) {
                (Kind::Object, _) => Some(HooksNode {
                    index,
                    span: member.value,
                    events: read_events(doc, provider, member.value, rigour)?,
                }),
                (_, Rigour::Refuse) => return Err(wrong(doc, member.value, "hooks", "an object")),
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
        self.doc.value(member.value)
    }

    pub fn has_ours(&self) -> bool {
        self.ours().next().is_some()
    }

    /// Whether an entry of ours refuses when there is no answer.
    pub fn is_strict(&self) -> bool {
        self.ours().any(|hook| entry::is_strict(&hook.value))
    }

    fn ours(&self) -> impl Iterator<Item = &HookNode> {
        let events = self.hooks.iter().flat_map(|hooks| &hooks.events);
        events.flat_map(|event| event.ours().map(|(_, hook)| hook))
    }

    /// What the user should know and we do not change.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = match self.provider {
            Provider::Claude => self.claude_warnings(),
            Provider::Gemini => self.gemini_warnings(),
            Provider::Codex => Vec::new(),
        };
        for event in self.hooks.iter().flat_map(|hooks| &hooks.events) {
            let name = &event.name;
            let hooks = || event.groups.iter().flat_map(|group| &group.hooks);
            if hooks().any(|hook| hook.owner == Owner::Mixed) {
                warnings.push(format!("a command in {name} runs the handler among other things; left alone"));
            }
            let gates = recipe::installed_event(self.provider, name).is_some_and(|event| event.gate);
            let in_background = |hook: &HookNode| hook.value.get("async") == Some(&Value::Bool(true));
            if gates && hooks().any(|hook| hook.owner == Owner::Ours && in_background(hook)) {
                warnings.push(format!("the entry in {name} is async: its decisions are ignored"));
            }
        }
        warnings
    }

    fn claude_warnings(&self) -> Vec<String> {
        let off = self.root_value("disableAllHooks") == Some(Value::Bool(true));
        off.then(|| "disableAllHooks is true: Claude Code runs no hooks at all".to_owned())
            .into_iter()
            .collect()
    }

    fn gemini_warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        let config = self.root_value("hooksConfig").unwrap_or_default();
        if config.get("enabled") == Some(&Value::Bool(false)) {
            warnings.push("hooksConfig.enabled is false: Gemini CLI runs no hooks at all".to_owned());
        }
        let disabled = |hook: &HookNode| {
            let names = config.get("disabled").and_then(Value::as_array);
            let is_named =
                |key| names.zip(hook.value.get(key)).is_some_and(|(names, name)| names.contains(name));
            is_named("name") || is_named("command")
        };
        if self.ours().any(disabled) {
            warnings
                .push("hooksConfig.disabled names magia's hooks: Gemini CLI does not run them".to_owned());
        }
        // Seen with Gemini CLI 0.61: it takes the comments out and hands the rest to `JSON.parse`.
        if self.doc.bare.starts_with('\u{feff}') {
            warnings.push("a byte order mark begins the file: Gemini CLI does not start with it".to_owned());
        }
        if Document::parse(&self.doc.bare, Dialect::Strict).is_err() {
            warnings.push(
                "a comma stands before a closing bracket: Gemini CLI does not start with it".to_owned(),
            );
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
    /// What the members of ours must be, with the timeout in force.
    pub wanted: Vec<(&'static str, Value)>,
    /// One of them has to be written anew.
    pub outdated: bool,
    /// The user changed what is the user's to change.
    pub edited: bool,
}

impl HookNode {
    pub fn is_ours(&self) -> bool {
        self.owner == Owner::Ours
    }

    pub fn condition(
        &self,
        group: &GroupNode,
        event: &HookEvent,
        recipe: &Recipe<'_>,
        strict: bool,
    ) -> Result<Condition, StewardError> {
        let provider = recipe.provider;
        let event = event.in_mode(strict);
        let usual = entry::usual_timeout(provider, &event);
        // A timeout that the user chose is kept, but not over to the other mode, for which it was not chosen.
        let same_mode = !event.refusable || entry::is_strict(&self.value) == strict;
        let timeout = self
            .value
            .get("timeout")
            .filter(|timeout| same_mode && entry::seconds(provider, timeout).is_some())
            .unwrap_or(&usual);
        let wanted = entry::members(recipe, &event, timeout, strict)?;
        let outdated = wanted.iter().any(|(key, value)| self.value.get(*key) != Some(value));
        let is_own = |key: &str| wanted.iter().any(|(own, _)| *own == key);
        let extra = self.value.as_object().is_some_and(|map| map.keys().any(|key| !is_own(key)));
        let chosen = entry::seconds(provider, timeout) != Some(event.timeout_s as f64);
        let edited = extra || group.matcher.is_some() || chosen;
        Ok(Condition { wanted, outdated, edited })
    }
}

fn wrong(doc: &Document<'_>, span: Span, what: impl Into<String>, expected: &'static str) -> StewardError {
    StewardError::WrongType { what: what.into(), expected, at: doc.position(span) }
}

fn read_events(
    doc: &Document<'_>,
    provider: Provider,
    hooks: Span,
    rigour: Rigour,
) -> Result<Vec<EventNode>, StewardError> {
    let mut events = Vec::new();
    for member in doc.members(hooks)? {
        // The agents ignore events that they do not know, so what stands there is nobody's business.
        let strict = rigour == Rigour::Refuse && recipe::is_known_event(provider, &member.key);
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
    let matcher = find("matcher").and_then(|member| doc.value(member.value));
    let hooks = doc
        .elements(array)
        .into_iter()
        .map(|span| {
            let value: Value = doc.value(span).unwrap_or_default();
            HookNode { span, owner: entry::owner(&value), value }
        })
        .collect();
    Ok(GroupNode {
        span,
        matcher: matcher.clone().filter(|matcher| !matches!(matcher.as_str(), Some("" | "*"))),
        written_matcher: matcher,
        plain: members.iter().all(|member| matches!(member.key.as_str(), "hooks" | "matcher")),
        hooks_array: array,
        hooks,
    })
}

impl GroupNode {
    /// Something in an event's array that is no group.
    fn foreign(span: Span) -> Self {
        Self {
            span,
            matcher: None,
            written_matcher: None,
            plain: false,
            hooks_array: span,
            hooks: Vec::new(),
        }
    }
}
