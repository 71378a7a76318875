//! The window with a few sessions or many, drawn by software on a display without a screen.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use magia_protocol::paths::Socket;
use magia_tests::{Display, PATIENCE, Sandbox, wait_until};
use serde_json::json;

use crate::app::{App, Programs};
use crate::events::{Agent, deliver};
use crate::frames;
use crate::proc::{cpu_time, pss_mib, tree};
use crate::rest::Rest;
use crate::screen::{Look, Page, Screen};
use crate::stats::Samples;
use crate::table::Row;

/// How many sessions there are, and the memory that the window may take with them.
pub struct Crowd {
    /// Sessions, all alive.
    pub sessions: usize,
    /// PSS in MiB.
    pub pss_goal: f64,
}

/// PSS of an empty alacritty where the goals were set, in MiB: how much of the drawing library's text a kernel maps differs
/// from machine to machine by more than all of ours.
const YARDSTICK: f64 = 73.0;
const STARTS: usize = 5;
/// The pause between two looks at the screen.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// How long a window is left alone before its picture is taken, its memory read and its idling watched.
const SETTLE: Duration = Duration::from_secs(3);
const IDLE: Duration = Duration::from_secs(60);

/// First paint, memory and idling with 20 sessions.
pub fn measure(programs: &Programs) -> Result<Vec<Row>> {
    measure_with(programs, &Crowd { sessions: 20, pss_goal: 95.0 }, |_, _, _| Ok(Vec::new()))
}

/// First paint, memory and idling with so many sessions, and what else is measured of that window at the end.
pub fn measure_with(
    programs: &Programs,
    crowd: &Crowd,
    more: impl FnOnce(&App, &Screen, &[Agent]) -> Result<Vec<Row>>,
) -> Result<Vec<Row>> {
    let sandbox = Sandbox::new()?;
    let display = Display::start(&sandbox)?;
    let screen = Screen::open(display.name())?;
    let agents = Agent::several(&sandbox, crowd.sessions)?;
    let bench = Bench { programs, sandbox: &sandbox, display: display.name(), agents: &agents };
    let bare = screen.look()?;
    let yardstick = yardstick(&sandbox, display.name(), &screen, &bare)?;

    let first = bench.start()?;
    bench.tell(&first)?;
    std::thread::sleep(SETTLE);
    first.stop()?;
    wait_for(&screen, "the window to go", |look| *look == bare)?;

    // How the page looks that a start comes to: this one had the sessions in its store.
    let second = bench.start()?;
    bench.wait_for_sessions(&second)?;
    std::thread::sleep(SETTLE);
    let page = Page::learn(&bare, &screen.look()?);
    second.stop()?;
    wait_for(&screen, "the window to go", |look| *look == bare)?;
    let (pixels, marks) = page.size();
    if pixels < 1000 || marks < 100 {
        bail!("the window shows nothing: {pixels} pixels, {marks} of them text");
    }

    let (mut painted, mut complete, mut used) = (Vec::new(), Vec::new(), Vec::new());
    let mut last = None;
    for _ in 0..STARTS {
        if let Some(app) = last.take() {
            App::stop(app)?;
            wait_for(&screen, "the window to go", |look| *look == bare)?;
        }
        let begun = Instant::now();
        let app = bench.spawn()?;
        painted.push(wait_for(&screen, "the first paint", |look| page.shown(look).0 >= 0.5)? - begun);
        complete.push(wait_for(&screen, "the whole page", |look| page.shown(look).1 >= 0.8)? - begun);
        used.push(cpu_time(app.pid())?);
        last = Some(app);
    }
    let mut app = last.context("the window was never started")?;
    // Before it has rested for the first time.
    let fresh = pss_mib(&tree(app.pid()))?;
    app.wait_until_ready()?;
    bench.tell(&app)?;
    std::thread::sleep(SETTLE);
    let pss = pss_mib(&tree(app.pid()))?;
    let drawn = app.frames().len();
    let rest = Rest::of(app.pid(), IDLE)?;
    let drawn = app.frames().len() - drawn;
    let mut rows = rows(crowd, &[painted, complete, used], [fresh, pss, yardstick], &rest, drawn);
    rows.extend(more(&app, &screen, &agents)?);
    app.stop()?;
    Ok(rows)
}

/// PSS of an empty alacritty, in MiB: what this machine takes for a window that OpenGL draws in software. Alone, since two
/// windows share the driver's pages.
fn yardstick(sandbox: &Sandbox, display: &str, screen: &Screen, bare: &Look) -> Result<f64> {
    let mut command = sandbox.command("alacritty");
    command.env("DISPLAY", display).env("LIBGL_ALWAYS_SOFTWARE", "1").args(["-e", "cat"]);
    let mut program = sandbox.spawn("alacritty", command).context("starting alacritty")?;
    wait_for(screen, "alacritty's window", |look| look != bare)?;
    std::thread::sleep(SETTLE);
    let pss = pss_mib(&[program.pid()])?;
    program.signal(libc::SIGTERM)?;
    program.wait(PATIENCE)?;
    wait_for(screen, "alacritty's window to go", |look| look == bare)?;
    Ok(pss)
}

fn rows(
    crowd: &Crowd,
    starts: &[Vec<Duration>; 3],
    [fresh, pss, yardstick]: [f64; 3],
    rest: &Rest,
    drawn: usize,
) -> Vec<Row> {
    let Crowd { sessions, pss_goal } = crowd;
    let ms = |times: &Vec<Duration>| times.iter().map(|time| time.as_secs_f64() * 1e3).collect::<Samples>();
    let [painted, complete, used] = starts.each_ref().map(ms);
    vec![
        Row::new(
            format!("window, exec to its page on the screen, {sessions} sessions"),
            format!(
                "{:.0} ms, all of its text {:.0} ms ({:.0}-{:.0}), {:.0} ms CPU; n={STARTS}",
                painted.p50(),
                complete.p50(),
                complete.at(0.0),
                complete.max(),
                used.p50()
            ),
            "<= 400 ms",
            complete.p50() <= 400.0,
        ),
        Row::new(
            format!("window, memory (PSS), {sessions} sessions"),
            format!(
                "{pss:.1} MiB = {:.2}x an empty alacritty's {yardstick:.1}; {fresh:.1} as soon as its page is drawn",
                pss / yardstick
            ),
            format!("<= {pss_goal:.0} MiB (set where an empty alacritty had {YARDSTICK:.0})"),
            pss <= *pss_goal,
        ),
        Row::new(
            format!("window, CPU while nothing happens, {sessions} sessions"),
            format!("{}; {drawn} frames", rest.shown()),
            "<= 0.1 %",
            rest.share <= 0.001,
        ),
    ]
}

/// Looks until the screen is as wanted; gives the time of that look.
fn wait_for(screen: &Screen, what: &str, is_so: impl Fn(&Look) -> bool) -> Result<Instant> {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        let looked = Instant::now();
        if is_so(&screen.look()?) {
            return Ok(Instant::now());
        }
        std::thread::sleep(LOOK_EVERY.saturating_sub(looked.elapsed()));
    }
    bail!("waited {} s in vain for {what}", PATIENCE.as_secs())
}

struct Bench<'a> {
    programs: &'a Programs,
    sandbox: &'a Sandbox,
    display: &'a str,
    agents: &'a [Agent],
}

impl Bench<'_> {
    fn spawn(&self) -> Result<App> {
        let mut command = self.sandbox.command(self.programs.path("magia-app")?);
        let (variable, value) = frames::NOTED;
        command.env("DISPLAY", self.display).env("LIBGL_ALWAYS_SOFTWARE", "1").env(variable, value);
        Ok(App::spawned(self.sandbox, self.sandbox.spawn("magia-window", command)?))
    }

    fn start(&self) -> Result<App> {
        let mut app = self.spawn()?;
        app.wait_until_ready()?;
        Ok(app)
    }

    /// Sends what makes each agent's session, and waits for all of them.
    fn tell(&self, app: &App) -> Result<()> {
        let hooks = app.socket(Socket::Hooks)?;
        for agent in self.agents {
            deliver(
                &hooks,
                &agent.line("UserPromptSubmit", &json!({ "prompt": "Fix the rounding in the cart" })),
            )?;
            for line in agent.call("toolu_01") {
                deliver(&hooks, &line)?;
            }
            deliver(
                &hooks,
                &agent.line("Stop", &json!({ "last_assistant_message": "The totals are right now." })),
            )?;
        }
        self.wait_for_sessions(app)
    }

    fn wait_for_sessions(&self, app: &App) -> Result<()> {
        let mut client = app.client()?;
        wait_until("the sessions", PATIENCE, || {
            let sessions = client.call("get_active_sessions", json!({})).ok()?;
            (sessions.as_array()?.len() == self.agents.len()).then_some(())
        })
    }
}
