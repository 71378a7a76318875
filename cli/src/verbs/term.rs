//! Terminals: `term ls`, `show`, `kill`, `resize`, `send-keys`, `screen`, `wait` and `clean`. They ask the holders
//! themselves; the app need not run.

mod info;
mod open;
mod wait;

use crate::failure::{Exit, Failure, say};
use crate::output::Out;
use crate::table::{Column, Table};
use anyhow::Result;
use clap::{Args, Subcommand};
use info::TerminalInfo;
use magia_tty::client::errand::{self, ErrandError, Typed, block_on};
use magia_tty::directory::{self, CleanError, FindError};
use magia_tty::input::Key;
use magia_tty::wire::{Format, SignalName};
use magia_tty::{Size, TerminalId, TerminalRecord, TerminalState};
use serde_json::json;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// So many characters of an id, at least, name a terminal that is to go.
const MEANT_MIN: usize = 4;
/// How long a terminal that is about to start is waited for, and how often it is looked at meanwhile.
const STARTS_WITHIN: Duration = Duration::from_secs(5);
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// `term`.
#[derive(Debug, Args)]
pub struct Term {
    #[command(subcommand)]
    verb: TermVerb,
}

#[derive(Debug, Subcommand)]
enum TermVerb {
    /// List the terminals that run, and those that ended within the last minute.
    #[command(
        after_long_help = "One that has ended can still be attached to for a minute; `--all` lists what is left of \
                                 earlier ones.\n\nExample:\n  magia term ls --all"
    )]
    Ls(Ls),
    /// Show what is known about a terminal.
    #[command(after_long_help = "Example:\n  magia term show 3f9a")]
    Show(One),
    /// End the program in a terminal and all that it started, and wait for its end.
    #[command(
        after_long_help = "It is told to end, and killed after three seconds. Of its id at least four characters are wanted.\n\n\
                                 Examples:\n  magia term kill 3f9a\n  magia term kill 3f9a --signal INT"
    )]
    Kill(Kill),
    /// Give a terminal a size, until whoever uses it changes it.
    #[command(after_long_help = "Example:\n  magia term resize 3f9a 120x40")]
    Resize(Resize),
    /// Type into a terminal.
    #[command(
        after_long_help = "A word that is a key's name is that key (enter, up, f5, ctrl+c, C-c), any other is typed as \
                                 it is; --literal types them all.\n\n\
                                 Examples:\n  magia term send-keys 3f9a \"make test\" enter\n  \
                                 magia term send-keys 3f9a --literal enter"
    )]
    SendKeys(SendKeys),
    /// Print what a terminal shows.
    #[command(after_long_help = "Example:\n  magia term screen 3f9a")]
    Screen(Screen),
    /// Wait until a terminal is idle, shows a text, or its program has ended.
    #[command(
        after_long_help = "Without options or with `--until exit` it ends with the program's exit code, 125 when magia itself failed; \
                                 else 0 reached, 1 not in time or ended before.\n\n\
                                 Examples:\n  magia term wait 3f9a --until exit\n  \
                                 magia term wait 3f9a --until idle --timeout 5m\n  \
                                 magia term wait 3f9a --text \"tests passed\""
    )]
    Wait(wait::Wait),
    /// Open a terminal window with a command in it, which goes on when the window is closed.
    #[command(
        after_long_help = "The app opens it, and asks you first when an agent wants it or the command gives a script to \
                                 a shell. Prints the terminal's id.\n\n\
                                 Examples:\n  magia term open -- htop\n  \
                                 magia term open --terminal kitty --cwd /srv -- claude --resume"
    )]
    Open(open::Open),
    /// Forget terminals that have ended: their last state and their recording.
    #[command(
        after_long_help = "Of an id at least four characters are wanted. The app forgets by itself what ended longer ago \
                                 than the setting retentionDays, and all but the 200 that ended last.\n\n\
                                 Examples:\n  magia term clean\n  magia term clean 3f9a"
    )]
    Clean(Clean),
}

#[derive(Debug, Args)]
struct Ls {
    /// Also those that ended earlier.
    #[arg(long)]
    all: bool,
}

#[derive(Debug, Args)]
struct One {
    /// The terminal: its id, or the first characters of it.
    #[arg(value_name = "ID", add = crate::complete::terminals())]
    id: String,
}

#[derive(Debug, Args)]
struct Kill {
    #[command(flatten)]
    one: One,
    /// The signal, by name or number; one other than HUP, TERM and KILL goes to the foreground alone.
    #[arg(long, value_name = "SIGNAL", value_parser = signal)]
    signal: Option<SignalName>,
}

#[derive(Debug, Args)]
struct Resize {
    #[command(flatten)]
    one: One,
    /// The size, from 2x1 to 1000x1000.
    #[arg(value_name = "COLSxROWS")]
    size: Size,
}

#[derive(Debug, Args)]
struct SendKeys {
    #[command(flatten)]
    one: One,
    /// Type every word as it is.
    #[arg(long, short)]
    literal: bool,
    /// Texts and names of keys; after `--` also those that begin with -.
    #[arg(required = true)]
    keys: Vec<String>,
}

#[derive(Debug, Args)]
struct Screen {
    #[command(flatten)]
    one: One,
    /// With colours and all: the sequences that make another terminal show it.
    #[arg(long)]
    ansi: bool,
}

#[derive(Debug, Args)]
struct Clean {
    /// The terminals; all that have ended without.
    #[arg(value_name = "ID", add = crate::complete::terminals())]
    ids: Vec<String>,
}

fn signal(text: &str) -> Result<SignalName, String> {
    match text.parse() {
        Ok(number) if (1..=64).contains(&number) => Ok(SignalName::Number(number)),
        Ok(_) => Err("signals have numbers from 1 to 64".to_owned()),
        Err(_) => Ok(SignalName::Name(text.to_ascii_uppercase())),
    }
}

/// `magia term`.
pub fn run(term: Term, out: &mut Out) -> Result<Exit> {
    match term.verb {
        TermVerb::Ls(verb) => ls(&verb, out),
        TermVerb::Show(verb) => show(&verb, out),
        TermVerb::Kill(verb) => kill(verb, out),
        TermVerb::Resize(verb) => resize(&verb, out),
        TermVerb::SendKeys(verb) => send_keys(&verb, out),
        TermVerb::Screen(verb) => screen(&verb, out),
        TermVerb::Wait(verb) => wait::wait(&verb, out),
        TermVerb::Open(verb) => open::open(&verb, out),
        TermVerb::Clean(verb) => clean(&verb, out),
    }
}

/// The directory of terminals.
pub(crate) fn root() -> Result<PathBuf> {
    Ok(directory::default_root()?)
}

/// The terminal that was typed, whatever its state.
pub(super) fn found(typed: &str) -> Result<TerminalRecord> {
    directory::find(&root()?, typed).map_err(|err| {
        let hint = match err {
            FindError::NotFound { .. } => "`magia term ls --all` lists them",
            FindError::Ambiguous { .. } => "type more of it",
        };
        Failure::Advised { message: err.to_string(), hint: hint.to_owned() }.into()
    })
}

/// The terminal that was typed, for what cannot be undone: its whole id, or a beginning that is not a slip of the hand.
fn meant(typed: &str) -> Result<TerminalRecord> {
    let record = found(typed)?;
    if record.id.as_str() == typed || typed.len() >= MEANT_MIN {
        return Ok(record);
    }
    let message = format!("{typed} is too short to say which terminal goes");
    let hint = format!("type the whole id, or {MEANT_MIN} characters of it: {}", record.id);
    Err(Failure::Advised { message, hint }.into())
}

/// The terminal that was typed, whose holder answers.
pub(super) fn held(typed: &str) -> Result<TerminalRecord> {
    answering(found(typed)?)
}

/// The terminal, once its holder answers: one that is about to start does so in milliseconds.
pub(super) fn answering(mut record: TerminalRecord) -> Result<TerminalRecord> {
    let deadline = Instant::now() + STARTS_WITHIN;
    while record.state == TerminalState::Starting && Instant::now() < deadline {
        std::thread::sleep(LOOK_AGAIN);
        record = directory::look(&root()?, &record.id);
    }
    if record.is_held() {
        return Ok(record);
    }
    let message = match &record.state {
        TerminalState::Broken { reason } => format!("terminal {} cannot be used: {reason}", record.id),
        TerminalState::Starting => format!("terminal {} is about to start", record.id),
        TerminalState::Lost => format!("the holder of terminal {} is gone", record.id),
        _ => format!("terminal {} has ended", record.id),
    };
    let hint = format!("`magia term show {}` says what is known", record.id);
    Err(Failure::Advised { message, hint }.into())
}

fn ls(ls: &Ls, out: &mut Out) -> Result<Exit> {
    let mut found = directory::list(&root()?);
    found.retain(|record| {
        ls.all || !matches!(record.state, TerminalState::Exited { held: false, .. } | TerminalState::Lost)
    });
    let rows: Vec<TerminalInfo> = found.iter().map(TerminalInfo::new).collect();
    if out.is_json() {
        out.json_of(&rows)?;
        return Ok(Exit::Done);
    }
    if rows.is_empty() {
        say(if ls.all { "no terminals" } else { "no terminals run" });
        say("hint: `magia run -- COMMAND` starts one");
        return Ok(Exit::Done);
    }
    let mut table = Table::new(&[
        Column::fixed("ID"),
        Column::fixed("STATE"),
        Column::fixed("SIZE"),
        Column::flexible("NAME"),
        Column::flexible("DIRECTORY"),
        // Last, so that without a terminal to fit a long one makes no other row long.
        Column::flexible("COMMAND"),
    ]);
    for row in &rows {
        table.row([
            row.id.to_string(),
            row.state_text(),
            row.size_text(),
            row.name.clone().unwrap_or_default(),
            row.cwd.clone().or_else(|| row.problem.clone()).unwrap_or_default(),
            row.command_text(),
        ]);
    }
    out.table(&table, "")?;
    Ok(Exit::Done)
}

fn show(one: &One, out: &mut Out) -> Result<Exit> {
    let record = found(&one.id)?;
    let info = TerminalInfo::new(&record);
    if out.is_json() {
        out.json_of(&info)?;
    } else {
        info.print(out)?;
    }
    Ok(Exit::Done)
}

fn kill(kill: Kill, out: &mut Out) -> Result<Exit> {
    let record = answering(meant(&kill.one.id)?)?;
    let ends = match &kill.signal {
        None => true,
        Some(SignalName::Number(number)) => matches!(number, 1 | 9 | 15),
        Some(SignalName::Name(name)) => {
            matches!(name.strip_prefix("SIG").unwrap_or(name), "HUP" | "KILL" | "TERM")
        }
    };
    if !ends && let Some(signal) = kill.signal {
        done(&record.id, block_on(errand::signal(&record.dir, signal)))?;
        return said(&record.id, "was sent the signal", out);
    }
    let exit = done(&record.id, block_on(errand::kill(&record.dir, kill.signal)))?;
    if out.is_json() {
        out.json_of(&json!({ "id": record.id, "exit_code": exit.shell_code(), "exit_signal": exit.signal }))?;
    } else {
        out.text(&format!("{} {}", record.id, info::exit_text(exit)))?;
    }
    Ok(Exit::Done)
}

fn resize(resize: &Resize, out: &mut Out) -> Result<Exit> {
    let record = held(&resize.one.id)?;
    done(&record.id, block_on(errand::resize(&record.dir, resize.size)))?;
    said(&record.id, &format!("is {}", resize.size), out)
}

fn send_keys(send: &SendKeys, out: &mut Out) -> Result<Exit> {
    let record = held(&send.one.id)?;
    let typed: Vec<Typed> = send.keys.iter().map(|word| read_key(word, send.literal)).collect();
    done(&record.id, block_on(errand::press(&record.dir, &typed)))?;
    said(&record.id, "was typed into", out)
}

/// A word that is a key's name is that key; a single character is itself either way.
fn read_key(word: &str, is_literal: bool) -> Typed {
    let key = Key::parse(word).ok().filter(|_| !is_literal && word.chars().count() > 1);
    key.map_or_else(|| Typed::Text(word.to_owned()), Typed::Key)
}

fn screen(screen: &Screen, out: &mut Out) -> Result<Exit> {
    let record = held(&screen.one.id)?;
    let format = if screen.ansi { Format::Ansi } else { Format::Text };
    let shown = done(&record.id, block_on(errand::screen(&record.dir, format)))?;
    let text = String::from_utf8_lossy(&shown);
    if out.is_json() {
        let lines: Vec<&str> = text.lines().collect();
        out.json_of(&json!({ "id": record.id, "text": text, "lines": lines }))?;
    } else if screen.ansi {
        out.bytes(&shown)?;
    } else {
        out.text(text.trim_end_matches('\n'))?;
    }
    Ok(Exit::Done)
}

fn clean(clean: &Clean, out: &mut Out) -> Result<Exit> {
    let root = root()?;
    let ids: Vec<TerminalId> = if clean.ids.is_empty() {
        let is_over = |record: &TerminalRecord| {
            matches!(record.state, TerminalState::Exited { held: false, .. } | TerminalState::Lost)
        };
        directory::list(&root).into_iter().filter(is_over).map(|record| record.id).collect()
    } else {
        clean.ids.iter().map(|typed| dismissed(typed)).collect::<Result<_>>()?
    };
    let mut removed = Vec::new();
    let mut exit = Exit::Done;
    for id in ids {
        match directory::remove(&root, &id) {
            Ok(()) => removed.push(id),
            Err(err) => {
                exit = Exit::Failed;
                say(&format!("error: {err}"));
                if matches!(err, CleanError::Held(_)) {
                    say(&format!("hint: `magia term kill {id}` ends it"));
                }
            }
        }
    }
    if out.is_json() {
        out.json_of(&json!({ "removed": removed }))?;
    } else {
        for id in removed {
            out.text(id.as_str())?;
        }
    }
    Ok(exit)
}

/// The terminal that was typed; its holder goes if it only stays for those who still want to look.
fn dismissed(typed: &str) -> Result<TerminalId> {
    let record = meant(typed)?;
    if let TerminalState::Exited { held: true, .. } = record.state {
        done(&record.id, block_on(errand::dismiss(&record.dir)))?;
    }
    Ok(record.id)
}

fn said(id: &TerminalId, what: &str, out: &mut Out) -> Result<Exit> {
    if out.is_json() {
        out.json_of(&json!({ "id": id }))?;
    } else {
        out.text(&format!("{id} {what}"))?;
    }
    Ok(Exit::Done)
}

/// What came of an errand, as an error for the user when it was not done.
fn done<T>(id: &TerminalId, done: Result<T, ErrandError>) -> Result<T> {
    done.map_err(|err| {
        let hint = match &err {
            ErrandError::TimedOut => format!("`magia term screen {id}` shows what it does"),
            _ => format!("`magia term show {id}` says what is known"),
        };
        Failure::Advised { message: format!("terminal {id}: {err}"), hint }.into()
    })
}
