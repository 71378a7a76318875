//! The program's life on a desktop: closed into the tray, opened again, started twice, ended by the session, a clock that
//! jumps, a display that goes. Nothing that was acknowledged is lost, and no decision is invented.

#![allow(clippy::indexing_slicing, reason = "a test may fail")]

use anyhow::{Context, Result};
use magia_tests::{
    App, Bus, Cli, Display, PATIENCE, Panel, Program, ScriptedAgent, TrayIcon, Window, binary, magia,
    sandbox_test, text, wait_until,
};
use serde_json::{Value, json};
use std::fs;

fn command(command: &str) -> Value {
    json!({ "command": command })
}

#[test]
fn closed_into_the_tray_it_goes_on_says_so_once_and_a_second_start_brings_it_back() -> Result<()> {
    sandbox_test(|sandbox| {
        let display = Display::start(sandbox)?;
        let bus = Bus::start(sandbox, &display)?;
        let _panel = Panel::start(sandbox, &display, &bus)?;
        let address = [("DBUS_SESSION_BUS_ADDRESS", bus.address())];
        let mut window = Window::start_with(sandbox, &display, &address)?;
        TrayIcon::on(&bus)?.wait()?;
        let cli = Cli::new(sandbox);
        let mut agent = ScriptedAgent::start(sandbox, "agent-one")?;
        agent.begin("Tidy the cellar")?;
        window.wait_for_text("Tidy the cellar")?;
        window.close_to_hide()?;
        let hints = || -> Result<usize> {
            let rows = cli.rows(&["notifications"])?;
            Ok(rows.iter().filter(|row| row["title"] == "magia goes on in the tray").count())
        };
        wait_until("the hint", PATIENCE, || (hints().ok()? == 1).then_some(()))?;
        let file = sandbox.root().join("config/magia/settings.json");
        wait_until("the hint to be kept", PATIENCE, || {
            fs::read_to_string(&file).ok()?.contains("trayHintShown").then_some(())
        })?;
        // It goes on: a request that comes now is answered.
        let asked = agent.ask("Bash", &command("ls"))?;
        cli.json(&["allow", text(&cli.wait_for_request()?, "id")])?;
        assert_eq!(asked.decision()?["behavior"], "allow");

        let mut command = sandbox.command(binary("magia-app")?);
        command.env("DISPLAY", display.name());
        let mut again = sandbox.spawn("magia-again", command)?;
        assert_eq!(Program::exit_code(again.wait(PATIENCE)?), 0, "{}", again.stderr());
        window.wait_until_in_front()?;
        window.close_to_hide()?;
        assert_eq!(hints()?, 1, "once");

        let pid = window.pid();
        let reply = magia(sandbox, &["quit", "--json"])?;
        assert_eq!(reply.json()?, json!({ "quits": true }));
        assert_eq!(Program::exit_code(window.program().wait(PATIENCE)?), 0, "process {pid}");
        assert_eq!(magia(sandbox, &["status"])?.code, 3);
        Ok(())
    })
}

#[test]
fn minimised_it_works_on_and_comes_back() -> Result<()> {
    sandbox_test(|sandbox| {
        let display = Display::start(sandbox)?;
        let mut window = Window::start(sandbox, &display)?;
        let cli = Cli::new(sandbox);
        let mut agent = ScriptedAgent::start(sandbox, "agent-one")?;
        agent.begin("Tidy the cellar")?;
        window.wait_for_text("Tidy the cellar")?;
        let active = display.run(sandbox, &["xdotool", "getactivewindow"])?;
        display.run(sandbox, &["xdotool", "windowminimize", "--sync", active.trim()])?;
        window.wait_until_hidden()?;
        let asked = agent.ask("Bash", &command("ls"))?;
        let request = cli.wait_for_request()?;
        cli.json(&[] as &[&str])?;
        window.wait_until_in_front()?;
        window.wait_for("Button", "Allow Bash: ls")?;
        cli.json(&["allow", text(&request, "id")])?;
        assert_eq!(asked.decision()?["behavior"], "allow");
        Ok(())
    })
}

/// What was acknowledged before an end is there after the next start, and what waited got no decision.
fn nothing_is_lost(end: impl FnOnce(&mut Window<'_>, &Display) -> Result<()>) -> Result<()> {
    sandbox_test(|sandbox| {
        let display = Display::start(sandbox)?;
        let mut window = Window::start(sandbox, &display)?;
        let cli = Cli::new(sandbox);
        let mut agent = ScriptedAgent::start(sandbox, "agent-one")?;
        agent.begin("Tidy the cellar")?;
        let first = agent.ask("Bash", &command("touch one"))?;
        let answered = cli.wait_for_request()?;
        cli.json(&["allow", text(&answered, "id")])?;
        assert_eq!(first.decision()?["behavior"], "allow");
        let session = text(&cli.rows(&["ls"])?[0], "id").to_owned();
        cli.json(&["rename", &session, "A name to keep"])?;
        let waiting = agent.ask("Bash", &command("touch two"))?;
        wait_until("the second request", PATIENCE, || {
            let rows = cli.rows(&["permissions"]).ok()?;
            rows.iter().any(|row| row["input"] == command("touch two")).then_some(())
        })?;
        end(&mut window, &display)?;
        assert_eq!(waiting.wait()?, (0, String::new()), "no decision is invented");
        wait_until("the app to be gone", PATIENCE, || {
            (magia(sandbox, &["status"]).ok()?.code == 3).then_some(())
        })?;

        let _app = App::start(sandbox)?;
        let rows = cli.rows(&["ls", "--all"])?;
        assert_eq!((rows.len(), text(&rows[0], "title")), (1, "A name to keep"));
        let all = cli.rows(&["permissions", "--all"])?;
        let kept = all.iter().find(|row| row["id"] == answered["id"]).context("the answered request")?;
        assert_eq!(text(&kept["outcome"], "decision"), "allow");
        Ok(())
    })
}

#[test]
fn sigterm_at_logout_loses_nothing() -> Result<()> {
    nothing_is_lost(|window, _| {
        window.program().signal(libc::SIGTERM)?;
        let status = window.program().wait(PATIENCE)?;
        assert_eq!(Program::exit_code(status), 0, "{}", window.program().stderr());
        Ok(())
    })
}

#[test]
fn a_display_that_goes_away_loses_nothing() -> Result<()> {
    nothing_is_lost(|window, display| {
        display.end()?;
        window.program().wait(PATIENCE)?;
        Ok(())
    })
}

#[test]
fn a_clock_that_jumps_answers_and_loses_nothing() -> Result<()> {
    sandbox_test(|sandbox| {
        let library = [
            "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1",
            "/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1",
        ];
        let library = library.iter().find(|path| std::path::Path::new(path).exists());
        let library = library.context("libfaketime; `make install-deps` installs it")?;
        let time = sandbox.root().join("time");
        fs::write(&time, "+0\n")?;
        let time = time.to_string_lossy().into_owned();
        let env = [
            ("LD_PRELOAD", *library),
            ("FAKETIME_TIMESTAMP_FILE", time.as_str()),
            ("FAKETIME_NO_CACHE", "1"),
            // What `date` says jumps; the time since the start does not, as on a real machine.
            ("DONT_FAKE_MONOTONIC", "1"),
        ];
        let app = App::start_with(sandbox, &env)?;
        let cli = Cli::new(sandbox);
        let mut agent = ScriptedAgent::start(sandbox, "agent-one")?;
        agent.begin("Tidy the cellar")?;
        let mut asked_at = Vec::new();
        for (jump, word) in [("+0", "one"), ("+3d", "two"), ("-40d", "three")] {
            fs::write(&time, format!("{jump}\n"))?;
            let asked = agent.ask("Bash", &command(word))?;
            let request = cli.wait_for_request()?;
            assert_eq!((text(&request, "state"), &request["input"]), ("open", &command(word)));
            asked_at.push(request["asked_at_ms"].as_u64().context("a time")?);
            // Another jump while it waits: a day is far more than any deadline.
            fs::write(&time, format!("{jump}\n").replace("+0", "+1d"))?;
            cli.json(&["status"])?;
            assert_eq!(asked.ended(), None, "{jump}");
            cli.json(&["allow", text(&request, "id")])?;
            assert_eq!(asked.decision()?["behavior"], "allow", "{jump}");
        }
        let day = 86_400_000;
        assert!(asked_at[1] > asked_at[0] + 2 * day && asked_at[2] < asked_at[0] - 30 * day, "{asked_at:?}");
        assert_eq!(cli.rows(&["ls"])?.len(), 1, "{}", app.pid());
        assert_eq!(cli.rows(&["permissions", "--all"])?.len(), 3);
        Ok(())
    })
}
