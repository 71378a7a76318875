//! The real Claude Code, Codex and Gemini CLI send telemetry to the real app in every protocol that they have, and what it
//! counts is what the model's own log says.
//!
//! Needs `make agents`; `make test-agents` runs it.
#![allow(clippy::indexing_slicing, reason = "a test may fail")]

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use magia_tests::{
    App, Claude, Cli, Codex, Display, FakeModel, Gemini, Program, Sandbox, Scene, Vendor, Window,
    sandbox_test, script, steps, text, wait_until,
};
use serde_json::{Value, json};

/// Gemini takes seconds to start and tells all at its end, and tests run side by side.
const RUN: Duration = Duration::from_secs(180);
/// From an agent's end to the figures.
const TOLD: Duration = Duration::from_secs(30);

fn succeed(mut program: Program) -> Result<()> {
    let status = program.wait(RUN)?;
    ensure!(status.success(), "{status}: {}{}", program.stdout(), program.stderr());
    Ok(())
}

/// `http://127.0.0.1:PORT` of the app's receiver.
fn endpoint(cli: Cli<'_>) -> Result<String> {
    wait_until("a port for telemetry", TOLD, || {
        let info = cli.json(&["call", "get_otel_port"]).ok()?;
        info["endpoint"].as_str().map(str::to_owned)
    })
}

/// Tokens as they are counted: input, output, read from the cache, thought.
type Counted = [u64; 4];

/// Waits until one session of the agent comes to this, and gives it whole.
fn wait_for(cli: Cli<'_>, provider: &str, expected: Counted) -> Result<Value> {
    let found = || {
        let fleet = cli.json(&["metrics"]).ok()?;
        let sessions = fleet["sessions"].as_array()?.clone();
        sessions.into_iter().find(|row| {
            row["provider"] == provider && row["provider_session_id"].is_string() && counted(row) == expected
        })
    };
    let row = wait_until(&format!("{provider} to have told {expected:?}"), TOLD, found)
        .with_context(|| format!("metrics: {:#}", cli.json(&["metrics"]).unwrap_or_default()))?;
    cli.json(&["metrics", text(&row, "provider_session_id")])
}

fn counted(row: &Value) -> Counted {
    ["input_tokens", "output_tokens", "cache_read_tokens", "thought_tokens"]
        .map(|name| row[name].as_u64().unwrap_or_default())
}

/// The sum of what the model's log says.
fn sum(answered: &[Value], of: impl Fn(&Value) -> Counted) -> Counted {
    answered.iter().map(of).fold([0; 4], |mut all, one| {
        all.iter_mut().zip(one).for_each(|(all, one)| *all += one);
        all
    })
}

fn of_anthropic(usage: &Value) -> Counted {
    let get = |name: &str| usage[name].as_u64().unwrap_or_default();
    [get("input_tokens"), get("output_tokens"), get("cache_read_input_tokens"), 0]
}

fn of_openai(usage: &Value) -> Counted {
    let get = |path: &str| usage.pointer(path).and_then(Value::as_u64).unwrap_or_default();
    let cached = get("/input_tokens_details/cached_tokens");
    let thought = get("/output_tokens_details/reasoning_tokens");
    [get("/input_tokens") - cached, get("/output_tokens") - thought, cached, thought]
}

fn of_gemini(usage: &Value) -> Counted {
    let get = |name: &str| usage[name].as_u64().unwrap_or_default();
    [
        get("promptTokenCount"),
        get("candidatesTokenCount"),
        get("cachedContentTokenCount"),
        get("thoughtsTokenCount"),
    ]
}

/// Runs Claude and compares.
fn claude(sandbox: &Sandbox, cli: Cli<'_>, env: &[(&str, &str)], told_by: &str) -> Result<Value> {
    let model = FakeModel::start(sandbox)?;
    let claude = Claude::new(sandbox, &model)?.arg("--dangerously-skip-permissions");
    let claude = env.iter().fold(claude, |claude, (name, value)| claude.env(name, *value));
    let prompt = script(
        &json!([["Bash", { "command": "echo hi" }], { "text": "all done", "usage": { "input_tokens": 77 } }]),
    );
    succeed(claude.print("claude", &prompt)?)?;
    let answered = model.answered()?;
    ensure!(answered.len() >= 2, "{answered:?}");
    let expected = sum(&answered, of_anthropic);
    let info = wait_for(cli, "claude", expected)?;
    assert_eq!(text(&info, "source"), told_by, "{info:#}");
    assert_eq!(info["requests"], answered.len(), "{info:#}");
    // Source by source they come to the same.
    let usage = info["usage"].as_array().context("no usage")?;
    let by_source: u64 = usage.iter().filter_map(|row| row["input_tokens"].as_u64()).sum();
    assert_eq!(by_source, expected[0], "{info:#}");
    assert!(usage.iter().any(|row| text(row, "query_source") == "main"), "{usage:#?}");
    assert!(info["total_cost_usd"].as_f64().is_some_and(|cost| cost > 0.0), "{info:#}");
    let bash =
        info["tools"].as_array().and_then(|tools| tools.iter().find(|tool| tool["tool"] == "Bash").cloned());
    assert_eq!(bash.context("no Bash")?["calls"], 1);
    assert_eq!(info["prompts"].as_array().map(Vec::len), Some(1), "{info:#}");
    assert!(info["prompts"][0].get("text").is_none(), "no words of the prompt: {info:#}");
    Ok(info)
}

/// Claude's variables for a protocol.
fn variables<'a>(protocol: &'a str, endpoint: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("CLAUDE_CODE_ENABLE_TELEMETRY", "1"),
        ("OTEL_METRICS_EXPORTER", "otlp"),
        ("OTEL_LOGS_EXPORTER", "otlp"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint),
    ]
}

#[test]
fn claude_by_the_settings_that_magia_writes() -> Result<()> {
    sandbox_test(|sandbox| {
        let _app = App::start(sandbox)?;
        let cli = Cli::new(sandbox);
        endpoint(cli)?;
        let settings = sandbox.home().join(".claude/settings.json");
        fs::create_dir_all(sandbox.home().join(".claude"))?;
        let before = "{\n  \"env\": {\n    \"MINE\": \"1\"\n  }\n}\n";
        fs::write(&settings, before)?;
        let trial = cli.run(&["telemetry", "on", "--dry-run"])?;
        ensure!(trial.code == 0 && trial.stdout.contains("+"), "{trial:?}");
        assert_eq!(fs::read_to_string(&settings)?, before);
        let on = cli.json(&["telemetry", "on", "--traces"])?;
        assert_eq!((&on["changed"], text(&on["telemetry"], "state")), (&json!(true), "on"), "{on}");
        let info = claude(sandbox, cli, &[], "metrics")?;
        assert!(info["first_token_time"]["count"].as_u64().is_some_and(|count| count >= 2), "{info:#}");
        let spans = info["spans"].as_array().context("no spans")?;
        assert!(
            spans.iter().any(|span| text(span, "kind") == "tool" && text(span, "name") == "Bash"),
            "{spans:#?}"
        );
        let status = cli.rows(&["telemetry", "status"])?;
        assert_eq!(text(&status[0], "state"), "on", "{status:?}");
        cli.json(&["telemetry", "off"])?;
        assert_eq!(fs::read_to_string(&settings)?, before);
        Ok(())
    })
}

#[test]
fn claude_by_grpc() -> Result<()> {
    sandbox_test(|sandbox| {
        let _app = App::start(sandbox)?;
        let cli = Cli::new(sandbox);
        let endpoint = endpoint(cli)?;
        claude(sandbox, cli, &variables("grpc", &endpoint), "metrics").map(drop)
    })
}

#[test]
fn claude_by_json() -> Result<()> {
    sandbox_test(|sandbox| {
        let _app = App::start(sandbox)?;
        let cli = Cli::new(sandbox);
        let endpoint = endpoint(cli)?;
        claude(sandbox, cli, &variables("http/json", &endpoint), "metrics").map(drop)
    })
}

#[test]
fn the_timeline_says_what_a_prompt_of_claude_has_used() -> Result<()> {
    sandbox_test(|sandbox| {
        let scene = Scene::without_app(sandbox)?;
        let cli = scene.cli;
        let display = Display::start(sandbox)?;
        let window = Window::start(sandbox, &display)?;
        window.wait_for("Button", "Skip the welcome")?;
        let endpoint = endpoint(cli)?;
        let mut env = variables("http/protobuf", &endpoint);
        env.extend([("OTEL_METRIC_EXPORT_INTERVAL", "500"), ("OTEL_LOGS_EXPORT_INTERVAL", "500")]);
        let agent = scene.agent()?;
        let claude =
            env.iter().fold(agent, |claude, (name, value)| claude.env(name, *value)).interactive("claude")?;
        let session = cli.wait_for_session(claude.pid(), "idle")?;
        let before = scene.model.answered()?.len();
        let shown = json!({ "session": text(&session, "id") });
        cli.json(&["call", "open_window", &shown.to_string()])?;
        // Reading in its own directory is not asked about.
        let file = sandbox.work().join("a.txt");
        fs::write(&file, "one\n")?;
        let end = json!({ "text": "all done", "usage": { "input_tokens": 77 } });
        let steps = json!([["Read", { "file_path": file }], end]);
        claude.prompt(&script(&steps))?;
        claude.wait_for_answer("all done")?;
        cli.wait_for_session(claude.pid(), "idle")?;

        // What the model's own log says of it. One request may be for the session's title, which is no part of the prompt.
        let answered = scene.model.answered()?.split_off(before);
        let all = sum(&answered, of_anthropic);
        ensure!(
            matches!(answered.len(), 2 | 3) && all[0] == answered.len() as u64 * 100 - 23,
            "{answered:#?}"
        );
        let id = text(&session, "id");
        let told = || {
            let info = cli.json(&["metrics", id]).ok()?;
            let prompt = info["prompts"].get(0)?.clone();
            let requests = prompt["requests"].as_u64().filter(|requests| *requests >= 2)?;
            let others = answered.len() as u64 - requests;
            // Another request has the usage that the model gives by itself.
            let (input, output) = (all[0] + all[2] - others * 150, all[1] - others * 20);
            let is_all = info["requests"] == answered.len() && counted(&info) == all;
            let is_its =
                prompt["input_tokens"] == input && prompt["output_tokens"] == output && prompt["tools"] == 1;
            (is_all && is_its).then_some((prompt, requests, input, output))
        };
        let (prompt, requests, input, output) = wait_until("all requests", TOLD, told)
            .with_context(|| format!("metrics: {:#}", cli.json(&["metrics", id]).unwrap_or_default()))?;
        let cost = prompt["cost_usd"].as_f64().context("no cost")?;
        ensure!(cost > 0.0 && cost < 0.1, "{prompt:#}");
        // It is the turn that the hooks name.
        let events = cli.events(id)?;
        let begun = events.iter().find(|event| event["kind"] == "prompt.submitted").context("no prompt")?;
        assert_eq!(begun["turn"], prompt["id"], "{begun:#}");
        // And under the prompt in the window.
        let words = format!("{requests} requests · {input} in · {output} out · 1 tool call in ");
        let shown = window.wait_for_text(&words)?;
        ensure!(format!("{}{}", shown.label, shown.value).contains(&format!(" · ${cost:.4}")), "{shown:?}");
        Ok(())
    })
}

/// Runs Codex, whose settings are as wanted, and compares.
fn codex(sandbox: &Sandbox, cli: Cli<'_>, model: &FakeModel, codex: &Codex<'_>) -> Result<()> {
    let prompt = steps(&[r#"tool:exec_command {"cmd":"true"}"#, "say:done"]);
    succeed(codex.exec("codex", &prompt)?)?;
    let expected = sum(&model.answered()?, of_openai);
    let info = wait_for(cli, "codex", expected)?;
    ensure!(expected[0] > 0 && sandbox.root().exists(), "{info:#}");
    let tools = info["tools"].as_array().context("no tools")?;
    assert!(tools.iter().any(|tool| text(tool, "tool") == "exec_command"), "{info:#}");
    assert!(info["first_token_time"]["count"].as_u64().is_some_and(|count| count >= 1), "{info:#}");
    // Its metrics name no session, and are there for the program as a whole.
    wait_until("Codex's metrics", TOLD, || {
        let fleet = cli.json(&["metrics"]).ok()?;
        let whole = |row: &&Value| row["provider"] == "codex" && row["provider_session_id"].is_null();
        let whole = fleet["sessions"].as_array()?.iter().find(whole)?.clone();
        (counted(&whole)[0] > 0).then_some(())
    })
    .with_context(|| format!("metrics: {:#}", cli.json(&["metrics"]).unwrap_or_default()))?;
    let fleet = cli.json(&["metrics"])?;
    assert_eq!(counted(&fleet), expected, "the whole is not counted beside its sessions: {fleet:#}");
    Ok(())
}

#[test]
fn codex_by_the_settings_that_magia_writes() -> Result<()> {
    sandbox_test(|sandbox| {
        let _app = App::start(sandbox)?;
        let cli = Cli::new(sandbox);
        endpoint(cli)?;
        let model = FakeModel::of(sandbox, Vendor::OpenAi)?;
        let agent = Codex::new(sandbox, &model)?;
        let config = agent.home().join("config.toml");
        let before = fs::read_to_string(&config)?;
        let home = agent.home().to_string_lossy().into_owned();
        let on = cli.json(&["telemetry", "on", "codex", "--home", &home])?;
        assert_eq!(text(&on["telemetry"], "state"), "on", "{on}");
        codex(sandbox, cli, &model, &agent)?;
        cli.json(&["telemetry", "off", "codex", "--home", &home])?;
        assert_eq!(fs::read_to_string(&config)?, before);
        Ok(())
    })
}

#[test]
fn codex_by_json_and_by_grpc() -> Result<()> {
    for exporter in [
        "otlp-http = { endpoint = \"URL/v1/SIGNAL\", protocol = \"json\" }",
        "otlp-grpc = { endpoint = \"URL\" }",
    ] {
        sandbox_test(|sandbox| {
            let _app = App::start(sandbox)?;
            let cli = Cli::new(sandbox);
            let url = endpoint(cli)?;
            let model = FakeModel::of(sandbox, Vendor::OpenAi)?;
            let agent = Codex::new(sandbox, &model)?;
            let of = |signal: &str| exporter.replace("URL", &url).replace("SIGNAL", signal);
            agent.configure(&format!(
                "\n[otel]\nexporter = {{ {} }}\nmetrics_exporter = {{ {} }}\n",
                of("logs"),
                of("metrics")
            ))?;
            codex(sandbox, cli, &model, &agent)
        })?;
    }
    Ok(())
}

/// Runs Gemini, whose settings are as wanted, and compares.
fn gemini(cli: Cli<'_>, model: &FakeModel, gemini: &Gemini<'_>) -> Result<()> {
    let prompt = steps(&[r#"tool:run_shell_command {"command":"true","description":"x"}"#, "say:done"]);
    succeed(gemini.print("gemini", &prompt)?)?;
    let expected = sum(&model.answered()?, of_gemini);
    ensure!(expected[0] > 0);
    let info = wait_for(cli, "gemini", expected)?;
    let tools = info["tools"].as_array().context("no tools")?;
    assert!(tools.iter().any(|tool| text(tool, "tool") == "run_shell_command"), "{info:#}");
    assert!(info["request_time"]["count"].as_u64().is_some_and(|count| count >= 2), "{info:#}");
    Ok(())
}

#[test]
fn gemini_by_the_settings_that_magia_writes() -> Result<()> {
    sandbox_test(|sandbox| {
        let _app = App::start(sandbox)?;
        let cli = Cli::new(sandbox);
        endpoint(cli)?;
        let model = FakeModel::of(sandbox, Vendor::Gemini)?;
        let agent = Gemini::new(sandbox, &model)?.arg("-y");
        let settings = sandbox.home().join(".gemini/settings.json");
        let before = fs::read_to_string(&settings)?;
        let on = cli.json(&["telemetry", "on", "gemini"])?;
        assert_eq!(text(&on["telemetry"], "state"), "on", "{on}");
        gemini(cli, &model, &agent)?;
        cli.json(&["telemetry", "off", "gemini"])?;
        assert_eq!(fs::read_to_string(&settings)?, before);
        Ok(())
    })
}

#[test]
fn gemini_by_grpc() -> Result<()> {
    sandbox_test(|sandbox| {
        let _app = App::start(sandbox)?;
        let cli = Cli::new(sandbox);
        let url = endpoint(cli)?;
        let model = FakeModel::of(sandbox, Vendor::Gemini)?;
        let agent = Gemini::new(sandbox, &model)?
            .arg("-y")
            .env("GEMINI_TELEMETRY_ENABLED", Some("true"))
            .env("GEMINI_TELEMETRY_TARGET", Some("local"))
            .env("GEMINI_TELEMETRY_OTLP_PROTOCOL", Some("grpc"))
            .env("GEMINI_TELEMETRY_OTLP_ENDPOINT", Some(&url));
        gemini(cli, &model, &agent)
    })
}
