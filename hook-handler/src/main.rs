//! Called by an agent's hook; see the library for what it does and promises.
//!
//! Without std's own start (signal stack, stack bounds from `/proc/self/maps`), which would cost a tenth of
//! the whole run. What it would have done for us is done here and in `deliver`: SIGPIPE is ignored, and
//! descriptors 0 to 2 are kept free of our socket.
#![no_main]

use magia_hook_handler::args::{USAGE, parse};
use magia_hook_handler::deliver::deliver;
use magia_hook_handler::io::{Deadline, STDERR, ignore_broken_pipes, write_all};
use std::ffi::OsString;
use std::time::Duration;

const EXIT_NOTHING: u8 = 0;
const EXIT_REFUSED: u8 = 2;
/// For a reason on stderr, when all other time is up.
const LAST_WORDS: Duration = Duration::from_millis(100);

// SAFETY: the C runtime's entry, the only function of that name. std reads the arguments by itself.
#[unsafe(no_mangle)]
extern "C" fn main() -> libc::c_int {
    ignore_broken_pipes();
    let given: Vec<OsString> = std::env::args_os().skip(1).collect();
    let exit = match parse(&given) {
        Ok(args) => deliver(&args).unwrap_or_else(|failure| {
            if args.fail_closed {
                complain(&format!("magia-hook-handler: {failure}\n"));
                EXIT_REFUSED
            } else {
                EXIT_NOTHING
            }
        }),
        Err(err) => {
            complain(&format!("magia-hook-handler: {}\n{USAGE}\n", err.reason));
            if err.fail_closed { EXIT_REFUSED } else { EXIT_NOTHING }
        }
    };
    // SAFETY: ends the process; nothing of ours is buffered or waits for a destructor.
    unsafe { libc::_exit(exit.into()) }
}

fn complain(text: &str) {
    // Where stderr is gone there is nobody to tell.
    let _ = write_all(STDERR, text.as_bytes(), Deadline::after(LAST_WORDS));
}
