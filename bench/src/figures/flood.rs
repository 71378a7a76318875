//! Four terminals side by side in the window, each written to at 5 MB/s, and a fifth in which a person types: how often the
//! window draws, and how long a key takes to be seen.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use magia_tests::{Display, PATIENCE, Sandbox, wait_until};
use magia_tty::{Size, StartOptions, TerminalId, start};
use serde_json::{Value, json};

use crate::app::{App, Programs};
use crate::frames;
use crate::pointer::Pointer;
use crate::screen::{Keyboard, Screen};
use crate::stats::Samples;
use crate::table::Row;

/// The word that makes this program write into the terminal that it runs in.
pub const WRITER: &str = "flood-output";
const RATE_BYTES: f64 = 5e6;
/// So often a second each writes its share.
const PIECES: f64 = 50.0;
const NAMES: [&str; 5] = ["flood1", "flood2", "flood3", "flood4", "typed"];
const KEYS: usize = 60;
/// How long frames are counted at least.
const LENGTH: Duration = Duration::from_secs(10);
/// Where the list's rows are in a window of 1280x800, and its menu's items below the pointer.
const FIRST_ROW: (i16, i16) = (120, 110);
const ROW_HEIGHT: i16 = 44;
const BESIDE: i16 = 51;
const BELOW: i16 = 83;
/// The first line of the terminal that a person types into: left, top, width, height.
const TYPED: (i16, i16, u16, u16) = (764, 92, 510, 20);

/// The program in a terminal: waits for the file `begin`, then writes until it is ended.
pub fn write_output(begin: &Path) -> Result<()> {
    wait_until("the start", 10 * PATIENCE, || begin.exists().then_some(()))?;
    let mut piece = Vec::new();
    let mut number = 0_u64;
    while (piece.len() as f64) < RATE_BYTES / PIECES {
        number += 1;
        writeln!(
            piece,
            "\x1b[3{}m{number:>8}\x1b[m the quick brown fox jumps over the lazy dog, again and again\r",
            number % 8
        )?;
    }
    let begun = Instant::now();
    for written in 1_u32.. {
        std::io::stdout().write_all(&piece)?;
        std::thread::sleep(
            Duration::from_secs_f64(f64::from(written) / PIECES).saturating_sub(begun.elapsed()),
        );
    }
    Ok(())
}

/// Frames and keys in the flood.
pub fn measure(programs: &Programs) -> Result<Vec<Row>> {
    let sandbox = Sandbox::new()?;
    let display = Display::start(&sandbox)?;
    let begin = sandbox.work().join("begin");
    start_all(&sandbox, programs, &begin)?;
    // A cursor that blinks is no echo.
    let config = sandbox.root().join("config/magia");
    std::fs::create_dir_all(&config).context("making the settings' directory")?;
    std::fs::write(config.join("settings.json"), json!({ "terminalCursorBlink": false }).to_string())?;
    let mut command = sandbox.command(programs.path("magia-app")?);
    let (variable, value) = frames::NOTED;
    command.env("DISPLAY", display.name()).env("LIBGL_ALWAYS_SOFTWARE", "1").env(variable, value);
    let mut app = App::spawned(&sandbox, sandbox.spawn("magia-window", command)?);
    app.wait_until_ready()?;
    show_all(&sandbox, &display, &app)?;
    let screen = Screen::open(display.name())?;
    let keyboard = Keyboard::open(display.name())?;
    std::fs::write(&begin, "")?;
    let before = app.frames().len();
    let begun = Instant::now();
    let keys = type_keys(&screen, &keyboard)?;
    std::thread::sleep(LENGTH.saturating_sub(begun.elapsed()));
    let frames = app.frames();
    let drawn = frames.get(before..).filter(|drawn| drawn.len() > 20).context("hardly a frame was drawn")?;
    let gaps = frames::gaps(drawn);
    let built = frames::built(drawn);
    app.stop()?;
    Ok(vec![
        Row::new(
            "frames while four terminals get 5 MB/s each, side by side, 1280x800",
            format!(
                "p50 {:.0} ms, p95 {:.0} ms, most {:.0} ms (built in {:.1} ms); n={}",
                gaps.p50(),
                gaps.at(0.95),
                gaps.max(),
                built.p50(),
                gaps.len()
            ),
            "p95 <= 50 ms",
            gaps.at(0.95) <= 50.0,
        ),
        Row::new(
            "a key to its echo on the screen in a fifth terminal meanwhile",
            format!("p50 {:.0} ms, p95 {:.0} ms; n={}", keys.p50(), keys.at(0.95), keys.len()),
            "p95 <= 100 ms",
            keys.at(0.95) <= 100.0,
        ),
    ])
}

fn start_all(sandbox: &Sandbox, programs: &Programs, begin: &Path) -> Result<()> {
    let own = std::env::current_exe().context("finding this program's own path")?;
    let data = sandbox.root().join("data/magia");
    std::fs::create_dir_all(&data).context("making the data directory")?;
    for name in NAMES {
        let flood: [PathBuf; 3] = [own.clone(), WRITER.into(), begin.to_owned()];
        let argv = if name == "typed" { vec!["cat".into()] } else { flood.map(Into::into).to_vec() };
        let env = sandbox.env().into_iter().map(|(name, value)| (name.into(), value.into()));
        start(StartOptions {
            id: Some(TerminalId::new(name)?),
            name: Some(name.to_owned()),
            argv,
            cwd: sandbox.work(),
            env: env.collect(),
            size: Size::new(80, 24),
            exe: programs.path("magia")?,
            root: data.join("terminals"),
        })?;
    }
    Ok(())
}

/// Opens the first by a click, the others by the list's menu, each beside or below those before.
fn show_all(sandbox: &Sandbox, display: &Display, app: &App) -> Result<()> {
    let columns = || -> Result<Vec<u64>> {
        let all = app.client()?.call("get_terminals", json!({}))?;
        let of = |name: &str| {
            let row =
                all.as_array()?.iter().find(|row| row.get("id").and_then(Value::as_str) == Some(name))?;
            row.get("cols")?.as_u64()
        };
        NAMES.iter().map(|name| of(name).with_context(|| format!("no terminal {name}"))).collect()
    };
    wait_until("the terminals to be listed", PATIENCE, || columns().ok())?;
    let pid = app.pid().to_string();
    let found = || display.run(sandbox, &["xdotool", "search", "--onlyvisible", "--pid", &pid]);
    let window = wait_until("the window", PATIENCE, || found().ok()?.lines().next().map(str::to_owned))?;
    display.run(sandbox, &["xdotool", "windowactivate", "--sync", &window])?;
    display.run(sandbox, &["xdotool", "key", "ctrl+grave"])?;
    let pointer = Pointer::open(display.name())?;
    // A frame for each step: what a click opens is there before the next one.
    let pause = || std::thread::sleep(Duration::from_millis(400));
    pause();
    for (row, name) in (0_i16..).zip(NAMES) {
        let (x, y) = (FIRST_ROW.0, FIRST_ROW.1 + row * ROW_HEIGHT);
        pointer.move_to(x, y)?;
        if row == 0 {
            pointer.click(1)?;
        } else {
            pointer.click(3)?;
            pause();
            let item = if name == "typed" || row == 2 { BESIDE } else { BELOW };
            pointer.move_to(x + 24, y + item)?;
            pause();
            pointer.click(1)?;
        }
        pause();
    }
    let shown = wait_until("five terminals side by side", PATIENCE, || {
        let shown = columns().ok()?;
        shown.iter().all(|columns| *columns != 80).then_some(shown)
    });
    shown.map(drop).context("the list is not where it is clicked")
}

fn type_keys(screen: &Screen, keyboard: &Keyboard) -> Result<Samples> {
    let mut times = Vec::new();
    for key in 0..KEYS {
        let before = screen.look_at(TYPED)?;
        let pressed = Instant::now();
        keyboard.type_a()?;
        while screen.look_at(TYPED)? == before {
            if pressed.elapsed() > PATIENCE {
                bail!("a key was not echoed");
            }
        }
        times.push(pressed.elapsed().as_secs_f64() * 1e3);
        // Not in step with any clock of the terminal's.
        std::thread::sleep(Duration::from_millis(90 + (key as u64 * 7) % 40));
    }
    Ok(times.into_iter().collect())
}
