//! Measures the figures that the README promises, on the release programs beside this one.
//!
//! ```text
//! magia-bench [--markdown] [--only handler,burst,gate,window,crowd,desktop,scroll,list,ide,otlp,terminal,vte,view,flood]
//! ```
//!
//! Everything runs in private directories under `/tmp`, on a display of its own, and ends with this program.
//! What is compared is run in turns, so that other load on the machine falls on both alike.

mod app;
mod bare;
mod bare_otlp;
mod clients;
mod events;
mod figures;
mod frames;
mod pointer;
mod proc;
mod race;
mod rest;
mod screen;
mod sink;
mod soak;
mod stats;
mod table;

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use app::Programs;
use table::{Row, aligned, markdown};

const USAGE: &str = "usage: magia-bench [--markdown] [--only NAME[,NAME..]]";

struct Options {
    markdown: bool,
    only: Option<Vec<String>>,
}

fn main() -> Result<ExitCode> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let [role, socket, events] = words.as_slice()
        && role == "bare-listener"
    {
        bare::serve(Path::new(socket), events.parse()?)?;
        return Ok(ExitCode::SUCCESS);
    }
    if let [role, socket] = words.as_slice()
        && role == bare::RELAY
    {
        bare::relay(Path::new(socket))?;
        return Ok(ExitCode::SUCCESS);
    }
    match words.split_first() {
        Some((word, [])) if word == figures::otlp::BARE => {
            bare_otlp::serve()?;
            return Ok(ExitCode::SUCCESS);
        }
        Some((word, rest)) if word == soak::WRITER => {
            soak::write_output(rest)?;
            return Ok(ExitCode::SUCCESS);
        }
        Some((word, [begin])) if word == figures::flood::WRITER => {
            figures::flood::write_output(Path::new(begin))?;
            return Ok(ExitCode::SUCCESS);
        }
        Some((word, rest)) if word == figures::terminal_speed::WRITER => {
            figures::terminal_speed::write_output(rest)?;
            return Ok(ExitCode::SUCCESS);
        }
        Some((word, rest)) if word == "soak" => {
            soak::run(rest)?;
            return Ok(ExitCode::SUCCESS);
        }
        Some((word, rest)) if word == "soak-clients" => return clients::run(rest),
        Some((word, [begin])) if word == "spin" => {
            figures::terminal_view::spin(Path::new(begin))?;
            return Ok(ExitCode::SUCCESS);
        }
        _ => {}
    }
    let options = read(&words)?;
    let machine = proc::machine();
    let programs = Programs::find()?;
    let mut rows = Vec::new();
    let mut whole = true;
    for (name, measure) in figures::ALL {
        if options.only.as_ref().is_some_and(|only| !only.iter().any(|one| one == name)) {
            continue;
        }
        writeln!(std::io::stderr(), "measuring: {name}")?;
        match measure(&programs) {
            Ok(found) => rows.extend(found),
            Err(err) => {
                whole = false;
                rows.push(Row::told(name, format!("NOT MEASURED: {err:#}").replace('\n', " ")));
            }
        }
    }
    let table = if options.markdown { markdown(&rows) } else { aligned(&rows) };
    write!(std::io::stdout(), "{machine}\n\n{table}")?;
    Ok(if whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn read(words: &[String]) -> Result<Options> {
    let mut options = Options { markdown: false, only: None };
    let mut rest = words.iter();
    while let Some(word) = rest.next() {
        match word.as_str() {
            "--markdown" => options.markdown = true,
            "--only" => {
                let names: Vec<String> = rest.next().context(USAGE)?.split(',').map(str::to_owned).collect();
                for name in &names {
                    if !figures::ALL.iter().any(|(known, _)| known == name) {
                        let known = figures::ALL.map(|(known, _)| known).join(", ");
                        bail!("there is no figure {name:?}; known are {known}");
                    }
                }
                options.only = Some(names);
            }
            _ => bail!("unknown argument {word:?}\n{USAGE}"),
        }
    }
    Ok(options)
}
