//! What a request comes to: what is run where, and whether a person is asked first.

use super::grammar::{Unread, read_line};
use super::programs::runs_text;
use magia_protocol::wire::spawn::{OpenTerminal, SpawnCode, SpawnError, is_terminal_id};

/// Columns and rows at most.
const SIZE_MAX: u16 = 1000;
/// Characters of a name at most.
const NAME_MAX: usize = 200;

/// What is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Run {
    /// A program and its arguments, at least one.
    Argv(Vec<String>),
    /// A text for the user's shell, once a person has allowed it.
    Shell(String),
}

impl Run {
    /// What is run as one text, quoted as a shell would have it.
    pub fn text(&self) -> String {
        match self {
            Self::Argv(argv) => argv.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" "),
            Self::Shell(command) => command.clone(),
        }
    }

    /// The program's base name: all that a log says.
    pub fn program(&self) -> &str {
        match self {
            Self::Argv(argv) => argv.first().map_or("", |program| super::grammar::base_name(program)),
            Self::Shell(_) => "a shell",
        }
    }
}

/// Where it is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Wish {
    /// Where the settings and the desktop say.
    #[default]
    Usual,
    /// In a tab of the window.
    Builtin,
    /// Nowhere; who wants to see it attaches.
    Nowhere,
    /// In this terminal program.
    Named(String),
}

/// Why a person is asked first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ask {
    /// What the request does, as `has a pipe`.
    pub why: &'static str,
}

/// A terminal to be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Its id; a new one is made without it.
    pub id: Option<String>,
    /// What it is called.
    pub name: Option<String>,
    /// What is run.
    pub run: Run,
    /// Where; `~` and what it begins are the user's home.
    pub cwd: String,
    /// Variables on top of the user's own.
    pub env: Vec<(String, String)>,
    /// Columns and rows.
    pub size: Option<(u16, u16)>,
    /// Where it is shown.
    pub shown: Wish,
    /// Why a person is asked first.
    pub ask: Option<Ask>,
}

/// Reads a request.
///
/// # Errors
/// `INVALID_REQUEST`, saying what is wrong with it.
pub fn plan(params: &OpenTerminal) -> Result<Plan, SpawnError> {
    let mut id = params.session_id.clone().filter(|id| !id.is_empty());
    let mut name = params.name.clone();
    let mut env: Vec<(String, String)> = params.env.clone().unwrap_or_default().into_iter().collect();
    env.extend(params.term.clone().map(|term| ("TERM".to_owned(), term)));
    let mut cwd = params.working_dir.clone().filter(|cwd| !cwd.is_empty());
    let mut ask = None;
    let run = match (&params.argv, &params.command) {
        (Some(argv), _) => Run::Argv(argv.clone()),
        (None, Some(command)) => match read_line(command) {
            Ok(line) => {
                if let (Some(asked), Some(named)) = (&id, &line.id)
                    && asked != named
                {
                    return Err(invalid("sessionId and the command name two session ids"));
                }
                id = id.or(line.id);
                name = name.or(line.name);
                cwd = line.cwd.or(cwd);
                env.extend(line.env);
                Run::Argv(line.argv)
            }
            Err(Unread::Shell(why)) => {
                ask = Some(Ask { why });
                Run::Shell(command.clone())
            }
            Err(Unread::Wrong(why)) => return Err(invalid(why)),
        },
        (None, None) => return Err(invalid("command or argv is missing")),
    };
    check(&run, id.as_deref(), cwd.as_deref(), &env)?;
    if let Run::Argv(argv) = &run {
        ask = runs_text(argv, &env).map(|why| Ask { why });
    } else if let Some(why) = runs_text(&[], &env) {
        ask = Some(Ask { why });
    }
    let size = match (params.cols, params.rows) {
        (None, None) => None,
        (Some(cols), Some(rows)) if [cols, rows].iter().all(|side| (1..=SIZE_MAX).contains(side)) => {
            Some((cols, rows))
        }
        _ => return Err(invalid("cols and rows go together, each from 1 to 1000")),
    };
    let name = name.map(|name| name.chars().filter(|c| !c.is_control()).take(NAME_MAX).collect::<String>());
    let shown = match params.terminal.as_deref().map(str::trim) {
        None | Some("") => Wish::Usual,
        Some(word) if word.eq_ignore_ascii_case("builtin") => Wish::Builtin,
        Some(word) if word.eq_ignore_ascii_case("none") => Wish::Nowhere,
        Some(word) => Wish::Named(word.to_owned()),
    };
    let name = name.filter(|name| !name.trim().is_empty());
    Ok(Plan { id, name, run, cwd: cwd.unwrap_or_else(|| "~".to_owned()), env, size, shown, ask })
}

fn check(run: &Run, id: Option<&str>, cwd: Option<&str>, env: &[(String, String)]) -> Result<(), SpawnError> {
    if let Some(id) = id
        && !is_terminal_id(id)
    {
        return Err(invalid("a session id has 1 to 64 letters, digits, _ and -, and does not begin with -"));
    }
    match run {
        Run::Argv(argv) if argv.first().is_none_or(String::is_empty) => {
            return Err(invalid("the command is empty"));
        }
        Run::Argv(argv) if argv.iter().any(|word| word.contains('\0')) => {
            return Err(invalid("the command holds a NUL character"));
        }
        Run::Shell(command) if command.contains('\0') => {
            return Err(invalid("the command holds a NUL character"));
        }
        Run::Argv(_) | Run::Shell(_) => {}
    }
    if cwd.is_some_and(|cwd| cwd.contains('\0')) {
        return Err(invalid("the working directory holds a NUL character"));
    }
    let named = |name: &str| !name.is_empty() && !name.contains(['=', '\0']);
    match env.iter().all(|(name, value)| named(name) && !value.contains('\0')) {
        true => Ok(()),
        false => Err(invalid("a variable's name is empty or holds = or NUL")),
    }
}

fn invalid(why: impl Into<String>) -> SpawnError {
    SpawnError::new(SpawnCode::InvalidRequest, why)
}

/// A word as a shell reads it back.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn of(params: Value) -> Result<Plan, SpawnError> {
        plan(&serde_json::from_value(params).unwrap())
    }

    #[test]
    fn the_seeds_request() {
        let plan = of(json!({
            "command": "tty-fwd --session-id=\"abc\" -- zsh && exit",
            "working_dir": "~/work",
            "session_id": "abc",
            "terminal": "ghostty",
        }))
        .unwrap();
        assert_eq!(plan.run, Run::Argv(vec!["zsh".to_owned()]));
        assert_eq!((plan.id.as_deref(), plan.cwd.as_str(), plan.ask), (Some("abc"), "~/work", None));
        assert_eq!(plan.shown, Wish::Named("ghostty".to_owned()));
    }

    #[test]
    fn an_argv_is_taken_as_it_is() {
        let hostile = json!(["dump", "a b", "$HOME", "`id`", ";", "\n", "", "ü", "'\"\\"]);
        let plan = of(json!({ "argv": hostile, "command": "rm -rf / | x" })).unwrap();
        assert_eq!(plan.run, Run::Argv(serde_json::from_value(hostile).unwrap()));
        assert_eq!(plan.ask, None);
        assert_eq!(plan.run.program(), "dump");
        assert_eq!(plan.run.text(), "dump 'a b' '$HOME' '`id`' ';' '\n' '' 'ü' ''\\''\"\\'");
    }

    #[test]
    fn what_takes_a_shell_is_asked_about() {
        let plan = of(json!({ "command": "make 2>&1 | tee log" })).unwrap();
        assert_eq!(plan.run, Run::Shell("make 2>&1 | tee log".to_owned()));
        assert_eq!(plan.ask, Some(Ask { why: "has a redirection" }));
        let plan = of(json!({ "argv": ["bash", "-c", "ls"] })).unwrap();
        assert_eq!(plan.ask, Some(Ask { why: "gives a script to a shell" }));
    }

    #[test]
    fn wrong_requests_say_what_is_wrong() {
        let check = |params: Value, text: &str| {
            let err = of(params.clone()).expect_err(&params.to_string());
            assert_eq!(err.code, SpawnCode::InvalidRequest);
            assert!(err.message.contains(text), "{params}: {}", err.message);
        };
        check(json!({}), "command or argv");
        check(json!({ "argv": [] }), "empty");
        check(json!({ "argv": [""] }), "empty");
        check(json!({ "argv": ["a\0"] }), "NUL");
        check(json!({ "command": "" }), "empty");
        check(json!({ "argv": ["a"], "session_id": "../x" }), "1 to 64");
        check(json!({ "command": "TTY_SESSION_ID=a tty-fwd -- x", "session_id": "b" }), "two session ids");
        check(json!({ "command": "TTY_SESSION_ID=.. tty-fwd -- x" }), "1 to 64");
        check(json!({ "argv": ["a"], "cols": 80 }), "go together");
        check(json!({ "argv": ["a"], "cols": 0, "rows": 5 }), "1 to 1000");
        check(json!({ "argv": ["a"], "env": { "A=B": "x" } }), "variable");
        check(json!({ "argv": ["a"], "working_dir": "/a\0" }), "NUL");
    }
}
