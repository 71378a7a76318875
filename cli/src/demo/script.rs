//! The recorded sessions: one file each, a heading and then one step a line.

use anyhow::{Context as _, Result};
use serde::Deserialize;
use serde_json::{Map, Value};

/// The sessions, in the order in which they begin.
const SCRIPTS: &[(&str, &str)] = &[
    ("cart", include_str!("cart.jsonl")),
    ("deploy", include_str!("deploy.jsonl")),
    ("edit", include_str!("edit.jsonl")),
    ("question", include_str!("question.jsonl")),
    ("review", include_str!("review.jsonl")),
    ("failed", include_str!("failed.jsonl")),
];

/// A session to play.
#[derive(Debug)]
pub struct Script {
    /// A word for it.
    pub name: &'static str,
    /// What it needs.
    pub heading: Heading,
    /// What happens.
    pub steps: Vec<Step>,
}

/// The first line of a script.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Heading {
    /// The project's directory name.
    pub project: String,
    /// The model's name.
    pub model: String,
    /// Wait so long before the session begins.
    #[serde(default)]
    pub start_ms: u64,
    /// Files of the project, by path.
    #[serde(default)]
    pub files: Map<String, Value>,
}

/// A step. `{cwd}`, `{answer}` and `{reason}` in its texts are filled in when it is played.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Wait so long before it.
    #[serde(default)]
    pub after_ms: u64,
    /// A hook event to send.
    #[serde(default)]
    pub hook: Option<String>,
    /// Its payload, without what all events have and what the event before it said.
    #[serde(default)]
    pub payload: Map<String, Value>,
    /// The agent's words, for the transcript.
    #[serde(default)]
    pub say: Option<String>,
    /// A title that the agent made, for the transcript.
    #[serde(default)]
    pub title: Option<String>,
    /// What follows an allow; also the answer from the terminal.
    #[serde(default)]
    pub allow: Vec<Step>,
    /// What follows a deny.
    #[serde(default)]
    pub deny: Vec<Step>,
    /// Steps to play until the demo ends.
    #[serde(default)]
    pub repeat: Vec<Step>,
}

/// Reads all scripts.
pub fn all() -> Result<Vec<Script>> {
    SCRIPTS.iter().map(|(name, text)| read(name, text)).collect()
}

fn read(name: &'static str, text: &str) -> Result<Script> {
    let mut lines = text.lines();
    let heading = serde_json::from_str(lines.next().unwrap_or_default())
        .with_context(|| format!("{name}: the heading is not understood"))?;
    let steps = lines
        .enumerate()
        .map(|(at, line)| {
            serde_json::from_str(line).with_context(|| format!("{name}: line {} is not understood", at + 2))
        })
        .collect::<Result<_>>()?;
    Ok(Script { name, heading, steps })
}

/// The same value with `{name}` in its texts replaced.
pub fn fill(value: &Value, names: &[(&str, &str)]) -> Value {
    match value {
        Value::String(text) => Value::String(fill_text(text, names)),
        Value::Array(values) => values.iter().map(|value| fill(value, names)).collect(),
        Value::Object(map) => {
            map.iter().map(|(key, value)| (key.clone(), fill(value, names))).collect::<Map<_, _>>().into()
        }
        other => other.clone(),
    }
}

/// `text` with `{name}` replaced.
pub fn fill_text(text: &str, names: &[(&str, &str)]) -> String {
    names.iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::collections::HashSet;

    #[test]
    fn all_scripts_are_read() {
        let scripts = all().unwrap();
        assert_eq!(scripts.len(), SCRIPTS.len());
        let projects: HashSet<_> = scripts.iter().map(|script| script.heading.project.as_str()).collect();
        assert_eq!(projects.len(), 3);
    }

    #[test]
    fn each_kind_of_session_is_there() {
        let scripts = all().unwrap();
        let asks =
            |tool: &str| scripts.iter().flat_map(|script| &script.steps).any(|step| asks_for(step, tool));
        for tool in ["Bash", "Edit", "AskUserQuestion"] {
            assert!(asks(tool), "nobody asks for {tool}");
        }
        let ends = |hook: &str| {
            scripts
                .iter()
                .any(|script| script.steps.last().is_some_and(|step| step.hook.as_deref() == Some(hook)))
        };
        assert!(ends("Stop") && ends("StopFailure"));
        assert!(scripts.iter().any(|script| script.steps.iter().any(|step| !step.repeat.is_empty())));
    }

    #[test]
    fn every_request_has_both_continuations_and_each_ends_the_turn() {
        for script in all().unwrap() {
            for step in script.steps.iter().filter(|step| step.hook.as_deref() == Some("PermissionRequest")) {
                for (answer, steps) in [("allow", &step.allow), ("deny", &step.deny)] {
                    let last = steps.last().and_then(|step| step.hook.as_deref());
                    assert_eq!(last, Some("Stop"), "{}: {answer}", script.name);
                }
            }
        }
    }

    #[test]
    fn names_are_filled_in_everywhere() {
        let value = json!({"a": ["{cwd}/x", 1], "b": {"c": "{cwd} {answer}"}});
        let filled = fill(&value, &[("cwd", "/p"), ("answer", "yes")]);
        assert_eq!(filled, json!({"a": ["/p/x", 1], "b": {"c": "/p yes"}}));
    }

    fn asks_for(step: &Step, tool: &str) -> bool {
        step.hook.as_deref() == Some("PermissionRequest")
            && step.payload.get("tool_name").and_then(Value::as_str) == Some(tool)
    }
}
