//! The text forms of a command.
//!
//! ```text
//! [cd DIR &&] [NAME=WORD]... EXE [--session-id ID | --session ID | --session-name N]... -- WORD... [&& exit]
//! [cd DIR &&] [NAME=WORD]... WORD... [&& exit]
//! ```
//!
//! The first is what tty-fwd sends and what the seed's text shows; `EXE` is then a tty-fwd, whose place magia takes.
//! Source: VibeTunnel's `term_socket.rs` and the seed's `swift-rust-comm` text.

use super::words::{Piece, Word, pieces};
use std::collections::VecDeque;

/// Programs that a request may name as the one that runs the terminal; they are never started.
const FORWARDERS: &[&str] = &["tty-fwd", "vibetunnel-fwd", "vibetunnel", "vt"];

/// A variable that carries the terminal's id.
const ID_VARIABLE: &str = "TTY_SESSION_ID";

/// A command, taken apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// The directory that it goes to first.
    pub cwd: Option<String>,
    /// The terminal's id.
    pub id: Option<String>,
    /// The terminal's name.
    pub name: Option<String>,
    /// Variables that it sets.
    pub env: Vec<(String, String)>,
    /// The program and its arguments.
    pub argv: Vec<String>,
}

/// Why a text is not one of the forms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unread {
    /// A shell would read it, and this is why it takes one.
    Shell(&'static str),
    /// Nobody can read it.
    Wrong(String),
}

/// Reads a command.
///
/// # Errors
/// See [`Unread`].
pub fn read_line(command: &str) -> Result<Line, Unread> {
    let mut pieces: VecDeque<Piece> = pieces(command).map_err(Unread::Shell)?.into();
    let mut line = Line::default();
    drop_exit(&mut pieces);
    if is_word(pieces.front(), "cd") && matches!(pieces.get(2), Some(Piece::And)) {
        pieces.pop_front();
        if let Some(Piece::Word(dir)) = pieces.pop_front() {
            line.cwd = Some(dir.text);
        }
        pieces.pop_front();
    }
    let mut words: VecDeque<Word> = VecDeque::new();
    for piece in pieces {
        match piece {
            Piece::Word(word) if word.has_tilde() => return Err(Unread::Shell("has an expansion")),
            Piece::Word(word) => words.push_back(word),
            Piece::And => return Err(Unread::Shell("runs several commands")),
        }
    }
    while let Some((name, value)) = words.front().and_then(Word::assignment) {
        let (name, value) = (name.to_owned(), value.to_owned());
        if name == ID_VARIABLE {
            set_id(&mut line, value)?;
        } else {
            line.env.push((name, value));
        }
        words.pop_front();
    }
    let dashes = words.iter().position(|word| word.text == "--");
    let forwards = words.front().is_some_and(|exe| FORWARDERS.contains(&base_name(&exe.text)));
    let mut argv: Vec<String> = words.into_iter().map(|word| word.text).collect();
    if let Some(at) = dashes.filter(|at| forwards && *at > 0) {
        let rest = argv.split_off(at);
        read_options(&mut line, argv.into_iter().skip(1))?;
        argv = rest.into_iter().skip(1).collect();
    } else if line.id.is_some() && forwards {
        return Err(Unread::Wrong("no command follows --".to_owned()));
    }
    line.argv = argv;
    match line.argv.first().map(String::as_str) {
        None | Some("") => Err(Unread::Wrong("the command is empty".to_owned())),
        Some(_) => Ok(line),
    }
}

/// Takes `&& exit` off the end: a terminal of ours ends with its program at any rate.
fn drop_exit(pieces: &mut VecDeque<Piece>) {
    if is_word(pieces.back(), "exit")
        && let Some(before) = pieces.len().checked_sub(2)
        && matches!(pieces.get(before), Some(Piece::And))
    {
        pieces.truncate(before);
    }
}

fn is_word(piece: Option<&Piece>, text: &str) -> bool {
    matches!(piece, Some(Piece::Word(word)) if word.text == text && word.bare == text.len())
}

fn read_options(line: &mut Line, mut options: impl Iterator<Item = String>) -> Result<(), Unread> {
    while let Some(option) = options.next() {
        let (name, value) = match option.split_once('=') {
            Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
            None => (option.clone(), None),
        };
        let mut value = || {
            let missing = || Unread::Wrong(format!("{name} needs a value"));
            value.clone().or_else(|| options.next()).ok_or_else(missing)
        };
        match name.as_str() {
            "--session-id" | "--session" => {
                let id = value()?;
                set_id(line, id)?;
            }
            "--session-name" => line.name = Some(value()?),
            _ => {
                let shown: String = option.chars().take(64).collect();
                return Err(Unread::Wrong(format!("unknown option {shown:?} before --")));
            }
        }
    }
    Ok(())
}

fn set_id(line: &mut Line, id: String) -> Result<(), Unread> {
    match &line.id {
        Some(known) if *known != id => Err(Unread::Wrong("the command names two session ids".to_owned())),
        _ => {
            line.id = Some(id);
            Ok(())
        }
    }
}

/// The last part of a program's path.
pub(super) fn base_name(program: &str) -> &str {
    program.rsplit('/').next().unwrap_or(program)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(command: &str, id: Option<&str>, argv: &[&str]) -> Line {
        let line = read_line(command).unwrap_or_else(|err| panic!("{command}: {err:?}"));
        assert_eq!(line.id.as_deref(), id, "{command}");
        assert_eq!(line.argv, argv, "{command}");
        line
    }

    #[test]
    fn both_real_forms_of_the_seed() {
        let id = Some("123e4567-e89b-42d3-a456-426614174000");
        check(
            "TTY_SESSION_ID=\"123e4567-e89b-42d3-a456-426614174000\" /opt/tty-fwd -- zsh -l",
            id,
            &["zsh", "-l"],
        );
        check("tty-fwd --session-id=\"123e4567-e89b-42d3-a456-426614174000\" -- zsh && exit", id, &["zsh"]);
        let line = check(
            "cd \"/a b\" && tty-fwd --session 123e4567-e89b-42d3-a456-426614174000 --session-name 'my work' -- \
             claude --resume 'a;b' -- x && exit",
            id,
            &["claude", "--resume", "a;b", "--", "x"],
        );
        assert_eq!((line.cwd.as_deref(), line.name.as_deref()), (Some("/a b"), Some("my work")));
    }

    #[test]
    fn plain_commands() {
        check("htop", None, &["htop"]);
        check("printf '%s\\n' '$HOME' \"it's\" && exit", None, &["printf", "%s\\n", "$HOME", "it's"]);
        let line = check("A=1 B='x y' make -- all", None, &["make", "--", "all"]);
        assert_eq!(line.env, [("A".to_owned(), "1".to_owned()), ("B".to_owned(), "x y".to_owned())]);
        // Quoted, it is a program of that name; a shell says so too.
        assert_eq!(check("'A=1' x", None, &["A=1", "x"]).env, []);
        check("vt", None, &["vt"]);
    }

    #[test]
    fn what_takes_a_shell_and_what_nobody_can_read() {
        for command in [
            "a && b",
            "cd /x && a && b",
            "ls ~",
            "tty-fwd -- a | b",
            "X=~/y z",
            "exit && a",
            "cd x && cd y && z",
        ] {
            assert!(matches!(read_line(command), Err(Unread::Shell(_))), "{command}");
        }
        for command in [
            "",
            "   ",
            "A=1",
            "tty-fwd --",
            "tty-fwd --serve 4020 -- zsh",
            "tty-fwd --session -- zsh",
            "TTY_SESSION_ID=a tty-fwd --session-id=b -- zsh",
            "TTY_SESSION_ID=a tty-fwd",
            "''",
            "&& exit",
        ] {
            assert!(
                matches!(read_line(command), Err(Unread::Wrong(_))),
                "{command}: {:?}",
                read_line(command)
            );
        }
    }
}
