//! Whether a command runs what a rule denies.
//!
//! It errs on the side of seeing too much: who denies a harmless call by mistake costs an agent another way, who misses
//! what was denied may cost a push. So options may stand between the words of a rule, each with a value or without, and
//! behind a wrapper every word that could be the program is taken for it.

use super::reader::{self, is_assignment};
use super::wrappers::{Runner, Wrapper, runner, runs_words};
use super::{AnyWord, Call, base_name, glued_script, runs_input, runs_script, script_of};

/// How many scripts within scripts are looked into. What is deeper is taken for denied.
const DEPTH: usize = 8;

/// Bytes of a command, or of a script within it, that are read: Linux runs no longer one (`MAX_ARG_STRLEN`). What is longer
/// is taken for denied: no rule that denies is passed by what stands before it.
const READ_BYTES: usize = 128 * 1024;

/// Bytes of scripts that are looked into. What has more is taken for denied.
const SCRIPT_BYTES: usize = 1024 * 1024;

/// A command as rules that deny see it, read once for all of them.
#[derive(Debug)]
pub struct Reading {
    /// `None` when it is too long.
    calls: Option<Vec<Call>>,
}

impl Reading {
    /// Reads a command.
    pub fn of(command: &str) -> Self {
        Self { calls: (command.len() <= READ_BYTES).then(|| reader::read(command)) }
    }

    /// Whether it is longer than what is read; then every rule fits.
    pub const fn is_too_long(&self) -> bool {
        self.calls.is_none()
    }

    /// Whether any call within the command begins with the words of `prefix`: wrappers, the program's directory, options
    /// between the words and an inner shell aside. For denying; what hides better than that is asked about.
    pub fn calls(&self, prefix: &str) -> bool {
        // A prefix that is more than words, as `a; b`, fits nothing.
        let more = prefix.contains([';', '&', '|', '<', '>', '(', ')', '\n']);
        let prefix = reader::read(prefix);
        let [call] = prefix.as_slice() else { return false };
        match Wanted::of(&call.all) {
            Some(wanted) if !more => wanted.is_within(self, DEPTH, &mut { SCRIPT_BYTES }),
            _ => false,
        }
    }
}

/// The words of a prefix.
struct Wanted<'a> {
    program: &'a str,
    /// Those behind it that are no options, in order.
    words: Vec<&'a str>,
    /// Its options. They may stand anywhere.
    options: Vec<Wish<'a>>,
}

/// An option that is looked for.
enum Wish<'a> {
    /// As it is written, with a value or without, or a long one cut short.
    Named(&'a str),
    /// A letter, alone or in a bundle.
    Letter(char),
}

impl Wish<'_> {
    fn fits(&self, word: &AnyWord) -> bool {
        let text = word.text.as_str();
        match self {
            _ if word.may_be_all() => true,
            Self::Named(wanted) => {
                let name = text.split('=').next().unwrap_or_default();
                text == *wanted || name == *wanted || (name.len() > 3 && wanted.starts_with(name))
            }
            Self::Letter(letter) => {
                text.starts_with('-') && !text.starts_with("--") && text.contains(*letter)
            }
        }
    }
}

impl AnyWord {
    /// Whether the shell may make any words at all of it: `{push,--force}`.
    fn may_be_all(&self) -> bool {
        let mut braces = self.text.split('{').skip(1).map(|rest| rest.split('}').next().unwrap_or_default());
        self.expands && braces.any(|inner| inner.contains(',') || inner.contains(".."))
    }

    /// Whether the shell may make this word of it: `pus[h]` when there is such a file.
    fn may_be(&self, wanted: &str) -> bool {
        let globs = || {
            let (first, last) = (self.text.find(['*', '?', '[']), self.text.rfind(['*', '?', ']']));
            let begin = first.and_then(|first| self.text.get(..first));
            let end = last.and_then(|last| self.text.get(last + 1..));
            begin.is_some_and(|begin| wanted.starts_with(begin))
                && end.is_none_or(|end| wanted.ends_with(end))
        };
        self.text == wanted || (self.expands && globs())
    }

    fn is_option(&self) -> bool {
        self.text.starts_with('-')
    }

    /// Whether it may stand before a program or a subcommand and be neither: `A=1`, `+nightly`, `$X`.
    fn may_pass(&self) -> bool {
        self.may_vanish || self.text.starts_with('+') || is_assignment(&self.text)
    }
}

impl<'a> Wanted<'a> {
    fn of(prefix: &'a [AnyWord]) -> Option<Self> {
        let (program, rest) = prefix.split_first()?;
        let mut wanted = Self { program: &program.text, words: Vec::new(), options: Vec::new() };
        for word in rest {
            let letters = word.text.strip_prefix('-').filter(|letters| {
                (1..=3).contains(&letters.len())
                    && letters.bytes().all(|letter| letter.is_ascii_alphanumeric())
            });
            match letters {
                Some(letters) => wanted.options.extend(letters.chars().map(Wish::Letter)),
                None if word.is_option() => wanted.options.push(Wish::Named(&word.text)),
                None => wanted.words.push(&word.text),
            }
        }
        Some(wanted)
    }

    /// `left` is how much may still be looked into.
    fn is_within(&self, command: &Reading, depth: usize, left: &mut usize) -> bool {
        let any = |calls: &[Call]| calls.iter().any(|call| self.is_call(call, depth, left));
        command.calls.as_deref().is_none_or(any)
    }

    fn is_call(&self, call: &Call, depth: usize, left: &mut usize) -> bool {
        let starts = starts(&call.all);
        if self.begins_at(&call.all, &starts) {
            return true;
        }
        let Some(scripts) = scripts(call, &starts, left) else { return true };
        scripts.iter().filter(|script| !script.trim().is_empty()).any(|script| {
            let Some((rest, depth)) = left.checked_sub(script.len()).zip(depth.checked_sub(1)) else {
                return true;
            };
            *left = rest;
            self.is_within(&Reading::of(script), depth, left)
        })
    }

    /// Whether the prefix is found from one of these places on.
    fn begins_at(&self, words: &[AnyWord], starts: &[usize]) -> bool {
        if !self.options.iter().all(|option| words.iter().any(|word| option.fits(word))) {
            return false;
        }
        let is_program = |word: &AnyWord| {
            word.text == self.program
                || (!self.program.contains('/') && base_name(&word.text) == self.program)
                || word.may_be_all()
        };
        let mut starts = starts.iter().copied().peekable();
        // How many of the words have been found, and whether the next one may be an option's value.
        let mut found: Vec<(usize, bool)> = Vec::new();
        for (at, word) in words.iter().enumerate() {
            let mut next = Vec::new();
            let mut reach = |state| {
                if !next.contains(&state) {
                    next.push(state);
                }
            };
            for (count, value) in found {
                if word.may_be_all() || self.words.get(count).is_some_and(|wanted| word.may_be(wanted)) {
                    reach((count + 1, false));
                }
                if word.is_option() {
                    reach((count, true));
                } else if value || word.may_pass() {
                    reach((count, false));
                }
            }
            if starts.next_if_eq(&at).is_some() && is_program(word) {
                reach((0, false));
            }
            let is_whole = |(count, _): &(usize, bool)| *count == self.words.len() || word.may_be_all();
            if next.iter().any(is_whole) {
                return true;
            }
            if next.is_empty() && starts.peek().is_none() {
                return false;
            }
            found = next;
        }
        false
    }
}

/// The places at which a program may begin.
fn starts(words: &[AnyWord]) -> Vec<usize> {
    let mut starts = Vec::new();
    // How many words may still stand before the program: operands of a wrapper, values of its options.
    let mut before = Some(0_usize);
    let mut behind = None;
    let mut last: Option<&Wrapper> = None;
    for (at, word) in words.iter().enumerate() {
        let runs = behind.and_then(|runner: &Runner| runner.runs_behind(&word.text));
        if let Some(count) = before {
            starts.push(at);
            behind = runner(&word.text).or(behind);
            let wrapper = runs_words(&word.text);
            last = wrapper.or(last);
            before = match wrapper {
                Some(wrapper) => Some(count + wrapper.operands),
                None if last.is_some_and(|last| last.option_holds_value(&word.text)) => Some(count),
                None if word.is_option() => Some(count + 1),
                None if word.may_pass() => Some(count),
                None => count.checked_sub(1),
            };
        }
        // In some shell it may open a group here.
        if word.expands && word.text == "{" {
            before = before.max(Some(0));
        }
        before = before.max(runs);
    }
    starts
}

/// The scripts of a call, from whichever place on it begins; `None` when there is too much to look at.
fn scripts(call: &Call, starts: &[usize], left: &mut usize) -> Option<Vec<String>> {
    let words: Vec<&str> = call.all.iter().map(|word| word.text.as_str()).collect();
    let bytes: usize = words.iter().map(|word| word.len() + 1).sum();
    let mut scripts = Vec::new();
    let mut runs_here = false;
    for start in starts {
        let Some((program, arguments)) = words.get(*start..).and_then(|words| words.split_first()) else {
            continue;
        };
        // Behind a wrapper, what is no name of a program is taken apart.
        let is_text = program.contains([' ', '\t', '\n', ';', '&', '|', '(', '<', '>']);
        let split = glued_script(program).or(is_text.then_some(*program)).filter(|_| *start > 0);
        if split.is_some() || runs_script(program) {
            *left = left.checked_sub(bytes)?;
            scripts.extend(split.map(|script| format!("{script} {}", arguments.join(" "))));
            scripts.extend(script_of(program, arguments));
        }
        runs_here |= runs_input(program);
    }
    if runs_here {
        scripts.extend(call.here.iter().cloned());
    }
    Some(scripts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(denied: &str, commands: &[&str]) {
        for command in commands {
            assert!(calls(command, denied), "{command:?} is no {denied:?}");
        }
    }

    #[test]
    fn options_do_not_hide_what_is_denied() {
        check(
            "git push",
            &[
                "git -C . push --force",
                "git --no-pager push",
                "git -c a=b push",
                "git -c a=b --git-dir x -P push",
                "git --git-dir=x push",
                "git $X push",
                "git $(true) push",
                "cd x; /usr/bin/git -C y push",
                "git {push,--force}",
                "{git,push}",
                "git p{ush,}",
                "git pus[h]",
                "git p*",
                "git -C { push",
                "if x { git push }",
            ],
        );
        check(
            "npm publish",
            &["npm --prefix x publish", "npm -w a publish", "npm publish", "npm --silent publish"],
        );
        check("cargo publish", &["cargo +nightly publish", "cargo -Z a --config b=c publish"]);
        check("make deploy", &["make -C x A=b deploy"]);
        check("docker compose down", &["docker --context x compose -f y -p z down -v"]);
        check("git push --force", &["git push --force", "git push origin main --force", "git push --forc"]);
        check("git push -f", &["git push origin -f", "git push -uf origin", "git -C x push -f"]);
        check(
            "rm -rf",
            &["rm -rf x", "rm -fr x", "rm -r -f x", "rm x -vrf", "sudo rm -r x -f", "rm {-rf,x}"],
        );
    }

    #[test]
    fn what_is_not_called_is_not_denied() {
        for (denied, command) in [
            ("git push", "git log push"),
            ("git push", "git -C x log push"),
            ("git push", "git commit -m 'x' push"),
            ("git push", "git diff {a,b}"),
            ("git push", "git add *.rs"),
            ("git push", "git *.rs"),
            ("git push", "echo git push"),
            ("git push", "git stash pop stash@{0}"),
            ("git push --force", "git push --force-with-lease"),
            ("git push --force", "git push origin"),
            ("rm -rf", "rm -r x"),
            ("rm -rf", "rm *"),
            ("rm", "time cargo test rm"),
            ("rm", "timeout 5 cargo test rm"),
            ("rm", "sudo grep rm x"),
            ("rm", "find . -name rm"),
            ("rm", "uv run pytest -k rm"),
            ("rm", "npm run test -- rm"),
            ("git push", "xargs -I{} echo 'git push'"),
            ("rm", "xargs -I{} cp {} ../x/{}"),
            ("rm", "cat > a <<E\nrm x\nE"),
            ("cat secrets", "cat *.md"),
        ] {
            assert!(!calls(command, denied), "{command:?} is taken for {denied:?}");
        }
    }

    #[test]
    fn wrappers_do_not_hide_what_is_denied() {
        check(
            "rm",
            &[
                "find . -exec rm {} +",
                "find . -name x -execdir sudo rm {} ;",
                "sudo find . -ok rm {} \\;",
                "find . -okdir /bin/rm {} \\;",
                "find . -exec sh -c 'rm {}' \\;",
                "fd -x rm",
                "env -S 'rm x'",
                "env -iS 'rm x'",
                "env -vS'rm x'",
                "env -S rm x",
                "env --split-string='rm x'",
                "env --sp='rm x'",
                "env --split-string 'A=1 rm x'",
                "env A=1 -u B rm x",
                "exec -a x rm y",
                "exec -c rm",
                "flock f rm x",
                "flock -w 5 f rm x",
                "flock f -c 'rm x'",
                "flock -x f bash -c 'rm x'",
                "chrt 1 rm x",
                "chrt -f 1 rm x",
                "taskset 1 rm x",
                "taskset -c 0-3 rm x",
                "strace rm x",
                "strace -f -e trace=file -o x rm x",
                "ltrace rm",
                "sudo --user root rm x",
                "sudo -u root -g x rm x",
                "nice --adjustment 5 rm x",
                "timeout --signal KILL 5 rm x",
                "timeout $T rm x",
                "setpriv --reuid 1000 --clear-groups rm x",
                "unshare -r rm x",
                "nsenter -t 1 -m rm x",
                "chroot / rm x",
                "firejail --net=none rm x",
                "bwrap --bind / / --dev /dev rm x",
                "systemd-run --user -p A=b --wait rm x",
                "parallel rm ::: x",
                "parallel -j 4 'rm {}' ::: x",
                "ls | entr rm /_",
                "watchexec -e rs -- rm x",
                "watchexec 'rm x'",
                "gdb --args rm x",
                "valgrind --tool=none rm x",
                "perf record -o x rm y",
                "setarch x86_64 rm x",
                "setarch -R rm x",
                "linux64 rm x",
                "script -c 'rm x' f",
                "script -q /dev/null rm x",
                "faketime '1 day ago' rm x",
                "proxychains rm x",
                "torsocks rm x",
                "catchsegv rm x",
                "prlimit --nofile=1 rm x",
                "runcon -t x rm y",
                "runcon a:b:c rm y",
                "dbus-run-session -- rm x",
                "xvfb-run -a rm x",
                "xvfb-run --server-args '-screen 0' rm x",
                "ssh-agent rm x",
                "watch rm x",
                "watch -n 5 rm x",
                "watch 'ls;' rm x",
                "su -c 'rm x'",
                "runuser -u x -- rm y",
                "pkexec rm x",
                "git submodule foreach rm x",
                "git rebase --exec 'rm x' main",
                "poetry run rm x",
                "uv run --with a rm x",
                "direnv exec . rm x",
                "conda run -n a rm x",
                "npm exec -- rm x",
                "bundle exec rm x",
                "sudo nice -n 5 flock f timeout 5 rm x",
                "eval eval eval eval eval rm x",
                "bash -c \"bash -c 'bash -c \\\"rm x\\\"'\"",
            ],
        );
    }

    fn calls(command: &str, prefix: &str) -> bool {
        Reading::of(command).calls(prefix)
    }

    #[test]
    fn a_long_command_hides_nothing() {
        let padded =
            |bytes: usize, rest: &str| format!("cat > notes <<'END'\n{}\nEND\n{rest}", "x".repeat(bytes));
        for bytes in [100, 70_000, 120_000] {
            assert!(calls(&padded(bytes, "git push"), "git push"), "{bytes}");
            assert!(!calls(&padded(bytes, "git status"), "git push"), "{bytes}");
            let script = format!("bash <<'END'\n: {}\ngit push\nEND", "x".repeat(bytes));
            assert!(calls(&script, "git push"), "{bytes}");
        }
        assert!(
            calls(&padded(READ_BYTES, "git status"), "git push"),
            "what nobody reads is taken for denied"
        );
    }

    #[test]
    fn no_denying_takes_long_or_deep() {
        const LONG: usize = READ_BYTES;
        for part in [
            "eval ",
            "sudo ",
            "sudo -x ",
            "sudo -cx ",
            "flock x bash ",
            "bwrap sh ",
            "bwrap 'a b' ",
            "find -exec sh ",
            "watch -c ",
            "bash -c ",
            "git -c ",
            "git {a,b} ",
            "$x ",
            "a;",
            "env -S ",
            "bwrap eval ",
            "bash <<a\n",
            "-p ",
            "time ",
            "<<a;",
            "a <<b\nb\n",
        ] {
            // That it ends is what is tested.
            calls(&format!("{}\n", part.repeat(LONG / part.len() - 1)), "git push -f");
            calls(&format!("bwrap {}", part.repeat(LONG / part.len())), "git git git git push");
        }
    }
}
