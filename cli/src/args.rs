//! What can be typed. Each verb has one line of help and an example.

use crate::verbs::{
    attach, autostart, call, data, diagnostics, events, hooks, keys, metrics, notifications, permissions,
    policy, run, sessions, settings, shell, telemetry, term, uninstall, wait,
};
use clap::{Parser, Subcommand};

/// Control centre for coding agents: what they do, what they ask, and your answers.
#[derive(Debug, Parser)]
#[command(
    name = "magia",
    version,
    after_help = "Without a command, magia opens its window.\n\
                  Exit codes: 0 done, 1 failed or refused, 2 wrong usage, 3 the app is not running."
)]
pub struct Args {
    /// Print the reply as JSON on one line; the shapes only ever grow.
    #[arg(long, global = true)]
    pub json: bool,

    /// What to do.
    #[command(subcommand)]
    pub verb: Option<Verb>,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// What runs and how it is.
    #[command(after_long_help = "Example:\n  magia status --json")]
    Status,
    /// List the agents' sessions.
    #[command(after_long_help = "Example:\n  magia ls --all")]
    Ls(sessions::Ls),
    /// Show a session and its timeline.
    #[command(after_long_help = "Example:\n  magia show ff001122 --limit 20")]
    Show(sessions::Show),
    /// Say why a session is in its state: every piece of evidence.
    #[command(after_long_help = "Example:\n  magia why ff001122")]
    Why(sessions::One),
    /// Wait until a session no longer works, asks, is idle or has ended.
    #[command(
        after_long_help = "Prints the session's state. Exit codes: 0 reached, 1 not in time, or ended before.\n\n\
                                 Examples:\n  magia wait ff001122 && notify-send \"Claude has stopped\"\n  \
                                 magia wait ff001122 --until permission --timeout 5m"
    )]
    Wait(wait::Wait),
    /// Print the session that needs you most.
    #[command(
        after_long_help = "A permission comes before a question, then what failed, then what is done, until \
                                 somebody has looked at it in the window; of equals the one that has waited \
                                 longest. Exit code 1 when there is none, as grep does.\n\n\
                                 Examples:\n  magia next\n  magia next --json | jq -r .cwd"
    )]
    Next,
    /// List agent events, or follow them.
    #[command(after_long_help = "Examples:\n  magia events --session ff001122 --limit 50\n  \
                                 magia events --follow --json")]
    Events(events::Events),
    /// What sessions used by their agents' telemetry: tokens, cost, time, tools, hooks.
    #[command(after_long_help = "Examples:\n  magia metrics\n  magia metrics ff001122 --watch")]
    Metrics(metrics::Metrics),
    /// Have agents tell magia what they use, or no longer.
    #[command(after_long_help = "Example:\n  magia telemetry on")]
    Telemetry(telemetry::Telemetry),
    /// List what waits for your answer.
    #[command(visible_alias = "perms", alias = "requests", after_long_help = "Example:\n  magia permissions")]
    Permissions(permissions::Permissions),
    /// Allow a permission request, or answer a question.
    #[command(after_long_help = "Examples:\n  magia allow 3fa9c1d2\n  magia allow 3fa9c1d2 --always\n  \
                                 magia allow 3fa9c1d2 --command \"make -n\"\n  magia allow 3fa9c1d2 --same\n  \
                                 magia allow 3fa9c1d2 --answer \"Which database?=SQLite\"")]
    Allow(permissions::Allow),
    /// Deny a permission request.
    #[command(after_long_help = "Example:\n  magia deny 3fa9c1d2 --reason \"use the staging server\"")]
    Deny(permissions::Deny),
    /// Leave a request to the agent's own dialog: answer it in the terminal.
    #[command(after_long_help = "Example:\n  magia pass 3fa9c1d2")]
    Pass(permissions::Pass),
    /// List notifications: sent, suppressed, failed, and why; or keep them quiet.
    #[command(after_long_help = "Examples:\n  magia notifications\n  magia notifications pause --minutes 60")]
    Notifications(notifications::Notifications),
    /// Say what is answered without you, and try a rule on what is recorded.
    #[command(after_long_help = "Examples:\n  magia policy show\n  magia policy try auto --since 7d")]
    Policy(policy::Policy),
    /// Install, remove or check magia's hooks in an agent's settings.
    #[command(after_long_help = "Example:\n  magia hooks install --dry-run")]
    Hooks(hooks::Hooks),
    /// Rename a session; an empty title goes back to the agent's own.
    #[command(after_long_help = "Example:\n  magia rename ff001122 \"Fix the cart\"")]
    Rename(sessions::Rename),
    /// Keep a session at the top of its project.
    #[command(after_long_help = "Example:\n  magia pin ff001122")]
    Pin(sessions::One),
    /// Undo `pin`.
    #[command(after_long_help = "Example:\n  magia unpin ff001122")]
    Unpin(sessions::One),
    /// Leave a session out of lists.
    #[command(after_long_help = "Example:\n  magia hide ff001122")]
    Hide(sessions::One),
    /// Undo `hide`.
    #[command(after_long_help = "Example:\n  magia unhide ff001122")]
    Unhide(sessions::One),
    /// Read or change magia's settings.
    #[command(after_long_help = "Examples:\n  magia settings get themeMode\n  \
                                 magia settings set themeMode light")]
    Settings(settings::Settings),
    /// Print or change the keys of the window's commands.
    #[command(after_long_help = "Examples:\n  magia keys\n  magia keys set app.settings ctrl+, F10\n  \
                                 magia keys reset")]
    Keys(keys::Keys),
    /// Call a method of the app by name.
    #[command(after_long_help = "Examples:\n  magia call --list\n  \
                                 magia call get_session '{\"session\":\"ff001122\"}'")]
    Call(call::Call),
    /// Check everything magia depends on.
    #[command(after_long_help = "Example:\n  magia doctor")]
    Doctor,
    /// Collect what a bug report needs: versions, checks, settings and the log, without secrets.
    #[command(
        after_long_help = "It is plain text: look through it before you send it. Prompts, requests, payloads, \
                                 titles and directories of the settings are not in it.\n\n\
                                 Examples:\n  magia diagnostics\n  magia diagnostics report.txt"
    )]
    Diagnostics(diagnostics::Diagnostics),
    /// Say whether magia is opened at login, or change it.
    #[command(after_long_help = "Example:\n  magia autostart on")]
    Autostart(autostart::Autostart),
    /// Forget everything that magia keeps, take its hooks out, and begin anew; asks first.
    #[command(
        after_long_help = "Terminals that run go on, and what is not magia's own stays.\n\nExample:\n  magia reset"
    )]
    Reset(uninstall::Reset),
    /// Take magia out again: hooks, start at login and programs; says what stays and where.
    #[command(after_long_help = "Examples:\n  magia uninstall\n  magia uninstall --yes")]
    Uninstall(uninstall::Uninstall),
    /// Say what happened since you left the window.
    #[command(after_long_help = "Example:\n  magia digest")]
    Digest,
    /// End the app; agents and terminals go on without it.
    #[command(after_long_help = "Example:\n  magia quit")]
    Quit,
    /// Start a failed listener again.
    #[command(after_long_help = "Example:\n  magia retry hooks")]
    Retry(data::Retry),
    /// Run a command in a terminal that goes on when this one is closed.
    #[command(
        after_long_help = "Ctrl+\\ detaches. The end of an input that is no terminal is typed as Ctrl+D. Exit codes: \
                                 the command's, 128 and the signal's number when a signal ended it, 125 when magia \
                                 itself failed, 126 when the command cannot be run, 127 when there is none; 0 when \
                                 detached by the key; 128 and the number of a signal to magia itself, after which the \
                                 command goes on.\n\n\
                                 Examples:\n  magia run -- claude\n  magia run --detach --name tests -- make test"
    )]
    Run(run::Run),
    /// Attach this terminal to one that `run` or the window started.
    #[command(
        after_long_help = "Ctrl+\\ detaches. Exit codes as of `run`. What comes through a pipe is typed; when that ends, \
                                 the program goes on and is shown until it ends.\n\n\
                                 Examples:\n  magia attach 3f9a\n  magia attach 3f9a --read-only"
    )]
    Attach(attach::Attach),
    /// List, read, type into and end terminals; the app need not run.
    #[command(after_long_help = "Example:\n  magia term ls")]
    Term(term::Term),
    /// Try magia with recorded sessions, in a private place that is removed afterwards.
    #[command(after_long_help = "Example:\n  magia demo --headless --seconds 60")]
    Demo(crate::demo::Demo),
    /// Manage what magia has stored.
    #[command(after_long_help = "Example:\n  magia data purge --older-than 30")]
    Data(data::Data),
    /// Print the script that completes verbs, options and ids in a shell.
    #[command(after_long_help = "Nothing is installed. For one user:\n  \
        bash: echo 'source <(magia completions bash)' >> ~/.bashrc\n  \
        zsh:  echo 'source <(magia completions zsh)' >> ~/.zshrc\n  \
        fish: magia completions fish > ~/.config/fish/completions/magia.fish\n\n\
        Example:\n  magia completions bash")]
    Completions(shell::Completions),
    /// Print the manual page, or write all of them into a directory.
    #[command(after_long_help = "Examples:\n  magia man | man -l -\n  magia man ~/.local/share/man/man1")]
    Man(shell::Man),
    /// Print the versions of this program and of the running app.
    #[command(after_long_help = "Example:\n  magia version --json")]
    Version,
    /// Plays the agent of one demo session: runs the hook handler for each line it reads.
    #[command(hide = true)]
    DemoAgent(crate::demo::agent::DemoAgent),
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_definition_holds_and_every_verb_has_help_and_an_example() {
        let mut command = Args::command();
        command.build();
        command.clone().debug_assert();
        assert!(verbs_below(&command, "magia") > 30);
    }

    /// Checks the verbs below a command, those below them too, and counts them.
    fn verbs_below(command: &clap::Command, path: &str) -> usize {
        let mut count = 0;
        for verb in command.get_subcommands().filter(|verb| !verb.is_hide_set() && verb.get_name() != "help")
        {
            let path = format!("{path} {}", verb.get_name());
            let about = verb.get_about().map(ToString::to_string).unwrap_or_default();
            assert!(!about.is_empty() && !about.contains('\n'), "{path} has no line of help");
            let long = verb.get_after_long_help().map(ToString::to_string).unwrap_or_default();
            let example = long.split("Example").nth(1).unwrap_or_default();
            assert!(example.contains(&path), "{path} has no example");
            count += 1 + verbs_below(verb, &path);
        }
        count
    }

    /// An example that does not parse would teach what does not work.
    #[test]
    fn examples_are_understood() {
        let mut command = Args::command();
        command.build();
        let mut verbs: Vec<clap::Command> = command.get_subcommands().cloned().collect();
        let mut tried = 0;
        while let Some(verb) = verbs.pop() {
            verbs.extend(verb.get_subcommands().cloned());
            let long = verb.get_after_long_help().map(ToString::to_string).unwrap_or_default();
            let examples = long.split("Example").nth(1).unwrap_or_default();
            for line in examples.lines().map(str::trim).filter(|line| line.starts_with("magia")) {
                let typed = line.split([';', '|', '&']).next().unwrap_or_default();
                let words = words(typed);
                assert!(Args::try_parse_from(&words).is_ok(), "{line}: {words:?}");
                tried += 1;
            }
        }
        assert!(tried > 30, "{tried}");
    }

    /// The words of a line as a shell splits it, without what else a shell does.
    fn words(line: &str) -> Vec<String> {
        let mut words: Vec<String> = Vec::new();
        let (mut quote, mut inside) = (None, false);
        for c in line.chars() {
            match (quote, c) {
                (Some(end), c) if c == end => quote = None,
                (None, '"' | '\'') => quote = Some(c),
                (None, ' ') => {
                    inside = false;
                    continue;
                }
                (_, c) => {
                    if !std::mem::replace(&mut inside, true) {
                        words.push(String::new());
                    }
                    words.last_mut().unwrap().push(c);
                }
            }
        }
        words
    }
}
