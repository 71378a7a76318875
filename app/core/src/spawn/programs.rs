//! Which programs run a text that they are given, so that their arguments are a program of their own.
//!
//! Not a boundary: whoever may start programs can start one that is not in this list. It is there so that a person
//! sees what a text given to a shell would do, before it does it.

use super::grammar::base_name;

/// What speaks against starting a program at once; `None` when nothing does.
pub(super) fn runs_text(argv: &[String], env: &[(String, String)]) -> Option<&'static str> {
    if env.iter().any(|(name, _)| steers_programs(name)) {
        return Some("sets a variable that makes programs run other code");
    }
    let (program, arguments) = argv.split_first()?;
    of_program(base_name(program), arguments)
}

fn of_program(program: &str, arguments: &[String]) -> Option<&'static str> {
    let program = program.trim_end_matches(".exe");
    let has_operand = arguments.iter().any(|argument| !argument.starts_with('-') && !argument.is_empty());
    match program {
        _ if is_shell(program) => {
            let told = |argument: &String| {
                argument.starts_with("-c")
                    || argument.starts_with("--command")
                    || (argument.starts_with('-') && !argument.starts_with("--") && argument.contains('c'))
                    || matches!(argument.as_str(), "--rcfile" | "--init-file" | "-s" | "/c" | "/k")
                    || argument.eq_ignore_ascii_case("-command")
                    || argument.eq_ignore_ascii_case("-encodedcommand")
            };
            (has_operand || arguments.iter().any(told)).then_some("gives a script to a shell")
        }
        _ if is_interpreter(program) => {
            let told = |argument: &String| {
                ["-c", "-e", "-E", "-m", "-p", "-r", "-x", "-f", "--eval", "--print", "--require", "--import"]
                    .iter()
                    .any(|option| argument.starts_with(option))
            };
            (has_operand || arguments.iter().any(told)).then_some("gives a script to an interpreter")
        }
        "watch" | "parallel" | "xargs" | "script" | "su" | "runuser" | "at" | "batch" | "eval" => {
            (!arguments.is_empty()).then_some("gives a command to a program that runs it by a shell")
        }
        "env" | "sudo" | "doas" | "nohup" | "setsid" | "nice" | "ionice" | "timeout" | "stdbuf" | "time"
        | "exec" | "command" | "chroot" | "busybox" | "toybox" | "systemd-run" | "flatpak-spawn" | "uv"
        | "pipenv" | "poetry" => wrapped(arguments),
        _ => None,
    }
}

/// A program that runs another one: any of its words may be that one.
fn wrapped(arguments: &[String]) -> Option<&'static str> {
    if arguments.iter().any(|argument| argument.starts_with("-S") || argument.starts_with("--split-string")) {
        return Some("gives a command to a program that takes it apart");
    }
    let steers = |word: &String| word.split_once('=').is_some_and(|(name, _)| steers_programs(name));
    if arguments.iter().any(steers) {
        return Some("sets a variable that makes programs run other code");
    }
    arguments
        .iter()
        .enumerate()
        .find_map(|(at, word)| of_program(base_name(word), arguments.get(at + 1..).unwrap_or_default()))
}

fn is_shell(program: &str) -> bool {
    matches!(
        program,
        "sh" | "bash"
            | "dash"
            | "ash"
            | "zsh"
            | "fish"
            | "ksh"
            | "mksh"
            | "csh"
            | "tcsh"
            | "rbash"
            | "nu"
            | "elvish"
            | "xonsh"
            | "pwsh"
            | "powershell"
            | "cmd"
    )
}

fn is_interpreter(program: &str) -> bool {
    // As python3.11 and lua5.4.
    let plain = program.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    matches!(
        plain,
        "python"
            | "pypy"
            | "node"
            | "nodejs"
            | "deno"
            | "bun"
            | "perl"
            | "ruby"
            | "php"
            | "lua"
            | "luajit"
            | "tclsh"
            | "wish"
            | "expect"
            | "osascript"
            | "awk"
            | "gawk"
            | "mawk"
            | "Rscript"
            | "julia"
            | "guile"
            | "groovy"
    )
}

/// Whether a variable makes programs load or run what it names.
fn steers_programs(name: &str) -> bool {
    name.starts_with("LD_")
        || name.starts_with("DYLD_")
        || name.starts_with("BASH_FUNC_")
        || name.starts_with("GIT_CONFIG")
        || matches!(
            name,
            "PATH"
                | "ENV"
                | "BASH_ENV"
                | "ZDOTDIR"
                | "PROMPT_COMMAND"
                | "SHELLOPTS"
                | "IFS"
                | "PYTHONSTARTUP"
                | "PYTHONPATH"
                | "PYTHONHOME"
                | "NODE_OPTIONS"
                | "NODE_PATH"
                | "PERL5OPT"
                | "PERL5LIB"
                | "RUBYOPT"
                | "RUBYLIB"
                | "GIT_SSH_COMMAND"
                | "GIT_SSH"
                | "GIT_EXTERNAL_DIFF"
                | "GIT_PAGER"
                | "GIT_EDITOR"
                | "PAGER"
                | "EDITOR"
                | "VISUAL"
                | "LESSOPEN"
                | "LESSCLOSE"
                | "BROWSER"
                | "HOME"
                | "SHELL"
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asks(command: &str) -> bool {
        let argv: Vec<String> = command.split(' ').map(str::to_owned).collect();
        runs_text(&argv, &[]).is_some()
    }

    #[test]
    fn a_shell_is_started_and_a_script_is_asked_about() {
        for command in [
            "zsh",
            "bash -l",
            "/bin/sh -i",
            "fish",
            "python3",
            "node",
            "ruby -v",
            "claude --resume x",
            "htop",
            "vim a.c",
            "sudo -i",
            "env A=1 zsh",
            "make -c",
            "nice -n 5 htop",
            "busybox sh",
            "codex exec hi",
        ] {
            assert!(!asks(command), "{command}");
        }
        for command in [
            "bash -c x",
            "sh -lc x",
            "/bin/sh a.sh",
            "zsh --command=x",
            "python3 a.py",
            "python3.11 -c x",
            "perl -e x",
            "node --eval x",
            "php -r x",
            "awk x",
            "env bash -c x",
            "env -S x",
            "sudo sh a.sh",
            "nohup setsid bash -c x",
            "watch ls",
            "busybox sh -c x",
            "timeout 5 python3 a.py",
            "osascript -e x",
            "env LD_PRELOAD=/x.so ls",
            "cmd.exe /c dir",
            "pwsh -Command x",
            "bash -s",
            "python3 -m x",
        ] {
            assert!(asks(command), "{command}");
        }
    }

    #[test]
    fn variables_that_steer_programs_are_asked_about() {
        let with = |name: &str| runs_text(&["ls".to_owned()], &[(name.to_owned(), "x".to_owned())]).is_some();
        assert!(["LD_PRELOAD", "BASH_ENV", "PATH", "NODE_OPTIONS", "GIT_SSH_COMMAND"].into_iter().all(with));
        assert!(!["LANG", "TERM", "COLORTERM", "MY_VAR"].into_iter().any(with));
    }
}
