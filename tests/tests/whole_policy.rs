//! The policy, the answers of a person and the self-check by the real programs; a shell stands for the agent.

use anyhow::Result;
use magia_tests::{App, Cli, PATIENCE, Sandbox, ScriptedAgent, sandbox_test, text, wait_until};
use serde_json::{Value, json};
use std::fs;

/// The check of this id.
fn check(cli: Cli<'_>, id: &str) -> Result<(String, String)> {
    let checks = cli.rows(&["doctor"])?;
    let found = checks.iter().find(|check| check["id"] == *id);
    let found = found.ok_or_else(|| anyhow::anyhow!("no check {id}: {checks:#?}"))?;
    Ok((text(found, "status").to_owned(), text(found, "detail").to_owned()))
}

/// Waits until the policy that is followed says this; a saved one is read a moment later.
fn followed(cli: Cli<'_>, words: &str) -> Result<()> {
    wait_until(words, PATIENCE, || {
        cli.json(&["policy", "show"]).ok()?.to_string().contains(words).then_some(())
    })
}

/// Claude's own word for a process that works on a session.
fn register(sandbox: &Sandbox, process: &Value, session: &str) -> Result<()> {
    let dir = sandbox.home().join(".claude/sessions");
    fs::create_dir_all(&dir)?;
    let entry = json!({
        "pid": process["pid"], "procStart": process["start"].to_string(), "sessionId": session,
        "cwd": sandbox.work(), "startedAt": 1_800_000_000_000_u64, "kind": "interactive",
    });
    fs::write(dir.join(format!("{}.json", process["pid"])), entry.to_string())?;
    Ok(())
}

#[test]
fn doctor_says_where_our_list_is_not_the_agents_own() -> Result<()> {
    sandbox_test(|sandbox| {
        let (cli, _app) = (Cli::new(sandbox), App::start(sandbox)?);
        let mut agent = ScriptedAgent::start(sandbox, "agent-one")?;
        agent.begin("Tidy the cellar")?;
        let row = cli.wait_for_row("the session", &["ls"], |row| row["title"] == "Tidy the cellar")?;
        register(sandbox, &row["process"], "agent-one")?;
        assert_eq!(check(cli, "sessions.claude")?.0, "ok");
        assert_eq!(check(cli, "sessions.codex")?.0, "ok");

        // A SessionEnd that is not the end: the process lives, and Claude's file still names the session.
        agent.hook("SessionEnd", &json!({ "reason": "other" }))?;
        cli.wait_for_row("its end", &["ls", "--all"], |row| row["state"] == "ended")?;
        let (status, detail) = check(cli, "sessions.claude")?;
        assert_eq!(status, "warn", "{detail}");
        assert!(detail.contains(&format!("ended, but process {}", row["process"]["pid"])), "{detail}");

        let day = sandbox.home().join(".codex/sessions/2026/11/21");
        fs::create_dir_all(&day)?;
        let thread = "0199c5d0-7d3a-7c41-9d2b-1a2b3c4d5e6f";
        fs::write(day.join(format!("rollout-2026-11-21T10-00-00-{thread}.jsonl")), "{}\n")?;
        let (status, detail) = check(cli, "sessions.codex")?;
        assert_eq!(status, "warn", "{detail}");
        assert!(detail.contains(thread), "{detail}");
        Ok(())
    })
}

#[test]
fn rules_edited_inputs_and_a_dry_run_from_the_command_line() -> Result<()> {
    sandbox_test(|sandbox| {
        let (cli, _app) = (Cli::new(sandbox), App::start(sandbox)?);
        cli.json(&["policy", "tool", "Bash", "allow", "--prefix", "git status"])?;
        followed(cli, "git status")?;
        let mut agent = ScriptedAgent::start(sandbox, "agent-one")?;
        agent.begin("Build it")?;
        let command = |command: &str| json!({ "command": command, "description": "x" });

        let allowed = agent.ask("Bash", &command("git status -s"))?;
        assert_eq!(allowed.decision()?["behavior"], "allow");
        let hidden = agent.ask("Bash", &command("git status; rm -rf /nowhere"))?;
        let request = cli.wait_for_request()?;
        assert_eq!(text(&request, "policy"), "ask by preset default");
        cli.json(&["deny", text(&request, "id")])?;
        assert_eq!(hidden.decision()?["behavior"], "deny");

        let edited = agent.ask("Bash", &command("make"))?;
        let request = cli.wait_for_request()?;
        let id = text(&request, "id");
        let harmful = cli.run(&["allow", id, "--command", "rm -rf /nowhere"])?;
        assert_eq!(harmful.code, 1);
        assert!(harmful.stderr.contains("high risk") && harmful.stderr.contains("hint:"), "{harmful:?}");
        let reply = cli.json(&["allow", id, "--command", "make -n"])?;
        assert_eq!(reply["outcome"]["edited_input"], json!({ "command": "make -n", "description": "x" }));
        let told = edited.decision()?;
        assert_eq!(told["updatedInput"], json!({ "command": "make -n", "description": "x" }));

        let project = sandbox.work().to_string_lossy().into_owned();
        cli.json(&["policy", "preset", "dontAsk", "--workspace", &project])?;
        followed(cli, "dontAsk")?;
        let denied = agent.ask("Bash", &command("make"))?.decision()?;
        assert!(text(&denied, "message").contains(&format!("preset dontAsk of {project}")), "{denied}");
        let row = cli.wait_for_row("the session", &["ls"], |_| true)?;
        let why = cli.json(&["why", text(&row, "id")])?;
        assert!(why["claims"].to_string().contains("preset dontAsk"), "{why}");
        cli.json(&["policy", "preset", "none", "--workspace", &project])?;

        let trial = cli.json(&["policy", "try", "Bash(git status)", "--since", "1d"])?;
        assert_eq!((&trial["requests"], &trial["allowed"]), (&json!(4), &json!(1)));
        let trial = cli.json(&["policy", "try", "deny Bash(make)"])?;
        assert_eq!(trial["denied"], 2);
        assert_eq!(trial["allowed_by_person"].as_array().map(Vec::len), Some(1));
        assert_eq!(cli.json(&["policy", "show"])?["toolPermissions"][0]["commandPrefix"], "git status");
        assert!(cli.rows(&["policy", "risks"])?.len() > 20);
        let wrong = cli.run(&["policy", "try", "Bash"])?;
        assert!(wrong.code == 2 && wrong.stderr.contains("command prefix"), "{wrong:?}");
        Ok(())
    })
}
