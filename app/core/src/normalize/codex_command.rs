//! Codex's commands as a person writes them: it runs them by `/bin/bash -lc 'COMMAND'` and says so.

/// The script of `SHELL -lc SCRIPT`; any other command as it is. Only a script that is one plain shell word is taken out,
/// and only of a shell of the system's, so that what is shown is all that is run: `/tmp/x/bash` may be anything.
pub fn unwrapped(command: &str) -> String {
    let script = || {
        let (shell, rest) = command.split_once(' ')?;
        let system = shell.strip_prefix("/usr/bin/").or_else(|| shell.strip_prefix("/bin/"));
        let name = system.unwrap_or(shell);
        let rest = rest.strip_prefix("-lc ").or_else(|| rest.strip_prefix("-c "))?;
        matches!(name, "bash" | "sh" | "zsh" | "dash").then(|| one_word(rest))?
    };
    script().unwrap_or_else(|| command.to_owned())
}

/// The one shell word that `text` is, without its quotes. `None` when it is none or several, or leaves a quote open.
fn one_word(text: &str) -> Option<String> {
    let mut word = String::new();
    let mut chars = text.chars();
    while let Some(next) = chars.next() {
        match next {
            '\'' => loop {
                match chars.next()? {
                    '\'' => break,
                    other => word.push(other),
                }
            },
            '"' => loop {
                match chars.next()? {
                    '"' => break,
                    '\\' => match chars.next()? {
                        escaped @ ('"' | '\\' | '$' | '`') => word.push(escaped),
                        other => word.extend(['\\', other]),
                    },
                    '$' | '`' => return None,
                    other => word.push(other),
                }
            },
            '\\' => word.push(chars.next()?),
            plain if plain.is_alphanumeric() || "-_./,:=@%+".contains(plain) => word.push(plain),
            _ => return None,
        }
    }
    (!word.is_empty()).then_some(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_of_a_shell_is_taken_out_and_nothing_else() {
        let check = |command: &str, shown: &str| assert_eq!(unwrapped(command), shown, "{command}");
        check("/bin/bash -lc 'touch /home/dev/x/tmp/escA2'", "touch /home/dev/x/tmp/escA2");
        check("bash -lc ls", "ls");
        check(r#"/usr/bin/zsh -lc "it's \"so\" \$HOME""#, r#"it's "so" $HOME"#);
        check(r"/bin/bash -lc 'echo '\''a'\'", "echo 'a'");
        check("/bin/bash -lc 'ls' extra", "/bin/bash -lc 'ls' extra");
        check("/bin/bash -lc 'ls'; rm x", "/bin/bash -lc 'ls'; rm x");
        check("/bin/bash -lc \"$(rm x)\"", "/bin/bash -lc \"$(rm x)\"");
        check("/bin/bash -lc 'open", "/bin/bash -lc 'open");
        for other in [
            "/tmp/e/bash",
            "./bash",
            "x/bash",
            "/usr/local/bin/bash",
            "/bin/../tmp/bash",
            "/usr/bin/x/sh",
            "~/bash",
        ] {
            let command = format!("{other} -lc 'cargo test'");
            check(&command, &command);
        }
        check("python3 -c 'print(1)'", "python3 -c 'print(1)'");
        check("ls -la", "ls -la");
        check("", "");
    }
}
