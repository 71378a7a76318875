//! The real window on a display of its own, worked with pointer and keyboard; the hooks come from the real handler.

use anyhow::{Context, Result};
use magia_tests::{
    Cli, Display, PATIENCE, Program, ScriptedAgent, Window, binary, magia, sandbox_test, text, wait_until,
};
use serde_json::json;

/// At the first start there is a welcome.
fn skip_welcome(window: &Window<'_>) -> Result<()> {
    let skip = window.wait_for("Button", "Skip the welcome")?;
    window.settle()?;
    window.click(&skip)?;
    window.wait_for_text("No sessions yet")?;
    Ok(())
}

#[test]
fn an_empty_window_says_what_to_do() -> Result<()> {
    sandbox_test(|sandbox| {
        let display = Display::start(sandbox)?;
        let window = Window::start(sandbox, &display)?;
        skip_welcome(&window)?;
        window.wait_for_text("No sessions yet")?;
        window.wait_for("Button", "Install hooks...")?;
        window.wait_for_text("magia demo")?;
        assert!(Cli::new(sandbox).rows(&["ls", "--all"])?.is_empty());
        Ok(())
    })
}

#[test]
fn a_click_on_allow_answers_the_handler() -> Result<()> {
    sandbox_test(|sandbox| {
        let display = Display::start(sandbox)?;
        let window = Window::start(sandbox, &display)?;
        let cli = Cli::new(sandbox);
        let mut agent = ScriptedAgent::start(sandbox, "agent-one")?;
        agent.begin("Tidy the cellar")?;
        let row = window.wait_for("Button", "Tidy the cellar")?;
        window.click(&row)?;
        let asked = agent.ask("Bash", &json!({ "command": "touch mark" }))?;
        let allow = window.wait_for("Button", "Allow Bash: touch mark")?;
        assert_eq!(cli.wait_for_request()?["state"], "open");
        assert_eq!(asked.ended(), None);

        window.settle()?;
        window.click(&window.wait_for(&allow.role, &allow.label)?)?;
        assert_eq!(asked.decision()?, json!({ "behavior": "allow" }));
        window.wait_until_gone("Button", "Allow Bash: touch mark")?;
        let all = cli.rows(&["permissions", "--all"])?;
        assert_eq!(text(&all[0]["outcome"], "by"), "window");
        assert_eq!(all[0]["outcome"]["decision"], "allow");
        Ok(())
    })
}

#[test]
fn keys_allow_and_deny() -> Result<()> {
    sandbox_test(|sandbox| {
        let display = Display::start(sandbox)?;
        let window = Window::start(sandbox, &display)?;
        let cli = Cli::new(sandbox);
        let mut agent = ScriptedAgent::start(sandbox, "agent-one")?;
        agent.begin("Tidy the cellar")?;
        let asked = agent.ask("Bash", &json!({ "command": "touch one" }))?;
        window.wait_for_text("touch one")?;
        // "n": the next one that needs a person. A card takes no key in its first moments.
        window.key("n")?;
        window.wait_for("Button", "Allow Bash: touch one")?;
        wait_until("the key 1 to be taken", PATIENCE, || {
            window.key("1").ok()?;
            asked.ended()
        })?;
        assert_eq!(asked.decision()?, json!({ "behavior": "allow" }));
        window.wait_until_gone("Button", "Allow Bash: touch one")?;

        let asked = agent.ask("Bash", &json!({ "command": "touch two" }))?;
        window.wait_for("Button", "Allow Bash: touch two")?;
        wait_until("the key 3 to open the field for a reason", PATIENCE, || {
            window.key("3").ok()?;
            window
                .elements()
                .ok()?
                .iter()
                .any(|it| it.role == "TextInput" && it.label.contains("eason"))
                .then_some(())
        })?;
        // A slow window may have got the key once more than it needed.
        window.key("ctrl+a")?;
        window.type_text("not today")?;
        window.key("Return")?;
        let decision = asked.decision()?;
        assert_eq!((&decision["behavior"], &decision["message"]), (&json!("deny"), &json!("not today")));
        assert!(cli.rows(&["permissions"])?.is_empty());
        Ok(())
    })
}

#[test]
fn the_keyboard_finds_in_the_timeline() -> Result<()> {
    sandbox_test(|sandbox| {
        let display = Display::start(sandbox)?;
        let window = Window::start(sandbox, &display)?;
        let mut agent = ScriptedAgent::start(sandbox, "agent-one")?;
        agent.begin("Tidy the cellar")?;
        window.wait_for("Button", "Show all entries")?;
        window.key("ctrl+f")?;
        window.wait_for("TextInput", "Find in timeline")?;
        window.settle()?;
        window.type_text("CELLAR")?;
        window.key("Return")?;
        window.wait_for_text("1 of 1")?;
        window.key("Escape")?;
        window.wait_until_gone("TextInput", "Find in timeline")?;
        Ok(())
    })
}

#[test]
fn a_second_start_raises_the_window() -> Result<()> {
    sandbox_test(|sandbox| {
        let display = Display::start(sandbox)?;
        let mut window = Window::start(sandbox, &display)?;
        let mut other = window.cover()?;
        let raised = |window: &Window<'_>| {
            wait_until("the window to be in front", PATIENCE, || window.is_in_front().ok()?.then_some(()))
        };
        let reply = magia(sandbox, &["--json"])?;
        assert_eq!(reply.json()?, json!({ "raised": true }));
        raised(&window)?;

        other.kill9()?;
        let _second = window.cover()?;
        let mut command = sandbox.command(binary("magia-app")?);
        command.env("DISPLAY", display.name());
        let mut again = sandbox.spawn("magia-again", command)?;
        assert_eq!(Program::exit_code(again.wait(PATIENCE)?), 0, "{}", again.stderr());
        assert!(again.stderr().contains("runs already"), "{}", again.stderr());
        raised(&window)?;
        assert!(window.program().try_wait().is_none(), "the first goes on");
        Ok(())
    })
}

#[test]
fn closing_the_window_ends_the_app_and_leaves_the_request_to_the_agent() -> Result<()> {
    sandbox_test(|sandbox| {
        let display = Display::start(sandbox)?;
        let mut window = Window::start(sandbox, &display)?;
        let mut agent = ScriptedAgent::start(sandbox, "agent-one")?;
        agent.begin("Tidy the cellar")?;
        let asked = agent.ask("Bash", &json!({ "command": "touch mark" }))?;
        Cli::new(sandbox).wait_for_request()?;
        let status = window.close()?;
        assert_eq!(Program::exit_code(status), 0, "{}", window.program().stderr());
        assert_eq!(asked.wait()?, (0, String::new()), "no decision is invented");
        assert_eq!(magia(sandbox, &["status"])?.code, 3);
        Ok(())
    })
}

#[test]
fn text_fields_cut_copy_and_paste() -> Result<()> {
    sandbox_test(|sandbox| {
        let display = Display::start(sandbox)?;
        let window = Window::start(sandbox, &display)?;
        skip_welcome(&window)?;
        let shows = |wanted: &str| {
            wait_until(&format!("the filter to be {wanted:?}"), PATIENCE, || {
                let elements = window.elements().ok()?;
                let field = elements
                    .into_iter()
                    .find(|it| it.label == "Filter sessions" && it.role == "TextInput")?;
                (field.value == wanted).then_some(())
            })
            .with_context(|| format!("in the window: {:#?}", window.elements().unwrap_or_default()))
        };
        window.key("slash")?;
        window.type_text("cellar")?;
        shows("cellar")?;
        window.key("ctrl+a")?;
        window.key("ctrl+x")?;
        shows("")?;
        window.key("ctrl+v")?;
        shows("cellar")?;
        window.key("ctrl+a")?;
        window.key("ctrl+c")?;
        window.key("End")?;
        window.key("ctrl+v")?;
        shows("cellarcellar")?;
        window.key("shift+Insert")?;
        shows("cellarcellarcellar")
    })
}
