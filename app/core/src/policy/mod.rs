//! What is answered without a person, and how much harm a request could do.
//!
//! Overrides for single tools come first, then the preset. Questions and plans are never answered by a rule.

pub mod risk;
pub mod shell;

use crate::settings::{Preset, Settings};
use serde_json::Value;
use std::path::{Component, Path, PathBuf};

/// What a rule says to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Run it; the text names the rule.
    Allow(String),
    /// Do not run it; the text names the rule.
    Deny(String),
    /// A person decides.
    Ask,
}

/// Where a request would act, with symbolic links resolved by whoever can look at the disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RealPaths {
    /// The agent's working directory.
    pub cwd: PathBuf,
    /// The file that a tool names.
    pub target: PathBuf,
}

/// Tools that change one file, by Claude Code's names and Gemini's.
pub const EDIT_TOOLS: &[&str] = &["Edit", "MultiEdit", "Write", "NotebookEdit", "replace", "write_file"];

/// What the settings say to a request. `paths` is `None` when the tool names no file or the disk could not be
/// asked; then nothing is allowed on account of a path.
pub fn verdict(settings: &Settings, tool: &str, input: &Value, paths: Option<&RealPaths>) -> Verdict {
    if matches!(tool, "AskUserQuestion" | "ExitPlanMode") {
        return Verdict::Ask;
    }
    let command = input.get("command").and_then(Value::as_str);
    for rule in settings.tool_permissions.iter().filter(|rule| rule.tool == tool) {
        let fits = match (&rule.command_prefix, command) {
            (None, _) => true,
            (Some(prefix), Some(command)) if rule.auto_approve => shell::is_simple_call_of(command, prefix),
            (Some(prefix), Some(command)) => shell::calls(command, prefix),
            (Some(_), None) => false,
        };
        if fits {
            let name = match &rule.command_prefix {
                Some(prefix) => format!("rule {tool}({prefix})"),
                None => format!("rule {tool}"),
            };
            return if rule.auto_approve { Verdict::Allow(name) } else { Verdict::Deny(name) };
        }
    }
    match settings.preset {
        Preset::AcceptEdits if EDIT_TOOLS.contains(&tool) && paths.is_some_and(is_project_file) => {
            Verdict::Allow("preset acceptEdits".to_owned())
        }
        Preset::AcceptEdits | Preset::Default => Verdict::Ask,
    }
}

/// Whether the file is inside the working directory and is not one that steers git, an agent or an editor.
fn is_project_file(paths: &RealPaths) -> bool {
    let Some(inside) = inside(&paths.cwd, &paths.target) else { return false };
    let steering =
        [".git", ".claude", ".codex", ".gemini", ".vscode", ".idea", ".mcp.json", ".envrc", ".husky"];
    inside.components().all(|part| match part {
        Component::Normal(name) => !steering.iter().any(|one| name.eq_ignore_ascii_case(one)),
        _ => false,
    })
}

/// `target` relative to `directory`, when it is below it. Both must be absolute; `..` is never followed.
pub fn inside<'a>(directory: &Path, target: &'a Path) -> Option<&'a Path> {
    let plain = |path: &Path| {
        path.is_absolute()
            && path.components().all(|part| matches!(part, Component::RootDir | Component::Normal(_)))
    };
    if !plain(directory) || !plain(target) || directory == Path::new("/") {
        return None;
    }
    target.strip_prefix(directory).ok().filter(|rest| !rest.as_os_str().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::ToolPermission;
    use serde_json::json;

    fn paths(target: &str) -> Option<RealPaths> {
        Some(RealPaths { cwd: "/home/me/shop".into(), target: target.into() })
    }

    fn accept_edits() -> Settings {
        Settings { preset: Preset::AcceptEdits, ..Settings::default() }
    }

    #[test]
    fn accept_edits_stays_inside_the_project() {
        let check = |tool: &str, target: &str, allowed: bool| {
            let verdict =
                verdict(&accept_edits(), tool, &json!({"file_path": target}), paths(target).as_ref());
            assert_eq!(matches!(verdict, Verdict::Allow(_)), allowed, "{tool} {target}");
        };
        check("Edit", "/home/me/shop/src/a.rs", true);
        check("Write", "/home/me/shop/new.txt", true);
        check("Write", "/home/me/shopping/new.txt", false);
        check("Write", "/home/me/shop/../.bashrc", false);
        check("Write", "/home/me/shop", false);
        check("Write", "/home/me/shop/.git/hooks/pre-commit", false);
        check("Write", "/home/me/shop/.CLAUDE/settings.json", false);
        check("Bash", "/home/me/shop/a", false);
        check("Read", "/home/me/shop/a", false);
        assert_eq!(
            verdict(&accept_edits(), "Edit", &json!({"file_path": "/home/me/shop/a"}), None),
            Verdict::Ask
        );
    }

    #[test]
    fn overrides_come_first_and_prefixes_are_whole_words() {
        let mut settings = Settings::default();
        let rule = |tool: &str, prefix: Option<&str>, auto_approve| ToolPermission {
            tool: tool.into(),
            command_prefix: prefix.map(str::to_owned),
            auto_approve,
        };
        settings.tool_permissions = vec![
            rule("Bash", Some("git push"), false),
            rule("Bash", Some("cargo test"), true),
            rule("Write", None, false),
        ];
        let bash = |command: &str| verdict(&settings, "Bash", &json!({ "command": command }), None);
        assert_eq!(bash("cargo test --all"), Verdict::Allow("rule Bash(cargo test)".into()));
        assert_eq!(bash("cargo tester"), Verdict::Ask);
        assert_eq!(bash("cargo test; rm -rf ~"), Verdict::Ask, "a chain is not a call of its first part");
        assert_eq!(bash("cargo test $(rm x)"), Verdict::Ask);
        assert_eq!(bash("cargo test > /etc/passwd"), Verdict::Ask);
        assert_eq!(bash("cd x && git push -f"), Verdict::Deny("rule Bash(git push)".into()));
        assert!(matches!(verdict(&settings, "Write", &json!({}), None), Verdict::Deny(_)));
    }

    #[test]
    fn questions_and_plans_are_never_answered_by_a_rule() {
        let mut settings = accept_edits();
        for tool in ["AskUserQuestion", "ExitPlanMode"] {
            settings.tool_permissions =
                vec![ToolPermission { tool: tool.into(), command_prefix: None, auto_approve: true }];
            assert_eq!(verdict(&settings, tool, &json!({}), None), Verdict::Ask);
        }
    }
}
