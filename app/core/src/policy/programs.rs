//! What programs are known to do harm, and by which of their words.

use super::shell::{self, Call};
use super::table::{self, RiskRow};

/// What a call could do, as far as its program and words tell; the worst counts.
pub(super) fn risks(call: &Call) -> Vec<&'static RiskRow> {
    let writes = writes_outside(call).then_some(&table::WRITES_OUTSIDE);
    of_program(call).into_iter().chain(writes).collect()
}

fn of_program(call: &Call) -> Option<&'static RiskRow> {
    let second = call.arguments().next().unwrap_or_default();
    let program = call.program();
    let runs_text = matches!(program, "eval" | "source" | ".");
    let interprets = shell::is_shell(program)
        || matches!(program, "python" | "python3" | "node" | "deno" | "bun" | "perl" | "ruby" | "php");
    let found = match program {
        _ if (interprets || runs_text) && call.downloads => &table::RUNS_DOWNLOAD,
        _ if interprets && call.piped => &table::RUNS_PIPED,
        _ if runs_text => &table::RUNS_TEXT,
        "su" | "pkexec" | "run0" | "runuser" => &table::RUNS_AS_ROOT,
        "rm" if call.has_option("--recursive", 'r') || call.has_option("--recursive", 'R') => {
            &table::DELETES_RECURSIVELY
        }
        "rm" | "unlink" | "rmdir" => &table::DELETES,
        "shred" | "dd" | "truncate" => &table::OVERWRITES_DATA,
        program if program.starts_with("mkfs") => &table::OVERWRITES_DATA,
        "find" if call.arguments().any(|word| word == "-delete" || word.starts_with("-exec")) => {
            &table::FOR_EVERY_FILE
        }
        "chmod" | "chown" | "chgrp" if call.has_option("--recursive", 'R') => &table::CHANGES_MODES,
        "shutdown" | "reboot" | "halt" | "poweroff" => &table::STOPS_MACHINE,
        "kill" | "pkill" | "killall" => &table::ENDS_PROCESSES,
        "git" => return of_git(call),
        "npm" | "cargo" | "twine" | "gem" | "yarn" | "pnpm"
            if matches!(second, "publish" | "upload" | "push") =>
        {
            &table::PUBLISHES
        }
        "curl" | "wget" | "nc" | "ncat" | "telnet" | "ftp" => &table::REACHES_NETWORK,
        "ssh" | "scp" | "sftp" | "rsync" => &table::OTHER_MACHINE,
        "crontab" | "systemctl" | "launchctl" => &table::CHANGES_SYSTEM,
        "docker" | "podman" | "kubectl" | "terraform" | "aws" | "gcloud" | "az" => &table::ACTS_OUTSIDE,
        _ => return None,
    };
    Some(found)
}

fn of_git(call: &Call) -> Option<&'static RiskRow> {
    let words = git_words(call);
    let (command, rest) = words.split_first()?;
    let any = |wanted: &[&str]| rest.iter().any(|word| wanted.contains(word));
    let drops = |drops: bool| drops.then_some(&table::DROPS_CHANGES);
    match *command {
        "push" => {
            let forced = call.has_option("--force", 'f')
                || call.has_option("--delete", 'd')
                || any(&["--mirror", "--prune"])
                || rest.iter().any(|word| word.starts_with("--force-") || word.starts_with(['+', ':']));
            Some(if forced { &table::FORCES_HISTORY } else { &table::PUBLISHES_COMMITS })
        }
        "reset" => drops(call.has_option("--hard", '\0')),
        "clean" => drops(call.has_option("--force", 'f')),
        "checkout" => drops(any(&["--", "."]) || call.has_option("--force", 'f')),
        "switch" => drops(call.has_option("--discard-changes", 'f') || call.has_option("--force", 'f')),
        // It takes the working tree unless it is told to take the index alone.
        "restore" => drops(!call.has_option("--staged", 'S') || call.has_option("--worktree", 'W')),
        "branch" => {
            let forced = call.has_option("--force", 'f');
            let capital =
                |word: &&str| word.starts_with('-') && !word.starts_with("--") && word.contains(['D', 'M']);
            drops(forced || rest.iter().any(capital))
        }
        "stash" => drops(any(&["drop", "clear"])),
        "reflog" => drops(any(&["expire", "delete"])),
        "filter-branch" | "filter-repo" => Some(&table::REWRITES_HISTORY),
        _ => None,
    }
}

/// The words of a call of git from its subcommand on.
fn git_words(call: &Call) -> Vec<&str> {
    const VALUED: &[&str] = &[
        "-C",
        "-c",
        "--git-dir",
        "--work-tree",
        "--namespace",
        "--config-env",
        "--super-prefix",
        "--attr-source",
    ];
    let mut words = call.arguments();
    while let Some(word) = words.next() {
        if VALUED.contains(&word) {
            words.next();
        } else if !word.starts_with('-') {
            return std::iter::once(word).chain(words).collect();
        }
    }
    Vec::new()
}

/// Whether a program that writes where it is told to is told to write outside of the project.
fn writes_outside(call: &Call) -> bool {
    let words = || call.arguments().filter(|word| !word.starts_with('-'));
    let value_of = |options: &[&str]| {
        let mut before = "";
        call.arguments().any(|word| {
            let glued = options.iter().filter_map(|option| word.strip_prefix(option));
            let found = options.contains(&before) && is_outside(word)
                || glued.map(|value| value.trim_start_matches('=')).any(is_outside);
            before = word;
            found
        })
    };
    match call.program() {
        "tee" => words().any(is_outside),
        "mv" => words().any(is_outside) || value_of(&["-t", "--target-directory"]),
        "cp" | "ln" | "install" => {
            words().last().is_some_and(is_outside) || value_of(&["-t", "--target-directory"])
        }
        "sed" | "perl" => call.has_option("--in-place", 'i') && words().any(is_outside),
        "curl" => value_of(&["-o", "--output"]),
        "wget" => value_of(&["-O", "-P", "--output-document", "--directory-prefix"]),
        _ => false,
    }
}

/// Whether a path leads out of the project as far as its words tell.
pub(super) fn is_outside(path: &str) -> bool {
    let climbs = path.split('/').any(|part| part == "..");
    let harmless = matches!(path, "/dev/null" | "/dev/stdout" | "/dev/stderr" | "/dev/tty")
        || path.starts_with("/dev/fd/")
        || path.starts_with("/tmp/");
    let away = path.starts_with(['/', '~']) || path.starts_with("$HOME") || path.starts_with("${HOME");
    climbs || (away && !harmless)
}
