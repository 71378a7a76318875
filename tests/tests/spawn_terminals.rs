//! Real terminal programs: each runs the attach client, and the command keeps its hostile arguments whatever the terminal
//! does with its own.
#![allow(clippy::indexing_slicing, reason = "a test may fail")]

use anyhow::{Context, Result, ensure};
use magia_tests::http::Http;
use magia_tests::spawn::{Dumper, ask, kill, show};
use magia_tests::{App, Bus, Display, PATIENCE, magia, sandbox_test, text, wait_until};
use serde_json::json;

/// Opens one terminal and looks at what came of it.
fn check(terminal: &str, class: &str) -> Result<()> {
    sandbox_test(|sandbox| {
        let display = Display::start(sandbox)?;
        let bus = Bus::start(sandbox, &display)?;
        let env = [
            ("DISPLAY", display.name()),
            ("DBUS_SESSION_BUS_ADDRESS", bus.address()),
            ("LIBGL_ALWAYS_SOFTWARE", "1"),
        ];
        let _app = App::start_with(sandbox, &env)?;
        let dumper = Dumper::new(sandbox)?;
        let reply = ask(sandbox, &dumper.request(terminal, terminal)?)?;
        ensure!(reply["success"] == true && reply["terminal"] == terminal, "{reply}");
        dumper.check(terminal)?;
        let windows = wait_until("its window", PATIENCE, || {
            display.run(sandbox, &["xdotool", "search", "--onlyvisible", "--class", class]).ok()
        })?;
        ensure!(!windows.trim().is_empty());
        let screen = magia(sandbox, &["term", "screen", terminal])?;
        ensure!(screen.stdout.contains("the dumper waits"), "{}", screen.stdout);
        let info = show(sandbox, terminal)?;
        ensure!(text(&info, "state") == "running", "{info}");
        // What is typed into the window reaches the program, which then ends, and its window with it.
        let window = windows.lines().last().context("no window")?.to_owned();
        display.run(sandbox, &["xdotool", "windowfocus", "--sync", &window])?;
        wait_until("the typed line to end the program", PATIENCE, || {
            display.run(sandbox, &["xdotool", "key", "--window", "0", "Return"]).ok()?;
            show(sandbox, terminal).ok().filter(|info| text(info, "state") != "running")
        })?;
        Ok(())
    })
}

#[test]
fn xterm() -> Result<()> {
    check("xterm", "xterm")
}

#[test]
fn kitty() -> Result<()> {
    check("kitty", "kitty")
}

#[test]
fn alacritty() -> Result<()> {
    check("alacritty", "alacritty")
}

#[test]
fn gnome_terminal() -> Result<()> {
    check("gnome-terminal", "gnome-terminal")
}

#[test]
fn konsole() -> Result<()> {
    check("konsole", "konsole")
}

#[test]
fn xfce4_terminal() -> Result<()> {
    check("xfce4-terminal", "xfce4-terminal")
}

#[test]
fn over_http_a_real_xterm_and_a_real_kitty() -> Result<()> {
    sandbox_test(|sandbox| {
        let display = Display::start(sandbox)?;
        let mut command = sandbox.command(magia_tests::binary("magia-app")?);
        command.args(["--headless", "--http", "0"]);
        command.envs([("DISPLAY", display.name()), ("LIBGL_ALWAYS_SOFTWARE", "1")]);
        let _app = sandbox.spawn("magia-app", command)?;
        let http = Http::of(sandbox)?;
        let dumper = Dumper::new(sandbox)?;
        for (terminal, key) in [("xterm", "spawn_terminal"), ("kitty", "spawnTerminal")] {
            let body = json!({
                "command": dumper.argv(), "workingDir": dumper.cwd()?.to_string_lossy(), "terminal": terminal,
                "env": dumper.env(terminal), key: true, "sessionId": terminal,
            });
            let answer = http.call("POST", "/api/sessions", Some(&body))?;
            let envelope = answer.json();
            ensure!(answer.status == 200 && envelope["success"] == true, "{answer:?}");
            ensure!(envelope["sessionId"] == terminal && envelope["terminal"] == terminal, "{envelope}");
            dumper.check(terminal)?;
            let window = ["xdotool", "search", "--onlyvisible", "--class", terminal];
            wait_until("its window", PATIENCE, || display.run(sandbox, &window).ok())?;
            kill(sandbox, terminal)?;
        }
        Ok(())
    })
}
