//! Terminals: a holder's memory, its start, an attaching client, and output through it against bare parsing.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use alacritty_terminal::Term;
use alacritty_terminal::event::VoidListener;
use alacritty_terminal::term::Config;
use alacritty_terminal::vte::ansi::Processor;
use anyhow::{Context, Result, bail};
use magia_tests::{PATIENCE, Sandbox, wait_until};
use magia_tty::client::{connect, errand};
use magia_tty::screen::{self, Screen};
use magia_tty::wire::{ClientKind, Format, FromHolder, Hello};
use magia_tty::{Size, StartOptions, Started, start};
use tokio::runtime::Runtime;

use crate::app::Programs;
use crate::stats::Samples;
use crate::table::Row;

const SIZE: Size = Size::new(120, 50);
/// Lines above the screen in the bare parse, as terminals have them.
const HISTORY: usize = 10_000;
const STARTS: usize = 40;
const ATTACHES: usize = 100;
const ROUNDS: usize = 5;
const STREAM_BYTES: usize = 50 * 1024 * 1024;
const MIB: f64 = 1024.0 * 1024.0;

/// All of them in one place.
pub fn measure(programs: &Programs) -> Result<Vec<Row>> {
    let sandbox = Sandbox::new()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let bench = Bench { sandbox: &sandbox, runtime, exe: programs.path("magia")? };
    let stream = sandbox.work().join("stream");
    fs::write(&stream, mixed_stream()).context("writing the stream")?;
    Ok(vec![
        bench.memory(programs)?,
        bench.start_to_first_byte()?,
        bench.attach_to_screen(&stream)?,
        bench.output_rate(&stream)?,
    ])
}

struct Bench<'a> {
    sandbox: &'a Sandbox,
    runtime: Runtime,
    exe: PathBuf,
}

impl Bench<'_> {
    fn start(&self, exe: &Path, argv: &[&str]) -> Result<Started> {
        let env = self.sandbox.env().into_iter().map(|(name, value)| (name.into(), value.into()));
        Ok(start(StartOptions {
            id: None,
            name: None,
            argv: argv.iter().map(Into::into).collect(),
            cwd: self.sandbox.work(),
            env: env.collect(),
            size: SIZE,
            exe: exe.to_owned(),
            root: self.sandbox.root().join("terminals"),
        })?)
    }

    fn end(&self, terminal: &Started) -> Result<()> {
        self.runtime.block_on(errand::kill(&terminal.dir, None))?;
        Ok(())
    }

    /// An idle holder of each of the programs that can be one.
    fn memory(&self, programs: &Programs) -> Result<Row> {
        let mut figures = Vec::new();
        for name in ["magia", "magia-app"] {
            let terminal = self.start(&programs.path(name)?, &["/bin/cat"])?;
            let client = self.runtime.block_on(connect(&terminal.dir, Hello::window(SIZE)))?;
            drop(client);
            figures.push((name, rss_mib(terminal.holder_pid)?));
            self.end(&terminal)?;
        }
        let text: Vec<String> = figures.iter().map(|(name, mib)| format!("{mib:.1} MiB as {name}")).collect();
        let met = figures.iter().all(|(_, mib)| *mib <= 8.0);
        Ok(Row::new("terminal, idle holder, 120x50: memory (RSS)", text.join(", "), "<= 8 MiB", met))
    }

    fn start_to_first_byte(&self) -> Result<Row> {
        let mut samples = Vec::new();
        for _ in 0..STARTS {
            let begun = Instant::now();
            let terminal = self.start(&self.exe, &["/bin/sh", "-c", "echo x; read wait"])?;
            let hello = Hello { from_start: true, ..Hello::new(ClientKind::Terminal, Format::Ansi) };
            self.runtime.block_on(async {
                let (mut reader, _writer) = connect(&terminal.dir, hello).await?;
                loop {
                    match reader.next().await?.context("the holder hung up")? {
                        FromHolder::Output { .. } => return anyhow::Ok(()),
                        // The byte came before the client, and is on its screen.
                        FromHolder::Snapshot { seq: 1.., .. } => return Ok(()),
                        _ => {}
                    }
                }
            })?;
            samples.push(begun.elapsed().as_secs_f64() * 1e3);
            self.end(&terminal)?;
        }
        let samples = Samples::new(samples);
        let figures = format!("p50 {:.1} ms, p95 {:.1} ms", samples.p50(), samples.at(0.95));
        let met = samples.p50() <= 30.0;
        Ok(Row::new("terminal, start to the first byte at a client", figures, "<= 30 ms", met))
    }

    fn attach_to_screen(&self, stream: &Path) -> Result<Row> {
        let show = format!("head -c 2000000 {}; echo; echo SHOWN; read wait", stream.display());
        let terminal = self.start(&self.exe, &["/bin/sh", "-c", &show])?;
        let mut samples = Vec::new();
        let mut bytes = 0;
        self.runtime.block_on(async {
            errand::wait_text(&terminal.dir, "SHOWN", Some(PATIENCE)).await?;
            for _ in 0..ATTACHES {
                let begun = Instant::now();
                let (mut reader, _writer) = connect(&terminal.dir, Hello::window(SIZE)).await?;
                let shown = loop {
                    let said = reader.next().await?.context("the holder hung up")?;
                    if let FromHolder::Snapshot { data, .. } = said {
                        break data;
                    }
                };
                let screen = Screen::restore(&shown, HISTORY)?;
                samples.push(begun.elapsed().as_secs_f64() * 1e3);
                bytes = shown.len();
                if !screen.text(false).contains("SHOWN") {
                    bail!("the screen is not the terminal's");
                }
            }
            Ok(())
        })?;
        self.end(&terminal)?;
        let samples = Samples::new(samples);
        let figures = format!(
            "p50 {:.1} ms, p95 {:.1} ms (500 lines above it, {} KiB)",
            samples.p50(),
            samples.at(0.95),
            bytes / 1024
        );
        Ok(Row::new("terminal, attach to an exact screen", figures, "<= 20 ms", samples.at(0.95) <= 20.0))
    }

    /// Both in turns, so that other load falls on both alike.
    fn output_rate(&self, stream: &Path) -> Result<Row> {
        let bytes = fs::read(stream).context("reading the stream")?;
        let (mut bare, mut held) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            bare.push(STREAM_BYTES as f64 / MIB / parse(&bytes, SIZE).as_secs_f64());
            held.push(STREAM_BYTES as f64 / MIB / self.flow(stream)?.as_secs_f64());
        }
        let shares = Samples::new(held.iter().zip(&bare).map(|(held, bare)| held / bare).collect());
        let figures = format!(
            "{:.0} MiB/s, bare parsing {:.0} MiB/s: {:.2}x",
            Samples::new(held).p50(),
            Samples::new(bare).p50(),
            shares.p50()
        );
        Ok(Row::new("terminal, output through a holder, recorded", figures, ">= 0.6x", shares.p50() >= 0.6))
    }

    fn flow(&self, stream: &Path) -> Result<Duration> {
        let script = format!("stty raw -echo; read go; exec cat {}", stream.display());
        let terminal = self.start(&self.exe, &["/bin/sh", "-c", &script])?;
        self.runtime.block_on(async {
            let (mut reader, mut writer) = connect(&terminal.dir, Hello::default()).await?;
            errand::wait_quiet(&terminal.dir, Duration::from_millis(200), Some(PATIENCE)).await?;
            let begun = Instant::now();
            writer.input(b"go\n").await?;
            loop {
                if let FromHolder::Exit(_) = reader.next().await?.context("the holder hung up")? {
                    return Ok(begun.elapsed());
                }
            }
        })
    }
}

/// The time that the emulator alone takes.
pub(super) fn parse(bytes: &[u8], size: Size) -> Duration {
    let config = Config { scrolling_history: HISTORY, ..Config::default() };
    let size = screen::Size::cells(size.cols, size.rows);
    let mut term = Term::new(config, &size, VoidListener);
    let mut parser: Processor = Processor::new();
    let begun = Instant::now();
    for piece in bytes.chunks(64 * 1024) {
        parser.advance(&mut term, piece);
    }
    begun.elapsed()
}

fn rss_mib(pid: u32) -> Result<f64> {
    let path = format!("/proc/{pid}/status");
    wait_until("the holder's memory", PATIENCE, || {
        let text = fs::read_to_string(&path).ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        line.trim().strip_suffix(" kB")?.trim().parse::<f64>().ok()
    })
    .map(|kib| kib / 1024.0)
}

/// Logs with colours and a full-screen program that paints itself anew, half and half.
fn mixed_stream() -> Vec<u8> {
    let mut text = String::with_capacity(STREAM_BYTES + 16 * 1024);
    let mut line: u32 = 0;
    while text.len() < STREAM_BYTES {
        for _ in 0..60 {
            line += 1;
            let level = match line % 3 {
                0 => "\u{1b}[32mINFO\u{1b}[m",
                1 => "\u{1b}[33mWARN\u{1b}[m",
                _ => "\u{1b}[1;31mERROR\u{1b}[m",
            };
            // Writing into a String does not fail.
            let _ok = write!(
                text,
                "2026-01-01T00:{:02}:{:02}Z {level} request {line} took {} ms from /a/path/{}\r\n",
                line / 60 % 60,
                line % 60,
                line % 977,
                line % 31
            );
        }
        text.push_str("\u{1b}[H");
        for row in 1..=SIZE.rows {
            let _ok = write!(
                text,
                "\u{1b}[{row};1H\u{1b}[38;5;{}m{row:3} \u{1b}[48;2;20;{};40mcell\u{1b}[m │ {:<60}\u{1b}[K",
                row % 200,
                row % 200,
                line * u32::from(row)
            );
        }
    }
    let mut bytes = text.into_bytes();
    bytes.truncate(STREAM_BYTES);
    bytes
}
