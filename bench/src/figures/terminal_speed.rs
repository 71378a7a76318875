//! What scenarios of vtebench's kind cost: through a holder, in the parser alone, in alacritty and in xterm.
//!
//! The scenarios are those of vtebench by name and by what they do. A program in the terminal writes one of them over and
//! over, asks for the cursor and waits for the answer: then all of it has been read. All but the bare parser run in turns.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use magia_tests::{Display, PATIENCE, Sandbox, wait_until};
use magia_tty::client::{connect, errand};
use magia_tty::wire::Hello;
use magia_tty::{Size, StartOptions, start};

use super::terminal::parse;
use crate::app::Programs;
use crate::stats::Samples;
use crate::table::Row;

/// The word that makes this program write a scenario into the terminal that it runs in.
pub const WRITER: &str = "vte-output";
/// All terminals have it.
const SIZE: Size = Size::new(120, 40);
/// How much is written of each.
const BYTES: usize = 6 * 1024 * 1024;
const ROUNDS: usize = 3;

/// A scenario by its name.
type Scenario = (&'static str, fn(Size) -> String);

const SCENARIOS: [Scenario; 12] = [
    ("cursor_motion", cursor_motion),
    ("dense_cells", dense_cells),
    ("light_cells", light_cells),
    ("medium_cells", medium_cells),
    ("scrolling", |size| scrolling(size, None, "y\r\n".to_owned())),
    ("scrolling_fullscreen", |size| scrolling(size, None, full_line(size))),
    ("scrolling_bottom_region", |size| scrolling(size, Some((1, size.rows - 1)), "y\r\n".to_owned())),
    ("scrolling_bottom_small_region", |size| scrolling(size, Some((1, size.rows / 2)), "y\r\n".to_owned())),
    ("scrolling_top_region", |size| scrolling(size, Some((2, size.rows)), "y\r\n".to_owned())),
    ("scrolling_top_small_region", |size| {
        scrolling(size, Some((size.rows / 2, size.rows)), "y\r\n".to_owned())
    }),
    ("sync_medium_cells", |size| format!("\x1b[?2026h{}\x1b[?2026l", medium_cells(size))),
    ("unicode", unicode),
];

/// The cursor goes round the screen from the edge inwards and back, one letter at each place.
fn cursor_motion(size: Size) -> String {
    let (columns, rows) = (size.cols, size.rows);
    let mut text = String::new();
    let mut put = |row: u16, column: u16, letter: char| {
        // Writing into a String does not fail.
        let _ok = write!(text, "\x1b[{row};{column}H{letter}");
    };
    for (turn, letter) in (0..rows / 2).zip(('A'..='Z').cycle()) {
        let (top, bottom, left, right) = (1 + turn, rows - turn, 1 + turn, columns - turn);
        (left..=right).for_each(|column| put(top, column, letter));
        (top..=bottom).for_each(|row| put(row, right, letter));
        (left..=right).rev().for_each(|column| put(bottom, column, letter));
        (top..=bottom).rev().for_each(|row| put(row, left, letter));
    }
    text
}

/// Every cell with attributes and colours of its own.
fn dense_cells(size: Size) -> String {
    let mut text = String::new();
    for (offset, letter) in ('A'..='Z').enumerate() {
        text.push_str("\x1b[H");
        for row in 0..size.rows {
            for column in 0..size.cols {
                let index = usize::from(row) + usize::from(column) + offset;
                let _ok = write!(text, "\x1b[38;5;{};48;5;{};1;3;4m{letter}", index % 156, 255 - index % 156);
            }
        }
    }
    text + "\x1b[m"
}

/// Every cell, without attributes.
fn light_cells(size: Size) -> String {
    let cells = usize::from(size.cols) * usize::from(size.rows);
    ('A'..='Z').map(|letter| format!("\x1b[H{}", String::from(letter).repeat(cells))).collect()
}

/// As an editor paints: words in colours, and the rest of each line erased.
fn medium_cells(size: Size) -> String {
    let mut text = String::new();
    for page in 0..20_u16 {
        text.push_str("\x1b[H");
        for row in 0..size.rows {
            let _ok = write!(
                text,
                "\x1b[{};1H\x1b[38;5;130m{:4} \x1b[38;5;9mlet\x1b[m value_{page} = \x1b[1;38;5;2m\"text {row}\"\x1b[m.\
                 len() + \x1b[38;5;12m{}\x1b[m; \x1b[3;38;5;8m// what it is\x1b[m\x1b[K",
                row + 1,
                row + page,
                row * page,
            );
        }
    }
    text
}

/// Lines, with margins or without.
fn scrolling(size: Size, margins: Option<(u16, u16)>, line: String) -> String {
    let margins = margins.map(|(top, bottom)| format!("\x1b[{top};{bottom}r\x1b[{bottom};1H"));
    let begin = margins.unwrap_or_else(|| format!("\x1b[r\x1b[{};1H", size.rows));
    begin + &line.repeat(20_000)
}

fn full_line(size: Size) -> String {
    "a".repeat(usize::from(size.cols)) + "\r\n"
}

/// Letters of many scripts, wide ones, combining ones, emoji, box drawing and braille.
fn unicode(size: Size) -> String {
    let samples = "ÄÖÜß éèê Ωλπ жщю ابج नमस्ते ไทย 日本語 漢字 한국어 ─│┌┐█▓▒ ⠋⠙⠹ ⏺✻ 😀🚀👍 e\u{301}n\u{303} ";
    let lines = usize::from(size.rows) * 40;
    (0..lines).map(|line| format!("{line} {samples}{samples}\r\n")).collect()
}

/// The program in the terminal: `vte-output SCENARIO FILE`. The file gets the milliseconds that it took.
pub fn write_output(words: &[String]) -> Result<()> {
    let [name, file] = words else { bail!("usage: {WRITER} SCENARIO FILE") };
    let (_, scenario) = SCENARIOS.iter().find(|(known, _)| known == name).context("an unknown scenario")?;
    let (mut stdin, mut stdout) = (std::io::stdin().lock(), std::io::stdout().lock());
    make_raw(stdout.as_raw_fd());
    let payload = scenario(SIZE);
    let mut ask = |text: &str| -> Result<()> {
        stdout.write_all(text.as_bytes())?;
        stdout.flush()?;
        let mut byte = [0];
        while byte != *b"R" {
            stdin.read_exact(&mut byte).context("the terminal does not answer")?;
        }
        Ok(())
    };
    // The terminal is there, and has read what came before.
    ask("\x1b[2J\x1b[H\x1b[6n")?;
    let begun = Instant::now();
    let mut written = 0;
    while written < BYTES {
        std::io::stdout().write_all(payload.as_bytes())?;
        written += payload.len();
    }
    ask("\x1b[6n")?;
    let took = begun.elapsed().as_secs_f64() * 1e3 / written as f64 * BYTES as f64;
    std::fs::write(file, format!("{took}\n")).context("writing the time")
}

fn make_raw(terminal: i32) {
    // SAFETY: all zeros is a valid termios, which the calls fill and read; the descriptor is open.
    unsafe {
        let mut modes: libc::termios = std::mem::zeroed();
        libc::tcgetattr(terminal, &raw mut modes);
        libc::cfmakeraw(&raw mut modes);
        libc::tcsetattr(terminal, libc::TCSANOW, &raw const modes);
    }
}

/// All scenarios.
pub fn measure(programs: &Programs) -> Result<Vec<Row>> {
    let sandbox = Sandbox::new()?;
    let display = Display::start(&sandbox)?;
    let bench = Bench { sandbox: &sandbox, display: &display, holder: programs.path("magia")? };
    SCENARIOS.iter().map(|scenario| bench.row(scenario)).collect()
}

struct Bench<'a> {
    sandbox: &'a Sandbox,
    display: &'a Display,
    holder: PathBuf,
}

impl Bench<'_> {
    fn row(&self, (name, scenario): &Scenario) -> Result<Row> {
        let payload = scenario(SIZE).into_bytes();
        let (mut bare, mut held, mut alacritty, mut xterm) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for round in 0..ROUNDS {
            bare.push(floor(&payload));
            let file = |of: &str| self.sandbox.work().join(format!("{name}-{of}-{round}"));
            held.push(self.through_a_holder(name, &file("held"))?);
            let (columns, rows) = (SIZE.cols, SIZE.rows);
            let geometry =
                [format!("window.dimensions.columns={columns}"), format!("window.dimensions.lines={rows}")];
            let mut command = self.sandbox.command("alacritty");
            command.args(["-o", &geometry[0], "-o", &geometry[1], "-o", "scrolling.history=10000", "-e"]);
            alacritty.push(self.in_a_window(command, name, &file("alacritty"))?);
            let mut command = self.sandbox.command("xterm");
            command.args(["-geometry", &format!("{columns}x{rows}"), "-sl", "10000", "-e"]);
            xterm.push(self.in_a_window(command, name, &file("xterm"))?);
        }
        let [bare, held, alacritty, xterm] = [bare, held, alacritty, xterm].map(|it| Samples::new(it).p50());
        let limit = (1.3 * bare).max(1.15 * alacritty);
        Ok(Row::new(
            format!("terminal, 6 MiB of {name}, 120x40"),
            format!(
                "{held:.0} ms; bare parser {bare:.0} ({:.2}x), alacritty {alacritty:.0} ({:.2}x), xterm {xterm:.0} ({:.2}x)",
                held / bare,
                held / alacritty,
                held / xterm
            ),
            "<= 1.3x parser or 1.15x alacritty, <= 0.25x xterm",
            held <= limit && held <= 0.25 * xterm,
        ))
    }

    fn words(name: &str, file: &Path) -> Result<Vec<PathBuf>> {
        let own = std::env::current_exe().context("finding this program's own path")?;
        Ok(vec![own, WRITER.into(), name.into(), file.to_owned()])
    }

    /// With a client that takes the output, as a window does, and the recording.
    fn through_a_holder(&self, name: &str, file: &Path) -> Result<f64> {
        let env = self.sandbox.env().into_iter().map(|(name, value)| (name.into(), value.into()));
        let terminal = start(StartOptions {
            id: None,
            name: None,
            argv: Self::words(name, file)?.into_iter().map(Into::into).collect(),
            cwd: self.sandbox.work(),
            env: env.collect(),
            size: SIZE,
            exe: self.holder.clone(),
            root: self.sandbox.root().join("terminals"),
        })?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let took = runtime.block_on(async {
            let (mut reader, _writer) = connect(&terminal.dir, Hello::window(SIZE)).await?;
            let hear = async { while let Ok(Some(_)) = reader.next().await {} };
            tokio::select! {
                () = hear => bail!("the holder hung up"),
                took = time_in(file) => took,
            }
        })?;
        // It ends with its program; a moment more or less is nobody's.
        drop(runtime.block_on(errand::kill(&terminal.dir, None)));
        Ok(took)
    }

    fn in_a_window(&self, mut command: Command, name: &str, file: &Path) -> Result<f64> {
        command.env("DISPLAY", self.display.name()).env("LIBGL_ALWAYS_SOFTWARE", "1");
        command.args(Self::words(name, file)?);
        let _program = self.sandbox.spawn("terminal", command)?;
        wait_until("the scenario's end", 4 * PATIENCE, || read_time(file))
    }
}

async fn time_in(file: &Path) -> Result<f64> {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        if let Some(took) = read_time(file) {
            return Ok(took);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    bail!("the scenario did not end")
}

fn read_time(file: &Path) -> Option<f64> {
    std::fs::read_to_string(file).ok()?.strip_suffix('\n')?.parse().ok()
}

/// The parser alone, for as many bytes.
fn floor(payload: &[u8]) -> f64 {
    let bytes: Vec<u8> = payload.iter().copied().cycle().take(BYTES.max(payload.len())).collect();
    parse(&bytes, SIZE).as_secs_f64() * 1e3 / bytes.len() as f64 * BYTES as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scenario_writes_something_and_stays_on_the_screen() {
        for (name, scenario) in SCENARIOS {
            let payload = scenario(SIZE);
            assert!(payload.len() > 1000, "{name}");
            assert!(!payload.contains(";0H") && !payload.contains("[0;"), "{name}");
        }
    }
}
