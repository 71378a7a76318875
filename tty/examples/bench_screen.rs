//! Prints how fast output is taken in: our screen beside bare alacritty_terminal, on the same generated stream.
//!
//! `cargo run --release -p magia-tty --example bench_screen`: MiB of output in a second of this thread's processor time,
//! best of some rounds taken in turn, the time and size of a snapshot, and the resident memory of a holder's screen.
#![allow(clippy::print_stdout, reason = "a program's own output")]

use std::time::Duration;

use alacritty_terminal::event::VoidListener;
use alacritty_terminal::term::Config;
use alacritty_terminal::vte::ansi::Processor;
use alacritty_terminal::{Term, grid::Dimensions};
use magia_tty::screen::{Screen, Size};

/// Bytes of the stream.
const BYTES: usize = 50 << 20;
/// What one read takes.
const READ: usize = 64 << 10;
const ROUNDS: usize = 5;
const HISTORY: usize = 10_000;

/// Logs, coloured text, Han and box drawing, and a full-screen program that repaints.
fn stream() -> Vec<u8> {
    let mut out = String::with_capacity(BYTES + 4096);
    let mut n = 0u64;
    while out.len() < BYTES {
        n = n.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let (a, b) = ((n >> 33) % 256, (n >> 45) % 120);
        match (n >> 60) % 8 {
            0..=2 => {
                out += &format!(
                    "2026-11-27T08:00:{:02}.{a:03}Z INFO worker-{b}: handled request {n:x} in {a} ms\r\n",
                    b % 60
                )
            }
            3 => {
                out += &format!(
                    "\x1b[32m+ added line {a}\x1b[m \x1b[38;5;{a}mindexed\x1b[m \x1b[1;38;2;{a};{b};9mtrue\x1b[m\r\n"
                )
            }
            4 => {
                out += "\u{4e16}\u{754c} \u{2500}\u{2502}\u{250c}\u{2510} \u{28ff}\u{2847} \u{3053}\u{3093}\u{306b}\u{3061}\u{306f}\r\n"
            }
            5 => {
                out += "\x1b[?2026h\x1b[H";
                for row in 1..=20 {
                    out += &format!(
                        "\x1b[{row};1H\x1b[7m {a:>3} \x1b[27m\x1b[3{}mcell {b}\x1b[39m\x1b[K",
                        row % 8
                    );
                }
                out += "\x1b[?2026l\x1b[50;1H";
            }
            6 => out += &format!("\x1b[{};{}H\x1b[2Kprogress {a}%\x1b[1A\r\n", b % 50 + 1, a % 80 + 1),
            _ => {
                out += "    fn main() -> Result<(), Box<dyn std::error::Error>> { println!(\"hello\"); Ok(()) }\r\n"
            }
        }
    }
    out.truncate(out.floor_char_boundary(BYTES));
    out.into_bytes()
}

fn ours(bytes: &[u8], size: Size) -> (Duration, Screen) {
    let mut screen = Screen::new(size, HISTORY);
    let start = now();
    bytes.chunks(READ).for_each(|read| screen.advance(read));
    (now() - start, screen)
}

fn bare(bytes: &[u8], size: Size) -> Duration {
    let config = Config { scrolling_history: HISTORY, kitty_keyboard: true, ..Config::default() };
    let mut term = Term::new(config, &size, VoidListener);
    let mut processor: Processor = Processor::new();
    let start = now();
    bytes.chunks(READ).for_each(|read| processor.advance(&mut term, read));
    let took = now() - start;
    assert!(term.total_lines() > 0);
    took
}

/// The processor time that this thread has had, so that a busy machine matters less.
#[cfg(unix)]
fn now() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is valid, and the clock exists wherever this is built.
    let done = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    assert_eq!(done, 0, "the thread's clock can be read");
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// The time of day, where there is no clock of a thread.
#[cfg(not(unix))]
fn now() -> Duration {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default()
}

/// Resident memory of this process in KiB, where /proc tells.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?.split_whitespace().next()?.parse().ok()
}

fn main() {
    let small = Size::cells(80, 24);
    let before = resident();
    let mut screen = Screen::new(small, 500);
    (0..2000).for_each(|line| {
        screen.advance(format!("line {line} of a program that writes a lot\r\n").as_bytes())
    });
    if let (Some(before), Some(after)) = (before, resident()) {
        println!("memory of 80x24 with 500 rows of history: {} KiB (process {after} KiB)", after - before);
    }
    let start = now();
    let snapshot = screen.snapshot();
    let written = now() - start;
    let start = now();
    let restored = Screen::restore(&snapshot, 500);
    println!("snapshot of it: {} bytes, written in {written:?}, read in {:?}", snapshot.len(), now() - start);
    assert!(restored.is_ok(), "a snapshot is read again");

    let bytes = stream();
    let size = Size::cells(120, 50);
    let (mut best_ours, mut best_bare) = (Duration::MAX, Duration::MAX);
    for _ in 0..ROUNDS {
        best_bare = best_bare.min(bare(&bytes, size));
        best_ours = best_ours.min(ours(&bytes, size).0);
    }
    let speed = |took: Duration| BYTES as f64 / f64::from(1 << 20) / took.as_secs_f64();
    println!("alacritty_terminal: {:.1} MiB/s", speed(best_bare));
    println!("our screen: {:.1} MiB/s ({:.2} of it)", speed(best_ours), speed(best_ours) / speed(best_bare));
}
