//! A real Claude Code's questions, plans and edits, and the one that a program drives over stdio.
//!
//! Needs `make agents`; `make test-agents` runs it.

use anyhow::{Context, Result};
use magia_tests::{Scene, bash, sandbox_test, script, text, touch, wait_until};
use serde_json::{Value, json};
use std::fs;
use std::time::Duration;

/// How soon a request that magia answered must be withdrawn from the host.
const WITHDRAWN: Duration = Duration::from_secs(10);

#[test]
fn a_question_is_answered_by_a_label_and_never_by_a_plain_allow() -> Result<()> {
    sandbox_test(|sandbox| {
        let scene = Scene::new(sandbox)?;
        let claude = scene.claude()?;
        let option = |label: &str| json!({ "label": label, "description": format!("use {label}") });
        let question = json!({
            "question": "Which database?", "header": "Database", "multiSelect": false,
            "options": [option("Postgres"), option("SQLite")],
        });
        claude.prompt(&script(&json!([["AskUserQuestion", { "questions": [question] }], "all done"])))?;
        let request = scene.cli.wait_for_request()?;
        assert_eq!((text(&request, "kind"), text(&request, "tool")), ("question", "AskUserQuestion"));
        scene.cli.wait_for_session(claude.pid(), "waiting for an answer")?;
        let id = text(&request, "id");
        let plain = scene.cli.run(&["allow", id])?;
        assert_ne!(plain.code, 0);
        assert!(plain.stderr.contains("Which database?"), "{plain:?}");
        let wrong = scene.cli.run(&["allow", id, "--answer", "Which cache?=SQLite"])?;
        assert_ne!(wrong.code, 0, "{wrong:?}");
        assert_eq!(scene.cli.wait_for_request()?["id"], *id);

        scene.cli.json(&["allow", id, "--answer", "SQLite"])?;
        claude.wait_for_answer("all done")?;
        scene.cli.wait_for_request_state(id, "took effect")?;
        let results = scene.model.tool_results()?;
        assert_eq!(results.len(), 1);
        let heard = results[0]["content"].to_string();
        assert!(heard.contains("SQLite") && !heard.contains("Postgres"), "{heard}");
        Ok(())
    })
}

#[test]
fn a_plan_is_approved_or_sent_back() -> Result<()> {
    sandbox_test(|sandbox| {
        let scene = Scene::new(sandbox)?;
        let claude = scene.agent()?.arg("--permission-mode").arg("plan").interactive("claude")?;
        let plan = |end: &str| script(&json!([["ExitPlanMode", { "plan": "# Plan\n\nOne step." }], end]));
        claude.prompt(&plan("back done"))?;
        let request = scene.cli.wait_for_request()?;
        assert_eq!((text(&request, "kind"), text(&request, "tool")), ("plan", "ExitPlanMode"));
        scene.cli.wait_for_session(claude.pid(), "waiting for an answer")?;
        scene.cli.json(&["deny", text(&request, "id"), "--reason", "two steps, please"])?;
        claude.wait_for_answer("back done")?;
        assert!(scene.model.tool_results()?[0]["content"].to_string().contains("two steps, please"));

        claude.prompt(&plan("plan done"))?;
        let request = scene.cli.wait_for_request()?;
        scene.cli.json(&["allow", text(&request, "id")])?;
        claude.wait_for_answer("plan done")?;
        scene.cli.wait_for_request_state(text(&request, "id"), "took effect")?;
        let results = scene.model.tool_results()?;
        assert_eq!(results.len(), 2);
        assert_ne!(results[1]["is_error"], true, "{results:#?}");
        Ok(())
    })
}

#[test]
fn accept_edits_allows_files_of_the_project_and_nothing_else() -> Result<()> {
    sandbox_test(|sandbox| {
        let scene = Scene::new(sandbox)?;
        scene.cli.json(&["settings", "set", "permissionPreset", "acceptEdits"])?;
        let claude = scene.claude()?;
        let inside = sandbox.work().join("inside.txt");
        let outside = sandbox.root().join("outside.txt");
        let write = |path: &std::path::Path| json!(["Write", { "file_path": path, "content": "words\n" }]);

        claude.prompt(&script(&json!([write(&inside), "first done"])))?;
        claude.wait_for_answer("first done")?;
        assert_eq!(fs::read_to_string(&inside)?, "words\n");
        let all = scene.cli.rows(&["permissions", "--all"])?;
        let [request] = all.as_slice() else { anyhow::bail!("not one request: {all:#?}") };
        assert_eq!(text(&request["outcome"], "by"), "policy preset acceptEdits");
        scene.cli.wait_for_request_state(text(request, "id"), "took effect")?;

        claude.prompt(&script(&json!([write(&outside), "second done"])))?;
        let request = scene.cli.wait_for_request()?;
        assert_eq!(text(&request, "tool"), "Write");
        scene.cli.json(&["deny", text(&request, "id")])?;
        claude.wait_for_answer("second done")?;
        assert!(!outside.exists());

        claude.prompt(&touch("mark", "third done"))?;
        let request = scene.cli.wait_for_request()?;
        assert_eq!(text(&request, "tool"), "Bash");
        scene.cli.json(&["allow", text(&request, "id")])?;
        claude.wait_for_answer("third done")?;
        assert!(scene.exists("mark"));
        Ok(())
    })
}

#[test]
fn driven_over_stdio_magia_answers_while_the_host_is_silent() -> Result<()> {
    sandbox_test(|sandbox| {
        let scene = Scene::new(sandbox)?;
        let mut claude = scene.agent()?.stream("claude")?;
        claude.send_user(&touch("yes", "first done"))?;
        let asked = claude.wait_for_tool_request(1)?;
        let request = scene.cli.wait_for_request()?;
        let id = text(&request, "id");
        scene.cli.json(&["allow", id])?;
        assert_eq!(claude.wait_for_result(1)?["result"], "first done");
        assert!(scene.exists("yes"));
        scene.cli.wait_for_request_state(id, "took effect")?;
        wait_until("the host's request to be withdrawn", WITHDRAWN, || {
            claude.is_withdrawn(&asked).then_some(())
        })?;

        claude.send_user(&touch("no", "second done"))?;
        let asked = claude.wait_for_tool_request(2)?;
        let request = scene.cli.wait_for_request()?;
        let id = text(&request, "id");
        scene.cli.json(&["deny", id, "--reason", "not this one"])?;
        assert_eq!(claude.wait_for_result(2)?["result"], "second done");
        wait_until("the host's request to be withdrawn", WITHDRAWN, || {
            claude.is_withdrawn(&asked).then_some(())
        })?;
        scene.cli.wait_for_request_state(id, "took effect")?;
        assert!(!scene.exists("no"));
        let results = scene.model.tool_results()?;
        assert!(results[1]["content"].to_string().contains("not this one"), "{results:#?}");

        // The host may be the one who answers: then the card leaves.
        claude.send_user(&touch("host", "third done"))?;
        let asked = claude.wait_for_tool_request(3)?;
        let request = scene.cli.wait_for_request()?;
        claude.allow(&asked)?;
        assert_eq!(claude.wait_for_result(3)?["result"], "third done");
        let request = scene.cli.wait_for_request_state(text(&request, "id"), "answered in terminal")?;
        assert_eq!(request["outcome"]["decision"], Value::Null);
        assert!(scene.exists("host"));

        let pid = claude.pid();
        claude.close_stdin();
        assert!(claude.program().wait(magia_tests::PATIENCE)?.success());
        scene.cli.wait_for_row("the end of the session", &["ls", "--all"], |row| {
            row["id"] == request["session"] && row["state"] == "ended"
        })?;
        let live = scene.cli.rows(&["ls"])?;
        assert!(live.is_empty(), "process {pid} is gone: {live:#?}");
        Ok(())
    })
}

#[test]
fn two_subagents_ask_at_once_and_each_gets_its_own_answer() -> Result<()> {
    sandbox_test(|sandbox| {
        let scene = Scene::new(sandbox)?;
        let claude = scene.claude()?;
        let agent = |name: &str| {
            let prompt = script(&json!([bash(&format!("touch {name}")), format!("{name} is done")]));
            json!(["Agent", { "description": name, "prompt": prompt, "subagent_type": "general-purpose" }])
        };
        // The other marks around it: the script inside would end the outer one.
        let steps = json!([{ "tools": [agent("one"), agent("two")] }, "all done"]);
        claude.prompt(&script(&steps).replace("%%[", "@@[").replace("]%%", "]@@"))?;
        let open = scene.cli.wait_for_requests(2)?;
        let named = |name: &str| {
            let command = format!("touch {name}");
            let found = open.iter().find(|request| request["input"]["command"] == *command);
            found.map(|request| text(request, "id").to_owned()).context("no request for this command")
        };
        assert!(open.iter().all(|request| request["agent_id"].is_string()), "{open:#?}");
        assert_ne!(open[0]["agent_id"], open[1]["agent_id"]);
        let (one, two) = (named("one")?, named("two")?);
        scene.cli.json(&["allow", &two])?;
        assert_eq!(text(&scene.cli.wait_for_request()?, "id"), one);
        scene.cli.json(&["deny", &one])?;
        scene.cli.wait_for_request_state(&one, "took effect")?;
        scene.cli.wait_for_request_state(&two, "took effect")?;
        claude.wait_for_answer("all done")?;
        assert!(scene.exists("two") && !scene.exists("one"));
        Ok(())
    })
}
