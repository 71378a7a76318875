//! Pages that have much to show: a long diff, the palette over 10,000 sessions, another theme. A program of its own draws
//! them with the window's own code and notes its frames (`app/examples/bench_frames.rs`).

use anyhow::{Context, Result, bail};
use magia_tests::{Display, Sandbox};

use crate::app::Programs;
use crate::table::Row;

/// What `scripts/bench.sh` calls the example.
const PROGRAM: &str = "magia-bench-frames";

/// Frames of those pages.
pub fn measure(programs: &Programs) -> Result<Vec<Row>> {
    let sandbox = Sandbox::new()?;
    let display = Display::start(&sandbox)?;
    // All of its pages: the first has the window's own start in it.
    let mut command = sandbox.command(programs.path(PROGRAM)?);
    command.env("DISPLAY", display.name()).env("LIBGL_ALWAYS_SOFTWARE", "1");
    let ran = command.output().context("drawing the pages")?;
    if !ran.status.success() {
        bail!("the pages were not drawn: {}", String::from_utf8_lossy(&ran.stderr));
    }
    let phases = read(&String::from_utf8_lossy(&ran.stdout));
    let one = |words: &str| {
        let found = phases.iter().find(|phase| phase.name.contains(words));
        found.with_context(|| format!("no figures of {words:?}"))
    };
    let (wheel, flung) = (one("diff, wheel")?, one("diff, flung")?);
    let (palette, theme) = (one("palette")?, one("theme")?);
    let opened = wheel.opened_ms;
    let (wheel, flung) = (wheel.frame_p95_ms, flung.frame_p95_ms);
    let (palette_p50, palette_p95, _) = palette.shown.context("the palette was never shown")?;
    let (_, theme_p95, frames) = theme.shown.context("the theme was never switched")?;
    Ok(vec![
        Row::new("a diff of 5,000 lines is opened", format!("{opened:.1} ms"), "<= 50 ms", opened <= 50.0),
        Row::new(
            "frames while it is scrolled, 1280x800",
            format!("p95 {wheel:.1} ms, flung {flung:.1} ms"),
            "p95 <= 16 ms",
            wheel <= 16.0 && flung <= 16.0,
        ),
        Row::new(
            "palette over 10,000 sessions, from the key to its frame",
            format!("p50 {palette_p50:.1} ms, p95 {palette_p95:.1} ms"),
            "<= 50 ms",
            palette_p95 <= 50.0,
        ),
        Row::new(
            "another theme, from the settings to its frame",
            format!("p95 {theme_p95:.1} ms, {frames} frames at most"),
            "<= 1 frame",
            frames <= 1,
        ),
    ])
}

/// What the program says of one page, in milliseconds.
#[derive(Debug, Default, PartialEq)]
struct Phase {
    name: String,
    frame_p95_ms: f64,
    opened_ms: f64,
    /// p50, p95, and after how many frames.
    shown: Option<(f64, f64, u32)>,
}

fn read(text: &str) -> Vec<Phase> {
    let number = |line: &str, after: &str| {
        let rest = line.split_once(after)?.1.trim_start();
        rest.split(' ').next()?.parse::<f64>().ok()
    };
    let mut phases: Vec<Phase> = Vec::new();
    for line in text.lines() {
        if let Some((name, _)) = line.split_once(" ui ").filter(|_| !line.starts_with(' ')) {
            phases.push(Phase { name: name.trim().to_owned(), ..Phase::default() });
        }
        let Some(phase) = phases.last_mut() else { continue };
        let line = line.trim_start();
        if line.starts_with("frame ") {
            phase.frame_p95_ms = number(line, "p95").unwrap_or(f64::MAX);
        } else if line.starts_with("longest ") {
            phase.opened_ms = number(line, "opens:").unwrap_or(f64::MAX);
        } else if line.starts_with("shown ") {
            let shown = || Some((number(line, "p50")?, number(line, "p95")?, number(line, "after")?));
            phase.shown = shown().map(|(p50, p95, frames)| (p50, p95, frames as u32));
        }
    }
    phases
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_programs_words_are_read() {
        let text = "\
5,000-line diff, wheel                 ui    p50 2.8  p95 3.3  p99 4.2  max 7.4 ms
                                       frame p50 11.9  p95 13.0  p99 15.8  max 19.8 ms
                                       longest of its first frames, in which it opens: 23.3 ms
theme switched, 10,000 sessions        ui    p50 3.6  p95 11.3  p99 12.1  max 22.3 ms
                                       frame p50 10.5  p95 18.2  p99 22.3  max 32.5 ms
                                       longest of its first frames, in which it opens: 119.4 ms
                                       shown p50 6.5  p95 7.9  p99 16.8  max 25.7 ms, after 1 frames at most
";
        let phase = |name: &str, frame_p95_ms, opened_ms, shown| Phase {
            name: name.to_owned(),
            frame_p95_ms,
            opened_ms,
            shown,
        };
        assert_eq!(
            read(text),
            [
                phase("5,000-line diff, wheel", 13.0, 23.3, None),
                phase("theme switched, 10,000 sessions", 18.2, 119.4, Some((6.5, 7.9, 1))),
            ]
        );
    }
}
