//! The window with 1,000 sessions: how soon an event is on the screen, and a flood of events.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use magia_protocol::paths::Socket;
use magia_tests::{PATIENCE, wait_until};
use serde_json::json;

use super::burst::newest_seq;
use super::window::{Crowd, measure_with};
use crate::app::{App, Programs};
use crate::events::{Agent, deliver};
use crate::frames;
use crate::screen::Screen;
use crate::stats::{Samples, grouped};
use crate::table::Row;

const CROWD: Crowd = Crowd { sessions: 1_000, pss_goal: 110.0 };
/// Events that are waited for on the screen.
const SEEN: u32 = 200;
/// How long the window rests between two of them.
const REST: Duration = Duration::from_millis(60);
/// The flood: so many events a second, for so long, by so many senders.
const FLOOD_PER_SECOND: u32 = 10_000;
const FLOOD_SECONDS: u32 = 10;
const SENDERS: u32 = 4;
/// Events that a sender sends in a row before it looks at the clock.
const FLOOD_BATCH: u32 = 10;

/// All figures of the full window.
pub fn measure(programs: &Programs) -> Result<Vec<Row>> {
    measure_with(programs, &CROWD, |app, screen, agents| {
        let mut rows = vec![seen(app, screen, agents)?];
        rows.extend(flood(app, agents)?);
        Ok(rows)
    })
}

/// From an event's line to the screen that has changed: a session begins or ends to work, which the top bar counts.
fn seen(app: &App, screen: &Screen, agents: &[Agent]) -> Result<Row> {
    let hooks = app.socket(Socket::Hooks)?;
    let mut took = Vec::new();
    for round in 0..SEEN {
        let Some(agent) = agents.get((round / 2) as usize % agents.len()) else { bail!("no agents") };
        let line = if round % 2 == 0 {
            agent.line("UserPromptSubmit", &json!({ "prompt": format!("Round {round}") }))
        } else {
            agent.line("Stop", &json!({ "last_assistant_message": format!("Done with {round}.") }))
        };
        std::thread::sleep(REST);
        let before = screen.look()?;
        let begun = Instant::now();
        deliver(&hooks, &line)?;
        while screen.look()? == before {
            if begun.elapsed() > PATIENCE {
                bail!("event {round} never came to the screen");
            }
        }
        took.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    let took = Samples::new(took);
    let (p50, p95) = (took.p50(), took.at(0.95));
    Ok(Row::new(
        "event to the changed screen, 1280x800, 1,000 sessions",
        format!("p50 {p50:.1} ms, p95 {p95:.1} ms; n={SEEN}"),
        "p50 <= 20 ms, p95 <= 50 ms",
        p50 <= 20.0 && p95 <= 50.0,
    ))
}

/// Ten thousand events a second: whether all are stored, and how the window draws meanwhile, by its own clock.
fn flood(app: &App, agents: &[Agent]) -> Result<Vec<Row>> {
    let hooks = app.socket(Socket::Hooks)?;
    let before = newest_seq(app).unwrap_or(0);
    let turns: Vec<Turn> = agents.iter().map(Turn::of).collect();
    let turns = &turns;
    let drawn_before = app.frames().len();
    let begun = Instant::now();
    let sent: Result<u32> = std::thread::scope(|scope| {
        let senders: Vec<_> = (0..SENDERS)
            .map(|number| {
                let hooks = &hooks;
                scope.spawn(move || -> Result<u32> {
                    let mut sent = 0;
                    while sent < FLOOD_PER_SECOND * FLOOD_SECONDS / SENDERS {
                        for _ in 0..FLOOD_BATCH {
                            let at = (number + SENDERS * (sent / 4)) as usize % turns.len();
                            let Some(turn) = turns.get(at) else { bail!("no agents") };
                            deliver(hooks, &turn.line(sent))?;
                            sent += 1;
                        }
                        let due = Duration::from_secs(1) * sent * SENDERS / FLOOD_PER_SECOND;
                        std::thread::sleep(due.saturating_sub(begun.elapsed()));
                    }
                    Ok(sent)
                })
            })
            .collect();
        senders.into_iter().map(|sender| sender.join().unwrap_or_else(|_| bail!("a sender panicked"))).sum()
    });
    let (sent, took) = (sent?, begun.elapsed());
    let frames = app.frames();
    let Some(frames) = frames.get(drawn_before..).filter(|drawn| drawn.len() > 1) else {
        bail!("nothing was drawn in the flood");
    };
    let all = before + u64::from(sent);
    let stored =
        wait_until("the events to be stored", PATIENCE, || newest_seq(app).filter(|seq| *seq >= all));
    let missing = all.saturating_sub(stored.ok().or_else(|| newest_seq(app)).unwrap_or(before));
    let (gaps, built) = (frames::gaps(frames), frames::built(frames));
    let p95 = gaps.at(0.95);
    Ok(vec![
        Row::new(
            "events missing in the store after a flood",
            format!(
                "{missing} of {}, sent at {}/s",
                grouped(u64::from(sent)),
                grouped((f64::from(sent) / took.as_secs_f64()) as u64)
            ),
            "0",
            missing == 0,
        ),
        Row::new(
            "frames in that flood, from one to the next, 1280x800",
            format!(
                "p50 {:.1} ms, p95 {p95:.1} ms, most {:.0} ms (built in {:.1} ms); n={}",
                gaps.p50(),
                gaps.max(),
                built.p50(),
                gaps.len()
            ),
            "p95 <= 33 ms",
            p95 <= 33.0,
        ),
    ])
}

/// What stands in a turn's lines for the number of its call.
const NO_CALL: &[u8] = b"toolu_000000";

/// The four lines of an agent's short turn, made before the flood: what the senders do takes from what they measure.
struct Turn([(Vec<u8>, Option<usize>); 4]);

impl Turn {
    fn of(agent: &Agent) -> Self {
        let [begun, ended] = agent.call("toolu_000000");
        let prompt = agent.line("UserPromptSubmit", &json!({ "prompt": "Fix the rounding in the cart" }));
        let stop = agent.line("Stop", &json!({ "last_assistant_message": "The totals are right now." }));
        Self([prompt, begun, ended, stop].map(|line| {
            let place = line.windows(NO_CALL.len()).position(|part| part == NO_CALL);
            (line, place)
        }))
    }

    /// The next line of an agent that works on one turn after the other, each with a call of its own.
    fn line(&self, number: u32) -> Vec<u8> {
        let Some((line, place)) = self.0.get(number as usize % 4) else { return Vec::new() };
        let mut line = line.clone();
        let id = format!("toolu_{:06}", number / 4 % 1_000_000);
        if let Some(part) = place.and_then(|place| line.get_mut(place..place + NO_CALL.len())) {
            part.copy_from_slice(id.as_bytes());
        }
        line
    }
}
