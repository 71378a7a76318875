//! A real Claude Code asks while magia's window is hidden in the tray.
//!
//! Needs `make agents`; `make test-agents` runs it.

use anyhow::{Context as _, Result};
use magia_tests::{
    Bus, Display, Dunst, PATIENCE, Panel, Sandbox, Scene, TrayIcon, Window, bash, sandbox_test, script, text,
    touch, wait_until,
};
use serde_json::json;

/// A desktop with a tray and notifications, and magia's window closed into that tray.
fn desktop(
    sandbox: &Sandbox,
    run: impl FnOnce(&Scene<'_>, &mut Window<'_>, &TrayIcon, &Dunst<'_>) -> Result<()>,
) -> Result<()> {
    let scene = Scene::without_app(sandbox)?;
    let display = Display::start(sandbox)?;
    let bus = Bus::start(sandbox, &display)?;
    let dunst = Dunst::start(sandbox, &display, &bus)?;
    let _panel = Panel::start(sandbox, &display, &bus)?;
    let address = [("DBUS_SESSION_BUS_ADDRESS", bus.address())];
    let mut window = Window::start_with(sandbox, &display, &address)?;
    let tray = TrayIcon::on(&bus)?;
    tray.wait()?;
    window.wait_for("Button", "Settings")?;
    // Without the hint there is one notification: the request's.
    scene.cli.json(&["settings", "set", "trayHintShown", "true"])?;
    window.close_to_hide()?;
    run(&scene, &mut window, &tray, &dunst)
}

#[test]
fn a_notification_leads_to_the_request_and_allow_lets_the_tool_run() -> Result<()> {
    sandbox_test(|sandbox| {
        desktop(sandbox, |scene, window, _, dunst| {
            let claude = scene.claude()?;
            scene.cli.wait_for_session(claude.pid(), "idle")?;
            claude.prompt(&touch("mark", "all done"))?;
            claude.wait_for_dialog()?;
            let request = scene.cli.wait_for_request()?;
            dunst.wait_for(1)?;
            assert!(!window.is_shown());
            dunst.click()?;
            window
                .wait_until_in_front()
                .with_context(|| format!("{:#?}", scene.cli.rows(&["notifications"])))?;
            window.wait_for("Button", "Allow Bash: touch mark")?;
            window.settle()?;
            assert!(!scene.exists("mark"));
            window.click(&window.wait_for("Button", "Allow Bash: touch mark")?)?;
            claude.wait_for_answer("all done")?;
            assert!(scene.exists("mark"));
            let request = scene.cli.wait_for_request_state(text(&request, "id"), "took effect")?;
            assert_eq!(text(&request["outcome"], "by"), "window");
            Ok(())
        })
    })
}

#[test]
fn what_is_harmless_is_allowed_from_the_tray_and_what_is_not_has_no_allow_there() -> Result<()> {
    sandbox_test(|sandbox| {
        desktop(sandbox, |scene, window, tray, _| {
            let claude = scene.claude()?;
            scene.cli.wait_for_session(claude.pid(), "idle")?;
            claude.prompt(&touch("mark", "all done"))?;
            claude.wait_for_dialog()?;
            let request = scene.cli.wait_for_request()?;
            // `touch` runs code, says the table: the level is raised to that.
            let risk = text(&request, "risk").to_owned();
            assert_ne!(risk, "high");
            scene.cli.json(&["settings", "set", "trayRisk", &risk])?;
            tray.click(&tray.wait_for("Bash touch mark > Allow")?)?;
            claude.wait_for_answer("all done")?;
            assert!(scene.exists("mark") && !window.is_shown());
            let request = scene.cli.wait_for_request_state(text(&request, "id"), "took effect")?;
            assert_eq!(text(&request["outcome"], "by"), "tray");

            claude.prompt(&script(&json!([bash("rm -rf ../work/mark /nonexistent"), "gone"])))?;
            let request = scene.cli.wait_for_request()?;
            assert_eq!(text(&request, "risk"), "high");
            tray.wait_for("rm -rf ../work/mark /nonexistent > Open")?;
            let paths: Vec<String> = tray.menu()?.into_iter().map(|entry| entry.path).collect();
            assert!(
                !paths.iter().any(|path| path.ends_with("> Allow") || path.ends_with("> Deny")),
                "{paths:#?}"
            );
            assert!(scene.exists("mark"), "it waits");
            tray.click(&tray.wait_for("rm -rf ../work/mark /nonexistent > Open")?)?;
            window.wait_until_in_front()?;
            window.wait_for("Button", "Deny... Bash: rm -rf ../work/mark /nonexistent")?;
            scene.cli.json(&["deny", text(&request, "id")])?;
            wait_until("the request to be settled", PATIENCE, || {
                let rows = scene.cli.rows(&["permissions"]).ok()?;
                rows.is_empty().then_some(())
            })?;
            assert!(scene.exists("mark"));
            Ok(())
        })
    })
}
