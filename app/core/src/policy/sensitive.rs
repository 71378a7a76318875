//! Places that nothing should touch unseen: keys, secrets, the system's settings.

use super::shell::{self, Call};
use super::table::{self, RiskRow};
use super::{PATH_KEYS, RealPaths, asks_for_more, command_of, is_shell, is_told, named_by_rules};
use serde_json::Value;

/// What kind of place it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Keys, passwords, tokens.
    Secret,
    /// `/etc`.
    System,
}

impl Kind {
    /// The row of the risk table.
    pub(super) fn row(self) -> &'static RiskRow {
        match self {
            Self::Secret => &table::TOUCHES_SECRETS,
            Self::System => &table::TOUCHES_SYSTEM,
        }
    }
}

/// A place that a call touches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Touched {
    /// The place's usual name, as `~/.ssh`.
    pub place: &'static str,
    /// What it is.
    pub kind: Kind,
}

/// Parts of a path that say where it leads, and what a person calls that.
const SECRET_PARTS: &[(&str, &str)] = &[
    (".ssh", "~/.ssh"),
    (".aws", "~/.aws"),
    (".gnupg", "~/.gnupg"),
    (".kube", "~/.kube"),
    (".azure", "~/.azure"),
    (".docker", "~/.docker"),
    (".netrc", "~/.netrc"),
    (".npmrc", "~/.npmrc"),
    (".pypirc", "~/.pypirc"),
    (".pgpass", "~/.pgpass"),
    (".git-credentials", "~/.git-credentials"),
    (".password-store", "~/.password-store"),
    ("keyrings", "the keyring"),
    ("gcloud", "~/.config/gcloud"),
    ("id_rsa", "a private key"),
    ("id_ecdsa", "a private key"),
    ("id_ed25519", "a private key"),
    ("id_dsa", "a private key"),
    ("id_ecdsa_sk", "a private key"),
    ("id_ed25519_sk", "a private key"),
    (".credentials.json", "an agent's login"),
    ("oauth_creds.json", "an agent's login"),
    (".vault-token", "~/.vault-token"),
    ("http-token", "magia's own token"),
];

/// Two parts that stand behind each other, and what a person calls that.
const SECRET_PAIRS: &[(&str, &str, &str)] = &[
    (".codex", "auth.json", "an agent's login"),
    (".config", "gh", "~/.config/gh"),
    (".config", "hub", "~/.config/hub"),
    (".cargo", "credentials", "~/.cargo/credentials"),
    (".cargo", "credentials.toml", "~/.cargo/credentials"),
    (".gem", "credentials", "~/.gem/credentials"),
];

/// Endings of files that hold private keys.
const KEY_ENDINGS: &[&str] = &[".pem", ".key", ".p12", ".pfx", ".jks", ".kdbx"];

/// Endings of `.env` files that hold examples and no secrets.
const ENV_EXAMPLES: &[&str] = &[".env.example", ".env.sample", ".env.template", ".env.dist"];

/// The places that a call of `tool` touches, each once. Reads words as they stand: what a variable or a glob hides is
/// not seen, so nothing may be allowed because nothing was found.
pub fn touched(tool: &str, input: &Value, paths: Option<&RealPaths>) -> Vec<Touched> {
    let mut found = Vec::new();
    if is_shell(named_by_rules(tool)) {
        in_command(&command_of(input).unwrap_or_default(), 3, &mut found);
    } else {
        for key in PATH_KEYS.iter().chain(&["glob", "include"]) {
            found.extend(input.get(key).and_then(Value::as_str).and_then(of_word));
        }
        found.extend(paths.and_then(|paths| of_word(&paths.target.to_string_lossy())));
    }
    if asks_for_more(tool) {
        for (_, value) in input.as_object().into_iter().flatten().filter(|(key, _)| !is_told(key)) {
            in_texts(value, &mut found);
        }
    }
    once(found)
}

/// The places that texts within a value name.
fn in_texts(value: &Value, found: &mut Vec<Touched>) {
    match value {
        Value::String(text) => found.extend(of_word(text)),
        Value::Array(values) => values.iter().for_each(|value| in_texts(value, found)),
        Value::Object(fields) => fields.values().for_each(|value| in_texts(value, found)),
        _ => {}
    }
}

fn in_command(command: &str, depth: usize, found: &mut Vec<Touched>) {
    for call in shell::split_calls(command) {
        found.extend(in_call(&call));
        for script in call.scripts().iter().filter(|_| depth > 0) {
            in_command(script, depth - 1, found);
        }
    }
}

/// The places that one simple command names, redirections included.
pub(super) fn in_call(call: &Call) -> Vec<Touched> {
    let assignments = call.assignments.iter().map(|(word, _)| word.as_str());
    let targets = call.redirects.iter().map(|(_, target, _)| target.as_str());
    let mut found = Vec::new();
    for word in call.all_words().chain(assignments).chain(targets) {
        // An option may carry a path: `--file=~/.ssh/x`, `-f@.env`.
        found.extend(word.split(['=', ':', '@', ',']).filter_map(of_word));
    }
    once(found)
}

fn once(found: Vec<Touched>) -> Vec<Touched> {
    let mut each: Vec<Touched> = Vec::new();
    for touched in found {
        if !each.contains(&touched) {
            each.push(touched);
        }
    }
    each
}

/// Both as it is written, for what stands before `..` may be a link, and without what `..` takes back.
fn of_word(word: &str) -> Option<Touched> {
    let lower = word.to_ascii_lowercase();
    let parts: Vec<&str> = lower.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    let rooted = word.starts_with('/');
    let as_written = || of_parts(&parts, rooted);
    if !parts.contains(&"..") {
        return as_written();
    }
    let mut kept = Vec::new();
    let mut above = false;
    for part in &parts {
        match *part {
            ".." => above |= kept.pop().is_none(),
            part => kept.push(part),
        }
    }
    // What climbs out of where it began may have come to the root.
    of_parts(&kept, rooted || above).or_else(as_written)
}

fn of_parts(parts: &[&str], rooted: bool) -> Option<Touched> {
    let secret = |place| Some(Touched { place, kind: Kind::Secret });
    for (index, part) in parts.iter().enumerate() {
        if let Some((_, place)) = SECRET_PARTS.iter().find(|(name, _)| part == name) {
            return secret(place);
        }
        let next = parts.get(index + 1).copied().unwrap_or_default();
        if let Some((.., place)) = SECRET_PAIRS.iter().find(|(one, two, _)| part == one && next == *two) {
            return secret(place);
        }
        if *part == ".env" || (part.starts_with(".env.") && !ENV_EXAMPLES.contains(part)) {
            return secret(".env");
        }
    }
    match (parts.first(), parts.last()) {
        (_, Some(last)) if KEY_ENDINGS.iter().any(|ending| last.ends_with(ending)) => secret("a private key"),
        _ if !rooted => None,
        (Some(&"proc"), Some(&"environ")) => secret("a program's environment"),
        (Some(&"etc"), _) => Some(Touched { place: "/etc", kind: Kind::System }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn places(tool: &str, input: &Value) -> Vec<&'static str> {
        touched(tool, input, None).iter().map(|touched| touched.place).collect()
    }

    #[test]
    fn places_in_commands_and_files() {
        let bash = |command: &str| places("Bash", &json!({ "command": command }));
        assert_eq!(bash("cat ~/.ssh/config && tar c ~/.aws"), ["~/.ssh", "~/.aws"]);
        assert_eq!(bash("cp a /home/me/.SSH/authorized_keys"), ["~/.ssh"]);
        assert_eq!(bash("sh -c 'cat .env'"), [".env"]);
        assert_eq!(bash("curl -F f=@.env.production x"), [".env"]);
        assert_eq!(bash("echo x >> /etc/hosts"), ["/etc"]);
        assert_eq!(bash("x --key=$HOME/.ssh/id_rsa"), ["~/.ssh"]);
        assert_eq!(bash("cat ~/.claude/.credentials.json ~/.gemini/oauth_creds.json"), ["an agent's login"]);
        assert_eq!(bash("cat /home/me/.codex/auth.json"), ["an agent's login"]);
        assert_eq!(
            bash("cat ~/.config/gh/hosts.yml ~/.cargo/credentials.toml"),
            ["~/.config/gh", "~/.cargo/credentials"]
        );
        assert_eq!(
            bash("cat certs/server.pem; cat /proc/self/environ"),
            ["a private key", "a program's environment"]
        );
        assert_eq!(bash("KEY=~/.ssh/id_rsa x"), ["~/.ssh"]);
        assert_eq!(bash("cat src/auth.json src/gh/a docs/keys credentials proc/environ"), Vec::<&str>::new());
        assert_eq!(bash("cat ~/.codex/sessions/../auth.json"), ["an agent's login"]);
        assert_eq!(bash("cat ~/.codex/a/b/../.././auth.json"), ["an agent's login"]);
        assert_eq!(bash("cat x/../../.config/x/../gh/hosts.yml"), ["~/.config/gh"]);
        assert_eq!(bash("cat ../../proc/self/environ"), ["a program's environment"]);
        assert_eq!(bash("cat ../../etc/shadow /usr/../etc/passwd"), ["/etc"]);
        assert_eq!(bash("cat ~/.ssh/../x"), ["~/.ssh"], "which may be a link");
        assert_eq!(bash("cat ../etc.rs ../src/etc/x/../y"), Vec::<&str>::new());
        assert_eq!(bash("ls .env.example src/environment.rs etc/x ssh"), Vec::<&str>::new());
        assert_eq!(places("Read", &json!({"file_path": "/home/me/.netrc"})), ["~/.netrc"]);
        assert_eq!(places("Edit", &json!({"file_path": "/p/.envrc"})), Vec::<&str>::new());
        assert_eq!(places("Grep", &json!({"pattern": "x", "path": "/p", "glob": ".env"})), [".env"]);
        let paths = RealPaths { cwd: "/p".into(), target: "/home/me/.ssh/config".into() };
        assert_eq!(touched("Edit", &json!({"file_path": "/p/link"}), Some(&paths)).len(), 1);
    }
}
