//! What becomes of a real Claude Code when magia ends, is not there, or is taken out again; and what an agent may not
//! do with magia.
//!
//! Needs `make agents`; `make test-agents` runs it.

use anyhow::{Context, Result};
use magia_tests::{Cli, PATIENCE, Scene, bash, binary, sandbox_test, script, text, touch, wait_until};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

/// Every attachment of every transcript that speaks of a hook that went wrong.
fn hook_errors(home: &Path) -> Result<Vec<Value>> {
    let mut found = Vec::new();
    let mut directories = vec![home.join(".claude/projects")];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory).with_context(|| format!("listing {}", directory.display()))? {
            let path: PathBuf = entry?.path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|it| it == "jsonl") {
                let text = fs::read_to_string(&path)?;
                let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
                found.extend(lines.filter(|line| {
                    let kind = line.pointer("/attachment/type").and_then(Value::as_str).unwrap_or_default();
                    kind.starts_with("hook_") && !matches!(kind, "hook_success" | "hook_permission_decision")
                }));
            }
        }
    }
    Ok(found)
}

#[test]
fn killed_while_a_request_is_open_the_agents_own_prompt_works() -> Result<()> {
    sandbox_test(|sandbox| {
        let mut scene = Scene::new(sandbox)?;
        let claude = scene.claude()?;
        claude.prompt(&touch("first", "first done"))?;
        let request = scene.cli.wait_for_request()?;
        let before = scene.cli.wait_for_session(claude.pid(), "waiting for permission")?;
        let id = text(&before, "id");
        let known = scene.cli.events(id)?;
        let lines = |cli: Cli<'_>| -> Result<Vec<(String, String)>> {
            let rows = cli.rows(&["call", "get_timeline", &json!({ "session": id }).to_string()])?;
            let kept = rows.iter().filter(|row| row["kind"] != "permission");
            Ok(kept.map(|row| (text(row, "kind").to_owned(), text(row, "text").to_owned())).collect())
        };
        let told = lines(scene.cli)?;
        assert!(told.iter().any(|(kind, text)| kind == "tool" && text.contains("touch first")), "{told:?}");
        claude.wait_for_dialog()?;
        scene.kill_app()?;
        assert_eq!(scene.cli.run(&["status"])?.code, 3);

        claude.wait_for_dialog()?;
        assert!(!scene.exists("first"));
        claude.terminal.type_text("1")?;
        claude.wait_for_answer("first done")?;
        assert!(scene.exists("first"));
        claude.wait_for_status("idle")?;

        scene.start_app()?;
        let after = scene.cli.wait_for_session(claude.pid(), "idle")?;
        assert_eq!(text(&after, "id"), id);
        let all = scene.cli.rows(&["ls", "--all"])?;
        assert_eq!(all.len(), 1, "the same session, not a second one: {all:#?}");
        let events = scene.cli.events(id)?;
        assert_eq!(
            events.get(..known.len()),
            Some(known.as_slice()),
            "what was received is there, unchanged"
        );
        let now_told = lines(scene.cli)?;
        assert_eq!(now_told.get(..told.len()), Some(told.as_slice()), "the timeline begins as it was");
        let request = scene.cli.wait_for_request_state(text(&request, "id"), "app gone")?;
        assert_eq!(request["outcome"]["decision"], Value::Null);

        // And all goes on as before.
        claude.prompt(&touch("second", "second done"))?;
        let next = scene.cli.wait_for_request()?;
        assert_eq!(next["session"], *id);
        scene.cli.json(&["allow", text(&next, "id")])?;
        claude.wait_for_answer("second done")?;
        assert!(scene.exists("second"));
        claude.wait_for_status("idle")?;
        assert_eq!(hook_errors(&sandbox.home())?, Vec::<Value>::new());
        Ok(())
    })
}

#[test]
fn without_the_app_the_agent_is_as_without_hooks() -> Result<()> {
    sandbox_test(|sandbox| {
        let scene = Scene::without_app(sandbox)?;
        let claude = scene.claude()?;
        claude.prompt(&touch("yes", "first done"))?;
        claude.wait_for_dialog()?;
        claude.terminal.type_text("1")?;
        claude.wait_for_answer("first done")?;
        assert!(scene.exists("yes"));
        claude.prompt(&script(&json!([bash("echo free"), "second done"])))?;
        claude.wait_for_answer("second done")?;
        claude.wait_for_status("idle")?;
        let results = scene.model.tool_results()?;
        assert_eq!(results.len(), 2);
        assert_eq!(results[1]["content"], "free");
        // Neither the person nor the model is told of any hook.
        assert_eq!(hook_errors(&sandbox.home())?, Vec::<Value>::new());
        // "running stop hook" stands there for a moment, with any hook.
        wait_until("the screen to speak of no hook", PATIENCE, || {
            (!claude.terminal.screen().to_lowercase().contains("hook")).then_some(())
        })
        .with_context(|| claude.terminal.screen())?;
        assert!(!sandbox.runtime_dir().exists(), "the handler makes nothing");
        Ok(())
    })
}

#[test]
fn uninstalled_the_settings_are_the_same_bytes() -> Result<()> {
    sandbox_test(|sandbox| {
        let file = sandbox.home().join(".claude/settings.json");
        fs::create_dir_all(file.parent().context("no directory")?)?;
        let original = "{\n    \"theme\" : \"dark\",\n\t\"hooks\": {\"Stop\": [ {\"hooks\":[{\"type\":\"command\",\
                        \"command\":\"echo stopped >> stops\"}]} ]},\n    \"unknown\": [1,2 ,3]\n}";
        fs::write(&file, original)?;
        let mut scene = Scene::without_app(sandbox)?;
        assert!(fs::read_to_string(&file)?.contains("magia-hook-handler"));
        scene.start_app()?;
        // Both the user's own hook and ours run.
        let claude = scene.claude()?;
        claude.prompt(&script(&json!(["first done"])))?;
        claude.wait_for_answer("first done")?;
        let session = scene.cli.wait_for_session(claude.pid(), "idle")?;
        scene.cli.wait_for_row(
            "the turn's end",
            &["events", "--session", text(&session, "id")],
            |event| event["kind"] == "turn.ended",
        )?;
        assert!(scene.exists("stops"));
        drop(claude);
        // Claude may have written to its settings; what is checked is what uninstalling leaves of it.
        assert!(fs::read_to_string(&file)?.matches("magia-hook-handler").count() > 10);
        scene.cli.json(&["hooks", "uninstall"])?;
        assert_eq!(fs::read_to_string(&file)?, original);
        Ok(())
    })
}

#[test]
fn an_agent_cannot_answer_for_itself() -> Result<()> {
    sandbox_test(|sandbox| {
        let scene = Scene::new(sandbox)?;
        let asking = scene.agent()?.interactive("asking")?;
        asking.prompt(&touch("mark", "asked and done"))?;
        let open = scene.cli.wait_for_request()?;
        let id = text(&open, "id").to_owned();
        let settings = scene.cli.json(&["settings", "get"])?;

        let magia = binary("magia")?;
        let app = binary("magia-app")?;
        let (magia, app) = (magia.display(), app.display());
        let resolve = format!("{{\\\"id\\\":\\\"{id}\\\",\\\"decision\\\":\\\"allow\\\"}}");
        let commands = [
            (format!("{magia} permissions"), 0),
            (format!("{magia} allow {id}"), 1),
            (format!("{magia} allow {id} --always"), 1),
            (format!("{magia} deny {id}"), 1),
            (format!("sh -c '{magia} allow {id}'"), 1),
            (format!("env -i MAGIA_RUNTIME_DIR=$MAGIA_RUNTIME_DIR {magia} allow {id}"), 1),
            // Detached: its parents no longer show the agent, but its environment does.
            (
                format!(
                    "(setsid -f sh -c '{magia} allow {id}; echo $? > rc'; \
                     until [ -s rc ]; do :; done; exit $(cat rc))"
                ),
                1,
            ),
            (format!("{magia} call resolve_permission \"{resolve}\""), 1),
            (format!("{magia} settings set permissionPreset acceptEdits"), 1),
            (
                format!(
                    "{app} --call save_settings '{{\"settings\":{{\"permissionPreset\":\"acceptEdits\"}}}}'"
                ),
                1,
            ),
        ];
        // One script for all: each line of the output is a command's number and exit code.
        let lines: Vec<String> = commands
            .iter()
            .enumerate()
            .map(|(number, (command, _))| {
                format!("{command} > said.{number} 2>&1; echo {number} $? >> codes")
            })
            .collect();
        fs::write(sandbox.work().join("try.sh"), lines.join("\n"))?;
        let trying = scene.agent()?.interactive("trying")?;
        trying.prompt(&script(&json!([bash("sh try.sh"), "tried and done"])))?;
        let requests = scene.cli.wait_for_requests(2)?;
        let own = requests.iter().find(|request| request["id"] != *id).context("no second request")?;
        scene.cli.json(&["allow", text(own, "id")])?;
        trying.wait_for_answer("tried and done")?;

        let codes = fs::read_to_string(sandbox.work().join("codes"))?;
        let expected: String =
            commands.iter().enumerate().map(|(number, (_, code))| format!("{number} {code}\n")).collect();
        let said = |number: usize| {
            fs::read_to_string(sandbox.work().join(format!("said.{number}"))).unwrap_or_default()
        };
        let all: String = (0..commands.len()).map(|number| format!("{number}: {}", said(number))).collect();
        assert_eq!(codes, expected, "{all}");
        assert!(said(0).contains("touch mark"), "{all}");
        for (number, (command, _)) in commands.iter().enumerate().skip(1) {
            assert!(said(number).contains("refused: "), "{command} said {}", said(number));
        }
        assert_eq!(scene.cli.json(&["settings", "get"])?, settings);
        let still = scene.cli.wait_for_request()?;
        assert_eq!(text(&still, "id"), id);
        assert!(!scene.exists("mark"));
        scene.cli.json(&["allow", &id])?;
        asking.wait_for_answer("asked and done")?;
        Ok(())
    })
}
