//! A timeline of 10,000 entries, scrolled by the wheel of the display's own pointer.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use magia_protocol::paths::Socket;
use magia_tests::{Display, PATIENCE, Sandbox, wait_until};
use serde_json::json;

use super::burst::newest_seq;
use crate::app::{App, Programs};
use crate::events::{Agent, deliver};
use crate::frames::{self, Frame};
use crate::pointer::Pointer;
use crate::screen::Screen;
use crate::table::Row;

/// Turns of six events and four entries each: a prompt, two calls, an answer.
const TURNS: usize = 2_450;
const ENTRIES: usize = TURNS * 4;
/// The pause between two clicks of the wheel.
const CLICK_EVERY: Duration = Duration::from_millis(10);
/// How often the wheel clicks in one direction.
const CLICKS: u32 = 300;
/// Clicks at once of a wheel that spins freely.
const SPIN: u32 = 5;
/// Clicks at once of someone who wants to be elsewhere.
const FLING: u32 = 20;

/// Frames while a long timeline is scrolled.
pub fn measure(programs: &Programs) -> Result<Vec<Row>> {
    let sandbox = Sandbox::new()?;
    let display = Display::start(&sandbox)?;
    let screen = Screen::open(display.name())?;
    let agents = Agent::several(&sandbox, 20)?;
    let mut command = sandbox.command(programs.path("magia-app")?);
    let (variable, value) = frames::NOTED;
    command.env("DISPLAY", display.name()).env("LIBGL_ALWAYS_SOFTWARE", "1").env(variable, value);
    let mut app = App::spawned(&sandbox, sandbox.spawn("magia-window", command)?);
    app.wait_until_ready()?;
    fill(&app, &agents)?;
    let session = open_timeline(&app, &agents)?;
    let entries = app.client()?.call("get_timeline", json!({ "session": session, "limit": 20_000 }))?;
    let entries = entries.as_array().map_or(0, Vec::len);
    if entries < ENTRIES {
        bail!("the timeline has {entries} entries only");
    }
    wait_until_still(&screen)?;
    let pointer = Pointer::open(display.name())?;
    pointer.move_to(640, 400)?;
    let wheel = scrolled(&app, &pointer, 1)?;
    let spun = scrolled(&app, &pointer, SPIN)?;
    // A display that cannot follow is a figure too.
    let flung = scrolled(&app, &pointer, FLING);
    app.stop()?;
    let figures = |frames: &[Frame]| {
        let (gaps, built) = (frames::gaps(frames), frames::built(frames));
        let text = format!(
            "p50 {:.1} ms, p95 {:.1} ms, most {:.1} ms (built in {:.1} ms); n={}",
            gaps.p50(),
            gaps.at(0.95),
            gaps.max(),
            built.p50(),
            gaps.len()
        );
        (text, gaps.at(0.95))
    };
    let [(wheel, wheel_p95), (spun, spun_p95)] = [&wheel, &spun].map(|frames| figures(frames));
    let (flung, flung_p95) =
        flung.map_or_else(|err| (format!("{err:#}"), f64::MAX), |frames| figures(&frames));
    let name = |how| format!("frames while {entries} entries are scrolled, {how}, 1280x800");
    Ok(vec![
        Row::new(name("100 clicks of the wheel a second"), wheel, "p95 <= 16 ms", wheel_p95 <= 16.0),
        Row::new(name("500 clicks a second"), spun, "p95 <= 16 ms", spun_p95 <= 16.0),
        Row::new(name("flung, 2,000 clicks a second"), flung, "p95 <= 16 ms", flung_p95 <= 16.0),
    ])
}

/// A session with many entries, and some beside it.
fn fill(app: &App, agents: &[Agent]) -> Result<()> {
    let hooks = app.socket(Socket::Hooks)?;
    let prompt = |agent: &Agent, turn: usize| {
        agent.line(
            "UserPromptSubmit",
            &json!({
                "prompt": format!("Round {turn}: fix the rounding in the cart"),
                "prompt_id": format!("turn-{turn}"),
            }),
        )
    };
    for agent in agents {
        deliver(&hooks, &prompt(agent, 0))?;
        // One that works has a clock beside its name, and the screen would never be still.
        deliver(&hooks, &agent.line("Stop", &json!({ "last_assistant_message": "Done." })))?;
    }
    let busy = agents.first().context("no agents")?;
    for turn in 1..=TURNS {
        deliver(&hooks, &prompt(busy, turn))?;
        for call in 0..2 {
            for line in busy.call(&format!("toolu_{turn:05}_{call}")) {
                deliver(&hooks, &line)?;
            }
        }
        let words =
            "The totals are **right** now:\n\n- `round()` is called once\n- the cart has a test for it";
        let stop = json!({ "last_assistant_message": words, "prompt_id": format!("turn-{turn}") });
        deliver(&hooks, &busy.line("Stop", &stop))?;
    }
    let all = (agents.len() * 2 + TURNS * 6) as u64;
    wait_until("the events to be stored", PATIENCE, || newest_seq(app).filter(|seq| *seq >= all)).map(drop)
}

/// Shows the session with many entries in the window.
fn open_timeline(app: &App, agents: &[Agent]) -> Result<String> {
    let mut client = app.client()?;
    let busy = agents.first().context("no agents")?;
    let sessions = client.call("get_active_sessions", json!({}))?;
    let session = sessions
        .as_array()
        .into_iter()
        .flatten()
        .find(|row| row.get("provider_session_id").and_then(|id| id.as_str()) == Some(busy.session.as_str()))
        .and_then(|row| row.get("id")?.as_str())
        .context("the session is not there")?;
    client.call("open_window", json!({ "session": session }))?;
    Ok(session.to_owned())
}

/// Until the screen has been the same for a second.
fn wait_until_still(screen: &Screen) -> Result<()> {
    let mut last = screen.look()?;
    let mut since = Instant::now();
    wait_until("the window to be drawn", PATIENCE, || {
        let look = screen.look().ok()?;
        if look != last {
            last = look;
            since = Instant::now();
        }
        (since.elapsed() >= Duration::from_secs(1)).then_some(())
    })
}

/// The frames of a way up and a way down, so many clicks at once.
fn scrolled(app: &App, pointer: &Pointer, at_once: u32) -> Result<Vec<Frame>> {
    let before = app.frames().len();
    for up in [true, false] {
        for click in 1..=CLICKS {
            let begun = Instant::now();
            for _ in 0..at_once {
                pointer.wheel(up)?;
            }
            // Only so often that the last clicks' way is still in these frames.
            if click < CLICKS {
                std::thread::sleep(CLICK_EVERY.saturating_sub(begun.elapsed()));
            }
        }
    }
    let frames = app.frames();
    let Some(drawn) = frames.get(before..).filter(|drawn| drawn.len() > 100) else {
        bail!("only {} frames were drawn", frames.len() - before);
    };
    Ok(drawn.to_vec())
}
