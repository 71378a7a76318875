//! What an agent's process is, by its program and command line. Source: observed with Codex 0.169.0 and Gemini CLI
//! 0.61.0. Claude is not here: its own registry tells more.

use magia_protocol::wire::Provider;

/// What a process of an agent's program does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// Works on a session, whose hooks it runs itself.
    Session,
    /// A terminal whose session lives in a [`Role::Server`], which alone knows it.
    Client,
    /// Serves many sessions: Codex's daemon and other `codex app-server`s.
    Server,
    /// Does something else: a login, a sandboxed command, an update.
    Helper,
}

/// Words of Codex that are not a prompt, and what a process with them is.
const CODEX_VERBS: &[(&str, Role)] = &[
    ("exec", Role::Session),
    ("e", Role::Session),
    ("review", Role::Session),
    ("resume", Role::Client),
    ("fork", Role::Client),
    ("agents", Role::Client),
    ("app-server", Role::Server),
    ("exec-server", Role::Server),
    ("login", Role::Helper),
    ("logout", Role::Helper),
    ("mcp", Role::Helper),
    ("mcp-server", Role::Helper),
    ("plugin", Role::Helper),
    ("completion", Role::Helper),
    ("update", Role::Helper),
    ("doctor", Role::Helper),
    ("sandbox", Role::Helper),
    ("debug", Role::Helper),
    ("execpolicy", Role::Helper),
    ("apply", Role::Helper),
    ("a", Role::Helper),
    ("queue", Role::Helper),
    ("cloud", Role::Helper),
    ("features", Role::Helper),
    ("help", Role::Helper),
];

/// Words and options of Gemini with which it works on no session.
const GEMINI_HELPERS: &[&str] = &[
    "mcp",
    "extensions",
    "extension",
    "skills",
    "skill",
    "hooks",
    "hook",
    "-h",
    "--help",
    "-v",
    "--version",
    "-l",
    "--list-extensions",
    "--list-sessions",
    "--delete-session",
];

/// What a process is: `exe` is the base name of its program, `argv` its command line with the program's name. `None`
/// when it is no agent.
pub fn role<S: AsRef<str>>(exe: &str, argv: &[S]) -> Option<(Provider, Role)> {
    let argv: Vec<&str> = argv.iter().map(AsRef::as_ref).collect();
    let (first, rest) = argv.split_first()?;
    match exe {
        "codex" => Some((Provider::Codex, codex(first, rest))),
        "node" | "nodejs" | "bun" => {
            let at = rest.iter().position(|arg| !arg.starts_with('-'))?;
            let (script, given) = (rest.get(at)?, rest.get(at + 1..)?);
            is_gemini(script).then(|| (Provider::Gemini, gemini(given)))
        }
        "gemini" => Some((Provider::Gemini, gemini(rest))),
        _ => None,
    }
}

/// Codex starts itself under other names for sandboxed commands and patches.
fn codex(name: &str, args: &[&str]) -> Role {
    if base_name(name) != "codex" {
        return Role::Helper;
    }
    if args.iter().any(|arg| matches!(*arg, "-h" | "--help" | "-V" | "--version")) {
        return Role::Helper;
    }
    let verb = args.iter().find_map(|arg| CODEX_VERBS.iter().find(|(verb, _)| verb == arg));
    let role = verb.map_or(Role::Client, |(_, role)| *role);
    // With settings of its own, or when told so, a terminal keeps away from the daemon.
    let own = |arg: &str| {
        matches!(arg, "--no-daemon" | "-c" | "--config")
            || arg.starts_with("--config=")
            || (arg.starts_with("-c") && arg.contains('='))
    };
    let remote = args.iter().any(|arg| *arg == "--remote" || arg.starts_with("--remote="));
    if role == Role::Client && !remote && args.iter().copied().any(own) { Role::Session } else { role }
}

fn gemini(args: &[&str]) -> Role {
    let helps = |arg: &&str| GEMINI_HELPERS.contains(arg);
    // A word counts only in the first place: later it is a prompt's or an option's.
    let first = args.first().is_some_and(helps);
    let option = args.iter().any(|arg| arg.starts_with('-') && helps(arg));
    if first || option { Role::Helper } else { Role::Session }
}

/// Whether a script is Gemini's, run by its package's name or by the link that npm makes.
fn is_gemini(script: &str) -> bool {
    let ours = |path: &str| path.contains("/@google/gemini-cli/") && path.ends_with(".js");
    base_name(script) == "gemini" || ours(script)
}

fn base_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(exe: &str, line: &str, expected: Option<(Provider, Role)>) {
        let argv: Vec<&str> = line.split(' ').collect();
        assert_eq!(role(exe, &argv), expected, "{exe}: {line}");
    }

    #[test]
    fn codex_by_its_command_line() {
        for (line, expected) in [
            ("codex", Role::Client),
            ("/opt/bin/codex", Role::Client),
            ("codex resume 01a1", Role::Client),
            ("codex -s read-only -a never", Role::Client),
            ("codex --remote unix:// -c a=b", Role::Client),
            ("codex --no-daemon", Role::Session),
            ("codex -c model=x", Role::Session),
            ("codex -cmodel=x resume --last", Role::Session),
            ("codex --config=model=x", Role::Session),
            ("codex exec --json do it", Role::Session),
            ("codex -c a=b exec login", Role::Session),
            ("codex app-server --listen unix:// --managed-daemon", Role::Server),
            ("codex app-server daemon pid-update-loop", Role::Server),
            ("codex login", Role::Helper),
            ("codex --version", Role::Helper),
            ("codex-linux-sandbox --sandbox-policy x -- ls", Role::Helper),
            ("apply_patch", Role::Helper),
        ] {
            check("codex", line, Some((Provider::Codex, expected)));
        }
        // npm's shim starts the program above.
        check("node", "node /usr/lib/node_modules/@openai/codex/bin/codex.js", None);
        check("bash", "codex", None);
    }

    #[test]
    fn gemini_by_its_script() {
        for (line, expected) in [
            ("node /usr/bin/gemini", Role::Session),
            ("node --no-warnings=DEP0040 /usr/bin/gemini -p list mcp", Role::Session),
            ("node /usr/lib/node_modules/@google/gemini-cli/bundle/gemini.js --acp", Role::Session),
            ("node --max-old-space-size=4096 /x/@google/gemini-cli/dist/index.js -y", Role::Session),
            ("node /usr/bin/gemini mcp list", Role::Helper),
            ("node /usr/bin/gemini --version", Role::Helper),
        ] {
            check("node", line, Some((Provider::Gemini, expected)));
        }
        for line in ["node", "node server.js", "node -e 1", "node /x/gemini-cli/a.js", "node cat gemini"] {
            check("node", line, None);
        }
        assert_eq!(role::<&str>("codex", &[]), None);
    }

    proptest! {
        #[test]
        fn any_command_line_is_survived(exe in "node|codex|gemini|.{0,6}", argv in prop::collection::vec(".{0,12}", 0..6)) {
            let _ = role(&exe, &argv);
        }
    }
}
