//! `attach`: this terminal becomes a view of one that magia holds.

use crate::failure::{Exit, Failure, report, say};
use crate::output::Out;
use anyhow::Result;
use clap::Args;
use magia_tty::attach::{AttachEnd, AttachError, AttachOptions, DetachKey};
use magia_tty::{ID_VARIABLE, TerminalId};
use std::path::Path;

/// `attach`.
#[derive(Debug, Args)]
pub struct Attach {
    /// The terminal: its id, or the first characters of it.
    #[arg(value_name = "ID", add = crate::complete::terminals())]
    pub id: String,
    /// Only look: nothing is typed, the terminal's size is left as it is.
    #[arg(long)]
    pub read_only: bool,
    /// The key that detaches: ctrl- and a letter or one of [ \ ] ^ _, or none.
    #[arg(long, value_name = "KEY", default_value = "ctrl-\\")]
    pub detach_key: DetachKey,
    /// The word by which whoever opened this terminal knows that it is here.
    #[arg(long, value_name = "HEX", value_parser = nonce)]
    pub spawn_nonce: Option<String>,
}

fn nonce(text: &str) -> Result<String, String> {
    let is_hex = (1..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hex.then(|| text.to_owned()).ok_or_else(|| "it has up to 128 hexadecimal digits".to_owned())
}

/// How an attachment came to its end.
pub enum Ended {
    /// With the program's own exit code.
    Exited(Exit),
    /// By the user; the program goes on.
    Detached,
    /// By a signal, with the exit code of one; the program goes on.
    Signalled(Exit),
}

impl Ended {
    /// The exit code: 0 is the user's own wish alone.
    pub fn code(self) -> Exit {
        match self {
            Self::Exited(exit) | Self::Signalled(exit) => exit,
            Self::Detached => Exit::Done,
        }
    }
}

/// `magia attach`.
pub fn attach(attach: Attach, _out: &mut Out) -> Result<Exit> {
    or_own_failure(attached(attach))
}

fn attached(attach: Attach) -> Result<Exit> {
    let record = super::term::found(&attach.id)?;
    if std::env::var_os(ID_VARIABLE).is_some_and(|own| own == record.id.as_str()) {
        return Err(Failure::Advised {
            message: format!("terminal {} is this one", record.id),
            hint: "attach from another terminal".to_owned(),
        }
        .into());
    }
    let record = super::term::answering(record)?;
    let options = AttachOptions {
        read_only: attach.read_only,
        nonce: attach.spawn_nonce,
        detach_key: attach.detach_key,
        from_start: false,
        passes_end: false,
    };
    Ok(to(&record.dir, &record.id, &options)?.code())
}

/// Attaches, and says when the program goes on without this terminal.
pub fn to(dir: &Path, id: &TerminalId, options: &AttachOptions) -> Result<Ended> {
    let goes_on = || say(&format!("detached; `magia attach {id}` comes back"));
    match magia_tty::attach::attach(dir, options) {
        Ok(AttachEnd::Exited(exit)) => Ok(Ended::Exited(Exit::of_child(exit))),
        Ok(AttachEnd::Detached) => {
            goes_on();
            Ok(Ended::Detached)
        }
        Ok(AttachEnd::Signalled(signal)) => {
            goes_on();
            Ok(Ended::Signalled(Exit::of_child(magia_tty::wire::Exit { code: None, signal: Some(signal) })))
        }
        Err(AttachError::Client(err)) if err.is_gone() => Err(Failure::Advised {
            message: format!("the holder of terminal {id} is gone"),
            hint: format!("`magia term show {id}` says what is known"),
        }
        .into()),
        Err(err) => Err(err.into()),
    }
}

/// For verbs that end with a program's exit code: magia's own failures have one that programs rarely use.
pub fn or_own_failure(done: Result<Exit>) -> Result<Exit> {
    done.or_else(|err| {
        if matches!(err.downcast_ref(), Some(Failure::OutputClosed)) {
            return Err(err);
        }
        report(&err);
        Ok(Exit::OwnFailure)
    })
}
