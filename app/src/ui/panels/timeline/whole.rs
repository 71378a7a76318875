//! Entries as text: for the clipboard, and for finding.

use super::data::{Entry, Row};
use crate::ui::text::shown;
use magia_core::subject::{Change, Subject};
use magia_core::timeline::ToolStatus;

/// All of a subject as text.
pub trait Whole {
    /// The text, made visible.
    fn whole(&self) -> String;
}

impl Whole for Subject {
    fn whole(&self) -> String {
        match self {
            Self::Command { command, .. } => shown(command).into_owned(),
            Self::Edit { path, diff, .. } => {
                let mut text = shown(path).into_owned();
                for line in diff {
                    let sign = match line.change {
                        Change::Same => ' ',
                        Change::Added => '+',
                        Change::Removed => '-',
                        Change::Gap => '@',
                    };
                    text.push('\n');
                    text.push(sign);
                    text.push_str(&shown(&line.text));
                }
                text
            }
            Self::Questions(_) => shown(&self.summary()).into_owned(),
            Self::Plan(text) | Self::Read(text) | Self::Other(text) => shown(text).into_owned(),
        }
    }
}

/// Entries as Markdown, in their order: prompts and messages as they are, calls and results in fences.
pub fn to_markdown<'a>(rows: impl Iterator<Item = &'a Row>) -> String {
    let mut text = String::new();
    for row in rows {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&entry_markdown(row));
    }
    text
}

fn entry_markdown(row: &Row) -> String {
    match row.entry.as_ref() {
        Entry::Prompt(text) => format!("## You\n\n{text}\n"),
        Entry::Message(text) => format!("{text}\n"),
        Entry::Thinking { text, .. } => quoted(text),
        Entry::Tool(tool) => {
            let status = match tool.status {
                ToolStatus::Done => String::new(),
                other => format!(" ({})", other.as_str()),
            };
            let (language, input) = match &tool.item.subject {
                Subject::Command { .. } => ("sh", tool.item.subject.whole()),
                Subject::Edit { .. } => ("diff", tool.item.subject.whole()),
                Subject::Other(_) => ("json", tool.item.subject.whole()),
                _ => ("", tool.item.subject.whole()),
            };
            let mut text = format!("**{}**{status}\n\n{}", tool.name, fenced(language, &input));
            if let Some(result) = tool.item.result.as_ref().filter(|result| !result.trim().is_empty()) {
                text.push('\n');
                text.push_str(&fenced("", &shown(result)));
            }
            text
        }
        Entry::Asked { what, outcome } => format!("*Asked: {what}: {outcome}*\n"),
        Entry::Card(view) => {
            let tool = shown(&view.info.tool).into_owned();
            format!("*Asks: {tool}*\n\n{}", fenced("", &view.subject.whole()))
        }
        Entry::Subagent { agent_type, ended: None } => format!("*Subagent {agent_type} began*\n"),
        Entry::Subagent { agent_type, ended: Some(words) } => {
            format!("*Subagent {agent_type} ended*\n\n{}", quoted(words))
        }
        Entry::Note { text, .. } => format!("*{text}*\n"),
    }
}

fn quoted(text: &str) -> String {
    text.lines().map(|line| format!("> {line}\n")).collect()
}

/// A fence that is longer than any in the text.
fn fenced(language: &str, text: &str) -> String {
    let mut most = 0;
    let mut row = 0;
    for c in text.chars() {
        row = if c == '`' { row + 1 } else { 0 };
        most = most.max(row);
    }
    let fence = "`".repeat((most + 1).max(3));
    format!("{fence}{language}\n{}\n{fence}\n", text.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fence_is_longer_than_what_it_holds() {
        assert_eq!(fenced("sh", "ls\n"), "```sh\nls\n```\n");
        assert_eq!(fenced("", "a ```` b"), "`````\na ```` b\n`````\n");
    }
}
