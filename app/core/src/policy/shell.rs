//! Reading a shell command just well enough to judge it. Not a shell. There are two readings, for the two directions in
//! which a mistake must not go:
//!
//! - [`split_calls`] sees every call that might run, to mark, and [`Reading`] to deny; they err on the side of seeing too
//!   much.
//! - [`plain()`] sees a command only when all of it was understood; nothing else is ever allowed by a rule or a preset.

mod deny;
mod plain;
mod reader;
mod wrappers;

pub use deny::Reading;
pub use plain::{PlainWord, plain};
use std::ops::Range;

/// One simple command within a command: its words, wrappers such as `sudo` left out.
#[derive(Clone, Debug, Default)]
pub struct Call {
    /// Words with their bytes; the first is the program.
    pub words: Vec<(String, Range<usize>)>,
    /// What stands before the program: wrappers, as `sudo`, and expansions of which nothing may be left, as `$X`.
    pub wrappers: Vec<(String, Range<usize>)>,
    /// Variables that are set for it or, without a program, for what follows.
    pub assignments: Vec<(String, Range<usize>)>,
    /// Redirections: operator and target.
    pub redirects: Vec<(String, String, Range<usize>)>,
    /// Texts that stand in the command as its input.
    pub here: Vec<String>,
    /// Whether its input comes from a pipe.
    pub piped: bool,
    /// Whether something that was loaded down comes into it, by a pipe or among its words.
    pub downloads: bool,
    /// All its words but leading assignments: wrappers with their options, then the program with its own.
    all: Vec<AnyWord>,
    /// From its first byte to its last.
    span: Range<usize>,
}

/// A word of a call as it stands.
#[derive(Clone, Debug, Default)]
struct AnyWord {
    text: String,
    /// The shell may make other words of it.
    expands: bool,
    /// Nothing may be left of it when it is run.
    may_vanish: bool,
}

impl Call {
    /// The program's base name.
    pub fn program(&self) -> &str {
        self.words.first().map_or("", |(word, _)| base_name(word))
    }

    /// The words behind the program.
    pub fn arguments(&self) -> impl Iterator<Item = &str> {
        self.words.iter().skip(1).map(|(word, _)| word.as_str())
    }

    /// All its words, those of wrappers too, without what is set before them.
    pub fn all_words(&self) -> impl Iterator<Item = &str> {
        self.all.iter().map(|word| word.text.as_str())
    }

    /// What it runs as commands and stands within its words: `bash -c '...'`, `eval ...`, `env -S '...'`, a shell's here
    /// document.
    pub fn scripts(&self) -> Vec<String> {
        let mut scripts = Vec::new();
        let words: Vec<&str> = self.all.iter().map(|word| word.text.as_str()).collect();
        let (before, own) = words.split_at(words.len().saturating_sub(self.words.len()));
        if !self.wrappers.is_empty() {
            let glued = before.iter().filter_map(|word| glued_script(word));
            scripts.extend(glued.map(|script| format!("{script} {}", own.join(" "))));
            // What has blanks in it is no program's name: the wrapper takes it apart.
            scripts.extend(own.first().filter(|first| first.contains([' ', '\n'])).map(|_| own.join(" ")));
        }
        if let Some((program, arguments)) = own.split_first() {
            scripts.extend(script_of(program, arguments));
            if runs_input(program) {
                scripts.extend(self.here.iter().cloned());
            }
        }
        scripts
    }

    /// From the program to the last word; of a call without a program from its first byte to its last.
    pub fn range(&self) -> Range<usize> {
        match (self.words.first(), self.words.last()) {
            (Some((_, first)), Some((_, last))) => first.start..last.end,
            _ => self.span.clone(),
        }
    }

    /// Whether an option is among its words: a long one as written or cut short, a short one alone or in a bundle.
    pub fn has_option(&self, long: &str, short: char) -> bool {
        self.arguments().any(|word| {
            let name = word.split('=').next().unwrap_or_default();
            name == long
                || (name.len() > 3 && long.starts_with(name))
                || (word.starts_with('-') && !word.starts_with("--") && word.contains(short))
        })
    }

    /// Gives all of it one place: that of the word it was taken from.
    fn move_to(&mut self, place: &Range<usize>) {
        let named = self.words.iter_mut().chain(&mut self.wrappers).chain(&mut self.assignments);
        let ranges = named.map(|(_, range)| range);
        let redirects = self.redirects.iter_mut().map(|(.., range)| range);
        ranges.chain(redirects).chain([&mut self.span]).for_each(|range| range.clone_from(place));
    }
}

/// Bytes of a command that are read, but for denying. Nobody reads a longer one either; it is never called simple.
pub const READ_MAX: usize = 64 * 1024;

/// The simple commands of a command, in order, as far as it is read: also those in substitutions and groups.
pub fn split_calls(command: &str) -> Vec<Call> {
    reader::read(command.get(..command.floor_char_boundary(READ_MAX)).unwrap_or_default())
}

/// A program's name without its directory.
pub fn base_name(word: &str) -> &str {
    word.rsplit('/').next().unwrap_or(word)
}

/// Whether a program is a shell.
pub fn is_shell(program: &str) -> bool {
    matches!(
        program,
        "sh" | "bash" | "rbash" | "zsh" | "dash" | "ash" | "ksh" | "mksh" | "fish" | "csh" | "tcsh"
    )
}

/// Whether a program runs what comes into it.
fn runs_input(program: &str) -> bool {
    let name = base_name(program);
    is_shell(name) || matches!(name, "source" | ".")
}

/// Whether a program takes some of its words for a script.
fn runs_script(program: &str) -> bool {
    let name = base_name(program);
    is_shell(name) || matches!(name, "su" | "runuser" | "eval" | "watch" | "trap")
}

/// The script among the words behind a program.
fn script_of(program: &str, arguments: &[&str]) -> Option<String> {
    let behind_c = || {
        let is_c = |word: &&&str| word.starts_with('-') && !word.starts_with("--") && word.contains('c');
        let mut words = arguments.iter().skip_while(|word| !is_c(word)).skip(1);
        words.find(|word| !word.starts_with(['-', '+'])).map(|word| (*word).to_owned())
    };
    match base_name(program) {
        name if is_shell(name) => behind_c(),
        "su" | "runuser" => behind_c(),
        "eval" => Some(arguments.join(" ")),
        "watch" => {
            let mut words = arguments;
            while let Some((option, rest)) = words.split_first().filter(|(word, _)| word.starts_with('-')) {
                let takes_word = matches!(*option, "-n" | "--interval");
                words = rest.get(usize::from(takes_word)..).unwrap_or_default();
            }
            Some(words.join(" "))
        }
        "trap" => arguments.iter().find(|word| **word != "--").map(|word| (*word).to_owned()),
        _ => None,
    }
}

/// The script that a wrapper's option holds in the same word: `--split-string=...`, `-S...`, `-c...`.
fn glued_script(option: &str) -> Option<&str> {
    match option.strip_prefix('-')?.strip_prefix('-') {
        Some(long) => {
            let (name, script) = long.split_once('=')?;
            let splits = !name.is_empty() && "split-string".starts_with(name);
            (splits || matches!(name, "command" | "run")).then_some(script)
        }
        None => option.split_once(['S', 'c']).map(|(_, script)| script).filter(|script| !script.is_empty()),
    }
}

/// Whether a program loads something down.
fn is_download(program: &str) -> bool {
    matches!(program, "curl" | "wget" | "aria2c" | "http" | "https" | "xh")
}

/// Words of the shell's grammar that may stand where a program does. `time` is not among them: it changes nothing.
fn is_grammar(word: &str) -> bool {
    const GRAMMAR: &[&str] = &[
        "if", "then", "elif", "else", "fi", "while", "until", "do", "done", "for", "in", "case", "esac",
        "select", "function", "coproc", "{", "}", "!", "[[", "]]", "foreach", "end", "repeat", "begin",
        "not", "and", "or", "switch", "-",
    ];
    GRAMMAR.contains(&word)
}

/// Whether `command` is one plain call that begins with the words of `prefix`: see [`plain()`]. Only such a command may
/// be allowed by a prefix.
pub fn is_simple_call_of(command: &str, prefix: &str) -> bool {
    let (true, Some(calls)) = (command.len() <= READ_MAX, plain(command)) else { return false };
    let [words] = calls.as_slice() else { return false };
    let prefix = plain(prefix);
    let Some([wanted]) = prefix.as_deref() else { return false };
    words.len() >= wanted.len()
        && !words.iter().any(|word| word.text.contains(['$', '`']))
        && words.iter().zip(wanted).all(|(word, want)| !word.expands && word.text == want.text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The calls of a command, each as its words.
    fn read(command: &str) -> Vec<String> {
        let words = |call: &Call| call.all.iter().map(|word| word.text.clone()).collect::<Vec<_>>().join(" ");
        split_calls(command).iter().map(words).collect()
    }

    #[test]
    fn words_quotes_and_operators() {
        let calls = split_calls("a 'b c' \"d\\\"e\\n\"&&f>g 2>&1 # 'h\ni\\\nj");
        let words: Vec<Vec<&str>> =
            calls.iter().map(|call| call.all.iter().map(|word| word.text.as_str()).collect()).collect();
        assert_eq!(words, [vec!["a", "b c", "d\"e\\n"], vec!["f"], vec!["ij"]]);
        let redirects: Vec<_> =
            calls[1].redirects.iter().map(|(op, to, _)| (op.as_str(), to.as_str())).collect();
        assert_eq!(redirects, [(">", "g"), (">&", "1")]);
    }

    #[test]
    fn a_comment_hides_no_second_line() {
        for command in ["git status # '\nrm -rf ~/x\n#'", "ls # '\nrm x #'", "ls;#\"\nrm x", "#'\nrm x"] {
            assert!(Reading::of(command).calls("rm"), "{command:?}");
            assert!(!is_simple_call_of(command, "git status") && !is_simple_call_of(command, "ls"));
        }
        assert_eq!(read("ls # rm x"), ["ls"]);
        assert_eq!(read("ls a#b '#c' \\#d"), ["ls a#b #c #d"]);
    }

    #[test]
    fn what_stands_within_a_call_is_seen() {
        let check = |command: &str, call: &str| {
            let found = read(command);
            assert!(found.iter().any(|one| one == call), "{command}: {found:?}");
        };
        for command in [
            "echo $(rm x)",
            "echo \"$(rm x)\"",
            "echo `rm x`",
            "echo \"a `rm x`\"",
            "cat <(rm x)",
            "tee >(rm x) <y",
            "cat < <(rm x)",
            "A=$(rm x)",
            "A=1 B=`rm x` ls",
            "echo ${A:-$(rm x)}",
            "echo \"${A:-`rm x`}\"",
            "echo $(( 1 + $(rm x) ))",
            "echo $(echo $(rm x))",
            "echo `echo \\`rm x\\``",
            "(rm x)",
            "(cd y; (rm x))",
            "f() { rm x; }",
            "function f { rm x; }",
            "coproc A { rm x; }",
            "time { rm x; }",
            "! rm x",
            "case x in (a) rm x;; esac",
            "case x in a|b) rm x;; esac",
            "echo $(case x in a) rm x;; esac)",
            "2>/dev/null rm x",
            ">y rm x",
            "{log}>y rm x",
            "&>y rm x",
            "ls &>y; rm x",
            "ls 2>&1 & rm x",
            "cat <<E\n$(rm x)\nE",
            "cat <<E\nit's\nE\nrm x",
            "cat <<'E' <<F\n'\nE\n\"\nF\nrm x",
            "cat <<-E\n\t'\n\tE\nrm x",
            "echo $(cat <<E\n'\nE\n)\nrm x",
            "echo $(cat <<E\n'\nE)\nrm x",
            "echo $((1<<2))\nrm x",
            "((a<<2))\nrm x",
            "((ls); rm x)",
            "echo $((ls); rm x)",
            "ls <<<' '\nrm x",
            "echo $'\\'' ; rm x",
            "echo $\"'\" ; rm x",
            "echo \"$'\"; rm x",
            "echo ${a#\\'}; rm x",
            "if ls; then rm x; fi",
            "ls\\\n; rm x",
            "rm \\\nx",
            "r''m \"x\"",
            "\\rm x",
            "while ! ls; do rm x; done",
            "ls |& rm x",
        ] {
            check(command, "rm x");
        }
        assert_eq!(read("cat <<'E'\n$(rm x)\nE"), ["cat"], "nothing of it runs");
        assert_eq!(read("cat > a <<E\nrm x\nE\nls"), ["cat", "ls"], "it is the text of a file");
        assert_eq!(split_calls("bash <<E\nrm x\nE")[0].scripts(), ["rm x\n"]);
    }

    #[test]
    fn what_is_loaded_down_is_followed() {
        let check = |command: &str, program: &str, downloads: bool| {
            let calls = split_calls(command);
            let found: Vec<_> = calls.iter().filter(|call| call.program() == program).collect();
            assert!(found.iter().any(|call| call.downloads == downloads), "{command}: {calls:?}");
        };
        for command in [
            "curl u | bash",
            "curl u |(bash)",
            "curl u | tee f | bash",
            "(curl u) | bash",
            "bash <(curl u)",
            "bash -c \"$(curl u)\"",
            "curl u | { read x; bash; }",
            "curl u | while read x; do bash; done",
            "bash <<< $(wget -O- u)",
            "bash < <(curl u)",
            "cat <(curl u) | bash",
            "echo `curl u` | bash",
        ] {
            check(command, "bash", true);
        }
        for command in ["curl u; bash x", "curl u && ls | bash", "(ls) | bash", "curl u > f\nbash x"] {
            check(command, "bash", false);
        }
    }

    #[test]
    fn wrappers_and_assignments_do_not_hide_the_program() {
        let calls = split_calls("A=1 sudo -n /bin/rm -rf x | xargs rm");
        let programs: Vec<_> = calls.iter().map(|call| (call.program(), call.piped)).collect();
        assert_eq!(programs, [("rm", false), ("rm", true)]);
    }

    #[test]
    fn what_stands_before_a_program_does_not_hide_it() {
        let check = |command: &str, program: &str| {
            let calls = split_calls(command);
            assert!(calls.iter().any(|call| call.program() == program), "{command}: {calls:?}");
        };
        check("if true; then rm -rf x; fi", "rm");
        check("for f in a b; do rm $f; done", "rm");
        check("{ rm -rf x; }", "rm");
        check("sudo -u root rm -rf x", "rm");
        check("xargs -n 1 -I {} rm -rf {}", "rm");
        check("timeout -s KILL 5s rm -rf x", "rm");
        check("nice -n 10 env -u A B=1 /bin/rm x", "rm");
    }

    #[test]
    fn a_denied_program_is_found_behind_a_path_a_wrapper_and_a_shell() {
        for command in [
            "git push",
            "/usr/bin/git push -f",
            "cd x && sudo -n git push",
            "bash -lc 'cd x; git push origin'",
            "if true; then sh -c \"bash -c 'git push'\"; fi",
        ] {
            assert!(Reading::of(command).calls("git push"), "{command}");
        }
        assert!(!Reading::of("git pull && echo git push").calls("git push"));
        assert!(!Reading::of("/opt/git push").calls("/usr/bin/git push"));
        for (command, denied) in [
            ("A=1 sudo -n ls", "sudo"),
            ("/usr/bin/sudo -n env rm x", "env"),
            ("eval 'git push'", "git push"),
            ("bash -c -e 'git push'", "git push"),
            ("sh <<< 'git push'", "git push"),
            ("fish -c 'git push'", "git push"),
            ("trap 'git push' EXIT", "git push"),
            ("busybox rm -rf x", "rm"),
            ("ls; A=$(git push)", "git push"),
        ] {
            assert!(Reading::of(command).calls(denied), "{command}");
        }
    }

    #[test]
    fn a_prefix_is_read_as_words() {
        assert!(is_simple_call_of("git status -s", "git  status"));
        assert!(is_simple_call_of("git commit -m 'a b' -q", "git commit -m \"a b\""));
        assert!(!is_simple_call_of("git commit -m 'a c'", "git commit -m 'a b'"));
        for command in [
            "git status; rm -rf /",
            "git status\nrm -rf /",
            "git status && rm -rf /",
            "git status | sh",
            "git status & rm x",
            "git status $(rm x)",
            "git status `rm x`",
            "git status > x",
            "git status <(rm x)",
            "git statusx",
            "'git status'",
            "A=1 git status",
            "sudo git status",
            "git status 'a\nb'",
            "git status # x",
            "git status '$(x)'",
            "git statu[s]",
            "git {status,push}",
        ] {
            assert!(!is_simple_call_of(command, "git status"), "{command}");
        }
        for command in ["git status *.rs ~/x {a,b}", "git 'status' -- a\\ b", "git status --format=%h a#b"] {
            assert!(is_simple_call_of(command, "git status"), "{command}");
        }
        assert!(!is_simple_call_of("cargo test", "A=1 cargo test"));
        for prefix in ["", " ", "a; b", "git|", "\n"] {
            assert!(!is_simple_call_of("a; b", prefix) && !Reading::of("a; b").calls(prefix), "{prefix:?}");
        }
    }

    #[test]
    fn a_command_that_nobody_reads_is_not_simple() {
        let long = format!("cargo test {}", "x ".repeat(READ_MAX));
        assert!(is_simple_call_of("cargo test x", "cargo test") && !is_simple_call_of(&long, "cargo test"));
        assert!(Reading::of(&format!("git push {long}")).calls("git push"));
        assert_eq!(split_calls(&"ä;".repeat(8_000_000)).len(), READ_MAX / 3);
    }

    #[test]
    fn no_command_takes_long_or_deep() {
        for part in [
            "(",
            "((",
            "$(",
            "$((",
            "`",
            "\"$(",
            "${a:-",
            "<(",
            "{ ",
            "case x in ",
            "<<a ",
            "\\`",
            "a=$((1<<",
        ] {
            let command = part.repeat(READ_MAX / part.len());
            // That it ends is what is tested: the number of calls is bounded by that of bytes.
            assert!(split_calls(&command).len() <= READ_MAX, "{part}");
            assert!(!is_simple_call_of(&command, "a"));
        }
    }

    proptest! {
        #[test]
        fn what_is_plain_is_seen_alike_by_both_readings(
            command in "[a-c $`'\"\\\\;&|<>()\n=*~#{}!^\r-]{0,24}"
        ) {
            if let Some(calls) = plain(&command) {
                let words = |call: &Call| call.words.iter().map(|(word, _)| word.clone()).collect::<Vec<_>>();
                let generous: Vec<_> = split_calls(&command).iter().map(words).collect();
                let text = |call: &Vec<PlainWord>| call.iter().map(|word| word.text.clone()).collect::<Vec<_>>();
                prop_assert_eq!(generous, calls.iter().map(text).collect::<Vec<_>>());
                prop_assert!(!command.contains(['\n', '\r', '`', '<', '>', '(', ')']) || command.contains(['\'', '"', '\\']));
            }
        }

        #[test]
        fn ranges_are_always_slices_of_the_command(command in ".{0,200}|[a $`'\"\\\\;&|<>()\n={}é-]{0,40}") {
            for call in split_calls(&command) {
                prop_assert!(command.get(call.range()).is_some());
                for (_, range) in call.words.iter().chain(&call.wrappers).chain(&call.assignments) {
                    prop_assert!(command.get(range.clone()).is_some());
                }
                for (.., range) in &call.redirects {
                    prop_assert!(command.get(range.clone()).is_some());
                }
            }
        }
    }
}
