//! Terminals that magia holds, by the real command line in real terminals.

use anyhow::{Context, Result, ensure};
use magia_tests::{App, Cli, Key, PATIENCE, Sandbox, Terminal, binary, magia, sandbox_test, wait_until};
use serde_json::Value;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

/// `magia` with these words in a terminal of its own.
fn in_terminal(sandbox: &Sandbox, name: &str, words: &[&str]) -> Result<Terminal> {
    let magia = binary("magia")?.to_string_lossy().into_owned();
    let argv: Vec<String> = std::iter::once(magia).chain(words.iter().map(ToString::to_string)).collect();
    Terminal::start(sandbox, name, &argv, &[])
}

/// A shell line in a terminal of its own, with `$MAGIA` for the program; its exit code goes into the file `code`.
fn shell_line(sandbox: &Sandbox, name: &str, line: &str) -> Result<Terminal> {
    let line = format!("{line}; echo $? > code");
    let env = [("MAGIA".to_owned(), binary("magia")?.to_string_lossy().into_owned())];
    Terminal::start(sandbox, name, &["/bin/sh".to_owned(), "-c".to_owned(), line], &env)
}

fn file(sandbox: &Sandbox, name: &str) -> Result<String> {
    let path = sandbox.work().join(name);
    wait_until(&format!("the file {name}"), PATIENCE, || {
        std::fs::read_to_string(&path).ok().filter(|text| text.ends_with('\n'))
    })
}

fn pid_of(terminal: &Value, key: &str) -> Result<u32> {
    let pid = terminal[key].as_u64().with_context(|| format!("{key} in {terminal}"))?;
    Ok(u32::try_from(pid)?)
}

fn is_alive(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')').next().is_some_and(|rest| !rest.is_empty() && !rest.trim_start().starts_with('Z'))
}

#[test]
fn a_terminal_is_left_and_found_again_as_it_was() -> Result<()> {
    sandbox_test(|sandbox| {
        let line = "stty -g > before; $MAGIA run --id kept -- sh -c 'printf \"\\033[31mred\\033[m and \\033[7mplain\\033[m\\n\"; \
                    while read word; do echo \"heard $word\"; done; exit 5'; echo $? > left; stty -g > after; echo outside; \
                    $MAGIA attach kept";
        let mut terminal = shell_line(sandbox, "first", line)?;
        terminal.wait_for_text("red and plain", PATIENCE)?;
        terminal.type_text("one\r")?;
        terminal.wait_for_text("heard one", PATIENCE)?;
        terminal.press(Key::Ctrl('\\'))?;
        terminal.wait_for_text("detached; `magia attach kept` comes back", PATIENCE)?;
        assert_eq!(file(sandbox, "left")?, "0\n");
        assert_eq!(file(sandbox, "before")?, file(sandbox, "after")?, "the terminal has its modes back");
        // It attaches again by itself: the same screen, and the shell's own words are gone from it.
        terminal.wait_for_text("heard one", PATIENCE)?;
        let mut second = in_terminal(sandbox, "second", &["attach", "ke", "--read-only"])?;
        second.wait_for_text("heard one", PATIENCE)?;
        terminal.type_text("two\r")?;
        second.wait_for_text("heard two", PATIENCE)?;
        second.type_text("not me\r")?;
        terminal.type_text("three\r")?;
        terminal.wait_for_text("heard three", PATIENCE)?;
        let expected = Cli::new(sandbox).run(&["term", "screen", "kept"])?.stdout;
        let rows = |text: &str| -> Vec<String> {
            text.trim_end().lines().map(|row| row.trim_end().to_owned()).collect()
        };
        for shown in [&terminal, &second] {
            wait_until("the same screen", PATIENCE, || {
                (rows(&shown.screen()) == rows(&expected)).then_some(())
            })
            .with_context(|| format!("{}\n---\n{expected}", shown.screen()))?;
        }
        assert!(!expected.contains("not me"));
        terminal.press(Key::Ctrl('d'))?;
        assert_eq!(file(sandbox, "code")?, "5\n", "the program's own exit code");
        terminal.wait(PATIENCE)?;
        second.wait(PATIENCE)
    })
}

#[test]
fn questions_of_a_program_are_answered_once() -> Result<()> {
    sandbox_test(|sandbox| {
        // It asks for the cursor and for what the terminal is, and counts what comes back in two seconds.
        let ask = "stty raw -echo min 0 time 20; printf '\\033[6n\\033[5n'; head -c 100 > answers; stty sane; echo counted; cat";
        let mut terminal = in_terminal(sandbox, "asks", &["run", "--id", "asks", "--", "sh", "-c", ask])?;
        terminal.wait_for_text("counted", PATIENCE)?;
        let answers = std::fs::read_to_string(sandbox.work().join("answers"))?;
        assert_eq!(answers, "\u{1b}[1;1R\u{1b}[0n");
        terminal.kill9()
    })
}

#[test]
fn a_program_outlives_its_terminal_and_whoever_started_it() -> Result<()> {
    sandbox_test(|sandbox| {
        let cli = Cli::new(sandbox);
        let mut terminal = in_terminal(sandbox, "dies", &["run", "--id", "outlives", "--", "cat"])?;
        // What is typed earlier is echoed by the outer terminal.
        wait_until("the program to run", PATIENCE, || {
            let shown = cli.json(&["term", "show", "outlives"]).ok()?;
            (shown["state"] == "running").then_some(())
        })?;
        terminal.type_text("before\r")?;
        terminal.wait_for_text("before", PATIENCE)?;
        terminal.kill9()?;
        drop(terminal);
        cli.json(&["term", "send-keys", "outlives", "after", "enter"])?;
        cli.json(&["term", "wait", "outlives", "--until", "text", "--text", "after\nafter"])?;

        // A starter that is killed with its whole group.
        let magia = binary("magia")?;
        let mut command = sandbox.command("/bin/sh");
        command
            .args(["-c", "\"$0\" run --detach --id orphan -- cat; echo started; exec sleep 1000"])
            .arg(magia);
        let starter = sandbox.spawn("starter", command)?;
        wait_until("the terminal", PATIENCE, || starter.stdout().contains("started").then_some(()))?;
        assert_eq!(starter.stdout(), "orphan\nstarted\n", "the id alone is the last line of `run --detach`");
        drop(starter);
        let shown = cli.json(&["term", "show", "orphan"])?;
        assert_eq!(shown["state"], "running");
        let holder = pid_of(&shown, "holder_pid")?;
        assert!(is_alive(holder));
        let killed = cli.json(&["term", "kill", "orphan"])?;
        assert_eq!(killed["exit_signal"], libc::SIGHUP);
        assert!(!is_alive(pid_of(&shown, "pid")?));
        Ok(())
    })
}

#[test]
fn exit_codes_are_the_programs() -> Result<()> {
    sandbox_test(|sandbox| {
        let code = |words: &[&str]| -> Result<i32> { Ok(magia(sandbox, words)?.code) };
        for (words, expected) in [
            (&["run", "--", "sh", "-c", "exit 7"][..], 7),
            (&["run", "--", "sh", "-c", "kill -TERM $$"], 143),
            (&["run", "--", "no-such-program"], 127),
            (&["run", "--", "/etc"], 126),
            (&["run", "--cwd", "/no/such", "--", "true"], 125),
            (&["run", "--id", "../x", "--", "true"], 2),
            (&["run"], 2),
            (&["attach", "nothing"], 125),
            (&["term", "wait", "nothing"], 125),
            (&["term", "screen", "nothing"], 1),
        ] {
            assert_eq!(code(words)?, expected, "{words:?}");
        }
        magia(sandbox, &["run", "--detach", "--id", "seven", "--", "sh", "-c", "read line; exit 7"])?;
        assert_eq!(code(&["term", "wait", "seven", "--timeout", "50ms"])?, 125);
        assert_eq!(
            code(&["term", "wait", "seven", "--until", "text", "--text", "x", "--timeout", "50ms"])?,
            1
        );
        assert_eq!(
            code(&["term", "wait", "seven", "--text", "x", "--timeout", "50ms"])?,
            1,
            "it means that text"
        );
        assert_eq!(code(&["term", "wait", "seven", "--until", "exit", "--text", "x"])?, 2);
        magia(sandbox, &["term", "send-keys", "seven", "enter"])?;
        assert_eq!(code(&["term", "wait", "seven"])?, 7);
        assert_eq!(code(&["term", "wait", "seven"])?, 7, "also when it has ended already");
        assert_eq!(code(&["attach", "seven"])?, 7, "while its holder stays");
        Ok(())
    })
}

#[test]
fn a_pipe_gets_what_the_program_writes() -> Result<()> {
    sandbox_test(|sandbox| {
        let mut command = sandbox.command("/bin/sh");
        // What comes before the program has switched the echo off would be echoed.
        let line = "(until [ -e ready ]; do sleep 0.05; done; printf 'a\\nb\\n') | \"$0\" run -- \
                    sh -c 'stty -echo; touch ready; cat; exit 3' > out; echo $? > code";
        command.args(["-c", line]);
        command.arg(binary("magia")?);
        sandbox.spawn("pipe", command)?.wait(PATIENCE)?;
        assert_eq!(file(sandbox, "out")?, "a\r\nb\r\n");
        assert_eq!(file(sandbox, "code")?, "3\n");
        Ok(())
    })
}

#[test]
fn the_end_of_a_pipe_ends_no_program_that_was_there_before() -> Result<()> {
    sandbox_test(|sandbox| {
        let cli = Cli::new(sandbox);
        let line = "while read word; do echo \"heard $word\"; done; exit 5";
        cli.json(&["run", "--detach", "--id", "stays", "--", "sh", "-c", line])?;
        let mut command = sandbox.command("/bin/sh");
        let line = "\"$0\" attach stays </dev/null >looks & echo one | \"$0\" attach stays >types; echo $? >code; wait";
        command.args(["-c", line]).arg(binary("magia")?);
        let mut attached = sandbox.spawn("attached", command)?;
        let both_show = |word: &str| {
            let shows = |name: &str| {
                std::fs::read_to_string(sandbox.work().join(name)).is_ok_and(|text| text.contains(word))
            };
            wait_until(word, PATIENCE, || (shows("looks") && shows("types")).then_some(()))
        };
        both_show("heard one")?;
        cli.json(&["term", "send-keys", "stays", "two", "enter"])?;
        both_show("heard two")?;
        assert_eq!(cli.json(&["term", "show", "stays"])?["state"], "running");
        cli.json(&["term", "send-keys", "stays", "ctrl+d"])?;
        assert_eq!(file(sandbox, "code")?, "5\n");
        attached.wait(PATIENCE)?;
        Ok(())
    })
}

#[test]
fn a_long_argument_makes_no_other_row_long() -> Result<()> {
    sandbox_test(|sandbox| {
        let cli = Cli::new(sandbox);
        let long = "x".repeat(3_000);
        cli.json(&["run", "--detach", "--id", "long", "--name", "a name", "--", "sh", "-c", "cat", &long])?;
        cli.json(&["run", "--detach", "--id", "short", "--name", "a name", "--", "cat"])?;
        let listed = cli.run(&["term", "ls"])?.stdout;
        let row = |id: &str| listed.lines().find(|line| line.starts_with(id)).context("a row");
        assert!(row("long")?.contains(&long) && row("short")?.len() < 200, "{}", row("short")?.len());
        let mut terminal = in_terminal(sandbox, "lists", &["term", "ls"])?;
        terminal.wait(PATIENCE)?;
        // What it printed last may be read after its end.
        wait_until("cut rows", PATIENCE, || terminal.screen().contains('\u{2026}').then_some(()))?;
        let name = "n".repeat(201);
        let refused = cli.run(&["run", "--detach", "--name", &name, "--", "cat"])?;
        assert_eq!(refused.code, 2);
        assert!(refused.stderr.contains("a name has at most 200 characters"), "{}", refused.stderr);
        for size in ["1x1", "1001x10"] {
            let refused = cli.run(&["run", "--detach", "--size", size, "--", "cat"])?;
            assert_eq!(refused.code, 2, "{size}");
            assert!(refused.stderr.contains("2 to 1000 columns and 1 to 1000 rows"), "{}", refused.stderr);
        }
        Ok(())
    })
}

#[test]
fn keys_are_sent_as_the_program_wants_them() -> Result<()> {
    sandbox_test(|sandbox| {
        let cli = Cli::new(sandbox);
        let ask = "stty raw -echo; printf '\\033[?1hready'; head -c 17 | od -An -c; stty sane; cat";
        cli.json(&["run", "--detach", "--id", "keys", "--", "sh", "-c", ask])?;
        cli.json(&["term", "wait", "keys", "--until", "text", "--text", "ready"])?;
        cli.json(&["term", "send-keys", "keys", "up", "C-c", "text", "enter", "-"])?;
        cli.json(&["term", "send-keys", "keys", "--literal", "enter", "up"])?;
        cli.json(&[
            "term",
            "wait",
            "keys",
            "--until",
            "text",
            "--text",
            "033   O   A 003   t   e   x   t  \\r   -   e   n   t   e   r   u",
        ])?;
        let wrong = cli.run(&["term", "kill", "keys", "--signal", "NOPE"])?;
        assert_eq!(wrong.code, 1);
        assert!(wrong.stderr.contains("there is no signal"), "{}", wrong.stderr);
        Ok(())
    })
}

#[test]
fn under_its_name_tty_fwds_flags_are_taken() -> Result<()> {
    sandbox_test(|sandbox| {
        let name: PathBuf = sandbox.work().join("tty-fwd");
        symlink(binary("magia")?, &name)?;
        let run = |words: &[&str]| -> Result<(Option<i32>, String)> {
            let output = sandbox.command(&name).args(words).env("TTY_SESSION_ID", "from-env").output()?;
            let text = [output.stdout, output.stderr].concat();
            Ok((output.status.code(), String::from_utf8_lossy(&text).into_owned()))
        };
        let uuid = "0f1e2d3c-0000-4000-8000-000000000000";
        let mut command = sandbox.command(&name);
        command.args([
            "--session-id",
            uuid,
            "--session-name",
            "a name",
            "--",
            "sh",
            "-c",
            "read a; echo got $a; read b; exit 6",
        ]);
        // Its stdin stays open: the end of it would be typed as Ctrl+D.
        let mut holding = sandbox.spawn_piped("holding", command)?;
        let listed = wait_until("the terminal", PATIENCE, || {
            let list: Value = serde_json::from_str(&run(&["--list-sessions"]).ok()?.1).ok()?;
            list.get(uuid).filter(|it| it["status"] == "running").cloned()
        })?;
        assert_eq!((&listed["name"], &listed["cmdline"][0]), (&"a name".into(), &"sh".into()));
        assert_eq!(run(&["--session", uuid, "--send-text", "hi"])?, (Some(0), String::new()));
        assert_eq!(run(&["--session", uuid, "--send-key", "enter"])?, (Some(0), String::new()));
        wait_until("its answer", PATIENCE, || holding.stdout().contains("got hi").then_some(()))?;
        ensure!(run(&["--session", uuid, "--cleanup"])?.0 == Some(1), "it lives");
        assert_eq!(run(&["--session", uuid, "--send-key", "no-such-key"])?.0, Some(2));
        assert_eq!(run(&["--session", uuid, "--send-key", "enter"])?.0, Some(0));
        assert_eq!(holding.wait(PATIENCE)?.code(), Some(6));

        let held = sandbox.spawn_piped("from-env", {
            let mut command = sandbox.command(&name);
            command.args(["--", "cat"]).env("TTY_SESSION_ID", "from-env");
            command
        })?;
        wait_until("the terminal of the environment", PATIENCE, || {
            run(&["--list-sessions"]).ok()?.1.contains("from-env").then_some(())
        })?;
        assert_eq!(run(&["--resize", "90x20"])?, (Some(0), String::new()));
        assert_eq!(run(&["--stop"])?, (Some(0), String::new()));
        drop(held);
        assert_eq!(run(&[])?.0, Some(2));
        Ok(())
    })
}

#[test]
fn the_app_is_told_of_another_size_and_another_title() -> Result<()> {
    sandbox_test(|sandbox| {
        let cli = Cli::new(sandbox);
        let line = "read word; printf '\\033]2;named by its program\\007'; cat";
        assert_eq!(cli.run(&["run", "--detach", "--id", "told", "--", "sh", "-c", line])?.code, 0);
        let _app = App::start(sandbox)?;
        let until = |what: &str, key: &str, value: &Value| {
            cli.wait_for_row(what, &["call", "get_terminals"], |row| {
                row["id"] == "told" && row.get(key) == Some(value)
            })
        };
        until("the terminal", "cols", &80.into())?;
        cli.json(&["term", "resize", "told", "91x31"])?;
        until("its new size", "cols", &91.into())?;
        cli.json(&["term", "send-keys", "told", "enter"])?;
        until("its new title", "title", &"named by its program".into())?;
        Ok(())
    })
}

#[test]
fn lists_say_what_there_is_and_what_to_do() -> Result<()> {
    sandbox_test(|sandbox| {
        let cli = Cli::new(sandbox);
        let none = cli.run(&["term", "ls"])?;
        assert_eq!((none.code, none.stdout.as_str()), (0, ""));
        assert_eq!(none.stderr, "no terminals run\nhint: `magia run -- COMMAND` starts one\n");
        cli.json(&["run", "--detach", "--id", "one", "--", "cat"])?;
        cli.json(&["run", "--detach", "--id", "once", "--linger-ms", "0", "--", "true"])?;
        let ended = cli.wait_for_row("the holder to leave", &["term", "ls", "--all"], |row| {
            row["id"] == "once" && row["state"] == "exited"
        })?;
        let holder = pid_of(&ended, "holder_pid")?;
        wait_until("the holder to leave", PATIENCE, || (!is_alive(holder)).then_some(()))?;
        assert_eq!(cli.rows(&["term", "ls"])?.len(), 1);
        assert_eq!(cli.rows(&["term", "ls", "--all"])?.len(), 2);
        let ambiguous = cli.run(&["term", "show", "on"])?;
        assert_eq!(ambiguous.stderr, "error: on may be once, one\nhint: type more of it\n");
        let over = cli.run(&["term", "screen", "once"])?;
        assert_eq!(
            over.stderr,
            "error: terminal once has ended\nhint: `magia term show once` says what is known\n"
        );
        let taken = cli.run(&["run", "--id", "one", "--", "cat"])?;
        assert_eq!(taken.code, 125);
        assert!(
            taken.stderr.starts_with("error: there is a terminal one already\nhint: "),
            "{}",
            taken.stderr
        );
        assert_eq!(cli.json(&["term", "clean"])?["removed"], serde_json::json!(["once"]));
        let held = cli.run(&["term", "clean", "one"])?;
        let said = "error: terminal one is still held\nhint: `magia term kill one` ends it\n";
        assert_eq!((held.code, held.stderr.as_str()), (1, said));
        for verb in ["kill", "clean"] {
            let short = cli.run(&["term", verb, "o"])?;
            let said = "error: o is too short to say which terminal goes\n\
                        hint: type the whole id, or 4 characters of it: one\n";
            assert_eq!((short.code, short.stderr.as_str()), (1, said), "{verb}");
        }
        Ok(())
    })
}

#[test]
fn a_terminal_is_not_attached_to_itself() -> Result<()> {
    sandbox_test(|sandbox| {
        let cli = Cli::new(sandbox);
        let line = format!("{} attach self; cat", binary("magia")?.display());
        cli.json(&["run", "--detach", "--id", "self", "--", "sh", "-c", &line])?;
        cli.json(&["term", "wait", "self", "--until", "text", "--text", "terminal self is this one"])?;
        Ok(())
    })
}
