//! What only reads: programs by their bare names, each with the options that are known to keep it so.
//!
//! An option that is not listed makes a command one that runs a program, and it is asked about. So what writes a file
//! (`sort -o`), runs another program (`rg --pre`) or takes file names out of a file is simply not in the list. Names
//! are whole: an abbreviation of a long option is not known, `./cat` is not `cat`.

use super::shell::{PlainWord, READ_MAX, plain};

/// Whether every call of a command only reads, and all of the command was understood.
pub fn only_reads(command: &str) -> bool {
    command.len() <= READ_MAX && plain(command).is_some_and(|calls| calls.iter().all(|call| reads(call)))
}

fn reads(call: &[PlainWord]) -> bool {
    if call.iter().any(|word| word.expands || word.text.contains(['$', '`']) || climbs(&word.text)) {
        return false;
    }
    let words: Vec<&str> = call.iter().map(|word| word.text.as_str()).collect();
    match words.split_first() {
        Some((&"git", rest)) => git_reads(rest),
        Some((program, rest)) => {
            let reader = READERS.iter().find(|reader| reader.name == *program);
            reader.is_some_and(|reader| reader.takes(rest))
        }
        None => false,
    }
}

/// Whether a path in a word leads upwards: from where is not known, so neither is what it reads. Git's `a..b` does not.
fn climbs(word: &str) -> bool {
    word.split(['/', '=', ':', ',', '@']).enumerate().any(|(at, part)| {
        // `-g../x`: the value stands in the option's own word.
        part == ".." || (at == 0 && part.starts_with('-') && part.ends_with(".."))
    })
}

fn git_reads(mut words: &[&str]) -> bool {
    while let Some(("--no-pager" | "-P" | "--no-optional-locks", rest)) =
        words.split_first().map(|(a, b)| (*a, b))
    {
        words = rest;
    }
    let Some((command, rest)) = words.split_first() else { return false };
    match *command {
        "diff" => GIT_DIFF.takes(rest),
        "log" | "show" => rest.iter().all(|word| GIT_LOG.takes_word(word) || GIT_DIFF.takes_word(word)),
        command => GIT.iter().find(|reader| reader.name == command).is_some_and(|reader| reader.takes(rest)),
    }
}

/// What may stand beside a reader's options.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Operands {
    /// Files and patterns.
    Any,
    /// Nothing: `uniq IN OUT` writes.
    None,
    /// A format, as `+%s`: any other word sets the clock.
    Format,
    /// Any word at all, options among them.
    Words,
}

struct Reader {
    name: &'static str,
    /// Short options that stand alone.
    flags: &'static str,
    /// Short options with a value, in the same word or in the next.
    valued: &'static str,
    /// Names of long options, with a value or without, in one text.
    long: &'static str,
    operands: Operands,
}

impl Reader {
    fn takes(&self, words: &[&str]) -> bool {
        words.iter().all(|word| self.takes_word(word))
    }

    /// Words behind `--` are held to be options, too: which of them the program takes for what depends on its options.
    fn takes_word(&self, word: &str) -> bool {
        if self.operands == Operands::Words || matches!(word, "-" | "--") {
            return true;
        }
        if let Some(long) = word.strip_prefix("--") {
            return long
                .split('=')
                .next()
                .is_some_and(|name| !name.is_empty() && self.long.split(' ').any(|known| known == name));
        }
        if let Some(short) = word.strip_prefix('-') {
            let value = short.find(|c| self.valued.contains(c)).unwrap_or(short.len());
            return short.chars().take(value).all(|c| self.flags.contains(c));
        }
        match self.operands {
            Operands::Any | Operands::Words => true,
            Operands::None => false,
            Operands::Format => word.starts_with('+'),
        }
    }
}

const fn reader(name: &'static str, flags: &'static str, valued: &'static str, long: &'static str) -> Reader {
    Reader { name, flags, valued, long, operands: Operands::Any }
}

static READERS: &[Reader] = &[
    reader(
        "ls",
        "aAbBcCdDfFgGhHiIklLmnNopqQrRsStTuUvwxXZ1",
        "ITw",
        "\
        all almost-all author block-size classify color dereference directory file-type format full-time \
        group-directories-first hide human-readable ignore indicator-style inode no-group \
        numeric-uid-gid quoting-style recursive reverse si size sort time time-style version help width \
        zero",
    ),
    reader(
        "cat",
        "AbeEnstTuv",
        "",
        "number number-nonblank show-all show-ends show-nonprinting show-tabs squeeze-blank",
    ),
    reader("head", "qvz0123456789", "nc", "bytes lines quiet silent verbose"),
    reader("tail", "fFqrvz0123456789", "ncs", "bytes follow lines quiet silent verbose"),
    reader("wc", "clLmw", "", "bytes chars lines max-line-length words"),
    reader(
        "grep",
        "abcEFGhHiIlLnoPqrRsTUvVwxyzZ0123456789",
        "ABCDdem",
        "\
        after-context basic-regexp before-context binary-files byte-offset color colour context count \
        dereference-recursive exclude exclude-dir extended-regexp files-with-matches files-without-match \
        fixed-strings ignore-case include initial-tab invert-match label line-buffered line-number \
        line-regexp max-count no-filename no-ignore-case no-messages null null-data only-matching \
        perl-regexp quiet recursive regexp silent text version help with-filename word-regexp",
    ),
    reader(
        "rg",
        "0abcFhHiIlnNopPqsSuUvVwx",
        "ABCdEegjmMrtT",
        "\
        after-context auto-hybrid-regex before-context binary byte-offset case-sensitive color colors \
        column context context-separator count count-matches crlf encoding engine files \
        files-with-matches files-without-match fixed-strings glob glob-case-insensitive heading help \
        hidden iglob ignore-case include-zero invert-match json line-buffered line-number line-regexp \
        max-columns max-columns-preview max-count max-depth max-filesize multiline multiline-dotall \
        no-config no-filename no-heading no-ignore no-ignore-vcs no-line-number no-messages null \
        null-data one-file-system only-matching passthru pcre2 pretty quiet regexp replace smart-case \
        sort sortr stats text threads trim type type-list type-not unrestricted version vimgrep \
        with-filename word-regexp",
    ),
    reader("stat", "FlLnqrstx", "cf", "dereference file-system format printf terse"),
    reader("file", "bhikLNn0r", "", "brief dereference mime mime-encoding mime-type no-dereference"),
    reader("which", "a", "", "all"),
    Reader {
        operands: Operands::Format,
        ..reader("date", "Ru", "dI", "date iso-8601 rfc-3339 rfc-email universal utc")
    },
    reader("uname", "aimnoprsv", "", "all kernel-name kernel-release machine operating-system"),
    reader(
        "du",
        "aAbcDhHklLmPsSx0",
        "Bdt",
        "\
        all apparent-size block-size bytes exclude human-readable max-depth one-file-system si summarize \
        threshold time total",
    ),
    reader(
        "df",
        "aHhiklPT",
        "Btx",
        "all block-size human-readable inodes local portability print-type si total type",
    ),
    reader(
        "sort",
        "bcCdfghiMmnRrsuVz",
        "kt",
        "\
        check debug dictionary-order field-separator general-numeric-sort human-numeric-sort ignore-case \
        ignore-leading-blanks key merge month-sort numeric-sort random-sort reverse sort stable unique \
        version-sort zero-terminated",
    ),
    Reader {
        operands: Operands::None,
        ..reader(
            "uniq",
            "cdDiuz",
            "fsw",
            "\
        all-repeated check-chars count group ignore-case repeated skip-chars skip-fields unique \
        zero-terminated",
        )
    },
    reader(
        "cut",
        "nsz",
        "bcdf",
        "bytes characters complement delimiter fields only-delimited output-delimiter zero-terminated",
    ),
    reader("basename", "az", "s", "multiple suffix zero"),
    reader("dirname", "z", "", "zero"),
    reader(
        "realpath",
        "eLmPqsz",
        "",
        "\
        canonicalize-existing canonicalize-missing logical no-symlinks physical quiet relative-base \
        relative-to strip zero",
    ),
    reader("id", "agGnruzZ", "", "group groups name real user zero"),
    reader("whoami", "", "", ""),
    reader("pwd", "LP", "", "logical physical"),
    Reader { operands: Operands::Words, ..reader("echo", "", "", "") },
    Reader { operands: Operands::Words, ..reader("true", "", "", "") },
    Reader { operands: Operands::Words, ..reader("false", "", "", "") },
];

/// What `git diff` takes; `git log` and `git show` take it, too.
static GIT_DIFF: Reader = reader(
    "diff",
    "aBbcDCEFimMprRsuwWtz0123456789",
    "CGlLMnSU",
    "\
        abbrev binary cached cc check color color-moved color-words combined-all-paths compact-summary \
        diff-algorithm diff-filter dirstat dst-prefix exit-code find-copies find-copies-harder \
        find-renames full-index function-context histogram ignore-all-space ignore-blank-lines \
        ignore-cr-at-eol ignore-space-at-eol ignore-space-change ignore-submodules indent-heuristic \
        inter-hunk-context irreversible-delete merge-base minimal name-only name-status no-abbrev \
        no-color no-color-moved no-ext-diff no-patch no-prefix no-relative no-renames no-textconv \
        numstat patch patch-with-raw patch-with-stat patience pickaxe-all pickaxe-regex quiet raw \
        relative shortstat src-prefix staged stat stat-count stat-width submodule summary text unified \
        word-diff word-diff-regex ws-error-highlight",
);

static GIT: &[Reader] = &[
    reader(
        "status",
        "bsvz",
        "u",
        "\
        ahead-behind branch column find-renames ignore-submodules ignored long no-ahead-behind no-column \
        no-renames null porcelain renames short show-stash untracked-files verbose",
    ),
    reader(
        "blame",
        "bcefklnpstw",
        "CLM",
        "\
        abbrev color-by-age color-lines date first-parent ignore-rev incremental line-porcelain \
        porcelain reverse root show-email show-name show-number show-stats since",
    ),
    reader(
        "rev-parse",
        "q",
        "",
        "\
        abbrev-ref absolute-git-dir all branches git-common-dir git-dir git-path is-bare-repository \
        is-inside-git-dir is-inside-work-tree is-shallow-repository quiet remotes short show-cdup \
        show-prefix show-superproject-working-tree show-toplevel symbolic symbolic-full-name tags verify",
    ),
    reader(
        "ls-files",
        "cdfikmostuvz",
        "x",
        "\
        abbrev cached deduplicate deleted directory eol error-unmatch exclude exclude-standard format \
        full-name ignored killed modified no-empty-directory others recurse-submodules stage unmerged",
    ),
    reader(
        "describe",
        "",
        "",
        "\
        abbrev all always broken candidates contains debug dirty exact-match exclude first-parent long \
        match tags",
    ),
];

/// What `git log` and `git show` take besides.
static GIT_LOG: Reader = reader(
    "log",
    "gq",
    "",
    "\
        abbrev-commit after all all-match ancestry-path author author-date-order before boundary \
        branches cherry cherry-mark cherry-pick children committer date date-order decorate \
        decorate-refs dense encoding exclude extended-regexp first-parent fixed-strings follow format \
        full-history glob graph grep invert-grep left-only left-right log-size max-count merges \
        min-parents max-parents no-abbrev-commit no-decorate no-mailmap no-merges no-notes not notes \
        oneline parents perl-regexp pretty regexp-ignore-case relative-date remotes reverse right-only \
        root show-pulls simplify-by-decoration simplify-merges since skip source sparse tags topo-order \
        until walk-reflogs",
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_looks_are_reading() {
        for command in [
            "ls",
            "ls -la",
            "ls -la | head",
            "ls --color=always src",
            "ls -la ~/work",
            "cat Cargo.toml src/lib.rs",
            "cat -n x",
            "head -n 20 x",
            "head -20 x",
            "tail -5 log; pwd",
            "wc -l src/main.rs",
            "rg foo src",
            "rg -n 'fn \\w+' src -g '*.rs'",
            "rg --files | wc -l",
            "rg -i -C 3 --hidden foo",
            "grep -rn \"foo bar\" src",
            "grep -r --include='*.rs' foo .",
            "grep -A3 -B 2 foo x",
            "git status",
            "git status --short --branch",
            "git status -sb",
            "git status --porcelain=v1 -uall",
            "git diff",
            "git diff --stat",
            "git diff --cached",
            "git diff HEAD~1 -- src/a.rs",
            "git diff main...HEAD --name-only",
            "git diff -U10 -w",
            "git --no-pager diff | head -50",
            "git log --oneline -5",
            "git log -n 3 --stat",
            "git log -p -- a.rs",
            "git log --graph --all --decorate",
            "git log --format='%h %s' main..x",
            "git log -S 'foo'",
            "git show HEAD",
            "git show --stat HEAD^",
            "git show HEAD:src/a.rs",
            "git blame -L 1,20 a.rs",
            "git rev-parse --abbrev-ref HEAD",
            "git ls-files -o --exclude-standard",
            "git describe --tags --always",
            "sort x | uniq -c | sort -rn",
            "cut -d: -f1 x",
            "sort -k2 -t, x",
            "git diff main..x a..b",
            "ls src/a..b .../c",
            "date +%F",
            "date -u +%s",
            "uname -a",
            "du -sh .",
            "df -h",
            "which cargo",
            "file a.bin",
            "stat -c %s x",
            "echo 'done; really' && pwd",
            "basename -s .rs a.rs",
            "realpath .",
            "id -u",
            "whoami || true",
            "true x",
        ] {
            assert!(only_reads(command), "{command}");
        }
    }

    #[test]
    fn what_could_do_more_is_not_reading() {
        for command in [
            // Another program of the same name, or the same one with another setting.
            "./cat x",
            "/tmp/e/ls",
            "./node_modules/.bin/which x",
            "A=1 ls",
            "GIT_EXTERNAL_DIFF=./x git diff",
            "LD_PRELOAD=./x.so ls",
            "PATH=./bin; ls",
            "PATH=./bin && ls",
            "env ls",
            "command ls",
            "exec ls",
            "sudo ls",
            // Options that write, run or read more.
            "sort -o x y",
            "sort -uo x",
            "sort -ux",
            "sort --output=x",
            "sort --o=x",
            "sort --outp x y",
            "sort --compress-program=./x y",
            "sort -T x",
            "sort --files0-from=x",
            "sort -t -o x",
            "sort -k 1 -- -o x",
            "uniq in out",
            "uniq -c in out",
            "uniq in",
            "rg --pre ./x y",
            "rg --pre=./x y",
            "rg --hostname-bin=./x y",
            "rg -z x",
            "rg -f x",
            "rg --search-zip x",
            "file -C -m x",
            "file -f x",
            "file -z x",
            "date -s 1",
            "date 01010101",
            "date --set=1",
            "date -f x",
            "grep -f x y",
            "grep --file=x y",
            "git diff --output=x",
            "git diff --outp=x",
            "git diff --ext-diff",
            "git diff -Ox",
            "git log --textconv",
            "git show --output x",
            "git log --show-signature",
            "git blame --contents x y",
            "git -C x status",
            "git -c core.fsmonitor=./x status",
            "git --git-dir=x status",
            "git --exec-path=. diff",
            "git -p log",
            "git",
            "git push",
            "git stash list",
            "git branch",
            "git config -l",
            "wc --files0-from=x",
            "du --files0-from=x",
            // Where it leads is not to be read.
            "cat /root/.codex/sessions/../auth.json",
            "cat ../auth.json",
            "ls ..",
            "cat a/..",
            "cat ../../proc/self/environ",
            "rg x --glob=../x",
            "rg -g../x y",
            "grep --include=x/../y z",
            "git show HEAD:../x",
            "git log -- ../x",
            // What is not there to be read.
            "cat *",
            "cat ~/.s?h/id*",
            "ls ~me",
            "cat {a,b}",
            "cat $x",
            "rg 'foo$' src",
            "cat `x`",
            "ls # x",
            "ls # '\nrm x\n#'",
            "ls\nls",
            "ls > x",
            "ls 2>/dev/null",
            "cat < x",
            "ls &",
            "(ls)",
            "{ ls; }",
            "! ls",
            "if ls",
            "ls <(x)",
            "ls;",
            "",
            "cargo test",
            "ls; cargo test",
            "ls | sh",
            "find .",
            "cd x",
            "xargs cat",
        ] {
            assert!(!only_reads(command), "{command}");
        }
    }
}
