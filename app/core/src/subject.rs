//! What a tool call is about, for drawing and for judging: a command, an edit, a question, a plan.

mod patch;

use crate::policy::BASH_WITH_MORE;
use magia_protocol::wire::Risk;
use serde_json::Value;
use similar::{ChangeTag, TextDiff};
use std::ops::Range;

/// What a tool call is about. All text is the agent's: hostile, to be made visible before it is drawn.
#[derive(Clone, Debug, PartialEq)]
pub enum Subject {
    /// A shell command.
    Command {
        /// The whole command.
        command: String,
        /// What the agent says it does.
        description: Option<String>,
        /// Parts worth a look, in order, not overlapping: byte range and reason.
        marks: Vec<Mark>,
    },
    /// A change of a file.
    Edit {
        /// The file.
        path: String,
        /// Whether the whole file is written.
        whole: bool,
        /// The change, with context.
        diff: Vec<DiffLine>,
        /// Lines added.
        added: u32,
        /// Lines removed.
        removed: u32,
    },
    /// Questions with choices (`AskUserQuestion`).
    Questions(Vec<Question>),
    /// A plan to approve (`ExitPlanMode`), in Markdown.
    Plan(String),
    /// A path or pattern that is read.
    Read(String),
    /// Anything else: the input as indented JSON.
    Other(String),
}

/// A part of a command that is worth a look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Bytes of the command.
    pub range: Range<usize>,
    /// How bad.
    pub risk: Risk,
    /// Why, as "deletes recursively".
    pub reason: &'static str,
}

/// A line of a diff.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiffLine {
    /// Added, removed or context.
    pub change: Change,
    /// Line number in the old text, from 1, when it is there.
    pub old: Option<u32>,
    /// Line number in the new text, from 1, when it is there.
    pub new: Option<u32>,
    /// The line without its newline.
    pub text: String,
}

/// What happened to a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Stays.
    Same,
    /// Comes.
    Added,
    /// Goes.
    Removed,
    /// Lines left out here.
    Gap,
}

/// A question with choices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The question; also the key of its answer.
    pub text: String,
    /// A word or two.
    pub header: String,
    /// Whether several may be chosen.
    pub multiple: bool,
    /// The choices.
    pub options: Vec<Choice>,
}

/// A choice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// What is answered.
    pub label: String,
    /// What it means.
    pub description: String,
}

/// What a request for a terminal is called where an agent's has its tool's name.
pub const TERMINAL_TOOL: &str = "Terminal";

/// Lines of a diff that are made at most; the rest is one [`Change::Gap`].
const DIFF_LINES_MAX: usize = 4_000;

impl Subject {
    /// Bytes of its texts, about.
    pub fn text_bytes(&self) -> usize {
        match self {
            Self::Command { command, description, .. } => {
                command.len() + description.as_ref().map_or(0, String::len)
            }
            Self::Edit { path, diff, .. } => {
                path.len() + diff.iter().map(|line| size_of::<DiffLine>() + line.text.len()).sum::<usize>()
            }
            Self::Questions(questions) => questions
                .iter()
                .flat_map(|question| &question.options)
                .map(|option| option.label.len() + option.description.len())
                .sum(),
            Self::Plan(text) | Self::Read(text) | Self::Other(text) => text.len(),
        }
    }

    /// What a call of `tool` with `input` is about. Tool names are Claude Code's (Codex has some of the same), Codex's
    /// `apply_patch` and Gemini's; unknown ones are `Other`.
    pub fn of(tool: &str, input: &Value) -> Self {
        match Self::unmarked(tool, input) {
            Self::Command { command, description, .. } => {
                let marks = crate::policy::risk::command_marks(&command);
                Self::Command { command, description, marks }
            }
            other => other,
        }
    }

    /// The same without marks on a command: for what was decided already, as in a timeline.
    pub fn unmarked(tool: &str, input: &Value) -> Self {
        let text = |key: &str| input.get(key).and_then(Value::as_str);
        match tool {
            "Bash" | "run_shell_command" | TERMINAL_TOOL => match text("command") {
                Some(command) => Self::Command {
                    command: command.to_owned(),
                    description: text("description").map(str::to_owned),
                    marks: Vec::new(),
                },
                None => Self::other(input),
            },
            BASH_WITH_MORE => match text("command") {
                Some(command) => Self::Command {
                    command: command.to_owned(),
                    description: Some(with_more(input)),
                    marks: Vec::new(),
                },
                None => Self::other(input),
            },
            "Edit" | "replace" => match (text("file_path"), text("old_string"), text("new_string")) {
                (Some(path), Some(old), Some(new)) => Self::edit(path, false, old, new),
                _ => Self::other(input),
            },
            "MultiEdit" => match (text("file_path"), input.get("edits").and_then(Value::as_array)) {
                (Some(path), Some(edits)) => {
                    let side = |key: &str| {
                        let sides: Vec<&str> =
                            edits.iter().filter_map(|edit| edit.get(key).and_then(Value::as_str)).collect();
                        sides.join("\n")
                    };
                    Self::edit(path, false, &side("old_string"), &side("new_string"))
                }
                _ => Self::other(input),
            },
            "Write" | "write_file" => match (text("file_path"), text("content")) {
                (Some(path), Some(content)) => Self::edit(path, true, "", content),
                _ => Self::other(input),
            },
            "NotebookEdit" => match (text("notebook_path"), text("new_source")) {
                (Some(path), Some(source)) => Self::edit(path, false, "", source),
                _ => Self::other(input),
            },
            "AskUserQuestion" => match questions(input) {
                Some(questions) => Self::Questions(questions),
                None => Self::other(input),
            },
            "ExitPlanMode" => match text("plan") {
                Some(plan) => Self::Plan(plan.to_owned()),
                None => Self::other(input),
            },
            "apply_patch" => match text("command").and_then(patch::read) {
                Some(subject) => subject,
                None => Self::other(input),
            },
            "Read" | "NotebookRead" | "read_file" => {
                match text("file_path").or_else(|| text("notebook_path")) {
                    Some(path) => Self::Read(path.to_owned()),
                    None => Self::other(input),
                }
            }
            "Grep" | "Glob" | "glob" | "grep_search" | "search_file_content" => match text("pattern") {
                Some(pattern) => Self::Read(match text("path") {
                    Some(path) => format!("{pattern} in {path}"),
                    None => pattern.to_owned(),
                }),
                None => Self::other(input),
            },
            _ => Self::other(input),
        }
    }

    /// One line for lists: the command, the path, the first question.
    pub fn summary(&self) -> String {
        let line = match self {
            Self::Command { command, .. } => command,
            Self::Edit { path, .. } | Self::Read(path) => path,
            Self::Questions(questions) => {
                return questions.first().map(|q| q.text.clone()).unwrap_or_default();
            }
            Self::Plan(plan) => plan.lines().find(|line| !line.trim().is_empty()).unwrap_or_default(),
            Self::Other(json) => return json.split_whitespace().collect::<Vec<_>>().join(" "),
        };
        line.to_owned()
    }

    /// `tool`, `question` or `plan`: what kind of answer it wants.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Questions(_) => "question",
            Self::Plan(_) => "plan",
            _ => "tool",
        }
    }

    fn other(input: &Value) -> Self {
        Self::Other(serde_json::to_string_pretty(input).unwrap_or_default())
    }

    fn edit(path: &str, whole: bool, old: &str, new: &str) -> Self {
        let (diff, added, removed) = diff_lines(old, new);
        Self::Edit { path: path.to_owned(), whole, diff, added, removed }
    }
}

/// The lines of a change with three lines of context, and how many come and go.
pub fn diff_lines(old: &str, new: &str) -> (Vec<DiffLine>, u32, u32) {
    let diff = TextDiff::from_lines(old, new);
    let mut lines = Vec::new();
    let (mut added, mut removed) = (0, 0);
    for (index, group) in diff.grouped_ops(3).iter().enumerate() {
        if index > 0 {
            lines.push(DiffLine { change: Change::Gap, old: None, new: None, text: String::new() });
        }
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let kind = match change.tag() {
                ChangeTag::Equal => Change::Same,
                ChangeTag::Insert => Change::Added,
                ChangeTag::Delete => Change::Removed,
            };
            added += u32::from(kind == Change::Added);
            removed += u32::from(kind == Change::Removed);
            if lines.len() < DIFF_LINES_MAX {
                lines.push(DiffLine {
                    change: kind,
                    old: change.old_index().and_then(|n| u32::try_from(n + 1).ok()),
                    new: change.new_index().and_then(|n| u32::try_from(n + 1).ok()),
                    text: change.value().trim_end_matches(['\n', '\r']).to_owned(),
                });
            }
        }
    }
    if lines.len() >= DIFF_LINES_MAX {
        lines.push(DiffLine { change: Change::Gap, old: None, new: None, text: String::new() });
    }
    (lines, added, removed)
}

/// What a request for more than a command says of it, and all that it asks for besides.
fn with_more(input: &Value) -> String {
    let told = ["description", "reason"].iter().find_map(|key| input.get(key).and_then(Value::as_str));
    let mut lines: Vec<String> = told.map(str::to_owned).into_iter().collect();
    let fields = input.as_object().into_iter().flatten();
    let asked = fields.filter(|(key, _)| !crate::policy::is_told(key));
    lines.extend(asked.map(|(key, value)| format!("It also asks for {key}: {value}")));
    lines.join("\n")
}

fn questions(input: &Value) -> Option<Vec<Question>> {
    let text =
        |value: &Value, key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let asked = input.get("questions")?.as_array()?;
    Some(
        asked
            .iter()
            .map(|question| Question {
                text: text(question, "question"),
                header: text(question, "header"),
                multiple: question.get("multiSelect").and_then(Value::as_bool).unwrap_or(false),
                options: question
                    .get("options")
                    .and_then(Value::as_array)
                    .map(|options| {
                        options
                            .iter()
                            .map(|option| Choice {
                                label: text(option, "label"),
                                description: text(option, "description"),
                            })
                            .collect()
                    })
                    .unwrap_or_default(),
            })
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_edit_is_a_diff_with_numbers() {
        let subject = Subject::of(
            "Edit",
            &json!({"file_path": "/a", "old_string": "one\ntwo\n", "new_string": "one\nthree\n"}),
        );
        let Subject::Edit { path, added, removed, diff, whole } = subject else { panic!("not an edit") };
        assert_eq!((path.as_str(), added, removed, whole), ("/a", 1, 1, false));
        let shown: Vec<_> =
            diff.iter().map(|line| (line.change, line.old, line.new, line.text.as_str())).collect();
        assert_eq!(
            shown,
            [
                (Change::Same, Some(1), Some(1), "one"),
                (Change::Removed, Some(2), None, "two"),
                (Change::Added, None, Some(2), "three"),
            ]
        );
    }

    #[test]
    fn a_huge_write_is_bounded() {
        let content = "x\n".repeat(100_000);
        let Subject::Edit { diff, added, .. } =
            Subject::of("Write", &json!({"file_path": "/a", "content": content}))
        else {
            panic!("not an edit")
        };
        assert_eq!((diff.len(), added), (DIFF_LINES_MAX + 1, 100_000));
    }

    #[test]
    fn questions_and_odd_inputs() {
        let subject = Subject::of(
            "AskUserQuestion",
            &json!({"questions": [{"question": "Which?", "header": "Pick", "multiSelect": true,
                    "options": [{"label": "A", "description": "first"}]}]}),
        );
        assert_eq!((subject.kind(), subject.summary().as_str()), ("question", "Which?"));
        assert!(matches!(Subject::of("Bash", &json!({"command": 7})), Subject::Other(_)));
        assert!(matches!(Subject::of("Edit", &json!(null)), Subject::Other(_)));
    }
}
