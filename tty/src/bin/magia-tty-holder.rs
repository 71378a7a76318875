//! A program that is nothing but a holder, for the tests of this crate: `magia` and `magia-app` are holders themselves.

use std::process::ExitCode;

fn main() -> ExitCode {
    magia_tty::dispatch().unwrap_or(ExitCode::from(2))
}
