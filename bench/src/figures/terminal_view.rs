//! The window's terminal by itself (`app/examples/terminal.rs`): what a spinner costs, beside kitty and egui_term
//! (`bench/peers/egui_term`) in turns, and how long a key takes to be seen.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use magia_tests::{Display, PATIENCE, Program, Sandbox, wait_until};

use crate::app::Programs;
use crate::proc::cpu_time;
use crate::screen::{Keyboard, Screen};
use crate::stats::Samples;
use crate::table::Row;

/// Lines above the screen before the spinner begins.
const HISTORY: usize = 10_000;
/// Updates, and how many in a second.
const UPDATES: u32 = 150;
const EVERY: Duration = Duration::from_millis(50);
/// How long a terminal is left alone before it is measured.
const SETTLE: Duration = Duration::from_secs(2);
const ROUNDS: usize = 3;
const KEYS: usize = 60;
/// The peer's program, beside ours.
const PEER: &str = "magia-peer-egui-term";

/// The program that is run in a terminal: fills the scrollback, waits for the file `begin`, then turns.
pub fn spin(begin: &Path) -> Result<()> {
    let mut out = std::io::stdout();
    for line in 0..HISTORY {
        writeln!(
            out,
            "\x1b[3{}m{line:>6}\x1b[0m the quick brown fox jumps over the lazy dog, again and again",
            line % 8
        )?;
    }
    write!(out, "\x1b[?25l")?;
    out.flush()?;
    std::fs::write(begin.with_extension("ready"), "")?;
    wait_until("the start", PATIENCE, || begin.exists().then_some(()))?;
    for update in 0..UPDATES {
        let frames = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
        let turned = frames.into_iter().cycle().nth(update as usize).unwrap_or('⠋');
        write!(
            out,
            "\x1b[?2026h\r\x1b[K\x1b[35m{turned}\x1b[0m Working... \x1b[2m({} s)\x1b[0m\x1b[?2026l",
            update / 20
        )?;
        out.flush()?;
        std::thread::sleep(EVERY);
    }
    std::fs::write(begin.with_extension("done"), "")?;
    wait_until("the end", PATIENCE, || None::<()>).or(Ok(()))
}

/// The spinner's cost and the time from a key to its echo on the screen.
pub fn measure(programs: &Programs) -> Result<Vec<Row>> {
    let ours = programs.path("examples/terminal")?;
    let sandbox = Sandbox::new()?;
    let display = Display::start(&sandbox)?;
    let peer = programs.path(PEER).ok();
    let (mut mine, mut kittys, mut peers) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let command = |begin: &Path| our_command(&sandbox, &ours, &spin_command(begin)?);
        mine.push(spinner(&sandbox, &display, &format!("ours-{round}"), command)?);
        let command = |begin: &Path| kitty_command(&sandbox, &spin_command(begin)?);
        kittys.push(spinner(&sandbox, &display, &format!("kitty-{round}"), command)?);
        if let Some(peer) = &peer {
            let command = |begin: &Path| {
                let mut command = sandbox.command(peer);
                command.args(spin_command(begin)?);
                Ok(command)
            };
            peers.push(spinner(&sandbox, &display, &format!("egui_term-{round}"), command)?);
        }
    }
    let mine: Samples = mine.into_iter().collect();
    let mut rows = vec![spinner_row(&mine, &kittys.into_iter().collect())];
    rows.push(peer_row(&mine, &peers.into_iter().collect()));
    rows.push(echo(&sandbox, &display, &ours)?);
    Ok(rows)
}

fn spinner_row(mine: &Samples, kittys: &Samples) -> Row {
    let times = mine.p50() / kittys.p50();
    Row::new(
        "terminal, a spinner 20 times a second, 10,000 lines of history, 1000x600",
        format!(
            "{:.0} ms CPU ({:.0}-{:.0}) in {:.1} s; kitty {:.0} ms ({:.0}-{:.0}): {times:.2}x; n={ROUNDS}",
            mine.p50(),
            mine.at(0.0),
            mine.max(),
            (EVERY * UPDATES).as_secs_f64(),
            kittys.p50(),
            kittys.at(0.0),
            kittys.max(),
        ),
        "<= 1.0x kitty",
        times <= 1.0,
    )
}

fn peer_row(mine: &Samples, peers: &Samples) -> Row {
    let name = "terminal, the same spinner in egui_term 0.1.0, by CPU";
    if peers.len() == 0 {
        return Row::told(name, format!("NOT MEASURED: {PEER} is not built"));
    }
    let times = mine.p50() / peers.p50();
    let figures = format!("{:.0} ms CPU; ours {:.0} ms: {times:.2}x; n={ROUNDS}", peers.p50(), mine.p50());
    Row::new(name, figures, "<= 1/6", times <= 1.0 / 6.0)
}

fn spin_command(begin: &Path) -> Result<Vec<PathBuf>> {
    let own = std::env::current_exe().context("finding this program's own path")?;
    Ok(vec![own, "spin".into(), begin.to_owned()])
}

fn our_command(sandbox: &Sandbox, ours: &Path, program: &[PathBuf]) -> Result<Command> {
    let mut command = sandbox.command(ours);
    command.args(["--size", "1000x600", "--no-blink", "--"]).args(program);
    Ok(command)
}

fn kitty_command(sandbox: &Sandbox, program: &[PathBuf]) -> Result<Command> {
    let mut command = sandbox.command("kitty");
    for option in [
        "initial_window_width=1000",
        "initial_window_height=600",
        "remember_window_size=no",
        "scrollback_lines=10000",
        "cursor_blink_interval=0",
        "update_check_interval=0",
    ] {
        command.args(["-o", option]);
    }
    command.args(["--config", "NONE"]).args(program);
    Ok(command)
}

/// CPU milliseconds of a terminal while the spinner turns; neither its child nor the X server counts.
fn spinner(
    sandbox: &Sandbox,
    display: &Display,
    name: &str,
    command: impl FnOnce(&Path) -> Result<Command>,
) -> Result<f64> {
    let begin = sandbox.work().join(name);
    let mut command = command(&begin)?;
    command.env("DISPLAY", display.name()).env("LIBGL_ALWAYS_SOFTWARE", "1");
    let mut program = sandbox.spawn(name, command)?;
    wait_for_file(&begin.with_extension("ready"), &mut program)?;
    std::thread::sleep(SETTLE);
    let before = cpu_time(program.pid())?;
    std::fs::write(&begin, "")?;
    wait_for_file(&begin.with_extension("done"), &mut program)?;
    Ok((cpu_time(program.pid())? - before).as_secs_f64() * 1e3)
}

fn wait_for_file(path: &Path, program: &mut Program) -> Result<()> {
    let outcome = wait_until("the program in the terminal", PATIENCE, || {
        if let Some(status) = program.try_wait() {
            return Some(Err(status));
        }
        path.exists().then_some(Ok(()))
    })?;
    outcome.map_err(|status| anyhow::anyhow!("the terminal ended ({status}): {}", program.stderr()))
}

/// From pressing a key to the changed pixels, with the terminal driver's own echo.
fn echo(sandbox: &Sandbox, display: &Display, ours: &Path) -> Result<Row> {
    let screen = Screen::open(display.name())?;
    let keyboard = Keyboard::open(display.name())?;
    let mut command = our_command(sandbox, ours, &["cat".into()])?;
    command.env("DISPLAY", display.name()).env("LIBGL_ALWAYS_SOFTWARE", "1");
    let _program = sandbox.spawn("echo", command)?;
    let window = wait_until("the terminal's window", PATIENCE, || {
        display.run(sandbox, &["xdotool", "search", "--onlyvisible", "--class", "magia-terminal"]).ok()
    })?;
    let window = window.lines().next().context("a window")?;
    display.run(sandbox, &["xdotool", "windowactivate", "--sync", window])?;
    std::thread::sleep(SETTLE);
    let mut times = Vec::new();
    for _ in 0..KEYS {
        let before = screen.look()?;
        let pressed = Instant::now();
        keyboard.type_a()?;
        loop {
            if screen.look()? != before {
                break;
            }
            if pressed.elapsed() > PATIENCE {
                bail!("a key was not echoed");
            }
        }
        times.push(pressed.elapsed().as_secs_f64() * 1e3);
        // Not in step with any clock of the terminal's.
        std::thread::sleep(Duration::from_millis(90 + (times.len() as u64 * 7) % 40));
    }
    let times: Samples = times.into_iter().collect();
    Ok(Row::new(
        "terminal, a key to its echo on the screen, 1000x600, drawn by software",
        format!("p50 {:.1} ms, p95 {:.1}; n={}", times.p50(), times.at(0.95), times.len()),
        "p50 <= 25 ms",
        times.p50() <= 25.0,
    ))
}
