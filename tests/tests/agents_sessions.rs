//! A real Claude Code shows up in magia by itself, with what it does.
//!
//! Needs `make agents`; `make test-agents` runs it.

use anyhow::{Context, Result};
use magia_tests::{Scene, bash, sandbox_test, script, text, touch, wait_until};
use serde_json::{Value, json};
use std::time::Duration;

/// How soon a killed agent must be seen as ended.
const END_IS_SEEN: Duration = Duration::from_secs(2);

fn kinds(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| text(event, "kind")).collect()
}

#[test]
fn a_session_appears_with_its_events_in_order_and_complete() -> Result<()> {
    sandbox_test(|sandbox| {
        let scene = Scene::new(sandbox)?;
        let claude = scene.claude()?;
        let session = scene.cli.wait_for_session(claude.pid(), "idle")?;
        assert_eq!(text(&session, "provider"), "claude");
        assert_eq!(text(&session, "cwd"), sandbox.work().to_string_lossy());
        assert_eq!(text(&session, "project"), "work");
        let id = text(&session, "id").to_owned();

        claude.prompt(&script(&json!([bash("echo one"), bash("touch mark"), "all done"])))?;
        let request = scene.cli.wait_for_request()?;
        let waiting = scene.cli.wait_for_session(claude.pid(), "waiting for permission")?;
        assert_eq!(text(&waiting, "id"), id);
        scene.cli.json(&["allow", text(&request, "id")])?;
        claude.wait_for_answer("all done")?;
        let session = scene.cli.wait_for_session(claude.pid(), "idle")?;

        let expected = [
            "session.started",
            "prompt.submitted",
            "tool.started",
            "tool.completed",
            "tool.batch",
            "tool.started",
            "permission.requested",
            "tool.completed",
            "tool.batch",
            "turn.ended",
        ];
        wait_until("the turn's last event", Duration::from_secs(5), || {
            (scene.cli.events(&id).ok()?.len() >= expected.len()).then_some(())
        })?;
        let events = scene.cli.events(&id)?;
        assert_eq!(kinds(&events), expected);
        let seqs: Vec<u64> = events.iter().filter_map(|event| event["seq"].as_u64()).collect();
        assert_eq!(seqs, (1..=expected.len() as u64).collect::<Vec<_>>(), "none is missing");
        let times: Vec<u64> = events.iter().filter_map(|event| event["received_at_ms"].as_u64()).collect();
        assert!(times.len() == events.len() && times.is_sorted(), "{times:?}");
        let theirs = claude.entry().context("Claude's registry entry")?.session_id;
        assert!(
            events.iter().all(|event| event["provider_session_id"] == *theirs && event["session"] == *id)
        );
        assert_eq!(events[2]["payload"]["tool_input"]["command"], "echo one");
        assert_eq!(events[3]["payload"]["tool_response"]["stdout"], "one");
        assert_eq!(events[3]["payload"]["tool_use_id"], events[2]["payload"]["tool_use_id"]);
        let turns: Vec<&Value> = events[1..].iter().map(|event| &event["turn"]).collect();
        assert!(turns[0].is_string() && turns.iter().all(|turn| *turn == turns[0]), "{turns:?}");

        assert_eq!(text(&session, "provider_session_id"), theirs);
        assert_eq!(session["requests"], json!([]));
        let evidence = scene.cli.json(&["why", &id])?["evidence"].clone();
        let evidence = evidence.as_array().context("no evidence")?;
        let sources: Vec<&str> = evidence.iter().map(|one| text(one, "source")).collect();
        assert!(sources.contains(&"hook") && sources.contains(&"registry"), "{evidence:#?}");
        assert!(
            evidence.iter().any(|one| one["decisive"] == true && one["state"] == "idle"),
            "{evidence:#?}"
        );

        let shown = scene.cli.run(&["show", &id])?.stdout;
        for words in ["echo one", "touch mark", "all done"] {
            assert!(shown.contains(words), "{words:?} is not in {shown}");
        }
        Ok(())
    })
}

#[test]
fn a_claude_that_was_there_before_is_found() -> Result<()> {
    sandbox_test(|sandbox| {
        let mut scene = Scene::without_app(sandbox)?;
        let claude = scene.claude()?;
        claude.prompt(&touch("before", "all done"))?;
        claude.wait_for_dialog()?;
        scene.start_app()?;
        // Its hook found no app, so there is no card, but it is known that it waits.
        let session = scene.cli.wait_for_session(claude.pid(), "waiting for permission")?;
        let theirs = claude.entry().context("Claude's registry entry")?.session_id;
        assert_eq!(text(&session, "provider_session_id"), theirs);
        assert!(scene.cli.rows(&["permissions"])?.is_empty());
        claude.terminal.type_text("1")?;
        claude.wait_for_answer("all done")?;
        let idle = scene.cli.wait_for_session(claude.pid(), "idle")?;
        assert_eq!(idle["id"], session["id"]);
        let all = scene.cli.rows(&["ls", "--all"])?;
        assert_eq!(all.len(), 1, "one Claude, one session: {all:#?}");
        Ok(())
    })
}

#[test]
fn killed_it_is_ended_within_two_seconds() -> Result<()> {
    sandbox_test(|sandbox| {
        let scene = Scene::new(sandbox)?;
        let mut claude = scene.claude()?;
        claude.prompt(&touch("mark", "all done"))?;
        let request = scene.cli.wait_for_request()?;
        claude.wait_for_dialog()?;
        let pid = claude.pid();
        claude.terminal.kill9()?;
        wait_until("the end to be seen", END_IS_SEEN, || {
            let all = scene.cli.rows(&["ls", "--all"]).ok()?;
            all.iter().any(|row| row["id"] == request["session"] && row["state"] == "ended").then_some(())
        })
        .with_context(|| format!("process {pid}: {:#?}", scene.cli.rows(&["ls", "--all"])))?;
        assert!(scene.cli.rows(&["ls"])?.is_empty());
        scene.cli.wait_for_request_state(text(&request, "id"), "agent gone")?;
        assert_eq!(scene.cli.run(&["allow", text(&request, "id")])?.code, 1);
        Ok(())
    })
}

#[test]
fn clear_begins_a_session_that_knows_its_parent() -> Result<()> {
    sandbox_test(|sandbox| {
        let scene = Scene::new(sandbox)?;
        let claude = scene.claude()?;
        claude.prompt(&script(&json!(["first done"])))?;
        claude.wait_for_answer("first done")?;
        let first = scene.cli.wait_for_session(claude.pid(), "idle")?;
        let theirs = claude.entry().context("Claude's registry entry")?.session_id;
        assert_eq!(text(&first, "provider_session_id"), theirs);
        claude.terminal.type_text("/clear")?;
        claude.terminal.wait_for_text("❯ /clear", Duration::from_secs(5))?;
        claude.terminal.press(magia_tests::Key::Enter)?;
        let next = scene.cli.wait_for_row("the session after /clear", &["ls"], |row| {
            row["process"]["pid"] == claude.pid() && row["parent"] == first["id"]
        })?;
        assert_ne!(next["provider_session_id"], theirs);
        scene.cli.wait_for_row("the first session's end", &["ls", "--all"], |row| {
            row["id"] == first["id"] && row["state"] == "ended"
        })?;
        claude.prompt(&script(&json!(["second done"])))?;
        claude.wait_for_answer("second done")?;
        let events = scene.cli.events(text(&next, "id"))?;
        assert_eq!(kinds(&events)[..2], ["session.started", "prompt.submitted"]);
        assert_eq!(scene.cli.rows(&["ls"])?.len(), 1);
        Ok(())
    })
}
