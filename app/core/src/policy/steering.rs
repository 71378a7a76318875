//! Files from which other programs run things by themselves. They are no part of a project, wherever it is.

use super::{RealPaths, inside};
use std::path::Component;

/// Files and directories from which other programs run things by themselves: git, an agent, an editor, a shell, a
/// service that builds. What a person has to start (`Makefile`, `package.json`) and what only tells an agent something
/// (`CLAUDE.md`, `AGENTS.md`) is not among them: changing those is the usual work.
const STEERING: &[&str] = &[
    ".git",
    ".gitmodules",
    ".gitconfig",
    ".husky",
    ".githooks",
    ".pre-commit-config.yaml",
    "lefthook.yml",
    ".lefthook.yml",
    ".claude",
    ".codex",
    ".gemini",
    ".cursor",
    ".windsurf",
    ".kiro",
    ".continue",
    ".opencode",
    ".mcp.json",
    "opencode.json",
    ".vscode",
    ".zed",
    ".idea",
    ".fleet",
    ".devcontainer",
    ".devcontainer.json",
    ".helix",
    ".exrc",
    ".nvimrc",
    ".nvim.lua",
    ".vimrc",
    ".lvimrc",
    ".dir-locals.el",
    ".dir-locals-2.el",
    ".envrc",
    ".mise.toml",
    "mise.toml",
    ".bashrc",
    ".bash_profile",
    ".bash_login",
    ".bash_logout",
    ".profile",
    ".zshrc",
    ".zshenv",
    ".zprofile",
    ".zlogin",
    ".zlogout",
    "config.fish",
    ".gitlab-ci.yml",
    ".circleci",
];

/// Two parts that stand behind each other and are the same.
const STEERING_PAIRS: &[(&str, &str)] = &[
    (".github", "workflows"),
    (".github", "actions"),
    (".config", "git"),
    (".config", "fish"),
    (".config", "autostart"),
    (".config", "systemd"),
    (".config", "environment.d"),
];

/// Directories in whose `worktrees` agents have working trees, each a project of its own.
const HAVE_WORKTREES: &[&str] = &[".claude", ".codex", ".cursor"];

/// Whether the file is inside the working directory and is not one from which other programs run things by themselves.
///
/// All of its path counts: an agent that has gone into `.claude` does not make what lies there a project's. But one that
/// has gone into `.claude/worktrees/NAME` works on a project.
pub(crate) fn is_project_file(paths: &RealPaths) -> bool {
    if inside(&paths.cwd, &paths.target).is_none() {
        return false;
    }
    let parts = paths.target.components().filter(|part| *part != Component::RootDir);
    let parts: Vec<String> =
        parts.map(|part| part.as_os_str().to_string_lossy().to_ascii_lowercase()).collect();
    let cwd = paths.cwd.components().count().saturating_sub(1);
    let part = |at: usize| parts.get(at).map_or("", String::as_str);
    let is_worktree =
        |at: usize| HAVE_WORKTREES.contains(&part(at)) && part(at + 1) == "worktrees" && at + 2 < cwd;
    let steers = |at: usize| {
        let name = part(at);
        // A directory with `HEAD`, `objects` and `refs` is a repository to git, which runs what its `config` says.
        let is_head = name == "head" && at + 1 == parts.len();
        let is_bare =
            name.ends_with(".git") && at + 1 < parts.len() && (at + 1 >= cwd || part(at + 1) == "hooks");
        let is_listed = STEERING.contains(&name) || STEERING_PAIRS.contains(&(name, part(at + 1)));
        is_head || is_bare || (is_listed && !is_worktree(at))
    };
    !(0..parts.len()).any(steers)
}
