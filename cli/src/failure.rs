//! How a verb ends: exit codes, and the error and its hint on standard error.

use crate::style::{Style, is_wanted};
use magia_protocol::wire::visible_lines;
use std::fmt;
use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;

/// How the program ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exit {
    /// Done.
    Done,
    /// Failed or refused.
    Failed,
    /// The command line is wrong.
    Usage,
    /// The app is not running.
    NotRunning,
    /// As the program in a terminal.
    Child(u8),
    /// Failed, in a verb that else ends as the program in a terminal.
    OwnFailure,
}

impl Exit {
    /// As a shell shows the end of a program.
    pub fn of_child(exit: magia_tty::wire::Exit) -> Self {
        // A process has no other exit codes than these.
        Self::Child(u8::try_from(exit.shell_code() & 0xff).unwrap_or(u8::MAX))
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::NotRunning => 3,
            Exit::Child(code) => code,
            Exit::OwnFailure => 125,
        })
    }
}

/// An error that knows its exit code and what to do about it.
#[derive(Debug)]
pub enum Failure {
    /// The app is not running, or went away.
    NotRunning {
        /// What was found.
        message: String,
        /// How to start it.
        hint: String,
    },
    /// The app's place is not to be trusted, so whether it runs cannot be told.
    RuntimeDir {
        /// What is wrong with it.
        message: String,
        /// What to do.
        hint: String,
    },
    /// The app said no.
    Refused {
        /// The word of the wire, such as `not_found`.
        code: String,
        /// Its sentence.
        message: String,
        /// Its advice.
        hint: Option<String>,
    },
    /// What was typed makes no sense.
    Usage {
        /// Why not.
        message: String,
        /// What would.
        hint: Option<String>,
    },
    /// Something else failed and there is something to do about it.
    Advised {
        /// What failed.
        message: String,
        /// What to do.
        hint: String,
    },
    /// The reader of our output has gone, as in `magia ls | head -1`.
    OutputClosed,
}

impl Failure {
    /// A usage error.
    pub fn usage(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Usage { message: message.into(), hint: Some(hint.into()) }
    }

    /// The ordinary case of [`Failure::NotRunning`].
    pub fn not_running() -> Self {
        Self::NotRunning {
            message: "magia is not running".to_owned(),
            hint: "start it with `magia`, or without a window with `magia-app --headless`".to_owned(),
        }
    }

    /// The exit code.
    pub fn exit(&self) -> Exit {
        match self {
            Self::OutputClosed => Exit::Done,
            Self::NotRunning { .. } => Exit::NotRunning,
            Self::Usage { .. } => Exit::Usage,
            Self::Refused { code, .. } => match code.as_str() {
                "bad_request" | "bad_params" | "unknown_method" => Exit::Usage,
                _ => Exit::Failed,
            },
            Self::Advised { .. } | Self::RuntimeDir { .. } => Exit::Failed,
        }
    }

    fn hint(&self) -> Option<&str> {
        match self {
            Self::NotRunning { hint, .. } | Self::Advised { hint, .. } | Self::RuntimeDir { hint, .. } => {
                Some(hint)
            }
            Self::Refused { hint, .. } | Self::Usage { hint, .. } => hint.as_deref(),
            Self::OutputClosed => None,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotRunning { message, .. }
            | Self::RuntimeDir { message, .. }
            | Self::Refused { message, .. }
            | Self::Usage { message, .. }
            | Self::Advised { message, .. } => message,
            Self::OutputClosed => "the reader of the output has gone",
        })
    }
}

impl std::error::Error for Failure {}

/// Whether `err` says that the app is not there.
pub fn is_not_running(err: &anyhow::Error) -> bool {
    matches!(err.downcast_ref(), Some(Failure::NotRunning { .. }))
}

/// Whether `err` says that the app's place is not to be trusted.
pub fn is_shut_out(err: &anyhow::Error) -> bool {
    matches!(err.downcast_ref(), Some(Failure::RuntimeDir { .. }))
}

/// Prints an error and gives the exit code for it.
pub fn report(err: &anyhow::Error) -> ExitCode {
    let failure = err.downcast_ref::<Failure>();
    if matches!(failure, Some(Failure::OutputClosed)) {
        return Exit::Done.into();
    }
    say(&format!("error: {err:#}"));
    if let Some(hint) = failure.and_then(Failure::hint) {
        say(&format!("hint: {hint}"));
    }
    failure.map_or(Exit::Failed, Failure::exit).into()
}

/// Prints a message for a person on standard error; nobody listening is no error.
pub fn say(message: &str) {
    let mut stderr = std::io::stderr().lock();
    let message = visible_lines(message);
    let marks = [("error:", Style::Bad), ("warning:", Style::Attention), ("hint:", Style::Busy)];
    let marked = marks.iter().find_map(|(mark, style)| Some((mark, style, message.strip_prefix(mark)?)));
    drop(match marked.filter(|_| is_wanted(stderr.is_terminal())) {
        Some((mark, style, rest)) => writeln!(stderr, "{}{rest}", style.paint(mark)),
        None => writeln!(stderr, "{message}"),
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_the_wire_become_exit_codes() {
        let exit = |code: &str| {
            Failure::Refused { code: code.to_owned(), message: String::new(), hint: None }.exit()
        };
        assert_eq!(exit("bad_params"), Exit::Usage);
        assert_eq!(exit("not_found"), Exit::Failed);
        assert_eq!(exit("of a later version"), Exit::Failed);
        assert_eq!(Failure::not_running().exit(), Exit::NotRunning);
    }
}
