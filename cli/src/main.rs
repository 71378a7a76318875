//! `magia`, the command line: arguments become one request on the app's socket, the reply becomes a table or
//! JSON. Data goes to standard output, messages to standard error.
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

mod age;
mod args;
mod client;
mod complete;
mod confirm;
mod demo;
mod failure;
mod forwarder;
mod output;
mod programs;
mod style;
mod table;
mod verbs;

use clap::{CommandFactory as _, Parser};
use clap_complete::CompleteEnv;
use output::Out;
use std::process::ExitCode;

fn main() -> ExitCode {
    if let Some(code) = magia_tty::dispatch() {
        return code;
    }
    if forwarder::is_meant() {
        return forwarder::main();
    }
    CompleteEnv::with_factory(args::Args::command).var(verbs::shell::COMPLETE).complete();
    let args = args::Args::parse();
    let mut out = Out::stdout(args.json);
    let done = verbs::run(args, &mut out).and_then(|exit| {
        out.flush()?;
        Ok(exit)
    });
    match done {
        Ok(exit) => exit.into(),
        Err(err) => {
            // What was printed before the fault belongs to the answer; a second fault has nowhere to go.
            drop(out.flush());
            failure::report(&err)
        }
    }
}
