//! Called by an agent's hook; see the library for what it does and promises.
//!
//! Without std's own start (signal stack, stack bounds from `/proc/self/maps`), which would cost a tenth of
//! the whole run. What it would have done for us is done here and in `deliver`: SIGPIPE is ignored, and
//! descriptors 0 to 2 are kept free of our socket.
#![no_main]

use magia_hook_handler::args::{USAGE, parse};
use magia_hook_handler::deliver::deliver;
use magia_hook_handler::io::{Deadline, STDERR, ignore_broken_pipes, write_all};
use std::ffi::{CStr, OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

const EXIT_NOTHING: u8 = 0;
const EXIT_REFUSED: u8 = 2;
/// For a reason on stderr, when all other time is up.
const LAST_WORDS: Duration = Duration::from_millis(100);

// SAFETY: the C runtime's entry, the only function of that name.
#[unsafe(no_mangle)]
extern "C" fn main(argc: libc::c_int, argv: *const *const libc::c_char) -> libc::c_int {
    ignore_broken_pipes();
    // SAFETY: the C runtime's own.
    let exit = match parse(&unsafe { arguments(argc, argv) }) {
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

/// The arguments without the program's name. std knows them without its start only where the C library is glibc.
///
/// # Safety
/// `argv` holds `argc` strings.
unsafe fn arguments(argc: libc::c_int, argv: *const *const libc::c_char) -> Vec<OsString> {
    let count = usize::try_from(argc).unwrap_or(0);
    (1..count)
        .map(|index| {
            // SAFETY: by the caller's promise.
            let text = unsafe { CStr::from_ptr(*argv.add(index)) };
            OsStr::from_bytes(text.to_bytes()).to_owned()
        })
        .collect()
}

fn complain(text: &str) {
    // Where stderr is gone there is nobody to tell.
    let _ = write_all(STDERR, text.as_bytes(), Deadline::after(LAST_WORDS));
}
