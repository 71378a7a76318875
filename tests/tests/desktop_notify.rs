//! Notifications of the whole program, with a real daemon: a click shows the session, a button answers, and what is
//! answered elsewhere is taken back.

use anyhow::Result;
use magia_tests::{
    Bus, Cli, Display, Dunst, PATIENCE, ScriptedAgent, Window, sandbox_test, text, wait_until,
};
use serde_json::{Value, json};

fn command(command: &str) -> Value {
    json!({ "command": command })
}

#[test]
fn a_click_shows_the_session_and_a_button_answers_up_to_the_level() -> Result<()> {
    sandbox_test(|sandbox| {
        let display = Display::start(sandbox)?;
        let bus = Bus::start(sandbox, &display)?;
        let dunst = Dunst::start(sandbox, &display, &bus)?;
        let window = Window::start_with(sandbox, &display, &[("DBUS_SESSION_BUS_ADDRESS", bus.address())])?;
        let cli = Cli::new(sandbox);
        cli.json(&["settings", "set", "notificationRisk", "low"])?;
        let mut other = ScriptedAgent::start(sandbox, "agent-other")?;
        other.begin("Paint the fence")?;
        window.wait_for_text("Paint the fence")?;
        let mut agent = ScriptedAgent::start(sandbox, "agent-one")?;
        agent.begin("Tidy the cellar")?;
        let _cover = window.cover()?;

        let asked = agent.ask("Bash", &command("ls"))?;
        dunst.wait_for(1)?;
        dunst.click()?;
        window.wait_until_in_front()?;
        window.wait_for("Button", "Allow Bash: ls")?;
        assert_eq!(asked.ended(), None, "a click decides nothing");
        let request = cli.wait_for_request()?;
        let rows = cli.rows(&["notifications"])?;
        assert_eq!((text(&rows[0], "outcome"), &rows[0]["read"]), ("shown", &json!(true)));
        cli.json(&["allow", text(&request, "id")])?;
        assert_eq!(asked.decision()?["behavior"], "allow");

        // The session is in front now: nothing is told of it.
        let asked = agent.ask("Bash", &command("ls -l"))?;
        let row = wait_until("the ledger to say why not", PATIENCE, || {
            let rows = cli.rows(&["notifications"]).ok()?;
            rows.first().filter(|row| row["body"] == "Bash: ls -l").cloned()
        })?;
        assert_eq!((text(&row, "outcome"), text(&row, "why")), ("suppressed", "the session is in front"));
        cli.json(&["deny", text(&cli.wait_for_request()?, "id")])?;
        asked.wait()?;

        let _cover = window.cover()?;
        let asked = other.ask("Bash", &command("ls -a"))?;
        dunst.wait_for(1)?;
        dunst.press("Allow")?;
        assert_eq!(asked.decision()?["behavior"], "allow");
        let all = cli.rows(&["permissions", "--all"])?;
        assert_eq!(text(&all[0]["outcome"], "by"), "notification");
        dunst.wait_for(0)?;

        // What could do harm has no such button, and is taken back when it is answered elsewhere.
        let asked = other.ask("Bash", &command("rm -rf /"))?;
        dunst.wait_for(1)?;
        dunst.press("Allow")?;
        let request = cli.wait_for_request()?;
        assert_eq!((text(&request, "state"), asked.ended()), ("open", None));
        cli.json(&["deny", text(&request, "id")])?;
        assert_eq!(asked.decision()?["behavior"], "deny");
        dunst.wait_for(0)?;
        Ok(())
    })
}

#[test]
fn a_daemon_that_died_and_one_that_is_not_there_are_in_the_ledger() -> Result<()> {
    sandbox_test(|sandbox| {
        let display = Display::start(sandbox)?;
        let bus = Bus::bare(sandbox, &display)?;
        let address = [("DBUS_SESSION_BUS_ADDRESS", bus.address())];
        let _app = magia_tests::App::start_with(sandbox, &address)?;
        let cli = Cli::new(sandbox);
        let mut agent = ScriptedAgent::start(sandbox, "agent-one")?;
        agent.begin("Tidy the cellar")?;
        let newest = |body: &str, outcome: &str| {
            wait_until(&format!("{body:?} to be {outcome} in the ledger"), PATIENCE, || {
                let rows = cli.rows(&["notifications"]).ok()?;
                rows.first().filter(|row| row["body"] == body && row["outcome"] == outcome).cloned()
            })
        };
        let deny = |asked: &magia_tests::RunningHook| -> Result<()> {
            cli.json(&["deny", text(&cli.wait_for_request()?, "id")])?;
            asked.wait().map(drop)
        };
        let asked = agent.ask("Bash", &command("one"))?;
        let row = newest("Bash: one", "failed")?;
        assert_eq!(text(&row, "why"), "no program of this desktop shows any");
        let problems = cli.json(&["status"])?["problems"].to_string();
        assert!(problems.contains("Desktop notifications cannot be shown"), "{problems}");
        deny(&asked)?;

        let mut dunst = Dunst::start(sandbox, &display, &bus)?;
        let asked = agent.ask("Bash", &command("two"))?;
        newest("Bash: two", "shown")?;
        dunst.wait_for(1)?;
        dunst.kill()?;
        let again = Dunst::start(sandbox, &display, &bus)?;
        again.wait_for(1)?;
        deny(&asked)?;
        again.wait_for(0)?;
        assert_eq!(cli.json(&["status"])?["problems"], json!([]), "it works again");

        agent.hook("Stop", &json!({ "last_assistant_message": "All tidy." }))?;
        let row = newest("All tidy.", "shown")?;
        assert_eq!(
            (text(&row, "kind"), text(&row, "title")),
            ("completed", "Agent finished: Tidy the cellar")
        );
        again.wait_for(1)?;
        agent.hook("UserPromptSubmit", &json!({ "prompt": "more" }))?;
        again.wait_for(0)?;
        Ok(())
    })
}
