//! A real Claude Code asks, and magia answers: the tool runs or does not, and the outcome is on record.
//!
//! Needs `make agents`; `make test-agents` runs it.

use anyhow::{Context, Result};
use magia_tests::{Key, Scene, bash, sandbox_test, script, text, touch, wait_until};
use serde_json::{Value, json};
use std::time::Duration;

/// How soon a card must leave after an answer in the terminal.
const CARD_LEAVES: Duration = Duration::from_secs(2);

#[test]
fn allowed_by_magia_the_tool_runs() -> Result<()> {
    sandbox_test(|sandbox| {
        let scene = Scene::new(sandbox)?;
        let claude = scene.claude()?;
        claude.prompt(&touch("mark", "all done"))?;
        let request = scene.cli.wait_for_request()?;
        assert_eq!((text(&request, "tool"), &request["input"]["command"]), ("Bash", &json!("touch mark")));
        assert_eq!(text(&request, "summary"), "touch mark");
        let session = scene.cli.wait_for_session(claude.pid(), "waiting for permission")?;
        assert_eq!(session["requests"], json!([request["id"]]));
        claude.wait_for_dialog()?;
        assert!(!scene.exists("mark"));

        let id = text(&request, "id");
        scene.cli.json(&["allow", id])?;
        claude.wait_for_answer("all done")?;
        assert!(scene.exists("mark"));
        let request = scene.cli.wait_for_request_state(id, "took effect")?;
        assert_eq!(request["outcome"]["decision"], "allow");
        let by = text(&request["outcome"], "by");
        assert!(by.starts_with("cli ") && by.contains("/magia)"), "{by}");
        scene.cli.wait_for_session(claude.pid(), "idle")?;
        assert!(!claude.terminal.shows("Do you want to proceed?"));
        Ok(())
    })
}

#[test]
fn denied_by_magia_the_tool_does_not_run_and_the_model_learns_why() -> Result<()> {
    sandbox_test(|sandbox| {
        let scene = Scene::new(sandbox)?;
        let claude = scene.claude()?;
        claude.prompt(&touch("mark", "all done"))?;
        let request = scene.cli.wait_for_request()?;
        let id = text(&request, "id");
        scene.cli.json(&["deny", id, "--reason", "use the staging server"])?;
        claude.wait_for_answer("all done")?;
        let results = scene.model.tool_results()?;
        let [result] = results.as_slice() else { anyhow::bail!("not one result: {results:?}") };
        assert_eq!(result["is_error"], true);
        assert!(result["content"].to_string().contains("use the staging server"), "{result}");
        let request = scene.cli.wait_for_request_state(id, "took effect")?;
        assert_eq!(request["outcome"]["decision"], "deny");
        assert_eq!(request["outcome"]["reason"], "use the staging server");
        assert!(!scene.exists("mark"));
        Ok(())
    })
}

#[test]
fn always_allowed_the_second_call_is_not_asked() -> Result<()> {
    sandbox_test(|sandbox| {
        let scene = Scene::new(sandbox)?;
        let claude = scene.claude()?;
        let command = "node -e 1";
        claude.prompt(&script(&json!([bash(command), "first done"])))?;
        let request = scene.cli.wait_for_request()?;
        assert_eq!(text(&request, "always"), "Bash(node -e 1)");
        scene.cli.json(&["allow", text(&request, "id"), "--always"])?;
        claude.wait_for_answer("first done")?;
        let request = scene.cli.wait_for_request_state(text(&request, "id"), "took effect")?;
        assert_eq!(request["outcome"]["decision"], "always");
        claude.prompt(&script(&json!([bash(command), "second done"])))?;
        claude.wait_for_answer("second done")?;
        let all = scene.cli.rows(&["permissions", "--all"])?;
        assert_eq!(all.len(), 1, "asked a second time: {all:#?}");
        assert_eq!(scene.model.tool_results()?.len(), 2);
        Ok(())
    })
}

#[test]
fn answered_in_the_terminal_the_card_leaves() -> Result<()> {
    sandbox_test(|sandbox| {
        let scene = Scene::new(sandbox)?;
        let claude = scene.claude()?;
        let leaves = |id: &str| {
            wait_until("the card to leave", CARD_LEAVES, || {
                scene.cli.rows(&["permissions"]).ok()?.is_empty().then_some(())
            })?;
            scene.cli.wait_for_request_state(id, "answered in terminal")
        };

        claude.prompt(&touch("yes", "first done"))?;
        let request = scene.cli.wait_for_request()?;
        claude.wait_for_dialog()?;
        claude.terminal.type_text("1")?;
        let request = leaves(text(&request, "id"))?;
        assert_eq!(
            (text(&request["outcome"], "by"), &request["outcome"]["decision"]),
            ("terminal", &Value::Null)
        );
        claude.wait_for_answer("first done")?;
        assert!(scene.exists("yes"));

        claude.prompt(&touch("no", "second done"))?;
        let request = scene.cli.wait_for_request()?;
        claude.wait_for_dialog()?;
        claude.terminal.type_text("3")?;
        leaves(text(&request, "id"))?;
        scene.cli.wait_for_session(claude.pid(), "idle")?;

        claude.prompt(&touch("esc", "third done"))?;
        let request = scene.cli.wait_for_request()?;
        claude.wait_for_dialog()?;
        claude.terminal.press(Key::Esc)?;
        leaves(text(&request, "id"))?;
        scene.cli.wait_for_session(claude.pid(), "idle")?;
        assert!(!scene.exists("no") && !scene.exists("esc"));

        // Too late: nothing is left that could take an answer.
        let late = scene.cli.run(&["allow", text(&request, "id")])?;
        assert_eq!(late.code, 1, "{late:?}");
        assert!(late.stderr.contains("already answered in terminal"), "{late:?}");
        Ok(())
    })
}

#[test]
fn two_requests_of_one_session_are_answered_in_the_other_order() -> Result<()> {
    sandbox_test(|sandbox| {
        let scene = Scene::new(sandbox)?;
        let claude = scene.claude()?;
        let outside = |name: &str| -> Result<Value> {
            let path = sandbox.root().join(name);
            std::fs::write(&path, format!("the words of {name}\n")).context("writing a file to read")?;
            Ok(json!(["Read", { "file_path": path }]))
        };
        let tools = json!({ "tools": [outside("one")?, outside("two")?] });
        claude.prompt(&script(&json!([tools, "all done"])))?;
        let open = scene.cli.wait_for_requests(2)?;
        assert_eq!(open[0]["session"], open[1]["session"]);
        let named = |name: &str| {
            let found = open.iter().find(|request| text(&request["input"], "file_path").ends_with(name));
            found.map(|request| text(request, "id").to_owned()).context("no request for this file")
        };
        let (one, two) = (named("/one")?, named("/two")?);

        scene.cli.json(&["deny", &two, "--reason", "not two"])?;
        let left = scene.cli.wait_for_request()?;
        assert_eq!(text(&left, "id"), one);
        scene.cli.json(&["allow", &one])?;
        claude.wait_for_answer("all done")?;
        scene.cli.wait_for_request_state(&one, "took effect")?;
        scene.cli.wait_for_request_state(&two, "took effect")?;
        let results = scene.model.tool_results()?;
        assert_eq!(results.len(), 2);
        let of = |words: &str| {
            results.iter().filter(|result| result["content"].to_string().contains(words)).count()
        };
        assert_eq!(
            (of("the words of one"), of("the words of two"), of("not two")),
            (1, 0, 1),
            "{results:#?}"
        );
        Ok(())
    })
}
