//! A real Claude Code, an input that a person edited, one answer for two sessions, and one session in two processes.
//!
//! Needs `make agents`; `make test-agents` runs it.

use anyhow::Result;
use magia_tests::{PATIENCE, Scene, bash, sandbox_test, script, text, touch, wait_until};
use serde_json::json;

#[test]
fn an_edited_command_runs_instead_of_the_agents() -> Result<()> {
    sandbox_test(|sandbox| {
        let scene = Scene::new(sandbox)?;
        let claude = scene.claude()?;
        claude.prompt(&touch("theirs", "first done"))?;
        let request = scene.cli.wait_for_request()?;
        let id = text(&request, "id");
        let reply = scene.cli.json(&["allow", id, "--command", "touch mine"])?;
        assert_eq!(reply["outcome"]["edited_input"]["command"], "touch mine");
        assert_eq!(reply["input"]["command"], "touch theirs");
        claude.wait_for_answer("first done")?;
        assert!(scene.exists("mine") && !scene.exists("theirs"));
        scene.cli.wait_for_request_state(id, "took effect")?;
        Ok(())
    })
}

#[test]
fn one_answer_for_two_sessions_that_ask_the_same() -> Result<()> {
    sandbox_test(|sandbox| {
        let scene = Scene::new(sandbox)?;
        let first = scene.agent()?.interactive("first")?;
        let second = scene.agent()?.interactive("second")?;
        let both = script(&json!([bash("echo x >> marks"), "both done"]));
        first.prompt(&both)?;
        second.prompt(&both)?;
        let requests = scene.cli.wait_for_requests(2)?;
        assert_eq!(requests[0]["question"], requests[1]["question"]);
        let reply = scene.cli.json(&["allow", text(&requests[0], "id"), "--same"])?;
        assert_eq!(reply["answered"].as_array().map(Vec::len), Some(2), "{reply}");
        first.wait_for_answer("both done")?;
        second.wait_for_answer("both done")?;
        for request in &requests {
            scene.cli.wait_for_request_state(text(request, "id"), "took effect")?;
        }
        assert_eq!(std::fs::read_to_string(sandbox.work().join("marks"))?, "x\nx\n");
        Ok(())
    })
}

#[test]
fn a_session_that_is_resumed_while_it_runs_is_hijacked_until_one_leaves() -> Result<()> {
    sandbox_test(|sandbox| {
        let scene = Scene::new(sandbox)?;
        let first = scene.agent()?.interactive("first")?;
        first.prompt(&script(&json!(["hello there"])))?;
        first.wait_for_answer("hello there")?;
        let row = scene.cli.wait_for_session(first.pid(), "idle")?;
        assert!(row["hijacked_since_ms"].is_null(), "{row}");
        assert!(row["hook_cost"]["ours"].as_u64().is_some_and(|ours| ours > 0), "{row}");

        let own = text(&row, "provider_session_id").to_owned();
        let second = scene.agent()?.arg("--resume").arg(own).interactive("second")?;
        let id = text(&row, "id").to_owned();
        let shown = |wanted: bool| {
            let row = scene.cli.json(&["why", &id]).ok()?;
            (row["hijacked_since_ms"].is_u64() == wanted).then_some(row)
        };
        let why = wait_until("the second process to be told", PATIENCE, || shown(true))?;
        let fact = why["claims"].to_string();
        assert!(
            fact.contains(&first.pid().to_string()) && fact.contains(&second.pid().to_string()),
            "{fact}"
        );
        drop(second);
        wait_until("its end", PATIENCE, || shown(false))?;
        let kinds = scene.cli.events(&id)?;
        let told = kinds.iter().filter(|event| event["kind"] == "session.hijacked").count();
        assert_eq!(told, 2, "its beginning and its end");
        Ok(())
    })
}

#[test]
fn strict_mode_refuses_by_rule_and_without_magia_or_its_handler_everything() -> Result<()> {
    sandbox_test(|sandbox| {
        let mut scene = Scene::new(sandbox)?;
        scene.cli.json(&["hooks", "install", "--strict"])?;
        let rules = json!([{ "toolName": "Bash", "commandPrefix": "touch", "autoApprove": false }]);
        scene.cli.json(&["settings", "set", "toolPermissions", &rules.to_string()])?;
        let run = |scene: &Scene<'_>, name: &str, prompt: &str| -> Result<String> {
            let mut claude = scene.agent()?.arg("--allowedTools").arg("Bash").print(name, prompt)?;
            assert!(claude.wait(PATIENCE * 3)?.success(), "{}", claude.stderr());
            Ok(claude.stdout())
        };
        let both = script(&json!([bash("echo said > said"), bash("touch denied"), "all done"]));
        run(&scene, "by-rule", &both)?;
        assert!(scene.exists("said") && !scene.exists("denied"), "{:?}", scene.model.tool_results()?);
        let told = scene.model.tool_results()?;
        assert!(told.iter().any(|result| result.to_string().contains("Denied by magia's rule Bash(touch)")));

        scene.kill_app()?;
        run(&scene, "no-app", &script(&json!([bash("echo alone > alone"), "all done"])))?;
        assert!(!scene.exists("alone"), "what nobody can judge does not run");
        let file = sandbox.home().join(".claude/settings.json");
        let with = std::fs::read_to_string(&file)?;
        std::fs::write(&file, with.replace("magia-hook-handler", "gone/magia-hook-handler"))?;
        run(&scene, "no-handler", &script(&json!([bash("echo alone > alone"), "all done"])))?;
        assert!(!scene.exists("alone"), "nor does it without the handler");
        let told = scene.model.tool_results()?;
        assert!(
            told.iter().any(|result| result.to_string().contains("the hook handler is missing")),
            "{told:?}"
        );
        Ok(())
    })
}
