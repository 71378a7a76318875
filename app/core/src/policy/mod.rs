//! What is answered without a person, and how much harm a request could do.
//!
//! Overrides for single tools come first, in the order of the settings; then the preset of the directory, or the usual
//! one. Every verdict names the rule that made it, asking included. Questions and plans are never answered by a rule.

pub mod edit;
mod programs;
mod readers;
pub mod risk;
pub mod same;
pub mod sensitive;
pub mod shell;
mod steering;
pub mod table;
pub mod trial;

pub(crate) use steering::is_project_file;

use crate::settings::{Preset, Settings, ToolPermission};
use magia_protocol::wire::Risk;
use serde_json::Value;
use std::borrow::Cow;
use std::cell::OnceCell;
use std::path::{Component, Path, PathBuf};

/// What a rule says to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Says {
    /// Run it.
    Allow,
    /// Do not run it.
    Deny,
    /// A person decides.
    Ask,
    /// magia takes no part; the agent's own dialog decides.
    Pass,
}

impl Says {
    /// The word for a person.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::Ask => "ask",
            Self::Pass => "take no part",
        }
    }
}

/// A verdict and the rule that made it, as `rule Bash(cargo test)` or `preset plan of /home/me/shop`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What is to be done.
    pub says: Says,
    /// Which rule says so.
    pub rule: String,
}

impl Verdict {
    /// How a request's record says it: `allow by preset auto`.
    pub fn note(&self) -> String {
        format!("{} by {}", self.says.as_str(), self.rule)
    }

    /// What the agent is told with a deny.
    pub fn denial(&self) -> String {
        let why = match self.rule.strip_prefix("preset ").and_then(|rest| rest.split(' ').next()) {
            Some("plan") => ": only what reads is allowed now",
            Some("dontAsk") => ": only what a rule allows is run, and nobody is asked",
            _ => "",
        };
        format!("Denied by magia's {}{why}", self.rule)
    }
}

/// Where a request would act, with symbolic links resolved by whoever can look at the disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RealPaths {
    /// The agent's working directory; [`NO_PROJECT`] when that is none whose files may be changed unseen.
    pub cwd: PathBuf,
    /// The file that a tool names.
    pub target: PathBuf,
}

/// Nothing is inside of it.
pub const NO_PROJECT: &str = "/";

/// Directories that a project is not: an agent that works in the user's home would else have all of the user's own
/// configuration, and magia's, "inside the project".
#[derive(Clone, Debug, Default)]
pub struct Reserved {
    /// The user's home, under each of its names.
    pub homes: Vec<PathBuf>,
    /// Where magia keeps its settings and data.
    pub own: Vec<PathBuf>,
}

impl Reserved {
    /// Whether what is inside of a directory is a project's. It is not the home, nor above it, nor around magia's own
    /// directories, nor within them.
    pub fn is_project(&self, cwd: &Path) -> bool {
        let around = |inner: &PathBuf| inner.starts_with(cwd);
        !self.homes.iter().any(around) && !self.own.iter().any(|own| around(own) || cwd.starts_with(own))
    }
}

/// A call that asks.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// The tool's name as the agent gives it.
    pub tool: &'a str,
    /// Its input.
    pub input: &'a Value,
    /// The agent's working directory as it says it.
    pub cwd: &'a str,
    /// Where it would act; `None` when the tool names no file or the disk could not be asked; then nothing is allowed
    /// on account of a path.
    pub paths: Option<&'a RealPaths>,
}

/// Tools that change one file, by Claude Code's names and Gemini's.
pub const EDIT_TOOLS: &[&str] = &["Edit", "MultiEdit", "Write", "NotebookEdit", "replace", "write_file"];

/// Tools that only read, by Claude Code's names and Gemini's.
pub const READ_TOOLS: &[&str] = &[
    "Read",
    "Grep",
    "Glob",
    "LS",
    "NotebookRead",
    "TodoWrite",
    "TodoRead",
    "read_file",
    "glob",
    "grep_search",
    "search_file_content",
    "list_directory",
];

/// Fields in which a tool names the file or the directory that it works on.
pub const PATH_KEYS: &[&str] = &["file_path", "notebook_path", "path", "absolute_path", "dir_path"];

/// Whether a tool runs shell commands: Claude's and Codex's `Bash`, Codex's others, Gemini's.
pub fn is_shell(tool: &str) -> bool {
    matches!(tool, "Bash" | "shell" | "local_shell" | "exec_command" | "run_shell_command")
}

/// Whether a tool is known to change or read files, and so runs no commands: no rule for commands can fit, and where it
/// acts depends on the disk.
pub fn works_on_files(tool: &str) -> bool {
    EDIT_TOOLS.contains(&tool) || READ_TOOLS.contains(&tool)
}

/// What Codex's requests for more than a command are called.
pub const BASH_WITH_MORE: &str = "BashWithMore";
/// What Codex's requests for more than a change of files are called.
pub const PATCH_WITH_MORE: &str = "apply_patchWithMore";

/// Whether a request is for more than its call: for the network, for a directory. No rule allows that.
pub fn asks_for_more(tool: &str) -> bool {
    matches!(tool, BASH_WITH_MORE | PATCH_WITH_MORE)
}

/// What a tool is to a rule that denies: a request for more than a call is for that call, too.
pub fn named_by_rules(tool: &str) -> &str {
    match tool {
        BASH_WITH_MORE => "Bash",
        PATCH_WITH_MORE => "apply_patch",
        _ => tool,
    }
}

/// Whether a field of such a request is the call, or only tells of it.
pub(crate) fn is_told(key: &str) -> bool {
    matches!(key, "command" | "description" | "reason")
}

/// The command of a shell tool's input: a text, or words, which are joined.
pub fn command_of(input: &Value) -> Option<Cow<'_, str>> {
    match input.get("command").or_else(|| input.get("cmd"))? {
        Value::String(command) => Some(Cow::Borrowed(command)),
        Value::Array(words) => {
            let words: Option<Vec<&str>> = words.iter().map(Value::as_str).collect();
            // Quoted, so that a word with a blank or an operator in it stays one word.
            let quoted = |word: &str| format!("'{}'", word.replace('\'', "'\\''"));
            Some(Cow::Owned(words?.into_iter().map(quoted).collect::<Vec<_>>().join(" ")))
        }
        _ => None,
    }
}

/// What the settings say to a call.
pub fn verdict(settings: &Settings, call: Call<'_>) -> Verdict {
    let (preset, workspace) = settings.preset_for(call.cwd);
    let of_preset = |says| {
        let rule = match workspace {
            Some(path) => format!("preset {} of {path}", preset.as_str()),
            None => format!("preset {}", preset.as_str()),
        };
        Verdict { says, rule }
    };
    if matches!(call.tool, "AskUserQuestion" | "ExitPlanMode") {
        let passed = preset == Preset::BypassPermissions;
        let asked = || Verdict { says: Says::Ask, rule: "questions and plans are always yours".to_owned() };
        return if passed { of_preset(Says::Pass) } else { asked() };
    }
    let read = OnceCell::new();
    if let Some(verdict) = settings.tool_permissions.iter().find_map(|rule| if_it_fits(rule, call, &read)) {
        return verdict;
    }
    of_preset(match preset {
        Preset::Default => Says::Ask,
        Preset::AcceptEdits => {
            let edits = EDIT_TOOLS.contains(&call.tool) && call.paths.is_some_and(is_project_file);
            let touches = || !sensitive::touched(call.tool, call.input, call.paths).is_empty();
            if edits && !touches() { Says::Allow } else { Says::Ask }
        }
        Preset::Plan if is_reading(call) => Says::Allow,
        Preset::Plan | Preset::DontAsk => Says::Deny,
        Preset::Auto => match risk::judge(call.tool, call.input, call.paths).risk {
            Risk::Low => Says::Allow,
            Risk::Medium | Risk::High => Says::Ask,
        },
        Preset::BypassPermissions => Says::Pass,
    })
}

/// What one override says to a call; `None` when it is about another one.
pub fn of_rule(rule: &ToolPermission, call: Call<'_>) -> Option<Verdict> {
    if_it_fits(rule, call, &OnceCell::new())
}

/// As [`of_rule`]; `read` is for the rules that deny, which look at all of a command.
fn if_it_fits(rule: &ToolPermission, call: Call<'_>, read: &OnceCell<shell::Reading>) -> Option<Verdict> {
    let (named, more) = (named_by_rules(call.tool), asks_for_more(call.tool));
    if (more && rule.auto_approve) || (rule.tool != call.tool && rule.tool != named) {
        return None;
    }
    let fits = match (&rule.command_prefix, command_of(call.input)) {
        (None, _) => true,
        (Some(prefix), Some(command)) if rule.auto_approve => shell::is_simple_call_of(&command, prefix),
        (Some(prefix), Some(command)) => read.get_or_init(|| shell::Reading::of(&command)).calls(prefix),
        (Some(_), None) => false,
    };
    let says = if rule.auto_approve { Says::Allow } else { Says::Deny };
    let unread = if read.get().is_some_and(shell::Reading::is_too_long) {
        ": the command is too long to be read"
    } else {
        ""
    };
    fits.then(|| Verdict { says, rule: format!("{}{unread}", rule_name(rule)) })
}

/// `rule Bash(cargo test)`.
fn rule_name(rule: &ToolPermission) -> String {
    match &rule.command_prefix {
        Some(prefix) => format!("rule {}({prefix})", rule.tool),
        None => format!("rule {}", rule.tool),
    }
}

/// Whether the risk table calls it reading and nothing worse: a look at a key is not.
fn is_reading(call: Call<'_>) -> bool {
    let judged = risk::judge(call.tool, call.input, call.paths);
    judged.risk == Risk::Low && judged.reasons.iter().all(|reason| reason == table::READS.reason)
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
            let input = json!({ "file_path": target });
            let paths = paths(target);
            let call = Call { tool, input: &input, cwd: "/home/me/shop", paths: paths.as_ref() };
            let says = verdict(&accept_edits(), call).says;
            assert_eq!(says, if allowed { Says::Allow } else { Says::Ask }, "{tool} {target}");
        };
        check("Edit", "/home/me/shop/src/a.rs", true);
        check("Write", "/home/me/shop/new.txt", true);
        check("Write", "/home/me/shopping/new.txt", false);
        check("Write", "/home/me/shop/../.bashrc", false);
        check("Write", "/home/me/shop", false);
        check("Write", "/home/me/shop/.git/hooks/pre-commit", false);
        check("Write", "/home/me/shop/.CLAUDE/settings.json", false);
        for name in [
            ".cursor/mcp.json",
            ".zed/settings.json",
            ".github/workflows/ci.yml",
            ".gitmodules",
            ".exrc",
            "sub/.envrc",
            ".devcontainer/devcontainer.json",
            "dot/.bashrc",
            ".env",
            "certs/server.key",
            ".ssh/config",
            ".npmrc",
            "HEAD",
            "bare/head",
            ".devcontainer.json",
            ".dir-locals-2.el",
            ".githooks/pre-commit",
            ".helix/config.toml",
            ".claude/worktrees/fix/a.rs",
            "dot/.config/git/config",
        ] {
            check("Write", &format!("/home/me/shop/{name}"), false);
        }
        for name in [
            "CLAUDE.md",
            "AGENTS.md",
            "GEMINI.md",
            ".gitignore",
            ".gitattributes",
            ".editorconfig",
            "Makefile",
            "package.json",
            ".github/CODEOWNERS",
            "workflows/a",
            ".env.example",
            "src/git/a.rs",
            ".cargo/config.toml",
        ] {
            check("Write", &format!("/home/me/shop/{name}"), true);
        }
        check("Bash", "/home/me/shop/a", false);
        check("Read", "/home/me/shop/a", false);
        let input = json!({"file_path": "/home/me/shop/a"});
        let call = Call { tool: "Edit", input: &input, cwd: "/home/me/shop", paths: None };
        assert_eq!(verdict(&accept_edits(), call).says, Says::Ask);
    }

    #[test]
    fn a_working_directory_does_not_make_steering_files_the_projects() {
        let check = |cwd: &str, name: &str, allowed: bool| {
            let target = format!("{cwd}/{name}");
            let input = json!({ "file_path": target });
            let paths = Some(RealPaths { cwd: cwd.into(), target: target.into() });
            for preset in [Preset::AcceptEdits, Preset::Auto] {
                let settings = Settings { preset, ..Settings::default() };
                let call = Call { tool: "Write", input: &input, cwd, paths: paths.as_ref() };
                let says = verdict(&settings, call).says;
                assert_eq!(says, if allowed { Says::Allow } else { Says::Ask }, "{cwd} {name}");
            }
        };
        for (cwd, name) in [
            ("/home/me/shop/.claude", "settings.json"),
            ("/home/me/.claude", "settings.json"),
            ("/home/me/.claude/agents", "a.md"),
            ("/home/me/shop/.git", "hooks/pre-commit"),
            ("/home/me/shop/.git/hooks", "pre-commit"),
            ("/home/me/shop/.git/worktrees/a", "gitdir"),
            ("/home/me/shop/.VSCode", "tasks.json"),
            ("/home/me/shop/.github", "workflows/ci.yml"),
            ("/home/me/shop/.github/workflows", "ci.yml"),
            ("/home/me/shop/.claude/worktrees", "a/b.rs"),
            ("/home/me/shop/.claude/worktrees/fix", ".git"),
            ("/home/me/shop/.claude/worktrees/fix", ".claude/settings.json"),
            ("/home/me/shop/.claude/worktrees/fix/.claude", "settings.json"),
            ("/home/me/shop/.claude/worktrees/fix/.git/worktrees/x", "a"),
            ("/home/me/shop/.git/.claude/worktrees/fix", "a"),
            ("/home/me/shop/.claude/agents/worktrees/fix", "a"),
            ("/home/me/.codex/worktrees", "a.rs"),
            ("/home/me/.config/git", "config"),
            ("/home/me/.config/fish", "conf.d/a.fish"),
            ("/srv/shop.git", "config"),
            ("/srv", "shop.git/config"),
        ] {
            check(cwd, name, false);
        }
        for (cwd, name) in [
            ("/home/me/shop/.github", "CODEOWNERS"),
            ("/home/me/.config/nvim", "init.lua"),
            ("/home/me/shop/.claude/worktrees/fix", "src/a.rs"),
            ("/home/me/shop/.claude/worktrees/fix/src", "a.rs"),
            ("/home/me/.codex/worktrees/1a2b/shop", "a.rs"),
            ("/home/me/head/shop", "src/head/a.rs"),
            ("/srv/shop.git/main", "a.rs"),
        ] {
            check(cwd, name, true);
        }
    }

    #[test]
    fn a_home_is_no_project() {
        let reserved = Reserved {
            homes: vec!["/home/me".into()],
            own: vec!["/home/me/.config/magia".into(), "/srv/magia/data".into()],
        };
        let check =
            |cwd: &str, project: bool| assert_eq!(reserved.is_project(Path::new(cwd)), project, "{cwd}");
        for cwd in [
            "/",
            "/home",
            "/home/me",
            "/home/me/.config",
            "/home/me/.config/magia",
            "/home/me/.config/magia/x",
            "/srv",
            "/srv/magia",
            "/srv/magia/data/x",
        ] {
            check(cwd, false);
        }
        for cwd in
            ["/home/me/shop", "/home/me/.config/nvim", "/home/other", "/srv/shop", "/srv/magia/database"]
        {
            check(cwd, true);
        }
        let input = json!({"file_path": "/home/me/notes"});
        let paths = RealPaths { cwd: NO_PROJECT.into(), target: "/home/me/notes".into() };
        for preset in [Preset::AcceptEdits, Preset::Auto] {
            let settings = Settings { preset, ..Settings::default() };
            let call = Call { tool: "Write", input: &input, cwd: "/home/me", paths: Some(&paths) };
            assert_eq!(verdict(&settings, call).says, Says::Ask);
        }
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
        let says = |tool: &str, input: &Value| {
            let verdict = verdict(&settings, Call { tool, input, cwd: "/p", paths: None });
            (verdict.says, verdict.rule)
        };
        let bash = |command: &str| says("Bash", &json!({ "command": command }));
        let ask = || (Says::Ask, "preset default".to_owned());
        assert_eq!(bash("cargo test --all"), (Says::Allow, "rule Bash(cargo test)".to_owned()));
        assert_eq!(bash("cargo tester"), ask());
        assert_eq!(bash("cargo test; rm -rf ~"), ask(), "a chain is not a call of its first part");
        assert_eq!(bash("cargo test $(rm x)"), ask());
        assert_eq!(bash("cargo test > /etc/passwd"), ask());
        assert_eq!(bash("cargo test # '\nrm -rf ~\n#'"), ask());
        assert_eq!(bash("cargo test 'a\nb'"), ask());
        assert_eq!(bash("cargo test -- --nocapture").0, Says::Allow);
        assert_eq!(bash("cargo test 'a b' \"it's\" *x ~/y").0, Says::Allow);
        assert_eq!(bash("cd x && git push -f"), (Says::Deny, "rule Bash(git push)".to_owned()));
        assert_eq!(says("Write", &json!({})).0, Says::Deny);
    }

    #[test]
    fn questions_and_plans_are_never_answered_by_a_rule() {
        let mut settings = accept_edits();
        for tool in ["AskUserQuestion", "ExitPlanMode"] {
            settings.tool_permissions =
                vec![ToolPermission { tool: tool.into(), command_prefix: None, auto_approve: true }];
            for preset in Preset::ALL {
                settings.preset = *preset;
                let input = json!({});
                let says = verdict(&settings, Call { tool, input: &input, cwd: "/p", paths: None }).says;
                let expected = if *preset == Preset::BypassPermissions { Says::Pass } else { Says::Ask };
                assert_eq!(says, expected);
            }
        }
    }
}
