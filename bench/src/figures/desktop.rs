//! The window closed into a tray, with 20 live sessions: what it costs, and how soon a notification is on the screen.

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use magia_protocol::ipc::connect_blocking;
use magia_protocol::paths::Socket;
use magia_tests::{Bus, Display, Dunst, PATIENCE, Panel, Sandbox, TrayIcon, wait_until};
use serde_json::json;

use crate::app::{App, Programs};
use crate::events::{Agent, deliver};
use crate::proc::{pss_mib, tree};
use crate::rest::Rest;
use crate::screen::{Look, Screen};
use crate::stats::Samples;
use crate::table::Row;

const SESSIONS: usize = 20;
const REQUESTS: usize = 40;
/// Not counted: the first ones find the daemon's caches cold.
const WARM_UP: usize = 5;
/// The pause between two looks at the screen; a notification is never told sooner than it is seen.
const LOOK_EVERY: Duration = Duration::from_millis(2);
/// How long a hidden window is left alone before it is watched.
const SETTLE: Duration = Duration::from_secs(5);
const IDLE: Duration = Duration::from_secs(60);

/// Idling, memory, and the way of a request to the screen.
pub fn measure(programs: &Programs) -> Result<Vec<Row>> {
    let sandbox = Sandbox::new()?;
    let display = Display::start(&sandbox)?;
    let bus = Bus::start(&sandbox, &display)?;
    let _dunst = Dunst::start(&sandbox, &display, &bus)?;
    let _panel = Panel::start(&sandbox, &display, &bus)?;
    let agents = Agent::several(&sandbox, SESSIONS)?;
    let mut command = sandbox.command(programs.path("magia-app")?);
    command.env("DISPLAY", display.name()).env("LIBGL_ALWAYS_SOFTWARE", "1");
    command.env("DBUS_SESSION_BUS_ADDRESS", bus.address());
    let config = sandbox.root().join("config/magia");
    std::fs::create_dir_all(&config).context("making the config directory")?;
    let settings = json!({ "trayHintShown": true, "notificationTypes": ["attention"] });
    std::fs::write(config.join("settings.json"), settings.to_string()).context("writing the settings")?;
    let mut app = App::spawned(&sandbox, sandbox.spawn("magia-window", command)?);
    app.wait_until_ready()?;
    let hooks = app.socket(Socket::Hooks)?;
    for agent in &agents {
        deliver(
            &hooks,
            &agent.line("UserPromptSubmit", &json!({ "prompt": "Fix the rounding in the cart" })),
        )?;
        deliver(
            &hooks,
            &agent.line("Stop", &json!({ "last_assistant_message": "The totals are right now." })),
        )?;
    }
    TrayIcon::on(&bus)?.wait()?;
    let pid = app.pid().to_string();
    let window = || display.run(&sandbox, &["xdotool", "search", "--onlyvisible", "--pid", &pid]);
    let id = wait_until("the window", PATIENCE, || window().ok()?.lines().next().map(str::to_owned))?;
    std::thread::sleep(SETTLE);
    display.run(&sandbox, &["xdotool", "windowactivate", "--sync", &id, "key", "alt+F4"])?;
    wait_until("the window to be hidden", PATIENCE, || window().is_err().then_some(()))?;
    std::thread::sleep(SETTLE);

    let pss = pss_mib(&tree(app.pid()))?;
    let rest = Rest::of(app.pid(), IDLE)?;

    let screen = Screen::open(display.name())?;
    let agent = agents.first().context("an agent")?;
    let gates = app.socket(Socket::Permissions)?;
    let mut client = app.client()?;
    let mut shown = Vec::new();
    for round in 0..REQUESTS + WARM_UP {
        let bare = screen.look_right()?;
        let input = json!({ "tool_name": "Bash", "tool_input": { "command": format!("make part-{round}") } });
        let begun = Instant::now();
        let mut gate: UnixStream = connect_blocking(&gates, Duration::from_secs(5))?;
        gate.write_all(&agent.line("PermissionRequest", &input))?;
        let seen = wait_for(&screen, "the notification", |look| *look != bare)?;
        if round >= WARM_UP {
            shown.push((seen - begun).as_secs_f64() * 1e3);
        }
        let open = client.call("get_permission_requests", json!({}))?;
        let id = open.pointer("/0/id").cloned().context("no open request")?;
        client.call("resolve_permission", json!({ "id": id, "decision": "deny" }))?;
        wait_for(&screen, "the notification to go", |look| *look == bare)?;
    }
    app.stop()?;
    let shown = Samples::new(shown);
    Ok(vec![
        Row::new(
            format!("window hidden in the tray, CPU while nothing happens, {SESSIONS} sessions"),
            rest.shown(),
            "<= 0.1 %",
            rest.share <= 0.001,
        ),
        Row::new(
            format!("window hidden in the tray, memory (PSS), {SESSIONS} sessions"),
            format!("{pss:.1} MiB"),
            "<= 110 MiB",
            pss <= 110.0,
        ),
        Row::new(
            "permission request until its notification is on the screen (dunst)",
            format!(
                "p50 {:.1} ms, p95 {:.1} ms, most {:.1} ms; n={}",
                shown.p50(),
                shown.at(0.95),
                shown.max(),
                shown.len()
            ),
            "p50 <= 50 ms",
            shown.p50() <= 50.0,
        ),
    ])
}

/// Looks until the right half of the screen, where notifications are and the tray is not, is as wanted; gives the time
/// after that look.
fn wait_for(screen: &Screen, what: &str, is_so: impl Fn(&Look) -> bool) -> Result<Instant> {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        let looked = Instant::now();
        if is_so(&screen.look_right()?) {
            return Ok(Instant::now());
        }
        std::thread::sleep(LOOK_EVERY.saturating_sub(looked.elapsed()));
    }
    bail!("waited {} s in vain for {what}", PATIENCE.as_secs())
}
