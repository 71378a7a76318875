//! `magia-app`: the window; with `--headless`, everything but the window.

use anyhow::{Context as _, Result};
use magia_app::places::Places;
use magia_app::{call, instance, logging, run};
use magia_protocol::paths::InstanceLock;
use std::process::ExitCode;

const USAGE: &str = "\
magia-app: the control centre for coding agents

Usage: magia-app [--headless]
       magia-app --call METHOD [PARAMS]

  --headless   run everything but the window; `magia` is then the way to look
  --call       do one command without a running program, print its reply as JSON
  --version    print the version
  --help       print this

Environment: MAGIA_RUNTIME_DIR (sockets), MAGIA_LOG (log filter, also to standard error)";

/// What the arguments ask for.
enum Wish {
    Window,
    Headless,
    Call { method: String, params: String },
    Print(String),
    Wrong(String),
}

fn wish(mut arguments: impl Iterator<Item = String>) -> Wish {
    match arguments.next().as_deref() {
        None => Wish::Window,
        Some("--headless") => Wish::Headless,
        Some("--call") => match arguments.next() {
            Some(method) => Wish::Call { method, params: arguments.next().unwrap_or_default() },
            None => Wish::Wrong("--call needs a method".to_owned()),
        },
        Some("--version" | "-V") => Wish::Print(format!("magia-app {}", env!("CARGO_PKG_VERSION"))),
        Some("--help" | "-h") => Wish::Print(USAGE.to_owned()),
        Some(other) => Wish::Wrong(format!("unknown argument {other}")),
    }
}

#[allow(clippy::print_stdout, clippy::print_stderr, reason = "a program's own output")]
fn main() -> ExitCode {
    if let Some(code) = magia_tty::dispatch() {
        return code;
    }
    match wish(std::env::args().skip(1)) {
        Wish::Print(text) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Wish::Wrong(text) => {
            eprintln!("error: {text}\n\n{USAGE}");
            ExitCode::from(2)
        }
        Wish::Call { method, params } => call::print_reply(&method, &params),
        wish => match start(matches!(wish, Wish::Headless)) {
            Ok(code) => code,
            Err(err) => {
                eprintln!("error: {err:#}");
                ExitCode::FAILURE
            }
        },
    }
}

fn start(headless: bool) -> Result<ExitCode> {
    let places = Places::find()?;
    magia_protocol::paths::ensure_runtime_dir(&places.runtime).context("preparing the runtime directory")?;
    let lock = match InstanceLock::acquire(&places.runtime) {
        Ok(lock) => lock,
        Err(err) => return instance::meet_the_first(&places, headless, err),
    };
    if let Err(err) = logging::start(&places.state) {
        instance::say(&format!("warning: nothing is logged: {err:#}"));
    }
    if headless { run::headless(places, lock) } else { run::window(places, lock) }.map(|()| ExitCode::SUCCESS)
}
