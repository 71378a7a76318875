//! The tray on a real panel (xfce4-panel): read and clicked over the bus and by mouse, its host gone and back.

use anyhow::Result;
use magia_tests::{
    Bus, Cli, Display, PATIENCE, Panel, Program, Sandbox, ScriptedAgent, TrayIcon, Window, sandbox_test,
    text, wait_until,
};
use serde_json::{Value, json};

fn command(command: &str) -> Value {
    json!({ "command": command })
}

fn window<'a>(sandbox: &'a Sandbox, display: &'a Display, bus: &Bus) -> Result<Window<'a>> {
    Window::start_with(sandbox, display, &[("DBUS_SESSION_BUS_ADDRESS", bus.address())])
}

#[test]
fn the_menu_is_read_and_clicked_over_the_bus() -> Result<()> {
    sandbox_test(|sandbox| {
        let display = Display::start(sandbox)?;
        let bus = Bus::start(sandbox, &display)?;
        let _panel = Panel::start(sandbox, &display, &bus)?;
        let mut window = window(sandbox, &display, &bus)?;
        let cli = Cli::new(sandbox);
        let tray = TrayIcon::on(&bus)?;
        tray.wait()?;
        let mut agent = ScriptedAgent::start(sandbox, "agent-one")?;
        agent.begin("Tidy_the & cellar")?;
        let low = agent.ask("Bash", &command("ls"))?;
        let mut second = ScriptedAgent::start(sandbox, "agent-two")?;
        second.begin("Burn the barn")?;
        let high = second.ask("Bash", &command("rm -rf /"))?;
        wait_until("the icon to say that two need the user", PATIENCE, || {
            (tray.words().ok()? == "2 need you").then_some(())
        })?;
        let allow = tray.wait_for("Tidy_the & cellar: Bash ls > Allow")?;
        tray.wait_for("Burn the barn: Bash rm -rf / > Open")?;
        let paths: Vec<String> = tray.menu()?.into_iter().map(|entry| entry.path).collect();
        let answers: Vec<&String> =
            paths.iter().filter(|path| path.contains("barn") && !path.ends_with("Open")).collect();
        assert_eq!(
            answers,
            ["Burn the barn: Bash rm -rf /", "Sessions > work / Burn the barn (waiting for permission)"]
        );

        tray.click(&allow)?;
        assert_eq!(low.decision()?["behavior"], "allow");
        let all = cli.rows(&["permissions", "--all"])?;
        let answered = all.iter().find(|row| row["input"] == command("ls")).cloned().unwrap_or_default();
        assert_eq!(text(&answered["outcome"], "by"), "tray");
        // A click on what the menu no longer shows answers nothing a second time; the menu may say that it has no such entry.
        if let Err(err) = tray.click(&allow) {
            assert!(format!("{err:#}").contains("id not found"), "{err:#}");
        }
        assert_eq!(high.ended(), None);

        let _cover = window.cover()?;
        tray.click(&tray.wait_for("Burn the barn: Bash rm -rf / > Open")?)?;
        window.wait_until_in_front()?;
        window.wait_for_text("rm -rf /")?;
        window.wait_for("Button", "Allow Bash: rm -rf /")?;

        tray.click(&tray.wait_for("Pause notifications for 1 h")?)?;
        tray.click(&tray.wait_for("Resume notifications")?)?;
        tray.wait_for("Pause notifications for 1 h")?;
        tray.wait_for("Projects > work")?;
        tray.click(&tray.wait_for("New session...")?)?;
        window.wait_for_text("New session")?;

        tray.click(&tray.wait_for("Quit")?)?;
        assert_eq!(Program::exit_code(window.program().wait(PATIENCE)?), 0, "{}", window.program().stderr());
        assert_eq!(high.wait()?, (0, String::new()), "no decision is invented");
        assert!(!tray.is_there()?);
        Ok(())
    })
}

#[test]
fn a_mouse_on_the_panel_brings_the_window_back_and_opens_the_menu() -> Result<()> {
    sandbox_test(|sandbox| {
        let display = Display::start(sandbox)?;
        let bus = Bus::start(sandbox, &display)?;
        let _panel = Panel::start(sandbox, &display, &bus)?;
        let mut window = window(sandbox, &display, &bus)?;
        let tray = TrayIcon::on(&bus)?;
        tray.wait()?;
        window.wait_for("Button", "Settings")?;
        window.close_to_hide()?;
        let click = |button: &str| {
            display.run(sandbox, &["xdotool", "mousemove", "--sync", "16", "16", "click", button])
        };
        wait_until("the window to come back", PATIENCE, || {
            click("1").ok()?;
            window.is_shown().then_some(())
        })?;
        window.wait_until_in_front()?;

        let mut agent = ScriptedAgent::start(sandbox, "agent-one")?;
        agent.begin("Tidy the cellar")?;
        let asked = agent.ask("Bash", &command("ls"))?;
        tray.wait_for("Bash ls > Allow")?;
        // The first entry is the request; its menu has Open, Allow, Deny.
        wait_until("Allow to be chosen with mouse and keys", PATIENCE, || {
            click("3").ok()?;
            display
                .run(sandbox, &["xdotool", "key", "--delay", "120", "Down", "Right", "Down", "Return"])
                .ok()?;
            let answered = asked.ended();
            if answered.is_none() {
                display.run(sandbox, &["xdotool", "key", "--delay", "60", "Escape", "Escape"]).ok()?;
            }
            answered
        })?;
        assert_eq!(asked.decision()?["behavior"], "allow");
        Ok(())
    })
}

#[test]
fn a_host_that_restarts_has_the_icon_again_and_one_that_stays_away_gives_the_window_back() -> Result<()> {
    sandbox_test(|sandbox| {
        let display = Display::start(sandbox)?;
        let bus = Bus::start(sandbox, &display)?;
        let mut panel = Panel::start(sandbox, &display, &bus)?;
        let mut window = window(sandbox, &display, &bus)?;
        let tray = TrayIcon::on(&bus)?;
        tray.wait()?;
        window.wait_for("Button", "Settings")?;
        window.close_to_hide()?;
        panel.kill()?;
        let mut panel = Panel::start(sandbox, &display, &bus)?;
        tray.wait()?;
        assert!(!window.is_shown(), "a restart is no reason to come back");
        tray.click(&tray.wait_for("Show window")?)?;
        window.wait_until_in_front()?;
        window.close_to_hide()?;
        panel.kill()?;
        wait_until("the window to come back by itself", PATIENCE, || window.is_shown().then_some(()))?;
        window.wait_for_text("The tray has gone")?;
        Ok(())
    })
}

#[test]
fn without_a_host_the_close_button_asks() -> Result<()> {
    sandbox_test(|sandbox| {
        let display = Display::start(sandbox)?;
        let bus = Bus::bare(sandbox, &display)?;
        let mut window = window(sandbox, &display, &bus)?;
        window.wait_for("Button", "Settings")?;
        window.ask_to_close_until("There is no tray on this desktop")?;
        window.settle()?;
        window.click(&window.wait_for("Button", "Minimise")?)?;
        window.wait_until_hidden()?;
        let cli = Cli::new(sandbox);
        cli.json(&[] as &[&str])?;
        window.wait_until_in_front()?;
        window.ask_to_close_until("There is no tray on this desktop")?;
        window.settle()?;
        window.click(&window.wait_for("Button", "Always quit")?)?;
        assert_eq!(Program::exit_code(window.program().wait(PATIENCE)?), 0, "{}", window.program().stderr());
        let settings = std::fs::read_to_string(sandbox.root().join("config/magia/settings.json"))?;
        assert!(settings.contains("\"closeBehavior\": \"quit\""), "{settings}");
        Ok(())
    })
}
