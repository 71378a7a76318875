//! `magia-app`: the window; with `--headless`, everything but the window.

use anyhow::{Context as _, Result};
use magia_app::ground::Ground;
use magia_app::instance::Met;
use magia_app::os::memory;
use magia_app::places::Places;
use magia_app::{call, instance, logging, reset, run};
use magia_core::settings::http_address;
use magia_protocol::paths::InstanceLock;
use std::net::SocketAddr;
use std::process::ExitCode;

const USAGE: &str = "\
magia-app: the control centre for coding agents

Usage: magia-app [--headless] [--http [ADDRESS:]PORT]
       magia-app --call METHOD [PARAMS]

  --headless   run everything but the window; `magia` is then the way to look. A window that is
               started later takes over, without a client noticing, and hands back when it quits
  --http       serve the HTTP API there, an address of this machine; docs/http-api.md
  --call       do one command without a running program, print its reply as JSON
  --version    print the version
  --help       print this

Environment: MAGIA_RUNTIME_DIR (sockets), MAGIA_LOG (log filter, also to standard error)";

/// What the arguments ask for.
enum Wish {
    Start { headless: bool, http: Option<SocketAddr> },
    Call { method: String, params: String },
    Print(String),
    Wrong(String),
}

fn wish(mut arguments: impl Iterator<Item = String>) -> Wish {
    let (mut headless, mut http) = (false, None);
    let mut next = arguments.next();
    loop {
        match next.as_deref() {
            Some("--headless") => headless = true,
            Some("--http") => match arguments.next().as_deref().map(http_address) {
                Some(Some(address)) => http = Some(address),
                Some(None) => {
                    return Wish::Wrong("--http needs a port, or an address of this machine".to_owned());
                }
                None => return Wish::Wrong("--http needs a port".to_owned()),
            },
            _ => break,
        }
        next = arguments.next();
    }
    let plain = !headless && http.is_none();
    match next.as_deref() {
        None => Wish::Start { headless, http },
        Some(other) if !plain => Wish::Wrong(format!("unknown argument {other}")),
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
    memory::set_up();
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
        Wish::Start { headless, http } => match start(headless, http) {
            Ok(code) => code,
            Err(err) => {
                eprintln!("error: {err:#}");
                ExitCode::FAILURE
            }
        },
    }
}

fn start(headless: bool, http: Option<SocketAddr>) -> Result<ExitCode> {
    let mut places = Places { http, ..Places::find()? };
    magia_protocol::paths::ensure_runtime_dir(&places.runtime).context("preparing the runtime directory")?;
    let ground = match InstanceLock::acquire(&places.runtime) {
        Ok(lock) => Ground::Own(lock),
        Err(err) => match instance::meet_the_first(&places, headless, err)? {
            Met::Offer(offer) => {
                places.http = places.http.or(offer.http);
                Ground::Offered(offer)
            }
            Met::Over(code) => return Ok(code),
        },
    };
    if matches!(ground, Ground::Own(_)) && reset::is_pending(&places) {
        reset::finish(&places).context("finishing the reset")?;
    }
    if let Err(err) = logging::start(&places.state) {
        instance::say(&format!("warning: nothing is logged: {err:#}"));
    }
    match ground {
        Ground::Own(lock) if headless => run::headless(places, lock),
        ground => run::window(places, ground),
    }
    .map(|()| ExitCode::SUCCESS)
}
