//! `demo`: a private instance of the app, and recorded sessions played through its real sockets.

pub mod agent;
mod answer;
mod notes;
mod place;
mod player;
mod process;
mod script;
mod telemetry;
mod transcript;

use crate::client::Client;
use crate::failure::{Exit, Failure, say};
use crate::output::Out;
use crate::programs;
use anyhow::{Context as _, Result};
use clap::Args;
use magia_protocol::wire::Command as Method;
use magia_protocol::wire::Provider;
use magia_protocol::wire::command::InstallHooks;
use notes::{Note, Stop, What};
use place::Place;
use player::Player;
use process::{App, SessionAgent};
use serde_json::json;
use std::collections::HashSet;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

/// Notes not yet printed; more would mean that nobody reads them.
const NOTES_MAX: usize = 64;
/// How often the demo looks whether the window was closed or Ctrl-C pressed.
const LOOK: Duration = Duration::from_millis(100);

/// `demo`.
#[derive(Debug, Args)]
pub struct Demo {
    /// Without a window, also where there could be one.
    #[arg(long)]
    pub headless: bool,
    /// Play so many times as fast.
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0, value_parser = speed)]
    pub speed: f64,
    /// End after so many seconds.
    #[arg(long, value_name = "N")]
    pub seconds: Option<u64>,
    /// End when every session's recording is at its end, all requests answered.
    #[arg(long)]
    pub exit_when_played: bool,
}

fn speed(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(speed) if (0.01..=10_000.0).contains(&speed) => Ok(speed),
        _ => Err("a number from 0.01 to 10000".to_owned()),
    }
}

/// `magia demo`.
pub fn run(demo: &Demo, out: &mut Out) -> Result<Exit> {
    let app = programs::require(programs::APP)?;
    let handler = programs::require(programs::HANDLER)?;
    let scripts = script::all()?;
    let place = Place::new()?;
    process::watch_signals();
    let headless = demo.headless || !has_display();
    let mut app = App::start(&app, &place, headless)?;
    app.wait_until_up(&place)?;
    greet(&place, &app, headless, out)?;
    install_hooks(&place);

    let stop = Stop::default();
    let (notes, heard) = sync_channel(NOTES_MAX);
    let mut agents = Vec::new();
    let mut players = Vec::new();
    for script in &scripts {
        let (agent, pipes) = SessionAgent::start(&handler, &place)?;
        agents.push(agent);
        players.push(Player::new(script, &place, pipes, &stop, notes.clone(), demo.speed)?);
    }
    drop(notes);
    let ended = thread::scope(|scope| {
        for player in players {
            let name = format!("demo {}", player.name());
            // A session that cannot begin is missed in the window; the others go on.
            if let Err(err) = thread::Builder::new().name(name).spawn_scoped(scope, || player.run()) {
                say(&format!("a session cannot be played: {err}"));
            }
        }
        let ended = watch(demo, scripts.len(), &heard, &mut app, &mut agents, out);
        stop.stop();
        // Ends what a player waits for.
        agents.clear();
        // A player may be about to tell something; nobody listens any more.
        drop(heard);
        ended
    });
    app.stop();
    ended.map(|()| Exit::Done)
}

fn has_display() -> bool {
    !cfg!(unix)
        || cfg!(target_os = "macos")
        || ["DISPLAY", "WAYLAND_DISPLAY"]
            .iter()
            .any(|name| std::env::var_os(name).is_some_and(|v| !v.is_empty()))
}

fn greet(place: &Place, app: &App, headless: bool, out: &mut Out) -> Result<()> {
    let runtime_dir = place.runtime_dir();
    if out.is_json() {
        out.json_of(&json!({
            "event": "started",
            "runtime_dir": runtime_dir,
            "home": place.home(),
            "app_pid": app.pid(),
            "headless": headless,
        }))?;
        return out.flush();
    }
    let end = if headless { "Ctrl-C ends it" } else { "closing the window or Ctrl-C ends it" };
    out.text(&format!("The demo runs in {}; {end} and removes everything.", place.path().display()))?;
    out.text("In another terminal, try:")?;
    for verb in ["ls", "permissions", "allow ID", "deny ID --reason \"not today\"", "events --follow"] {
        out.text(&format!("  MAGIA_RUNTIME_DIR={} magia {verb}", runtime_dir.display()))?;
    }
    out.text("")?;
    out.flush()
}

/// So that the window of the demo does not offer to install them. The demo works without.
fn install_hooks(place: &Place) {
    let command = Method::InstallHooks(InstallHooks::of(Provider::Claude));
    let installed = Client::connect_in(&place.runtime_dir()).and_then(|mut client| client.ask(&command));
    if let Err(err) = installed {
        say(&format!("the demo goes on without hooks in its settings: {err:#}"));
    }
}

/// Prints what happens until something ends the demo.
fn watch(
    demo: &Demo,
    sessions: usize,
    heard: &Receiver<Note>,
    app: &mut App,
    agents: &mut [SessionAgent],
    out: &mut Out,
) -> Result<()> {
    let begun = Instant::now();
    let mut played = HashSet::new();
    loop {
        match heard.recv_timeout(LOOK) {
            Ok(note) => {
                if matches!(note.what, What::Played | What::Gone | What::Broken { .. }) {
                    played.insert(note.recording);
                }
                print(&note, out)?;
            }
            Err(RecvTimeoutError::Timeout) => {}
            // Every player has ended, each killed by somebody: the app is left to look at.
            Err(RecvTimeoutError::Disconnected) => thread::sleep(LOOK),
        }
        if let Some(status) = app.exited()? {
            if status.success() {
                return ended("the window was closed", out);
            }
            return Err(Failure::Advised {
                message: format!("the app of the demo has ended ({status})"),
                hint: app.last_words(),
            }
            .into());
        }
        for agent in agents.iter_mut() {
            agent.reap()?;
        }
        if process::is_signalled() {
            return ended("interrupted", out);
        }
        if demo.seconds.is_some_and(|seconds| begun.elapsed() >= Duration::from_secs(seconds)) {
            return ended("the time is over", out);
        }
        if demo.exit_when_played && played.len() >= sessions {
            return ended("everything is played", out);
        }
    }
}

fn ended(why: &str, out: &mut Out) -> Result<()> {
    if out.is_json() {
        out.json_of(&json!({ "event": "ended", "why": why }))?;
    } else {
        out.text(&format!("The demo ends: {why}."))?;
    }
    out.flush().context("cannot print the demo's end")
}

fn print(note: &Note, out: &mut Out) -> Result<()> {
    if out.is_json() {
        out.json_of(note)?;
        return out.flush();
    }
    let text = match &note.what {
        What::Began { pid, .. } => format!("a session begins, process {pid}"),
        What::Asked { tool } => format!("asks for {tool}"),
        What::Answered { decision: "none" } => "no decision, so the terminal answers".to_owned(),
        What::Answered { decision } => format!("the answer is {decision}"),
        What::Played => "the recording is at its end".to_owned(),
        What::Gone => "its process is gone".to_owned(),
        What::Broken { error } => format!("cannot go on: {error}"),
    };
    out.text(&format!("{} ({}): {text}", note.recording, note.project))?;
    out.flush()
}
