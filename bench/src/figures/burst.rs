//! Hook events as fast as 64 clients can send them, a connection each.

use std::path::Path;
use std::sync::Barrier;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use magia_protocol::paths::Socket;
use magia_protocol::wire::info::EventInfo;
use magia_tests::{PATIENCE, Sandbox, wait_until};
use serde_json::json;

use crate::app::{App, Programs};
use crate::bare::unix_ms;
use crate::events::{Agent, deliver};
use crate::proc::cpu_time;
use crate::stats::{Samples, grouped};
use crate::table::Row;

const CLIENTS: usize = 64;
/// Tool calls of each client: two events each, 30,080 events together.
const CALLS: usize = 235;
const EVENTS: usize = CLIENTS * CALLS * 2;
const RUNS: usize = 3;

/// One burst.
struct Burst {
    per_second: f64,
    cpu_us: f64,
    /// CPU until everything was stored as well; only of the app.
    stored_cpu_us: f64,
    /// CPU of the senders, which share the cores with what they measure.
    clients_cpu_us: f64,
    lost: usize,
}

/// The app and the bare listener, in turns.
pub fn measure(programs: &Programs) -> Result<Vec<Row>> {
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        bare.push(bare_burst()?);
        ours.push(app_burst(programs)?);
    }
    let lost: usize = ours.iter().map(|burst| burst.lost).sum();
    let median = |bursts: &[Burst], of: fn(&Burst) -> f64| bursts.iter().map(of).collect::<Samples>().p50();
    let rate = median(&ours, |burst| burst.per_second);
    let bare_rate = median(&bare, |burst| burst.per_second);
    let all: Vec<String> = ours.iter().map(|burst| grouped(burst.per_second as u64)).collect();
    let cpu = median(&ours, |burst| burst.cpu_us);
    Ok(vec![
        Row::new(
            format!("hook events taken in, {CLIENTS} clients, a connection each"),
            format!(
                "{}/s (of {}); {:.2}x a bare listener's {}; {} events a run",
                grouped(rate as u64),
                all.join(", "),
                rate / bare_rate,
                grouped(bare_rate as u64),
                grouped(EVENTS as u64),
            ),
            ">= 30,000/s",
            rate >= 30_000.0,
        ),
        Row::new("hook events lost in that", format!("{lost} in {RUNS} runs"), "0", lost == 0),
        Row::told(
            "CPU of the app per hook event",
            format!(
                "{cpu:.1} µs until taken in, {:.1} until stored; a bare listener {:.1}; the clients {:.1}",
                median(&ours, |burst| burst.stored_cpu_us),
                median(&bare, |burst| burst.cpu_us),
                median(&ours, |burst| burst.clients_cpu_us)
            ),
        ),
    ])
}

fn app_burst(programs: &Programs) -> Result<Burst> {
    let sandbox = Sandbox::new()?;
    let app = App::headless(programs, &sandbox)?;
    let hooks = app.socket(Socket::Hooks)?;
    let agents = Agent::several(&sandbox, CLIENTS)?;
    for agent in &agents {
        deliver(&hooks, &agent.line("SessionStart", &json!({ "source": "startup" })))?;
    }
    let mut client = app.client()?;
    let stored = |count: usize| newest_seq(&app).is_some_and(|seq| seq >= count as u64).then_some(());
    wait_until("the sessions to be stored", PATIENCE, || stored(CLIENTS))?;

    let before = cpu_time(app.pid())?;
    let (began_ms, clients_cpu_us) = send_all(&hooks, &agents)?;
    // A request queues behind the events that were sent before it.
    client.call("status", json!({}))?;
    let taken_in = cpu_time(app.pid())?;
    let all_stored = wait_until("the events to be stored", PATIENCE, || stored(CLIENTS + EVENTS));
    let after = cpu_time(app.pid())?;

    let (mut found, mut last_ms) = (0, 0);
    for agent in &agents {
        let params = json!({ "session": session_of(&mut client, agent)?, "limit": 10_000 });
        let events: Vec<EventInfo> = serde_json::from_value(client.call("get_agent_events", params)?)?;
        last_ms = events.iter().map(|event| event.received_at_ms).max().unwrap_or_default().max(last_ms);
        found += distinct_calls(&events);
    }
    app.stop()?;
    let lost = EVENTS.saturating_sub(found);
    if lost == 0 {
        all_stored?;
    }
    let took = Duration::from_millis(last_ms.saturating_sub(began_ms).max(1));
    let per_event = |cpu: Duration| cpu.saturating_sub(before).as_secs_f64() * 1e6 / EVENTS as f64;
    Ok(Burst {
        per_second: EVENTS as f64 / took.as_secs_f64(),
        cpu_us: per_event(taken_in),
        stored_cpu_us: per_event(after),
        clients_cpu_us,
        lost,
    })
}

/// The number of the newest stored event.
pub fn newest_seq(app: &App) -> Option<u64> {
    let events = app.client().ok()?.call("get_agent_events", json!({ "limit": 1 })).ok()?;
    events.get(0)?.get("seq")?.as_u64()
}

/// Events that are asked for at once.
const PAGE: usize = 5_000;

/// How many of the calls' events of an agent are stored, each counted once.
pub fn stored_calls(client: &mut crate::app::Client, agent: &Agent) -> Result<usize> {
    let session = session_of(client, agent)?;
    let (mut calls, mut before) = (Vec::new(), None);
    loop {
        let params = json!({ "session": session, "before": before, "limit": PAGE });
        let page: Vec<EventInfo> = serde_json::from_value(client.call("get_agent_events", params)?)?;
        let count = page.len();
        before = page.first().map(|first| first.seq);
        calls.extend(
            page.into_iter().filter(|event| matches!(event.event.as_str(), "PreToolUse" | "PostToolUse")),
        );
        if count < PAGE {
            return Ok(distinct_calls(&calls));
        }
    }
}

/// The app's id of an agent's session.
fn session_of(client: &mut crate::app::Client, agent: &Agent) -> Result<String> {
    let sessions = client.call("get_active_sessions", json!({}))?;
    let own = sessions.as_array().into_iter().flatten().find(|session| {
        session.get("provider_session_id").and_then(|id| id.as_str()) == Some(agent.session.as_str())
    });
    let id = own.and_then(|session| session.get("id")).and_then(|id| id.as_str());
    Ok(id.with_context(|| format!("no session {}", agent.session))?.to_owned())
}

/// How many of the burst's events are there, each counted once.
fn distinct_calls(events: &[EventInfo]) -> usize {
    let keys: std::collections::HashSet<(&str, &str)> = events
        .iter()
        .filter_map(|event| Some((event.event.as_str(), event.payload.get("tool_use_id")?.as_str()?)))
        .collect();
    keys.len()
}

fn bare_burst() -> Result<Burst> {
    let sandbox = Sandbox::new()?;
    let socket = Socket::Hooks.path_in(&sandbox.work())?;
    let mut command = sandbox.command(std::env::current_exe()?);
    command.arg("bare-listener").arg(&socket).arg(EVENTS.to_string());
    let mut listener = sandbox.spawn("bare-listener", command)?;
    let agents = Agent::several(&sandbox, CLIENTS)?;
    wait_until("the bare listener", PATIENCE, || socket.exists().then_some(()))?;
    let (began_ms, clients_cpu_us) = send_all(&socket, &agents)?;
    listener.wait(PATIENCE).with_context(|| listener.stderr())?;
    let printed = listener.stdout();
    let numbers = printed.trim().split_once(' ').with_context(|| listener.stderr())?;
    let (ended_ms, cpu_us): (u64, f64) = (numbers.0.parse()?, numbers.1.parse()?);
    let took = Duration::from_millis(ended_ms.saturating_sub(began_ms).max(1));
    let cpu_us = cpu_us / EVENTS as f64;
    Ok(Burst {
        per_second: EVENTS as f64 / took.as_secs_f64(),
        cpu_us,
        stored_cpu_us: cpu_us,
        clients_cpu_us,
        lost: 0,
    })
}

/// Sends everything, a thread for each agent; returns when that began and what CPU it took for each event, in
/// microseconds.
fn send_all(socket: &Path, agents: &[Agent]) -> Result<(u64, f64)> {
    let (ready, start) = (Barrier::new(agents.len() + 1), Barrier::new(agents.len() + 1));
    let own = std::process::id();
    std::thread::scope(|scope| {
        let senders: Vec<_> = agents
            .iter()
            .map(|agent| {
                let lines: Vec<Vec<u8>> =
                    (0..CALLS).flat_map(|call| agent.call(&format!("toolu_{call:06}"))).collect();
                let (ready, start) = (&ready, &start);
                scope.spawn(move || {
                    ready.wait();
                    start.wait();
                    lines.iter().try_for_each(|line| deliver(socket, line))
                })
            })
            .collect();
        ready.wait();
        let (began_ms, before) = (unix_ms(), cpu_time(own));
        start.wait();
        for sender in senders {
            match sender.join() {
                Ok(sent) => sent.context("sending an event")?,
                Err(_) => bail!("a sender panicked"),
            }
        }
        let used = cpu_time(own)?.saturating_sub(before?);
        Ok((began_ms, used.as_secs_f64() * 1e6 / EVENTS as f64))
    })
}
