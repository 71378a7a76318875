//! Programs that run the program among their own words, as `sudo` and `flock` do.

use super::base_name;

/// A program that runs another one.
pub(super) struct Wrapper {
    name: &'static str,
    /// Short options whose value is the next word.
    valued: &'static str,
    /// Names of long options whose value is the next word, in one text.
    long: &'static str,
    /// How many words of its own stand before the program, options and their values aside.
    pub(super) operands: usize,
}

impl Wrapper {
    /// Whether the option's value stands in the same word for certain: `-n1`, `--user=root`.
    pub(super) fn option_holds_value(&self, option: &str) -> bool {
        if option.starts_with("--") {
            return option.contains('=');
        }
        let Some(short) = option.strip_prefix('-') else { return false };
        let mut chars = short.chars();
        chars.next().is_some_and(|letter| self.valued.contains(letter)) && chars.next().is_some()
    }

    /// Whether the word after this option is the option's own.
    pub(super) fn option_takes_word(&self, option: &str) -> bool {
        if let Some(long) = option.strip_prefix("--") {
            return !long.is_empty() && self.long.split(' ').any(|known| known == long);
        }
        let mut chars = option.chars().skip(1);
        matches!((chars.next(), chars.next()), (Some(letter), None) if self.valued.contains(letter))
    }
}

/// The wrapper that a word is, with its directory or without.
pub(super) fn wrapper(word: &str) -> Option<&'static Wrapper> {
    let name = base_name(word);
    WRAPPERS.iter().find(|wrapper| wrapper.name == name)
}

/// The same for denying: with those that are judged as programs themselves, and with all words that some version of
/// them may have before the program.
pub(super) fn runs_words(word: &str) -> Option<&'static Wrapper> {
    let name = base_name(word);
    ALSO.iter().find(|wrapper| wrapper.name == name).or_else(|| wrapper(word))
}

/// A program that runs what stands behind one of its words, and how many words may stand between.
pub(super) struct Runner {
    programs: &'static [&'static str],
    words: &'static [&'static str],
    between: usize,
}

impl Runner {
    /// How many words may stand between this word and the program; `None` when nothing is run behind it.
    pub(super) fn runs_behind(&self, word: &str) -> Option<usize> {
        self.words.contains(&word).then_some(self.between)
    }
}

/// The runner that a word is.
pub(super) fn runner(word: &str) -> Option<&'static Runner> {
    let name = base_name(word);
    RUNNERS.iter().find(|runner| runner.programs.contains(&name))
}

static RUNNERS: &[Runner] = &[
    Runner { programs: &["find", "gfind"], words: &["-exec", "-execdir", "-ok", "-okdir"], between: 0 },
    Runner { programs: &["fd", "fdfind"], words: &["-x", "-X", "--exec", "--exec-batch"], between: 0 },
    Runner { programs: &["git"], words: &["run", "foreach", "-x", "--exec"], between: 0 },
    Runner {
        programs: &["npm", "pnpm", "yarn", "bun", "bundle", "poetry", "pipenv", "uv", "pdm", "hatch", "rye"],
        words: &["exec", "x", "run", "dlx", "-c", "--call"],
        between: 0,
    },
    // A directory, a tool or a set of them may come first.
    Runner {
        programs: &["direnv", "rustup", "mise", "asdf", "opam", "nix", "conda", "mamba"],
        words: &["exec", "x", "run", "develop", "shell", "-c", "--command"],
        between: 1,
    },
    Runner { programs: &["nix-shell"], words: &["--run", "--command"], between: 0 },
];

const fn plain(name: &'static str) -> Wrapper {
    Wrapper { name, valued: "", long: "", operands: 0 }
}

const fn with(name: &'static str, valued: &'static str, long: &'static str, operands: usize) -> Wrapper {
    Wrapper { name, valued, long, operands }
}

/// More than a call has.
const ANY: usize = 1 << 20;

static WRAPPERS: &[Wrapper] = &[
    with(
        "sudo",
        "CDghpRrTtUu",
        "close-from chdir group host prompt chroot role command-timeout type other-user user",
        0,
    ),
    with("doas", "Cu", "", 0),
    with("env", "uCa", "unset chdir argv0", 0),
    plain("nohup"),
    with("time", "fo", "format output", 0),
    plain("command"),
    with("exec", "a", "", 0),
    with(
        "xargs",
        "adEILnPs",
        "arg-file delimiter max-lines max-args max-procs max-chars replace process-slot-var",
        0,
    ),
    with("nice", "n", "adjustment", 0),
    with("ionice", "cnpPu", "class classdata pid pgid uid", 0),
    plain("setsid"),
    plain("builtin"),
    with("timeout", "ks", "kill-after signal", 1),
    with("gtimeout", "ks", "kill-after signal", 1),
    with("stdbuf", "ioe", "input output error", 0),
    plain("busybox"),
    plain("toybox"),
    plain("noglob"),
    plain("nocorrect"),
    with("flock", "wE", "wait timeout conflict-exit-code", 1),
    with("lockf", "t", "", 1),
    plain("setlock"),
    with("chrt", "TPD", "sched-runtime sched-period sched-deadline", 1),
    with("taskset", "", "", 1),
    with("numactl", "mNCpiP", "interleave membind cpunodebind physcpubind preferred", 0),
    with("cpulimit", "lpe", "limit pid exe", 0),
    with("prlimit", "p", "pid", 0),
    with("choom", "np", "adjust pid", 0),
    with("strace", "abeEIoOpPsSuUX", "trace user output string-limit attach", 0),
    with("ltrace", "aADeFlnopsuxX", "output", 0),
    with("perf", "eoFpcC", "event output freq pid count", 1),
    with("gdb", "x", "command eval-command", 0),
    with("rr", "", "", 1),
    plain("valgrind"),
    plain("heaptrack"),
    plain("catchsegv"),
    with(
        "setpriv",
        "",
        "reuid regid ruid euid rgid egid groups inh-caps ambient-caps bounding-set securebits pdeathsig \
         selinux-label apparmor-profile ptracer landlock-access landlock-rule seccomp-filter",
        0,
    ),
    with(
        "unshare",
        "SGRw",
        "setuid setgid root wd map-user map-users map-group map-groups propagation setgroups monotonic boottime",
        0,
    ),
    with("nsenter", "tSGW", "target setuid setgid wdns", 0),
    with("chroot", "", "", 1),
    with("runcon", "turl", "type user role range", 1),
    with("gosu", "", "", 1),
    with("su-exec", "", "", 1),
    with("setuidgid", "", "", 1),
    with("sg", "", "", 1),
    plain("fakeroot"),
    plain("firejail"),
    with("aa-exec", "pn", "profile namespace", 0),
    with(
        "systemd-run",
        "HMpuEtd",
        "host machine unit property description slice uid gid nice working-directory setenv on-active on-boot \
         on-startup on-unit-active on-unit-inactive on-calendar timer-property path-property socket-property \
         service-type",
        0,
    ),
    with("systemd-inhibit", "", "what who why mode", 0),
    plain("setarch"),
    plain("linux32"),
    plain("linux64"),
    plain("i386"),
    plain("x86_64"),
    with("faketime", "f", "", 1),
    plain("eatmydata"),
    with("proxychains", "f", "", 0),
    with("proxychains4", "f", "", 0),
    plain("torsocks"),
    plain("torify"),
    plain("tsocks"),
    with("dbus-run-session", "", "config-file dbus-daemon", 0),
    with("dbus-launch", "", "", 0),
    with("xvfb-run", "enfsp", "server-num error-file auth-file server-args xauth-protocol", 0),
    with("ssh-agent", "aEtOP", "", 0),
    with("parallel", "jNnLIaS", "jobs arg-file colsep delay retries timeout joblog results sshlogin", 0),
    with("sem", "j", "jobs id", 0),
    plain("entr"),
    with("watchexec", "wefids", "watch exts filter ignore debounce signal shell workdir", 0),
    plain("chronic"),
    plain("ifne"),
    plain("unbuffer"),
    plain("rlwrap"),
    plain("script"),
    plain("caffeinate"),
    plain("tini"),
    plain("dumb-init"),
];

/// What has a reason of its own in the risk table, runs mostly no command of the system, or cannot be told exactly.
static ALSO: &[Wrapper] = &[
    with("su", "", "", 1),
    with("runuser", "", "", 1),
    with("pkexec", "", "", 0),
    with("run0", "", "", 0),
    with("watch", "nd", "", 0),
    with("bwrap", "", "", ANY),
    with("script", "", "", 1),
    with("setarch", "", "", 1),
    with("npx", "", "", 0),
    with("pnpx", "", "", 0),
    with("bunx", "", "", 0),
    with("uvx", "", "", 0),
    with("nix-shell", "", "", 0),
];
