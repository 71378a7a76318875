//! Starts commands in turn, each from a file as its stdin, and prints how long each took and how large it got.
//!
//! ```text
//! magia-bench-launcher ROUNDS STDIN -- /path/command arg.. -- /path/other arg..
//! ```
//!
//! Each round starts every command once, beginning with another one each time, and prints a line for each:
//! its number in the list, nanoseconds from before the start to after its end, peak memory in KiB and the wait
//! status. Output of the commands is dropped.
//!
//! It is a program of its own, static and without std's start, because Linux counts the memory of whoever
//! starts a process as the process's own until it has called `exec`: what a large benchmark would start
//! could never look smaller than the benchmark.
#![no_main]

use libc::{c_char, c_int};
use std::ffi::CStr;
use std::ptr::{null, null_mut};

const COMMANDS_MAX: usize = 8;
const USAGE: &[u8] = b"usage: magia-bench-launcher ROUNDS STDIN -- /path/command arg.. -- ...\n";

unsafe extern "C" {
    static environ: *const *mut c_char;
}

/// A command: its arguments end at the null pointer that took the place of the next separator.
#[derive(Clone, Copy)]
struct Command(*const *mut c_char);

// SAFETY: the C runtime's entry, the only function of that name.
#[unsafe(no_mangle)]
extern "C" fn main(argc: c_int, argv: *mut *mut c_char) -> c_int {
    let argc = usize::try_from(argc).unwrap_or(0);
    if argc < 3 {
        write(2, USAGE);
        return 2;
    }
    // SAFETY: argv holds argc pointers to strings, and a null pointer behind them.
    let (rounds, stdin) = unsafe { (libc::atoi(*argv.add(1)), *argv.add(2)) };
    let mut commands = [Command(null()); COMMANDS_MAX];
    let mut count = 0;
    for index in 3..argc {
        // SAFETY: as above; a separator becomes the end of the command before it.
        unsafe {
            let place = argv.add(index);
            if CStr::from_ptr(*place).to_bytes() == b"--" {
                *place = null_mut();
                if let Some(free) = commands.get_mut(count) {
                    *free = Command(place.add(1));
                    count += 1;
                }
            }
        }
    }
    for round in 0..usize::try_from(rounds).unwrap_or(0) {
        for turn in 0..count {
            let number = (round + turn) % count;
            let Some(command) = commands.get(number) else { return 2 };
            let Some([nanoseconds, kib, status]) = run(*command, stdin) else {
                write(2, b"a command could not be started\n");
                return 1;
            };
            let mut line = Line { bytes: [0; 96], len: 0 };
            for (value, end) in [(number as u64, b' '), (nanoseconds, b' '), (kib, b' '), (status, b'\n')] {
                line.push_number(value);
                line.push(end);
            }
            write(1, line.bytes.get(..line.len).unwrap_or_default());
        }
    }
    0
}

/// Runs one command to its end: nanoseconds, peak KiB, wait status.
fn run(command: Command, stdin: *const c_char) -> Option<[u64; 3]> {
    // SAFETY: all pointers are to locals or to what the kernel gave us; zero is a valid value of each struct.
    unsafe {
        let mut actions: libc::posix_spawn_file_actions_t = std::mem::zeroed();
        libc::posix_spawn_file_actions_init(&raw mut actions);
        libc::posix_spawn_file_actions_addopen(&raw mut actions, 0, stdin, libc::O_RDONLY, 0);
        for output in [1, 2] {
            let nowhere = c"/dev/null".as_ptr();
            libc::posix_spawn_file_actions_addopen(&raw mut actions, output, nowhere, libc::O_WRONLY, 0);
        }
        let (mut pid, mut status) = (0, 0);
        let mut usage: libc::rusage = std::mem::zeroed();
        let begun = now();
        let failed =
            libc::posix_spawn(&raw mut pid, *command.0, &raw const actions, null(), command.0, environ);
        let waited = if failed == 0 { libc::wait4(pid, &raw mut status, 0, &raw mut usage) } else { -1 };
        let ended = now();
        libc::posix_spawn_file_actions_destroy(&raw mut actions);
        let kib = u64::try_from(usage.ru_maxrss).ok()?;
        (waited == pid).then_some([ended - begun, kib, u64::from(status.cast_unsigned())])
    }
}

fn now() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: writes to a local.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    time.tv_sec.unsigned_abs() * 1_000_000_000 + time.tv_nsec.unsigned_abs()
}

fn write(fd: c_int, bytes: &[u8]) {
    // SAFETY: reads our own bytes. Where nobody listens there is nobody to tell.
    let _ = unsafe { libc::write(fd, bytes.as_ptr().cast(), bytes.len()) };
}

struct Line {
    bytes: [u8; 96],
    len: usize,
}

impl Line {
    fn push(&mut self, byte: u8) {
        if let Some(free) = self.bytes.get_mut(self.len) {
            *free = byte;
            self.len += 1;
        }
    }

    fn push_number(&mut self, value: u64) {
        let mut unit = 1;
        while value / unit >= 10 {
            unit *= 10;
        }
        while unit > 0 {
            self.push(b'0' + (value / unit % 10) as u8);
            unit /= 10;
        }
    }
}
