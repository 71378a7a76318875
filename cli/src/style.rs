//! Colours of the terminal: only where somebody looks, and never the only sign of anything.

use magia_protocol::wire::SessionState;
use std::ffi::OsStr;

/// A way to print a word.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Style {
    /// Wants the user.
    Attention,
    /// Went wrong.
    Bad,
    /// As it should be.
    Good,
    /// At work.
    Busy,
    /// Of less interest.
    Faint,
}

impl Style {
    /// How a word of the vocabulary is printed: states, results of checks.
    pub fn of(word: &str) -> Option<Self> {
        if let Some(state) = SessionState::from_word(word) {
            return match state {
                state if state.needs_you() => Some(Self::Attention),
                SessionState::Failed => Some(Self::Bad),
                SessionState::Working => Some(Self::Busy),
                SessionState::Ended => Some(Self::Faint),
                _ => None,
            };
        }
        match word {
            "ok" | "up" => Some(Self::Good),
            "warn" => Some(Self::Attention),
            "fail" | "down" => Some(Self::Bad),
            _ => None,
        }
    }

    /// `text` between the sequences that switch the style on and off. Only the terminal's own 16 colours, which its user
    /// has chosen to be readable.
    pub fn paint(self, text: &str) -> String {
        let code = match self {
            Self::Attention => "1;33",
            Self::Bad => "31",
            Self::Good => "32",
            Self::Busy => "36",
            Self::Faint => "2",
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }
}

/// Whether to print in colour: `NO_COLOR` and `CLICOLOR_FORCE` are obeyed, in this order, as clap does for help and
/// usage errors; else only a terminal that can.
pub fn is_wanted(is_terminal: bool) -> bool {
    let var = |name: &str| std::env::var_os(name);
    decide(is_terminal, var("NO_COLOR").as_deref(), var("CLICOLOR_FORCE").as_deref(), var("TERM").as_deref())
}

fn decide(is_terminal: bool, no: Option<&OsStr>, force: Option<&OsStr>, term: Option<&OsStr>) -> bool {
    let is_set = |value: Option<&OsStr>| value.is_some_and(|value| !value.is_empty());
    if is_set(no) {
        return false;
    }
    if is_set(force) && force != Some(OsStr::new("0")) {
        return true;
    }
    is_terminal && term.is_none_or(|term| term != "dumb")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_decides_then_the_terminal() {
        let on = Some(OsStr::new("1"));
        let (empty, zero) = (Some(OsStr::new("")), Some(OsStr::new("0")));
        assert!(decide(true, None, None, Some(OsStr::new("xterm"))));
        assert!(!decide(false, None, None, None));
        assert!(!decide(true, on, on, None), "NO_COLOR is the stronger");
        assert!(decide(true, empty, None, None), "an empty NO_COLOR is none");
        assert!(decide(false, None, on, None));
        assert!(!decide(false, None, zero, None));
        assert!(!decide(true, None, None, Some(OsStr::new("dumb"))));
    }

    #[test]
    fn every_state_that_wants_a_person_stands_out() {
        for state in SessionState::ALL {
            assert_eq!(Style::of(state.as_str()) == Some(Style::Attention), state.needs_you(), "{state}");
        }
        assert_eq!(Style::of("a project named so"), None);
    }
}
