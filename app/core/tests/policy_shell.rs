//! What we read of a command against what the real bash runs of it.
//!
//! bash finds no program at all: its path leads nowhere, and what generated commands name are functions that say their
//! name and their words. It works in an empty directory, and no generated word holds a slash.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail"
)]

use magia_core::policy::shell::{PlainWord, Reading, is_simple_call_of, plain};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// The functions.
const PROGRAMS: [&str; 3] = ["aa", "bb", "cc"];

/// Words of the calls that bash ran of each command. Of a pipe their order is left to chance.
fn run_by_bash(name: &str, commands: &[String]) -> Vec<Vec<Vec<String>>> {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
    fs::create_dir_all(&directory).unwrap();
    // A function that a command makes does not call itself for long, and ours stay as they are.
    let mut script = String::from(
        "exec 9>&1 >/dev/null; PATH=/nowhere; readonly FUNCNEST=6\n\
         said() { local IFS=$'\\002'; printf '%s\\003' \"$N$IFS$*\" >&9; }\n\
         command_not_found_handle() { said \"$@\"; }\n",
    );
    for name in PROGRAMS {
        script.push_str(&format!("{name}() {{ said {name} \"$@\"; }}\n"));
    }
    script.push_str("readonly -f said command_not_found_handle aa bb cc\n");
    for (number, command) in commands.iter().enumerate() {
        let quoted = command.replace('\'', "'\\''");
        script.push_str(&format!("N={number}; ( eval -- '{quoted}'; wait )\n"));
    }
    script.push_str("N=end; said\n");
    let mut child = Command::new("/bin/bash")
        .args(["--norc", "--noprofile", "-s"])
        .env_clear()
        .env("HOME", &directory)
        .current_dir(&directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("bash starts");
    let mut stdin = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || stdin.write_all(script.as_bytes()));
    let output = child.wait_with_output().expect("bash ends");
    writer.join().unwrap().expect("bash reads all");
    fs::remove_dir_all(&directory).unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut ran = vec![Vec::new(); commands.len()];
    let mut ended = false;
    for call in said.split_terminator('\u{3}') {
        let mut words = call.split('\u{2}').map(str::to_owned);
        match words.next().unwrap().parse::<usize>() {
            Ok(number) => ran[number].push(words.collect()),
            Err(_) => ended = true,
        }
    }
    assert!(ended, "bash read every command");
    ran
}

/// Values of a strategy, the same ones each time.
fn values<T: std::fmt::Debug>(strategy: impl Strategy<Value = T>) -> impl Iterator<Item = T> {
    let mut runner = TestRunner::deterministic();
    std::iter::from_fn(move || Some(strategy.new_tree(&mut runner).unwrap().current()))
}

#[test]
fn what_is_plain_runs_as_it_was_read() {
    // Three in four begin with a program, since few others are plain.
    let characters = ("(aa |bb |aa|)", "[abcc  '\"\\\\;&|#~*?=!^{},<>()$`\n\r\t@+-]{0,14}");
    const WORDS: &[&str] = &[
        "'", "\"", "\\", ";", "&&", "||", "|", "#", "aa", "'b c'", "\"c\"", "''", "~", "!", "x=", "\\ ",
        "\n", "é",
    ];
    let of_words = vec((select(WORDS), select(&["", " "][..])), 1..12)
        .prop_map(|parts| parts.into_iter().flat_map(|(word, blank)| [word, blank]).collect::<String>());
    let generated = values(characters.prop_map(|(begin, rest)| begin + &rest)).take(30_000);
    let commands: Vec<String> = generated
        .chain(values(of_words.prop_map(|rest| format!("aa {rest}"))).take(10_000))
        .filter(|command| plain(command).is_some())
        .collect();
    assert!(commands.len() > 1_000, "{} are plain", commands.len());
    let mut simple = 0;
    for (command, mut ran) in commands.iter().zip(run_by_bash("plain", &commands)) {
        let read = plain(command).unwrap();
        let is_single = read.len() == 1;
        assert!(ran.len() <= read.len(), "{command:?} ran {ran:?}");
        // A directory, as `~` is, is no program.
        assert!(!ran.is_empty() || read[0][0].text.starts_with('~'), "{command:?} ran nothing");
        if is_simple_call_of(command, "aa") {
            simple += 1;
            assert!(is_single && ran.len() == 1 && ran[0][0] == "aa", "{command:?} ran {ran:?}");
        }
        // Calls whose words the shell changes could be mistaken for others.
        let is_open =
            |call: &Vec<PlainWord>| call.iter().any(|word| word.expands || word.text.starts_with('~'));
        let (open, fixed): (Vec<_>, Vec<_>) = read.into_iter().partition(is_open);
        for (call, open) in
            fixed.into_iter().map(|call| (call, false)).chain(open.into_iter().map(|call| (call, true)))
        {
            let words: Vec<&String> = call.iter().map(|word| &word.text).collect();
            let same = |ran: &Vec<String>| ran[0] == *words[0] && (open || ran.iter().eq(words.clone()));
            if let Some(at) = ran.iter().position(same) {
                ran.remove(at);
            }
        }
        assert!(ran.is_empty(), "{command:?} also ran {ran:?}");
    }
    assert!(simple > 200, "{simple} are simple");
}

/// What a command is put into: `@` is its place, `P` that of a program.
const FORMS: &[&str] = &[
    "@; P x",
    "P x; @",
    "P && @",
    "P | @",
    "@ | P",
    "P |& @",
    "@ & P",
    "P\n@\nP",
    "( @ )",
    "(@\n)",
    "{ @; }",
    "{ @\n}",
    "if P; then @; fi",
    "if @; then P; else P; fi",
    "for x in 1 2; do @; done",
    "case x in (y) P;; x|z) @;; esac",
    "case x in y) P;; (x) @\nesac",
    "! @",
    "time @",
    "time -p @",
    "f() { @; }; f",
    "function f { @; }; f",
    "f() ( @ ); f",
    "coproc { @; }",
    "P \"$(@)\"",
    "P a$(@\n)b",
    "P `@`",
    "P \"`@` '\"",
    "P <(@)",
    "P > >(@)",
    "P < <(@\n)",
    "eval '@'",
    "eval \"@\"",
    "bash() { eval \"$2\"; }; bash -c '@'",
    "x=$(@)",
    "x=1 y=\"$(@)\" P",
    "P ${x:-$(@)}",
    "P \"${x:-`@`}\"",
    "P $(( 1 + $(@) 0 ))",
    "P $((1<<2)); @",
    "((1<<2))\n@",
    "((1)) && @",
    "P # '\"`(\n@",
    "P #\n@",
    "P 'a #' \"b '\" c\\' d#' '; @",
    "P $'\\'' \"\\\"\" ; @",
    "P $\"'\" \"$'\" ; @",
    "P ${x#\\'} ${x%\"'\"}; @",
    "P <<E\nit's $(@) \"\nE\n",
    "P <<E\n`@` '\nE\n",
    "P <<'E'\n'\"`$(\nE\n@",
    "P <<\\E <<-'F F'; @\n'\nE\n\t\"\n\tF F\n",
    "P <<-E\n\t'\n\tE\n@",
    "@ <<< \"'\"",
    "P <<<' '\n@",
    "2>x @",
    ">x @",
    "{v}>x @",
    "P &>x; @",
    "P 2>&1 >x; @",
    "P 2>&1 & @",
    "P \\\n; @",
    "[[ x < y || (x = x) ]]; @",
    "[[ x =~ (x|') ]]\n@",
    "$x @",
    "$(true) @",
    "x=(P \"$(@)\")",
    "command -v x; @",
    "P {1,2} x{ } ; @",
    "while @; do P; break; exit; done",
    "until @; do P; break; exit; done",
    "P \"$(P \"$(@)\")\"",
    "select x in a; do @; break; exit; done <<< 1",
];

#[test]
fn what_bash_runs_is_seen() {
    // A command within a command and so on, and then a part left out here and there.
    let form = (select(FORMS), select(&PROGRAMS[..]));
    let cut = (any::<bool>(), any::<prop::sample::Index>(), 0..3_usize);
    let command = (vec(form, 1..6), cut).prop_map(|(forms, (cuts, at, length))| {
        let mut command = "aa y".to_owned();
        for (form, program) in forms {
            let taken = match form {
                _ if form.contains("'@'") && command.contains('\'') => false,
                _ if form.contains("`@`") || form.contains("\"@\"") => {
                    !command.contains(['`', '\\', '"', '$'])
                }
                _ => true,
            };
            if taken {
                command = form.replace('P', program).replace('@', &command);
            }
        }
        if cuts {
            let from = command.floor_char_boundary(at.index(command.len()));
            let to = command.floor_char_boundary((from + length).min(command.len()));
            command.replace_range(from..to, "");
        }
        command
    });
    let commands: Vec<String> = values(command).take(6_000).collect();
    let mut seen = 0;
    let mut missed = Vec::new();
    for (command, ran) in commands.iter().zip(run_by_bash("generous", &commands)) {
        for call in ran.iter().filter(|call| PROGRAMS.contains(&call[0].as_str())) {
            match Reading::of(command).calls(&call[0]) {
                true => seen += 1,
                false => missed.push((command, call.clone())),
            }
        }
    }
    assert!(missed.is_empty(), "{} of {seen}: {:#?}", missed.len(), &missed[..missed.len().min(40)]);
    assert!(seen > 8_000, "only {seen}");
}

#[test]
fn bash_itself_is_asked_rightly() {
    let commands =
        ["aa x 'y z'; bb", "git status # '\naa x\n#'", "(", "aa | cc", "nothing here"].map(str::to_owned);
    let mut ran = run_by_bash("itself", &commands);
    ran[3].sort();
    let call = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
    assert_eq!(ran[0], [call(&["aa", "x", "y z"]), call(&["bb"])]);
    assert_eq!(ran[1], [call(&["git", "status"]), call(&["aa", "x"])], "the comment's quote is none");
    assert_eq!(ran[2], Vec::<Vec<String>>::new());
    assert_eq!(ran[3], [call(&["aa"]), call(&["cc"])]);
    assert_eq!(ran[4], [call(&["nothing", "here"])]);
    assert!(Reading::of(&commands[1]).calls("aa") && !is_simple_call_of(&commands[1], "git status"));
}
